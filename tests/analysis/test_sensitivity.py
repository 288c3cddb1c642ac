"""Sensitivity of the loss: an analytic model, membership, and units that change nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import qmc, spearmanr

from hotspots.analysis.loss.total import loss_total
from hotspots.analysis.uncertainty.sensitivity import (
    UncertainInput,
    hot_cells,
    sensitivity,
    sobol_indices,
)
from hotspots.errors import BadInputError

QUICK = {"draws": 20, "sobol_samples": 64}


def case(seed: int = 1, shape: tuple[int, int] = (12, 25)) -> tuple[xr.Dataset, xr.DataArray]:
    """Three components of unlike shape, with some cells missing, on unequal areas."""
    rng = np.random.default_rng(seed)
    xy = {"y": np.arange(shape[0]) + 0.5, "x": np.arange(shape[1]) + 0.5}

    def layer(values: Any) -> xr.DataArray:
        return xr.DataArray(values, dims=("y", "x"), coords=xy)

    erosion = rng.gamma(1, 0.2, shape)
    erosion[0, :3] = np.nan
    losses = {
        "conversion": layer(rng.gamma(0.5, 0.4, shape)),
        "erosion": layer(erosion),
        "drained_organic": layer(np.where(rng.random(shape) < 0.05, 5.0, 0.0)),
    }
    area = layer(np.linspace(50, 100, shape[0])[:, None] * np.ones(shape))
    return loss_total(losses), area


# ---------------------------------------------------------------- Sobol indices


def test_a_linear_model_has_the_analytic_indices() -> None:
    """Y = Σ c_i·u_i of uniform inputs: S_i = T_i = c_i²/Σc²."""
    c = np.array([3.0, 1.0, 0.5, 0.0])
    first, total, sd = sobol_indices(lambda u: 100 + u @ c, 4, samples=4096)
    expected = c**2 / (c**2).sum()
    np.testing.assert_allclose(first, expected, atol=5e-3)
    np.testing.assert_allclose(total, expected, atol=5e-3)
    assert sd == pytest.approx(math.sqrt((c**2).sum() / 12), rel=5e-3)


def test_an_interaction_is_in_the_total_index_alone() -> None:
    """Y = u1·u2 around 0.5: V = 7/144, S = (1/48)/V = 3/7, T = 1 − 3/7."""
    first, total, _ = sobol_indices(lambda u: u[:, 0] * u[:, 1], 2, samples=8192)
    np.testing.assert_allclose(first, 3 / 7, atol=0.01)
    np.testing.assert_allclose(total, 4 / 7, atol=0.01)


def ishigami(u: np.ndarray) -> np.ndarray:
    x = np.pi * (2 * u - 1)
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def test_the_ishigami_function() -> None:
    first, total, _ = sobol_indices(ishigami, 3, samples=8192)
    np.testing.assert_allclose(first, [0.3139, 0.4424, 0.0], atol=0.02)
    np.testing.assert_allclose(total, [0.5576, 0.4424, 0.2437], atol=0.02)


def test_scipy_finds_the_same_indices_within_its_bootstrap_error() -> None:
    """Of another sample; ours is kept because an edition's figures would move within that error."""
    first, total, _ = sobol_indices(ishigami, 3, samples=4096)
    theirs = stats.sobol_indices(
        func=lambda x: ishigami(x.T), n=4096, dists=[stats.uniform()] * 3, rng=1
    )
    spread = theirs.bootstrap(confidence_level=0.99, n_resamples=99)
    for ours, interval in ((first, spread.first_order), (total, spread.total_order)):
        low, high = interval.confidence_interval
        assert (low <= ours).all()
        assert (ours <= high).all()


def test_scipy_finds_equal_indices_for_the_same_sample() -> None:
    both = qmc.Sobol(6, rng=np.random.default_rng(1)).random_base2(10)
    a, b = both[:, :3], both[:, 3:]
    mixed = [np.where(np.arange(3) == i, b, a) for i in range(3)]
    values = {"f_A": ishigami(a)[None], "f_B": ishigami(b)[None]}
    values["f_AB"] = np.stack([ishigami(m)[None] for m in mixed])
    theirs = stats.sobol_indices(func=values, n=1024)
    first, total, _ = sobol_indices(ishigami, 3, samples=1024, seed=1)
    np.testing.assert_allclose(first, np.ravel(theirs.first_order), rtol=1e-9)
    np.testing.assert_allclose(total, np.ravel(theirs.total_order), rtol=1e-9)


