"""IPCC Tier 1, the historical deficit and the 4 per 1000, worked out by hand."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from hotspots.analysis.ipcc.factor_tables import rows_of
from hotspots.analysis.ipcc.tier1 import (
    annual_stock_change,
    equilibrium_from_observed,
    equilibrium_stock,
    factor_levels,
    factor_table,
    ipcc_tier1,
    stock_after,
    stock_change_factor,
    stock_change_factor_error,
    unmixed_stock,
)
from hotspots.analysis.ipcc.tier1_uncertainty import (
    ManagementChange,
    change_sd,
    ipcc_tier1_relative_sd,
    product_uncertainty,
    sum_uncertainty,
    tier1_draws,
)
from hotspots.analysis.potential.deficit import historic_deficit
from hotspots.analysis.potential.target import (
    gap_to_target,
    target_four_per_mille,
    years_to_close,
)
from hotspots.errors import BadInputError, GridMismatchError, RasterError
from hotspots.layers.variables import CLIMATE_ZONES, classes_of, describe

WARM_TEMPERATE_MOIST = 1
SHARE = st.floats(0, 1)


def row(*values: float, **attrs: str) -> xr.DataArray:
    """Cells side by side, at 10, 11, … degrees east."""
    coords = {"y": [45.5], "x": 10.5 + np.arange(len(values))}
    return xr.DataArray([list(values)], dims=("y", "x"), coords=coords, attrs=attrs)


def zones(*codes: int, guidelines: str | None = "2019") -> xr.DataArray:
    layer = describe(row(*codes).astype("uint8"), "climate_zone")
    return layer if guidelines is None else layer.assign_attrs(guidelines=guidelines)


def flat(layer: xr.DataArray) -> list[float]:
    return [float(v) for v in layer.values.ravel()]


# ---------------------------------------------------------------- the factors


def test_packaged_factors_are_the_reference_table(shared: Path) -> None:
    """Every row, with its value, error and source; a status may be told more carefully here."""
    path = shared / "science" / "tables" / "ipcc_stock_change_factors.csv"
    with path.open(encoding="utf-8", newline="") as file:
        reference = list(csv.DictReader(file))
    assert len(reference) == 370
    assert [row | {"status": ""} for row in factor_table()] == [
        row | {"status": ""} for row in reference
    ]
    assert all(r["status"] and r["source"] for r in factor_table())


def test_each_row_is_found_by_name_and_by_code() -> None:
    codes = {name: code for code, name in CLIMATE_ZONES.items()}
    for r in factor_table():
        where = {k: r[k] for k in ("factor", "level", "system", "guidelines")}
        for zone in (r["climate_zone"], codes[r["climate_zone"]]):
            assert stock_change_factor(climate_zone=zone, **where) == float(r["value"])


@pytest.mark.parametrize("guidelines", ["2006", "2019"])
def test_polar_zones_and_nodata_have_no_factor(guidelines: str) -> None:
    codes = np.arange(13)
    found = stock_change_factor(
        factor="F_LU", level="long_term_cultivated", climate_zone=codes, guidelines=guidelines
    )
    none = {0, 5, 6}
    assert {int(c) for c in codes[np.isnan(found)]} == none
    assert np.isnan(
        stock_change_factor(factor="F_MG", level="no_tillage", climate_zone="polar_dry")
    )
    floats = stock_change_factor(
        factor="F_LU", level="long_term_cultivated", climate_zone=np.array([np.nan, 1.0])
    )
    assert np.isnan(floats[0])
    assert floats[1] == 0.69


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ({"guidelines": "2013"}, "guidelines is '2013'; allowed are 2006 and 2019"),
        ({"system": "crops"}, "system is 'crops'; allowed are cropland, grassland"),
        ({"level": "no_tilage"}, "did you mean no_tillage"),
        ({"factor": "F_X"}, "none for the factor 'F_X'"),
        ({"climate_zone": "tropical_wett"}, "did you mean tropical_wet"),
        ({"climate_zone": np.array([1, 13])}, "'13' isn't a known IPCC climate zone"),
        ({"climate_zone": ["tropical_wet", "wet"]}, "'wet' isn't a known IPCC climate zone"),
    ],
)
def test_unknown_factor_is_told(choice: dict[str, Any], told: str) -> None:
    known: dict[str, Any] = {
        "factor": "F_MG",
        "level": "no_tillage",
        "climate_zone": "tropical_wet",
    }
    with pytest.raises(BadInputError, match=told):
        stock_change_factor(**(known | choice))


def test_zones_and_factors_of_unlike_guidelines_are_refused() -> None:
    stock, share = row(50.0), row(0.5)
    with pytest.raises(BadInputError, match=r"zones are of the IPCC 2006 .* factors of 2019"):
        ipcc_tier1(stock, zones(1, guidelines="2006"), share)
    with pytest.raises(BadInputError, match=r"zones are of the IPCC 2019 .* factors of 2006"):
        ipcc_tier1(stock, zones(1), share, guidelines="2006")
    same = ipcc_tier1(stock, zones(1, guidelines="2006"), share, guidelines="2006")
    unsaid = ipcc_tier1(stock, zones(1, guidelines=None), share, guidelines="2006")
    xr.testing.assert_identical(same, unsaid)


def test_each_error_is_found_and_reference_levels_have_none() -> None:
    for r in factor_table():
        where = {k: r[k] for k in ("factor", "level", "system", "guidelines", "climate_zone")}
        assert stock_change_factor_error(**where) == float(r["error_pct"] or 0)


def test_arrays_of_names_layers_and_chunks_give_the_same_factors() -> None:
    names = np.array([["warm_temperate_moist", "nodata"], ["polar_dry", "tropical_dry"]])
    codes = np.array([[1, 0], [6, 12]], dtype="uint8")
    choice = {"factor": "F_LU", "level": "long_term_cultivated"}
    expected = [[0.69, np.nan], [np.nan, 0.92]]
    layer = xr.DataArray(codes, dims=("y", "x"))
    for given_as in (names, codes, codes.astype(float), layer, layer.chunk({"y": 1})):
        found = stock_change_factor(climate_zone=given_as, **choice)
        np.testing.assert_array_equal(found, expected)
    assert stock_change_factor(climate_zone=layer.chunk({"y": 1}), **choice).chunks is not None


OWN = {
    "system": "cropland",
    "factor": "F_MG",
    "level": "no_tillage",
    "climate_zone": "tropical_dry",
    "value": 1.3,
    "error_pct": 20,
    "source": "long-term trials of the user",
}


def test_own_factors_override_and_add() -> None:
    """One value replaced, a polar zone and a level added; all else as packaged."""
    mulch = OWN | {"level": "mulch", "climate_zone": 5, "value": "1.2", "guidelines": "2019"}
    mine = [OWN, mulch]
    no_till = {"factor": "F_MG", "level": "no_tillage", "factors": mine}
    assert stock_change_factor(climate_zone="tropical_dry", **no_till) == 1.3
    assert stock_change_factor_error(climate_zone="tropical_dry", **no_till) == 20
    assert stock_change_factor(climate_zone="tropical_wet", **no_till) == 1.10
    found = stock_change_factor(factor="F_MG", level="mulch", climate_zone=[5, 1], factors=mine)
    np.testing.assert_array_equal(found, [1.2, np.nan])
    assert "mulch" in factor_levels("F_MG", "cropland", "2019", mine)
    assert "mulch" not in factor_levels("F_MG", "cropland", "2019")
    # 50·(1.3·1.04 − 1)/20, tropical dry, all cropland
    gain = ipcc_tier1(row(50.0), zones(12), row(1.0), factors=[OWN])["potential_ipcc_tier1"]
    assert gain.item() == pytest.approx(50 * 0.352 / 20)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"climate_zone": "tropical_wett"}, r"Row 1 .*did you mean tropical_wet"),
        ({"climate_zone": 13}, r"Row 1 .*'13' isn't a known IPCC climate zone"),
        ({"climate_zone": 0}, "climate_zone"),
        ({"value": "much"}, "value is 'much'; a number is needed"),
        ({"value": float("nan")}, "value is 'nan'"),
        ({"value": 0}, "value is 0; a factor is above 0"),
        ({"value": -1}, "value is -1"),
        ({"value": 110}, "divide percent by 100"),
        ({"error_pct": -5}, "error_pct is -5"),
        ({"source": " "}, "lacks source"),
        ({"source": None}, "lacks source"),
        ({"factor": "FLU"}, "factor is 'FLU'; allowed are F_LU, F_MG, F_I"),
        ({"system": "forest"}, "system is 'forest'"),
        ({"guidelines": "2006"}, "of the guidelines 2006 and the analysis of 2019"),
        ({"eror_pct": 3}, "unknown key 'eror_pct'"),
    ],
)
def test_own_factors_that_cannot_be_used_are_told(change: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        ipcc_tier1(row(50.0), zones(1), row(0.5), factors=[OWN | change])


# ---------------------------------------------------------------- Tier 1


EXAMPLES: list[dict[str, Any]] = [
    {
        "climate_zone": "warm_temperate_moist",
        "soil_class": "HAC",
        "guidelines": "2019",
        "start": {"F_LU": "long_term_cultivated", "F_MG": "full_tillage", "F_I": "medium"},
        "end": {"F_LU": "long_term_cultivated", "F_MG": "no_tillage", "F_I": "high_without_manure"},
    },
    {
        "climate_zone": "tropical_moist",
        "soil_class": "LAC",
        "guidelines": "2006",
        "start": {},
        "end": {"F_LU": "long_term_cultivated", "F_MG": "full_tillage", "F_I": "medium"},
    },
]


@pytest.mark.parametrize("which", [0, 1])
def test_reference_examples_of_equation_2_25(vectors: Path, which: int) -> None:
    """Every column of the example, from the tables."""
    case, made = pd.read_csv(vectors / "ipcc_tier1_examples.csv").iloc[which], EXAMPLES[which]
    near = {"rel": case["tolerance_rel"]}
    zone = {k: made[k] for k in ("climate_zone", "guidelines")}
    (reference,) = rows_of("ipcc_socref", soil_class=made["soil_class"], **zone)
    socref = float(reference["socref_t_c_ha_0_30cm"])
    assert socref == case["socref"]

    def factors(levels: dict[str, str], of: Any) -> list[float]:
        return [of(factor=f, level=level, **zone) for f, level in levels.items()]

    def stock(levels: dict[str, str]) -> float:
        named = {
            f.lower(): stock_change_factor(factor=f, level=x, **zone) for f, x in levels.items()
        }
        return float(equilibrium_stock(soc_reference=socref, **({"f_lu": 1.0} | named)))

    start, end = stock(made["start"]), stock(made["end"])
    assert start == pytest.approx(case["soc_start_t_ha"], **near)
    assert end == pytest.approx(case["soc_end_equilibrium_t_ha"], **near)
    course = {"start": start, "equilibrium": end, "transition_years": float(case["D"])}
    years = float(case["years_elapsed"])
    after = stock_after(years=years, **course)
    assert after == pytest.approx(case["stock_at_T_t_ha"], **near)
    yearly = annual_stock_change(years=years, **course)
    assert yearly == pytest.approx(case["annual_change_t_c_ha_yr"], **near)
    total = (after - start) * case["area_ha"]
    assert total == pytest.approx(case["total_change_T_t_c"], **near)
    assert -total * 44 / 12 == pytest.approx(case["co2_t_over_T"], **near)
    errors = factors(made["end"], stock_change_factor_error)
    u = product_uncertainty(float(reference["uncertainty_pct"]), *errors)
    assert u == pytest.approx(case["soc_end_u_pct_product_rule"], **near)


def test_reference_example_on_a_mapped_stock(vectors: Path) -> None:
    """A cell that is all cropland at its Tier 1 stock: the gain is that of the example."""
    case = pd.read_csv(vectors / "ipcc_tier1_examples.csv").iloc[0]
    gain = ipcc_tier1(row(case["soc_start_t_ha"]), zones(WARM_TEMPERATE_MOIST), row(1.0))
    rate = gain["potential_ipcc_tier1"].item()
    assert rate == pytest.approx(case["annual_change_t_c_ha_yr"], rel=case["tolerance_rel"])


@given(years=st.floats(0, 200), start=st.floats(0, 200), end=st.floats(0, 200))
def test_course_is_linear_and_ends_with_the_transition(
    years: float, start: float, end: float
) -> None:
    found = stock_after(start=start, equilibrium=end, years=years)
    # The plain twin: one year after the other, the last one in part.
    plain, left = start, min(years, 20.0)
    while left > 0:
        plain += (end - start) / 20 * min(left, 1.0)
        left -= 1
    assert found == pytest.approx(plain, abs=1e-9)
    assert stock_after(start=start, equilibrium=end, years=20 + years) == pytest.approx(end)
    yearly = annual_stock_change(start=start, equilibrium=end, years=years)
    assert yearly * max(years, 20) == pytest.approx(end - start, abs=1e-9)


def test_courses_of_layers_stay_lazy_and_missing_stays_missing() -> None:
    start, end = row(50.0, np.nan, 50.0), row(60.0, 60.0, np.nan)
    whole = stock_after(start=start, equilibrium=end, years=10)
    np.testing.assert_array_equal(whole, [[55.0, np.nan, np.nan]])
    lazy = stock_after(start=start.chunk({"x": 1}), equilibrium=end.chunk({"x": 1}), years=10)
    assert lazy.chunks is not None
    xr.testing.assert_identical(lazy.compute(), whole)
    assert equilibrium_from_observed(soc_stock=60.0, factor_now=0.69, factor_new=1.0) == (
        pytest.approx(60 / 0.69)
    )
    assert np.isnan(equilibrium_from_observed(soc_stock=np.nan, factor_now=1.0, factor_new=1.0))
    assert np.isnan(equilibrium_stock(soc_reference=50.0, f_lu=np.nan))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: equilibrium_stock(soc_reference=-1.0, f_lu=1.0), "soc_reference has the value -1"),
        (lambda: equilibrium_stock(soc_reference=50.0, f_lu=69.0), "divide percent by 100"),
        (lambda: stock_after(start=-5.0, equilibrium=50.0, years=1), "start has the value -5"),
        (lambda: stock_after(start=5.0, equilibrium=50.0, years=-1), "years has the value -1"),
        (
            lambda: stock_after(start=5.0, equilibrium=5.0, years=1, transition_years=0),
            "transition_years is 0",
        ),
        (lambda: ipcc_tier1(row(-50.0), zones(1), row(0.5)), "soc_stock has the value -50"),
        (lambda: ipcc_tier1(row(50.0), zones(1), row(50.0)), "divide percent by 100"),
        (lambda: ipcc_tier1(row(50.0, depth_cm="0-100"), zones(1), row(0.5)), "of 0-100 cm"),
        (lambda: ipcc_tier1(row(50.0), zones(1), row(0.7), grassland_share=row(0.7)), "sum of"),
        (
            lambda: ipcc_tier1(
                row(50.0), zones(1), row(0.2), grassland_share=row(0.2), pasture_share=row(0.2)
            ),
            "Give one of them",
        ),
        (
            lambda: ipcc_tier1(
                row(50.0),
                zones(1),
                row(0.2),
                grassland_share=row(0.2),
                grassland_management="nominally_managed",
                grassland_input="high",
            ),
            "only improved grassland",
        ),
        (lambda: sum_uncertainty([1.0], [1.0, 2.0]), "give one each"),
        (lambda: product_uncertainty(3.0, -4.0), "uncertainty has the value -4"),
        (lambda: tier1_draws(n=0), "n is 0"),
        (lambda: tier1_draws(n=2, seed=-1), "seed is -1"),
    ],
)
def test_wrong_use_of_tier1_is_told(call: Any, told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        call()


def test_shares_that_rounding_puts_a_little_above_one_pass() -> None:
    out = ipcc_tier1(row(50.0), zones(1), row(0.6), grassland_share=row(0.4 + 1e-6))
    assert out["potential_ipcc_tier1"].notnull().all()


def test_grassland_share_is_as_pasture_and_each_use_is_told_apart() -> None:
    """Rangeland isn't given: it is of the rest, whose factor is 1."""
    stock, zone, crop, grass = row(60, 80), zones(1, 12), row(0.3, 0.5), row(0.2, 0)
    one = ipcc_tier1(stock, zone, crop, grassland_share=grass)
    xr.testing.assert_identical(one, ipcc_tier1(stock, zone, crop, pasture_share=grass))
    parts = [one[f"potential_ipcc_tier1_{use}"] for use in ("cropland", "grassland")]
    mean = (parts[0] * crop + parts[1].fillna(0) * grass) / (crop + grass)
    np.testing.assert_allclose(one["potential_ipcc_tier1"], mean, rtol=1e-12)
    assert np.isnan(flat(parts[1])[1])
    # F_LU today 0.69: SOCref = 60/(0.3·0.69 + 0.7); grassland 1 -> 1.14·1.11 with higher input
    more = ipcc_tier1(stock, zone, crop, grassland_share=grass, grassland_input="high")
    expected = 60 / (0.3 * 0.69 + 0.7) * (1.14 * 1.11 - 1) / 20
    assert flat(more["potential_ipcc_tier1_grassland"])[0] == pytest.approx(expected)


