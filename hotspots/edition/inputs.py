"""Load the layers of a region from the packaged sample, a file or a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from affine import Affine

from hotspots.analysis.land_shares import shares_of_classes
from hotspots.analysis.zonal.border import OwnCells, own_cells
from hotspots.analysis.zonal.coverage import column_sums, cover_fractions, share_of_land, share_out
from hotspots.errors import BadInputError, EmptyRegionError, RasterError
from hotspots.geo.regions import Region, initiative_members, regions
from hotspots.geo.regions import region as find_region
from hotspots.io.limits import require_within
from hotspots.layers.array_types import FloatArray
from hotspots.layers.grid import Grid, cell_area, grid_of
from hotspots.layers.typed import choose
from hotspots.layers.variables import classes_of, describe, variable
from hotspots.store.clipping import clipped

_LARGE = 4_000_000  # cells
_STRIP = 2_000_000  # cells whose shares are computed at once
_FRAME_DEG = 2.0  # by which the grid of a country's own raster extends beyond its outline, at most
# Attributes of data that cover one country alone: shares of the stock on its border, and beyond.
BORDER, OUTSIDE_SHARE = "region_border_share", "region_outside_share"


def load(
    region: object = "world",
    layers: Sequence[str] | None = None,
    resolution: float | None = None,
    store: str | Path | None = None,
) -> xr.Dataset:
    """Return the canonical layers of a region on one grid.

    Parameters
    ----------
    region : str, tuple, dict or path, as for `hotspots.region`
        A code or name, "world", a box (W, S, E, N) in degrees, GeoJSON or a file.
    layers : sequence of str, optional
        Canonical names; all by default. Their valid shares are included.
    resolution : float, optional
        Requested cell size, in the CRS's units. A finer grid is averaged over blocks of whole
        cells; the blocks are the same for every region, counted from the grid's north-west corner.
    store : path, optional
        A store of layers; the packaged world sample by default.

    Returns
    -------
    Dataset
        Dask-backed. Cells outside the region have ``valid_share`` 0 and missing values; at its
        edge ``valid_share`` is reduced to the part inside.

    Raises
    ------
    BadInputError, RasterError
        The region is a raster file (see `open_data`), the layer or region is unknown, the region
        has no land (`EmptyRegionError`), or `resolution` is finer than the grid.
    """
    data = _opened(layers, store)
    if layers is not None:
        absent = [name for name in layers if name not in data]
        if absent:
            raise BadInputError(
                f"There is no layer {', '.join(absent)}; there are {', '.join(map(str, data))}."
            )
        shares = {"valid_share", *(f"{name}_valid_share" for name in layers)}
        data = data[[n for n in data if n in layers or n in shares]]
    # Blocks of 4 MB in float32: a region reads little more than its own part.
    data = data.chunk({"y": 1024, "x": 1024})
    factor = 1 if resolution is None else _factor(grid_of(data), resolution)
    clipped = clip(data, find_region(region))
    if factor == 1:
        return clipped
    side = max(1, 1024 // factor) * factor
    return _coarsen(_whole_blocks(clipped, data, factor).chunk({"y": side, "x": side}), factor)


def _opened(layers: Sequence[str] | None, store: str | Path | None) -> xr.Dataset:
    """Return the world sample, or the requested layers of a store.

    Other layers of a store are not opened: their profiles may be incomplete.
    """
    from hotspots.ingest import Store

    if store is None or layers is None:
        return open_any("sample", store)
    there = Store(store)
    shares = ["valid_share", *(f"{name}_valid_share" for name in layers)]
    return there.open([*layers, *(name for name in shares if name in there.names())])


def open_data(path: str | Path, region: object = "world") -> xr.Dataset:
    """Return your own rasters for an analysis: ``hs.analyze(hs.open_data("soc_stock.tif"))``.

    Parameters
    ----------
    path : path
        A NetCDF file whose variables have canonical names, a GeoTIFF file (name from its band
        descriptions, else from its stem), or a folder of GeoTIFFs named by canonical variable.
    region : as for `hotspots.region`
        The rasters are cut to it, as `load` does; by default they are left whole.

    Returns
    -------
    Dataset
        Canonical layers (y, x) on one grid with a CRS; missing is NaN, 0 for classes. Above 4
        million cells dask-backed.

    Raises
    ------
    RasterError
        The file can't be read; or a name, unit or CRS is missing, or there is no ``soc_stock``.
    EmptyRegionError
        The region doesn't meet the rasters.
    """
    from hotspots.ingest import open_data as opened

    return clip(opened(path), find_region(region))


def open_any(data: str = "", store: str | Path | None = None) -> xr.Dataset:
    """Return the layers of the packaged "sample", of a file or folder, or of a store."""
    from hotspots.ingest import Store, open_data
    from hotspots.ingest.sample import sample

    if store is not None:
        return Store(store).open()
    return sample() if data == "sample" else open_data(data)


def clip(data: xr.Dataset, region: Region) -> xr.Dataset:
    """Return `data` cut to `region`.

    The grid becomes the region's bounding box in whole cells. ``valid_share`` is multiplied by the
    share of each cell's *land* that is inside, so that totals are those of the region (see
    `hotspots.analysis.zonal.coverage.share_out`). The share is kept as ``region_share``; the
    attributes ``region``, ``region_kind``, ``region_countries`` and, for a drawn region,
    ``region_wkt`` describe the region.

    Data of one country alone (its own 1 km map) keep all of their cells along its border, which an
    outline at 1:10 million leaves out or shares with neighbours: see
    `hotspots.analysis.zonal.border`. ``region_border_share`` and ``region_outside_share`` say how
    much of the stock that is, and how much lies beyond and is left out.

    Raises
    ------
    EmptyRegionError
        The region and the data don't overlap, or the region has no soil data.
    """
    import geopandas as gpd

    if region.kind == "world":
        return data
    grid = grid_of(data)
    framed = _frames(grid, region)
    if grid.shape[0] * grid.shape[1] > _LARGE:
        # Shares are computed for all cells of the grid: a large one is cut to the region first.
        data = clipped(data, _widened(region.geometry.bounds) if framed else region.geometry.bounds)
        grid = grid_of(data)
    require_grid_size(data)
    outlines = regions("countries")
    own: OwnCells | None = None
    if region.kind in ("country", "initiative"):
        ids = [region.id] if region.kind == "country" else initiative_members()[region.id]
        chosen = np.flatnonzero(outlines["id"].isin(ids))
        inside = _by_strips(
            grid,
            lambda strip: column_sums(share_out(cover_fractions(strip, outlines.geometry))[chosen]),
        )
        own = _own_cells(data, grid, region, inside) if framed else None
        inside = inside if own is None else own.mask.astype("float64")
    else:
        shape = gpd.GeoSeries([region.geometry], crs="EPSG:4326")
        inside = _by_strips(
            grid,
            lambda strip: column_sums(
                share_of_land(
                    strip, shape, outlines.geometry, cover_fractions(strip, outlines.geometry)
                )
            ),
        )
        # For the tables: only countries that the drawn region meets have a row.
        ids = outlines.loc[outlines.intersects(region.geometry), "id"].tolist()
    if not (inside > 0).any():
        west, south, east, north = grid.bounds
        raise EmptyRegionError(
            f"The region '{region.id}' doesn't meet the data, which span"
            f" {west:g},{south:g},{east:g},{north:g} ({grid.crs.to_string()[:40]})."
        )
    share = inside.reshape(grid.shape)
    window = _window(share > 0, grid)
    out = _on_grid(_masked(data, share).isel(window), grid)
    out.attrs |= {"region": region.id, "region_kind": region.kind}
    out.attrs["region_countries"] = ",".join(sorted(map(str, ids)))
    if own is not None:
        out.attrs |= {BORDER: own.border_share, OUTSIDE_SHARE: own.outside_share}
    if region.kind not in ("country", "initiative"):
        out.attrs["region_wkt"] = region.geometry.wkt
    has_soil = "soc_stock" not in out or bool(out["soc_stock"].notnull().any())
    if not has_soil:
        raise EmptyRegionError(
            f"The region '{region.id}' holds no land with soil data. Choose another region."
        )
    return out


def _strips(grid: Grid) -> Iterator[tuple[slice, Grid]]:
    """Yield the rows of a grid in strips of bounded size, each with its grid."""
    rows, columns = grid.shape
    height = max(1, _STRIP // columns)
    for first in range(0, rows, height):
        count = min(height, rows - first)
        place = grid.transform * Affine.translation(0, first)
        yield slice(first, first + count), Grid(place, (count, columns), grid.crs)


def _by_strips(grid: Grid, share: Callable[[Grid], FloatArray]) -> FloatArray:
    """Return the shares of all cells, (n_cells,), computed strip by strip: outlines fill memory."""
    return np.concatenate([share(strip) for _, strip in _strips(grid)])


def _frames(grid: Grid, region: Region) -> bool:
    """Return whether a grid ends near a country, as the raster of this country alone does."""
    if region.kind != "country":
        return False
    west, south, east, north = grid.lonlat_bounds
    w, s, e, n = region.geometry.bounds
    return (
        west > w - _FRAME_DEG
        and south > s - _FRAME_DEG
        and east < e + _FRAME_DEG
        and north < n + _FRAME_DEG
    )


def _widened(bounds: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Return a box in degrees that holds the surroundings of a country's outline too."""
    west, south, east, north = bounds
    return (
        max(west - _FRAME_DEG, -180.0),
        max(south - _FRAME_DEG, -90.0),
        min(east + _FRAME_DEG, 180.0),
        min(north + _FRAME_DEG, 90.0),
    )


