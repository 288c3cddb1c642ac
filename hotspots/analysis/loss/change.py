"""Modelled SOC change between two dates, from land-use history, not measured."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import common_depth
from hotspots.errors import BadInputError
from hotspots.layers.array_types import Attributes
from hotspots.layers.typed import choose
from hotspots.layers.variables import describe, how_to_set, is_stored, require_aligned

DETECTABLE_T_HA = 1.0
STORED_DECIMALS = 4
NOT_MEASURED = "from land-use history, not measured"


def modelled_change(
    start: xr.DataArray,
    end: xr.DataArray,
    *,
    years: float | None = None,
    detectable: float = DETECTABLE_T_HA,
) -> xr.Dataset:
    """Return the modelled SOC change per year, with gross loss and gross gain beside the net.

    Parameters
    ----------
    start, end : DataArray
        SOC stocks of two dates of one model, t ha-1, same depth and grid.
    years : float, optional
        Years between them; by default from the attribute ``year`` of both.
    detectable : float
        Change over the whole period, t ha-1, below which a cell is classified as "no detectable
        change"; its amount still counts in gross and net totals.

    Returns
    -------
    Dataset
        ``modelled_change`` (positive = gain), ``modelled_gross_loss``, ``modelled_gross_gain``
        (both >= 0), all t ha-1 yr-1, and ``change_class`` (loss, gain, no_detectable_change;
        0 where a stock is missing). NaN where either stock is NaN.

    Notes
    -----
    Both maps come from one static model driven by land-use history; nothing was measured twice.
    Storage in whole t ha-1 resolves 0.05 t ha-1 yr-1 over 20 years, and a mean change of
    0.1 t ha-1 stands against a mean error of 39 t ha-1. Never to be added to the losses L1-L5.
    """
    if years is None:
        if "year" not in start.attrs or "year" not in end.attrs:
            undated = next(layer for layer in (start, end) if "year" not in layer.attrs)
            name = str(undated.name)
            raise BadInputError(
                f"The layer '{name}' doesn't say its year, which a change per year needs."
                f" {how_to_set(name, 'year', '2010', stored=is_stored(undated))}"
            )
        years = float(end.attrs["year"]) - float(start.attrs["year"])
    if not 0 < years < np.inf:
        raise BadInputError(f"There are {years} years from start to end; it must be more than 0.")
    if not detectable >= 0:
        raise BadInputError(f"detectable is {detectable}; it is an amount in t ha-1, 0 or more.")
    require_aligned(start, end)
    # For its check alone: a change between two depths isn't one.
    common_depth(start, end)
    # Stocks stored as float32 would give equal changes different last digits, and break ties.
    delta = (end.astype("float64") - start.astype("float64")).round(STORED_DECIMALS)
    rate = delta / years
    # A change of exactly 0 is never detectable, even with detectable=0.
    moved = (abs(delta) >= detectable) & (delta != 0)
    classes = choose(moved, choose(delta < 0, 1, 2), 3)
    classes = classes.where(np.isfinite(delta), 0).astype("uint8")
    period = f"{start.attrs.get('year', '?')}-{end.attrs.get('year', '?')}"
    span: Attributes = {"period": period, "years": years}
    return xr.Dataset(
        {
            "modelled_change": describe(rate, "modelled_change", comment=NOT_MEASURED, **span),
            "modelled_gross_loss": describe(
                (-rate).clip(min=0), "modelled_gross_loss", comment=NOT_MEASURED, **span
            ),
            "modelled_gross_gain": describe(
                rate.clip(min=0), "modelled_gross_gain", comment=NOT_MEASURED, **span
            ),
            "change_class": describe(classes, "change_class", comment=NOT_MEASURED, **span),
        }
    )