def test_tier1_in_chunks_is_as_in_memory() -> None:
    given = [row(50, 60, np.nan, 40), zones(1, 12, 1, 0), row(0.5, 0.2, 0.5, 0.5)]
    grass = row(0.2, 0.1, 0, 0)
    whole = ipcc_tier1(*given, grassland_share=grass)
    parts = ipcc_tier1(*(g.chunk({"x": 2}) for g in given), grassland_share=grass.chunk({"x": 2}))
    assert all(layer.chunks is not None for layer in parts.values())
    xr.testing.assert_identical(parts.compute(), whole)


# ---------------------------------------------------------------- errors of Tier 1


def test_rules_of_the_guidelines_by_hand() -> None:
    """3-4-5: u = 5 % of a product; of 100 ± 3 % and 50 ± 8 %, sqrt(9 + 16)/150."""
    assert product_uncertainty(3.0, 4.0) == 5
    assert sum_uncertainty([100.0, 50.0], [3.0, 8.0]) == pytest.approx(500 / 150)
    assert sum_uncertainty([100.0, -50.0], [3.0, 8.0]) == pytest.approx(500 / 50)
    assert sum_uncertainty([1.0, -1.0], [3.0, 4.0]) == np.inf
    assert np.isnan(product_uncertainty(3.0, np.nan))
    assert np.isnan(sum_uncertainty([1.0, np.nan], [3.0, 4.0]))
    layers = product_uncertainty(row(3.0, np.nan), row(4.0, 4.0))
    np.testing.assert_array_equal(layers, [[5, np.nan]])


