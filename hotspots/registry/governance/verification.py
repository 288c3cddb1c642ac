"""Records that nobody has verified for long, and verifying them (WHO-12)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from hotspots.errors import BadInputError, NotAllowedError, RegistryError
from hotspots.registry import clock
from hotspots.registry.database import queries, rows, tables
from hotspots.registry.database.changes import apply
from hotspots.registry.imports.plan import SAME, plan
from hotspots.registry.permissions import CORRESPONDENT, Actor, countries_of, may_keep, require_keep

if TYPE_CHECKING:
    import pandas as pd
    import sqlalchemy as sa

    from hotspots.registry.registry import Registry

OLD_DAYS = 730
_PAGE = 5_000
_TOLD = ("id", "type", "name", "country", "owner", "verified_on", "changed")
_NEEDED = ("no", "regions", *_TOLD)


def stale(
    registry: Registry,
    older_than_days: int = OLD_DAYS,
    region: str | None = None,
    today: date | None = None,
) -> pd.DataFrame:
    """Return the records that nobody has verified for long; the oldest first, never before old.

    Parameters
    ----------
    registry : Registry
        The registry; for a correspondent only the records that they keep are told.
    older_than_days : int
        Days since the last verification.
    region : str, optional
        Only records that sit or work in this country or region.
    today : date, optional
        The day, UTC; the clock's by default.

    Returns
    -------
    DataFrame
        id, type, name, country, owner, verified_on, changed (text, "" if missing) and age_days:
        days since the verification, NaN where nobody ever verified it.

    Raises
    ------
    BadInputError
        A negative number of days, or an unknown region.
    """
    import pandas as pd

    today = today or clock.today()
    if not 0 <= older_than_days < today.toordinal():
        raise BadInputError(
            f"Records can't be older than {older_than_days} days; give a number from 0 on, such as"
            f" {OLD_DAYS}."
        )
    before = (today - timedelta(days=older_than_days)).isoformat()
    limited = registry.actor.role == CORRESPONDENT
    with registry.reading() as connection:
        found = [
            record
            for record in _unverified(connection, before, region)
            if not limited or may_keep(registry.actor, record)
        ]
    found.sort(key=lambda record: (record.get("verified_on", ""), record["id"]))
    table = pd.DataFrame([[r.get(name, "") for name in _TOLD] for r in found], columns=list(_TOLD))
    ages = [_age(record.get("verified_on"), today) for record in found]
    return table.assign(age_days=pd.Series(ages, dtype="float64"))


def verify(
    registry: Registry, ids: Iterable[str], today: date | None = None
) -> tuple[list[str], list[str]]:
    """Say that records are right as they stand: `verified_on` becomes today.

    Returns
    -------
    tuple
        The ids of those that are verified now, and of those that were verified today already.

    Raises
    ------
    NotAllowedError
        The actor doesn't keep one of the records; then none is verified.
    RegistryError
        No such record, or one that isn't sound; then none is verified.
    """
    day, now = (today or clock.today()).isoformat(), clock.now()
    with registry.writing() as connection:
        given = list(dict.fromkeys(ids))
        current = queries.current_ids(connection, given)
        wanted = list(dict.fromkeys(current.get(id, id) for id in given))
        versions = _kept(connection, registry.actor, wanted)
        asked = [
            (at, {"id": id, "verified_on": day, "version": str(versions[id])})
            for at, id in enumerate(wanted, start=1)
        ]
        made = plan(connection, asked, registry.actor, now)
        if made.problems:
            first = made.problems[0]
            raise RegistryError(
                f"'{wanted[first.row - 1]}' can't be verified, for it isn't sound: {first.column}:"
                f" {first.reason.rstrip('.')}. Mend the record first. Nothing was verified."
            )
        apply(connection, made.changes, registry.actor, now)
    done = {entry.id for entry in made.entries if entry.outcome != SAME}
    return [id for id in wanted if id in done], [id for id in wanted if id not in done]


def _kept(connection: sa.Connection, actor: Actor, ids: Iterable[str]) -> dict[str, int]:
    """Return id -> version; ask for the right first, also where nothing is left to be done."""
    found = queries.fetch(connection, ids)
    for id in ids:
        if id not in found:
            raise RegistryError(
                f"No record has the id '{id}'. 'hotspots registry list' shows them."
            )
        try:
            require_keep(actor, found[id], "verify")
        except NotAllowedError as fault:
            raise NotAllowedError(f"{fault} Nothing was verified.") from fault
    return {id: record["version"] for id, record in found.items()}


def _unverified(
    connection: sa.Connection, before: str, region: str | None
) -> Iterator[dict[str, Any]]:
    countries = [] if region in (None, "world") else [str(region), *countries_of(str(region))]
    after = 0
    while True:
        query = queries.page_query(
            connection, countries=countries, stale_before=before, after=after, limit=_PAGE
        )
        query = query.with_only_columns(*(tables.record.c[name] for name in _NEEDED))
        page = [dict(row) for row in connection.execute(query).mappings()]
        yield from map(rows.from_row, page)
        if len(page) < _PAGE:
            return
        after = page[-1]["no"]


def _age(verified_on: str | None, today: date) -> float:
    return float((today - date.fromisoformat(verified_on)).days) if verified_on else float("nan")
