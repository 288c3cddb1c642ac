"""A source held against its publisher's server: a few small requests, and what they show.

Nothing is ingested. Each address of each access is opened where a small box of land lies, its grid
and packing are compared with the catalogue, and one block of values with the variable's range.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import numpy as np

from hotspots.config import secret
from hotspots.errors import FetchError, RasterError, TokenError, deepest_reason
from hotspots.ingest.access import server_errors
from hotspots.ingest.access.download import read_json, write_json
from hotspots.ingest.access.http import Client, client
from hotspots.ingest.access.retrieve import declared_of
from hotspots.ingest.access.vrt_index import is_index
from hotspots.ingest.access.window_reader import environment
from hotspots.ingest.access.windows import Box, tile_names, windows
from hotspots.ingest.regrid.agreement import differences
from hotspots.ingest.sources.catalogue import Access, Product, Source, canonical_name
from hotspots.ingest.sources.model import filled, values_of
from hotspots.io.clock import now
from hotspots.io.rasters.gdal_file import GdalRaster
from hotspots.io.rasters.stored import RasterFile
from hotspots.layers.array_types import AnyArray
from hotspots.layers.units import convert
from hotspots.layers.variables import variable
from hotspots.store.licences import recognise

State = Literal["same", "differs", "unreachable", "not checked"]
STATES: tuple[State, ...] = ("same", "differs", "unreachable", "not checked")
# Farmland on the equator in Africa, where every source of the world's land has data.
LAND: Box = (37.0, 0.0, 37.1, 0.1)
_COUNTRY = "KEN"
_HALF = 0.05  # degrees around the middle of a region
_MOST_BLOCK = 1_000_000  # bytes of a block whose values are read
_HEAD = 65_536  # bytes of an index of tiles
_NETCDF = (".nc", ".nc4")


@dataclass(frozen=True)
class Finding:
    """One property of one address, or what kept it from being checked.

    Attributes
    ----------
    source, access, product : str
        What was opened.
    address : str
        Its address, without any secret.
    what : str
        "address", "CRS", "cell", "data type", "missing value", "scale and offset", "unit",
        "values", "size" or "licence".
    state : str
        "same", "differs", "unreachable" or "not checked".
    catalogue, found : str
        Both values, or the reason.
    """

    source: str
    access: str
    product: str
    address: str
    what: str
    state: State
    catalogue: str = ""
    found: str = ""


def box_in(source: Source, bounds: Box | None) -> Box:
    """Return the small box in which a source is opened: within a region, else on known land."""
    if bounds is None:
        return LAND
    x, y = (bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2
    return (x - _HALF, y - _HALF, x + _HALF, y + _HALF)


def verify(source: Source, box: Box, of: Client | None = None) -> list[Finding]:
    """Return what the publisher's server shows of a source.

    Parameters
    ----------
    source : Source
        Of the catalogue.
    box : (west, south, east, north)
        Degrees, within the source's data: see `box_in`.
    of : Client, optional
        The HTTP client; that of the environment's settings by default.

    Returns
    -------
    list of Finding
        At least one for each address. Less than 2 MB are transferred for each source whose files
        can be read in parts.
    """
    found: list[Finding] = []
    for access in source.access:
        product = _representative(source, access)
        if product is not None:
            for address in (access.address, *access.also):
                case = _Case(source, product, replace(access, address=address), box, of or client())
                found += case.findings()
    return found


def _representative(source: Source, access: Access) -> Product | None:
    """Return the product by which an access is checked, a default one if it offers any."""
    offered = [
        product
        for product in (*source.defaults(), *source.products)
        for year in (product.years or (None,))
        if access in source.accesses(product, year)
    ]
    return offered[0] if offered else None


@dataclass(frozen=True)
class _Case:
    source: Source
    product: Product
    access: Access
    box: Box
    client: Client

    @property
    def address(self) -> str:
        """The address of one file, with a tile of the box."""
        year = next(
            (y for y in self.product.years if self.access in self._accesses(y)),
            next(iter(self.product.years), None),
        )
        part = next(iter(self.product.parts), None)
        tiles = self.access.tiles
        tile = next(iter(tile_names(tiles, [self.box])), "") if tiles is not None else ""
        values = values_of(
            self.product, self.access, year=year, part=part, iso3=_COUNTRY, tile=tile
        )
        return filled(self.access.address, values)

    def _accesses(self, year: Any) -> list[Access]:
        same = [a for a in self.source.accesses(self.product, year) if a.name == self.access.name]
        return [self.access] if same else []

    def finding(self, what: str, state: State, catalogue: str = "", found: str = "") -> Finding:
        """Return a finding on this address."""
        shown = server_errors.shown(self.address)
        return Finding(
            self.source.name,
            self.access.name,
            self.product.name,
            shown,
            what,
            state,
            catalogue,
            found,
        )

    def findings(self) -> list[Finding]:
        """Return what one address shows."""
        if self.access.kind == "cds" or (self.access.token and not secret(self.access.token)):
            needed = f"needs the token {self.access.token} and an order"
            return [self.finding("address", "not checked", found=needed)]
        try:
            if self.access.kind == "geoboundaries":
                return self._of_interface()
            remote = self.client.probe(self.address)
        except (FetchError, TokenError) as error:
            return [self.finding("address", "unreachable", found=str(error))]
        found = [self.finding("address", "same"), *self._of_size(remote.size)]
        if self.product.kind == "raster":
            found += self._of_raster(remote.ranges)
        return [*found, *self._of_record()]

    def _of_interface(self) -> list[Finding]:
        reply = self.client.json(self.address)
        entry = reply[0] if isinstance(reply, list) and reply else reply
        key = str(self.access.extra.get("licence", ""))
        stated = entry.get(key) if isinstance(entry, dict) else None
        if not stated:
            return [self.finding("licence", "differs", f"'{key}' of each file", "not stated")]
        state: State = "same" if recognise(str(stated)) else "differs"
        return [
            self.finding("address", "same"),
            self.finding("licence", state, f"'{key}' of each file, a known licence", str(stated)),
        ]

    def _of_size(self, size: int) -> list[Finding]:
        if not self.access.megabytes or size < 0:
            return []
        close = abs(size / 1e6 / self.access.megabytes - 1) < 0.05
        state: State = "same" if close else "differs"
        stated = f"{self.access.megabytes:g} MB"
        return [self.finding("size", state, stated, f"{size / 1e6:.3g} MB")]

    def _of_record(self) -> list[Finding]:
        """Compare the licence with that of the record on Zenodo."""
        parts = urlsplit(self.address)
        record = re.match(r"/records?/(\d+)/", parts.path)
        if parts.netloc != "zenodo.org" or record is None:
            return []
        try:
            entry = self.client.json(f"https://zenodo.org/api/records/{record[1]}")
            stated = str(entry["metadata"]["license"]["id"])
        except (FetchError, KeyError, TypeError) as error:
            return [self.finding("licence", "not checked", self.source.licence, str(error))]
        same = recognise(stated) == self.source.licence
        return [self.finding("licence", "same" if same else "differs", self.source.licence, stated)]

    # ------------------------------------------------------------------------------- the raster

    def _of_raster(self, ranges: bool) -> list[Finding]:
        suffix = urlsplit(self.address).path.lower()
        if suffix.endswith(_NETCDF) or not ranges:
            reason = "a file that is read only as a whole"
            return [self.finding("values", "not checked", found=reason)]
        try:
            with self._opened() as file:
                return [*self._compared(file), *self._of_values(file)]
        except (FetchError, RasterError, OSError) as error:
            return [self.finding("address", "unreachable", found=deepest_reason(error))]

    @contextmanager
    def _opened(self) -> Iterator[GdalRaster]:
        import rasterio

        with environment(self.client, large_ranges=False):
            try:
                with rasterio.open(self._path()) as file:
                    yield GdalRaster(file, server_errors.shown(self.address))
            except rasterio.errors.RasterioError as error:
                raise FetchError(f"not read as a raster ({deepest_reason(error)})") from error

    def _path(self) -> str:
        where = self.client.address(self.address)
        if is_index(self.address):
            return _empty_index(self._head(where))
        remote = f"/vsicurl/{where}"
        if not self.access.member:
            return remote
        year = next(iter(self.product.years), None)
        member = filled(self.access.member, values_of(self.product, self.access, year=year))
        return f"/vsizip/{{{remote}}}/{member}"

    def _head(self, where: str) -> str:
        with self.client.get(where, headers={"Range": f"bytes=0-{_HEAD - 1}"}) as response:
            return response.raw.read(_HEAD, decode_content=True).decode("utf-8", "replace")

    def _compared(self, file: RasterFile) -> list[Finding]:
        declared = declared_of(self.product, self.access)
        if self.access.tiles is not None:
            declared = replace(declared, cell=self.access.tiles.degrees / self.access.tiles.cells)
        found = {one.what: one for one in differences(declared, file)}
        stated = {
            "CRS": declared.crs,
            "cell": f"{declared.cell:.9g}" if declared.cell else "",
            "data type": declared.dtype,
            "missing value": ", ".join(f"{n:.9g}" for n in declared.nodata),
            "scale and offset": ""
            if declared.packed
            else f"{declared.scale:g}, {declared.offset:g}",
            "unit": declared.unit,
        }
        return [
            self.finding(what, "differs", found[what].catalogue, found[what].file)
            if what in found
            else self.finding(what, "same", value)
            for what, value in stated.items()
            if value or what in found
        ]

    def _of_values(self, file: GdalRaster) -> list[Finding]:
        """Compare the values of one block with the range of the variable."""
        row = variable(canonical_name(self.product))
        numbers = self._block(file)
        if numbers is None:
            return [self.finding("values", "not checked", found="no small block of the box")]
        own = file.decoding(1)
        decoding = (
            own
            if self.product.packed
            else replace(own, scale=self.product.scale, offset=self.product.offset)
        )
        if self.product.nodata is not None:
            decoding = replace(decoding, nodata=(self.product.nodata, *self.product.also_nodata))
        values = decoding.values(numbers)
        values = np.expm1(values) if self.product.transform == "expm1" else values
        values = values[np.isfinite(values)] * (self.product.thickness or 1.0)
        if not values.size:
            return [self.finding("values", "not checked", found="none in the box")]
        if row.classes is not None or not self.product.unit or self.product.months:
            span = f"{values.min():g} to {values.max():g}"
            return [self.finding("values", "same", "codes or months", span)]
        values = convert(values, self.product.unit, row.unit)
        within = bool(((values >= row.low) & (values <= row.high)).all())
        return [
            self.finding(
                "values",
                "same" if within else "differs",
                f"{row.low:g} to {row.high:g} {row.unit}",
                f"{values.min():.4g} to {values.max():.4g} {row.unit}",
            )
        ]

    def _block(self, file: GdalRaster) -> AnyArray | None:
        if is_index(self.address):
            return None
        place = file.placement(self.access.crs)
        import pyproj

        crs = pyproj.CRS.from_user_input(self.access.crs)
        found = windows(place.transform, place.shape, crs, [self.box])
        rows, columns = file.file.block_shapes[0]
        cells = rows * columns * np.dtype(file.file.dtypes[0]).itemsize
        if not found or cells > _MOST_BLOCK:
            return None
        first = found[0]
        row, column = first.row // rows * rows, first.column // columns * columns
        end = min(row + rows, place.shape[0]), min(column + columns, place.shape[1])
        block: AnyArray = file.read([1], ((row, end[0]), (column, end[1])))[0]
        return block


def _empty_index(head: str) -> str:
    """Return the head of an index of tiles as a VRT of the same grid without tiles."""
    size = re.search(r'rasterXSize="(\d+)"\s+rasterYSize="(\d+)"', head)
    places = re.search(r"<GeoTransform>([^<]*)</GeoTransform>", head)
    crs = re.search(r"<SRS[^>]*>([^<]*)</SRS>", head)
    kind = re.search(r'<VRTRasterBand dataType="(\w+)"', head)
    nodata = re.search(r"<NoDataValue>([^<]*)</NoDataValue>", head)
    if not (size and places and kind):
        raise RasterError("the first bytes aren't those of an index of tiles")
    return (
        f'<VRTDataset rasterXSize="{size[1]}" rasterYSize="{size[2]}">'
        + (f"<SRS>{crs[1]}</SRS>" if crs else "")
        + f"<GeoTransform>{places[1]}</GeoTransform>"
        + f'<VRTRasterBand dataType="{kind[1]}" band="1">'
        + (f"<NoDataValue>{nodata[1]}</NoDataValue>" if nodata else "")
        + "</VRTRasterBand></VRTDataset>"
    )


# ---------------------------------------------------------------------------- the dated results


def keep(source: Source, found: list[Finding], cache: Path) -> None:
    """Write the findings on a source into the cache, with the date."""
    write_json(_kept(source.name, cache), {"date": now(), "findings": [asdict(f) for f in found]})


def last_result(name: str, cache: Path) -> dict[str, Any]:
    """Return date (ISO), state and number of addresses of the last check of a source, or {}.

    The state is the worst of its findings: "differs", "unreachable", else "same".
    """
    kept = read_json(_kept(name, cache))
    if not kept.get("findings"):
        return {}
    states = {str(row["state"]) for row in kept["findings"]}
    worst = next((s for s in ("differs", "unreachable", "same") if s in states), "not checked")
    addresses = {row["address"] for row in kept["findings"]}
    return {"date": kept["date"], "state": worst, "addresses": len(addresses)}


def _kept(name: str, cache: Path) -> Path:
    return cache / "verified" / f"{name}.json"
