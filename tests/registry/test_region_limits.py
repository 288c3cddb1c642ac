"""A correspondent's token can't reach beyond its regions, by whatever route (property)."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspots.errors import BadInputError
from hotspots.registry.database import migration
from hotspots.registry.database import queries as records
from hotspots.registry.database.connection import engine_for, reading, writing
from hotspots.registry.database.tables import suggestion, survey, token
from hotspots.registry.deduplication.merge import merge
from hotspots.registry.governance import privacy, review, suggestions, surveys, tokens
from hotspots.registry.governance.journal import journal
from hotspots.registry.governance.tokens import Grant
from hotspots.registry.governance.verification import stale, verify
from hotspots.registry.imports.plan import ImportChoices
from hotspots.registry.permissions import (
    ADMINISTRATOR,
    CORRESPONDENT,
    LOCAL,
    PUBLIC,
    Actor,
    home_of,
)
from hotspots.registry.registry import Registry

NOW = "2026-11-21T20:00:00Z"
SECRETARIAT = Actor("Secretariat", ADMINISTRATOR)
PLACES = ("KEN", "UGA", "FRA", "europe", "sub-saharan-africa", "world", "KE-31", "")
IDS = tuple(f"station-{n}" for n in range(6))
# Whom each record names, so that merges reach over borders; the first and last can be removed.
NAMED = (*(f"partner={id}" for id in IDS[1:5]), "", "")

places = st.fixed_dictionaries(
    {"country": st.sampled_from(("KEN", "UGA", "FRA", "")), "regions": st.sampled_from(PLACES)}
)
rows = st.fixed_dictionaries(
    {"id": st.sampled_from((*IDS, "station-new", "station-newer"))},
    optional={
        "name": st.sampled_from(("Station", "Other station")),
        "country": st.sampled_from(("KEN", "UGA", "FRA", "")),
        "regions": st.sampled_from(PLACES),
        "owner": st.sampled_from(("Correspondent", "Somebody")),
        "version": st.sampled_from(("1", "2")),
        "contact_email": st.sampled_from(("taken@example.org", "")),
    },
)
regions = st.sets(st.sampled_from(("KEN", "UGA", "europe")), min_size=1, max_size=2)
attempts = st.one_of(
    st.tuples(st.just("take"), st.lists(rows, min_size=1, max_size=3)),
    st.tuples(st.just("full take"), st.lists(rows, min_size=1, max_size=3)),
    st.tuples(st.just("change"), rows),
    st.tuples(st.sampled_from(("remove", "verify", "erase", "look", "seen")), st.sampled_from(IDS)),
    st.tuples(st.sampled_from(("accept", "refuse", "review")), st.integers(1, 8)),
    st.tuples(st.sampled_from(("declare", "withdraw")), st.sampled_from(PLACES)),
    st.tuples(st.just("merge"), st.tuples(st.sampled_from(IDS), st.sampled_from(IDS))),
    st.tuples(st.just("erase address"), st.sampled_from(IDS)),
    st.tuples(st.sampled_from(("token", "revoke", "lists")), st.sampled_from(("editor", "KEN"))),
)


def cells(id: str, more: dict[str, str]) -> dict[str, str]:
    """Return the cells of a whole record."""
    return {
        "id": id,
        "type": "organisation",
        "name": "Station",
        "summary": "Of a test.",
        "theme": "pillar1",
        "source": "a test",
        "source_kind": "public_knowledge",
        "language": "en",
    } | more


def secret(id: str) -> dict[str, str]:
    """Return the contact of a record."""
    return {"contact_name": f"Secret of {id}.", "contact_email": f"secret.{id}@example.org"}


@cache
def template() -> sa.Engine:
    """Return an empty registry; to make one takes long."""
    engine = engine_for(":memory:")
    migration.create(engine)
    return engine


def empty(engine: sa.Engine) -> None:
    """Make a database a copy of the empty registry."""
    source: Any = template().raw_connection()
    target: Any = engine.raw_connection()
    source.driver_connection.backup(target.driver_connection)
    source.close()
    target.close()


SKIP_BAD = ImportChoices(skip_bad=True)


def filled(where: list[dict[str, str]], suggested: list[dict[str, str]]) -> sa.Engine:
    """Return a registry with records, each with a contact, surveys, tokens and suggestions."""
    engine = engine_for(":memory:")
    empty(engine)
    registry = Registry(engine, actor=SECRETARIAT)
    registry.import_rows(
        [
            (n, cells(i, at) | secret(i) | {"relations": other})
            for n, (i, at, other) in enumerate(zip(IDS, where, NAMED, strict=True))
        ]
    )
    with writing(engine) as connection:
        tokens.create(connection, LOCAL, Grant("Secretariat", "administrator"), NOW)
        for region in ("FRA", "sub-saharan-africa", "KE-31"):
            surveys.declare(connection, SECRETARIAT, region, "partial", NOW)
        for n, row in enumerate(suggested):
            new = row["id"] not in IDS
            given = cells(row["id"], row | secret(f"suggestion-{n}")) if new else row
            try:
                suggestions.suggest(connection, [(2, given)], PUBLIC, NOW)
            except BadInputError:
                continue
    return engine


def route(engine: sa.Engine, actor: Actor, name: str, what: Any) -> object:
    """Try one route; return whatever comes out of it."""
    registry = Registry(engine, actor=actor)
    by_registry: dict[str, Callable[[], object]] = {
        "take": lambda: registry.import_rows(list(enumerate(what)), choices=SKIP_BAD),
        "full take": lambda: registry.import_rows(
            [(n, cells(row["id"], row)) for n, row in enumerate(what)], choices=SKIP_BAD
        ),
        "change": lambda: registry.change(what["id"], what),
        "remove": lambda: registry.remove(what, "a test"),
        "verify": lambda: verify(registry, [what]),
        "look": lambda: (registry.get(what, private=True), registry.history(what)),
        "seen": lambda: (
            registry.records.to_json(),
            registry.find(),
            stale(registry, 0).to_json(),
        ),
    }
    if name in by_registry:
        return by_registry[name]()
    with writing(engine) as c:
        by_people: dict[str, Callable[[], object]] = {
            "accept": lambda: suggestions.accept(c, what, actor, NOW),
            "refuse": lambda: suggestions.refuse(c, what, actor, "A reason.", NOW),
            "review": lambda: (
                review.queue(c, actor, NOW),
                review.one(c, actor, NOW, what),
                journal(c, actor),
            ),
            "declare": lambda: surveys.declare(c, actor, what, "complete", NOW),
            "withdraw": lambda: surveys.withdraw(c, actor, what, NOW),
            "erase": lambda: privacy.erase(c, actor, id=what, now=NOW),
            "erase address": lambda: privacy.erase(
                c, actor, email=secret(what)["contact_email"], now=NOW
            ),
            "token": lambda: tokens.create(
                c,
                actor,
                Grant("Mine", what) if what == "editor" else Grant("Mine", CORRESPONDENT, (what,)),
                NOW,
            ),
            "merge": lambda: merge(c, actor, what[0], what[1], NOW),
            "lists": lambda: tokens.listed(c, actor, NOW),
            "revoke": lambda: tokens.revoke(c, actor, str(c.scalar(sa.select(token.c.id))), NOW),
        }
        return by_people[name]()


def everything(engine: sa.Engine) -> dict[str, dict[str, Any]]:
    """Return every record with its contact, and surveys, tokens and suggestions, by name."""
    with reading(engine) as connection:
        tables = {
            table.name: [dict(row) for row in connection.execute(sa.select(table)).mappings()]
            for table in (survey, token, suggestion)
        }
        return {
            "records": {row["id"]: row for row in records.everything(connection)},
            "surveys": {row["region"]: row for row in tables["survey"]},
            "tokens": {row["id"]: row for row in tables["token"]},
            "suggestions": {str(row["no"]): row for row in tables["suggestion"]},
        }


def beyond(actor: Actor, record: dict[str, Any] | None) -> bool:
    """Say whether a record isn't wholly within the actor's regions."""
    if record is None:
        return False
    home = home_of(record)
    return not home or not home <= actor.countries


def sides(row: dict[str, Any], known: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the record that a suggestion is about, if there is one, and what it would become."""
    told = json.loads(row["cells"])
    is_there = [known[told["id"]]] if "version" in told and told["id"] in known else []
    becomes = dict(is_there[0]) if is_there else {}
    for name in {"country", "regions"} & set(told):
        value = told[name]
        becomes[name] = tuple(filter(None, value.split(";"))) if name == "regions" else value
    return [*is_there, becomes]


