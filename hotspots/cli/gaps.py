"""The command ``hotspots gaps``: needs of hotspots and regions that no record meets."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import hotspots as hs
from hotspots.cli.options import TYPES, Where
from hotspots.cli.output import Json, print_table, put_block, report
from hotspots.cli.registry_access import opened

if TYPE_CHECKING:
    import pandas as pd

_NEAR = "near"  # replaced by the distance when printed
# Column -> (heading with its unit, format); the main columns of each table.
_SHOWN: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "hotspots": {
        "rank": ("#", "d"),
        "id": ("hotspot", ""),
        "countries": ("countries", "list"),
        "class": ("class", ""),
        "at_stake_t_yr": ("at stake, kt C/yr", "kilo"),
        "matching_inside": ("inside", "d"),
        "matching_near": (_NEAR, "d"),
        "in_country": ("in country", "d"),
        "nearest_id": ("nearest", ""),
        "nearest_km": ("km", "round"),
        "completeness_by_country": ("registry there", "known"),
    },
    "regions": {
        "rank": ("#", "d"),
        "id": ("region", ""),
        "name_en": ("name", "cut"),
        "at_stake_t_yr": ("at stake, kt C/yr", "kilo"),
        "records": ("records", "d"),
        "pillar1": ("pillar 1", "d"),
        "pillar2": ("2", "d"),
        "pillar3": ("3", "d"),
        "pillar4": ("4", "d"),
        "declared_wider": ("for a wider region", "d"),
        "completeness_by_country": ("registry there", "known"),
    },
    "crowded": {
        "rank": ("#", "d"),
        "id": ("hotspot", ""),
        "countries": ("countries", "list"),
        "at_stake_t_yr": ("at stake, kt C/yr", "kilo"),
        "records": ("records", "d"),
        "records_per_mha": ("per Mha", "short"),
        "records_per_mt": ("per Mt C/yr", "short"),
        "share_of_records": ("records, %", "percent"),
        "share_of_stake": ("tonnes, %", "percent"),
        "crowding": ("ratio", "short"),
    },
    "outside": {
        "rank": ("#", "d"),
        "id": ("record", ""),
        "type": ("type", "words"),
        "country": ("country", ""),
        "nearest_hotspot": ("nearest hotspot", ""),
        "nearest_hotspot_km": ("km", "round"),
    },
    "practices": {
        "rank": ("#", "d"),
        "id": ("hotspot", ""),
        "countries": ("countries", "list"),
        "climate_zone": ("climate", "words"),
        "practice_kind": ("practice", "words"),
        "land_use": ("land use", "list"),
        "at_stake_t_yr": ("at stake, kt C/yr", "kilo"),
        "examples": ("examples", "d"),
        "effect_median": ("effect, t C/ha/yr", "short"),
        "example_id": ("nearest", ""),
        "example_km": ("km", "round"),
    },
    "research": {
        "rank": ("#", "d"),
        "region": ("region", ""),
        "name_en": ("name", "cut"),
        "pillar": ("pillar", ""),
        "at_stake_t_yr": ("at stake, kt C/yr", "kilo"),
        "state": ("actions", ""),
        "actions": ("number", "d"),
        "newest": ("newest", ""),
        "completeness_by_country": ("registry there", "known"),
    },
}
_SETS = {"initiative": "Regions of the Initiative", "countries": "Countries"}
_OVERLAP = "A region and its countries overlap: never add the two up."
_STATES = ("none", "undated", "old", "current")
_NOTHING = {
    "practices": "No practice that is known to work in a hotspot's climate is missing there.",
    "outside": "Every record on the map lies in a hotspot, or near one.",
}
_ROWS = 20
_WIDEST = 28
_MOST_LISTED = 4


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("gaps")(gaps)


def gaps(
    edition: Annotated[
        Path, typer.Option(help="Folder of an edition, such as 'analyze' or 'demo' writes.")
    ] = Path("demo"),
    where: Where = None,
    of: Annotated[
        str,
        typer.Option(
            help="Which gaps: hotspots, regions, crowded, outside, practices or research."
        ),
    ] = "hotspots",
    region: Annotated[
        str | None, typer.Option(help="Only there; as for 'analyze': a code, a name, W,S,E,N.")
    ] = None,
    theme: Annotated[
        list[str] | None,
        typer.Option(help="Only of this theme: pillar2, Pilier 2, goalA, A6; may be repeated."),
    ] = None,
    practice: Annotated[
        list[str] | None,
        typer.Option(help="Only of this practice: agroforestry, agroforesterie; may be repeated."),
    ] = None,
    land_use: Annotated[
        list[str] | None, typer.Option(help="Only of this land use: cropland; may be repeated.")
    ] = None,
    type_: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            help=f"Only of this type: {TYPES}; may be repeated.",
        ),
    ] = None,
    within_km: Annotated[
        float | None,
        typer.Option(help="Distance that counts as near a hotspot, km; 50 by default."),
    ] = None,
    years: Annotated[
        float, typer.Option(help="For research: age from which it is old, years.")
    ] = 5,
    ended: Annotated[bool, typer.Option("--ended", help="Also count what has ended.")] = False,
    top: Annotated[
        int | None, typer.Option(help="Number of rows; 20 by default, all in JSON.", min=1)
    ] = None,
    as_json: Json = False,
) -> None:
    """Rank the hotspots where nobody is known to work, and other gaps of the registry.

    Tonnes are of carbon. Absence of a record is not evidence of absence: the last line says how
    complete the registry is.
    """
    from hotspots.edition.gaps import gaps as find

    table = find(
        hs.open_edition(edition),
        opened(where),
        of,
        region=region,
        within_km=within_km,
        theme=theme,
        practice_kind=practice,
        land_use=land_use,
        types=type_,
        active_only=not ended,
        years=years,
    )
    if as_json:
        # A list of records has no place for these sentences.
        for line in filter(None, (table.attrs["nothing"], _practices(table))):
            report(line)
        print_table(
            table.head(top or len(table)).drop(columns="geometry", errors="ignore"), as_json=True
        )
        return
    for line in lines(table, top or _ROWS):
        put_block(line)


def lines(table: pd.DataFrame, most: int) -> Iterator[str]:
    """Yield a table of gaps as text: its first rows, a summary, and the registry's completeness.

    Each set of regions is ranked separately and shown one after the other.
    """
    of = str(table.attrs["of"])
    parts = _sets(table) if "set" in table else {"": table}
    for heading, part in parts.items():
        if heading:
            yield f"{heading}:"
        if len(part):
            yield _readable(part.head(most), of)
        if (more := len(part) - most) > 0:
            yield f"… and {more:,} more; --top {len(part)} shows all."
    yield from filter(None, (_summed(part, of) for part in parts.values()))
    yield from filter(None, (_practices(table), _OVERLAP if len(parts) > 1 else ""))
    yield str(table.attrs["statement"])


def _sets(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of each set of regions by its heading."""
    found = {
        _SETS.get(str(name), str(name)): part
        # `groupby` would drop the rows of regions that belong to no set.
        for name, part in table.fillna({"set": ""}).groupby("set", sort=False)
    }
    return found or {"": table}


