"""Places without a network: names and codes to points, and what is odd about a point.

The gazetteer travels inside the package: `gazetteer` reads it, `build` makes it, `find` asks it.
`checks` holds points against the outlines of countries.
"""

from hotspots.registry.places.checks import NOTES, check_points
from hotspots.registry.places.find import Place, find_places, place
from hotspots.registry.places.gazetteer import ATTRIBUTION

__all__ = ["ATTRIBUTION", "NOTES", "Place", "check_points", "find_places", "place"]
