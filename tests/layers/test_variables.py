"""Names, units in their many spellings, and values that can't be what their name says."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import xarray as xr

from hotspots.errors import RasterError
from hotspots.ingest import sample
from hotspots.layers.plausibility import require_plausible
from hotspots.layers.units import spelled, with_unit
from hotspots.layers.variables import VARIABLES, describe, table, variable


def layer(name: str, values: Any, chunked: bool = False) -> xr.DataArray:
    array = np.asarray(values, dtype="float32").reshape(1, -1)
    out = describe(xr.DataArray(array, dims=("y", "x")), name)
    return out.chunk({"x": 7}) if chunked else out


def mostly(usual: float, odd: float, share: float) -> np.ndarray:
    """A hundred values, of which `share` are odd, and a missing one."""
    values = np.full(101, usual, dtype="float32")
    values[: round(100 * share)] = odd
    values[-1] = np.nan
    return values


@pytest.mark.parametrize("chunked", [False, True], ids=["in memory", "dask"])
@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("cropland_share", [0, 58.2, np.nan], "58.2 .*0 to 1.*percent, divide by 100"),
        ("cropland_share", mostly(0.5, -0.002, 0.01), "-0.002"),
        ("cropland_share", mostly(0.5, 1.02, 0.01), "check its scale"),
        ("pasture_share", mostly(0, 255, 0.01), "nodata value of 255"),
        ("soc_stock_valid_share", [500, 900], "per mille"),
        ("soc_stock", mostly(50, -0.5, 0.01), "-0.5 to 50 .*doesn't declare"),
        ("soc_stock_1990", mostly(50, 801, 0.06), "6 % .*0 to 800 in the unit 't ha-1'"),
        ("soc_stock", mostly(50, np.inf, 0.01), "inf"),
        ("modelled_change", mostly(0, -np.inf, 0.01), "inf"),
        ("mean_annual_temperature", [287, 303, 295], "kelvin, subtract 273.15"),
        ("mean_annual_temperature", mostly(20, -70, 0.06), "-70"),
        ("bulk_density", [1300, 1500], "kg m-3, divide by 1000"),
        ("clay", mostly(20, 300, 0.06), "per mille"),
        ("evaporation", mostly(80, -51, 0.06), "-50 to 2000 in the unit 'mm month-1'"),
        ("warm_up_evaporation", mostly(80, 2001, 0.06), "-50 to 2000"),
    ],
)
def test_implausible_values(name: str, values: Any, said: str, chunked: bool) -> None:
    with pytest.raises(RasterError, match=f"Layer '{name}' runs from .*{said}") as caught:
        require_plausible(layer(name, values, chunked))
    assert str(caught.value).count(".\n") == 0
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("chunked", [False, True], ids=["in memory", "dask"])
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("cropland_share", mostly(0.5, 1.009, 1)),
        ("cropland_share", mostly(0.5, -0.0005, 0.5)),
        ("soc_stock", mostly(50, 900, 0.05)),
        ("soc_stock", [0, 800, np.nan]),
        ("soc_stock", [np.nan, np.nan]),
        ("mean_annual_temperature", mostly(20, 287, 0.05)),
        ("deficit_historic", [-30, 200]),
        ("coarse_fragments", [0.2, 0.9]),
        ("evaporation", [-20.7, -0.5, 2000]),
        ("warm_up_evaporation", [-50, 90]),
    ],
)
def test_plausible_values(name: str, values: Any, chunked: bool) -> None:
    """Small excursions stay, for a note, and shares of 1.0000001 are rounding, however many.

    A layer without a value claims nothing.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert require_plausible(layer(name, values, chunked)) is None


def test_the_sample_is_plausible() -> None:
    for packed in sample().data_vars.values():
        assert require_plausible(packed) is None


