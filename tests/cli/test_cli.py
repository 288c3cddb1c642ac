"""The command line: what users type, what they read, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from rasterio.transform import from_origin

import hotspots as hs
from hotspots.cli import main
from hotspots.edition import edition as edition_module
from hotspots.edition.edition import MANIFEST
from hotspots.errors import RecipeError
from hotspots.io.atomic import file_hash

COMMAND = [sys.executable, "-m", "hotspots"]
FIJI = ["analyze", "--data", "sample", "--region", "FJI", "--out"]


def errors_of(text: str) -> list[str]:
    """Return what stands on the error stream beside the steps."""
    return [line for line in text.splitlines() if not line.startswith("…")]


def write_layer(path: Path, *, crs="EPSG:4326", unit="t ha-1", size=6, west=36.0) -> Path:
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=size,
        height=size,
        count=1,
        dtype="float32",
        crs=crs,
        transform=from_origin(west, 1, 0.5, 0.5),
        nodata=-9999,
    ) as out:
        out.write(np.full((size, size), 60, dtype="float32"), 1)
        if unit:
            out.set_band_unit(1, unit)
    return path


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory) -> tuple[Path, str]:
    """`hotspots demo` in a fresh process, as a user runs it."""
    out = tmp_path_factory.mktemp("demo") / "demo"
    command = [sys.executable, "-m", "hotspots", "demo", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=280)
    return out, done.stdout


def test_demo_ends_with_a_map_a_table_and_the_shares_called_hot(demo_folder):
    out, said = demo_folder
    assert (out / "map.html").stat().st_size > 100_000
    assert "ranked managed land" in said
    assert said.count("Gi* alone would have called") == 2
    assert "gross loss" in said
    assert "No detectable change" in said
    edition = hs.open_edition(out)
    assert f"Edition {edition.id}" in said
    assert len(edition.table) > 250


def test_a_second_demo_finds_the_first(demo_folder, run):
    out, _ = demo_folder
    times = (out / "times.json").read_text()
    code, _, told = run("demo", "--out", out)
    assert code == 0
    assert "there already" in told
    assert (out / "times.json").read_text() == times


@pytest.mark.slow
def test_the_demo_of_other_code_is_replaced(run, tmp_path, world_edition):
    out = tmp_path / "demo"
    old_demo(world_edition, out)
    # What a run left that was killed just then is no hindrance.
    (tmp_path / ".demo.abcd1234.part" / "former").mkdir(parents=True)
    code, _, told = run("demo", "--out", out)
    assert code == 0
    assert "replacing" in told
    made = hs.open_edition(out)
    assert made.id == world_edition.id
    assert made.times["made_by"] == "demo"
    assert [p.name for p in tmp_path.iterdir()] == ["demo"]


def old_demo(edition: hs.Edition, out: Path, **times: str) -> None:
    """Save an edition as the demo of other code would."""
    told = {"manifest": {**edition.manifest, "id": "old"}, "times": {"made_by": "demo"} | times}
    hs.Edition(**{**vars(edition), **told}).save(out, beside={"map.html": "old"})


def contents(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): file_hash(p) for p in sorted(folder.rglob("*")) if p.is_file()
    }


@pytest.mark.slow
def test_an_edition_that_no_demo_made_is_never_replaced(run, tmp_path, world_edition):
    """Not even one of the same data and recipe: only the demo's mark tells."""
    old_demo(world_edition, tmp_path / "mine", made_by="analyze")
    code, _, _ = run(*FIJI, tmp_path / "fiji")
    assert code == 0
    for name in ("mine", "fiji"):
        before = contents(tmp_path / name)
        code, _, told = run("demo", "--out", tmp_path / name)
        assert code == 2
        assert "which no demo made, so it is not replaced" in told
        assert len(errors_of(told)) == 1
        assert contents(tmp_path / name) == before
    assert sorted(os.listdir(tmp_path)) == ["fiji", "mine"]


@pytest.mark.parametrize("name", ["notes.txt", "rasters/notes", ".hidden", "sub/deep/file"])
def test_a_demo_with_files_of_the_users_is_never_replaced(run, tmp_path, world_edition, name):
    out = tmp_path / "demo"
    old_demo(world_edition, out)
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    (out / name).write_text("dear diary")
    before = contents(out)
    code, _, told = run("demo", "--out", out)
    assert code == 2
    assert f"holds '{name}', which is not part of a demo" in told
    assert contents(out) == before


