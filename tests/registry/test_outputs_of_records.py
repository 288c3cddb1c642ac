"""Texts of records in every output: shown as they are, obeyed by nobody.

Made from the table of fields, so that a new field is covered without a new test.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import openpyxl
import pandas as pd
import pyogrio
import pytest
import sqlalchemy as sa
from harmless_texts import RESULT, TEXTS
from markup import Page

from hotspots.io import clock
from hotspots.locale import LANGUAGES
from hotspots.locale.escaping import from_spreadsheet, visible, xml_text
from hotspots.registry import open_registry
from hotspots.registry.adapters import Adapter, adapters
from hotspots.registry.database import tables
from hotspots.registry.database.changes import Change, add_to_journal, apply
from hotspots.registry.formats.read import read_file
from hotspots.registry.formats.relation_graph import write_graph
from hotspots.registry.formats.templates import write_template
from hotspots.registry.formats.write import write_file
from hotspots.registry.permissions import LOCAL
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import TYPES, Field, fields
from hotspots.registry.schema.vocabulary import vocabulary

Run = Callable[..., tuple[int, str, str]]
FREE = {"text", "texts"}  # kinds that take any text
STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# A sound cell of each other kind.
SOUND = {
    "country": "KEN",
    "regions": "KEN",
    "number": "1",
    "whole": "2020",
    "area": "",
    "date": "2020",
    "day": "2020-01-01",
    "moment": "2020-01-01T00:00:00Z",
    "language": "en",
    "languages": "en",
    "url": "https://example.org/",
    "doi": "10.1234/x",
    "ror": "https://ror.org/04cvxnb49",
    "email": "name@example.org",
    "phone": "+254 20 000 0000",
    "relations": "",
    "id": "",
}


def sound(field: Field) -> str:
    return SOUND[field.kind] if field.kind in SOUND else next(iter(vocabulary()[field.vocabulary]))


def taken(field: Field, text: str) -> str:
    """Return a cell with as much of a text as the field takes; "" if it takes nothing of it."""
    bare = "".join(text.split())
    for cell in (text, f"10.1234/{bare}", f"https://example.org/?{bare}"):
        try:
            return cell if values.read(field, cell) else ""
        except ValueError:
            continue
    return ""


def record(type_: str, text: str, *, at: int = 0) -> dict[str, Any]:
    """Return a record of a type whose every free text is `text`, as no import would make some."""
    own = [field for field in fields().values() if type_ in field.types]
    made: dict[str, Any] = {}
    for field in own:
        if field.kind in FREE:
            made[field.name] = (text,) if field.is_list else text
        elif cell := (taken(field, text) or sound(field)):
            made[field.name] = values.read(field, cell)
    number = TYPES.index(type_) * 100 + at
    return {name: made[name] for name in fields() if name in made} | {
        "id": f"r-{number}",
        "type": type_,
        "version": 1,
        "latitude": 1.0,
        "longitude": 36.0,
    }


RECORDS = [record(type_, text, at=at) for type_ in TYPES for at, text in enumerate(TEXTS)]


def free(of: Mapping[str, Any]) -> list[str]:
    return [name for name, field in fields().items() if field.kind in FREE and name in of]


def test_every_type_has_free_texts() -> None:
    assert all(len(free(of)) >= 8 for of in RECORDS)


# ------------------------------------------------------------------------------- files


def test_csv_has_them_literally_behind_a_guard(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_file(path, RECORDS, columns=list(fields()))
    with path.open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))
    for given, row in zip(RECORDS, rows, strict=True):
        for name in free(given):
            assert row[name][0] not in "=+-@\t\r"
            assert from_spreadsheet(row[name]) == values.write(given[name])
    assert RESULT not in path.read_text(encoding="utf-8-sig")


@pytest.mark.parametrize("lang", [None, *LANGUAGES])
def test_every_cell_of_xlsx_is_text_or_a_number(tmp_path: Path, lang: str | None) -> None:
    path = tmp_path / "a.xlsx"
    write_file(path, RECORDS, lang=lang, columns=list(fields()))
    book = openpyxl.load_workbook(path)
    heads, *rows = book.worksheets[0].iter_rows()
    at = {name: n for n, name in enumerate(fields())}
    for given, row in zip(RECORDS, rows, strict=True):
        for name in free(given):
            cell = row[at[name]]
            assert cell.data_type == "s"
            assert cell.value.replace("_x001B_", "\x1b") == values.write(given[name])
    for sheet in book.worksheets:
        cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
        assert {cell.data_type for cell in cells} <= {"s", "n"}
        assert not [cell for cell in cells if cell.hyperlink]
    assert not book.defined_names
    assert len(heads) == len(fields())


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_template_holds_no_formula(tmp_path: Path, lang: str) -> None:
    write_template(tmp_path / "a.xlsx", lang=lang)
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    cells = [c for sheet in book.worksheets for row in sheet.iter_rows() for c in row if c.value]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    assert not [cell for cell in cells if cell.hyperlink]


def test_a_spreadsheet_program_shows_them(tmp_path: Path) -> None:
    program = shutil.which("soffice") or shutil.which("libreoffice")
    if program is None:
        pytest.skip("LibreOffice is not on this machine")
    write_file(tmp_path / "a.xlsx", RECORDS, columns=["id", "name"])
    subprocess.run(
        [
            program,
            "--headless",
            f"-env:UserInstallation={(tmp_path / 'home').as_uri()}",
            "--convert-to",
            "csv",
            "--outdir",
            tmp_path / "out",
            tmp_path / "a.xlsx",
        ],
        check=True,
        capture_output=True,
        timeout=300,
    )
    with (tmp_path / "out" / "a.csv").open(encoding="utf-8", newline="") as opened:
        names = [row["name"] for row in csv.DictReader(opened)]
    assert "=1+1" in names
    assert "2" not in names


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "geojson", "gpkg"])
def test_what_is_exported_is_read_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    write_file(path, RECORDS, columns=list(fields()))
    rows = [cells for _, cells in read_file(path).rows]
    assert len(rows) == len(RECORDS)
    for given, cells in zip(RECORDS, rows, strict=True):
        assert {n: cells[n] for n in free(given)} == {
            n: values.write(given[n]) for n in free(given)
        }


def test_geojson_has_them_literally(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    write_file(path, RECORDS, columns=list(fields()))
    told = json.loads(path.read_text(encoding="utf-8"))["features"]
    for given, feature in zip(RECORDS, told, strict=True):
        for name in free(given):
            wanted = list(given[name]) if fields()[name].is_list else given[name]
            assert feature["properties"][name] == wanted
    assert RESULT not in path.read_text(encoding="utf-8")


def test_geopackage_has_them_literally(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    write_file(path, RECORDS, columns=list(fields()))
    frame = pyogrio.read_dataframe(path)
    for given, (_, row) in zip(RECORDS, frame.iterrows(), strict=True):
        assert {n: row[n] for n in free(given)} == {n: values.write(given[n]) for n in free(given)}


def test_a_graph_holds_them(tmp_path: Path) -> None:
    for suffix in ("json", "graphml"):
        write_graph(tmp_path / f"a.{suffix}", RECORDS)
    told = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert [node["name"] for node in told["nodes"]] == [given["name"] for given in RECORDS]
    read = ElementTree.parse(tmp_path / "a.graphml").iter()
    texts = {element.text for element in read if element.tag.endswith("data")}
    assert {xml_text(text) for text in TEXTS} <= texts


# ------------------------------------------------------------------------------- a registry


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry with the records, as somebody made it who passed the checks by."""
    path = tmp_path / "registry.sqlite"
    monkeypatch.setenv("HOTSPOTS_REGISTRY", str(path))
    monkeypatch.chdir(tmp_path)
    opened = open_registry(path, create=True)
    now = clock.now()
    with opened.writing() as connection:
        apply(
            connection,
            [
                Change("created", None, of, text)
                for of, text in zip(RECORDS, TEXTS * len(TYPES), strict=True)
            ],
            LOCAL,
            now,
        )
        for text in TEXTS:
            add_to_journal(connection, LOCAL, now, text, text, text)
            connection.execute(
                sa.insert(tables.survey).values(
                    region=text, level="partial", day=now[:10], by=text, note=text
                )
            )
    return path


