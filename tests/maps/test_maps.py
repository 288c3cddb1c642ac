"""The map page: registered, coloured, told and escaped as it should be, with nothing from afar."""

from __future__ import annotations

import base64
import json
import re
import warnings
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import folium
import geopandas as gpd
import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine
from branca.colormap import LinearColormap
from drivers import made, quick
from markupsafe import escape
from pages import data_of
from shapely.geometry import Point

import hotspots as hs
from hotspots.edition.caveats import CAVEATS
from hotspots.edition.edition import Edition
from hotspots.errors import BadInputError, MissingAssetError
from hotspots.layers.grid import Grid
from hotspots.layers.variables import HOTSPOT_CLASSES
from hotspots.locale import percent, text, tonnes
from hotspots.maps import features, number_rows, palettes, rasters, themes
from hotspots.maps.embedding import safe_json
from hotspots.maps.figure import ASSETS
from hotspots.maps.panel import title
from hotspots.maps.theme_legends import data_years, legend_of, method_of

WGS84 = pyproj.CRS.from_epsg(4326)
HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</script><b>&amp;"]


@pytest.fixture(scope="module")
def edition() -> Edition:
    """A real edition of a part of Europe, which has hot patches of two classes."""
    return hs.analyze(hs.load((-6.0, 42.0, 40.0, 60.0)))


@pytest.fixture(scope="module")
def page(edition: Edition) -> str:
    return hs.explore(edition, hostile_registry()).get_root().render()


def hostile_registry(web: str = "https://example.org/?a=<b>") -> Any:
    rows = [
        {
            "id": f"r{i}",
            "type": "project",
            "name": name,
            "role": name,
            "theme": "pillar1",
            "place": name,
            "country": "FRA",
            "place_precision": "city",
            "web": web,
            "source": name,
        }
        for i, name in enumerate(HOSTILE)
    ]
    rows.append({**rows[0], "id": "nowhere", "name": "unplaced"})
    points = [Point(2 + i, 48) for i in range(len(HOSTILE))]
    return SimpleNamespace(records=gpd.GeoDataFrame(rows, geometry=[*points, None], crs=4326))


