"""Fixtures for all tests, and the guard that keeps them from leaving this machine."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from postgis import (  # noqa: F401  (fixtures)
    any_registry,
    postgis,
    postgis_server,
    postgis_template,
    registry_at,
)
from serving import quick, server  # noqa: F401  (fixtures)

# On a busy machine an example may take long; how long is no property of the code.
# The same examples each time, so that a run tells of the code and not of its luck;
# HOTSPOTS_EXPLORE=1 looks for new ones.
settings.register_profile(
    "unhurried", deadline=None, derandomize="HOTSPOTS_EXPLORE" not in os.environ
)
settings.load_profile("unhurried")

REPO = Path(__file__).resolve().parents[1]
LOOPBACK_NAMES = {None, "", "localhost", "0.0.0.0", "::", "::1"}
# Nothing listens there: libraries in C (GDAL, curl) and child processes, which the patched socket
# can't reach, meet a closed door too.
CLOSED_DOOR = "http://127.0.0.1:9"


def _is_local(host: Any) -> bool:
    if isinstance(host, bytes):
        host = host.decode()
    return host in LOOPBACK_NAMES or str(host).startswith("127.") or host == socket.gethostname()


@pytest.fixture(scope="session", autouse=True)
def stay_on_this_machine() -> Iterator[None]:
    """Refuse every connection and name look-up that isn't to this machine."""
    patch = pytest.MonkeyPatch()
    real_lookup = socket.getaddrinfo

    def lookup(host: Any, *args: Any, **options: Any) -> Any:
        if not _is_local(host):
            raise OSError(f"Tests stay on this machine: the name '{host}' was not looked up.")
        return real_lookup(host, *args, **options)

    def guarded(real: Any) -> Any:
        def connect(self: socket.socket, address: Any) -> Any:
            inet = self.family in (socket.AF_INET, socket.AF_INET6)
            if inet and not _is_local(address[0]):
                raise OSError(f"Tests stay on this machine: no connection to {address}.")
            return real(self, address)

        return connect

    patch.setattr(socket, "getaddrinfo", lookup)
    for name in ("connect", "connect_ex"):
        patch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        patch.setenv(name, CLOSED_DOOR)
    for name in ("no_proxy", "NO_PROXY"):
        patch.setenv(name, "localhost,127.0.0.1,::1")
    yield
    patch.undo()


@pytest.fixture(scope="session", autouse=True)
def no_registry_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests from the registry of whoever runs them."""
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("user-data")))
    for name in ("HOTSPOTS_REGISTRY", "HOTSPOTS_TOKEN"):
        patch.delenv(name, raising=False)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def repo() -> Path:
    """The root of the working copy."""
    return REPO


@pytest.fixture(scope="session")
def shared() -> Path:
    """The project's reference folder (specification, vectors, original rasters).

    Named by ``HOTSPOTS_SHARED``, else ``shared`` beside the working copy; it is no part of the
    repository, so tests that need it skip where it is absent.
    """
    path = Path(os.environ.get("HOTSPOTS_SHARED") or REPO.parent / "shared")
    if not (path / "science").is_dir():
        pytest.skip(f"no reference folder at '{path}'; set HOTSPOTS_SHARED to run this test")
    return path


@pytest.fixture(scope="session")
def vectors(shared: Path) -> Path:
    """The folder of reference values, one CSV file a method."""
    return shared / "science" / "vectors"


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The system's Chromium (Playwright's own browsers aren't in any package registry)."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        found = shutil.which(name)
        if found:
            return found
    pytest.skip("no Chromium on this machine: install the system package 'chromium'")


@pytest.fixture(scope="session")
def world_edition() -> Any:
    """The default recipe on the packaged sample; computed once, not to be changed by a test."""
    import hotspots as hs

    return hs.analyze(hs.sample())


@contextmanager
def _stepping_down() -> Iterator[None]:
    if not hasattr(os, "geteuid"):
        pytest.skip("no such permissions on this system")
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def as_ordinary_user() -> Any:
    """A context in which root, who may read anything, is an ordinary user for a while."""
    return _stepping_down


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command line in this process; return exit code, output and error output."""
    from hotspots.cli import main

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["hotspots", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call
