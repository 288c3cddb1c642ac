"""A store of harmonised layers: cloud-optimised GeoTIFFs under a static STAC catalogue.

::

    store/
      catalog.json                           the catalogue, for STAC clients
      soc_stock/soc_stock.json               a layer's STAC item: it names the files that hold
      soc_stock/8f3a61c2d9e04b71.tif         the layer, named by its own hash
      soc_stock/8f3a61c2d9e04b71.quality.json, .quality.html

A layer's file never changes once written. A layer is added by replacing its item atomically, so a
run that is killed at any point leaves the former layer. The catalogue is generated from the
existing items; reading uses the items alone. A reader that opened a layer before it was replaced
can finish: files that no item names are removed by the next `add`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xarray as xr

from hotspots.errors import RasterError, WriteError, near_matches
from hotspots.io.atomic import OF_THE_DISK, file_hash, reason
from hotspots.io.clock import today
from hotspots.io.cog import write_cog
from hotspots.io.geotiff import read_geotiff
from hotspots.io.limits import require_within
from hotspots.layers.alignment import on_one_grid
from hotspots.layers.dimensions import DEPTH, stacked
from hotspots.layers.harmonise import harmonise
from hotspots.layers.variables import how_to_set
from hotspots.locale.escaping import shell_word
from hotspots.store.clipping import clipped
from hotspots.store.items import (
    CHANGED,
    MISSING,
    LayerRow,
    StoredLayer,
    keys_of,
    read_item,
    require_store_catalogue,
    unreferenced,
)
from hotspots.store.open_storage import open_storage
from hotspots.store.profiles import (
    Part,
    depth_of,
    layer_key,
    profile_of,
    profile_of_layers,
    stacked_depths,
)
from hotspots.store.provenance import (
    OWN,
    PREFIX,
    STALE,
    STALE_SINCE,
    json_bytes,
    provenance_fields,
)
from hotspots.store.stac import CATALOGUE, LayerFile, item_file, stac_catalogue, stac_item
from hotspots.store.storage import ChangedError, Entry, Storage

LESS = "cut it to your region, or average it to larger cells"
REQUIRED = ("source", "citation", "licence")
_ID_LENGTH = 16  # hex digits of the hash in file names, by which `items` recognises them
_TRIES = 20


class Store:
    """A store of layers, in a folder or a bucket.

    Parameters
    ----------
    location : path or str
        A folder, created by the first `add`; or ``s3://bucket/prefix`` (see `hotspots.store.s3`).
    """

    def __init__(self, location: str | Path | Storage) -> None:
        self.storage = open_storage(location)

    def __repr__(self) -> str:
        return f"Store({self.storage.shown!r})"

    def names(self) -> list[str]:
        """Return the names of the layers, sorted; an absent or empty folder has none.

        A layer of a soil profile has its depth in its name: ``soc_0-5cm``, ``soc_15cm``.
        """
        return keys_of(self._entries())

    def hashes(self) -> dict[str, str]:
        """Return name -> SHA-256 (hex) of the layer's file, as written in its item."""
        return {key: self._layer(key).file.sha256 for key in self.names()}

    def file(self, name: str) -> Path:
        """Return a layer's verified GeoTIFF; for a bucket, a local copy. Raises as `open`."""
        return self._file(self._layer(name))

    def item(self, name: str) -> Mapping[str, Any]:
        """Return a layer's STAC item, or raise `RasterError` with near matches."""
        return self._layer(name).item

    def replacing(self, name: str, source_id: str) -> str:
        """Return a notice if a layer of this name would replace one of another source, else ""."""
        if name not in self.names():
            return ""
        former = self.item(name)["properties"].get(f"{PREFIX}source_id", "")
        if not former or former == source_id:
            return ""
        origin = {OWN: "a file of your own", "derived": "what was computed here"}.get(
            former, f"'{former}'"
        )
        return f"It took the place of the layer '{name}' from {origin}."

    def layers(self, *, check: bool = False) -> list[LayerRow]:
        """Return a row for each layer: name, unit, depth, year, licence, source and so on.

        Parameters
        ----------
        check : bool
            Compare the SHA-256 of each file with its item, which reads all files completely (about
            one second per GB from a disk); else existence and sizes alone.

        Returns
        -------
        list of LayerRow
            ``state`` is "ok", "missing" (a file of it), "changed", or "stale since" the date when
            its source couldn't be reached. Missing values are "".
        """
        entries = self._entries()
        sizes = {entry.key: entry.size for entry in entries}
        found = [self._layer(key) for key in keys_of(entries)]
        return [layer.row(self._state(layer, sizes, check)) for layer in found]

    def add(
        self,
        layer: xr.DataArray,
        *,
        provenance: Mapping[str, object] | None = None,
        report: Mapping[str, object] | None = None,
        beside: Mapping[str, bytes] | None = None,
        on_progress: Callable[[float], None] | None = None,
    ) -> str:
        """Write `layer` into the store, replacing a former layer of its name.

        Parameters
        ----------
        layer : DataArray
            Dimensions (y, x) or (lat, lon), and ``month``, ``time`` or ``depth`` where its variable
            has that dimension; a CRS, a canonical name and unit; ``attrs`` with ``source``,
            ``citation`` and ``licence``, and for one depth of a soil profile ``depth_cm``: "0-5"
            or "15". May be dask-backed: it is computed in strips.
        provenance : mapping, optional
            The argument of `hotspots.store.provenance.provenance_fields`; written into the item.
        report : mapping, optional
            The quality report, written as JSON.
        beside : mapping of str to bytes, optional
            Further files, by the last part of their names: "quality.html".
        on_progress : callable, optional
            Called with the fraction that is written, 0 to 1.

        Returns
        -------
        str
            The layer's name in the store.

        Raises
        ------
        RasterError
            A required attribute is missing, or the folder can't be written (permission, or it is a
            file).
        WriteError
            The disk is full or fails. The store is unchanged after either error.
        FetchError
            The server of a bucket can't be reached.
        """
        require_within(f"Layer '{layer.name}' has", layer.size, "raster_cells", LESS)
        canonical = harmonise(layer, declared=True)
        key = layer_key(canonical)
        require_attribution(canonical)
        fields = provenance_fields(provenance)
        files = dict(beside or {}) | (
            {} if report is None else {"quality.json": json_bytes(report)}
        )
        with self.writing(), self.storage.scratch() as folder:
            self._entries()  # raises before the work if the folder isn't a store
            made = folder / "layer.tif"
            write_cog(canonical, made, named=self.storage.scratch_name, on_progress=on_progress)
            digest = file_hash(made)
            file = LayerFile(f"{digest[:_ID_LENGTH]}.tif", digest, made.stat().st_size)
            names = {end: f"{digest[:_ID_LENGTH]}.{end}" for end in files}
            item = stac_item(canonical, key, file, fields=fields, beside=names)
            small = {names[end]: content for end, content in files.items()}
            # Locked only now, because computing the layer may have taken long. The sweep precedes
            # the new item, so that readers of the layer that it replaces can finish.
            with self.storage.locked():
                self._sweep()
                self._put(key, made, file.name, small, json_bytes(item))
        return key

    def mark_stale(self, name: str, why: str) -> None:
        """Record in a layer's item that its source couldn't be reached, and why; `add` clears it.

        In a bucket, which can't be locked, this may overwrite a layer that another run adds at the
        same moment: the former layer is then kept, marked as stale.
        """
        with self.writing(), self.storage.locked():
            item = dict(self._layer(name).item)
            item["properties"] = dict(item["properties"]) | {
                STALE: why,
                STALE_SINCE: today().isoformat(),
            }
            self.storage.write(item_file(name), json_bytes(item))

    def remove(self, name: str) -> None:
        """Remove a layer from the store; its files are deleted by the next `add`."""
        self._layer(name)
        with self.writing(), self.storage.locked():
            self.storage.remove(item_file(name))
            self._publish()

    def open(
        self,
        names: Sequence[str] | None = None,
        bounds: tuple[float, float, float, float] | None = None,
    ) -> xr.Dataset:
        """Open layers as one Dataset; the depths of a soil variable become one layer.

        Each file is read once to compare its SHA-256 with its item: about one second per GB.

        Parameters
        ----------
        names : sequence of str, optional
            Layers to open, by their names in the store or, for all depths of a profile, their
            variable; default all. A single named depth is returned unchanged.
        bounds : (west, south, east, north) in degrees, optional
            Cells that intersect this box. West > east crosses the antimeridian; then all columns
            are returned, because the two parts aren't contiguous columns.

        Returns
        -------
        Dataset
            Layers with canonical names and units on one grid, with ``attrs["sha256"]`` on each.
            Depths are combined by `hotspots.store.profiles.stacked_depths`.

        Raises
        ------
        RasterError
            A name isn't in the store; a file is missing, changed or damaged; the depths of a
            profile overlap or leave a gap.
        GridMismatchError
            The layers don't share one grid.
        EmptyRegionError
            The box intersects no cell.
        """
        there = [self._layer(key) for key in self.names()]
        requested = self.names() if names is None else list(dict.fromkeys(names))
        if not requested:
            raise RasterError(
                f"The store '{self.storage.shown}' holds no layer. Add one first:"
                f" hotspots add-layer FILE --store {shell_word(self.storage.shown)}"
            )
        groups: dict[str, list[StoredLayer]] = {}
        for name in requested:
            for layer in self._of_name(name, there):
                group = groups.setdefault(layer.variable, [])
                # A depth may be requested both by its own name and through its variable.
                group += [layer] if layer not in group else []
        as_they_are = set(names or ())
        data = on_one_grid(self._as_one(group, as_they_are) for group in groups.values())
        return data if bounds is None else clipped(data, bounds)

    def profile(self, variable: str) -> xr.DataArray:
        """Open the depths of a soil variable without averaging.

        Returns
        -------
        DataArray
            Along ``depth`` (cm) with ``top`` and ``bottom``, as `profiles.profile_of` returns it;
            ``attrs["depth_kind"]`` is "points" or "layers".

        Raises
        ------
        RasterError
            The store has no depths of the variable, or overlapping layers; and the errors of
            `open`.
        """
        found = [layer for key in self.names() if (layer := self._layer(key)).variable == variable]
        depths = [layer for layer in found if layer.is_of_one_depth]
        if depths:
            return profile_of(variable, [self._part(layer) for layer in depths])
        whole = self._opened(found[0]) if found else None
        if whole is None or DEPTH not in whole.dims:
            raise RasterError(
                f"The store '{self.storage.shown}' has no depths of '{variable}'. Add its layers"
                f" with their depths: hotspots add-layer FILE --as {variable} --depth 0-5 --store"
                f" {shell_word(self.storage.shown)}"
            )
        return profile_of_layers(whole)

    def _entries(self) -> list[Entry]:
        """Return the files of the storage, or raise `RasterError` if it isn't a store."""
        entries = self.storage.entries()
        if any(entry.key == CATALOGUE for entry in entries):
            require_store_catalogue(self.storage.read(CATALOGUE), self.storage.shown)
        return entries

    def _layer(self, name: str) -> StoredLayer:
        try:
            return read_item(self.storage.read(item_file(name)), name, self.storage.shown)
        except (FileNotFoundError, NotADirectoryError) as error:
            there = self.names()
            raise RasterError(
                f"The store '{self.storage.shown}' has no layer '{name}'"
                f"{near_matches(name, there) or '.'} It holds: {', '.join(there) or 'none'}."
            ) from error

    def _of_name(self, name: str, there: Sequence[StoredLayer]) -> list[StoredLayer]:
        found = [layer for layer in there if layer.key == name]
        return found or [x for x in there if x.variable == name] or [self._layer(name)]

    def _as_one(self, group: Sequence[StoredLayer], as_they_are: set[str]) -> xr.DataArray:
        """Return the layers of one variable as one."""
        name = group[0].variable
        if len(group) == 1 and (group[0].key in as_they_are or not group[0].is_of_one_depth):
            return self._opened(group[0])
        whole = [layer.key for layer in group if not layer.is_of_one_depth]
        if whole:
            others = ", ".join(layer.key for layer in group if layer.is_of_one_depth)
            raise RasterError(
                f"The store '{self.storage.shown}' holds '{name}' both whole and by"
                f" depths ({others}). Remove one or the other, or open one by name."
            )
        return stacked_depths(name, [self._part(layer) for layer in group])

    def _part(self, layer: StoredLayer) -> Part:
        return depth_of(layer.properties["depth_cm"], layer.variable), self._opened(layer)

    def _opened(self, layer: StoredLayer) -> xr.DataArray:
        (opened,) = stacked(read_geotiff(self._file(layer)))
        # What the store wrote has its missing cells marked; -1 and the like are values.
        return harmonise(opened, declared=True).assign_attrs(sha256=layer.file.sha256)

    def _file(self, layer: StoredLayer) -> Path:
        file = layer.file
        try:
            return self.storage.local(layer.path, file.size, file.sha256)
        except FileNotFoundError as error:
            now = self._layer(layer.key)
            if now.file != file:  # replaced, and removed, since its item was read
                return self._file(now)
            raise self._damaged(layer, "is missing") from error
        except ChangedError as error:
            raise self._damaged(layer, "was changed since it was added") from error

    def _damaged(self, layer: StoredLayer, how: str) -> RasterError:
        return RasterError(
            f"The file of layer '{layer.key}' in the store '{self.storage.shown}' {how}"
            f" ({layer.path}). Add the layer again, or restore the file from a copy."
        )

    def _state(self, layer: StoredLayer, sizes: Mapping[str, int], check: bool) -> str:
        state = layer.state(sizes)
        if not check or state in (MISSING, CHANGED):
            return state
        try:
            return state if self.storage.digest(layer.path) == layer.file.sha256 else CHANGED
        except FileNotFoundError:
            return MISSING

    def _put(
        self, key: str, made: Path, name: str, beside: Mapping[str, bytes], item: bytes
    ) -> None:
        """Store a layer: its files, then the item that names them, then the catalogue."""
        for _ in range(_TRIES):
            if made.exists():  # in a folder it is moved
                self.storage.put_file(f"{key}/{name}", made)
            for beside_name, content in beside.items():
                self.storage.write(f"{key}/{beside_name}", content)
            self.storage.write(item_file(key), item)
            self._publish()
            # Without locks, another run's sweep may have listed the files while a former version of
            # the same content was named by no item, and may remove it after this write.
            there = {entry.key for entry in self.storage.entries()}
            if {f"{key}/{n}" for n in (name, *beside)} <= there:
                return

    def _sweep(self) -> None:
        """Remove files that no item names: former versions, and leftovers of killed runs."""
        entries = self.storage.entries()
        layers = [self._layer(key) for key in keys_of(entries)]
        for path in unreferenced(entries, layers, self.storage.grace):
            self.storage.remove(path)

    def _publish(self) -> None:
        """Write the catalogue of the existing items, repeatedly until it matches them.

        Without locks, another run may add an item, or write its own catalogue, between two steps of
        this one; the last run sees both items, and its catalogue remains.
        """
        for _ in range(_TRIES):
            keys = self.names()
            content = json_bytes(stac_catalogue(keys))
            self.storage.write(CATALOGUE, content)
            if self.names() == keys and self.storage.read(CATALOGUE) == content:
                return

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn an `OSError` of a write into an error that names the store and the reason."""
        try:
            yield
        except OSError as error:
            kind = WriteError if error.errno in OF_THE_DISK else RasterError
            raise kind(
                f"{self.storage.scratch_name} can't be written ({reason(error)}); the store is as"
                " it was. Correct that, or give another folder."
            ) from error


def require_attribution(layer: xr.DataArray) -> None:
    """Raise `RasterError` for a layer that lacks what a store must state: source, licence, …."""
    for key in REQUIRED:
        if not layer.attrs.get(key):
            raise RasterError(
                f"Layer '{layer.name}' lacks the attribute '{key}', which is required."
                f" {how_to_set(str(layer.name), key, '...')}"
            )
