"""Shares of land use from classes of land cover."""

from __future__ import annotations

from collections.abc import Container

import xarray as xr

from hotspots.layers.typed import choose
from hotspots.layers.variables import LAND_COVERS, describe

MADE_FROM = "made_from"  # attribute of a layer that stands in for one that wasn't given
LAND_COVER = "land_cover"
# Land cover doesn't tell managed grassland from other grassland.
SHARES = {"cropland_share": "cropland", "grassland_share": "grassland"}
_GIVEN = (*SHARES, "pasture_share", "rangeland_share")
_KEPT = ("source", "citation", "licence", "year", "url")
_WATER = "water_body"


def has_shares(names: Container[object]) -> bool:
    """Return whether any share of land use is among the layers of a dataset or container."""
    return any(name in names for name in _GIVEN)


def shares_of_classes(data: xr.Dataset) -> dict[str, xr.DataArray]:
    """Return shares of cropland and grassland from the classes of ``land_cover``.

    Parameters
    ----------
    data : Dataset
        Layers on one grid; codes are those of UNCCD's classes, 0 where missing.

    Returns
    -------
    dict
        ``cropland_share`` and ``grassland_share``, float32: 1 where a cell is of that class, 0 on
        other land, NaN on water and where the class is missing. Empty without ``land_cover``, and
        where the data have any share of land use, which isn't mixed with these.
    """
    if LAND_COVER not in data or has_shares(data):
        return {}
    cover = data[LAND_COVER]
    code_of = {name: code for code, name in LAND_COVERS.items()}
    land = (cover > 0) & (cover != code_of[_WATER])
    kept = {key: cover.attrs[key] for key in _KEPT if key in cover.attrs}
    method = "1 where land_cover has the class {}, 0 on other land: each cell is of one class"
    return {
        share: describe(
            choose(cover == code_of[name], 1.0, 0.0).where(land).astype("float32"),
            share,
            **kept,
            method=method.format(name),
            **{MADE_FROM: LAND_COVER},
        )
        for share, name in SHARES.items()
    }
