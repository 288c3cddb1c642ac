"""`hotspots country`: from a test server's sources to a national edition, step by step."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import rasterio
import xarray as xr
from rasterio.transform import from_origin
from rasterio.windows import Window
from serving import Serving, running

import hotspots as hs
from hotspots.edition.country import analysis_cell
from hotspots.edition.country_plan import ROLES, country_plan
from hotspots.edition.inputs import load
from hotspots.edition.region_sources import burden
from hotspots.ingest import Store
from hotspots.ingest.add_to_store import grid_of_store
from hotspots.ingest.sources.catalogue import sources
from hotspots.layers.grid import cell_area, grid_of
from hotspots.locale import LANGUAGES, text

Run = Callable[..., tuple[int, str, str]]
DEBT = "whrc/Soil-Carbon-Debt/raw/master/SOCS/SOCS_0_30cm_year_2010AD_10km.tif"
ZONES = "colinahill/ipcc_climate_zones/raw/8344cd5911/data/ipcc_climate_zones.tif"
GSOC = "fao-gismgr-gsocseq-data/DATA/GSOCSEQ/MAP/GSOCSEQ.GSOCMAP1-5-0.tif"
# Islands, the antimeridian, a large country: the cells are those of the test, not of the maker.
ISLANDS, ACROSS, LARGE = "COM", "FJI", "BRA"


def geotiff(path: Path, values: np.ndarray, cell: float, **more: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {
        "driver": "GTiff", "height": values.shape[0], "width": values.shape[1], "count": 1,
        "dtype": values.dtype, "crs": "EPSG:4326", "tiled": True, "compress": "deflate",
        "transform": from_origin(-180, 90, cell, cell),
    } | more  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        file.write(values, 1)


def stock(rows: int, columns: int) -> np.ndarray:
    """Return a stock with a pattern, t/ha: 40 to 109."""
    along, across = np.mgrid[0:rows, 0:columns]
    return (40 + (3 * along + across) % 70).astype("int16")


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    """A server in the place of every publisher, empty at first; caches and folders of one test."""
    folder = tmp_path / "public"
    folder.mkdir()
    hosts = {urlsplit(a.address) for s in sources().values() for a in s.access}
    with running(folder) as server:
        pairs = {f"{h.scheme}://{h.netloc}={server.url}" for h in hosts}
        monkeypatch.setenv("HOTSPOTS_MIRRORS", ";".join(sorted(pairs)))
        monkeypatch.setenv("HOTSPOTS_HTTP_TRIES", "1")
        monkeypatch.setenv("HOTSPOTS_CACHE", str(tmp_path / "cache"))
        monkeypatch.delenv("HOTSPOTS_STORE", raising=False)
        monkeypatch.chdir(tmp_path)
        yield server


def tonnes(data: xr.Dataset) -> float:
    """Return the stock of the cells' valid land."""
    return float((data["soc_stock"] * data["valid_share"] * cell_area(data)).sum())


def serve_debt(server: Serving) -> None:
    geotiff(server.folder / DEBT, stock(2160, 4320), 1 / 12, nodata=-32767)


def serve_gsocmap(server: Serving) -> None:
    """Write 50 t/ha around the islands at 30 arc-seconds, and nothing elsewhere."""
    path, missing = server.folder / GSOC, -3.39999995214436425e38
    path.parent.mkdir(parents=True)
    with rasterio.open(
        path, "w", driver="GTiff", height=21_600, width=43_200, count=1, dtype="float32",
        crs="EPSG:4326", tiled=True, sparse_ok=True, nodata=missing,
        transform=from_origin(-180, 90, 1 / 120, 1 / 120),
    ) as file:  # fmt: skip
        here = Window((180 + 43) * 120, (90 + 11) * 120, 256, 256)
        file.write(np.full((256, 256), 50, dtype="float32"), 1, window=here)


def serve_zones(server: Serving) -> None:
    geotiff(server.folder / ZONES, np.full((360, 720), 4, dtype="int16"), 0.5)


