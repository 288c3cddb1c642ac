"""Pure analysis: arrays and tables in, arrays and tables out; no HTTP, no file but factor tables.

Names are loaded at first use, so that importing this package stays cheap. Two functions share
their package's name and are bound here at once, or the package would hide them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from hotspots.analysis.gaps import gaps
from hotspots.analysis.zonal import zonal

_LAZY_EXPORTS = {
    "ensemble": "hotspots.analysis.potential.ensemble",
    "getis_ord": "hotspots.analysis.hotspots.getis_ord",
    "cell_area": "hotspots.layers.grid",
    "soc_stock": "hotspots.analysis.stock",
    "stock_to_depth": "hotspots.analysis.stock",
    "climate_zone": "hotspots.analysis.ipcc.climate_zones",
    "soil_class": "hotspots.analysis.ipcc.soil_classes",
    "soc_reference": "hotspots.analysis.ipcc.reference_stock",
    "historic_deficit": "hotspots.analysis.potential.deficit",
    "ipcc_tier1": "hotspots.analysis.ipcc.tier1",
    "stock_change_factor": "hotspots.analysis.ipcc.tier1_factors",
    "stock_change_factor_error": "hotspots.analysis.ipcc.tier1_factors",
    "equilibrium_stock": "hotspots.analysis.ipcc.tier1",
    "equilibrium_from_observed": "hotspots.analysis.ipcc.tier1",
    "stock_after": "hotspots.analysis.ipcc.tier1",
    "annual_stock_change": "hotspots.analysis.ipcc.tier1",
    "ipcc_tier1_relative_sd": "hotspots.analysis.ipcc.tier1_uncertainty",
    "ManagementChange": "hotspots.analysis.ipcc.tier1_uncertainty",
    "tier1_draws": "hotspots.analysis.ipcc.tier1_uncertainty",
    "saturation_deficit": "hotspots.analysis.potential.saturation",
    "organic_soil_factor": "hotspots.analysis.ipcc.organic_soils",
    "attainable": "hotspots.analysis.potential.attainable",
    "gain_at": "hotspots.analysis.potential.horizons",
    "Adoption": "hotspots.analysis.potential.horizons",
    "constrained": "hotspots.analysis.potential.horizons",
    "gsocseq": "hotspots.analysis.rothc.gsocseq",
    "miami_npp": "hotspots.analysis.rothc.npp",
    "gap_to_target": "hotspots.analysis.potential.target",
    "years_to_close": "hotspots.analysis.potential.target",
    "sdg_soc_change": "hotspots.analysis.loss.sdg_15_3_1",
    "site_statistics": "hotspots.analysis.uncertainty.validation",
    "sample_at": "hotspots.analysis.uncertainty.validation",
    "target_four_per_mille": "hotspots.analysis.potential.target",
    "modelled_change": "hotspots.analysis.loss.change",
    "false_discovery_rate": "hotspots.analysis.hotspots.fdr",
    "classify_hotspots": "hotspots.analysis.hotspots.classify",
    "total_uncertainty": "hotspots.analysis.uncertainty.totals",
}
__all__ = ["gaps", "rothc", "zonal", *_LAZY_EXPORTS]


def __getattr__(name: str) -> Any:
    if name == "rothc":
        return import_module("hotspots.analysis.rothc.model")
    if name not in _LAZY_EXPORTS:
        raise AttributeError(f"module 'hotspots.analysis' has no attribute '{name}'")
    value = getattr(import_module(_LAZY_EXPORTS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
