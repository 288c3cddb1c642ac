"""Pipes, sockets and devices given as any input are refused, and nothing waits for them.

Every parameter of every command is taken from the Typer application. What isn't listed as text in
`TEXTS` is taken for a path, so that a new parameter is tested without a new test.
"""

from __future__ import annotations

import inspect
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import hostile
import hostile_files
import pytest
import typer

import hotspots as hs
from hotspots.cli import app
from hotspots.ingest.user_files.rasters import open_layers
from hotspots.locale import text
from hotspots.store import Store

pytestmark = pytest.mark.timeout(120)  # of one test; an opened pipe would wait for ever

# Parameters whose value is never the path of an input, by name, or by command and name.
TEXTS = {
    *("adapter", "by", "card", "citation", "column", "columns", "crs", "depth", "drop", "email"),
    *("encoding", "expires", "guidelines", "holder", "host", "id", "ids", "keep", "land_use"),
    *("lang", "legend", "level", "licence", "name", "note", "of", "out", "practice", "reason"),
    *("resolution", "role", "sheet", "since", "state", "subdataset", "take", "text", "theme"),
    *("support", "to", "token", "type", "type_", "unit", "variable", "year"),
    *("ingest source", "add-layer source"),
}
# What is given for other parameters, if they are required or named here.
VALUES = {
    "ingest source": "soilgrids/clay",
    "ingest region": "KEN",
    "gaps edition": "EDITION",
    "map edition": "EDITION",
    "serve edition": "EDITION",
    "analyze data": "sample",
    "registry matrix by": "theme",
    "registry place text": "Nakuru, KE",
    "registry survey region": "KEN",
    "registry survey level": "complete",
    "registry import file": "RECORDS",
    "check files": "RECORDS",
    "registry suggest path": "RECORDS",
    "recipe diff this": "RECIPE",
}
ENDINGS = ("", ".csv", ".xlsx", ".ods", ".xls", ".geojson", ".tif", ".sqlite", ".nc")


def commands(group: Any, *path: str) -> Iterator[tuple[str, Any]]:
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, *path, name)
    if not hasattr(group, "commands"):
        yield " ".join(path), group


COMMANDS = dict(commands(typer.main.get_command(app)))


def is_path(command: str, parameter: Any) -> bool:
    hint = get_type_hints(inspect.unwrap(COMMANDS[command].callback))[parameter.name]
    kinds = set(get_args(hint)) or {hint}
    named = {parameter.name, f"{command} {parameter.name}"}
    return bool(kinds & {str, Path}) and not named & TEXTS


PATHS = [
    (command, parameter.name)
    for command, made in COMMANDS.items()
    for parameter in made.params
    if is_path(command, parameter)
]


