"""The stock of the soil profile in a store, of a stated year, and under stated assumptions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import xarray as xr

from hotspots.analysis.bulk_density import bulk_density_of, pedotransfer
from hotspots.errors import BadInputError
from hotspots.ingest.add_to_store import AddedLayer, add_layer
from hotspots.ingest.regrid.resample import RegriddedLayer
from hotspots.ingest.stock_from_profiles import CONTENTS, DENSITY, stock_from_profile
from hotspots.layers.variables import describe, variable
from hotspots.store import Store
from hotspots.store.provenance import PREFIX

DERIVED = "derived"
_STOCK = "soc_stock"


@dataclass(frozen=True)
class Assumed:
    """What is assumed of a profile where the store has no layer of it.

    Attributes
    ----------
    coarse_fragments : float or None
        One volume share for all places and depths, 0 to 0.95.
    bulk_density : str
        Name of a pedotransfer function of the carbon content; "" for none.
    """

    coarse_fragments: float | None = None
    bulk_density: str = ""


def stock_in_store(
    store: Store,
    *,
    to: str = "0-30",
    kind: str | None = None,
    year: int | None = None,
    assumed: Assumed | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Compute the stock of the profile in a store and add it there.

    Parameters
    ----------
    store : Store
        With depths of ``soc``, ``bulk_density`` and ``coarse_fragments``, or of ``soc_density``.
    to : str
        Top and bottom, cm: "0-30".
    kind : str, optional
        "points" or "layers", where the layers don't state it.
    year : int, optional
        Year of the profile: the stock is ``soc_stock_<year>``, and ``soc_stock`` too where that is
        absent or was computed here of an earlier year. By default the stock is ``soc_stock``, of
        the year that the layers state.
    assumed : Assumed, optional
        In place of layers that the store lacks; stated in the stock's method and provenance.
    say : callable
        Called with a line of text at each step.

    Returns
    -------
    dict
        ``layer``, ``message`` (sentences), ``verdicts``, ``file``, ``report``, the main numbers.

    Raises
    ------
    BadInputError
        See `stock_from_profile`; also a depth range that can't be parsed, a year that the layers
        contradict, and an assumption about something that the store has a layer of.
    """
    limits, assumed = _limits(to), assumed or Assumed()
    variables = {str(store.item(name)["properties"][f"{PREFIX}variable"]) for name in store.names()}
    contents = (DENSITY,) if DENSITY in variables and "soc" not in variables else CONTENTS
    profiles = {name: store.profile(name) for name in contents if name in variables}
    _require_year(profiles, year)
    shares = [name for content in profiles if (name := f"{content}_valid_share") in variables]
    profiles, told = _completed(profiles, assumed)
    say("computing the stock")
    stock = _stated(stock_from_profile(profiles, limits, kind), told, assumed, year)
    share = _least(store, shares, stock)
    names = (
        [f"{_STOCK}_{year}", *([_STOCK] if _is_newest(store, year) else [])] if year else [_STOCK]
    )
    request = {"depth": to, "of": sorted(profiles), "year": year, "assumed": list(told)}
    provenance = {
        "source_id": DERIVED,
        "steps": [str(stock.attrs["method"])],
        "request": {key: value for key, value in request.items() if value},
    }
    done = [_added(store, name, stock, share, provenance) for name in names]
    also = f" It is the newest here, so it is {_STOCK} too." if len(names) > 1 else ""
    first = done[0]
    return {
        "layer": first.key,
        "message": f"Added {first.key}, {to} cm, from {stock.attrs['method']}.{also}"
        f"{_how_to_compare(store)}",
        "verdicts": list(first.verdicts),
        "file": first.file,
        "report": first.page,
        **first.numbers,
    }


def _limits(to: str) -> tuple[float, float]:
    top, _, bottom = to.partition("-")
    try:
        return float(top), float(bottom)
    except ValueError as error:
        raise BadInputError(
            f"'{to}' isn't a depth range of a stock. Give top and bottom in cm: --to 0-30."
        ) from error


def _require_year(profiles: Mapping[str, xr.DataArray], year: int | None) -> None:
    """Raise `BadInputError` for a year that can't be, or that the layers contradict."""
    if year is None:
        return
    if not 1 <= year <= 9999:
        raise BadInputError(f"The year {year} can't be. Give up to four digits: --year 2010.")
    for name, profile in profiles.items():
        own = profile.attrs.get("year")
        if own not in (None, "") and int(own) != year:
            raise BadInputError(
                f"The layers of '{name}' are of the year {own}, not of {year}. Give --year {own},"
                f" or add those of {year} first: hotspots add-layer FILE --as {name} --year {year}."
            )


