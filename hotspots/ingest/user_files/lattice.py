"""The regular grid that points lie on: the greatest step of which all distances are multiples.

Rows and columns of a table of land are absent where there is sea, so that neither the median nor
the smallest distance of neighbours is the cell size. A step that the points don't show clearly is
refused: a guess would give each value the area of several cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hotspots.errors import RasterError

Array = npt.NDArray[np.float64]

_MOST_PARTS = 12  # of the smallest distance of two lines, into which it is divided
# Coordinates may deviate from the grid by this part of a cell; if they are rounded, by more.
_OFF, _OFF_ROUNDED = 0.05, 0.25
_MOST_DIGITS = 9
# The chance that as many lines elsewhere would lie on a grid too: if the deviations are those of
# rounding, and if they are larger.
_SURE, _BEYOND_DOUBT = 1e-2, 1e-6
# Lines of the grid to each one that has points, if the step is a distance of two lines, or isn't.
_MOST_LINES, _MOST_LINES_GUESSED = 10, 4
_CELLS_PER_POINT = 1_000
_FEW_LINES = 4
_SAME_STEP = 0.02
_FLOAT32 = 2.0**-23
_EXACT = 1e-6  # of a step
_OWN_WEIGHT = 4.0
_LOST = 0.45  # of a step, from which the next line is ambiguous


@dataclass(frozen=True)
class Axis:
    """One axis of a regular grid.

    Attributes
    ----------
    index : array of int
        Position of each point, from 0 in the direction of rising coordinates.
    first : float
        Coordinate of the first centre.
    step : float
        Distance of two centres.
    lines : int
        Number of different coordinates among the points.
    """

    index: npt.NDArray[np.int64]
    first: float
    step: float
    lines: int

    @property
    def size(self) -> int:
        """Number of cells along the axis."""
        return int(self.index.max()) + 1


class NoLatticeError(RasterError):
    """Points don't show the step of a regular grid; the message says why."""


def axis_of(coordinates: Array, name: str, step: float | None = None) -> Axis:
    """Return the regular axis that coordinates lie on.

    Parameters
    ----------
    coordinates : array
        Finite, in any order, rounded or with gaps; at least one.
    name : str
        Name of the axis, for messages.
    step : float, optional
        The distance of two centres, where it is stated.

    Raises
    ------
    NoLatticeError
        All coordinates are the same and no step is stated; they are multiples of no step, or of
        one so small that it says nothing.
    """
    lines, line_of = _lines(coordinates)
    tolerance = _rounding(coordinates)
    if step is not None:
        found = _anchored(lines, step, tolerance)
        if found is None:
            raise NoLatticeError(f"the coordinates '{name}' aren't multiples of {step:g} apart")
        return Axis(found[line_of], float(np.mean(lines - found * step)), step, lines.size)
    if lines.size < 2:
        raise NoLatticeError(f"the coordinates '{name}' are all the same")
    for parts, start in _candidates(lines):
        fit = _fitted(lines, start)
        if fit is None:
            continue
        if _is_clear(fit, parts, tolerance):
            return Axis(fit.at[line_of], fit.first, fit.step, lines.size)
        # A finer step would fit too, but this one might be the true one.
        if fit.off <= min(tolerance, _OFF_ROUNDED * fit.step):
            break
    gaps = np.diff(lines)
    raise NoLatticeError(
        f"steps of '{name}' run from {gaps.min():g} to {gaps.max():g} without a common one that"
        f" {lines.size:,} different coordinates would show"
    )


def require_plain(y: Axis, x: Axis, points: int) -> None:
    """Raise `NoLatticeError` if two axes don't make a grid that the points show clearly.

    Parameters
    ----------
    y, x : Axis
        The axes, of which no step is stated.
    points : int
        Number of points on the grid.
    """
    cells = y.size * x.size
    if cells > _CELLS_PER_POINT * points:
        raise NoLatticeError(
            f"{points:,} points would lie in {cells:,} cells of {y.step:.6g} x {x.step:.6g}"
        )
    coarse = y if y.step > x.step else x
    ratio = coarse.step / min(y.step, x.step)
    if ratio > 1 + _SAME_STEP and coarse.lines < _FEW_LINES:
        raise NoLatticeError(
            f"cells would be {y.step:.6g} high and {x.step:.6g} wide by only {coarse.lines}"
            " different coordinates"
        )


