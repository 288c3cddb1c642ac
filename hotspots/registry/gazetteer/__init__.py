"""Places without a network: names and codes to points, and what is odd about a point.

The gazetteer travels inside the package: `gazetteer` reads it, `build` makes it, `find` asks it.
`checks` holds points against the outlines of countries.
"""

from hotspots.registry.gazetteer.checks import NOTES, check_points
from hotspots.registry.gazetteer.gazetteer import ATTRIBUTION
from hotspots.registry.gazetteer.search import Place, find_places, place

__all__ = ["ATTRIBUTION", "NOTES", "Place", "check_points", "find_places", "place"]
