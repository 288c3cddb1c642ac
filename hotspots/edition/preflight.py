"""Checks before a long analysis: free disk space, and a readable registry."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import xarray as xr

from hotspots.edition.methods import METHODS
from hotspots.edition.methods.base import missing_layers
from hotspots.edition.recipe import Recipe
from hotspots.errors import WriteError
from hotspots.layers.grid import grid_of
from hotspots.registry import Registry

# Layers of an edition from no method: hotspot classes, shares of draws, clusters.
_RANKING_LAYERS = 24
# Bytes per cell and layer, uncompressed; overviews take less than compression saves.
_BYTES = 4
TABLES_BYTES, PAGE_BYTES = 1_000_000, 2_000_000


def edition_bytes(data: xr.Dataset, recipe: Recipe) -> int:
    """Return an estimate, in bytes, of the size of the edition of `recipe` on `data`, with its map.

    Cells with a stock × layers that the data allow × 4 bytes, plus the tables. It is 2 to 3 times
    too high, since layers are compressed.
    """
    rows, columns = grid_of(data).shape
    cells = int(data["soc_stock"].notnull().sum()) if "soc_stock" in data else rows * columns
    layers = set(map(str, data.data_vars))
    for method in METHODS:
        if method.id not in recipe.methods.skip and not missing_layers(method, layers, recipe):
            layers |= set(method.gives)
    return cells * (len(layers) + _RANKING_LAYERS) * _BYTES + TABLES_BYTES + PAGE_BYTES


def require_space(target: Path, needed: int) -> None:
    """Raise `WriteError` if the disk of `target` has too little free space.

    Parameters
    ----------
    target : Path
        Path to be written; neither it nor its parents need exist.
    needed : int
        Space needed, bytes.
    """
    folder = Path(os.path.realpath(target))
    # The folder to be made may not exist yet: the nearest existing parent is on the same disk.
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise WriteError(
            f"'{target}' needs about {_megabytes(needed)} MB, and {_megabytes(free)} MB are free"
            " on its disk. Free some space or give another --out; nothing was computed yet."
        )


def read_through(registry: Registry) -> Registry:
    """Return `registry` after reading its records, so that errors in them are raised early.

    A damaged file may open without error and fail only when its records are read.
    """
    _ = registry.records
    return registry


def _megabytes(amount: int) -> str:
    return f"{amount / 1e6:,.1f}"
