"""The world map: one HTML page that opens from disk, with no network."""

from hotspots.maps.folium_map import explore

__all__ = ["explore"]
