"""RothC-26.3: published months, the exact equilibrium, a plain twin, conservation of carbon."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspots.analysis.rothc import model
from hotspots.errors import BadInputError, GridMismatchError

POOLS = ("dpm", "rpm", "bio", "hum")
State = dict[str, float]


# ---------------------------------------------------------------- the plain twin: months in a loop


def plain_month(
    state: State,
    t: float,
    p: float,
    e: float,
    cover: float,
    plant: float,
    manure: float = 0,
    *,
    clay: float,
    depth: float,
    pan: float = 0.75,
    ratio: float = 1.44,
    factor: float = 1.0,
) -> State:
    """One month, written after the description of the model."""
    most = -(20 + 1.3 * clay - 0.01 * clay**2) * depth / 23
    wetter = min(0.0, state["tsmd"] + p - pan * e)
    driest = most if cover >= 0.5 else min(0.556 * most, state["tsmd"])
    tsmd = max(driest, wetter)
    a = 0.0 if t < -5 else 47.91 / (1 + math.exp(106.06 / (t + 18.27)))
    b = 1.0 if tsmd > 0.444 * most else 0.2 + 0.8 * (most - tsmd) / (most - 0.444 * most)
    c = 1 - 0.4 * cover
    rate = a * b * c * factor
    lost = {
        pool: state[pool] * (1 - math.exp(-rate * k / 12))
        for pool, k in zip(POOLS, (10, 0.3, 0.66, 0.02), strict=True)
    }
    x = 1.67 * (1.85 + 1.60 * math.exp(-0.0786 * clay))
    gone = sum(lost.values())
    return {
        "dpm": state["dpm"] - lost["dpm"] + plant * ratio / (1 + ratio) + 0.49 * manure,
        "rpm": state["rpm"] - lost["rpm"] + plant / (1 + ratio) + 0.49 * manure,
        "bio": state["bio"] - lost["bio"] + 0.46 * gone / (x + 1),
        "hum": state["hum"] - lost["hum"] + 0.54 * gone / (x + 1) + 0.02 * manure,
        "iom": state["iom"],
        "tsmd": tsmd,
        "co2": gone * x / (x + 1),
        "rate": rate,
    }


def plain_spin_up(months: Sequence[Sequence[float]], iom: float, stop: float, **site: Any) -> State:
    """Years from an empty, wet soil until the total changes by less than `stop` in a year."""
    state: State = dict.fromkeys(POOLS, 0.0) | {"iom": iom, "tsmd": 0.0}
    before = -1.0
    while abs(total(state) - before) >= stop:
        before = total(state)
        for month in months:
            state = plain_month(state, *month, **site)
    return state


def total(state: Any) -> float:
    return float(sum(float(state[pool]) for pool in (*POOLS, "iom")))


NAMES = ("air_temperature", "precipitation", "evaporation", "plant_cover", "carbon_input")


def as_drivers(months: Any) -> dict[str, np.ndarray]:
    return dict(zip(NAMES, np.asarray(months, dtype="float64").T, strict=True))


def some_year(seed: int = 0, cells: int | None = None) -> dict[str, xr.DataArray]:
    """Twelve months of made weather: warm and cold, wet and dry, bare after harvest."""
    rng = np.random.default_rng(seed)
    shape = (12,) if cells is None else (cells, 12)
    dims = ("month",) if cells is None else ("x", "month")
    season = np.cos((np.arange(12) - 6.5) / 12 * 2 * np.pi)
    mean = rng.uniform(-8, 26, shape[:-1])[..., np.newaxis]
    values = {
        "air_temperature": mean + 10 * season + rng.normal(0, 1, shape),
        "precipitation": rng.gamma(2, 30, shape),
        "evaporation": np.maximum(0, 60 + 50 * season + rng.normal(0, 5, shape)),
        "plant_cover": (rng.uniform(size=shape) > 0.3).astype(float),
        "carbon_input": rng.uniform(0, 0.5, shape),
    }
    return {name: xr.DataArray(value, dims=dims) for name, value in values.items()}


def months_of(drivers: dict[str, xr.DataArray]) -> list[tuple[float, ...]]:
    return list(zip(*(drivers[name].values.tolist() for name in NAMES), strict=True))


# ---------------------------------------------------------------- the reference values


def test_moisture_deficit_of_rothamsted(vectors: Path) -> None:
    table = pd.read_csv(vectors / "rothc_doc_tsmd_rothamsted.csv")
    found = model.rate_modifiers(
        air_temperature=10.0,
        precipitation=table["rain_mm"].to_numpy(),
        evaporation=table["open_pan_evap_mm"].to_numpy(),
        clay=23.4,
        depth=23,
        plant_cover=table["plant_cover"].to_numpy(),
    )
    np.testing.assert_allclose(found["tsmd"], table["expected_acc_tsmd_mm"], rtol=0, atol=0.005)


def test_scalar_checks(vectors: Path) -> None:
    """Temperature modifier, largest deficits (dried out for a year), CO2 ratio, inert carbon."""
    seen = set()
    for _, row in pd.read_csv(vectors / "rothc_scalar_checks.csv").iterrows():
        key, given = row["quantity"], float(row["input"].split("=")[1])
        dry = {"air_temperature": 10.0, "precipitation": np.zeros(12), "evaporation": 300.0}
        if key == "rmf_temp":
            found = model.rate_modifiers(
                **(dry | {"air_temperature": given, "precipitation": 0.0}),
                clay=20,
                plant_cover=1,
                depth=23,
            )["temperature"]
        elif key.startswith(("max_tsmd", "bare_tsmd")):
            found = model.rate_modifiers(
                **dry,
                clay=given,
                plant_cover=float(key.startswith("max")),
                depth=float(key.split("_")[-1].removesuffix("cm")),
            )["tsmd"][-1]
        elif key.startswith("x_ratio"):
            # Of a month's lost carbon x parts leave to one that stays.
            start = dict.fromkeys((*POOLS, "iom", "tsmd"), 0.0) | {"dpm": 1.0}
            after = model.simulate(
                initial=start,
                air_temperature=[10.0],
                precipitation=[50.0],
                evaporation=[0.0],
                plant_cover=1,
                carbon_input=0,
                clay=given,
                depth=23,
            ).isel(time=0)
            found = after["co2"] / (after["bio"] + after["hum"])
        else:
            assert key == "falloon_iom_t_ha"
            found = model.falloon_iom(given)
        assert float(found) == pytest.approx(row["expected"], abs=row["tolerance_abs"])
        seen.add(key)
    assert len(seen) == 6


def test_one_month_of_hoosfield(vectors: Path) -> None:
    """The worked example gives a·b·c = 0.3561; the further factor sets it."""
    table = pd.read_csv(vectors / "rothc_doc_one_month_hoosfield.csv").set_index("pool")
    start = {pool: table.loc[pool.upper(), "start_t_ha"] for pool in POOLS}
    weather = {
        "air_temperature": 10.0,
        "precipitation": 50.0,
        "evaporation": 0.0,
        "plant_cover": 1.0,
        "clay": 23.4,
        "depth": 23.0,
    }
    product = float(model.rate_modifiers(**weather)["product"])
    found = model.simulate(
        initial=start | {"iom": 0.0, "tsmd": 0.0},
        carbon_input=0.0,
        rate_factor=table["abc"].iloc[0] / product,
        **weather,
    )
    for pool in POOLS:
        row = table.loc[pool.upper()]
        assert found[pool].item() == pytest.approx(
            row["after_one_month_t_ha"], abs=row["tolerance_abs"]
        )


def py_example(vectors: Path, year: int) -> list[tuple[float, ...]]:
    table = pd.read_csv(vectors / "rothc_py_example_input_spinup_and_1939.csv")
    names = ["tmp_c", "rain_mm", "evap_mm", "plant_cover", "c_inp"]
    return list(table.loc[table["year"] == year, names].itertuples(index=False, name=None))


EXAMPLE_SITE = {"clay": 13.0, "depth": 25.0}
EXAMPLE_IOM = 3.0041


def test_example_equilibrium_exact_and_by_the_stop_rule(vectors: Path) -> None:
    """The exact equilibrium stands 1.34e-4 above the spin-up; the twin that stops, on it."""
    row = pd.read_csv(vectors / "rothc_py_example_expected_1939.csv").iloc[0]
    months = py_example(vectors, 1)
    exact = model.equilibrium(**as_drivers(months), iom=EXAMPLE_IOM, **EXAMPLE_SITE)
    stopped = plain_spin_up(months, EXAMPLE_IOM, 1e-6, **EXAMPLE_SITE)
    for pool in POOLS:
        expected = row[f"{pool.upper()}_t_C_ha"]
        assert stopped[pool] == pytest.approx(expected, abs=1e-9)
        assert exact[pool].item() == pytest.approx(expected, abs=2e-4)
    assert exact["soc"].item() - row["SOC_t_C_ha"] == pytest.approx(1.34e-4, abs=1e-6)
    assert exact["tsmd"].item() == stopped["tsmd"]


def test_example_year_1939(vectors: Path) -> None:
    table = pd.read_csv(vectors / "rothc_py_example_expected_1939.csv")
    modifiers = pd.read_csv(vectors / "rothc_py_example_rate_modifiers_1939.csv")
    columns = {pool: f"{pool.upper()}_t_C_ha" for pool in (*POOLS, "iom", "soc")}
    start = {name: float(table[columns[name]].iloc[0]) for name in (*POOLS, "iom")}
    drivers = as_drivers(py_example(vectors, 1939))
    found = model.simulate(initial=start | {"tsmd": 0.0}, **drivers, **EXAMPLE_SITE)
    for name in (*POOLS, "soc"):
        np.testing.assert_allclose(found[name], table[columns[name]].iloc[1:], rtol=0, atol=1e-9)
    del drivers["carbon_input"]
    rates = model.rate_modifiers(**drivers, **EXAMPLE_SITE)
    pairs = {
        "temperature": "rmf_temp",
        "moisture": "rmf_moist",
        "cover": "rmf_cover",
        "tsmd": "acc_tsmd_mm",
    }
    for name, column in pairs.items():
        np.testing.assert_allclose(rates[name], modifiers[column], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["tsmd"], modifiers["acc_tsmd_mm"], rtol=0, atol=1e-9)


def synthetic(vectors: Path, pan: float) -> tuple[dict[str, Any], np.ndarray, pd.DataFrame]:
    """Drivers without input, the input's shares, and the expected rows."""
    t = pd.read_csv(vectors / "rothc_synthetic_drivers.csv")
    columns = ("tmp_c", "rain_mm", "evap_mm", "plant_cover")
    drivers = {n: t[c].to_numpy() for n, c in zip(NAMES, columns, strict=False)}
    expected = pd.read_csv(vectors / "rothc_synthetic_expected.csv")
    site = {"clay": 22.0, "depth": 30.0, "dpm_rpm": 1.44, "pan_factor": pan}
    return drivers | site, t["input_share"].to_numpy(), expected[expected["pan_factor"] == pan]