@pytest.mark.slow
def test_a_demo_that_can_not_be_replaced_is_put_back(run, tmp_path, world_edition, monkeypatch):
    """The former is aside already when the new one can't be put in its place."""
    out = tmp_path / "demo"
    old_demo(world_edition, out)
    before = contents(out)
    rename = os.rename

    def fails(source: Path, goal: Path) -> None:
        if Path(source).name == "new":
            assert not out.exists()
            raise OSError(5, "Input/output error")
        rename(source, goal)

    monkeypatch.setattr(hs, "analyze", lambda *_, **__: world_edition)
    monkeypatch.setattr(
        "hotspots.cli.demonstration.exchange", lambda *_: False
    )  # as on other systems
    monkeypatch.setattr(os, "rename", fails)
    code, _, told = run("demo", "--out", out)
    assert code == 1
    assert "Input/output error" in told
    assert contents(out) == before
    assert os.listdir(tmp_path) == ["demo"]


def test_a_folder_of_something_else_is_never_replaced(run, tmp_path):
    (tmp_path / "letter.txt").write_text("dear diary")
    code, _, told = run("demo", "--out", tmp_path)
    assert code == 2
    assert "exists already" in told
    assert (tmp_path / "letter.txt").read_text() == "dear diary"


def test_analyze_a_country_from_the_sample(run, tmp_path):
    code, said, _ = run(
        "analyze", "--data", "sample", "--region", "Quênia", "--out", tmp_path / "a"
    )
    assert code == 2  # Portuguese isn't among the three languages, but the near match is told
    code, said, _ = run("analyze", "--data", "sample", "--region", "Kenia", "--out", tmp_path / "a")
    assert code == 0
    assert "Kenya" in said
    assert (tmp_path / "a" / "map.html").exists()


def test_analyze_prints_records_as_json(run, tmp_path):
    code, said, _ = run(
        "analyze",
        "--data",
        "sample",
        "--region",
        "175,-20,-175,-14",
        "--out",
        tmp_path / "a",
        "--json",
    )
    assert code == 0
    rows = {row["id"]: row for row in json.loads(said)}
    assert {"FJI", "total", "outside"} <= set(rows)
    assert rows["FJI"]["soc_stock_total"] > 0


def test_analyze_files_a_store_and_the_sample_give_the_same_id(run, tmp_path):
    """The same layers by three ways: one edition."""
    from hotspots.edition.inputs import clip
    from hotspots.ingest import Store

    part = clip(hs.sample(), hs.region((33, -5, 42, 5)))
    part = part.drop_vars("region_share").drop_attrs(deep=False)
    netcdf = tmp_path / "layers.nc"
    part.to_netcdf(netcdf, engine="h5netcdf")
    store = Store(tmp_path / "store")
    for name in part.data_vars:
        store.add(part[name])
    ids = []
    for key, source in (("--data", netcdf), ("--store", tmp_path / "store")):
        out = tmp_path / f"out{key}"
        code, _, told = run("analyze", key, source, "--region", "36,-2,39,2", "--out", out)
        assert code == 0, told
        ids.append(hs.open_edition(out).id)
    assert ids[0] == ids[1]


def test_add_layer_and_layers(run, tmp_path):
    path = write_layer(tmp_path / "soc_stock.tif")
    with rasterio.open(path, "r+") as layer:
        layer.update_tags(source="made by this test", citation="none", licence="CC0-1.0")
    code, said, told = run("add-layer", path, "--store", tmp_path / "store")
    assert code == 0, told
    code, said, _ = run("layers", "--store", tmp_path / "store", "--json")
    assert code == 0
    assert json.loads(said)[0]["layer"] == "soc_stock"


def test_recipe_show_check_and_diff(run, tmp_path):
    code, said, _ = run("recipe", "show")
    assert code == 0
    path = tmp_path / "recipe.toml"
    path.write_text(said.replace("adoption = 0.0", "adoption = 0.25"))
    assert run("recipe", "check", path)[0] == 0
    code, said, _ = run("recipe", "diff", path, "--json")
    assert code == 0
    assert json.loads(said) == [{"key": "potential.adoption", "this": 0.25, "other": 0.0}]


def test_registry_list(run):
    code, said, _ = run("registry", "list", "--json")
    assert code == 0
    assert all(row["source"] for row in json.loads(said))


def test_map_of_an_edition(run, demo_folder, tmp_path):
    code, _, _ = run("map", demo_folder[0], "--out", tmp_path / "carte.html", "--lang", "fr")
    assert code == 0
    assert 'lang="fr"' in (tmp_path / "carte.html").read_text(encoding="utf-8")


