"""hotspots: where soil carbon can be gained, where it is lost, and who is already there.

    >>> import hotspots as hs
    >>> edition = hs.analyze(hs.sample())
    >>> hs.explore(edition, hs.open_registry())

Everything else is loaded on first use, so that this import is fast and reads no data.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# `regions` is both a module and a function: the function is bound after the module, since the
# first import of the module would otherwise replace it.
from hotspots.geo.regions import region, regions

_LAZY_EXPORTS = {
    "Edition": "hotspots.edition.edition",
    "Recipe": "hotspots.edition.recipe",
    "analyze": "hotspots.edition.analyze",
    "explore": "hotspots.maps",
    "gaps": "hotspots.edition.gaps",
    "load": "hotspots.edition.inputs",
    "open_data": "hotspots.edition.inputs",
    "open_edition": "hotspots.edition.edition",
    "open_registry": "hotspots.registry",
    "sample": "hotspots.ingest.sample",
}
__all__ = ["__version__", "analysis", "region", "regions", *_LAZY_EXPORTS]


def __getattr__(name: str) -> Any:
    if name == "analysis":
        return import_module("hotspots.analysis")
    if name not in _LAZY_EXPORTS:
        raise AttributeError(f"module 'hotspots' has no attribute '{name}'")
    value = getattr(import_module(_LAZY_EXPORTS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
