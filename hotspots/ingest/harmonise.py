"""One layer brought to the project's form: (y, x) north up, longitudes -180..180, NaN or 0.

Whatever a file's habits are, past this door a layer has the dimensions (y, x) with y descending, a
CRS in ``spatial_ref``, float32 with NaN for missing, or uint8 with 0 for missing if its values are
classes, in the canonical numbering.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import xarray as xr
from affine import Affine

from hotspots.errors import RasterError
from hotspots.grid import Grid, axis_names, crs_of, grid_of
from hotspots.ingest.legends import recode
from hotspots.variables import classes_of, describe, require_unit, variable

# Numbers that mean "no value" by custom; a layer that holds one undeclared would poison totals.
_LARGEST = 3.4028235e38
SENTINELS = np.array(
    [-999, -9999, -32767, -32768, -99999, 32767, 65535, 1e20, 9.96921e36, -_LARGEST, _LARGEST],
    dtype="float32",
)
GUIDELINES = ("2006", "2019")
# A step printed with few digits (0.0833333) is off by less than this part of a cell in the whole.
_SNAP = 0.05


def harmonise(layer: xr.DataArray) -> xr.DataArray:
    """Return `layer`, which bears a canonical name, in the project's form.

    Parameters
    ----------
    layer : DataArray
        Decoded (nodata masked, scale applied), with a (y, x) or (lat, lon) pair of dimensions;
        further dimensions of length one are dropped. May be dask-backed and stays so.

    Returns
    -------
    DataArray
        See the module; attributes completed with ``long_name`` and units or flags. A grid whose
        step was rounded, but which clearly spans all longitudes, spans exactly 360 degrees.

    Raises
    ------
    RasterError
        No canonical name, no CRS, no or another unit, a class outside the legend, climate zones
        of unstated guidelines, an undeclared nodata value, or coordinates that can't be true.
    """
    name = str(layer.name)
    require_unit(layer)
    crs = crs_of(layer)
    out = _north_up(_plane(layer))
    out = out.rio.write_crs(crs)
    grid = grid_of(out)
    if grid.is_geographic:
        out, grid = _turned(out, _snapped(grid), name)
    out = out.assign_coords(y=("y", grid.y), x=("x", grid.x))
    out = _canonical_values(out, layer, name)
    placed: xr.DataArray = out.rio.write_crs(crs).rio.write_transform(grid.transform)
    return placed


def _plane(layer: xr.DataArray) -> xr.DataArray:
    y, x = axis_names(layer)
    others = [dim for dim in layer.dims if dim not in (y, x)]
    for dim in others:
        if layer.sizes[dim] > 1:
            raise RasterError(
                f"Layer '{layer.name}' has {layer.sizes[dim]} steps along '{dim}'. Choose one, and"
                " write it as a layer of two dimensions (y, x)."
            )
    for dim in (y, x):
        if dim not in layer.coords:
            raise RasterError(
                f"Layer '{layer.name}' has no coordinates along '{dim}'. Write those of the cells'"
                " centres."
            )
    flat = layer.squeeze(others, drop=True).transpose(y, x)
    # Anew, for attributes and encodings name another grid mapping, or a packing.
    coords = {"y": ("y", flat[y].values), "x": ("x", flat[x].values)}
    out = xr.DataArray(flat.data, dims=("y", "x"), coords=coords, name=flat.name)
    if "spatial_ref" in flat.coords:  # of a single row or column it tells the size
        out = out.assign_coords(spatial_ref=flat["spatial_ref"].variable)
    return out


def _north_up(layer: xr.DataArray) -> xr.DataArray:
    if layer.sizes["y"] > 1 and layer["y"].values[0] < layer["y"].values[-1]:
        layer = layer.isel(y=slice(None, None, -1))
    if layer.sizes["x"] > 1 and layer["x"].values[0] > layer["x"].values[-1]:
        layer = layer.isel(x=slice(None, None, -1))
    return layer


def _snapped(grid: Grid) -> Grid:
    """Return the grid with a rounded step made exact where it spans the whole world."""
    t, (rows, columns) = grid.transform, grid.shape
    dx, west, dy, north = t.a, t.c, t.e, t.f
    if abs(columns * dx - 360) < _SNAP * dx:
        dx = 360 / columns
        whole = round(west / dx)
        west = whole * dx if abs(west / dx - whole) < _SNAP else west
    if abs(rows * -dy - 180) < _SNAP * -dy and abs(north - 90) < _SNAP * -dy:
        dy, north = -180 / rows, 90.0
    return Grid(Affine(dx, 0, west, 0, dy, north), grid.shape, grid.crs)


def _turned(layer: xr.DataArray, grid: Grid, name: str) -> tuple[xr.DataArray, Grid]:
    """Return layer and grid with longitudes in -180..180 (a column centred on 180 goes west)."""
    west, south, east, north = grid.bounds
    dx = grid.transform.a
    turns = west >= -180 - dx and east <= 540 and east - west <= 360 + dx
    if not turns or north > 90 + dx or south < -90 - dx:
        raise RasterError(
            f"Layer '{name}' claims degrees but spans {west:g},{south:g},{east:g},{north:g}."
            " Give it the CRS that its coordinates are in."
        )
    if east <= 180 + dx / 2:
        return layer, grid
    first_west = int(np.searchsorted(grid.x, 180 - 1e-9))
    if first_west > 0 and not grid.wraps:
        raise RasterError(
            f"Layer '{name}' crosses the antimeridian ({west:g} to {east:g} degrees east) without"
            " spanning the world. Cut it at 180 degrees, or extend it to all longitudes."
        )
    rolled = xr.concat(
        [layer.isel(x=slice(first_west, None)), layer.isel(x=slice(None, first_west))], dim="x"
    )
    start = grid.x_edges[first_west] - 360
    t = grid.transform
    return rolled, Grid(Affine(t.a, 0, start, 0, t.e, t.f), grid.shape, grid.crs)


def _canonical_values(out: xr.DataArray, given: xr.DataArray, name: str) -> xr.DataArray:
    attrs = _kept(given.attrs)
    classes = variable(name).classes
    if classes is None:
        return describe(_apply(partial(_quantity, name=name), out, "float32"), name, **attrs)
    if name == "climate_zone":
        attrs["guidelines"] = _guidelines(given.attrs.get("guidelines"))
    own = classes_of(given) or classes
    own = {code: meaning for code, meaning in own.items() if code != 0}
    to_codes = partial(_codes, name=name, own=own, canonical=classes)
    return describe(_apply(to_codes, out, "uint8"), name, **attrs)


def _kept(attrs: dict[str, Any]) -> dict[str, Any]:
    dropped = ("units", "flag_values", "flag_meanings", "grid_mapping", "valid_range", "_FillValue")
    return {
        str(k): v.item() if isinstance(v, np.generic) else v
        for k, v in attrs.items()
        if k not in dropped
    }


def _guidelines(given: Any) -> str:
    if str(given) not in GUIDELINES:
        raise RasterError(
            "Layer 'climate_zone' must say in its attribute (or GeoTIFF tag) 'guidelines' whether"
            f" its zones are those of 2006 or 2019; it says {given!r}."
        )
    return str(given)


def _apply(func: Callable[..., npt.NDArray[Any]], layer: xr.DataArray, dtype: str) -> xr.DataArray:
    data = layer.data
    if hasattr(data, "dask"):
        new = data.map_blocks(func, dtype=dtype, meta=np.empty((0, 0), dtype=dtype))
    else:
        new = func(np.asarray(data))
    return xr.DataArray(new, dims=layer.dims, coords=layer.coords, name=layer.name)


def _quantity(values: npt.NDArray[Any], name: str) -> npt.NDArray[np.float32]:
    out = values.astype("float32")
    row = variable(name)
    outside = (out < row.low) | (out > row.high)
    if outside.any():
        found = np.intersect1d(out[outside], SENTINELS)
        if found.size:
            raise RasterError(
                f"Layer '{name}' holds {found[0]:g}, which looks like a nodata value that the file"
                " doesn't declare. Declare it (e.g. gdal_edit.py -a_nodata) and try again."
            )
    return out


def _codes(
    values: npt.NDArray[Any], name: str, own: dict[int, str], canonical: dict[int, str]
) -> npt.NDArray[np.uint8]:
    filled = np.nan_to_num(values, nan=0) if values.dtype.kind == "f" else values
    try:
        return recode(filled, own, canonical)
    except RasterError as error:
        raise RasterError(f"Layer '{name}': {error}") from error


def crs_text(crs: pyproj.CRS) -> str:
    """Return "EPSG:n" where the CRS has a code, else its WKT."""
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.to_wkt())
