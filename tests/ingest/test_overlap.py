"""The overlap kernels: against a plain twin on any two grids, and by hand on a few cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyproj
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspots.ingest.regrid import overlap
from hotspots.ingest.regrid.overlap import Overlap, overlaps
from hotspots.layers.grid import Grid, authalic_q

DEGREES, METRES = pyproj.CRS(4326), pyproj.CRS(6933)


def grid(west: float, north: float, dx: float, dy: float, shape: tuple[int, int], crs: Any) -> Grid:
    """Cells dx wide and dy high (negative: southwards) from one corner."""
    return Grid(Affine(dx, 0, west, 0, dy, north), shape, crs)


# ------------------------------------------------------------------------------- the plain twin


def shared(a: np.ndarray, b: np.ndarray, q: Any, turns: tuple[float, ...]) -> np.ndarray:
    """What each interval of the edges `a` shares with each of `b`, by looking at every pair."""
    out = np.zeros((a.size - 1, b.size - 1))
    for i, j in np.ndindex(out.shape):
        for turn in turns:
            low = max(min(a[i : i + 2]) + turn, min(b[j : j + 2]))
            high = min(max(a[i : i + 2]) + turn, max(b[j : j + 2]))
            out[i, j] += q(high) - q(low) if high > low else 0
    return out


def plain_weights(source: Grid, target: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Dense weights of rows and columns, (target, source)."""
    geographic = source.is_geographic
    q = (lambda v: authalic_q(np.clip(v, -90, 90))) if geographic else (lambda v: v)
    turns = (-720.0, -360.0, 0.0, 360.0, 720.0) if geographic else (0.0,)
    rows = shared(target.y_edges, source.y_edges, q, (0.0,))
    return rows, shared(target.x_edges, source.x_edges, lambda v: v, turns)


