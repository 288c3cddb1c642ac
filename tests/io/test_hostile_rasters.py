"""Rasters that somebody else sent: damaged, huge, or leading elsewhere. Each gives one sentence.

What is asserted of each file: exit code 2, one sentence and nothing around it, less than 500 MB, an
end, and that nobody asks a listener on this machine whose address stands in the files.
"""

from __future__ import annotations

import ast
import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hostile
import numpy as np
import pytest
import rasterio
from affine import Affine
from shapely.geometry import box

import hotspots as hs
from hotspots.edition.edition import open_edition
from hotspots.errors import BadInputError, RasterError
from hotspots.ingest import open_layers
from hotspots.io.readers import rasters
from hotspots.io.readers.paths import confined, plain_path
from hotspots.io.readers.vectors import read_vector, vector_layers
from hotspots.store import Store

HERE = Path(__file__).parents[1]
MOST_MB = 500


class Listener:
    """Counts who knocks at a port of this machine."""

    def __init__(self) -> None:
        self.calls: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return
            with caller:
                caller.settimeout(5)
                try:
                    self.calls.append(caller.recv(200))
                    caller.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                except OSError:
                    self.calls.append(b"")

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


def run(folder: Path, commands: list[list[str]]) -> list[dict[str, Any]]:
    """Run commands in processes of their own; see `forking.py`."""
    (folder / "in.json").write_text(json.dumps(commands))
    # The guard of the tests leads curl to a closed door; here it must be free to reach a listener.
    env = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    done = [sys.executable, str(HERE / "forking.py"), folder / "in.json", folder / "out.json"]
    subprocess.run(done, check=True, env=env, timeout=3600)
    return list(json.loads((folder / "out.json").read_text()))


def analyze(path: Path, out: Path) -> list[str]:
    return ["analyze", "--data", str(path), "--out", str(out)]


def add(path: Path, store: Path) -> list[str]:
    declared = ["--as", "soc_stock", "--unit", "t ha-1", "--depth", "0-30"]
    return ["add-layer", str(path), *declared, "--store", str(store)]


def require_one_sentence(done: dict[str, Any]) -> str:
    """Return the sentence by which a command refused its input, having printed nothing beside."""
    said = done["err"]
    assert done["code"] == 2, said
    assert done["out"] == "", done["out"]
    lines = [line for line in said.splitlines() if not line.startswith("… ")]
    assert len(lines) == 1, said
    assert lines[0].startswith("Error: "), said
    assert lines[0].endswith("."), said
    assert "Traceback" not in said
    assert len(lines[0]) < 900, said
    assert done["mb"] < MOST_MB, done["mb"]
    return lines[0]


# ---------------------------------------------------------------- the files, as a user meets them


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory, listener: Listener) -> dict[str, Any]:
    """Return what came of each file that must be refused, by command and name."""
    names, commands = [], []
    for name, make in {**hostile.makers(), **hostile.stores()}.items():
        folder = tmp_path_factory.mktemp("hostile")
        path = make(folder, listener.url)
        if name in hostile.makers():
            names.append(("analyze", name))
            commands.append(analyze(path, folder / "out"))
        names.append(("add-layer", name))
        commands.append(add(path, folder / "store"))
    done = run(tmp_path_factory.mktemp("run"), commands)
    return dict(zip(names, done, strict=True)) | {"calls": list(listener.calls)}


CASES = [("analyze", name) for name in sorted(hostile.makers())] + [
    ("add-layer", name) for name in sorted({**hostile.makers(), **hostile.stores()})
]


@pytest.mark.parametrize(("command", "name"), CASES)
def test_a_hostile_raster_is_refused_in_one_sentence(
    refusals: dict[Any, Any], command: str, name: str
) -> None:
    assert require_one_sentence(refusals[command, name]).startswith("Error: ")


def test_nobody_was_asked_for_what_the_files_name(
    refusals: dict[Any, Any], listener: Listener
) -> None:
    assert listener.calls == []


