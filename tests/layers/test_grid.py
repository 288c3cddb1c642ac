"""True area of cells, against published figures and geodesic polygons."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyproj
import pytest
import xarray as xr

from hotspots.errors import GridMismatchError, RasterError
from hotspots.layers.grid import cell_area, grid_of, require_same_grid

GEOD = pyproj.Geod(ellps="WGS84")


def layer(x: np.ndarray, y: np.ndarray, crs: int | str = 4326) -> xr.DataArray:
    """A layer of zeros with these cell centres."""
    return xr.DataArray(
        np.zeros((len(y), len(x))), dims=("y", "x"), coords={"y": y, "x": x}
    ).rio.write_crs(crs)


def centres(first: float, step: float, count: int) -> np.ndarray:
    return first + step * (np.arange(count) + 0.5)


def geodesic_area_ha(obj: xr.DataArray, row: int, column: int, vertices: int = 200) -> float:
    """Area of one cell from a geodesic polygon with many vertices along its straight edges."""
    grid = grid_of(obj)
    x0, x1 = grid.x_edges[column : column + 2]
    y0, y1 = grid.y_edges[row : row + 2]
    t = np.linspace(0, 1, vertices, endpoint=False)
    x = np.concatenate(
        [x0 + (x1 - x0) * t, np.full(vertices, x1), x1 - (x1 - x0) * t, np.full(vertices, x0)]
    )
    y = np.concatenate(
        [np.full(vertices, y0), y0 + (y1 - y0) * t, np.full(vertices, y1), y1 - (y1 - y0) * t]
    )
    lon, lat = pyproj.Transformer.from_crs(grid.crs, 4326, always_xy=True).transform(x, y)
    return abs(GEOD.polygon_area_perimeter(lon, lat)[0]) / 1e4


def test_cell_area_matches_the_vectors(vectors: Path) -> None:
    table = pd.read_csv(vectors / "pixel_area.csv")
    assert len(table) >= 4
    for row in table.itertuples():
        height = row.lat_north - row.lat_south
        one = layer(centres(10, row.dlon_deg, 3), centres(row.lat_north, -height, 2))
        area_m2 = cell_area(one).values[0] * 1e4
        np.testing.assert_allclose(area_m2, row.area_m2_ellipsoid, rtol=row.tolerance_rel)


def test_the_whole_earth() -> None:
    """All cells together are the ellipsoid: 510 065 621.724 km²."""
    world = layer(centres(-180, 2, 180), centres(90, -2, 90))
    assert cell_area(world).sum().item() / 100 == pytest.approx(510_065_621.724, rel=1e-11)


def test_south_up_and_0_to_360_have_the_same_areas() -> None:
    north_up = cell_area(layer(centres(-180, 5, 72), centres(90, -5, 36)))
    turned = cell_area(layer(centres(0, 5, 72), centres(-90, 5, 36)))
    np.testing.assert_allclose(turned.values[::-1], north_up.values, rtol=1e-12)
    assert north_up.attrs["units"] == "ha"


def test_equal_area_projection_gives_dx_times_dy() -> None:
    grid = layer(centres(-2e6, 10_000, 40), centres(5e6, -10_000, 40), 6933)
    np.testing.assert_allclose(cell_area(grid).values, 10_000, rtol=1e-6)


@pytest.mark.parametrize(
    ("crs", "x", "y"),
    [
        (32633, centres(200_000, 10_000, 60), centres(7e6, -10_000, 3)),  # UTM 33 N
        (3031, centres(-3e6, 50_000, 120), centres(1e6, -50_000, 3)),  # Antarctic, over 180°
        (3832, centres(2e6, 20_000, 200), centres(-1e6, -20_000, 2)),  # Pacific, over 180°
    ],
)
def test_projected_cells_match_geodesic_polygons(crs: int, x: np.ndarray, y: np.ndarray) -> None:
    obj = layer(x, y, crs)
    area = cell_area(obj).values
    for row, column in [(0, 0), (1, len(x) // 2), (0, len(x) // 2 - 1), (1, len(x) - 1)]:
        expected = geodesic_area_ha(obj, row, column)
        assert area[row, column] == pytest.approx(expected, rel=2e-5), (row, column)


def test_cells_at_the_pole_of_a_polar_grid() -> None:
    """The four cells that meet at the pole, and one with the pole in its middle."""
    corner = layer(centres(-50_000, 50_000, 2), centres(50_000, -50_000, 2), 3031)
    beside = layer(centres(50_000, 50_000, 2), centres(50_000, -50_000, 2), 3031)
    middle = layer(centres(-75_000, 50_000, 3), centres(75_000, -50_000, 3), 3031)
    typical = cell_area(beside).values[0, 0]
    np.testing.assert_allclose(cell_area(corner).values, typical, rtol=1e-3)
    np.testing.assert_allclose(cell_area(middle).values, typical, rtol=1e-3)


def test_a_grid_without_crs_or_even_steps_is_refused() -> None:
    good = layer(centres(0, 1, 3), centres(3, -1, 3))
    with pytest.raises(RasterError, match="coordinate reference system"):
        cell_area(good.drop_vars("spatial_ref"))
    with pytest.raises(RasterError, match="evenly spaced"):
        cell_area(layer(np.array([0.0, 1, 3]), centres(3, -1, 3)))


def test_a_grid_without_cells_is_refused() -> None:
    good = layer(centres(0, 1, 3), centres(3, -1, 3))
    with pytest.raises(RasterError, match="no cells: its dimension 'x' has length 0"):
        grid_of(good.isel(x=slice(0, 0)))


def test_grids_that_differ_are_told_apart() -> None:
    good = layer(centres(0, 1, 3), centres(3, -1, 3))
    require_same_grid(good, good + 1, "soc_stock")
    with pytest.raises(GridMismatchError, match="soc_stock"):
        require_same_grid(good, layer(centres(0.5, 1, 3), centres(3, -1, 3)), "soc_stock")


# ---------------------------------------------------------------- one grid for all its layers


def test_layers_of_one_grid_share_it_and_its_areas() -> None:
    x, y = centres(-180, 5, 72), centres(90, -5, 36)
    one, other = grid_of(layer(x, y)), grid_of(layer(x, y) + 1)
    assert one is other
    assert one.row_area_ha is other.row_area_ha


def test_an_area_that_is_changed_leaves_the_grid_as_it_was() -> None:
    metres = centres(0, 1000, 4)
    projected = layer(metres, metres, 3035)
    area = cell_area(projected)
    before = area.values.copy()
    area[:] = 0
    np.testing.assert_array_equal(cell_area(projected).values, before)


def test_bounds_in_degrees() -> None:
    beyond = layer(centres(-180, 5, 72), np.linspace(90, -90, 37))  # cells centred on the poles
    assert grid_of(beyond).lonlat_bounds == (-180, -90, 180, 90)
    fiji = layer(centres(1_500_000, 100_000, 8), centres(4_000_000, -100_000, 4), 3460)
    west, _, east, _ = grid_of(fiji).lonlat_bounds
    assert east < 0 < west
