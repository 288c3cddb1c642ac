"""Statements of a file on where its cells lie, held against its coordinate variables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyproj
import xarray as xr
from affine import Affine

from hotspots.errors import HotspotsError, RasterError
from hotspots.io.rasters.stored import Placement
from hotspots.io.readers.rasters import netcdf
from hotspots.layers.array_types import FloatArray

_SAME = 0.02  # of a cell
_HALF = 0.5
DEGREES = "EPSG:4326"


def grid_of_attributes(layer: xr.DataArray) -> Affine | None:
    """Return the transform in a grid mapping's attribute GeoTransform, or None."""
    for name in (
        layer.encoding.get("grid_mapping"),
        layer.attrs.get("grid_mapping"),
        "spatial_ref",
    ):
        if name in layer.coords and "GeoTransform" in layer.coords[name].attrs:
            words = str(layer.coords[name].attrs["GeoTransform"]).replace(",", " ").split()
            try:
                numbers = [float(word) for word in words]
            except ValueError:
                return None
            return Affine.from_gdal(*numbers) if len(numbers) == 6 else None
    return None


def curvilinear(
    data: xr.Dataset, layer: xr.DataArray, dims: tuple[str, str]
) -> tuple[FloatArray, FloatArray] | None:
    """Return the longitudes and latitudes of all cells, (rows, columns), if a file has such."""
    found: dict[str, FloatArray] = {}
    for name, variable in {**layer.coords, **data.data_vars}.items():
        if variable.ndim != 2 or set(variable.dims) != set(dims) or name == layer.name:
            continue
        attrs = variable.attrs
        is_longitude = attrs.get("standard_name") == "longitude" or str(
            attrs.get("units", "")
        ).startswith(("degrees_e", "degree_e"))
        is_latitude = attrs.get("standard_name") == "latitude" or str(
            attrs.get("units", "")
        ).startswith(("degrees_n", "degree_n"))
        if is_longitude or is_latitude:
            key = "longitude" if is_longitude else "latitude"
            found[key] = np.asarray(variable.transpose(*dims).values, dtype="float64")
    if len(found) != 2:
        return None
    return found["longitude"], found["latitude"]


def agrees_with_curvilinear(
    path: Path, name: str, place: Placement, pair: tuple[FloatArray, FloatArray]
) -> None:
    """Raise `RasterError` unless 2-D coordinates lie where the axes place the cells."""
    advice = f"'{name}' of '{path}' has longitudes and latitudes for each cell (2-D), and its axes"
    remedy = "Warp it to a regular grid first (gdalwarp -geoloc, cdo remapcon)."
    if place.crs is None:
        raise RasterError(f"{advice} have no coordinate reference system. {remedy}")
    rows, columns = place.shape
    y, x = np.meshgrid(
        sorted({0, rows // 2, rows - 1}), sorted({0, columns // 2, columns - 1}), indexing="ij"
    )
    longitude, latitude = pair[0][y, x], pair[1][y, x]
    to_file = pyproj.Transformer.from_crs(DEGREES, place.crs, always_xy=True)
    there = np.stack(to_file.transform(longitude, latitude))
    here = np.stack(place.transform * (x + _HALF, y + _HALF))
    off = np.abs(there - here)
    if place.crs.is_geographic:  # 350 and -10 are one longitude
        off[0] = np.abs((there[0] - here[0] + 180) % 360 - 180)
    known = np.isfinite(off).all(axis=0)
    size = np.array([abs(place.transform.a), abs(place.transform.e)]).reshape(2, 1, 1)
    if not known.any() or (off / size)[:, known].max() > _HALF:
        raise RasterError(f"{advice} place these cells elsewhere ({place.crs.name}). {remedy}")


def require_explained(
    path: Path,
    name: str,
    place: Placement,
    layer: xr.DataArray,
    dims: tuple[str, str],
    *,
    unusual: bool,
) -> None:
    """Raise `RasterError` if GDAL, which other programs use, places the cells elsewhere.

    Not where the reason is known: GDAL follows an attribute GeoTransform, ignores bounds, takes the
    last dimension for x, and gives pixel numbers where it has no transform.
    """
    given = grid_of_attributes(layer)
    if unusual or given is not None or layer.dims[-2:] != dims:
        return
    try:
        with netcdf(path, name) as file:
            transform, shape = file.transform, (file.height, file.width)
    except (HotspotsError, OSError, ValueError, RuntimeError):
        return  # GDAL can't read what xarray can
    if transform == Affine.identity() or shape != place.shape:
        return
    mine = _bounds(place.transform, shape)
    others = _bounds(transform, shape)
    size = np.array([abs(place.transform.a), abs(place.transform.e)] * 2)
    if (np.abs(mine - others) > _SAME * size + 1e-9 * np.abs(mine)).any():
        raise RasterError(
            f"The coordinates of '{name}' in '{path}' say {_text(mine)} (west, south, east, north),"
            f" and GDAL reads {_text(others)} from the file. Correct the file's coordinates or its"
            " attributes, or write the layer again as GeoTIFF."
        )


def _bounds(transform: Affine, shape: tuple[int, int]) -> FloatArray:
    (x0, y0), (x1, y1) = transform * (0, 0), transform * (shape[1], shape[0])
    return np.array([min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)])


def _text(bounds: FloatArray) -> str:
    return ",".join(f"{number:.9g}" for number in bounds)
