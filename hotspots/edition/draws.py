"""Monte Carlo propagation of errors to hotspot classes, totals and ranks.

Each draw is one realisation: a field of spatially correlated errors of the stock, errors of the
stock change factors of each climate zone, and one of the methods taken as correct. One pass over
the draws counts how often each cell is hot and sums the gains of regions and units.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from hotspots.analysis.ipcc.tier1_factors import factor_by_zone
from hotspots.analysis.ipcc.tier1_uncertainty import tier1_draws
from hotspots.analysis.uncertainty.error_models import (
    difference_sd,
    sd_from_absolute_error,
    sd_from_quantiles,
)
from hotspots.analysis.uncertainty.random_fields import gaussian_fields, grid_points
from hotspots.analysis.uncertainty.stability import HotCount
from hotspots.edition.methods.base import own_factors
from hotspots.layers.grid import cell_area, grid_of
from hotspots.layers.variables import describe

if TYPE_CHECKING:
    from hotspots.edition.ranking_axes import Axes
    from hotspots.edition.recipe import Recipe

Array = npt.NDArray[np.float64]
SD, ABSOLUTE = "sd", "absolute error"
# Errors hardly vary within a fraction of their range, so finer cells share one value.
FIELD_CELLS_PER_RANGE = 4


@dataclass(frozen=True)
class StockError:
    """Standard deviation of the stock.

    Attributes
    ----------
    sd : DataArray
        t ha-1, NaN where unknown.
    kind : str
        `SD` if from the data's standard deviation or interval, `ABSOLUTE` if from an absolute
        error.
    source : str
        Layers and assumptions behind it, for the manifest.
    """

    sd: xr.DataArray
    kind: str
    source: str


def stock_error(data: xr.Dataset) -> StockError | None:
    """Return the standard deviation of the stock from the best layer available, or None."""
    if "soc_stock_sd" in data:
        return StockError(data["soc_stock_sd"], SD, "soc_stock_sd")
    if "soc_stock_lower" in data and "soc_stock_upper" in data:
        sd = sd_from_quantiles(data["soc_stock_lower"], data["soc_stock_upper"])
        return StockError(sd, SD, "soc_stock_lower and _upper, taken as 5 % and 95 % quantiles")
    if "soc_stock_error" in data:
        sd = sd_from_absolute_error(data["soc_stock_error"])
        return StockError(
            sd, ABSOLUTE, "soc_stock_error, a predicted absolute error of points, x 1.25"
        )
    return None


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
    description : dict
        Settings and sources of the draws, for the manifest.
    error : StockError or None
        Error of the stock that the draws are based on.
    """

    stability: dict[str, xr.DataArray]
    tonnes: Array
    description: dict[str, Any]
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
    hectares: Any,
    cells: npt.NDArray[np.int64],
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
    worlds = _Worlds(data, layers, axes, recipe)
    counts = _counts(axes, recipe, worlds)
    _, in_draws, in_groups = np.intersect1d(worlds.cells, cells, True, return_indices=True)
    matrix = hectares[:, in_groups]
    tonnes = np.empty((recipe.uncertainty.draws, matrix.shape[0]))
    for k, values in enumerate(worlds):
        tonnes[k] = matrix @ np.nan_to_num(values[0][in_draws])
        for count in counts:
            count.add(values)
    return Drawn(
        {c.name: c.layer(axes.gain) for c in counts}, tonnes, worlds.description(), worlds.error
    )


