"""Adding a user's layer to a store: read as declared, regridded, checked and compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import xarray as xr
from affine import Affine

from hotspots.errors import RasterError
from hotspots.ingest.add_to_store import (
    Acceptance,
    add_layer,
    grid_of_store,
    require_accepted,
)
from hotspots.ingest.land_cover_shares import add_shares
from hotspots.ingest.regrid.resample import RegriddedLayer, Regridding, on_grid
from hotspots.ingest.regrid.source_raster import open_grid
from hotspots.ingest.user_files.rasters import open_layers
from hotspots.ingest.user_files.read import Own, read_own
from hotspots.io.limits import require_within
from hotspots.layers.crs import placing_remark
from hotspots.layers.grid import Grid, grid_of, same_grid
from hotspots.layers.harmonise import first_beyond
from hotspots.layers.target_grid import size_text
from hotspots.store import Store
from hotspots.store.licences import recognise
from hotspots.store.profiles import layer_key
from hotspots.store.provenance import OWN
from hotspots.store.store import LESS

Say = Callable[[str], None]
NOT_STATED = "not stated"
_LEAST_UNPLACED_M = 1_001.0  # cells of 1 km, however their side is rounded


def add_own(
    store: Store,
    path: str,
    *,
    say: Say = lambda line: None,
    accept: bool = False,
    **declared: Any,
) -> dict[str, Any]:
    """Add a user's layer to a store.

    Parameters
    ----------
    store : Store
        If it has layers, the new layer is regridded to their grid; else it keeps its own cells.
    path : str
        File or address.
    say : callable
        Called with a line of text at each step.
    accept : bool
        Whether the layer is added despite a grave verdict of its quality report, places that may be
        far off, or a doubtful grid of points; what was accepted is in its report and provenance.
    **declared
        Keyword arguments of `hotspots.ingest.user_files.read.read_own`.

    Returns
    -------
    dict
        ``layer`` (its name in the store), ``variable``, ``unit``, ``depth``, ``year``, ``notes``
        (properties read from the file itself), ``verdicts`` (implausible properties), ``file``
        and ``report`` (their paths in the store) and the main numbers of the report.

    Raises
    ------
    RasterError
        See `read_own`; also an undeclared nodata number or an unknown class among the values, and
        a doubt that isn't accepted. The store is left unchanged.
    """
    ready = prepare_own(path, grid_of_store(store), say=say, accept=accept, **declared)
    own, made, notes, layer = ready.own, ready.made, list(ready.notes), ready.made.layer
    former = store.replacing(layer_key(layer), OWN)
    say("checking and writing")
    done = add_layer(
        store,
        made,
        raws=[own.raw],
        provenance=_provenance(own, path, notes),
        given=ready.given,
        acceptance=ready.acceptance,
    )
    if ready.is_regridded:
        grid = grid_of(layer)
        notes += add_shares(store, own, grid, _attrs(own, path), _provenance(own, path, notes))
    return {
        "layer": done.key,
        "variable": own.variable,
        "unit": layer.attrs.get("units", "class"),
        "depth": layer.attrs.get("depth_cm", ""),
        "year": layer.attrs.get("year", ""),
        "notes": [*notes, former] if former else notes,
        "verdicts": done.verdicts,
        "file": done.file,
        "report": done.page,
        **done.numbers,
    }


@dataclass(frozen=True)
class ReadyLayer:
    """A user's layer as it is added to a store, before anything is written.

    Attributes
    ----------
    own : Own
        The file as declared.
    made : RegriddedLayer
        The layer on the target grid, perhaps lazy.
    notes : tuple of str
        Sentences on how the file was read.
    acceptance : Acceptance
        Doubts on its places, and whether doubts are accepted.
    is_regridded : bool
        Whether the target grid isn't the file's own.
    """

    own: Own
    made: RegriddedLayer
    notes: tuple[str, ...]
    acceptance: Acceptance
    is_regridded: bool

    @property
    def given(self) -> dict[str, object]:
        """What was declared or read from the file, for the quality report."""
        return self.own.given | ({"read as": " ".join(self.notes)} if self.notes else {})


def prepare_own(
    path: str,
    target: Grid | None = None,
    *,
    say: Say = lambda line: None,
    accept: bool = False,
    **declared: Any,
) -> ReadyLayer:
    """Read a user's layer as `add_own` does, without a store.

    Parameters
    ----------
    path, say, accept, **declared
        See `add_own`.
    target : Grid, optional
        The grid that the layer is brought to; its own by default.

    Raises
    ------
    RasterError
        See `read_own`; also an undeclared nodata number or an unknown class among the values of a
        layer that isn't lazy.
    """
    own = read_own(path, accept=accept, **declared)
    source = open_grid(own.raw)
    remarks = _remarks(source, path, accept)
    grid, regridded = _target(target, north_up_from_180w(source))
    cells = grid.shape[0] * grid.shape[1] * len(own.raw.bands)
    require_within(f"'{PurePath(path).name}' has", cells, "raster_cells", LESS)
    say(f"reading {PurePath(path).name}")
    made = on_grid(
        own.raw,
        grid,
        own.variable,
        # Several bands are always the 12 months of a monthly variable.
        Regridding(legend=own.legend, months="keep" if len(own.raw.bands) > 1 else ""),
        attrs=_attrs(own, path),
    )
    notes = (*own.notes, *remarks, *regridded)
    return ReadyLayer(own, made, notes, Acceptance(remarks, accept), bool(regridded))


def canonical_acceptance(opened: xr.Dataset, called: str, accept: bool) -> Acceptance:
    """Return the doubts on the places of canonical layers; raise if their cells are too small."""
    return Acceptance(_remarks(grid_of(opened), called, accept), accept)


def _remarks(grid: Grid, path: str, accept: bool) -> tuple[str, ...]:
    """Return a sentence on how well a file's places are known; raise if its cells are too small."""
    remark = placing_remark(grid.crs, grid.lonlat_bounds, grid.cell_width_m)
    if remark.may_be_far and not accept and grid.cell_width_m < _LEAST_UNPLACED_M:
        raise RasterError(
            f"'{PurePath(path).name}' has cells of {grid.cell_width_m:,.0f} m. {remark.sentence}"
            " Declare a CRS with the shift that your survey office gives (--crs '+proj=... "
            "+towgs84=dx,dy,dz'), warp the file to EPSG:4326, or take it as it is with --accept."
        )
    return (remark.sentence,) if remark.sentence else ()


