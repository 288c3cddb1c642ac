"""Coasts on a coarse grid: what a country's stock is when its cells are partly sea.

Run with ``python -m benchmarks.coast ORIGINALS`` (or HOTSPOTS_SHARED set). The truth is the 5
arc-minute original, whose cells are soil or not; the packaged 0.5° sample has the mean over the
soil of a cell and, in ``valid_share``, the part of the cell that it stands for. Three ways to weigh
a country's cells are compared on the sample:

- *cover*: covered fraction × area, as if the soil of a cell filled it;
- *cover × valid_share*: counts the sea of a coastal cell out twice, by outline and by share;
- *sharing out*: the soil-covered land of a cell is shared out among the countries that touch it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from scipy import sparse

import hotspots as hs
from hotspots.analysis.zonal.coverage import cover_fractions, share_out
from hotspots.ingest.sample_build import build_world
from hotspots.layers.grid import cell_area, grid_of

COUNTRIES = ("PHL", "GRC", "CHL", "GBR", "JPN", "IDN", "NOR", "ITA", "FRA", "BRA", "KAZ")
FINE_CELLS_PER_DEGREE = 12
LARGE_T = 1e9

Array = npt.NDArray[np.float64]


def main() -> None:
    """Print the report."""
    shared = Path(os.environ.get("HOTSPOTS_SHARED") or "../shared") / "data"
    print(report(Path(sys.argv[1]) if len(sys.argv) > 1 else shared))


def report(source: Path) -> str:
    """Return the comparison as text; `source` is the folder of the originals."""
    truth = stocks(build_world(source, FINE_CELLS_PER_DEGREE))["sharing out"]
    table = stocks(hs.sample())
    error = 100 * (table.div(truth, axis=0) - 1)
    shown = error.loc[list(COUNTRIES)].round(1) + 0.0  # no "-0.0"
    shown.insert(0, "Tg C at 5'", (truth / 1e6).round(0).astype("int64"))
    large = error[truth > LARGE_T].abs()
    worst = pd.DataFrame({"error, %": large.max().round(1), "country": large.idxmax()})
    total = (100 * (table.sum() / truth.sum() - 1)).round(2)
    return "\n".join(_lines(shown, worst, len(large), total))


def _lines(shown: pd.DataFrame, worst: pd.DataFrame, n: int, total: pd.Series) -> Iterator[str]:
    yield "SOC stock of a country on the 0.5° sample: error in % of the 5' figure"
    yield shown.rename_axis(None).to_string()
    yield f"\nGreatest error, of either sign, among the {n} countries with more than 1 Pg C"
    yield worst.to_string()
    yield "\nSum of all countries: error in %"
    yield total.to_string()


def stocks(data: xr.Dataset) -> pd.DataFrame:
    """Return the SOC stock in t C of each country (row) by each way to weigh cells (column)."""
    outlines = hs.regions("countries")
    cover = cover_fractions(grid_of(data), outlines.geometry)
    density = np.nan_to_num(data["soc_stock"].values.ravel().astype("float64"))
    area = cell_area(data).values.ravel()
    valid = area * data["valid_share"].values.ravel()

    def tonnes(weights: sparse.csr_array, hectares: Array) -> Array:
        return np.asarray(weights @ (hectares * density))

    ways = {
        "cover": tonnes(cover, area),
        "cover × valid_share": tonnes(cover, valid),
        "sharing out": tonnes(share_out(cover), valid),
    }
    return pd.DataFrame(ways, index=outlines["id"])


if __name__ == "__main__":
    main()
