"""The API: routes, units and reasons, problems, languages, headers; and the server itself."""

from __future__ import annotations

import html
import json
import math
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pandas as pd
import pytest
import xarray as xr

pytest.importorskip("fastapi", reason="the extra 'api' is not installed")

from fastapi.testclient import TestClient
from starlette.exceptions import HTTPException

import hotspots as hs
from hotspots import errors
from hotspots.api import create_app
from hotspots.api.app import bind
from hotspots.api.http_errors import KINDS, kind_of
from hotspots.api.security import policy_for
from hotspots.edition.analyze import identify
from hotspots.edition.edition import Edition
from hotspots.edition.methods.cards import card_ids
from hotspots.locale import text
from hotspots.registry import Registry, open_registry


def nobody() -> Registry:
    """Return a registry without records."""
    return open_registry(":memory:", create=True)


PROBLEM = "application/problem+json"
NAN, NA = math.nan, pd.NA
# id, set, name_en, name_fr, name_es, value_from, note, area_ha, soc_stock_total, _mean, potential…
ROWS = [
    ("KEN", "countries", "Kenya", "Kenya", "Kenia", "covered", "", 0.1 + 0.2, 2.5e9, 43.2, 1e6, 2),
    ("DEU", "countries", "Germany", "Allemagne", "Alemania", "covered", "", 3e7, 3e9, 80.5, 2e6, 1),
    ("TUV", "countries", "Tuvalu", "Tuvalu", "Tuvalu", "nearest", "Islets", 2.6, 9.0, 3.0, NAN, NA),
    ("ATA", "countries", "Antarctica", "Antarctique", "Antártida", "missing", "", *[NAN] * 4, NA),
    ("africa", "initiative", "Africa", "Afrique", "África", "covered", "", 3e9, 2e11, 50.0, 1e8, 1),
    ("world", "total", "World", "Monde", "Mundo", "covered", "", 1.3e10, 8e11, 65.0, 1e9, NA),
    ("outside", "outside", "Outside", "Dehors", "Fuera", "covered", "", 1.0, 1.0, 1.0, 1.0, NA),
    ("my-farm", "custom", "My farm", "My farm", "My farm", "covered", "", 1.0, 1.0, 1.0, 1.0, 1),
]
COLUMNS = [
    "id",
    "set",
    "name_en",
    "name_fr",
    "name_es",
    "value_from",
    "note",
    "area_ha",
    "soc_stock_total",
    "soc_stock_mean",
    "potential_ipcc_tier1_total",
    "rank",
]


@pytest.fixture(scope="module")
def edition() -> Edition:
    """Make an edition whose table is made by hand."""
    table = pd.DataFrame(ROWS, columns=COLUMNS).set_index("id").astype({"rank": "Int64"})
    inputs = {"soc_stock": {"year": 2010, "licence": "CC-BY-4.0", "source": "A map", "sha256": "0"}}
    manifest = {
        "id": "0123456789abcdef",
        "inputs": inputs,
        "caveats": {"change": "Modelled."},
        "notes": ["soc_stock: 3 cells outside 0 to 5000 (t ha-1)."],
    }
    return Edition(xr.Dataset(), None, pd.DataFrame(), table, manifest, hs.Recipe())  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def client(edition: Edition) -> Iterator[TestClient]:
    """Make a client of an application without records."""
    with TestClient(create_app(edition, nobody())) as opened:
        yield opened


def assert_problem(answer: Any, status: int, *told: str) -> None:
    """Check the five members of a problem and that its sentence tells what it should."""
    content = answer.json()
    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM
    assert set(content) == {"type", "title", "status", "detail", "instance"}
    assert content["status"] == status
    assert content["instance"] == answer.request.url.path
    assert content["detail"].endswith((".", "?"))
    for words in told:
        assert words in content["detail"]


# -------------------------------------------------------------------------------------- regions


def test_regions_lists_every_row_with_a_link_that_works(client: TestClient) -> None:
    entries = client.get("/v1/regions").json()
    assert [entry["id"] for entry in entries] == [row[0] for row in ROWS]
    assert entries[1] == {
        "id": "DEU",
        "kind": "country",
        "names": {"en": "Germany", "fr": "Allemagne", "es": "Alemania"},
        "link": "/v1/regions/DEU",
    }
    for entry in entries:
        detail = client.get(entry["link"]).json()
        assert detail["names"] == entry["names"]
        assert client.get(detail["summary"]).json()["id"] == entry["id"]


