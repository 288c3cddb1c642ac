"""The quality report: by hand on small layers, in strips as whole, and what is told of it."""

from __future__ import annotations

import base64
import json
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
import xarray as xr
from affine import Affine

from hotspots.ingest import sample
from hotspots.ingest.quality.compare import Reference
from hotspots.ingest.quality.report import report
from hotspots.ingest.quality.report_page import page
from hotspots.io.png import paletted_png
from hotspots.layers.grid import Grid, cell_area, grid_of
from hotspots.layers.variables import describe

NAN = np.nan


def layer(
    values: Any,
    name: str = "soc_stock",
    *,
    west: float = 0.0,
    north: float = 0.0,
    cell: float = 1.0,
    crs: Any = 4326,
    **attrs: Any,
) -> xr.DataArray:
    """Make a canonical layer whose upper left corner is at (west, north)."""
    array = np.asarray(values, dtype="uint8" if name == "climate_zone" else "float32")
    rows, columns = array.shape[-2:]
    grid = Grid(
        Affine(cell, 0, west, 0, -cell, north), (rows, columns), pyproj.CRS.from_user_input(crs)
    )
    dims = ("depth", "y", "x")[-array.ndim :]
    out = xr.DataArray(array, dims=dims, coords={"y": grid.y, "x": grid.x})
    out = describe(out, name, **attrs)
    return out.rio.write_crs(grid.crs).rio.write_transform(grid.transform)


def shares(values: Any, like: xr.DataArray) -> xr.DataArray:
    return like.copy(data=np.asarray(values, dtype="float32")).rename("valid_share")


def test_numbers_of_a_small_layer_by_hand() -> None:
    # Two rows at the equator, alike in area by symmetry: weights are the shares alone.
    #   10  20   share 1   0.5
    #   40  nan        1   1
    given = layer([[10, 20], [40, NAN]], north=1, year=2010, depth_cm="0-30")
    found = report(given, shares([[1, 0.5], [1, 1]], given), given={"file": "a.tif"})
    area = float(cell_area(given)[0, 0])
    assert (found["valid_cells"], found["cells"]) == (3, 4)
    assert found["valid_area_ha"] == pytest.approx(2.5 * area, rel=1e-12)
    assert found["coverage"] == pytest.approx(2.5 / 4, rel=1e-12)
    assert found["coverage_of"] == "grid"
    assert (found["min"], found["max"]) == (10, 40)
    assert found["mean"] == pytest.approx((10 + 10 + 40) / 2.5)
    assert found["total"] == {"value": pytest.approx(60 * area / 1e6), "unit": "Mt"}
    assert found["quantiles"]["50"] == 20  # of 2.5 areas, the 1.25th
    assert (found["year"], found["depth_cm"], found["unit"]) == (2010, "0-30", "t ha-1")
    assert found["resolution"]["degrees"] == [1.0, 1.0]
    assert found["resolution"]["km"] == pytest.approx([110.6, 111.3], abs=0.1)
    assert found["bounds"] == [0, -1, 2, 1]
    assert found["given"] == {"file": "a.tif"}
    assert found["verdicts"] == []


def test_means_are_by_true_area() -> None:
    # Rows at 60.5 and 0.5 degrees north: the upper cells are half as wide.
    values = np.full((61, 1), NAN)
    values[0], values[60] = 100, 0
    given = layer(values, north=61)
    area = cell_area(given).values[:, 0]
    expected = 100 * area[0] / (area[0] + area[60])
    assert report(given)["mean"] == pytest.approx(expected, rel=1e-9)
    assert expected < 34  # an unweighted mean would be 50


def test_cell_size_of_a_projected_layer_is_in_km() -> None:
    given = layer(np.ones((2, 2)), west=500_000, north=2000, cell=250, crs=32630)
    found = report(given)
    assert found["resolution"] == {"degrees": None, "km": [0.25, 0.25]}
    # UTM's scale at the central meridian is 0.9996.
    assert found["valid_area_ha"] == pytest.approx(4 * 6.25 / 0.9996**2, rel=1e-5)
    assert found["crs"] == "EPSG:32630"


