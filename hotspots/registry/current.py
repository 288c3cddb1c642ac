"""The current state of a registry, for long-running processes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hotspots.registry.database.connection import file_of
from hotspots.registry.open import FILES, open_registry

if TYPE_CHECKING:
    from hotspots.registry.registry import Registry

_FileState = tuple[tuple[str | int, ...], ...]


class CurrentRegistry:
    """A registry that is reopened after its database file or its files of records were replaced.

    Changes written to the database by other processes are visible without reopening.

    Parameters
    ----------
    registry : Registry
        An open registry.

    Attributes
    ----------
    times_opened : int
        Number of times the registry was reopened.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._file_state = _file_state(registry)
        self.times_opened = 0

    def get(self) -> Registry:
        """Return the registry in its current state.

        Raises
        ------
        RegistryError
            It no longer exists or can't be read; the next call tries again.
        """
        place = _file_state(self._registry)
        if place != self._file_state:
            former = self._registry
            where = former.files[0] if former.files else file_of(former.engine)
            self._registry = open_registry(where)
            self._file_state = place
            self.times_opened += 1
            # After the opening: if that fails, the former registry stays in use.
            former.engine.dispose()
        return self._registry


def _file_state(registry: Registry) -> _FileState:
    """Return a key that changes when a registry must be reopened; () if it never must.

    After a file is replaced, open connections still refer to the unlinked former file. Files of
    records, and a database opened without write permission (for which SQLite does not check for
    changes), are read only once, so their modification time and size are part of the key.
    """
    file = file_of(registry.engine)
    if file is not None:
        once = "immutable" in registry.engine.url.query
        # Of a file that is opened once, the log counts too: changes are first written there.
        return tuple(_mark(part, once) for part in (file, *[_log_of(file)] * once))
    return tuple(_mark(part, True) for path in registry.files for part in _parts(path))


def _parts(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(part for part in path.iterdir() if part.suffix.casefold() in FILES)


def _log_of(file: Path) -> Path:
    return file.with_name(f"{file.name}-wal")


def _mark(path: Path, by_time: bool) -> tuple[str | int, ...]:
    """Return a file's path and inode, and with `by_time` its modification time and size."""
    try:
        status = path.stat()
    except OSError:
        return (str(path), 0)
    which = (str(path), status.st_ino)
    return (*which, status.st_mtime_ns, status.st_size) if by_time else which
