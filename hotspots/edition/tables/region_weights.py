"""The share of each cell's land in each region: one matrix for all tables of an edition.

Countries are a partition of the land, so the valid land of a cell is divided entirely among them.
Regions of the initiative are sums of countries; land in no country has a row of its own.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import sparse

from hotspots.analysis.zonal.border import OwnCells, own_cells
from hotspots.analysis.zonal.coverage import (
    ROUNDING,
    column_sums,
    cover_fractions,
    remainder,
    share_of_land,
    share_out,
)
from hotspots.edition.inputs import BORDER, OUTSIDE_SHARE
from hotspots.errors import BadInputError
from hotspots.geo.antimeridian import short_way
from hotspots.geo.areas import polygons_of
from hotspots.geo.regions import initiative_members
from hotspots.geo.regions import regions as region_set
from hotspots.layers.grid import Grid, cell_area, grid_of

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from shapely.geometry.base import BaseGeometry

Array = npt.NDArray[np.float64]
WHOLE, OUTSIDE = "world", "outside"
NEAREST_WITHIN_CELLS = 2.0
_NAMES = ["name_en", "name_fr", "name_es", "note"]
_TOTAL_NAMES = {
    WHOLE: ("World", "Monde", "Mundo"),
    "total": ("Whole region", "Région entière", "Toda la región"),
    OUTSIDE: ("Outside all regions", "Hors de toute région", "Fuera de toda región"),
}


class Part(NamedTuple):
    """Rows of the table, the share of each cell's valid land in each, and their area."""

    rows: pd.DataFrame
    matrix: sparse.csr_array
    area_ha: Array


@dataclass(frozen=True)
class RegionWeights:
    """Rows of regions and the share of every cell's valid land in each of them.

    Attributes
    ----------
    rows : DataFrame
        id, set, names, value_from, note, in table order.
    matrix : csr_array (n_rows, n_cells)
        Share of each cell's *valid* land in the region of a row.
    area_ha : array (n_rows,)
        Area of the part of the region that the grid covers.
    units : slice
        The rows divided into units: countries, or the regions of the user's own set.
    digest : str
        SHA-256 (16 digits) of ids and outlines; part of the edition's id.
    own : OwnCountry or None
        The country that the data cover alone, if they do.
    """

    rows: pd.DataFrame
    matrix: sparse.csr_array
    area_ha: Array
    units: slice
    digest: str
    own: OwnCountry | None = None


def region_weights(data: xr.Dataset, regions: str | gpd.GeoDataFrame) -> RegionWeights:
    """Return the weights of all table rows on `data`'s grid.

    Countries are a partition of the land: the valid land of a cell is divided among the countries
    in it, since cover × valid_share would subtract the sea of a coastal cell twice. The user's own
    regions have their share of the cell's land in the same sense. A region without a valid cell
    has the values of the nearest ones within two cell widths, with ``value_from`` "nearest".
    Data of one country alone keep the cells along its border that its outline misses.
    """
    import pandas as pd

    grid = grid_of(data)
    area = cell_area(data).values.ravel()
    # Hectares of land with a stock, from which all tables start.
    known = np.isfinite(data["soc_stock"].values.ravel())
    land = area * np.where(known, data["valid_share"].fillna(0).values.ravel(), 0)
    whole_id = WHOLE if _spans_the_world(data, grid) else "total"
    countries = outlines(data, "countries")
    of_land = cover_fractions(grid, countries.geometry)
    if whole_id != WHOLE:  # no rows for countries outside the grid
        met = np.flatnonzero(of_land @ area > 0)
        countries, of_land = countries.iloc[met].reset_index(drop=True), of_land[met]
    if is_partition(regions):
        shapes, cover, weights = countries, of_land, share_out(of_land)
        tonnes = land * np.nan_to_num(data["soc_stock"].values.ravel().astype("float64"))
        own = None if whole_id == WHOLE else _own_country(data, grid, countries, weights, tonnes)
        if own is not None:
            # Neighbours have no data: the nearest cells' values would be another country's.
            shapes, of_land, weights = own.alone(countries), of_land[[own.row]], own.weights()
            cover = of_land
    else:
        own = None
        shapes = outlines(data, regions)
        cover = cover_fractions(grid, shapes.geometry)
        weights = share_of_land(grid, shapes.geometry, countries.geometry, of_land)
    weights, value_from = _with_nearest(weights, area, land, shapes, grid)
    # Values borrowed from the nearest cells are in the region's own row only, not in sums.
    covered = _kept(weights, value_from == "covered")
    parts = [Part(_rows(shapes, value_from), weights, cover @ area)]
    if is_partition(regions) and (regions == "initiative" or whole_id == WHOLE):
        groups = _initiative(parts[0], covered, land)
        parts = [groups] if regions == "initiative" else [*parts, groups]
    totals = _totals(whole_id, covered, of_land, area, land)
    return RegionWeights(
        rows=pd.concat([part.rows for part in (*parts, totals)], ignore_index=True),
        matrix=sparse.csr_array(sparse.vstack([part.matrix for part in (*parts, totals)])),
        area_ha=np.concatenate([part.area_ha for part in (*parts, totals)]),
        units=slice(0, len(parts[0].rows)),
        digest=outlines_digest(data, regions),
        own=own,
    )


