"""Random fields: covariance against exp(-d/r), seeds and blocks; totals against all pairs."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats

from hotspots.analysis.uncertainty.random_fields import (
    DRAWS_PER_SET,
    fourier_features,
    gaussian_fields,
    grid_points,
    total_sd,
)
from hotspots.analysis.uncertainty.totals import total_uncertainty
from hotspots.errors import BadInputError
from hotspots.layers.grid import cell_area, grid_of


def on_globe(south: float, north: float, west: float, east: float, step: float) -> xr.DataArray:
    y, x = np.arange(north - step / 2, south, -step), np.arange(west + step / 2, east, step)
    sd = np.random.default_rng(0).gamma(3, 5, (len(y), len(x)))
    return xr.DataArray(sd, dims=("y", "x"), coords={"y": y, "x": x}).rio.write_crs(4326)


def on_plane(side_m: float, rows: int, columns: int, crs: str = "EPSG:6933") -> xr.DataArray:
    coords = {"y": 5e6 - side_m * np.arange(rows), "x": side_m * np.arange(columns)}
    sd = np.random.default_rng(1).gamma(3, 5, (rows, columns))
    return xr.DataArray(sd, dims=("y", "x"), coords=coords).rio.write_crs(crs)


def distances(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[:, None] - points[None], axis=-1)


def fields(points: np.ndarray, **options: object) -> np.ndarray:
    """All fields as (draws, points)."""
    given = {"range_km": 100.0, "draws": 40, "features": 50} | options
    return np.stack(list(gaussian_fields(points, **given)))  # type: ignore[arg-type]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_features_estimate_the_exponential_correlation(dimensions: int) -> None:
    """Rows' products against exp(-d/r), within 5 of their standard errors 1/√(2M)."""
    points = np.random.default_rng(2).uniform(-3e5, 3e5, (60, dimensions))
    waves = fourier_features(dimensions, range_m=1e5, features=20_000, seed=3)
    found = waves.at(points) @ waves.at(points).T
    np.testing.assert_allclose(np.diag(found), 1, rtol=1e-12)
    assert np.abs(found - np.exp(-distances(points) / 1e5)).max() < 5 / np.sqrt(2 * 20_000)


def test_features_are_the_cosines_and_sines_of_a_scalar_loop() -> None:
    points = np.array([[0.0, 0.0], [3.0, -4.0], [100.0, 20.0]])
    waves = fourier_features(2, range_m=50, features=4, seed=1)
    found = waves.at(points)
    for i, (x, y) in enumerate(points):
        for m, (wx, wy) in enumerate(waves.frequencies.T):
            assert found[i, m] == pytest.approx(np.cos(wx * x + wy * y) / 2)
            assert found[i, 4 + m] == pytest.approx(np.sin(wx * x + wy * y) / 2)


def test_the_frequencies_along_a_line_are_cauchy() -> None:
    """Each component of a multivariate Cauchy is Cauchy with scale 1/range."""
    waves = fourier_features(3, range_m=200.0, features=20_000, seed=5)
    for component in waves.frequencies:
        assert stats.kstest(component, stats.cauchy(scale=1 / 200.0).cdf).pvalue > 1e-4


def test_fields_have_mean_variance_and_covariance() -> None:
    """Over 4000 draws at 30 points, within 5 standard errors of each."""
    points = np.random.default_rng(4).uniform(-2e5, 2e5, (30, 3))
    drawn = fields(points, draws=4000, features=200, dtype="float64")
    root = np.sqrt(4000)
    assert np.abs(drawn.mean(axis=0)).max() < 5 / root
    assert np.abs(drawn.var(axis=0) - 1).max() < 5 * np.sqrt(2) / root
    rho = np.exp(-distances(points) / 1e5)
    # Waves are shared by 25 draws, which adds their own error to that of the draws.
    error = np.sqrt((1 + rho**2) / 4000 + DRAWS_PER_SET / (2 * 200 * 4000))
    assert (np.abs(drawn.T @ drawn / 4000 - rho) / error).max() < 5


def test_fields_are_normal() -> None:
    drawn = fields(np.array([[0.0, 0.0], [1e6, 0.0]]), draws=3000, dtype="float64")
    assert stats.kstest(drawn.ravel(), "norm").pvalue > 1e-4


def test_a_covariance_as_by_cholesky() -> None:
    """The sd of sums over many points: by features as by the factor of the whole matrix."""
    points = grid_points(on_globe(0, 10, 0, 12, 1))
    rho = np.exp(-distances(points) / 3e5)
    exact = np.linalg.cholesky(rho) @ np.random.default_rng(0).standard_normal((120, 2000))
    drawn = fields(points, range_km=300, draws=2000, features=100).T
    by_hand = np.sqrt(rho.sum())
    assert exact.sum(axis=0).std() == pytest.approx(by_hand, rel=0.08)
    assert drawn.sum(axis=0).std() == pytest.approx(by_hand, rel=0.08)


