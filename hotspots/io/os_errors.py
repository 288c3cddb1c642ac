"""Errors of the operating system about files: permissions and full disks, as clear messages."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hotspots.errors import RasterError
from hotspots.io.limits import require_regular


@contextmanager
def permitted(path: Path) -> Iterator[None]:
    """Turn a `PermissionError` into a `RasterError` that names the permission and `path`."""
    try:
        yield
    except PermissionError as error:
        raise RasterError(
            f"There is no permission to read '{path}'. Ask its owner for it, or"
            " give it with chmod u+r (a folder needs u+rx)."
        ) from error


def require_permitted(path: Path) -> None:
    """Raise `RasterError` if there is no permission to read the file; other faults are ignored.

    A pipe, socket or device is refused (`BadInputError`) before it is opened, which might block.
    """
    require_regular(path)
    with permitted(path):
        try:
            path.open("rb").close()
        except PermissionError:
            raise
        except OSError:
            pass


@contextmanager
def quiet_libtiff() -> Iterator[list[str]]:
    """Capture what libtiff prints to the error stream in the list that is yielded.

    On a full disk libtiff prints each failed write itself, past GDAL's handlers and Python's
    ``sys.stderr``; the reason ("No space left on device") is available nowhere else. Other lines
    are passed on at the end.
    """
    held: list[str] = []
    try:
        sys.stderr.flush()
        stream = os.dup(2)
    except (OSError, AttributeError, ValueError):  # no error stream: nothing to capture
        yield held
        return
    # A file, not a pipe: libtiff would block on a full pipe.
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield held
        finally:
            os.dup2(stream, 2)
            os.close(stream)
            aside.seek(0)
            lines = aside.read().splitlines(keepends=True)
            held += [line.decode(errors="replace").strip() for line in lines if _is_tiff(line)]
            for line in lines:
                if not _is_tiff(line):
                    os.write(2, line)


def _is_tiff(line: bytes) -> bool:
    return line.startswith((b"_tiff", b"TIFF"))
