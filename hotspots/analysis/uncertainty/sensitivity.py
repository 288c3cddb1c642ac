"""Sensitivity of the loss hotspots to uncertain inputs, weights and single components.

Five views (a-e): membership over errors; membership over weights; overlap without one component;
the inputs' shares in the variance of the total; and rank correlation with each component. Ranks
are by area, and nothing is rescaled to 0-1: another unit for all losses changes no membership.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import require_between
from hotspots.analysis.hotspots.classify import top_share_by_area
from hotspots.analysis.uncertainty.sobol import SOBOL_SAMPLES, sobol_indices
from hotspots.errors import BadInputError, near_matches
from hotspots.layers.array_types import Attributes, BoolArray, FloatArray
from hotspots.layers.variables import LOSS_COMPONENTS, describe, require_aligned

TOP_SHARE = 0.10
STABLE = 0.8  # minimum share of draws of a stable hotspot
DRAWS = 200
SEED = 1
DISTRIBUTIONS = ("lognormal", "normal")
# Losses that differ by rounding only are ties, whatever their unit.
TIE_DECIMALS = 12


@dataclass(frozen=True)
class UncertainInput:
    """An input with an error that all cells share, as parameters and models have.

    Attributes
    ----------
    relative_sd : float
        Standard deviation over mean, 0 or more.
    components : tuple of str
        Components of the loss that are proportional to it.
    """

    relative_sd: float
    components: tuple[str, ...]


# Conventions, of the order of magnitude of the published errors (IPCC factors ±10-50 % of
# 2 sd; ER 0.8-2.5; m 0-1; Q10 1.6-2.7; emission factors ±15-40 %): no fitted numbers.
DEFAULT_INPUTS: dict[str, UncertainInput] = {
    "soc": UncertainInput(0.25, ("conversion", "disequilibrium", "erosion", "warming")),
    "conversion_rate": UncertainInput(0.3, ("conversion",)),
    "land_use_factor": UncertainInput(0.3, ("conversion",)),
    "carbon_input": UncertainInput(0.5, ("disequilibrium",)),
    "soil_erosion": UncertainInput(0.5, ("erosion",)),
    "enrichment": UncertainInput(0.3, ("erosion",)),
    "lost_share": UncertainInput(0.8, ("erosion",)),
    "temperature_response": UncertainInput(0.35, ("warming",)),
    "emission_factor": UncertainInput(0.25, ("drained_organic",)),
}


def sensitivity(
    components: Mapping[Hashable, xr.DataArray] | xr.Dataset,
    area: xr.DataArray,
    *,
    inputs: Mapping[str, UncertainInput | float] | None = None,
    cell_sd: float = 0.0,
    distribution: str = "lognormal",
    top_share: float = TOP_SHARE,
    draws: int = DRAWS,
    sobol_samples: int = SOBOL_SAMPLES,
    seed: int = SEED,
) -> Attributes:
    """Return the sensitivity of the loss and its hotspots, in five views (a to e).

    Parameters
    ----------
    components : Dataset or mapping
        The components as they enter the sum (of `loss_total`), with or without ``loss_``, t ha-1
        yr-1; other layers of a Dataset are ignored. Computed if dask-backed: ranks need all
        cells. Cells with a component missing are left out.
    area : DataArray
        Area that each cell's values stand for, ha; NaN or 0 leaves the cell out.
    inputs : mapping, optional
        Uncertain inputs by name; a number is the relative sd of the component of that name. By
        default `DEFAULT_INPUTS`.
    cell_sd : float
        Relative sd of an independent error of each cell's loss, in (a) only. Errors of real maps
        lie between fully shared and independent ones.
    distribution : {"lognormal", "normal"}
        Of each input's factor, with mean 1; normal ones are truncated at 0.
    top_share : float
        Top share of the area that counts as hot, 0-1.
    draws : int
        Draws of (a) and of (b).
    sobol_samples : int
        Base samples of (d).
    seed : int
        Of all random numbers.

    Returns
    -------
    dict
        ``stability_errors``, ``stability_weights``: DataArrays, share of the draws in which the
        cell is hot, over errors (a; under the name ``stability_loss``) and over weights (b); NaN
        where left out. ``stable_share_errors``, ``stable_share_weights``: share of today's hot
        area that is hot in 80 % of the draws or more. ``jaccard``: by component left out, by area
        (c). ``sobol_first``, ``sobol_total``: by input, of the total (d); NaN where nothing
        varies. ``total_sd``: of the total over the inputs, t yr-1. ``spearman``: by component (e);
        NaN for a constant one. And ``total`` (t yr-1), ``totals`` by component, ``hot_area_ha``,
        ``area_ha``, ``cells``, ``draws``, ``seed``, ``top_share``, ``distribution``,
        ``cell_sd``, ``inputs``.

    Raises
    ------
    BadInputError
        An unknown component or distribution, a negative error, no cell with all components.

    Notes
    -----
    (a) ``L = Σ_i L_i·Π_j f_j``, the factors f shared by all cells (times one for each cell where
    `cell_sd` is given); with one component alone, shared factors change no rank. (b) ``w ~
    Dirichlet(1)``, scaled to sum to the number of components. (c) ``|A ∩ B|/|A ∪ B|`` of the hot
    sets with and without a component. (d) Saltelli et al. (2010), doi:10.1016/j.cpc.2009.09.018,
    on the total, whose inputs act as factors. (e) mean ranks of ties. Hot: top share by area and
    above 0; ties are treated alike, so that the result doesn't depend on the unit. The
    default errors are *conventions*.
    """
    _require_choices(distribution, top_share, cell_sd, draws, sobol_samples)
    layers = _layers(components)
    losses, weights, valid = _cells(layers, area)
    errors = _inputs(inputs, tuple(layers))
    land = _Land(losses, weights, top_share)
    totals = losses @ weights
    rng = np.random.default_rng(seed)
    sds = np.array([error.relative_sd for error in errors.values()])

    def multipliers(uniform: FloatArray) -> FloatArray:
        """Return the multipliers of each component for draws (n, inputs) in 0-1."""
        return _multipliers(_factors(uniform, sds, distribution), errors, tuple(layers))

    def own_error() -> FloatArray:
        """Return the factor of each cell's own error, in one draw."""
        return _factors(rng.random(weights.size), cell_sd, distribution)

    by_error = land.membership(
        multipliers(rng.random((draws, len(errors)))), own_error if cell_sd else None
    )
    by_weight = land.membership(rng.dirichlet(np.ones(len(layers)), draws) * len(layers))
    first, whole, sd = sobol_indices(
        lambda uniform: multipliers(uniform) @ totals, len(errors), samples=sobol_samples, seed=seed
    )
    return {
        "stability_errors": describe(_map(by_error, valid), "stability_loss"),
        "stability_weights": _map(by_weight, valid).assign_attrs(
            units="1", long_name="Share of draws of the weights in which the cell is hot for loss"
        ),
        "stable_share_errors": land.stable_share(by_error),
        "stable_share_weights": land.stable_share(by_weight),
        "jaccard": land.without_each(tuple(layers)),
        "sobol_first": dict(zip(errors, first.tolist(), strict=True)),
        "sobol_total": dict(zip(errors, whole.tolist(), strict=True)),
        "total_sd": sd,
        "spearman": _spearman(losses, tuple(layers)),
        "total": float(totals.sum()),
        "totals": dict(zip(layers, totals.tolist(), strict=True)),
        "hot_area_ha": land.hot_area,
        "area_ha": float(weights.sum()),
        "cells": int(weights.size),
        "draws": draws,
        "seed": seed,
        "top_share": top_share,
        "distribution": distribution,
        "cell_sd": cell_sd,
        "inputs": {name: e.relative_sd for name, e in errors.items()},
    }


