"""The clock: current time and date in UTC. No result of an analysis depends on it."""

from __future__ import annotations

from datetime import UTC, date, datetime


def now() -> str:
    """Return the current time in UTC, such as 2026-11-21T20:00:00Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def today() -> date:
    """Return the current date in UTC."""
    return datetime.now(UTC).date()