class Resources(HTMLParser):
    """Collects what a browser would fetch by itself, and links that one may follow."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: D102
        wanted = {"src", "srcset", "poster", "data"} | ({"href"} if tag == "link" else set())
        self.fetched += [value or "" for name, value in attrs if name in wanted]


# -------------------------------------------------------------------------------- standalone


def test_page_fetches_nothing(page: str) -> None:
    found = Resources()
    found.feed(page)
    assert [u for u in found.fetched if not u.startswith("data:")] == []
    styles = "".join(re.findall(r"<style>(.*?)</style>", page, re.DOTALL))
    addresses = re.findall(r"url\(\s*['\"]?([^'\")]+)", styles)
    assert [u for u in addresses if not u.startswith(("data:", "#"))] == []
    assert "@import" not in styles
    assert "default-src 'none'" in page
    assert "sourceMappingURL" not in page


def test_page_carries_its_code(page: str) -> None:
    assert "Leaflet 1.9.4" in page
    assert "markerClusterGroup" in page
    assert "jQuery v" not in page


def test_rendering_again_gives_the_same_page(edition: Edition, tmp_path: Path) -> None:
    drawn = hs.explore(edition)
    drawn.save(tmp_path / "map.html")
    assert (tmp_path / "map.html").read_text(encoding="utf-8") == drawn.get_root().render()
    assert "srcdoc" in drawn._repr_html_()


def test_folium_is_left_as_it_was(edition: Edition) -> None:
    before = list(folium.Map.default_js), list(folium.Map.default_css)
    hs.explore(edition).get_root().render()
    assert (folium.Map.default_js, folium.Map.default_css) == before
    assert "cdn.jsdelivr.net" in folium.Map(tiles=None).get_root().render()


def test_elements_that_need_the_network_are_refused(edition: Edition) -> None:
    drawn = hs.explore(edition)
    drawn.add_child(LinearColormap(["white", "black"]))
    with pytest.raises(MissingAssetError, match="d3"):
        drawn.get_root().render()
    drawn = hs.explore(edition)
    folium.Marker([48, 2], icon=folium.Icon(color="red")).add_to(drawn)
    with pytest.raises(MissingAssetError, match=r"folium\.Icon"):
        drawn.get_root().render()


def test_a_folium_popup_brings_jquery_along(edition: Edition) -> None:
    drawn = hs.explore(edition)
    folium.CircleMarker([48, 2], popup="mine").add_to(drawn)
    assert "jQuery v3.7.1" in drawn.get_root().render()


def test_every_link_of_a_folium_map_is_known() -> None:
    asked = {name for name, _ in (*folium.Map.default_js, *folium.Map.default_css)}
    assert asked <= set(ASSETS)


# ---------------------------------------------------------------------------------- escaping


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_of_a_record_becomes_markup(page: str, name: str) -> None:
    assert name not in page
    assert (
        json.dumps(name, ensure_ascii=False)
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("&", "\\u0026")
        in page
    )


def test_text_in_the_panel_is_escaped(edition: Edition) -> None:
    spoilt = Edition(**{**vars(edition), "manifest": {**edition.manifest, "id": HOSTILE[1]}})
    html = hs.explore(spoilt).get_root().render()
    assert HOSTILE[1] not in html
    assert "&lt;img src=x" in html


@pytest.mark.parametrize(
    ("web", "linked"),
    [
        ("https://example.org/a?b=c", True),
        ("http://example.org", True),
        ("javascript:alert(1)", False),
        ("//example.org", False),
        ("data:text/html,<script>", False),
        ("https://", False),
        ("http://[bad", False),
        ("", False),
    ],
)
def test_only_http_addresses_become_links(web: str, linked: bool) -> None:
    assert features.is_web_address(web) is linked
    shown = features.records(hostile_registry(web), {}, (0, 0, 1, 1), "en")["points"][0]
    assert (shown["web"] is not None) is linked
    # What isn't a link is still told, as text.
    assert linked or not web or ["Web address", web] in [list(row[:2]) for row in shown["rows"]]


def test_nan_becomes_null() -> None:
    told = {"a": float("nan"), "b": [np.float32("inf"), np.int64(3)], "c": "<\u2028>"}
    shown = safe_json(told)
    assert shown == '{"a":null,"b":[null,3],"c":"\\u003c\\u2028\\u003e"}'
    assert json.loads(shown) == {"a": None, "b": [None, 3], "c": "<\u2028>"}


def test_data_of_the_page_are_json(page: str) -> None:
    data = data_of(page)
    assert data["records"]["unplaced"] == 1
    assert len(data["records"]["points"]) == len(HOSTILE)
    assert data["patches"]["total"] == len(data["patches"]["shapes"]) > 0


# ----------------------------------------------------------------------------------- legends


@pytest.mark.parametrize("lang", ["en", "fr", "es"])
def test_legends_name_unit_and_years(edition: Edition, lang: str) -> None:
    html = hs.explore(edition, lang=lang).get_root().render()
    assert f'<html lang="{lang}">' in html
    blocks = re.findall(r'<div class="hs-legend" data-theme="(\w+)".*?</div>', html, re.DOTALL)
    shown = themes.themes_of(edition)
    assert blocks == [theme.key for theme in shown]
    for theme in shown:
        block = html.split(f'data-theme="{theme.key}"')[1].split("</div>")[0]
        assert themes.unit(theme, edition, lang) in block
        assert "2010" in block
        assert block.count("hs-swatch") >= 2
        assert f"hotspots methods show {method_of(theme.key)[0]}" in block
    assert "1990" in html.split('data-theme="modelled_change"')[1].split("</div>")[0]


def test_caveats_stand_on_the_page(page: str, edition: Edition) -> None:
    held = edition.manifest["caveats"]
    assert {"stability", "methods", "interval", "shared"} <= set(held) <= set(CAVEATS)
    for key in CAVEATS:
        assert (str(escape(text(f"caveat.{key}", "en"))) in page) == (key in held)
    for key in ("mercator", "boundaries", "no_record"):
        assert text(f"notice.{key}", "en") in page
    assert "no-till with high input (no manure) on cropland, IPCC 2019" in page
    assert "PNAS 114(36)" in page


def test_edition_id_stands_on_the_page(page: str, edition: Edition) -> None:
    assert f"Edition {edition.id}" in page


def test_unknown_language_is_refused(edition: Edition) -> None:
    with pytest.raises(BadInputError, match="'xx' is not supported"):
        hs.explore(edition, lang="xx")


def test_scenario_follows_the_recipe() -> None:
    recipe = hs.Recipe.from_dict({"potential": {"adoption": 0.25, "transition_years": 30}})
    told = themes.scenario(recipe, "en")
    assert "25% of cropland" in told
    assert "over 30 years" in told


# ----------------------------------------------------------------------------------- numbers


def test_country_popup_has_loss_gain_and_net_together(edition: Edition) -> None:
    rows = features.countries(edition, (-6, 42, 40, 60), "1990–2010", "en")["rows"]
    told = {label: value for label, value, _ in rows["POL"]["rows"]}
    row = edition.table.loc["POL"]
    assert {"gross loss", "gross gain", "net"} <= set(told)
    assert told["net"].endswith("t\N{NO-BREAK SPACE}C/yr")
    assert told["net"].startswith("\N{MINUS SIGN}" if row["modelled_change_total"] < 0 else "+")
    assert told["Rank by potential"].startswith(f"{row['rank']} of ")


def test_country_popup_tells_how_sure_its_potential_is(edition: Edition) -> None:
    rows = features.countries(edition, (-6, 42, 40, 60), "", "en")["rows"]["POL"]["rows"]
    told = [(label, value) for label, value, _ in rows]
    row = edition.table.loc["POL"]
    potential = next(i for i, (label, _) in enumerate(told) if label.startswith("Potential gain"))
    ends = [
        f"potential_{end}" for end in ("low_t_yr", "high_t_yr", "lowest_total", "highest_total")
    ]
    low, high, lowest, highest = (tonnes(row[e]) for e in ends)
    assert told[potential + 1][0] == "90% interval"
    assert told[potential + 1][1].startswith(low.split("\N{NO-BREAK SPACE}")[0])
    assert f"{high}\N{NO-BREAK SPACE}C/yr" in told[potential + 1][1]
    assert told[potential + 2][0] == "range over methods"
    assert told[potential + 2][1].startswith(lowest.split("\N{NO-BREAK SPACE}")[0])
    assert highest in told[potential + 2][1]
    co2e = tonnes(row["potential_ipcc_tier1_total"] * 44 / 12)
    assert dict(told)["the same as CO₂e"].startswith(co2e)
    rank = next(i for i, (label, _) in enumerate(told) if label == "Rank by potential")
    assert told[rank + 1] == ("90% interval", f"{row['rank_low']:.0f} to {row['rank_high']:.0f}")
    assert [label for label, _ in told].count("90% interval") == 2


def test_a_stock_is_shared_out_to_land_uses(edition: Edition) -> None:
    rows = features.countries(edition, (-6, 42, 40, 60), "", "en")["rows"]["POL"]["rows"]
    told = {label: value for label, value, _ in rows}["by land use"]
    uses = edition.land_use[edition.land_use["id"] == "POL"].set_index("land_use")["soc_stock_t"]
    assert percent(uses["cropland"] / uses.sum()) in told
    assert sum(float(share) for share in re.findall(r"([\d.]+)%", told)) == pytest.approx(
        100, abs=0.2
    )


def test_a_sure_place_among_the_first_is_told(edition: Edition) -> None:
    row = edition.table.loc["POL"].to_dict()
    for sure in (0, 1):
        rows = number_rows.region_rows(
            row | {"stable_top_k": sure}, number_rows.Wording(edition.recipe, "en"), 9
        )
        told = [label for label, _, _ in rows]
        assert ("among the first 10 in at least 80% of the draws" in told) == bool(sure)


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        (3.6e6, 13.2e6, "3.6–13.2 Mt C/yr"),
        (921e3, 1.32e6, "921 kt – 1.32 Mt C/yr"),
        (-2.87e6, 7.54e6, "\N{MINUS SIGN}2.87 Mt – 7.54 Mt C/yr"),
    ],
)
def test_a_span_has_its_unit_once(low: float, high: float, shown: str) -> None:
    row = {"potential_low_t_yr": low, "potential_high_t_yr": high}
    [(label, value, depth)] = number_rows.region_rows(row, number_rows.Wording(hs.Recipe(), "en"))
    assert (label, depth) == ("90% interval", 1)
    assert value.replace("\N{NO-BREAK SPACE}", " ") == shown


def test_a_label_is_written_once(page: str) -> None:
    data = data_of(page)
    labels = [tuple(label) for label in data["labels"]]
    assert len(set(labels)) == len(labels)
    poland = [(*labels[place], value) for place, value in data["countries"]["rows"]["POL"]["rows"]]
    assert poland[0][:2] == ("Area", 0)
    assert poland[0][2].endswith("ha")


def test_country_outside_the_edition_says_so(edition: Edition) -> None:
    rows = features.countries(edition, (-6, 42, 40, 60), "", "en")["rows"]
    absent = next(key for key in rows if key not in edition.table.index)
    assert rows[absent]["notes"] == [text("numbers.not_in_edition", "en")]


def test_a_countrys_note_is_told_in_its_own_language_only(edition: Edition) -> None:
    note = edition.table.loc["FRA", "note"]
    assert "French Guiana" in note
    for lang in ("en", "fr", "es"):
        told = features.countries(edition, (-6, 42, 40, 60), "", lang)["rows"]["FRA"]["notes"]
        assert [t.lower() for t in told] == ([note.lower()] if lang == "en" else [])


def test_french_puts_a_space_before_a_semicolon(edition: Edition) -> None:
    theme = themes.THEMES[0]
    told = {lang: data_years(theme, edition, lang) for lang in ("en", "fr", "es")}
    assert told["fr"].count(";") >= 2
    assert told["fr"].count(";") == told["fr"].count("\N{NO-BREAK SPACE};")
    assert all(" ;" not in told[k] and "\N{NO-BREAK SPACE};" not in told[k] for k in ("en", "es"))


@pytest.mark.parametrize(
    ("lang", "shown"),
    [("en", "6°W–40°E, 42°N–60°N"), ("fr", "6°O–40°E, 42°N–60°N")],
)
def test_a_box_is_titled_in_degrees(edition: Edition, lang: str, shown: str) -> None:
    assert title(edition, lang) == text("map.title_region", lang, region=shown)


def test_land_without_colour_is_in_the_legend(page: str) -> None:
    block = page.split('data-theme="hotspot_class"')[1].split("</div>")[0]
    bare = block.split("hs-bare")[1]
    assert text("legend.no_value_region", "en") in bare
    assert f".hs-bare {{ background: {palettes.LAND}" in page


def test_values_from_nearest_cells_are_flagged() -> None:
    from hotspots.maps.number_rows import region_notes

    assert region_notes({"value_from": "nearest"}, "en") == [text("numbers.nearest", "en")]
    assert region_notes({"value_from": "missing"}, "fr") == [text("numbers.no_value", "fr")]
    assert region_notes({"value_from": "covered"}, "en") == []


# ----------------------------------------------------------------------------- registration


def world_grid(step: float = 0.5) -> Grid:
    return Grid(Affine(step, 0, -180, 0, -step, 90), (round(180 / step), round(360 / step)), WGS84)


def one_cell(grid: Grid, row: int, column: int) -> np.ndarray:
    codes = np.zeros(grid.shape, "uint8")
    codes[row, column] = 3
    return codes


@pytest.mark.parametrize("row", [15, 60, 179, 180, 300])
def test_a_cell_lands_where_it_lies(row: int) -> None:
    """Every pixel of a one-cell image has its centre in that cell, and spans nearly all of it."""
    grid, column = world_grid(), 400
    image = rasters.to_mercator(one_cell(grid, row, column), grid)
    assert image is not None
    assert (image.codes == 3).all()
    north, south = grid.y_edges[row], grid.y_edges[row + 1]
    # Leaflet stretches the image evenly between its edges in EPSG:3857: so does this.
    project = pyproj.Transformer.from_crs(4326, 3857, always_xy=True)
    (_, top), (_, bottom) = (project.transform(0, lat) for lat in (image.north, image.south))
    height = image.codes.shape[0]
    y = top - (np.arange(height) + 0.5) * (top - bottom) / height
    _, latitude = project.transform(np.zeros(height), y, direction="INVERSE")
    # A middle may lie on an edge, but for rounding.
    assert ((latitude < north + 1e-9) & (latitude > south - 1e-9)).all()
    pixel = (image.north - image.south) / height
    assert image.north == pytest.approx(north, abs=pixel)
    assert image.south == pytest.approx(south, abs=pixel)
    assert (image.west, image.east) == pytest.approx((20.0, 20.5))


@pytest.mark.parametrize("row", [24, 75, 130, 179, 180, 220, 290])
def test_cell_edges_lie_true(row: int) -> None:
    """Within 4 % of a cell, at all latitudes; west and east exactly."""
    grid, column = world_grid(), 400
    image = rasters.to_mercator(one_cell(grid, row, column), grid)
    assert image is not None
    assert image.north == pytest.approx(grid.y_edges[row], abs=0.04 * 0.5)
    assert image.south == pytest.approx(grid.y_edges[row + 1], abs=0.04 * 0.5)
    assert (image.west, image.east) == pytest.approx((20.0, 20.5), abs=1e-9)


@pytest.mark.parametrize("step", [0.5, 0.25, 1 / 12, 1 / 24])
def test_images_stay_small_enough_to_unpack(step: float) -> None:
    grid = world_grid(step)
    image = rasters.to_mercator(np.ones(grid.shape, "uint8"), grid)
    assert image is not None
    assert image.codes.size <= rasters.MOST_PIXELS
    # Never coarser than the page's own first view.
    assert image.codes.shape[1] >= 720


def test_a_projected_grid_lands_in_place() -> None:
    equal_area = pyproj.CRS.from_epsg(6933)
    x, y = pyproj.Transformer.from_crs(4326, 6933, always_xy=True).transform(36.8, -1.3)
    grid = Grid(Affine(10e3, 0, x - 105e3, 0, -10e3, y + 105e3), (21, 21), equal_area)
    image = rasters.to_mercator(one_cell(grid, 10, 10), grid)
    assert image is not None
    assert (image.west + image.east) / 2 == pytest.approx(36.8, abs=0.03)
    assert (image.south + image.north) / 2 == pytest.approx(-1.3, abs=0.03)


def test_a_region_across_the_antimeridian_is_one_piece() -> None:
    grid = world_grid()
    codes = one_cell(grid, 210, 719) + one_cell(grid, 210, 0)
    start = rasters.first_longitude(codes > 0, grid)
    image = rasters.to_mercator(codes, grid, start)
    assert image is not None
    assert (image.west, image.east) == pytest.approx((179.5, 180.5))
    assert (image.codes == 3).all()
    bounds = (image.west, image.south, image.east, image.north)
    assert features.seam(bounds) == pytest.approx(0.0)


def test_a_map_of_the_world_begins_at_its_edge() -> None:
    grid = world_grid()
    assert rasters.first_longitude(np.ones(grid.shape, bool), grid) == -180
    assert features.seam((-180, -60, 180, 80)) == -np.inf


def test_nothing_drawn_gives_no_image() -> None:
    grid = world_grid()
    assert rasters.to_mercator(np.zeros(grid.shape, "uint8"), grid) is None
    # Beyond what Web Mercator can show.
    assert rasters.to_mercator(one_cell(grid, 0, 5), grid) is None


# --------------------------------------------------------------------------------- colours


def decoded(data: bytes) -> np.ndarray:
    """Return the RGBA pixels (4, rows, columns) of a PNG, read by GDAL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.MemoryFile(data) as memory, memory.open() as opened:
            colours = opened.colormap(1)
            table = np.array([colours[i] for i in range(len(colours))], "uint8")
            return np.moveaxis(table[opened.read(1)], -1, 0)


