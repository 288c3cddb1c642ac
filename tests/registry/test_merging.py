"""Merging two records: every reference is kept, both histories stay, all or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from hotspots.cli.registry_duplicates import add_to
from hotspots.errors import BadInputError, NotAllowedError, RegistryError
from hotspots.registry.database import queries, tables
from hotspots.registry.database.connection import engine_for
from hotspots.registry.database.migration import create
from hotspots.registry.deduplication.merge import merge, preview
from hotspots.registry.permissions import LOCAL, Actor
from hotspots.registry.registry import Registry
from hotspots.registry.schema import values

NOW = "2026-11-21T12:00:00Z"
BASE = {
    "type": "organisation",
    "summary": "For tests",
    "theme": "A6",
    "source": "A test",
    "source_kind": "document",
    "country": "KEN",
}


def filled(engine: sa.Engine, *rows: dict[str, str], actor: Actor = LOCAL) -> Registry:
    """Return a registry with records; what isn't given is as in `BASE`."""
    registry = Registry(engine, actor=actor)
    cells = [BASE | {"name": f"Test station {row['id']}"} | row for row in rows]
    registry.import_rows([(n, row) for n, row in enumerate(cells, 2)])
    return registry


@pytest.fixture
def make(any_registry: sa.Engine) -> Callable[..., Registry]:
    """A function that fills a registry."""
    return lambda *rows: filled(any_registry, *rows)


def merged(registry: Registry, keep: str = "a", drop: str = "b", **take: str) -> dict[str, Any]:
    """Merge as the registry's actor."""
    with registry.writing() as connection:
        return merge(connection, registry.actor, keep, drop, NOW, take=take)


def state(registry: Registry) -> list[list[tuple[Any, ...]]]:
    """Return all rows of all tables."""
    with registry.reading() as connection:
        return [
            sorted(map(tuple, connection.execute(sa.select(table))), key=repr)
            for table in tables.metadata.sorted_tables
        ]


def test_what_the_survivor_has(make: Callable[..., Registry]) -> None:
    """The kept record's values, else the other's; lists and names of both."""
    registry = make(
        {
            "id": "a",
            "name": "Kestrel Station",
            "name_fr": "Station Crécerelle",
            "theme": "A6;D1",
            "other_names": "KS",
            "created": "2020-01-01",
            "web": "https://example.org/a",
        },
        {
            "id": "b",
            "name": "kestrel station.",
            "name_fr": "Poste; Crécerelle",
            "theme": "D1;E1",
            "source": "Another test",
            "created": "2019-05-05",
            "web": "https://example.org/b",
            "activities": "Measures",
            "languages": "sw",
        },
    )
    record = merged(registry)
    assert record == registry.get("a", private=True) | {"changed": NOW}
    expected = {
        "name": "Kestrel Station",
        "name_fr": "Station Crécerelle",
        "other_names": ("KS", "Poste, Crécerelle"),
        "theme": ("A6", "D1", "E1"),
        "web": "https://example.org/a",
        "activities": "Measures",
        "languages": ("sw",),
        "source": "A test; Another test",
        "created": "2019-05-05T00:00:00Z",
        "version": 2,
    }
    assert {name: record[name] for name in expected} == expected
    assert registry.get("b")["id"] == "a"
    assert len(registry) == 1


def test_take_decides_field_by_field(make: Callable[..., Registry]) -> None:
    """Also lists, empty fields and names; the name not taken isn't lost."""
    registry = make(
        {"id": "a", "theme": "A6", "web": "https://example.org/a", "name": "Kestrel"},
        {"id": "b", "theme": "E1", "activities": "Measures", "name": "Osprey"},
    )
    record = merged(registry, theme="drop", web="drop", activities="keep", name="drop")
    assert record["theme"] == ("E1",)
    assert not {"web", "activities"} & set(record)
    assert record["name"] == "Osprey"
    assert record["other_names"] == ("Kestrel",)


