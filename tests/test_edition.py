"""Editions: the same bytes from the same input, never overwritten, never half-written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr

import hotspots as hs
from hotspots import edition as module
from hotspots.codebook import codebook, column_unit
from hotspots.edition import MANIFEST, file_hash, list_editions
from hotspots.errors import EditionError
from hotspots.loading import clip


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
        "rasters", "hotspots.gpkg", "units.parquet", "regions.parquet", "regions.csv",
        "codebook.csv", "recipe.toml", "manifest.json", "times.json", "map.html",
    }  # fmt: skip


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
    inputs = json.loads((saved / MANIFEST).read_text())["inputs"]
    assert "soc_stock" in inputs
    for name, row in inputs.items():
        assert len(row["sha256"]) == 64
        if name not in ("valid_share", "region_share"):
            assert row["licence"], name
            assert row["citation"], name


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
    with pytest.raises(EditionError, match="No space left"):
        fiji.save(tmp_path / "edition")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_run_leaves_no_edition_and_the_next_one_clears_up(fiji, tmp_path):
    """The process dies by SIGKILL after the rasters, before the manifest."""
    script = textwrap.dedent(f"""
        import os, signal
        import hotspots as hs
        from hotspots import edition
        from hotspots.loading import clip
        edition._write_patches = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        hs.analyze(clip(hs.sample(), hs.region("FJI"))).save({str(tmp_path / "edition")!r})
    """)
    done = subprocess.run([sys.executable, "-c", script], check=False, timeout=240)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "edition").exists()
    fiji.save(tmp_path / "edition")
    assert os.listdir(tmp_path) == ["edition"]


def test_what_is_no_edition_or_damaged_is_told(saved, tmp_path):
    with pytest.raises(EditionError, match="is no edition"):
        hs.open_edition(tmp_path)
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(EditionError, match="damaged"):
        hs.open_edition(tmp_path)


def test_editions_are_listed(saved, fiji):
    rows = list_editions(saved.parent)
    assert rows["id"].tolist() == [fiji.id]
    assert rows["region"].tolist() == ["FJI"]


def test_layers_hash_by_content_not_by_chunks_or_dtype_of_storage():
    sample = hs.sample()
    layer = sample["soc_stock"]
    assert module.layer_hash(layer) == module.layer_hash(layer.chunk({"y": 50}).astype("float64"))
    changed = layer.copy(data=layer.values.copy())
    changed.values[200, 400] += 1
    assert module.layer_hash(layer) != module.layer_hash(xr.DataArray(changed))
