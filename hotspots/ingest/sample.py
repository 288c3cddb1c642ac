"""The packaged world sample: 0.5 degrees, made by `hotspots.ingest.sample_build`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from hotspots.errors import MissingAssetError
from hotspots.io.readers.netcdf import open_netcdf
from hotspots.layers.variables import variable

SAMPLE = Path(__file__).parent / "sample" / "world_0p5deg.nc"


def sample() -> xr.Dataset:
    """Open the packaged world sample.

    Returns
    -------
    Dataset
        Half-degree world, dimensions (y, x) with y descending, EPSG:4326, in memory. Quantities
        are float32 with NaN for missing, ``climate_zone`` and ``climate_zone_2006`` (JRC
        numbering) are uint8 with 0 for missing. Every variable's attributes carry its unit or
        flags, date, source, citation, licence and method.

    Raises
    ------
    MissingAssetError
        The file isn't in this installation.
    """
    if not SAMPLE.is_file():
        raise MissingAssetError(
            "The packaged world sample is missing from this installation. Install the package"
            " again, or build the sample with: hotspots sample build --from DIR"
        )
    with open_netcdf(SAMPLE, decode_coords="all") as packed:
        out = packed.load()
    for name in out.data_vars:
        dtype = "uint8" if variable(str(name)).classes else "float32"
        out[name] = out[name].astype(dtype, keep_attrs=True)
        # Plain numbers, because JSON can't hold numpy's.
        out[name].attrs = {
            k: v.item() if isinstance(v, np.generic) else v for k, v in out[name].attrs.items()
        }
        # Packing belongs to this file only; kept, it would be applied to derived layers as well.
        out[name].encoding = {"grid_mapping": "spatial_ref"}
    return out
