"""The packaged map against measured sites: the result on docs/methods/validation.md.

``python docs/figures.py`` stores it in hotspots/edition/methods/validation_table.md, from where the
card takes it; ``python docs/validation.py`` prints it. Both need the originals and the workbook of
sites in the reference folder (HOTSPOTS_SHARED), and openpyxl. Every number is computed here; the
sites are those of Sanderman (2017), Remnant native SOC database, Harvard Dataverse,
doi:10.7910/DVN/QQQM8V: native, farmed and restored soils sampled beside each other.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import rioxarray
import xarray as xr

import hotspots as hs
from hotspots.analysis.potential.deficit import historic_deficit
from hotspots.analysis.uncertainty.validation import MIN_SITES, sample_at, site_statistics
from hotspots.ingest.sample_build import catalogue
from hotspots.layers.variables import classes_of, describe

REPO = Path(__file__).resolve().parents[1]
WORKBOOK = "evidence/remnant_native_SOC_database.xlsx"
GRIDS = ("0.5°", "10 km")
LEAST_SHARE = 0.1  # of managed land, as for ranked land: a smaller divisor multiplies noise
CROPPING = ("cropping", "irrigated cropping")
# header in the workbook, blanks stripped -> name here
COLUMNS = {
    "Pair ID": "pair",
    "Native/Ag/Restored": "use",
    "LULC category": "category",
    "Location accuracy": "accuracy",
    "Latitude": "lat",
    "Longitude": "lon",
    "30 cm SOC": "soc_t_ha",
}
EARTH_RADIUS_KM = 6371.0


def evidence_table() -> str | None:
    """Return the comparison as Markdown, or None without the originals or without openpyxl."""
    folder = Path(os.environ.get("HOTSPOTS_SHARED") or REPO.parent / "shared") / "data"
    if not (folder / WORKBOOK).is_file() or find_spec("openpyxl") is None:
        return None
    sites = on_the_maps(read_sites(folder / WORKBOOK), folder)
    return "\n".join([*overall(sites), "", *by_zone(sites), "", *said(sites)])


def read_sites(workbook: Path) -> pd.DataFrame:
    """Return the sites of the workbook as `tidy` gives them."""
    return tidy(pd.read_excel(workbook, sheet_name="sites", engine="openpyxl"))


def tidy(sheet: pd.DataFrame) -> pd.DataFrame:
    """Return the sheet of sites under the names of `COLUMNS`, rows as given.

    Headers and texts carry stray blanks, and pairs are written in more than one case ("AKF1",
    "AKf1"). SOC is of 0-30 cm in t ha-1; a place or a stock that is not told is NaN. ``exact`` is
    whether the source gives the place itself, by the free text on its accuracy.
    """
    out = sheet.rename(columns=lambda name: str(name).strip())[list(COLUMNS)].rename(
        columns=COLUMNS
    )
    for name in ("pair", "use", "category", "accuracy"):
        out[name] = out[name].astype("object").where(out[name].notna(), "").astype(str)
        out[name] = out[name].str.strip().str.casefold()
    for name in ("lat", "lon", "soc_t_ha"):
        out[name] = pd.to_numeric(out[name], errors="coerce").astype("float64")
    out["exact"] = out["accuracy"] == "exact"
    return out


def on_the_maps(sites: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Return the sites with what both grids of the map hold at their places.

    Columns ``<layer> <grid>`` in t ha-1, ``zone`` by name, the shares of farmed land, and ``cell``,
    one number for each half-degree cell.
    """
    out = sites.copy()
    world = hs.sample()
    for grid, layers in zip(GRIDS, (world, originals(folder)), strict=True):
        for name in ("soc_stock", "soc_stock_reference"):
            out[f"{name} {grid}"] = sample_at(layers[name], out["lon"], out["lat"]).values
        out[f"deficit_historic {grid}"] = historic_deficit(
            out[f"soc_stock_reference {grid}"].to_numpy(), out[f"soc_stock {grid}"].to_numpy()
        )
    zones = sample_at(world["climate_zone"], out["lon"], out["lat"])
    legend = classes_of(zones) or {}
    out["zone"] = [legend.get(code, "") for code in zones.values.tolist()]
    west, north = np.floor(2 * out["lon"]), np.floor(2 * out["lat"])
    out["cell"] = np.where(out["lon"].notna(), west * 1000 + north, np.nan)
    for name in ("cropland_share", "pasture_share"):
        out[name] = sample_at(world[name], out["lon"], out["lat"]).values
    return out


