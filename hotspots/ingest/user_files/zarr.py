"""Conversion of Zarr stores that GDAL can't read (version 3 as xarray writes it) to GeoTIFF."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from hotspots.errors import RasterError
from hotspots.ingest.user_files.source import Selection, chosen
from hotspots.io.cog import RasterForm, new_geotiff
from hotspots.io.readers.netcdf import open_zarr_store
from hotspots.layers.dimensions import MONTH, third_dimension
from hotspots.layers.grid import axis_names, crs_of, grid_of
from hotspots.layers.variables import Variable

_ROWS = 512
_TAGS = (
    "year",
    "depth_cm",
    "guidelines",
    "level",
    "support",
    "source",
    "citation",
    "licence",
    "license",
    "url",
)
_MONTHS = 12


def to_geotiff(
    path: Path, row: Variable, selection: Selection, folder: Path
) -> tuple[Path, str, tuple[str, ...]]:
    """Write one variable of a store as a GeoTIFF; return its path, its name and notes.

    Nodata and scale are copied as stored, so that the user's declarations can replace them. Rows
    are read and written in strips.

    Parameters
    ----------
    path : Path
        The Zarr store. A variable has two dimensions, or a third one whose steps become bands.
    row : Variable
        If it is monthly, a third dimension of 12 steps becomes 12 bands.
    selection : Selection
        The variable, and its step along the third dimension: its number as a band, which takes
        precedence, or its label as a year.
    folder : Path
        Existing folder in which the GeoTIFF is written, in the CRS of the variable, or without one.
    """
    data = _opened(path)
    planes = [str(name) for name, layer in data.data_vars.items() if layer.ndim >= 2]
    name = chosen(path, row, planes, selection.subdataset)
    layer = data[name]
    steps = _steps(layer, row, selection, path)
    made = folder / f"{path.stem}_{name}.tif"
    _write(layer, steps, made)
    return made, name, (f"The Zarr store was copied to a GeoTIFF ({name}).",)


def _opened(path: Path) -> xr.Dataset:
    try:
        return open_zarr_store(path, mask_and_scale=False, decode_times=False, decode_coords="all")
    except ImportError as error:
        raise RasterError(
            f"'{path}' is Zarr that needs the package 'zarr' to be read. Install it (pip install"
            " zarr), or write the layer as GeoTIFF."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RasterError(
            f"'{path}' can't be read as Zarr; it may be damaged or not whole"
            f" ({str(error).splitlines()[0].rstrip('.') if str(error) else type(error).__name__})."
            " Copy or write it again."
        ) from error


def _steps(
    layer: xr.DataArray, row: Variable, selection: Selection, path: Path
) -> list[dict[str, int]]:
    """Return the steps along the other dimensions that become bands."""
    y, x = axis_names(layer)
    band, year = selection.band, selection.year
    others = [str(dim) for dim in layer.dims if dim not in (y, x)]
    if not others:
        if band not in (None, 1):
            raise RasterError(f"'{path}' has no band {band}; '{layer.name}' has 1.")
        return [{}]
    dim, count = others[0], layer.sizes[others[0]]
    # Dimensions of one step don't add bands.
    rest = dict.fromkeys(others[1:], 0)
    if any(layer.sizes[d] > 1 for d in rest):
        raise RasterError(f"'{layer.name}' of '{path}' has more than three dimensions. Reduce it.")
    if band is not None:
        if not 1 <= band <= count:
            raise RasterError(
                f"'{path}' has no band {band}; it has {count} along '{dim}'. Give --band from 1 to"
                f" {count}."
            )
        return [{dim: band - 1, **rest}]
    if count == 1 or (third_dimension(row.name) == MONTH and count == _MONTHS):
        return [{dim: i, **rest} for i in range(count)]
    labels = [str(v) for v in layer[dim].values.tolist()] if dim in layer.coords else []
    if year is not None and labels.count(str(year)) == 1:
        return [{dim: labels.index(str(year)), **rest}]
    raise RasterError(
        f"'{path}' has {count} steps along '{dim}'"
        f"{': ' + ', '.join(labels[:12]) if labels else ''}. Choose one with --band, from 1."
    )


def _write(layer: xr.DataArray, steps: list[dict[str, int]], made: Path) -> None:
    y, _ = axis_names(layer)
    grid = grid_of(_placed(layer))
    fill = layer.attrs.get("_FillValue", layer.attrs.get("missing_value"))
    nodata = None if fill is None else float(np.asarray(fill))
    form = RasterForm(grid.transform, grid.shape, _crs(layer), str(layer.dtype), nodata, len(steps))
    with new_geotiff(made, form) as file:
        scale = float(layer.attrs.get("scale_factor", 1))
        offset = float(layer.attrs.get("add_offset", 0))
        file.scales, file.offsets = (scale,) * len(steps), (offset,) * len(steps)
        file.units = (str(layer.attrs.get("units", "")),) * len(steps)
        file.update_tags(**{k: layer.attrs[k] for k in _TAGS if k in layer.attrs})
        for top in range(0, grid.shape[0], _ROWS):
            rows = slice(top, min(top + _ROWS, grid.shape[0]))
            for index, step in enumerate(steps, start=1):
                part = layer.isel({**step, y: rows}).transpose(*axis_names(layer)).values
                window = ((rows.start, rows.stop), (0, grid.shape[1]))
                file.write(part, index, window=window)


def _placed(layer: xr.DataArray) -> xr.DataArray:
    """Return the layer with any CRS, because only its grid is needed."""
    return layer if _crs(layer) else layer.rio.write_crs(4326)


def _crs(layer: xr.DataArray) -> str | None:
    try:
        return str(crs_of(layer).to_wkt())
    except RasterError:
        return None
