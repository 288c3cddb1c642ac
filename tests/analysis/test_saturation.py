"""Saturation deficit: the equations, the fine fraction, and the soils they don't hold for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from hotspots.analysis.ipcc.factor_tables import table
from hotspots.analysis.potential.saturation import (
    fine_fraction,
    saturation_capacity,
    saturation_deficit,
    saturation_equations,
    size_limit,
)
from hotspots.errors import BadInputError
from hotspots.layers.variables import LAND_USES, SOIL_CLASSES, describe

IDS = [row["id"] for row in table("saturation_equations")]
CROP = {"soc": 12.0, "clay": 20.0, "silt": 40.0, "bulk_density": 1.3, "land_use": "cropland"}


def plain_balance(
    eq: str, soc: float, clay: float, silt: float, density: float, rock: float, share: float
) -> float:
    """The saturation card's formula for one soil, 30 cm, straight from the table; t/ha, signed."""
    row = next(r for r in table("saturation_equations") if r["id"] == eq)
    fifty = eq.endswith("50um") or eq.startswith("georgiou")
    fine = clay + silt if fifty else clay + silt * np.log(20 / 2) / np.log(50 / 2)
    capacity = float(row["intercept_g_per_kg"]) + float(row["slope_g_per_kg_per_pct"]) * fine
    return (capacity - share * soc) * density * (1 - rock) * 30 * 0.1


def test_reference_capacities(vectors: Path) -> None:
    """With no carbon in the soil the deficit is the capacity."""
    for _, case in pd.read_csv(vectors / "saturation.csv").iterrows():
        capacity = saturation_capacity(case["fraction_pct"], case["eq"])
        assert capacity == pytest.approx(case["expected_g_kg"], rel=case["tolerance_rel"])
        out = saturation_deficit(
            soc=0.0,
            bulk_density=case["bd"],
            coarse_fragments=case["cf"],
            thickness=case["depth_cm"],
            fraction=case["fraction_pct"],
            equation=case["eq"],
            fine_share=0.85,
        )
        assert out["saturation_deficit"].item() == pytest.approx(
            case["expected_t_c_ha"], rel=case["tolerance_rel"]
        )


def test_by_hand() -> None:
    """Half: F = 40 %, 18.89 less 0.85·12 = 8.69 g/kg; times 1.3·30·0.1 = 3.9: 33.891 t/ha."""
    out = saturation_deficit(**CROP, fraction="half")
    assert out["saturation_deficit"].item() == pytest.approx(33.891)
    assert out["saturation_deficit"].attrs["units"] == "t ha-1"
    assert out["saturation_deficit"].attrs["equation"] == "hassink_1997"
    full = saturation_deficit(**(CROP | {"soc": 30.0}), fraction="half")
    assert full["saturation_deficit"].item() == 0
    assert full["saturation_balance"].item() == pytest.approx(-6.61 * 3.9)


@given(
    st.sampled_from(IDS),
    st.floats(0, 120),
    st.floats(0, 50),
    st.floats(0, 50),
    st.floats(0.3, 2),
    st.floats(0, 0.9),
    st.sampled_from(["cropland", "grassland", "forest"]),
)
def test_plain_twin(
    eq: str, soc: float, clay: float, silt: float, density: float, rock: float, use: str
) -> None:
    out = saturation_deficit(
        soc=soc,
        clay=clay,
        silt=silt,
        bulk_density=density,
        coarse_fragments=rock,
        equation=eq,
        land_use=use,
    )
    share = {"cropland": 0.85, "grassland": 0.69, "forest": 0.66}[use]
    expected = plain_balance(eq, soc, clay, silt, density, rock, share)
    assert out["saturation_balance"].item() == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert out["saturation_deficit"].item() == pytest.approx(max(0, expected), rel=1e-9, abs=1e-9)


