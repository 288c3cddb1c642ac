"""A layer beside the global one (or any other): how far off, and in which way.

Means of the finer layer over the cells of the coarser are compared, weighted by the area that
both stand for. For classes: the share of the common area on which the two agree.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from hotspots.ingest.quality.statistics import Array, Onto, Strip, places, strips
from hotspots.layers.grid import Grid, grid_of
from hotspots.layers.variables import Variable, class_nodata

LEAST_COVERED = 0.5  # of the area that a coarse cell's value stands for
_SAME_SIZE = 1.001


class Comparison:
    """Taken strip by strip while the layer is read; nothing without a reference.

    Parameters
    ----------
    layer, row, grid
        The layer, its variable and its grid.
    reference, reference_share : DataArray, optional
        See `quality.report`; of the same variable, and of the same depth.
    """

    def __init__(
        self,
        layer: xr.DataArray,
        row: Variable,
        grid: Grid,
        reference: xr.DataArray | None,
        reference_share: xr.DataArray | None,
    ) -> None:
        self.row, self.grid = row, grid
        self.skipped = _why_not(layer, row, reference)
        self.reference = None if self.skipped or reference is None else reference
        if self.reference is None:
            return
        told = self.reference.attrs
        self.with_name = str(told.get("source") or self.reference.name or "the reference")
        self.theirs, self.their_area = _in_memory(self.reference, reference_share, row)
        self.their_grid = grid_of(self.reference)
        self.agree = self.common = 0.0
        self.cells = 0
        # What is finer is brought to the coarser.
        self.layer_is_coarse = grid.cell_width_m > self.their_grid.cell_width_m * _SAME_SIZE
        if self.layer_is_coarse and not row.classes:
            self.onto = Onto(grid)
            self.onto.add(self.their_grid, self.theirs, self.their_area)
            self.mine, self.my_area = np.full(grid.shape, np.nan), np.zeros(grid.shape)
        else:
            self.onto = Onto(self.their_grid)

    def add(self, strip: Strip, valid: npt.NDArray[np.bool_]) -> None:
        """Add a strip of the layer; of several steps the first is compared."""
        if self.reference is None:
            return
        plane = strip.values[0]
        if self.row.classes:
            self._add_classes(strip, plane, valid)
        elif self.layer_is_coarse:
            rows = slice(strip.top, strip.top + plane.shape[0])
            self.mine[rows], self.my_area[rows] = plane, np.where(valid, strip.weight, 0)
        else:
            self.onto.add(strip.grid, plane.astype("float64"), strip.weight)

    def _add_classes(
        self, strip: Strip, plane: npt.NDArray[Any], valid: npt.NDArray[np.bool_]
    ) -> None:
        place = places(strip.grid, self.their_grid)
        other = np.where(place >= 0, self.theirs.ravel()[place], np.nan)
        both = valid & np.isfinite(other)
        self.cells += int(both.sum())
        self.common += float(strip.weight[both].sum())
        self.agree += float(strip.weight[both & (plane == other)].sum())

    def told(self) -> dict[str, Any] | None:
        """Return the comparison, or only why there is none, or None."""
        if self.skipped:
            return {"skipped": self.skipped}
        if self.reference is None:
            return None
        if self.row.classes:
            share = self.agree / self.common if self.common else None
            return {
                "with": self.with_name,
                "cells": self.cells,
                "area_ha": self.common,
                "agreement": share,
            }
        return {"with": self.with_name, "unit": self.row.unit} | self._numbers()

    def _numbers(self) -> dict[str, Any]:
        means, area = self.onto.means()
        if self.layer_is_coarse:
            mine, theirs = self.mine, means
            covered, whole = area, self.my_area
        else:
            mine, theirs = means, self.theirs
            covered, whole = area, self.their_area
        used = np.isfinite(mine) & np.isfinite(theirs) & (covered >= LEAST_COVERED * whole)
        used &= np.minimum(covered, whole) > 0
        if not used.any():
            return {"cells": 0}
        found = _statistics(mine[used], theirs[used], np.minimum(covered, whole)[used])
        # Degrees Celsius and signed changes have no ratio.
        return found if self.row.low >= 0 else found | {"ratio_of_totals": None}


def _why_not(layer: xr.DataArray, row: Variable, reference: xr.DataArray | None) -> str:
    if reference is None:
        return ""
    mine, theirs = (a.attrs.get("depth_cm") for a in (layer, reference))
    if mine and theirs and str(mine) != str(theirs):
        return f"the layer is of {mine} cm, the global one of {theirs} cm"
    units = [a.attrs.get("units", row.unit) for a in (layer, reference)]
    if not row.classes and units[0] != units[1]:
        return f"the layer is in {units[0]}, the global one in {units[1]}"
    return ""


def _in_memory(
    reference: xr.DataArray, share: xr.DataArray | None, row: Variable
) -> tuple[Array, Array]:
    """Return values (NaN missing) and the area, ha, that they stand for; steps after the first go.

    A reference is small: the packaged world, or a layer brought to its size.
    """
    values, areas = [], []
    for strip in strips(reference, share, {}):
        plane = strip.values[0].astype("float64")
        if row.classes:
            plane = np.where(plane == class_nodata(row.classes), np.nan, plane)
        values.append(plane)
        areas.append(np.where(np.isnan(plane), 0.0, strip.weight))
    return np.concatenate(values), np.concatenate(areas)


def _statistics(mine: Array, theirs: Array, weight: Array) -> dict[str, Any]:
    whole = weight.sum()
    a, b = (float((weight * v).sum() / whole) for v in (mine, theirs))
    off = mine - theirs
    spread = [np.sqrt((weight * (v - m) ** 2).sum() / whole) for v, m in ((mine, a), (theirs, b))]
    product = float(spread[0] * spread[1])
    together = float((weight * (mine - a) * (theirs - b)).sum() / whole)
    return {
        "cells": int(mine.size),
        "area_ha": float(whole),
        "mean": a,
        "reference_mean": b,
        "bias": a - b,
        "rmse": float(np.sqrt((weight * off**2).sum() / whole)),
        "mean_absolute_difference": float((weight * np.abs(off)).sum() / whole),
        "r": max(-1.0, min(1.0, together / product)) if product > 0 and mine.size > 2 else None,
        "ratio_of_totals": a / b if b else None,
    }
