"""The management scenario of the potential as one sentence, from the recipe's choices."""

from __future__ import annotations

from hotspots.edition.recipe import Recipe
from hotspots.locale import has_text, number, percent, text


def scenario(recipe: Recipe, lang: str = "en") -> str:
    """Return a sentence on the change of cropland management, its factors and its duration."""
    choice = recipe.potential
    sentence = text(
        "notice.scenario",
        lang,
        management=_practice(choice.management, lang),
        input=_practice(choice.input, lang),
        guidelines=choice.guidelines,
        years=number(choice.transition_years, lang),
        adoption=percent(choice.adoption, lang),
        pasture=text(f"notice.pasture_{'in' if choice.include_pasture else 'out'}", lang),
    )
    return f"{sentence} {text('notice.own_factors', lang)}" if choice.factors else sentence


def _practice(code: str, lang: str) -> str:
    key = f"practice.{code}"
    return text(key, lang) if has_text(key) else code.replace("_", " ")
