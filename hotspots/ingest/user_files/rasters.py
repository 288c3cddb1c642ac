"""The user's own rasters: a NetCDF file, a GeoTIFF file or a folder of GeoTIFFs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from hotspots.errors import RasterError
from hotspots.io.geotiff import LAZY_CELLS, read_geotiff
from hotspots.io.os_errors import permitted, require_permitted
from hotspots.io.readers.hdf5 import DAMAGE, unreadable
from hotspots.io.readers.netcdf import open_netcdf
from hotspots.io.readers.paths import confined
from hotspots.layers.alignment import on_one_grid
from hotspots.layers.dimensions import THICKNESS, stacked
from hotspots.layers.grid import axis_names
from hotspots.layers.harmonise import harmonise
from hotspots.layers.typed import in_chunks
from hotspots.layers.variables import variable
from hotspots.locale.escaping import shell_word

_ROWS = 1024  # of a chunk, of all its steps together
_TIFF = (".tif", ".tiff")
_NETCDF = (".nc", ".nc4", ".cdf", ".h5")


def open_data(path: str | Path) -> xr.Dataset:
    """Open rasters for an analysis: as `open_layers`, but ``soc_stock`` is required.

    Parameters
    ----------
    path : path
        See `open_layers`.

    Returns
    -------
    Dataset
        See `open_layers`. ``valid_share`` may be absent: values then represent whole cells.

    Raises
    ------
    RasterError
        See `open_layers`; also if there is no ``soc_stock``.
    GridMismatchError
        The layers don't share one grid.
    """
    data = open_layers(path)
    if "soc_stock" not in data:
        raise RasterError(
            f"'{path}' holds {', '.join(map(str, data.data_vars))}, but no 'soc_stock', which"
            " every analysis needs. Add that layer."
        )
    return data


def open_layers(path: str | Path) -> xr.Dataset:
    """Open rasters of canonical variables as one Dataset.

    Parameters
    ----------
    path : path
        A NetCDF file whose variables have canonical names; a GeoTIFF file (name from its band
        descriptions, else from its stem); or a folder of GeoTIFFs named by canonical variable.

    Returns
    -------
    Dataset
        Dimensions (y, x), y descending, longitudes -180..180 if geographic, ``spatial_ref``;
        monthly layers along ``month`` too, those of soil layers along ``depth`` (with the
        coordinate ``thickness``, cm), ``warm_up_*`` along ``time``; quantities float32 with NaN for
        missing, class layers uint8 with 0 for missing and the canonical flags. Above 4 million
        cells dask-backed; a damaged block raises when computed.

    Raises
    ------
    RasterError
        No file, unreadable (permission, damage), a name that isn't canonical, no CRS, a missing or
        inconvertible unit, unstated guidelines of climate zones, or an undeclared nodata value.
    GridMismatchError
        The layers don't share one grid.
    """
    path = Path(path)
    with permitted(path):
        if not path.exists():
            raise RasterError(
                f"There is no file or folder '{path}'. Give a NetCDF file, a GeoTIFF file or a"
                " folder of GeoTIFFs."
            )
        return on_one_grid(harmonise(layer) for layer in _layers(path))


def _layers(path: Path) -> list[xr.DataArray]:
    if path.is_dir():
        return _folder(path)
    if path.suffix.lower() in _TIFF:
        return stacked(read_geotiff(path))
    if path.suffix.lower() in _NETCDF:
        return _netcdf(path)
    raise RasterError(
        f"'{path.name}' is neither NetCDF ({', '.join(_NETCDF)}) nor GeoTIFF ({', '.join(_TIFF)})."
        " Convert it, or give a folder of GeoTIFFs."
    )


def _folder(path: Path) -> list[xr.DataArray]:
    if (path / "catalog.json").is_file():
        raise RasterError(
            f"'{path}' is a store of layers. Give it as a store: --store {shell_word(path)}"
        )
    # Hidden files aren't data; macOS adds some named ._x.tif.
    files = sorted(p for p in path.iterdir() if p.suffix.lower() in _TIFF and p.name[0] != ".")
    if not files:
        raise RasterError(
            f"The folder '{path}' holds no GeoTIFF ({', '.join(_TIFF)}). Put one file for each"
            " variable there, named by it, e.g. soc_stock.tif."
        )
    return [layer for file in files for layer in stacked(read_geotiff(confined(path, file.name)))]


def _netcdf(path: Path) -> list[xr.DataArray]:
    require_permitted(path)
    # With a damaged file the readers raise many kinds of exceptions.
    try:
        with _opened(path) as data:
            return [_netcdf_layer(data, name, path) for name in _planes(data, path)]
    except DAMAGE as error:
        raise unreadable(path, error) from error


def _opened(path: Path) -> xr.Dataset:
    return open_netcdf(path, decode_coords="all", decode_times=False)


def _planes(data: xr.Dataset, path: Path) -> list[str]:
    names = [str(name) for name, layer in data.data_vars.items() if layer.ndim >= 2]
    for name in names:
        variable(name)
    if not names:
        names_found = ", ".join(map(str, data.data_vars)) or "nothing"
        raise RasterError(f"'{path}' holds {names_found}, but no raster of a canonical variable.")
    return names


def _netcdf_layer(data: xr.Dataset, name: str, path: Path) -> xr.DataArray:
    layer = data[name]
    if THICKNESS in data and data[THICKNESS].dims == ("depth",) and "depth" in layer.dims:
        layer = layer.assign_coords({THICKNESS: data[THICKNESS]})
    y, x = axis_names(layer)
    # A chunk is a block of rows, for which (y, x) must come last.
    if layer.size <= LAZY_CELLS or layer.dims[-2:] != (y, x):
        return layer.load()
    # Through a function and not through the open file, for the reasons given in `geotiff`.
    *others, rows, columns = layer.shape
    strip = max(1, _ROWS // max(1, int(np.prod(others))))
    by_rows = tuple(min(strip, rows - top) for top in range(0, rows, strip))
    chunks = (*((size,) for size in others), by_rows, (columns,))
    lazy = in_chunks(
        _netcdf_chunk,
        path=path,
        layer=name,
        stamp=path.stat().st_mtime_ns,  # a changed file gets other keys in dask's graph
        chunks=chunks,
        dtype=layer.dtype,
        meta=np.empty((0,) * layer.ndim, dtype=layer.dtype),
    )
    return layer.copy(data=lazy)


def _netcdf_chunk(path: Path, layer: str, stamp: int, block_info: Any = None) -> npt.NDArray[Any]:
    (top, bottom), (left, right) = block_info[None]["array-location"][-2:]
    try:
        with _opened(path) as data:
            return np.asarray(data[layer][..., top:bottom, left:right].values)
    except DAMAGE as error:
        raise unreadable(path, error) from error
