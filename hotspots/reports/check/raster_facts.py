"""The facts on a raster as stored, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyproj

from hotspots.ingest.quality.swapped import places_of
from hotspots.ingest.quality.verdicts import spelt
from hotspots.ingest.user_files.declared import Declared
from hotspots.io.rasters.stored import EVERYTHING
from hotspots.layers.crs import crs_label, crs_name
from hotspots.layers.grid import Grid
from hotspots.locale import number, percent, text
from hotspots.reports.check.finding import Draft
from hotspots.reports.check.places import add_bounds, add_place, place_text
from hotspots.reports.check.stored import StoredRaster

_DIGITS = 4
_CELL_DIGITS = 6
_LABELS = 6  # bands named, half of them the last
_GEOD = pyproj.Geod(ellps="WGS84")


def add_grid(draft: Draft, stored: StoredRaster, declared: Declared, lang: str) -> None:
    """Add size, cell, CRS, countries and bounds of a raster."""
    form = stored.form
    if draft.kind == "raster":  # others are made a raster first
        draft.add(
            "format",
            f"{form}, {stored.described.dtype}",
            {"driver": form, "dtype": stored.described.dtype},
        )
    rows, columns = stored.place.shape
    shown = {"rows": number(rows, lang), "columns": number(columns, lang)}
    draft.add("size", text("check.size", lang, **shown), [rows, columns])
    # A raster needs a CRS that isn't declared where GDAL wouldn't see it; a table states none.
    follows = stored.place.crs_follows or bool(stored.raw.crs) or draft.kind == "points"
    add_crs(draft, stored.grid, declared, follows, lang)
    if stored.grid is None:
        return
    _add_cell(draft, stored.grid, lang)
    add_place(draft, *stored.places(), lang)
    add_bounds(draft, stored.grid.lonlat_bounds, lang)


def add_crs(draft: Draft, grid: Grid | None, declared: Declared, follows: bool, lang: str) -> None:
    """Add the CRS, and how it is known: declared, stated, or following from the axes."""
    if grid is None:
        draft.add("crs", text("check.not_stated", lang), None)
        return
    how = "declared" if declared.selection.crs else "follows" if follows else "stated"
    said = f"{crs_name(grid.crs)} ({text(f'check.how.{how}', lang)})"
    draft.add("crs", said, {"crs": crs_label(grid.crs), "name": grid.crs.name, "how": how})


def add_unit(draft: Draft, unit: str, declared: Declared, lang: str) -> None:
    """Add the unit, declared or the file's own; `unit` is that of the file, "" for none."""
    if declared.unit is not None:
        how, shown = "declared", declared.unit
        said = text("check.unit_instead", lang, unit=shown, own=unit) if unit else ""
        said = said or f"{shown} ({text('check.how.declared', lang)})"
    else:
        how, shown = ("stated" if unit else "unknown"), unit
        said = f"{unit} ({text('check.how.stated', lang)})" if unit else ""
    draft.add("unit", said or text("check.not_stated", lang), {"unit": shown, "how": how})


def add_missing(draft: Draft, stored: StoredRaster, declared: Declared, lang: str) -> None:
    """Add how missing values are written, and their share."""
    decoding, summary = stored.decoding, stored.summary
    kind = np.dtype(stored.described.dtype)
    # A float32 has seven digits; the rest would look like another number.
    digits = 7 if kind == np.float32 else 15
    says = [f"{value:.{digits}g}" for value in decoding.nodata]
    if declared.nodata:
        says[-1] += f" ({text('check.how.declared', lang)})"
    if kind.kind == "f":
        says.append("NaN")
    if stored.has_mask and not decoding.nodata:
        says.append(text("check.mask", lang))
    if decoding.valid != EVERYTHING:
        low, high = (f"{edge:g}" for edge in decoding.valid)
        says.append(text("check.outside", lang, low=low, high=high))
    written = ", ".join(says) or text("check.not_stated", lang)
    share = 1 - summary.valid / summary.cells if summary.cells else math.nan
    shown = {
        "written": written,
        "share": percent(share, lang),
        "cells": number(summary.cells, lang),
    }
    value = {
        "nodata": list(decoding.nodata),
        "how": "declared" if declared.nodata else "stated" if decoding.nodata else "",
        "cells": summary.cells,
        "valid_cells": summary.valid,
        "missing_share": share,
    }
    draft.add("missing", text("check.missing", lang, **shown), value)
    if decoding.scale != 1 or decoding.offset != 0:
        scaled = {"scale": f"{decoding.scale:.9g}", "offset": f"{decoding.offset:.9g}"}
        said = text("check.scale", lang, **scaled)
        draft.add("scale", said, {"scale": decoding.scale, "offset": decoding.offset})


