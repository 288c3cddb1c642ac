"""No text from data is ever read as a template, markup, script or address by the map's page.

Each drawing puts one text that looks like code, with a mark of its own, into every place of an
edition and of records that holds a text: the fields of a record come from the table of fields, the
places of an edition from the edition itself, so that a new one is covered without a new test.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import folium
import geopandas as gpd
import pandas as pd
import pytest
from drivers import quick
from harmless_texts import RESULT, TEXTS
from pages import Read, strings
from shapely.geometry import Point

import hotspots as hs
from hotspots.edition.edition import Edition
from hotspots.locale import LANGUAGES
from hotspots.maps import features as layers
from hotspots.maps.embedding import safe_json
from hotspots.maps.policy import script_hashes
from hotspots.registry.schema.fields import TYPES, fields

SAMPLE = Path(__file__).parents[2] / "data" / "registry" / "records.csv"
BOX = (14.0, 46.0, 32.0, 57.0)  # holds hot patches
SAMPLES = (*TEXTS, "javascript:x")
DELIMITERS = ("{{", "{%", "{#", "${")
# What describes a layer's numbers; any other attribute is free text.
OF_NUMBERS = {"units", "flag_values", "flag_meanings", "grid_mapping", "standard_name"}
TAGS = (
    "long_name",
    "source",
    "citation",
    "licence",
    "method",
    "url",
    "year",
    "period",
    "depth_cm",
    "title",
    "comment",
    "history",
    "institution",
    "references",
)
# Where a text must be seen, or the tests would pass on an empty page.
SEEN = {
    "Record summary",
    "Record name",
    "Record place",
    "Record source",
    "Record theme",
    "Record type",
    "Record country",
    "Record start",
    "Record end",
    "Record web",
    "Record verified_on",
    "Record place_precision",
    "Input citation",
    "Input licence",
    "Input depth_cm",
    "Input name",
    "Manifest id",
    "Manifest licence_notices",
    "Units climate_zone",
    "Patch class",
    "Patch climate_zone",
    "Patch countries",
    "Use land_use",
}

IN_ENGLISH = {"Table note"}
# Of these, each text is seen.
EACH = {p for p in SEEN if p.startswith("Record")} | {
    "Input citation",
    "Input licence",
    "Input name",
}


class Marks:
    """Writes texts with a mark that tells where each was put.

    Parameters
    ----------
    texts : sequence of str
        A place that there is once gets all of them, one of many gets one after the other.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.put: set[tuple[str, str]] = set()
        self._next: Counter[str] = Counter()

    def all(self, place: str) -> str:
        """Return all the texts."""
        return self._written(place, " ".join(self.texts))

    def next(self, place: str) -> str:
        """Return the text after the last one of this place."""
        self._next[place] += 1
        return self._written(place, self.texts[self._next[place] % len(self.texts)])

    def _written(self, place: str, text: str) -> str:
        self.put.add((place, text))
        return f"{place} / {text}"


@pytest.fixture(scope="module")
def edition() -> Edition:
    return hs.analyze(hs.load(BOX), quick())


