"""From a request to local rasters, by each kind of access: files to data-store orders."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import h5netcdf
import numpy as np
import pytest
import rasterio
import services
from affine import Affine
from serving import Serving, running

from hotspots.errors import BadInputError, FetchError, TokenError
from hotspots.ingest.access import stac_search
from hotspots.ingest.access.cds import CdsRequest, Patience, cds_file
from hotspots.ingest.access.http import Client
from hotspots.ingest.access.retrieve import Request, acquire, acquire_file
from hotspots.ingest.sources.model import Access, Product, Source, Tiles

BOX = (33.0, -1.0, 36.0, 1.0)


def source(product: Product, access: Access) -> Source:
    return Source(
        name="made-up",
        title="",
        publisher="",
        about="",
        url="",
        citation="",
        licence="",
        sure="verified",
        products=(product,),
        access=(access,),
    )


def had(product: Product, access: Access, cache: Path, client: Client, **asked: Any) -> list[Any]:
    request = Request(product, access, **({"bounds": [BOX]} | asked))
    return acquire(source(product, access), request, cache, with_client=client)


def raster(
    path: Path,
    value: int,
    west: float,
    north: float,
    bands: int = 1,
    side: int = 50,
    step: float = 0.1,
    **options: Any,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {
        "driver": "GTiff",
        "dtype": "int16",
        "count": bands,
        "crs": "EPSG:4326",
        "height": side,
        "width": side,
        "nodata": -1,
        "transform": Affine(step, 0, west, 0, -step, north),
    } | options
    with rasterio.open(path, "w", **profile) as file:
        for band in range(1, bands + 1):
            file.write(np.full((side, side), value + band, "int16"), band)


def values(raw: Any) -> list[list[int]]:
    with rasterio.open(raw.path) as file:
        return [np.unique(file.read(band)).tolist() for band in raw.bands]


@pytest.fixture(autouse=True)
def forget(server: Serving, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server.forget()
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("A_TOKEN", "CDSAPI_RC"):
        monkeypatch.delenv(name, raising=False)


def test_parts_and_depths_are_rasters_each(server: Serving, quick: Client, tmp_path: Path) -> None:
    for depth, value in (("0-5cm", 10), ("5-15cm", 20)):
        for part in ("a", "b"):
            raster(server.folder / "p" / f"x_{depth}_{part}.tif", value + ord(part), 31, 3)
    product = Product(
        "soc",
        unit="g kg-1",
        scale=0.1,
        nodata=-1.0,
        also_nodata=(-2.0,),
        depths=("0-5", "5-15"),
        parts=({"part": "a"}, {"part": "b"}),
    )
    access = Access("250m", "window", f"{server.url}/p/x_{{depth}}_{{part}}.tif", 0.1)
    raws = had(product, access, tmp_path, quick)
    assert [values(raw) for raw in raws] == [[[108]], [[109]], [[118]], [[119]]]
    first = raws[0]
    assert (first.scale, first.unit, first.nodata) == (0.1, "g kg-1", (-1.0, -2.0))
    assert (first.crs, first.use_file_nodata, first.use_file_scale) == ("EPSG:4326", False, False)
    assert first.origin.address == f"{server.url}/p/x_0-5cm_a.tif"
    assert [values(raw) for raw in had(product, access, tmp_path, quick, depth="5-15")] == [
        [[118]],
        [[119]],
    ]


def test_years_and_months(server: Serving, quick: Client, tmp_path: Path) -> None:
    raster(server.folder / "m-2010.tif", 100, 31, 3, bands=12)
    product = Product("precipitation", unit="mm month-1", months="keep", years=(2020, 2010))
    access = Access("a", "window", f"{server.url}/m-{{year}}.tif", 0.1)
    (raw,) = had(product, access, tmp_path, quick, year=2010)
    assert raw.bands == tuple(range(1, 13))
    assert values(raw) == [[100 + month] for month in range(1, 13)]
    with pytest.raises(FetchError, match=r"m-2020.tif"):
        had(product, access, tmp_path, quick)


def test_a_band_of_a_window_is_its_first(server: Serving, quick: Client, tmp_path: Path) -> None:
    raster(server.folder / "b.tif", 5, 31, 3, bands=3)
    product = Product("clay", unit="%", band=3)
    for at in ("b.tif", "norange/b.tif"):  # a window; the whole file
        (raw,) = had(product, Access("a", "window", f"{server.url}/{at}", 0.1), tmp_path, quick)
        assert values(raw) == [[8]]


def test_tiles(server: Serving, quick: Client, tmp_path: Path) -> None:
    raster(server.folder / "t" / "N00E033_2021.tif", 1, 33, 3, side=30)
    tiles = Tiles(degrees=3, cells=30)
    access = Access("10m", "tiles", f"{server.url}/t/{{tile}}_{{year}}.tif", 0.1, tiles=tiles)
    (raw,) = had(Product("land_cover", years=(2021,)), access, tmp_path, quick)
    assert values(raw) == [[2]]
    assert raw.origin.address.endswith("/t/TILE_2021.tif")


def netcdf(path: Path) -> None:
    with h5netcdf.File(path, "w") as file:
        file.dimensions = {"lat": 4, "lon": 5}
        file.create_variable("lat", ("lat",), data=np.array([2.0, 1, 0, -1]))
        file.create_variable("lon", ("lon",), data=np.array([33.0, 34, 35, 36, 37]))
        file.create_variable("lccs_class", ("lat", "lon"), data=np.full((4, 5), 10, "uint8"))
        file.create_variable("flags", ("lat", "lon"), data=np.full((4, 5), 1, "uint8"))


def test_a_variable_of_a_netcdf_file(server: Serving, quick: Client, tmp_path: Path) -> None:
    netcdf(server.folder / "n.nc")
    product = Product("land_cover", subdataset="{what}", parameters={"what": "lccs_class"})
    (raw,) = had(product, Access("a", "file", f"{server.url}/n.nc"), tmp_path, quick)
    assert raw.path.startswith('NETCDF:"')
    assert values(raw) == [[10]]


def test_polygons_are_a_file_with_its_companions(
    server: Serving, quick: Client, tmp_path: Path
) -> None:
    with zipfile.ZipFile(server.folder / "ne.zip", "w") as archive:
        for suffix in ("shp", "shx", "dbf", "prj", "txt"):
            archive.writestr(f"units.{suffix}", suffix)
    product = Product("units", kind="polygons")
    access = Access("10m", "file", f"{server.url}/ne.zip", member="units.shp")
    path, _ = acquire_file(
        source(product, access), Request(product, access), tmp_path, with_client=quick
    )
    assert path.suffix == ".shp"
    assert {p.suffix for p in path.parent.glob(f"{path.stem}.*")} == {
        ".shp",
        ".shx",
        ".dbf",
        ".prj",
    }
    with pytest.raises(BadInputError, match="'made-up/units' isn't a raster but polygons"):
        had(product, access, tmp_path, quick)


def test_a_token_is_asked_for(
    server: Serving, quick: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raster(server.folder / "b.tif", 5, 31, 3)
    access = Access("it", "file", f"{server.url}/b.tif", token="A_TOKEN", token_from="https://x.y")
    with pytest.raises(
        TokenError,
        match=r"'it' needs a token of your own, and none is set. Get"
        " one: https://x.y. Then set it: export A_TOKEN=TOKEN.",
    ):
        had(Product("clay", unit="%"), access, tmp_path, quick)
    monkeypatch.setenv("A_TOKEN", "t")
    assert len(had(Product("clay", unit="%"), access, tmp_path, quick)) == 1


# Climate Data Store -----------------------------------------------------------------------------


def ordered(
    server: Serving, cache: Path, client: Client, longest_wait: float = 60.0
) -> tuple[Path, Any]:
    access = Access(
        "cds",
        "cds",
        f"{server.url}/cds/api",
        member="*-{year}-*.nc",
        token="A_TOKEN",
        token_from="https://cds.example/profile",
        extra={
            "dataset": "satellite-land-cover",
            "area": True,
            "request": {"variable": "all", "year": ["{year}"]},
        },
    )
    return cds_file(
        CdsRequest(access, {"year": 2020}, [(33.2, -1.5, 36.0, 1.0)]),
        cache,
        with_client=client,
        patience=Patience(longest_wait, pause=0.02),
    )


@pytest.fixture
def made(server: Serving) -> None:
    netcdf(server.folder / "lc.nc")
    with zipfile.ZipFile(server.folder / "made.zip", "w") as archive:
        archive.write(server.folder / "lc.nc", "C3S-LC-2020-v2.nc")


def test_an_order_is_awaited_unpacked_and_kept(
    made: None, server: Serving, quick: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_TOKEN", "good")
    path, origin = ordered(server, tmp_path, quick)
    with rasterio.open(f'NETCDF:"{path}":lccs_class') as file:
        assert np.unique(file.read(1)).tolist() == [10]
    order = '{"area": [1.0, 33.0, -2.0, 36.0], "variable": "all", "year": ["2020"]}'
    assert origin.version == order
    server.forget()
    assert ordered(server, tmp_path, quick) == (path, origin)
    assert server.log() == []


def test_an_interrupted_order_is_gone_on_with(
    made: None, server: Serving, quick: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_TOKEN", "endless")
    with pytest.raises(
        FetchError,
        match=r"isn't ready after 0 minutes \(running\). It stays in the"
        " queue: run this again later to go on",
    ):
        ordered(server, tmp_path, quick, longest_wait=0.1)
    monkeypatch.setenv("A_TOKEN", "good")
    ordered(server, tmp_path, quick)
    assert len(server.log("/execution")) == 1


CDS_FAULTS = {
    "refused": (
        TokenError,
        r"refuses the token of A_TOKEN \(401\). Get a valid one:"
        " https://cds.example/profile",
    ),
    "unlicensed": (
        FetchError,
        "requires that its licences of 'satellite-land-cover' are accepted first"
        r" \(required licences not accepted – please accept .* Log in there, open",
    ),
    "failing": (
        FetchError,
        r"couldn't make 'satellite-land-cover' \(failed: The job failed – no"
        r" data for this request\). Try again later",
    ),
}


@pytest.mark.parametrize("token", CDS_FAULTS)
def test_what_the_data_store_refuses(
    token: str, server: Serving, quick: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_TOKEN", token)
    kind, text = CDS_FAULTS[token]
    with pytest.raises(kind, match=text):
        ordered(server, tmp_path, quick)


def test_a_missing_token_says_how_to_get_one(
    made: None, server: Serving, quick: Client, tmp_path: Path
) -> None:
    with pytest.raises(TokenError) as raised:
        ordered(server, tmp_path, quick)
    assert str(raised.value) == (
        "'cds' needs a token of your own, and none is set. Get one: https://cds.example/profile."
        " Then set it: export A_TOKEN=TOKEN, or write the line 'key: TOKEN' to ~/.cdsapirc."
    )
    assert server.log() == []
    (tmp_path / ".cdsapirc").write_text("url: https://cds.example/api\nkey: good\n")
    assert ordered(server, tmp_path, quick)[0].suffix == ".nc"


# STAC -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def catalogue(server: Serving) -> str:
    """A static catalogue: one collection of three items, and one that needn't be read."""
    raster(server.folder / "stacfiles" / "west.tif", 1, 30, 5, side=100, width=50)
    raster(server.folder / "stacfiles" / "east.tif", 2, 35, 5, side=100, width=50)
    folder = server.folder / "static"
    (folder / "lc").mkdir(parents=True)
    for name in services.ITEMS:
        told = services.item(name, server.url)
        told["links"] = [{"rel": "collection", "href": "collection.json"}]
        (folder / "lc" / f"{name}.json").write_text(json.dumps(told))
    extent = {"spatial": {"bbox": [[30, -5, 40, 5]]}, "temporal": {"interval": [[None, None]]}}
    kind = {"stac_version": "1.0.0", "description": "of tests"}
    collection = {
        "type": "Collection",
        "id": "lc",
        "license": "CC0-1.0",
        "extent": extent,
        "links": [{"rel": "item", "href": f"./{name}.json"} for name in services.ITEMS],
        **kind,
    }
    (folder / "lc" / "collection.json").write_text(json.dumps(collection))
    links = [{"rel": "child", "href": f"./{name}/collection.json"} for name in ("lc", "other")]
    catalog = {"type": "Catalog", "id": "root", "links": links, **kind}
    (folder / "catalog.json").write_text(json.dumps(catalog))
    return f"{server.url}/static/catalog.json"


