"""A raster in another CRS, sampled on a refined target grid for the overlap kernel.

Each target cell is divided into parts that are at most half a source cell wide, and each part takes
the value of the source cell that contains its centre (GDAL, nearest). A mean over the parts is then
a mean over the target cell's true area, however the source's projection distorts areas. The gaps
between the lobes of an interrupted projection are never sampled, because the mapping runs from the
target to the source.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyproj
from affine import Affine
from numpy.lib.stride_tricks import sliding_window_view

from hotspots.errors import RasterError
from hotspots.ingest.regrid.source_raster import (
    Numbers,
    SourceRaster,
    Stored,
    meanings,
    opened,
)
from hotspots.io.rasters.stored import Window
from hotspots.layers.grid import Grid

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

# Parts of a target cell's side: a finer source is sampled sparsely, which is exact enough at
# 64 × 64 samples a cell.
FEWEST, MOST = 2, 64
_SAMPLES = 40  # target cells examined along each side
_WARP_MB = 64
_SAME_PLACE = 1e-3  # of a cell


@dataclass(frozen=True)
class Warped:
    """A raster seen through a refined target grid: `down` × `across` parts to a target cell."""

    raw: SourceRaster
    source: Grid
    target: Grid
    down: int
    across: int

    @property
    def grid(self) -> Grid:
        """The refined grid."""
        t, (rows, columns) = self.target.transform, self.target.shape
        step = Affine(t.a / self.across, 0, t.c, 0, t.e / self.down, t.f)
        return Grid(step, (rows * self.down, columns * self.across), self.target.crs)


def warped(raw: SourceRaster, source: Grid, target: Grid) -> Warped:
    """Return a view of `raw`, whose grid is `source`, on a sufficiently refined target grid."""
    down, across = _refinement(source, target)
    return Warped(raw, source, target, down, across)


def _refinement(source: Grid, target: Grid) -> tuple[int, int]:
    """Return the number of parts that a target cell is divided into, downwards and across."""
    rows, columns = (
        np.unique(np.linspace(0, n - 1, _SAMPLES).astype("int64")) + 0.5 for n in target.shape
    )
    x, y = np.meshgrid(columns, rows)
    here = _in_source(source, target, x, y)
    parts = []
    for dx, dy in ((0.0, 0.5), (0.5, 0.0)):
        there = _in_source(source, target, x + dx, y + dy)
        with np.errstate(invalid="ignore"):
            # From a cell's centre to the middle of its edge is half a side.
            side = 2 * np.max(np.abs(there - here), axis=0)
        known = side[np.isfinite(side)]
        # A quantile, not the maximum: steps across a cut between lobes aren't cell sizes.
        span = np.quantile(known, 0.9) if known.size else 0.0
        # Two parts to each source cell that a side spans; 1e-6 allows for rounding.
        parts.append(int(np.clip(np.ceil(2 * span - 1e-6), FEWEST, MOST)))
    return parts[0], parts[1]


def _in_source(
    source: Grid, target: Grid, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Convert cell coordinates of the target to (column, row) of the source; inf outside."""
    to = _transformer(target.crs.to_wkt(), source.crs.to_wkt())
    there = to.transform(*(target.transform * (x, y)))
    return np.stack(~source.transform * there)