def _completed(
    profiles: Mapping[str, xr.DataArray], assumed: Assumed
) -> tuple[dict[str, xr.DataArray], tuple[str, ...]]:
    """Return the profiles with the assumed ones, and a sentence part for each of these."""
    out, told = dict(profiles), []
    share, function = assumed.coarse_fragments, assumed.bulk_density
    for name, given in (("coarse_fragments", share is not None), ("bulk_density", bool(function))):
        option = f"--{name.replace('_', '-')}"
        if given and name in out:
            raise BadInputError(
                f"The store has layers of '{name}', and {option} assumes it. Leave the option out,"
                " or use a store without those layers."
            )
        if given and "soc" not in out:
            raise BadInputError(
                f"{option} is for a stock from 'soc', which the store has no layers of. Leave it"
                " out, or add them: hotspots add-layer FILE --as soc --depth 0-30."
            )
    if function:
        out["bulk_density"] = _like(
            out["soc"], bulk_density_of(out["soc"].astype("float64"), function), "bulk_density"
        )
        told.append(
            f"bulk density not measured but by {function}, {pedotransfer(function).formula}, fitted"
            f" to {pedotransfer(function).soils}"
        )
    if share is not None:
        if not 0 <= share <= variable("coarse_fragments").high:
            raise BadInputError(
                f"--coarse-fragments is {share:g}; allowed is a share of the volume, 0 to"
                f" {variable('coarse_fragments').high:g}. Divide percent by 100."
            )
        out["coarse_fragments"] = _like(
            out["soc"], xr.full_like(out["soc"], share, dtype="float64"), "coarse_fragments"
        )
        told.append(f"coarse fragments not measured but assumed to be {share:g} everywhere")
    return out, tuple(told)


def _like(soc: xr.DataArray, values: xr.DataArray, name: str) -> xr.DataArray:
    """Return values as a profile of the depths of `soc`, without its sources."""
    kept = {k: soc.attrs[k] for k in ("depth_kind",) if k in soc.attrs}
    return describe(values, name, **kept)


def _stated(
    stock: xr.DataArray, told: Iterable[str], assumed: Assumed, year: int | None
) -> xr.DataArray:
    """Return the stock with its assumptions, their citation and the year in its attributes."""
    out = stock.copy(deep=False)
    out.attrs["method"] = "; ".join([str(stock.attrs["method"]), *told])
    if assumed.bulk_density:
        citations = (stock.attrs.get("citation"), pedotransfer(assumed.bulk_density).citation)
        out.attrs["citation"] = "; ".join(str(text) for text in citations if text)
    if year is not None:
        out.attrs["year"] = year
    return out


def _is_newest(store: Store, year: int | None) -> bool:
    """Return whether the store's ``soc_stock`` is absent, or was computed here of no later year."""
    if _STOCK not in store.names():
        return True
    properties = store.item(_STOCK)["properties"]
    derived = properties.get(f"{PREFIX}source_id") == DERIVED
    return derived and int(properties.get("year") or 0) <= int(year or 0)


def _added(
    store: Store,
    name: str,
    stock: xr.DataArray,
    share: xr.DataArray | None,
    provenance: Mapping[str, object],
) -> AddedLayer:
    attrs = {k: v for k, v in stock.attrs.items() if k not in ("units", "long_name")}
    layer = describe(stock.astype("float32"), name, **attrs)
    return add_layer(store, RegriddedLayer(layer, share), provenance=provenance)


def _how_to_compare(store: Store) -> str:
    """Return how the change follows, where the store has stocks of two years."""
    years = {
        name: int(store.item(name)["properties"].get("year") or 0)
        for name in store.names()
        if name.startswith(_STOCK) and name.removeprefix(f"{_STOCK}_").isdecimal()
    }
    if _STOCK not in store.names() or not years:
        return ""
    now = int(store.item(_STOCK)["properties"].get("year") or 0)
    earlier = [name for name, year in years.items() if 0 < year < now]
    if not earlier:
        return ""
    first = min(earlier, key=lambda name: years[name])
    return (
        f" For the change since {years[first]}, analyze with --recipe change.toml, a file of this"
        f' line: change.start = "{first}"'
    )


def _least(store: Store, names: Iterable[str], stock: xr.DataArray) -> xr.DataArray | None:
    """Return the valid share of a stock: in each cell the least of its profiles' shares."""
    shares = [store.open([name])[name] for name in names]
    if not shares:
        return None
    least = xr.concat(shares, "of", compat="override", coords="minimal", combine_attrs="drop")
    known = least.min("of").where(stock.notnull(), 0).astype("float32")
    return describe(known, "soc_stock_valid_share")
