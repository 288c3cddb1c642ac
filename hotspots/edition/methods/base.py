"""Definition of a method, and the function that runs all methods whose inputs are available.

A method takes the data and the layers of the methods before it, and returns layers. A missing
input disables it, with the reason in its state; an invalid input raises an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypedDict

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
        Name in recipes, manifests and method cards.
    kind : str
        "input", "potential", "yardstick", "change", "loss" or "evidence".
    what : str
        Its result in words, for the reason why it doesn't run.
    needs : function (recipe -> names)
        Required layers; "a|b" where one of them suffices.
    gives : tuple of str
        Layers that it may return; an input method doesn't run where the data have all of them.
    run : function (data with layers so far, recipe -> layers)
        Without side effects; layers that its inputs don't allow may be left out.
    functions : tuple of str
        "module:function", relative to ``hotspots``; the docstrings have the formula. For the card.
    tables : tuple of str
        Factor tables; for the card.
    sections : tuple of str
        What it reads of the recipe besides the masks, as sections or "section.key"; for the card.
    series : tuple of (str, int), optional
        Layer that it needs of several years (``soc_stock_2000``, …), and the least number of them.
    summarises : bool
        Whether its result only combines those of other methods.
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
    series: tuple[str, int] | None = None
    summarises: bool = False


def need(*names: str) -> Callable[[Recipe], tuple[str, ...]]:
    """Return the needs of a method that don't depend on the recipe."""
    return lambda _: names


class NotPossible(Exception):
    """Raised by a method whose inputs don't allow it; its message is the reason."""


class StateRow(TypedDict):
    """A `State` as JSON."""

    id: str
    kind: str
    status: str
    gives: list[str]
    reason: str


@dataclass(frozen=True)
class State:
    """Outcome of a method: its status, layers, and the reason where it returned none."""

    id: str
    kind: str
    status: str
    gives: tuple[str, ...] = ()
    reason: str = ""

    def to_dict(self) -> StateRow:
        """Return the state as a row of the manifest."""
        return {
            "id": self.id,
            "kind": self.kind,
            "status": self.status,
            "gives": list(self.gives),
            "reason": self.reason,
        }


def own_factors(recipe: Recipe, guidelines: str) -> list[dict[str, object]] | None:
    """Return the recipe's own factors for `guidelines`, by default those of the recipe, or None."""
    choice = recipe.potential
    rows = [r for r in choice.factors if str(r.get("guidelines", choice.guidelines)) == guidelines]
    return [row | {"guidelines": guidelines} for row in rows] or None


def masks_on(recipe: Recipe) -> list[str]:
    """Return the names of the masks that a recipe switches on."""
    return [name for name, on in recipe.masks if on]


def thresholds_of(recipe: Recipe) -> Thresholds:
    """Return the thresholds of masks whose best layer is missing."""
    rules = recipe.eligibility
    return Thresholds(rules.organic_stock, rules.hyper_arid_precipitation)


def run_methods(
    methods: Iterable[Method], data: xr.Dataset, recipe: Recipe
) -> tuple[xr.Dataset, list[State]]:
    """Run `methods` in their order; return the layers and the state of each method.

    Quantities are stored as float32 and classes as integers; later methods use the stored values.
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
    # Rounded first, so that the last digits of a float64 can't change the float32.
    return layer.copy(data=steady(layer.values).astype("float32"))


def _state_before(method: Method, data: xr.Dataset, recipe: Recipe) -> State | None:
    """Return the state of a method that doesn't run, with the reason; None if it runs."""
    state = partial(State, method.id, method.kind)
    if method.id in recipe.methods.skip:
        return state(SKIPPED, reason=f"No {method.what}: the recipe skips it.")
    if method.kind == "input" and all(name in data for name in method.gives):
        return state(GIVEN, method.gives)
    missing = missing_layers(method, data, recipe)
    if missing:
        return state(NO_DATA, reason=f"No {method.what}: the data lack {', '.join(missing)}.")
    return None


def missing_layers(method: Method, data: Container[object], recipe: Recipe) -> list[str]:
    """Return the required layers of a method that `data` lack; alternatives joined by "or"."""
    return [
        names.replace("|", " or ")
        for names in method.needs(recipe)
        if not any(name in data for name in names.split("|"))
    ]


def require_rate(ranking_potential: str) -> None:
    """Raise `RecipeError` if the layer that ranks gain isn't a potential per year."""
    fits = ranking_potential.startswith("potential_")
    if not fits or variable(ranking_potential).unit != "t ha-1 yr-1":
        raise RecipeError(
            f"methods.ranking_potential is '{ranking_potential}'; gain is ranked by a potential"
            " in t ha-1 yr-1, such as potential_ipcc_tier1 or potential_median."
        )


def require_usable(recipe: Recipe, methods: Iterable[Method]) -> None:
    """Raise `BadInputError` if a recipe can't be run on any data.

    Checked beyond the recipe's own checks: skipped methods, the layers of the ranking and of the
    change, the saturation equation, and own factors.
    """
    from hotspots.analysis.ipcc.tier1_factors import factor_by_zone
    from hotspots.analysis.potential.saturation import saturation_capacity

    require_known(recipe.methods.skip, methods)
    require_rate(recipe.methods.ranking_potential)
    require_stock("start", recipe.change.start)
    require_stock("end", recipe.change.end)
    # Called for its error on an unknown equation; any clay content will do (10 %).
    saturation_capacity(10.0, recipe.saturation.equation)
    choice = recipe.potential
    # Likewise for the recipe's own factors and its level of F_LU.
    factor_by_zone(
        "F_LU",
        choice.land_use,
        "cropland",
        choice.guidelines,
        factors=own_factors(recipe, choice.guidelines),
    )


def require_stock(key: str, name: str) -> None:
    """Raise `RecipeError` if a layer that change is computed between isn't a stock."""
    if not _STOCK_OF_A_DATE.fullmatch(name):
        raise RecipeError(
            f"change.{key} is '{name}', which is not a stock; soc_stock, soc_stock_reference and"
            " soc_stock_<year> are."
        )


def require_known(skip: Iterable[str], methods: Iterable[Method]) -> None:
    """Raise `RecipeError` if a recipe skips a method that doesn't exist."""
    ids = [method.id for method in methods]
    for name in skip:
        if name not in ids:
            raise RecipeError(
                f"methods.skip has '{name}', which can't be skipped{near_matches(name, ids) or ';'}"
                f" these can: {', '.join(ids)}."
            )
