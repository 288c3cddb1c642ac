"""Conversion of polygons to a raster, by an attribute."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from affine import Affine

from hotspots.errors import BadInputError, RasterError, deepest_reason, near_matches
from hotspots.geo.antimeridian import jumps_of
from hotspots.geo.areas import valid_areas
from hotspots.geo.user_geometry import on_globe, require_one_layer
from hotspots.ingest.user_files.burning import Polygons, overlaps, unseen
from hotspots.ingest.user_files.drawn import form_of, made_name, require_cells
from hotspots.ingest.user_files.source import DEGREES, Selection, UserRaster, chosen
from hotspots.io.cog import RasterForm, new_geotiff
from hotspots.io.limits import require_within
from hotspots.layers.crs import crs_label, crs_text, horizontal, in_plain_degrees, layer_crs
from hotspots.layers.variables import Variable

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

Array = npt.NDArray[np.float64]

_LONGEST_REASON = 120
_FARTHEST = 1e9  # m, or degrees; the globe is 4e7 m round
_STRIP = 512
_NO_CLASS = ("", "none", "nan", "no_data", "nodata", "missing")


def polygons(path: Path, row: Variable, selection: Selection, folder: Path) -> UserRaster:
    """Rasterise polygons by an attribute: each cell has the value at its centre.

    Longitudes are read as those of a region: an edge over more than 180 degrees is taken the short
    way, across the antimeridian. Notes say which polygons got no cell, overlap or are invalid.

    Parameters
    ----------
    path : Path
        File of polygons; those without geometry or value are omitted.
    row : Variable
        For a class variable, the attribute may contain class names, which become codes.
    selection : Selection
        ``column``, the attribute with the values; if None, the one with the name of the variable,
        or the only one. ``cell``, the side of a cell in units of the CRS, finite and above 0, is
        required. ``crs`` of the coordinates; "" for that of the file. Coordinates in grads, or
        counted from Paris, are converted to EPSG:4326, in whose degrees ``cell`` is then.
    folder : Path
        Existing folder in which the GeoTIFF (missing: NaN) is written.

    Raises
    ------
    RasterError
        No cell size, no CRS, no such attribute, text that isn't a class of the variable; points or
        lines; no polygon with a cell; polygons with different values over one another.
    """
    frame, notes = read_polygons(path, selection.crs)
    crs = "" if frame.crs is None else crs_text(frame.crs)
    name = chosen(path, row, attributes(frame), selection.column, of="column", option="--column")
    cell = selection.cell
    if not cell or not 0 < cell < np.inf:
        raise RasterError(
            f"'{path}' holds polygons, which have no cells. Say how large they shall be, in the"
            " units of its CRS: --cell 0.05."
        )
    given, remarks = usable_areas(frame, _attribute(frame[name], path, name, row), path, name)
    degrees = frame.crs is not None and frame.crs.is_geographic
    overlap = overlaps(given, cell, path.name)
    bounds = shapely.total_bounds(np.asarray(given.shapes, dtype=object)).tolist()
    transform, shape = _frame_grid(bounds, cell, degrees, path)
    made = folder / made_name(path, name, f"{cell:g}")
    seen = _burn(given, made, form_of(transform, shape, crs))
    notes += (
        f"{len(given.shapes):,} polygons were burnt into {shape[0]} x {shape[1]} cells.",
        *remarks,
        *filter(None, (overlap, unseen(given, seen, transform, shape))),
    )
    return UserRaster(
        str(made),
        layer=name,
        crs=crs,
        notes=notes,
    )


def read_polygons(path: Path, crs: str = "") -> tuple[gpd.GeoDataFrame, tuple[str, ...]]:
    """Return the features of a file, and sentences on their conversion to plain units.

    Parameters
    ----------
    path : Path
        See `polygons`.
    crs : str
        Declared CRS, which replaces that of the file; "" for the file's own.

    Returns
    -------
    GeoDataFrame
        In degrees from Greenwich or units of length, without heights in its CRS; its CRS is None
        where it isn't stated. Outlines as they are drawn, perhaps missing or invalid.

    Raises
    ------
    RasterError
        The file can't be read, has no outlines, or a CRS without places on the globe.
    """
    return _in_plain_units(_frame(path), path, crs)


def attributes(frame: gpd.GeoDataFrame) -> list[str]:
    """Return the names of a frame's columns beside its outlines."""
    return [str(name) for name in frame.columns if name != frame.geometry.name]


