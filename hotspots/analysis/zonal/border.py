"""The cells of a country's own raster that its outline misses.

Outlines at 1:10 million are drawn to about half a millimetre, which is 5 km on the ground; a map of
1 km made in the country itself is finer. Where a raster covers one country and nothing else, its
cells along the border are that country's own, although the outline leaves them out or shares them
with a neighbour. A raster that goes on beyond the border says nothing of the kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from hotspots.layers.grid import Grid

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from hotspots.layers.array_types import BoolArray, FloatArray

TOLERANCE_KM = 5.0
# Largest shares of a raster beyond the tolerance, and within it, at which it is of one country.
# Rasters cut to a frame have neighbours in it; a territory as small as the tolerance can't be
# distinguished from its surroundings.
MOST_BEYOND, MOST_NEAR = 0.01, 0.25
_SPACING_DEG = 0.01
_EARTH_RADIUS_KM = 6371.0


@dataclass(frozen=True)
class OwnCells:
    """The cells of a raster that is of one country.

    Attributes
    ----------
    mask : bool array (n_cells,)
        Cells that belong to the country, wholly.
    border_share : float
        Share of the raster's amount that the outline alone would have left out, 0-1.
    outside_share : float
        Share in cells farther from the outline than the tolerance, which isn't counted, 0-1.
    """

    mask: BoolArray
    border_share: float
    outside_share: float

    def sentence(self, country: str) -> str:
        """Return what was done, for tables and manifests."""
        return (
            f"The data cover {country} alone: {_percent(self.border_share)} of their stock is in"
            f" cells on its border or within {TOLERANCE_KM:g} km of its outline, which are counted"
            f" as its own; {_percent(self.outside_share)} is farther out and isn't counted."
        )


def own_cells(
    grid: Grid, outline: BaseGeometry, inside: FloatArray, amount: FloatArray
) -> OwnCells | None:
    """Return the cells of the country that a raster is of, or None where outlines do.

    None if the raster isn't of this country alone, or lies within its outline.

    Parameters
    ----------
    grid : Grid
        Of the raster.
    outline : Polygon or MultiPolygon
        The country's, in EPSG:4326.
    inside : array (n_cells,)
        Share of each cell's land in the country, according to outlines.
    amount : array (n_cells,)
        What each cell holds (tonnes, or hectares), finite, 0 where it has no value.
    """
    whole, touched = float(amount.sum()), inside > 0
    if not whole > 0 or amount[touched].sum() < (1 - MOST_BEYOND - MOST_NEAR) * whole:
        return None
    loose = np.flatnonzero((amount > 0) & ~touched)
    near = _is_near(grid, outline, loose)
    beyond = float(amount[loose[~near]].sum()) / whole
    border = float((amount * (1 - inside))[touched].sum() + amount[loose[near]].sum()) / whole
    # Without any cell on the border, nothing needs to be said or changed.
    if beyond > MOST_BEYOND or border > MOST_NEAR or not border + beyond > 0:
        return None
    mask = touched & (amount > 0)
    mask[loose[near]] = True
    return OwnCells(mask, border, beyond)


def _is_near(grid: Grid, outline: BaseGeometry, cells: npt.NDArray[np.int64]) -> BoolArray:
    """Return which cells reach to within the tolerance of an outline that they don't touch."""
    from scipy.spatial import cKDTree

    if not cells.size:
        return np.zeros(0, dtype=bool)
    rows, columns = np.divmod(cells, grid.shape[1])
    x, y = grid.x[columns], grid.y[rows]
    if not grid.is_geographic:
        x, y = pyproj.Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(x, y)
    border = shapely.get_coordinates(shapely.segmentize(outline.boundary, _SPACING_DEG))
    distance, _ = cKDTree(_on_sphere(*border.T)).query(_on_sphere(x, y))
    # From a cell's centre, which lies half a cell behind its edge.
    return np.asarray(distance <= TOLERANCE_KM + grid.cell_width_m / 2000)


def _on_sphere(lon: FloatArray, lat: FloatArray) -> FloatArray:
    """Return points in space, km from the centre: chords are as long as arcs at such distances."""
    x, y = np.radians(lon), np.radians(lat)
    return _EARTH_RADIUS_KM * np.column_stack(
        [np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)]
    )


def _percent(share: float) -> str:
    return "nothing" if share == 0 else f"{100 * share:.2g} %" if share >= 1e-4 else "under 0.01 %"
