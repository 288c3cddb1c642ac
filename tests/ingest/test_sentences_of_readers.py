"""What is said of a file that can't be read: the reason itself, and what the file really is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

import hotspots as hs
from hotspots.errors import BadInputError, RasterError, deepest_reason
from hotspots.ingest import open_layers
from hotspots.ingest.regrid.source_raster import open_grid, read
from hotspots.ingest.user_files.read import read_own
from hotspots.layers.crs import same_crs

STOCK = {"variable": "soc_stock", "unit": "t ha-1", "depth": "0-30"}
TOPOLOGY = {
    "type": "Topology",
    "objects": {
        "units": {
            "type": "GeometryCollection",
            "geometries": [{"type": "Polygon", "arcs": [[0]], "properties": {"soc": 3}}],
        }
    },
    "arcs": [[[30, 0], [31, 0], [31, 1], [30, 1], [30, 0]]],
}


def test_the_reason_is_that_of_the_deepest_cause() -> None:
    error = OSError("Read failed. See previous exception for details.")
    error.__cause__ = KeyError("no such block")
    assert deepest_reason(error) == "no such block"
    assert deepest_reason(ValueError()) == "ValueError"
    assert deepest_reason(ValueError("first line.\nsecond")) == "first line"


@pytest.mark.parametrize("way", ["add-layer", "--data"])
def test_a_damaged_block_is_said_with_its_cause(tmp_path: Path, way: str) -> None:
    path = tmp_path / "soc_stock.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=1,
        height=64,
        width=64,
        dtype="float32",
        compress="deflate",
        crs="EPSG:4326",
        transform=Affine(0.1, 0, 30, 0, -0.1, 5),
    ) as file:
        file.write(np.random.default_rng(0).random((1, 64, 64)).astype("float32"))
        file.units = ("t ha-1",)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 400] = bytes(400)
    path.write_bytes(content)
    use: Callable[[Path], Any] = open_layers
    if way == "add-layer":
        use = _read_own
    with pytest.raises(RasterError) as caught:
        use(path)
    assert "See previous exception" not in str(caught.value)
    assert "ZIPDecode" in str(caught.value) or "TIFFRead" in str(caught.value)


def _read_own(path: Path) -> Any:
    return read(read_own(path, **STOCK).raw)


@pytest.mark.parametrize("suffix", [".json", ".geojson", ".topojson"])
@pytest.mark.parametrize(
    "use",
    [
        hs.region,
        hs.regions,
        lambda path: read_own(path, **STOCK, cell=0.5),
    ],
    ids=["region", "regions", "add-layer"],
)
def test_topojson_is_named_with_how_to_convert_it(
    tmp_path: Path, suffix: str, use: Callable[[Path], Any]
) -> None:
    path = tmp_path / f"units{suffix}"
    # The type at the end too, after the arcs.
    ordered = dict(reversed(TOPOLOGY.items())) if suffix == ".json" else TOPOLOGY
    path.write_text(json.dumps(ordered))
    with pytest.raises(BadInputError, match=r"is TopoJSON.*ogr2ogr -a_srs EPSG:4326"):
        use(path)


def test_topojson_as_text_is_named_too() -> None:
    with pytest.raises(BadInputError, match="is TopoJSON"):
        hs.region(TOPOLOGY)


def test_polygons_in_grads_from_paris_are_converted(tmp_path: Path) -> None:
    """EPSG:4807: 1 grad is 0.9 degrees, and Paris lies 2.337 degrees east."""
    frame = gpd.GeoDataFrame({"soc": [40.0]}, geometry=[shapely.box(0, 50, 4, 52)], crs="EPSG:4807")
    path = tmp_path / "a.gpkg"
    frame.to_file(path)
    own = read_own(path, **STOCK, column="soc", cell=0.01, cache=tmp_path)
    assert "Converted from EPSG:4807 to EPSG:4326." in own.notes
    grid, values = open_grid(own.raw), read(own.raw)[0]
    rows, columns = np.nonzero(np.isfinite(values))
    assert grid.x[columns.min()] == pytest.approx(2.337, abs=0.02)
    assert grid.x[columns.max()] == pytest.approx(2.337 + 3.6, abs=0.02)
    assert grid.y[rows.min()] == pytest.approx(0.9 * 52, abs=0.02)
    # The same file as a region.
    west, south, east, north = hs.region(path).geometry.bounds
    assert (west, south) == pytest.approx((2.337, 45.0), abs=0.02)
    assert (east, north) == pytest.approx((5.937, 46.8), abs=0.02)


@pytest.mark.parametrize("crs", ["EPSG:4326+5773", "EPSG:4979"])
def test_polygons_with_heights_are_placed_by_their_horizontal_crs(tmp_path: Path, crs: str) -> None:
    frame = gpd.GeoDataFrame({"soc": [40.0]}, geometry=[shapely.box(30, 0, 31, 1)], crs=crs)
    path = tmp_path / "a.parquet"
    frame.to_parquet(path)
    own = read_own(path, **STOCK, column="soc", cell=0.5, cache=tmp_path)
    assert open_grid(own.raw).bounds == (30, 0, 31, 1)
    assert same_crs(open_grid(own.raw).crs, open_grid(own.raw).crs.to_2d())


def test_outlines_on_an_unknown_datum_say_so(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame(
        {"id": ["A"]}, geometry=[shapely.box(3e5, 8.2e5, 3.2e5, 8.3e5)], crs="EPSG:25231"
    )
    frame.to_file(tmp_path / "a.gpkg")
    table = hs.regions(tmp_path / "a.gpkg")
    assert "EPSG:25231" in " ".join(map(str, table.iloc[0].drop("geometry")))