def _own_cells(data: xr.Dataset, grid: Grid, region: Region, inside: np.ndarray) -> OwnCells | None:
    """Return the cells of a country that the data cover alone (see `own_cells`), or None."""
    if "soc_stock" not in data or data["soc_stock"].ndim != 2:
        return None
    tonnes = data["soc_stock"] * cell_area(data)
    if "valid_share" in data:
        tonnes = tonnes * data["valid_share"]
    amount = np.zeros(grid.shape)
    for rows, _ in _strips(grid):
        strip = tonnes.isel(y=rows).transpose("y", "x").values.astype("float64")
        amount[rows] = np.nan_to_num(strip, copy=False)
    return own_cells(grid, region.geometry, inside, amount.ravel())


def _window(inside: np.ndarray, grid: Grid) -> dict[str, slice]:
    """Return the smallest window of rows and columns with all cells inside the region.

    For a region across the antimeridian it spans all columns from the first to the last.
    """
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return {
        "y": slice(int(rows[0]), int(rows[-1]) + 1),
        "x": slice(int(columns[0]), int(columns[-1]) + 1),
    }


def _masked(data: xr.Dataset, share: np.ndarray) -> xr.Dataset:
    inside = xr.DataArray(share, dims=("y", "x"), coords={"y": data["y"], "x": data["x"]})
    out = {}
    # Only shares are reduced at the region's edge; quantities are per hectare.
    for name, layer in data.data_vars.items():
        if str(name).endswith("valid_share"):
            cut = (layer * inside).astype(layer.dtype)
        else:
            nodata = 0 if variable(str(name)).classes else np.nan
            cut = layer.where(inside > 0, nodata).astype(layer.dtype)
        out[name] = cut.assign_attrs(layer.attrs)
    if "valid_share" not in data:
        valid = inside * data["soc_stock"].notnull() if "soc_stock" in data else inside
        out["valid_share"] = describe(valid.astype("float32"), "valid_share")
    out["region_share"] = describe(inside.astype("float32"), "region_share")
    cut_data = data.assign(out)
    cut_data.attrs = dict(data.attrs)
    return cut_data


