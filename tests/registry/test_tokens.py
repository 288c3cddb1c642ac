"""Tests of tokens: who acts, how long, and the ways back in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hotspots.errors import BadInputError, NotAllowedError, RegistryError, TokenError
from hotspots.registry.database.backup import backup, restore
from hotspots.registry.database.connection import engine_for, reading, writing
from hotspots.registry.database.tables import token
from hotspots.registry.governance import tokens
from hotspots.registry.governance.journal import journal
from hotspots.registry.governance.tokens import Grant
from hotspots.registry.permissions import LOCAL, PUBLIC, Actor

NOW = "2026-11-21T20:00:00Z"
EDITOR = Actor("An editor", "editor")


def make(engine: sa.Engine, role: str = "administrator", **more: Any) -> str:
    """Make a token as the administrator of this machine."""
    with writing(engine) as connection:
        given = {"holder": f"The {role}"} | more
        now = given.pop("now", NOW)
        return tokens.create(connection, LOCAL, Grant(role=role, **given), now)


def who(engine: sa.Engine, secret: str | None, now: str = NOW) -> Actor:
    """Return who acts with a secret."""
    with reading(engine) as connection:
        return tokens.actor_of(connection, secret, now)


def rows(engine: sa.Engine, now: str = NOW) -> list[dict[str, Any]]:
    """Return the list of tokens."""
    with reading(engine) as connection:
        return tokens.listed(connection, LOCAL, now)


def test_token_names_its_holder_role_and_regions(any_registry: sa.Engine) -> None:
    """A secret gives back what its token was made with; regions may be given by name."""
    secret = make(
        any_registry, "correspondent", holder="Correspondent Kenya", regions=("Kenya", "europe")
    )
    assert secret.startswith("hsp_")
    assert len(secret) >= 4 + 43  # 256 bits in base64
    expected = Actor("Correspondent Kenya", "correspondent", ("KEN", "europe"))
    assert who(any_registry, secret) == expected
    assert who(any_registry, f" {secret}\n") == expected
    assert "KEN" in expected.countries


def test_secret_is_stored_nowhere(any_registry: sa.Engine) -> None:
    """The database holds only the digest; the list holds neither; two secrets never are equal."""
    secret, other = make(any_registry), make(any_registry)
    assert secret != other
    with reading(any_registry) as connection:
        kept = str(connection.execute(sa.select(token)).all()) + str(journal(connection, LOCAL))
    assert secret not in kept
    assert secret.removeprefix("hsp_") not in kept
    listed = str(rows(any_registry))
    assert "digest" not in listed
    assert secret not in listed


def test_registry_belongs_to_its_machine_until_an_administrator_has_a_token(
    any_registry: sa.Engine,
) -> None:
    """A correspondent's token doesn't close it; an administrator's does, once and for all."""
    make(any_registry, "correspondent", regions=("KEN",))
    assert who(any_registry, None) is LOCAL
    make(any_registry, expires="2026-12-31")
    assert who(any_registry, None) is PUBLIC
    assert who(any_registry, "") is PUBLIC
    assert who(any_registry, None, "2030-01-01T00:00:00Z") is PUBLIC  # run out, yet not open again


@pytest.mark.parametrize("secret", ["hsp_unknown", "x", "hsp_é", "\ud800", "' OR 1=1 --"])
def test_unknown_token_is_told(any_registry: sa.Engine, secret: str) -> None:
    """What is no secret of this registry is refused, in any letters."""
    make(any_registry)
    with pytest.raises(TokenError, match="isn't known to the registry"):
        who(any_registry, secret)


def test_digest_is_no_secret(any_registry: sa.Engine) -> None:
    """Who has read the table can't act with what stands there."""
    make(any_registry)
    with reading(any_registry) as connection:
        digest = connection.scalar(sa.select(token.c.digest))
    with pytest.raises(TokenError, match="isn't known"):
        who(any_registry, digest)


def test_token_is_valid_through_its_last_day(any_registry: sa.Engine) -> None:
    """It ends with the day, and the message says so."""
    secret = make(any_registry, expires="2026-12-31")
    assert who(any_registry, secret, "2026-12-31T23:59:59Z").role == "administrator"
    with pytest.raises(TokenError, match="ran out on 2026-12-31"):
        who(any_registry, secret, "2027-01-01T00:00:00Z")
    assert [row["state"] for row in rows(any_registry, "2027-01-01T00:00:00Z")] == ["expired"]


def test_revoked_token_is_told(any_registry: sa.Engine) -> None:
    """It ends at once, stays in the list, and can't be revoked twice."""
    make(any_registry)
    secret = make(any_registry, "editor")
    (id,) = [row["id"] for row in rows(any_registry) if row["role"] == "editor"]
    with writing(any_registry) as connection:
        tokens.revoke(connection, LOCAL, id, NOW)
    with pytest.raises(TokenError, match=rf"'{id}' was revoked on 2026-11-21"):
        who(any_registry, secret)
    assert {row["role"]: row["state"] for row in rows(any_registry)} == {
        "administrator": "valid",
        "editor": "revoked",
    }
    with (
        writing(any_registry) as connection,
        pytest.raises(RegistryError, match="revoked on 2026-11-21 already"),
    ):
        tokens.revoke(connection, LOCAL, id, NOW)
    with (
        writing(any_registry) as connection,
        pytest.raises(RegistryError, match=f"did you mean {id}"),
    ):
        tokens.revoke(connection, LOCAL, id[:-1], NOW)


