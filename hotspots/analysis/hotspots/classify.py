"""Hotspots: managed mineral land in the top share by area *and* above an absolute threshold.

Ranks without an absolute threshold classify a tenth of any map as hot, and Gi* alone a third of
the world. A cell is therefore hot only if its own value is high both relative to its group and
absolutely, and if its patch is large enough. Gain and loss are two axes, never summed to a score.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import xarray as xr

from hotspots.analysis.hotspots.patches import drop_small
from hotspots.errors import BadInputError
from hotspots.layers.array_types import BoolArray, FloatArray, IntArray
from hotspots.layers.grid import cell_area, grid_of
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
        order = member[np.argsort(-values[member], kind="stable")]
        ranked, cumulated = values[order], np.cumsum(area[order])
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
    share = managed_share if valid_share is None else managed_share * valid_share
    area = (cell_area(gain).values * share.fillna(0).values).astype("float64")
    known = gain.notnull() if loss is None else gain.notnull() & loss.notnull()
    has_soil = (excluded_reason > 0) | (managed_share.notnull() & (area > 0))
    eligible = ((excluded_reason == 0) & (area > 0)).values
    labels = None if groups is None else groups.values[eligible].astype("int64")
    grid = grid_of(gain)
    land = cell_area(gain).values * (1.0 if valid_share is None else valid_share.fillna(0).values)

    def hot(
        values: xr.DataArray, threshold: float, share_of_draws: xr.DataArray | None
    ) -> tuple[BoolArray, BoolArray]:
        """Return the hot cells, and those hot by their own value but with insufficient evidence."""
        found = np.zeros(values.shape, dtype=bool)
        v = steady(values.values[eligible])
        high = (v >= steady(threshold)) & (v > 0) & known.values[eligible]
        found[eligible] = high & top_share_by_area(v, area[eligible], top_share, labels)
        keep = partial(
            drop_small,
            area_ha=land,
            min_cells=min_patch_cells,
            min_area_km2=min_patch_area_km2,
            wraps=grid.wraps,
        )
        if share_of_draws is None:
            return keep(found), np.zeros_like(found)
        surely = keep(found & ~(share_of_draws.values < stability))
        return surely, keep(found) & ~surely

    hot_gain, doubtful = hot(gain, gain_threshold, gain_stability)
    hot_loss = np.zeros_like(hot_gain)
    if loss is not None:
        hot_loss, doubtful_loss = hot(loss, loss_threshold, loss_stability)
        doubtful = doubtful | doubtful_loss
    managed_organic = excluded_reason == _ORGANIC_REASON
    code = np.select(
        [
            ~has_soil.values,
            managed_organic.values,
            ~eligible,
            ~known.values,
            hot_gain & hot_loss,
            hot_loss,
            hot_gain,
            doubtful,
        ],
        [
            0,
            _CLASS["organic"],
            _CLASS["excluded"],
            _CLASS["insufficient_evidence"],
            _CLASS["restore"],
            _CLASS["protect"],
            _CLASS["build"],
            _CLASS["insufficient_evidence"],
        ],
        default=_CLASS["monitor"],
    ).astype("uint8")
    out = xr.DataArray(code, dims=gain.dims, coords=gain.coords)
    return describe(out, "hotspot_class" if groups is None else "hotspot_class_in_zone")


def class_share(
    hotspot_class: xr.DataArray, managed_share: xr.DataArray, valid_share: xr.DataArray
) -> xr.DataArray:
    """Return the share of the cell that its class covers: managed land; all land if excluded."""
    excluded = hotspot_class == _CLASS["excluded"]
    return choose(excluded, valid_share, valid_share * managed_share.fillna(0))