def _practices(table: pd.DataFrame) -> str:
    """Return how many practices are recorded, and which are left out and why."""
    if "practices" not in table.attrs:
        return ""
    count, left = table.attrs["practices"], table.attrs["left_out"]
    if not count:
        return "No practice is recorded."
    recorded = f"{_many(count, 'practice is', 'practices are')} recorded"
    if not left:
        return f"{recorded}, none left out."
    ids = table.attrs["left_out_ids"]
    reasons = "; ".join(f"{number:,} {why} ({_some(ids[why])})" for why, number in left.items())
    return f"{recorded}, {sum(left.values()):,} left out: {reasons}."


def _some(ids: Sequence[str]) -> str:
    """Return the first ids of a list, and how many more there are."""
    more = len(ids) - _MOST_LISTED
    return ", ".join(ids[:_MOST_LISTED]) + (f" and {more:,} more" if more > 0 else "")


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
    for heading in text:  # text left-aligned, numbers right-aligned
        width = max([len(heading), *shown[heading].str.len()])
        shown[heading] = shown[heading].str.ljust(width)
        shown = shown.rename(columns={heading: heading.ljust(width)})
    return "\n".join(line.rstrip() for line in shown.to_string(index=False).splitlines())


def _summed(table: pd.DataFrame, of: str) -> str:
    """Return a one-sentence summary of the table, or of one set of regions."""
    km = table.attrs["within_km"]
    near = f"{km:g} km"
    if not len(table):
        return table.attrs["nothing"] or _NOTHING.get(of, "This edition has no hotspot.")
    if of == "hotspots":
        alone = table[(table["matching_inside"] + table["matching_near"]) == 0]
        # `or 1`: if nothing is at stake, the share is 0, not 0 / 0.
        share = alone["at_stake_t_yr"].sum() / (table["at_stake_t_yr"].sum() or 1)
        return (
            f"{_part(len(alone), len(table), 'hotspot')} no such record inside or within {near}:"
            f" {share:.0%} of the tonnes at stake."
        )
    if of == "regions":
        alone = table[table["records"] == 0]
        return f"{_part(len(alone), len(table), *_kind(table))} no such record."
    if of == "crowded":
        totals = table.attrs
        spread = (
            ""
            if math.isnan(totals["gini"])
            else (
                f" Against the tonnes they are spread with a Gini of {totals['gini']:.2f} (0 as the"
                f" tonnes, 1 all in one place)."
            )
        )
        return (
            f"{_many(totals['records_counted'], 'record', 'records')} in a hotspot or within"
            f" {near}; on the map {totals['records_outside']:,} more,"
            f" {totals['records_unplaced']:,} can't be placed.{spread}"
        )
    if of == "outside":
        also = f", nor within {near} of one" if km else ""
        said = _many(len(table), "record on the map is", "records on the map are")
        return f"{said} in no hotspot{also}."
    if of == "practices":
        said = _many(table["id"].nunique(), "hotspot lacks", "hotspots lack")
        return (
            f"{said} a practice, within {near}, that is known to work in that climate and land use."
        )
    counts = table["state"].value_counts().to_dict()
    parts = ", ".join(f"{counts.get(state, 0):,} {state}" for state in _STATES)
    what = " and ".join([_kind(table)[0], "pillar"])
    return f"{_many(len(table), 'pair', 'pairs')} of {what}, by their actions: {parts}."


