"""The manifest of an edition: its id, and what it is made of, as it is written to JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, NotRequired, TypeAlias, TypedDict, cast

import numpy as np
import xarray as xr

from hotspots.edition.code_hash import CodeVersion, code_version
from hotspots.edition.methods.base import StateRow
from hotspots.edition.recipe import Choices, Recipe
from hotspots.edition.scenario import scenario
from hotspots.geo.countries import finer_in_use
from hotspots.geo.finer_outlines import FinerOutlines
from hotspots.layers.grid import axis_names, grid_of
from hotspots.layers.rounding import steady
from hotspots.layers.variables import classes_of
from hotspots.locale.escaping import one_line
from hotspots.store.licences import is_own_mask, notices
from hotspots.store.provenance import plain

if TYPE_CHECKING:
    from hotspots.edition.draws import DrawsRow

FORMAT = 1
_OUTLINES = "outlines"
JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
# Figures of the whole area, by name with unit; None where a figure isn't known.
Figures: TypeAlias = dict[str, float | None]


class InputRow(TypedDict):
    """Provenance of an input layer; `sha256` is of its grid and values."""

    sha256: str
    units: NotRequired[str]
    year: NotRequired[str | int]
    period: NotRequired[str]
    depth_cm: NotRequired[str]
    guidelines: NotRequired[str]
    level: NotRequired[float]
    support: NotRequired[str]
    source: NotRequired[str]
    citation: NotRequired[str]
    licence: NotRequired[str]
    method: NotRequired[str]
    caveat: NotRequired[str]


class GridRow(TypedDict):
    """The edition's grid: (rows, columns), and (west, south, east, north) in units of `crs`."""

    shape: list[int]
    bounds: list[float]
    crs: str


class OutlinesRow(TypedDict):
    """Finer outlines of countries in the place of the packaged ones: files as (name, SHA-256)."""

    countries: list[str]
    files: list[list[str]]
    licence: str
    made_by: str


class Origins(TypedDict):
    """The part of a manifest that is known before the analysis: id, inputs, recipe, licences."""

    id: str
    format: int
    title: str
    region: str
    regions_sha256: str
    code: CodeVersion
    recipe: Choices
    scenario: str
    inputs: dict[str, InputRow]
    grid: GridRow
    versions: dict[str, str]
    licences: list[str]
    licence_notices: list[str]
    citations: list[str]
    outlines: NotRequired[OutlinesRow]


class Manifest(Origins):
    """The whole manifest, as it is written to JSON beside the rasters and tables."""

    notes: list[str]
    methods: list[StateRow]
    masks: dict[str, str]
    uncertainty: DrawsRow | dict[str, JSON]
    sensitivity: dict[str, JSON]
    transitions: list[dict[str, JSON]]
    caveats: dict[str, str]
    summary: Figures


def origins(
    data: xr.Dataset, recipe: Recipe, regions_sha256: str, derived: Collection[str]
) -> Origins:
    """Return what a manifest says before the analysis, with the edition's id.

    Parameters
    ----------
    data : Dataset
        Canonical layers on one grid with a CRS, as they enter the analysis.
    recipe : Recipe
        All choices of the analysis.
    regions_sha256 : str
        Hash of the outlines that the tables report on.
    derived : collection of str
        Layers of `data` that were computed from its others.
    """
    inputs = {str(n): _provenance(data[n]) for n in sorted(map(str, data.data_vars))}
    region = str(data.attrs.get("region", "world"))
    identity: dict[str, object] = {
        "recipe": recipe.to_dict(),
        # Attributes count too: the year of a stock determines its change per year. Derived inputs
        # follow from the others, except for last digits that depend on the processor.
        "inputs": {
            name: {key: row.get(key) for key in _OF_IDENTITY}
            for name, row in inputs.items()
            if name.removesuffix("_valid_share") not in derived
        },
        "region": region,
        "regions": regions_sha256,
        "code": code_version(),
    }
    finer = finer_in_use()
    if finer is not None:  # they place cells in countries, whatever regions the tables have
        identity["outlines"] = [list(file) for file in finer.files]
    grid = grid_of(data)
    found: Origins = {
        "id": edition_id(identity),
        "format": FORMAT,
        "title": "Soil-carbon hotspots",
        "region": region,
        "regions_sha256": regions_sha256,
        "code": code_version(),
        "recipe": recipe.to_dict(),
        "scenario": scenario(recipe),
        "inputs": inputs,
        "grid": {
            "shape": list(grid.shape),
            "bounds": list(grid.bounds),
            "crs": grid.crs.to_string(),
        },
        "versions": {n: version(n) for n in ("numpy", "xarray", "rasterio", "exactextract")},
        "licences": sorted(
            {r["licence"] for r in inputs.values() if r.get("licence")}
            | ({finer.licence} if finer and finer.licence else set())
        ),
        "licence_notices": notices(_licences(inputs, finer)),
        "citations": sorted({r["citation"] for r in inputs.values() if r.get("citation")}),
    }
    if finer is not None:
        found["outlines"] = {
            "countries": sorted(finer.shapes),
            "files": [list(file) for file in finer.files],
            "licence": finer.licence,
            "made_by": finer.made_by,
        }
    return found


