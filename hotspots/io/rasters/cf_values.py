"""What the numbers of NetCDF and Zarr mean, by CF and by the NetCDF user's guide (NUG).

Missing are ``_FillValue``, each number of ``missing_value``, and all outside ``valid_range``,
``valid_min`` and ``valid_max``. These limits are numbers as stored, unless the layer is packed and
their type is that of the unpacked values (NUG, appendix A). ``_Unsigned`` says that signed integers
are meant as unsigned ones.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from hotspots.errors import RasterError
from hotspots.io.rasters.stored import EVERYTHING, Decoding
from hotspots.layers.array_types import AnyArray, Attributes

_LIMITS = ("valid_range", "valid_min", "valid_max")


def stored_type(layer: xr.DataArray) -> np.dtype[np.generic]:
    """Return the data type of a layer's stored numbers, with ``_Unsigned`` applied."""
    kind, said = layer.dtype, str(layer.attrs.get("_Unsigned", "")).strip().casefold()
    if said == "true" and kind.kind == "i":
        return np.dtype(f"u{kind.itemsize}")
    if said == "false" and kind.kind == "u":
        return np.dtype(f"i{kind.itemsize}")
    return np.dtype(kind.newbyteorder("="))


def as_stored(numbers: AnyArray, kind: np.dtype[np.generic]) -> AnyArray:
    """Return numbers in a data type of `stored_type`."""
    plain = np.ascontiguousarray(numbers.astype(numbers.dtype.newbyteorder("="), copy=False))
    return plain if plain.dtype == kind else plain.view(kind)


def decoding_of(layer: xr.DataArray) -> Decoding:
    """Return how a layer's stored numbers are decoded, by its attributes.

    Raises
    ------
    RasterError
        An attribute isn't a number, or the limits exclude all numbers.
    """
    attrs = {str(key): value for key, value in layer.attrs.items()}
    kind = stored_type(layer)
    scale, offset = (
        _number(layer, attrs, "scale_factor", 1.0),
        _number(layer, attrs, "add_offset", 0.0),
    )
    if scale == 0 or not np.isfinite(scale) or not np.isfinite(offset):
        raise RasterError(
            f"'{layer.name}' has the scale_factor {scale:g} and the add_offset {offset:g}, which no"
            " values can have. Correct them (ncatted)."
        )
    nodata: list[float] = []
    for key in ("_FillValue", "missing_value"):
        nodata += _numbers(layer, attrs, key, kind)
    limits, unpacked = _limits(layer, attrs, kind, packed=scale != 1 or offset != 0)
    missing = tuple(dict.fromkeys(number for number in nodata if not np.isnan(number)))
    if unpacked:
        return Decoding(scale, offset, missing, valid_values=limits)
    return Decoding(scale, offset, missing, valid=limits)


def _limits(
    layer: xr.DataArray, attrs: Attributes, kind: np.dtype[np.generic], *, packed: bool
) -> tuple[tuple[float, float], bool]:
    """Return the valid numbers, least and greatest, and whether these are unpacked values."""
    given = [key for key in _LIMITS if key in attrs]
    if not given:
        return EVERYTHING, False
    types = [np.asarray(attrs[key]).dtype for key in given]
    unpacked = packed and kind.kind in "iu" and all(each.kind == "f" for each in types)
    each = {key: _numbers(layer, attrs, key, kind) for key in given}
    if len(each.get("valid_range", (0, 0))) != 2 or any(
        len(each.get(key, (0,))) != 1 for key in ("valid_min", "valid_max")
    ):
        raise RasterError(
            f"'{layer.name}' has {', '.join(f'{key} {list(each[key])}' for key in given)};"
            " valid_range needs two numbers, valid_min and valid_max one. Correct them (ncatted)."
        )
    lowest, highest = each.get("valid_range", EVERYTHING)
    low = max(lowest, *each.get("valid_min", [-np.inf]))
    high = min(highest, *each.get("valid_max", [np.inf]))
    if not low <= high:
        raise RasterError(
            f"'{layer.name}' says that its numbers lie from {low:g} to {high:g}, which none can."
            " Correct its valid_range, valid_min or valid_max (ncatted)."
        )
    return (low, high), unpacked


def _number(layer: xr.DataArray, attrs: Attributes, key: str, default: float) -> float:
    found = _numbers(layer, attrs, key, None)
    if len(found) > 1:
        raise RasterError(f"'{layer.name}' has several numbers as {key}. Keep one (ncatted).")
    return found[0] if found else default


def _numbers(
    layer: xr.DataArray, attrs: Attributes, key: str, kind: np.dtype[np.generic] | None
) -> list[float]:
    """Return the numbers of an attribute; those of a signed type as the stored type reads them."""
    if key not in attrs:
        return []
    given = attrs[key]
    try:
        # Some writers put text: "-9999", "0, 200".
        if isinstance(given, str | bytes):
            text = given.decode() if isinstance(given, bytes) else given
            values = np.array([float(word) for word in text.replace(",", " ").split()])
        else:
            values = np.atleast_1d(np.asarray(given))
            values = values if values.dtype.kind in "iuf" else values.astype("float64")
    except (ValueError, TypeError, UnicodeDecodeError) as error:
        raise RasterError(
            f"'{layer.name}' says {key} '{str(given)[:40]}', which isn't a number. Correct it"
            " (ncatted)."
        ) from error
    if kind is None:
        return [float(value) for value in values]
    if kind.kind in "iu" and values.dtype.kind in "iu":
        values = _reinterpreted(values, layer.dtype, kind)
    if kind.kind == "f":  # -3.4e38 is stored as the float32 next to it
        with np.errstate(over="ignore"):
            values = values.astype(kind)
    return [float(value) for value in values]


def _reinterpreted(
    numbers: AnyArray, declared: np.dtype[np.generic], kind: np.dtype[np.generic]
) -> AnyArray:
    """Return whole numbers of an attribute as a layer of type `declared`, read as `kind`, has them.

    An attribute may have any type: JSON has one, and NetCDF-3 lists their bytes in reverse.
    """
    if numbers.dtype.itemsize == kind.itemsize:
        return as_stored(numbers, kind)
    plain: AnyArray = numbers.astype(declared.newbyteorder("="))
    # A number that the type doesn't hold stands for itself.
    return as_stored(plain, kind) if (plain == numbers).all() else numbers
