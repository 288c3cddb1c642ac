"""Correlated fields by Fourier features against the exact factor of the covariance matrix.

Run with ``python -m benchmarks.fields``. On 2,000 cells, where the exact way (Cholesky) is still
cheap, both must give the covariance exp(-d / range) within Monte Carlo error; then the ratio of
their times is printed, and the time and peak memory of 200 draws on 100,000 cells, whose matrix
would take 80 GB.
"""

from __future__ import annotations

import resource
import time

import numpy as np
import numpy.typing as npt

from hotspots.analysis.uncertainty.random_fields import gaussian_fields
from hotspots.analysis.uncertainty.stability import gain_draws, hot_share_of_draws

RANGE_KM = 300.0
DRAWS = 200
FEW, MANY = 2_000, 100_000
EARTH_RADIUS_M = 6.371e6

Array = npt.NDArray[np.float64]


def main() -> None:
    """Check, then print."""
    points = _on_sphere(FEW)
    start = time.perf_counter()
    exact = _by_cholesky(points, DRAWS)
    seconds_exact = time.perf_counter() - start
    start = time.perf_counter()
    drawn = np.stack(list(gaussian_fields(points, range_km=RANGE_KM, draws=DRAWS)))
    seconds = time.perf_counter() - start
    wrong = _error(points, drawn), _error(points, exact)
    assert wrong[0] < 1.1 * wrong[1] < 0.1, wrong
    print(f"covariance, rms error: features {wrong[0]:.4f}, exact {wrong[1]:.4f}")
    print(
        f"{FEW:,} cells x {DRAWS} draws: {seconds:.2f} s; ratio to exact"
        f" {seconds / seconds_exact:.2f}"
    )
    _print_many()


def _print_many() -> None:
    points, rng = _on_sphere(MANY), np.random.default_rng(0)
    stock, area = rng.gamma(3, 20, MANY), rng.uniform(1, 2, MANY)
    zone, rate = rng.integers(1, 13, MANY), np.full(13, 0.008)
    start = time.perf_counter()
    gains = gain_draws(
        stock, 0.3, rate, zone, gaussian_fields(points, range_km=RANGE_KM, draws=DRAWS)
    )
    share = hot_share_of_draws(gains, area, top_share=0.1, threshold=0.2, groups=zone)
    seconds = time.perf_counter() - start
    assert 0.05 < share @ area / area.sum() <= 0.1 + 1e-9
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{MANY:,} cells x {DRAWS} draws, hot share of each: {seconds:.1f} s, {peak:.2f} GiB")


def _on_sphere(n: int) -> Array:
    """Return points on a cap of the earth, some ranges wide."""
    rng = np.random.default_rng(1)
    z, longitude = rng.uniform(0.9, 1, n), rng.uniform(-np.pi, np.pi, n)
    across = np.sqrt(1 - z**2)
    unit = np.stack([across * np.cos(longitude), across * np.sin(longitude), z], axis=-1)
    return EARTH_RADIUS_M * unit


def _correlation(points: Array) -> Array:
    squares = (points**2).sum(axis=1)
    distance = np.sqrt(np.clip(squares[:, None] + squares - 2 * points @ points.T, 0, None))
    np.fill_diagonal(distance, 0)
    return np.exp(-distance / (RANGE_KM * 1000))


def _by_cholesky(points: Array, draws: int) -> Array:
    factor = np.linalg.cholesky(_correlation(points))
    return (factor @ np.random.default_rng(2).standard_normal((len(points), draws))).T


def _error(points: Array, drawn: Array) -> float:
    """Return the rms difference of the draws' covariance from exp(-d / range)."""
    return float(np.sqrt(np.mean((drawn.T @ drawn / len(drawn) - _correlation(points)) ** 2)))


if __name__ == "__main__":
    main()
