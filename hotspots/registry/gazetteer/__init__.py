"""Offline gazetteer: coordinates of place names and codes, and plausibility checks of points.

The gazetteer is included in the package: `gazetteer` reads it, `build` creates it, `search` queries
it. `checks` compares points with the outlines of countries.
"""

from hotspots.registry.gazetteer.checks import NOTES, check_points
from hotspots.registry.gazetteer.gazetteer import ATTRIBUTION
from hotspots.registry.gazetteer.place_search import Place, find_places, place

__all__ = ["ATTRIBUTION", "NOTES", "Place", "check_points", "find_places", "place"]
