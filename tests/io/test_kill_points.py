"""The kills of other tests fall where they say."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from kill_points import each_kill, kill_while_writing, points

PUBLISHING = """
import os, sys
from pathlib import Path
new, place = map(Path, sys.argv[1:])
new.write_text("new")
new.replace(place)  # pathlib goes through os.replace
"""


def test_a_kill_falls_before_and_after_each_call(tmp_path: Path) -> None:
    numbers = itertools.count()

    def prepare() -> tuple[Path, Path]:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        (folder / "place").write_text("former")
        return folder / "new", folder / "place"

    found = {
        name: (new.exists(), place.read_text())
        for name, (new, place) in each_kill(PUBLISHING, prepare)  # type: ignore[misc]
    }
    assert found == {
        "0: before os.replace": (True, "former"),
        "1: after os.replace": (False, "new"),
    }


def test_methods_are_points_too(tmp_path: Path) -> None:
    program = "import sqlalchemy as sa\nwith sa.create_engine('sqlite://').begin(): pass"
    commit = "sqlalchemy.engine.base.Connection._commit_impl"
    assert points(program, functions=(commit,)) == [f"before {commit}", f"after {commit}"]


@pytest.mark.parametrize(("limit", "killed"), [(100, True), (1_000, False)])
def test_a_kill_within_a_write_leaves_a_part(tmp_path: Path, limit: int, killed: bool) -> None:
    program = (
        "import os, sys; f = os.open(sys.argv[1], 65); [os.write(f, b'x' * 60) for _ in 'abc']"
    )
    assert kill_while_writing(limit, program, tmp_path / "file") is killed
    assert (tmp_path / "file").stat().st_size == min(limit, 180)
