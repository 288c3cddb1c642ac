"""Comparison of a layer with the global layer (or any other reference).

Means of the finer layer over the cells of the coarser are compared, weighted by the area that both
represent. For classes: the share of the common area on which the two agree.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from hotspots.ingest.quality.report_types import ComparisonSummary
from hotspots.ingest.quality.statistics import Array, Numbers, Onto, Strip, places, strips
from hotspots.layers.grid import Grid, grid_of
from hotspots.layers.variables import Variable, class_nodata

LEAST_COVERED = 0.5  # of the area that a coarse cell's value represents
_SAME_SIZE = 1.001  # ratio of cell widths up to which grids count as equally fine (rounding)


class Reference(NamedTuple):
    """A layer to compare with, on any grid.

    `share` is the part of each cell's area that its value represents, 0-1; 1 by default.
    """

    layer: xr.DataArray
    share: xr.DataArray | None = None


class Comparison:
    """Comparison accumulated strip by strip while the layer is read; empty without a reference.

    Parameters
    ----------
    layer, row, grid
        The layer, its variable and its grid.
    reference : Reference, optional
        Of the same variable and the same depth as the layer.
    """

    def __init__(
        self,
        layer: xr.DataArray,
        row: Variable,
        grid: Grid,
        reference: Reference | None,
    ) -> None:
        self.row, self.grid = row, grid
        self.skipped = "" if reference is None else _why_not(layer, row, reference.layer)
        self.reference = None if self.skipped or reference is None else reference.layer
        if reference is None or self.reference is None:
            return
        attrs = self.reference.attrs
        self.with_name = str(attrs.get("source") or self.reference.name or "the reference")
        self.reference_values, self.reference_area = _in_memory(
            reference.layer, reference.share, row
        )
        self.reference_grid = grid_of(self.reference)
        self.agree = self.common = 0.0
        self.cells = 0
        # The finer layer is averaged over the cells of the coarser.
        self.layer_is_coarse = grid.cell_width_m > self.reference_grid.cell_width_m * _SAME_SIZE
        if self.layer_is_coarse and not row.classes:
            self.onto = Onto(grid)
            self.onto.add(self.reference_grid, self.reference_values, self.reference_area)
            self.layer_values, self.layer_area = np.full(grid.shape, np.nan), np.zeros(grid.shape)
        else:
            self.onto = Onto(self.reference_grid)

    def add(self, strip: Strip, valid: npt.NDArray[np.bool_]) -> None:
        """Add a strip of the layer; only the first of several steps is compared."""
        if self.reference is None:
            return
        plane = strip.values[0]
        if self.row.classes:
            self._add_classes(strip, plane, valid)
        elif self.layer_is_coarse:
            rows = slice(strip.top, strip.top + plane.shape[0])
            self.layer_values[rows], self.layer_area[rows] = plane, np.where(valid, strip.weight, 0)
        else:
            self.onto.add(strip.grid, plane.astype("float64"), strip.weight)

    def _add_classes(self, strip: Strip, plane: Numbers, valid: npt.NDArray[np.bool_]) -> None:
        place = places(strip.grid, self.reference_grid)
        # Outside, -1 picks the last cell, which np.where then replaces.
        other = np.where(place >= 0, self.reference_values.ravel()[place], np.nan)
        both = valid & np.isfinite(other)
        self.cells += int(both.sum())
        self.common += float(strip.weight[both].sum())
        self.agree += float(strip.weight[both & (plane == other)].sum())

    def summary(self) -> ComparisonSummary | None:
        """Return the comparison, the reason why there is none, or None without a reference."""
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
        return {"with": self.with_name, "unit": self.row.unit, **self._numbers()}

    def _numbers(self) -> ComparisonSummary:
        means, area = self.onto.means()
        if self.layer_is_coarse:
            layer_values, reference_values = self.layer_values, means
            covered, whole = area, self.layer_area
        else:
            layer_values, reference_values = means, self.reference_values
            covered, whole = area, self.reference_area
        used = (
            np.isfinite(layer_values)
            & np.isfinite(reference_values)
            & (covered >= LEAST_COVERED * whole)
        )
        used &= np.minimum(covered, whole) > 0
        if not used.any():
            return {"cells": 0}
        numbers = _statistics(
            layer_values[used], reference_values[used], np.minimum(covered, whole)[used]
        )
        # A ratio of degrees Celsius or of signed changes is meaningless.
        return numbers if self.row.low >= 0 else {**numbers, "ratio_of_totals": None}


def _why_not(layer: xr.DataArray, row: Variable, reference: xr.DataArray) -> str:
    layer_depth, reference_depth = (a.attrs.get("depth_cm") for a in (layer, reference))
    if layer_depth and reference_depth and str(layer_depth) != str(reference_depth):
        return f"the layer is of {layer_depth} cm, the global one of {reference_depth} cm"
    units = [a.attrs.get("units", row.unit) for a in (layer, reference)]
    if not row.classes and units[0] != units[1]:
        return f"the layer is in {units[0]}, the global one in {units[1]}"
    return ""


def _in_memory(
    reference: xr.DataArray, share: xr.DataArray | None, row: Variable
) -> tuple[Array, Array]:
    """Return values (NaN missing) and the area, ha, that they represent; only the first step.

    A reference is small: the packaged world, or a layer of its size.
    """
    values, areas = [], []
    for strip in strips(reference, share, {}):
        plane = strip.values[0].astype("float64")
        if row.classes:
            plane = np.where(plane == class_nodata(row.classes), np.nan, plane)
        values.append(plane)
        areas.append(np.where(np.isnan(plane), 0.0, strip.weight))
    return np.concatenate(values), np.concatenate(areas)


def _statistics(layer_values: Array, reference_values: Array, weight: Array) -> ComparisonSummary:
    whole = weight.sum()
    a, b = (float((weight * v).sum() / whole) for v in (layer_values, reference_values))
    difference = layer_values - reference_values
    spread = [
        np.sqrt((weight * (v - m) ** 2).sum() / whole)
        for v, m in ((layer_values, a), (reference_values, b))
    ]
    product = float(spread[0] * spread[1])
    covariance = float((weight * (layer_values - a) * (reference_values - b)).sum() / whole)
    return {
        "cells": int(layer_values.size),
        "area_ha": float(whole),
        "mean": a,
        "reference_mean": b,
        "bias": a - b,
        "rmse": float(np.sqrt((weight * difference**2).sum() / whole)),
        "mean_absolute_difference": float((weight * np.abs(difference)).sum() / whole),
        # Rounding may carry the quotient just beyond 1. Two cells always give 1 or -1.
        "r": max(-1.0, min(1.0, covariance / product))
        if product > 0 and layer_values.size > 2
        else None,
        "ratio_of_totals": a / b if b else None,
    }