@pytest.mark.parametrize("country", [ISLANDS, ACROSS])
def test_a_country_from_what_is_served(country: str, upstream: Serving, run: Run) -> None:
    serve_debt(upstream)
    serve_zones(upstream)
    code, out, err = run("country", country, "--resolution", "5min", "--json")
    assert code == 0, err
    made = json.loads(out)
    roles = {row["role"]: row for row in made["roles"]}
    assert roles["stock"]["source"] == "soil-carbon-debt"
    # Better sources were tried first, and why they weren't used is said.
    failures = {row["source"]: row["reason"] for row in roles["stock"]["failures"]}
    assert set(failures) == {"soilgrids", "openlandmap-soildb"}
    assert all("404" in reason for reason in failures.values())
    assert roles["climate"]["source"] == "ipcc-climate-zones"
    assert roles["land_use"]["source"] is None
    edition = hs.open_edition(country)
    assert edition.id == made["edition"]
    assert edition.manifest["region"] == country
    notes = " ".join(edition.manifest["notes"])
    assert "cropland_share: not among the data given; from the packaged sample" in notes
    assert "climate_zone: not among" not in notes
    assert Path(country, "map.html").stat().st_size > 100_000
    # The stock is the served one: area x value, cell by cell.
    rasters = edition.rasters
    here = rasters["soc_stock"]
    west, north = grid_of(rasters).transform.c, grid_of(rasters).transform.f
    first = round((90 - north) * 12), round((west + 180) * 12)
    whole = stock(2160, 4320)
    # The box of a country across the antimeridian is as wide as the world.
    truth = whole[first[0] : first[0] + here.shape[0], first[1] : first[1] + here.shape[1]]
    known = here.notnull().values
    assert known.any()
    np.testing.assert_array_equal(here.values[known], truth[known])
    assert float((here * cell_area(rasters)).sum()) > 0


def test_what_no_source_gives_is_from_the_packaged_world(upstream: Serving, run: Run) -> None:
    serve_debt(upstream)
    code, _, err = run("country", ISLANDS, "--resolution", "5min")
    assert code == 0, err
    edition = hs.open_edition(ISLANDS)
    notes = " ".join(edition.manifest["notes"])
    for name in ("cropland_share", "climate_zone"):
        assert f"{name}: not among the data given; from the packaged sample" in notes


def test_a_source_without_a_value_there_is_passed_over(upstream: Serving, run: Run) -> None:
    empty = np.full((2160, 4320), -32767, dtype="int16")
    geotiff(upstream.folder / DEBT, empty, 1 / 12, nodata=-32767)
    serve_gsocmap(upstream)
    code, out, err = run("country", ISLANDS, "--resolution", "5min", "--json")
    assert code == 0, err
    row = next(row for row in json.loads(out)["roles"] if row["role"] == "stock")
    assert row["source"] == "gsocmap"
    reasons = {one["source"]: one["reason"] for one in row["failures"]}
    assert "has no value anywhere in the region" in reasons["soil-carbon-debt"]
    # Nothing of it stayed in the store.
    shown = Store(f"{ISLANDS}-layers").item("soc_stock")["properties"]
    assert shown["hotspots:source_id"] == "gsocmap"


def test_without_any_stock_it_says_what_was_tried_and_goes_on_later(
    upstream: Serving, run: Run
) -> None:
    serve_zones(upstream)
    words = ("country", ISLANDS, "--resolution", "5min")
    code, out, err = run(*words)
    assert code == 1
    assert not out
    last = err.strip().splitlines()[-1]
    assert last.startswith("Error: None of 6 sources gave a carbon stock of Comoros.")
    assert "soilgrids: " in last
    assert "gsocmap: " in last
    assert not Path(ISLANDS).exists()
    serve_debt(upstream)
    assert run(*words)[0] == 0
    # Once more: nothing is fetched, the edition is there.
    upstream.forget()
    code, _, err = run(*words)
    assert code == 0
    assert "is there already" in err
    assert not [one for one in upstream.log() if DEBT in one["path"] or ZONES in one["path"]]