def hot_cells(loss: FloatArray, area: FloatArray, top_share: float = TOP_SHARE) -> BoolArray:
    """Return which cells are in the top share by area, and have a loss above 0.

    Parameters
    ----------
    loss, area : array (n,)
        t ha-1 yr-1, in any unit that all cells share, and ha.
    top_share : float
        0-1.

    Returns
    -------
    array (n,) of bool
        False for NaN, though its area counts.
    """
    most = float(np.nanmax(loss, initial=0.0))
    if most <= 0:
        return np.zeros(loss.shape, dtype=bool)
    # Scaled by the largest, so that ties are identified by the same digits in every unit.
    scaled = np.round(loss / most, TIE_DECIMALS)
    return top_share_by_area(scaled, area, top_share) & (scaled > 0)


def _require_choices(
    distribution: str, top_share: float, cell_sd: float, draws: int, sobol_samples: int
) -> None:
    if distribution not in DISTRIBUTIONS:
        raise BadInputError(
            f"distribution is '{distribution}'; allowed are {' and '.join(DISTRIBUTIONS)}"
            f"{near_matches(distribution, DISTRIBUTIONS) or '.'}"
        )
    if not 0 < top_share <= 1:
        raise BadInputError(f"top_share is {top_share}; it is a share of the area, 0 to 1.")
    if not 0 <= cell_sd <= 5:
        raise BadInputError(f"cell_sd is {cell_sd}; it is a share of the loss, 0 to 5.")
    if draws < 1 or sobol_samples < 2:
        raise BadInputError(
            f"draws is {draws} and sobol_samples {sobol_samples}; 1 and 2 are the least."
        )


