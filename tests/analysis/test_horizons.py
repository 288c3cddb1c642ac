"""Gain over horizons and as adoption ramps up, against loops over years and cohorts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from hotspots.analysis.potential.horizons import Adoption, constrained, gain_at
from hotspots.errors import BadInputError, GridMismatchError

SHARE = st.floats(0, 1)


def row(*values: float) -> xr.DataArray:
    coords = {"y": [45.5], "x": 10.5 + np.arange(len(values))}
    return xr.DataArray([list(values)], dims=("y", "x"), coords=coords)


# ---------------------------------------------------------------- horizons


def test_horizons_by_hand() -> None:
    """0.5 t/ha/yr for 20 years: 10 t/ha, and nothing more in 30 years."""
    out = gain_at(rate=0.5, start_year=2025)
    np.testing.assert_allclose(out["gain_total"], [2.5, 5, 10, 10])
    np.testing.assert_allclose(out["gain_rate"], [0.5, 0.5, 0.5, 1 / 3])
    np.testing.assert_allclose(out["gain_rate_then"], [0.5, 0.5, 0.5, 0])
    assert out["year_of_saturation"].item() == 2045
    assert list(out["horizon"].values) == [5, 10, 20, 30]
    assert (out["gain_total"].attrs["units"], out["gain_rate"].attrs["units"]) == (
        "t ha-1",
        "t ha-1 yr-1",
    )


@given(rate=st.floats(-2, 2), lasting=st.integers(1, 60), horizon=st.integers(0, 80))
def test_horizon_twin_year_by_year(rate: float, lasting: int, horizon: int) -> None:
    total = 0.0
    for year in range(horizon):
        if year < lasting:
            total += rate
    out = gain_at(rate=rate, years_of_transition=float(lasting), horizon=horizon)
    assert out["gain_total"].item() == pytest.approx(total, abs=1e-9)
    mean = total / horizon if horizon else rate
    assert out["gain_rate"].item() == pytest.approx(mean, abs=1e-9)


def test_horizons_of_layers_keep_missing_and_stay_lazy() -> None:
    rate, lasting = row(0.5, np.nan, 0.5), row(20, 20, np.nan)
    whole = gain_at(rate=rate, years_of_transition=lasting, horizon=(0, 30))
    for name, layer in whole.items():
        missing = layer.isnull()
        missing = missing if "horizon" not in missing.dims else missing.all("horizon")
        np.testing.assert_array_equal(missing, [[False, True, True]], err_msg=str(name))
    lazy = gain_at(rate=rate.chunk({"x": 1}), years_of_transition=lasting, horizon=(0, 30))
    assert lazy["gain_total"].chunks is not None
    xr.testing.assert_identical(lazy.compute(), whole)
    assert gain_at(rate=np.array([0.1, 0.2]))["gain_total"].shape == (2, 4)


# ---------------------------------------------------------------- adoption


def plain_adopted(t: float, midpoint: float, steepness: float) -> float:
    if t <= 0:
        return 0.0
    start = 1 / (1 + math.exp(steepness * midpoint))
    now = 1 / (1 + math.exp(-steepness * (t - midpoint)))
    return (now - start) / (1 - start)


def plain_total(
    years: float, midpoint: float, steepness: float, lasting: float, steps: int = 4000
) -> float:
    """Each cohort that adopts gains 1 a year for `lasting` years, or until now."""
    total, width = 0.0, years / steps
    for i in range(steps):
        adopts = (i + 0.5) * width
        share = plain_adopted((i + 1) * width, midpoint, steepness) - plain_adopted(
            i * width, midpoint, steepness
        )
        total += share * min(years - adopts, lasting)
    return total


@pytest.mark.parametrize("lasting", [5.0, 20.0])
@pytest.mark.parametrize(("midpoint", "steepness"), [(10, 0.3), (0, 0.1), (25, 1.0), (3, 5.0)])
def test_ramp_twin_cohort_by_cohort(lasting: float, midpoint: float, steepness: float) -> None:
    out = constrained(
        potential=0.5,
        adoption=Adoption(0.1, 0.8, 0.5, midpoint, steepness),
        years=[0, 7, 30, 60],
        transition_years=lasting,
    )
    new = 0.8 * 0.5 - 0.1
    for i, year in enumerate((0.0, 7.0, 30.0, 60.0)):
        adopted = plain_adopted(year, midpoint, steepness)
        assert out["adoption"].values[i] == pytest.approx(0.1 + new * adopted, rel=1e-9)
        gaining = adopted - plain_adopted(year - lasting, midpoint, steepness)
        assert out["gain_rate"].values[i] == pytest.approx(0.5 * new * gaining, abs=1e-9)
        total = 0.5 * new * plain_total(year, midpoint, steepness, lasting)
        assert out["gain_total"].values[i] == pytest.approx(total, rel=1e-4, abs=1e-9)


@given(
    now=SHARE, feasible=SHARE, most=SHARE, midpoint=st.floats(0, 50), steepness=st.floats(0.01, 20)
)
def test_ramp_stays_within_its_limits(
    now: float, feasible: float, most: float, midpoint: float, steepness: float
) -> None:
    out = constrained(
        potential=0.5,
        adoption=Adoption(now, feasible, most, midpoint, steepness),
        years=[0, 1, 10, 40, 5000],
    )
    new = max(0.0, feasible * most - now)
    adoption, total = out["adoption"].values, out["gain_total"].values
    assert adoption[0] == now
    assert total[0] == 0
    assert (np.diff(adoption) >= -1e-12).all()
    assert (np.diff(total) >= -1e-9).all()
    assert adoption[-1] == pytest.approx(now + new)
    assert total[-1] == pytest.approx(0.5 * new * 20, abs=1e-6)
    assert (out["gain_rate"].values <= 0.5 * new + 1e-12).all()


def test_ramp_of_layers_keeps_missing_and_stays_lazy() -> None:
    """Nothing feasible gains 0; unknown gives unknown; all adopted already gains nothing."""
    gain, now = row(0.5, 0.5, np.nan, 0.5), row(0.2, 0.2, 0.2, 1)
    feasible = row(1, 0, 1, 1)
    whole = constrained(potential=gain, adoption=Adoption(now, feasible), years=30)
    assert whole.sizes["year"] == 31
    last = whole["gain_total"].isel(year=-1).values[0]
    assert last[0] > 0
    assert list(last[[1, 3]]) == [0, 0]
    assert np.isnan(last[2])
    lazy = constrained(
        potential=gain.chunk({"x": 2}), adoption=Adoption(now.chunk({"x": 2}), feasible)
    )
    assert lazy["gain_total"].chunks is not None
    xr.testing.assert_identical(lazy.compute(), whole)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: gain_at(rate=0.5, horizon=-1), "horizon is -1"),
        (lambda: gain_at(rate=0.5, horizon=[5, np.nan]), "horizon is"),
        (lambda: gain_at(rate=0.5, years_of_transition=0.0), "years_of_transition has the value 0"),
        (lambda: constrained(potential=0.5, adoption=Adoption(now=20.0)), "divide percent by 100"),
        (
            lambda: constrained(potential=0.5, adoption=Adoption(feasible_share=-0.1)),
            "feasible_share has the value",
        ),
        (
            lambda: constrained(potential=0.5, adoption=Adoption(ceiling=1.5)),
            "ceiling has the value 1.5",
        ),
        (lambda: constrained(potential=0.5, adoption=Adoption(midpoint=-1)), "midpoint is -1"),
        (lambda: constrained(potential=0.5, adoption=Adoption(steepness=0)), "steepness is 0"),
        (lambda: constrained(potential=0.5, transition_years=0), "transition_years is 0"),
        (lambda: constrained(potential=0.5, years=-3), "years is -3"),
        (lambda: constrained(potential=0.5, years=[]), "years is"),
    ],
)
def test_wrong_use_is_told(call: Any, told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        call()


def test_layers_on_unlike_coordinates_are_refused() -> None:
    with pytest.raises(GridMismatchError, match="same coordinates"):
        constrained(potential=row(0.5, 0.5), adoption=Adoption(row(0.5)))
