"""Tests of suggestions: anyone makes them, who keeps the record decides them, once."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from hotspots.errors import BadInputError, ConflictError, NotAllowedError, RegistryError
from hotspots.registry.database.connection import reading, writing
from hotspots.registry.database.tables import suggestion
from hotspots.registry.governance import review, suggestions, tokens
from hotspots.registry.governance.journal import journal
from hotspots.registry.governance.tokens import Grant
from hotspots.registry.imports.plan import HIDDEN
from hotspots.registry.permissions import LOCAL, PUBLIC, Actor
from hotspots.registry.registry import Registry

NOW, LATER = "2026-11-21T20:00:00Z", "2026-11-22T08:00:00Z"
KENYA = Actor("Correspondent Kenya", "correspondent", ("KEN",))
UGANDA = Actor("Correspondent Uganda", "correspondent", ("UGA",))
BOTH = Actor("Correspondent East", "correspondent", ("KEN", "UGA"))
EDITOR = Actor("An editor", "editor")
NEW = {
    "type": "organisation",
    "name": "Test station",
    "summary": "A station of a test.",
    "theme": "pillar1",
    "country": "KEN",
    "source": "a test",
    "source_kind": "public_knowledge",
    "language": "en",
}
CONTACT = {"contact_name": "A person", "contact_email": "person@example.org"}
Cells = dict[str, str]


def suggest(
    engine: sa.Engine, *rows: Cells, actor: Actor = PUBLIC, by: str = "", now: str = NOW
) -> list[int]:
    """Suggest rows; return their numbers."""
    with writing(engine) as connection:
        return list(suggestions.suggest(connection, list(enumerate(rows, 2)), actor, now, by))


def accept(engine: sa.Engine, number: int, actor: Actor = KENYA, now: str = LATER) -> str:
    """Accept a suggestion."""
    with writing(engine) as connection:
        return suggestions.accept(connection, number, actor, now)


def refuse(engine: sa.Engine, number: int, actor: Actor = KENYA, reason: str = "No.") -> None:
    """Refuse a suggestion."""
    with writing(engine) as connection:
        suggestions.refuse(connection, number, actor, reason, LATER)


def waiting(
    engine: sa.Engine, actor: Actor = EDITOR, state: str = "pending", **more: int
) -> list[dict[str, Any]]:
    """Return the queue."""
    with reading(engine) as connection:
        return review.queue(connection, actor, LATER, state, **more)


def whole(engine: sa.Engine, number: int, actor: Actor = EDITOR) -> dict[str, Any]:
    """Return one suggestion."""
    with reading(engine) as connection:
        return review.one(connection, actor, LATER, number)


@pytest.fixture
def station(any_registry: sa.Engine) -> Registry:
    """A registry with one record, which has a contact of its own and an owner."""
    registry = Registry(any_registry, actor=EDITOR)
    registry.import_rows(
        [(1, NEW | {"contact_email": "first@example.org", "contact_name": "First"})]
    )
    return registry


def test_new_record_is_suggested_and_accepted(any_registry: sa.Engine) -> None:
    """It becomes a record of who decided it, and the history tells both."""
    (number,) = suggest(any_registry, NEW)
    assert len(Registry(any_registry)) == 0
    assert accept(any_registry, number) == "test-station"
    record = Registry(any_registry).get("test-station")
    assert {name: record[name] for name in ("name", "owner", "version", "created")} == {
        "name": "Test station",
        "owner": KENYA.name,
        "version": 1,
        "created": LATER,
    }
    (line,) = Registry(any_registry).history("test-station")
    assert (line["by"], line["note"]) == (KENYA.name, f"suggestion {number} by public")
    (decided,) = waiting(any_registry, state="accepted")
    assert (decided["decided_by"], decided["decided_at"]) == (KENYA.name, LATER)
    with reading(any_registry) as connection:
        told = {(row["action"], row["target"]) for row in journal(connection, EDITOR)}
    assert told == {("suggestion accepted", str(number)), ("created", "test-station")}


def test_change_touches_only_what_it_names(station: Registry) -> None:
    """Of an exported row that was edited, only the edited cell is suggested; the rest stays."""
    cells = NEW | {"id": "test-station", "version": "1", "summary": "Another sentence."}
    (number,) = suggest(station.engine, cells, actor=UGANDA)
    station.change("test-station", {"name_fr": "Station d'essai"})
    assert whole(station.engine, number)["changes"] == {
        "summary": ("A station of a test.", "Another sentence.")
    }
    accept(station.engine, number)
    record = station.get("test-station", private=True)
    assert record["summary"] == "Another sentence."
    assert record["name_fr"] == "Station d'essai"
    assert record["contact_email"] == "first@example.org"
    assert record["owner"] == EDITOR.name
    note = station.history("test-station")[-1]["note"]
    assert note == f"suggestion {number} by {UGANDA.name}"


def test_change_of_the_same_field_meanwhile_is_a_conflict(station: Registry) -> None:
    """Nobody's later work is overwritten unseen; the suggestion keeps waiting."""
    (number,) = suggest(station.engine, {"id": "test-station", "summary": "Mine."})
    station.change("test-station", {"summary": "Theirs."})
    assert "changed to 'Theirs.'" in whole(station.engine, number)["problem"]
    with pytest.raises(ConflictError, match=rf"Suggestion {number} can't be .*'Theirs\.'"):
        accept(station.engine, number)
    assert station.get("test-station")["summary"] == "Theirs."
    assert [row["number"] for row in waiting(station.engine)] == [number]


