"""The recipe: what is written is read back, and what can't be used is told in a sentence."""

from __future__ import annotations

import tomllib
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hotspots.edition.recipe import Change, Hotspots, Potential, Recipe
from hotspots.errors import RecipeError, near_matches


def test_default_recipe_survives_toml() -> None:
    assert Recipe.from_toml(Recipe().to_toml()) == Recipe()
    assert Recipe.from_dict(Recipe().to_dict()) == Recipe()
    assert Recipe.from_toml("") == Recipe()


@given(
    adoption=st.floats(0, 1),
    cells=st.integers(1, 10**6),
    pasture=st.booleans(),
    layer=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_any_recipe_survives_toml(adoption: float, cells: int, pasture: bool, layer: str) -> None:
    """Quotes, backslashes, line ends and control characters in a text too."""
    recipe = Recipe.from_dict(
        {
            "potential": {"adoption": adoption, "include_pasture": pasture},
            "hotspots": {"min_patch_cells": cells},
            "change": {"start": layer},
        }
    )
    assert Recipe.from_toml(recipe.to_toml()) == recipe


def test_every_key_is_written_with_its_meaning() -> None:
    text = Recipe().to_toml()
    lines = [line for line in text.splitlines() if line]
    assert all("  # " in line and line.split("  # ")[1].strip() for line in lines)
    written = tomllib.loads(text)
    assert list(written) == list(Recipe.model_fields)
    assert sum(map(len, written.values())) == sum(not line.startswith("[") for line in lines)
    (adoption,) = (line for line in lines if line.startswith("adoption"))
    assert adoption.endswith("share of the land already so managed [0 to 1; 1]")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            "[potentail]\n",
            "'potentail' is not a section of a recipe; .*did you mean potential\\?",
        ),
        (
            "[potential]\nadopton = 0.1",
            "'adopton' is not a key of \\[potential\\].*did you mean adoption\\?",
        ),
        ("[potential]\nzzz = 0.1", "known are guidelines, .*grassland_management, factors\\.$"),
        ("potential = 3", "\\[potential\\] holds 3; a table"),
        ("[potential]\nadoption = 'much'", "adoption is 'much'; a number is needed"),
        ("[potential]\nadoption = true", "adoption is true; a number is needed"),
        ("[potential]\ninclude_pasture = 1", "include_pasture is 1; true or false is needed"),
        ("[potential]\nmanagement = 3", "management is 3; a text is needed"),
        ("[hotspots]\nmin_patch_cells = 4.0", "min_patch_cells is 4.0; a whole number is needed"),
        ("[potential]\nadoption = nan", "adoption is nan; allowed is .*0 to 1"),
        ("[potential]\nadoption = 1.01", "adoption is 1.01; allowed is .*0 to 1"),
        ("[potential]\nadoption = -inf", "adoption is -inf; allowed is .*0 to 1"),
        ("[hotspots]\ntop_share = 0", "top_share is 0; allowed is .*0.001 to 1"),
        ("[potential]\nguidelines = '2013'", "guidelines is '2013'; allowed is .*2006 or 2019"),
        ("[potential\n", "not valid TOML"),
        ("adoption = = 1", "not valid TOML"),
        ("[potential]\nguidelines = 2019", "guidelines is 2019; a text is needed"),
        ("[constrained]\nhorizons = 3", "horizons is 3; a list is needed"),
        ("[constrained]\nhorizons = [5, 0.5]", r"horizons\[1\] is 0.5; allowed is .*1 to 200"),
        ("[methods]\nskip = [3]", r"skip\[0\] is 3; a text is needed"),
        ("[potential]\nfactors = [3]", r"factors\[0\] is 3; a table {key = value} is needed"),
        ("adoption = 0.1", r"outside of any section; write it below \[potential\]"),
        (f"[potential]\nadoption = {'9' * 400}", "a number is needed"),
        (f"[potential]\nadoption = {'9' * 5000}", "not valid TOML"),
        ("a = " + "[" * 5000, "not valid TOML"),
    ],
)
def test_unusable_recipe_is_told(given: str, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        Recipe.from_toml(given)


def test_whole_numbers_stand_for_real_ones() -> None:
    recipe = Recipe.from_toml("[potential]\ntransition_years = 30")
    assert recipe.potential.transition_years == 30.0
    assert recipe == Recipe(potential=Potential(transition_years=30))
    assert recipe.to_toml() == Recipe(potential=Potential(transition_years=30)).to_toml()


def test_range_holds_for_a_recipe_made_by_hand_too() -> None:
    with pytest.raises(RecipeError, match=r"hotspots\.top_share is 5; allowed"):
        Recipe(hotspots=Hotspots(top_share=5))
    with pytest.raises(RecipeError, match=r"\[potential\] holds Change\(.*; a table of"):
        Recipe(potential=Change())  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="frozen"):
        Recipe().potential.adoption = 0.1


