"""The theme x region matrix: each cell, and totals that count no record twice."""

from __future__ import annotations

import json
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
from shapely import Point, box

from hotspots.errors import BadInputError
from hotspots.registry.coverage_matrix import REGIONS, ROWS, Matrix, column_label, matrix

ROWS_OF = {
    "r1": {"theme": "pillar1;A6", "country": "FRA", "regions": "KEN;BRA"},
    "r2": {"theme": "A6;A1", "country": "FRA", "type": "practice"},
    "r3": {"theme": "pillar1;goalB", "regions": "south-america"},
    "r4": {"theme": "E1", "regions": "world"},
    "r5": {"theme": "", "country": "KEN", "practice_kind": "agroforestry;biochar"},
    "r6": {"theme": "pillar1", "geometry": Point(-160, 0)},  # in mid-ocean
    "r7": {"theme": "sdg2", "regions": "KE-31", "college": "research", "role": "member"},
    "r8": {"theme": "pillar1"},
}


def records(rows: dict[str, dict[str, Any]] | None = None) -> gpd.GeoDataFrame:
    plain = {
        "type": "project",
        "theme": "",
        "country": "",
        "regions": "",
        "practice_kind": "",
        "college": "",
        "role": "",
        "place_precision": "exact",
        "geometry": None,
    }
    rows = ROWS_OF if rows is None else rows
    table = [{"id": code} | plain | row for code, row in rows.items()]
    return gpd.GeoDataFrame(
        pd.DataFrame(table, columns=["id", *plain]), geometry="geometry", crs="EPSG:4326"
    )


def plain_cells(by: dict[str, set[str]], places: dict[str, set[str]]) -> dict[Any, list[str]]:
    """Return the ids of each cell, by loops."""
    cells: dict[Any, list[str]] = {}
    for code in sorted(ROWS_OF):
        for row in by.get(code) or {""}:
            for place in places[code]:
                cells.setdefault((row, place), []).append(code)
    return cells


INITIATIVE = {
    "r1": {"europe", "sub-saharan-africa", "south-america"},
    "r2": {"europe"},
    "r3": {"south-america"},
    "r4": {"world"},
    "r5": {"sub-saharan-africa"},
    "r6": {"elsewhere"},
    "r7": {"sub-saharan-africa"},
    "r8": {"not_stated"},
}
COUNTRIES = INITIATIVE | {
    "r1": {"FRA", "KEN", "BRA"},
    "r2": {"FRA"},
    "r3": {"elsewhere"},
    "r5": {"KEN"},
    "r7": {"KEN"},
}
THEME = {code: set(row["theme"].split(";")) - {""} for code, row in ROWS_OF.items()}
PILLAR = {code: {"pillar1"} for code in ("r1", "r3", "r6", "r8")}
GOAL = {"r1": {"goalA"}, "r2": {"goalA"}, "r3": {"goalB"}, "r4": {"goalE"}}
TYPE = {code: {str(row.get("type", "project"))} for code, row in ROWS_OF.items()}


@pytest.mark.parametrize(
    ("by", "codes"), [("theme", THEME), ("pillar", PILLAR), ("goal", GOAL), ("type", TYPE)]
)
@pytest.mark.parametrize(
    ("regions", "places"), [("initiative", INITIATIVE), ("countries", COUNTRIES)]
)
def test_each_cell_holds_its_records(by: str, codes: Any, regions: str, places: Any) -> None:
    made = matrix(records(), by, regions)
    plain = plain_cells(codes, places)
    assert made.ids == {cell: tuple(ids) for cell, ids in plain.items()}
    for (row, column), ids in plain.items():
        assert made.counts.loc[row, column] == len(ids)
    inner = made.counts.drop(index="total", columns="total")
    assert inner.to_numpy().sum() == sum(map(len, plain.values()))


def test_totals_count_each_record_once() -> None:
    counts = matrix(records()).counts
    assert counts.loc["total", "total"] == len(ROWS_OF)
    assert counts.loc["A6", "total"] == 2
    assert counts.loc["total", "europe"] == 2  # r1 and r2, of two themes each
    assert counts.loc["pillar1", "total"] == 4  # r1 stands in three regions
    assert counts.columns[-3:].tolist() == ["elsewhere", "not_stated", "total"]


def test_a_row_for_every_code_of_the_vocabulary_in_its_order() -> None:
    counts = matrix(records(), "pillar").counts
    assert list(counts.index) == ["pillar1", "pillar2", "pillar3", "pillar4", "", "total"]
    assert list(matrix(records(), "goal").counts.index)[:6] == [f"goal{c}" for c in "ABCDEF"]
    own = matrix(records({"r1": {"theme": "ownCode"}}))
    assert list(own.counts.index)[-3:] == ["ownCode", "", "total"]