@pytest.mark.parametrize(
    ("kind", "ids"),
    [
        ("country", ["KEN", "DEU", "TUV", "ATA"]),
        ("initiative", ["africa"]),
        ("world", ["world"]),
        ("outside", ["outside"]),
        ("custom", ["my-farm"]),
        ("total", []),
    ],
)
def test_regions_of_one_kind(client: TestClient, kind: str, ids: list[str]) -> None:
    answer = client.get("/v1/regions", params={"kind": kind})
    assert [entry["id"] for entry in answer.json()] == ids


def test_unknown_kind_is_told(client: TestClient) -> None:
    answer = client.get("/v1/regions?kind=continent")
    assert_problem(answer, 422, "'kind' was given as 'continent'", "'country', 'initiative'")


# -------------------------------------------------------------------------------------- summary


def test_summary_holds_the_tables_numbers_to_the_last_digit(
    client: TestClient, edition: Edition
) -> None:
    """0.1 + 0.2 comes out as it stands in the table, not as 0.3."""
    summary = client.get("/v1/regions/KEN/summary").json()
    for column, quantity in summary["values"].items():
        assert quantity["value"] == edition.table.loc["KEN", column]
    assert summary["values"]["area_ha"]["value"] == 0.1 + 0.2
    assert set(summary["values"]) == set(COLUMNS[7:])


def test_every_number_has_its_unit(client: TestClient) -> None:
    values = client.get("/v1/regions/KEN/summary").json()["values"]
    assert {name: quantity["unit"] for name, quantity in values.items()} == {
        "area_ha": "ha",
        "soc_stock_total": "t",
        "soc_stock_mean": "t ha-1",
        "potential_ipcc_tier1_total": "t yr-1",
        "rank": "1",
    }
    assert all(quantity["meaning"] for quantity in values.values())


def test_summary_tells_where_its_numbers_come_from(client: TestClient) -> None:
    summary = client.get("/v1/regions/TUV/summary").json()
    assert summary["edition"] == "0123456789abcdef"
    assert (summary["value_from"], summary["note"]) == ("nearest", "Islets")
    assert summary["inputs"] == [
        {
            "name": "soc_stock",
            "year": "2010",
            "licence": "CC-BY-4.0",
            "source": "A map",
            "citation": None,
        }
    ]
    assert summary["caveats"] == [{"id": "change", "text": text("caveat.change", "en")}]
    assert summary["notes"] == ["soc_stock: 3 cells outside 0 to 5000 (t ha-1)."]


def test_caveats_are_in_the_readers_language_and_order(edition: Edition) -> None:
    """A saved manifest has them by alphabet; one that no catalogue knows keeps its words."""
    manifest = edition.manifest | {"caveats": {"change": "x", "deficit": "y", "later": "New one."}}
    other = Edition(**{**vars(edition), "manifest": manifest})
    client = TestClient(create_app(other, nobody()))
    for asked in ({"lang": "fr"}, {"lang": "FR"}):
        answer = client.get("/v1/regions/KEN/summary", params=asked)
        assert answer.headers["content-language"] == "fr"
        assert answer.json()["caveats"] == [
            {"id": "deficit", "text": text("caveat.deficit", "fr")},
            {"id": "change", "text": text("caveat.change", "fr")},
            {"id": "later", "text": "New one."},
        ]
    answer = client.get("/v1/regions/KEN/summary", headers={"Accept-Language": "es"})
    assert answer.json()["caveats"][0]["text"] == text("caveat.deficit", "es")
    assert "Accept-Language" in answer.headers["vary"]


def test_missing_numbers_are_null_with_a_reason(client: TestClient) -> None:
    """Neither 0 nor NaN (which is no JSON); and no reason where there is a number."""
    of_no_data = client.get("/v1/regions/ATA/summary").json()["values"]
    of_no_crops = client.get("/v1/regions/TUV/summary").json()["values"]
    assert of_no_data["soc_stock_mean"]["value"] is None
    assert "no valid cell" in of_no_data["soc_stock_mean"]["reason"]
    assert of_no_crops["rank"]["value"] is None
    assert "nothing to state here" in of_no_crops["rank"]["reason"]
    assert of_no_crops["soc_stock_mean"]["value"] == 3.0
    assert of_no_crops["soc_stock_mean"]["reason"] is None


