"""The stock change factors of IPCC Tier 1: the packaged table, the user's own rows, look-ups.

The packaged rows are in ``tables/ipcc_stock_change_factors.csv``, each with its error, source
and status. Factors and climate zones must be of the same guidelines; polar zones have no factors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import class_codes, elementwise
from hotspots.analysis.ipcc.factor_tables import Row, rows_of, table
from hotspots.errors import BadInputError, near_matches
from hotspots.layers.array_types import ClassArgument, FloatArray, SameKind, TableRow
from hotspots.layers.variables import CLIMATE_ZONES

GUIDELINES = ("2006", "2019")
FACTORS = ("F_LU", "F_MG", "F_I")
MOST_OF_A_FACTOR = 5.0  # above this, a factor is most likely a percentage
_TABLE = "ipcc_stock_change_factors"
_NEEDED = ("system", "factor", "level", "climate_zone", "value", "error_pct", "source")
_KEYS = (*_NEEDED, "guidelines", "error_meaning", "status", "note")

OwnFactors = Sequence[Mapping[str, Any]]  # rows as `factor_table` has them, not yet checked
"""The user's own rows: mappings with the columns of the packaged table."""


def stock_change_factor(
    *,
    factor: str,
    level: str,
    climate_zone: ClassArgument,
    system: str = "cropland",
    guidelines: str = "2019",
    factors: OwnFactors | None = None,
) -> SameKind:
    """Return an IPCC relative stock change factor.

    Parameters
    ----------
    factor : str
        "F_LU" (land use), "F_MG" (management) or "F_I" (input).
    level : str
        A level of the table, e.g. "no_tillage".
    climate_zone : str, int, array or DataArray
        Zone by name or code (JRC 1-12, 0 = nodata), arrays of names too; a DataArray's
        ``guidelines`` attribute, where present, must agree with `guidelines`.
    system : str
        "cropland" or "grassland".
    guidelines : str
        "2006" or "2019"; the two must not be mixed.
    factors : sequence of mappings, optional
        The user's own rows, which override or add to the packaged ones: system, factor, level,
        climate_zone (name or code), value, error_pct (2 sd in % of the value), source, and
        optionally guidelines, which must be those of the call.

    Returns
    -------
    float, array or DataArray
        The factor, dimensionless; NaN for nodata and for polar zones, which have no factors.

    Raises
    ------
    BadInputError
        An unknown factor, level, zone, system or edition; mixed editions; a row of the user's own
        that can't be used.

    Notes
    -----
    IPCC 2006 Vol 4 Tables 5.5 and 6.2, and their 2019 Refinement. Each row's status (verified in
    secondary transcriptions, from memory, derived) is in the table.
    """
    by_zone = factor_by_zone(factor, level, system, guidelines, factors=factors)
    return by_climate_zone(by_zone, climate_zone, guidelines, name=factor)


def stock_change_factor_error(
    *,
    factor: str,
    level: str,
    climate_zone: ClassArgument,
    system: str = "cropland",
    guidelines: str = "2019",
    factors: OwnFactors | None = None,
) -> SameKind:
    """Return the error of a stock change factor: 2 standard deviations, % of the factor.

    Parameters
    ----------
    factor, level, climate_zone, system, guidelines, factors
        As in `stock_change_factor`.

    Returns
    -------
    float, array or DataArray
        %; 0 for the reference levels, which are 1 by definition; NaN where there is no factor.
    """
    by_zone = factor_by_zone(factor, level, system, guidelines, factors=factors, column="error_pct")
    return by_climate_zone(by_zone, climate_zone, guidelines, name=f"{factor}_error")


