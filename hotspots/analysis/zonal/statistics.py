"""Means, totals and class areas of regions: exact cover × ellipsoidal area × valid share.

The geometry is intersected with the grid once, whatever the number of layers; each layer is then
a product of that sparse matrix with a few dense columns, in float64, one layer in memory at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from hotspots.errors import BadInputError, GridMismatchError, RasterError
from hotspots.layers.array_types import FloatArray
from hotspots.layers.grid import axis_names, grid_of
from hotspots.layers.variables import classes_of

if TYPE_CHECKING:
    import geopandas as gpd
    from scipy import sparse


VALID_SHARE = "valid_share"


def zonal(
    data: xr.Dataset | xr.DataArray, regions: gpd.GeoDataFrame, partition: bool = False
) -> pd.DataFrame:
    """Return one row per region: its area, and mean, total or class areas of every layer.

    Parameters
    ----------
    data : Dataset or DataArray (y, x)
        Layers on one grid with a CRS. ``valid_share`` (of the cell's area, 1 if absent) is the
        part of a cell that its values represent; ``<name>_valid_share`` overrides it for one layer.
        In a Dataset these are weights and get no columns of their own. Missing is NaN, 0 for
        classes.
    regions : GeoDataFrame
        Polygons in any CRS; column ``id``, if there, is the index of the result. They may overlap.
        In degrees, an edge over more than 180 degrees of longitude is taken the short way, across
        the antimeridian.
    partition : bool
        The regions are a partition of all land (all countries): each cell's valid area is fully
        allocated to the regions that touch it, in proportion to covered fractions. Otherwise the
        sea is excluded twice from a coastal cell, by the covered fraction and by ``valid_share``
        (on a 0.5° grid that loses 28 % of the stock of the Philippines). Not for a part of the
        land, whose neighbours are missing.

    Returns
    -------
    DataFrame
        ``area_ha``: covered area on the ellipsoid, including sea, also with `partition`.
        Quantities: ``<name>_mean`` (unit of the layer), ``<name>_total`` where the unit is per
        hectare (t or t yr-1), ``<name>_valid_area_ha`` (hectares underlying mean and total),
        ``<name>_missing_share``. Classes: ``<name>_<class>_area_ha``. A region with no valid area
        has NaN mean and total, never 0; its class areas are 0.

    Raises
    ------
    RasterError, GridMismatchError, BadInputError
        A layer with a further dimension, a weight on another grid, regions without polygons.

    Notes
    -----
    weight w = cover × cell area [ha] × valid share; mean = Σ w·v / Σ w and total = Σ w·v over
    cells with a value. ``missing_share`` = 1 − Σ w (cells with a value) / Σ w (all cells): the
    part of the area that *should* have values according to valid_share but has none. A cell of
    share 0 is sea (or, for a layer per hectare of cropland, not cropland), which isn't missing;
    without any valid_share all area of the region, including sea, should have values. NaN where no
    area should. A missing valid_share counts as 0: the area that the value represents isn't known.
    """
    from hotspots.analysis.zonal.coverage import cover_fractions
    from hotspots.geo.antimeridian import short_way

    grid = grid_of(data)
    if not hasattr(regions, "geometry"):
        raise BadInputError(
            f"Regions must be a GeoDataFrame with polygons, not {type(regions).__name__}."
        )
    index = pd.Index(regions["id"], name="id") if "id" in regions else regions.index
    return zonal_from_cover(
        data, cover_fractions(grid, short_way(regions.geometry)), index, partition
    )


def zonal_from_cover(
    data: xr.Dataset | xr.DataArray,
    cover: sparse.csr_array,
    index: pd.Index,
    partition: bool = False,
) -> pd.DataFrame:
    """Return `zonal`'s table for regions whose `cover` of the grid is known already.

    Parameters
    ----------
    data : Dataset or DataArray (y, x)
        As for `zonal`.
    cover : csr_array
        Covered fractions, shape (n_regions, rows × columns), from `coverage.cover_fractions`;
        rows may be appended to it (a group of countries as their sum).
    index : Index
        Names of the regions, in the order of cover's rows.
    partition : bool
        Allocate cells fully to the rows of `cover`, as for `zonal`.
    """
    from hotspots.analysis.zonal.coverage import share_out

    dataset = _as_dataset(data)
    _require_2d(dataset)
    grid = grid_of(dataset)
    if cover.shape != (len(index), int(np.prod(grid.shape))):
        raise GridMismatchError(
            f"The cover has {cover.shape[1]} cells and {cover.shape[0]} regions, the data"
            f" {grid.shape} cells and {len(index)} regions. Compute it on this grid."
        )
    # Only cells that a region touches are used: the cost depends on the region, not on the grid.
    cells = np.flatnonzero(np.bincount(cover.indices, minlength=cover.shape[1]))
    near = cover[:, cells]
    area = grid.area_ha().ravel()[cells]
    columns = {"area_ha": near @ area}
    weights = (share_out(near) if partition else near).multiply(area[None, :]).tocsr()
    for layer in _quantities(dataset, isinstance(data, xr.DataArray)):
        columns |= _columns(layer, _share(dataset, str(layer.name), cells), weights, cells)
    return pd.DataFrame(columns, index=index)


def _as_dataset(data: xr.Dataset | xr.DataArray) -> xr.Dataset:
    if isinstance(data, xr.Dataset):
        return data
    if data.name is None:
        raise RasterError("The layer has no name, which its columns need. Give it one (.rename).")
    return data.to_dataset()


def _require_2d(dataset: xr.Dataset) -> None:
    names = set(axis_names(dataset))
    for name, layer in dataset.data_vars.items():
        if layer.ndim and set(layer.dims) != names:
            raise RasterError(
                f"Layer '{name}' has dimensions {layer.dims}, but zonal statistics need (y, x)."
                " Select one depth or month first, or leave the layer out."
            )


def _quantities(dataset: xr.Dataset, alone: bool) -> Iterator[xr.DataArray]:
    for name, layer in dataset.data_vars.items():
        # Some files hold `spatial_ref` as a variable without dimensions.
        is_weight = str(name) == VALID_SHARE or str(name).endswith(f"_{VALID_SHARE}")
        # A share given alone is a layer like any other.
        if layer.ndim and (alone or not is_weight):
            yield layer


def _flat(layer: xr.DataArray, cells: npt.NDArray[np.integer]) -> FloatArray:
    values = layer.transpose(*axis_names(layer)).values.ravel()[cells]
    return np.asarray(values, dtype="float64")


def _share(dataset: xr.Dataset, name: str, cells: npt.NDArray[np.integer]) -> FloatArray:
    own = f"{name}_{VALID_SHARE}"
    found = own if own in dataset else VALID_SHARE
    if found not in dataset or found == name:
        return np.ones(len(cells))
    return np.nan_to_num(_flat(dataset[found], cells))


def _columns(
    layer: xr.DataArray,
    share: FloatArray,
    weights: sparse.csr_array,
    cells: npt.NDArray[np.integer],
) -> dict[str, FloatArray]:
    name, values, classes = layer.name, _flat(layer, cells), classes_of(layer)
    if classes is not None:
        return {
            f"{name}_{label}_area_ha": weights @ np.where(values == code, share, 0.0)
            for code, label in classes.items()
        }
    here = ~np.isnan(values)
    possible, valid = weights @ share, weights @ np.where(here, share, 0.0)
    # 0 where missing: NaN would spoil the sum of the whole region.
    total = weights @ np.where(here, share * values, 0.0)
    total = np.where(valid > 0, total, np.nan)
    out = {f"{name}_mean": _ratio(total, valid)}
    # Only a quantity per hectare adds up over an area.
    if " ha-1" in str(layer.attrs.get("units", "")):
        out[f"{name}_total"] = total
    out[f"{name}_valid_area_ha"] = valid
    out[f"{name}_missing_share"] = 1 - _ratio(valid, possible)
    return out


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    ratio: FloatArray = np.divide(above, below, out=np.full(below.shape, np.nan), where=below > 0)
    return ratio
