"""Responses from an edition's table: every number with its unit, every missing one with a reason.

Nothing is computed here; the numbers are those in ``edition.table``.
"""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Hashable, Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from hotspots.api.models import (
    Caveat,
    Input,
    Names,
    Quantity,
    RegionDetail,
    RegionEntry,
    RegionKind,
    Summary,
)
from hotspots.edition.caveats import caveats_of_region
from hotspots.edition.codebook import column_unit
from hotspots.edition.edition import Edition
from hotspots.errors import UnknownRegionError
from hotspots.geo import countries
from hotspots.locale import has_text, text

if TYPE_CHECKING:
    import pandas as pd

    Row = pd.Series[Any]  # of an edition's table

# The table's sets as values of `Region.kind`: "total" is the whole area of an edition that isn't
# global, "outside" the land that no region covers; any other set is defined by the user.
KINDS: Mapping[str, RegionKind] = {
    "countries": "country",
    "initiative": "initiative",
    "total": "total",
    "outside": "outside",
}
WORLD: RegionKind = "world"
MOST_MATCHES = 3
_RANKS = ("rank", "rank_low", "rank_high", "top_k_share")
_ISO2 = re.compile(r"[a-z]{2}", flags=re.IGNORECASE)
_BOX = re.compile(r"\s*[-+.\d]+\s*(,\s*[-+.\d]+\s*){3}")
NO_VALUE = "nothing to state here: the region has no land, or no data, that this number stands for"
NO_RANK = "it is the only region of its set with this number, and a set of one has no ranks"
NO_DATA = "the data hold no valid cell in this region nor within two cell widths of it"


def region_entries(edition: Edition, kind: RegionKind | None = None) -> list[RegionEntry]:
    """Return the regions in the order of the table; only those of `kind` if given."""
    entries = (_entry(key, row) for key, row in edition.table.iterrows())
    return [entry for entry in entries if kind in (None, entry.kind)]


def region_detail(edition: Edition, region_id: str) -> RegionDetail:
    """Return one region with its links and, for a region of the Initiative, its members."""
    from hotspots.geo.regions import initiative_members

    entry = _entry(*find_row(edition, region_id))
    members = initiative_members().get(entry.id) if entry.kind == "initiative" else None
    return RegionDetail(**entry.model_dump(), members=members, summary=f"{entry.link}/summary")


def region_summary(edition: Edition, region_id: str, lang: str = "en") -> Summary:
    """Return a region's numbers with units, provenance and caveats; the caveats in `lang`."""
    key, row = find_row(edition, region_id)
    manifest = edition.manifest
    return Summary(
        **_entry(key, row).model_dump(),
        edition=edition.id,
        value_from=str(row["value_from"]),
        note=_text(row.get("note")),
        values=dict(_quantities(row)),
        inputs=[_input(name, entry) for name, entry in manifest["inputs"].items()],
        caveats=_caveats(edition, key, lang),
        notes=manifest["notes"],
    )


def find_row(edition: Edition, region_id: str) -> tuple[Hashable, Row]:
    """Return index and row of a region by id or ISO 3166-1 alpha-2 code, ignoring case.

    Only ids of the table and of the packaged list of countries are looked up, never
    `hotspots.region`, which would open a file named by the caller and compute outlines.
    """
    given = region_id.strip()
    ids = {str(key).casefold(): key for key in edition.table.index}
    named = [given, *(countries.find(given) if _ISO2.fullmatch(given) else [])]
    for name in named:
        if name.casefold() in ids:
            key = ids[name.casefold()]
            return key, edition.table.loc[key]
    if _BOX.fullmatch(region_id):
        raise UnknownRegionError(
            f"'{region_id}' is a box; this service has numbers for countries, regions of the "
            "initiative and the whole only, which /v1/regions lists."
        )
    if outside := _outside(edition, given):
        raise UnknownRegionError(outside)
    raise UnknownRegionError(
        f"No region has the id '{_shortened(region_id)}'{_matches(edition, region_id)} "
        "Use an id that /v1/regions lists, such as KEN or world."
    )


