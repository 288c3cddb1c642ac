"""What must be said with the numbers: one list, worded in the locale's catalogues.

An edition keeps the ids of those that hold for it with their English words; the map and the API
put them in the reader's language by id (``caveat.<id>`` of the catalogues).
"""

from __future__ import annotations

import xarray as xr

from hotspots.locale import text

# id -> the layer whose presence makes the caveat hold.
CAVEATS: dict[str, str] = {
    "deficit": "deficit_historic",
    "no_till": "potential_ipcc_tier1",
    "mineral": "potential_ipcc_tier1",
    "crops": "potential_ipcc_tier1",
    "change": "modelled_change",
    "gross": "modelled_change",
    "not_in_it": "modelled_change",
    "stability": "hotspot_class",
    "permafrost": "hotspot_class",
    "clusters": "cluster_potential",
}


def caveats_of(layers: xr.Dataset) -> dict[str, str]:
    """Return id and English words of the caveats that hold for an edition's layers."""
    return {key: text(f"caveat.{key}", "en") for key, needed in CAVEATS.items() if needed in layers}
