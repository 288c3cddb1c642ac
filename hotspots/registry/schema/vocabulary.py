"""Controlled vocabularies of records (`vocabulary.toml`), with labels in three languages."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from hotspots.layers.variables import CLIMATE_ZONES
from hotspots.locale import LANGUAGES, text

Labels = Mapping[str, str]
# Texts of the catalogues that maps and tables print for a code, beside its labels.
_PRINTED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "land_use": {code: (f"use.{code}",) for code in ("cropland", "grassland", "forest", "other")},
    "practice_kind": {"reduced_tillage": ("practice.reduced_tillage", "practice.no_tillage")},
}


@cache
def vocabulary() -> Mapping[str, Mapping[str, Labels]]:
    """Return list -> code -> language -> label; the lists are named in `vocabulary.toml`.

    The list ``climate_zone`` has the IPCC climate zones with the names used in the rasters.
    """
    found: dict[str, Mapping[str, Labels]] = {}
    for name, codes in _table().items():
        found[name] = {code: {k: row[k] for k in LANGUAGES} for code, row in codes.items()}
    found["climate_zone"] = {
        zone: {lang: text(f"zone.{zone}", lang) for lang in LANGUAGES}
        for zone in CLIMATE_ZONES.values()
    }
    return found


@cache
def other_words() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Return list -> code -> words that are read for the code beside its labels, never written."""
    table = _table()
    return {
        name: {
            code: (*table.get(name, {}).get(code, {}).get("also", ()), *_printed(name, code))
            for code in codes
        }
        for name, codes in vocabulary().items()
    }


def label(column: str, code: str, lang: str = "en") -> str:
    """Return the label of a code, e.g. ``label("type", "project", "fr")`` -> "Projet"."""
    return vocabulary()[column][code][lang]


def _printed(name: str, code: str) -> tuple[str, ...]:
    keys = _PRINTED.get(name, {}).get(code, ())
    return tuple(text(key, lang) for key in keys for lang in LANGUAGES)


@cache
def _table() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    raw = files("hotspots.registry.schema").joinpath("vocabulary.toml").read_text(encoding="utf-8")
    return tomllib.loads(raw)
