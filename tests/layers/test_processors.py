"""The same on every processor: what is rounded, compared, ranked or hashed.

The work is done again in processes that compute as another processor would (`other_processor`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from other_processor import AS_IT_IS, KINDS, OTHER_DIGITS, PLAIN, run

from hotspots.analysis.hotspots.classify import top_share_by_area
from hotspots.analysis.hotspots.patches import drop_small
from hotspots.analysis.uncertainty.stability import hot_share_of_draws
from hotspots.analysis.uncertainty.waves import cos_sin
from hotspots.edition.analyze import checked
from hotspots.edition.manifest import layer_hash
from hotspots.edition.methods.base import RUN
from hotspots.edition.ranking import stratum_residual
from hotspots.edition.recipe import Recipe
from hotspots.ingest.sample import SAMPLE
from hotspots.ingest.sample_build import block_mean
from hotspots.layers.grid import cell_area
from hotspots.layers.rounding import steady, to_step

EPS = np.finfo("float64").eps


def digits(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Factors that change the last digit of some values, up or down."""
    return 1 + EPS * np.random.default_rng(seed).integers(-1, 2, shape)


# --- rounding ------------------------------------------------------------------------------------


def test_halves_go_to_the_even_step_whatever_the_last_digit() -> None:
    """By hand: 92.25 lies between 92.2 and 92.3, 27.75 between 27.7 and 27.8."""
    for value, step, even in [
        (92.25, 0.1, 92.2),
        (27.75, 0.1, 27.8),
        (-0.25, 0.1, -0.2),
        (0.0385, 0.001, 0.038),
        (4.5, 1.0, 4.0),
    ]:
        for given in (np.nextafter(value, -np.inf), value, np.nextafter(value, np.inf)):
            assert to_step(given, step) == pytest.approx(even, abs=1e-12)
    assert to_step(0.0004999, 0.001) == 0
    assert np.isnan(to_step(np.nan, 0.1))


def test_a_mean_on_the_edge_of_a_step_is_rounded_alike_with_other_areas() -> None:
    """2 x 2 cells of 92.2 and 92.3: their mean is 92.25, whatever the rows' areas."""
    values = np.tile([[922.0, 923.0]], (200, 50)) / 10
    area = np.random.default_rng(1).uniform(1e3, 1e5, 200)
    means = [block_mean(values, area * digits((200,), seed), 2)[0] for seed in range(20)]
    assert len({np.rint(mean / 0.1).tobytes() for mean in means}) > 1  # what this is against
    for mean in means:
        np.testing.assert_allclose(to_step(mean, 0.1), 92.2, rtol=1e-12)


def test_steady_takes_the_last_digits_and_no_more() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=10_000) * 10.0 ** rng.integers(-9, 10, 10_000)
    np.testing.assert_allclose(steady(values), values, rtol=4.6e-13)
    for decimal in (0.1, 0.2, 0.3, 0.05, 0.7, 1e-3, 20.0, 1 / 3):
        for ulps in range(-200, 201, 25):
            assert steady(decimal * (1 + ulps * EPS)) == steady(decimal)
    single = values.astype("float32")
    np.testing.assert_array_equal(steady(single), single.astype("float64"))
    odd = np.array([np.nan, np.inf, -np.inf, 0.0, 1.7e308])
    np.testing.assert_array_equal(steady(odd), odd)


# --- comparing -----------------------------------------------------------------------------------


def test_ties_but_for_the_last_digit_stand_or_fall_together() -> None:
    values = np.repeat([3.3, 2.2, 1.1], [4, 10, 26])
    area = np.full(40, 7.3)
    for seed in range(10):
        given = values * digits((40,), seed)
        assert top_share_by_area(given, area, 0.25).sum() == 4
        assert top_share_by_area(given, area, 0.35).sum() == 14
        hot = hot_share_of_draws(given[:, None], area, top_share=0.25, threshold=1.0)
        assert hot.sum() == 4
        hot = hot_share_of_draws(given[:, None], area, top_share=0.35, threshold=2.2)
        assert hot.sum() == 14


def test_a_share_met_exactly_is_met_whatever_the_order_of_the_sum() -> None:
    values = np.r_[np.full(100_000, 2.0), np.full(900_000, 1.0)]
    area = np.full(1_000_000, 0.1) * digits((1_000_000,))
    assert top_share_by_area(values, area, 0.1).sum() == 100_000


def test_a_patch_of_just_the_least_area_stays() -> None:
    """Ten cells of 100 km² are 1,000 km²."""
    mask = np.ones((1, 10), dtype=bool)
    for seed in range(10):
        area = np.full((1, 10), 10_000.0) * digits((1, 10), seed)
        assert drop_small(mask, area).all()
    assert not drop_small(mask, np.full((1, 10), 9_999.9)).any()


def test_a_stratum_of_one_value_leaves_no_residual() -> None:
    coords = {"y": np.arange(4.5, 0, -1), "x": np.arange(0.5, 9)}
    zone = xr.DataArray(np.tile([1, 2, 2], (5, 3)), coords, ("y", "x")).rio.write_crs(4326)
    values = xr.where(zone == 1, 0.3, 0.7).rio.write_crs(4326)
    assert (stratum_residual(values, zone) == 0).all()
    assert float(cell_area(values).std()) > 0


# --- hashing -------------------------------------------------------------------------------------


def small_world() -> xr.Dataset:
    import hotspots as hs
    from hotspots.edition.inputs import clip

    return clip(hs.sample(), hs.region("FJI"))


