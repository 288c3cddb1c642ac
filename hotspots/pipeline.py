"""From data and a recipe to an edition: the one way that notebook, command line and API go.

Pure: takes a dataset of canonical layers, returns an `Edition`; opens no file but the outlines of
the regions that tables are made for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from hotspots import analysis as an
from hotspots.analysis.eligibility import excluded_reason
from hotspots.analysis.hotspots import class_share, classify_hotspots
from hotspots.analysis.potential.tier1 import require_guidelines
from hotspots.edition import Edition, code_version, edition_id, layer_hash
from hotspots.errors import EmptyRegionError, RasterError
from hotspots.grid import cell_area, grid_of, require_dataset, require_same_grid
from hotspots.locale import has_text, text
from hotspots.recipe import Recipe
from hotspots.summaries import (
    hot_patches,
    land_cells,
    no_patches,
    no_units,
    region_table,
    unit_table,
    whole_summary,
)
from hotspots.variables import describe, require_unit, variable
from hotspots.weights import RegionWeights, outlines, outlines_digest, region_weights

if TYPE_CHECKING:
    import geopandas as gpd

Progress = Callable[[str], None]
SCENARIO = (
    "IPCC {guidelines} Tier 1, {management} with {input} on cropland, adoption {adoption:.0%}"
)
CAVEATS = (
    "The historical deficit is modelled and no achievable potential.",
    "The change 1990-2010 comes from land-use history; nothing was measured twice.",
    "Gross loss and gain are between whole cells: within a coarse cell they cancel out.",
    "Drained peat, erosion and warming are not in the losses yet.",
    "No-till gains are partly carbon moved towards the surface.",
    "Rangeland is left out of the potential unless the recipe asks for it.",
    "Gi* clusters describe; they are not the definition of a hotspot.",
)


def analyze(
    data: xr.Dataset,
    recipe: Recipe | None = None,
    regions: str | gpd.GeoDataFrame = "countries",
    progress: Progress | None = None,
) -> Edition:
    """Return the edition of `recipe` on `data`.

    Parameters
    ----------
    data : Dataset
        Canonical layers on one grid with a CRS; ``soc_stock`` is needed, ``climate_zone`` and
        ``cropland_share`` for potential and hotspots, a second date for the change.
    recipe : Recipe, optional
        The default recipe if not given.
    regions : str or GeoDataFrame
        "countries" (with the regions of the initiative), "initiative", a file of regions, or a
        GeoDataFrame with ``id``.
    progress : callable, optional
        Told each step in a few words.

    Returns
    -------
    Edition
        In memory, with its id; ``edition.save(path)`` writes it.

    Raises
    ------
    RasterError, GridMismatchError, BadInputError
        For layers without name, unit or CRS, on unlike grids, or zones of other guidelines.
    """
    recipe = recipe or Recipe()
    tell = progress or (lambda _: None)
    started, clock = datetime.now(UTC), time.monotonic()
    tell("checking the layers")
    data = checked(data, recipe)
    weights = region_weights(data, regions)
    tell("computing stock, potential and change per cell")
    layers, notes = derive(data, recipe)
    notes += out_of_range(data)
    tell("ranking hotspots")
    layers = layers.assign(rank(data, layers, recipe, notes))
    tell("Gi* clusters")
    layers = layers.assign(clusters(data, layers, recipe))
    tell("tables of regions and units")
    layers = layers.assign({n: data[n] for n in _CARRIED if n in data})
    table = region_table(layers, weights)
    land = land_cells(layers) if "hotspot_class" in layers else None
    units = no_units() if land is None else unit_table(land, weights, recipe)
    patches = no_patches(layers) if land is None else hot_patches(layers, land, weights)
    manifest = _manifest(data, recipe, weights, notes)
    manifest["summary"] = whole_summary(table, land)
    times = {
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - clock, 1),
    }
    helpers = (
        "modelled_gross_loss",
        "modelled_gross_gain",
        "cluster_potential_raw",
        "cluster_loss_raw",
    )
    kept = layers.drop_vars(helpers, errors="ignore")
    return Edition(kept, patches, units, table, manifest, recipe, times)


_CARRIED = ("soc_stock", "soc_stock_reference", "climate_zone", "cropland_share", "pasture_share",
            "valid_share")  # fmt: skip


def checked(data: xr.Dataset, recipe: Recipe) -> xr.Dataset:
    """Return `data` in memory after checking names, units, grids and guidelines."""
    require_dataset(data)
    if "soc_stock" not in data:
        given = ", ".join(map(str, data.data_vars))
        raise RasterError(f"The data hold {given}; the layer 'soc_stock' is needed too.")
    for name in data.data_vars:
        require_unit(data[name])
        require_same_grid(data["soc_stock"], data[name], str(name))
    if "climate_zone" in data:
        require_guidelines(data["climate_zone"], recipe.potential.guidelines)
    if not np.isfinite(data["soc_stock"].values).any():
        raise EmptyRegionError("The region holds no land with soil data. Choose another region.")
    data = data.load()
    known = data["soc_stock"].notnull()
    share = data["valid_share"].where(known, 0) if "valid_share" in data else known
    return data.assign(valid_share=describe(share.astype("float32"), "valid_share"))


def out_of_range(data: xr.Dataset) -> list[str]:
    """Return a note for each layer with values outside its valid range; they are kept, not cut."""
    notes = []
    for name, layer in data.data_vars.items():
        row = variable(str(name))
        bad = int(((layer < row.low) | (layer > row.high)).sum())
        if bad:
            unit = row.unit or "class"
            notes.append(f"{name}: {bad} cells outside {row.low:g} to {row.high:g} ({unit}).")
    return notes


def derive(data: xr.Dataset, recipe: Recipe) -> tuple[xr.Dataset, list[str]]:
    """Return the layers of context, potential, yardstick and change, and what couldn't be made."""
    out: dict[str, xr.DataArray] = {}
    notes: list[str] = []

    def lacks(what: str, *names: str) -> bool:
        missing = [n for n in names if n not in data]
        if missing:
            notes.append(f"No {what}: the data lack {', '.join(missing)}.")
        return bool(missing)

    if not lacks("historical deficit", "soc_stock_reference"):
        out["deficit_historic"] = an.historic_deficit(
            data["soc_stock_reference"], data["soc_stock"]
        )
    if not lacks("potential and hotspots", "climate_zone", "cropland_share"):
        out |= _potential(data, recipe)
    if not lacks("modelled change", recipe.change.start, recipe.change.end):
        change = an.modelled_change(
            data[recipe.change.start], data[recipe.change.end], detectable=recipe.change.detectable
        )
        out |= {str(k): v for k, v in change.items()}
    as_stored = {k: v if v.dtype == "uint8" else v.astype("float32") for k, v in out.items()}
    return xr.Dataset(as_stored), notes


