"""`hotspots ingest` from a server of its own to layers in a store that an analysis can use."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pystac
import pytest
import rasterio
import xarray as xr
from rasterio.transform import from_origin
from serving import Serving, running
from shapely.geometry import box
from small_disk import SmallDisk, small_disk

import hotspots as hs
from hotspots.errors import BadInputError, FetchError, TokenError
from hotspots.ingest.add_to_store import grid_of_store, region_file
from hotspots.ingest.layer_requests import chosen_accesses, requested_layers
from hotspots.ingest.public_layers import ingest
from hotspots.ingest.sources.cards import rows as catalogued
from hotspots.ingest.sources.catalogue import SOURCES, source
from hotspots.ingest.user_layers import add_own
from hotspots.io.atomic import file_hash
from hotspots.layers.grid import cell_area
from hotspots.layers.variables import describe
from hotspots.store import Store
from hotspots.store.profiles import layer_key

KENYA = (33.5, -5.0, 42.0, 5.5)
PREFIX = "hotspots:"


def geotiff(path: Path, values: Any, west: float, north: float, cell: float, **more: Any) -> None:
    """Write a raster as a publisher would: tiled and compressed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {
        "driver": "GTiff",
        "height": values.shape[0],
        "width": values.shape[1],
        "count": 1,
        "dtype": values.dtype,
        "crs": "EPSG:4326",
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "compress": "deflate",
        "transform": from_origin(west, north, cell, cell),
    } | more
    with rasterio.open(path, "w", **options) as file:
        file.write(values, 1)


def debt(folder: Path) -> None:
    """Two dates of a stock on the 5-arc-minute world grid, sea declared by -32767."""
    values = np.full((2160, 4320), -32767, dtype="int16")
    rows, columns = np.mgrid[0:200, 0:160]
    values[980:1180, 2520:2680] = 40 + (rows + columns) % 50
    for year, more in (("2010AD", 0), ("1990AD", 3)):
        kept = np.where(values > 0, values + more, values).astype("int16")
        geotiff(
            folder / f"SOCS/SOCS_0_30cm_year_{year}_10km.tif", kept, -180, 90, 1 / 12, nodata=-32767
        )
    (folder / "SOCS/broken.tif").write_bytes(b"II*\0" + bytes(2000))


def zones(folder: Path) -> None:
    """Half-degree climate zones in their maker's codes, rows from the south as he wrote them."""
    codes = np.full((360, 720), 4, dtype="int16")  # tropical dry
    codes[:180] = 3  # tropical moist in the southern half, which is written first
    transform = rasterio.Affine(0.5, 0, -180, 0, 0.5, -90)
    geotiff(folder / "data/ipcc_climate_zones.tif", codes, 0, 0, 1, transform=transform)


def cover(folder: Path) -> None:
    """Two WorldCover tiles of coarse cells: crops in the west, trees in the east; none at sea."""
    for name, code in (("N00E033", 40), ("N00E036", 10)):
        values = np.full((600, 600), code, dtype="uint8")
        values[:60] = 80  # water along the north
        west = float(name[4:])
        file = f"v200/2021/map/ESA_WorldCover_10m_2021_v200_{name}_Map.tif"
        geotiff(folder / file, values, west, 3, 3 / 600, nodata=0)


def units(folder: Path) -> None:
    frame = gpd.GeoDataFrame(
        {"iso_3166_2": ["KE-01", "KE-02"], "name": ["West", "East"], "adm0_a3": ["KEN", "KEN"]},
        geometry=[box(33.5, -5, 38, 5.5), box(38, -5, 42, 5.5)],
        crs=4326,
    )
    made = folder / "made"
    made.mkdir()
    frame.to_file(made / "ne_10m_admin_1_states_provinces.shp")
    home = folder / "10m/cultural"
    home.mkdir(parents=True)
    with zipfile.ZipFile(home / "ne_10m_admin_1_states_provinces.zip", "w") as archive:
        for part in made.iterdir():
            archive.write(part, part.name)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("public")
    for name, make in (("debt", debt), ("zones", zones), ("cover", cover), ("ne", units)):
        (folder / name).mkdir()
        make(folder / name)
    with running(folder) as server:
        yield server


