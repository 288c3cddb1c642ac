"""Addresses and identifiers as people write them: web, ROR, DOI, e-mail, telephone."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from urllib.parse import urlsplit

from hotspots.locale.messages import Message

_DOI = re.compile(r"10\.\d{4,9}/\S+")
# Base 32 without i, l, o and u, then two check digits.
_ROR = re.compile(r"https://ror\.org/0[a-hj-km-np-tv-z0-9]{6}[0-9]{2}")
_EMAIL = re.compile(r"[^\s@<>(),;:\"]+@[^\s@<>(),;:\"]+\.[^\s@<>(),;:\".]{2,}")
_BRACKETED_EMAIL = re.compile(r"[^<>@]*<\s*([^<>]+?)\s*>")
_AT = re.compile(r"\s*[\[(](?:at|arobase|arroba|@)[\])]\s*", re.IGNORECASE)
_PHONE = re.compile(r"\+?[\d][\d ()./-]{4,24}\d")
_PHONE_LABEL = re.compile(
    r"(?:t[e\u00e9]l[e\u00e9]?(?:phone|fono)?|phone|mobile|cell|m[o\u00f3]vil)[.\s]*:?\s*",
    re.IGNORECASE,
)
_MOST_DIGITS = 15  # of an international number (E.164)
_INTERNATIONAL_PHONE = re.compile(r"(?<![\w+.])(?:\+|00)[1-9][\d ()./-]{6,}\d(?!\w)")
_HOST = re.compile(
    r"(?:[^\W_](?:[\w-]*[^\W_])?\.)+(?P<last>[a-z]{2,24})(?::\d{1,5})?(?:[/?#]\S*)?", re.I
)
# Endings of names without www. that are taken for web addresses; those of countries are added.
_ENDINGS = frozenset({"com", "org", "net", "int", "edu", "gov", "info", "eu", "uk", "africa"}) | {
    "ngo",
    "ong",
    "coop",
    "bio",
    "earth",
    "science",
    "institute",
    "foundation",
}


def read_url(cell: str) -> str:
    """Return a web address; https:// is added to one that begins with its host.

    Raises
    ------
    ValueError
        It isn't an address of the web; the message is a `Message`.
    """
    host = _HOST.fullmatch(cell)
    if host and (cell.casefold().startswith("www.") or host["last"].casefold() in _endings()):
        return f"https://{cell}"
    try:
        parts = urlsplit(cell)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        sound = False
    # A user name in an address could come with a password, or feign another host.
    if sound and not re.search(r"[\s<>\"]", cell) and "@" not in parts.netloc:
        return cell
    raise ValueError(Message("cell.url", cell=cell))


@cache
def _endings() -> frozenset[str]:
    import pycountry

    return _ENDINGS | {country.alpha_2.casefold() for country in pycountry.countries}


def read_ror(cell: str) -> str:
    """Return the address of a ROR id; raise `ValueError` for anything else."""
    suffix = (
        cell.casefold().removeprefix("http://").removeprefix("https://").removeprefix("ror.org/")
    )
    address = f"https://ror.org/{suffix}"
    if _ROR.fullmatch(address):
        return address
    raise ValueError(Message("cell.ror", cell=cell))


def read_doi(cell: str) -> str:
    """Return a DOI without the address of its resolver; raise `ValueError` for anything else."""
    doi = re.sub(r"^((https?://)?(dx\.)?doi\.org/|doi:\s*)", "", cell, flags=re.IGNORECASE)
    if _DOI.fullmatch(doi):
        return doi
    raise ValueError(Message("cell.doi", cell=cell))


def read_email(cell: str) -> str:
    """Return an e-mail address, without the name or mailto: before it; raise for anything else.

    The message doesn't repeat what was given, which is personal.
    """
    named = _BRACKETED_EMAIL.fullmatch(cell)
    plain = re.sub(r"^mailto:", "", named[1] if named else cell, flags=re.IGNORECASE)
    plain = _AT.sub("@", plain).strip().rstrip(".;,")
    if _EMAIL.fullmatch(plain):
        return plain
    several = len(_EMAIL.findall(plain)) > 1
    raise ValueError(Message("cell.emails" if several else "cell.email"))


def read_phone(cell: str) -> str:
    """Return a telephone number without its label; raise for anything else, as `read_email`."""
    plain = re.sub(r"\s+", " ", _PHONE_LABEL.sub("", cell, count=1).strip())
    plain = re.sub(r"[\u2010-\u2015\u2212\u00b7]", "-", plain)
    plain = re.sub(r"^\(\s*(\+?\d+)\s*\)\s*", r"\1 ", plain)
    if sum(c.isdigit() for c in plain) > _MOST_DIGITS:
        raise ValueError(Message("cell.phones"))
    if _PHONE.fullmatch(plain):
        return plain
    raise ValueError(Message("cell.phone"))


def personal_in(text: str) -> str:
    """Return the e-mail address or international telephone number that a free text holds, or ""."""
    # Normalise typographic variants: full-width characters, no-break spaces and long dashes.
    plain = re.sub(r"\s", " ", unicodedata.normalize("NFKC", text))
    plain = re.sub(r"[\u2010-\u2015\u2212]", "-", plain)
    found = _EMAIL.search(plain) if "@" in plain else None
    found = found or (_INTERNATIONAL_PHONE.search(plain) if "+" in plain or "00" in plain else None)
    return found.group() if found else ""
