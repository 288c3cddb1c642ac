"""Doubts about a user's layer: what stops its addition, what --accept takes, where it is said."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine

from hotspots.cli import main
from hotspots.edition.analyze import doubts
from hotspots.errors import RasterError
from hotspots.ingest import Store, open_layers, sample
from hotspots.ingest.user_layers import add_canonical, add_own
from hotspots.layers.grid import grid_of

STOCK = {"variable": "soc_stock", "unit": "t ha-1", "depth": "0-30"}
BOX = Affine(0.5, 0, 30, 0, -0.5, 2)  # four by four cells of the sample, in Uganda


def sampled(name: str) -> Any:
    """Return the sample's values of the cells of `BOX`."""
    layer = sample()[name]
    x, y = (BOX.c + 0.5 * (np.arange(4) + 0.5)), (BOX.f - 0.5 * (np.arange(4) + 0.5))
    return layer.sel(x=x, y=y, method="nearest").values


def tif(
    path: Path, values: Any, transform: Affine = BOX, crs: str = "EPSG:4326", **tags: str
) -> Path:
    values = np.asarray(values)
    rows, columns = values.shape
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=1,
        height=rows,
        width=columns,
        dtype=str(values.dtype),
        crs=crs,
        transform=transform,
    ) as file:
        file.write(values, 1)
        file.update_tags(**tags)
    return path


def test_zones_that_agree_nowhere_stop_the_addition(tmp_path: Path) -> None:
    """Zones of another numbering: added with a line of print, they would change every factor."""
    zones = sampled("climate_zone")
    path = tif(tmp_path / "z.tif", np.where(zones == 12, 1, zones + 1).astype("uint8"))
    store = Store(tmp_path / "s")
    given = {"variable": "climate_zone", "guidelines": "2019"}
    with pytest.raises(RasterError, match=r"isn't added: Only 0 % .*--accept"):
        add_own(store, str(path), **given)
    assert store.names() == []
    row = add_own(store, str(path), accept=True, **given)
    assert "Only 0 %" in row["verdicts"][0]
    said = _said(store, "climate_zone")
    assert said["report"]["accepted"] == said["report"]["grave"] == [row["verdicts"][0]]
    assert "--accept" in said["page"]
    assert said["item"]["hotspots:accepted"] == [row["verdicts"][0]]
    # And with the layer itself, so that it reaches the manifest of every edition.
    assert store.open()["climate_zone"].attrs["caveat"] == row["verdicts"][0]
    # The true zones are added without a word of acceptance.
    right = tif(tmp_path / "right.tif", zones.astype("uint8"))
    add_own(store, str(right), **given)
    assert _said(store, "climate_zone")["report"]["accepted"] == []
    assert "caveat" not in store.open()["climate_zone"].attrs


def _said(store: Store, key: str) -> dict[str, Any]:
    item = store.item(key)
    folder = Path(store.storage.path) / key
    assets = {name: folder / asset["href"] for name, asset in item["assets"].items()}
    page = next(path for name, path in assets.items() if str(path).endswith(".html"))
    numbers = next(path for path in assets.values() if str(path).endswith("quality.json"))
    return {
        "item": item["properties"],
        "page": page.read_text(),
        "report": json.loads(numbers.read_text()),
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v / 10, "times the global layer's"),  # kg m-2 given as t ha-1
        (lambda v: v * 100, "valid range"),
        (lambda v: np.full_like(v, np.nan), "No cell has a value"),
    ],
)
def test_numbers_of_another_unit_stop_the_addition(tmp_path: Path, change: Any, words: str) -> None:
    path = tif(tmp_path / "a.tif", change(sampled("soc_stock").astype("float32")))
    store = Store(tmp_path / "s")
    with pytest.raises(RasterError, match=words):
        add_own(store, str(path), **STOCK)
    assert store.names() == []


def test_a_layer_of_ones_own_that_differs_by_half_is_added(tmp_path: Path) -> None:
    path = tif(tmp_path / "a.tif", sampled("soc_stock").astype("float32") * 0.4)
    row = add_own(Store(tmp_path / "s"), str(path), **STOCK)
    assert "0.4 times" in row["verdicts"][0]


