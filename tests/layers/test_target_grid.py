"""The grid asked for: sizes as people say them, boxes of regions, whole cells of one world grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

import hotspots as hs
from hotspots.errors import BadInputError
from hotspots.layers.target_grid import boxes_of, cell_size, covers, size_text, target_grid


@pytest.mark.parametrize(
    ("text", "per_degree"),
    [
        ("1km", 120),
        ("1 km", 120),
        ("250m", 480),
        ("500 m", 240),
        ("300m", 360),
        ("100m", 1200),
        ("10km", 12),
        ("5km", 24),
        ("50km", 2),
        ("0.5", 2),
        (0.25, 4),
        ("30s", 120),
        ('15"', 240),
        ("5min", 12),
        ("0.1deg", 10),
    ],
)
def test_sizes_are_read_as_people_say_them(text: str | float, per_degree: float) -> None:
    assert cell_size(text) == pytest.approx(1 / per_degree, rel=1e-12)


@pytest.mark.parametrize(
    "text", ["", "nan", "0", "0km", "-1km", "1 mile", "fine", "90", "1e-9", "9e9km"]
)
def test_what_is_no_size_is_told(text: str) -> None:
    with pytest.raises(BadInputError, match="isn't a cell size"):
        cell_size(text)


def test_a_size_is_told_in_words() -> None:
    assert size_text(1 / 120) == "30 arc-seconds (about 928 m at the equator)"
    assert size_text(1 / 12) == "5 arc-minutes (about 9.28 km at the equator)"
    assert size_text(0.5) == "0.5 degrees (about 55.7 km at the equator)"


@given(
    st.floats(-180, 179),
    st.floats(-90, 89),
    st.floats(0.01, 60),
    st.floats(0.01, 40),
    st.sampled_from([0.5, 0.1, 1 / 12, 1 / 24]),
)
def test_a_grid_holds_its_box_in_whole_cells_of_the_world_grid(
    west: float, south: float, width: float, height: float, degrees: float
) -> None:
    one = (west, south, min(west + width, 180), min(south + height, 90))
    grid = target_grid([one], degrees)
    got = grid.bounds
    assert got[0] <= one[0] + 1e-6
    assert got[1] <= one[1] + 1e-6
    assert got[2] >= one[2] - 1e-6
    assert got[3] >= one[3] - 1e-6
    assert got[0] >= -180 - 1e-9
    assert got[3] <= 90 + 1e-9
    assert one[0] - got[0] < degrees + 1e-6
    assert got[2] - one[2] < degrees + 1e-6
    steps = ((got[0] + 180) / degrees, (90 - got[3]) / degrees)
    assert np.allclose(steps, np.round(steps), atol=1e-6)
    assert covers(grid, [one])


def test_boxes_of_regions_at_the_antimeridian_are_two() -> None:
    for code in ("FJI", "RUS"):
        boxes = boxes_of(hs.region(code).geometry)
        assert len(boxes) == 2, code
        assert boxes[0][2] == pytest.approx(180)
        assert boxes[1][0] == pytest.approx(-180)
    assert len(boxes_of(hs.region((170, -20, -170, -10)).geometry)) == 2
    for code in ("KEN", "FRA", "GBR", "BRA"):
        assert len(boxes_of(hs.region(code).geometry)) == 1, code


def test_two_boxes_take_all_columns_of_their_rows() -> None:
    grid = target_grid([(170, -20, 180, -10), (-180, -20, -170, -10)], 0.5)
    assert grid.bounds == (-180, -20, 180, -10)
    assert grid.wraps


def test_kenya_at_one_kilometre() -> None:
    grid = target_grid(boxes_of(hs.region("KEN").geometry), cell_size("1km"))
    assert 0.9e6 < grid.shape[0] * grid.shape[1] < 1.4e6
    assert not covers(grid, [(0, 0, 10, 10)])


def test_too_many_cells_are_told() -> None:
    with pytest.raises(BadInputError, match="Give a larger --resolution or a smaller --region"):
        target_grid([box(-180, -90, 180, 90).bounds], cell_size("250m"))
