"""Logging of the service: warnings and errors, in entries that no request or record can forge."""

from __future__ import annotations

from hotspots.io.logs import PlainFormatter

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def log_settings() -> dict[str, object]:
    """Return settings for `logging.config.dictConfig`: warnings and errors, to standard error."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"entry": {"()": PlainFormatter, "format": _FORMAT}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "entry"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
    }
