"""Sums over a layer, strip by strip, for the quality report: one pass with bounded memory.

Every sum is weighted by the true area that a cell's value represents. Quantiles come from a
histogram whose bins are the leading bits of the numbers, so that their range need not be known in
advance and each bin is narrower than 0.2 % of its value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import xarray as xr
from affine import Affine

from hotspots.layers.crs import same_crs
from hotspots.layers.grid import Grid, axis_names, cell_area, grid_of, row_area_ha

Array = npt.NDArray[np.float64]
Numbers = npt.NDArray[Any]  # values of a layer, in its own data type

_SLAB = 2_000_000  # cells held at once
_BITS = 18  # of a float32, which keeps 9 of its 23 fraction bits; the bins fit the cache
_BINS = 1 << _BITS
_ROUNDING = 1e-6  # of a float32; a share of 1.0000001 is 1


@dataclass(frozen=True)
class Strip:
    """Some rows of a layer, in memory.

    Attributes
    ----------
    grid : Grid
        Grid of these rows.
    top : int
        Their first row in the layer.
    values : array (steps, rows, columns)
        Values of the layer; one step if it has no third dimension.
    area, weight : array (rows, columns)
        Area of the cell, ha, and of the part that its values represent, ha.
    beside : mapping of str to array (rows, columns)
        Other layers on the same grid.
    """

    grid: Grid
    top: int
    values: Numbers
    area: Array
    weight: Array
    beside: Mapping[str, Numbers]


def strips(
    layer: xr.DataArray, share: xr.DataArray | None, beside: Mapping[str, xr.DataArray]
) -> Iterator[Strip]:
    """Yield the rows of a layer from the first to the last, each block of a lazy one read once."""
    from dask.base import compute

    y, x = axis_names(layer)
    grid = grid_of(layer)
    others = [dim for dim in layer.dims if dim not in (y, x)]
    plane = layer.transpose(*others, y, x)
    given: dict[str, xr.DataArray] = {"": plane, **beside}
    if share is not None:
        given["share"] = share.transpose(..., y, x)
    for top, bottom in _row_ranges(layer, y):
        # Together, because a layer and its share come from the same computation.
        blocks = compute(*(a.isel({y: slice(top, bottom)}).data for a in given.values()))  # type: ignore[no-untyped-call]
        arrays = dict(zip(given, (np.asarray(block) for block in blocks), strict=True))
        yield from _slabs(arrays, grid, top)


def _row_ranges(layer: xr.DataArray, y: str) -> list[tuple[int, int]]:
    chunks = layer.chunksizes.get(y, (layer.sizes[y],)) if layer.chunks else (layer.sizes[y],)
    ends = np.cumsum(chunks).tolist()
    return list(zip([0, *ends[:-1]], ends, strict=True))


def _slabs(arrays: Mapping[str, Numbers], grid: Grid, top: int) -> Iterator[Strip]:
    values = arrays[""]
    rows, columns = values.shape[-2:]
    # By cells of all steps together, since each step is held.
    height = max(1, _SLAB // max(1, values.size // max(1, rows)))
    for first in range(0, rows, height):
        rest = slice(first, min(rows, first + height))
        some = {
            name: np.squeeze(a[..., rest, :]) if a.ndim > 2 else a[rest]
            for name, a in arrays.items()
            if name
        }
        part = rows_of(grid, top + first, rest.stop - first)
        area = area_of(part)
        share = some.pop("share", None)
        weight = area if share is None else area * np.nan_to_num(share.reshape(area.shape))
        cells = values[..., rest, :].reshape(-1, rest.stop - first, columns)
        yield Strip(part, top + first, cells, area, weight, some)


def rows_of(grid: Grid, top: int, count: int) -> Grid:
    """Return `count` rows of a grid from the row `top` on."""
    moved = grid.transform * Affine.translation(0, top)
    return Grid(moved, (count, grid.shape[1]), grid.crs)


def area_of(grid: Grid) -> Array:
    """Return the true area of each cell, ha, (rows, columns)."""
    if grid.is_geographic:
        return np.broadcast_to(row_area_ha(grid)[:, None], grid.shape)
    empty = xr.DataArray(
        np.empty(grid.shape, dtype="uint8"), dims=("y", "x"), coords={"y": grid.y, "x": grid.x}
    )
    placed = empty.rio.write_crs(grid.crs).rio.write_transform(grid.transform)
    return np.asarray(cell_area(placed).values)


@dataclass
class Sums:
    """Area-weighted sums of a quantity, by step of its third dimension if it has one."""

    low: float
    high: float
    cells: list[int] = field(default_factory=list)
    area: list[float] = field(default_factory=list)
    total: list[float] = field(default_factory=list)
    least: float = np.inf
    greatest: float = -np.inf
    below: int = 0
    above: int = 0
    infinite: int = 0
    zeros: int = 0
    bins: Array = field(default_factory=lambda: np.zeros(_BINS))
    bin_totals: Array = field(default_factory=lambda: np.zeros(_BINS))

    def add(self, strip: Strip) -> None:
        """Add the valid cells of a strip."""
        for step, plane in enumerate(strip.values):
            if step == len(self.cells):
                self.cells.append(0)
                self.area.append(0.0)
                self.total.append(0.0)
            known = ~np.isnan(plane)
            # Infinite values are counted apart, because they would spoil every sum.
            self.infinite += int(np.isinf(plane).sum())
            known &= ~np.isinf(plane)
            if known.any():
                self._add(step, plane[known], strip.weight[known])

    def _add(self, step: int, values: Numbers, weight: Array) -> None:
        numbers = values.astype("float64")
        self.cells[step] += values.size
        self.area[step] += float(weight.sum())
        self.total[step] += float((weight * numbers).sum())
        self.least = min(self.least, float(numbers.min()))
        self.greatest = max(self.greatest, float(numbers.max()))
        self.zeros += int((numbers == 0).sum())
        self.below += int((numbers < self.low - _ROUNDING * max(1.0, abs(self.low))).sum())
        self.above += int((numbers > self.high + _ROUNDING * max(1.0, abs(self.high))).sum())
        keys = _keys(values.astype("float32"))
        self.bins += np.bincount(keys, weights=weight, minlength=_BINS)
        self.bin_totals += np.bincount(keys, weights=weight * numbers, minlength=_BINS)

    def distribution(self) -> tuple[Array, Array]:
        """Return the mean value and the area, ha, of each bin that has any, ascending."""
        used = np.flatnonzero(self.bins)
        return self.bin_totals[used] / self.bins[used], self.bins[used]

    def quantiles(self, shares: tuple[float, ...]) -> list[float]:
        """Return the values below which these shares of the area lie (area-weighted quantiles)."""
        means, areas = self.distribution()
        if not means.size:
            return [float("nan")] * len(shares)
        below = np.cumsum(areas)
        # Allows for rounding: a share that ends exactly at the end of a bin belongs to that bin.
        at = np.searchsorted(below, np.array(shares) * below[-1] * (1 - 1e-12))
        return [float(v) for v in means[np.minimum(at, means.size - 1)]]


def _keys(values: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Return the bin of each number: its leading bits, mapped so that bins increase with it."""
    bits = (values + np.float32(0)).view("uint32")  # -0 becomes 0
    # The bits of negative floats ascend as the numbers fall, so all of theirs are flipped.
    turn = np.where(bits >> 31, np.uint32(0xFFFFFFFF), np.uint32(0x80000000))
    return np.asarray((bits ^ turn) >> (32 - _BITS)).astype("int64")