def test_a_position_comes_from_one_record(make: Callable[..., Registry]) -> None:
    """The more exact one, whole; the kept one where they're alike."""
    town = {"place": "Nairobi", "latitude": "-1.28", "longitude": "36.82"}
    field = {"latitude": "-1.2", "longitude": "36.9", "place_precision": "exact"}
    registry = make(
        {"id": "a", **town, "place_precision": "locality"},
        {"id": "b", **field},
        {"id": "c", **town, "place_precision": "exact"},
    )
    position = ("place", "latitude", "longitude", "place_precision")
    record = merged(registry)
    assert [record.get(name) for name in position] == [None, -1.2, 36.9, "exact"]
    assert merged(registry, drop="c")["latitude"] == -1.2


def test_consent_stays_with_its_person(make: Callable[..., Registry]) -> None:
    """The one's address never gets the other's consent."""
    registry = make(
        {"id": "a", "contact_email": "one@example.org"},
        {"id": "b", "contact_name": "Two", "contact_consent": "2026-01-01"},
        {"id": "c"},
    )
    record = merged(registry)
    contact = {name: value for name, value in record.items() if name.startswith("contact")}
    assert contact == {"contact_email": "one@example.org"}
    record = merged(registry, "c", "a")
    assert record["contact_email"] == "one@example.org"
    with registry.reading() as connection:
        rows = connection.execute(sa.select(tables.contact)).mappings().all()
    assert [row["contact_name"] for row in rows] == [None]


def test_a_contact_is_taken_whole(make: Callable[..., Registry]) -> None:
    """Who takes one of its fields takes the person."""
    registry = make(
        {"id": "a", "contact_email": "one@example.org"},
        {"id": "b", "contact_name": "Two", "contact_consent": "2026-01-01"},
    )
    record = merged(registry, contact_name="drop")
    contact = {name: value for name, value in record.items() if name.startswith("contact")}
    assert contact == {"contact_name": "Two", "contact_consent": "2026-01-01"}


@pytest.mark.parametrize(
    ("kept", "dropped", "more", "expected"),
    [
        ("2026-01-01", "2020-01-01", {"web": "https://example.org"}, "2020-01-01"),
        ("2020-01-01", "2026-01-01", {"web": "https://example.org"}, "2020-01-01"),
        ("2026-01-01", "", {"web": "https://example.org"}, None),
        ("", "2026-01-01", {}, None),
        ("2026-01-01", "", {}, "2026-01-01"),
    ],
)
def test_nothing_looks_better_checked_than_it_was(
    make: Callable[..., Registry], kept: str, dropped: str, more: dict[str, str], expected: str
) -> None:
    """A merge is no check: with values of both the earlier day stands."""
    same = {"name": "Kestrel Station"}
    registry = make(
        {"id": "a", "verified_on": kept} | same, {"id": "b", "verified_on": dropped} | same | more
    )
    assert merged(registry).get("verified_on") == expected


def test_relations_follow(make: Callable[..., Registry]) -> None:
    """Of others and its own: none to itself, none twice, the one with more dates stays."""
    registry = make(
        {"id": "a", "relations": "partner=b;member_of=c"},
        {"id": "b", "relations": "partner=a;member_of=c 2019;funder=d"},
        {"id": "c", "relations": "partner=a;partner=b 2018/2020;partner=b 2021"},
        {"id": "d", "relations": "member_of=c"},
        {"id": "e", "relations": "lead=a 2017/2018;lead=b 2017;lead=b 2017/2021;funder=b"},
    )
    record = merged(registry)
    assert record["relations"] == ("member_of=c 2019", "funder=d")
    assert registry.get("c")["relations"] == ("partner=a 2018/2020", "partner=a 2021")
    assert registry.get("e")["relations"] == ("lead=a 2017/2018", "funder=a")
    assert registry.get("d")["version"] == 1
    assert [row["note"] for row in registry.history("c")] == ["", "b was merged into a"]
    assert registry.get("c")["version"] == 2