def test_shared_reference_stock_makes_a_change_surer_than_the_sum_rule() -> None:
    """SOCref 64 ± 5 %, f 0.69 -> 0.69·1.221: by hand, and against draws that share SOCref."""
    f0, f1, sd_f = 0.69, 0.69 * 1.221, 0.03
    sd = change_sd(
        soc_reference=64.0,
        soc_reference_sd=2.0,
        factor_from=f0,
        factor_to=f1,
        factor_change_sd=sd_f,
    )
    assert sd == pytest.approx(np.sqrt(((f1 - f0) * 2) ** 2 + (64 * sd_f) ** 2))
    rng = np.random.default_rng(1)
    drawn = rng.normal(64, 2, 200_000) * rng.normal(f1 - f0, sd_f, 200_000)
    assert sd == pytest.approx(drawn.std(), rel=0.01)
    rule = sum_uncertainty([64 * f1, -64 * f0], [200 * 2 / 64] * 2) / 200 * 64 * (f1 - f0)
    assert rule > 3 * (f1 - f0) * 2  # the part of SOCref, taken twice


def plain_relative_sd(zone: str, year: str) -> float:
    """No-till with high input against full tillage with medium input, whose factors are exact."""
    found = [
        (float(r["value"]), float(r["error_pct"]) / 200)
        for r in factor_table()
        if (r["guidelines"], r["system"], r["climate_zone"]) == (year, "cropland", zone)
        and r["level"] in ("no_tillage", "high_without_manure")
    ]
    (a, da), (b, db) = found
    return a * b * (da**2 + db**2) ** 0.5 / (a * b - 1)


