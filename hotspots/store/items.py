"""Reading the STAC items of a store: which files are layers, their validity and their metadata."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from hotspots.errors import RasterError
from hotspots.store.profiles import depth_of
from hotspots.store.provenance import PREFIX, STALE, STALE_SINCE
from hotspots.store.stac import CATALOGUE, CATALOGUE_ID, LayerFile, item_file
from hotspots.store.storage import Entry

# Files that the store itself writes; a user's own files beside them are never removed.
_MADE = re.compile(r"[0-9a-f]{16}\..+|\.part\..+")
OK, MISSING, CHANGED = "ok", "missing", "changed"


class LayerRow(TypedDict):
    """A layer in a list of layers; missing values are ""."""

    layer: str
    unit: str
    depth: str
    year: int | str
    licence: str
    source: str
    retrieved: str
    stale: str
    cells: str
    crs: str
    file: str
    state: str


@dataclass(frozen=True)
class StoredLayer:
    """A layer of a store, as its item describes it.

    Attributes
    ----------
    key : str
        Its name in the store: the canonical name, with the depth in a profile.
    file : LayerFile
        Its GeoTIFF.
    item : mapping
        The complete STAC item.
    """

    key: str
    file: LayerFile
    item: Mapping[str, Any]

    @property
    def properties(self) -> Mapping[str, Any]:
        """The item's properties."""
        properties: Mapping[str, Any] = self.item["properties"]
        return properties

    @property
    def variable(self) -> str:
        """The canonical name."""
        return str(self.properties[f"{PREFIX}variable"])

    @property
    def path(self) -> str:
        """The GeoTIFF's key in the storage."""
        return f"{self.key}/{self.file.name}"

    @property
    def is_of_one_depth(self) -> bool:
        """Whether it is one depth of a soil profile."""
        return self.key != self.variable

    def row(self, state: str) -> LayerRow:
        """Return the layer's row in a list of layers; missing values are ""."""
        properties = self.properties
        rows, columns = properties["proj:shape"]
        fetched = {
            k: properties.get(f"{PREFIX}{k}", "") for k in ("source_id", "retrieved", "stale")
        }
        return {
            "layer": self.key,
            "unit": properties.get(f"{PREFIX}unit") or "class",
            "depth": properties.get("depth_cm", ""),
            "year": properties.get("year", ""),
            "licence": properties["licence"],
            "source": fetched["source_id"] or properties["source"],
            "retrieved": fetched["retrieved"],
            "stale": fetched["stale"],
            "cells": f"{rows} x {columns}",
            "crs": properties.get("proj:code") or "own",
            "file": self.path,
            "state": state,
        }

    def state(self, sizes: Mapping[str, int]) -> str:
        """Return "ok", "missing", "changed" or "stale since ...", by the sizes of the files."""
        if self.path not in sizes:
            return MISSING
        if sizes[self.path] != self.file.size:
            return CHANGED
        if any(path not in sizes for path in self.paths()):
            return MISSING
        return self.freshness

    @property
    def freshness(self) -> str:
        """Whether its source could be reached at the last update: "ok" or "stale since ..."."""
        return f"stale since {self.properties[STALE_SINCE]}" if self.properties.get(STALE) else OK

    def paths(self) -> set[str]:
        """Return the keys of all files that the item names, and of the item itself."""
        hrefs = [str(asset["href"]) for asset in self.item["assets"].values()]
        return {item_file(self.key)} | {f"{self.key}/{_name(href)}" for href in hrefs}


def read_item(content: bytes, key: str, shown: str) -> StoredLayer:
    """Return the layer that an item describes, or raise `RasterError`."""
    path = f"{shown}/{item_file(key)}"
    item = read_json(content, path)
    try:
        asset = item["assets"]["data"]
        digest = str(asset["file:checksum"]).removeprefix("1220")
        file = LayerFile(_name(asset["href"]), digest, int(asset["file:size"]))
        found = StoredLayer(key, file, item)
        # Evaluated here, so that an incomplete item is refused now and not when it is listed.
        found.row(OK)
        found.paths()
        if found.is_of_one_depth:
            depth_of(found.properties["depth_cm"], found.variable)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RasterError(
            f"'{path}' isn't the item of a layer in the format of a store. Add '{key}' again."
        ) from error
    return found


def keys_of(entries: Iterable[Entry]) -> list[str]:
    """Return the names of the layers whose items exist, sorted."""
    folders = (entry.key.partition("/")[0] for entry in entries)
    paths = {entry.key for entry in entries}
    return sorted({folder for folder in folders if item_file(folder) in paths})


def unreferenced(
    entries: Iterable[Entry], layers: Iterable[StoredLayer], grace: float
) -> list[str]:
    """Return files that no item names: former versions, and leftovers of killed runs.

    Files younger than `grace` seconds are omitted, because another run may be writing them. Ages
    are relative to the newest file, so that only the clock of the storage matters.
    """
    listed = list(entries)
    named = {path for layer in layers for path in layer.paths()}
    newest = max((entry.modified for entry in listed), default=0.0)
    return [
        entry.key
        for entry in listed
        if entry.key not in named
        and _MADE.fullmatch(entry.key.rpartition("/")[2])
        and newest - entry.modified >= grace
    ]


def require_store_catalogue(content: bytes, shown: str) -> None:
    """Raise `RasterError` unless this is the catalogue of a store in the current layout."""
    catalogue = read_json(content, f"{shown}/{CATALOGUE}")
    if not isinstance(catalogue, dict) or catalogue.get("id") != CATALOGUE_ID:
        raise RasterError(
            f"'{shown}' isn't a store of layers: its {CATALOGUE} is another catalogue. Give a"
            " folder that 'hotspots add-layer' has filled, or a new one."
        )
    links = [link for link in catalogue.get("links", []) if link.get("rel") == "item"]
    former = [link for link in links if link.get("href") != f"./{item_file(str(link['title']))}"]
    if former:
        raise RasterError(
            f"The store '{shown}' was written by an earlier version, in another layout. Give a new"
            " folder and add its layers there again: its .tif files can be given to 'hotspots"
            " add-layer' as they are."
        )


def read_json(content: bytes, path: str) -> Any:
    """Return the content of a JSON file, or raise `RasterError`."""
    try:
        return json.loads(content)
    except ValueError as error:
        raise RasterError(
            f"'{path}' of the store can't be read: {error}. If it was changed by hand, undo that;"
            f" a {CATALOGUE} may be removed, the next layer added writes it again."
        ) from error


def _name(href: str) -> str:
    """Return the file name of an address in the item's folder; any other address is invalid."""
    name = href.removeprefix("./")
    if "/" in name or not name:
        raise ValueError(href)
    return name
