"""The plain-text summary printed by the command line: figures with units, then the first rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from hotspots.edition.caveats import CAVEATS
from hotspots.edition.tables.region_weights import WHOLE
from hotspots.locale.escaping import one_line, visible

if TYPE_CHECKING:
    from hotspots.edition.edition import Edition
    from hotspots.edition.manifest import Figures

_ROWS = 10
_STATUS_WORDS = {
    "run": "ran",
    "given": "were given by the data",
    "no data": "lack data",
    "skipped": "are skipped",
}


def summary_lines(edition: Edition) -> Iterator[str]:
    """Yield the lines of an edition's summary; figures that weren't computed are left out."""
    figures = edition.summary
    yield ""
    yield f"{one_line(_place(edition))}: {_area(figures['land_mha'])} with soil data"
    yield from _figures(edition)
    yield from _hot(edition)
    yield _methods(edition)
    yield from (f"Note: {one_line(note)}" for note in edition.manifest["notes"])
    yield from (
        f"Licences: {one_line(notice)}" for notice in edition.manifest.get("licence_notices", [])
    )
    if len(edition.units):
        several = len(edition.units) > 1
        yield (
            "\nFirst units (country and climate zone) by potential:"
            if several
            else "\nThe only unit (country and climate zone):"
        )
        yield _first_units(edition.units)
    if "rank" in edition.table:
        yield from _first_regions(edition)
    yield _row_counts(edition.table)
    yield from (f"- {one_line(caveat)}" for caveat in _caveats(edition))


def _place(edition: Edition) -> str:
    """Return the region's name and id, as requested."""
    region = str(edition.manifest["region"])
    if region not in edition.table.index:
        return f"Region {region}"
    name = edition.table["name_en"].to_dict()[region]
    return str(name) if region == WHOLE else f"{name} ({region})"


def _area(mha: float | None) -> str:
    """Return an area given in Mha in a suitable unit."""
    if mha is None or mha >= 1:
        return f"{_number(mha, 1)} Mha"
    # 1 Mha = 1e3 kha = 1e6 ha.
    return f"{_number(1e3 * mha, 1)} kha" if mha >= 1e-3 else f"{_number(1e6 * mha, 0)} ha"


def _caveats(edition: Edition) -> list[str]:
    """Return the caveats in the order of their list, which a saved edition doesn't preserve."""
    return [caveat for key in CAVEATS if (caveat := edition.manifest["caveats"].get(key))]


def _figures(edition: Edition) -> Iterator[str]:
    figures = edition.summary
    depth = f", {edition.stock_depth} cm" if edition.stock_depth else ""
    rate = f"{100 * edition.recipe.target.rate:.3g} %/yr"

    def rows(**labelled: str) -> Iterator[str]:
        """Yield rows of comparable amounts, in one unit that suits the largest."""
        known = {k: v for k in labelled if (v := figures.get(k)) is not None}
        scale, unit = _mass_unit(max(map(abs, known.values()), default=0))
        for key, value in known.items():
            per = "/yr" if key.endswith("_yr") else ""
            yield f"  {labelled[key]:<52}{_number(value * scale, 2):>10} {unit}{per}"

    yield from rows(
        stock_pg=f"SOC stock{depth}", deficit_pg="Modelled historical deficit (not achievable)"
    )
    if figures.get("potential_pg_yr") is not None:
        yield f"  {one_line(edition.manifest['scenario'])}"
    leading = edition.recipe.methods.ranking_potential
    by = "" if leading == "potential_ipcc_tier1" else f" that ranks: {leading}"
    yield from rows(potential_pg_yr=f"  potential{by}")
    yield from _ranges(edition)
    yield from rows(yardstick_pg_yr=f"  yardstick: {rate} of the same stock")
    if figures.get("potential_per_mille_yr") is not None:
        per_mille = _number(figures["potential_per_mille_yr"], 1)
        yield f"    {'potential per stock of the same managed land':<50}{per_mille:>10} ‰/yr"
    yield from rows(
        gross_loss_pg_yr="Modelled gross loss (not measured)",
        gross_gain_pg_yr="Modelled gross gain",
        net_change_pg_yr="Modelled net change",
    )
    if figures.get("no_detectable_change_share_of_land") is not None:
        share = _share(figures["no_detectable_change_share_of_land"])
        yield f"  No detectable change on {share} of the land."


