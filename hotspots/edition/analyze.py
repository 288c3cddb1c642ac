"""Compute an edition from data and a recipe, for notebooks, the command line and the API alike.

`analyze` takes a dataset of canonical layers and returns an `Edition`. The only files it opens are
the outlines of the regions that the tables report on.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import xarray as xr

from hotspots.analysis.hotspots.eligibility import mask_states
from hotspots.analysis.ipcc.tier1 import require_guidelines
from hotspots.analysis.land_shares import shares_of_classes
from hotspots.edition import borrowed
from hotspots.edition.caveats import caveats_of, whole_scope
from hotspots.edition.draws import Drawn, draw
from hotspots.edition.edition import Edition
from hotspots.edition.inputs import require_grid_size
from hotspots.edition.manifest import Figures, Manifest, origins
from hotspots.edition.methods import INPUT_METHODS, METHODS, State, require_usable, run_methods
from hotspots.edition.methods.base import RUN, masks_on
from hotspots.edition.methods.potential import own_potential
from hotspots.edition.ranking import axes_of, clusters, few_ranked, missing_axes, rank
from hotspots.edition.recipe import Recipe
from hotspots.edition.sensitivity import loss_sensitivity, transitions
from hotspots.edition.stock_error import require_level, without_support
from hotspots.edition.tables.intervals import (
    Groups,
    groups_of,
    units_with_intervals,
    with_intervals,
    with_standard_deviations,
)
from hotspots.edition.tables.land_use import land_use_table
from hotspots.edition.tables.region_weights import RegionWeights, outlines_digest, region_weights
from hotspots.edition.tables.regions import region_table, whole_summary
from hotspots.edition.tables.units import hot_patches, land_cells, no_patches, no_units, unit_table
from hotspots.errors import EmptyRegionError, RasterError
from hotspots.geo.countries import finer_in_use
from hotspots.io.clock import now
from hotspots.layers.crs import placing_remark
from hotspots.layers.dimensions import require_dimensions
from hotspots.layers.grid import grid_of, require_dataset, require_same_grid
from hotspots.layers.plausibility import MOST_OUTSIDE, require_plausible, require_unit
from hotspots.layers.variables import describe, variable

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

Progress = Callable[[str], None]


def analyze(
    data: xr.Dataset,
    recipe: Recipe | None = None,
    regions: str | gpd.GeoDataFrame = "countries",
    progress: Progress | None = None,
) -> Edition:
    """Return the edition of `recipe` on `data`.

    Parameters
    ----------
    data : Dataset
        Canonical layers on one grid with a CRS. ``soc_stock`` is required; potential and hotspots
        need ``climate_zone`` and ``cropland_share`` too, the change a stock of a second date.
    recipe : Recipe, optional
        The default recipe if not given.
    regions : str or GeoDataFrame
        "countries" (with the regions of the initiative), "initiative", a file of regions, or a
        GeoDataFrame with ``id``.
    progress : callable, optional
        Called with a short description of each step.

    Returns
    -------
    Edition
        In memory, with its id; ``edition.save(path)`` writes it.

    Raises
    ------
    RasterError, GridMismatchError, BadInputError
        Layers lack a name, unit or CRS, lie on different grids, or the climate zones follow other
        guidelines than the recipe.
    """
    recipe = recipe or Recipe()
    report = progress or (lambda _: None)
    started, clock = now(), time.monotonic()
    # First of all: it reads no value, and a grid too large would take minutes to refuse.
    require_grid_size(require_dataset(data))
    report("checking the layers")
    data, prepared = checked(data, recipe)
    weights = region_weights(data, regions)
    report("computing stock, potential and change per cell")
    layers, states = run_methods([m for m in METHODS if m.kind != "input"], data, recipe)
    states = [*prepared, *states]
    # Carried on, so that map and tables need nothing but the edition.
    layers = layers.assign({n: data[n] for n in _CARRIED if n in data})
    layers = layers.assign(own_potential(data, layers, recipe))
    ranked = _ranked(data, layers, weights, recipe, report)
    weighed = loss_sensitivity(ranked.layers, recipe)
    layers, errors = ranked.layers.assign(weighed.layers), ranked.errors
    report("tables of regions and units")
    tables = _tables(layers, ranked.unadjusted, weights, errors, recipe)
    manifest: Manifest = {
        **origins(data, recipe, weights.digest, derived(prepared)),
        "notes": [
            *(s.reason for s in states if s.reason and s.id in _NOTED_IF_MISSING),
            *doubts(data),
            *([weights.own.sentence] if weights.own else []),
            *borrowed.notes(data),
            *([finer.sentence] if (finer := finer_in_use()) else []),
            *out_of_range(data),
            *unlike_makers(data),
            *(without_support(data) if errors is not None else ()),
            *ranked.notes,
            *without_potential(tables.regions, recipe),
        ],
        "methods": [state.to_dict() for state in states],
        "masks": mask_states(data, masks_on(recipe)),
        "uncertainty": {} if errors is None else errors.drawn.description,
        "sensitivity": weighed.figures,
        "transitions": transitions(data) if "sdg_soc_class" in layers else [],
        "caveats": caveats_of(
            layers,
            [*data, *borrowed.stand_ins(data)],
            whole_scope(tables.regions, layers, recipe.potential.management),
        ),
        "summary": tables.summary | _outside(weights),
    }
    return Edition(
        layers,
        tables.patches,
        tables.units,
        tables.regions,
        manifest,
        recipe,
        {
            "started": started,
            "seconds": round(time.monotonic() - clock, 1),
        },
        tables.land_use,
    )


def _outside(weights: RegionWeights) -> Figures:
    """Return which shares of the stock lie on and beyond the border of the data's own country."""
    if weights.own is None:
        return {}
    cells = weights.own.cells
    return {
        "border_share_of_stock": round(cells.border_share, 6),
        "outside_share_of_stock": round(cells.outside_share, 6),
    }


