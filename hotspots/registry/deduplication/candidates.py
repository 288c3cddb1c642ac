"""Likely duplicates among records: by ids, web address, names and position.

Only records of the same type are compared. Each piece of evidence has a strength e from 0 to 1;
their combination is

    score = 1 - product of (1 - e)    (at most 0.99 without a common id)

=========================  =====================================================================
evidence                   strength
=========================  =====================================================================
same ROR id, WOCAT id or   1, regardless of other differences
id elsewhere
same data DOI              0.6: several actions may share their data
same web address           0.85 of organisations, 0.5 of others; 0.3 if more than three records
                           have it. Scheme, www., a default page and a trailing language code
                           are ignored; other pages of the same host are not evidence
names alike                likeness * knowledge * countries of
`hotspots.registry.deduplication.name_similarity`: names
                           in all languages and other names, all against all
near points                0.4 in addition to similar names: within 1 km, if both are exact;
                           two offices in one town are not evidence
=========================  =====================================================================

If ROR ids, or ids in the same external registry, are given and differ, the score is halved.

Pairs are searched within blocks, not among all records: same id, address, squeezed name, grid cell,
or one of the rarest words of a name that make up 40 % of its weight. Pairs that reach the threshold
by names alone share such a word, so that blocks miss none, with one exception: in a block of more
than `_MOST` records, sorted alphabetically, each is compared with the next `_NEXT` only.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypedDict

from hotspots.locale.messages import Message
from hotspots.registry.deduplication.name_similarity import GivenName, Name, Names, names_of
from hotspots.registry.schema.fields import ORGANISATION
from hotspots.registry.schema.records import Record, id_of, list_of, point_of, text_of

THRESHOLD = 0.75  # pairs with a lower score are not reported
NEAR_KM = 1.0
_NOT_SURE = 0.99
_MOST, _NEXT = 60, 8
_EARTH_KM = 6371.0
# Half a cell is the distance that counts as near, see `_cells`.
_CELL_KM = 2 * NEAR_KM
_PAGE = re.compile(r"/(?:index|default|home)(?:\.\w+)?$")
_LANGUAGE_STEP = re.compile(r"/(?:en|fr|es|pt)(?:[-_][a-z]{2})?$")


@dataclass(frozen=True)
class Pair:
    """A pair of likely duplicates.

    Attributes
    ----------
    a, b : str
        Their ids, in the order of the records.
    score : float
        From `THRESHOLD` to 1, sure.
    reasons : tuple of str
        Evidence for and against.
    """

    a: str
    b: str
    score: float
    reasons: tuple[str, ...]


def likely_pairs(records: Iterable[Record], *, among: Collection[str] | None = None) -> list[Pair]:
    """Return pairs of likely duplicates, by decreasing score.

    Parameters
    ----------
    records
        All records, including new ones; unique ids.
    among
        Ids; only pairs with at least one of them, which is much faster for few ids.
    """
    index = _Index.of(records)
    new = None
    if among is not None:
        ids = set(among)
        new = {n for n, record in enumerate(index.records) if id_of(record) in ids}
    found: dict[tuple[int, int], Pair] = {}
    for pair in _candidates(index, new):
        if pair not in found and (likely := index.compare(*pair)):
            found[pair] = likely
    return sorted(found.values(), key=lambda pair: (-pair.score, pair.a, pair.b))


class DuplicateRow(TypedDict):
    """A pair of likely duplicates with the records' names, in JSON-compatible form."""

    id: str
    name: str
    other_id: str
    other_name: str
    score: float
    reasons: list[str]


def duplicate_rows(records: Iterable[Record]) -> list[DuplicateRow]:
    """Return the likely duplicates among records, the most likely first."""
    by_id = {id_of(record): record for record in records}
    return [
        {
            "id": pair.a,
            "name": text_of(by_id[pair.a], "name"),
            "other_id": pair.b,
            "other_name": text_of(by_id[pair.b], "name"),
            "score": pair.score,
            "reasons": list(pair.reasons),
        }
        for pair in likely_pairs(by_id.values())
    ]


class _Evidence(NamedTuple):
    """What speaks for a pair; its sentence is made only of a pair that is reported."""

    strength: float  # from 0 to 1
    key: str  # of the catalogue's [duplicate]
    values: Mapping[str, str] = {}