@pytest.mark.parametrize("by", ROWS)
def test_every_kind_of_row_works_without_a_record(by: str) -> None:
    for regions in REGIONS:
        made = matrix(records({}), by, regions)
        assert made.counts.to_numpy().sum() == 0
        assert made.to_dict()["cells"] == []


@pytest.mark.parametrize(
    ("by", "cell"),
    [
        ("practice_kind", ("biochar", "KEN")),
        ("college", ("research", "KEN")),
        ("role", ("member", "KEN")),
    ],
)
def test_other_rows(by: str, cell: tuple[str, str]) -> None:
    assert matrix(records(), by, "countries").counts.loc[cell] == 1


def test_places_on_the_map_count_by_outline() -> None:
    outlines = gpd.GeoDataFrame({"id": ["KEN"]}, geometry=[box(-162, -5, -150, 5)], crs="EPSG:4326")
    made = matrix(records(), "pillar", outlines=outlines)
    assert made.ids["pillar1", "sub-saharan-africa"] == ("r1", "r6")
    assert "elsewhere" not in made.counts
    kenyan = matrix(records({"r1": {"theme": "pillar1", "geometry": Point(37, 0)}}), "pillar")
    assert kenyan.ids == {("pillar1", "sub-saharan-africa"): ("r1",)}  # by the known outlines


@pytest.mark.parametrize("lang", ["en", "fr", "es"])
def test_no_place_is_not_elsewhere(lang: str) -> None:
    words = {"en": "Place not stated", "fr": "Lieu non précisé", "es": "Lugar sin indicar"}
    nowhere = matrix(records({"r1": {}}), "type", "countries")
    assert nowhere.ids == {("project", "not_stated"): ("r1",)}
    assert list(nowhere.counts) == ["world", "not_stated", "total"]
    assert nowhere.to_dict(lang)["columns"][-1]["label"] == words[lang]
    own = matrix(records({"r1": {"regions": "own-area"}, "r2": {"country": "ATA"}}))
    assert own.ids == {("", "elsewhere"): ("r1", "r2")}


@pytest.mark.parametrize(
    ("lang", "name"), [("en", "South Asia"), ("fr", "Asie du Sud"), ("es", "Asia Meridional")]
)
def test_the_table_names_its_columns_in_a_language(lang: str, name: str) -> None:
    assert name in matrix(records({}), "pillar").table(lang)


def test_types_narrow_what_counts() -> None:
    made = matrix(records(), types=["practice"])
    assert made.counts.loc["total", "total"] == 1
    assert made.ids == {("A1", "europe"): ("r2",), ("A6", "europe"): ("r2",)}


@pytest.mark.parametrize("lang", ["en", "fr", "es"])
def test_the_result_is_ready_for_json_in_three_languages(lang: str) -> None:
    made = matrix(records(), "pillar")
    told = json.loads(json.dumps(made.to_dict(lang)))
    labels = {
        "en": ("Pillar 1", "Europe", "World-wide"),
        "fr": ("Pilier 1", "Europe", "Monde entier"),
        "es": ("Pilar 1", "Europa", "Mundial"),
    }
    columns = {column["id"]: column for column in told["columns"]}
    first = told["rows"][0]
    assert first["label"].startswith(labels[lang][0])
    assert (columns["europe"]["label"], columns["world"]["label"]) == labels[lang][1:]
    assert (told["total"], first["total"], columns["europe"]["total"]) == (8, 4, 2)
    cell = {"row": "pillar1", "column": "south-america", "count": 2, "ids": ["r1", "r3"]}
    assert cell in told["cells"]
    assert made.table(lang)["label"].iloc[0] == first["label"]
    assert column_label("KEN", lang) == {"en": "Kenya", "fr": "Kenya", "es": "Kenia"}[lang]


def test_no_such_rows_or_columns() -> None:
    with pytest.raises(BadInputError, match="did you mean theme"):
        matrix(records(), "themes")
    with pytest.raises(BadInputError, match="Give one of initiative, countries"):
        matrix(records(), regions="oceans")


def test_a_matrix_is_what_it_says() -> None:
    made = matrix(records(), "type", "countries")
    assert isinstance(made, Matrix)
    assert (made.by, made.regions) == ("type", "countries")
    assert made.row_label("project", "fr") == "Projet"
    assert made.row_label("own", "fr") == "own"