@pytest.mark.parametrize("year", ["2006", "2019"])
def test_relative_sd_is_the_plain_twin_and_the_draws(year: str) -> None:
    analytic = ipcc_tier1_relative_sd(ManagementChange(guidelines=year))
    draws = tier1_draws(ManagementChange(guidelines=year), n=20_000, seed=4)
    assert draws.shape == (20_000, 13)
    assert list(np.flatnonzero(np.isnan(analytic))) == [0, 5, 6]
    for code, name in CLIMATE_ZONES.items():
        if name.startswith("polar"):
            assert np.isnan(draws[:, code]).all()
            continue
        assert analytic[code] == pytest.approx(plain_relative_sd(name, year), rel=1e-12)
        of = {"climate_zone": code, "guidelines": year}
        mean = (
            stock_change_factor(factor="F_MG", level="no_tillage", **of)
            * stock_change_factor(factor="F_I", level="high_without_manure", **of)
            - 1
        )
        # First order leaves out the product of two errors: 3 % at errors of 50 %.
        assert draws[:, code].std() / mean == pytest.approx(analytic[code], rel=0.05)
        assert draws[:, code].mean() == pytest.approx(mean, abs=4 * analytic[code] * mean / 141)
    assert (draws[:, 1:5] > -1).all()


def test_draws_are_of_the_seed_and_shared_by_zones_of_one_estimate() -> None:
    draws = tier1_draws(n=50, seed=1)
    np.testing.assert_array_equal(draws, tier1_draws(n=50, seed=1))
    assert not np.array_equal(draws[:, 1], tier1_draws(n=50, seed=2)[:, 1])
    cool_moist, boreal_moist, warm_moist = draws[:, 3], draws[:, 7], draws[:, 1]
    np.testing.assert_array_equal(cool_moist, boreal_moist)
    tillage_only = ManagementChange(from_input="medium", input="medium")
    assert abs(np.corrcoef(tier1_draws(tillage_only, n=500)[:, [1, 3]].T)[0, 1]) < 0.2
    assert not np.array_equal(cool_moist, warm_moist)
    # Another scenario with the same tillage has the same draws of it.
    tillage = tier1_draws(ManagementChange(input="medium"), n=50, seed=1)
    both = (1 + draws) / (1 + tillage)
    inputs = tier1_draws(ManagementChange(management="full_tillage"), n=50, seed=1)
    np.testing.assert_allclose(both, 1 + inputs, rtol=1e-12)


