"""Reading files as text or bytes: regular files only, within limits of size and time.

`Deadline` limits the time for reading one file. It is checked between chunks, rows and steps of a
database; a single call into a library isn't interrupted, so its input is limited in bytes, rows,
vertices and pairs of edges instead.
"""

from __future__ import annotations

import json
import re
import time
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from hotspots.errors import BadInputError, shortened
from hotspots.io.limits import limits, raised, require_regular, require_within

_CHUNK = 1 << 20
# The time of Python's TOML parser grows with the square of the number of a key's dotted parts.
_MOST_PARTS = 100
_LONG_KEY = re.compile(
    r"(?<![\w.-])(?:(?:[A-Za-z0-9_-]+|\"[^\"\n]*\"|'[^'\n]*')[ \t]*\.[ \t]*)"
    f"{{{_MOST_PARTS}}}"
)
_Item = TypeVar("_Item")


class Deadline:
    """The time limit for reading one input.

    Parameters
    ----------
    name : str
        The name of the input in messages.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.seconds = limits().read_seconds
        # Monotonic: setting the machine's clock has no effect on it.
        self._end = time.monotonic() + self.seconds

    @property
    def is_past(self) -> bool:
        """Whether the time limit is exceeded."""
        return time.monotonic() > self._end

    def check(self) -> None:
        """Raise `BadInputError` if the time limit is exceeded."""
        if self.is_past:
            raise BadInputError(
                f"The reading of '{self.name}' took more than {self.seconds:,g} seconds. Give a"
                f" smaller file, or raise the limit: {raised('read_seconds', self.seconds * 10)}."
            )


def paced(items: Iterable[_Item], name: str) -> Iterator[_Item]:
    """Yield the items; raise `BadInputError` when reading them takes too long."""
    deadline = Deadline(name)
    for item in items:
        deadline.check()
        yield item


def read_bytes(path: str | Path, limit: str = "file_bytes") -> bytes:
    """Return the content of a regular file.

    Parameters
    ----------
    path : path
        The file.
    limit : str
        The attribute of `Limits` that bounds its size in bytes.

    Raises
    ------
    BadInputError
        It is a pipe, socket or device; it is larger than the limit, or grows beyond it; reading
        takes too long.
    OSError
        It is missing, or can't be read.
    """
    require_regular(path)
    file = Path(path)
    require_size(file, limit)
    deadline = Deadline(file.name)
    content = bytearray()
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            content += chunk
            # Again, because the file may grow while it is read.
            _require(file, len(content), limit)
            deadline.check()
    return bytes(content)


def read_text(path: str | Path, limit: str = "file_bytes") -> str:
    """Return the text of a regular file in UTF-8, with or without a byte-order mark.

    Raises
    ------
    BadInputError, OSError
        For the reasons of `read_bytes`.
    UnicodeDecodeError
        It isn't UTF-8.
    """
    return read_bytes(path, limit).decode("utf-8-sig")


def require_short_lines(path: Path, most: int) -> None:
    """Raise `BadInputError` if a line of a file has more than `most` bytes; no line is held.

    Parsers of tables need a hundred times the memory of one long cell.
    """
    deadline, length, row = Deadline(path.name), 0, 1
    with path.open("rb") as opened:
        # No chunk is longer than a line may be, so lines that lie within one chunk need no check.
        while chunk := opened.read(min(_CHUNK, most)):
            deadline.check()
            first = chunk.find(b"\n")
            length += len(chunk) if first < 0 else first
            if length > most:
                raise BadInputError(
                    f"Line {row:,} of '{path.name}' has more than {most:,} bytes. Give a table with"
                    " a line for each row."
                )
            if first >= 0:
                length, row = len(chunk) - 1 - chunk.rfind(b"\n"), row + chunk.count(b"\n")


def require_size(path: Path, limit: str = "file_bytes") -> None:
    """Raise `BadInputError` if a file is larger than a limit; nothing is read."""
    _require(path, path.stat().st_size, limit)


def _require(path: Path, size: int, limit: str) -> None:
    require_within(f"'{shortened(path.name)}' has", size, limit, "keep only what is needed")


def parse_toml(text: str) -> dict[str, Any]:
    """Return the content of a TOML text.

    Raises
    ------
    ValueError
        It isn't valid TOML, or is longer than its limit; the message says why.
    """
    most = limits().toml_bytes
    if len(text) > most:
        raise ValueError(
            f"it has {len(text):,} letters; at most {most:,} are allowed"
            f" ({raised('toml_bytes', len(text))} raises the limit)"
        )
    if _LONG_KEY.search(text):
        raise ValueError(f"a key has more than {_MOST_PARTS} dotted parts")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(_why(error)) from error


def parse_json(text: str) -> Any:
    """Return the content of a JSON text.

    Raises
    ------
    ValueError
        It isn't valid JSON, or an object has a member twice; the message says why.
    """
    try:
        # By default the last of two equal names would win silently.
        return json.loads(text, object_pairs_hook=_single)
    except (ValueError, RecursionError) as error:
        raise ValueError(_why(error)) from error


def _single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object's members; raise `ValueError` if two have one name."""
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in members if names.count(name) > 1)
        raise ValueError(f"an object has '{twice[:40]}' twice")
    return members


def _why(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    # Python refuses long integers, for the time grows with the square of their digits.
    if "integer string conversion" in str(error):
        return "it holds a number of thousands of digits"
    return shortened(" ".join(str(error).split()).rstrip("."))
