"""Which places lie on land, and in which countries: points against the outlines of countries."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import shapely

from hotspots.geo.areas import polygons_of
from hotspots.geo.countries import finer_in_use, outlines
from hotspots.geo.finer_outlines import FinerOutlines

Degrees = npt.NDArray[np.float64]


def countries_at(longitude: Degrees, latitude: Degrees) -> Counter[str]:
    """Return how many of some points lie in each country, by id; those at sea are left out.

    Parameters
    ----------
    longitude, latitude : array, shape (n,)
        Degrees, EPSG:4326; longitudes from -180 to 180.
    """
    tree, ids = _index(finer_in_use())
    points, shapes = tree.query(shapely.points(longitude, latitude), predicate="intersects")
    # A point on a border is in two, one in two polygons of a country only once.
    return Counter(code for _, code in {(p, ids[s]) for p, s in zip(points, shapes, strict=True)})


def share_on_land(longitude: Degrees, latitude: Degrees, slack: float = 0.0) -> float:
    """Return the share of points that lie on land, or within `slack` degrees of it; NaN of none."""
    if not longitude.size:
        return float("nan")
    tree, _ = _index(finer_in_use())
    given = shapely.points(longitude, latitude)
    if slack:
        found = tree.query(given, predicate="dwithin", distance=slack)
    else:
        found = tree.query(given, predicate="intersects")
    return float(np.unique(found[0]).size / longitude.size)


@lru_cache(maxsize=2)
def _index(finer: FinerOutlines | None) -> tuple[shapely.STRtree, tuple[str, ...]]:
    """Return a tree of the polygons of all outlines in use, and the country of each."""
    parts = [(part, code) for code, shape in outlines().items() for part in polygons_of(shape)]
    return shapely.STRtree([part for part, _ in parts]), tuple(code for _, code in parts)
