"""How well places given in a CRS are known on WGS 84, in which regions and other layers are given.

Between two datums PROJ uses a published transformation. Where it knows none it takes longitude and
latitude unchanged ("ballpark"), without a word: of an old datum, that is wrong by hundreds of
metres. The same happens outside the area of the published transformations, and where they need a
file of shifts that isn't installed.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import pyproj
from pyproj.aoi import AreaOfInterest
from pyproj.transformer import TransformerGroup

WGS84 = "EPSG:4326"
Box: TypeAlias = tuple[float, float, float, float]

# How far datums of the EPSG register with a known transformation lie from WGS 84, in the middle of
# their areas: half of those that aren't on it, and all. Rounded up; tests/layers/test_crs.py
# measures some.
TYPICAL_M, FARTHEST_M = 200, 2_200
# Semi-major axes and flattenings of WGS 84 and GRS 80, on which all modern datums are defined.
_MODERN = (6378137.0, (298.257223563, 298.257222101))
_UNNAMED = ("unknown", "unnamed", "not specified", "not_specified", "d_unknown", "undefined")


@dataclass(frozen=True)
class Placing:
    """How coordinates of a CRS are brought to WGS 84.

    Attributes
    ----------
    is_known : bool
        By a published transformation, one that the CRS states itself, or without any because it is
        on WGS 84.
    accuracy_m : float
        As published; NaN where it isn't.
    missing_file : str
        Name of a file of shifts that isn't installed, and with which a place would be known (or
        known better); "" if none is needed.
    is_sphere : bool
        The CRS is on a sphere, whose latitudes are taken for those of WGS 84, as its producers do.
    """

    is_known: bool
    accuracy_m: float = float("nan")
    missing_file: str = ""
    is_sphere: bool = False


def placing(crs: pyproj.CRS, box: Box | None = None) -> Placing:
    """Return how coordinates of a horizontal CRS are brought to WGS 84.

    Parameters
    ----------
    crs : CRS
        Geographic or projected, perhaps bound to a transformation of its own.
    box : (west, south, east, north), optional
        Degrees; only transformations for this area count. West > east crosses the antimeridian.
    """
    return _placing(crs.to_wkt(), box)


@lru_cache(maxsize=64)
def _placing(wkt: str, box: Box | None) -> Placing:
    crs = pyproj.CRS.from_wkt(wkt)
    if not crs.is_bound:
        if is_on_sphere(crs):
            return Placing(True, is_sphere=True)
        if _is_modern(crs) and is_unnamed(crs):
            return Placing(True, 0.0)
    try:
        group = _published(crs, box)
    except IndexError:  # pyproj's, of an operation that isn't available and needs no file
        return Placing(False)
    missing = [
        grid.short_name
        for operation in group.unavailable_operations[:1]
        for grid in operation.grids
        if not grid.available
    ]
    if not group.transformers:
        return Placing(False, missing_file=missing[0] if missing else "")
    accuracy = float(group.transformers[0].accuracy)
    better = missing and 0 <= group.unavailable_operations[0].accuracy < accuracy
    return Placing(
        True,
        accuracy if accuracy >= 0 else float("nan"),
        missing[0] if better else "",
    )


def _published(crs: pyproj.CRS, box: Box | None) -> TransformerGroup:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about files of shifts that aren't installed
        return TransformerGroup(
            crs,
            WGS84,
            always_xy=True,
            # pyproj's annotation names a class of its own of the same content.
            area_of_interest=None if box is None else AreaOfInterest(*box),  # type: ignore[arg-type]
            allow_ballpark=False,
        )


def is_unnamed(crs: pyproj.CRS) -> bool:
    """Return whether the datum of a CRS has no name but that of its ellipsoid."""
    name = "" if crs.datum is None else crs.datum.name.casefold()
    return not name or name.startswith(_UNNAMED)


def is_on_sphere(crs: pyproj.CRS) -> bool:
    """Return whether the ellipsoid of a CRS is a sphere."""
    ellipsoid = crs.ellipsoid
    return ellipsoid is not None and ellipsoid.semi_major_metre == ellipsoid.semi_minor_metre


def _is_modern(crs: pyproj.CRS) -> bool:
    axis, flattenings = _MODERN
    ellipsoid, meridian = crs.ellipsoid, crs.prime_meridian
    return (
        ellipsoid is not None
        and abs(ellipsoid.semi_major_metre - axis) < 1e-3
        and any(abs(ellipsoid.inverse_flattening - f) < 1e-3 for f in flattenings)
        and (meridian is None or meridian.longitude == 0)
    )
