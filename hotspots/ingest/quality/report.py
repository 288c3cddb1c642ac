"""Quality report of a layer: the statistics needed to decide whether to trust it.

The report changes and refuses nothing: cells outside the valid range are counted and reported,
never clipped. `hotspots.ingest.quality.report_page.page` renders a report as HTML.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from hotspots.ingest.quality.compare import Comparison, Reference
from hotspots.ingest.quality.report_types import (
    ClassRow,
    Coverage,
    Description,
    Histogram,
    Picture,
    QualityReport,
    Resolution,
    TextureSums,
    Total,
    Values,
)
from hotspots.ingest.quality.statistics import (
    Array,
    ClassSums,
    Strip,
    Sums,
    area_of,
    rows_of,
    strips,
)
from hotspots.ingest.quality.verdicts import verdicts
from hotspots.layers.crs import crs_label
from hotspots.layers.grid import WGS84_A_M, Grid, axis_names, grid_of
from hotspots.layers.variables import Variable, class_nodata, classes_of, variable

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
TEXTURE = ("clay", "silt", "sand")
TEXTURE_SLACK = 1.0  # %, the rounding of three whole numbers
_BARS = 40
_PICTURE_CELLS = 360  # along the longer side
_LEVELS = 255  # of a byte in which 0 is missing
_M_PER_KM = 1000
_T_PER_PG, _T_PER_MT = 1e9, 1e6


def report(
    layer: xr.DataArray,
    share: xr.DataArray | None = None,
    *,
    given: Mapping[str, object] | None = None,
    reference: Reference | None = None,
    region_share: xr.DataArray | None = None,
    texture: Mapping[str, xr.DataArray] | None = None,
) -> QualityReport:
    """Return the quality report of a canonical layer, computed in one pass.

    Parameters
    ----------
    layer : DataArray
        Canonical name and unit, (y, x) with a CRS, preceded by a third dimension if the variable
        has one. Missing is NaN, or for classes the code that their legend leaves free. A lazy
        layer is read block by block.
    share : DataArray, optional
        Part of each cell's area that its value represents, 0-1, on the same cells; 1 by default.
    given : mapping, optional
        Declared or requested properties (file, unit, scale, nodata, source); copied unchanged.
    reference : Reference, optional
        The global layer of the same variable, or any other to compare with, on any grid.
    region_share : DataArray, optional
        Part of each cell within the requested region, 0-1, on the layer's cells.
    texture : mapping, optional
        The other two of the layers "clay", "silt" and "sand", on the same cells.

    Returns
    -------
    QualityReport
        Numbers, texts and lists that JSON can hold; None where a number isn't known. Areas are
        true hectares; means and quantiles are weighted by area x share. ``coverage`` is the share
        of the region's area with a value, or of the grid's where no region is given; on a coast,
        region and share both exclude the sea, so the smaller of the two is used.
        ``verdicts`` are sentences on implausible properties; empty if there are none. ``grave``
        are those of them that stop the addition of a user's layer; ``accepted``, filled where it
        is added, those that the user accepted.

    Raises
    ------
    RasterError
        No canonical name, or no CRS.

    Notes
    -----
    The comparison uses means of the finer layer over the cells of the coarser, where at least half
    of the area that the coarser value represents is covered (`hotspots.ingest.quality.compare`).
    Coverage, comparison and picture refer to the first of several steps (depths, months).
    """
    row = variable(str(layer.name))
    grid = grid_of(layer)
    own = classes_of(layer) or row.classes or {}
    sums = Sums(row.low, row.high)
    codes = ClassSums(class_nodata(row.classes or {}))
    cover, picture, soil = _Cover(), _Picture(grid, row), _Texture()
    comparison = Comparison(layer, row, grid, reference)
    beside = _beside(str(layer.name), region_share, texture)
    for strip in strips(layer, share, beside):
        (codes if row.classes else sums).add(strip)
        valid = strip.values[0] != codes.nodata if row.classes else ~np.isnan(strip.values[0])
        cover.add(strip, valid)
        picture.add(strip)
        soil.add(strip)
        comparison.add(strip, valid)
    values = _classes(codes, own) if row.classes else _quantity(sums, row, layer)
    out: QualityReport = {
        **_description(layer, row, grid),
        "given": dict(given or {}),
        **cover.summary(),
        **values,
        "texture": soil.summary(),
        "comparison": comparison.summary(),
        "picture": picture.summary(values["quantiles"]),
        "verdicts": [],
        "grave": [],
        "accepted": [],
    }
    found = verdicts(out)
    out["verdicts"] = [verdict.sentence for verdict in found]
    out["grave"] = [verdict.sentence for verdict in found if verdict.is_grave]
    return out


def _beside(
    name: str, region_share: xr.DataArray | None, texture: Mapping[str, xr.DataArray] | None
) -> dict[str, xr.DataArray]:
    layers = {} if region_share is None else {"region": region_share}
    others = {k: v for k, v in (texture or {}).items() if k in TEXTURE and k != name}
    # The sum of fewer than all three fractions says nothing.
    return layers | (others if len(others) == 2 and name in TEXTURE else {})


def _description(layer: xr.DataArray, row: Variable, grid: Grid) -> Description:
    attrs = layer.attrs
    unit = "class" if row.classes else str(attrs.get("units", row.unit))
    return {
        "name": str(layer.name),
        "long_name": str(attrs.get("long_name", row.long_name)),
        "unit": unit,
        "year": attrs.get("year"),
        "depth_cm": attrs.get("depth_cm"),
        "crs": crs_label(grid.crs),
        "resolution": _resolution(grid),
        "shape": list(grid.shape),
        "bounds": [float(f"{edge:.10g}") for edge in grid.bounds],
        "steps": _steps(layer),
    }


def _steps(layer: xr.DataArray) -> list[str]:
    y, x = axis_names(layer)
    others = [str(dim) for dim in layer.dims if dim not in (y, x)]
    if not others:
        return []
    dim = others[0]
    labels = layer[dim].values if dim in layer.coords else range(layer.sizes[dim])
    return [f"{dim} {label}" for label in labels]


def _resolution(grid: Grid) -> Resolution:
    """Return the side of a cell, and km along x and y at the middle of the layer."""
    dx, dy = abs(grid.transform.a), abs(grid.transform.e)
    middle = rows_of(grid, grid.shape[0] // 2, 1)
    if not grid.is_geographic:
        km = [side * grid.metres_per_unit / _M_PER_KM for side in (dx, dy)]
        return {"degrees": None, "km": [round(side, 6) for side in km]}
    # As on a sphere: the meridian's true length differs by less than 0.7 %.
    height = dy * np.pi / 180 * WGS84_A_M / _M_PER_KM
    # The width at which a cell of this height has its true area.
    width = float(area_of(middle)[0, 0]) / 100 / height  # 100 ha are 1 km2
    return {
        "degrees": [float(f"{v:.10g}") for v in (dx, dy)],
        "km": [round(width, 4), round(height, 4)],
    }


class _Cover:
    """Cells and area with a value, within the region where one is given."""

    def __init__(self) -> None:
        self.cells = self.all_cells = 0
        self.valid = self.area = self.covered = 0.0
        self.of: Literal["grid", "region"] = "grid"

    def add(self, strip: Strip, valid: npt.NDArray[np.bool_]) -> None:
        """Add a strip, and which of its cells have a value."""
        self.all_cells += valid.size
        self.cells += int(valid.sum())
        self.valid += float(strip.weight[valid].sum())
        inside = strip.beside.get("region")
        if inside is None:
            self.area += float(strip.area.sum())
            self.covered += float(strip.weight[valid].sum())
            return
        self.of = "region"
        region = strip.area * np.nan_to_num(inside)
        self.area += float(region.sum())
        # Not the product, which would subtract the sea of a coastal cell twice.
        self.covered += float(np.minimum(strip.weight, region)[valid].sum())

    def summary(self) -> Coverage:
        """Return the part of the report on coverage."""
        return {
            "cells": self.all_cells,
            "valid_cells": self.cells,
            "valid_area_ha": self.valid,
            "coverage": self.covered / self.area if self.area else None,
            "coverage_of": self.of,
        }


class _Texture:
    """Clay + silt + sand of the cells that have all three."""

    def __init__(self) -> None:
        self.cells = self.off = 0
        self.total = 0.0
        self.least, self.greatest = np.inf, -np.inf

    def add(self, strip: Strip) -> None:
        """Add a strip that has all three."""
        others = [strip.beside[name] for name in TEXTURE if name in strip.beside]
        if len(others) != 2:
            return
        whole = strip.values[0].astype("float64") + others[0] + others[1]
        whole = whole[np.isfinite(whole)]
        if whole.size:
            self.cells += whole.size
            self.total += float(whole.sum())
            # 1e-4: sums of float32 that differ by just the slack aren't counted.
            self.off += int((np.abs(whole - 100) > TEXTURE_SLACK + 1e-4).sum())
            self.least = min(self.least, float(whole.min()))
            self.greatest = max(self.greatest, float(whole.max()))

    def summary(self) -> TextureSums | None:
        """Return the part of the report on texture; None where it has none."""
        if not self.cells:
            return None
        return {
            "cells": self.cells,
            "mean": self.total / self.cells,
            "min": self.least,
            "max": self.greatest,
            "off": self.off,
            "slack": TEXTURE_SLACK,
        }


class _Picture:
    """A small map of the first step, by subsampling."""

    def __init__(self, grid: Grid, row: Variable) -> None:
        self.stride = max(1, -(-max(grid.shape) // _PICTURE_CELLS))
        self.classes = row.classes
        self.rows: list[Array] = []

    def add(self, strip: Strip) -> None:
        """Add the cells of a strip that are shown."""
        # Continues the subsampling of the strip before, so that the rows are evenly spaced.
        first = -strip.top % self.stride
        picked = strip.values[0, first :: self.stride, :: self.stride]
        self.rows += [np.array(line, dtype="float64") for line in picked]

    def summary(self, quantiles: Mapping[str, float | None]) -> Picture:
        """Return the picture as bytes: 0 missing, else a class's code or 1-255 from low to high."""
        values = np.array(self.rows)
        low, high = 0.0, float(_LEVELS)
        if self.classes is None:
            # Outliers beyond these would leave few colours for the rest.
            least, greatest = quantiles["1"], quantiles["99"]
            low, high = (0.0, 1.0) if least is None or greatest is None else (least, greatest)
            levels = 1 + np.clip((values - low) / ((high - low) or 1), 0, 1) * (_LEVELS - 1)
        else:
            levels = np.where(values == class_nodata(self.classes), 0, np.clip(values, 0, _LEVELS))
        pixels = np.nan_to_num(levels).astype("uint8")
        return {
            "rows": pixels.shape[0],
            "columns": pixels.shape[1],
            "low": low,
            "high": high,
            "stride": self.stride,
            "levels": base64.b64encode(pixels.tobytes()).decode("ascii"),
        }


