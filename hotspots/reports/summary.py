"""The plain-text summary printed by the command line: figures with units, then the first rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from hotspots.edition.caveats import CAVEATS
from hotspots.edition.scenario import scenario
from hotspots.edition.tables.region_weights import WHOLE
from hotspots.locale import code_label, fixed, number, text
from hotspots.locale.escaping import one_line, visible

if TYPE_CHECKING:
    from hotspots.edition.edition import Edition
    from hotspots.edition.manifest import Figures

_ROWS = 10
_WIDTH = 52  # of a label
_UNIT_COLUMNS = (
    "unit", "class", "potential", "per_mille", "ranked", "interval", "ranks", "rank",
)  # fmt: skip
# Status of a method in a manifest -> its message.
_STATUSES = {"run": "run", "given": "given", "no data": "no_data", "skipped": "skipped"}


def summary_lines(edition: Edition, lang: str = "en") -> Iterator[str]:
    """Yield the lines of an edition's summary; figures that weren't computed are left out.

    Notes and licence notices of the manifest are in English in every language.
    """
    figures = edition.summary
    yield ""
    area = _area(figures["land_mha"], lang)
    yield _text("soil", lang, place=one_line(_place(edition, lang)), area=area)
    yield from _figures(edition, lang)
    yield from _hot(edition, lang)
    yield _methods(edition, lang)
    yield from (_text("note", lang, text=one_line(n)) for n in edition.manifest["notes"])
    yield from (
        _text("licences", lang, text=one_line(notice))
        for notice in edition.manifest.get("licence_notices", [])
    )
    if len(edition.units):
        yield "\n" + _text("units_first" if len(edition.units) > 1 else "units_only", lang)
        yield _first_units(edition.units, lang)
    if "rank" in edition.table:
        yield from _first_regions(edition, lang)
    yield _row_counts(edition.table, lang)
    yield from (f"- {one_line(caveat)}" for caveat in _caveats(edition, lang))


def _text(key: str, lang: str, **values: object) -> str:
    # A terminal doesn't break lines at blanks, and is searched for plain ones.
    return text(f"summary.{key}", lang, **values).replace("\N{NO-BREAK SPACE}", " ")


def _place(edition: Edition, lang: str) -> str:
    """Return the region's name and id, as requested."""
    region = str(edition.manifest["region"])
    if region not in edition.table.index:
        return _text("region", lang, id=region)
    name = edition.table[f"name_{lang}"].to_dict()[region]
    return str(name) if region == WHOLE else f"{name} ({region})"


def _area(mha: float | None, lang: str) -> str:
    """Return an area given in Mha in a suitable unit."""
    if mha is None or mha >= 1:
        return f"{_number(mha, 1, lang)} Mha"
    # 1 Mha = 1e3 kha = 1e6 ha.
    if mha >= 1e-3:
        return f"{_number(1e3 * mha, 1, lang)} kha"
    return f"{_number(1e6 * mha, 0, lang)} ha"


def _caveats(edition: Edition, lang: str) -> list[str]:
    """Return the caveats in the order of their list, which a saved edition doesn't preserve."""
    held = edition.manifest["caveats"]
    return [
        text(f"caveat.{key}", lang) if lang != "en" else held[key]
        for key in CAVEATS
        if held.get(key)
    ]


def _figures(edition: Edition, lang: str) -> Iterator[str]:
    figures = edition.summary
    depth = f", {edition.stock_depth} cm" if edition.stock_depth else ""
    rate = _text("rate", lang, value=number(100 * edition.recipe.target.rate, lang))

    def rows(**labelled: str) -> Iterator[str]:
        """Yield rows of comparable amounts, in one unit that suits the largest."""
        known = {k: v for k in labelled if (v := figures.get(k)) is not None}
        scale, unit = _mass_unit(max(map(abs, known.values()), default=0))
        for key, value in known.items():
            per = _text("per_year", lang) if key.endswith("_yr") else ""
            yield f"  {labelled[key]:<{_WIDTH}}{_number(value * scale, 2, lang):>10} {unit}{per}"

    yield from rows(stock_pg=_text("stock", lang, depth=depth), deficit_pg=_text("deficit", lang))
    if figures.get("potential_pg_yr") is not None:
        yield f"  {one_line(_scenario(edition, lang))}"
    leading = edition.recipe.methods.ranking_potential
    plain = leading == "potential_ipcc_tier1"
    label = _text("potential" if plain else "potential_by", lang, name=leading)
    yield from rows(potential_pg_yr=f"  {label}")
    yield from _ranges(edition, lang)
    yield from rows(yardstick_pg_yr=f"  {_text('yardstick', lang, rate=rate)}")
    if figures.get("potential_per_mille_yr") is not None:
        per_mille = _number(figures["potential_per_mille_yr"], 1, lang)
        label = _text("per_stock", lang)
        yield f"    {label:<{_WIDTH - 2}}{per_mille:>10} ‰{_text('per_year', lang)}"
    yield from rows(
        gross_loss_pg_yr=_text("gross_loss", lang),
        gross_gain_pg_yr=_text("gross_gain", lang),
        net_change_pg_yr=_text("net_change", lang),
    )
    if figures.get("no_detectable_change_share_of_land") is not None:
        share = _share(figures["no_detectable_change_share_of_land"], lang)
        yield f"  {_text('undetected', lang, share=share)}"