def test_suggestion_for_a_record_that_went_or_came_is_a_conflict(station: Registry) -> None:
    """A removed record isn't made anew by a change, nor a new one laid over one that came."""
    (change,) = suggest(station.engine, {"id": "test-station", "summary": "Mine."})
    (added,) = suggest(station.engine, NEW | {"name": "Second station"})
    station.import_rows([(1, NEW | {"name": "Second station"})])
    with pytest.raises(ConflictError, match="'second-station' has been added since"):
        accept(station.engine, added)
    assert "has been added since" in whole(station.engine, added)["problem"]
    station.remove("test-station", "a test")
    with pytest.raises(ConflictError, match="'test-station' doesn't exist any more"):
        accept(station.engine, change)
    refuse(station.engine, change, reason="It is gone.")
    assert len(station) == 1


def test_decision_is_taken_once(any_registry: sa.Engine) -> None:
    """A second one, of whichever kind, is told who decided and when."""
    accepted, refused = suggest(any_registry, NEW, NEW | {"name": "Second station"})
    accept(any_registry, accepted)
    refuse(any_registry, refused, reason="Nobody knows it.")
    for number, state in ((accepted, "accepted"), (refused, "refused")):
        told = f"Suggestion {number} was {state} by {KENYA.name} on {LATER} already"
        with pytest.raises(ConflictError, match=told):
            accept(any_registry, number, EDITOR)
        with pytest.raises(ConflictError, match=told):
            refuse(any_registry, number, EDITOR)
    assert len(Registry(any_registry)) == 1
    assert whole(any_registry, refused, PUBLIC)["reason"] == "Nobody knows it."


def test_refusal_needs_a_reason(any_registry: sa.Engine) -> None:
    """Whoever suggested it wants to know; and the reason names nobody's address."""
    (number,) = suggest(any_registry, NEW)
    with pytest.raises(BadInputError, match="needs a reason"):
        refuse(any_registry, number, reason="  ")
    with pytest.raises(BadInputError, match="e-mail address"):
        refuse(any_registry, number, reason="Ask someone@example.org")
    assert len(waiting(any_registry)) == 1


@pytest.mark.parametrize("actor", [PUBLIC, Actor("A reader", "reader"), UGANDA])
def test_only_who_keeps_the_record_decides(any_registry: sa.Engine, actor: Actor) -> None:
    """Others can neither accept nor refuse, and nothing changes."""
    (number,) = suggest(any_registry, NEW)
    with pytest.raises(NotAllowedError, match="may not decide on"):
        accept(any_registry, number, actor)
    with pytest.raises(NotAllowedError, match="may not decide on"):
        refuse(any_registry, number, actor)
    assert len(Registry(any_registry)) == 0
    assert len(waiting(any_registry)) == 1


def test_record_moves_only_by_who_keeps_both_sides(station: Registry) -> None:
    """Neither the correspondent who would lose it nor the one who would get it decides alone."""
    (number,) = suggest(station.engine, {"id": "test-station", "country": "UGA"})
    for actor in (KENYA, UGANDA):
        with pytest.raises(NotAllowedError):
            accept(station.engine, number, actor)
        with pytest.raises(NotAllowedError):
            refuse(station.engine, number, actor)
    assert waiting(station.engine)[0]["countries"] == ("KEN", "UGA")
    accept(station.engine, number, BOTH)
    assert station.get("test-station")["country"] == "UGA"


def test_queue_shows_who_may_decide(any_registry: sa.Engine) -> None:
    """Holders of valid tokens whose regions hold it, and editors; not others."""
    with writing(any_registry) as connection:
        for actor in (KENYA, UGANDA, BOTH, EDITOR):
            tokens.create(connection, LOCAL, Grant(actor.name, actor.role, actor.regions), NOW)
    suggest(any_registry, NEW, NEW | {"name": "Homeless", "country": ""})
    kenyan, homeless = waiting(any_registry)
    assert set(kenyan["deciders"]) == {KENYA.name, BOTH.name, EDITOR.name}
    assert (kenyan["countries"], kenyan["at"], kenyan["by"]) == (("KEN",), NOW, "public")
    assert homeless["deciders"] == (EDITOR.name,)
    assert [row["yours"] for row in waiting(any_registry, KENYA)] == [True, False]


