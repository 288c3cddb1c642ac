"""Grids and the true area of their cells.

On a latitude/longitude grid a cell between two parallels has, on the WGS84 ellipsoid, the area
``(a²/2)·Δλ·|q(φ2) − q(φ1)|`` with the authalic ``q`` of Snyder (1987), "Map Projections: A Working
Manual", eq. 3-12. The corners of a projected grid's cells are transformed to an equal-area
projection, so that projections that aren't equal-area give true hectares too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import pyproj
import rioxarray  # noqa: F401  (registers the .rio accessor for the CRS)
import xarray as xr
from affine import Affine

from hotspots.errors import GridMismatchError, RasterError, shortened
from hotspots.layers.array_types import FloatArray
from hotspots.layers.crs import crs_label, crs_name, layer_crs, metres_per_unit, same_crs
from hotspots.layers.variables import OF_A_COPY, describe

WGS84_A_M = 6378137.0
WGS84_F = 1 / 298.257223563
M2_PER_HA = 1e4
EQUAL_AREA = "EPSG:6933"

# 128 MB of areas; finer projected grids compute them again rather than hold them.
_MOST_CELLS_KEPT = 2**24
_Y_NAMES = ("y", "lat", "latitude")
_X_NAMES = ("x", "lon", "longitude")


@dataclass(frozen=True)
class Grid:
    """A regular grid: cell edges from `transform`, `shape` = (rows, columns), its CRS.

    ``transform`` maps (column, row) to (x, y) of a cell's upper left corner; dy may have any sign.
    `grid_of` gives the same object for all layers of one grid, so that areas are computed once.
    """

    transform: Affine
    shape: tuple[int, int]
    crs: pyproj.CRS

    @cached_property
    def x_edges(self) -> FloatArray:
        """Column edges, in CRS units, length columns + 1."""
        edges: FloatArray = self.transform.c + self.transform.a * np.arange(self.shape[1] + 1)
        return edges

    @cached_property
    def y_edges(self) -> FloatArray:
        """Row edges, in CRS units, length rows + 1."""
        edges: FloatArray = self.transform.f + self.transform.e * np.arange(self.shape[0] + 1)
        return edges

    @property
    def x(self) -> FloatArray:
        """Column centres."""
        return (self.x_edges[:-1] + self.x_edges[1:]) / 2

    @property
    def y(self) -> FloatArray:
        """Row centres."""
        return (self.y_edges[:-1] + self.y_edges[1:]) / 2

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) in CRS units."""
        xs, ys = self.x_edges, self.y_edges
        return float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max())

    @property
    def lonlat_bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) in degrees; of a projected grid across ±180, west > east."""
        if self.is_geographic:
            west, south, east, north = self.bounds
            # Edges of cells centred on the poles lie beyond them.
            return west, max(south, -90.0), east, min(north, 90.0)
        to_lonlat = pyproj.Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True)
        # A straight edge bows in degrees: points along it find how far it reaches.
        west, south, east, north = to_lonlat.transform_bounds(*self.bounds, densify_pts=101)
        return west, south, east, north

    @property
    def is_geographic(self) -> bool:
        """Whether coordinates are longitude and latitude in degrees."""
        return bool(self.crs.is_geographic)

    @property
    def wraps(self) -> bool:
        """Whether the first and the last column touch (a grid of all longitudes)."""
        return self.is_geographic and abs(abs(self.x_edges[-1] - self.x_edges[0]) - 360) < 1e-6

    @property
    def cell_width_m(self) -> float:
        """The wider side of a cell at the equator or in the projection, m."""
        side = max(abs(self.transform.a), abs(self.transform.e))
        return float(side * self.metres_per_unit)

    @property
    def metres_per_unit(self) -> float:
        """Length of a unit of the coordinates, m: of a degree at the equator; 0.3048 for feet."""
        if self.is_geographic:
            return float(np.pi / 180 * WGS84_A_M)
        return metres_per_unit(self.crs)

    @cached_property
    def row_area_ha(self) -> FloatArray:
        """Area of one cell of each row of a geographic grid, ha."""
        q = authalic_q(np.clip(self.y_edges, -90, 90))
        width = np.radians(abs(self.transform.a))
        area: FloatArray = np.abs(np.diff(q)) * WGS84_A_M**2 / 2 * width / M2_PER_HA
        return area

    def area_ha(self) -> FloatArray:
        """Return the true area of each cell, ha, (rows, columns); see `cell_area`."""
        if self.is_geographic:
            # From the rows each time: a whole world of cells isn't worth keeping.
            return np.repeat(self.row_area_ha[:, None], self.shape[1], axis=1)
        kept = self.shape[0] * self.shape[1] <= _MOST_CELLS_KEPT
        # A copy: the grid and its areas are shared by all layers.
        return self._projected_area_ha.copy() if kept else _projected_area_ha(self)

    @cached_property
    def _projected_area_ha(self) -> FloatArray:
        return _projected_area_ha(self)


@lru_cache(maxsize=4)
def _the_grid(transform: Affine, shape: tuple[int, int], crs: pyproj.CRS) -> Grid:
    return Grid(transform, shape, crs)


def axis_names(obj: xr.DataArray | xr.Dataset) -> tuple[str, str]:
    """Return the names of the (y, x) dimensions, or raise `RasterError`."""
    y = next((n for n in _Y_NAMES if n in obj.dims), None)
    x = next((n for n in _X_NAMES if n in obj.dims), None)
    if y is None or x is None:
        raise RasterError(
            f"The dimensions {tuple(obj.dims)} hold no (y, x) or (lat, lon) pair. Rename them"
            " (ncrename -d for a NetCDF file, layer.rename in Python)."
        )
    return y, x


def crs_of(obj: xr.DataArray | xr.Dataset) -> pyproj.CRS:
    """Return the horizontal CRS of `obj`; lat/lon dimensions without one count as EPSG:4326.

    Raises
    ------
    RasterError
        No CRS, or one that rasters can't be in: see `hotspots.layers.crs.layer_crs`.
    """
    crs = obj.rio.crs
    if crs is not None:
        name = getattr(obj, "name", None)
        return layer_crs(crs, f"Layer '{name}'" if name else "The layer")
    y, _ = axis_names(obj)
    if y != "y" or str(obj.coords.get(y, xr.DataArray()).attrs.get("units", "")).startswith("deg"):
        return pyproj.CRS.from_epsg(4326)
    raise RasterError(
        "The raster has no coordinate reference system (CRS). After checking its source give it"
        f" one: rio edit-info --crs EPSG:4326 FILE ({OF_A_COPY}); dimensions named lat and lon"
        " if it is in degrees, else a grid mapping (NetCDF); or data.rio.write_crs(4326) (Python)."
    )


def grid_of(obj: xr.DataArray | xr.Dataset) -> Grid:
    """Return the regular grid that `obj`'s coordinates lie on."""
    y_name, x_name = axis_names(obj)
    crs = crs_of(obj)
    if y_name not in obj.coords or x_name not in obj.coords:
        raise RasterError(f"The dimensions '{y_name}' and '{x_name}' have no coordinates.")
    x = np.asarray(obj[x_name].values, dtype="float64")
    y = np.asarray(obj[y_name].values, dtype="float64")
    for axis, centres in ((y_name, y), (x_name, x)):
        if not centres.size:
            raise RasterError(
                f"The layer has no cells: its dimension '{axis}' has length 0. Give one with cells."
            )
    given = (
        obj.coords["spatial_ref"].attrs.get("GeoTransform") if "spatial_ref" in obj.coords else None
    )
    # GDAL's order is x0, dx, 0, y0, 0, dy.
    dx = _step(x, x_name, None if given is None else float(str(given).split()[1]))
    dy = _step(y, y_name, None if given is None else float(str(given).split()[5]))
    transform = Affine(dx, 0, x[0] - dx / 2, 0, dy, y[0] - dy / 2)
    return _the_grid(transform, (len(y), len(x)), crs)


