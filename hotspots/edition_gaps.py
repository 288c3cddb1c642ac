"""Gaps of an edition and a registry as they stand, for notebook, command line and API alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

from hotspots.errors import BadInputError, near_matches

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from hotspots.analysis.gaps.records import Wanted
    from hotspots.edition import Edition
    from hotspots.regions import Region

KINDS = ("hotspots", "regions", "crowded", "outside", "practices", "research")
_DETAIL = "50m"


class HasRecords(Protocol):
    """A registry, as gaps need it; ``surveys`` (region, level, on, note) is read if it is there."""

    @property
    def records(self) -> gpd.GeoDataFrame:
        """The records."""
        ...


def gaps(
    edition: Edition,
    registry: HasRecords,
    of: str = "hotspots",
    *,
    region: Any = None,
    within_km: float | None = None,
    theme: str | Sequence[str] | None = None,
    practice_kind: str | Sequence[str] | None = None,
    land_use: str | Sequence[str] | None = None,
    types: str | Sequence[str] | None = None,
    active_only: bool = True,
    years: float = 5,
    today: date | None = None,
) -> Any:
    """Return what an edition's hotspots and regions need and no record of a registry gives.

    Parameters
    ----------
    edition : Edition
        Its hotspots, table and recipe are read.
    registry : any object with ``records``, a GeoDataFrame, and maybe ``surveys``, a DataFrame
        See `hotspots.open_registry`.
    of : str
        hotspots (those without anyone first), regions, crowded (places with more than their share
        of records), outside (records in no hotspot), practices (known to work in the same climate
        and land use, and absent) or research (pillar x region without recent action).
    region : optional
        Keeps the hotspots that touch it, or the regions within it: whatever `hotspots.region`
        takes. Ranks are counted within it; records beyond its border still count as near. Of
        "outside", the records placed in it, against all hotspots.
    within_km : float, optional
        How far from a hotspot a record is near, 0 to 1000 km; 50 by default, and 0 for "outside".
    theme, practice_kind, land_use, types, active_only, today
        As of `hotspots.analysis.gaps`; which records count.
    years : float
        Of "research": from when on an action is old.

    Returns
    -------
    GeoDataFrame (hotspots, crowded, outside) or DataFrame
        Ranked; columns as in ``hotspots.edition_gaps.COLUMNS``. ``attrs`` holds ``edition`` (its
        id), ``of``, ``within_km`` and ``statement``: how complete the registry is there.

    Raises
    ------
    BadInputError
        No such kind of table, an unknown code, or a distance out of range.
    """
    from hotspots.analysis.gaps.records import wanted
    from hotspots.regions import initiative_members, regions
    from hotspots.registry.completeness import completeness, statement

    if of not in KINDS:
        raise BadInputError(
            f"There are no gaps of '{of}'. Give one of {', '.join(KINDS)}"
            f"{near_matches(of, KINDS) or '.'}"
        )
    choice = wanted(theme, practice_kind, land_use, types, active_only)
    _require_codes({
        "theme": choice.theme, "practice_kind": choice.practice_kind,
        "land_use": choice.land_use, "type": choice.types,
    })  # fmt: skip
    members, outlines = initiative_members(), regions("countries", _DETAIL)
    known = completeness(
        registry.records, getattr(registry, "surveys", None),
        members=members, outlines=outlines, today=today,
    )  # fmt: skip
    near = within_km if within_km is not None else 0 if of == "outside" else 50
    place = _area(region)
    shared: dict[str, Any] = {"completeness": known, "today": today}
    if of in ("regions", "research"):
        shared |= {"members": members, "outlines": outlines}
        shared["potential"] = f"{edition.recipe.methods.ranking_potential}_total"
        table = _of_regions(edition, registry, of, choice, place, years, shared)
    else:
        shared |= {"within_km": near, "members": members}
        table = _of_hotspots(edition, registry, of, choice, place, shared)
    table.attrs |= {"edition": edition.id, "of": of, "within_km": near}
    there = known.index.isin(_involved(table, members)) if len(table) else slice(None)
    table.attrs["statement"] = statement(known[there])
    return table


def _of_hotspots(
    edition: Edition, registry: HasRecords, of: str, choice: Wanted, place: Region | None,
    shared: dict[str, Any],
) -> gpd.GeoDataFrame | pd.DataFrame:  # fmt: skip
    from hotspots.analysis.gaps import crowded, outside, practice_gaps
    from hotspots.analysis.gaps import gaps as hotspot_gaps

    records = registry.records
    if of == "outside":
        found = outside(
            edition.hotspots, records,
            choice=choice, within_km=shared["within_km"], today=shared["today"],
        )  # fmt: skip
        return found if place is None else _ranked(found[_meet(found, place)])
    patches = _hotspots_in(edition.hotspots, place)
    members = shared.pop("members")
    if of == "hotspots":
        return hotspot_gaps(patches, records, members=members, **vars(choice), **shared)
    table = crowded if of == "crowded" else practice_gaps
    return table(patches, records, choice=choice, **shared)


def _of_regions(
    edition: Edition, registry: HasRecords, of: str, choice: Wanted, place: Region | None,
    years: float, shared: dict[str, Any],
) -> pd.DataFrame:  # fmt: skip
    from hotspots.analysis.gaps import region_gaps, research_gaps

    rows = edition.table
    if place is not None:
        rows = rows[rows.index.isin(_regions_in(place, shared["members"], shared["outlines"]))]
    if of == "regions":
        return region_gaps(rows, registry.records, choice=choice, **shared)
    own: dict[str, Any] = {"types": choice.types} if choice.types else {}
    own |= {"pillars": choice.theme} if choice.theme else {}
    return research_gaps(rows, registry.records, years=years, **own, **shared)


def _area(region: Any) -> Region | None:
    """Return the region that was asked for; None where that is the whole."""
    from hotspots.regions import region as region_of

    found = None if region is None else region_of(region)
    return None if found is None or found.kind == "world" else found


def _hotspots_in(hotspots: gpd.GeoDataFrame, place: Region | None) -> gpd.GeoDataFrame:
    """Return the hotspots of a region: by the countries they list, or else by outline."""
    from hotspots.analysis.gaps.nearby import polygons_of
    from hotspots.countries import countries
    from hotspots.regions import initiative_members

    patches = polygons_of(hotspots)
    if place is None:
        return patches
    lists = [text.split(",") for text in patches["countries"]]
    if place.kind in ("country", "initiative") and any(
        code in countries() for codes in lists for code in codes
    ):
        wanted = {place.id, *initiative_members().get(place.id, ())}
        return patches[[not wanted.isdisjoint(codes) for codes in lists]]
    return patches[_meet(patches, place)]


def _meet(table: gpd.GeoDataFrame, place: Region) -> pd.Series:
    return table.geometry.intersects(place.geometry)


def _regions_in(
    place: Region, members: Mapping[str, Sequence[str]], outlines: gpd.GeoDataFrame
) -> set[str]:
    """Return the ids of a region and its countries; of any other area, of those it meets."""
    if place.kind in ("country", "initiative"):
        return {place.id, *members.get(place.id, ())}
    return set(outlines.loc[_meet(outlines, place), "id"])


def _require_codes(given: Mapping[str, Collection[str]]) -> None:
    """Refuse a code that the vocabulary lacks: it would match nobody, and look like a gap."""
    from hotspots.registry.vocabulary import vocabulary

    for column, codes in given.items():
        known = vocabulary()[column]
        for code in codes:
            if code not in known:
                near = near_matches(code, known) or f". Give one of {', '.join(known)}."
                raise BadInputError(f"There is no {column.replace('_', ' ')} '{code}'{near}")


def _ranked(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return rows numbered anew."""
    table = table.reset_index(drop=True)
    table["rank"] = table.index + 1
    return table


def _involved(table: pd.DataFrame, members: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the countries that a table speaks of."""
    found: set[str] = set()
    for column in ("countries", "country", "region", "id"):
        if column in table:
            for text in set(table[column].astype(str)):
                for code in text.split(","):
                    found |= set(members.get(code, (code,)))
            break
    return found
