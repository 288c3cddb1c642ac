"""The clock of the registry, which is that of the package."""

from __future__ import annotations

from hotspots.io.clock import now, today

__all__ = ["now", "today"]
