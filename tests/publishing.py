"""Files as the publishers of the public sources write them, in folders named by their hosts.

The test server serves the folder, and `mirrors` puts it in the place of every host of the
catalogue. Each file has the publisher's grid, data type, missing value and packing; its values
change at one meridian, so that a test knows what belongs where.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyproj
import rasterio
import xarray as xr
from rasterio.transform import from_origin

from hotspots.ingest.sources.catalogue import source, sources
from hotspots.ingest.sources.model import Access, filled, values_of

# A box of land on the equator, and the meridian at which the values change.
WEST, SOUTH, EAST, NORTH = BOX = (36.0, 0.0, 36.5, 0.5)
MIDDLE = 36.25
_MARGIN = 0.1
IGH = "ESRI:54052"


def hosts() -> set[str]:
    """Return scheme and host of every address of the catalogue."""
    addresses = [
        address
        for made in sources().values()
        for access in made.access
        for address in (access.address, *access.also, access.tiles.index if access.tiles else "")
        if address
    ]
    return {f"{urlsplit(a).scheme}://{urlsplit(a).netloc}" for a in addresses}


def mirrors(url: str) -> str:
    """Return HOTSPOTS_MIRRORS that replaces every host by a folder of a server."""
    return ";".join(f"{host}={url}/{urlsplit(host).netloc}" for host in sorted(hosts()))


def path_of(folder: Path, address: str) -> Path:
    """Return where the file of an address lies in the served folder."""
    parts = urlsplit(address)
    return folder / parts.netloc / parts.path.lstrip("/")


def address_of(name: str, product: str, access: str, **request: Any) -> str:
    """Return the address of a product's file, with its placeholders filled."""
    made = source(name)
    way = next(a for a in made.access if a.name == access)
    return filled(way.address, values_of(made.product(product), way, **request))


def access_of(name: str, access: str) -> Access:
    """Return an access of a source."""
    return next(a for a in source(name).access if a.name == access)


def raster(path: Path, numbers: tuple[float, float], cell: float, dtype: str, **more: Any) -> None:
    """Write a GeoTIFF that holds one number west of the meridian and another east of it.

    Keywords: ``crs`` (EPSG:4326), ``origin`` (a corner of the publisher's grid; by default 180 W,
    90 N), ``nodata``, ``scale``, ``offset``, ``units``, ``bands`` (the numbers of further bands).
    """
    crs = more.pop("crs", "EPSG:4326")
    origin = more.pop("origin", (-180.0, 90.0))
    further = more.pop("bands", ())
    stated = {key: more.pop(key, None) for key in ("scale", "offset", "units")}
    lon, transform = _grid(crs, cell, origin)
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", height=lon.shape[0], width=lon.shape[1], dtype=dtype,
        count=1 + len(further), crs=crs, transform=transform, tiled=True, compress="deflate",
        **more,
    ) as file:  # fmt: skip
        for band, (west, east) in enumerate([numbers, *further], 1):
            file.write(np.where(lon < MIDDLE, west, east).astype(dtype), band)
        if stated["scale"] is not None or stated["offset"] is not None:
            file.scales = [stated["scale"] or 1.0] * file.count
            file.offsets = [stated["offset"] or 0.0] * file.count
        if stated["units"]:
            file.units = [stated["units"]] * file.count


def _grid(crs: str, cell: float, origin: tuple[float, float]) -> tuple[np.ndarray, Any]:
    """Return the longitudes of the cells around the box, and the transform of their raster."""
    to_crs = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    corners = [
        to_crs.transform(x, y)
        for x in (WEST - _MARGIN, EAST + _MARGIN)
        for y in (SOUTH - _MARGIN, NORTH + _MARGIN)
    ]
    xs, ys = zip(*corners, strict=True)
    left, top = np.floor((min(xs) - origin[0]) / cell), np.floor((origin[1] - max(ys)) / cell)
    columns = int(np.ceil((max(xs) - min(xs)) / cell)) + 1
    rows = int(np.ceil((max(ys) - min(ys)) / cell)) + 1
    west, north = origin[0] + left * cell, origin[1] - top * cell
    x = west + (np.arange(columns) + 0.5) * cell
    y = north - (np.arange(rows) + 0.5) * cell
    xx, yy = np.meshgrid(x, y)
    lon = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(xx, yy)[0]
    return np.asarray(lon), from_origin(west, north, cell, cell)


def index(path: Path, tile: Path, *, stretched: bool = False) -> None:
    """Write an index (VRT) of one tile, as ISRIC's: the tile in a folder below, with its size."""
    with rasterio.open(tile) as file:
        rows, columns = file.shape
        transform, crs = file.transform, file.crs.to_wkt()
    factor = 2 if stretched else 1
    geo = ", ".join(repr(v) for v in transform.to_gdal())
    relative = tile.relative_to(path.parent)
    path.write_text(
        f'<VRTDataset rasterXSize="{columns * factor}" rasterYSize="{rows * factor}">'
        f"<SRS>{crs}</SRS><GeoTransform>{geo}</GeoTransform>"
        '<VRTRasterBand dataType="Int16" band="1"><NoDataValue>-32768</NoDataValue>'
        f'<ComplexSource><SourceFilename relativeToVRT="1">{relative}</SourceFilename>'
        "<SourceBand>1</SourceBand>"
        f'<SourceProperties RasterXSize="{columns}" RasterYSize="{rows}" DataType="Int16"/>'
        f'<SrcRect xOff="0" yOff="0" xSize="{columns}" ySize="{rows}"/>'
        f'<DstRect xOff="0" yOff="0" xSize="{columns * factor}" ySize="{rows * factor}"/>'
        "<NODATA>-32768</NODATA></ComplexSource></VRTRasterBand></VRTDataset>"
    )


def months(path: Path, variable: str, west: float, east: float, scale: float) -> None:
    """Write 12 months of a variable as TerraClimate does: packed integers, north up, by CF."""
    cell = 1 / 24
    x = np.arange(WEST - 1, EAST + 1, cell) + cell / 2
    y = np.arange(NORTH + 1, SOUTH - 1, -cell) - cell / 2
    plane = np.where(x[None, :] < MIDDLE, west, east) * np.ones((y.size, 1))
    values = plane[None] + np.arange(12)[:, None, None] * scale
    layer = xr.DataArray(values, dims=("time", "lat", "lon"), name=variable)
    layer = layer.assign_coords(
        time=("time", np.arange(12), {"units": "months since 2000-01-01", "standard_name": "time"}),
        lat=("lat", y, {"units": "degrees_north"}),
        lon=("lon", x, {"units": "degrees_east"}),
    )
    packing = {"dtype": "int16", "scale_factor": scale, "add_offset": 0.0, "_FillValue": -32768}
    path.parent.mkdir(parents=True, exist_ok=True)
    layer.to_netcdf(path, engine="h5netcdf", encoding={variable: packing})


def archive(path: Path, members: Mapping[str, Path]) -> None:
    """Write a ZIP archive of files by their names in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as out:
        for name, file in members.items():
            out.write(file, name)
