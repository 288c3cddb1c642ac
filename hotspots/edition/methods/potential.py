"""Methods of potential gain, the 4 per 1000 yardstick and the historical deficit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr

from hotspots import analysis as an
from hotspots.analysis.elementwise import common_depth
from hotspots.analysis.hotspots.eligibility import is_organic, under_mask
from hotspots.edition.methods.base import (
    Layers,
    Method,
    NotPossible,
    masks_on,
    need,
    own_factors,
    thresholds_of,
)
from hotspots.edition.methods.soil import require_layers_alike, thickness_of, topsoil
from hotspots.edition.scenario import scenario
from hotspots.errors import BadInputError, RasterError
from hotspots.layers.grid import cell_area
from hotspots.layers.variables import LAND_COVERS, SOIL_CLASSES, describe

if TYPE_CHECKING:
    from hotspots.edition.recipe import Recipe

# A rate per stock diverges as the stock approaches 0.
LEAST_STOCK_FOR_PER_MILLE = 5.0  # t ha-1
_MONTHLY = ("air_temperature", "precipitation", "evaporation", "plant_cover")
_WETLAND = next(code for code, name in SOIL_CLASSES.items() if name == "wetland")


def managed_share(data: xr.Dataset, recipe: Recipe) -> xr.DataArray:
    """Return the managed share of the land: cropland, and pasture if the recipe includes it."""
    share = data["cropland_share"]
    return share + data["pasture_share"] if recipe.potential.include_pasture else share


def of_managed_land(layers: Layers, data: xr.Dataset, recipe: Recipe) -> dict[str, xr.DataArray]:
    """Return `layers` with their valid shares: the managed share of each cell."""
    # One array for all: describe() doesn't copy it.
    managed = (data["valid_share"] * managed_share(data, recipe).fillna(0)).astype("float32")
    return dict(layers) | {
        f"{n}_valid_share": describe(managed, f"{n}_valid_share") for n in layers
    }


def per_mille(gain: xr.DataArray, stock: xr.DataArray) -> xr.DataArray:
    """Return a gain in ‰ of the stock per year; NaN where the stock is below 5 t/ha."""
    name = f"{gain.name}_per_mille"
    return describe((1000 * gain / stock).where(stock >= LEAST_STOCK_FOR_PER_MILLE), name)


def _deficit(data: xr.Dataset, recipe: Recipe) -> Layers:
    deficit = an.historic_deficit(data["soc_stock_reference"], data["soc_stock"])
    return {"deficit_historic": deficit}


def _tier1(data: xr.Dataset, recipe: Recipe) -> Layers:
    tier1 = _tier1_of(data, recipe, data["climate_zone"], recipe.potential.guidelines)
    gain, stock = tier1["potential_ipcc_tier1"], tier1["soc_stock_managed"]
    gain.attrs["scenario"] = scenario(recipe)
    made = {
        "soc_stock_managed": stock,
        "potential_ipcc_tier1": gain,
        "potential_ipcc_tier1_per_mille": per_mille(gain, stock),
    }
    out = of_managed_land(made, data, recipe)
    for use, share in (("cropland", "cropland_share"), ("grassland", "pasture_share")):
        for name in (f"potential_ipcc_tier1_{use}", f"soc_stock_{use}"):
            if name in tier1:
                own = describe(data["valid_share"] * data[share].fillna(0), f"{name}_valid_share")
                out |= {name: tier1[name], f"{name}_valid_share": own}
    return out


def _tier1_2006(data: xr.Dataset, recipe: Recipe) -> Layers:
    if recipe.potential.guidelines == "2006":
        raise NotPossible("No second Tier 1: the recipe takes the guidelines of 2006 already.")
    # A comparison only: factor levels that the guidelines of 2006 lack don't stop the edition.
    try:
        tier1 = _tier1_of(data, recipe, data["climate_zone_2006"], "2006")
    except BadInputError as error:
        raise NotPossible(f"No Tier 1 of 2006: {error}") from error
    gain, name = tier1["potential_ipcc_tier1"], "potential_ipcc_tier1_2006"
    kept = {k: v for k, v in gain.attrs.items() if k in ("depth_cm", "comment")}
    return of_managed_land({name: describe(gain, name, **kept)}, data, recipe)


def _tier1_of(data: xr.Dataset, recipe: Recipe, zone: xr.DataArray, guidelines: str) -> xr.Dataset:
    """Return gain and stock of managed mineral land, by the factors of one edition of the IPCC."""
    choice = recipe.potential
    pasture = data.get("pasture_share") if choice.include_pasture else None
    if choice.include_pasture and pasture is None:
        raise RasterError("The recipe includes pasture, but the data lack 'pasture_share'.")
    tier1 = an.ipcc_tier1(
        data["soc_stock"].astype("float64"),
        zone,
        data["cropland_share"],
        pasture_share=pasture,
        land_use=choice.land_use,
        from_management=choice.from_management,
        from_input=choice.from_input,
        management=choice.management,
        input=choice.input,
        grassland_management=choice.grassland_management,
        adoption=choice.adoption,
        transition_years=choice.transition_years,
        guidelines=guidelines,
        factors=own_factors(recipe, guidelines),
    )
    # Stock change factors are for mineral soils; organic soils need emission factors instead.
    mineral = ~is_organic(data, recipe.eligibility.organic_stock)
    # Stock and gain have values on the same cells, so that a rate per stock is of the same land.
    kept: xr.Dataset = tier1.where(mineral & tier1["potential_ipcc_tier1"].notnull())
    kept["potential_ipcc_tier1"].attrs["comment"] = "per hectare of managed land"
    return kept


def _attainable(data: xr.Dataset, recipe: Recipe) -> Layers:
    """Return the attainable stock by strata of managed land, so that land use doesn't change."""
    choice, managed = recipe.attainable, managed_share(data, recipe)
    # Also if the recipe sets no least share: slivers of cropland aren't samples of a stratum.
    enough = managed >= max(recipe.eligibility.min_managed_share, 0.001)
    area = (cell_area(data) * data["valid_share"] * managed).where(enough, 0)
    strata = [data[name] for name in ("climate_zone", "soil_class") if name in data]
    masked = is_organic(data, recipe.eligibility.organic_stock)
    if "soil_class" in data:
        # Wetland soils hold carbon for lack of oxygen: mineral soil can't attain their stock.
        masked = masked | (data["soil_class"] == _WETLAND)
    found = an.attainable(
        soc_stock=data["soc_stock_managed"],
        stratum=strata,
        area=area.fillna(0),
        quantile=choice.quantile,
        min_samples=choice.min_samples,
        exclude=masked,
        years=choice.years,
    )
    names = ("attainable_deficit", "potential_attainable", "attainable_level")
    # The stratum's coordinate would be written into every layer of the edition.
    made = {name: found[name].drop_vars("stratum", errors="ignore") for name in names}
    return of_managed_land(made, data, recipe)


