"""Uncertainty of totals: reference values, brute force, blocks against pairs."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyproj
import pytest
import xarray as xr

from hotspots.analysis.uncertainty import totals
from hotspots.analysis.uncertainty.totals import total_uncertainty
from hotspots.errors import BadInputError
from hotspots.layers.grid import cell_area


def on_globe(south: float, north: float, west: float, east: float, step: float) -> xr.DataArray:
    """Random sd on a latitude/longitude grid, a third of it missing."""
    y, x = np.arange(north - step / 2, south, -step), np.arange(west + step / 2, east, step)
    rng = np.random.default_rng(0)
    sd = rng.gamma(3, 5, (len(y), len(x)))
    sd[rng.random(sd.shape) < 0.3] = np.nan
    return xr.DataArray(sd, dims=("y", "x"), coords={"y": y, "x": x}).rio.write_crs(4326)


def on_plane(sd: np.ndarray, side_m: float, crs: int = 6933) -> xr.DataArray:
    coords = {"y": 5e6 - side_m * np.arange(sd.shape[0]), "x": side_m * np.arange(sd.shape[1])}
    return xr.DataArray(sd, dims=("y", "x"), coords=coords).rio.write_crs(crs)


@pytest.mark.parametrize("kind", ["array", "projected"])
def test_vectors(vectors: Path, kind: str) -> None:
    sd = pd.read_csv(vectors / "uncertainty_pixel_sd_t_ha.csv", header=None).to_numpy()
    want = pd.read_csv(vectors / "uncertainty_expected.csv").iloc[0]
    given = sd if kind == "array" else on_plane(sd, 1000)
    area = want["area_ha_per_cell"] if kind == "array" else xr.full_like(given, 100.0)
    for correlation, column in [
        ("independent", "sd_total_independent"),
        ("perfect", "sd_total_perfect"),
        ("exponential", "sd_total_exp_range_2"),
    ]:
        got = total_uncertainty(sd=given, area=area, correlation=correlation, range_km=2)
        assert isinstance(got, float)
        assert got == pytest.approx(want[column], rel=want["tolerance_rel"])


def test_by_hand() -> None:
    """Two cells of 1 km, sd 3 and 4 t/ha on 100 ha: 300² + 400² + 2·300·400·ρ(1 km)."""
    sd = np.array([[3.0, 4.0]])
    assert total_uncertainty(sd=sd, area=100, correlation="independent") == pytest.approx(500)
    assert total_uncertainty(sd=sd, area=100, correlation="perfect") == pytest.approx(700)
    expected = np.sqrt(300**2 + 400**2 + 2 * 300 * 400 * np.exp(-1 / 5))
    assert total_uncertainty(sd=sd, area=100, range_km=5) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("box", [(0, 6, 0, 8), (74, 90, -180, 180), (-10, 10, 150, 180)])
def test_geodesic_distances_in_full(box: tuple[float, float, float, float]) -> None:
    """a′SRSa with the whole matrix of geodesic distances, the pole and its far side included."""
    sd = on_globe(*box, step=1 if box[1] == 6 else 4)
    area = cell_area(sd)
    u = (sd * area).values.ravel()
    lat, lon = (c.ravel()[~np.isnan(u)] for c in np.meshgrid(sd["y"], sd["x"], indexing="ij"))
    u, n = u[~np.isnan(u)], len(lat)
    geod = pyproj.Geod(ellps="WGS84")
    d = geod.inv(np.repeat(lon, n), np.repeat(lat, n), np.tile(lon, n), np.tile(lat, n))[2]
    expected = np.sqrt(u @ np.exp(-np.reshape(d, (n, n)) / 300e3) @ u)
    got = total_uncertainty(sd=sd, area=area, range_km=300)
    assert got == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("box", "step", "range_km"),
    [
        ((0, 14, 0, 14), 0.25, 30),
        ((0, 14, 0, 14), 0.25, 250),
        ((56, 70, 6, 20), 0.25, 400),
        ((40, 60, 0, 20), 0.4, 1000),
        ((62, 90, -180, 180), 2, 300),
        ((0, 3, 0, 3), 0.05, 100),
        ((0, 0.2, 0, 0.2), 0.004, 100),
    ],
)
def test_blocks_err_by_less_than_stated(
    monkeypatch: pytest.MonkeyPatch,
    box: tuple[float, float, float, float],
    step: float,
    range_km: float,
) -> None:
    """Above some thousand cells blocks stand for cells; within 1 %, and in truth below 0.4 %."""
    sd = on_globe(*box, step=step)
    area = cell_area(sd)
    assert 1500 < sd.notnull().sum() < totals.EXACT_CELLS
    exact = total_uncertainty(sd=sd, area=area, range_km=range_km)
    monkeypatch.setattr(totals, "EXACT_CELLS", 0)
    blocks = total_uncertainty(sd=sd, area=area, range_km=range_km)
    assert blocks != exact
    assert blocks == pytest.approx(exact, rel=0.004)


def test_blocks_on_a_plane(monkeypatch: pytest.MonkeyPatch) -> None:
    sd = on_plane(np.random.default_rng(1).gamma(3, 5, (50, 55)), 10_000)
    exact = [total_uncertainty(sd=sd, area=10_000, range_km=r) for r in (10, 80, 200)]
    monkeypatch.setattr(totals, "EXACT_CELLS", 0)
    blocks = [total_uncertainty(sd=sd, area=10_000, range_km=r) for r in (10, 80, 200)]
    np.testing.assert_allclose(blocks, exact, rtol=0.004)


def test_between_the_bounds_and_rising_with_range() -> None:
    """Independent < exponential < perfect; on a world grid, by blocks."""
    sd = on_globe(-60, 75, -180, 180, 2)
    area = cell_area(sd)
    assert sd.notnull().sum() > totals.EXACT_CELLS
    found = [total_uncertainty(sd=sd, area=area, correlation="independent")]
    found += [total_uncertainty(sd=sd, area=area, range_km=r) for r in (1, 100, 1000, 1e6)]
    found += [total_uncertainty(sd=sd, area=area, correlation="perfect")]
    assert all(b > a * (1 - 1e-9) for a, b in pairwise(found))
    assert found[1] == pytest.approx(found[0], rel=1e-9)
    assert found[-2] == pytest.approx(found[-1], rel=0.02)


def test_missing_cells_are_left_out_and_axes_may_be_turned() -> None:
    sd = on_globe(0, 5, 0, 7, 1)
    area = cell_area(sd)
    turned = total_uncertainty(sd=sd.transpose("x", "y"), area=area)
    assert turned == pytest.approx(total_uncertainty(sd=sd, area=area), rel=1e-12)
    framed = np.array([[np.nan, np.nan, np.nan], [np.nan, 3.0, 4.0]])
    small = total_uncertainty(sd=np.array([[3.0, 4.0]]), area=100, range_km=5)
    assert total_uncertainty(sd=framed, area=100, range_km=5) == pytest.approx(small)
    assert np.isnan(total_uncertainty(sd=np.full((2, 2), np.nan), area=100))


def test_bad_input() -> None:
    sd = np.ones((2, 2))
    with pytest.raises(BadInputError, match="'gaussian' isn't a known correlation"):
        total_uncertainty(sd=sd, area=1, correlation="gaussian")
    with pytest.raises(BadInputError, match="above 0"):
        total_uncertainty(sd=sd, area=1, range_km=0)
    with pytest.raises(BadInputError, match="negative"):
        total_uncertainty(sd=-sd, area=1)
    with pytest.raises(BadInputError, match="shape"):
        total_uncertainty(sd=sd, area=np.ones(3))
    with pytest.raises(BadInputError, match="rows and columns"):
        total_uncertainty(sd=np.ones(4), area=1)
