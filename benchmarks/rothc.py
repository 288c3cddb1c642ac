"""RothC: the exact equilibrium against waiting for it, and months in a kernel against numpy.

Run with ``python benchmarks/rothc.py [CELLS]``. On the same made cells the equilibrium is once
solved and once stepped in numpy, month by month over all cells, until no stock changes by more
than 1e-6 t/ha in a year. Correctness is asserted first; the ratios are printed.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from hotspots.analysis.rothc import model

CELLS = 2000
YEARS = 20
STOP = 1e-6  # t ha-1 yr-1, as the authors' own program
RATES = np.array([10.0, 0.3, 0.66, 0.02])
Array = npt.NDArray[np.float64]


def main() -> None:
    """Assert, then print the two ratios."""
    cells = int(sys.argv[1]) if len(sys.argv) > 1 else CELLS
    drivers, site = _made(cells)
    run_site = {name: value for name, value in site.items() if name != "iom"}
    months = {k: xr.concat([v.rename(month="time")] * YEARS, "time") for k, v in drivers.items()}
    few = {name: value[:2] for name, value in drivers.items()}
    start = model.equilibrium(**few, **(site | {"clay": site["clay"][:2]}))  # compiles
    model.simulate(
        initial=start,
        **{k: v[:2] for k, v in months.items()},
        **(run_site | {"clay": site["clay"][:2]}),
    )

    t0 = time.perf_counter()
    exact = model.equilibrium(**drivers, **site)
    t1 = time.perf_counter()
    stepped, years = _spin_up(drivers, site)
    t2 = time.perf_counter()
    run = model.simulate(initial=exact * 0.9, **months, **run_site)
    t3 = time.perf_counter()
    plain = _steps({k: v.values for k, v in drivers.items()}, site, exact * 0.9, YEARS)
    t4 = time.perf_counter()

    behind = exact["soc"].values - stepped.sum(axis=0) - site["iom"]
    assert behind.min() > -1e-8, behind.min()
    assert behind.max() < 0.01, behind.max()
    np.testing.assert_allclose(run["hum"].isel(time=-1), plain[3], rtol=1e-10)
    print(
        f"cells {cells:,}; spin-up stopped after {years} years, up to {behind.max():.1e} t/ha low"
    )
    print(f"equilibrium, exact         {t1 - t0:8.3f} s")
    print(f"equilibrium, stepped       {t2 - t1:8.3f} s")
    print(f"ratio stepped to exact     {(t2 - t1) / (t1 - t0):8.0f}")
    print(f"{YEARS} years, cells per second {cells / (t3 - t2):8,.0f}")
    print(f"ratio numpy loop to kernel {(t4 - t3) / (t3 - t2):8.1f}")


def _made(cells: int) -> tuple[dict[str, xr.DataArray], dict[str, Any]]:
    rng = np.random.default_rng(0)
    season = np.cos((np.arange(12) - 6.5) / 12 * 2 * np.pi)
    values = {
        "air_temperature": rng.uniform(4, 26, (cells, 1)) + 8 * season,
        "precipitation": rng.gamma(2, 40, (cells, 12)),
        "evaporation": 60 + 45 * season + rng.uniform(0, 5, (cells, 12)),
        "plant_cover": (rng.uniform(size=(cells, 12)) > 0.2).astype(float),
        "carbon_input": rng.uniform(0, 0.4, (cells, 12)),
    }
    clay = xr.DataArray(rng.uniform(5, 60, cells), dims="x")
    drivers = {name: xr.DataArray(value, dims=("x", "month")) for name, value in values.items()}
    return drivers, {"clay": clay, "depth": 30.0, "iom": 3.0}


def _spin_up(drivers: dict[str, xr.DataArray], site: dict[str, Any]) -> tuple[Array, int]:
    """Return the pools (4, cells) and the years that they took."""
    arrays = {name: value.values for name, value in drivers.items()}
    cells = site["clay"].size
    pools, deficit = np.zeros((4, cells)), np.zeros(cells)
    for year in range(1, 100_000):
        before = pools.sum(axis=0)
        pools, deficit = _year(arrays, site["clay"].values, site["depth"], pools, deficit)
        if np.abs(pools.sum(axis=0) - before).max() < STOP:
            return pools, year
    raise AssertionError("the spin-up didn't come to rest")


def _steps(arrays: dict[str, Array], site: dict[str, Any], start: xr.Dataset, years: int) -> Array:
    pools = np.stack([start[name].values for name in model.POOLS])
    deficit = start["tsmd"].values
    for _ in range(years):
        pools, deficit = _year(arrays, site["clay"].values, site["depth"], pools, deficit)
    return pools


def _year(
    arrays: dict[str, Array], clay: Array, depth: float, pools: Array, deficit: Array
) -> tuple[Array, Array]:
    """Return pools and deficit after twelve months, each a step over all cells in numpy."""
    most = -(20 + 1.3 * clay - 0.01 * clay**2) * depth / 23
    x = 1.67 * (1.85 + 1.60 * np.exp(-0.0786 * clay))
    for i in range(12):
        t, cover = arrays["air_temperature"][:, i], arrays["plant_cover"][:, i]
        balance = arrays["precipitation"][:, i] - 0.75 * arrays["evaporation"][:, i]
        driest = np.where(cover >= 0.5, most, np.minimum(0.556 * most, deficit))
        deficit = np.maximum(driest, np.minimum(0, deficit + balance))
        a = np.where(t < -5, 0, 47.91 / (1 + np.exp(106.06 / (np.maximum(t, -5) + 18.27))))
        slow = 0.2 + 0.8 * (most - deficit) / (most - 0.444 * most)
        rate = a * np.where(deficit > 0.444 * most, 1, slow) * (1 - 0.4 * cover)
        lost = pools * (1 - np.exp(-rate * RATES[:, np.newaxis] / 12))
        kept = lost.sum(axis=0) / (x + 1)
        plant = arrays["carbon_input"][:, i]
        gained = np.stack([plant * 1.44 / 2.44, plant / 2.44, 0.46 * kept, 0.54 * kept])
        pools = pools - lost + gained
    return pools, deficit


if __name__ == "__main__":
    main()
