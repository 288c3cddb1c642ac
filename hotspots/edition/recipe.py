"""The recipe: all choices of an analysis with units and allowed ranges, stored as TOML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypedDict

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)

from hotspots.edition.recipe_choices import Section, choices_of, shown, unknown
from hotspots.edition.recipe_sections import (
    Attainable,
    Change,
    Clusters,
    Constrained,
    Eligibility,
    Ensemble,
    Gsocseq,
    Hotspots,
    Loss,
    Masks,
    Methods,
    Potential,
    Saturation,
    Target,
    Uncertainty,
)
from hotspots.errors import RecipeError, near_matches, shortened
from hotspots.io.atomic import reason
from hotspots.io.readers.texts import parse_toml, read_text
from hotspots.locale.escaping import toml_text

# Section -> key -> value, as nested dicts.
Choices: TypeAlias = dict[str, dict[str, object]]


class Difference(TypedDict):
    """A choice, as "section.key", that two recipes make differently."""

    key: str
    this: object
    other: object


class Recipe(BaseModel):
    """All choices of an analysis; the comments of `to_toml` document each of them.

    ``Recipe()`` is the default recipe; ``Recipe.from_dict({"potential": {"adoption": 0.2}})`` and
    ``Recipe(potential=Potential(adoption=0.2))`` change one choice. Values out of range and unknown
    keys raise `RecipeError`. ``Recipe.model_json_schema()`` describes all of it to programs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    methods: Methods = Methods()
    potential: Potential = Potential()
    constrained: Constrained = Constrained()
    target: Target = Target()
    saturation: Saturation = Saturation()
    attainable: Attainable = Attainable()
    gsocseq: Gsocseq = Gsocseq()
    ensemble: Ensemble = Ensemble()
    change: Change = Change()
    loss: Loss = Loss()
    masks: Masks = Masks()
    eligibility: Eligibility = Eligibility()
    hotspots: Hotspots = Hotspots()
    uncertainty: Uncertainty = Uncertainty()
    clusters: Clusters = Clusters()

    @model_validator(mode="wrap")
    @classmethod
    def _report(cls, given: Any, check: ModelWrapValidatorHandler[Recipe]) -> Recipe:
        try:
            recipe = check(dict(given) if isinstance(given, Mapping) else given)
        except ValidationError as error:
            raise RecipeError(_sentence(error)) from error
        # Not in the section itself: the table of factors is read only where a recipe is made.
        _check_levels(recipe.potential)
        return recipe

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Recipe:
        """Return a recipe from nested dicts; choices not given have their defaults."""
        return cls.model_validate(given)

    @classmethod
    def from_toml(cls, text: str) -> Recipe:
        """Return the recipe written in TOML `text`."""
        try:
            given = parse_toml(text)
        except ValueError as error:
            raise RecipeError(f"The recipe is not valid TOML: {error}.") from error
        return cls.from_dict(given)

    @classmethod
    def from_file(cls, path: str | Path) -> Recipe:
        """Return the recipe of a TOML file."""
        try:
            text = read_text(path, "toml_bytes")
        except (OSError, ValueError) as error:  # not UTF-8; a path with a null character
            raise RecipeError(
                f"The recipe '{shortened(path)}' can't be read ({reason(error)}). Give a TOML"
                " file; 'hotspots recipe show' prints one."
            ) from error
        return cls.from_toml(text)

    @property
    def sections(self) -> dict[str, Section]:
        """The sections by name, in their order."""
        return {name: getattr(self, name) for name in Recipe.model_fields}

    def to_dict(self) -> Choices:
        """Return all choices as nested dicts."""
        return self.model_dump()

    def to_toml(self) -> str:
        """Return the recipe as TOML, each choice with a comment on meaning, range and unit."""
        blocks = []
        for name, section in self.sections.items():
            lines = [f"[{name}]  # {(type(section).__doc__ or '').strip()}"]
            lines += [
                f"{key} = {_toml_value(getattr(section, key))}  # {choice.meaning}"
                for key, choice in choices_of(type(section)).items()
            ]
            blocks.append("\n".join(lines))
        return "\n\n".join(blocks) + "\n"

    def differences(self, other: Recipe) -> list[Difference]:
        """Return the choices that differ, as rows with key, this, other."""
        choices, others = self.to_dict(), other.to_dict()
        return [
            {"key": f"{section}.{key}", "this": value, "other": others[section][key]}
            for section, values in choices.items()
            for key, value in values.items()
            if value != others[section][key]
        ]


def _sentence(error: ValidationError) -> str:
    """Return one sentence on the first of Pydantic's errors; sections report their own."""
    # The first only: one error at a time is readable, and others may follow from it.
    first = error.errors(include_url=False)[0]
    if not first["loc"]:
        return f"The recipe is {shown(first['input'])}; tables of key = value are needed."
    given, sections = str(first["loc"][0]), Recipe().sections
    homes = [name for name, section in sections.items() if given in choices_of(type(section))]
    if homes:
        return f"'{shortened(given)}' stands outside of any section; write it below [{homes[0]}]."
    return unknown("a section of a recipe", given, sections)


def _check_levels(potential: Potential) -> None:
    """Raise `RecipeError` if a factor level isn't in the table of the chosen guidelines."""
    from hotspots.analysis.ipcc.tier1 import factor_levels

    for key, choice in choices_of(Potential).items():
        if choice.factor is None:
            continue
        system, factor = choice.factor
        levels = factor_levels(factor, system, potential.guidelines, potential.factors or None)
        value = getattr(potential, key)
        if value not in levels:
            raise RecipeError(
                f"potential.{key} is {value!r}; {system} {factor} of {potential.guidelines}"
                f" has {', '.join(levels)}{near_matches(value, levels) or '.'}"
            )


def _toml_value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml_value, value))}]"
    if isinstance(value, dict):
        pairs = (f"{_toml_value(str(k))} = {_toml_value(v)}" for k, v in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, str):
        return toml_text(value)
    return repr(value)
