"""Similarity of record names: words weighted by rarity, tolerant of spelling variants.

The weight of a word is its rarity w among the records' names: 1 if it occurs in one record, near 0
if in all; legal forms ("Ltd") have nearly no weight, and generic words ("ministry")
a low initial weight. With c the weight of the words that two names have in common (3 at most: one
word of a long name says as much as one of a short name), and u >= v the weights of those that only
one of them has:

    likeness  = c / (c + 2 v + (u - v) / 2)    two names that each say something else differ more
                                               than one name that says more than the other
    knowledge = min(1, c, with 0.4 more in the same country); * 0.7 for an acronym of up to four
                letters, unless in the same country
    countries = 1 same, 0.95 unknown, 0.5 + 0.3 * (highest w of c) if different

Names that are equal but for spaces and legal forms have the likeness 1. Numbers that differ
("phase 1", "phase 2") make 0.6 of it. Words within one edit are one word spelt differently, if one
of them is rare and they begin alike (0.95).
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from hotspots.registry.adapters.organisations import FORMS, KINDS
from hotspots.registry.schema.records import Record, list_of, text_of

FLOOR = 0.6  # a lower likeness is not evidence
_PRIOR = 1000  # additional virtual records, so that weights are stable for few records
_GENERIC_PRIOR = 100
_LEAST_WEIGHT = 0.05
_MOST_SAID = 3.0
_LONG_WORD = 6  # letters; in a shorter one an edit makes another word
# A word of at most so many records, or so small a share of another's, may be a misspelling.
_RARE = 2  # records
_RARE_BESIDE = 0.05  # of the records of the other word
_SHORT = 4  # letters of an acronym that others have too
_LANGUAGES = {"name": "", "name_en": "English", "name_fr": "French", "name_es": "Spanish"}
_STOP_WORDS = """
    of the and for in on to by with l d y e la le les de des du et en pour sur au aux el los las del
    para por da do das dos
"""
_GENERIC_WORDS = """
    ministry ministere departamento departement investigacion investigaciones recherche recherches
    centro instituto national nationale nacional nacionales internacional internationale regional
    state federal general world global united nations naciones nations unies organizacion
    universite facultad faculty asociacion
    agriculture agricultura agricultural agricole agricola agronomic agronomique agronomica
    agropecuaria agropecuario rural food farm farming farmers soil soils sol sols suelo suelos land
    carbon carbone carbono climate climat clima climatico environment environnement ambiente
    forest forestry forestal foret forets forestier bosque bosques water natural resources nature
    development developpement desarrollo sustainable durable sostenible science sciences ciencias
    project projet proyecto projects program programa initiative iniciativa grouped phase
    management gestion conservation conservacion restoration restauration restauracion reduction
    emissions afforestation reforestation reforestacion improved practices regenerative
