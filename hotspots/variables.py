"""The canonical variables: one table of names, units and valid ranges, and the class legends.

Every layer that enters an analysis has one of these names and this unit in ``attrs["units"]``
(class layers have ``flag_values`` and ``flag_meanings`` instead). Missing is NaN, 0 for classes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from hotspots.errors import GridMismatchError, RasterError, near_matches

# JRC numbering; the numbers of other sources are converted at the door (ingest/legends.py).
CLIMATE_ZONES: dict[int, str] = {
    1: "warm_temperate_moist",
    2: "warm_temperate_dry",
    3: "cool_temperate_moist",
    4: "cool_temperate_dry",
    5: "polar_moist",
    6: "polar_dry",
    7: "boreal_moist",
    8: "boreal_dry",
    9: "tropical_montane",
    10: "tropical_wet",
    11: "tropical_moist",
    12: "tropical_dry",
}
SOIL_CLASSES: dict[int, str] = {
    1: "HAC",
    2: "LAC",
    3: "sandy",
    4: "spodic",
    5: "volcanic",
    6: "wetland",
    7: "organic",
}
HOTSPOT_CLASSES: dict[int, str] = {
    1: "protect",
    2: "restore",
    3: "build",
    4: "monitor",
    5: "organic",
    6: "insufficient_evidence",
    7: "excluded",
}
HOT_CLASSES = ("protect", "restore", "build")
RANKED_CLASSES = (*HOT_CLASSES, "monitor")
CHANGE_CLASSES: dict[int, str] = {1: "loss", 2: "gain", 3: "no_detectable_change"}
# Why land isn't ranked with managed mineral land; the first reason that holds is the one reported,
# so "organic_soil" is managed organic soil, which has a hotspot class of its own.
EXCLUSION_REASONS: dict[int, str] = {
    1: "zero_stock",
    2: "no_climate_zone",
    3: "polar",
    4: "hyper_arid",
    5: "no_land_use_data",
    6: "little_managed_land",
    7: "organic_soil",
}
CLUSTERS: dict[int, str] = {-1: "cold", 0: "not_significant", 1: "hot"}


@dataclass(frozen=True)
class Variable:
    """A canonical variable.

    Attributes
    ----------
    name : str
        Canonical name; ``long_name`` is its English label.
    unit : str
        Canonical unit, in CF style; "" for class layers.
    low, high : float
        Valid range, inclusive; values outside are flagged, never clipped.
    classes : dict or None
        Codes and names of a class layer.
    """

    name: str
    unit: str
    long_name: str
    low: float = -np.inf
    high: float = np.inf
    classes: dict[int, str] | None = None

    @property
    def per_hectare(self) -> bool:
        """Whether the unit is per hectare, so that a total makes sense."""
        return " ha-1" in self.unit


def _table(*rows: Variable) -> dict[str, Variable]:
    return {row.name: row for row in rows}


_STOCK, _RATE = "t ha-1", "t ha-1 yr-1"
VARIABLES: dict[str, Variable] = _table(
    Variable("soc_stock", _STOCK, "Soil organic carbon stock, 0-30 cm", 0, 800),
    Variable("soc_stock_reference", _STOCK, "SOC stock without land use, 0-30 cm", 0, 800),
    Variable("soc_stock_lower", _STOCK, "SOC stock, lower bound", 0, 800),
    Variable("soc_stock_upper", _STOCK, "SOC stock, upper bound", 0, 2000),
    Variable("soc_stock_sd", _STOCK, "SOC stock, standard deviation", 0, 800),
    Variable("soc_stock_error", _STOCK, "SOC stock, predicted absolute error (not an sd)", 0, 800),
    Variable("soc_stock_managed", _STOCK, "SOC stock of the managed land, unmixed", 0, 800),
    Variable("soc", "g kg-1", "SOC content of the fine earth", 0, 580),
    Variable("clay", "%", "Clay, mass share of the fine earth", 0, 100),
    Variable("sand", "%", "Sand, mass share of the fine earth", 0, 100),
    Variable("silt", "%", "Silt, mass share of the fine earth", 0, 100),
    Variable("bulk_density", "g cm-3", "Bulk density of the fine earth", 0.05, 2.2),
    Variable("coarse_fragments", "1", "Coarse fragments, volume share", 0, 0.95),
    Variable("cropland_share", "1", "Cropland, share of the cell's land", 0, 1),
    Variable("grassland_share", "1", "Managed grassland, share of the cell's land", 0, 1),
    Variable("rangeland_share", "1", "Rangeland, share of the cell's land", 0, 1),
    Variable("pasture_share", "1", "Pasture and rangeland, share of the cell's land", 0, 1),
    Variable("climate_zone", "", "IPCC climate zone", 0, 12, CLIMATE_ZONES),
    Variable("soil_class", "", "IPCC soil class", 0, 7, SOIL_CLASSES),
    Variable("mean_annual_temperature", "degC", "Mean annual air temperature", -60, 45),
    Variable("annual_precipitation", "mm yr-1", "Annual precipitation", 0, 15000),
    Variable("annual_pet", "mm yr-1", "Annual potential evapotranspiration", 0, 5000),
    Variable(
        "deficit_historic", _STOCK, "Modelled historical SOC deficit (not achievable potential)"
    ),
    Variable("target_four_per_mille", _RATE, "Yardstick: 0.4 % of the stock per year", 0),
    Variable("modelled_change", _RATE, "Modelled SOC change (from land-use history, not measured)"),
    Variable("modelled_gross_loss", _RATE, "Modelled gross SOC loss", 0),
    Variable("modelled_gross_gain", _RATE, "Modelled gross SOC gain", 0),
    Variable("change_class", "", "Modelled SOC change, told apart", 0, 3, CHANGE_CLASSES),
    Variable("loss_total", _RATE, "SOC loss, sum of its components", 0),
    Variable("hotspot_class", "", "Hotspot class, ranked over the whole", 0, 7, HOTSPOT_CLASSES),
    Variable(
        "hotspot_class_in_zone",
        "",
        "Hotspot class, ranked within climate zone",
        0,
        7,
        HOTSPOT_CLASSES,
    ),
    Variable("excluded_reason", "", "Why land is not ranked", 0, 7, EXCLUSION_REASONS),
    Variable("valid_share", "1", "Share of the cell's area that its values stand for", 0, 1),
    Variable("region_share", "1", "Share of the cell inside the region asked for", 0, 1),
    Variable("cell_area", "ha", "Ellipsoidal area of the cell", 0),
)
_FAMILIES: tuple[tuple[re.Pattern[str], Variable], ...] = (
    (re.compile(r"soc_stock_\d{4}"), VARIABLES["soc_stock"]),
    (re.compile(r"potential_\w+_per_mille"), Variable("", "1e-3 yr-1", "Potential per stock", 0)),
    (re.compile(r"potential_\w+"), Variable("", _RATE, "Potential SOC gain", 0)),
    (re.compile(r"loss_\w+"), Variable("", _RATE, "SOC loss", 0)),
    (re.compile(r"cluster_\w+_z"), Variable("", "1", "Gi* z")),
    (re.compile(r"cluster_\w+_p_adjusted"), Variable("", "1", "Gi* p, FDR-adjusted", 0, 1)),
    (re.compile(r"cluster_\w+_effect"), Variable("", _RATE, "Neighbourhood less stratum mean")),
    (re.compile(r"cluster_\w+"), Variable("", "", "Gi* cluster", -1, 1, CLUSTERS)),
)


def variable(name: str) -> Variable:
    """Return the canonical variable of this name, or raise `RasterError` with near matches.

    A stock of another date is ``soc_stock_<year>``; ``<name>_valid_share`` is the share of the
    cell that one layer's values stand for, where it differs from ``valid_share``.
    """
    if name in VARIABLES:
        return VARIABLES[name]
    if name.endswith("_valid_share"):
        base = variable(name.removesuffix("_valid_share"))
        return Variable(name, "1", f"Share of the cell that '{base.long_name}' stands for", 0, 1)
    for pattern, row in _FAMILIES:
        if pattern.fullmatch(name):
            return Variable(name, row.unit, row.long_name, row.low, row.high, row.classes)
    raise RasterError(
        f"'{name}' is not a canonical variable{near_matches(name, VARIABLES) or '.'}"
        " Rename the layer to one of the names in hotspots.variables.VARIABLES."
    )


def flags(classes: dict[int, str]) -> dict[str, Any]:
    """Return CF ``flag_values`` and ``flag_meanings`` attributes; 0 is nodata and no flag."""
    codes = list(classes)
    return {
        "flag_values": np.asarray(codes, dtype="int8"),
        "flag_meanings": " ".join(classes.values()),
    }


def classes_of(layer: xr.DataArray) -> dict[int, str] | None:
    """Return code -> name of a class layer from its flag attributes, or None for a quantity."""
    if "flag_values" not in layer.attrs or "flag_meanings" not in layer.attrs:
        return None
    codes = [int(code) for code in np.atleast_1d(layer.attrs["flag_values"])]
    names = str(layer.attrs["flag_meanings"]).split()
    if len(codes) != len(names):
        raise RasterError(
            f"Layer '{layer.name}' has {len(codes)} flag_values and {len(names)} flag_meanings."
            " Give each code one name without blanks."
        )
    return dict(zip(codes, names, strict=True))


def describe(layer: xr.DataArray, name: str, **attrs: Any) -> xr.DataArray:
    """Return `layer` under the canonical `name`, with the table's unit or flags and `attrs`."""
    row = variable(name)
    base: dict[str, Any] = {"long_name": row.long_name}
    base |= flags(row.classes) if row.classes else {"units": row.unit}
    out = layer.rename(name).copy(deep=False)  # rename alone shares the attributes
    out.attrs = base | attrs
    return out


def require_aligned(*layers: Any) -> None:
    """Raise `GridMismatchError` unless all DataArrays among `layers` have the same coordinates.

    xarray would compute on the cells that they have in common, and drop the others unsaid.
    """
    arrays = [layer for layer in layers if isinstance(layer, xr.DataArray)]
    try:
        xr.align(*arrays, join="exact", copy=False)
    except ValueError as error:
        named = ", ".join(str(array.name) for array in arrays)
        raise GridMismatchError(
            f"The layers {named} don't have the same coordinates. Bring them to one grid first."
        ) from error


def require_unit(layer: xr.DataArray) -> None:
    """Raise `RasterError` unless `layer` bears a canonical name and that name's unit."""
    name = str(layer.name)
    row = variable(name)
    if row.classes:
        return
    given = layer.attrs.get("units")
    if given is None:
        raise RasterError(
            f"Layer '{name}' has no unit; '{row.unit}' is the canonical one. "
            f"Set it (attrs['units'], or the band's unit in a GeoTIFF) after checking the source."
        )
    if given != row.unit:
        raise RasterError(
            f"Layer '{name}' is in '{given}', but '{row.unit}' is needed. Convert it first."
        )
