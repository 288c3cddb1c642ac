"""Patches: labels, small ones dropped, outlines; small masks drawn in the text."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine

from hotspots.analysis.hotspots.patches import drop_small, label_patches, patch_polygons
from hotspots.errors import BadInputError
from hotspots.layers.grid import Grid


def mask(drawing: str) -> np.ndarray:
    return np.array([[c == "#" for c in line] for line in drawing.split()])


MAP = mask("""
    #....#
    .#....
    ......
    ###..#
    ......
    #....#
""")


def test_corners_hang_together() -> None:
    expected = np.zeros((6, 6), dtype="int32")
    expected[0, 0] = expected[1, 1] = 1
    expected[0, 5] = 2
    expected[3, :3] = 3
    expected[3, 5] = 4
    expected[5, 0], expected[5, 5] = 5, 6
    labels = label_patches(MAP)
    np.testing.assert_array_equal(labels, expected)
    assert labels.dtype == np.int32


def test_patches_across_the_antimeridian_are_one() -> None:
    """The corner cells, the bar and the last row each meet their other half."""
    expected = np.zeros((6, 6), dtype="int32")
    expected[0, 0] = expected[1, 1] = expected[0, 5] = 1
    expected[3, :3] = expected[3, 5] = 2
    expected[5, 0] = expected[5, 5] = 3
    np.testing.assert_array_equal(label_patches(MAP, wraps=True), expected)
    # By a corner, too: the last cell of row 0 and the first of row 1.
    assert label_patches(mask("...# #..."), wraps=True).max() == 1
    assert label_patches(mask("...# .... #..."), wraps=True).max() == 2


def test_wrapped_labels_turn_with_the_globe() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        cells = rng.random((12, 20)) < 0.35
        here = label_patches(cells, wraps=True)
        turned = np.roll(label_patches(np.roll(cells, 7, axis=1), wraps=True), -7, axis=1)
        assert here.max() == turned.max()
        pairs = set(zip(here.ravel(), turned.ravel(), strict=True))
        assert len(pairs) == here.max() + 1


def test_a_patch_that_stays_has_enough_cells_and_area() -> None:
    """Bars of three cells; each cell 4 km² above, 1 km² below."""
    cells = mask("###. .... ###. ...# ....")
    area = np.array([400.0, 400, 100, 100, 100])[:, None]
    np.testing.assert_array_equal(drop_small(cells, area, 1, 5), mask("###. .... .... .... ...."))
    np.testing.assert_array_equal(
        drop_small(cells, area, 4, None), mask(".... .... ###. ...# ....")
    )
    np.testing.assert_array_equal(drop_small(cells, area, None, None), cells)
    assert not drop_small(cells, area, 4, 5).any()
    assert not drop_small(np.zeros((2, 2), dtype=bool), 1.0, 4, 5).any()


def test_wrapping_saves_a_patch() -> None:
    cells = mask("#....#")
    assert drop_small(cells, 1e5, 2, 1000, wraps=True).sum() == 2
    assert not drop_small(cells, 1e5, 2, 1000).any()


@pytest.mark.parametrize("south_up", [False, True])
def test_outlines_follow_the_cells(south_up: bool) -> None:
    transform = Affine(10, 0, -180, 0, 10 if south_up else -10, -30 if south_up else 30)
    grid = Grid(transform, (6, 6), pyproj.CRS(4326))
    outlines = patch_polygons(label_patches(MAP), grid).set_index("label").geometry
    assert outlines.crs.to_epsg() == 4326
    assert list(outlines.index) == [1, 2, 3, 4, 5, 6]
    top = -20 if south_up else 20
    bar = shapely.box(-180, -10 if not south_up else 0, -150, 0 if not south_up else 10)
    assert outlines[3].equals(bar)
    first = shapely.box(-180, min(top, 3 * top / 2), -170, max(top, 3 * top / 2))
    assert outlines[1].contains(first)
    assert outlines[1].area == 200


def test_outlines_of_random_masks_are_valid_and_whole() -> None:
    """Touching corners, rings and holes within holes: valid, and the area of their cells."""
    rng = np.random.default_rng(1)
    for share in (0.3, 0.5, 0.8):
        labels = label_patches(rng.random((40, 50)) < share)
        grid = Grid(Affine(1, 0, 0, 0, -1, 40), labels.shape, pyproj.CRS(6933))
        outlines = patch_polygons(labels, grid)
        assert outlines.is_valid.all()
        assert (outlines.geom_type == "MultiPolygon").all()
        np.testing.assert_allclose(outlines.area, np.bincount(labels.ravel())[1:])


def test_nothing_gives_an_empty_table_and_wrong_shapes_are_told() -> None:
    grid = Grid(Affine(1, 0, 0, 0, -1, 2), (2, 2), pyproj.CRS(4326))
    empty = patch_polygons(np.zeros((2, 2), dtype="int32"), grid)
    assert len(empty) == 0
    assert empty.crs is not None
    with pytest.raises(BadInputError, match="shape"):
        patch_polygons(np.zeros((3, 2), dtype="int32"), grid)
    with pytest.raises(BadInputError, match="2-D"):
        label_patches(np.zeros(3))
