"""`hotspots methods`: the list, the cards, and what is said of an id that isn't there."""

from __future__ import annotations

import json
from collections.abc import Callable

from hotspots.edition.methods import METHODS
from hotspots.edition.methods.cards import card_ids

Run = Callable[..., tuple[int, str, str]]


def test_list_names_every_method_with_what_it_gives_and_needs(run: Run) -> None:
    code, out, _ = run("methods")
    assert code == 0
    for method in METHODS:
        assert f"{method.id} ({method.kind})\n  gives {method.gives[0]}" in out
    assert "needs clay, air_temperature" in out
    assert max(map(len, out.splitlines())) <= 90


def test_list_as_json(run: Run) -> None:
    rows = json.loads(run("methods", "--json")[1])
    assert [row["id"] for row in rows] == card_ids()
    assert all(set(row) == {"id", "kind", "gives", "needs"} for row in rows)
    by_id = {row["id"]: row for row in rows}
    assert by_id["gsocseq"]["needs"].endswith("land_cover or soc_stock_managed")


def test_show_prints_the_card_for_a_terminal(run: Run) -> None:
    code, out, _ = run("methods", "show", "clusters")
    assert code == 0
    assert out.startswith("# Gi* clusters\n")
    assert "| `clusters.radius_km` | `100` | `km` |" in out
    assert "](" not in out


def test_unknown_card_is_one_sentence_with_near_matches(run: Run) -> None:
    code, out, err = run("methods", "show", "ipcc_teir1")
    assert code == 2
    assert out == ""
    assert err.startswith("Error: There is no method card 'ipcc_teir1'; did you mean ipcc_tier1")
    assert len(err.splitlines()) == 1


def test_list_in_french_and_spanish(run: Run) -> None:
    code, out, _ = run("methods", "--lang", "fr")
    assert code == 0
    # French has no-break spaces before its colons.
    heading = "saturation (potentiel)\N{NO-BREAK SPACE}: déficit de saturation"
    assert f"{heading}\n  donne saturation_deficit" in out
    assert "demande clay, air_temperature" in out
    assert "land_cover ou soc_stock_managed" in " ".join(out.split())
    assert "saturation (potencial): déficit de saturación" in run("methods", "--lang", "es")[1]
    code, out, err = run("methods", "--lang", "de")
    assert (code, out) == (2, "")
    assert "The language 'de' is not supported" in err
