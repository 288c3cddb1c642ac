"""One's own layer: a file or an address, what is declared of it, and what it lacks.

A raster without unit, CRS or depth is refused, and the refusal says which options to add: a stock
in kg m-2 looks like one in t ha-1 of another country. What the user declares wins over what the
file says of itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotspots.errors import RasterError, near_matches
from hotspots.ingest.regrid.source_raster import Origin, Raw
from hotspots.ingest.user_files.formats import found
from hotspots.ingest.user_files.source import Found
from hotspots.io.atomic import file_hash
from hotspots.layers.harmonise import GUIDELINES
from hotspots.layers.units import conversion
from hotspots.layers.variables import Variable, variable
from hotspots.store.profiles import Depth, depth_of, has_depths

if TYPE_CHECKING:
    import pyproj

_STOCKS = "soc_stock"
_DEPTH_TOO = ("soc_density", "soc_density_error", "electrical_conductivity")
_USUAL_DEPTH = "0-30"


@dataclass(frozen=True)
class Own:
    """One's own layer, ready for `regrid.on_grid`.

    Attributes
    ----------
    variable : str
        Canonical name.
    raw : Raw
        Where it is, and how its numbers are meant.
    attrs : dict
        Attributes of the layer: ``depth_cm``, ``year``, ``guidelines``, ``source``, ``citation``,
        ``licence``, as far as known.
    legend : str
        Legend of its classes, "" if they are canonical.
    given : dict
        What was declared or found, for the quality report.
    notes : tuple of str
        Sentences on what was taken from the file itself.
    """

    variable: str
    raw: Raw
    attrs: dict[str, Any]
    legend: str
    given: dict[str, Any]
    notes: tuple[str, ...]


def read_own(
    path_or_url: str | Path,
    *,
    variable: str,
    unit: str | None = None,
    depth: str | None = None,
    year: int | str | None = None,
    nodata: float | Sequence[float] | None = None,
    scale: float | None = None,
    offset: float | None = None,
    band: int | None = None,
    crs: str | None = None,
    subdataset: str | None = None,
    column: str | None = None,
    cell: float | None = None,
    legend: str | None = None,
    guidelines: str | None = None,
    source: str = "",
    citation: str = "",
    licence: str = "",
    url: str = "",
    cache: str | Path | None = None,
) -> Own:
    """Return one's own layer with all that is declared of it, or refuse it with what to add.

    Parameters
    ----------
    path_or_url : str or path
        GeoTIFF, NetCDF, Zarr; a table (CSV) of points on a regular grid; polygons (GeoJSON,
        GeoPackage, GeoParquet, Shapefile); or an ``https://`` address of one.
    variable : str
        Canonical name that the layer is of.
    unit : str, optional
        Of ``stored * scale + offset``; the file's own by default. None for classes.
    depth : str, optional
        "0-30" (a layer of soil, cm) or "15" (a point); needed of stocks and soil properties.
    year : int, optional
        Of the values; picks the step of a NetCDF file where its time tells years.
    nodata : float or several, optional
        Stored numbers that mean missing; they take the place of the file's own.
    scale, offset : float, optional
        Those of the file by default.
    band : int, optional
        Counted from 1; needed where a file has several (but the 12 months of a monthly layer).
    crs : str, optional
        CRS, such as "EPSG:4326"; the file's own by default.
    subdataset : str, optional
        Variable of a NetCDF file or Zarr store.
    column : str, optional
        Column of a table, or attribute of polygons, with the values.
    cell : float, optional
        Side of the cells that polygons are burnt into, in units of their CRS.
    legend : str, optional
        Legend of the classes, of `legends.legend_names`.
    guidelines : str, optional
        "2006" or "2019", of climate zones.
    source, citation, licence, url : str
        Who made it; they travel with the layer.
    cache : path, optional
        Folder of what is fetched, or made of tables and polygons; one that is removed when the
        program ends by default.

    Returns
    -------
    Own

    Raises
    ------
    RasterError
        See the module; also a unit that doesn't lead to the canonical one, a scale of 0, a band
        or column that isn't there, a year that is none.
    FetchError
        The address gives no file.
    """
    row = _row(variable)
    _require_scale(scale, offset)
    path, origin = _local(path_or_url, cache)
    file = found(
        path,
        row,
        band=band,
        year=year,
        crs=crs or "",
        subdataset=subdataset,
        column=column,
        cell=cell,
        folder=cache,
    )
    told = {
        "unit": unit if unit is not None else file.unit,
        "crs": crs or file.crs,
        "depth": str(depth or file.attrs.get("depth_cm", "")),
        "guidelines": str(guidelines or file.attrs.get("guidelines", "")),
    }
    _require_told(path, row, told)
    at = _depth(row, told["depth"])
    _require_convertible(path, row, told["unit"])
    _require_legend(row, legend)
    missing = _numbers(nodata)
    _require_storable(path, file, missing)
    raw = Raw(
        file.path,
        bands=file.bands,
        scale=1.0 if scale is None else scale,
        offset=offset or 0.0,
        nodata=missing,
        crs=crs or file.crs_needed,
        unit="" if row.classes else told["unit"],
        origin=origin,
        use_file_nodata=not missing,
        use_file_scale=scale is None and offset is None and not row.classes,
    )
    attrs = _attrs(
        path,
        row,
        file,
        at,
        told["guidelines"],
        {
            "source": source,
            "citation": citation,
            "licence": licence,
            "url": url,
            "year": year,
        },
    )
    options = {
        "file": str(path_or_url),
        "variable": row.name,
        "unit": told["unit"],
        "crs": _shown_crs(told["crs"]),
        "depth": str(at) if at else "",
        "year": attrs.get("year"),
        "nodata": list(missing) or None,
        "scale": scale,
        "offset": offset,
        "band": file.bands[0] if len(file.bands) == 1 else None,
        "subdataset": file.layer,
        "column": column,
        "cell": cell,
        "legend": legend,
        "guidelines": attrs.get("guidelines"),
    }
    given = {key: value for key, value in options.items() if value not in (None, "")}
    notes = _notes(file, row, at, missing, unit=unit, crs=crs, depth=depth)
    return Own(row.name, raw, attrs, legend or "", given, notes)


def _attrs(
    path: Path,
    row: Variable,
    file: Found,
    at: Depth | None,
    guidelines: str,
    given: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the layer's attributes: what was given, else what the file says."""
    keys = ("source", "citation", "licence", "url", "doi", "year")
    told = {key: file.attrs[key] for key in keys if file.attrs.get(key)}
    told |= {key: value for key, value in given.items() if value not in (None, "")}
    told.setdefault("source", path.name)
    if "year" in told:
        told["year"] = _year(path, told["year"])
    if at is not None:
        told["depth_cm"] = str(at)
    return told | ({"guidelines": guidelines} if _zones(row) else {})


