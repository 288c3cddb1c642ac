"""Words for codes: labels in three languages, singular or plural; the nearest of unknown ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from functools import cache, lru_cache

from hotspots.geo.countries import key
from hotspots.registry.schema.vocabulary import other_words, vocabulary

# Small words that don't distinguish labels.
_SMALL = frozenset({"de", "des", "du", "la", "le", "les", "au", "aux", "en", "et", "ou"})
_SMALL |= {"the", "of", "and", "or", "del", "los", "las", "el"}
# Endings of plurals that are more than an s, and what singular and plural then have in common.
_PLURALS = (
    ("ies", "i"),
    ("ie", "i"),
    ("y", "i"),
    ("iones", "ion"),
    ("dades", "dad"),
    ("ores", "or"),
)
_ELIDED = re.compile(r"\b[dlDL]['\u2019](?=\w)")
_ACRONYM = re.compile(r"\b([a-z]{1,3}) (\d+)\b")
_HEAD = re.compile(r"\s*(?::|\(|\s[-\u2013\u2014]|\u2013|\u2014)\s*")
_NEAR = 0.66  # least similarity of a word that is offered
_LONG_WORD = 4  # letters of a word that two phrases may share


def stem(text: str) -> str:
    """Return a text without case, accents, small words and plurals, for comparison.

    The number of an acronym is joined to it: "ODD 13" is like "ODD13".
    """
    return _ACRONYM.sub(r"\1\2", " ".join(_stems(text)))


@lru_cache(maxsize=20_000)
def _stems(text: str) -> tuple[str, ...]:
    words = key(_ELIDED.sub("", text.casefold())).split()
    return tuple(_singular(word) for word in words if word not in _SMALL) or tuple(words)


def _singular(word: str) -> str:
    """Return a word without the ending of its plural; made the same of singular and plural."""
    if len(word) <= 3 or not word.isalpha():
        return word
    for end, instead in _PLURALS:
        if word.endswith(end):
            return word.removesuffix(end) + instead
    return word.removesuffix("s").removesuffix("x")


def unique_stems(words: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Return stem -> name for (word, name) pairs; a stem of several names is left out."""
    found: dict[str, set[str]] = {}
    for word, name in words:
        found.setdefault(stem(word), set()).add(name)
    return {word: next(iter(names)) for word, names in found.items() if len(names) == 1}


def code_called(list_name: str, word: str) -> str | None:
    """Return the code for a word: the code, a label of it in one of the languages, or a like word.

    A label may be in the singular or plural, or without what follows its colon: "Pilier 4". What
    follows such a beginning is ignored, unless it is another code's.
    """
    if word in vocabulary()[list_name]:
        return word
    if found := _labels(list_name).get(key(word)) or _stemmed(list_name).get(stem(word)):
        return found
    head, *tail = _HEAD.split(word, maxsplit=1)
    if not tail or not head:
        return None
    code = _stemmed(list_name).get(stem(head))
    other = _stemmed(list_name).get(stem(tail[0].rstrip(") ")))
    return code if other in (None, code) and any(c.isdigit() for c in head) else None


def near_codes(list_name: str, word: str, most: int = 3) -> list[str]:
    """Return the codes whose words are most like a word that isn't known, the nearest first."""
    return near_names(word, _spoken(list_name), most)


def near_names(
    word: str, names: Iterable[tuple[str, str]], most: int = 3, least: float = _NEAR
) -> list[str]:
    """Return the names of the (word, name) pairs whose words are most like a given one.

    Alike are texts of almost the same letters, or with a word of some length in common; `least` is
    the least similarity, of 0 to 1.
    """
    given, squeezed = set(_stems(word)), stem(word)
    best: dict[str, float] = {}
    for known, name in names:
        score = max(_likeness(squeezed, stem(known)), _shared(given, set(_stems(known))))
        if score >= least:
            best[name] = max(best.get(name, 0.0), score)
    return sorted(best, key=lambda name: -best[name])[:most]


def _likeness(one: str, other: str) -> float:
    compared = SequenceMatcher(None, one, other)
    return compared.ratio() if compared.real_quick_ratio() >= _NEAR else 0.0


def _shared(one: set[str], other: set[str]) -> float:
    """Return the share of a text's long words that another one has."""
    long_words = {word for word in one if len(word) >= _LONG_WORD}
    return 0.9 * len(long_words & other) / len(long_words) if long_words else 0.0


@cache
def _labels(list_name: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for code, labels in vocabulary()[list_name].items():
        for word in (code, *labels.values()):
            found.setdefault(key(word), code)
    return found


@cache
def _stemmed(list_name: str) -> Mapping[str, str]:
    """Return the stems of labels; where labels have none, those of other words and of parts."""
    labels = [
        (word, code)
        for code, labels in vocabulary()[list_name].items()
        for word in (code, *labels.values())
    ]
    parts = [(part, code) for word, code in labels for part in _parts(word)]
    others = list(_others(list_name))
    # Other words are given for their code; a part of a label may be one of several codes.
    return {**unique_stems(parts), **unique_stems(others), **unique_stems(labels)}


def _parts(label: str) -> list[str]:
    """Return what stands before and after the colon of a label; no single word, which is vague."""
    parts = label.split(":")
    return [part for part in parts if len(key(part).split()) > 1] if len(parts) > 1 else []


def _others(list_name: str) -> Iterator[tuple[str, str]]:
    for code, words in other_words()[list_name].items():
        yield from ((word, code) for word in words)


@cache
def _spoken(list_name: str) -> tuple[tuple[str, str], ...]:
    labels = (
        (word, code)
        for code, row in vocabulary()[list_name].items()
        for word in (code, code.replace("_", " "), *row.values())
    )
    return (*labels, *_others(list_name))
