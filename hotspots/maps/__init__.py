"""The world map: one HTML page that opens from disk, with no network."""

from hotspots.maps.explore import explore

__all__ = ["explore"]
