"""A raster as its file stores it: bands, grid, how missing is written, and its values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hotspots.errors import RasterError
from hotspots.ingest.quality.swapped import places_of
from hotspots.ingest.regrid.source_raster import SourceRaster, open_grid, opened, read_stored
from hotspots.ingest.regrid.source_raster import meanings as meanings_of
from hotspots.io.rasters.steps import Step
from hotspots.io.rasters.stored import Decoding, Described, Placement, Window
from hotspots.io.readers.rasters import container_of
from hotspots.layers.array_types import FloatArray
from hotspots.layers.grid import Grid

_STRIP = 4_000_000  # cells read at once
_MOST_RANKED = 4_000_000  # values of which the median is taken
_MOST_SHOWN = 240  # rows and columns of the thinned values
_FIRST = 3


@dataclass(frozen=True)
class Summary:
    """The values of a band.

    Attributes
    ----------
    cells, valid : int
        All cells, and those with a value.
    low, median, high : float
        Of the values, in the unit of the file; NaN where there are none. Of more than four million
        cells the median is that of evenly spaced ones.
    thinned : array, shape (rows, columns)
        One value of each `stride` rows and columns, as stored; NaN is missing.
    stride : int
    first : tuple of ((row, column), value)
        The first values in the order of the file.
    """

    cells: int
    valid: int
    low: float
    median: float
    high: float
    thinned: FloatArray
    stride: int
    first: tuple[tuple[tuple[int, int], float], ...]


@dataclass(frozen=True)
class StoredRaster:
    """A raster as stored; see `look`.

    Attributes
    ----------
    raw : SourceRaster
    steps : tuple of Step
        All bands of the file.
    place : Placement
    described : Described
        Of the first band that is read.
    decoding : Decoding
        How this band is decoded, as declared.
    has_mask : bool
        Whether missing is said by a mask.
    grid : Grid or None
        None without a CRS, or with one that rasters can't be in.
    fault : str
        Why there is no grid; "" where there is one, or no CRS.
    summary : Summary
    """

    raw: SourceRaster
    steps: tuple[Step, ...]
    place: Placement
    described: Described
    decoding: Decoding
    has_mask: bool
    grid: Grid | None
    fault: str
    summary: Summary

    @property
    def form(self) -> str:
        """The format: "GeoTIFF", "NetCDF" or "Zarr"."""
        driver = container_of(self.raw.path)[0]
        return {"NETCDF": "NetCDF", "ZARR": "Zarr"}.get(driver, "GeoTIFF")

    @property
    def north_up(self) -> FloatArray:
        """The thinned values from the north-west."""
        values, transform = self.summary.thinned, self.place.transform
        values = values[::-1] if transform.e > 0 else values
        return values[:, ::-1] if transform.a < 0 else values

    def places(self) -> tuple[FloatArray, FloatArray]:
        """Return longitudes and latitudes of the thinned cells with a value; none without a CRS."""
        if self.grid is None:
            return np.empty(0), np.empty(0)
        rows, columns = np.nonzero(np.isfinite(self.summary.thinned))
        return places_of(self.grid, rows * self.summary.stride, columns * self.summary.stride)


def look(raw: SourceRaster) -> StoredRaster:
    """Return a raster as stored, with the values of the first of its bands that are read.

    Raises
    ------
    RasterError
        Unreadable, or without a place for its cells.
    """
    with opened(raw) as file:
        band = raw.bands[0]
        steps = tuple(file.steps)
        place, described = file.placement(raw.crs), file.described(band)
        decoding = meanings_of(raw, file)[0]
        has_mask = not raw.nodata and file.inside((band,), ((0, 1), (0, 1))) is not None
    grid, fault = None, ""
    if raw.crs or place.crs is not None:
        try:
            grid = open_grid(raw)
        except RasterError as error:
            fault = str(error)
    summary = _summary(raw, place.shape)
    return StoredRaster(raw, steps, place, described, decoding, has_mask, grid, fault, summary)


def _summary(raw: SourceRaster, shape: tuple[int, int]) -> Summary:
    """Return the summary of the first band, which is read strip by strip."""
    stride = max(1, -(-max(shape) // _MOST_SHOWN))
    every = max(1, -(-(shape[0] * shape[1]) // _MOST_RANKED))
    low, high, valid = np.inf, -np.inf, 0
    ranked: list[FloatArray] = []
    thinned: list[FloatArray] = []
    first: list[tuple[tuple[int, int], float]] = []
    for top, values in _strips(replace(raw, bands=raw.bands[:1]), shape):
        there = np.isfinite(values)
        valid += int(there.sum())
        if there.any():
            low, high = min(low, float(values[there].min())), max(high, float(values[there].max()))
        if len(first) < _FIRST:
            first += _first(values, there, top)
        # Continues the thinning of the strip before, so that the rows are evenly spaced.
        thinned.append(values[-top % stride :: stride, ::stride])
        some = values.ravel()[::every]
        ranked.append(some[np.isfinite(some)])
    sample = np.concatenate(ranked)
    return Summary(
        shape[0] * shape[1],
        valid,
        low if valid else float("nan"),
        float(np.median(sample)) if sample.size else float("nan"),
        high if valid else float("nan"),
        np.concatenate(thinned),
        stride,
        tuple(first[:_FIRST]),
    )


def _strips(raw: SourceRaster, shape: tuple[int, int]) -> Iterator[tuple[int, FloatArray]]:
    rows, columns = shape
    step = max(1, _STRIP // columns)
    for top in range(0, rows, step):
        window: Window = ((top, min(rows, top + step)), (0, columns))
        yield top, read_stored(raw, window).values()[0]


def _first(
    values: FloatArray, there: npt.NDArray[np.bool_], top: int
) -> list[tuple[tuple[int, int], float]]:
    columns = values.shape[1]
    at = np.flatnonzero(there)[:_FIRST].tolist()
    return [
        ((k // columns + top, k % columns), float(values[k // columns, k % columns])) for k in at
    ]