def test_a_set_of_one_says_so_where_its_rank_would_be(client: TestClient) -> None:
    """The world has a potential, and nothing to be ranked with."""
    rank = client.get("/v1/regions/world/summary").json()["values"]["rank"]
    assert rank["value"] is None
    assert "a set of one has no ranks" in rank["reason"]


def test_caveats_are_those_of_the_region(edition: Edition) -> None:
    """There is no boreal land in the one country, and no wet tropics in the other."""
    units = pd.DataFrame(
        {"country": ["KEN", "DEU"], "climate_zone": ["tropical_wet", "boreal_dry"]}
    )
    manifest = edition.manifest | {"caveats": {"permafrost": "x", "oil_palm": "y"}}
    other = Edition(**{**vars(edition), "manifest": manifest, "units": units})
    client = TestClient(create_app(other, nobody()))
    for region, ids in (("KEN", ["oil_palm"]), ("DEU", ["permafrost"]), ("TUV", [])):
        told = client.get(f"/v1/regions/{region}/summary").json()["caveats"]
        assert [caveat["id"] for caveat in told] == ids


def test_ids_may_be_in_either_case(client: TestClient) -> None:
    assert client.get("/v1/regions/ken/summary").json()["id"] == "KEN"


def test_two_letters_are_a_country(client: TestClient) -> None:
    """ISO 3166-1 alpha-2, where the table has that country; no outline is drawn for it."""
    assert client.get("/v1/regions/KE").json()["id"] == "KEN"
    assert client.get("/v1/regions/de/summary").json()["id"] == "DEU"
    assert_problem(client.get("/v1/regions/FR"), 404, "France (FRA) lies outside this edition")
    assert_problem(client.get("/v1/regions/QQ"), 404, "No region has the id 'QQ'")


def test_two_letters_name_no_file(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ZZ").write_text('{"type": "Polygon", "coordinates": []}')
    assert_problem(client.get("/v1/regions/ZZ"), 404, "No region has the id 'ZZ'")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("Germny", "did you mean Germany (DEU)?"),
        ("Allemagne", "did you mean Germany (DEU)?"),
        ("zzzzzz", "Use an id that /v1/regions lists"),
        ("10,20,30,40", "is a box; this service has numbers for countries"),
        ("-10.5, 20,30,40", "is a box"),
        ("..", None),
        ("%2Fetc%2Fpasswd", None),
        ("pyproject.toml", "No region has the id 'pyproject.toml'"),
        ('{"type":"Polygon"}', "No region has the id"),
        ("x" * 5000, "…"),
    ],
)
def test_unknown_region_is_told_with_near_matches(
    client: TestClient, given: str, told: str | None
) -> None:
    """An id is looked up in the table only: no file is opened that a caller names."""
    answer = client.get(f"/v1/regions/{given}/summary")
    assert_problem(answer, 404, *([told] if told else []))
    assert len(answer.json()["detail"]) < 400


# --------------------------------------------------------------------------- problems, headers


def test_health(map_client: TestClient, real: Edition) -> None:
    content = map_client.get("/health").json()
    assert content == {"status": "ok", "edition": real.id, "version": hs.__version__}


def test_wrong_path_and_method_are_problems(client: TestClient) -> None:
    assert_problem(client.get("/v2"), 404, "There is nothing at '/v2'")
    wrong = client.post("/health")
    assert_problem(wrong, 405, "POST is not allowed", "use GET or HEAD")
    assert wrong.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "path", ["/health", "/v1/regions", "/v1/regions/KEN/summary", "/v1/regions/none", "/api"]
)
def test_head_is_get_without_body(client: TestClient, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert head.status_code == get.status_code
    assert head.content == b""
    assert dict(head.headers) == dict(get.headers)
    assert int(head.headers["content-length"]) > 0


@pytest.mark.parametrize("origin", ["https://example.org", "null"])
@pytest.mark.parametrize(
    "path", ["/", "/api", "/health", "/v1/regions", "/v1/regions/KEN", "/v1/regions/none"]
)
def test_pages_of_any_origin_may_read(client: TestClient, path: str, origin: str) -> None:
    for method in ("GET", "HEAD", "POST"):
        headers = client.request(method, path, headers={"Origin": origin}).headers
        assert headers["access-control-allow-origin"] == "*"
        assert {"ETag", "Link"} <= set(headers["access-control-expose-headers"].split(", "))
        assert "access-control-allow-credentials" not in headers
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "if-none-match,x-any",
    }
    preflight = client.options(path, headers=asked)
    assert preflight.is_success
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert preflight.headers["access-control-allow-methods"] == "GET, HEAD"
    assert preflight.headers["access-control-allow-headers"] == "if-none-match,x-any"
    assert preflight.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-credentials" not in preflight.headers


