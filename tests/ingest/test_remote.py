"""Windows of remote rasters: which cells, how few bytes, faults, resuming, mosaics, Homolosine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from serving import Serving, running

from hotspots.errors import EmptyRegionError, FetchError, RasterError
from hotspots.ingest.access import remote_windows
from hotspots.ingest.access.http import Client
from hotspots.ingest.access.mosaic import Kind, Part, vrt_text
from hotspots.ingest.access.remote_windows import window
from hotspots.ingest.access.tiles import tiled_window
from hotspots.ingest.access.window_reader import WindowRequest
from hotspots.ingest.access.windows import Window, overview_level, tile_names, windows
from hotspots.ingest.sources.model import Tiles
from hotspots.io.atomic import file_hash

DEGREES = pyproj.CRS.from_epsg(4326)
IGH = "+proj=igh +lon_0=0 +datum=WGS84 +units=m +no_defs"


def written(
    path: Path, cells: np.ndarray, transform: Affine, crs: str = "EPSG:4326", **options: Any
) -> Path:
    profile = {
        "driver": "GTiff",
        "dtype": cells.dtype.name,
        "count": 1,
        "crs": crs,
        "height": cells.shape[0],
        "width": cells.shape[1],
        "transform": transform,
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
    } | options
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", **profile) as file:
        file.write(cells, 1)
    return path


def world(rows: int = 1800) -> tuple[np.ndarray, Affine]:
    """A world of noise that doesn't compress: 1800 rows are 0.1 degrees and 13 MB."""
    cells = np.random.default_rng(7).integers(-30000, 30000, (rows, 2 * rows)).astype("int16")
    step = 180 / rows
    return cells, Affine(step, 0, -180, 0, -step, 90)


@pytest.fixture(scope="module")
def big(server: Serving) -> np.ndarray:
    cells, transform = world()
    path = written(server.folder / "big.tif", cells, transform, nodata=-32767)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4, 8], Resampling.nearest)
    return cells


@pytest.fixture(autouse=True)
def forget(server: Serving) -> None:
    server.forget()


def sent(server: Serving) -> int:
    return sum(entry["sent"] for entry in server.log())


BOX = (33.05, -1.95, 35.95, 1.95)


def placed(path: Path) -> tuple[np.ndarray, int, int]:
    """Return a window's cells and its first row and column in the world of 0.1 degrees."""
    with rasterio.open(path) as file:
        left, top = ~Affine(0.1, 0, -180, 0, -0.1, 90) * (file.transform.c, file.transform.f)
        return file.read(1), round(top), round(left)


def test_a_window_of_a_big_raster_takes_few_bytes(
    server: Serving, big: np.ndarray, quick: Client, tmp_path: Path
) -> None:
    asked = WindowRequest(f"{server.url}/big.tif", (BOX,))
    path, origin = window(asked, tmp_path, with_client=quick)
    cells, top, left = placed(path)
    assert np.array_equal(cells, big[top : top + cells.shape[0], left : left + cells.shape[1]])
    # Rows 880.5 to 919.5, columns 2130.5 to 2159.5, and a cell around.
    assert top <= 879
    assert top + cells.shape[0] >= 921
    assert left <= 2129
    assert left + cells.shape[1] >= 2161
    assert sent(server) < 0.1 * (server.folder / "big.tif").stat().st_size
    assert all(entry["range"] for entry in server.log() if entry["method"] == "GET")
    assert all(entry["agent"].startswith("hotspots/") for entry in server.log())
    with rasterio.open(path) as file:
        assert (file.dtypes[0], file.nodata, file.crs) == ("int16", -32767, "EPSG:4326")
    assert origin.sha256 == file_hash(path)
    assert server.most_at_once() <= 2


def test_a_rerun_asks_only_whether_it_is_the_same(
    server: Serving, big: np.ndarray, quick: Client, tmp_path: Path
) -> None:
    asked = WindowRequest(f"{server.url}/big.tif", (BOX,))
    first = window(asked, tmp_path, with_client=quick)
    server.forget()
    assert window(asked, tmp_path, with_client=quick) == first
    assert len(server.log()) == 1
    assert sent(server) <= 1024


