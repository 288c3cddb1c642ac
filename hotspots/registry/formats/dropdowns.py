"""Drop-down lists in a sheet of records, for coded fields and countries."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from hotspots.geo.countries import countries, key
from hotspots.registry.formats.headings import word
from hotspots.registry.schema.fields import TYPES, fields
from hotspots.registry.schema.vocabulary import vocabulary

if TYPE_CHECKING:
    from openpyxl import Workbook

LISTS = "lists"  # the hidden sheet with the lists
_LAST = 10_000  # minimum last row with drop-down lists


def add_dropdowns(
    book: Workbook,
    sheet: Any,
    columns: Sequence[str],
    lang: str,
    *,
    types: Sequence[str] = TYPES,
    rows: int = 0,
) -> None:
    """Add drop-down lists to all columns with a single code or country.

    Parameters
    ----------
    book, sheet : openpyxl workbook and sheet
        The sheet with these columns, beginning at the first; lists are stored in a hidden sheet.
    columns : sequence of str
        Field names.
    lang : str
        Language of the labels.
    types : sequence of str
        Record types of the sheet.
    rows : int
        Number of records in it.
    """
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    offered = {name: found for name in columns if (found := _offered(name, types, lang))}
    if not offered:
        return
    lists = book.create_sheet(LISTS)
    lists.sheet_state = "hidden"
    for row in zip_longest(*([name, *found] for name, found in offered.items())):
        lists.append(row)
    last = max(_LAST, rows + 1)
    for column, (name, found) in enumerate(offered.items(), start=1):
        letter, own = get_column_letter(column), get_column_letter(columns.index(name) + 1)
        rule = DataValidation("list", formula1=f"{LISTS}!${letter}$2:${letter}${len(found) + 1}")
        # Codes and labels in other languages are valid too; errors are reported on reading.
        rule.showErrorMessage, rule.allowBlank = False, True
        rule.add(f"{own}2:{own}{last}")
        sheet.data_validations.append(rule)


def _offered(name: str, types: Sequence[str], lang: str) -> list[str]:
    field = fields()[name]
    if field.kind == "country":
        return sorted((word(name, code, lang) for code in countries()), key=key)  # É among the E
    if field.kind != "code":
        return []
    codes = types if name == "type" else vocabulary()[field.vocabulary]
    return [word(name, code, lang) for code in codes]