def test_png_has_the_classes_colours() -> None:
    codes = np.array([[0, 1, 2], [3, 2, 1]], "uint8")
    rgba = decoded(rasters.png(codes, ["#ff0000", "#00ff00", "#0000ff"]))
    assert rgba[:, 0].T.tolist() == [[0, 0, 0, 0], [255, 0, 0, 255], [0, 255, 0, 255]]
    assert rgba[:, 1].T.tolist() == [[0, 0, 255, 255], [0, 255, 0, 255], [255, 0, 0, 255]]


@pytest.mark.parametrize("classes", [1, 15, 16, 40])
@pytest.mark.parametrize("width", [4, 5])
def test_png_keeps_every_code(classes: int, width: int) -> None:
    """Few colours are packed two to a byte, rows of odd width included."""
    colours = [f"#{17 * (i % 15):02x}{i:02x}40" for i in range(classes)]
    codes = np.random.default_rng(2).integers(0, classes + 1, (6, width)).astype("uint8")
    codes[0, 0] = classes
    rgba = decoded(rasters.png(codes, colours))
    table = np.array([[0, 0, 0, 0], *([*palettes.rgb(c), 255] for c in colours)], "uint8")
    assert (np.moveaxis(rgba, 0, -1) == table[codes]).all()


def test_png_rows_that_repeat_cost_little() -> None:
    once = np.random.default_rng(5).integers(0, 4, (50, 300)).astype("uint8")
    colours = ["#ff0000", "#00ff00", "#0000ff"]
    tall = rasters.png(once.repeat(16, axis=0), colours)
    assert (decoded(tall) == decoded(rasters.png(once, colours)).repeat(16, axis=1)).all()
    assert len(tall) < 2 * len(rasters.png(once, colours))


