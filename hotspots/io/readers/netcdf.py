"""Opening NetCDF and Zarr with xarray, after checking what they refer to."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import xarray as xr

from hotspots.io.readers.hdf5 import HDF5, require_sound_netcdf
from hotspots.io.readers.paths import first_bytes, plain_path
from hotspots.io.readers.zarr_store import require_sound_zarr


def open_netcdf(path: str | Path, **options: Any) -> xr.Dataset:
    """Open a NetCDF file with xarray; the caller closes it.

    Parameters
    ----------
    path : path
        The file.
    **options
        Options of `xarray.open_dataset`.

    Raises
    ------
    BadInputError
        The file is missing, refers to other files, or has a chunk that is too large.
    RasterError
        It isn't NetCDF, or its metadata are damaged.
    Exception
        Almost any exception of the underlying libraries, if other parts are damaged.
    """
    file = plain_path(path)
    require_sound_netcdf(file)
    # Named, because xarray's own choice depends on the packages that are installed.
    engine = "h5netcdf" if first_bytes(file, 8) == HDF5 else "scipy"
    return xr.open_dataset(str(file), engine=engine, **options)


def open_zarr_store(path: str | Path, **options: Any) -> xr.Dataset:
    """Open a Zarr store with xarray; raises `BadInputError` as `require_sound_zarr` does."""
    folder = require_sound_zarr(path)
    with warnings.catch_warnings():
        # GDAL leaves files in version 3 that zarr doesn't know, and reads around.
        warnings.filterwarnings("ignore", message="Object at .* is not recognized")
        # Consolidated metadata weren't checked, so they aren't used.
        data: xr.Dataset = xr.open_zarr(folder, chunks=None, consolidated=False, **options)
    return data
