"""The recipe: every choice of one analysis, with unit and allowed range, saved as TOML."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from hotspots.errors import RecipeError, near_matches
from hotspots.files import reason


def _choice(
    default: Any,
    about: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    allowed: tuple[str, ...] = (),
    factor: tuple[str, str] | None = None,
) -> Any:
    """Return a field; `factor` is (land-use system, IPCC factor) of a choice of factor level."""
    told = {"about": about, "unit": unit, "low": low, "high": high, "allowed": allowed}
    return field(default=default, metadata=told | {"factor": factor})


@dataclass(frozen=True)
class Potential:
    """IPCC Tier 1: what cropland goes from and to."""

    guidelines: str = _choice("2019", "IPCC edition of factors and zones", allowed=("2006", "2019"))
    land_use: str = _choice(
        "long_term_cultivated", "F_LU of today's cropland", factor=("cropland", "F_LU")
    )
    from_management: str = _choice(
        "full_tillage", "F_MG of today's cropland", factor=("cropland", "F_MG")
    )
    from_input: str = _choice("medium", "F_I of today's cropland", factor=("cropland", "F_I"))
    management: str = _choice("no_tillage", "F_MG that it goes to", factor=("cropland", "F_MG"))
    input: str = _choice(
        "high_without_manure", "F_I that it goes to; manure moves carbon, so not in it",
        factor=("cropland", "F_I"),
    )  # fmt: skip
    adoption: float = _choice(0.0, "share of the land already so managed", unit="1", low=0, high=1)
    transition_years: float = _choice(20.0, "years of the transition", unit="yr", low=1, high=100)
    include_pasture: bool = _choice(
        False, "count pasture, rangeland included, as grassland that can be improved"
    )
    grassland_management: str = _choice(
        "improved", "F_MG of pasture, if included", factor=("grassland", "F_MG")
    )


@dataclass(frozen=True)
class Target:
    """The 4 per 1000 yardstick."""

    rate: float = _choice(0.004, "share of the stock per year", unit="yr-1", low=0, high=1)


@dataclass(frozen=True)
class Change:
    """Modelled change between two dates of one model."""

    start: str = _choice("soc_stock_1990", "layer of the first date")
    end: str = _choice("soc_stock", "layer of the last date")
    detectable: float = _choice(
        1.0, "smaller changes over the period are told as not detectable",
        unit="t ha-1", low=0, high=100,
    )  # fmt: skip


@dataclass(frozen=True)
class Eligibility:
    """Which land is ranked."""

    min_managed_share: float = _choice(
        0.1, "least managed share of a cell's land", unit="1", low=0, high=1
    )
    organic_stock: float = _choice(
        200.0, "without a soil map, more stock than this is organic soil",
        unit="t ha-1", low=50, high=800,
    )  # fmt: skip
    hyper_arid_precipitation: float = _choice(
        100.0, "without PET, less rain than this is hyper-arid", unit="mm yr-1", low=0, high=1000
    )


@dataclass(frozen=True)
class Hotspots:
    """What is called hot."""

    top_share: float = _choice(0.1, "top share of eligible area", unit="1", low=0.001, high=1)
    gain_threshold: float = _choice(
        0.2, "least gain of a hot cell", unit="t ha-1 yr-1", low=0, high=50
    )
    loss_threshold: float = _choice(
        0.1, "least loss of a hot cell", unit="t ha-1 yr-1", low=0, high=50
    )
    min_patch_cells: int = _choice(4, "least cells of a hot patch", unit="1", low=1, high=10**6)
    min_patch_area_km2: float = _choice(
        1000.0, "least land area of a hot patch", unit="km2", low=0, high=10**7
    )
    unit_hot_share: float = _choice(
        0.1, "hot share of its ranked land that gives a unit a hot class", unit="1", low=0, high=1
    )


@dataclass(frozen=True)
class Clusters:
    """Gi* beside the hotspots: descriptive, not the definition."""

    radius_km: float = _choice(100.0, "neighbourhood, geodesic", unit="km", low=1, high=5000)
    alpha: float = _choice(0.05, "false discovery rate", unit="1", low=0.0001, high=0.5)
    method: str = _choice("bh", "Benjamini-Hochberg or -Yekutieli", allowed=("bh", "by"))


@dataclass(frozen=True)
class Recipe:
    """All choices of an analysis; the defaults are documented in `to_toml`'s comments.

    ``Recipe()`` is the default recipe; ``Recipe.from_dict({"potential": {"adoption": 0.2}})`` and
    ``Recipe(potential=Potential(adoption=0.2))`` change one choice; values out of range and unknown
    keys raise `RecipeError`.
    """

    potential: Potential = field(default_factory=Potential)
    target: Target = field(default_factory=Target)
    change: Change = field(default_factory=Change)
    eligibility: Eligibility = field(default_factory=Eligibility)
    hotspots: Hotspots = field(default_factory=Hotspots)
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
            # A whole number given for a real one is made real, so that equal recipes look equal.
            checked = _section(section.name, kind, asdict(part))
            object.__setattr__(self, section.name, checked)
        _check_levels(self.potential)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Recipe:
        """Return a recipe from nested dicts; what isn't given keeps its default."""
        sections = {f.name: f.default_factory for f in fields(cls)}
        chosen: dict[str, Any] = {}
        for section, values in given.items():
            if section not in sections:
                raise RecipeError(_misplaced(section, sections))
            if not isinstance(values, Mapping):
                raise RecipeError(
                    f"[{section}] holds {values!r}; a table of key = value is needed."
                )
            chosen[section] = _section(section, sections[section], values)
        return cls(**chosen)

    @classmethod
    def from_toml(cls, text: str) -> Recipe:
        """Return the recipe written in TOML `text`."""
        try:
            given = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # numbers too long, tables too deep
            raise RecipeError(f"The recipe is not valid TOML: {error}.") from error
        return cls.from_dict(given)

    @classmethod
    def from_file(cls, path: str | Path) -> Recipe:
        """Return the recipe of a TOML file."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:  # not UTF-8; a path with a null character
            raise RecipeError(f"The recipe '{path}' can't be read: {reason(error)}.") from error
        return cls.from_toml(text)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return all choices as nested dicts."""
        return asdict(self)

    def to_toml(self) -> str:
        """Return TOML with every choice, its unit, range and meaning."""
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
        """Return the choices that differ, as rows key, this, other."""
        mine, theirs = self.to_dict(), other.to_dict()
        return [
            {"key": f"{section}.{key}", "this": value, "other": theirs[section][key]}
            for section, values in mine.items()
            for key, value in values.items()
            if value != theirs[section][key]
        ]


