"""The registry of organisations, projects, research actions and practices.

Modules that require a database are imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hotspots.registry.schema.fields import Field, fields
from hotspots.registry.schema.vocabulary import label, vocabulary

if TYPE_CHECKING:
    from hotspots.registry.open import open_registry, own_registry
    from hotspots.registry.registry import Registry

_LAZY_EXPORTS = {"Registry": "registry", "open_registry": "open", "own_registry": "open"}

__all__ = [
    "Field",
    "Registry",
    "fields",
    "label",
    "open_registry",
    "own_registry",
    "vocabulary",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY_EXPORTS:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_LAZY_EXPORTS[name]}"), name)
