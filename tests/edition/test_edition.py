"""Editions: the same bytes from the same input, never overwritten, never half-written."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr

import hotspots as hs
from hotspots.edition import edition as module
from hotspots.edition.codebook import codebook, column_unit
from hotspots.edition.edition import MANIFEST, list_editions
from hotspots.edition.inputs import clip
from hotspots.edition.manifest import layer_hash
from hotspots.errors import EditionError, WriteError
from hotspots.io.atomic import aside, file_hash, require_free, write_text


@pytest.fixture(scope="module")
def fiji() -> hs.Edition:
    """Small, and across the antimeridian."""
    return hs.analyze(clip(hs.sample(), hs.region("FJI")))


@pytest.fixture(scope="module")
def saved(fiji, tmp_path_factory) -> Path:
    return fiji.save(
        tmp_path_factory.mktemp("editions") / "fiji", beside={"map.html": "<p>map</p>"}
    )


def test_the_folder_holds_what_an_edition_is(saved):
    names = {p.name for p in saved.iterdir()}
    assert names == {
        "rasters",
        "hotspots.gpkg",
        "units.parquet",
        "regions.parquet",
        "regions.csv",
        "land_use.parquet",
        "land_use.csv",
        "codebook.csv",
        "recipe.toml",
        "LICENCES.txt",
        "manifest.json",
        "times.json",
        "map.html",
    }


def test_saving_twice_gives_the_same_bytes(fiji, saved, tmp_path):
    again = hs.analyze(clip(hs.sample(), hs.region("Fidji"))).save(tmp_path / "again")
    files = [p.relative_to(saved) for p in saved.rglob("*") if p.is_file()]
    compared = [f for f in files if f.name not in ("times.json", "map.html")]
    assert len(compared) > 20
    for name in compared:
        assert file_hash(saved / name) == file_hash(again / name), name


def test_no_clock_in_the_manifest(saved):
    manifest = json.loads((saved / MANIFEST).read_text())
    times = json.loads((saved / "times.json").read_text())
    assert "started" in times
    assert "started" not in manifest
    for name, digest in manifest["files"].items():
        assert file_hash(saved / name) == digest


def test_every_input_has_hash_source_licence_and_citation(saved):
    manifest = json.loads((saved / MANIFEST).read_text())
    inputs = manifest["inputs"]
    assert {"soc_stock", "region_share"} <= set(inputs)
    for name, row in inputs.items():
        assert len(row["sha256"]) == 64
        if name not in ("valid_share", "region_share"):
            assert row["licence"], name
            assert row["citation"], name
    assert manifest["licence_notices"] == []  # no licence is asked of what is computed here
    licences = (saved / "LICENCES.txt").read_text("utf-8")
    assert "soc_stock" in licences
    assert "region_share" not in licences


def test_opened_again_it_is_the_same(fiji, saved):
    opened = hs.open_edition(saved)
    assert opened.id == fiji.id
    assert opened.recipe == fiji.recipe
    assert opened.manifest == json.loads(json.dumps(fiji.manifest))
    pd.testing.assert_frame_equal(opened.table, fiji.table)
    pd.testing.assert_frame_equal(opened.units, fiji.units)
    assert set(opened.rasters) == set(fiji.rasters)
    for name in fiji.rasters:
        np.testing.assert_array_equal(
            opened.rasters[name].values,
            fiji.rasters[name].values.astype(opened.rasters[name].dtype),
        )
        for key in ("units", "flag_meanings", "long_name"):
            assert opened.rasters[name].attrs.get(key) == fiji.rasters[name].attrs.get(key)


def test_rasters_are_cogs_with_crs_and_nodata(saved):
    with rasterio.open(saved / "rasters" / "soc_stock.tif") as layer:
        assert layer.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert layer.crs.to_epsg() == 4326
        assert np.isnan(layer.nodata)
        assert layer.tags()["units"] == "t ha-1"
    with rasterio.open(saved / "rasters" / "hotspot_class.tif") as layer:
        assert layer.nodata == 0
        assert layer.dtypes == ("uint8",)


def test_every_column_of_the_table_is_in_the_codebook_with_a_meaning(world_edition):
    book = codebook(world_edition.table, world_edition.units, world_edition.hotspots)
    assert set(book["table"]) == {"regions", "units", "hotspots"}
    assert book.loc[book["meaning"] == "", "column"].tolist() == []
    book = book[book["table"] == "regions"].set_index("column")
    assert book.loc["potential_ipcc_tier1_total", "unit"] == "t yr-1"
    assert book.loc["soc_stock_total", "unit"] == "t"
    assert book.loc["soc_stock_mean", "unit"] == "t ha-1"
    assert book.loc["potential_per_mille", "unit"] == "1e-3 yr-1"
    assert column_unit("hotspot_class_build_area_ha")[0] == "ha"


def test_an_edition_is_never_overwritten(fiji, saved):
    before = file_hash(saved / MANIFEST)
    with pytest.raises(EditionError, match="exists already"):
        fiji.save(saved)
    assert file_hash(saved / MANIFEST) == before


def test_a_folder_below_a_file_can_not_be_written(fiji, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EditionError, match="can't be written"):
        fiji.save(tmp_path / "file" / "edition")


def test_a_failure_midway_leaves_nothing(fiji, tmp_path, monkeypatch):
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_write_patches", full_disk)
    with pytest.raises(WriteError, match=r"No space left.*Free some space or give another --out"):
        fiji.save(tmp_path / "above" / "edition")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_also_where_gdal_says_nothing(saved, tmp_path):
    """Files may only grow to a limit, as on a full disk; GDAL cuts some of them off silently."""
    pytest.importorskip("resource", reason="no limits of file size on this system")
    script = textwrap.dedent(f"""
        import resource
        import hotspots as hs
        from hotspots.errors import WriteError
        edition = hs.open_edition({str(saved)!r})
        edition.rasters.load()
        for limit in (500, 3000, 20000, 90000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                edition.save({str(tmp_path / "edition")!r})
            except WriteError as error:
                print(error)
    """)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    told = done.stdout.splitlines()
    assert len(told) == 4
    assert all("File too large). Free some space or give another" in line for line in told)
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_of_two_saves_at_once_one_wins_whole(fiji, tmp_path, monkeypatch):
    """Both stand midway before either goes on."""
    meet = threading.Barrier(2, timeout=240)
    write: Callable[..., None] = module._write_patches

    def together(*arguments: object) -> None:
        meet.wait()
        write(*arguments)

    monkeypatch.setattr(module, "_write_patches", together)
    ended: list[object] = []

    def save() -> None:
        try:
            ended.append(fiji.save(tmp_path / "edition", beside={"map.html": "<p>map</p>"}))
        except Exception as error:
            ended.append(error)

    threads = [threading.Thread(target=save) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (refused,) = [e for e in ended if isinstance(e, Exception)]
    assert isinstance(refused, EditionError)
    assert "exists already" in str(refused)
    assert os.listdir(tmp_path) == ["edition"]
    files = json.loads((tmp_path / "edition" / MANIFEST).read_text())["files"]
    assert len(files) > 20
    for name, digest in files.items():
        assert file_hash(tmp_path / "edition" / name) == digest, name
    assert (tmp_path / "edition" / "map.html").exists()


def test_a_folder_that_was_filled_meanwhile_is_kept(fiji, tmp_path, monkeypatch):
    """Between the last look and the renaming: the system itself refuses."""
    target = tmp_path / "edition"
    rename = os.rename

    def late(source: Path, goal: Path) -> None:
        target.mkdir()
        (target / "letter.txt").write_text("dear diary")
        rename(source, goal)

    monkeypatch.setattr(os, "rename", late)
    with pytest.raises(EditionError, match="exists already"):
        fiji.save(target)
    assert os.listdir(target) == ["letter.txt"]
    assert os.listdir(tmp_path) == ["edition"]


def test_what_a_living_run_writes_is_not_swept(tmp_path):
    target = tmp_path / "edition"
    with aside(target) as mine:
        (mine / "half").write_text("at work")
        with aside(target) as other:
            assert other != mine
        assert (mine / "half").exists()
    # What a killed run left is held by nobody; what only looks alike isn't ours.
    for name in (".edition.abcd1234.part", ".edition.notes.part", ".other.abcd1234.part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("")
    with aside(target):
        pass
    assert sorted(os.listdir(tmp_path)) == [".edition.notes.part", ".other.abcd1234.part"]


def test_an_edition_may_be_read_by_whom_the_user_lets(fiji, tmp_path):
    """Not only by its owner, as the folder that it is made in."""
    made = fiji.save(tmp_path / "edition")
    (tmp_path / "plain").mkdir()
    assert made.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_folder_below_an_unreadable_one_is_refused(tmp_path, as_ordinary_user):
    (tmp_path / "closed").mkdir(mode=0)
    with as_ordinary_user():
        for path in (tmp_path / "closed" / "new", tmp_path / "closed" / "a" / "b"):
            with pytest.raises(EditionError, match=r"Permission denied.*another --out"):
                require_free(path)
        with pytest.raises(EditionError, match="Permission denied"):
            write_text(tmp_path / "closed" / "map.html", "text")
        with pytest.raises(EditionError, match="is not an edition"):
            hs.open_edition(tmp_path / "closed" / "new")


def test_paths_that_can_not_be_are_refused_before_any_work(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").write_text("in the way")
    for path, told in [
        (tmp_path / ("x" * 300), "too long"),
        (tmp_path / "link", "is a link to what isn't there"),
        (tmp_path / "file" / "new", "Not a directory"),
        (tmp_path / "file" / "new" / "er", "Not a directory"),
        (tmp_path / "file", "exists already"),
        (tmp_path / "a\0b", "null"),
    ]:
        with pytest.raises(EditionError, match=told) as refused:
            require_free(path)
        assert len(str(refused.value)) < 300
    assert sorted(os.listdir(tmp_path)) == ["file", "link"]


def test_an_edition_may_have_the_longest_name_or_be_linked(fiji, tmp_path):
    assert fiji.save(tmp_path / ("é" * 127)).is_dir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    fiji.save(tmp_path / "link")
    assert (tmp_path / "empty" / MANIFEST).exists()


def test_text_is_written_whole_or_refused_with_what_to_do(tmp_path):
    write_text(tmp_path / "map.html", "one")
    write_text(tmp_path / "map.html", "two")
    assert (tmp_path / "map.html").read_text() == "two"
    with pytest.raises(EditionError, match=r"no folder '.*nodir'. Make it first"):
        write_text(tmp_path / "nodir" / "map.html", "text")
    with pytest.raises(EditionError, match="is a folder"):
        write_text(tmp_path, "text")
    assert os.listdir(tmp_path) == ["map.html"]


def test_a_killed_run_leaves_no_edition_and_the_next_one_clears_up(fiji, tmp_path):
    """The process dies by SIGKILL after the rasters, before the manifest."""
    script = textwrap.dedent(f"""
        import os, signal
        import hotspots as hs
        from hotspots.edition import edition
        from hotspots.edition.inputs import clip
        edition._write_patches = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        hs.analyze(clip(hs.sample(), hs.region("FJI"))).save({str(tmp_path / "edition")!r})
    """)
    done = subprocess.run([sys.executable, "-c", script], check=False, timeout=240)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "edition").exists()
    fiji.save(tmp_path / "edition")
    assert os.listdir(tmp_path) == ["edition"]


def test_what_is_no_edition_or_damaged_is_told(saved, tmp_path):
    with pytest.raises(EditionError, match="is not an edition"):
        hs.open_edition(tmp_path)
    (tmp_path / "times.json").write_text("{}")
    for text in ("{", "{}", "[]", '{"id": 5}', '{"id": "a", "caveats": []}', "\0"):
        (tmp_path / MANIFEST).write_text(text)
        with pytest.raises(EditionError, match=r"damaged.*make it again"):
            hs.open_edition(tmp_path)


@pytest.mark.parametrize(
    "name", ["hotspots.gpkg", "regions.parquet", "units.parquet", "recipe.toml", "times.json"]
)
@pytest.mark.parametrize("content", [None, b"", b"\xff\x00junk"])
def test_a_spoilt_file_is_told_in_one_sentence(saved, tmp_path, name, content):
    copy = tmp_path / "copy"
    shutil.copytree(saved, copy)
    (copy / name).unlink()
    if content is not None:
        (copy / name).write_bytes(content)
    if (name, content) == ("recipe.toml", b""):
        return  # an empty recipe is the default one
    with pytest.raises(EditionError, match="is damaged") as told:
        hs.open_edition(copy)
    assert "\n" not in str(told.value)


def test_editions_are_listed(saved, fiji):
    rows = list_editions(saved.parent)
    assert rows["id"].tolist() == [fiji.id]
    assert rows["region"].tolist() == ["FJI"]


def test_junk_among_editions_is_skipped_and_named(saved, fiji, tmp_path):
    shutil.copytree(saved, tmp_path / "whole")
    for name, text in [("cut", "{"), ("other-tool", '{"manifest_version": 3}'), ("list", "[]")]:
        (tmp_path / name).mkdir()
        (tmp_path / name / MANIFEST).write_text(text)
    told: list[str] = []
    assert list_editions(tmp_path, told.append)["id"].tolist() == [fiji.id]
    assert [line.split("'")[1].rsplit("/", 1)[1] for line in told] == ["cut", "list", "other-tool"]


def test_layers_hash_by_content_not_by_chunks_or_dtype_of_storage():
    sample = hs.sample()
    layer = sample["soc_stock"]
    assert layer_hash(layer) == layer_hash(layer.chunk({"y": 50}).astype("float64"))
    changed = layer.copy(data=layer.values.copy())
    changed.values[200, 400] += 1
    assert layer_hash(layer) != layer_hash(xr.DataArray(changed))
