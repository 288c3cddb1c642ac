"""From a request for a source's data to local files: one function for each kind of access.

Each call can be interrupted at any moment: complete files in the cache are reused, partial ones are
resumed or downloaded again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hotspots.config import secret
from hotspots.errors import BadInputError, FetchError, TokenError
from hotspots.ingest.access import server_errors
from hotspots.ingest.access.download import Progress, disk_errors, locked, write_text
from hotspots.ingest.access.fetch import Expected, fetch, key_of
from hotspots.ingest.access.http import Client, client
from hotspots.ingest.access.windows import Box
from hotspots.ingest.regrid.agreement import Declared, require_agreement
from hotspots.ingest.regrid.source_raster import Origin, SourceRaster, opened
from hotspots.ingest.sources.model import Access, Product, Source, Year, filled, values_of
from hotspots.io.atomic import file_hash

if TYPE_CHECKING:
    from hotspots.ingest.access.window_reader import WindowRequest

# A job -> its local file and the file's origin.
_Way = Callable[["_Job"], tuple[Path, Origin]]


@dataclass(frozen=True)
class Request:
    """A request for a product of a source.

    Attributes
    ----------
    product : Product
        A product of the source.
    access : Access
        The access of the source to read it through.
    bounds : sequence of (west, south, east, north)
        Degrees; several boxes, or one with west > east, at the antimeridian. Files that are
        downloaded complete are not cut to it.
    cell_degrees : float
        Side of a requested cell; selects the overview where the access allows overviews.
    year : int or str, optional
        One of the product's years; the first by default.
    depth : str
        One of its depths; "" for all its default depths.
    values : mapping
        Further placeholders, such as ``iso3``.
    """

    product: Product
    access: Access
    bounds: Sequence[Box] = ((-180.0, -90.0, 180.0, 90.0),)
    cell_degrees: float = 0.0
    year: Year | None = None
    depth: str = ""
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class _Job:
    request: Request
    values: Mapping[str, object]
    bands: tuple[int, ...]
    cache: Path
    progress: Progress | None
    client: Client

    @property
    def access(self) -> Access:
        """The access of the request."""
        return self.request.access

    @property
    def address(self) -> str:
        """The address with its placeholders filled."""
        return filled(self.access.address, self.values)

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The requested boxes."""
        return tuple((float(w), float(s), float(e), float(n)) for w, s, e, n in self.request.bounds)


def acquire(
    source: Source,
    request: Request,
    cache: Path,
    progress: Progress | None = None,
    *,
    with_client: Client | None = None,
) -> list[SourceRaster]:
    """Return local rasters of the request, as stored, with the catalogue's declarations.

    Parameters
    ----------
    source : Source
        The source, for messages.
    request : Request
        Product, access, boxes, year and depth.
    cache : path
        Cache folder.
    progress : callable, optional
        Called with the amounts transferred and expected.
    with_client : Client, optional
        The HTTP client; that of the environment's settings by default.

    Returns
    -------
    list of SourceRaster
        One for each part of the product, and for each depth if none is requested (parts within
        depths); ``origin.stale`` is set if the server couldn't be reached and a cached copy is
        used.

    Raises
    ------
    FetchError
        The data can't be downloaded; raised within 30 s if the server can't be reached.
    TokenError
        The source needs a token that is missing or refused.
    EmptyRegionError
        The source doesn't cover the region.
    WriteError
        The cache can't be written.
    """
    product = request.product
    if product.kind != "raster":
        raise BadInputError(f"'{source.name}/{product.name}' isn't a raster but {product.kind}.")
    depths = (request.depth,) if request.depth else product.depths or (product.depth,)
    jobs = [
        _job(replace(request, depth=depth), part, cache, progress, with_client)
        for depth in depths
        for part in product.parts or ({},)
    ]
    return [_checked(job, _raw(job, *_from_any(source, job))) for job in jobs]


def acquire_file(
    source: Source,
    request: Request,
    cache: Path,
    progress: Progress | None = None,
    *,
    with_client: Client | None = None,
) -> tuple[Path, Origin]:
    """Return the local file of a product that isn't a raster: polygons, a table.

    Parameters and errors are those of `acquire`.
    """
    return _from_any(source, _job(request, {}, cache, progress, with_client))


