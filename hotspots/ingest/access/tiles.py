"""Tiled data sets: the tiles of a region, joined and read as one raster."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pyproj
from affine import Affine

from hotspots.errors import EmptyRegionError, FetchError, deepest_reason
from hotspots.ingest.access import server_errors
from hotspots.ingest.access.download import Progress, locked, write_text
from hotspots.ingest.access.fetch import fetch, key_of
from hotspots.ingest.access.http import Client, RemoteFile, client
from hotspots.ingest.access.mosaic import Kind, Part, kind_of, vrt_text
from hotspots.ingest.access.remote_windows import WHOLE_LIMIT, cut, earlier_window
from hotspots.ingest.access.window_reader import Source, WindowRequest, environment
from hotspots.ingest.access.windows import Box, overview_level, split_boxes, tile_names
from hotspots.ingest.regrid.source_raster import Origin
from hotspots.ingest.sources.model import Tiles

_LOG = logging.getLogger("hotspots.ingest")


@dataclass(frozen=True)
class _Tile:
    address: str
    box: Box
    remote: RemoteFile
    path: str


def tiled_window(
    request: WindowRequest,
    tiles: Tiles,
    address: Callable[[str], str],
    cache: Path,
    *,
    progress: Progress | None = None,
    with_client: Client | None = None,
) -> tuple[Path, Origin]:
    """Return a local raster with the cells of a tiled set that a region needs.

    Parameters
    ----------
    request : WindowRequest
        Its address is that of the set, with a placeholder for the tile; for messages and
        provenance.
    tiles : Tiles
        Tiling scheme of the set, with the statuses that mean an absent tile (sea).
    address : callable
        Tile name -> address.
    cache : path
        Cache folder.
    progress : callable, optional
        Called with the rows written and the rows of the window.
    with_client : Client, optional
        The HTTP client; that of the environment's settings by default.

    Raises
    ------
    FetchError
        A tile can't be read, or all are absent.
    EmptyRegionError
        The region lies outside the latitudes of the set.
    """
    of = with_client or client()
    folder = cache / "windows" / request.key
    with locked(folder / ".lock"):
        try:
            found = _existing(request, tiles, address, cache, of)
            path = _mosaic(request, tiles, found, folder / "mosaic.vrt", of)
            version = ""
            # A change of a tile without a version would go unnoticed, so the set has none either.
            if all(tile.remote.version for tile in found):
                version = key_of(*(f"{tile.address} {tile.remote.version}" for tile in found))
            source = Source(
                str(path),
                request.address,
                version,
                lambda: _check(request, found, of),
                host=found[0].address,
            )
            # The mosaic consists of the chosen overviews already.
            return cut(replace(request, samples=0), source, folder, of, progress)
        except FetchError as error:
            return earlier_window(folder, request.address, error)


def _existing(
    request: WindowRequest, tiles: Tiles, address: Callable[[str], str], cache: Path, of: Client
) -> list[_Tile]:
    names, listed = tile_names(tiles, request.boxes), _index(tiles, cache, of)
    if listed is not None:
        names = {name: box for name, box in names.items() if name in listed}
    if not names:
        raise EmptyRegionError(
            f"'{server_errors.shown(request.address)}' has no tiles there: it has those with land"
            f" from latitude {tiles.south:g} to {tiles.north:g}. Choose another region or source."
        )

    def probed(name: str) -> RemoteFile:
        """Return the server's description of a tile."""
        # A tile of the publisher's list must be there.
        allowed = tiles.absent if listed is None else ()
        return of.probe(address(name), headers=request.headers, allowed=allowed)

    # Further threads would only wait for a connection.
    with ThreadPoolExecutor(of.settings.per_host) as pool:
        remotes = dict(zip(names, pool.map(probed, names), strict=True))
    there = [name for name in names if remotes[name].status < 400]
    if not there:
        first = next(iter(names))
        raise FetchError(
            f"None of the {len(names)} tiles of the region is there; the first one requested was"
            f" '{server_errors.shown(of.address(address(first)))}' ({remotes[first].status})."
            " Either all is sea, or the source has moved: look at its own page, and report it to"
            " the project."
        )
    return [
        _Tile(
            address(n),
            names[n],
            remotes[n],
            _path(address(n), remotes[n], request.headers, cache, of),
        )
        for n in there
    ]


