"""A GeoTIFF, or a mosaic of them, as a raster: placed by its geotransform only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyproj
from affine import Affine

from hotspots.errors import RasterError
from hotspots.io.rasters.steps import Step, steps_of_texts
from hotspots.io.rasters.stored import Decoding, Described, Placement, Window
from hotspots.layers.array_types import AnyArray, BoolArray
from hotspots.locale.escaping import shell_word

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

# A rotation that moves no corner by more than this part of a cell is rounding.
_ROUNDING = 1e-6
_OF_MASKS = ("per_dataset", "alpha")


def placement(file: DatasetReader, shown: str) -> Placement:
    """Return where the cells of a file lie, or raise `RasterError`.

    Parameters
    ----------
    file : DatasetReader
    shown : str
        The file's name for messages.

    Raises
    ------
    RasterError
        No geotransform (the message names control points, if the file has such), or a rotation.
    """
    transform, shape = file.transform, (file.height, file.width)
    # GDAL has the identity for a raster that states no place, which would put pixel numbers on the
    # map as degrees.
    if transform == Affine.identity():
        raise RasterError(_unplaced(file, shown))
    moved = max(
        abs(transform.b) * shape[0] / abs(transform.a or np.inf),
        abs(transform.d) * shape[1] / abs(transform.e or np.inf),
    )
    if not transform.a or not transform.e or moved > _ROUNDING:
        raise RasterError(f"'{shown}' is rotated against its CRS. Warp it north up (rio warp).")
    plain = Affine(transform.a, 0, transform.c, 0, transform.e, transform.f)
    crs = pyproj.CRS.from_user_input(file.crs.to_wkt()) if file.crs else None
    return Placement(plain, shape, crs)


def _unplaced(file: DatasetReader, shown: str) -> str:
    warped = f"gdalwarp {shell_word(shown)} placed.tif"
    points, _ = file.gcps
    if points:
        return (
            f"'{shown}' has {len(points)} ground control points instead of a regular grid. Warp it"
            f" to one first: {warped}."
        )
    if file.rpcs is not None:
        return (
            f"'{shown}' has the coefficients of a camera (RPC) instead of a regular grid. Warp it"
            f" to one first: gdalwarp -rpc {shell_word(shown)} placed.tif."
        )
    if "X_DATASET" in file.tags(ns="GEOLOCATION"):
        return (
            f"'{shown}' has longitudes and latitudes for each cell instead of a regular grid. Warp"
            f" it to one first: gdalwarp -geoloc {shell_word(shown)} placed.tif."
        )
    return (
        f"'{shown}' doesn't say where its cells lie: it has no georeference, and may have lost its"
        " world file (.tfw). Put that beside it, or write its corners: gdal_translate -a_ullr west"
        f" north east south {shell_word(shown)} placed.tif."
    )


@dataclass(frozen=True)
class GdalRaster:
    """A raster that rasterio holds open; see `stored.RasterFile`.

    Attributes
    ----------
    file : DatasetReader
    shown : str
        Its name for messages.
    """

    file: DatasetReader
    shown: str

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """See `stored.RasterFile`; an alpha band, which comes last, is a mask."""
        from rasterio.enums import ColorInterp

        bands = list(self.file.indexes)
        while len(bands) > 1 and self.file.colorinterp[bands[-1] - 1] == ColorInterp.alpha:
            bands.pop()
        own = str(self.file.tags().get("month", "")).replace(",", " ").split()
        if len(own) == len(bands):  # as this project writes its own layers
            return tuple(Step(f"month {month}", _whole(month)) for month in own)
        return steps_of_texts([self._label(band) for band in bands])

    def _label(self, band: int) -> str:
        """Return a band's label: its step along a dimension that GDAL names, or its description."""
        tags = self.file.tags(band)
        along = [(k, v) for k, v in tags.items() if k.startswith("NETCDF_DIM_")]
        if not along:
            return self.file.descriptions[band - 1] or ""
        dim, value = along[0][0].removeprefix("NETCDF_DIM_"), along[0][1]
        return _along(dim, value, str(self.file.tags().get(f"{dim}#units", "")))

    def placement(self, crs: str = "") -> Placement:
        """See `stored.RasterFile`."""
        return placement(self.file, self.shown)

    def described(self, band: int = 1) -> Described:
        """See `stored.RasterFile`."""
        tags = {k.casefold(): v for k, v in (self.file.tags() | self.file.tags(band)).items()}
        unit = self.file.units[band - 1] or tags.get("units") or tags.get("unit") or ""
        return Described("", str(unit), self.file.dtypes[band - 1], dict(tags))

    def decoding(self, band: int) -> Decoding:
        """See `stored.RasterFile`; nodata is rounded to the data type of the file."""
        own, kind = self.file.nodatavals[band - 1], np.dtype(self.file.dtypes[band - 1])
        nodata = () if own is None else in_type((float(own),), kind)
        scale, offset = float(self.file.scales[band - 1]), float(self.file.offsets[band - 1])
        return Decoding(scale, offset, nodata)

    def read(self, bands: Sequence[int], window: Window | None) -> AnyArray:
        """See `stored.RasterFile`."""
        numbers: AnyArray = self.file.read(list(bands), window=window)
        return numbers

    def inside(self, bands: Sequence[int], window: Window | None) -> BoolArray | None:
        """See `stored.RasterFile`; nodata numbers aren't a mask; decoding compares them."""
        flags = {flag.name for band in bands for flag in self.file.mask_flag_enums[band - 1]}
        if not flags & set(_OF_MASKS):
            return None
        mask: BoolArray = self.file.read_masks(list(bands), window=window) != 0
        return mask

    @contextmanager
    def for_gdal(self) -> Iterator[DatasetReader]:
        """See `stored.RasterFile`."""
        yield self.file


def _whole(text: str) -> int | None:
    try:
        return int(float(text))
    except ValueError:
        return None


def _along(dim: str, value: str, units: str) -> str:
    """Return the label of a step along a dimension, with a number of time as a date."""
    import xarray as xr

    from hotspots.io.rasters.steps import steps_along

    try:
        number = float(value)
    except ValueError:
        return value
    attrs = {"units": units} if units else {}
    step = steps_along(xr.DataArray([number], dims=(dim,), name=dim, attrs=attrs))[0]
    if step.month and step.year is None:
        return f"month {step.month:02d}"
    return step.label.removesuffix(".0")


def in_type(numbers: Sequence[float], kind: np.dtype[np.generic]) -> tuple[float, ...]:
    """Return numbers as the data type stores them; NaN, which is missing anyway, is left out."""
    if kind.kind == "f":  # -3.4e38 is stored as the float32 next to it
        with np.errstate(over="ignore"):
            numbers = [float(kind.type(number)) for number in numbers]
    return tuple(number for number in numbers if not np.isnan(number))