def test_canonical_files_are_judged_too_and_whole(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    tif(
        folder / "soc_stock.tif",
        sampled("soc_stock").astype("float32"),
        units="t ha-1",
        source="s",
        citation="c",
        licence="l",
        depth_cm="0-30",
    )
    zones = sampled("climate_zone")
    tif(
        folder / "climate_zone.tif",
        np.where(zones == 12, 1, zones + 1).astype("uint8"),
        guidelines="2019",
        source="s",
        citation="c",
        licence="l",
    )
    store = Store(tmp_path / "s")
    with pytest.raises(RasterError, match="Only 0 %"):
        add_canonical(store, open_layers(folder), "f")
    assert store.names() == []
    rows = add_canonical(store, open_layers(folder), "f", accept=True)
    assert sorted(row["layer"] for row in rows) == ["climate_zone", "soc_stock"]


# -- places -------------------------------------------------------------------------------------


def togo(path: Path, side: float, crs: str = "EPSG:25231") -> Path:
    """A raster in Togo's old CRS, around 7.5 N, 1.2 E."""
    transform = Affine(side, 0, 300_000, 0, -side, 830_000)
    return tif(
        path, np.full((3, 3), 40, dtype="float32") + np.eye(3, dtype="float32"), transform, crs
    )


def test_fine_cells_on_an_unknown_datum_are_refused_unless_accepted(tmp_path: Path) -> None:
    path, store = togo(tmp_path / "a.tif", 250), Store(tmp_path / "s")
    with pytest.raises(RasterError, match=r"cells of 250 m.*EPSG:25231.*--accept"):
        add_own(store, str(path), **STOCK)
    assert store.names() == []
    row = add_own(store, str(path), accept=True, **STOCK)
    assert any("EPSG:25231" in note for note in row["notes"])
    said = _said(store, "soc_stock")
    assert "at most 2,200 m" in said["report"]["accepted"][0]
    assert "at most 2,200 m" in said["item"]["processing:lineage"]


def test_coarse_cells_on_an_unknown_datum_are_reported(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    row = add_own(store, str(togo(tmp_path / "a.tif", 10_000)), **STOCK)
    assert any("EPSG:25231" in verdict for verdict in row["verdicts"])
    assert "EPSG:25231" in store.open()["soc_stock"].attrs["caveat"]
    # In the notes of an edition's manifest, once; of a file given as --data too.
    notes = doubts(store.open())
    assert [note for note in notes if "EPSG:25231" in note] == notes
    assert len(notes) == 1
    plain = store.open()
    del plain["soc_stock"].attrs["caveat"]
    assert "at most 2,200 m" in doubts(plain)[0]
    assert _said(store, "soc_stock")["report"]["accepted"] == []


def test_a_stated_shift_is_used(tmp_path: Path) -> None:
    shift = "+proj=utm +zone=31 +ellps=clrk80ign +towgs84=-90,400,88 +units=m"
    plain, store = togo(tmp_path / "a.tif", 250), Store(tmp_path / "s")
    row = add_own(store, str(plain), crs=shift, **STOCK)
    assert row["verdicts"] == () or "WGS 84" not in " ".join(row["verdicts"])
    placed = grid_of(store.open())
    assert placed.crs.is_bound
    without = pyproj.Transformer.from_crs(25231, 4326, always_xy=True).transform(300_000, 830_000)
    there = pyproj.Transformer.from_crs(placed.crs, 4326, always_xy=True)
    moved = there.transform(300_000, 830_000)
    assert 100 < pyproj.Geod(ellps="WGS84").inv(*without, *moved)[2] < 600


def test_the_command_says_it_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, home = togo(tmp_path / "a.tif", 250), tmp_path / "s"
    words = ["hotspots", "add-layer", str(path), "--store", str(home), "--as", "soc_stock"]
    words += ["--unit", "t ha-1", "--depth", "0-30"]
    for more, code in (([], 2), (["--accept"], 0)):
        monkeypatch.setattr(sys, "argv", [*words, *more])
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code == code
        said = capsys.readouterr()
        assert "EPSG:25231" in (said.out if more else said.err)
        assert more or "take it as it is with --accept" in said.err
