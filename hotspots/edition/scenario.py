"""The potential's scenario in one sentence, from the recipe's choices."""

from __future__ import annotations

from hotspots.edition.recipe import Recipe
from hotspots.locale import has_text, number, percent, text


def scenario(recipe: Recipe, lang: str = "en") -> str:
    """Return what cropland goes from and to, by which factors and in what time, in words."""
    choice = recipe.potential
    told = text(
        "notice.scenario",
        lang,
        management=_practice(choice.management, lang),
        input=_practice(choice.input, lang),
        guidelines=choice.guidelines,
        years=number(choice.transition_years, lang),
        adoption=percent(choice.adoption, lang),
        pasture=text(f"notice.pasture_{'in' if choice.include_pasture else 'out'}", lang),
    )
    return f"{told} {text('notice.own_factors', lang)}" if choice.factors else told


def _practice(code: str, lang: str) -> str:
    key = f"practice.{code}"
    return text(key, lang) if has_text(key) else code.replace("_", " ")