def _scenario(edition: Edition, lang: str) -> str:
    return edition.manifest["scenario"] if lang == "en" else scenario(edition.recipe, lang)


def _ranges(edition: Edition, lang: str) -> Iterator[str]:
    """Yield the uncertainty of the potential: by errors, and by method."""
    figures, level = edition.summary, 100 * edition.recipe.uncertainty.level
    for label, ends in (
        (
            _text("interval", lang, level=f"{level:g}"),
            ("potential_low_pg_yr", "potential_high_pg_yr"),
        ),
        (_text("range", lang), ("potential_lowest_pg_yr", "potential_highest_pg_yr")),
    ):
        low, high = (figures.get(key) for key in ends)
        if low is not None and high is not None:
            scale, unit = _mass_unit(max(abs(low), abs(high)))
            amounts = _text(
                "from_to",
                lang,
                low=_number(low * scale, 2, lang),
                high=_number(high * scale, 2, lang),
            )
            yield f"    {label:<{_WIDTH - 8}}{amounts:>16} {unit}{_text('per_year', lang)}"


def _stable(edition: Edition, lang: str) -> Iterator[str]:
    """Yield the share of the land that stays hot over the draws."""
    share = edition.summary.get("stable_hot_share_of_ranked")
    if share is None or not edition.summary.get("hot_share_of_ranked"):
        return
    median = edition.summary.get("hot_stability_median")
    key = "stable" if median is None else "stable_half"
    level = f"{100 * edition.recipe.hotspots.stability:g}"
    said = _text(key, lang, share=_share(share, lang), level=level, half=_share(median, lang))
    yield f"  {said}"


def _methods(edition: Edition, lang: str) -> str:
    """Return the numbers of methods by state."""
    states = [row["status"] for row in edition.manifest["methods"]]
    parts = [
        _text(f"status_{key}", lang, count=count)
        for status, key in _STATUSES.items()
        if (count := states.count(status))
    ]
    return "\n" + _text("methods", lang, parts=", ".join(parts))


def _mass_unit(pg: float) -> tuple[float, str]:
    """Return the factor from Pg C, and the unit, suited to an amount."""
    if pg >= 0.1:
        return 1, "Pg C"
    # 1 Pg = 1e3 Tg = 1e6 Gg.
    return (1e3, "Tg C") if pg >= 1e-4 else (1e6, "Gg C")


def _hot(edition: Edition, lang: str) -> Iterator[str]:
    figures = edition.summary
    if figures.get("hot_share_of_ranked") is None:
        return
    area = _area(figures["ranked_managed_mha"], lang)
    if not figures["hot_share_of_ranked"]:
        yield "\n" + _text("hot_none", lang, area=area)
        yield from _clusters(figures, lang)
        return
    loss = figures.get("hot_share_of_gross_loss")
    yield "\n" + _text(
        "hot" if loss is None else "hot_and_loss",
        lang,
        share=_share(figures["hot_share_of_ranked"], lang),
        area=area,
        potential=_share(figures.get("hot_share_of_potential"), lang),
        loss=_share(loss, lang),
    )
    yield from _stable(edition, lang)
    yield from _clusters(figures, lang)


def _clusters(figures: Figures, lang: str) -> Iterator[str]:
    """Yield what Gi* alone would have called hot."""
    for axis in ("potential", "loss"):
        if figures.get(f"gi_star_alone_{axis}") is not None:
            raw = _share(figures[f"gi_star_alone_{axis}_raw"], lang)
            residual = _share(figures[f"gi_star_alone_{axis}"], lang)
            yield f"  {_text(f'clusters_{axis}', lang, raw=raw, residual=residual)}"


