"""Opening a raster of any format by its name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hotspots.errors import RasterError, deepest_reason
from hotspots.io.rasters.cf_file import cf_raster, opened_as_stored, rasters_in
from hotspots.io.rasters.gdal_file import GdalRaster
from hotspots.io.rasters.stored import RasterFile
from hotspots.io.readers.rasters import container_of, raster, zarr
from hotspots.io.readers.zarr_store import is_zarr

# Coordinates, which in a Zarr store are arrays like all others.
_AXES = ("x", "y", "lat", "lon", "latitude", "longitude", "time", "spatial_ref")
NETCDF = (".nc", ".nc4", ".cdf", ".h5", ".hdf5")


@contextmanager
def stored_raster(name: str) -> Iterator[RasterFile]:
    """Hold a raster open.

    Parameters
    ----------
    name : str
        A GeoTIFF, a mosaic (``.vrt``), ``NETCDF:"f.nc":var`` or ``ZARR:"f.zarr":/var``; a NetCDF
        file or Zarr store of one variable may be given by its path.

    Raises
    ------
    RasterError
        The file can't be read; errors on reading its numbers become `RasterError` too.
    """
    driver, path, variable = container_of(name)
    if not driver and (path.suffix.lower() in NETCDF or path.is_dir()):
        driver, variable = "CF", _only(path)
    if driver and not (driver == "ZARR" and _only_for_gdal(path)):
        with cf_raster(path, variable) as found:
            yield found
        return
    import rasterio

    try:
        with raster(name) as file:
            yield GdalRaster(file, name)
    except (rasterio.errors.RasterioError, rasterio.errors.CRSError) as error:
        raise RasterError(
            f"'{name}' can't be read as a raster; it may be damaged or truncated"
            f" ({deepest_reason(error)}). Download or write it again."
        ) from error


def layers_in(path: Path) -> list[str]:
    """Return the names of the layers in a NetCDF file or Zarr store."""
    if is_zarr(path) and _only_for_gdal(path):
        with zarr(path) as file:
            names = [text.rpartition("/")[2] for text in file.subdatasets]
        # GDAL opens the only array of a store itself, and lists no others.
        return [name for name in names if name.casefold() not in _AXES] or [""]
    with opened_as_stored(path) as data:
        return rasters_in(data)


def _only_for_gdal(path: Path) -> bool:
    """Return whether xarray sees nothing in a store: GDAL omits what Zarr 3 requires of arrays."""
    with opened_as_stored(path) as data:
        return not data.variables


def _only(path: Path) -> str:
    """Return the name of a file's only layer."""
    names = layers_in(path)
    if len(names) != 1:
        raise RasterError(
            f"'{path}' has several variables ({', '.join(names) or 'none'}). Name one of them."
        )
    return names[0]
