"""The two axes of a ranking: the gain and the loss by which land is ranked."""

from __future__ import annotations

from dataclasses import dataclass

import xarray as xr


@dataclass(frozen=True)
class Axes:
    """Gain and loss of each cell, by which it is ranked, and the land they refer to.

    Attributes
    ----------
    gain, loss : DataArray, DataArray or None
        t ha-1 yr-1, positive; loss is None where there is no layer of it.
    reason : DataArray
        Code of the reason why a cell isn't ranked, 0 where it is.
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
        """Mask of the cells that are ranked and have a gain."""
        return (self.reason == 0) & self.gain.notnull()
