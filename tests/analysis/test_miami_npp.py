"""MIAMI production: the reference values, a plain twin, missing values and wrong use."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from hotspots.analysis.rothc.npp import miami_npp
from hotspots.errors import BadInputError

WARMTH, RAIN = st.floats(-40, 40), st.floats(0, 8000)


def plain(t: float, p: float) -> float:
    by_warmth = 3000 / (1 + math.exp(1.315 - 0.119 * t))
    by_water = 3000 * (1 - math.exp(-0.000664 * p))
    return min(by_warmth, by_water) * 0.01 * 0.48


def test_reference_values(vectors: Path) -> None:
    for _, case in pd.read_csv(vectors / "miami_npp.csv").iterrows():
        found = miami_npp(
            mean_annual_temperature=case["mat_c"], annual_precipitation=case["map_mm"]
        )
        assert found == pytest.approx(case["npp_tc_ha_yr"], rel=case["tolerance_rel"])


@given(t=WARMTH, p=RAIN)
def test_plain_twin_and_bounds(t: float, p: float) -> None:
    found = miami_npp(mean_annual_temperature=t, annual_precipitation=p)
    assert found == pytest.approx(plain(t, p), rel=1e-9, abs=1e-12)
    assert 0 <= found <= 14.4


def test_missing_stays_missing_and_chunks_change_nothing() -> None:
    t = xr.DataArray([[10.0, np.nan, 20.0, 5.0]], dims=("y", "x"))
    p = xr.DataArray([[800.0, 800.0, np.nan, 400.0]], dims=("y", "x"))
    whole = miami_npp(mean_annual_temperature=t, annual_precipitation=p)
    np.testing.assert_array_equal(whole.isnull().values, [[False, True, True, False]])
    lazy = miami_npp(mean_annual_temperature=t.chunk(x=2), annual_precipitation=p.chunk(x=2))
    assert lazy.chunks is not None
    xr.testing.assert_identical(lazy.compute(), whole)
    assert whole.attrs["units"] == "t ha-1 yr-1"


def test_land_cover_takes_its_share() -> None:
    where = {"mean_annual_temperature": 10.0, "annual_precipitation": 800.0}
    whole = miami_npp(**where)
    assert miami_npp(**where, land_cover="cropland") == pytest.approx(0.53 * whole)
    codes = miami_npp(**where, land_cover=np.array([1, 2, 3, 4, 5, 6, 7, 0]))
    np.testing.assert_allclose(codes[:4] / whole, [0.88, 0.72, 0.53, 0.72])
    assert np.isnan(codes[4:]).all()


@pytest.mark.parametrize(
    ("t", "p", "told"),
    [(283.15, 800, "subtract 273.15"), (10, -1, "annual_precipitation has the value -1")],
)
def test_wrong_units_are_told(t: float, p: float, told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        miami_npp(mean_annual_temperature=t, annual_precipitation=p)
