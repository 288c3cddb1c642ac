"""Countries, hot patches and records as plain data for the page.

Texts are never markup: `hotspots.maps.embedding` writes them as JSON, and the page's script shows
them with ``textContent``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import shapely

from hotspots.locale import code_label
from hotspots.maps import number_rows, palettes
from hotspots.maps.number_rows import Row
from hotspots.maps.page_data import (
    Countries,
    CountryId,
    CountryText,
    Feature,
    Geometry,
    Patches,
    PatchText,
    Records,
    RecordText,
)
from hotspots.maps.record_rows import is_web_address, record_name, record_rows, word

if TYPE_CHECKING:
    import geopandas as gpd
    from shapely.geometry.base import BaseGeometry

    from hotspots.edition.edition import Edition
    from hotspots.registry.completeness import HasRecords

Bounds = tuple[float, float, float, float]
Shapes = npt.NDArray[np.object_]

# Tolerance of simplification for world outlines (1:50 million): details too small for a screen.
WORLD_TOLERANCE_DEG = 0.06
WORLD_WIDTH_DEG = 90.0
MOST_PATCHES = 1500


def countries(edition: Edition, bounds: Bounds, period: str, lang: str) -> Countries[Row]:
    """Return the outlines in view and the numbers of each country.

    Parameters
    ----------
    edition : Edition
    bounds : (west, south, east, north)
        Degrees, of the edition's rasters.
    period : str
        Years of the modelled change, "" if unknown.
    lang : str
        "en", "fr" or "es".

    Returns
    -------
    Countries
        With rows as (label, value, depth).
    """
    from hotspots.geo.regions import regions

    # Outlines at 1:50 million for wide views, to keep the page small.
    frame = regions("countries", detail="50m" if _is_wide(bounds) else "10m")
    frame = _in_view(frame, bounds)
    table = number_rows.by_id(edition.table)
    shapes = _features(frame["id"], _simplified(frame.geometry.to_numpy(), bounds), bounds)
    drawn = set(frame["id"])
    absent = _in_view(_undrawn(table, drawn), bounds)
    shapes += _features(absent["id"], shapely.point_on_surface(absent.geometry.to_numpy()), bounds)
    ranked = number_rows.count_ranked(table.values(), "countries")
    uses = number_rows.stocks_by_use(edition.land_use)
    wording = number_rows.Wording(edition.recipe, lang, period, edition.stock_depth)
    rows: dict[str, CountryText[Row]] = {}
    for key, name in _names([frame, absent], lang).items():
        row = table.get(key)
        rows[key] = {
            "name": name,
            "rows": []
            if row is None
            else number_rows.region_rows(row, wording, ranked, uses.get(key)),
            "notes": number_rows.region_notes(row, lang),
        }
    return {"shapes": shapes, "rows": rows}


def _undrawn(table: Mapping[str, number_rows.TableRow], drawn: set[str]) -> gpd.GeoDataFrame:
    """Return the finer outlines of countries in the table that the coarse outlines lack."""
    from hotspots.geo.regions import regions

    ids = [k for k, row in table.items() if row.get("set") == "countries" and k not in drawn]
    fine = regions("countries", detail="10m")
    return fine[fine["id"].isin(ids) & ~fine.geometry.is_empty & fine.geometry.notna()]


def _names(frames: Iterable[gpd.GeoDataFrame], lang: str) -> dict[str, str]:
    pairs = [p for f in frames for p in zip(f["id"], f[f"name_{lang}"], strict=True)]
    return {str(key): str(name) for key, name in pairs}


def _is_wide(bounds: Bounds) -> bool:
    return bounds[2] - bounds[0] > WORLD_WIDTH_DEG / 2


def _in_view(frame: gpd.GeoDataFrame, bounds: Bounds) -> gpd.GeoDataFrame:
    """Return the rows that intersect the view plus a margin; all rows for a wide view."""
    if bounds[2] - bounds[0] > WORLD_WIDTH_DEG:
        return frame
    west, south, east, north = bounds
    # At least 2 degrees, so that a small region is shown with its neighbours.
    margin = max(2.0, (east - west) / 2)
    view = shapely.box(west - margin, south - margin, east + margin, north + margin)
    # Outlines end at 180 degrees: the part of a view beyond it is 360 degrees further west.
    views = shapely.union_all([view, shapely.transform(view, lambda xy: xy - [360, 0])])
    return frame[shapely.intersects(frame.geometry.to_numpy(), views)]


def _simplified(shapes: Shapes, bounds: Bounds) -> Shapes:
    """Return simplified outlines; common borders of neighbours stay common."""
    # Proportional to the width of the view, down to about 200 m (0.002 degrees).
    share = min(1.0, (bounds[2] - bounds[0]) / 360)
    return shapely.coverage_simplify(shapes, tolerance=max(0.002, WORLD_TOLERANCE_DEG * share))


def _features(ids: Iterable[str], shapes: Shapes, bounds: Bounds) -> list[Feature[CountryId]]:
    # 0.01 degrees are about 1 km, 0.001 about 100 m.
    digits = 2 if _is_wide(bounds) else 3
    return [
        {
            "type": "Feature",
            "properties": {"id": str(key)},
            "geometry": _geojson(shape, digits, seam(bounds)),
        }
        for key, shape in zip(ids, shapes, strict=True)
        if shape is not None and not shape.is_empty
    ]


def seam(bounds: Bounds) -> float:
    """Return the longitude west of which shapes are drawn 360 degrees further east.

    It is opposite the middle of a view that crosses the antimeridian; minus infinity otherwise.
    """
    west, _, east, _ = bounds
    return (west + east - 360) / 2 if east > 180 else -math.inf


def _turn(west: float, east: float, cut: float) -> float:
    return 360.0 if (west + east) / 2 < cut else 0.0


def _geojson(shape: BaseGeometry, digits: int, cut: float) -> Geometry:
    """Return GeoJSON with rounded coordinates, without rings that collapse by rounding."""
    if isinstance(shape, shapely.Point):
        x = shape.x + _turn(shape.x, shape.x, cut)
        return {"type": "Point", "coordinates": [round(x, digits), round(shape.y, digits)]}
    polygons = [p for p in shapely.get_parts(shape) if isinstance(p, shapely.Polygon)]
    coordinates = [rings for p in polygons if (rings := _rings(p, digits, cut))]
    return {"type": "MultiPolygon", "coordinates": coordinates}


def _rings(polygon: shapely.Polygon, digits: int, cut: float) -> list[list[list[float]]]:
    west, _, east, _ = polygon.bounds
    shift = [_turn(west, east, cut), 0.0]
    rings = []
    for ring in (polygon.exterior, *polygon.interiors):
        # + 0.0 turns -0.0 into 0.0.
        xy = np.round(shapely.get_coordinates(ring) + shift, digits) + 0.0
        kept = np.r_[True, (np.diff(xy, axis=0) != 0).any(axis=1)]
        # A closed ring has at least four points, of which the last repeats the first.
        if kept.sum() >= 4:
            rings.append(xy[kept].tolist())
        elif ring is polygon.exterior:
            return []
    return rings


def patches(
    edition: Edition, names: Mapping[str, str], bounds: Bounds, period: str, lang: str
) -> Patches[Row]:
    """Return the largest hot patches, at most `MOST_PATCHES`, as features, and the total number.

    Parameters
    ----------
    edition : Edition
        Its hot patches are reprojected to EPSG:4326; without a CRS they are assumed to be in it.
    names : mapping
        Id of a country -> its name in `lang`.
    bounds : (west, south, east, north)
        Degrees (EPSG:4326), of the edition's rasters; east is above 180 where they cross the
        antimeridian, and shapes are then drawn beyond it.
    period : str
        Years of the modelled change, "" if unknown.
    lang : str
        "en", "fr" or "es".
    """
    frame = edition.hotspots
    if len(frame) == 0:
        return {"shapes": [], "total": 0}
    frame = frame.to_crs(4326) if frame.crs is not None else frame.set_crs(4326)
    largest = frame.sort_values("land_ha", ascending=False, kind="stable").head(MOST_PATCHES)
    # Outlines of cells have a vertex at each cell; only those at corners are needed.
    shapes = shapely.simplify(largest.geometry.to_numpy(), 1e-6)
    features: list[Feature[PatchText[Row]]] = []
    for (_, row), shape in zip(largest.drop(columns="geometry").iterrows(), shapes, strict=True):
        properties: PatchText[Row] = {
            "title": code_label("class", row["class"], lang),
            "rows": number_rows.patch_rows(row.to_dict(), names, period, lang),
            "colour": palettes.HOTSPOT.get(str(row["class"]), palettes.BORDER),
        }
        features.append(
            {
                "type": "Feature",
                "properties": properties,
                "geometry": _geojson(shape, 3, seam(bounds)),
            }
        )
    return {"shapes": features, "total": len(frame)}


def records(
    registry: HasRecords, names: Mapping[str, str], bounds: Bounds, lang: str
) -> Records[Row]:
    """Return the registry's records with a position, and the number of those without one.

    `names` has the countries' names by id. Only ``http`` and ``https`` addresses become links;
    others are shown as text.

    Parameters
    ----------
    registry : Registry
        Its ``records`` have points or areas in EPSG:4326; a missing or empty geometry, or one
        without finite coordinates, counts as no position.
    names : mapping
        Id of a country -> its name in `lang`; a country that isn't in it is shown by its id.
    bounds : (west, south, east, north)
        Degrees (EPSG:4326), of the edition's rasters; east is above 180 where they cross the
        antimeridian, and shapes are then drawn beyond it.
    lang : str
        "en", "fr" or "es".
    """
    frame = registry.records
    found = []
    for (_, row), shape in zip(frame.iterrows(), frame.geometry, strict=True):
        if shape is None or shape.is_empty:
            continue
        # A point within the area; its centroid may lie outside.
        point = shape if shape.geom_type == "Point" else shape.representative_point()
        if not (math.isfinite(point.x) and math.isfinite(point.y)):
            continue
        x = point.x + _turn(point.x, point.x, seam(bounds))
        # Four decimals are 11 m. Leaflet has latitude before longitude.
        at = [round(point.y, 4), round(x, 4)]
        found.append(_record(at, row.to_dict(), names, lang))
    return {"points": found, "unplaced": len(frame) - len(found)}


def _record(
    at: list[float], row: number_rows.TableRow, names: Mapping[str, str], lang: str
) -> RecordText[Row]:
    web = word(row.get("web"))
    return {
        "at": at,
        "name": record_name(row, lang),
        "rows": record_rows(row, names, lang),
        "web": web if is_web_address(web) else None,
    }
