"""Completeness of a country's records: absence of a record is not evidence of absence.

A registry holds no information on actors that were never recorded. What can be reported is the
number of records of a country, the date of their last verification, and whether a correspondent
has declared a survey of the country.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from hotspots.analysis.gaps.columns import COMPLETENESS, NO_RECORD
from hotspots.analysis.gaps.membership import region_pairs
from hotspots.analysis.gaps.records_table import WORLD, country_of, last_day, tidy
from hotspots.errors import RegistryError
from hotspots.geo.countries import countries
from hotspots.locale import counted
from hotspots.locale.messages import Message

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

FRESH_YEARS = 2
_DETAIL = "50m"  # of the outlines
TYPES = ("organisation", "project", "research_action", "practice")
LEVELS = ("complete", "partial")
SURVEY_COLUMNS = ("region", "level", "on", "note")

# Mean year of the Gregorian calendar.
_YEAR_DAYS = 365.2425
_NOTHING, _RECORDS, _PARTLY, _SURVEYED = COMPLETENESS

# Column -> (unit, meaning).
COLUMNS: Mapping[str, tuple[str, str]] = {
    "name_en": ("", "name in English"),
    "records": ("1", "records that count in the country, ended ones too"),
    **{kind: ("1", f"of these, of type {kind}") for kind in TYPES},
    "verified_share": ("1", f"share of them verified within {FRESH_YEARS} years; empty if none"),
    "newest_verified": ("", "newest day of verification, or empty"),
    "survey_level": ("", "the best survey declared: complete, partial or none"),
    "survey_on": ("", "its day"),
    "survey_note": ("", "what its correspondent says of it"),
    "code": ("", f"from worst to best: {', '.join(COMPLETENESS)}"),
    "sentence": ("", "the same in words"),
}


def completeness(
    records: gpd.GeoDataFrame | pd.DataFrame,
    surveys: pd.DataFrame | None = None,
    *,
    members: Mapping[str, Sequence[str]] | None = None,
    outlines: gpd.GeoDataFrame | None = None,
    today: date | None = None,
) -> pd.DataFrame:
    """Assess the completeness of each country's records.

    Parameters
    ----------
    records : GeoDataFrame
        Records of a registry.
    surveys : DataFrame, optional
        Surveys declared by correspondents: region (a country, ISO 3166-2 code, region of `members`
        or "world"), level (complete or partial), on (a date) and note.
    members : mapping of str to sequence of str, optional
        Countries of each region of the initiative.
    outlines : GeoDataFrame, optional
        id and polygons of countries, for records located only by coordinates or footprint.
    today : date, optional
        Reference date; the current date by default.

    Returns
    -------
    DataFrame
        One row per country, indexed by id; columns in `COLUMNS`.

    Raises
    ------
    RegistryError
        A survey has an unknown region or level, or no date.

    Notes
    -----
    "surveyed" requires a complete survey of the whole country within the last two years; an older
    survey, a partial one or one of a first-level unit yields "partly_surveyed". Verifying records
    is not a survey: it gives no information on actors that are not recorded.
    """
    import pandas as pd

    day, table = today or date.today(), tidy(records)
    pairs = region_pairs(table, {}, outlines)[["record", "region"]].drop_duplicates()
    pairs = pairs.join(_facts(table, day), on="record")
    found = pd.DataFrame({"name_en": {code: c.names["en"] for code, c in countries().items()}})
    groups = pairs.groupby("region")
    found["records"] = groups.size().reindex(found.index, fill_value=0)
    kinds = pd.crosstab(pairs["region"], pairs["type"])
    kinds = kinds.reindex(index=found.index, columns=list(TYPES), fill_value=0)
    found = found.join(kinds)
    found["verified_share"] = groups["fresh"].mean().astype("float64")
    found["newest_verified"] = groups["verified_on"].max()
    found["newest_verified"] = found["newest_verified"].fillna("")
    best = _surveys(surveys, members or {}, day)
    for name in ("level", "on", "note"):
        column = pd.Series({code: getattr(s, name) for code, s in best.items()}, dtype=object)
        found[f"survey_{name}"] = column.reindex(found.index).fillna("")
    declared = pd.Series({code: survey.code for code, survey in best.items()}, dtype=object)
    alone = found["records"].gt(0).map({True: _RECORDS, False: _NOTHING})
    found["code"] = declared.reindex(found.index).fillna(alone)
    found["sentence"] = [_sentence(dict(row), str(code)) for code, row in found.iterrows()]
    return found.rename_axis("id")


def registry_completeness(registry: HasRecords, *, today: date | None = None) -> pd.DataFrame:
    """Assess the completeness of a registry's records, by country: see `completeness`.

    Notebook, command line and gaps call this one function: with the registry's surveys, the
    members of the initiative's regions, and the packaged outlines for records without a country.

    Parameters
    ----------
    registry : object with ``records`` (GeoDataFrame) and optionally ``surveys`` (DataFrame)
        See `hotspots.open_registry`.
    today : date, optional
        Reference date; the current date by default.
    """
    from hotspots.geo.regions import initiative_members, regions

    return completeness(
        registry.records,
        getattr(registry, "surveys", None),
        members=initiative_members(),
        outlines=regions("countries", _DETAIL),
        today=today,
    )


def statement(table: pd.DataFrame) -> Message:
    """Summarise a table of `completeness` in one or two sentences."""
    absence = Message("records.absence")
    if len(table) == 1:
        row = dict(table.iloc[0])
        return Message(
            "completeness.one", country=_country(row, str(table.index[0])), absence=absence
        )
    counts = table["code"].value_counts().to_dict()
    whole, part = counts.get(_SURVEYED, 0), counts.get(_PARTLY, 0)
    shown = {"count": f"{len(table)}", "empty": f"{counts.get(_NOTHING, 0)}", "absence": absence}
    if not whole and not part:
        return Message("completeness.none", **shown)
    return Message("completeness.some", whole=f"{whole}", part=f"{part}", **shown)


def _facts(records: pd.DataFrame, today: date) -> pd.DataFrame:
    days = [last_day(text) for text in records["verified_on"]]
    fresh = [d is not None and (today - d).days <= FRESH_YEARS * _YEAR_DAYS for d in days]
    return records[["type", "verified_on"]].assign(fresh=fresh)


@dataclass(frozen=True)
class _Survey:
    """A survey of a country, and the code of `COMPLETENESS` that it amounts to."""

    code: str
    level: str
    on: str
    note: str

    @property
    def rank(self) -> tuple[int, str]:
        """Key by which the best survey of a country is chosen."""
        return COMPLETENESS.index(self.code), self.on


def _surveys(
    surveys: pd.DataFrame | None, members: Mapping[str, Sequence[str]], today: date
) -> dict[str, _Survey]:
    """Return the best survey of each country: the highest code, then the most recent."""
    best: dict[str, _Survey] = {}
    for row in [] if surveys is None else surveys.to_dict("records"):
        region, level = str(row.get("region", "")), str(row.get("level", ""))
        day = last_day(str(row.get("on") or ""))
        ids, in_part = _covered(region, members)
        if level not in LEVELS or day is None or not ids:
            raise RegistryError(
                f"The survey of '{region}' (level '{level}', on '{row.get('on', '')}') can't be"
                " read. Give a country, a unit such as KE-31, a region of the initiative or"
                " world; complete or partial; and a day."
            )
        old = (today - day).days > FRESH_YEARS * _YEAR_DAYS
        code = _PARTLY if in_part or old or level == LEVELS[1] else _SURVEYED
        note = row.get("note")
        found = _Survey(
            code,
            level=LEVELS[1] if in_part else level,
            on=day.isoformat(),
            note=note if isinstance(note, str) else "",
        )
        for country in ids:
            if country not in best or best[country].rank < found.rank:
                best[country] = found
    return best


class HasRecords(Protocol):
    """A registry; its attribute ``surveys`` (region, level, on, note) is read if present."""

    @property
    def records(self) -> gpd.GeoDataFrame:
        """The records."""
        ...


class _Covered(NamedTuple):
    countries: Sequence[str]
    in_part: bool = False  # whether only a part of a country is covered


def _covered(region: str, members: Mapping[str, Sequence[str]]) -> _Covered:
    """Return the countries of a surveyed region; none for an unknown one."""
    if region == WORLD:
        return _Covered(tuple(countries()))
    if region in countries():
        return _Covered((region,))
    if region in members:
        return _Covered(members[region])
    unit = country_of(region)
    return _Covered((unit,), in_part=True) if unit else _Covered(())


def countries_in(region: object) -> set[str]:
    """Return the ids of a region's countries; of a drawn one, those that it meets.

    Parameters
    ----------
    region
        As for `hotspots.region`.
    """
    from hotspots.geo.regions import initiative_members, regions
    from hotspots.geo.regions import region as region_of

    place = region_of(region)
    if place.kind == "world":
        return set(countries())
    if place.kind in ("country", "initiative"):
        return {place.id, *initiative_members().get(place.id, ())}
    outlines = regions("countries", _DETAIL)
    return set(outlines.loc[outlines.intersects(place.geometry), "id"])


def old_since(today: date) -> str:
    """Return the day, in ISO form, before which a verification no longer counts as recent."""
    return (today - timedelta(days=int(FRESH_YEARS * _YEAR_DAYS))).isoformat()


def _sentence(row: Mapping[Hashable, Any], country: str) -> str:
    ending = "" if row["survey_level"] else f" {NO_RECORD}"
    return f"{_country(row, country)}.{ending}"


def _country(row: Mapping[Hashable, Any], country: str) -> Message:
    """Return what is known of a country's records, without a full stop."""
    names, count, newest = countries()[country].names, int(row["records"]), row["newest_verified"]
    level = row["survey_level"] or "never"
    kind = "" if not count else "_newest" if newest else "_unverified"
    return Message(
        f"completeness.country{kind}",
        name=lambda lang: names[lang],
        records=lambda lang: counted("completeness.records", count, lang),
        day=str(newest),
        survey=Message(f"completeness.{level}", day=str(row["survey_on"])),
    )
