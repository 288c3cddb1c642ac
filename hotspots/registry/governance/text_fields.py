"""What people give beside records: short texts (holders, reasons, notes), and regions."""

from __future__ import annotations

from hotspots.errors import BadInputError, near_matches
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import SEPARATOR, fields


def checked(what: str, text: str, most: int) -> str:
    """Return a text in one form, without line ends.

    Parameters
    ----------
    what
        What it is, for the message: "The reason".
    text
        As given; "" stays "".
    most
        Most characters.

    Raises
    ------
    BadInputError
        It is too long, or holds an e-mail address, a telephone number, HTML or control characters:
        it will be shown to all and stays.
    """
    if values.personal_in(values.clean(text)):
        raise BadInputError(
            f"{what} holds an e-mail address or telephone number. Leave it out; others will read"
            " it."
        )
    try:
        clean = " ".join((values.read(fields()["summary"], text) or "").split())
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
        What they are of, for the message: "a survey".
    text
        Codes or countries' names, joined by ";".
    units
        Whether the message shall name first-level units too.

    Raises
    ------
    BadInputError
        One of them isn't known.
    """
    found: list[str] = []
    for part in filter(None, map(str.strip, text.split(SEPARATOR))):
        try:
            found += values.read(fields()["regions"], part) or ()
        except ValueError as fault:
            raise BadInputError(_unknown(part, what, units)) from fault
    return tuple(dict.fromkeys(found))


def _unknown(given: str, what: str, units: bool) -> str:
    from hotspots.geo.initiative import groups

    unit = "a first-level unit such as KE-31, " if units else ""
    listed = ", ".join(groups())
    return (
        f"'{given[:60]}' is no region of {what}{near_matches(given, groups()) or '.'} Give a"
        f" country (KEN or Kenya), {unit}world, or a region of the Initiative: {listed}."
    )