def test_the_listener_hears_who_does_ask(tmp_path: Path) -> None:
    """Without the rim the same file reaches the server: the test above could fail."""
    heard = Listener()
    path = tmp_path / "x.tif"
    path.write_text(hostile.vrt(heard.url))
    code = f"import rasterio\ntry: rasterio.open({str(path)!r}).read(1)\nexcept Exception: pass"
    env = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300, env=env)
    heard.close()
    assert heard.calls


def test_flipped_bytes_give_one_sentence_or_numbers(tmp_path_factory: Any) -> None:
    names, commands = [], []
    for name, make in hostile.damaged().items():
        folder = tmp_path_factory.mktemp("flipped")
        names.append(name)
        commands.append(["add-layer", str(make(folder, "")), "--store", str(folder / "store")])
    done = dict(zip(names, run(tmp_path_factory.mktemp("run"), commands), strict=True))
    for name, one in done.items():
        if one["code"]:
            require_one_sentence(one)
        assert "Traceback" not in one["err"], name
    assert sum(bool(one["code"]) for one in done.values()) > len(done) // 2


@pytest.mark.parametrize(
    "given",
    [
        "/vsicurl/{url}/x.tif",
        "/vsizip//a.zip/x.tif",
        "{url}/x.tif",
        "{url}/x.nc",
        "vrt://{url}/x.tif",
        "zip://a.zip!x.tif",
        "zip+{url}/a.zip!x.tif",
        "GTIFF_DIR:1:{file}",
        'NETCDF:"{url}/x.nc":soc_stock',
        "WMS:{url}",
        "s3://a/x.tif",
        "file://{file}",
    ],
)
def test_an_address_of_gdal_is_a_file_that_is_not_there(
    tmp_path: Path, listener: Listener, given: str
) -> None:
    file = hostile.geotiff(tmp_path / hostile.NAME)
    with pytest.raises(BadInputError, match="There is no file"):
        open_layers(given.format(url=listener.url, file=file))
    with pytest.raises(BadInputError, match="There is no file"):
        plain_path(given.format(url=listener.url, file=file))


# --------------------------------------------------------------- what is legitimate is still read


def test_names_that_look_like_addresses_are_read_as_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = hostile.geotiff(tmp_path / hostile.NAME)
    for name in ("GTIFF_DIR:1:x.tif", "a?b#c.tif", "a!b.tif", "zip:x.tif"):
        Path(name).write_bytes(made.read_bytes())
        with rasters.geotiff(name) as file:
            assert file.count == 1


def test_a_mask_and_tags_beside_a_file_count(tmp_path: Path) -> None:
    path = tmp_path / hostile.NAME
    hostile.geotiff(path, nodata=None, crs=None)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as file:
        mask = np.full((hostile.SIDE, hostile.SIDE), 255, dtype="uint8")
        mask[:5] = 0
        file.write_mask(mask)
    assert path.with_name(f"{path.name}.msk").is_file()
    path.with_name(f"{path.name}.aux.xml").write_text(
        '<PAMDataset><SRS dataAxisToSRSAxisMapping="2,1">EPSG:4326</SRS></PAMDataset>'
    )
    layer = open_layers(path)["soc_stock"]
    assert int(layer.isnull().sum()) == 5 * hostile.SIDE
    assert layer.rio.crs.to_epsg() == 4326


def test_a_link_that_the_user_names_is_followed(tmp_path: Path) -> None:
    hostile.geotiff(tmp_path / "there" / "data.tif")
    (tmp_path / hostile.NAME).symlink_to(tmp_path / "there" / "data.tif")
    assert "soc_stock" in open_layers(tmp_path / hostile.NAME)