def test_a_constant_has_no_indices() -> None:
    first, total, sd = sobol_indices(lambda u: np.full(len(u), 7.0), 2, samples=16)
    assert np.isnan([*first, *total]).all()
    assert sd == 0


def test_indices_of_totals_are_shares_of_variance() -> None:
    """One error a component: var_i/Σvar of the totals by area, worked out apart."""
    losses, area = case()
    sds = {"conversion": 0.3, "erosion": 0.5, "drained_organic": 0.2}
    out = sensitivity(losses, area, inputs=sds, distribution="normal", draws=2, sobol_samples=4096)
    valid = losses["loss_total"].notnull()
    totals = {n: float((losses[f"loss_{n}"] * area).where(valid).sum()) for n in sds}
    assert out["totals"] == pytest.approx(totals)
    variance = {n: (sds[n] * totals[n]) ** 2 for n in sds}
    for name, value in variance.items():
        share = value / sum(variance.values())
        assert out["sobol_first"][name] == pytest.approx(share, abs=0.02)
        assert out["sobol_total"][name] == pytest.approx(share, abs=0.02)
    assert out["total_sd"] == pytest.approx(math.sqrt(sum(variance.values())), rel=0.02)


def test_inputs_that_multiply_interact() -> None:
    losses, area = case()
    inputs = {
        "soc": UncertainInput(0.6, ("conversion", "erosion")),
        "lost_share": UncertainInput(0.8, ("erosion",)),
    }
    out = sensitivity(losses, area, inputs=inputs, draws=2)
    assert out["sobol_total"]["lost_share"] > out["sobol_first"]["lost_share"] + 0.01
    assert 0.9 < sum(out["sobol_first"].values()) < 1


# ---------------------------------------------------------------- membership


def test_same_seed_same_numbers_and_missing_cells_stay_missing() -> None:
    losses, area = case()
    one, two = (sensitivity(losses, area, **QUICK) for _ in range(2))
    for name in ("stability_errors", "stability_weights"):
        xr.testing.assert_identical(one[name], two[name])
        assert one[name].isnull().sum() == 3
        assert (one[name].isnull() == losses["loss_total"].isnull()).all()
        assert float(one[name].min()) >= 0
        assert float(one[name].max()) <= 1
    assert {k: v for k, v in one.items() if not k.startswith("stability")} == {
        k: v for k, v in two.items() if not k.startswith("stability")
    }
    other = sensitivity(losses, area, seed=2, **QUICK)
    assert not one["stability_weights"].equals(other["stability_weights"])
    assert one["cells"] == 297


def test_membership_over_weights_against_a_loop() -> None:
    losses, area = case()
    out = sensitivity(losses, area, **QUICK)
    valid = losses["loss_total"].notnull().values
    parts = [
        losses[f"loss_{n}"].values[valid] for n in ("conversion", "erosion", "drained_organic")
    ]
    a = area.values[valid]
    rng = np.random.default_rng(1)
    rng.random((20, len(out["inputs"])))
    count = np.zeros(a.size)
    for _ in range(20):
        w = 3 * rng.dirichlet([1, 1, 1])
        loss = sum(wi * p for wi, p in zip(w, parts, strict=True))
        covered = 0.0
        for i in np.argsort(-loss, kind="stable"):
            covered += a[i]
            tied = loss >= loss[i] * (1 - 1e-12)
            if a[tied].sum() <= 0.1 * a.sum():
                count[i] += 1
            else:
                break
    np.testing.assert_allclose(out["stability_weights"].values[valid], count / 20)


def test_without_errors_membership_is_certain() -> None:
    losses, area = case()
    none = {"conversion": 0.0, "erosion": 0.0}
    out = sensitivity(losses, area, inputs=none, **QUICK)
    assert set(np.unique(out["stability_errors"].values[1:])) == {0.0, 1.0}
    assert out["stable_share_errors"] == 1
    hot = float(area.where(out["stability_errors"] == 1).sum())
    assert hot == pytest.approx(out["hot_area_ha"])
    assert hot <= 0.1 * out["area_ha"]
    assert all(math.isnan(v) for v in out["sobol_first"].values())


def test_one_component_is_deaf_to_shared_errors_but_not_to_each_cells_own() -> None:
    losses, area = case()
    one = {"conversion": losses["loss_conversion"]}
    shared = sensitivity(one, area, **QUICK)
    assert shared["stable_share_errors"] == 1
    own = sensitivity(one, area, cell_sd=0.5, **QUICK)
    assert own["stable_share_errors"] < 1
    inside = own["stability_errors"].values
    assert ((inside > 0) & (inside < 1)).any()


