"""Monte Carlo propagation of errors to hotspot classes, totals and ranks.

Each draw is one realisation: a field of spatially correlated errors of the stock, errors of the
stock change factors of each climate zone, and one of the methods taken as correct. One pass over
the draws counts how often each cell is hot and sums the gains of regions and units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt
import xarray as xr

from hotspots.analysis.ipcc.tier1_factors import factor_by_zone
from hotspots.analysis.ipcc.tier1_uncertainty import ManagementChange, tier1_draws
from hotspots.analysis.uncertainty.error_models import difference_sd
from hotspots.analysis.uncertainty.random_fields import gaussian_fields, grid_points
from hotspots.analysis.uncertainty.stability import HotCount
from hotspots.edition.methods.base import own_factors
from hotspots.edition.stock_error import SD, StockError, stock_error
from hotspots.layers.grid import cell_area, grid_of
from hotspots.layers.variables import describe

if TYPE_CHECKING:
    from scipy import sparse

    from hotspots.edition.ranking_axes import Axes
    from hotspots.edition.recipe import Recipe

Array = npt.NDArray[np.float64]
Cells = npt.NDArray[np.int64]
# Errors hardly vary within a fraction of their range, so finer cells share one value.
FIELD_CELLS_PER_RANGE = 4


class DrawsRow(TypedDict):
    """Settings and sources of the draws, as the manifest has them."""

    draws: int
    seed: int
    range_km: float
    stock: str
    factors: list[str]
    methods: list[str]
    change_correlation: float


@dataclass(frozen=True)
class Drawn:
    """Results of the draws.

    Attributes
    ----------
    stability : dict
        Share of the draws in which a ranked cell is hot, NaN elsewhere. ``stability_gain`` and
        ``stability_loss`` are over errors and methods, ``stability_gain_errors`` is over errors
        of the ranking potential alone; names with ``_in_zone`` are for the ranking within strata.
    tonnes : array (draws, groups)
        Gain of groups of cells by the ranking potential, t yr-1, over the errors.
    description : DrawsRow
        Settings and sources of the draws, for the manifest.
    error : StockError or None
        Error of the stock that the draws are based on.
    """

    stability: dict[str, xr.DataArray]
    tonnes: Array
    description: DrawsRow
    error: StockError | None

    @property
    def has_sd(self) -> bool:
        """Whether the data include the stock's own standard deviation, or its interval."""
        return self.error is not None and self.error.kind == SD


def draw(
    data: xr.Dataset,
    layers: xr.Dataset,
    axes: Axes,
    recipe: Recipe,
    hectares: sparse.csr_array,
    cells: Cells,
) -> Drawn | None:
    """Return how often cells are hot and how much groups of cells gain; None without draws.

    Parameters
    ----------
    data, layers : Dataset
        Input layers, and the layers computed from them, (y, x) on one grid.
    axes : Axes
        Gain and loss of the ranking, t ha-1 yr-1.
    recipe : Recipe
        ``uncertainty`` sets number, seed and correlation of the draws.
    hectares : sparse array (groups, n)
        Hectares in each group, by cell, that the ranking potential refers to.
    cells : array (n,)
        Flat indices of cells of the grid, ascending.
    """
    if recipe.uncertainty.draws == 0:
        return None
    model = _error_model(data, layers, axes, recipe)
    counts = _counts(axes, recipe, model.cells)
    # Cells may have a gain but no hectares that it refers to, and the reverse.
    _, in_draws, in_groups = np.intersect1d(model.cells, cells, True, return_indices=True)
    matrix = hectares[:, in_groups]
    tonnes = np.empty((recipe.uncertainty.draws, matrix.shape[0]))
    for k, made in enumerate(_draws(model)):
        # A missing value adds no tonnes; regions without any value get no interval.
        tonnes[k] = matrix @ np.nan_to_num(made.gain[in_draws])
        for count in counts:
            count.add(made)
    stability = {count.name: count.layer(axes.gain) for count in counts}
    return Drawn(stability, tonnes, _described(model), model.error)


@dataclass(frozen=True)
class Draw:
    """One draw of the cells with a gain, t ha-1 yr-1.

    Attributes
    ----------
    gain : array (cells,)
        By the ranking potential, with errors of stock and factors.
    gain_by_method : array (cells,)
        With the same errors, by the method that this draw takes as correct.
    loss : array (cells,) or None
        None where there is no layer of it.
    """

    gain: Array
    gain_by_method: Array
    loss: Array | None


