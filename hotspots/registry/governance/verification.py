"""Finding records whose verification is outdated, and verifying them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from hotspots.errors import BadInputError, NotAllowedError, RegistryError
from hotspots.io import clock
from hotspots.registry.database import queries, rows, tables
from hotspots.registry.database.changes import apply
from hotspots.registry.imports.plan import GivenRows, plan_import
from hotspots.registry.imports.planned_rows import SAME
from hotspots.registry.permissions import CORRESPONDENT, Actor, countries_of, may_keep, require_keep
from hotspots.registry.schema.records import Values, id_of, text_of, version_of

if TYPE_CHECKING:
    import pandas as pd
    import sqlalchemy as sa

    from hotspots.registry.registry import Registry

OLD_DAYS = 730
_PAGE = 5_000
_COLUMNS = ("id", "type", "name", "country", "owner", "verified_on", "changed")
_NEEDED = ("no", "regions", *_COLUMNS)


def stale(
    registry: Registry,
    older_than_days: int = OLD_DAYS,
    region: str | None = None,
    today: date | None = None,
) -> pd.DataFrame:
    """Return records with an outdated or missing verification; never verified ones first.

    Parameters
    ----------
    registry : Registry
        The registry; for a correspondent only the records that they maintain.
    older_than_days : int
        Days since the last verification.
    region : str, optional
        Only records with their seat or activity in this country or region.
    today : date, optional
        Reference date, UTC; the current date by default.

    Returns
    -------
    DataFrame
        id, type, name, country, owner, verified_on, changed (text, "" if missing) and age_days:
        days since the verification, NaN if never verified.

    Raises
    ------
    BadInputError
        Negative number of days, or unknown region.
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
    found.sort(key=lambda record: (text_of(record, "verified_on"), id_of(record)))
    table = pd.DataFrame(
        [[r.get(name, "") for name in _COLUMNS] for r in found], columns=list(_COLUMNS)
    )
    ages = [_age(text_of(record, "verified_on"), today) for record in found]
    return table.assign(age_days=pd.Series(ages, dtype="float64"))


class Verified(NamedTuple):
    """Ids of the records verified now, and of those that already were today."""

    now: list[str]
    before: list[str]


def verify(registry: Registry, ids: Iterable[str], today: date | None = None) -> Verified:
    """Confirm that records are correct: sets `verified_on` to the current date.

    Returns
    -------
    Verified
        Ids of the records verified now, and of those already verified today.

    Raises
    ------
    NotAllowedError
        The actor may not change one of the records; none is verified.
    RegistryError
        Unknown or invalid record; none is verified.
    """
    day, now = (today or clock.today()).isoformat(), clock.now()
    with registry.writing() as connection:
        given = list(dict.fromkeys(ids))
        current = queries.current_ids(connection, given)
        record_ids = list(dict.fromkeys(current.get(id, id) for id in given))
        versions = _versions(connection, registry.actor, record_ids)
        verifications = [
            # With its version: without one, a record last changed by somebody else is refused.
            (at, {"id": id, "verified_on": day, "version": str(versions[id])})
            for at, id in enumerate(record_ids, start=1)
        ]
        made = plan_import(connection, GivenRows(verifications), registry.actor, now)
        if made.problems:
            first = made.problems[0]
            raise RegistryError(
                f"'{record_ids[first.row - 1]}' can't be verified, since it is not valid:"
                f" {first.column}: {first.reason.rstrip('.')}. Correct the record first."
                " Nothing was verified."
            )
        apply(connection, made.changes, registry.actor, now)
    done = {entry.id for entry in made.entries if entry.outcome != SAME}
    return Verified(
        [id for id in record_ids if id in done], [id for id in record_ids if id not in done]
    )


def _versions(connection: sa.Connection, actor: Actor, ids: Iterable[str]) -> dict[str, int]:
    """Return id -> version; permissions are checked even if no change is needed."""
    found = queries.fetch(connection, ids)
    for id in ids:
        if id not in found:
            raise queries.unknown_id(id)
        try:
            require_keep(actor, found[id], "verify")
        except NotAllowedError as fault:
            raise NotAllowedError(f"{fault} Nothing was verified.") from fault
    return {id: version_of(record) for id, record in found.items()}


def _unverified(connection: sa.Connection, before: str, region: str | None) -> Iterator[Values]:
    countries = [] if region in (None, "world") else [str(region), *countries_of(str(region))]
    criteria = queries.Criteria(countries=countries, stale_before=before)
    after = 0
    while True:
        query = queries.page_query(connection, criteria, after=after, limit=_PAGE)
        # Without footprints and texts, which would be read for nothing.
        needed = query.with_only_columns(*(tables.record.c[name] for name in _NEEDED))
        page = [dict(row) for row in connection.execute(needed).mappings()]
        yield from map(rows.from_row, page)
        if len(page) < _PAGE:
            return
        after = page[-1]["no"]


def _age(verified_on: str, today: date) -> float:
    return float((today - date.fromisoformat(verified_on)).days) if verified_on else float("nan")