def test_others_see_that_it_waits_and_nothing_of_it(any_registry: sa.Engine) -> None:
    """What nobody has looked at isn't shown to the public, whatever it says, nor by an error."""
    (number,) = suggest(any_registry, NEW | {"name": "Rude words"} | CONTACT, by="Rude name")
    for actor in (PUBLIC, UGANDA):
        shown = [*waiting(any_registry, actor), whole(any_registry, number, actor)]
        assert "ude" not in str(shown)
        assert "person" not in str(shown)
        assert {row["number"] for row in shown} == {number}
    with pytest.raises(NotAllowedError) as refused:
        accept(any_registry, number, PUBLIC)
    assert "ude" not in str(refused.value)


def test_personal_cells_are_kept_apart_and_go_with_the_decision(station: Registry) -> None:
    """The list hides them, who decides sees them; decided, the suggestion holds none."""
    rows = [NEW | {"name": "Second station"} | CONTACT, {"id": "test-station"} | CONTACT]
    numbers = suggest(station.engine, *rows, by="Somebody")
    with reading(station.engine) as connection:
        cells = connection.scalars(sa.select(suggestion.c.cells)).all()
    assert "person" not in str(cells)
    assert "contact" not in str(cells)
    for row in waiting(station.engine, KENYA):
        assert row["changes"]["contact_email"] == (HIDDEN, HIDDEN)
        shown = whole(station.engine, row["number"], KENYA)
        assert shown["contact"] == CONTACT | {"by": "Somebody"}
    accept(station.engine, numbers[0])
    refuse(station.engine, numbers[1])
    assert station.get("second-station", private=True)["contact_name"] == "A person"
    with reading(station.engine) as connection:
        assert connection.scalars(sa.select(suggestion.c.contact)).all() == ["", ""]


def test_suggested_contact_takes_the_place_of_the_whole_one(station: Registry) -> None:
    """Consent of one person never publishes the address of another who was there before."""
    given = {"contact_name": "A person", "contact_consent": "2026-11-20"}
    (number,) = suggest(station.engine, {"id": "test-station"} | given)
    accept(station.engine, number)
    record = station.get("test-station")
    assert {name: record[name] for name in record if name.startswith("contact")} == given


def test_contact_cant_be_taken_out_or_published_by_a_suggestion(station: Registry) -> None:
    """Empty personal cells say nothing; consent alone is refused."""
    empty = dict.fromkeys(("contact_name", "contact_email", "contact_phone"), "")
    (number,) = suggest(station.engine, {"id": "test-station", "summary": "Mine."} | empty)
    accept(station.engine, number)
    assert station.get("test-station", private=True)["contact_email"] == "first@example.org"
    with pytest.raises(RegistryError, match="consent requires its contact"):
        suggest(station.engine, {"id": "test-station", "contact_consent": "2026-11-20"})


def test_suggestion_doesnt_tell_whether_a_guess_is_right(station: Registry) -> None:
    """Right or wrong, an address that is suggested waits for who may know it."""
    right, wrong = suggest(
        station.engine, {"id": "test-station", "contact_email": "first@example.org"}
    ) + suggest(station.engine, {"id": "test-station", "contact_email": "other@example.org"})
    seen = [whole(station.engine, number, PUBLIC) | {"number": 0} for number in (right, wrong)]
    assert seen[0] == seen[1]


def test_owner_version_and_dates_cant_be_suggested(station: Registry) -> None:
    """Neither of a new record nor of one that is there."""
    tricks = {"owner": "Me", "version": "1", "created": "1999-01-01", "changed": "1999-01-01"}
    numbers = suggest(
        station.engine,
        {"id": "test-station", "summary": "Mine."} | tricks,
        NEW | {"name": "Second station"} | tricks | {"version": "77"},
    )
    for number in numbers:
        accept(station.engine, number, EDITOR)
    old, new = station.get("test-station"), station.get("second-station")
    assert (old["owner"], old["version"], old["changed"]) == (EDITOR.name, 2, LATER)
    assert (new["owner"], new["version"], new["created"]) == (EDITOR.name, 1, LATER)
    assert old["created"] != "1999-01-01"
    with pytest.raises(RegistryError, match="Nothing new is suggested"):
        suggest(station.engine, {"id": "test-station", "owner": "Me"})


