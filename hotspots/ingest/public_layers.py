"""From a request to layers in the store: which products, on which grid, fetched, checked, added.

Each layer is added on its own, so a run that is killed keeps what it had finished; the next run
finds those unchanged and goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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
from hotspots.ingest.layer_requests import Wanted, chosen_accesses, wanted
from hotspots.ingest.publish import grid_of_store, holds, shelve, shelve_file
from hotspots.ingest.regrid.resample import on_grid
from hotspots.ingest.regrid.source_raster import Raw
from hotspots.ingest.sources.catalogue import Source
from hotspots.layers.grid import Grid
from hotspots.layers.target_grid import Box, boxes_of, cell_size, covers, size_text, target_grid
from hotspots.store import Store
from hotspots.store.licences import licence
from hotspots.store.provenance import PREFIX

Say = Callable[[str], None]
DEFAULT_SIZE = "1km"
DEFAULT_SIZE_WORLD = "10km"


def ingest(
    words: Iterable[str],
    region: Region,
    store: Store,
    *,
    resolution: str | float | None = None,
    years: Sequence[Any] = (),
    depths: Sequence[str] = (),
    cache: Path,
    refresh: bool = False,
    say: Say = lambda line: None,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Bring what is asked for into the store, on the asked grid, and return a row for each layer.

    Parameters
    ----------
    words, years, depths
        As of `wanted`.
    region : Region
        What its box holds is fetched.
    store : Store
        Its layers share one grid; a store that has layers keeps theirs.
    resolution : str or float, optional
        As of `targets.cell_size`; the store's own by default, else 1 km, or 10 km for the world.
    cache : path
        Folder of what was fetched.
    refresh : bool
        Ask upstream again for layers that the store has already.
    say : callable
        Told what is being done.
    progress : callable, optional
        Told how much of a transfer is done and due: bytes of files, rows of windows.

    Returns
    -------
    list of dict
        ``layer``, ``source``, ``state`` ("added", "unchanged", "stale" or "failed") and ``note``.

    Raises
    ------
    BadInputError
        Unknown names, years, a grid that isn't the store's, a token that is missing, two products
        for one layer.
    FetchError
        Nothing of what was asked for could be had.
    """
    asked = wanted(words, years, depths)
    _require_one_each(asked)
    job = _Intake(region, boxes_of(region.geometry), store, None, cache, refresh, say, progress)
    if any(one.product.kind == "raster" for one in asked):
        job = replace(job, grid=_grid(job, resolution))
        _require_tokens(asked, job)
    rows: list[dict[str, Any]] = []
    last: HotspotsError | None = None
    for one in asked:
        try:
            rows.append(_one(one, job))
        except FetchError as error:
            last = error
            rows.append(_late(one, job, error))
        except RasterError as error:  # what was fetched can't be what the catalogue says
            last = error
            rows.append(_row(one, "failed", str(error)))
        say(f"{one}: {rows[-1]['state']}. {rows[-1]['note']}".strip())
    if last is not None and all(row["state"] == "failed" for row in rows):
        raise last
    return rows


def _require_one_each(asked: Sequence[Wanted]) -> None:
    first: dict[str, Wanted] = {}
    for one in asked:
        other = first.setdefault(one.key, one)
        if one.product.kind == "raster" and other is not one:
            raise BadInputError(
                f"'{other}' and '{one}' would both be the layer '{one.key}', and a store holds one"
                " of them. Ask for one, and for the other into another --store."
            )


def _require_tokens(asked: Sequence[Wanted], job: _Intake) -> None:
    """Raise `TokenError` before anything is fetched."""
    for one in asked:
        if one.product.kind != "raster" or job.grid is None or job.has(one):
            continue
        access = chosen_accesses(one, job.grid)[0]
        if access.kind == "cds":
            token(access)


@dataclass(frozen=True)
class _Intake:
    region: Region
    boxes: Sequence[Box]
    store: Store
    grid: Grid | None
    cache: Path
    refresh: bool
    say: Say
    progress: Progress | None

    def has(self, one: Wanted) -> bool:
        """Say whether the store has the layer already, and it isn't to be renewed."""
        return not self.refresh and holds(self.store, one.key, self.request(one))

    def request(self, one: Wanted) -> dict[str, Any]:
        """Return what identifies a request: equal ones give equal layers."""
        told: dict[str, Any] = {"source": one.source.name, "product": one.product.name}
        told |= {"version": one.source.version, "region": self.region.id}
        if one.year is not None:
            told["year"] = one.year
        if one.depth:
            told["depth"] = one.depth
        if self.grid is not None:
            told["cell_degrees"] = round(self.grid.transform.a, 12)
            told["bounds"] = [round(edge, 9) for edge in self.grid.bounds]
        return told


def _grid(job: _Intake, resolution: str | float | None) -> Grid:
    """Return the asked grid; a store that has layers has decided it."""
    own = grid_of_store(job.store)
    world = job.region.kind == "world"
    if own is None:
        size = resolution or (DEFAULT_SIZE_WORLD if world else DEFAULT_SIZE)
        grid = target_grid(job.boxes, cell_size(size))
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
            f" {size_text(cell_size(resolution))} are asked for. Layers of a store share one grid:"
            " leave --resolution out, or give another --store."
        )
    return own