def search(address: str, client: Client, box: Any = BOX, **options: str) -> list[str]:
    found = stac_search.assets(stac_search.Search(address, (box,), **options), with_client=client)
    return [one.rpartition("/")[2] for one in found]


@pytest.mark.parametrize("kind", ["static", "api"])
def test_a_search_by_box_and_time(
    kind: str, catalogue: str, server: Serving, quick: Client
) -> None:
    address = catalogue if kind == "static" else f"{server.url}/stac"
    options = {"collection": "lc"}
    found = search(address, quick, **options)
    assert found == ["east.tif", "west.tif", "other.tif"]
    assert search(address, quick, datetime="2015", **options) == ["east.tif", "west.tif"]
    west = (31.0, 0.0, 34.0, 1.0)
    assert search(address, quick, west, datetime="2015", asset="ma*", **options) == ["west.tif"]
    with pytest.raises(
        FetchError,
        match=r"has nothing for the box 33,-1,36,1, collection 'lc',"
        r" datetime '1999'. Choose another region or year",
    ):
        search(address, quick, datetime="1999", **options)
    assert not server.log("/other/collection.json")


def test_several_assets_that_fit_are_told(catalogue: str, quick: Client) -> None:
    with pytest.raises(FetchError, match=r"has 2 assets that fit \(map, thumbnail\), where one"):
        search(catalogue, quick, asset="*", collection="lc")


