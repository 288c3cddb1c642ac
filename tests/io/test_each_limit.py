"""Each limit refuses an input that exceeds it, names itself, and lets it pass when raised.

The cases stand in one table; a limit without a case fails `test_every_limit_has_a_case`.
"""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import hostile
import pytest
import shapely
import sheets

import hotspots as hs
from hotspots.config import Limits, variables
from hotspots.edition.edition import open_edition
from hotspots.errors import BadInputError
from hotspots.ingest.user_files.rasters import open_layers

Make = Callable[[Path], Path]
RECORD = {
    "type": "organisation",
    "name": "Institute",
    "country": "KEN",
    "summary": "Measures soils.",
    "theme": "pillar1",
    "source": "https://example.org",
    "source_kind": "own_statement",
}


@dataclass(frozen=True)
class Case:
    """An input, what reads it, and a value of a limit that it exceeds."""

    limit: str
    low: int | float
    make: Make
    read: Callable[[Path], Any]  # gives the words of the command, if it is one
    is_command: bool = False


def raster(**profile: object) -> Make:
    return lambda folder: hostile.geotiff(folder / hostile.NAME, **profile)  # type: ignore[arg-type]


def zarr(folder: Path) -> Path:
    return hostile.zarr(folder / "soc_stock.zarr")


def netcdf(folder: Path) -> Path:
    return hostile.netcdf4(folder / "soc_stock.nc")


def records(count: int = 3) -> Make:
    def make(folder: Path) -> Path:
        path = folder / "records.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(RECORD)
            names = (f"Institute {letter}" for letter in "ABCDEFGH"[:count])
            writer.writerows((RECORD | {"name": name}).values() for name in names)
        return path

    return make


def workbook(folder: Path) -> Path:
    import openpyxl

    book = openpyxl.Workbook()
    for row in (RECORD.keys(), RECORD.values()):
        book.active.append(list(row))
    book.save(folder / "records.xlsx")
    return folder / "records.xlsx"


def sheet(kind: str) -> Make:
    rows = [list(RECORD), list(RECORD.values())]
    return lambda folder: sheets.MAKERS[kind](folder / f"records.{kind}", rows)


def record_features(folder: Path) -> Path:
    features = [
        {"type": "Feature", "properties": RECORD | {"name": name}, "geometry": None}
        for name in ("Institute A", "Institute B", "Institute C")
    ]
    path = folder / "records.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def points(folder: Path) -> Path:
    path = folder / "points.csv"
    rows = [f"{lat},{lon},50" for lat in (0.25, 0.75, 1.25) for lon in (34.25, 34.75, 35.25)]
    path.write_text("\n".join(["lat,lon,soc_stock", *rows]))
    return path


def outline(shape: shapely.Geometry, name: str = "area.geojson") -> Make:
    def make(folder: Path) -> Path:
        table = gpd.GeoDataFrame({"name": ["A"], "soc_stock": [50.0]}, geometry=[shape], crs=4326)
        if name.endswith(".parquet"):
            table.to_parquet(folder / name)
        else:
            table.to_file(folder / name)
        return folder / name

    return make


def star(points_: int) -> shapely.Polygon:
    """Return a ring that crosses itself often: a star polygon of many points."""
    step = points_ // 2 - 1
    angles = [2 * math.pi * at * step / points_ for at in range(points_)]
    return shapely.Polygon([(36 + math.cos(a), math.sin(a)) for a in angles])


def recipe(folder: Path) -> Path:
    path = folder / "recipe.toml"
    path.write_text("[clusters]\n" + "# a remark\n" * 20)
    return path