def test_what_does_not_change_has_no_error() -> None:
    same = ManagementChange(from_management="no_tillage", from_input="low", input="low")
    assert np.nanmax(np.abs(tier1_draws(same, n=9))) == 0
    assert np.isnan(ipcc_tier1_relative_sd(same)).all()
    grass = ManagementChange(
        system="grassland",
        from_management="nominally_managed",
        management="improved",
        input="medium",
    )
    # 1.14 ± 11 %: 1.14·0.055/0.14
    assert ipcc_tier1_relative_sd(grass)[1] == pytest.approx(1.14 * 0.055 / 0.14)
    drawn = tier1_draws(grass, n=5000)[:, 1]
    assert drawn.std() == pytest.approx(1.14 * 0.055, rel=0.05)


def test_draws_of_a_factor_with_a_large_error_stay_above_zero() -> None:
    """1 ± 300 %: a normal would be below 0 in a quarter of the draws."""
    wild = [OWN | {"climate_zone": z, "value": 1, "error_pct": 300} for z in CLIMATE_ZONES]
    drawn = tier1_draws(ManagementChange(input="medium", factors=wild), n=5000)[:, 1]
    assert drawn.min() > -1
    from scipy.stats import truncnorm

    expected = truncnorm(-1 / 1.5, np.inf, loc=1, scale=1.5)
    assert (1 + drawn).mean() == pytest.approx(expected.mean(), rel=0.03)
    assert (1 + drawn).std() == pytest.approx(expected.std(), rel=0.03)