def _kind(table: pd.DataFrame) -> tuple[str, str]:
    countries = set(table["set"]) == {"countries"}
    return ("country", "countries") if countries else ("region", "regions")


def _part(some: int, count: int, one: str, more: str = "") -> str:
    """Return "3 of 10 hotspots have", "1 of 10 hotspots has" or "0 of 1 hotspot has"."""
    part = f"{some:,} of {_many(count, one, more or f'{one}s')}"
    return f"{part} {'has' if some == 1 or count == 1 else 'have'}"


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"


def _number(digits: int, scale: float = 1) -> Callable[[float], str]:
    def write(value: float) -> str:
        """Return the number as text; nothing for a missing one."""
        return "" if math.isnan(value) else f"{value * scale:,.{digits}f}"

    return write


def _short(value: float) -> str:
    return "" if math.isnan(value) else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"


def _known(by_country: str) -> str:
    """Return the registry's completeness in a country, or in how many of several it is lowest."""
    codes = [part.rpartition(":")[2] for part in by_country.split(";") if part]
    if not codes:
        return ""
    from hotspots.analysis.gaps.columns import COMPLETENESS

    worst = min(codes, key=COMPLETENESS.index)
    level = worst.replace("_", " ")
    some = len(set(codes)) > 1
    return f"{level} in {codes.count(worst)} of {len(codes)}" if some else level


def _listed(text: str) -> str:
    codes = text.replace(";", ",").split(",")
    return ", ".join(codes[:_MOST_LISTED]) + (", …" if len(codes) > _MOST_LISTED else "")


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


_WRITTEN: Mapping[str, Callable[[Any], str]] = {
    "": str,
    "d": str,
    "list": _listed,
    "cut": _cut,
    "known": _known,
    "words": lambda text: text.replace("_", " "),
    "kilo": _number(1, 1e-3),
    "round": _number(0),
    "percent": _number(1, 100),
    "short": _short,
}
_TEXT = ("", "list", "cut", "known", "words")
