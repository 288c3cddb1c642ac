"""Adding finished layers to the store: each with quality report, provenance and valid share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import pyproj
import xarray as xr
from affine import Affine

from hotspots.errors import BadInputError, RasterError, deepest_reason
from hotspots.geo.regions import Region
from hotspots.ingest.quality.compare import Reference
from hotspots.ingest.quality.report import report
from hotspots.ingest.quality.report_page import page
from hotspots.ingest.quality.report_types import QualityReport
from hotspots.ingest.quality.swapped import places_shown, swapped_remark
from hotspots.ingest.regrid.resample import RegriddedLayer
from hotspots.ingest.regrid.source_raster import SourceRaster, open_grid
from hotspots.ingest.sample import sample
from hotspots.ingest.sources.model import Product, Source
from hotspots.io.readers.paths import confined
from hotspots.io.readers.vectors import read_vector
from hotspots.layers.grid import Grid, grid_of
from hotspots.layers.variables import describe
from hotspots.store import Store
from hotspots.store.profiles import layer_key
from hotspots.store.provenance import PREFIX, json_bytes

if TYPE_CHECKING:
    import geopandas as gpd

REGIONS, TABLES = "regions", "tables"
_MOST_MASKED = 50_000_000  # cells; above, coverage refers to the grid and not to the region
_MAIN = "soc_stock"
# A file may lack other columns of its description: geoBoundaries' some countries' codes.
_NEEDED_COLUMNS = ("id", "name")
_COARSER = 2.0
_NUMBERS = (
    "valid_cells",
    "valid_area_ha",
    "coverage",
    "min",
    "mean",
    "max",
    "total",
    "range",
    "classes",
    "comparison",
)


@dataclass(frozen=True)
class AddedLayer:
    """A layer that was added to the store.

    Attributes
    ----------
    key : str
        Its name in the store.
    verdicts : tuple of str
        Implausible properties, in sentences.
    numbers : dict
        The main numbers of the report.
    file, page : str
        The GeoTIFF and the readable report, relative to the store.
    """

    key: str
    verdicts: tuple[str, ...]
    numbers: dict[str, object]
    file: str
    page: str


@dataclass(frozen=True)
class Acceptance:
    """What the user of `add-layer` accepts.

    Attributes
    ----------
    remarks : tuple of str
        Doubts found while the file was read; reported with the verdicts.
    is_given : bool
        Whether grave verdicts are accepted too.
    """

    remarks: tuple[str, ...] = ()
    is_given: bool = False


def add_layer(
    store: Store,
    made: RegriddedLayer,
    *,
    raws: Sequence[SourceRaster] = (),
    provenance: Mapping[str, object] | None = None,
    given: Mapping[str, object] | None = None,
    region: Region | None = None,
    acceptance: Acceptance | None = None,
) -> AddedLayer:
    """Add a layer to the store with its quality report and its valid share.

    Parameters
    ----------
    made : RegriddedLayer
        As returned by `hotspots.ingest.regrid.resample.on_grid`. The share of ``soc_stock``
        becomes ``valid_share``; for a profile, the share of the first depth holds for all depths.
    raws : sequence of SourceRaster
        Rasters that the layer was made from; listed in the report.
    provenance, given : mapping
        For the STAC item, and for the report.
    region : Region, optional
        Region that coverage refers to; the grid by default.
    acceptance : Acceptance, optional
        For a user's own layer; without it (of a public source) no verdict stops.

    Returns
    -------
    AddedLayer

    Raises
    ------
    RasterError
        A grave verdict that isn't accepted, or a public layer without any value in the region; the
        store is unchanged.
    """
    layer, share = made
    quality = _quality(made, raws, given, region)
    if acceptance is None:
        _require_values(layer, quality)
    else:
        layer = _judged(layer, quality, acceptance)
        made = RegriddedLayer(layer, share)
        provenance = dict(provenance or {}) | {"accepted": quality["accepted"]}
    key = layer_key(layer)
    # The share comes first: a run interrupted between the two starts again with this layer.
    _put_share(store, made, key, provenance)
    store.add(
        layer,
        provenance=provenance,
        report=quality,
        beside={"quality.html": page(quality).encode()},
    )
    figures: Mapping[str, object] = quality
    numbers = {name: figures[name] for name in _NUMBERS if figures.get(name) is not None}
    file = f"{key}/{store.file(key).name}"
    return AddedLayer(
        key,
        tuple(map(str, quality["verdicts"])),
        numbers,
        file,
        file.replace(".tif", ".quality.html"),
    )


def require_accepted(made: RegriddedLayer, acceptance: Acceptance) -> None:
    """Raise `RasterError` for a layer that `add_layer` would refuse; nothing is written."""
    _judged(made.layer, _quality(made, (), None, None), acceptance)


class Examined(NamedTuple):
    """The quality report of a layer, and why `add_layer` would refuse it; "" if it wouldn't."""

    quality: QualityReport
    refusal: str


