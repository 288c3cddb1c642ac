"""Texts of rasters, files, sources, regions and recipes in every output that isn't the map."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from harmless_texts import RESULT, TEXTS
from markdown_it import MarkdownIt
from markup import Page
from test_sources import MINE

import hotspots as hs
from hotspots.cli.output import progress_bar
from hotspots.edition.inputs import clip
from hotspots.edition.methods import cards
from hotspots.edition.recipe import Recipe, _toml_value
from hotspots.errors import RasterError
from hotspots.ingest import open_layers
from hotspots.ingest.quality.report_page import page
from hotspots.ingest.regrid.source_raster import SourceRaster, open_grid
from hotspots.ingest.sources.cards import card, markdown
from hotspots.ingest.user_layers import add_own
from hotspots.layers.variables import how_to_set
from hotspots.locale.escaping import from_spreadsheet, one_line, visible
from hotspots.reports.summary import summary_lines
from hotspots.store import Store

Run = Callable[..., tuple[int, str, str]]
STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
NAMES = [text for text in TEXTS if "/" not in text]  # a file's name may hold all else
FRAME = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "h1",
    "h2",
    "p",
    "section",
    "table",
    "tr",
    "th",
    "td",
    "ul",
    "li",
    "figure",
    "img",
    "figcaption",
    "svg",
    "rect",
    "text",
    "span",
}


def tif(path: Path, text: str, crs: str | None = "EPSG:4326") -> Path:
    """Write a small layer of which all that is told is `text`."""
    values = np.full((4, 4), 50, dtype="float32") + np.arange(4, dtype="float32")
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=1,
        height=4,
        width=4,
        dtype="float32",
        crs=crs,
        transform=Affine(0.5, 0, 36, 0, -0.5, 1),
        nodata=-9999,
    ) as file:
        file.write(values, 1)
        file.set_band_description(1, "soc_stock")
        file.units = ("t ha-1",)
        tags = ("title", "source", "licence", "citation", "long_name", "history", "doi")
        file.update_tags(**dict.fromkeys(tags, text), TIFFTAG_SOFTWARE=text.replace("\x1b", ""))
        file.update_tags(1, **dict.fromkeys(tags, text))
    return path


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, Any]]]:
    """A store for each text, with a layer of which all that one may say is that text."""
    made = {}
    for text in TEXTS:
        folder = tmp_path_factory.mktemp("store")
        name = f"{text}.tif" if text in NAMES else "a.tif"
        told = add_own(
            Store(str(folder / "store")),
            str(tif(folder / name, text)),
            variable="soc_stock",
            depth="0-30",
            unit="t ha-1",
            source=text,
            citation=text,
            licence=text,
        )
        made[text] = (folder / "store", told)
    return made


def report_of(stores: dict[str, tuple[Path, dict[str, Any]]], text: str) -> Path:
    folder, told = stores[text]
    return folder / told["report"]


# ------------------------------------------------------------------------------- the quality report


@pytest.mark.parametrize("text", TEXTS)
def test_a_quality_report_shows_the_text(stores: Any, text: str) -> None:
    html = report_of(stores, text).read_text(encoding="utf-8")
    shown = Page(html)
    assert set(shown.tags) <= FRAME
    assert text in shown.text or text not in NAMES
    assert RESULT not in shown.text


def test_every_text_of_a_report_is_escaped(stores: Any) -> None:
    """Whatever text a report holds, now or later, and wherever in it: it is shown."""
    folder, told = stores["=1+1"]
    given = json.loads((folder / told["report"].replace(".html", ".json")).read_text("utf-8"))

    def put(part: Any, text: str) -> Any:
        """Return a part of the report with `text` for each of its texts that isn't an address."""
        if isinstance(part, dict):
            kept = {"levels", "coverage_of"}
            return {k: v if k in kept else put(v, text) for k, v in part.items()}
        if isinstance(part, list):
            return [put(v, text) for v in part]
        return text if isinstance(part, str) else part

    for text in TEXTS:
        shown = Page(page(put(given, text)))
        assert set(shown.tags) <= FRAME
        assert text in shown.text


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=chromium_path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield opened
        opened.close()


def test_a_browser_runs_and_makes_nothing_of_it(stores: Any, browser: Any) -> None:
    opened = browser.new_page()
    said: list[str] = []
    opened.on("request", lambda r: said.append(r.url))
    opened.on("dialog", lambda d: (said.append(d.message), d.dismiss()))
    opened.on("pageerror", lambda e: said.append(str(e)))
    opened.on("console", lambda m: said.append(m.text))
    for text in TEXTS:
        opened.goto(report_of(stores, text).as_uri())
        tags = opened.evaluate("[...document.querySelectorAll('*')].map(e => e.localName)")
        assert set(tags) <= FRAME | {"tbody"}
        shown = opened.evaluate("document.documentElement.textContent")
        assert text in shown or text not in NAMES
        assert RESULT not in shown
    opened.close()
    assert [s for s in said if not s.startswith(("file:", "data:"))] == []


# ------------------------------------------------------------------------------- a store's files


