"""Change and loss, as methods of an edition: what a model or a series saw, and what is at risk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from hotspots import analysis as an
from hotspots.methods.base import Layers, Method

if TYPE_CHECKING:
    from hotspots.recipe import Recipe


def _change(data: xr.Dataset, recipe: Recipe) -> Layers:
    change = an.modelled_change(
        data[recipe.change.start], data[recipe.change.end], detectable=recipe.change.detectable
    )
    made = {str(k): v for k, v in change.items()}
    return made | _finer_gross(data, made["modelled_change"].attrs.get("period"))


def _finer_gross(data: xr.Dataset, period: object) -> Layers:
    """Return gross loss and gain of the same period that the data bring from a finer map.

    Within a coarse cell loss and gain cancel, so what was summed before coarsening is better.
    """
    names = ("modelled_gross_loss", "modelled_gross_gain")
    finer = {n: data[n] for n in names if n in data and data[n].attrs.get("period") == period}
    return finer if len(finer) == len(names) else {}


LOSS_METHODS: tuple[Method, ...] = (
    Method(
        "modelled_change", "change", "modelled change",
        lambda recipe: (recipe.change.start, recipe.change.end),
        ("modelled_change", "modelled_gross_loss", "modelled_gross_gain", "change_class"), _change,
        functions=("urgency.change:modelled_change",), sections=("change",),
    ),
)  # fmt: skip
