"""Starts and asks the test server (`server.py`), which is a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SERVER = Path(__file__).with_name("server.py")


@dataclass
class Serving:
    """A running server: its folder, its address, and what it was asked."""

    folder: Path
    url: str
    process: subprocess.Popen[str]

    def log(self, path: str = "") -> list[dict[str, Any]]:
        """Return the requests so far, or those whose path ends so."""
        told = self._asked("GET")["log"]
        return [entry for entry in told if entry["path"].partition("?")[0].endswith(path)]

    def most_at_once(self) -> int:
        """Return how many requests were under way at the same time."""
        return int(self._asked("GET")["most"])

    def forget(self) -> None:
        """Let the server forget its log."""
        self._asked("DELETE")

    def stop(self) -> None:
        """End the server."""
        self.process.kill()
        self.process.wait()

    def _asked(self, method: str) -> Any:
        request = urllib.request.Request(f"{self.url}/_log", method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)


@contextmanager
def running(folder: Path, port: int = 0) -> Iterator[Serving]:
    """Run a server of `folder` on a free port of this machine."""
    process = subprocess.Popen(
        [sys.executable, str(SERVER), str(folder), str(port)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        told = process.stdout.readline()
        serving = Serving(folder, f"http://127.0.0.1:{int(told)}", process)
        try:
            yield serving
        finally:
            serving.stop()


def quick_client(**settings: float) -> Any:
    """Return a client that tries again soon, yet waits for an answer however busy the machine."""
    from hotspots.ingest.access.http import Client, Settings  # costly, and not all tests need it

    quick = {"connect": 60.0, "stall": 60.0, "reach": 120.0, "back_off": 0.05, "longest_wait": 1.0}
    return Client(Settings(**{**quick, "tries": 3, "silence": 0.0, **settings}))


def impatient_client(**settings: float) -> Any:
    """Return a client that gives up after a second: for servers that never answer, only."""
    return quick_client(**{"connect": 0.5, "stall": 0.6, "reach": 1.0, **settings})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server for all tests of a module; files are put in its folder."""
    with running(tmp_path_factory.mktemp("served")) as serving:
        yield serving


@pytest.fixture
def quick() -> Any:
    """A client that tries again soon."""
    return quick_client()