def test_seeds_and_blocks() -> None:
    """One seed, one result, whatever the block or the number of draws asked for."""
    points = grid_points(on_globe(0, 6, 0, 8, 1))
    first = fields(points, seed=7)
    assert first.dtype == np.float64
    np.testing.assert_array_equal(first, fields(points, seed=7))
    np.testing.assert_array_equal(first[:30], fields(points, seed=7, draws=30))
    np.testing.assert_allclose(first, fields(points, seed=7, block_cells=5), atol=1e-12)
    assert np.abs(first - fields(points, seed=8)).max() > 0.5
    np.testing.assert_allclose(first, fields(points, seed=7, dtype="float32"), atol=1e-4)
    assert len({row.tobytes() for row in first}) == 40


def test_no_global_state_is_touched() -> None:
    before = np.random.get_state(legacy=False)["state"]["key"].copy()  # noqa: NPY002
    fields(np.zeros((2, 2)))
    after = np.random.get_state(legacy=False)["state"]["key"]  # noqa: NPY002
    np.testing.assert_array_equal(before, after)


def test_perfect_and_no_correlation_are_limits() -> None:
    points = np.array([[0.0, 0.0], [1e4, 0.0]])
    together = fields(points, range_km=np.inf, draws=50)
    np.testing.assert_allclose(together[:, 0], together[:, 1], atol=1e-6)
    assert together[:, 0].std() > 0.5
    apart = fields(points, range_km=1e-3, draws=2000)
    assert abs(np.corrcoef(apart.T)[0, 1]) < 0.12


def test_points_of_a_geographic_grid_are_a_chord_apart() -> None:
    """Against geodesics: shorter by d³/24R², and across the antimeridian as elsewhere."""
    grid = on_globe(-80, 80, -180, 180, 4)
    points = grid_points(grid)
    lat, lon = (c.ravel() for c in np.meshgrid(grid["y"], grid["x"], indexing="ij"))
    pairs = np.random.default_rng(0).integers(0, len(lat), (2, 20_000))
    geodesic = pyproj.Geod(ellps="WGS84").inv(*(c[p] for p in pairs for c in (lon, lat)))[2]
    chord = np.linalg.norm(points[pairs[0]] - points[pairs[1]], axis=1)
    near = (geodesic < 2e6) & (geodesic > 0)
    assert near.sum() > 200
    short = geodesic[near] - chord[near]
    np.testing.assert_allclose(short, geodesic[near] ** 3 / 24 / 6.371e6**2, rtol=0.03)
    for range_m, most in ((1e5, 1.5e-5), (3e5, 1.3e-4), (1e6, 1.5e-3)):
        wrong = np.exp(-chord / range_m) - np.exp(-geodesic / range_m)
        assert wrong.max() < most
    west, east = points[0], points[grid.shape[1] - 1]
    assert np.linalg.norm(west - east) == pytest.approx(np.linalg.norm(points[1] - west))


def test_points_of_chosen_cells() -> None:
    plane = on_plane(1000, 3, 4)
    np.testing.assert_array_equal(
        grid_points(plane, np.array([0, 5])), [[0, 5e6], [1000, 5e6 - 1000]]
    )
    mask = np.zeros((3, 4), dtype=bool)
    mask[1, 1] = mask[0, 0] = True
    np.testing.assert_array_equal(grid_points(plane, mask), grid_points(plane, np.array([0, 5])))
    np.testing.assert_array_equal(grid_points(grid_of(plane)), grid_points(plane))
    feet = on_plane(1000, 3, 4, crs="EPSG:2263")  # US survey feet
    np.testing.assert_allclose(grid_points(feet), grid_points(plane) * 1200 / 3937)
    with pytest.raises(BadInputError, match="0 to 11"):
        grid_points(plane, np.array([12]))
    with pytest.raises(BadInputError, match=r"mask has shape \(2, 2\)"):
        grid_points(plane, np.ones((2, 2), dtype=bool))


