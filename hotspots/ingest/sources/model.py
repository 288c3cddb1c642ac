"""The data model of the catalogue: a source, its products and its accesses.

Also fills the placeholders of addresses; `catalogue` reads sources from files and validates them.
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
DTYPES = ("", "uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
# How certain a statement is, in the terms that the method tables also use.
SURENESS = ("verified", "secondary", "from memory", "convention")
PLACEHOLDER = re.compile(r"\{(\w+)\}")
# Placeholders within the values of placeholders are filled too, up to this depth.
_NESTED = 3


class UnknownSourceError(BadInputError):
    """There is no source, or no product of a source, of this name."""


# One year, or a period of several: "1970-2000".
Year = int | str


@dataclass(frozen=True)
class Tiles:
    """The tiling scheme of a data set.

    Attributes
    ----------
    degrees : float
        Width and height of a tile.
    cells : int
        Its rows and columns.
    corner : str
        "lower-left" or "upper-left": the corner that the name gives.
    latitude_digits, longitude_digits : int
        Digits of the name, as in ``N00E033`` (2 and 3).
    longitude_first : bool
        Whether the longitude comes first, as in ``E033N00``.
    south, north : float
        Latitudes where tiles begin and end; none is requested beyond.
    absent : tuple of int
        HTTP statuses by which the server says that a tile doesn't exist (all sea).
    index : str
        Address of the publisher's own list of tiles, GeoJSON; "" if there is none. Tiles that it
        doesn't name are sea and aren't requested, and one that it names must be there.
    index_key : str
        The property of its features that holds a tile's name.
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
    index: str = ""
    index_key: str = ""


