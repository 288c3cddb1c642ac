"""Reading a user's layer: a file or an address, declared properties, and missing properties.

A raster without unit, CRS or depth is refused, and the message names the options to add: a stock in
kg m-2 looks like one in t ha-1 of another country. The user's declarations take precedence over the
file's own metadata.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hotspots.errors import RasterError, near_matches
from hotspots.ingest.regrid.source_raster import Origin, SourceRaster
from hotspots.ingest.user_files.declared import Attribution, Declared, Properties, numbers
from hotspots.ingest.user_files.formats import own_folder, user_raster
from hotspots.ingest.user_files.requirements import (
    STOCKS,
    USUAL_DEPTH,
    declared_depth,
    declared_errors,
    declared_year,
    has_guidelines,
    require_complete,
    require_convertible,
    require_errors_only,
    require_legend,
    require_scale,
    require_storable,
)
from hotspots.ingest.user_files.source import Selection, UserRaster
from hotspots.io.atomic import file_hash
from hotspots.layers.crs import crs_label, horizontal, same_crs
from hotspots.layers.variables import Variable, variable
from hotspots.store.profiles import Depth

if TYPE_CHECKING:
    import pyproj

_FROM_FILE = ("source", "citation", "licence", "url", "doi", "year")


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
        Attributes of the layer: ``depth_cm``, ``year``, ``guidelines``, ``level``, ``support``,
        ``source``, ``citation``, ``licence``, as far as known.
    legend : str
        Legend of its classes, "" if they are canonical.
    given : dict
        Declared properties and those read from the file, for the quality report.
    notes : tuple of str
        Sentences on the properties read from the file itself.
    """

    variable: str
    raw: SourceRaster
    attrs: dict[str, str | float]
    legend: str
    given: dict[str, object]
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
    level: float | str | None = None,
    support: str | None = None,
    source: str = "",
    citation: str = "",
    licence: str = "",
    url: str = "",
    cache: str | Path | None = None,
    accept: bool = False,
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
        Side of the cells that polygons are burnt into, in units of their CRS; or the distance of
        the points of a table, where they don't show it.
    legend : str, optional
        Legend of the classes, one of `hotspots.layers.legends.legend_names`.
    guidelines : str, optional
        Guidelines of climate zones: "2006" or "2019".
    level : float or str, optional
        Level of the interval that a lower or upper bound is of: 0.95.
    support : str, optional
        Whether an error is of a "point" or of the mean of a "cell".
    source, citation, licence, url : str
        Origin of the data; kept in the layer's attributes.
    cache : path, optional
        Folder for downloaded files, and for rasters made from tables and polygons; by default one
        that is removed when the program ends.
    accept : bool
        Whether a doubtful grid of points is taken.

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
    return _read(
        path_or_url,
        _row(variable),
        Declared(
            Selection(band, year, crs or "", subdataset, column, cell, accept),
            Attribution(source, citation, licence, url),
            unit=unit,
            depth=depth,
            nodata=numbers(nodata),
            scale=scale,
            offset=offset,
            legend=legend,
            guidelines=guidelines,
            level=None if level is None else str(level),
            support=support,
        ),
        cache,
    )


@dataclass(frozen=True)
class _Layer:
    """A user's file with all that is known of it.

    Attributes
    ----------
    path : Path
        The local file.
    row : Variable
        The canonical variable that it contains.
    declared : Declared
    file : UserRaster
        The raster in it, with the file's own metadata.
    properties : Properties
        Declared, else the file's own; checked.
    depth : Depth or None
        None for variables without one.
    """

    path: Path
    row: Variable
    declared: Declared
    file: UserRaster
    properties: Properties
    depth: Depth | None


def _read(
    path_or_url: str | Path, row: Variable, declared: Declared, cache: str | Path | None
) -> Own:
    require_scale(declared.scale, declared.offset)
    path, origin = _local(path_or_url, cache)
    layer = _checked(path, row, declared, user_raster(path, row, declared.selection, cache))
    attrs = _attrs(layer)
    given = {"file": str(path_or_url), **_given(layer, attrs)}
    return Own(
        row.name,
        raster_as_declared(
            layer.file,
            declared,
            "" if row.classes else layer.properties.unit,
            of_classes=row.classes is not None,
            origin=origin,
        ),
        attrs,
        declared.legend or "",
        # Compared, because an offset of 0 is a declaration too.
        {key: value for key, value in given.items() if value not in (None, "")},
        tuple(_notes(layer)),
    )


def _checked(path: Path, row: Variable, declared: Declared, file: UserRaster) -> _Layer:
    """Return the layer; raise `RasterError` if a property is missing or can't be."""
    properties = declared.properties(file)
    require_complete(path, row, properties)
    depth = declared_depth(row, properties.depth)
    require_convertible(path, row, properties.unit)
    require_legend(row, declared.legend)
    require_errors_only(row, declared.level, declared.support)
    require_storable(path, file, declared.nodata)
    return _Layer(path, row, declared, file, properties, depth)