_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
_LARGEST = 10**300  # whole numbers beyond can't become real ones, and are out of every range


def _section(name: str, kind: Any, values: Mapping[str, Any]) -> Any:
    known = {f.name: f for f in fields(kind)}
    checked = {}
    for key, value in values.items():
        if key not in known:
            raise RecipeError(_unknown(f"key of [{name}]", key, known))
        checked[key] = _checked(f"{name}.{key}", known[key], value)
    return kind(**checked)


def _check_levels(potential: Potential) -> None:
    """Raise `RecipeError` where a factor level isn't in the table of the guidelines chosen."""
    from hotspots.analysis.potential.tier1 import factor_levels

    for choice in fields(potential):
        if choice.metadata["factor"] is None:
            continue
        system, factor = choice.metadata["factor"]
        levels = factor_levels(factor, system, potential.guidelines)
        value = getattr(potential, choice.name)
        if value not in levels:
            raise RecipeError(
                f"potential.{choice.name} is {value!r}; {system} {factor} of {potential.guidelines}"
                f" has {', '.join(levels)}{near_matches(value, levels) or '.'}"
            )


def _misplaced(given: str, sections: Mapping[str, Any]) -> str:
    """Return what is wrong with a top-level key that is no section."""
    homes = [name for name, kind in sections.items() if given in {f.name for f in fields(kind)}]
    if homes:
        return f"'{given}' stands outside of any section; write it below [{homes[0]}]."
    return _unknown("section", given, sections)


def _checked(key: str, choice: Field[Any], value: Any) -> Any:
    wanted = type(choice.default)
    if wanted is float and type(value) is int and abs(value) < _LARGEST:
        value = float(value)
    if type(value) is not wanted:
        raise RecipeError(f"{key} is {value!r}; {_KINDS[wanted]} is needed ({_meaning(choice)}).")
    low, high, allowed = (choice.metadata[k] for k in ("low", "high", "allowed"))
    inside = low is None or low <= value <= high  # false for NaN too
    if not inside or (allowed and value not in allowed):
        raise RecipeError(f"{key} is {value!r}; allowed is {_meaning(choice)}.")
    return value


def _meaning(choice: Field[Any]) -> str:
    about, unit, low, high, allowed = (
        choice.metadata[k] for k in ("about", "unit", "low", "high", "allowed")
    )
    limits = [] if low is None else [f"{low:g} to {high:g}"]
    limits += [" or ".join(allowed)] if allowed else []
    limits += [unit] if unit else []
    return about + (f" [{'; '.join(limits)}]" if limits else "")


def _unknown(what: str, given: str, known: Mapping[str, Any]) -> str:
    return (
        f"'{given}' is no {what} in a recipe; known are {', '.join(known)}"
        f"{near_matches(given, known) or '.'}"
    )


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON escapes what TOML does, but for the delete character.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
