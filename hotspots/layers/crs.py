"""Coordinate reference systems: what is read of one, when two are the same, and their units.

Only the horizontal part counts here: heights, and a transformation that shifts nothing, are left
out where layers get their CRS, so that a file isn't refused for a third axis.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyproj

from hotspots.errors import RasterError, shortened
from hotspots.layers.placing import FARTHEST_M, TYPICAL_M, WGS84, Box, is_unnamed, placing

_SAME_PLACE_M = 5.0  # WGS 84, ETRS89, NAD83 and their unnamed copies differ by less
_DEGREE = np.pi / 180
_POINTS = 9  # along each side of an area, at which two CRSs are compared
_WORLD = (-180.0, -90.0, 180.0, 90.0)
_GEOD = pyproj.Geod(ellps="WGS84")
_LONGEST_NAME = 60
_WARP = "Warp it to degrees from Greenwich: gdalwarp -t_srs EPSG:4326 IN OUT."


def crs_text(crs: pyproj.CRS) -> str:
    """Return "EPSG:n" where the CRS is that of the code, else its WKT."""
    return _code(crs) or str(crs.to_wkt())


def crs_label(crs: pyproj.CRS) -> str:
    """Return "EPSG:n" where the CRS is that of the code, else its name."""
    return _code(crs) or str(crs.name)


def crs_name(crs: pyproj.CRS) -> str:
    """Return how messages call a CRS: "EPSG:4807 (NTF (Paris))", or its own name in quotes."""
    code, name = _code(crs), shortened(crs.name, _LONGEST_NAME)
    return f"{code} ({name})" if code else f"'{name}'"


def _code(crs: pyproj.CRS) -> str:
    return _code_of(crs.to_wkt())


@lru_cache(maxsize=256)
def _code_of(wkt: str) -> str:
    crs = pyproj.CRS.from_wkt(wkt)
    code = crs.to_epsg()
    # PROJ also suggests a code for a CRS without a datum's name, by its ellipsoid alone.
    if code and (not is_unnamed(crs) or same_crs(crs, pyproj.CRS.from_epsg(code))):
        return f"EPSG:{code}"
    return ""


def metres_per_unit(crs: pyproj.CRS) -> float:
    """Return the length of one unit of a projected CRS, m: 0.3048 for feet, 1000 for km."""
    return float(crs.axis_info[0].unit_conversion_factor)


def horizontal(crs: pyproj.CRS) -> pyproj.CRS:
    """Return the horizontal, two-dimensional part of a CRS; itself if nothing is to be left out.

    Heights (compound CRSs, a third axis) are left out, and a bound transformation that shifts
    nothing; one that shifts is kept.
    """
    if crs.is_compound:
        return horizontal(crs.sub_crs_list[0])
    if crs.is_bound:
        source = crs.source_crs
        if source is None or not _shifts_nothing(crs):
            return crs
        return horizontal(source)
    return crs.to_2d() if len(crs.axis_info) > 2 and not crs.is_geocentric else crs


def _shifts_nothing(bound: pyproj.CRS) -> bool:
    operation, source = bound.coordinate_operation, bound.source_crs
    shifts = operation is not None and bool(operation.towgs84) and not any(operation.towgs84)
    # Of a datum without a name, the transformation is all that is known.
    return shifts and source is not None and (not is_unnamed(source) or placing(source).is_known)


def layer_crs(given: object, called: str = "The layer", remedy: str = _WARP) -> pyproj.CRS:
    """Return the horizontal CRS of a raster, in degrees from Greenwich or in units of length.

    Parameters
    ----------
    given : str, pyproj.CRS, rasterio.crs.CRS
        A CRS of any kind.
    called : str
        How messages call the raster: "'x.tif'".
    remedy : str
        What to do, in a sentence, if coordinates are in other units than degrees from Greenwich.

    Raises
    ------
    RasterError
        Not a CRS; one without places on the globe (local, vertical, geocentric); degrees of a
        rotated pole; longitudes and latitudes in another unit than the degree, or from another
        meridian than Greenwich.
    """
    to_wkt = getattr(given, "to_wkt", None)
    text = str(given) if to_wkt is None else str(to_wkt())
    crs, fault = _layer_crs(text)
    if crs is None or fault:
        raise RasterError(f"{called} {fault.replace(_WARP, remedy)}")
    return crs


@lru_cache(maxsize=256)
def _layer_crs(text: str) -> tuple[pyproj.CRS | None, str]:
    """Return a CRS reduced to its horizontal part, and what is wrong with it ("" if nothing)."""
    try:
        crs = horizontal(pyproj.CRS.from_user_input(text))
    except pyproj.exceptions.CRSError:
        return None, (
            f"has a CRS that can't be read ('{shortened(text, _LONGEST_NAME)}'). Declare the one"
            " that its coordinates are in, such as EPSG:4326."
        )
    return crs, _fault(crs)


def without_places(crs: pyproj.CRS) -> str:
    """Return the end of a sentence on a CRS that isn't of longitudes or of a map; "" if it is."""
    if crs.is_geographic or crs.is_projected:
        return ""
    return (
        f"is in {crs_name(crs)} ({crs.type_name.lower().replace('crs', 'CRS')}), which has no"
        " places on a map. Declare the geographic or projected CRS that its coordinates are in,"
        " such as EPSG:4326."
    )