def _checked(job: _Job, raw: SourceRaster) -> SourceRaster:
    """Return a raster that agrees with the catalogue, or raise `RasterError`.

    A window was compared when it was read, since it may be an overview of its file.
    """
    if job.access.kind in ("file", "cds"):
        with opened(raw) as file:
            require_agreement(
                declared_of(job.request.product, job.access), file, raw.path, raw.bands[0]
            )
    return raw


def _from_any(source: Source, job: _Job) -> tuple[Path, Origin]:
    """Return the file from the first of an access's addresses that gives it."""
    errors: list[FetchError] = []
    for address in (job.access.address, *job.access.also):
        access = replace(job.access, address=address)
        this = replace(job, request=replace(job.request, access=access))
        try:
            return _ways(source, this)(this)
        except FetchError as error:
            errors.append(error)
    raise server_errors.none_of(source.name, errors, source.url)


def _job(
    request: Request,
    part: Mapping[str, object],
    cache: Path,
    progress: Progress | None,
    of: Client | None,
) -> _Job:
    product = request.product
    values = values_of(
        product, request.access, year=request.year, depth=request.depth, part=part, **request.values
    )
    depth = request.depth or next(iter(product.depths), "")
    first = product.bands.get(depth, product.band)
    bands = tuple(range(1, 13)) if product.bands_read > 1 else (first,)
    return _Job(request, values, bands, Path(cache), progress, of or client())


def _ways(source: Source, job: _Job) -> _Way:
    ways: dict[str, _Way] = {
        "file": _file,
        "window": _window,
        "tiles": _tiles,
        "stac": _stac,
        "cds": _cds,
        "geoboundaries": _geoboundaries,
    }
    if job.access.kind not in ways:
        raise BadInputError(
            f"'{source.name}' has the access '{job.access.name}' of kind '{job.access.kind}';"
            f" allowed are {', '.join(ways)}."
        )
    return ways[job.access.kind]


def _raw(job: _Job, path: Path, origin: Origin) -> SourceRaster:
    product, given = job.request.product, job.request.product.nodata
    name = str(path)
    # A window of a NetCDF file is already a GeoTIFF.
    if product.subdataset and path.suffix.lower() in (".nc", ".nc4"):
        name = f'NETCDF:"{path}":{filled(product.subdataset, job.values)}'
    return SourceRaster(
        path=name,
        bands=_bands_of(job, path),
        scale=product.scale * (product.thickness or 1.0),
        offset=product.offset * (product.thickness or 1.0),
        transform=product.transform,
        nodata=(*(() if given is None else (given,)), *product.also_nodata),
        crs=job.access.crs,
        unit=product.unit,
        origin=origin,
        use_file_nodata=given is None,
        use_file_limits=given is None,
        use_file_scale=product.packed,
    )


def _bands_of(job: _Job, path: Path) -> tuple[int, ...]:
    """Return the bands of the local file: a window holds the requested ones only, from 1 on."""
    # Whole files keep the band numbers of the catalogue.
    is_window = "windows" in path.parts[-3:-2]
    return tuple(range(1, len(job.bands) + 1)) if is_window else job.bands


def _headers(access: Access) -> dict[str, str]:
    if not access.token:
        return {}
    token = secret(access.token)
    if not token:
        raise TokenError(
            f"'{access.name}' needs a token of your own, and none is set. Get one:"
            f" {access.token_from}. Then set it: export {access.token}=TOKEN."
        )
    return {"Authorization": f"Bearer {token}"}


def _file(job: _Job) -> tuple[Path, Origin]:
    return fetch(
        job.address,
        job.cache,
        expected=Expected(job.access.checksum, filled(job.access.member, job.values)),
        headers=_headers(job.access),
        progress=job.progress,
        with_client=job.client,
    )


def _window_request(job: _Job, address: str) -> WindowRequest:
    from hotspots.ingest.access.window_reader import WindowRequest

    return WindowRequest(
        address,
        job.boxes,
        job.bands,
        job.access.crs,
        job.request.cell_degrees,
        job.access.samples,
        _headers(job.access),
        job.access.large_ranges,
        declared_of(job.request.product, job.access),
    )


