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

from hotspots.analysis.potential.deficit import historic_deficit
from hotspots.analysis.potential.target import target_four_per_mille
from hotspots.analysis.potential.tier1 import (
    factor_table,
    ipcc_tier1,
    stock_change_factor,
    unmixed_stock,
)
from hotspots.errors import BadInputError, GridMismatchError, RasterError
from hotspots.variables import CLIMATE_ZONES, classes_of, describe

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
    """Every row, with its value, error, source and status."""
    path = shared / "science" / "tables" / "ipcc_stock_change_factors.csv"
    with path.open(encoding="utf-8", newline="") as file:
        reference = list(csv.DictReader(file))
    assert len(reference) == 370
    assert list(factor_table()) == reference
    assert all(r["status"] and r["source"] for r in factor_table())


def test_each_row_is_found_by_name_and_by_code() -> None:
    codes = {name: code for code, name in CLIMATE_ZONES.items()}
    for r in factor_table():
        where = {k: r[k] for k in ("factor", "level", "system", "guidelines")}
        for zone in (r["climate_zone"], codes[r["climate_zone"]]):
            assert stock_change_factor(climate_zone=zone, **where) == float(r["value"])


@pytest.mark.parametrize("guidelines", ["2006", "2019"])
def test_polar_zones_and_nodata_have_no_factor(guidelines: str) -> None:
    codes = np.arange(-1, 14)
    found = stock_change_factor(
        factor="F_LU", level="long_term_cultivated", climate_zone=codes, guidelines=guidelines
    )
    none = {-1, 0, 5, 6, 13}
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
    ],
)
def test_unknown_factor_is_told(choice: dict[str, str], told: str) -> None:
    known = {"factor": "F_MG", "level": "no_tillage", "climate_zone": "tropical_wet"}
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


# ---------------------------------------------------------------- Tier 1


def test_reference_examples_of_equation_2_25(vectors: Path) -> None:
    """A cell that is all cropland: its stock is SOCref·F, its change that of the example."""
    table = pd.read_csv(vectors / "ipcc_tier1_examples.csv")
    first, second = (table.iloc[i] for i in (0, 1))
    gain = ipcc_tier1(row(first["soc_start_t_ha"]), zones(WARM_TEMPERATE_MOIST), row(1.0))
    tolerance = first["tolerance_rel"]
    rate = gain["potential_ipcc_tier1"].item()
    assert rate == pytest.approx(first["annual_change_t_c_ha_yr"], rel=tolerance)
    assert gain["soc_stock_managed"].item() + 20 * rate == pytest.approx(
        first["soc_end_equilibrium_t_ha"], rel=tolerance
    )
    assert -rate * 20 * 44 / 12 == pytest.approx(first["co2_t_over_T"], rel=tolerance)
    # Native to cultivated, which the potential never does: by factors alone.
    f = stock_change_factor(
        factor="F_LU", level="long_term_cultivated", climate_zone="tropical_moist",
        guidelines="2006",
    )  # fmt: skip
    native = second["soc_start_t_ha"]
    assert native * f == pytest.approx(second["soc_end_equilibrium_t_ha"], rel=tolerance)
    assert native * (f - 1) / 20 == pytest.approx(second["annual_change_t_c_ha_yr"], rel=tolerance)


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
        row(*stock), zones(*codes, guidelines=year), row(*crop),
        pasture_share=row(*grass) if pasture else None, guidelines=year,
    )  # fmt: skip
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
    out = ipcc_tier1(
        row(60, 60), zones(1, 1), row(0, 0.5), pasture_share=row(0.3, np.nan)
    )["potential_ipcc_tier1"]  # fmt: skip
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
    "choice", [{"adoption": 1.1}, {"adoption": np.nan}, {"transition_years": 0},
               {"transition_years": np.nan}, {"transition_years": 101}],
)  # fmt: skip
def test_choices_out_of_range_are_refused(choice: dict[str, Any]) -> None:
    with pytest.raises(BadInputError, match=f"{next(iter(choice))} is "):
        ipcc_tier1(row(50.0), zones(1), row(0.5), **choice)


@given(
    stock=st.floats(0, 800), crop=SHARE, part=SHARE,
    factors=st.tuples(st.floats(0.3, 2), st.floats(0.3, 2)),
)  # fmt: skip
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
