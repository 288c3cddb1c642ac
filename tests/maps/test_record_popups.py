"""A record's popup has what a reader needs: surface, effect with unit and interval, results."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from hotspots.locale import LANGUAGES
from hotspots.maps.record_rows import record_rows
from hotspots.registry.schema.fields import fields

PRACTICE = {
    "type": "practice",
    "name": "Zaï",
    "summary": "Pits with compost.",
    "theme": "pillar2",
    "description": "Pits of 30 cm, dug before the rains.",
    "basis": "both",
    "results": "Sorghum doubled.",
    "surface_ha": 12.345,
    "surface_year": 2021,
    "land_use": "cropland",
    "climate_zone": "tropical_dry",
    "practice_kind": "agroforestry;other",
    "effect_size": 0.4,
    "effect_low": 0.1,
    "effect_high": 0.75,
    "effect_n": 5,
    "country": "SEN",
    "source": "A report",
    "verified_on": "2026-01-31",
    "status": "running",
    "start": "2019",
}
# Kept out: they describe the record's upkeep, or are shown in another place of the popup.
ELSEWHERE = {"name", "web", "surface_year", "effect_low", "effect_high", "effect_n"}
EFFECT = {
    "en": "0.4 t C/ha/yr (0.1 to 0.75); number of sites: 5",
    "fr": "0,4 t C/ha/an (de 0,1 à 0,75) ; nombre de sites : 5",
    "es": "0,4 t C/ha/año (de 0,1 a 0,75); número de sitios: 5",
}
SURFACE = {"en": "12.345 ha (2021)", "fr": "12,345 ha (2021)", "es": "12,345 ha (2021)"}


def shown(row: dict[str, object], lang: str = "en") -> dict[str, str]:
    """Return label -> value, with ordinary spaces."""
    rows = record_rows(row, {"SEN": "Senegal"}, lang)
    return {label: value.replace("\N{NO-BREAK SPACE}", " ") for label, value, _ in rows}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_practice_is_told_in_full(lang: str) -> None:
    found = shown(PRACTICE, lang)
    assert EFFECT[lang] in found.values()
    assert SURFACE[lang] in found.values()
    assert found[fields()["results"].label[lang]] == "Sorghum doubled."
    assert found[fields()["verified_on"].label[lang]] == "2026-01-31"
    assert all(value and label for label, value in found.items())
    assert "nan" not in " ".join(found.values()).lower()


def test_every_field_that_a_practice_states_is_shown() -> None:
    found = shown(PRACTICE)
    labels = {label.partition(" (")[0] for label in found}
    stated = set(PRACTICE) - ELSEWHERE - {"status", "country"}
    assert {fields()[name].label["en"].partition(" (")[0] for name in stated} <= labels
    assert "2019 (" in found["Start"]
    assert "Senegal" in found["Place"]


@pytest.mark.parametrize("missing", [math.nan, None, pd.NA, ""])
def test_what_isnt_known_has_no_row(missing: object) -> None:
    numbers = dict.fromkeys(
        ["surface_ha", "surface_year", "effect_size", "effect_low", "effect_high", "effect_n"],
        missing,
    )
    found = shown(PRACTICE | numbers)
    assert not {"Surface", "Effect"} & set(found)
    some = PRACTICE | {"surface_year": missing, "effect_low": missing, "effect_n": missing}
    assert shown(some)["Surface"] == "12.345 ha"
    assert shown(some)["Effect"] == "0.4 t C/ha/yr (at most 0.75)"


@pytest.mark.parametrize("type_", ["organisation", "project", "research_action"])
def test_fields_of_the_other_types_are_shown_too(type_: str) -> None:
    own = [
        field.name
        for field in fields().values()
        if type_ in field.types and field.kind == "text" and field.group == "content"
    ]
    stated = {name: f"words of {name}" for name in own if len(fields()[name].types) < 4}
    found = shown({"type": type_, "name": "A"} | stated)
    assert set(stated.values()) <= set(found.values())
