"""What a catalogue declares of a raster, held against what the file itself states.

The catalogue's declarations are used, so a file that states something else may be another file than
the one described: then neither is believed, and the layer is refused with both values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyproj

from hotspots.errors import RasterError
from hotspots.io.rasters.gdal_file import in_type
from hotspots.io.rasters.stored import Decoding, RasterFile
from hotspots.layers.crs import same_crs
from hotspots.layers.units import conversion, spelled

# Sides of cells are printed with six digits or more.
_SIDE = 1e-4
_NOT_STATED = ("", "unknown", "none", "-")


@dataclass(frozen=True)
class Declared:
    """What a catalogue says of the stored numbers of a file; what it leaves open is "" or 0.

    Attributes
    ----------
    crs : str
        CRS of the cells.
    cell : float
        Side of a cell at full resolution, in units of `crs`.
    dtype : str
        Data type of the stored numbers.
    nodata : tuple of float
        Stored numbers that mean missing.
    scale, offset : float
        ``value = stored * scale + offset``.
    packed : bool
        Scale, offset and nodata are the file's own.
    unit : str
        Unit of the value.
    """

    crs: str = ""
    cell: float = 0.0
    dtype: str = ""
    nodata: tuple[float, ...] = ()
    scale: float = 1.0
    offset: float = 0.0
    packed: bool = False
    unit: str = ""


class Difference(NamedTuple):
    """One property with the catalogue's statement and the file's, as text."""

    what: str
    catalogue: str
    file: str


def differences(declared: Declared, file: RasterFile, band: int = 1) -> list[Difference]:
    """Return where a file contradicts the catalogue; what it doesn't state isn't counted.

    Parameters
    ----------
    declared : Declared
        The catalogue's statements.
    file : RasterFile
        The open file, at full resolution.
    band : int
        Band that is read, counted from 1.

    Raises
    ------
    RasterError
        The file doesn't say where its cells lie.
    """
    place = file.placement(declared.crs)
    described, own = file.described(band), file.decoding(band)
    found = [
        _of_crs(declared, place.crs),
        _of_cell(declared, abs(place.transform.a)),
        _of_type(declared, described.dtype),
        None if declared.packed else _of_nodata(declared, own, described.dtype),
        None if declared.packed else _of_scale(declared, own),
        _of_unit(declared, described.unit),
    ]
    return [one for one in found if one is not None]


def require_agreement(declared: Declared, file: RasterFile, shown: str, band: int = 1) -> None:
    """Raise `RasterError` if a file contradicts the catalogue; the message names both values."""
    found = differences(declared, file, band)
    if not found:
        return
    said = "; ".join(f"{d.what} {d.catalogue} in the catalogue, {d.file} in it" for d in found)
    raise RasterError(
        f"'{shown}' isn't the file that the catalogue describes ({said}). Nothing was taken from"
        " it; report it to the project, or describe it in a source of your own (HOTSPOTS_SOURCES)."
    )


def _of_crs(declared: Declared, own: pyproj.CRS | None) -> Difference | None:
    if not declared.crs or own is None:
        return None
    wanted = pyproj.CRS.from_user_input(declared.crs)
    # The interrupted Homolosine is written in several ways, none of them equal to another.
    homolosine = "Homolosine" in _method(wanted) and "Homolosine" in _method(own)
    if homolosine or same_crs(wanted, own):
        return None
    authority = own.to_authority()
    return Difference("CRS", declared.crs, ":".join(authority) if authority else own.name)


def _method(crs: pyproj.CRS) -> str:
    operation = crs.coordinate_operation
    return "" if operation is None else str(operation.method_name)


def _of_cell(declared: Declared, side: float) -> Difference | None:
    if not declared.cell or abs(side / declared.cell - 1) <= _SIDE:
        return None
    return Difference("cell", f"{declared.cell:.9g}", f"{side:.9g}")


def _of_type(declared: Declared, own: str) -> Difference | None:
    if declared.dtype in ("", own):
        return None
    return Difference("data type", declared.dtype, own)


def _of_nodata(declared: Declared, own: Decoding, dtype: str) -> Difference | None:
    # Without a declaration the file's own number is used.
    known = in_type(declared.nodata, np.dtype(dtype))
    strange = [number for number in own.nodata if known and number not in known]
    if not strange:
        return None
    return Difference("missing value", _numbers(known), _numbers(strange))


def _of_scale(declared: Declared, own: Decoding) -> Difference | None:
    stated = (own.scale, own.offset)
    if stated == (1.0, 0.0) or np.allclose(stated, (declared.scale, declared.offset), rtol=1e-6):
        return None
    return Difference(
        "scale and offset",
        _numbers((declared.scale, declared.offset)),
        _numbers(stated),
    )


def _of_unit(declared: Declared, own: str) -> Difference | None:
    """Compare units: the file's may be that of the value, or of the stored number."""
    if not declared.unit or own.strip().casefold() in _NOT_STATED:
        return None
    if spelled(own) == spelled(declared.unit):
        return None
    try:
        factor, offset = conversion(own, declared.unit)
    except RasterError:
        # A text that isn't known as a unit, such as "LCCS class", says nothing.
        return Difference("unit", declared.unit, own) if _is_known(own) else None
    if np.allclose((factor, offset), (declared.scale, declared.offset), rtol=1e-6):
        return None
    return Difference("unit", declared.unit, own)


def _is_known(unit: str) -> bool:
    """Return whether a text is a unit of any layer."""
    from hotspots.layers.variables import table

    return spelled(unit) in {spelled(str(row["unit"])) for row in table()}


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.9g}" for value in values)