def originals(folder: Path) -> xr.Dataset:
    """Return the stocks at 5 arc-minutes, of which the sample is the means."""
    told = catalogue()
    out = {}
    for name in ("soc_stock", "soc_stock_reference"):
        row = told["originals"][told["variables"][name]["originals"][0]]
        raw = rioxarray.open_rasterio(folder / row["file"]).squeeze("band", drop=True)
        values = raw.where(raw != row["nodata"]) * row["scale"]
        out[name] = describe(values, name, depth_cm="0-30")
    return xr.Dataset(out)


def pairs(sites: pd.DataFrame, categories: Collection[str] = ()) -> pd.DataFrame:
    """Return a row per pair that has native and farmed soil measured to 30 cm.

    ``loss`` is the mean of its native sites less that of its farmed ones (of `categories` only,
    where given), t ha-1; what the map holds is the mean over the places of those farmed sites.
    """
    measured = sites[sites["soc_t_ha"].notna()]
    native = measured[measured["use"] == "native"].groupby("pair")["soc_t_ha"].mean()
    farmed = measured[measured["use"] == "agriculture"]
    if categories:
        farmed = farmed[farmed["category"].isin(categories)]
    by_pair = farmed.groupby("pair")
    numbers = [c for c in sites if c.endswith((*GRIDS, "_share"))]
    out = by_pair[numbers].mean()
    out["loss"] = native - by_pair["soc_t_ha"].mean()
    out["exact"] = by_pair["exact"].all()
    for name in ("zone", "cell"):
        out[name] = by_pair[name].first()
    return out[out["loss"].notna()]


def comparisons(sites: pd.DataFrame) -> dict[str, tuple[pd.DataFrame, str, str]]:
    """Return what is compared: title -> (sites or pairs, measured column, layer of the map)."""
    native, farmed = (sites[sites["use"] == use] for use in ("native", "agriculture"))
    return {
        "Native sites, stock without land use": (native, "soc_t_ha", "soc_stock_reference"),
        "Farmed sites, stock of 2010": (farmed, "soc_t_ha", "soc_stock"),
        "Pairs, loss against the deficit": (pairs(sites), "loss", "deficit_historic"),
    }


def unmixed(sites: pd.DataFrame) -> dict[str, tuple[pd.DataFrame, str, str]]:
    """Return further views of the loss: exact places, and the deficit laid on farmed land alone."""
    every, cropped = pairs(sites), pairs(sites, CROPPING)
    cropped = cropped[cropped["cropland_share"] >= LEAST_SHARE].copy()
    farmed_share = every["cropland_share"] + every["pasture_share"]
    managed = every[farmed_share >= LEAST_SHARE].copy()
    for grid in GRIDS:
        name = f"deficit_historic {grid}"
        cropped[f"unmixed {grid}"] = cropped[name] / cropped["cropland_share"]
        managed[f"unmixed {grid}"] = managed[name] / farmed_share
    return {
        "Pairs at exact places, loss against the deficit": (
            every[every["exact"]],
            "loss",
            "deficit_historic",
        ),
        "Cropland pairs, loss against the deficit": (cropped, "loss", "deficit_historic"),
        "the same pairs, deficit / cropland share": (cropped, "loss", "unmixed"),
        "Pairs, deficit / share of cropland and pasture": (managed, "loss", "unmixed"),
    }