def test_a_class_without_colour_is_a_fault() -> None:
    with pytest.raises(ValueError, match="code 3 has no colour among 2"):
        rasters.png(np.array([[3]], "uint8"), ["#000000", "#ffffff"])


def test_image_and_legend_show_the_same_colours(edition: Edition, page: str) -> None:
    """The image of a theme, decoded, holds the colours of the classes that occur."""
    uri = data_of(page)["rasters"]["hotspot_class"]["url"]
    rgba = decoded(base64.b64decode(uri.removeprefix("data:image/png;base64,")))
    drawn = {tuple(int(v) for v in p[:3]) for p in rgba.reshape(4, -1).T if p[3] == 255}
    there = set(np.unique(edition.rasters["hotspot_class"].values)) - {0}
    # On the sample no hot land is stable.
    colours = palettes.HOTSPOT | palettes.PALE
    wanted = {palettes.rgb(colours[HOTSPOT_CLASSES[int(c)]]) for c in there}
    assert drawn == wanted
    legend = page.split('data-theme="hotspot_class"')[1].split("</div>")[0]
    assert {palettes.rgb(c) for c in re.findall(r"background:(#\w{6})", legend)} == wanted


def with_stability(edition: Edition, gain: Any, loss: Any) -> Edition:
    """Return an edition with the shares of draws given, in the ranking over the whole."""
    like = edition.rasters["hotspot_class"]
    made = {
        f"stability_{axis}": like.copy(data=np.broadcast_to(np.float32(v), like.shape))
        for axis, v in (("gain", gain), ("loss", loss))
    }
    return Edition(**{**vars(edition), "rasters": edition.rasters.assign(made)})