def factor_levels(
    factor: str, system: str, guidelines: str, factors: OwnFactors | None = None
) -> list[str]:
    """Return the levels that the table has of a factor ("F_LU", "F_MG", "F_I"), by name.

    Parameters
    ----------
    factor : str
        "F_LU", "F_MG" or "F_I".
    system : str
        "cropland" or "grassland".
    guidelines : str
        IPCC edition, "2006" or "2019". An unknown factor, system or edition has no packaged levels.
    factors : sequence of mappings, optional
        The user's own rows, as for `stock_change_factor`; their levels are added.
    """
    packaged = rows_of(_TABLE, factor=factor, system=system, guidelines=guidelines)
    own = [
        r for r in own_rows(factors, guidelines) if (r["factor"], r["system"]) == (factor, system)
    ]
    return sorted({row["level"] for row in (*packaged, *own)})


def factor_table() -> tuple[Row, ...]:
    """Return the packaged rows: value, error (2 sd, % of the mean), source, status."""
    return table(_TABLE)


def require_guidelines(climate_zone: ClassArgument, guidelines: str) -> None:
    """Raise `BadInputError` where zones and factors are of different IPCC editions."""
    given = getattr(climate_zone, "attrs", {}).get("guidelines")
    if given is not None and not str(given).strip():
        raise BadInputError(
            "The climate zones have an empty attribute 'guidelines'; set it to '2006' or '2019',"
            " the IPCC edition that they are of."
        )
    if given is not None and str(given) != guidelines:
        raise BadInputError(
            f"The climate zones are of the IPCC {given} guidelines and the factors of {guidelines}."
            f" Take factors of {given} (potential.guidelines) or zones of {guidelines}."
        )


def by_climate_zone(
    by_zone: FloatArray, climate_zone: ClassArgument, guidelines: str, *, name: str | None = None
) -> SameKind:
    """Return the value of each zone, given by name or code, from 13 values by zone code.

    Parameters
    ----------
    by_zone : array (13,)
        Values of any unit: element k is for zone code k, 1-12, element 0 for nodata; NaN is
        missing.
    climate_zone : str, int, array or DataArray
        IPCC climate zone by name or code (1-12, 0 = nodata); a DataArray keeps its grid and CRS.
    guidelines : str
        IPCC edition of `by_zone`, "2006" or "2019"; the attribute ``guidelines`` of a DataArray
        must agree with it.
    name : str, optional
        Name of the result where it is a DataArray; none by default.
    """
    require_guidelines(climate_zone, guidelines)
    codes = class_codes(climate_zone, CLIMATE_ZONES, "IPCC climate zone")
    found = elementwise(lambda block: by_zone[block], codes)
    return found.rename(name) if isinstance(found, xr.DataArray) else found


def factor_by_zone(
    factor: str,
    level: str,
    system: str,
    guidelines: str,
    *,
    factors: OwnFactors | None = None,
    column: str = "value",
) -> FloatArray:
    """Return a factor (or its ``error_pct``) by climate zone code 0-12; NaN where there is none.

    Parameters
    ----------
    factor : str
        "F_LU", "F_MG" or "F_I".
    level : str
        A level of the table, e.g. "no_tillage".
    system : str
        "cropland" or "grassland".
    guidelines : str
        IPCC edition, "2006" or "2019".
    factors : sequence of mappings, optional
        The user's own rows, as for `stock_change_factor`; they override the
        packaged values.
    column : str
        "value" (dimensionless) or "error_pct" (2 standard deviations, % of the value; 0 for the
        reference levels).
    """
    _require_known(factor, level, system, guidelines, factors)
    # A copy, since the packaged values are cached and the user's rows are written over them.
    values = _packaged_by_zone(factor, level, system, guidelines, column).copy()
    for row in own_rows(factors, guidelines):
        if (row["factor"], row["level"], row["system"]) == (factor, level, system):
            values[row["zone"]] = row[column]
    return values


