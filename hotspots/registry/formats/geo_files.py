"""GeoJSON and GeoPackage files of records: the geometry is the footprint, else the point.

A point defines latitude and longitude, a polygon the footprint; each is stored only once, so that
editing the geometry in a GIS moves the record. The point of a record with a footprint is stored in
the properties. A feature without geometry changes neither.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from hotspots.errors import BadInputError, RegistryError, deepest_reason, near_matches
from hotspots.io.limits import require_within
from hotspots.io.readers.texts import paced, parse_json, read_text
from hotspots.io.readers.vectors import read_vector, vector_layers
from hotspots.locale.messages import Message
from hotspots.registry.formats.table import Table, columns_of, notes, written
from hotspots.registry.schema.coordinates import read_axis
from hotspots.registry.schema.fields import SEPARATOR, fields
from hotspots.registry.schema.footprints import canonical
from hotspots.registry.schema.problems import Problem
from hotspots.registry.schema.records import Record, Row, Value, point_of, text_of
from hotspots.registry.schema.values import write

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from shapely.geometry.base import BaseGeometry

LAYER = "records"
POINT = ("latitude", "longitude")
FOOTPRINT = "footprint"
_ROW_IDS = frozenset({"fid", "ogc_fid"})  # added by GIS programs
_MOST_MESSAGE = 100  # characters of GDAL's message
_SAME = 1e-6  # degrees; tolerance between geometry and properties of a point
_WGS84 = ("CRS84", "CRS84H", ":4326", "EPSG4326")
_EXACT = 16  # decimals of a coordinate


class _Feature(TypedDict):
    """A feature as parsed; its geometry is checked when it is read."""

    properties: dict[str, object] | None
    geometry: object


def read_geojson(path: Path) -> Table:
    """Read a GeoJSON FeatureCollection (RFC 7946); a feature's row is its number plus 1.

    Raises
    ------
    RegistryError
        Invalid GeoJSON, another CRS, or a property that is not a field.
    OSError
        It can't be read.
    """
    features = _features(path)
    called = list(dict.fromkeys(key for feature in features for key in feature["properties"] or ()))
    kept = [key for key in called if key.casefold() not in _ROW_IDS]
    # All at once, since shapely parses an array faster than one geometry at a time.
    shapes = _shapes([feature.get("geometry") for feature in features])
    rows = (
        _row(number, feature["properties"] or {}, kept, shape)
        for number, (feature, shape) in enumerate(zip(features, shapes, strict=True), start=2)
    )
    return _geo_table(path.name, kept, rows)


def read_gpkg(path: Path, layer: str | None = None) -> Table:
    """Read a GeoPackage layer (named, "records", or the only one), reprojected to EPSG:4326.

    Raises
    ------
    RegistryError
        Invalid GeoPackage, unknown layer, no CRS, or a column that is not a field.
    """
    frame = _frame(path, layer)
    kept = [name for name in frame.columns if name not in ("geometry", *_ROW_IDS)]
    columns = [_plain(frame[name]) for name in kept]
    shapes = list(frame.geometry) if "geometry" in frame.columns else [None] * len(frame)
    rows = (
        _row(number, dict(zip(kept, values, strict=True)), kept, shape)
        for number, (shape, *values) in enumerate(zip(shapes, *columns, strict=True), start=2)
    )
    return _geo_table(path.name, kept, rows)


def write_geojson(
    path: Path,
    columns: Sequence[str],
    headings: Sequence[str],
    records: Iterable[Record],
) -> None:
    """Write records as a FeatureCollection; lists are arrays, empty values null.

    Parameters
    ----------
    path : Path
        The file; one that exists is replaced.
    columns : sequence of str
        Field names. The geometry is written if they include the footprint, or both coordinates.
    headings : sequence of str
        Names of the properties, in the order of `columns`.
    records : iterable of mapping
        Field -> value; None or an absent field is missing, NaN is not allowed. Coordinates are
        degrees, EPSG:4326; the footprint is WKT with longitude before latitude.
    """
    import shapely

    with path.open("w", encoding="utf-8", newline="\n") as opened:
        opened.write('{"type": "FeatureCollection", "features": [')
        for at, record in enumerate(records):
            placed = _placed(record, columns)
            properties = {
                heading: None if name in placed.fields else record.get(name)
                for name, heading in zip(columns, headings, strict=True)
                if name != FOOTPRINT
            }
            geometry = placed.shape and json.loads(shapely.to_geojson(placed.shape))
            feature = {"type": "Feature", "geometry": geometry, "properties": properties}
            opened.write(",\n" if at else "\n")
            opened.write(json.dumps(feature, ensure_ascii=False, allow_nan=False))
        opened.write("\n]}\n")


def write_gpkg(
    path: Path,
    columns: Sequence[str],
    headings: Sequence[str],
    records: Iterable[Record],
) -> None:
    """Write records as the layer "records" of a new GeoPackage, EPSG:4326.

    Parameters
    ----------
    path : Path
        The file to create.
    columns : sequence of str
        Field names. The geometry is written if they include the footprint, or both coordinates.
    headings : sequence of str
        Names of the attributes, in the order of `columns`.
    records : iterable of mapping
        Field -> value; None or an absent field is missing and becomes null. Coordinates are
        degrees, EPSG:4326; the footprint is WKT with longitude before latitude.

    Raises
    ------
    OSError
        The file can't be written, for example because the disk is full.
    """
    import geopandas as gpd
    import pandas as pd
    from pyogrio.errors import DataLayerError, DataSourceError, FeatureError

    names = [name for name in columns if name != FOOTPRINT]
    shapes: list[BaseGeometry | None] = []
    rows: list[list[Value]] = []
    for record in records:
        placed = _placed(record, columns)
        shapes.append(placed.shape)
        rows.append([None if name in placed.fields else record.get(name) for name in names])
    data = {}
    for at, name in enumerate(names):
        values = [row[at] for row in rows]
        kind = fields()[name].kind
        # Int64 of pandas has missing values; int64 would become float.
        types = {"number": "float64", "whole": "Int64"}
        if kind not in types:
            values = [write(value) or None for value in values]
        heading = headings[columns.index(name)]
        data[heading] = pd.Series(values, dtype=types.get(kind, "object"))
    frame = gpd.GeoDataFrame(data, geometry=gpd.GeoSeries(shapes, crs="EPSG:4326"))
    try:
        frame.to_file(
            path,
            layer=LAYER,
            driver="GPKG",
            engine="pyogrio",
            # Points and polygons are in one layer.
            geometry_type="Unknown",
            promote_to_multi=False,
            index=False,
        )
    except (
        DataLayerError,
        DataSourceError,
        FeatureError,
    ) as fault:  # raised by GDAL on a full disk
        # GDAL's message has the failed statement, which may be long, before the reason.
        message = str(fault).splitlines()[0].rpartition("failed: ")[2]
        raise OSError(message[:_MOST_MESSAGE]) from fault


class _Placed(NamedTuple):
    """A record's geometry, and the fields that it represents."""

    shape: BaseGeometry | None
    fields: tuple[str, ...] = ()


