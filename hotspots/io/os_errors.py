"""What the operating system says of files: permissions and full disks, told in plain words."""

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
    """Raise `RasterError` if the file may not be read; whatever else is wrong, its reader tells.

    A pipe, socket or device is refused (`BadInputError`) before it is opened, which might not end.
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
    """Hold back what libtiff prints to the error stream; it comes to stand in the list yielded.

    On a full disk libtiff prints each failed write itself, past GDAL's handlers and Python's
    ``sys.stderr``; the reason ("No space left on device") is told nowhere else. Lines of others
    are passed on at the end.
    """
    held: list[str] = []
    try:
        sys.stderr.flush()
        stream = os.dup(2)
    except (OSError, AttributeError, ValueError):  # no error stream: nothing to hold back
        yield held
        return
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