@dataclass(frozen=True)
class Access:
    """Where the data of a source are and how they are downloaded.

    Attributes
    ----------
    name : str
        Name within the source: "250m", "whole".
    kind : str
        One of `ACCESS_KINDS`: a complete file, a window of one that is read over HTTP, the tiles of
        a region, items of a STAC catalogue, a job of the Climate Data Store, geoBoundaries.
    address : str
        Address with placeholders in braces, filled by `values_of`: from the product's parameters,
        `by_year`, and the request (``{year}``, ``{depth}``, its ``{top}`` and ``{bottom}``,
        ``{tile}``, ``{iso3}``).
    also : tuple of str
        Further addresses of the same bytes, tried in this order if `address` fails.
    cell : float
        Side of a cell, in the unit of `crs` (degrees, metres); 0 for polygons and tables.
    crs : str
        CRS of the files; the CRS that they declare is checked against it, and `crs` takes
        precedence.
    member : str
        Path within a ZIP archive, with placeholders; "" if the file isn't an archive. ``*`` stands
        for any characters, where a server includes the request in the name.
    checksum : str
        "md5:..." or "sha256:..." of the complete file; "" if the publisher gives none.
    megabytes : float
        Size of one complete file, in units of 10^6 bytes; 0 if it isn't known. For the kinds that
        download complete files.
    tiles : Tiles, optional
        The tiling scheme, for the kind "tiles".
    samples : int
        Minimum number of cells of an overview that each requested cell spans in each direction; 0
        reads full resolution only. For classes of very fine maps.
    by_year : mapping of str to mapping
        Placeholder -> year, or "first-last" -> its value in those years.
    large_ranges : bool
        Whether the server allows few requests a minute, so that each reads several megabytes.
    limits : mapping of str to list
        Parameter (or "year") -> values that this access offers; it has no others.
    token : str
        Environment variable that holds the token, "" if none is needed; `token_from` says where to
        get one.
    extra : mapping
        Further settings of a kind: a STAC collection, a CDS request.
    """

    name: str
    kind: str
    address: str
    cell: float = 0.0
    crs: str = "EPSG:4326"
    member: str = ""
    checksum: str = ""
    megabytes: float = 0.0
    tiles: Tiles | None = None
    samples: int = 0
    large_ranges: bool = False
    by_year: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    limits: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    token: str = ""
    token_from: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Product:
    """A product of a source: one canonical variable and how its files store it.

    ``value = transform(stored * scale + offset)``, then `parts` and `months`; the result is in
    `unit`, which is converted to the canonical unit. Cells that store `nodata` are missing.

    Attributes
    ----------
    name : str
        Name in requests, unique in its source; the name in the store, ``{year}`` filled in.
    variable : str
        The canonical variable (`name` by default); "" for polygons and tables.
    kind : str
        One of `PRODUCT_KINDS`.
    title : str
        One line for lists.
    unit : str
        Unit of the result, as above; "" for classes.
    scale, offset : float
        As above.
    transform : str
        "" or "expm1", for files of log(1 + value).
    packed : bool
        Scale, offset and nodata are taken from the file's metadata (CF, GeoTIFF); for files whose
        packing isn't documented. `scale`, `offset` and `nodata` must then not be set.
    nodata : float, optional
        The stored number that means missing, in addition to NaN; further ones in `also_nodata`.
        Without one, the file's own nodata applies.
    depth : str
        "0-30" (a layer, cm), "15" (a point) or "" without one.
    depths : tuple of str
        Depths of a profile; each becomes a layer of its own in the store.
    more_depths : tuple of str
        Further depths that are downloaded only on request.
    depth_code : str
        How ``{depth}`` is written in addresses: "{top}-{bottom}cm", "b{top}..{bottom}cm".
    years : tuple of int or str
        Available years; the first is the default. A name such as "NoLU" is an undated map.
    legend : str
        Name of a crosswalk in ``layers/crosswalks/``, for class layers of another legend.
    share_of : str
        Canonical class whose share of the cell's land is computed; land is the mapped area
        without water.
    parts : tuple of mapping
        Parameters of the files that are combined by `combine` ("sum" or "mean"), or of the 12
        files of the months.
    months : str
        "" or how the 12 months of a year are aggregated: "keep", "sum", "mean". They are 12 bands
        of a file, or the 12 `parts`.
    thickness : float
        Thickness of the soil layer in m, by which a density (``kg m-3``) is multiplied, so that
        `unit` is that of a stock (``kg m-2``); 0 for other quantities.
    subdataset : str
        Variable of a NetCDF file, with placeholders; "" for other files.
    band : int
        Band to read, from 1, unless the product is monthly.
    bands : mapping of str to int
        Depth -> band, for files with the depths as bands.
    dtype : str
        Type of the stored numbers in numpy's terms ("int16"); "" if it isn't known.
    comparable : bool
        Whether maps of several of its years are observed in one way, so that a series of them shows
        changes alone.
    parameters : mapping
        Values of the address's placeholders.
    access : tuple of str
        Names of the accesses that offer it; all by default.
    default : bool
        Whether it is downloaded when only the source is named.
    attrs : mapping
        Further attributes of the layer: ``guidelines``; ``level`` and ``support`` of errors.
    sure : str
        One of `SURENESS`: how certain unit, scale and nodata are; "" for the source's.
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
    years: tuple[Year, ...] = ()
    legend: str = ""
    share_of: str = ""
    parts: tuple[Mapping[str, object], ...] = ()
    combine: str = ""
    months: str = ""
    subdataset: str = ""
    band: int = 1
    thickness: float = 0.0
    bands: Mapping[str, int] = field(default_factory=dict)
    dtype: str = ""
    comparable: bool = True
    parameters: Mapping[str, object] = field(default_factory=dict)
    access: tuple[str, ...] = ()
    default: bool = False
    attrs: Mapping[str, object] = field(default_factory=dict)
    sure: str = ""

    @property
    def bands_read(self) -> int:
        """Number of bands that are read of each file."""
        return 12 if self.months and not self.monthly_files else 1

    @property
    def monthly_files(self) -> bool:
        """Whether each of its parts is a month."""
        return bool(self.months) and not self.combine and bool(self.parts)

    @property
    def short_name(self) -> str:
        """The name without its ``_{year}``."""
        return self.name.removesuffix("_{year}")


@dataclass(frozen=True)
class Source:
    """A public data set.

    Attributes
    ----------
    name, title, version, publisher, about : str
        Its names, version, publisher and description.
    url, doi, citation : str
        Its landing page and how to cite it.
    licence : str
        Id of a licence in ``licences.toml``; `licence_note` says what is uncertain about it.
    sure : str
        One of `SURENESS`: how certain addresses, units and nodata are as a whole.
    doubts : tuple of str
        What isn't confirmed, one sentence each; empty only if everything is.
    closed : tuple of str
        Former doubts with what settled them, one sentence each.
    checked : str
        Date (YYYY-MM-DD) on which the addresses were last compared with public programs that use
        them; "" if never.
    products, access
        See `Product` and `Access`.
    extent : tuple of float
        West, south, east and north of the data, degrees; () if they span the world's land.
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
    closed: tuple[str, ...] = ()
    checked: str = ""
    extent: tuple[float, ...] = ()

    def product(self, name: str) -> Product:
        """Return the product of this name, or raise `UnknownSourceError` with near matches.

        A product of several years is also found without its ``_{year}``, unless another product has
        that name.
        """
        by_name = {product.short_name: product for product in self.products}
        by_name |= {product.name: product for product in self.products}
        if name not in by_name:
            raise UnknownSourceError(
                f"'{self.name}' has no product '{name}'{near_matches(name, by_name) or '.'}"
                f" It has: {', '.join(dict.fromkeys(p.short_name for p in self.products))}."
            )
        return by_name[name]

    def defaults(self) -> tuple[Product, ...]:
        """Return the products for a request without a product: the default ones, else all."""
        return tuple(p for p in self.products if p.default) or self.products

    def accesses(self, product: Product, year: Year | None = None) -> tuple[Access, ...]:
        """Return the accesses of a product (and year): those it names that offer its parameters."""
        named = [a for a in self.access if not product.access or a.name in product.access]
        return tuple(a for a in named if _within(a, product, year))


