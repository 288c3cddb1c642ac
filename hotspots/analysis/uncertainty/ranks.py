"""Uncertainty of regional ranks: intervals of ranks and the stable top k over draws.

A ranking suggests that a difference of one rank is significant, but most ranks change when totals
are resampled within their errors. Reported are an interval of each rank, and the regions that are
nearly always among the top.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hotspots.errors import BadInputError
from hotspots.layers.array_types import BoolArray, FloatArray

if TYPE_CHECKING:
    import pandas as pd


def rank_interval(
    totals: pd.DataFrame | npt.ArrayLike,
    *,
    level: float = 0.9,
    groups: npt.ArrayLike | None = None,
) -> pd.DataFrame:
    """Return the median and the interval of each region's rank over draws.

    Parameters
    ----------
    totals : DataFrame or array (draws, regions)
        What is ranked, the largest first, any unit; a region with a missing value in any draw has
        no rank and doesn't affect the ranks of others.
    level : float
        Probability inside the interval, above 0 and below 1.
    groups : array (regions,), optional
        Ranks are within each group; one group by default.

    Returns
    -------
    DataFrame
        A row per region (the columns of `totals`): ``rank_median``, ``rank_low`` (best) and
        ``rank_high`` (worst), from 1; NaN without a rank.

    Raises
    ------
    BadInputError
        No draws, a table of another shape, a level in percent, groups of another length.

    Notes
    -----
    Rank = 1 + number of regions with a larger total: ties share the best rank. Bounds are ranks
    that occur (quantiles by the inverse of the distribution), so at least `level` of the draws lie
    inside. The median of an even number of draws is the lower of the two in the middle.
    """
    if not 0 < level < 1:
        raise BadInputError(f"level is {level:g}; it is a share between 0 and 1, as 0.9.")
    import pandas as pd

    values, names = _table(totals)
    ranks = _ranks(values, groups)
    known = np.isfinite(ranks).all(axis=0)
    out = np.full((3, values.shape[1]), np.nan)
    tail = (1 - level) / 2
    if known.any():
        out[:, known] = np.quantile(
            ranks[:, known],
            [0.5, tail, 1 - tail],
            axis=0,
            method="inverted_cdf",  # a rank that occurred, never a half rank between two
        )
    columns = ("rank_median", "rank_low", "rank_high")
    return pd.DataFrame(dict(zip(columns, out, strict=True)), index=names)


def stable_top_k(
    totals: pd.DataFrame | npt.ArrayLike,
    k: int,
    *,
    probability: float = 0.8,
    groups: npt.ArrayLike | None = None,
) -> pd.DataFrame:
    """Return how often each region is among the top k, and whether it is nearly always.

    Parameters
    ----------
    totals : DataFrame or array (draws, regions)
        As in `rank_interval`.
    k : int
        Number of places, at least 1 and at most the number of regions.
    probability : float
        Minimum share of draws, above 0 and up to 1 (0.8 is a convention of this project).
    groups : array (regions,), optional
        The top k of each group; one group by default.

    Returns
    -------
    DataFrame
        A row per region: ``top_share``, the share of draws in which it is among the top k (NaN
        without a rank), and ``stable``. There may be fewer stable regions than k, and with ties
        more.

    Raises
    ------
    BadInputError
        As in `rank_interval`, or k or probability out of range.
    """
    import pandas as pd

    values, names = _table(totals)
    if not 1 <= k <= values.shape[1]:
        raise BadInputError(f"k is {k}; allowed is 1 to {values.shape[1]}, the number of regions.")
    if not 0 < probability <= 1:
        raise BadInputError(f"probability is {probability:g}; it is a share above 0, up to 1.")
    ranks = _ranks(values, groups)
    share = np.where(np.isfinite(ranks).all(axis=0), (ranks <= k).mean(axis=0), np.nan)
    return pd.DataFrame({"top_share": share, "stable": share >= probability}, index=names)


def _table(totals: pd.DataFrame | npt.ArrayLike) -> tuple[FloatArray, pd.Index]:
    import pandas as pd

    values = np.asarray(totals, dtype="float64")
    if values.ndim != 2 or 0 in values.shape:
        raise BadInputError(
            f"totals have shape {values.shape}; a table is needed with a row per draw and a column"
            " per region, at least one of each."
        )
    named = isinstance(totals, pd.DataFrame)
    return values, totals.columns if named else pd.RangeIndex(values.shape[1])  # type: ignore[union-attr]


def _ranks(values: FloatArray, groups: npt.ArrayLike | None) -> FloatArray:
    """Return ranks from 1, the largest first, ties sharing the best; NaN for missing regions."""
    out = np.full(values.shape, np.nan)
    complete = ~np.isnan(values).any(axis=0)
    for member in _groups(groups, values.shape[1]):
        cells = np.flatnonzero(member & complete)
        ordered = np.sort(-values[:, cells], axis=1)
        for draw, row in enumerate(ordered):
            # Negated, so that larger totals come first; side "left" gives ties the best rank.
            out[draw, cells] = 1 + np.searchsorted(row, -values[draw, cells], side="left")
    return out


def _groups(groups: npt.ArrayLike | None, regions: int) -> Iterator[BoolArray]:
    if groups is None:
        yield np.ones(regions, dtype=bool)
        return
    labels = np.asarray(groups)
    if labels.shape != (regions,):
        raise BadInputError(f"groups have shape {labels.shape}; one for each of {regions} regions.")
    for label in np.unique(labels):
        yield labels == label
