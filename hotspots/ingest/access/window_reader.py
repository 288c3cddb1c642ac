"""Reading windows of a raster over HTTP with GDAL, strip by strip, with retries."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pyproj

from hotspots.errors import EmptyRegionError, FetchError, deepest_reason
from hotspots.ingest.access import server_errors
from hotspots.ingest.access.fetch import key_of
from hotspots.ingest.access.http import USER_AGENT, Client
from hotspots.ingest.access.windows import Box, Window, overview_level, split_boxes, windows
from hotspots.ingest.regrid.agreement import Declared, require_agreement
from hotspots.ingest.regrid.source_raster import Numbers
from hotspots.io.rasters.gdal_file import GdalRaster

T = TypeVar("T")

# Blocks up to this side (cells) are read whole; larger ones are strips of the whole width.
_LARGEST_BLOCK = 1024
_LARGE_RANGE = 8 * 2**20  # bytes


@dataclass(frozen=True)
class WindowRequest:
    """A request for the cells of a remote raster within boxes.

    Attributes
    ----------
    address : str
        Address of the raster, http(s).
    boxes : tuple of (west, south, east, north)
        Degrees; west > east crosses the antimeridian.
    bands : tuple of int
        Band numbers, from 1.
    crs : str
        Declared CRS; the file's own if "".
    cell_degrees, samples
        See `windows.overview_level`.
    headers : mapping
        Request headers, such as a token; not part of `key`.
    declared : Declared
        What the catalogue says of the file at full resolution; not part of `key`.
    large_ranges : bool
        Whether each request reads several megabytes, for servers that allow few; not part of `key`.
    """

    address: str
    boxes: tuple[Box, ...]
    bands: tuple[int, ...] = (1,)
    crs: str = ""
    cell_degrees: float = 0.0
    samples: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    large_ranges: bool = False
    declared: Declared = field(default_factory=Declared)

    @property
    def key(self) -> str:
        """The cache key of the window; it includes the cell size only if overviews are used."""
        cell = self.cell_degrees if self.samples else 0
        return key_of(self.address, self.boxes, self.bands, self.crs, cell, self.samples)


@dataclass(frozen=True)
class Source:
    """A raster for `cut`: what GDAL opens, its public address and version.

    `check` contacts the server again after GDAL failed, and raises the underlying error.
    """

    path: str
    address: str
    version: str
    check: Callable[[], object]
    host: str = ""  # an address on the host that serves the raster; `address` by default
    remark: str = ""  # a sentence on what is doubtful in it


@contextmanager
def environment(
    of: Client, headers: Mapping[str, str] | None = None, *, large_ranges: bool = False
) -> Iterator[None]:
    """Set GDAL's HTTP options to the client's time-outs, retries and user agent."""
    import rasterio

    options: dict[str, str | float] = {
        "GDAL_HTTP_USERAGENT": USER_AGENT,
        "GDAL_HTTP_CONNECTTIMEOUT": max(1, round(of.settings.connect)),
        "GDAL_HTTP_LOW_SPEED_TIME": max(1, round(of.settings.stall)),
        "GDAL_HTTP_LOW_SPEED_LIMIT": 1,
        "GDAL_HTTP_MAX_RETRY": of.settings.tries - 1,
        "GDAL_HTTP_RETRY_DELAY": of.settings.back_off,
        # Not 429: GDAL wouldn't wait as long as the server asks, the client does (`Reader._tried`).
        "GDAL_HTTP_RETRY_CODES": "500,502,503,504",
        # No requests for sidecar files, which servers answer with 404 or a web page.
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        # Sequential ranges: by default GDAL opens a connection for each range.
        "GDAL_HTTP_MULTIRANGE": "SERIAL",
        # The content of an address may change during the process.
        "CPL_VSIL_CURL_NON_CACHED": "/vsicurl/http",
        # A remote VRT must not run Python pixel functions, which could read local files.
        "GDAL_VRT_ENABLE_PYTHON": "NO",
    }
    if large_ranges:
        options |= {"CPL_VSIL_CURL_CHUNK_SIZE": _LARGE_RANGE, "CPL_VSIL_CURL_CACHE_SIZE": 2**27}
    if headers:
        options["GDAL_HTTP_HEADERS"] = "\r\n".join(f"{k}: {v}" for k, v in headers.items())
    with rasterio.Env(**options):
        yield


class Reader:
    """Reads a source strip by strip, and reopens it when a read fails."""

    def __init__(self, source: Source, request: WindowRequest, of: Client) -> None:
        self.source, self.request, self.client = source, request, of
        self.file: Any = None  # a DatasetReader once `opened`
        self.level = -1

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Hold the source open, at the overview that suits the requested cell size."""
        self._open()
        shown = server_errors.shown(self.source.address)
        file = GdalRaster(self.file, shown)
        require_agreement(self.request.declared, file, shown, self.request.bands[0])
        self.level = self._overview()
        if self.level >= 0:
            self._open()
        try:
            yield
        finally:
            self.file.close()

    @property
    def crs(self) -> pyproj.CRS:
        """The declared CRS, else that of the file."""
        if not self.request.crs and not self.file.crs:
            raise FetchError(
                f"'{server_errors.shown(self.source.address)}' has no coordinate reference system,"
                " and the catalogue declares none. Report it to the project."
            )
        return pyproj.CRS.from_user_input(self.request.crs or self.file.crs.to_wkt())

    def windows(self) -> list[Window]:
        """Return the windows of the boxes, in whole blocks; raise `EmptyRegionError` if none."""
        found = windows(
            self.file.transform, (self.file.height, self.file.width), self.crs, self.request.boxes
        )
        if not found:
            shown = "; ".join(",".join(f"{v:g}" for v in box) for box in self.request.boxes)
            raise EmptyRegionError(
                f"'{server_errors.shown(self.source.address)}' holds nothing of the box {shown}."
                " Choose another region, or another source ('hotspots sources' lists all)."
            )
        return [self._aligned(window) for window in found]

    def _aligned(self, of: Window) -> Window:
        """Return the window enlarged to whole source blocks, which are transferred whole anyway."""
        rows, columns = self.file.block_shapes[0]
        if max(rows, columns) > _LARGEST_BLOCK:  # strips of the whole width
            return of
        row, column = of.row // rows * rows, of.column // columns * columns
        bottom = min(self.file.height, -(-(of.row + of.height) // rows) * rows)
        right = min(self.file.width, -(-(of.column + of.width) // columns) * columns)
        return Window(row, column, bottom - row, right - column)

    def read(self, of: Window) -> Numbers:
        """Return the stored cells of a window, (band, row, column); retried if the server fails."""
        return self._tried(lambda: self.file.read(list(self.request.bands), window=of.slices))

    def _open(self) -> None:
        import rasterio

        options = {} if self.level < 0 else {"overview_level": self.level}
        if self.file is not None:
            self.file.close()
        self.file = self._tried(lambda: rasterio.open(self.source.path, **options), again=False)

    def _tried(self, read: Callable[[], T], again: bool = True) -> T:
        import rasterio

        for left in reversed(range(self.client.settings.tries)):
            try:
                return read()
            except rasterio.errors.RasterioError as error:
                # GDAL hides the cause; asking the server again raises an error that states it.
                self.source.check()
                if not left:
                    raise self._unread(error) from error
                time.sleep(self.client.settings.back_off)
                if again:
                    self._open()
        raise AssertionError("a try returns or raises")

    def _unread(self, error: Exception) -> FetchError:
        said = deepest_reason(error).replace("/vsicurl/", "")
        return FetchError(
            f"'{server_errors.shown(self.source.address)}' answers, but isn't read as a raster"
            f" ({said}). It may be damaged upstream: try again later, then report it to the"
            " project."
        )

    def _overview(self) -> int:
        request, file = self.request, self.file
        return overview_level(
            file.overviews(request.bands[0]),
            abs(file.transform.a),
            self.crs,
            split_boxes(request.boxes),
            request.cell_degrees,
            request.samples,
        )
