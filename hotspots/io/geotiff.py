"""Reading GeoTIFF files as layers: each block is masked, scaled and checked as it is read.

Blocks are read through a function of this module and not through an open file object, so that a
lazy layer can be pickled, and a damaged block raises this project's error whenever it is read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from hotspots.errors import RasterError, deepest_reason
from hotspots.io.os_errors import require_permitted
from hotspots.io.rasters.gdal_file import GdalRaster
from hotspots.io.rasters.steps import MONTHS, in_calendar_order
from hotspots.io.rasters.stored import Decoding
from hotspots.io.readers.rasters import geotiff
from hotspots.layers.dimensions import LABELS, MONTH, third_dimension
from hotspots.layers.typed import in_chunks
from hotspots.layers.variables import OF_A_COPY, variable

# Cells of all bands above which a file is read lazily (16 MB as float32).
LAZY_CELLS = 4_000_000
_CHUNK = 1024  # side of a chunk in cells, before it is enlarged to whole blocks of the file
# Tags that become attributes; all others, such as GDAL's own, are ignored.
_TAGS = (
    "long_name",
    "year",
    "period",
    "depth_cm",
    "source",
    "citation",
    "licence",
    "method",
    "caveat",
    "guidelines",
    "level",
    "support",
    "made_from",
    "url",
    "doi",
    "flag_values",
    "flag_meanings",
    *LABELS,
)


@dataclass(frozen=True)
class _Band:
    """The location of one band; size and time of the file invalidate a dask graph on change."""

    path: str
    index: int
    decoding: Decoding
    stamp: tuple[int, int]


def read_geotiff(path: str | Path) -> list[xr.DataArray]:
    """Return the bands of a GeoTIFF as layers named by band description, tag or file stem.

    Parameters
    ----------
    path : path
        One band: its name is the band's description (or tag ``variable``) if that is canonical,
        else the file's stem. Several bands: each needs a canonical description, except 12 bands of
        a monthly variable that the stem names, whose descriptions may name the months.

    Returns
    -------
    list of DataArray
        On the file's grid and orientation; nodata, masked and transparent cells are NaN, determined
        before scale and offset are applied; the bands of a monthly variable from January on;
        ``units`` from the band's unit or a tag UNITS. Lazy above 4 million cells.

    Raises
    ------
    RasterError
        The file is unreadable (permission, damage), truncated, rotated, without CRS or
        georeference, or a band has no canonical name.
    """
    import rasterio

    path = Path(path)
    require_permitted(path)
    try:
        with geotiff(path) as file:
            _require_whole(file, path)
            raster = GdalRaster(file, str(path))
            return [_layer(raster, path, band, name) for band, name in _named(raster, path)]
    except (rasterio.errors.RasterioError, rasterio.errors.CRSError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str | Path, error: Exception | str) -> RasterError:
    why = error if isinstance(error, str) else deepest_reason(error)
    return RasterError(
        f"'{path}' can't be read as a GeoTIFF; it may be damaged or cut short ({why}). Fetch or"
        " write it again."
    )


def _require_whole(file: Any, path: Path) -> None:
    """Raise unless every block in the file's directory lies within the file."""
    size = path.stat().st_size
    rows, columns = file.block_shapes[0]
    # Bands in pixel interleaving share their blocks.
    is_shared = "pixel" in str(file.profile.get("interleave", "")).lower()
    blocks = product(
        [1] if is_shared else file.indexes,
        range(-(-file.height // rows)),
        range(-(-file.width // columns)),
    )
    for band, y, x in blocks:
        offset = file.get_tag_item(f"BLOCK_OFFSET_{x}_{y}", "TIFF", bidx=band)
        length = file.get_tag_item(f"BLOCK_SIZE_{x}_{y}", "TIFF", bidx=band)
        # A sparse block has neither: it isn't stored, and reads as nodata.
        end = int(offset) + int(length) if offset and length else 0
        if end > size:
            raise _unreadable(path, f"{size} bytes, where {end} are named")


def _named(raster: GdalRaster, path: Path) -> list[tuple[int, str]]:
    """Return the bands to read, in their order, with the name of each one's variable."""
    bands, file = range(1, len(raster.steps) + 1), raster.file
    said = [file.descriptions[i - 1] or file.tags(i).get("variable") or "" for i in bands]
    if len(bands) == 1:
        name = said[0] or file.tags().get("variable") or ""
        return [(1, name if _is_canonical(name) else path.stem)]
    if len(bands) == MONTHS and third_dimension(path.stem) == MONTH and path.stem not in said:
        order, _ = in_calendar_order(raster.steps, str(path))
        return [(i + 1, path.stem) for i in order]
    if not all(said):
        raise RasterError(
            f"Band {said.index('') + 1} of '{path}' has no description. Give each band the name of"
            f" a canonical variable (rio edit-info --bidx {said.index('') + 1} --description"
            f" soc_stock FILE, {OF_A_COPY}), or write one file for each."
        )
    return list(zip(bands, said, strict=True))


def _is_canonical(name: str) -> bool:
    try:
        variable(name)
    except RasterError:
        return False
    return True


def _layer(raster: GdalRaster, path: Path, index: int, name: str) -> xr.DataArray:
    row, file = variable(name), raster.file
    place = raster.placement()
    if place.crs is None:
        raise RasterError(
            f"'{path}' has no coordinate reference system (CRS). After checking its source give it"
            f" one: rio edit-info --crs EPSG:4326 FILE ({OF_A_COPY}), or add it to a store with"
            " --crs EPSG:4326."
        )
    stat, decoding = path.stat(), raster.decoding(index)
    if row.classes is not None:
        # Codes of classes aren't quantities: a scale in the metadata doesn't apply to them.
        decoding = replace(decoding, scale=1.0, offset=0.0)
    band = _Band(str(path), index, decoding, (stat.st_size, stat.st_mtime_ns))
    shape, transform = place.shape, place.transform
    lazy = shape[0] * shape[1] * file.count > LAZY_CELLS
    data = _lazily(band, shape, file.block_shapes[index - 1]) if lazy else _read(band, None)
    out = xr.DataArray(data, dims=("y", "x"), name=name, attrs=_attrs(file, index))
    y = transform.f + transform.e * (np.arange(shape[0]) + 0.5)
    x = transform.c + transform.a * (np.arange(shape[1]) + 0.5)
    out = out.assign_coords(y=("y", y), x=("x", x))
    placed: xr.DataArray = out.rio.write_crs(place.crs).rio.write_transform(transform)
    return placed


def _attrs(file: Any, index: int) -> dict[str, Any]:
    tags = {k.casefold(): v for k, v in (file.tags() | file.tags(index)).items()}
    if "license" in tags:
        tags.setdefault("licence", tags["license"])
    attrs: dict[str, Any] = {key: tags[key] for key in _TAGS if key in tags}
    if str(attrs.get("year", "")).isdigit():
        attrs["year"] = int(attrs["year"])
    if "flag_values" in attrs:
        codes = attrs["flag_values"].replace(",", " ").split()
        attrs["flag_values"] = np.array(codes, dtype="int16")
    unit = file.units[index - 1] or tags.get("units") or tags.get("unit")
    return attrs | ({"units": unit} if unit else {})


def _lazily(band: _Band, shape: tuple[int, int], block: tuple[int, int]) -> Any:
    # Whole file blocks, because a block shared by two chunks would be decoded twice.
    chunks = tuple(
        _split(n, min(n, -(-_CHUNK // b) * b)) for n, b in zip(shape, block, strict=True)
    )
    meta = np.empty((0, 0), dtype="float32")
    return in_chunks(_read_chunk, band=band, chunks=chunks, dtype="float32", meta=meta)


def _split(length: int, chunk: int) -> tuple[int, ...]:
    return tuple(min(chunk, length - start) for start in range(0, length, chunk))


def _read_chunk(band: _Band, block_info: Any = None) -> npt.NDArray[np.float32]:
    (top, bottom), (left, right) = block_info[None]["array-location"]
    return _read(band, ((top, bottom), (left, right)))


def _read(
    band: _Band, window: tuple[tuple[int, int], tuple[int, int]] | None
) -> npt.NDArray[np.float32]:
    import rasterio

    try:
        with geotiff(band.path) as file:
            raster = GdalRaster(file, band.path)
            stored, inside = raster.read([band.index], window), raster.inside([band.index], window)
    except rasterio.errors.RasterioError as error:
        raise _unreadable(band.path, error) from error
    # In float64, so that scale and offset are applied without rounding to float32.
    values = band.decoding.values(stored[0])
    if inside is not None:
        values[~inside[0]] = np.nan
    return values.astype("float32")