def _quantity(sums: Sums, row: Variable, layer: xr.DataArray) -> Values:
    cells, area = sum(sums.cells), sum(sums.area)
    quantiles = [_known(v) for v in sums.quantiles(QUANTILES)]
    steps = list(zip(sums.cells, sums.total, sums.area, strict=True))
    return {
        "min": _known(sums.least),
        "mean": sum(sums.total) / area if area else None,
        "max": _known(sums.greatest),
        "step_means": [t / a if a else None for _, t, a in steps] if len(steps) > 1 else [],
        "quantiles": {f"{100 * q:g}": v for q, v in zip(QUANTILES, quantiles, strict=True)},
        # A sum over several depths or months isn't the total of a layer.
        "total": _total(sum(sums.total), row) if area and len(steps) == 1 else None,
        "range": {
            "low": _known(row.low),
            "high": _known(row.high),
            "below": sums.below,
            "above": sums.above,
            "infinite": sums.infinite,
            "outside": sums.below + sums.above + sums.infinite,
            "outside_share": (sums.below + sums.above + sums.infinite) / cells if cells else 0.0,
            "least": _known(sums.least) if sums.below else None,
            "greatest": _known(sums.greatest) if sums.above else None,
        },
        "zero_cells": sums.zeros,
        "histogram": _histogram(*sums.distribution()),
        "classes": [],
    }