def test_sections_may_be_nested_dicts() -> None:
    made = Recipe(potential=Potential(adoption=1.0))
    assert Recipe(potential={"adoption": 1}) == made  # type: ignore[arg-type]
    frozen = MappingProxyType({"adoption": 1})
    assert Recipe.from_dict(MappingProxyType({"potential": frozen})) == made


def test_schema_gives_default_unit_limits_and_meaning() -> None:
    schema = Recipe.model_json_schema()
    sections = schema["$defs"]
    assert list(schema["properties"]) == list(Recipe().to_dict())
    for name, values in Recipe().to_dict().items():
        described = sections[name.capitalize()]
        assert described["additionalProperties"] is False
        assert list(described["properties"]) == list(values)
        assert all(row["description"] for row in described["properties"].values())
    rate = sections["Target"]["properties"]["rate"]
    assert {k: rate[k] for k in ("default", "unit", "minimum", "maximum", "type")} == {
        "default": 0.004,
        "unit": "yr-1",
        "minimum": 0,
        "maximum": 1,
        "type": "number",
    }
    assert sections["Clusters"]["properties"]["method"]["enum"] == ["bh", "by"]
    assert sections["Potential"]["properties"]["input"]["factor"] == ["cropland", "F_I"]


def test_recipe_files(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    recipe = Recipe(change=Change(detectable=2))
    path.write_text(recipe.to_toml(), encoding="utf-8")
    assert Recipe.from_file(path) == recipe
    with pytest.raises(RecipeError, match=r"none\.toml' can't be read \(No such file"):
        Recipe.from_file(tmp_path / "none.toml")
    with pytest.raises(RecipeError, match="can't be read"):
        Recipe.from_file(tmp_path)
    path.write_bytes(b"\xff\xfe[potential]")
    with pytest.raises(RecipeError, match="can't be read"):
        Recipe.from_file(path)


def test_differences_name_the_choices() -> None:
    other = Recipe.from_dict({"potential": {"adoption": 0.2}, "target": {"rate": 0.002}})
    assert Recipe().differences(Recipe()) == []
    assert Recipe().differences(other) == [
        {"key": "potential.adoption", "this": 0.0, "other": 0.2},
        {"key": "target.rate", "this": 0.004, "other": 0.002},
    ]


def test_near_matches() -> None:
    known = ["Kenya", "Kenia", "Peru"]
    assert near_matches("PERUU", known) == "; did you mean Peru?"
    assert near_matches("keny", ["Kenya", "Peru"]) == "; did you mean Kenya?"
    assert near_matches("kenyia", known) in {
        "; did you mean Kenya or Kenia?",
        "; did you mean Kenia or Kenya?",
    }
    assert near_matches("abc", ["abcd", "abce", "abcf", "abcg"]).count("abc") == 3
    assert near_matches("x", known) == ""
    assert near_matches("x", []) == ""
