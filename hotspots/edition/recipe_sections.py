"""The sections of a recipe: each choice with its default, unit, allowed range and meaning.

A meaning states the basis of its default: "convention" where there is no source.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hotspots.edition.recipe_choices import FactorRows, List, Section, choice


class Methods(Section):
    """Which methods run, and which of their results rank."""

    skip: List[str] = choice(
        (), "methods not to run, though the data allow them; 'hotspots methods' lists all"
    )
    ranking_potential: str = choice(
        "potential_ipcc_tier1", "layer that ranks gain: a potential, or potential_median"
    )
    ranking_loss: Literal["modelled_change", "loss_total"] = choice(
        "modelled_change", "layer that ranks loss"
    )


class Potential(Section):
    """IPCC Tier 1: what cropland goes from and to."""

    guidelines: Literal["2006", "2019"] = choice("2019", "IPCC edition of factors and zones")
    land_use: str = choice(
        "long_term_cultivated", "F_LU of today's cropland", factor=("cropland", "F_LU")
    )
    from_management: str = choice(
        "full_tillage", "F_MG of today's cropland", factor=("cropland", "F_MG")
    )
    from_input: str = choice("medium", "F_I of today's cropland", factor=("cropland", "F_I"))
    management: str = choice("no_tillage", "F_MG that it goes to", factor=("cropland", "F_MG"))
    input: str = choice(
        "high_without_manure",
        "F_I that it goes to; manure moves carbon, so not in it",
        factor=("cropland", "F_I"),
    )
    adoption: float = choice(0.0, "share of the land already so managed", unit="1", low=0, high=1)
    transition_years: float = choice(20.0, "years of the transition", unit="yr", low=1, high=100)
    include_pasture: bool = choice(
        False, "count pasture, rangeland included, as grassland that can be improved"
    )
    grassland_management: str = choice(
        "improved", "F_MG of pasture, if included", factor=("grassland", "F_MG")
    )
    factors: FactorRows = choice(
        (),
        "own factors, which go before the packaged ones: {system, factor, level,"
        " climate_zone, value, error_pct, source}",
    )


class Constrained(Section):
    """Potential attainable over time: feasible land and a logistic ramp-up of adoption."""

    horizons: List[Annotated[float, Field(ge=1, le=200)]] = choice(
        (5.0, 10.0, 20.0, 30.0), "years for which gains are summed", unit="yr"
    )
    feasible_share: float = choice(
        1.0, "share of the managed land where the practice is feasible", unit="1", low=0, high=1
    )
    ceiling: float = choice(
        0.5, "adoption that the ramp-up tends to (convention)", unit="1", low=0, high=1
    )
    midpoint_years: float = choice(
        10.0, "years to half of the ramp-up (convention)", unit="yr", low=1, high=100
    )
    steepness: float = choice(
        0.3, "steepness of the ramp-up (convention)", unit="yr-1", low=0.01, high=5
    )


class Target(Section):
    """The 4 per 1000 yardstick."""

    rate: float = choice(0.004, "share of the stock per year", unit="yr-1", low=0, high=1)


class Saturation(Section):
    """Saturation deficit: a theoretical ceiling of stable carbon."""

    equation: str = choice("hassink_1997", "row of saturation_equations.csv")
    fraction: Literal["log_linear", "half", "sum"] = choice(
        "log_linear",
        "share of the silt that is below 20 µm (convention)",
    )


class Attainable(Section):
    """Attainable stock: an upper quantile among soils of one stratum of managed land."""

    quantile: float = choice(
        0.8, "quantile of the stratum (convention)", unit="1", low=0.5, high=0.99
    )
    min_samples: int = choice(
        30, "least cells of a stratum, else merged (convention)", unit="1", low=2, high=10**6
    )
    years: float = choice(20.0, "years to attain it (convention)", unit="yr", low=1, high=100)


class Gsocseq(Section):
    """RothC by the FAO GSOCseq protocol."""

    increases: List[Annotated[float, Field(ge=0, le=1)]] = choice(
        (0.05, 0.1, 0.2), "rise of carbon input in SSM1, SSM2, SSM3", unit="1"
    )
    years: int = choice(20, "years forward", unit="yr", low=1, high=100)
    pan_factor: float = choice(
        1.0, "factor on evaporation: 1 for PET, 0.75 for an open pan", unit="1", low=0.1, high=1.5
    )
    warming: float = choice(
        0.5,
        "warming over the years forward, for the loss by warming (convention)",
        unit="degC",
        low=0,
        high=10,
    )


class Ensemble(Section):
    """Several potentials side by side."""

    members: List[str] = choice(
        (
            "potential_ipcc_tier1",
            "potential_ipcc_tier1_2006",
            "potential_attainable",
            "potential_gsocseq_ssm3",
        ),
        "layers compared, where they exist",
    )
    min_methods: int = choice(
        2,
        "fewer methods with a value are not enough evidence of agreement (convention)",
        unit="1",
        low=1,
        high=20,
    )
    min_agreement: float = choice(
        2 / 3,
        "share of the methods known that must be on one side of the gain threshold (convention)",
        unit="1",
        low=0.501,
        high=1,
    )


class Change(Section):
    """Modelled change between two dates of one model."""

    start: str = choice("soc_stock_1990", "layer of the first date")
    end: str = choice("soc_stock", "layer of the last date")
    detectable: float = choice(
        1.0,
        "smaller changes over the period count as not detectable (convention)",
        unit="t ha-1",
        low=0,
        high=100,
    )
    trend_alpha: float = choice(
        0.05, "significance level of the Mann-Kendall test", unit="1", low=0.0001, high=0.5
    )


class Loss(Section):
    """Loss at risk, L1 to L5."""

    conversion_over_years: float = choice(
        1.0,
        "years over which conversion_rate's share is converted: 1 per year; 20 if it is the"
        " share of the last 20 years",
        unit="yr",
        low=1,
        high=100,
    )
    enrichment: float = choice(
        1.0,
        "enrichment ratio: SOC of the sediment over SOC of the soil (from memory, 0.8-2.5)",
        unit="1",
        low=0.8,
        high=2.5,
    )
    eroded_share_lost: float = choice(
        0.2,
        "share of the eroded SOC lost to the atmosphere as CO2 (from memory, 0-1)",
        unit="1",
        low=0,
        high=1,
    )
    drained_land_use: Literal["cropland", "grassland", "forest"] = choice(
        "cropland", "use of drained organic soil"
    )
    horizon_years: float = choice(
        30.0,
        "years over which loss is weighed for irrecoverability (convention)",
        unit="yr",
        low=1,
        high=200,
    )
    relative_sd: float = choice(
        0.5,
        "relative sd of each component in the sensitivity (convention)",
        unit="1",
        low=0,
        high=5,
    )


class Masks(Section):
    """Land that isn't ranked, though managed; each hectare is reported by its mask."""

    organic: bool = choice(True, "organic soil, by soil_class, else by [eligibility] organic_stock")
    wetland: bool = choice(True, "wetland soil or cover, by soil_class or land_cover")
    paddy: bool = choice(
        True,
        "paddy rice, by paddy_share of at least half the cropland; of the land, where"
        " cropland_share isn't known",
    )
    polar: bool = choice(True, "polar climate zones, which have no factors")
    permafrost: bool = choice(True, "permafrost_share of at least a half")
    hyper_arid: bool = choice(True, "hyper-arid, by precipitation / PET, else by precipitation")
    allophanic: bool = choice(True, "volcanic soils, by soil_class")
    very_sandy: bool = choice(True, "sand above 90 %")
    saline: bool = choice(True, "electrical conductivity above 4 dS/m")
    high_stock: bool = choice(True, "stock above 200 t/ha, whatever the soil")