def _potential(data: xr.Dataset, recipe: Recipe) -> dict[str, xr.DataArray]:
    choice = recipe.potential
    pasture = data.get("pasture_share") if choice.include_pasture else None
    if choice.include_pasture and pasture is None:
        raise RasterError("The recipe includes pasture, but the data lack 'pasture_share'.")
    tier1 = an.ipcc_tier1(
        data["soc_stock"].astype("float64"), data["climate_zone"], data["cropland_share"],
        pasture_share=pasture, land_use=choice.land_use, from_management=choice.from_management,
        from_input=choice.from_input, management=choice.management, input=choice.input,
        grassland_management=choice.grassland_management, adoption=choice.adoption,
        transition_years=choice.transition_years, guidelines=choice.guidelines,
    )  # fmt: skip
    gain, stock = tier1["potential_ipcc_tier1"], tier1["soc_stock_cropland"]
    target = an.target_four_per_mille(stock, rate=recipe.target.rate)
    cropland = data["valid_share"] * data["cropland_share"].fillna(0)
    managed = data["valid_share"] * tier1["managed_share"].fillna(0)
    gain.attrs["scenario"] = scenario(recipe)
    gain.attrs["comment"] = "per hectare of managed land"
    out = {
        "soc_stock_cropland": stock,
        "potential_ipcc_tier1": gain,
        "target_four_per_mille": target,
    }
    if not choice.include_pasture:
        per_mille = 1000 * gain / stock
        out["potential_ipcc_tier1_per_mille"] = describe(
            per_mille.where(stock >= 5), "potential_ipcc_tier1_per_mille"
        )
    standing = {"potential_ipcc_tier1": managed}
    standing |= {n: cropland for n in out if n not in standing}
    shares = {
        f"{n}_valid_share": describe(share, f"{n}_valid_share") for n, share in standing.items()
    }
    return out | shares


