"""Which methods some layers make possible, known from their names before any value is read."""

from __future__ import annotations

from collections.abc import Iterable

import xarray as xr

from hotspots.analysis.land_shares import LAND_COVER
from hotspots.edition.borrowed import lacking
from hotspots.edition.methods import METHODS
from hotspots.edition.methods.base import Method, missing_layers
from hotspots.edition.recipe import Recipe

# An analysis needs a stock; what layers make possible is counted as if others gave it.
STOCK = "soc_stock"


def enabled(layers: Iterable[str], recipe: Recipe | None = None) -> list[Method]:
    """Return the methods that some layers make possible.

    Parameters
    ----------
    layers : iterable of str
        Canonical names, with years of dated ones.
    recipe : Recipe, optional
        The default recipe by default.

    Returns
    -------
    list of Method
        Those that run on the layers, a stock, and what the packaged sample lends, and that wouldn't
        run without these layers. Methods that only combine the results of others are left out.
    """
    chosen = recipe or Recipe()
    given = set(layers)
    # What the layers give isn't borrowed, so that they have the merit of it.
    others = {STOCK, *lacking(xr.Dataset(), chosen)} - _with_derived(given, chosen)
    # Without a stock nothing runs at all.
    before = _running(others, chosen) if STOCK in others else []
    return [m for m in _running(given | others, chosen) if m not in before and not m.summarises]


def _running(layers: set[str], recipe: Recipe) -> list[Method]:
    there, running = _with_shares(layers), []
    for method in METHODS:
        given = method.kind == "input" and all(name in there for name in method.gives)
        if given or not _has_dates(method, there) or missing_layers(method, there, recipe):
            continue
        running.append(method)
        there |= set(method.gives)
    return running


def _with_derived(layers: set[str], recipe: Recipe) -> set[str]:
    gives = [m.gives for m in _running(layers, recipe) if m.kind == "input"]
    return _with_shares(layers).union(*gives)


def _with_shares(layers: set[str]) -> set[str]:
    """Return the layers and those that an analysis makes of land cover classes."""
    return layers | ({"cropland_share"} if LAND_COVER in layers else set())


def _has_dates(method: Method, layers: set[str]) -> bool:
    """Return whether the layers have the dates that a method asks for when it runs."""
    if method.series is None:
        return True
    of, dates = method.series
    found = [name for name in layers if name.removeprefix(f"{of}_").isdecimal()]
    return max(len(found), int(of in layers)) >= dates
