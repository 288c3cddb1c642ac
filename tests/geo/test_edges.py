"""Crossings of an outline's edges: found by an index of the edges, so that effort is bounded."""

from __future__ import annotations

import hostile_files
import numpy as np
import pytest
import shapely

from hotspots.errors import BadInputError
from hotspots.geo.edges import _crosses, _ends, _near, _pieces, require_simple, require_untangled
from hotspots.geo.user_geometry import usable

VERTICES = 1_000_000


def ring(radius: np.ndarray) -> shapely.Polygon:
    """Return an outline around 20 E on the equator, given its radius (degrees) by direction."""
    angle = np.linspace(0, 2 * np.pi, len(radius), endpoint=False)
    return shapely.Polygon(np.c_[20 + radius * np.cos(angle), radius * np.sin(angle)])


OUTLINES = {
    "circle": np.full(VERTICES, 10.0),
    "jagged": 10 + 0.001 * np.random.default_rng(1).random(VERTICES),
}


@pytest.mark.parametrize("name", OUTLINES)
def test_an_outline_of_a_million_vertices_is_read_with_few_comparisons(name: str) -> None:
    outline = ring(OUTLINES[name])
    ends, starts = _ends([outline])
    compared = sum(pairs.shape[1] for pairs in _near(_pieces(ends, starts, 2)))
    assert len(starts) == VERTICES
    assert compared < 20 * VERTICES  # all pairs would be half a million times as many
    assert usable(outline).equals_exact(outline, tolerance=0)


@pytest.mark.parametrize(
    "outline",
    [
        shapely.Polygon(hostile_files.comb(60)),
        shapely.Polygon(np.random.default_rng(2).random((300, 2))),
        # Edges that touch, overlap or share an end don't cross.
        shapely.Polygon([(0, 0), (4, 0), (4, 4), (2, 0), (0, 4)]),
        shapely.Polygon([(0, 0), (4, 0), (4, 4), (3, 0), (1, 0), (0, 4)]),
    ],
)
def test_as_many_crossings_are_counted_as_geos_finds(outline: shapely.Polygon) -> None:
    ends, starts = _ends([outline])
    pieces = _pieces(ends, starts, 1)
    found = sum(int(_crosses(ends, starts[a], starts[b]).sum()) for a, b in _near(pieces))
    assert found == shapely.STRtree(pieces).query(pieces, predicate="crosses").shape[1] / 2


def test_the_count_stops_at_the_limit() -> None:
    comb = shapely.Polygon(hostile_files.comb(2_000))  # four million crossings
    with pytest.raises(BadInputError, match="more than 50,000 crossings of its edges"):
        require_untangled([comb])
    hatch = shapely.Polygon(hostile_files.hatch(20_000))
    with pytest.raises(BadInputError, match="more than 50,000,000 pairs of edges near each other"):
        require_simple([hatch])
