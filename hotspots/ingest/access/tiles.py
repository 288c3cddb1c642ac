"""Tiled sets: the tiles that a region needs, found, put together, and read as one raster."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyproj
from affine import Affine

from hotspots.errors import EmptyRegionError, FetchError
from hotspots.ingest.access import server_errors
from hotspots.ingest.access.download import Progress, disk, held
from hotspots.ingest.access.fetch import fetch, key_of
from hotspots.ingest.access.http import Client, Told, client
from hotspots.ingest.access.mosaic import Kind, Part, kind_of, vrt_text
from hotspots.ingest.access.remote_windows import WHOLE_LIMIT, cut, kept
from hotspots.ingest.access.window_reader import Asked, Source, environment
from hotspots.ingest.access.windows import Box, overview_level, split_boxes, tile_names
from hotspots.ingest.regrid.source_raster import Origin
from hotspots.ingest.sources.model import Tiles


@dataclass(frozen=True)
class _Tile:
    address: str
    box: Box
    told: Told
    path: str


def tiled_window(
    asked: Asked,
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
    asked : Asked
        Its address is the set's, with the tile's place left open; for messages and provenance.
    tiles : Tiles
        How the set names its tiles, and by which statuses it says that there is none (sea).
    address : callable
        Tile name -> address.

    Raises
    ------
    FetchError
        A tile can't be had, or all are absent.
    EmptyRegionError
        The set ends before the region begins.
    """
    of = with_client or client()
    folder = cache / "windows" / asked.key
    with held(folder / ".lock"):
        try:
            found = _existing(asked, tiles, address, cache, of)
            path = _mosaic(asked, tiles, found, folder / "mosaic.vrt", of)
            version = ""
            if all(tile.told.version for tile in found):
                version = key_of(*(f"{tile.address} {tile.told.version}" for tile in found))
            source = Source(
                str(path),
                asked.address,
                version,
                lambda: _check(asked, found, of),
                host=found[0].address,
            )
            # The mosaic is made of the overviews already.
            return cut(replace(asked, samples=0), source, folder, of, progress)
        except FetchError as error:
            return kept(folder, asked.address, error)


def _existing(
    asked: Asked, tiles: Tiles, address: Callable[[str], str], cache: Path, of: Client
) -> list[_Tile]:
    names = tile_names(tiles, asked.boxes)
    if not names:
        raise EmptyRegionError(
            f"'{server_errors.shown(asked.address)}' has no tiles there: it goes from latitude"
            f" {tiles.south:g} to {tiles.north:g}. Ask for another region or source."
        )

    def probed(name: str) -> Told:
        """Return what the server tells of a tile."""
        return of.probe(address(name), headers=asked.headers, allowed=tiles.absent)

    with ThreadPoolExecutor(of.settings.per_host) as pool:
        told = dict(zip(names, pool.map(probed, names), strict=True))
    there = [name for name in names if told[name].status not in tiles.absent]
    if not there:
        first = next(iter(names))
        raise FetchError(
            f"None of the {len(names)} tiles of the region is there; the first asked for was"
            f" '{server_errors.shown(of.address(address(first)))}' ({told[first].status}). Either"
            " all is sea, or the source has moved: look at its own page, and tell the project."
        )
    return [
        _Tile(address(n), names[n], told[n], _path(address(n), told[n], asked.headers, cache, of))
        for n in there
    ]


def _path(address: str, told: Told, headers: Mapping[str, str], cache: Path, of: Client) -> str:
    if told.ranges:
        return f"/vsicurl/{of.address(address)}"
    if not 0 <= told.size <= WHOLE_LIMIT:
        raise FetchError(
            f"The server of '{server_errors.shown(address)}' gives no parts of files, and the tile"
            f" is too large to be fetched whole (more than {WHOLE_LIMIT / 1e6:.0f} MB, or of"
            " unknown size). Name a copy on another server in HOTSPOTS_MIRRORS."
        )
    return str(fetch(address, cache, headers=headers, with_client=of)[0].resolve())


def _check(asked: Asked, found: list[_Tile], of: Client) -> None:
    for tile in found:
        of.probe(tile.address, headers=asked.headers)


def _mosaic(asked: Asked, tiles: Tiles, found: list[_Tile], path: Path, of: Client) -> Path:
    kind, level, factor = _kind(asked, tiles, found, of)
    cells = tiles.cells // factor
    step = tiles.degrees / cells
    options = () if level < 0 else (("OVERVIEW_LEVEL", str(level)),)
    parts = [
        Part(
            tile.path, Affine(step, 0, tile.box[0], 0, -step, tile.box[3]), (cells, cells), options
        )
        for tile in found
    ]
    with disk(path):
        beside = path.with_name(f"{path.name}.new")
        beside.write_text(vrt_text(parts, kind), encoding="utf-8")
        os.replace(beside, path)
    return path


def _kind(asked: Asked, tiles: Tiles, found: list[_Tile], of: Client) -> tuple[Kind, int, int]:
    """Return what the tiles have in common, from the first; and the overview to read."""
    import rasterio

    first = found[0]
    with of.place(first.address), environment(of, asked.headers):
        try:
            with rasterio.open(first.path) as file:
                kind = kind_of(file)
                sizes: Any = (file.height, file.width)
                factors = file.overviews(asked.bands[0])
        except rasterio.errors.RasterioError as error:
            _check(asked, [first], of)
            raise FetchError(
                f"'{server_errors.shown(first.address)}' isn't read as a raster ({error}). It may"
                " be damaged upstream: try again later, then tell the project."
            ) from error
    if sizes != (tiles.cells, tiles.cells):
        raise FetchError(
            f"The tile '{server_errors.shown(first.address)}' has {sizes[0]} x {sizes[1]} cells"
            f" where {tiles.cells} x {tiles.cells} are due. The source has changed: tell the"
            " project."
        )
    # Overviews of a size that isn't whole would shift the tiles against each other.
    while factors and tiles.cells % factors[-1]:
        factors = factors[:-1]
    crs = pyproj.CRS.from_user_input(asked.crs or kind.crs_wkt)
    level = overview_level(
        factors,
        tiles.degrees / tiles.cells,
        crs,
        split_boxes(asked.boxes),
        asked.cell_degrees,
        asked.samples,
    )
    return kind, level, factors[level] if level >= 0 else 1
