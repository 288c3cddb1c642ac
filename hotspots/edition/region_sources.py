"""Public sources for a region: what each covers, costs to download, and makes possible."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pyproj
import shapely

from hotspots.edition.methods import METHODS
from hotspots.edition.possible_methods import STOCK, enabled
from hotspots.edition.recipe import Recipe
from hotspots.geo.regions import Region
from hotspots.ingest.download_size import download_bytes
from hotspots.ingest.layer_requests import (
    LayerRequest,
    chosen_accesses,
    requested_cell,
    requested_layers,
)
from hotspots.ingest.sources.catalogue import Source, canonical_name, sources
from hotspots.ingest.sources.model import Access, Product, Year, is_dated
from hotspots.layers.target_grid import boxes_of
from hotspots.locale.escaping import shell_word
from hotspots.store.licences import licence

_T = TypeVar("_T")
_WGS84 = pyproj.Geod(ellps="WGS84")


@dataclass(frozen=True)
class Download:
    """Products of a source for a region.

    Attributes
    ----------
    layers : tuple of str
        Names of the layers in the store.
    years, depths : tuple
        Their years and depths (cm: "0-30"), where the products state them.
    access : Access
        How they would be read.
    size : int or None
        Bytes to transfer at most; None if the catalogue doesn't know.
    methods : tuple of str
        Ids of the methods that these layers make possible beside a stock and what the packaged
        sample lends.
    command : str
        The command that downloads them.
    """

    layers: tuple[str, ...]
    years: tuple[Year, ...]
    depths: tuple[str, ...]
    access: Access
    size: int | None
    methods: tuple[str, ...]
    command: str


@dataclass(frozen=True)
class Offer:
    """A source that has data in a region.

    Attributes
    ----------
    source : Source
        The source.
    covers : float
        Share of the region's area within the bounds of the source's data, 0 to 1.
    downloads : tuple of Download
        Its default products; then, if further ones make more methods possible, these.
    """

    source: Source
    covers: float
    downloads: tuple[Download, ...]

    @property
    def methods(self) -> tuple[str, ...]:
        """Ids of all methods that its downloads make possible."""
        return _distinct(name for download in self.downloads for name in download.methods)


def offers(region: Region, resolution: str | float | None = None) -> list[Offer]:
    """Return the sources that have data in a region: first those of the most open licence.

    Parameters
    ----------
    region : Region
        Any region.
    resolution : str or float, optional
        Cell size of the store to fill: "1km", 0.1; see `requested_cell`.

    Raises
    ------
    BadInputError
        The resolution isn't a cell size.
    """
    cell = requested_cell(region, resolution)
    found = []
    for source in sources().values():
        covers = covered(source, region)
        if covers > 0 and _serves(source, region):
            found.append(_offer(source, region, cell, covers, resolution))
    return sorted(found, key=lambda offer: (not offer.methods, burden(offer.source)))


def burden(source: Source) -> int:
    """Return how many conditions a source's licence has beyond naming the source."""
    return len(set(licence(source.licence).terms) - {"attribution"})


def _serves(source: Source, region: Region) -> bool:
    """Return whether a source can be asked for this kind of region."""
    return region.kind == "country" or any(a.kind != "geoboundaries" for a in source.access)


def covered(source: Source, region: Region) -> float:
    """Return the share of a region's area within the bounds of a source's data, 0 to 1."""
    if not source.extent:
        return 1.0
    west, south, east, north = source.extent
    whole = _area(region.geometry)
    inside = _area(region.geometry.intersection(shapely.box(west, south, east, north)))
    return min(1.0, inside / whole) if whole else 0.0


def _area(geometry: shapely.Geometry) -> float:
    return abs(float(_WGS84.geometry_area_perimeter(geometry)[0]))


def _offer(
    source: Source, region: Region, cell: float, covers: float, resolution: str | float | None
) -> Offer:
    size = f" --resolution {shell_word(resolution)}" if resolution else ""
    options = f"--region {shell_word(region.id)}{size} --store DIR"
    boxes = boxes_of(region.geometry)

    def download(products: Sequence[Product], years: Sequence[Year] = ()) -> Download:
        """Return the download of some products."""
        word = _word(source, products)
        requests = [(r, _access(r, cell)) for r in requested_layers([word], years)]
        access = requests[0][1]
        dates = "".join(f" --year {shell_word(year)}" for year in years)
        return Download(
            layers=_distinct(request.key for request, _ in requests),
            years=_distinct(r.year for r, _ in requests if r.year is not None),
            depths=_distinct(r.depth for r, _ in requests if r.depth),
            access=access,
            size=download_bytes(requests, boxes, cell),
            methods=tuple(m.id for m in enabled(request.name for request, _ in requests)),
            command=f"hotspots ingest {shell_word(word)}{dates} {options}",
        )

    found = [download(source.defaults())]
    for products, years in (_useful(source, found[0].methods), *_series(source)):
        more = download(products, years)
        if not set(more.methods) <= {name for one in found for name in one.methods}:
            found.append(more)
    return Offer(source, covers, tuple(found))


def _distinct(values: Iterable[_T]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(values))


def _word(source: Source, products: Sequence[Product]) -> str:
    """Return what `ingest` calls these products: the source alone if they are its default ones."""
    if tuple(products) == source.defaults():
        return source.name
    short = [p.short_name for p in source.products]
    names = [p.short_name if short.count(p.short_name) == 1 else p.name for p in products]
    return f"{source.name}/{','.join(names)}"


def _useful(source: Source, known: Collection[str]) -> tuple[tuple[Product, ...], tuple[Year, ...]]:
    """Return the default products, and those that make more than the `known` methods possible."""
    rasters = _one_each([p for p in source.products if p.kind == "raster"])
    needed = {STOCK}
    for method in enabled(map(canonical_name, rasters)):
        if method.id not in known:
            needed.update(*(names.split("|") for names in method.needs(Recipe())))
    defaults = source.defaults()
    more = (p for p in rasters if p not in defaults and canonical_name(p) in needed)
    return (*defaults, *more), ()


def _series(source: Source) -> Iterator[tuple[tuple[Product, ...], tuple[Year, ...]]]:
    """Yield each product of comparable years with the years that a method of series needs."""
    for method in METHODS:
        if method.series is None:
            continue
        variable, dates = method.series
        for product in source.products:
            years = sorted(year for year in product.years if isinstance(year, int))
            if (
                canonical_name(product) == variable
                and is_dated(product)
                and product.comparable
                and len(years) >= dates
            ):
                # The first and the last year, and others evenly between them.
                chosen = np.linspace(0, len(years) - 1, dates).round().astype(int)
                yield (product,), tuple(years[i] for i in chosen)


def _one_each(products: Iterable[Product]) -> tuple[Product, ...]:
    """Return products without those that would be the same layer as an earlier one."""
    first: dict[str, Product] = {}
    for product in products:
        first.setdefault(product.name if is_dated(product) else canonical_name(product), product)
    return tuple(first.values())


def _access(request: LayerRequest, cell: float) -> Access:
    if request.product.kind != "raster":
        return request.source.accesses(request.product, request.year)[0]
    return chosen_accesses(request, cell)[0]