@pytest.mark.parametrize("pan", [0.75, 1.0])
def test_synthetic_site(vectors: Path, pan: float) -> None:
    """Input for 54 t/ha, then 20 years with it, with more, and with none."""
    drivers, share, expected = synthetic(vectors, pan)
    need = model.input_for_stock(soc=54.0, input_share=share, **drivers)
    state = model.equilibrium_of_stock(soc=54.0, input_share=share, **drivers)
    first = expected.iloc[0]
    assert need.item() == pytest.approx(first["c_eq_t_ha_yr"], abs=1e-6)
    climate = {name: drivers[name] for name in NAMES[:4]}
    site = {k: v for k, v in drivers.items() if k not in NAMES}
    rates = model.rate_modifiers(**climate, clay=22.0, depth=30.0, pan_factor=pan)
    assert rates["product"].mean().item() == pytest.approx(first["annual_mean_rmf"], abs=1e-6)
    factors = {"BAU": 1.0, "SSM1": 1.05, "SSM2": 1.10, "SSM3": 1.20, "ZERO_INPUT": 0.0}
    runs = {
        name: model.simulate(
            initial=state,
            carbon_input=np.tile(need.item() * factor * share, 20),
            **{k: np.tile(v, 20) for k, v in climate.items()},
            **site,
        )
        for name, factor in factors.items()
    }
    for _, row in expected.iterrows():
        at_end = (
            state
            if row["scenario"] == "equilibrium"
            else runs[row["scenario"]].isel(time=12 * row["year"] - 1)
        )
        for name in (*POOLS, "iom", "soc"):
            assert at_end[name].item() == pytest.approx(row[name], abs=row["tolerance_abs"])
    assert set(expected["scenario"]) == {"equilibrium", *factors}


