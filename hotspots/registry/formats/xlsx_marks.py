"""What an XLSX file says of its cells beside their values, read from its XML.

The library that reads the values gives an error cell as an empty one, a formula as the result that
some program stored, and a date without its format; and it allocates the whole rectangle from the
first cell to the last. So the XML of a sheet is read first. A sheet that holds nothing but plain
cells, as most do, is recognised by patterns; any other is parsed.
"""

from __future__ import annotations

import posixpath
import re
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple
from xml.parsers import expat

from hotspots.errors import RegistryError
from hotspots.io.readers.texts import Deadline
from hotspots.registry.formats.sheet_marks import (
    FORMULA,
    Listed,
    Mark,
    Marks,
    error_mark,
    require_modest,
    shown_precision,
)

WORKBOOK = "xl/workbook.xml"
_ROOT = "_rels/.rels"
_CHUNK = 1 << 20
_PLAIN_CELL = re.compile(
    rb'<c r="([A-Z]{1,3}[1-9][0-9]{0,6})"(?: s="[0-9]+")?(?: t="(?:s|n|str|b|d|inlineStr)")?/?>'
)
# A tag of anything but a row, a plain cell and its value: a formula, a comment, a prefix. Or a
# whole number with more digits than a float has.
_UNUSUAL = re.compile(
    rb"<(?!v>(?!-?[0-9]{16})|/v>|c r=|/c>|row[ >]|/row>|/?is>|t[ >]|/t>)",
)
_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_LONG = re.compile(r"-?[0-9]{16,}")  # a number with more digits than a float has
_DIGITS, _LETTERS = b"0123456789", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Cells of a plain sheet's rectangle. Its patterns count cells without content too; with more, the
# parser looks whether the content extends as far.
_MOST_PLAIN = 10_000_000
# Bytes of shared texts, were each as long as the longest; with more, they are added up.
_MANY = 100_000_000
_TEXT_START = re.compile(rb"<(?:\w+:)?si[\s/>]")


@dataclass(frozen=True)
class Parts:
    """The sheets of a workbook, and what is needed to understand their cells.

    Attributes
    ----------
    sheets : tuple of Listed
        Title and visibility, in order.
    paths : tuple of str
        The part of the file that holds each sheet.
    precision : mapping of str to int
        Number of a style -> characters of a date that it shows, for styles that hide some.
    texts : list of int
        Bytes of each text that cells share, its markup included.
    """

    sheets: tuple[Listed, ...]
    paths: tuple[str, ...]
    precision: Mapping[str, int]
    texts: list[int]


class _Reference(NamedTuple):
    row: int
    column: int


def workbook_parts(opened: zipfile.ZipFile, name: str) -> Parts:
    """Return the sheets of an XLSX file that `check_workbook` has passed.

    Raises
    ------
    RegistryError
        The workbook's parts aren't where all programs write them.
    """
    try:
        names = opened.namelist()
        if _ROOT in names:  # else the library takes the workbook that is in its usual place
            roots = _targets(opened, _ROOT, "").values()
            if [path for kind, path in roots if kind == "officeDocument"] != [WORKBOOK]:
                raise ValueError("its workbook isn't in its usual place")
        targets = _targets(opened, "xl/_rels/workbook.xml.rels", "xl")
        root = ET.fromstring(opened.read(WORKBOOK))
        listed, paths = [], []
        for element in _named(root, "sheet"):
            link = next((v for k, v in element.items() if k.endswith("}id")), "")
            kind, path = targets[link]
            if kind == "worksheet":  # a sheet of a chart has no cells
                visible = element.get("state", "visible") == "visible"
                listed.append(Listed(element.get("name", ""), visible))
                paths.append(path)
        styles = [path for kind, path in targets.values() if kind == "styles"]
        precision = _precision(ET.fromstring(opened.read(styles[0]))) if styles else {}
        shared = [path for kind, path in targets.values() if kind == "sharedStrings"]
        texts = _text_lengths(opened, shared[0]) if shared and shared[0] in names else []
        if len(dict(listed)) < len(listed):
            raise ValueError("two sheets have one name")
    except (ET.ParseError, LookupError, ValueError) as fault:
        raise _damaged(name, str(fault)) from fault
    return Parts(tuple(listed), tuple(paths), precision, texts)


