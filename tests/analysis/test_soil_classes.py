"""Soil classes and reference stocks: the tree, the tables, and what is missing."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from hotspots.analysis.ipcc.factor_tables import table
from hotspots.analysis.ipcc.reference_stock import soc_reference, soc_reference_uncertainty
from hotspots.analysis.ipcc.soil_classes import soil_class, soil_group_table
from hotspots.errors import BadInputError, GridMismatchError
from hotspots.layers.variables import CLIMATE_ZONES, SOIL_CLASSES, classes_of, describe

WRB = [row["group"] for row in soil_group_table("WRB")]
PERCENT = st.one_of(
    st.sampled_from([0.0, 7.9, 8.0, 40.0, 70.0, 70.1, 100.0]), st.just(float("nan"))
)
UNLISTED_CLASSES = {"Retisols": "HAC", "Stagnosols": "wetland", "Plinthosols": "LAC"}


def plain_class(group: str, sand: float, clay: float, unlisted: str) -> str:
    """The decision tree of IPCC soil classes, one soil at a time, on the packaged table."""
    rows = [r for r in table("ipcc_soil_class_crosswalk") if r["soil_group"] == group]
    own = rows[0]["ipcc_soil_class"]
    if rows[0]["status"].startswith("CONVENTION"):
        own = {"LAC": "LAC", "nodata": "nodata", "convention": own or "LAC"}[unlisted]
    if own == "organic":
        return "organic"
    if sand != sand or clay != clay:
        return "nodata"
    if sand > 70 and clay < 8:
        return "sandy"
    return own


def test_reference_classes(vectors: Path) -> None:
    with (vectors / "soil_class.csv").open(encoding="utf-8") as file:
        for case in csv.DictReader(file):
            found = soil_class(
                group=case["group"],
                sand=float(case["sand_pct"]),
                clay=float(case["clay_pct"]),
                system=case["system"],
            )
            assert found == case["expected"]


@given(st.sampled_from(WRB), PERCENT, PERCENT, st.sampled_from(["LAC", "convention", "nodata"]))
def test_plain_twin(group: str, sand: float, clay: float, unlisted: str) -> None:
    """At the thresholds, and with sand or clay missing."""
    if max(sand, clay) <= 1:  # looks like fractions, which is tried below
        return
    found = soil_class(group=group, sand=sand, clay=clay, unlisted=unlisted)
    # Sandy comes before the group's class, so also where the group has none.
    assert found == plain_class(group, sand, clay, unlisted)


def test_histosols_need_no_texture_and_others_do() -> None:
    assert soil_class(group="Histosols") == "organic"
    assert soil_class(group="Luvisols") == "nodata"
    assert soil_class(group="Luvisols", sand=80.0) == "nodata"
    assert soil_class(group="", sand=40.0, clay=20.0) == "nodata"
    assert soil_class(group=None, sand=40.0, clay=20.0) == "nodata"


@pytest.mark.parametrize("name", ["Luvisols", "luvisol", "Haplic Luvisols", "Haplic_Luvisols"])
def test_ways_to_write_a_group(name: str) -> None:
    assert soil_class(group=name, sand=40.0, clay=20.0) == "HAC"


def test_groups_that_ipcc_does_not_list() -> None:
    for group, proposed in UNLISTED_CLASSES.items():
        given = {"group": group, "sand": 40.0, "clay": 20.0}
        assert soil_class(**given) == "LAC"
        assert soil_class(**given, unlisted="convention") == proposed
        assert soil_class(**given, unlisted="nodata") == "nodata"
        assert soil_class(group=group, sand=80.0, clay=2.0, unlisted="nodata") == "sandy"
    rows = {row["group"]: row for row in soil_group_table("WRB")}
    assert {group for group, row in rows.items() if row["convention"]} == {
        "Retisols",
        "Anthrosols",
        "Cryosols",
        "Fluvisols",
        "Planosols",
        "Plinthosols",
        "Solonchaks",
        "Stagnosols",
        "Technosols",
    }
    assert rows["Luvisols"]["soil_class"] == "HAC"
    assert rows["Luvisols"]["status"] == "from memory"
    assert len(soil_group_table()) == len(rows) + len(soil_group_table("USDA"))


def test_usda_orders() -> None:
    def usda(group: str) -> str:
        return str(soil_class(group=group, sand=40.0, clay=20.0, system="USDA"))

    assert [usda(g) for g in ("Mollisols", "Oxisols", "Spodosols", "acidic Alfisols")] == [
        "HAC",
        "LAC",
        "spodic",
        "LAC",
    ]
    assert usda("Entisols") == "LAC"  # the last branch
    with pytest.raises(BadInputError, match="high-base Alfisols"):
        usda("Alfisols")


def made_layers() -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    rng = np.random.default_rng(11)
    shape, names = (14, 17), WRB
    codes = rng.integers(-1, len(names), shape).astype("int16")
    group = xr.DataArray(codes, dims=("y", "x"), name="soil_group")
    group.attrs = {"flag_values": np.arange(len(names)), "flag_meanings": " ".join(names)}
    sand, clay = rng.uniform(40, 100, shape), rng.uniform(0, 20, shape)
    sand[rng.random(shape) < 0.1] = np.nan
    clay[rng.random(shape) < 0.1] = np.nan
    return group, xr.DataArray(sand, dims=("y", "x")), xr.DataArray(clay, dims=("y", "x"))


@pytest.mark.parametrize("unlisted", ["LAC", "convention", "nodata"])
def test_layers_names_chunks_and_scalars_agree(unlisted: str) -> None:
    group, sand, clay = made_layers()
    whole = soil_class(group=group, sand=sand, clay=clay, unlisted=unlisted)
    lazy = soil_class(
        group=group.chunk(x=5), sand=sand.chunk(x=5), clay=clay.chunk(x=5), unlisted=unlisted
    )
    assert lazy.chunks is not None
    xr.testing.assert_identical(whole, lazy.compute())
    names = np.array([*WRB, ""])[group.values]
    by_name = soil_class(group=names, sand=sand.values, clay=clay.values, unlisted=unlisted)
    np.testing.assert_array_equal(whole, by_name)
    legend = {0: "nodata", **SOIL_CLASSES}
    for i, j in np.ndindex(whole.shape):
        name = str(names[i, j])
        expected = plain_class(name, float(sand[i, j]), float(clay[i, j]), unlisted) if name else 0
        assert legend[int(whole[i, j])] == (expected or "nodata")
    assert whole.name == "soil_class"
    assert classes_of(whole) == SOIL_CLASSES
    assert whole.attrs["unlisted"] == unlisted


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"group": "Luvisolls"}, "'Luvisolls' isn't a soil group of WRB; did you mean Luvisols"),
        ({"group": [1, 2]}, "numbers .* without names"),
        ({"system": "FAO74"}, "system is 'FAO74'; allowed are WRB, USDA"),
        ({"unlisted": "HAC"}, "unlisted is 'HAC'"),
        ({"sand": 0.4, "clay": 0.2}, "looks like fractions.*multiply by 100"),
        ({"sand": 400.0}, "sand has the value 400.*per mille"),
        ({"clay": -9999.0}, "clay has the value -9999"),
    ],
)
def test_wrong_use_is_told(wrong: dict[str, Any], told: str) -> None:
    right: dict[str, Any] = {"group": "Luvisols", "sand": 40.0, "clay": 20.0}
    with pytest.raises(BadInputError, match=told):
        soil_class(**(right | wrong))


def test_a_code_without_a_name_is_told() -> None:
    group, sand, clay = made_layers()
    with pytest.raises(BadInputError, match="code 255, which its flag_values lack"):
        soil_class(group=group.where(group > 0, 255), sand=sand, clay=clay)


def test_texture_without_a_value_is_no_fault() -> None:
    nothing = np.full(3, np.nan)
    out = soil_class(group=["Luvisols"] * 3, sand=nothing, clay=nothing)
    assert out.values.tolist() == [0, 0, 0]


# ---------------------------------------------------------------- reference stocks


@pytest.mark.parametrize("year", ["2006", "2019"])
def test_every_cell_of_the_table_and_no_other(year: str) -> None:
    rows = {
        (r["climate_zone"], r["soil_class"]): (r["socref_t_c_ha_0_30cm"], r["uncertainty_pct"])
        for r in table("ipcc_socref")
        if r["guidelines"] == year
    }
    for zone in CLIMATE_ZONES.values():
        for soil in SOIL_CLASSES.values():
            expected = [float(v or "nan") for v in rows.get((zone, soil), ("", ""))]
            choice = {"climate_zone": zone, "soil_class": soil, "guidelines": year}
            found = [soc_reference(**choice), soc_reference_uncertainty(**choice)]
            np.testing.assert_array_equal(found, expected)


def test_well_known_values() -> None:
    """Numbers that are easily exchanged: 63 is 2006 and 55 is 2019."""
    choice = {"climate_zone": "warm_temperate_moist", "soil_class": "LAC"}
    assert soc_reference(**choice, guidelines="2006") == 63
    assert soc_reference(**choice) == 55
    assert np.isnan(soc_reference(climate_zone="boreal_dry", soil_class="LAC"))
    assert np.isnan(soc_reference(climate_zone=1, soil_class="organic"))
    assert np.isnan(soc_reference(climate_zone=0, soil_class="HAC"))
    assert np.isnan(soc_reference(climate_zone="nodata", soil_class="HAC"))


def test_reference_of_layers() -> None:
    rng = np.random.default_rng(2)
    zone = describe(
        xr.DataArray(rng.integers(0, 13, (9, 8)).astype("uint8"), dims=("y", "x")),
        "climate_zone",
        guidelines="2019",
    )
    soil = describe(zone.copy(data=rng.integers(0, 8, (9, 8)).astype("uint8")), "soil_class")
    for function in (soc_reference, soc_reference_uncertainty):
        whole = function(climate_zone=zone, soil_class=soil)
        lazy = function(climate_zone=zone.chunk(x=3), soil_class=soil.chunk(x=3))
        assert lazy.chunks is not None
        xr.testing.assert_identical(whole, lazy.compute())
        pairs = zip(zone.values.ravel().tolist(), soil.values.ravel().tolist(), strict=True)
        by_cell = [function(climate_zone=z, soil_class=s) for z, s in pairs]
        np.testing.assert_array_equal(whole.values.ravel(), by_cell)
    stock = soc_reference(climate_zone=zone, soil_class="sandy")
    assert (stock.name, stock.attrs["units"], stock.attrs["depth_cm"]) == (
        "soc_stock_reference",
        "t ha-1",
        "0-30",
    )
    mixed = soc_reference(climate_zone=[1, 12], soil_class="LAC")
    np.testing.assert_array_equal(mixed, [55, 19])


def test_mixed_editions_are_refused() -> None:
    zone = xr.DataArray([1, 2], dims="x", attrs={"guidelines": "2006"})
    with pytest.raises(BadInputError, match="zones are of the IPCC 2006"):
        soc_reference(climate_zone=zone, soil_class="HAC")
    assert soc_reference(climate_zone=zone, soil_class="HAC", guidelines="2006").values[0] == 88
    with pytest.raises(BadInputError, match="guidelines is '1996'"):
        soc_reference(climate_zone=1, soil_class=1, guidelines="1996")
    with pytest.raises(BadInputError, match="'tropical' isn't a known IPCC climate zone"):
        soc_reference(climate_zone="tropical", soil_class=1)
    with pytest.raises(GridMismatchError):
        soc_reference(
            climate_zone=zone.assign_coords(x=[0.5, 1.5]).drop_attrs(),
            soil_class=zone.assign_coords(x=[0.5, 2.5]).drop_attrs(),
        )


@given(st.sampled_from(sorted(CLIMATE_ZONES)), st.sampled_from(sorted(SOIL_CLASSES)))
def test_a_stock_has_its_uncertainty(zone: int, soil: int) -> None:
    for year in ("2006", "2019"):
        choice = {"climate_zone": zone, "soil_class": soil, "guidelines": year}
        stock, percent = soc_reference(**choice), soc_reference_uncertainty(**choice)
        assert np.isnan(stock) == np.isnan(percent)
        assert np.isnan(stock) or (5 <= stock <= 150 and 0 < percent <= 100)
