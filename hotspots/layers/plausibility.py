"""Plausibility of a layer's values, given its name and unit, before any computation."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hotspots.errors import RasterError
from hotspots.layers.variables import Variable, allowed_range, how_to_set, variable


def require_unit(layer: xr.DataArray) -> None:
    """Raise `RasterError` unless `layer` has a canonical name and that name's unit."""
    name = str(layer.name)
    row = variable(name)
    if row.classes:
        return
    given = layer.attrs.get("units")
    if given is None:
        raise RasterError(
            f"Layer '{name}' has no unit; '{row.unit}' is the canonical one."
            f" {how_to_set(name, 'units', row.unit)}"
        )
    if given != row.unit:
        raise RasterError(
            f"Layer '{name}' is in '{given}', but '{row.unit}' is needed. Convert it first."
        )


MOST_OUTSIDE = 0.05  # share of the valid cells
_KELVIN = 100.0  # above every mean temperature on earth in degC, below every one in K


def require_plausible(layer: xr.DataArray) -> None:
    """Raise `RasterError` if the values of `layer` are implausible for its name and unit.

    Parameters
    ----------
    layer : DataArray
        Of canonical name and unit, any shape, missing NaN; may be dask-backed, which is computed
        once, in chunks. Class layers and layers without a value pass.

    Raises
    ------
    RasterError
        A share below -0.001 or above 1.01, a negative stock, an infinite value, a temperature
        whose median is above 100, or more than 5 % of the valid cells outside the valid range.
        Smaller excursions pass; they are noted and never clipped.
    """
    row = variable(str(layer.name))
    if row.classes:
        return
    is_share = row.unit == "1" and row.low == 0 and row.high <= 1
    # Sums of shares are rounded, in many cells at once.
    limits = (row.low - 0.001, row.high + 0.01) if is_share else (row.low, row.high)
    low, high, valid, outside, hot = _extremes(layer, *limits)
    if not valid:
        return
    wrong = (
        (is_share and (low < -0.001 or high > 1.01))
        or (row.unit == "t ha-1" and row.low == 0 and low < 0)
        or not (np.isfinite(low) and np.isfinite(high))
        # More than half: the median itself is above 100, not just some faulty cells.
        or (row.unit == "degC" and hot > valid / 2)
        or outside > MOST_OUTSIDE * valid
        # Texture in percent that never passes 1 is a fraction; one cell may be a dune.
        or (row.name in ("clay", "silt", "sand") and valid > 1 and 0 < high <= 1)
    )
    if wrong:
        raise RasterError(
            f"Layer '{layer.name}' runs from {low:g} to {high:g} ({100 * outside / valid:.3g} % of"
            f" its cells out of range), where {allowed_range(row)} in the unit '{row.unit}' is"
            f" allowed; {_remedy(row, low, high)}."
        )


def _extremes(layer: xr.DataArray, least: float, most: float) -> tuple[float, float, int, int, int]:
    """Return minimum, maximum, and the numbers of cells: valid, out of range, above `_KELVIN`."""
    known = layer.notnull()
    found = xr.Dataset(
        {
            # Not min(), which warns if all cells are missing.
            "low": layer.where(known, np.inf).min(),
            "high": layer.where(known, -np.inf).max(),
            "valid": known.sum(),
            "outside": ((layer < least) | (layer > most)).sum(),
            "hot": (layer > _KELVIN).sum(),
        }
    ).compute()  # in one pass over the chunks
    low, high = float(found["low"]), float(found["high"])
    return low, high, int(found["valid"]), int(found["outside"]), int(found["hot"])


# By unit: upper limit of the values, and their likely unit.
_LOOKS_LIKE: dict[str, tuple[tuple[float, str], ...]] = {
    "1": (
        (2, "check its scale"),
        (105, "it looks like percent, divide by 100"),
        (255, "it looks like bytes of 0 to 255 or an undeclared nodata value of 255"),
        (1050, "it looks like per mille, divide by 1000"),
    ),
    "degC": (
        (100, "check its unit"),
        (450, "it looks like kelvin, subtract 273.15, or like tenths of a degree, divide by 10"),
        (4500, "it looks like tenths of kelvin, divide by 10 and subtract 273.15"),
    ),
    "g cm-3": (
        (250, "it looks like cg cm-3, divide by 100"),
        (2500, "it looks like kg m-3, divide by 1000"),
    ),
    "g kg-1": ((5800, "it looks like dg kg-1, divide by 10"),),
    "%": ((1050, "it looks like per mille, divide by 10"),),
}


def _remedy(row: Variable, low: float, high: float) -> str:
    if row.unit == "%" and high <= 1:
        return "it looks like a fraction, multiply by 100"
    if low < row.low and not high > row.high:
        return "look for a nodata value that the file doesn't declare, or a wrong sign"
    looks = _LOOKS_LIKE.get(row.unit, ())
    return next((text for most, text in looks if high <= most), "check its unit, scale and nodata")
