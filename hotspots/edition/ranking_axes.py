"""The two axes of a ranking: what ranks the land for gain and for loss."""

from __future__ import annotations

from dataclasses import dataclass

import xarray as xr


@dataclass(frozen=True)
class Axes:
    """What ranks: gain and loss of each cell, and the land that they stand for.

    Attributes
    ----------
    gain, loss : DataArray, DataArray or None
        t ha-1 yr-1, positive; loss is None where no layer tells it.
    reason : DataArray
        Why a cell isn't ranked, 0 where it is.
    managed, valid : DataArray
        Managed share of the cell's land; share of the cell that is land with values.
    groups : mapping
        Name of each ranking -> group of each cell, or None for one group.
    """

    gain: xr.DataArray
    loss: xr.DataArray | None
    reason: xr.DataArray
    managed: xr.DataArray
    valid: xr.DataArray
    groups: dict[str, xr.DataArray | None]

    @property
    def ranked(self) -> xr.DataArray:
        """Where a cell is ranked and has a gain."""
        return (self.reason == 0) & self.gain.notnull()