def open_canonical(path: str | Path) -> xr.Dataset:
    """Open layers of canonical names, for which `add-layer` needs no options.

    Raises
    ------
    RasterError, GridMismatchError
        See `hotspots.ingest.user_files.rasters.open_layers`; the message adds which options say
        what a layer is.
    """
    try:
        return open_layers(path)
    except RasterError as error:
        raise RasterError(
            f"{error} Or state what the layer is: --as soc_stock --unit 't ha-1' --depth 0-30."
        ) from error


def add_canonical(
    store: Store, opened: xr.Dataset, called: str, *, accept: bool = False
) -> list[dict[str, Any]]:
    """Add layers whose names, units and attributes are canonical already.

    Parameters
    ----------
    store : Store
        The store.
    opened : Dataset
        As `hotspots.ingest.user_files.rasters.open_layers` returns it.
    called : str
        Name of the file, for messages.
    accept : bool
        See `add_own`.

    Returns
    -------
    list of dict
        For each layer ``layer`` (its name in the store), ``notes`` and ``verdicts``.

    Raises
    ------
    RasterError
        A doubt that isn't accepted; the store is left unchanged.
    """
    acceptance = canonical_acceptance(opened, called, accept)
    made = [RegriddedLayer(opened[name], None) for name in opened.data_vars]
    # All are examined before the first is added.
    for one in made if len(made) > 1 else ():
        require_accepted(one, acceptance)
    done = [add_layer(store, one, acceptance=acceptance) for one in made]
    return [
        {"layer": one.key, "notes": list(acceptance.remarks), "verdicts": list(one.verdicts)}
        for one in done
    ]


def _target(grid: Grid | None, own: Grid) -> tuple[Grid, tuple[str, ...]]:
    """Return the grid that a layer is brought to, and a note if it isn't its own."""
    if grid is None or same_grid(grid, own):
        return grid or own, ()
    return grid, (f"Brought to the store's grid, {_grid_text(grid)}.",)


def north_up_from_180w(grid: Grid) -> Grid:
    """Return a file's grid north up, with longitudes of -180 to 180 if it is geographic."""
    west, _, east, north = grid.bounds
    dx, dy = abs(grid.transform.a), abs(grid.transform.e)
    up = Grid(Affine(dx, 0, west, 0, -dy, north), grid.shape, grid.crs)
    if not up.is_geographic or east <= 180 + dx / 2:
        return up
    beyond = first_beyond(up)
    # A grid across 180 E that doesn't go round would be torn apart.
    if beyond > 0 and not up.wraps:
        return up
    return Grid(Affine(dx, 0, west + beyond * dx - 360, 0, -dy, north), grid.shape, grid.crs)


def _grid_text(grid: Grid) -> str:
    rows, columns = grid.shape
    size = size_text(grid.transform.a) if grid.is_geographic else f"{grid.cell_width_m:.6g} m"
    return f"{rows:,} x {columns:,} cells of {size}"


def _attrs(own: Own, path: str) -> dict[str, object]:
    """Return the layer's attributes; missing ones are given as "not stated"."""
    name = PurePath(path).name
    defaults = {
        "source": f"own file {name}",
        "citation": NOT_STATED,
        "licence": NOT_STATED,
    }
    return defaults | {key: value for key, value in own.attrs.items() if value not in (None, "")}


def _provenance(own: Own, path: str, notes: list[str]) -> dict[str, object]:
    origin = own.raw.origin
    return {
        "source_id": OWN,
        "address": origin.address if origin else PurePath(path).name,
        "sha256": [origin.sha256] if origin else [],
        "retrieved": origin.retrieved if origin else "",
        "request": {key: value for key, value in own.given.items() if key != "file"},
        "licence_id": recognise(str(own.attrs.get("licence", ""))) or "",
        "steps": notes,
    }
