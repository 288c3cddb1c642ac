"""What the registry's commands say, in three languages; and which registry they use."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hotspots.locale import LANGUAGES
from hotspots.registry import fields, open_registry
from hotspots.registry.open import own_registry
from hotspots.registry.schema.vocabulary import vocabulary

SAMPLE = Path(__file__).parents[2] / "data" / "registry"
Cli = Callable[..., tuple[int, str, str]]
ROWS = (
    "Nom,Type,En une phrase,Thèmes,Pays,Source,Type de source\n"
    "Essai A,Projet,Inventé,pillar1,Congo (RDC),essai,publication\n"
)
BAD = ROWS + "Essai B,Projet,Inventé,pillar1,Congo,essai,publication\n"


@pytest.fixture
def cli(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run `hotspots …` as a new user, with no registry of their own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text(ROWS, "utf-8")
    (tmp_path / "bad.csv").write_text(BAD, "utf-8")
    return lambda *words: run(*words)


def test_each_command_says_which_registry_it_uses(cli: Cli, tmp_path: Path) -> None:
    own = tmp_path / "home" / "hotspots" / "registry.sqlite"
    for words in (("list",), ("validate",), ("export", "x.csv"), ("matrix",), ("stale",)):
        code, out, err = cli("registry", *words)
        assert code == 0, words
        assert err.count(f"Registry: {SAMPLE} (the packaged sample;") == 1, words
        assert "Registry:" not in out
    code, out, err = cli("registry", "import", "a.csv", "--dry-run")
    assert code == 0
    # A plan is of what the import would do: of a registry that isn't there yet.
    assert f"Registry: {own} (not there yet; the first import makes it)" in err
    assert "your own registry is used instead of the packaged sample" in err
    assert f"Nothing was written to {own}: 1 new, 0 changed, 0 same, 0 refused." in out
    assert not own.exists()
    code, out, err = cli("registry", "import", "a.csv")
    assert "your own registry is used instead of the packaged sample" in err
    assert f"Imported into {own}: 1 new" in out
    code, out, err = cli("registry", "import", "a.csv", "--json")
    assert f"Registry: {own}\n" in err
    assert "instead of the packaged sample" not in err
    assert json.loads(out)[0]["outcome"] == "same"
    code, out, err = cli("registry", "list", "--json")
    assert [row["name"] for row in json.loads(out)] == ["Essai A"]
    assert f"Registry: {own}\n" in err


def test_a_named_registry_replaces_no_sample(cli: Cli) -> None:
    _, _, err = cli("registry", "import", "a.csv", "--registry", "r.sqlite", "--dry-run")
    assert "Registry: r.sqlite (not there yet" in err
    assert "instead of the packaged sample" not in err


@pytest.mark.parametrize("words", [(), ("--registry", "r.sqlite")])
def test_the_sample_can_be_kept(cli: Cli, words: tuple[str, ...], tmp_path: Path) -> None:
    where = tmp_path / "r.sqlite" if words else own_registry()
    sample = {row["id"]: dict(row) for row in open_registry(SAMPLE).find(limit=1000)}
    code, out, err = cli("registry", "import", "a.csv", "--keep-sample", "--dry-run", *words)
    assert (code, "46 records come first" in err, "1 new" in out) == (0, True, True)
    assert not where.exists()
    # Refused rows leave neither the file's records nor the sample's.
    assert cli("registry", "import", "bad.csv", "--keep-sample", *words)[0] == 2
    assert not where.exists()
    code, out, _ = cli("registry", "import", "a.csv", "--keep-sample", *words)
    assert (code, ": 1 new, 0 changed, 0 same, 0 refused." in out) == (0, True)
    kept = {row["id"]: dict(row) for row in open_registry(where).find(limit=1000)}
    assert kept.keys() == {*sample, "essai-a"}
    times = {"created", "changed"}
    for id_, record in sample.items():
        assert {k: v for k, v in kept[id_].items() if k not in times} == {
            k: v for k, v in record.items() if k not in times
        }
    code, _, err = cli("registry", "import", "a.csv", "--keep-sample", *words)
    assert (code, "has 47 records already" in err) == (2, True)


def test_a_plan_with_the_sample_sees_its_records(cli: Cli, tmp_path: Path) -> None:
    """A row of a record that the sample has is that record, in the plan as in the import."""
    row = "id,web\ncifor-icraf,https://example.org/\n"
    (tmp_path / "b.csv").write_text(row, "utf-8")
    for dry in (["--dry-run"], []):
        code, out, _ = cli("registry", "import", "b.csv", "--keep-sample", *dry)
        assert (code, "0 new, 1 changed" in out) == (0, True), out
    assert open_registry(own_registry()).get("cifor-icraf")["web"] == "https://example.org/"


def test_an_import_answers_in_a_language(cli: Cli) -> None:
    code, out, err = cli("registry", "import", "bad.csv", "--lang", "fr")
    assert code == 2
    assert "Registre : " in err.replace("\N{NO-BREAK SPACE}", " ")
    plain = out.replace("\N{NO-BREAK SPACE}", " ")
    assert re.search(r"^erreur +Ligne 3, colonne « Pays » : « Congo » peut être", plain, re.M)
    assert re.search(r"^nouveau +ligne 2 : essai-a \(Essai A\)$", plain, re.M)
    assert "Rien n’a été écrit dans" in plain
    assert "1 nouvelle, 0 modifiée, 0 inchangée, 1 refusée." in plain
    code, out, _ = cli("registry", "import", "bad.csv", "--lang", "es")
    assert re.search(r"^error +Fila 3, columna «Pays»: «Congo» puede ser", out, re.M)
    assert "1 nueva, 0 cambiadas, 0 sin cambios, 1 rechazada." in out
    told = json.loads(cli("registry", "import", "bad.csv", "--lang", "fr", "--json")[1])
    assert "peut être" in told[1]["problems"][0]["reason"]
    assert cli("registry", "import", "bad.csv", "--lang", "de")[0] == 2


def test_changes_are_shown_with_headings_and_labels(cli: Cli, tmp_path: Path) -> None:
    assert cli("registry", "import", "a.csv")[0] == 0
    edit = "id,theme,Pays\nessai-a,pillar2,Kenya\n"
    (tmp_path / "b.csv").write_text(edit, "utf-8")
    _, out, _ = cli("registry", "import", "b.csv", "--dry-run", "--lang", "fr")
    plain = out.replace("\N{NO-BREAK SPACE}", " ")
    assert "Pays : 'Congo-Kinshasa' -> 'Kenya'" in plain
    assert "-> 'Pilier 2" in plain
    _, out, _ = cli("registry", "import", "b.csv", "--dry-run")
    assert "Pays: 'COD' -> 'KEN'" in out


def test_duplicates_are_explained_in_a_language(cli: Cli, tmp_path: Path) -> None:
    twin = ROWS.replace("Essai A", "CIFOR ICRAF").replace("Projet", "Organisation")
    (tmp_path / "twin.csv").write_text(twin.replace("Congo (RDC)", "Kenya"), "utf-8")
    words = ("registry", "import", "twin.csv", "--keep-sample", "--dry-run", "--type")
    for lang, said in (
        ("fr", "cifor-icraf est peut-être cifor-icraf-2 : même nom"),
        ("es", "cifor-icraf puede ser cifor-icraf-2: mismo nombre"),
        ("en", "cifor-icraf may be cifor-icraf-2: same name"),
    ):
        _, out, _ = cli(*words, "organisation", "--lang", lang)
        assert said in out.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_list_has_headings_and_labels(cli: Cli, lang: str) -> None:
    code, out, _ = cli("registry", "list", "--lang", lang, "--region", "KEN")
    assert code == 0
    head, row, *rest = out.splitlines()
    for name in ("id", "type", "name", "country", "place", "theme", "verified_on"):
        assert fields()[name].label[lang] in head
    assert vocabulary()["type"]["organisation"][lang] in row
    assert {"en": "Kenya", "fr": "Kenya", "es": "Kenia"}[lang] in row
    assert {"en": "Pillar 2", "fr": "Pilier 2", "es": "Pilar 2"}[lang] in row
    english = ("record", "verified", "survey", "Maintained", "Completeness", "Absence of")
    assert any(word in "".join(rest) for word in english) is (lang == "en")


@pytest.mark.parametrize("lang", ["fr", "es"])
def test_a_check_answers_in_a_language(cli: Cli, lang: str) -> None:
    code, out, _ = cli("registry", "validate", "bad.csv", "--lang", lang)
    assert code == 2
    assert {"fr": "erreurs : 1", "es": "errores: 1"}[lang] in out.replace("\N{NO-BREAK SPACE}", " ")
    code, out, _ = cli("registry", "validate", "--lang", lang)
    assert code == 0
    assert not re.search(r"\b(error|errors|notes|row)\b", out) or lang == "es"
