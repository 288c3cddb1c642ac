"""Climate zones: the decision tree, and what it does where something is missing."""

from __future__ import annotations

import csv
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from hotspots.analysis.ipcc.climate_zones import climate_zone
from hotspots.analysis.ipcc.factor_tables import table
from hotspots.errors import BadInputError, GridMismatchError
from hotspots.layers.variables import CLIMATE_ZONES, classes_of

NAMES = (
    "mean_annual_temperature",
    "annual_precipitation",
    "annual_pet",
    "elevation",
    "frost_days",
    "warmest_month_temperature",
)
# Values at and beside every threshold, and missing ones.
MISSING = st.just(float("nan"))
DRIVERS = st.tuples(
    st.one_of(st.sampled_from([-5.0, 0.0, 0.1, 10.0, 10.1, 18.0, 18.1, 26.0]), MISSING),
    st.one_of(st.sampled_from([0.0, 500.0, 1000.0, 1000.1, 2000.0, 2000.1]), MISSING),
    st.one_of(st.sampled_from([0.0, 400.0, 1000.0, 1500.0]), MISSING),
    st.one_of(st.sampled_from([0.0, 1000.0, 1000.1]), MISSING),
    st.one_of(st.sampled_from([0.0, 7.0, 7.1, 100.0]), MISSING),
    st.one_of(st.sampled_from([-3.0, 9.9, 10.0, 20.0]), MISSING),
)


def zone_of(values: Any, **options: Any) -> Any:
    return climate_zone(**dict(zip(NAMES, values, strict=True)), **options)


def plain_zone(values: tuple[float, ...]) -> str:
    """The packaged table of rules, read as text: the one row whose condition holds."""
    mat, rain, pet, elev, frost, warmest = values
    ratio = float("inf") if pet == 0 and rain == rain else rain / pet if pet else float("nan")
    names = {
        "MAT": mat,
        "MAP": rain,
        "elev": elev,
        "frost_days": frost,
        "ratio": ratio,
        "warmest": warmest,
        "tropical": mat > 18 and frost <= 7,
    }
    held = []
    for row in table("ipcc_climate_zone_rules"):
        told = row["condition"].replace("MAP/PET", "ratio")
        told = told.replace("every monthly mean", "warmest").replace("any monthly mean", "warmest")
        if _needs_missing(row["zone"], names):
            continue
        if eval(told, {}, names):
            held.append(row["zone"])
    assert len(held) <= 1
    return held[0] if held else "nodata"


def _needs_missing(zone: str, names: dict[str, Any]) -> bool:
    """Whether a value is missing that tells this zone from the others."""
    hot = names["MAT"] > 18
    if zone == "tropical_montane":
        needed = ["MAT", "frost_days", "elev"]
    elif zone.startswith("tropical"):
        needed = ["MAT", "frost_days", "elev", "MAP"]
    elif zone.startswith("warm"):
        needed = ["MAT", "ratio", *(["frost_days"] if hot else [])]
    elif zone.startswith("cool"):
        needed = ["MAT", "ratio"]
    else:
        needed = ["MAT", "ratio", "warmest"]
    return any(names[name] != names[name] for name in needed)


def test_reference_zones(vectors: Path) -> None:
    with (vectors / "climate_zone.csv").open(encoding="utf-8") as file:
        for case in csv.DictReader(file):
            values = [
                float(case[k])
                for k in ("mat", "map", "pet", "elev", "frost_days", "warmest_month_c")
            ]
            assert zone_of(values) == case["expected"]


@given(DRIVERS)
def test_the_rules_of_the_table_are_the_rules_of_the_code(values: tuple[float, ...]) -> None:
    assert zone_of(values) == plain_zone(values)


def test_every_threshold_with_every_input_missing() -> None:
    """All combinations of the values at and just beyond the thresholds, and of NaN."""
    nan = float("nan")
    combinations = list(
        product(
            (0.0, 0.1, 10.0, 10.1, 18.0, 18.1, nan),
            (1000.0, 1000.1, 2000.0, 2000.1, nan),
            (0.0, 1000.0, 2500.0, nan),
            (1000.0, 1000.1, nan),
            (7.0, 7.1, nan),
            (9.9, 10.0, nan),
        )
    )
    found = zone_of(np.array(combinations).T).values.tolist()
    names = {0: "nodata", **CLIMATE_ZONES}
    for values, code in zip(combinations, found, strict=True):
        assert names[code] == plain_zone(values), values


@given(DRIVERS, st.integers(0, 5))
def test_a_missing_input_never_changes_the_zone(values: tuple[float, ...], which: int) -> None:
    """It gives the same zone (where it isn't needed) or none."""
    less = [float("nan") if i == which else value for i, value in enumerate(values)]
    assert zone_of(less) in (zone_of(values), "nodata")


def test_the_codes_of_the_table_are_those_of_the_legend() -> None:
    rules = {int(row["jrc_code"]): row["zone"] for row in table("ipcc_climate_zone_rules")}
    assert rules == CLIMATE_ZONES


def test_each_branch_needs_only_its_own_inputs() -> None:
    base = {"annual_precipitation": 800.0}
    assert (
        climate_zone(
            mean_annual_temperature=20, elevation=1500, frost_days=0, annual_precipitation=np.nan
        )
        == "tropical_montane"
    )
    assert climate_zone(mean_annual_temperature=20, elevation=1, frost_days=0, **base) == (
        "tropical_dry"
    )
    assert climate_zone(mean_annual_temperature=20, frost_days=8, annual_pet=900, **base) == (
        "warm_temperate_dry"
    )
    assert climate_zone(mean_annual_temperature=5, annual_pet=0, **base) == "cool_temperate_moist"
    assert climate_zone(mean_annual_temperature=20, annual_pet=900, elevation=1, **base) == "nodata"
    assert climate_zone(mean_annual_temperature=0, annual_pet=900, **base) == "nodata"