@dataclass(slots=True)
class _Item:
    id: str
    type: str
    country: str
    names: list[Name]
    web: str
    ids: frozenset[str]
    doi: str
    point: tuple[float, float] | None


@dataclass(frozen=True)
class _Index:
    """The records with words, weights and addresses; further attributes only when compared.

    Attributes are computed once per record, not once per pair.
    """

    records: list[Record]
    given: list[list[GivenName]]
    names: Names
    webs: list[str]
    sharers: Counter[str]
    _items: dict[int, _Item] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Iterable[Record]) -> _Index:
        """Return the index of all records."""
        listed = list(records)
        given = [names_of(record) for record in listed]
        webs = [_address(text_of(record, "web")) for record in listed]
        return cls(listed, given, Names.of(given), webs, Counter(webs))

    def item(self, n: int) -> _Item:
        """Return a record prepared for comparison."""
        if n not in self._items:
            record = self.records[n]
            self._items[n] = _Item(
                id_of(record),
                text_of(record, "type"),
                _country(record),
                [self.names.prepared(one) for one in self.given[n]],
                self.webs[n],
                _ids(record),
                text_of(record, "data_doi").casefold(),
                _exact_point(record),
            )
        return self._items[n]

    def compare(self, first: int, second: int) -> Pair | None:
        """Return the pair, if its score reaches the threshold."""
        a, b = self.item(first), self.item(second)
        if a.type != b.type:
            return None
        evidence = [*_same_ids(a, b), *self._same_web(a, b), *self._alike(a, b)]
        # Probability that at least one piece of evidence holds, if they were independent.
        score = 1 - math.prod(1 - one.strength for one in evidence)
        if not a.ids & b.ids:
            score = min(score, _NOT_SURE) * (0.5 if _differing_ids(a, b) else 1)
        if score < THRESHOLD:
            return None
        reasons = [Message(f"duplicate.{one.key}", **one.values) for one in evidence]
        if a.country and b.country and a.country != b.country:
            reasons.append(Message("duplicate.countries", a=a.country, b=b.country))
        return Pair(a.id, b.id, round(score, 3), tuple(reasons))

    def _same_web(self, a: _Item, b: _Item) -> Iterator[_Evidence]:
        if not a.web or a.web != b.web:
            return
        sharers = self.sharers[a.web]
        if sharers > 3:
            yield _Evidence(0.3, "web_shared", {"count": f"{sharers}"})
        else:
            yield _Evidence(0.85 if a.type == ORGANISATION else 0.5, "web")

    def _alike(self, a: _Item, b: _Item) -> Iterator[_Evidence]:
        best: _Evidence | None = None
        for x in a.names:
            for y in b.names:
                if likeness := self.names.likeness(x, y):
                    strength = likeness * self.names.knowledge(x, y, a.country, b.country)
                    if best is None or strength > best.strength:
                        best = _alike_names(strength, likeness, x, y)
        if best is None:
            return
        yield best
        if a.point and b.point and (km := _km(a.point, b.point)) <= NEAR_KM:
            yield _Evidence(0.4, "apart", {"metres": f"{km * 1000:.0f}"})


def _country(record: Record) -> str:
    regions = list_of(record, "regions")
    # Three letters are the id of a country.
    only = regions[0] if len(regions) == 1 and len(regions[0]) == 3 else ""
    return text_of(record, "country") or only


def _ids(record: Record) -> frozenset[str]:
    given = [f"{name} {record[name]}" for name in ("ror", "wocat_id") if name in record]
    return frozenset([*given, *list_of(record, "external_ids")])


def _exact_point(record: Record) -> tuple[float, float] | None:
    return point_of(record) if record.get("place_precision") == "exact" else None


def _address(web: str) -> str:
    """Return the distinguishing part of a web address: host and path, without defaults."""
    address = web.partition("://")[2].partition("#")[0].casefold().removeprefix("www.").rstrip("/")
    return _LANGUAGE_STEP.sub("", _PAGE.sub("", address)) if "/" in address else address


def _same_ids(a: _Item, b: _Item) -> Iterator[_Evidence]:
    for same in sorted(a.ids & b.ids):
        kind = same.split(" ")[0]
        yield (
            _Evidence(1.0, kind)
            if kind in ("ror", "wocat_id")
            else _Evidence(1.0, "id", {"id": same})
        )
    if a.doi and a.doi == b.doi:
        yield _Evidence(0.6, "doi")


