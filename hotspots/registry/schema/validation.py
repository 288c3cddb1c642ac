"""Validation of the cells of a row, and of a record as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hotspots.registry.schema import values
from hotspots.registry.schema.fields import fields, names
from hotspots.registry.schema.problems import Problem
from hotspots.registry.schema.records import Cells, Record, Values, number_of, text_of
from hotspots.registry.schema.vocabulary import vocabulary


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
    for name, text in cells.items():
        try:
            found[name] = values.read(fields()[name], text)
        except ValueError as fault:
            problems.append(Problem(row, name, text, str(fault)))
    return Parsed(found, problems)


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
            yield _Reason(field.name, _absent(field.name, field.vocabulary, str(kind or "record")))
        if given and kind is not None and kind not in field.types:
            having = ", ".join(sorted(field.types))
            yield _Reason(
                field.name, f"a record of the type {kind} has no such field (only {having})"
            )
    yield from _place_reasons(record)
    yield from _order_reasons(record)
    contacts = [name for name in names("contact") if name in record]
    if contacts == ["contact_consent"]:
        yield _Reason("contact_consent", "consent is given, but there is no contact")


def _absent(name: str, list_name: str, kind: str) -> str:
    known = list(vocabulary().get(list_name, ()))
    listed = f", such as {', '.join(known[:4])}" if known else ""
    article = "an" if kind[0] in "aeiou" else "a"
    return f"it is empty; {article} {kind.replace('_', ' ')} must have it{listed}"


def _place_reasons(record: Record) -> Iterator[_Reason]:
    if ("latitude" in record) != ("longitude" in record):
        missing = "latitude" if "longitude" in record else "longitude"
        yield _Reason(missing, "latitude and longitude must be given together, or both left empty")
    if "place_precision" not in record and ("latitude" in record or "footprint" in record):
        allowed = ", ".join(vocabulary()["place_precision"])
        yield _Reason("place_precision", f"a position needs its precision, one of {allowed}")


def _order_reasons(record: Record) -> Iterator[_Reason]:
    start, end = text_of(record, "start"), text_of(record, "end")
    # Compared at the precision of the end: 2018 isn't before 2018-05.
    if start and end and end < start[: len(end)]:
        yield _Reason("end", f"it ends ({end}) before it starts ({start})")
    sizes = [number_of(record, name) for name in ("effect_low", "effect_size", "effect_high")]
    known = [size for size in sizes if size is not None]
    if known != sorted(known):
        yield _Reason("effect_size", "lowest, mean and highest effect are not in that order")
    if any(name in record for name in ("effect_low", "effect_high", "effect_n")) and (
        "effect_size" not in record
    ):
        yield _Reason("effect_size", "an effect's range or number of sites needs the effect itself")
