"""Properties that a user's layer must have, and the options of the command line that give them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from hotspots.errors import RasterError
from hotspots.ingest.user_files.declared import Properties
from hotspots.ingest.user_files.source import UserRaster
from hotspots.layers.error_layers import (
    LEVEL,
    SUPPORT,
    is_bound,
    is_error,
    level_of,
    support_of,
)
from hotspots.layers.harmonise import GUIDELINES
from hotspots.layers.units import conversion
from hotspots.layers.variables import Variable
from hotspots.store.profiles import Depth, depth_of, has_depths

STOCKS = "soc_stock"
USUAL_DEPTH = "0-30"
_DEPTH_TOO = ("soc_density", "soc_density_error", "electrical_conductivity")


def needs_depth(name: str) -> bool:
    """Return whether a layer of this variable requires a depth: stocks and soil properties."""
    if name.endswith("_valid_share"):
        return False
    # The bounds of an interval hold for the depth of their estimate.
    base = name.removesuffix("_lower").removesuffix("_upper")
    return name.startswith(STOCKS) or has_depths(base) or base in _DEPTH_TOO


def has_guidelines(row: Variable) -> bool:
    """Return whether a layer of this variable follows one of the guidelines of the IPCC."""
    return row.name == "climate_zone"


def require_scale(scale: float | None, offset: float | None) -> None:
    """Raise `RasterError` for numbers that aren't finite, and for a scale of 0."""
    for name, number in (("--scale", scale), ("--offset", offset)):
        if number is not None and not math.isfinite(number):
            raise RasterError(f"{name} is {number}; a finite number is needed.")
    if scale == 0:
        raise RasterError(
            "--scale is 0, which would make all values alike. Give the number that stored values"
            " are multiplied by, such as 0.1."
        )


def require_complete(path: Path, row: Variable, properties: Properties) -> None:
    """Raise a `RasterError` that names all missing properties, with an option for each."""
    lacking = []
    if not row.classes and not properties.unit:
        lacking.append(("unit", f'--unit "{row.unit}"'))
    if not properties.crs:
        lacking.append(("coordinate reference system (CRS)", "--crs EPSG:4326"))
    if needs_depth(row.name) and not properties.depth:
        point = "" if row.name.startswith(STOCKS) else " (or --depth 15 of values at 15 cm)"
        lacking.append(("depth", f"--depth {USUAL_DEPTH}{point}"))
    if has_guidelines(row) and properties.guidelines not in GUIDELINES:
        lacking.append(("guidelines of the climate zones", "--guidelines 2019 (or 2006)"))
    if is_bound(row.name) and not properties.level:
        lacking.append(("level of the interval", "--level 0.90 (or 0.95)"))
    if is_error(row.name) and not properties.support:
        lacking.append(("support", "--support point (or cell, of an error of cells' means)"))
    if lacking:
        whats, options = zip(*lacking, strict=True)
        raise RasterError(
            f"'{path}' doesn't say its {' or its '.join(whats)}. After checking its source add:"
            f" {' '.join(options)}."
        )


def declared_errors(row: Variable, properties: Properties) -> dict[str, str | float]:
    """Return the level and support of a layer of errors; {} for other layers.

    Raises
    ------
    RasterError
        One that can't be.
    """
    out: dict[str, str | float] = {}
    if is_bound(row.name):
        out[LEVEL] = level_of(properties.level)
    if is_error(row.name):
        out[SUPPORT] = support_of(properties.support)
    return out


def require_errors_only(row: Variable, level: str | None, support: str | None) -> None:
    """Raise `RasterError` for a level or support declared of a layer that has none."""
    if level and not is_bound(row.name):
        raise RasterError(
            f"--level is of the bounds of an interval, such as soc_stock_lower; '{row.name}' is"
            " none. Leave it out, or name the variable that the values are of."
        )
    if support and not is_error(row.name):
        raise RasterError(
            f"--support is of layers of errors, such as soc_stock_sd; '{row.name}' is none. Leave"
            " it out, or name the variable that the values are of."
        )


def declared_depth(row: Variable, text: str) -> Depth | None:
    """Return the depth written in a text; None for a variable that has none."""
    if not needs_depth(row.name):
        return None
    try:
        at = depth_of(text, row.name)
    except RasterError as error:
        raise RasterError(
            f"'{text}' isn't a depth. Give a layer of soil as --depth 0-30 (top and deeper bottom,"
            " cm), or a point as --depth 15."
        ) from error
    if row.name.startswith(STOCKS) and at.is_point:
        raise RasterError(
            f"A stock is of a layer of soil, not of the depth {at} cm alone. Give top and bottom,"
            f" cm: --depth {USUAL_DEPTH}."
        )
    return at


def require_convertible(path: Path, row: Variable, unit: str) -> None:
    """Raise `RasterError` for a unit that can't be converted to the canonical one."""
    if row.classes:
        if unit and unit not in ("1", "class"):
            raise RasterError(
                f"'{row.name}' has classes, which have no unit; '{unit}' was given. Leave it out,"
                " or name the variable that the values are of."
            )
        return
    try:
        conversion(unit, row.unit)
    except RasterError as error:
        raise RasterError(
            f"'{path}' can't be '{row.name}': {error} Say the unit with --unit."
        ) from error


def require_legend(row: Variable, name: str | None) -> None:
    """Raise `RasterError` for a legend of another variable."""
    if not name:
        return
    from hotspots.layers.legends import legend, legend_names

    legend_given = legend(name)
    base = "climate_zone" if row.name.startswith("climate_zone") else row.name
    if legend_given.variable != base and not row.name.startswith(f"{legend_given.variable}_"):
        fits = [n for n in legend_names() if legend(n).variable == base]
        raise RasterError(
            f"The legend '{name}' is of '{legend_given.variable}', not of '{row.name}'."
            f" {'Legends of it: ' + ', '.join(fits) if fits else 'There is none of it'}."
        )


def require_storable(path: Path, file: UserRaster, missing: Sequence[float]) -> None:
    """Raise `RasterError` if the file's data type can't hold a nodata number."""
    import numpy as np

    kind = np.dtype(file.dtype)
    # Floats: the number is rounded to the file's type when values are decoded.
    if kind.kind not in "iu":
        return
    limits = np.iinfo(kind)
    for number in missing:
        if not limits.min <= number <= limits.max or number != int(number):
            raise RasterError(
                f"'{path}' stores {kind} ({limits.min} to {limits.max}), which can't be"
                f" {number:g}. Give the stored number: --nodata {limits.max}."
            )


def declared_year(path: Path, given: int | str) -> int:
    """Return a year given as a number or in digits, or raise `RasterError`."""
    text = str(given).strip()
    if not (text.isdecimal() and 1 <= int(text) <= 9999):
        raise RasterError(
            f"'{path}' is declared as of the year '{text}', which isn't a year. Give up to four"
            " digits (--year 2015), or leave it out."
        )
    return int(text)