@dataclass(frozen=True)
class _ErrorModel:
    """All that the draws are made of, for the cells with a gain.

    Attributes
    ----------
    recipe : Recipe
    error : StockError or None
    cells : array (cells,)
        Flat indices on the grid.
    zone : array (cells,)
        Code of the climate zone.
    methods : list of str
        The ranking potential, then the others that a draw may take as correct. One that the
        recipe lists twice is taken twice as often.
    gains : dict
        Name of each method -> gain, t ha-1 yr-1.
    cv : array (cells,)
        Standard deviation of the stock as a share of it; 0 where unknown.
    loss, loss_sd : array (cells,), or None for the loss
        t ha-1 yr-1.
    factors : dict
        Name of a Tier 1 potential -> its ratio to the table's, (draws, zones).
    place, points : array
        Point of the error field of each cell, and the points' coordinates; see `field_points`.
    """

    recipe: Recipe
    error: StockError | None
    cells: Cells
    zone: Cells
    methods: list[str]
    gains: dict[str, Array]
    cv: Array
    loss: Array | None
    loss_sd: Array
    factors: dict[str, Array]
    place: Cells
    points: Array


def _error_model(data: xr.Dataset, layers: xr.Dataset, axes: Axes, recipe: Recipe) -> _ErrorModel:
    cells = np.flatnonzero(axes.gain.notnull().values.ravel())

    def flat(layer: xr.DataArray) -> Array:
        """Return the values of the drawn cells."""
        return layer.values.ravel()[cells].astype("float64")

    error, gain = stock_error(data), flat(axes.gain)
    loss = None if axes.loss is None else flat(axes.loss)
    cv, loss_sd = np.zeros_like(gain), np.zeros_like(gain)
    if error is not None:
        # A cell whose error isn't known keeps its value.
        sd, stock = np.nan_to_num(flat(error.sd)), flat(data["soc_stock"])
        # As a share of the stock: `_draws` scales the gain of every method by it.
        cv = np.divide(sd, stock, out=np.zeros_like(sd), where=stock > 0)
        loss_sd = _loss_sd(sd, loss, layers, recipe)
    leading = recipe.methods.ranking_potential
    # Potentials that couldn't be computed from these data are left out of the choice.
    others = [n for n in recipe.ensemble.members if n in layers and n != leading]
    gains = {leading: gain}
    for name in others:
        # Where another method has no value, the draw takes that of the ranking potential.
        other = flat(layers[name])
        gains[name] = np.where(np.isnan(other), gain, other)
    place, points = field_points(axes.gain, cells, recipe.uncertainty.range_km)
    return _ErrorModel(
        recipe=recipe,
        error=error,
        cells=cells,
        zone=flat(data["climate_zone"]).astype("int64"),
        methods=[leading, *others],
        gains=gains,
        cv=cv,
        loss=loss,
        loss_sd=loss_sd,
        # Factors of Tier 1 only: of other potentials, the drawn errors are those of the stock.
        factors={n: _factors(n, recipe) for n in gains if n.startswith("potential_ipcc_tier1")},
        place=place,
        points=points,
    )


def _described(model: _ErrorModel) -> DrawsRow:
    choice = model.recipe.uncertainty
    return {
        "draws": choice.draws,
        "seed": choice.seed,
        "range_km": choice.range_km,
        "stock": "no error is known" if model.error is None else model.error.source,
        "factors": sorted(model.factors),
        "methods": model.methods,
        "change_correlation": choice.change_correlation,
    }


def _loss_sd(sd: Array, loss: Array | None, layers: xr.Dataset, recipe: Recipe) -> Array:
    """Return the standard deviation of the loss, t ha-1 yr-1, from that of the stock, t ha-1."""
    if loss is None:
        return sd
    if recipe.methods.ranking_loss == "modelled_change":
        years = float(layers["modelled_change"].attrs["years"])
        rho = recipe.uncertainty.change_correlation
        # One sd for both dates, whose errors are correlated: much of them cancels.
        return np.asarray(difference_sd(sd, sd, correlation=rho)) / years
    return recipe.loss.relative_sd * np.abs(np.nan_to_num(loss))


def _factors(name: str, recipe: Recipe) -> Array:
    """Return each draw's relative gain of a Tier 1 layer as a ratio to the table's, (draws, zones).

    The ratio isn't to the mean of the draws, which may be close to zero for few draws of a
    large error. Pasture, where included, has the errors of the cropland's factors.
    """
    choice = recipe.potential
    guidelines = "2006" if name.endswith("_2006") else choice.guidelines
    own = own_factors(recipe, guidelines)
    change = ManagementChange(
        from_management=choice.from_management,
        from_input=choice.from_input,
        management=choice.management,
        input=choice.input,
        guidelines=guidelines,
        factors=own,
    )
    drawn = tier1_draws(change, n=recipe.uncertainty.draws, seed=recipe.uncertainty.seed)

    def value(factor: str, level: str) -> Array:
        return factor_by_zone(factor, level, system="cropland", guidelines=guidelines, factors=own)

    # As in the guidelines, stocks are proportional to F_MG x F_I; F_LU doesn't change and cancels.
    then = value("F_MG", choice.management) * value("F_I", choice.input)
    now = value("F_MG", choice.from_management) * value("F_I", choice.from_input)
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = drawn / (then / now - 1)
    # Without a factor, or if the table's gain is 0, the ratio is undefined: errors are left out.
    return np.where(np.isfinite(relative), relative, 1.0)


