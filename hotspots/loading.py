"""Data for a region: from the packaged sample, a file or a store, cut to the region."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from hotspots.analysis.coverage import cover_fractions, share_out
from hotspots.errors import BadInputError, EmptyRegionError, RasterError
from hotspots.grid import Grid, cell_area, grid_of
from hotspots.regions import Region, initiative_members, regions
from hotspots.regions import region as find_region
from hotspots.variables import classes_of, describe, variable

if TYPE_CHECKING:
    import geopandas as gpd


def load(
    region: Any = "world",
    layers: Sequence[str] | None = None,
    resolution: float | None = None,
    store: str | Path | None = None,
) -> xr.Dataset:
    """Return the canonical layers of a region on one grid.

    Parameters
    ----------
    region : anything that `hotspots.region` takes
        A code or name, "world", a box (W, S, E, N) in degrees, GeoJSON or a file.
    layers : sequence of str, optional
        Canonical names; all by default.
    resolution : float, optional
        Cell size that is wanted, in the CRS's units; a grid finer than that is averaged by whole
        cells, classes by the most frequent.
    store : path, optional
        A store of layers; the packaged world sample by default.

    Returns
    -------
    Dataset
        Dask-backed; cells outside the region have ``valid_share`` 0 and missing values, cells at
        its edge the share inside.
    """
    data = open_any("sample", store)
    if layers is not None:
        absent = [name for name in layers if name not in data]
        if absent:
            raise BadInputError(
                f"There is no layer {', '.join(absent)}; there are {', '.join(map(str, data))}."
            )
        kept = [n for n in data if n in layers or str(n).endswith("valid_share")]
        data = data[kept]
    data = clip(data.chunk({"y": 1024, "x": 1024}), find_region(region))
    return data if resolution is None else coarsen(data, resolution)


def open_any(data: str = "", store: str | Path | None = None) -> xr.Dataset:
    """Return the layers of "sample", of a file or folder, or of a store."""
    from hotspots.ingest import Store, open_data
    from hotspots.ingest.sample import sample

    if store is not None:
        return Store(store).open()
    return sample() if data == "sample" else open_data(data)


def clip(data: xr.Dataset, region: Region) -> xr.Dataset:
    """Return `data` cut to `region`.

    The grid becomes the region's bounding box in whole cells; ``valid_share`` is multiplied by the
    share of each cell that is inside, so that totals are those of the region. A country's or
    initiative region's part of a cell is its part of the cell's *land* (see
    `hotspots.analysis.coverage.share_out`). ``region_share`` keeps the share, and the attributes
    ``region`` and ``region_countries`` what was asked for.
    """
    if region.kind == "world":
        return data
    grid = grid_of(data)
    outlines = regions("countries")
    cover = cover_fractions(grid, outlines.geometry)
    if region.kind in ("country", "initiative"):
        ids = [region.id] if region.kind == "country" else initiative_members()[region.id]
        rows = np.flatnonzero(outlines["id"].isin(ids))
        inside = np.asarray(share_out(cover)[rows].sum(axis=0)).ravel()
    else:
        inside = cover_fractions(grid, _on(grid, region))[[0]].toarray().ravel()
        rows = np.flatnonzero(cover @ (inside > 0).astype("float64") > 0)
        ids = outlines["id"].iloc[rows].tolist()
    if not (inside > 0).any():
        west, south, east, north = grid.bounds
        raise EmptyRegionError(
            f"The region '{region.id}' doesn't meet the data, which span"
            f" {west:g},{south:g},{east:g},{north:g} ({grid.crs.to_string()[:40]})."
        )
    share = inside.reshape(grid.shape)
    window = _window(share > 0, grid)
    out = _masked(data, share).isel(window)
    out.attrs |= {"region": region.id, "region_countries": ",".join(sorted(map(str, ids)))}
    has_soil = "soc_stock" not in out or bool(out["soc_stock"].notnull().any())
    if not has_soil:
        raise EmptyRegionError(
            f"The region '{region.id}' holds no land with soil data. Choose another region."
        )
    return out


def _on(grid: Grid, region: Region) -> gpd.GeoSeries:
    import geopandas as gpd

    return gpd.GeoSeries([region.geometry], crs="EPSG:4326")


def _window(inside: np.ndarray, grid: Grid) -> dict[str, slice]:
    """Return the rows and columns that hold all cells inside; all columns across the antimeridian."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return {
        "y": slice(int(rows[0]), int(rows[-1]) + 1),
        "x": slice(int(columns[0]), int(columns[-1]) + 1),
    }


def _masked(data: xr.Dataset, share: np.ndarray) -> xr.Dataset:
    inside = xr.DataArray(share, dims=("y", "x"), coords={"y": data["y"], "x": data["x"]})
    out = {}
    for name, layer in data.data_vars.items():
        if str(name).endswith("valid_share"):
            cut = (layer * inside).astype(layer.dtype)
        else:
            nodata = 0 if variable(str(name)).classes else np.nan
            cut = layer.where(inside > 0, nodata).astype(layer.dtype)
        out[name] = cut.assign_attrs(layer.attrs)
    if "valid_share" not in data and "soc_stock" in data:
        valid = (data["soc_stock"].notnull() * inside).astype("float32")
        out["valid_share"] = describe(valid, "valid_share")
    out["region_share"] = describe(inside.astype("float32"), "region_share")
    cut_data = data.assign(out)
    cut_data.attrs = dict(data.attrs)
    return cut_data


def coarsen(data: xr.Dataset, resolution: float) -> xr.Dataset:
    """Return `data` averaged to whole blocks of cells of about `resolution` (CRS units).

    Quantities are means weighted by cell area and valid share, ``valid_share`` by cell area;
    classes are those of the largest valid area.
    """
    grid = grid_of(data)
    factor = round(resolution / abs(grid.transform.a))
    if factor < 1 or grid.shape[0] % factor or grid.shape[1] % factor:
        raise RasterError(
            f"The cells are {abs(grid.transform.a):g} wide and {grid.shape} in number; a resolution"
            f" of {resolution:g} is no whole multiple that fits them."
        )
    if factor == 1:
        return data

    def block_sum(layer: xr.DataArray) -> xr.DataArray:
        return layer.coarsen(y=factor, x=factor).sum()

    area = cell_area(data)
    whole = area * data["valid_share"] if "valid_share" in data else area
    out = {}
    for name, layer in data.data_vars.items():
        weight = area * data.get(f"{name}_valid_share", whole / area)
        classes = classes_of(layer)
        if classes:
            parts = [block_sum(weight.where(layer == code, 0)) for code in classes]
            stacked = xr.concat(parts, "code")
            codes = np.asarray(list(classes))[stacked.argmax("code").values]
            out[name] = stacked[0].copy(data=np.where(stacked.max("code") > 0, codes, 0))
        elif str(name) == "region_share" or str(name).endswith("valid_share"):
            out[name] = block_sum(layer.fillna(0) * area) / block_sum(area)
        else:
            known = weight.where(layer.notnull(), 0)
            out[name] = block_sum(layer.fillna(0) * known) / block_sum(known)
        out[name] = out[name].astype(layer.dtype).assign_attrs(layer.attrs)
    return xr.Dataset(out, attrs=data.attrs).rio.write_crs(grid.crs)
