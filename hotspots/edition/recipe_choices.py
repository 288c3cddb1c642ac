"""What a choice of a recipe is: its definition, its limits, and the message on an unusable value.

Pydantic checks the values; what it reports is put in one plain sentence here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic.config import JsonDict

from hotspots.errors import RecipeError, near_matches, shortened

_LARGEST = 10**300  # larger integers can't be converted to float
# Type of Pydantic's error -> what is needed instead.
_NEEDED = {
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "a text",
    "tuple_type": "a list",
    "dict_type": "a table {key = value}",
}


def _as_tuple(given: object) -> object:
    return tuple(given) if isinstance(given, list) else given


def _as_row(given: object) -> object:
    """Return a row with integers as floats, so that equal rows compare equal."""
    if not isinstance(given, Mapping):
        return given
    return {
        # Not isinstance: true and false are integers too, and stay as they are.
        str(key): float(value) if type(value) is int and abs(value) < _LARGEST else value
        for key, value in given.items()
    }


Item = TypeVar("Item")
# TOML and JSON have lists; a recipe keeps tuples, which nobody can change.
List = Annotated[tuple[Item, ...], BeforeValidator(_as_tuple)]
FactorRows = List[Annotated[dict[str, object], BeforeValidator(_as_row)]]


class Section(BaseModel):
    """Choices of a recipe on one subject; unknown keys and unusable values raise `RecipeError`.

    A section is called by the name of its class in lower case.
    """

    # Strict, so that neither `true` nor "3" passes as a number; whole numbers pass as real ones.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _report(cls, given: Any, check: ModelWrapValidatorHandler[Section]) -> Section:
        try:
            return check(dict(given) if isinstance(given, Mapping) else given)
        except ValidationError as error:
            raise RecipeError(_sentence(cls, error)) from error


def choice(
    default: object,
    about: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    factor: tuple[str, str] | None = None,
) -> Any:
    """Return the field of one choice; texts and items of a list are limited by their type.

    Parameters
    ----------
    default : bool, int, float, str or tuple
        Value of a recipe that doesn't set it, in `unit`.
    about : str
        Meaning of the choice and basis of its default.
    unit : str
        Unit of the value, "1" for a share or number; "" for none.
    low, high : float, optional
        Limits of the value, in `unit`, inclusive, given together; None for no limits.
    factor : (str, str), optional
        Land-use system and IPCC factor, such as ("cropland", "F_MG"), of a choice of a factor
        level.
    """
    extra: JsonDict = {"unit": unit} if unit else {}
    if factor:
        extra["factor"] = list(factor)
    limits: dict[str, Any] = {} if low is None else {"ge": low, "le": high}
    return Field(default, description=about, json_schema_extra=extra, **limits)


@dataclass(frozen=True)
class Choice:
    """Description of one choice, from the schema: meaning, unit and limits as in `choice`.

    `allowed` are the texts to choose from, none if any text will do; `default` is the value of a
    recipe that doesn't set it.
    """

    default: Any
    about: str
    unit: str
    low: float | None
    high: float | None
    allowed: tuple[str, ...]
    factor: tuple[str, str] | None

    @property
    def meaning(self) -> str:
        """Meaning with limits and unit, such as "share of the stock per year [0 to 1; yr-1]"."""
        limits = [] if self.low is None else [f"{self.low:g} to {self.high:g}"]
        limits += [" or ".join(self.allowed)] if self.allowed else []
        limits += [self.unit] if self.unit else []
        return self.about + (f" [{'; '.join(limits)}]" if limits else "")


@cache
def choices_of(section: type[BaseModel]) -> Mapping[str, Choice]:
    """Return the choices of a section by key, in their order."""
    # From the schema rather than from Pydantic's fields: there the limits of a list's items and
    # the texts of a Literal have the same form as those of a number.
    described = section.model_json_schema()["properties"]
    return {
        key: _choice_of(field.default, described[key])
        for key, field in section.model_fields.items()
    }


def _choice_of(default: Any, schema: Mapping[str, Any]) -> Choice:
    limits = schema | schema.get("items", {})
    factor = schema.get("factor")
    return Choice(
        default,
        schema["description"],
        schema.get("unit", ""),
        limits.get("minimum"),
        limits.get("maximum"),
        tuple(limits.get("enum", ())),
        factor and (factor[0], factor[1]),
    )


def _sentence(section: type[Section], error: ValidationError) -> str:
    """Return one sentence on the first of Pydantic's errors."""
    first = error.errors(include_url=False)[0]
    kind, place, given = first["type"], first["loc"], first["input"]
    name, choices = section.__name__.lower(), choices_of(section)
    if not place:
        return f"[{name}] holds {shown(given)}; a table of key = value is needed."
    if place[0] not in choices:
        return unknown(f"a key of [{name}]", str(place[0]), choices)
    # A number where one of some texts is needed: "2019" looks the same with and without quotes.
    if kind == "literal_error" and not isinstance(given, str):
        kind = "string_type"
    meaning = choices[str(place[0])].meaning
    key = f"{name}.{place[0]}" + "".join(f"[{index}]" for index in place[1:])
    if kind in _NEEDED:
        return f"{key} is {shown(given)}; {_NEEDED[kind]} is needed ({meaning})."
    return f"{key} is {shown(given)}; allowed is {meaning}."


def unknown(what: str, given: str, known: Iterable[str]) -> str:
    """Return the message on a name that no recipe has."""
    return (
        f"'{shortened(given)}' is not {what}; known are {', '.join(known)}"
        f"{near_matches(shortened(given), known) or '.'}"
    )


def shown(value: object) -> str:
    """Return a value as text for a message, shortened; true and false as TOML spells them."""
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return shortened(repr(value))
    except (ValueError, RecursionError):  # an integer of thousands of digits
        return "too long to show"