@pytest.mark.parametrize(
    ("gain", "loss", "full"),
    [
        (0.79, 0.79, set()),
        (0.8, 0.79, {"build"}),
        (0.79, 0.8, {"protect"}),
        (0.8, 0.8, {"protect", "restore", "build"}),
        (np.nan, np.nan, {"protect", "restore", "build"}),
    ],
)
def test_what_is_hot_but_not_stable_is_paler(
    edition: Edition, gain: float, loss: float, full: set[str]
) -> None:
    """A restore cell is hot for both, so both must be stable."""
    theme = themes.THEMES[0]
    given = with_stability(edition, gain, loss)
    layer = given.rasters["hotspot_class"]
    cut = theme.cut(given, layer, "en")
    for code, name in HOTSPOT_CLASSES.items():
        drawn = {cut.colours[c - 1] for c in np.unique(cut.codes[layer.values == code])}
        hot = name in palettes.PALE
        colours = palettes.PALE if hot and name not in full else palettes.HOTSPOT
        assert drawn <= {colours[name]}
    told = text(f"legend.stable_{'some' if full else 'none'}", "en", level="80%")
    legend = legend_of(theme, cut, given, "en")
    assert legend.key_line == told
    labels = [label for _, label in legend.classes]
    assert len(set(labels)) == len(labels)


