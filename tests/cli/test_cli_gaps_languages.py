"""The tables of gaps in three languages, of the demo's edition and the packaged sample."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from hotspots.cli.gaps_text import GapText
from hotspots.edition.gaps import KINDS
from hotspots.locale import catalogue

# Words of the English tables that are no words of the others.
ENGLISH = re.compile(
    r"\b(the|at stake|inside|nearest|records?|registry|country|countries|completeness|"
    r"within|none|moist|dry|cropland|research|effect|recorded|hotspots?)\b",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def tables(world_edition: Any) -> dict[str, Any]:
    from hotspots.edition.gaps import gaps
    from hotspots.registry.open import sample_registry

    return {of: gaps(world_edition, sample_registry(), of) for of in KINDS}


@pytest.mark.parametrize("of", KINDS)
@pytest.mark.parametrize("lang", ["fr", "es"])
def test_a_table_is_in_one_language(tables: dict[str, Any], of: str, lang: str) -> None:
    lines = list(GapText(lang).lines(tables[of], 10))
    # Ids and names of records stay as they are.
    ids = re.compile(r"\b[a-z0-9]+(?:-[a-z0-9]+)+\b")
    text = ids.sub("", "\n".join(lines)).replace("(the", "")
    assert not ENGLISH.findall(text)
    assert lines[-1].startswith({"fr": "Couverture du registre", "es": "Cobertura"}[lang])


def test_labels_are_those_of_the_catalogues(tables: dict[str, Any]) -> None:
    told = "\n".join(GapText("fr").lines(tables["hotspots"], 100))
    classes = {
        catalogue("fr")[f"class.{code}"].partition("\N{NO-BREAK SPACE}:")[0]
        for code in set(tables["hotspots"]["class"])
    }
    assert classes
    assert all(name in told for name in classes)
    plain = "\n".join(GapText(None).lines(tables["hotspots"], 100))
    assert set(tables["hotspots"]["class"]) <= set(plain.split())


def test_json_is_the_same_in_each_language(run: Any, world_edition: Any, tmp_path: Path) -> None:
    world_edition.save(tmp_path / "e")
    words = ("gaps", "--edition", tmp_path / "e", "--json", "--top", "3")
    rows = [json.loads(run(*words, *more)[1]) for more in ((), ("--lang", "fr"))]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 3
    code, _, err = run(*words, "--lang", "de")
    assert (code, "'de' is not supported" in err) == (2, True)
