"""Validation of rows and records before they are imported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hotspots.registry.schema import values
from hotspots.registry.schema.fields import fields, names
from hotspots.registry.schema.problems import Problem
from hotspots.registry.schema.vocabulary import vocabulary

Record = Mapping[str, Any]
# Certain errors of a position; the other codes are warnings.
_SERIOUS = frozenset({"null_island", "swapped", "sign"})


def parse(cells: Mapping[str, str], row: int) -> tuple[dict[str, Any], list[Problem]]:
    """Return the value of each cell by field name (None if empty), and the problems.

    Parameters
    ----------
    cells
        Text by field name; absent fields are not changed.
    row
        The row number, for the problems.
    """
    found: dict[str, Any] = {}
    problems = []
    for name, text in cells.items():
        try:
            found[name] = values.read(fields()[name], text)
        except ValueError as fault:
            problems.append(Problem(row, name, text, str(fault)))
    return found, problems


def check(record: Record, row: int = 0) -> list[Problem]:
    """Return the problems of a record as a whole, whose values are each valid."""
    return [
        Problem(row, name, values.write(record.get(name)), reason)
        for name, reason in _reasons(record)
    ]


def _reasons(record: Record) -> Iterator[tuple[str, str]]:
    kind = record.get("type")
    for field in fields().values():
        given = field.name in record
        if not given and (field.name == "type" or kind in field.required):
            yield field.name, _absent(field.name, field.vocabulary, str(kind or "record"))
        if given and kind is not None and kind not in field.types:
            having = ", ".join(sorted(field.types))
            yield field.name, f"a record of the type {kind} has no such field (only {having})"
    yield from _place_reasons(record)
    yield from _order_reasons(record)
    contacts = [name for name in names("contact") if name in record]
    if contacts == ["contact_consent"]:
        yield "contact_consent", "consent is given, but there is no contact"


def _absent(name: str, list_name: str, kind: str) -> str:
    known = list(vocabulary().get(list_name, ()))
    listed = f", such as {', '.join(known[:4])}" if known else ""
    article = "an" if kind[0] in "aeiou" else "a"
    return f"it is empty; {article} {kind.replace('_', ' ')} must have it{listed}"


def _place_reasons(record: Record) -> Iterator[tuple[str, str]]:
    if ("latitude" in record) != ("longitude" in record):
        missing = "latitude" if "longitude" in record else "longitude"
        yield missing, "latitude and longitude must be given together, or both left empty"
    if "place_precision" not in record and ("latitude" in record or "footprint" in record):
        allowed = ", ".join(vocabulary()["place_precision"])
        yield "place_precision", f"a position needs its precision, one of {allowed}"


def _order_reasons(record: Record) -> Iterator[tuple[str, str]]:
    start, end = record.get("start"), record.get("end")
    if start and end and end < start[: len(end)]:
        yield "end", f"it ends ({end}) before it starts ({start})"
    sizes = [record.get(name) for name in ("effect_low", "effect_size", "effect_high")]
    known = [size for size in sizes if size is not None]
    if known != sorted(known):
        yield "effect_size", "lowest, mean and highest effect are not in that order"
    if any(name in record for name in ("effect_low", "effect_high", "effect_n")) and (
        "effect_size" not in record
    ):
        yield "effect_size", "an effect's range or number of sites needs the effect itself"


def check_places(placed: Sequence[tuple[int, Record]]) -> list[Problem]:
    """Return implausible positions: at sea, at 0, 0, swapped coordinates, another country.

    Parameters
    ----------
    placed
        (row number, record) of the records with new positions; those without a point are
        skipped.
    """
    pointed = [(row, record) for row, record in placed if "latitude" in record]
    if not pointed:
        return []
    from hotspots.registry.gazetteer.checks import NOTES, check_points

    found = check_points(
        [record["latitude"] for _, record in pointed],
        [record["longitude"] for _, record in pointed],
        [record.get("country", "") for _, record in pointed],
    )
    return [
        Problem(
            pointed[at][0],
            "latitude",
            f"{pointed[at][1]['latitude']:g}, {pointed[at][1]['longitude']:g}",
            sentence.rstrip("."),
            serious=code in _SERIOUS,
        )
        for at, code, sentence in found
        # A representative point need not be exact.
        if code not in NOTES or pointed[at][1].get("place_precision") in ("exact", "locality")
    ]