def test_other_origins_may_not_write(client: TestClient) -> None:
    asked = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    preflight = client.options("/v1/regions", headers=asked)
    assert preflight.status_code == 400
    assert "POST" not in preflight.headers["access-control-allow-methods"]


def test_options_that_are_no_preflight_are_not_allowed(client: TestClient) -> None:
    answer = client.options("/api")
    assert_problem(answer, 405, "OPTIONS is not allowed")
    assert answer.headers["allow"] == "GET, HEAD"


def test_refusals_can_be_read_by_other_origins(client: TestClient) -> None:
    refused = client.get(
        "/health", headers={"Origin": "https://example.org", "X-Long": "a" * 200_000}
    )
    assert refused.status_code == 431
    assert refused.headers["access-control-allow-origin"] == "*"


def test_a_crash_is_a_problem_that_tells_no_secret(edition: Edition) -> None:
    """A broken edition (no manifest) ends in 500 without traceback, path or message inside."""
    broken = Edition(
        edition.rasters, edition.hotspots, edition.units, edition.table, {}, edition.recipe
    )
    client = TestClient(create_app(broken, nobody()), raise_server_exceptions=False)
    answer = client.get("/v1/regions/KEN/summary")
    assert_problem(answer, 500, "The fault is the server's")
    assert "inputs" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["access-control-allow-origin"] == "*"


def test_every_error_class_has_a_status() -> None:
    """Classes of the library's tree map to a status; only the server's own faults are 5xx."""
    classes = [c for c in vars(errors).values() if isinstance(c, type) and c is not HTTPException]
    tree = [c for c in classes if issubclass(c, errors.HotspotsError)]
    assert set(KINDS) == set(tree)
    assert kind_of(errors.UnknownRegionError("x")).status == 404
    assert kind_of(errors.BadInputError("x")).status == 400

    class New(errors.RecipeError):
        """A class that a later version may add."""

    assert kind_of(New("x")) == KINDS[errors.RecipeError]


@pytest.mark.parametrize("path", ["/health", "/v1/regions", "/v1/regions/none", "/api"])
def test_answers_bear_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_openapi_describes_the_fixed_routes_and_no_page_calls_other_hosts(
    client: TestClient,
) -> None:
    document = client.get("/api").json()
    assert {
        "/",
        "/health",
        "/ready",
        "/v1/regions",
        "/v1/regions/{region_id}",
        "/v1/regions/{region_id}/summary",
        "/v1/methods",
        "/v1/methods/{method_id}",
        "/v1/editions",
        "/v1/editions/{edition_id}",
        "/v1/editions/{edition_id}/recipe",
        "/methods",
        "/methods/{method_id}",
    } == set(document["paths"])
    summary = document["paths"]["/v1/regions/{region_id}/summary"]["get"]
    assert "404" in summary["responses"]
    for page in ("/docs", "/redoc"):
        assert_problem(client.get(page), 404)


def test_policy_allows_the_pages_own_scripts_by_hash() -> None:
    """sha256 of "go()", by hand: `printf 'go()' | openssl dgst -sha256 -binary | base64`."""
    policy = policy_for("<p onclick='x()'>a</p><script src='/a.js'></script><script>go()</script>")
    scripts = re.search(r"script-src ([^;]*)", policy)
    assert scripts is not None
    assert scripts[1] == "'self' 'sha256-5KYv+PUboo5h+0+YAtGRPbwv5d/QxzHslP4YGnUaxRw='"


# ---------------------------------------------------------------------------------- the map at /


@pytest.fixture(scope="module")
def real() -> Edition:
    """Make a real edition of a small piece of the packaged sample."""
    return hs.analyze(hs.load("KEN"))


@pytest.fixture(scope="module")
def map_client(real: Edition) -> TestClient:
    """Make a client of the real edition and the sample registry."""
    return TestClient(create_app(real, hs.open_registry()))