def _step(centres: FloatArray, name: str, given: float | None) -> float:
    if centres.size == 1:
        if given is None:
            raise RasterError(
                f"One cell along '{name}' doesn't define the cell size. Write the transform with"
                " data.rio.write_transform()."
            )
        return given
    step = (centres[-1] - centres[0]) / (centres.size - 1)
    # float32 coordinates of fine grids err by about 1e-4 of a cell.
    if step == 0 or np.abs(np.diff(centres) - step).max() > 1e-2 * abs(step):
        raise RasterError(f"The coordinate '{name}' is not evenly spaced. Regrid the layer first.")
    return float(step)


def same_grid(a: Grid, b: Grid) -> bool:
    """Return whether two grids have the same cells, to a thousandth of a cell."""
    return _same_cells(a, b) and same_crs(a.crs, b.crs)


def _same_cells(a: Grid, b: Grid) -> bool:
    near = np.allclose(a.transform, b.transform, rtol=0, atol=1e-3 * abs(a.transform.a))
    return a.shape == b.shape and bool(near)


def require_same_grid(reference: xr.DataArray | xr.Dataset, other: xr.DataArray, name: str) -> None:
    """Raise `GridMismatchError` unless `other` lies on the grid of `reference`."""
    a, b = grid_of(reference), grid_of(other)
    if same_grid(a, b):
        return
    if _same_cells(a, b):
        raise GridMismatchError(
            f"Layer '{name}' has the cells of the first layer, but in another CRS:"
            f" {crs_name(b.crs)} against {crs_name(a.crs)}. Correct the CRS that is wrong (rio"
            " edit-info --crs), or warp one layer to the CRS of the other (gdalwarp -t_srs)."
        )
    raise GridMismatchError(
        f"Layer '{name}' lies on another grid ({_grid_text(b)}) than the first layer"
        f" ({_grid_text(a)}). Bring the layers to one grid first."
    )