@lru_cache(maxsize=16)
def _transformer(source_crs: str, target_crs: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(source_crs, target_crs, always_xy=True)


def read_warped(view: Warped, rows: tuple[int, int]) -> Stored:
    """Return the numbers as stored under the refined rows ``rows[0]`` to ``rows[1]`` (exclusive).

    Raises
    ------
    RasterError
        Unreadable.
    """
    window = (rows, (0, view.grid.shape[1]))
    with opened(view.raw) as file, file.for_gdal() as whole:
        parts = [_part(view, whole, turn, window) for turn in _turns(view.source)]
        numbers, inside = parts[0]
        for more, there in parts[1:]:
            numbers = np.where(there, more, numbers)
            inside = inside | there
        inside &= ~_off_the_globe(view, rows)
        return Stored(view.raw, numbers, inside, meanings(view.raw, file))


def _off_the_globe(view: Warped, rows: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Return the parts of a projected target that lie off the globe, where places would repeat.

    Only target cells near the edge of the globe are examined part by part: those with a corner off
    it, unless all corners of their neighbours are off it too.
    """
    parts = np.zeros((rows[1] - rows[0], view.grid.shape[1]), dtype=bool)
    if view.target.is_geographic:
        return parts
    top, bottom = rows[0] // view.down, rows[1] // view.down
    x, y = np.meshgrid(np.arange(-1, view.target.shape[1] + 2), np.arange(top - 1, bottom + 2))
    corners = _repeats(view.target, x, y)
    off = sliding_window_view(corners, (4, 4)).all(axis=(2, 3))
    edge = sliding_window_view(corners[1:-1, 1:-1], (2, 2)).any(axis=(2, 3)) & ~off
    parts |= np.repeat(np.repeat(off, view.down, axis=0), view.across, axis=1)
    near = np.repeat(np.repeat(edge, view.down, axis=0), view.across, axis=1)
    down, across = np.nonzero(near)
    parts[down, across] = _repeats(view.grid, across + 0.5, down + rows[0] + 0.5)
    return parts


def _repeats(grid: Grid, x: Numbers, y: Numbers) -> npt.NDArray[np.bool_]:
    """Return which cell coordinates of `grid` don't survive conversion to degrees and back."""
    there = grid.transform * (x, y)
    wgs84 = pyproj.CRS(4326).to_wkt()
    lonlat = _transformer(grid.crs.to_wkt(), wgs84).transform(*there)
    back = _transformer(wgs84, grid.crs.to_wkt()).transform(*lonlat)
    size = max(abs(grid.transform.a), abs(grid.transform.e))
    with np.errstate(invalid="ignore"):
        moved = np.hypot(back[0] - there[0], back[1] - there[1])
        return np.asarray(~(moved < _SAME_PLACE * size))


def _turns(source: Grid) -> list[float]:
    """Return the shifts, in degrees, that let GDAL read all of a source beyond 180° east."""
    if not source.is_geographic:
        return [0.0]
    west, _, east, _ = source.bounds
    half = abs(source.transform.a) / 2
    inside = west < 180 - half and east > half - 180
    turns = ((0.0, inside), (-360.0, east > 180 + half), (360.0, west < -180 - half))
    return [turn for turn, there in turns if there]


def _part(
    view: Warped, file: DatasetReader, turn: float, window: Window
) -> tuple[Numbers, npt.NDArray[np.bool_]]:
    from rasterio.enums import Resampling
    from rasterio.vrt import WarpedVRT

    grid, start = view.grid, view.source.transform
    if "alpha" in (flag.name for band in view.raw.bands for flag in file.mask_flag_enums[band - 1]):
        raise RasterError(
            f"'{view.raw.path}' has a transparency band and another CRS than the target grid. Write"
            " its missing cells as a nodata value (gdalwarp -dstnodata)."
        )
    with WarpedVRT(
        file,
        src_crs=view.source.crs.to_wkt(),
        crs=grid.crs.to_wkt(),
        transform=grid.transform,
        src_transform=Affine(start.a, 0, start.c + turn, 0, start.e, start.f),
        width=grid.shape[1],
        height=grid.shape[0],
        resampling=Resampling.nearest,
        src_nodata=None,
        add_alpha=True,  # stored numbers unchanged, and a mask of where they are
        warp_mem_limit=_WARP_MB,
        # Points inside the window are sampled too: at a cut between lobes its outline doesn't
        # enclose the source cells under it.
        warp_extras={"SAMPLE_GRID": "YES", "SOURCE_EXTRA": "4"},
    ) as vrt:
        stored = vrt.read([*view.raw.bands, vrt.count], window=window)
    return stored[:-1], stored[-1] != 0