def add_bands(draft: Draft, stored: StoredRaster, lang: str) -> None:
    """Add the bands: time, months or other labels, and which of them are read."""
    labels, used = [step.label for step in stored.steps], stored.raw.bands
    value = {"labels": labels, "read": list(used)}
    is_time = any(step.year or step.month for step in stored.steps)
    key = "time" if is_time else "bands"
    if len(labels) == 1:
        draft.add(key, labels[0], value)
        return
    count = number(len(labels), lang)
    named = [label for label in labels if label]
    said = text("check.bands_of", lang, count=count, labels=_some(labels)) if named else count
    if len(used) < len(labels):
        shown = ", ".join(f"{band} ({labels[band - 1]})" if named else f"{band}" for band in used)
        said += text("format.semicolon", lang) + text("check.band_read", lang, band=shown)
    draft.add(key, said, value)


def add_values(draft: Draft, stored: StoredRaster, unit: str, lang: str) -> None:
    """Add least, median and greatest value as the file stores them."""
    summary = stored.summary
    if not summary.valid:
        draft.add("values", text("check.no_values", lang), None)
        return
    numbers = {"low": summary.low, "median": summary.median, "high": summary.high}
    shown = {key: number(value, lang, _DIGITS) for key, value in numbers.items()}
    said = text("check.values", lang, **shown) + spelt(unit or "1")
    draft.add("values", said, {key: float(f"{v:.9g}") for key, v in numbers.items()})


def add_first(draft: Draft, stored: StoredRaster, lang: str) -> None:
    """Add the first values, in the order of the file, with their places."""
    listed, places = [], []
    for (row, column), value in stored.summary.first:
        here = number(value, lang, _DIGITS)
        if stored.grid is None:
            x, y = stored.place.transform * (column + 0.5, row + 0.5)
            where = f"x {number(x, lang, _CELL_DIGITS)}, y {number(y, lang, _CELL_DIGITS)}"
        else:
            lon, lat = places_of(stored.grid, np.array([row]), np.array([column]))
            if not lon.size:
                continue
            x, y = float(lon[0]), float(lat[0])
            where = place_text(x, y, lang)
        listed.append(f"{where}{text('format.colon', lang)}{here}")
        places.append({"x": x, "y": y, "value": value})
    draft.add("first", text("format.semicolon", lang).join(listed), places)


def ground_size(grid: Grid) -> tuple[float, float]:
    """Return width and height of a cell in the middle of a grid, m."""
    if not grid.is_geographic:
        unit = grid.metres_per_unit
        return abs(grid.transform.a) * unit, abs(grid.transform.e) * unit
    west, south, east, north = grid.lonlat_bounds
    lon, lat = (west + east) / 2, (south + north) / 2
    dx, dy = abs(grid.transform.a) / 2, abs(grid.transform.e) / 2
    _, _, width = _GEOD.inv(lon - dx, lat, lon + dx, lat)
    _, _, height = _GEOD.inv(lon, max(lat - dy, -90), lon, min(lat + dy, 90))
    return float(width), float(height)


def _add_cell(draft: Draft, grid: Grid, lang: str) -> None:
    width, height = ground_size(grid)
    wide, high = _length(width, lang), _length(height, lang)
    if grid.is_geographic:
        degrees = [abs(grid.transform.a), abs(grid.transform.e)]
        ground = text("check.ground", lang, width=wide, height=high)
        said = f"{_sides(degrees, '°', lang)}{text('format.semicolon', lang)}{ground}"
    else:
        degrees = _in_degrees(grid)
        said = wide if wide == high else text("check.by", lang, width=wide, height=high)
        if degrees:
            about = text("check.about", lang, size=_sides(degrees, "°", lang, 2))
            said += f"{text('format.semicolon', lang)}{about}"
    value = {
        "degrees": degrees or None,
        "metres": [float(f"{side:.7g}") for side in (width, height)],
    }
    draft.add("cell", said, value)


def _in_degrees(grid: Grid) -> list[float]:
    """Return width and height of the cell in the middle of a projected grid, degrees."""
    rows, columns = grid.shape
    row, column = rows // 2, columns // 2
    edges = [(column, row), (column + 1, row), (column, row + 1)]
    x, y = zip(*(grid.transform * edge for edge in edges), strict=True)
    to_degrees = pyproj.Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(np.array(x), np.array(y))
    sides = [abs(float(lon[1] - lon[0])), abs(float(lat[2] - lat[0]))]
    return sides if all(map(math.isfinite, sides)) else []


def _sides(sides: Sequence[float], unit: str, lang: str, digits: int = _CELL_DIGITS) -> str:
    width, height = (f"{number(side, lang, digits)}{unit}" for side in sides)
    return width if width == height else text("check.by", lang, width=width, height=height)


def _length(metres: float, lang: str) -> str:
    if metres >= 1000:
        return f"{number(metres / 1000, lang)}\N{NO-BREAK SPACE}km"
    return f"{number(metres, lang)}\N{NO-BREAK SPACE}m"


def _some(labels: Sequence[str]) -> str:
    """Return the labels, or the first and the last of many."""
    if len(labels) <= 2 * _LABELS:
        return ", ".join(label or "?" for label in labels)
    half = _LABELS // 2
    return f"{', '.join(labels[:half])} … {', '.join(labels[-half:])}"
