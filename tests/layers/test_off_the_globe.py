"""Cells of a projected world that show no place: found alike, whether all parts are looked at."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
from affine import Affine

from hotspots.ingest.regrid import reproject
from hotspots.ingest.regrid.source_raster import SourceRaster
from hotspots.layers.grid import Grid


@pytest.mark.parametrize("crs", ["+proj=sinu", "ESRI:54052", "+proj=moll", "EPSG:6933"])
def test_only_the_edge_of_the_globe_is_looked_at_part_by_part(
    crs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, shape, parts = 250_000.0, (80, 164), 4
    x, y = -size * shape[1] / 2, size * shape[0] / 2
    known = pyproj.CRS.from_user_input(crs)
    target = Grid(Affine(size, 0, x, 0, -size, y), shape, known)
    view = reproject.Warped(SourceRaster(""), target, target, parts, parts)
    fine = view.grid
    asked: list[int] = []
    repeats = reproject._repeats

    def counted(grid: Grid, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        asked.append(x.size)
        return repeats(grid, x, y)

    monkeypatch.setattr(reproject, "_repeats", counted)
    found = reproject._off_the_globe(view, (0, fine.shape[0]))
    columns, rows = np.meshgrid(np.arange(fine.shape[1]) + 0.5, np.arange(fine.shape[0]) + 0.5)
    # A cut between lobes may begin inside a cell: some hair's breadth of Homolosine.
    assert (found != repeats(fine, columns, rows)).mean() < 2e-4
    if crs != "ESRI:54052":
        assert np.array_equal(found, repeats(fine, columns, rows))
    assert found.any() != found.all()
    assert asked[1] < 0.25 * found.size