def examine(
    made: RegriddedLayer,
    acceptance: Acceptance,
    *,
    raws: Sequence[SourceRaster] = (),
    given: Mapping[str, object] | None = None,
) -> Examined:
    """Return what `add_layer` with the same arguments would report; nothing is written."""
    quality = _quality(made, raws, given, None)
    try:
        _judged(made.layer, quality, acceptance)
    except RasterError as error:
        return Examined(quality, str(error))
    return Examined(quality, "")


def _quality(
    made: RegriddedLayer,
    raws: Sequence[SourceRaster],
    given: Mapping[str, object] | None,
    region: Region | None,
) -> QualityReport:
    layer, share = made
    quality = report(
        layer,
        share,
        given=dict(given or {}) | _stored(raws),
        reference=_reference(str(layer.name)),
        region_share=_region_share(layer, region),
    )
    quality["verdicts"] += _coarser(raws, layer)
    grid = grid_of(layer)
    # Eastings and northings that were exchanged would be far from any land.
    swapped = (
        swapped_remark(*places_shown(quality["picture"], grid)) if grid.is_geographic else None
    )
    if swapped is not None:
        quality["verdicts"].insert(0, swapped)
        quality["grave"].insert(0, swapped)
    return quality


def _require_values(layer: xr.DataArray, quality: QualityReport) -> None:
    if quality["valid_cells"] and quality["coverage"] != 0:
        return
    where = "the region" if quality["coverage_of"] == "region" else "this grid"
    raise RasterError(
        f"'{layer.name}' isn't added: it has no value anywhere in {where}. The source doesn't cover"
        " it; choose another source, or another region."
    )


def _judged(layer: xr.DataArray, quality: QualityReport, acceptance: Acceptance) -> xr.DataArray:
    """Return a layer with its doubts as an attribute and in its report; raise for a grave one."""
    grave, remarks = quality["grave"], acceptance.remarks
    if grave and not acceptance.is_given:
        raise RasterError(
            f"'{layer.name}' isn't added: {' '.join(grave)} If it is right all the same, add"
            " --accept."
        )
    quality["verdicts"] = [*remarks, *quality["verdicts"]]
    if acceptance.is_given:
        quality["accepted"] = [*remarks, *grave]
    caveat = " ".join([*remarks, *grave])
    return layer.assign_attrs(caveat=caveat) if caveat else layer


def _coarser(raws: Sequence[SourceRaster], layer: xr.DataArray) -> list[str]:
    """Return a sentence if the source's cells are much wider than the grid's."""
    if not raws or not raws[0].path:
        return []
    ratio = open_grid(raws[0]).cell_width_m / grid_of(layer).cell_width_m
    if ratio < _COARSER:
        return []
    return [
        f"The source's cells are {ratio:.3g} times as wide as the grid's: each value repeats over"
        " many cells, which show no detail of their own."
    ]