@cache
def _packaged_by_zone(
    factor: str, level: str, system: str, guidelines: str, column: str
) -> FloatArray:
    code = {name: number for number, name in CLIMATE_ZONES.items()}
    out = np.full(len(CLIMATE_ZONES) + 1, np.nan)
    key_columns = {"factor": factor, "level": level, "system": system, "guidelines": guidelines}
    for row in rows_of(_TABLE, **key_columns):
        # A reference level is 1 by definition: it has no error.
        out[code[row["climate_zone"]]] = float(row[column] or 0)
    return out


def _require_known(
    factor: str, level: str, system: str, guidelines: str, factors: OwnFactors | None
) -> None:
    require_edition(guidelines)
    systems = sorted({row["system"] for row in table(_TABLE)})
    if system not in systems:
        raise BadInputError(f"system is '{system}'; allowed are {', '.join(systems)}.")
    levels = factor_levels(factor, system, guidelines, factors)
    if level not in levels:
        allowed = ", ".join(levels) if levels else f"none for the factor '{factor}'"
        raise BadInputError(
            f"level is '{level}'; {guidelines} {system} {factor} has: {allowed}"
            f"{near_matches(level, levels) or '.'}"
        )


def require_edition(guidelines: str) -> None:
    """Raise `BadInputError` unless the factor table covers these guidelines."""
    if guidelines not in GUIDELINES:
        raise BadInputError(
            f"guidelines is '{guidelines}'; allowed are {' and '.join(GUIDELINES)}."
        )


def own_rows(factors: OwnFactors | None, guidelines: str) -> list[TableRow]:
    """Return the user's rows, checked: numbers as numbers, ``zone`` the code of the zone."""
    return [
        _own_row(row, guidelines, f"Row {number} of the factor table")
        for number, row in enumerate(factors or (), start=1)
    ]


def _own_row(row: Mapping[str, Any], guidelines: str, row_label: str) -> TableRow:
    if unknown := [key for key in row if key not in _KEYS]:
        raise BadInputError(
            f"{row_label} has the unknown key '{unknown[0]}'; allowed are {', '.join(_KEYS)}"
            f"{near_matches(unknown[0], _KEYS) or '.'}"
        )
    # str() makes "None" of an absent value.
    if missing := [key for key in _NEEDED if str(row.get(key, "")).strip() in ("", "None")]:
        raise BadInputError(f"{row_label} lacks {', '.join(missing)}; give each a value.")
    edition = str(row.get("guidelines") or guidelines)
    if edition != guidelines:
        raise BadInputError(
            f"{row_label} is of the guidelines {edition} and the analysis of {guidelines}. Take"
            " rows of one edition only."
        )
    systems = sorted({r["system"] for r in table(_TABLE)})
    for key, allowed in (("factor", FACTORS), ("system", systems)):
        if row[key] not in allowed:
            raise BadInputError(
                f"{row_label}: {key} is '{row[key]}'; allowed are {', '.join(allowed)}."
            )
    value = _number(row["value"], f"{row_label}: value")
    error = _number(row["error_pct"], f"{row_label}: error_pct")
    if not 0 < value <= MOST_OF_A_FACTOR:
        raise BadInputError(
            f"{row_label}: value is {value:g}; a factor is above 0 and at most"
            f" {MOST_OF_A_FACTOR:g}; divide percent by 100."
        )
    if not 0 <= error <= 1000:
        raise BadInputError(
            f"{row_label}: error_pct is {error:g}; allowed is 0 to 1000 % (2 sd, % of the value)."
        )
    try:
        zone = class_codes(row["climate_zone"], CLIMATE_ZONES, "IPCC climate zone")
    except BadInputError as problem:
        raise BadInputError(f"{row_label}: {problem}") from problem
    if not zone:
        raise BadInputError(f"{row_label}: climate_zone is nodata; name a zone.")
    return {**row, "value": value, "error_pct": error, "zone": zone}


def _number(given: Any, label: str) -> float:
    try:
        number = float(given)
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number):
        raise BadInputError(f"{label} is '{given}'; a number is needed.")
    return number