def declared_of(product: Product, access: Access) -> Declared:
    """Return what the catalogue says of the numbers and cells of a product's files."""
    nodata = () if product.nodata is None else (product.nodata,)
    return Declared(
        access.crs,
        access.cell,
        product.dtype,
        (*nodata, *product.also_nodata),
        product.scale,
        product.offset,
        product.packed,
        # The file states the unit of what it stores.
        "" if product.transform or product.thickness else product.unit,
    )


def _window(job: _Job) -> tuple[Path, Origin]:
    from hotspots.ingest.access.remote_windows import window

    return window(
        _window_request(job, job.address), job.cache, progress=job.progress, with_client=job.client
    )


def _tiles(job: _Job) -> tuple[Path, Origin]:
    from hotspots.ingest.access.tiles import tiled_window

    if job.access.tiles is None:
        raise BadInputError(f"The access '{job.access.name}' is of tiles and doesn't say which.")

    def address(tile: str) -> str:
        """Return a tile's address."""
        return filled(job.access.address, {**job.values, "tile": tile})

    # The address of the set keeps a placeholder for the tile.
    request = _window_request(job, address("TILE"))
    return tiled_window(
        # The tiles' own sizes are compared; their mosaic may be of overviews.
        replace(request, declared=replace(request.declared, cell=0.0)),
        job.access.tiles,
        address,
        job.cache,
        progress=job.progress,
        with_client=job.client,
    )


def _stac(job: _Job) -> tuple[Path, Origin]:
    from hotspots.ingest.access.remote_windows import window
    from hotspots.ingest.access.stac_search import Search, assets

    criteria = {key: filled(str(value), job.values) for key, value in job.access.extra.items()}
    year = job.values.get("year")
    search = Search(
        job.address,
        job.boxes,
        criteria.get("collection", ""),
        criteria.get("asset", ""),
        criteria.get("match", ""),
        criteria.get("datetime", "" if year is None else str(year)),
    )
    folder = job.cache / "stac" / key_of(search, job.request.cell_degrees)
    with locked(folder / ".lock"):
        late = ""
        try:
            found = assets(search, with_client=job.client)
            with disk_errors(folder):
                (folder / "assets.txt").write_text("\n".join(found), encoding="utf-8")
        except FetchError as error:
            if error.reached or not (folder / "assets.txt").exists():
                raise
            late = f"The catalogue couldn't be searched again: {error}"
            found = (folder / "assets.txt").read_text(encoding="utf-8").split("\n")
        rasters = [
            window(
                _window_request(job, one), job.cache, progress=job.progress, with_client=job.client
            )
            for one in found
        ]
        # Like the folder of a window, by which `_bands_of` recognises one.
        path, origin = (
            rasters[0] if len(rasters) == 1 else _joined(rasters, folder / "windows" / "x")
        )
    return path, replace(origin, stale=origin.stale or late)


def _joined(rasters: Sequence[tuple[Path, Origin]], folder: Path) -> tuple[Path, Origin]:
    """Return one virtual raster of several windows of a data set."""
    from hotspots.ingest.access.mosaic import described_part, vrt_text

    parts, kinds = zip(
        *(described_part(path, str(path.resolve())) for path, _ in rasters), strict=True
    )
    hashes = [origin.sha256 for _, origin in rasters]
    whole = folder / f"{key_of(*hashes)}.vrt"
    write_text(whole, vrt_text(parts, kinds[-1], note=" ".join(hashes)))
    first = rasters[0][1]
    return whole, replace(
        first,
        sha256=file_hash(whole),
        address=" ".join(dict.fromkeys(origin.address for _, origin in rasters)),
        version=" ".join(origin.version for _, origin in rasters),
        # The oldest part dates the whole.
        retrieved=min(origin.retrieved for _, origin in rasters),
        stale=next((origin.stale for _, origin in rasters if origin.stale), ""),
    )


def _cds(job: _Job) -> tuple[Path, Origin]:
    from hotspots.ingest.access.cds import CdsRequest, cds_file

    return cds_file(
        CdsRequest(job.access, job.values, job.boxes),
        job.cache,
        progress=job.progress,
        with_client=job.client,
    )


def _geoboundaries(job: _Job) -> tuple[Path, Origin]:
    from hotspots.ingest.access.geoboundaries import boundaries_file

    return boundaries_file(
        job.access, job.values, job.cache, progress=job.progress, with_client=job.client
    )