def test_a_new_version_is_read_anew(server: Serving, quick: Client, tmp_path: Path) -> None:
    cells, transform = world(180)
    asked = WindowRequest(f"{server.url}/n.tif", (BOX,))
    written(server.folder / "n.tif", cells, transform)
    before = window(asked, tmp_path, with_client=quick)
    written(server.folder / "n.tif", cells + np.int16(1), transform)
    after = window(asked, tmp_path, with_client=quick)
    with rasterio.open(before[0]) as old, rasterio.open(after[0]) as new:
        assert np.array_equal(old.read(1) + 1, new.read(1))


def test_without_a_version_a_window_is_always_read_anew(
    server: Serving, quick: Client, tmp_path: Path
) -> None:
    cells, transform = world(180)
    asked = WindowRequest(f"{server.url}/undated/u.tif", (BOX,))
    written(server.folder / "u.tif", cells, transform)
    with rasterio.open(window(asked, tmp_path, with_client=quick)[0]) as file:
        before = file.read(1)
    written(server.folder / "u.tif", cells + np.int16(1), transform)
    with rasterio.open(window(asked, tmp_path, with_client=quick)[0]) as file:
        assert np.array_equal(before + 1, file.read(1))


def test_without_upstream_the_last_window_is_stale(quick: Client, tmp_path: Path) -> None:
    cells, transform = world(180)
    written(tmp_path / "s" / "w.tif", cells, transform)
    with running(tmp_path / "s") as upstream:
        asked = WindowRequest(f"{upstream.url}/w.tif", (BOX,))
        fresh = window(asked, tmp_path / "c", with_client=quick)
    path, origin = window(asked, tmp_path / "c", with_client=quick)
    assert path == fresh[0]
    assert re.search(
        "The copy of .* is used, for it couldn't be renewed: '127.0.0.1' can't be reached",
        origin.stale,
    )
    with pytest.raises(FetchError, match="can't be reached"):
        window(WindowRequest(asked.address, ((0, 0, 9, 9),)), tmp_path / "c", with_client=quick)


def test_a_region_across_the_antimeridian(
    server: Serving, big: np.ndarray, quick: Client, tmp_path: Path
) -> None:
    path, origin = window(
        WindowRequest(f"{server.url}/big.tif", ((177.0, -19.0, -178.0, -16.0),)),
        tmp_path,
        with_client=quick,
    )
    assert path.suffix == ".vrt"
    assert origin.sha256 == file_hash(path)
    with rasterio.open(path) as file:
        east = file.read(1, window=file.window(177, -19, 180, -16))
        west = file.read(1, window=file.window(-180, -19, -178, -16))
    assert np.array_equal(east, big[1060:1090, 3570:3600])
    assert np.array_equal(west, big[1060:1090, 0:20])


def test_overviews_serve_where_they_suffice(
    server: Serving, big: np.ndarray, quick: Client, tmp_path: Path
) -> None:
    asked = WindowRequest(f"{server.url}/big.tif", ((0, 0, 40, 40),), cell_degrees=2.0, samples=5)
    path, _ = window(asked, tmp_path, with_client=quick)
    with rasterio.open(path) as file:
        assert file.transform.a == pytest.approx(0.4)


def test_which_overview() -> None:
    boxes = [(0.0, 0.0, 10.0, 60.0)]
    assert overview_level([2, 4, 8], 0.1, DEGREES, boxes, 2.0, 5) == 1
    assert overview_level([2, 4, 8], 0.1, DEGREES, boxes, 2.0, 0) == -1
    assert overview_level([2, 4, 8], 0.1, DEGREES, boxes, 0.5, 5) == -1
    # At 60 degrees a degree is 55.66 km wide: 4 x 1 km cells of 10 samples fit, 8 don't.
    metres = pyproj.CRS.from_epsg(6933)
    assert overview_level([2, 4, 8], 1000, metres, boxes, 1.0, 10) == 1