def raster_as_declared(
    file: UserRaster,
    declared: Declared,
    unit: str,
    *,
    of_classes: bool = False,
    origin: Origin | None = None,
) -> SourceRaster:
    """Return the raster in a user's file, decoded as declared, else as the file says.

    Parameters
    ----------
    file : UserRaster
        As `hotspots.ingest.user_files.formats.user_raster` returns it.
    declared : Declared
        The user's declarations.
    unit : str
        Of the decoded values; "" for classes, or where it isn't known.
    of_classes : bool
        Whether the values are codes.
    origin : Origin, optional
        Where the file came from.
    """
    scaled = declared.scale is not None or declared.offset is not None
    return SourceRaster(
        file.path,
        bands=file.bands,
        scale=1.0 if declared.scale is None else declared.scale,
        offset=declared.offset or 0.0,
        nodata=declared.nodata,
        crs=declared.selection.crs or file.crs_needed,
        unit=unit,
        origin=origin,
        use_file_nodata=not declared.nodata,
        # One declared number replaces both of the file's; codes of classes are never scaled.
        use_file_scale=not scaled and not of_classes,
    )


def _attrs(layer: _Layer) -> dict[str, str | float]:
    """Return the layer's attributes: the declared ones, else those of the file."""
    own, year = layer.file.attrs, layer.declared.selection.year
    attrs: dict[str, str | float] = {key: own[key] for key in _FROM_FILE if own.get(key)}
    attrs |= {key: text for key, text in asdict(layer.declared.attribution).items() if text}
    if year not in (None, ""):
        attrs["year"] = year
    attrs.setdefault("source", layer.path.name)
    if "year" in attrs:
        attrs["year"] = declared_year(layer.path, str(attrs["year"]))
    if layer.depth is not None:
        attrs["depth_cm"] = str(layer.depth)
    if has_guidelines(layer.row):
        attrs["guidelines"] = layer.properties.guidelines
    return attrs | declared_errors(layer.row, layer.properties)


def _given(layer: _Layer, attrs: dict[str, str | float]) -> dict[str, object]:
    """Return the declared properties and those of the file, for the quality report."""
    declared, file = layer.declared, layer.file
    return {
        "variable": layer.row.name,
        "unit": layer.properties.unit,
        "crs": _shown_crs(layer.properties.crs),
        "depth": str(layer.depth) if layer.depth else "",
        "year": attrs.get("year"),
        "nodata": list(declared.nodata) or None,
        "scale": declared.scale,
        "offset": declared.offset,
        "band": file.bands[0] if len(file.bands) == 1 else None,
        "subdataset": file.layer,
        "column": declared.selection.column,
        "cell": declared.selection.cell,
        "legend": declared.legend,
        "guidelines": attrs.get("guidelines"),
        "level": attrs.get("level"),
        "support": attrs.get("support"),
    }


def _notes(layer: _Layer) -> Iterator[str]:
    """Yield sentences on the properties read from the file itself."""
    file, declared, depth = layer.file, layer.declared, layer.depth
    crs, missing = declared.selection.crs, declared.nodata
    yield from file.notes
    if declared.unit is None and file.unit and not layer.row.classes:
        yield f"The unit '{file.unit}' is the file's own."
    if crs and file.crs and not _same_crs(crs, file.crs):
        yield f"The CRS {crs} was declared where the file says {file.crs}."
    if declared.depth is None and depth is not None:
        yield f"The depth {depth} cm is the file's own."
    values = [number for number in file.nodata if number not in missing]
    if missing and values:
        yield f"The file's own nodata {', '.join(f'{n:g}' for n in values)} counts as a value."
    if layer.row.name.startswith(STOCKS) and depth is not None and str(depth) != USUAL_DEPTH:
        yield f"The stock is of {depth} cm; it isn't mixed with stocks of 0-30 cm."


def _row(name: str) -> Variable:
    try:
        return variable(name)
    except RasterError as error:
        from hotspots.layers.variables import VARIABLES

        raise RasterError(
            f"'{name}' is not a canonical variable{near_matches(name, VARIABLES) or '.'} Give one"
            " that 'hotspots variables' lists: --as soc_stock."
        ) from error


def _local(given: str | Path, cache: str | Path | None) -> tuple[Path, Origin]:
    text = str(given)
    if text.startswith(("http://", "https://")):
        from hotspots.ingest.access.fetch import fetch, public

        if text.rstrip("/").endswith(".zarr"):
            raise RasterError(
                f"'{public(text)}' is a Zarr store, which is many files. Copy it here first."
            )
        return fetch(text, own_folder(cache))
    if "://" in text:
        raise RasterError(f"'{text}' isn't an address that can be downloaded. Give http or https.")
    path = Path(given)
    require_there(path)
    return path, Origin(text, "", sha256=file_hash(path) if path.is_file() else _of_all(path))


def require_there(path: Path) -> None:
    """Raise `RasterError` if there is no such file or folder."""
    if not path.exists():
        raise RasterError(f"There is no file '{path}'. Give a raster, a table or polygons.")


def _of_all(folder: Path) -> str:
    """Return the SHA-256 of a folder, from the names and hashes of all of its files."""
    import hashlib

    files = sorted(p for p in folder.rglob("*") if p.is_file())
    lines = [f"{p.relative_to(folder).as_posix()} {file_hash(p)}\n" for p in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _same_crs(one: str, other: str) -> bool:
    return same_crs(_crs(one), _crs(other))


def _shown_crs(text: str) -> str:
    """Return "EPSG:n" where the CRS has a code, else its name."""
    return crs_label(horizontal(_crs(text)))


def _crs(text: str) -> pyproj.CRS:
    import pyproj

    try:
        return pyproj.CRS.from_user_input(text)
    except pyproj.exceptions.CRSError as error:
        raise RasterError(
            f"'{text}' isn't a coordinate reference system. Give one as EPSG:4326 or ESRI:54052."
        ) from error
