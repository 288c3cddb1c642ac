"""Atomic writing: complete or not at all, even if runs are concurrent, fail or are killed.

Output is written in a hidden folder next to its target and then renamed into place. A lock on that
folder is held as long as its process lives, so the next run can distinguish the leftovers of a
killed run from the work of a running one.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hotspots.errors import EditionError, WriteError, shortened

_SUFFIX = ".part"
_LONGEST_STEM = 40  # characters; names of maximum length need room for the added suffix
_OWNER_ONLY, _OTHERS, _OTHERS_ENTER = 0o600, 0o077, 0o011  # modes
# Faults of the disk rather than of the path: full, over quota, too large, damaged.
OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def lock(descriptor: int, *, wait: bool = True) -> bool:
    """Lock an open file or folder against other processes, until it is closed.

    Returns
    -------
    bool
        False if another process holds it (and `wait` is false), or where there are no such locks
        (Windows): the user must then run one process at a time.

    Raises
    ------
    OSError
        The file system doesn't support locks.
    """
    try:
        import fcntl
    except ImportError:
        return False
    try:
        # flock, not lockf: it belongs to the open file, so it separates threads of a process too.
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


@contextmanager
def aside(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target`, on the same disk, that no other run uses.

    It is always removed at the end, and so are parent folders created for it that stayed empty.
    Leftovers of killed runs for the same target are removed first.

    Raises
    ------
    OSError
        The parent folder can't be created or written.
    """
    made = _make(target.parent)
    try:
        sweep(target)
        folder, descriptor = _own_folder(target)
        try:
            yield folder
        finally:
            # Before the lock is released: another run would sweep an unlocked folder.
            shutil.rmtree(folder, ignore_errors=True)
            if descriptor is not None:
                os.close(descriptor)
    finally:
        with suppress(OSError):  # ends at the first that isn't empty
            for parent in made:
                parent.rmdir()


def publish(folder: Path, target: Path) -> None:
    """Rename a folder into place; raise `EditionError` if the target isn't an empty folder."""
    try:
        # Replaces nothing but an empty folder, so that of two runs only one succeeds.
        os.rename(folder, target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise _exists(target) from error
        raise


def exchange(folder: Path, other: Path) -> bool:
    """Exchange two folders of one file system, atomically.

    Returns
    -------
    bool
        False, without any change, where the system doesn't support this (other than Linux; some
        network file systems).

    Raises
    ------
    OSError
        One of them is missing, or can't be renamed.
    """
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)  # since glibc 2.28
    if rename is None:
        return False
    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    if rename(here, os.fsencode(folder), here, os.fsencode(other), ctypes.c_uint(swap)) == 0:
        return True
    code = ctypes.get_errno()
    # An older kernel, or a file system without this operation.
    if code in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code), str(other))


def require_free(target: Path) -> None:
    """Raise `EditionError` unless `target` can become a new folder; `WriteError` if disks fail.

    Leftovers of killed runs beside it are removed.
    """
    with _usable(target):
        sweep(Path(os.path.realpath(target)))
        if os.path.islink(target) and not os.path.exists(target):
            raise EditionError(
                f"'{target}' is a link to what isn't there. Remove the link, or give another --out."
            )
        if _there(target) and not (os.path.isdir(target) and not os.listdir(target)):
            raise _exists(target)
        _probe(Path(os.path.realpath(target)).parent)


def require_writable(path: Path) -> None:
    """Raise `EditionError` unless `path` can become a file; `WriteError` if disks fail."""
    with _usable(path):
        if os.path.isdir(path):
            raise EditionError(f"'{path}' is a folder. Give the name of a file in it as --out.")
        if not _there(path) and not path.parent.exists():
            raise EditionError(
                f"There is no folder '{path.parent}'. Make it first, or give another --out."
            )
        _probe(path.parent)


def write_text(path: Path, text: str, *, private: bool = False) -> None:
    """Write a text file atomically; a `private` one is readable by its owner only."""
    require_writable(path)
    try:
        with aside(path) as folder:
            # Before the text is written: afterwards others could read it for a moment.
            if private:
                make_private(folder / "text")
            (folder / "text").write_text(text, encoding="utf-8")
            os.replace(folder / "text", path)
    except OSError as error:
        raise write_error(path, error) from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    require_writable(path)
    try:
        with aside(path) as folder:
            (folder / "content").write_bytes(content)
            os.replace(folder / "content", path)
    except OSError as error:
        raise write_error(path, error) from error


