"""Requests for layers: sources, products, years and depths, and the access that serves each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyproj

from hotspots.config import secret
from hotspots.errors import BadInputError, TokenError, near_matches
from hotspots.geo.regions import Region
from hotspots.ingest.access.cds import token
from hotspots.ingest.sources.catalogue import (
    Access,
    Product,
    Source,
    UnknownSourceError,
    canonical_name,
    source,
)
from hotspots.ingest.sources.model import Year, is_dated
from hotspots.layers.crs import metres_per_unit
from hotspots.layers.target_grid import KM_PER_DEGREE, cell_size

_DEFAULT_SIZE = "1km"
# A world of 1 km cells would fill a disk by mistake.
_DEFAULT_SIZE_WORLD = "10km"
_AS_GOOD = 1.1  # cells of 1,000 m serve a grid of 30 arc-seconds, which are 928 m


@dataclass(frozen=True)
class LayerRequest:
    """One requested layer: a product of one year and one depth."""

    source: Source
    product: Product
    year: Year | None = None
    depth: str = ""

    @property
    def key(self) -> str:
        """Name of the layer in the store."""
        if self.product.kind != "raster":
            return self.product.name
        return f"{self.name}_{self.depth}cm" if self.product.depths else self.name

    @property
    def name(self) -> str:
        """Canonical variable, with the year if the product has several years."""
        if is_dated(self.product):
            return self.product.name.replace("{year}", str(self.year))
        return canonical_name(self.product)

    def __str__(self) -> str:
        parts = [f"{self.source.name}/{self.product.name}"]
        parts += [str(self.year)] if self.year is not None else []
        return " ".join([*parts, *([f"{self.depth} cm"] if self.depth else [])])


def requested_layers(
    words: Iterable[str], years: Sequence[Year] = (), depths: Sequence[str] = ()
) -> list[LayerRequest]:
    """Parse requests such as "soilgrids" or "soilgrids/clay" into layers, without duplicates.

    Parameters
    ----------
    words : iterable of str
        A source's name (its default products) or "source/product"; several products are
        separated by commas: "soilgrids/clay,sand". The product name in
        "soil-carbon-debt/soc_stock_1990" includes the year.
    years : sequence, optional
        Years of products with several years; the first one by default.
    depths : sequence of str, optional
        Depths of soil profiles, cm: "0-5", "30-60"; the topsoil layers by default.

    Raises
    ------
    UnknownSourceError
        No source or product has this name.
    BadInputError
        A requested year or depth isn't offered by the product.
    """
    requests: list[LayerRequest] = []
    for word in words:
        name, _, products = word.partition("/")
        chosen = source(name)
        named = [_named(chosen, p, years) for p in products.split(",")] if products else []
        for product, of in named or [(product, years) for product in chosen.defaults()]:
            requests += [
                request for request in _each(chosen, product, of, depths) if request not in requests
            ]
    if not requests:
        raise UnknownSourceError("No source is named. 'hotspots sources' lists all.")
    _require_used(requests, years, depths)
    return requests


def _named(chosen: Source, name: str, years: Sequence[Year]) -> tuple[Product, Sequence[Year]]:
    """Return the product of this name and its years; "soc_stock_1990" includes its year."""
    for product in chosen.products:
        for year in product.years:
            if "{year}" in product.name and product.name.replace("{year}", str(year)) == name:
                return product, [year]
    return chosen.product(name), years


def _require_used(
    requests: Sequence[LayerRequest], years: Sequence[Year], depths: Sequence[str]
) -> None:
    """Raise if a year or depth was requested, but no requested product offers a choice of it."""
    if years and not any(len(request.product.years) > 1 for request in requests):
        raise BadInputError(
            f"The year {years[0]} was requested, but none of the named products has several years."
            " Leave --year out; 'hotspots sources show NAME' lists the years."
        )
    if depths and not any(request.product.depths for request in requests):
        raise BadInputError(
            f"The depth {depths[0]} was requested, but none of the named products has several"
            " depths. Leave --depth out; 'hotspots sources show NAME' lists the depths."
        )


def _each(
    chosen: Source, product: Product, years: Sequence[Year], depths: Sequence[str]
) -> list[LayerRequest]:
    several = bool(years) and len(product.years) > 1
    dated: list[Year | None] = [*(years if several else product.years[:1])] or [None]
    if len(dated) > 1 and not is_dated(product):
        raise BadInputError(
            f"'{chosen.name}/{product.name}' was requested for {len(dated)} years, but a store"
            " holds only one of them. Give one --year."
        )
    known_years = {str(year): year for year in product.years}
    for year in dated:
        if year is not None and str(year) not in known_years:
            raise BadInputError(
                f"'{chosen.name}/{product.name}' has no year {year}"
                f"{near_matches(str(year), known_years) or '.'} It has: {', '.join(known_years)}."
            )
    years_of = [None if year is None else known_years[str(year)] for year in dated]
    return [
        LayerRequest(chosen, product, year, depth)
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


def requested_cell(region: Region, resolution: str | float | None = None) -> float:
    """Return the cell size of a request, degrees; by default 1 km, and 10 km for the world."""
    default = _DEFAULT_SIZE_WORLD if region.kind == "world" else _DEFAULT_SIZE
    return cell_size(resolution or default)


def chosen_accesses(request: LayerRequest, cell: float) -> list[Access]:
    """Return the accesses with the coarsest cells that are no wider than the requested ones.

    If all cells are wider, the finest are returned. An access that needs a token which isn't set
    is returned only if there is no other. Several accesses are alternative addresses of the same
    cells, in the catalogue's order.

    Parameters
    ----------
    request : LayerRequest
        A raster layer.
    cell : float
        Side of a requested cell, degrees.
    """
    accesses = request.source.accesses(request.product, request.year)
    if not accesses:
        raise BadInputError(f"'{request}' isn't available: no access of the source provides it.")
    usable = [access for access in accesses if not access.token or has_token(access)] or list(
        accesses
    )
    fine = [access for access in usable if fits(access, cell)]
    # Finer cells would only be transferred to be averaged.
    best = max(map(cell_degrees, fine)) if fine else min(map(cell_degrees, usable))
    return [access for access in usable if abs(cell_degrees(access) - best) <= 1e-9]


def has_token(access: Access) -> bool:
    """Return whether the token that an access needs is set."""
    if access.kind != "cds":
        return bool(secret(access.token))
    try:
        return bool(token(access))
    except TokenError:
        return False


def cell_degrees(access: Access) -> float:
    """Return the side of an access's cells in degrees, at the equator if they are in metres."""
    crs = pyproj.CRS.from_user_input(access.crs)
    if crs.is_geographic:
        return access.cell
    # There a metre is the smallest part of a degree of longitude.
    return access.cell * metres_per_unit(crs) / 1000 / KM_PER_DEGREE


def fits(access: Access, cell: float) -> bool:
    """Return whether an access's cells are no wider than requested ones of `cell` degrees."""
    return cell_degrees(access) <= cell * _AS_GOOD
