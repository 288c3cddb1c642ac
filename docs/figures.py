"""Write the generated blocks of the documentation, so that no figure in it is typed by hand.

Run with ``python docs/figures.py`` after a change that moves numbers. A block stands between
``<!-- NAME:start -->`` and ``<!-- NAME:end -->``; tests/test_docs.py compares each with what the
code gives. docs/sources.md and the method cards in docs/methods/ are written whole. The block
of coasts and the validation's table need the reference folder (HOTSPOTS_SHARED) and are left as
they are where that is absent.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Callable
from functools import cache
from itertools import takewhile
from pathlib import Path

import numpy as np
from pydantic_settings import BaseSettings

import hotspots as hs
from hotspots import config
from hotspots.edition.edition import Edition
from hotspots.edition.methods.cards import write_cards
from hotspots.ingest.sample_build import catalogue
from hotspots.ingest.sources import cards
from hotspots.layers.variables import HOT_CLASSES, HOTSPOT_CLASSES
from hotspots.registry.gazetteer import ATTRIBUTION
from hotspots.registry.schema.fields import TYPES, fields
from hotspots.reports.summary import summary_lines

REPO = Path(__file__).resolve().parents[1]
README = "README.md"
ARCHITECTURE = "docs/architecture.md"
REGISTRY = "docs/registry.md"
SECURITY = "docs/security.md"
SETTINGS = "docs/settings.md"
CARDS = REPO / "docs" / "methods"
SOURCES = REPO / "docs" / "sources.md"
VALIDATION = REPO / "hotspots" / "edition" / "methods" / "validation_table.md"


@cache
def world() -> Edition:
    """Return the edition of the default recipe on the sample."""
    return hs.analyze(hs.sample())


def figures() -> str:
    """Return what `hotspots demo` prints of the world, up to its tables."""
    lines = summary_lines(world())
    told = "\n".join(takewhile(lambda line: not line.startswith("\nFirst units"), lines))
    return f"```text\n{told.strip()}\n```"


def definition() -> str:
    """Return what makes a cell hot, in the numbers of the default recipe."""
    recipe = hs.Recipe()
    hot, land, gi = recipe.hotspots, recipe.eligibility, recipe.clusters
    return "\n".join(
        [
            f"- Ranked land: managed land is at least {land.min_managed_share:.0%} of the cell's"
            f" land; not polar; at least {land.hyper_arid_precipitation:g} mm of rain a year; not"
            f" organic soil (a stock above {land.organic_stock:g} t C/ha).",
            f"- A ranked cell is hot for gain if its own potential is in the top"
            f" {hot.top_share:.0%} of the ranked managed hectares *and* at least"
            f" {hot.gain_threshold:g} t C/ha/yr; hot for loss if its own modelled loss is in the"
            f" top {hot.top_share:.0%} *and* at least {hot.loss_threshold:g} t C/ha/yr.",
            f"- It stays hot only in a patch of at least {hot.min_patch_cells} touching cells *and*"
            f" {hot.min_patch_area_km2:,.0f} km² of land.",
            f"- Beside it, not in it: Gi* within {gi.radius_km:g} km at a false discovery rate of"
            f" {gi.alpha:.0%}.",
        ]
    )


def errors() -> str:
    """Return how sure the world's figures are: intervals, and what of the hot land is stable."""
    edition, choice = world(), hs.Recipe().uncertainty
    row = edition.table.loc["world"]
    middle, low, high = (
        row[name] / 1e9
        for name in ("potential_ipcc_tier1_total", "potential_low_t_yr", "potential_high_t_yr")
    )
    spread = [row[f"potential_{name}_total"] / 1e9 for name in ("lowest", "median", "highest")]
    hot = [code for code, name in HOTSPOT_CLASSES.items() if name in HOT_CLASSES]
    called, stable = (
        int(np.isin(edition.rasters[name].values, hot).sum())
        for name in ("hotspot_class", "hotspot_class_stable")
    )
    return "\n".join(
        [
            f"- The errors of stock and factors are carried into totals and ranks: the potential is"
            f" {middle:.2f} Pg C/yr, and {choice.level:.0%} of {choice.draws} draws lie between"
            f" {low:.2f} and {high:.2f}. Of the methods compared, cell by cell, the lowest add up"
            f" to {spread[0]:.2f}, the medians to {spread[1]:.2f} and the highest to"
            f" {spread[2]:.2f} Pg C/yr.",
            f"- The map's classes go by the best estimate: it calls {called:,} cells hot. In"
            f" {hs.Recipe().hotspots.stability:.0%} of the draws over errors *and* methods,"
            f" {stable:,} of them are still hot: the map's error is given for points, not for"
            " cells, and the methods rank the land differently"
            " ([why, and how to gate the map](docs/methods/hotspots.md)).",
        ]
    )