def _ensemble(data: xr.Dataset, recipe: Recipe) -> Layers:
    members = {name: data[name] for name in recipe.ensemble.members if name in data}
    # The median of one method is that method: it would look like agreement.
    if len(members) < 2:
        raise NotPossible(
            f"No comparison of methods: only {len(members)} of the recipe's members ran."
        )
    found = an.ensemble(
        methods=members,
        threshold=recipe.hotspots.gain_threshold,
        min_methods=recipe.ensemble.min_methods,
        min_agreement=recipe.ensemble.min_agreement,
    )
    return of_managed_land({str(k): v for k, v in found.items()}, data, recipe)


def _yardstick(data: xr.Dataset, recipe: Recipe) -> Layers:
    target = an.target_four_per_mille(data["soc_stock_managed"], rate=recipe.target.rate)
    return of_managed_land({"target_four_per_mille": target}, data, recipe)


def _saturation(data: xr.Dataset, recipe: Recipe) -> Layers:
    """Return the saturation deficit, by ``land_use`` where given, else for cropland."""
    # Without a layer of coarse fragments the soil counts as free of them.
    fragments = data.get("coarse_fragments", 0.0)
    choice, soil = recipe.saturation, data["soc"]
    soil_layers = [
        data[n] for n in ("bulk_density", "coarse_fragments", "clay", "silt") if n in data
    ]
    require_layers_alike(soil, *soil_layers)
    common_depth(soil, *soil_layers)
    # These equations are of the fraction below 50 µm as measured: no part of the silt is left out.
    fifty = choice.equation.endswith("0_50um") or choice.equation.startswith("georgiou")
    found = an.saturation_deficit(
        soc=soil,
        bulk_density=data["bulk_density"],
        clay=data["clay"],
        silt=data["silt"],
        coarse_fragments=fragments,
        thickness=thickness_of(soil),
        equation=choice.equation,
        fraction=None if fifty else choice.fraction,
        land_use=data.get("land_use", "cropland"),
        soil_class=data.get("soil_class"),
    )
    masked = under_mask(data, masks_on(recipe), thresholds_of(recipe))
    return {str(name): layer.where(~masked) for name, layer in found.items()}


def _gsocseq(data: xr.Dataset, recipe: Recipe) -> Layers:
    found = an.gsocseq(
        **gsocseq_inputs(data, recipe),
        increases=recipe.gsocseq.increases,
        years=recipe.gsocseq.years,
    )
    masked = under_mask(data, masks_on(recipe), thresholds_of(recipe))
    names = [n for n in map(str, found) if n.startswith(("potential_", "soc_bau", "carbon_input"))]
    made = {name: found[name].where(~masked) for name in names}
    if "land_cover" in data:
        # Gains of managed land are comparable only where the cell was run with a managed cover.
        covers = ["cropland", *(["grassland"] if recipe.potential.include_pasture else [])]
        run_as = data["land_cover"].isin([c for c, n in LAND_COVERS.items() if n in covers])
        made |= {n: v.where(run_as) for n, v in made.items() if n.startswith("potential_")}
    return of_managed_land(made, data, recipe) if "cropland_share" in data else made


