"""Error models: by hand, against samples of the distribution, and of every kind of input."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from hotspots.analysis.uncertainty.error_models import (
    difference_bounds,
    difference_sd,
    interval_from_sd,
    lognormal_sigma,
    sd_from_absolute_error,
    sd_from_quantiles,
    stock_error_from_density,
)
from hotspots.errors import BadInputError
from hotspots.layers.plausibility import require_unit

amount = st.floats(0, 1e4)
rho = st.floats(-1, 1)


def layer(values: list[float], **attrs: Any) -> xr.DataArray:
    return xr.DataArray([values], dims=("y", "x"), attrs={"units": "t ha-1"} | attrs)


def test_absolute_error_of_normal_samples() -> None:
    error = np.random.default_rng(0).normal(0, 8, 400_000)
    assert sd_from_absolute_error(np.abs(error).mean()) == pytest.approx(8, rel=0.01)
    assert sd_from_absolute_error(4.0) == pytest.approx(4 * math.sqrt(math.pi / 2), rel=1e-15)
    assert sd_from_absolute_error(100) == pytest.approx(125, rel=0.003)


def test_quantiles_of_samples() -> None:
    rng = np.random.default_rng(0)
    q05, q95 = np.quantile(rng.normal(50, 8, 400_000), [0.05, 0.95])
    assert sd_from_quantiles(q05, q95) == pytest.approx(8, rel=0.01)
    skewed = rng.lognormal(4, 0.6, 400_000)
    sigma = lognormal_sigma(*np.quantile(skewed, [0.05, 0.95]))
    assert sigma == pytest.approx(0.6, rel=0.01)
    relative = math.sqrt(math.exp(sigma**2) - 1)
    assert skewed.std() / skewed.mean() == pytest.approx(relative, rel=0.02)


def test_quantiles_by_hand() -> None:
    assert sd_from_quantiles(10.0, 42.9) == pytest.approx(32.9 / 3.29, rel=1e-3)
    assert sd_from_quantiles(7.0, 7.0) == 0
    assert lognormal_sigma(1.0, math.e**3.29) == pytest.approx(1, rel=1e-3)
    assert np.isnan(lognormal_sigma(0.0, 5.0))
    assert np.isnan(lognormal_sigma(0.0, 0.0))


def test_density_error_by_hand() -> None:
    """10 and 4 kg m-3 over 0.3 m: fully correlated 7 · 0.3 · 10 = 21; independent ½√116 · 3."""
    assert stock_error_from_density(10.0, 4.0) == pytest.approx(21)
    independent = stock_error_from_density(10.0, 4.0, correlation=0)
    assert independent == pytest.approx(math.sqrt(116) / 2 * 3)
    assert stock_error_from_density(4.0, 4.0, correlation=-1) == 0
    assert stock_error_from_density(10.0, 4.0, thickness_m=1) == pytest.approx(70)


@given(amount, amount, rho)
def test_density_error_as_of_samples_of_the_formula(top: float, bottom: float, r: float) -> None:
    """½√(e₀² + e₁² + 2ρe₀e₁)·3 term by term, and below the mean of the two times 3."""
    found = stock_error_from_density(top, bottom, correlation=r)
    inside = top**2 + bottom**2 + 2 * r * top * bottom
    assert found == pytest.approx(0.5 * math.sqrt(max(inside, 0)) * 3, rel=1e-6, abs=1e-4)
    assert found <= 3 * (top + bottom) / 2 * (1 + 1e-12)


@given(amount, amount, rho)
def test_difference_as_the_formula_and_between_its_limits(a: float, b: float, r: float) -> None:
    found = difference_sd(a, b, correlation=r)
    inside = a * a + b * b - 2 * r * a * b
    assert found == pytest.approx(math.sqrt(max(inside, 0)), rel=1e-6, abs=1e-4)
    assert abs(a - b) * (1 - 1e-9) - 1e-9 <= found <= (a + b) * (1 + 1e-9) + 1e-9
    assert found == pytest.approx(difference_sd(b, a, correlation=r))


def test_difference_of_samples() -> None:
    cov = [[9, 0.8 * 12], [0.8 * 12, 16]]
    a, b = np.random.default_rng(0).multivariate_normal([0, 0], cov, 400_000).T
    assert difference_sd(3.0, 4.0, correlation=0.8) == pytest.approx((a - b).std(), rel=0.01)


def test_difference_bounds() -> None:
    found = difference_bounds(40.0, 40.0)
    assert found.uncorrelated == pytest.approx(40 * math.sqrt(2))
    assert found.correlated == pytest.approx(40 * math.sqrt(0.1))
    assert difference_sd(40.0, 40.0, correlation=1) == 0
    assert difference_bounds(3.0, 4.0, high=1).correlated == pytest.approx(1)


def test_interval_holds_its_level() -> None:
    found = interval_from_sd(50.0, 10.0)
    assert found.lower == pytest.approx(50 - 16.4485, abs=1e-3)
    assert found.upper == pytest.approx(50 + 16.4485, abs=1e-3)
    drawn = np.random.default_rng(0).normal(50, 10, 200_000)
    for level in (0.5, 0.8, 0.95):
        low, high = interval_from_sd(50.0, 10.0, level=level)
        assert np.mean((drawn >= low) & (drawn <= high)) == pytest.approx(level, abs=0.005)


@given(st.floats(-100, 1000), st.floats(0, 500))
def test_interval_and_quantiles_are_each_other_s_inverse(value: float, sd: float) -> None:
    low, high = interval_from_sd(value, sd)
    assert sd_from_quantiles(low, high) == pytest.approx(sd, rel=1e-9, abs=1e-9)


FUNCTIONS: dict[str, tuple[Any, int]] = {
    "absolute": (sd_from_absolute_error, 1),
    "quantiles": (sd_from_quantiles, 2),
    "sigma": (lognormal_sigma, 2),
    "density": (lambda a, b: stock_error_from_density(a, b, correlation=0.5), 2),
    "difference": (lambda a, b: difference_sd(a, b, correlation=0.5), 2),
    "interval": (lambda a, b: interval_from_sd(b, a).upper, 2),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_scalars_arrays_layers_and_chunks_agree(name: str) -> None:
    """And a missing input gives NaN in each."""
    function, inputs = FUNCTIONS[name]
    rows = [[3.0, 0.5, np.nan, 6.0], [5.0, 9.0, 2.0, np.nan]][:inputs]
    scalars = [function(*column) for column in zip(*rows, strict=True)]
    assert all(isinstance(value, float) for value in scalars)
    np.testing.assert_array_equal(function(*map(np.array, rows)), scalars)
    layers = [layer(row) for row in rows]
    whole = function(*layers)
    np.testing.assert_array_equal(whole.values[0], scalars)
    lazy = function(*(x.chunk({"x": 2}) for x in layers))
    assert lazy.chunks is not None
    xr.testing.assert_identical(lazy.compute(), whole)
    missing = [i for i in range(4) if any(math.isnan(row[i]) for row in rows)]
    assert np.isnan(np.array(scalars)[missing]).all()
    assert np.isfinite(np.delete(scalars, missing)).all()


def test_layers_keep_unit_and_depth() -> None:
    error = layer([3.0], depth_cm="0-30", source="x")
    assert sd_from_absolute_error(error).attrs == {"units": "t ha-1", "depth_cm": "0-30"}
    interval = interval_from_sd(error, error, level=0.8)
    assert interval.lower.attrs == {"units": "t ha-1", "depth_cm": "0-30", "level": 0.8}
    density = xr.DataArray([4.0], dims="x", attrs={"units": "kg m-3"})
    found = stock_error_from_density(density, density)
    require_unit(found)
    assert found.name == "soc_stock_error"
    assert found.attrs["vertical_correlation"] == 1
    np.testing.assert_allclose(found, [12])
    assert "units" not in lognormal_sigma(error, error).attrs


@pytest.mark.parametrize("lazy", [False, True])
def test_wrong_values_are_told(lazy: bool) -> None:
    """At once, or of a lazy layer when it is computed."""

    def given(*values: float) -> xr.DataArray:
        out = layer(list(values))
        return out.chunk({"x": 1}) if lazy else out

    def computed(result: Any) -> None:
        result.compute()

    with pytest.raises(BadInputError, match="absolute error has the value -3"):
        computed(sd_from_absolute_error(given(1, -3)))
    with pytest.raises(BadInputError, match="q95 is 2 where q05 is 5"):
        computed(sd_from_quantiles(given(1, 5), given(3, 2)))
    with pytest.raises(BadInputError, match="q05 has the value -1"):
        computed(lognormal_sigma(given(-1, 1), given(1, 2)))
    with pytest.raises(BadInputError, match="sd has the value -1"):
        computed(difference_sd(given(-1, 1), given(1, 1), correlation=0))
    with pytest.raises(BadInputError, match="sd has the value -1"):
        computed(interval_from_sd(given(5, 5), given(-1, 1)).lower)
    with pytest.raises(BadInputError, match="has the value -2"):
        computed(stock_error_from_density(given(1, 1), given(-2, 1)))


def test_wrong_parameters_are_told() -> None:
    for wrong in (95, -1.5, math.nan):
        with pytest.raises(BadInputError, match="allowed is -1 to 1"):
            difference_sd(1.0, 1.0, correlation=wrong)
        with pytest.raises(BadInputError, match="allowed is -1 to 1"):
            stock_error_from_density(1.0, 1.0, correlation=wrong)
    with pytest.raises(BadInputError, match="high is 95"):
        difference_bounds(1.0, 1.0, high=95)
    with pytest.raises(BadInputError, match="thickness_m is 30"):
        stock_error_from_density(1.0, 1.0, thickness_m=30)
    with pytest.raises(BadInputError, match="level is 90"):
        interval_from_sd(1.0, 1.0, level=90)
    with pytest.raises(BadInputError, match="0-30 and 0-100 cm"):
        difference_sd(layer([1.0], depth_cm="0-30"), layer([1.0], depth_cm="0-100"), correlation=0)