def usable_areas(
    frame: gpd.GeoDataFrame, values: Array, path: Path, name: str = ""
) -> tuple[Polygons, list[str]]:
    """Return the areas with a value, repaired, and sentences on what was left out or changed.

    Parameters
    ----------
    frame : GeoDataFrame
        As `read_polygons` returns it.
    values : array, shape (n,)
        One value a feature; NaN is missing.
    path : Path
        The file, for messages.
    name : str
        The attribute of the values, for messages.

    Raises
    ------
    RasterError
        Points or lines, too many vertices, a coordinate off the globe; no polygon with a value and
        an area.
    """
    _require_drawable(frame.geometry, path)
    outlines = np.asarray(frame.geometry.array, dtype=object)
    drawn = ~(shapely.is_missing(outlines) | shapely.is_empty(outlines))
    kept = np.flatnonzero(drawn & np.isfinite(values))
    if not kept.size:
        raise RasterError(f"'{path}' has no polygon with a value of '{name}'.")
    given = list(outlines[kept])
    invalid = int((~shapely.is_valid(given)).sum())
    degrees = frame.crs is not None and frame.crs.is_geographic
    try:
        # Longitudes may jump at 180 degrees, or run from 0 to 360.
        areas = on_globe(given) if degrees else valid_areas(given)
    except BadInputError as error:
        raise RasterError(f"'{path.name}': {error}") from error
    empty = shapely.is_empty(areas)
    if empty.all():
        raise RasterError(f"'{path}' has no polygon with an area. Draw at least one.")
    counts = (
        (int((~drawn).sum()), "have no outline and were left out"),
        (int((drawn & ~np.isfinite(values)).sum()), f"have no value of '{name}' and were left out"),
        (int(empty.sum()), "have no area and were left out"),
        (invalid, "cross or overlap themselves; each is the area that its rings enclose, once"),
        (
            int(jumps_of(given).sum()) if degrees else 0,
            "have edges over more than 180 degrees, which were taken across the antimeridian",
        ),
    )
    remarks = [f"{count:,} of {len(frame):,} polygons {what}." for count, what in counts if count]
    sound = [area for area, nothing in zip(areas, empty, strict=True) if not nothing]
    return Polygons(sound, values[kept][~empty], kept[~empty] + 1), remarks


def _frame(path: Path) -> gpd.GeoDataFrame:
    from hotspots.geo.user_geometry import DAMAGE
    from hotspots.io.readers.vectors import read_vector

    try:
        frame = read_vector(path, _layer(path))
    except BadInputError as error:
        raise RasterError(str(error)) from error
    except DAMAGE as error:
        raise RasterError(
            f"'{path}' can't be read as polygons ({deepest_reason(error, _LONGEST_REASON)})."
            " Write it again as GeoPackage or GeoJSON."
        ) from error
    if getattr(frame, "active_geometry_name", None) is None:
        raise RasterError(f"'{path}' is a table without outlines. Give polygons, or a CSV table.")
    return frame


def _layer(path: Path) -> str | None:
    """Return the only layer of outlines of a GeoPackage, beside which there may be tables."""
    from hotspots.io.readers.vectors import vector_layers

    if path.suffix.lower() != ".gpkg":
        return None
    layers = [name for name, kind in vector_layers(path) if kind is not None]
    require_one_layer(path, layers)
    return layers[0] if layers else None


def _in_plain_units(
    frame: gpd.GeoDataFrame, path: Path, declared: str
) -> tuple[gpd.GeoDataFrame, tuple[str, ...]]:
    """Return polygons in their horizontal CRS, in degrees from Greenwich or units of length."""
    if not declared and frame.crs is None:
        return frame, ()
    # A declared CRS replaces that of the file.
    crs = _crs(path, declared or frame.crs)
    frame = frame.set_crs(crs, allow_override=True)
    if not crs.is_geographic or in_plain_degrees(crs):
        return frame, ()
    return frame.to_crs(DEGREES), (f"Converted from {crs_label(crs)} to {DEGREES}.",)


