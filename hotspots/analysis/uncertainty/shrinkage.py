"""Shrinkage of regional means towards the overall mean.

Means of small regions scatter most and fill both ends of a ranking by chance. Each regional mean is
shrunk towards the overall mean by the share of its variance that is error, as estimated from all
regions (empirical Bayes); very small regions are also flagged.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hotspots.analysis.elementwise import elementwise
from hotspots.errors import BadInputError
from hotspots.layers.array_types import FloatArray, Numeric, SameKind


class Shrunk(NamedTuple):
    """Regional means shrunk towards the overall mean.

    Attributes
    ----------
    mean : array (regions,)
        Shrunk mean, in the unit given.
    own_weight : array (regions,)
        Weight of the region's own mean, 0-1; 1 = unchanged.
    overall_mean : float
        Area-weighted mean of the regions with a value, the target of the shrinkage.
    between_sd : float
        Standard deviation τ of the true means between regions; NaN if it can't be estimated.
    """

    mean: FloatArray
    own_weight: FloatArray
    overall_mean: float
    between_sd: float


def shrunk_mean(mean: npt.ArrayLike, sd: npt.ArrayLike, area: npt.ArrayLike) -> Shrunk:
    """Return regional means shrunk towards the overall area-weighted mean.

    Parameters
    ----------
    mean : array (regions,)
        Mean rate of each region, e.g. t ha-1 yr-1; NaN stays NaN.
    sd : array (regions,)
        Standard deviation of that mean's error, same unit; a region without (NaN) keeps its mean.
    area : array (regions,)
        Area that the mean represents, ha; NaN counts as no area.

    Returns
    -------
    Shrunk

    Raises
    ------
    BadInputError
        Different shapes, or a negative sd or area.

    Notes
    -----
    Model: mean_i = θ_i + e_i, e_i ~ N(0, s_i²) independent between regions, θ_i with variance τ².
    ``shrunk_i = B_i·mean_i + (1 − B_i)·M``, ``B_i = τ²/(τ² + s_i²)``, M = Σ a·mean / Σ a over all
    regions with a value and an area. τ² by DerSimonian and Laird (1986, Controlled Clinical Trials
    7:177, from memory) over the k regions with a mean and an sd above 0: w = 1/s²,
    m = Σ w·mean/Σ w, Q = Σ w (mean − m)²,
    ``τ² = max(0, (Q − (k − 1)) / (Σ w − Σ w²/Σ w))``. With τ² = 0 (no more scatter than the errors
    explain) every such region becomes M; with fewer than two such regions none is changed. A
    region with sd 0 keeps its mean. Errors that regions share (one map model) aren't independent:
    then give the sd of the independent part, or interpret the result as a bound. Totals of shrunk
    means don't add up to the total: for ranking, not for accounting.
    """
    y, s, a = (np.asarray(v, dtype="float64") for v in (mean, sd, area))
    if y.ndim != 1 or s.shape != y.shape or a.shape != y.shape:
        raise BadInputError(
            f"mean, sd and area have shapes {y.shape}, {s.shape} and {a.shape}; give each one value"
            " per region."
        )
    if (s < 0).any() or (a < 0).any():
        raise BadInputError("sd or area has negative values; both must be 0 or more.")
    counted = np.isfinite(y) & (a > 0)
    overall = float(y[counted] @ a[counted] / a[counted].sum()) if counted.any() else np.nan
    uncertain = np.isfinite(y) & np.isfinite(s) & (s > 0)
    # A region without an error of its own needs no shrinking, and would have infinite weight.
    between = _between_variance(y[uncertain], s[uncertain] ** 2)
    weight = np.where(np.isfinite(y), 1.0, np.nan)
    if np.isfinite(between) and np.isfinite(overall):
        weight[uncertain] = between / (between + s[uncertain] ** 2)
        shrunk = weight * y + (1 - weight) * overall
    else:
        shrunk = y.copy()
    return Shrunk(shrunk, weight, overall, float(np.sqrt(between)))


def small(area: Numeric, *, floor: float) -> SameKind:
    """Return 1 where a region is too small to rank, 0 where it isn't.

    Parameters
    ----------
    area : float, array or DataArray
        Area that a region's mean stands for, ha.
    floor : float
        Least area, ha, inclusive.

    Returns
    -------
    same kind as given
        1.0 or 0.0; NaN where the area isn't known.

    Raises
    ------
    BadInputError
        A floor that is negative or missing.
    """
    if not floor >= 0:
        raise BadInputError(f"floor is {floor:g} ha; it must be 0 or more.")
    return elementwise(lambda a: np.where(np.isnan(a), np.nan, a < floor), area)


def _between_variance(y: FloatArray, variance: FloatArray) -> float:
    """Return τ² by DerSimonian and Laird; NaN for fewer than two regions."""
    if y.size < 2:
        return float("nan")
    # Relative weights, so that very small or large variances neither overflow nor vanish.
    least = float(variance.min())
    w = least / variance
    centre = float(w @ y) / float(w.sum())
    q = float(w @ (y - centre) ** 2)
    spare = float(w.sum()) - float(w @ w) / float(w.sum())
    # Below 0 where regions scatter less than their errors explain: no variance is left for them.
    return max(0.0, (q - (y.size - 1) * least) / spare)
