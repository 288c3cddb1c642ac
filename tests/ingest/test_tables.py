"""Tables of points: each number in its place, or a refusal; never another column or cell."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspots.errors import RasterError
from hotspots.ingest.regrid.source_raster import open_grid, read
from hotspots.ingest.user_files.lattice import NoLatticeError, axis_of
from hotspots.ingest.user_files.read import read_own
from hotspots.layers.variables import variable

STOCK = {"variable": "soc_stock", "unit": "t ha-1", "depth": "0-30"}
POINTS = {(0.5, 30.5): 50.0, (0.5, 31.5): 60.0, (1.5, 30.5): 70.0, (1.5, 31.5): 80.0}


def cells(path: Path, **options: Any) -> dict[tuple[float, float], float]:
    """Return (latitude, longitude) of each cell with a value -> value, as the product reads it."""
    own = read_own(path, **(STOCK | {"cache": path.parent} | options))
    grid, values = open_grid(own.raw), read(own.raw, row=variable("soc_stock"))[0]
    return {
        (round(float(grid.y[i]), 4), round(float(grid.x[j]), 4)): float(values[i, j])
        for i, j in np.argwhere(np.isfinite(values))
    }


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(RasterError) as caught:
        read_own(path, **(STOCK | {"cache": path.parent} | options))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    return path


HEADING = ["lat", "lon", "soc_stock"]


def lines(delimiter: str = ",", decimal: str = ".") -> list[list[str]]:
    return [
        [f"{v:g}".replace(".", decimal) for v in (*place, value)] for place, value in POINTS.items()
    ]


# -- rows and heading ---------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", " "])
def test_row_names_of_r_take_no_column(tmp_path: Path, delimiter: str) -> None:
    """R's write.table names rows, and its heading is one shorter."""
    rows = [[f'"{17 * i}"', *row] for i, row in enumerate(lines(), start=1)]
    heading = [f'"{name}"' for name in HEADING]
    text = "\n".join(delimiter.join(row) for row in [heading, *rows])
    assert cells(written(tmp_path, text + "\n")) == POINTS


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_heading_may_begin_with_an_empty_name(tmp_path: Path, delimiter: str) -> None:
    """As R's write.csv and pandas write it; stripped, a tab would take a column with it."""
    rows = [[str(i), *row] for i, row in enumerate(lines(), start=1)]
    text = "\n".join(delimiter.join(row) for row in [["", *HEADING], *rows])
    assert cells(written(tmp_path, text)) == POINTS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        # Numbers without quotes may be row names, or the last column one without a name.
        ("lat,lon,soc_stock\n1,0.5,30.5,50\n2,0.5,31.5,60\n", "row.names = FALSE"),
        ("lat,lon,soc_stock\n0.5,30.5,50,1\n1.5,31.5,60,2\n", "row.names = FALSE"),
        ("lat,lon,soc_stock\n0,5,30,5,50,5\n1,5,31,5,60,5\n", "Line 2"),
        ("lat,lon,soc_stock\n1,30,50,5\n2,31,60,5\n", "heading names 3"),
        ("lat,lon,soc_stock\n0.5,30.5,50\n1.5,31.5,60,7\n", "Line 3"),
        ("lat,lon,soc_stock\n0.5,30.5,50\n1.5,31.5\n", "Line 3"),
        ('lat,lon,soc_stock\n"a",0.5,30.5,\n"b",1.5,31.5,\n', "the last is empty"),
        ("lat,lon,soc_stock,soc_stock\n0.5,30.5,50,1\n1.5,31.5,60,2\n", "several columns"),
        ("lat,lon,soc_stock\n", "no rows"),
        ('"lat,lon,soc_stock\n0.5,30.5,50\n', "quote"),
    ],
)
def test_rows_that_dont_fit_the_heading_are_refused(tmp_path: Path, text: str, words: str) -> None:
    assert words in refused(written(tmp_path, text))


def test_delimiters_at_the_end_of_rows_and_empty_rows_count_for_nothing(tmp_path: Path) -> None:
    rows = [
        ",".join(row) + ending for row, ending in zip(lines(), (",", "", ",,", ","), strict=True)
    ]
    text = "\n".join(["lat,lon,soc_stock,,", *rows[:2], "", ",,", *rows[2:], ",,,"])
    assert cells(written(tmp_path, text)) == POINTS


def test_a_first_line_for_excel_states_the_delimiter(tmp_path: Path) -> None:
    rows = [";".join(row) for row in lines(decimal=",")]
    assert cells(written(tmp_path, "\n".join(["sep=;", ";".join(HEADING), *rows]))) == POINTS