def words(command: str, tested: str, value: Path, known: dict[str, Path]) -> list[str]:
    """Return a command line in which one parameter is `value`, and others are sound."""
    arguments: list[str] = []
    options: list[str] = []
    for parameter in COMMANDS[command].params:
        named = VALUES.get(f"{command} {parameter.name}", "x" if parameter.required else "")
        given = str(value) if parameter.name == tested else str(known.get(named, named))
        if not given:
            continue
        if parameter.name == "out" and tested != "out":
            given = str(value.parent / "out" / "made.csv")
        if parameter.param_type_name == "argument":
            arguments.append(given)
        else:
            options += [parameter.opts[0], given]
    return [*command.split(), *options, "--", *arguments]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Sound inputs for the other parameters: an edition, records, a recipe, a store."""
    folder = tmp_path_factory.mktemp("known")
    data = open_layers(hostile.geotiff(folder / hostile.NAME))
    hs.analyze(data, regions="countries").save(folder / "edition")
    (folder / "records.csv").write_text("type,name,country\n")
    (folder / "recipe.toml").write_text("")
    Store(folder / "store").add(data["soc_stock"])
    names = {"EDITION": "edition", "RECORDS": "records.csv", "RECIPE": "recipe.toml"}
    return {key: folder / name for key, name in names.items()} | {"STORE": folder / "store"}


def refusal(done: tuple[int, str, str]) -> str:
    """Return the sentence by which a command refused its input, having printed nothing beside."""
    code, out, said = done
    lines = [line for line in said.splitlines() if not line.startswith("… ")]
    assert code == 2, (out, said)
    assert len(lines) == 1, said
    assert lines[0].startswith("Error: "), said
    assert lines[0].endswith("."), said
    assert len(lines[0]) < 600, said
    return lines[0]


def test_there_are_many_parameters_that_take_a_path() -> None:
    assert len(PATHS) > 60


@pytest.mark.parametrize(("command", "name"), PATHS)
def test_a_pipe_a_socket_and_a_device_are_refused(
    tmp_path: Path, run: Any, known: dict[str, Path], command: str, name: str
) -> None:
    # The suffix decides how a file is read, not the command: one command for each parameter has
    # all of them, and a socket and a device.
    is_first = (command, name) == next(pair for pair in PATHS if pair[1] == name)
    is_read_by_suffix = is_first and name in ("data", "file", "path", "region", "regions")
    makers = [
        hostile_files.fifo(f"x{ending}") for ending in (ENDINGS if is_read_by_suffix else ("",))
    ]
    if is_first and name not in ("where", "token_file"):
        makers += [hostile_files.listening("s.csv"), null]
    for make in makers:
        done = run(*words(command, name, make(tmp_path, ""), known))
        # What `check` says of a file is its result, so a refusal is printed as one.
        if command == "check" and not done[2]:
            assert (done[0], text("check.section.refusals") in done[1]) == (2, True), done
        else:
            assert refusal(done)


def null(folder: Path, _: str) -> Path:
    (folder / "null.csv").symlink_to("/dev/null")
    return folder / "null.csv"


def piped(folder: Path, copy: Path) -> Iterator[Path]:
    """Yield the files of a folder one by one; each is a pipe in the copy while it is yielded."""
    shutil.copytree(folder, copy)
    for path in sorted(p for p in copy.rglob("*") if p.is_file()):
        aside = path.rename(path.with_name(f"{path.name}.aside"))
        os.mkfifo(path)
        aside.rename(copy.parent / "aside")
        yield path
        path.unlink()
        (copy.parent / "aside").rename(path)


def require_refused_or_unused(done: tuple[int, str, str]) -> bool:
    """Assert that a command is done, or refuses its input; return whether it refuses."""
    if done[0] == 0:
        return False
    return bool(refusal(done))


def test_a_pipe_in_an_edition(tmp_path: Path, run: Any, known: dict[str, Path]) -> None:
    copy = tmp_path / "copy"
    refused = {
        str(path.relative_to(copy))
        for path in piped(known["EDITION"], copy)
        if require_refused_or_unused(run("gaps", "--edition", copy, "--json"))
    }
    assert {"manifest.json", "recipe.toml", "units.parquet", "hotspots.gpkg"} <= refused


def test_a_pipe_in_a_store(tmp_path: Path, run: Any, known: dict[str, Path]) -> None:
    copy = tmp_path / "copy"
    for path in piped(known["STORE"], copy):
        code, listed, said = run("layers", "--store", copy, "--check")
        assert code in (0, 1)  # 1 for a layer that isn't as it was
        if path.suffix == ".tif":
            assert listed.split()[-1] == "missing"
        if path.name == "soc_stock.json":
            assert "holds no layer" in said


def test_a_pipe_in_place_of_a_lock(tmp_path: Path, run: Any) -> None:
    (tmp_path / "store").mkdir()
    os.mkfifo(tmp_path / "store" / ".lock")
    raster = hostile.geotiff(tmp_path / hostile.NAME)
    assert refusal(run("add-layer", raster, "--store", tmp_path / "store"))


def test_a_pipe_in_the_folder_of_data(
    tmp_path: Path, run: Any, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTSPOTS_DATA", str(tmp_path / "copy"))
    for path in piped(repo / "data", tmp_path / "copy"):
        refused = require_refused_or_unused(run("registry", "matrix", "--by", "theme", "--json"))
        assert refused or path.suffix not in (".csv", ".toml"), path


def test_a_pipe_in_the_folder_of_sources(
    tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTSPOTS_SOURCES", str(tmp_path))
    os.mkfifo(tmp_path / "own.toml")
    assert "own.toml" in refusal(run("sources"))
