"""Opening a raster of any format by its name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hotspots.errors import RasterError, deepest_reason
from hotspots.io.rasters.cf_file import cf_raster, opened_as_stored, rasters_in
from hotspots.io.rasters.gdal_file import GdalRaster
from hotspots.io.rasters.stored import RasterFile
from hotspots.io.readers.rasters import container_of, raster

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
        driver, variable = "CF", _only(str(path))
    if driver:
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


def _only(path: str) -> str:
    """Return the name of a file's only layer."""
    with opened_as_stored(path) as data:
        names = rasters_in(data)
    if len(names) != 1:
        raise RasterError(
            f"'{path}' has several variables ({', '.join(names) or 'none'}). Name one of them."
        )
    return names[0]