def _fault(crs: pyproj.CRS) -> str:
    nowhere = without_places(crs)
    if nowhere:
        return nowhere
    if crs.is_projected or in_plain_degrees(crs):
        return ""
    if _is_rotated(crs):
        return f"is in {crs_name(crs)}, longitudes and latitudes about a rotated pole. {_WARP}"
    meridian = crs.prime_meridian
    where = "Greenwich" if meridian is None else meridian.name
    return (
        f"is in {crs_name(crs)}, whose longitudes count from {where} and are in the unit"
        f" '{crs.axis_info[0].unit_name}'. {_WARP}"
    )


def in_plain_degrees(crs: pyproj.CRS) -> bool:
    """Return whether coordinates are longitudes and latitudes in degrees from Greenwich."""
    if not crs.is_geographic or _is_rotated(crs):
        return False
    meridian = crs.prime_meridian
    return (meridian is None or meridian.longitude == 0) and all(
        abs(axis.unit_conversion_factor / _DEGREE - 1) < 1e-9 for axis in crs.axis_info[:2]
    )


def _is_rotated(crs: pyproj.CRS) -> bool:
    return _unbound(crs).type_name.startswith("Derived Geographic")


class Remark(NamedTuple):
    """A sentence on how well places are known, "" if well enough; whether they may be far off."""

    sentence: str = ""
    may_be_far: bool = False


def placing_remark(crs: pyproj.CRS, box: Box | None = None, cell_m: float | None = None) -> Remark:
    """Return what is to be said on how well coordinates of a CRS are placed on WGS 84.

    Parameters
    ----------
    crs : CRS
        Horizontal.
    box : (west, south, east, north), optional
        Where the places lie, degrees; anywhere by default.
    cell_m : float, optional
        Side of the cells, m: an accuracy better than a quarter of it needs no remark.
    """
    of = placing(crs, None if box is None or not np.isfinite(box).all() else box)
    if not of.is_known:
        # Within some metres of WGS 84 elsewhere, so here too: ETRS89 outside of Europe.
        if box is not None and same_crs(crs.geodetic_crs or crs, pyproj.CRS(WGS84)):
            return Remark()
        why = (
            f"needs the file '{of.missing_file}' (projsync), which isn't installed"
            if of.missing_file
            else "isn't known for these places"
        )
        return Remark(
            f"The transformation of {crs_name(crs)} to WGS 84 {why}: coordinates are used without"
            f" it, and places may be off by some {TYPICAL_M} m, at most {FARTHEST_M:,} m.",
            True,
        )
    if of.is_sphere:
        return Remark(
            f"{crs_name(crs)} is on a sphere; its latitudes are taken for those of WGS 84."
        )
    if cell_m is None or not of.accuracy_m > cell_m / 4:
        return Remark()
    better = (
        f" A better one needs the file '{of.missing_file}' (projsync)." if of.missing_file else ""
    )
    return Remark(
        f"The transformation of {crs_name(crs)} to WGS 84 is known to {of.accuracy_m:g} m.{better}"
    )