def sheet_marks(opened: zipfile.ZipFile, path: str, parts: Parts, name: str) -> Marks:
    """Return the marks of a sheet.

    Raises
    ------
    RegistryError
        The part is damaged, or its cells extend too far.
    """
    try:
        marks = None if parts.precision else _plain_marks(opened, path, max(parts.texts, default=0))
        if marks is None or marks.rows * marks.columns > _MOST_PLAIN or marks.letters > _MANY:
            marks = _parsed_marks(opened, path, parts)
    except (expat.ExpatError, LookupError, ValueError) as fault:
        raise _damaged(name, str(fault)) from fault
    require_modest(name, marks.rows, marks.columns)
    return marks


def _damaged(name: str, why: str) -> RegistryError:
    return RegistryError(
        f"'{name}' can't be read as XLSX ({why[:80]}). Save it again from a spreadsheet program."
    )


def _targets(opened: zipfile.ZipFile, part: str, folder: str) -> dict[str, tuple[str, str]]:
    """Return the kind and the path of each part that a part refers to, by the reference's id."""
    found = {}
    for element in _named(ET.fromstring(opened.read(part)), "Relationship"):
        target = element.get("Target", "")
        path = target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target)
        kind = element.get("Type", "").rpartition("/")[2]
        found[element.get("Id", "")] = (kind, posixpath.normpath(path))
    return found


def _named(root: ET.Element, name: str) -> Iterator[ET.Element]:
    """Yield the elements with a local name, in any namespace."""
    return (element for element in root.iter() if element.tag.rpartition("}")[2] == name)


def _precision(root: ET.Element) -> dict[str, int]:
    formats = {"17": "mmm-yy"}  # the one built-in format that hides the day
    for element in _named(root, "numFmt"):
        formats[element.get("numFmtId", "")] = element.get("formatCode", "")
    cells = next(_named(root, "cellXfs"), ())
    shown = {
        str(at): shown_precision(formats.get(style.get("numFmtId", ""), ""))
        for at, style in enumerate(cells)
    }
    return {style: length for style, length in shown.items() if length}


def _text_lengths(opened: zipfile.ZipFile, path: str) -> list[int]:
    starts: list[int] = []
    offset, rest = 0, b""
    for chunk in _chunks(opened, path):
        text = rest + chunk
        cut = max(text.rfind(b"<"), 0)  # so that no tag is divided
        starts += [offset + match.start() for match in _TEXT_START.finditer(text, 0, cut)]
        offset, rest = offset + cut, text[cut:]
    return [after - at for at, after in pairwise([*starts, offset + len(rest)])]


def _chunks(opened: zipfile.ZipFile, path: str) -> Iterator[bytes]:
    deadline = Deadline(path)
    with opened.open(path) as stream:
        while chunk := stream.read(_CHUNK):
            deadline.check()
            yield chunk