def _placed(record: Record, columns: Sequence[str]) -> _Placed:
    import shapely

    if FOOTPRINT in columns and (area := text_of(record, FOOTPRINT)):
        return _Placed(shapely.from_wkt(area), (FOOTPRINT,))
    if all(name in columns for name in POINT) and (point := point_of(record)):
        return _Placed(shapely.Point(point[1], point[0]), POINT)
    return _Placed(None)


def _features(path: Path) -> list[_Feature]:
    try:
        data = parse_json(read_text(path, "records_bytes"))
    except UnicodeDecodeError as fault:
        raise RegistryError(
            f"'{path.name}' is not in UTF-8 (byte {fault.start}), as GeoJSON must be. Save it"
            " in UTF-8."
        ) from fault
    except ValueError as fault:
        raise RegistryError(
            f"'{path.name}' can't be read as GeoJSON ({fault}). Check that it is whole."
        ) from fault
    features = data.get("features") if isinstance(data, dict) else None
    if not isinstance(features, list) or data.get("type") != "FeatureCollection":
        raise RegistryError(
            f"'{path.name}' is not a FeatureCollection. Put the records in one, a Feature each."
        )
    require_within(f"'{path.name}' has", len(features), "rows", "split it")
    for number, feature in enumerate(features, start=1):
        properties = feature.get("properties", 0) if isinstance(feature, dict) else 0
        if not isinstance(properties, dict | None):
            raise RegistryError(
                f"Feature {number} of '{path.name}' has no properties. Give it an object of them."
            )
    _check_crs(data.get("crs"), path.name)
    return features


