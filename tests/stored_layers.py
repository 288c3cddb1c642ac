"""Small layers for stores, and what a user sees of a store."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from hotspots.ingest import Store
from hotspots.layers.variables import describe

SAID = {"source": "made by a test", "citation": "Nobody (2024)", "licence": "CC0 1.0"}


def layer(
    name: str = "soc_stock",
    values: Any = None,
    step: float = 10.0,
    crs: str = "EPSG:4326",
    **attrs: Any,
) -> xr.DataArray:
    """A grid of 18 x 36 cells from the upper left corner (-180, 90), or as many as `values`."""
    if values is None:
        values = np.arange(18 * 36, dtype="float32").reshape(18, 36)
        values[0, 0] = np.nan
    rows, columns = values.shape
    out = xr.DataArray(
        values,
        dims=("y", "x"),
        coords={
            "y": 90 - step * (np.arange(rows) + 0.5),
            "x": -180 + step * (np.arange(columns) + 0.5),
        },
    )
    return describe(out.rio.write_crs(crs), name, **(SAID | {"year": 2010} | attrs))


def zones() -> xr.DataArray:
    values = (np.arange(18 * 36).reshape(18, 36) % 13).astype("uint8")
    return layer("climate_zone", values, guidelines="2019")


def state(store: Store) -> dict[str, bytes]:
    """What a user sees: the names, and every layer's values, read anew."""
    return {n: Store(store.storage.path).open([n])[n].values.tobytes() for n in store.names()}
