"""Mosaics of rasters on one grid, as the text of a GDAL virtual raster (VRT)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from affine import Affine

from hotspots.errors import RasterError

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

# numpy data types -> GDAL data types.
_TYPES = {
    "uint8": "Byte",
    "int8": "Int8",
    "uint16": "UInt16",
    "int16": "Int16",
    "uint32": "UInt32",
    "int32": "Int32",
    "float32": "Float32",
    "float64": "Float64",
}
# Tolerated misalignment of two files of one grid, in cells (rounding of printed origins).
_OFF_GRID = 0.01


@dataclass(frozen=True)
class Part:
    """A raster of a mosaic.

    Attributes
    ----------
    path : str
        What GDAL opens; relative to the VRT if it has no folder.
    transform : Affine
        Affine transform of its first row and column.
    shape : tuple
        (rows, columns).
    open_options : tuple of (str, str)
        For GDAL, such as the overview to read.
    """

    path: str
    transform: Affine
    shape: tuple[int, int]
    open_options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Kind:
    """The properties that all rasters of a mosaic share."""

    dtype: str
    bands: int
    crs_wkt: str
    nodata: float | None = None
    scale: float = 1.0
    offset: float = 0.0


def vrt_text(parts: Sequence[Part], kind: Kind, note: str = "") -> str:
    """Return a VRT of all parts, on the smallest grid that encloses them.

    Raises
    ------
    RasterError
        The parts don't lie on one grid.
    """
    first = parts[0].transform
    places = [_place(part, first) for part in parts]
    top = min(row for row, _ in places)
    left = min(column for _, column in places)
    rows = max(r + p.shape[0] for (r, _), p in zip(places, parts, strict=True)) - top
    columns = max(c + p.shape[1] for (_, c), p in zip(places, parts, strict=True)) - left
    corner = first * (left, top)
    # GDAL's order of the six numbers, which isn't Affine's.
    geo = (corner[0], first.a, first.b, corner[1], first.d, first.e)
    lines = [
        f'<VRTDataset rasterXSize="{columns}" rasterYSize="{rows}">',
        f"<SRS>{escape(kind.crs_wkt)}</SRS>",
        f"<GeoTransform>{', '.join(repr(float(v)) for v in geo)}</GeoTransform>",
    ]
    if note:
        lines.append(f"<Metadata><MDI key={quoteattr('note')}>{escape(note)}</MDI></Metadata>")
    for band in range(1, kind.bands + 1):
        lines += [f'<VRTRasterBand dataType="{_TYPES[kind.dtype]}" band="{band}">']
        lines += _of_band(kind)
        for part, (row, column) in zip(parts, places, strict=True):
            lines += _source(part, band, row - top, column - left, kind)
        lines.append("</VRTRasterBand>")
    return "\n".join([*lines, "</VRTDataset>", ""])


def _of_band(kind: Kind) -> list[str]:
    lines = [] if kind.nodata is None else [f"<NoDataValue>{_number(kind.nodata)}</NoDataValue>"]
    if kind.scale != 1 or kind.offset:
        lines += [f"<Offset>{kind.offset!r}</Offset>", f"<Scale>{kind.scale!r}</Scale>"]
    return lines


def _number(value: float) -> str:
    return "nan" if math.isnan(value) else repr(value)


def _place(part: Part, of: Affine) -> tuple[int, int]:
    """Return the row and column of a part's first cell on the grid `of`."""
    transform = part.transform
    same = all(
        math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-12)
        for a, b in zip((transform.a, transform.e), (of.a, of.e), strict=True)
    )
    column, row = ~of * (transform.c, transform.f)
    off = max(abs(column - round(column)), abs(row - round(row)))
    if not same or off > _OFF_GRID:
        raise RasterError(
            f"'{part.path}' doesn't lie on the grid of the other rasters (cells of"
            f" {transform.a:g} against {of.a:g}, {off:.2f} of a cell off). Choose a smaller"
            " region, which one of them covers."
        )
    return round(row), round(column)


def _source(part: Part, band: int, row: int, column: int, kind: Kind) -> list[str]:
    rows, columns = part.shape
    relative = int("/" not in part.path)
    # Neighbouring parts overlap by their margins; where one is nodata, the other shows.
    tag = "SimpleSource" if kind.nodata is None else "ComplexSource"
    options = "".join(
        f"<OOI key={quoteattr(key)}>{escape(value)}</OOI>" for key, value in part.open_options
    )
    lines = [
        f"<{tag}>",
        f'<SourceFilename relativeToVRT="{relative}">{escape(part.path)}</SourceFilename>',
        f"<OpenOptions>{options}</OpenOptions>" if options else "",
        f"<SourceBand>{band}</SourceBand>",
        # With its size declared, GDAL opens a source only when its cells are read.
        f'<SourceProperties RasterXSize="{columns}" RasterYSize="{rows}"'
        f' DataType="{_TYPES[kind.dtype]}"/>',
        f'<SrcRect xOff="0" yOff="0" xSize="{columns}" ySize="{rows}"/>',
        f'<DstRect xOff="{column}" yOff="{row}" xSize="{columns}" ySize="{rows}"/>',
        f"<NODATA>{_number(kind.nodata)}</NODATA>" if kind.nodata is not None else "",
        f"</{tag}>",
    ]
    return [line for line in lines if line]


def described_part(path: Path, name: str) -> tuple[Part, Kind]:
    """Return a local raster as a part of a mosaic, called `name` there, and its properties."""
    import rasterio

    with rasterio.open(path) as file:
        return Part(name, file.transform, (file.height, file.width)), kind_of(file)


def kind_of(file: DatasetReader, bands: int | None = None) -> Kind:
    """Return the shared properties of a raster that rasterio has opened."""
    dtype = file.dtypes[0]
    if dtype not in _TYPES:
        raise RasterError(f"'{file.name}' is of type {dtype}, for which mosaics aren't supported.")
    return Kind(
        dtype,
        bands or file.count,
        file.crs.to_wkt() if file.crs else "",
        file.nodata,
        float(file.scales[0]),
        float(file.offsets[0]),
    )
