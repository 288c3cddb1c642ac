"""The making of an edition with its map, as `analyze` and `country` do it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import hotspots as hs
from hotspots.cli.output import say

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

    from hotspots.edition.edition import Edition
    from hotspots.registry import Registry


def edition_with_map(
    out: Path,
    layers: xr.Dataset,
    recipe: hs.Recipe,
    regions: str | gpd.GeoDataFrame,
    *,
    recorded: Registry,
    lang: str,
) -> Edition:
    """Analyse layers, and write the edition and its map to a new folder, both or nothing.

    Raises
    ------
    WriteError
        The disk has too little free space; nothing was computed.
    """
    from hotspots.edition.preflight import edition_bytes, require_space

    # Before the computing: an edition that doesn't fit on the disk would be lost at its end.
    require_space(out, edition_bytes(layers, recipe))
    edition: Edition = hs.analyze(layers, recipe, regions, progress=say)
    say("drawing the map")
    page = hs.explore(edition, recorded, lang=lang).get_root().render()
    # In one step, so that a killed run leaves no edition without its map.
    edition.save(out, beside={"map.html": page})
    return edition
