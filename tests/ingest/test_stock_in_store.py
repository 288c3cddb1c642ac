"""The stock of a store's profile: of two years, under stated assumptions, and what is advised."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin

import hotspots as hs
from hotspots.analysis.bulk_density import PEDOTRANSFER, bulk_density_of
from hotspots.analysis.loss.change import modelled_change
from hotspots.errors import BadInputError
from hotspots.ingest.stock_in_store import Assumed, stock_in_store
from hotspots.ingest.user_layers import add_own
from hotspots.layers.variables import VARIABLES, how_to_set
from hotspots.store import Store

UNITS = {"soc": "g kg-1", "bulk_density": "g cm-3", "coarse_fragments": "1"}


def put(store: Store, name: str, value: float, *, year: int | None = None, **more: Any) -> None:
    """Add a layer of one value everywhere, of 0-30 cm."""
    path = Path(str(store.storage.shown)).parent / f"{name}.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=4,
        width=4,
        count=1,
        dtype="float32",
        crs="EPSG:4326",
        transform=from_origin(36, 1, 0.5, 0.5),
    ) as file:
        file.write(np.full((4, 4), value, "float32"), 1)
    depth = {"depth": "0-30"} | more
    add_own(store, str(path), variable=name, unit=UNITS[name], year=year, **depth)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def quiet(line: str) -> None:
    """Say nothing."""


def full(store: Store, soc: float, year: int | None = None) -> None:
    for name, value in (("soc", soc), ("bulk_density", 1.2), ("coarse_fragments", 0.1)):
        put(store, name, value, year=year)


STOCK = 20 * 1.2 * 0.9 * 30 / 10  # of 20 g kg-1, t ha-1


def test_stocks_of_two_years_give_a_change(store: Store) -> None:
    """The profile of one year takes the other's place; the stocks stay side by side."""
    full(store, 20, 2010)
    first = stock_in_store(store, year=2010, say=quiet)
    assert first["layer"] == "soc_stock_2010"
    full(store, 22, 2020)
    second = stock_in_store(store, year=2020, say=quiet)
    assert {"soc_stock", "soc_stock_2010", "soc_stock_2020"} <= set(store.names())
    data = store.open(["soc_stock", "soc_stock_2010"])
    np.testing.assert_allclose(data["soc_stock_2010"], STOCK, rtol=1e-6)
    np.testing.assert_allclose(data["soc_stock"], STOCK * 1.1, rtol=1e-6)
    assert (data["soc_stock"].attrs["year"], data["soc_stock_2010"].attrs["year"]) == (2020, 2010)
    line = second["message"].partition("a file of this line: ")[2]
    recipe = Path(store.storage.shown).parent / "change.toml"
    recipe.write_text(line)
    chosen = hs.Recipe.from_file(recipe)
    change = modelled_change(data[chosen.change.start], data[chosen.change.end])
    np.testing.assert_allclose(change["modelled_change"], STOCK * 0.1 / 10, rtol=1e-5)


def test_the_order_of_the_years_doesnt_matter(store: Store) -> None:
    full(store, 22)
    stock_in_store(store, year=2020, say=quiet)
    full(store, 20)
    stock_in_store(store, year=2010, say=quiet)
    assert store.open(["soc_stock"])["soc_stock"].attrs["year"] == 2020


def test_a_stock_of_ones_own_is_not_replaced_by_a_dated_one(store: Store) -> None:
    full(store, 20)
    path = Path(store.storage.shown).parent / "soc.tif"
    add_own(store, str(path), variable="soc_stock", unit="t ha-1", depth="0-30", year=1999)
    stock_in_store(store, year=2010, say=quiet)
    assert store.open(["soc_stock"])["soc_stock"].attrs["year"] == 1999


def test_a_year_that_the_layers_contradict(store: Store) -> None:
    full(store, 20, 2010)
    with pytest.raises(BadInputError, match="'soc' are of the year 2010, not of 2015"):
        stock_in_store(store, year=2015, say=quiet)
    with pytest.raises(BadInputError, match="The year 0 can't be"):
        stock_in_store(store, year=0, say=quiet)


def test_what_is_missing_is_told_with_what_may_be_stated(store: Store) -> None:
    put(store, "soc", 20)
    with pytest.raises(BadInputError, match="hotspots stock --bulk-density grigal_1989"):
        stock_in_store(store, say=quiet)
    put(store, "bulk_density", 1.2)
    with pytest.raises(BadInputError, match="hotspots stock --coarse-fragments 0"):
        stock_in_store(store, say=quiet)


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_assumed_fragments_are_stated(store: Store, share: float) -> None:
    put(store, "soc", 20)
    put(store, "bulk_density", 1.2)
    told = stock_in_store(store, assumed=Assumed(coarse_fragments=share), say=quiet)
    stated = f"coarse fragments not measured but assumed to be {share:g} everywhere"
    assert stated in told["message"]
    layer = store.open(["soc_stock"])["soc_stock"]
    np.testing.assert_allclose(layer, 20 * 1.2 * (1 - share) * 3, rtol=1e-6)
    assert stated in layer.attrs["method"]
    properties = store.item("soc_stock")["properties"]
    assert properties["hotspots:request"]["assumed"] == [stated]
    assert stated in properties["processing:lineage"]


