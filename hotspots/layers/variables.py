"""The canonical variables: one table of names, units and valid ranges, and the class legends.

Every layer that enters an analysis has one of these names and this unit in ``attrs["units"]``
(class layers have ``flag_values`` and ``flag_meanings`` instead). Missing is NaN, 0 for classes
(-128 in a legend where 0 is a class).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from hotspots.errors import GridMismatchError, RasterError, near_matches
from hotspots.layers.array_types import Attributes
from hotspots.locale.escaping import shell_word

# JRC numbering; the codes of other sources are converted on import (layers/legends.py).
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
_WRB = """Acrisols Albeluvisols Alisols Andosols Anthrosols Arenosols Calcisols Cambisols Chernozems
Cryosols Durisols Ferralsols Fluvisols Gleysols Gypsisols Histosols Kastanozems Leptosols Lixisols
Luvisols Nitisols Phaeozems Planosols Plinthosols Podzols Regosols Retisols Solonchaks Solonetz
Stagnosols Technosols Umbrisols Vertisols"""
SOIL_GROUPS: dict[int, str] = dict(enumerate(_WRB.split(), start=1))
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
# Reasons why land isn't ranked with managed mineral land; the first that applies is reported, so
# "organic_soil" is managed organic soil, which has a hotspot class of its own.
EXCLUSION_REASONS: dict[int, str] = {
    1: "zero_stock",
    2: "no_climate_zone",
    3: "polar",
    4: "hyper_arid",
    5: "no_land_use_data",
    6: "little_managed_land",
    7: "organic_soil",
    8: "paddy",
    9: "wetland_soil",
    10: "permafrost",
    11: "allophanic",
    12: "very_sandy",
    13: "saline",
    14: "high_stock",
}
# UNCCD's seven classes of land cover, in its numbering.
LAND_COVERS: dict[int, str] = {
    1: "tree_covered",
    2: "grassland",
    3: "cropland",
    4: "wetland",
    5: "artificial",
    6: "other_land",
    7: "water_body",
}
# The numbering of Beck et al. (2023).
_KOPPEN = """Af Am Aw BWh BWk BSh BSk Csa Csb Csc Cwa Cwb Cwc Cfa Cfb Cfc Dsa Dsb Dsc Dsd Dwa Dwb
Dwc Dwd Dfa Dfb Dfc Dfd ET EF"""
KOPPEN_CLASSES: dict[int, str] = dict(enumerate(_KOPPEN.split(), start=1))
LAND_USES: dict[int, str] = {1: "cropland", 2: "grassland", 3: "forest", 4: "other"}
DEGRADATION: dict[int, str] = {1: "degraded", 2: "stable", 3: "improved"}
RESPONSES: dict[int, str] = {1: "avoid", 2: "reduce", 3: "reverse"}
EVIDENCE: dict[int, str] = {1: "above_threshold", 2: "below_threshold", 3: "not_enough_evidence"}
LOSS_COMPONENTS: dict[int, str] = {
    1: "conversion",
    2: "disequilibrium",
    3: "erosion",
    4: "warming",
    5: "drained_organic",
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
    Variable("soc_stock_cropland", _STOCK, "SOC stock of the cropland, unmixed", 0, 800),
    Variable("soc_stock_grassland", _STOCK, "SOC stock of the grassland, unmixed", 0, 800),
    Variable("soc", "g kg-1", "SOC content of the fine earth", 0, 580),
    Variable("soc_density", "kg m-3", "SOC by volume of soil, coarse fragments counted", 0, 600),
    Variable(
        "soc_density_error", "kg m-3", "SOC by volume, predicted absolute error (not an sd)", 0, 600
    ),
    Variable("clay", "%", "Clay, mass share of the fine earth", 0, 100),
    Variable("sand", "%", "Sand, mass share of the fine earth", 0, 100),
    Variable("silt", "%", "Silt, mass share of the fine earth", 0, 100),
    Variable("bulk_density", "g cm-3", "Bulk density of the fine earth", 0.05, 2.2),
    Variable("coarse_fragments", "1", "Coarse fragments, volume share", 0, 0.95),
    Variable("electrical_conductivity", "dS m-1", "Electrical conductivity of the soil", 0, 200),
    Variable("soil_erosion", "t ha-1 yr-1", "Soil lost by erosion (soil, not carbon)", 0, 2000),
    Variable("conversion_rate", "yr-1", "Share of the cell converted to cropland per year", 0, 1),
    Variable("drained_organic_share", "1", "Drained organic soil, share of the cell's land", 0, 1),
    Variable("paddy_share", "1", "Paddy rice, share of the cell's land", 0, 1),
    Variable("permafrost_share", "1", "Permafrost, share of the cell's land", 0, 1),
    Variable("forest_share", "1", "Forest, share of the cell's land", 0, 1),
    Variable("land_cover", "", "Land cover, UNCCD classes", 0, 7, LAND_COVERS),
    Variable("land_use", "", "Leading land use", 0, 4, LAND_USES),
    Variable("elevation", "m", "Elevation above sea level", -500, 9000),
    Variable("frost_days", "d yr-1", "Frost days", 0, 366),
    Variable("warmest_month_temperature", "degC", "Mean of the warmest month", -60, 50),
    Variable("air_temperature", "degC", "Monthly mean air temperature", -70, 50),
    Variable("precipitation", "mm month-1", "Monthly precipitation", 0, 5000),
    # Below 0 where dew and rime exceed evaporation.
    Variable("evaporation", "mm month-1", "Monthly open-pan evaporation, or PET", -50, 2000),
    Variable("plant_cover", "1", "Share of the month with plant cover", 0, 1),
    Variable("cropland_share", "1", "Cropland, share of the cell's land", 0, 1),
    Variable("grassland_share", "1", "Managed grassland, share of the cell's land", 0, 1),
    Variable("rangeland_share", "1", "Rangeland, share of the cell's land", 0, 1),
    Variable("pasture_share", "1", "Pasture and rangeland, share of the cell's land", 0, 1),
    Variable("climate_zone", "", "IPCC climate zone", 0, 12, CLIMATE_ZONES),
    Variable(
        "climate_zone_2006", "", "IPCC climate zone of the 2006 guidelines", 0, 12, CLIMATE_ZONES
    ),
    Variable("koppen_geiger", "", "Köppen-Geiger climate class", 0, 30, KOPPEN_CLASSES),
    Variable("soil_class", "", "IPCC soil class", 0, 7, SOIL_CLASSES),
    Variable("soil_group", "", "WRB soil group", 0, 33, SOIL_GROUPS),
    Variable("mean_annual_temperature", "degC", "Mean annual air temperature", -60, 45),
    Variable("annual_precipitation", "mm yr-1", "Annual precipitation", 0, 15000),
    Variable("annual_pet", "mm yr-1", "Annual potential evapotranspiration", 0, 5000),
    Variable("potential_ipcc_tier1", _RATE, "Potential SOC gain, IPCC Tier 1"),
    Variable("potential_ipcc_tier1_2006", _RATE, "Potential SOC gain, IPCC Tier 1 of 2006"),
    Variable("potential_ipcc_tier1_cropland", _RATE, "Potential SOC gain of cropland, Tier 1"),
    Variable("potential_ipcc_tier1_grassland", _RATE, "Potential SOC gain of grassland, Tier 1"),
    Variable("potential_attainable", _RATE, "Potential SOC gain to the attainable stock", 0),
    Variable("potential_median", _RATE, "Potential SOC gain, median of the methods"),
    Variable("potential_lowest", _RATE, "Potential SOC gain, lowest of the methods"),
    Variable("potential_highest", _RATE, "Potential SOC gain, highest of the methods"),
    Variable("loss_conversion", _RATE, "SOC at risk by land-use conversion (L1)", 0),
    Variable("loss_disequilibrium", _RATE, "SOC at risk by management disequilibrium (L2)", 0),
    Variable("loss_erosion", _RATE, "SOC lost by erosion (L3)", 0),
    Variable("loss_warming", _RATE, "SOC at risk by warming (L4)", 0),
    Variable("loss_drained_organic", _RATE, "SOC lost by drained organic soil (L5)", 0),
    Variable(
        "deficit_historic", _STOCK, "Modelled historical SOC deficit (not achievable potential)"
    ),
    Variable("target_four_per_mille", _RATE, "Yardstick: 0.4 % of the stock per year", 0),
    Variable("modelled_change", _RATE, "Modelled SOC change (from land-use history, not measured)"),
    Variable("modelled_gross_loss", _RATE, "Modelled gross SOC loss", 0),
    Variable("modelled_gross_gain", _RATE, "Modelled gross SOC gain", 0),
    Variable("change_class", "", "Modelled SOC change, told apart", 0, 3, CHANGE_CLASSES),
    Variable("soc_bau", _STOCK, "SOC stock under business as usual, years ahead", 0, 2000),
    Variable("carbon_input", _RATE, "Carbon input that keeps the stock", 0, 100),
    Variable("carbon_input_bau", _RATE, "Carbon input under business as usual", 0, 100),
    Variable("soc_trend", _RATE, "SOC trend over a series of dates"),
    Variable("soc_trend_p", "1", "Mann-Kendall p of the SOC trend", 0, 1),
    Variable("loss_total", _RATE, "SOC at risk, sum of its components", 0),
    Variable("loss_main_component", "", "Largest component of the loss", 0, 5, LOSS_COMPONENTS),
    Variable("loss_erosion_gross", _RATE, "SOC moved by erosion, lost or not", 0),
    Variable("irrecoverable", _STOCK, "SOC loss over the horizon not regained in 30 years", 0),
    Variable("years_to_lose_tenth", "yr", "Years until a tenth of the stock is lost", 0),
    Variable("response_class", "", "Response: avoid, reduce, reverse", 0, 3, RESPONSES),
    Variable("evidence_count", "1", "Indicators of loss above their thresholds", 0, 20),
    Variable("evidence_known", "1", "Indicators of loss known", 0, 20),
    Variable("sdg_soc_change", "%", "SDG 15.3.1 change of SOC stock", -100),
    Variable("sdg_soc_class", "", "SDG 15.3.1 SOC sub-indicator", 0, 3, DEGRADATION),
    Variable("saturation_deficit", _STOCK, "Saturation deficit (ceiling of stable SOC)", 0),
    Variable("saturation_balance", _STOCK, "Saturation capacity less fine-fraction SOC, signed"),
    Variable("attainable_deficit", _STOCK, "Best attainable SOC of the stratum less SOC", 0),
    Variable("attainable_level", "1", "Levels that the stratum was merged up", 0, 10),
    Variable("methods_known", "1", "Methods with a value", 0, 20),
    Variable("methods_agree", "1", "Methods above the gain threshold", 0, 20),
    Variable("evidence", "", "Whether methods agree on the gain threshold", 0, 3, EVIDENCE),
    Variable("stability_gain", "1", "Share of draws (errors, methods) hot for gain", 0, 1),
    Variable("stability_gain_errors", "1", "Share of draws (errors) hot for gain", 0, 1),
    Variable("stability_gain_in_zone", "1", "As stability_gain, ranked within stratum", 0, 1),
    Variable("stability_loss", "1", "Share of draws (errors) hot for loss", 0, 1),
    Variable("stability_loss_in_zone", "1", "As stability_loss, ranked within stratum", 0, 1),
    Variable("stability_loss_components", "1", "Share of draws of components hot for loss", 0, 1),
    Variable("stability_loss_weights", "1", "Share of draws of weights hot for loss", 0, 1),
    Variable("hotspot_class", "", "Hotspot class, ranked over the whole", 0, 7, HOTSPOT_CLASSES),
    Variable(
        "hotspot_class_in_zone",
        "",
        "Hotspot class, ranked within climate zone",
        0,
        7,
        HOTSPOT_CLASSES,
    ),
    Variable(
        "hotspot_class_stable",
        "",
        "Hotspot class, stable over errors and methods",
        0,
        7,
        HOTSPOT_CLASSES,
    ),
    Variable("excluded_reason", "", "Why land is not ranked", 0, 14, EXCLUSION_REASONS),
    Variable("valid_share", "1", "Share of the cell's area that its values stand for", 0, 1),
    Variable("region_share", "1", "Share of the cell inside the region asked for", 0, 1),
    Variable("cell_area", "ha", "Ellipsoidal area of the cell", 0),
)
# Layers of soil depths, with bounds such as clay_lower and clay_upper.
PROFILES = ("soc", "bulk_density", "coarse_fragments", "clay", "silt", "sand")
# The first pattern that fits counts, so that special families come before general ones.
_FAMILIES: tuple[tuple[re.Pattern[str], Variable], ...] = (
    (re.compile(r"stability_\w+"), VARIABLES["stability_gain"]),
    (re.compile(r"soc_stock_\d{3,4}"), VARIABLES["soc_stock"]),
    (
        re.compile(r"soc_stock_[1-9]\d+cm(_\d{3,4}|_reference)?"),
        Variable("", _STOCK, "SOC stock down to the depth named", 0, 5000),
    ),
    (re.compile(r"land_cover_\d{4}"), VARIABLES["land_cover"]),
    (re.compile(r"warm_up_air_temperature"), VARIABLES["air_temperature"]),
    (re.compile(r"warm_up_precipitation"), VARIABLES["precipitation"]),
    (re.compile(r"warm_up_evaporation"), VARIABLES["evaporation"]),
    (re.compile(r"warm_up_plant_cover"), VARIABLES["plant_cover"]),
    (
        re.compile(r"potential_gsocseq_ssm\d+"),
        Variable("", _RATE, "Potential SOC gain, GSOCseq", 0),
    ),
    (re.compile(r"potential_\w+_absolute"), Variable("", _RATE, "SOC change, signed")),
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

    Layers of a soil profile have bounds, ``clay_lower`` and ``clay_upper``.
    A stock of another date is ``soc_stock_<year>``; ``<name>_valid_share`` is the share of the
    cell that one layer's values represent, where it differs from ``valid_share``.
    """
    if name in VARIABLES:
        return VARIABLES[name]
    if name.endswith("_valid_share"):
        base = variable(name.removesuffix("_valid_share"))
        return Variable(name, "1", f"Share of the cell that '{base.long_name}' stands for", 0, 1)
    profile, _, bound = name.rpartition("_")
    if profile in PROFILES and bound in ("lower", "upper"):
        row = VARIABLES[profile]
        return replace(row, name=name, long_name=f"{row.long_name}, {bound} bound")
    for pattern, row in _FAMILIES:
        if pattern.fullmatch(name):
            return Variable(name, row.unit, row.long_name, row.low, row.high, row.classes)
    raise RasterError(
        f"'{name}' is not a canonical variable{near_matches(name, VARIABLES) or '.'}"
        " Rename the layer (or the GeoTIFF, or the description of its band) to one of the names"
        " that 'hotspots variables' lists."
    )


