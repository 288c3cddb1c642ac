"""A browser shows the texts of data as texts, and runs none of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import folium
import geopandas as gpd
import pytest
from drivers import quick
from harmless_texts import RESULT, TEXTS
from shapely.geometry import Point

import hotspots as hs
from hotspots.edition.edition import Edition

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

# Each would leave a mark in the page if it ran.
RUNNING = (
    '<img src=x onerror="window.hit=1">',
    "</script><script>window.hit=1</script>",
    "javascript:window.hit=1",
    "{{ this }}",
    "'-(window.hit=1)-'",
    "`${window.hit=1}`",
)
SAMPLES = (*TEXTS, *RUNNING)
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run"]
# What a page knows of the texts of its panel, popups and title.
STATE = """() => ({
    hit: String(window.hit),
    marks: [...document.querySelectorAll("b")].filter(e => e.textContent === "x").length,
    handlers: document.querySelectorAll("[onerror]").length,
    links: [...document.querySelectorAll("a")].filter(a => a.protocol === "javascript:").length,
})"""
NOTHING = {"hit": "undefined", "marks": 0, "handlers": 0, "links": 0}


@pytest.fixture(scope="module")
def edition() -> Edition:
    """An edition whose provenance, id and notices are such texts."""
    made = hs.analyze(hs.load((14.0, 46.0, 32.0, 57.0)), quick())
    rows = {text: {"citation": text, "licence": text, "year": text} for text in SAMPLES}
    told = {
        "id": SAMPLES[0],
        "region": " ".join(SAMPLES),
        "inputs": rows | made.manifest["inputs"],
        "licence_notices": list(SAMPLES),
    }
    return Edition(**{**vars(made), "manifest": made.manifest | told})


@pytest.fixture(scope="module")
def drawn(edition: Edition) -> folium.Map:
    """The map with a record for each text, far enough apart to stand alone."""
    rows = [
        {"id": f"r{i}", "name": text, "summary": text, "place": text, "source": text, "web": text}
        for i, text in enumerate(SAMPLES)
    ]
    points = [Point(15 + 4 * (i % 4), 47 + 2.5 * (i // 4)) for i in range(len(rows))]
    return hs.explore(
        edition, SimpleNamespace(records=gpd.GeoDataFrame(rows, geometry=points, crs=4326))
    )


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    opened = browser.new_page(viewport={"width": 1280, "height": 800})
    yield opened
    opened.close()


def watched(page: Any, path: Path, html: str) -> list[str]:
    """Open a page; return the list that its errors and dialogs will stand in."""
    told: list[str] = []
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("console", lambda said: told.append(said.text))
    page.on("dialog", lambda dialog: (told.append(dialog.message), dialog.dismiss()))
    path.write_text(html, encoding="utf-8")
    page.goto(path.as_uri())
    return told


def test_texts_are_seen_and_none_runs(page: Any, drawn: folium.Map, tmp_path: Path) -> None:
    told = watched(page, tmp_path / "map.html", drawn.get_root().render())
    page.wait_for_selector(".leaflet-image-layer")
    panel = page.evaluate("document.getElementById('hs-panel').textContent")
    for text in SAMPLES:
        # In the notices, in the source's name, citation and licence, and in the title.
        assert panel.count(text) >= 5, text
    assert " ".join(SAMPLES) in page.evaluate("document.querySelector('title').text")
    markers = page.locator(".hs-record")
    assert markers.count() == len(SAMPLES)
    seen = set()
    for i in range(len(SAMPLES)):
        markers.nth(i).dispatch_event("click")
        popup = page.locator(".leaflet-popup-content").last
        words = popup.evaluate("p => p.textContent")
        name = popup.locator("h3").evaluate("h => h.textContent")
        seen.add(name)
        assert words.count(name) >= 5, "name, summary, place, source and address"
        assert popup.locator("a").count() == 0
        assert page.evaluate(STATE) == NOTHING
    assert seen == set(SAMPLES)
    assert RESULT not in page.evaluate("document.body.innerText")
    assert told == []


def test_a_notebook_runs_none_either(page: Any, drawn: folium.Map, tmp_path: Path) -> None:
    told = watched(page, tmp_path / "notebook.html", f"<!DOCTYPE html>{drawn._repr_html_()}")
    frame = page.frame_locator("iframe").locator("#hs-panel")
    frame.wait_for()
    words = frame.evaluate("panel => panel.textContent")
    assert all(text in words for text in SAMPLES)
    assert frame.evaluate(STATE) == NOTHING
    assert page.evaluate(STATE) == NOTHING
    assert told == []


def test_a_layer_that_a_user_adds_works(page: Any, edition: Edition, tmp_path: Path) -> None:
    world = hs.explore(edition)
    place = {
        "type": "Feature",
        "properties": {"name": RUNNING[0]},
        "geometry": {"type": "Point", "coordinates": [20, 50]},
    }
    folium.GeoJson(place, marker=folium.CircleMarker(radius=9, class_name="own")).add_to(world)
    folium.CircleMarker([52, 24], radius=9, popup="mine", class_name="mine").add_to(world)
    folium.LayerControl().add_to(world)
    told = watched(page, tmp_path / "map.html", world.get_root().render())
    page.wait_for_selector("path.own")
    page.locator("path.mine").dispatch_event("click")
    popup = page.locator(".leaflet-popup-content")
    popup.wait_for()
    assert popup.inner_text() == "mine"
    assert page.locator(".leaflet-control-layers-overlays input").count() == 1
    assert (page.evaluate(STATE), told) == (NOTHING, [])
    assert world.get_bounds()[0][0] < 50


def test_the_policy_stops_a_handler_in_markup(page: Any, edition: Edition, tmp_path: Path) -> None:
    """Folium shows a popup's text as markup; a handler in it is dead even then."""
    world = hs.explore(edition)
    folium.CircleMarker([52, 24], popup=RUNNING[0], class_name="mine").add_to(world)
    with page.expect_console_message(lambda said: "Content Security Policy" in said.text):
        watched(page, tmp_path / "map.html", world.get_root().render())
        page.locator("path.mine").dispatch_event("click")
    assert page.evaluate("String(window.hit)") == "undefined"
