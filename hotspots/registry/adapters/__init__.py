"""Adapters: converting exports of public project registries to records by mapping tables."""

from hotspots.registry.adapters.adapt import Adapted, adapt, adapter_of, recognise
from hotspots.registry.adapters.mapping import Adapter, adapters, read_adapter

__all__ = ["Adapted", "Adapter", "adapt", "adapter_of", "adapters", "read_adapter", "recognise"]
