"""Cosine and sine of many phases: compiled with numba, bitwise identical on every processor.

Numpy's results differ in the last digit between vector units, and in float32 by enough to move some
cells across a threshold over hundreds of draws.
"""

from __future__ import annotations

import math

import numba

from hotspots.layers.array_types import FloatArray, RealArray

_QUARTER_TURN = math.pi / 2  # rad
# Adding and subtracting this rounds a number below 2^51 to an integer, in any vector unit.
_TO_WHOLE = 1.5 * 2.0**52


@numba.njit(cache=True, nogil=True, inline="always")
def _quarter(turns: float) -> tuple[float, float]:
    """Return cosine and sine of a quarter of a phase, by their Taylor series.

    The phase in whole turns; its quarter is within π/4, where the first term left out is below
    1e-17.
    """
    x = (turns - ((turns + _TO_WHOLE) - _TO_WHOLE)) * _QUARTER_TURN
    z = x * x
    # 1/(2n)! for the cosine and 1/(2n + 1)! for the sine, by Horner's rule: highest power first.
    c = 1 / 20922789888000 - z * (1 / 6402373705728000)
    c = -1 / 87178291200 + z * c
    c = 1 / 479001600 + z * c
    c = -1 / 3628800 + z * c
    c = 1 / 40320 + z * c
    c = -1 / 720 + z * c
    c = 1 / 24 + z * c
    c = -1 / 2 + z * c
    s = 1 / 355687428096000 - z * (1 / 121645100408832000)
    s = -1 / 1307674368000 + z * s
    s = 1 / 6227020800 + z * s
    s = -1 / 39916800 + z * s
    s = 1 / 362880 + z * s
    s = -1 / 5040 + z * s
    s = 1 / 120 + z * s
    s = -1 / 6 + z * s
    return 1.0 + z * c, x + x * z * s


@numba.njit(cache=True, nogil=True)
def cos_sin(turns: FloatArray, out: RealArray) -> None:
    """Set `out` (rows, 2 x columns) to the cosines, then the sines, of phases in whole turns.

    Operations that IEEE 754 defines to the last bit, in a fixed order, without fused products.
    """
    columns = turns.shape[1]
    for i in range(turns.shape[0]):
        phase, cosine, sine = turns[i], out[i, :columns], out[i, columns:]
        for j in range(columns):
            c, s = _quarter(phase[j])
            # Doubled twice, here and below: from a quarter of the phase to the whole.
            s, c = 2.0 * s * c, 1.0 - 2.0 * s * s
            cosine[j] = 1.0 - 2.0 * s * s
            sine[j] = 2.0 * s * c
