"""Several potentials side by side, against a plain loop over cells."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from hotspots.analysis.potential.ensemble import ensemble
from hotspots.errors import BadInputError, GridMismatchError
from hotspots.layers.variables import EVIDENCE, classes_of

NAN = np.nan
VALUES = st.one_of(st.just(NAN), st.floats(-1, 3, allow_subnormal=False))


def row(*values: float, **attrs: Any) -> xr.DataArray:
    coords = {"y": [45.5], "x": 10.5 + np.arange(len(values))}
    return xr.DataArray([list(values)], dims=("y", "x"), coords=coords, attrs=attrs)


def test_cells_by_hand() -> None:
    """Threshold 0.2, inclusive.

    ::

        cell         all above  2 of 3  1 of 2  all below  one method  none
        a               0.2      0.1     0.1       0.1        0.5       –
        b               0.4      0.3      –        0.0         –        –
        c               0.9      0.5     0.5       0.1         –        –
    """
    out = ensemble(
        methods={
            "a": row(0.2, 0.1, 0.1, 0.1, 0.5, NAN, units="t ha-1 yr-1", depth_cm="0-30"),
            "b": row(0.4, 0.3, NAN, 0.0, NAN, NAN),
            "c": row(0.9, 0.5, 0.5, 0.1, NAN, NAN),
        },
        threshold=0.2,
    )
    np.testing.assert_allclose(out["potential_median"], [[0.4, 0.3, 0.3, 0.1, 0.5, NAN]])
    np.testing.assert_allclose(out["potential_lowest"], [[0.2, 0.1, 0.1, 0.0, 0.5, NAN]])
    np.testing.assert_allclose(out["potential_highest"], [[0.9, 0.5, 0.5, 0.1, 0.5, NAN]])
    np.testing.assert_array_equal(out["methods_known"], [[3, 3, 2, 3, 1, 0]])
    np.testing.assert_array_equal(out["methods_agree"], [[3, 2, 1, 0, 1, NAN]])
    np.testing.assert_array_equal(out["evidence"], [[1, 1, 3, 2, 3, 0]])
    assert classes_of(out["evidence"]) == EVIDENCE
    assert out["potential_median"].attrs["depth_cm"] == "0-30"
    assert out["potential_median"].attrs["methods"] == "a b c"


def test_choices_change_what_is_enough() -> None:
    methods = {"a": row(0.1, 0.5), "b": row(0.3, NAN), "c": row(0.9, NAN)}

    def evidence(**choice: Any) -> list[int]:
        return ensemble(methods=methods, threshold=0.2, **choice)["evidence"].values[0].tolist()

    assert evidence() == [1, 3]
    assert evidence(min_methods=1) == [1, 1]
    assert evidence(min_agreement=0.9) == [3, 3]
    assert evidence(max_spread=0.5, min_methods=1) == [3, 1]
    assert evidence(max_spread=0.8) == [1, 3]


@given(
    values=st.lists(VALUES, min_size=1, max_size=5),
    threshold=st.floats(0, 1),
    least=st.integers(1, 4),
    agreement=st.sampled_from([0.51, 2 / 3, 0.75, 1.0]),
)
def test_plain_twin(values: list[float], threshold: float, least: int, agreement: float) -> None:
    out = ensemble(
        methods={f"m{i}": v for i, v in enumerate(values)},
        threshold=threshold,
        min_methods=least,
        min_agreement=agreement,
    )
    known = [v for v in values if v == v]
    above = sum(v >= threshold for v in known)
    assert out["methods_known"].item() == len(known)
    if not known:
        assert out["evidence"].item() == 0
        assert np.isnan(out["potential_median"].item())
        return
    assert out["potential_median"].item() == pytest.approx(statistics.median(known))
    assert out["potential_lowest"].item() == min(known)
    assert out["potential_highest"].item() == max(known)
    assert out["methods_agree"].item() == above
    share = max(above, len(known) - above) / len(known)
    if len(known) < least or share < agreement - 1e-9:
        expected = "not_enough_evidence"
    else:
        expected = "above_threshold" if above > len(known) - above else "below_threshold"
    assert EVIDENCE[out["evidence"].item()] == expected


@given(values=st.lists(VALUES, min_size=2, max_size=5), factor=st.sampled_from([0.5, 2.0, 8.0]))
def test_order_and_unit_change_nothing(values: list[float], factor: float) -> None:
    def of(numbers: list[float], threshold: float) -> xr.Dataset:
        methods = {f"m{i}": v for i, v in enumerate(numbers)}
        return ensemble(methods=methods, threshold=threshold)

    one, turned = of(values, 0.25), of(values[::-1], 0.25)
    scaled = of([v * factor for v in values], 0.25 * factor)
    xr.testing.assert_equal(one, turned)
    np.testing.assert_array_equal(one["evidence"], scaled["evidence"])
    np.testing.assert_allclose(scaled["potential_median"], one["potential_median"] * factor)


def test_in_chunks_it_is_as_in_memory() -> None:
    rng = np.random.default_rng(2)
    layers = {}
    for name in "abc":
        values = rng.uniform(0, 1, (8, 9))
        values[rng.random((8, 9)) < 0.3] = NAN
        layers[name] = xr.DataArray(values, dims=("y", "x"))
    whole = ensemble(methods=layers, threshold=0.3, max_spread=0.6)
    chunked = {name: layer.chunk({"y": 3, "x": 4}) for name, layer in layers.items()}
    lazy = ensemble(methods=chunked, threshold=0.3, max_spread=0.6)
    assert all(layer.chunks is not None for layer in lazy.values())
    xr.testing.assert_identical(lazy.compute(), whole)
    bare = ensemble(
        methods={n: layer.values for n, layer in layers.items()}, threshold=0.3, max_spread=0.6
    )
    np.testing.assert_array_equal(bare["evidence"], whole["evidence"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"methods": {}}, "methods is empty"),
        ({"methods": {"deficit": row(20.0, units="t ha-1")}}, "'deficit' is in 't ha-1'"),
        (
            {"methods": {"a": row(0.1, depth_cm="0-30"), "b": row(0.1, depth_cm="0-100")}},
            "different depths",
        ),
        ({"threshold": NAN}, "threshold is nan"),
        ({"min_methods": 0}, "min_methods is 0"),
        ({"min_agreement": 67}, "min_agreement is 67"),
        ({"min_agreement": 0.5}, "min_agreement is 0.5"),
        ({"max_spread": -1}, "max_spread is -1"),
    ],
)
def test_wrong_use_is_told(change: dict[str, Any], told: str) -> None:
    kept: dict[str, Any] = {"methods": {"a": row(0.1)}, "threshold": 0.2}
    with pytest.raises(BadInputError, match=told):
        ensemble(**(kept | change))


def test_layers_on_unlike_coordinates_are_refused() -> None:
    with pytest.raises(GridMismatchError, match="same coordinates"):
        ensemble(methods={"a": row(0.1, 0.2), "b": row(0.1)}, threshold=0.2)
