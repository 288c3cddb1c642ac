"""Typed faces of functions of xarray and dask that bring no types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import xarray as xr

from hotspots.layers.array_types import AnyArray, Numeric


def choose(condition: xr.DataArray, yes: Numeric, no: Numeric) -> xr.DataArray:
    """Return `yes` where `condition` holds and `no` elsewhere, as `xarray.where`; no attributes.

    Unlike ``yes.where(condition, no)`` it takes numbers for both.
    """
    chosen: xr.DataArray = xr.where(condition, yes, no)  # type: ignore[no-untyped-call]
    return chosen


def in_chunks(function: Callable[..., AnyArray], **given: Any) -> Any:
    """Return the dask array whose chunks `function` makes, as `dask.array.map_blocks`."""
    import dask.array as da

    return da.map_blocks(function, **given)  # type: ignore[no-untyped-call]
