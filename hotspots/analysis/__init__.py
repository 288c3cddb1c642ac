"""Pure analysis: arrays and tables in, arrays and tables out; no files, no HTTP.

Names are loaded at first use, so that importing this package stays cheap. Four functions share
their module's name and are bound here at once, or the module would hide them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from hotspots.analysis.ensemble import ensemble
from hotspots.analysis.gaps import gaps
from hotspots.analysis.getis_ord import getis_ord
from hotspots.analysis.zonal import zonal

_HOMES = {
    "cell_area": "hotspots.grid",
    "soc_stock": "hotspots.analysis.stock",
    "stock_to_depth": "hotspots.analysis.stock",
    "climate_zone": "hotspots.analysis.climate",
    "soil_class": "hotspots.analysis.soils",
    "soc_reference": "hotspots.analysis.reference_stock",
    "historic_deficit": "hotspots.analysis.potential.deficit",
    "ipcc_tier1": "hotspots.analysis.potential.tier1",
    "stock_change_factor": "hotspots.analysis.potential.tier1_factors",
    "stock_change_factor_error": "hotspots.analysis.potential.tier1_factors",
    "equilibrium_stock": "hotspots.analysis.potential.tier1",
    "equilibrium_from_observed": "hotspots.analysis.potential.tier1",
    "stock_after": "hotspots.analysis.potential.tier1",
    "annual_stock_change": "hotspots.analysis.potential.tier1",
    "ipcc_tier1_relative_sd": "hotspots.analysis.potential.tier1_errors",
    "tier1_draws": "hotspots.analysis.potential.tier1_errors",
    "saturation_deficit": "hotspots.analysis.potential.saturation",
    "organic_soil_factor": "hotspots.analysis.potential.organic",
    "attainable": "hotspots.analysis.potential.attainable",
    "gain_at": "hotspots.analysis.potential.horizons",
    "constrained": "hotspots.analysis.potential.horizons",
    "gsocseq": "hotspots.analysis.potential.gsocseq",
    "miami_npp": "hotspots.analysis.npp",
    "gap_to_target": "hotspots.analysis.potential.target",
    "years_to_close": "hotspots.analysis.potential.target",
    "sdg_soc_change": "hotspots.analysis.urgency.sdg",
    "site_statistics": "hotspots.analysis.validation",
    "sample_at": "hotspots.analysis.validation",
    "target_four_per_mille": "hotspots.analysis.potential.target",
    "modelled_change": "hotspots.analysis.urgency.change",
    "false_discovery_rate": "hotspots.analysis.fdr",
    "classify_hotspots": "hotspots.analysis.hotspots",
    "total_uncertainty": "hotspots.analysis.uncertainty",
}
__all__ = ["ensemble", "gaps", "getis_ord", "rothc", "zonal", *_HOMES]


def __getattr__(name: str) -> Any:
    if name == "rothc":
        return import_module("hotspots.analysis.rothc")
    if name not in _HOMES:
        raise AttributeError(f"module 'hotspots.analysis' has no attribute '{name}'")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