class _Land:
    """Losses by component (components, cells), the cells' area, and which of them are hot."""

    def __init__(self, losses: FloatArray, area: FloatArray, top_share: float) -> None:
        self._losses, self._area, self._top_share = losses, area, top_share
        self._today = self._hot(np.ones(len(losses)))
        self.hot_area = float(area[self._today].sum())

    def _hot(self, multipliers: FloatArray, own: FloatArray | float = 1.0) -> BoolArray:
        return hot_cells(own * (multipliers @ self._losses), self._area, self._top_share)

    def membership(
        self, draws: FloatArray, own_error: Callable[[], FloatArray] | None = None
    ) -> FloatArray:
        """Return the share of draws (n, components) in which each cell is hot."""
        count = np.zeros(self._area.size)
        for multipliers in draws:
            count += self._hot(multipliers, own_error() if own_error else 1.0)
        return count / len(draws)

    def stable_share(self, share: FloatArray) -> float:
        """Return the share of today's hot area that is hot in enough of the draws."""
        kept = float(self._area[self._today & (share >= STABLE)].sum())
        return kept / self.hot_area if self.hot_area else np.nan

    def without_each(self, names: tuple[str, ...]) -> dict[str, float]:
        """Return the Jaccard similarity of the hot sets with and without each component."""
        kept = 1.0 - np.eye(len(names))
        return {
            name: _jaccard(self._today, self._hot(kept[i]), self._area)
            for i, name in enumerate(names)
        }


def _layers(components: Mapping[Hashable, xr.DataArray] | xr.Dataset) -> dict[str, xr.DataArray]:
    """Return the components by name, in the order of the legend."""
    is_dataset = isinstance(components, xr.Dataset)
    given = dict(components.data_vars) if isinstance(components, xr.Dataset) else dict(components)
    named = {str(key).removeprefix("loss_"): layer for key, layer in given.items()}
    allowed = tuple(LOSS_COMPONENTS.values())
    for name, layer in named.items():
        if name not in allowed and not is_dataset:
            raise BadInputError(
                f"'{name}' isn't a component of the loss; allowed are {', '.join(allowed)}"
                f"{near_matches(name, allowed) or '.'}"
            )
        if name in allowed:
            require_between(f"loss '{name}'", layer, 0, np.inf, "t ha-1 yr-1", "check its sign")
    found = {name: named[name] for name in allowed if name in named}
    if not found:
        raise BadInputError(f"components holds none of {', '.join(allowed)}; give one or more.")
    return found