def _grid_text(grid: Grid) -> str:
    west, south, east, north = grid.bounds
    rows, columns = grid.shape
    return (
        f"{rows}x{columns} cells, {west:g},{south:g},{east:g},{north:g},"
        f" {shortened(crs_label(grid.crs), 60)}"
    )


def authalic_q(latitude: FloatArray) -> FloatArray:
    """Return q(φ) of the WGS84 ellipsoid for `latitude` in degrees (Snyder 1987, eq. 3-12)."""
    e = np.sqrt(WGS84_F * (2 - WGS84_F))
    s = np.sin(np.radians(latitude))
    q: FloatArray = (1 - e**2) * (
        s / (1 - (e * s) ** 2) - np.log((1 - e * s) / (1 + e * s)) / (2 * e)
    )
    return q


def row_area_ha(grid: Grid) -> FloatArray:
    """Return the area of one cell of each row of a geographic grid, ha."""
    return grid.row_area_ha


def cell_area(obj: xr.DataArray | xr.Dataset) -> xr.DataArray:
    """Return the true area of each cell of `obj`'s grid.

    Parameters
    ----------
    obj : DataArray or Dataset
        Anything with regular (y, x) coordinates of cell centres and a CRS.

    Returns
    -------
    DataArray
        ``cell_area`` in ha, dimensions (y, x), float64, on the same coordinates; never missing.

    Notes
    -----
    Geographic: the closed form on the WGS84 ellipsoid (1e-11 relative against geodesic polygons).
    Projected: corners transformed to an equal-area projection, cylindrical below 45° of latitude
    and azimuthal above; edges are assumed straight there, with an error below 1e-5 for cells below
    50 km.
    """
    grid = grid_of(obj)
    y, x = axis_names(obj)
    out = xr.DataArray(grid.area_ha(), dims=(y, x), coords={y: obj[y], x: obj[x]})
    return describe(out.rio.write_crs(grid.crs), "cell_area")


def _projected_area_ha(grid: Grid) -> FloatArray:
    xs, ys = np.meshgrid(grid.x_edges, grid.y_edges)
    to_lonlat = pyproj.Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_lonlat.transform(xs, ys)
    q = authalic_q(lat)
    # Straight edges become curved in a cylindrical projection near the poles, in an azimuthal one
    # (Snyder 24-23) near the equator: each cell is measured where its edges stay nearly straight.
    cylindrical = _half_cross(lon, q, turn=360.0) * np.radians(1) / 2
    # At the pole rounding must not make the root that of a negative number.
    radius = np.sqrt(np.clip(authalic_q(np.array(90.0)) - np.abs(q), 0, None))
    east, north = radius * np.sin(np.radians(lon)), radius * np.cos(np.radians(lon))
    azimuthal = _half_cross(east, north)
    area = np.where(np.abs(lat[:-1, :-1]) > 45, azimuthal, cylindrical)
    # Both are areas on an ellipsoid whose equatorial radius is 1.
    return area * WGS84_A_M**2 / M2_PER_HA


def _half_cross(x: FloatArray, y: FloatArray, turn: float | None = None) -> FloatArray:
    """Return the area of each cell from its diagonals; `x` may jump by multiples of 360 degrees."""
    falling = x[1:, 1:] - x[:-1, :-1], y[1:, 1:] - y[:-1, :-1]
    rising = x[:-1, 1:] - x[1:, :-1], y[:-1, 1:] - y[1:, :-1]
    dx = [d if turn is None else d - turn * np.round(d / turn) for d in (falling[0], rising[0])]
    return np.abs(dx[0] * rising[1] - dx[1] * falling[1]) / 2


def require_dataset(data: object) -> xr.Dataset:
    """Return `data` if it is a Dataset of canonical layers on one grid, or raise `RasterError`."""
    if not isinstance(data, xr.Dataset) or not data.data_vars:
        raise RasterError(
            f"An xarray Dataset of canonical variables is needed, not {type(data).__name__}. Your"
            " own rasters are read by hs.open_data(path), the packaged ones by hs.sample()."
        )
    grid_of(data)
    return data