@settings(max_examples=15, deadline=None)
@given(scale=st.floats(1e-3, 1e3), seed=st.integers(0, 50), steps=st.booleans())
def test_another_unit_changes_no_membership(scale: float, seed: int, steps: bool) -> None:
    """Nor with values in steps, where ties must stay ties."""
    losses, area = case(seed, (6, 20))
    parts = {k: v for k, v in losses.items() if k[5:] in ("conversion", "erosion")}
    if steps:
        parts = {k: v.round(1) for k, v in parts.items()}
    one = sensitivity(parts, area, **QUICK)
    two = sensitivity({k: v * scale for k, v in parts.items()}, area, **QUICK)
    for name in ("stability_errors", "stability_weights"):
        xr.testing.assert_equal(one[name], two[name])
    assert one["jaccard"] == two["jaccard"]
    assert one["spearman"] == pytest.approx(two["spearman"], abs=0.02)
    assert two["total"] == pytest.approx(scale * one["total"], rel=1e-9)


# ---------------------------------------------------------------- leaving out, ranks


def test_leaving_out_a_component_by_hand() -> None:
    """Ten equal cells, top fifth: with both {0, 1}, without erosion {0, 2}, without the other {1}.

    Jaccard without erosion |{0}|/|{0,1,2}| = 1/3; without conversion {1, 3}: 1/3.
    """
    conversion = xr.DataArray([5, 0.4, 1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], dims="cell")
    erosion = xr.DataArray([0.0, 4, 0, 1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], dims="cell")
    out = sensitivity(
        {"conversion": conversion, "erosion": erosion},
        xr.full_like(erosion, 100.0),
        top_share=0.2,
        **QUICK,
    )
    assert out["jaccard"] == pytest.approx({"conversion": 1 / 3, "erosion": 1 / 3})
    assert out["hot_area_ha"] == 200
    for name, layer in (("conversion", conversion), ("erosion", erosion)):
        expected = spearmanr(layer, conversion + erosion).statistic
        assert out["spearman"][name] == pytest.approx(expected)


def test_nothing_lost_is_never_hot() -> None:
    area = np.ones(10)
    assert not hot_cells(np.zeros(10), area).any()
    few = np.zeros(10)
    few[3] = 1.0
    assert list(np.flatnonzero(hot_cells(few, area, 1.0))) == [3]
    assert not hot_cells(np.full(10, np.nan), area).any()


def test_a_component_of_nothing_has_no_rank_correlation() -> None:
    erosion = xr.DataArray(np.arange(10.0), dims="cell")
    out = sensitivity({"erosion": erosion, "warming": 0 * erosion}, xr.ones_like(erosion), **QUICK)
    assert math.isnan(out["spearman"]["warming"])
    assert out["spearman"]["erosion"] == pytest.approx(1)
    assert out["jaccard"]["warming"] == 1


def test_chunked_equals_in_memory() -> None:
    losses, area = case()
    plain = sensitivity(losses, area, **QUICK)
    lazy = sensitivity(losses.chunk({"y": 5}), area.chunk({"x": 7}), **QUICK)
    xr.testing.assert_identical(plain["stability_errors"], lazy["stability_errors"])
    assert plain["sobol_first"] == lazy["sobol_first"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"distribution": "gamma"}, "distribution is 'gamma'"),
        ({"top_share": 10}, "top_share is 10"),
        ({"draws": 0}, "draws is 0"),
        ({"cell_sd": 30}, "cell_sd is 30"),
        ({"inputs": {"erosions": 0.3}}, "did you mean erosion"),
        ({"inputs": {"erosion": 30}}, "relative sd of 'erosion' is 30"),
        ({"inputs": {"warming": 0.3}}, "none that acts on a component given"),
        ({"components": {"erosions": xr.DataArray([1.0], dims="cell")}}, "did you mean erosion"),
        ({"components": xr.Dataset()}, "components holds none of"),
    ],
)
def test_wrong_use_is_told(given: dict[str, Any], told: str) -> None:
    losses, area = case()
    with pytest.raises(BadInputError, match=told):
        sensitivity(**{"components": losses, "area": area, **QUICK} | given)


def test_no_cell_with_all_components_is_told() -> None:
    losses, area = case()
    with pytest.raises(BadInputError, match="No cell has an area and all components"):
        sensitivity(losses, area * np.nan, **QUICK)