SIGNED_NODATA = -128


def class_nodata(classes: Mapping[int, str]) -> int:
    """Return the code that means missing: 0, or -128 in a legend where 0 is a class."""
    return SIGNED_NODATA if 0 in classes else 0


def flags(classes: dict[int, str]) -> Attributes:
    """Return CF ``flag_values`` and ``flag_meanings`` attributes; nodata has no flag."""
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


def describe(layer: xr.DataArray, name: str, **attrs: object) -> xr.DataArray:
    """Return `layer` under the canonical `name`, with the table's unit or flags and `attrs`."""
    row = variable(name)
    base: Attributes = {"long_name": row.long_name}
    base |= flags(row.classes) if row.classes else {"units": row.unit}
    out = layer.rename(name).copy(deep=False)  # rename alone shares the attributes
    out.attrs = base | attrs
    return out


def require_aligned(*layers: object) -> None:
    """Raise `GridMismatchError` unless all DataArrays among `layers` have the same coordinates.

    xarray would compute on their common cells and silently drop the others.
    """
    arrays = [layer for layer in layers if isinstance(layer, xr.DataArray)]
    try:
        xr.align(*arrays, join="exact", copy=False)
    except ValueError as error:
        named = ", ".join(str(array.name) for array in arrays)
        raise GridMismatchError(
            f"The layers {named} don't have the same coordinates. Bring them to one grid first."
        ) from error