def test_a_class_that_is_partly_stable_has_both_colours_in_one_line(edition: Edition) -> None:
    layer = edition.rasters["hotspot_class"]
    build = np.argwhere(layer.values == 3)
    shares = np.zeros(layer.shape, "float32")
    shares[tuple(build[0])] = 1
    given = with_stability(edition, shares, 0)
    legend = legend_of(themes.THEMES[0], themes.THEMES[0].cut(given, layer, "en"), given, "en")
    line = next(colours for colours, label in legend.classes if label.startswith("Build"))
    assert line == [palettes.HOTSPOT["build"], palettes.PALE["build"]]


def test_without_draws_hotspots_are_drawn_in_full(edition: Edition) -> None:
    names = [n for n in edition.rasters if str(n).startswith("stability_")]
    bare = Edition(**{**vars(edition), "rasters": edition.rasters.drop_vars(names)})
    cut = themes.THEMES[0].cut(bare, bare.rasters["hotspot_class"], "en")
    assert cut.key == ""
    assert set(cut.colours) == set(palettes.HOTSPOT.values())
    assert "stability_gain" not in [t.key for t in themes.themes_of(bare)]


def test_the_last_step_of_stability_is_what_the_recipe_asks_for(edition: Edition) -> None:
    theme = next(t for t in themes.THEMES if t.key == "stability_gain")
    layer = edition.rasters["stability_gain"][:1, :5]
    layer = layer.copy(data=np.float32([[0, 0.79, 0.8, 1, np.nan]]))
    cut = theme.cut(edition, layer, "en")
    assert cut.codes.tolist() == [[1, 5, 6, 6, 0]]
    assert cut.labels[-1] == "80% and more"


