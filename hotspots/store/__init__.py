"""The store of layers: cloud-optimised GeoTIFFs under a static STAC catalogue."""

from hotspots.store.store import Store

__all__ = ["Store"]
