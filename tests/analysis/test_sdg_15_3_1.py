"""SDG 15.3.1 SOC change: reference values, the clock by hand, and a table that adds up."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspots.analysis.ipcc.factor_tables import table
from hotspots.analysis.loss.sdg_15_3_1 import sdg_soc_change, transition_table
from hotspots.errors import BadInputError
from hotspots.layers.variables import CLIMATE_ZONES, DEGRADATION, LAND_COVERS, describe

GROUP = {r["ipcc_climate_zone"]: r["climate_group"] for r in table("sdg1531_climate_group")}
FACTORS = {
    "temperate_dry": 0.8,
    "temperate_moist": 0.69,
    "tropical_dry": 0.58,
    "tropical_moist": 0.48,
    "tropical_montane": 0.64,
}
COVERS = st.lists(st.integers(1, 7), min_size=2, max_size=45)
ZONES = st.sampled_from(sorted(CLIMATE_ZONES))


def twin(stock: float, cover: list[int], zone: int) -> tuple[list[float], dict[str, float]]:
    """The rule in plain words on one cell: stocks by year, change by the pair that causes it."""
    factor = {
        r["transition_code"]: float(r["factor_20y"])
        for r in table("sdg1531_soc_transition_factors")
        if r["climate_group"] == GROUP[CLIMATE_ZONES[zone]]
    }
    series, by_pair = [stock], {}
    yearly, left, pair = 0.0, 0, ""
    for old, new in pairwise(cover):
        if old != new:
            pair = f"{old}{new}"
            yearly, left = series[-1] * (1 - factor[pair]) / 20, 20
        if left > 0:
            series.append(series[-1] - yearly)
            by_pair[pair] = by_pair.get(pair, 0.0) - yearly
            left -= 1
        else:
            series.append(series[-1])
    return series, by_pair


def world(seed: int = 1, cells: int = 60, years: int = 30) -> dict[str, xr.DataArray]:
    """Cells of mixed land cover, some with changes, some missing."""
    rng = np.random.default_rng(seed)
    cover = np.empty((years, 6, cells // 6), dtype="uint8")
    cover[0] = rng.integers(1, 8, cover.shape[1:])
    for k in range(1, years):
        turns = rng.random(cover.shape[1:]) < 0.08
        cover[k] = np.where(turns, rng.integers(1, 8, cover.shape[1:]), cover[k - 1])
    stock = rng.uniform(5, 200, cover.shape[1:])
    zone = rng.integers(1, 13, cover.shape[1:])
    stock[0, 0], zone[0, 1], cover[4, 0, 2], cover[0, 0, 3] = np.nan, 0, 0, 0
    xy = {"y": np.arange(6.0), "x": np.arange(cells // 6) + 0.5}
    return {
        "soc_stock": xr.DataArray(stock, dims=("y", "x"), coords=xy, attrs={"depth_cm": "0-30"}),
        "climate_zone": describe(
            xr.DataArray(zone.astype("uint8"), dims=("y", "x"), coords=xy), "climate_zone"
        ),
        "land_cover": describe(
            xr.DataArray(
                cover, dims=("year", "y", "x"), coords={"year": 2000 + np.arange(years), **xy}
            ),
            "land_cover",
        ),
    }


def test_reference_values(vectors: Path) -> None:
    zone_of = {group: zone for zone, group in GROUP.items()}
    with (vectors / "sdg1531_soc.csv").open(encoding="utf-8", newline="") as file:
        cases = list(csv.DictReader(file))
    assert cases
    for case in cases:
        tolerance = float(case["tolerance_abs"])
        out = sdg_soc_change(
            soc_stock=float(case["soc_year0_t_ha"]),
            land_cover=case["annual_lc_codes"],
            climate_zone=zone_of[case["climate_group"]],
            years=(int(case["eval_from"]), int(case["eval_to"])),
        )
        expected = [float(v) for v in case["soc_series"].split(";")]
        np.testing.assert_allclose(out["soc_stock"], expected, rtol=0, atol=tolerance)
        assert float(out["sdg_soc_change"]) == pytest.approx(
            float(case["pct_change"]), abs=tolerance
        )
        assert int(out["sdg_soc_class"]) - 2 == int(case["class"])


@settings(max_examples=60)
@given(cover=COVERS, zone=ZONES, stock=st.floats(0, 800))
def test_plain_twin(cover: list[int], zone: int, stock: float) -> None:
    out = sdg_soc_change(soc_stock=stock, land_cover=cover, climate_zone=zone)
    expected, by_pair = twin(stock, cover, zone)
    np.testing.assert_allclose(out["soc_stock"], expected, rtol=1e-12, atol=1e-9)
    found = transition_table(soc_stock=stock, land_cover=cover, climate_zone=zone, area=3.0)
    codes = {name: code for code, name in LAND_COVERS.items()}
    water = 7 in (cover[0], cover[-1])
    for _, row in found.iterrows():
        pair = f"{codes[row['from_class']]}{codes[row['to_class']]}"
        wanted = 0.0 if water else 3 * by_pair.get(pair, 0.0)
        assert row["change_t"] == pytest.approx(wanted, rel=1e-9, abs=1e-6)


def test_change_ends_after_twenty_years_and_restarts_from_the_stock_then() -> None:
    # Tropical dry, forest to crop: 100 to 58 in 20 steps of 2.1, then nothing.
    once = sdg_soc_change(soc_stock=100.0, land_cover="1" + "3" * 30, climate_zone="tropical_dry")
    np.testing.assert_allclose(once["soc_stock"][[10, 20, 21, 30]], [79, 58, 58, 58])
    # After 10 years (79 t) back to forest: 79·(1/0.58 − 1)/20 = 2.8603448 a year.
    back = sdg_soc_change(
        soc_stock=100.0, land_cover="1" + "3" * 10 + "1" * 10, climate_zone="tropical_dry"
    )
    assert float(back["soc_stock"][11]) == pytest.approx(81.8603448)
    # A change of factor 1 stops the loss that was under way.
    halted = sdg_soc_change(soc_stock=100.0, land_cover="1333711", climate_zone="tropical_dry")
    np.testing.assert_allclose(halted["soc_stock"][3:], 93.7)


@pytest.mark.parametrize(
    ("cover", "years", "told"),
    [
        # Temperate dry f = 0.8: 1 % a year, so 10 years are -10 % to the digit.
        ("1" + "3" * 10, 10, "degraded"),
        ("1" + "3" * 9, 9, "stable"),
        # Crop to forest, 1.25: 1.25 % a year, so 8 years are +10 %.
        ("3" + "1" * 8, 8, "improved"),
        ("3" + "1" * 7, 7, "stable"),
    ],
)
def test_thresholds_are_inclusive(cover: str, years: int, told: str) -> None:
    for stock in (80.0, 33.3, 101.7, 0.7):
        out = sdg_soc_change(soc_stock=stock, land_cover=cover, climate_zone="cool_temperate_dry")
        code = out["sdg_soc_class"].attrs["flag_meanings"].split().index(told) + 1
        assert int(out["sdg_soc_class"]) == code, (stock, years)


def test_every_zone_has_a_group_and_no_zone_gives_nothing() -> None:
    for zone in CLIMATE_ZONES:
        out = sdg_soc_change(soc_stock=50.0, land_cover="13", climate_zone=zone)
        f = FACTORS[GROUP[CLIMATE_ZONES[zone]]]
        assert float(out["soc_stock"][1]) == pytest.approx(50 - 50 * (1 - f) / 20)
    for nothing in (0, "nodata", np.nan):
        out = sdg_soc_change(soc_stock=50.0, land_cover="11", climate_zone=nothing)
        assert out["soc_stock"].isnull().all()
        assert int(out["sdg_soc_class"]) == 0


def test_water_in_either_year_is_masked() -> None:
    for cover in ("7711", "1177", "7777"):
        out = sdg_soc_change(soc_stock=50.0, land_cover=cover, climate_zone=1)
        assert np.isnan(out["sdg_soc_change"])
        assert np.isnan(out["loss_land_cover"])
        assert int(out["sdg_soc_class"]) == 0
    between = sdg_soc_change(soc_stock=50.0, land_cover="1711", climate_zone=1)
    assert int(between["sdg_soc_class"]) == 2


def test_missing_inputs_give_missing_answers() -> None:
    out = sdg_soc_change(**world())
    stock = out["soc_stock"]
    for cell in (0, 1, 3):
        assert stock[:, 0, cell].isnull().all()
    assert stock[:4, 0, 2].notnull().all()
    assert stock[4:, 0, 2].isnull().all()
    assert (out["sdg_soc_class"][0, :4] == 0).all()
    assert stock[:, 1:].notnull().all()
    assert ((out["sdg_soc_class"] == 0) == out["sdg_soc_change"].isnull()).all()


def test_nothing_is_cut_off_to_whole_tonnes() -> None:
    out = sdg_soc_change(soc_stock=np.float32(9.0), land_cover="1" + "3" * 10, climate_zone=1)
    assert float(out["sdg_soc_change"]) == pytest.approx(-15.5)


def test_chunked_equals_in_memory() -> None:
    layers = world()
    plain = sdg_soc_change(**layers)
    lazy = sdg_soc_change(**{k: v.chunk({"y": 2, "x": 3}) for k, v in layers.items()})
    assert lazy["sdg_soc_class"].chunks
    xr.testing.assert_identical(plain, lazy.compute())
    xr.testing.assert_identical(
        plain, sdg_soc_change(**layers | {"land_cover": layers["land_cover"].chunk({"year": 4})})
    )


def test_arrays_without_names_are_on_the_cells_of_the_cover() -> None:
    layers = world()
    named = sdg_soc_change(**layers)
    bare = sdg_soc_change(**{k: v.values for k, v in layers.items()})
    np.testing.assert_array_equal(bare["soc_stock"], named["soc_stock"])
    mixed = sdg_soc_change(**layers | {"soc_stock": layers["soc_stock"].values})
    np.testing.assert_array_equal(mixed["sdg_soc_class"], named["sdg_soc_class"])
    assert named["soc_stock"].attrs["depth_cm"] == "0-30"
    assert named["sdg_soc_change"].attrs["units"] == "%"


def test_a_change_between_two_maps_is_dated_in_their_middle() -> None:
    maps = xr.DataArray([1, 3, 3], dims="year", coords={"year": [2000, 2004, 2008]})
    out = sdg_soc_change(soc_stock=100.0, land_cover=maps[::-1], climate_zone="tropical_dry")
    assert list(out["year"].values) == list(range(2000, 2009))
    np.testing.assert_allclose(out["soc_stock"], [100] * 2 + [100 - 2.1 * k for k in range(1, 8)])
    window = sdg_soc_change(
        soc_stock=100.0, land_cover=maps, climate_zone="tropical_dry", years=(2004, 2006)
    )
    assert float(window["loss_land_cover"]) == pytest.approx(2.1)
    assert float(window["sdg_soc_change"]) == pytest.approx(-100 * 4.2 / 93.7)


def test_two_maps_can_tell_degradation() -> None:
    """Dated at the later map, no change could ever have cost more than a twentieth of its loss."""
    maps = xr.DataArray([1, 3], dims="year", coords={"year": [2000, 2015]})
    out = sdg_soc_change(soc_stock=100.0, land_cover=maps, climate_zone="tropical_moist")
    assert float(out["sdg_soc_change"]) == pytest.approx(-8 * 52 / 20)  # 2008 to 2015
    assert DEGRADATION[int(out["sdg_soc_class"])] == "degraded"


def test_artificial_factor_and_the_way_back() -> None:
    town = {"soc_stock": 100.0, "climate_zone": 1}
    sdg = sdg_soc_change(**town, land_cover="3" + "5" * 20)
    mild = sdg_soc_change(**town, land_cover="3" + "5" * 20, artificial_factor=0.8)
    assert float(sdg["soc_stock"][-1]) == pytest.approx(10)
    assert float(mild["soc_stock"][-1]) == pytest.approx(80)
    there_and_back = sdg_soc_change(
        **town, land_cover="3" + "5" * 20 + "3" * 20, artificial_factor=0.8
    )
    assert float(there_and_back["soc_stock"][-1]) == pytest.approx(100)
    other = sdg_soc_change(**town, land_cover="3" + "6" * 20, artificial_factor=0.8)
    assert float(other["soc_stock"][-1]) == pytest.approx(10)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), first=st.integers(2000, 2020), span=st.integers(1, 9))
def test_table_adds_up_to_the_totals(seed: int, first: int, span: int) -> None:
    layers = world(seed)
    area = xr.ones_like(layers["soc_stock"]) * np.linspace(100, 900, 6)[:, None]
    years = (first, first + span)
    rows = transition_table(**layers, area=area, years=years)
    assert len(rows) == 49
    change = sdg_soc_change(**layers, years=years)
    known = change["sdg_soc_class"] > 0
    stock = change["soc_stock"]
    total = ((stock.sel(year=years[1]) - stock.sel(year=years[0])).where(known) * area).sum()
    assert rows["change_t"].sum() == pytest.approx(float(total), rel=1e-9, abs=1e-6)
    assert rows["area_ha"].sum() == pytest.approx(float(area.where(known).sum()))
    assert rows["area_ha"].sum() + rows.attrs["left_out_ha"] == pytest.approx(float(area.sum()))
    same = rows["from_class"] == rows["to_class"]
    assert (rows.loc[same, "change_t"] == 0).all()
    assert rows.loc[same, "area_ha"].sum() > 0
    assert (rows["changing_area_ha"][rows["change_t"] != 0] > 0).all()


def test_table_of_a_cell_that_goes_there_and_back() -> None:
    """Its area persists as forest; its changes are under the transitions that cause them."""
    rows = transition_table(
        soc_stock=100.0, land_cover="1333111", climate_zone="tropical_dry", area=10.0
    ).set_index(["from_class", "to_class"])
    assert rows.loc[("tree_covered", "tree_covered"), "area_ha"] == 10
    assert rows.loc[("tree_covered", "cropland"), "change_t"] == pytest.approx(-3 * 2.1 * 10)
    gain = 3 * 93.7 * (1 / 0.58 - 1) / 20 * 10
    assert rows.loc[("cropland", "tree_covered"), "change_t"] == pytest.approx(gain)
    assert list(rows["changing_area_ha"][rows["changing_area_ha"] > 0]) == [10, 10]
    assert isinstance(rows, pd.DataFrame)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"soc_stock": -9999.0}, "soc_stock has the value -9999; allowed is 0 to 5000"),
        ({"land_cover": "1a3"}, "a text must be digits"),
        ({"land_cover": "189"}, "'8' isn't a known UNCCD class of land cover"),
        ({"land_cover": ["forest", "cropland"]}, "'forest' isn't a known UNCCD class"),
        ({"land_cover": "1"}, "two years or more are needed"),
        ({"land_cover": xr.DataArray([1, 3], dims="time")}, "needs one named 'year'"),
        ({"climate_zone": "tropical_wett"}, "did you mean tropical_wet"),
        ({"years": (0, 9)}, "land_cover runs from 0 to 1"),
        ({"years": (1, 0)}, "the earlier first"),
        ({"artificial_factor": 80}, "artificial_factor is 80; it is a share"),
    ],
)
def test_wrong_use_is_told(given: dict[str, Any], told: str) -> None:
    known = {"soc_stock": 50.0, "land_cover": "13", "climate_zone": 1}
    with pytest.raises(BadInputError, match=told):
        sdg_soc_change(**(known | given))


@pytest.mark.parametrize(
    "year", [[2000.5, 2001], np.array(["2000-01-01", "2001-01-01"], dtype="M8[ns]"), [2000, 2000]]
)
def test_years_that_are_no_whole_years_are_told(year: Any) -> None:
    maps = xr.DataArray([1, 3], dims="year", coords={"year": year})
    with pytest.raises(BadInputError, match=r"whole years|each once"):
        sdg_soc_change(soc_stock=50.0, land_cover=maps, climate_zone=1)