def test_a_link_in_a_folder_is_followed_within_it_only(tmp_path: Path) -> None:
    hostile.geotiff(tmp_path / "elsewhere.tif")
    folder = tmp_path / "folder"
    hostile.geotiff(folder / "originals" / "a.tif")
    (folder / hostile.NAME).symlink_to(folder / "originals" / "a.tif")
    assert "soc_stock" in open_layers(folder)
    (folder / hostile.NAME).unlink()
    (folder / hostile.NAME).symlink_to(tmp_path / "elsewhere.tif")
    with pytest.raises(BadInputError, match="leads out of that folder"):
        open_layers(folder)


def test_a_small_region_of_a_huge_raster_is_read(tmp_path: Path) -> None:
    path = hostile.makers()["sparse bomb"](tmp_path, "")
    with rasterio.open(path, "r+") as file:
        file.write(
            np.full((1, 500, 500), 50, "float32"), window=((14_000, 14_500), (36_000, 36_500))
        )
    from hotspots.edition.inputs import clip

    data = clip(open_layers(path), hs.region("36.5,4,37.5,5"))
    assert data["soc_stock"].shape in {(n, m) for n in (167, 168) for m in (167, 168)}
    assert float(data["soc_stock"].mean()) == 50


def test_a_grid_that_memory_could_not_hold_is_refused_and_says_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTSPOTS_MAX_GRID_CELLS", "399")
    data = open_layers(hostile.geotiff(tmp_path / hostile.NAME))
    with pytest.raises(BadInputError, match=r"400 grid cells; at most 399.*GRID_CELLS=400"):
        hs.analyze(data)
    monkeypatch.undo()
    monkeypatch.setenv("HOTSPOTS_MAX_RASTER_CELLS", "399")
    with pytest.raises(BadInputError, match=r"400 raster cells; at most 399.*RASTER_CELLS=400"):
        hs.analyze(data)
    with pytest.raises(BadInputError, match="400 raster cells"):
        Store(tmp_path / "store").add(data["soc_stock"])


# -------------------------------------------------------------------------- mosaics that we write


@pytest.mark.parametrize(
    ("was", "by"),
    [
        ("part.tif", "/vsicurl/http://127.0.0.1:9/x.tif"),
        ("part.tif", "other.vrt"),
        ("<SimpleSource>", "<PixelFunctionType>x</PixelFunctionType><SimpleSource>"),
    ],
)
def test_a_mosaic_holds_plain_files_only(tmp_path: Path, was: str, by: str) -> None:
    from hotspots.ingest.access.mosaic import Part, kind_of, vrt_text

    part = hostile.geotiff(tmp_path / "part.tif", nodata=None)
    (tmp_path / "other.vrt").write_text("<VRTDataset/>")
    with rasterio.open(part) as file:
        text = vrt_text([Part(part.name, file.transform, (20, 20))], kind_of(file))
    (tmp_path / "a.vrt").write_text(text)
    with rasters.raster(str(tmp_path / "a.vrt")) as file:
        assert file.read(1)[0, 0] == 20
    (tmp_path / "a.vrt").write_text(text.replace(was, by))
    with pytest.raises(BadInputError), rasters.raster(str(tmp_path / "a.vrt")):
        pass


# ----------------------------------------------------------- editions and stores that others made


@pytest.fixture
def small_edition(tmp_path: Path) -> Path:
    data = hs.load("KEN")
    return hs.analyze(data, regions="countries").save(tmp_path / "edition")


def test_an_edition_reads_nothing_outside_its_folder(
    small_edition: Path, listener: Listener
) -> None:
    open_edition(small_edition)
    for name in ("rasters/soc_stock.tif", "hotspots.gpkg", "units.parquet", "times.json"):
        path = small_edition / name
        kept = path.read_bytes()
        outside = small_edition.parent / path.name
        outside.write_bytes(kept)
        path.unlink()
        path.symlink_to(outside)
        with pytest.raises(BadInputError, match="leads out of that folder"):
            open_edition(small_edition)
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(BadInputError, match="named pipe"):
            open_edition(small_edition)
        path.unlink()
        path.write_bytes(kept)
    (small_edition / "rasters" / "soc_stock.tif").write_text(hostile.vrt(listener.url))
    with pytest.raises(BadInputError):
        open_edition(small_edition)
    assert listener.calls == []


