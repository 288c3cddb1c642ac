"""geoBoundaries from a server in its dialect: ids, and the licence of each country's own file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
from serving import Serving, running
from shapely.geometry import box

import hotspots as hs
from hotspots.errors import FetchError, RasterError
from hotspots.ingest.public_layers import ingest
from hotspots.store import Store

# What the real files have as shapeISO: the level in each (CIV), nothing (GIN), no column (GAB).
ISO = {"CIV": ["ADM1", "ADM1"], "GIN": ["", ""], "GAB": None, "SEN": ["SN-DK", "SN-TH"]}
LICENCES = {
    "CIV": "Open Data Commons Open Database License 1.0",
    "GIN": "Creative Commons Attribution 4.0 International (CC BY 4.0)",
    "GAB": "Public Domain",
    "SEN": "A licence of our own",
}


def geojson(country: str, order: tuple[int, ...] = (0, 1)) -> bytes:
    """Return the two units of a country as a file of the maker."""
    frame = gpd.GeoDataFrame(
        {"shapeName": ["West", "East"], "shapeID": ["66282667B1", "66282667B2"]},
        geometry=[box(-8, 5, -5, 10), box(-5, 5, -3, 10)],
        crs=4326,
    )
    frame["shapeGroup"], frame["shapeType"] = country, "ADM1"
    if (iso := ISO[country]) is not None:
        frame["shapeISO"] = iso
    return bytes(frame.iloc[list(order)].to_json(drop_id=True), "utf-8")


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    """A server in the place of the API and of the host of the files."""
    folder = tmp_path / "public"
    folder.mkdir()
    with running(folder) as server:
        monkeypatch.setenv(
            "HOTSPOTS_MIRRORS",
            f"https://www.geoboundaries.org={server.url};https://github.com={server.url}",
        )
        monkeypatch.setenv("HOTSPOTS_HTTP_TRIES", "1")
        yield server


def publish(server: Serving, country: str, **changes: Any) -> None:
    """Put what the API says of a country, and its file."""
    path = f"wmgeolab/geoBoundaries/raw/9469f09/gbOpen/{country}/ADM1/{country}-ADM1.geojson"
    entry = {
        "boundaryID": f"{country}-ADM1-66282667",
        "boundaryISO": country,
        "boundarySource": "National Office of Statistics",
        "boundaryLicense": LICENCES[country],
        "gjDownloadURL": f"https://github.com/{path}",
    } | changes
    api = server.folder / f"api/current/gbOpen/{country}/ADM1"
    api.mkdir(parents=True, exist_ok=True)
    (api / "index.json").write_text(json.dumps(entry))
    file = server.folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(geojson(country))


def units(country: str, tmp_path: Path) -> tuple[dict[str, Any], gpd.GeoDataFrame, dict[str, Any]]:
    """Ingest a country's units: the row, the table, what is written beside it."""
    store = Store(tmp_path / "store")
    (row,) = ingest(["geoboundaries"], hs.region(country), store, cache=tmp_path / "cache")
    path = tmp_path / f"store/regions/geoboundaries-units-{country}.geojson"
    return (
        dict(row),
        gpd.read_file(path),
        json.loads(path.with_name(path.name + ".json").read_text()),
    )


@pytest.mark.parametrize("country", sorted(ISO))
def test_each_unit_has_an_id_of_its_own(country: str, upstream: Serving, tmp_path: Path) -> None:
    publish(upstream, country)
    _, table, _ = units(country, tmp_path)
    by_name = dict(zip(table["name"], table["id"], strict=True))
    assert by_name == {"West": "66282667B1", "East": "66282667B2"}
    # In another order of the file each keeps its id.
    file = next(upstream.folder.rglob(f"{country}-ADM1.geojson"))
    file.write_bytes(geojson(country, (1, 0)))
    store = Store(tmp_path / "store2")
    ingest(["geoboundaries"], hs.region(country), store, cache=tmp_path / "cache2")
    again = gpd.read_file(tmp_path / f"store2/regions/geoboundaries-units-{country}.geojson")
    assert dict(zip(again["name"], again["id"], strict=True)) == by_name


@pytest.mark.parametrize(
    ("country", "key", "said"),
    [
        ("CIV", "odbl-1.0", "share what is made of it under the same licence"),
        ("GIN", "cc-by-4.0", "CC BY 4.0: name the source"),
        ("GAB", "public-domain", "no condition"),
        ("SEN", "", "A licence of our own (read it: it isn't known here)"),
    ],
)
def test_the_licence_is_that_of_the_file(
    country: str, key: str, said: str, upstream: Serving, tmp_path: Path
) -> None:
    publish(upstream, country)
    row, _, beside = units(country, tmp_path)
    assert beside["licence_id"] == key
    assert beside["licence"] == LICENCES[country]
    assert beside["made_by"] == "National Office of Statistics"
    assert said in row["note"]
    assert "made by National Office of Statistics" in row["note"]


def test_a_file_without_a_licence_is_refused(upstream: Serving, tmp_path: Path) -> None:
    publish(upstream, "CIV", boundaryLicense=None)
    with pytest.raises(FetchError, match=r"states no licence \('boundaryLicense'\)"):
        units("CIV", tmp_path)


def test_units_that_share_an_id_are_refused(upstream: Serving, tmp_path: Path) -> None:
    publish(upstream, "CIV")
    file = next(upstream.folder.rglob("CIV-ADM1.geojson"))
    file.write_bytes(geojson("CIV").replace(b"66282667B2", b"66282667B1"))
    with pytest.raises(RasterError, match="units without an id of their own"):
        units("CIV", tmp_path)


def test_a_pointer_in_the_place_of_the_file(upstream: Serving, tmp_path: Path) -> None:
    publish(upstream, "CIV")
    file = next(upstream.folder.rglob("CIV-ADM1.geojson"))
    file.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(FetchError, match="a pointer to a file elsewhere"):
        units("CIV", tmp_path)