@dataclass(frozen=True)
class _Errors:
    """Results of the draws, and the groups of cells that they were summed over."""

    drawn: Drawn
    groups: Groups


@dataclass(frozen=True)
class _Ranked:
    """The layers with hotspots and clusters, unadjusted clusters, the draws, and remarks."""

    layers: xr.Dataset
    unadjusted: xr.Dataset
    errors: _Errors | None
    notes: list[str]


def _ranked(
    data: xr.Dataset,
    layers: xr.Dataset,
    weights: RegionWeights,
    recipe: Recipe,
    report: Progress,
) -> _Ranked:
    axes, notes = axes_of(data, layers, recipe), missing_axes(layers, recipe)
    if axes is None:
        return _Ranked(layers, xr.Dataset(), None, notes)
    report("drawing errors and methods")
    # Before the draws, which sum tonnes by these groups in the same pass.
    groups = groups_of(layers, weights, recipe)
    drawn = draw(data, layers, axes, recipe, groups.hectares, groups.cells)
    report("ranking hotspots")
    layers = layers.assign(rank(axes, recipe, drawn))
    report("Gi* clusters")
    found = clusters(axes, data["climate_zone"], recipe)
    return _Ranked(
        layers.assign(found.layers),
        found.unadjusted,
        None if drawn is None else _Errors(drawn, groups),
        [*notes, *few_ranked(axes, recipe)],
    )


@dataclass(frozen=True)
class _Tables:
    regions: pd.DataFrame
    units: pd.DataFrame
    land_use: pd.DataFrame
    patches: gpd.GeoDataFrame
    summary: Figures


