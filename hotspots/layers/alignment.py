"""Merging of layers: one grid, equal labels, unique names."""

from __future__ import annotations

from collections.abc import Iterable

import xarray as xr

from hotspots.errors import RasterError
from hotspots.layers.dimensions import require_same_labels
from hotspots.layers.grid import require_same_grid


def on_one_grid(layers: Iterable[xr.DataArray]) -> xr.Dataset:
    """Return layers of `harmonise` as one Dataset, or raise `GridMismatchError`."""
    out = xr.Dataset()
    for layer in layers:
        name = str(layer.name)
        if name in out:
            raise RasterError(f"The layer '{name}' is given twice. Keep one of them.")
        if out.data_vars:
            require_same_grid(out, layer, name)
            require_same_labels(out, layer)
            # Coordinates within the tolerance are made equal, or xarray would join them.
            layer = layer.assign_coords({c: out[c] for c in ("y", "x", "spatial_ref")})
        out[name] = layer
    return out
