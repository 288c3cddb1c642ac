"""Templates: what they hold in each language, and that a filled one is read."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from hotspots.errors import BadInputError, RegistryError
from hotspots.geo.countries import countries
from hotspots.locale import LANGUAGES
from hotspots.registry.formats.read import read_file
from hotspots.registry.formats.templates import _words, write_template
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import TYPES, code_called, fields, names
from hotspots.registry.schema.vocabulary import vocabulary


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("suffix", ["xlsx", "csv"])
def test_an_empty_template_is_read_and_has_all_columns_but_the_registrys(
    tmp_path: Path, lang: str, suffix: str
) -> None:
    path = tmp_path / f"template.{suffix}"
    write_template(path, lang=lang)
    table = read_file(path)
    assert table.columns == tuple(n for n in fields() if n not in names("system"))
    assert table.rows == table.problems == ()


@pytest.mark.parametrize("type_", TYPES)
def test_a_template_of_one_type_has_its_columns_alone(tmp_path: Path, type_: str) -> None:
    write_template(tmp_path / "a.xlsx", type=type_)
    found = read_file(tmp_path / "a.xlsx").columns
    assert all(type_ in fields()[name].types for name in found)
    assert {"id", "type", "contact_consent"} <= set(found)
    assert ("surface_ha" in found) == (type_ == "practice")
    types = offered(tmp_path / "a.xlsx", "type")
    assert [values.read(fields()["type"], word) for word in types] == [type_]


def offered(path: Path, name: str) -> list[str]:
    """Return what the drop-down of a field's column offers, by way of its formula."""
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    at = read_file(path).columns.index(name) + 1
    rules = sheet.data_validations.dataValidation
    rule = next(r for r in rules if sheet.cell(2, at).coordinate in r.sqref)
    assert rule.type == "list"
    title, _, cells = rule.formula1.partition("!")
    return [row[0].value for row in book[title][cells.replace("$", "")]]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_word_that_a_drop_down_offers_is_taken(tmp_path: Path, lang: str) -> None:
    path = tmp_path / "a.xlsx"
    write_template(path, lang=lang)
    for name, field in fields().items():
        if field.kind == "code":
            read = [values.read(field, word) for word in offered(path, name)]
            assert read == list(vocabulary()[field.vocabulary])
    read = [values.read(fields()["country"], word) for word in offered(path, "country")]
    assert sorted(read) == sorted(countries())


def test_every_label_of_a_list_means_its_code_and_can_stand_in_a_list() -> None:
    """One label in one language never means another code in another language."""
    for name, codes in vocabulary().items():
        for code, labels in codes.items():
            assert {code_called(name, label) for label in labels.values()} == {code}
            assert not any(";" in label for label in labels.values())


@pytest.mark.parametrize("lang", LANGUAGES)
def test_choices_examples_and_notes_are_in_the_language_and_read_back(
    tmp_path: Path, lang: str
) -> None:
    path = tmp_path / "a.xlsx"
    write_template(path, lang=lang)
    book = openpyxl.load_workbook(path)
    # Each choice is a label, never a code; an ambiguous name of a country is told by its code.
    for name, field in fields().items():
        if field.kind == "code":
            known = {labels[lang] for labels in vocabulary()[field.vocabulary].values()}
            assert set(offered(path, name)) == known
    assert {name for name in offered(path, "country") if name in countries()} == set()
    # A note's example of a list stands in one cell and is read.
    notes = {cell.value: cell.comment.text for cell in book.worksheets[0][1] if cell.comment}
    for field in fields().values():
        if field.kind == "codes" and field.group != "system":
            [line] = [
                line
                for line in notes[field.label[lang]].splitlines()
                if line.startswith(_words()[lang]["example"])
            ]
            example = line.partition(": ")[2]
            codes = values.read(field, example)
            assert list(codes) == list(vocabulary()[field.vocabulary])[:2]
            assert not set(codes) & set(example.split("; "))
    # The sheet of help has the label where one reads, the code at the end.
    rows = [row for row in book.worksheets[1].values if row[1] and row[4] and not row[0]]
    shown = {row[4]: row[1] for row in rows}
    assert shown["research_action"] == vocabulary()["type"]["research_action"][lang]
    for name in ("relations", "languages"):
        given = fields()[name].help[lang].rpartition(" : " if lang == "fr" else ": ")[2]
        given = given.rpartition(" ")[2] if name == "languages" else given
        assert values.read(fields()[name], given)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_filled_template_gives_the_values_meant(tmp_path: Path, lang: str) -> None:
    path = tmp_path / "a.xlsx"
    write_template(path, lang=lang)
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    headings = [cell.value for cell in sheet[1]]
    labels = vocabulary()
    filled = {
        "name": "Test station",
        "type": labels["type"]["practice"][lang],
        "country": countries()["CIV"].names[lang],
        "theme": f"{labels['theme']['pillar2'][lang]}; A6",
        "start": "2018-05",
        "surface_ha": 12.5,
    }
    for name, value in filled.items():
        sheet.cell(2, headings.index(fields()[name].label[lang]) + 1, value)
    book.save(path)
    cells = read_file(path).rows[0][1]
    read = {name: values.read(fields()[name], cells[name]) for name in filled}
    assert read == {
        "name": "Test station",
        "type": "practice",
        "country": "CIV",
        "theme": ("pillar2", "A6"),
        "start": "2018-05",
        "surface_ha": 12.5,
    }


