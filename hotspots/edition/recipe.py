"""The recipe: all choices of an analysis with units and allowed ranges, stored as TOML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

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
from hotspots.errors import RecipeError, near_matches
from hotspots.io.atomic import reason
from hotspots.io.limits import shown_path
from hotspots.io.readers.texts import parse_toml, read_text
from hotspots.locale.escaping import toml_text


@dataclass(frozen=True)
class Recipe:
    """All choices of an analysis; the comments of `to_toml` document each of them.

    ``Recipe()`` is the default recipe; ``Recipe.from_dict({"potential": {"adoption": 0.2}})`` and
    ``Recipe(potential=Potential(adoption=0.2))`` change one choice. Values out of range and unknown
    keys raise `RecipeError`.
    """

    methods: Methods = field(default_factory=Methods)
    potential: Potential = field(default_factory=Potential)
    constrained: Constrained = field(default_factory=Constrained)
    target: Target = field(default_factory=Target)
    saturation: Saturation = field(default_factory=Saturation)
    attainable: Attainable = field(default_factory=Attainable)
    gsocseq: Gsocseq = field(default_factory=Gsocseq)
    ensemble: Ensemble = field(default_factory=Ensemble)
    change: Change = field(default_factory=Change)
    loss: Loss = field(default_factory=Loss)
    masks: Masks = field(default_factory=Masks)
    eligibility: Eligibility = field(default_factory=Eligibility)
    hotspots: Hotspots = field(default_factory=Hotspots)
    uncertainty: Uncertainty = field(default_factory=Uncertainty)
    clusters: Clusters = field(default_factory=Clusters)

    def __post_init__(self) -> None:
        for section in fields(self):
            part: Any = getattr(self, section.name)
            kind: Any = section.default_factory
            if not isinstance(part, kind):
                raise RecipeError(
                    f"{section.name} is {part!r}; a {section.type} is needed"
                    " (nested dicts go through Recipe.from_dict)."
                )
            # Integers given for real numbers become floats, so that equal recipes compare equal.
            checked = _section(section.name, kind, asdict(part))
            object.__setattr__(self, section.name, checked)
        _check_levels(self.potential)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Recipe:
        """Return a recipe from nested dicts; choices not given have their defaults."""
        sections = {f.name: f.default_factory for f in fields(cls)}
        chosen: dict[str, Any] = {}
        for section, values in given.items():
            if section not in sections:
                raise RecipeError(_misplaced(section, sections))
            if not isinstance(values, Mapping):
                raise RecipeError(
                    f"[{_cut(section)}] holds {_said(values)}; a table of key = value is needed."
                )
            chosen[section] = _section(section, sections[section], values)
        return cls(**chosen)

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
                f"The recipe '{shown_path(path)}' can't be read ({reason(error)}). Give a TOML"
                " file; 'hotspots recipe show' prints one."
            ) from error
        return cls.from_toml(text)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return all choices as nested dicts."""
        return asdict(self)

    def to_toml(self) -> str:
        """Return the recipe as TOML, each choice with a comment on meaning, range and unit."""
        blocks = []
        for section in fields(self):
            part = getattr(self, section.name)
            lines = [f"[{section.name}]  # {(type(part).__doc__ or '').strip()}"]
            lines += [
                f"{f.name} = {_toml_value(getattr(part, f.name))}  # {_meaning(f)}"
                for f in fields(part)
            ]
            blocks.append("\n".join(lines))
        return "\n\n".join(blocks) + "\n"

    def differences(self, other: Recipe) -> list[dict[str, Any]]:
        """Return the choices that differ, as rows with key, this, other."""
        choices, others = self.to_dict(), other.to_dict()
        return [
            {"key": f"{section}.{key}", "this": value, "other": others[section][key]}
            for section, values in choices.items()
            for key, value in values.items()
            if value != others[section][key]
        ]


_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple: "a list",
    dict: "a table {key = value}",
}
_LONGEST = 100  # characters of a given value that a message shows
_LARGEST = 10**300  # larger integers can't be converted to float, and are out of every range


