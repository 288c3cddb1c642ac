"""What a method is, and how methods run: each where its inputs exist, the rest told in a sentence.

A method takes the data and the layers made before it, and gives layers. It is disabled, never
failed, by an input that is missing; what is wrong with an input that is there is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import xarray as xr

from hotspots.analysis.hotspots.eligibility import Thresholds
from hotspots.errors import RecipeError, near_matches
from hotspots.layers.rounding import steady
from hotspots.layers.variables import variable

if TYPE_CHECKING:
    from hotspots.edition.recipe import Recipe

Layers = Mapping[str, xr.DataArray]
_STOCK_OF_A_DATE = re.compile(r"soc_stock(_reference|_\d{4})?")
RUN, GIVEN, NO_DATA, SKIPPED = "run", "given", "no data", "skipped"


@dataclass(frozen=True)
class Method:
    """One method of an edition.

    Attributes
    ----------
    id : str
        Its name in recipes, manifests and method cards.
    kind : str
        "input", "potential", "yardstick", "change", "loss" or "evidence".
    what : str
        What it makes, for the sentence that tells why it can't.
    needs : function (recipe -> names)
        Layers that it needs; "a|b" where either will do.
    gives : tuple of str
        Layers that it may give; an input method rests where all are given already.
    run : function (data with layers so far, recipe -> layers)
        Pure; it may leave out a layer that its inputs don't allow.
    functions : tuple of str
        "module:function" below hotspots.analysis, whose docstrings have the formula; for the card.
    tables : tuple of str
        Factor tables; for the card.
    sections : tuple of str
        Sections of the recipe that it reads; for the card.
    """

    id: str
    kind: str
    what: str
    needs: Callable[[Recipe], tuple[str, ...]]
    gives: tuple[str, ...]
    run: Callable[[xr.Dataset, Recipe], Layers]
    functions: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()


def need(*names: str) -> Callable[[Recipe], tuple[str, ...]]:
    """Return the needs of a method that don't depend on the recipe."""
    return lambda _: names


class NotPossible(Exception):
    """Raised by a method that finds that its inputs don't allow it; its text is the reason."""


@dataclass(frozen=True)
class State:
    """What became of a method: its status, and the sentence that says why it gave nothing."""

    id: str
    kind: str
    status: str
    gives: tuple[str, ...] = ()
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as a row for the manifest."""
        return asdict(self) | {"gives": list(self.gives)}


def own_factors(recipe: Recipe, guidelines: str) -> list[dict[str, Any]] | None:
    """Return the recipe's own factors of an edition; a row that names none is of the recipe's."""
    choice = recipe.potential
    rows = [r for r in choice.factors if str(r.get("guidelines", choice.guidelines)) == guidelines]
    return [row | {"guidelines": guidelines} for row in rows] or None


def masks_on(recipe: Recipe) -> list[str]:
    """Return the names of the masks that a recipe switches on."""
    return [name for name, on in asdict(recipe.masks).items() if on]


def thresholds_of(recipe: Recipe) -> Thresholds:
    """Return what tells a mask where its best layer is missing."""
    rules = recipe.eligibility
    return Thresholds(rules.organic_stock, rules.hyper_arid_precipitation)


def run_methods(
    methods: Iterable[Method], data: xr.Dataset, recipe: Recipe
) -> tuple[xr.Dataset, list[State]]:
    """Return the layers that `methods`, in their order, make of `data`, and what became of each.

    Quantities are stored as float32, classes as bytes, and so a later method sees them.
    """
    made: dict[str, xr.DataArray] = {}
    states = []
    for method in methods:
        seen = data.assign(made)
        state = _state_before(method, seen, recipe)
        if state is None:
            try:
                given = dict(method.run(seen, recipe))
            except NotPossible as error:
                given = {}
                state = State(method.id, method.kind, NO_DATA, reason=str(error))
            made |= {name: _stored(layer) for name, layer in given.items()}
        if state is None:
            gives = tuple(name for name in given if not name.endswith("_valid_share"))
            state = State(method.id, method.kind, RUN, gives)
        states.append(state)
    return xr.Dataset(made), states


def _stored(layer: xr.DataArray) -> xr.DataArray:
    if layer.dtype.kind in "iu":
        return layer
    if layer.dtype == "float32":
        return layer
    # In two steps, so that the last digit of a float64 doesn't decide that of a float32.
    return layer.copy(data=steady(layer.values).astype("float32"))


def _state_before(method: Method, data: xr.Dataset, recipe: Recipe) -> State | None:
    """Return why a method doesn't run, or None if it does."""
    state = partial(State, method.id, method.kind)
    if method.id in recipe.methods.skip:
        return state(SKIPPED, reason=f"No {method.what}: the recipe skips it.")
    if method.kind == "input" and all(name in data for name in method.gives):
        return state(GIVEN, method.gives)
    missing = missing_layers(method, data, recipe)
    if missing:
        return state(NO_DATA, reason=f"No {method.what}: the data lack {', '.join(missing)}.")
    return None


def missing_layers(method: Method, data: Container[Any], recipe: Recipe) -> list[str]:
    """Return which of a method's needs are not among `data`'s layers, alternatives by "or"."""
    return [
        wanted.replace("|", " or ")
        for wanted in method.needs(recipe)
        if not any(name in data for name in wanted.split("|"))
    ]


def require_rate(ranking_potential: str) -> None:
    """Raise `RecipeError` where the layer that ranks gain can't be a potential per year."""
    fits = ranking_potential.startswith("potential_")
    if not fits or variable(ranking_potential).unit != "t ha-1 yr-1":
        raise RecipeError(
            f"methods.ranking_potential is '{ranking_potential}'; gain is ranked by a potential"
            " in t ha-1 yr-1, such as potential_ipcc_tier1 or potential_median."
        )


def require_usable(recipe: Recipe, methods: Iterable[Method]) -> None:
    """Raise `BadInputError` where a recipe can't be run on any data, before there are any.

    Beyond what the recipe checks of itself: methods skipped, layers that rank and that change is
    between, the equation of saturation, and own factors.
    """
    from hotspots.analysis.ipcc.tier1_factors import factor_by_zone
    from hotspots.analysis.potential.saturation import saturation_capacity

    require_known(recipe.methods.skip, methods)
    require_rate(recipe.methods.ranking_potential)
    require_stock("start", recipe.change.start)
    require_stock("end", recipe.change.end)
    saturation_capacity(10.0, recipe.saturation.equation)
    choice = recipe.potential
    factor_by_zone(
        "F_LU",
        choice.land_use,
        "cropland",
        choice.guidelines,
        factors=own_factors(recipe, choice.guidelines),
    )


def require_stock(key: str, name: str) -> None:
    """Raise `RecipeError` where a layer that change is from or to is no stock."""
    if not _STOCK_OF_A_DATE.fullmatch(name):
        raise RecipeError(
            f"change.{key} is '{name}', which is no stock; soc_stock, soc_stock_reference and"
            " soc_stock_<year> are."
        )


def require_known(skip: Iterable[str], methods: Iterable[Method]) -> None:
    """Raise `RecipeError` where a recipe skips a method that doesn't exist."""
    ids = [method.id for method in methods]
    for name in skip:
        if name not in ids:
            raise RecipeError(
                f"methods.skip has '{name}', which can't be skipped{near_matches(name, ids) or ';'}"
                f" these can: {', '.join(ids)}."
            )