@pytest.mark.parametrize("function", PEDOTRANSFER)
def test_a_pedotransfer_function_is_stated_and_cited(store: Store, function: str) -> None:
    put(store, "soc", 20)
    put(store, "coarse_fragments", 0.1)
    stock_in_store(store, assumed=Assumed(bulk_density=function), say=quiet)
    layer = store.open(["soc_stock"])["soc_stock"]
    organic = 2.0 * 1.724
    density = {
        "grigal_1989": 0.669 + 0.941 * np.exp(-0.06 * organic),
        "honeysett_1989": 1 / (0.564 + 0.0556 * organic),
    }[function]
    np.testing.assert_allclose(layer, 20 * density * 0.9 * 3, rtol=1e-6)
    assert f"bulk density not measured but by {function}" in layer.attrs["method"]
    assert PEDOTRANSFER[function].citation in layer.attrs["citation"]


def test_points_may_be_completed_too(store: Store) -> None:
    for depth in ("0", "30"):
        put(store, "soc", 20, depth=depth)
        put(store, "bulk_density", 1.2, depth=depth)
    stock_in_store(store, assumed=Assumed(coarse_fragments=0.0), say=quiet)
    np.testing.assert_allclose(store.open(["soc_stock"])["soc_stock"], 72, rtol=1e-6)


@pytest.mark.parametrize(
    ("assumed", "told"),
    [
        (Assumed(coarse_fragments=0.0), "The store has layers of 'coarse_fragments'"),
        (Assumed(bulk_density="grigal_1989"), "The store has layers of 'bulk_density'"),
    ],
)
def test_a_layer_is_never_assumed_away(store: Store, assumed: Assumed, told: str) -> None:
    full(store, 20)
    with pytest.raises(BadInputError, match=told):
        stock_in_store(store, assumed=assumed, say=quiet)


@pytest.mark.parametrize(
    ("assumed", "told"),
    [
        (Assumed(10.0, "grigal_1989"), "--coarse-fragments is 10; allowed is .* 0 to 0.95"),
        (Assumed(-0.1, "grigal_1989"), "--coarse-fragments is -0.1"),
        (Assumed(0.0, "grigal"), "'grigal' isn't a function .* grigal_1989, honeysett_1989"),
    ],
)
def test_assumptions_that_cant_be(store: Store, assumed: Assumed, told: str) -> None:
    put(store, "soc", 20)
    with pytest.raises(BadInputError, match=told):
        stock_in_store(store, assumed=assumed, say=quiet)


@settings(max_examples=50, deadline=None)
@given(soc=st.floats(0, 580), function=st.sampled_from(sorted(PEDOTRANSFER)))
def test_densities_are_plausible_and_fall_with_carbon(soc: float, function: str) -> None:
    row = VARIABLES["bulk_density"]
    density = float(bulk_density_of(soc, function))
    assert row.low <= density <= row.high
    assert density <= float(bulk_density_of(soc / 2, function))


# ---------------------------------------------------------------- advice that works


def test_the_advice_for_an_undated_layer_of_a_store_works(store: Store, tmp_path: Path) -> None:
    """Its files are never edited: the layer is computed, or added, again."""
    full(store, 20)
    stock_in_store(store, year=2010, say=quiet)
    stock = tmp_path / "soc.tif"
    own = {"variable": "soc_stock", "unit": "t ha-1", "depth": "0-30"}
    add_own(store, str(stock), **own)
    data = store.open(["soc_stock", "soc_stock_2010"])
    with pytest.raises(BadInputError, match="'soc_stock' doesn't say its year") as caught:
        modelled_change(data["soc_stock_2010"], data["soc_stock"])
    told = str(caught.value)
    assert "rio " not in told
    assert "hotspots stock --year 2010 --store DIR" in told
    command = re.search(r"hotspots (add-layer FILE .*? --store DIR)", told)
    assert command
    words = {"FILE": str(stock), "DIR": str(store.storage.shown), "2010": "2020"}
    given = [words.get(word, word) for word in shlex.split(command[1])]
    done = subprocess.run(
        [sys.executable, "-m", "hotspots", *given, "--unit", "t ha-1", "--depth", "0-30"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    data = store.open(["soc_stock", "soc_stock_2010"])
    modelled_change(data["soc_stock_2010"], data["soc_stock"])


@pytest.mark.parametrize(("key", "value"), [("year", "2010"), ("units", "t ha-1")])
def test_the_advice_for_a_file_works_for_a_cloud_optimised_one(
    store: Store, tmp_path: Path, key: str, value: str
) -> None:
    full(store, 20)
    stock_in_store(store, say=quiet)
    file = tmp_path / "FILE"
    shutil.copy(store.file("soc_stock"), file)
    told = how_to_set("soc_stock", key, value)
    copy, edit = (
        re.search(r"rio (convert .*?)\)", told),
        re.search(r"rio (edit-info .*?) FILE", told),
    )
    assert copy
    assert edit
    rio = Path(sys.executable).with_name("rio")
    for words in (shlex.split(copy[1]), [*shlex.split(edit[1]), "COPY.tif"]):
        subprocess.run([rio, *words], cwd=tmp_path, check=True, capture_output=True)
    with rasterio.open(tmp_path / "COPY.tif") as made:
        assert value in (made.tags().get("year"), made.units[0])


def test_a_layer_in_memory_is_told_of_files(tmp_path: Path) -> None:
    undated = xr.DataArray(np.ones((2, 2)), dims=("y", "x"), name="soc_stock")
    with pytest.raises(BadInputError, match="rio edit-info --tag year=2010"):
        modelled_change(undated, undated)