def test_a_map_that_can_not_be_written_is_told_before_it_is_drawn(
    run, demo_folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(hs, "explore", None)
    code, _, told = run("map", demo_folder[0], "--out", tmp_path / "nodir" / "x.html")
    assert code == 2
    assert "nodir'. Make it first, or give another --out." in told


@pytest.mark.parametrize("text", ["{}", "[]", "{"])
def test_an_edition_without_a_manifest_to_speak_of(run, demo_folder, tmp_path, text):
    (tmp_path / "edition").mkdir()
    (tmp_path / "edition" / MANIFEST).write_text(text)
    (tmp_path / "edition" / "times.json").write_text("{}")
    edition = tmp_path / "edition"
    for words in (["map", edition], ["serve", "--edition", edition], ["demo", "--out", edition]):
        code, _, told = run(*words)
        assert code == 2, told
        assert "is damaged" in told
    shutil.copytree(demo_folder[0], tmp_path / "whole")
    code, said, told = run("editions", tmp_path, "--json")
    assert code == 0
    assert [Path(row["folder"]).name for row in json.loads(said)] == ["whole"]
    assert "Skipped '" in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--data", "sample", "--region", "Kenyaa"], "did you mean"),
        (["--data", "sample", "--region", "10,5,20,5"], "south"),
        (["--data", "sample", "--region", "-30,-10,-29,-9"], "no land"),
        (["--data", "sample", "--region", "nowhere.geojson"], "nowhere.geojson"),
        (["--data", "absent.nc"], "absent.nc"),
        (["--data", "sample", "--store", "."], "one of them"),
        ([], "one of them"),
        (["--data", "sample", "--regions", "villages"], "villages"),
        (["--data", "sample", "--lang", "de"], "de"),
    ],
)
def test_bad_use_gets_one_sentence_and_leaves_nothing(run, tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    code, _, error = run("analyze", *arguments, "--out", tmp_path / "out")
    assert code == 2, error
    lines = [line for line in error.splitlines() if not line.startswith("…")]
    assert len(lines) == 1
    assert lines[0].startswith("Error: ")
    assert told.casefold() in lines[0].casefold()
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def bad_raster(kind: str, folder: Path) -> Path:
    path = folder / "layers"
    path.mkdir()
    soc = path / "soc_stock.tif"
    if kind == "no CRS":
        write_layer(soc, crs=None)
    elif kind == "no unit":
        write_layer(soc, unit="")
    elif kind == "two grids":
        write_layer(soc)
        write_layer(path / "soc_stock_reference.tif", west=36.25)
    elif kind == "truncated":
        write_layer(soc, size=200)
        soc.write_bytes(soc.read_bytes()[: soc.stat().st_size // 2])
    elif kind == "garbage":
        soc.write_bytes(b"this is no raster" * 100)
    return path


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("no CRS", "coordinate reference system"),
        ("no unit", "no unit"),
        ("two grids", "another grid"),
        ("truncated", "soc_stock"),
        ("garbage", "soc_stock"),
    ],
)
def test_bad_rasters_get_one_sentence_and_exit_code_2(run, tmp_path, kind, told):
    out = tmp_path / "out"
    code, _, error = run("analyze", "--data", bad_raster(kind, tmp_path), "--out", out)
    assert code == 2, error
    assert told in error
    assert "Traceback" not in error
    assert not out.exists()


def test_zones_of_2006_with_factors_of_2019_are_refused(run, tmp_path):
    data = hs.sample().isel(y=slice(170, 190), x=slice(420, 440)).load()
    data["climate_zone"].attrs["guidelines"] = "2006"
    data.to_netcdf(tmp_path / "zones.nc", engine="h5netcdf")
    code, _, error = run("analyze", "--data", tmp_path / "zones.nc", "--out", tmp_path / "out")
    assert code == 2
    assert "2006" in error
    assert "2019" in error


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[potential]\nadoptoin = 0.1\n", "adoption"),
        ("[potential]\nadoption = 1.5\n", "0 to 1"),
        ("[potential]\nmanagement = 'no_tilage'\n", "no_tillage"),
        ("not toml", "TOML"),
    ],
)
def test_bad_recipes_are_refused(run, tmp_path, text, told):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(text)
    out = tmp_path / "out"
    code, _, error = run(
        "analyze", "--data", "sample", "--region", "RWA", "--recipe", recipe, "--out", out
    )
    assert code == 2
    assert told in error
    assert not out.exists()


def test_an_output_folder_that_exists_is_refused_before_any_work(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").write_text("kept")
    code, _, error = run("analyze", "--data", "sample", "--out", tmp_path / "out")
    assert code == 2
    assert "exists already" in error
    assert "…" not in error


def test_unknown_failures_are_one_line_and_exit_code_1(run, monkeypatch):
    def broken(*_: object) -> xr.Dataset:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr("hotspots.cli.registry_records.opened", broken)
    code, _, error = run("registry", "list")
    assert code == 1
    assert "--debug" in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["analyze", "--nonsense"], "No such option: --nonsense"),
        (["analyse"], "Did you mean 'analyze'?"),
        (["analyze"], "Missing option '--out'"),
        (["serve", "--port", "x"], "--port"),
    ],
)
def test_wrong_use_ends_with_2_and_one_sentence(run, words, told):
    code, _, error = run(*words)
    assert code == 2
    (line,) = error.splitlines()
    assert line.startswith("Error: ")
    assert told in line
    assert line.endswith("--help'.")