def _one(one: Wanted, job: _Intake) -> dict[str, Any]:
    if one.product.kind != "raster":
        return _file(one, job)
    assert job.grid is not None  # made for rasters
    request = job.request(one)
    if job.has(one):
        return _row(one, "unchanged", "The same was asked for before; --refresh asks again.")
    raws = _had(one, job, job.grid)
    job.say(f"{one}: bringing it to the grid")
    product = one.product
    layer, share = on_grid(
        raws,
        job.grid,
        one.name,
        legend=product.legend,
        share_of=product.share_of,
        combine=product.combine,
        months=product.months,
        attrs=_attrs(one),
    )
    former = job.store.replacing(one.key, one.source.name)
    told = shelve(
        job.store,
        layer,
        share,
        raws=raws,
        provenance=_provenance(one, job, request, raws),
        region=job.region,
    )
    stale = next((r.origin.stale for r in raws if r.origin and r.origin.stale), "")
    return _row(
        one, "stale" if stale else "added", " ".join([stale, former, *told.verdicts]).strip()
    )


def _had(one: Wanted, job: _Intake, grid: Grid) -> list[Raw]:
    """Return the files of a layer; where an address fails, the next of equal cells is asked."""
    ways = chosen_accesses(one, grid)
    for access in ways:
        job.say(f"{one}: asking {one.source.publisher} ({access.name})")
        try:
            return acquire(
                one.source,
                Request(one.product, access, job.boxes, grid.transform.a, one.year, one.depth),
                job.cache,
                job.progress,
            )
        except FetchError as error:
            if access is ways[-1]:
                raise
            job.say(f"{one}: {error}")
    raise AssertionError("there is at least one access")


def _file(one: Wanted, job: _Intake) -> dict[str, Any]:
    """Shelve polygons or a table, which have no grid."""
    values = {"iso3": job.region.id} if job.region.kind == "country" else {}
    (access, *_) = one.source.accesses(one.product, one.year)
    if access.kind == "geoboundaries" and not values:
        raise BadInputError(
            f"'{one}' is had by country, and the region is '{job.region.id}'. Give a country as"
            " --region."
        )
    job.say(f"{one}: asking {one.source.publisher}")
    path, origin = acquire_file(
        one.source,
        Request(one.product, access, job.boxes, year=one.year, values=values),
        job.cache,
        job.progress,
    )
    raws = [Raw(str(path), origin=origin)]
    note = shelve_file(
        job.store,
        one.source,
        one.product,
        path,
        values.get("iso3", ""),
        _provenance(one, job, job.request(one), raws),
    )
    return _row(one, "stale" if origin.stale else "added", f"{origin.stale} {note}".strip())


def _late(one: Wanted, job: _Intake, error: FetchError) -> dict[str, Any]:
    """Tell of a product that couldn't be had; the layer that the store has of it is marked."""
    if one.product.kind == "raster" and _is_of(job.store, one):
        job.store.mark_stale(one.key, str(error))
        return _row(one, "stale", f"{error} The store's layer stays, marked as stale.")
    return _row(one, "failed", str(error))


def _is_of(store: Store, one: Wanted) -> bool:
    """Say whether the store's layer of this name is an earlier one of the same product."""
    if one.key not in store.names():
        return False
    asked = store.item(one.key)["properties"].get(f"{PREFIX}request") or {}
    told = (one.source.name, one.product.name, one.year)
    return (asked.get("source"), asked.get("product"), asked.get("year")) == told


def _attrs(one: Wanted) -> dict[str, Any]:
    made = one.source
    told: dict[str, Any] = dict(one.product.attrs) | {
        "source": f"{made.title}{f' {made.version}' if made.version else ''} ({made.publisher})",
        "citation": made.citation,
        "licence": _licence_text(made),
        "url": made.url,
    }
    if isinstance(one.year, int):
        told["year"] = one.year
    elif one.year is not None:
        told["period"] = str(one.year)
    if one.depth:
        told["depth_cm"] = one.depth
    return told


def _licence_text(made: Source) -> str:
    note = f" ({made.licence_note})" if made.licence_note else ""
    return f"{licence(made.licence).title}{note}"


def _provenance(
    one: Wanted, job: _Intake, request: dict[str, Any], raws: Sequence[Raw]
) -> dict[str, Any]:
    origins = [raw.origin for raw in raws if raw.origin is not None]
    return {
        "source_id": one.source.name,
        "source_version": one.source.version,
        "address": list(dict.fromkeys(word for o in origins for word in o.address.split())),
        "request": request,
        "sha256": [o.sha256 for o in origins],
        "retrieved": max((o.retrieved for o in origins), default=""),
        "upstream_version": [o.version for o in origins if o.version],
        "stale": next((o.stale for o in origins if o.stale), ""),
        "licence_id": one.source.licence,
        "terms": list(licence(one.source.licence).terms),
        "sure": one.product.sure or one.source.sure,
        "doubts": list(one.source.doubts),
        "steps": _steps(one, job, raws),
    }


def _steps(one: Wanted, job: _Intake, raws: Sequence[Raw]) -> list[str]:
    product = one.product
    steps = [
        f"Read as stored x {product.scale:g} + {product.offset:g}, in '{product.unit}'."
        if product.unit and not product.packed
        else "Read as the file tells."
    ]
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


def _row(one: Wanted, state: str, note: str = "") -> dict[str, Any]:
    return {"layer": one.key, "source": one.source.name, "state": state, "note": note}