def sources() -> str:
    """Return the table of the sample's data sets, from the catalogue that builds the sample."""
    told = catalogue()
    rows = ["| Data set | Used for | Licence | Citation |", "|---|---|---|---|"]
    for key, data_set in told["data_sets"].items():
        names = [
            name
            for name, row in told["variables"].items()
            if told["originals"][row["originals"][0]]["data_set"] == key
        ]
        used = ", ".join(f"`{n}`" for n in names if not n.endswith("_valid_share"))
        rows.append(
            f"| [{data_set['title']}]({data_set['url']}) | {used} | {data_set['licence']}"
            f" | {data_set['citation']} |"
        )
    return "\n".join(rows)


def coasts() -> str | None:
    """Return what benchmarks/coast.py prints, or None where the originals are absent."""
    originals = Path(os.environ.get("HOTSPOTS_SHARED") or REPO.parent / "shared") / "data"
    if not originals.is_dir():
        return None
    sys.path.insert(0, str(REPO))
    from benchmarks.coast import report

    return f"```text\n{report(originals)}\n```"


def evidence() -> str | None:
    """Return what docs/validation.py gives, or None where the originals are absent."""
    spec = importlib.util.spec_from_file_location("docs_validation", REPO / "docs/validation.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    table: str | None = module.evidence_table()
    return table


def record_fields() -> str:
    """Return the table of a record's fields, from the one that the registry works by."""
    rows = ["| Field | Heading (EN, FR, ES) | Of | Kind | What to write |", "|---|---|---|---|---|"]
    for field in fields().values():
        kinds = "all" if len(field.types) == len(TYPES) else ", ".join(sorted(field.types))
        kind = field.kind + (f" ({field.vocabulary})" if field.vocabulary else "")
        must = " *" if field.required else ""
        headings = ", ".join(field.label.values())
        told = field.help.get("en", "")
        rows.append(f"| `{field.name}`{must} | {headings} | {kinds} | {kind} | {told} |")
    return "\n".join([*rows, "", "\\* of these types a record can't be without it."])


def settings(*groups: type[BaseSettings]) -> str:
    """Return the table of settings, or of limits, that are read from the environment."""
    rows = ["| Variable | Default | Meaning |", "|---|---|---|"]
    for group in groups:
        for name, field in group.model_fields.items():
            others = [f"`{v}`" for v in config.variables(group, name)]
            is_number = isinstance(field.default, int | float)
            default = f"{field.default:,}" if is_number else str(field.default or "")
            if isinstance(field.default, bool):
                default = "1" if field.default else "0"
            meaning = " ".join((field.description or "").split())
            rows.append(f"| {', else '.join(others)} | {default} | {meaning} |")
    return "\n".join(rows)


# name of the block -> (the file it stands in, what gives its text)
BLOCKS: dict[str, tuple[str, Callable[[], str | None]]] = {
    "figures": (README, figures),
    "definition": (README, definition),
    "errors": (README, errors),
    "sources": (README, sources),
    "coasts": (ARCHITECTURE, coasts),
    "attribution": (REGISTRY, lambda: ATTRIBUTION),
    "fields": (REGISTRY, record_fields),
    "settings": (SETTINGS, lambda: settings(config.Settings)),
    "service": (SETTINGS, lambda: settings(config.ServiceLimits)),
    "limits": (SECURITY, lambda: settings(config.Limits)),
}


def block_pattern(name: str) -> re.Pattern[str]:
    """Return the pattern of a block; its group "text" is what stands between the marks."""
    return re.compile(
        rf"(<!-- {name}:start -->\n)(?P<text>.*?)(<!-- {name}:end -->)", flags=re.DOTALL
    )


def main() -> None:
    """Rewrite every block whose text can be computed here."""
    for name, (file, text_of) in BLOCKS.items():
        text = text_of()
        if text is None:
            print(f"{name}: left as it is, the originals are absent")
            continue
        path = REPO / file
        before = path.read_text(encoding="utf-8")
        pattern = block_pattern(name)
        if not pattern.search(before):
            raise SystemExit(f"{file} has no block '{name}'.")
        new = pattern.sub(lambda found, new=text: f"{found[1]}{new}\n{found[3]}", before)
        path.write_text(new, encoding="utf-8")
        print(f"{name}: {'unchanged' if new == before else 'rewritten'} in {file}")
    if (table := evidence()) is None:
        print("validation: left as it is, the originals are absent")
    else:
        VALIDATION.write_text(f"{table}\n", encoding="utf-8")
    SOURCES.parent.mkdir(exist_ok=True)
    SOURCES.write_text(cards.markdown(), encoding="utf-8")
    print("docs/sources.md written")
    print(f"{len(write_cards(CARDS))} method cards written to {CARDS.relative_to(REPO)}")


if __name__ == "__main__":
    main()