def _tables(
    layers: xr.Dataset,
    unadjusted: xr.Dataset,
    weights: RegionWeights,
    errors: _Errors | None,
    recipe: Recipe,
) -> _Tables:
    table = region_table(layers, weights, recipe)
    uses = land_use_table(layers, weights, recipe)
    if errors is not None:
        table = with_intervals(table, errors.drawn, errors.groups, recipe)
        if (error := errors.drawn.error) is not None:
            table = with_standard_deviations(table, layers, weights, error, errors.groups, recipe)
    if "hotspot_class" not in layers:
        summary = whole_summary(table, None, recipe)
        return _Tables(table, no_units(), uses, no_patches(layers), summary)
    land = land_cells(layers.assign(unadjusted), recipe)
    units = unit_table(land, weights, recipe)
    if errors is not None:
        units = units_with_intervals(units, errors.drawn, errors.groups, recipe)
    patches = hot_patches(layers, land, weights, recipe)
    return _Tables(table, units, uses, patches, whole_summary(table, land, recipe))


_TEXTURE = ("clay", "silt", "sand")
# Deviation from 100 of clay + silt + sand, %: they are rounded, or predicted one by one.
MOST_OFF_PERCENT = 5.0
LEAST_NOTED = 0.02  # of the managed land
# A hotspot map needs these three methods; other missing ones are listed in the manifest's methods.
_NOTED_IF_MISSING = ("historic_deficit", "ipcc_tier1", "modelled_change")
_CARRIED = (
    "soc_stock",
    "soc_stock_reference",
    "climate_zone",
    "cropland_share",
    "pasture_share",
    "grassland_share",
    "forest_share",
    "soil_class",
    "land_cover",
    "valid_share",
)


def checked(data: xr.Dataset, recipe: Recipe) -> tuple[xr.Dataset, list[State]]:
    """Return `data` in memory with derived inputs, and the states of the methods deriving them.

    Names, units, grids, guidelines and the plausibility of values are checked.
    """
    require_dataset(data)
    # Before `compute`: these checks need no values.
    require_usable(recipe, METHODS)
    require_dimensions(data)
    for name in data.data_vars:
        require_unit(data[name])
        require_same_grid(data, data[name], str(name))
    if recipe.uncertainty.draws:
        require_level(data)
    data = data.compute()  # not load(), which would change the caller's dataset
    for name in data.data_vars:
        require_plausible(data[name])
    _require_texture(data)
    data = data.assign({n: whole_codes(v) for n, v in data.items() if variable(str(n)).classes})
    data = data.assign(shares_of_classes(data))
    made, states = run_methods(INPUT_METHODS, data, recipe)
    data = data.assign(made)
    if "soc_stock" not in data:
        given = ", ".join(map(str, data.data_vars))
        raise RasterError(f"The data hold {given}; the layer 'soc_stock' is needed too.")
    data = _of_guidelines(data, recipe)
    if "climate_zone" in data:
        require_guidelines(data["climate_zone"], recipe.potential.guidelines)
    # Land without a stock isn't counted anywhere: all weights start from this share.
    known = data["soc_stock"].notnull()
    if not known.values.any():
        raise EmptyRegionError("The region holds no land with soil data. Choose another region.")
    # A share of valid land given by the data stays, reduced to 0 where the stock is missing.
    share = data["valid_share"].where(known, 0) if "valid_share" in data else known
    return data.assign(valid_share=describe(share.astype("float32"), "valid_share")), states


def _of_guidelines(data: xr.Dataset, recipe: Recipe) -> xr.Dataset:
    """Return `data` with the climate zones of 2006, where the recipe uses the 2006 guidelines."""
    wants_2006 = recipe.potential.guidelines == "2006" and "climate_zone_2006" in data
    if not wants_2006 or data.get("climate_zone", xr.DataArray()).attrs.get("guidelines") == "2006":
        return data
    return data.assign(climate_zone=data["climate_zone_2006"].rename("climate_zone"))


