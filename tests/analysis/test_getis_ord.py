"""Gi*: against reference values, esda, brute force, and the ways it must not change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyproj
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspots.analysis.hotspots import kernel as neighbourhood
from hotspots.analysis.hotspots import kernel_reference
from hotspots.analysis.hotspots.getis_ord import getis_ord
from hotspots.analysis.hotspots.neighbours import Runs, mask_runs, radius_runs
from hotspots.errors import BadInputError
from hotspots.layers.grid import cell_area, grid_of

QUEEN = np.ones((3, 3), dtype=bool)
ROOK = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=bool)
DISC2 = np.add.outer(np.arange(-2, 3) ** 2, np.arange(-2, 3) ** 2) <= 4
MASKS = {"queen": QUEEN, "rook": ROOK, "disc2": DISC2}


def world(step: float, seed: int = 0, missing: float = 0.3) -> xr.DataArray:
    """A random global layer; no two seeds alike."""
    rng = np.random.default_rng(seed)
    rows, columns = round(180 / step), round(360 / step)
    values = rng.gamma(2, 20, (rows, columns))
    values[rng.random(values.shape) < missing] = np.nan
    y, x = 90 - step * (np.arange(rows) + 0.5), -180 + step * (np.arange(columns) + 0.5)
    return xr.DataArray(values, dims=("y", "x"), coords={"y": y, "x": x}).rio.write_crs(4326)


def brute_force(values: np.ndarray, near: np.ndarray, area: np.ndarray | None = None) -> np.ndarray:
    """Gi* from a full matrix of neighbours, as its docstring writes it, cell by cell."""
    x, valid = values.ravel(), ~np.isnan(values.ravel())
    a = np.ones(valid.sum()) if area is None else area.ravel()[valid] / area.ravel()[valid].mean()
    x, w = x[valid], near[np.ix_(valid, valid)].astype(float)
    n, mean = len(x), np.average(x, weights=a)
    s = np.sqrt(np.average(x**2, weights=a) - mean**2)
    total = w @ a
    z = np.full(valid.shape, np.nan)
    z[valid] = (w @ (a * x) - mean * total) / (s * np.sqrt((n * total - total**2) / (n - 1)))
    return z.reshape(values.shape)


@pytest.mark.parametrize("weights", sorted(MASKS))
def test_vectors(vectors: Path, weights: str) -> None:
    values = pd.read_csv(vectors / "gistar_small_grid.csv", header=None).to_numpy()
    table = pd.read_csv(vectors / "gistar_small_expected.csv").query("weights == @weights")
    z = getis_ord(values, neighbourhood=MASKS[weights])["z"].values
    assert len(table) == np.isfinite(values).sum() == np.isfinite(z).sum()
    np.testing.assert_allclose(z[table["row"], table["col"]], table["gi_star_z"], rtol=0, atol=1e-9)


def test_same_as_esda() -> None:
    """The z of esda with binary weights and no permutations, on a grid without missing cells."""
    esda = pytest.importorskip("esda")
    weights = pytest.importorskip("libpysal").weights
    values = np.random.default_rng(5).gamma(2, 3, (7, 9))
    queen = weights.lat2W(*values.shape, rook=False)
    found = esda.getisord.G_Local(
        values.ravel(), weights.fill_diagonal(queen), transform="B", star=True, permutations=0
    )
    z = getis_ord(values, neighbourhood=QUEEN)["z"].values
    np.testing.assert_allclose(z.ravel(), found.Zs, atol=1e-12)


def test_by_hand() -> None:
    """Rook neighbours on one 9 among zeros: mean 1, S² = 81/9 − 1 = 8."""
    # 9 0 0     The corner has 9 + 0 + 0, W = 3: z = (9 − 3) / (√8 · √((27 − 9)/8)) = √2.
    # 0 0 0     The centre's five cells are all 0: (0 − 5) / (√8 · √((45 − 25)/8)) = −√5/2.
    # 0 0 0
    values = np.zeros((3, 3))
    values[0, 0] = 9
    out = getis_ord(values, neighbourhood=ROOK)
    assert out["z"].values[0, 0] == pytest.approx(np.sqrt(2), rel=1e-14)
    assert out["effect"].values[0, 0] == pytest.approx(2)
    assert out["z"].values[1, 1] == pytest.approx(-np.sqrt(5) / 2)
    assert out["effect"].values[1, 1] == pytest.approx(-1)
    assert out["p"].values[0, 0] == pytest.approx(0.15729920705028513)
    assert (out["cluster"].values == 0).all()


def test_a_block_of_high_values_is_a_hot_cluster() -> None:
    values = np.random.default_rng(0).normal(0, 1, (30, 30))
    values[10:16, 10:16] += 8
    values[20:26, 20:26] -= 8
    out = getis_ord(values, neighbourhood=QUEEN)
    assert (out["cluster"].values[11:15, 11:15] == 1).all()
    assert (out["cluster"].values[21:25, 21:25] == -1).all()
    assert set(np.unique(out["cluster"])) == {-1, 0, 1}
    assert (out["cluster"] != 0).mean() < 0.2
    assert (out["p_adjusted"] >= out["p"]).all()


@settings(max_examples=30, deadline=None)
@given(
    scale=st.floats(1e-3, 1e3),
    shift=st.floats(-1e4, 1e4),
    seed=st.integers(0, 99),
)
def test_unchanged_by_unit_and_origin(scale: float, shift: float, seed: int) -> None:
    """The z of αx + β is z of x, for α > 0; the effect only takes the factor."""
    values = world(30, seed).values
    one = getis_ord(values, neighbourhood=QUEEN)
    other = getis_ord(scale * values + shift, neighbourhood=QUEEN)
    loss = 1e-11 * (1 + abs(shift) / scale)
    np.testing.assert_allclose(other["z"], one["z"], atol=loss, rtol=1e-9)
    np.testing.assert_allclose(other["effect"] / scale, one["effect"], atol=10 * loss)


def test_precision_holds_on_a_large_offset() -> None:
    """Cells are centred before they are summed: 10⁹ + noise is as good as noise, to rounding."""
    noise = np.random.default_rng(1).integers(0, 64, (200, 400)) / 64
    one = getis_ord(noise, neighbourhood=DISC2)["z"]
    other = getis_ord(noise + 1e9, neighbourhood=DISC2)["z"]
    np.testing.assert_allclose(other, one, atol=1e-5)


def test_missing_cells_leave_the_graph() -> None:
    """A grid with a NaN margin is the grid without it: no padding, no zero fill."""
    values = np.random.default_rng(2).normal(size=(6, 7))
    framed = np.pad(values, 3, constant_values=np.nan)
    inner = getis_ord(framed, neighbourhood=DISC2).isel(y=slice(3, -3), x=slice(3, -3))
    plain = getis_ord(values, neighbourhood=DISC2)
    np.testing.assert_allclose(inner["z"], plain["z"], atol=1e-13)
    outside = getis_ord(framed, neighbourhood=DISC2)["z"].values[:3]
    assert np.isnan(outside).all()


def test_nothing_to_tell_is_nan() -> None:
    constant = getis_ord(np.full((4, 4), 0.1), neighbourhood=QUEEN)
    assert np.isnan(constant["z"]).all()
    assert (constant["cluster"] == 0).all()
    whole = getis_ord(np.arange(9.0).reshape(3, 3), neighbourhood=np.ones((5, 5), dtype=bool))
    assert np.isnan(whole["z"]).all()
    assert np.isnan(getis_ord(np.full((3, 3), np.nan), neighbourhood=QUEEN)["z"]).all()


def near_on_the_globe(layer: xr.DataArray, radius_km: float) -> np.ndarray:
    """Which cells lie within a radius of which, from every geodesic distance."""
    lat, lon = (c.ravel() for c in np.meshgrid(layer["y"], layer["x"], indexing="ij"))
    geod = pyproj.Geod(ellps="WGS84")
    n = len(lat)
    distance = geod.inv(np.repeat(lon, n), np.repeat(lat, n), np.tile(lon, n), np.tile(lat, n))[2]
    return np.asarray(distance).reshape(n, n) <= radius_km * 1000


@pytest.mark.parametrize("radius", [700, 1500, 5000])
@pytest.mark.parametrize("area_weighted", [False, True])
def test_radius_is_geodesic_over_antimeridian_and_poles(radius: float, area_weighted: bool) -> None:
    layer = world(10, seed=3)
    area = cell_area(layer).values if area_weighted else None
    expected = brute_force(layer.values, near_on_the_globe(layer, radius), area)
    out = getis_ord(layer, radius=radius, area_weighted=area_weighted)
    np.testing.assert_allclose(out["z"], expected, atol=1e-9)


def test_cells_are_counted_by_distance_at_every_latitude() -> None:
    """1500 km reach ever more columns towards the pole, and over it."""
    layer = world(10, missing=0)
    counts = run_sums_of(neighbourhood, np.ones(layer.shape), radius_runs(grid_of(layer), 1500))
    near = near_on_the_globe(layer, 1500).sum(axis=1)
    np.testing.assert_array_equal(counts.ravel(), near)
    assert counts[0, 0] > 3 * counts[9, 0]


def test_a_part_of_the_globe_has_an_end() -> None:
    layer = world(10, seed=4).isel(x=slice(0, 9), y=slice(5, 12))
    expected = brute_force(layer.values, near_on_the_globe(layer, 2500))
    np.testing.assert_allclose(getis_ord(layer, radius=2500)["z"], expected, atol=1e-9)


@pytest.mark.parametrize("how", ["radius", "neighbourhood"])
def test_turning_the_globe_turns_the_result(how: str) -> None:
    """The antimeridian is nowhere special: start the grid at 0° and the result only moves."""
    layer = world(10, seed=6)
    moved = layer.roll(x=18, roll_coords=False).assign_coords(x=layer["x"] + 180)
    given_: dict = {"radius": 2000} if how == "radius" else {"neighbourhood": DISC2}
    z, turned = getis_ord(layer, **given_)["z"], getis_ord(moved, **given_)["z"]
    np.testing.assert_allclose(turned, np.roll(z, 18, axis=1), atol=1e-11)


def test_south_up_is_the_same_turned_over() -> None:
    layer = world(10, seed=7)
    z = getis_ord(layer, radius=1500)["z"]
    np.testing.assert_allclose(getis_ord(layer[::-1], radius=1500)["z"], z[::-1], atol=1e-11)


def test_radius_on_a_projected_grid_is_planar() -> None:
    """20 km on 10 km cells is the disc of two cells, also at exactly the radius."""
    values = np.random.default_rng(8).normal(size=(12, 14))
    coords = {"y": 6e6 - 1e4 * np.arange(12), "x": 3e5 + 1e4 * np.arange(14)}
    layer = xr.DataArray(values, dims=("y", "x"), coords=coords).rio.write_crs(32633)
    planar, mask = getis_ord(layer, radius=20), getis_ord(values, neighbourhood=DISC2)
    np.testing.assert_allclose(planar["z"], mask["z"], atol=1e-13)


def test_area_weights_leave_equal_cells_as_they_are() -> None:
    values = np.random.default_rng(9).normal(size=(8, 9))
    coords = {"y": 1e5 - 1e4 * np.arange(8), "x": 1e4 * np.arange(9)}
    layer = xr.DataArray(values, dims=("y", "x"), coords=coords).rio.write_crs(6933)
    plain = getis_ord(layer, neighbourhood=QUEEN)["z"]
    weighted = getis_ord(layer, neighbourhood=QUEEN, area_weighted=True)["z"]
    np.testing.assert_allclose(weighted, plain, atol=1e-6)


def run_sums_of(kernel: object, values: np.ndarray, runs: Runs) -> np.ndarray:
    return kernel.run_sums(  # type: ignore[attr-defined]
        values, runs.first, runs.row, runs.low, runs.high, runs.wraps
    )


@pytest.mark.parametrize("wraps", [False, True])
def test_both_kernels_give_the_same_sums(wraps: bool) -> None:
    """The fast path and the plain one, on masks with gaps, lop-sided ones and full turns."""
    rng = np.random.default_rng(10)
    values = rng.normal(size=(6, 9))
    for shape in [(3, 3), (5, 9), (1, 7), (11, 5)]:
        mask = rng.random(shape) < 0.5
        mask[shape[0] // 2, shape[1] // 2] = True
        runs = mask_runs(mask, values.shape, wraps)
        fast, plain = (run_sums_of(k, values, runs) for k in (neighbourhood, kernel_reference))
        np.testing.assert_allclose(fast, plain, atol=1e-13)
    layer = world(20, seed=11, missing=0)
    runs = radius_runs(grid_of(layer), 3000)
    fast, plain = (run_sums_of(k, layer.values, runs) for k in (neighbourhood, kernel_reference))
    np.testing.assert_allclose(fast, plain, rtol=1e-12)


def test_dataset_keeps_coordinates_and_tells_units() -> None:
    layer = world(10).assign_attrs(units="t ha-1 yr-1")
    out = getis_ord(layer.transpose("x", "y"), radius=2000, method="by", alpha=0.1)
    assert out["z"].dims == ("y", "x")
    assert out.rio.crs.to_epsg() == 4326
    assert out["effect"].attrs["units"] == "t ha-1 yr-1"
    assert out["cluster"].attrs["flag_meanings"] == "cold not_significant hot"
    assert out["cluster"].dtype == np.int8
    assert out.attrs["n"] == int(layer.notnull().sum())


def test_bad_input() -> None:
    layer = world(30)
    with pytest.raises(BadInputError, match="exactly one"):
        getis_ord(layer)
    with pytest.raises(BadInputError, match="exactly one"):
        getis_ord(layer, radius=100, neighbourhood=QUEEN)
    with pytest.raises(BadInputError, match="above 0"):
        getis_ord(layer, radius=-5)
    with pytest.raises(BadInputError, match="need coordinates"):
        getis_ord(layer.values, radius=100)
    with pytest.raises(BadInputError, match="odd"):
        getis_ord(layer, neighbourhood=np.ones((2, 3), dtype=bool))
    with pytest.raises(BadInputError, match="centre is True"):
        getis_ord(layer, neighbourhood=~QUEEN)
    with pytest.raises(BadInputError, match="narrower"):
        getis_ord(layer, neighbourhood=np.ones((1, 13), dtype=bool))
    with pytest.raises(BadInputError, match="2-D"):
        getis_ord(np.zeros(5), neighbourhood=QUEEN)
    with pytest.raises(BadInputError, match="alpha"):
        getis_ord(layer, radius=100, alpha=5)
