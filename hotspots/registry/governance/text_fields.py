"""Validation of short texts (holders, reasons, notes) and regions given outside of records."""

from __future__ import annotations

from hotspots.errors import BadInputError, near_matches
from hotspots.registry.schema import values
from hotspots.registry.schema.addresses import personal_in
from hotspots.registry.schema.fields import SEPARATOR, fields


def checked(what: str, text: str, most: int) -> str:
    """Return a normalised text in one line.

    Parameters
    ----------
    what
        Its name in messages: "The reason".
    text
        The text; "" is allowed.
    most
        Maximum number of characters.

    Raises
    ------
    BadInputError
        It is too long, or contains an e-mail address, a telephone number, HTML or control
        characters, since it is published permanently.
    """
    if personal_in(values.clean(text)):
        raise BadInputError(
            f"{what} contains an e-mail address or telephone number. Leave it out; others will read"
            " it."
        )
    try:
        clean = " ".join(values.write(values.read(fields()["summary"], text)).split())
    except ValueError as fault:
        raise BadInputError(f"{what} can't be used: {fault}.") from fault
    if len(clean) > most:
        raise BadInputError(f"{what} has {len(clean):,} characters; at most {most:,} are taken.")
    return clean


def regions(what: str, text: str, *, units: bool) -> tuple[str, ...]:
    """Return the codes of regions.

    Parameters
    ----------
    what
        Their purpose in messages: "a survey".
    text
        Codes or countries' names, joined by ";".
    units
        Whether messages mention first-level units too.

    Raises
    ------
    BadInputError
        One of them is unknown.
    """
    found: list[str] = []
    for part in filter(None, map(str.strip, text.split(SEPARATOR))):
        try:
            found += values.read_list(fields()["regions"], part)
        except ValueError as fault:
            raise BadInputError(_unknown(part, what, units)) from fault
    return tuple(dict.fromkeys(found))


def _unknown(given: str, what: str, units: bool) -> str:
    from hotspots.geo.initiative import groups

    unit = "a first-level unit such as KE-31, " if units else ""
    listed = ", ".join(groups())
    return (
        f"'{given[:60]}' is not a region of {what}{near_matches(given, groups()) or '.'} Give a"
        f" country (KEN or Kenya), {unit}world, or a region of the Initiative: {listed}."
    )
