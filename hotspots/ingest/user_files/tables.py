"""Conversion of a table of points on a regular grid to a raster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyproj
from affine import Affine

from hotspots.errors import RasterError
from hotspots.ingest.user_files.drawn import form_of, made_name, require_cells
from hotspots.ingest.user_files.lattice import Axis, NoLatticeError, axis_of, require_plain
from hotspots.ingest.user_files.source import DEGREES, Selection, UserRaster, chosen, listed
from hotspots.ingest.user_files.table_rows import Heading, read_heading
from hotspots.ingest.user_files.table_text import Columns, read_columns
from hotspots.io.cog import new_geotiff
from hotspots.io.limits import require_regular, require_within
from hotspots.layers.crs import crs_text, layer_crs
from hotspots.layers.variables import Variable

Array = npt.NDArray[np.float64]

# Names of the columns of y and x: in degrees, and on a map.
_IN_DEGREES = (("lat", "latitude"), ("lon", "longitude", "lng", "long"))
_ON_A_MAP = (("y", "northing"), ("x", "easting"))
COORDINATES = tuple(name for pair in (_IN_DEGREES, _ON_A_MAP) for names in pair for name in names)
_FARTHEST = 1e9  # m, or degrees; the globe is 4e7 m round


@dataclass(frozen=True)
class Points:
    """A table of points as it is read, before its grid is sought.

    Attributes
    ----------
    heading : Heading
        The first line: names of the columns, delimiter.
    y_name, x_name, name : str
        The columns of the coordinates and of the values.
    columns : Columns
        Their numbers, in this order.
    crs : str
        CRS of the coordinates; "" where it is neither declared nor follows from the names.
    """

    heading: Heading
    y_name: str
    x_name: str
    name: str
    columns: Columns
    crs: str


def read_points(path: Path, row: Variable, selection: Selection) -> Points:
    """Return the points of a table; arguments and errors as for `table`."""
    require_regular(path)
    heading = read_heading(path, COORDINATES)
    names = heading.names
    require_within(f"'{path.name}' has", len(names), "columns", "keep only what is needed")
    crs = _crs(path, selection.crs)
    y_name, x_name = _axes(path, heading, crs)
    name = chosen(
        path,
        row,
        [name for name in names if name and name not in (y_name, x_name)],
        selection.column,
        of="column",
        option="--column",
    )
    columns = read_columns(path, heading, (y_name, x_name, name))
    y, x, _ = columns.values
    _require_places(path, {y_name: y, x_name: x})
    text = DEGREES if crs is None and y_name.casefold() in _IN_DEGREES[0] else ""
    text = text if crs is None else crs_text(crs)
    return Points(heading, y_name, x_name, name, columns, text)


def table(path: Path, row: Variable, selection: Selection, folder: Path) -> UserRaster:
    """Return a table of points on a regular grid as a raster; cells without a row are missing.

    Parameters
    ----------
    path : Path
        CSV file, delimited by comma, semicolon, tab or blanks, whose first line names the columns.
        The coordinates are cell centres in units of the CRS, in columns such as lat and lon, or y
        and x; none may be missing. Rows and columns of the grid may be absent.
    row : Variable
        Its name selects the column if none is selected.
    selection : Selection
        ``column`` with the values, which must be numeric; empty cells are missing. If None, the
        column with the name of the variable, or the only one besides the coordinates. ``crs`` of
        the coordinates, such as "EPSG:4326"; if "", EPSG:4326 for columns named lat or latitude,
        otherwise unknown. ``cell``, the side of a cell, where the points don't show it clearly;
        ``accept`` takes a doubtful one.
    folder : Path
        Existing folder in which the GeoTIFF (float64, missing: NaN) is written.

    Raises
    ------
    RasterError
        No coordinate columns, no such column, rows that don't fit the heading, text where numbers
        are needed, points that don't lie on a regular grid or don't show its step, or two in one
        cell.
    """
    points = read_points(path, row, selection)
    y, x, values = points.columns.values
    down, across = _lattice(path, {points.y_name: y, points.x_name: x}, selection)
    out = _placed(path, down, across, values)
    # The lattice counts centres from the south; a transform begins at the north-western corner.
    west, north = across.first - across.step / 2, down.first + (out.shape[0] - 0.5) * down.step
    transform = Affine(across.step, 0, west, 0, -down.step, north)
    made = folder / made_name(path, points.name)
    with new_geotiff(made, form_of(transform, out.shape, points.crs)) as file:
        file.write(out, 1)
    notes = _notes(down, across, values.size, out.shape)
    return UserRaster(str(made), layer=points.name, crs=points.crs, notes=notes)


def _crs(path: Path, given: str) -> pyproj.CRS | None:
    if not given:
        return None
    return layer_crs(
        given,
        f"'{path}'",
        "Convert its coordinates to degrees from Greenwich first (cs2cs), and leave --crs out.",
    )


def _axes(path: Path, heading: Heading, crs: pyproj.CRS | None) -> tuple[str, str]:
    """Return the names of the columns of y and x, a pair of one kind."""
    pairs = [_IN_DEGREES, _ON_A_MAP]
    if crs is not None and crs.is_projected:
        pairs.reverse()
    for y_known, x_known in pairs:
        y, x = (_named(path, heading.names, known) for known in (y_known, x_known))
        if not y or not x:
            continue
        if (y_known, x_known) == _IN_DEGREES and crs is not None and crs.is_projected:
            raise RasterError(
                f"The coordinates of '{path}' are in columns '{y}' and '{x}', which are degrees,"
                f" but '{crs.name}' is in other units. Leave --crs out, or name the columns y and"
                " x if they are."
            )
        return y, x
    missing = "lat or y" if not any(_any(heading.names, pair[0]) for pair in pairs) else "lon or x"
    raise RasterError(
        f"'{path}' has no column of coordinates named {missing}; it has {listed(heading.names)}."
        " Rename the two to lat and lon (degrees), or y and x."
    )


def _any(names: Sequence[str], known: Sequence[str]) -> bool:
    return any(name.casefold() in known for name in names)


def _named(path: Path, names: Sequence[str], known: Sequence[str]) -> str:
    for key in known:
        found = [name for name in names if name.casefold() == key]
        # R names a column of row numbers "X", beside which "x" may stand.
        exact = [name for name in found if name == key] or found
        if len(exact) > 1:
            raise RasterError(
                f"'{path}' has several columns named '{key}': {listed(found)}. Rename all but one."
            )
        if exact:
            return exact[0]
    return ""


def _require_places(path: Path, coordinates: dict[str, Array]) -> None:
    for name, values in coordinates.items():
        if not values.size:
            raise RasterError(f"'{path}' has no rows. Give a table of points.")
        absent = int(np.isnan(values).sum())
        if absent:
            raise RasterError(
                f"The coordinates '{name}' of '{path}' are missing in {absent:,} rows. Remove"
                " these rows, or fill them."
            )
        far = values[np.abs(values).argmax()]
        if abs(far) > _FARTHEST:
            raise RasterError(
                f"The coordinate {far:g} in the column '{name}' of '{path}' lies off the globe."
                " Give degrees, or the units of the CRS that --crs names."
            )


def _lattice(path: Path, coordinates: dict[str, Array], selection: Selection) -> tuple[Axis, Axis]:
    """Return the axes of the grid that points lie on, y then x."""
    (y_name, y), (x_name, x) = coordinates.items()
    step = selection.cell
    if step is not None and not 0 < step < np.inf:
        raise RasterError(f"--cell is {step:g}; the side of a cell is a number above 0.")
    try:
        axes = axis_of(y, y_name, step), axis_of(x, x_name, step)
        if step is None and not selection.accept:
            require_plain(*axes, y.size)
    except NoLatticeError as error:
        stated = "Correct --cell" if step is not None else "State their distance (--cell 0.5)"
        raise RasterError(
            f"The points of '{path}' aren't on a regular grid, or don't show it: {error}. {stated},"
            " grid the points first (gdal_grid), or give a raster."
        ) from error
    require_cells(path, axes[0].size * axes[1].size, "give points on a coarser grid")
    return axes


def _placed(path: Path, down: Axis, across: Axis, values: Array) -> Array:
    """Return the values on the grid, row 0 in the north; NaN where there is no point."""
    shape = (down.size, across.size)
    rows, columns = shape[0] - 1 - down.index, across.index
    flat, counts = np.unique(rows * shape[1] + columns, return_counts=True)
    if flat.size < values.size:
        raise RasterError(
            f"'{path}' has {int((counts > 1).sum()):,} cells with more than one row. Keep one of"
            " each, or take their mean first."
        )
    out = np.full(shape, np.nan)
    out[rows, columns] = values
    return out


def _notes(down: Axis, across: Axis, points: int, shape: tuple[int, ...]) -> tuple[str, ...]:
    size = f"{down.step:.6g}"
    if abs(down.step / across.step - 1) > 1e-3:
        size = f"{down.step:.6g} (high) by {across.step:.6g} (wide)"
    return (
        f"{points:,} points were placed on a grid of {shape[0]} x {shape[1]} cells of {size} in"
        " units of the coordinates.",
    )
