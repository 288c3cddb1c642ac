"""Which kind of file one is, and what is found in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hotspots.errors import BadInputError
from hotspots.ingest.user_files.formats import POLYGONS, TABLES
from hotspots.io.readers.vectors import TOPOJSON
from hotspots.registry import Registry
from hotspots.registry.adapters import adapter_of
from hotspots.registry.formats.read import SUFFIXES, read_file
from hotspots.registry.formats.table import UnknownHeadingsError
from hotspots.registry.imports.import_files import FileChoices
from hotspots.registry.schema.fields import field_called
from hotspots.reports.check.finding import Finding
from hotspots.reports.check.layers import LayerChoices, raster_findings
from hotspots.reports.check.outlines import polygon_findings
from hotspots.reports.check.points import point_findings
from hotspots.reports.check.records import record_findings

_OUTLINES = (*POLYGONS, TOPOJSON, ".kml")
# Fields that a table of points or polygons may have too.
_SHARED = {"latitude", "longitude", "area_ha", "id", "country"}


def findings(
    given: str | Path,
    layer: LayerChoices,
    records: FileChoices,
    registry: Callable[[], Registry],
    lang: str = "en",
    labels: str | None = None,
) -> list[Finding]:
    """Return what a file is understood as: each of its layers, or its records.

    Parameters
    ----------
    given : str or path
        A raster (GeoTIFF, NetCDF, Zarr, a folder of GeoTIFFs), a table of points, polygons, or a
        file of records.
    layer : LayerChoices
        What is declared of a layer; with a variable, a file that may be either is a layer.
    records : FileChoices
        How a file of records is read; with a choice, a file that may be either is one of records.
    registry : callable
        Opens the registry that records would be imported into; called only for such files.
    lang : str
        "en", "fr" or "es".
    labels : str or None
        Language of a record's fields that have no heading in the file; None for their names.
    """
    path = Path(given)
    if "://" in str(given):
        why = (
            f"'{given}' is an address. Download the file first; only add-layer downloads what it"
            " adds."
        )
        return [Finding(str(given), "raster", refusals=(why,))]
    if is_of_records(path, layer, records):
        return record_findings(path, registry(), records, lang, labels)
    suffix = path.suffix.lower()
    kind = "points" if suffix in TABLES else "polygons" if suffix in _OUTLINES else "raster"
    try:
        return _READERS[kind](path, layer, lang)
    except BadInputError as error:  # such as a limit that only the whole file exceeds
        return [Finding(str(given), kind, refusals=(str(error),))]


_READERS = {
    "points": point_findings,
    "polygons": polygon_findings,
    "raster": raster_findings,
}


def is_of_records(path: Path, layer: LayerChoices, records: FileChoices) -> bool:
    """Return whether a file is to be read as one of records, by its format, choices or headings."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        return False
    if suffix not in (*TABLES, *POLYGONS):  # workbooks
        return True
    if layer.variable or any(layer.given.get(key) for key in ("column", "cell")):
        return False
    return records != FileChoices() or (path.is_file() and _has_fields(path))


def _has_fields(path: Path) -> bool:
    """Return whether the headings of a table or of features are those of records."""
    if adapter_of(path) is not None:
        return True
    try:
        known, unknown = set(read_file(path).columns), 0
    except UnknownHeadingsError as error:
        known = {field_called(heading) or "" for heading in error.known}
        unknown = len(error.unknown)
    except BadInputError:
        return False
    # Boundary files have columns named "name" and "type" too, among many others.
    return "name" in known and len(known - _SHARED) > 1 and len(known) >= unknown
