"""Assignment of records to countries and larger regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import shapely

from hotspots.analysis.gaps.records_table import codes_of, country_of, shapes_of

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

SITS, WORKS = "sits", "works"
_LEAST_SHARE = 0.01  # of a footprint: smaller shares come from coarsely drawn borders


def region_pairs(
    records: gpd.GeoDataFrame,
    members: Mapping[str, Sequence[str]],
    outlines: gpd.GeoDataFrame | None = None,
) -> pd.DataFrame:
    """Return where each record of a tidy table counts: record (position), region and how.

    How is "sits" (the country of its seat; or the outline about its point, where it states no
    country) or "works" (a code of its `regions`; the country of an ISO 3166-2 code; outlines that
    hold at least 1 % of its footprint). Where it counts in a country it counts in the regions of
    `members` that hold it. "world" stands for itself. Each row once.
    """
    import pandas as pd

    parts = [_seats(records), _stated(records)]
    if outlines is not None:
        parts += [_points(records, outlines), _footprints(records, outlines)]
    direct = pd.concat(parts, ignore_index=True).drop_duplicates()
    larger = pd.DataFrame(
        [(code, region) for region, codes in members.items() for code in codes],
        columns=["region", "larger"],
    )
    # One level is enough: regions of the initiative hold countries, never each other.
    up = direct.merge(larger, on="region").drop(columns="region")
    every = pd.concat([direct, up.rename(columns={"larger": "region"})], ignore_index=True)
    return every.drop_duplicates().reset_index(drop=True)


def wider_pairs(
    records: gpd.GeoDataFrame, pairs: pd.DataFrame, members: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Return record and country of records that name a larger region but don't count in it."""
    import pandas as pd

    stated = codes_of(records, "regions")
    stated["region"] = [tuple(members.get(code, ())) for code in stated["code"]]
    down = stated.explode("region").dropna(subset=["region"])[["record", "region"]]
    # An anti-join: pairs that are found on the left only don't count in the region yet.
    marked = (
        pd.DataFrame(down)
        .drop_duplicates()
        .merge(pairs[["record", "region"]].drop_duplicates(), how="left", indicator=True)
    )
    return marked.loc[marked["_merge"] == "left_only", ["record", "region"]]


def _seats(records: gpd.GeoDataFrame) -> pd.DataFrame:
    import pandas as pd

    found = pd.DataFrame({"record": np.arange(len(records)), "region": records["country"]})
    return found[found["region"] != ""].assign(how=SITS)


def _stated(records: gpd.GeoDataFrame) -> pd.DataFrame:
    import pandas as pd

    codes = codes_of(records, "regions").rename(columns={"code": "region"})
    within = codes.assign(region=[country_of(code) for code in codes["region"]])
    every = pd.concat([codes, within[within["region"] != ""]], ignore_index=True)
    return every.drop_duplicates().assign(how=WORKS)


def _points(records: gpd.GeoDataFrame, outlines: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the outlines about the points of records that state neither country nor regions."""
    import pandas as pd

    lost = ((records["country"] == "") & (records["regions"] == "")).to_numpy()
    shapes = np.asarray(records.geometry, dtype=object)
    rows = np.flatnonzero(lost & (shapely.get_type_id(shapes) == shapely.GeometryType.POINT))
    area, item = shapely.STRtree(shapes[rows]).query(
        np.asarray(outlines.geometry, dtype=object), predicate="intersects"
    )
    ids = outlines["id"].to_numpy()[area]
    return pd.DataFrame({"record": rows[item], "region": ids, "how": SITS})


def _footprints(records: gpd.GeoDataFrame, outlines: gpd.GeoDataFrame) -> pd.DataFrame:
    import pandas as pd

    shapes = shapes_of(records)
    rows = np.flatnonzero(shapely.get_dimensions(shapes) == 2)
    areas = np.asarray(outlines.geometry, dtype=object)
    area, item = shapely.STRtree(shapes[rows]).query(areas, predicate="intersects")
    # In square degrees: only the ratio within one footprint counts.
    common = shapely.area(shapely.intersection(areas[area], shapes[rows[item]]))
    kept = common >= _LEAST_SHARE * shapely.area(shapes[rows[item]])
    ids = outlines["id"].to_numpy()[area[kept]]
    return pd.DataFrame({"record": rows[item[kept]], "region": ids, "how": WORKS})
