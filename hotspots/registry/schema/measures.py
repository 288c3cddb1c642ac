"""Numbers of fields: ranges, units, and the axes of coordinates."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from hotspots.locale.messages import Message
from hotspots.registry.schema.coordinates import LIMITS, read_axis
from hotspots.registry.schema.fields import Field
from hotspots.registry.schema.numbers import readings, without_unit


def read_number(field: Field, cell: str) -> float:
    """Return the number of a cell, in the unit of its field.

    Raises
    ------
    ValueError
        It isn't a number, is out of range, has two readings or another unit; with a `Message`.
    """
    if field.name in LIMITS:
        return read_axis(field.name, cell)
    given, unit = without_unit(cell, field.unit)
    found = [value for value in readings(given) if _is_allowed(field, value)]
    if unit:
        raise ValueError(_with_other_unit(field, cell, unit, bool(found)))
    if len(found) > 1:
        small, large = found
        raise ValueError(_doubtful(cell, large, small))
    if found:
        return found[0] + 0.0  # -0 is 0
    raise ValueError(_not_a_number(field, cell))


def is_doubtful(field: Field, cell: str, value: float) -> bool:
    """Return whether a cell of a number has two readings in its field, one of them `value`."""
    given, unit = without_unit(cell, field.unit)
    found = [reading for reading in readings(given) if _is_allowed(field, reading)]
    return not unit and len(found) > 1 and value in found


def read_whole(field: Field, cell: str) -> int:
    """Return the whole number of a cell; raises as `read_number`."""
    given, unit = without_unit(cell, field.unit)
    # A whole number has no decimals: what may be thousands is thousands.
    found = readings(given)[-1:]
    if unit:
        raise ValueError(_with_other_unit(field, cell, unit, bool(found)))
    if not found or not _is_allowed(field, found[0]):
        raise ValueError(_not_a_number(field, cell))
    if not found[0].is_integer():
        raise ValueError(Message("cell.number_whole", cell=cell))
    return int(found[0])


_RANGES = {
    "surface_ha": (0.0, 1.3e10),  # the land of the earth
    "surface_year": (1500.0, 2100.0),
    "effect_size": (-50.0, 50.0),
    "effect_low": (-50.0, 50.0),
    "effect_high": (-50.0, 50.0),
    "effect_n": (1.0, 1e9),
    "version": (1.0, 1e9),
}
_EXAMPLES = {"surface_ha": 1250.5, "surface_year": 2018.0, "effect_n": 12.0, "version": 3.0}


def _is_allowed(field: Field, value: float) -> bool:
    low, high = _RANGES.get(field.name, (-math.inf, math.inf))
    return math.isfinite(value) and low <= value <= high


def _not_a_number(field: Field, cell: str) -> Message:
    low, high = _RANGES.get(field.name, (-math.inf, math.inf))
    if not math.isfinite(low):
        return Message("cell.number", cell=cell)
    example = _plainly(_EXAMPLES.get(field.name, 0.45))
    return Message("cell.number_between", cell=cell, low=low, high=high, example=example)


def _doubtful(cell: str, large: float, small: float) -> Message:
    return Message(
        "cell.number_several",
        cell=cell,
        large=_plainly(large),
        small=_plainly(small),
        longer=lambda lang: _with_point(f"{small:.4f}", lang),
    )


def _with_other_unit(field: Field, cell: str, unit: str, is_number: bool) -> Message:
    if not is_number:
        return _not_a_number(field, cell)
    own = unit_shown(field)
    if field.unit and unit.startswith(("%", "\u2030")):
        return Message("cell.number_percent", cell=cell, unit=own)
    if field.unit:
        return Message("cell.number_unit", cell=cell, given=unit, unit=own)
    number = readings(cell.removesuffix(unit))[-1]
    return Message("cell.number_words", cell=cell, number=_plainly(number))


def unit_shown(field: Field) -> Callable[[str], str]:
    """Return a function that shows the unit of a field as its label does, or "" without one."""
    return lambda lang: next(iter(re.findall(r"\((.+)\)", field.label[lang])), field.unit)


def _plainly(value: float) -> Callable[[str], str]:
    """Return a function that writes a number without separators of thousands."""
    return lambda lang: _with_point(plain_number(value), lang)


def _with_point(number: str, lang: str) -> str:
    return number if lang == "en" else number.replace(".", ",")


def plain_number(value: float) -> str:
    """Return the shortest text that represents the same number; 3.0 is "3"."""
    return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