"""
_STOP = frozenset(_STOP_WORDS.split())
_ROMAN = frozenset(["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x"])
_WORD = re.compile(r"[^\W_]+")
_DOTTED = re.compile(r"\b(\w)\.(?=\w\b)")
_ACRONYM = re.compile(r"\(([^\W\d_][^\W_]{1,9})\)")
_DOUBLE = re.compile(r"(\D)\1")


class GivenName(NamedTuple):
    """A name as a record has it: its language or "", text, words, and words without spaces."""

    language: str
    text: str
    words: list[str]
    squeezed: str


@dataclass(frozen=True, slots=True)
class Name:
    """A name of a record, prepared for comparisons.

    Attributes
    ----------
    words, spelt : frozenset of str
        Its words in the standard spelling, and as spelt here.
    squeezed : str
        Its words without spaces and legal forms.
    weight : float
        Of all its words.
    numbers : frozenset of str
        Words that distinguish members of a series.
    text, language : str
        As the record has it; English, French, Spanish or "".
    """

    words: frozenset[str]
    spelt: frozenset[str]
    squeezed: str
    weight: float
    numbers: frozenset[str]
    text: str
    language: str


def names_of(record: Record) -> list[GivenName]:
    """Return the names of a record in all languages with their words, and acronyms in brackets."""
    given = {text_of(record, name): _LANGUAGES[name] for name in _LANGUAGES if name in record}
    for name in list_of(record, "other_names"):
        given.setdefault(name, "")
    for name in list(given):
        # "Global Soil Partnership (GSP)" is three names: as it stands, without GSP, and GSP.
        if "(" in name and (acronym := _ACRONYM.search(name)) and acronym[1].isupper():
            given.setdefault(acronym[1], "")
            given.setdefault(_ACRONYM.sub(" ", name).strip(), given[name])
    found = []
    for text, language in given.items():
        if plain := _plain(text):
            squeezed = "".join([word for word in plain if word not in FORMS]) or "".join(plain)
            found.append(GivenName(language, text, [_stem(word) for word in plain], squeezed))
    return found


def _plain(text: str) -> list[str]:
    """Return the words of a name without case, accents and articles."""
    if not text.isascii():
        # NFKD doesn't decompose the ligature œ.
        text = unicodedata.normalize("NFKD", text.replace("œ", "oe").replace("Œ", "OE"))
        text = "".join([c for c in text if not unicodedata.combining(c)])
    text = text.casefold()
    if "." in text:  # S.A.S. is SAS
        text = _DOTTED.sub(r"\1", text)
    listed = _WORD.findall(text)
    # A name of stop words only keeps them.
    return [word for word in listed if word not in _STOP] or listed


@lru_cache(maxsize=1 << 18)
def _stem(word: str) -> str:
    if len(word) < 4 or not word.isalpha():
        return word
    # Organization and organisation, sol and sols, practice and practices.
    plain = _DOUBLE.sub(r"\1", word).replace("z", "s")
    return plain.removesuffix("s").removesuffix("e") if len(plain) > 3 else plain


_LEGAL = frozenset(_stem(word) for word in FORMS)
_GENERIC = frozenset(_stem(word) for word in (*KINDS, *_GENERIC_WORDS.split()))


@dataclass(frozen=True)
class Names:
    """Statistics of all names of a registry.

    Attributes
    ----------
    weights : dict of str to float
        By word, from nearly 0 to 1.
    standard : dict of str to str
        Rare word -> the more frequent word that it is a spelling variant of.
    """

    weights: Mapping[str, float]
    standard: Mapping[str, str]

    @classmethod
    def of(cls, given: Sequence[list[GivenName]]) -> Names:
        """Return the statistics of the names of all records."""
        counts: Counter[str] = Counter()
        for one in given:
            # A word counts once for a record, however many of its names have it.
            counts.update(set(one[0].words) if len(one) == 1 else {w for g in one for w in g.words})
        standard = _standards(counts)
        for word, frequent in standard.items():
            counts[frequent] += counts[word]
        return cls(_weights(counts, len(given)), standard)

    def prepared(self, given: GivenName) -> Name:
        """Return a name, ready to be compared."""
        language, text, listed, squeezed = given
        spelt = standing = frozenset(listed)
        if not self.standard.keys().isdisjoint(spelt):
            standing = frozenset([self.standard.get(word, word) for word in spelt])
        weight = sum([self.weights[word] for word in standing])
        # Numbers and Roman numerals distinguish phases and branches.
        numbers = frozenset([w for w in spelt if w in _ROMAN or not w.isalpha()])
        return Name(standing, spelt, squeezed, weight, numbers, text, language)

    def spellings(self, standing: set[str]) -> set[str]:
        """Return words with all their spelling variants."""
        return standing | {word for word, as_ in self.standard.items() if as_ in standing}

    def rarest(self, name: Name, least: float) -> list[str]:
        """Return some words of a name; each name with at least this likeness shares one of them.

        They are its rarest words. Where less than the rest of its weight is in common, the
        likeness is below `least`: see `_least_share`.
        """
        ordered = sorted(name.words, key=lambda word: (-self.weights[word], word))
        spare = (1 - _least_share(least)) * name.weight
        for n, word in enumerate(ordered, 1):
            spare -= self.weights[word]
            # A little below 0, since sums of weights are inexact.
            if spare < -1e-9:
                return ordered[:n]
        return ordered

    def likeness(self, x: Name, y: Name) -> float:
        """Return the likeness of two names, from 0 to 1; 0 also for any below `FLOOR`."""
        if x.squeezed == y.squeezed:
            return 1.0
        # Even with all words of the lighter name in common, the likeness would be below `FLOOR`.
        if min(x.weight, y.weight) < _LEAST_SHARE * max(x.weight, y.weight):
            return 0.0
        common = x.words & y.words
        shared = sum([self.weights[word] for word in common])
        less, more = sorted((x.weight - shared, y.weight - shared))
        said = min(shared, _MOST_SAID)
        likeness = said / (said + 2 * less + (more - less) / 2) if common else 0.0
        if x.numbers != y.numbers:
            likeness *= 0.6
        if len(x.spelt & y.spelt) < len(common):
            likeness *= 0.95
        return likeness if likeness >= FLOOR else 0.0

    def knowledge(self, x: Name, y: Name, here: str, there: str) -> float:
        """Return the strength of evidence, from 0 to 1, of two similar names.

        Parameters
        ----------
        x, y
            Names.
        here, there
            Countries of their records, or "".
        """
        # Names that are equal but for spaces may have no word in common.
        weights = [self.weights[w] for w in x.words & y.words] or [min(x.weight, y.weight)]
        if here and here == there:
            return min(1.0, sum(weights) + 0.4)
        known = min(1.0, sum(weights))
        if len(x.squeezed) <= _SHORT or len(y.squeezed) <= _SHORT:
            known *= 0.7
        return known * (0.5 + 0.3 * max(weights) if here and there else 0.95)


def _least_share(likeness: float) -> float:
    # Let names have c in common and one of them u more: likeness <= c / (c + u / 2), so that
    # c >= (c + u) * likeness / (2 - likeness).
    return likeness / (2 - likeness)


_LEAST_SHARE = _least_share(FLOOR)


def _weights(counts: Mapping[str, int], records: int) -> dict[str, float]:
    most = math.log(records + _PRIOR)
    found = {}
    for word, count in counts.items():
        prior = _GENERIC_PRIOR if word in _GENERIC else 0
        rarity = 1 - math.log(count + prior) / most
        found[word] = _LEAST_WEIGHT if word in _LEGAL else max(_LEAST_WEIGHT, min(1.0, rarity))
    return found


def _standards(counts: Mapping[str, int]) -> dict[str, str]:
    """Return rare word -> the more frequent word that it is spelt like, but for one edit."""
    from rapidfuzz.distance import OSA

    long = [word for word in counts if len(word) >= _LONG_WORD - 1 and word.isalpha()]
    # The most frequent first, so that a rare word finds its more frequent variant already there.
    long.sort(key=lambda word: (-counts[word], word))
    # Two words within one edit are equal when a letter is left out of each, or of one of them.
    standing: dict[str, list[str]] = {}
    found = {}
    for word in long:
        # The first letter is never left out: variants begin alike.
        keys = [word, *(word[:n] + word[n + 1 :] for n in range(1, len(word)))]
        near = {other for key in keys for other in standing.get(key, ())}
        near = {
            other
            for other in near
            if counts[word] <= max(_RARE, _RARE_BESIDE * counts[other])
            and max(len(word), len(other)) >= _LONG_WORD
            and OSA.distance(word, other, score_cutoff=1) <= 1
        }
        if near:
            found[word] = min(near, key=lambda other: (-counts[other], other))
            continue
        for key in keys:
            standing.setdefault(key, []).append(word)
    return found