# ---------------------------------------------------------------- twin and invariants


@pytest.mark.parametrize("seed", range(6))
def test_equilibrium_is_the_year_that_repeats_itself(seed: int) -> None:
    """A year from the equilibrium leads back to it, by the plain twin and by the kernel."""
    year = some_year(seed)
    site = {"clay": 5.0 + 12 * seed, "depth": 30.0}
    found = model.equilibrium(**year, iom=2.0, dpm_rpm=0.67, **site)
    state = {name: found[name].item() for name in (*POOLS, "iom", "tsmd")}
    after = dict(state)
    for month in months_of(year):
        after = plain_month(after, *month, ratio=0.67, **site)
    for name in (*POOLS, "tsmd"):
        assert after[name] == pytest.approx(state[name], rel=1e-9, abs=1e-9)
    again = model.final_state(initial=found, **year, dpm_rpm=0.67, repeat=20, **site)
    assert again["soc"].item() == pytest.approx(found["soc"].item(), rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_plain_twin_month_by_month(seed: int) -> None:
    """Five years with manure, shares of plant cover and rates of paddy rice."""
    rng = np.random.default_rng(seed)
    weather = some_year(seed, cells=5)
    months = [
        row for c in range(5) for row in months_of({k: v.isel(x=c) for k, v in weather.items()})
    ]
    months = [(*row[:3], float(rng.uniform()), row[4], float(rng.uniform())) for row in months]
    state: State = {"dpm": 1.0, "rpm": 5.0, "bio": 1.0, "hum": 30.0, "iom": 3.0, "tsmd": -8.0}
    site = {"clay": 35.0, "depth": 23.0}
    columns = dict(zip((*NAMES, "manure_input"), np.array(months).T, strict=True))
    found = model.simulate(
        initial=state, **columns, dpm_rpm=0.25, pan_factor=0.9, rate_factor=0.4, **site
    )
    for i, month in enumerate(months):
        state = plain_month(state, *month, ratio=0.25, pan=0.9, factor=0.4, **site)
        for name in (*POOLS, "tsmd", "co2"):
            assert found[name].values[i] == pytest.approx(state[name], rel=1e-12, abs=1e-12)


def test_years_with_condensation_as_in_the_authors_example() -> None:
    """A spin-up and 69 years, 828 months, whose winters have negative evaporation."""
    rng = np.random.default_rng(7)
    year = months_of(some_year(3))
    months = [
        (t, p, -rng.uniform(0, 50) if i % 12 in (0, 1, 11) else e, cover, plant)
        for i, (t, p, e, cover, plant) in enumerate(year * 69)
    ]
    site = {"clay": 13.0, "depth": 25.0}
    first = [(*row[:2], -0.5 if i in (0, 11) else row[2], *row[3:]) for i, row in enumerate(year)]
    start = model.equilibrium(**as_drivers(first), iom=3.0, **site)
    found = model.simulate(initial=start, **as_drivers(months), **site)
    state = {name: start[name].item() for name in (*POOLS, "iom", "tsmd")}
    expected = []
    for month in months:
        state = plain_month(state, *month, **site)
        expected.append(total(state))
    assert len(expected) == 828
    np.testing.assert_allclose(found["soc"], expected, rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(evaporation=st.floats(-50, 2000), rain=st.floats(0, 300), before=st.floats(-300, 0))
def test_evaporation_of_either_sign_enters_the_water_balance(
    evaporation: float, rain: float, before: float
) -> None:
    state: State = {"dpm": 1.0, "rpm": 5.0, "bio": 1.0, "hum": 30.0, "iom": 3.0, "tsmd": before}
    month = (10.0, rain, evaporation, 1.0, 0.1)
    site = {"clay": 20.0, "depth": 23.0}
    after = plain_month(state, *month, **site)
    found = model.simulate(initial=state, **as_drivers([month]), **site)
    for name in (*POOLS, "tsmd"):
        assert found[name].item() == pytest.approx(after[name], rel=1e-12, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), clay=st.floats(0, 100), ratio=st.floats(0.1, 5))
def test_stock_and_co2_are_start_and_inputs(seed: int, clay: float, ratio: float) -> None:
    year = {name: value.rename(month="time") for name, value in some_year(seed).items()}
    start = {"dpm": 2.0, "rpm": 6.0, "bio": 1.0, "hum": 40.0, "iom": 4.0, "tsmd": 0.0}
    found = model.simulate(
        initial=start, **year, manure_input=0.1, clay=clay, depth=30, dpm_rpm=ratio
    )
    put_in = (year["carbon_input"] + 0.1).cumsum("time")
    balance = found["soc"] + found["co2"].cumsum("time") - put_in
    np.testing.assert_allclose(balance, 53.0, rtol=1e-12)
    assert bool((found["co2"] >= 0).all())
    assert found["iom"].item() == 4.0


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), soc=st.floats(5, 200))
def test_input_for_stock_gives_the_stock(seed: int, soc: float) -> None:
    """Put into the equilibrium as monthly input it gives the stock that was asked for."""
    year = some_year(seed)
    share = year.pop("carbon_input")
    site = {"clay": 20.0, "depth": 30.0}
    need = model.input_for_stock(soc=soc, input_share=share, **year, **site)
    found = model.equilibrium(
        **year, carbon_input=need * share / share.sum(), iom=model.falloon_iom(soc), **site
    )
    if np.isnan(need.item()):  # frozen all year
        assert bool((year["air_temperature"] < -5).all())
    elif float((need * share / share.sum()).max()) < 100:
        assert found["soc"].item() == pytest.approx(soc, rel=1e-9)