def _within(access: Access, product: Product, year: Year | None) -> bool:
    parameters = {**product.parameters} | ({} if year is None else {"year": year})
    # A parameter that the product doesn't have isn't limited.
    return all(parameters.get(key, values[0]) in values for key, values in access.limits.items())


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
    year: Year | None = None,
    depth: str = "",
    part: Mapping[str, object] | None = None,
    **further: object,
) -> dict[str, object]:
    """Return the values of an access's placeholders.

    Parameters
    ----------
    product : Product
        A product of the source.
    access : Access
        An access of the same source.
    year : int or str, optional
        One of `Product.years`; the first by default.
    depth : str
        One of its depths, as "0-5" (cm); the first by default.
    part : mapping, optional
        One of `Product.parts`.
    **further
        ``tile``, ``iso3``: values that the kind of access fills itself.

    Raises
    ------
    KeyError
        The access has no value of a placeholder for this year.
    """
    year = next(iter(product.years), None) if year is None else year
    depth = depth or next(iter(product.depths), product.depth)
    values = {**product.parameters}
    if year is not None:
        values |= {"year": year}
        values |= {key: _of_year(table, year) for key, table in access.by_year.items()}
    if depth:
        values["depth"] = depth_text(depth, product.depth_code)
        top, _, bottom = depth.partition("-")
        values |= {"top": top, "bottom": bottom or top}
    return values | dict(part or {}) | further


def _of_year(table: Mapping[str, object], year: Year) -> object:
    for key, value in table.items():
        first, _, last = key.partition("-")
        if key == str(year) or (last and int(first) <= int(year) <= int(last)):
            return value
    raise KeyError(f"the year {year}")


def filled(template: str, values: Mapping[str, object]) -> str:
    """Return an address with its placeholders filled, including those within the values."""
    text = template
    for _ in range(_NESTED):
        text = PLACEHOLDER.sub(lambda found: str(values[found[1]]), text)
    return text
