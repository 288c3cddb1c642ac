"""Layers that hold the error of another: which they are, and what they must declare.

An interval is declared with its level (the share of cases that it holds, 0.90), and every error
with its support: whether it is of values at points, or of means of cells. Neither is assumed.
"""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from hotspots.errors import RasterError
from hotspots.layers.array_types import Attributes
from hotspots.layers.variables import how_to_set, is_stored

LEVEL, SUPPORT = "level", "support"
SUPPORTS = ("point", "cell")
_BOUNDS = ("_lower", "_upper")
_ERRORS = ("soc_stock_sd", "soc_stock_error", "soc_density_error")


def is_bound(name: str) -> bool:
    """Return whether a canonical layer is the lower or upper bound of an interval."""
    return name.endswith(_BOUNDS)


def is_error(name: str) -> bool:
    """Return whether a canonical layer is a bound, a standard deviation or an absolute error."""
    return is_bound(name) or name in _ERRORS


def level_of(given: object) -> float:
    """Return the level of an interval from a number, "0.95" or "95 %"; raise `RasterError`."""
    text = str(given).strip().replace(",", ".")
    try:
        level = float(text.rstrip("% ")) / (100 if text.endswith("%") else 1)
    except ValueError:
        level = 0.0
    # Rounded, because 95 / 100 needn't be the float of "0.95".
    level = round(level, 6)
    if not 0 < level < 1:
        raise RasterError(
            f"'{given}' isn't the level of an interval. Give the share of cases that it holds,"
            " between 0 and 1: 0.95 (or 95 %)."
        )
    return level


def support_of(given: object) -> str:
    """Return "point" or "cell" from a text; raise `RasterError` for any other."""
    text = str(given).strip().casefold()
    if text not in SUPPORTS:
        raise RasterError(
            f"'{given}' isn't a support. Give 'point' if the error is of values at points or plots,"
            " 'cell' if it is of the means of the layer's cells."
        )
    return text


def checked_attributes(attrs: Mapping[str, object], name: str) -> Attributes:
    """Return a layer's attributes with ``level`` and ``support``, where given, as they are meant.

    Raises
    ------
    RasterError
        A level or support that can't be, of an error layer `name`; other layers are left alone.
    """
    out = dict(attrs)
    if not is_error(name):
        return out
    if is_bound(name) and out.get(LEVEL) not in (None, ""):
        out[LEVEL] = level_of(out[LEVEL])
    if out.get(SUPPORT) not in (None, ""):
        out[SUPPORT] = support_of(out[SUPPORT])
    return out


def declared_level(layer: xr.DataArray) -> float:
    """Return the level of the interval that a bound is of; raise `RasterError` if it isn't said."""
    given = layer.attrs.get(LEVEL)
    if given in (None, ""):
        raise RasterError(
            f"Layer '{layer.name}' doesn't say the level of its interval, such as 0.90, without"
            f" which it gives no error."
            f" {how_to_set(str(layer.name), LEVEL, '0.90', stored=is_stored(layer))}"
        )
    return level_of(given)


def declared_support(layer: xr.DataArray) -> str:
    """Return "point" or "cell" as a layer of errors says it, "" if it doesn't."""
    given = layer.attrs.get(SUPPORT)
    return "" if given in (None, "") else support_of(given)


def require_common(key: str, lower: xr.DataArray, upper: xr.DataArray) -> None:
    """Raise `RasterError` if two bounds of an interval differ in an attribute."""
    values = [checked_attributes(x.attrs, str(x.name)).get(key, "none") for x in (lower, upper)]
    if values[0] != values[1]:
        raise RasterError(
            f"Bounds of one interval need one {key}, but '{lower.name}' has {values[0]} and"
            f" '{upper.name}' has {values[1]}. Give two bounds of the same."
        )
