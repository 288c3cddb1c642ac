"""Windows of remote rasters: only the requested cells are transferred (GDAL's ``/vsicurl/``).

A window is cached as a GeoTIFF under ``CACHE/windows/REQUEST/`` with its cells as stored, and is
reused as long as the server reports the same version. Of an index of tiles (VRT) only its own
version is known, not that of the tiles.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from hotspots.errors import FetchError
from hotspots.ingest.access import server_errors
from hotspots.ingest.access.download import Progress, locked, read_json, write_json, write_text
from hotspots.ingest.access.fetch import fetch, key_of, public, stale
from hotspots.ingest.access.http import Client, RemoteFile, client
from hotspots.ingest.access.vrt_index import cut_index, is_index
from hotspots.ingest.access.window_files import copied, joined
from hotspots.ingest.access.window_reader import Reader, Source, WindowRequest, environment
from hotspots.ingest.access.windows import Window
from hotspots.ingest.regrid.source_raster import Origin
from hotspots.io.atomic import file_hash
from hotspots.io.clock import now

# From a server without Range requests, complete files up to this size (bytes) are downloaded.
WHOLE_LIMIT = 200_000_000
_MOST_NAMED = 5
_LOG = logging.getLogger("hotspots.ingest")


def window(
    request: WindowRequest,
    cache: Path,
    *,
    progress: Progress | None = None,
    with_client: Client | None = None,
) -> tuple[Path, Origin]:
    """Return a local raster with the cells of a remote one that a region needs.

    Parameters
    ----------
    request : WindowRequest
        The raster's address, boxes and bands.
    cache : path
        Cache folder.
    progress : callable, optional
        Called with the rows written and the rows of the window.
    with_client : Client, optional
        The HTTP client; that of the environment's settings by default.

    Returns
    -------
    path, Origin
        A GeoTIFF, or a VRT of several (a region across the antimeridian), in the raster's own
        grid, type and nodata. ``origin.stale`` is set if the server couldn't be reached and the
        window of an earlier run is used. If the server doesn't support Range requests and the file
        is below `WHOLE_LIMIT`, the complete file.

    Raises
    ------
    FetchError
        The window can't be read, and no earlier run has cached it.
    EmptyRegionError
        The raster doesn't cover the region.
    WriteError
        The cache can't be written.
    """
    of = with_client or client()
    folder = cache / "windows" / request.key
    with locked(folder / ".lock"):
        try:
            if is_index(request.address):
                source, late = _indexed(request, folder, cache, of)
                path, origin = cut(request, source, folder, of, progress)
                return path, replace(origin, stale=late)
            remote = of.probe(request.address, headers=request.headers)
            if not remote.ranges:
                return _instead(request, remote, cache, progress, of)
            source = Source(
                f"/vsicurl/{of.address(request.address)}",
                request.address,
                remote.version,
                lambda: of.probe(request.address, headers=request.headers),
            )
            return cut(request, source, folder, of, progress)
        except FetchError as error:
            return earlier_window(folder, request.address, error)


def _indexed(request: WindowRequest, folder: Path, cache: Path, of: Client) -> tuple[Source, str]:
    """Return the tiles of an index that a region needs, and why the index may be out of date."""
    index, origin = fetch(request.address, cache, headers=request.headers, with_client=of)
    address = f"/vsicurl/{of.address(request.address)}"
    part = cut_index(index, address, request.crs, request.boxes, request.address)
    path = folder / "index.vrt"
    write_text(path, part.text)
    remark = ""
    if part.stretched:
        names = ", ".join(part.stretched[:_MOST_NAMED])
        remark = (
            f"{len(part.stretched)} of {part.tiles} tiles have cells of another size, and the"
            f" publisher's index stretches them to its own: {names}."
        )
        _LOG.warning("'%s': %s", server_errors.shown(request.address), remark)
    source = Source(
        str(path),
        request.address,
        origin.version,
        lambda: of.probe(request.address, headers=request.headers),
        remark=remark,
    )
    return source, origin.stale


def earlier_window(folder: Path, address: str, error: FetchError) -> tuple[Path, Origin]:
    """Return the newest window of earlier runs, marked as stale, or raise `error`."""
    records = [read_json(path) for path in folder.glob("*.json")]
    whole = [r for r in records if r.get("file") and (folder / r["file"]).exists()]
    if not whole:
        raise error
    record = max(whole, key=lambda r: str(r["retrieved"]))
    return _found(folder, address, record, stale(error, str(record["retrieved"])))


def _found(
    folder: Path, address: str, record: Mapping[str, object], note: str = ""
) -> tuple[Path, Origin]:
    origin = Origin(
        public(address),
        str(record["retrieved"]),
        str(record["version"]),
        str(record["sha256"]),
        note,
        remark=str(record.get("remark", "")),
    )
    return folder / str(record["file"]), origin


def _instead(
    request: WindowRequest, remote: RemoteFile, cache: Path, progress: Progress | None, of: Client
) -> tuple[Path, Origin]:
    where = server_errors.shown(request.address)
    if not 0 <= remote.size <= WHOLE_LIMIT:
        size = f"{remote.size / 1e6:,.0f} MB" if remote.size >= 0 else "an unknown size"
        raise FetchError(
            f"The server of '{where}' gives no parts of files, and the whole has {size}; up to"
            f" {WHOLE_LIMIT / 1e6:.0f} MB it would be fetched. Download it yourself, put it on a"
            " server with Range requests, and name that in HOTSPOTS_MIRRORS."
        )
    _LOG.warning(
        "The server of '%s' gives no parts of files: all %.0f MB are fetched.",
        where,
        remote.size / 1e6,
    )
    return fetch(request.address, cache, headers=request.headers, progress=progress, with_client=of)


def cut(
    request: WindowRequest, source: Source, folder: Path, of: Client, progress: Progress | None
) -> tuple[Path, Origin]:
    """Return the window of a source, from an earlier run if the version is the same.

    Parameters
    ----------
    request : WindowRequest
        The requested boxes and bands.
    source : Source
        What GDAL opens, with its version.
    folder : path
        The folder of the window in the cache.
    of : Client
        The HTTP client.
    progress : callable or None
        Called with the rows written and the rows of the window.
    """
    record_path = folder / f"{key_of(source.version)[:12]}.json"
    record = read_json(record_path)
    # Without a version it is unknown whether the cached window is still current.
    if source.version and record and (folder / str(record["file"])).exists():
        return _found(folder, source.address, record)
    reader = Reader(source, request, of)
    # GDAL's own requests count among the few connections to a host.
    with of.place(source.host or source.address), _environment(request, of), reader.opened():
        needed = reader.windows()
        stem = record_path.stem
        parts = [
            copied(
                reader, w, folder / f"{stem}-{_window_id(w)}.tif", progress, bool(source.version)
            )
            for w in needed
        ]
        path = joined(reader, parts, folder / f"{stem}.vrt")
    record = {
        "address": public(source.address),
        "version": source.version,
        "retrieved": now(),
        "sha256": file_hash(path),
        "file": path.name,
        "remark": source.remark,
    }
    write_json(record_path, record)
    return _found(folder, source.address, record)


def _environment(request: WindowRequest, of: Client) -> AbstractContextManager[None]:
    return environment(of, request.headers, large_ranges=request.large_ranges)


def _window_id(of: Window) -> str:
    return f"{of.row}-{of.column}-{of.height}-{of.width}"
