"""What the catalogue of sources is made of: a source, its products and its accesses.

The types, and how an address is filled; `catalogue` reads them from files and checks them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hotspots.errors import BadInputError, RasterError, near_matches
from hotspots.layers.variables import variable

ACCESS_KINDS = ("file", "window", "tiles", "stac", "cds", "geoboundaries")
PRODUCT_KINDS = ("raster", "polygons", "table")
COMBINATIONS = ("", "sum", "mean")
MONTHS = ("", "keep", "sum", "mean")
TRANSFORMS = ("", "expm1")
# How sure we are of a statement, in the words that the method tables use too.
SURENESS = ("verified", "secondary", "from memory", "convention")
PLACEHOLDER = re.compile(r"\{(\w+)\}")
# An address in parameters of an address is filled too, but no deeper than this.
_NESTED = 3


class UnknownSourceError(BadInputError):
    """No source, or no product of it, has this name."""


@dataclass(frozen=True)
class Tiles:
    """How a tiled set names and places its tiles.

    Attributes
    ----------
    degrees : float
        Width and height of a tile.
    cells : int
        Its rows and columns.
    corner : str
        "lower-left" or "upper-left": the corner that the name tells.
    latitude_digits, longitude_digits : int
        Digits of the name, as in ``N00E033`` (2 and 3).
    longitude_first : bool
        Whether the longitude comes first, as in ``E033N00``.
    south, north : float
        Where tiles begin and end; none is asked for beyond.
    absent : tuple of int
        HTTP statuses by which the server says that a tile doesn't exist (all sea).
    """

    degrees: float
    cells: int
    corner: str = "lower-left"
    latitude_digits: int = 2
    longitude_digits: int = 3
    longitude_first: bool = False
    south: float = -90.0
    north: float = 90.0
    absent: tuple[int, ...] = (404,)


@dataclass(frozen=True)
class Access:
    """Where and how the bytes are had.

    Attributes
    ----------
    name : str
        What the source calls it: "250m", "whole".
    kind : str
        Of `ACCESS_KINDS`: a whole file, a window of one that is read over HTTP, the tiles that a
        region needs, items of a STAC catalogue, a job of the Climate Data Store, geoBoundaries.
    address : str
        Address with placeholders in braces, filled by `values_of`: from the product's parameters,
        `by_year`, and what is asked for (``{year}``, ``{depth}``, ``{tile}``, ``{iso3}``).
    cell : float
        Side of a cell, in the unit of `crs` (degrees, metres); 0 for polygons and tables.
    crs : str
        CRS of the files; what they declare is checked against it, and `crs` wins.
    member : str
        Path within a ZIP archive, with placeholders; "" if the file is none. ``*`` stands for any
        characters, where a server puts the request into the name.
    checksum : str
        "md5:..." or "sha256:..." of the whole file; "" if its maker gives none.
    tiles : Tiles, optional
        Of kind "tiles".
    samples : int
        Cells of a made-smaller copy (overview) that each asked cell must at least span in each
        direction; 0 reads full resolution only. For classes of very fine maps.
    by_year : mapping of str to mapping
        Placeholder -> year, or "first-last" -> what it is in those years.
    limits : mapping of str to list
        Parameter (or "year") -> values that this access has; others aren't to be had here.
    token : str
        Setting (environment variable) that holds the token, and "" if none is needed; `token_from`
        says where one gets it.
    extra : mapping
        What a kind needs beside: a STAC collection, a CDS request.
    """

    name: str
    kind: str
    address: str
    cell: float = 0.0
    crs: str = "EPSG:4326"
    member: str = ""
    checksum: str = ""
    tiles: Tiles | None = None
    samples: int = 0
    by_year: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    limits: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    token: str = ""
    token_from: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Product:
    """What can be asked of a source: one canonical variable and how its files store it.

    ``value = transform(stored * scale + offset)``, then `parts` and `months`; the result is in
    `unit`, which the unit table turns into the canonical one. Cells that store `nodata` are
    missing.

    Attributes
    ----------
    name : str
        What one asks for, unique in its source; the name in the store, ``{year}`` filled in.
    variable : str
        The canonical variable (`name` by default); "" for polygons and tables.
    kind : str
        Of `PRODUCT_KINDS`.
    title : str
        One line for lists.
    unit : str
        Unit of the result, as above; "" for classes.
    scale, offset : float
        As above.
    transform : str
        "" or "expm1", for files of log(1 + value).
    packed : bool
        The file itself tells scale, offset and nodata (CF, GeoTIFF), and they count; for files
        whose packing no document gives. `scale`, `offset` and `nodata` are then left alone.
    nodata : float, optional
        The stored number that means missing, beside the NaN of floats; several in `also_nodata`.
        Without one, the file's own counts.
    depth : str
        "0-30" (a layer, cm), "15" (a point) or "" without one.
    depths : tuple of str
        Several, if the product is a profile; each becomes a layer of its own in the store.
    more_depths : tuple of str
        Further ones that are fetched only if they are asked for.
    depth_code : str
        How ``{depth}`` is written in addresses: "{top}-{bottom}cm", "b{top}..{bottom}cm".
    years : tuple of int or str
        Years that there are; the first is the default. A name such as "NoLU" is an undated map.
    legend : str
        Name of a crosswalk in ``legends/``, for class layers of another legend.
    share_of : str
        Canonical class whose share of the cell's land is asked for; land is what is mapped and
        no water.
    parts : tuple of mapping
        Parameters of the files that are put together by `combine` ("sum" or "mean").
    months : str
        "" or what is done with the 12 bands of a year: "keep", "sum", "mean".
    subdataset : str
        Variable of a NetCDF file, with placeholders; other files have none.
    band : int
        Band of a file of one.
    parameters : mapping
        Values of the address's placeholders.
    access : tuple of str
        Names of the accesses that have it; all by default.
    default : bool
        Whether it is fetched when only the source is named.
    attrs : mapping
        Further attributes of the layer: ``guidelines``, ``interval_level``.
    sure : str
        Of `SURENESS`: how sure unit, scale and nodata are; "" as the source's.
    """

    name: str
    variable: str = ""
    kind: str = "raster"
    title: str = ""
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0
    transform: str = ""
    packed: bool = False
    nodata: float | None = None
    also_nodata: tuple[float, ...] = ()
    depth: str = ""
    depths: tuple[str, ...] = ()
    more_depths: tuple[str, ...] = ()
    depth_code: str = "{top}-{bottom}cm"
    years: tuple[Any, ...] = ()
    legend: str = ""
    share_of: str = ""
    parts: tuple[Mapping[str, Any], ...] = ()
    combine: str = ""
    months: str = ""
    subdataset: str = ""
    band: int = 1
    parameters: Mapping[str, Any] = field(default_factory=dict)
    access: tuple[str, ...] = ()
    default: bool = False
    attrs: Mapping[str, Any] = field(default_factory=dict)
    sure: str = ""

    @property
    def asked(self) -> str:
        """The name without its ``_{year}``."""
        return self.name.removesuffix("_{year}")


@dataclass(frozen=True)
class Source:
    """A public data set.

    Attributes
    ----------
    name, title, version, publisher, about : str
        What it is, and whose.
    url, doi, citation : str
        Where it is told of, and how to cite it.
    licence : str
        Id of a licence in ``licences.toml``; `licence_note` says what isn't sure about it.
    sure : str
        Of `SURENESS`: how sure addresses, units and nodata are as a whole.
    doubts : tuple of str
        What isn't confirmed, a sentence each; empty only if all is.
    products, access
        See `Product` and `Access`.
    """

    name: str
    title: str
    publisher: str
    about: str
    url: str
    citation: str
    licence: str
    sure: str
    products: tuple[Product, ...]
    access: tuple[Access, ...]
    version: str = ""
    doi: str = ""
    licence_note: str = ""
    doubts: tuple[str, ...] = ()

    def product(self, name: str) -> Product:
        """Return the product of this name, or raise `UnknownSourceError` with near matches.

        A product of several years is found without its ``_{year}`` too, if no other has that name.
        """
        by_name = {product.asked: product for product in self.products}
        by_name |= {product.name: product for product in self.products}
        if name not in by_name:
            raise UnknownSourceError(
                f"'{self.name}' has no product '{name}'{near_matches(name, by_name) or '.'}"
                f" It has: {', '.join(dict.fromkeys(p.asked for p in self.products))}."
            )
        return by_name[name]

    def defaults(self) -> tuple[Product, ...]:
        """Return what is fetched when only the source is named: the marked products, else all."""
        return tuple(p for p in self.products if p.default) or self.products

    def accesses(self, product: Product, year: Any = None) -> tuple[Access, ...]:
        """Return the ways to a product (of a year): those it names and whose limits it keeps."""
        named = [a for a in self.access if not product.access or a.name in product.access]
        return tuple(a for a in named if _within(a, product, year))


def _within(access: Access, product: Product, year: Any) -> bool:
    told = {**product.parameters} | ({} if year is None else {"year": year})
    return all(told.get(key, values[0]) in values for key, values in access.limits.items())


def canonical_name(product: Product) -> str:
    """Return the canonical variable of a product."""
    return product.variable or product.name.split("{")[0].rstrip("_")


def is_dated(product: Product) -> bool:
    """Say whether layers of several years have names of their own: ``soc_stock_1990``."""
    if "{year}" not in product.name or not product.years:
        return False
    try:
        variable(product.name.replace("{year}", str(product.years[0])))
    except RasterError:
        return False
    return True


def depth_text(depth: str, code: str) -> str:
    """Return a depth as addresses write it: "0-5" -> "0-5cm", the point "10" -> "b10..10cm"."""
    top, _, bottom = depth.partition("-")
    return filled(code, {"top": top, "bottom": bottom or top})


def values_of(
    product: Product,
    access: Access,
    *,
    year: Any = None,
    depth: str = "",
    part: Mapping[str, Any] | None = None,
    **further: Any,
) -> dict[str, Any]:
    """Return what the placeholders of an access stand for.

    Parameters
    ----------
    product, access
        Of one source.
    year : int or str, optional
        Of `Product.years`; the first by default.
    depth : str
        Of its depths, as "0-5"; the first by default.
    part : mapping, optional
        One of `Product.parts`.
    **further
        ``tile``, ``iso3``: what a kind of access asks for itself.

    Raises
    ------
    KeyError
        The access doesn't tell a placeholder for this year.
    """
    year = next(iter(product.years), None) if year is None else year
    depth = depth or next(iter(product.depths), product.depth)
    told = {**product.parameters}
    if year is not None:
        told |= {"year": year}
        told |= {key: _of_year(table, year) for key, table in access.by_year.items()}
    if depth:
        told["depth"] = depth_text(depth, product.depth_code)
    return told | dict(part or {}) | further


def _of_year(table: Mapping[str, Any], year: Any) -> Any:
    for key, value in table.items():
        first, _, last = key.partition("-")
        if key == str(year) or (last and int(first) <= int(year) <= int(last)):
            return value
    raise KeyError(f"the year {year}")


def filled(template: str, values: Mapping[str, Any]) -> str:
    """Return an address with its placeholders filled, also those that values bring along."""
    text = template
    for _ in range(_NESTED):
        text = PLACEHOLDER.sub(lambda found: str(values[found[1]]), text)
    return text
