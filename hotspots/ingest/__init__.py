"""Import of rasters: the packaged sample, public sources, user files; the store of layers."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Not lazily: a later import of the module would replace the function of the same name here.
from hotspots.ingest.sample import sample

if TYPE_CHECKING:
    from hotspots.ingest.user_files.rasters import open_data, open_layers
    from hotspots.store import Store

__all__ = ["Store", "open_data", "open_layers", "sample"]

_LAZY_EXPORTS = {
    "Store": "hotspots.store",
    "open_data": "hotspots.ingest.user_files.rasters",
    "open_layers": "hotspots.ingest.user_files.rasters",
}


def __getattr__(name: str) -> Any:
    # Loaded at first use: rasterio's readers, dask and pystac would make `import hotspots` slow.
    if name not in _LAZY_EXPORTS:
        raise AttributeError(f"module 'hotspots.ingest' has no attribute '{name}'")
    return getattr(import_module(_LAZY_EXPORTS[name]), name)
