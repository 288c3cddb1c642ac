"""Surveys: declarations by correspondents of how completely a region is recorded."""

from __future__ import annotations

import sqlalchemy as sa

from hotspots.errors import BadInputError, NotAllowedError, RegistryError, near_matches
from hotspots.registry.database.changes import add_to_journal
from hotspots.registry.database.tables import survey
from hotspots.registry.governance.text_fields import checked, regions
from hotspots.registry.permissions import (
    ADMINISTRATOR,
    CORRESPONDENT,
    EDITOR,
    Actor,
    countries_of,
    require_role,
)

LEVELS = ("complete", "partial")
_MOST_NOTE = 1_000


def declare(
    connection: sa.Connection, actor: Actor, region: str, level: str, now: str, note: str = ""
) -> str:
    """Declare a survey of a region; an earlier survey of it is replaced.

    Parameters
    ----------
    connection, actor, now
        Connection from `writing`; an actor responsible for the whole region; the current time
        (UTC).
    region : str
        A country, a first-level unit such as KE-31, a region of the initiative, or "world".
    level : str
        "complete": all known actors of the region are recorded; "partial": a part was surveyed.
    note : str
        Scope of the survey, shown to all.

    Returns
    -------
    str
        The region's code.

    Raises
    ------
    NotAllowedError
        The actor is not responsible for the whole region.
    BadInputError
        Unknown region or level, or a note that can't be published.
    """
    code = _region_of(actor, region)
    if level not in LEVELS:
        raise BadInputError(
            f"'{level}' is not a level of a survey{near_matches(level, LEVELS) or '.'} Use"
            f" {' or '.join(LEVELS)}."
        )
    note = checked("The note", note, _MOST_NOTE)
    connection.execute(survey.delete().where(survey.c.region == code))
    connection.execute(
        survey.insert().values(region=code, level=level, day=now[:10], by=actor.name, note=note)
    )
    add_to_journal(connection, actor, now, "survey declared", code, level)
    return code


def withdraw(connection: sa.Connection, actor: Actor, region: str, now: str) -> str:
    """Withdraw the survey of a region; return its code.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        Connection from `writing`.
    actor : Actor
        A correspondent of the whole region, an editor or an administrator.
    region : str
        A country, a first-level unit such as KE-31, a region of the initiative, or "world".
    now : str
        The current time (UTC), for the journal.

    Raises
    ------
    NotAllowedError
        The actor is not responsible for the whole region.
    RegistryError
        No survey of it is declared.
    """
    code = _region_of(actor, region)
    if not connection.execute(survey.delete().where(survey.c.region == code)).rowcount:
        raise RegistryError(f"No survey of {code} is declared, so none can be withdrawn.")
    add_to_journal(connection, actor, now, "survey withdrawn", code)
    return code


def _region_of(actor: Actor, region: str) -> str:
    require_role(actor, CORRESPONDENT, EDITOR, ADMINISTRATOR, doing="declare a survey")
    codes = regions("a survey", region, units=True)
    if len(codes) != 1:
        raise BadInputError("A survey covers one region. Give a country's code such as KEN.")
    code = codes[0]
    if actor.role == CORRESPONDENT and not countries_of(code) <= actor.countries:
        raise NotAllowedError(
            f"'{actor.name}' ({actor.role}) may not declare a survey of {code}, which isn't wholly"
            f" within {', '.join(actor.regions)}. Ask an editor."
        )
    return code