def table() -> list[dict[str, str]]:
    """Return the canonical variables as rows of name, unit, long_name and range, all text.

    ``unit`` is "class" for class layers, whose range lists their codes and names; families of names
    have one row, with the part that varies in angle brackets.
    """
    stock = VARIABLES["soc_stock"]
    year = replace(stock, name="soc_stock_<year>", long_name=f"{stock.long_name}, of another year")
    bound = Variable("<profile>_<bound>", "as the profile", f"Bound of {', '.join(PROFILES)}")
    share = Variable("<name>_valid_share", "1", "As valid_share, for one layer alone", 0, 1)
    return [
        {
            "name": row.name,
            "unit": row.unit or "class",
            "long_name": row.long_name,
            "range": allowed_range(row),
        }
        for row in (*VARIABLES.values(), year, bound, share)
    ]


def allowed_range(row: Variable) -> str:
    """Return a variable's valid range, or its classes, as text."""
    if row.classes:
        return ", ".join(f"{code} {name}" for code, name in row.classes.items())
    if np.isfinite(row.low) and np.isfinite(row.high):
        return f"{row.low:g} to {row.high:g}"
    return f"{row.low:g} or more" if np.isfinite(row.low) else "any"


# rio refuses to edit a cloud-optimised GeoTIFF, such as those of a store, by a traceback.
OF_A_COPY = "GeoTIFF; of a cloud-optimised one a plain copy, made by: rio convert FILE COPY.tif"
_OPTIONS = {"units": "unit", "depth_cm": "depth"}  # of add-layer, where they aren't named alike


