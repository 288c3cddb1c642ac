"""Suppression of libraries' own output, unless ``--debug`` is given.

An error is one sentence. GDAL, HDF5, libtiff and Python itself print further lines about a
damaged file, bypassing all handlers: warnings, log records, exceptions in ``__del__``, and what C
code writes to standard error.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from hotspots.io.logs import PlainFormatter


@contextmanager
def libraries_quiet() -> Iterator[None]:
    """Let only this program's own messages reach standard error."""
    with ExitStack() as stack:
        stack.enter_context(_replaced(warnings, "showwarning", _nothing))
        stack.enter_context(_replaced(sys, "unraisablehook", _nothing))
        # Cython prints exceptions in callbacks of rasterio through this hook.
        stack.enter_context(_replaced(sys, "excepthook", _nothing))
        stack.enter_context(_own_stream())
        stack.enter_context(_own_log())
        yield


def _nothing(*_: object, **__: object) -> None:
    pass


@contextmanager
def _replaced(where: object, name: str, by: object) -> Iterator[None]:
    former = getattr(where, name)
    setattr(where, name, by)
    try:
        yield
    finally:
        setattr(where, name, former)


@contextmanager
def plain_logs() -> Iterator[None]:
    """Print log records of all packages, and Python's warnings, through `PlainFormatter`.

    Python's default prints the same to standard error, but without escaping.
    """
    logging.captureWarnings(True)
    try:
        with _printed(logging.root):
            yield
    finally:
        logging.captureWarnings(False)


@contextmanager
def _own_log() -> Iterator[None]:
    """Print log records of this package only, from level WARNING."""
    with _printed(logging.getLogger("hotspots")), _replaced(logging, "lastResort", None):
        yield


@contextmanager
def _printed(logger: logging.Logger) -> Iterator[None]:
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(PlainFormatter())
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


@contextmanager
def _own_stream() -> Iterator[None]:
    """Give `sys.stderr` its own descriptor and discard what C code writes to descriptor 2.

    Does nothing if `sys.stderr` isn't the process's standard error.
    """
    if not _is_the_process_own():
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    stream = io.TextIOWrapper(
        # The descriptor is closed below, after standard error has it back.
        os.fdopen(kept, "wb", 0, closefd=False),
        encoding=sys.stderr.encoding,
        # Names of files may have characters that the terminal's encoding lacks.
        errors="backslashreplace",
        line_buffering=True,
        write_through=True,
    )
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        with _replaced(sys, "stderr", stream):
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _is_the_process_own() -> bool:
    try:
        return sys.stderr.fileno() == 2
    except (AttributeError, OSError, ValueError):
        return False
