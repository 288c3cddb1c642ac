"""Writing windows of rasters to the cache, atomically and with their cells as stored."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from affine import Affine

from hotspots.config import variable
from hotspots.errors import WriteError, deepest_reason
from hotspots.ingest.access.download import Progress, disk_errors, write_text
from hotspots.ingest.access.mosaic import described_part, vrt_text
from hotspots.ingest.access.window_reader import Reader
from hotspots.ingest.access.windows import Window
from hotspots.io.atomic import file_hash
from hotspots.io.cog import RasterForm, new_geotiff
from hotspots.io.os_errors import quiet_libtiff

_STRIP_BYTES = 32_000_000
_BLOCK = 256


def copied(
    reader: Reader, of: Window, path: Path, progress: Progress | None, reusable: bool
) -> Path:
    """Write a window's cells as stored; `path` appears only when it is complete.

    Parameters
    ----------
    reader : Reader
        The open source.
    of : Window
        Rows and columns to copy.
    path : path
        The GeoTIFF to write.
    progress : callable or None
        Called with the rows written and the rows of the window.
    reusable : bool
        Whether an existing file is kept.
    """
    from rasterio._err import CPLE_BaseError  # what closing a file on a full disk raises
    from rasterio.errors import RasterioError

    if reusable and path.exists():
        return path
    part = path.with_name(f"{path.stem}.part.tif")
    said: list[str] = []
    try:
        with quiet_libtiff() as said:
            _write(reader, of, part, progress)
    except (RasterioError, CPLE_BaseError, OSError) as error:
        part.unlink(missing_ok=True)
        why = said[0].rstrip(".") if said else deepest_reason(error)
        raise WriteError(
            f"The window '{path}' can't be written ({why}). Free some space, or set"
            f" {variable('cache')} to a folder elsewhere; nothing was left half-written."
        ) from error
    # Also on Ctrl+C: a KeyboardInterrupt isn't an Exception.
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    with disk_errors(path):
        os.replace(part, path)
    return path


def _write(reader: Reader, of: Window, part: Path, progress: Progress | None) -> None:
    file, bands = reader.file, reader.request.bands
    block = _block(file.block_shapes[0])
    height = _strip_height(of, block, len(bands) * np.dtype(file.dtypes[0]).itemsize)
    scales = [file.scales[band - 1] for band in bands]
    offsets = [file.offsets[band - 1] for band in bands]
    with new_geotiff(part, _form(reader, of), tile=block, predict=True) as out:
        if any(scale != 1 for scale in scales) or any(offsets):
            out.scales, out.offsets = scales, offsets
        for top in range(0, of.height, height):
            strip = replace(of, row=of.row + top, height=min(height, of.height - top))
            out.write(reader.read(strip), window=((top, top + strip.height), (0, of.width)))
            if progress:
                progress(top + strip.height, of.height)


def _block(shape: tuple[int, int]) -> int:
    """Return the tile side of the copy: that of the source if it is valid in a GeoTIFF."""
    side = max(shape)
    return side if shape[0] == shape[1] and side % 16 == 0 and 64 <= side <= 1024 else _BLOCK


def _strip_height(of: Window, block: int, cell_bytes: int) -> int:
    """Return the number of rows to read at once: whole tiles of the copy, each written once."""
    return max(1, _STRIP_BYTES // (of.width * cell_bytes * block)) * block


def _form(reader: Reader, of: Window) -> RasterForm:
    file = reader.file
    return RasterForm(
        file.transform * Affine.translation(of.column, of.row),
        (of.height, of.width),
        file.crs or reader.request.crs or None,
        np.dtype(file.dtypes[0]).name,
        file.nodata,
        len(reader.request.bands),
    )


def joined(reader: Reader, parts: Sequence[Path], path: Path) -> Path:
    """Return the only window, or a VRT of several; the VRT contains their hashes."""
    if len(parts) == 1:
        return parts[0]
    found, kinds = zip(*(described_part(part, part.name) for part in parts), strict=True)
    hashes = " ".join(file_hash(part) for part in parts)
    write_text(path, vrt_text(found, kinds[-1], note=hashes))
    return path
