"""Whether a region lies in an edition, and what is known of one without hotspots.

A name that no region has is refused where it is read, by `hotspots.region`. Of a real region these
functions tell apart what lies outside an edition, and what lies in it without a hotspot.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from hotspots.errors import EmptyRegionError
from hotspots.geo.regions import initiative_members
from hotspots.locale import hectares, tonnes

if TYPE_CHECKING:
    import xarray as xr

    from hotspots.edition.edition import Edition
    from hotspots.geo.regions import Region

LISTED = ("country", "initiative")  # kinds of region that are known by id


def require_in_edition(place: Region, edition: Edition) -> None:
    """Raise `EmptyRegionError` if no land of a region lies in an edition."""
    if is_in_edition(place, edition):
        return
    how = f": 'hotspots analyze --region {place.id}'" if place.kind in LISTED else ""
    raise EmptyRegionError(
        f"{called(place)} lies outside this edition, which is of {_extent(edition)}. Choose a"
        f" region inside, or make an edition with it{how}."
    )


def is_in_edition(place: Region, edition: Edition) -> bool:
    """Return whether land of a region lies in an edition.

    Countries and regions of the initiative are looked up in its table; other regions, and all of
    them where the table has no countries, are compared with its cells.
    """
    sets = edition.table["set"]
    if place.kind in LISTED and (sets == "countries").any():
        ids = {place.id, *initiative_members().get(place.id, ())}
        return not ids.isdisjoint(edition.table.index[sets == "countries"])
    return _meets_land(place, edition.rasters)


def _meets_land(place: Region, layers: xr.Dataset) -> bool:
    import geopandas as gpd

    from hotspots.analysis.zonal.coverage import cover_fractions
    from hotspots.layers.grid import grid_of
    from hotspots.store.clipping import clipped

    name = next((n for n in ("valid_share", "soc_stock") if n in layers), None)
    if name is None:
        return True
    try:
        part = clipped(layers[[name]], place.geometry.bounds)
    except EmptyRegionError:
        return False
    outline = gpd.GeoSeries([place.geometry], crs="EPSG:4326")
    cells = cover_fractions(grid_of(part), outline).indices
    return bool((part[name].values.ravel()[cells] > 0).any())


def _extent(edition: Edition) -> str:
    """Return the name of an edition's region, with its id."""
    region = str(edition.manifest["region"])
    name = str(edition.table["name_en"].to_dict().get(region, region))
    return region if name == region else f"{name} ({region})"


def called(place: Region, lang: str = "en") -> str:
    """Return a region's name with its id: "Kenya (KEN)"; one of them where they are the same."""
    name = place.name(lang)
    return name if place.kind in ("box", "custom", "world") else f"{name} ({place.id})"


def without_hotspots(place: Region, edition: Edition) -> str:
    """Return a sentence on a region of an edition in which no hotspot lies: what is known of it."""
    said = f"{called(place)} has no hotspot in this edition"
    rows = edition.table[edition.table["set"] != "outside"]
    if place.id not in rows.index:
        return f"{said}."
    row = cast("Mapping[str, object]", rows.loc[place.id].to_dict())
    if row.get("value_from") == "missing":
        return f"{said}: the data hold no soil there."
    parts = [_land(row), *_amounts(row, f"{edition.recipe.methods.ranking_potential}_total")]
    known = "; ".join(filter(None, parts))
    return f"{said}: {known}." if known else f"{said}."


def _land(row: Mapping[str, object]) -> str:
    ranked, hot = _number(row, "ranked_managed_ha"), _number(row, "hot_managed_ha")
    if hot > 0:
        # Such as a corner of a patch that lies in a neighbour.
        return f"its {hectares(hot)} of hot land are less than 1 % of a hotspot of its neighbours"
    if ranked > 0:
        return f"none of its {hectares(ranked)} of ranked managed land is hot"
    return "none of its land is ranked" if ranked == 0 else ""


def _amounts(row: Mapping[str, object], leading: str) -> list[str]:
    """Return what is known of a region's potential and stock."""
    gain, stock = _number(row, leading), _number(row, "soc_stock_total")
    return [
        *([f"its potential is {tonnes(gain)} C/yr"] if math.isfinite(gain) else []),
        *([f"its soil holds {tonnes(stock)} C"] if math.isfinite(stock) else []),
    ]


def _number(row: Mapping[str, object], column: str) -> float:
    """Return a number of a row; NaN if it is missing or absent."""
    try:
        return float(cast("float", row.get(column, math.nan)))
    except (TypeError, ValueError):
        return math.nan
