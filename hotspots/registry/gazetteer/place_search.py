"""Geocoding of names and codes: countries, ISO 3166-2 units and towns, with coordinates.

Rules that identify the place of a name (`place`):

- A code in capitals is the place with that code: "KE", "KEN", "KE-31", "geonames:184622".
- Terms after a comma narrow the search: "Paris, Texas, USA", "Nakuru, KE", "Paris, US-TX".
- The name of a country is the country, even if a town in it has the same name ("Luxembourg");
  within a given country, it is the town.
- The name of a unit and of a town in it is the town ("Nairobi"), unless that is only a short
  form of the town's name, as for New York City: "New York" is the state.
- A town for which it is only an alternative or historical spelling is ignored if a country or a
  more populous town has this name ("London", once also a name of other towns).
- If several remain, they are listed to choose from. Population is not a criterion:
  "Paris" may be in France or in Texas, "Georgia" a country or a state.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from hotspots.errors import BadInputError, near_matches
from hotspots.geo import countries as land
from hotspots.locale.messages import Message, any_of
from hotspots.registry.gazetteer import gazetteer

KINDS = ("country", "unit", "city")

_PRECISIONS = {"country": "country", "unit": "region", "city": "locality"}
_MOST_CHOICES = 10
_NEAR = 0.6  # least similarity of a name that is offered
_ID = re.compile(r"geonames:(\d+)")


@dataclass(frozen=True)
class Place:
    """A place of the gazetteer.

    Attributes
    ----------
    name : str
        In English if available, else the local name.
    kind : str
        "country", "unit" or "city".
    country : str
        Id as in `hotspots.geo.countries`.
    unit : str
        ISO 3166-2 code: that of the unit, or of the largest that holds the city; "" if not known.
    latitude, longitude : float
        Degrees, EPSG:4326. For a country those of its capital, for a unit those of its most
        populous town: a point within it but not its centre. Without a capital, a point on its land.
    precision : str
        What the point represents: "country", "region" or "locality".
    population : int or None
        Of a city, where GeoNames has it.
    source : str
        Source of the point.
    """

    name: str
    kind: str
    country: str
    unit: str
    latitude: float
    longitude: float
    precision: str
    population: int | None
    source: str


@dataclass(frozen=True)
class _Match:
    """A place with the requested name; `own` if it is its main name."""

    place: Place
    own: bool
    units: frozenset[str]  # those that hold it, itself included
    countries: frozenset[str]  # likewise: Cayenne is in French Guiana (GUF) and in France
    town: gazetteer.City | None = None


def find_places(text: str, *, country: str = "", unit: str = "", kind: str = "") -> list[Place]:
    """Return all places that match `text`: main names first, then by population.

    Parameters
    ----------
    text
        A name in English, French, Spanish or its own language in Latin letters, a spelling known to
        GeoNames, or a code; case and accents are ignored. Enclosing units may follow after commas.
    country, unit
        A code or name that narrows the search.
    kind
        One of `KINDS`, or "" for any.

    Raises
    ------
    BadInputError
        Unknown `country`, `unit` or `kind`.
    """
    return [match.place for match in _matches(text, country, unit, kind)]


def place(text: str, *, country: str = "", unit: str = "", kind: str = "") -> Place:
    """Return the place identified by `text`; the parameters are those of `find_places`.

    Parameters
    ----------
    text : str
        A name or code; enclosing units may follow after commas, as in "Nakuru, KE".
    country, unit : str
        A code or name that narrows the search; "" for any.
    kind : str
        One of `KINDS`, or "" for any.

    Raises
    ------
    BadInputError
        No match, several matches (the message lists up to ten unambiguous texts), or the place
        has no point.
    """
    found = _matches(text, country, unit, kind)
    if not found:
        raise BadInputError(_unknown(text, country, unit))
    likely = _likely(found, within_country=bool(country))
    if len(likely) > 1:
        raise BadInputError(_several(text, likely))
    return likely[0].place


def countries_of_place(text: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return where places of this name are: all their countries, and those of the likeliest ones.

    A place may be in two: Cayenne is in French Guiana and in France. The second part has one
    country a place, those of main names and large towns first.
    """
    found = _matches(text, "", "", "")
    everywhere = frozenset(code for match in found for code in match.countries)
    return everywhere, tuple(dict.fromkeys(match.place.country for match in found))


