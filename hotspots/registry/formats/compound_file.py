"""The stream of an XLS workbook out of its compound file (OLE2), and a clean file around it.

The library that reads XLS follows the chains of a compound file without an end, and takes the sizes
that it states. So the stream is taken out here, where a chain that meets itself or leaves the file
is an error, and the library gets a new compound file that holds this stream alone.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SECTOR = 512  # bytes of the sectors written, and of the header
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_LAST = 0xFFFFFFFA  # numbers from here on aren't sectors
_SMALL = 4096  # bytes; shorter streams lie in the mini stream
_IN_HEADER = 109  # numbers of the FAT's sectors that the header holds
_ENTRY = 128


class _Entry(NamedTuple):
    name: str
    start: int
    size: int


class CompoundFile:
    """The streams of a compound file.

    Parameters
    ----------
    data : bytes
        The file's content.

    Raises
    ------
    ValueError
        It isn't a compound file, or is damaged; the message says how.
    """

    def __init__(self, data: bytes) -> None:
        if len(data) < _SECTOR or not data.startswith(SIGNATURE):
            raise ValueError("it is cut short, or no compound file")
        shift, mini_shift = struct.unpack_from("<HH", data, 30)
        if shift not in (9, 12) or mini_shift != 6:
            raise ValueError("its sectors have an odd size")
        self._data, self._size = data, 1 << shift
        start, mini_start, difat = struct.unpack_from("<I8xI4xI", data, 48)
        self._fat = self._numbers(self._fat_sectors(difat))
        directory = self._joined(self._chain(start, self._fat), self._size)
        self._entries = [
            _entry(directory[at : at + _ENTRY]) for at in range(0, len(directory), _ENTRY)
        ]
        if not self._entries:
            raise ValueError("it has no directory")
        root = self._entries[0]
        self._mini_fat = self._numbers(self._chain(mini_start, self._fat))
        self._mini = self._joined(self._chain(root.start, self._fat), self._size)[: root.size]

    def names(self) -> list[str]:
        """Return the names of its streams and storages."""
        return [entry.name for entry in self._entries]

    def stream(self, name: str) -> bytes:
        """Return the content of a stream.

        Raises
        ------
        ValueError
            It is missing or damaged.
        """
        entry = next((entry for entry in self._entries if entry.name == name), None)
        if entry is None:
            raise ValueError(f"it has no stream '{name}'")
        if entry.size < _SMALL:
            chain = self._chain(entry.start, self._mini_fat)
            found = b"".join(self._mini[64 * at : 64 * at + 64] for at in chain)
        else:
            found = self._joined(self._chain(entry.start, self._fat), self._size)
        if len(found) < entry.size:
            raise ValueError(f"its stream '{name}' is cut short")
        return found[: entry.size]

    def _fat_sectors(self, difat: int) -> list[int]:
        found = list(struct.unpack_from(f"<{_IN_HEADER}I", self._data, 76))
        seen: set[int] = set()
        while difat < _LAST:
            if difat in seen:
                raise ValueError("a chain of sectors meets itself")
            seen.add(difat)
            *more, difat = self._numbers([difat])
            found += more
        return [sector for sector in found if sector < _LAST]

    def _chain(self, start: int, fat: Sequence[int]) -> list[int]:
        """Return the numbers of the sectors of a chain; each at most once."""
        chain: list[int] = []
        while start < _LAST:
            if start >= len(fat) or len(chain) > len(fat):
                raise ValueError("a chain of sectors meets itself, or leaves the file")
            chain.append(start)
            start = fat[start]
        return chain

    def _joined(self, sectors: Sequence[int], size: int) -> bytes:
        # The header takes the place of the first sector.
        return b"".join(self._data[(at + 1) * size : (at + 2) * size] for at in sectors)

    def _numbers(self, sectors: Sequence[int]) -> tuple[int, ...]:
        if len(set(sectors)) < len(sectors):
            raise ValueError("a sector is used twice")
        raw = self._joined(sectors, self._size)
        if len(raw) < len(sectors) * self._size:
            raise ValueError("it is cut short")
        return struct.unpack(f"<{len(raw) // 4}I", raw)


def _entry(raw: bytes) -> _Entry:
    if len(raw) < _ENTRY:
        raise ValueError("its directory is cut short")
    name = raw[:64].decode("utf-16-le", errors="replace").partition("\0")[0]
    start, size = struct.unpack_from("<II", raw, 116)
    return _Entry(name, start, size)


def compound_file(name: str, content: bytes) -> bytes:
    """Return a compound file that holds one stream.

    Parameters
    ----------
    name : str
        Name of the stream, of at most 31 characters.
    content : bytes
        Its content; zeros are added up to the shortest length of a stream of sectors.
    """
    content = content.ljust(_SMALL, b"\0")
    sectors = -(-len(content) // _SECTOR)
    # One sector for the directory. A sector of the FAT numbers 128 sectors, itself included; one
    # more than needed has places for what lists those that don't fit into the header.
    fats = -(-(sectors + 1) // (_SECTOR // 4 - 1)) + 1
    difats = -(-max(0, fats - _IN_HEADER) // (_SECTOR // 4 - 1))
    directory, first_fat, first_difat = sectors, sectors + 1, sectors + 1 + fats
    fat = [*range(1, sectors), _END, _END, *[_FAT] * fats, *[_FAT - 1] * difats]
    numbers = [first_fat + at for at in range(fats)]
    header = struct.pack(
        "<8s16xHHHHH6xIII4xIIIII",
        *(SIGNATURE, 0x3E, 3, 0xFFFE, 9, 6, 0, fats, directory, _SMALL, _END, 0),
        *(first_difat if difats else _END, difats),
    )
    entries = _written("Root Entry", 5, _END, 0, child=1) + _written(name, 2, 0, len(content))
    free = _written("", 0, 0, 0) * 2
    return b"".join(
        [
            header + _packed(numbers[:_IN_HEADER], _IN_HEADER),
            content.ljust(sectors * _SECTOR, b"\0"),
            entries + free,
            _packed(fat, fats * _SECTOR // 4),
            _linked(numbers[_IN_HEADER:], first_difat, difats),
        ]
    )


def _packed(numbers: Sequence[int], length: int) -> bytes:
    return struct.pack(f"<{length}I", *numbers, *[_FREE] * (length - len(numbers)))


def _linked(numbers: Sequence[int], first: int, sectors: int) -> bytes:
    """Return the sectors with the numbers that the header has no place for; each names the next."""
    most = _SECTOR // 4 - 1
    raw = b""
    for at in range(sectors):
        following = first + at + 1 if at + 1 < sectors else _END
        raw += _packed(numbers[at * most : (at + 1) * most], most) + struct.pack("<I", following)
    return raw


def _written(name: str, kind: int, start: int, size: int, child: int = _FREE) -> bytes:
    """Return an entry of the directory."""
    raw = name.encode("utf-16-le")
    length = len(raw) + 2 if name else 0
    links = (_FREE, _FREE, child)
    return struct.pack("<64sHBB3I36xIII", raw, length, kind, 1, *links, start, size, 0)
