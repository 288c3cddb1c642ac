"""Modelled change: signs, what is told apart, gross and net."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from hotspots.analysis.loss.change import modelled_change
from hotspots.errors import BadInputError, GridMismatchError

LOSS, GAIN, NONE, NODATA = 1, 2, 3, 0


def stock(*values: float, year: int | None = None) -> xr.DataArray:
    coords = {"y": [0.5], "x": 0.5 + np.arange(len(values))}
    attrs = {} if year is None else {"year": year}
    return xr.DataArray([list(values)], dims=("y", "x"), coords=coords, attrs=attrs)


def test_change_by_hand() -> None:
    """Twenty years from 50 t/ha: the amounts per year, and what is said of each cell."""
    # end     48     49    49.01  50    50.99  51     54    NaN
    # Δ       −2     −1    −0.99   0     0.99   1      4
    # Δ/20   −0.1  −0.05  …                    0.05   0.2
    end = (48, 49, 49.01, 50, 50.99, 51, 54, np.nan)
    out = modelled_change(stock(*[50] * 8, year=1990), stock(*end, year=2010))
    assert list(out["change_class"].values[0]) == [
        LOSS,
        LOSS,
        NONE,
        NONE,
        NONE,
        GAIN,
        GAIN,
        NODATA,
    ]
    expected = [-0.1, -0.05, -0.0495, 0, 0.0495, 0.05, 0.2, np.nan]
    np.testing.assert_allclose(out["modelled_change"].values[0], expected, atol=1e-12)
    loss = [0.1, 0.05, 0.0495, 0, 0, 0, 0, np.nan]
    np.testing.assert_allclose(out["modelled_gross_loss"].values[0], loss, atol=1e-12)
    assert out["change_class"].dtype == np.uint8
    assert out["modelled_change"].attrs["period"] == "1990-2010"
    assert out["modelled_change"].attrs["units"] == "t ha-1 yr-1"
    for layer in out.values():
        assert layer.attrs["comment"] == "from land-use history, not measured"


@given(
    st.lists(st.tuples(st.floats(0, 800), st.floats(0, 800)), min_size=1, max_size=8),
    st.floats(0.5, 200),
)
def test_net_is_gain_less_loss(pairs: list[tuple[float, float]], years: float) -> None:
    start, end = zip(*pairs, strict=True)
    out = modelled_change(stock(*start), stock(*end), years=years)
    gain, loss = out["modelled_gross_gain"], out["modelled_gross_loss"]
    np.testing.assert_array_equal(out["modelled_change"], gain - loss)
    assert (gain >= 0).all()
    assert (loss >= 0).all()
    assert not ((gain > 0) & (loss > 0)).any()


def test_missing_at_either_date_is_missing() -> None:
    out = modelled_change(stock(np.nan, 50, np.nan), stock(50, np.nan, np.nan), years=20)
    assert (out["change_class"] == NODATA).all()
    assert out["modelled_change"].isnull().all()
    assert out["modelled_gross_loss"].isnull().all()


def test_no_change_is_none_even_where_all_change_counts() -> None:
    out = modelled_change(stock(50, 50, 50), stock(50, 50.5, 49.5), years=1, detectable=0)
    assert list(out["change_class"].values[0]) == [NONE, GAIN, LOSS]


def test_undetectable_amounts_still_count() -> None:
    out = modelled_change(stock(50, 50), stock(50.5, 49.9), years=1)
    assert (out["change_class"] == NONE).all()
    np.testing.assert_allclose(out["modelled_change"].sum(), 0.4)


def test_whole_numbers_stored_as_bytes_do_not_wrap() -> None:
    out = modelled_change(stock(50).astype("uint8"), stock(49).astype("uint8"), years=20)
    assert out["modelled_change"].item() == -0.05


@pytest.mark.parametrize("years", [0, -20, np.nan, np.inf])
def test_dates_that_are_no_period_are_refused(years: float) -> None:
    with pytest.raises(BadInputError, match="years from start to end; it must be more than 0"):
        modelled_change(stock(50), stock(49), years=years)


def test_what_the_change_needs_is_told() -> None:
    with pytest.raises(BadInputError, match="year"):
        modelled_change(stock(50, year=1990), stock(49))
    with pytest.raises(BadInputError, match=r"-20\.0 years"):
        modelled_change(stock(50, year=2010), stock(49, year=1990))
    with pytest.raises(BadInputError, match="detectable is -1"):
        modelled_change(stock(50), stock(49), years=20, detectable=-1)
    with pytest.raises(GridMismatchError, match="same coordinates"):
        modelled_change(stock(50, 51), stock(49), years=20)