class OwnCountry(NamedTuple):
    """The country that the data cover alone: its row among the countries, and its cells."""

    row: int
    name: str
    cells: OwnCells

    @property
    def sentence(self) -> str:
        """What was done, for tables and manifests."""
        return self.cells.sentence(self.name)

    def alone(self, countries: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        """Return this country of all, with the sentence in its note."""
        own = countries.iloc[[self.row]].reset_index(drop=True)
        note = f"{own['note'].iloc[0] or ''}; {self.sentence}"
        return own.assign(note=note.removeprefix("; ").removesuffix("."))

    def weights(self) -> sparse.csr_array:
        """Return one row of weights: its cells lie in it wholly."""
        return sparse.csr_array(self.cells.mask[None, :].astype("float64"))


def _own_country(
    data: xr.Dataset,
    grid: Grid,
    countries: gpd.GeoDataFrame,
    weights: sparse.csr_array,
    tonnes: Array,
) -> OwnCountry | None:
    """Return the country that data cover alone, or None; data cut to a country say so."""
    if not len(countries) or not tonnes.any():
        return None
    held = weights @ tonnes
    row = int(held.argmax())
    name = str(countries["name_en"].iloc[row])
    if BORDER in data.attrs:
        shares = float(data.attrs[BORDER]), float(data.attrs[OUTSIDE_SHARE])
        return OwnCountry(row, name, OwnCells(tonnes > 0, *shares))
    if "region" in data.attrs:
        return None
    inside = weights[[row]].toarray()[0]
    cells = own_cells(grid, countries.geometry.iloc[row], inside, tonnes)
    return None if cells is None else OwnCountry(row, name, cells)


def is_partition(regions: str | gpd.GeoDataFrame) -> bool:
    """Return whether the regions are the countries or groups of them."""
    return isinstance(regions, str) and regions in ("countries", "initiative")


def outlines(data: xr.Dataset, regions: str | gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the outlines of the regions in the tables of `data`, with id, names and note.

    For data cut to countries these are the countries; for data cut to a drawn region, the parts of
    outlines inside it.
    """
    import shapely

    frame = _named(regions)
    members = data.attrs.get("region_countries")
    if members is not None and is_partition(regions):
        frame = frame[frame["id"].isin(str(members).split(","))]
    if drawn := data.attrs.get("region_wkt"):
        # A country's row is of its part inside the drawn region, as its numbers are.
        inside = frame.intersection(shapely.from_wkt(drawn))
        # An intersection may leave lines and points, which have no area.
        frame = frame.set_geometry(inside.map(lambda p: shapely.MultiPolygon(polygons_of(p))))
        frame = frame[~frame.is_empty]
    return frame.reset_index(drop=True)


def _named(regions: str | gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    if isinstance(regions, str):
        return region_set("countries" if regions == "initiative" else regions)
    if "id" not in regions:
        raise BadInputError("The regions need a column 'id' with one name for each.")
    frame = regions.copy() if regions.crs is None else regions.to_crs(4326)
    if regions.crs is None or regions.crs.is_geographic:
        frame = frame.set_geometry(short_way(frame.geometry))
    frame["id"] = frame["id"].astype(str)
    for column in ("name_en", "name_fr", "name_es"):
        if column not in frame:
            frame[column] = frame["id"]
    if "note" not in frame:
        frame["note"] = ""
    return frame


def outlines_digest(data: xr.Dataset, regions: str | gpd.GeoDataFrame) -> str:
    """Return the hash of the regions' rows and outlines, part of an edition's id."""
    digest = hashlib.sha256()
    frame = outlines(data, regions)
    for row in _rows(frame, np.full(len(frame), "")).itertuples(index=False):
        digest.update(repr(tuple(row)).encode())
    for geometry in frame.geometry:
        digest.update(b"" if geometry is None else geometry.wkb)
    if is_partition(regions):
        digest.update(json.dumps(initiative_members()).encode())
        digest.update(region_set("initiative")[_NAMES].to_json().encode())
    return digest.hexdigest()[:16]


def _spans_the_world(data: xr.Dataset, grid: Grid) -> bool:
    """Return whether the grid covers all land except polar ice."""
    if "region" in data.attrs or not grid.is_geographic:
        return False
    _, south, _, north = grid.bounds
    return grid.wraps and south <= -55 and north >= 75


def _kept(weights: sparse.csr_array, rows: npt.NDArray[np.bool_]) -> sparse.csr_array:
    """Return `weights` with all rows outside the mask `rows` set to 0."""
    return sparse.csr_array(sparse.diags_array(rows.astype("float64")) @ weights)


class _Weights(NamedTuple):
    """Weights (regions, cells), and where each region's values are from."""

    matrix: sparse.csr_array
    value_from: npt.NDArray[np.str_]


def _with_nearest(
    weights: sparse.csr_array, area: Array, land: Array, shapes: gpd.GeoDataFrame, grid: Grid
) -> _Weights:
    """Return weights with the nearest cells of regions without a valid one."""
    # A cell without data can't stand for a region, even if it lies in it.
    on_land = sparse.diags_array((land > 0).astype("float64"))
    weights = sparse.csr_array(weights @ on_land)
    weights.eliminate_zeros()
    value_from = np.where(weights @ land > 0, "covered", "missing").astype("U8")
    extra = sparse.csr_array(weights.shape)
    for row in np.flatnonzero((value_from == "missing") & ~shapes.is_empty):
        found = _nearest_weights(shapes.geometry.iloc[[row]], area, land, grid)
        if found.nnz:
            at_row = sparse.csr_array(([1.0], ([row], [0])), shape=(weights.shape[0], 1))
            extra = extra + at_row @ found
            value_from[row] = "nearest"
    kept = _kept(weights, value_from == "covered") + extra
    return _Weights(sparse.csr_array(kept), value_from)


def _nearest_weights(
    shape: gpd.GeoSeries, area: Array, land: Array, grid: Grid
) -> sparse.csr_array:
    """Return one row of weights that scales the nearest cells' land to the area of each island.

    An island more than two cell widths from any valid cell adds nothing: it has no data.
    """
    islands = shape.to_crs(grid.crs.to_wkt()).explode(ignore_index=True)
    hectares = cover_fractions(grid, islands) @ area
    row = np.zeros(land.size)
    for island, held in zip(islands, hectares, strict=True):
        cells = nearest_cells(island, grid, land > 0)
        if cells.size:
            # Weights x land sum to the island's hectares, with the mean value of these cells.
            row[cells] += held / land[cells].sum()
    return sparse.csr_array(row[None, :])


def nearest_cells(
    geometry: BaseGeometry, grid: Grid, valid: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """Return the flat indices of the valid cells nearest to `geometry`, within two cell widths.

    Cells up to half a cell width farther than the nearest one are included. `geometry` is in
    the grid's CRS (EPSG:4326 for a geographic one); `valid` is flat, in C order.
    """
    import shapely

    t, (n_rows, n_columns) = grid.transform, grid.shape
    # In units of cells, where every cell is a unit square: distances are in cell widths.
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
        # On a grid of all longitudes, columns continue across the antimeridian.
        flat = r * n_columns + c % n_columns
        c, r, flat = c[valid[flat]], r[valid[flat]], flat[valid[flat]]
        found.append(flat)
        distance.append(shapely.distance(shapely.box(c, r, c + 1, r + 1), part))
    cells, far = np.concatenate(found), np.concatenate(distance)
    if not (far <= reach).any():
        return np.array([], dtype="int64")
    return np.unique(cells[(far <= reach) & (far <= far.min() + 0.5)])


def _rows(shapes: gpd.GeoDataFrame, value_from: npt.NDArray[np.str_]) -> pd.DataFrame:
    frame: pd.DataFrame = shapes[["id", *_NAMES]].copy()
    kind = np.asarray(shapes.get("kind", ["regions"] * len(shapes)))
    frame.insert(1, "set", np.where(kind == "country", "countries", "regions"))
    frame["value_from"] = value_from
    return frame


def _initiative(countries: Part, covered: sparse.csr_array, land: Array) -> Part:
    """Return the initiative's regions as sums of those of their members in `countries`."""
    position = {c: i for i, c in enumerate(countries.rows["id"])}
    members = {
        group: [position[c] for c in ids if c in position]
        for group, ids in initiative_members().items()
    }
    groups = [group for group, found in members.items() if found]
    pairs = [(row, column) for row, group in enumerate(groups) for column in members[group]]
    rows, columns = np.array(pairs, dtype="int64").reshape(-1, 2).T
    shape = (len(groups), len(position))
    membership = sparse.csr_array((np.ones(rows.size), (rows, columns)), shape=shape)
    matrix = membership @ covered
    frame = region_set("initiative").set_index("id").loc[groups, _NAMES].reset_index()
    frame.insert(1, "set", "initiative")
    frame["value_from"] = np.where(matrix @ land > 0, "covered", "missing")
    return Part(frame, matrix, np.asarray(membership @ countries.area_ha))


def _totals(
    whole_id: str, covered: sparse.csr_array, of_land: sparse.csr_array, area: Array, land: Array
) -> Part:
    """Return the row of the whole area, and that of the land outside all regions."""
    import pandas as pd

    rows = [
        (key, "total" if key == whole_id else key, *_TOTAL_NAMES[key], "", "covered")
        for key in (whole_id, OUTSIDE)
    ]
    frame = pd.DataFrame(rows, columns=["id", "set", *_NAMES, "value_from"])
    on_land = (land > 0).astype("float64")
    outside = remainder(covered) @ sparse.diags_array(on_land)
    outlined = np.minimum(column_sums(of_land), 1)
    # Land with data where no outline is drawn belongs to the whole area too.
    whole_ha = area @ outlined + land[outlined < ROUNDING].sum()
    matrix = sparse.vstack([sparse.csr_array(on_land[None, :]), sparse.csr_array(outside)])
    return Part(frame, sparse.csr_array(matrix), np.array([whole_ha, (outside @ land).item()]))
