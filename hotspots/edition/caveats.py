"""What must be said with the numbers: one list, worded in the locale's catalogues.

An edition keeps the ids of those that hold for it with their English words; the map and the API
put them in the reader's language by id (``caveat.<id>`` of the catalogues).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from hotspots.locale import text

# id -> (layer that must be there for the caveat to hold, layer that must not, "" for none).
CAVEATS: dict[str, tuple[str, str]] = {
    "deficit": ("deficit_historic", ""),
    "no_till": ("potential_ipcc_tier1", ""),
    "mineral": ("potential_ipcc_tier1", ""),
    "crops": ("potential_ipcc_tier1", ""),
    "methods": ("potential_median", ""),
    "shared": ("potential_median", ""),
    "interval": ("stability_gain", ""),
    "change": ("modelled_change", ""),
    "gross": ("modelled_change", ""),
    "not_in_it": ("modelled_change", "loss_total"),
    "loss_at_risk": ("loss_total", ""),
    "sdg": ("sdg_soc_class", ""),
    "stability": ("hotspot_class_stable", ""),
    "stability_untested": ("hotspot_class", "hotspot_class_stable"),
    "permafrost": ("hotspot_class", "permafrost_share"),
    "clusters": ("cluster_potential", ""),
}


def caveats_of(layers: Iterable[Hashable], inputs: Iterable[Hashable] = ()) -> dict[str, str]:
    """Return id and English words of the caveats that hold for an edition.

    Parameters
    ----------
    layers, inputs : iterable of names, such as a Dataset
        What the edition holds, and what it was made of.
    """
    known = {*layers, *inputs}
    return {
        key: text(f"caveat.{key}", "en")
        for key, (present, absent) in CAVEATS.items()
        if present in known and absent not in known
    }
