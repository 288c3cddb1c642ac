"""Tables, texts and vector files that somebody else sent: each gives one sentence, and an end.

What is asserted of each: exit code 2, one sentence and nothing around it, less than 500 MB, and
that nobody asks a listener on this machine whose address stands in the files.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hostile_files
import pytest
from test_hostile_rasters import Listener, add, require_one_sentence, run

Words = Callable[[Path, Path], list[str]]

pytestmark = pytest.mark.timeout(3600)  # of the first test, which runs all commands

GROUPS: dict[str, tuple[dict[str, hostile_files.Maker], Words]] = {
    "recipe": (hostile_files.recipes(), lambda path, _: ["recipe", "check", str(path)]),
    "region": (
        hostile_files.regions(),
        lambda path, out: ["analyze", "--data=sample", f"--out={out}/e", f"--region={path}"],
    ),
    "add-layer": (
        hostile_files.tables(),
        lambda path, out: [*add(path, out / "store"), "--cell", "0.5"],
    ),
    "import": (
        hostile_files.records(),
        lambda path, out: ["registry", "import", str(path), f"--registry={out}/r.sqlite"],
    ),
    "restore": (
        hostile_files.backups(),
        lambda path, out: ["registry", "restore", str(path), f"--registry={out}/r.sqlite"],
    ),
    "map": (
        hostile_files.editions(),
        lambda path, out: ["map", str(path), f"--out={out}/map.html"],
    ),
}
CASES = [(group, name) for group, (makers, _) in GROUPS.items() for name in makers]
FAULTY = list(hostile_files.faulty_records())


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> dict[Any, Any]:
    """Return what came of each file, by group and name, and who was asked."""
    listener = Listener()
    made = [(group, name, GROUPS[group][0][name], GROUPS[group][1]) for group, name in CASES]
    made += [
        ("faulty", name, make, GROUPS["import"][1])
        for name, make in hostile_files.faulty_records().items()
    ]
    commands = []
    for _, _, make, words in made:
        folder = tmp_path_factory.mktemp("hostile")
        (folder / "out").mkdir()
        (folder / "in").mkdir()
        commands.append(words(make(folder / "in", listener.url), folder / "out"))
    found = run(tmp_path_factory.mktemp("run"), commands)
    listener.close()
    keys = [(group, name) for group, name, *_ in made]
    return dict(zip(keys, found, strict=True)) | {"calls": listener.calls}


@pytest.mark.parametrize(("group", "name"), CASES)
def test_a_hostile_file_is_refused_in_one_sentence(
    done: dict[Any, Any], group: str, name: str
) -> None:
    assert require_one_sentence(done[group, name])


@pytest.mark.parametrize("name", FAULTY)
def test_a_hostile_row_is_listed_as_a_fault(done: dict[Any, Any], name: str) -> None:
    one = done["faulty", name]
    assert one["code"] == 2, one
    assert [line for line in one["err"].splitlines() if not line.startswith("… ")] == []
    lines = one["out"].splitlines()
    assert lines[0].startswith("error    Row 2"), one["out"]
    assert "Nothing was written" in lines[-1]
    assert max(map(len, lines)) < 900
    assert one["mb"] < 500


def test_nobody_was_asked_for_what_the_files_name(done: dict[Any, Any]) -> None:
    assert done["calls"] == []


def test_there_are_as_many_files_as_were_asked_for() -> None:
    assert len(CASES) + len(FAULTY) >= 90


FRESH = [
    ("recipe", "digits"),
    ("region", "comb"),
    ("add-layer", "long-cell"),
    ("add-layer", "digits"),
    ("add-layer", "parquet-bomb"),
    ("import", "columns"),
    ("import", "zip-bomb"),
    ("import", "one-text-in-each-cell"),
    ("import", "ods-cells"),
    ("import", "xls-list-of-sectors"),
    ("import", "xls-one-text-in-each-cell"),
    ("restore", "pipe"),
]


# A process's greatest memory counts that of the one which started it, here the tests'; so a small
# process starts the command.
LAUNCHER = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[2:])
_, status, used = os.wait4(child.pid, 0)
with open(sys.argv[1], "w") as out:
    print(os.waitstatus_to_exitcode(status), used.ru_maxrss, file=out)
"""


@pytest.mark.parametrize(("group", "name"), FRESH)
def test_a_fresh_command_refuses_it_in_one_line_and_little_memory(
    tmp_path: Path, group: str, name: str
) -> None:
    """The other tests fork; here the command is started as a user starts it."""
    makers, words = GROUPS[group]
    for folder in ("in", "out"):
        (tmp_path / folder).mkdir()
    path = makers[name](tmp_path / "in", "http://127.0.0.1:9")
    command = [sys.executable, "-m", "hotspots", *words(path, tmp_path / "out")]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    launched = [sys.executable, "-c", LAUNCHER, str(tmp_path / "done"), *command]
    ended = subprocess.run(launched, capture_output=True, text=True, env=env, check=False)
    code, kilobytes = map(int, (tmp_path / "done").read_text().split())
    done = {"code": code, "out": ended.stdout, "err": ended.stderr, "mb": kilobytes / 1024}
    assert require_one_sentence(done)
