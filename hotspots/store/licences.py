"""Licences: their conditions, how free texts are matched to them, and how they combine.

``licences.toml`` is the table. This isn't legal advice: it names the conditions that are easily
overlooked when layers of several publishers are combined in one map.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from hotspots.errors import BadInputError, near_matches

TERMS = {
    "attribution": "name the source",
    "share_alike": "share what is made of it under the same licence",
    "non_commercial": "no commercial use",
    "no_derivatives": "pass on unchanged only",
}
_CC_PARTS = {
    "nc": ("nc", "non commercial", "noncommercial"),
    "sa": ("sa", "share alike", "sharealike"),
    "nd": ("nd", "no derivatives", "noderivatives", "no derivs", "noderivs"),
}
_CC = re.compile(r"\b(cc|creative commons)\b")
_BY = re.compile(r"\b(by|attribution)\b")


@dataclass(frozen=True)
class Licence:
    """A licence of the table.

    Attributes
    ----------
    id, title, url : str
        `id` is used in the catalogue of sources.
    terms : tuple of str
        Keys of `TERMS`; empty if there are no conditions.
    known_as : tuple of str
        Names by which `recognise` finds it.
    """

    id: str
    title: str
    url: str
    terms: tuple[str, ...]
    known_as: tuple[str, ...] = ()


@cache
def licences() -> dict[str, Licence]:
    """Return id -> licence for all licences."""
    text = files("hotspots.store").joinpath("licences.toml").read_text(encoding="utf-8")
    return {
        key: Licence(
            key, row["title"], row["url"], tuple(row["terms"]), tuple(row.get("known_as", ()))
        )
        for key, row in tomllib.loads(text).items()
    }


def licence(licence_id: str) -> Licence:
    """Return the licence of this id, or raise `BadInputError` with near matches."""
    known = licences()
    if licence_id not in known:
        raise BadInputError(
            f"There is no licence '{licence_id}'{near_matches(licence_id, known) or '.'}"
            f" Known are {', '.join(known)}."
        )
    return known[licence_id]


def licence_summary(licence_id: str) -> str:
    """Return a licence in one line: "CC BY-NC 4.0: name the source, no commercial use"."""
    found = licence(licence_id)
    conditions = ", ".join(TERMS[term] for term in found.terms) or "no condition"
    return f"{found.title}: {conditions}"


def recognise(text: str) -> str | None:
    """Return the id of the licence that a free text names, or None if it names none.

    "CC BY-NC 4.0", "cc-by-sa-4.0", "Attribution-NonCommercial" and "ODbL" are understood. A text
    that names several gives the strictest, and among equally strict ones the first; a Creative
    Commons licence of a version outside the table gives the nearest one with the same conditions.
    """
    words = _words(text)
    if text.strip() in licences():
        return text.strip()
    # At one place the longer name wins, since short names occur within longer ones.
    found = [
        (-at.start(), len(name), row.id)
        for row in licences().values()
        for name in row.known_as
        if (at := re.search(rf"\b{re.escape(name)}\b", words))
    ]
    # Each statement on its own: "CC BY 4.0; notes under CC BY-NC 4.0" is two licences.
    for part in re.split(r"[;,()]|\band\b", text.casefold()):
        if key := _cc(part):
            found.append((-words.find(_words(part)), 0, key))
    # Among equally strict licences the first one named is taken.
    strictest = max(found, key=lambda one: (len(_burdens(one[2])), *one[:2]), default=None)
    return strictest[2] if strictest else None


def _words(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+(?:\.\d+)*", text.casefold()))


def _cc(text: str) -> str | None:
    """Return the id of the Creative Commons licence that one statement names, or None."""
    words = _words(text)
    parts = {
        part
        for part, names in _CC_PARTS.items()
        if any(re.search(rf"\b{name}\b", words) for name in names)
    }
    # Every licence of the family requires attribution; CC0 is found by its own names.
    if not _BY.search(words) or not (_CC.search(words) or parts):
        return None
    name = "-".join(["cc-by", *(part for part in _CC_PARTS if part in parts)])
    version = re.search(r"\d\.\d", words)
    best = f"{name}-{version[0] if version else '4.0'}" + ("-igo" if "igo" in words else "")
    same = [key for key in licences() if re.fullmatch(rf"{name}-\d.*", key)]
    return best if best in same else next(iter(reversed(same)), None)


def _burdens(licence_id: str) -> tuple[str, ...]:
    # Attribution isn't counted: nearly every licence requires it.
    return tuple(term for term in licence(licence_id).terms if term != "attribution")


def notices(layers: Mapping[str, str]) -> list[str]:
    """Return the licence notices of a combination of layers; empty if there are no conditions.

    Parameters
    ----------
    layers : mapping of str to str
        Name of the layer -> text of its licence, or a known id.

    Returns
    -------
    list of str
        One sentence for each condition, with the layers that impose it; then one if conditions
        contradict each other, and one for texts in which no licence was recognised.
    """
    known = {name: key for name, text in layers.items() if (key := recognise(text))}
    said = []
    for term, sentence in _SENTENCES.items():
        bound = [name for name, key in known.items() if term in licence(key).terms]
        if bound:
            said.append(sentence.format(layers=_listed(bound, known)))
    said += _contradictions(known)
    strange: dict[str, list[str]] = {}
    for name in layers:
        if name not in known:
            strange.setdefault(layers[name].strip()[:60] or "none given", []).append(name)
    if strange:
        shown = ", ".join(f"{', '.join(names)} ({text})" for text, names in strange.items())
        said.append(f"No licence that is known here was recognised for {shown}: read what it asks.")
    return said


def is_own_mask(name: str) -> bool:
    """Return whether a layer is computed by this program, and so has no licence of its own.

    Valid shares have the licence of their layer; `region_share` comes from the region's outline.
    """
    return name.endswith(("valid_share", "region_share"))


_SENTENCES = {
    "non_commercial": "Not for commercial use, nor is anything made with it: {layers}.",
    "share_alike": "What is made with it must be shared under the same licence: {layers}.",
    "no_derivatives": "What is made with it must not be shared at all: {layers}.",
}


def _contradictions(known: Mapping[str, str]) -> list[str]:
    """Return a sentence if share-alike conditions can't all be met in one work."""
    alike = {name: key for name, key in known.items() if "share_alike" in licence(key).terms}
    # Versions of one licence are taken to be compatible; different licences aren't.
    families = {re.sub(r"-\d.*", "", key) for key in alike.values()}
    free = [name for name, key in alike.items() if "non_commercial" not in licence(key).terms]
    limited = [name for name, key in known.items() if "non_commercial" in licence(key).terms]
    # Share-alike forbids further restrictions, and so the one to non-commercial use.
    if free and limited:
        return [
            f"{_listed(free, known)} must be passed on without further conditions, but"
            f" {_listed(limited, known)} forbids commercial use: one work can't keep both, so leave"
            " one out before you share it."
        ]
    if len(families) > 1:
        return [
            f"{_listed(alike, known)} each ask for their own licence: one work can't keep both, so"
            " leave one out before you share it."
        ]
    return []


def _listed(names: Iterable[str], known: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({licence(known[name]).title})" for name in names)
