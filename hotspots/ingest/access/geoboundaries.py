"""Boundaries from geoBoundaries, whose API names the GeoJSON file of a country and level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hotspots.errors import FetchError
from hotspots.ingest.access import server_errors
from hotspots.ingest.access.download import Progress, disk_errors, locked, read_json, write_json
from hotspots.ingest.access.fetch import fetch, key_of, stale
from hotspots.ingest.access.http import Client, client
from hotspots.ingest.regrid.source_raster import Origin
from hotspots.ingest.sources.model import Access, filled

# First bytes of a Git LFS pointer, which some servers deliver instead of the large file.
_POINTER = b"version https://git-lfs"


def boundaries_file(
    access: Access,
    values: Mapping[str, object],
    cache: Path,
    *,
    progress: Progress | None = None,
    with_client: Client | None = None,
) -> tuple[Path, Origin]:
    """Return the GeoJSON of a country's units.

    Parameters
    ----------
    access : Access
        `extra` names the keys of the API's answer: ``geometry`` (the file's address), ``licence``
        and ``made_by`` (whose outlines they are).
    values : mapping
        Values of the address's placeholders: ``iso3`` (the country code) and any others.
    cache : path
        Cache folder.
    progress : callable, optional
        Called with the bytes received and the bytes expected (-1: unknown).
    with_client : Client, optional
        The HTTP client; that of the environment's settings by default.

    Raises
    ------
    FetchError
        The file can't be downloaded, or the API names none.
    """
    of = with_client or client()
    url = filled(access.address, values)
    note = cache / "geoboundaries" / f"{key_of(url)}.json"
    with locked(note.with_suffix(".lock")):
        late = ""
        try:
            entry = _boundary_entry(of, url, access.extra)
            with disk_errors(note):
                write_json(note, entry)
        except FetchError as error:
            entry = read_json(note)
            if not entry:
                raise
            late = stale(error, "an earlier run")
    path, origin = fetch(entry["file"], cache, progress=progress, with_client=of)
    with path.open("rb") as opened:
        head = opened.read(64)
    if head.startswith(_POINTER) or not head.lstrip().startswith(b"{"):
        raise FetchError(
            f"'{server_errors.shown(entry['file'])}' isn't GeoJSON but"
            f" {'a pointer to a file elsewhere' if head.startswith(_POINTER) else repr(head[:16])}."
            " Try again later, then report it to the project."
        )
    version = origin.version or entry["version"]
    return path, replace(
        origin,
        version=version,
        stale=origin.stale or late,
        licence=entry.get("licence", ""),
        made_by=entry.get("made_by", ""),
    )


def _boundary_entry(of: Client, url: str, keys: Mapping[str, object]) -> dict[str, str]:
    key = str(keys.get("geometry", "gjDownloadURL"))
    reply = of.json(url)
    reply = reply[0] if isinstance(reply, list) and reply else reply
    address = reply.get(key) if isinstance(reply, dict) else None
    if not isinstance(address, str) or not address.startswith("http"):
        raise FetchError(
            f"'{server_errors.shown(url)}' names no file of boundaries ('{key}'). The country may"
            " have no such level; else the source has changed: report it to the project."
        )
    stated = {
        name: str(reply.get(str(keys[name])) or "").strip()
        for name in ("licence", "made_by")
        if name in keys
    }
    if "licence" in keys and not stated["licence"]:
        raise FetchError(
            f"'{server_errors.shown(url)}' states no licence ('{keys['licence']}'), and each file"
            " has its own. Ask its maker, or use another source of outlines: natural-earth/units."
        )
    return {"file": address, "version": str(reply.get("boundaryID", "")), **stated}