def test_quantiles_are_those_of_sorted_values() -> None:
    rng = np.random.default_rng(4)
    values = rng.gamma(2, 40, (80, 90)).astype("float32") - 20
    given = layer(values, "mean_annual_temperature", cell=0.01)
    found = report(given)["quantiles"]
    for key, value in found.items():  # the rows differ in area by 1e-4 only
        assert value == pytest.approx(np.quantile(values, float(key) / 100), rel=5e-3, abs=0.02)


@pytest.mark.parametrize("chunks", [(1, 5), (7, 50), (40, 13)])
def test_strips_give_what_the_whole_gives(chunks: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    values = rng.gamma(2, 40, (40, 50))
    values[rng.random(values.shape) < 0.3] = NAN
    whole = layer(values, cell=0.25, north=60)
    share = shares(rng.random(values.shape), whole)
    reference = layer(rng.gamma(2, 40, (10, 13)), north=60)
    one = report(whole, share, reference=Reference(reference))
    lazy = whole.chunk({"y": chunks[0], "x": chunks[1]})
    two = report(lazy, share.chunk({"y": chunks[0]}), reference=Reference(reference))
    assert _flat(two) == pytest.approx(_flat(one), rel=1e-9)


def test_each_block_of_a_lazy_layer_is_read_once() -> None:
    import dask.array as da

    reads = []

    def block(block_info: Any = None) -> Any:
        reads.append(block_info[None]["chunk-location"])
        return np.full((4, 6), 50, dtype="float32")

    data = da.map_blocks(
        block, chunks=((4,) * 5, (6,)), dtype="float32", meta=np.empty((0, 0), dtype="float32")
    )
    given = layer(np.zeros((20, 6))).copy(data=data)
    found = report(given, given / 50, reference=Reference(layer(np.full((5, 3), 40))))
    assert found["mean"] == pytest.approx(50)
    assert sorted(reads) == [(i, 0) for i in range(5)]


def _flat(found: Any, name: str = "") -> dict[str, float]:
    if isinstance(found, dict):
        parts = (_flat(inner, f"{name}/{key}") for key, inner in found.items())
        return {key: value for part in parts for key, value in part.items()}
    if isinstance(found, list):
        return _flat(dict(enumerate(found)), name)
    return {name: found} if isinstance(found, int | float) else {}


def test_cells_out_of_range_are_counted_and_never_clipped() -> None:
    values = np.full((10, 10), 50.0)
    values[0, :3] = -1, -13, 900
    found = report(layer(values))
    assert found["range"] == {
        "low": 0,
        "high": 800,
        "below": 2,
        "above": 1,
        "infinite": 0,
        "outside": 3,
        "outside_share": 0.03,
        "least": -13,
        "greatest": 900,
    }
    assert (found["min"], found["max"]) == (-13, 900)
    assert found["verdicts"][0].startswith("2 cells below 0 t ha-1")
    assert found["verdicts"][1].startswith("1 cell above 800 t ha-1")


def test_rounding_is_not_out_of_range() -> None:
    shares_of = layer([[0.5, np.nextafter(np.float32(1), np.float32(2))]], "cropland_share")
    assert report(shares_of)["range"]["outside"] == 0
    verdicts = report(layer([[0.5, 1.01]], "cropland_share"))["verdicts"]
    assert verdicts[0].startswith(
        "1 cell above 1, the greatest that is valid; the greatest is 1.01"
    )


def test_many_cells_out_of_range_are_a_matter_of_unit() -> None:
    values = np.where(np.arange(100).reshape(10, 10) < 6, 900.0, 50.0)
    assert any("check unit" in line for line in report(layer(values))["verdicts"])


def test_infinite_cells_are_told_and_spoil_no_mean() -> None:
    found = report(layer([[10, np.inf], [30, NAN]], north=1))
    assert found["mean"] == pytest.approx(20)
    assert found["range"]["infinite"] == 1
    assert "infinite" in found["verdicts"][0]


def test_coverage_of_a_region_counts_the_sea_once() -> None:
    # Left: coast, half land, and the outline leaves the same sea out: covered whole.
    # Right: in the region, but without a value.
    given = layer([[50, NAN]])
    region = shares([[0.5, 1.0]], given)
    found = report(given, shares([[0.5, 1]], given), region_share=region)
    assert found["coverage"] == pytest.approx(0.5 / 1.5, rel=1e-9)
    assert found["coverage_of"] == "region"
    assert "Only 33.3 % of the region" in found["verdicts"][0]


def test_an_empty_layer_has_a_report() -> None:
    found = report(layer(np.full((3, 3), NAN)), reference=Reference(layer(np.ones((3, 3)))))
    assert found["mean"] is None
    assert found["verdicts"] == ["No cell has a value: check the region, the CRS and the nodata."]
    assert "No cell has a value" in page(json.loads(json.dumps(found)))


def test_texture_that_does_not_sum_to_100_is_told() -> None:
    clay, silt = layer([[20, 30, 10]], "clay"), layer([[40, 30, 30]], "silt")
    sand = layer([[40, 41, 70]], "sand")  # sums 100, 101, 110
    found = report(clay, texture={"silt": silt, "sand": sand})
    assert found["texture"] == {
        "cells": 3,
        "mean": pytest.approx(311 / 3),
        "min": 100,
        "max": 110,
        "off": 1,
        "slack": 1.0,
    }
    assert "1 cell where clay + silt + sand isn't 100 %" in found["verdicts"][0]
    assert report(clay, texture={"silt": silt})["texture"] is None


def test_areas_of_classes() -> None:
    given = layer([[1, 1, 12], [0, 2, 14]], "climate_zone", north=1)
    found = report(given)
    area = float(cell_area(given)[0, 0])
    rows = {row["code"]: row for row in found["classes"]}
    assert rows[1]["area_ha"] == pytest.approx(2 * area)
    assert (rows[1]["name"], rows[1]["share"]) == ("warm_temperate_moist", pytest.approx(0.4))
    assert (found["valid_cells"], rows[14]["name"]) == (5, "?")
    assert "1 cell of codes that the legend doesn't have (14)" in found["verdicts"][0]


# -- beside another layer -----------------------------------------------------------------------


def test_comparison_by_hand() -> None:
    # 2 x 2 fine cells in each of two coarse ones: means 20 and 60 against 30 and 50.
    fine = layer([[10, 30, 60, 60], [10, 30, 60, NAN]], cell=0.5, north=0.5)
    coarse = layer([[30, 50]], north=0.5)
    found = report(fine, reference=Reference(coarse))["comparison"]
    weights = np.array([4, 3]) / 7  # of area, rows symmetric about the equator
    mine, theirs = np.array([20, 60]), np.array([30, 50])
    off = mine - theirs
    assert found["cells"] == 2
    assert found["mean"] == pytest.approx((weights * mine).sum(), rel=1e-6)
    assert found["bias"] == pytest.approx((weights * off).sum(), rel=1e-6)
    assert found["rmse"] == pytest.approx(10, rel=1e-6)
    assert found["mean_absolute_difference"] == pytest.approx(10, rel=1e-6)
    total = (weights * mine).sum() / (weights * theirs).sum()
    assert found["ratio_of_totals"] == pytest.approx(total, rel=1e-6)
    assert found["unit"] == "t ha-1"


def test_a_coarse_cell_covered_by_less_than_half_is_not_compared() -> None:
    fine = layer([[10, NAN, 60, 60], [NAN, NAN, 60, NAN]], cell=0.5, north=0.5)
    found = report(fine, reference=Reference(layer([[30, 50]], north=0.5)))["comparison"]
    assert (found["cells"], found["mean"]) == (1, pytest.approx(60))


def test_a_coarser_layer_is_compared_with_means_of_the_finer_reference() -> None:
    fine = layer([[10, 30, 60, 60], [10, 30, 60, NAN]], cell=0.5, north=0.5)
    found = report(layer([[30, 50]], north=0.5), reference=Reference(fine))["comparison"]
    assert found["cells"] == 2
    assert found["bias"] == pytest.approx((4 * 10 - 3 * 10) / 7, rel=1e-6)


def test_a_projected_layer_is_compared_where_it_lies() -> None:
    world = sample()
    # 100 km cells around 10 E 50 N in the European equal-area grid.
    grid = Grid(
        Affine(20_000, 0, 4_000_000, 0, -20_000, 3_300_000), (25, 25), pyproj.CRS.from_epsg(3035)
    )
    to_lonlat = pyproj.Transformer.from_crs(3035, 4326, always_xy=True)
    lon, lat = to_lonlat.transform(*np.meshgrid(grid.x, grid.y))
    picked = world.soc_stock.sel(
        x=xr.DataArray(lon, dims=("a", "b")), y=xr.DataArray(lat, dims=("a", "b")), method="nearest"
    )
    given = layer(picked.values, west=4_000_000, north=3_300_000, cell=20_000, crs=3035)
    found = report(given, reference=Reference(world.soc_stock))["comparison"]
    assert found["cells"] > 100
    assert found["r"] > 0.99
    assert found["ratio_of_totals"] == pytest.approx(1, abs=0.01)


def test_longitudes_of_0_to_360_meet_those_of_the_reference() -> None:
    east = layer(np.full((2, 4), 50), west=200, north=10, cell=1)
    reference = layer(np.full((20, 360), 50), west=-180, north=20)
    assert report(east, reference=Reference(reference))["comparison"]["cells"] == 8


@pytest.mark.parametrize(
    ("factor", "words"),
    [(8, "8 times"), (0.1, "kg m-2"), (1.724 * 1.3, "times the global"), (3.667, "CO2")],
)
def test_a_wrong_unit_shows_beside_the_global_layer(factor: float, words: str) -> None:
    world = sample()
    part = world.soc_stock.isel(y=slice(80, 160), x=slice(340, 420))
    found = report(part * factor, reference=Reference(world.soc_stock, world.valid_share))
    told = [line for line in found["verdicts"] if "global layer's" in line]
    assert words in told[0]
    assert "check the unit" in told[0]


def test_a_turned_layer_is_hardly_alike_the_global_one() -> None:
    world = sample()
    part = world.soc_stock.isel(y=slice(40, 200), x=slice(340, 440))
    turned = part.copy(data=part.values[::-1])
    verdicts = report(turned, reference=Reference(world.soc_stock))["verdicts"]
    assert any("orientation" in line for line in verdicts)
    (line,) = report(part, reference=Reference(world.soc_stock))["verdicts"]
    assert "46 cells (0.38 %) hold exactly 0" in line


def test_stocks_of_unlike_depths_are_not_compared() -> None:
    mine, theirs = (layer([[50, 60]], depth_cm=d) for d in ("0-100", "0-30"))
    found = report(mine, reference=Reference(theirs))
    assert found["comparison"] == {"skipped": "the layer is of 0-100 cm, the global one of 0-30 cm"}
    assert "Not compared" in found["verdicts"][0]


def test_temperatures_have_no_ratio() -> None:
    mine, theirs = (layer([[t]], "mean_annual_temperature") for t in (-0.5, 0.5))
    found = report(mine, reference=Reference(theirs))
    assert found["comparison"]["ratio_of_totals"] is None
    assert found["verdicts"] == []


def test_agreement_of_classes_is_by_area() -> None:
    mine = layer([[1, 2], [3, 0]], "climate_zone", cell=0.5, north=0.5)
    found = report(mine, reference=Reference(layer([[1]], "climate_zone", north=0.5)))
    assert found["comparison"]["agreement"] == pytest.approx(1 / 3, rel=1e-6)
    assert "Only 33.3 % of the area is of the class" in found["verdicts"][0]


# -- on the packaged world ----------------------------------------------------------------------


def test_the_packaged_world_has_its_total() -> None:
    world = sample()
    found = report(
        world.soc_stock,
        world.valid_share,
        reference=Reference(world.soc_stock, world.valid_share),
    )
    assert found["total"]["unit"] == "Pg"
    assert found["total"]["value"] == pytest.approx(867, rel=5e-3)
    assert found["comparison"]["r"] == pytest.approx(1)
    (line,) = found["verdicts"]
    assert "1,641 cells (2.5 %) hold exactly 0 t ha-1" in line  # deserts, and some gaps
    assert grid_of(world).shape == tuple(found["shape"])


def test_a_profile_has_a_mean_for_each_step() -> None:
    values = np.stack([np.full((2, 2), 30.0), np.full((2, 2), 10.0)])
    found = report(layer(values, "soc").assign_coords(depth=[0.0, 15.0]))
    assert found["steps"] == ["depth 0.0", "depth 15.0"]
    assert found["step_means"] == pytest.approx([30, 10])
    assert "depth 15.0" in page(found)


# -- the page -----------------------------------------------------------------------------------


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def test_the_page_is_whole_in_itself_and_escapes_what_came_in() -> None:
    world = sample()
    hostile = '<script>alert("x")</script>'
    given = world.soc_stock.assign_attrs(long_name=hostile, year=hostile)
    found = report(given * 1.0, given={"file": hostile})
    found["long_name"] = found["year"] = hostile
    text = page(json.loads(json.dumps(found)))
    tags = _Tags()
    tags.feed(text)
    names = {name for name, _ in tags.seen}
    assert "script" not in names
    assert {"svg", "img", "table", "title"} <= names
    for _, attrs in tags.seen:
        for key in ("src", "href"):
            assert (attrs.get(key) or "data:").startswith("data:")
        assert not any(key.startswith("on") for key in attrs)
    assert "&lt;script&gt;" in text
    assert "prefers-color-scheme: dark" in text


def test_the_page_of_classes_has_their_areas() -> None:
    text = page(report(sample().climate_zone))
    assert "tropical_dry" in text
    assert "<svg" not in text


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_the_picture_is_a_png_of_the_layer() -> None:
    found = report(layer([[0, 100], [50, NAN]], north=1))["picture"]
    levels = np.frombuffer(base64.b64decode(found["levels"]), dtype="uint8").reshape(2, 2)
    assert levels.tolist() == [[1, 255], [128, 0]]
    colours = np.stack([np.arange(256)] * 3, axis=1).astype("uint8")
    with (
        rasterio.MemoryFile(paletted_png(levels, colours)) as memory,
        memory.open() as file,
    ):
        assert file.read(1).tolist() == levels.tolist()
        assert file.nodata == 0


def test_a_stock_of_exactly_nothing_is_pointed_at() -> None:
    values = np.full((20, 20), 40.0)
    values[:3] = 0
    found = report(layer(values))
    assert found["zero_cells"] == 60
    assert any("60 cells (15 %) hold exactly 0 t ha-1" in line for line in found["verdicts"])
    values[values == 0] = 1
    assert not any("exactly 0" in line for line in report(layer(values))["verdicts"])


def test_a_share_is_told_without_its_unit() -> None:
    """The canonical unit of a share is "1": "0 to 1 1" says nothing."""
    told = report(layer([[0, 1], [0.5, 1]], "cropland_share"))
    assert " 1 1" not in page(told)
    assert "0 to 1</td>" in page(told)
