"""The one writer of COGs: what is in the file, the same bytes again, and a full disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine

from hotspots.errors import RasterError
from hotspots.io import cog
from hotspots.io.cog import write_cog
from hotspots.io.geotiff import read_geotiff
from hotspots.layers.variables import describe


def layer(values: Any, name: str = "soc_stock", step: float = 0.1, **attrs: Any) -> xr.DataArray:
    """Values north up from 0° E, 50° N."""
    array = np.asarray(values)
    dims = ("month", "y", "x") if array.ndim == 3 else ("y", "x")
    y = 50 - step * (np.arange(array.shape[-2]) + 0.5)
    x = step * (np.arange(array.shape[-1]) + 0.5)
    out = xr.DataArray(array, dims=dims, coords={"y": y, "x": x})
    if array.ndim == 3:
        out = out.assign_coords(month=np.arange(1, 13))
    placed = out.rio.write_crs(4326).rio.write_transform(Affine(step, 0, 0, 0, -step, 50))
    return describe(placed, name, **attrs)


def stocks(shape: tuple[int, ...] = (700, 1300)) -> np.ndarray:
    rng = np.random.default_rng(0)
    values = rng.uniform(0, 100, shape).astype("float32")
    values[..., 600:, :] = np.nan
    return values


def test_a_quantity(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    told: list[float] = []
    given = layer(stocks(), source="somebody", year=2010, sha256="of another file")
    write_cog(given, path, on_progress=told.append)
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(1), given.values)
        assert np.isnan(file.nodata)
        assert file.crs.to_epsg() == 4326
        assert file.transform.almost_equals(Affine(0.1, 0, 0, 0, -0.1, 50))
        assert file.block_shapes == [(512, 512)]
        assert file.overviews(1) == [2, 4]
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.tags(ns="IMAGE_STRUCTURE")["COMPRESSION"] == "DEFLATE"
        assert file.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] == "3"
        assert (file.descriptions, file.units) == (("soc_stock",), ("t ha-1",))
        tags = file.tags()
        assert (tags["variable"], tags["source"], tags["year"]) == ("soc_stock", "somebody", "2010")
        assert "sha256" not in tags
    with rasterio.open(path, overview_level=0) as half:  # of averages
        expected = given.values[:2, :2].mean()
        assert half.read(1)[0, 0] == pytest.approx(expected, rel=1e-6)
    assert told == sorted(told)
    assert told[-1] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]
    (again,) = read_geotiff(path)
    np.testing.assert_array_equal(again.values, given.values)


def test_classes(tmp_path: Path) -> None:
    codes = np.ones((600, 600), "uint8")
    codes[:2, :2] = [[3, 3], [3, 7]]
    codes[5] = 0
    write_cog(layer(codes, "land_cover"), tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as file:
        np.testing.assert_array_equal(file.read(1), codes)
        assert (file.dtypes, file.nodata) == (("uint8",), 0)
        assert file.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] == "2"
        assert file.tags()["flag_values"] == "1 2 3 4 5 6 7"
    with rasterio.open(tmp_path / "a.tif", overview_level=0) as half:
        assert half.read(1)[0, 0] == 3  # the mode, where an average would be 4


def test_signed_classes_and_packed_numbers(tmp_path: Path) -> None:
    write_cog(layer(np.array([[-1, 0], [1, -128]], "int8"), "cluster_gain"), tmp_path / "a.tif")
    packed = layer(np.array([[1, -5]], "int16")).assign_attrs(_FillValue=-5)
    write_cog(packed, tmp_path / "b.tif")
    with rasterio.open(tmp_path / "a.tif") as a, rasterio.open(tmp_path / "b.tif") as b:
        assert (a.nodata, b.nodata) == (-128, -5)
        assert b.dtypes == ("int16",)
        assert "_FillValue" not in b.tags()


def test_months_are_bands(tmp_path: Path) -> None:
    given = layer(stocks((12, 610, 20)), "precipitation")
    write_cog(given.chunk({"y": 100}), tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as file:
        np.testing.assert_array_equal(file.read(), given.values)
        assert file.descriptions == ("precipitation",) * 12
        assert file.tags()["month"] == "1 2 3 4 5 6 7 8 9 10 11 12"


def test_another_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RasterError, match="is of type float64; a layer is written as one of float"):
        write_cog(layer(stocks().astype("float64")), tmp_path / "a.tif")


@pytest.mark.parametrize("threads", ["1", "2", "7"])
def test_the_same_bytes_with_any_number_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: str
) -> None:
    given = layer(stocks((1400, 1500)))
    write_cog(given, tmp_path / "a.tif")
    monkeypatch.setitem(cog.OPTIONS, "NUM_THREADS", threads)
    write_cog(given.chunk({"y": 300, "x": 200}), tmp_path / "b.tif")
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()


FULL = """
import resource, signal, sys
sys.path[:0] = {path!r}
import test_cog as t
from hotspots.errors import WriteError
given = t.layer(t.stocks((600, 1200)))
limit = int(sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    t.write_cog(given, t.Path(sys.argv[1]) / "a.tif", named="The store 'x'")
except WriteError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [100_000, 2_950_000])
def test_a_full_disk(tmp_path: Path, limit: int) -> None:
    """In the plain file, and in the copy: one sentence, and nothing is left."""
    pytest.importorskip("resource")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            FULL.format(path=[str(Path(__file__).parent), *sys.path]),
            str(tmp_path),
            str(limit),
        ],
        check=False,
        timeout=120,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert done.stdout.startswith("The store 'x' can't be written (File too large). Free some")
    assert not list(tmp_path.iterdir())