def test_home_is_the_map_in_the_readers_language(map_client: TestClient) -> None:
    """``?lang=`` rules over Accept-Language, which rules over English."""
    pages = {lang: map_client.get("/", params={"lang": lang}) for lang in ("en", "fr", "es")}
    for lang, page in pages.items():
        assert page.headers["content-type"].startswith("text/html")
        assert page.headers["content-language"] == lang
        assert page.headers["vary"].count("Accept-Language") == 1
    assert len({page.text for page in pages.values()}) == 3
    asked = {"Accept-Language": "de, es;q=0.5, fr-CA;q=0.8"}
    assert map_client.get("/", headers=asked).text == pages["fr"].text
    assert map_client.get("/?lang=es", headers=asked).text == pages["es"].text
    assert map_client.get("/?lang=ES", headers=asked).text == pages["es"].text
    assert map_client.get("/?lang=", headers=asked).text == pages["fr"].text
    assert map_client.get("/?lang=").text == pages["en"].text
    capitals = {"Accept-Language": "fr;Q=0.2, es;Q=0.8"}
    assert map_client.get("/", headers=capitals).text == pages["es"].text
    head = map_client.head("/")
    assert head.content == b""
    assert head.headers["content-length"] == pages["en"].headers["content-length"]
    assert map_client.get("/", headers={"Accept-Language": "xx;q=abc,,"}).text == pages["en"].text
    german = map_client.get("/?lang=de")
    assert_problem(german, 422, "'lang' was given as 'de'", "'en', 'fr' or 'es'")


def test_map_is_drawn_once_per_language(map_client: TestClient) -> None:
    """The same object, so that a second reader doesn't wait."""
    pages = map_client.app.state.pages  # type: ignore[attr-defined]
    assert pages.page("en") is pages.page("en")


def test_home_loads_nothing_from_other_hosts(map_client: TestClient) -> None:
    page = map_client.get("/")
    loads = r"<(?:script|img|iframe)[^>]*\ssrc=[\"']?(https?:)?//|<link[^>]*href=[\"']?(https?:)?//"
    assert not re.search(loads, page.text)
    assert "unsafe-eval" not in page.headers["content-security-policy"]


def test_summary_is_the_notebooks_table(map_client: TestClient, real: Edition) -> None:
    values: dict[str, Any] = map_client.get("/v1/regions/KEN/summary").json()["values"]
    row = real.table.loc["KEN"]
    assert values["soc_stock_total"] | {"meaning": ""} == {
        "value": row["soc_stock_total"],
        "unit": "t",
        "meaning": "",
        "reason": None,
    }
    numbers = [c for c in real.table.columns if pd.api.types.is_numeric_dtype(real.table[c])]
    assert set(values) == set(numbers)
    for name, quantity in values.items():
        assert quantity["unit"], name
        assert quantity["value"] == (None if pd.isna(row[name]) else row[name])


# --------------------------------------------------------------------------------------- methods


def test_methods_tell_what_became_of_each_in_the_edition(
    map_client: TestClient, real: Edition
) -> None:
    by_id = {row["id"]: row for row in map_client.get("/v1/methods").json()}
    assert list(by_id) == card_ids()
    for row in real.manifest["methods"]:
        told = by_id[row["id"]]
        assert told["status"] == row["status"]
        assert told["reason"] == (row["reason"] or None)
        assert row["status"] != "run" or told["gives"] == row["gives"]
    assert by_id["gsocseq"]["status"] == "no data"
    assert "clay" in by_id["gsocseq"]["reason"]
    assert by_id["hotspots"]["status"] is None


def test_every_method_has_a_card_as_text_and_as_a_page(client: TestClient) -> None:
    """Also for an edition that doesn't tell what became of its methods."""
    for row in client.get("/v1/methods").json():
        assert row["status"] is None
        detail = client.get(row["link"]).json()
        assert detail.pop("markdown").startswith("# ")
        assert detail == row
        page = client.get(row["card"])
        assert page.status_code == 200
        assert page.headers["content-language"] == "en"
        assert f"<title>{html.escape(row['title'])}</title>" in page.text
        assert "<td>" in page.text


def test_links_of_the_pages_lead_somewhere(client: TestClient) -> None:
    pages = ["/methods", *(f"/methods/{card_id}" for card_id in card_ids())]
    found = {
        link for page in pages for link in re.findall(r'href="([^"]+)"', client.get(page).text)
    }
    own = {link for link in found if not link.startswith("https://doi.org/10.")}
    assert own == {"/", *pages}