def test_a_store_reads_and_writes_nothing_outside_its_folder(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    layer = open_layers(hostile.geotiff(tmp_path / hostile.NAME))["soc_stock"]
    store.add(layer)
    inside, outside = store.file("soc_stock"), tmp_path / "outside"
    inside.parent.rename(outside)
    (tmp_path / "store" / "soc_stock").symlink_to(outside)
    assert store.names() == []  # what a link stands for is no layer of the store
    before = sorted(outside.iterdir())
    with pytest.raises(BadInputError, match="symbolic link"):
        store.add(layer)
    assert sorted(outside.iterdir()) == before
    (tmp_path / "store" / "soc_stock").unlink()
    outside.rename(tmp_path / "store" / "soc_stock")
    kept = tmp_path / "kept.tif"
    inside.rename(kept)
    inside.symlink_to(kept)
    with pytest.raises(BadInputError, match="leads out of that folder"):
        store.open()


@pytest.mark.parametrize("href", ["../../x.tif", "/etc/x.tif", "http://127.0.0.1:9/x.tif", ".."])
def test_a_stores_item_names_a_file_beside_it(tmp_path: Path, href: str) -> None:
    store = Store(tmp_path / "store")
    store.add(open_layers(hostile.geotiff(tmp_path / hostile.NAME))["soc_stock"])
    item = tmp_path / "store" / "soc_stock" / "soc_stock.json"
    told = json.loads(item.read_text())
    told["assets"]["data"]["href"] = href
    item.write_text(json.dumps(told))
    with pytest.raises(RasterError):
        store.open()


def test_a_path_out_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "secret").write_text("x")
    for key in ("../secret", str(tmp_path / "secret")):
        with pytest.raises(BadInputError, match="leads out of that folder"):
            confined(tmp_path / "folder", key)


# ---------------------------------------------------------------------------------------- vectors


def test_vectors_are_read_by_the_driver_of_their_name_only(
    tmp_path: Path, listener: Listener
) -> None:
    import geopandas as gpd

    frame = gpd.GeoDataFrame({"name": ["a"]}, geometry=[box(0, 0, 1, 1)], crs=4326)
    drivers = {
        "gpkg": "GPKG",
        "geojson": "GeoJSON",
        "shp": "ESRI Shapefile",
        "fgb": "FlatGeobuf",
        "kml": "KML",
    }
    virtual = (
        '<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>/vsicurl/'
        f"{listener.url}/a.geojson</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"
    )
    pipeline = json.dumps(
        {
            "type": "gdal_streamed_alg",
            "command_line": f"gdal vector pipeline ! read /vsicurl/{listener.url}/a.geojson",
        }
    )
    for suffix, driver in drivers.items():
        path = tmp_path / f"a.{suffix}"
        frame.to_file(path, driver=driver)
        assert len(read_vector(path)) == 1
        assert len(vector_layers(path)) == 1
        for text in (virtual, f'<?xml version="1.0"?>{virtual}', pipeline):
            path.write_text(text)
            with pytest.raises(Exception, match=r"can't be read as|Failed to read GeoJSON"):
                read_vector(path)
    assert listener.calls == []