def test_names_may_hold_other_delimiters(tmp_path: Path) -> None:
    rows = [";".join(row) for row in lines()]
    text = "\n".join(['lat;lon;"soc, 0-30, t/ha, mean"', *rows])
    assert cells(written(tmp_path, text)) == POINTS


def test_coordinates_are_a_pair(tmp_path: Path) -> None:
    text = "X,lat,lon,x,y,soc_stock\n" + "".join(
        f"{i},{lat},{lon},{500000 + 1000 * lon},{1000 * lat},{value}\n"
        for i, ((lat, lon), value) in enumerate(POINTS.items())
    )
    path = written(tmp_path, text)
    assert cells(path) == POINTS
    on_map = {(1000 * lat, 500000 + 1000 * lon): value for (lat, lon), value in POINTS.items()}
    assert cells(path, crs="EPSG:32636") == on_map
    only_degrees = written(tmp_path, "lat,lon,soc_stock\n0.5,30.5,50\n1.5,31.5,60\n")
    assert "which are degrees" in refused(only_degrees, crs="EPSG:32636")


# -- numbers ------------------------------------------------------------------------------------


def test_decimal_commas_between_semicolons(tmp_path: Path) -> None:
    text = "lat;lon;soc_stock\n0,5;30,5;1,234\n1,5;31,5;50\n"
    assert cells(written(tmp_path, text)) == {(0.5, 30.5): 1.234, (1.5, 31.5): 50.0}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('lat,lon,soc_stock\n0.5,30.5,"1,234"\n1.5,31.5,50\n', "line 2 has '1,234'"),
        ("lat;lon;soc_stock\n0.5;30.5;1,234\n1.5;31.5;50\n", "'1,234'"),
        ("lat;lon;soc_stock\n0,5;30,5;1.234,5\n1,5;31,5;50\n", "1.234,5"),
        ("y;x;soc_stock\n1000;500000;1,234\n2000;501000;2,345\n", "or separate thousands"),
        ("lat,lon,soc_stock\n0.5,30.5,50 t/ha\n1.5,31.5,50\n", "50 t/ha"),
        ("lat,lon,soc_stock\n0.5,30.5,1_000\n1.5,31.5,50\n", "1_000"),
        ("lat,lon,soc_stock\n0.5,30.5,1 234\n1.5,31.5,50\n", "1 234"),
        ("lat,lon,soc_stock\n0.5,30.5,50\n1.5,,60\n", "missing in 1 rows"),
    ],
)
def test_texts_that_are_no_plain_numbers_are_refused(tmp_path: Path, text: str, words: str) -> None:
    crs = {"crs": "EPSG:32636"} if text.startswith("y") else {}
    assert words in refused(written(tmp_path, text), **crs)


@pytest.mark.parametrize("text", ["NA", "", "nan", "NULL", "-"])
def test_missing_values_are_missing(tmp_path: Path, text: str) -> None:
    table = f"lat,lon,soc_stock\n0.5,30.5,{text}\n1.5,31.5,50\n"
    assert cells(written(tmp_path, table)) == {(1.5, 31.5): 50.0}


def test_nan_is_never_said_to_count_as_a_value(tmp_path: Path) -> None:
    """The cells without a row are NaN in the raster made here, whatever nodata is declared."""
    text = "lat,lon,soc_stock\n1.5,30.5,-9999\n1.5,31.5,60\n0.5,30.5,70\n"
    path = written(tmp_path, text)
    own = read_own(path, **STOCK, nodata=-9999.0, cache=tmp_path)
    assert not any("counts as a value" in note for note in own.notes)
    assert cells(path, nodata=-9999.0) == {(1.5, 31.5): 60.0, (0.5, 30.5): 70.0}


@pytest.mark.parametrize("crs", ["EPSG:4807", "EPSG:4978"])
def test_coordinates_in_grads_are_refused_with_what_to_do(tmp_path: Path, crs: str) -> None:
    text = refused(written(tmp_path, "lat,lon,soc_stock\n50,1,50\n51,2,60\n"), crs=crs)
    assert crs in text
    assert "gdalwarp" not in text


# -- the grid -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "step", "size"),
    [
        ([0.5, 1.5, 3.5, 5.5, 7.5], 1.0, 8),
        ([0.5, 2.5, 5.5], 1.0, 6),
        ([0.0417, 0.2083, 0.4583], 1 / 12, 6),
        ([500_000, 507_000, 533_000, 612_000], 1000, 113),
        ([10, 20, 40, 80, 90], 10, 9),
        (np.float32(np.arange(2000) / 120 - 10).tolist(), 1 / 120, 2000),
    ],
)
def test_the_step_is_the_greatest_common_one(given: list[float], step: float, size: int) -> None:
    axis = axis_of(np.array(given, dtype="float64"), "lat")
    assert axis.step == pytest.approx(step, rel=1e-3)
    assert axis.size == size


