"""Copies of NetCDF and Zarr layers as GeoTIFF, where GDAL must warp them."""

from __future__ import annotations

import tempfile
from functools import cache, lru_cache
from pathlib import Path

from hotspots.io.cog import RasterForm, new_geotiff
from hotspots.io.rasters.stored import RasterFile

_ROWS = 512


def geotiff_copy(raster: RasterFile, path: Path, name: str) -> Path:
    """Return a GeoTIFF with the same bands and numbers, without a CRS; made once a program.

    Parameters
    ----------
    raster : RasterFile
        Open; a variable of a file.
    path, name : Path and str
        The file and the variable, which with the file's time tell one copy from another.
    """
    return _copied(_Source(raster, (str(path), name, path.stat().st_mtime_ns)))


class _Source:
    """A raster that is known by its file, its variable and the file's time."""

    def __init__(self, raster: RasterFile, key: tuple[str, str, int]) -> None:
        self.raster, self.key = raster, key

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Source) and self.key == other.key


@lru_cache(maxsize=32)
def _copied(source: _Source) -> Path:
    raster = source.raster
    place = raster.placement()
    rows, columns = place.shape
    bands = range(1, len(raster.steps) + 1)
    form = RasterForm(
        place.transform, place.shape, None, raster.described().dtype, None, len(bands)
    )
    made = Path(tempfile.mkdtemp(dir=_folder().name)) / "copy.tif"
    with new_geotiff(made, form) as file:
        for top in range(0, rows, _ROWS):
            window = ((top, min(top + _ROWS, rows)), (0, columns))
            for band in bands:
                file.write(raster.read([band], window)[0], band, window=window)
    return made


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="hotspots-copies-", ignore_cleanup_errors=True)
