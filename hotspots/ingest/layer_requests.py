"""What is asked for, in words: sources, products, years and depths, and the access that serves."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyproj

from hotspots.errors import BadInputError, TokenError, near_matches
from hotspots.ingest.access.cds import token
from hotspots.ingest.sources.catalogue import (
    Access,
    Product,
    Source,
    UnknownSourceError,
    canonical_name,
    source,
)
from hotspots.ingest.sources.model import is_dated
from hotspots.layers.grid import Grid
from hotspots.layers.target_grid import KM_PER_DEGREE

_AS_GOOD = 1.1  # cells of 1,000 m serve a grid of 30 arc-seconds, which are 928 m


@dataclass(frozen=True)
class Wanted:
    """One layer that is asked for: a product, of one year and one depth."""

    source: Source
    product: Product
    year: Any = None
    depth: str = ""

    @property
    def key(self) -> str:
        """The name that the layer has in the store."""
        if self.product.kind != "raster":
            return self.product.name
        return f"{self.name}_{self.depth}cm" if self.product.depths else self.name

    @property
    def name(self) -> str:
        """The canonical variable, with the year where it has several."""
        if is_dated(self.product):
            return self.product.name.replace("{year}", str(self.year))
        return canonical_name(self.product)

    def __str__(self) -> str:
        told = [f"{self.source.name}/{self.product.name}"]
        told += [str(self.year)] if self.year is not None else []
        return " ".join([*told, *([f"{self.depth} cm"] if self.depth else [])])


def wanted(
    words: Iterable[str], years: Sequence[Any] = (), depths: Sequence[str] = ()
) -> list[Wanted]:
    """Return what "soilgrids", "soilgrids/clay" and the like ask for, without repetition.

    Parameters
    ----------
    words : iterable of str
        A source's name (its default products) or "source/product"; several products may be
        parted by commas: "soilgrids/clay,sand". "soil-carbon-debt/soc_stock_1990" tells its year.
    years : sequence, optional
        Of products that have several; their first by default.
    depths : sequence of str, optional
        Of profiles: "0-5", "30-60"; the topsoil's by default.

    Raises
    ------
    UnknownSourceError
        No source or product of this name.
    BadInputError
        A year or depth that a product doesn't have.
    """
    found: list[Wanted] = []
    for word in words:
        name, _, products = word.partition("/")
        chosen = source(name)
        asked = [_named(chosen, p, years) for p in products.split(",")] if products else []
        for product, of in asked or [(product, years) for product in chosen.defaults()]:
            found += [w for w in _each(chosen, product, of, depths) if w not in found]
    if not found:
        raise UnknownSourceError("No source is named. 'hotspots sources' lists all.")
    _require_used(found, years, depths)
    return found


def _named(chosen: Source, name: str, years: Sequence[Any]) -> tuple[Product, Sequence[Any]]:
    """Return the product of a name, and its years; "soc_stock_1990" tells its year itself."""
    for product in chosen.products:
        for year in product.years:
            if "{year}" in product.name and product.name.replace("{year}", str(year)) == name:
                return product, [year]
    return chosen.product(name), years


def _require_used(found: Sequence[Wanted], years: Sequence[Any], depths: Sequence[str]) -> None:
    """Raise where a year or depth was asked for that nothing of what is named has a choice of."""
    if years and not any(len(one.product.years) > 1 for one in found):
        raise BadInputError(
            f"The year {years[0]} is asked for, but nothing of what is named has several years."
            " Leave --year out; 'hotspots sources show NAME' tells the years."
        )
    if depths and not any(one.product.depths for one in found):
        raise BadInputError(
            f"The depth {depths[0]} is asked for, but nothing of what is named has several depths."
            " Leave --depth out; 'hotspots sources show NAME' tells the depths."
        )


def _each(
    chosen: Source, product: Product, years: Sequence[Any], depths: Sequence[str]
) -> list[Wanted]:
    dated = list(years) if years and len(product.years) > 1 else list(product.years[:1]) or [None]
    if len(dated) > 1 and not is_dated(product):
        raise BadInputError(
            f"'{chosen.name}/{product.name}' is asked for {len(dated)} years, but a store holds one"
            " of them. Give one --year."
        )
    told = {str(year): year for year in product.years}
    for year in dated:
        if year is not None and str(year) not in told:
            raise BadInputError(
                f"'{chosen.name}/{product.name}' has no year {year}"
                f"{near_matches(str(year), told) or '.'} It has: {', '.join(told)}."
            )
    years_of = [None if year is None else told[str(year)] for year in dated]
    return [
        Wanted(chosen, product, year, depth)
        for year in years_of
        for depth in _depths(chosen, product, depths)
    ]


def _depths(chosen: Source, product: Product, depths: Sequence[str]) -> Sequence[str]:
    if not product.depths or not depths:
        return product.depths or (product.depth,)
    known = (*product.depths, *product.more_depths)
    for depth in depths:
        if depth not in known:
            raise BadInputError(
                f"'{chosen.name}/{product.name}' has no depth {depth} cm. It has:"
                f" {', '.join(known)}."
            )
    return depths


def chosen_accesses(one: Wanted, grid: Grid) -> list[Access]:
    """Return the accesses with the coarsest cells that still are no wider than the asked ones.

    The finest if all are wider; one that needs a token which isn't set only if there is no other.
    Several are other addresses of the same cells, in the catalogue's order.
    """
    ways = one.source.accesses(one.product, one.year)
    if not ways:
        raise BadInputError(f"'{one}' isn't to be had: no access of the source has it.")
    open_ways = [a for a in ways if not a.token or _has_token(a)] or list(ways)
    fine = [a for a in open_ways if _degrees(a) <= grid.transform.a * _AS_GOOD]
    best = max(map(_degrees, fine)) if fine else min(map(_degrees, open_ways))
    return [a for a in open_ways if abs(_degrees(a) - best) <= 1e-9]


def _has_token(access: Access) -> bool:
    if access.kind != "cds":
        return bool(os.environ.get(access.token, "").strip())
    try:
        return bool(token(access))
    except TokenError:
        return False


def _degrees(access: Access) -> float:
    if pyproj.CRS.from_user_input(access.crs).is_geographic:
        return access.cell
    return access.cell / 1000 / KM_PER_DEGREE
