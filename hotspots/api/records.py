"""The records on the map: read once per state of the registry, kept while it is unreadable."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from hotspots.errors import HotspotsError
from hotspots.registry.current import CurrentRegistry

if TYPE_CHECKING:
    import geopandas as gpd

    from hotspots.registry import Registry

_log = logging.getLogger(__name__)


class Records:
    """The records of a registry in its last readable state, in the form that the map draws.

    Not thread-safe: `hotspots.api.map_pages` uses it from a single thread.

    Attributes
    ----------
    records : geopandas.GeoDataFrame
        One row per record; set by the first `refresh`.
    fault : HotspotsError or None
        Why the registry couldn't be read at the last `refresh`.
    """

    records: gpd.GeoDataFrame

    def __init__(self, registry: Registry, seconds: float) -> None:
        self._current = CurrentRegistry(registry)
        self._seconds = seconds
        self._state: object = None
        self._seen = -float("inf")
        self.fault: HotspotsError | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether the registry was checked within the last `seconds`."""
        return time.monotonic() - self._seen < self._seconds

    def refresh(self) -> bool:
        """Check the registry unless it is fresh; return whether the records have changed.

        Raises
        ------
        HotspotsError
            The registry can't be read and never could, so no earlier state can be shown.
        """
        if self.is_fresh:
            return False
        try:
            return self._read()
        except HotspotsError as fault:
            # Logged once, not at each check.
            if self.fault is None:
                _log.error("The map shows the last records that could be read: %s", fault)
            self.fault = fault
            if self._state is None:
                raise
            # A failed read counts as a check, or each request would try again.
            self._seen = time.monotonic()
            return False

    def _read(self) -> bool:
        registry = self._current.get()
        state = (self._current.times_opened, *registry.state())
        is_new = state != self._state
        if is_new:
            self.records = registry.records
        # After the records, so that a failure while they are read is tried again.
        self._state, self.fault = state, None
        self._seen = time.monotonic()
        return is_new
