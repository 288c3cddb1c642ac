"""Units: their spellings ('Mg C/ha' is 't ha-1') and the factors between them.

A layer whose own unit isn't canonical is never converted automatically: `with_unit` raises and
names the factor, since unit labels that are wrong by a factor of ten are common. Units declared by
the catalogue or the user are converted by the table below.
"""

from __future__ import annotations

import re

import xarray as xr

from hotspots.errors import RasterError
from hotspots.layers.array_types import AnyArray
from hotspots.layers.plausibility import require_unit
from hotspots.layers.variables import how_to_set, variable

_WORDS = {
    "Mg": "t",
    "tonne": "t",
    "tonnes": "t",
    "megagram": "t",
    "megagrams": "t",
    "hectare": "ha",
    "year": "yr",
    "years": "yr",
    "y": "yr",
    "a": "yr",
    "annum": "yr",
    "percent": "%",
    "pct": "%",
    "°C": "degC",
    "deg_C": "degC",
    "degree_C": "degC",
    "degrees_C": "degC",
    "celsius": "degC",
    "Celsius": "degC",
    "degree_Celsius": "degC",
    "degrees_Celsius": "degC",
    "kelvin": "K",
    "Kelvin": "K",
    "fraction": "1",
    "proportion": "1",
    "ratio": "1",
    "dimensionless": "1",
    "unitless": "1",
    "0-1": "1",
    "millimeter": "mm",
    "millimetre": "mm",
    "day": "d",
    "days": "d",
    "mon": "month",
    "months": "month",
    "‰": "per mille",
    "permille": "per mille",
    "promille": "per mille",
    "percent by volume": "vol %",
    "vol%": "vol %",
    "volume %": "vol %",
    "% vol": "vol %",
    "cm^3/dm^3": "cm3 dm-3",
    "cm3/dm3": "cm3 dm-3",
}
_CARBON = {"tC": "t", "MgC": "t", "kgC": "kg", "gC": "g"}
_MASS = {"t", "kg", "g"}
_SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_NUMBER = re.compile(r"([\d.]+(?:[eE][-+]?\d+)?)(?: (.+))?")
_PART = re.compile(r"([^\d\s-][^\d\s-]*?)(-?\d+)?")
_DAYS = 365.25
# (given, target) -> (factor, offset): target = given * factor + offset; also for both per year, and
# inverted. A number before the given unit ("10 kg m-3", "0.1 degC") is a further factor.
_FACTORS: dict[tuple[str, str], tuple[float, float]] = {
    ("kg m-2", "t ha-1"): (10, 0),
    ("g m-2", "t ha-1"): (1 / 100, 0),
    ("kg ha-1", "t ha-1"): (1 / 1000, 0),
    ("t km-2", "t ha-1"): (1 / 100, 0),
    # Molar masses: 12 g of carbon in 44 g of CO2.
    ("t CO2 ha-1", "t ha-1"): (12 / 44, 0),
    ("%", "1"): (1 / 100, 0),
    ("vol %", "1"): (1 / 100, 0),
    ("per mille", "1"): (1 / 1000, 0),
    ("cm3 dm-3", "1"): (1 / 1000, 0),
    ("cm3 cm-3", "1"): (1, 0),
    ("per mille", "%"): (1 / 10, 0),
    ("g kg-1", "%"): (1 / 10, 0),
    ("dg kg-1", "g kg-1"): (1 / 10, 0),
    ("dg kg-1", "%"): (1 / 100, 0),
    ("per mille", "g kg-1"): (1, 0),
    ("1", "g kg-1"): (1000, 0),
    ("kg kg-1", "g kg-1"): (1000, 0),
    ("kg kg-1", "%"): (100, 0),
    ("kg m-3", "g cm-3"): (1 / 1000, 0),
    ("hg m-3", "g cm-3"): (1 / 10000, 0),
    ("cg cm-3", "g cm-3"): (1 / 100, 0),
    ("kg dm-3", "g cm-3"): (1, 0),
    ("t m-3", "g cm-3"): (1, 0),
    ("K", "degC"): (1, -273.15),
    ("mm month-1", "mm yr-1"): (12, 0),
    ("mm d-1", "mm yr-1"): (_DAYS, 0),
    ("mm d-1", "mm month-1"): (_DAYS / 12, 0),
    # 1 kg m-2 of water is 1 mm; a day has 86,400 s.
    ("kg m-2 s-1", "mm yr-1"): (_DAYS * 86400, 0),
    ("kg m-2 s-1", "mm month-1"): (_DAYS * 86400 / 12, 0),
    ("m yr-1", "mm yr-1"): (1000, 0),
    ("km", "m"): (1000, 0),
    ("cm", "m"): (1 / 100, 0),
    ("mS cm-1", "dS m-1"): (1, 0),
}
# Correct only if the user knows the meaning of the values: advice, never a conversion.
_ADVICE = {("mm", "mm yr-1"): "if it is the sum of a year, leave the values"}


