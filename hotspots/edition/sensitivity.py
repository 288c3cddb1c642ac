"""Sensitivity of the loss at risk to its components, and land-cover transitions of the SDG."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from hotspots.analysis.loss.sdg_15_3_1 import transition_table
from hotspots.analysis.uncertainty.sensitivity import sensitivity
from hotspots.edition.methods.loss import cover_series
from hotspots.layers.grid import cell_area
from hotspots.layers.variables import LOSS_COMPONENTS, describe
from hotspots.store.provenance import plain

if TYPE_CHECKING:
    from hotspots.edition.manifest import JSON
    from hotspots.edition.recipe import Recipe

# Each draw ranks all cells; finer maps get fewer draws, to limit the time.
_CELL_DRAWS = 20_000_000
_LAYERS = {
    "stability_errors": "stability_loss_components",
    "stability_weights": "stability_loss_weights",
}


@dataclass(frozen=True)
class LossSensitivity:
    """Layers of the edition (shares of draws), and figures of the manifest."""

    layers: dict[str, xr.DataArray] = field(default_factory=dict)
    figures: dict[str, JSON] = field(default_factory=dict)


def loss_sensitivity(layers: xr.Dataset, recipe: Recipe) -> LossSensitivity:
    """Return the sensitivity of ``loss_total`` (see `analysis.uncertainty.sensitivity`).

    It is empty where no cell has a loss at risk, or the recipe has no draws.
    """
    if "loss_total" not in layers or recipe.uncertainty.draws == 0:
        return LossSensitivity()
    parts: dict[Hashable, xr.DataArray] = {
        n: layers[n] for c in LOSS_COMPONENTS.values() if (n := f"loss_{c}") in layers
    }
    # Land whose total is unknown has no area, and so isn't ranked.
    area = cell_area(layers) * layers["valid_share"].where(layers["loss_total"].notnull(), 0)
    cells = int((area > 0).sum())
    if not cells:  # a component unknown everywhere makes the sum unknown everywhere
        return LossSensitivity()
    # At least 20 on the finest grids, but never more than the recipe's.
    draws = int(np.clip(_CELL_DRAWS // cells, 20, recipe.uncertainty.draws))
    inputs = {str(name).removeprefix("loss_"): recipe.loss.relative_sd for name in parts}
    found = sensitivity(
        parts,
        area,
        inputs=inputs,
        top_share=recipe.hotspots.top_share,
        draws=draws,
        seed=recipe.uncertainty.seed,
    )
    made = {to: describe(found.pop(of).astype("float32"), to) for of, to in _LAYERS.items()}
    return LossSensitivity(made, plain(found))


def transitions(data: xr.Dataset) -> list[dict[str, JSON]]:
    """Return area and SOC change by land-cover transition, from the first to the last date."""
    table = transition_table(
        soc_stock=data["soc_stock"],
        land_cover=cover_series(data),
        climate_zone=data["climate_zone"],
        area=cell_area(data) * data["valid_share"],
    )
    kept = table[(table["area_ha"] > 0) | (table["change_t"] != 0)]
    return [plain(row) for row in kept.to_dict(orient="records")]
