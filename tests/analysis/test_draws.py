"""Draws: hot as `top_share_by_area` and a readable twin say; gain and loss as by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspots.analysis.hotspots.classify import top_share_by_area
from hotspots.analysis.uncertainty.stability import gain_draws, hot_share_of_draws, loss_draws
from hotspots.errors import BadInputError


def hot_cell_by_cell(
    value: np.ndarray, area: np.ndarray, share: float, threshold: float, group: np.ndarray
) -> list[bool]:
    """The definition, read aloud for each cell."""
    out = []
    for i in range(len(value)):
        of_group = [j for j in range(len(value)) if group[j] == group[i]]
        as_high = sum(area[j] for j in of_group if value[j] >= value[i])
        inside = as_high <= share * sum(area[j] for j in of_group) * (1 + 1e-12)
        out.append(bool(inside and value[i] >= threshold and value[i] > 0))
    return out


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.1, 0.25, 0.5, 1.0]))
def test_share_is_the_mean_over_draws_of_two_other_ways(seed: int, share: float) -> None:
    """With ties, NaN, values below 0 and groups."""
    rng = np.random.default_rng(seed)
    values = rng.integers(-2, 6, (30, 4)) / 4.0
    values[rng.random(values.shape) < 0.1] = np.nan
    area, group = rng.integers(1, 5, 30).astype(float), rng.integers(0, 3, 30)
    found = hot_share_of_draws(values, area, top_share=share, threshold=0.25, groups=group)
    twin = [hot_cell_by_cell(v, area, share, 0.25, group) for v in values.T]
    np.testing.assert_array_equal(found, np.mean(twin, axis=0))
    fast = [top_share_by_area(v, area, share, group) & (v >= 0.25) & (v > 0) for v in values.T]
    np.testing.assert_array_equal(found, np.mean(fast, axis=0))
    streamed = hot_share_of_draws(
        iter(values.T), area, top_share=share, threshold=0.25, groups=group
    )
    np.testing.assert_array_equal(found, streamed)


def test_by_hand() -> None:
    """Ten equal cells, a top fifth: two cells; a tie of three for two places is called by none."""
    first = np.arange(10) / 10.0
    tied = np.where(first >= 0.7, 0.9, first)
    low = first / 10
    found = hot_share_of_draws(
        np.stack([first, tied, low, first], axis=1), np.ones(10), top_share=0.2, threshold=0.2
    )
    np.testing.assert_array_equal(found, [0] * 8 + [0.5, 0.5])


@pytest.mark.parametrize("threshold", [-1.0, 0.0])
def test_nothing_gained_is_never_hot(threshold: float) -> None:
    found = hot_share_of_draws(
        np.array([[0.0], [-0.5], [np.nan], [1.0]]), np.ones(4), top_share=1, threshold=threshold
    )
    np.testing.assert_array_equal(found, [0, 0, 0, 1])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 1000))
def test_scaling_all_units_changes_no_hotspot(seed: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    values, area = rng.gamma(2, 0.2, (40, 5)), rng.random(40)
    found = hot_share_of_draws(values, area, top_share=0.2, threshold=0.0)
    scaled = hot_share_of_draws(values * factor, area * factor, top_share=0.2, threshold=0.0)
    np.testing.assert_array_equal(found, scaled)


def test_certain_values_are_hot_always_or_never() -> None:
    """Without errors the share is the hotspot mask itself."""
    rng = np.random.default_rng(3)
    stock, area, zone = rng.gamma(3, 20, 200), rng.random(200), rng.integers(1, 4, 200)
    rate = np.array([np.nan, 0.004, 0.008, 0.011])
    fields = rng.standard_normal((20, 200))
    found = hot_share_of_draws(
        gain_draws(stock, 0.0, rate, zone, fields), area, top_share=0.1, threshold=0.2
    )
    gain = stock * rate[zone]
    hot = top_share_by_area(gain, area, 0.1) & (gain >= 0.2)
    assert hot.any()
    np.testing.assert_array_equal(found, hot.astype(float))


def test_gain_by_hand() -> None:
    """60 t/ha, cv 0.5, ε = 1, -1, -3: 90, 30, 0 t/ha, times the draw's factor of the zone."""
    rate = np.array([[np.nan, 0.01, 0.02], [np.nan, 0.02, 0.04], [np.nan, 0.01, 0.01]])
    fields = np.array([[1.0, 1.0, 1.0, 1.0], [-1] * 4, [-3] * 4])
    zone = np.array([1, 2, 0, 1])
    stock = np.array([60.0, 60.0, 60.0, np.nan])
    found = np.array(list(gain_draws(stock, 0.5, rate, zone, iter(fields))))
    np.testing.assert_allclose(
        found, [[0.9, 1.8, np.nan, np.nan], [0.6, 1.2, np.nan, np.nan], [0, 0, np.nan, np.nan]]
    )
    one_row = np.array(list(gain_draws(stock, 0.5, rate[0], zone, fields)))
    np.testing.assert_allclose(one_row[:, 0], [0.9, 0.3, 0.0])