def scenario(recipe: Recipe) -> str:
    """Return the potential's scenario in one line."""
    choice = recipe.potential
    told = SCENARIO.format(
        guidelines=choice.guidelines,
        management=_practice(choice.management),
        input=_practice(choice.input),
        adoption=choice.adoption,
    )
    return told + (" and improved pasture" if choice.include_pasture else "")


def _practice(code: str) -> str:
    key = f"practice.{code}"
    return text(key, "en") if has_text(key) else code.replace("_", " ")


def rank(data: xr.Dataset, layers: xr.Dataset, recipe: Recipe, notes: list[str]) -> xr.Dataset:
    """Return hotspot classes over the whole and within climate zone, and why land is excluded."""
    if "potential_ipcc_tier1" not in layers:
        return xr.Dataset()
    rules, hot = recipe.eligibility, recipe.hotspots
    managed = managed_share(data, recipe)
    reason = excluded_reason(
        data, managed, min_managed_share=rules.min_managed_share,
        organic_stock=rules.organic_stock, hyper_arid_precipitation=rules.hyper_arid_precipitation,
    )  # fmt: skip
    loss = -layers["modelled_change"] if "modelled_change" in layers else None
    if loss is None:
        notes.append("Hotspots are for gain only: there is no loss layer.")
    out = {"excluded_reason": reason}
    for name, groups in (
        ("hotspot_class", None),
        ("hotspot_class_in_zone", data["climate_zone"]),
    ):
        classes = classify_hotspots(
            layers["potential_ipcc_tier1"], loss, reason, managed,
            valid_share=data["valid_share"], groups=groups, top_share=hot.top_share,
            gain_threshold=hot.gain_threshold, loss_threshold=hot.loss_threshold,
            min_patch_cells=hot.min_patch_cells, min_patch_area_km2=hot.min_patch_area_km2,
        )  # fmt: skip
        out[name] = classes
        out[f"{name}_valid_share"] = describe(
            class_share(classes, managed, data["valid_share"]).astype("float32"),
            f"{name}_valid_share",
        )
    return xr.Dataset(out)


def managed_share(data: xr.Dataset, recipe: Recipe) -> xr.DataArray:
    """Return the managed share of the cell's land: cropland, and pasture if the recipe says so."""
    share = data["cropland_share"]
    return share + data["pasture_share"] if recipe.potential.include_pasture else share


