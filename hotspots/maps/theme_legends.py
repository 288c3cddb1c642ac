"""The legend of each theme: title, unit, data years, classes and notes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hotspots.locale import has_text, text
from hotspots.maps.classes import Classes
from hotspots.maps.themes import Theme, note, unit

if TYPE_CHECKING:
    from hotspots.edition.edition import Edition

_FORMULA = re.compile(r"^## Formula\s+```text\n(.*?)\n```", re.DOTALL | re.MULTILINE)
_YEARS = re.compile(r"\d{4}([-–]\d{4})?")


@dataclass(frozen=True)
class Legend:
    """Content of a theme's legend in the panel; plain text, escaped by the template.

    A class may have two colours, full and paler; `key_line` explains them.
    """

    key: str
    group: str
    title: str
    unit: str
    years: str
    note: str
    key_line: str
    classes: list[tuple[list[str], str]]
    bare: str
    empty: bool
    method: str
    formula: str


def legend_of(theme: Theme, classes: Classes, edition: Edition, lang: str) -> Legend:
    """Return the legend of a theme.

    Steps of a scale are listed from high to low; of named classes, those that occur.

    Parameters
    ----------
    theme : Theme
        Theme of the map, with its key, group and layer.
    classes : Classes
        The theme's layer in classes: codes (rows, columns), 0 for no class, with the colour and
        label of each class.
    edition : Edition
        Edition mapped, which gives the unit and the years of the data.
    lang : str
        Language of the legend: "en", "fr" or "es".
    """
    present = set(np.unique(classes.codes).tolist())
    colours: dict[str, list[str]] = {label: [] for label in classes.labels}
    for code, (colour, label) in enumerate(zip(classes.colours, classes.labels, strict=True), 1):
        if classes.is_scale or code in present:
            colours[label].append(colour)
    rows = [(shown, label) for label, shown in colours.items() if shown]
    if classes.is_scale:
        rows.reverse()
    method, formula = method_of(theme.key)
    return Legend(
        key=theme.key,
        group=theme.group,
        title=text(f"theme.{theme.key}.title", lang),
        unit=unit(theme, edition, lang),
        years=data_years(theme, edition, lang),
        note=note(theme, edition, lang),
        key_line=classes.key,
        classes=rows,
        bare=text(f"legend.{theme.bare}" + "_region" * is_region(edition), lang),
        empty=present <= {0},
        method=method,
        formula=formula,
    )


def is_region(edition: Edition) -> bool:
    """Return whether an edition covers a part of the world only."""
    return str(edition.manifest.get("region") or "world") != "world"


def method_of(layer: str) -> tuple[str, str]:
    """Return the id and the formula of a layer's method card, "" without a card.

    Of several cards it is the one with the fewest layers.
    """
    from hotspots.edition.methods.cards import card, entries

    cards = [entry for entry in entries().values() if layer in entry.gives]
    if not cards:
        return "", ""
    found = min(cards, key=lambda entry: len(entry.gives)).id
    formula = _FORMULA.search(card(found))
    return found, formula[1] if formula else ""


def data_years(theme: Theme, edition: Edition, lang: str) -> str:
    """Return "Data of …": the years of the inputs of a theme, and the soil depth."""
    inputs = {n: provenance(n, edition) for n in theme.inputs(edition.recipe)}
    years: dict[str, list[str]] = {}
    for name, row in inputs.items():
        if year_of(row):
            years.setdefault(_short(name, lang), []).append(year_of(row))
    dated = [f"{label} {', '.join(given)}" for label, given in years.items()]
    between = text("format.semicolon", lang)
    parts = [text("legend.data_year", lang, years=between.join(dated))] if dated else []
    depths = {str(row["depth_cm"]) for row in inputs.values() if row.get("depth_cm")}
    parts += [text("legend.depth", lang, depth=d.replace("-", "–")) for d in sorted(depths)]
    return between.join(parts)


def provenance(name: str, edition: Edition) -> Mapping[str, object]:
    """Return the provenance of an input: the raster's attributes, updated by the manifest."""
    attrs = dict(edition.rasters[name].attrs) if name in edition.rasters else {}
    return attrs | dict(edition.manifest.get("inputs", {}).get(name, {}))


def year_of(row: Mapping[str, object]) -> str:
    """Return the year or the period of an input, "" if it isn't given in digits."""
    for key in ("period", "year"):
        years = str(row.get(key, ""))
        if _YEARS.fullmatch(years):
            return years.replace("-", "–")
    return ""


def variable_label(name: str, lang: str) -> str:
    """Return the label of a layer, or its name where the catalogues have none."""
    key = f"variable.{name}"
    return text(key, lang) if has_text(key) else name.replace("_", " ")


def _short(name: str, lang: str) -> str:
    key = f"variable_short.{name}"
    return text(key, lang) if has_text(key) else variable_label(name, lang)