@pytest.mark.parametrize(
    "given", [[0, 1, 2.37], [1.2, 4.5, 7.9], [0.31, 2.77, 5.02, 9.4], [3, 3], [1, 2, 3.4, 4.1]]
)
def test_points_that_show_no_step_are_refused(given: list[float]) -> None:
    with pytest.raises(NoLatticeError):
        axis_of(np.array(given, dtype="float64"), "lat")


def test_a_stated_distance_makes_a_grid_of_few_points(tmp_path: Path) -> None:
    text = "lat,lon,soc_stock\n0.5,30.5,50\n4.5,31.5,60\n"
    path = written(tmp_path, text)
    assert "only 2 different coordinates" in refused(path)
    assert cells(path, cell=1) == {(0.5, 30.5): 50.0, (4.5, 31.5): 60.0}
    own = read_own(path, **STOCK, cell=1, cache=tmp_path)
    assert open_grid(own.raw).shape == (5, 2)
    # High cells may be meant: then they are accepted.
    wide = read_own(path, **STOCK, accept=True, cache=tmp_path)
    assert open_grid(wide.raw).shape == (2, 2)
    assert any("4 (high) by 1 (wide)" in note for note in wide.notes)
    assert "aren't multiples" in refused(path, cell=0.7)
    assert "--cell is 0" in refused(path, cell=0)


def test_a_grid_absurdly_large_against_its_points_is_refused(tmp_path: Path) -> None:
    text = "lat,lon,soc_stock\n" + "".join(
        f"{a / 100},{o / 100},5\n" for a, o in ((1, 2), (2, 340), (977, 3), (1500, 1400))
    )
    assert "--cell" in refused(written(tmp_path, text))


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, dict[tuple[int, int], float], float, tuple[float, float]]:
    """A shuffled table of a lattice with rows and columns absent; and the truth."""
    step, digits = draw(
        st.sampled_from([(1.0, 1), (0.5, 2), (1 / 12, 4), (0.25, 3), (1 / 120, 6), (2.5, 2)])
    )
    size = draw(st.integers(3, 12))
    kept = [
        sorted(draw(st.lists(st.integers(0, size - 1), min_size=2, unique=True))) for _ in range(2)
    ]
    start = [draw(st.integers(-20, 20)) * step + step / 2 for _ in range(2)]
    places = draw(st.permutations([(i, j) for i in kept[0] for j in kept[1]]))
    truth = {place: float(n + 1) for n, place in enumerate(places)}
    delimiter = draw(st.sampled_from([",", ";", "\t", " "]))
    named = draw(st.booleans())
    ending = delimiter if draw(st.booleans()) and not named and delimiter != " " else ""
    rows = [
        [f'"r{n}"'] * named
        + [f"{start[0] + i * step:.{digits}f}", f"{start[1] + j * step:.{digits}f}", f"{n + 1}"]
        for n, (i, j) in enumerate(places)
    ]
    text = "\n".join(delimiter.join(row) + ending for row in rows)
    return f"{delimiter.join(HEADING)}\n{text}\n", truth, step, (start[0], start[1])


@settings(max_examples=60, deadline=None)
@given(tables())
def test_each_value_is_in_its_place_or_the_table_is_refused(
    made: tuple[str, dict[tuple[int, int], float], float, tuple[float, float]],
) -> None:
    text, truth, step, start = made
    # Rows that are all, say, every second one can't be distinguished from a coarser grid.
    common = [np.gcd.reduce(np.diff(sorted({place[a] for place in truth}))) for a in (0, 1)]
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), text)
        try:
            own = read_own(path, **STOCK, cache=folder)
        except RasterError:
            # Only where few rows or columns are left, so that they don't show their distance.
            assert min(len({place[a] for place in truth}) for a in (0, 1)) < 6
            return
        grid, values = open_grid(own.raw), read(own.raw, row=variable("soc_stock"))[0]
    assert abs(grid.transform.e) == pytest.approx(step * common[0], rel=0.02)
    assert grid.transform.a == pytest.approx(step * common[1], rel=0.02)
    found = {
        (round((grid.y[i] - start[0]) / step), round((grid.x[j] - start[1]) / step)): values[i, j]
        for i, j in np.argwhere(np.isfinite(values))
    }
    assert found == truth