def test_half_cropland_cell_by_hand() -> None:
    """80 t/ha, half cropland: the cropland holds less than the mean, the other half more."""
    # F today = 0.69·1·1; SOCref = 80 / (0.5·0.69 + 0.5·1) = 80/0.845 = 94.674556
    # cropland 94.674556·0.69 = 65.325444; F_MG'·F_I' = 1.10·1.11 = 1.221
    # gain 65.325444·0.221/20 = 0.721846
    out = ipcc_tier1(row(80.0, depth_cm="0-30"), zones(WARM_TEMPERATE_MOIST), row(0.5))
    assert out["soc_stock_managed"].item() == pytest.approx(65.325444, abs=1e-6)
    assert out["potential_ipcc_tier1"].item() == pytest.approx(0.721846, abs=1e-6)
    assert out["managed_share"].item() == 0.5
    assert out["potential_ipcc_tier1"].attrs["units"] == "t ha-1 yr-1"
    assert out["soc_stock_managed"].attrs["depth_cm"] == "0-30"


def plain_tier1(stock: float, zone: str, crop: float, grass: float | None, year: str) -> float:
    """Tier 1 on one cell, straight from the table, in tonnes of the whole cell."""
    value = {
        (r["system"], r["factor"], r["level"]): float(r["value"])
        for r in factor_table()
        if r["guidelines"] == year and r["climate_zone"] == zone
    }
    lu = value["cropland", "F_LU", "long_term_cultivated"]
    old = lu * value["cropland", "F_MG", "full_tillage"] * value["cropland", "F_I", "medium"]
    mg, inp = (
        value["cropland", "F_MG", "no_tillage"],
        value["cropland", "F_I", "high_without_manure"],
    )
    reference = stock / (crop * old + (1 - crop))
    tonnes = crop * reference * (lu * mg * inp - old) / 20
    managed = crop
    if grass is not None:
        tonnes += grass * reference * (value["grassland", "F_MG", "improved"] - 1) / 20
        managed += grass
    return tonnes / managed if managed else np.nan


@pytest.mark.parametrize("year", ["2006", "2019"])
@pytest.mark.parametrize("pasture", [False, True])
def test_plain_twin(year: str, pasture: bool) -> None:
    rng = np.random.default_rng(3)
    codes = [c for c, name in CLIMATE_ZONES.items() if not name.startswith("polar")]
    stock, crop = rng.uniform(5, 200, len(codes)), rng.uniform(0, 0.6, len(codes))
    grass = rng.uniform(0, 0.4, len(codes))
    crop[0], grass[0], crop[1] = 0, 0, 0
    out = ipcc_tier1(
        row(*stock),
        zones(*codes, guidelines=year),
        row(*crop),
        pasture_share=row(*grass) if pasture else None,
        guidelines=year,
    )
    expected = [
        plain_tier1(s, CLIMATE_ZONES[z], c, g if pasture else None, year)
        for s, z, c, g in zip(stock, codes, crop, grass, strict=True)
    ]
    np.testing.assert_allclose(flat(out["potential_ipcc_tier1"]), expected, rtol=1e-12)