def _plain_marks(opened: zipfile.ZipFile, path: str, longest: int) -> Marks | None:
    """Return the extent of a sheet of plain cells; None if it holds anything else.

    The tests compare it with the parser. `letters` is an upper bound.
    """
    columns: set[bytes] = set()
    rows: set[bytes] = set()
    cells, rest, is_begun = 0, b"", False
    for chunk in _chunks(opened, path):
        text = rest + chunk
        if not is_begun:
            head, found, text = text.partition(b"<sheetData>")
            if not found or b"<!" in head:
                return None  # the first chunk holds the start of the rows
            is_begun = True
        # Cut after a row, so that no cell is divided.
        whole, end, rest = text.rpartition(b"</row>")
        references = _PLAIN_CELL.findall(whole)
        if len(references) != whole.count(b"<c ") or len(rest) > 4 * _CHUNK:
            return None
        if b"hidden=" in whole or _UNUSUAL.search(whole + end):
            return None
        columns |= {reference.rstrip(_DIGITS) for reference in references}
        rows |= {reference.lstrip(_LETTERS) for reference in references}
        cells += len(references)
    between, found, tail = rest.partition(b"</sheetData>")
    if between.strip() or not found or b"mergeCell" in tail or b"sheetData" in tail:
        return None
    return Marks(
        letters=cells * longest,
        rows=max(map(int, rows), default=0),
        columns=max((_column(letters.decode()) + 1 for letters in columns), default=0),
    )


def _column(letters: str) -> int:
    """Return the number of a column, from 0."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number - 1


def _reference(text: str) -> _Reference:
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise ValueError(f"there is no cell '{text[:20]}'")
    return _Reference(int(match[2]) - 1, _column(match[1]))


def _parsed_marks(opened: zipfile.ZipFile, path: str, parts: Parts) -> Marks:
    reading = _Reading(parts)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.text
    for chunk in _chunks(opened, path):
        parser.Parse(chunk, False)
    parser.Parse(b"", True)
    return reading.marks


class _Reading:
    """The state of the parser within a sheet."""

    def __init__(self, parts: Parts) -> None:
        self.marks = Marks()
        self.parts = parts
        self.at = _Reference(-1, -1)
        self.cell: dict[str, str] | None = None  # attributes of the cell that is being read
        self.is_hidden = False
        self.collected: list[str] | None = None  # text of the value that is being read

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Note what an element says."""
        name = tag.rpartition(":")[2]
        if name == "row":
            row = int(attributes["r"]) - 1 if "r" in attributes else self.at.row + 1
            self.at = _Reference(row, -1)
            self.is_hidden = attributes.get("hidden") in ("1", "true")
        elif name == "c":
            self.cell = attributes
            there = _Reference(self.at.row, self.at.column + 1)
            self.at = _reference(attributes["r"]) if "r" in attributes else there
        elif name in ("v", "is", "f") and self.cell is not None:
            self._content(name, self.cell)
        elif name == "mergeCell":
            first, _, last = attributes["ref"].replace("$", "").partition(":")
            self.marks.merged.add((_reference(first).row + 1, _reference(last or first).row + 1))

    def end(self, tag: str) -> None:
        """Take the value that ends."""
        name = tag.rpartition(":")[2]
        if name == "c":
            self.cell = None  # formulas of other elements aren't a cell's
        if self.cell is None or self.collected is None or name not in ("v", "f"):
            return
        text, self.collected = "".join(self.collected), None
        at = (self.at.row, self.at.column)
        if name == "f":
            self.marks.faults[at] = Mark("=" + text, FORMULA)
        elif self.cell.get("t") == "e":
            self.marks.faults.setdefault(at, error_mark(text))
        elif self.cell.get("t") == "s" and text.strip():
            self.marks.letters += self.parts.texts[int(text)]
        elif _LONG.fullmatch(text):
            self.marks.exact[at] = text

    def text(self, text: str) -> None:
        """Collect the text of a value."""
        if self.collected is not None:
            self.collected.append(text)

    def _content(self, name: str, cell: dict[str, str]) -> None:
        marks, (row, column) = self.marks, self.at
        marks.see(row, column)
        if self.is_hidden and (not marks.hidden or marks.hidden[-1] != row + 1):
            marks.hidden.append(row + 1)
        kind = cell.get("t", "n")
        if name == "f" or (name == "v" and kind in ("n", "e", "s")):
            self.collected = []
        if kind in ("n", "d") and (length := self.parts.precision.get(cell.get("s", ""))):
            marks.precision[row, column] = length