def test_histories_and_former_ids_stay(make: Callable[..., Registry]) -> None:
    """Of a chain of merges, each id leads to the survivor, whose history has all."""
    registry = make({"id": "a"}, {"id": "b"}, {"id": "c"})
    merged(registry, "b", "c")
    merged(registry, "a", "b")
    assert {registry.get(id)["id"] for id in "abc"} == {"a"}
    told = [(row["id"], row["action"]) for row in registry.history("c")]
    assert told == [
        ("a", "created"),
        ("b", "created"),
        ("c", "created"),
        ("c", "merged"),
        ("b", "merged"),
        ("b", "merged"),
        ("a", "merged"),
    ]
    with registry.reading() as connection:
        assert queries.snapshot(connection, "c", 1)["name"] == "Test station c"


def test_waiting_suggestions_follow(make: Callable[..., Registry]) -> None:
    """They are laid beside the survivor; decided ones stay as they are."""
    suggestions = pytest.importorskip("hotspots.registry.governance.suggestions")
    registry = make({"id": "a"}, {"id": "b"})
    with registry.writing() as connection:
        for text in ("Measures", "Counts"):
            rows = [(2, {"id": "b", "activities": text})]
            numbers = list(suggestions.suggest(connection, rows, LOCAL, NOW))
        suggestions.refuse(connection, numbers[0] - 1, LOCAL, "no", NOW)
    merged(registry)
    with registry.writing() as connection:
        assert suggestions.accept(connection, numbers[0], LOCAL, NOW) == "a"
        ids = connection.scalars(sa.select(tables.suggestion.c.id).order_by("no")).all()
    assert registry.get("a")["activities"] == "Counts"
    assert ids == ["b", "a"]


@pytest.mark.parametrize(
    ("keep", "drop", "told"),
    [
        ("a", "a", "with itself"),
        ("a", "x", "No record has the id 'x'"),
        ("a", "p", "one type"),
        ("a", "c", "'c' was merged into 'b' before"),
    ],
)
def test_what_cannot_be_merged(
    make: Callable[..., Registry], keep: str, drop: str, told: str
) -> None:
    """Itself, nothing, another type, what is gone."""
    registry = make({"id": "a"}, {"id": "b"}, {"id": "c"}, {"id": "p", "type": "project"})
    merged(registry, "b", "c")
    before = state(registry)
    with pytest.raises(RegistryError, match=told):
        merged(registry, keep, drop)
    assert state(registry) == before


@pytest.mark.parametrize(
    ("take", "told"),
    [
        ({"webb": "drop"}, "did you mean web"),
        ({"owner": "drop"}, "not a field that can be chosen"),
        ({"web": "both"}, "not from 'both'"),
        ({"latitude": "keep", "longitude": "drop"}, "belong together"),
    ],
)
def test_choices_that_cannot_be_made(
    make: Callable[..., Registry], take: dict[str, str], told: str
) -> None:
    """Unknown fields, system fields, neither of the two, half of a position."""
    with pytest.raises(BadInputError, match=told):
        merged(make({"id": "a"}, {"id": "b"}), **take)


def test_a_survivor_must_be_sound(make: Callable[..., Registry]) -> None:
    """The start of one and the end of the other may not fit."""
    registry = make({"id": "a", "start": "2020"}, {"id": "b", "end": "2019"})
    before = state(registry)
    with pytest.raises(RegistryError, match="--take end=drop, or correct"):
        merged(registry)
    assert state(registry) == before
    assert merged(registry, end="keep")["start"] == "2020"


def test_a_correspondent_merges_within_their_regions(make: Callable[..., Registry]) -> None:
    """Both records and all that name the one given up must be theirs; else nothing happens."""
    registry = make(
        {"id": "a"},
        {"id": "b"},
        {"id": "c", "country": "FRA", "relations": "partner=b"},
        {"id": "d", "country": "FRA"},
    )
    registry.actor = Actor("Test keeper", "correspondent", ("KEN",))
    before = state(registry)
    for keep, drop in (("a", "d"), ("d", "a"), ("a", "b")):
        with pytest.raises(NotAllowedError, match="ask an editor"):
            merged(registry, keep, drop)
    assert state(registry) == before
    assert merged(registry, "b", "a")["id"] == "b"


