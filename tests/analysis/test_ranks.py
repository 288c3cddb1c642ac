"""Ranks over draws: by hand, by a plain loop, and what must hold of any table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspots.analysis.uncertainty.ranks import rank_interval, stable_top_k
from hotspots.errors import BadInputError


def rank_of(region: int, draw: np.ndarray, member: np.ndarray) -> int:
    """1 + the number of regions of the group that have more."""
    return 1 + sum(draw[j] > draw[region] for j in range(len(draw)) if member[j])


def test_by_hand() -> None:
    """Three regions in four draws; the second and third change places once, and tie once."""
    totals = pd.DataFrame([[9.0, 5, 4], [9, 4, 5], [9, 5, 5], [9, 6, 1]], columns=list("abc"))
    found = rank_interval(totals, level=0.8)
    assert found.loc["a"].tolist() == [1, 1, 1]
    assert found.loc["b"].tolist() == [2, 2, 3]
    assert found.loc["c"].tolist() == [2, 2, 3]
    top = stable_top_k(totals, 2, probability=0.75)
    assert top["top_share"].to_dict() == {"a": 1.0, "b": 0.75, "c": 0.5}
    assert top["stable"].to_dict() == {"a": True, "b": True, "c": False}
    assert stable_top_k(totals, 2)["stable"].to_dict() == {"a": True, "b": False, "c": False}


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 9))
def test_as_a_plain_loop_says(seed: int, draws: int, regions: int) -> None:
    rng = np.random.default_rng(seed)
    totals = rng.integers(0, 6, (draws, regions)).astype(float)
    groups = rng.integers(0, 2, regions)
    found = rank_interval(totals, level=0.6, groups=groups)
    top = stable_top_k(totals, 1, groups=groups)
    for i in range(regions):
        ranks = sorted(rank_of(i, draw, groups == groups[i]) for draw in totals)
        # The first rank that at least the share p of the draws doesn't exceed.
        wanted = [
            next(r for n, r in enumerate(ranks, 1) if n >= p * draws - 1e-9)
            for p in (0.5, 0.2, 0.8)
        ]
        assert found.loc[i].tolist() == wanted
        assert top["top_share"][i] == pytest.approx(np.mean([r == 1 for r in ranks]))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_what_holds_of_any_table(seed: int) -> None:
    """Bounds in order; scaling changes no rank; at least k regions' worth of top places."""
    rng = np.random.default_rng(seed)
    totals = rng.normal(size=(30, 8))
    found = rank_interval(totals)
    assert (found["rank_low"] <= found["rank_median"]).all()
    assert (found["rank_median"] <= found["rank_high"]).all()
    assert found["rank_low"].min() >= 1
    assert found["rank_high"].max() <= 8
    pd.testing.assert_frame_equal(found, rank_interval(totals * 3 + 1))
    inside = [
        np.mean(
            [
                found["rank_low"][i] <= rank_of(i, d, np.ones(8)) <= found["rank_high"][i]
                for d in totals
            ]
        )
        for i in range(8)
    ]
    assert min(inside) >= 0.9
    assert stable_top_k(totals, 3)["top_share"].sum() == pytest.approx(3)
    assert stable_top_k(totals, 8)["stable"].all()


def test_a_region_without_values_has_no_rank_and_takes_none() -> None:
    totals = np.array([[np.nan, 5.0, 4.0], [7, 4, 5], [8, 6, 5]])
    found = rank_interval(totals)
    assert found.loc[0].isna().all()
    assert found["rank_low"][1] == 1
    top = stable_top_k(totals, 1, probability=0.5)
    assert np.isnan(top["top_share"][0])
    assert top["stable"].tolist() == [False, True, False]
    assert rank_interval(np.full((2, 2), np.nan)).isna().all(axis=None)


def test_certain_totals_have_one_rank() -> None:
    found = rank_interval(np.tile([3.0, 1.0, 2.0], (5, 1)))
    assert found["rank_low"].tolist() == found["rank_high"].tolist() == [1, 3, 2]


def test_wrong_use_is_told() -> None:
    table = np.ones((3, 2))
    with pytest.raises(BadInputError, match="level is 90"):
        rank_interval(table, level=90)
    with pytest.raises(BadInputError, match="a row per draw"):
        rank_interval(np.ones(3))
    with pytest.raises(BadInputError, match="at least one of each"):
        stable_top_k(np.ones((0, 3)), 1)
    with pytest.raises(BadInputError, match="k is 3; allowed is 1 to 2"):
        stable_top_k(table, 3)
    with pytest.raises(BadInputError, match="probability is 80"):
        stable_top_k(table, 1, probability=80)
    with pytest.raises(BadInputError, match="one for each of 2"):
        rank_interval(table, groups=np.ones(3))
