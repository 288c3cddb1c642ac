"""Gaps between an edition and a registry, for notebooks, the command line and the API."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from hotspots.errors import BadInputError, near_matches

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from hotspots.analysis.gaps.records_table import RecordFilter
    from hotspots.analysis.gaps.region_gaps import RegionFacts
    from hotspots.edition.edition import Edition
    from hotspots.geo.regions import Region
    from hotspots.registry.completeness import HasRecords

KINDS = ("hotspots", "regions", "crowded", "outside", "practices", "research")
_DETAIL = "50m"
_OF_HOTSPOTS = ("hotspots", "crowded", "practices")
_OF_RECORDS = ("outside",)  # asked of records, wherever they are


def gaps(
    edition: Edition,
    registry: HasRecords,
    of: str = "hotspots",
    *,
    region: object = None,
    within_km: float | None = None,
    theme: str | Sequence[str] | None = None,
    practice_kind: str | Sequence[str] | None = None,
    land_use: str | Sequence[str] | None = None,
    types: str | Sequence[str] | None = None,
    active_only: bool = True,
    years: float = 5,
    today: date | None = None,
) -> gpd.GeoDataFrame:
    """Return gaps: hotspots or regions of an edition without matching records of a registry.

    Parameters
    ----------
    edition : Edition
        Hotspots, table and recipe are used.
    registry : object with ``records`` (GeoDataFrame) and optionally ``surveys`` (DataFrame)
        See `hotspots.open_registry`.
    of : str
        hotspots (those without records first), regions, crowded (places with more than their share
        of records), outside (records outside all hotspots), practices (recorded in the same
        climate and land use, but absent) or research (pillar x region without recent action).
    region : optional
        Keeps the hotspots that intersect it, or the regions within it; as for `hotspots.region`.
        Ranks are within it; records beyond its border still count as near. For "outside", keeps
        the records placed in it, compared with all hotspots.
    within_km : float, optional
        Distance up to which a record is near a hotspot, 0 to 1000 km; by default 50, and 0 for
        "outside".
    theme, practice_kind, land_use, types : str or sequence of str, optional
        Records that count: codes, or their labels in English, French or Spanish ("pillar2",
        "Pilier 2", "agroforesterie"); all by default.
    active_only : bool
        Whether records that have ended don't count.
    years : float
        For "research": age, in years, from which an action isn't recent.
    today : date, optional
        Date at which records are active; the present day by default.

    Returns
    -------
    GeoDataFrame (hotspots, crowded, outside) or DataFrame
        Ranked; columns as in ``analysis.gaps.columns.COLUMNS``. ``attrs`` has ``edition`` (its id),
        ``of``, ``within_km``, ``statement``, on how complete the registry is there, and
        ``nothing``, what is known of a region in which no hotspot lies. For "practices" it has
        ``practices``, ``left_out`` and ``left_out_ids`` too, see `practice_gaps`.

    Raises
    ------
    BadInputError
        The kind of table or a code is unknown, the distance is out of range, no region has this
        name (`UnknownRegionError`), or the region lies outside the edition (`EmptyRegionError`).

    Notes
    -----
    For "practices", a record without a climate zone whose place is a town or more precise has the
    zone of the edition's cell there (for a footprint, at a point within it).
    """
    place = _area(region)
    if of not in KINDS:
        raise BadInputError(
            f"There are no gaps of '{of}'. Give one of {', '.join(KINDS)}"
            f"{near_matches(of, KINDS) or '.'}"
        )
    query = GapQuery(
        of=of,
        choice=_choice_of(theme, practice_kind, land_use, types, active_only),
        place=place,
        # For "outside", a record near a hotspot is outside it, unless a distance is given.
        within_km=within_km if within_km is not None else 0 if of == "outside" else 50,
        years=years,
        today=today,
    )
    return answer(query, edition, registry)


@dataclass(frozen=True)
class GapQuery:
    """A question to an edition and a registry; see `gaps`.

    Attributes
    ----------
    of : str
        One of `KINDS`.
    choice : RecordFilter
        Codes of the records that count.
    place : Region or None
        None for the whole area.
    within_km : float
        Distance up to which a record is near a hotspot.
    years : float
        Age from which a research action isn't recent.
    today : date or None
        Date at which records are active; None for the present day.
    """

    of: str
    choice: RecordFilter
    place: Region | None
    within_km: float
    years: float
    today: date | None


@dataclass(frozen=True)
class _Known:
    """What gaps are computed from.

    Attributes
    ----------
    edition : Edition
    records : GeoDataFrame
    members : mapping
        Region of the initiative -> its countries.
    outlines : GeoDataFrame
        Of the countries, for records without one.
    completeness : DataFrame
        By country, how complete the registry is there.
    """

    edition: Edition
    records: gpd.GeoDataFrame
    members: Mapping[str, Sequence[str]]
    outlines: gpd.GeoDataFrame
    completeness: pd.DataFrame


def answer(query: GapQuery, edition: Edition, registry: HasRecords) -> gpd.GeoDataFrame:
    """Return the table of a query, as `gaps` does."""
    from hotspots.edition.places import require_in_edition
    from hotspots.geo.regions import initiative_members, regions
    from hotspots.registry.completeness import registry_completeness, statement

    if query.place is not None and query.of not in _OF_RECORDS:
        require_in_edition(query.place, edition)
    members, outlines = initiative_members(), regions("countries", _DETAIL)
    rows = registry_completeness(registry, today=query.today)
    table = _FINDERS[query.of](_Known(edition, registry.records, members, outlines, rows), query)
    table.attrs |= {"edition": edition.id, "of": query.of, "within_km": query.within_km}
    if len(table):
        involved = _involved(table, members)
    elif query.place is not None:
        # An empty table names nobody: the statement is then on the region, or on all countries.
        involved = _regions_in(query.place, members, outlines)
    else:
        involved = set(rows.index)
    table.attrs["statement"] = statement(rows[rows.index.isin(involved)])
    table.attrs["nothing"] = _nothing(query, edition) if not len(table) else ""
    return table


def _nothing(query: GapQuery, edition: Edition) -> str:
    """Return why a region's table is empty; "" if that isn't for want of a hotspot."""
    from hotspots.edition.places import without_hotspots

    if query.place is None or query.of not in _OF_HOTSPOTS:
        return ""
    none = _hotspots_in(edition.hotspots, query.place).empty
    return without_hotspots(query.place, edition) if none else ""


def _hotspots(known: _Known, query: GapQuery) -> gpd.GeoDataFrame:
    from hotspots.analysis.gaps import gaps as hotspot_gaps

    return hotspot_gaps(
        _hotspots_in(known.edition.hotspots, query.place),
        known.records,
        **vars(query.choice),
        within_km=query.within_km,
        members=known.members,
        completeness=known.completeness,
        today=query.today,
    )


def _crowded(known: _Known, query: GapQuery) -> gpd.GeoDataFrame:
    from hotspots.analysis.gaps import crowded

    return crowded(
        _hotspots_in(known.edition.hotspots, query.place),
        known.records,
        choice=query.choice,
        within_km=query.within_km,
        completeness=known.completeness,
        today=query.today,
    )


def _outside(known: _Known, query: GapQuery) -> gpd.GeoDataFrame:
    from hotspots.analysis.gaps import outside

    # With all hotspots, also those of other regions: a record may be near one across the border.
    found = outside(
        known.edition.hotspots,
        known.records,
        choice=query.choice,
        within_km=query.within_km,
        today=query.today,
    )
    return found if query.place is None else _ranked(found[_meet(found, query.place)])


def _practices(known: _Known, query: GapQuery) -> pd.DataFrame:
    from hotspots.analysis.gaps import practice_gaps

    return practice_gaps(
        _hotspots_in(known.edition.hotspots, query.place),
        _with_zones(known.records, known.edition),
        choice=query.choice,
        within_km=query.within_km,
        completeness=known.completeness,
        today=query.today,
    )


def _regions(known: _Known, query: GapQuery) -> pd.DataFrame:
    from hotspots.analysis.gaps import region_gaps

    return region_gaps(
        _rows_in(known, query.place),
        known.records,
        facts=_facts(known),
        choice=query.choice,
        today=query.today,
    )


def _research(known: _Known, query: GapQuery) -> pd.DataFrame:
    from hotspots.analysis.gaps import research_gaps
    from hotspots.analysis.gaps.region_gaps import PILLARS, RESEARCH, ResearchFilter

    return research_gaps(
        _rows_in(known, query.place),
        known.records,
        research=ResearchFilter(
            query.years, query.choice.types or RESEARCH, query.choice.theme or PILLARS
        ),
        facts=_facts(known),
        today=query.today,
    )


_FINDERS: Mapping[str, Callable[[_Known, GapQuery], pd.DataFrame]] = {
    "hotspots": _hotspots,
    "regions": _regions,
    "crowded": _crowded,
    "outside": _outside,
    "practices": _practices,
    "research": _research,
}


def _facts(known: _Known) -> RegionFacts:
    """Return what is known of the regions; their potential is the one that ranks."""
    from hotspots.analysis.gaps.region_gaps import RegionFacts

    ranking = known.edition.recipe.methods.ranking_potential
    return RegionFacts(known.members, known.outlines, known.completeness, f"{ranking}_total")


def _rows_in(known: _Known, place: Region | None) -> pd.DataFrame:
    """Return the rows of the region table that are in a region."""
    rows = known.edition.table
    if place is None:
        return rows
    return rows[rows.index.isin(_regions_in(place, known.members, known.outlines))]


def _choice_of(
    theme: str | Sequence[str] | None,
    practice_kind: str | Sequence[str] | None,
    land_use: str | Sequence[str] | None,
    types: str | Sequence[str] | None,
    active_only: bool,
) -> RecordFilter:
    """Return the records that count, from codes or their labels; see `gaps`."""
    from hotspots.analysis.gaps.records_table import RecordFilter, record_filter

    words = record_filter(theme, practice_kind, land_use, types, active_only)
    return RecordFilter(
        _codes("theme", words.theme),
        _codes("practice_kind", words.practice_kind),
        _codes("land_use", words.land_use),
        _codes("type", words.types),
        active_only,
    )


def _with_zones(records: gpd.GeoDataFrame, edition: Edition) -> gpd.GeoDataFrame:
    """Return records with missing climate zones filled in from the edition's cells."""
    import numpy as np
    import shapely

    from hotspots.analysis.gaps.records_table import shapes_of, tidy
    from hotspots.analysis.uncertainty.validation import sample_at
    from hotspots.layers.variables import CLIMATE_ZONES

    table = tidy(records)
    shapes = shapes_of(table)
    rows = np.flatnonzero((table["climate_zone"] == "") & ~shapely.is_missing(shapes))
    if "climate_zone" not in edition.rasters or not len(rows):
        return table
    layer = edition.rasters["climate_zone"]
    # A point within the footprint; its centroid may lie outside.
    at = shapely.point_on_surface(shapes[rows])
    codes = sample_at(layer, shapely.get_x(at), shapely.get_y(at)).to_numpy()
    # 0 and NaN are cells without a zone.
    zones = [CLIMATE_ZONES.get(int(code), "") for code in np.nan_to_num(codes)]
    table.loc[rows, "climate_zone"] = zones
    return table