def test_slow_drying_reaches_its_cycle() -> None:
    """Rain 3 mm short of evaporation each year: from wet to driest it takes sixty years."""
    year = {
        "air_temperature": 15.0,
        "precipitation": np.array([50.0] * 6 + [39.5] * 6),
        "evaporation": np.array([40.0] * 6 + [50.0] * 6),
        "plant_cover": 1.0,
    }
    found = model.equilibrium(
        **year, carbon_input=0.2, clay=40.0, iom=0.0, depth=100.0, pan_factor=1.0
    )
    state = {name: found[name].item() for name in (*POOLS, "iom", "tsmd")}
    after = dict(state)
    for i in range(12):
        after = plain_month(
            after,
            15.0,
            year["precipitation"][i],
            year["evaporation"][i],
            1.0,
            0.2,
            clay=40.0,
            depth=100.0,
            pan=1.0,
        )
    # At most (20 + 1.3·40 − 0.01·40²)·100/23 = 243.5 mm, at the end of the dry half.
    assert state["tsmd"] == pytest.approx(-56 * 100 / 23, abs=1e-9)
    assert after["tsmd"] == pytest.approx(state["tsmd"], abs=1e-9)
    assert total(after) == pytest.approx(total(state), rel=1e-9)


def test_final_state_is_the_last_month_of_the_simulation() -> None:
    year = some_year(3, cells=4)
    start = model.equilibrium(**year, clay=20.0, iom=2.0, depth=30)
    warmer = year | {"air_temperature": year["air_temperature"] + 3}
    short = model.final_state(initial=start, **warmer, clay=20.0, depth=30, repeat=4)
    months = {k: xr.concat([v.rename(month="time")] * 4, "time") for k, v in warmer.items()}
    long = model.simulate(initial=start, **months, clay=20.0, depth=30).isel(time=-1)
    for name in (*POOLS, "iom", "soc", "tsmd"):
        np.testing.assert_allclose(short[name], long[name], rtol=1e-12)