def _outside(edition: Edition, given: str) -> str:
    """Return that a real country or region of the initiative has no row; "" for other words."""
    from hotspots.geo.initiative import groups

    found = countries.find(given)
    if len(found) == 1:
        (code,) = found
        name = countries.countries()[code].names["en"]
    elif given.casefold() in groups():
        code = given.casefold()
        name = groups()[code].names["en"]
    else:
        return ""
    # Known by its name only: the near matches name its id.
    if code in edition.table.index:
        return ""
    region = edition.manifest.get("region", "")
    of = f", which is of {_named(edition, str(region))}" if region else ""
    return (
        f"{name} ({code}) lies outside this edition{of}, or its table has no row of it."
        " /v1/regions lists the regions that it has."
    )


def _named(edition: Edition, region: str) -> str:
    name = str(edition.table["name_en"].to_dict().get(region, region))
    return name if region in (name, WORLD) else f"{name} ({region})"


def _matches(edition: Edition, given: str) -> str:
    """Return "; did you mean Kenya (KEN)?" for the most similar names and ids, or "."."""
    labels: dict[str, str] = {}
    for key, row in edition.table.iterrows():
        label = f"{row['name_en']} ({key})"
        for word in (key, row["name_en"], row["name_fr"], row["name_es"]):
            labels.setdefault(str(word).casefold(), label)
    name = given.strip().casefold()
    words = [name] if name in labels else get_close_matches(name, labels, n=MOST_MATCHES)
    found = list(dict.fromkeys(labels[word] for word in words))
    return f"; did you mean {' or '.join(found)}?" if found else "."


def _shortened(given: str, most: int = 80) -> str:
    return given if len(given) <= most else f"{given[:most]}…"


def _caveats(edition: Edition, key: Hashable, lang: str) -> list[Caveat]:
    """Return the caveats that apply to a region."""
    held, ids = edition.manifest["caveats"], caveats_of_region(edition, key)
    # A caveat of another version, which the catalogues lack, keeps its English text.
    words = {i: text(f"caveat.{i}", lang) if has_text(f"caveat.{i}") else held[i] for i in ids}
    return [Caveat(id=i, text=words[i]) for i in ids]


def _entry(key: Hashable, row: Row) -> RegionEntry:
    kind = WORLD if key == WORLD else KINDS.get(str(row["set"]), "custom")
    names = Names(en=row["name_en"], fr=row["name_fr"], es=row["name_es"])
    return RegionEntry(id=str(key), kind=kind, names=names, link=f"/v1/regions/{key}")


def _quantities(row: Row) -> Iterator[tuple[str, Quantity]]:
    for column, value in row.items():
        unit, meaning = column_unit(str(column))
        if not unit:
            continue
        number = _number(value)
        reason = None if number is not None else _why_missing(str(column), row)
        yield str(column), Quantity(value=number, unit=unit, meaning=meaning, reason=reason)


def _number(value: Any) -> float | int | None:
    """Return a Python number, or None if missing; integers stay integers, floats are unrounded."""
    import pandas as pd

    # JSON has neither NaN nor infinity.
    if pd.isna(value) or not math.isfinite(value):
        return None
    return int(value) if isinstance(value, numbers.Integral) else float(value)


def _why_missing(column: str, row: Row) -> str:
    if row["value_from"] == "missing":
        return NO_DATA
    return NO_RANK if column in _RANKS and _is_alone(row) else NO_VALUE


def _is_alone(row: Row) -> bool:
    """Return whether a row without a rank has the potential that is ranked."""
    names = [str(name) for name in row.index]
    potentials = [n for n in names if n.startswith("potential_") and n.endswith("_total")]
    return any(_number(row[name]) is not None for name in potentials)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _input(name: str, entry: Mapping[str, Any]) -> Input:
    fields = {
        key: _text_or_none(entry.get(key)) for key in ("year", "licence", "source", "citation")
    }
    return Input(name=name, **fields)


def _text_or_none(value: object) -> str | None:
    return None if value in (None, "") else str(value)
