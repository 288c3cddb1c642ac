"""Editions: a recipe applied to layers, with its rasters, tables, polygons and provenance.

The modules behind the public names are imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hotspots.edition.edition import Edition, list_editions, open_edition
    from hotspots.edition.recipe import Recipe

_LAZY_EXPORTS = {
    "Edition": "hotspots.edition.edition",
    "Recipe": "hotspots.edition.recipe",
    "list_editions": "hotspots.edition.edition",
    "open_edition": "hotspots.edition.edition",
}
__all__ = ["Edition", "Recipe", "list_editions", "open_edition"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY_EXPORTS:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(_LAZY_EXPORTS[name]), name)
