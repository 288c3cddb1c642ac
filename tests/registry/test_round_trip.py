"""Export, then import: the same records, in the same registry and in an empty one."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from registry_strategies import record_lists

from hotspots.locale import LANGUAGES
from hotspots.registry import fields, open_registry
from hotspots.registry.database.queries import everything
from hotspots.registry.formats.read import read_file
from hotspots.registry.formats.write import write_file
from hotspots.registry.governance.suggestions import accept, suggest
from hotspots.registry.imports.plan import ImportChoices
from hotspots.registry.maintenance import check_all
from hotspots.registry.permissions import LOCAL
from hotspots.registry.registry import Registry
from hotspots.registry.schema import values

Record = dict[str, Any]
SIGNS = tuple("=+-@\t＝＋－＠")
NUMBERS = re.compile(r"-[\d.,]+(e-?\d+)?$| -[\d.]+ -?[\d.]+(\)|$)")
FORMATS = (".csv", ".xlsx", ".geojson", ".gpkg")


def whole(registry: Registry) -> list[Record]:
    """Return all records with personal and system fields, by id."""
    with registry.reading() as connection:
        return sorted(everything(connection), key=lambda record: record["id"])


def filled(records: list[Record]) -> Registry:
    """Return a registry with those of the records that a registry takes."""
    registry = open_registry(":memory:", create=True)
    rows = [(n, values.to_cells(record)) for n, record in enumerate(records, start=2)]
    registry.import_rows(rows, choices=ImportChoices(skip_bad=True))
    return registry


@pytest.mark.parametrize("suffix", FORMATS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(records=record_lists(max_size=4), lang=st.sampled_from([None, *LANGUAGES]))
def test_export_and_import_is_the_identity(
    suffix: str, lang: str | None, records: list[Record]
) -> None:
    """Every field, the personal and the registry's own ones too, in all formats and languages."""
    registry = filled(records)
    before = whole(registry)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"records{suffix}"
        write_file(path, before, columns=list(fields()), lang=lang)
        table = read_file(path)
    assert not [problem for problem in table.problems if problem.serious]
    same = registry.import_rows(table.rows)
    assert same.counts == {"new": 0, "changed": 0, "same": len(before), "refused": 0}
    other = open_registry(":memory:", create=True)
    assert other.import_rows(table.rows).counts["new"] == len(before)
    assert whole(other) == before
    assert whole(registry) == before


@pytest.mark.parametrize("lang", [None, "fr"])
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(records=record_lists(max_size=3))
def test_no_list_separator_finds_a_formula_in_an_export(
    lang: str | None, records: list[Record]
) -> None:
    """A number may begin with a sign, and in a footprint a pair of numbers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.csv"
        write_file(path, records, columns=["id", *fields()], lang=lang)
        text = path.read_text(encoding="utf-8-sig")
    for separator in ",;\t":
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            odd = [cell for cell in row if cell.lstrip(" \u00a0\r\n").startswith(SIGNS)]
            assert [cell for cell in odd if not NUMBERS.match(cell)] == []


def test_the_strategy_makes_records_that_a_registry_takes() -> None:
    """Else the test above would compare nothing with nothing."""
    counts: list[int] = []

    @settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
    @given(records=record_lists(max_size=4))
    def count(records: list[Record]) -> None:
        """Count what is taken."""
        counts.append(len(filled(records)))

    count()
    assert sum(counts) >= 15


def practices(surfaces: list[float]) -> list[Record]:
    """Return records of practices with these surfaces."""
    return [
        {
            "id": f"practice-{n}",
            "type": "practice",
            "name": f"Practice {n}",
            "summary": "Made up",
            "theme": ("pillar2",),
            "description": "Trees",
            "basis": "scientific",
            "results": "More carbon",
            "surface_ha": surface,
            "surface_year": 2020,
            "effect_size": surface % 10,
            "effect_n": 1000 + n,
            "latitude": 10 + surface % 60,
            "longitude": 10 + surface % 60,
            "place_precision": "region",
            "source": "this test",
            "source_kind": "publication",
        }
        for n, surface in enumerate(surfaces)
    ]


@pytest.mark.parametrize("lang", [None, *LANGUAGES])
@pytest.mark.parametrize("suffix", FORMATS)
def test_numbers_of_every_length_come_back(suffix: str, lang: str | None, tmp_path: Path) -> None:
    """From none to sixteen decimals, with one to six digits before them."""
    surfaces = [
        float(f"{whole}.{'123456789123456'[:places]}") if places else float(whole)
        for whole in (0, 7, 12, 123, 1234, 123456)
        for places in range(16)
    ]
    registry = filled(practices([*surfaces, 12.0, 12.3, 12.03, 12.003, 1e-7, 1.3e10]))
    before = whole(registry)
    path = tmp_path / f"records{suffix}"
    write_file(path, before, columns=list(fields()), lang=lang)
    table = read_file(path)
    other = open_registry(":memory:", create=True)
    assert other.import_rows(table.rows).counts["new"] == len(before) == len(surfaces) + 6
    assert whole(other) == before
    assert registry.plan_import(table.rows).counts["same"] == len(before)


@pytest.mark.parametrize("cell", ["12.345", "12,345", "12,3450", "12.345 ha"])
def test_an_export_that_a_spreadsheet_saved_is_still_the_same(cell: str) -> None:
    """It drops the decimal that makes 12.3450 clear; the record itself says what is meant."""
    registry = filled(practices([12.345]))
    edited = {"id": "practice-0", "surface_ha": cell}
    same = registry.plan_import([(2, edited | {"version": "1"})])
    assert same.counts["same"] == 1
    # Without a version it may be anybody's row, and another number is no export's.
    assert registry.plan_import([(2, edited | {"surface_ha": "12.346", "version": "1"})]).problems
    assert bool(registry.plan_import([(2, edited)]).problems) == (cell != "12,3450")


def test_a_number_is_never_doubted_on_its_way_within_the_registry() -> None:
    """Checks, edits and suggestions write numbers as text, and read them again."""
    registry = filled(practices([12.345]))
    assert check_all(registry) == []
    assert registry.change("practice-0", {"surface_ha": 13.579})["surface_ha"] == 13.579
    now = "2026-12-01T00:00:00Z"
    with registry.writing() as connection:
        cells = {"id": "practice-0", "surface_ha": "24,6810", "version": "2"}
        [number] = suggest(connection, [(2, cells)], LOCAL, now)
        accept(connection, number, LOCAL, now)
    assert registry.get("practice-0")["surface_ha"] == 24.681
