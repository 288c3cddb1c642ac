"""The world map as a reader meets it: opened from disk in a browser, with no network."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import Point

import hotspots as hs
from hotspots.edition.edition import Edition
from hotspots.locale import text, tonnes
from hotspots.maps.themes import themes_of

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>']
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
LARGEST_PAGE = 2_000_000
PATIENCE_MS = 240_000


@pytest.fixture(scope="module")
def edition() -> Edition:
    return hs.analyze(hs.sample())


@pytest.fixture(scope="module")
def drawn(edition: Edition) -> Any:
    """The map of the world with the sample registry and two records of evil names."""
    known = hs.open_registry().records
    evil = gpd.GeoDataFrame(
        {
            "id": ["evil-0", "evil-1"],
            "name": HOSTILE,
            "role": HOSTILE,
            "source": HOSTILE,
            "web": ["javascript:alert(1)", "https://example.org/?q=<b>"],
        },
        geometry=[Point(-40, -35), Point(60, -35)],
        crs=4326,
    )
    records = gpd.GeoDataFrame(pd.concat([known, evil], ignore_index=True), crs=4326)
    return hs.explore(edition, SimpleNamespace(records=records))


@pytest.fixture(scope="module")
def file(drawn: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("map") / "map.html"
    drawn.save(path)
    return path


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield opened
        opened.close()


def eventually(told: Callable[[], Any], expected: Any, seconds: float = 120) -> Any:
    """Return what a page tells, once it is as expected; however busy the machine, after a while."""
    end = time.monotonic() + seconds
    while (last := told()) != expected and time.monotonic() < end:
        time.sleep(0.1)
    return last


@dataclass
class Watched:
    """A page and all that it asked for, complained of or popped up."""

    page: Any
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


def opened(browser: Any, path: Path, size: dict[str, int]) -> Watched:
    watched = Watched(browser.new_page(viewport=size))
    page = watched.page
    page.set_default_timeout(PATIENCE_MS)
    page.on("request", lambda r: watched.requests.append(r.url))
    page.on("pageerror", lambda e: watched.errors.append(str(e)))
    page.on("console", lambda m: watched.errors.append(m.text) if m.type != "log" else None)
    page.on("dialog", lambda d: (watched.dialogs.append(d.message), d.dismiss()))
    page.goto(path.as_uri())
    page.wait_for_selector(".leaflet-image-layer")
    return watched


@pytest.fixture
def desktop(browser: Any, file: Path) -> Iterator[Watched]:
    watched = opened(browser, file, DESKTOP)
    yield watched
    watched.page.close()
    asked = [u for u in watched.requests if not u.startswith(("file:", "data:"))]
    assert (asked, watched.errors, watched.dialogs) == ([], [], [])


@pytest.fixture
def phone(browser: Any, file: Path) -> Iterator[Watched]:
    watched = opened(browser, file, PHONE)
    yield watched
    watched.page.close()
    assert (watched.errors, watched.dialogs) == ([], [])


def click_at(page: Any, name: str, latitude: float, longitude: float) -> None:
    point = page.evaluate(f"{name}.latLngToContainerPoint([{latitude}, {longitude}])")
    page.mouse.click(point["x"], point["y"])


def test_page_is_small_and_opens_from_disk(desktop: Watched, file: Path) -> None:
    assert file.stat().st_size < LARGEST_PAGE
    assert desktop.requests[0].startswith("file:")
    assert desktop.page.title() == text("map.title", "en")
    assert desktop.page.locator("#hs-panel h1").inner_text() == text("map.title", "en")


def test_each_theme_shows_its_image_and_its_legend(desktop: Watched, edition: Edition) -> None:
    page, images, shown = desktop.page, set(), themes_of(edition)
    for theme in shown:
        page.check(f"input[value={theme.key}]")
        legend = page.locator(".hs-legend:visible")
        assert legend.count() == 1
        assert legend.get_attribute("data-theme") == theme.key
        assert "2010" in legend.inner_text()
        image = page.locator(".leaflet-image-layer")
        assert image.count() == 1
        assert image.get_attribute("alt") == text(f"theme.{theme.key}.title", "en")
        assert image.evaluate("i => i.decode().then(() => i.naturalHeight)") > 4000
        images.add(image.get_attribute("src"))
    assert len(images) == len(shown)


def test_the_hotspot_legend_says_that_none_is_stable(desktop: Watched, phone: Watched) -> None:
    told = text("legend.stable_none", "en", level="80%")
    for watched in (desktop, phone):
        key = watched.page.locator(".hs-legend:visible .hs-key")
        assert key.inner_text() == told


def test_a_legend_leads_to_its_method(desktop: Watched) -> None:
    page = desktop.page
    page.check("input[value=evidence]")
    method = page.locator(".hs-legend:visible .hs-method")
    assert not method.locator("pre").is_visible()
    method.locator("summary").click()
    assert "min_agreement" in method.locator("pre").inner_text()
    assert "hotspots methods show ensemble" in method.inner_text()
    panel, told = page.locator("#hs-panel").bounding_box(), method.bounding_box()
    assert told["x"] + told["width"] <= panel["x"] + panel["width"]


def test_a_click_on_a_country_shows_its_numbers(
    desktop: Watched, drawn: Any, edition: Edition
) -> None:
    page = desktop.page
    click_at(page, drawn.get_name(), -5.0, -58.0)
    told = page.locator(".leaflet-popup").inner_text()
    row = edition.table.loc["BRA"]
    assert "Brazil" in told
    assert tonnes(row["soc_stock_total"]) in told
    assert tonnes(row["potential_ipcc_tier1_total"]) in told
    for part in ("gross loss", "gross gain", "net", "90% interval", "range over methods", "CO₂e"):
        assert part in told


def test_a_country_is_found_by_keyboard(desktop: Watched) -> None:
    page = desktop.page

    def typed() -> str:
        page.wait_for_timeout(1200)  # longer than a browser waits for the next letter
        page.focus("#hs-country")
        page.keyboard.type("Kenya")
        return page.input_value("#hs-country")

    # On a busy machine the letters may come too far apart to be one word.
    assert eventually(typed, "KEN", seconds=240) == "KEN"
    page.locator(".leaflet-popup", has_text="Kenya").wait_for()
    assert page.locator(".leaflet-popup").count() == 1, "countries on the way were drawn too"
    page.focus("#hs-toggle")
    page.keyboard.press("Enter")
    assert page.get_attribute("#hs-toggle", "aria-expanded") == "false"
    assert not page.locator("#hs-more").is_visible()


def test_every_row_of_the_table_can_be_chosen(desktop: Watched, edition: Edition) -> None:
    offered = set(
        desktop.page.eval_on_selector_all("#hs-country option", "o => o.map(x => x.value)")
    )
    countries = edition.table.index[edition.table["set"] == "countries"]
    assert set(countries) <= offered
    desktop.page.select_option("#hs-country", "TUV")
    assert "Tuvalu" in desktop.page.locator(".leaflet-popup").inner_text()


@pytest.mark.parametrize(("name", "at"), [(HOSTILE[0], (-35, -40)), (HOSTILE[1], (-35, 60))])
def test_an_evil_name_stays_text(
    desktop: Watched, drawn: Any, name: str, at: tuple[float, float]
) -> None:
    page = desktop.page
    click_at(page, drawn.get_name(), *at)
    popup = page.locator(".leaflet-popup-content")
    assert popup.locator("h3").inner_text() == name
    assert popup.locator("img, script").count() == 0
    assert text("record.recorded", "en") in popup.inner_text()
    assert text("notice.no_record", "en") in popup.inner_text()
    links = popup.locator("a")
    assert [links.nth(i).get_attribute("href") for i in range(links.count())] == (
        [] if at[1] < 0 else ["https://example.org/?q=<b>"]
    )


def test_overlays_come_and_go(desktop: Watched, edition: Edition) -> None:
    page = desktop.page
    patches = page.locator(".leaflet-hs-patches-pane path, .leaflet-hs-patches path")
    assert patches.count() == 0
    page.check("input[value=patches]")
    assert patches.count() == len(edition.hotspots)
    page.uncheck("input[value=records]")
    assert page.locator(".hs-record").count() == 0
    page.uncheck("input[value=countries]")
    assert page.locator(".hs-country").count() == 0


def saved(edition: Edition, path: Path, points: list[Point]) -> tuple[Path, str]:
    """Save a map with records at `points`; return its file and the map's name in the page."""
    names = [f"record {i}" for i in range(len(points))]
    records = gpd.GeoDataFrame({"id": names, "name": names}, geometry=points, crs=4326)
    drawn = hs.explore(edition, SimpleNamespace(records=records))
    drawn.save(path / "map.html")
    return path / "map.html", drawn.get_name()


