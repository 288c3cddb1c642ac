"""Boundaries of geoBoundaries: its API names the GeoJSON file of a country and level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hotspots.errors import FetchError
from hotspots.ingest.access import server_errors
from hotspots.ingest.access.download import Progress, disk, held, read_json, write_json
from hotspots.ingest.access.fetch import fetch, key_of, stale
from hotspots.ingest.access.http import Client, client
from hotspots.ingest.regrid.source_raster import Origin
from hotspots.ingest.sources.model import Access, filled

# What stands in place of a large file where only its pointer is served.
_POINTER = b"version https://git-lfs"


def boundaries_file(
    access: Access,
    values: Mapping[str, Any],
    cache: Path,
    *,
    progress: Progress | None = None,
    with_client: Client | None = None,
) -> tuple[Path, Origin]:
    """Return the GeoJSON of a country's units.

    Parameters
    ----------
    access : Access
        `extra` names the keys of the API's answer: ``geometry`` (the file's address).
    values : mapping
        ``iso3``, the country's code, and what else the address has.

    Raises
    ------
    FetchError
        It can't be had, or the API names no file.
    """
    of = with_client or client()
    url = filled(access.address, values)
    note = cache / "geoboundaries" / f"{key_of(url)}.json"
    with held(note.with_suffix(".lock")):
        late = ""
        try:
            told = _named(of, url, str(access.extra.get("geometry", "gjDownloadURL")))
            with disk(note):
                write_json(note, told)
        except FetchError as error:
            told = read_json(note)
            if not told:
                raise
            late = stale(error, "an earlier run")
    path, origin = fetch(told["file"], cache, progress=progress, with_client=of)
    with path.open("rb") as opened:
        head = opened.read(64)
    if head.startswith(_POINTER) or not head.lstrip().startswith(b"{"):
        raise FetchError(
            f"'{server_errors.shown(told['file'])}' isn't GeoJSON but"
            f" {'a pointer to a file elsewhere' if head.startswith(_POINTER) else repr(head[:16])}."
            " Try again later, then tell the project."
        )
    version = origin.version or told["version"]
    return path, replace(origin, version=version, stale=origin.stale or late)


def _named(of: Client, url: str, key: str) -> dict[str, str]:
    told = of.json(url)
    told = told[0] if isinstance(told, list) and told else told
    address = told.get(key) if isinstance(told, dict) else None
    if not isinstance(address, str) or not address.startswith("http"):
        raise FetchError(
            f"'{server_errors.shown(url)}' names no file of boundaries ('{key}'). The country may"
            " have no such level; else the source has changed: tell the project."
        )
    return {"file": address, "version": str(told.get("boundaryID", ""))}