FAULTS = {
    "404": r"There is nothing at 'http://127.0.0.1:\d+/404/big.tif' \(404\)",
    "403": r"refuses '.*/403/big.tif' \(403\)",
    "429-9": r"had too many requests \(429\) and asks to wait 0.2 s|\(429\)",
    "html": "answered with a web page where data were due",
    "reset": "can't be reached: the connection was reset",
    "loop": "redirected in a circle",
    "500": r"has a fault of its own \(500\)",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_told_as_of_files(
    fault: str, server: Serving, quick: Client, tmp_path: Path
) -> None:
    with pytest.raises(FetchError, match=FAULTS[fault]):
        window(WindowRequest(f"{server.url}/{fault}/big.tif", (BOX,)), tmp_path, with_client=quick)


def test_what_is_no_raster(server: Serving, quick: Client, tmp_path: Path) -> None:
    (server.folder / "text.tif").write_bytes(b"no raster at all" * 200)
    with pytest.raises(
        FetchError, match=r"answers, but isn't read as a raster .* report it to the project"
    ):
        window(WindowRequest(f"{server.url}/text.tif", (BOX,)), tmp_path, with_client=quick)


def test_a_raster_cut_short_upstream(server: Serving, quick: Client, tmp_path: Path) -> None:
    cells, transform = world(900)
    path = written(server.folder / "short.tif", cells, transform)
    path.write_bytes(path.read_bytes()[:1_000_000])
    with pytest.raises(FetchError, match="answers, but isn't read as a raster"):
        window(
            WindowRequest(f"{server.url}/short.tif", ((0, -80, 90, 0),)),
            tmp_path,
            with_client=quick,
        )
    assert not list(tmp_path.rglob("*.tif"))


def test_a_server_without_ranges_gives_the_whole(
    server: Serving,
    quick: Client,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cells, transform = world(180)
    written(server.folder / "whole.tif", cells, transform)
    asked = WindowRequest(f"{server.url}/norange/whole.tif", (BOX,))
    path, _ = window(asked, tmp_path, with_client=quick)
    with rasterio.open(path) as file:
        assert np.array_equal(file.read(1), cells)
    assert "gives no parts of files: all 0 MB are fetched" in caplog.text
    monkeypatch.setattr(remote_windows, "WHOLE_LIMIT", 1000)
    with pytest.raises(FetchError, match=r"gives no parts of files, and the whole has 0 MB"):
        window(asked, tmp_path / "new", with_client=quick)


def test_a_region_that_the_raster_has_not(server: Serving, quick: Client, tmp_path: Path) -> None:
    cells, _ = world(180)
    written(server.folder / "part.tif", cells[:50, :50], Affine(0.1, 0, 10, 0, -0.1, 50))
    with pytest.raises(EmptyRegionError, match=r"holds nothing of the box 33.05,-1.95,35.95,1.95"):
        window(WindowRequest(f"{server.url}/part.tif", (BOX,)), tmp_path, with_client=quick)


WINDOWING = """
import sys, time
from pathlib import Path
from hotspots.ingest.access.remote_windows import window
from hotspots.ingest.access.window_reader import WindowRequest
from hotspots.ingest.access import window_files
window_files._STRIP_BYTES = 400_000
def slow(done, total):
    print("strip", done, flush=True)
    time.sleep(float(sys.argv[3]))
request = WindowRequest(sys.argv[1], ((-60, -60, 60, 60),))
path, origin = window(request, Path(sys.argv[2]), progress=slow)
print(origin.sha256)
"""


def windowing(url: str, cache: Path, pause: float = 0.0, **options: Any) -> Any:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "HOTSPOTS_HTTP_TIMEOUT": "120",
    }
    return subprocess.Popen(
        [sys.executable, "-c", options.pop("code", WINDOWING), url, str(cache), str(pause)],
        text=True,
        stdout=subprocess.PIPE,
        env=environment,
        **options,
    )


def test_a_window_that_was_killed_is_made_again_to_the_same_bytes(
    server: Serving, big: np.ndarray, quick: Client, tmp_path: Path
) -> None:
    url = f"{server.url}/big.tif"
    run = windowing(url, tmp_path / "killed", 240)
    assert run.stdout.readline().startswith("strip")
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    assert list((tmp_path / "killed").rglob("*.part.tif"))
    asked = WindowRequest(url, ((-60, -60, 60, 60),))
    undisturbed = window(asked, tmp_path / "calm", with_client=quick)
    again = window(asked, tmp_path / "killed", with_client=quick)
    assert again[0].read_bytes() == undisturbed[0].read_bytes()
    assert not list((tmp_path / "killed").rglob("*.part.tif"))


def test_two_runs_at_once_read_once(server: Serving, big: np.ndarray, tmp_path: Path) -> None:
    url = f"{server.url}/big.tif"
    runs = [windowing(url, tmp_path, 0.01) for _ in range(2)]
    told = [run.communicate()[0].splitlines() for run in runs]
    assert told[0][-1] == told[1][-1]
    assert sorted(len(lines) > 1 for lines in told) == [False, True]


def test_a_full_disk_while_a_window_is_written(
    server: Serving, big: np.ndarray, tmp_path: Path
) -> None:
    code = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))\n"
    code += WINDOWING.replace("path, origin", "try:\n  path, origin").replace(
        "print(origin.sha256)", "except Exception as e:\n  print(type(e).__name__, e)"
    )
    told = windowing(f"{server.url}/big.tif", tmp_path, code=code).communicate()[0]
    assert re.search(
        r"WriteError The window '.*' can't be written \(.*File too large.*\). Free"
        " some space, or set HOTSPOTS_CACHE",
        told,
    ), told
    assert not list(tmp_path.rglob("*.tif"))