def same_crs(a: pyproj.CRS, b: pyproj.CRS) -> bool:
    """Return whether equal coordinates mean the same place in two CRSs, to 5 m.

    Heights, the order of the axes, names and a transformation that shifts nothing don't count. The
    same datum with two transformations is one CRS. Datums whose place on WGS 84 isn't known are the
    same only by name.
    """
    if a is b:
        return True
    return _same_crs(a.to_wkt(), b.to_wkt())


@lru_cache(maxsize=256)
def _same_crs(one: str, other: str) -> bool:
    if one == other:
        return True
    a, b = (horizontal(pyproj.CRS.from_wkt(wkt)) for wkt in (one, other))
    if a.equals(b, ignore_axis_order=True):
        return True
    if a.is_geographic != b.is_geographic or a.is_projected != b.is_projected:
        return False
    if not (a.is_geographic or a.is_projected):
        return False
    free = [_unbound(crs) for crs in (a, b)]
    if free[0].equals(free[1], ignore_axis_order=True) and not is_unnamed(free[0]):
        return True
    known = [placing(crs).is_known for crs in (a, b)]
    if not all(known) and (any(known) or not _same_datum(a, b)):
        return False
    return _same_places(a, b)


def _unbound(crs: pyproj.CRS) -> pyproj.CRS:
    return crs.source_crs if crs.is_bound and crs.source_crs is not None else crs


def _same_datum(a: pyproj.CRS, b: pyproj.CRS) -> bool:
    names = {"" if crs.datum is None else crs.datum.name.casefold() for crs in (a, b)}
    sizes = [
        (crs.ellipsoid.semi_major_metre, crs.ellipsoid.inverse_flattening)
        for crs in (a, b)
        if crs.ellipsoid is not None
    ]
    return len(names) == 1 and len(sizes) == 2 and bool(np.allclose(sizes[0], sizes[1], rtol=1e-9))


def _same_places(a: pyproj.CRS, b: pyproj.CRS) -> bool:
    """Return whether some coordinates, spread over the area of `a`, are the same places in `b`."""
    xy = _coordinates(a, _smaller(a, b))
    places = [
        pyproj.Transformer.from_crs(crs, WGS84, always_xy=True).transform(*xy) for crs in (a, b)
    ]
    finite = np.isfinite(places).all(axis=(0, 1))
    if not finite.any():
        return False
    (lon, lat), (lon2, lat2) = ((part[finite] for part in place) for place in places)
    return bool((_GEOD.inv(lon, lat, lon2, lat2)[2] < _SAME_PLACE_M).all())


def _smaller(a: pyproj.CRS, b: pyproj.CRS) -> Box:
    """Return the narrower area of use of two CRSs as (west, south, east, north), west < east."""
    areas = [_WORLD, *(crs.area_of_use.bounds for crs in (a, b) if crs.area_of_use is not None)]
    turned = [(w, s, e + 360 if e < w else e, n) for w, s, e, n in areas]
    return min(turned, key=lambda area: area[2] - area[0])


def _coordinates(
    crs: pyproj.CRS, area: Box
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return coordinates in a CRS, spread over an area in degrees."""
    west, south, east, north = area
    # Not the edges, where projections have their poles and cuts.
    parts = (np.arange(_POINTS) + 0.5) / _POINTS
    lon, lat = np.meshgrid(west + parts * (east - west), south + parts * (north - south))
    x, y = pyproj.Transformer.from_crs(WGS84, crs, always_xy=True).transform(
        lon.ravel(), lat.ravel()
    )
    finite = np.isfinite(x) & np.isfinite(y)
    return np.asarray(x)[finite], np.asarray(y)[finite]
