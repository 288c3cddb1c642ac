"""Kills inside the last steps of a write: at each call of the functions that publish or flush.

`points` runs a piece of Python in a child and names the places where it can be killed: before and
after each call of the given functions. `kill` runs it again and kills it (SIGKILL: nothing is
cleaned up) at one of them. `kill_while_writing` kills it within the write that makes a file larger
than a limit, also one of SQLite or GDAL, of which the part up to the limit is written.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

FUNCTIONS = ("os.replace", "os.rename", "os.link", "os.fsync")
_PATIENCE_S = 300  # to notice a hang, not to measure
_MARK = "POINTS "


def points(snippet: str, *words: object, functions: Sequence[str] = FUNCTIONS) -> list[str]:
    """Run a snippet to its end; return its points, such as "before os.replace".

    Parameters
    ----------
    snippet : str
        Python, which finds `words` in ``sys.argv[1:]``.
    words
        Paths and such, as texts.
    functions : sequence of str
        Functions and methods by their full names: "os.replace", "sqlalchemy.Connection.commit".
    """
    done = _run(snippet, words, {"functions": functions})
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout.rpartition(_MARK)[2]))


def kill(point: int, snippet: str, *words: object, functions: Sequence[str] = FUNCTIONS) -> None:
    """Run a snippet and kill it at a point, counted from 0 in the list that `points` gives."""
    done = _run(snippet, words, {"functions": functions, "point": point})
    assert done.returncode == -signal.SIGKILL, (done.returncode, done.stdout, done.stderr)


def each_kill(
    snippet: str, prepare: Callable[[], Sequence[object]], functions: Sequence[str] = FUNCTIONS
) -> Iterator[tuple[str, Sequence[object]]]:
    """Kill a snippet once at each of its points, each time in a place of its own.

    Parameters
    ----------
    snippet : str
        See `points`.
    prepare : callable
        Makes the state before, somewhere new, and returns the words for the snippet.
    functions : sequence of str
        See `points`.

    Yields
    ------
    tuple of str and sequence
        The point's name, and the words that `prepare` gave for it, after the kill.
    """
    found = points(snippet, *prepare(), functions=functions)
    assert found, "there was nothing to be killed at"
    for number, name in enumerate(found):
        words = prepare()
        kill(number, snippet, *words, functions=functions)
        yield f"{number}: {name}", words


def kill_while_writing(limit: int, snippet: str, *words: object) -> bool:
    """Run a snippet, killed in the write that makes any file larger than `limit` bytes.

    Returns
    -------
    bool
        Whether it was killed; False if it came to its end.
    """
    done = _run(snippet, words, {"limit": limit})
    assert done.returncode in (0, -signal.SIGXFSZ), (done.returncode, done.stderr)
    return done.returncode != 0


def _run(
    snippet: str, words: Sequence[object], settings: dict[str, Any]
) -> subprocess.CompletedProcess[str]:
    if not hasattr(signal, "SIGXFSZ"):
        pytest.skip("this system has no such signals")
    command = [sys.executable, __file__, json.dumps(settings), snippet, *map(str, words)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE_S,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def _patch(name: str, at_point: Callable[[str], None]) -> None:
    holder, attribute = _holder(name)
    real = getattr(holder, attribute)

    @functools.wraps(real)
    def call(*args: Any, **options: Any) -> Any:
        at_point(f"before {name}")
        value = real(*args, **options)
        at_point(f"after {name}")
        return value

    setattr(holder, attribute, call)


def _holder(name: str) -> tuple[Any, str]:
    """Return the module or class that a function is in, and its name there."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            holder: Any = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:-1]:
            holder = getattr(holder, part)
        return holder, parts[-1]
    raise AssertionError(f"no module of '{name}'")


def _child(settings: dict[str, Any], snippet: str) -> None:
    passed: list[str] = []

    def at_point(name: str) -> None:
        if len(passed) == settings.get("point"):
            os.kill(os.getpid(), signal.SIGKILL)
        passed.append(name)

    for name in settings.get("functions", ()):
        _patch(name, at_point)
    if "limit" in settings:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it; its own action kills
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (settings["limit"], settings["limit"]))
    exec(compile(snippet, "snippet", "exec"), {"__name__": "__main__"})
    print(_MARK + json.dumps(passed))


if __name__ == "__main__":
    # As if the snippet had been started itself; nothing of the tests' folder is on its path.
    sys.path.pop(0)
    _settings, _snippet = json.loads(sys.argv[1]), sys.argv[2]
    sys.argv = ["-c", *sys.argv[3:]]
    _child(_settings, _snippet)