def test_a_walk_is_bounded(catalogue: str, quick: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stac_search, "MOST_DOCUMENTS", 3)
    with pytest.raises(
        FetchError, match="is too large to be walked through: more than 3 documents"
    ):
        search(catalogue, quick, collection="lc")


def test_what_is_no_catalogue(server: Serving, quick: Client) -> None:
    (server.folder / "odd.json").write_text('{"a": 1}')
    with pytest.raises(FetchError, match=r"odd.json' isn't a STAC catalogue that can be read"):
        search(f"{server.url}/odd.json", quick)


def test_items_of_a_catalogue_are_read_as_one(
    catalogue: str, quick: Client, tmp_path: Path
) -> None:
    access = Access("stac", "stac", catalogue, 0.1, extra={"collection": "{id}", "match": ".tif"})
    product = Product("soc", unit="g kg-1", parameters={"id": "lc"}, years=(2015,))
    (raw,) = had(product, access, tmp_path, quick)
    with rasterio.open(raw.path) as file:
        cells = file.read(1, window=file.window(33, -1, 36, 1))
    assert cells.shape == (20, 30)
    assert (cells[:, :20] == 2).all()
    assert (cells[:, 20:] == 3).all()


# geoBoundaries ----------------------------------------------------------------------------------


def boundaries(server: Serving, cache: Path, client: Client, iso3: str = "KEN") -> Any:
    product = Product("units", kind="polygons", parameters={"level": "ADM1"})
    access = Access(
        "gbOpen",
        "geoboundaries",
        f"{server.url}/gb/{{iso3}}-{{level}}.json",
        extra={"geometry": "gjDownloadURL"},
    )
    request = Request(product, access, values={"iso3": iso3})
    return acquire_file(source(product, access), request, cache, with_client=client)


