"""Reading a user's layer: a file or an address, declared properties, and missing properties.

A raster without unit, CRS or depth is refused, and the message names the options to add: a stock in
kg m-2 looks like one in t ha-1 of another country. The user's declarations take precedence over the
file's own metadata.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotspots.errors import RasterError, near_matches
from hotspots.ingest.regrid.source_raster import Origin, SourceRaster
from hotspots.ingest.user_files.formats import user_raster
from hotspots.ingest.user_files.source import UserRaster
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
    """A user's layer, ready for `hotspots.ingest.regrid.resample.on_grid`.

    Attributes
    ----------
    variable : str
        Canonical name.
    raw : SourceRaster
        Its file, and how to decode its numbers.
    attrs : dict
        Attributes of the layer: ``depth_cm``, ``year``, ``guidelines``, ``source``, ``citation``,
        ``licence``, as far as known.
    legend : str
        Legend of its classes, "" if they are canonical.
    given : dict
        Declared properties and those read from the file, for the quality report.
    notes : tuple of str
        Sentences on the properties read from the file itself.
    """

    variable: str
    raw: SourceRaster
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
    """Return a user's layer with its declared properties; raise if required ones are missing.

    Parameters
    ----------
    path_or_url : str or path
        GeoTIFF, NetCDF, Zarr; a table (CSV) of points on a regular grid; polygons (GeoJSON,
        GeoPackage, GeoParquet, Shapefile); or an ``https://`` address of one.
    variable : str
        Canonical variable of the layer.
    unit : str, optional
        Unit of ``stored * scale + offset``; the file's own by default. None for classes.
    depth : str, optional
        "0-30" (a layer of soil, cm) or "15" (a point); required for stocks and soil properties.
    year : int, optional
        Year of the values; selects the time step of a NetCDF file whose time axis has years.
    nodata : float or several, optional
        Stored numbers that mean missing; they replace the file's own.
    scale, offset : float, optional
        The file's own by default.
    band : int, optional
        Counted from 1; required if a file has several (except 12 months of a monthly layer).
    crs : str, optional
        CRS, such as "EPSG:4326"; the file's own by default.
    subdataset : str, optional
        Variable of a NetCDF file or Zarr store.
    column : str, optional
        Column of a table, or attribute of polygons, with the values.
    cell : float, optional
        Side of the cells that polygons are burnt into, in units of their CRS.
    legend : str, optional
        Legend of the classes, one of `hotspots.layers.legends.legend_names`.
    guidelines : str, optional
        Guidelines of climate zones: "2006" or "2019".
    source, citation, licence, url : str
        Origin of the data; kept in the layer's attributes.
    cache : path, optional
        Folder for downloaded files, and for rasters made from tables and polygons; by default one
        that is removed when the program ends.

    Returns
    -------
    Own

    Raises
    ------
    RasterError
        A missing unit, CRS, depth or guidelines; a unit that can't be converted to the canonical
        one, a scale of 0, a band or column that doesn't exist, an invalid year.
    FetchError
        No file could be downloaded from the address.
    """
    row = _row(variable)
    _require_scale(scale, offset)
    path, origin = _local(path_or_url, cache)
    file = user_raster(
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
    properties = {
        "unit": unit if unit is not None else file.unit,
        "crs": crs or file.crs,
        "depth": str(depth or file.attrs.get("depth_cm", "")),
        "guidelines": str(guidelines or file.attrs.get("guidelines", "")),
    }
    _require_complete(path, row, properties)
    at = _depth(row, properties["depth"])
    _require_convertible(path, row, properties["unit"])
    _require_legend(row, legend)
    missing = _numbers(nodata)
    _require_storable(path, file, missing)
    raw = SourceRaster(
        file.path,
        bands=file.bands,
        scale=1.0 if scale is None else scale,
        offset=offset or 0.0,
        nodata=missing,
        crs=crs or file.crs_needed,
        unit="" if row.classes else properties["unit"],
        origin=origin,
        use_file_nodata=not missing,
        use_file_scale=scale is None and offset is None and not row.classes,
    )
    attrs = _attrs(
        path,
        row,
        file,
        at,
        properties["guidelines"],
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
        "unit": properties["unit"],
        "crs": _shown_crs(properties["crs"]),
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
    file: UserRaster,
    at: Depth | None,
    guidelines: str,
    given: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the layer's attributes: the given ones, else those of the file."""
    keys = ("source", "citation", "licence", "url", "doi", "year")
    attrs = {key: file.attrs[key] for key in keys if file.attrs.get(key)}
    attrs |= {key: value for key, value in given.items() if value not in (None, "")}
    attrs.setdefault("source", path.name)
    if "year" in attrs:
        attrs["year"] = _year(path, attrs["year"])
    if at is not None:
        attrs["depth_cm"] = str(at)
    return attrs | ({"guidelines": guidelines} if _zones(row) else {})


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
        raise RasterError(f"'{text}' isn't an address that can be downloaded. Give http or https.")
    path = Path(given)
    if not path.exists():
        raise RasterError(f"There is no file '{path}'. Give a raster, a table or polygons.")
    return path, Origin(text, "", sha256=file_hash(path) if path.is_file() else _of_all(path))


