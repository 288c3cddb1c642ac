"""Log formatting that keeps each message separate, whatever a request or a file put into it."""

from __future__ import annotations

import logging

from hotspots.locale.escaping import indented


class PlainFormatter(logging.Formatter):
    """A formatter whose messages can't control a terminal, nor imitate several messages.

    Lines after the first, such as those of a traceback, are indented.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the message with its traceback."""
        return indented(super().format(record))