def told(server: Serving, iso3: str, address: str, content: str) -> None:
    folder = server.folder / "gb"
    folder.mkdir(exist_ok=True)
    (folder / f"{iso3}.geojson").write_text(content)
    answer = {"boundaryID": f"{iso3}-ADM1-1", "gjDownloadURL": address}
    (folder / f"{iso3}-ADM1.json").write_text(json.dumps(answer))


def test_boundaries(server: Serving, quick: Client, tmp_path: Path) -> None:
    told(server, "KEN", f"{server.url}/gb/KEN.geojson", '{"type": "FeatureCollection"}')
    path, origin = boundaries(server, tmp_path, quick)
    assert json.loads(path.read_text())["type"] == "FeatureCollection"
    assert origin.address.endswith("/gb/KEN.geojson")


def test_boundaries_that_are_none(server: Serving, quick: Client, tmp_path: Path) -> None:
    told(server, "UGA", f"{server.url}/gb/UGA.geojson", "version https://git-lfs.github.com/spec")
    with pytest.raises(FetchError, match="isn't GeoJSON but a pointer to a file elsewhere"):
        boundaries(server, tmp_path, quick, "UGA")
    told(server, "TZA", "", "")
    with pytest.raises(FetchError, match="names no file of boundaries"):
        boundaries(server, tmp_path, quick, "TZA")
    with pytest.raises(FetchError, match=r"XXX-ADM1.json' \(404\)"):
        boundaries(server, tmp_path, quick, "XXX")


def test_without_upstream_what_was_had_serves(quick: Client, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    with running(tmp_path / "s") as upstream:
        told(upstream, "KEN", f"{upstream.url}/gb/KEN.geojson", "{}")
        netcdf(tmp_path / "s" / "n.nc")
        boundaries(upstream, tmp_path / "c", quick)
    path, origin = boundaries(upstream, tmp_path / "c", quick)
    assert path.read_text() == "{}"
    assert re.match(
        r"The copy of \d{4}-\d\d-\d\d is used, for it couldn't be renewed", origin.stale
    )


@pytest.mark.parametrize(
    ("text", "day"), [("2015-07", 31), ("2016-02", 29), ("2015-02", 28), ("2015", 31)]
)
def test_a_search_ends_on_the_last_day_of_its_month(text: str, day: int) -> None:
    assert stac_search._edge(text, last=True).day == day
    assert stac_search._edge(text, last=False).day == 1
