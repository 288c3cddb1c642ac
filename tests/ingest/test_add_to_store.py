"""What a layer stands for goes with it: the share of its cells, kept and renewed in the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from hotspots.ingest.add_to_store import _reference
from hotspots.ingest.stock_in_store import stock_in_store
from hotspots.ingest.user_layers import add_own
from hotspots.layers.grid import cell_area
from hotspots.store import Store

CONTENTS = {"soc": (20, "g kg-1"), "bulk_density": (1300, "kg m-3"), "coarse_fragments": (10, "%")}
STOCK = 20 * 1.3 * 0.9 * 30 * 0.1  # t ha-1
TOLD = {"source": "a made file", "citation": "nobody", "licence": "CC0"}


def tif(path: Path, values: np.ndarray, cell: float) -> str:
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=1,
        height=values.shape[0],
        width=values.shape[1],
        dtype="int16",
        crs="EPSG:4326",
        nodata=-1,
        transform=from_origin(30, 10, cell, cell),
    ) as file:
        file.write(values.astype("int16"), 1)
    return str(path)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store of one-degree cells, which a layer of clay has decided."""
    store = Store(tmp_path / "store")
    clay = tif(tmp_path / "clay.tif", np.full((2, 3), 20), 1)
    add_own(store, clay, variable="clay", unit="%", depth="0-30", **TOLD)
    return store


def fine(path: Path, value: float) -> str:
    """A coast through the middle of a coarse cell: land in the west alone."""
    values = np.full((20, 30), -1)
    values[:, :15] = value
    return tif(path, values, 0.1)


def test_a_stock_of_a_profile_stands_for_what_the_profile_does(
    store: Store, tmp_path: Path
) -> None:
    for name, (value, unit) in CONTENTS.items():
        path = fine(tmp_path / f"{name}.tif", value)
        add_own(store, path, variable=name, unit=unit, depth="0-30", **TOLD)
    told = stock_in_store(store)
    data = store.open(["soc_stock", "valid_share"])
    np.testing.assert_allclose(data["valid_share"], [[1, 0.5, 0]] * 2, rtol=1e-6)
    np.testing.assert_allclose(data["soc_stock"], [[STOCK, STOCK, np.nan]] * 2, rtol=1e-6)
    land = float(cell_area(data["soc_stock"])[:, :1].sum()) * 1.5
    assert told["valid_area_ha"] == pytest.approx(land, rel=1e-6)
    assert told["total"]["value"] == pytest.approx(land * STOCK / 1e9, rel=1e-5)


def test_a_share_goes_with_the_layer_that_brought_it(store: Store, tmp_path: Path) -> None:
    stock = {"variable": "soc_stock", "unit": "t ha-1", "depth": "0-30"} | TOLD
    add_own(store, fine(tmp_path / "fine.tif", 60), **stock)
    assert "valid_share" in store.names()
    whole = tif(tmp_path / "whole.tif", np.full((2, 3), 50), 1)
    add_own(store, whole, **stock)  # its cells are whole: a share would discount its coast
    assert "valid_share" not in store.names()


def test_ones_own_share_stays(store: Store, tmp_path: Path) -> None:
    land = tif(tmp_path / "land.tif", np.full((2, 3), 80), 1)
    add_own(store, land, variable="valid_share", unit="%", **TOLD)
    stock = tif(tmp_path / "stock.tif", np.full((2, 3), 50), 1)
    add_own(store, stock, variable="soc_stock", unit="t ha-1", depth="0-30", **TOLD)
    np.testing.assert_allclose(store.open(["valid_share"])["valid_share"], 0.8, rtol=1e-6)


def test_a_run_that_ends_between_layer_and_share_begins_again_with_both(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added, done = Store.add, []

    def killed(self: Store, layer: Any, **more: Any) -> str:
        if done:
            raise KeyboardInterrupt
        done.append(added(self, layer, **more))
        return done[0]

    monkeypatch.setattr(Store, "add", killed)
    with pytest.raises(KeyboardInterrupt):
        add_own(
            store,
            fine(tmp_path / "fine.tif", 60),
            variable="soc_stock",
            unit="t ha-1",
            depth="0-30",
            **TOLD,
        )
    assert done == ["valid_share"]  # and not the stock, which a rerun would find "unchanged"


def test_a_reference_stands_for_its_own_share() -> None:
    for name, share in (("soc_stock", ""), ("soc_stock_error", "soc_stock_error_")):
        found = _reference(name)
        assert found is not None
        assert found.share is not None
        assert (found.layer.name, found.share.name) == (name, f"{share}valid_share")
    assert _reference("clay_upper") is None