@pytest.fixture(scope="module")
def complete() -> Edition:
    """An edition of made drivers, with which every method runs."""
    return hs.analyze(made(), quick())


def test_every_theme_is_there_where_all_methods_ran(complete: Edition) -> None:
    assert themes.themes_of(complete) == list(themes.THEMES)
    assert {theme.group for theme in themes.THEMES} == set(themes.GROUPS)
    html = hs.explore(complete, lang="fr").get_root().render()
    for theme in themes.THEMES:
        block = html.split(f'data-theme="{theme.key}"')[1].split("</div>")[0]
        assert str(escape(text(f"theme.{theme.key}.title", "fr"))) in block
    assert text("caveat.not_in_it", "fr") not in html.split('class="hs-notices"')[1]
    assert str(escape(text("caveat.loss_at_risk", "fr"))) in html


def test_notes_name_the_methods_and_components_there_are(
    edition: Edition, complete: Edition
) -> None:
    notes = {
        theme.key: (themes.note(theme, edition, "en"), themes.note(theme, complete, "en"))
        for theme in themes.THEMES
    }
    assert "RothC" not in notes["evidence"][0]
    assert (
        "IPCC Tier 1 (2019), IPCC Tier 1 (2006), attainable stock, RothC (SSM3)"
        in (notes["evidence"][1])
    )
    assert "taken as one of management" in notes["response_class"][0]
    assert "Weighs the loss at risk" in notes["response_class"][1]
    assert "conversion to cropland, management, erosion, warming" in notes["loss_total"][1]
    whole = edition.table[edition.table["set"] == "total"].iloc[0]
    low, high = (tonnes(whole[f"potential_{end}_total"]) for end in ("lowest", "highest"))
    assert f"{low} to {high}" in notes["potential_median"][0]


