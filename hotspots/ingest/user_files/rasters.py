"""The user's own rasters: a NetCDF file, a GeoTIFF file or a folder of GeoTIFFs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from hotspots.errors import RasterError
from hotspots.io.geotiff import LAZY_CELLS, read_geotiff
from hotspots.io.os_errors import permitted, require_permitted
from hotspots.io.rasters.cf_axes import decoded
from hotspots.io.rasters.cf_file import CfRaster, cf_raster, opened_as_stored, rasters_in
from hotspots.io.rasters.steps import MONTHS, in_calendar_order
from hotspots.io.rasters.stored import Decoding, Window
from hotspots.io.readers.paths import confined
from hotspots.layers.alignment import on_one_grid
from hotspots.layers.dimensions import MONTH, THICKNESS, stacked, third_dimension
from hotspots.layers.grid import Grid
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
    with opened_as_stored(path) as data:
        return [_netcdf_layer(CfRaster(path, data, name)) for name in _planes(data, path)]


def _planes(data: xr.Dataset, path: Path) -> list[str]:
    names = rasters_in(data)
    for name in names:
        variable(name)
    if not names:
        names_found = ", ".join(map(str, data.data_vars)) or "nothing"
        raise RasterError(f"'{path}' holds {names_found}, but no raster of a canonical variable.")
    return names


def _netcdf_layer(raster: CfRaster) -> xr.DataArray:
    """Return a layer with decoded numbers, (y, x) after its third dimension, if it has one."""
    place = raster.placement()
    if place.crs is None:
        raise RasterError(
            f"'{raster.name}' of '{raster.path}' has no coordinate reference system (CRS). After"
            " checking its source give it one: dimensions named lat and lon if it is in degrees,"
            " else a grid mapping; or data.rio.write_crs(4326) (Python)."
        )
    bands, along = _bands(raster)
    rows, columns = place.shape
    shape = (len(bands), rows, columns)
    decoding = raster.decoding(1)
    if variable(raster.name).classes is not None:
        decoding = replace(decoding, scale=1.0, offset=0.0)
    source = _Stored(raster.path, raster.name, bands, decoding, raster.path.stat().st_mtime_ns)
    data: Any = source.read(None) if math.prod(shape) <= LAZY_CELLS else _lazily(source, shape)
    grid = Grid(place.transform, place.shape, place.crs)
    out = xr.DataArray(data, dims=(along or "_", "y", "x"), coords={"y": grid.y, "x": grid.x})
    out = out.isel({"_": 0}) if not along else out.assign_coords(_labels(raster, along))
    attrs = {str(key): value for key, value in raster.layer.attrs.items()}
    out = out.rename(raster.name).assign_attrs(attrs)
    placed: xr.DataArray = out.rio.write_crs(place.crs).rio.write_transform(place.transform)
    return placed


def _bands(raster: CfRaster) -> tuple[tuple[int, ...], str]:
    """Return the bands in their order, and the dimension that they lie along; "" for one band."""
    count = len(raster.steps)
    expected = third_dimension(raster.name)
    if count == 1 and raster.others != (expected,):
        return (1,), ""
    if expected == MONTH and count == MONTHS and raster.along:
        order, _ = in_calendar_order(raster.steps, str(raster.path))
        return tuple(i + 1 for i in order), MONTH
    along = raster.along or (raster.others[0] if len(raster.others) == 1 else "")
    if not along:
        raise RasterError(
            f"Layer '{raster.name}' has the dimensions {tuple(raster.layer.dims)}. Choose one step"
            " of each, and write it as a layer of two dimensions (y, x)."
        )
    return tuple(range(1, count + 1)), along


def _labels(raster: CfRaster, along: str) -> dict[str, xr.DataArray]:
    """Return the coordinates of a layer's third dimension; months are in order already."""
    if along == MONTH and raster.along:
        return {}
    data, out = raster.data, {}
    if along in data.coords:
        out[along] = data[along]
    if THICKNESS in data and data[THICKNESS].dims == ("depth",) and along == "depth":
        out[THICKNESS] = decoded(data[THICKNESS])
    return out


@dataclass(frozen=True)
class _Stored:
    """A variable of a file; its time invalidates a dask graph on change."""

    path: Path
    name: str
    bands: tuple[int, ...]
    decoding: Decoding
    stamp: int

    def read(self, window: Window | None) -> npt.NDArray[np.float64]:
        # Through the file's name and not an open file, for the reasons given in `io.geotiff`.
        with cf_raster(self.path, self.name) as raster:
            return self.decoding.values(raster.read(self.bands, window))


def _lazily(source: _Stored, shape: tuple[int, int, int]) -> Any:
    count, rows, columns = shape
    strip = max(1, _ROWS // count)
    by_rows = tuple(min(strip, rows - top) for top in range(0, rows, strip))
    return in_chunks(
        _chunk,
        source=source,
        chunks=((count,), by_rows, (columns,)),
        dtype="float64",
        meta=np.empty((0, 0, 0), dtype="float64"),
    )


def _chunk(source: _Stored, block_info: Any = None) -> npt.NDArray[np.float64]:
    _, (top, bottom), (left, right) = block_info[None]["array-location"]
    return source.read(((top, bottom), (left, right)))
