"""`hotspots sources verify`: a source compared with its publisher's server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import publishing as pub
import pytest
from serving import Serving, running

import hotspots as hs
from hotspots.ingest.access.verify import last_result, verify
from hotspots.ingest.public_layers import ingest
from hotspots.ingest.sources.catalogue import source
from hotspots.store import Store

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    (tmp_path / "public").mkdir()
    with running(tmp_path / "public") as server:
        monkeypatch.setenv("HOTSPOTS_MIRRORS", pub.mirrors(server.url))
        monkeypatch.setenv("HOTSPOTS_HTTP_TRIES", "1")
        monkeypatch.setenv("HOTSPOTS_CACHE", str(tmp_path / "cache"))
        yield server


def serve(server: Serving, name: str, product: str, access: str, numbers: tuple[float, float],
          dtype: str, **more: Any) -> Path:  # fmt: skip
    request = more.pop("request", {})
    path = pub.path_of(server.folder, pub.address_of(name, product, access, **request))
    way = pub.access_of(name, access)
    if way.crs != "EPSG:4326":
        more["crs"] = way.crs
    pub.raster(path, numbers, more.pop("cell", way.cell), dtype, **more)
    return path


def by_what(found: list[Any], access: str) -> dict[str, Any]:
    return {row.what: row for row in found if row.access == access}


def test_a_source_as_the_catalogue_says(upstream: Serving) -> None:
    serve(
        upstream, "gsocmap", "soc_stock", "30s", (55, 70), "float32", nodata=-3.39999995214436425e38
    )
    found = by_what(verify(source("gsocmap"), pub.BOX), "30s")
    assert {row.state for row in found.values()} == {"same"}
    assert {"address", "CRS", "cell", "missing value", "scale and offset", "unit", "values"} == set(
        found
    )
    assert found["values"].found == "55 to 70 t ha-1"


def test_each_difference_has_both_values(upstream: Serving) -> None:
    serve(upstream, "chelsa", "annual_precipitation", "30s-annual", (1, 2), "uint16")
    serve(upstream, "chelsa", "mean_annual_temperature", "30s-annual", (60_000, 60_500), "int32",
          cell=1 / 60, nodata=-9999, scale=1.0, offset=3.0)  # fmt: skip
    found = by_what(verify(source("chelsa"), pub.BOX), "30s-annual")
    assert (found["data type"].catalogue, found["data type"].found) == ("uint16", "int32")
    assert (found["cell"].catalogue, found["cell"].found) == ("0.00833333333", "0.0166666667")
    assert (found["missing value"].catalogue, found["missing value"].found) == ("65535", "-9999")
    assert found["scale and offset"].state == "differs"
    # 60,000 x 0.1 K is no temperature.
    assert found["values"].state == "differs"
    assert found["values"].found.endswith("degC")


def test_what_is_not_reached(upstream: Serving) -> None:
    found = verify(source("gsocmap"), pub.BOX)
    assert [row.state for row in found] == ["unreachable", "unreachable"]
    assert "(404)" in found[0].found


def test_few_bytes_are_moved(upstream: Serving) -> None:
    """Also of a file of many megabytes, and of an index of tiles."""
    path = pub.path_of(upstream.folder, pub.address_of("soilgrids", "soc_stock", "250m"))
    tile = path.parent / "tileSG-012-043" / "a.tif"
    pub.raster(tile, (42, 63), 250, "int16", crs=pub.IGH, nodata=-32768)
    pub.index(path, tile)
    path.write_text(path.read_text() + "<!--" + "x" * 6_000_000 + "-->")
    serve(upstream, "soilgrids", "soc_stock", "1000m", (42, 63), "int16", nodata=-32768)
    serve(upstream, "soilgrids", "soc_stock", "5000m", (42, 63), "int16", nodata=-32768)
    upstream.forget()
    found = verify(source("soilgrids"), pub.BOX)
    assert by_what(found, "250m")["CRS"].state == "same"
    assert by_what(found, "250m")["cell"].state == "same"
    assert by_what(found, "1000m")["values"].state == "same"
    assert sum(entry["sent"] for entry in upstream.log()) < 2_000_000


def test_the_licence_of_the_record_and_of_the_interface(upstream: Serving) -> None:
    serve(upstream, "lc100", "land_cover_{year}", "world", (40, 111), "uint8", nodata=255,
          request={"year": 2019})  # fmt: skip
    record = upstream.folder / "zenodo.org/api/records/3939050"
    record.mkdir(parents=True)
    (record / "index.json").write_text(json.dumps({"metadata": {"license": {"id": "cc-by-4.0"}}}))
    found = by_what(verify(source("lc100"), pub.BOX), "world")
    assert (found["licence"].state, found["licence"].found) == ("differs", "cc-by-4.0")
    assert found["licence"].catalogue == "copernicus"
    api = upstream.folder / "www.geoboundaries.org/api/current/gbOpen/KEN/ADM1"
    api.mkdir(parents=True)
    entry = {"gjDownloadURL": "https://e.invalid/a", "boundaryLicense": "ODbL"}
    (api / "index.json").write_text(json.dumps(entry))
    found = by_what(verify(source("geoboundaries"), pub.BOX), "gbOpen")
    assert (found["licence"].state, found["licence"].found) == ("same", "ODbL")


def test_an_order_is_not_placed(upstream: Serving) -> None:
    found = by_what(verify(source("esa-cci"), pub.BOX), "cds")
    assert found["address"].state == "not checked"
    assert "HOTSPOTS_CDS_TOKEN" in found["address"].found


def test_the_command_its_exit_code_and_what_it_keeps(
    upstream: Serving, run: Run, tmp_path: Path
) -> None:
    path = serve(upstream, "ipcc-climate-zones", "climate_zone", "30min", (4, 3), "int16")
    code, out, err = run("sources", "verify", "ipcc-climate-zones")
    assert code == 0, err
    assert "same: address, CRS, cell" in out
    kept = last_result("ipcc-climate-zones", tmp_path / "cache")
    assert (kept["state"], kept["addresses"]) == ("same", 1)
    _, shown, _ = run("sources", "show", "ipcc-climate-zones")
    assert f"Verified on {kept['date'][:10]} against the server (1 address): same." in shown
    # What is ingested says so too.
    store = Store(tmp_path / "store")
    ingest(["ipcc-climate-zones"], hs.region(pub.BOX), store, resolution="0.5",
           cache=tmp_path / "cache")  # fmt: skip
    assert store.item("climate_zone")["properties"]["hotspots:verified"]["state"] == "same"
    path.unlink()
    code, out, err = run("sources", "verify", "ipcc-climate-zones", "--json")
    assert code == 1
    assert [row["state"] for row in json.loads(out)] == ["unreachable"]
    assert "1 unreachable." in err
    assert run("sources", "verify", "nothing")[0] == 2


def test_accesses_of_one_address_are_listed_once_each(upstream: Serving, run: Run) -> None:
    code, out, _ = run("sources", "verify", "koppen-geiger")
    assert code == 1
    headings = [line for line in out.splitlines() if line.startswith("koppen-geiger/")]
    # Three members of the archive, at two addresses.
    assert len(headings) == len(set(headings)) == 6
    assert out.count("unreachable: ") == 6
