"""IPCC soil classes from soil groups and texture.

The class follows from the group, after a texture rule: Histosols are organic whatever their
texture, all other soils are sandy above 70 % sand and below 8 % clay, and only then does the
group's class apply. The crosswalk from groups to classes, with its conventions, is in
``tables/ipcc_soil_class_crosswalk.csv``.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import (
    NODATA,
    class_result,
    elementwise,
    require_between,
)
from hotspots.analysis.ipcc.factor_tables import rows_of, status_kind, table
from hotspots.errors import BadInputError, near_matches
from hotspots.layers.array_types import (
    AnyArray,
    ClassArgument,
    CodeArray,
    FloatArray,
    Numeric,
    SameKind,
    TableRow,
)
from hotspots.layers.variables import SOIL_CLASSES, classes_of

SANDY_ABOVE = 70.0  # % sand
SANDY_BELOW = 8.0  # % clay
SYSTEMS = ("WRB", "USDA")
UNLISTED = ("LAC", "convention", "nodata")
# Orders of the system that IPCC's list doesn't name, as the crosswalk has them for WRB.
_UNLISTED_ORDERS = {"WRB": (), "USDA": ("Entisols", "Gelisols")}
_CODE = {name: code for code, name in SOIL_CLASSES.items()}
_NO_CLASS = 255  # a known group without a class, which may still be sandy
_MISSING_NAMES = ("", NODATA, "none", "nan")


def soil_class(
    *,
    group: ClassArgument,
    sand: Numeric | None = None,
    clay: Numeric | None = None,
    system: str = "WRB",
    unlisted: str = "LAC",
) -> SameKind:
    """Return the IPCC soil class.

    Parameters
    ----------
    group : str, sequence, array or DataArray
        Soil group by name ("Luvisols", "Luvisol", "Haplic Luvisols"), or a class layer whose
        ``flag_meanings`` are such names (with "_" for blanks).
    sand, clay : DataArray, array or float, optional
        Of the fine earth, %; not needed for Histosols.
    system : str
        "WRB" (reference soil groups) or "USDA" (orders, and the other names of the crosswalk;
        names of suborders and great groups aren't read).
    unlisted : str
        Treatment of groups that IPCC's list lacks (Fluvisols, Planosols, Stagnosols, …): "LAC",
        the last branch of IPCC's tree; "convention", the class that the crosswalk proposes, LAC
        where it proposes none; or "nodata".

    Returns
    -------
    str, or DataArray of uint8
        ``soil_class``: the name for a scalar, else codes 1-7 with flags. "nodata" or 0 where the
        group is missing, or sand or clay where they are needed.

    Raises
    ------
    BadInputError
        An unknown group or system, codes without names, or texture that isn't in percent.

    Notes
    -----
    IPCC 2006 Vol 4 Ch 3 Fig 3A.5.4 (WRB; the HAC list and the sandy rule verified in one
    implementation, the LAC list from memory) and 3A.5.3 (USDA; from memory). The tree makes every
    unlisted group LAC, which is implausible for, say, Fluvisols: see `soil_group_table`.
    """
    if system not in SYSTEMS:
        raise BadInputError(f"system is '{system}'; allowed are {', '.join(SYSTEMS)}.")
    if unlisted not in UNLISTED:
        raise BadInputError(f"unlisted is '{unlisted}'; allowed are {', '.join(UNLISTED)}.")
    _require_percent(sand, clay)
    groups = _classes_of_groups(group, system, unlisted)
    texture = [np.nan if value is None else value for value in (sand, clay)]
    return class_result(
        elementwise(_with_texture, groups, *texture, dtype="uint8"),
        SOIL_CLASSES,
        "soil_class",
        system=system,
        unlisted=unlisted,
    )


def soil_group_table(system: str | None = None) -> list[TableRow]:
    """Return the crosswalk from soil groups to IPCC classes.

    Parameters
    ----------
    system : str, optional
        "WRB" or "USDA"; both if not given.

    Returns
    -------
    list of dict
        ``system``, ``group``, ``soil_class`` (of the group before texture; "" where none is
        proposed), ``convention`` (True: not in IPCC's list, so that the tree makes it LAC),
        ``status`` (one of `factor_tables.STATUSES`), ``source`` and ``note``.
    """
    return [
        {
            "system": row["system"],
            "group": row["soil_group"],
            "soil_class": row["ipcc_soil_class"],
            "convention": _is_convention(row),
            "status": status_kind(row["status"]),
            "source": row["source"],
            "note": row["note"],
        }
        for row in table("ipcc_soil_class_crosswalk")
        if system in (None, row["system"])
    ]


def _is_convention(row: dict[str, str]) -> bool:
    return status_kind(row["status"]) == "convention"


def _with_texture(groups: AnyArray, sand: FloatArray, clay: FloatArray) -> CodeArray:
    groups = np.asarray(groups, dtype="int64")
    sandy = (sand > SANDY_ABOVE) & (clay < SANDY_BELOW)
    unknown = np.isnan(sand) | np.isnan(clay)
    # In the order of the tree: Histosols need no texture, and sandy precedes the group's class.
    out = np.select(
        [groups == 0, groups == _CODE["organic"], unknown, sandy, groups == _NO_CLASS],
        [0, _CODE["organic"], 0, _CODE["sandy"], 0],
        groups,
    )
    return out.astype("uint8")


def _classes_of_groups(group: ClassArgument, system: str, unlisted: str) -> SameKind:
    """Return codes before texture: a class, `_NO_CLASS`, or 0 where the group is missing."""
    if not isinstance(group, xr.DataArray):
        return _codes(np.asarray(group), None, system, unlisted)
    return xr.apply_ufunc(
        _codes,
        group,
        kwargs={"names": classes_of(group), "system": system, "unlisted": unlisted},
        dask="parallelized",
        output_dtypes=["uint8"],
    )


def _codes(groups: AnyArray, names: dict[int, str] | None, system: str, unlisted: str) -> CodeArray:
    if groups.dtype.kind in "OUS":
        groups, names = groups.astype(str), None
    values, place = np.unique(groups, return_inverse=True)
    codes = [_code(_name(value, names, system), system, unlisted) for value in values.tolist()]
    return np.asarray(codes, dtype="uint8")[place].reshape(groups.shape)


def _name(value: str | float, names: dict[int, str] | None, system: str) -> str:
    if isinstance(value, str):
        return value
    if value != value:
        return NODATA
    if names is None:
        raise BadInputError(
            f"The soil groups are numbers ({value:g}) without names. Give names, or a layer with"
            f" flag_values and flag_meanings that are names of {system} groups."
        )
    if value in names:
        return names[int(value)]
    # 0 and negative codes without a name are nodata by custom; others are an error.
    if value > 0:
        raise BadInputError(
            f"The layer of soil groups has the code {value:g}, which its flag_values lack."
            " Complete them, or mask the code where it means nodata."
        )
    return NODATA


def _code(name: str, system: str, unlisted: str) -> int:
    key = name.replace("_", " ").strip().casefold()
    if key in _MISSING_NAMES:
        return 0
    known = _groups(system)
    last = key.split()[-1]
    # Singular forms, and qualifiers before the group ("Haplic Luvisol").
    for candidate in (key, f"{key}s", last, f"{last}s"):
        if candidate in known:
            listed, proposed = known[candidate]
            chosen = listed or (proposed or "LAC" if unlisted == "convention" else unlisted)
            return _CODE.get(chosen, _NO_CLASS)
    names = [row["soil_group"] for row in rows_of("ipcc_soil_class_crosswalk", system=system)]
    raise BadInputError(
        f"'{name}' isn't a soil group of {system}{near_matches(name, names) or '.'} The names are"
        f" {', '.join([*names, *_UNLISTED_ORDERS[system]])}."
    )


@cache
def _groups(system: str) -> dict[str, tuple[str, str]]:
    """Return group -> (class by IPCC or "", class by convention or "")."""
    found = {name.casefold(): ("", "") for name in _UNLISTED_ORDERS[system]}
    for row in rows_of("ipcc_soil_class_crosswalk", system=system):
        listed, proposed = row["ipcc_soil_class"], ""
        if _is_convention(row):
            listed, proposed = "", listed
        found[row["soil_group"].casefold()] = (listed, proposed)
    return found


def _require_percent(sand: Numeric | None, clay: Numeric | None) -> None:
    require_between("sand", sand, 0, 100, "%", "divide per mille by 10")
    require_between("clay", clay, 0, 100, "%", "divide per mille by 10")
    given = [value for value in (sand, clay) if value is not None]
    if len(given) < 2 or any(getattr(value, "chunks", None) for value in given):
        return
    most = [np.nanmax(values) for values in map(np.asarray, given) if np.isfinite(values).any()]
    # Sand and clay can't both be below 1 % everywhere: fractions sum to at most 1.
    if len(most) == 2 and sum(most) > 0 and max(most) <= 1:
        raise BadInputError(
            f"Sand is at most {most[0]:g} and clay at most {most[1]:g}: that looks like fractions."
            " They are percent of the fine earth; multiply by 100."
        )