def _require_texture(data: xr.Dataset) -> None:
    """Raise `RasterError` where clay, silt and sand can't be parts of one soil."""
    if not all(name in data for name in _TEXTURE):
        return
    # NaN where one of the parts is missing: such cells are neither off nor counted.
    total = data["clay"] + data["silt"] + data["sand"]
    off = (abs(total - 100) > MOST_OFF_PERCENT).sum()
    if int(off) > MOST_OUTSIDE * int(total.notnull().sum()):
        raise RasterError(
            f"Clay, silt and sand sum to {float(total.median()):.3g} % in the median cell; they are"
            " parts of the fine earth and sum to 100 %. Check units and which layer is which."
        )


def whole_codes(layer: xr.DataArray) -> xr.DataArray:
    """Return a class layer as integers; NaN in a floating-point layer becomes 0, without class."""
    if layer.dtype.kind in "iu":
        return layer
    return layer.fillna(0).astype("uint8").assign_attrs(layer.attrs)


def without_potential(table: pd.DataFrame, recipe: Recipe) -> list[str]:
    """Return a note where much managed land has no potential, so that totals are incomplete."""
    column = f"{recipe.methods.ranking_potential}_missing_share"
    missing = float(table[table["set"] == "total"].iloc[0].get(column, 0.0))
    # Written so that NaN, the share of an area without managed land, gives no note.
    if not missing > LEAST_NOTED:
        return []
    return [
        f"{recipe.methods.ranking_potential} has no value on {missing:.0%} of the managed land (no"
        " factor for its climate zone, organic soil, or an input missing): its totals leave that"
        " out."
    ]


def doubts(data: xr.Dataset) -> list[str]:
    """Return what was accepted when layers were added, and how well the grid's places are known."""
    grid = grid_of(data)
    notes = [
        f"{name}: {layer.attrs['caveat']}"
        for name, layer in data.data_vars.items()
        if layer.attrs.get("caveat")
    ]
    remark = placing_remark(grid.crs, grid.lonlat_bounds, grid.cell_width_m).sentence
    known = not remark or any(remark in note for note in notes)
    return notes if known else [*notes, remark]


def out_of_range(data: xr.Dataset) -> list[str]:
    """Return a note for each layer with values outside its valid range; the values are kept."""
    notes = []
    for name, layer in data.data_vars.items():
        row = variable(str(name))
        if row.classes is None and not layer.notnull().any():
            notes.append(f"{name}: holds no value, so what needs it has none either.")
        # Missing values (NaN) fail both comparisons.
        bad = int(((layer < row.low) | (layer > row.high)).sum())
        if bad:
            unit = row.unit or "class"
            notes.append(f"{name}: {bad} cells outside {row.low:g} to {row.high:g} ({unit}).")
    return notes


_SERIES = re.compile(r"soc_stock_(\d{4}|reference)")


def unlike_makers(data: xr.Dataset) -> list[str]:
    """Return a note for each stock compared with ``soc_stock`` that has another citation."""
    own = str(data["soc_stock"].attrs.get("citation", "")) if "soc_stock" in data else ""
    others = {
        str(name): str(layer.attrs.get("citation", ""))
        for name, layer in data.data_vars.items()
        if _SERIES.fullmatch(str(name))
    }
    return [
        f"soc_stock and {name} are of different makers ({own[:60]}; {other[:60]}): what is computed"
        " between them holds the difference of two methods, and may be no change at all. Take both"
        " from one maker."
        for name, other in others.items()
        if own and other and own != other
    ]


def identify(
    data: xr.Dataset, recipe: Recipe, regions: str | gpd.GeoDataFrame = "countries"
) -> str:
    """Return the id that the edition of `analyze` would have, without the analysis."""
    data, states = checked(data, recipe)
    return origins(data, recipe, outlines_digest(data, regions), derived(states))["id"]


def derived(prepared: list[State]) -> set[str]:
    """Return the inputs that methods computed from the others."""
    return {name for state in prepared if state.status == RUN for name in state.gives}