def test_the_size_that_an_equation_is_for() -> None:
    limits = {row["id"]: row["size_limit_um"] for row in saturation_equations()}
    fifty = {eq for eq, limit in limits.items() if limit == 50}
    assert fifty == {eq for eq in IDS if eq.endswith("50um") or eq.startswith("georgiou")}
    assert size_limit(np.sqrt) == 20
    status = {row["id"]: row["status"] for row in saturation_equations()}
    assert (status["hassink_1997"], status["feng_2013_boundary_2to1"]) == (
        "verified",
        "from memory",
    )


def test_ways_to_the_fine_fraction() -> None:
    texture = {"clay": 20.0, "silt": 40.0}
    assert fine_fraction(**texture) == pytest.approx(20 + 0.715338 * 40, rel=1e-6)
    assert fine_fraction(**texture, fraction="half") == 40
    assert fine_fraction(**texture, fraction="sum") == 60
    assert fine_fraction(**texture, equation="georgiou_2022_low_activity") == 60
    assert fine_fraction(clay=None, silt=None, fraction=35.0) == 35
    with pytest.raises(BadInputError, match="'half', but 'georgiou_2022_low_activity'"):
        fine_fraction(**texture, equation="georgiou_2022_low_activity", fraction="half")


def test_a_function_of_the_user() -> None:
    def beyond(fine: Any) -> Any:
        return 10 + 0.1 * fine

    out = saturation_deficit(**CROP, equation=beyond, fraction="half")
    assert out["saturation_balance"].item() == pytest.approx((14 - 10.2) * 3.9)
    assert out["saturation_balance"].attrs["equation"] == "beyond"


def test_soils_that_no_equation_holds_for() -> None:
    given = CROP | {"soc": np.full(8, 12.0)}
    names = ["", *SOIL_CLASSES.values()]
    out = saturation_deficit(**given, soil_class=names)
    known = dict(zip(names, out["saturation_deficit"].notnull().values.tolist(), strict=True))
    assert {name for name, has in known.items() if not has} == {
        "",
        "organic",
        "volcanic",
        "spodic",
    }


def test_organic_soil_is_masked_in_layers_and_told_of_one_soil() -> None:
    out = saturation_deficit(**(CROP | {"soc": np.array([120.0, 120.1, 12.0])}))
    assert out["saturation_balance"].notnull().values.tolist() == [True, False, True]
    with pytest.raises(BadInputError, match="150 g kg-1, above 120: an organic soil"):
        saturation_deficit(**(CROP | {"soc": 150.0}))


@pytest.mark.parametrize("name", ["soc", "clay", "silt", "bulk_density", "coarse_fragments"])
def test_a_missing_input_gives_no_deficit(name: str) -> None:
    given = CROP | {name: np.array([np.nan, 0.5])}
    out = saturation_deficit(**given)
    for layer in out.values():
        assert layer.isnull().values.tolist() == [True, False]


def test_land_use_sets_the_share_of_the_fine_fraction() -> None:
    uses = describe(xr.DataArray(np.array([0, 1, 2, 3, 4], "uint8"), dims="x"), "land_use")
    given = CROP | {"soc": 10.0, "bulk_density": 1.0, "land_use": uses}
    out = saturation_deficit(**given, fraction=40.0, thickness=10.0)
    np.testing.assert_allclose(
        out["saturation_balance"], 18.89 - 10 * np.array([np.nan, 0.85, 0.69, 0.66, np.nan])
    )
    assert len(LAND_USES) == 4


def made_layers() -> dict[str, xr.DataArray]:
    rng = np.random.default_rng(4)
    low_high = {
        "soc": (1, 140),
        "clay": (0, 50),
        "silt": (0, 50),
        "bulk_density": (0.8, 1.6),
        "coarse_fragments": (0, 0.6),
    }
    out = {}
    for name, (low, high) in low_high.items():
        values = rng.uniform(low, high, (3, 8, 9))
        values[rng.random(values.shape) < 0.03] = np.nan
        out[name] = xr.DataArray(values, dims=("depth", "y", "x"), name=name)
    return out