def _cells(
    layers: dict[str, xr.DataArray], area: xr.DataArray
) -> tuple[FloatArray, FloatArray, xr.DataArray]:
    """Return losses (components, cells), areas (cells), and where the cells are."""
    require_aligned(*layers.values(), area)
    whole = [a.astype("float64") for a in xr.broadcast(area, *layers.values())]
    values = np.stack([a.values for a in whole])
    valid = whole[0].copy(data=np.isfinite(values).all(axis=0) & (values[0] > 0))
    if not valid.any():
        raise BadInputError(
            "No cell has an area and all components of the loss. Check that the layers overlap,"
            " or leave a component out."
        )
    found = values[:, valid.values]
    return found[1:], found[0], valid


def _inputs(
    inputs: Mapping[str, UncertainInput | float] | None, present: tuple[str, ...]
) -> dict[str, UncertainInput]:
    """Return the inputs that act on a component that is present."""
    allowed = tuple(LOSS_COMPONENTS.values())
    out: dict[str, UncertainInput] = {}
    for name, given in (DEFAULT_INPUTS if inputs is None else inputs).items():
        one = given if isinstance(given, UncertainInput) else UncertainInput(given, (name,))
        for component in one.components:
            if component not in allowed:
                raise BadInputError(
                    f"The input '{name}' acts on '{component}', which isn't a component of the"
                    f" loss; allowed are {', '.join(allowed)}"
                    f"{near_matches(component, allowed) or '.'}"
                )
        if not 0 <= one.relative_sd <= 5:
            raise BadInputError(
                f"The relative sd of '{name}' is {one.relative_sd}; allowed is 0 to 5 as a share"
                " of the mean; divide percent by 100."
            )
        if set(one.components) & set(present):
            out[name] = one
    if not out:
        raise BadInputError("inputs holds none that acts on a component given. Give one or more.")
    return out


def _factors(uniform: FloatArray, sd: FloatArray | float, distribution: str) -> FloatArray:
    """Return factors of mean 1 and this sd from uniform numbers."""
    from scipy.special import ndtri

    # Exactly 0 or 1 would be infinite.
    normal = ndtri(np.clip(uniform, 1e-12, 1 - 1e-12))
    if distribution == "normal":
        return np.clip(1 + sd * normal, 0, None)
    log_sd = np.sqrt(np.log1p(np.square(sd)))
    # Less half the variance of the logarithm, so that the mean is 1.
    return np.asarray(np.exp(log_sd * normal - log_sd**2 / 2))


def _multipliers(
    factors: FloatArray, inputs: dict[str, UncertainInput], present: tuple[str, ...]
) -> FloatArray:
    """Return the multipliers of each component (draws, components)."""
    acts = np.array([[name in one.components for name in present] for one in inputs.values()])
    product: FloatArray = np.prod(np.where(acts[None], factors[:, :, None], 1.0), axis=1)
    return product


def _jaccard(a: BoolArray, b: BoolArray, area: FloatArray) -> float:
    either = float(area[a | b].sum())
    return float(area[a & b].sum()) / either if either else np.nan


def _spearman(losses: FloatArray, names: tuple[str, ...]) -> dict[str, float]:
    from scipy.stats import rankdata

    total = rankdata(losses.sum(axis=0))
    out = {}
    for name, values in zip(names, losses, strict=True):
        ranks = rankdata(values)
        # corrcoef would divide by a spread of 0.
        constant = np.ptp(ranks) == 0 or np.ptp(total) == 0
        out[name] = np.nan if constant else float(np.corrcoef(ranks, total)[0, 1])
    return out


def _map(values: FloatArray, valid: xr.DataArray) -> xr.DataArray:
    out = np.full(valid.shape, np.nan)
    out[valid.values] = values
    return xr.DataArray(out, dims=valid.dims, coords=valid.coords)
