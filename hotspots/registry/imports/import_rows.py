"""Importing rows into a registry: all valid ones in a single transaction, or none."""

from __future__ import annotations

import sqlalchemy as sa

from hotspots.errors import RegistryError
from hotspots.locale import text
from hotspots.registry.database.changes import add_to_journal, apply
from hotspots.registry.imports.plan import GivenRows, ImportChoices, Plan, plan_import
from hotspots.registry.permissions import Actor
from hotspots.registry.schema.addresses import personal_in
from hotspots.registry.schema.problems import problem_report


class RefusedError(RegistryError):
    """An import was rejected because of refused rows; `plan` has the outcome of each row."""

    def __init__(self, message: str, plan: Plan) -> None:
        super().__init__(message)
        self.plan = plan


def import_rows(
    connection: sa.Connection, given: GivenRows, actor: Actor, now: str, choices: ImportChoices
) -> Plan:
    """Import rows within the caller's transaction; return what was done with each.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        Connection from `writing`.
    given : GivenRows
        The rows, and problems of reading them.
    actor : Actor
        The actor, whose permissions are checked for each row.
    now : str
        The current time (UTC).
    choices : ImportChoices
        How rows are imported.

    Raises
    ------
    RefusedError
        Rows were refused, and `choices.skip_bad` is false; nothing is written.
    """
    plan = plan_import(connection, given, actor, now, choices)
    require_importable(plan, choices)
    if plan.changes:
        apply(connection, plan.changes, actor, now)
        counts = ", ".join(f"{n} {outcome}" for outcome, n in plan.counts.items() if n)
        # Files are named after persons, too, and the journal is kept for good.
        target = "a file" if personal_in(choices.origin) else choices.origin
        add_to_journal(connection, actor, now, "import", target, counts)
    return plan


def require_importable(plan: Plan, choices: ImportChoices) -> None:
    """Raise `RefusedError` if the plan refuses rows that the choices don't allow to skip."""
    if plan.problems and not choices.skip_bad:
        report = problem_report(plan.problems, choices.origin)
        raise RefusedError(f"{report}\n{text('row.nothing', choices.lang)}", plan)
