"""Public view of records: all fields except personal ones without recorded consent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from hotspots.registry import clock
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import fields, names

if TYPE_CHECKING:
    import geopandas as gpd

_PERSONAL = ("contact_name", "contact_email", "contact_phone")
_CONTACT = frozenset(names("contact"))


def public(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record without its personal fields, unless consent to publish them is recorded."""
    if record.get("contact_consent") and any(record.get(name) for name in _PERSONAL):
        return dict(record)
    return {name: value for name, value in record.items() if name not in _CONTACT}


def table(records: Iterable[Mapping[str, Any]]) -> gpd.GeoDataFrame:
    """Return records as a table: one column per field, lists joined by ";", status and geometry.

    Missing text is "", a missing number NaN, a missing whole number <NA>. The geometry (EPSG:4326)
    is the footprint, else the point, else None; points with the precision "country" or "region"
    are representative points only.
    """
    import geopandas as gpd
    import numpy as np
    import pandas as pd
    import shapely

    listed = [public(record) for record in records]
    columns: dict[str, Any] = {}
    for field in fields().values():
        given = [record.get(field.name) for record in listed]
        if field.kind == "whole":
            columns[field.name] = pd.array(given, dtype="Int64")
        elif field.kind == "number":
            known = [np.nan if value is None else value for value in given]
            columns[field.name] = np.array(known, dtype="float64")
        else:
            # Text has dtype object: missing text is "", so no value is interpreted as NaN.
            columns[field.name] = pd.Series([values.write(v) for v in given], dtype=object)
    today = clock.today()
    status = [values.status(r.get("start"), r.get("end"), today) for r in listed]
    columns["status"] = pd.Series(status, dtype=object)
    points = shapely.points(columns["longitude"], columns["latitude"])
    points[np.isnan(np.asarray(columns["latitude"]))] = None
    areas = shapely.from_wkt([record.get("footprint") for record in listed])
    shapes = np.where(shapely.is_missing(areas), points, areas)
    return gpd.GeoDataFrame(pd.DataFrame(columns), geometry=gpd.GeoSeries(shapes, crs="EPSG:4326"))
