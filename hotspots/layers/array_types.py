"""Types of arrays and arguments, named once for the whole package.

Arrays are named by what they hold. Functions of `hotspots.analysis` take numbers, numpy arrays and
DataArrays alike: their arguments are `Numeric` (quantities) or `ClassArgument` (classes).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import xarray as xr

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
CodeArray: TypeAlias = npt.NDArray[np.uint8]  # classes, 0 = nodata
# Names, dates and shapely geometries; None where there is none.
ObjectArray: TypeAlias = npt.NDArray[np.object_]
# float32 or float64, and integers of any width, where the caller chooses.
RealArray: TypeAlias = npt.NDArray[np.floating[Any]]
AnyArray: TypeAlias = npt.NDArray[Any]  # of any dtype

Numeric: TypeAlias = xr.DataArray | FloatArray | float
ClassArgument: TypeAlias = xr.DataArray | AnyArray | Sequence[str] | Sequence[int] | str | int
# A result of the kind of its arguments: a number, an array or a DataArray, and for classes a name.
# Python's types can't tell the kind of a mixture of arguments, so that it isn't checked.
SameKind: TypeAlias = Any
# The same where one argument decides the kind, so that it is checked.
Values = TypeVar("Values", xr.DataArray, npt.NDArray[np.float64], float)

Attributes: TypeAlias = dict[str, Any]  # of a layer, as xarray has them
TableRow: TypeAlias = dict[str, Any]  # one row of a table, by column