def test_missing_inputs_give_missing_answers() -> None:
    """Polar, nodata, no cropland, unknown share, unknown stock: none of them a number."""
    out = ipcc_tier1(
        row(50, 50, 50, 50, np.nan, 50), zones(5, 0, 1, 1, 1, 1), row(0.5, 0.5, 0, np.nan, 0.5, 0.5)
    )
    for name in ("potential_ipcc_tier1", "soc_stock_managed"):
        assert list(out[name].isnull().values[0]) == [True] * 5 + [False]


def test_pasture_counts_only_on_request_and_where_it_is() -> None:
    """Pasture unknown: no answer. Pasture without cropland: improved grassland alone."""
    # Warm temperate moist, 2019: improved grassland 1.14; 60·0.14/20 = 0.42 t/ha/yr
    out = ipcc_tier1(row(60, 60), zones(1, 1), row(0, 0.5), pasture_share=row(0.3, np.nan))[
        "potential_ipcc_tier1"
    ]
    assert out.values[0, 0] == pytest.approx(0.42)
    assert np.isnan(out.values[0, 1])


@given(adoption=SHARE, years=st.floats(1, 100))
def test_potential_scales_with_adoption_and_time(adoption: float, years: float) -> None:
    stock, zone, share = row(40.0, 90.0), zones(1, 12), row(0.3, 0.9)
    whole = ipcc_tier1(stock, zone, share)["potential_ipcc_tier1"]
    part = ipcc_tier1(stock, zone, share, adoption=adoption, transition_years=years)
    np.testing.assert_allclose(
        part["potential_ipcc_tier1"], whole * (1 - adoption) * 20 / years, rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize(
    "choice",
    [
        {"adoption": 1.1},
        {"adoption": np.nan},
        {"transition_years": 0},
        {"transition_years": np.nan},
        {"transition_years": 101},
    ],
)
def test_choices_out_of_range_are_refused(choice: dict[str, Any]) -> None:
    with pytest.raises(BadInputError, match=f"{next(iter(choice))} is "):
        ipcc_tier1(row(50.0), zones(1), row(0.5), **choice)


@given(
    stock=st.floats(0, 800),
    crop=SHARE,
    part=SHARE,
    factors=st.tuples(st.floats(0.3, 2), st.floats(0.3, 2)),
)
def test_mixing_the_unmixed_stocks_gives_the_cell_back(
    stock: float, crop: float, part: float, factors: tuple[float, float]
) -> None:
    grass = (1 - crop) * part
    uses = {"cropland": row(crop), "grassland": row(grass)}
    reference = unmixed_stock(row(stock), uses, dict(zip(uses, factors, strict=True))).item()
    mixed = reference * (crop * factors[0] + grass * factors[1] + (1 - crop - grass))
    assert mixed == pytest.approx(stock, rel=1e-9, abs=1e-9)


def test_unmixing_needs_a_factor_only_where_the_use_is() -> None:
    out = unmixed_stock(row(50, 50), {"crop": row(0, 0.5)}, {"crop": row(np.nan, np.nan)})
    assert flat(out)[0] == 50
    assert np.isnan(flat(out)[1])


def test_layers_on_unlike_coordinates_are_refused() -> None:
    """Xarray alone would compute on the one cell that both have."""
    longer = row(50.0, 60.0)
    with pytest.raises(GridMismatchError, match="same coordinates"):
        ipcc_tier1(longer, zones(1), row(0.5))
    with pytest.raises(GridMismatchError, match="same coordinates"):
        historic_deficit(longer, row(50.0))


# ---------------------------------------------------------------- deficit and target


def test_deficit_is_signed_and_missing_where_either_is() -> None:
    current = row(60, 70, np.nan, 50, depth_cm="0-30", year="2010")
    out = historic_deficit(row(80, 65, 50, np.nan), current)
    np.testing.assert_array_equal(out.values, [[20, -5, np.nan, np.nan]])
    assert out.name == "deficit_historic"
    assert out.attrs["units"] == "t ha-1"
    assert out.attrs["depth_cm"] == "0-30"
    assert historic_deficit(80.0, 60.0) == 20


def test_reference_yardstick(vectors: Path) -> None:
    for _, case in pd.read_csv(vectors / "four_per_1000.csv").iterrows():
        soc, years = case["soc0"], case["years"]
        assert target_four_per_mille(soc) == pytest.approx(case["annual_t_ha"], rel=1e-12)
        simple = target_four_per_mille(soc, years=years)
        assert simple == pytest.approx(case["simple_t_ha"], rel=1e-12)
        grown = target_four_per_mille(soc, years=years, compound=True)
        assert grown == pytest.approx(case["compound_t_ha"], rel=1e-12)


def test_yardstick_of_a_layer_keeps_depth_and_tells_its_unit() -> None:
    stock = row(60, np.nan, depth_cm="0-30")
    out = target_four_per_mille(stock)
    np.testing.assert_allclose(out.values, [[0.24, np.nan]])
    assert (out.attrs["units"], out.attrs["depth_cm"]) == ("t ha-1 yr-1", "0-30")
    assert target_four_per_mille(stock, years=20).attrs["units"] == "t ha-1"
    assert stock.attrs == {"depth_cm": "0-30"}


@pytest.mark.parametrize(
    "choice", [{"rate": 4.0}, {"rate": np.nan}, {"years": -1}, {"years": np.nan}]
)
def test_yardstick_out_of_range_is_refused(choice: dict[str, Any]) -> None:
    with pytest.raises(BadInputError, match=f"{next(iter(choice))} is "):
        target_four_per_mille(60.0, **choice)


def test_flags_without_a_name_for_each_code_are_told() -> None:
    layer = row(1).assign_attrs(flag_values=[1, 2], flag_meanings="one")
    with pytest.raises(RasterError, match="2 flag_values and 1 flag_meanings"):
        classes_of(layer)


def test_depth_of_the_target_must_be_that_of_the_stock() -> None:
    assert target_four_per_mille(row(60), depth="0-40").attrs["depth_cm"] == "0-40"
    same = target_four_per_mille(row(60, depth_cm="0-30"), depth="0-30")
    assert same.attrs["depth_cm"] == "0-30"
    assert target_four_per_mille(60.0, depth="0-40") == pytest.approx(0.24)
    with pytest.raises(BadInputError, match=r"stock is of 0-30 cm and the target of 0-40 cm"):
        target_four_per_mille(row(60, depth_cm="0-30"), depth="0-40")
    with pytest.raises(BadInputError, match="depth is '0-100'; allowed are 0-30 and 0-40"):
        target_four_per_mille(60.0, depth="0-100")
    with pytest.raises(BadInputError, match="soc_stock has the value -60"):
        target_four_per_mille(-60.0)


def test_gap_to_the_target_is_signed_and_of_one_unit() -> None:
    target, gain = target_four_per_mille(row(60, 60, np.nan)), row(0.1, 0.5, 0.1)
    gap = gap_to_target(target=target, potential=gain.assign_attrs(units="t ha-1 yr-1"))
    np.testing.assert_allclose(gap, [[0.14, -0.26, np.nan]])
    assert gap.attrs["units"] == "t ha-1 yr-1"
    assert gap_to_target(target=0.24, potential=0.1) == pytest.approx(0.14)
    with pytest.raises(BadInputError, match="different units"):
        gap_to_target(target=target, potential=gain.assign_attrs(units="t ha-1"))
    with pytest.raises(BadInputError, match="different depths"):
        gap_to_target(
            target=target.assign_attrs(depth_cm="0-30"),
            potential=row(0.1, 0.5, 0.1, units="t ha-1 yr-1", depth_cm="0-40"),
        )


def test_years_to_close_a_deficit() -> None:
    nan, inf = np.nan, np.inf
    deficit = row(10, 0, -5, 10, 10, nan, 10, 0)
    rate = row(0.5, 0.5, 0, 0, -1, 1, nan, 0)
    years = years_to_close(deficit=deficit, rate=rate)
    assert flat(years)[:5] == [20, 0, 0, inf, inf]
    assert np.isnan(flat(years)[5:7]).all()
    assert flat(years)[7] == 0
    lazy = years_to_close(deficit=deficit.chunk({"x": 3}), rate=rate.chunk({"x": 3}))
    xr.testing.assert_identical(lazy.compute(), years)
    assert years_to_close(deficit=10.0, rate=0.5) == 20
    with pytest.raises(BadInputError, match=r"rate is in 't ha-1'; it must be in 't ha-1 yr-1'"):
        years_to_close(deficit=deficit, rate=rate.assign_attrs(units="t ha-1"))


@given(soc=st.floats(0, 800), years=st.floats(0, 50))
def test_target_twin_by_the_year(soc: float, years: float) -> None:
    whole = int(years)
    grown = soc
    for _ in range(whole):
        grown += 0.004 * grown
    assert target_four_per_mille(soc, years=whole, compound=True) == pytest.approx(
        grown - soc, rel=1e-9, abs=1e-9
    )
    assert target_four_per_mille(soc, years=years) == pytest.approx(0.004 * soc * years)
