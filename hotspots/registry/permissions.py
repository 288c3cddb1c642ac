"""Actors, roles and permissions of a registry; all access rules are defined here.

======================  ======  =============  ======  =============
what                    reader  correspondent  editor  administrator
======================  ======  =============  ======  =============
read public fields      yes     yes            yes     yes
read personal fields    no      own regions    yes     yes
change, merge, decide   no      own regions    yes     yes
erase personal data     no      own regions    yes     yes
declare a survey        no      own regions    yes     yes
tokens, restore         no      no             no      yes
======================  ======  =============  ======  =============

Anyone may make a suggestion. Regions may overlap: the first decision on a suggestion is final.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from hotspots.errors import BadInputError, NotAllowedError
from hotspots.locale.messages import Message
from hotspots.registry.schema.records import Record, list_of, text_of

READER, CORRESPONDENT, EDITOR, ADMINISTRATOR = "reader", "correspondent", "editor", "administrator"
ROLES = (READER, CORRESPONDENT, EDITOR, ADMINISTRATOR)


@dataclass(frozen=True)
class Actor:
    """An actor: a name for the history, a role, and the regions of a correspondent.

    Attributes
    ----------
    name : str
        Name recorded in the history; the holder of a token.
    role : str
        One of `ROLES`.
    regions : tuple of str
        Ids of countries and regions of the initiative, or "world"; only for a correspondent.
    """

    name: str
    role: str
    regions: tuple[str, ...] = ()

    @property
    def countries(self) -> frozenset[str]:
        """Ids of the countries whose records a correspondent may change."""
        return frozenset().union(*(countries_of(region) for region in self.regions))


# A local user of a registry that has no administrator token.
LOCAL = Actor("local", ADMINISTRATOR)
# A user without a token, for a registry that has an administrator token.
PUBLIC = Actor("public", READER)


def may_keep(actor: Actor, record: Record | None) -> bool:
    """Return whether the actor may change a record and see its personal fields (None: any)."""
    if actor.role in (EDITOR, ADMINISTRATOR):
        return True
    if actor.role != CORRESPONDENT:
        return False
    if record is None:
        return True
    home = home_of(record)
    # All of its countries: a record of several isn't one correspondent's alone.
    return bool(home) and home <= actor.countries


def require_keep(actor: Actor, record: Record, doing: str = "change") -> None:
    """Raise `NotAllowedError` unless the actor may change the record."""
    if may_keep(actor, record):
        return
    countries = sorted(home_of(record))
    home = ", ".join(countries[:5]) + (f" and {len(countries) - 5} more" if countries[5:] else "")
    called = str(record.get("id") or record.get("name"))
    if doing in ("change", "add", "move"):  # of an import, whose messages are in three languages
        kind = f"permit.{doing}" if home else f"permit.{doing}_nowhere"
        who, remedy = _named(actor), _remedy(actor)
        raise NotAllowedError(Message(kind, who=who, id=called, home=home, remedy=remedy))
    where = f"which is in {home}" if home else "without a country or region"
    raise NotAllowedError(f"{_named(actor)} may not {doing} '{called}', {where}. {_remedy(actor)}")


def require_role(actor: Actor, *roles: str, doing: str) -> None:
    """Raise `NotAllowedError` unless the actor has one of the roles."""
    if actor.role not in roles:
        raise NotAllowedError(
            f"{_named(actor)} may not {doing}; the role needed is {' or '.join(roles)}. Give a"
            " token of that role with --token-file or HOTSPOTS_TOKEN."
        )


def home_of(record: Record) -> frozenset[str]:
    """Return the countries that determine who maintains a record: its country, else its regions."""
    if country := text_of(record, "country"):
        return frozenset([country])
    return frozenset().union(*map(countries_of, list_of(record, "regions")))


@cache
def countries_of(region: str) -> frozenset[str]:
    """Return the ids of a region's countries; for a first-level unit, its country.

    Raises
    ------
    BadInputError
        Unknown region.
    """
    from hotspots.geo.countries import countries
    from hotspots.geo.initiative import groups

    if region == "world":
        # "world" itself, so that world-wide records are only of those responsible for the world.
        return frozenset(countries()) | {"world"}
    if region in countries():
        return frozenset([region])
    if region in groups():
        return frozenset(groups()[region].members)
    found = [
        row.id for row in countries().values() if row.iso2 and region.startswith(row.iso2 + "-")
    ]
    if found:
        return frozenset(found[:1])
    raise BadInputError(
        f"'{region}' is not a region of a registry. Give a country's code such as KEN, a region of"
        f" the initiative ({', '.join(groups())}) or world."
    )


def _named(actor: Actor) -> str:
    return Message("permit.public") if actor is PUBLIC else f"'{actor.name}' ({actor.role})"


def _remedy(actor: Actor) -> Message:
    if actor.role == CORRESPONDENT:
        return Message("permit.correspondent", regions=", ".join(actor.regions))
    return Message("permit.token")
