"""Theil–Sen and Mann–Kendall against scipy and a plain twin, and on real epochs."""

from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hotspots.analysis.loss.trend import theil_sen
from hotspots.errors import BadInputError

VALUES = st.one_of(
    st.floats(0, 300).map(lambda v: round(v, 3)), st.integers(0, 4).map(float), st.just(math.nan)
)


def mann_kendall_twin(x: list[float]) -> float:
    """Two-sided p, from the definition, by groups of ties."""
    n = len(x)
    s = sum((b > a) - (b < a) for a, b in combinations(x, 2))
    groups = [x.count(v) for v in set(x)]
    var = (n * (n - 1) * (2 * n + 5) - sum(t * (t - 1) * (2 * t + 5) for t in groups)) / 18
    if var == 0:
        return 1.0
    z = (s - (s > 0) + (s < 0)) / math.sqrt(var)
    return math.erfc(abs(z) / math.sqrt(2))


def stack(years: Any, values: Any, **attrs: str) -> xr.DataArray:
    values = np.asarray(values, dtype="float64")
    dims = ("year", "y", "x")[: values.ndim]
    return xr.DataArray(values, dims=dims, coords={"year": years}, attrs=attrs)


@settings(max_examples=150)
@given(
    x=st.lists(VALUES, min_size=4, max_size=14),
    steps=st.lists(st.integers(1, 9), min_size=14, max_size=14),
)
def test_scipy_and_the_twin_agree(x: list[float], steps: list[int]) -> None:
    years = 1950 + np.cumsum(steps)[: len(x)]
    out = theil_sen(series=stack(years, x))
    kept = ~np.isnan(x)
    y, t = np.array(x)[kept], years[kept]
    assert int(out["soc_trend_dates"]) == kept.sum()
    if kept.sum() < 4:
        assert np.isnan(out["soc_trend"])
        assert np.isnan(out["soc_trend_p"])
        assert np.isnan(out["soc_trend_upper"])
        return
    sen = stats.theilslopes(y, t, alpha=0.95)
    found = [float(out[f"soc_trend{k}"]) for k in ("", "_intercept", "_lower", "_upper")]
    np.testing.assert_allclose(found, list(sen), rtol=1e-9, atol=1e-9)
    assert float(out["soc_trend_p"]) == pytest.approx(mann_kendall_twin(y.tolist()), abs=1e-12)


def test_a_straight_line_by_hand() -> None:
    """50 t/ha falling by 0.5 a year, one wild date: the slope doesn't move."""
    years = [2000, 2001, 2003, 2007, 2010, 2014]
    line = [50 - 0.5 * (y - 2000) for y in years]
    line[2] = 90.0
    out = theil_sen(series=stack(years, line, depth_cm="0-30"))
    assert float(out["soc_trend"]) == pytest.approx(-0.5)
    # S: 10 pairs of the line fall; the wild date stands above all: 2 rise to it, 3 fall from it.
    # S = -10 + 2 - 3 = -11; Var = 6·5·17/18 = 28.33; z = 10/5.3229 = 1.8787
    assert float(out["soc_trend_p"]) == pytest.approx(math.erfc(1.878673 / math.sqrt(2)), abs=1e-6)
    assert out["soc_trend"].attrs["units"] == "t ha-1 yr-1"
    assert out["soc_trend"].attrs["depth_cm"] == "0-30"
    assert out["soc_trend"].attrs["period"] == "2000-2014"


def test_no_change_is_no_trend_and_missing_stays_missing() -> None:
    values = np.full((5, 1, 3), 40.0)
    values[:, 0, 1] = np.nan
    values[1:3, 0, 2] = np.nan
    out = theil_sen(series=stack(range(2000, 2005), values))
    np.testing.assert_array_equal(out["soc_trend"].values, [[0, np.nan, np.nan]])
    np.testing.assert_array_equal(out["soc_trend_p"].values, [[1, np.nan, np.nan]])
    np.testing.assert_array_equal(out["soc_trend_dates"].values, [[5, 0, 3]])
    three = theil_sen(series=stack(range(2000, 2005), values), min_dates=3)
    assert float(three["soc_trend"][0, 2]) == 0


