"""Logs in which each message stands by itself, whatever a request or a file put into it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from hotspots.escaping import indented


class PlainFormatter(logging.Formatter):
    """A formatter whose messages can't steer a terminal, nor look like several.

    Lines after the first, as of a traceback, are indented.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the message with its traceback."""
        return indented(super().format(record))


@contextmanager
def plain_logs() -> Iterator[None]:
    """Write what is logged, by this package or others, and Python's warnings by `PlainFormatter`.

    Python's default shows the same on standard error, but as it comes.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter())
    logging.root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        logging.root.removeHandler(handler)
