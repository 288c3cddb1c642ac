"""Pure analysis: arrays and tables in, arrays and tables out; no files, no HTTP.

Names are loaded at first use, so that importing this package stays cheap. Two functions share
their module's name and are bound here at once, or the module would hide them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from hotspots.analysis.getis_ord import getis_ord
from hotspots.analysis.zonal import zonal

_HOMES = {
    "cell_area": "hotspots.grid",
    "historic_deficit": "hotspots.analysis.potential.deficit",
    "ipcc_tier1": "hotspots.analysis.potential.tier1",
    "stock_change_factor": "hotspots.analysis.potential.tier1",
    "target_four_per_mille": "hotspots.analysis.potential.target",
    "modelled_change": "hotspots.analysis.urgency.change",
    "false_discovery_rate": "hotspots.analysis.fdr",
    "classify_hotspots": "hotspots.analysis.hotspots",
    "total_uncertainty": "hotspots.analysis.uncertainty",
}
__all__ = ["getis_ord", "zonal", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'hotspots.analysis' has no attribute '{name}'")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
