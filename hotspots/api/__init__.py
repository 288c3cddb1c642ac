"""The HTTP service of an edition: the map, the regions and their numbers."""

from hotspots.api.app import create_app, serve

__all__ = ["create_app", "serve"]
