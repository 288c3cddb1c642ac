"""Polygons: as a region or a set of regions, and as a layer of `hotspots add-layer`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import shapely
from affine import Affine
from shapely.geometry.base import BaseGeometry

from hotspots.errors import BadInputError
from hotspots.geo.regions import regions
from hotspots.geo.user_geometry import NOTE, read_areas
from hotspots.ingest.quality.swapped import swapped_remark
from hotspots.ingest.user_files.burning import overlapping
from hotspots.ingest.user_files.formats import POLYGONS
from hotspots.ingest.user_files.polygons import attributes, read_polygons, usable_areas
from hotspots.ingest.user_files.read import require_there
from hotspots.layers.array_types import FloatArray
from hotspots.layers.crs import crs_label, crs_name
from hotspots.locale import counted, number, percent, text
from hotspots.reports.check.finding import Draft, Finding, Picture
from hotspots.reports.check.layers import LayerChoices, Taken, add_layer, taken_as
from hotspots.reports.check.places import add_bounds, add_place, named

if TYPE_CHECKING:
    import geopandas as gpd

_NAMED = 5
_WIDE, _HIGH = 128, 40  # cells of the picture
_SIDE = 24  # points along each side of the bounds, by which countries are found
_KM2 = 1e6
_EQUAL_AREA = "EPSG:6933"


def polygon_findings(path: Path, choices: LayerChoices, lang: str) -> list[Finding]:
    """Return what a file of polygons is understood as; see `layers.raster_findings`."""
    draft = Draft(str(path), "polygons")
    taken = taken_as(path, choices) if choices.variable else None
    try:
        require_there(path)
        frame, notes = _features(path, choices.of().selection.crs)
        given, remarks = usable_areas(frame, np.zeros(len(frame)), path)
    except BadInputError as error:
        draft.refusals.append((taken.refusal if taken else "") or str(error))
        return [draft.finding()]
    draft.notes += notes
    _add_features(draft, frame, lang)
    in_degrees = frame.crs is not None and bool(frame.crs.is_geographic)
    _add_regions(draft, path, in_degrees, lang)
    draft.doubts += remarks
    _add_overlaps(draft, given.shapes, path.name, lang)
    if taken is not None or choices.given.get("cell"):
        _add_as_layer(draft, path, choices, taken, lang)
    elif path.suffix.lower() in POLYGONS:
        draft.needs += _needs(attributes(frame), frame.crs is not None, lang)
    return [draft.finding()]


def _features(path: Path, crs: str) -> tuple[gpd.GeoDataFrame, tuple[str, ...]]:
    """Return the features of a file, and notes; those of KML, which can only be regions, by it."""
    if path.suffix.lower() != ".kml":
        return read_polygons(path, crs)
    areas = read_areas(path)
    return areas.drop(columns=NOTE), ()


def _add_as_layer(
    draft: Draft, path: Path, choices: LayerChoices, taken: Taken | None, lang: str
) -> None:
    """Add the layer that polygons are drawn as."""
    own = Draft(draft.file, draft.kind)
    add_layer(own, path, choices, taken, lang)
    known = {fact.key for fact in draft.facts}
    draft.facts += (fact for fact in own.facts if fact.key not in known)
    draft.layer, draft.picture = own.layer, own.picture or draft.picture
    draft.notes += own.notes
    # What is wrong with the outlines is listed already.
    draft.notes = [note for note in draft.notes if note not in draft.doubts]
    draft.doubts += own.doubts
    draft.needs += own.needs
    draft.refusals += own.refusals


def _needs(names: list[str], has_crs: bool, lang: str) -> list[str]:
    needs = [text("check.need.as", lang), text("check.need.unit", lang)]
    if not has_crs:
        needs.append(text("check.need.crs", lang))
    needs += [text("check.need.depth", lang), text("check.need.cell", lang)]
    if len(names) > 1:
        needs.append(text("check.need.column", lang, names=named(names, lang)))
    return needs


def _add_features(draft: Draft, frame: gpd.GeoDataFrame, lang: str) -> None:
    """Add the number of features, their columns, CRS and faults, as they are drawn."""
    vertices = int(shapely.get_num_coordinates(np.asarray(frame.geometry.array)).sum())
    said = counted("check.features", len(frame), lang, vertices=number(vertices, lang))
    draft.add("features", said, {"features": len(frame), "vertices": vertices})
    names = attributes(frame)
    kinds = {name: str(frame[name].dtype) for name in names}
    draft.add("columns", named(names, lang), kinds)
    crs = frame.crs
    shown = text("check.not_stated", lang) if crs is None else crs_name(crs)
    value = None if crs is None else {"crs": crs_label(crs), "name": crs.name}
    draft.add("crs", shown, value)


def _add_regions(draft: Draft, path: Path, in_degrees: bool, lang: str) -> None:
    """Add the polygons as a set of regions on the globe, or why they can't be one."""
    try:
        table = regions(path)
    except BadInputError as error:
        draft.add("region", text("check.no_region", lang, why=str(error)), {"refusal": str(error)})
        return
    shapes = list(table.geometry)
    area = float(table.geometry.to_crs(_EQUAL_AREA).area.sum()) / _KM2
    names = [str(row) for row in table["name_" + lang]]
    said = text("check.region", lang, area=number(area, lang), names=named(names, lang, _NAMED))
    draft.add("region", said, {"km2": float(f"{area:.6g}"), "names": names})
    lon, lat = _places(shapes)
    add_place(draft, lon, lat, lang)
    west, south, east, north = shapely.total_bounds(np.array(shapes, dtype=object)).tolist()
    add_bounds(draft, (west, south, east, north), lang)
    if in_degrees and (swapped := swapped_remark(lon, lat)):
        draft.doubts.append(swapped.in_language(lang))
    draft.doubts += (note for note in dict.fromkeys(map(str, table["note"])) if note)
    draft.picture = _picture(shapes)