def _matches(text: str, country: str, unit: str, kind: str) -> list[_Match]:
    if kind and kind not in KINDS:
        raise BadInputError(f"There is no kind of place '{kind}'. Give {', '.join(KINDS)}.")
    limits = [_country_limit(country)] if country.strip() else []
    limits += [_unit_limit(unit)] if unit.strip() else []
    # The whole text first: a name may contain a comma.
    for head, qualifiers in _readings(text):
        qualifier_limits = [_limit(word) for word in qualifiers]
        found = [
            match
            for match in _called(head)
            if kind in ("", match.place.kind)
            and all(_within(match, x) for x in limits + qualifier_limits)
        ]
        if found:
            return sorted(found, key=_order)
    return []


def _readings(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield (name, qualifiers) for each split of the text at commas, the whole text first."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    for count in range(len(parts), 0, -1):
        yield ", ".join(parts[:count]), parts[count:]


# A limit: the country ids, unit codes and suffix of unit codes (TX) that match a word.
_Limit = tuple[set[str], set[str], str]


def _limit(word: str) -> _Limit:
    if word.upper() in gazetteer.units():
        return set(), {word.upper()}, ""
    return set(land.find(word)), set(gazetteer.units_called(land.key(word))), word.upper()


def _country_limit(text: str) -> _Limit:
    if not (ids := set(land.find(text))):
        known = (name for name, _ in land.known_names())
        raise BadInputError(
            f"There is no country '{text}'{near_matches(text, known) or '.'} Give an ISO code or a"
            " name."
        )
    return ids, set(), ""


def _unit_limit(text: str) -> _Limit:
    code = text.strip().upper()
    codes = {code} if code in gazetteer.units() else set(gazetteer.units_called(land.key(text)))
    if not codes:
        raise BadInputError(
            f"There is no unit '{text}'. Give an ISO 3166-2 code, such as KE-31, or a name."
        )
    return set(), codes, ""


def _within(match: _Match, limit: _Limit) -> bool:
    ids, codes, suffix = limit
    suffixes = {code.partition("-")[2] for code in match.units}
    return bool(match.countries & ids) or bool(match.units & codes) or suffix in suffixes


def _order(match: _Match) -> tuple[bool, int, int]:
    return not match.own, KINDS.index(match.place.kind), -(match.place.population or 0)


def _called(text: str) -> list[_Match]:
    """Return the places with this name or code."""
    if number := _ID.fullmatch(text.strip().casefold()):
        town = gazetteer.cities().get(int(number[1]))
        return [_city(town, own=True)] if town else []
    if unit := gazetteer.units().get(text.strip().upper()):
        return [match for match in [_unit(unit)] if match]
    name_key = land.key(text)
    found: list[_Match | None] = [_country(code) for code in land.find(text)]
    # A code in capitals is the country, even if a town elsewhere is called so.
    if found and text.isupper() and len(text) <= 3:
        return [match for match in found if match]
    found += [_unit(gazetteer.units()[code]) for code in gazetteer.units_called(name_key)]
    found += [_city(town, own) for town, own in gazetteer.cities_called(name_key)]
    return [match for match in found if match is not None]


def _city(town: gazetteer.City, own: bool) -> _Match:
    twin = gazetteer.twin_of(town.country)
    units = [holder for code in (*town.units, twin) for holder in gazetteer.holders(code)]
    nations = [_id_of(code) for code in (town.country, twin.partition("-")[0]) if code]
    item = Place(
        name=town.name,
        kind="city",
        country=_id_of(town.country),
        unit=town.units[0] if town.units else "",
        latitude=town.latitude,
        longitude=town.longitude,
        precision=_PRECISIONS["city"],
        population=town.population or None,
        source=f"GeoNames {town.id}",
    )
    return _Match(item, own, frozenset(units), frozenset(nations), town)


def _unit(unit: gazetteer.Unit) -> _Match | None:
    town = gazetteer.cities().get(unit.city)
    if town is None:
        return None
    item = Place(
        name=unit.names[0],
        kind="unit",
        country=_id_of(unit.code.partition("-")[0]),
        unit=unit.code,
        latitude=town.latitude,
        longitude=town.longitude,
        precision=_PRECISIONS["unit"],
        population=None,
        source=f"GeoNames {town.id} ({town.name}, the most populous town in it)",
    )
    holders = frozenset(gazetteer.holders(unit.code))
    return _Match(item, True, holders, frozenset([item.country]))


def _country(code: str) -> _Match:
    country = land.countries()[code]
    town = gazetteer.capital(country.iso2) if country.iso2 else None
    if town:
        latitude, longitude = town.latitude, town.longitude
        source = f"GeoNames {town.id} ({town.name}, the capital)"
    else:
        point = land.outline(code).representative_point()
        # Four decimals (11 m), as the towns' points have.
        latitude, longitude = round(point.y, 4), round(point.x, 4)
        source = "Natural Earth (a point within the outline)"
    item = Place(
        name=country.names["en"],
        kind="country",
        country=code,
        unit="",
        latitude=latitude,
        longitude=longitude,
        precision=_PRECISIONS["country"],
        population=None,
        source=source,
    )
    return _Match(item, True, frozenset(), frozenset([code]))


def _id_of(iso2: str) -> str:
    return land.find(iso2)[0]


def _likely(found: list[_Match], within_country: bool) -> list[_Match]:
    """Return the matches that remain after the rules in the module docstring."""
    nations = {match.place.country for match in found if match.place.kind == "country"}
    inner = [match for match in found if match.place.kind != "country"]
    if within_country and inner:
        found = inner
    else:
        found = [m for m in found if m.place.kind == "country" or m.place.country not in nations]
    towns = [match for match in found if match.town and not _is_short_for(match, found)]
    units = [m for m in found if m.place.kind == "unit" and not _holds_one(m, towns)]
    top = max((m.place.population or 0 for m in towns if m.own), default=0)
    land_so_called = [m for m in found if m.place.kind == "country"]
    spelt = [m for m in towns if (m.place.population or 0) > top and not land_so_called]
    return [*land_so_called, *_outermost(units), *(m for m in towns if m.own or m in spelt)]


def _is_short_for(match: _Match, found: Iterable[_Match]) -> bool:
    """Return whether the name is a short form of a town's, as New York for New York City."""
    return not match.own and any(
        land.key(match.place.name).startswith(land.key(m.place.name) + " ")
        for m in found
        if m.place.kind == "unit" and m.place.unit in match.units
    )


def _holds_one(unit: _Match, towns: Iterable[_Match]) -> bool:
    return any(unit.place.unit in town.units for town in towns)


def _outermost(units: list[_Match]) -> list[_Match]:
    codes = {match.place.unit for match in units}
    return [match for match in units if not (match.units - {match.place.unit}) & codes]


def _unknown(text: str, country: str, unit: str) -> Message:
    limits = [limit for limit in (unit or country,) if limit]
    called = ", ".join([text, *limits])
    head = text.split(",")[0].strip()
    ids = set(land.find(country)) if country else set()
    known = [
        town.name for town in gazetteer.cities_like(head) if not ids or _id_of(town.country) in ids
    ]
    by_key = {name.casefold(): name for name in known}
    near = [by_key[key] for key in get_close_matches(head.casefold(), by_key, cutoff=_NEAR)]
    if near:
        return Message("place.unknown_near", place=called, near=any_of(near))
    return Message("place.unknown", place=called)


def _several(text: str, matches: list[_Match]) -> Message:
    listed = "; ".join(map(_choice, sorted(matches, key=_order)[:_MOST_CHOICES]))
    more = len(matches) - _MOST_CHOICES
    key = "place.several_more" if more > 0 else "place.several"
    return Message(key, place=text, listed=lambda _: listed, more=more)


def _choice(match: _Match) -> str:
    """Return a text that identifies this match uniquely, such as "Springfield, US-IL"."""
    if match.town is None:
        return match.place.unit or match.place.country
    text = f"{match.place.name}, {match.town.units[-1] if match.town.units else match.town.country}"
    # Offered only if `place` would find this town, and it alone, by this text.
    meant = _likely(_matches(text, "", "", ""), within_country=False)
    alone = [other.place for other in meant] == [match.place]
    return text if alone else f"geonames:{match.town.id}"
