"""Secrets of a command: from the input, a file or the environment; what is typed is warned of."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hotspots.cli import registry_access
from hotspots.errors import BadInputError
from hotspots.registry.database import migration
from hotspots.registry.database.connection import engine_for, reading, writing
from hotspots.registry.governance import tokens
from hotspots.registry.governance.tokens import Grant
from hotspots.registry.permissions import LOCAL

Cli = Callable[..., tuple[int, str, str]]
REPO = Path(__file__).parents[2]
NOW = "2026-11-21T20:00:00Z"
NEW = ("token", "create", "--role", "administrator", "--holder")


@pytest.fixture
def cli(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run `hotspots registry …`; `input` is what is typed."""
    monkeypatch.setenv("HOTSPOTS_REGISTRY", str(tmp_path / "mine.sqlite"))
    monkeypatch.chdir(tmp_path)

    def command(*words: str, typed: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        return run("registry", *words)

    assert command("create")[0] == 0
    return command


@pytest.fixture
def secret(cli: Cli) -> str:
    """The secret of the first administrator, as it is printed."""
    return cli(*NEW, "First")[1].strip()


def test_a_token_from_the_input(cli: Cli, secret: str) -> None:
    code, out, err = cli("token", "list", "--token", "-", typed=f"{secret}\n")
    assert (code, "First" in out, "Warning" in err) == (0, True, False)
    code, _, err = cli("token", "list", "--token", "-")
    assert (code, "No token came on the input" in err) == (2, True)
    assert cli("token", "list", "--token", "-", typed="hsp_other\n")[0] == 2


def test_a_token_from_the_environment(
    cli: Cli, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTSPOTS_TOKEN", secret)
    code, out, err = cli("token", "list")
    assert (code, "First" in out) == (0, True)
    assert [line for line in err.splitlines() if not line.startswith("… Registry: ")] == []


def test_a_token_that_is_typed_works_with_a_warning(cli: Cli, secret: str) -> None:
    code, out, err = cli("token", "list", "--token", secret)
    assert (code, "First" in out) == (0, True)
    assert err.count("Warning: other users of this machine can see a secret") == 1
    assert secret not in err


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("export", "x.csv"),
        ("show", "nobody"),
        ("validate",),
        ("duplicates",),
        ("journal",),
        ("stale",),
        ("verify", "nobody"),
        ("review",),
        ("survey",),
        ("erase", "nobody"),
        ("backup", "b"),
        ("restore", "none"),
        ("merge", "a", "b"),
        ("token", "revoke", "none"),
        ("import", "none.csv"),
        ("suggest", "none.csv"),
        ("token", "list"),
    ],
)
def test_each_command_with_a_token_takes_it_in_each_way(
    cli: Cli, secret: str, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """An unknown token is refused by its content, so it was read."""
    (tmp_path / "none.csv").write_text("id,type\n")
    (tmp_path / "none").write_bytes(b"")
    (tmp_path / "token").write_text("hsp_unknown\n")
    (tmp_path / "token").chmod(0o600)
    for given, typed in ((("--token", "-"), "hsp_unknown\n"), (("--token-file", "token"), "")):
        code, _, err = cli(*words, *given, typed=typed)
        assert (code, "This token isn't known" in err, "Warning" in err) == (2, True, False), given


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "can't be read (No such file or directory)"),
        (b"", "doesn't hold one token"),
        (b"hsp_a hsp_b", "doesn't hold one token"),
        (b"\xff\xfe", "can't be read ("),
    ],
)
def test_a_token_file_that_holds_none(tmp_path: Path, content: bytes | None, told: str) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInputError) as caught:
        registry_access.secret(None, path)
    assert told in str(caught.value)