def _row(name: str) -> Variable:
    try:
        return variable(name)
    except RasterError as error:
        from hotspots.layers.variables import VARIABLES

        raise RasterError(
            f"'{name}' is not a canonical variable{near_matches(name, VARIABLES) or '.'} Give one"
            " that 'hotspots variables' lists: --as soc_stock."
        ) from error


def _require_scale(scale: float | None, offset: float | None) -> None:
    for name, number in (("--scale", scale), ("--offset", offset)):
        if number is not None and not math.isfinite(number):
            raise RasterError(f"{name} is {number}; a finite number is needed.")
    if scale == 0:
        raise RasterError(
            "--scale is 0, which would make all values alike. Give the number that stored values"
            " are multiplied by, such as 0.1."
        )


def _local(given: str | Path, cache: str | Path | None) -> tuple[Path, Origin]:
    text = str(given)
    if text.startswith(("http://", "https://")):
        from hotspots.ingest.access.fetch import fetch, public
        from hotspots.ingest.user_files.formats import own_folder

        if text.rstrip("/").endswith(".zarr"):
            raise RasterError(
                f"'{public(text)}' is a Zarr store, which is many files. Copy it here first."
            )
        return fetch(text, own_folder(cache))
    if "://" in text:
        raise RasterError(f"'{text}' is no address that can be fetched. Give http or https.")
    path = Path(given)
    if not path.exists():
        raise RasterError(f"There is no file '{path}'. Give a raster, a table or polygons.")
    return path, Origin(text, "", sha256=file_hash(path) if path.is_file() else _of_all(path))


