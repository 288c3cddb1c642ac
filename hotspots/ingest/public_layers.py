"""From a request to layers in the store: products are selected, downloaded, regridded and added.

Each layer is added on its own: an interrupted run keeps the layers that it completed, and the next
run finds them unchanged and continues.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypedDict

from hotspots.errors import (
    BadInputError,
    FetchError,
    HotspotsError,
    RasterError,
)
from hotspots.geo.regions import Region
from hotspots.ingest.access.cds import token
from hotspots.ingest.access.download import Progress
from hotspots.ingest.access.retrieve import Request, acquire, acquire_file
from hotspots.ingest.access.verify import last_result
from hotspots.ingest.add_to_store import add_file, add_layer, grid_of_store, has_layer
from hotspots.ingest.layer_requests import (
    LayerRequest,
    chosen_accesses,
    requested_cell,
    requested_layers,
)
from hotspots.ingest.regrid.resample import Regridding, on_grid
from hotspots.ingest.regrid.source_raster import Origin, SourceRaster
from hotspots.ingest.sources.catalogue import Source
from hotspots.ingest.sources.model import Year
from hotspots.layers.grid import Grid
from hotspots.layers.target_grid import Box, boxes_of, cell_size, covers, size_text, target_grid
from hotspots.store import Store
from hotspots.store.licences import licence, licence_summary, recognise
from hotspots.store.provenance import PREFIX

Say = Callable[[str], None]
State = Literal["added", "unchanged", "stale", "failed"]


class IngestedRow(TypedDict):
    """What became of one requested layer."""

    layer: str
    source: str
    state: State
    note: str


def ingest(
    words: Iterable[str],
    region: Region,
    store: Store,
    *,
    resolution: str | float | None = None,
    years: Sequence[Year] = (),
    depths: Sequence[str] = (),
    cache: Path,
    refresh: bool = False,
    say: Say = lambda line: None,
    progress: Progress | None = None,
) -> list[IngestedRow]:
    """Add the requested layers to the store, on the requested grid; return a row for each layer.

    Parameters
    ----------
    words, years, depths
        See `hotspots.ingest.layer_requests.requested_layers`.
    region : Region
        The data within its bounding box are downloaded.
    store : Store
        All of its layers share one grid; a store that already has layers keeps their grid.
    resolution : str or float, optional
        Cell size, see `hotspots.layers.target_grid.cell_size`. By default that of the store's
        layers; in an empty store 1 km, or 10 km for the world.
    cache : path
        Folder for downloaded files.
    refresh : bool
        Download again layers that the store already has.
    say : callable
        Called with a line of text at each step.
    progress : callable, optional
        Called with the amounts of a transfer that are done and due: bytes of files, rows of
        windows.

    Returns
    -------
    list of IngestedRow
        ``layer``, ``source``, ``state`` ("added", "unchanged", "stale" or "failed") and ``note``.

    Raises
    ------
    BadInputError
        An unknown name or year, a grid that differs from the store's, a missing token, or two
        products for one layer.
    FetchError
        None of the requested layers could be downloaded.
    """
    requests = requested_layers(words, years, depths)
    _require_one_each(requests)
    job = _Ingestion(region, boxes_of(region.geometry), store, None, cache, refresh, say, progress)
    if any(request.product.kind == "raster" for request in requests):
        job = replace(job, grid=_grid(job, resolution))
        _require_tokens(requests, job)
    rows: list[IngestedRow] = []
    last_error: HotspotsError | None = None
    for request in requests:
        try:
            rows.append(_add_raster(request, job))
        except FetchError as error:
            last_error = error
            rows.append(_after_failure(request, job, error))
        except RasterError as error:  # the downloaded file contradicts the catalogue
            last_error = error
            rows.append(_row(request, "failed", str(error)))
        say(f"{request}: {rows[-1]['state']}.")
    if last_error is not None and all(row["state"] == "failed" for row in rows):
        # The notes of the rows, which nobody gets; the last one is that of the error itself.
        for request, row in zip(requests, rows[:-1], strict=False):
            say(f"{request}: {row['note']}")
        raise last_error
    return rows


def _require_one_each(requests: Sequence[LayerRequest]) -> None:
    first: dict[str, LayerRequest] = {}
    for request in requests:
        other = first.setdefault(request.key, request)
        if request.product.kind == "raster" and other is not request:
            raise BadInputError(
                f"'{other}' and '{request}' would both be the layer '{request.key}', and a"
                " store holds one of them. Request one, and the other into another --store."
            )


def _require_tokens(requests: Sequence[LayerRequest], job: _Ingestion) -> None:
    """Raise `TokenError` for a missing token before anything is downloaded."""
    for request in requests:
        if request.product.kind != "raster" or job.grid is None or job.has(request):
            continue
        access = chosen_accesses(request, job.grid.transform.a)[0]
        if access.kind == "cds":
            token(access)


@dataclass(frozen=True)
class _Ingestion:
    region: Region
    boxes: Sequence[Box]
    store: Store
    grid: Grid | None
    cache: Path
    refresh: bool
    say: Say
    progress: Progress | None

    def has(self, request: LayerRequest) -> bool:
        """Return whether the store already has the layer and it shall not be downloaded again."""
        return not self.refresh and has_layer(self.store, request.key, self.identity(request))

    def identity(self, request: LayerRequest) -> dict[str, object]:
        """Return the properties that identify a request: equal requests give equal layers."""
        properties: dict[str, object] = {
            "source": request.source.name,
            "product": request.product.name,
        }
        properties |= {"version": request.source.version, "region": self.region.id}
        if request.year is not None:
            properties["year"] = request.year
        if request.depth:
            properties["depth"] = request.depth
        if self.grid is not None:
            # Rounded, so that errors of float64 don't make equal requests differ.
            properties["cell_degrees"] = round(self.grid.transform.a, 12)
            properties["bounds"] = [round(edge, 9) for edge in self.grid.bounds]
        return properties


def _grid(job: _Ingestion, resolution: str | float | None) -> Grid:
    """Return the grid of the store's layers, or of an empty store the requested one."""
    own = grid_of_store(job.store)
    if own is None:
        grid = target_grid(job.boxes, requested_cell(job.region, resolution))
        rows, columns = grid.shape
        job.say(f"Grid: {rows:,} x {columns:,} cells of {size_text(grid.transform.a)}.")
        return grid
    if not own.is_geographic or not covers(own, job.boxes):
        raise BadInputError(
            f"The region '{job.region.id}' isn't within the layers of the store, which span"
            f" {','.join(f'{b:g}' for b in own.bounds)} ({own.crs.to_string()[:40]}). Give another"
            " --store."
        )
    if resolution is not None and abs(cell_size(resolution) / own.transform.a - 1) > 1e-6:
        raise BadInputError(
            f"The store's layers have cells of {size_text(own.transform.a)}, and"
            f" {size_text(cell_size(resolution))} were requested. Layers of a store share one grid:"
            " leave --resolution out, or give another --store."
        )
    return own