def test_a_preview_says_whose_value_it_is(make: Callable[..., Registry]) -> None:
    """And which records follow; nothing is written."""
    registry = make(
        {"id": "a", "theme": "A6", "name": "Kestrel"},
        {"id": "b", "theme": "E1", "name": "Kestrel", "web": "https://example.org"},
        {"id": "c", "relations": "partner=b"},
    )
    before = state(registry)
    with registry.reading() as connection:
        made = preview(connection, "a", "b")
    origin = {name: made.origin[name] for name in ("name", "theme", "web", "country")}
    assert origin == {"name": "keep", "theme": "both", "web": "drop", "country": "keep"}
    assert (made.repointed, made.suggestions) == (("c",), 0)
    assert state(registry) == before
    assert merged(registry) == {**made.record, "changed": NOW}


def test_a_preview_says_what_is_given_up(make: Callable[..., Registry]) -> None:
    """What neither a list, a source nor another relation still says; also what is emptied."""
    registry = make(
        {
            "id": "a",
            "theme": "A6",
            "name": "Kestrel",
            "web": "https://example.org/a",
            "relations": "partner=b;lead=c 2018/2020",
            "verified_on": "2026-01-01",
            "contact_email": "one@example.org",
        },
        {
            "id": "b",
            "theme": "E1",
            "name": "Osprey",
            "web": "https://example.org/b",
            "source": "Another test",
            "relations": "lead=c 2018;partner=a",
            "languages": "sw",
            "contact_email": "two@example.org",
        },
        {"id": "c"},
    )
    with registry.reading() as connection:
        made = preview(connection, "a", "b", take={"languages": "keep", "web": "drop"})
        listed = preview(connection, "a", "b", take={"theme": "keep", "relations": "drop"})
    assert made.given_up == {
        "name": "Osprey",
        "web": "https://example.org/a",
        "languages": "sw",
        "verified_on": "2026-01-01",
        "contact_email": "two@example.org",
    }
    assert listed.given_up["theme"] == "E1"
    assert listed.given_up["relations"] == "lead=c 2018/2020"


def test_a_preview_says_what_speaks_for_it(make: Callable[..., Registry]) -> None:
    """Nothing, where the two are no likely duplicates."""
    registry = make(
        {"id": "a", "name": "Kestrel"},
        {"id": "b", "name": "Kestrel"},
        {"id": "c", "name": "Osprey"},
    )
    with registry.reading() as connection:
        assert preview(connection, "a", "b").reasons == ("same name: Kestrel",)
        assert preview(connection, "a", "c").reasons == ()