def _first_units(units: pd.DataFrame, lang: str) -> str:
    head = {key: _text(f"column.{key}", lang) for key in _UNIT_COLUMNS}
    zones = [code_label("zone", zone, lang) for zone in units["climate_zone"]]
    if lang == "en":
        zones = [str(zone).replace("_", " ") for zone in units["climate_zone"]]
    shown = pd.DataFrame(
        {
            head["unit"]: units[f"name_{lang}"] + ", " + pd.Series(zones, index=units.index),
            head["class"]: [_class(code, lang) for code in units["class"]],
            head["potential"]: _aligned(units["potential_t_yr"] / 1e3, lang=lang),
            head["per_mille"]: _plain(units["potential_per_mille"], 1, lang),
            head["ranked"]: _aligned(units["ranked_managed_ha"] / 1e6, 2, lang=lang),
        }
    )
    if "rank_low" in units:
        low, high = units["potential_low_t_yr"] / 1e3, units["potential_high_t_yr"] / 1e3
        ends = _aligned(pd.concat([low, high]), lang=lang)
        to = _text("to", lang)
        interval = ends.iloc[: len(units)] + f" {to} " + ends.iloc[len(units) :]
        shown.insert(3, head["interval"], interval)
        ranks = units[["rank_low", "rank_high"]].map("{:.0f}".format)
        shown.insert(0, head["ranks"], ranks["rank_low"] + "-" + ranks["rank_high"])
    if len(units) > 1:
        shown.insert(0, head["rank"], units["rank"])
    elif head["ranks"] in shown:
        shown = shown.drop(columns=head["ranks"])
    return visible(shown.head(_ROWS).to_string(index=False))


def _class(code: object, lang: str) -> str:
    """Return a class by its code in English, by the first word of its label elsewhere."""
    return (
        str(code)
        if lang == "en"
        else code_label("class", code, lang).partition(" :")[0].partition(":")[0]
    )


def _first_regions(edition: Edition, lang: str) -> Iterator[str]:
    potential = edition.recipe.methods.ranking_potential
    rows = _listed(edition.table).sort_values("rank")
    if list(rows.index) == [edition.manifest["region"]]:
        return  # its numbers are those of the whole area, which stand above
    rows = rows[rows[f"{potential}_total"] > 0].head(_ROWS)
    # Heading with the unit -> column, and the number of t in that unit.
    amounts = {
        "stock": ("soc_stock_total", 1e6),
        "potential": (f"{potential}_total", 1e3),
        "gross_loss": ("modelled_gross_loss_total", 1e3),
        "gross_gain": ("modelled_gross_gain_total", 1e3),
        "net": ("modelled_change_total", 1e3),
    }
    if rows.empty:
        yield "\n" + _text("regions_none", lang)
        return
    shown = pd.DataFrame({_text("column.region", lang): rows[f"name_{lang}"]})
    for key, (column, unit) in amounts.items():
        if column in rows:
            shown[_text(f"column.{key}", lang)] = _aligned(rows[column] / unit, lang=lang)
    shown[_text("column.hot", lang)] = _plain(100 * rows["hot_share"], 1, lang)
    if len(rows) > 1:
        shown.insert(0, _text("column.rank", lang), rows["rank"])
    yield "\n" + _text("regions_first" if len(rows) > 1 else "regions_only", lang)
    yield visible(shown.to_string(index=False))


def _listed(table: pd.DataFrame) -> pd.DataFrame:
    """Return the countries, or the regions of another set where there are no countries."""
    rows = table[~table["set"].isin(["total", "outside"])]
    others = rows[rows["set"] != "initiative"]
    return others if len(others) else rows


def _row_counts(table: pd.DataFrame, lang: str) -> str:
    rows = _listed(table)
    by_source = rows["value_from"].value_counts()
    sources = ", ".join(
        _text(f"rows_{key}", lang, count=by_source.get(key, 0))
        for key in ("covered", "nearest", "missing")
    )
    # Two further rows are of the whole area and of the land outside the regions.
    groups = int((table["set"] == "initiative").sum()) if len(rows) < len(table) - 2 else 0
    key = "rows_and_groups" if groups else "rows"
    counts = _text(key, lang, count=len(rows), sources=sources, groups=groups)
    return f"\n{counts}\n{_text('caveats', lang)}"


def _aligned(amounts: pd.Series, least: int = 0, *, lang: str) -> pd.Series:
    """Return amounts as text with equal decimals: at least `least`, or two digits of the largest.

    Without decimals the tonnes of a small region would all be 0.
    """
    largest = float(amounts.abs().max())
    digits = least
    if 0 < largest < math.inf:
        digits = max(least, 1 - math.floor(math.log10(largest)))
    # + 0.0 turns -0.0 into 0.0.
    return (amounts.round(digits) + 0.0).map(lambda amount: _number(amount, digits, lang))


def _plain(amounts: pd.Series, digits: int, lang: str) -> pd.Series:
    """Return amounts as numbers in English, as text with the language's separators elsewhere."""
    rounded = amounts.round(digits)
    return rounded if lang == "en" else rounded.map(lambda amount: _number(amount, digits, lang))


def _number(value: float | None, digits: int, lang: str) -> str:
    if value is None:
        return "-"
    return fixed(value, digits, lang)


def _share(value: float | None, lang: str) -> str:
    if value is None:
        return "-"
    shown = fixed(100 * float(value), 1, lang)
    return f"{shown} %" if lang == "en" else text("format.percent", lang, value=shown)