@pytest.fixture
def upstream(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> Serving:
    """The server in the place of the publishers, and small time-outs."""
    at = {
        "https://github.com/whrc/Soil-Carbon-Debt/raw/master": "debt",
        "https://github.com/colinahill/ipcc_climate_zones/raw/8344cd5911": "zones",
        "https://esa-worldcover.s3.eu-central-1.amazonaws.com": "cover",
        "https://naciscdn.org/naturalearth": "ne",
    }
    told = ";".join(f"{public}={serving.url}/{folder}" for public, folder in at.items())
    monkeypatch.setenv("HOTSPOTS_MIRRORS", told)
    monkeypatch.setenv("HOTSPOTS_HTTP_TRIES", "1")
    return serving


def run(words: list[str], tmp_path: Path, **options: Any) -> list[dict[str, Any]]:
    given = {"resolution": "5min", "cache": tmp_path / "cache"} | options
    return ingest(words, hs.region(KENYA), Store(tmp_path / "store"), **given)


def test_names_products_years_and_depths_are_understood() -> None:
    told = [str(one) for one in requested_layers(["soilgrids/clay,sand"], depths=["0-5", "60-100"])]
    assert told == [f"soilgrids/{p} {d} cm" for p in ("clay", "sand") for d in ("0-5", "60-100")]
    (cover_2021,) = requested_layers(["worldcover/land_cover"])
    assert (cover_2021.key, cover_2021.name) == ("land_cover_2021", "land_cover_2021")
    assert [one.key for one in requested_layers(["soilgrids/soc"], depths=["5-15"])] == [
        "soc_5-15cm"
    ]
    (dated,) = requested_layers(["soil-carbon-debt/soc_stock_1960"])
    assert (dated.key, dated.year) == ("soc_stock_1960", 1960)
    twice = requested_layers(["soilgrids/clay", "soilgrids/clay"])
    assert len(twice) == len(requested_layers(["soilgrids/clay"]))


@pytest.mark.parametrize(
    ("words", "options", "told"),
    [
        (["soilgrid"], {}, "no source 'soilgrid'; did you mean soilgrids"),
        (["soilgrids/cley"], {}, "no product 'cley'; did you mean clay"),
        (["worldcover/land_cover"], {"years": ["1999"]}, "no year 1999.*It has: 2021, 2020"),
        (["soilgrids/clay"], {"depths": ["0-30"]}, "no depth 0-30 cm. It has: 0-5"),
        (["worldcover/cropland_share"], {"years": ["2020", "2021"]}, "holds only one.*one --year"),
        (["soilgrids"], {"years": ["2010"]}, "none of the named products has several years"),
        (["gsocmap"], {"depths": ["0-5"]}, "none of the named products has several depths"),
        ([], {}, "No source is named"),
    ],
)
def test_what_there_is_not_is_told(words: list[str], options: Any, told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        requested_layers(words, **options)


def test_the_coarsest_access_that_is_fine_enough_is_chosen() -> None:
    (stock,) = requested_layers(["soilgrids/soc_stock"])
    (lower,) = requested_layers(["soilgrids/soc_stock_lower"])
    for per_degree, name in ((12, "5000m"), (60, "1000m"), (120, "1000m"), (240, "250m")):
        assert [a.name for a in chosen_accesses(stock, 1 / per_degree)] == [name]
        assert [a.name for a in chosen_accesses(lower, 1 / per_degree)] == [
            "250m"
        ]  # quantiles aren't aggregated


def test_land_cover_that_needs_no_token_is_taken_where_there_is_some(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("HOTSPOTS_CDS_TOKEN", raising=False)
    (old,) = requested_layers(["esa-cci/land_cover"], years=[2010])
    (new,) = requested_layers(["esa-cci/land_cover"], years=[2020])
    assert [a.kind for a in chosen_accesses(old, 1 / 360)] == ["window"]
    assert [a.kind for a in chosen_accesses(new, 1 / 360)] == ["cds"]
    with pytest.raises(TokenError, match="export HOTSPOTS_CDS_TOKEN=TOKEN"):
        run(["esa-cci/land_cover"], tmp_path, years=[2020])


def test_layers_of_three_sources_come_onto_one_grid(upstream: Serving, tmp_path: Path) -> None:
    rows = run(
        ["soil-carbon-debt/soc_stock", "soil-carbon-debt/soc_stock_{year}", "ipcc-climate-zones"],
        tmp_path,
        years=[1990],
    )
    assert {row["state"] for row in rows} == {"added"}
    data = Store(tmp_path / "store").open()
    assert {"soc_stock", "soc_stock_1990", "climate_zone"} <= set(data.data_vars)
    # 5 arc-minutes on 5 arc-minutes: the stored numbers, exactly.
    here = data["soc_stock"].sel(y=0.04, x=36, method="nearest")
    with rasterio.open(upstream.folder / "debt/SOCS/SOCS_0_30cm_year_2010AD_10km.tif") as file:
        (stored,) = next(file.sample([(float(here.x), float(here.y))]))
    assert float(here) == stored
    # The zones' rows run from the south, and their codes are their maker's.
    north, south = (int(data["climate_zone"].sel(y=y, x=36, method="nearest")) for y in (4, -4))
    assert (north, south) == (12, 11)  # tropical dry, tropical moist
    assert data["climate_zone"].attrs["guidelines"] == "2019"
    assert data["soc_stock"].attrs["licence"].startswith("MIT")


def test_what_was_ingested_can_be_analysed(upstream: Serving, tmp_path: Path) -> None:
    run(["soil-carbon-debt/soc_stock", "ipcc-climate-zones"], tmp_path)
    edition = hs.analyze(Store(tmp_path / "store").open())
    total = (edition.rasters["soc_stock"] * cell_area(edition.rasters)).sum()
    assert float(total) > 0
    assert any("MIT" in licence for licence in edition.manifest["licences"])


def test_the_item_tells_where_the_layer_comes_from(upstream: Serving, tmp_path: Path) -> None:
    run(["soil-carbon-debt/soc_stock"], tmp_path)
    store = Store(tmp_path / "store")
    told = store.item("soc_stock")["properties"]
    original = upstream.folder / "debt/SOCS/SOCS_0_30cm_year_2010AD_10km.tif"
    assert told[f"{PREFIX}sha256"] == [file_hash(original)]
    assert told[f"{PREFIX}source_id"] == "soil-carbon-debt"
    assert told[f"{PREFIX}request"]["cell_degrees"] == pytest.approx(1 / 12)
    assert told[f"{PREFIX}address"][0].startswith("https://github.com/whrc/Soil-Carbon-Debt/")
    assert told[f"{PREFIX}retrieved"]
    assert told["processing:lineage"].startswith("Read as stored x 1 + 0")
    catalogue = pystac.Catalog.from_file(str(tmp_path / "store/catalog.json"))
    assert [item.id for item in catalogue.get_items()] == ["soc_stock"]
    page = next((tmp_path / "store/soc_stock").glob("*.quality.html")).read_text()
    assert "t ha-1" in page
    report = json.loads(next((tmp_path / "store/soc_stock").glob("*.quality.json")).read_text())
    assert report["comparison"]["cells"] > 50


def test_tiles_become_shares_of_land(
    upstream: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a source of one's own, which is WorldCover with coarser cells."""
    text = (SOURCES / "worldcover.toml").read_text()
    assert "cells = 36000" in text
    text = text.replace("cells = 36000", "cells = 600").replace("samples = ", "samples = 0 # ")
    (tmp_path / "own").mkdir()
    (tmp_path / "own/worldcover.toml").write_text(text)
    monkeypatch.setenv("HOTSPOTS_SOURCES", str(tmp_path / "own"))
    rows = ingest(
        ["worldcover/cropland_share,forest_share"],
        hs.region((33.0, 0.0, 39.0, 3.0)),
        Store(tmp_path / "store"),
        resolution="0.5",
        cache=tmp_path / "cache",
    )
    assert {row["state"] for row in rows} == {"added"}
    data = Store(tmp_path / "store").open()
    crops = data["cropland_share"].sel(y=1.25)
    assert np.allclose(crops.sel(x=slice(33, 36)), 1)
    assert np.allclose(crops.sel(x=slice(36, 39)), 0)
    # 60 of 600 rows are water: the northernmost cells have 60 of their 100 rows in it.
    land = data["cropland_share_valid_share"].sel(y=2.75, x=33.25)
    assert float(land) == pytest.approx(0.4, abs=2e-3)
    assert float(data["cropland_share"].sel(y=2.75, x=33.25)) == pytest.approx(1)


def test_a_second_run_goes_on_where_the_first_ended(upstream: Serving, tmp_path: Path) -> None:
    run(["soil-carbon-debt/soc_stock"], tmp_path)
    before = Store(tmp_path / "store").hashes()
    upstream.forget()
    rows = run(["soil-carbon-debt/soc_stock", "ipcc-climate-zones"], tmp_path)
    assert [row["state"] for row in rows] == ["unchanged", "added"]
    assert not upstream.log("SOCS_0_30cm_year_2010AD_10km.tif")
    again = run(["soil-carbon-debt/soc_stock"], tmp_path, refresh=True)
    assert again[0]["state"] == "added"
    assert Store(tmp_path / "store").hashes()["soc_stock"] == before["soc_stock"]


def test_upstream_down_leaves_the_layer_and_its_date(
    upstream: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(["soil-carbon-debt/soc_stock"], tmp_path)
    down = "https://github.com/whrc/Soil-Carbon-Debt/raw/master=http://127.0.0.1:9"
    monkeypatch.setenv("HOTSPOTS_MIRRORS", down)
    (row,) = run(["soil-carbon-debt/soc_stock"], tmp_path, refresh=True)
    assert row["state"] == "stale"
    (listed,) = Store(tmp_path / "store").layers()
    assert listed["state"].startswith("stale since")
    # With neither cache nor store there is only a plain word.
    said: list[str] = []
    with pytest.raises(FetchError, match="can't be reached") as told:
        run(["soil-carbon-debt/soc_stock"], tmp_path / "elsewhere", say=said.append)
    # The error is printed by whoever catches it, and not a second time as a step.
    assert str(told.value) not in " ".join(said)
    assert not (tmp_path / "elsewhere/store").exists()


def test_one_that_fails_keeps_no_other_from_coming(
    upstream: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.move(upstream.folder / "zones", upstream.folder / "gone")
    try:
        rows = run(["ipcc-climate-zones", "soil-carbon-debt/soc_stock"], tmp_path)
    finally:
        shutil.move(upstream.folder / "gone", upstream.folder / "zones")
    assert [row["state"] for row in rows] == ["failed", "added"]
    assert "404" in rows[0]["note"]


def test_layers_of_a_store_share_one_grid(upstream: Serving, tmp_path: Path) -> None:
    run(["soil-carbon-debt/soc_stock"], tmp_path)
    with pytest.raises(BadInputError, match="leave --resolution out, or give another --store"):
        run(["ipcc-climate-zones"], tmp_path, resolution="1km")
    with pytest.raises(BadInputError, match="isn't within the layers of the store"):
        ingest(
            ["ipcc-climate-zones"],
            hs.region((0, 0, 10, 10)),
            Store(tmp_path / "store"),
            cache=tmp_path / "cache",
        )
    smaller = ingest(
        ["ipcc-climate-zones"],
        hs.region((36, 0, 37, 1)),
        Store(tmp_path / "store"),
        cache=tmp_path / "cache",
    )
    assert smaller[0]["state"] == "added"
    assert grid_of_store(Store(tmp_path / "store")).shape == (126, 102)


def test_first_level_units_become_a_set_of_regions(upstream: Serving, tmp_path: Path) -> None:
    (row,) = run(["natural-earth/units"], tmp_path)
    assert row["state"] == "added"
    path = region_file(Store(tmp_path / "store"), "first-level")
    assert path is not None
    table = hs.regions(path)
    assert set(table["id"]) == {"KE-01", "KE-02"}
    beside = json.loads(path.with_name(f"{path.name}.json").read_text())
    assert beside["source_id"] == "natural-earth"


def test_every_default_product_has_an_access_at_every_size() -> None:
    for name in ("soilgrids", "openlandmap", "lc100", "koppen-geiger", "terraclimate", "gsocmap"):
        for product in source(name).defaults():
            if product.kind == "raster":
                for one in requested_layers([f"{name}/{product.short_name}"])[:1]:
                    assert chosen_accesses(one, 0.5)


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_killed_in_the_middle_it_goes_on_to_the_same_bytes(
    upstream: Serving, tmp_path: Path
) -> None:
    """`kill -9` while the second layer is made: the first is there, the rerun ends alike."""
    import signal
    import sys
    import time

    code = (
        "import sys, hotspots as hs\n"
        "from pathlib import Path\n"
        "from hotspots.ingest.public_layers import ingest\n"
        "from hotspots.store import Store\n"
        f"ingest(['soil-carbon-debt/soc_stock', 'soil-carbon-debt/soc_stock_{{year}}'],"
        f" hs.region('world'), Store({str(tmp_path / 'killed')!r}), resolution='10km',"
        f" years=[1990], cache=Path({str(tmp_path / 'cache')!r}),"
        " say=lambda line: print(line, flush=True))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if "1990" in line and "grid" in line:
            break
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    world = hs.region("world")
    words = ["soil-carbon-debt/soc_stock", "soil-carbon-debt/soc_stock_{year}"]
    options: dict[str, Any] = {"resolution": "10km", "years": [1990]}
    rows = ingest(words, world, Store(tmp_path / "killed"), cache=tmp_path / "cache", **options)
    assert rows[0]["state"] == "unchanged"
    ingest(words, world, Store(tmp_path / "whole"), cache=tmp_path / "cache2", **options)
    assert Store(tmp_path / "killed").hashes() == Store(tmp_path / "whole").hashes()


def test_a_bar_is_shown_on_a_terminal_only(upstream: Serving, tmp_path: Path) -> None:
    """In a terminal of its own (a pseudo-terminal), and not in a pipe."""
    import pty
    import sys

    command = [
        sys.executable,
        "-m",
        "hotspots",
        "ingest",
        "soil-carbon-debt/soc_stock",
        "--region",
        "33.5,-5,42,5.5",
        "--resolution",
        "5min",
    ]
    home = {**os.environ, "HOTSPOTS_CACHE": str(tmp_path / "cache"), "TERM": "xterm"}
    piped = subprocess.run(
        [*command, "--store", str(tmp_path / "piped")], env=home, capture_output=True, text=True
    )
    assert piped.returncode == 0, piped.stderr
    assert "fetching" not in piped.stderr
    assert "requesting data from Woodwell" in piped.stderr
    home["HOTSPOTS_CACHE"] = str(tmp_path / "cache2")
    ours, theirs = pty.openpty()
    shown = subprocess.Popen(
        [*command, "--store", str(tmp_path / "shown")],
        env=home,
        stderr=theirs,
        stdout=subprocess.DEVNULL,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other side has ended
            break
        if not part:
            break
        seen += part
    os.close(ours)
    assert shown.wait() == 0
    assert b"fetching" in seen


def own_source(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own/own-stock.toml").write_text(text)
    monkeypatch.setenv("HOTSPOTS_SOURCES", str(tmp_path / "own"))


OWN = """
name = "own-stock"
title = "A stock at two addresses"
publisher = "These tests"
about = "Made for a test."
url = "https://example.org"
citation = "none"
licence = "cc0-1.0"
sure = "verified"

[[access]]
name = "first"
kind = "file"
address = "https://example.org/first/{file}"
cell = 0.08333333333333333

[[access]]
name = "second"
kind = "file"
address = "https://example.org/second/{file}"
cell = 0.08333333333333333

[[products]]
name = "soc_stock"
unit = "t ha-1"
depth = "0-30"
nodata = -32767
parameters = { file = "SOCS/SOCS_0_30cm_year_2010AD_10km.tif" }
default = true

[[products]]
name = "soc_stock_reference"
unit = "t ha-1"
depth = "0-30"
nodata = -32767
parameters = { file = "SOCS/broken.tif" }
"""


def test_a_second_address_is_tried_and_a_wrong_file_stops_no_other(
    upstream: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_source(OWN, tmp_path, monkeypatch)
    at = f"https://example.org/first={upstream.url}/nothing;"
    at += f"https://example.org/second={upstream.url}/debt"
    monkeypatch.setenv("HOTSPOTS_MIRRORS", at)
    rows = run(["own-stock/soc_stock_reference", "own-stock"], tmp_path)
    assert [row["state"] for row in rows] == ["failed", "added"]
    assert "can't be read as a raster" in rows[0]["note"]
    told = Store(tmp_path / "store").item("soc_stock")["properties"]
    assert "second" in told[f"{PREFIX}address"][0]


@pytest.mark.parametrize("made", [row["name"] for row in catalogued()])
def test_every_layer_that_can_be_asked_for_has_a_place_of_its_own_in_a_store(made: str) -> None:
    """A product's layer is of a canonical variable, and is found again by the name it was given."""
    for product in source(made).products:
        for one in requested_layers([f"{made}/{product.name}"]) if product.kind == "raster" else ():
            attrs = {"depth_cm": one.depth} if one.depth else {}
            assert layer_key(describe(xr.DataArray(0.0), one.name).assign_attrs(attrs)) == one.key


def test_a_density_of_a_year_comes_by_depths(upstream: Serving, tmp_path: Path) -> None:
    values = np.full((2160, 4320), 300, dtype="int16")
    for depth in ("0cm", "30cm"):
        geotiff(
            upstream.folder / f"debt/OCD/OCD_{depth}_year_2010AD_10km.tif",
            values,
            -180,
            90,
            1 / 12,
            nodata=-9999,
        )
    told = [row["layer"] for row in run(["soil-carbon-debt/soc_density"], tmp_path)]
    assert told == ["soc_density_0cm", "soc_density_30cm"]
    again = run(["soil-carbon-debt/soc_density"], tmp_path)
    assert {row["state"] for row in again} == {"unchanged"}


def test_two_sources_of_one_layer_are_told_apart(
    upstream: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInputError, match="would both be the layer 'soc_stock'"):
        run(["soil-carbon-debt/soc_stock", "soilgrids/soc_stock"], tmp_path)
    run(["soil-carbon-debt/soc_stock"], tmp_path)
    # GSOCmap can't be reached: that makes no other source's layer stale.
    monkeypatch.setenv("HOTSPOTS_MIRRORS", "https://storage.googleapis.com=http://127.0.0.1:9")
    with pytest.raises(FetchError, match="can't be reached"):
        run(["gsocmap"], tmp_path)
    store = Store(tmp_path / "store")
    assert [row["state"] for row in store.layers()] == ["ok"]
    own = tmp_path / "own.tif"
    geotiff(own, np.full((12, 12), 50, dtype="int16"), 36, 1, 1 / 12)
    told = add_own(store, str(own), variable="soc_stock", unit="t ha-1", depth="0-30")
    assert "It took the place of the layer 'soc_stock' from 'soil-carbon-debt'." in told["notes"]


def test_a_missing_token_is_told_before_anything_is_fetched(
    upstream: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("HOTSPOTS_CDS_TOKEN", raising=False)
    with pytest.raises(TokenError):
        run(["soil-carbon-debt/soc_stock", "esa-cci/cropland_share"], tmp_path, years=[2020])
    assert not (tmp_path / "store").exists()


def test_small_negative_values_of_a_model_are_kept(upstream: Serving, tmp_path: Path) -> None:
    """A density stored as -10 in tenths is -1: a model's value, for nodata is declared."""
    values = np.full((2160, 4320), -9999, dtype="int16")
    values[1000:1100, 2540:2600] = 200
    values[1050, 2570:2580] = -10
    geotiff(
        upstream.folder / "debt/OCD/OCD_0cm_year_2010AD_10km.tif",
        values,
        -180,
        90,
        1 / 12,
        nodata=-9999,
    )
    rows = run(["soil-carbon-debt/soc_density"], tmp_path, years=[2010], depths=["0"])
    assert [row["state"] for row in rows] == ["added"], rows
    assert "10 cells below 0" in rows[0]["note"]
    store = Store(tmp_path / "store")
    assert float(store.open([rows[0]["layer"]])["soc_density"].min()) == pytest.approx(-1)


def test_a_source_coarser_than_the_grid_is_told(upstream: Serving, tmp_path: Path) -> None:
    (row,) = run(["ipcc-climate-zones"], tmp_path)
    assert "6 times as wide as the grid" in row["note"]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk("2m", tmp_path / "disk") as disk:
        yield disk


@pytest.mark.parametrize("leave", [0, 20_000])
@pytest.mark.parametrize("full", ["store", "cache"])
def test_ingest_on_a_full_disk_is_one_sentence(
    upstream: Serving,
    disk: SmallDisk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Any,
    full: str,
    leave: int,
) -> None:
    """Whatever of a file or of a layer has room; with room the same command completes."""
    places = {name: tmp_path / name for name in ("store", "cache")} | {full: disk.folder / full}
    monkeypatch.setenv("HOTSPOTS_CACHE", str(places["cache"]))
    words = ("ingest", "soil-carbon-debt/soc_stock", "--region", ",".join(map(str, KENYA)))
    words += ("--resolution", "5min", "--store", str(places["store"]))
    disk.fill(leave)
    code, out, told = run(*words)
    assert (code, out) == (1, ""), told
    (sentence,) = [line for line in told.splitlines() if not line.startswith("…")]
    assert re.match(r"Error: .* can't be written \(No space left on device\)\. Free ", sentence)
    assert not places["store"].exists()
    disk.make_room()
    assert run(*words)[0] == 0
    assert Store(places["store"]).names() == ["soc_stock"]
