"""Safety checks of Zarr stores: no references outside the folder, no code, sizes within limits.

A store's metadata name the codecs that unpack it, and one of those (pickle) runs any code in the
data. Therefore only numbers and text with known codecs are read.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from hotspots.errors import BadInputError, shortened
from hotspots.io.limits import require_regular, require_within

_METADATA = (".zarray", ".zgroup", "zarr.json")
_MARKS = (*_METADATA, ".zmetadata")
_METADATA_BYTES = 10_000_000
# Codecs that only transform numbers and bytes; those of Python objects are left out.
_CODECS = frozenset(
    {
        "bytes",
        "transpose",
        "sharding_indexed",
        "crc32c",
        "gzip",
        "zlib",
        "zstd",
        "blosc",
        "lz4",
        "bz2",
        "lzma",
        "shuffle",
        "delta",
        "fixedscaleoffset",
        "quantize",
        "bitround",
        "packbits",
        "astype",
        "adler32",
        "crc32",
        "fletcher32",
        "vlen-utf8",
        "vlen-bytes",
    }
)
# Data types of numbers and plain text; "O" also requires a text codec.
_KINDS = frozenset("biufcSUMm")
_TEXT = frozenset({"vlen-utf8", "vlen-bytes"})


def is_zarr(path: Path) -> bool:
    """Return whether a folder is a Zarr store, by its suffix or its metadata files."""
    return path.is_dir() and (
        path.suffix.lower() == ".zarr" or any((path / mark).is_file() for mark in _MARKS)
    )


def require_sound_zarr(path: str | Path) -> Path:
    """Return the absolute path of a Zarr store without references to other files, or raise.

    Raises
    ------
    BadInputError
        It contains a symbolic link, a pipe or a device; a codec isn't known to be harmless; it has
        more steps or larger chunks than the limits allow; metadata can't be read.
    """
    folder = Path(os.path.abspath(path))
    if not folder.is_dir():
        raise BadInputError(f"There is no folder '{shortened(path)}'. Give a Zarr store.")
    _require_all_sound(folder, folder.stat().st_mtime_ns)
    return folder


@lru_cache(maxsize=64)  # a raster is opened for each of its strips
def _require_all_sound(folder: Path, modified: int) -> None:
    for file in _files(folder):
        if file.name in _METADATA:
            _require_sound(file, folder)


def _files(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        for name in (*folders, *names):
            item = Path(where, name)
            if item.is_symlink():
                raise BadInputError(
                    f"'{item.relative_to(folder)}' of '{shortened(folder)}' is a symbolic link,"
                    " which may lead anywhere. Copy the store with what the links stand for"
                    " (cp -rL)."
                )
        for name in names:
            item = Path(where, name)
            require_regular(item)
            yield item


def _require_sound(file: Path, folder: Path) -> None:
    shown = f"{folder.name}/{file.relative_to(folder)}"
    if file.stat().st_size > _METADATA_BYTES:
        raise BadInputError(f"'{shown}' is too large for metadata of Zarr. Write the store again.")
    try:
        metadata = json.loads(file.read_bytes())
    except (ValueError, RecursionError, OSError) as error:
        raise BadInputError(
            f"'{shown}' can't be read as metadata of Zarr. Copy or write the store again."
        ) from error
    if not isinstance(metadata, dict):
        raise BadInputError(f"'{shown}' isn't metadata of Zarr. Copy or write the store again.")
    if file.name == ".zgroup" or metadata.get("node_type") == "group":
        return
    try:
        _require_harmless(metadata, shown)
        _require_small(metadata, shown)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise BadInputError(
            f"'{shown}' doesn't describe an array as Zarr does. Copy or write the store again."
        ) from error


def _require_harmless(metadata: Mapping[str, Any], shown: str) -> None:
    codecs = set(_names(metadata))
    unknown = sorted(codecs - _CODECS)
    # Version 2 gives numpy's type ("<f4", "|O"); arrays of version 3 are checked by codec only.
    kind = str(metadata.get("dtype", "i1" if "data_type" in metadata else ""))
    is_text = bool(codecs & _TEXT)
    if not unknown and kind.lstrip("<>|=")[:1] not in _KINDS and not is_text:
        unknown = [f"values of type {kind[:20] or 'none'}"]
    if unknown or metadata.get("storage_transformers"):
        what = unknown[0][:40] if unknown else "a transformer of its storage"
        raise BadInputError(
            f"'{shown}' is packed by '{what}', which isn't read. Write the store again with zstd or"
            " zlib."
        )


def _names(metadata: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of all codecs in an array's metadata, including those within shards."""
    listed = [
        metadata.get("compressor"),
        *(metadata.get("filters") or ()),
        *(metadata.get("codecs") or ()),
    ]
    for codec in filter(None, listed):
        name = str(codec.get("id") or codec.get("name") or "")
        yield name.removeprefix("numcodecs.").lower()
        within = codec.get("configuration") or {}
        if name == "sharding_indexed":
            yield from _names(within)
            yield from _names({"codecs": within.get("index_codecs")})


def _require_small(metadata: Mapping[str, Any], shown: str) -> None:
    shape = [int(size) for size in metadata["shape"]]
    grid = metadata.get("chunk_grid") or {}
    chunks = metadata.get("chunks") or grid["configuration"]["chunk_shape"] if shape else ()
    require_within(
        f"'{shown}' has", math.prod(shape[:-2]), "raster_bands", "keep the steps that you need"
    )
    # An axis is read whole.
    at_once = math.prod(int(size) for size in (shape if len(shape) == 1 else chunks))
    require_within(
        f"A chunk or axis of '{shown}' has",
        at_once * _value_bytes(metadata),
        "block_bytes",
        "write it again in smaller chunks",
    )


def _value_bytes(metadata: Mapping[str, Any]) -> int:
    """Return the bytes of one value in memory; at least 8, since numbers are read as float64."""
    kind = metadata.get("dtype") or metadata.get("data_type")
    if isinstance(kind, Mapping):  # texts of fixed length in version 3
        return max(8, int((kind.get("configuration") or {}).get("length_bytes", 8)))
    try:
        return max(8, np.dtype(str(kind)).itemsize)
    except TypeError:
        return 16  # a name of version 3 that numpy doesn't have
