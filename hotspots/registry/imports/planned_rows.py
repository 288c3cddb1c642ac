"""Rows of an import while they are planned: their values, and the records that they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from hotspots.locale.messages import Message
from hotspots.registry.database import queries
from hotspots.registry.schema import validation, values
from hotspots.registry.schema.fields import fields
from hotspots.registry.schema.measures import is_doubtful
from hotspots.registry.schema.problems import Problem
from hotspots.registry.schema.records import Cells, Record, Values, list_of, text_of
from hotspots.registry.schema.slugs import id_for

NEW, CHANGED, SAME, REFUSED = "new", "changed", "same", "refused"
OUTCOMES = (NEW, CHANGED, SAME, REFUSED)
_IDENTIFYING = ("name", "type", "country", "regions")


@dataclass
class PlannedRow:
    """A row during planning; each step of `plan_import` adds what it finds.

    Attributes
    ----------
    number, cells : int, mapping of str to str
        The row as given.
    named : dict of str to Value
        The values of its cells; None for an empty cell.
    problems : list of Problem
        Reasons to refuse it, and warnings.
    id : str
        Id of its record, given or assigned by `identify`.
    before, after : mapping
        The record in the registry, None if it is new; the record as it will be.
    """

    number: int
    cells: Cells
    named: Values
    problems: list[Problem]
    id: str
    before: Record | None = None
    after: Values = field(default_factory=dict)

    @classmethod
    def of(cls, number: int, cells: Cells) -> PlannedRow:
        """Return a row with its cells parsed."""
        parsed = validation.parse(cells, number)
        return cls(number, cells, parsed.values, parsed.problems, text_of(parsed.values, "id"))

    def refuse(self, column: str, reason: str) -> None:
        """Refuse the row, with a reason."""
        given = values.write(self.named.get(column)) or self.cells.get(column, "")
        self.problems.append(Problem(self.number, column, given, reason))

    def settle_doubts(self) -> None:
        """Take the record's own number for a cell of its export that may mean this number.

        A spreadsheet that saves an export writes 12.3450 as 12.345 or 12,345.
        """
        if self.before is None or not self.named.get("version"):
            return
        for problem in list(self.problems):
            value = self.before.get(problem.column)
            if isinstance(value, float) and is_doubtful(
                fields()[problem.column], problem.value, value
            ):
                self.problems.remove(problem)
                self.named[problem.column] = value

    @property
    def outcome(self) -> str:
        """New, changed, same or refused, according to the checks so far."""
        if any(problem.serious for problem in self.problems):
            return REFUSED
        if self.before is None:
            return NEW
        return CHANGED if self.after != self.before else SAME

    @property
    def related_ids(self) -> list[str]:
        """Ids of the records that its relations name."""
        return [values.relation(text).other for text in list_of(self.after, "relations")]


def identify(connection: sa.Connection, rows: Sequence[PlannedRow]) -> None:
    """Find the record of each row by id or name; assign ids to new records without one."""
    by_id: dict[str, list[PlannedRow]] = {}
    for row in rows:
        if row.id:
            by_id.setdefault(row.id, []).append(row)
    for id_, same in by_id.items():
        for row in same if len(same) > 1 else ():
            others = ", ".join(str(other.number) for other in same if other is not row)
            row.refuse("id", Message("row.id_twice", id=id_, others=others))
    _assign_ids(connection, [row for row in rows if row.cells and not row.cells.get("id")], by_id)
    known = [row.id for row in rows if row.id]
    merged, found = queries.current_ids(connection, known), queries.fetch(connection, known)
    for row in rows:
        row.before = found.get(row.id)
        if row.id in merged:
            row.refuse("id", Message("row.id_merged", id=row.id, other=merged[row.id]))


def _assign_ids(
    connection: sa.Connection, rows: Sequence[PlannedRow], given: Mapping[str, object]
) -> None:
    """Assign ids to rows without one: that of the matching record, or a free one.

    A record of the registry matches only if name, type, country and regions are identical;
    otherwise it is a different record with a similar name. `given` has the ids of other rows.
    """
    stems = [id_for(row.named) for row in rows]
    there = queries.fetch(connection, stems)
    merged = set(queries.current_ids(connection, stems))
    used = set(given)
    # The search for a free number goes on where it ended for the same name.
    last: dict[str, int] = {}
    for row, stem in zip(rows, stems, strict=True):
        made, number = stem, last.get(stem, 1)
        # A merged id fits its name: `identify` then refuses the row and names the id to use.
        while made in used or (made not in merged and _is_another(connection, made, row, there)):
            number += 1
            made = f"{stem}-{number}"
        last[stem] = number
        row.id = made
        used.add(made)


def _is_another(
    connection: sa.Connection, id_: str, row: PlannedRow, there: Mapping[str, Record]
) -> bool:
    """Return whether this id belongs to a record that does not match the row."""
    record = there.get(id_) or queries.fetch(connection, [id_]).get(id_)
    return record is not None and any(record.get(n) != row.named.get(n) for n in _IDENTIFYING)