def _known(number: float) -> float | None:
    # A float32 has seven digits; the rest would look like precision.
    return float(f"{number:.7g}") if np.isfinite(number) else None


def _total(tonnes: float, row: Variable) -> Total | None:
    if not row.per_hectare:
        return None
    per_year = " yr-1" if row.unit.endswith("yr-1") else ""
    # Totals below 0.1 Pg, such as the stock of a country, are given in Mt.
    large = abs(tonnes) >= _T_PER_PG / 10
    number = tonnes / (_T_PER_PG if large else _T_PER_MT)
    return {"value": number, "unit": ("Pg" if large else "Mt") + per_year}


def _histogram(means: Array, areas: Array) -> Histogram | None:
    """Return the area by value between the 1 % and 99 % quantiles; the end bars hold the rest."""
    if not means.size:
        return None
    below = np.cumsum(areas) / areas.sum()
    # As in `Sums.quantiles`, a share that ends at the end of a bin belongs to that bin.
    low, high = (float(means[np.searchsorted(below, q * (1 - 1e-12))]) for q in (0.01, 0.99))
    # All cells have one value, and bars need some width.
    if high <= low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, _BARS + 1)
    bars, _ = np.histogram(np.clip(means, low, high), bins=edges, weights=areas)
    return {"edges": [float(f"{e:.6g}") for e in edges], "area_ha": [float(b) for b in bars]}


def _classes(sums: ClassSums, legend: Mapping[int, str]) -> Values:
    whole = sum(sums.area.values())
    rows: list[ClassRow] = [
        {
            "code": code,
            "name": legend.get(code, "?"),
            "cells": sums.cells[code],
            "area_ha": area,
            "share": area / whole if whole else 0.0,
        }
        for code, area in sorted(sums.area.items())
    ]
    strange = [code for code in sorted(sums.cells) if code not in legend]
    outside = sum(sums.cells[code] for code in strange)
    cells = sum(sums.cells.values())
    return {
        "min": None,
        "mean": None,
        "max": None,
        "quantiles": {},
        "step_means": [],
        "total": None,
        "histogram": None,
        "classes": rows,
        "range": {
            "codes": sorted(legend),
            "strange": strange,
            "outside": outside,
            "outside_share": outside / cells if cells else 0.0,
        },
    }