def _section(name: str, kind: Any, values: Mapping[str, Any]) -> Any:
    known = {f.name: f for f in fields(kind)}
    checked = {}
    for key, value in values.items():
        if key not in known:
            raise RecipeError(_unknown(f"key of [{name}]", key, known))
        checked[key] = _checked(f"{name}.{key}", known[key], value)
    return kind(**checked)


def _check_levels(potential: Potential) -> None:
    """Raise `RecipeError` if a factor level isn't in the table of the chosen guidelines."""
    from hotspots.analysis.ipcc.tier1 import factor_levels

    for choice in fields(potential):
        if choice.metadata["factor"] is None:
            continue
        system, factor = choice.metadata["factor"]
        levels = factor_levels(factor, system, potential.guidelines, potential.factors or None)
        value = getattr(potential, choice.name)
        if value not in levels:
            raise RecipeError(
                f"potential.{choice.name} is {value!r}; {system} {factor} of {potential.guidelines}"
                f" has {', '.join(levels)}{near_matches(value, levels) or '.'}"
            )


def _misplaced(given: str, sections: Mapping[str, Any]) -> str:
    """Return the message on a top-level key that isn't the name of a section."""
    homes = [name for name, kind in sections.items() if given in {f.name for f in fields(kind)}]
    if homes:
        return f"'{_cut(given)}' stands outside of any section; write it below [{homes[0]}]."
    return _unknown("section", given, sections)


def _checked(key: str, choice: Field[Any], value: Any) -> Any:
    if not isinstance(choice.default, tuple):
        return _checked_item(key, choice, type(choice.default), value)
    if not isinstance(value, list | tuple):
        raise RecipeError(f"{key} is {_said(value)}; a list is needed ({_meaning(choice)}).")
    kind = _ITEMS[str(choice.type)]
    return tuple(_checked_item(f"{key}[{i}]", choice, kind, v) for i, v in enumerate(value))


# Annotation of a list field -> type of its items.
_ITEMS = {"tuple[str, ...]": str, "tuple[float, ...]": float, "tuple[dict[str, Any], ...]": dict}


def _checked_item(key: str, choice: Field[Any], kind: type, value: Any) -> Any:
    if kind is float and type(value) is int and abs(value) < _LARGEST:
        value = float(value)
    if kind is dict and isinstance(value, Mapping):
        # Integers become floats here too, so that equal rows compare equal.
        return {str(k): float(v) if type(v) is int else v for k, v in value.items()}
    if type(value) is not kind:
        raise RecipeError(
            f"{key} is {_said(value)}; {_KINDS[kind]} is needed ({_meaning(choice)})."
        )
    low, high, allowed = (choice.metadata[k] for k in ("low", "high", "allowed"))
    inside = low is None or low <= value <= high  # false for NaN too
    if not inside or (allowed and value not in allowed):
        raise RecipeError(f"{key} is {_said(value)}; allowed is {_meaning(choice)}.")
    return value


def _said(value: Any) -> str:
    """Return a value as text for a message, cut to `_LONGEST` characters."""
    try:
        return _cut(repr(value))
    except (ValueError, RecursionError):  # an integer of thousands of digits
        return "too long to show"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _meaning(choice: Field[Any]) -> str:
    about, unit, low, high, allowed = (
        choice.metadata[k] for k in ("about", "unit", "low", "high", "allowed")
    )
    limits = [] if low is None else [f"{low:g} to {high:g}"]
    limits += [" or ".join(allowed)] if allowed else []
    limits += [unit] if unit else []
    return str(about) + (f" [{'; '.join(limits)}]" if limits else "")


def _unknown(what: str, given: str, known: Mapping[str, Any]) -> str:
    return (
        f"'{_cut(given)}' is not a {what} in a recipe; known are {', '.join(known)}"
        f"{near_matches(_cut(given), known) or '.'}"
    )


def _toml_value(value: Any) -> str:
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
