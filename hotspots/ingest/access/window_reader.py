"""Reads windows of a raster over HTTP with GDAL, strip by strip, and again when a read fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyproj

from hotspots.errors import EmptyRegionError, FetchError
from hotspots.ingest.access import server_errors
from hotspots.ingest.access.fetch import key_of
from hotspots.ingest.access.http import USER_AGENT, Client
from hotspots.ingest.access.windows import Box, Window, overview_level, split_boxes, windows

# Blocks up to this side are read whole; larger ones are strips of the whole width.
_LARGEST_BLOCK = 1024


@dataclass(frozen=True)
class Asked:
    """A window that is asked for.

    Attributes
    ----------
    address : str
        Of the raster, http(s).
    boxes : tuple of (west, south, east, north)
        Degrees; west > east crosses the antimeridian.
    bands : tuple of int
        Counted from 1.
    crs : str
        Declared CRS; the file's own if "".
    cell_degrees, samples
        See `windows.overview_level`.
    headers : mapping
        Sent along, such as a token; no part of what the window is known by.
    """

    address: str
    boxes: tuple[Box, ...]
    bands: tuple[int, ...] = (1,)
    crs: str = ""
    cell_degrees: float = 0.0
    samples: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What the window is known by; without overviews the asked cell plays no part."""
        cell = self.cell_degrees if self.samples else 0
        return key_of(self.address, self.boxes, self.bands, self.crs, cell, self.samples)


@dataclass(frozen=True)
class Source:
    """A raster for `cut`: what GDAL opens, its public address and version.

    `check` asks the server once more after GDAL failed: it raises what the true fault is.
    """

    path: str
    address: str
    version: str
    check: Callable[[], object]
    host: str = ""  # an address on the host that is read from; `address` by default


@contextmanager
def environment(of: Client, headers: Mapping[str, str] | None = None) -> Iterator[None]:
    """Set GDAL up to read over HTTP as politely and patiently as the client does."""
    import rasterio

    options: dict[str, Any] = {
        "GDAL_HTTP_USERAGENT": USER_AGENT,
        "GDAL_HTTP_CONNECTTIMEOUT": max(1, round(of.settings.connect)),
        "GDAL_HTTP_LOW_SPEED_TIME": max(1, round(of.settings.stall)),
        "GDAL_HTTP_LOW_SPEED_LIMIT": 1,
        "GDAL_HTTP_MAX_RETRY": of.settings.tries - 1,
        "GDAL_HTTP_RETRY_DELAY": of.settings.back_off,
        "GDAL_HTTP_RETRY_CODES": "429,500,502,503,504",
        # No look-ups of side-car files, which servers answer with 404 or a web page.
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        # One after the other: GDAL's own way opens a connection for each range.
        "GDAL_HTTP_MULTIRANGE": "SERIAL",
        # What an address held may change while the process lives.
        "CPL_VSIL_CURL_NON_CACHED": "/vsicurl/http",
        # Only rasters: a remote VRT must not name local files by way of GDAL's scripts.
        "GDAL_VRT_ENABLE_PYTHON": "NO",
    }
    if headers:
        options["GDAL_HTTP_HEADERS"] = "\r\n".join(f"{k}: {v}" for k, v in headers.items())
    with rasterio.Env(**options):
        yield


class Reader:
    """Reads a source strip by strip, and opens it again when a read fails."""

    def __init__(self, source: Source, asked: Asked, of: Client) -> None:
        self.source, self.asked, self.client = source, asked, of
        self.file: Any = None
        self.level = -1

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Hold the source open, at the overview that is asked for."""
        self._open()
        self.level = self._overview()
        if self.level >= 0:
            self._open()
        try:
            yield
        finally:
            self.file.close()

    @property
    def crs(self) -> pyproj.CRS:
        """The declared CRS, else the file's own."""
        if not self.asked.crs and not self.file.crs:
            raise FetchError(
                f"'{server_errors.shown(self.source.address)}' has no coordinate reference system,"
                " and the catalogue declares none. Tell the project."
            )
        return pyproj.CRS.from_user_input(self.asked.crs or self.file.crs.to_wkt())

    def windows(self) -> list[Window]:
        """Return what the boxes need, in whole blocks; raise `EmptyRegionError` if nothing."""
        found = windows(
            self.file.transform, (self.file.height, self.file.width), self.crs, self.asked.boxes
        )
        if not found:
            shown = "; ".join(",".join(f"{v:g}" for v in box) for box in self.asked.boxes)
            raise EmptyRegionError(
                f"'{server_errors.shown(self.source.address)}' holds nothing of the box {shown}."
                " Ask for another region, or another source ('hotspots sources' lists all)."
            )
        return [self._aligned(window) for window in found]

    def _aligned(self, of: Window) -> Window:
        """Return a window of whole source blocks, which travel whole anyway."""
        rows, columns = self.file.block_shapes[0]
        if max(rows, columns) > _LARGEST_BLOCK:  # strips of the whole width
            return of
        row, column = of.row // rows * rows, of.column // columns * columns
        bottom = min(self.file.height, -(-(of.row + of.height) // rows) * rows)
        right = min(self.file.width, -(-(of.column + of.width) // columns) * columns)
        return Window(row, column, bottom - row, right - column)

    def read(self, of: Window) -> Any:
        """Return the stored cells of a window, bands first; tried again when the server fails."""
        return self._tried(lambda: self.file.read(list(self.asked.bands), window=of.slices))

    def _open(self) -> None:
        import rasterio

        options = {} if self.level < 0 else {"overview_level": self.level}
        if self.file is not None:
            self.file.close()
        self.file = self._tried(lambda: rasterio.open(self.source.path, **options), again=False)

    def _tried(self, read: Callable[[], Any], again: bool = True) -> Any:
        import rasterio

        for left in reversed(range(self.client.settings.tries)):
            try:
                return read()
            except rasterio.errors.RasterioError as error:
                self.source.check()
                if not left:
                    raise self._unread(error) from error
                time.sleep(self.client.settings.back_off)
                if again:
                    self._open()
        raise AssertionError("a try returns or raises")

    def _unread(self, error: Exception) -> FetchError:
        said = str(error.__cause__ or error).splitlines()[0].replace("/vsicurl/", "").rstrip(".")
        return FetchError(
            f"'{server_errors.shown(self.source.address)}' answers, but isn't read as a raster"
            f" ({said}). It may be damaged upstream: try again later, then tell the project."
        )

    def _overview(self) -> int:
        asked, file = self.asked, self.file
        return overview_level(
            file.overviews(asked.bands[0]),
            abs(file.transform.a),
            self.crs,
            split_boxes(asked.boxes),
            asked.cell_degrees,
            asked.samples,
        )