def spelled(unit: str) -> str:
    """Return a unit in the project's spelling: "t C/ha/yr" and "Mg ha^-1 a^-1" -> "t ha-1 yr-1".

    An unknown unit is returned with single blanks.
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
        parts = [part for part in parts if part != "C"]  # stocks are in t of carbon
    elif parts == ["C"]:
        parts = ["degC"]
    return " ".join(parts)


def _part(word: str, sign: int) -> str:
    found = _PART.fullmatch(word)
    # The 2 of CO2 isn't a power.
    if found is None or word == "CO2":
        return word
    name, power = found[1], int(found[2] or 1) * sign
    name = _CARBON.get(name, _WORDS.get(name, name))
    return name if power == 1 else f"{name}{power}"


def conversion(given: str, target: str) -> tuple[float, float]:
    """Return (factor, offset) of ``target = given * factor + offset``.

    Parameters
    ----------
    given, target : str
        Units in any spelling that `spelled` understands; "" (classes) goes with "" only.

    Raises
    ------
    RasterError
        There is no conversion; the message names the units that can be converted.
    """
    found = _factor(spelled(given), spelled(target))
    if found is None:
        known = sorted({a for a, b in _pairs() if b == spelled(target)})
        raise RasterError(
            f"'{given}' can't be converted to '{target}'. Give '{target}'"
            + (f" or one of: {', '.join(known)}" if known else "")
            + "; a number before the unit counts ('0.1 degC')."
        )
    return found


def convert(values: AnyArray, given: str, target: str) -> AnyArray:
    """Return `values` (any shape, NaN stays) in the unit `target`; see `conversion`."""
    factor, offset = conversion(given, target)
    out = values if factor == 1 else values * factor
    return out + offset if offset else out


def _pairs() -> dict[tuple[str, str], tuple[float, float]]:
    back = {(b, a): (1 / f, -shift / f) for (a, b), (f, shift) in _FACTORS.items()}
    # A factor of the table prevails over the inverse of another.
    return back | _FACTORS


def _factor(given: str, target: str) -> tuple[float, float] | None:
    if given == target:
        return 1.0, 0.0
    pairs = _pairs()
    direct = pairs.get((given, target))
    if direct is None and given.endswith(" yr-1") and target.endswith(" yr-1"):
        direct = pairs.get((given.removesuffix(" yr-1"), target.removesuffix(" yr-1")))
        direct = None if direct is None or direct[1] else direct  # offsets don't apply to rates
    if direct is not None:
        return direct
    number = _NUMBER.fullmatch(given)
    # "1" is a unit itself, not a factor before one.
    if number is None or given == "1":
        return None
    inner = _factor(number[2] or "1", target)
    return None if inner is None else (float(number[1]) * inner[0], inner[1])


def _advice(given: str, target: str) -> str:
    """Return how to convert values in `given`, such as "divide by 100", or "" if impossible."""
    found = _factor(given, target)
    if found is None:
        return _ADVICE.get((given, target), "")
    (factor, offset), steps = found, []
    if abs(factor - 12 / 44) < 1e-12:
        steps.append("multiply by 12/44")
    elif factor < 1:
        steps.append(f"divide by {1 / factor:.10g}")
    elif factor > 1:
        steps.append(f"multiply by {factor:.10g}")
    if offset:
        steps.append(f"{'add' if offset > 0 else 'subtract'} {abs(offset):.10g}")
    return ", then ".join(steps) or "leave the values"


def with_unit(layer: xr.DataArray) -> xr.DataArray:
    """Return `layer` with its unit in the canonical spelling.

    Raises
    ------
    RasterError
        No canonical name, no unit, or another unit; the message names the conversion factor where
        there is one.
    """
    name, given = str(layer.name), layer.attrs.get("units")
    row = variable(name)
    if row.classes is None and given is not None:
        text = spelled(str(given))
        advice = _advice(text, row.unit)
        if text == row.unit:
            layer = layer.assign_attrs(units=row.unit)
        elif advice:
            raise RasterError(
                f"Layer '{name}' is in '{given}', but '{row.unit}' is needed: convert its values"
                f" ({advice}), then set the unit. {how_to_set(name, 'units', row.unit)}"
            )
    require_unit(layer)
    return layer
