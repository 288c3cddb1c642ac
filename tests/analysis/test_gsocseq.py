"""GSOCseq: the protocol against runs made one by one, its invariants, uncertainty and losses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspots.analysis.rothc import model
from hotspots.analysis.rothc.gsocseq import (
    disequilibrium_and_warming,
    gsocseq,
    warming_loss,
)
from hotspots.analysis.rothc.gsocseq_uncertainty import gsocseq_uncertainty, uncertainty_ranges
from hotspots.analysis.rothc.npp import miami_npp
from hotspots.analysis.rothc.protocol import dpm_rpm_of
from hotspots.errors import BadInputError

CLIMATE = ("air_temperature", "precipitation", "evaporation")


def climatology(cells: int, seed: int = 0) -> dict[str, xr.DataArray]:
    rng = np.random.default_rng(seed)
    season = np.cos((np.arange(12) - 6.5) / 12 * 2 * np.pi)
    values = {
        "air_temperature": rng.uniform(2, 26, (cells, 1)) + 8 * season,
        "precipitation": rng.gamma(2, 30, (cells, 12)),
        "evaporation": 70 + 45 * season + rng.uniform(0, 5, (cells, 12)),
        "plant_cover": rng.uniform(0, 1, (cells, 12)),
    }
    return {name: xr.DataArray(value, dims=("x", "month")) for name, value in values.items()}


def site(cells: int, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed + 1)
    attrs = {"depth_cm": "0-30"}
    return climatology(cells, seed) | {
        "soc_stock": xr.DataArray(rng.uniform(20, 120, cells), dims="x", attrs=attrs),
        "clay": xr.DataArray(rng.uniform(5, 60, cells), dims="x", attrs=attrs),
        "dpm_rpm": 1.44,
    }


def years_of(climate: dict[str, xr.DataArray], years: int, warmer: float = 0.0) -> xr.Dataset:
    """The climatology over and over, each year a bit different, warmer by `warmer` at the end."""
    rng = np.random.default_rng(9)
    out = {}
    for name in CLIMATE:
        months = xr.concat([climate[name]] * years, "month").rename(month="time")
        if name == "air_temperature":
            out[name] = months + np.linspace(0, warmer, 12 * years)
        else:
            scale = np.repeat(rng.uniform(0.7, 1.3, years), 12)
            out[name] = months * xr.DataArray(scale, dims="time")
    return xr.Dataset(out)


def at(given: dict[str, Any], i: int) -> dict[str, Any]:
    """Cell i of what is given."""
    return {
        name: value.isel(x=i) if getattr(value, "dims", None) and "x" in value.dims else value
        for name, value in given.items()
    }


# ---------------------------------------------------------------- the protocol


@pytest.mark.parametrize("pan", [0.75, 1.0])
def test_synthetic_site(vectors: Path, pan: float) -> None:
    t = pd.read_csv(vectors / "rothc_synthetic_drivers.csv")
    expected = pd.read_csv(vectors / "rothc_synthetic_expected.csv")
    expected = expected[(expected["pan_factor"] == pan) & (expected["year"] == 20)]
    by_scenario = expected.set_index("scenario")
    found = gsocseq(
        soc_stock=54.0,
        clay=22.0,
        air_temperature=t["tmp_c"].to_numpy(),
        dpm_rpm=1.44,
        precipitation=t["rain_mm"].to_numpy(),
        evaporation=t["evap_mm"].to_numpy(),
        plant_cover=t["plant_cover"].to_numpy(),
        input_share=t["input_share"].to_numpy(),
        pan_factor=pan,
    )
    need = by_scenario.loc["BAU", "c_eq_t_ha_yr"]
    assert found["carbon_input"].item() == pytest.approx(need, abs=1e-6)
    for scenario in ("BAU", "SSM1", "SSM2", "SSM3"):
        stock = by_scenario.loc[scenario, "soc"]
        assert found[f"soc_{scenario.lower()}"].item() == pytest.approx(stock, abs=1e-6)
        if scenario != "BAU":
            gain = found[f"potential_gsocseq_{scenario.lower()}"].item()
            assert gain == pytest.approx((stock - 54) / 20, abs=1e-7)


def plain_protocol(given: dict[str, Any], warm_up: xr.Dataset, increase: float) -> dict[str, float]:
    """One cell, phase by phase, each scenario a simulation of its own, year by year."""
    climate = {name: given[name] for name in (*CLIMATE, "plant_cover")}
    fixed = {"clay": given["clay"], "depth": 30, "pan_factor": 1.0, "dpm_rpm": given["dpm_rpm"]}
    iom = model.falloon_iom(float(given["soc_stock"]))
    unit = model.equilibrium(**climate, carbon_input=1 / 12, iom=iom, **fixed)
    need = (given["soc_stock"].item() - iom) / (unit["soc"].item() - iom)
    state = model.equilibrium(**climate, carbon_input=need / 12, iom=iom, **fixed)

    def npp(t: xr.DataArray, p: xr.DataArray) -> float:
        return float(
            miami_npp(mean_annual_temperature=t.mean().item(), annual_precipitation=p.sum().item())
        )

    before = npp(climate["air_temperature"], climate["precipitation"])
    carbon, inputs, seen = need, [], []
    for year in range(warm_up.sizes["time"] // 12):
        months = warm_up.isel(time=slice(12 * year, 12 * year + 12)).rename(time="month")
        seen.append(months)
        now = npp(months["air_temperature"], months["precipitation"])
        carbon *= now / before
        before = now
        inputs.append(carbon)
        weather = {name: months[name].rename(month="time") for name in CLIMATE}
        cover = climate["plant_cover"].rename(month="time")
        state = model.simulate(
            initial=state, **weather, plant_cover=cover, carbon_input=carbon / 12, **fixed
        ).isel(time=-1)
    mean = sum(seen) / len(seen)
    ahead = {name: xr.concat([mean[name]] * 20, "month").rename(month="time") for name in CLIMATE}
    ahead["plant_cover"] = xr.concat([climate["plant_cover"]] * 20, "month").rename(month="time")
    ends = {}
    for name, factor in (("bau", 1.0), ("ssm", 1.0 + increase)):
        run = model.simulate(
            initial=state, carbon_input=float(np.mean(inputs)) * factor / 12, **ahead, **fixed
        )
        ends[name] = run["soc"].values[-1]
    return ends | {"start": state["soc"].item(), "inputs": float(np.mean(inputs))}


def test_all_phases_against_runs_one_by_one() -> None:
    given = site(3)
    warm_up = years_of(climatology(3), 6, warmer=1.0)
    found = gsocseq(**given, warm_up=warm_up)
    for i in range(3):
        cell = found.isel(x=i)
        plain = plain_protocol(at(given, i), warm_up.isel(x=i), 0.10)
        assert cell["soc_start"].item() == pytest.approx(plain["start"], rel=1e-10)
        assert cell["soc_bau"].item() == pytest.approx(plain["bau"], rel=1e-10)
        assert cell["soc_ssm2"].item() == pytest.approx(plain["ssm"], rel=1e-10)
        assert cell["carbon_input_bau"].item() == pytest.approx(plain["inputs"], rel=1e-10)
        rates = {"": plain["bau"], "_absolute": plain["start"]}
        for suffix, base in rates.items():
            gain = cell[f"potential_gsocseq_ssm2{suffix}"].item()
            assert gain == pytest.approx((plain["ssm"] - base) / 20, rel=1e-8)
        lost = max(0.0, (plain["start"] - plain["bau"]) / 20)
        assert cell["loss_disequilibrium"].item() == pytest.approx(lost, abs=1e-10)
    assert float(abs(found["soc_start"] - given["soc_stock"]).max()) > 0.1


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), warm=st.booleans())
def test_relative_gains_stand_as_1_2_4(seed: int, warm: bool) -> None:
    given = site(4, seed)
    warm_up = years_of(climatology(4, seed), 2, warmer=2.0) if warm else None
    found = gsocseq(**given, warm_up=warm_up)
    first = found["potential_gsocseq_ssm1"]
    assert bool((first > 0).all())
    np.testing.assert_allclose(found["potential_gsocseq_ssm2"] / first, 2, rtol=1e-12)
    np.testing.assert_allclose(found["potential_gsocseq_ssm3"] / first, 4, rtol=1e-12)


def test_business_as_usual_at_equilibrium_does_not_drift() -> None:
    given = site(20, 3)
    found = gsocseq(**given, years=100)
    np.testing.assert_allclose(found["soc_bau"], given["soc_stock"], rtol=1e-10)
    np.testing.assert_allclose(found["loss_disequilibrium"], 0, atol=1e-10)
    np.testing.assert_allclose(
        found["potential_gsocseq_ssm1"], found["potential_gsocseq_ssm1_absolute"], atol=1e-10
    )


def test_a_forward_climate_of_its_own() -> None:
    """Warmer years ahead lose carbon, which the disequilibrium tells."""
    given = site(3, 5)
    forward = xr.Dataset({name: given[name] for name in CLIMATE})
    same = gsocseq(**given, forward=forward)
    xr.testing.assert_allclose(same, gsocseq(**given), atol=1e-12)
    forward["air_temperature"] = forward["air_temperature"] + 3
    found = gsocseq(**given, forward=forward)
    assert bool((found["loss_disequilibrium"] > 0).all())
    np.testing.assert_allclose(
        found["loss_disequilibrium"], warming_loss(warming=3.0, **given), atol=1e-10
    )


def test_land_cover_chooses_the_ratio_of_plant_carbon() -> None:
    found = dpm_rpm_of(np.arange(8))
    np.testing.assert_array_equal(found, [np.nan, 0.25, 0.67, 1.44, 0.67, np.nan, np.nan, np.nan])
    assert dpm_rpm_of("cropland") == 1.44
    given = site(4) | {"dpm_rpm": None}
    cover = xr.DataArray(np.array([3, 2, 5, 0], dtype="uint8"), dims="x")
    found = gsocseq(**given, land_cover=cover)
    for name in ("soc_bau", "potential_gsocseq_ssm1", "loss_disequilibrium", "carbon_input"):
        assert list(found[name].isnull().values) == [False, False, True, True]
    for i, ratio in enumerate((1.44, 0.67)):
        alone = gsocseq(**(at(given, i) | {"dpm_rpm": ratio}))
        assert found["soc_ssm3"].values[i] == pytest.approx(alone["soc_ssm3"].item(), rel=1e-12)


def test_paddy_rates_are_slower() -> None:
    """At 0.4 of the rates the stock needs 0.4 of the input, nearly: inputs come monthly."""
    given = site(2)
    paddy = xr.DataArray([True, False], dims="x")
    found, plain = gsocseq(**given, paddy=paddy), gsocseq(**given)
    ratio = (found["carbon_input"] / plain["carbon_input"]).values
    assert ratio[0] == pytest.approx(0.4, abs=0.02)
    assert ratio[1] == 1.0


@pytest.mark.parametrize("name", ["soc_stock", "clay", *CLIMATE, "plant_cover"])
def test_missing_inputs_give_missing_answers(name: str) -> None:
    given = site(3)
    broken = given[name].copy()
    broken[{"x": 1, "month": 4} if "month" in broken.dims else {"x": 1}] = np.nan
    found = gsocseq(**(given | {name: broken}))
    for array in found.values():
        assert list(array.isnull().values) == [False, True, False]


def test_missing_year_of_the_warm_up_and_bare_stock() -> None:
    given = site(3)
    warm_up = years_of(climatology(3), 3)
    warm_up["precipitation"][{"x": 2, "time": 30}] = np.nan
    given["soc_stock"] = given["soc_stock"].copy(data=[50.0, 0.0, 50.0])
    found = gsocseq(**given, warm_up=warm_up)
    for name in ("soc_bau", "potential_gsocseq_ssm2", "loss_disequilibrium"):
        assert list(found[name].isnull().values) == [False, True, True]


def test_chunked_equals_in_memory() -> None:
    given = site(6)
    warm_up = years_of(climatology(6), 3, warmer=1.0)
    lazy = gsocseq(
        **{k: v.chunk(x=2) if isinstance(v, xr.DataArray) else v for k, v in given.items()},
        warm_up=warm_up.chunk(x=2, time=7),
    )
    assert lazy["soc_bau"].chunks == ((2, 2, 2),)
    xr.testing.assert_allclose(lazy.compute(), gsocseq(**given, warm_up=warm_up), rtol=1e-13)


def test_names_units_and_choices_are_told() -> None:
    found = gsocseq(**site(2), increases=(0.3,), years=10)
    gain = found["potential_gsocseq_ssm1"]
    assert gain.attrs["units"] == "t ha-1 yr-1"
    assert (gain.attrs["depth_cm"], gain.attrs["years"]) == ("0-30", 10)
    assert gain.attrs["carbon_input_increase"] == 0.3
    assert found["soc_bau"].attrs["units"] == "t ha-1"
    assert "potential_gsocseq_ssm2" not in found


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"soc_stock": -5.0}, "soc_stock has the value -5"),
        ({"increases": (5, 10, 20)}, "Divide percent by 100"),
        ({"years": 0}, "years is 0"),
        ({"dpm_rpm": None}, "Neither land_cover nor dpm_rpm"),
        ({"depth": 100}, "The stock is of 0-30 cm and depth is 100 cm"),
        ({"air_temperature": 283.0}, "subtract 273.15"),
        ({"paddy": 40.0}, "paddy has the value 40"),
        ({"input_share": -np.ones(12)}, "input_share has the value -1"),
        ({"land_cover": "crops", "dpm_rpm": None}, "did you mean cropland"),
    ],
)
def test_wrong_use_is_told(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        gsocseq(**(site(2) | wrong))


def test_wrong_series_are_told() -> None:
    given = site(2)
    years = years_of(climatology(2), 2)
    with pytest.raises(BadInputError, match="warm_up has 23 months; whole years"):
        gsocseq(**given, warm_up=years.isel(time=slice(23)))
    with pytest.raises(BadInputError, match="it needs air_temperature, precipitation"):
        gsocseq(**given, warm_up=years.drop_vars("evaporation"))
    with pytest.raises(BadInputError, match="along 'month'"):
        gsocseq(**given, forward=years)
    july = pd.date_range("2001-07-01", periods=24, freq="MS")
    with pytest.raises(BadInputError, match="starts in month 7"):
        gsocseq(**given, warm_up=years.assign_coords(time=july))
    dated = gsocseq(
        **given, warm_up=years.assign_coords(time=pd.date_range("2001", periods=24, freq="MS"))
    )
    xr.testing.assert_identical(dated, gsocseq(**given, warm_up=years))


# ---------------------------------------------------------------- losses


def test_warming_loss_is_the_difference_of_two_runs() -> None:
    given = site(3, 7)
    warm_up = years_of(climatology(3, 7), 4, warmer=0.5)
    found = warming_loss(warming=2.0, warm_up=warm_up, **given)
    mean = warm_up.coarsen(time=12).construct(time=("year", "month")).mean("year")
    warmer = mean.assign(air_temperature=mean["air_temperature"] + 2)
    hot = gsocseq(**given, warm_up=warm_up, forward=warmer)
    cool = gsocseq(**given, warm_up=warm_up)
    np.testing.assert_allclose(found, (cool["soc_bau"] - hot["soc_bau"]) / 20, rtol=1e-9)
    assert bool((found > 0).all())
    assert (found.name, found.attrs["units"]) == ("loss_warming", "t ha-1 yr-1")
    assert found.attrs["warming_k"] == 2.0
    np.testing.assert_allclose(warming_loss(warming=0.0, **given), 0, atol=1e-12)


@pytest.mark.parametrize("change", [-1.5, 1.5])
def test_joint_losses_sum_to_the_joint_run(change: float) -> None:
    """Where the soil gains under BAU, the gain is set against warming before it counts."""
    given = site(4, 11)
    forward = xr.Dataset({name: given[name] for name in CLIMATE})
    forward["air_temperature"] = forward["air_temperature"] + change
    joint = disequilibrium_and_warming(warming=2.0, forward=forward, **given)
    hot = forward.assign(air_temperature=forward["air_temperature"] + 2.0)
    end = gsocseq(**given, forward=hot)
    total = joint["loss_disequilibrium"] + joint["loss_warming"]
    np.testing.assert_allclose(total, end["loss_disequilibrium"], rtol=1e-9, atol=1e-12)
    alone = warming_loss(warming=2.0, forward=forward, **given)
    if change < 0:
        assert bool((joint["loss_disequilibrium"] == 0).all())
        assert bool((joint["loss_warming"] < alone).all())
    else:
        np.testing.assert_allclose(joint["loss_warming"], alone, rtol=1e-9)


def test_a_temperature_for_warming_is_refused() -> None:
    with pytest.raises(BadInputError, match="difference, not a temperature"):
        warming_loss(warming=288.0, **site(2))
    with pytest.raises(BadInputError, match="increases are for gsocseq"):
        warming_loss(warming=2.0, increases=(0.1,), **site(2))


# ---------------------------------------------------------------- uncertainty


def test_ranges_are_those_of_the_table() -> None:
    ranges = uncertainty_ranges()
    assert ranges == pytest.approx(
        {"temperature": 0.3, "precipitation": 0.05, "clay": 0.1, "soc": 0.2, "increase": 0.15}
    )
    assert uncertainty_ranges(1.0, 0.0)["temperature"] == 1.0
    assert uncertainty_ranges(1.0, 0.0)["increase"] == 0.0


def test_fao_rule_by_hand() -> None:
    """Both runs written out: cooler, wetter, more clay and stock hold more."""
    given = site(3, 2)
    found = gsocseq_uncertainty(**given, draws=0)

    def run(sign: int) -> xr.Dataset:
        changed = given | {
            "air_temperature": given["air_temperature"] - 0.3 * sign,
            "precipitation": given["precipitation"] * (1 + 0.05 * sign),
            "clay": given["clay"] * (1 + 0.1 * sign),
            "soc_stock": given["soc_stock"] * (1 + 0.2 * sign),
        }
        return gsocseq(**changed, increases=(0.10 + 0.15 * sign,))

    most, least, middle = run(1), run(-1), gsocseq(**given)
    bau = (most["soc_bau"] - least["soc_bau"]) / 2
    ssm = (most["soc_ssm1"] - least["soc_ssm1"]) / 2
    np.testing.assert_allclose(found["u_percent_soc_bau"], 100 * bau / middle["soc_bau"])
    np.testing.assert_allclose(found["u_percent_soc_ssm2"], 100 * ssm / middle["soc_ssm2"])
    rule = 100 * np.hypot(bau, ssm) / (middle["soc_ssm2"] - middle["soc_bau"])
    np.testing.assert_allclose(found["u_percent_potential_ssm2"], rule)


def test_paired_draws_keep_what_bau_and_ssm_share() -> None:
    """Without doubt on the increase, the gain's sd is a part of what FAO's rule claims."""
    given = site(3, 2)
    found = gsocseq_uncertainty(**given, draws=40, seed=4, increase_error=0.0)
    middle = gsocseq(**given)
    for i in (1, 2, 3):
        gain = middle[f"potential_gsocseq_ssm{i}"]
        share = 196 * found[f"potential_gsocseq_ssm{i}_sd"] / gain
        assert bool((share > 2).all())
        assert bool((share < found[f"u_percent_potential_ssm{i}"] / 5).all())
    # 1:2:4 holds in every draw, and so for the spread.
    sds = [found[f"potential_gsocseq_ssm{i}_sd"] for i in (1, 2, 3)]
    np.testing.assert_allclose(sds[2] / sds[0], 4, rtol=1e-9)
    # The stock's error is 20 % (95 %), and BAU at equilibrium carries just that.
    spread = 1.96 * found["soc_bau_sd"] / middle["soc_bau"]
    np.testing.assert_allclose(spread, 0.2, rtol=0.35)


def test_draws_are_fixed_by_their_seed_and_the_same_for_each_cell() -> None:
    given = site(3, 2)
    first = gsocseq_uncertainty(**given, draws=5, seed=1)
    xr.testing.assert_identical(first, gsocseq_uncertainty(**given, draws=5, seed=1))
    other = gsocseq_uncertainty(**given, draws=5, seed=2)
    assert not np.allclose(first["soc_bau_sd"], other["soc_bau_sd"])
    alone = gsocseq_uncertainty(**at(given, 1), draws=5, seed=1)
    assert alone["soc_bau_sd"].item() == pytest.approx(first["soc_bau_sd"].values[1], rel=1e-12)


def test_draws_by_a_plain_loop() -> None:
    """Mean and sd are those of the draws, made one by one."""
    given = site(2, 2)
    found = gsocseq_uncertainty(**given, draws=4, seed=3)
    random = np.random.default_rng(3)
    half = np.array([0.3, 0.05, 0.1, 0.2, 0.15]) / 1.96
    runs = []
    for _ in range(4):
        t, p, c, s, i = random.normal(0, 1, 5) * half
        changed = given | {
            "air_temperature": given["air_temperature"] + t,
            "precipitation": given["precipitation"] * (1 + p),
            "clay": given["clay"] * (1 + c),
            "soc_stock": given["soc_stock"] * (1 + s),
        }
        runs.append(gsocseq(**changed, increases=(0.05 + i,))["potential_gsocseq_ssm1"].values)
    np.testing.assert_allclose(found["potential_gsocseq_ssm1_mean"], np.mean(runs, axis=0))
    np.testing.assert_allclose(found["potential_gsocseq_ssm1_sd"], np.std(runs, axis=0, ddof=1))


def test_warm_up_is_shifted_with_the_climatology() -> None:
    given = site(2, 2)
    warm_up = years_of(climatology(2, 2), 2)
    found = gsocseq_uncertainty(**given, warm_up=warm_up, draws=3)
    assert bool(found["potential_gsocseq_ssm1_sd"].notnull().all())
    # Warming of the climatology alone would be a disequilibrium: the stock's spread would grow.
    plain = gsocseq_uncertainty(**given, draws=3)
    np.testing.assert_allclose(found["soc_bau_sd"], plain["soc_bau_sd"], rtol=0.1)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"draws": 1}, "draws is 1"),
        ({"temperature_error": -1.0}, "temperature_error is -1"),
        ({"increase_error": float("nan")}, "increase_error is nan"),
    ],
)
def test_wrong_uncertainty_is_told(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        gsocseq_uncertainty(**site(2), **wrong)


@pytest.mark.parametrize("stated", ["0-x", "surface", "x-30", "0-", "-30", "30", "0-30-60"])
def test_a_depth_that_cant_be_read_is_told(stated: str) -> None:
    given = site(2)
    given["soc_stock"] = given["soc_stock"].assign_attrs(depth_cm=stated)
    given["clay"] = given["clay"].assign_attrs(depth_cm=stated)
    with pytest.raises(BadInputError, match=f"depth '{stated}'.*top and bottom, cm: '0-30'"):
        gsocseq(**given)


@pytest.mark.parametrize("stated", ["15-30", "0-100"])
def test_a_stock_of_another_layer_is_told(stated: str) -> None:
    given = site(2)
    for name in ("soc_stock", "clay"):
        given[name] = given[name].assign_attrs(depth_cm=stated)
    with pytest.raises(BadInputError, match=f"is of {stated} cm and depth is 30 cm"):
        gsocseq(**given)


def test_months_of_condensation_are_weather() -> None:
    """Evaporation of -20 mm is 20 mm more rain to the soil, and no error."""
    given = site(3)
    wet = given | {"evaporation": xr.full_like(given["evaporation"], -20.0)}
    rain = given | {
        "evaporation": xr.zeros_like(given["evaporation"]),
        "precipitation": given["precipitation"] + 20.0,
    }
    for name in ("soc_bau", "carbon_input", "potential_gsocseq_ssm1"):
        np.testing.assert_allclose(gsocseq(**wet)[name], gsocseq(**rain)[name], rtol=1e-9)
