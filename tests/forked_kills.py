"""Kills at each point of `kill_points`, in children of one process that has imported all once.

Where a start takes seconds and there are dozens of points.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

import kill_points
import pytest

_PATIENCE_S = 1200  # to notice a hang, not to measure


def forked_kills(
    base: object,
    imports: str,
    before: str,
    change: str,
    functions: Sequence[str] = kill_points.FUNCTIONS,
) -> Iterator[tuple[str, str]]:
    """Kill a change once at each of its points, each time at a place of its own.

    Parameters
    ----------
    base : str or path
        The places are this with a number after it; ``place`` in the code.
    imports, before, change : str
        Python: run once; for each place, to make its former state; and killed at one point.
    functions : sequence of str
        As of `kill_points.points`.

    Yields
    ------
    tuple of str
        The point's name, and the place.
    """
    if not hasattr(os, "fork"):
        pytest.skip("this system has no such processes")
    job = {
        "base": str(base),
        "imports": imports,
        "before": before,
        "change": change,
        "functions": list(functions),
    }
    done = subprocess.run(
        [sys.executable, __file__, json.dumps(job)],
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE_S,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found, "there was nothing to be killed at"
    for number, name in enumerate(found):
        yield f"{number}: {name}", f"{base}{number}"


def _main(job: dict[str, Any]) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    state: dict[str, Any] = {"armed": False, "passed": [], "point": None}

    def at_point(name: str) -> None:
        if not state["armed"]:
            return
        if len(state["passed"]) == state["point"]:
            os.kill(os.getpid(), signal.SIGKILL)
        state["passed"].append(name)

    for name in job["functions"]:
        kill_points._patch(name, at_point)
    exec(job["imports"], names)

    def change(place: str, point: int | None) -> int:
        """Return how a child ended that made a place's former state and then changed it."""
        child = os.fork()
        if child:
            return os.waitpid(child, 0)[1]
        try:
            names["place"] = place
            exec(job["before"], names)
            state.update(armed=True, point=point)
            exec(job["change"], names)
            os.write(sender, json.dumps(state["passed"]).encode())
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    receiver, sender = os.pipe()
    assert change(f"{job['base']}whole", None) == 0
    points = json.loads(os.read(receiver, 1_000_000))
    for number in range(len(points)):
        assert change(f"{job['base']}{number}", number) == signal.SIGKILL, points[number]
    print(json.dumps(points))


if __name__ == "__main__":
    _main(json.loads(sys.argv[1]))
