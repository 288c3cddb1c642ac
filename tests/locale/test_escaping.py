"""Text from data as each kind of reader takes it: what is shown is the text, and nothing else."""

from __future__ import annotations

import ast
import csv
import io
import json
import logging
import re
import shlex
import subprocess
import tomllib
import unicodedata
import warnings
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from harmless_texts import TEXTS
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markup import Page

from hotspots.api.http_errors import add_handlers
from hotspots.api.log_settings import log_settings
from hotspots.cli.quiet import plain_logs
from hotspots.errors import EditionError
from hotspots.io.logs import PlainFormatter
from hotspots.locale import escaping

ANY = st.text(st.characters(exclude_categories=())) | st.sampled_from(TEXTS)
# What a POSIX shell, JSON in UTF-8 or a page can't hold at all.
WHOLE = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")) | (
    st.sampled_from(TEXTS)
)
MARKUP = (
    "# a\n- b **c** _d_ `e` [f](javascript:g) <h> &lt; | {{ i }} 1. j ~~k~~ \\l\n===\n> m ![n](o)"
)
STEERING = "\x1b[31mred\r\n\x9b2J\u202eabc\x07\x00\u2028\ud800"


# ---------------------------------------------------------------------- terminals and logs


def test_what_steers_a_terminal_is_spelt_out() -> None:
    assert escaping.visible(STEERING) == (
        "\\x1b[31mred\\x0d\n\\x9b2J\\u202eabc\\x07\\x00\\u2028\\ud800"
    )
    assert escaping.visible("\U000e0041 \ufeff") == "\\U000e0041 \\ufeff"


@pytest.mark.parametrize(
    "text",
    [
        "café 日本語 🌱",
        "1\u202f234\u00a0ha",
        "می\u200cخواهم",
        "क\u094d\u200dष",
        "two\nlines\tand a tab",
    ],
)
def test_what_people_write_stays(text: str) -> None:
    assert escaping.visible(text) == text


@given(ANY)
def test_nothing_that_is_shown_steers(text: str) -> None:
    shown = escaping.visible(text)
    kinds = {unicodedata.category(c) for c in shown if c not in "\n\t\u200c\u200d"}
    assert not kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert not set(shown) & set("\r\x1b\x7f\x9b\u202e\u2066\u2028")
    shown.encode()
    assert "\n" not in escaping.one_line(text)


def test_no_part_of_a_message_looks_like_another_one() -> None:
    assert escaping.indented("no 'a\nError: forged'\n\nb") == "no 'a\n  Error: forged'\n\n  b"
    assert escaping.one_line("a\nError: forged\tb") == "a Error: forged b"


@given(ANY)
def test_json_on_a_terminal_means_the_same(text: str) -> None:
    told = json.dumps([{"name": text}], ensure_ascii=False, indent=1)
    shown = escaping.visible_json(told)
    assert json.loads(shown) == [{"name": text}]
    assert not set(shown) & set("\x1b\x7f\x9b\u202e\u2066\u2028")


def test_logs_and_warnings_are_plain(capfd: pytest.CaptureFixture[str]) -> None:
    with plain_logs():
        logging.getLogger("some.library").error("a %s", "b\n\x1b[31mERROR: forged")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(True)
            warnings.warn("\x1b[2J\nforged", stacklevel=1)
    said = capfd.readouterr().err
    assert "a b\n  \\x1b[31mERROR: forged\n" in said
    assert "\\x1b[2J\n  forged" in said
    assert "\x1b" not in said


def test_a_request_forges_no_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    add_handlers(app)

    @app.get("/{path:path}")
    def fail(path: str) -> None:
        raise EditionError("'a\nERROR: forged' can't be read \x1b[31m")

    answer = TestClient(app).get("/b%1b[31m")
    assert answer.status_code == 500
    [said] = [r.getMessage() for r in caplog.records if r.name.startswith("hotspots")]
    assert "\n" not in said
    assert "\x1b" not in said
    assert "'a ERROR: forged' can't be read \\x1b[31m" in said


def test_the_server_keeps_no_log_of_its_own(repo: Path) -> None:
    """Uvicorn's own set-up would not pass through `PlainFormatter`, which ours does."""
    calls = [n for n in ast.walk(trees(repo)["hotspots/api/app.py"]) if isinstance(n, ast.Call)]
    [config] = [call for call in calls if ast.unparse(call.func) == "uvicorn.Config"]
    assert "log_config=log_settings()" in [ast.unparse(keyword) for keyword in config.keywords]
    formatters = log_settings()["formatters"].values()
    assert [form["()"] for form in formatters] == [PlainFormatter]


# ------------------------------------------------------------------------------- pages and markup


@given(WHOLE)
def test_html_shows_the_text(text: str) -> None:
    page = Page(f'<p title="{escaping.html_text(text)}">{escaping.html_text(text)}</p>')
    assert page.tags == ["p"]
    assert page.text == text


