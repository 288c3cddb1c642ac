"""Assets of a STAC catalogue: a static one is traversed by its links, an API is searched.

All requests go through `hotspots.ingest.access.http`, so its limits and messages apply here too.
"""

from __future__ import annotations

import fnmatch
from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pystac
from pystac_client import Client as Api
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO

from hotspots.errors import FetchError
from hotspots.ingest.access import server_errors
from hotspots.ingest.access.http import Client, client
from hotspots.ingest.access.windows import Box, split_boxes

# A static catalogue is read document by document; larger ones are refused.
MOST_DOCUMENTS = 400
MOST_ITEMS = 500
# What pystac and its client raise for documents that aren't STAC.
_NO_CATALOGUE = (
    pystac.STACError,
    pystac.STACTypeError,
    APIError,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
)
_RASTERS = ("image/tiff", "image/jp2", "application/x-netcdf", "application/netcdf")


@dataclass(frozen=True)
class Search:
    """The criteria of a search.

    Attributes
    ----------
    address : str
        Address of the catalogue or collection.
    boxes : tuple of (west, south, east, north)
        Degrees; an item must intersect one.
    collection : str
        Id of the collection; "" for any.
    asset : str
        Key of the asset, ``*`` for any characters; "" for the only raster.
    match : str
        Text that the asset's address must contain.
    datetime : str
        A year, date, or "first/last", as STAC's own parameter; "" for any.
    """

    address: str
    boxes: tuple[Box, ...]
    collection: str = ""
    asset: str = ""
    match: str = ""
    datetime: str = ""


class _Io(StacApiIO):
    """Reads a limited number of STAC documents with this package's HTTP client."""

    def __init__(self, of: Client, address: str) -> None:
        # `Client` does the retries.
        super().__init__(max_retries=None)
        self.of, self.address, self.read = of, address, 0

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> str:
        """Return the text of a document.

        Parameters
        ----------
        href : str
            Address of the document.
        method : str, optional
            "POST" sends `parameters` as a JSON body; all others, and None, are GET requests.
        headers : dict of str to str, optional
            Further request headers.
        parameters : dict, optional
            Search parameters; for GET, they are added to the query of the address.

        Raises
        ------
        FetchError
            More than `MOST_DOCUMENTS` documents have been requested, or this one can't be read.
        """
        self.read += 1
        if self.read > MOST_DOCUMENTS:
            raise FetchError(
                f"The STAC catalogue '{server_errors.shown(self.address)}' is too large to be"
                f" walked through: more than {MOST_DOCUMENTS} documents. Name one collection of it."
            )
        if (method or "GET").upper() == "POST":
            return self.of.text(href, headers=headers, body=parameters or {})
        return self.of.text(_with_query(href, parameters), headers=headers)


def _with_query(href: str, parameters: dict[str, Any] | None) -> str:
    import requests

    return str(requests.Request("GET", href, params=parameters or {}).prepare().url)


def assets(search: Search, *, with_client: Client | None = None) -> list[str]:
    """Return the addresses of the assets that a search finds, sorted by their items' ids.

    Raises
    ------
    FetchError
        The catalogue can't be read, isn't a STAC catalogue, or has no matching asset.
    """
    of = with_client or client()
    io = _Io(of, search.address)
    try:
        root = io.read_json(search.address)
        items = _by_api(search, io) if _is_api(root) else _by_links(search, io)
        # Where rasters overlap their order matters, so it mustn't depend on the server.
        found = sorted((item.id, _asset(search, item)) for item in items)
    except _NO_CATALOGUE as error:
        # pystac wraps the client's error for a linked document.
        inner = error.__cause__ or error.__context__
        if isinstance(inner, FetchError):
            raise inner from error
        raise FetchError(
            f"'{server_errors.shown(search.address)}' isn't a STAC catalogue that can be read"
            f" ({error}). Look at the source's own page, and report it to the project."
        ) from error
    addresses = list(dict.fromkeys(address for _, address in found if address))
    if not addresses:
        raise FetchError(
            f"The STAC catalogue '{server_errors.shown(search.address)}' has nothing for the"
            f" {_description(search)}. Choose another region or year."
        )
    return addresses


def _description(search: Search) -> str:
    box = "; ".join(",".join(f"{v:g}" for v in b) for b in search.boxes)
    parts = [f"box {box}"]
    for name in ("collection", "asset", "match", "datetime"):
        if value := getattr(search, name):
            parts.append(f"{name} '{value}'")
    return ", ".join(parts)


def _is_api(root: dict[str, Any]) -> bool:
    links = {link.get("rel") for link in root.get("links", [])}
    return "conformsTo" in root and "search" in links


