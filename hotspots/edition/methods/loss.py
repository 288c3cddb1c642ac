"""Methods of change (by a model or a series of maps) and of loss at risk.

Change between maps (``modelled_change``, ``soc_trend``, the SDG indicator) and the loss at risk
(L1 to L5 and their sum) are separate quantities and are never added.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from hotspots import analysis as an
from hotspots.analysis.elementwise import class_codes, common_depth
from hotspots.analysis.hotspots.eligibility import is_organic, under_mask
from hotspots.analysis.ipcc.organic_soils import organic_soil_factor
from hotspots.analysis.loss import components, convergence, ldn_response
from hotspots.analysis.loss.total import loss_total
from hotspots.analysis.loss.trend import theil_sen
from hotspots.analysis.rothc.gsocseq import disequilibrium_and_warming
from hotspots.edition.methods.base import (
    Layers,
    Method,
    NotPossible,
    masks_on,
    need,
    own_factors,
    thresholds_of,
)
from hotspots.edition.methods.potential import gsocseq_inputs, managed_share
from hotspots.edition.methods.soil import topsoil
from hotspots.layers.variables import CLIMATE_ZONES, LOSS_COMPONENTS

if TYPE_CHECKING:
    from hotspots.edition.recipe import Recipe

_MANAGEMENT = next(code for code, name in LOSS_COMPONENTS.items() if name == "disequilibrium")
_LOSSES = tuple(f"loss_{name}" for name in LOSS_COMPONENTS.values())
_DATED_STOCK = re.compile(r"soc_stock_(\d{4})")
_DATED_COVER = re.compile(r"land_cover_(\d{4})")
MIN_DATES = 4
_COVER_DATES = 2
DECIMALS = 6  # of t ha-1 yr-1


def _change(data: xr.Dataset, recipe: Recipe) -> Layers:
    change = an.modelled_change(
        data[recipe.change.start], data[recipe.change.end], detectable=recipe.change.detectable
    )
    made = {str(k): v for k, v in change.items()}
    # The finer map's values, if any, replace those of the coarse cells.
    return {**made, **_finer_gross(data, made["modelled_change"].attrs.get("period"))}


def _finer_gross(data: xr.Dataset, period: object) -> Layers:
    """Return gross loss and gain from a finer map, where the data have them for the same period.

    Loss and gain cancel within a coarse cell, so sums made before coarsening are more accurate.
    """
    names = ("modelled_gross_loss", "modelled_gross_gain")
    finer = {n: data[n] for n in names if n in data and data[n].attrs.get("period") == period}
    return finer if len(finer) == len(names) else {}


def series(data: xr.Dataset, pattern: re.Pattern[str], undated: str = "") -> xr.DataArray | None:
    """Return the layers named by year, concatenated along ``year``, or None.

    The layer `undated` is included at the year of its attribute, if it has one.
    """
    dated = {
        int(found[1]): data[name] for name in map(str, data) if (found := pattern.fullmatch(name))
    }
    if undated in data and "year" in data[undated].attrs:
        # A layer with the year in its name takes precedence over an undated one of the same year.
        dated.setdefault(int(data[undated].attrs["year"]), data[undated])
    if not dated:
        return None
    common_depth(*dated.values())
    years = sorted(dated)
    # Years differ between the dates; common attributes are set from the first below.
    layers = [dated[year].drop_attrs(deep=False).rename("series") for year in years]
    out = xr.concat(layers, xr.DataArray(years, dims="year", name="year"))
    out.attrs = {k: v for k, v in dated[years[0]].attrs.items() if k not in ("year", "period")}
    return out


def _trend(data: xr.Dataset, recipe: Recipe) -> Layers:
    stocks = series(data, _DATED_STOCK, "soc_stock")
    dates = 0 if stocks is None else stocks.sizes["year"]
    if stocks is None or dates < MIN_DATES:
        raise NotPossible(f"No trend: the data have {dates} dates of the stock; 4 are needed.")
    found = theil_sen(series=stocks)
    return {name: found[name] for name in ("soc_trend", "soc_trend_p")}


def _sdg(data: xr.Dataset, recipe: Recipe) -> Layers:
    cover = cover_series(data)
    found = an.sdg_soc_change(
        soc_stock=data["soc_stock"], land_cover=cover, climate_zone=data["climate_zone"]
    )
    return {name: found[name] for name in ("sdg_soc_change", "sdg_soc_class")}


def cover_series(data: xr.Dataset) -> xr.DataArray:
    """Return the land cover along ``year``; raise `NotPossible` for fewer than two dates."""
    cover = series(data, _DATED_COVER, "land_cover")
    dates = 0 if cover is None else cover.sizes["year"]
    if cover is None or dates < _COVER_DATES:
        raise NotPossible(
            f"No SDG indicator: the data have {dates} dates of land cover;"
            f" {_COVER_DATES} are needed"
            " (land_cover_2000, land_cover_2015)."
        )
    return cover


def _conversion(data: xr.Dataset, recipe: Recipe) -> Layers:
    choice = recipe.potential
    levels = {"F_LU": choice.land_use, "F_MG": choice.from_management, "F_I": choice.from_input}
    # The stock after conversion relative to that under native vegetation (IPCC: F_LU x F_MG x F_I).
    factor: xr.DataArray | float = 1.0
    for name, level in levels.items():
        factor = factor * an.stock_change_factor(
            factor=name,
            level=level,
            climate_zone=data["climate_zone"],
            guidelines=choice.guidelines,
            factors=own_factors(recipe, choice.guidelines),
        )
    years = recipe.loss.conversion_over_years
    loss = components.loss_conversion(
        soc_stock=data["soc_stock"],
        factor=factor,
        conversion_rate=data["conversion_rate"],
        # With 1 year the rate is per year already.
        over_years=None if years == 1 else years,
    )
    return {"loss_conversion": loss}


def _rothc_losses(data: xr.Dataset, recipe: Recipe) -> Layers:
    """Return disequilibrium and warming loss from one joint run, so that they can be summed.

    Values are per hectare of the cell's land. Without a land cover the run is of cropland, and
    the rest of the land has no loss.
    """
    found = disequilibrium_and_warming(
        warming=recipe.gsocseq.warming, years=recipe.gsocseq.years, **gsocseq_inputs(data, recipe)
    )
    if "land_cover" not in data:
        share = managed_share(data, recipe)
        found = xr.Dataset({n: _of_land(layer, share) for n, layer in found.items()})
    masked = under_mask(data, masks_on(recipe), thresholds_of(recipe))
    # Rounded, since the rounding errors of the equilibrium aren't a loss.
    return {
        str(n): v.round(DECIMALS).where(~masked).assign_attrs(v.attrs) for n, v in found.items()
    }


def _of_land(layer: xr.DataArray, share: xr.DataArray) -> xr.DataArray:
    """Return a rate per hectare of a use converted to all land of the cell: 0 without the use."""
    # Without the use the rate may be missing (NaN x 0 = NaN), but the loss of the land is known: 0.
    return (layer * share).where(~(share == 0), 0).assign_attrs(layer.attrs)


def _erosion(data: xr.Dataset, recipe: Recipe) -> Layers:
    given: dict[str, Any] = {
        "soil_erosion": data["soil_erosion"],
        "soc": topsoil(data["soc"]),
        "enrichment": recipe.loss.enrichment,
    }
    lost = components.loss_erosion(**given, lost_share=recipe.loss.eroded_share_lost)
    return {"loss_erosion": lost, "loss_erosion_gross": components.loss_erosion_gross(**given)}


def _drained(data: xr.Dataset, recipe: Recipe) -> Layers:
    use = recipe.loss.drained_land_use
    # Indexed by the code of the zone, so that 0 (no zone) gives NaN.
    by_zone = np.array([np.nan, *(organic_soil_factor(zone, use) for zone in CLIMATE_ZONES)])
    zone = data["climate_zone"]
    codes = class_codes(zone, CLIMATE_ZONES, "IPCC climate zone")
    factor = zone.copy(data=by_zone[codes.values]).drop_attrs(deep=False)
    loss = components.loss_drained_organic(
        drained_share=data["drained_organic_share"], emission_factor=factor
    )
    return {"loss_drained_organic": loss}


def _total(data: xr.Dataset, recipe: Recipe) -> Layers:
    parts: dict[Hashable, xr.DataArray] = {name: data[name] for name in _LOSSES if name in data}
    if not parts:
        raise NotPossible("No loss at risk: no component (L1 to L5) could be computed.")
    # Without a layer of drained peat the sum is missing on organic soil: its loss is unknown.
    organic = is_organic(data, recipe.eligibility.organic_stock)
    found = loss_total(parts, organic=organic, conversion_share=_converted(data, parts, recipe))
    # Summed from the components as stored, so that their sum equals the stored total.
    kept = {n: found[n].astype("float32", keep_attrs=True) for n in _LOSSES if n in found}
    # All layers are on one grid, so their coordinates need not be compared.
    total = xr.concat(kept.values(), "part", coords="minimal", compat="override")
    total = total.sum("part", skipna=False, dtype="float64").where(found["loss_total"].notnull())
    exact = total.rename("loss_total").assign_attrs(found["loss_total"].attrs)
    main = found["loss_main_component"]
    return kept | {"loss_total": exact, "loss_main_component": main}


def _converted(
    data: xr.Dataset, parts: dict[Hashable, xr.DataArray], recipe: Recipe
) -> xr.DataArray | None:
    """Return the share converted over the years of the disequilibrium run, or None.

    None unless both components are available.
    """
    if not {"loss_conversion", "loss_disequilibrium"} <= parts.keys():
        return None
    over = recipe.gsocseq.years / recipe.loss.conversion_over_years
    return (data["conversion_rate"] * over).clip(max=1)


def _risk(data: xr.Dataset, recipe: Recipe) -> Layers:
    """Return response and irrecoverability of the loss at risk, or else of the modelled loss."""
    potential = recipe.methods.ranking_potential
    if potential not in data:
        raise NotPossible(f"No response: there is no layer '{potential}' to regain a loss by.")
    if "loss_total" in data:
        loss, main = data["loss_total"], data["loss_main_component"]
        basis = "from the loss at risk"
    elif "modelled_change" in data:
        # A change is negative where carbon is lost; a gain is a loss of 0.
        loss = (-data["modelled_change"]).clip(min=0)
        # All of the modelled loss counts as one of management; 0 where it is unknown.
        main = loss.notnull() * np.uint8(_MANAGEMENT)
        basis = "from the modelled loss, taken as one of management"
    else:
        raise NotPossible("No response: there is neither loss_total nor modelled_change.")
    gain = data[potential].clip(min=0)
    lost = ldn_response.loss_over_horizon(
        loss_total=loss, years=recipe.loss.horizon_years, soc_stock=data["soc_stock"]
    )
    managed = managed_share(data, recipe)
    # The loss is per hectare of all land, the gain per hectare of managed land.
    of_land = (gain * managed).where(managed > 0, 0)
    never = ldn_response.irrecoverable(lost=lost, attainable_rate=of_land)
    response = ldn_response.response_class(
        loss_total=loss,
        main_component=main,
        irrecoverable=never,
        historic_deficit=data.get("deficit_historic", np.nan),
        attainable_rate=gain,
        thresholds=ldn_response.ResponseThresholds(
            loss=recipe.hotspots.loss_threshold, gain=recipe.hotspots.gain_threshold
        ),
    )
    years = ldn_response.years_to_lose_tenth(soc_stock=data["soc_stock"], loss_total=loss)
    # Responses by land users need managed land.
    enough = managed >= recipe.eligibility.min_managed_share
    return {
        "irrecoverable": never.assign_attrs(comment=basis),
        "years_to_lose_tenth": years.assign_attrs(comment=basis),
        "response_class": response.where(enough, 0)
        .astype("uint8")
        .assign_attrs(response.attrs, comment=basis),
    }


def _evidence(data: xr.Dataset, recipe: Recipe) -> Layers:
    least = recipe.hotspots.loss_threshold
    known: dict[str, tuple[Any, ...]] = {}
    if "modelled_change" in data:
        known["modelled_loss"] = (data["modelled_change"], -least, "below")
    if "soc_trend" in data:
        sure = data["soc_trend_p"] <= recipe.change.trend_alpha
        # Not significant counts as not falling; where the trend is missing, so is the evidence.
        falling = data["soc_trend"].where(sure | data["soc_trend"].isnull(), 0)
        known["falling_trend"] = (falling, -least, "below")
    if "sdg_soc_class" in data:
        known["sdg_degraded"] = (data["sdg_soc_class"], "degraded")
    if "loss_total" in data:
        known["loss_at_risk"] = (data["loss_total"], least)
    if len(known) < 2:
        raise NotPossible(
            f"No convergence of evidence: {len(known)} indicator of loss is known; 2 are needed."
        )
    found = convergence.converging_evidence(known)
    return {name: found[name] for name in ("evidence_count", "evidence_known")}


LOSS_METHODS: tuple[Method, ...] = (
    Method(
        "modelled_change",
        "change",
        "modelled change",
        lambda recipe: (recipe.change.start, recipe.change.end),
        ("modelled_change", "modelled_gross_loss", "modelled_gross_gain", "change_class"),
        _change,
        functions=("analysis.loss.change:modelled_change",),
        sections=(
            "change.start",
            "change.end",
            "change.detectable",
        ),
    ),
    Method(
        "soc_trend",
        "change",
        "trend of a series",
        need("soc_stock"),
        ("soc_trend", "soc_trend_p"),
        _trend,
        functions=("analysis.loss.trend:theil_sen",),
        series=("soc_stock", MIN_DATES),
    ),
    Method(
        "sdg_soc",
        "change",
        "SDG 15.3.1 indicator",
        need("climate_zone"),
        ("sdg_soc_change", "sdg_soc_class"),
        _sdg,
        functions=("analysis.loss.sdg_15_3_1:sdg_soc_change",),
        tables=("sdg1531_soc_transition_factors", "sdg1531_climate_group"),
        series=("land_cover", _COVER_DATES),
    ),
    Method(
        "loss_conversion",
        "loss",
        "loss by conversion (L1)",
        need("conversion_rate", "climate_zone"),
        ("loss_conversion",),
        _conversion,
        functions=("analysis.loss.components:loss_conversion",),
        tables=("ipcc_stock_change_factors",),
        sections=(
            "loss.conversion_over_years",
            "potential.land_use",
            "potential.from_management",
            "potential.from_input",
            "potential.guidelines",
            "potential.factors",
        ),
    ),
    Method(
        "loss_rothc",
        "loss",
        "loss by disequilibrium and warming (L2, L4)",
        need(
            "clay",
            "air_temperature",
            "precipitation",
            "evaporation",
            "plant_cover",
            "land_cover|soc_stock_managed",
        ),
        ("loss_disequilibrium", "loss_warming"),
        _rothc_losses,
        functions=("analysis.rothc.gsocseq:disequilibrium_and_warming",),
        sections=(
            "gsocseq.years",
            "gsocseq.pan_factor",
            "gsocseq.warming",
            "potential.include_pasture",
        ),
    ),
    Method(
        "loss_erosion",
        "loss",
        "loss by erosion (L3)",
        need("soil_erosion", "soc"),
        ("loss_erosion", "loss_erosion_gross"),
        _erosion,
        functions=("analysis.loss.components:loss_erosion",),
        sections=(
            "loss.enrichment",
            "loss.eroded_share_lost",
        ),
    ),
    Method(
        "loss_drained_organic",
        "loss",
        "loss of drained organic soil (L5)",
        need("drained_organic_share", "climate_zone"),
        ("loss_drained_organic",),
        _drained,
        functions=(
            "analysis.ipcc.organic_soils:organic_soil_factor",
            "analysis.loss.components:loss_drained_organic",
        ),
        tables=("ipcc_drained_organic_soils_co2",),
        sections=("loss.drained_land_use",),
    ),
    Method(
        "loss_total",
        "loss",
        "loss at risk (L1 to L5)",
        need("soc_stock"),
        (*_LOSSES, "loss_total", "loss_main_component"),
        _total,
        functions=("analysis.loss.total:loss_total",),
        sections=(
            "eligibility.organic_stock",
            "gsocseq.years",
            "loss.conversion_over_years",
        ),
        summarises=True,
    ),
    Method(
        "risk",
        "evidence",
        "response and irrecoverability",
        need("soc_stock", "cropland_share"),
        ("irrecoverable", "years_to_lose_tenth", "response_class"),
        _risk,
        functions=(
            "analysis.loss.ldn_response:irrecoverable",
            "analysis.loss.ldn_response:years_to_lose_tenth",
            "analysis.loss.ldn_response:response_class",
        ),
        sections=(
            "loss.horizon_years",
            "hotspots.gain_threshold",
            "hotspots.loss_threshold",
            "methods.ranking_potential",
            "eligibility.min_managed_share",
            "potential.include_pasture",
        ),
    ),
    Method(
        "evidence",
        "evidence",
        "convergence of evidence",
        need("soc_stock"),
        ("evidence_count", "evidence_known"),
        _evidence,
        functions=("analysis.loss.convergence:converging_evidence",),
        sections=(
            "hotspots.loss_threshold",
            "change.trend_alpha",
        ),
        summarises=True,
    ),
)