def test_a_layer_s_hash_does_not_hang_on_the_last_digit_of_a_float64() -> None:
    layer = small_world()["soc_stock"].astype("float64")
    # Half-way between two float32, where the last digit would decide.
    half = layer.astype("float32").astype("float64")
    half = (half + np.nextafter(half.values.astype("float32"), np.float32(np.inf))) / 2
    half = half.assign_attrs(layer.attrs).rename("soc_stock")
    hashes = {layer_hash(half * digits(half.shape, seed)) for seed in range(5)}
    assert len(hashes) == 1
    assert layer_hash(half + 0.001) not in hashes


def test_an_edition_s_id_is_of_what_was_given_not_of_what_was_made_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stock that a method makes of content and density errs in its last digit, the id doesn't."""
    from hotspots.edition import analyze

    data = small_world()
    depth = {"depth": ("depth", [15.0]), "thickness": ("depth", [30.0])}
    known = data["soc_stock"].notnull()
    given = data.drop_vars("soc_stock").assign(
        soc=made(known * 20.0 + 1 / 3, "soc", "g kg-1", depth),
        bulk_density=made(known * 1.0 + 0.1, "bulk_density", "g cm-3", depth),
        coarse_fragments=made(known * 0.0 + 0.1, "coarse_fragments", "1", depth),
    )
    _, states = checked(given, Recipe())
    assert "soc_stock" in {n for s in states if s.status == RUN for n in s.gives}
    first = analyze.identify(given, Recipe())
    real = analyze.run_methods

    def on_another_processor(*arguments: Any) -> Any:
        layers, states = real(*arguments)
        off = {n: v * np.float32(1 + 2e-7) for n, v in layers.items() if v.dtype.kind == "f"}
        return layers.assign({n: v.assign_attrs(layers[n].attrs) for n, v in off.items()}), states

    monkeypatch.setattr(analyze, "run_methods", on_another_processor)
    assert analyze.identify(given, Recipe()) == first
    other = given.assign(soc=(given["soc"] + 1).assign_attrs(given["soc"].attrs))
    assert analyze.identify(other, Recipe()) != first


def made(values: xr.DataArray, name: str, unit: str, depth: dict[str, Any]) -> xr.DataArray:
    layer = values.where(values > 0.05).expand_dims(depth=[15.0]).assign_coords(depth)
    return layer.rename(name).assign_attrs(units=unit, depth_cm="0-30")


# --- on another processor ------------------------------------------------------------------------


def test_waves_are_those_of_numpy_and_exact_in_a_quarter_turn() -> None:
    turns = np.random.default_rng(3).uniform(-50, 50, (100, 40))
    out = np.empty((100, 80))
    cos_sin(turns, out)
    exact = 2 * np.pi * (turns - np.rint(turns))
    np.testing.assert_allclose(out[:, :40], np.cos(exact), atol=5e-15)
    np.testing.assert_allclose(out[:, 40:], np.sin(exact), atol=5e-15)
    cos_sin(np.array([[0.0, 0.25, 0.5, 0.75, 1.0]]), out := np.empty((1, 10)))
    np.testing.assert_allclose(out, [[1, 0, -1, 0, 1, 0, 1, 0, -1, 0]], atol=1e-15)


@pytest.mark.slow
def test_the_sample_is_built_to_the_same_bytes(shared: Path, tmp_path: Path) -> None:
    hashes = {kind: run(kind, "sample", shared / "data", tmp_path / f"{kind}.nc") for kind in KINDS}
    assert len(set(hashes.values())) == 1, hashes
    built = tmp_path / f"{AS_IT_IS}.nc"
    with xr.open_dataset(built) as mine, xr.open_dataset(SAMPLE) as packaged:
        xr.testing.assert_equal(mine, packaged)


def test_means_on_another_grid_are_the_same_bytes() -> None:
    found = {kind: run(kind, "regridded") for kind in KINDS}
    for kind in (PLAIN, OTHER_DIGITS):
        for mine, theirs in zip(found[AS_IT_IS], found[kind], strict=True):
            assert mine.tobytes() == theirs.tobytes(), kind


pytestmark = pytest.mark.timeout(1800)  # several processes each, on a machine that may be busy


@pytest.fixture(scope="module")
def analyses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return {kind: run(kind, "edition", tmp_path_factory.mktemp("saved")) for kind in KINDS}


@pytest.mark.parametrize("kind", [PLAIN, OTHER_DIGITS])
def test_an_edition_has_the_same_id_rasters_and_classes(
    analyses: dict[str, Any], kind: str
) -> None:
    mine, theirs = analyses[AS_IT_IS], analyses[kind]
    assert mine["id"] == theirs["id"]
    assert set(mine["rasters"]) == set(theirs["rasters"])
    assert mine["rasters"]["stability_gain"].size > 3_000
    for name, values in mine["rasters"].items():
        if values.dtype.kind in "iu":
            np.testing.assert_array_equal(values, theirs["rasters"][name], err_msg=name)
        else:
            np.testing.assert_allclose(
                values, theirs["rasters"][name], rtol=1e-6, atol=1e-6, err_msg=name
            )


@pytest.mark.parametrize("kind", [PLAIN, OTHER_DIGITS])
def test_an_edition_has_the_same_tables(analyses: dict[str, Any], kind: str) -> None:
    for name, table in analyses[AS_IT_IS]["tables"].items():
        other = analyses[kind]["tables"][name]
        pd.testing.assert_frame_equal(table, other, rtol=1e-6, atol=1e-6, obj=name)


def test_nothing_asks_for_fast_mathematics(repo: Path) -> None:
    """It lets a compiler change the order of sums, to that of the vector unit at hand."""
    told = [
        path.name
        for path in (repo / "hotspots").rglob("*.py")
        if re.search(r"fastmath\s*=|parallel\s*=\s*True", path.read_text(encoding="utf-8"))
    ]
    assert told == []