def test_a_shapefiles_other_parts_are_plain_files(tmp_path: Path) -> None:
    import geopandas as gpd

    frame = gpd.GeoDataFrame({"name": ["a"]}, geometry=[box(0, 0, 1, 1)], crs=4326)
    frame.to_file(tmp_path / "a.shp")
    (tmp_path / "a.dbf").rename(tmp_path / "b")
    (tmp_path / "a.DBF").symlink_to(tmp_path / "b")
    with pytest.raises(BadInputError, match=r"'a\.DBF' beside 'a\.shp' is a symbolic link"):
        read_vector(tmp_path / "a.shp")


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE VIEW v AS SELECT ogr_geocode('x') AS a",
        "CREATE VIRTUAL TABLE v USING fts4(a)",
    ],
)
def test_a_geopackage_that_reaches_outside_is_refused(tmp_path: Path, sql: str) -> None:
    import sqlite3

    import geopandas as gpd

    frame = gpd.GeoDataFrame({"name": ["a"]}, geometry=[box(0, 0, 1, 1)], crs=4326)
    frame.to_file(tmp_path / "a.gpkg")
    with sqlite3.connect(tmp_path / "a.gpkg") as base:
        base.execute(sql)
    base.close()
    with pytest.raises(BadInputError, match="reads outside the file"):
        read_vector(tmp_path / "a.gpkg")


def test_a_path_that_pyogrio_would_split_is_refused(tmp_path: Path) -> None:
    import geopandas as gpd

    frame = gpd.GeoDataFrame({"name": ["a"]}, geometry=[box(0, 0, 1, 1)], crs=4326)
    frame.to_file(tmp_path / "a.gpkg")
    (tmp_path / "a.gpkg").rename(tmp_path / "x!a.gpkg")
    with pytest.raises(BadInputError, match="exclamation mark"):
        read_vector(tmp_path / "x!a.gpkg")


# -------------------------------------------------------------------------------- no other way in

_OPENS = re.compile(
    r"rasterio\.open|h5py\.File|zarr\.open\w*|(gpd|geopandas)\.(read_file|read_parquet)"
    r"|(pyogrio\.)?(read_dataframe|read_arrow|read_info|read_bounds|list_layers|open_arrow)"
    r"|(\w+\.)?(open_rasterio|(open|load)_(mf)?data(set|array|tree)|open_zarr|netcdf_file)"
)
# Windows over HTTP and what is written of them: `access` alone may reach the network.
_ALLOWED = ("io/readers/", "ingest/access/")


def openings(tree: ast.AST) -> list[str]:
    """Return the calls by which a library would open a file for reading."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not _OPENS.fullmatch(ast.unparse(node.func)):
            continue
        words = [ast.unparse(argument) for argument in node.args[1:2]]
        words += [ast.unparse(k.value) for k in node.keywords if k.arg == "mode"]
        if words != ["'w'"]:
            found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ("rasterio.open(path)", True),
        ("rasterio.open(path, 'w', driver='GTiff')", False),
        ("rasterio.open(path, 'r+')", True),
        ("gpd.read_file(path)", True),
        ("xr.open_dataset(path)", True),
        ("rioxarray.open_rasterio(path)", True),
        ("open_netcdf(path)", False),
    ],
)
def test_openings_are_seen(line: str, is_one: bool) -> None:
    assert bool(openings(ast.parse(line))) is is_one


def test_nothing_opens_rasters_or_vectors_beside_the_readers(repo: Path) -> None:
    home = repo / "hotspots"
    told = {
        str(path.relative_to(home)): calls
        for path in sorted(home.rglob("*.py"))
        if not str(path.relative_to(home)).startswith(_ALLOWED)
        and (calls := openings(ast.parse(path.read_text())))
    }
    assert told == {}


def test_readers_open_with_gdals_network_closed(tmp_path: Path) -> None:
    hostile.geotiff(tmp_path / hostile.NAME)
    with rasters.geotiff(tmp_path / hostile.NAME):
        assert rasterio.env.getenv()["CPL_VSIL_CURL_ALLOWED_FILENAME"] == "none"


def test_placed_cells_are_as_written(tmp_path: Path) -> None:
    path = hostile.geotiff(tmp_path / hostile.NAME)
    with rasters.geotiff(path) as file:
        assert file.transform == Affine(0.5, 0, 34, 0, -0.5, 5)