def gsocseq_inputs(data: xr.Dataset, recipe: Recipe) -> dict[str, Any]:
    """Return the drivers of RothC, for the land cover where given, else for cropland."""
    warm_up = {
        name.removeprefix("warm_up_"): data[name]
        for name in map(str, data)
        if name.startswith("warm_up_")
    }
    covered = "land_cover" in data
    return {
        # RothC starts from the stock of the land that it is run for.
        "soc_stock": data["soc_stock"] if covered else data["soc_stock_managed"],
        "clay": topsoil(data["clay"]),
        **{name: data[name] for name in _MONTHLY},
        "land_cover": data["land_cover"] if covered else "cropland",
        "warm_up": xr.Dataset(warm_up) if warm_up else None,
        "pan_factor": recipe.gsocseq.pan_factor,
        "paddy": data.get("paddy_share"),
    }


def own_potential(data: xr.Dataset, layers: xr.Dataset, recipe: Recipe) -> Layers:
    """Return the user's potential, per hectare of managed land, if the recipe ranks by it."""
    name = recipe.methods.ranking_potential
    if name in layers or name not in data or "cropland_share" not in data:
        return {}
    share = f"{name}_valid_share"
    if share in data:
        return {name: data[name], share: data[share]}
    return of_managed_land({name: data[name]}, data, recipe)


POTENTIAL_METHODS: tuple[Method, ...] = (
    Method(
        "historic_deficit",
        "potential",
        "historical deficit",
        need("soc_stock_reference"),
        ("deficit_historic",),
        _deficit,
        functions=("analysis.potential.deficit:historic_deficit",),
    ),
    Method(
        "ipcc_tier1",
        "potential",
        "potential and hotspots",
        need("climate_zone", "cropland_share"),
        ("soc_stock_managed", "potential_ipcc_tier1", "potential_ipcc_tier1_per_mille"),
        _tier1,
        functions=("analysis.ipcc.tier1:ipcc_tier1",),
        tables=("ipcc_stock_change_factors",),
        sections=(
            "potential",
            "eligibility.organic_stock",
        ),
    ),
    Method(
        "ipcc_tier1_2006",
        "potential",
        "Tier 1 by the guidelines of 2006",
        need("climate_zone_2006", "cropland_share"),
        ("potential_ipcc_tier1_2006",),
        _tier1_2006,
        functions=("analysis.ipcc.tier1:ipcc_tier1",),
        tables=("ipcc_stock_change_factors",),
        sections=(
            "potential",
            "eligibility.organic_stock",
        ),
    ),
    Method(
        "four_per_mille",
        "yardstick",
        "4 per 1000 yardstick",
        need("soc_stock_managed"),
        ("target_four_per_mille",),
        _yardstick,
        functions=("analysis.potential.target:target_four_per_mille",),
        sections=("target",),
    ),
    Method(
        "attainable",
        "potential",
        "attainable stock",
        need("soc_stock_managed", "climate_zone", "cropland_share"),
        ("attainable_deficit", "potential_attainable", "attainable_level"),
        _attainable,
        functions=("analysis.potential.attainable:attainable",),
        sections=(
            "attainable",
            "eligibility.min_managed_share",
            "eligibility.organic_stock",
            "potential.include_pasture",
        ),
    ),
    Method(
        "saturation",
        "potential",
        "saturation deficit",
        need("soc", "bulk_density", "clay", "silt"),
        ("saturation_deficit", "saturation_balance"),
        _saturation,
        functions=("analysis.potential.saturation:saturation_deficit",),
        tables=("saturation_equations",),
        sections=("saturation",),
    ),
    Method(
        "gsocseq",
        "potential",
        "RothC by the GSOCseq protocol",
        need("clay", *_MONTHLY, "land_cover|soc_stock_managed"),
        (
            "soc_bau",
            "carbon_input",
            "potential_gsocseq_ssm1",
            "potential_gsocseq_ssm2",
            "potential_gsocseq_ssm3",
        ),
        _gsocseq,
        functions=(
            "analysis.rothc.gsocseq:gsocseq",
            "analysis.rothc.model:equilibrium",
            "analysis.rothc.model:simulate",
        ),
        tables=("gsocseq_landuse_dpm_rpm", "gsocseq_input_uncertainty"),
        sections=(
            "gsocseq.increases",
            "gsocseq.years",
            "gsocseq.pan_factor",
            "potential.include_pasture",
        ),
    ),
    Method(
        "ensemble",
        "potential",
        "comparison of methods",
        need("soc_stock_managed"),
        (
            "potential_median",
            "potential_lowest",
            "potential_highest",
            "methods_known",
            "methods_agree",
            "evidence",
        ),
        _ensemble,
        functions=("analysis.potential.ensemble:ensemble",),
        sections=(
            "ensemble",
            "hotspots.gain_threshold",
            "potential.include_pasture",
        ),
        summarises=True,
    ),
)