def _add_raster(request: LayerRequest, job: _Ingestion) -> IngestedRow:
    if request.product.kind != "raster":
        return _add_file(request, job)
    assert job.grid is not None  # made for rasters
    identity = job.identity(request)
    if job.has(request):
        return _row(
            request,
            "unchanged",
            "The same layer was requested before; --refresh downloads it again.",
        )
    raws = _downloaded(request, job, job.grid)
    job.say(f"{request}: regridding")
    product = request.product
    made = on_grid(
        raws,
        job.grid,
        request.name,
        Regridding(product.legend, product.share_of, product.combine, product.months),
        attrs=_attrs(request),
    )
    # Looked up now, because adding the layer replaces the former one.
    former = job.store.replacing(request.key, request.source.name)
    added = add_layer(
        job.store,
        made,
        raws=raws,
        provenance=_provenance(request, job, identity, raws),
        region=job.region,
    )
    stale = next((r.origin.stale for r in raws if r.origin and r.origin.stale), "")
    return _row(
        request,
        "stale" if stale else "added",
        " ".join(filter(None, [stale, former, *_remarks(raws), *added.verdicts])),
    )


def _downloaded(request: LayerRequest, job: _Ingestion, grid: Grid) -> list[SourceRaster]:
    """Download the files of a layer; if one access fails, try the next one with equal cells."""
    accesses = chosen_accesses(request, grid.transform.a)
    for access in accesses:
        job.say(f"{request}: requesting data from {request.source.publisher} ({access.name})")
        try:
            return acquire(
                request.source,
                Request(
                    request.product,
                    access,
                    job.boxes,
                    grid.transform.a,
                    request.year,
                    request.depth,
                ),
                job.cache,
                job.progress,
            )
        except FetchError as error:
            if access is accesses[-1]:
                raise
            job.say(f"{request}: {error}")
    raise AssertionError("there is at least one access")


def _add_file(request: LayerRequest, job: _Ingestion) -> IngestedRow:
    """Add polygons or a table, which have no grid."""
    values = {"iso3": job.region.id} if job.region.kind == "country" else {}
    (access, *_) = request.source.accesses(request.product, request.year)
    if access.kind == "geoboundaries" and not values:
        raise BadInputError(
            f"'{request}' is available by country only, and the region is"
            f" '{job.region.id}'. Give a country as --region."
        )
    job.say(f"{request}: requesting data from {request.source.publisher}")
    path, origin = acquire_file(
        request.source,
        Request(request.product, access, job.boxes, year=request.year, values=values),
        job.cache,
        job.progress,
    )
    raws = [SourceRaster(str(path), origin=origin)]
    provenance = _provenance(request, job, job.identity(request), raws)
    note = add_file(
        job.store, request.source, request.product, path, values.get("iso3", ""), provenance
    )
    notes = (origin.stale, note, _licence_note(provenance))
    return _row(request, "stale" if origin.stale else "added", " ".join(filter(None, notes)))


