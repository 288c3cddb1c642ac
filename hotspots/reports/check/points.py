"""A table of points on a regular grid, as `hotspots add-layer` reads it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyproj

from hotspots.errors import BadInputError
from hotspots.ingest.quality.swapped import swapped_remark
from hotspots.ingest.user_files.read import require_there
from hotspots.ingest.user_files.table_rows import BLANK, read_heading
from hotspots.ingest.user_files.tables import COORDINATES, Points, read_points
from hotspots.io.limits import require_regular
from hotspots.layers.crs import crs_label, crs_name, layer_crs
from hotspots.layers.variables import VARIABLES
from hotspots.locale import number, text
from hotspots.reports.check.finding import Draft, Finding
from hotspots.reports.check.layers import ANY, LayerChoices, add_layer, taken_as
from hotspots.reports.check.places import add_place, named

_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", BLANK: "blank"}
_MOST_COLUMNS = 12


def point_findings(path: Path, choices: LayerChoices, lang: str) -> list[Finding]:
    """Return what a table of points is understood as; see `layers.raster_findings`."""
    draft = Draft(str(path), "points")
    taken = taken_as(path, choices) if choices.variable else None
    try:
        points = _points(path, choices, draft, lang)
    except BadInputError as error:
        draft.refusals.append((taken.refusal if taken else "") or str(error))
        return [draft.finding()]
    _add_table(draft, points, lang)
    chosen = choices if choices.variable else _with_column(choices, points.name)
    add_layer(draft, path, chosen, taken, lang)
    if not any(fact.key == "size" for fact in draft.facts):
        _add_places(draft, points, lang)
    return [draft.finding()]


def _points(path: Path, choices: LayerChoices, draft: Draft, lang: str) -> Points:
    """Return the points with the values that are chosen; else with the first that are numbers."""
    require_there(path)
    require_regular(path)
    row = VARIABLES.get(choices.variable, ANY)
    if choices.variable or choices.given.get("column"):
        return read_points(path, row, choices.of().selection)
    named_values = [
        name
        for name in read_heading(path, COORDINATES).names
        if name and name.casefold() not in COORDINATES
    ]
    if len(named_values) < 2:
        return read_points(path, row, choices.of().selection)
    fault = BadInputError("")
    for name in named_values[:_MOST_COLUMNS]:
        try:
            found = read_points(path, row, _with_column(choices, name).of().selection)
        except BadInputError as error:
            fault = error
            continue
        draft.needs.append(text("check.need.column", lang, names=named(named_values, lang)))
        return found
    raise fault


def _with_column(choices: LayerChoices, column: str) -> LayerChoices:
    return LayerChoices(choices.variable, choices.accept, {**choices.declared, "column": column})


def _add_table(draft: Draft, points: Points, lang: str) -> None:
    heading, columns = points.heading, points.columns
    separator = _SEPARATORS.get(heading.delimiter, "")
    said = text(f"check.separator.{separator}", lang) if separator else f"'{heading.delimiter}'"
    draft.add("separator", said, heading.delimiter)
    decimal = "point" if columns.decimal == "." else "comma"
    draft.add("decimal", text(f"check.decimal.{decimal}", lang), columns.decimal)
    shown = {"x": points.x_name, "y": points.y_name, "value": points.name}
    others = [name or "?" for name in heading.names if name not in shown.values()]
    said = text("check.columns", lang, **shown)
    if others:
        said += text("format.semicolon", lang) + text(
            "check.columns_unused", lang, names=named(others, lang)
        )
    draft.add("columns", said, shown | {"others": others, "row_names": columns.row_names})
    values = columns.values[2]
    absent = int(np.isnan(values).sum())
    parts = [text("check.rows.kept", lang, count=number(values.size, lang))]
    if columns.left_out:
        parts.append(text("check.rows.empty", lang, count=number(columns.left_out, lang)))
    if absent:
        parts.append(text("check.rows.missing", lang, count=number(absent, lang)))
    if columns.row_names:
        parts.append(text("check.rows.named", lang))
    numbers = {"kept": values.size, "left_out": columns.left_out, "without_value": absent}
    draft.add("rows", text("format.semicolon", lang).join(parts), numbers)


def _add_places(draft: Draft, points: Points, lang: str) -> None:
    """Add where points lie that make no grid."""
    y, x, _ = points.columns.values
    if not points.crs:
        return
    crs = layer_crs(points.crs)
    draft.add("crs", crs_name(crs), {"crs": crs_label(crs), "name": crs.name})
    to_degrees = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    lon, lat = (np.asarray(part) for part in to_degrees.transform(x, y))
    on_globe = np.isfinite(lon) & (np.abs(lat) <= 90)
    lon, lat = (lon[on_globe] + 180) % 360 - 180, lat[on_globe]
    add_place(draft, lon, lat, lang)
    if crs.is_geographic and (swapped := swapped_remark(lon, lat)):
        draft.doubts.append(swapped.in_language(lang))