def _differing_ids(a: _Item, b: _Item) -> bool:
    """Return whether both have ids in the same registry, given that none is in common."""
    return not {_registry(one) for one in a.ids}.isdisjoint(_registry(one) for one in b.ids)


def _registry(one: str) -> str:
    return one.split(" ")[0] if one.startswith(("ror ", "wocat_id ")) else one.partition(":")[0]


def _alike_names(strength: float, likeness: float, x: Name, y: Name) -> _Evidence:
    language = x.language or y.language
    where = "_in" if language else ""
    if likeness == 1:
        return _Evidence(strength, f"name{where}", {"name": x.text, "language": language})
    names = {"a": x.text, "b": y.text, "language": language}
    return _Evidence(strength, f"alike{where}", names)


def _candidates(index: _Index, new: set[int] | None) -> Iterator[tuple[int, int]]:
    """Yield index pairs of records that share a block, lower first, possibly repeated."""
    blocks: dict[tuple[object, ...], list[int]] = {}
    numbers = range(len(index.records))
    if new is None:
        for n in numbers:
            for key in _keys(index, n):
                blocks.setdefault(key, []).append(n)
    else:
        # Only blocks of the new records are of interest.
        blocks = {key: [] for n in new for key in _keys(index, n)}
        sought = index.names.spellings({str(key[2]) for key in blocks if key[0] == "word"})
        for n in numbers:
            # Prepare a record only if its names contain one of the words searched for.
            some = any(not sought.isdisjoint(name.words) for name in index.given[n])
            for key in _keys(index, n) if some else _plain_keys(index, n):
                if key in blocks:
                    blocks[key].append(n)
    for members in blocks.values():
        yield from _pairs_of(index, members, new)


def _pairs_of(index: _Index, members: list[int], new: set[int] | None) -> Iterator[tuple[int, int]]:
    width = len(members)
    if width > _MOST:
        # In alphabetical order, so that similar names are neighbours.
        members = sorted(members, key=lambda n: (index.given[n][0].squeezed, n))
        width = _NEXT + 1
    for at, one in enumerate(members):
        for other in members[at + 1 : at + width]:
            if new is None or one in new or other in new:
                yield (one, other) if one < other else (other, one)


def _keys(index: _Index, n: int) -> set[tuple[object, ...]]:
    item = index.item(n)
    found = {
        ("word", item.type, word)
        for name in item.names
        for word in index.names.rarest(name, THRESHOLD)
    }
    return found.union(_plain_keys(index, n))


def _plain_keys(index: _Index, n: int) -> Iterator[tuple[object, ...]]:
    record = index.records[n]
    kind = record["type"]
    for one in _ids(record):
        yield "id", kind, one
    if "data_doi" in record:
        yield "doi", kind, text_of(record, "data_doi").casefold()
    if index.webs[n]:
        yield "web", kind, index.webs[n]
    for name in index.given[n]:
        yield "name", kind, name.squeezed
    if point := _exact_point(record):
        yield from _cells(*point)


def _cells(latitude: float, longitude: float) -> Iterator[tuple[object, ...]]:
    """Yield a cell of each of four grids, half a cell apart: points within `NEAR_KM` share one."""
    rows = latitude / math.degrees(_CELL_KM / _EARTH_KM)
    for north in (0.0, 0.5):
        row = math.floor(rows + north)
        # The cells of a row are wide enough at its end nearer to the pole, too.
        furthest = max(abs(row - north), abs(row + 1 - north)) * _CELL_KM / _EARTH_KM
        around = 2 * math.pi * _EARTH_KM * math.cos(min(furthest, math.pi / 2))
        cells = max(1, math.floor(around / _CELL_KM))
        for east in (0.0, 0.5):
            # Longitudes from 0 to 360, so that cells continue across the antimeridian.
            column = math.floor(longitude % 360 / 360 * cells + east) % cells
            yield "near", north, east, row, column


def _km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Return the distance (km) of two points (latitude, longitude) on a sphere, within 0.6 %."""
    north, east = math.radians(b[0] - a[0]), math.radians(b[1] - a[1])
    across = math.cos(math.radians(a[0])) * math.cos(math.radians(b[0]))
    half = math.sin(north / 2) ** 2 + across * math.sin(east / 2) ** 2
    # Rounding may give just above 1 for opposite points, of which the arcsine is undefined.
    return 2 * _EARTH_KM * math.asin(math.sqrt(min(1.0, half)))