def _crs(path: Path, given: str | pyproj.CRS) -> pyproj.CRS:
    try:
        crs = horizontal(pyproj.CRS.from_user_input(given))
    except pyproj.exceptions.CRSError:
        crs = None
    # Vertices can be converted from other units exactly, other than cells.
    if crs is not None and crs.is_geographic:
        return crs
    return layer_crs(given, f"'{path}'")


def _require_drawable(outlines: gpd.GeoSeries, path: Path) -> None:
    """Raise for points or lines, too many vertices, or coordinates off the globe."""
    for kind in outlines.geom_type.dropna().unique():
        if kind not in ("Polygon", "MultiPolygon", "GeometryCollection"):
            raise RasterError(
                f"'{path}' holds a {kind}, which covers no cells. Give polygons, or points as a CSV"
                " table with their coordinates."
            )
    xy = shapely.get_coordinates(outlines)
    require_within(f"'{path.name}' has", len(xy), "vertices", "simplify its outlines")
    if not len(xy) or not (np.abs(xy) <= _FARTHEST).all():  # false for NaN too
        raise RasterError(
            f"'{path}' has an outline without points, or with a coordinate off the globe. Remove"
            " it, or save the file in its CRS."
        )


def _attribute(column: pd.Series, path: Path, name: str, row: Variable) -> Array:
    """Return the numbers of an attribute; class names become codes, missing ones NaN."""
    if column.dtype.kind in "fiu":
        return np.asarray(column.to_numpy(dtype="float64"))
    if row.classes is None:
        raise RasterError(
            f"The attribute '{name}' of '{path}' is text, where '{row.name}' is a quantity. Choose"
            " another with --column."
        )
    code_of = {_key(text): code for code, text in row.classes.items()}
    out = []
    for text in column:
        key = _key(str(text))
        if key not in code_of and key not in _NO_CLASS:
            raise RasterError(
                f"'{str(text)[:_LONGEST_REASON]}' of '{path}' isn't a class of '{row.name}'"
                f"{near_matches(key, code_of) or '.'} Classes: {', '.join(code_of)}."
            )
        out.append(float(code_of.get(key, np.nan)))
    return np.array(out)


def _key(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.casefold()).strip("_")


def _frame_grid(
    bounds: Sequence[float], cell: float, degrees: bool, path: Path
) -> tuple[Affine, tuple[int, int]]:
    """Return the grid of whole cells, counted from 180 W and 90 N (or 0), around the bounds."""
    # Fixed origins, so that layers of one cell size coincide.
    x0, y0 = (-180.0, 90.0) if degrees else (0.0, 0.0)
    west, south, east, north = bounds
    slack = 1e-6  # of a cell: bounds on an edge, to rounding, don't add a cell
    left, right = (np.floor((west - x0) / cell + slack), np.ceil((east - x0) / cell - slack))
    top, bottom = (np.floor((y0 - north) / cell + slack), np.ceil((y0 - south) / cell - slack))
    shape = (max(1, int(bottom - top)), max(1, int(right - left)))
    require_cells(path, shape[0] * shape[1], "give a larger --cell")
    return Affine(cell, 0, x0 + left * cell, 0, -cell, y0 - top * cell), shape


def _burn(given: Polygons, made: Path, form: RasterForm) -> npt.NDArray[np.bool_]:
    """Write the raster, strip by strip; return which polygons a cell has the value of."""
    from rasterio.features import rasterize

    height, width = form.shape
    shapes = [(shape, number) for number, shape in enumerate(given.shapes, start=1)]
    # Position 0 is of the cells in no polygon.
    value_of, seen = np.append(np.nan, given.values), np.zeros(len(shapes) + 1, dtype=bool)
    with new_geotiff(made, form) as file:
        for top in range(0, height, _STRIP):
            rows = min(_STRIP, height - top)
            moved = form.transform * Affine.translation(0, top)
            part = rasterize(shapes, out_shape=(rows, width), transform=moved, dtype="int32")
            seen[np.unique(part)] = True
            file.write(value_of[part], 1, window=((top, top + rows), (0, width)))
    return seen[1:]