def call(*arguments: str) -> str:
    """Run a command of this group and return what it prints."""
    app = typer.Typer()
    add_to(app)
    result = CliRunner().invoke(app, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


def warned(*arguments: str) -> bool:
    """Say whether a merge warns that nothing speaks for it."""
    app = typer.Typer()
    add_to(app)
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0
    return "Too little says that these are the same: no id, address or name" in result.stderr


def test_commands(tmp_path: Path) -> None:
    """Duplicates are listed, a dry run changes nothing, a merge does what it showed."""
    where = tmp_path / "registry.sqlite"
    engine = engine_for(where)
    create(engine)
    registry = filled(
        engine,
        {"id": "a", "name": "Kestrel Test Fields", "web": "https://example.org/a"},
        {
            "id": "b",
            "name": "KESTREL Test fields",
            "web": "https://example.org/b",
            "contact_email": "one@example.org",
        },
        {"id": "c", "name": "Osprey", "relations": "partner=b"},
    )
    listed = call("duplicates", "--registry", str(where))
    assert "b  KESTREL Test fields" in listed
    assert "same name: Kestrel Test Fields" in listed
    (row,) = json.loads(call("duplicates", "--registry", str(where), "--json"))
    assert (row["id"], row["other_id"]) == ("a", "b")
    options = ("merge", "a", "b", "--take", "web=drop", "--registry", str(where))
    before = state(registry)
    told = call(*options, "--dry-run")
    assert state(registry) == before
    assert "web             drop  https://example.org/b" in told
    assert "contact_email   drop  (personal)" in told
    lines = told.splitlines()
    at = lines.index("web             drop  https://example.org/b")
    assert lines[at + 1] == " " * 22 + "given up: https://example.org/a"
    shown = json.loads(call(*options, "--dry-run", "--json"))
    assert shown["fields"]["web"] == {
        "value": "https://example.org/b",
        "from": "drop",
        "given_up": "https://example.org/a",
    }
    emptied = call(
        "merge", "a", "b", "--take", "contact_email=keep", "--registry", str(where), "--dry-run"
    )
    assert f"contact_email   -     (empty)\n{' ' * 22}given up: (personal)\n" in emptied
    assert not warned(*options, "--dry-run")
    assert warned("merge", "a", "c", "--registry", str(where), "--dry-run")
    assert "Relations that follow: of c." in told
    assert "one@example.org" not in told + call(*options, "--dry-run", "--json")
    assert call(*options).endswith("Merged 'b' into 'a'.\n")
    assert registry.get("c")["relations"] == ("partner=a",)
    assert call("duplicates", "--registry", str(where)) == ""
    with pytest.raises(BadInputError, match="Write it as web=drop"):
        call("merge", "a", "c", "--take", "web", "--registry", str(where))
    engine.dispose()


IDS = "abcdef"
links = st.lists(
    st.tuples(
        st.sampled_from(IDS),
        st.sampled_from(["lead", "partner", "funder"]),
        st.sampled_from(IDS),
        st.sampled_from(["", " 2018", " 2018/2020", " 2021", " /2022"]),
    ).filter(lambda link: link[0] != link[2]),
    max_size=14,
)
pairs = st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(IDS)), max_size=5)


@settings(max_examples=60)
@given(links, pairs)
def test_merges_keep_every_reference(
    links: list[tuple[str, str, str, str]], pairs: list[tuple[str, str]]
) -> None:
    """Against a plain twin, which renames ids in a list of what was said."""
    engine = engine_for(":memory:")
    create(engine)
    told = {id: ";".join(f"{r}={o}{d}" for s, r, o, d in links if s == id) for id in IDS}
    registry = filled(engine, *({"id": id, "relations": told[id]} for id in IDS))
    now = {id: id for id in IDS}
    written = len(IDS)
    for keep, drop in pairs:
        before = state(registry)
        if keep == drop or now[keep] != keep or now[drop] != drop:
            with pytest.raises(RegistryError):
                merged(registry, keep, drop)
            assert state(registry) == before
            continue
        with registry.reading() as connection:
            others = preview(connection, keep, drop).repointed
        merged(registry, keep, drop)
        written += 2 + len(others)
        now = {id: keep if stands == drop else stands for id, stands in now.items()}
    expected = {(now[s], role, now[o]) for s, role, o, _ in links if now[s] != now[o]}
    dated = {(now[s], r, now[o], d) for s, r, o, d in links if now[s] != now[o] and "20" in d}
    with registry.reading() as connection:
        records = {record["id"]: record for record in queries.everything(connection)}
        rows = connection.execute(sa.select(tables.relation)).mappings().all()
        history = queries.history(connection, IDS)
    named = [
        (id, *values.relation(text))
        for id, record in records.items()
        for text in record.get("relations", ())
    ]
    assert set(records) == set(now.values())
    assert {link[:3] for link in named} == expected
    assert {(row["subject"], row["role"], row["object"]) for row in rows} == expected
    starts = {(s, r, o, values.relation(f"x=y{d}")[2]) for s, r, o, d in dated}
    assert {link for link in starts if link[3]} <= {link[:4] for link in named}
    assert {id: registry.get(id)["id"] for id in IDS} == now
    assert len(history) == written
    for id in IDS:
        same = [row for row in history if now[row["id"]] == now[id]]
        assert registry.history(id) == same
    engine.dispose()
