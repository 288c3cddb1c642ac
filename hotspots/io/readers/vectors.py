"""Opening vector files, each by the driver of its format only.

pyogrio can't restrict GDAL's drivers: GDAL tries all of them, so that a virtual layer (OGR VRT), a
GDAL pipeline or the description of a web service would be opened whatever the file's suffix.
Therefore the first bytes are compared with the format of the suffix before GDAL opens the file, and
JSON, which many drivers accept, is opened as ``GeoJSON:PATH``, which only one driver accepts.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotspots.errors import BadInputError
from hotspots.io.limits import require_within
from hotspots.io.readers.amounts import (
    require_amounts,
    require_modest_geopackage,
    require_modest_parquet,
)
from hotspots.io.readers.paths import CLOSED, first_bytes, plain_path, require_beside

if TYPE_CHECKING:
    import pandas as pd

PARQUET = (".parquet", ".geoparquet")
# No sidecar XML, no styles from the network, no extensions loaded into SQLite.
_OPTIONS = CLOSED | {
    "GDAL_PAM_ENABLED": "NO",
    "LIBKML_RESOLVE_STYLE": "NO",
    "OGR_SQLITE_LOAD_EXTENSIONS": None,
}
_BOM = b"\xef\xbb\xbf"
# Permitted first bytes of a file, after leading white space in text formats.
_MAGIC: dict[str, tuple[bytes, ...]] = {
    ".geojson": (b"{",),
    ".json": (b"{",),
    ".gpkg": (b"SQLite format 3\x00",),
    ".kml": (b"<?xml", b"<kml", b"<!--"),
    ".shp": (b"\x00\x00\x27\x0a",),
    ".fgb": (b"fgb\x03fgb",),
    ".parquet": (b"PAR1",),
    ".geoparquet": (b"PAR1",),
}
_TEXT = (".geojson", ".json", ".kml")
_JSON = (".geojson", ".json")
TOPOJSON = ".topojson"
_TOPOLOGY = re.compile(rb'"type"\s*:\s*"Topology"')
_OVERLAP = 100  # bytes, more than what `_TOPOLOGY` matches
_BESIDE = {".shp": (".dbf", ".shx", ".prj", ".cpg", ".sbn", ".sbx", ".qix", ".idm", ".ind")}
# The only virtual tables of a GeoPackage; other kinds can read other files.
_VIRTUAL = ("rtree",)


def vector_layers(path: str | Path) -> list[tuple[str, str | None]]:
    """Return the name and geometry type (None without geometry) of each layer of a file."""
    import pyogrio

    name = _checked(path)
    with _pinned(), _no_topology(Path(path)):
        return [(str(layer), kind) for layer, kind in pyogrio.list_layers(name)]


def read_vector(path: str | Path, layer: str | None = None, **options: Any) -> pd.DataFrame:
    """Return a layer of a vector file as a GeoDataFrame; a table without geometry as DataFrame.

    Parameters
    ----------
    path : path
        A file with a suffix of `_MAGIC`.
    layer : str, optional
        The first by default; GeoParquet has only one.
    **options
        Options of `pyogrio.read_dataframe`.

    Raises
    ------
    BadInputError
        The file is missing; it or a sidecar file isn't a regular file, or has another format than
        its suffix; it exceeds the limits; a GeoPackage refers to other files.
    pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, OSError, ValueError
        The file is damaged, or has no such layer.
    """
    import geopandas
    import pyogrio

    name = _checked(path)
    suffix = Path(name).suffix.lower()
    if suffix in PARQUET:
        require_modest_parquet(Path(name))
        table: pd.DataFrame = geopandas.read_parquet(Path(name))
        return table
    if suffix == ".gpkg":
        require_modest_geopackage(Path(name), layer)
    with _pinned(), _no_topology(Path(path)):
        if suffix not in _TEXT:  # which GDAL reads whole to count its features
            info = pyogrio.read_info(name, layer=layer)
            require_amounts(Path(name).name, info["features"], len(info["fields"]))
        frame: pd.DataFrame = pyogrio.read_dataframe(name, layer=layer, **options)
    # For text formats, which weren't counted before.
    require_amounts(Path(name).name, *frame.shape)
    return frame


def _checked(path: str | Path) -> str:
    """Return the name to pass to GDAL for a file whose content matches its suffix, or raise."""
    file = plain_path(path)
    suffix = file.suffix.lower()
    if suffix == TOPOJSON:
        raise topology_error(f"'{file.name}'")
    if suffix not in _MAGIC:
        raise BadInputError(
            f"'{file.name}' has no supported vector format ({', '.join(_MAGIC)}). Convert it"
            " to GeoPackage or GeoJSON."
        )
    require_within(
        f"'{file.name}' has", file.stat().st_size, "file_bytes", "keep only what is needed"
    )
    _require_format(file, suffix)
    require_beside(file, tuple(f"{file.stem}{end}" for end in _BESIDE.get(suffix, ())))
    if suffix == ".gpkg":
        # SQLite reads its log and its index beside a database.
        require_beside(file, tuple(f"{file.name}{end}" for end in ("-wal", "-shm", "-journal")))
        _require_closed(file)
        _require_self_contained(file)
    if suffix in _JSON:
        return f"GeoJSON:{file}"
    if "!" in str(file):  # pyogrio would interpret the part after it as another path
        raise BadInputError(f"'{file}' has an exclamation mark in its path. Rename that part.")
    return str(file)


def topology_error(called: str) -> BadInputError:
    """Return the error of TopoJSON, which isn't read.

    A short file may repeat its arcs so often that no memory holds the outlines.
    """
    return BadInputError(
        f"{called} is TopoJSON, whose outlines are made of shared arcs; it isn't read. Convert it"
        " to GeoPackage: ogr2ogr -a_srs EPSG:4326 OUT.gpkg IN, with the name of one object at the"
        " end if it holds several."
    )


@contextmanager
def _no_topology(file: Path) -> Iterator[None]:
    """Explain the failure to read JSON if it is TopoJSON."""
    import pyogrio

    try:
        yield
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        if file.suffix.lower() in _JSON and _is_topology(file):
            raise topology_error(f"'{file.name}'") from error
        raise


def _is_topology(file: Path) -> bool:
    end = b""
    with file.open("rb") as opened:
        while chunk := opened.read(1 << 20):
            if _TOPOLOGY.search(end + chunk):
                return True
            end = chunk[-_OVERLAP:]
    return False


def _require_format(file: Path, suffix: str) -> None:
    begins = first_bytes(file, 1024)
    if suffix in _TEXT:
        begins = begins.removeprefix(_BOM).lstrip()
    if not begins.startswith(_MAGIC[suffix]):
        raise BadInputError(
            f"'{file.name}' can't be read as {suffix}: it doesn't begin like such a file. Give it"
            " the ending of its format, or save it again."
        )
    # The root element may follow comments; other kinds of XML would reach other drivers of GDAL.
    if suffix == ".kml" and b"<kml" not in first_bytes(file, 65_536):
        raise BadInputError(
            f"'{file.name}' can't be read as .kml: it is XML of another kind. Save it again as KML"
            " or GeoPackage."
        )


def _require_closed(file: Path) -> None:
    """Raise `BadInputError` if changes of a GeoPackage are still in a log beside it.

    The checks here read the file alone, while GDAL would read the log as well.
    """
    for end in ("-wal", "-journal"):
        log = file.with_name(f"{file.name}{end}")
        if log.is_file() and log.stat().st_size:
            raise BadInputError(
                f"'{file.name}' has changes that are still in '{log.name}' beside it. Close the"
                " program that has it open, or export the layer to a new GeoPackage."
            )


def _require_self_contained(file: Path) -> None:
    """Raise `BadInputError` if a GeoPackage has parts that access other files when they are read.

    A view can call GDAL functions that download or read files, and a virtual table can refer to
    another file. Triggers don't run when a file is read.
    """
    try:
        uri = f"{file.as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as base:
            rows = base.execute("SELECT name, lower(sql) FROM sqlite_master WHERE sql <> ''")
            for name, sql in rows:
                _require_harmless(file, str(name), str(sql))
    except sqlite3.Error:
        return  # damaged: GDAL raises


def _require_harmless(file: Path, name: str, sql: str) -> None:
    words = sql.split()
    virtual = words[:3] == ["create", "virtual", "table"]
    kind = sql.partition(" using ")[2].strip() if virtual else ""
    outside = any(f"{prefix}_" in sql for prefix in ("ogr", "gdal")) and "view" in words[:3]
    if outside or "load_extension" in sql or (virtual and not kind.startswith(_VIRTUAL)):
        raise BadInputError(
            f"'{file.name}' holds '{name[:60]}', which reads outside the file. Export the layer you"
            " mean to a new GeoPackage."
        )


@contextmanager
def _pinned() -> Iterator[None]:
    """Set GDAL's options for vectors to `_OPTIONS`, and restore the former ones."""
    import pyogrio

    # These options hold for the whole process, and pyogrio has no context manager for them.
    before = {key: pyogrio.get_gdal_config_option(key) for key in _OPTIONS}
    pyogrio.set_gdal_config_options(_OPTIONS)
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)
