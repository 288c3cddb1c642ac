"""Longitude and latitude that may be exchanged: places at sea that the exchange puts on land."""

from __future__ import annotations

import base64

import numpy as np
import numpy.typing as npt
import pyproj

from hotspots.geo.places import share_on_land
from hotspots.ingest.quality.report_types import Picture
from hotspots.layers.grid import Grid
from hotspots.locale import percent
from hotspots.locale.messages import Message

Degrees = npt.NDArray[np.float64]

_MOST_PLACES = 400
_FEWEST_PLACES = 4
# Shares of the places that lie on land, as given and exchanged. The outlines are drawn at 1:10
# million; a place within a quarter of a degree of them may be a coast or a small island.
_MOST_ON_LAND, _LEAST_ON_LAND = 0.05, 0.8
_COAST_DEGREES = 0.25


def swapped_remark(longitude: Degrees, latitude: Degrees) -> Message | None:
    """Return a sentence on places that lie at sea and would lie on land if exchanged, or None.

    Parameters
    ----------
    longitude, latitude : array, shape (n,)
        Degrees, EPSG:4326; longitudes from -180 to 180. Of many places, some are examined.
    """
    # A longitude beyond 90 degrees can't be a latitude.
    if longitude.size < _FEWEST_PLACES or (np.abs(longitude) > 90).any():
        return None
    some = np.linspace(0, longitude.size - 1, min(longitude.size, _MOST_PLACES)).astype(int)
    lon, lat = longitude[some], latitude[some]
    own = share_on_land(lon, lat, _COAST_DEGREES)
    if own > _MOST_ON_LAND:
        return None
    exchanged = share_on_land(lat, lon)
    if exchanged < _LEAST_ON_LAND:
        return None
    return Message(
        "check.doubt.swapped",
        sea=lambda lang: percent(1 - own, lang),
        land=lambda lang: percent(exchanged, lang),
    )


def places_shown(picture: Picture, grid: Grid) -> tuple[Degrees, Degrees]:
    """Return longitudes and latitudes of the cells with a value that a report's picture shows."""
    levels = np.frombuffer(base64.b64decode(picture["levels"]), dtype="uint8")
    rows, columns = np.nonzero(levels.reshape(picture["rows"], picture["columns"]))
    return places_of(grid, rows * picture["stride"], columns * picture["stride"])


def places_of(
    grid: Grid, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]
) -> tuple[Degrees, Degrees]:
    """Return longitudes (-180 to 180) and latitudes of the centres of cells; same shape.

    Cells without a place on the globe, outside of their projection, are left out.
    """
    x, y = grid.x[columns], grid.y[rows]
    if not grid.is_geographic:
        x, y = pyproj.Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(x, y)
    sound = np.isfinite(x) & np.isfinite(y)
    return (x[sound] + 180) % 360 - 180, np.clip(y[sound], -90, 90)
