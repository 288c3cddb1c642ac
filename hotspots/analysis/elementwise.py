"""Apply numpy functions alike to scalars, numpy arrays and DataArrays (dask-backed or not).

Quantities: a scalar gives a float, an array an array, a DataArray a DataArray. Classes: a scalar
gives its name ("HAC", "nodata"); an array gives a DataArray of codes with ``flag_values`` and
``flag_meanings``, 0 being nodata.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import overload

import numpy as np
import xarray as xr

from hotspots.errors import BadInputError, near_matches
from hotspots.layers.array_types import (
    AnyArray,
    Attributes,
    ClassArgument,
    CodeArray,
    SameKind,
    Values,
)
from hotspots.layers.variables import class_nodata, classes_of, flags, require_aligned

NODATA = "nodata"
Operand = xr.DataArray | AnyArray | float  # of any dtype, codes too


@overload
def elementwise(
    function: Callable[..., AnyArray | float], first: Values, /, *rest: Operand, dtype: str = ...
) -> Values: ...
@overload
def elementwise(
    function: Callable[..., AnyArray | float], /, *given: Operand, dtype: str = ...
) -> SameKind: ...
def elementwise(
    function: Callable[..., AnyArray | float], /, *given: Operand, dtype: str = "float64"
) -> SameKind:
    """Return `function` of the values of `given`, broadcast; see the module for the return type.

    `function` takes and returns numpy arrays; it must handle NaN itself.
    """
    if any(isinstance(value, xr.DataArray) for value in given):
        require_aligned(*given)
        # Keep the attributes of the coordinates, including the CRS, but not those of the values.
        out = xr.apply_ufunc(
            function, *given, dask="parallelized", output_dtypes=[dtype], keep_attrs="override"
        )
        out.name, out.attrs = None, {}
        return out
    out = np.asarray(function(*(np.asarray(value) for value in given)), dtype=dtype)
    return out.item() if out.ndim == 0 else out


def class_codes(given: ClassArgument, legend: Mapping[int, str], what: str) -> SameKind:
    """Return the codes of classes that are given by name or by code, in the numbers of `legend`.

    Parameters
    ----------
    given : str, int, sequence, array or DataArray
        Names ("tropical_dry"), codes, or a class layer; a layer's own flags are read by name, so
        that a layer with another numbering is read correctly. "nodata", "" and 0 (unless 0 is a
        class) are nodata.
    legend : mapping
        Code -> name.
    what : str
        What the classes are, for the message.

    Returns
    -------
    int, array or DataArray of uint8
        0 = nodata, -128 in a legend where 0 is a class; int32 for codes outside 1 to 255.

    Raises
    ------
    BadInputError
        A name or code that isn't in the legend.
    """
    if isinstance(given, xr.DataArray):
        own = classes_of(given)
        return xr.apply_ufunc(
            lambda block: _codes(block, legend if own is None else own, legend, what),
            given,
            dask="parallelized",
            output_dtypes=[_code_type(legend)],
        )
    codes = _codes(np.asarray(given), legend, legend, what)
    return int(codes) if codes.ndim == 0 else codes


def _codes(
    given: AnyArray, own: Mapping[int, str], legend: Mapping[int, str], what: str
) -> CodeArray:
    missing, own_missing = class_nodata(legend), class_nodata(own)
    by_name = {name: code for code, name in legend.items()} | {NODATA: missing, "": missing}
    # Each distinct value is looked up once: a map of millions of cells has a dozen classes.
    values, place = np.unique(given, return_inverse=True)
    codes = np.full(values.shape, missing, dtype=_code_type(legend))
    for i, value in enumerate(values.tolist()):
        if isinstance(value, str):
            name = value
        elif value is None or value != value or value == own_missing:
            # NaN, which differs from itself, is missing in layers of codes stored as floats.
            continue
        else:
            # A fractional or infinite code is refused by its text: no class has that number.
            name = own.get(value, str(value))
        if name not in by_name:
            raise BadInputError(
                f"'{name}' isn't a known {what}; allowed are {', '.join(legend.values())}, by name"
                f" or by code {min(legend)} to {max(legend)}{near_matches(name, by_name) or '.'}"
            )
        codes[i] = by_name[name]
    return codes[place].reshape(given.shape)


def _code_type(legend: Mapping[int, str]) -> str:
    """Return "uint8", or a wider type for a legend whose codes, or nodata, it can't hold."""
    return "uint8" if min(legend) > 0 and max(legend) <= np.iinfo("uint8").max else "int32"


def class_result(
    codes: xr.DataArray | CodeArray | int, legend: Mapping[int, str], name: str, **attrs: object
) -> SameKind:
    """Return codes in public form: a name for a scalar, a DataArray for arrays."""
    if isinstance(codes, xr.DataArray):
        out = codes.astype("uint8").rename(name)
    elif np.ndim(codes) == 0:
        return {0: NODATA, **legend}[int(codes)]
    else:
        out = xr.DataArray(np.asarray(codes, dtype="uint8"), name=name)
    out.attrs = {**flags(dict(legend)), **attrs}
    return out


def require_fraction(what: str, *values: Operand | None) -> None:
    """Raise `BadInputError` where a share is below 0 or above 1, most likely a percentage.

    Dask-backed layers are left to the check of the whole analysis, so that none is computed here.
    """
    for value in values:
        _require(value, what, 0.0, 1.0, "a fraction from 0 to 1", "divide percent by 100")


def require_between(
    what: str,
    value: Operand | None,
    low: float,
    high: float,
    unit: str,
    remedy: str = "check its unit",
) -> None:
    """Raise `BadInputError` where a value is out of a range chosen to reveal wrong units.

    Parameters
    ----------
    what : str
        Name of the quantity, for the message.
    value : DataArray, array or float, optional
        Values to check, in `unit`. NaN (missing) passes; None and dask-backed layers aren't
        checked.
    low, high : float
        Limits of the range, in `unit`, inclusive; infinity for none.
    unit : str
        Unit of the range, for the message; values aren't converted.
    remedy : str
        What to do about a value out of the range, for the message.
    """
    _require(value, what, low, high, f"{low:g} to {high:g} {unit}", remedy)


def _require(
    value: Operand | None, what: str, low: float, high: float, allowed: str, remedy: str
) -> None:
    if value is None or getattr(value, "chunks", None):
        return
    numbers = np.asarray(value, dtype="float64")
    bad = (numbers < low) | (numbers > high)
    if bad.any():
        raise BadInputError(
            f"{what} has the value {numbers[bad].flat[0]:g}; allowed is {allowed}; {remedy}."
        )


def common_depth(*layers: object) -> Attributes:
    """Return the attribute ``depth_cm`` common to `layers`, for their result; {} where none has it.

    Raises
    ------
    BadInputError
        Two layers have different depths.
    """
    dated = [x for x in layers if isinstance(x, xr.DataArray) and "depth_cm" in x.attrs]
    name_of_depth = {str(x.attrs["depth_cm"]): x.name for x in dated}
    if len(name_of_depth) > 1:
        named = all(name is not None for name in name_of_depth.values())
        listed = " and ".join(f"'{name}' {depth} cm" for depth, name in name_of_depth.items())
        plain = f" {' and '.join(name_of_depth)} cm"
        raise BadInputError(
            f"The layers have different depths{f': {listed}' if named else plain}."
            " Bring them to one first."
        )
    return {"depth_cm": dated[0].attrs["depth_cm"]} if dated else {}