def _draws(model: _ErrorModel) -> Iterator[Draw]:
    """Yield the draws, one at a time, since all of them together may not fit in memory."""
    choice, methods = model.recipe.uncertainty, model.methods
    # A stream of its own, independent of that of the fields with the same seed.
    chosen = np.random.default_rng([choice.seed, 1]).integers(0, len(methods), choice.draws)
    fields = gaussian_fields(
        model.points, range_km=choice.range_km, draws=choice.draws, seed=choice.seed
    )
    for k, field in enumerate(fields):
        off = field[model.place].astype("float64")
        # An error larger than the stock would make it negative.
        stock = np.maximum(0.0, 1 + model.cv * off)
        # One field for stock, gain and loss: all three follow from the error of one map.
        yield Draw(
            gain=_gain(model, methods[0], k) * stock,
            gain_by_method=_gain(model, methods[chosen[k]], k) * stock,
            loss=None if model.loss is None else model.loss + model.loss_sd * off,
        )


def _gain(model: _ErrorModel, method: str, k: int) -> Array:
    """Return draw `k` of the gain by one method, with the errors of its factors."""
    factor, gain = model.factors.get(method), model.gains[method]
    return gain if factor is None else gain * factor[k][model.zone]


class FieldPoints(NamedTuple):
    """Index of each cell's point of the error field, and the points' coordinates, m."""

    place: Cells
    points: Array


def field_points(layer: xr.DataArray, cells: Cells, range_km: float) -> FieldPoints:
    """Return the points at which the error field is drawn for the cells.

    Cells much smaller than the range share the point at the middle cell of their block.
    """
    grid = grid_of(layer)
    block = max(1, round(range_km * 1000 / FIELD_CELLS_PER_RANGE / grid.cell_width_m))
    row, column = np.divmod(cells, grid.shape[1])
    middle = [
        # The last block of a row or column may be cut off by the edge of the grid.
        np.minimum(index // block * block + block // 2, size - 1)
        for index, size in ((row, grid.shape[0]), (column, grid.shape[1]))
    ]
    places, number = np.unique(middle[0] * grid.shape[1] + middle[1], return_inverse=True)
    return FieldPoints(number, grid_points(layer, places))


@dataclass(frozen=True)
class _Count:
    """How often ranked cells are hot, by one amount of each draw, in one ranking.

    Attributes
    ----------
    name : str
        Layer that the share of the draws becomes.
    amount : function (draw -> array (cells,))
        The gain or loss that ranks.
    ranked : array
        Positions of the ranked cells among the drawn ones.
    cells : array
        Flat indices of the ranked cells on the grid.
    hot : HotCount
    """

    name: str
    amount: Callable[[Draw], Array]
    ranked: Cells
    cells: Cells
    hot: HotCount

    def add(self, made: Draw) -> None:
        """Count the hot cells of a draw."""
        self.hot.add(self.amount(made)[self.ranked])

    def layer(self, like: xr.DataArray) -> xr.DataArray:
        """Return the share of draws in which each cell is hot, as a layer on the grid of `like`."""
        out = np.full(like.size, np.nan, dtype="float32")
        out[self.cells] = self.hot.share()
        return describe(xr.DataArray(out.reshape(like.shape), like.coords, like.dims), self.name)


def _loss(made: Draw) -> Array:
    assert made.loss is not None  # axes without a layer of loss have no count of it
    return made.loss


def _counts(axes: Axes, recipe: Recipe, drawn: Cells) -> list[_Count]:
    """Return one empty count for each ranking and amount; `drawn` are the cells of the draws."""
    hot, counts = recipe.hotspots, []
    ranked = np.flatnonzero(axes.ranked.values.ravel()[drawn])
    cells = drawn[ranked]
    # The top share is one of managed hectares, not of cells.
    share = (axes.valid * axes.managed).fillna(0)
    area = (cell_area(axes.gain) * share).values.ravel()[cells]
    amounts: dict[str, Callable[[Draw], Array]] = {
        "gain_errors": attrgetter("gain"),
        "gain": attrgetter("gain_by_method"),
    } | ({} if axes.loss is None else {"loss": _loss})
    for ranking, groups in axes.groups.items():
        labels = None if groups is None else groups.values.ravel()[cells].astype("int64")
        for kind, amount in amounts.items():
            name = f"stability_{kind}{ranking.removeprefix('hotspot_class')}"
            threshold = hot.loss_threshold if kind == "loss" else hot.gain_threshold
            count = HotCount(area, top_share=hot.top_share, threshold=threshold, groups=labels)
            counts.append(_Count(name, amount, ranked, cells, count))
    return counts
