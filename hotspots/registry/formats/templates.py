"""Templates for entering records: headings, drop-down lists and help in three languages."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast

from hotspots.errors import RegistryError, near_matches
from hotspots.locale import check_language
from hotspots.registry.formats.dropdowns import add_dropdowns
from hotspots.registry.formats.workbooks import save
from hotspots.registry.formats.write import replacing
from hotspots.registry.schema.fields import SEPARATOR, TYPES, Field, fields
from hotspots.registry.schema.vocabulary import label, vocabulary

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

SUFFIXES = (".xlsx", ".csv")
_DARK, _LIGHT, _PLAIN, _GREY = "1B5E20", "A5D6A7", "ECEFF1", "90A4AE"


def write_template(
    path: str | Path, *, lang: str = "en", type: str | None = None, force: bool = False
) -> None:
    """Write an empty template for entering records.

    An XLSX file has drop-down lists, marked required columns and a sheet of help; a CSV file has
    headings only. Both can be read by `read_file`. System fields are not included.

    Parameters
    ----------
    path : path
        The file, ending in .xlsx or .csv.
    lang : str
        Language of headings, lists and help: "en", "fr" or "es".
    type : str, optional
        A record type, for its columns alone; by default all columns.
    force : bool
        Whether an existing file is replaced.

    Raises
    ------
    BadInputError
        Unknown language, type or suffix, or the file exists.
    WriteError
        The disk fails.
    """
    target = Path(path)
    check_language(lang)
    if type is not None and type not in TYPES:
        raise RegistryError(
            f"No record is of type '{type}'{near_matches(type, TYPES) or ';'} types are"
            f" {', '.join(TYPES)}."
        )
    if target.suffix.lower() not in SUFFIXES:
        raise RegistryError(
            f"A template can't be written as '{target.name}'. Give a name that ends in one of"
            f" {', '.join(SUFFIXES)}."
        )
    types = TYPES if type is None else (type,)
    chosen = [
        field
        for field in fields().values()
        if field.group != "system" and not field.types.isdisjoint(types)
    ]
    with replacing(target, force=force) as part:
        if part.suffix == ".csv":
            from hotspots.registry.formats.csv_files import write_csv

            write_csv(part, [field.label[lang] for field in chosen], (), lang)
        else:
            _write_workbook(part, chosen, types, lang)


def _write_workbook(path: Path, chosen: Sequence[Field], types: Sequence[str], lang: str) -> None:
    from openpyxl import Workbook

    words = _words()[lang]
    book = Workbook()
    sheet = book.create_sheet(words["records"], 0)
    helping = book.create_sheet(words["help"])
    book.remove(book.worksheets[1])  # the default sheet
    add_dropdowns(book, sheet, [field.name for field in chosen], lang, types=types)
    _fill_headings(sheet, chosen, types, lang)
    _fill_help(helping, chosen, types, lang)
    save(book, path)


class _Words(TypedDict):
    """The texts of `templates.toml` in one language; `lines` is the introduction."""

    records: str
    help: str
    column: str
    what: str
    required: str
    unit: str
    code: str
    example: str
    all: str
    title: str
    lines: list[str]


@cache
def _words() -> Mapping[str, _Words]:
    text = files(__package__).joinpath("templates.toml").read_text(encoding="utf-8")
    return cast("Mapping[str, _Words]", tomllib.loads(text))


def _fill_headings(
    sheet: Worksheet, chosen: Sequence[Field], types: Sequence[str], lang: str
) -> None:
    from openpyxl.comments import Comment
    from openpyxl.styles import Alignment, Font, PatternFill

    from hotspots.registry.formats.write_xlsx import format_column

    for at, field in enumerate(chosen, start=1):
        format_column(sheet, at, field.name)
        cell = sheet.cell(1, at, field.label[lang])
        needed = _required(field, types, lang)
        always = needed and field.required >= set(types)
        colour = _DARK if always else _LIGHT if needed else _PLAIN
        cell.font = Font(bold=bool(needed), color="FFFFFF" if colour == _DARK else "000000")
        cell.fill = PatternFill("solid", fgColor=colour)
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        notes = [
            field.help.get(lang, ""),
            _example(field, lang),
            f"{_words()[lang]['required']}: {needed}" * bool(needed),
        ]
        if any(notes):
            cell.comment = Comment(
                "\n".join(filter(None, notes)), "hotspots", height=110, width=260
            )
    sheet.freeze_panes = "A2"


def _fill_help(sheet: Worksheet, chosen: Sequence[Field], types: Sequence[str], lang: str) -> None:
    from openpyxl.styles import Alignment, Font

    words = _words()[lang]
    sheet.append([words["title"]])
    sheet["A1"].font = Font(bold=True, size=14)
    for line in words["lines"]:
        sheet.append([line])
    sheet.append([])
    sheet.append([words[k] for k in ("column", "what", "required", "unit", "code")])
    for cell in sheet[sheet.max_row]:
        cell.font = Font(bold=True)
    for field in chosen:
        help_text = field.help.get(lang, "")
        needed = _required(field, types, lang)
        sheet.append([field.label[lang], help_text, needed, field.unit, field.name])
        sheet.cell(sheet.max_row, 1).font = Font(bold=True)
        if field.vocabulary:
            codes = types if field.name == "type" else vocabulary()[field.vocabulary]
            for code in codes:
                sheet.append(["", label(field.vocabulary, code, lang), "", "", code])
                sheet.cell(sheet.max_row, 5).font = Font(color=_GREY)
    for letter, width in zip("ABCDE", (32, 90, 30, 14, 24), strict=True):
        sheet.column_dimensions[letter].width = width
    for cell in sheet["B"]:
        cell.alignment = Alignment(wrap_text=True, vertical="top")


def _example(field: Field, lang: str) -> str:
    """Return two labels as they are written in one cell, for a list of codes; "" for others."""
    if field.kind != "codes":
        return ""
    codes = list(vocabulary()[field.vocabulary])[:2]
    labels = [label(field.vocabulary, code, lang) for code in codes]
    return f"{_words()[lang]['example']}: {f'{SEPARATOR} '.join(labels)}"


def _required(field: Field, types: Sequence[str], lang: str) -> str:
    """Return the types for which a field is required, as text; "" if there are none."""
    # An empty id is derived from the name.
    needed = [type for type in types if type in field.required and field.name != "id"]
    if len(needed) == len(TYPES):
        return str(_words()[lang]["all"])
    return ", ".join(label("type", type, lang) for type in needed)
