"""The plan of a regridding: which files are read, and how their cells lie under the target's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hotspots.errors import RasterError
from hotspots.ingest.regrid import overlap
from hotspots.ingest.regrid.overlap import Overlap
from hotspots.ingest.regrid.reproject import Warped, warped
from hotspots.ingest.regrid.source_raster import SourceRaster, open_grid
from hotspots.layers.crs import same_crs
from hotspots.layers.grid import Grid
from hotspots.layers.legends import legend as legend_of
from hotspots.layers.units import conversion, spelled
from hotspots.layers.variables import Variable, class_nodata, variable

COMBINATIONS = ("", "sum", "mean")
MONTHLY = ("", "keep", "sum", "mean")


@dataclass(frozen=True)
class Regridding:
    """Treatment of classes, of several files and of months.

    Attributes
    ----------
    legend : str
        Name of the legend of the codes in class files; "" for the canonical legend.
    share_of : str
        Class of that legend: the layer is its share of each cell's land. Land is all area with a
        class other than water.
    combine : str
        "sum" or "mean" of the files; a cell that is missing in one of them is missing.
    months : str
        Treatment of 12 bands (or files): "keep" (dimension ``month``), "sum", "mean"; where files
        are combined, of the 12 bands of each.
    """

    legend: str = ""
    share_of: str = ""
    combine: str = ""
    months: str = ""


@dataclass(frozen=True)
class View:
    """One file and the position of its cells under those of the target.

    ``columns`` counts from the first column of ``runs``, the parts of a row that are read.
    """

    raw: SourceRaster
    warp: Warped | None
    rows: Overlap
    columns: Overlap
    runs: tuple[tuple[int, int], ...]

    @property
    def same(self) -> bool:
        """Whether each target cell is a whole source cell."""
        return self.warp is None and self.rows.same and self.columns.same

    @property
    def width(self) -> int:
        """Columns that are read."""
        return sum(end - start for start, end in self.runs)


@dataclass(frozen=True)
class Plan:
    """The files of a layer, the target grid, the variable's row of the table, and the treatment."""

    views: tuple[View, ...]
    grid: Grid
    row: Variable
    how: Regridding

    @property
    def planes(self) -> int:
        """Number of (y, x) planes of the layer."""
        return 12 if self.how.months == "keep" else 1

    @property
    def dtype(self) -> str:
        """Data type of the layer."""
        if self.row.classes is None:
            return "float32"
        return "int8" if class_nodata(self.row.classes) else "uint8"


def plan_of(raws: list[SourceRaster], grid: Grid, name: str, how: Regridding) -> Plan:
    """Return how a layer is made; raise `RasterError` if its files don't allow that.

    Parameters
    ----------
    raws : list of SourceRaster
        At least one; see `hotspots.ingest.regrid.resample.on_grid`.
    grid : Grid
        Target grid, north up, any CRS.
    name : str
        Canonical variable.
    how : Regridding

    Raises
    ------
    RasterError
        No file, an unknown treatment, another number of bands than it needs, an inconvertible unit,
        or a class that isn't in the legend.
    """
    row = variable(name)
    if not raws:
        raise RasterError(f"No file is given for '{name}'. Give at least one.")
    for key, given, allowed in (
        ("combine", how.combine, COMBINATIONS),
        ("months", how.months, MONTHLY),
    ):
        if given not in allowed:
            raise RasterError(f"'{key}' is '{given}'; allowed are {', '.join(allowed[1:])}.")
    bands = sum(len(raw.bands) for raw in raws)
    years = bands // 12 if how.combine else 1  # each part of a sum or mean has its months
    if how.months and (bands != 12 * years or not years):
        raise RasterError(f"'{name}' has {bands} bands; the 12 months of a year are needed.")
    if not how.months and any(len(raw.bands) != 1 for raw in raws):
        raise RasterError(f"'{name}' takes one band of each file. Say which one.")
    if how.share_of:
        _class_code(how.legend, how.share_of)
    elif row.classes is None:
        for raw in raws:
            conversion(unit_of(raw, how.months), row.unit)
    return Plan(tuple(_view(raw, grid) for raw in raws), grid, row, how)


def classes_of_legend(legend: str) -> dict[int, str]:
    """Return the canonical classes of a legend; "" is that of land cover itself."""
    name = legend_of(legend).variable if legend else "land_cover"
    return variable(name).classes or {}


def _class_code(legend: str, name: str) -> int:
    classes = classes_of_legend(legend)
    for code, own in classes.items():
        if own == name:
            return code
    raise RasterError(f"'{name}' isn't a class; allowed are {', '.join(classes.values())}.")


def unit_of(raw: SourceRaster, months: str) -> str:
    """Return the unit of a file's values after its months are summed."""
    # The catalogue states the unit of the sum, as it does for any product.
    if months != "sum" or spelled(raw.unit).endswith("yr-1"):
        return raw.unit
    unit = raw.unit.replace("/month", " month-1")
    return unit.replace("month-1", "yr-1") if "month-1" in unit else f"{unit} yr-1"


def _view(raw: SourceRaster, grid: Grid) -> View:
    source = open_grid(raw)
    warp = None if same_crs(source.crs, grid.crs) else warped(raw, source, grid)
    rows, columns = overlap.overlaps(source if warp is None else warp.grid, grid)
    used = np.unique(columns.cell)
    # There are several runs where a region crosses the meridian at which the source begins.
    gaps = np.flatnonzero(np.diff(used) > 1)
    starts = used[np.concatenate([[0], gaps + 1])] if used.size else []
    ends = used[np.concatenate([gaps, [used.size - 1]])] + 1 if used.size else []
    runs = tuple((int(a), int(b)) for a, b in zip(starts, ends, strict=True))
    # A warped source is read through the refined target grid, whose cells have no gaps.
    if warp is not None:
        runs = ((0, warp.grid.shape[1]),)
    else:
        columns = columns._replace(cell=np.searchsorted(used, columns.cell).astype("int64"))
    return View(raw, warp, rows, columns, runs)