def plain_mean(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> tuple[Any, Any]:
    """Sums of weight × value, as matrix products."""
    valid = np.isfinite(values)
    total = rows @ np.where(valid, values, 0) @ columns.T
    return total, rows @ valid.astype(float) @ columns.T


def plain_majority(codes: np.ndarray, classes: int, rows: np.ndarray, columns: np.ndarray) -> Any:
    """Area of each class, (class, target rows, target columns)."""
    return np.array([rows @ (codes == c) @ columns.T for c in range(1, classes + 1)])


def dense(axis: Overlap, count: int) -> np.ndarray:
    out = np.zeros((axis.size.size, count))
    for i in range(axis.size.size):
        for k in range(axis.first[i], axis.first[i + 1]):
            out[i, axis.cell[k]] += axis.weight[k]
    return out


STEPS = st.sampled_from([0.25, 1 / 3, 0.5, 0.7, 1.0, 2.5, 5.0, 7.0])
COUNTS = st.integers(1, 9)


@st.composite
def degree_grids(draw: Any) -> Grid:
    dx, dy = draw(STEPS), draw(STEPS)
    rows, columns = draw(COUNTS), draw(COUNTS)
    north = draw(st.sampled_from([90.0, 60.0, 3.3, 0.0, -1.25, -40.0]))
    west = draw(st.sampled_from([-180.0, -20.0, -0.3, 0.0, 170.0, 179.5, 350.0, 300.7]))
    if draw(st.booleans()):  # south-up
        return grid(west, north - rows * dy, dx, dy, (rows, columns), DEGREES)
    return grid(west, north, dx, -dy, (rows, columns), DEGREES)


@st.composite
def pairs(draw: Any) -> tuple[Grid, Grid]:
    if draw(st.booleans()):
        return draw(degree_grids()), draw(degree_grids())
    cells = st.tuples(COUNTS, COUNTS)
    edges = st.sampled_from([0.0, -900.0, 333.3, 1000.0])
    return tuple(
        grid(draw(edges), draw(edges), draw(STEPS) * 100, -draw(STEPS) * 100, draw(cells), METRES)
        for _ in range(2)
    )  # type: ignore[return-value]


@settings(max_examples=60)
@given(pair=pairs(), seed=st.integers(0, 99))
def test_kernels_do_as_their_plain_twins(pair: tuple[Grid, Grid], seed: int) -> None:
    source, target = pair
    rows, columns = overlaps(source, target)
    down, across = plain_weights(source, target)
    np.testing.assert_allclose(dense(rows, source.shape[0]), down, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(dense(columns, source.shape[1]), across, rtol=1e-9, atol=1e-9)

    rng = np.random.default_rng(seed)
    values = rng.normal(50, 20, source.shape)
    values[rng.random(source.shape) < 0.3] = np.nan
    mean, share = overlap.mean(values, rows, columns)
    total, area = plain_mean(values, down, across)
    whole = np.outer(rows.size, columns.size)
    np.testing.assert_allclose(share, np.minimum(area / whole, 1), rtol=1e-5, atol=1e-6)
    filled = np.nan_to_num(mean).astype(float) * area
    np.testing.assert_allclose(filled, total, rtol=1e-5, atol=1e-6 * np.abs(total).max() + 1e-12)
    assert (np.isnan(mean) == (share == 0)).all()

    codes = rng.integers(0, 4, source.shape).astype("uint8")
    most, share = overlap.majority(codes, 3, rows, columns)
    areas = plain_majority(codes, 3, down, across)
    np.testing.assert_allclose(
        share, np.minimum(areas.sum(axis=0) / whole, 1), rtol=1e-5, atol=1e-6
    )
    near = areas >= areas.max(axis=0) * (1 - 1e-6)
    known = areas.sum(axis=0) > 1e-6 * whole  # a sliver from rounded edges is none
    expected = np.where(known, near.argmax(axis=0) + 1, 0)  # the first of equals
    np.testing.assert_array_equal(most, expected)

    part, land = overlap.share_of(codes, 3, 1, 3, rows, columns)
    dry = areas[:2].sum(axis=0)
    np.testing.assert_allclose(land, np.minimum(dry / whole, 1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.nan_to_num(part) * dry, areas[0], rtol=1e-5, atol=1e-9)
    clear = (dry == 0) | (dry > 1e-6 * whole)
    assert (np.isnan(part) == (dry == 0))[clear].all()


def test_a_cell_over_four_by_hand() -> None:
    """One target cell over parts of four, 1×1, 1×2, 2×1, 2×2 in size; the third is missing."""
    #  10 | 20
    #  ---+---
    #  -- | 40
    source = grid(0, 4, 2, -2, (2, 2), METRES)
    target = grid(1, 3, 3, -3, (1, 1), METRES)
    rows, columns = overlaps(source, target)
    mean, share = overlap.mean(np.array([[10.0, 20], [np.nan, 40]]), rows, columns)
    assert mean[0, 0] == pytest.approx((1 * 10 + 2 * 20 + 4 * 40) / 7)
    assert share[0, 0] == pytest.approx(7 / 9)
    most, share = overlap.majority(np.array([[1, 2], [0, 1]], "uint8"), 2, rows, columns)
    assert (most[0, 0], share[0, 0]) == (1, pytest.approx(7 / 9))
    part, land = overlap.share_of(np.array([[3, 2], [0, 1]], "uint8"), 3, 1, 3, rows, columns)
    assert (part[0, 0], land[0, 0]) == (pytest.approx(4 / 6), pytest.approx(6 / 9))


@pytest.mark.parametrize("seed", range(20))
def test_of_equal_areas_the_lowest_class_wins(seed: int) -> None:
    """Also where the sums differ by rounding, as those of tenths do in most orders."""
    source, target = grid(0, 1, 0.1, -1, (1, 10), METRES), grid(0, 1, 1, -1, (1, 1), METRES)
    codes = np.random.default_rng(seed).permutation(np.repeat([5, 2], 5)).astype("uint8")
    most, _ = overlap.majority(codes[None], 5, *overlaps(source, target))
    assert most[0, 0] == 2


def test_rows_near_the_pole_weigh_by_their_area() -> None:
    """Two rows of 45°: the southern has (1 - q(45)/q(90)) : q(45)/q(90) of the hemisphere."""
    source = grid(0, 90, 90, -45, (2, 1), DEGREES)
    target = grid(0, 90, 90, -90, (1, 1), DEGREES)
    mean, _ = overlap.mean(np.array([[1.0], [0.0]]), *overlaps(source, target))
    north = 1 - authalic_q(np.array(45.0)) / authalic_q(np.array(90.0))
    assert mean[0, 0] == pytest.approx(float(north), rel=1e-6)


@pytest.mark.parametrize(
    ("west", "step", "shape", "same"),
    [
        (-180, 1, (4, 360), True),
        (0, 1, (4, 360), True),
        (0, 1.0000000001, (4, 360), True),
        (-180, 0.5, (4, 720), False),
        (-179.5, 1, (4, 360), False),
    ],
)
def test_grids_that_coincide_are_known(west: float, step: float, shape: Any, same: bool) -> None:
    rows, columns = overlaps(
        grid(west, 60, step, -1, shape, DEGREES), grid(-180, 60, 1, -1, (4, 360), DEGREES)
    )
    assert (rows.same and columns.same) is same


def test_columns_that_come_twice_count_once() -> None:
    """A world with a repeated last column, as some models write it."""
    source = grid(-180, 1, 10, -1, (1, 37), DEGREES)
    rows, columns = overlaps(source, grid(-180, 1, 30, -1, (1, 12), DEGREES))
    assert columns.weight.sum() == pytest.approx(360)
    values = np.ones((1, 37))
    assert overlap.mean(values, rows, columns)[1].max() == 1
