"""Short texts that people give beside records: names of holders, reasons, notes."""

from __future__ import annotations

from hotspots.errors import BadInputError
from hotspots.registry import values
from hotspots.registry.fields import fields


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