def clusters(data: xr.Dataset, layers: xr.Dataset, recipe: Recipe) -> xr.Dataset:
    """Return Gi* of gain and loss on the residual from the climate zone's mean, on ranked land."""
    if "excluded_reason" not in layers:
        return xr.Dataset()
    choice = recipe.clusters
    ranked = (layers["excluded_reason"] == 0) & layers["potential_ipcc_tier1"].notnull()
    axes = {"potential": layers["potential_ipcc_tier1"]}
    if "modelled_change" in layers:
        axes["loss"] = -layers["modelled_change"]
    gi_star = partial(
        an.getis_ord, radius=choice.radius_km, area_weighted=True,
        alpha=choice.alpha, method=choice.method,
    )  # fmt: skip
    out: dict[str, xr.DataArray] = {}
    for axis, values in axes.items():
        values = values.where(ranked)
        name = f"cluster_{axis}"
        told = {"radius_km": choice.radius_km, "comment": "descriptive; residual from zone mean"}
        found = gi_star(stratum_residual(values, data["climate_zone"]))
        out[name] = describe(found["cluster"].astype("int8"), name, **told)
        for part in ("z", "p_adjusted", "effect"):
            key = f"{name}_{part}"
            out[key] = describe(found[part].astype("float32"), key, **told)
        # What Gi* is mostly used for, a map of "hot" raw values, is told for comparison only.
        out[f"{name}_raw"] = gi_star(values)["cluster"].astype("int8")
    return xr.Dataset(out)


def stratum_residual(values: xr.DataArray, stratum: xr.DataArray) -> xr.DataArray:
    """Return `values` less the area-weighted mean of their stratum; NaN stays NaN."""
    v = values.values.astype("float64")
    codes = stratum.values.astype("int64").ravel()
    area = np.where(np.isnan(v), 0.0, cell_area(values).values).ravel()
    sums = np.bincount(codes, weights=np.nan_to_num(v).ravel() * area)
    areas = np.bincount(codes, weights=area)
    means = np.divide(sums, areas, out=np.zeros_like(sums), where=areas > 0)
    return values.copy(data=v - means[codes].reshape(v.shape))


def _manifest(
    data: xr.Dataset, recipe: Recipe, weights: RegionWeights, notes: list[str]
) -> dict[str, Any]:
    inputs = {str(n): _provenance(data[n]) for n in sorted(map(str, data.data_vars))}
    hashes = {name: row["sha256"] for name, row in inputs.items()}
    identity = _identity(data, recipe, hashes, weights.digest)
    grid = grid_of(data)
    return {
        "id": edition_id(identity),
        "format": 1,
        "title": "Soil-carbon hotspots",
        "region": identity["region"],
        "regions_sha256": weights.digest,
        "code": identity["code"],
        "recipe": identity["recipe"],
        "scenario": scenario(recipe),
        "inputs": inputs,
        "grid": {
            "shape": list(grid.shape),
            "bounds": list(grid.bounds),
            "crs": grid.crs.to_string(),
        },
        "versions": {n: version(n) for n in ("numpy", "xarray", "rasterio", "exactextract")},
        "licences": sorted({r["licence"] for r in inputs.values() if r.get("licence")}),
        "citations": sorted({r["citation"] for r in inputs.values() if r.get("citation")}),
        "notes": notes,
        "caveats": list(CAVEATS),
    }


def identify(
    data: xr.Dataset, recipe: Recipe, regions: str | gpd.GeoDataFrame = "countries"
) -> str:
    """Return the id that `analyze` would give, without the analysis."""
    data = checked(data, recipe)
    hashes = {str(n): layer_hash(data[n]) for n in sorted(map(str, data.data_vars))}
    return edition_id(_identity(data, recipe, hashes, outlines_digest(outlines(data, regions))))


def _identity(
    data: xr.Dataset, recipe: Recipe, hashes: dict[str, str], regions_digest: str
) -> dict[str, Any]:
    return {
        "recipe": recipe.to_dict(),
        "inputs": hashes,
        "region": data.attrs.get("region", "world"),
        "regions": regions_digest,
        "code": code_version(),
    }


_TOLD_OF_INPUTS = ("units", "year", "period", "depth_cm", "guidelines", "source", "citation",
                   "licence", "method")  # fmt: skip


def _provenance(layer: xr.DataArray) -> dict[str, Any]:
    told = {k: _plain(layer.attrs[k]) for k in _TOLD_OF_INPUTS if k in layer.attrs}
    return {"sha256": layer_hash(layer)} | told


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
