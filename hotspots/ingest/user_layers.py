"""Adding a user's layer to a store: read as declared, regridded, checked and compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from affine import Affine

from hotspots.ingest.add_to_store import add_layer, grid_of_store
from hotspots.ingest.land_cover_shares import add_shares
from hotspots.ingest.regrid.resample import Regridding, on_grid
from hotspots.ingest.regrid.source_raster import open_grid
from hotspots.ingest.user_files.read import Own, read_own
from hotspots.io.limits import require_within
from hotspots.layers.grid import Grid, same_grid
from hotspots.layers.harmonise import first_beyond
from hotspots.layers.target_grid import size_text
from hotspots.store import Store
from hotspots.store.licences import recognise
from hotspots.store.profiles import layer_key
from hotspots.store.provenance import OWN
from hotspots.store.store import LESS

Say = Callable[[str], None]
NOT_STATED = "not stated"


def add_own(
    store: Store, path: str, *, say: Say = lambda line: None, **declared: Any
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
        See `read_own`; also an undeclared nodata number or an unknown class among the values.
        The store is left unchanged.
    """
    own = read_own(path, **declared)
    grid, regridded = _target(store, north_up_from_180w(open_grid(own.raw)))
    notes = [*own.notes, *regridded]
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
    layer = made.layer
    former = store.replacing(layer_key(layer), OWN)
    say("checking and writing")
    done = add_layer(
        store,
        made,
        raws=[own.raw],
        provenance=_provenance(own, path, notes),
        given=own.given,
    )
    if regridded:
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


def _target(store: Store, own: Grid) -> tuple[Grid, tuple[str, ...]]:
    """Return the grid that a layer is brought to, and a note if it isn't its own."""
    grid = grid_of_store(store)
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
    size = size_text(grid.transform.a) if grid.is_geographic else f"{grid.transform.a:g} units"
    return f"{rows:,} x {columns:,} cells of {size}"


def _attrs(own: Own, path: str) -> dict[str, object]:
    """Return the layer's attributes; missing ones are given as "not stated"."""
    name = PurePath(path).name
    defaults = {
        "source": f"own file {name}",
        "citation": f"{name}, {NOT_STATED} by whom",
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