def _check_crs(member: object, name: str) -> None:
    crs = member
    for key in ("properties", "name"):
        crs = crs.get(key) if isinstance(crs, dict) else crs
    if crs and not str(crs).upper().endswith(_WGS84):
        raise RegistryError(
            f"'{name}' names the CRS '{str(crs)[:60]}', yet GeoJSON is in WGS 84 longitude and"
            " latitude. Save it so, or as a GeoPackage."
        )


def _shapes(geometries: Sequence[object]) -> list[BaseGeometry | str | None]:
    """Return each geometry, None, or the error message for it."""
    import shapely

    texts = [json.dumps(g) if g is not None else None for g in geometries]
    # "ignore": an invalid geometry becomes None, instead of an error for the whole file.
    shapes = shapely.from_geojson(texts, on_invalid="ignore")
    return [
        Message("file.geometry_broken") if shape is None and text is not None else shape
        for shape, text in zip(shapes, texts, strict=True)
    ]


def _frame(path: Path, layer: str | None) -> gpd.GeoDataFrame:
    import geopandas as gpd
    import pyogrio
    import shapely
    from pyproj.exceptions import CRSError, ProjError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # GDAL warnings about the file
            layers = [name for name, _ in vector_layers(path)]
            frame = read_vector(path, _layer(layers, layer, path.name))
        if not isinstance(frame, gpd.GeoDataFrame):
            return frame
        if frame.crs is None:
            raise RegistryError(f"'{path.name}' names no CRS. Save it with one, such as EPSG:4326.")
        # GeoPackages have longitude first, whatever the axis order of the CRS.
        if frame.crs.equals("EPSG:4326", ignore_axis_order=True):
            return frame
        return frame.to_crs("EPSG:4326")
    except (
        pyogrio.errors.DataSourceError,
        pyogrio.errors.DataLayerError,
        shapely.errors.ShapelyError,
    ) as fault:
        raise RegistryError(
            f"'{path.name}' can't be read as a GeoPackage ({deepest_reason(fault, 80)}). Save it"
            " again."
        ) from fault
    except (CRSError, ProjError) as fault:
        raise RegistryError(
            f"The CRS of '{path.name}' can't be placed on the globe. Save it in EPSG:4326."
        ) from fault


def _layer(layers: Sequence[str], called: str | None, name: str) -> str:
    if called in layers:
        return str(called)
    if called is None and LAYER in layers:
        return LAYER
    if called is None and len(layers) == 1:
        return layers[0]
    listed = ", ".join(layers) or "none"
    if called is None:
        raise RegistryError(f"'{name}' has {len(layers)} layers ({listed}). Name one with --sheet.")
    near = near_matches(called, layers) or ";"
    raise RegistryError(f"'{name}' has no layer '{called}'{near} it has {listed}.")


def _plain(column: pd.Series) -> list[object]:
    """Return a column's values with None for missing ones."""
    return [
        None if missing else value for value, missing in zip(column, column.isna(), strict=True)
    ]


