"""Per hectare of what: rates of a use are brought to the cell's land before they meet others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import hotspots as hs
from hotspots.edition.analyze import checked
from hotspots.edition.methods import METHODS, run_methods
from hotspots.layers.variables import LAND_COVERS, flags
from tests.drivers import made, quick


def computed(data: xr.Dataset, **sections: Any) -> xr.Dataset:
    recipe = quick(**sections)
    data, _ = checked(data, recipe)
    layers, _ = run_methods([m for m in METHODS if m.kind != "input"], data, recipe)
    return layers.assign({n: data[n] for n in ("cropland_share", "soc_stock")})


@pytest.fixture(scope="module")
def bare() -> xr.Dataset:
    """Everything but the land cover: RothC then runs the cropland."""
    data = made()
    return data.drop_vars([n for n in map(str, data) if n.startswith("land_cover")])


def test_what_is_irrecoverable_sets_a_gain_of_the_managed_land_against_a_loss_of_all() -> None:
    found = computed(hs.load("UKR").compute())
    loss = (-found["modelled_change"]).clip(min=0)
    lost = np.minimum(30 * loss, found["soc_stock"])
    gain = (found["potential_ipcc_tier1"].clip(min=0) * found["cropland_share"]).fillna(0)
    known = found["potential_ipcc_tier1"].notnull() & loss.notnull()
    expected = (lost - 30 * gain).clip(min=0).where(known)
    got = found["irrecoverable"].where(known)
    np.testing.assert_allclose(got, expected, atol=1e-4)
    assert float(got.max()) > 0


def test_losses_of_the_cropland_are_told_per_hectare_of_all_land(bare: xr.Dataset) -> None:
    """The same soil with twice the cropland loses twice as much per hectare of the cell."""
    twice = bare.copy()
    twice["cropland_share"] = (
        (2 * bare["cropland_share"]).clip(max=1).assign_attrs(bare["cropland_share"].attrs)
    )
    once, double = computed(bare), computed(twice)
    fits = (bare["cropland_share"] > 0.02) & (bare["cropland_share"] < 0.1)
    ratio = (double["loss_warming"] / once["loss_warming"]).where(fits)
    assert float(ratio.median()) == pytest.approx(2, rel=0.1)  # unmixing moves the stock a little
    assert (once["loss_warming"].where(bare["cropland_share"] == 0, 0) == 0).all()


def test_a_gain_of_trees_is_no_gain_of_cropland(bare: xr.Dataset) -> None:
    codes = np.where(np.arange(bare.sizes["x"]) % 2 == 0, 3, 1)
    cover = xr.zeros_like(bare["soc_stock"], dtype="uint8") + codes.astype("uint8")
    found = computed(bare.assign(land_cover=cover.assign_attrs(flags(LAND_COVERS))))
    gain = found["potential_gsocseq_ssm3"]
    assert gain.values[:, ::2][~np.isnan(bare["soc_stock"].values[:, ::2])].size
    assert np.isnan(gain.values[:, 1::2]).all()
    assert np.isfinite(gain.values[:, ::2]).any()
    assert np.isfinite(found["soc_bau"].values[:, 1::2]).any()


def test_organic_soil_without_a_layer_of_drained_peat_has_no_sum(bare: xr.Dataset) -> None:
    """Its only loss isn't known; conversion and erosion of mineral soil aren't its own."""
    peat = bare.copy()
    peat["soc_stock"] = xr.full_like(bare["soc_stock"], 300.0).where(bare["soc_stock"].notnull())
    peat["soc_stock"].attrs = bare["soc_stock"].attrs
    found = computed(peat.drop_vars(["drained_organic_share", "soil_group"]))
    assert found["loss_total"].isnull().all()
    assert (found["loss_main_component"] == 0).all()


@pytest.mark.parametrize("use", ["cropland", "grassland", "forest"])
def test_drained_peat_has_a_factor_in_every_zone(bare: xr.Dataset, use: str) -> None:
    found = computed(bare, loss={"drained_land_use": use})
    land = bare["soc_stock"].notnull() & (bare["climate_zone"] > 0)
    assert found["loss_drained_organic"].where(land, 0).notnull().all()