def _ranges(edition: Edition) -> Iterator[str]:
    """Yield the uncertainty of the potential: by errors, and by method."""
    figures, level = edition.summary, 100 * edition.recipe.uncertainty.level
    for label, ends in (
        (f"{level:g} % interval, by errors", ("potential_low_pg_yr", "potential_high_pg_yr")),
        ("range over methods, cell by cell", ("potential_lowest_pg_yr", "potential_highest_pg_yr")),
    ):
        low, high = (figures.get(key) for key in ends)
        if low is not None and high is not None:
            scale, unit = _mass_unit(max(abs(low), abs(high)))
            amounts = f"{_number(low * scale, 2)} to {_number(high * scale, 2)}"
            yield f"    {label:<44}{amounts:>16} {unit}/yr"


def _stable(edition: Edition) -> Iterator[str]:
    """Yield the share of the land that stays hot over the draws."""
    share = edition.summary.get("stable_hot_share_of_ranked")
    if share is None or not edition.summary.get("hot_share_of_ranked"):
        return
    level = 100 * edition.recipe.hotspots.stability
    median = edition.summary.get("hot_stability_median")
    half = "" if median is None else f"; half of the hot cells do in less than {_share(median)}"
    yield (
        f"  {_share(share)} of the ranked land stays hot in {level:g} % of the draws over errors"
        f" and methods{half}."
    )


def _methods(edition: Edition) -> str:
    """Return the numbers of methods by state."""
    states = [row["status"] for row in edition.manifest["methods"]]
    parts = [
        f"{count} {words}"
        for status, words in _STATUS_WORDS.items()
        if (count := states.count(status))
    ]
    return f"\nMethods: {', '.join(parts)} (manifest.json says why, for each)."


def _mass_unit(pg: float) -> tuple[float, str]:
    """Return the factor from Pg C, and the unit, suited to an amount."""
    if pg >= 0.1:
        return 1, "Pg C"
    # 1 Pg = 1e3 Tg = 1e6 Gg.
    return (1e3, "Tg C") if pg >= 1e-4 else (1e6, "Gg C")


def _hot(edition: Edition) -> Iterator[str]:
    figures = edition.summary
    if figures.get("hot_share_of_ranked") is None:
        return
    ranked = f"{_area(figures['ranked_managed_mha'])} of ranked managed land"
    if not figures["hot_share_of_ranked"]:
        yield f"\nHotspots: none on the {ranked}."
        yield from _clusters(figures)
        return
    amounts = [f"{_share(figures.get('hot_share_of_potential'))} of its potential"]
    if figures.get("hot_share_of_gross_loss") is not None:
        amounts.append(f"{_share(figures['hot_share_of_gross_loss'])} of its cells' gross loss")
    yield (
        f"\nHotspots: {_share(figures['hot_share_of_ranked'])} of the {ranked},"
        f" with {' and '.join(amounts)}."
    )
    yield from _stable(edition)
    yield from _clusters(figures)


def _clusters(figures: Figures) -> Iterator[str]:
    """Yield what Gi* alone would have called hot."""
    for axis in ("potential", "loss"):
        if figures.get(f"gi_star_alone_{axis}") is not None:
            raw = _share(figures[f"gi_star_alone_{axis}_raw"])
            residual = _share(figures[f"gi_star_alone_{axis}"])
            yield (
                f"  Gi* alone would have called {raw} hot for {axis}"
                f" ({residual} on the residual from the zone mean)."
            )


