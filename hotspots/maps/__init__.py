"""The world map: one HTML page that opens from disk, with no network."""

from hotspots.maps.world import explore

__all__ = ["explore"]
