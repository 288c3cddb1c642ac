"""A publisher's index of tiles (a VRT), fetched once, and cut to the tiles that a region needs.

GDAL would read the index again for each window, and some have several megabytes. It would also
follow whatever the index names, so only files below the index's own folder are accepted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pyproj
from affine import Affine

from hotspots.errors import FetchError
from hotspots.ingest.access import server_errors
from hotspots.ingest.access.windows import Box, Window, windows

_SOURCES = ("SimpleSource", "ComplexSource")
_MOST_BYTES = 200_000_000
_SAME_SIZE = 1e-6


@dataclass(frozen=True)
class Cut:
    """The part of an index that a region needs.

    Attributes
    ----------
    text : str
        A VRT of the same grid with the needed tiles, by their full addresses.
    tiles : int
        Their number, all bands together.
    stretched : tuple of str
        Names of needed tiles whose cells have another size than those of the index.
    """

    text: str
    tiles: int
    stretched: tuple[str, ...]


def is_index(address: str) -> bool:
    """Return whether an address is that of an index of tiles."""
    return urlsplit(address).path.lower().endswith(".vrt")


def cut_index(path: Path, address: str, crs: str, boxes: Sequence[Box], bare: str) -> Cut:
    """Return the part of an index of tiles that holds boxes.

    Parameters
    ----------
    path : Path
        The local copy of the index.
    address : str
        Its address as GDAL opens it (``/vsicurl/https://…``), to which its tiles are relative.
    crs : str
        Declared CRS of the tiles; the index's own if "".
    boxes : sequence of (west, south, east, north)
        Degrees.
    bare : str
        Its address for messages.

    Raises
    ------
    FetchError
        Not a VRT of tiles, or it names files elsewhere.
    """
    root = _root(path, bare)
    size = (int(root.get("rasterYSize", 0)), int(root.get("rasterXSize", 0)))
    numbers = [float(number) for number in (root.findtext("GeoTransform") or "").split(",")]
    own = root.findtext("SRS") or ""
    if len(numbers) != 6 or not all(size) or not (crs or own):
        raise _no_index(bare)
    needed = windows(
        Affine.from_gdal(*numbers), size, pyproj.CRS.from_user_input(crs or own), boxes
    )
    lines = [f'<VRTDataset rasterXSize="{size[1]}" rasterYSize="{size[0]}">']
    lines += [f"<SRS>{escape(own)}</SRS>"] if own else []
    lines += [f"<GeoTransform>{', '.join(map(repr, numbers))}</GeoTransform>"]
    count, stretched = 0, []
    for band in root.iter("VRTRasterBand"):
        kind, number = band.get("dataType", "Byte"), band.get("band", "1")
        lines += [f'<VRTRasterBand dataType="{escape(kind)}" band="{int(number)}">']
        nodata = band.findtext("NoDataValue")
        lines += [f"<NoDataValue>{float(nodata)!r}</NoDataValue>"] if nodata else []
        for source in _meeting(band, needed):
            count += 1
            lines.append(_rewritten(source, address, bare))
            stretched += [_name(source)] if _is_stretched(source) else []
        lines.append("</VRTRasterBand>")
    text = "\n".join([*lines, "</VRTDataset>", ""])
    return Cut(text, count, tuple(dict.fromkeys(stretched)))


def _root(path: Path, bare: str) -> ElementTree.Element:
    if path.stat().st_size > _MOST_BYTES:
        raise _no_index(bare)
    try:
        root = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, ValueError) as error:
        raise _no_index(bare) from error
    if root.tag != "VRTDataset":
        raise _no_index(bare)
    return root


def _no_index(bare: str) -> FetchError:
    return FetchError(
        f"'{server_errors.shown(bare)}' isn't an index of tiles (VRT). The source may have changed:"
        " report it to the project."
    )


def _meeting(band: ElementTree.Element, needed: Sequence[Window]) -> Iterator[ElementTree.Element]:
    """Yield the tiles of a band that have cells in one of the windows."""
    for source in band:
        if source.tag not in _SOURCES:
            continue
        x, y, width, height = _rectangle(source, "DstRect")
        if any(
            x < w.column + w.width
            and w.column < x + width
            and y < w.row + w.height
            and w.row < y + height
            for w in needed
        ):
            yield source


def _rectangle(source: ElementTree.Element, name: str) -> tuple[float, float, float, float]:
    found = source.find(name)
    values = {} if found is None else found.attrib
    x, y, width, height = (float(values.get(k, 0)) for k in ("xOff", "yOff", "xSize", "ySize"))
    return x, y, width, height


def _is_stretched(source: ElementTree.Element) -> bool:
    _, _, width, height = _rectangle(source, "SrcRect")
    _, _, onto_width, onto_height = _rectangle(source, "DstRect")
    return abs(width - onto_width) > _SAME_SIZE or abs(height - onto_height) > _SAME_SIZE


def _name(source: ElementTree.Element) -> str:
    return (source.findtext("SourceFilename") or "").rpartition("/")[2]


def _rewritten(source: ElementTree.Element, address: str, bare: str) -> str:
    """Return a tile's element with its full address, and nothing but what places its cells."""
    named = source.find("SourceFilename")
    text = "" if named is None else (named.text or "").strip()
    relative = named is not None and named.get("relativeToVRT") == "1"
    if not relative or not text or text.startswith("/") or ":" in text or ".." in text.split("/"):
        raise FetchError(
            f"The index '{server_errors.shown(bare)}' names the file '{text[:80]}', which isn't"
            " below its own folder, so nothing is read from it. Report it to the project."
        )
    nodata = source.findtext("NODATA")
    band = int(source.findtext("SourceBand") or 1)
    parts = [
        f"<{source.tag}>",
        f'<SourceFilename relativeToVRT="0">{escape(_joined(address, text))}</SourceFilename>',
        f"<SourceBand>{band}</SourceBand>",
        _properties(source),
        _placed("SrcRect", source),
        _placed("DstRect", source),
        f"<NODATA>{float(nodata)!r}</NODATA>" if nodata and source.tag == "ComplexSource" else "",
        f"</{source.tag}>",
    ]
    return "".join(parts)


def _joined(address: str, relative: str) -> str:
    if not address.startswith("/vsicurl/"):
        return str(Path(address).parent / relative)
    return f"/vsicurl/{urljoin(address.removeprefix('/vsicurl/'), relative)}"


def _properties(source: ElementTree.Element) -> str:
    """Return the size and type of a tile, with which GDAL opens it only when it reads cells."""
    found = source.find("SourceProperties")
    if found is None:
        return ""
    size = " ".join(f'{k}="{int(found.get(k, 0))}"' for k in ("RasterXSize", "RasterYSize"))
    return f'<SourceProperties {size} DataType="{escape(found.get("DataType", "Byte"))}"/>'


def _placed(name: str, source: ElementTree.Element) -> str:
    x, y, width, height = _rectangle(source, name)
    return f'<{name} xOff="{x!r}" yOff="{y!r}" xSize="{width!r}" ySize="{height!r}"/>'
