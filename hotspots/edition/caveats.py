"""The caveats of an edition's numbers: one list, worded in the locale's catalogues.

An edition stores the ids of the caveats that apply to it, with their English text; the map and the
API look up the reader's language by id (``caveat.<id>`` in the catalogues).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from hotspots.locale import text

# id -> (layer whose presence makes the caveat apply, layer whose presence cancels it or "").
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
    # Layers that stand in for ones that weren't given; see `borrowed.stand_ins`.
    "borrowed_zones": ("climate_zone from packaged sample", ""),
    "borrowed_cropland": ("cropland_share from packaged sample", ""),
    "classed_cropland": ("cropland_share from land_cover", ""),
}


def caveats_of(layers: Iterable[Hashable], inputs: Iterable[Hashable] = ()) -> dict[str, str]:
    """Return id and English text of the caveats that apply to an edition.

    Parameters
    ----------
    layers, inputs : iterable of names, such as a Dataset
        Layers of the edition, and layers that it was computed from.
    """
    known = {*layers, *inputs}
    return {
        key: text(f"caveat.{key}", "en")
        for key, (present, absent) in CAVEATS.items()
        if present in known and absent not in known
    }