@dataclass
class ClassSums:
    """Cells and area, ha, of each code of a class layer."""

    nodata: int
    cells: dict[int, int] = field(default_factory=dict)
    area: dict[int, float] = field(default_factory=dict)

    def add(self, strip: Strip) -> None:
        """Add the valid cells of a strip."""
        for plane in strip.values:
            known = (plane != self.nodata) & (plane == plane)  # not NaN
            codes, place = np.unique(plane[known], return_inverse=True)
            counts = np.bincount(place, minlength=codes.size)
            areas = np.bincount(place, weights=strip.weight[known], minlength=codes.size)
            for code, count, area in zip(codes.tolist(), counts, areas, strict=True):
                self.cells[int(code)] = self.cells.get(int(code), 0) + int(count)
                self.area[int(code)] = self.area.get(int(code), 0.0) + float(area)


class Onto:
    """Area-weighted means of fine cells over the cells of a coarser grid, by the fine centres."""

    def __init__(self, coarse: Grid) -> None:
        self.coarse = coarse
        size = coarse.shape[0] * coarse.shape[1]
        self.area = np.zeros(size)
        self.total = np.zeros(size)

    def add(self, grid: Grid, values: Numbers, weight: Array) -> None:
        """Add fine cells: their grid, values (rows, columns; NaN is missing), and weight, ha."""
        place = places(grid, self.coarse)
        used = np.isfinite(values) & (place >= 0)
        where, areas = place[used], weight[used]
        size = self.area.size
        self.area += np.bincount(where, weights=areas, minlength=size)
        self.total += np.bincount(where, weights=areas * values[used], minlength=size)

    def means(self) -> tuple[Array, Array]:
        """Return mean (NaN where there are no values) and area, ha, on the coarse grid."""
        means = np.full_like(self.total, np.nan)
        np.divide(self.total, self.area, out=means, where=self.area > 0)
        return means.reshape(self.coarse.shape), self.area.reshape(self.coarse.shape)


def places(grid: Grid, coarse: Grid) -> npt.NDArray[np.int64]:
    """Return the flat index of the coarse cell that holds each cell's centre; -1 outside."""
    xs, ys = grid.x[None, :], grid.y[:, None]
    if not same_crs(grid.crs, coarse.crs):
        across = pyproj.Transformer.from_crs(grid.crs, coarse.crs, always_xy=True)
        xs, ys = across.transform(*np.meshgrid(grid.x, grid.y))
    t = coarse.transform
    if coarse.is_geographic:
        # The two grids may count longitudes from different meridians.
        west = min(t.c, t.c + t.a * coarse.shape[1])
        xs = west + np.mod(xs - west, 360)
    # Places that the other CRS doesn't have are inf, and compare as outside.
    with np.errstate(invalid="ignore"):
        columns = np.floor((xs - t.c) / t.a)
        rows = np.floor((ys - t.f) / t.e)
        inside = (columns >= 0) & (columns < coarse.shape[1]) & (rows >= 0)
        inside = inside & (rows < coarse.shape[0])
    flat = np.where(inside, rows * coarse.shape[1] + columns, -1)
    return np.asarray(flat.astype("int64"))