def _by_api(search: Search, io: _Io) -> Iterator[pystac.Item]:
    api = Api.open(search.address, stac_io=io)
    seen: set[str] = set()
    for box in split_boxes(search.boxes):
        found = api.search(
            bbox=list(box),
            max_items=MOST_ITEMS,
            collections=[search.collection] if search.collection else None,
            datetime=search.datetime or None,
        )
        for item in found.items():
            if item.id not in seen:
                seen.add(item.id)
                yield item


def _by_links(search: Search, io: _Io) -> Iterator[pystac.Item]:
    # The reader of static catalogues is sufficient, and doesn't assume an API.
    root = pystac.read_file(search.address, stac_io=io)
    if isinstance(root, pystac.Item):
        yield from _fitting(search, [root])
    elif isinstance(root, pystac.Catalog):
        yield from _walk(search, root, io)


def _walk(search: Search, catalog: pystac.Catalog, io: _Io) -> Iterator[pystac.Item]:
    if isinstance(catalog, pystac.Collection):
        if search.collection and catalog.id != search.collection:
            return
        if not _touches(search, catalog.extent.spatial.bboxes):
            return
    links = [link for link in catalog.links if link.rel == "child"]
    if search.collection and not isinstance(catalog, pystac.Collection):
        # If a link names the collection, the other links needn't be read.
        named = [link for link in links if search.collection in (link.title, *_steps(link))]
        links = named or links
    for link in links:
        child = link.resolve_stac_object(root=catalog.get_root()).target
        if isinstance(child, pystac.Catalog):
            yield from _walk(search, child, io)
    for link in catalog.links:
        if link.rel == "item":
            item = link.resolve_stac_object(root=catalog.get_root()).target
            if isinstance(item, pystac.Item):
                yield from _fitting(search, [item])


def _steps(link: pystac.Link) -> list[str]:
    return str(link.href).split("/")


def _fitting(search: Search, items: Sequence[pystac.Item]) -> Iterator[pystac.Item]:
    for item in items:
        if search.collection and item.collection_id not in (None, search.collection):
            continue
        if item.bbox and not _touches(search, [item.bbox]):
            continue
        if _within_time(search.datetime, item):
            yield item


def _touches(search: Search, boxes: Sequence[Sequence[float]]) -> bool:
    for requested in split_boxes(search.boxes):
        for box in boxes:
            # A box of six numbers has heights as its third and sixth.
            west, south, *_ = box
            east, north = box[len(box) // 2], box[len(box) // 2 + 1]
            if any(
                w < requested[2]
                and e > requested[0]
                and south < requested[3]
                and north > requested[1]
                for w, _, e, _ in split_boxes([(west, south, east, north)])
            ):
                return True
    return False


def _within_time(period: str, item: pystac.Item) -> bool:
    """Return whether an item's time, or time span, overlaps the requested one."""
    if not period:
        return True
    first, _, last = period.partition("/")
    begin = item.common_metadata.start_datetime or item.datetime
    end = item.common_metadata.end_datetime or item.datetime
    # An item without a time isn't excluded.
    if begin is None or end is None:
        return True
    return _edge(last or first, True) >= _aware(begin) and _edge(first, False) <= _aware(end)


def _edge(text: str, last: bool) -> datetime:
    """Return the first or last moment of "2015", "2015-07" or a date; ".." is unbounded."""
    if text in ("", ".."):
        return datetime.max.replace(tzinfo=UTC) if last else datetime.min.replace(tzinfo=UTC)
    if len(text) > 10:
        return _aware(datetime.fromisoformat(text))
    whole = (text + "-12-31" if last else text + "-01-01") if len(text) == 4 else text
    if len(whole) == 7:
        year, month = map(int, whole.split("-"))
        whole = f"{whole}-{monthrange(year, month)[1] if last else 1:02}"
    return _aware(datetime.fromisoformat(whole + ("T23:59:59" if last else "T00:00:00")))


def _aware(when: datetime) -> datetime:
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _asset(search: Search, item: pystac.Item) -> str:
    """Return the address of the item's matching asset, or ""."""
    found = {
        key: str(asset.get_absolute_href() or asset.href)
        for key, asset in item.assets.items()
        if (fnmatch.fnmatch(key, search.asset) if search.asset else _is_raster(asset))
    }
    fitting = [href for href in found.values() if search.match in href]
    if len(fitting) > 1:
        raise FetchError(
            f"The STAC item '{item.id}' has {len(fitting)} assets that fit"
            f" ({', '.join(list(found)[:5])}), where one is due. The catalogue of sources must name"
            " the asset: report it to the project."
        )
    return fitting[0] if fitting else ""


def _is_raster(asset: pystac.Asset) -> bool:
    kind = asset.media_type or ""
    return kind.startswith(_RASTERS) or asset.href.partition("?")[0].endswith((".tif", ".tiff"))
