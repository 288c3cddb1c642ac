"""Gi* of Getis and Ord: spatial clustering of high or low values, as a descriptive layer.

It doesn't define hotspots here: on a smooth model output the null hypothesis of no autocorrelation
is rejected over a large part of any map. Interpret `effect` rather than p.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from hotspots.analysis.hotspots.fdr import false_discovery_rate
from hotspots.analysis.hotspots.neighbours import Runs, mask_runs, radius_runs
from hotspots.errors import BadInputError, RasterError
from hotspots.layers.array_types import FloatArray
from hotspots.layers.grid import Grid, axis_names, cell_area, grid_of
from hotspots.layers.variables import CLUSTERS, flags


class Moments(NamedTuple):
    """Of the whole study area: number of valid cells, (weighted) mean, population sd."""

    n: int
    mean: float
    sd: float


def getis_ord(
    values: xr.DataArray | npt.NDArray[np.floating],
    radius: float | None = None,
    neighbourhood: npt.ArrayLike | None = None,
    area_weighted: bool = False,
    *,
    method: str = "bh",
    alpha: float = 0.05,
) -> xr.Dataset:
    """Return Gi* of each cell with binary weights, the cell itself included.

    Parameters
    ----------
    values : DataArray (y, x) or 2-D array
        A density (per hectare), or its residual from a stratum's mean; NaN cells leave the graph:
        they aren't in n, mean and sd, nor in any neighbourhood.
    radius : float
        km between cell centres, inclusive: geodesic (WGS84) on a geographic grid, over the
        antimeridian where the grid spans 360° and over the poles; planar on a projected grid.
        Needs a DataArray with coordinates.
    neighbourhood : boolean 2-D array
        Instead of `radius`: the cells around one, odd-sized, centre True. Wraps like `radius`.
    area_weighted : bool
        Weight cells by their ellipsoidal area; on a latitude/longitude grid cells are unequal.
        Needs a DataArray with coordinates.
    method : {"bh", "by"}
        How p is adjusted over all valid cells, see `false_discovery_rate`.
    alpha : float
        A cell is in a cluster where its adjusted p ≤ alpha.

    Returns
    -------
    Dataset (y, x)
        ``z``, ``p`` (two-sided, normal), ``p_adjusted``; ``effect``, the neighbourhood's mean less
        the mean of all valid cells in the unit of `values`; float64, NaN where the cell has no
        value, where all values are equal, and (not ``effect``) where the neighbourhood is the
        whole study area. ``cluster`` int8: -1 cold, 1 hot, 0 neither (nor where z is missing).

    Raises
    ------
    BadInputError
        Not exactly one of `radius` and `neighbourhood`, a radius ≤ 0, an even-sized mask, values
        that aren't 2-D, or a bare array where coordinates are needed.

    Notes
    -----
    ``z_i = Σ_j w_ij (x_j − X̄) / (S·sqrt((n·S1_i − W_i²)/(n − 1)))`` with n, X̄, S of the whole
    study area, W_i = Σ_j w_ij and S1_i = Σ_j w_ij² = W_i for binary weights (Ord & Getis 1995,
    Geogr. Anal. 27:286). Area weights a_j (cell area / mean valid cell area) enter X̄, S, the
    numerator and W_i; with equal cells this reduces to the unweighted formula. Values are centred
    before they are summed, so that precision holds for 10⁷ cells.
    """
    layer, grid = _on_grid(values, needs_grid=radius is not None or area_weighted)
    runs = _runs(layer.shape, grid, radius, neighbourhood)
    if not 0 < alpha < 1:
        raise BadInputError(f"alpha is {alpha:g}; it must lie between 0 and 1, e.g. 0.05.")
    area = np.asarray(cell_area(layer).values) if area_weighted else None
    z, effect, moments = _statistic(np.asarray(layer.values, dtype="float64"), runs, area)
    out = _dataset(layer, z, effect, method, alpha)
    out.attrs = {
        "method": f"Gi*, {_neighbourhood_text(radius, neighbourhood)}, "
        f"{'area' if area_weighted else 'equal'} weights; p descriptive, adjusted by {method},"
        f" alpha {alpha:g}",
        **moments._asdict(),
    }
    return out


def _on_grid(values: object, needs_grid: bool) -> tuple[xr.DataArray, Grid | None]:
    """Return `values` as DataArray (y, x) and its grid, None where it has no coordinates."""
    if not isinstance(values, xr.DataArray):
        array = np.asarray(values, dtype="float64")
        if needs_grid:
            raise BadInputError(
                "A radius and area weights need coordinates, but a bare array was given. Give an"
                " xarray DataArray with a CRS, or a neighbourhood mask."
            )
        values = xr.DataArray(array, dims=("y", "x") if array.ndim == 2 else None)
    if values.ndim != 2:
        raise BadInputError(f"Gi* needs a 2-D layer (y, x), not one of shape {values.shape}.")
    try:
        layer = values.transpose(*axis_names(values))
        return layer, grid_of(layer)
    except RasterError:
        if needs_grid:
            raise
        # A mask of cells needs no coordinates; without them the layer just isn't wrapped.
        return values, None


def _runs(
    shape: tuple[int, ...],
    grid: Grid | None,
    radius: float | None,
    neighbourhood: npt.ArrayLike | None,
) -> Runs:
    if (radius is None) == (neighbourhood is None):
        raise BadInputError(
            "Gi* needs either a radius in km or a neighbourhood mask; give exactly one of them."
        )
    if neighbourhood is not None:
        wraps = grid is not None and grid.wraps
        return mask_runs(neighbourhood, (shape[0], shape[1]), wraps)
    # A radius without a grid was refused by _on_grid.
    assert grid is not None
    assert radius is not None
    return radius_runs(grid, radius)


def _statistic(
    values: FloatArray, runs: Runs, area: FloatArray | None
) -> tuple[FloatArray, FloatArray, Moments]:
    """Return z, effect and the moments of the study area."""
    from hotspots.analysis.hotspots.kernel import run_sums

    valid = np.isfinite(values)
    n = int(valid.sum())
    nothing = np.full(values.shape, np.nan)
    if n < 2:
        return nothing, nothing.copy(), Moments(n, np.nan, np.nan)
    weight = valid.astype("float64")
    # Relative to the mean area, so that equal cells give the unweighted statistic.
    if area is not None:
        weight *= area / area[valid].mean()
    x = values[valid]
    mean = float(np.average(x, weights=weight[valid]))
    # Rounding of the mean must not give a constant layer a variance.
    sd = (
        0.0
        if x.min() == x.max()
        else float(np.sqrt(np.average((x - mean) ** 2, weights=weight[valid])))
    )
    deviation = np.where(valid, (values - mean) * weight, 0.0)
    sums = run_sums(deviation, runs.first, runs.row, runs.low, runs.high, runs.wraps)
    total = run_sums(weight, runs.first, runs.row, runs.low, runs.high, runs.wraps)
    sums[~valid] = total[~valid] = np.nan
    # For binary weights Σw² is Σw, so that one sum gives both.
    spread = total * (n - total) / (n - 1)
    # A neighbourhood of the whole study area has the mean of the study area: nothing to test.
    spread[(n - total < 1e-12 * n) | (sd == 0)] = np.nan
    return sums / (sd * np.sqrt(spread)), sums / total, Moments(n, mean, sd)


def _dataset(
    layer: xr.DataArray, z: FloatArray, effect: FloatArray, method: str, alpha: float
) -> xr.Dataset:
    from scipy.special import erfc

    p = erfc(np.abs(z) / np.sqrt(2))  # = 2·sf(|z|), without loss in the tail
    adjusted = false_discovery_rate(p, method=method)
    # Where z is missing both factors are 0: comparisons with NaN are False.
    cluster = (np.sign(np.nan_to_num(z)) * (adjusted <= alpha)).astype("int8")
    units = {"units": str(layer.attrs.get("units", "1"))}
    layers = {
        "z": (z, {"units": "1", "long_name": "Gi* z"}),
        "p": (p, {"units": "1", "long_name": "Gi* p, two-sided, descriptive"}),
        "p_adjusted": (adjusted, {"units": "1", "long_name": f"Gi* p, FDR-adjusted ({method})"}),
        "effect": (effect, units | {"long_name": "Neighbourhood mean less mean of all"}),
        "cluster": (cluster, flags(CLUSTERS) | {"long_name": "Gi* cluster"}),
    }
    return xr.Dataset(
        {name: (layer.dims, data, attrs) for name, (data, attrs) in layers.items()},
        coords=layer.coords,
    )


def _neighbourhood_text(radius: float | None, neighbourhood: npt.ArrayLike | None) -> str:
    if radius is not None:
        return f"radius {radius:g} km"
    return f"neighbourhood of {int(np.asarray(neighbourhood).sum())} cells"
