"""The one clock of the registry."""

from __future__ import annotations

from datetime import UTC, date, datetime


def now() -> str:
    """Return the moment, UTC: 2026-11-21T20:00:00Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def today() -> date:
    """Return the day, UTC."""
    return datetime.now(UTC).date()
