"""STAC metadata of the store: the item of a layer, and the catalogue.

Addresses are relative to the item, which is in the folder of the layer's file below the catalogue,
so that a store can be moved or copied as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from hotspots.layers.crs import crs_text
from hotspots.layers.dimensions import DEPTH, THICKNESS, TIME, third_dimension
from hotspots.layers.grid import Grid, grid_of
from hotspots.layers.variables import class_nodata, variable
from hotspots.store.provenance import licence_address, source_links, spdx

if TYPE_CHECKING:
    import pystac

CATALOGUE = "catalog.json"
CATALOGUE_ID = "hotspots-store"
_EXTENSIONS = "https://stac-extensions.github.io/{}/schema.json"
_PASSED_ON = ("year", "period", "depth_cm", "guidelines", "level", "support", "method", "caveat")
_PERIOD = re.compile(r"(\d{4})\s*[-\u2013/]\s*(\d{4})")
_MEDIA_TYPES = {
    ".json": "application/json",
    ".html": "text/html",
    ".csv": "text/csv",
    ".txt": "text/plain",
    ".png": "image/png",
    ".md": "text/markdown",
}


@dataclass(frozen=True)
class LayerFile:
    """A layer's GeoTIFF in the store: its name there, SHA-256 (hex) and size in bytes."""

    name: str
    sha256: str
    size: int


def stac_item(
    layer: xr.DataArray,
    key: str,
    file: LayerFile,
    *,
    fields: Mapping[str, object] | None = None,
    beside: Mapping[str, str] | None = None,
) -> dict[str, object]:
    """Return the STAC item of a layer.

    Parameters
    ----------
    layer : DataArray
        Harmonised: dimensions (y, x), perhaps one before them; a CRS, and the attributes that
        `harmonise` sets (``long_name``, ``units``, ``source``, ``citation``, ``licence``).
    key : str
        Its name in the store.
    file : LayerFile
        Its GeoTIFF.
    fields : mapping, optional
        Further properties, from `provenance_fields`.
    beside : mapping of str to str, optional
        Name of a further asset -> its file beside the GeoTIFF.
    """
    import pystac

    fields = dict(fields or {})
    grid = grid_of(layer)
    west, south, east, north = grid.lonlat_bounds
    start, end = _years(layer)
    item = pystac.Item(
        id=key,
        geometry=_outline(west, south, east, north),
        bbox=[west, south, east, north],
        # STAC: null where the item has a start and an end.
        datetime=None,
        start_datetime=start,
        end_datetime=end,
        properties=_properties(layer, grid, fields) | fields,
    )
    used = ["projection/v2.0.0", "file/v2.1.0", "scientific/v1.0.0", "processing/v1.2.0"]
    used += ["classification/v2.0.0"] if variable(str(layer.name)).classes else []
    item.stac_extensions = [_EXTENSIONS.format(name) for name in used]
    _link(item, layer, fields)
    item.add_asset("data", _asset(layer, file))
    for name, href in sorted((beside or {}).items()):
        suffix = f".{href.rpartition('.')[2]}"
        asset = pystac.Asset(
            href=f"./{href}", media_type=_MEDIA_TYPES.get(suffix), roles=["metadata"]
        )
        item.add_asset(name, asset)
    return item.to_dict(include_self_link=False, transform_hrefs=False)


def stac_catalogue(keys: Iterable[str]) -> dict[str, object]:
    """Return the catalogue of a store that holds the layers `keys`."""
    import pystac

    catalogue = pystac.Catalog(
        id=CATALOGUE_ID,
        description="Soil layers with canonical names and units; see each item's licence.",
        catalog_type=pystac.CatalogType.SELF_CONTAINED,
    )
    catalogue.clear_links()
    catalogue.add_link(pystac.Link("root", f"./{CATALOGUE}", pystac.MediaType.JSON))
    for key in sorted(keys):
        href = f"./{item_file(key)}"
        catalogue.add_link(pystac.Link("item", href, pystac.MediaType.GEOJSON, title=key))
    return catalogue.to_dict(include_self_link=False, transform_hrefs=False)


def item_file(key: str) -> str:
    """Return the key of a layer's item in the store."""
    return f"{key}/{key}.json"