# Homolosine -------------------------------------------------------------------------------------


def longitudes_and_latitudes(size: float) -> tuple[np.ndarray, Affine]:
    """A Homolosine world whose cells tell their own place: (lon + 180) x 100 and lat x 100."""
    columns, rows = int(40_075_000 / size), int(17_400_000 / size)
    transform = Affine(size, 0, -20_037_500, 0, -size, 8_700_000)
    x, y = transform * np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5)
    lon, lat = pyproj.Transformer.from_crs(IGH, 4326, always_xy=True).transform(x, y)
    on_globe = np.isfinite(lon) & np.isfinite(lat)
    cells = np.full((2, rows, columns), -32768, "int16")
    cells[0][on_globe] = np.round(lon[on_globe] * 100)
    cells[1][on_globe] = np.round(lat[on_globe] * 100)
    return cells, transform


@pytest.fixture(scope="module")
def homolosine(server: Serving) -> None:
    """A VRT with relative tiles, as SoilGrids has."""
    cells, transform = longitudes_and_latitudes(25_000.0)
    folder, side, parts = server.folder / "igh", 256, []
    for row in range(0, cells.shape[1], side):
        for column in range(0, cells.shape[2], side):
            piece = cells[:, row : row + side, column : column + side]
            name = f"tile-{row}-{column}.tif"
            corner = transform * Affine.translation(column, row)
            folder.mkdir(exist_ok=True)
            with rasterio.open(
                folder / name,
                "w",
                driver="GTiff",
                dtype="int16",
                count=2,
                crs=IGH,
                nodata=-32768,
                height=piece.shape[1],
                width=piece.shape[2],
                transform=corner,
                compress="deflate",
            ) as file:
                file.write(piece)
            parts.append(Part(name, corner, piece.shape[1:]))
    wkt = rasterio.crs.CRS.from_user_input(IGH).to_wkt()
    (folder / "lonlat.vrt").write_text(vrt_text(parts, Kind("int16", 2, wkt, -32768)))


@pytest.mark.parametrize(
    "box",
    [
        (-60.0, 5.0, -20.0, 40.0),  # across the northern cut at 40 W
        (-40.0, 5.0, -30.0, 40.0),  # beginning on it
        (60.0, -40.0, 100.0, -5.0),  # across the southern cut at 80 E
        (-25.0, -20.0, -15.0, 20.0),  # across 20 W, which is cut in the south only
        (170.0, -20.0, -170.0, 70.0),  # across the antimeridian
        (33.0, -5.0, 42.0, 5.0),
    ],
)
def test_homolosine_windows_hold_the_whole_box(
    box: tuple[float, ...], homolosine: None, server: Serving, quick: Client, tmp_path: Path
) -> None:
    asked = WindowRequest(f"{server.url}/igh/lonlat.vrt", (box,), bands=(1, 2), crs="ESRI:54052")
    path, _ = window(asked, tmp_path, with_client=quick)
    with rasterio.open(server.folder / "igh" / "lonlat.vrt") as file:
        everywhere = inside(file.read(), box)
    with rasterio.open(path) as file:
        here = inside(file.read(), box)
    assert len(everywhere) > 100
    assert here == everywhere


def inside(cells: np.ndarray, box: tuple[float, ...]) -> set[tuple[int, int]]:
    """Return longitudes and latitudes, x 100, of the cells whose centre lies in a box."""
    west, south, east, north = (round(v * 100) for v in box)
    lon, lat = cells.astype(int)
    of_lon = (lon >= west) & (lon <= east) if west < east else (lon >= west) | (lon <= east)
    found = of_lon & (lat >= south) & (lat <= north) & (lon != -32768)
    return set(zip(lon[found].tolist(), lat[found].tolist(), strict=True))


