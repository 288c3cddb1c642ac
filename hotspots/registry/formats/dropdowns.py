"""Drop-down lists in a sheet of records: the words for one code, or for a country."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from hotspots.geo.countries import countries, key
from hotspots.registry.formats.headings import word
from hotspots.registry.schema.fields import TYPES, fields
from hotspots.registry.schema.vocabulary import vocabulary

_LISTS = "lists"  # the hidden sheet that holds them
_LAST = 10_000  # row down to which they are offered at least


def add_dropdowns(
    book: Any,
    sheet: Any,
    columns: Sequence[str],
    lang: str,
    *,
    types: Sequence[str] = TYPES,
    rows: int = 0,
) -> None:
    """Give each column of one code, or of a country, its drop-down list.

    Parameters
    ----------
    book, sheet : openpyxl workbook and sheet
        The sheet has these columns, from the first on; the lists go into a hidden one.
    columns : sequence of str
        Field names.
    lang : str
        Language of the words.
    types : sequence of str
        The record types that the sheet is for.
    rows : int
        How many records it holds.
    """
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    offered = {name: found for name in columns if (found := _offered(name, types, lang))}
    if not offered:
        return
    lists = book.create_sheet(_LISTS)
    lists.sheet_state = "hidden"
    for row in zip_longest(*([name, *found] for name, found in offered.items())):
        lists.append(row)
    last = max(_LAST, rows + 1)
    for column, (name, found) in enumerate(offered.items(), start=1):
        letter, own = get_column_letter(column), get_column_letter(columns.index(name) + 1)
        rule = DataValidation("list", formula1=f"{_LISTS}!${letter}$2:${letter}${len(found) + 1}")
        # Codes are right too, and names in another language; what is wrong is told when read.
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
