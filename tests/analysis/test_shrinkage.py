"""Shrinkage: by hand, by a plain loop, and against regions whose true means are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspots.analysis.uncertainty.shrinkage import shrunk_mean, small
from hotspots.errors import BadInputError


def twin(mean: list[float], sd: list[float], area: list[float]) -> tuple[list[float], float]:
    """The formulas as printed, one region after the other."""
    used = [i for i in range(len(mean)) if not math.isnan(mean[i]) and sd[i] > 0]
    w = {i: 1 / sd[i] ** 2 for i in used}
    total = sum(w.values())
    centre = sum(w[i] * mean[i] for i in used) / total
    q = sum(w[i] * (mean[i] - centre) ** 2 for i in used)
    tau2 = max(0.0, (q - (len(used) - 1)) / (total - sum(v**2 for v in w.values()) / total))
    known = [i for i in range(len(mean)) if not math.isnan(mean[i])]
    overall = sum(area[i] * mean[i] for i in known) / sum(area[i] for i in known)
    out = list(mean)
    for i in used:
        own = tau2 / (tau2 + sd[i] ** 2)
        out[i] = own * mean[i] + (1 - own) * overall
    return out, tau2


def test_by_hand() -> None:
    """Means 0 and 4 with sd 1: Q = 8, τ² = (8 − 1)/(2 − 2/2) = 7, own weight 7/8, M = 1."""
    found = shrunk_mean([0, 4], [1, 1], [3, 1])
    assert found.between_sd == pytest.approx(np.sqrt(7))
    assert found.overall_mean == pytest.approx(1)
    np.testing.assert_allclose(found.own_weight, [7 / 8, 7 / 8])
    np.testing.assert_allclose(found.mean, [1 / 8, 29 / 8])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000))
def test_as_the_printed_formulas(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 12))
    mean, sd, area = rng.normal(0.5, 0.4, n), rng.gamma(2, 0.2, n) + 1e-3, rng.random(n) + 0.1
    mean[0] = np.nan
    wanted, tau2 = twin(mean.tolist(), sd.tolist(), area.tolist())
    found = shrunk_mean(mean, sd, area)
    np.testing.assert_allclose(found.mean, wanted, rtol=1e-9, atol=1e-12)
    assert found.between_sd == pytest.approx(np.sqrt(tau2), rel=1e-6, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000), st.floats(0.01, 100))
def test_what_must_hold(seed: int, factor: float) -> None:
    """Never past the overall mean, never away from it; more error, less weight; unit-free."""
    rng = np.random.default_rng(seed)
    mean, sd, area = rng.normal(0.5, 0.4, 9), rng.gamma(2, 0.2, 9) + 1e-3, rng.random(9) + 0.1
    found = shrunk_mean(mean, sd, area)
    before, after = mean - found.overall_mean, found.mean - found.overall_mean
    assert (np.abs(after) <= np.abs(before) + 1e-12).all()
    assert (before * after >= -1e-12).all()
    assert (np.diff(found.own_weight[np.argsort(sd)]) <= 1e-12).all()
    scaled = shrunk_mean(factor * mean, factor * sd, area)
    np.testing.assert_allclose(scaled.mean, factor * found.mean, rtol=1e-6, atol=1e-9 * factor)


def test_no_more_scatter_than_error_is_all_shrunk() -> None:
    found = shrunk_mean([1.0, 1.1, 0.9], [1.0, 1.0, 1.0], [1, 1, 2])
    assert found.between_sd == 0
    np.testing.assert_allclose(found.mean, found.overall_mean)


def test_regions_without_error_keep_their_mean() -> None:
    """No sd, or an sd of 0; a missing mean stays missing; they count in the overall mean."""
    mean, sd = [0.0, 4.0, 9.0, 2.0, np.nan], [1.0, 1.0, np.nan, 0.0, 1.0]
    found = shrunk_mean(mean, sd, [1, 1, 1, 1, 1])
    assert found.overall_mean == pytest.approx(15 / 4)
    assert found.mean[2:4].tolist() == [9.0, 2.0]
    assert np.isnan(found.mean[4])
    np.testing.assert_allclose(found.own_weight, [7 / 8, 7 / 8, 1, 1, np.nan])


@pytest.mark.parametrize("sd", [[1.0, np.nan], [np.nan, np.nan]])
def test_one_region_with_error_is_not_enough(sd: list[float]) -> None:
    found = shrunk_mean([0.0, 4.0], sd, [1, 1])
    assert found.mean.tolist() == [0, 4]
    assert np.isnan(found.between_sd)


def test_nothing_known_gives_nothing() -> None:
    found = shrunk_mean([np.nan] * 3, [1.0] * 3, [1.0] * 3)
    assert np.isnan(found.mean).all()
    assert np.isnan(found.overall_mean)
    unknown_area = shrunk_mean([1.0, 2.0, 4.0], [1.0] * 3, [np.nan] * 3)
    assert unknown_area.mean.tolist() == [1, 2, 4]


def test_shrunk_means_are_nearer_the_truth_and_small_regions_lead_less() -> None:
    """300 regions with a known truth, a third of them small (large error)."""
    rng = np.random.default_rng(0)
    truth = rng.normal(0.4, 0.1, 300)
    sd = np.where(np.arange(300) < 100, 0.3, 0.03)
    drawn = truth + sd * rng.standard_normal(300)
    found = shrunk_mean(drawn, sd, np.where(np.arange(300) < 100, 1.0, 30.0))
    assert found.between_sd == pytest.approx(0.1, rel=0.2)
    assert np.mean((found.mean - truth) ** 2) < 0.3 * np.mean((drawn - truth) ** 2)
    small_leaders = [np.sum(np.argsort(-m)[:20] < 100) for m in (drawn, found.mean)]
    # A third of the regions would have 7 of the first 20 places by their number alone.
    assert small_leaders[0] >= 14
    assert small_leaders[1] <= 6


def test_small_is_below_the_floor() -> None:
    assert small(5.0, floor=5) == 0
    assert small(4.9, floor=5) == 1
    assert np.isnan(small(np.nan, floor=5))
    np.testing.assert_array_equal(small(np.array([1.0, 9, np.nan]), floor=5), [1, 0, np.nan])
    layer = xr.DataArray([1.0, 9.0], dims="region")
    xr.testing.assert_equal(small(layer, floor=5), xr.DataArray([1.0, 0.0], dims="region"))


def test_wrong_use_is_told() -> None:
    with pytest.raises(BadInputError, match="negative"):
        shrunk_mean([1, 2], [-1, 1], [1, 1])
    with pytest.raises(BadInputError, match="negative"):
        shrunk_mean([1, 2], [1, 1], [1, -1])
    with pytest.raises(BadInputError, match=r"shapes \(2,\), \(1,\)"):
        shrunk_mean([1, 2], [1], [1, 1])
    with pytest.raises(BadInputError, match="floor is -1"):
        small(1.0, floor=-1)
