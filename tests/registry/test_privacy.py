"""Tests of personal data: no public door shows them without consent, and they can be erased."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hotspots.errors import BadInputError, HotspotsError, NotAllowedError, RegistryError
from hotspots.registry.database import queries as records
from hotspots.registry.database.connection import reading, writing
from hotspots.registry.formats.write import write_file
from hotspots.registry.governance import erasure_remnants, privacy, review, suggestions
from hotspots.registry.governance.journal import journal
from hotspots.registry.governance.verification import stale
from hotspots.registry.permissions import PUBLIC, Actor
from hotspots.registry.registry import Registry

NOW = "2026-11-21T20:00:00Z"
EDITOR = Actor("An editor", "editor")
KENYA = Actor("Correspondent Kenya", "correspondent", ("KEN",))
STATION = {
    "type": "organisation",
    "name": "Test station",
    "summary": "A station of a test.",
    "theme": "pillar1",
    "country": "KEN",
    "source": "a test",
    "source_kind": "public_knowledge",
    "language": "en",
}
PERSON = {
    "contact_name": "Pelargonia Grata",
    "contact_email": "Grata@example.org",
    "contact_phone": "+254 20 555 0199",
}
SECRETS = ("Pelargonia", "grata@example", "555 0199")


def holds(text: str) -> bool:
    """Say whether a text holds any personal value."""
    return any(secret.casefold() in text.casefold() for secret in SECRETS)


def erase(engine: sa.Engine, actor: Actor = EDITOR, **what: Any) -> list[dict[str, Any]]:
    """Erase; return what was erased."""
    with writing(engine) as connection:
        return privacy.erase(connection, actor, now=NOW, **what)


def filled(engine: sa.Engine, **more: str) -> Registry:
    """Return a registry with a station that has a contact, changed once."""
    registry = Registry(engine, actor=EDITOR)
    registry.import_rows([(2, STATION | PERSON | more)])
    registry.change("test-station", {"summary": "Another sentence."})
    return registry


def suggest(engine: sa.Engine, cells: dict[str, str], by: str = "") -> int:
    """Suggest a row without a token; return its number."""
    with writing(engine) as connection:
        return next(iter(suggestions.suggest(connection, [(2, cells)], PUBLIC, NOW, by)))


def doors(engine: sa.Engine, folder: Path, number: int) -> Iterator[tuple[str, str]]:
    """Yield (name, what came out) of every way on which one without a token gets at a registry."""
    registry = Registry(engine, actor=PUBLIC)
    yield "records", registry.records.to_json()
    yield "find", str(registry.find(text="station"))
    yield "get", str(registry.get("test-station"))
    yield "get, private", str(registry.get("test-station", private=True))
    yield "history", str(registry.history("test-station"))
    yield "repr", repr(registry)
    yield "stale", stale(registry, 0).to_json()
    for suffix in (".csv", ".geojson"):
        write_file(folder / f"out{suffix}", registry.find())
        yield suffix, (folder / f"out{suffix}").read_text(encoding="utf-8")
    with reading(engine) as connection:
        yield "queue", str(review.queue(connection, PUBLIC, NOW))
        yield "suggestion", str(review.one(connection, PUBLIC, NOW, number))
        yield "journal", str(journal(connection, PUBLIC))
    cells = {"id": "test-station", "contact_phone": "x", "country": "UGA", "version": "1"}
    yield "plan", str(registry.plan_import([(2, cells)]))
    for attempt in (
        lambda: registry.import_rows([(2, cells | {"summary": "Mine."})]),
        lambda: registry.change("test-station", {"contact_email": None}, version=1),
        lambda: registry.remove("test-station", "why"),
        lambda: erase(engine, PUBLIC, id="test-station"),
        lambda: erase(engine, KENYA, email="nobody@example.org"),
    ):
        yield "error", _told(attempt)


def _told(attempt: Callable[[], object]) -> str:
    try:
        return str(attempt())
    except HotspotsError as fault:
        return str(fault)


def test_no_public_door_shows_personal_data_without_consent(
    any_registry: sa.Engine, tmp_path: Path
) -> None:
    """Neither of a record nor of a suggestion that waits."""
    filled(any_registry)
    number = suggest(
        any_registry, STATION | PERSON | {"name": "Second station"}, "Pelargonia Grata"
    )
    seen = dict(doors(any_registry, tmp_path, number))
    assert len(seen) == 14
    assert {name for name, text in seen.items() if holds(text)} == set()
    # A figure of the test itself: what is looked for is there.
    assert holds(str(Registry(any_registry, actor=KENYA).get("test-station", private=True)))


def test_public_doors_show_personal_data_with_consent(
    any_registry: sa.Engine, tmp_path: Path
) -> None:
    """Where records are read whole; a file and history have none all the same, by default."""
    filled(any_registry, contact_consent="2026-11-20")
    number = suggest(any_registry, STATION | {"name": "Second station"})
    seen = dict(doors(any_registry, tmp_path, number))
    shows = {name for name, text in seen.items() if holds(text)}
    assert shows - {"find"} == {"records", "get", "get, private"}


def test_correspondent_sees_personal_data_of_own_records_only(any_registry: sa.Engine) -> None:
    """Asked for by name."""
    registry = filled(any_registry)
    registry.import_rows([(3, STATION | PERSON | {"name": "Far station", "country": "UGA"})])
    mine = Registry(any_registry, actor=KENYA)
    assert mine.get("test-station", private=True)["contact_email"] == "Grata@example.org"
    assert "contact_email" not in mine.get("test-station")
    assert "contact_email" not in mine.get("far-station", private=True)


def test_erasing_keeps_the_record_and_its_history(any_registry: sa.Engine) -> None:
    """The contact is gone, all else stays; the journal tells that, and nothing personal."""
    registry = filled(any_registry, contact_consent="2026-11-20")
    before = registry.get("test-station")
    assert holds(registry.records.to_json())  # which a registry keeps for the next time
    assert erase(any_registry, KENYA, id="test-station") == [
        {"kind": "record", "id": "test-station", "fields": [*PERSON, "contact_consent"]}
    ]
    after = registry.get("test-station", private=True)
    gone = set(before) - set(after)
    assert gone == {*PERSON, "contact_consent"}
    assert {n for n in after if after[n] != before[n]} == {"version", "changed"}
    assert [line["note"] for line in registry.history("test-station")] == ["", "", privacy.NOTE]
    assert not holds(registry.records.to_json())
    with reading(any_registry) as connection:
        lines = journal(connection, EDITOR)
        assert not holds(str(lines))
        assert ("erased", "test-station") in {(line["action"], line["target"]) for line in lines}


def test_erasing_by_address_finds_it_everywhere(any_registry: sa.Engine) -> None:
    """In any case and within a name, of records and suggestions; not within longer ones."""
    registry = filled(any_registry)
    others = {
        "Second station": {"contact_name": "Grata (gRaTa@Example.org)"},
        "Third station": {"contact_email": "persona.grata@example.org"},
    }
    registry.import_rows(
        [(n, STATION | {"name": k} | v) for n, (k, v) in enumerate(others.items())]
    )
    number = suggest(any_registry, STATION | PERSON | {"name": "Fourth station"}, "A friend")
    suggest(any_registry, STATION | others["Third station"] | {"name": "Fifth station"})
    erased = erase(any_registry, email=" grata@EXAMPLE.org ")
    assert [(row["kind"], row["id"]) for row in erased] == [
        ("record", "test-station"),
        ("record", "second-station"),
        ("suggestion", number),
    ]
    assert erased[2]["fields"] == [*PERSON, "by"]
    assert registry.get("third-station", private=True)["contact_email"].startswith("persona")
    with reading(any_registry) as connection:
        left = [review.one(connection, EDITOR, NOW, n)["contact"] for n in (number, number + 1)]
        assert left == [{}, others["Third station"]]
        assert "grata" not in str(journal(connection, EDITOR)).casefold()
    assert erase(any_registry, email="grata@example.org") == []


def test_erasing_a_record_takes_its_suggestions_along(any_registry: sa.Engine) -> None:
    """Also one that would move it to where another correspondent decides."""
    filled(any_registry)
    number = suggest(any_registry, {"id": "test-station", "country": "UGA"} | PERSON)
    assert [row["kind"] for row in erase(any_registry, KENYA, id="test-station")] == [
        "record",
        "suggestion",
    ]
    with reading(any_registry) as connection:
        assert review.one(connection, EDITOR, NOW, number)["contact"] == {}


def test_correspondent_erases_within_own_regions_only(any_registry: sa.Engine) -> None:
    """Elsewhere nothing is erased, and nothing is told of what is there."""
    registry = filled(any_registry)
    registry.import_rows([(3, STATION | PERSON | {"name": "Far station", "country": "UGA"})])
    suggest(any_registry, STATION | PERSON | {"name": "Near it", "country": "UGA"})
    with pytest.raises(NotAllowedError, match="'far-station', which is in UGA"):
        erase(any_registry, KENYA, id="far-station")
    erased = erase(any_registry, KENYA, email="grata@example.org")
    assert [row["id"] for row in erased] == ["test-station"]
    with reading(any_registry) as connection:
        assert holds(str(records.fetch(connection, ["far-station"])))
        assert holds(str(review.one(connection, EDITOR, NOW, 1)))


@pytest.mark.parametrize("given", [{}, {"id": "x", "email": "a@example.org"}, {"email": " "}])
def test_either_a_record_or_an_address_is_asked(
    any_registry: sa.Engine, given: dict[str, Any]
) -> None:
    """Neither and both are refused; an unknown record is told."""
    with pytest.raises(BadInputError, match="Give either"):
        erase(any_registry, **given)
    with pytest.raises(RegistryError, match="No record has the id 'nobody'"):
        erase(any_registry, id="nobody")


def _crowd(registry: Registry) -> list[int]:
    """Fill a registry with contacts, change them until pages split; say which are to be erased."""
    import random

    chance = random.Random(2)
    rows = [
        (
            n,
            STATION
            | {
                "name": f"Station {n}",
                "contact_name": f"Pelargonia{n}-",
                "contact_email": f"grata.{n}@example.org",
            },
        )
        for n in range(900)
    ]
    registry.import_rows(rows)
    for _ in range(8):
        longer = [
            (n, {"id": f"station-{n}", "contact_name": f"Pelargonia{n}- " + "y" * length})
            for n in chance.sample(range(900), 90)
            for length in [chance.choice([0, 5, 300, 900])]
        ]
        registry.import_rows(longer)
    return chance.sample(range(900), 300)


def _erase_all(registry: Registry, gone: list[int]) -> list[str]:
    """Erase these contacts, and those of some suggestions; return what must be gone."""
    for n in gone[:5]:
        suggest(registry.engine, {"id": f"station-{n}", "contact_email": f"grata.{n}@example.org"})
    with writing(registry.engine) as connection:
        for n in gone:
            privacy.erase(connection, EDITOR, id=f"station-{n}", now=NOW)
    return [text for n in gone for text in (f"Pelargonia{n}-", f"grata.{n}@")]


def test_no_byte_is_left_in_the_files_of_sqlite(
    registry_at: Callable[[str], sa.Engine],
) -> None:
    """Neither in the database nor in what SQLite keeps beside it; what stays is still there."""
    registry = Registry(registry_at("sqlite"), actor=EDITOR)
    erased = _erase_all(registry, _crowd(registry))
    erasure_remnants.tidy(registry.engine)
    path = Path(str(registry.engine.url.database))
    files = sorted(path.parent.glob(path.name + "*"))
    assert len(files) == 3  # with -wal and -shm
    data = b"".join(file.read_bytes() for file in files)
    assert [text for text in erased if text.encode() in data] == []
    assert data.count(b"grata.") >= 600
    assert len(registry) == 900


def test_no_byte_is_left_in_the_tables_of_postgresql(
    registry_at: Callable[[str], sa.Engine],
) -> None:
    """The tables' files are written anew, and what the server knows of their values with them."""
    registry = Registry(registry_at("postgis"), actor=EDITOR)
    gone = _crowd(registry)
    analyse = "ANALYZE contact, suggestion"  # as the server does by itself now and then
    with registry.engine.begin() as connection:
        connection.exec_driver_sql(analyse)
    erased = _erase_all(registry, gone)
    erasure_remnants.tidy(registry.engine)
    with registry.engine.connect() as connection:
        connection.exec_driver_sql("CHECKPOINT")
        data = b""
        for table in ("contact", "suggestion"):
            path = f"pg_read_binary_file(pg_relation_filepath('{table}'))"
            data += bytes(connection.exec_driver_sql(f"SELECT {path}").scalar_one())
        known = connection.exec_driver_sql(
            "SELECT most_common_vals::text, histogram_bounds::text FROM pg_stats"
            " WHERE tablename IN ('contact', 'suggestion')"
        ).all()
    assert [text for text in erased if text.encode() in data or text in str(known)] == []
    assert data.count(b"grata.") >= 600


def test_remnants_are_told_while_others_use_the_registry(
    any_registry: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader in the middle of its work keeps old pages; when it has ended, all is well."""
    monkeypatch.setattr(erasure_remnants, "_PATIENCE_MS", 100)
    registry = filled(any_registry)
    with reading(any_registry) as connection:
        records.fetch(connection, ["test-station"])
        connection.exec_driver_sql("SELECT * FROM contact, suggestion").all()
        erase(any_registry, id="test-station")
        with pytest.raises(RegistryError, match="until those who are reading it now have ended"):
            erasure_remnants.tidy(any_registry)
    erasure_remnants.tidy(any_registry)
    registry.change("test-station", {"summary": "It works on."})
