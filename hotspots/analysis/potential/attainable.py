"""Attainable potential: the highest stocks observed in the same climate zone and soil class.

Within each stratum (a "carbon landscape zone") the q-th quantile of the SOC stock, weighted by
area, is taken as the best attainable stock; the shortfall of a cell is its deficit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import common_depth, require_between
from hotspots.errors import BadInputError
from hotspots.layers.array_types import AnyArray, BoolArray, FloatArray, IntArray
from hotspots.layers.grid import cell_area
from hotspots.layers.rounding import SAME_SUM
from hotspots.layers.variables import classes_of, describe, require_aligned

QUANTILE = 0.9
MIN_SAMPLES = 30
YEARS = 20.0
MOST_STOCK = 5000.0  # t ha-1
_BITS = 15  # bits of a key per class layer
# Four layers take 60 bits: a key is a positive int64.
_MOST_LAYERS = 4
_LARGEST_CODE = 2**_BITS - 1

Strata = xr.DataArray | Sequence[xr.DataArray]


class _Table(NamedTuple):
    """Properties of each stratum, by its key: all arrays have one element per stratum."""

    key: IntArray
    samples: IntArray
    area: FloatArray
    level: FloatArray
    quantile: FloatArray


def attainable(
    *,
    soc_stock: xr.DataArray,
    stratum: Strata,
    area: xr.DataArray | None = None,
    quantile: float = QUANTILE,
    min_samples: int = MIN_SAMPLES,
    coarser: Sequence[xr.DataArray] = (),
    land_use: xr.DataArray | None = None,
    exclude: xr.DataArray | None = None,
    years: float = YEARS,
) -> xr.Dataset:
    """Return the deficit to the best attainable stock of each stratum, and the gain per year.

    Parameters
    ----------
    soc_stock : DataArray
        SOC stock, t ha-1; best of one land use (``soc_stock_managed``), see `land_use`.
    stratum : DataArray or sequence of DataArray
        Classes (1 to 32767; 0 or NaN = nodata) whose combinations are the strata, the most
        important first, e.g. ``(climate_zone, soil_class)``. Where a stratum has fewer than
        `min_samples` cells, the last layer is dropped, then the one before it.
    area : DataArray, optional
        Land that each value represents, ha, e.g. cell area × valid_share × cropland_share; by
        default the true cell area. Cells without area are not samples and get NaN.
    quantile : float
        q, above 0 and below 1; 0.75 to 0.95 in the literature.
    min_samples : int
        Minimum number of cells of a stratum, 1 or more.
    coarser : sequence of DataArray
        Coarser classes to merge into after that, each alone, in this order.
    land_use : DataArray, optional
        A class layer that is never dropped: with several land uses in a stratum the potential would
        include land-use change.
    exclude : DataArray of bool, optional
        Cells that are neither samples nor evaluated (NaN): organic soils, wetlands.
    years : float
        Time over which the deficit is spread, above 0.

    Returns
    -------
    Dataset
        ``attainable_deficit`` (t ha-1), ``potential_attainable`` (t ha-1 yr-1, deficit / years) and
        ``attainable_level`` (levels merged up, 0 = none) on the grid, NaN where an input is
        missing, where excluded, or where no level has enough samples. Along ``stratum``, one for
        each finest combination that has a sample: ``stratum`` (its name), ``stratum_samples`` and
        ``stratum_area_ha`` (its own), ``stratum_level``, ``stratum_quantile`` (t ha-1, the best
        attainable, after merging). The strata are computed immediately, from all layers;
        the layers on the grid stay lazy where the stock is.

    Raises
    ------
    BadInputError
        Percent for the quantile, a negative stock or area, more than four layers of classes, a
        code out of range, a choice out of range.

    Notes
    -----
    ``deficit = max(0, Q_q(stratum) − SOC)``; ``rate = deficit / years``, never the whole amount per
    year. Q_q is the inverse of the area-weighted distribution function: the smallest stock that is
    not exceeded on at least a share q of the stratum's area (Hyndman and Fan's type 1, numpy's
    "inverted_cdf" with weights), so that splitting a cell changes nothing.

    Chen et al. (2019), Sci Total Environ 666:355, and Lilburne et al. (2020), both from memory;
    the merging up, its 30 samples and the 20 years are conventions. On maps, which are smooth,
    upper quantiles are compressed: the potential is lower than that from profiles. Where a map has
    random noise, it raises Q_q: use a map of mean predictions. By construction the best
    (1 − q) of each stratum has no deficit, and every stratum with any spread has some.
    """
    _require_choices(quantile, min_samples, years)
    fine = (stratum,) if isinstance(stratum, xr.DataArray) else tuple(stratum)
    fixed = () if land_use is None else (land_use,)
    layers = (*fixed, *fine, *coarser)
    if not fine or len(layers) > _MOST_LAYERS:
        raise BadInputError(
            f"{len(fine)} layers of strata and {len(layers)} layers of classes in all; give 1 to"
            f" {_MOST_LAYERS}, land_use and coarser included."
        )
    weight = cell_area(soc_stock) if area is None else area
    require_aligned(soc_stock, weight, exclude, *layers)
    require_between("soc_stock", soc_stock, 0, MOST_STOCK, "t ha-1")
    require_between("area", weight, 0, np.inf, "ha")

    known = soc_stock.notnull() & (weight > 0)
    if exclude is not None:
        known = known & ~exclude.astype(bool)
    key = xr.apply_ufunc(
        _keys, known, *layers, dask="parallelized", output_dtypes=["int64"], keep_attrs="override"
    )
    found = _strata(
        key, soc_stock, weight, _levels(len(fixed), len(fine), len(coarser)), quantile, min_samples
    )

    def of_stratum(values: FloatArray) -> xr.DataArray:
        """Return the value of each cell's stratum."""
        in_cells: xr.DataArray = xr.apply_ufunc(
            _look_up,
            key,
            kwargs={"keys": found.key, "values": values},
            dask="parallelized",
            output_dtypes=["float64"],
            keep_attrs="override",
        )
        return in_cells

    deficit = (of_stratum(found.quantile) - soc_stock).clip(min=0.0)
    attrs = common_depth(soc_stock) | {"quantile": quantile}
    names = {
        "attainable_deficit": deficit,
        "potential_attainable": deficit / years,
        "attainable_level": of_stratum(found.level),
    }
    out = {name: describe(layer, name, **attrs) for name, layer in names.items()}
    out["potential_attainable"].attrs["years"] = years
    return xr.Dataset({**out, **_as_layers(found, layers)})


