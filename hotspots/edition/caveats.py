"""The caveats of an edition's numbers: one list, worded in the locale's catalogues.

Each caveat declares when it applies: a layer that must be there, one that makes it needless, and a
condition on the numbers shown. A caveat about boreal land isn't shown with numbers of the tropics.
An edition stores the ids of the caveats that apply to the whole of it, with their English text; the
map and the API look up the reader's language by id (``caveat.<id>`` in the catalogues), and the API
leaves out those that don't apply to the region asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np
import xarray as xr

from hotspots.edition.tables.units import CLUSTERED
from hotspots.geo.regions import initiative_members
from hotspots.layers.variables import CLIMATE_ZONES, HOT_CLASSES, HOTSPOT_CLASSES, RANKED_CLASSES
from hotspots.locale import text

if TYPE_CHECKING:
    import pandas as pd

    from hotspots.edition.edition import Edition

_NO_TILL = "no_tillage"
_RANKED = [code for code, name in HOTSPOT_CLASSES.items() if name in RANKED_CLASSES]


@dataclass(frozen=True)
class Scope:
    """The numbers that caveats are shown with.

    Attributes
    ----------
    row : mapping
        Column -> value of a row of the edition's table; a column may be absent.
    zones : frozenset of str
        IPCC climate zones in which land is ranked.
    management : str
        Management of cropland that the recipe's potential goes to.
    clustered : bool
        Whether a cell lies in a Gi* cluster; True if that isn't known.
    """

    row: Mapping[str, object]
    zones: frozenset[str]
    management: str
    clustered: bool = True


Condition: TypeAlias = Callable[[Scope], bool]


def _always(scope: Scope) -> bool:
    return True


def _above_zero(column: str) -> Condition:
    """Return whether a column is above 0; a column that the table lacks excludes nothing."""
    return lambda scope: column not in scope.row or _number(scope.row[column]) > 0


def _known(column: str) -> Condition:
    """Return whether a column has a value; a column that the table lacks excludes nothing."""
    return lambda scope: column not in scope.row or math.isfinite(_number(scope.row[column]))


def _in_zone(*zones: str) -> Condition:
    return lambda scope: not scope.zones.isdisjoint(zones)


def _is_no_till(scope: Scope) -> bool:
    return scope.management == _NO_TILL


def _is_unstable(scope: Scope) -> bool:
    """Return whether there is hot land, of which less than half stays hot in the draws."""
    hot, stable = (
        sum(_number(scope.row.get(f"{layer}_{name}_area_ha", 0.0)) for name in HOT_CLASSES)
        for layer in ("hotspot_class", "hotspot_class_stable")
    )
    return hot > 0 and stable < hot / 2


def _both(*conditions: Condition) -> Condition:
    return lambda scope: all(condition(scope) for condition in conditions)


@dataclass(frozen=True)
class Caveat:
    """When a caveat applies.

    Attributes
    ----------
    layer : str
        Layer that must be there.
    unless : str
        Layer that makes the caveat needless, or "".
    applies : callable
        Whether it applies to a `Scope`.
    """

    layer: str
    unless: str = ""
    applies: Condition = _always


_CROPS = _above_zero("potential_ipcc_tier1_valid_area_ha")
CAVEATS: Mapping[str, Caveat] = {
    "deficit": Caveat("deficit_historic", applies=_known("deficit_historic_total")),
    "no_till": Caveat("potential_ipcc_tier1", applies=_both(_CROPS, _is_no_till)),
    "mineral": Caveat("potential_ipcc_tier1", applies=_above_zero("hotspot_class_organic_area_ha")),
    "crops": Caveat("potential_ipcc_tier1", applies=_CROPS),
    "oil_palm": Caveat(
        "potential_ipcc_tier1", applies=_both(_is_no_till, _in_zone("tropical_wet"))
    ),
    "methods": Caveat("potential_median", applies=_known("potential_median_total")),
    "shared": Caveat("potential_median", applies=_known("potential_median_total")),
    "interval": Caveat("stability_gain", applies=_known("potential_low_t_yr")),
    "change": Caveat("modelled_change", applies=_known("modelled_change_total")),
    "gross": Caveat("modelled_change", applies=_known("modelled_change_total")),
    "not_in_it": Caveat("modelled_change", "loss_total", _known("modelled_change_total")),
    "loss_at_risk": Caveat("loss_total", applies=_known("loss_total_total")),
    "sdg": Caveat("sdg_soc_class"),
    "stability": Caveat("hotspot_class_stable", applies=_is_unstable),
    "stability_untested": Caveat(
        "hotspot_class", "hotspot_class_stable", _above_zero("hot_managed_ha")
    ),
    "permafrost": Caveat(
        "hotspot_class", "permafrost_share", _in_zone("boreal_moist", "boreal_dry")
    ),
    "clusters": Caveat("cluster_potential", applies=lambda scope: scope.clustered),
    # Layers that stand in for ones that weren't given; see `borrowed.stand_ins`.
    "borrowed_zones": Caveat("climate_zone from packaged sample"),
    "borrowed_cropland": Caveat("cropland_share from packaged sample"),
    "classed_cropland": Caveat("cropland_share from land_cover"),
}


def caveats_of(
    layers: Iterable[Hashable], inputs: Iterable[Hashable], scope: Scope
) -> dict[str, str]:
    """Return id and English text of the caveats that apply to an edition.

    Parameters
    ----------
    layers, inputs : iterable of names, such as a Dataset
        Layers of the edition, and layers that it was computed from.
    scope : Scope
        The numbers of the whole area.
    """
    known = {*layers, *inputs}
    return {
        key: text(f"caveat.{key}", "en")
        for key, caveat in CAVEATS.items()
        if caveat.layer in known and caveat.unless not in known and caveat.applies(scope)
    }


def whole_scope(table: pd.DataFrame, layers: xr.Dataset, management: str) -> Scope:
    """Return the scope of the whole area, from its row of the table and the ranked cells."""
    row = cast("Mapping[str, object]", table[table["set"] == "total"].iloc[0].to_dict())
    found = [layers[f"cluster_{axis}"].values for axis in CLUSTERED if f"cluster_{axis}" in layers]
    clustered = any(bool((np.nan_to_num(codes) != 0).any()) for codes in found)
    return Scope(row, _ranked_zones(layers), management, clustered)


def _ranked_zones(layers: xr.Dataset) -> frozenset[str]:
    if "hotspot_class" not in layers or "climate_zone" not in layers:
        return frozenset()
    ranked = np.isin(layers["hotspot_class"].values, _RANKED)
    codes = np.unique(np.nan_to_num(layers["climate_zone"].values[ranked]))
    return frozenset(CLIMATE_ZONES[int(code)] for code in codes if int(code) in CLIMATE_ZONES)


def caveats_of_region(edition: Edition, id: Hashable) -> list[str]:
    """Return the ids of the edition's caveats that apply to one row of its table, in their order.

    Caveats that this version doesn't know stay: they may well apply.
    """
    held = edition.manifest["caveats"]
    # A saved edition doesn't keep the order.
    ids = sorted(held, key=[*CAVEATS, *held].index)
    row = cast("Mapping[str, object]", edition.table.loc[str(id)].to_dict())
    if row.get("set") == "total":
        return ids
    scope = Scope(row, _zones_of(edition, str(id), row), edition.recipe.potential.management)
    return [key for key in ids if key not in CAVEATS or CAVEATS[key].applies(scope)]


def _zones_of(edition: Edition, id: str, row: Mapping[str, object]) -> frozenset[str]:
    """Return the climate zones in which a region has ranked land."""
    units = edition.units
    if row.get("set") == "outside" or "country" not in units:
        # No unit has this land: the zones of all of it.
        zones = CLIMATE_ZONES.values()
        return frozenset(z for z in zones if _number(row.get(f"climate_zone_{z}_area_ha")) > 0)
    own = units[units["country"] == id]
    if own.empty:
        own = units[units["country"].isin(initiative_members().get(id, []))]
    return frozenset(map(str, own["climate_zone"]))


def _number(value: object) -> float:
    """Return a number as float; NaN for a missing one."""
    try:
        return float(cast("float", value))
    except (TypeError, ValueError):
        return math.nan
