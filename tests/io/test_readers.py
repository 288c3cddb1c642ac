"""Checks before a file is read see all that the reading library would see."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import hostile
import hostile_files
import numpy as np
import pytest
import rasterio
from affine import Affine

from hotspots.errors import BadInputError, RasterError
from hotspots.io.geotiff import read_geotiff
from hotspots.io.readers.vectors import read_vector
from hotspots.io.readers.zarr_store import require_sound_zarr


def test_a_geopackage_that_a_program_is_changing_is_refused(tmp_path: Path) -> None:
    """GDAL would read the log beside it, which the checks don't see."""
    path = hostile_files.base()(tmp_path, "")
    with closing(sqlite3.connect(path)) as program:
        program.execute("PRAGMA journal_mode = wal")
        program.execute("UPDATE gpkg_contents SET description = 'changed'")
        program.commit()
        with pytest.raises(BadInputError, match=r"still in 'x\.gpkg-wal' .* Close the program"):
            read_vector(path)
    assert list(read_vector(path)["name"]) == ["A"]


@pytest.mark.parametrize(("dtype", "side"), [("|S1000", 1_000), ("<U300", 1_000), ("<c16", 4_000)])
def test_a_chunk_is_counted_by_the_size_of_its_values(
    tmp_path: Path, dtype: str, side: int
) -> None:
    where = hostile.zarr(tmp_path / "a.zarr", dtype=dtype, shape=[side] * 2, chunks=[side] * 2)
    with pytest.raises(BadInputError, match="BLOCK_BYTES"):
        require_sound_zarr(where)


def test_a_chunk_of_numbers_within_the_limit(tmp_path: Path) -> None:
    where = hostile.zarr(tmp_path / "a.zarr", dtype="<f8", shape=[4_000] * 2, chunks=[4_000] * 2)
    assert require_sound_zarr(where)


@pytest.mark.parametrize("interleave", ["band", "pixel"])
def test_a_file_cut_short_in_its_last_band_is_refused(
    tmp_path: Path, interleave: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, not when the last of its cells are asked for."""
    monkeypatch.setattr("hotspots.io.geotiff.LAZY_CELLS", 0)
    path = tmp_path / "two.tif"
    form = {"driver": "GTiff", "width": 300, "height": 300, "count": 2, "dtype": "float32"}
    grid = {"crs": "EPSG:4326", "transform": Affine(0.01, 0, 34, 0, -0.01, 5)}
    with rasterio.open(path, "w", **form, **grid, interleave=interleave) as file:
        # Before the values, so that the file's directory precedes them.
        file.descriptions, file.units = ("clay", "sand"), ("%", "%")
        file.write(np.ones((2, 300, 300), dtype="float32"))
    assert [layer.name for layer in read_geotiff(path)] == ["clay", "sand"]
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(RasterError, match="cut short"):
        read_geotiff(path)
