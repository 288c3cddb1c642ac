"""The command ``hotspots gaps``: what hotspots and regions need and no record gives."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import hotspots as hs
from hotspots.cli.printing import Json, print_table

if TYPE_CHECKING:
    import pandas as pd

_NEAR = "near"  # the distance stands in its place
# Column -> (heading with its unit, how it is written); the few that matter of each table.
_SHOWN: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "hotspots": {
        "rank": ("#", "d"), "id": ("hotspot", ""), "countries": ("countries", "list"),
        "class": ("class", ""), "at_stake_t_yr": ("at stake, kt C/yr", "kilo"),
        "matching_inside": ("inside", "d"), "matching_near": (_NEAR, "d"),
        "in_country": ("in country", "d"), "nearest_id": ("nearest", "cut"),
        "nearest_km": ("km", "round"), "completeness_by_country": ("registry there", "known"),
    },
    "regions": {
        "rank": ("#", "d"), "id": ("region", ""), "name_en": ("name", "cut"),
        "at_stake_t_yr": ("at stake, kt C/yr", "kilo"), "records": ("records", "d"),
        "pillar1": ("pillar 1", "d"), "pillar2": ("2", "d"), "pillar3": ("3", "d"),
        "pillar4": ("4", "d"), "declared_wider": ("for a wider region", "d"),
        "completeness_by_country": ("registry there", "known"),
    },
    "crowded": {
        "rank": ("#", "d"), "id": ("hotspot", ""), "countries": ("countries", "list"),
        "at_stake_t_yr": ("at stake, kt C/yr", "kilo"), "records": ("records", "d"),
        "records_per_mha": ("per Mha", "short"), "records_per_mt": ("per Mt C/yr", "short"),
        "share_of_records": ("records, %", "percent"), "share_of_stake": ("tonnes, %", "percent"),
        "crowding": ("ratio", "short"),
    },
    "outside": {
        "rank": ("#", "d"), "id": ("record", "cut"), "type": ("type", "words"),
        "country": ("country", ""), "nearest_hotspot": ("nearest hotspot", ""),
        "nearest_hotspot_km": ("km", "round"),
    },
    "practices": {
        "rank": ("#", "d"), "id": ("hotspot", ""), "countries": ("countries", "list"),
        "climate_zone": ("climate", "words"), "practice_kind": ("practice", "words"),
        "land_use": ("land use", "list"), "at_stake_t_yr": ("at stake, kt C/yr", "kilo"),
        "examples": ("examples", "d"), "effect_median": ("effect, t C/ha/yr", "short"),
        "example_id": ("nearest", "cut"), "example_km": ("km", "round"),
    },
    "research": {
        "rank": ("#", "d"), "region": ("region", ""), "name_en": ("name", "cut"),
        "pillar": ("pillar", ""), "at_stake_t_yr": ("at stake, kt C/yr", "kilo"),
        "state": ("actions", ""), "actions": ("number", "d"), "newest": ("newest", ""),
        "completeness_by_country": ("registry there", "known"),
    },
}  # fmt: skip
_STATES = ("none", "undated", "old", "current")
_NOTHING = {
    "practices": "No practice with a proven effect is missing here, or none is recorded.",
    "outside": "Every record on the map lies in a hotspot, or near one.",
}
_ROWS = 20
_WIDEST = 28
_MOST_LISTED = 4


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("gaps")(gaps)


def gaps(
    edition: Annotated[Path, typer.Option(help="Folder of an edition.")] = Path("demo"),
    registry: Annotated[
        str | None, typer.Option(help="A registry; the sample registry without.")
    ] = None,
    of: Annotated[
        str,
        typer.Option(help="hotspots, regions, crowded, outside, practices or research."),
    ] = "hotspots",
    region: Annotated[
        str | None, typer.Option(help="Only there; as of 'analyze': a code, a name, W,S,E,N.")
    ] = None,
    theme: Annotated[
        list[str] | None, typer.Option(help="Only records of this theme: pillar2, goalA, A6.")
    ] = None,
    practice: Annotated[
        list[str] | None, typer.Option(help="Only of this kind of practice: agroforestry.")
    ] = None,
    land_use: Annotated[
        list[str] | None, typer.Option(help="Only of this land use: cropland.")
    ] = None,
    type_: Annotated[
        list[str] | None,
        typer.Option("--type", help="organisation, project, research_action or practice."),
    ] = None,
    within_km: Annotated[
        float | None, typer.Option(help="How far from a hotspot is near; 50 km without.")
    ] = None,
    years: Annotated[float, typer.Option(help="Of research: from when on it is old.")] = 5,
    ended: Annotated[bool, typer.Option("--ended", help="Count what has ended, too.")] = False,
    top: Annotated[
        int | None, typer.Option(help="First rows only; 20 without, all in JSON.", min=1)
    ] = None,
    as_json: Json = False,
) -> None:
    """Rank the hotspots where nobody is known to work, and other gaps of the registry.

    Tonnes are of carbon. No record is not nobody: the last line says how complete the registry is.
    """
    from hotspots.edition_gaps import gaps as find

    table = find(
        hs.open_edition(edition), hs.open_registry(registry), of, region=region,
        within_km=within_km, theme=theme, practice_kind=practice, land_use=land_use, types=type_,
        active_only=not ended, years=years,
    )  # fmt: skip
    if as_json:
        print_table(
            table.head(top or len(table)).drop(columns="geometry", errors="ignore"), as_json=True
        )
        return
    for line in lines(table, top or _ROWS):
        typer.echo(line)


def lines(table: pd.DataFrame, most: int) -> Iterator[str]:
    """Yield a table of gaps for reading: its first rows, what they add up to, and completeness."""
    of = str(table.attrs["of"])
    if len(table):
        yield _readable(table.head(most), of)
        more = len(table) - most
        yield f"… and {more:,} more; --top {len(table)} shows all." if more > 0 else ""
    yield from filter(None, (_summed(table, of), str(table.attrs["statement"])))


def _readable(rows: pd.DataFrame, of: str) -> str:
    import pandas as pd

    if of == "hotspots":
        both = rows["declared_for_country"] + rows["known_to_be_in_country"]
        rows = rows.assign(in_country=both)
    cells = {
        heading: [_WRITTEN[how](value) for value in rows[column]]
        for column, (heading, how) in _SHOWN[of].items()
    }
    cells = {k if k != _NEAR else f"≤ {rows.attrs['within_km']:g} km": v for k, v in cells.items()}
    text = {heading for column, (heading, how) in _SHOWN[of].items() if how in _TEXT}
    shown = pd.DataFrame(cells)
    for heading in text:  # words to the left, numbers to the right
        width = max([len(heading), *shown[heading].str.len()])
        shown[heading] = shown[heading].str.ljust(width)
        shown = shown.rename(columns={heading: heading.ljust(width)})
    return "\n".join(line.rstrip() for line in shown.to_string(index=False).splitlines())


def _summed(table: pd.DataFrame, of: str) -> str:
    """Return one sentence on the whole table."""
    km = table.attrs["within_km"]
    near = f"{km:g} km"
    if not len(table):
        return _NOTHING.get(of, "There is no such hotspot or region here.")
    if of == "hotspots":
        alone = table[(table["matching_inside"] + table["matching_near"]) == 0]
        share = alone["at_stake_t_yr"].sum() / (table["at_stake_t_yr"].sum() or 1)
        return (
            f"{len(alone)} of {len(table)} hotspots have no such record inside or within {near}:"
            f" {share:.0%} of the tonnes at stake."
        )
    if of == "regions":
        alone = table[table["records"] == 0]
        return f"{len(alone)} of {len(table)} regions have no such record."
    if of == "crowded":
        told = table.attrs
        spread = "" if math.isnan(told["gini"]) else (
            f" Against the tonnes they are spread with a Gini of {told['gini']:.2f} (0 as the"
            f" tonnes, 1 all in one place)."
        )  # fmt: skip
        return (
            f"{told['records_counted']} records in a hotspot or within {near}; on the map"
            f" {told['records_outside']} more, {told['records_unplaced']} can't be placed.{spread}"
        )
    if of == "outside":
        also = f", nor within {near} of one" if km else ""
        return f"{len(table)} records on the map are in no hotspot{also}."
    if of == "practices":
        return (
            f"{table['id'].nunique()} hotspots lack a practice, within {near}, that is known to"
            " work in their climate and land use."
        )
    counts = table["state"].value_counts().to_dict()
    parts = ", ".join(f"{counts.get(state, 0)} {state}" for state in _STATES)
    return f"{len(table)} pairs of region and pillar, by their actions: {parts}."


def _number(digits: int, scale: float = 1) -> Callable[[float], str]:
    def write(value: float) -> str:
        """Return the number as text; nothing for a missing one."""
        return "" if math.isnan(value) else f"{value * scale:,.{digits}f}"

    return write


def _short(value: float) -> str:
    return "" if math.isnan(value) else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"


def _known(by_country: str) -> str:
    """Say how complete the registry is in one country, or in how many of several it is worst."""
    codes = [part.rpartition(":")[2] for part in by_country.split(";") if part]
    if not codes:
        return ""
    from hotspots.analysis.gaps.columns import COMPLETENESS

    worst = min(codes, key=COMPLETENESS.index)
    told = worst.replace("_", " ")
    some = len(set(codes)) > 1
    return f"{told} in {codes.count(worst)} of {len(codes)}" if some else told


def _listed(text: str) -> str:
    codes = text.replace(";", ",").split(",")
    return ", ".join(codes[:_MOST_LISTED]) + (", …" if len(codes) > _MOST_LISTED else "")


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


_WRITTEN: Mapping[str, Callable[[Any], str]] = {
    "": str, "d": str, "list": _listed, "cut": _cut, "known": _known,
    "words": lambda text: text.replace("_", " "),
    "kilo": _number(1, 1e-3), "round": _number(0), "percent": _number(1, 100), "short": _short,
}  # fmt: skip
_TEXT = ("", "list", "cut", "known", "words")
