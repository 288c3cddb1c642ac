"""The edition's id follows the code that can change a number, and only that."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hotspots
from hotspots.edition.code_hash import HASHED, LEFT_OUT, code_hash, hashed_files

HOME = Path(hotspots.__file__).parent
# What an analysis loads besides: faces, messages, settings and texts. No number depends on them.
NO_NUMBERS = ("__init__.py", "errors.py", "config.py", "locale/", "ingest/__init__.py")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    home = tmp_path / "hotspots"
    shutil.copytree(HOME, home, ignore=shutil.ignore_patterns("vendor", "__pycache__", "*.nc"))
    return home


@pytest.mark.parametrize("part", HASHED)
def test_a_constant_moved_in_a_part_gives_another_hash(copy: Path, part: str) -> None:
    before = code_hash(copy)
    changed = next(n for n in sorted(hashed_files(copy)) if n == part or n.startswith(f"{part}/"))
    with (copy / changed).open("a", encoding="utf-8") as file:
        file.write("\nMOVED = 1.5\n")
    assert code_hash(copy) != before


def test_a_factor_moved_in_a_table_gives_another_hash(copy: Path) -> None:
    before = code_hash(copy)
    table = copy / "analysis" / "tables" / "ipcc_socref.csv"
    table.write_text(table.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert code_hash(copy) != before


@pytest.mark.parametrize("part", [*LEFT_OUT, "maps", "locale/en.toml", "registry"])
def test_a_change_elsewhere_gives_the_same_hash(copy: Path, part: str) -> None:
    before = code_hash(copy)
    path = copy / part
    changed = min(path.glob("*.py")) if path.is_dir() else path
    with changed.open("a", encoding="utf-8") as file:
        file.write("\n# another word\n")
    assert code_hash(copy) == before


def test_a_renamed_file_gives_another_hash(copy: Path) -> None:
    before = code_hash(copy)
    (copy / "layers" / "grid.py").rename(copy / "layers" / "grids.py")
    assert code_hash(copy) != before


def test_all_that_an_analysis_loads_is_hashed_or_named() -> None:
    code = (
        "import sys, hotspots as hs\n"
        "from hotspots.edition.inputs import clip\n"
        "hs.analyze(clip(hs.sample(), hs.region('RWA')))\n"
        "print('LOADED', *(m.__file__ for n, m in sys.modules.items() if n.startswith('hotspots')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600
    )
    loaded = {Path(name) for name in done.stdout.rsplit("LOADED", 1)[1].split()}
    names = {path.relative_to(HOME).as_posix() for path in loaded}
    unhashed = names - set(hashed_files(HOME))
    assert [n for n in sorted(unhashed) if not n.startswith((*NO_NUMBERS, *LEFT_OUT))] == []
    assert any(n.startswith("edition/methods") for n in names)