class _Worlds:
    """The draws, one at a time, for all cells with a gain.

    Iterating yields (gain over errors, gain over errors and methods, loss or None), t ha-1 yr-1.
    """

    def __init__(self, data: xr.Dataset, layers: xr.Dataset, axes: Axes, recipe: Recipe) -> None:
        self.recipe, self.error = recipe, stock_error(data)
        self.cells = np.flatnonzero(axes.gain.notnull().values.ravel())

        def flat(layer: xr.DataArray) -> Array:
            """Return the values of the drawn cells."""
            return layer.values.ravel()[self.cells].astype("float64")

        gain, choice = flat(axes.gain), recipe.uncertainty
        self.zone = flat(data["climate_zone"]).astype("int64")
        self.loss = None if axes.loss is None else flat(axes.loss)
        self.cv, self.loss_sd = np.zeros_like(gain), np.zeros_like(gain)
        if self.error is not None:
            # A cell whose error isn't known keeps its value.
            sd, stock = np.nan_to_num(flat(self.error.sd)), flat(data["soc_stock"])
            self.cv = np.divide(sd, stock, out=np.zeros_like(sd), where=stock > 0)
            self.loss_sd = self._loss_sd(sd, layers)
        leading = recipe.methods.ranking_potential
        others = [n for n in recipe.ensemble.members if n in layers and n != leading]
        self.names = [leading, *others]
        known = [flat(layers[name]) for name in others]
        self.gains = [gain, *(np.where(np.isnan(v), gain, v) for v in known)]
        rng = np.random.default_rng([choice.seed, 1])
        self.chosen = rng.integers(0, len(self.gains), choice.draws)
        self.factors = self._factors()
        self.place, self.points = field_points(axes.gain, self.cells, choice.range_km)

    def description(self) -> dict[str, Any]:
        """Return settings and sources of the draws, for the manifest."""
        choice = self.recipe.uncertainty
        return {
            "draws": choice.draws,
            "seed": choice.seed,
            "range_km": choice.range_km,
            "stock": "no error is known" if self.error is None else self.error.source,
            "factors": sorted(self.factors),
            "methods": self.names,
            "change_correlation": choice.change_correlation,
        }

    def _loss_sd(self, sd: Array, layers: xr.Dataset) -> Array:
        if self.loss is None:
            return sd
        if self.recipe.methods.ranking_loss == "modelled_change":
            years = float(layers["modelled_change"].attrs["years"])
            rho = self.recipe.uncertainty.change_correlation
            return np.asarray(difference_sd(sd, sd, correlation=rho)) / years
        return self.recipe.loss.relative_sd * np.abs(np.nan_to_num(self.loss))

    def _factors(self) -> dict[str, Array]:
        """Return, by layer, each draw's relative gain as a ratio to the table's, (draws, zones).

        The ratio isn't to the mean of the draws, which may be close to zero for few draws of a
        large error. Pasture, where included, has the errors of the cropland's factors.
        """
        choice, out = self.recipe.potential, {}
        for name in self.names:
            if not name.startswith("potential_ipcc_tier1"):
                continue
            guidelines = "2006" if name.endswith("_2006") else choice.guidelines
            given: dict[str, Any] = {
                "guidelines": guidelines,
                "factors": own_factors(self.recipe, guidelines),
            }
            drawn = tier1_draws(
                n=self.recipe.uncertainty.draws,
                seed=self.recipe.uncertainty.seed,
                from_management=choice.from_management,
                from_input=choice.from_input,
                management=choice.management,
                input=choice.input,
                **given,
            )
            value: Any = partial(factor_by_zone, system="cropland", **given)
            then = value("F_MG", choice.management) * value("F_I", choice.input)
            now = value("F_MG", choice.from_management) * value("F_I", choice.from_input)
            with np.errstate(invalid="ignore", divide="ignore"):
                relative = drawn / (then / now - 1)
            out[name] = np.where(np.isfinite(relative), relative, 1.0)
        return out

    def __iter__(self) -> Iterator[tuple[Array, Array, Array | None]]:
        choice = self.recipe.uncertainty
        fields = gaussian_fields(
            self.points, range_km=choice.range_km, draws=choice.draws, seed=choice.seed
        )
        for k, field in enumerate(fields):
            off = field[self.place].astype("float64")
            stock = np.maximum(0.0, 1 + self.cv * off)
            gains = [self._gain(method, k) * stock for method in (0, self.chosen[k])]
            yield gains[0], gains[1], None if self.loss is None else self.loss + self.loss_sd * off

    def _gain(self, method: int, k: int) -> Array:
        """Return draw `k` of the gain by one method, with the errors of its factors."""
        factor = self.factors.get(self.names[method])
        gain = self.gains[method]
        return gain if factor is None else gain * factor[k][self.zone]


def field_points(
    layer: xr.DataArray, cells: npt.NDArray[np.int64], range_km: float
) -> tuple[npt.NDArray[np.int64], Array]:
    """Return the index of each cell's point of the error field, and the points' coordinates, m.

    Cells much smaller than the range share the point at the middle cell of their block.
    """
    grid = grid_of(layer)
    block = max(1, round(range_km * 1000 / FIELD_CELLS_PER_RANGE / grid.cell_width_m))
    row, column = np.divmod(cells, grid.shape[1])
    middle = [
        np.minimum(index // block * block + block // 2, size - 1)
        for index, size in ((row, grid.shape[0]), (column, grid.shape[1]))
    ]
    places, number = np.unique(middle[0] * grid.shape[1] + middle[1], return_inverse=True)
    return number, grid_points(layer, places)


class _Count:
    """Counts how often ranked cells are hot, by one value of each draw, in one ranking."""

    def __init__(
        self,
        name: str,
        of: int,
        ranked: npt.NDArray[np.int64],
        cells: npt.NDArray[np.int64],
        count: HotCount,
    ) -> None:
        self.name, self._of, self._ranked, self._cells, self._count = name, of, ranked, cells, count

    def add(self, values: tuple[Array, Array, Array | None]) -> None:
        """Count the hot cells of a draw."""
        drawn = values[self._of]
        assert drawn is not None  # axes without a layer have no count
        self._count.add(drawn[self._ranked])

    def layer(self, like: xr.DataArray) -> xr.DataArray:
        """Return the share of draws in which each cell is hot, as a layer on the grid of `like`."""
        out = np.full(like.size, np.nan, dtype="float32")
        out[self._cells] = self._count.share()
        return describe(xr.DataArray(out.reshape(like.shape), like.coords, like.dims), self.name)


def _counts(axes: Axes, recipe: Recipe, worlds: _Worlds) -> list[_Count]:
    hot, counts = recipe.hotspots, []
    ranked = np.flatnonzero(axes.ranked.values.ravel()[worlds.cells])
    cells = worlds.cells[ranked]
    share = (axes.valid * axes.managed).fillna(0)
    area = (cell_area(axes.gain) * share).values.ravel()[cells]
    kinds = [("gain_errors", hot.gain_threshold), ("gain", hot.gain_threshold)]
    kinds += [] if axes.loss is None else [("loss", hot.loss_threshold)]
    for ranking, groups in axes.groups.items():
        labels = None if groups is None else groups.values.ravel()[cells].astype("int64")
        for of, (kind, threshold) in enumerate(kinds):
            name = f"stability_{kind}{ranking.removeprefix('hotspot_class')}"
            count = HotCount(area, top_share=hot.top_share, threshold=threshold, groups=labels)
            counts.append(_Count(name, of, ranked, cells, count))
    return counts
