"""Licences: recognised in free texts, told in a line, and what a mix of them asks."""

from __future__ import annotations

import pytest

from hotspots.errors import BadInputError
from hotspots.store.licences import TERMS, licence, licence_summary, licences, notices, recognise


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("CC BY 4.0", "cc-by-4.0"),
        ("cc-by-4.0", "cc-by-4.0"),
        ("CC_BY_SA_4.0", "cc-by-sa-4.0"),
        ("cc-by-sa-4.0", "cc-by-sa-4.0"),
        ("CC BY-NC 4.0", "cc-by-nc-4.0"),
        ("by-nc-sa", "cc-by-nc-sa-4.0"),
        ("CC BY-NC-SA 3.0 IGO", "cc-by-nc-sa-3.0-igo"),
        ("CC BY-NC-SA 2.5", "cc-by-nc-sa-4.0"),
        ("CC BY 3.0 DE", "cc-by-4.0"),
        ("Creative Commons Attribution-NonCommercial-ShareAlike 4.0", "cc-by-nc-sa-4.0"),
        ("Attribution-ShareAlike", "cc-by-sa-4.0"),
        ("https://creativecommons.org/licenses/by-nc/4.0/", "cc-by-nc-4.0"),
        ("CC BY-ND 4.0", "cc-by-nd-4.0"),
        ("CC0 1.0", "cc0-1.0"),
        ("ODbL", "odbl-1.0"),
        ("Open Database License (ODbL) v1.0", "odbl-1.0"),
        ("ODC-PDDL 1.0", "pddl-1.0"),
        ("The MIT License", "mit"),
        ("Public Domain", "public-domain"),
        # Of several statements the strictest counts.
        ("CC BY 4.0; the notes under CC BY-NC 4.0", "cc-by-nc-4.0"),
        ("MIT (maps), ODbL (boundaries)", "odbl-1.0"),
        # Of equally strict ones the first, as of OpenLandMap and of the climate zones.
        ("CC BY-SA 4.0 (ODbL is named beside it elsewhere.)", "cc-by-sa-4.0"),
        ("ODbL 1.0 (or CC BY-SA 4.0)", "odbl-1.0"),
        ("MIT licence (its climate data: Open Government Licence v3)", "mit"),
        # Words that only look like one.
        ("submitted by the author", None),
        ("free, with attribution", None),
        ("permission limited to partners", None),
        ("", None),
    ],
)
def test_free_texts(text: str, found: str | None) -> None:
    assert recognise(text) == found


def test_every_licence_recognises_itself() -> None:
    for key, row in licences().items():
        assert recognise(key) == key
        assert recognise(row.title) == key
        assert set(row.terms) <= set(TERMS)


def test_one_line() -> None:
    assert licence_summary("cc-by-nc-4.0") == "CC BY-NC 4.0: name the source, no commercial use"
    assert licence_summary("cc0-1.0") == "CC0 1.0 Universal: no condition"


def test_an_unknown_id_names_its_neighbours() -> None:
    with pytest.raises(BadInputError, match=r"no licence 'cc-by-5\.0'; did you mean cc-by-4\.0"):
        licence("cc-by-5.0")


def test_free_mixes_need_no_notice() -> None:
    assert notices({"soc_stock": "MIT", "clay": "CC BY 4.0", "zones": "CC0"}) == []
    assert notices({}) == []


def test_conditions_name_their_layers() -> None:
    said = notices({"a": "CC BY-NC 4.0", "b": "CC BY 4.0"})
    assert said == ["Not for commercial use, nor is anything made with it: a (CC BY-NC 4.0)."]
    said = notices({"a": "CC BY-SA 4.0", "b": "MIT"})
    assert said == ["What is made with it must be shared under the same licence: a (CC BY-SA 4.0)."]
    assert "must not be shared at all: a" in notices({"a": "CC BY-ND 4.0"})[0]


def test_share_alike_and_non_commercial_contradict_each_other() -> None:
    said = notices({"a": "CC BY-SA 4.0", "b": "CC BY-NC 4.0", "c": "MIT"})
    assert len(said) == 3
    assert said[-1].startswith("a (CC BY-SA 4.0) must be passed on without further conditions, but")
    assert "b (CC BY-NC 4.0) forbids" in said[-1]
    assert "c (" not in "".join(said)


def test_two_share_alike_licences_contradict_each_other() -> None:
    said = notices({"a": "CC BY-SA 4.0", "b": "ODbL"})
    assert "each ask for their own licence" in said[-1]
    assert len(notices({"a": "CC BY-SA 4.0", "b": "cc-by-sa-4.0"})) == 1
    assert len(notices({"a": "CC BY-NC-SA 4.0", "b": "CC BY-NC-SA 3.0 IGO"})) == 2


def test_a_text_that_is_not_understood_is_never_passed_over() -> None:
    (said,) = notices({"mine": "ask Jane", "other": " "})
    assert "mine (ask Jane), other (none given): read what it asks." in said