def test_last_administrator_isnt_locked_out(any_registry: sa.Engine) -> None:
    """The last valid one can't be revoked; one that has run out or is revoked doesn't count."""
    make(any_registry, holder="First")
    (first,) = rows(any_registry)
    with (
        writing(any_registry) as connection,
        pytest.raises(RegistryError, match="last valid token of an administrator"),
    ):
        tokens.revoke(connection, LOCAL, first["id"], NOW)
    make(any_registry, holder="Second", expires="2026-12-31")
    with (
        writing(any_registry) as connection,
        pytest.raises(RegistryError, match="last valid token"),
    ):
        tokens.revoke(connection, LOCAL, first["id"], "2027-06-01T00:00:00Z")
    with writing(any_registry) as connection:
        assert tokens.administered_until(connection, NOW) == ""
        tokens.revoke(connection, LOCAL, first["id"], NOW)
        assert tokens.administered_until(connection, NOW) == "2026-12-31"


def test_owner_of_the_machine_gets_back_in(any_registry: sa.Engine) -> None:
    """Whoever can write the database makes an administrator's token, and the journal tells it."""
    make(any_registry)
    make(any_registry, holder="Past", expires="2026-11-30")
    (id,) = [row["id"] for row in rows(any_registry) if row["holder"] == "The administrator"]
    with writing(any_registry) as connection:
        secret = tokens.recover(connection, holder="The secretariat", now="2026-12-01T00:00:00Z")
        line = journal(connection, LOCAL)[0]
    assert who(any_registry, secret) == Actor("The secretariat", "administrator")
    assert (line["action"], line["detail"]) == (
        "token recovered",
        f"administrator The secretariat; revoked: The administrator ({id})",
    )


def test_recovery_ends_other_administrators_tokens_visibly(any_registry: sa.Engine) -> None:
    """Whoever uses one learns why; an editor's goes on; what had ended before stays so."""
    former, editor = make(any_registry), make(any_registry, "editor")
    past = make(any_registry, holder="Past", expires="2026-11-30")
    gone = make(any_registry, holder="Gone")
    (id_,) = [row["id"] for row in rows(any_registry) if row["holder"] == "Gone"]
    later = "2026-12-01T00:00:00Z"
    with writing(any_registry) as connection:
        tokens.revoke(connection, LOCAL, id_, NOW)
        secret = tokens.recover(connection, holder="The secretariat", now=later)
    with pytest.raises(TokenError, match=r"was revoked by a recovery on 2026-12-01"):
        who(any_registry, former, later)
    with pytest.raises(TokenError, match=r"was revoked on 2026-11-21"):
        who(any_registry, gone, later)
    with pytest.raises(TokenError, match="ran out on 2026-11-30"):
        who(any_registry, past, later)
    assert who(any_registry, editor, later).role == "editor"
    assert who(any_registry, secret, later).name == "The secretariat"
    assert {row["holder"]: row["state"] for row in rows(any_registry, later)} == {
        "The administrator": "revoked by a recovery",
        "The editor": "valid",
        "Past": "expired",
        "Gone": "revoked",
        "The secretariat": "valid",
    }
    with reading(any_registry) as connection:
        assert [row["action"] for row in journal(connection, LOCAL, since=later)] == [
            "token recovered",
            "token revoked by recovery",
        ]
        assert journal(connection, PUBLIC, since=later) == []