def shown(run: Run, *words: str) -> tuple[int, str, str]:
    """Run a command of the registry; what it prints steers no terminal and holds no result."""
    code, out, err = run("registry", *words)
    assert not STEERING.search(out + err), words
    assert RESULT not in out + err, words
    assert code in (0, 2), (words, err)
    return code, out, err


COMMANDS = (
    ("list",),
    ("duplicates", "--top", "99"),
    ("journal", "--limit", "9999"),
    ("survey",),
    ("stale", "--days", "0"),
    ("matrix",),
    ("validate",),
    ("show", "r-0", "--history"),
    ("review",),
    ("token", "list"),
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_is_steered(run: Run, registry: Path, words: tuple[str, ...]) -> None:
    assert "".join(shown(run, *words)[1:]).strip()
    if words != ("review",):
        assert isinstance(json.loads(shown(run, *words, "--json")[1]), dict | list)


def test_a_record_is_shown_literally(run: Run, registry: Path) -> None:
    for given in RECORDS:
        hidden = {name for name in free(given) if fields()[name].group == "contact"}
        code, out, _ = shown(run, "show", given["id"])
        assert code == 0
        for name in set(free(given)) - hidden:
            assert f"{fields()[name].label['en']}: {visible(values.write(given[name]))}\n" in out
        told = json.loads(shown(run, "show", given["id"], "--json")[1])
        assert {
            n: values.write(told[n]) if isinstance(told[n], str) else told[n][0]
            for n in set(free(given)) - hidden
        } == {n: values.write(given[n]) for n in set(free(given)) - hidden}


def test_lists_show_them_literally(run: Run, registry: Path) -> None:
    for words in (("list",), ("journal", "--limit", "9999"), ("survey",)):
        out = shown(run, *words)[1]
        assert all(visible(text) in out for text in TEXTS), words


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.geojson", "a.gpkg"])
def test_a_registry_is_exported_and_looked_at(run: Run, registry: Path, name: str) -> None:
    assert shown(run, "export", name)[0] == 0
    shown(run, "import", name, "--dry-run")
    json.loads(shown(run, "import", name, "--dry-run", "--json")[1])
    json.loads(shown(run, "validate", name, "--json")[1])


def test_a_search_is_for_the_text(registry: Path) -> None:
    """Signs of LIKE and of SQL are letters like others."""
    opened = open_registry(registry)
    for text in ("%", "_", "'", "x' OR '1'='1", "\\", *TEXTS):
        found = {of["name"] for of in opened.find(text=text, limit=1000)}
        assert len(found) < len(TEXTS), text
    assert {of["name"] for of in opened.find(text="7 * 191", limit=1000)} == {
        "{{ 7 * 191 }}",
        "${7*191}",
    }


def test_a_notebook_shows_them(registry: Path) -> None:
    opened = open_registry(registry)
    with pd.option_context(
        "display.max_rows", None, "display.max_columns", None, "display.max_colwidth", None
    ):
        page = Page(opened.records._repr_html_())
        surveys = Page(opened.surveys._repr_html_())
    frame = {"div", "style", "table", "thead", "tr", "th", "tbody", "td", "p"}
    for shown_ in (page, surveys):
        assert set(shown_.tags) <= frame
        assert all(text in shown_.text for text in TEXTS)
        assert RESULT not in shown_.text


# ------------------------------------------------------------------------------- what comes in


@pytest.mark.parametrize("type_", TYPES)
def test_an_import_tells_of_them_plainly(run: Run, tmp_path: Path, type_: str) -> None:
    """Taken or refused: what is told shows the text, on lines of its own making."""
    path, target = tmp_path / "a.csv", ("--registry", str(tmp_path / "r.sqlite"))
    rows = [{n: values.write(v) for n, v in record(type_, text).items()} for text in TEXTS]
    columns = [name for name in fields() if fields()[name].group != "system" and name != "id"]
    with path.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    _, out, _ = shown(run, "import", str(path), "--dry-run", *target)
    told = json.loads(shown(run, "import", str(path), "--dry-run", "--json", *target)[1])
    texts = {name for name in columns if fields()[name].kind in FREE and name in rows[0]}
    for text, row in zip(TEXTS, told, strict=True):
        assert row["name"] == visible(text)
        refused = {problem["column"] for problem in row["problems"] if problem["kind"] == "error"}
        assert texts <= refused if STEERING.search(text) or "<b>" in text else not refused & texts
        assert not [problem for problem in row["problems"] if "\n" in problem["reason"]]
    assert "U+001B" in out
    assert "'<b>'" in out


def test_a_name_forges_no_line(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = "x\nImported into elsewhere: 9 new."
    row = {"type": "practice", "name": lines, "country": lines, "description": lines}
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, list(row))
        writer.writeheader()
        writer.writerow(row)
    _, out, err = shown(run, "import", "a.csv", "--dry-run", "--registry", "r.sqlite")
    assert "error" in out
    _, missing, told = shown(run, "show", "x\nError: forged")
    for line in (out + err + missing + told).splitlines():
        assert not line.startswith(("Imported into", "Error: forged"))


def test_a_suggested_command_is_quoted(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "$(touch made) 'a'.csv"
    code, out, _ = run("registry", "template", path)
    assert code == 0
    command = out.strip().partition("then: ")[2]
    told = subprocess.run(
        ["sh", "-c", command.replace("hotspots", "printf '%s\\n'", 1)],
        capture_output=True,
        cwd=tmp_path,
        check=True,
    )
    assert str(path) in told.stdout.decode().splitlines()
    assert not (tmp_path / "made").exists()


# ------------------------------------------------------------------------------- adapters

WORDS = (
    "Agriculture Forestry and Other Land Use",
    "ALM",
    "Agricultural land management",
    "Improved Forest Management",
    "Afforestation",
    "soil carbon",
    "Land use (AFOLU)",
    "VM0042",
    "Soil Enrichment",
    "Grassland",
    "Other",
)


def kept(table: Adapter) -> dict[str, str]:
    """Return cells by which an adapter keeps a row."""
    nested = {
        f"{column}.{path}": (column, path)
        for column, paths in table.literals.items()
        for path in paths
    }
    for rule in table.keep:
        cells = {}
        for condition in rule.when:
            word = next((w for w in WORDS if re.search(condition.matches, w, re.IGNORECASE)), "")
            column, path = nested.get(condition.column[0], (condition.column[0], ""))
            cells[column] = f"[{{{path!r}: {word!r}}}]" if path else word
        if all(cells.values()):
            return cells
    raise AssertionError(f"no word of WORDS is kept by {table.name}")


@pytest.mark.parametrize("name", sorted(adapters()))
def test_an_export_of_a_public_registry(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Each text stands in every column, and in all but those by which a row is kept."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOTSPOTS_REGISTRY", str(tmp_path / "r.sqlite"))
    table = adapters()[name]
    columns = dict.fromkeys([*table.recognised_by, *table.columns()])
    rows = []
    for at, text in enumerate(TEXTS):
        row = dict.fromkeys(columns, text)
        lists = dict.fromkeys(table.literals, "[]")
        rows += [row | {table.id: f"{at}1"}, row | lists | kept(table) | {table.id: f"{at}2"}]
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, list(columns))
        writer.writeheader()
        writer.writerows(rows)
    for words in (
        ("import", "a.csv", "--dry-run"),
        ("import", "a.csv", "--skip-bad"),
        ("list",),
        ("export", "out.csv"),
        ("export", "out.xlsx"),
        ("journal",),
    ):
        shown(run, *words)
    names = {cells["name"] for _, cells in read_file(tmp_path / "out.csv").rows}
    # Markup and controls are taken out of an export; the rest stays as it is.
    assert {text for text in TEXTS if "<" not in text and text.isprintable()} <= names
