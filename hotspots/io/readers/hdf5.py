"""Safety checks of NetCDF files: no references to other files, and sizes within the limits.

NetCDF-4 is HDF5, in which a link, a dataset's external storage or a virtual dataset can refer to
any file of the machine. All checks use the metadata, before any value is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotspots.errors import BadInputError, RasterError, deepest_reason
from hotspots.io.limits import require_within
from hotspots.io.readers.paths import first_bytes

if TYPE_CHECKING:
    import h5py

HDF5 = b"\x89HDF\r\n\x1a\n"
CLASSIC = (b"CDF\x01", b"CDF\x02")  # NetCDF-3 with offsets of 32 and of 64 bits
_MOST_OBJECTS = 20_000
# Exceptions that readers raise for a damaged file.
DAMAGE = (
    OSError,
    ValueError,
    RuntimeError,
    KeyError,
    TypeError,
    EOFError,
    IndexError,
    AttributeError,
    OverflowError,
    MemoryError,
    UnicodeError,
    AssertionError,
)


def unreadable(path: str | Path, why: Exception | str) -> RasterError:
    """Return the error of a NetCDF file that is damaged."""
    message = deepest_reason(why) if isinstance(why, Exception) else why
    return RasterError(
        f"'{path}' can't be read as NetCDF; it may be damaged or cut short ({message})."
        " Fetch or write it again."
    )


def require_sound_netcdf(path: Path) -> None:
    """Raise `BadInputError` if a NetCDF file refers to other files or exceeds the limits.

    Raises
    ------
    RasterError
        Its first bytes aren't those of NetCDF, or its metadata can't be read.
    """
    stat = path.stat()
    _require_sound(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)  # a lazy layer opens its file for each of its chunks
def _require_sound(path: Path, size: int, modified: int) -> None:
    begins = first_bytes(path, 8)
    if begins.startswith(CLASSIC):
        _require_sound_classic(path)
    elif begins == HDF5:
        _require_sound_hdf5(path)
    # scipy, which reads the classic kinds, knows only the first two.
    elif begins.startswith(b"CDF\x05"):
        raise unreadable(path, "it is of the classic kind CDF-5; convert it by nccopy -k nc4")
    else:
        raise unreadable(path, "it doesn't begin like one")


def _require_sound_classic(path: Path) -> None:
    """Read the header; the reader detects arrays that extend beyond the file's end."""
    from scipy.io import netcdf_file

    try:
        with netcdf_file(path, "r", mmap=True) as file:  # memory-mapped: no value is read
            shapes = {name: tuple(item.shape) for name, item in file.variables.items()}
    except DAMAGE as error:
        raise unreadable(path, "its header is damaged, or declares more than there is") from error
    for name, shape in shapes.items():
        _require_bands(path, name, shape)


def _require_sound_hdf5(path: Path) -> None:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            for name, item in _datasets(file, path):
                _require_inside(path, name, item)
                _require_small(path, name, item)
    except DAMAGE as error:
        raise unreadable(path, error) from error


def _datasets(file: h5py.File, path: Path) -> Iterator[tuple[str, h5py.Dataset]]:
    """Yield all datasets, each once; raise `BadInputError` on a link to another file."""
    import h5py

    # Objects are known by their address: a hard link gives one object a further name.
    root = h5py.h5o.get_info(file.id)
    seen: set[Any] = {(root.fileno, root.addr)}
    waiting: list[tuple[str, Any]] = [("", file)]
    while waiting:
        where, group = waiting.pop()
        for key in group:
            name = f"{where}/{key}"
            link = group.get(key, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise _leads_out(path, name)
            if not isinstance(link, h5py.HardLink):  # a soft link's target is visited anyway
                continue
            item = group[key]
            info = h5py.h5o.get_info(item.id)
            if (info.fileno, info.addr) in seen:
                # A group met twice may contain itself, which sends readers into infinite recursion.
                if isinstance(item, h5py.Group):
                    raise BadInputError(
                        f"The group '{name.strip('/')}' of '{path}' is in two places of the file."
                        " Write the layers that you need to a file of their own (nccopy)."
                    )
                continue
            seen.add((info.fileno, info.addr))
            if len(seen) > _MOST_OBJECTS:
                raise BadInputError(
                    f"'{path}' holds more than {_MOST_OBJECTS:,} groups and variables. Write the"
                    " layers that you need to a file of their own."
                )
            if isinstance(item, h5py.Group):
                waiting.append((name, item))
            elif isinstance(item, h5py.Dataset):
                yield name, item


def _require_inside(path: Path, name: str, item: h5py.Dataset) -> None:
    sources = item.virtual_sources() if item.is_virtual else ()
    # HDF5 writes "." for the file itself.
    if item.external or any(source.file_name != "." for source in sources):
        raise _leads_out(path, name)


def _require_small(path: Path, name: str, item: h5py.Dataset) -> None:
    """Raise `BadInputError` if a chunk or an axis, which are read whole, is too large."""
    shape = item.shape or ()
    _require_bands(path, name, shape)
    at_once = shape if len(shape) == 1 else item.chunks or ()
    require_within(
        f"A chunk or axis of '{name.strip('/')}' in '{path}' has",
        math.prod(at_once) * item.dtype.itemsize,
        "block_bytes",
        "write it again in smaller chunks (nccopy -c)",
    )


def _require_bands(path: Path, name: str, shape: tuple[int, ...]) -> None:
    require_within(
        f"'{name.strip('/')}' of '{path}' has",
        math.prod(shape[:-2]),
        "raster_bands",
        "keep the steps that you need",
    )


def _leads_out(path: Path, name: str) -> BadInputError:
    return BadInputError(
        f"'{name.strip('/')}' of '{path}' stands for another file, which isn't read. Copy the"
        " layer itself into one file (nccopy, h5repack)."
    )