def overall(sites: pd.DataFrame) -> list[str]:
    """Return the table over all sites, on both grids."""
    lines = [
        "| Compared, t C/ha, 0-30 cm | Grid | n | Left out | Measured mean | Measured sd | Bias |"
        " RMSE | Median error | r |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for title, (table, observed, layer) in (comparisons(sites) | unmixed(sites)).items():
        for grid in GRIDS:
            (row,) = site_statistics(
                observed=table[observed], predicted=table[f"{layer} {grid}"]
            ).itertuples()
            lines.append(
                f"| {title} | {grid} | {row.n} | {row.n_left_out} | {row.mean_observed_t_ha:.1f}"
                f" | {row.sd_observed_t_ha:.1f} | {row.bias_t_ha:+.1f} | {row.rmse_t_ha:.1f}"
                f" | {row.median_error_t_ha:+.1f} | {row.correlation:.2f} |"
            )
    return lines


def by_zone(sites: pd.DataFrame) -> list[str]:
    """Return the table per climate zone, of the sites that both grids have a value for."""
    lines = [
        "| Compared | Climate zone | n | Measured mean |"
        + "".join(f" Bias, {grid} | RMSE, {grid} |" for grid in GRIDS),
        "|---|---|--:|--:|" + "--:|--:|" * len(GRIDS),
    ]
    for title, (table, observed, layer) in comparisons(sites).items():
        on_both = table[[f"{layer} {grid}" for grid in GRIDS]].notna().all(axis=1)
        told = [
            site_statistics(
                observed=table[observed].where(on_both),
                predicted=table[f"{layer} {grid}"],
                strata=table["zone"],
            )
            for grid in GRIDS
        ]
        for rows in zip(*(frame.itertuples() for frame in told), strict=True):
            if rows[0].n == 0:
                continue
            cells = [title, rows[0].stratum.replace("_", " "), str(rows[0].n)]
            cells.append(_number(rows[0].mean_observed_t_ha, ".1f"))
            for row in rows:
                cells += [_number(row.bias_t_ha, "+.1f"), _number(row.rmse_t_ha, ".1f")]
            lines.append("| " + " | ".join(cells) + " |")
    return lines


def said(sites: pd.DataFrame) -> list[str]:
    """Return what the numbers stand on, as a list."""
    every = pairs(sites)
    placed = every[every[f"deficit_historic {GRIDS[0]}"].notna()]
    deficit, stock, reference = (
        placed[f"{name} {GRIDS[0]}"].mean()
        for name in ("deficit_historic", "soc_stock", "soc_stock_reference")
    )
    lost = placed["loss"].mean()
    kept = 1 - lost / native_mean(sites, placed.index)
    apart = distance_km(sites)
    return [
        f"- {len(every)} pairs have both soils measured to 30 cm, {len(placed)} of them a place;"
        f" they lie in {placed['cell'].nunique()} half-degree cells, so there are fewer"
        " independent ones.",
        f"- On the {GRIDS[0]} grid the mean deficit is {deficit:.1f} t C/ha where the mean measured"
        f" loss is {lost:.1f}: {deficit / lost:.0%} of it. Farmed soil kept {kept:.0%} of the"
        f" native stock by measurement, {stock / reference:.0%} by the map.",
        f"- {(every['loss'] < 0).mean():.0%} of the pairs have more carbon in the farmed soil.",
        f"- In {(apart > 10).sum()} of {apart.size} pairs native and farmed soil are more than"
        f" 10 km apart (at most {apart.max():.0f} km): there the loss is also one of place.",
        "- The sites were compiled by the map's first author; whether some of them also trained it"
        " isn't stated in the files.",
        f"- Strata with fewer than {MIN_SITES} have only their number stated.",
    ]


def native_mean(sites: pd.DataFrame, of: pd.Index) -> float:
    """Return the mean native stock of the pairs named, t ha-1."""
    native = sites[(sites["use"] == "native") & sites["soc_t_ha"].notna()]
    return float(native.groupby("pair")["soc_t_ha"].mean().loc[of].mean())


def distance_km(sites: pd.DataFrame) -> pd.Series:
    """Return how far the native and the farmed sites of each placed pair lie apart (sphere)."""
    measured = sites[sites["soc_t_ha"].notna() & sites["lat"].notna()]
    means = np.radians(measured.groupby(["pair", "use"])[["lat", "lon"]].mean())
    a, b = (means.xs(use, level="use") for use in ("native", "agriculture"))
    a, b = a.align(b, join="inner", axis=0)
    half = (
        np.sin((b["lat"] - a["lat"]) / 2) ** 2
        + np.cos(a["lat"]) * np.cos(b["lat"]) * np.sin((b["lon"] - a["lon"]) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(half))


def _number(value: float, form: str) -> str:
    return "" if np.isnan(value) else format(value, form)


if __name__ == "__main__":
    table = evidence_table()
    print("The originals, the workbook or openpyxl are absent." if table is None else table)
