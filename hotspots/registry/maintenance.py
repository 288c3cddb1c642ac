"""Maintenance: validating all records, listing who maintains a region, restoring a backup."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from hotspots.errors import RegistryError
from hotspots.io import clock
from hotspots.locale import text
from hotspots.locale.messages import in_language
from hotspots.registry.database import queries
from hotspots.registry.database.connection import reading
from hotspots.registry.permissions import ADMINISTRATOR, CORRESPONDENT, LOCAL, Actor, require_role
from hotspots.registry.schema import validation, values
from hotspots.registry.schema.problems import Problem, RecordProblem
from hotspots.registry.schema.records import Record, id_of, list_of
from hotspots.registry.schema.vocabulary import label

if TYPE_CHECKING:
    from hotspots.geo.regions import Region
    from hotspots.registry.registry import Registry


def check_all(registry: Registry) -> list[RecordProblem]:
    """Return the problems of all records, by the validation rules of an import."""
    with registry.reading() as connection:
        records = list(queries.everything(connection))
        ids = {id_of(record) for record in records}
        gone = queries.current_ids(connection, ids)
    found: list[RecordProblem] = []
    for record in records:
        found += [RecordProblem(id_of(record), problem) for problem in _problems_of(record)]
        for relation in list_of(record, "relations"):
            if values.relation(relation).other not in ids:
                problem = Problem(0, "relations", relation, "no record has this id")
                found.append(RecordProblem(id_of(record), problem))
    from hotspots.registry.gazetteer.checks import check_places

    for problem in check_places(list(enumerate(records))):
        found.append(RecordProblem(id_of(records[problem.row]), problem.of_row(0)))
    found += [
        RecordProblem(
            id_, Problem(0, "id", id_, "it was merged into another record but still exists")
        )
        for id_ in gone
    ]
    return found


def _problems_of(record: Record) -> Iterator[Problem]:
    _, problems = validation.parse(values.to_cells(record), 0)
    yield from problems
    yield from validation.check(record)


def region_lines(registry: Registry, place: Region, lang: str = "en") -> Iterator[str]:
    """Yield lines on a region: its records' completeness, who maintains them, its surveys.

    Parameters
    ----------
    registry : Registry
        The registry.
    place : Region
        A country, a region of the initiative, the world, or a drawn area (completeness only).
    lang : str
        Language of the lines: "en", "fr" or "es".
    """
    from hotspots.registry.completeness import statement
    from hotspots.registry.governance.tokens import keepers
    from hotspots.registry.permissions import countries_of

    yield in_language(statement(registry.completeness(place)), lang)
    surveys = registry.surveys
    if place.kind not in ("country", "initiative", "world"):
        return
    members = countries_of(place.id)
    with registry.reading() as connection:
        kept = [actor for actor in keepers(connection, clock.now()) if actor.countries & members]
    names = sorted(actor.name for actor in kept if actor.role == CORRESPONDENT)
    keeping = ", ".join(names) or text("records.nobody", lang)
    yield text("records.maintained", lang, names=keeping)
    declared = [row for row in surveys.to_dict("records") if countries_of(row["region"]) & members]
    for row in declared:
        note = f" ({row['note']})" if row["note"] else ""
        said = {"region": row["region"], "day": row["on"], "by": row["by"], "note": note}
        level = label("survey", row["level"], lang).lower()
        yield text("records.survey", lang, level=level, **said)
    if not declared:
        yield text("records.no_survey", lang)


class Restored(NamedTuple):
    """The registry that was restored into, and the number of rows of each table."""

    source: str
    counts: Mapping[str, int]


def restore_into(file: Path, where: str | None, *, token: str | None, force: bool) -> Restored:
    """Restore a backup.

    Only an administrator may replace a registry that is not empty. Tokens are those of the
    backup; tokens revoked since then stay revoked.

    Parameters
    ----------
    file : Path
        A file written by `backup`; it is not modified.
    where : str or None
        Path or database URL of the registry, created if absent; None for the configured one.
    token : str or None
        Secret of an administrator of the registry to be replaced; None for that of the
        environment variable HOTSPOTS_TOKEN, if it is set.
    force : bool
        Replace a registry that is not empty, or a damaged SQLite file.
    """
    from hotspots.registry.database.backup import restore
    from hotspots.registry.database.connection import engine_for, log_ahead, shown
    from hotspots.registry.governance.tokens import keep_revoked
    from hotspots.registry.open import located

    engine = engine_for(located(where, create=True))
    actor = _restorer(engine, token)
    require_role(actor, ADMINISTRATOR, doing="restore a registry")
    # Read before the restoration, which replaces the tokens.
    digests = _revoked(engine)

    def keep(connection: sa.Connection) -> None:
        keep_revoked(connection, actor, digests, clock.now())

    counts = restore(file, engine, force=force, then=keep)
    log_ahead(engine)
    return Restored(shown(engine), counts)


def _restorer(engine: sa.Engine, token: str | None) -> Actor:
    """Return the actor; for a damaged file, whose tokens can't be read, the local administrator."""
    from hotspots.registry.database.backup import is_damaged
    from hotspots.registry.database.connection import is_sqlite
    from hotspots.registry.open import actor_there

    try:
        return actor_there(engine, token)
    except RegistryError:
        if is_sqlite(engine) and is_damaged(engine):
            return LOCAL
        raise


def _revoked(engine: sa.Engine) -> dict[str, tuple[str, str]]:
    """Return the revoked tokens; empty if the registry can't be read."""
    from hotspots.registry.governance.tokens import revoked_digests

    try:
        with reading(engine) as connection:
            return revoked_digests(connection)
    except RegistryError:
        return {}