def weighted_quantile(values: FloatArray, weights: FloatArray, quantile: float) -> float:
    """Return the smallest value that at least a share `quantile` of the weight doesn't exceed.

    Parameters
    ----------
    values, weights : array (n,)
        Without NaN, at least one; weights above 0.
    quantile : float
        0 to 1.
    """
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weights[order])
    # Nine of ten equal weights are 90 %, regardless of rounding of the sum.
    place = np.searchsorted(share, quantile * share[-1] * (1 - SAME_SUM))
    return float(values[order[min(place, len(order) - 1)]])


def _levels(fixed: int, fine: int, coarser: int) -> list[tuple[int, ...]]:
    """Return the layers that define the strata, from the finest level on."""
    kept = tuple(range(fixed))
    # The last layer is dropped first: the order of the layers is the order of their importance.
    drops = [(*kept, *range(fixed, fixed + n)) for n in range(fine, 0, -1)]
    return drops + [(*kept, fixed + fine + n) for n in range(coarser)]


def _keys(known: BoolArray, *layers: AnyArray) -> IntArray:
    """Return one number for each combination of classes, 0 where anything is missing."""
    key = np.zeros(known.shape, dtype="int64")
    for codes in layers:
        valid = np.isfinite(codes) & (codes != 0)
        # Before the cast: NaN as an integer is undefined.
        whole = np.where(valid, codes, 0).astype("int64")
        if whole.size and (whole.min() < 0 or whole.max() > _LARGEST_CODE):
            wrong = whole[(whole < 0) | (whole > _LARGEST_CODE)].flat[0]
            raise BadInputError(
                f"A layer of strata has the code {wrong}; allowed are 1 to {_LARGEST_CODE}, and 0"
                " for nodata."
            )
        known = known & valid
        # Valid classes are 1 or more, so that no valid key is 0.
        key = (key << _BITS) | whole
    return np.where(known, key, 0)


