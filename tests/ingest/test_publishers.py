"""Every raster source end to end, from files that are written as its publisher writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import publishing as pub
import pytest
import xarray as xr
from serving import Serving, running

import hotspots as hs
from hotspots.errors import FetchError, RasterError
from hotspots.ingest.public_layers import ingest
from hotspots.ingest.regrid.resample import Regridding, on_grid
from hotspots.ingest.regrid.source_raster import SourceRaster
from hotspots.ingest.sources.catalogue import SOURCES, source
from hotspots.layers.target_grid import target_grid
from hotspots.store import Store

FAO = -3.39999995214436425e38


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with running(tmp_path_factory.mktemp("publishers")) as server:
        yield server


@pytest.fixture(autouse=True)
def _in_place(upstream: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTSPOTS_MIRRORS", pub.mirrors(upstream.url))
    monkeypatch.setenv("HOTSPOTS_HTTP_TRIES", "1")


Make = Callable[[Path], None]


def tif(name: str, product: str, access: str, numbers: tuple[float, float], dtype: str,
        request: dict[str, Any] | None = None, **more: Any) -> Make:  # fmt: skip
    """Return the writer of one GeoTIFF of a product, on the publisher's cells."""

    def make(folder: Path) -> None:
        address = pub.address_of(name, product, access, **(request or {}))
        way = pub.access_of(name, access)
        crs = {"crs": way.crs} if way.crs != "EPSG:4326" else {}
        pub.raster(pub.path_of(folder, address), numbers, way.cell, dtype, **crs, **more)

    return make


def all_of(*makes: Make) -> Make:
    """Return the writer of several files."""

    def make(folder: Path) -> None:
        for one in makes:
            one(folder)

    return make


def soilgrids_index(folder: Path) -> None:
    """An index of one tile, in a folder below it."""
    path = pub.path_of(folder, pub.address_of("soilgrids", "soc_stock_lower", "250m"))
    tile = path.parent / path.stem / "tileSG-012-043" / "tileSG-012-043_1-1.tif"
    pub.raster(tile, (31, 47), 250, "int16", crs=pub.IGH, nodata=-32768)
    pub.index(path, tile)


def climate(folder: Path) -> None:
    for file, values in (("tmin", (10.0, 14.0)), ("tmax", (20.0, 24.0)), ("ppt", (100.0, 50.0)),
                         ("pet", (90.0, 120.0))):  # fmt: skip
        address = pub.access_of("terraclimate", "2.5min").address.replace("{file}", file)
        pub.months(pub.path_of(folder, address), file, *values, scale=0.1)


def chelsa_months(product: str, numbers: tuple[float, float]) -> Make:
    def make(folder: Path) -> None:
        for part in source("chelsa").product(product).parts:
            address = pub.address_of("chelsa", product, "30s", part=part)
            month = int(str(part["month"]))
            pub.raster(
                pub.path_of(folder, address),
                (numbers[0] + month, numbers[1] + month),
                1 / 120,
                "uint16",
                origin=(-180.00013888885, 83.99986041515),
                nodata=65535,
                scale=0.1,
                offset=-273.15 if product == "air_temperature" else None,
            )

    return make


