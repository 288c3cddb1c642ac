"""Hotspots: managed mineral land in the top share by area *and* above an absolute threshold.

Ranks without an absolute threshold classify a tenth of any map as hot, and Gi* alone also cells
whose own value is zero. A cell is therefore hot only if its own value is high both relative to its
group and absolutely, and if its patch is large enough. Gain and loss are two axes, never summed to
a score.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import xarray as xr

from hotspots.analysis.hotspots.patches import drop_small
from hotspots.errors import BadInputError
from hotspots.layers.array_types import BoolArray, FloatArray, IntArray
from hotspots.layers.grid import grid_of
from hotspots.layers.rounding import SAME_SUM, steady
from hotspots.layers.typed import choose
from hotspots.layers.variables import EXCLUSION_REASONS, HOTSPOT_CLASSES, describe

_CLASS = {name: code for code, name in HOTSPOT_CLASSES.items()}
_ORGANIC_REASON = next(c for c, name in EXCLUSION_REASONS.items() if name == "organic_soil")


def top_share_by_area(
    values: FloatArray,
    area: FloatArray,
    share: float,
    groups: IntArray | None = None,
) -> BoolArray:
    """Return which values are in the top `share` of the area of their group.

    Parameters
    ----------
    values : array (n,)
        Intensities; NaN is never in the top, though its area counts.
    area : array (n,)
        Area that each value represents, ha.
    share : float
        Top share of the area, 0-1.
    groups : array (n,) of int, optional
        Ranking group of each value; one group by default.

    Returns
    -------
    array (n,) of bool
        True where all land of the group with a value at least as high makes up at most `share`
        of its area. Ties are treated alike, so that never more than `share` is selected. Values
        (and areas) that differ only in their last digits are ties.
    """
    labels = np.zeros(values.size, dtype="int64") if groups is None else groups
    values = steady(values)
    top = np.zeros(values.size, dtype=bool)
    for label in np.unique(labels):
        member = np.flatnonzero(labels == label)
        # Descending; NaN comes last: it counts in the area of its group but is never in the top.
        order = member[np.argsort(-values[member], kind="stable")]
        ranked, cumulated = values[order], np.cumsum(area[order])
        # A tie is judged by the area down to its last cell, so that all of it is in or out.
        last_of_tie = np.searchsorted(-ranked, -ranked, side="right") - 1
        inside = cumulated[last_of_tie] <= share * cumulated[-1] * (1 + SAME_SUM)
        top[order] = inside & np.isfinite(ranked)
    return top


def classify_hotspots(
    gain: xr.DataArray,
    loss: xr.DataArray | None,
    excluded_reason: xr.DataArray,
    managed_share: xr.DataArray,
    *,
    valid_share: xr.DataArray | None = None,
    groups: xr.DataArray | None = None,
    top_share: float = 0.10,
    gain_threshold: float = 0.2,
    loss_threshold: float = 0.1,
    gain_stability: xr.DataArray | None = None,
    loss_stability: xr.DataArray | None = None,
    stability: float = 0.8,
    min_patch_cells: int = 4,
    min_patch_area_km2: float = 1000.0,
) -> xr.DataArray:
    """Return the hotspot class of each cell.

    Parameters
    ----------
    gain : DataArray
        Potential gain, t ha-1 yr-1 of managed land.
    loss : DataArray or None
        Loss, t ha-1 yr-1, positive = loss; None where there is no loss layer: then no cell is
        hot for loss.
    excluded_reason : DataArray
        From `hotspots.analysis.hotspots.eligibility.excluded_reason`: 0 where ranked.
    managed_share, valid_share : DataArray
        Managed land as share of the cell's land; part of the cell that the values stand for.
        Their product by the cell's area is the area that ranks.
    groups : DataArray, optional
        Ranking group (e.g. climate zone) of each cell; by default all cells are one group.
    top_share : float
        Top share of the eligible area of a group, 0-1.
    gain_threshold, loss_threshold : float
        Absolute thresholds, t ha-1 yr-1, inclusive; a gain or loss of 0 is never hot.
    gain_stability, loss_stability : DataArray, optional
        Share of draws over errors and methods in which the cell is in the top share and above the
        threshold, 0-1. Where it is below `stability`, the cell isn't hot but "insufficient
        evidence"; without it, or where it is NaN (no error is known), the map's own value is used.
    stability : float
        Minimum such share.
    min_patch_cells, min_patch_area_km2 : int, float
        Minimum size of a patch of hot cells (8-neighbour connectivity, wrapping at the
        antimeridian); both apply.

    Returns
    -------
    DataArray
        ``hotspot_class``: protect (hot for loss), restore (for both), build (for gain), monitor
        (for neither), organic (managed organic soil, never ranked with mineral), insufficient
        evidence (ranked land without a gain or loss value), excluded; 0 without soil data.
    """
    if not 0 < top_share <= 1:
        raise BadInputError(f"top_share is {top_share}; it is a share of the area, 0 to 1.")
    grid = grid_of(gain)
    cell_ha = grid.area_ha()
    share = managed_share if valid_share is None else managed_share * valid_share
    # Land whose managed share isn't known ranks with no area.
    area = (cell_ha * share.fillna(0).values).astype("float64")
    known = gain.notnull() if loss is None else gain.notnull() & loss.notnull()
    has_soil = (excluded_reason > 0) | (managed_share.notnull() & (area > 0))
    eligible = ((excluded_reason == 0) & (area > 0)).values
    # A patch is measured in land, not in managed land: it is a place, and places are what is shown.
    keep = partial(
        drop_small,
        area_ha=cell_ha * (1.0 if valid_share is None else valid_share.fillna(0).values),
        min_cells=min_patch_cells,
        min_area_km2=min_patch_area_km2,
        wraps=grid.wraps,
    )
    ranking = _Ranking(
        eligible=eligible,
        known=known.values[eligible],
        area=area[eligible],
        groups=None if groups is None else groups.values[eligible].astype("int64"),
        top_share=top_share,
    )
    high_gain = ranking.high(gain, gain_threshold)
    hot_gain, doubtful = _stable(high_gain, gain_stability, stability, keep)
    hot_loss = np.zeros_like(hot_gain)
    if loss is not None:
        high_loss = ranking.high(loss, loss_threshold)
        hot_loss, doubtful_loss = _stable(high_loss, loss_stability, stability, keep)
        doubtful = doubtful | doubtful_loss
    # The first condition that holds decides: land that isn't ranked comes before what it might be.
    decided = (
        (~has_soil.values, 0),
        ((excluded_reason == _ORGANIC_REASON).values, _CLASS["organic"]),
        (~eligible, _CLASS["excluded"]),
        (~known.values, _CLASS["insufficient_evidence"]),
        (hot_gain & hot_loss, _CLASS["restore"]),
        (hot_loss, _CLASS["protect"]),
        (hot_gain, _CLASS["build"]),
        (doubtful, _CLASS["insufficient_evidence"]),
    )
    conditions, codes = [one for one, _ in decided], [code for _, code in decided]
    code = np.select(conditions, codes, default=_CLASS["monitor"]).astype("uint8")
    out = xr.DataArray(code, dims=gain.dims, coords=gain.coords)
    return describe(out, "hotspot_class" if groups is None else "hotspot_class_in_zone")


@dataclass(frozen=True)
class _Ranking:
    """The land that is ranked: a mask of all cells, and of the cells in it what ranks them."""

    eligible: BoolArray
    known: BoolArray
    area: FloatArray
    groups: IntArray | None
    top_share: float

    def high(self, values: xr.DataArray, threshold: float) -> BoolArray:
        """Return the cells in the top share of their group and at or above the threshold."""
        found = np.zeros(values.shape, dtype=bool)
        v = steady(values.values[self.eligible])
        # Above 0 besides: with a threshold of 0 a map of nothing would be hot.
        above = (v >= steady(threshold)) & (v > 0) & self.known
        top = top_share_by_area(v, self.area, self.top_share, self.groups)
        found[self.eligible] = above & top
        return found


def _stable(
    high: BoolArray,
    share_of_draws: xr.DataArray | None,
    stability: float,
    keep: Callable[[BoolArray], BoolArray],
) -> tuple[BoolArray, BoolArray]:
    """Return the hot cells, and those hot by their own value but with insufficient evidence."""
    if share_of_draws is None:
        # Without draws nothing is known to be unstable.
        return keep(high), np.zeros_like(high)
    # Not "at or above": where no error is known (NaN) the map's own value is used.
    surely = keep(high & ~(share_of_draws.values < stability))
    return surely, keep(high) & ~surely


def class_share(
    hotspot_class: xr.DataArray, managed_share: xr.DataArray, valid_share: xr.DataArray
) -> xr.DataArray:
    """Return the share of the cell that its class covers: managed land; all land if excluded."""
    excluded = hotspot_class == _CLASS["excluded"]
    return choose(excluded, valid_share, valid_share * managed_share.fillna(0))