def _of_all(folder: Path) -> str:
    """Return the SHA-256 of a folder: of the names and hashes of all of its files."""
    import hashlib

    files = sorted(p for p in folder.rglob("*") if p.is_file())
    lines = [f"{p.relative_to(folder).as_posix()} {file_hash(p)}\n" for p in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def needs_depth(name: str) -> bool:
    """Say whether a layer of this variable must tell its depth: stocks and soil properties."""
    if name.endswith("_valid_share"):
        return False
    base = name.removesuffix("_lower").removesuffix("_upper")
    return name.startswith(_STOCKS) or has_depths(base) or base in _DEPTH_TOO


def _zones(row: Variable) -> bool:
    return row.name == "climate_zone"


def _require_told(path: Path, row: Variable, told: dict[str, str]) -> None:
    """Raise `RasterError` that names all that is missing, with an option for each."""
    lacking = []
    if not row.classes and not told["unit"]:
        lacking.append(("unit", f'--unit "{row.unit}"'))
    if not told["crs"]:
        lacking.append(("coordinate reference system (CRS)", "--crs EPSG:4326"))
    if needs_depth(row.name) and not told["depth"]:
        point = "" if row.name.startswith(_STOCKS) else " (or --depth 15 of values at 15 cm)"
        lacking.append(("depth", f"--depth {_USUAL_DEPTH}{point}"))
    if _zones(row) and told["guidelines"] not in GUIDELINES:
        lacking.append(("guidelines of the climate zones", "--guidelines 2019 (or 2006)"))
    if lacking:
        whats, options = zip(*lacking, strict=True)
        raise RasterError(
            f"'{path}' doesn't say its {' or its '.join(whats)}. After checking its source add:"
            f" {' '.join(options)}."
        )


def _depth(row: Variable, text: str) -> Depth | None:
    if not needs_depth(row.name):
        return None
    try:
        at = depth_of(text, row.name)
    except RasterError as error:
        raise RasterError(
            f"'{text}' is no depth. Give a layer of soil as --depth 0-30 (top and deeper bottom,"
            " cm), or a point as --depth 15."
        ) from error
    if row.name.startswith(_STOCKS) and at.is_point:
        raise RasterError(
            f"A stock is of a layer of soil, not of the depth {at} cm alone. Give top and bottom,"
            f" cm: --depth {_USUAL_DEPTH}."
        )
    return at


def _require_convertible(path: Path, row: Variable, unit: str) -> None:
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


def _require_legend(row: Variable, name: str | None) -> None:
    if not name:
        return
    from hotspots.layers.legends import legend, legend_names

    told = legend(name)
    wanted = "climate_zone" if row.name.startswith("climate_zone") else row.name
    if told.variable != wanted and not row.name.startswith(f"{told.variable}_"):
        fits = [n for n in legend_names() if legend(n).variable == wanted]
        raise RasterError(
            f"The legend '{name}' is of '{told.variable}', not of '{row.name}'."
            f" {'Legends of it: ' + ', '.join(fits) if fits else 'There is none of it'}."
        )


def _numbers(given: float | Sequence[float] | None) -> tuple[float, ...]:
    if given is None:
        return ()
    return tuple(map(float, given)) if isinstance(given, Sequence) else (float(given),)


def _require_storable(path: Path, file: Found, missing: Sequence[float]) -> None:
    """Raise `RasterError` where the file's type can't hold a number: it would match nothing."""
    import numpy as np

    kind = np.dtype(file.dtype)
    if kind.kind not in "iu":
        return
    limits = np.iinfo(kind)
    for number in missing:
        if not limits.min <= number <= limits.max or number != int(number):
            raise RasterError(
                f"'{path}' stores {kind} ({limits.min} to {limits.max}), which can't be"
                f" {number:g}. Give the stored number: --nodata {limits.max}."
            )


def _year(path: Path, given: Any) -> int:
    text = str(given).strip()
    if not (text.isdecimal() and 1 <= int(text) <= 9999):
        raise RasterError(
            f"'{path}' is said to be of the year '{text}', which is none. Give one of up to four"
            " digits (--year 2015), or none."
        )
    return int(text)


def _notes(
    file: Found,
    row: Variable,
    at: Depth | None,
    missing: Sequence[float],
    *,
    unit: str | None,
    crs: str | None,
    depth: str | None,
) -> tuple[str, ...]:
    notes = list(file.notes)
    if unit is None and file.unit and not row.classes:
        notes.append(f"The unit '{file.unit}' is the file's own.")
    if crs and file.crs and not _same_crs(crs, file.crs):
        notes.append(f"The CRS {crs} was declared where the file says {file.crs}.")
    if depth is None and at is not None:
        notes.append(f"The depth {at} cm is the file's own.")
    if missing and file.nodata is not None and file.nodata not in missing:
        notes.append(f"The file's own nodata {file.nodata:g} counts as a value.")
    if row.name.startswith(_STOCKS) and at is not None and str(at) != _USUAL_DEPTH:
        notes.append(f"The stock is of {at} cm; it isn't mixed with stocks of 0-30 cm.")
    return tuple(notes)


def _same_crs(one: str, other: str) -> bool:
    return bool(_crs(one).equals(_crs(other), ignore_axis_order=True))


def _shown_crs(text: str) -> str:
    """Return "EPSG:n" where the CRS has a code, else its name."""
    crs = _crs(text)
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.name)


def _crs(text: str) -> pyproj.CRS:
    import pyproj

    try:
        return pyproj.CRS.from_user_input(text)
    except pyproj.exceptions.CRSError as error:
        raise RasterError(
            f"'{text}' is no coordinate reference system. Give one as EPSG:4326 or ESRI:54052."
        ) from error