def _first_units(units: pd.DataFrame) -> str:
    shown = pd.DataFrame(
        {
            "unit": units["name_en"] + ", " + units["climate_zone"].str.replace("_", " "),
            "class": units["class"],
            "potential kt C/yr": _aligned(units["potential_t_yr"] / 1e3),
            "‰/yr": units["potential_per_mille"].round(1),
            "ranked Mha": _aligned(units["ranked_managed_ha"] / 1e6, 2),
        }
    )
    if "rank_low" in units:
        low, high = units["potential_low_t_yr"] / 1e3, units["potential_high_t_yr"] / 1e3
        ends = _aligned(pd.concat([low, high]))
        interval = ends.iloc[: len(units)] + " to " + ends.iloc[len(units) :]
        shown.insert(3, "interval", interval)
        ranks = units[["rank_low", "rank_high"]].map("{:.0f}".format)
        shown.insert(0, "from-to", ranks["rank_low"] + "-" + ranks["rank_high"])
    if len(units) > 1:
        shown.insert(0, "rank", units["rank"])
    elif "from-to" in shown:
        shown = shown.drop(columns="from-to")
    return visible(shown.head(_ROWS).to_string(index=False))


def _first_regions(edition: Edition) -> Iterator[str]:
    potential = edition.recipe.methods.ranking_potential
    rows = _listed(edition.table).sort_values("rank")
    if list(rows.index) == [edition.manifest["region"]]:
        return  # its numbers are those of the whole area, which stand above
    rows = rows[rows[f"{potential}_total"] > 0].head(_ROWS)
    # Heading with the unit -> column, and the number of t in that unit.
    amounts = {
        "stock Mt C": ("soc_stock_total", 1e6),
        "potential kt C/yr": (f"{potential}_total", 1e3),
        "gross loss kt/yr": ("modelled_gross_loss_total", 1e3),
        "gross gain kt/yr": ("modelled_gross_gain_total", 1e3),
        "net kt/yr": ("modelled_change_total", 1e3),
    }
    if rows.empty:
        yield "\nNo region has a potential."
        return
    shown = pd.DataFrame({"region": rows["name_en"]})
    for label, (column, unit) in amounts.items():
        if column in rows:
            shown[label] = _aligned(rows[column] / unit)
    shown["hot %"] = (100 * rows["hot_share"]).round(1)
    if len(rows) > 1:
        shown.insert(0, "rank", rows["rank"])
    yield (
        "\nFirst regions by potential:" if len(rows) > 1 else "\nThe only region with a potential:"
    )
    yield visible(shown.to_string(index=False))


def _listed(table: pd.DataFrame) -> pd.DataFrame:
    """Return the countries, or the regions of another set where there are no countries."""
    rows = table[~table["set"].isin(["total", "outside"])]
    others = rows[rows["set"] != "initiative"]
    return others if len(others) else rows


def _row_counts(table: pd.DataFrame) -> str:
    rows = _listed(table)
    by_source = rows["value_from"].value_counts()
    sources = ", ".join(
        f"{by_source.get(k, 0)} {text}"
        for k, text in (
            ("covered", "from covered cells"),
            ("nearest", "from the nearest cells"),
            ("missing", "without soil data"),
        )
    )
    # Two further rows are of the whole area and of the land outside the regions.
    groups = int((table["set"] == "initiative").sum()) if len(rows) < len(table) - 2 else 0
    also = f", and {groups} of the initiative's regions" if groups else ""
    return f"\nRows of regions in the table: {len(rows)} ({sources}){also}.\nCaveats:"


def _aligned(amounts: pd.Series, least: int = 0) -> pd.Series:
    """Return amounts as text with equal decimals: at least `least`, or two digits of the largest.

    Without decimals the tonnes of a small region would all be 0.
    """
    largest = float(amounts.abs().max())
    digits = least
    if 0 < largest < math.inf:
        digits = max(least, 1 - math.floor(math.log10(largest)))
    # + 0.0 turns -0.0 into 0.0.
    return (amounts.round(digits) + 0.0).map(f"{{:,.{digits}f}}".format)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * float(value):.1f} %"