def _index(tiles: Tiles, cache: Path, of: Client) -> set[str] | None:
    """Return the names in the publisher's own list of tiles; None if there is none, or no answer.

    Without it, a tile that isn't there is taken for sea.
    """
    if not tiles.index:
        return None
    try:
        path, _ = fetch(tiles.index, cache, with_client=of)
    except FetchError as error:
        _LOG.warning("The list of tiles isn't available, so absent ones count as sea. %s", error)
        return None
    try:
        features = json.loads(path.read_bytes())["features"]
        return {str(feature["properties"][tiles.index_key]) for feature in features}
    except (ValueError, KeyError, TypeError) as error:
        raise FetchError(
            f"'{server_errors.shown(tiles.index)}' isn't a list of tiles as GeoJSON with"
            f" '{tiles.index_key}'. The source may have changed: report it to the project."
        ) from error


def _path(
    address: str, remote: RemoteFile, headers: Mapping[str, str], cache: Path, of: Client
) -> str:
    if remote.ranges:
        return f"/vsicurl/{of.address(address)}"
    if not 0 <= remote.size <= WHOLE_LIMIT:
        raise FetchError(
            f"The server of '{server_errors.shown(address)}' gives no parts of files, and the tile"
            f" is too large to be fetched whole (more than {WHOLE_LIMIT / 1e6:.0f} MB, or of"
            " unknown size). Name a copy on another server in HOTSPOTS_MIRRORS."
        )
    return str(fetch(address, cache, headers=headers, with_client=of)[0].resolve())


def _check(request: WindowRequest, found: list[_Tile], of: Client) -> None:
    for tile in found:
        of.probe(tile.address, headers=request.headers)


def _mosaic(
    request: WindowRequest, tiles: Tiles, found: list[_Tile], path: Path, of: Client
) -> Path:
    kind, level, factor = _kind(request, tiles, found, of)
    cells = tiles.cells // factor
    # Exact, because `_kind` drops overviews whose factor doesn't divide the tile.
    step = tiles.degrees / cells
    options = () if level < 0 else (("OVERVIEW_LEVEL", str(level)),)
    parts = [
        Part(
            tile.path, Affine(step, 0, tile.box[0], 0, -step, tile.box[3]), (cells, cells), options
        )
        for tile in found
    ]
    write_text(path, vrt_text(parts, kind))
    return path


def _kind(
    request: WindowRequest, tiles: Tiles, found: list[_Tile], of: Client
) -> tuple[Kind, int, int]:
    """Return the properties of the tiles (from the first), the overview's level and its factor."""
    import rasterio

    first = found[0]
    with of.place(first.address), environment(of, request.headers):
        try:
            with rasterio.open(first.path) as file:
                kind = kind_of(file)
                sizes: tuple[int, int] = (file.height, file.width)
                factors = file.overviews(request.bands[0])
        except rasterio.errors.RasterioError as error:
            _check(request, [first], of)
            raise FetchError(
                f"'{server_errors.shown(first.address)}' isn't read as a raster"
                f" ({deepest_reason(error)}). It may be damaged upstream: try again later, then"
                " report it to the project."
            ) from error
    if sizes != (tiles.cells, tiles.cells):
        raise FetchError(
            f"The tile '{server_errors.shown(first.address)}' has {sizes[0]} x {sizes[1]} cells"
            f" where {tiles.cells} x {tiles.cells} are expected. The source has changed: report it"
            " to the project."
        )
    # Overviews whose factor doesn't divide the tile would shift the tiles against each other.
    while factors and tiles.cells % factors[-1]:
        factors = factors[:-1]
    crs = pyproj.CRS.from_user_input(request.crs or kind.crs_wkt)
    level = overview_level(
        factors,
        tiles.degrees / tiles.cells,
        crs,
        split_boxes(request.boxes),
        request.cell_degrees,
        request.samples,
    )
    return kind, level, factors[level] if level >= 0 else 1
