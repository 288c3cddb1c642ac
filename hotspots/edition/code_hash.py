"""The hash of the code that can change a number of an edition: part of the edition's id.

The rule is by folder, so that a new module counts without being named. What is left out is named
here, with the reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypedDict

from hotspots import __version__

# Folders and modules that run in an analysis, from the reading of data to the tables.
HASHED = (
    "layers",
    "io",
    "geo",
    "analysis",
    "store",
    "ingest/regrid",
    "ingest/user_files",
    "ingest/sample.py",
    "edition",
)
# Among them, but no number of an edition depends on them: gaps are computed from an edition and
# never stored in one; cards describe methods; the free space and the registry are looked at before.
LEFT_OUT = ("analysis/gaps", "edition/gaps.py", "edition/methods/cards.py", "edition/preflight.py")
_SUFFIXES = {".py", ".csv"}  # tables of factors are code


class CodeVersion(TypedDict):
    """The package's version, and the hash of the code that can change a number."""

    version: str
    code_sha256: str


@cache
def code_version() -> CodeVersion:
    """Return the package's version, and the hash of the code that can change a number."""
    return {"version": __version__, "code_sha256": code_hash(Path(__file__).parents[1])}


def code_hash(home: Path) -> str:
    """Return the first 16 digits of the SHA-256 of the hashed files' names and bytes.

    Parameters
    ----------
    home : Path
        The folder of the package.
    """
    digest = hashlib.sha256()
    # Sorted, since the order of a folder's files depends on the file system.
    for name in sorted(hashed_files(home)):
        content = (home / name).read_bytes()
        # With its length, so that moving bytes from one file to the next changes the hash.
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def hashed_files(home: Path) -> Iterator[str]:
    """Return the hashed files' paths below the package's folder, with slashes."""
    for part in HASHED:
        path = home / part
        for file in path.rglob("*") if path.is_dir() else [path]:
            name = file.relative_to(home).as_posix()
            if file.suffix in _SUFFIXES and not _within(name, LEFT_OUT):
                yield name


def _within(name: str, parts: tuple[str, ...]) -> bool:
    return any(name == part or name.startswith(f"{part}/") for part in parts)
