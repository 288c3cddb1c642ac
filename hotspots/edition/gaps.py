"""Gaps between an edition and a registry, for notebooks, the command line and the API."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

from hotspots.errors import BadInputError, near_matches

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from hotspots.analysis.gaps.records_table import RecordFilter
    from hotspots.edition.edition import Edition
    from hotspots.geo.regions import Region

KINDS = ("hotspots", "regions", "crowded", "outside", "practices", "research")
_DETAIL = "50m"


class HasRecords(Protocol):
    """A registry; its attribute ``surveys`` (region, level, on, note) is read if present."""

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
        Ranked; columns as in ``hotspots.edition.gaps.COLUMNS``. ``attrs`` has ``edition`` (its
        id), ``of``, ``within_km`` and ``statement``, on how complete the registry is there; for
        "practices" also ``practices`` and ``left_out``, see `practice_gaps`.

    Raises
    ------
    BadInputError
        The kind of table or a code is unknown, or the distance is out of range.

    Notes
    -----
    For "practices", a record without a climate zone whose place is a town or more precise has the
    zone of the edition's cell there (for a footprint, at a point within it).
    """
    from hotspots.analysis.gaps.records_table import RecordFilter, record_filter
    from hotspots.geo.regions import initiative_members, regions
    from hotspots.registry.completeness import completeness, statement

    if of not in KINDS:
        raise BadInputError(
            f"There are no gaps of '{of}'. Give one of {', '.join(KINDS)}"
            f"{near_matches(of, KINDS) or '.'}"
        )
    filters = record_filter(theme, practice_kind, land_use, types, active_only)
    choice = RecordFilter(
        _codes("theme", filters.theme),
        _codes("practice_kind", filters.practice_kind),
        _codes("land_use", filters.land_use),
        _codes("type", filters.types),
        active_only,
    )
    members, outlines = initiative_members(), regions("countries", _DETAIL)
    known = completeness(
        registry.records,
        getattr(registry, "surveys", None),
        members=members,
        outlines=outlines,
        today=today,
    )
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
    edition: Edition,
    registry: HasRecords,
    of: str,
    choice: RecordFilter,
    place: Region | None,
    shared: dict[str, Any],
) -> gpd.GeoDataFrame | pd.DataFrame:
    from hotspots.analysis.gaps import crowded, outside, practice_gaps
    from hotspots.analysis.gaps import gaps as hotspot_gaps

    records = registry.records
    if of == "outside":
        found = outside(
            edition.hotspots,
            records,
            choice=choice,
            within_km=shared["within_km"],
            today=shared["today"],
        )
        return found if place is None else _ranked(found[_meet(found, place)])
    patches = _hotspots_in(edition.hotspots, place)
    members = shared.pop("members")
    if of == "hotspots":
        return hotspot_gaps(patches, records, members=members, **vars(choice), **shared)
    if of == "crowded":
        return crowded(patches, records, choice=choice, **shared)
    return practice_gaps(patches, _with_zones(records, edition), choice=choice, **shared)


def _with_zones(records: gpd.GeoDataFrame, edition: Edition) -> gpd.GeoDataFrame:
    """Return records with missing climate zones filled in from the edition's cells."""
    import numpy as np
    import shapely
    import xarray as xr
    from pyproj import Transformer

    from hotspots.analysis.gaps.records_table import shapes_of, tidy
    from hotspots.layers.grid import axis_names, crs_of, grid_of
    from hotspots.layers.variables import CLIMATE_ZONES

    table = tidy(records)
    shapes = shapes_of(table)
    rows = np.flatnonzero((table["climate_zone"] == "") & ~shapely.is_missing(shapes))
    if "climate_zone" not in edition.rasters or not len(rows):
        return table
    layer = edition.rasters["climate_zone"]
    at, grid = shapely.point_on_surface(shapes[rows]), grid_of(layer)
    carry = Transformer.from_crs("EPSG:4326", crs_of(layer), always_xy=True)
    x, y = carry.transform(shapely.get_x(at), shapely.get_y(at))
    column = np.floor((np.asarray(x) - grid.transform.c) / grid.transform.a)
    row = np.floor((np.asarray(y) - grid.transform.f) / grid.transform.e)
    within = (row >= 0) & (row < grid.shape[0]) & (column >= 0) & (column < grid.shape[1])
    down, across = (
        xr.DataArray(cells[within].astype(int), dims="record") for cells in (row, column)
    )
    y_name, x_name = axis_names(layer)
    codes = layer.isel({y_name: down, x_name: across}).to_numpy()
    zones = [CLIMATE_ZONES.get(int(code), "") for code in np.nan_to_num(codes)]
    table.loc[rows[within], "climate_zone"] = zones
    return table


def _of_regions(
    edition: Edition,
    registry: HasRecords,
    of: str,
    choice: RecordFilter,
    place: Region | None,
    years: float,
    shared: dict[str, Any],
) -> pd.DataFrame:
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
    for column in ("countries", "country", "region", "id"):
        if column in table:
            for text in set(table[column].astype(str)):
                for code in text.split(","):
                    found |= set(members.get(code, (code,)))
            break
    return found
