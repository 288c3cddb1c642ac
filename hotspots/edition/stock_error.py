"""The error of the stock, from the best of the layers that tell it."""

from __future__ import annotations

from dataclasses import dataclass

import xarray as xr

from hotspots.analysis.uncertainty.error_models import sd_from_absolute_error, sd_from_quantiles
from hotspots.layers.error_layers import (
    LEVEL,
    SUPPORT,
    declared_level,
    declared_support,
    require_common,
)
from hotspots.layers.variables import how_to_set, is_stored

# ABSOLUTE: a map of the mean absolute error, which gives an sd only if errors are normal.
SD, ABSOLUTE = "sd", "absolute error"
BOUNDS = ("soc_stock_lower", "soc_stock_upper")


@dataclass(frozen=True)
class StockError:
    """Standard deviation of the stock.

    Attributes
    ----------
    sd : DataArray
        t ha-1, NaN where unknown.
    kind : str
        `SD` if from the data's standard deviation or interval, `ABSOLUTE` if from an absolute
        error.
    source : str
        Layers and assumptions behind it, for the manifest.
    """

    sd: xr.DataArray
    kind: str
    source: str


def stock_error(data: xr.Dataset) -> StockError | None:
    """Return the standard deviation of the stock from the best layer available, or None.

    An error of points is taken as the cell's, which it bounds from above.

    Raises
    ------
    RasterError
        An interval doesn't declare its level, or its bounds differ in it or in their support.
    """
    names = _names(data)
    if len(names) == len(BOUNDS):
        return _from_interval(*(data[name] for name in BOUNDS))
    for name in names:
        layer, support = data[name], _of_support(data[name])
        if name == "soc_stock_sd":
            return StockError(layer, SD, name + support)
        told = f"{name}, a predicted absolute error{support.removeprefix(',')}, x 1.25"
        return StockError(sd_from_absolute_error(layer), ABSOLUTE, told)
    return None


def require_level(data: xr.Dataset) -> None:
    """Raise `RasterError` if the error of the stock is an interval without a valid level."""
    names = _names(data)
    if len(names) == len(BOUNDS):
        _level(*(data[name] for name in names))


def without_support(data: xr.Dataset) -> list[str]:
    """Return a note if the layer that gives the stock's error doesn't say its support."""
    return [
        f"{name} doesn't say its support, whether it is the error of values at points or of means"
        " of cells; it is drawn as the cell's."
        f" {how_to_set(name, SUPPORT, 'point', stored=is_stored(data[name]))}"
        for name in _names(data)[:1]
        if not declared_support(data[name])
    ]


def _names(data: xr.Dataset) -> tuple[str, ...]:
    """Return the layers that give the error, from the most to the least direct."""
    for names in (("soc_stock_sd",), BOUNDS, ("soc_stock_error",)):
        if all(name in data for name in names):
            return names
    return ()


def _level(lower: xr.DataArray, upper: xr.DataArray) -> float:
    level = declared_level(lower)
    declared_level(upper)
    require_common(LEVEL, lower, upper)
    require_common(SUPPORT, lower, upper)
    return level


def _from_interval(lower: xr.DataArray, upper: xr.DataArray) -> StockError:
    level = _level(lower, upper)
    low, high = 50 * (1 - level), 50 * (1 + level)
    return StockError(
        sd_from_quantiles(lower, upper, level=level),
        SD,
        f"soc_stock_lower and _upper, taken as {low:g} % and {high:g} % quantiles"
        f"{_of_support(lower)}",
    )


def _of_support(layer: xr.DataArray) -> str:
    support = declared_support(layer)
    return f", of {support}s" if support else ""
