"""Organic soils: every factor of the tables, emission over time, rewetting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from hotspots.analysis.ipcc.factor_tables import table
from hotspots.analysis.ipcc.organic_soils import (
    avoided_emission,
    doc_factor,
    drained_organic_emission,
    emission_factor,
    methane_factor,
    n2o_factor,
    organic_land_uses,
    organic_soil_factor,
    peat_loss,
    rewetted_factor,
    wetland_mineral_factor,
)
from hotspots.errors import BadInputError
from hotspots.layers.variables import CLIMATE_ZONES, LAND_USES, describe

ZONE = st.sampled_from(sorted(CLIMATE_ZONES.values()))
USE = st.sampled_from(["cropland", "grassland", "forest"])
ZONES_OF = {
    "boreal": ["boreal_moist", "boreal_dry", "polar_moist", "polar_dry"],
    "temperate": [z for z in CLIMATE_ZONES.values() if "temperate" in z],
    "tropical": [z for z in CLIMATE_ZONES.values() if "tropical" in z],
}


def test_every_row_of_the_table_in_its_climate_and_in_no_other() -> None:
    rows = table("ipcc_drained_organic_soils_co2")
    found = {(r["climate"], r["land_use"]): r for r in rows}
    for use in {r["land_use"] for r in rows} - {"cropland", "grassland"}:
        for climate, zones in ZONES_OF.items():
            row = found.get((climate, use), {})
            expected = [float(row.get(k, "nan")) for k in ("ef", "ci95_low", "ci95_high")]
            for zone in zones:
                np.testing.assert_array_equal(emission_factor(zone, use), expected)


def test_the_climates_share_out_the_zones() -> None:
    assert sorted(z for zones in ZONES_OF.values() for z in zones) == sorted(CLIMATE_ZONES.values())


@pytest.mark.parametrize(
    ("use", "boreal", "temperate", "tropical"),
    [("cropland", 7.9, 7.9, 14), ("grassland", 5.7, 6.1, 9.6), ("forest", 0.93, 2.6, 5.3)],
)
def test_land_uses_stand_for_a_row(
    use: str, boreal: float, temperate: float, tropical: float
) -> None:
    expected = {"boreal": boreal, "temperate": temperate, "tropical": tropical}
    for climate, zones in ZONES_OF.items():
        for zone in zones:
            assert emission_factor(zone, use).ef == expected[climate]
            assert organic_soil_factor(zone, use) == expected[climate]
    assert organic_land_uses()[use] == ["boreal", "temperate", "tropical"]


@given(ZONE, st.sampled_from(sorted(organic_land_uses())))
def test_a_factor_lies_within_its_interval_or_is_missing(zone: str, use: str) -> None:
    ef, low, high = emission_factor(zone, use)
    assert np.isnan(ef) == np.isnan(low) == np.isnan(high)
    assert np.isnan(ef) or low < ef < high


def test_missing_zone_gives_no_factor() -> None:
    for zone in (0, "nodata", np.nan):
        assert np.isnan(emission_factor(zone).ef)
        assert np.isnan(doc_factor(zone).ef)
        assert np.isnan(rewetted_factor(zone).ef)
        assert np.isnan(organic_soil_factor(zone, with_doc=True))
    assert np.isnan(organic_soil_factor("tropical_wet", np.array(["other"]))[0])
    assert np.isnan(organic_soil_factor("tropical_wet", np.array([""]))[0])


def made_zones() -> tuple[xr.DataArray, xr.DataArray]:
    rng = np.random.default_rng(1)
    zones = xr.DataArray(rng.integers(0, 13, (7, 9)).astype("uint8"), dims=("y", "x"))
    uses = xr.DataArray(rng.integers(0, 5, (7, 9)).astype("uint8"), dims=("y", "x"))
    return describe(zones, "climate_zone"), describe(uses, "land_use")


def test_layers_of_zones_and_land_uses() -> None:
    zones, uses = made_zones()
    whole = organic_soil_factor(zones, uses, with_doc=True)
    lazy = organic_soil_factor(zones.chunk(x=4), uses.chunk(x=4), with_doc=True)
    assert lazy.chunks is not None
    xr.testing.assert_identical(whole, lazy.compute())
    assert whole.attrs["units"] == "t ha-1 yr-1"
    for i, j in np.ndindex(whole.shape):
        zone, use = int(zones[i, j]), int(uses[i, j])
        expected = np.nan
        if zone and use in (1, 2, 3):
            expected = emission_factor(zone, LAND_USES[use]).ef + doc_factor(zone).ef
        np.testing.assert_equal(float(whole[i, j]), expected)


def test_companions() -> None:
    np.testing.assert_array_equal(doc_factor([7, 1, 10, 0]).ef, [0.12, 0.31, 0.82, np.nan])
    np.testing.assert_array_equal(n2o_factor([7, 1, 10, 0]).ef, [np.nan, 13, 5, np.nan])
    assert n2o_factor("cool_temperate_dry", "grassland").ef == 8.2
    # 0.95·10 + 0.05·500
    assert methane_factor(ef_land=10, ef_ditch=500, ditch_share=0.05) == pytest.approx(34.5)
    with pytest.raises(BadInputError, match="ditch_share has the value 5"):
        methane_factor(ef_land=10, ef_ditch=500, ditch_share=5)


def test_emission_by_hand() -> None:
    """100 ha of tropical cropland, 3 years: 14·300 on site, 0.82·300 dissolved, 5·300 kg N."""
    out = drained_organic_emission(drained_area=100.0, climate_zone="tropical_moist", years=3)
    expected = {
        "co2_c": 4200,
        "co2_c_lower": 1980,
        "co2_c_upper": 7800,
        "doc_c": 246,
        "total_c": 4446,
        "n2o_n": 1500,
    }
    for name, value in expected.items():
        assert out[name].item() == pytest.approx(value)
    assert (out["co2_c"].attrs["units"], out["n2o_n"].attrs["units"]) == ("t", "kg")


def plain_emission(area: float, ef: float, doc: float, years: float, stock: float) -> float:
    return area * min((ef + doc) * years, stock)


@given(ZONE, USE, st.floats(0, 1e4), st.floats(0, 500), st.floats(0, 3000))
def test_the_peat_can_not_lose_more_than_it_holds(
    zone: str, use: str, area: float, years: float, stock: float
) -> None:
    out = drained_organic_emission(
        drained_area=area, climate_zone=zone, land_use=use, years=years, peat_stock=stock
    )
    expected = plain_emission(
        area, emission_factor(zone, use).ef, doc_factor(zone).ef, years, stock
    )
    assert out["total_c"].item() == pytest.approx(expected, rel=1e-9, abs=1e-9)
    parts = out["co2_c"] + out["doc_c"]
    assert parts.item() == pytest.approx(out["total_c"].item(), rel=1e-9, abs=1e-9)
    assert out["total_c"].item() <= area * stock * (1 + 1e-9) + 1e-300  # beside subnormal numbers


def test_no_cap_at_twenty_years() -> None:
    loss = peat_loss(
        climate_zone="tropical_wet", years=np.array([20.0, 60.0, 200.0, np.nan]), peat_stock=1000.0
    )
    np.testing.assert_array_equal(loss, [280, 840, 1000, np.nan])
    assert np.isnan(peat_loss(climate_zone=0, years=1.0, peat_stock=10.0))


def test_missing_area_zone_or_stock_gives_no_emission() -> None:
    out = drained_organic_emission(
        drained_area=np.array([1.0, np.nan, 1.0, 1.0]),
        climate_zone=np.array([10, 10, 0, 10]),
        peat_stock=np.array([50.0, 50.0, 50.0, np.nan]),
    )
    for name in ("co2_c", "co2_c_lower", "co2_c_upper", "doc_c", "total_c"):
        assert out[name].isnull().values.tolist() == [False, True, True, True]
    lazy = drained_organic_emission(
        drained_area=xr.DataArray([1.0, np.nan], dims="x").chunk(x=1), climate_zone="tropical_wet"
    )
    assert lazy["total_c"].chunks is not None
    np.testing.assert_allclose(lazy["total_c"].compute(), [14.82, np.nan])


def test_rewetting() -> None:
    assert rewetted_factor("boreal_moist", "poor") == (-0.34, -0.59, -0.09)
    assert rewetted_factor("warm_temperate_dry") == (0.5, -0.71, 1.71)
    np.testing.assert_array_equal(rewetted_factor("tropical_dry", "poor"), [0, np.nan, np.nan])
    assert avoided_emission(climate_zone="boreal_dry", nutrient_status="poor") == pytest.approx(
        8.24
    )
    zones, uses = made_zones()
    lazy = avoided_emission(climate_zone=zones.chunk(x=4), land_use=uses.chunk(x=4))
    xr.testing.assert_identical(lazy.compute(), avoided_emission(climate_zone=zones, land_use=uses))


def test_wetland_mineral_soils() -> None:
    assert wetland_mineral_factor() == 0.71
    found = wetland_mineral_factor(np.array([0, 0.5, 1, 20, 20.5, 21, 40, 60, np.nan]))
    np.testing.assert_array_equal(found, [0.71, 0.8, 0.8, 0.8, 1, 1, 1, 1, np.nan])
    years = xr.DataArray([1.0, 30.0, np.nan], dims="x")
    lazy = wetland_mineral_factor(years.chunk(x=2))
    assert lazy.chunks is not None
    np.testing.assert_array_equal(lazy.compute(), [0.8, 1, np.nan])


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: emission_factor("boreal"), "'boreal' isn't a known IPCC climate zone"),
        (lambda: emission_factor(1, "crops"), "land_use is 'crops'; allowed are"),
        (lambda: rewetted_factor(1, "medium"), "nutrient_status is 'medium'"),
        (lambda: wetland_mineral_factor(-1), "years_since_rewetting has the value -1"),
        (lambda: drained_organic_emission(drained_area=-1.0, climate_zone=1), "drained_area"),
        (
            lambda: drained_organic_emission(drained_area=1.0, climate_zone=1, peat_stock=-5.0),
            "peat_stock has the value -5",
        ),
        (
            lambda: drained_organic_emission(drained_area=1.0, climate_zone=1, years=np.nan),
            "years is nan",
        ),
    ],
)
def test_wrong_use_is_told(call: Any, told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        call()
