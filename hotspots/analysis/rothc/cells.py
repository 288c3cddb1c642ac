"""RothC's kernels for many cells: layers are stacked into the kernels' form, part by part."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from hotspots.analysis.rothc.kernel import State, after, equilibrium, rates, simulate
from hotspots.layers.array_types import FloatArray

# Rows of the weather and elements of the soil that each kernel takes.
_TAKES = {"rates": (4, 3), "equilibrium": (6, 6), "simulate": (6, 6), "after": (6, 6)}
# Months of cells stacked at once: they stay in the processor's cache, and the copies take no memory
# to speak of.
_AT_ONCE = 2**14


def run(kernel: str, *given: FloatArray) -> tuple[FloatArray, ...]:
    """Return the results of a kernel for many cells.

    Parameters
    ----------
    kernel : str
        "rates", "equilibrium", "simulate" or "after".
    *given : array
        The rows of the weather, each (..., m), then the elements of the soil, of the state before
        the first month and the number of repetitions, as far as the kernel takes them, each (...).
        The shapes of the cells are broadcast.

    Returns
    -------
    tuple of array
        "rates": a, b, c and the deficit, (..., m). "equilibrium" and "after": DPM, RPM, BIO, HUM,
        deficit, mm, and the pools' sum with IOM, t ha-1, (...). "simulate": the same and the
        month's CO2, (..., m).
    """
    rows = _TAKES[kernel][0]
    cells = [a.shape[:-1] for a in given[:rows]] + [a.shape for a in given[rows:]]
    shape, months = np.broadcast_shapes(*cells), given[0].shape[-1]
    whole = [
        np.broadcast_to(a, (*shape, months) if i < rows else shape) for i, a in enumerate(given)
    ]
    function = {"rates": rates, "equilibrium": equilibrium, "simulate": simulate, "after": after}
    out, targets = _results(kernel, shape, months)
    for part in _parts(shape, months):
        arguments = _stacked(kernel, [a[part] for a in whole])
        function[kernel](*arguments, out=tuple(target[part] for target in targets))
    return tuple(out)


def _results(
    kernel: str, shape: tuple[int, ...], months: int
) -> tuple[list[FloatArray], list[FloatArray]]:
    """Return empty results, and the views of them that a kernel sets."""
    each = (*shape, months) if kernel in ("rates", "simulate") else shape
    if kernel == "rates":
        modifiers_and_deficit = [np.empty(each) for _ in range(4)]
        return modifiers_and_deficit, modifiers_and_deficit
    states = np.empty((len(State._fields), *each))
    more = [np.empty(each) for _ in range(2 if kernel == "simulate" else 1)]
    # With the dots also the elements of a single cell are views, not copies made too early.
    by_name = [states[i, ...] for i in range(len(states))]
    return [*by_name, *more], [np.moveaxis(states, 0, len(shape)), *more]


def _parts(shape: tuple[int, ...], months: int) -> Iterator[Any]:
    """Yield slices of the first dimension, of `_AT_ONCE` months in all or of one row."""
    if not shape:
        yield ...
        return
    step = max(1, _AT_ONCE // max(1, months * math.prod(shape[1:])))
    for first in range(0, shape[0], step):
        yield slice(first, first + step)


def _stacked(kernel: str, given: list[FloatArray]) -> list[FloatArray]:
    """Return the arguments of a kernel: weather, soil, state and repetitions, as far as it has."""
    rows, elements = _TAKES[kernel]
    rest = given[rows + elements :]
    out = [np.stack(given[:rows], axis=-2), np.stack(given[rows : rows + elements], axis=-1)]
    if kernel == "equilibrium":
        out.append(np.zeros(len(State._fields)))
    elif kernel != "rates":
        out.append(np.stack(rest[: len(State._fields)], axis=-1))
    return out + rest[len(State._fields) :]