@pytest.mark.parametrize("text", TEXTS)
def test_the_item_of_a_layer_holds_the_text(stores: Any, text: str) -> None:
    folder, _ = stores[text]
    items = [json.loads(p.read_text("utf-8")) for p in folder.rglob("*.json")]

    def texts(part: Any) -> Iterator[str]:
        if isinstance(part, dict | list):
            for inner in part.values() if isinstance(part, dict) else part:
                yield from texts(inner)
        elif isinstance(part, str):
            yield part

    assert text in set(texts(items))
    assert RESULT not in json.dumps(items)


@pytest.mark.parametrize("text", TEXTS)
def test_commands_on_a_store_are_not_steered(run: Run, stores: Any, text: str) -> None:
    folder, _ = stores[text]
    code, out, err = run("layers", "--store", folder)
    assert code == 0
    assert visible(text) in out
    assert not STEERING.search(out + err)
    code, out, err = run("layers", "--store", folder, "--json")
    assert json.loads(out)[0]["licence"] == text
    assert not STEERING.search(out + err)


@pytest.mark.parametrize("name", [*NAMES, "a\nError: forged", "$(touch made) it's"])
def test_names_of_files_steer_nothing(run: Run, tmp_path: Path, name: str) -> None:
    missing = tmp_path / f"{name}.tif"
    for words in (
        ("add-layer", missing, "--store", tmp_path / "s", "--as", "clay"),
        ("analyze", "--data", missing, "--out", tmp_path / "o"),
        ("recipe", "check", tmp_path / f"{name}.toml"),
        ("map", tmp_path / name),
        ("layers", "--store", missing),
        ("registry", "list", "--registry", tmp_path / f"{name}.sqlite"),
    ):
        code, out, err = run(*words)
        assert not STEERING.search(out + err), words
        assert len([line for line in err.splitlines() if line.startswith("Error")]) == (code == 2)
        assert code == 2 or words[0] == "layers", (words, err)
    command = err.partition("makes one: ")[2].partition(" (a file")[0]
    assert "\n" in name or str(tmp_path / f"{name}.sqlite") == (
        shlex.split(command)[-1] if name.isprintable() else str(tmp_path / f"{name}.sqlite")
    )


# ------------------------------------------------------------------------------- cards


@pytest.fixture
def own_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make a source of one's own, of which every free text is a given one."""
    monkeypatch.setenv("HOTSPOTS_SOURCES", str(tmp_path))

    def make(text: str) -> None:
        told = json.dumps(text)
        made = re.sub(r'(?m)^(title|publisher|about|citation) = ".*"$', r"\1 = {}", MINE)
        lines = [line.replace("{}", told) for line in made.splitlines()]
        lines.insert(0, f"version = {told}\nlicence_note = {told}\ndoubts = [{told}]")
        (tmp_path / "mine.toml").write_text("\n".join(lines), encoding="utf-8")

    return make


@pytest.mark.parametrize("text", TEXTS)
def test_a_source_card_shows_the_text(
    run: Run, own_source: Callable[[str], None], text: str
) -> None:
    own_source(text)
    wanted = " ".join(one_line(text).split())
    for made in (card("mine"), markdown()):
        shown = Page(MarkdownIt("commonmark", {"html": True}).enable("table").render(made))
        assert "b" not in shown.tags
        assert shown.text.count(wanted) >= 6
    for words in (("sources", "show", "mine"), ("sources",), ("sources", "--json")):
        code, out, err = run(*words)
        assert code == 0
        assert not STEERING.search(out + err)
        assert RESULT not in out
        if "--json" in words:
            assert text in {row["title"] for row in json.loads(out)}
        else:
            assert wanted in out


def test_method_cards_are_pages_of_known_tags() -> None:
    """Nothing of data is in them; HTML isn't obeyed all the same."""
    for key in cards.card_ids():
        shown = Page(
            MarkdownIt("commonmark", {"html": True}).enable("table").render(cards.card(key))
        )
        assert set(shown.tags) <= {
            "h1",
            "h2",
            "p",
            "ul",
            "li",
            "a",
            "code",
            "pre",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "em",
            "strong",
        }


# ------------------------------------------------------------------------------- editions


@pytest.fixture(scope="module")
def edition(tmp_path_factory: pytest.TempPathFactory) -> tuple[hs.Edition, Path]:
    """An edition of layers and regions of which all that is told is texts; saved."""
    folder = tmp_path_factory.mktemp("edition")
    data = clip(hs.sample(), hs.region("RWA"))
    for name in data.data_vars:
        data[name].attrs |= {"citation": "\n".join(TEXTS), "source": TEXTS[6], "licence": TEXTS[7]}
    boxes = [[29 + 0.1 * n, -2.9, 29.1 + 0.1 * n, -1.1] for n in range(len(TEXTS))]
    features = [
        {
            "type": "Feature",
            "properties": {"id": f"r{n}", "name": text},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[w, s], [e, s], [e, t], [w, t], [w, s]]],
            },
        }
        for n, (text, (w, s, e, t)) in enumerate(zip(TEXTS, boxes, strict=True))
    ]
    path = folder / "regions.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    made = hs.analyze(data, regions=str(path))
    made.save(folder / "edition")
    return made, folder / "edition"


