"""Conversion of points on a regular grid, and of polygons, to rasters."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from affine import Affine
from shapely.geometry.base import BaseGeometry

from hotspots.errors import BadInputError, RasterError, near_matches
from hotspots.ingest.user_files.source import DEGREES, Selection, UserRaster, chosen, listed
from hotspots.io.atomic import reason
from hotspots.io.cog import RasterForm, new_geotiff
from hotspots.io.limits import require_regular, require_within
from hotspots.io.readers.texts import paced, require_short_lines, require_size
from hotspots.layers.variables import Variable

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

Array = npt.NDArray[np.float64]

_Y_NAMES = ("lat", "latitude", "y", "northing")
_X_NAMES = ("lon", "longitude", "lng", "long", "x", "easting")
_IN_DEGREES = ("lat", "latitude")
_DELIMITERS = (",", ";", "\t")
# Coordinates have few digits; a grid is refused if they deviate by more than this part of a cell.
_OFF = 0.05
_MOST_CELLS = 500_000_000
_LONGEST_LINE = 1_000_000  # letters of the header, bytes of other lines
_LONGEST_REASON = 120
_PART = 100_000  # rows read at once
_FARTHEST = 1e9  # m, or degrees; the globe is 4e7 m round
_STRIP = 512
_NO_CLASS = ("", "none", "nan", "no_data", "nodata", "missing")


def table(path: Path, row: Variable, selection: Selection, folder: Path) -> UserRaster:
    """Return a table of points on a regular grid as a raster; cells without a row are missing.

    Parameters
    ----------
    path : Path
        CSV file, delimited by comma, semicolon or tab, whose first line names the columns. The
        coordinates are cell centres in units of the CRS, in columns such as lat and lon, or y and
        x; none may be missing.
    row : Variable
        Its name selects the column if none is selected.
    selection : Selection
        ``column`` with the values, which must be numeric; empty cells are missing. If None, the
        column with the name of the variable, or the only one besides the coordinates. ``crs`` of
        the coordinates, such as "EPSG:4326"; if "", EPSG:4326 for columns named lat or latitude,
        otherwise unknown.
    folder : Path
        Existing folder in which the GeoTIFF (float64, missing: NaN) is written.

    Raises
    ------
    RasterError
        No coordinate columns, no such column, text where numbers are needed, points that don't
        lie on a regular grid, or two in one cell.
    """
    require_regular(path)
    require_size(path)
    delimiter, names = _header(path)
    require_within(f"'{path.name}' has", len(names), "columns", "keep only what is needed")
    y_name, x_name = (_axis(path, names, known) for known in (_Y_NAMES, _X_NAMES))
    name = _column(path, row, names, selection.column, (y_name, x_name))
    require_short_lines(path, _LONGEST_LINE)
    ys, xs, values = _columns(path, delimiter, names, (y_name, x_name, name))
    rows, north, dy = _lattice(ys, path, y_name)
    columns, west, dx = _lattice(xs, path, x_name)
    shape = (int(rows.max()) + 1, int(columns.max()) + 1)
    _require_cells(path, shape[0] * shape[1], "give points on a coarser grid")
    out = np.full(shape, np.nan)
    rows = shape[0] - 1 - rows  # from the north
    _require_single(path, rows * shape[1] + columns)
    out[rows, columns] = values
    # The lattice counts centres from the south; a transform begins at the north-western corner.
    transform = Affine(dx, 0, west - dx / 2, 0, -dy, north + (shape[0] - 0.5) * dy)
    crs = selection.crs or (DEGREES if y_name.casefold() in _IN_DEGREES else "")
    made = folder / f"{path.stem}_{name}.tif"
    _write(made, out, transform, crs)
    note = f"{values.size:,} points were placed on a grid of {shape[0]} x {shape[1]} cells."
    return UserRaster(str(made), layer=name, crs=crs, notes=(note,))


def _header(path: Path) -> tuple[str, list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            line = file.readline(_LONGEST_LINE)
    except UnicodeDecodeError as error:
        raise RasterError(f"'{path}' isn't text in UTF-8. Save it as CSV in UTF-8.") from error
    if len(line) == _LONGEST_LINE or "\0" in line:
        raise RasterError(
            f"'{path}' has a first line of more than {_LONGEST_LINE:,} letters, or bytes that"
            " aren't text. Give a table whose first line names its columns."
        )
    if not line.strip():
        raise RasterError(f"'{path}' is empty. Give a table whose first line names its columns.")
    delimiter = max(_DELIMITERS, key=line.count)
    try:
        names = next(csv.reader([line.strip()], delimiter=delimiter), [])
    except csv.Error as error:
        raise RasterError(f"The first line of '{path}' can't be read ({error}).") from error
    return delimiter, [name.strip() for name in names]


def _axis(path: Path, names: Sequence[str], known: Sequence[str]) -> str:
    by_key = {name.casefold(): name for name in names}
    for key in known:
        if key in by_key:
            return by_key[key]
    raise RasterError(
        f"'{path}' has no column of coordinates named {known[0]} or {known[2]}; it has"
        f" {listed(names)}. Rename it."
    )


def _column(
    path: Path, row: Variable, names: Sequence[str], requested: str | None, taken: Sequence[str]
) -> str:
    others = [name for name in names if name and name not in taken]
    return chosen(path, row, others, requested, of="column", option="--column")


def _columns(
    path: Path, delimiter: str, names: Sequence[str], selected: Sequence[str]
) -> tuple[Array, Array, Array]:
    import pandas as pd

    # By position, without an index column: otherwise rows that end in an extra delimiter would
    # shift every column by one.
    at = [names.index(name) for name in selected]
    # Where commas don't separate columns, they may be decimal signs.
    for decimal in (".", ",") if delimiter != "," else (".",):
        try:
            data = _read(path, delimiter, at, decimal)
        except (ValueError, pd.errors.ParserError, LookupError, ArithmeticError) as error:
            message = " ".join(str(error).split())[:_LONGEST_REASON].rstrip(".")
            raise RasterError(
                f"'{path}' can't be read as a table ({message}). Save it again as CSV in UTF-8."
            ) from error
        if all(data[i].dtype.kind in "fiu" for i in at):
            ys, xs, values = (data[i].to_numpy(dtype="float64") for i in at)
            return ys, xs, values
    text = next(n for n, i in zip(selected, at, strict=True) if data[i].dtype.kind not in "fiu")
    raise RasterError(
        f"The column '{text}' of '{path}' isn't all numbers. Correct it, or choose another with"
        " --column."
    )


def _read(path: Path, delimiter: str, at: Sequence[int], decimal: str) -> pd.DataFrame:
    """Return some columns of a table, read in parts so that limits apply before memory runs out."""
    import warnings

    import pandas as pd

    parts, rows = [], 0
    with (
        warnings.catch_warnings(),
        pd.read_csv(
            path,
            sep=delimiter,
            header=None,
            skiprows=1,
            usecols=list(at),
            index_col=False,
            skipinitialspace=True,
            decimal=decimal,
            encoding="utf-8-sig",
            # Not by the file's suffix: compressed text could unpack to any size.
            compression=None,
            chunksize=_PART,
        ) as reader,
    ):
        warnings.simplefilter("ignore")  # about columns of mixed types, which are refused as text
        for part in paced(reader, path.name):
            rows += len(part)
            require_within(f"'{path.name}' has", rows, "rows", "give a raster")
            parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _lattice(given: Array, path: Path, name: str) -> tuple[npt.NDArray[np.int64], float, float]:
    """Return the index of each coordinate on a regular axis, the first centre, and the step."""
    values = np.unique(given)
    if not np.isfinite(values).all() or values.size < 2:
        raise RasterError(
            f"The coordinates '{name}' of '{path}' are missing in places, or are all the same."
            " Points on a regular grid are needed."
        )
    if np.abs(values).max() > _FARTHEST:
        far = values[np.abs(values).argmax()]
        raise RasterError(
            f"The coordinate {far:g} in the column '{name}' of '{path}' lies off the globe. Give"
            " degrees, or the units of the CRS that --crs names."
        )
    steps = np.diff(values)
    # Steps that are mere rounding are left out; the median isn't affected by some gaps.
    least = np.median(steps[steps > steps.max() * 1e-6])
    count = np.rint((values[-1] - values[0]) / least)
    _require_cells(path, count, "give points on a coarser grid")
    # Over the whole axis, which averages out the rounding of single coordinates.
    step = float((values[-1] - values[0]) / count)
    index = np.rint((given - values[0]) / step)
    if np.abs(values[0] + index * step - given).max() > _OFF * step:
        raise RasterError(
            f"The points of '{path}' aren't on a regular grid: steps of '{name}' run from"
            f" {steps.min():g} to {steps.max():g}. Grid them first (gdal_grid), or give a raster."
        )
    return index.astype("int64"), float(values[0]), step


def _require_cells(path: Path, cells: float, remedy: str) -> None:
    if cells > _MOST_CELLS:
        raise RasterError(
            f"'{path}' spans {cells:,.0f} cells; at most {_MOST_CELLS:,} are made of a table or of"
            f" polygons. {remedy[:1].upper()}{remedy[1:]}."
        )


def _require_single(path: Path, flat: npt.NDArray[np.int64]) -> None:
    _, counts = np.unique(flat, return_counts=True)
    if (counts > 1).any():
        raise RasterError(
            f"'{path}' has {int((counts > 1).sum()):,} cells with more than one row. Keep one of"
            " each, or take their mean first."
        )


def _write(made: Path, values: Array, transform: Affine, crs: str) -> None:
    with new_geotiff(made, _form(transform, values.shape, crs)) as file:
        file.write(values, 1)


def _form(transform: Affine, shape: tuple[int, int], crs: str) -> RasterForm:
    return RasterForm(transform, shape, crs or None, "float64", float("nan"))


def polygons(path: Path, row: Variable, selection: Selection, folder: Path) -> UserRaster:
    """Rasterise polygons by an attribute: each cell has the value at its centre.

    Parameters
    ----------
    path : Path
        File of polygons; those without geometry or value are omitted.
    row : Variable
        For a class variable, the attribute may contain class names, which become codes.
    selection : Selection
        ``column``, the attribute with the values; if None, the one with the name of the variable,
        or the only one. ``cell``, the side of a cell in units of the CRS, finite and above 0, is
        required. ``crs`` of the coordinates; "" for that of the file.
    folder : Path
        Existing folder in which the GeoTIFF (missing: NaN) is written.

    Raises
    ------
    RasterError
        No cell size, no CRS, no such attribute, text that isn't a class of the variable.
    """
    frame = _frame(path)
    crs = selection.crs or (frame.crs.to_string() if frame.crs else "")
    names = [str(n) for n in frame.columns if n != frame.geometry.name]
    name = _column(path, row, names, selection.column, ())
    cell = selection.cell
    if not cell or not 0 < cell < np.inf:
        raise RasterError(
            f"'{path}' holds polygons, which have no cells. Say how large they shall be, in the"
            " units of its CRS: --cell 0.05."
        )
    frame = frame[~(frame.geometry.is_empty | frame.geometry.isna())]
    values = _attribute(frame[name], path, name, row)
    kept = np.isfinite(values)
    shapes = [(g, v) for g, v, k in zip(frame.geometry, values, kept, strict=True) if k]
    if not shapes:
        raise RasterError(f"'{path}' has no polygon with a value of '{name}'.")
    degrees = bool(crs) and pyproj.CRS.from_user_input(crs).is_geographic
    _require_drawable(frame[kept].geometry, path)
    transform, shape = _frame_grid(frame[kept].total_bounds, cell, degrees, path)
    made = folder / f"{path.stem}_{name}_{cell:g}.tif"
    _burn(shapes, made, _form(transform, shape, crs))
    note = f"{len(shapes):,} polygons were burnt into {shape[0]} x {shape[1]} cells."
    return UserRaster(
        str(made),
        layer=name,
        crs=crs,
        notes=(note,),
    )


def _frame(path: Path) -> gpd.GeoDataFrame:
    from hotspots.geo.user_geometry import DAMAGE
    from hotspots.io.readers.vectors import read_vector

    try:
        frame = read_vector(path)
    except BadInputError as error:
        raise RasterError(str(error)) from error
    except DAMAGE as error:
        raise RasterError(
            f"'{path}' can't be read as polygons ({reason(error)[:_LONGEST_REASON]}). Write it"
            " again as GeoPackage or GeoJSON."
        ) from error
    if getattr(frame, "active_geometry_name", None) is None:
        raise RasterError(f"'{path}' is a table without outlines. Give polygons, or a CSV table.")
    return frame


def _require_drawable(outlines: gpd.GeoSeries, path: Path) -> None:
    """Raise for outlines with too many vertices, or with coordinates off the globe."""
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
    _require_cells(path, shape[0] * shape[1], "give a larger --cell")
    return Affine(cell, 0, x0 + left * cell, 0, -cell, y0 - top * cell), shape


def _burn(shapes: Sequence[tuple[BaseGeometry, float]], made: Path, form: RasterForm) -> None:
    from rasterio.features import rasterize

    height, width = form.shape
    with new_geotiff(made, form) as file:
        for top in range(0, height, _STRIP):
            rows = min(_STRIP, height - top)
            moved = form.transform * Affine.translation(0, top)
            part = rasterize(
                shapes, out_shape=(rows, width), transform=moved, fill=np.nan, dtype="float64"
            )
            file.write(part, 1, window=((top, top + rows), (0, width)))