@pytest.fixture(scope="module")
def edition(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an edition of a small raster."""
    folder = tmp_path_factory.mktemp("edition")
    data = open_layers(hostile.geotiff(folder / "in" / hostile.NAME))
    hs.analyze(data, regions="countries").save(folder / "made")
    return folder / "made"


def add(path: Path) -> list[str]:
    declared = ["--as", "soc_stock", "--unit", "t ha-1", "--depth", "0-30", "--cell", "0.5"]
    stated = ["--source", "x", "--citation", "x", "--licence", "CC BY 4.0", "--crs", "EPSG:4326"]
    return ["add-layer", str(path), *declared, *stated, "--store", str(path.parent / "made")]


def analyze(path: Path) -> list[str]:
    return ["analyze", "--data", str(path), "--out", str(path.parent / "made")]


def check(path: Path) -> list[str]:
    return ["recipe", "check", str(path)]


def validate(path: Path) -> list[str]:
    return ["registry", "validate", str(path)]


def region(path: Path) -> Any:
    return hs.region(str(path))


BOX = shapely.box(34, 0, 36, 2)
CIRCLE = shapely.Point(36, 0).buffer(1, quad_segs=2_000)
CASES = [
    Case("grid_cells", 399, raster(), analyze, is_command=True),
    Case("raster_cells", 399, raster(), analyze, is_command=True),
    Case("raster_cells", 399, raster(), add, is_command=True),
    Case("raster_cells", 8, points, add, is_command=True),
    Case("raster_bands", 2, raster(count=3), lambda p: [*add(p), "--band", "1"], is_command=True),
    Case("raster_blocks", 1, raster(blockysize=4), add, is_command=True),
    Case("block_bytes", 1_599, raster(blockysize=20), add, is_command=True),
    Case("block_bytes", 1_599, raster(blockysize=20), open_layers),
    Case("block_bytes", 1_599, netcdf, open_layers),
    Case("block_bytes", 1_599, zarr, add, is_command=True),
    Case("file_bytes", 20, records(), validate, is_command=True),
    Case("file_bytes", 20, workbook, validate, is_command=True),
    Case("file_bytes", 20, record_features, validate, is_command=True),
    Case("records_bytes", 20, records(), validate, is_command=True),
    Case("records_bytes", 20, record_features, validate, is_command=True),
    Case("file_bytes", 20, points, add, is_command=True),
    Case("file_bytes", 20, outline(BOX), region),
    Case("file_bytes", 20, outline(BOX, "area.gpkg"), region),
    Case("file_bytes", 20, outline(BOX, "area.parquet"), region),
    Case("toml_bytes", 40, recipe, check, is_command=True),
    Case("json_bytes", 40, lambda folder: folder / "edition", open_edition),
    Case("unpacked_bytes", 20, outline(BOX, "area.parquet"), region),
    Case("workbook_bytes", 20, workbook, validate, is_command=True),
    Case("workbook_bytes", 20, sheet("ods"), validate, is_command=True),
    Case("workbook_bytes", 20, sheet("xls"), validate, is_command=True),
    Case("file_bytes", 20, sheet("ods"), validate, is_command=True),
    Case("file_bytes", 20, sheet("xls"), validate, is_command=True),
    Case("rows", 1, sheet("ods"), validate, is_command=True),
    Case("rows", 1, sheet("xls"), validate, is_command=True),
    Case("columns", 2, sheet("ods"), validate, is_command=True),
    Case("columns", 2, sheet("xls"), validate, is_command=True),
    Case("read_seconds", 1e-9, sheet("ods"), validate, is_command=True),
    Case("read_seconds", 1e-9, sheet("xls"), validate, is_command=True),
    Case("rows", 2, records(), validate, is_command=True),
    Case("rows", 1, workbook, validate, is_command=True),
    Case("rows", 2, record_features, validate, is_command=True),
    Case("rows", 2, points, add, is_command=True),
    Case("columns", 2, records(), validate, is_command=True),
    Case("columns", 2, workbook, validate, is_command=True),
    Case("columns", 2, points, add, is_command=True),
    Case("columns", 1, outline(BOX, "area.gpkg"), region),
    Case("columns", 1, outline(BOX, "area.parquet"), region),
    Case("vertices", 4, outline(BOX), region),
    Case("vertices", 4, outline(BOX), add, is_command=True),
    Case("edge_pairs", 100, outline(CIRCLE), region),
    Case("crossings", 5, outline(star(101)), region),
    Case("path_letters", 10, recipe, check, is_command=True),
    Case("read_seconds", 1e-9, records(), validate, is_command=True),
    Case("read_seconds", 1e-9, workbook, validate, is_command=True),
    Case("read_seconds", 1e-9, points, add, is_command=True),
    Case("read_seconds", 1e-9, recipe, check, is_command=True),
    Case("read_seconds", 1e-9, outline(BOX, "area.parquet"), region),
]


def test_every_limit_has_a_case() -> None:
    assert {case.limit for case in CASES} == set(Limits.model_fields)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.limit)
def test_a_limit_refuses_what_exceeds_it_and_passes_it_when_raised(
    case: Case, tmp_path: Path, run: Any, edition: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if case.limit == "json_bytes":
        shutil.copytree(edition, tmp_path / "edition")
    path = case.make(tmp_path)
    (name,) = variables(Limits, case.limit)
    with monkeypatch.context() as lowered:
        lowered.setenv(name, str(case.low))
        if case.is_command:
            code, out, message = run(*case.read(path))
            assert (code, out) == (2, ""), message
        else:
            with pytest.raises(BadInputError) as raised:
                case.read(path)
            message = str(raised.value)
    assert len([line for line in message.splitlines() if not line.startswith("… ")]) == 1
    assert f" {case.low:,} " in message
    assert f"raise the limit: {name}=" in message
    if case.is_command:
        code, _, message = run(*case.read(path))
        assert code == 0, message
    else:
        case.read(path)