@pytest.mark.parametrize("cv", [0.3, 0.6, 1.0])
def test_lognormal_keeps_mean_and_sd_and_normal_is_cut_at_zero(cv: float) -> None:
    fields = np.random.default_rng(0).standard_normal((1, 400_000))
    given = (np.full(400_000, 50.0), cv, np.array([np.nan, 0.01]), np.ones(400_000, int), fields)
    (lognormal,) = gain_draws(*given, distribution="lognormal")
    assert lognormal.min() > 0
    assert lognormal.mean() == pytest.approx(0.5, rel=0.01)
    assert lognormal.std() == pytest.approx(0.5 * cv, rel=0.03)
    (normal,) = gain_draws(*given)
    assert normal.min() >= 0
    raised = {0.3: 0.0, 0.6: 0.012, 1.0: 0.083}[cv]  # cv·(φ(1/cv) − (1 − Φ(1/cv))/cv)
    assert normal.mean() == pytest.approx(0.5 * (1 + raised), rel=0.006)


def test_loss_by_hand() -> None:
    loss, sd = np.array([0.2, -0.1, np.nan]), np.array([0.1, 0.0, 0.1])
    found = np.array(list(loss_draws(loss, sd, np.array([[1.0, 1, 1], [-3, -3, -3]]))))
    np.testing.assert_allclose(found, [[0.3, -0.1, np.nan], [-0.1, -0.1, np.nan]])


def test_draws_are_made_one_at_a_time() -> None:
    def endless() -> object:
        while True:
            yield np.ones(2)

    drawn = loss_draws(np.zeros(2), 1.0, endless())  # type: ignore[arg-type]
    np.testing.assert_array_equal(next(drawn), [1, 1])


def test_wrong_use_is_told() -> None:
    ones, field = np.ones(2), np.ones((1, 2))
    zone, rate = np.array([1, 1]), np.array([np.nan, 0.01])
    with pytest.raises(BadInputError, match="top_share is 10"):
        hot_share_of_draws(field.T, ones, top_share=10, threshold=0.2)
    with pytest.raises(BadInputError, match="No draws"):
        hot_share_of_draws([], ones, top_share=0.1, threshold=0.2)
    with pytest.raises(BadInputError, match=r"shape \(3,\), the area \(2,\)"):
        hot_share_of_draws([np.ones(3)], ones, top_share=0.1, threshold=0.2)
    with pytest.raises(BadInputError, match="groups have shape"):
        hot_share_of_draws([ones], ones, top_share=0.1, threshold=0.2, groups=np.array([1]))
    with pytest.raises(BadInputError, match="negative"):
        gain_draws(-ones, 0.5, rate, zone, field)
    with pytest.raises(BadInputError, match="negative"):
        gain_draws(ones, -0.5, rate, zone, field)
    with pytest.raises(BadInputError, match="isn't a known distribution"):
        gain_draws(ones, 0.5, rate, zone, field, distribution="gamma")
    with pytest.raises(BadInputError, match="rate has 2 zones"):
        gain_draws(ones, 0.5, rate, np.array([1, 2]), field)
    with pytest.raises(BadInputError, match="rate has 1 draws"):
        list(gain_draws(ones, 0.5, rate[None], zone, np.ones((2, 2))))
    with pytest.raises(BadInputError, match="sd has the value -1"):
        loss_draws(ones, -1.0, field)
