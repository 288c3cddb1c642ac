"""A real PostgreSQL server with PostGIS, of the tests' own; and registries on either database."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import sqlalchemy as sa

USER, PASSWORD = "keeper", "for-tests-only"
INSTALL = "install the system package 'postgresql-postgis' to run this test"
# The server's whole life, as a user whom it obeys (it refuses root). It ends, and takes its folder
# along, when the pipe to it closes: also if the tests are killed.
LIFE = """
cd "$1" && trap 'rm -rf "$1" 2>/dev/null' EXIT
trap '' PIPE
"$2/initdb" -D data -U "$3" --pwfile=password --auth=scram-sha-256 -E UTF8 $4 --no-sync >log 2>&1 ||
  { cat log; exit 1; }
"$2/postgres" -D data -p "$5" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \\
  -c fsync=off -c full_page_writes=off >log 2>&1 &
until "$2/pg_isready" -q -h 127.0.0.1 -p "$5"; do
  kill -0 $! || { cat log; exit 1; }
  sleep 0.05
done
echo ready
cat >/dev/null
kill -QUIT $!
wait
"""


class Server:
    """A running server that makes databases."""

    def __init__(self, port: int) -> None:
        self.url = f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{port}/"
        self._numbers = count(1)

    def database(self, template: str = "template1") -> str:
        """Make a database, empty or the copy of another one; return its address."""
        name = f"made_{next(self._numbers)}"
        self.ask(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url + name

    def drop(self, url: str) -> None:
        """Remove a database and end whatever uses it."""
        self.ask(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement outside of any registry; return its rows."""
        import psycopg

        with psycopg.connect(self.url + "postgres", autocommit=True) as connection:
            answer = connection.execute(statement)  # type: ignore[call-overload]
            return answer.fetchall() if answer.description else []


@contextmanager
def running_server() -> Iterator[Server]:
    """Run a server on a free port of this machine; skip the test where there is none."""
    pytest.importorskip("psycopg", reason="needs the extra 'postgis'")
    programs = _programs()
    for left in (2, 1, 0):  # another program may take the free port first
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with _started(programs, port) as process:
            assert process.stdout is not None
            said = process.stdout.readline()
            if said == "ready\n":
                server = Server(port)
                if not server.ask("SELECT 1 FROM pg_available_extensions WHERE name = 'postgis'"):
                    pytest.skip(f"the PostgreSQL server has no PostGIS: {INSTALL}")
                yield server
                return
            said += process.communicate()[0]
        if not left:
            raise RuntimeError(f"PostgreSQL did not start: {said}")


def _programs() -> Path:
    versions = {
        int(path.parent.parent.name): path.parent
        for path in Path("/usr/lib/postgresql").glob("[0-9]*/bin/initdb")
        if Path(f"/usr/share/postgresql/{path.parts[-3]}/extension/postgis.control").exists()
    }
    if versions:
        return versions[max(versions)]
    elsewhere = shutil.which("initdb")
    if elsewhere is None:
        pytest.skip(f"no PostgreSQL server with PostGIS on this machine: {INSTALL}")
    return Path(elsewhere).resolve().parent


@contextmanager
def _started(programs: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    # Not in pytest's folder, which nobody but the tests' own user may enter.
    folder = Path(tempfile.mkdtemp(prefix="hotspots-postgis-"))
    (folder / "password").write_text(PASSWORD)
    user: str | None = None
    if os.geteuid() == 0:
        known = {entry.pw_name for entry in pwd.getpwall()}
        user = "postgres" if "postgres" in known else "nobody"
        for path in (folder, folder / "password"):
            shutil.chown(path, user)
    try:
        with subprocess.Popen(
            ["sh", "-c", LIFE, "life", folder, programs, USER, _order(programs), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            user=user,
            group=pwd.getpwnam(user).pw_gid if user else None,
            extra_groups=[] if user else None,
            start_new_session=True,
        ) as process:
            yield process  # then its input is closed, which ends the server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _order(programs: Path) -> str:
    # Sorted as people do it, as servers are usually set up; SQLite sorts by code points.
    told = subprocess.run([programs / "initdb", "--version"], capture_output=True, text=True)
    if int(told.stdout.split()[2].partition(".")[0]) < 15:
        return "--locale=C"
    return "--locale=C --locale-provider=icu --icu-locale=en-US"


@pytest.fixture(scope="session")
def postgis_server() -> Iterator[Server]:
    """A PostgreSQL server with PostGIS; each worker of a test run has its own."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgis_template(postgis_server: Server) -> str:
    """The name of a database with an empty registry, to be copied."""
    from hotspots.registry.database.connection import engine_for
    from hotspots.registry.database.migration import create

    url = postgis_server.database()
    engine = engine_for(url)
    create(engine)
    engine.dispose()  # a database that is in use can't be copied
    return url.rpartition("/")[2]


@pytest.fixture
def postgis(postgis_server: Server) -> Iterator[str]:
    """The address of an empty database."""
    url = postgis_server.database()
    yield url
    postgis_server.drop(url)


@pytest.fixture
def registry_at(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[str], sa.Engine]]:
    """A function that makes an empty registry: in "sqlite" or "postgis"."""
    from hotspots.registry.database.connection import engine_for
    from hotspots.registry.database.migration import create

    ends: list[Callable[[], None]] = []

    def make(kind: str) -> sa.Engine:
        if kind == "sqlite":
            engine = engine_for(tmp_path / f"registry_{len(ends)}.sqlite")
            create(engine)
            ends.append(engine.dispose)
            return engine
        server: Server = request.getfixturevalue("postgis_server")
        url = server.database(request.getfixturevalue("postgis_template"))
        ends.append(lambda: server.drop(url))
        engine = engine_for(url)
        ends.append(engine.dispose)
        return engine

    yield make
    for end in reversed(ends):
        end()


@pytest.fixture(params=["sqlite", "postgis"])
def any_registry(
    request: pytest.FixtureRequest, registry_at: Callable[[str], sa.Engine]
) -> sa.Engine:
    """An empty registry, in SQLite and then in PostGIS."""
    return registry_at(request.param)
