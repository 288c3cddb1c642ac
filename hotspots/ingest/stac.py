"""The STAC item of a layer in the store: what it is, where, of when, whose, and its checksum."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from hotspots.grid import Grid, grid_of
from hotspots.ingest.harmonise import crs_text
from hotspots.variables import class_nodata, variable

if TYPE_CHECKING:
    import pystac

_PASSED_ON = ("year", "period", "depth_cm", "guidelines", "method")


def stac_item(layer: xr.DataArray, path: Path, digest: str) -> pystac.Item:
    """Return the STAC item of a layer of `harmonise` whose file is `path`, of SHA-256 `digest`.

    Links and the asset's address are relative to the item, which lies beside the file in a folder
    below the catalogue's.
    """
    import pystac

    grid = grid_of(layer)
    west, south, east, north = lonlat_bounds(grid)
    start, end = _years(layer.attrs.get("year"))
    item = pystac.Item(
        id=str(layer.name),
        geometry={
            "type": "Polygon",
            "coordinates": [
                [[west, south], [east, south], [east, north], [west, north], [west, south]]
            ],
        },
        bbox=[west, south, east, north],
        datetime=None,
        start_datetime=start,
        end_datetime=end,
        properties=_properties(layer, grid),
    )
    item.stac_extensions = [
        "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
        "https://stac-extensions.github.io/file/v2.1.0/schema.json",
        "https://stac-extensions.github.io/scientific/v1.0.0/schema.json",
        "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
    ]
    item.add_link(pystac.Link("root", "../catalog.json", pystac.MediaType.JSON))
    item.add_link(pystac.Link("parent", "../catalog.json", pystac.MediaType.JSON))
    item.add_asset("data", _asset(layer, path, digest))
    return item


def _properties(layer: xr.DataArray, grid: Grid) -> dict[str, Any]:
    attrs = layer.attrs
    told = {
        "title": attrs["long_name"],
        "license": "other",  # STAC allows an SPDX id or "other"; the words themselves stand below
        "licence": attrs["licence"],
        "sci:citation": attrs["citation"],
        "source": attrs["source"],
        "proj:code" if grid.crs.to_epsg() else "proj:wkt2": crs_text(grid.crs),
        "proj:shape": list(grid.shape),
        "proj:transform": [float(v) for v in grid.transform[:6]],
        "dated": "year" in attrs,
    }
    return told | {key: attrs[key] for key in _PASSED_ON if key in attrs}


def _asset(layer: xr.DataArray, path: Path, digest: str) -> pystac.Asset:
    import pystac

    classes = variable(str(layer.name)).classes
    band: dict[str, Any] = {
        "name": str(layer.name),
        "data_type": str(layer.dtype),
        "nodata": class_nodata(classes) if classes else "nan",
    }
    if classes:
        values = zip(layer.attrs["flag_values"], layer.attrs["flag_meanings"].split(), strict=True)
        band["classification:classes"] = [{"value": int(v), "name": n} for v, n in values]
    else:
        band["unit"] = layer.attrs["units"]
    return pystac.Asset(
        href=f"./{path.name}",
        media_type=pystac.MediaType.COG,
        roles=["data"],
        extra_fields={
            "file:checksum": f"1220{digest}",  # a multihash: 12 = SHA-256, 20 = its 32 bytes
            "file:size": path.stat().st_size,
            "bands": [band],
        },
    )


def _years(year: Any) -> tuple[datetime, datetime]:
    """Return the first and last second of a year; an undated layer holds for all time."""
    first, last = (int(year), int(year)) if year is not None else (1, 9999)
    return datetime(first, 1, 1, tzinfo=UTC), datetime(last, 12, 31, 23, 59, 59, tzinfo=UTC)


def lonlat_bounds(grid: Grid) -> tuple[float, float, float, float]:
    """Return (west, south, east, north) of a grid in degrees."""
    if grid.is_geographic:
        west, south, east, north = grid.bounds
        return west, max(south, -90.0), east, min(north, 90.0)
    from rasterio.warp import transform_bounds

    return tuple(transform_bounds(crs_text(grid.crs), "EPSG:4326", *grid.bounds))
