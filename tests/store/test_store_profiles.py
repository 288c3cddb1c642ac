"""Depths of soil in the store: each a layer of its own, one variable when opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from hotspots.errors import GridMismatchError, RasterError
from hotspots.ingest import Store
from hotspots.io import geotiff
from hotspots.layers.variables import describe
from hotspots.store.profiles import layer_key

SAID = {"source": "made by a test", "citation": "Nobody (2024)", "licence": "CC0 1.0"}


def soil(value: float, depth: str, name: str = "soc", step: float = 10.0, **attrs: Any) -> Any:
    """A layer of 2 x 3 cells of one value, the first missing, at a depth."""
    values = np.full((2, 3), value, dtype="float32")
    values[0, 0] = np.nan
    out = xr.DataArray(
        values,
        {"y": 10 - step * (np.arange(2) + 0.5), "x": 20 + step * (np.arange(3) + 0.5)},
        ("y", "x"),
    )
    return describe(out.rio.write_crs("EPSG:4326"), name, **(SAID | {"depth_cm": depth} | attrs))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def filled(store: Store, **values: float) -> Store:
    """Layers of SOC by depth: ``d0_5=10`` is 10 g/kg at 0-5 cm, ``d15`` a value at 15 cm."""
    for depth, value in values.items():
        store.add(soil(value, depth.removeprefix("d").replace("_", "-")))
    return store


def last(layer: xr.DataArray) -> list[float]:
    """The values down the profile of a cell that has any."""
    assert layer.isel(y=0, x=0).isnull().all()
    return [float(v) for v in layer.isel(y=-1, x=-1).values]


@pytest.mark.parametrize(
    ("name", "depth", "key"),
    [
        ("soc", "0-5", "soc_0-5cm"),
        ("soc", "5–15 cm", "soc_5-15cm"),
        ("clay", 15, "clay_15cm"),
        ("clay", "7.50-10", "clay_7.5-10cm"),
        ("soc_valid_share", "0-5", "soc_valid_share_0-5cm"),
        ("soc", "", "soc"),
        ("soc_stock", "0-30", "soc_stock"),
    ],
)
def test_a_depth_is_part_of_the_name(name: str, depth: Any, key: str) -> None:
    layer = xr.DataArray([[0.0]], dims=("y", "x"), name=name, attrs={"depth_cm": depth})
    assert layer_key(layer) == key


@pytest.mark.parametrize("depth", ["top", "5-0", "0-30-60", "-5"])
def test_a_depth_that_is_none(store: Store, depth: str) -> None:
    with pytest.raises(RasterError, match=f"says the depth '{depth}'. Write a layer of soil as"):
        store.add(soil(1, depth))
    assert not store.storage.path.exists()


VARIABLES = ["soc", "bulk_density", "coarse_fragments", "clay", "sand", "silt"]


@pytest.mark.parametrize("name", VARIABLES)
def test_means_of_layers_are_stacked(store: Store, name: str) -> None:
    """Added in any order, they follow on each other from the surface."""
    for depth, value in (("5-15", 0.3), ("0-5", 0.5), ("15-30", 0.1)):
        assert store.add(soil(value, depth, name)) == f"{name}_{depth}cm"
    assert store.names() == [f"{name}_0-5cm", f"{name}_15-30cm", f"{name}_5-15cm"]
    layer = store.open()[name]
    assert layer.dims == ("depth", "y", "x")
    assert layer.dtype == "float32"
    assert layer["thickness"].values.tolist() == [5, 10, 15]
    assert layer["depth"].values.tolist() == [2.5, 10, 22.5]
    assert last(layer) == pytest.approx([0.5, 0.3, 0.1])
    assert layer.attrs["depth_cm"] == "0-30"
    assert layer.attrs["licence"] == SAID["licence"]
    assert layer.attrs["sha256"].split() == [
        store.hashes()[f"{name}_{depth}cm"] for depth in ("0-5", "5-15", "15-30")
    ]


@pytest.mark.parametrize("name", VARIABLES)
def test_values_at_points_become_means_between_them(store: Store, name: str) -> None:
    """0.8, 0.4 and 0.1 at 0, 10 and 30 cm: (0.8 + 0.4)/2 in 10 cm, (0.4 + 0.1)/2 in 20 cm."""
    for depth, value in (("10", 0.4), ("0", 0.8), ("30", 0.1)):
        store.add(soil(value, depth, name))
    layer = store.open()[name]
    assert last(layer) == pytest.approx([0.6, 0.25])
    assert layer["thickness"].values.tolist() == [10, 20]
    assert layer.attrs["depth_rule"] == "means between the values at 0, 10, 30 cm (trapezoid rule)"
    assert layer.attrs["depth_cm"] == "0-30"
    assert layer.attrs["units"] == soil(1, "0", name).attrs["units"]


def test_stacked_layers_may_be_stored_again(store: Store, tmp_path: Path) -> None:
    layer = filled(store, d0=8, d10=4, d30=1).open().soc
    other = Store(tmp_path / "other")
    assert other.add(layer) == "soc"
    np.testing.assert_array_equal(other.open().soc, layer)
    profile = other.profile("soc")
    assert profile["top"].values.tolist() == [0, 10]
    assert profile["bottom"].values.tolist() == [10, 30]
    assert profile.attrs["depth_kind"] == "layers"


def test_a_profile_of_layers_unaveraged(store: Store) -> None:
    """A gap is no matter here, for top and bottom tell it."""
    profile = filled(store, d0_5=9, d5_15=6, d60_100=1).profile("soc")
    assert last(profile) == [9, 6, 1]
    assert profile.attrs["depth_kind"] == "layers"
    assert profile["top"].values.tolist() == [0, 5, 60]
    assert profile["bottom"].values.tolist() == [5, 15, 100]
    assert profile["thickness"].values.tolist() == [5, 10, 40]


def test_a_profile_of_points_unaveraged(store: Store) -> None:
    profile = filled(store, d0=9, d15=6, d30=1).profile("soc")
    assert last(profile) == [9, 6, 1]
    assert profile.attrs["depth_kind"] == "points"
    assert profile["depth"].values.tolist() == [0, 15, 30]
    assert "thickness" not in profile.coords


def test_one_depth_by_name_comes_as_it_is(store: Store) -> None:
    filled(store, d0=8, d10=4, d30=1)
    layer = store.open(["soc_10cm"]).soc
    assert layer.dims == ("y", "x")
    assert layer.attrs["depth_cm"] == "10"
    assert float(layer[1, 1]) == 4


def test_some_depths_by_name_are_stacked(store: Store) -> None:
    filled(store, d0_5=9, d5_15=6, d15_30=1)
    assert last(store.open(["soc_5-15cm", "soc_0-5cm"]).soc) == [9, 6]
    assert last(store.open(["soc"]).soc) == [9, 6, 1]
    assert last(store.open(["soc", "soc_0-5cm"]).soc) == [9, 6, 1]


def test_a_single_layer_of_soil_is_one(store: Store) -> None:
    layer = filled(store, d0_30=5).open().soc
    assert layer.dims == ("y", "x")
    assert layer.attrs["depth_cm"] == "0-30"


def test_the_least_share_holds_for_all_depths(store: Store) -> None:
    for depth, share in (("0-5", 0.75), ("5-15", 0.5)):
        store.add(soil(9, depth))
        store.add(soil(share, depth, "soc_valid_share"))
    data = store.open()
    assert data.soc_valid_share.dims == ("y", "x")
    assert float(data.soc_valid_share[1, 1]) == 0.5
    assert data.soc.sizes["depth"] == 2


def test_large_layers_stay_lazy(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(store, d0=8, d10=4, d30=1)
    monkeypatch.setattr(geotiff, "LAZY_CELLS", 0)
    for layer in (store.open().soc, store.profile("soc")):
        assert layer.chunks is not None
    assert last(store.open().soc) == [6, 2.5]


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depths", "said"),
    [
        ("0-10 5-15", "0-10 and 5-15 cm of 'soc' overlap"),
        ("0-5 15-30", "lacks 5-15 cm, above 15-30 cm"),
        ("5-15 15-30", "lacks 0-5 cm, above 5-15 cm"),
        ("10 30", "lacks 0-10 cm, above 10-30 cm"),
        ("15", "value at 15 cm alone, without a neighbour"),
        ("0-5 10", "both as means of layers and as values at depths"),
    ],
)
def test_depths_that_make_no_profile(store: Store, depths: str, said: str) -> None:
    for depth in depths.split():
        store.add(soil(5, depth))
    store.add(soil(30, "0-30", "soc_stock"))
    with pytest.raises(RasterError, match=said):
        store.open()
    assert list(store.open(["soc_stock"])) == ["soc_stock"]
    assert [row["state"] for row in store.layers()] == ["ok"] * len(store.names())


@pytest.mark.parametrize("depths", ["0-10 5-15", "0-5 10"])
def test_depths_that_no_profile_can_have(store: Store, depths: str) -> None:
    for depth in depths.split():
        store.add(soil(5, depth))
    with pytest.raises(RasterError, match=r"names=\['soc_0-"):
        store.profile("soc")


def test_a_variable_both_whole_and_by_depths(store: Store) -> None:
    filled(store, d0_5=9)
    whole = soil(5, "")
    store.add(whole)
    with pytest.raises(RasterError, match=r"both whole and by depths \(soc_0-5cm\)"):
        store.open()
    assert float(store.open(["soc"]).soc[1, 1]) == 5


def test_depths_on_unlike_grids(store: Store) -> None:
    store.add(soil(5, "0-5"))
    store.add(soil(5, "5-15", step=5.0))
    with pytest.raises(GridMismatchError, match="soc_5-15cm"):
        store.open()


def test_a_profile_that_is_not_there(store: Store) -> None:
    store.add(soil(30, "0-30", "soc_stock"))
    for name in ("soc", "soc_stock"):
        with pytest.raises(RasterError, match=f"no depths of '{name}'. Add its layers with"):
            store.profile(name)


def test_sources_of_all_depths_are_told(store: Store) -> None:
    store.add(soil(9, "0-5"))
    store.add(soil(5, "5-15", licence="CC BY 4.0", year=2010))
    layer = store.open().soc
    assert layer.attrs["licence"] == "CC0 1.0; CC BY 4.0"
    assert layer.attrs["source"] == SAID["source"]
    assert "year" not in layer.attrs  # not of all