def _of_all(folder: Path) -> str:
    """Return the SHA-256 of a folder, from the names and hashes of all of its files."""
    import hashlib

    files = sorted(p for p in folder.rglob("*") if p.is_file())
    lines = [f"{p.relative_to(folder).as_posix()} {file_hash(p)}\n" for p in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def needs_depth(name: str) -> bool:
    """Return whether a layer of this variable requires a depth: stocks and soil properties."""
    if name.endswith("_valid_share"):
        return False
    base = name.removesuffix("_lower").removesuffix("_upper")
    return name.startswith(_STOCKS) or has_depths(base) or base in _DEPTH_TOO


def _zones(row: Variable) -> bool:
    return row.name == "climate_zone"


def _require_complete(path: Path, row: Variable, properties: dict[str, str]) -> None:
    """Raise a `RasterError` that names all missing properties, with an option for each."""
    lacking = []
    if not row.classes and not properties["unit"]:
        lacking.append(("unit", f'--unit "{row.unit}"'))
    if not properties["crs"]:
        lacking.append(("coordinate reference system (CRS)", "--crs EPSG:4326"))
    if needs_depth(row.name) and not properties["depth"]:
        point = "" if row.name.startswith(_STOCKS) else " (or --depth 15 of values at 15 cm)"
        lacking.append(("depth", f"--depth {_USUAL_DEPTH}{point}"))
    if _zones(row) and properties["guidelines"] not in GUIDELINES:
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
            f"'{text}' isn't a depth. Give a layer of soil as --depth 0-30 (top and deeper bottom,"
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

    legend_given = legend(name)
    base = "climate_zone" if row.name.startswith("climate_zone") else row.name
    if legend_given.variable != base and not row.name.startswith(f"{legend_given.variable}_"):
        fits = [n for n in legend_names() if legend(n).variable == base]
        raise RasterError(
            f"The legend '{name}' is of '{legend_given.variable}', not of '{row.name}'."
            f" {'Legends of it: ' + ', '.join(fits) if fits else 'There is none of it'}."
        )


def _numbers(given: float | Sequence[float] | None) -> tuple[float, ...]:
    if given is None:
        return ()
    return tuple(map(float, given)) if isinstance(given, Sequence) else (float(given),)


def _require_storable(path: Path, file: UserRaster, missing: Sequence[float]) -> None:
    """Raise `RasterError` if the file's data type can't hold a nodata number."""
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
            f"'{path}' is declared as of the year '{text}', which isn't a year. Give up to four"
            " digits (--year 2015), or leave it out."
        )
    return int(text)


def _notes(
    file: UserRaster,
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
            f"'{text}' isn't a coordinate reference system. Give one as EPSG:4326 or ESRI:54052."
        ) from error