CHELSA = {"origin": (-180.00013888885, 83.99986041515), "nodata": 65535}
SOILDB = {"origin": (-180.0005, 76.0005), "scale": 0.1, "nodata": -32768}
# Source and products, resolution, options, writer, layer -> values west and east, in its unit.
CASES: dict[str, tuple[str, str, dict[str, Any], Make, dict[str, tuple[float, float]]]] = {
    "gsocmap": ("gsocmap", "1km", {}, tif("gsocmap", "soc_stock", "30s", (55, 70), "float32"),
                {"soc_stock": (55, 70)}),
    "gsocseq": ("gsocseq/potential_gsocseq_ssm3", "1km", {},
                tif("gsocseq", "potential_gsocseq_ssm3", "30s", (0.25, 0.5), "float32"),
                {"potential_gsocseq_ssm3": (0.25, 0.5)}),
    "soilgrids-1km": ("soilgrids", "1km", {},
                      tif("soilgrids", "soc_stock", "1000m", (42, 63), "int16", nodata=-32768),
                      {"soc_stock": (42, 63)}),
    "soilgrids-index": ("soilgrids/soc_stock_lower", "1km", {}, soilgrids_index,
                        {"soc_stock_lower": (31, 47)}),
    "lc100": ("lc100/cropland_share", "1km", {},
              tif("lc100", "cropland_share", "world", (40, 111), "uint8", nodata=255),
              {"cropland_share": (1, 0)}),
    "ceda": ("esa-cci/cropland_share", "1km", {"years": [2015]},
             tif("esa-cci", "cropland_share", "ceda", (10, 210), "uint8", {"year": 2015}),
             {"cropland_share": (1, np.nan)}),
    "terraclimate": ("terraclimate", "2.5min", {}, climate,
                     {"mean_annual_temperature": (15.55, 19.55),
                      "annual_precipitation": (1206.6, 606.6), "annual_pet": (1086.6, 1446.6)}),
    "openlandmap": ("openlandmap", "250m", {},
                    all_of(*(tif("openlandmap", "soc_stock", "250m", n, "uint8",
                                 {"part": {"depth": d}})
                             for d, n in (("b0..10cm", (3, 4)), ("b10..30cm", (4, 5))))),
                    {"soc_stock": (70, 90)}),
    "openlandmap-cog": ("openlandmap/soc", "250m", {"depths": ["10"]},
                        tif("openlandmap", "soc", "cog", (4, 6), "uint8", {"depth": "10"}),
                        {"soc_10cm": (20, 30)}),
    "soildb": ("openlandmap-soildb/soc_stock", "1km", {},
               tif("openlandmap-soildb", "soc_stock", "120m", (200, 300), "int16", **SOILDB),
               {"soc_stock": (60, 90)}),
    "soildb-interval": ("openlandmap-soildb/soc_stock_lower,soc_stock_upper", "1km", {},
                        all_of(*(tif("openlandmap-soildb", p, "120m", n, "int16", **SOILDB)
                                 for p, n in (("soc_stock_lower", (100, 150)),
                                              ("soc_stock_upper", (300, 450))))),
                        {"soc_stock_lower": (30, 45), "soc_stock_upper": (90, 135)}),
    "soildb-texture": ("openlandmap-soildb/clay", "1km", {},
                       tif("openlandmap-soildb", "clay", "120m", (22, 37), "uint8",
                           origin=(-180.0005, 76.0005), nodata=255), {"clay_0-30cm": (22, 37)}),
    "chelsa-annual": ("chelsa/mean_annual_temperature,annual_precipitation", "1km", {},
                      all_of(tif("chelsa", "mean_annual_temperature", "30s-annual",
                                 (2931, 2981), "uint16", scale=0.1, offset=-273.15, **CHELSA),
                             tif("chelsa", "annual_precipitation", "30s-annual",
                                 (9000, 14000), "uint16", scale=0.1, **CHELSA)),
                      {"mean_annual_temperature": (19.95, 24.95),
                       "annual_precipitation": (900, 1400)}),
    "chelsa-pet": ("chelsa/annual_pet", "1km", {}, chelsa_months("annual_pet", (1000, 1500)),
                   {"annual_pet": (1207.8, 1807.8)}),
    "isdasoil": ("isdasoil/soc,clay", "1km", {},
                 all_of(*(tif("isdasoil", p, "30m", a, "uint8", bands=[b, (9, 9), (9, 9)],
                              nodata=255)
                          for p, a, b in (("soc", (20, 25), (15, 18)),
                                          ("clay", (30, 40), (35, 45))))),
                 {"soc_0-20cm": (np.expm1(2), np.expm1(2.5)), "clay_0-20cm": (30, 40),
                  "soc_20-50cm": (np.expm1(1.5), np.expm1(1.8)), "clay_20-50cm": (35, 45)}),
    "glc-fcs30d": ("glc-fcs30d/cropland_share,forest_share", "1km", {},
                   tif("glc-fcs30d", "cropland_share", "30m", (20, 62), "uint8", {"year": 2022}),
                   {"cropland_share": (1, 0), "forest_share": (0, 1)}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_small_region_end_to_end(case: str, upstream: Serving, tmp_path: Path) -> None:
    word, resolution, options, make, expected = CASES[case]
    make(upstream.folder)
    store = Store(tmp_path / "store")
    rows = ingest(
        [word], hs.region(pub.BOX), store, resolution=resolution, cache=tmp_path / "c", **options
    )
    assert {row["state"] for row in rows} == {"added"}, rows
    for name, (west, east) in expected.items():
        layer = store.open([name])[name.rpartition("_")[0] if name.endswith("cm") else name]
        layer = layer.squeeze("depth", drop=True) if "depth" in layer.dims else layer
        inner = layer.sel(x=slice(36.05, 36.2)), layer.sel(x=slice(36.3, 36.45))
        for part, value in zip(inner, (west, east), strict=True):
            assert part.size
            np.testing.assert_allclose(part.values, value, rtol=1e-5)
        item = store.item(name)["properties"]
        made = source(word.partition("/")[0])
        assert item["hotspots:source_id"] == made.name
        assert item["hotspots:licence_id"] == made.licence


def test_months_of_twelve_files_keep_their_order(upstream: Serving, tmp_path: Path) -> None:
    chelsa_months("air_temperature", (2931, 2981))(upstream.folder)
    store = Store(tmp_path / "store")
    ingest(["chelsa/air_temperature"], hs.region(pub.BOX), store, resolution="1km",
           cache=tmp_path / "c")  # fmt: skip
    layer = store.open()["air_temperature"].sel(x=slice(36.05, 36.2)).mean(["x", "y"])
    np.testing.assert_allclose(layer, (2931 + np.arange(1, 13)) * 0.1 - 273.15, rtol=1e-5)


def test_annual_climate_gives_zones(upstream: Serving, tmp_path: Path) -> None:
    CASES["chelsa-annual"][3](upstream.folder)
    CASES["chelsa-pet"][3](upstream.folder)
    CASES["gsocmap"][3](upstream.folder)
    store = Store(tmp_path / "store")
    ingest(["chelsa", "gsocmap"], hs.region(pub.BOX), store, resolution="5min",
           cache=tmp_path / "c")  # fmt: skip
    edition = hs.analyze(store.open())
    states = {row["id"]: row["status"] for row in edition.manifest["methods"]}
    assert states["climate_zone"] == "run"


def test_periods_give_a_trend_and_two_dates_the_sdg_indicator(
    upstream: Serving, tmp_path: Path
) -> None:
    years = source("openlandmap-soildb").product("soc_stock_{year}").years
    for rise, year in enumerate(years):
        tif("openlandmap-soildb", "soc_stock_{year}", "120m", (200 - 5 * rise, 300), "int16",
            {"year": year}, **SOILDB)(upstream.folder)  # fmt: skip
    CASES["soildb"][3](upstream.folder)
    for year, code in ((2000, 62), (2022, 20)):
        tif("glc-fcs30d", "land_cover_{year}", "30m", (code, 62), "uint8",
            {"year": year})(upstream.folder)  # fmt: skip
    CASES["chelsa-annual"][3](upstream.folder)
    CASES["chelsa-pet"][3](upstream.folder)
    store, region = Store(tmp_path / "store"), hs.region(pub.BOX)
    options: dict[str, Any] = {"resolution": "5min", "cache": tmp_path / "c"}
    ingest(["openlandmap-soildb/soc_stock", "chelsa"], region, store, **options)
    ingest(["openlandmap-soildb/soc_stock_{year}"], region, store, years=years, **options)
    ingest(["glc-fcs30d/land_cover"], region, store, years=[2000, 2022], **options)
    edition = hs.analyze(store.open())
    states = {row["id"]: row["status"] for row in edition.manifest["methods"]}
    assert states["soc_trend"] == "run"
    assert states["sdg_soc"] == "run"
    # The stock fell in the west by 1.5 t/ha each period of five years.
    trend = edition.rasters["soc_trend"].sel(x=slice(36.05, 36.2))
    assert float(trend.mean()) == pytest.approx(-0.3, abs=0.05)
    assert float(edition.rasters["soc_trend"].sel(x=slice(36.3, 36.45)).mean()) == 0


# ----------------------------------------------------------------------- what contradicts itself


@pytest.mark.parametrize(
    ("word", "make", "said"),
    [
        ("gsocmap", tif("gsocmap", "soc_stock", "30s", (5, 6), "float32", crs="EPSG:3857"), "CRS"),
        ("chelsa/annual_precipitation",
         tif("chelsa", "annual_precipitation", "30s-annual", (9000, 9500), "uint16", scale=1.0,
             offset=5.0, **CHELSA), r"scale and offset 0.1, 0 in the catalogue, 1, 5 in it"),
        ("chelsa/annual_precipitation",
         tif("chelsa", "annual_precipitation", "30s-annual", (9000, 9500), "float32", **CHELSA),
         r"data type uint16 in the catalogue, float32 in it"),
        ("chelsa/annual_precipitation",
         tif("chelsa", "annual_precipitation", "30s-annual", (9000, 9500), "uint16",
             origin=CHELSA["origin"], nodata=0), r"missing value 65535 in the catalogue, 0 in it"),
        ("gsocmap", tif("gsocmap", "soc_stock", "30s", (5, 6), "float32", units="kg m-2"),
         r"unit t ha-1 in the catalogue, kg m-2 in it"),
    ],
)  # fmt: skip
def test_a_file_that_contradicts_the_catalogue_is_refused(
    word: str, make: Make, said: str, upstream: Serving, tmp_path: Path
) -> None:
    name = word.partition("/")[0]
    if said == "CRS":
        path = pub.path_of(upstream.folder, pub.address_of(name, "soc_stock", "30s"))
        pub.raster(path, (5, 6), 900, "float32", crs="EPSG:3857", origin=(0, 0))
        said = r"CRS EPSG:4326 in the catalogue, EPSG:3857 in it"
    else:
        make(upstream.folder)
    store = tmp_path / "store"
    with pytest.raises(RasterError, match=said):
        ingest([word], hs.region(pub.BOX), Store(store), resolution="1km", cache=tmp_path / "c")
    assert not store.exists()


def test_cells_of_another_size_are_refused(upstream: Serving, tmp_path: Path) -> None:
    path = pub.path_of(upstream.folder, pub.address_of("openlandmap", "soc", "cog", depth="0"))
    pub.raster(path, (4, 6), 1 / 120, "uint8")
    with pytest.raises(RasterError, match=r"cell 0.00208333333 in the catalogue, 0.00833333333 in"):
        ingest(["openlandmap/soc"], hs.region(pub.BOX), Store(tmp_path / "s"), resolution="250m",
               depths=["0"], cache=tmp_path / "c")  # fmt: skip


@pytest.mark.parametrize("stored", [FAO, -3.4028234663852886e38])
def test_undeclared_missing_values_of_fao(stored: float, upstream: Serving, tmp_path: Path) -> None:
    for name, product, number in (
        ("gsocmap", "soc_stock", stored), ("gsocseq", "potential_gsocseq_ssm1", -999)
    ):  # fmt: skip
        tif(name, product, "30s", (number, 70), "float32")(upstream.folder)
        store = Store(tmp_path / name)
        ingest([f"{name}/{product}"], hs.region(pub.BOX), store, resolution="1km",
               cache=tmp_path / "c")  # fmt: skip
        layer = store.open([product])[product]
        assert bool(layer.sel(x=slice(36.05, 36.2)).isnull().all())
        np.testing.assert_allclose(layer.sel(x=slice(36.3, 36.45)), 70)


@pytest.mark.parametrize("kind", ["ubyte", "signed"])
def test_land_cover_of_both_publishers(kind: str, tmp_path: Path) -> None:
    """The Climate Data Store's unsigned bytes with time, and ESA's signed ones with _Unsigned."""
    codes = np.array([[[130, 140], [160, 190], [200, 220]]], dtype="uint8")
    layer = xr.DataArray(codes.view("int8") if kind == "signed" else codes, name="lccs_class",
                         dims=("time", "lat", "lon"))  # fmt: skip
    if kind == "signed":
        layer.attrs["_Unsigned"] = "true"
    layer = layer.assign_coords(
        time=("time", [0], {"units": "days since 2020-01-01", "standard_name": "time"}),
        lat=("lat", [2.5, 1.5, 0.5], {"units": "degrees_north"}),
        lon=("lon", [36.5, 37.5], {"units": "degrees_east"}),
    )
    path = tmp_path / "cover.nc"
    layer.to_dataset().to_netcdf(path, engine="h5netcdf")
    raw = SourceRaster(f'NETCDF:"{path}":lccs_class', nodata=(0,), crs="EPSG:4326",
                       use_file_nodata=False, use_file_limits=False)  # fmt: skip
    made = on_grid(raw, target_grid([(36, 0, 38, 3)], 1), "land_cover", Regridding("esa-cci"))
    names = {2: "grassland", 4: "wetland", 5: "artificial", 6: "other_land"}
    found = [[names.get(int(code), int(code)) for code in row] for row in made.layer.values]
    assert found == [["grassland", "grassland"], ["wetland", "artificial"],
                     ["other_land", "other_land"]]  # fmt: skip


# ------------------------------------------------------------------------------ the index of tiles


def test_an_index_is_fetched_once_for_several_windows(upstream: Serving, tmp_path: Path) -> None:
    soilgrids_index(upstream.folder)
    upstream.forget()
    for n, box in enumerate([(36.0, 0.0, 36.2, 0.2), (36.3, 0.3, 36.5, 0.5)]):
        ingest(["soilgrids/soc_stock_lower"], hs.region(box), Store(tmp_path / f"s{n}"),
               resolution="1km", cache=tmp_path / "c")  # fmt: skip
    whole = [entry for entry in upstream.log(".vrt") if not entry["range"]]
    assert len(whole) == 1


def test_stretched_tiles_are_named(upstream: Serving, tmp_path: Path) -> None:
    path = pub.path_of(upstream.folder, pub.address_of("soilgrids", "soc_stock_upper", "250m"))
    tile = path.parent / path.stem / "tileSG-010-049" / "tileSG-010-049_1-1.tif"
    pub.raster(tile, (31, 47), 500, "int16", crs=pub.IGH, nodata=-32768)
    pub.index(path, tile, stretched=True)
    text = path.read_text()
    # Its grid has the cells of 250 m that the other tiles have.
    geo = re.search(r"<GeoTransform>(.*?)</GeoTransform>", text)
    assert geo is not None
    numbers = [float(n) for n in geo[1].split(",")]
    halved = [n / 2 if i in (1, 5) else n for i, n in enumerate(numbers)]
    path.write_text(text.replace(geo[1], ", ".join(map(repr, halved))))
    store = Store(tmp_path / "s")
    (row,) = ingest(["soilgrids/soc_stock_upper"], hs.region(pub.BOX), store, resolution="1km",
                    cache=tmp_path / "c")  # fmt: skip
    assert "1 of 1 tiles have cells of another size" in row["note"]
    assert "tileSG-010-049_1-1.tif" in row["note"]
    doubts = json.dumps(store.item("soc_stock_upper")["properties"])
    assert "tileSG-010-049_1-1.tif" in doubts


@pytest.mark.parametrize("named", ["/etc/hostname", "../../other.tif", "http://127.0.0.1/a.tif"])
def test_an_index_that_leads_elsewhere_is_refused(
    named: str, upstream: Serving, tmp_path: Path
) -> None:
    soilgrids_index(upstream.folder)
    path = pub.path_of(upstream.folder, pub.address_of("soilgrids", "soc_stock_lower", "250m"))
    text = re.sub(r"(<SourceFilename[^>]*>)[^<]*", rf"\g<1>{named}", path.read_text())
    path.write_text(text)
    with pytest.raises(FetchError, match="isn't below its own folder"):
        ingest(["soilgrids/soc_stock_lower"], hs.region(pub.BOX), Store(tmp_path / "s"),
               resolution="1km", cache=tmp_path / "c")  # fmt: skip


# ---------------------------------------------------------------------------------- tiles and sea


def cover_tiles(upstream: Serving, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Serve one of two tiles of WorldCover, with coarser cells; return the folder of tiles."""
    text = (SOURCES / "worldcover.toml").read_text().replace("cells = 36000", "cells = 600")
    own = tmp_path / "own"
    own.mkdir()
    (own / "worldcover.toml").write_text(text.replace("samples = ", "samples = 0 # "))
    monkeypatch.setenv("HOTSPOTS_SOURCES", str(own))
    address = pub.address_of("worldcover", "cropland_share", "10m", tile="N00E036", year=2021)
    path = pub.path_of(upstream.folder, address)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob("*.tif"):
        left.unlink()
    import rasterio
    from rasterio.transform import from_origin

    with rasterio.open(path, "w", driver="GTiff", height=600, width=600, count=1, dtype="uint8",
                       crs="EPSG:4326", transform=from_origin(36, 3, 0.005, 0.005), nodata=0,
                       tiled=True) as file:  # fmt: skip
        file.write(np.full((600, 600), 40, dtype="uint8"), 1)
    return path


ACCESS_DENIED = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>'


def test_a_refused_tile_is_no_sea(
    upstream: Serving, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = cover_tiles(upstream, monkeypatch, tmp_path)
    refused = path.with_name(path.name.replace("N00E036", "N00E039") + ".403")
    refused.write_bytes(ACCESS_DENIED)
    request: dict[str, Any] = {"resolution": "0.5", "cache": tmp_path / "c"}
    box = hs.region((38.0, 0.0, 40.0, 2.0))
    with pytest.raises(FetchError, match=r"refuses .*N00E039_Map.tif' \(403\)"):
        ingest(["worldcover/cropland_share"], box, Store(tmp_path / "s"), **request)
    # Absent (404) is sea.
    refused.unlink()
    (row,) = ingest(["worldcover/cropland_share"], box, Store(tmp_path / "s"), **request)
    assert row["state"] == "added"


def test_the_publishers_list_of_tiles_decides(
    upstream: Serving, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = cover_tiles(upstream, monkeypatch, tmp_path)
    tiles = source("worldcover").access[0].tiles
    assert tiles is not None
    listed = pub.path_of(upstream.folder, tiles.index)
    request: dict[str, Any] = {"resolution": "0.5"}
    box = hs.region((38.0, 0.0, 40.0, 2.0))

    def publish(*names: str) -> None:
        features = [
            {"type": "Feature", "geometry": None, "properties": {"ll_tile": n}} for n in names
        ]
        listed.write_text(json.dumps({"type": "FeatureCollection", "features": features}))

    try:
        # A tile that isn't listed isn't asked for; one that is must be there.
        publish("N00E036")
        upstream.forget()
        ingest(["worldcover/cropland_share"], box, Store(tmp_path / "s"), cache=tmp_path / "c",
               **request)  # fmt: skip
        assert not upstream.log("N00E039_Map.tif")
        publish("N00E036", "N00E039")
        with pytest.raises(FetchError, match=r"nothing at .*N00E039_Map.tif' \(404\)"):
            ingest(["worldcover/cropland_share"], box, Store(tmp_path / "t"),
                   cache=tmp_path / "c2", **request)  # fmt: skip
    finally:
        listed.unlink()
    assert path.exists()