def how_to_set(name: str, key: str, value: str, *, stored: bool = False) -> str:
    """Return how to write an attribute of layer `name` into a file, a store or memory.

    Parameters
    ----------
    name : str
        Canonical name.
    key, value : str
        The attribute, and an example of it.
    stored : bool
        Whether the layer is of a store, whose files are never edited (see `is_stored`).
    """
    word = shell_word(value)
    option = f"--{_OPTIONS.get(key, key)} {word}"
    again = f"hotspots add-layer FILE --as {shell_word(name)} {option} --store DIR"
    if stored:
        computed = f", or compute it again: hotspots stock --year {word} --store DIR"
        return (
            f"After checking the source add the layer again from its own file: {again}"
            f"{computed if key == 'year' and name.startswith('soc_stock') else ''}."
        )
    option = f"--bidx 1 --units {word}" if key == "units" else f"--tag {key}={word}"
    return (
        f"After checking the source set it with: rio edit-info {option} FILE ({OF_A_COPY}),"
        f" ncatted -a {key},{shell_word(name)},o,c,{word} FILE (NetCDF), attrs['{key}'] (Python),"
        f" or for a store: {again}."
    )


def is_stored(layer: xr.DataArray) -> bool:
    """Return whether a layer was opened from a store, which notes the hash of its file."""
    return "sha256" in layer.attrs