def records(mark: Marks) -> Any:
    """Return records of every type with a text in every field, one for each text."""
    rows = [
        {
            name: mark.next(f"Record {name}")
            for name, field in fields().items()
            if kind in field.types
        }
        for kind in TYPES
        for _ in mark.texts
    ]
    for row in rows[: len(rows) // 2]:  # a name in the reader's language goes before the own one
        for lang in LANGUAGES:
            del row[f"name_{lang}"]
    points = [Point(15 + i / 4, 50) for i in range(len(rows))]
    return SimpleNamespace(records=gpd.GeoDataFrame(rows, geometry=points, crs=4326))


def spoilt(edition: Edition, mark: Marks) -> Edition:
    """Return the edition with a text in every place that holds one."""
    rasters = edition.rasters.copy()
    for name, layer in rasters.data_vars.items():
        free = (set(layer.attrs) | set(TAGS)) - OF_NUMBERS
        rasters[name] = layer.assign_attrs({tag: mark.next(f"Raster {tag}") for tag in free})
    texts = {k: _all(v, mark, f"Manifest {k}") for k, v in edition.manifest.items()}
    known = [*edition.manifest["inputs"], *(mark.next("Input name") for _ in mark.texts)]
    inputs = {name: {tag: mark.next(f"Input {tag}") for tag in TAGS} for name in known}
    return Edition(
        **{
            **vars(edition),
            "rasters": rasters,
            "manifest": texts | {"inputs": inputs},
            "hotspots": _columns(edition.hotspots, mark, "Patch"),
            "units": _columns(edition.units, mark, "Units"),
            "table": _columns(edition.table, mark, "Table", kept=("set", "value_from")),
            "land_use": _columns(edition.land_use, mark, "Use", kept=("id",)),
        }
    )


def _all(value: Any, mark: Marks, place: str) -> Any:
    if isinstance(value, dict):
        return {k: _all(v, mark, place) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [mark.all(place), *(_all(v, mark, place) for v in value)]
    return mark.all(place) if isinstance(value, str) else value


def _columns(frame: Any, mark: Marks, place: str, kept: tuple[str, ...] = ()) -> Any:
    """Return the frame with texts in every column of texts."""
    own = [c for c in frame.columns if pd.api.types.is_string_dtype(frame[c]) and c not in kept]
    return frame.assign(**{c: [mark.next(f"{place} {c}") for _ in range(len(frame))] for c in own})


def drawn(edition: Edition, texts: Sequence[str], lang: str) -> tuple[str, Marks]:
    """Return the page of the edition with the texts everywhere, and where they were put."""
    mark = Marks(texts)
    world = hs.explore(spoilt(edition, mark), records(mark), lang=lang)
    return world.get_root().render(), mark


@pytest.fixture(scope="module")
def pages(edition: Edition) -> dict[str, tuple[str, Marks]]:
    """Return a page, and where its texts are, by language."""
    return {lang: drawn(edition, SAMPLES, lang) for lang in LANGUAGES}


@pytest.fixture(scope="module")
def plain(edition: Edition) -> str:
    """Return the English page with texts of letters only, as long as the others."""
    letters = [chr(ord("a") + i) * len(text) for i, text in enumerate(SAMPLES)]
    return drawn(edition, letters, "en")[0]


def told(page: Read) -> list[str]:
    """Return what a page tells: texts, attributes and data, images left out."""
    found = [*page.texts, *page.values, *strings(page.blocks)]
    return [text for text in found if not text.startswith("data:")]


def shape(page: Read) -> list[tuple[str, list[str]]]:
    """Return the elements of a page with the names of their attributes."""
    return [(tag, sorted(attributes)) for tag, attributes in page.elements]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_text_is_shown_literally(pages: dict[str, tuple[str, Marks]], lang: str) -> None:
    html, mark = pages[lang]
    whole = "\n".join(told(Read(html)))
    expected = SEEN | IN_ENGLISH if lang == "en" else SEEN
    assert {place for place, _ in mark.put} >= expected
    for place in {place for place, _ in mark.put}:
        texts = sorted((t for p, t in mark.put if p == place), key=len, reverse=True)
        # Each mark is followed by one of the texts of its place, unabridged.
        cut = [rest for rest in whole.split(f"{place} / ")[1:] if not rest.startswith(tuple(texts))]
        assert cut == [], place
        if place in expected:
            assert whole.count(f"{place} / ") > 0, place
        if place in EACH:
            assert [t for t in texts if f"{place} / {t}" not in whole] == [], place
    assert RESULT not in whole


def test_no_text_becomes_an_element_or_a_script(
    pages: dict[str, tuple[str, Marks]], plain: str
) -> None:
    page, expected = Read(pages["en"][0]), Read(plain)
    assert shape(page) == shape(expected)
    assert page.scripts == expected.scripts
    assert not [tag for tag, _ in page.elements if tag == "a"]


def test_no_text_leaves_a_template_delimiter_on_the_page(
    pages: dict[str, tuple[str, Marks]], plain: str
) -> None:
    """Whoever puts the page into a template of his own finds no more of them than before."""
    for html, _ in pages.values():
        for sign in (*DELIMITERS, "\x1b", "<b>x"):
            assert html.count(sign) == plain.count(sign), sign


def test_the_scripts_are_the_same_for_every_map(pages: dict[str, tuple[str, Marks]]) -> None:
    """So their hashes are, too: what differs between maps are data."""
    scripts = [Read(html).scripts for html, _ in pages.values()]
    assert scripts[0] == scripts[1] == scripts[2]
    hashes = script_hashes(pages["en"][0])
    assert len(hashes) == len(set(scripts[0])) >= 4
    assert f"script-src {' '.join(hashes)};" in pages["en"][0]


def test_a_text_where_an_address_belongs_is_no_link(edition: Edition) -> None:
    webs = [
        "javascript:x",
        "JavaScript:x",
        " javascript:x",
        "data:text/html,x",
        "vbscript:x",
        *TEXTS,
    ]
    rows = [{"id": f"r{i}", "name": f"r{i}", "web": web} for i, web in enumerate(webs)]
    frame = gpd.GeoDataFrame(rows, geometry=[Point(15, 50)] * len(webs), crs=4326)
    found = layers.records(SimpleNamespace(records=frame), {}, BOX, "en")["points"]
    assert [point["web"] for point in found] == [None] * len(webs)


@pytest.mark.parametrize("text", [*SAMPLES, "{", "{}", 'a{"b', "${}", "}}", "\\{{", "{\n{"])
def test_json_of_a_page_holds_no_delimiter_and_is_read_back(text: str) -> None:
    data = {text: [text, {text: {"a": text}}], "none": {}, "n": [{"x": {}}]}
    written = safe_json(data)
    assert json.loads(written) == data
    assert not [d for d in (*DELIMITERS, "<", ">", "&", "\u2028") if d in written]


def test_a_region_is_named_literally(edition: Edition, tmp_path: Path) -> None:
    """The title is the name of the region, in the reader's language, from the user's own file."""
    names = {"name_en": TEXTS[0], "name_fr": TEXTS[1], "name_es": TEXTS[7]}
    square = {
        "type": "Polygon",
        "coordinates": [[[15, 47], [30, 47], [30, 56], [15, 56], [15, 47]]],
    }
    file = tmp_path / "{{ 7 * 191 }} {# note.geojson"
    feature = {"type": "Feature", "properties": {"id": "own", **names}, "geometry": square}
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    assert set(hs.regions(file)["name_fr"]) == {TEXTS[1]}
    data = hs.load(BOX)
    data.attrs["region"] = "own"
    made = hs.analyze(data, quick(), str(file))
    for lang, name in (("en", TEXTS[0]), ("fr", TEXTS[1]), ("es", TEXTS[7])):
        page = Read(hs.explore(made, lang=lang).get_root().render())
        titles = [t for t in page.texts if t.endswith(f": {name}")]
        assert len(titles) == 2, "the page's title and the panel's"
        assert RESULT not in "".join(page.texts)


# ---------------------------------------------------------------------------------- in notebooks


def test_a_notebook_shows_the_same_page(edition: Edition) -> None:
    mark = Marks(TEXTS)
    world = hs.explore(spoilt(edition, mark), records(mark))
    shown = Read(world._repr_html_())
    [frame] = [a for tag, a in shown.elements if tag == "iframe"]
    assert frame["srcdoc"] == world.get_root().render()
    assert [tag for tag, _ in shown.elements] == ["div", "div", "span", "iframe"]


def test_a_users_own_layer_is_not_read_as_a_template_either(edition: Edition) -> None:
    """Folium itself stops at a text with an unfinished tag of a template, such as ``{% if %}``."""
    texts = [text for text in TEXTS if not text.startswith(("{%", "{#"))]
    features = [
        {
            "type": "Feature",
            "properties": {"name": text},
            "geometry": {"type": "Point", "coordinates": [20, 50]},
        }
        for text in texts
    ]
    world = hs.explore(edition)
    folium.GeoJson({"type": "FeatureCollection", "features": features}).add_to(world)
    script = Read(world.get_root().render()).scripts[-1]
    assert RESULT not in script
    for text in texts:
        written = json.dumps(text)
        for sign in "<>&'":
            written = written.replace(sign, f"\\u{ord(sign):04x}")
        assert written in script
    assert "hotspotsMap(map_hotspots)" in script


# ---------------------------------------------------------------------------- by the command line


def test_the_map_command_draws_what_a_registry_holds(
    edition: Edition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Any
) -> None:
    """From a file of records and an edition in folders of such names to a page."""
    monkeypatch.chdir(tmp_path)
    folder = edition.save(tmp_path / "{{ 7 * 191 }} {% if %}")
    # A registry refuses markup and what can't be printed.
    kept = [text for text in TEXTS if text.isprintable() and "<" not in text]
    sample = pd.read_csv(SAMPLE, dtype=str)
    rows = sample[sample["type"] == "project"].dropna(subset=["latitude"]).head(len(kept)).copy()
    for column in ("name", "summary", "place", "source"):
        rows[column] = [f"{column} {text}" for text in kept]
    rows = rows.drop(columns=[f"name_{lang}" for lang in LANGUAGES])
    rows.to_csv("{# note.csv", index=False)
    registry = f"sqlite:///{tmp_path}/registry.db"
    done = run("registry", "import", "{# note.csv", "--registry", registry)
    assert done[0] == 0, done
    done = run("map", folder, "--registry", registry, "--out", "${7*191}.html")
    assert done[0] == 0, done
    page = Read((tmp_path / "${7*191}.html").read_text(encoding="utf-8"))
    whole = "\n".join(told(page))
    for text in kept:
        for column in ("name", "summary", "place", "source"):
            assert f"{column} {text}" in whole
    assert RESULT not in whole


# -------------------------------------------------------------------------------------- policy


def test_data_need_no_hash_and_any_end_of_line_counts_as_one() -> None:
    block = '<script type="application/json" id="d">{"go()": 1}</script>'
    assert script_hashes(block) == []
    plain = script_hashes("<script>\ngo()\n</script>")
    assert plain == script_hashes(block + "<script type='text/javascript'>\r\ngo()\r\n</script>")
    assert len(plain) == 1
    assert script_hashes("<script type=module>a()</script><script src=x></script>") != []
