"""Layers that data lack, taken from the packaged sample where the user asks for that."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import xarray as xr

from hotspots.analysis.land_shares import LAND_COVER, MADE_FROM, has_shares
from hotspots.edition.recipe import Recipe
from hotspots.errors import BadInputError
from hotspots.ingest.regrid.resample import Regridding, on_grid
from hotspots.ingest.regrid.source_raster import SourceRaster
from hotspots.ingest.sample import sample
from hotspots.io.cog import write_cog
from hotspots.layers.grid import grid_of
from hotspots.layers.variables import variable

SAMPLE = "packaged sample"
SOURCES = ("sample",)
_CLIMATE = ("mean_annual_temperature", "annual_precipitation", "annual_pet")


def lacking(data: xr.Dataset, recipe: Recipe) -> tuple[str, ...]:
    """Return the layers that hotspots need, that `data` lack, and that the sample can lend.

    A layer that the analysis derives from others of `data` isn't lacking: climate zones from the
    climate, the share of cropland from the land cover.
    """
    zone = "climate_zone_2006" if recipe.potential.guidelines == "2006" else "climate_zone"
    names = []
    if not ({zone, "climate_zone"} & set(data)) and not all(name in data for name in _CLIMATE):
        names.append(zone)
    if not has_shares(data) and LAND_COVER not in data:
        names.append("cropland_share")
    return tuple(names)


def filled(data: xr.Dataset, source: str, recipe: Recipe) -> xr.Dataset:
    """Return `data` with the layers that they lack from the packaged sample.

    Parameters
    ----------
    data : Dataset
        Canonical layers on one grid with a CRS, cut to a region or whole.
    source : str
        "sample".
    recipe : Recipe
        Its guidelines choose the climate zones.

    Returns
    -------
    Dataset
        With ``climate_zone`` and ``cropland_share`` where `lacking` names them, brought to the grid
        of `data` as any file is: shares by area-weighted mean, zones by the largest area. Their
        attributes keep source, citation and licence, and say that they are borrowed; an edition
        repeats that in its manifest and on its map.

    Raises
    ------
    BadInputError
        Another source than the sample.
    """
    if source not in SOURCES:
        raise BadInputError(
            f"Layers can't be taken from '{source}'. Give --fill-from sample: climate zones and"
            " share of cropland of the packaged sample."
        )
    world = sample()
    names = lacking(data, recipe)
    with TemporaryDirectory() as folder:
        return data.assign({n: _lent(world[n], data, Path(folder) / f"{n}.tif") for n in names})


def _lent(layer: xr.DataArray, data: xr.Dataset, path: Path) -> xr.DataArray:
    """Return a layer of the sample on the grid of `data`, missing outside its region."""
    name, classes = str(layer.name), variable(str(layer.name)).classes
    write_cog(layer, path)
    raw = SourceRaster(str(path), unit="" if classes else layer.attrs["units"])
    out = on_grid(raw, grid_of(data), name, Regridding()).layer.compute()
    how = "the class of the largest area" if classes else "the mean by area"
    cell = abs(grid_of(layer).transform.a)
    attrs = {k: v for k, v in layer.attrs.items() if not k.startswith("flag_")} | {
        "method": f"{layer.attrs.get('method', '')}. From the packaged sample at {cell:g} degrees,"
        f" brought to this grid: {how} in each cell",
        MADE_FROM: SAMPLE,
    }
    # Coordinates of one grid may differ in their last digits.
    out = out.assign_coords({"y": data["y"], "x": data["x"]}).assign_attrs(attrs)
    if "region_share" not in data:
        return out
    inside = data["region_share"] > 0
    return out.where(inside, 0 if classes else np.nan).astype(out.dtype).assign_attrs(out.attrs)


def notes(data: xr.Dataset) -> list[str]:
    """Return a sentence for each layer that stands in for one that wasn't given."""
    return [
        f"{name}: {_TOLD[layer.attrs[MADE_FROM]]}."
        for name, layer in data.data_vars.items()
        if layer.attrs.get(MADE_FROM) in _TOLD
    ]


_TOLD = {
    SAMPLE: "not among the data given; from the packaged sample at 0.5 degrees, brought to this"
    " grid",
    LAND_COVER: "not among the data given; made from the classes of land_cover, where grassland"
    " may or may not be managed",
}


def stand_ins(data: xr.Dataset) -> list[str]:
    """Return "name from origin" of each such layer, as the caveats name them."""
    return [
        f"{name} from {layer.attrs[MADE_FROM]}"
        for name, layer in data.data_vars.items()
        if layer.attrs.get(MADE_FROM) in _TOLD
    ]
