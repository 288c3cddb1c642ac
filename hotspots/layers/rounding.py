"""Rounding with identical results on every processor.

Vector units of different width, and libraries built for them, differ in the last of about 16
digits, which would decide where a value lies at a rounding step, a threshold or a tie. Values are
therefore first rounded to fewer digits, well above the precision of any measurement, and only then
compared or rounded to the step.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hotspots.layers.array_types import FloatArray, SameKind

# Relative tolerance for equal sums of many cells (areas): far above the effect of the order of
# terms, far below the accuracy of any area.
SAME_SUM = 1e-9
_STEP_DECIMALS = 6  # of a rounding step


def split(value: SameKind) -> SameKind:
    """Return a finite float64 rounded to 41 binary digits: by at most 5e-13 of it.

    Made of three operations that IEEE 754 defines to the last bit, for compiled loops and arrays
    alike (Dekker 1971, doi:10.1007/BF01397083).
    """
    # 2^12 + 1, which takes the last 12 of 53 binary digits off.
    scaled = value * 4097.0
    return scaled - (scaled - value)


def steady(values: npt.ArrayLike) -> FloatArray:
    """Return values without their last digits, so that values equal up to rounding compare equal.

    Parameters
    ----------
    values : array
        Of any shape and unit; NaN and infinities stay.

    Returns
    -------
    array of float64
        Rounded to 41 binary digits, see `split`. Values from float32 (24 digits) are unchanged.
    """
    given = np.asarray(values, dtype="float64")
    with np.errstate(invalid="ignore", over="ignore"):
        rounded = split(given)
    # Numbers so large that the product overflows are kept whole.
    return np.where(np.isfinite(rounded), rounded, given)


def to_step(values: npt.ArrayLike, step: float) -> FloatArray:
    """Return values rounded to whole multiples of a step, half a step to the even multiple.

    Parameters
    ----------
    values : array
        In any unit; up to 1e8 steps, NaN stays.
    step : float
        In that unit, above 0.
    """
    steps = np.round(np.asarray(values, dtype="float64") / step, _STEP_DECIMALS)
    return np.asarray(np.rint(steps) * step)
