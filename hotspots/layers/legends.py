"""Legends of other sources, converted on import to the numbering of `hotspots.layers.variables`.

Legends are defined by names, and codes are matched through the names: one numbering is never mapped
directly to another. The tables in ``layers/crosswalks/`` have a row for each code: the publisher's
label, the canonical class (none for a code that means missing), source and status.
The third column's heading is the canonical variable that the classes are of.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hotspots.errors import RasterError, near_matches
from hotspots.layers.array_types import AnyArray, BoolArray, CodeArray
from hotspots.layers.variables import CLIMATE_ZONES, class_nodata, variable

LEGENDS = Path(__file__).parent / "crosswalks"
_MOST_NAMED = 5

# github.com/colinahill/ipcc_climate_zones @ 8344cd5911, attribute "Labels for climate zones".
_COLINAHILL_2019: dict[int, str] = {
    1: "tropical_montane",
    2: "tropical_wet",
    3: "tropical_moist",
    4: "tropical_dry",
    5: "warm_temperate_moist",
    6: "warm_temperate_dry",
    7: "cool_temperate_moist",
    8: "cool_temperate_dry",
    9: "boreal_moist",
    10: "boreal_dry",
    11: "polar_moist",
    12: "polar_dry",
}
# Hiederer et al. (2010), JRC, EUR 24483 EN: the project's own numbering.
_JRC_2010 = CLIMATE_ZONES
CLIMATE_ZONE_LEGENDS: dict[str, dict[int, str]] = {
    "colinahill_2019": _COLINAHILL_2019,
    "jrc_2010": _JRC_2010,
}


@dataclass(frozen=True)
class Legend:
    """The codes of one source and their canonical classes.

    Attributes
    ----------
    name : str
        As in the catalogue's ``legend``.
    variable : str
        Canonical variable that the classes are of: "land_cover", "koppen_geiger", "climate_zone".
    classes : mapping of int to str
        Code -> canonical class.
    labels : mapping of int to str
        Code -> the publisher's label, including codes for missing.
    missing : tuple of int
        Codes that mean missing.
    statuses : mapping of int to str
        Code -> status of the class, as in the method tables.
    """

    name: str
    variable: str
    classes: Mapping[int, str]
    labels: Mapping[int, str]
    missing: tuple[int, ...]
    statuses: Mapping[int, str]


def legend_names() -> list[str]:
    """Return the names of all legends."""
    return sorted([*(path.stem for path in LEGENDS.glob("*.csv")), *CLIMATE_ZONE_LEGENDS])


@cache
def legend(name: str) -> Legend:
    """Return the legend of this name, or raise `RasterError` with near matches."""
    if name not in legend_names():
        raise RasterError(
            f"The legend '{name}' is unknown{near_matches(name, legend_names()) or '.'}"
            f" Legends: {', '.join(legend_names())}."
        )
    if name in CLIMATE_ZONE_LEGENDS:
        zones = CLIMATE_ZONE_LEGENDS[name]
        return Legend(name, "climate_zone", zones, zones, (0,), dict.fromkeys(zones, "verified"))
    with (LEGENDS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    canonical = list(rows[0])[2]
    return Legend(
        name,
        canonical,
        classes={int(row["code"]): row[canonical] for row in rows if row[canonical]},
        labels={int(row["code"]): row["label"] for row in rows},
        missing=tuple(int(row["code"]) for row in rows if not row[canonical]),
        statuses={int(row["code"]): row["status"] for row in rows},
    )


def to_canonical(codes: npt.ArrayLike, given: str | Legend) -> CodeArray:
    """Return `codes` of a legend as the codes of its canonical variable.

    Parameters
    ----------
    codes : array of int or float, any shape
        NaN and the legend's codes for missing become 0.
    given : str or Legend
        Name of a legend (see `legend_names`), or a legend.

    Returns
    -------
    array of uint8, the shape of `codes`

    Raises
    ------
    RasterError
        Codes that aren't in the legend; the message lists them, the legend and numbers of cells.
    """
    source_legend = legend(given) if isinstance(given, str) else given
    array = np.asarray(codes)
    if array.dtype == np.uint8:  # common for 10 m maps: 256 codes are matched, then looked up
        every, unmatched = _matched(np.arange(256), source_legend)
        new, strange = every[array], unmatched[array]
    else:
        new, strange = _matched(array, source_legend)
    if strange.any():
        raise _unknown(array[strange], source_legend)
    return np.asarray(new)


def _matched(array: npt.NDArray[np.generic], source_legend: Legend) -> tuple[CodeArray, BoolArray]:
    """Return the canonical codes, and where a code isn't in the legend."""
    code_of = {
        name: code for code, name in (variable(source_legend.variable).classes or {}).items()
    }
    to = dict.fromkeys(source_legend.missing, 0) | {
        c: code_of[name] for c, name in source_legend.classes.items()
    }
    new, strange = _looked_up(array, to, "uint8")
    blank = np.isnan(array) if array.dtype.kind == "f" else np.zeros(array.shape, dtype=bool)
    return np.where(blank, np.uint8(0), new), strange & ~blank