def _put_share(
    store: Store,
    made: RegriddedLayer,
    key: str,
    provenance: Mapping[str, object] | None,
) -> None:
    """Add the valid share of `layer`, or remove the one that its predecessor was added with."""
    layer, share = made
    name = "valid_share" if layer.name == _MAIN else f"{layer.name}_valid_share"
    former = _came_with(store, name, key, whole=key == layer.name)
    if share is None:
        if former:
            store.remove(name)
    elif former or key == layer.name or name not in store.names():
        kept = {
            k: layer.attrs[k]
            for k in ("source", "citation", "licence", "year", "url")
            if k in layer.attrs
        }
        store.add(describe(share, name, **kept), provenance=provenance)


def _came_with(store: Store, share: str, key: str, *, whole: bool) -> bool:
    """Return whether a share was added with the layer `key`, and not as a layer of its own."""
    names = store.names()
    if share not in names:
        return False
    request = store.item(share)["properties"].get(f"{PREFIX}request")
    # The request of a user's own layer names its variable.
    if not request or request.get("variable") == share:
        return False
    if whole:
        return True
    # For a profile: the share of the depth that was added first.
    same: bool = key in names and store.item(key)["properties"].get(f"{PREFIX}request") == request
    return same


def _stored(raws: Sequence[SourceRaster]) -> dict[str, object]:
    if not raws:
        return {}
    raw = raws[0]
    return {
        "unit": raw.unit or "class",
        "scale": raw.scale,
        "offset": raw.offset,
        "nodata": list(raw.nodata),
        "crs": raw.crs,
        "files": [r.origin.address for r in raws if r.origin is not None],
    }


def _reference(name: str) -> Reference | None:
    """Return the packaged world layer of the same variable, and its valid share."""
    world = sample()
    if name not in world:
        return None
    own = f"{name}_valid_share"
    return Reference(world[name], world[own if own in world else "valid_share"])


def _region_share(layer: xr.DataArray, region: Region | None) -> xr.DataArray | None:
    """Return 1 where a cell's centre lies in the region, 0 elsewhere."""
    if region is None or region.kind in ("world", "box"):
        return None
    grid = grid_of(layer)
    if grid.shape[0] * grid.shape[1] > _MOST_MASKED or not grid.is_geographic:
        return None
    from rasterio.features import rasterize

    inside = rasterize([region.geometry], out_shape=grid.shape, transform=grid.transform)
    plane = layer if layer.ndim == 2 else layer[0]
    return xr.DataArray(
        inside.astype("float32"), dims=("y", "x"), coords={"y": plane["y"], "x": plane["x"]}
    )


def grid_of_store(store: Store) -> Grid | None:
    """Return the common grid of the layers of a store, or None if it has no layers yet."""
    for name in store.names():
        properties = store.item(name)["properties"]
        crs = properties.get("proj:code") or properties.get("proj:wkt2")
        if crs and "proj:transform" in properties:
            shape = (int(properties["proj:shape"][0]), int(properties["proj:shape"][1]))
            transform = Affine(*properties["proj:transform"][:6])
            return Grid(transform, shape, pyproj.CRS.from_user_input(crs))
    return None


def has_layer(store: Store, key: str, request: Mapping[str, object]) -> bool:
    """Return whether the store has the complete layer of an equal request, and it isn't stale."""
    if key not in store.names():
        return False
    properties = store.item(key)["properties"]
    # Compared as an item is read back: JSON has lists where a request may have tuples.
    same: bool = properties.get(f"{PREFIX}request") == json.loads(json.dumps(request))
    states = {row["layer"]: row["state"] for row in store.layers()}
    return same and states.get(key) == "ok"