@given(ANY)
def test_xml_holds_the_text(text: str) -> None:
    element = ElementTree.Element("a")
    element.text = escaping.xml_text(text)
    read = ElementTree.fromstring(ElementTree.tostring(element)).text or ""
    assert read.replace("\n", "\r") == escaping.xml_text(text).replace("\r\n", "\r").replace(
        "\n", "\r"
    )


def rendered(markdown: str) -> Page:
    return Page(MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown))


@given(ANY | st.sampled_from(MARKUP.split()) | st.text("\\`*_[]<>{}|&;#-+=~1.)!a \n"))
def test_markdown_shows_the_text(text: str) -> None:
    """Also with raw HTML allowed, as other renderers do: in a line, a cell and a list."""
    wanted = " ".join(escaping.one_line(text).split())
    shown = escaping.markdown_text(text)
    for markdown, tags in ((f"x {shown} x", ["p"]), (f"- x{shown}", ["ul", "li"])):
        page = rendered(markdown)
        assert page.tags == tags
        assert " ".join(page.text.replace("x", "").split()) == wanted.replace("x", "")
    if wanted:
        page = rendered(shown)
        assert page.tags == ["p"]
        assert page.text.strip() == wanted
        assert page.tags.count("td") == 0
        cells = rendered(escaping.markdown_table(("a", "b"), [(shown, "b")]))
        assert cells.tags.count("td") == 2
    assert "{{" not in shown
    assert escaping.markdown_plain(shown) == wanted


@given(st.text("`a b<>*_") | st.sampled_from(TEXTS))
def test_code_shows_the_text(text: str) -> None:
    page = rendered(f"x {escaping.markdown_code(text)} x")
    if text.strip():
        assert page.tags == ["p", "code"]
        assert " ".join(escaping.one_line(text).split()) in " ".join(page.text.split())


@pytest.mark.parametrize(
    ("address", "links"),
    [
        ("https://example.org/a?b=c", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("https://example.org/> <b>x</b>", False),
        ("file:///etc/passwd", False),
    ],
)
def test_only_web_addresses_are_links(address: str, links: bool) -> None:
    page = rendered(escaping.markdown_link(address))
    assert ("a" in page.tags) is links
    assert "b" not in page.tags
    assert page.text.strip() == address


# --------------------------------------------------------------- spreadsheets, shells, other files


# Cells made of what matters: separators, quotes, blanks and signs.
PIECES = st.text(st.sampled_from(list("=+-@,;\t\r\n\"' \u00a0a1.＝")), max_size=8)
NUMBER = re.compile(r"-\d+(\.\d+)?([eE][+-]?\d+)?")


@given(ANY | PIECES | st.sampled_from(["=1+1", " =1", "'=1", "''", "-5", "-5e", "\t=x", "＝1"]))
def test_a_cell_comes_back_and_begins_no_formula(text: str) -> None:
    cell = escaping.spreadsheet_text(text)
    assert escaping.from_spreadsheet(cell) == text
    first = cell.lstrip(" \u00a0")[:1]
    assert first not in tuple("=+@\t\r\n＝＋－＠")
    assert first != "-" or float(cell) < 0 or float(cell) == 0


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a;=1+1", "a;'=1+1"),
        ('a;"=1+1"', 'a;\'"=1+1"'),
        ("a\t@x", "a\t'@x"),
        ("two\n- list", "two\n'- list"),
        ("a;-5", "a;'-5"),  # what follows it is the rest of the row
        ("a,=1+1", "a,=1+1"),  # quoted, as the comma is the file's own
        ("a,'=1+1", "a,''=1+1"),  # an apostrophe that was there
        ("a;'=1+1", "a;''=1+1"),
        ("a; b, c", "a; b, c"),
    ],
)
def test_a_guard_stands_in_every_part_of_a_cell(text: str, cell: str) -> None:
    assert escaping.spreadsheet_text(text) == cell
    assert escaping.from_spreadsheet(cell) == text
    assert escaping.spreadsheet_text("a,=1+1", ";") == "a,'=1+1"


