"""Who holds which share of each cell's land: one matrix behind all tables of an edition.

Countries are a partition of the land, so a cell's valid land is shared out wholly among them;
regions of the initiative are sums of countries, and what no country holds is a row of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import sparse

from hotspots.analysis.coverage import cover_fractions, share_out
from hotspots.errors import BadInputError
from hotspots.grid import Grid, cell_area, grid_of
from hotspots.regions import initiative_members
from hotspots.regions import regions as region_set

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

Array = npt.NDArray[np.float64]
WHOLE, OUTSIDE = "world", "outside"
NEAREST_WITHIN_CELLS = 2.0
_TOTAL_NAMES = {
    WHOLE: ("World", "Monde", "Mundo"),
    "total": ("Whole region", "Région entière", "Toda la región"),
    OUTSIDE: ("Outside all regions", "Hors de toute région", "Fuera de toda región"),
}


@dataclass(frozen=True)
class RegionWeights:
    """Rows of regions and, for each, the share of every cell's valid land that it holds.

    Attributes
    ----------
    rows : DataFrame
        id, set, names, value_from, note, in table order.
    matrix : csr_array (n_rows, n_cells)
        Share of each cell's *valid* land that a row holds.
    area_ha : array (n_rows,)
        Area of the region that the grid covers.
    units : slice
        The rows that units are made for (countries, or the regions of the user's own set).
    digest : str
        SHA-256 of ids and outlines, part of the edition's id.
    """

    rows: pd.DataFrame
    matrix: sparse.csr_array
    area_ha: Array
    units: slice
    digest: str


def region_weights(data: xr.Dataset, regions: str | gpd.GeoDataFrame) -> RegionWeights:
    """Return the weights of all table rows on `data`'s grid.

    Countries are a partition of the land: the valid land of a cell is shared out among the
    countries in it, since cover × valid_share would discount a coastal cell's sea twice. Regions
    of the user's own are weighted by plain covered fraction. A region without a valid cell takes
    the nearest valid cells within two cell widths, and says so.
    """
    import pandas as pd

    is_partition = isinstance(regions, str) and regions in ("countries", "initiative")
    shapes = outlines(data, regions)
    grid = grid_of(data)
    cover = cover_fractions(grid, shapes.geometry)
    inside = _region_share(data)
    area = cell_area(data).values.ravel()
    cover_ha = cover @ (area * inside)
    weights = share_out(cover) if is_partition else cover
    land = (
        area
        * data["valid_share"].fillna(0).values.ravel()
        * np.isfinite(data["soc_stock"].values.ravel())
    )
    weights, value_from = _with_nearest(weights, cover_ha, land, shapes, grid)
    on_land = sparse.diags_array((land > 0).astype("float64"))
    weights = sparse.csr_array(weights @ on_land)
    weights.eliminate_zeros()
    covered = sparse.diags_array((value_from == "covered").astype("float64")) @ weights
    left = np.where(land > 0, np.clip(1 - covered.sum(axis=0), 0, 1), 0)
    left[left < 1e-6] = 0
    whole_id = WHOLE if "region" not in data.attrs else "total"
    blocks, rows = [weights], [_rows(shapes, value_from)]
    areas = [cover_ha]
    if is_partition and (regions == "initiative" or whole_id == WHOLE):
        membership, rows_initiative = _initiative(shapes["id"].tolist())
        blocks.append(membership @ covered)
        rows.append(rows_initiative)
        areas.append(membership @ cover_ha)
        if regions == "initiative":
            blocks, rows, areas = blocks[1:], rows[1:], areas[1:]
    units = slice(0, rows[0].shape[0])
    blocks += [sparse.csr_array(v[None, :]) for v in ((land > 0).astype("float64"), left)]
    rows.append(_totals(whole_id))
    outside_ha = float(land @ left)
    areas.append(np.array([cover_ha.sum() + outside_ha, outside_ha]))
    return RegionWeights(
        rows=pd.concat(rows, ignore_index=True),
        matrix=sparse.vstack(blocks, format="csr"),
        area_ha=np.concatenate(areas),
        units=units,
        digest=outlines_digest(shapes),
    )


def outlines(data: xr.Dataset, regions: str | gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the outlines of the regions that `data` has rows for, with id, names and note."""
    if not isinstance(regions, str):
        frame = regions.copy()
        if "id" not in frame:
            raise BadInputError("The regions need a column 'id' with one name for each.")
    else:
        frame = region_set("countries" if regions == "initiative" else regions)
    for column in ("name_en", "name_fr", "name_es"):
        if column not in frame:
            frame[column] = frame["id"].astype(str)
    if "note" not in frame:
        frame["note"] = ""
    members = data.attrs.get("region_countries")
    if members and isinstance(regions, str) and regions in ("countries", "initiative"):
        frame = frame[frame["id"].isin(str(members).split(","))]
    return frame.reset_index(drop=True)


def _region_share(data: xr.Dataset) -> Array:
    """Return the share of each cell inside a drawn region; 1 where the outlines are the region."""
    drawn = data.attrs.get("region_kind") not in (None, "country", "initiative")
    if drawn and "region_share" in data:
        return data["region_share"].fillna(0).values.ravel().astype("float64")
    return np.ones(data["soc_stock"].size)


def _with_nearest(
    weights: sparse.csr_array, cover_ha: Array, land: Array, shapes: gpd.GeoDataFrame, grid: Grid
) -> tuple[sparse.csr_array, npt.NDArray[np.str_]]:
    """Give regions without a valid cell the nearest valid ones; tell where each row comes from."""
    value_from = np.where(weights @ land > 0, "covered", "missing").astype("U8")
    rows: list[npt.NDArray[np.int64]] = []
    columns: list[npt.NDArray[np.int64]] = []
    shares: list[Array] = []
    for row in np.flatnonzero(value_from == "missing"):
        geometry = shapes.geometry.iloc[row]
        if geometry is None or geometry.is_empty or cover_ha[row] == 0:
            continue
        cells = nearest_cells(geometry, grid, land > 0)
        if cells.size:
            rows.append(np.full(cells.size, row))
            columns.append(cells)
            shares.append(np.full(cells.size, cover_ha[row] / land[cells].sum()))
            value_from[row] = "nearest"
    kept = sparse.diags_array((value_from == "covered").astype("float64")) @ weights
    if not rows:
        return sparse.csr_array(kept), value_from
    at = (np.concatenate(rows), np.concatenate(columns))
    extra = sparse.csr_array((np.concatenate(shares), at), shape=weights.shape)
    return sparse.csr_array(kept + extra), value_from


def nearest_cells(geometry: Any, grid: Grid, valid: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the valid cells nearest to `geometry`, none farther than two cell widths.

    Cells that are at most half a cell farther than the nearest one count too. `geometry` is in
    the grid's CRS (EPSG:4326 for a geographic one); `valid` is flat, in C order.
    """
    import shapely

    t, (n_rows, n_columns) = grid.transform, grid.shape
    shape = shapely.transform(
        geometry, lambda xy: np.column_stack([(xy[:, 0] - t.c) / t.a, (xy[:, 1] - t.f) / t.e])
    )
    found: list[npt.NDArray[np.int64]] = []
    distance: list[Array] = []
    reach = NEAREST_WITHIN_CELLS
    for part in shapely.get_parts(shape):
        west, north, east, south = part.bounds
        columns = np.arange(int(np.floor(west - reach)), int(np.ceil(east + reach)))
        rows = np.arange(max(0, int(north - reach)), min(n_rows, int(np.ceil(south + reach))))
        if not grid.wraps:
            columns = columns[(columns >= 0) & (columns < n_columns)]
        c, r = (v.ravel() for v in np.meshgrid(columns, rows))
        flat = r * n_columns + c % n_columns
        c, r, flat = c[valid[flat]], r[valid[flat]], flat[valid[flat]]
        found.append(flat)
        distance.append(shapely.distance(shapely.box(c, r, c + 1, r + 1), part))
    cells, far = np.concatenate(found), np.concatenate(distance)
    if not (far <= reach).any():
        return np.array([], dtype="int64")
    return np.unique(cells[(far <= reach) & (far <= far.min() + 0.5)])


def _rows(shapes: gpd.GeoDataFrame, value_from: npt.NDArray[np.str_]) -> pd.DataFrame:
    frame = shapes[["id", "name_en", "name_fr", "name_es", "note"]].copy()
    kind = shapes.get("kind", "regions")
    frame.insert(1, "set", np.where(np.asarray(kind) == "country", "countries", kind))
    frame["value_from"] = value_from
    return frame


def _initiative(country_ids: Sequence[str]) -> tuple[sparse.csr_array, pd.DataFrame]:
    members = initiative_members()
    position = {c: i for i, c in enumerate(country_ids)}
    pairs = [
        (row, position[c])
        for row, region in enumerate(members)
        for c in members[region]
        if c in position
    ]
    rows, columns = np.array(pairs, dtype="int64").reshape(-1, 2).T
    shape = (len(members), len(country_ids))
    matrix = sparse.csr_array((np.ones(rows.size), (rows, columns)), shape=shape)
    frame = region_set("initiative")[["id", "name_en", "name_fr", "name_es", "note"]].copy()
    frame = frame.set_index("id").loc[list(members)].reset_index()
    frame.insert(1, "set", "initiative")
    frame["value_from"] = "covered"
    return matrix, frame


def _totals(whole_id: str) -> pd.DataFrame:
    import pandas as pd

    rows = [
        (key, "total" if key == whole_id else key, *_TOTAL_NAMES[key], "", "covered")
        for key in (whole_id, OUTSIDE)
    ]
    columns = ["id", "set", "name_en", "name_fr", "name_es", "note", "value_from"]
    return pd.DataFrame(rows, columns=columns)


def outlines_digest(shapes: gpd.GeoDataFrame) -> str:
    """Return the hash of ids and outlines, part of an edition's id."""
    digest = hashlib.sha256()
    for key, geometry in zip(shapes["id"], shapes.geometry, strict=True):
        digest.update(str(key).encode())
        digest.update(b"" if geometry is None else geometry.wkb)
    return digest.hexdigest()[:16]