def coarsen(data: xr.Dataset, resolution: float) -> xr.Dataset:
    """Return `data` averaged to whole blocks of cells of about `resolution` (CRS units).

    Quantities are means weighted by cell area and valid share; ``valid_share`` is a mean weighted
    by cell area; the class of a block is the one with the largest valid area. Totals are
    preserved: mean × valid share × area of a block is the sum over its cells.

    Raises
    ------
    RasterError
        The grid can't be divided into blocks of that size.
    """
    grid = grid_of(data)
    factor = _factor(grid, resolution)
    if grid.shape[0] % factor or grid.shape[1] % factor:
        raise _no_blocks(grid, resolution)
    return data if factor == 1 else _coarsen(data, factor)


def _factor(grid: Grid, resolution: float) -> int:
    """Return the width, in cells, of a block of `resolution`."""
    width = abs(grid.transform.a)
    factor = round(resolution / width) if 0 < resolution < np.inf else 0
    if factor < 1:
        raise _no_blocks(grid, resolution)
    return factor


def _no_blocks(grid: Grid, resolution: float) -> RasterError:
    return RasterError(
        f"The cells are {abs(grid.transform.a):g} wide and {grid.shape} in number; a resolution"
        f" of {resolution:g} isn't a whole multiple that divides the grid evenly."
    )


