"""Rounding that gives the same on every processor.

Vector units of unlike width, and libraries made for them, differ in the last of some 16 digits.
Where a value lies on the edge of a rounding step, a threshold or a tie, that digit would decide. So
it is rounded away first: to so many digits that nothing measured is lost, and only then compared or
rounded to the step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

# Relative difference up to which sums of many cells (areas) are the same: far above what the order
# of their terms decides, far below any area known.
SAME_SUM = 1e-9
_STEP_DECIMALS = 6  # of a rounding step


def split(value: Any) -> Any:
    """Return a finite float64 rounded to 41 binary digits: by at most 5e-13 of it.

    Made of three operations that IEEE 754 defines to the last bit, for compiled loops and arrays
    alike (Dekker 1971, doi:10.1007/BF01397083).
    """
    scaled = value * 4097.0
    return scaled - (scaled - value)


def steady(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return values without their last digits, so that those that should be equal are.

    Parameters
    ----------
    values : array
        Any shape and unit; NaN and infinities stay.

    Returns
    -------
    array of float64
        Rounded to 41 binary digits, see `split`. What comes from float32 (24 digits) is unchanged.
    """
    given = np.asarray(values, dtype="float64")
    with np.errstate(invalid="ignore", over="ignore"):
        rounded = split(given)
    return np.where(np.isfinite(rounded), rounded, given)


def to_step(values: npt.ArrayLike, step: float) -> npt.NDArray[np.float64]:
    """Return values rounded to whole multiples of a step, half a step to the even multiple.

    Parameters
    ----------
    values : array
        Any unit; up to 1e8 steps, NaN stays.
    step : float
        In that unit, above 0.
    """
    steps = np.round(np.asarray(values, dtype="float64") / step, _STEP_DECIMALS)
    return np.asarray(np.rint(steps) * step)
