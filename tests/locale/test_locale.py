"""The catalogues: the same messages in three languages, and numbers as each writes them."""

from __future__ import annotations

from string import Formatter

import pytest

import hotspots as hs
from hotspots import locale
from hotspots.errors import BadInputError
from hotspots.layers.variables import (
    CHANGE_CLASSES,
    CLIMATE_ZONES,
    CLUSTERS,
    DEGRADATION,
    EVIDENCE,
    EXCLUSION_REASONS,
    HOTSPOT_CLASSES,
    LAND_USES,
    LOSS_COMPONENTS,
    RESPONSES,
)

NBSP = "\N{NO-BREAK SPACE}"


def placeholders(message: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(message) if name is not None}


@pytest.mark.parametrize("lang", ["fr", "es"])
def test_catalogues_have_the_same_keys_and_placeholders(lang: str) -> None:
    english, other = locale.catalogue("en"), locale.catalogue(lang)
    assert set(other) == set(english)
    differing = {k for k in english if placeholders(english[k]) != placeholders(other[k])}
    assert differing == set()


@pytest.mark.parametrize("lang", ["fr", "es"])
def test_messages_are_translated(lang: str) -> None:
    """Sentences (five words and more) that are the same in two languages were forgotten."""
    english, other = locale.catalogue("en"), locale.catalogue(lang)
    same = {k for k in english if len(english[k].split()) >= 5 and english[k] == other[k]}
    assert same == set()


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ("class", HOTSPOT_CLASSES.values()),
        ("cluster", CLUSTERS.values()),
        ("zone", CLIMATE_ZONES.values()),
        ("reason", EXCLUSION_REASONS.values()),
        ("component", LOSS_COMPONENTS.values()),
        ("degradation", DEGRADATION.values()),
        ("evidence", EVIDENCE.values()),
        ("method", hs.Recipe().ensemble.members),
        ("response", RESPONSES.values()),
        ("use", LAND_USES.values()),
        ("change", list(CHANGE_CLASSES.values())[-1:]),
    ],
)
def test_every_class_has_a_label(table: str, names: list[str]) -> None:
    assert [n for n in names if not locale.has_text(f"{table}.{n}")] == []


def test_unknown_key_and_missing_value_are_faults() -> None:
    with pytest.raises(KeyError, match=r"no\.such\.key"):
        locale.text("no.such.key")
    with pytest.raises(KeyError, match="id"):
        locale.text("map.edition")


def test_unsupported_language_is_told_in_one_sentence() -> None:
    with pytest.raises(BadInputError, match="'de' is not supported; choose one of en, fr, es"):
        locale.text("map.title", "de")


@pytest.mark.parametrize(
    ("value", "lang", "shown"),
    [
        (7453078.77, "en", f"7.45{NBSP}Mt"),
        (7453078.77, "fr", f"7,45{NBSP}Mt"),
        (7453078.77, "es", f"7,45{NBSP}Mt"),
        (868e9, "en", f"868{NBSP}Gt"),
        (999.4, "en", f"999{NBSP}t"),
        (0.0, "en", f"0{NBSP}t"),
        (-49254.5, "en", f"\N{MINUS SIGN}49.3{NBSP}kt"),
        (float("nan"), "fr", "sans données"),
        (None, "es", "sin datos"),
    ],
)
def test_tonnes(value: float, lang: str, shown: str) -> None:
    assert locale.tonnes(value, lang) == shown


@pytest.mark.parametrize("lang", locale.LANGUAGES)
def test_a_loss_has_a_minus_sign(lang: str) -> None:
    for shown in (locale.number(-2.5, lang), locale.signed(-2.5, lang), locale.tonnes(-2.5, lang)):
        assert shown.startswith("\N{MINUS SIGN}2")


@pytest.mark.parametrize(
    ("count", "lang", "shown"),
    [
        (1, "en", "1 record on the map."),
        (0, "en", "0 records on the map."),
        (1200, "en", "1,200 records on the map."),
        (1, "fr", "1 fiche sur la carte."),
        (0, "fr", "0 fiche sur la carte."),
        (2, "fr", "2 fiches sur la carte."),
        (1, "es", "1 ficha en el mapa."),
        (44, "es", "44 fichas en el mapa."),
    ],
)
def test_a_count_has_its_number(count: int, lang: str, shown: str) -> None:
    assert locale.counted("record.count", count, lang) == shown


def test_small_shares_are_not_told_as_none() -> None:
    assert locale.percent(0.0004) == "< 0.1%"
    assert locale.percent(0.0) == "0%"
    assert locale.percent(0.1234, "fr") == f"12,3{NBSP}%"


def test_french_punctuation_stays_on_its_line() -> None:
    assert all(f" {sign}" not in m for m in locale.catalogue("fr").values() for sign in ":;?!%")