def test_required_columns_are_marked_and_explained(tmp_path: Path) -> None:
    write_template(tmp_path / "a.xlsx", lang="fr")
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0]
    cells = {cell.value: cell for cell in sheet[1]}
    colours = [cells[w].fill.fgColor.rgb for w in ("Nom", "Description", "Pays", "Identifiant")]
    assert len(set(colours)) == 3
    assert colours[2] == colours[3], "an id may be left empty"
    assert "Obligatoire pour: tous" in cells["Nom"].comment.text
    assert "Obligatoire pour: Pratique" in cells["Description"].comment.text
    assert sheet.freeze_panes == "A2"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_help_names_every_column_and_every_code(tmp_path: Path, lang: str) -> None:
    write_template(tmp_path / "a.xlsx", lang=lang)
    rows = list(openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[1].values)
    told = {cell for row in rows for cell in row if cell}
    chosen = [f for f in fields().values() if f.group != "system"]
    assert {f.label[lang] for f in chosen} | {f.help[lang] for f in chosen if f.help} <= told
    for name in {f.vocabulary for f in chosen if f.vocabulary}:
        assert {codes[lang] for codes in vocabulary()[name].values()} <= told
        assert set(vocabulary()[name]) <= told


@pytest.mark.parametrize(
    ("lang", "seen", "codes"),
    [
        (
            "en",
            "are seen only by those who maintain the record",
            "languages are given by their codes",
        ),
        ("fr", "ne sont vus que de ceux qui tiennent la fiche", "comme fr;en"),
        ("es", "solo los ven quienes llevan la ficha", "como fr;en"),
    ],
)
def test_the_help_says_who_sees_contacts_and_how_languages_are_given(
    tmp_path: Path, lang: str, seen: str, codes: str
) -> None:
    write_template(tmp_path / "a.xlsx", lang=lang)
    column = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[1]["A"]
    told = [str(cell.value) for cell in column]
    assert any(seen in line for line in told)
    assert any(codes in line for line in told)


@pytest.mark.parametrize("suffix", ["xlsx", "csv"])
def test_a_file_that_is_there_is_replaced_only_by_force(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_text("filled in", encoding="utf-8")
    with pytest.raises(RegistryError, match=r"exists already. Give another name, or .* --force"):
        write_template(path)
    assert path.read_text(encoding="utf-8") == "filled in"
    write_template(path, force=True)
    assert read_file(path).rows == ()


@pytest.mark.parametrize(("lang", "delimiter"), [("en", ","), ("fr", ";"), ("es", ";")])
def test_a_csv_template_opens_in_spreadsheets_of_its_language(
    tmp_path: Path, lang: str, delimiter: str
) -> None:
    write_template(tmp_path / "a.csv", lang=lang)
    header = (tmp_path / "a.csv").read_text(encoding="utf-8-sig").splitlines()[0]
    assert header.split(delimiter)[:2] == [fields()[n].label[lang] for n in ("id", "type")]


def test_the_words_of_templates_are_the_same_in_all_languages() -> None:
    assert set(_words()) == set(LANGUAGES)
    shapes = {(frozenset(words), len(words["lines"])) for words in _words().values()}
    assert len(shapes) == 1


def test_what_no_template_can_be_made_of_is_told(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="type 'practise'; did you mean practice"):
        write_template(tmp_path / "a.xlsx", type="practise")
    with pytest.raises(RegistryError, match=r"ends in one of \.xlsx, \.csv"):
        write_template(tmp_path / "a.ods")
    with pytest.raises(BadInputError, match="'de' is not supported"):
        write_template(tmp_path / "a.xlsx", lang="de")
