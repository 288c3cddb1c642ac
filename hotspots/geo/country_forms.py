"""The short, formal, inverted and abbreviated forms of one country's name, read as the same name.

The World Bank writes "Congo, Dem. Rep." and "Gambia, The", ISO 3166 "Congo (the Democratic Republic
of the)", maps "S. Sudan". All have the words of the name itself in another order, some abbreviated,
with or without articles. A name is therefore compared as the set of its words: all of them, so that
"Sudan" is never "South Sudan", and "Guinea" none of its neighbours. An abbreviation that may stand
for several words is tried with each; what then fits several countries is ambiguous.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from itertools import product
from math import prod
from typing import NamedTuple

Words = frozenset[str]

# Letters that are typed for an apostrophe, and that aren't punctuation.
_APOSTROPHES = re.compile("[\u02b9\u02bb\u02bc\u02bd\u055a\u07f4\ua78c\uff07]")
_INITIALS = re.compile(r"(?<!\w)(?:\w\.[ \N{NO-BREAK SPACE}]?){2,}")
_POSSESSIVE = re.compile(r"(?<=\w)['’‘`´]s\b", re.IGNORECASE)
# "EE. UU.": the doubled letters are a plural.
_DOUBLED = re.compile(r"\bEE\.? ?UU\b\.?", re.IGNORECASE)
_MOST_READINGS = 512  # a name has a few; more come only from a text that is none


class NameRules(NamedTuple):
    """The content of ``country_names.toml``.

    Attributes
    ----------
    names : mapping of str to tuple of str
        Country id -> further names.
    silent : frozenset of str
        Words that tell no country from another.
    abbreviations : mapping of str to tuple of str
        Abbreviation -> the words that it may stand for, each one or several.
    """

    names: Mapping[str, tuple[str, ...]]
    silent: frozenset[str]
    abbreviations: Mapping[str, tuple[str, ...]]


@cache
def name_rules() -> NameRules:
    """Return further names of countries, and the rules of their short forms."""
    source = resources.files("hotspots.geo").joinpath("country_names.toml")
    table = tomllib.loads(source.read_text(encoding="utf-8"))
    return NameRules(
        names={code: tuple(names) for code, names in table["names"].items()},
        silent=frozenset(table["silent"]["words"]),
        abbreviations={word: tuple(full) for word, full in table["abbreviations"].items()},
    )


def spelled(text: str) -> str:
    """Return a name with plain apostrophes, and initials without their points ("D.R. Congo")."""
    plain = _DOUBLED.sub("EEUU ", _APOSTROPHES.sub("'", text))
    joined = _INITIALS.sub(lambda found: re.sub(r"\W", "", found[0]) + " ", plain)
    return _POSSESSIVE.sub("s", joined).strip()


def words_of(key: str) -> Words:
    """Return the words of a known name, from its key; an abbreviation is the English one."""
    return next(iter(_readings(key, most=1)), frozenset())


def readings(key: str) -> Iterable[Words]:
    """Return each set of words that a name may stand for, from its key; none for a long text."""
    return _readings(key, most=_MOST_READINGS)


def titled(names: Iterable[Words], formal: Iterable[Words]) -> set[Words]:
    """Return names with the titles of the same country's formal names.

    Parameters
    ----------
    names : iterable of frozenset of str
        Words of the names of a country, such as those of "Kenya" and "Kenia".
    formal : iterable of frozenset of str
        Words of its formal names: "República de Kenia" has the title "república".
    """
    known = set(names)
    titles = {title - name for title in formal for name in known if name < title}
    return known | {name | title for name in known for title in titles}


def _readings(key: str, most: int) -> Iterable[Words]:
    rules = name_rules()
    words = [word for word in key.split() if word not in rules.silent]
    choices = [rules.abbreviations.get(word, (word,)) for word in words]
    if not words or (most > 1 and prod(map(len, choices)) > most):
        return []
    if most == 1:
        choices = [choice[:1] for choice in choices]
    return {frozenset(" ".join(full).split()) for full in product(*choices)}