@pytest.mark.parametrize(
    ("points", "told"),
    [
        ([Point(2.3, 48.8)], "1 record on the map. In view now: 1."),
        ([Point(-58, -5), Point(134, -25)], "2 records on the map. In view now: 2."),
    ],
    ids=["alone", "far apart"],
)
def test_records_that_stand_alone_are_drawn_at_every_zoom(
    browser: Any, edition: Edition, tmp_path: Path, points: list[Point], told: str
) -> None:
    file, name = saved(edition, tmp_path, points)
    page = opened(browser, file, DESKTOP).page
    assert page.locator(".hs-record").count() == len(points)
    assert told in page.locator("fieldset", has=page.locator("#hs-in-view")).inner_text()
    for zoom in (0, 0.5, 2, 4.25, 9):
        at = f"[{points[0].y}, {points[0].x}]"
        # void, or the whole map would be sent over as the answer
        page.evaluate(f"void {name}.setView({at}, {zoom}, {{animate: false}})")
        assert page.locator(".hs-record").count() >= 1
    assert page.locator("#hs-in-view").inner_text() == "In view now: 1."
    page.close()


@pytest.mark.parametrize(
    ("country", "inside", "outside"),
    [
        ("IDN", [(-4, 138), (5, 96)], [(30, 78), (-30, 135)]),
        ("JPN", [(26.4, 127.8), (44, 143.5)], [(30, 110)]),
        ("PHL", [(18, 121), (7, 125), (10, 119)], [(30, 120)]),
        ("NZL", [(-35.2, 173.5), (-46, 168)], [(-25, 135)]),
        ("FRA", [(42, 9.1), (48.4, -4.5)], [(4, -53), (36, 3)]),
        ("USA", [(25.5, -80.8), (70, -155)], [(52, 175), (10, -70)]),
    ],
)
def test_a_chosen_country_is_in_view_with_its_near_parts(
    desktop: Watched,
    drawn: Any,
    country: str,
    inside: list[tuple[float, float]],
    outside: list[tuple[float, float]],
) -> None:
    if desktop.page.get_attribute("#hs-toggle", "aria-expanded") == "false":
        desktop.page.click("#hs-toggle")  # an open panel takes its room from the map
    desktop.page.select_option("#hs-country", country)

    def seen() -> list[bool]:
        view = f"{drawn.get_name()}.getBounds()"
        contains = f"{view}.contains([at[0], at[1]])"
        return desktop.page.evaluate(f"all => all.map(at => {contains})", inside + outside)

    # The popup then slides into view: on a busy machine that takes its time.
    expected = [True] * len(inside) + [False] * len(outside)
    assert eventually(seen, expected) == expected


