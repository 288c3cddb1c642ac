"""A registry as it is at each moment, for a process that shows it for days."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hotspots.registry.database.connection import file_of
from hotspots.registry.open import FILES, open_registry

if TYPE_CHECKING:
    from hotspots.registry.registry import Registry

Place = tuple[tuple[str | int, ...], ...]


class CurrentRegistry:
    """A registry that is opened again when its file was replaced, or its files of records changed.

    What another process writes into a database is seen without that.

    Parameters
    ----------
    registry : Registry
        As it was opened.

    Attributes
    ----------
    times_opened : int
        How often it was opened again.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._place = _place(registry)
        self.times_opened = 0

    def get(self) -> Registry:
        """Return the registry as it is now.

        Raises
        ------
        RegistryError
            It is gone, or can't be read as it is now; the next call tries again.
        """
        place = _place(self._registry)
        if place != self._place:
            former = self._registry
            where = former.files[0] if former.files else file_of(former.engine)
            self._registry = open_registry(where)
            self._place = place
            self.times_opened += 1
            former.engine.dispose()
        return self._registry


def _place(registry: Registry) -> Place:
    """Return what changes when a registry must be opened again; () where it never must.

    A file that is replaced leaves open connections with the former one, which has no name any
    more. Files of records, and a database that was opened without the right to write (SQLite then
    looks for no changes), are read once, so their time and size count too.
    """
    file = file_of(registry.engine)
    if file is not None:
        once = "immutable" in registry.engine.url.query
        return tuple(_mark(part, once) for part in (file, *[_log_of(file)] * once))
    return tuple(_mark(part, True) for path in registry.files for part in _parts(path))


def _parts(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(part for part in path.iterdir() if part.suffix.casefold() in FILES)


def _log_of(file: Path) -> Path:
    return file.with_name(f"{file.name}-wal")


def _mark(path: Path, by_time: bool) -> tuple[str | int, ...]:
    """Return the name of a file and which it is, and if asked for its time and size."""
    try:
        told = path.stat()
    except OSError:
        return (str(path), 0)
    which = (str(path), told.st_ino)
    return (*which, told.st_mtime_ns, told.st_size) if by_time else which