def _area(region: object) -> Region | None:
    """Return the requested region; None for the whole area."""
    from hotspots.geo.regions import region as region_of

    found = None if region is None else region_of(region)
    return None if found is None or found.kind == "world" else found


def _hotspots_in(hotspots: gpd.GeoDataFrame, place: Region | None) -> gpd.GeoDataFrame:
    """Return the hotspots in a region, by their lists of countries or else by its outline."""
    from hotspots.analysis.gaps.hotspot_gaps import polygons_of
    from hotspots.geo.countries import countries
    from hotspots.geo.regions import initiative_members

    patches = polygons_of(hotspots)
    if place is None:
        return patches
    lists = [text.split(",") for text in patches["countries"]]
    if place.kind in ("country", "initiative") and any(
        code in countries() for codes in lists for code in codes
    ):
        # By list: an outline would also pick hotspots that touch the border from outside.
        ids = {place.id, *initiative_members().get(place.id, ())}
        return patches[[not ids.isdisjoint(codes) for codes in lists]]
    return patches[_meet(patches, place)]


def _meet(table: gpd.GeoDataFrame, place: Region) -> pd.Series:
    meets: pd.Series = table.geometry.intersects(place.geometry)
    return meets


def _regions_in(
    place: Region, members: Mapping[str, Sequence[str]], outlines: gpd.GeoDataFrame
) -> set[str]:
    """Return the ids of a region and its countries; for other areas, of countries intersected."""
    if place.kind in ("country", "initiative"):
        return {place.id, *members.get(place.id, ())}
    return set(outlines.loc[_meet(outlines, place), "id"])


