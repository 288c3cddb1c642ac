"""A raster of one country alone keeps the cells along its border; others follow the outlines."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
import xarray as xr

import hotspots as hs
from hotspots.analysis.zonal.border import TOLERANCE_KM, own_cells
from hotspots.analysis.zonal.coverage import column_sums, cover_fractions, share_out
from hotspots.edition.inputs import BORDER, OUTSIDE_SHARE, clip
from hotspots.edition.tables.region_weights import region_weights
from hotspots.geo.regions import region, regions
from hotspots.layers.grid import cell_area, grid_of

STEP = 0.01  # about 1 km
COUNTRY = "LUX"
#: About 2 and 30 km, in degrees of latitude.
NEAR, FAR = 0.018, 0.27


def raster(shape: shapely.Geometry, crs: str = "EPSG:4326") -> xr.Dataset:
    """Return a stock of 60-100 t/ha in the cells whose centre lies in a shape."""
    west, south, east, north = (round(v, 2) for v in shape.buffer(0.3).bounds)
    x = np.arange(west, east, STEP) + STEP / 2
    y = np.arange(north, south, -STEP) - STEP / 2
    xx, yy = np.meshgrid(x, y)
    stock = np.where(shapely.contains_xy(shape, xx, yy), 80 + 20 * np.sin(40 * xx), np.nan)
    layer = xr.DataArray(stock, dims=("y", "x"), coords={"y": y, "x": x})
    return xr.Dataset({"soc_stock": layer.assign_attrs(units="t ha-1")}).rio.write_crs(crs)


def tonnes(data: xr.Dataset) -> float:
    return float((data["soc_stock"] * cell_area(data)).sum())


def by_outline(data: xr.Dataset) -> float:
    """Return the tonnes that the packaged outline alone gives the country."""
    outlines = regions("countries")
    shares = share_out(cover_fractions(grid_of(data), outlines.geometry))
    inside = column_sums(shares[[outlines["id"].tolist().index(COUNTRY)]])
    return float(np.nansum(inside * (data["soc_stock"] * cell_area(data)).values.ravel()))


@pytest.fixture(scope="module")
def outline() -> shapely.Geometry:
    return region(COUNTRY).geometry


@pytest.fixture(scope="module")
def national(outline: shapely.Geometry) -> xr.Dataset:
    """The map that the country itself made, by an outline up to 2 km wider."""
    return raster(outline.buffer(NEAR))


def test_its_own_cells_along_the_border_count(national: xr.Dataset) -> None:
    whole = tonnes(national)
    assert by_outline(national) < 0.95 * whole
    cut = clip(national, region(COUNTRY))
    assert tonnes(cut) == pytest.approx(whole, rel=1e-9)
    lost = 1 - by_outline(national) / whole
    assert cut.attrs[BORDER] == pytest.approx(lost, rel=1e-6)
    assert cut.attrs[OUTSIDE_SHARE] == 0
    table = hs.analyze(cut).table
    assert table.loc[COUNTRY, "soc_stock_total"] == pytest.approx(whole, rel=1e-6)
    assert not table.loc["outside", "soc_stock_total"] > 0
    assert f"{100 * lost:.2g} % of their stock" in table.loc[COUNTRY, "note"]


def test_without_a_region_too(national: xr.Dataset) -> None:
    edition = hs.analyze(national)
    assert edition.table.loc[COUNTRY, "soc_stock_total"] == pytest.approx(
        tonnes(national), rel=1e-6
    )
    # Its neighbours have no data, and none is borrowed for them.
    assert set(edition.table.index) == {COUNTRY, "total", "outside"}
    (note,) = [n for n in edition.manifest["notes"] if "cover Luxembourg alone" in n]
    assert f"within {TOLERANCE_KM:g} km" in note
    assert edition.manifest["summary"]["border_share_of_stock"] > 0.05
    assert edition.manifest["summary"]["outside_share_of_stock"] == 0


def test_what_lies_beyond_the_tolerance_is_reported(outline: shapely.Geometry) -> None:
    west, _, _, north = outline.bounds
    enclave = shapely.box(west, north + FAR / 3, west + 0.03, north + FAR / 3 + 0.03)
    data = raster(outline.union(enclave))
    beyond = tonnes(data.where(data.y > north + FAR / 4))
    cut = clip(data, region(COUNTRY))
    assert tonnes(cut) == pytest.approx(tonnes(data) - beyond, rel=1e-9)
    assert cut.attrs[OUTSIDE_SHARE] == pytest.approx(beyond / tonnes(data), rel=1e-6)
    summary = hs.analyze(cut).manifest["summary"]
    assert summary["outside_share_of_stock"] == pytest.approx(beyond / tonnes(data), abs=1e-6)
    # Without a region it has the row of what lies outside.
    table = hs.analyze(data).table
    assert table.loc[COUNTRY, "soc_stock_total"] == pytest.approx(tonnes(data) - beyond, rel=1e-6)
    assert table.loc["outside", "soc_stock_total"] == pytest.approx(beyond, rel=1e-6)


def test_a_raster_that_goes_on_beyond_the_border_is_shared(outline: shapely.Geometry) -> None:
    """Cut to a frame, or to a region of several countries."""
    data = raster(shapely.box(*outline.bounds))
    cut = clip(data, region(COUNTRY))
    assert BORDER not in cut.attrs
    shared = (cut["soc_stock"] * cut["valid_share"] * cell_area(cut)).sum()
    assert float(shared) == pytest.approx(by_outline(data), rel=1e-6)
    whole = data.assign(valid_share=xr.ones_like(data["soc_stock"]))
    assert region_weights(whole, "countries").own is None


def test_the_packaged_sample_is_never_taken_for_a_country_s_own() -> None:
    for code in ("KEN", "MDG"):
        assert BORDER not in clip(hs.sample(), region(code)).attrs


def test_cells_within_the_tolerance_are_found_on_a_projected_grid_too(
    outline: shapely.Geometry, national: xr.Dataset
) -> None:
    import rioxarray  # noqa: F401  (accessor)

    moved = national["soc_stock"].rio.reproject("EPSG:3035", resolution=1000).to_dataset()
    moved["soc_stock"].attrs["units"] = "t ha-1"
    grid = grid_of(moved)
    inside = column_sums(
        cover_fractions(grid, regions("countries").set_index("id").loc[[COUNTRY]].geometry)
    )
    amount = np.nan_to_num(moved["soc_stock"].values.ravel())
    found = own_cells(grid, outline, (inside > 0).astype(float), amount)
    assert found is not None
    assert (found.mask == (amount > 0)).all()
