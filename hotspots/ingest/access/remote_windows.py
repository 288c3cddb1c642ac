"""Windows of rasters that stay where they are: only the asked cells travel (GDAL's ``/vsicurl/``).

A window is kept as a GeoTIFF of its own under ``CACHE/windows/REQUEST/``, its cells as stored, and
is found again as long as upstream tells the same version. Of a VRT only the VRT's own version is
known, not that of the files behind it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hotspots.errors import FetchError
from hotspots.ingest.access import server_errors
from hotspots.ingest.access.download import Progress, disk, held, read_json, write_json
from hotspots.ingest.access.fetch import fetch, key_of, now, public, stale
from hotspots.ingest.access.http import Client, Told, client
from hotspots.ingest.access.window_files import copied, joined
from hotspots.ingest.access.window_reader import Asked, Reader, Source, environment
from hotspots.ingest.access.windows import Window
from hotspots.ingest.regrid.source_raster import Origin
from hotspots.io.atomic import file_hash

# A server that gives no parts is asked for the whole file up to this size.
WHOLE_LIMIT = 200_000_000
_LOG = logging.getLogger("hotspots.ingest")


def window(
    asked: Asked,
    cache: Path,
    *,
    progress: Progress | None = None,
    with_client: Client | None = None,
) -> tuple[Path, Origin]:
    """Return a local raster with the cells of a remote one that a region needs.

    Returns
    -------
    path, Origin
        A GeoTIFF, or a VRT of several (a region across the antimeridian), in the raster's own
        grid, type and nodata. ``origin.stale`` tells if upstream couldn't be asked and the window
        of an earlier run is used. Where the server gives no parts of files and the whole is
        below `WHOLE_LIMIT`, the whole file.

    Raises
    ------
    FetchError
        It can't be had, and is of no earlier run.
    EmptyRegionError
        The raster holds nothing of the region.
    WriteError
        The cache can't be written.
    """
    of = with_client or client()
    folder = cache / "windows" / asked.key
    with held(folder / ".lock"):
        try:
            told = of.probe(asked.address, headers=asked.headers)
            if not told.ranges:
                return _instead(asked, told, cache, progress, of)
            source = Source(
                f"/vsicurl/{of.address(asked.address)}",
                asked.address,
                told.version,
                lambda: of.probe(asked.address, headers=asked.headers),
            )
            return cut(asked, source, folder, of, progress)
        except FetchError as error:
            return kept(folder, asked.address, error)


def kept(folder: Path, address: str, error: FetchError) -> tuple[Path, Origin]:
    """Return the newest window of earlier runs, told to be stale, or raise `error`."""
    records = [read_json(path) for path in folder.glob("*.json")]
    whole = [r for r in records if r.get("file") and (folder / r["file"]).exists()]
    if not whole:
        raise error
    record = max(whole, key=lambda r: str(r["retrieved"]))
    return _found(folder, address, record, stale(error, str(record["retrieved"])))


def _found(
    folder: Path, address: str, record: Mapping[str, Any], note: str = ""
) -> tuple[Path, Origin]:
    origin = Origin(
        public(address),
        str(record["retrieved"]),
        str(record["version"]),
        str(record["sha256"]),
        note,
    )
    return folder / str(record["file"]), origin


def _instead(
    asked: Asked, told: Told, cache: Path, progress: Progress | None, of: Client
) -> tuple[Path, Origin]:
    where = server_errors.shown(asked.address)
    if not 0 <= told.size <= WHOLE_LIMIT:
        size = f"{told.size / 1e6:,.0f} MB" if told.size >= 0 else "a size that it doesn't tell"
        raise FetchError(
            f"The server of '{where}' gives no parts of files, and the whole has {size}; up to"
            f" {WHOLE_LIMIT / 1e6:.0f} MB it would be fetched. Download it yourself, put it on a"
            " server with Range requests, and name that in HOTSPOTS_MIRRORS."
        )
    _LOG.warning(
        "The server of '%s' gives no parts of files: all %.0f MB are fetched.",
        where,
        told.size / 1e6,
    )
    return fetch(asked.address, cache, headers=asked.headers, progress=progress, with_client=of)


def cut(
    asked: Asked, source: Source, folder: Path, of: Client, progress: Progress | None
) -> tuple[Path, Origin]:
    """Return the window of a source, of an earlier run if it is of the same version."""
    record_path = folder / f"{key_of(source.version)[:12]}.json"
    record = read_json(record_path)
    # Without a version nobody knows whether the window is still true.
    if source.version and record and (folder / str(record["file"])).exists():
        return _found(folder, source.address, record)
    reader = Reader(source, asked, of)
    with of.place(source.host or source.address), environment(of, asked.headers), reader.opened():
        wanted = reader.windows()
        stem = record_path.stem
        parts = [
            copied(reader, w, folder / f"{stem}-{_told(w)}.tif", progress, bool(source.version))
            for w in wanted
        ]
        path = joined(reader, parts, folder / f"{stem}.vrt")
    record = {
        "address": public(source.address),
        "version": source.version,
        "retrieved": now(),
        "sha256": file_hash(path),
        "file": path.name,
    }
    with disk(folder):
        write_json(record_path, record)
    return _found(folder, source.address, record)


def _told(of: Window) -> str:
    return f"{of.row}-{of.column}-{of.height}-{of.width}"
