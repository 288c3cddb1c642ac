"""What a download is said to cost, held against the cells that the reader of windows then takes."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
from affine import Affine

import hotspots as hs
from hotspots.ingest.access.windows import windows
from hotspots.ingest.download_size import download_bytes
from hotspots.ingest.layer_requests import LayerRequest, chosen_accesses, requested_layers
from hotspots.ingest.sources.catalogue import source
from hotspots.ingest.sources.model import Access, Product, Source
from hotspots.layers.target_grid import boxes_of

ONE_KM = 1 / 120


def size(words: list[str], region: str, cell: float = ONE_KM) -> int | None:
    """Return the size of a request as `sources for` states it."""
    requests = [(r, chosen_accesses(r, cell)[0]) for r in requested_layers(words)]
    return download_bytes(requests, boxes_of(hs.region(region).geometry), cell)


@pytest.mark.parametrize("region", ["SEN", "FJI", "RUS", "COM"])
def test_a_window_of_degrees_is_counted_as_it_is_read(region: str) -> None:
    boxes = boxes_of(hs.region(region).geometry)
    grid = Affine(ONE_KM, 0, -180, 0, -ONE_KM, 90)
    read = windows(grid, (21_600, 43_200), pyproj.CRS(4326), boxes)
    stored = sum(w.height * w.width for w in read) * 4
    counted = size(["gsocmap"], region)
    assert counted is not None
    assert stored * 0.99 <= counted <= stored * 1.05 + 40_000


@pytest.mark.parametrize("region", ["SEN", "NZL", "COM"])
def test_a_projected_window_is_counted_as_it_is_read(region: str) -> None:
    boxes = boxes_of(hs.region(region).geometry)
    crs = pyproj.CRS.from_user_input("ESRI:54052")
    grid = Affine(1000, 0, -20_000_000, 0, -1000, 9_000_000)
    read = windows(grid, (18_000, 40_000), crs, boxes)
    (product,) = source("soilgrids").defaults()
    stored = sum(w.height * w.width for w in read) * np.dtype(product.dtype or "float32").itemsize
    counted = size(["soilgrids"], region)
    assert counted is not None
    assert stored * 0.95 <= counted <= stored * 1.10 + 40_000


def test_overviews_of_tiles_are_counted_where_they_are_read() -> None:
    fine, coarse = size(["worldcover"], "SEN", ONE_KM), size(["worldcover"], "SEN", 0.1)
    assert fine is not None
    assert coarse is not None
    assert fine > 50 * coarse


def _own(megabytes: float) -> tuple[Source, Access]:
    access = Access("whole", "file", "https://e.invalid/{year}.zip", 0.1, megabytes=megabytes)
    products = tuple(Product(n, unit="%", years=(2000, 2010)) for n in ("clay", "sand"))
    source = Source("s", "S", "P", "", "", "", "cc-by-4.0", "verified", products, (access,))
    return source, access


def test_a_whole_file_that_products_share_counts_once() -> None:
    own, access = _own(30.0)
    both = [(LayerRequest(own, p, 2000), access) for p in own.products]
    assert download_bytes(both, [(0, 0, 1, 1)], 0.1) == 30_000_000
    other = (LayerRequest(own, own.products[0], 2010), access)
    assert download_bytes([*both, other], [(0, 0, 1, 1)], 0.1) == 60_000_000


def test_an_unknown_size_is_said_and_not_guessed() -> None:
    own, access = _own(0.0)
    assert download_bytes([(LayerRequest(own, own.products[0], 2000), access)], [], 1) is None
