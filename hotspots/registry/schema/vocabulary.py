"""Controlled vocabularies of records (`vocabulary.toml`), with labels in three languages."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from hotspots.layers.variables import CLIMATE_ZONES
from hotspots.locale import LANGUAGES, text

Labels = Mapping[str, str]


@cache
def vocabulary() -> Mapping[str, Mapping[str, Labels]]:
    """Return list -> code -> language -> label; the lists are named in `vocabulary.toml`.

    The list ``climate_zone`` has the IPCC climate zones with the names used in the rasters.
    """
    raw = files("hotspots.registry.schema").joinpath("vocabulary.toml").read_text(encoding="utf-8")
    found: dict[str, Mapping[str, Labels]] = {}
    for name, codes in tomllib.loads(raw).items():
        found[name] = {code: {k: row[k] for k in LANGUAGES} for code, row in codes.items()}
    found["climate_zone"] = {
        zone: {lang: text(f"zone.{zone}", lang) for lang in LANGUAGES}
        for zone in CLIMATE_ZONES.values()
    }
    return found


def label(column: str, code: str, lang: str = "en") -> str:
    """Return the label of a code, e.g. ``label("type", "project", "fr")`` -> "Projet"."""
    return vocabulary()[column][code][lang]
