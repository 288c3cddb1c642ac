"""Shares of cropland and grassland from the file of a user's land cover, on a coarser grid.

The class of a coarse cell is the one of the largest area; how much cropland it holds is known from
the file alone. On the file's own grid the analysis takes the class itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from hotspots.analysis.land_shares import LAND_COVER, MADE_FROM, SHARES
from hotspots.ingest.add_to_store import add_layer
from hotspots.ingest.regrid.resample import Regridding, on_grid
from hotspots.ingest.user_files.read import Own
from hotspots.layers.grid import Grid
from hotspots.store import Store
from hotspots.store.provenance import PREFIX

_METHOD = "Area of the class {} of land_cover over the area of all land (no water) of each cell"


def add_shares(
    store: Store,
    own: Own,
    grid: Grid,
    attrs: Mapping[str, object],
    provenance: Mapping[str, object],
) -> list[str]:
    """Add the shares of a land cover that was brought to another grid; return a note on them.

    Parameters
    ----------
    store : Store
    own : Own
        The user's file.
    grid : Grid
        Grid of the store.
    attrs, provenance : mapping
        Of the land cover, which the shares keep.

    Returns
    -------
    list of str
        Empty for another variable. Shares that the store has from
        another origin stay.
    """
    if own.variable != LAND_COVER:
        return []
    there = store.names()
    kept = [name for name in SHARES if name in there and not _is_ours(store, name)]
    if kept:
        return [f"{' and '.join(kept)} of the store stay; none is made from the land cover."]
    for name, of in SHARES.items():
        made = on_grid(
            own.raw,
            grid,
            name,
            Regridding(legend=own.legend, share_of=of),
            attrs={**attrs, "method": _METHOD.format(of), MADE_FROM: LAND_COVER},
        )
        request = {"variable": name, "from": LAND_COVER}
        add_layer(
            store,
            made._replace(share=None),
            raws=[own.raw],
            provenance={**provenance, "request": request},
        )
    return [
        f"{' and '.join(SHARES)} were made from it: the area of the class over the land of each"
        " cell. Land cover doesn't say whether grassland is managed."
    ]


def _is_ours(store: Store, name: str) -> bool:
    request = store.item(name)["properties"].get(f"{PREFIX}request") or {}
    return bool(request.get("from") == LAND_COVER)