def test_a_small_homolosine_box_takes_few_tiles(
    homolosine: None, server: Serving, quick: Client, tmp_path: Path
) -> None:
    asked = WindowRequest(
        f"{server.url}/igh/lonlat.vrt", ((33.0, -5.0, 42.0, 5.0),), crs="ESRI:54052"
    )
    window(asked, tmp_path, with_client=quick)
    tiles = {entry["path"] for entry in server.log() if "tile-" in entry["path"]}
    assert 1 <= len(tiles) <= 4


# Which cells ------------------------------------------------------------------------------------


def test_windows_have_a_margin_of_one_cell() -> None:
    transform = Affine(1, 0, -180, 0, -1, 90)
    # Columns 190 to 195, rows 80 to 85.
    assert windows(transform, (180, 360), DEGREES, [(10, 5, 15, 10)]) == [Window(79, 189, 7, 7)]


def test_rows_that_run_south_to_north() -> None:
    transform = Affine(1, 0, -180, 0, 1, -90)
    assert windows(transform, (180, 360), DEGREES, [(10, 5, 15, 10)]) == [Window(94, 189, 7, 7)]


def test_longitudes_from_0_to_360() -> None:
    transform = Affine(1, 0, 0, 0, -1, 90)
    assert windows(transform, (180, 360), DEGREES, [(-10, 5, 5, 10)]) == [
        Window(79, 0, 7, 6),
        Window(79, 349, 7, 11),
    ]


def test_edges_that_bulge_in_a_projection() -> None:
    """In Europe's equal-area grid the parallel of 60 N hangs lowest at 10 E, between corners."""
    lowest = pyproj.Transformer.from_crs(4326, 3035, always_xy=True).transform(10, 60)[1]
    transform, shape = Affine(10_000, 0, 2_000_000, 0, -10_000, 6_000_000), (500, 500)
    (found,) = windows(transform, shape, pyproj.CRS.from_epsg(3035), [(-20, 60, 40, 65)])
    assert found.row + found.height >= (6_000_000 - lowest) / 10_000


def test_a_box_beside_the_raster_needs_nothing() -> None:
    transform = Affine(1, 0, 10, 0, -1, 60)
    assert windows(transform, (10, 10), DEGREES, [(20, 50, 30, 60)]) == []


# Tiles ------------------------------------------------------------------------------------------

THREE = Tiles(degrees=3, cells=60, south=-60, north=84)
TWENTY = Tiles(degrees=20, cells=40, corner="upper-left", longitude_first=True, south=-60, north=80)


def test_tiles_are_named_by_their_corner() -> None:
    assert list(tile_names(THREE, [(33.5, -1.0, 36.5, 2.0)])) == [
        "N00E033",
        "N00E036",
        "S03E033",
        "S03E036",
    ]
    assert tile_names(TWENTY, [(33.5, -1.0, 36.5, 2.0)]) == {
        "E020N00": (20, -20, 40, 0),
        "E020N20": (20, 0, 40, 20),
    }


def test_a_box_that_ends_on_a_tile_border_needs_no_further_tile() -> None:
    assert list(tile_names(THREE, [(33.0, 0.0, 36.0, 3.0)])) == ["N00E033"]


def test_tiles_across_the_antimeridian_and_beyond_the_set() -> None:
    assert list(tile_names(THREE, [(179.0, -19.0, -179.0, -18.0)])) == ["S21E177", "S21W180"]
    assert tile_names(THREE, [(0.0, 84.0, 3.0, 90.0)]) == {}


@pytest.fixture(scope="module")
def tiles(server: Serving) -> np.ndarray:
    """Cells of 0.05 degrees for lon 33 to 39, lat -3 to 3; the tile S03E036 is all sea."""
    cells = np.random.default_rng(3).integers(1, 100, (120, 120)).astype("uint8")
    for name, (west, _, _, north) in tile_names(THREE, [(33, -3, 39, 3)]).items():
        row, column = round((3 - north) / 0.05), round((west - 33) / 0.05)
        if name != "S03E036":
            piece = cells[row : row + 60, column : column + 60]
            path = server.folder / "tiles" / f"{name}.tif"
            written(
                path,
                piece,
                Affine(0.05, 0, west, 0, -0.05, north),
                nodata=0,
                blockxsize=16,
                blockysize=16,
            )
            with rasterio.open(path, "r+") as file:
                file.build_overviews([2, 4, 8], Resampling.nearest)
    cells[60:, 60:] = 0
    return cells


