"""Fractions of grid cells covered by regions: one sparse matrix, computed once, reused for layers.

The fractions are exact (the area of polygon ∩ cell over the area of the cell, both in the grid's
own coordinates), as given by exactextract; edges between vertices are straight lines in the
grid's CRS. exactextract doesn't reproject and fails on empty geometries; both are handled here,
as is the periodicity of longitude.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from scipy import sparse
from shapely import MultiPolygon

from hotspots.errors import BadInputError
from hotspots.geo.areas import polygons_of, valid_areas
from hotspots.layers.array_types import FloatArray, IntArray, ObjectArray
from hotspots.layers.crs import in_plain_degrees, metres_per_unit, same_crs
from hotspots.layers.grid import Grid

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

ROUNDING = 1e-6
COLLECTION = shapely.GeometryType.GEOMETRYCOLLECTION
Boxes = list[tuple[float, float, float, float]]


def cover_fractions(
    grid: Grid, geometries: Iterable[BaseGeometry | None] | gpd.GeoSeries
) -> sparse.csr_array:
    """Return the share of each cell that each geometry covers.

    Parameters
    ----------
    grid : Grid
        Geographic or projected, rows from north or from south, longitudes from any meridian.
    geometries : iterable of shapely polygons, or GeoSeries
        In the grid's CRS, unless a GeoSeries has another: that one is densified to the cell width
        and reprojected. Longitudes may run beyond ±180 (a box from 170 to 190).
        ``None`` and empty geometries give an empty row, as do those outside of the grid.

    Returns
    -------
    csr_array
        float64, shape (n_geometries, rows × columns), cells in C order of the grid's own rows;
        0–1, only cells that are touched with an area are stored.

    Raises
    ------
    BadInputError
        A geometry that is a point or line, or a polygon of another CRS that holds a pole of a
        geographic grid (its boundary can't be unwrapped in longitude).

    Notes
    -----
    Fractions are exact to 1e-7 (exactextract keeps them in single precision). An invalid polygon
    is made valid first; parts that overlap themselves count once.
    """
    series = _as_series(geometries, grid.crs)
    pieces = _pieces_on(grid, series)
    shape = (len(series), grid.shape[0] * grid.shape[1])
    if pieces.empty:
        return sparse.csr_array(shape, dtype="float64")
    region, cell, share = _extract(grid, pieces)
    cover = sparse.csr_array((share, (region, cell)), shape=shape)
    # A region may reach a cell in several pieces, whose shares may add up to slightly more than 1.
    cover.sum_duplicates()
    np.minimum(cover.data, 1.0, out=cover.data)
    return cover


def share_out(cover: sparse.csr_array) -> sparse.csr_array:
    """Return `cover` with each touched cell fully allocated to the regions that touch it.

    For regions that are a partition of the land (all countries): the part of a coastal cell that
    no country covers is sea, and its values represent the land alone (``valid_share``), so that
    cover × valid_share would exclude the sea twice. Shares are proportional to the covered
    fractions; each non-empty column sums to 1.
    """
    out = cover.copy()
    out.data = cover.data / column_sums(cover)[cover.indices]
    return out


def share_of_land(
    grid: Grid,
    geometries: gpd.GeoSeries,
    outlines: gpd.GeoSeries,
    of_land: sparse.csr_array,
) -> sparse.csr_array:
    """Return the part of each cell's *land* that each geometry holds.

    Parameters
    ----------
    grid : Grid
        The grid of the cells.
    geometries : GeoSeries
        Polygons, drawn over land and sea alike.
    outlines : GeoSeries
        Outlines that make up the land, in the same CRS.
    of_land : csr_array
        Their covered fractions, from `cover_fractions`.

    Returns
    -------
    csr_array
        Shape (n_geometries, n_cells), 0-1: covered land over all land of the cell, so that a
        country drawn by hand gets the same share as from `share_out`; the plain covered fraction in
        cells without any outline.
    """
    own, land = outlines.sindex.query(geometries, predicate="intersects")
    cut = shapely.intersection(geometries.to_numpy()[own], outlines.to_numpy()[land])
    # Shapes that only touch give points and lines, without area.
    parts = gpd.GeoSeries([MultiPolygon(polygons_of(p)) for p in cut], crs=outlines.crs)
    to_own = sparse.csr_array(
        (np.ones(own.size), (own, np.arange(own.size))), shape=(len(geometries), own.size)
    )
    sums = column_sums(of_land)
    per_land = np.divide(1.0, sums, out=np.zeros_like(sums), where=sums > 0)
    on_land = (to_own @ cover_fractions(grid, parts)) @ sparse.diags_array(per_land)
    at_sea = cover_fractions(grid, geometries) @ sparse.diags_array((sums == 0).astype("float64"))
    share = sparse.csr_array(on_land + at_sea)
    share.eliminate_zeros()
    np.minimum(share.data, 1.0, out=share.data)
    return share


def remainder(cover: sparse.csr_array) -> sparse.csr_array:
    """Return one row, shape (1, n_cells): the part of each cell in no region of `cover`.

    Regions and remainder together cover every cell, so that their totals sum to the world's.
    """
    left = np.clip(1.0 - column_sums(cover), 0, 1)
    # Neighbours' single-precision fractions sum to 1 only within 1e-7.
    left[left < ROUNDING] = 0.0
    return sparse.csr_array(left[None, :])


def column_sums(cover: sparse.csr_array) -> FloatArray:
    """Return the fraction of each cell covered by all regions together, length n_cells."""
    sums = np.bincount(cover.indices, weights=cover.data, minlength=cover.shape[1])
    return np.asarray(sums, dtype="float64")


def _as_series(
    geometries: Iterable[BaseGeometry | None] | gpd.GeoSeries, crs: pyproj.CRS
) -> gpd.GeoSeries:
    if isinstance(geometries, gpd.GeoDataFrame):
        geometries = geometries.geometry
    if isinstance(geometries, gpd.GeoSeries):
        series = geometries.reset_index(drop=True)
        if series.crs is None:
            return series.set_crs(crs)
        # Grads, or longitudes from Paris: a turn isn't 360 there.
        odd = series.crs.is_geographic and not in_plain_degrees(series.crs)
        return series.to_crs("EPSG:4326") if odd else series
    return gpd.GeoSeries(list(geometries), crs=crs)


def _pieces_on(grid: Grid, series: gpd.GeoSeries) -> gpd.GeoDataFrame:
    """Return polygons in the grid's CRS that meet the grid, each with its ``region`` position."""
    shapes = np.asarray(series.array, dtype=object)
    region = np.flatnonzero(~(shapely.is_missing(shapes) | shapely.is_empty(shapes)))
    shapes = _polygons(shapes[region], region)
    same = same_crs(series.crs, grid.crs)
    if not same and not grid.is_geographic:
        footprint = _footprint(grid, series.crs)
        shapes, region = _copies_within(shapes, region, footprint, series.crs.is_geographic)
        shapes = shapely.intersection(
            shapes, shapely.union_all([shapely.box(*b) for b in footprint])
        )
    if not same:
        shapes = _reprojected(shapes, series.crs, grid)
    shapes, region = _copies_within(shapes, region, [grid.bounds], grid.is_geographic)
    return gpd.GeoDataFrame({"region": region}, geometry=list(shapes), crs=grid.crs)


def _polygons(shapes: ObjectArray, region: npt.NDArray[np.intp]) -> ObjectArray:
    """Return the valid polygonal part of each shape; other geometries raise `BadInputError`."""
    wrong = shapely.get_dimensions(shapes) != 2
    # Overlapping parts count once, and collections may hold lines beside their polygons.
    odd = ~wrong & (~shapely.is_valid(shapes) | (shapely.get_type_id(shapes) == COLLECTION))
    repaired = shapes.copy()
    repaired[odd] = valid_areas(list(shapes[odd]))
    wrong |= shapely.is_empty(repaired)
    if wrong.any():
        where = int(np.argmax(wrong))
        raise BadInputError(
            f"Geometry {region[where]} is a {shapes[where].geom_type}, but a region needs an area."
            " Give a Polygon or MultiPolygon (buffer a point or line first)."
        )
    return repaired


def _copies_within(
    shapes: ObjectArray, region: npt.NDArray[np.intp], boxes: Boxes, geographic: bool
) -> tuple[ObjectArray, npt.NDArray[np.intp]]:
    """Keep the shapes that meet one of `boxes`, shifted by multiples of 360 degrees where needed.

    A box 170..190 lies on a grid of -180..180 with its eastern half only after a shift by 360
    degrees.
    """
    west, east = min(b[0] for b in boxes), max(b[2] for b in boxes)
    south, north = min(b[1] for b in boxes), max(b[3] for b in boxes)
    found, of_region = [], []
    for turn in (-720.0, -360.0, 0.0, 360.0, 720.0) if geographic else (0.0,):
        w, s, e, n = shapely.bounds(shapes).T if len(shapes) else np.empty((4, 0))
        meets = (w + turn < east) & (e + turn > west) & (s < north) & (n > south)
        moved = shapes[meets]
        if turn and len(moved):
            moved = shapely.transform(moved, partial(np.add, np.array([turn, 0.0])))
        found.append(moved)
        of_region.append(region[meets])
    return np.concatenate(found), np.concatenate(of_region)


def _footprint(grid: Grid, crs: pyproj.CRS) -> Boxes:
    """Return boxes in `crs` that hold the projected `grid`, split where they cross ±180."""
    to_source = pyproj.Transformer.from_crs(grid.crs, crs, always_xy=True)
    w, s, e, n = to_source.transform_bounds(*grid.bounds, densify_pts=101, errcheck=False)
    if not np.isfinite([w, s, e, n]).all():
        # The grid's corners lie outside the projection's domain: any location may be on it.
        if not crs.is_geographic:
            raise BadInputError(
                f"Regions in '{crs.name}' can't be laid on a grid in '{grid.crs.name}'."
                " Give them in EPSG:4326 or in the grid's own CRS."
            )
        w, s, e, n = -180.0, -90.0, 180.0, 90.0
    # The bounds are those of points along the edges: 1 % more holds what bows between them.
    margin = 0.01 * abs(n - s)
    s, n = s - margin, n + margin
    if not crs.is_geographic:
        return [(w - margin, s, e + margin, n)]
    s, n = max(s, -90.0), min(n, 90.0)
    if w <= e:
        return [(max(w - margin, -180.0), s, min(e + margin, 180.0), n)]
    return [(w - margin, s, 180.0, n), (-180.0, s, e + margin, n)]


def _reprojected(shapes: ObjectArray, crs: pyproj.CRS, grid: Grid) -> ObjectArray:
    """Return `shapes` in the grid's CRS, with vertices at every cell width, valid."""
    # Metres per degree of latitude, in round numbers: it only sets how dense the vertices are.
    step = grid.cell_width_m / (111_000.0 if crs.is_geographic else metres_per_unit(crs))
    transformer = pyproj.Transformer.from_crs(crs, grid.crs, always_xy=True)

    def moved(xy: FloatArray) -> FloatArray:
        return np.column_stack(transformer.transform(xy[:, 0], xy[:, 1]))

    out = shapely.transform(shapely.segmentize(shapes, step), moved)
    if grid.is_geographic:
        out = np.array([_unwrapped(shape) for shape in out], dtype=object)
    return np.asarray(valid_areas(list(out)), dtype=object)


def _unwrapped(shape: BaseGeometry) -> BaseGeometry:
    """Return `shape` in longitudes that don't jump at ±180; holes stay within their ring."""
    polygons = []
    for polygon in shapely.get_parts(shape):
        outer = _unwrapped_ring(polygon.exterior)
        middle = outer[:, 0].mean()
        inner = [_unwrapped_ring(ring) for ring in polygon.interiors]
        for ring in inner:
            ring[:, 0] -= 360 * np.round((ring[:, 0].mean() - middle) / 360)
        polygons.append(shapely.Polygon(outer, inner))
    return shapely.MultiPolygon(polygons)


def _unwrapped_ring(ring: shapely.LinearRing) -> FloatArray:
    xy = shapely.get_coordinates(ring)
    xy[:, 0] = np.degrees(np.unwrap(np.radians(xy[:, 0])))
    # A ring that ends a turn away from its start goes around a pole.
    if abs(xy[-1, 0] - xy[0, 0]) > 1:
        raise BadInputError(
            "A polygon holds a pole, which its own coordinate system allows but longitude and"
            " latitude don't. Give it in EPSG:4326, closed along the pole."
        )
    # Radians and back differ in the last digits; a ring must close exactly.
    xy[-1] = xy[0]
    return xy


def _extract(grid: Grid, pieces: gpd.GeoDataFrame) -> tuple[IntArray, IntArray, FloatArray]:
    from exactextract import exact_extract
    from exactextract.raster import NumPyRasterSource

    # Only the geometry of the raster matters: one byte serves for all of its cells.
    raster = NumPyRasterSource(
        np.broadcast_to(np.uint8(0), grid.shape), *grid.bounds, srs_wkt=grid.crs.to_wkt()
    )
    found = exact_extract(
        raster, pieces, ["cell_id", "coverage"], include_cols=["region"], output="pandas"
    )
    counts = [len(cells) for cells in found["cell_id"]]
    region = np.repeat(found["region"].to_numpy(dtype="int64"), counts)
    cell = np.concatenate([np.asarray(c, dtype="int64") for c in found["cell_id"]])
    share = np.concatenate([np.asarray(c, dtype="float64") for c in found["coverage"]])
    touched = share > 0
    return region[touched], _own_order(grid, cell[touched]), share[touched]


def _own_order(grid: Grid, cell: IntArray) -> IntArray:
    """Turn cell numbers counted from the north-west into those of the grid's own row order."""
    rows, columns = grid.shape
    row, column = np.divmod(cell, columns)
    if grid.transform.e > 0:
        row = rows - 1 - row
    if grid.transform.a < 0:
        column = columns - 1 - column
    return row * columns + column