def _lines(coordinates: Array) -> tuple[Array, npt.NDArray[np.int64]]:
    """Return the different coordinates, ascending, and which of them each point has.

    Coordinates that differ by the rounding of float32, far less than all others, are one line.
    """
    values, place = np.unique(coordinates, return_inverse=True)
    gaps = np.sort(np.diff(values))
    noise = _FLOAT32 * 4 * np.abs(values).max()
    small = int(np.searchsorted(gaps, noise, side="right"))
    # Only if there is a wide jump between the distances that are rounding and all others.
    if 0 < small < gaps.size and gaps[small] > 10 * gaps[small - 1]:
        group = np.concatenate([[0], np.cumsum(np.diff(values) > gaps[small - 1])])
        values = np.bincount(group, weights=values) / np.bincount(group)
        place = group[place]
    return values, place.astype("int64")


def _rounding(coordinates: Array) -> float:
    """Return by how much coordinates may deviate because of the digits that they are written in."""
    most = float(np.abs(coordinates).max())
    for digits in range(_MOST_DIGITS + 1):
        if np.abs(coordinates - np.round(coordinates, digits)).max() <= 1e-12 * max(most, 1.0):
            # Numbers of five decimals or more may come from float32.
            noise = _FLOAT32 * most if digits >= 5 else 0.0
            return max(0.75 * 10.0**-digits, noise)
    return max(0.75 * 10.0**-_MOST_DIGITS, _FLOAT32 * most)


def _candidates(lines: Array) -> Iterator[tuple[int, float]]:
    """Yield steps to try, the largest first, each with the parts of the smallest distance."""
    gaps = np.diff(lines)
    least = float(gaps.min())
    # Averaged, since the rounding of two coordinates is a large part of a small step.
    yield 1, float(gaps[gaps <= 1.5 * least * (1 + _EXACT)].mean())
    for parts in range(1, _MOST_PARTS + 1):
        yield parts, least / parts


class _Fit(NamedTuple):
    """Lines on a regular axis: positions, the first centre, the step, the largest deviation."""

    at: npt.NDArray[np.int64]
    first: float
    step: float
    off: float


def _fitted(lines: Array, step: float) -> _Fit | None:
    """Return the regular axis of about this step that lines lie on; None if they lie on none."""
    from_first = lines - lines[0]
    # Line by line, so that a rounded step doesn't add up to a whole cell over a long axis; the step
    # given counts like one line, since it may be the mean of many.
    products, squares = _OWN_WEIGHT * step, _OWN_WEIGHT
    for distance in from_first[1:].tolist():
        count = round(distance / step)
        if count < 1 or abs(distance - count * step) > _LOST * step:
            return None
        products, squares = products + count * distance, squares + count * count
        step = products / squares
    index = np.rint(from_first / step)
    if (np.diff(index) < 1).any():
        return None
    first, step = float(lines[0]), float(from_first[-1] / index[-1])
    off = float(np.abs(first + index * step - lines).max())
    if off > _EXACT * step:
        slope, start = np.polyfit(index, lines, 1)
        first, step = float(start), float(slope)
        off = float(np.abs(first + index * step - lines).max())
    return _Fit(index.astype("int64"), first, step, off)


def _anchored(lines: Array, step: float, tolerance: float) -> npt.NDArray[np.int64] | None:
    index = np.rint((lines - lines[0]) / step)
    off = lines - index * step
    limit = max(_OFF * step, min(tolerance, _OFF_ROUNDED * step))
    if (np.diff(index) < 1).any() or np.abs(off - off.mean()).max() > limit:
        return None
    return np.asarray(index, dtype="int64")


def _is_clear(fit: _Fit, parts: int, tolerance: float) -> bool:
    """Return whether lines show a step: others, at random, would hardly lie on such an axis."""
    size, lines = int(fit.at[-1]) + 1, fit.at.size
    chance = parts * min(1.0, 2 * max(tolerance, fit.off) / fit.step) ** (lines - 2)
    if fit.off > min(tolerance, _OFF_ROUNDED * fit.step):
        # Off by more than the digits explain: only many lines make that a grid.
        return fit.off <= _OFF * fit.step and chance <= _BEYOND_DOUBT
    if chance <= _SURE:
        return True
    most = _MOST_LINES if parts == 1 else _MOST_LINES_GUESSED
    return fit.off <= _EXACT * fit.step and size <= lines * most