def test_tables_of_an_edition_begin_no_formula(edition: tuple[hs.Edition, Path]) -> None:
    _, folder = edition
    with (folder / "regions.csv").open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    names = {row["name_en"] for row in rows}
    assert "'=1+1" in names
    assert set(TEXTS) <= {from_spreadsheet(name) for name in names}
    for table in ("regions.csv", "land_use.csv", "codebook.csv"):
        with (folder / table).open(encoding="utf-8", newline="") as opened:
            cells = [cell for row in csv.reader(opened) for cell in row]
        assert not [c for c in cells if c.startswith(("=", "+", "@"))]
        assert RESULT not in {from_spreadsheet(cell) for cell in cells}


def test_an_edition_is_read_back_with_its_texts(edition: tuple[hs.Edition, Path]) -> None:
    made, folder = edition
    again = hs.open_edition(folder)
    assert set(TEXTS) <= set(again.table["name_en"])
    assert again.manifest["inputs"] == made.manifest["inputs"]


def test_licences_and_summary_steer_nothing(edition: tuple[hs.Edition, Path]) -> None:
    made, folder = edition
    for text in ((folder / "LICENCES.txt").read_text("utf-8"), "\n".join(summary_lines(made))):
        assert not STEERING.search(text.replace("\n", ""))
    assert visible(TEXTS[6]) in (folder / "LICENCES.txt").read_text("utf-8")


def test_commands_on_an_edition_are_not_steered(run: Run, edition: tuple[hs.Edition, Path]) -> None:
    _, folder = edition
    for words in (("editions", folder.parent), ("editions", folder.parent, "--json")):
        code, out, err = run(*words)
        assert code == 0
        assert not STEERING.search(out + err)


def test_a_notebook_shows_an_edition(edition: tuple[hs.Edition, Path]) -> None:
    made, _ = edition
    for shown in (
        Page(made.table._repr_html_()),
        Page(made.hotspots._repr_html_()),
        Page(made.rasters._repr_html_()),
    ):
        assert not {"script", "b"} & set(shown.tags)
        assert RESULT not in shown.text


@pytest.mark.parametrize("text", [*TEXTS, '"\n[methods]\nskip = ["x"]', "\x7f\\", "'''"])
def test_a_recipe_holds_the_text(run: Run, tmp_path: Path, text: str) -> None:
    """A row of one's own factors may bear any text; as TOML it is that text again."""
    row = {
        "system": "cropland",
        "factor": "land_use",
        "level": text,
        "climate_zone": text,
        "value": 1.0,
        "source": text,
    }
    assert tomllib.loads(f"a = {_toml_value((row,))}") == {"a": [row]}
    path = tmp_path / "r.toml"
    path.write_text(f"[potential]\nguidelines = {_toml_value(text)}\n", encoding="utf-8")
    code, out, err = run("recipe", "check", path)
    assert code == 2
    assert not STEERING.search(out + err)
    assert len([line for line in err.splitlines() if not line.startswith("  ")]) == 1
    with pytest.raises(hs.errors.RecipeError):
        Recipe.from_file(path)


# ------------------------------------------------------------------------------- suggested commands


def test_commands_that_messages_suggest_are_quoted(tmp_path: Path) -> None:
    """A value or a path in them is one word of a shell, whatever it holds."""
    text = "$(touch made) it's"
    folder = tmp_path / text
    folder.mkdir()
    with pytest.raises(RasterError) as empty:
        Store(str(folder)).open()
    with pytest.raises(RasterError) as no_depths:
        Store(str(folder)).profile("clay")
    (folder / "catalog.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RasterError) as store:
        open_layers(folder)
    for caught in (empty, no_depths, store):
        assert shlex.split(str(caught.value).rpartition("--store")[2]) == [str(folder)]
    tif(tmp_path / f"{text}.tif", text, crs=None)
    with pytest.raises(RasterError) as no_crs:
        open_grid(SourceRaster(str(tmp_path / f"{text}.tif"), unit="t ha-1"))
    command = str(no_crs.value).partition("rio edit-info")[2].partition(" (GeoTIFF)")[0]
    assert shlex.split(command)[-1] == str(tmp_path / f"{text}.tif")
    for key in ("units", "guidelines"):
        told = how_to_set("soc_stock", key, text)
        rio, ncatted = told.partition("rio ")[2], told.partition("ncatted ")[2]
        assert text in shlex.split(rio.partition(" FILE")[0])[-1]
        assert shlex.split(ncatted.partition(" FILE")[0])[-1] == f"{key},soc_stock,o,c,{text}"


def test_a_progress_bar_shows_markup_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            """Say that it is one."""
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with progress_bar("[red]x[/red]\x1b[2J") as bar:
        assert bar is not None
        bar(1, 2)
    assert "[red]x[/red]\\x1b[2J" in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue())