def test_bad_rows_are_told_and_none_is_stored(any_registry: sa.Engine) -> None:
    """Each with its row and column, also of personal cells; good rows wait for them."""
    with pytest.raises(RegistryError) as told:
        suggest(
            any_registry,
            NEW,
            NEW | {"name": "B", "country": "Atlantis"},
            NEW | {"name": "C", "contact_email": "no address"},
            {"type": "project"},
        )
    lines = str(told.value)
    assert "Row 3, column 'country': 'Atlantis' is not a country" in lines
    assert "Row 4, column 'contact_email'" in lines
    assert "Row 5, column 'name'" in lines
    assert lines.endswith("Nothing was suggested.")
    with pytest.raises(RegistryError, match="'nmae', which is not a field; did you mean name"):
        suggest(any_registry, {"nmae": "x"})
    assert waiting(any_registry) == []


def test_what_changes_nothing_is_passed_over(station: Registry) -> None:
    """Of an export with one edited row that one is suggested; without any, it is told."""
    same = NEW | {"id": "test-station"}
    assert len(suggest(station.engine, same, NEW | {"name": "Second station"})) == 1
    with pytest.raises(RegistryError, match="Nothing new is suggested"):
        suggest(station.engine, same)


def test_same_suggestion_waits_once(any_registry: sa.Engine) -> None:
    """Sent twice it has one number; by another it is another."""
    first = suggest(any_registry, NEW | CONTACT, by="Somebody")
    assert suggest(any_registry, NEW | CONTACT, by="Somebody", now=LATER) == first
    assert suggest(any_registry, NEW | CONTACT, by="Somebody else") != first
    assert suggest(any_registry, NEW, actor=UGANDA) != first


def test_flood_is_bounded(any_registry: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The public can fill its own room only; a decision makes room again."""
    monkeypatch.setattr(suggestions, "MOST_PENDING", 2)
    numbers = suggest(any_registry, NEW, NEW | {"name": "Second station"})
    with pytest.raises(RegistryError, match="of all without a token would be waiting; at most 2"):
        suggest(any_registry, NEW | {"name": "Third station"})
    assert len(waiting(any_registry)) == 2
    suggest(any_registry, NEW | {"name": "Third station"}, actor=UGANDA)
    refuse(any_registry, numbers[0])
    suggest(any_registry, NEW | {"name": "Fourth station"})
    with pytest.raises(RegistryError, match="3 rows are more than may be suggested; at most 2"):
        suggest(any_registry, *(NEW | {"name": f"Station {n}"} for n in range(3)))


def test_size_is_bounded(any_registry: sa.Engine) -> None:
    """A row that is too long is refused before it is read."""
    with pytest.raises(RegistryError, match=r"Row 2 is longer than .*100,000 characters"):
        suggest(any_registry, NEW | {"footprint": "x" * 100_000})
    with pytest.raises(BadInputError, match="The name contains an e-mail address"):
        suggest(any_registry, NEW, by="person@example.org")
    with pytest.raises(BadInputError, match="at most 100"):
        suggest(any_registry, NEW, by="x" * 101)


@pytest.mark.parametrize("number", [0, -1, 99, 2**80])
def test_unknown_number_is_told(any_registry: sa.Engine, number: int) -> None:
    """Whatever is asked about it."""
    with pytest.raises(RegistryError, match=f"no suggestion {number}"):
        accept(any_registry, number)
    with pytest.raises(RegistryError, match=f"no suggestion {number}"):
        whole(any_registry, number)


def test_queue_goes_page_by_page(any_registry: sa.Engine) -> None:
    """Oldest first, after a number; an unknown state is told."""
    numbers = suggest(any_registry, *(NEW | {"name": f"Station {n}"} for n in range(3)))
    assert [row["number"] for row in waiting(any_registry, limit=2)] == numbers[:2]
    assert [row["number"] for row in waiting(any_registry, after=numbers[1])] == numbers[2:]
    with pytest.raises(BadInputError, match="did you mean pending"):
        waiting(any_registry, state="pendin")


def test_relation_may_name_another_suggestion_of_the_same_file(any_registry: sa.Engine) -> None:
    """It is accepted when the other one has been; before, it is told what is missing."""
    project = NEW | {
        "type": "project",
        "name": "Test project",
        "relations": "lead=test-station",
    }
    station, work = suggest(any_registry, NEW, project)
    with pytest.raises(RegistryError, match="names 'test-station', which no record has"):
        accept(any_registry, work)
    accept(any_registry, station)
    accept(any_registry, work)
    assert Registry(any_registry).get("test-project")["relations"] == ("lead=test-station",)


def test_cells_are_stored_as_the_registry_writes_them(any_registry: sa.Engine) -> None:
    """So that a later look reads the same values: country by code, lists without doubles."""
    suggest(any_registry, NEW | {"country": "Kenya", "theme": "pillar1; pillar1 ;A6", "web": ""})
    with reading(any_registry) as connection:
        cells = json.loads(connection.scalar(sa.select(suggestion.c.cells)) or "")
    assert (cells["country"], cells["theme"]) == ("KEN", "pillar1;A6")
    assert "web" not in cells