def _codes(column: str, words: Collection[str]) -> tuple[str, ...]:
    """Return the codes for words; raise `BadInputError` on an unknown word.

    A word is a code, its label in a language, or the label up to its colon ("Pilier 2"). An
    unknown word would match no record, which would look like a gap.
    """
    from hotspots.registry.schema.fields import code_called
    from hotspots.registry.schema.vocabulary import vocabulary

    known = vocabulary()[column]
    heads: dict[str, set[str]] = {}
    for code, labels in known.items():
        for label in labels.values():
            head, colon, _ = label.partition(":")
            heads.setdefault(_plain(head) if colon else "", set()).add(code)
    found = []
    for word in words:
        short = heads.get(_plain(word), set())  # "Criterion" begins several labels: ambiguous
        meant = code_called(column, word) or (min(short) if len(short) == 1 else None)
        if meant is None:
            near = near_matches(word, known) or f". Give one of {', '.join(known)}."
            raise BadInputError(f"There is no {column.replace('_', ' ')} '{word}'{near}")
        found.append(meant)
    return tuple(found)


def _plain(word: str) -> str:
    from hotspots.geo.countries import key

    return key(word).replace(" ", "")


def _ranked(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return rows with ranks from 1."""
    table = table.reset_index(drop=True)
    table["rank"] = table.index + 1
    return table


def _involved(table: pd.DataFrame, members: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the countries named in a table."""
    found: set[str] = set()
    # Only the first of these: where there are countries, `id` is a hotspot's.
    for column in ("countries", "country", "region", "id"):
        if column in table:
            for text in set(table[column].astype(str)):
                for code in text.split(","):
                    found |= set(members.get(code, (code,)))
            break
    return found