def test_a_ring_is_explained(desktop: Watched) -> None:
    assert desktop.page.locator("path.hs-tiny").count() > 0
    assert text("overlay.ring", "en") in desktop.page.locator("#hs-more").inner_text()


def test_a_patch_tells_loss_gain_and_net_with_their_years(desktop: Watched) -> None:
    page = desktop.page
    page.uncheck("input[value=countries]")
    page.check("input[value=patches]")
    page.locator(".leaflet-hs-patches-pane path").first.dispatch_event("mouseover")
    told = page.locator(".hs-tip").inner_text()
    for part in ("Modelled change, 1990–2010", "gross loss", "gross gain", "net"):
        assert part in told


def test_values_of_a_popup_stay_on_one_line(desktop: Watched) -> None:
    desktop.page.select_option("#hs-country", "IDN")
    lines = desktop.page.eval_on_selector_all(
        ".leaflet-popup tr:not(.hs-below) td",
        "all => all.map(td => { const r = document.createRange(); r.selectNodeContents(td);"
        " return new Set([...r.getClientRects()].map(x => Math.round(x.top))).size; })",
    )
    assert len(lines) > 5
    assert set(lines) == {1}


def test_phone_leaves_a_popup_its_room(phone: Watched) -> None:
    """The whole of a country's numbers: between the line on top and the legend, uncut."""
    page = phone.page
    page.evaluate(
        "const e = document.getElementById('hs-country'); e.value = 'FRA';"
        " e.dispatchEvent(new Event('change'))"
    )
    popup = page.locator(".leaflet-popup-content")
    popup.wait_for()

    def fits() -> bool:
        box = page.locator(".leaflet-popup-content-wrapper").bounding_box()
        panel = page.locator("#hs-panel").bounding_box()
        return box["y"] >= 0 and box["y"] + box["height"] <= panel["y"]

    # The map glides until the popup fits.
    assert eventually(fits, True)
    assert popup.evaluate("p => p.scrollHeight <= p.clientHeight + 1")
    assert not page.locator(".leaflet-control-zoom").is_visible()
    page.click("#hs-toggle")
    page.locator(".leaflet-popup").wait_for(state="detached")  # it fades away
    assert page.locator(".leaflet-control-zoom").is_visible()


def test_phone_shows_legend_and_map_together(phone: Watched) -> None:
    page = phone.page
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.get_attribute("#hs-toggle", "aria-expanded") == "false"
    assert page.locator(".hs-legend:visible").count() == 1
    assert not page.locator("#hs-more").is_visible()
    assert page.locator("#hs-panel").bounding_box()["height"] < 0.3 * PHONE["height"]
    assert page.locator(".leaflet-control-attribution").bounding_box()["height"] < 25
    page.click("#hs-toggle")
    assert page.locator("#hs-more").is_visible()
    page.check("input[value=modelled_change]")
    assert (
        text("theme.modelled_change.title", "en") in page.locator(".hs-legend:visible").inner_text()
    )


def test_the_map_draws_in_a_notebook(browser: Any, drawn: Any, tmp_path: Path) -> None:
    notebook = tmp_path / "notebook.html"
    notebook.write_text(f"<!DOCTYPE html><meta charset=utf-8>{drawn._repr_html_()}", "utf-8")
    page, errors = browser.new_page(viewport=DESKTOP), []
    page.on("pageerror", lambda e: errors.append(str(e)))
    page.goto(notebook.as_uri())
    frame = page.frame_locator("iframe")
    frame.locator(".leaflet-image-layer").wait_for()
    frame.locator("input[value=deficit_historic]").check()
    assert frame.locator(".hs-legend:visible").get_attribute("data-theme") == "deficit_historic"
    assert errors == []
    page.close()