def test_own_layers_are_kept(upstream: Serving, run: Run, tmp_path: Path) -> None:
    serve_debt(upstream)
    grid = {"transform": from_origin(43, -11, 1 / 12, 1 / 12)}
    geotiff(tmp_path / "mine.tif", np.full((24, 24), 77.0, dtype="float32"), 1 / 12, **grid)
    home = ("--store", f"{ISLANDS}-layers")
    added = run("add-layer", "mine.tif", *home, "--as", "soc_stock", "--unit", "t ha-1", "--depth",
                "0-30", "--source", "Me", "--citation", "Me", "--licence", "CC0")  # fmt: skip
    assert added[0] == 0, added[2]
    code, out, _ = run("country", ISLANDS, "--resolution", "5min", "--dry-run", "--json")
    assert code == 0
    assert json.loads(out)[0]["held"] == ["soc_stock"]
    assert not upstream.log()
    code, _, err = run("country", ISLANDS, "--resolution", "5min")
    assert code == 0, err
    known = hs.open_edition(ISLANDS).rasters["soc_stock"].values
    assert set(known[np.isfinite(known)]) == {77.0}


def test_a_large_country_is_analysed_within_its_memory(upstream: Serving, run: Run) -> None:
    serve_debt(upstream)
    code, _, err = run("country", LARGE, "--resolution", "5min", "--memory", "0.1")
    assert code == 0, err
    assert "The layers have cells of 5′; the analysis has cells of " in err
    rasters = hs.open_edition(LARGE).rasters
    assert grid_of(rasters).transform.a > 1.5 / 12
    # Coarser cells, the same tonnes: those of the country's own cells of 5 arc-minutes.
    fine = load(LARGE, ["soc_stock"], store=f"{LARGE}-layers")
    assert tonnes(rasters) == pytest.approx(tonnes(fine), rel=1e-5)
    grid = grid_of_store(Store(f"{LARGE}-layers"))
    assert grid is not None
    cells = grid.shape[0] * grid.shape[1]
    for memory in (0.05, 0.5, 1.0, 1.2, 4.0):
        factor = analysis_cell(grid, memory) * 12
        room = max(memory - 0.9, memory / 4) * 2**30 / 450
        assert factor == pytest.approx(round(factor))
        assert cells / factor**2 <= room * 1.0001
        assert factor < 1.5 or cells / (factor - 1) ** 2 > room


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_plan_in_three_languages(lang: str, run: Run) -> None:
    code, out, err = run("country", "Senegal", "--dry-run", "--lang", lang)
    assert code == 0, err
    for role in ROLES:
        assert text(f"country.{role.id}", lang) in out
    assert "soilgrids" in out
    assert not Path("SEN").exists()
    assert not Path("SEN-layers").exists()


def test_open_licences_first_then_fine_enough_then_small() -> None:
    for step in country_plan(hs.region("SEN"), 1 / 120):
        burdens = [burden(one.source) for one in step.candidates]
        assert burdens == sorted(burdens)
    (first, *_) = country_plan(hs.region("SEN"), 1 / 120)
    # Soil-carbon-debt is as open, but its cells are ten times as wide.
    names = [one.source.name for one in first.candidates]
    assert names[:2] == ["soilgrids", "openlandmap-soildb"]
    assert names.index("soil-carbon-debt") == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("world",), "isn't a country. Give one, as a code or a name"),
        (("Atlantis",), "Atlantis"),
        (("SEN", "--resolution", "fine"), "'fine' isn't a cell size"),
        (("SEN", "--lang", "it"), "The language 'it' is not supported"),
    ],
)
def test_refusals(words: tuple[str, ...], said: str, run: Run) -> None:
    code, out, err = run("country", *words)
    assert code == 2
    assert said in err
    assert len(err.splitlines()) == 1
    assert not out


def test_a_folder_with_something_else_is_left_alone(
    upstream: Serving, run: Run, tmp_path: Path
) -> None:
    Path(ISLANDS).mkdir()
    Path(ISLANDS, "letter.txt").write_text("mine")
    code, _, err = run("country", ISLANDS, "--resolution", "5min")
    assert code == 2, err
    assert not upstream.log()
    assert Path(ISLANDS, "letter.txt").read_text() == "mine"