def _looked_up(array: AnyArray, to: Mapping[int, int], dtype: str) -> tuple[AnyArray, BoolArray]:
    """Return the value of `to` for each code, and where there is none."""
    known = np.array(sorted(to))
    new = np.array([to[code] for code in known], dtype=dtype)
    # Searched, not indexed: codes may be negative, large or fractional.
    at = np.minimum(np.searchsorted(known, array), len(known) - 1)
    return new[at], known[at] != array


def to_land_cover(codes: npt.ArrayLike, given: str | Legend) -> CodeArray:
    """Return `codes` of a land cover legend as UNCCD's seven classes; else as `to_canonical`."""
    source_legend = legend(given) if isinstance(given, str) else given
    if source_legend.variable != "land_cover":
        raise RasterError(
            f"The legend '{source_legend.name}' is of '{source_legend.variable}', not of land"
            f" cover. Give one of"
            f" {', '.join(n for n in legend_names() if legend(n).variable == 'land_cover')}."
        )
    return to_canonical(codes, source_legend)


def _unknown(strange: npt.NDArray[np.generic], source_legend: Legend) -> RasterError:
    codes, cells = np.unique(strange, return_counts=True)
    named = [
        f"{code:g} ({count:,} {'cell' if count == 1 else 'cells'})"
        for code, count in zip(codes, cells, strict=True)
    ]
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    return RasterError(
        f"The legend '{source_legend.name}' lacks the codes {', '.join(named[:_MOST_NAMED])}{more}."
        " Name the legend that the file is in, or declare them as nodata."
    )


def zones_to_jrc(codes: npt.ArrayLike, legend: str) -> CodeArray:
    """Return climate zone `codes` of the named `legend` in the JRC numbering.

    Parameters
    ----------
    codes : array of int, any shape
        0 is nodata, before and after.
    legend : str
        A key of `CLIMATE_ZONE_LEGENDS`.

    Returns
    -------
    array of uint8, the shape of `codes`

    Raises
    ------
    RasterError
        The legend is unknown, or a code isn't in it.
    """
    if legend not in CLIMATE_ZONE_LEGENDS:
        raise RasterError(
            f"The climate zone legend '{legend}' is unknown"
            f"{near_matches(legend, CLIMATE_ZONE_LEGENDS) or '.'}"
            f" Legends: {', '.join(CLIMATE_ZONE_LEGENDS)}."
        )
    return recode(codes, CLIMATE_ZONE_LEGENDS[legend], CLIMATE_ZONES).astype("uint8")


def recode(
    codes: npt.ArrayLike, given: Mapping[int, str], canonical: Mapping[int, str]
) -> npt.NDArray[np.uint8 | np.int8]:
    """Return `codes` of the legend `given` as the codes of `canonical` with the same names.

    Both legends map code -> name. Nodata stays nodata: 0 in uint8, or -128 in int8 where 0 is a
    class of `canonical`. A name or a code without a partner raises `RasterError`, since a
    silently dropped class would look like missing data.
    """
    code_of = {name: code for code, name in canonical.items()}
    strange = [name for name in given.values() if name not in code_of]
    if strange:
        raise RasterError(
            f"The class '{strange[0]}' is not one of {', '.join(code_of)}"
            f"{near_matches(strange[0], code_of) or '.'} Rename the classes in flag_meanings."
        )
    array = np.asarray(codes)
    nodata = class_nodata(canonical)
    to = {nodata: nodata} | {code: code_of[name] for code, name in given.items()}
    new, unknown = _looked_up(array, to, "int8" if nodata else "uint8")
    if unknown.any():
        raise RasterError(
            f"The class code {array[unknown].min():g} is not in the legend {sorted(to)}"
            f" ({nodata} = nodata). Declare it as nodata or add it to the legend."
        )
    return np.asarray(new)