def test_nothing_asked_gives_the_help(run):
    code, said, told = run()
    assert code == 2
    assert "analyze" in said + told


def test_debug_is_in_the_help_and_works_before_and_after_the_command(run, monkeypatch, tmp_path):
    code, said, _ = run("--help")
    assert code == 0
    assert "--debug" in said
    absent = str(tmp_path / "absent.toml")
    for words in (["--debug", "recipe", "show", absent], ["recipe", "show", absent, "--debug"]):
        monkeypatch.setattr(sys, "argv", ["hotspots", *words])
        with pytest.raises(RecipeError):
            main()


def test_a_recipe_that_is_not_there_is_named_once(run, tmp_path):
    path = tmp_path / "nofile.toml"
    for words in (["show"], ["check"], ["diff"]):
        code, _, told = run("recipe", *words, path)
        assert code == 2
        assert told.count("nofile.toml") == 1
        assert "No such file or directory" in told


def test_help_says_in_which_languages_regions_are_named(run):
    _, said, _ = run("analyze", "--help")
    assert "English, French or Spanish" in " ".join(said.replace("│", " ").split())


def test_a_full_disk_ends_with_1_and_what_to_do(run, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(edition_module, "_write_patches", full)
    code, _, told = run(*FIJI, tmp_path / "out")
    assert code == 1
    (line,) = errors_of(told)
    assert "No space left on device). Free some space or give another --out" in line
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_can_not_be_is_refused_before_any_work(run, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for out in (tmp_path / ("x" * 300), tmp_path / "link"):
        for words in (FIJI[:-1], ["demo"]):
            code, _, told = run(*words, "--out", out)
            assert code == 2
            assert len([line for line in told.splitlines() if not line.startswith("…")]) == 1


@pytest.mark.slow
def test_of_two_runs_into_one_folder_one_wins(tmp_path):
    runs = [
        subprocess.Popen(
            [*COMMAND, *FIJI, str(tmp_path / "out")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    told = [run.communicate(timeout=240)[1] for run in runs]
    assert sorted(run.returncode for run in runs) == [0, 2], told
    (line,) = errors_of("".join(told))
    assert "exists already" in line
    assert os.listdir(tmp_path) == ["out"]
    files = json.loads((tmp_path / "out" / MANIFEST).read_text())["files"]
    assert {n: d for n, d in contents(tmp_path / "out").items() if n in files} == files
    assert (tmp_path / "out" / "map.html").exists()


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_is_told_and_leaves_nothing(tmp_path):
    command = [*COMMAND, "analyze", "--data", "sample", "--out", str(tmp_path / "out")]
    # A shell starts background jobs with SIGINT ignored, and children inherit that.
    heed = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed) as run:
        assert run.stderr is not None
        assert run.stderr.readline().startswith("…")
        run.send_signal(signal.SIGINT)
        told = run.stderr.read()
    assert run.returncode == 130
    assert errors_of(told) == ["Stopped; nothing was left half-written."]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_reader_that_leaves_early_is_no_failure(tmp_path):
    """As in `hotspots analyze … | head -1`, and with 2>&1 before any step could be told."""
    for name, errors in (("apart", subprocess.PIPE), ("joined", subprocess.STDOUT)):
        command = [*COMMAND, *FIJI, str(tmp_path / name)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as run:
            assert run.stdout is not None
            run.stdout.close()
            told = run.stderr.read() if run.stderr else ""
        assert run.returncode == 0, told
        assert errors_of(told) == []
        assert hs.open_edition(tmp_path / name).id
    with subprocess.Popen([*COMMAND, "--help"], stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        run.stdout.close()
    assert run.returncode == 0


def test_variables_are_listed_with_unit_and_range(run):
    code, said, _ = run("variables", "--json")
    assert code == 0
    rows = {row["name"]: row for row in json.loads(said)}
    assert rows["soc_stock"]["unit"] == "t ha-1"
    assert rows["cropland_share"]["range"] == "0 to 1"


def test_a_changed_layer_fails_the_check(run, tmp_path):
    from stored_layers import layer

    from hotspots.store import Store

    store = Store(tmp_path / "store")
    store.add(layer())
    assert run("layers", "--store", tmp_path / "store", "--check")[0] == 0
    [file] = (tmp_path / "store").rglob("*.tif")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    code, out, err = run("layers", "--store", tmp_path / "store", "--check")
    assert code == 1
    assert "changed" in out
    assert "Not as the store wrote them, changed or missing: soc_stock." in err
    assert run("layers", "--store", tmp_path / "store")[0] == 0