def test_a_pipe_is_no_token_file(tmp_path: Path) -> None:
    """It would be waited for."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInputError, match="is a named pipe"):
        registry_access.secret(None, tmp_path / "pipe")


def test_a_token_twice(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="Give either --token or --token-file"):
        registry_access.secret("-", tmp_path / "token")


@pytest.mark.parametrize(
    ("where", "warned"),
    [
        ("postgresql://keeper:secret@127.0.0.1:9/none", True),
        ("postgresql://127.0.0.1:9/none?user=keeper&password=secret", True),
        ("postgresql://keeper@127.0.0.1:9/none", False),
        ("some/file.sqlite", False),
    ],
)
def test_a_password_that_is_typed_is_warned_of(
    cli: Cli, where: str, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in (
        ("list",),
        ("create",),
        ("backup", "b"),
        ("restore", "b"),
        ("upgrade",),
        ("import", "none.csv"),
    ):
        if where.startswith("some"):
            assert "Warning" not in cli("list", "--registry", where)[2]
            continue
        _, _, err = cli(*words, "--registry", where)
        assert (err.count("Warning"), "secret" in err.replace("a secret", "")) == (warned, False)
    monkeypatch.setenv("HOTSPOTS_REGISTRY", where)
    assert "Warning" not in cli("list")[2]


@pytest.mark.parametrize("way", ["PGPASSWORD", "PGPASSFILE"])
def test_a_password_stays_out_of_the_address(
    postgis: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """PostgreSQL's own client library takes it from where it always does."""
    address = sa.make_url(postgis)
    if way == "PGPASSWORD":
        monkeypatch.setenv("PGPASSWORD", str(address.password))
    else:
        file = tmp_path / "pgpass"
        file.write_text(f"127.0.0.1:*:*:*:{address.password}\n")
        file.chmod(0o600)
        monkeypatch.setenv("PGPASSFILE", str(file))
    bare = address._replace(password=None).render_as_string()
    command = [sys.executable, "-m", "hotspots", "registry", "create", "--registry", bare]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPO)
    assert (done.returncode, "has 0 records" in done.stdout) == (0, True), done.stderr
    others = [line for line in done.stderr.splitlines() if not line.startswith("… Registry: ")]
    assert others == []
    assert str(address.password) not in done.stderr.replace(bare, "")


def test_a_recovery_is_confirmed(cli: Cli, secret: str, tmp_path: Path) -> None:
    """By a word that is typed, or --yes; without either nothing is changed."""
    words = ("token", "create", "--holder", "Second", "--recover")
    for typed in ("", "yes\n", "no\n"):
        code, out, err = cli(*words, typed=typed)
        assert (code, out) == (2, "")
        assert "revokes those of other administrators (First (" in err
        assert "Nothing was changed: the recovery wasn't confirmed" in err
    with reading(engine_for(tmp_path / "mine.sqlite")) as connection:
        assert len(tokens.administrators(connection, "2026-12-01T00:00:00Z")) == 1
    code, second, err = cli(*words, typed="recover\n")
    assert code == 0
    assert "The administrators' tokens of First (" in err
    code, third, err = cli(*words[:3], "Third", "--recover", "--yes")
    assert (code, "Type 'recover'" in err) == (0, False)
    for gone in (secret, second.strip()):
        code, _, err = cli("list", "--token", "-", typed=gone)
        assert (code, "was revoked by a recovery on 2" in err) == (2, True)
    code, out, _ = cli("token", "list", "--token", "-", typed=third)
    assert (code, out.count("revoked by a recovery"), out.count(" valid")) == (0, 2, 1)
    code, out, _ = cli("journal", "--token", "-", typed=third)
    assert (out.count("token recovered"), out.count("token revoked by recovery")) == (2, 2)


def test_a_first_token_needs_no_confirmation(cli: Cli) -> None:
    """A recovery where there is nothing to recover from is told as such."""
    code, _, err = cli("token", "create", "--holder", "A", "--recover", "--yes")
    assert (code, "No other administrator's token was valid." in err) == (0, True)


def test_a_registrys_file_is_what_rights_rest_on(tmp_path: Path) -> None:
    """What docs/security.md says of tokens on a file: whoever writes it passes them by."""
    engine = engine_for(tmp_path / "mine.sqlite")

    migration.create(engine)
    with writing(engine) as connection:
        tokens.create(connection, LOCAL, Grant("A", "administrator"), "2026-11-21T20:00:00Z")
    with writing(engine) as connection:
        connection.exec_driver_sql("DELETE FROM token")
    with reading(engine) as connection:
        assert tokens.actor_of(connection, None) is LOCAL
