"""Validation of the cells of a row, and of a record as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hotspots.locale.messages import Message, message_of
from hotspots.registry.schema import coordinates, values
from hotspots.registry.schema.fields import fields, names
from hotspots.registry.schema.problems import Problem
from hotspots.registry.schema.records import Cells, Record, Values, number_of, text_of
from hotspots.registry.schema.vocabulary import vocabulary

_MOST_NAMED = 4  # codes given as examples
AXES = (coordinates.LATITUDE, coordinates.LONGITUDE)


class Parsed(NamedTuple):
    """The values of a row by field name, None for an empty cell; problems of the other cells."""

    values: Values
    problems: list[Problem]


def parse(cells: Cells, row: int) -> Parsed:
    """Return the values of a row, and the problems of the cells that have none.

    Parameters
    ----------
    cells
        Text by field name; absent fields are not changed.
    row
        The row number, for the problems.
    """
    found: Values = {}
    problems: list[Problem] = []
    for name, text in with_both_axes(cells).items():
        try:
            found[name] = values.read(fields()[name], text)
        except ValueError as fault:
            problems.append(Problem(row, name, text, _unread(name, text, fault)))
    return Parsed(found, problems)


def with_both_axes(cells: Cells) -> Cells:
    """Return cells in which a latitude that holds both coordinates, or a longitude, is divided.

    The other one's cell must be empty, absent or the same.
    """
    for own, other in (AXES, AXES[::-1]):
        text = cells.get(own, "")
        beside = cells.get(other, "").strip()
        if text and beside in ("", text.strip()) and (pair := coordinates.pair_in(text)):
            return {**cells, **dict(zip(AXES, pair, strict=True))}
    return cells


def _unread(name: str, text: str, fault: ValueError) -> str:
    if name in AXES and coordinates.pair_in(text):
        return Message("cell.pair", cell=text)
    return message_of(fault)


class _Reason(NamedTuple):
    column: str
    reason: str


def check(record: Record, row: int = 0) -> list[Problem]:
    """Return the problems of a record as a whole, whose values are each valid."""
    return [
        Problem(row, name, values.write(record.get(name)), reason)
        for name, reason in _reasons(record)
    ]


def _reasons(record: Record) -> Iterator[_Reason]:
    kind = record.get("type")
    for field in fields().values():
        given = field.name in record
        if not given and (field.name == "type" or kind in field.required):
            yield _Reason(field.name, _absent(field.vocabulary, str(kind or "record")))
        if given and kind is not None and kind not in field.types:
            yield _Reason(field.name, _misplaced(str(kind), field.types))
    yield from _place_reasons(record)
    yield from _order_reasons(record)
    contacts = [name for name in names("contact") if name in record]
    if contacts == ["contact_consent"]:
        yield _Reason("contact_consent", Message("row.consent_alone"))


def _absent(list_name: str, kind: str) -> Message:
    known = list(vocabulary().get(list_name, ()))[:_MOST_NAMED]
    whose = Message(f"row.a.{kind}")
    if not known:
        return Message("row.absent", kind=whose)
    return Message("row.absent_such", kind=whose, known=values.listed_codes(list_name, known))


def _misplaced(kind: str, types: frozenset[str]) -> Message:
    own = values.listed_codes("type", [kind])
    return Message("row.no_such_field", kind=own, having=values.listed_codes("type", sorted(types)))


def _place_reasons(record: Record) -> Iterator[_Reason]:
    if ("latitude" in record) != ("longitude" in record):
        missing = "latitude" if "longitude" in record else "longitude"
        yield _Reason(missing, Message("row.position_half"))
    if "place_precision" not in record and ("latitude" in record or "footprint" in record):
        known = values.listed_codes("place_precision", vocabulary()["place_precision"])
        yield _Reason("place_precision", Message("row.position_precision", known=known))


def _order_reasons(record: Record) -> Iterator[_Reason]:
    start, end = text_of(record, "start"), text_of(record, "end")
    # Compared at the precision of the end: 2018 isn't before 2018-05.
    if start and end and end < start[: len(end)]:
        yield _Reason("end", Message("row.ends_before", end=end, start=start))
    sizes = [number_of(record, name) for name in ("effect_low", "effect_size", "effect_high")]
    known = [size for size in sizes if size is not None]
    if known != sorted(known):
        yield _Reason("effect_size", Message("row.effect_order"))
    if any(name in record for name in ("effect_low", "effect_high", "effect_n")) and (
        "effect_size" not in record
    ):
        yield _Reason("effect_size", Message("row.effect_missing"))
