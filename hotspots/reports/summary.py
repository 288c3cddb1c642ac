"""The plain-text summary that the command line prints: figures with units, then the first rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from hotspots.edition import Edition

_ROWS = 10


def summary_lines(edition: Edition) -> Iterator[str]:
    """Yield the lines of an edition's summary; what wasn't computed is left out."""
    figures = edition.summary
    yield ""
    land = _number(figures["land_mha"], 1)
    yield f"Region {edition.manifest['region']}: {land} Mha with soil data"
    yield from _figures(figures, edition.manifest["scenario"])
    yield from _hot(figures)
    yield from (f"Note: {note}" for note in edition.manifest["notes"])
    if len(edition.units):
        yield "\nFirst units (country and climate zone) by potential:"
        yield _first_units(edition.units)
    if "rank" in edition.table:
        yield "\nFirst regions by potential:"
        yield _first_regions(edition.table)
    yield _rows_told(edition.table)
    yield from (f"- {caveat}" for caveat in edition.manifest["caveats"])


def _figures(figures: dict[str, Any], scenario: str) -> Iterator[str]:
    def row(label: str, key: str, unit: str, digits: int = 3) -> Iterator[str]:
        if figures.get(key) is not None:
            yield f"  {label:<52}{_number(figures[key], digits):>10} {unit}"

    yield from row("SOC stock, 0-30 cm", "stock_pg", "Pg C", 1)
    yield from row("Modelled historical deficit (not achievable)", "deficit_pg", "Pg C", 1)
    if figures.get("potential_pg_yr") is not None:
        yield f"  Potential: {scenario}"
    yield from row("  potential", "potential_pg_yr", "Pg C/yr")
    yield from row(
        "  potential per stock of the same cropland", "potential_per_mille_yr", "‰/yr", 1
    )
    yield from row("  yardstick: 0.4 %/yr of the same stock", "yardstick_pg_yr", "Pg C/yr")
    yield from row("Modelled gross loss (not measured)", "gross_loss_pg_yr", "Pg C/yr")
    yield from row("Modelled gross gain", "gross_gain_pg_yr", "Pg C/yr")
    yield from row("Modelled net change", "net_change_pg_yr", "Pg C/yr")
    if figures.get("no_detectable_change_share_of_land") is not None:
        told = _share(figures["no_detectable_change_share_of_land"])
        yield f"  No detectable change on {told} of the land."


def _hot(figures: dict[str, Any]) -> Iterator[str]:
    if figures.get("hot_share_of_ranked") is None:
        return
    yield (
        f"\nHotspots: {_share(figures['hot_share_of_ranked'])} of the"
        f" {_number(figures['ranked_managed_mha'], 0)} Mha of ranked managed land,"
        f" with {_share(figures.get('hot_share_of_potential'))} of its potential and"
        f" {_share(figures.get('hot_share_of_gross_loss'))} of its modelled gross loss."
    )
    for axis in ("potential", "loss"):
        if figures.get(f"gi_star_alone_{axis}") is not None:
            raw = _share(figures[f"gi_star_alone_{axis}_raw"])
            residual = _share(figures[f"gi_star_alone_{axis}"])
            yield (
                f"  Gi* alone would have called {raw} hot for {axis}"
                f" ({residual} on the residual from the zone mean)."
            )


def _first_units(units: pd.DataFrame) -> str:
    shown = pd.DataFrame({
        "rank": units["rank"],
        "unit": units["name_en"] + ", " + units["climate_zone"].str.replace("_", " "),
        "class": units["class"],
        "kt C/yr": (units["potential_t_yr"] / 1e3).round(0).astype("int64"),
        "‰/yr": units["potential_per_mille"].round(1),
        "ranked Mha": (units["ranked_managed_ha"] / 1e6).round(2),
    })  # fmt: skip
    return shown.head(_ROWS).to_string(index=False)


def _first_regions(table: pd.DataFrame) -> str:
    rows = table[~table["set"].isin(["total", "outside", "initiative"])].sort_values("rank")
    rows = rows[rows["potential_ipcc_tier1_total"] > 0].head(_ROWS)
    shown = pd.DataFrame({
        "rank": rows["rank"], "region": rows["name_en"],
        "stock Mt C": (rows["soc_stock_total"] / 1e6).round(0),
        "potential kt C/yr": (rows["potential_ipcc_tier1_total"] / 1e3).round(0),
        "hot %": (100 * rows["hot_share"]).round(1),
    })  # fmt: skip
    if "modelled_gross_loss_total" in rows:
        shown["gross loss kt/yr"] = (rows["modelled_gross_loss_total"] / 1e3).round(0)
        shown["gross gain kt/yr"] = (rows["modelled_gross_gain_total"] / 1e3).round(0)
        shown["net kt/yr"] = (rows["modelled_change_total"] / 1e3).round(0)
    return shown.to_string(index=False)


def _rows_told(table: pd.DataFrame) -> str:
    rows = table[~table["set"].isin(["total", "outside", "initiative"])]
    by_source = rows["value_from"].value_counts()
    told = ", ".join(
        f"{by_source.get(k, 0)} {text}"
        for k, text in (
            ("covered", "from covered cells"),
            ("nearest", "from the nearest cells"),
            ("missing", "without soil data"),
        )
    )
    groups = int((table["set"] == "initiative").sum())
    also = f", and {groups} regions of the initiative" if groups else ""
    return f"\nThe table has {len(rows)} countries or regions ({told}){also}.\nMind:"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * float(value):.1f} %"
