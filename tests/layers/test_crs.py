"""CRSs: when two are the same, their units, which are refused, and how well places are known."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import xarray as xr
from affine import Affine
from pyproj.transformer import TransformerGroup

from hotspots import analysis as an
from hotspots.errors import GridMismatchError, RasterError
from hotspots.layers.crs import (
    crs_text,
    horizontal,
    layer_crs,
    placing_remark,
    same_crs,
)
from hotspots.layers.grid import Grid, cell_area, crs_of, grid_of, require_same_grid, same_grid
from hotspots.layers.placing import FARTHEST_M, placing

NULL = "+towgs84=0,0,0,0,0,0,0"
RD = (
    "+proj=sterea +lat_0=52.1561605555556 +lon_0=5.38763888888889 +k=0.9999079 +x_0=155000"
    " +y_0=463000 +ellps=bessel +units=m"
)
LAEA = "+proj=laea +lat_0=52 +lon_0=10 +x_0=4321000 +y_0=3210000 +ellps=GRS80"
PAIRS = [
    ("EPSG:4326", "OGC:CRS84", True),
    ("EPSG:4326", "EPSG:4979", True),
    ("EPSG:4326", "EPSG:4326+5773", True),
    ("EPSG:4326", f"+proj=longlat +ellps=WGS84 {NULL}", True),
    ("EPSG:4326", "+proj=longlat +ellps=WGS84", True),
    ("EPSG:4326", "EPSG:4258", True),  # ETRS89, at the same places to 1 m
    ("EPSG:32636", "+proj=utm +zone=36 +ellps=WGS84 +towgs84=0,0,0 +units=m", True),
    ("EPSG:32636", "EPSG:32636+5773", True),
    ("EPSG:28992", "EPSG:7415", True),
    ("EPSG:2225", "EPSG:2225+5703", True),
    ("EPSG:3035", f"{LAEA} {NULL} +units=m", True),
    ("ESRI:54009", "+proj=moll +datum=WGS84", True),
    ("EPSG:4326", "EPSG:4756", False),  # VN-2000: the ellipsoid of WGS 84, 200 m off
    ("EPSG:4326", "EPSG:4267", False),
    ("EPSG:4326", "EPSG:4978", False),
    ("EPSG:32636", "EPSG:32637", False),
    ("EPSG:2225", "EPSG:26941", False),  # feet, and metres
    ("EPSG:28992", RD, False),  # without the datum's shift
    ("EPSG:25231", "EPSG:32631", False),
    ("EPSG:25231", "+proj=utm +zone=31 +ellps=clrk80ign +units=m", False),
    ("EPSG:4807", "EPSG:4275", False),  # grads from Paris, and degrees
]


@pytest.mark.parametrize(("one", "other", "same"), PAIRS)
def test_two_crs_are_the_same_where_their_coordinates_are_the_same_places(
    one: str, other: str, same: bool
) -> None:
    a, b = pyproj.CRS(one), pyproj.CRS(other)
    assert same_crs(a, b) is same
    assert same_crs(b, a) is same
    cells = Affine(1, 0, 0, 0, -1, 2), (2, 2)
    assert same_grid(Grid(*cells, a), Grid(*cells, b)) is same


def test_a_bound_shift_counts_unless_it_is_null() -> None:
    shifted = pyproj.CRS("+proj=longlat +ellps=WGS84 +towgs84=200,300,400")
    assert not same_crs(shifted, pyproj.CRS(4326))
    assert horizontal(shifted) == shifted
    assert horizontal(pyproj.CRS("EPSG:4326+5773")).to_epsg() == 4326
    assert horizontal(pyproj.CRS("EPSG:4937")).to_epsg() == 4258


def test_a_code_is_written_only_for_its_own_datum() -> None:
    """PROJ suggests EPSG:23033 (ED50) for any UTM zone 33 on the International ellipsoid."""
    unnamed = pyproj.CRS("+proj=utm +zone=33 +ellps=intl +units=m")
    assert unnamed.to_epsg() == 23033
    assert crs_text(unnamed).startswith("PROJCRS")
    assert crs_text(pyproj.CRS("+proj=utm +zone=33 +datum=WGS84 +units=m")) == "EPSG:32633"


def raster(crs: str, side: float = 1.0, x: float = 0.0, y: float = 0.0) -> xr.DataArray:
    transform = Affine(side, 0, x, 0, -side, y)
    grid = Grid(transform, (3, 3), pyproj.CRS(crs))
    out = xr.DataArray(
        np.ones(grid.shape), dims=("y", "x"), coords={"y": grid.y, "x": grid.x}, name="clay"
    )
    return out.rio.write_crs(crs).rio.write_transform(transform)


@pytest.mark.parametrize(
    "crs", ["EPSG:4326+5773", "EPSG:4979", f"+proj=longlat +ellps=WGS84 {NULL}"]
)
def test_layers_get_the_horizontal_crs(crs: str) -> None:
    assert same_crs(crs_of(raster(crs)), pyproj.CRS(4326))
    assert len(crs_of(raster(crs)).axis_info) == 2
    require_same_grid(raster("EPSG:4326"), raster(crs), "clay")


@pytest.mark.parametrize(
    ("crs", "words"),
    [
        ("EPSG:4807", "count from Paris and are in the unit 'grad'"),
        ("EPSG:4901", "'grad'"),
        ("EPSG:4902", "'grad'"),
        ("+proj=longlat +datum=WGS84 +pm=lisbon", "count from Lisbon"),
        (
            'GEOGCS["r",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],'
            'PRIMEM["Greenwich",0],UNIT["radian",1]]',
            "'radian'",
        ),
        (
            "+proj=ob_tran +o_proj=longlat +o_lat_p=39 +lon_0=18 +to_meter=0.0174532925199433",
            "rotated pole",
        ),
    ],
)
def test_rasters_in_other_units_than_degrees_from_greenwich_are_refused(
    crs: str, words: str
) -> None:
    with pytest.raises(RasterError, match="gdalwarp -t_srs EPSG:4326") as caught:
        grid_of(raster(crs))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("crs", "words"),
    [
        ("EPSG:4978", "geocentric"),
        ("EPSG:5773", "vertical"),
        ('LOCAL_CS["site",UNIT["metre",1]]', "engineering"),
        ("nonsense", "can't be read"),
    ],
)
def test_a_crs_without_places_is_refused(crs: str, words: str) -> None:
    with pytest.raises(RasterError, match=words):
        layer_crs(crs, "'a.tif'")


@pytest.mark.parametrize(
    ("crs", "metres"),
    [("EPSG:2225", 0.30480060960121924), ("+proj=utm +zone=11 +units=ft", 0.3048)],
)
def test_feet_are_no_metres(crs: str, metres: float) -> None:
    # 100 km east of the false origin of EPSG:2225, or of the meridian of the zone.
    x = 2_100_000 if "2225" in crs else 600_000
    side, x, y = 10_000 / metres, x / metres, 600_000 / metres
    layer = raster(crs, side, x, y)
    assert grid_of(layer).cell_width_m == pytest.approx(10_000)
    assert float(cell_area(layer).mean()) == pytest.approx(10_000, rel=2e-3)  # ha, of 100 km2
    # Within 10 km lie the cell and its four neighbours, whose centres are 10 km away.
    layer[1, 1] = 5.0
    found = an.getis_ord(layer, radius=10)
    assert float(found["z"][0, 1]) > float(found["z"][0, 0])


def test_kilometres_are_no_metres() -> None:
    grid = Grid(Affine(10, 0, 500, 0, -10, 100), (2, 2), pyproj.CRS("+proj=utm +zone=36 +units=km"))
    assert grid.cell_width_m == 10_000


def test_a_mismatch_names_the_crs_if_it_is_the_cause() -> None:
    first, other = raster("EPSG:32636", 1000, 500_000), raster("EPSG:32637", 1000, 500_000)
    with pytest.raises(GridMismatchError, match=r"EPSG:32637 .*against EPSG:32636 ") as caught:
        require_same_grid(first, other, "clay")
    assert "cells of the first layer" in str(caught.value)
    with pytest.raises(GridMismatchError, match="another grid"):
        require_same_grid(first, raster("EPSG:32636", 2000, 500_000), "clay")


@pytest.mark.parametrize("code", [25231, 3316, 3986, 3367, 23946])
def test_a_datum_that_isnt_known_on_wgs84_is_reported_with_its_size(code: int) -> None:
    remark = placing_remark(pyproj.CRS(code))
    assert remark.may_be_far
    assert f"EPSG:{code}" in remark.sentence
    assert "some 200 m, at most 2,200 m" in remark.sentence


@pytest.mark.parametrize(
    ("crs", "box"),
    [
        ("EPSG:4326", None),
        ("EPSG:32636", (30.0, 0.0, 31.0, 1.0)),
        ("EPSG:3035", (0.0, 5.0, 2.0, 10.0)),  # outside of Europe, where ETRS89 is as good
        ("+proj=longlat +ellps=WGS84", None),
        ("+proj=utm +zone=31 +ellps=clrk80ign +towgs84=-90,40,88 +units=m", (0.0, 6.0, 1.0, 9.0)),
        ("ESRI:54009", None),
    ],
)
def test_places_that_are_known_need_no_remark(
    crs: str, box: tuple[float, float, float, float] | None
) -> None:
    assert placing_remark(pyproj.CRS(crs), box).sentence == ""


def test_a_datum_used_outside_its_area_isnt_known_there() -> None:
    """NAD27 is published for North America; in Togo no transformation applies."""
    nad27 = pyproj.CRS(4267)
    assert placing(nad27, (-100, 30, -90, 40)).is_known
    assert placing_remark(nad27, (0, 6, 1, 9)).may_be_far


def test_a_better_transformation_that_needs_a_file_is_named() -> None:
    of = placing(pyproj.CRS(4267), (-100, 30, -90, 40))
    if not of.missing_file:
        pytest.skip("the files of shifts are installed here")
    assert of.missing_file in placing_remark(pyproj.CRS(4267), (-100, 30, -90, 40), 10).sentence
    assert placing_remark(pyproj.CRS(4267), (-100, 30, -90, 40), 1000).sentence == ""


def test_a_sphere_is_a_remark_only() -> None:
    """MODIS takes the latitudes of WGS 84 for those of its sphere."""
    remark = placing_remark(pyproj.CRS("+proj=sinu +R=6371007.181 +units=m"))
    assert "sphere" in remark.sentence
    assert not remark.may_be_far


@pytest.mark.parametrize("code", [4735, 4626, 4646, 4602, 4736, 4168, 4201, 4209, 4230, 4301])
def test_known_datums_lie_no_farther_from_wgs84_than_is_said(code: int) -> None:
    crs = pyproj.CRS(code)
    west, south, east, north = crs.area_of_use.bounds  # type: ignore[union-attr]
    lon, lat = (west + east) / 2, (south + north) / 2
    group = TransformerGroup(crs, "EPSG:4326", always_xy=True, allow_ballpark=False)
    x, y = group.transformers[0].transform(lon, lat)
    assert pyproj.Geod(ellps="WGS84").inv(lon, lat, x, y)[2] < FARTHEST_M