# ---------------------------------------------------------------- missing, chunked, wrong


@pytest.mark.parametrize("name", [*NAMES, "clay", "iom", "dpm_rpm", "depth", "pan_factor"])
def test_missing_in_any_input_is_missing_in_all_pools(name: str) -> None:
    year: dict[str, Any] = dict(some_year(1, cells=3))
    cells = {"clay": 20.0, "iom": 2.0, "dpm_rpm": 1.44, "depth": 30.0, "pan_factor": 0.75}
    for key, value in cells.items():
        year[key] = xr.DataArray([value] * 3, dims="x")
    broken = year[name].copy()
    broken[{"x": 1, "month": 6} if "month" in broken.dims else {"x": 1}] = np.nan
    found = model.equilibrium(**(year | {name: broken}))
    for array in found.values():
        assert list(array.isnull().values) == [False, True, False]
    start = model.equilibrium(**year)
    start["iom"][1] = np.nan if name == "iom" else start["iom"][1]
    given = {
        k: v.rename(month="time") if "month" in v.dims else v
        for k, v in (year | {name: broken}).items()
        if k != "iom"
    }
    run = model.simulate(initial=start, **given)
    for pool in (*POOLS, "soc", "tsmd", "co2"):
        assert list(run[pool].isel(time=-1).isnull().values) == [False, True, False]