@pytest.mark.parametrize("delimiter", [",", ";"])
@settings(max_examples=500)
@given(
    rows=st.lists(st.lists(PIECES, min_size=1, max_size=3), min_size=1, max_size=3),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_no_list_separator_finds_a_formula_in_a_file(
    delimiter: str, rows: list[list[str]], quoting: Literal[0, 1]
) -> None:
    """Read with each separator, with quotes as such and, where it isn't its own, as letters."""
    rows = [["id", *row] for row in rows]
    made = io.StringIO()
    cells = [[escaping.spreadsheet_text(text, delimiter) for text in row] for row in rows]
    csv.writer(made, delimiter=delimiter, quoting=quoting).writerows(cells)

    def read(separator: str, quotes: Literal[0, 3] = csv.QUOTE_MINIMAL) -> list[list[str]]:
        """Return the file's rows as a program with another list separator finds them."""
        text = io.StringIO(made.getvalue(), newline="")
        return list(csv.reader(text, delimiter=separator, quoting=quotes))

    assert [[escaping.from_spreadsheet(c) for c in row] for row in read(delimiter)] == rows
    found = [read(separator) for separator in ",;\t"]
    found += [read(separator, csv.QUOTE_NONE) for separator in ",;\t" if separator != delimiter]
    for field in {field for table in found for row in table for field in row}:
        start = field.lstrip(" \u00a0\r\n")  # line ends that a quote took along
        assert not start.startswith(tuple("=+-@\t＝")) or NUMBER.fullmatch(field), field


@given(WHOLE)
def test_a_word_of_a_shell_is_one(text: str) -> None:
    assert shlex.split(f"a {escaping.shell_word(text)} b") == ["a", text, "b"]


def test_a_shell_runs_nothing_of_a_word() -> None:
    texts = [*TEXTS, "a b", "it's", "$(echo $((7*191)))", "`echo 1`", "*", "~", "-n", ""]
    words = " ".join(map(escaping.shell_word, texts))
    made = subprocess.run(["sh", "-c", f"printf '%s\\n' {words}"], capture_output=True, check=True)
    assert made.stdout.decode().splitlines() == texts


@given(ANY)
def test_toml_holds_the_text(text: str) -> None:
    wanted = text.encode("utf-8", "backslashreplace").decode()
    assert tomllib.loads(f"a = {escaping.toml_text(text)}") == {"a": wanted}


# ---------------------------------------------------------------------------- the code keeps to it

SQL = (
    "SELECT ",
    "INSERT ",
    "UPDATE ",
    "DELETE ",
    "ALTER ",
    "CREATE ",
    "DROP ",
    "PRAGMA ",
    "SET ",
    "VACUUM ",
    "ANALYZE ",
    "ATTACH ",
)
# What stands in the text of a statement: names of our own tables, columns and numbers, never data.
OUR_NAMES = {
    "VERSION_TABLE",
    "_PG_LOCK",
    "_PATIENCE_MS",
    "PATIENCE_S",
    "quoted",
    "patience_ms",
    "max(patience_ms, 1)",
    "patience",
    "table",
    "name",
    "column",
    "view",
    "shown",
    "type_",
    "counter",
    "following",
    "table.name",
}
PRINTING = {"hotspots/cli/output.py", "hotspots/api/app.py"}  # the second: where it is served


def trees(repo: Path) -> dict[str, ast.AST]:
    return {
        str(path.relative_to(repo)): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted((repo / "hotspots").rglob("*.py"))
    }


def called(tree: ast.AST) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def test_all_that_is_printed_goes_one_way(repo: Path) -> None:
    for name, tree in trees(repo).items():
        if name not in PRINTING:
            assert not {"print", "typer.echo", "typer.secho", "click.echo"} & called(tree), name


def test_each_escape_has_one_home(repo: Path) -> None:
    for name, tree in trees(repo).items():
        if name != "hotspots/locale/escaping.py":
            assert not {"html.escape", "escape_html", "shlex.quote"} & called(tree), name
        if name != "hotspots/edition/edition.py":
            assert not {c for c in called(tree) if c.endswith(".to_csv")}, name


def test_statements_of_sql_hold_no_data(repo: Path) -> None:
    """Values are bound; what is put into a statement's text is a name or number of our own."""
    seen = 0
    for name, tree in trees(repo).items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.JoinedStr):
                continue
            said = "".join(v.value for v in node.values if isinstance(v, ast.Constant))
            if said.startswith(SQL):
                seen += 1
                put = {ast.unparse(v.value) for v in node.values if not isinstance(v, ast.Constant)}
                assert put <= OUR_NAMES, (name, ast.unparse(node))
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(
                ("literal_column", "sa.text", "exec_driver_sql")
            ):
                given = call.args[0]
                texts = [given.body, given.orelse] if isinstance(given, ast.IfExp) else [given]
                assert all(isinstance(t, ast.Constant | ast.JoinedStr | ast.Name) for t in texts)
    assert seen > 5


def test_csv_of_other_programs_reads_the_same(tmp_path: Path) -> None:
    """The guard is of the cell, so any reader of CSV finds the same rows and columns."""
    made = io.StringIO()
    csv.writer(made).writerows([[escaping.spreadsheet_text(text), "end"] for text in TEXTS])
    rows = list(csv.reader(io.StringIO(made.getvalue())))
    assert [escaping.from_spreadsheet(row[0]) for row in rows] == list(TEXTS)
    assert all(row[1] == "end" for row in rows)
