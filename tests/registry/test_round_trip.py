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
from registry_strategies import record_lists

from hotspots.registry import fields, open_registry
from hotspots.registry.database.queries import everything
from hotspots.registry.formats.read import read_file
from hotspots.registry.formats.write import write_file
from hotspots.registry.imports.plan import ImportChoices
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
@given(records=record_lists(max_size=4))
def test_export_and_import_is_the_identity(suffix: str, records: list[Record]) -> None:
    """Every field, the personal and the registry's own ones too, whatever the format."""
    registry = filled(records)
    before = whole(registry)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"records{suffix}"
        write_file(path, before, columns=list(fields()))
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