def test_no_stock_has_no_inert_part() -> None:
    values = model.falloon_iom(np.array([50.0, 0.0, -3.0, np.nan]))
    assert list(np.isnan(values)) == [False, True, True, True]
    assert model.falloon_iom(50.0) == pytest.approx(0.049 * 50**1.139)


def test_frozen_all_year_has_no_equilibrium() -> None:
    frozen = some_year(1) | {"air_temperature": xr.DataArray([-10.0] * 12, dims="month")}
    found = model.equilibrium(**frozen, clay=20.0, iom=2.0, depth=30)
    assert all(bool(array.isnull()) for array in found.values())


def test_chunked_equals_in_memory() -> None:
    year = some_year(2, cells=6)
    clay = xr.DataArray(np.linspace(0, 60, 6), dims="x")
    chunked = {name: value.chunk(x=2, month=5) for name, value in year.items()}
    whole = model.equilibrium(**year, clay=clay, iom=2.0, depth=30)
    lazy = model.equilibrium(**chunked, clay=clay.chunk(x=2), iom=2.0, depth=30)
    assert lazy["soc"].chunks == ((2, 2, 2),)
    xr.testing.assert_identical(lazy.compute(), whole)
    months = {name: value.rename(month="time") for name, value in chunked.items()}
    run = model.simulate(initial=lazy, **months, clay=clay, depth=30)
    again = model.simulate(
        initial=whole,
        clay=clay,
        depth=30,
        **{name: value.rename(month="time") for name, value in year.items()},
    )
    xr.testing.assert_identical(run.compute(), again)
    climate = {name: value for name, value in chunked.items() if name != "carbon_input"}
    rates = model.rate_modifiers(**climate, clay=clay, depth=30)
    assert rates["product"].chunks is not None
    assert rates["tsmd"].compute().max() <= 0


def test_plain_arrays_of_cells() -> None:
    """(cell, month) and (cell,) arrays give what each cell gives alone."""
    year = some_year(5, cells=3)
    clay = np.array([10.0, 20.0, 30.0])
    arrays = {name: value.values for name, value in year.items()}
    found = model.equilibrium(**arrays, clay=clay, iom=1.0, depth=30)
    assert found["soc"].dims == ("cell",)
    for i in range(3):
        alone = model.equilibrium(
            **{k: v[i] for k, v in arrays.items()}, clay=clay[i], iom=1.0, depth=30
        )
        assert found["soc"].values[i] == alone["soc"].item()


