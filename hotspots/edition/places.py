"""Whether a region lies in an edition, and what is known of one without hotspots.

A name that no region has is refused where it is read, by `hotspots.region`. Of a real region these
functions tell apart what lies outside an edition, and what lies in it without a hotspot.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, cast

from hotspots.errors import EmptyRegionError
from hotspots.geo.regions import initiative_members
from hotspots.locale import hectares, text, tonnes
from hotspots.locale.messages import Message

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


def without_hotspots(place: Region, edition: Edition) -> Message:
    """Return a sentence on a region of an edition in which no hotspot lies: what is known of it."""
    facts = _facts(place, edition)

    def name(lang: str) -> str:
        """Return the region's name in a language."""
        return called(place, lang)

    def joined(lang: str) -> str:
        """Return the facts in a language."""
        return text("format.semicolon", lang).join(fact.in_language(lang) for fact in facts)

    if not facts:
        return Message("place_gap.none", region=name)
    return Message("place_gap.facts", region=name, facts=joined)


def _facts(place: Region, edition: Edition) -> list[Message]:
    rows = edition.table[edition.table["set"] != "outside"]
    if place.id not in rows.index:
        return []
    row = cast("Mapping[str, object]", rows.loc[place.id].to_dict())
    if row.get("value_from") == "missing":
        return [Message("place_gap.no_soil")]
    return [*_land(row), *_amounts(row, f"{edition.recipe.methods.ranking_potential}_total")]


def _land(row: Mapping[str, object]) -> list[Message]:
    ranked, hot = _number(row, "ranked_managed_ha"), _number(row, "hot_managed_ha")
    if hot > 0:
        # Such as a corner of a patch that lies in a neighbour.
        return [Message("place_gap.corner", area=partial(hectares, hot))]
    if ranked > 0:
        return [Message("place_gap.not_hot", area=partial(hectares, ranked))]
    return [Message("place_gap.not_ranked")] if ranked == 0 else []


def _amounts(row: Mapping[str, object], leading: str) -> list[Message]:
    """Return what is known of a region's potential and stock."""
    amounts = {"potential": _number(row, leading), "stock": _number(row, "soc_stock_total")}
    return [
        Message(f"place_gap.{name}", amount=partial(_carbon, amount))
        for name, amount in amounts.items()
        if math.isfinite(amount)
    ]


def _carbon(amount: float, lang: str) -> str:
    return f"{tonnes(amount, lang)} C"


def _number(row: Mapping[str, object], column: str) -> float:
    """Return a number of a row; NaN if it is missing or absent."""
    try:
        return float(cast("float", row.get(column, math.nan)))
    except (TypeError, ValueError):
        return math.nan