@settings(max_examples=60)
@given(
    st.lists(places, min_size=len(IDS), max_size=len(IDS)),
    st.lists(rows, max_size=4),
    regions,
    st.lists(attempts, min_size=1, max_size=8),
)
def test_no_route_passes_the_limits_of_a_token(
    where: list[dict[str, str]],
    suggested: list[dict[str, str]],
    limits: set[str],
    tried: list[tuple[str, Any]],
) -> None:
    """What isn't within the regions of a correspondent stays as it is, and unseen if personal."""
    engine = filled(where, suggested)
    actor = Actor("Correspondent", CORRESPONDENT, tuple(sorted(limits)))
    for name, what in tried:
        before = copy.deepcopy(everything(engine))
        try:
            out = str(route(engine, actor, name, what))
        except BadInputError as fault:
            out = str(fault)
        after = everything(engine)
        theirs = [row for row in before["records"].values() if beyond(actor, row)]
        for row in theirs:
            assert after["records"].get(row["id"]) == row, (name, what)
            assert f"secret of {row['id']}." not in out.casefold(), (name, what)
            assert f"secret.{row['id']}@" not in out, (name, what)
        for id, row in after["records"].items():
            assert not beyond(actor, row) or row == before["records"].get(id), (name, what)
        for region in set(before["surveys"]) ^ set(after["surveys"]) | {
            r for r, row in after["surveys"].items() if before["surveys"].get(r) != row
        }:
            assert not beyond(actor, {"regions": (region,)}), (name, what)
        assert after["tokens"] == before["tokens"], (name, what)
        for number, row in before["suggestions"].items():
            about = sides(row, before["records"])
            kept = (
                not beyond(actor, about[0])
                if "erase" in name
                else not any(beyond(actor, side) for side in about)
            )
            assert kept or after["suggestions"][number] == row, (name, what)
    engine.dispose()