def _add_overlaps(draft: Draft, shapes: Sequence[BaseGeometry], called: str, lang: str) -> None:
    found = list(overlapping(shapes, called))
    count = sum(pairs.share.size for pairs in found)
    largest = max((float(pairs.share.max()) for pairs in found), default=0.0)
    if count:
        share = percent(largest, lang)
        draft.doubts.append(counted("check.doubt.overlap", count, lang, share=share))


def _places(shapes: list[BaseGeometry]) -> tuple[FloatArray, FloatArray]:
    """Return longitudes and latitudes of places within polygons: one in each, and some evenly."""
    areas = np.array(shapes, dtype=object)
    own = shapely.get_coordinates(shapely.point_on_surface(areas))
    west, south, east, north = shapely.total_bounds(areas)
    part = (np.arange(_SIDE) + 0.5) / _SIDE
    x, y = np.meshgrid(west + part * (east - west), south + part * (north - south))
    spread = shapely.points(x.ravel(), y.ravel())
    within = np.unique(shapely.STRtree(areas).query(spread, predicate="within")[0])
    every = np.concatenate([own, shapely.get_coordinates(spread[within])])
    return every[:, 0], every[:, 1]


def _picture(shapes: list[BaseGeometry]) -> Picture:
    """Return the area of the polygons as a map, in degrees."""
    from rasterio.features import rasterize

    west, south, east, north = shapely.total_bounds(np.array(shapes, dtype=object)).tolist()
    wide, high = max(east - west, 1e-9), max(north - south, 1e-9)
    narrow = max(float(np.cos(np.radians((south + north) / 2))), 0.1)
    # Cells as wide as high on the ground, in the middle.
    cell = max(wide * narrow / _WIDE, high / _HIGH)
    shape = (max(1, round(high / cell)), max(1, round(wide * narrow / cell)))
    transform = Affine(wide / shape[1], 0, west, 0, -high / shape[0], north)
    inside = cast(Any, rasterize)(shapes, out_shape=shape, transform=transform, all_touched=True)
    return Picture(np.where(inside > 0, 1.0, np.nan))
