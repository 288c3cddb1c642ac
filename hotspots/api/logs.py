"""Log lines that no request and no record can forge."""

from __future__ import annotations

import logging
from typing import Any

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# Control characters, and those that break or turn lines in some viewers; a line feed is kept.
_CODES = [*range(10), *range(11, 32), *range(127, 160), 0x2028, 0x2029]
_CODES += [*range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_ESCAPES = {code: ascii(chr(code))[1:-1] for code in _CODES}


class OneEntry(logging.Formatter):
    """Writes an entry so that only its first line begins at the margin.

    Control characters are shown as Python escapes. Lines after the first one (a traceback, or a
    text with line feeds) are indented, so none of them can pass for an entry of its own.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of an entry."""
        return super().format(record).translate(_ESCAPES).replace("\n", "\n    ")


def log_settings() -> dict[str, Any]:
    """Return settings for `logging.config.dictConfig`: warnings and errors, to standard error."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"entry": {"()": OneEntry, "format": _FORMAT}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "entry"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
    }