def _licences(inputs: Mapping[str, InputRow], finer: FinerOutlines | None) -> dict[str, str]:
    """Return name -> licence of the inputs that have one of their own, and of finer outlines."""
    found = {
        name: str(row.get("licence", "")) for name, row in inputs.items() if not is_own_mask(name)
    }
    return found if finer is None else found | {_OUTLINES: finer.licence}


# What can change a number; a corrected citation or source keeps the id.
_OF_IDENTITY = ("sha256", "year", "period", "depth_cm", "guidelines", "level", "support")
_PROVENANCE = ("units", *_OF_IDENTITY[1:], "source", "citation", "licence", "method", "caveat")


def _provenance(layer: xr.DataArray) -> InputRow:
    # A file's attributes are numpy numbers, which JSON doesn't know.
    kept = {k: plain(layer.attrs[k]) for k in _PROVENANCE if k in layer.attrs}
    return cast("InputRow", {"sha256": layer_hash(layer)} | kept)


def licences_text(manifest: Origins) -> str:
    """Return the licence and citation of each input, to accompany data taken from an edition."""
    parts = [
        f"Edition {manifest['id']} is made of these layers. Keep this list with what you pass on.",
        *map(one_line, manifest.get("licence_notices", [])),
    ]
    # Layers of one licence and citation stand together: a stack of own layers has one for all.
    layers: dict[tuple[str, str], list[str]] = {}
    for name, row in manifest["inputs"].items():
        if is_own_mask(name) and not (row.get("citation") or row.get("licence")):
            continue  # computed here, so nobody else's
        citation = row.get("citation") or row.get("source") or "not stated"
        layers.setdefault((row.get("licence") or "not stated", citation), []).append(name)
    for (licence, citation), names in layers.items():
        lines = (", ".join(names), f"  licence: {licence}", f"  citation: {citation}")
        parts.append("\n".join(map(one_line, lines)))
    if finer := manifest.get("outlines"):
        lines = (
            f"{_OUTLINES} of {', '.join(finer['countries'])}",
            f"  licence: {finer['licence'] or 'not stated'}",
            f"  citation: {finer['made_by'] or ', '.join(name for name, _ in finer['files'])}",
        )
        parts.append("\n".join(map(one_line, lines)))
    return "\n\n".join(parts) + "\n"


def edition_id(content: Mapping[str, object]) -> str:
    """Return the 16-digit hexadecimal hash of recipe, inputs, regions and code."""
    # Sorted keys, and NaN refused: equal content has one text, and so one id.
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def layer_hash(layer: xr.DataArray) -> str:
    """Return the SHA-256 of a layer's grid and values: float32 with one NaN, or int16 classes."""
    grid = grid_of(layer)
    y, x = axis_names(layer)
    digest = hashlib.sha256()
    # Rounded: reading a grid back from a file changes the last digits of its transform.
    edges = [round(v, 9) for v in grid.transform[:6]]
    digest.update(json.dumps([layer.name, grid.shape, edges, grid.crs.to_wkt()]).encode())
    # Coordinates of months and soil layers affect the result as the values do.
    for name in sorted({str(d) for d in layer.dims} | {"thickness"}) if layer.ndim > 2 else ():
        if name not in (y, x) and name in layer.coords:
            steps = layer[name].values
            steps = steps.astype("float64" if steps.dtype.kind in "iuf" else "str")
            digest.update(json.dumps([name, steps.tolist()]).encode())
    kind = "int16" if classes_of(layer) else "float32"
    values = layer.transpose(..., y, x).values
    # Values that differ only by the rounding of a float64 have one hash.
    if values.dtype == "float64":
        values = steady(values)
    values = np.ascontiguousarray(values, dtype=kind)
    if kind == "float32":
        # NaN has many bit patterns, which would give one layer several hashes.
        values = np.where(np.isnan(values), np.float32(np.nan), values)
    digest.update(values.tobytes())
    return digest.hexdigest()