def _whole_blocks(part: xr.Dataset, whole: xr.Dataset, factor: int) -> xr.Dataset:
    """Return `part` of `whole`, padded with missing values to whole blocks.

    Blocks are counted from the first cell of `whole`; the last ones may extend beyond it.
    """
    wider = {}
    for axis, step in zip(("y", "x"), _steps(grid_of(whole)), strict=True):
        first = int(np.flatnonzero(whole[axis].values == part[axis].values[0])[0])
        # Rounded up, so that the last partial block is included.
        start, stop = first // factor, -(-(first + part.sizes[axis]) // factor)
        own = whole[axis].values[start * factor : stop * factor]
        beyond = (stop - start) * factor - len(own)
        wider[axis] = np.append(own, own[-1] + step * np.arange(1, beyond + 1))
    shares = [n for n in part if str(n).endswith(("valid_share", "region_share"))]
    fill = {n: 0 if n in shares or classes_of(part[n]) else np.nan for n in part}
    return _on_grid(part.reindex(wider, fill_value=fill), grid_of(part))


def _steps(grid: Grid) -> tuple[float, float]:
    """Return the distance from a row, and from a column, to the next."""
    return grid.transform.e, grid.transform.a


def _on_grid(data: xr.Dataset, grid: Grid, factor: int = 1) -> xr.Dataset:
    """Return `data` with `grid`'s CRS and the transform of its own position on the grid."""
    step = grid.transform
    west = float(data["x"][0]) - step.a * factor / 2
    north = float(data["y"][0]) - step.e * factor / 2
    # Written explicitly: cell size can't be derived from a single row or column.
    place = Affine(step.a * factor, 0, west, 0, step.e * factor, north)
    placed: xr.Dataset = data.rio.write_crs(grid.crs).rio.write_transform(place)
    return placed


def _coarsen(data: xr.Dataset, factor: int) -> xr.Dataset:
    def block_sum(layer: xr.DataArray) -> xr.DataArray:
        return layer.coarsen(y=factor, x=factor).sum()

    def block_mean(layer: xr.DataArray, weight: xr.DataArray) -> xr.DataArray:
        total = block_sum(weight)
        # A block without valid land is missing, not 0 / 0.
        return block_sum(layer.fillna(0) * weight) / total.where(total > 0)

    # Before the classes of its cells become the class of a block.
    data = data.assign(shares_of_classes(data))
    # In blocks as the layers are, so that a large country isn't held in memory several times.
    area = cell_area(data).chunk(data.chunksizes) if data.chunksizes else cell_area(data)
    valid = data["valid_share"].fillna(0) if "valid_share" in data else xr.ones_like(area)
    out = {}
    for name, layer in data.data_vars.items():
        weight = area * data.get(f"{name}_valid_share", valid).fillna(0)
        classes = classes_of(layer)
        if classes:
            areas = [block_sum(weight.where(layer == code, 0)) for code in classes]
            coarse = _largest(areas, list(classes))
        elif str(name) == "region_share" or str(name).endswith("valid_share"):
            coarse = block_mean(layer, area)
        else:
            coarse = block_mean(layer, weight.where(layer.notnull(), 0))
        # The sums are float64; a layer keeps its own type.
        out[name] = coarse.astype(layer.dtype).assign_attrs(layer.attrs)
    return _on_grid(xr.Dataset(out, attrs=data.attrs), grid_of(data), factor)


def _largest(areas: list[xr.DataArray], codes: list[int]) -> xr.DataArray:
    """Return the code with the largest area in each block; 0 where no code has an area."""
    most, found = xr.zeros_like(areas[0]), xr.zeros_like(areas[0])
    for area, code in zip(areas, codes, strict=True):
        # A strict comparison: of equal areas the first code wins, so that results are reproducible.
        found = choose(area > most, code, found)
        most = choose(area > most, area, most)
    return found


def require_grid_size(data: xr.Dataset) -> None:
    """Raise `BadInputError` if the layers exceed the limits on cells; no values are read."""
    rows, columns = grid_of(data).shape
    less = "choose a smaller region, or give layers of larger cells"
    require_within(f"The grid of {rows:,} x {columns:,} has", rows * columns, "grid_cells", less)
    held = sum(layer.size for layer in data.data_vars.values())
    require_within("The layers together have", held, "raster_cells", less)