@pytest.mark.parametrize("kind", ["globe", "plane"])
def test_total_sd_as_exact(kind: str) -> None:
    """Three regions: the whole, a half, one cell; within 3 % of all pairs, as its error tells."""
    sd = on_globe(40, 55, 0, 20, 0.5) if kind == "globe" else on_plane(30_000, 30, 40)
    area = cell_area(sd).values
    half = area * (np.arange(sd.shape[1]) < 10)
    one = np.zeros_like(area)
    one[3, 4] = 7.0
    regions = [area, half, one]
    weights = sparse.csr_array(np.stack([r.ravel() for r in regions]))
    found = total_sd(weights, sd.values.ravel(), grid_points(sd), range_km=200, features=8000)
    for (_, row), region in zip(found.iterrows(), regions, strict=True):
        for name in ("independent", "exponential", "perfect"):
            exact = total_uncertainty(sd=sd, area=region, correlation=name, range_km=200)
            close = 0.03 if name == "exponential" else 1e-6
            assert row[name] == pytest.approx(exact, rel=close)
    assert 0.002 < found["exponential_error"][0] < 0.03
    assert found["exponential_error"][2] < 1e-4
    assert not found["clipped"].any()
    dense = total_sd(weights.toarray(), sd.values.ravel(), grid_points(sd), range_km=200)
    assert dense["perfect"].to_numpy() == pytest.approx(found["perfect"].to_numpy())


def test_the_told_error_is_the_spread_over_seeds() -> None:
    sd = on_globe(0, 20, 0, 20, 1)
    given = (np.ones((1, 400)), sd.values.ravel(), grid_points(sd))
    runs = [total_sd(*given, range_km=150, features=500, seed=seed) for seed in range(60)]
    spread = np.std([run["exponential"][0] for run in runs])
    mean = np.mean([run["exponential"][0] for run in runs])
    told = np.sqrt(np.mean([run["exponential_error"][0] ** 2 for run in runs]))
    assert spread / mean == pytest.approx(told, rel=0.4)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(1, 5000))
def test_totals_lie_between_the_bounds_and_scale(seed: int, range_km: float) -> None:
    rng = np.random.default_rng(seed)
    points, sd = rng.uniform(-1e6, 1e6, (40, 2)), rng.gamma(2, 5, 40)
    weights = rng.random((5, 40)) * (rng.random((5, 40)) < 0.5) + np.eye(5, 40)
    options = {"range_km": range_km, "features": 30, "seed": seed, "dtype": "float64"}
    found = total_sd(weights, sd, points, **options)
    assert (found["independent"] <= found["exponential"] * (1 + 1e-12)).all()
    assert (found["exponential"] <= found["perfect"] * (1 + 1e-12)).all()
    twice = total_sd(weights, 2 * sd, points, **options)
    for name in ("independent", "exponential", "perfect"):
        np.testing.assert_allclose(twice[name], 2 * found[name], rtol=1e-9)
    at_bound = np.isclose(found["exponential"], found["independent"], rtol=1e-9)
    assert (at_bound | ~found["clipped"]).all()


def test_too_few_waves_are_clipped_and_told() -> None:
    points = np.random.default_rng(0).uniform(0, 1e8, (500, 2))
    runs = [
        total_sd(np.ones((1, 500)), np.ones(500), points, range_km=1, features=1, seed=seed)
        for seed in range(8)
    ]
    clipped = [bool(run["clipped"][0]) for run in runs]
    assert any(clipped)
    assert not all(clipped)
    for run in runs:
        assert run["exponential"][0] >= run["independent"][0]
        assert run["clipped"][0] == np.isclose(run["exponential"][0], np.sqrt(500), rtol=1e-9)


def test_missing_cells_are_left_out_of_totals() -> None:
    points = np.random.default_rng(0).uniform(0, 1e5, (4, 2))
    weights = np.array([[1.0, 2, 0, 3], [0, 0, 5, 0], [0, 1, 0, 0]])
    sd = np.array([3.0, 4.0, np.nan, 0.0])
    found = total_sd(weights, sd, points)
    assert found["perfect"].to_numpy()[[0, 2]] == pytest.approx([11, 4])
    assert found["independent"].to_numpy()[[0, 2]] == pytest.approx([np.sqrt(73), 4])
    assert found.loc[1, ["independent", "exponential", "perfect"]].isna().all()
    certain = total_sd(weights[:1], np.zeros(4), points)
    assert certain.loc[0, ["independent", "exponential", "perfect"]].tolist() == [0, 0, 0]


def test_wrong_use_is_told() -> None:
    points = np.zeros((3, 2))
    with pytest.raises(BadInputError, match="must be above 0"):
        fourier_features(2, range_m=0)
    with pytest.raises(BadInputError, match="at least 1"):
        fourier_features(2, range_m=1, features=0)
    with pytest.raises(BadInputError, match="weights are for 2 cells, sd for 3"):
        total_sd(np.ones((1, 2)), np.ones(3), points)
    with pytest.raises(BadInputError, match="negative"):
        total_sd(np.ones((1, 3)), -np.ones(3), points)
    with pytest.raises(BadInputError, match="negative"):
        total_sd(-np.ones((1, 3)), np.ones(3), points)
