"""A national edition from public sources: fetch by the plan, fill from the sample, read to analyse.

Each step resumes: layers that the store has already aren't fetched again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from hotspots.edition.borrowed import filled
from hotspots.edition.country_plan import Candidate, Role, Step, filling
from hotspots.edition.inputs import load
from hotspots.edition.recipe import Recipe
from hotspots.errors import (
    BadInputError,
    EmptyRegionError,
    FetchError,
    HotspotsError,
    RasterError,
    TokenError,
)
from hotspots.geo.regions import Region
from hotspots.ingest.access.download import Progress
from hotspots.ingest.add_to_store import grid_of_store
from hotspots.ingest.public_layers import IngestedRow, ingest
from hotspots.ingest.stock_in_store import stock_in_store
from hotspots.layers.grid import Grid
from hotspots.store import Store
from hotspots.store.provenance import PREFIX

# As `Limits.grid_cells` says.
_BYTES_PER_CELL = 450
# What the program and the cutting of the layers hold beside the cells of the analysis.
_PROGRAM_GIB = 0.9
_STOCK, _PROFILE = "soc_stock", ("soc", "bulk_density", "coarse_fragments")
# A source that fails so is passed over; another error is the user's or the program's.
_UNUSABLE = (FetchError, RasterError, EmptyRegionError, TokenError)


@dataclass(frozen=True)
class Outcome:
    """What became of a role.

    Attributes
    ----------
    role : Role
        The role.
    taken : Candidate or None
        The source that was used; None if the store had the layers, or none of the sources did.
    held : tuple of str
        Layers that the store had already.
    failures : tuple of (str, str)
        Source and reason of each candidate that was tried in vain.
    """

    role: Role
    taken: Candidate | None
    held: tuple[str, ...]
    failures: tuple[tuple[str, str], ...]

    @property
    def is_filled(self) -> bool:
        """Whether the store has layers for the role now."""
        return self.taken is not None or bool(self.held)


def held_variables(store: Store) -> set[str]:
    """Return the canonical variables of a store's layers."""
    return {str(store.item(name)["properties"][f"{PREFIX}variable"]) for name in store.names()}


def fetch_roles(
    plan: Sequence[Step],
    region: Region,
    store: Store,
    *,
    resolution: str | float | None,
    cache: Path,
    say: Callable[[str], None],
    progress: Progress | None = None,
) -> list[Outcome]:
    """Fetch the layers of a plan into a store, each role from its first usable source.

    Parameters
    ----------
    plan : sequence of Step
        As `country_plan` returns it.
    region, store, resolution, cache, say, progress
        As for `hotspots.ingest.public_layers.ingest`.

    Returns
    -------
    list of Outcome
        One for each step.

    Raises
    ------
    FetchError
        No source gave a role that an edition can't do without. What was fetched stays in the store.
    BadInputError
        The store has another grid than requested, or doesn't contain the region.
    """
    outcomes = []
    for step in plan:
        outcome = _fetched(
            step,
            store,
            lambda word: ingest(
                [word],
                region,
                store,
                resolution=resolution,
                cache=cache,
                say=say,
                progress=progress,
            ),
            say,
        )
        if step.role.is_needed and not outcome.is_filled:
            raise _missing(region, outcome)
        outcomes.append(outcome)
    return outcomes


def _fetched(
    step: Step,
    store: Store,
    fetch: Callable[[str], list[IngestedRow]],
    say: Callable[[str], None],
) -> Outcome:
    failures: list[tuple[str, str]] = []
    for candidate in () if step.held else step.candidates:
        try:
            notes = [row["note"] for row in fetch(candidate.word) if row["state"] == "failed"]
        except _UNUSABLE as error:
            notes = [str(error)]
        # A layer that only accompanies the role's own may fail.
        if filling(step.role, held_variables(store)):
            return Outcome(step.role, candidate, (), tuple(failures))
        failures += [(candidate.source.name, note) for note in notes[:1]]
        say(f"{candidate.source.name}: {' '.join(notes[:1])}")
    return Outcome(step.role, None, step.held, tuple(failures))


def _missing(region: Region, outcome: Outcome) -> HotspotsError:
    if not outcome.failures:
        return BadInputError(
            f"No source of the catalogue has a carbon stock of {region.name()}. Add your own:"
            " hotspots add-layer FILE --as soc_stock --depth 0-30 --store DIR."
        )
    tried = "; ".join(f"{name}: {reason}" for name, reason in outcome.failures)
    return FetchError(
        f"None of {len(outcome.failures)} sources gave a carbon stock of {region.name()}. Run the"
        " same command again later, or add your own layer: hotspots add-layer FILE --as soc_stock"
        f" --depth 0-30 --store DIR. {tried}"
    )


def with_stock(store: Store, say: Callable[[str], None]) -> None:
    """Compute the stock of 0-30 cm in a store that only has a soil profile."""
    held = held_variables(store)
    if _STOCK not in held and set(_PROFILE) <= held:
        stock_in_store(store, to="0-30", say=say)


def analysis_cell(grid: Grid, memory_gib: float) -> float:
    """Return the cell of the analysis, degrees: a multiple of the grid's that the memory holds."""
    # The program itself needs more than very little memory; the cells get a quarter then.
    room = max(memory_gib - _PROGRAM_GIB, memory_gib / 4)
    most = room * 2**30 / _BYTES_PER_CELL
    factor = math.ceil(math.sqrt(grid.shape[0] * grid.shape[1] / most) - 1e-9)
    return float(grid.transform.a) * max(1, factor)


def country_data(home: str, region: Region, recipe: Recipe, memory_gib: float) -> xr.Dataset:
    """Return the layers of a country for an analysis: cut, coarsened to the memory, completed.

    Parameters
    ----------
    home : str
        Address of the store, with ``soc_stock``.
    region : Region
        The country.
    recipe : Recipe
        Decides which layers are needed.
    memory_gib : float
        Memory of the whole run, GiB; see `analysis_cell`.

    Returns
    -------
    Dataset
        Canonical layers (y, x) on one grid with a CRS, missing outside the country, with climate
        zones and cropland share of the packaged sample where the store lacks them.
    """
    grid = grid_of_store(Store(home))
    assert grid is not None  # it has a stock
    data = load(region, resolution=analysis_cell(grid, memory_gib), store=home)
    return filled(data.compute(), "sample", recipe)
