"""Conversion of units: against factors written down by hand, and there and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotspots.errors import RasterError
from hotspots.layers import units
from hotspots.layers.units import conversion, convert, spelled


@pytest.mark.parametrize(
    ("value", "given", "wanted", "expected"),
    [
        (12.7, "kg m-2", "t ha-1", 127),
        (12700, "g m-2", "t ha-1", 127),
        (127000, "kg ha-1", "t ha-1", 127),
        (12700, "t km-2", "t ha-1", 127),
        (44, "t CO2 ha-1", "t ha-1", 12),
        (127, "Mg C/ha", "t ha-1", 127),
        (0.04, "kg C m-2 yr-1", "t ha-1 yr-1", 0.4),
        (235, "dg kg-1", "g kg-1", 23.5),
        (2.35, "%", "g kg-1", 23.5),
        (235, "g kg-1", "%", 23.5),
        (4.7, "5 g kg-1", "g kg-1", 23.5),
        (0.0235, "kg/kg", "g kg-1", 23.5),
        (12, "vol %", "1", 0.12),
        (120, "per mille", "1", 0.12),
        (120, "‰", "1", 0.12),
        (120, "cm3/dm3", "1", 0.12),
        (12, "%", "fraction", 0.12),
        (130, "cg cm-3", "g cm-3", 1.3),
        (1300, "kg m-3", "g cm-3", 1.3),
        (130, "10 kg m-3", "g cm-3", 1.3),
        (13000, "hg m-3", "g cm-3", 1.3),
        (1.3, "kg dm-3", "g cm-3", 1.3),
        (285.15, "K", "degC", 12),
        (120, "0.1 degC", "degC", 12),
        (2851.5, "0.1 K", "degC", 12),
        (50, "mm month-1", "mm yr-1", 600),
        (1.2, "m yr-1", "mm yr-1", 1200),
        (600, "mm/yr", "mm month-1", 50),
        (0.12, "km", "m", 120),
    ],
)
def test_conversion_by_hand(value: float, given: str, wanted: str, expected: float) -> None:
    assert convert(np.array([value, np.nan]), given, wanted)[0] == pytest.approx(expected)
    assert np.isnan(convert(np.array([np.nan]), given, wanted))[0]


@pytest.mark.parametrize("pair", units._FACTORS, ids=" to ".join)
@given(value=st.floats(-1e6, 1e6))
def test_there_and_back(pair: tuple[str, str], value: float) -> None:
    here, there = pair
    back = convert(convert(np.array([value]), here, there), there, here)
    np.testing.assert_allclose(back, value, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("pair", units._FACTORS, ids=" to ".join)
def test_the_table_is_in_our_spelling(pair: tuple[str, str]) -> None:
    assert tuple(map(spelled, pair)) == pair


def test_classes_have_no_unit() -> None:
    assert conversion("", "") == (1, 0)
    with pytest.raises(RasterError, match="can't be converted to 't ha-1'"):
        conversion("", "t ha-1")


@pytest.mark.parametrize(
    ("given", "wanted"), [("mm", "mm yr-1"), ("K yr-1", "degC yr-1"), ("kg", "t ha-1"), ("x", "%")]
)
def test_no_way_is_refused_with_the_ways_there_are(given: str, wanted: str) -> None:
    with pytest.raises(RasterError) as caught:
        conversion(given, wanted)
    assert f"'{given}' can't be converted to '{wanted}'. Give '{wanted}'" in str(caught.value)
    if wanted == "t ha-1":
        assert "kg m-2" in str(caught.value)
