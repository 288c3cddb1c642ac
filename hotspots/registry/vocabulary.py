"""The words a record may use (`vocabulary.toml`) and their labels in three languages."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

LANGUAGES = ("en", "fr", "es")


@cache
def vocabulary() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """Return column -> code -> language -> label, for type, theme, place_precision, source_kind."""
    text = files("hotspots.registry").joinpath("vocabulary.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def label(column: str, code: str, lang: str = "en") -> str:
    """Return the label of a code, e.g. ``label("type", "project", "fr")`` -> "Projet"."""
    return vocabulary()[column][code][lang]
