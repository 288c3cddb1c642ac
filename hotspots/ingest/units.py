"""Spellings of units: 'Mg C/ha' is 't ha-1'; 'kg m-2' is not, but a factor away from it.

Only spellings are made equal here. Values are never converted: a unit that needs a factor is
refused with the factor, for a label that is wrong by a factor of ten is a common fault.
"""

from __future__ import annotations

import re

import xarray as xr

from hotspots.errors import RasterError
from hotspots.plausible import require_unit
from hotspots.variables import how_to_set, variable

_WORDS = {
    "Mg": "t", "tonne": "t", "tonnes": "t", "megagram": "t", "megagrams": "t", "hectare": "ha",
    "year": "yr", "years": "yr", "y": "yr", "a": "yr", "annum": "yr", "percent": "%", "pct": "%",
    "°C": "degC", "deg_C": "degC", "degree_C": "degC", "degrees_C": "degC", "celsius": "degC",
    "Celsius": "degC", "degree_Celsius": "degC", "degrees_Celsius": "degC", "kelvin": "K",
    "Kelvin": "K", "fraction": "1", "proportion": "1", "ratio": "1", "dimensionless": "1",
    "unitless": "1", "0-1": "1", "millimeter": "mm", "millimetre": "mm", "day": "d", "days": "d",
    "mon": "month", "months": "month",
}  # fmt: skip
_CARBON = {"tC": "t", "MgC": "t", "kgC": "kg", "gC": "g"}
_MASS = {"t", "kg", "g"}
_SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_PART = re.compile(r"([^\d\s-][^\d\s-]*?)(-?\d+)?")
# (given, wanted) -> what to do with the values; both per year too.
_FACTORS = {
    ("kg m-2", "t ha-1"): "multiply by 10",
    ("g m-2", "t ha-1"): "divide by 100",
    ("kg ha-1", "t ha-1"): "divide by 1000",
    ("t km-2", "t ha-1"): "divide by 100",
    ("t CO2 ha-1", "t ha-1"): "multiply by 12/44",
    ("%", "1"): "divide by 100",
    ("1", "%"): "multiply by 100",
    ("g kg-1", "%"): "divide by 10",
    ("%", "g kg-1"): "multiply by 10",
    ("dg kg-1", "g kg-1"): "divide by 10",
    ("kg m-3", "g cm-3"): "divide by 1000",
    ("cg cm-3", "g cm-3"): "divide by 100",
    ("K", "degC"): "subtract 273.15",
    ("mm month-1", "mm yr-1"): "multiply by 12",
    ("mm d-1", "mm yr-1"): "multiply by 365.25",
    ("kg m-2 s-1", "mm yr-1"): "multiply by 31557600",
    ("m yr-1", "mm yr-1"): "multiply by 1000",
    ("mm", "mm yr-1"): "if it is the sum of a year, leave the values",
}


def spelled(unit: str) -> str:
    """Return a unit in the project's spelling: "t C/ha/yr" and "Mg ha^-1 a^-1" -> "t ha-1 yr-1".

    A text that isn't understood comes back with its blanks made single.
    """
    text = unit.strip().translate(_SUPERSCRIPTS).replace("**", "").replace("^", "")
    text = re.sub(r"[·*]|(?<=\w)\.(?=[A-Za-z])", " ", text)
    if text in _WORDS:
        return _WORDS[text]
    above, *below = text.split("/")
    parts = [_part(word, 1) for word in above.split()]
    for group in below:
        words = group.replace("(", " ").replace(")", " ").split()
        # "t/(ha yr)" divides by both; without brackets, as in UDUNITS, by the first only.
        both = group.strip().startswith("(")
        parts += [_part(word, -1 if both or i == 0 else 1) for i, word in enumerate(words)]
    if any(part in _MASS for part in parts):
        parts = [part for part in parts if part != "C"]  # t of carbon is what a stock is in
    elif parts == ["C"]:
        parts = ["degC"]
    return " ".join(parts)


def _part(word: str, sign: int) -> str:
    found = _PART.fullmatch(word)
    if found is None or word == "CO2":
        return word
    name, power = found[1], int(found[2] or 1) * sign
    name = _CARBON.get(name, _WORDS.get(name, name))
    return name if power == 1 else f"{name}{power}"


def with_unit(layer: xr.DataArray) -> xr.DataArray:
    """Return `layer` with its unit in the canonical spelling.

    Raises
    ------
    RasterError
        No canonical name, no unit, or another unit; where a factor leads to the canonical one, it
        is named.
    """
    name, given = str(layer.name), layer.attrs.get("units")
    row = variable(name)
    if row.classes is None and given is not None:
        text = spelled(str(given))
        factor = _FACTORS.get((text, row.unit))
        if text.endswith(" yr-1") and row.unit.endswith(" yr-1"):
            pair = (text.removesuffix(" yr-1"), row.unit.removesuffix(" yr-1"))
            factor = factor or _FACTORS.get(pair)
        if text == row.unit:
            layer = layer.assign_attrs(units=row.unit)
        elif factor:
            raise RasterError(
                f"Layer '{name}' is in '{given}', but '{row.unit}' is needed: convert its values"
                f" ({factor}), then set the unit. {how_to_set(name, 'units', row.unit)}"
            )
    require_unit(layer)
    return layer
