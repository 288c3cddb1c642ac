"""The plan of a national edition: which sources are tried for each role, in which order.

Nothing is downloaded here. Sources of open licences come first, then those whose cells are fine
enough, then the smaller download.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from hotspots.edition.region_sources import burden, covered
from hotspots.geo.regions import Region
from hotspots.ingest.download_size import download_bytes
from hotspots.ingest.layer_requests import (
    LayerRequest,
    cell_degrees,
    chosen_accesses,
    fits,
    has_token,
    requested_layers,
)
from hotspots.ingest.sources.catalogue import Source, canonical_name, sources
from hotspots.ingest.sources.model import Access, Product
from hotspots.layers.target_grid import boxes_of


@dataclass(frozen=True)
class Role:
    """What an edition needs layers for.

    Attributes
    ----------
    id : str
        Its name; its title is in the message catalogues.
    layers : tuple of tuple of str
        Sets of canonical layers, each of which is enough; the first that a source has is fetched.
    also : tuple of str
        Layers that are fetched with them where the same source has all of them.
    is_needed : bool
        Whether there is no edition without it.
    is_lent : bool
        Whether the packaged world sample has it.
    """

    id: str
    layers: tuple[tuple[str, ...], ...]
    also: tuple[str, ...] = ()
    is_needed: bool = False
    is_lent: bool = False


ROLES = (
    Role(
        "stock",
        (("soc_stock",), ("soc", "bulk_density", "coarse_fragments"), ("soc_density",)),
        also=("soc_stock_lower", "soc_stock_upper"),
        is_needed=True,
    ),
    Role("land_use", (("cropland_share",), ("land_cover",)), is_lent=True),
    Role(
        "climate",
        (("climate_zone",), ("mean_annual_temperature", "annual_precipitation", "annual_pet")),
        is_lent=True,
    ),
    Role("saturation", (("soc", "bulk_density", "clay", "silt"),)),
)


@dataclass(frozen=True)
class Candidate:
    """A source for a role.

    Attributes
    ----------
    source : Source
        The source.
    word : str
        What `ingest` calls the layers: "soilgrids/soc_stock".
    layers : tuple of str
        Names of the layers in the store.
    access : Access
        How the first of them is read.
    size : int or None
        Bytes to download at most; None if it isn't known.
    """

    source: Source
    word: str
    layers: tuple[str, ...]
    access: Access
    size: int | None


@dataclass(frozen=True)
class Step:
    """A role with the candidates in the order in which they are tried.

    Attributes
    ----------
    role : Role
        The role.
    held : tuple of str
        Layers of the store that fill it already; nothing is fetched then.
    candidates : tuple of Candidate
        Best first; empty if no source has the layers there.
    """

    role: Role
    held: tuple[str, ...]
    candidates: tuple[Candidate, ...]


def country_plan(region: Region, cell: float, held: Collection[str] = ()) -> list[Step]:
    """Return the steps of a national edition.

    Parameters
    ----------
    region : Region
        The country.
    cell : float
        Side of the cells to make, degrees.
    held : collection of str
        Canonical names of the layers that the store has.
    """
    return [
        Step(role, filling(role, held), () if filling(role, held) else _ranked(role, region, cell))
        for role in ROLES
    ]


def filling(role: Role, held: Collection[str]) -> tuple[str, ...]:
    """Return the layers among `held` that fill a role, or ()."""
    return next((names for names in role.layers if set(names) <= set(held)), ())


def _ranked(role: Role, region: Region, cell: float) -> tuple[Candidate, ...]:
    found = [
        candidate
        for source in sources().values()
        if covered(source, region) > 0
        for candidate in _candidates(role, source, region, cell)
    ]
    return tuple(sorted(found, key=lambda one: _rank(one, cell)))


def _rank(candidate: Candidate, cell: float) -> tuple[object, ...]:
    fine = fits(candidate.access, cell)
    # Among coarse ones the finest; among sufficient ones the smallest download.
    return (
        burden(candidate.source),
        not fine,
        0.0 if fine else cell_degrees(candidate.access),
        candidate.size is None,
        candidate.size or 0,
        candidate.source.name,
    )


def _candidates(role: Role, source: Source, region: Region, cell: float) -> Iterable[Candidate]:
    by_name: dict[str, Product] = {}
    for product in source.products:
        if product.kind == "raster":
            by_name.setdefault(canonical_name(product), product)
    for names in role.layers:
        if set(names) <= set(by_name):
            also = role.also if set(role.also) <= set(by_name) else ()
            yield from _candidate(source, [by_name[n] for n in (*names, *also)], region, cell)
            return


def _candidate(
    source: Source, products: Sequence[Product], region: Region, cell: float
) -> Iterable[Candidate]:
    """Yield the candidate of some products, unless a token that it needs isn't set."""
    word = f"{source.name}/{','.join(product.name for product in products)}"
    requests: list[tuple[LayerRequest, Access]] = [
        (request, chosen_accesses(request, cell)[0]) for request in requested_layers([word])
    ]
    if all(not access.token or has_token(access) for _, access in requests):
        yield Candidate(
            source,
            word,
            tuple(dict.fromkeys(request.key for request, _ in requests)),
            requests[0][1],
            download_bytes(requests, boxes_of(region.geometry), cell),
        )
