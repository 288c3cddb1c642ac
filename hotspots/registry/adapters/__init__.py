"""Adapters: exports of public registries of projects made into records, one mapping table each."""

from hotspots.registry.adapters.adapt import Adapted, adapt, adapter_of, recognise
from hotspots.registry.adapters.mapping import Adapter, adapters, read_adapter

__all__ = ["Adapted", "Adapter", "adapt", "adapter_of", "adapters", "read_adapter", "recognise"]