@pytest.mark.parametrize(
    ("name", "given"),
    [
        *(
            ("soc_stock", unit)
            for unit in (
                "t/ha",
                "Mg ha-1",
                "Mg/ha",
                "t C ha-1",
                "t C/ha",
                "tC/ha",
                "tC ha-1",
                "MgC/ha",
                "Mg C ha^-1",
                "t ha⁻¹",
                "t·ha-1",
                "t.ha-1",
                "tonnes/ha",
                "t ha**-1",
                " t  ha-1 ",
            )
        ),
        ("mean_annual_temperature", "°C"),
        ("mean_annual_temperature", "degrees_C"),
        ("mean_annual_temperature", "Celsius"),
        ("mean_annual_temperature", "C"),
        ("annual_precipitation", "mm/yr"),
        ("annual_precipitation", "mm/year"),
        ("annual_precipitation", "mm yr^-1"),
        ("annual_precipitation", "mm a-1"),
        ("cropland_share", "fraction"),
        ("clay", "percent"),
        ("soc", "g/kg"),
        ("bulk_density", "g/cm3"),
        ("potential_mine", "t C/ha/yr"),
        ("potential_mine", "Mg C/(ha yr)"),
    ],
)
def test_spellings_of_the_canonical_unit(name: str, given: str) -> None:
    got = with_unit(layer(name, [1]).assign_attrs(units=given))
    assert got.attrs["units"] == variable(name).unit


@pytest.mark.parametrize("row", VARIABLES.values(), ids=lambda row: str(row.name))
def test_canonical_units_are_their_own_spelling(row: Any) -> None:
    assert spelled(row.unit) == row.unit


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("soc_stock", "kg m-2", "multiply by 10"),
        ("soc_stock", "kg C/m2", "multiply by 10"),
        ("soc_stock", "t CO2 ha-1", "multiply by 12/44"),
        ("potential_mine", "kg m-2 yr-1", "multiply by 10"),
        ("cropland_share", "%", "divide by 100"),
        ("clay", "fraction", "multiply by 100"),
        ("mean_annual_temperature", "K", "subtract 273.15"),
        ("annual_precipitation", "kg m-2 s-1", "multiply by 31557600"),
    ],
)
def test_other_units_are_refused_with_the_factor(name: str, given: str, said: str) -> None:
    with pytest.raises(RasterError) as caught:
        with_unit(layer(name, [1]).assign_attrs(units=given))
    unit = variable(name).unit
    assert f"is in '{given}', but '{unit}' is needed" in str(caught.value)
    assert f"({said})" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("soc_stock", "t"),
        ("soc_stock", "t/ha/yr"),
        ("soc_stock", "t/ha yr"),
        ("soc_stock", "t CO2"),
        ("potential_mine", "kg m-2"),
        ("mean_annual_temperature", "F"),
        ("clay", ""),
    ],
)
def test_units_without_a_factor_are_refused(name: str, given: str) -> None:
    with pytest.raises(RasterError, match="Convert it first"):
        with_unit(layer(name, [1]).assign_attrs(units=given))


def test_the_table_has_what_a_layer_must_be() -> None:
    rows = {row["name"]: row for row in table()}
    families = {"soc_stock_<year>", "<profile>_<bound>", "<name>_valid_share"}
    assert set(VARIABLES) | families == set(rows)
    assert rows["soc_stock"] == {
        "name": "soc_stock",
        "unit": "t ha-1",
        "range": "0 to 800",
        "long_name": "Soil organic carbon stock, 0-30 cm",
    }
    assert rows["climate_zone"]["unit"] == "class"
    assert rows["climate_zone"]["range"].startswith("1 warm_temperate_moist, 2 ")
    assert rows["cell_area"]["range"] == "0 or more"
    assert rows["modelled_change"]["range"] == "any"


def test_profiles_have_bounds_and_nothing_else_has() -> None:
    bound = variable("clay_upper")
    assert (bound.unit, bound.low, bound.high) == ("%", 0, 100)
    assert bound.long_name == f"{variable('clay').long_name}, upper bound"
    with pytest.raises(RasterError, match="'elevation_upper' is not a canonical variable"):
        variable("elevation_upper")


def test_koppen_codes_are_those_of_the_publisher() -> None:
    classes = variable("koppen_geiger").classes or {}
    assert len(classes) == 30
    assert (classes[1], classes[14], classes[30]) == ("Af", "Cfa", "EF")