def make_private(path: Path) -> None:
    """Create an empty file that only its owner may read and write, to be filled afterwards.

    A umask, or the folder's default permissions, can only remove permissions. On Windows the file
    has the folder's permissions.

    Raises
    ------
    FileExistsError
        The path exists.
    OSError
        The file can't be created.
    """
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY))


def is_exposed(path: Path) -> bool:
    """Return whether users other than its owner may read or write a file.

    False if its folder admits only its owner, and always on Windows, where modes carry no
    permissions.
    """
    if os.name == "nt":
        return False
    try:
        file, folder = path.stat().st_mode, path.resolve().parent.stat().st_mode
    except OSError:
        return False
    if not stat.S_ISREG(file):  # a pipe or a device stores no content to protect
        return False
    return bool(file & _OTHERS) and bool(folder & _OTHERS_ENTER)


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def reason(error: BaseException) -> str:
    """Return why something failed, in one line and without the path, which messages name anyway."""
    said = str(getattr(error, "strerror", None) or error) or type(error).__name__
    return said.splitlines()[0].rstrip(".")


def write_error(path: Path, error: BaseException) -> WriteError:
    """Return the error of a write that failed though the path was usable."""
    return WriteError(
        f"'{path}' can't be written ({reason(error)}). Free some space or give another --out;"
        " nothing was left half-written."
    )


def _exists(target: Path) -> EditionError:
    return EditionError(
        f"'{target}' exists already; editions are never overwritten. Give a new folder, or"
        " remove the old one."
    )


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    """Turn an error of an unusable path into an `EditionError` or a `WriteError`."""
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        if isinstance(error, OSError) and error.errno in OF_THE_DISK:
            raise write_error(path, error) from error
        shown = shortened(path)
        raise EditionError(
            f"'{shown}' can't be written ({reason(error)}). Give another --out."
        ) from error


def _there(path: Path) -> bool:
    """Return whether `path` exists; raise OSError if that can't be determined."""
    try:
        # Not stat: a link to a missing file occupies the name too.
        os.lstat(path)
    except FileNotFoundError:
        return False
    return True


def _probe(folder: Path) -> None:
    """Raise OSError unless a folder can be created in `folder`, or in its nearest parent."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    # Tried in earnest, because os.access can be wrong on network file systems.
    os.rmdir(tempfile.mkdtemp(prefix=".", suffix=_SUFFIX, dir=folder))


def _make(folder: Path) -> list[Path]:
    """Create `folder` and its parents; return the new ones, deepest first."""
    made = [p for p in (folder, *folder.parents) if not p.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return made


def _stem(target: Path) -> str:
    return f".{target.name[:_LONGEST_STEM]}."


def _own_folder(target: Path) -> tuple[Path, int | None]:
    while True:
        name = tempfile.mkdtemp(prefix=_stem(target), suffix=_SUFFIX, dir=target.parent)
        try:
            descriptor = os.open(name, os.O_RDONLY)
        except FileNotFoundError:
            continue  # swept by another run before it could be locked
        except OSError:  # Windows opens no folders
            return Path(name), None
        with suppress(OSError):
            lock(descriptor)
        # Another run may have locked and removed the folder first.
        if os.path.exists(name) and os.path.samestat(os.stat(name), os.fstat(descriptor)):
            return Path(name), descriptor
        os.close(descriptor)


def sweep(target: Path) -> None:
    """Remove leftovers of killed runs beside `target`: folders of this naming without a lock."""
    # mkdtemp inserts eight characters of this set.
    ours = re.compile(re.escape(_stem(target)) + r"[a-z0-9_]{8}" + re.escape(_SUFFIX))
    with suppress(OSError), os.scandir(target.parent) as entries:
        found = [e.path for e in entries if ours.fullmatch(e.name) and not e.is_symlink()]
        for path in found:
            with suppress(OSError):
                descriptor = os.open(path, os.O_RDONLY)
                try:
                    if lock(descriptor, wait=False):
                        shutil.rmtree(path, ignore_errors=True)
                finally:
                    os.close(descriptor)