def tiled(
    server: Serving,
    cache: Path,
    box: Any,
    client: Client,
    of: Tiles = THREE,
    at: str = "tiles",
    **options: Any,
) -> tuple[Path, Any]:
    asked = WindowRequest(f"{server.url}/{at}/{{tile}}.tif", (box,), **options)
    return tiled_window(
        asked, of, lambda name: f"{server.url}/{at}/{name}.tif", cache, with_client=client
    )


def test_tiles_are_read_as_one_and_the_sea_is_empty(
    tiles: np.ndarray, server: Serving, quick: Client, tmp_path: Path
) -> None:
    path, origin = tiled(server, tmp_path, (35.0, -1.0, 37.0, 1.0), quick)
    with rasterio.open(path) as file:
        cells = file.read(1, window=file.window(35, -1, 37, 1))
        assert file.nodata == 0
    assert np.array_equal(cells, tiles[40:80, 40:80])
    assert origin.address.endswith("/tiles/{tile}.tif")
    again = tiled(server, tmp_path, (35.0, -1.0, 37.0, 1.0), quick)
    assert again == (path, origin)


def test_tiles_at_an_overview(
    tiles: np.ndarray, server: Serving, quick: Client, tmp_path: Path
) -> None:
    """8 doesn't divide 60 cells, so 4 is the coarsest: 0.2 degrees."""
    path, _ = tiled(server, tmp_path, (33.0, -3.0, 39.0, 3.0), quick, cell_degrees=2.0, samples=2)
    with rasterio.open(path) as file:
        assert file.transform.a == pytest.approx(0.2)
        cells = file.read(1, window=file.window(33, -3, 39, 3))
    assert np.isin(cells[:15, :15], tiles[:60, :60]).all()
    assert cells.shape == (30, 30)
    assert not cells[15:, 15:].any()


def test_all_tiles_absent_is_no_sea(
    tiles: np.ndarray, server: Serving, quick: Client, tmp_path: Path
) -> None:
    with pytest.raises(
        FetchError,
        match=r"None of the 2 tiles of the region is there; the first"
        r" one requested was 'http://.*/tiles/N00E099.tif' \(404\). Either all is sea",
    ):
        tiled(server, tmp_path, (100.0, 1.0, 104.0, 2.0), quick)


def test_a_refusal_is_no_sea_unless_the_source_says_so(
    tiles: np.ndarray, server: Serving, quick: Client, tmp_path: Path
) -> None:
    with pytest.raises(FetchError, match=r"refuses .*\(403\)"):
        tiled(server, tmp_path, (35.0, 1.0, 35.5, 2.0), quick, at="403")
    allowed = Tiles(degrees=3, cells=60, absent=(403, 404))
    with pytest.raises(FetchError, match=r"None of the 1 tiles of the region is there"):
        tiled(server, tmp_path, (35.0, 1.0, 35.5, 2.0), quick, of=allowed, at="403")


def test_tiles_of_another_size_than_the_catalogue_says(
    tiles: np.ndarray, server: Serving, quick: Client, tmp_path: Path
) -> None:
    with pytest.raises(FetchError, match="has 60 x 60 cells where 90 x 90 are expected"):
        tiled(server, tmp_path, (35.0, 1.0, 35.5, 2.0), quick, of=Tiles(degrees=3, cells=90))


def test_stale_tiles(tmp_path: Path, quick: Client) -> None:
    written(
        tmp_path / "s" / "t" / "N00E033.tif",
        np.full((60, 60), 7, "uint8"),
        Affine(0.05, 0, 33, 0, -0.05, 3),
    )
    with running(tmp_path / "s") as upstream:
        fresh = tiled(upstream, tmp_path / "c", (34.0, 1.0, 35.0, 2.0), quick, at="t")
    path, origin = tiled(upstream, tmp_path / "c", (34.0, 1.0, 35.0, 2.0), quick, at="t")
    assert path == fresh[0]
    assert origin.stale


def test_rasters_of_different_grids_make_no_mosaic() -> None:
    parts = [
        Part("a.tif", Affine(1, 0, 0, 0, -1, 0), (5, 5)),
        Part("b.tif", Affine(1, 0, 5.4, 0, -1, 0), (5, 5)),
    ]
    with pytest.raises(RasterError, match=r"'b.tif' doesn't lie on the grid of the other rasters"):
        vrt_text(parts, Kind("uint8", 1, ""))
