"""Logs in which each message stands by itself, whatever a request or a file put into it."""

from __future__ import annotations

import logging

from hotspots.locale.escaping import indented


class PlainFormatter(logging.Formatter):
    """A formatter whose messages can't steer a terminal, nor look like several.

    Lines after the first, as of a traceback, are indented.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the message with its traceback."""
        return indented(super().format(record))
