"""Legends of other sources, converted at the door to the numbering of `hotspots.variables`.

A legend is written down by names, and numbers are matched through the names: nowhere is one
numbering laid over another.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from hotspots.errors import RasterError, near_matches
from hotspots.variables import CLIMATE_ZONES, class_nodata

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


def zones_to_jrc(codes: npt.ArrayLike, legend: str) -> npt.NDArray[np.uint8]:
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
    """Return `codes` of the legend `given` as the codes that `canonical` has for the same names.

    Both legends map code -> name. Nodata stays nodata: 0 in uint8, or -128 in int8 where 0 is a
    class of `canonical`. A name or a code without a partner raises `RasterError`, for a class that
    is silently dropped would look like missing data.
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
    known = np.array(sorted(to))
    new = np.array([to[code] for code in known], dtype="int8" if nodata else "uint8")
    unknown = array[~np.isin(array, known)]
    if unknown.size:
        raise RasterError(
            f"The class code {unknown.min():g} is not in the legend {sorted(to)}"
            f" ({nodata} = nodata). Declare it as nodata or add it to the legend."
        )
    # Searched and not indexed: a legend's own codes may be negative, or thousands.
    return np.asarray(new[np.searchsorted(known, array)])