def test_what_was_revoked_stays_so_after_an_older_backup(
    any_registry: sa.Engine, tmp_path: Path
) -> None:
    """Also the last token of an administrator; the journal tells that, and other tokens live."""
    kept = make(any_registry, "editor")
    gone = make(any_registry, holder="First")
    backup(any_registry, tmp_path / "old.backup")
    make(any_registry, holder="Second")
    (id,) = [row["id"] for row in rows(any_registry) if row["holder"] == "First"]
    with writing(any_registry) as connection:
        tokens.revoke(connection, LOCAL, id, NOW)
    with reading(any_registry) as connection:
        revoked = tokens.revoked_digests(connection)
    restore(tmp_path / "old.backup", any_registry, force=True)
    assert who(any_registry, gone).name == "First"  # what is to be mended
    later = "2026-12-01T00:00:00Z"
    with writing(any_registry) as connection:
        assert tokens.keep_revoked(connection, LOCAL, revoked, later) == [id]
        with pytest.raises(NotAllowedError, match="restore a registry"):
            tokens.keep_revoked(connection, EDITOR, revoked, later)
    with pytest.raises(TokenError, match=f"'{id}' was revoked on 2026-11-21"):
        who(any_registry, gone)
    assert who(any_registry, kept).role == "editor"
    with reading(any_registry) as connection:
        found = [(row["action"], row["target"]) for row in journal(connection, LOCAL, since=later)]
    assert found == [("token revoked", id), ("restore", "")]
    with writing(any_registry) as connection:
        assert tokens.keep_revoked(connection, LOCAL, revoked, later) == []


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_recovery_is_told_after_an_older_backup_too(
    registry_at: Any, tmp_path: Path, kind: str
) -> None:
    """The backup has neither its journal nor its token: the list and the message still say it."""
    engine = registry_at(kind)
    former = make(engine)
    backup(engine, tmp_path / "old.backup")
    later, latest = "2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z"
    with writing(engine) as connection:
        tokens.recover(connection, holder="The secretariat", now=later)
    with reading(engine) as connection:
        revoked = tokens.revoked_digests(connection)

    def keep(connection: sa.Connection) -> None:
        """Revoke again what was revoked, in the restoration's own transaction."""
        tokens.keep_revoked(connection, LOCAL, revoked, latest)

    restore(tmp_path / "old.backup", engine, force=True, then=keep)
    with pytest.raises(TokenError, match=r"was revoked by a recovery on 2026-12-01"):
        who(engine, former, latest)
    assert [(row["holder"], row["state"]) for row in rows(engine, latest)] == [
        ("The administrator", "revoked by a recovery")
    ]
    with reading(engine) as connection:
        found = journal(connection, LOCAL, since=latest)
    assert [(row["action"], row["detail"]) for row in found] == [
        ("token revoked by recovery", "administrator The administrator, as before the restoration"),
        ("restore", ""),
    ]


def test_database_without_a_registry_has_no_revoked_tokens() -> None:
    """So that a backup is restored into an empty one in the same way."""
    with reading(engine_for(":memory:")) as connection:
        assert tokens.revoked_digests(connection) == {}


@pytest.mark.parametrize(
    "actor", [PUBLIC, EDITOR, Actor("Correspondent Kenya", "correspondent", ("KEN",))]
)
def test_only_administrators_handle_tokens(any_registry: sa.Engine, actor: Actor) -> None:
    """Nobody else makes, lists or revokes any, and none is made."""
    make(any_registry)
    id = rows(any_registry)[0]["id"]
    with writing(any_registry) as connection:
        with pytest.raises(NotAllowedError, match="make tokens"):
            tokens.create(connection, actor, Grant("Mine", "administrator"), NOW)
        with pytest.raises(NotAllowedError, match="revoke tokens"):
            tokens.revoke(connection, actor, id, NOW)
        with pytest.raises(NotAllowedError, match="list tokens"):
            tokens.listed(connection, actor, NOW)
    assert [row["state"] for row in rows(any_registry)] == ["valid"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"role": "editer"}, "did you mean editor"),
        ({"role": "correspondent"}, "needs a region"),
        ({"role": "correspondent", "regions": ("",)}, "needs a region"),
        ({"role": "correspondent", "regions": ("Atlantis",)}, "'Atlantis' is not a region"),
        (
            {"role": "correspondent", "regions": ("KEN", "Afrique")},
            r"^'Afrique' is not a region of a token\. Give a country \(KEN or Kenya\), world, or a"
            " region of the Initiative: north-america, ",
        ),
        ({"role": "correspondent", "regions": ("KEN", "KE-31")}, "limited to KE-31"),
        ({"role": "editor", "regions": ("KEN",)}, "Only a correspondent has regions"),
        ({"role": "editor", "holder": ""}, "can't be held by ''"),
        ({"role": "editor", "holder": "Public"}, "can't be held by 'Public'"),
        ({"role": "editor", "holder": "someone@example.org"}, "e-mail address"),
        ({"role": "editor", "holder": "<b>x</b>"}, "HTML tag"),
        ({"role": "editor", "holder": "x" * 101}, "at most 100"),
        ({"role": "editor", "expires": "2026-11-20"}, "run out on 2026-11-20"),
        ({"role": "editor", "expires": "soon"}, "'soon' is not a day"),
    ],
)
def test_token_that_makes_no_sense_is_refused(
    any_registry: sa.Engine, given: dict[str, Any], told: str
) -> None:
    """Each fault is one plain sentence, and nothing is made."""
    with pytest.raises(BadInputError, match=told):
        make(any_registry, **given)
    assert rows(any_registry) == []


def test_keepers_are_those_who_can_decide_now(any_registry: sa.Engine) -> None:
    """Readers, tokens that ran out and revoked ones keep nothing."""
    make(any_registry, "reader")
    make(any_registry, "editor", expires="2026-11-30")
    make(any_registry, "correspondent", regions=("KEN",))
    with reading(any_registry) as connection:
        names = [actor.name for actor in tokens.keepers(connection, NOW)]
        later = [actor.name for actor in tokens.keepers(connection, "2026-12-01T00:00:00Z")]
    assert names == ["The correspondent", "The editor"]
    assert later == ["The correspondent"]
