"""The 10 km world (9.3 million cells): analysis against its own reading and writing.

Run with ``python benchmarks/world_10km.py ORIGINALS`` (or HOTSPOTS_SHARED set). Correctness is
asserted first; then the ratio of the analysis (with Gi* at 100 km and all countries) to reading
the layers and writing the edition is printed, with the peak memory of the process.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import hotspots as hs
from hotspots.ingest import open_data
from hotspots.ingest.sample_build import build_world, write_sample

WORLD_PG = 868.3634208220254  # ellipsoidal total of the 2010 map, 0-30 cm
GROSS_PG = (4.27, 3.02)  # modelled loss and gain 1990-2010, printed with two decimals
YEARS = 20
MEMORY_LIMIT_GIB = 4.0


def main() -> None:
    """Build the layers once (not counted), then read, analyse and write."""
    shared = Path(os.environ.get("HOTSPOTS_SHARED", "../shared")) / "data"
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else shared
    with tempfile.TemporaryDirectory() as scratch:
        layers = Path(scratch) / "world_5min.nc"
        if os.fork() == 0:  # a process of its own, so that building doesn't count in peak memory
            write_sample(build_world(source, cells_per_degree=12), layers)
            os._exit(0)
        os.wait()
        t0 = time.perf_counter()
        data = open_data(layers).load()
        t1 = time.perf_counter()
        edition = hs.analyze(data)
        t2 = time.perf_counter()
        edition.save(Path(scratch) / "edition")
        t3 = time.perf_counter()
    _assert_right(edition)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"cells                      {data['soc_stock'].size:,}")
    print(f"reading + writing          {t1 - t0 + t3 - t2:6.1f} s")
    print(f"analysis, first in process {t2 - t1:6.1f} s")
    print(f"ratio to reading + writing {(t2 - t1) / (t1 - t0 + t3 - t2):6.2f}")
    print(f"peak memory                {peak:6.2f} GiB (limit {MEMORY_LIMIT_GIB:g})")
    print(f"hot share of ranked land   {edition.summary['hot_share_of_ranked']:.3f}")
    print(f"Gi* alone, raw potential   {edition.summary['gi_star_alone_potential_raw']:.3f}")


def _assert_right(edition: hs.Edition) -> None:
    table = edition.table
    world = table.loc["world"]
    assert abs(world["soc_stock_total"] / 1e9 / WORLD_PG - 1) < 2e-4, world["soc_stock_total"]
    for column, expected in zip(
        ("modelled_gross_loss_total", "modelled_gross_gain_total"), GROSS_PG, strict=True
    ):
        assert abs(world[column] * YEARS / 1e9 - expected) < 0.01, (column, world[column])
    parts = table[(table["set"] == "countries") & (table["value_from"] == "covered")]
    total = parts["soc_stock_total"].sum() + table.loc["outside", "soc_stock_total"]
    assert abs(total / world["soc_stock_total"] - 1) < 1e-9, total


if __name__ == "__main__":
    main()
