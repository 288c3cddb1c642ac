"""A world of 30 arc-seconds into a COG: this package beside GDAL's own warp, in one run.

    python benchmarks/ingest_30s.py [--small] [--coarse]

Makes a synthetic world of int16 (43,200 x 21,600; sea is nodata) once, in the system's temporary
folder. Each side then makes a float32 COG of it in a process of its own, with the same creation
options: here `on_grid` and `write_cog`; there a `WarpedVRT` of the scaled file, copied by GDAL.
Both results are checked against the sum of the source first. ``--coarse`` adds the mean on 5
arc-minutes (GDAL: average); ``--small`` takes 3 arc-minutes, to try the benchmark itself.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import rasterio
import rasterio.shutil
from affine import Affine
from rasterio.vrt import WarpedVRT

from hotspots.ingest.regrid.resample import on_grid
from hotspots.ingest.regrid.source_raster import SourceRaster
from hotspots.io.cog import OPTIONS, write_cog
from hotspots.layers.grid import Grid

SCALE, SEA = 0.1, -32768
BAR_RATIO, BAR_GIB = 1.5, 1.5
STRIP = 512


def world(per_degree: int) -> Grid:
    """Return the grid of the whole world with so many cells a degree."""
    step = 1 / per_degree
    shape = (180 * per_degree, 360 * per_degree)
    return Grid(Affine(step, 0, -180, 0, -step, 90), shape, pyproj.CRS(4326))


def make_world(path: Path, grid: Grid) -> None:
    """Write hills, coasts and noise: it shrinks to a third of its size, as soil maps do."""
    rng = np.random.default_rng(30)
    rows, columns = grid.shape
    coarse = rng.normal(size=(91, 181))
    coarse[:, -1] = coarse[:, 0]
    fine = rng.integers(-8, 9, size=(STRIP, columns), dtype="int16")
    x = np.linspace(0, 180, columns)
    at = np.minimum(x.astype(int), 179)
    part = x - at
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=columns,
        height=rows,
        count=1,
        dtype="int16",
        nodata=SEA,
        crs="EPSG:4326",
        transform=grid.transform,
        tiled=True,
        blockxsize=STRIP,
        blockysize=STRIP,
        compress="DEFLATE",
        predictor=2,
        num_threads="ALL_CPUS",
    ) as file:
        for top in range(0, rows, STRIP):
            y = np.linspace(0, 90, rows)[top : top + STRIP]
            low = np.minimum(y.astype(int), 89)
            down = (y - low)[:, None]
            lines = coarse[:, at] * (1 - part) + coarse[:, at + 1] * part
            field = lines[low] * (1 - down) + lines[low + 1] * down
            values = (900 + 300 * field).astype("int16") + np.roll(fine, top, axis=1)[: len(y)]
            file.write(
                np.where(field > 0.35, values, SEA).astype("int16"),
                1,
                window=((top, top + len(y)), (0, columns)),
            )


def ours(source: Path, target: Path, per_degree: int) -> None:
    """Ingest with this package."""
    raw = SourceRaster(str(source), scale=SCALE, nodata=(SEA,), unit="t ha-1")
    layer, _ = on_grid(raw, world(per_degree), "soc_stock")
    write_cog(layer, target)


def gdals(source: Path, target: Path, per_degree: int) -> None:
    """Let GDAL scale, warp and copy."""
    with rasterio.open(source) as file:
        size, t = (file.width, file.height), file.transform
    scaled = target.with_suffix(".vrt")
    scaled.write_text(
        f'<VRTDataset rasterXSize="{size[0]}" rasterYSize="{size[1]}"><SRS>EPSG:4326</SRS>'
        f"<GeoTransform>{t.c}, {t.a}, 0, {t.f}, 0, {t.e}</GeoTransform>"
        '<VRTRasterBand dataType="Float32" band="1"><NoDataValue>nan</NoDataValue>'
        f"<ComplexSource><SourceFilename>{source}</SourceFilename><SourceBand>1</SourceBand>"
        f"<ScaleOffset>0</ScaleOffset><ScaleRatio>{SCALE}</ScaleRatio><NODATA>{SEA}</NODATA>"
        "</ComplexSource></VRTRasterBand></VRTDataset>"
    )
    grid = world(per_degree)
    coarser = grid.shape[1] < size[0]
    how: Any = rasterio.enums.Resampling.average if coarser else rasterio.enums.Resampling.nearest
    with (
        rasterio.open(scaled) as file,
        WarpedVRT(
            file,
            crs="EPSG:4326",
            transform=grid.transform,
            width=grid.shape[1],
            height=grid.shape[0],
            resampling=how,
            nodata=np.nan,
            dtype="float32",
            warp_extras={"NUM_THREADS": "ALL_CPUS"},
        ) as vrt,
    ):
        rasterio.shutil.copy(vrt, target, driver="COG", OVERVIEW_RESAMPLING="AVERAGE", **OPTIONS)


def total(path: Path, scale: float = 1.0) -> float:
    """Return the sum of all valid cells, each weighted by the cosine of its latitude."""
    found = 0.0
    with rasterio.open(path) as file:
        for top in range(0, file.height, STRIP):
            rows = min(STRIP, file.height - top)
            values = file.read(1, window=((top, top + rows), (0, file.width))).astype("float64")
            values[values == file.nodata] = np.nan
            y = file.transform.f + file.transform.e * (top + np.arange(rows) + 0.5)
            found += float(np.nansum(values, axis=1) @ np.cos(np.radians(y))) * scale
    return found


def measured(side: str, source: Path, target: Path, per_degree: int) -> tuple[float, float]:
    """Run one side in a process of its own; return its seconds and its peak memory in GiB."""
    target.unlink(missing_ok=True)
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, "--side", side, str(source), str(target), str(per_degree)],
        check=True,
        capture_output=True,
        text=True,
    )
    return time.perf_counter() - began, float(done.stdout.split()[-1]) / 2**20


def peak_kib() -> int:
    """Return this process's greatest memory; of getrusage a child inherits its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


