"""Ensemble of potentials: median, spread and agreement of several methods.

A cell where too few methods have a value, or where they disagree about the threshold, is classified
as "not enough evidence".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import common_depth
from hotspots.errors import BadInputError
from hotspots.layers.array_types import AnyArray, FloatArray, IntArray, Numeric
from hotspots.layers.typed import choose
from hotspots.layers.variables import describe, require_aligned

MIN_AGREEMENT = 2 / 3  # minimum share of the methods with a value on one side
_RATE = "t ha-1 yr-1"


def ensemble(
    *,
    methods: Mapping[str, Numeric],
    threshold: float,
    min_methods: int = 2,
    min_agreement: float = MIN_AGREEMENT,
    max_spread: float | None = None,
) -> xr.Dataset:
    """Return median, spread and agreement of several potentials, and insufficient evidence.

    Parameters
    ----------
    methods : mapping of str to DataArray (or array, or float)
        Potential of each method, t ha-1 yr-1, on one grid and of one depth; NaN where a method has
        no value.
    threshold : float
        Potential from which a method counts, t ha-1 yr-1 (inclusive).
    min_methods : int
        Minimum number of methods with a value, 1 or more.
    min_agreement : float
        Minimum share of the methods with a value on one side of the threshold, above 0.5 to 1.
    max_spread : float, optional
        Highest less lowest potential that still counts as agreement, t ha-1 yr-1.

    Returns
    -------
    Dataset
        ``potential_median``, ``potential_lowest``, ``potential_highest`` (t ha-1 yr-1, NaN where no
        method has a value), ``methods_known`` (0 where none), ``methods_agree`` (methods at or
        above the threshold; NaN where none is known) and ``evidence``, a class: above_threshold,
        below_threshold, not_enough_evidence; 0 (nodata) where no method has a value.

    Raises
    ------
    BadInputError
        No method, a layer in another unit, different depths, a choice out of range.

    Notes
    -----
    Not enough evidence: fewer than `min_methods` known, or less than `min_agreement` of them on one
    side of the threshold, or a range above `max_spread`. The median of two is their mean. Methods
    based on one stock map share its errors, so that their agreement isn't independent evidence.
    Upper bounds (saturation, historical deficit) aren't rates and must not be included. A
    convention of this project.
    """
    _require_choices(methods, threshold, min_methods, min_agreement, max_spread)
    layers = [
        value if isinstance(value, xr.DataArray) else xr.DataArray(np.asarray(value, "float64"))
        for value in methods.values()
    ]
    require_aligned(*layers)
    found = xr.apply_ufunc(
        lambda *values: _combine(np.broadcast_arrays(*values), threshold),
        *layers,
        output_core_dims=[[]] * 5,
        dask="parallelized",
        output_dtypes=["float64"] * 5,
        keep_attrs="override",
    )
    median, low, high, known, above = found
    # Against rounding, as in 2 of 3.
    agreed = np.maximum(above, known - above) >= min_agreement * known - 1e-9
    enough = (known >= min_methods) & agreed
    if max_spread is not None:
        enough = enough & (high - low <= max_spread)
    # A tie can't reach the agreement of more than a half, so that its side doesn't matter.
    side = choose(2 * above > known, 1, 2)
    evidence = choose(known > 0, choose(enough, side, 3), 0).astype("uint8")
    depth = common_depth(*layers)
    rules = {"min_methods": min_methods, "min_agreement": min_agreement}
    attrs = {"methods": " ".join(methods), **depth}
    return xr.Dataset(
        {
            "potential_median": describe(median, "potential_median", **attrs),
            "potential_lowest": describe(low, "potential_lowest", **attrs),
            "potential_highest": describe(high, "potential_highest", **attrs),
            "methods_known": describe(known, "methods_known", methods=" ".join(methods)),
            "methods_agree": describe(above.where(known > 0), "methods_agree", threshold=threshold),
            "evidence": describe(evidence, "evidence", threshold=threshold, **rules),
        }
    )


def _combine(values: Sequence[AnyArray], threshold: float) -> tuple[FloatArray, ...]:
    """Return median, lowest, highest, known and at or above the threshold, along the methods."""
    # By place in the sorted values instead of nanmedian, which warns where all are missing.
    ordered = np.sort(np.stack(values).astype("float64"), axis=0)  # NaN last
    known = (~np.isnan(ordered)).sum(axis=0)

    def at(rank: IntArray) -> FloatArray:
        """Return the value of this rank in each cell, the least first."""
        ranked: FloatArray = np.take_along_axis(ordered, np.maximum(rank, 0)[None], axis=0)[0]
        return ranked

    middle = (at((known - 1) // 2) + at(known // 2)) / 2
    above = (ordered >= threshold).sum(axis=0)
    return middle, at(known * 0), at(known - 1), known.astype("float64"), above.astype("float64")


def _require_choices(
    methods: Mapping[str, Numeric],
    threshold: float,
    min_methods: int,
    min_agreement: float,
    max_spread: float | None,
) -> None:
    if not methods:
        raise BadInputError("methods is empty; give at least one potential by its name.")
    for name, layer in methods.items():
        unit = getattr(layer, "attrs", {}).get("units", _RATE)
        if unit != _RATE:
            raise BadInputError(
                f"methods: '{name}' is in '{unit}'; only potentials in '{_RATE}' can be compared."
            )
    if not np.isfinite(threshold):
        raise BadInputError(f"threshold is {threshold}; it is a potential, {_RATE}.")
    if not min_methods >= 1:
        raise BadInputError(f"min_methods is {min_methods}; it is a number of methods, 1 or more.")
    if not 0.5 < min_agreement <= 1:
        raise BadInputError(
            f"min_agreement is {min_agreement}; it is a share of the methods, above 0.5, at most 1."
        )
    if max_spread is not None and not max_spread >= 0:
        raise BadInputError(f"max_spread is {max_spread}; it is a range, {_RATE}, 0 or more.")
