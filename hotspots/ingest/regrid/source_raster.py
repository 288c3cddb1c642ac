"""A local raster as its producer stored it: its grid, and its decoded values.

Declarations of the catalogue (or the user) take precedence over the file's own metadata, after a
check that the two don't contradict each other. `value = stored * scale + offset`; stored numbers
declared as nodata become NaN before that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyproj

from hotspots.errors import RasterError, deepest_reason
from hotspots.io.readers.rasters import raster
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

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

Numbers = npt.NDArray[Any]  # in the data type of the file
Window = tuple[tuple[int, int], tuple[int, int]]
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
    """

    address: str
    retrieved: str
    version: str = ""
    sha256: str = ""
    stale: str = ""


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


@contextmanager
def opened(raw: SourceRaster) -> Iterator[DatasetReader]:
    """Open the file with rasterio; errors on opening and reading become `RasterError`."""
    import rasterio

    try:
        with raster(raw.path) as file:
            missing = [band for band in raw.bands if not 1 <= band <= file.count]
            if missing:
                raise RasterError(
                    f"'{raw.path}' has no band {missing[0]}; it has {file.count}. Give a band from"
                    f" 1 to {file.count}."
                )
            yield file
    except (rasterio.errors.RasterioError, rasterio.errors.CRSError) as error:
        raise RasterError(
            f"'{raw.path}' can't be read as a raster; it may be damaged or truncated"
            f" ({deepest_reason(error)}). Download or write it again."
        ) from error


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
        transform, shape = file.transform, (file.height, file.width)
        own = pyproj.CRS.from_user_input(file.crs.to_wkt()) if file.crs else None
    if transform.b or transform.d:
        raise RasterError(f"'{raw.path}' is rotated against its CRS. Warp it north up (rio warp).")
    crs = layer_crs(_crs(raw, own), f"'{raw.path}'")
    grid = Grid(transform, shape, crs)
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


class Decoding(NamedTuple):
    """How the numbers of a band are decoded: `nodata` lists those that mean missing."""

    scale: float
    offset: float
    nodata: tuple[float, ...]


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
                out[i, part] = _decoded(self.numbers[i, part], meaning)
            if self.raw.transform == "expm1":
                np.expm1(out[i], out=out[i])
            if self.inside is not None:
                out[i][~self._inside(i)] = np.nan
            if row is not None and row.classes is None:
                _require_declared(self.raw, self.numbers[i], out[i], meaning, row)
        return out

    def missing(self, band: int = 0) -> npt.NDArray[np.bool_]:
        """Return which numbers of a band (its position) mean missing, shape (rows, columns)."""
        numbers = self.numbers[band]
        out = np.zeros(numbers.shape, dtype=bool) if self.inside is None else ~self._inside(band)
        for number in self.meanings[band].nodata:
            out |= numbers == number
        return out | np.isnan(numbers) if numbers.dtype.kind == "f" else out

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
        numbers = file.read(list(raw.bands), window=window)
        inside = None
        if _has_mask(raw, file):
            inside = file.read_masks(list(raw.bands), window=window) != 0
        return Stored(raw, numbers, inside, meanings(raw, file))


def meanings(raw: SourceRaster, file: DatasetReader) -> tuple[Decoding, ...]:
    """Return scale, offset and nodata numbers for each band of an open file."""
    return tuple(_decoding(raw, file, band) for band in raw.bands)


def _has_mask(raw: SourceRaster, file: DatasetReader) -> bool:
    if not raw.use_file_nodata or raw.nodata:
        return False
    # Only masks that are stored: nodata numbers are compared when values are decoded.
    return any(
        flag.name in ("per_dataset", "alpha")
        for band in raw.bands
        for flag in file.mask_flag_enums[band - 1]
    )


def _decoding(raw: SourceRaster, file: DatasetReader, band: int) -> Decoding:
    """Return scale, offset and the nodata numbers, rounded to the file's data type."""
    scale, offset = raw.scale, raw.offset
    if raw.use_file_scale:
        scale, offset = float(file.scales[band - 1]), float(file.offsets[band - 1])
    own = file.nodatavals[band - 1]
    nodata = raw.nodata
    if not nodata and raw.use_file_nodata and own is not None:
        nodata = (float(own),)
    kind = np.dtype(file.dtypes[band - 1])
    if kind.kind == "f":  # -3.4e38 is stored as the float32 next to it
        with np.errstate(over="ignore"):
            nodata = tuple(float(kind.type(number)) for number in nodata)
    # NaN is missing anyway, and equals nothing in a comparison.
    return Decoding(scale, offset, tuple(number for number in nodata if not np.isnan(number)))


def _decoded(stored: Numbers, decoding: Decoding) -> npt.NDArray[np.float64]:
    # A copy: the stored numbers are still needed to detect undeclared nodata.
    values = stored.astype("float64")
    # Compared before scale and offset, which would round.
    missing = [values == number for number in decoding.nodata]
    if decoding.scale != 1:
        values *= decoding.scale
    if decoding.offset:
        values += decoding.offset
    for where in missing:
        values[where] = np.nan
    return values


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