class Eligibility(Section):
    """Which land is ranked."""

    min_managed_share: float = choice(
        0.1, "least managed share of a cell's land (convention)", unit="1", low=0, high=1
    )
    organic_stock: float = choice(
        200.0,
        "without a soil map, more stock than this is organic soil",
        unit="t ha-1",
        low=50,
        high=800,
    )
    hyper_arid_precipitation: float = choice(
        100.0, "without PET, less rain than this is hyper-arid", unit="mm yr-1", low=0, high=1000
    )


class Hotspots(Section):
    """What is called hot."""

    top_share: float = choice(
        0.1, "top share of eligible area (convention)", unit="1", low=0.001, high=1
    )
    gain_threshold: float = choice(
        0.2, "least gain of a hot cell (convention)", unit="t ha-1 yr-1", low=0, high=50
    )
    loss_threshold: float = choice(
        0.1, "least loss of a hot cell (convention)", unit="t ha-1 yr-1", low=0, high=50
    )
    stability: float = choice(
        0.8,
        "least share of draws over errors and methods in which a hot cell is hot (convention)",
        unit="1",
        low=0,
        high=1,
    )
    stability_over: Literal["nothing", "sd", "all"] = choice(
        "sd",
        "what hotspot_class itself must be stable over: nothing; sd, errors of the factors"
        " and of the stock where the data bring its standard deviation or interval; all, also"
        " predicted absolute errors and methods, as hotspot_class_stable always is",
    )
    min_patch_cells: int = choice(
        4, "least cells of a hot patch (convention)", unit="1", low=1, high=10**6
    )
    min_patch_area_km2: float = choice(
        1000.0, "least land area of a hot patch (convention)", unit="km2", low=0, high=10**7
    )
    unit_hot_share: float = choice(
        0.1,
        "hot share of its ranked land that gives a unit a class (convention)",
        unit="1",
        low=0,
        high=1,
    )
    unit_min_mha: float = choice(
        1.0,
        "units with less ranked managed land are flagged `small`",
        unit="1e6 ha",
        low=0,
        high=1000,
    )


class Uncertainty(Section):
    """Errors carried through totals, ranks and classes."""

    draws: int = choice(200, "draws; 0 leaves errors out", unit="1", low=0, high=100000)
    seed: int = choice(4, "seed of the draws", low=0, high=2**32 - 1)
    range_km: float = choice(
        100.0,
        "range of the errors' correlation exp(-d/range) (convention)",
        unit="km",
        low=1,
        high=5000,
    )
    change_correlation: float = choice(
        0.95,
        "correlation of the errors of two dates of one model (convention)",
        unit="1",
        low=-1,
        high=1,
    )
    level: float = choice(0.9, "level of the intervals (convention)", unit="1", low=0.5, high=0.999)
    top_k: int = choice(10, "the k of the stable top k (convention)", unit="1", low=1, high=1000)
    small_region_mha: float = choice(
        0.1,
        "regions with less managed land are flagged as small (convention)",
        unit="1e6 ha",
        low=0,
        high=100,
    )


class Clusters(Section):
    """Gi* beside the hotspots: descriptive, not the definition."""

    radius_km: float = choice(
        100.0, "neighbourhood, geodesic (convention)", unit="km", low=1, high=5000
    )
    alpha: float = choice(0.05, "false discovery rate", unit="1", low=0.0001, high=0.5)
    method: Literal["bh", "by"] = choice("bh", "Benjamini-Hochberg or -Yekutieli")