def test_order_and_kind_of_dates_change_nothing() -> None:
    rng = np.random.default_rng(1)
    years = np.array([1990, 1995, 2001, 2004, 2015])
    series = stack(years, rng.uniform(20, 80, (5, 2, 3)))
    plain = theil_sen(series=series)
    mixed = theil_sen(series=series.isel(year=[3, 0, 4, 1, 2]))
    xr.testing.assert_allclose(plain, mixed, rtol=1e-14)
    bare = theil_sen(series=series.values, dates=years)
    np.testing.assert_array_equal(bare["soc_trend"].values, plain["soc_trend"].values)
    days = series.rename(year="time").assign_coords(
        time=np.array([f"{y}-01-01" for y in years], dtype="M8[ns]")
    )
    dated = theil_sen(series=days)
    np.testing.assert_allclose(dated["soc_trend"], plain["soc_trend"], rtol=1e-3)
    np.testing.assert_array_equal(dated["soc_trend_p"], plain["soc_trend_p"])


@given(shift=st.floats(-15, 100), scale=st.floats(0.1, 10))
def test_slope_scales_and_p_stays(shift: float, scale: float) -> None:
    x = np.random.default_rng(5).uniform(20, 80, 9)
    years = np.arange(9)
    one, two = (theil_sen(series=v, dates=years) for v in (x, shift + scale * x))
    assert float(two["soc_trend"]) == pytest.approx(scale * float(one["soc_trend"]), rel=1e-9)
    assert float(two["soc_trend_p"]) == float(one["soc_trend_p"])


def test_chunked_equals_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """So do blocks of cells within a chunk."""
    rng = np.random.default_rng(2)
    values = rng.uniform(20, 80, (8, 11, 13))
    values[rng.random(values.shape) < 0.2] = np.nan
    series = stack(range(2000, 2008), values)
    plain = theil_sen(series=series)
    lazy = theil_sen(series=series.chunk({"year": 3, "y": 4}))
    assert lazy["soc_trend"].chunks
    xr.testing.assert_identical(plain, lazy.compute())
    monkeypatch.setattr("hotspots.analysis.loss.trend.PAIRS_AT_ONCE", 64 * 7)
    xr.testing.assert_identical(plain, theil_sen(series=series))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"series": stack([2000, 2001], [1, 2], units="kg m-3")}, "series is in 'kg m-3'"),
        ({"series": stack([2000, 2000], [1, 2])}, "each must be known and stand once"),
        ({"series": stack([2000, np.nan], [1, 2])}, "each must be known and stand once"),
        ({"series": xr.DataArray([1.0, 2], dims="date")}, "a dimension 'time' or 'year'"),
        ({"series": [1.0, 2.0]}, "Give the years with dates="),
        ({"series": [1.0, 2.0], "dates": [2000]}, "dates holds 1 values; series has 2"),
        ({"series": stack([2000, 2001], [1, 2]), "min_dates": 2}, "min_dates is 2"),
        ({"series": stack([2000, 2001], [1, 2]), "level": 95}, "level is 95"),
    ],
)
def test_wrong_use_is_told(given: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        theil_sen(**given)


def test_seven_epochs_of_the_usa(shared: Path) -> None:
    """OC density at 10 cm as if it held for 0-30 cm: kg m-3 × 0.3 m × 10 = t/ha."""
    rioxarray = pytest.importorskip("rioxarray")
    years = [1935, 1955, 1975, 1985, 2000, 2010, 2014]
    layers = []
    for year in years:
        path = shared / "data" / "usa48_10km" / f"usa48.OCD_10cm_year{year}_10km.tif"
        with rioxarray.open_rasterio(path, masked=True) as raster:
            layers.append(raster.squeeze("band", drop=True)[500:560, 900:980].load())
    series = xr.concat(layers, dim="year").assign_coords(year=years) * 3.0
    out = theil_sen(series=series)
    known = out["soc_trend"].notnull()
    assert int(known.sum()) > 1000
    # Whole kg m-3 of one model: hardly any trend, and of most cells none that can be told.
    assert abs(float(out["soc_trend"].median())) < 0.02
    assert float((out["soc_trend_p"] < 0.05).where(known).mean()) < 0.5
    y, x = (int(i[0]) for i in np.nonzero((out["soc_trend"] != 0).values & known.values))
    sen = stats.theilslopes(series.values[:, y, x], years)
    assert float(out["soc_trend"][y, x]) == pytest.approx(sen.slope, abs=1e-12)
