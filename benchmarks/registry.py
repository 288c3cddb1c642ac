"""A registry of 100,000 records: import, and box and theme queries.

Run with ``python -m benchmarks.registry [COUNT] [URL]``; without URL, on an SQLite file. The import
stands beside a bound: the same cells read by `csv` and written by `sqlite3` into one table, with
no check, no index and no history. A query stands beside a look at each row. Both must give the
same ids before anything is timed.
"""

from __future__ import annotations

import csv
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from hotspots.geo.countries import outlines
from hotspots.geo.user_geometry import box_geometry
from hotspots.registry import open_registry
from hotspots.registry.formats.read import read_file

COLUMNS = (
    "id",
    "type",
    "name",
    "summary",
    "theme",
    "country",
    "latitude",
    "longitude",
    "footprint",
    "place_precision",
    "web",
    "start",
    "source",
    "source_kind",
    "verified_on",
)
THEMES = ("pillar1", "pillar2", "pillar3", "pillar4", "A1", "A2", "A6", "E1", "sdg13", "sdg15")
QUERIES = 200


def points(count: int, luck: np.random.Generator) -> Iterator[tuple[str, float, float]]:
    """Yield (country, longitude, latitude) on land, countries in turn."""
    lands = [(code, shape) for code, shape in outlines("50m").items() if code != "ATA"]
    drawn = {}
    for code, shape in lands:
        shapely.prepare(shape)
        west, south, east, north = shape.bounds
        x, y = luck.uniform(west, east, 4000), luck.uniform(south, north, 4000)
        inside = shapely.contains_xy(shape, x, y)
        inside_xy = np.column_stack([x, y])[inside]
        centre = shape.representative_point()
        drawn[code] = inside_xy if len(inside_xy) else np.array([[centre.x, centre.y]])
    for n in range(count):
        code = lands[n % len(lands)][0]
        x, y = drawn[code][n % len(drawn[code])]
        yield code, float(x), float(y)


def write_csv(path: Path, count: int) -> None:
    """Write records that nobody should take for real ones."""
    luck = random.Random(1)
    with path.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, COLUMNS, restval="")
        writer.writeheader()
        for n, (country, x, y) in enumerate(points(count, np.random.default_rng(1))):
            row: dict[str, Any] = {
                "id": f"test-{n}",
                "type": ("organisation", "project", "research_action")[n % 3],
                "name": f"Test record {n}",
                "summary": f"Made up for a benchmark, number {n}",
                "theme": ";".join(luck.sample(THEMES, 3)),
                "country": country,
                "latitude": f"{y:.5f}",
                "longitude": f"{x:.5f}",
                "place_precision": "exact",
                "web": f"https://example.org/{n}",
                "start": str(luck.randint(1990, 2025)),
                "source": "made up for a benchmark",
                "source_kind": "publication",
                "verified_on": f"20{luck.randint(18, 26)}-01-15",
            }
            if n % 10 == 1 and abs(x) < 179:
                east, north = x + 0.1, min(y + 0.1, 90)
                row["footprint"] = shapely.box(x, y, east, north).wkt
            writer.writerow(row)


@contextmanager
def timed(found: dict[str, float], name: str) -> Iterator[None]:
    """Add how many seconds something took."""
    start = time.perf_counter()
    yield
    found[name] = time.perf_counter() - start


def bound(source: Path, target: Path) -> None:
    """Copy the cells of a CSV into one table."""
    with source.open(encoding="utf-8", newline="") as opened, sqlite3.connect(target) as database:
        rows = csv.reader(opened)
        columns = next(rows)
        database.execute(f"CREATE TABLE record ({', '.join(columns)})")
        marks = ", ".join("?" * len(columns))
        database.executemany(f"INSERT INTO record VALUES ({marks})", rows)


def percentiles(ask: Callable[[], object]) -> tuple[float, float]:
    """Return the 50th and 95th percentile of some calls, in ms."""
    taken = []
    for _ in range(QUERIES):
        start = time.perf_counter()
        ask()
        taken.append(1e3 * (time.perf_counter() - start))
    return float(np.percentile(taken, 50)), float(np.percentile(taken, 95))


def main(count: int, url: str) -> None:
    """Print the figures of one run."""
    seconds: dict[str, float] = {}
    luck = random.Random(2)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_csv(home / "records.csv", count)
        with timed(seconds, "bound"):
            bound(home / "records.csv", home / "bound.sqlite")
        registry = open_registry(url or home / "registry.sqlite", create=True)
        with timed(seconds, "read"):
            table = read_file(home / "records.csv")
        with timed(seconds, "import"):
            plan = registry.import_rows(table.rows, table.problems)
        assert plan.counts["new"] == len(registry) == count
        with timed(seconds, "again"):
            assert registry.import_rows(table.rows).counts["same"] == count
        frame = registry.records
        box = (10.0, -10.0, 30.0, 15.0)
        met = frame[frame.intersects(box_geometry(box))]["id"].tolist()
        assert [r["id"] for r in registry.find(box=box, limit=10_000)] == met[:10_000]
        whole = seconds["read"] + seconds["import"]
        print(f"{count:,} records in {registry.source}")
        print(
            f"read {seconds['read']:.1f} s, import {seconds['import']:.1f} s; the same file again"
            f" {seconds['again']:.1f} s"
        )
        print(
            f"bound (csv to one bare table) {seconds['bound']:.1f} s: ratio"
            f" {whole / seconds['bound']:.0f}"
        )
        for width in (1, 10, 60, 180, 340):

            def boxed(width: int = width) -> object:
                """Ask for a page of a box somewhere."""
                west = luck.uniform(-180, 180 - width)
                return registry.find(box=(west, -45, west + width, -45 + width / 4))

            told = percentiles(boxed)
            print(f"box {width:>3} degrees wide: p50 {told[0]:.1f} ms, p95 {told[1]:.1f} ms")
        told = percentiles(lambda: registry.find(theme=luck.choice(THEMES)))
        print(f"theme: p50 {told[0]:.1f} ms, p95 {told[1]:.1f} ms")
        told = percentiles(lambda: registry.find(region=luck.choice(["KEN", "europe", "FRA"])))
        print(f"region: p50 {told[0]:.1f} ms, p95 {told[1]:.1f} ms")
        start = time.perf_counter()
        for _ in range(5):
            frame[frame.intersects(box_geometry(box))]
        each = 200 * (time.perf_counter() - start)
        print(f"a look at each row of the table in memory: {each:.0f} ms")


if __name__ == "__main__":
    words = sys.argv[1:]
    main(int(words[0]) if words else 100_000, words[1] if len(words) > 1 else "")
