"""Stability of hotspots: how often a cell stays hot when its inputs are resampled.

Pure functions on the ranked cells as flat arrays: correlated errors are given as fields
(`random_fields.gaussian_fields`), draws of gain and loss are generated one at a time, and the
share of draws in which a cell is in the top share of its group is counted in one pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from hotspots.errors import BadInputError
from hotspots.layers.array_types import FloatArray, IntArray, RealArray
from hotspots.layers.rounding import SAME_SUM, steady

BINS = 4096  # of values, to locate the limit of the top share
DISTRIBUTIONS = ("normal", "lognormal")

Floats = RealArray
Codes = npt.NDArray[np.integer]


def hot_share_of_draws(
    values: Floats | Iterable[Floats],
    area: FloatArray,
    *,
    top_share: float,
    threshold: float,
    groups: Codes | None = None,
) -> FloatArray:
    """Return the share of draws in which each cell is hot by its own value.

    Parameters
    ----------
    values : array (cells, draws), or iterable of arrays (cells,)
        Intensities, t ha-1 yr-1; an iterable is consumed once and not kept. NaN is never hot,
        though its area counts.
    area : array (cells,)
        Area that ranks, ha.
    top_share : float
        Top share of the area of a group, 0-1.
    threshold : float
        Absolute threshold, t ha-1 yr-1, inclusive; a gain or loss of 0 is never hot.
    groups : array (cells,) of int, optional
        Ranking group (e.g. climate zone) of each cell; one group by default.

    Returns
    -------
    array (cells,)
        0-1.

    Raises
    ------
    BadInputError
        No draws, a share outside 0-1, or arrays of another length than `area`.

    Notes
    -----
    Hot in a draw as in `top_share_by_area` and above the threshold: all land of the group with a
    value at least as high makes up at most `top_share` of its area, ties alike. The minimum
    patch size isn't applied to draws: it is a rule for the map, not evidence about a cell. A cell
    is stable at 0.8 or more (convention of this project).
    """
    count = HotCount(area, top_share=top_share, threshold=threshold, groups=groups)
    for draw in values.T if isinstance(values, np.ndarray) else values:
        count.add(draw)
    return count.share()


class HotCount:
    """Counts in how many draws each cell is hot, one draw at a time; see `hot_share_of_draws`.

    For where one pass over the draws feeds several rankings and totals.
    """

    def __init__(
        self,
        area: FloatArray,
        *,
        top_share: float,
        threshold: float,
        groups: Codes | None = None,
    ) -> None:
        if not 0 < top_share <= 1:
            raise BadInputError(f"top_share is {top_share}; it is a share of the area, 0 to 1.")
        self._area = np.asarray(area, dtype="float64")
        self._members = _members(groups, self._area.size)
        self._allowed = [top_share * self._area[c].sum() * (1 + SAME_SUM) for c in self._members]
        # Rounded like the values, so that one at the threshold counts on every processor.
        self._threshold = float(steady(threshold))
        self._times = np.zeros(self._area.size, dtype="int64")
        self.draws = 0

    def add(self, draw: Floats) -> None:
        """Count one draw, an array (cells,) in t ha-1 yr-1."""
        if draw.shape != self._area.shape:
            raise BadInputError(f"A draw has shape {draw.shape}, the area {self._area.shape}.")
        values = steady(draw)
        for cells, most in zip(self._members, self._allowed, strict=True):
            self._times[_hot(values, self._area, cells, most, self._threshold)] += 1
        self.draws += 1

    def share(self) -> FloatArray:
        """Return the share of draws in which each cell was hot."""
        if not self.draws:
            raise BadInputError("No draws were given; give at least one.")
        return self._times / self.draws


def gain_draws(
    stock: npt.ArrayLike,
    cv: npt.ArrayLike,
    rate: npt.ArrayLike,
    zone: Codes,
    fields: Iterable[Floats],
    *,
    distribution: str = "normal",
) -> Iterator[FloatArray]:
    """Yield draws of the gain: an uncertain stock times an uncertain relative gain of its zone.

    Parameters
    ----------
    stock : array (cells,)
        Stock of the managed land, t ha-1.
    cv : array (cells,) or float
        Standard deviation of the stock as a share of it, 0 or more.
    rate : array (draws, zones) or (zones,)
        Gain per year as a share of the stock, by zone code (0 = nodata), e.g.
        (F_new / F_old − 1) / 20; row k goes with field k. One row goes with all.
    zone : array (cells,) of int
        Zone code of each cell.
    fields : iterable of arrays (cells,)
        Errors of mean 0 and variance 1; as many as rows of `rate`, or any number with one row.
    distribution : {"normal", "lognormal"}
        Of the stock about its mean; see Notes.

    Yields
    ------
    array (cells,)
        t ha-1 yr-1; NaN where stock, cv, error or rate is missing.

    Raises
    ------
    BadInputError
        A negative stock or cv, a code beyond the zones, fewer rows than fields, another
        distribution.

    Notes
    -----
    normal: ``max(0, stock·(1 + cv·ε))``, truncated at 0, which raises the mean where cv is large
    (by 1 % of the stock at cv = 0.6, by 8 % at cv = 1). lognormal: ``stock·exp(σε − σ²/2)`` with
    ``σ² = ln(1 + cv²)``: the same mean and sd, never below 0. The draw is then multiplied by
    ``rate[k, zone]``.
    """
    if distribution not in DISTRIBUTIONS:
        raise BadInputError(
            f"'{distribution}' isn't a known distribution; allowed are 'normal' and 'lognormal'."
        )
    mean, relative = np.asarray(stock, dtype="float64"), np.asarray(cv, dtype="float64")
    if (mean < 0).any() or (relative < 0).any():
        raise BadInputError("stock or cv has negative values; both must be 0 or more.")
    table = np.asarray(rate, dtype="float64")
    if zone.size and not (zone.min() >= 0 and zone.max() < table.shape[-1]):
        raise BadInputError(
            f"Zone codes are {zone.min()} to {zone.max()}, but rate has {table.shape[-1]} zones"
            " (codes from 0)."
        )
    return _gains(mean, relative, table, zone, fields, lognormal=distribution == "lognormal")


def loss_draws(
    loss: npt.ArrayLike, sd: npt.ArrayLike, fields: Iterable[Floats]
) -> Iterator[FloatArray]:
    """Yield draws of the loss: ``loss + sd·ε``.

    Parameters
    ----------
    loss : array (cells,)
        t ha-1 yr-1, positive = loss; of a change of two dates it may be negative.
    sd : array (cells,) or float
        Its standard deviation, t ha-1 yr-1; of a change that of the difference (see
        `error_models.difference_sd`) over the years between.
    fields : iterable of arrays (cells,)
        Errors of mean 0 and variance 1.

    Yields
    ------
    array (cells,)
        t ha-1 yr-1; NaN where an input is missing.

    Raises
    ------
    BadInputError
        A negative sd.
    """
    mean, spread = np.asarray(loss, dtype="float64"), np.asarray(sd, dtype="float64")
    if (spread < 0).any():
        raise BadInputError(f"sd has the value {np.nanmin(spread):g}; it must be 0 or more.")
    return (mean + spread * error for error in fields)


def _gains(
    stock: Floats, cv: Floats, rate: Floats, zone: Codes, fields: Iterable[Floats], lognormal: bool
) -> Iterator[FloatArray]:
    sigma = np.sqrt(np.log1p(cv**2))
    for k, error in enumerate(fields):
        if rate.ndim == 2 and k >= len(rate):
            raise BadInputError(
                f"rate has {len(rate)} draws, but there are more fields; give as many of both."
            )
        factor = np.exp(sigma * error - sigma**2 / 2) if lognormal else 1 + cv * error
        yield stock * np.maximum(factor, 0.0) * (rate[k] if rate.ndim == 2 else rate)[zone]


def _members(groups: Codes | None, size: int) -> list[IntArray]:
    """Return the cells of each group."""
    if groups is None:
        return [np.arange(size)]
    if groups.shape != (size,):
        raise BadInputError(f"groups have shape {groups.shape}, the area ({size},).")
    order = np.argsort(groups, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)


def _hot(draw: Floats, area: Floats, cells: IntArray, most: float, threshold: float) -> IntArray:
    """Return which of a group's cells are hot.

    A histogram of the values locates the limit of the top share, so that only the cells of one bin
    are sorted.
    """
    value = draw[cells]
    high = np.flatnonzero((value >= threshold) & (value > 0) & np.isfinite(value))
    cells, value = cells[high], value[high]
    if not cells.size:
        return cells
    low, top = value.min(), value.max()
    scale = BINS / (top - low) if top > low else 0.0
    # The largest value would get a bin of its own beyond the last.
    number = np.minimum(((value - low) * scale).astype("int64"), BINS - 1)
    above = np.cumsum(np.bincount(number, weights=area[cells], minlength=BINS)[::-1])[::-1]
    # The lowest bin that lies entirely within the share, as do all bins above it.
    whole = int(np.count_nonzero(above > most))
    surely = number >= whole
    if not whole:
        return cells
    partly = np.flatnonzero(number == whole - 1)
    order = partly[np.argsort(-value[partly])]
    before = above[whole] if whole < BINS else 0.0
    cumulated = before + np.cumsum(area[cells[order]])
    # The last cell of each tie decides for the whole tie.
    last = np.flatnonzero(np.diff(value[order], append=-np.inf))
    inside = last[cumulated[last] <= most]
    kept = order[: inside[-1] + 1] if inside.size else order[:0]
    return np.concatenate([cells[surely], cells[kept]])
