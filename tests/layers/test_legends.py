"""Legends of other makers become canonical classes; an unknown code is never passed over."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from hotspots.analysis.ipcc.factor_tables import STATUSES, status_kind
from hotspots.errors import RasterError
from hotspots.layers.legends import legend, legend_names, to_canonical, to_land_cover
from hotspots.layers.variables import LAND_COVERS, variable

LAND = ("esa-cci", "igbp", "lc100", "worldcover")


@pytest.mark.parametrize("name", legend_names())
def test_a_legend_is_whole(name: str) -> None:
    told = legend(name)
    classes = variable(told.variable).classes or {}
    assert set(told.classes.values()) <= set(classes.values())
    assert not set(told.missing) & set(told.classes)
    assert all(told.labels[code] for code in told.classes)
    assert {status_kind(status) for status in told.statuses.values()} <= set(STATUSES)
    codes = np.array(list(told.classes))
    names = [classes[code] for code in to_canonical(codes, name).tolist()]
    assert names == list(told.classes.values())


@pytest.mark.parametrize("name", LAND)
def test_every_class_of_the_seven_is_met(name: str) -> None:
    assert set(legend(name).classes.values()) == set(LAND_COVERS.values())


def test_esa_cci_is_the_reference_table(shared: Path) -> None:
    path = shared / "science" / "tables" / "esa_cci_to_unccd7.csv"
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    codes = np.array([int(row["esa_cci_code"]) for row in rows])
    assert len(codes) == len(legend("esa-cci").classes) == 37
    expected = [int(row["unccd_code"]) for row in rows]
    assert to_land_cover(codes, "esa-cci").tolist() == expected


@pytest.mark.parametrize(
    ("name", "codes", "classes"),
    [
        # ESA CCI 40 is a mosaic of which less than half is cropland, and counts as cropland.
        ("esa-cci", [10, 40, 100, 130, 170, 190, 202, 210, 220], [3, 3, 1, 2, 4, 5, 6, 7, 6]),
        (
            "worldcover",
            [10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100],
            [1, 2, 2, 3, 5, 6, 6, 7, 4, 4, 2],
        ),
        ("lc100", [20, 40, 50, 60, 80, 90, 111, 116, 126, 200], [2, 3, 5, 6, 7, 4, 1, 1, 1, 7]),
        ("igbp", [5, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18], [1, 1, 2, 4, 3, 5, 3, 6, 6, 7, 2]),
    ],
)
def test_known_answers(name: str, codes: list[int], classes: list[int]) -> None:
    assert to_land_cover(codes, name).tolist() == classes


def test_the_igbp_table_of_land_models(shared: Path) -> None:
    """Its 18th class, tundra, is not in the MODIS legend of 17."""
    path = shared / "data" / "global_2deg" / "gridinfo_igbpz.csv"
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    codes = np.array([int(row["ivt_igbp"]) for row in rows])
    got = to_land_cover(codes, "igbp")
    assert len(got) == 4299
    assert (got > 0).all()
    assert (got == 3).sum() == (codes == 12).sum() + (codes == 14).sum()
    assert set(got[codes == 18]) == {2}


@pytest.mark.parametrize("kind", ["uint8", "int16", "float32"])
@pytest.mark.parametrize(
    ("name", "missing", "cropland"),
    [
        ("esa-cci", 0, 10),
        ("worldcover", 0, 40),
        ("lc100", 0, 40),
        ("lc100", 255, 40),
        ("igbp", 255, 12),
    ],
)
def test_missing_stays_missing(name: str, missing: int, cropland: int, kind: str) -> None:
    got = to_land_cover(np.array([[missing, cropland], [missing, missing]], dtype=kind), name)
    assert got.tolist() == [[0, 3], [0, 0]]
    assert got.dtype == np.uint8
    assert to_land_cover([np.nan, cropland], name).tolist() == [0, 3]


@pytest.mark.parametrize("kind", ["uint8", "int16", "float64"])
def test_an_unknown_code_is_named_with_its_legend_and_cells(kind: str) -> None:
    """Bytes are looked up, other numbers searched: both must see it."""
    given = np.array([[10, 13, 13], [254, 10, 0]]).astype(kind)
    with pytest.raises(RasterError) as caught:
        to_land_cover(given, "esa-cci")
    assert str(caught.value).startswith(
        "The legend 'esa-cci' lacks the codes 13 (2 cells), 254 (1 cell)."
    )


def test_strange_numbers_are_no_codes() -> None:
    for given in ([10.5], [-1], [100000], [np.inf]):
        with pytest.raises(RasterError, match="The legend 'worldcover' lacks the codes"):
            to_land_cover(np.array(given), "worldcover")
    with pytest.raises(RasterError, match="and 4 more"):
        to_land_cover(np.arange(1, 10.1), "worldcover")


def test_bytes_and_other_numbers_give_the_same() -> None:
    rng = np.random.default_rng(4)
    codes = rng.choice([*legend("lc100").classes, 0, 255], size=(50, 40))
    as_bytes = to_land_cover(codes.astype("uint8"), "lc100")
    assert (as_bytes == to_land_cover(codes.astype("float32"), "lc100")).all()
    assert to_land_cover(np.array([], dtype="uint8"), "lc100").shape == (0,)


def test_legends_are_not_mixed_up() -> None:
    with pytest.raises(RasterError, match="is of 'koppen_geiger', not of land cover"):
        to_land_cover([1], "koppen-geiger")
    with pytest.raises(RasterError, match="'esa_cci' is unknown; did you mean esa-cci"):
        to_land_cover([10], "esa_cci")
    assert to_canonical([0, 1, 30], "koppen-geiger").tolist() == [0, 1, 30]
    # Colin Hill's 1 is tropical montane, which is 9 in the JRC's numbering.
    assert to_canonical([1, 0], "colinahill_2019").tolist() == [9, 0]