def _after_failure(request: LayerRequest, job: _Ingestion, error: FetchError) -> IngestedRow:
    """Return the row of a failed download; mark the store's earlier layer of it as stale."""
    if request.product.kind == "raster" and _is_earlier(job.store, request):
        job.store.mark_stale(request.key, str(error))
        return _row(request, "stale", f"{error} The store's layer stays, marked as stale.")
    return _row(request, "failed", str(error))


def _is_earlier(store: Store, request: LayerRequest) -> bool:
    """Return whether the store's layer of this name was made from the same product."""
    if request.key not in store.names():
        return False
    stored_request = store.item(request.key)["properties"].get(f"{PREFIX}request") or {}
    requested = (request.source.name, request.product.name, request.year)
    return (
        stored_request.get("source"),
        stored_request.get("product"),
        stored_request.get("year"),
    ) == requested


def _attrs(request: LayerRequest) -> dict[str, object]:
    source = request.source
    attrs: dict[str, object] = dict(request.product.attrs) | {
        "source": f"{source.title}{f' {source.version}' if source.version else ''}"
        f" ({source.publisher})",
        "citation": source.citation,
        "licence": _licence_text(source),
        "url": source.url,
    }
    if isinstance(request.year, int):
        attrs["year"] = request.year
    elif request.year is not None:
        attrs["period"] = str(request.year)
    if request.depth:
        attrs["depth_cm"] = request.depth
    return attrs


def _licence_text(source: Source) -> str:
    note = f" ({source.licence_note})" if source.licence_note else ""
    return f"{licence(source.licence).title}{note}"


def _provenance(
    request: LayerRequest,
    job: _Ingestion,
    identity: Mapping[str, object],
    raws: Sequence[SourceRaster],
) -> dict[str, object]:
    origins = [raw.origin for raw in raws if raw.origin is not None]
    return {
        "source_id": request.source.name,
        "source_version": request.source.version,
        # Joined windows have all their addresses in one text.
        "address": list(dict.fromkeys(word for o in origins for word in o.address.split())),
        "request": identity,
        "sha256": [o.sha256 for o in origins],
        "retrieved": max((o.retrieved for o in origins), default=""),
        "upstream_version": [o.version for o in origins if o.version],
        "stale": next((o.stale for o in origins if o.stale), ""),
        **_licence_of(request.source, origins),
        "sure": request.product.sure or request.source.sure,
        **_verified(request.source, job.cache),
        "doubts": [*request.source.doubts, *_remarks(raws)],
        "steps": _steps(request, job, raws),
    }


def _verified(source: Source, cache: Path) -> dict[str, object]:
    """Return when the source was last compared with its server (`sources verify`), if it was."""
    last = last_result(source.name, cache)
    return {"verified": last} if last else {}


def _remarks(raws: Sequence[SourceRaster]) -> list[str]:
    return list(dict.fromkeys(r.origin.remark for r in raws if r.origin and r.origin.remark))


def _licence_of(source: Source, origins: Sequence[Origin]) -> dict[str, object]:
    """Return the licence of the files: their own where the publisher states one for each."""
    stated = next((origin for origin in origins if origin.licence), None)
    if stated is None:
        return {"licence_id": source.licence, "terms": list(licence(source.licence).terms)}
    key = recognise(stated.licence)
    return {
        # An unknown licence has an unknown number of conditions.
        "licence_id": key or "",
        "terms": list(licence(key).terms) if key else [],
        "licence": stated.licence,
        "made_by": stated.made_by,
    }


def _licence_note(provenance: Mapping[str, object]) -> str:
    """Return the sentence on a licence that only this file has, or ""."""
    if "licence" not in provenance:
        return ""
    key, stated = str(provenance["licence_id"]), provenance["licence"]
    made_by = f", made by {provenance['made_by']}" if provenance.get("made_by") else ""
    summary = licence_summary(key) if key else f"{stated} (read it: it isn't known here)"
    return f"Licence of this file{made_by}: {summary}."


def _steps(request: LayerRequest, job: _Ingestion, raws: Sequence[SourceRaster]) -> list[str]:
    product = request.product
    steps = [
        f"Read as stored x {product.scale:g} + {product.offset:g}, in '{product.unit}'."
        if product.unit and not product.packed
        else "Read with the file's own scale and unit."
    ]
    if product.thickness:
        steps.append(f"Multiplied by the layer's thickness, {product.thickness:g} m.")
    if product.transform:
        steps.append(f"Transformed by {product.transform}.")
    if product.legend:
        steps.append(f"Classes by the crosswalk '{product.legend}'.")
    if product.combine:
        steps.append(f"The {product.combine} of {len(raws)} files.")
    if product.months in ("sum", "mean"):
        steps.append(f"The {product.months} of the 12 months.")
    if job.grid is not None:
        how = (
            "share of the cell's land"
            if product.share_of
            else "class of most area"
            if product.legend or not product.unit
            else "area-weighted mean of what lies in the cell"
        )
        steps.append(f"On cells of {size_text(job.grid.transform.a)}: {how}.")
    return steps


def _row(request: LayerRequest, state: State, note: str = "") -> IngestedRow:
    return {
        "layer": request.key,
        "source": request.source.name,
        "state": state,
        "note": note,
    }