class _FeatureRow(NamedTuple):
    """A feature: row number, cells by property, geometry, and an error message or ""."""

    number: int
    cells: dict[str, str]
    shape: BaseGeometry | None
    fault: str


def _row(
    number: int,
    properties: Mapping[str, object],
    order: Sequence[str],
    shape: BaseGeometry | str | None,
) -> _FeatureRow:
    """Return the row of a feature; a text in the place of its geometry is the error of it."""
    cells: dict[str, str] = {}
    for key in order:
        if key not in properties:
            continue
        text = _text(properties[key])
        if text is None:
            fault = Message("file.object", column=key[:40])
            return _FeatureRow(number, {}, None, fault)
        cells[key] = text
    if isinstance(shape, str):
        return _FeatureRow(number, cells, None, shape)
    return _FeatureRow(number, cells, shape, "")


def _text(value: object) -> str | None:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    # bool before int, of which it is a subclass.
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return write(value)
    if isinstance(value, list):
        parts = [_text(part) for part in value if not isinstance(part, list)]
        whole = len(parts) == len(value) and None not in parts
        return SEPARATOR.join(filter(None, parts)) if whole else None
    if hasattr(value, "isoformat"):
        moment = str(value.isoformat())
        return moment.removesuffix("T00:00:00").replace("+00:00", "Z")
    return write(value.item()) if hasattr(value, "item") else None


def _geo_table(name: str, called: Sequence[str], rows: Iterable[_FeatureRow]) -> Table:
    """Return the table of features, with fields from properties and geometries."""
    columns = dict(zip(called, columns_of(called, name) if called else (), strict=True))
    kept: list[Row] = []
    problems: list[Problem] = []
    for number, properties, shape, fault in paced(rows, name):
        cells = {columns[key]: text for key, text in properties.items() if columns[key]}
        fault = fault or _place(cells, shape)
        if fault:
            problems.append(Problem(number, "", "", fault))
        elif any(text.strip() for text in cells.values()):
            kept.append(Row(number, cells))
            problems += notes(number, cells)
    given = dict.fromkeys(c for c in columns.values() if c)
    given |= dict.fromkeys(c for c in (*POINT, FOOTPRINT) if any(c in cells for _, cells in kept))
    headings = written(tuple(columns.values()), tuple(columns))
    return Table(name, tuple(given), tuple(kept), tuple(problems), headings)


def _place(cells: dict[str, str], shape: BaseGeometry | None) -> str:
    """Add the fields of a geometry to the cells; return an error message, or ""."""
    import shapely

    if shape is None or shape.is_empty:
        return ""
    if isinstance(shape, shapely.MultiPoint) and len(shape.geoms) == 1:
        shape = shape.geoms[0]  # some programs save points this way
    if isinstance(shape, shapely.Point):
        position = {"latitude": write(float(shape.y)), "longitude": write(float(shape.x))}
        if not all(_close(name, cells.get(name, ""), text) for name, text in position.items()):
            given = ", ".join(cells.get(name, "") for name in POINT)
            return Message("file.point_differs", point=", ".join(position.values()), given=given)
        cells.update(position)
        return ""
    if shape.geom_type not in ("Polygon", "MultiPolygon"):
        return Message("file.geometry", kind=shape.geom_type)
    # Heights are dropped: a footprint is an area on the ground.
    footprint = str(shapely.to_wkt(shapely.force_2d(shape), rounding_precision=_EXACT, trim=True))
    if cells.get(FOOTPRINT, "").strip() and not _same_area(cells[FOOTPRINT], footprint):
        return Message("file.footprint_differs")
    cells[FOOTPRINT] = footprint
    return ""


def _close(name: str, cell: str, text: str) -> bool:
    """Return whether a property of the point agrees with the geometry or is empty."""
    try:
        return not cell.strip() or abs(read_axis(name, cell) - float(text)) <= _SAME
    except ValueError:
        return False


def _same_area(one: str, other: str) -> bool:
    try:
        return canonical(one) == canonical(other)
    except BadInputError:
        return False
