"""A local raster as its producer stored it: its grid, and its decoded values.

Declarations of the catalogue (or the user) take precedence over the file's own metadata, after a
check that the two don't contradict each other. `value = stored * scale + offset`; stored numbers
declared as nodata become NaN before that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj

from hotspots.errors import RasterError
from hotspots.io.rasters.gdal_file import in_type
from hotspots.io.rasters.open import stored_raster
from hotspots.io.rasters.stored import EVERYTHING, Decoding, RasterFile, Window
from hotspots.layers.crs import layer_crs
from hotspots.layers.grid import Grid
from hotspots.layers.harmonise import (
    MAX_MAGNITUDE,
    MIN_SENTINEL_IF_DECLARED,
    SENTINELS,
    UNBOUNDED,
    snapped,
)
from hotspots.layers.units import conversion
from hotspots.layers.variables import Variable
from hotspots.locale.escaping import shell_word

Numbers = npt.NDArray[Any]  # in the data type of the file
HOMOLOSINE = "ESRI:54052"
# Some writers omit the first word; its Ocean View is another projection.
_HOMOLOSINE_METHODS = ("Interrupted Goode Homolosine", "Goode Homolosine")
_ROWS_AT_ONCE = 64


@dataclass(frozen=True)
class Origin:
    """Origin of a file; recorded in the STAC item.

    Attributes
    ----------
    address : str
        URL or path as given, never with a token.
    retrieved : str
        ISO date-time (UTC) of the download, "" for a local file.
    version : str
        ETag or Last-Modified header of the server's response.
    sha256 : str
        Of the local file.
    stale : str
        "" or, in one sentence, why the file couldn't be updated.
    licence, made_by : str
        The file's own licence and maker, as its publisher states them; "" where the source's hold.
    remark : str
        A sentence on what is doubtful in the file, or "".
    """

    address: str
    retrieved: str
    version: str = ""
    sha256: str = ""
    stale: str = ""
    licence: str = ""
    made_by: str = ""
    remark: str = ""


@dataclass(frozen=True)
class SourceRaster:
    """A local raster as stored, with the declarations of the catalogue (or the user).

    Attributes
    ----------
    path : str
        A name that `hotspots.io.readers.rasters.raster` accepts: a file, ``NETCDF:"f.nc":var``.
    bands : tuple of int
        Bands to read, counted from 1.
    scale, offset : float
        ``value = stored * scale + offset``.
    transform : str
        "" or "expm1": converts the value to the quantity, for files of log(1 + quantity).
    nodata : tuple of float
        Stored numbers that mean missing (besides NaN); take precedence over the file's own.
    crs : str
        Declared CRS, "" = the file's.
    unit : str
        Unit after scale and offset, "" for classes.
    origin : Origin, optional
        Where the file came from.
    use_file_nodata, use_file_scale : bool
        Whether the file's own nodata (where none is declared) and scale and offset are used.
    use_file_limits : bool
        Whether the file's own limits of valid numbers (CF) are used.
    """

    path: str
    bands: tuple[int, ...] = (1,)
    scale: float = 1.0
    offset: float = 0.0
    transform: str = ""
    nodata: tuple[float, ...] = ()
    crs: str = ""
    unit: str = ""
    origin: Origin | None = None
    use_file_nodata: bool = True
    use_file_scale: bool = False
    use_file_limits: bool = True


@contextmanager
def opened(raw: SourceRaster) -> Iterator[RasterFile]:
    """Hold the file open; errors on opening and reading become `RasterError`."""
    with stored_raster(raw.path) as file:
        count = len(file.steps)
        missing = [band for band in raw.bands if not 1 <= band <= count]
        if missing:
            raise RasterError(
                f"'{raw.path}' has no band {missing[0]}; it has {count}. Give a band from 1 to"
                f" {count}."
            )
        yield file


def open_grid(raw: SourceRaster) -> Grid:
    """Return the grid of a file as stored, in any orientation.

    Returns
    -------
    Grid
        Rows may run north or south, columns east or west, longitudes from 0 to 360; its CRS is
        the declared one, else the file's. The interrupted Homolosine is always `HOMOLOSINE`,
        however it is written. If a grid clearly spans all longitudes (and latitudes), its rounded
        cell size is made exact.

    Raises
    ------
    RasterError
        Unreadable, rotated, no CRS and none declared, a declared CRS that contradicts the file, or
        a CRS that rasters can't be in (`hotspots.layers.crs.layer_crs`).
    """
    with opened(raw) as file:
        place = file.placement(raw.crs)
    crs = layer_crs(_crs(raw, place.crs), f"'{raw.path}'")
    grid = Grid(place.transform, place.shape, crs)
    if not crs.is_geographic:
        return grid
    _require_degrees(raw, grid)
    return snapped(grid)


def _crs(raw: SourceRaster, own: pyproj.CRS | None) -> pyproj.CRS:
    if not raw.crs and own is None:
        raise RasterError(
            f"'{raw.path}' has no coordinate reference system (CRS). After checking its source add"
            f" one: --crs EPSG:4326, or rio edit-info --crs EPSG:4326"
            f" {shell_word(raw.path)} (GeoTIFF)."
        )
    declared = pyproj.CRS.from_user_input(raw.crs) if raw.crs else own
    assert declared is not None
    # By method, not by ==: ISRIC's own definition of it compares unequal to ESRI:54052.
    if _method(declared) not in _HOMOLOSINE_METHODS:
        return declared
    if own is not None and _method(own) not in _HOMOLOSINE_METHODS:
        raise RasterError(
            f"'{raw.path}' is in '{own.name}', but declared as Homolosine ({raw.crs}). Declare the"
            " CRS that its coordinates are in, or download the file again."
        )
    interrupted = _method(declared) == _HOMOLOSINE_METHODS[0]
    return pyproj.CRS.from_user_input(HOMOLOSINE) if interrupted else declared


def _method(crs: pyproj.CRS) -> str:
    operation = crs.coordinate_operation
    return "" if operation is None else str(operation.method_name)


def _require_degrees(raw: SourceRaster, grid: Grid) -> None:
    west, south, east, north = grid.bounds
    cell = abs(grid.transform.a)
    # A grid may begin anywhere from 180 W to 180 E and go once round, some by half a cell more.
    turns = west >= -180 - cell and east <= 540 and east - west <= 360 + cell
    if not turns or north > 90 + cell or south < -90 - cell:
        raise RasterError(
            f"'{raw.path}' claims degrees but spans {west:g},{south:g},{east:g},{north:g}."
            " Declare the CRS that its coordinates are in."
        )


@dataclass(frozen=True)
class Stored:
    """Numbers of a window as stored, and how to decode them.

    Attributes
    ----------
    raw : SourceRaster
        Raster that they were read from.
    numbers : array, shape (bands, rows, columns)
        In the file's data type.
    inside : array of bool, optional
        Same shape, or (rows, columns): false where nothing is stored.
    meanings : tuple of Decoding
        One for each band.
    """

    raw: SourceRaster
    numbers: Numbers
    inside: npt.NDArray[np.bool_] | None
    meanings: tuple[Decoding, ...]

    def values(self, row: Variable | None = None, dtype: str = "float64") -> Numbers:
        """Return the decoded values; see `read`."""
        out: Numbers = np.empty(self.numbers.shape, dtype=dtype)
        for i, meaning in enumerate(self.meanings):
            for top in range(0, self.numbers.shape[1], _ROWS_AT_ONCE):  # small enough for the cache
                part = slice(top, top + _ROWS_AT_ONCE)
                out[i, part] = meaning.values(self.numbers[i, part])
            if self.raw.transform == "expm1":
                np.expm1(out[i], out=out[i])
            if self.inside is not None:
                out[i][~self._inside(i)] = np.nan
            if row is not None and row.classes is None:
                _require_declared(self.raw, self.numbers[i], out[i], meaning, row)
        return out

    def missing(self, band: int = 0) -> npt.NDArray[np.bool_]:
        """Return which numbers of a band (its position) mean missing, shape (rows, columns)."""
        out = self.meanings[band].missing(self.numbers[band])
        return out if self.inside is None else out | ~self._inside(band)

    def _inside(self, band: int) -> npt.NDArray[np.bool_]:
        assert self.inside is not None
        return self.inside[band] if self.inside.ndim == self.numbers.ndim else self.inside


def read(
    raw: SourceRaster,
    window: Window | None = None,
    *,
    row: Variable | None = None,
    dtype: str = "float64",
) -> Numbers:
    """Return the decoded values of a window.

    Parameters
    ----------
    raw : SourceRaster
        Its bands are read in the order given.
    window : ((first row, end row), (first column, end column)), optional
        In rows and columns as stored; the whole file by default.
    row : Variable, optional
        Variable of the values: its range is used to detect undeclared customary nodata numbers.
    dtype : str
        "float64" or "float32".

    Returns
    -------
    array, shape (bands, rows, columns)
        In ``raw.unit``; NaN is missing.

    Raises
    ------
    RasterError
        Unreadable, or an undeclared nodata number, which the message names.
    """
    return read_stored(raw, window).values(row, dtype)


def read_stored(raw: SourceRaster, window: Window | None = None) -> Stored:
    """Return the numbers of a window as stored; arguments as in `read`."""
    with opened(raw) as file:
        numbers = file.read(raw.bands, window)
        inside = file.inside(raw.bands, window) if _uses_mask(raw) else None
        return Stored(raw, numbers, inside, meanings(raw, file))


def meanings(raw: SourceRaster, file: RasterFile) -> tuple[Decoding, ...]:
    """Return scale, offset and nodata numbers for each band of an open file."""
    return tuple(_decoding(raw, file, band) for band in raw.bands)


def _uses_mask(raw: SourceRaster) -> bool:
    return raw.use_file_nodata and not raw.nodata


def _decoding(raw: SourceRaster, file: RasterFile, band: int) -> Decoding:
    """Return how a band is decoded: as declared, else as its file says."""
    own = file.decoding(band)
    out = own if raw.use_file_scale else replace(own, scale=raw.scale, offset=raw.offset)
    if raw.nodata:
        kind = np.dtype(file.described(band).dtype)
        out = replace(out, nodata=in_type(raw.nodata, kind))
    elif not raw.use_file_nodata:
        out = replace(out, nodata=())
    return out if raw.use_file_limits else replace(out, valid=EVERYTHING, valid_values=EVERYTHING)


def _require_declared(
    raw: SourceRaster,
    stored: Numbers,
    values: Numbers,
    decoding: Decoding,
    row: Variable,
) -> None:
    """Raise `RasterError` if undeclared numbers look like nodata, by convention or magnitude."""
    factor, shift = conversion(raw.unit, row.unit)
    low = row.low if np.isfinite(row.low) else UNBOUNDED
    least, most = sorted(((low - shift) / factor, (row.high - shift) / factor))
    # A cheap test of the extremes; valid data need no other.
    lowest, highest = np.fmin.reduce(values, None), np.fmax.reduce(values, None)
    if not (lowest < least or highest > most or max(abs(lowest), abs(highest)) > MAX_MAGNITUDE):
        return
    strange = (values < least) | (values > most) | (np.abs(values) > MAX_MAGNITUDE)
    numbers = np.unique(stored[strange].astype("float64"))
    as_values = numbers * decoding.scale + decoding.offset
    customary = np.isin(numbers, SENTINELS) | np.isin(as_values.astype("float32"), SENTINELS)
    customary |= (np.abs(numbers) > MAX_MAGNITUDE) | (np.abs(as_values) > MAX_MAGNITUDE)
    # 255 is customary in bytes, as which shares and percentages are often stored.
    if row.unit in ("1", "%") or stored.dtype == np.uint8:
        customary |= numbers == 255
    # With a nodata declared, a small number is more likely a value that the model produced.
    if decoding.nodata:
        customary &= np.abs(numbers) >= MIN_SENTINEL_IF_DECLARED
    if customary.any():
        number = f"{numbers[customary][0]:.9g}"
        raise RasterError(
            f"'{raw.path}' holds {number}, which looks like a nodata value of '{row.name}' that"
            f" isn't declared. Declare it (--nodata {number}, or nodata in the catalogue)."
        )