def test_share_of_plant_cover() -> None:
    """The cover modifier follows the share; below one half the soil dries as a bare one."""
    given = {
        "air_temperature": 10.0,
        "precipitation": np.zeros(6),
        "evaporation": 200.0,
        "clay": 20.0,
        "depth": 23.0,
    }
    found = {
        c: model.rate_modifiers(**given, plant_cover=c) for c in (0.0, 0.25, 0.49, 0.5, 0.75, 1.0)
    }
    for share, rates in found.items():
        np.testing.assert_allclose(rates["cover"], 1 - 0.4 * share)
        np.testing.assert_allclose(rates["tsmd"][-1], -42 * (0.556 if share < 0.5 else 1))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"air_temperature": 283.15}, "subtract 273.15 from kelvin"),
        ({"precipitation": -1.0}, "precipitation has the value -1"),
        ({"evaporation": -9999.0}, "evaporation has the value -9999; allowed is -50 to 2000 mm"),
        ({"evaporation": -50.1}, "evaporation has the value -50.1"),
        ({"evaporation": 2000.1}, "evaporation has the value 2000.1"),
        ({"clay": 230.0}, "clay has the value 230; allowed is 0 to 100 %"),
        ({"depth": 0.0}, "depth has the value 0"),
        ({"depth": 0.3}, "multiply metres by 100"),
        ({"plant_cover": 80.0}, "plant_cover has the value 80"),
        ({"carbon_input": -0.1}, "carbon_input has the value -0.1"),
        ({"manure_input": -0.1}, "manure_input has the value -0.1"),
        ({"iom": -1.0}, "iom has the value -1"),
        ({"dpm_rpm": 0.0}, "dpm_rpm has the value 0"),
        ({"precipitation": np.ones(11)}, "allowed is 12 months"),
        ({"precipitation": np.ones((2, 2, 12))}, r"shape \(2, 2, 12\)"),
        ({"clay": np.ones((2, 2))}, r"allowed are a number and \(cells,\)"),
        ({"precipitation": xr.DataArray(np.ones(12), dims="time")}, "'month' is needed"),
    ],
)
def test_wrong_use_is_told(wrong: dict[str, Any], told: str) -> None:
    fine = some_year(1) | {"clay": 20.0, "iom": 2.0, "depth": 30.0}
    with pytest.raises(BadInputError, match=told):
        model.equilibrium(**(fine | wrong))


def test_wrong_state_stock_or_grid_is_told() -> None:
    year = some_year(1)
    site = {"clay": 20.0, "depth": 30.0}
    months = {name: value.rename(month="time") for name, value in year.items()}
    with pytest.raises(BadInputError, match="initial lacks hum, tsmd"):
        model.simulate(initial={"dpm": 1.0, "rpm": 1.0, "bio": 1.0, "iom": 1.0}, **months, **site)
    start = model.equilibrium(**year, iom=1.0, **site)
    with pytest.raises(BadInputError, match="the same number of months"):
        model.simulate(initial=start, **(months | {"precipitation": np.ones(24)}), **site)
    with pytest.raises(BadInputError, match="repeat is 0"):
        model.final_state(initial=start, **year, **site, repeat=0)
    del year["carbon_input"]
    with pytest.raises(BadInputError, match="soc has the value -5"):
        model.input_for_stock(soc=-5.0, **year, **site)
    clay = xr.DataArray([20.0, 20.0], dims="x", coords={"x": [0, 1]})
    iom = xr.DataArray([2.0, 2.0], dims="x", coords={"x": [1, 2]})
    with pytest.raises(GridMismatchError, match="same coordinates"):
        model.equilibrium(**year, carbon_input=0.1, clay=clay, iom=iom, depth=30)
    with pytest.raises(BadInputError, match="different depths"):
        model.equilibrium(
            **year,
            carbon_input=0.1,
            clay=clay.assign_attrs(depth_cm="0-30"),
            iom=clay.assign_attrs(depth_cm="0-100"),
            depth=30,
        )