def _codes_of(key: IntArray, layers: int) -> IntArray:
    """Return the classes that a key is made of, shape (layers, …)."""
    shifts = _BITS * np.arange(layers - 1, -1, -1)
    codes: IntArray = (key >> shifts.reshape(-1, *[1] * key.ndim)) & _LARGEST_CODE
    return codes


def _strata(
    key: xr.DataArray,
    stock: xr.DataArray,
    weight: xr.DataArray,
    levels: list[tuple[int, ...]],
    quantile: float,
    min_samples: int,
) -> _Table:
    """Return the strata with their samples; quantile and level from the first level with enough."""
    # A quantile needs all cells of its stratum, wherever they lie: lazy layers are computed here.
    cells = xr.Dataset({"key": key, "stock": stock, "weight": weight}).compute()
    flat = {name: layer.transpose(*key.dims).values.ravel() for name, layer in cells.items()}
    sample = flat["key"] != 0
    keys, place = np.unique(flat["key"][sample], return_inverse=True)
    stocks, weights = (flat[n][sample].astype("float64") for n in ("stock", "weight"))
    codes = _codes_of(keys, 1 + max(max(level) for level in levels))
    reached, best = np.full(len(keys), np.nan), np.full(len(keys), np.nan)
    for number, level in enumerate(levels if len(keys) else ()):
        _, group = np.unique(codes[list(level)], axis=1, return_inverse=True)
        group = group.ravel()
        members = np.argsort(group[place], kind="stable")
        ends = np.cumsum(np.bincount(group[place]))
        for g in np.unique(group[np.isnan(reached)]):
            inside = members[ends[g - 1] if g else 0 : ends[g]]
            # Cells of strata that have their own quantile count in the coarser level as well: the
            # level is a wider sample of the same climate and soil, not what is left of it.
            if len(inside) >= min_samples:
                waiting = (group == g) & np.isnan(reached)
                best[waiting] = weighted_quantile(stocks[inside], weights[inside], quantile)
                reached[waiting] = number
    samples = np.bincount(place, minlength=len(keys)).astype("int64")
    area = np.bincount(place, weights=weights, minlength=len(keys)).astype("float64")
    return _Table(keys, samples, area, reached, best)


def _look_up(key: IntArray, *, keys: IntArray, values: FloatArray) -> FloatArray:
    if not len(keys):
        return np.full(key.shape, np.nan)
    # A key beyond the last stratum is held within the table; the comparison then rejects it.
    place = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
    return np.where(keys[place] == key, values[place], np.nan)


def _as_layers(found: _Table, layers: Sequence[xr.DataArray]) -> dict[str, xr.DataArray]:
    legends = [classes_of(layer) or {} for layer in layers]
    names = [
        " / ".join(legend.get(int(c), str(c)) for c, legend in zip(codes, legends, strict=True))
        for codes in _codes_of(found.key, len(layers)).T
    ]
    rows = {
        "stratum_samples": (found.samples, "Cells of the stratum", "1"),
        "stratum_area_ha": (found.area, "Area of the stratum", "ha"),
        "stratum_level": (found.level, "Levels that it was merged up", "1"),
        "stratum_quantile": (found.quantile, "Best attainable SOC stock", "t ha-1"),
    }
    coords = {"stratum": np.asarray(names, dtype=str)}
    return {
        name: xr.DataArray(
            values, dims="stratum", coords=coords, attrs={"long_name": label, "units": unit}
        )
        for name, (values, label, unit) in rows.items()
    }


def _require_choices(quantile: float, min_samples: int, years: float) -> None:
    if not 0 < quantile < 1:
        raise BadInputError(
            f"quantile is {quantile}; it is a fraction above 0 and below 1; divide percent by 100."
        )
    if not min_samples >= 1:
        raise BadInputError(f"min_samples is {min_samples}; it is a number of cells, 1 or more.")
    if not 0 < years < np.inf:
        raise BadInputError(f"years is {years}; it must be above 0.")