def test_chunked_equals_in_memory_and_layers_add_up() -> None:
    whole = made_layers()
    rng = np.random.default_rng(6)
    soils = xr.DataArray(rng.integers(0, 8, (8, 9)).astype("uint8"), dims=("y", "x"))
    options: dict[str, Any] = {"thickness": [5.0, 10.0, 15.0], "land_use": "forest"}
    expected = saturation_deficit(**whole, soil_class=soils, **options)
    lazy = saturation_deficit(
        **{k: v.chunk(x=4, depth=1) for k, v in whole.items()},
        soil_class=soils.chunk(x=4),
        **options,
    )
    assert lazy["saturation_deficit"].chunks is not None
    xr.testing.assert_allclose(expected, lazy.compute(), rtol=1e-12)
    assert expected["saturation_deficit"].attrs == lazy["saturation_deficit"].attrs
    parts = [
        saturation_deficit(
            **{k: v.isel(depth=i) for k, v in whole.items()},
            soil_class=soils,
            thickness=h,
            land_use="forest",
        )
        for i, h in enumerate([5.0, 10.0, 15.0])
    ]
    for name in ("saturation_deficit", "saturation_balance"):
        total = sum(part[name] for part in parts)
        np.testing.assert_allclose(expected[name], total, rtol=1e-12)
    assert (expected["saturation_deficit"].fillna(0) >= 0).all()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"equation": "hassink"}, "equation is 'hassink'; .*did you mean hassink_1997"),
        ({"land_use": None}, "Give either land_use or fine_share"),
        ({"fine_share": 0.85}, "Give either land_use or fine_share"),
        ({"land_use": None, "fine_share": 85.0}, "fine_share has the value 85"),
        ({"land_use": "wetland"}, "'wetland' isn't a known land use"),
        ({"fraction": "crude"}, "fraction is 'crude'; allowed are log_linear, half, sum"),
        ({"clay": None}, "Give clay and silt"),
        ({"clay": 200.0}, "clay has the value 200.*per mille"),
        ({"coarse_fragments": 10.0}, "coarse_fragments has the value 10"),
        ({"soc": -2.0}, "soc has the value -2"),
        ({"bulk_density": 1300.0}, "bulk_density has the value 1300"),
        ({"fraction": 400.0}, "fine_fraction has the value 400"),
    ],
)
def test_wrong_use_is_told(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        saturation_deficit(**(CROP | wrong))


def test_real_texture(shared: Path) -> None:
    """The Po plain and the Alps: 17.6 % clay and 40.8 % silt on average at the surface."""
    folder = shared / "data" / "lombardy_250m"

    def layer(name: str, nodata: float) -> xr.DataArray:
        with rasterio.open(folder / f"{name}_M_sl1_250m.tiff") as raster:
            values = raster.read(1).astype("float64")
        return xr.DataArray(np.where(values == nodata, np.nan, values), dims=("y", "x"))

    clay, silt = layer("CLYPPT", 255), layer("SLTPPT", 255)
    density, rock = layer("BLDFIE", -32768) / 1000, layer("CRFVOL", 255) / 100
    out = saturation_deficit(
        soc=15.0,
        clay=clay,
        silt=silt,
        bulk_density=density,
        coarse_fragments=rock,
        land_use="cropland",
    )
    fine = 17.61 + 0.715338 * 40.79
    capacity = saturation_capacity(fine_fraction(clay=clay, silt=silt))
    assert capacity.mean().item() == pytest.approx(4.09 + 0.37 * fine, abs=0.01)
    missing = clay.isnull() | silt.isnull() | density.isnull() | rock.isnull()
    assert 0 < missing.sum() < missing.size
    np.testing.assert_array_equal(out["saturation_balance"].isnull(), missing)
    assert 10 < out["saturation_deficit"].mean().item() < 40