def test_pages_of_cards_run_nothing(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTML in a card is shown as text; the policy allows no script, and the page needs none."""
    from hotspots.api.routers import methods

    monkeypatch.setattr(
        methods, "card", lambda _: "# A <b>\n\n<script>x()</script> [l](javascript:y)"
    )
    page = client.get("/methods/any")
    assert "<script" not in page.text
    assert "<title>A &lt;b&gt;</title>" in page.text
    assert 'href="javascript' not in page.text
    policy = page.headers["content-security-policy"]
    assert policy == policy_for(page.text)
    assert "unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]


@pytest.mark.parametrize("path", ["/v1/methods/ipcc_teir1", "/methods/ipcc_teir1"])
def test_unknown_method_is_told(client: TestClient, path: str) -> None:
    assert_problem(client.get(path), 404, "no method card 'ipcc_teir1'; did you mean ipcc_tier1")


# ------------------------------------------------------------------------------------ the server

SERVE = """
import sys
import hotspots as hs
from hotspots.api import serve
serve(hs.open_edition(sys.argv[1]), hs.open_registry(), port=0)
"""


def fetch(url: str) -> str:
    with urlopen(url, timeout=60) as answer:
        return str(answer.read().decode())


@pytest.fixture(scope="module")
def served(real: Edition, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the saved edition by a process of its own; give its address."""
    folder = real.save(tmp_path_factory.mktemp("served") / "edition")
    command = [sys.executable, "-c", SERVE, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline())
            assert found is not None
            yield found[0]
        finally:
            server.terminate()


def test_server_answers_on_loopback(served: str, real: Edition) -> None:
    """The saved edition has the numbers of the one in memory."""
    assert '<html lang="fr"' in fetch(f"{served}?lang=fr")
    assert json.loads(fetch(f"{served}health"))["edition"] == real.id
    summary = json.loads(fetch(f"{served}v1/regions/KEN/summary"))
    total = real.table.loc["KEN", "soc_stock_total"]
    assert summary["values"]["soc_stock_total"]["value"] == total


def test_served_map_runs_under_its_policy(served: str, chromium_path: str) -> None:
    """The page runs by its own scripts only; a handler smuggled into it stays dead."""
    from playwright.sync_api import sync_playwright

    told: list[str] = []
    asked: list[str] = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(240_000)
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(served)
        page.wait_for_selector(".leaflet-container .leaflet-interactive", state="attached")
        dead = "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=window.dead=1>')"
        assert told == []
        with page.expect_console_message():
            page.evaluate(dead)
        page.wait_for_timeout(300)
        assert page.evaluate("window.dead") is None
        browser.close()
    assert any("Content Security Policy" in message for message in told)
    assert all(url.startswith((served, "data:", "blob:")) for url in asked)


def test_taken_port_is_told() -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(errors.BadInputError, match=f"port {port} .*give another port"):
            bind("127.0.0.1", port)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70000), ("192.0.2.1", 0), ("", -1)])
def test_unusable_address_is_told(host: str, port: int) -> None:
    with pytest.raises(errors.BadInputError, match="Can't serve at host"):
        bind(host, port)


def test_bound_socket_listens() -> None:
    with bind("127.0.0.1", 0) as listener:
        address = listener.getsockname()
        with socket.create_connection(address) as caller:
            assert caller.getpeername() == address


# -------------------------------------------------------------------------------------- editions


def test_the_recipe_of_an_edition_replays_to_its_id(map_client: TestClient, real: Edition) -> None:
    """What the service gives is enough for a notebook to make the same edition again."""
    (entry,) = map_client.get("/v1/editions").json()
    assert entry["id"] == real.id
    toml = map_client.get(f"{entry['link']}/recipe").text
    assert hs.Recipe.from_toml(toml) == real.recipe
    assert identify(hs.load("KEN"), hs.Recipe.from_toml(toml)) == entry["id"]
    assert map_client.get("/v1/editions/latest").json() == entry


def test_an_unknown_edition_is_told(map_client: TestClient) -> None:
    assert_problem(map_client.get("/v1/editions/none"), 404, "No edition 'none' is here")
    assert_problem(map_client.get("/v1/editions/none/recipe"), 404, "/v1/editions lists")


def test_the_served_map_links_to_the_cards(map_client: TestClient) -> None:
    page = map_client.get("/").text
    assert 'href="/methods/ipcc_tier1"' in page
    assert "hotspots methods show" not in page
