"""Public view of records: all fields except personal ones without recorded consent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from hotspots.io import clock
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import Field, fields, names
from hotspots.registry.schema.records import Record, Values, number_of, point_of, text_of

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

_PERSONAL = ("contact_name", "contact_email", "contact_phone")
_CONTACT = frozenset(names("contact"))


def public(record: Record) -> Values:
    """Return a record without its personal fields, unless consent to publish them is recorded."""
    if record.get("contact_consent") and any(record.get(name) for name in _PERSONAL):
        return dict(record)
    return {name: value for name, value in record.items() if name not in _CONTACT}


def table(records: Iterable[Record]) -> gpd.GeoDataFrame:
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
    columns = {field.name: _column(field, listed) for field in fields().values()}
    today = clock.today()
    status = [values.status(text_of(r, "start"), text_of(r, "end"), today) for r in listed]
    columns["status"] = pd.Series(status, dtype=object)
    places = np.array([point_of(record) or (np.nan, np.nan) for record in listed]).reshape(-1, 2)
    points = np.asarray(shapely.points(places[:, ::-1]))
    # A point of NaN isn't a missing geometry for shapely.
    points[np.isnan(places[:, 0])] = None
    areas = shapely.from_wkt([text_of(record, "footprint") or None for record in listed])
    shapes = np.where(shapely.is_missing(areas), points, areas)
    return gpd.GeoDataFrame(pd.DataFrame(columns), geometry=gpd.GeoSeries(shapes, crs="EPSG:4326"))


def _column(field: Field, records: Sequence[Record]) -> pd.Series:
    """Return the values of a field in the dtype of its kind."""
    import numpy as np
    import pandas as pd

    if field.kind == "whole":
        return pd.Series([number_of(r, field.name) for r in records], dtype="Int64")
    if field.kind == "number":
        numbers = [number_of(record, field.name) for record in records]
        return pd.Series([np.nan if n is None else n for n in numbers], dtype="float64")
    # Text has dtype object: missing text is "", so no value is interpreted as NaN.
    return pd.Series([values.write(record.get(field.name)) for record in records], dtype=object)