def compare(title: str, source: Path, per_degree: int, expected: float | None) -> None:
    """Print both sides' times and memory, and how they stand to the bars."""
    grid = world(per_degree)
    print(f"{title}: {grid.shape[1]:,} x {grid.shape[0]:,} cells", flush=True)
    found = {}
    for side in ("gdal", "ours"):
        target = source.with_name(f"{side}.tif")
        found[side] = measured(side, source, target, per_degree)
        if expected is not None:
            assert abs(total(target) / expected - 1) < 1e-6, f"{side}: another total"
        size = target.stat().st_size / 2**20
        seconds, memory = found[side]
        print(f"  {side:5} {seconds:7.1f} s  {memory:5.2f} GiB  file {size:,.0f} MiB", flush=True)
        target.unlink()
    ratio = found["ours"][0] / found["gdal"][0]
    print(f"  ratio {ratio:.2f} (bar {BAR_RATIO}), our peak memory against {BAR_GIB} GiB")


def main() -> None:
    """Run the benchmark, or one side of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--coarse", action="store_true")
    parser.add_argument("--side", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        side, source, target, per_degree = given.side
        {"ours": ours, "gdal": gdals}[side](Path(source), Path(target), int(per_degree))
        print(peak_kib())
        return
    per_degree = 20 if given.small else 120
    with tempfile.TemporaryDirectory(prefix="ingest_30s.") as folder:
        source = Path(folder) / "world.tif"
        began = time.perf_counter()
        make_world(source, world(per_degree))
        size = source.stat().st_size / 2**20
        print(f"source: {size:,.0f} MiB in {time.perf_counter() - began:.0f} s", flush=True)
        print(f"cores: {os.cpu_count()}, load {os.getloadavg()[0]:.1f}")
        compare("own grid", source, per_degree, total(source, SCALE))
        if given.coarse:
            compare("5 arc-minutes", source, 12, None)


if __name__ == "__main__":
    main()