def test_a_method_is_told_with_its_formula(page: str) -> None:
    block = page.split('data-theme="potential_attainable"')[1].split("</div>")[0]
    assert '<pre lang="en" tabindex="0">' in block
    assert "potential = deficit / years" in block
    assert method_of("no_such_layer") == ("", "")


def test_change_at_the_threshold_is_told_and_below_it_is_not(edition: Edition) -> None:
    rate = np.float32([[-0.05, -0.0499, 0, 0.0499, 0.05, np.nan, 3, -3]])
    layer = edition.rasters["modelled_change"][:1, :8].copy(data=rate)
    theme = next(t for t in themes.THEMES if t.key == "modelled_change")
    cut = theme.cut(edition, layer, "en")
    assert cut.codes.tolist() == [[4, 5, 5, 5, 6, 0, 9, 1]]
    assert cut.labels[4] == "no detectable change"
    assert cut.labels[0] == "loss 0.5 and more"
    assert len(cut.colours) == len(cut.labels) == 9


def test_clusters_leave_cells_outside_the_graph_bare(edition: Edition) -> None:
    theme = next(t for t in themes.THEMES if t.key == "cluster_potential")
    cut = theme.cut(edition, edition.rasters["cluster_potential"], "en")
    outside = np.isnan(edition.rasters["cluster_potential_z"].values)
    assert outside.any()
    assert (cut.codes[outside] == 0).all()
    assert (cut.codes[~outside] > 0).all()


# Machado et al. (2009), severity 1.0, on linear RGB.
BLIND = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def seen(colour: str, eye: str) -> np.ndarray:
    """Return CIE Lab (D65) of a colour as an eye sees it."""
    srgb = np.array(palettes.rgb(colour)) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    if eye != "trichromacy":
        linear = np.clip(np.array(BLIND[eye]) @ linear, 0, 1)
    to_xyz = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
    x, y, z = np.array(to_xyz) @ linear / [0.95047, 1.0, 1.08883]
    f = [np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eye", ["trichromacy", *BLIND])
@pytest.mark.parametrize(
    "colours",
    [
        [*list(palettes.HOTSPOT.values())[:5], palettes.HOTSPOT["excluded"]],
        [
            *palettes.PALE.values(),
            *list(palettes.HOTSPOT.values())[:5],
            palettes.HOTSPOT["excluded"],
            palettes.LAND,
        ],
        [*palettes.RESPONSE.values(), palettes.LAND],
        [*palettes.EVIDENCE.values(), palettes.LAND],
        [*palettes.DEGRADATION.values(), palettes.LAND],
        [*palettes.LOSS_COMPONENT.values(), palettes.LAND],
        [*palettes.STABILITY, palettes.LAND],
        list(palettes.CLUSTER_GAIN.values()),
        list(palettes.CLUSTER_LOSS.values()),
        [*palettes.LOSS_SIDE[::-1], palettes.NO_CHANGE, *palettes.GAIN_SIDE],
        [
            palettes.LAND,
            palettes.HOTSPOT["insufficient_evidence"],
            palettes.HOTSPOT["excluded"],
            palettes.SEA,
        ],
        list(palettes.GAIN),
        [palettes.SURPLUS, *palettes.DEFICIT],
    ],
    ids=[
        "hotspots",
        "stable and not",
        "response",
        "evidence",
        "degradation",
        "component",
        "stability",
        "cluster gain",
        "cluster loss",
        "change",
        "greys",
        "potential",
        "deficit",
    ],
)
def test_colours_are_told_apart_by_every_eye(colours: list[str], eye: str) -> None:
    """A CIE76 difference below some 5 is hard to see side by side; classes keep 8 at least."""
    lab = [seen(c, eye) for c in colours]
    nearest = min(float(np.linalg.norm(a - b)) for i, a in enumerate(lab) for b in lab[i + 1 :])
    assert nearest >= 8


def test_an_edition_from_disk_gives_the_same_map(edition: Edition, tmp_path: Path) -> None:
    again = hs.open_edition(edition.save(tmp_path / "edition"))
    pages = [hs.explore(e).get_root().render() for e in (edition, again)]
    first, second = (re.sub(r"[0-9a-f]{32}", "#", page) for page in pages)
    assert first == second