def add_file(
    store: Store,
    source: Source,
    product: Product,
    path: Path,
    country: str,
    provenance: Mapping[str, object],
) -> str:
    """Write polygons or a table to the store's folder of regions or tables; return a sentence.

    Parameters
    ----------
    store : Store
        The store to write to.
    source : Source
        Its name begins the file name; its citation and address are added to the metadata.
    product : Product
        Of kind "polygons" or a table; for polygons its `attrs` name the columns to keep.
    path : Path
        The downloaded file: polygons in any CRS, which are written as GeoJSON in EPSG:4326 without
        features that have no geometry, or a CSV table, which is copied unchanged.
    country : str
        ISO 3166-1 alpha-3 code of the country that the file covers; "" if it isn't of one country.
    provenance : mapping of str to any
        Origin and processing as JSON values; written to a JSON file beside the data.
    """
    stem = "-".join(word for word in (source.name, product.short_name, country) if word)
    if product.kind == "polygons":
        key = f"{REGIONS}/{stem}.geojson"
        content = _polygons(path, product)
    else:
        key = f"{TABLES}/{stem}.csv"
        content = path.read_bytes()
    metadata = dict(provenance) | {"citation": source.citation, "url": source.url}
    with store.writing(), store.storage.locked():
        store.storage.write(key, content)
        store.storage.write(f"{key}.json", json_bytes(metadata))
    return f"Written to {store.storage.shown}/{key}."


def _polygons(path: Path, product: Product) -> bytes:
    """Return polygons as GeoJSON in degrees, with id, name and country."""
    import geopandas as gpd

    try:
        # GeoJSON is in degrees of WGS84 (RFC 7946).
        frame = cast("gpd.GeoDataFrame", read_vector(path)).to_crs(4326)
    except Exception as error:  # readers of vector files raise many kinds
        raise RasterError(
            f"'{path}' can't be read as polygons ({deepest_reason(error)}). Download it again."
        ) from error
    columns = {str(name).casefold(): name for name in frame.columns}
    out = gpd.GeoDataFrame(geometry=frame.geometry, crs=4326)
    for name, column in product.attrs.items():
        if str(column).casefold() not in columns:
            if name not in _NEEDED_COLUMNS:
                out[name] = ""
                continue
            raise BadInputError(
                f"'{path.name}' has no column '{column}'; it has {', '.join(map(str, frame))}."
                " The source may have changed: correct its description."
            )
        out[name] = frame[columns[str(column).casefold()]].fillna("").astype(str)
    if "id_else" in out:
        doubtful = out["id"].duplicated(keep=False) | (out["id"] == "")
        out["id"] = out["id"].where(~doubtful, out.pop("id_else"))
    _require_ids(out, path)
    out = out[~out.geometry.is_empty & out.geometry.notna()]
    if not len(out):
        raise BadInputError(f"'{path.name}' holds no polygons. Download it again with --refresh.")
    return bytes(out.to_json(na="null", drop_id=True), "utf-8")


def _require_ids(frame: gpd.GeoDataFrame, path: Path) -> None:
    ids = frame["id"]
    if (ids == "").any() or ids.duplicated().any():
        which = ids[ids.duplicated() | (ids == "")].iloc[0]
        raise RasterError(
            f"'{path.name}' has units without an id of their own ('{which}'), so that their numbers"
            " would be mixed up. The source may have changed: correct its description, or use"
            " another one."
        )


def region_file(store: Store, name: str) -> Path | None:
    """Return the local file of a region set that was ingested: "natural-earth-units", or None.

    "first-level" is the first set of first-level units that the store has.
    """
    folder = getattr(store.storage, "path", None)
    if folder is None:
        return None
    files = sorted((Path(folder) / REGIONS).glob("*.geojson"))
    stems = {path.stem: path for path in files}
    if name == "first-level":
        chosen = next((path for stem, path in stems.items() if "-units" in stem), None)
    else:
        chosen = stems.get(name)
    return None if chosen is None else confined(folder, f"{REGIONS}/{chosen.name}")
