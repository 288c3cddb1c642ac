"""What every format of raster is read as: a grid, bands of stored numbers, and their meaning."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyproj
from affine import Affine

from hotspots.io.rasters.steps import Step
from hotspots.layers.array_types import AnyArray, BoolArray, FloatArray

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

# ((first row, end row), (first column, end column))
Window = tuple[tuple[int, int], tuple[int, int]]
EVERYTHING = (-np.inf, np.inf)


@dataclass(frozen=True)
class Decoding:
    """How the stored numbers of a band are decoded: ``value = stored * scale + offset``.

    Attributes
    ----------
    scale, offset : float
    nodata : tuple of float
        Stored numbers that mean missing.
    valid : (float, float)
        Stored numbers outside these bounds mean missing.
    valid_values : (float, float)
        The same for decoded values.
    """

    scale: float = 1.0
    offset: float = 0.0
    nodata: tuple[float, ...] = ()
    valid: tuple[float, float] = EVERYTHING
    valid_values: tuple[float, float] = EVERYTHING

    def missing(self, stored: AnyArray) -> BoolArray:
        """Return which stored numbers mean missing, by themselves or as decoded; same shape."""
        out = np.isnan(stored) if stored.dtype.kind == "f" else np.zeros(stored.shape, dtype=bool)
        for number in self.nodata:
            # Compared before scale and offset, which would round.
            out |= stored == number
        if self.valid != EVERYTHING:
            out |= (stored < self.valid[0]) | (stored > self.valid[1])
        if self.valid_values != EVERYTHING:
            values = self.scaled(stored)
            out |= (values < self.valid_values[0]) | (values > self.valid_values[1])
        return out

    def scaled(self, stored: AnyArray) -> FloatArray:
        """Return the values, in float64; those of numbers that mean missing are meaningless."""
        values = stored.astype("float64")
        if self.scale != 1:
            values *= self.scale
        if self.offset:
            values += self.offset
        return values

    def values(self, stored: AnyArray) -> FloatArray:
        """Return the values, in float64, with NaN for missing."""
        values = self.scaled(stored)
        values[self.missing(stored)] = np.nan
        return values


@dataclass(frozen=True)
class Placement:
    """Where the cells of a raster lie.

    Attributes
    ----------
    transform : Affine
        From (column, row) to (x, y) of a cell's upper left corner, in units of the CRS; rows may
        run north or south, columns east or west.
    shape : (int, int)
        Rows and columns.
    crs : CRS or None
        None if the file doesn't say it.
    crs_follows : bool
        The CRS isn't stated, but follows from axes in degrees.
    notes : tuple of str
        Sentences on what isn't as usual.
    """

    transform: Affine
    shape: tuple[int, int]
    crs: pyproj.CRS | None
    crs_follows: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Described:
    """What a file says about its numbers.

    Attributes
    ----------
    name : str
        Variable of a NetCDF file or Zarr store; "" for a GeoTIFF.
    unit : str
        "" if it isn't stated.
    dtype : str
        Data type of the stored numbers.
    attrs : dict
        Attributes (tags, in lower case) of the file and the variable.
    notes : tuple of str
        Sentences on what isn't as usual.
    """

    name: str = ""
    unit: str = ""
    dtype: str = "float64"
    attrs: dict[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class RasterFile(Protocol):
    """An open raster: a file for GDAL, or one variable of a NetCDF file or Zarr store."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """The bands with their labels; a band that is a mask isn't among them."""

    def placement(self, crs: str = "") -> Placement:
        """Return where the cells lie; `crs` is the declared one, "" for the file's own.

        Raises
        ------
        RasterError
            The file doesn't say where its cells lie, or contradicts itself.
        """

    def described(self, band: int = 1) -> Described:
        """Return what the file says about the numbers of a band, counted from 1."""

    def decoding(self, band: int) -> Decoding:
        """Return how the file itself says that a band is decoded."""

    def read(self, bands: Sequence[int], window: Window | None) -> AnyArray:
        """Return numbers as stored, (bands, rows, columns), in the file's data type."""

    def inside(self, bands: Sequence[int], window: Window | None) -> BoolArray | None:
        """Return where a stored mask has values, shape as in `read`; None without a mask."""

    def for_gdal(self) -> AbstractContextManager[DatasetReader]:
        """Hold the raster open for GDAL, with the same bands of the same cells."""