def _link(item: pystac.Item, layer: xr.DataArray, fields: Mapping[str, object]) -> None:
    import pystac

    for rel in ("root", "parent"):
        item.add_link(pystac.Link(rel, f"../{CATALOGUE}", pystac.MediaType.JSON))
    # "derived_from" would require the target to be a STAC item.
    for address in source_links(fields):
        item.add_link(pystac.Link("via", address))
    terms = licence_address(fields.get("hotspots:licence_id"), str(layer.attrs["licence"]))
    if terms:
        item.add_link(pystac.Link("license", terms))


def _properties(layer: xr.DataArray, grid: Grid, fields: Mapping[str, object]) -> dict[str, object]:
    attrs = layer.attrs
    crs = crs_text(grid.crs)
    properties = {
        "title": attrs["long_name"],
        # STAC allows an SPDX id or "other"; the original text is kept as "licence".
        "license": spdx(fields.get("hotspots:licence_id"), str(attrs["licence"])),
        "licence": attrs["licence"],
        "sci:citation": attrs["citation"],
        "source": attrs["source"],
        "proj:code" if crs.startswith("EPSG:") else "proj:wkt2": crs,
        "proj:shape": list(grid.shape),
        "proj:transform": [float(v) for v in grid.transform[:6]],
        "proj:bbox": [float(v) for v in grid.bounds],
        "dated": bool(attrs.get("year")),
        "hotspots:variable": str(layer.name),
        "hotspots:unit": attrs.get("units", ""),
    }
    return properties | {key: attrs[key] for key in _PASSED_ON if attrs.get(key)}


def _asset(layer: xr.DataArray, file: LayerFile) -> pystac.Asset:
    import pystac

    return pystac.Asset(
        href=f"./{file.name}",
        media_type=pystac.MediaType.COG,
        roles=["data"],
        extra_fields={
            "file:checksum": f"1220{file.sha256}",  # a multihash: 12 = SHA-256, 20 = its 32 bytes
            "file:size": file.size,
            "bands": [_band(layer) | {"name": name} for name in _band_names(layer)],
        },
    )


def _band(layer: xr.DataArray) -> dict[str, object]:
    classes = variable(str(layer.name)).classes
    if not classes:
        # As text, because JSON has no NaN.
        return {"data_type": str(layer.dtype), "nodata": "nan", "unit": layer.attrs["units"]}
    values = zip(layer.attrs["flag_values"], layer.attrs["flag_meanings"].split(), strict=True)
    return {
        "data_type": str(layer.dtype),
        "nodata": class_nodata(classes),
        "classification:classes": [{"value": int(v), "name": name} for v, name in values],
    }


def _band_names(layer: xr.DataArray) -> list[str]:
    """Return a name for each band: the layer's, with its month, time or depth if it has several."""
    name = str(layer.name)
    dim = third_dimension(name)
    if dim is None or dim not in layer.dims:
        return [name]
    if dim == DEPTH:
        # Layers are contiguous from the surface, so their bottoms are sums of thicknesses.
        bottoms = np.cumsum(layer[THICKNESS].values)
        tops = bottoms - layer[THICKNESS].values
        labels = [f"{top:g}-{bottom:g}cm" for top, bottom in zip(tops, bottoms, strict=True)]
    elif layer[dim].dtype.kind == "M":
        labels = [str(text)[:10] for text in np.datetime_as_string(layer[dim].values, unit="D")]
    else:
        labels = [f"{int(label):02d}" for label in layer[dim].values]
    return [f"{name}_{label}" for label in labels]


def _years(layer: xr.DataArray) -> tuple[datetime, datetime]:
    """Return the first and last second of a layer's time; an undated layer covers all time."""
    year, period = layer.attrs.get("year"), _PERIOD.fullmatch(str(layer.attrs.get("period", "")))
    # STAC requires a time; these are the first and last years that a date can have.
    first, last = 1, 9999
    if year:
        first = last = int(year)
    elif period and int(period[1]) <= int(period[2]):
        first, last = int(period[1]), int(period[2])
    elif TIME in layer.dims and layer[TIME].dtype.kind == "M":
        years = layer[TIME].dt.year.values
        first, last = int(years.min()), int(years.max())
    return datetime(first, 1, 1, tzinfo=UTC), datetime(last, 12, 31, 23, 59, 59, tzinfo=UTC)


def _outline(west: float, south: float, east: float, north: float) -> dict[str, object]:
    """Return a box as a GeoJSON geometry, in two parts if it crosses the antimeridian."""
    spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    rings = [
        [[left, south], [right, south], [right, north], [left, north], [left, south]]
        for left, right in spans
    ]
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings}
    return {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]}
