"""Inputs of RothC, validated and in one form: drivers along the months, other inputs per cell.

Plain arrays are taken as (months,) or (cell, months) for drivers and (cell,) for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import common_depth, require_between, require_fraction
from hotspots.errors import BadInputError
from hotspots.layers.array_types import Numeric
from hotspots.layers.variables import require_aligned

MONTHS = 12
State = xr.Dataset | Mapping[str, Numeric]  # pools, inert carbon and moisture deficit
# In the order of the kernels' arguments.
DRIVERS = (
    "air_temperature",
    "precipitation",
    "evaporation",
    "plant_cover",
    "carbon_input",
    "manure_input",
)
CELLS = ("clay", "depth", "pan_factor", "dpm_rpm", "rate_factor", "iom")
IOM_PLACE = len(DRIVERS) + CELLS.index("iom")  # position among the kernels' arguments
STATE = ("dpm", "rpm", "bio", "hum", "tsmd")
_LIMITS = {
    "air_temperature": (-70.0, 60.0, "degC", "subtract 273.15 from kelvin"),
    "precipitation": (0.0, 5000.0, "mm month-1", "look for an undeclared nodata value"),
    # Negative in winter months of net condensation, as in the authors' own example.
    "evaporation": (-50.0, 2000.0, "mm month-1", "look for an undeclared nodata value"),
    "carbon_input": (0.0, 100.0, "t ha-1 month-1", "check its unit and sign"),
    "manure_input": (0.0, 100.0, "t ha-1 month-1", "check its unit and sign"),
    "clay": (0.0, 100.0, "%", "divide g kg-1 by 10"),
    "depth": (1.0, 300.0, "cm", "multiply metres by 100"),
    "pan_factor": (0.0, 2.0, "(a factor)", "0.75 is for open-pan evaporation, 1 for PET"),
    "dpm_rpm": (0.01, 100.0, "(a ratio)", "crops have 1.44, grassland 0.67, forest 0.25"),
    "rate_factor": (0.0, 10.0, "(a factor)", "1 changes nothing, 0.4 is for paddy rice"),
    "iom": (0.0, np.inf, "t ha-1", "check its unit and sign"),
}


def prepared(
    drivers: Sequence[Numeric], cells: Sequence[Numeric], dim: str, length: int | None = None
) -> list[xr.DataArray]:
    """Return drivers along `dim` and values per cell as DataArrays, in order and validated.

    Parameters
    ----------
    drivers, cells : sequence
        The first of `DRIVERS` and of `CELLS`.
    dim : str
        "month" or "time"; a driver without it applies to all months.
    length : int, optional
        Number of months that drivers must have.

    Raises
    ------
    BadInputError
        A value out of the range that its unit allows, different numbers of months, different
        depths.
    """
    # Not strict: a kernel takes the first few of them.
    named = dict(zip(DRIVERS, drivers, strict=False))
    for name, value in (named | dict(zip(CELLS, cells, strict=False))).items():
        if name == "plant_cover":
            require_fraction(name, value)
        else:
            require_between(name, value, *_LIMITS[name])
    along = {name: along_months(name, value, dim) for name, value in named.items()}
    sizes = {name: array.sizes[dim] for name, array in along.items() if dim in array.dims}
    lengths = set(sizes.values())
    if len(lengths) > 1 or (length is not None and lengths - {length}):
        listed = ", ".join(f"{name} {size}" for name, size in sizes.items())
        allowed = f"{length} months" if length else "the same number of months in all"
        raise BadInputError(
            f"The drivers have these lengths along '{dim}': {listed}; allowed is {allowed}."
        )
    # Numbers alone have no months of their own.
    months = lengths.pop() if lengths else length or 1
    out = [spread(array, dim, months) for array in along.values()]
    out += [per_cell(name, value) for name, value in zip(CELLS, cells, strict=False)]
    require_aligned(*out)
    common_depth(*cells)
    return out


def prepared_with_state(
    initial: State, drivers: Sequence[Numeric], cells: Sequence[Numeric], dim: str
) -> list[xr.DataArray]:
    """Return `prepared` with the IOM of a state as last value per cell, then that state's pools.

    Parameters
    ----------
    initial : Dataset or mapping
        State before the first month: ``dpm``, ``rpm``, ``bio``, ``hum``, ``iom``, t ha-1, and
        ``tsmd``, mm, 0 or below; per cell.
    drivers : sequence
        Values of `DRIVERS`, all six, in that order: degC, mm month-1 (twice), 0-1,
        t ha-1 month-1 (twice). A driver without `dim` applies to all months.
    cells : sequence
        Values of `CELLS` without ``iom``, in that order: %, cm, and three dimensionless factors.
        DataArrays must have the grid and CRS of the others; NaN (missing) is kept.
    dim : str
        Dimension of the months: "month" or "time".
    """
    needed = (*STATE, "iom")
    missing = [name for name in needed if name not in initial]
    if missing:
        raise BadInputError(
            f"initial lacks {', '.join(missing)}; it needs {', '.join(needed)}, as equilibrium"
            " returns them."
        )
    given = prepared(drivers, [*cells, initial["iom"]], dim)
    state = [per_cell(name, initial[name]) for name in STATE]
    require_aligned(*given, *state)
    return [*given, *state]


def along_months(name: str, value: Numeric, dim: str) -> xr.DataArray:
    """Return a driver as DataArray; raise `BadInputError` for months along another dimension."""
    if isinstance(value, xr.DataArray):
        if {"month": "time", "time": "month"}[dim] in value.dims:
            raise BadInputError(
                f"{name} has the dimensions {tuple(value.dims)}, but '{dim}' is needed here: a"
                " repeated year has the dimension 'month', consecutive months 'time'."
            )
        return _in_order(value) if dim == "month" else value
    array = np.asarray(value, dtype="float64")
    if array.ndim > 2:
        raise BadInputError(
            f"{name} is an array of shape {array.shape}; allowed are (months,) and (cells, months)."
            f" Give it as a DataArray with a dimension '{dim}'."
        )
    return xr.DataArray(array, dims=((), (dim,), ("cell", dim))[array.ndim])


def _in_order(value: xr.DataArray) -> xr.DataArray:
    """Return the months of a year in calendar order, where they are labelled 1 to 12."""
    labels = value.coords.get("month")
    if labels is None or labels.size != 12 or sorted(labels.values.tolist()) != list(range(1, 13)):
        return value
    return value.sortby("month")


def spread(array: xr.DataArray, dim: str, months: int) -> xr.DataArray:
    """Return `array` with `dim`, in one chunk along it."""
    if dim not in array.dims:
        return array.expand_dims({dim: months}, axis=-1)
    return array.chunk({dim: -1}) if array.chunks else array


def per_cell(name: str, value: Numeric) -> xr.DataArray:
    """Return a number, an array of cells or a DataArray as DataArray."""
    if isinstance(value, xr.DataArray):
        return value
    array = np.asarray(value, dtype="float64")
    if array.ndim > 1:
        raise BadInputError(
            f"{name} is an array of shape {array.shape}; allowed are a number and (cells,)."
            " Give it as a DataArray with named dimensions."
        )
    return xr.DataArray(array, dims=("cell",)[: array.ndim])


def monthly_share(pattern: Numeric | None) -> xr.DataArray:
    """Return a monthly pattern as shares of its sum, along ``month``; None gives even shares."""
    given = 1.0 if pattern is None else pattern
    require_between("input_share", given, 0, np.inf, "of the year's input", "check its sign")
    share = spread(along_months("input_share", given, "month"), "month", MONTHS)
    total = share.sum("month", skipna=False)
    # A pattern of zeros has no shares.
    return share / total.where(total > 0)