def layers(values: np.ndarray[Any, Any]) -> dict[str, xr.DataArray]:
    return {
        name: xr.DataArray(values[i], dims=("y", "x"), name=name) for i, name in enumerate(NAMES)
    }


def made_drivers() -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(5)
    low = np.array([-15, 0, 0, 0, 0, -5])
    high = np.array([30, 3000, 2500, 2000, 14, 30])
    values = rng.uniform(low[:, None, None], high[:, None, None], (6, 20, 30))
    values[rng.random(values.shape) < 0.1] = np.nan
    return values


def test_layers_arrays_chunks_and_scalars_agree() -> None:
    values = made_drivers()
    given = layers(values)
    whole = climate_zone(**given)
    lazy = climate_zone(**{name: layer.chunk(x=8, y=9) for name, layer in given.items()})
    assert lazy.chunks is not None
    xr.testing.assert_identical(whole, lazy.compute())
    np.testing.assert_array_equal(whole, zone_of(values))
    names = {0: "nodata", **CLIMATE_ZONES}
    for i, j in np.ndindex(20, 30):
        assert names[int(whole[i, j])] == plain_zone(tuple(values[:, i, j]))
    assert len(np.unique(whole)) == 13  # the made drivers reach every zone, and none
    assert whole.dtype == "uint8"
    assert classes_of(whole) == CLIMATE_ZONES
    assert whole.attrs["guidelines"] == "2019"


def test_a_proxy_of_frost_days_is_told_on() -> None:
    given = layers(made_drivers())
    given["frost_days"].attrs["proxy"] = "monthly mean minimum below 0"
    out = climate_zone(**given, guidelines="2006")
    assert out.attrs["frost_days_proxy"] == "monthly mean minimum below 0"
    assert out.attrs["guidelines"] == "2006"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"mean_annual_temperature": 290.0}, "mean_annual_temperature .*290.*subtract 273.15"),
        ({"warmest_month_temperature": 300.0}, "warmest_month_temperature .*273.15"),
        ({"annual_precipitation": -9999.0}, "annual_precipitation .*-9999.*nodata"),
        ({"annual_pet": -1.0}, "annual_pet has the value -1"),
        ({"frost_days": 400.0}, "0 to 366 d yr-1"),
        ({"guidelines": "2013"}, "guidelines is '2013'; allowed are 2006 and 2019"),
    ],
)
def test_wrong_use_is_told(wrong: dict[str, Any], told: str) -> None:
    right = {"mean_annual_temperature": 12.0, "annual_precipitation": 800.0, "annual_pet": 700.0}
    with pytest.raises(BadInputError, match=told):
        climate_zone(**(right | wrong))
    with pytest.raises(BadInputError, match=told):
        climate_zone(
            **(right | {k: v if k == "guidelines" else np.array([v]) for k, v in wrong.items()})
        )


def test_unlike_grids_are_refused() -> None:
    one = xr.DataArray([10.0, 12.0], dims="x", coords={"x": [0.5, 1.5]})
    two = xr.DataArray([500.0, 600.0], dims="x", coords={"x": [0.5, 2.5]})
    with pytest.raises(GridMismatchError):
        climate_zone(mean_annual_temperature=one, annual_precipitation=two)


def test_temperature_bands_agree_with_the_published_zones(shared: Path) -> None:
    """Half-degree MAT and rain of other years and another model: nine cells in ten agree.

    There are no frost days, PET or elevation for the globe: made ones (none, 1000 mm, 0 m) leave
    the bands of temperature to be compared, and the rain classes of the lowland tropics. What is
    hot but frosty (a seventh of the land) can't be told from the tropics so.
    """
    folder = shared / "data" / "global_0p5deg"
    climate = xr.open_dataset(folder / "bioclim_gswp3-w5e5_1995_2005.nc").isel(time=1)
    zones = xr.open_dataset(folder / "ipcc_climate_zones_2019.nc")["ipcc_climate_zone"]
    mine = climate_zone(
        mean_annual_temperature=climate["bio1"].values,
        annual_precipitation=climate["bio12"].values,
        annual_pet=1000.0,
        elevation=0.0,
        frost_days=0.0,
        warmest_month_temperature=15.0,
    ).values
    # Both by latitude, whichever way their rows run.
    theirs = zones.reindex(lat=climate["lat"], lon=climate["lon"], method="nearest").values
    hill = {
        0: "",
        1: "montane",
        2: "tropical_wet",
        3: "tropical_moist",
        4: "tropical_dry",
        5: "warm",
        6: "warm",
        7: "cool",
        8: "cool",
        9: "cold",
        10: "cold",
        11: "cold",
        12: "cold",
    }
    band = {
        0: "",
        1: "warm",
        2: "warm",
        3: "cool",
        4: "cool",
        5: "cold",
        6: "cold",
        7: "cold",
        8: "cold",
        9: "montane",
    } | {c: CLIMATE_ZONES[c] for c in (10, 11, 12)}
    pairs = pd.DataFrame(
        {
            "mine": [band[c] for c in mine.ravel().tolist()],
            "theirs": [hill[int(c)] for c in theirs.ravel().tolist()],
        }
    )
    both = pairs[(pairs["mine"] != "") & ~pairs["theirs"].isin(["", "montane"])]
    frosty = both["mine"].str.startswith("tropical") & ~both["theirs"].str.startswith("tropical")
    both = both[~frosty]
    assert len(both) > 50_000
    assert (both["mine"] == both["theirs"]).mean() > 0.9
