"""Irrecoverability, time to a tenth, the response to a loss, and converging evidence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspots.analysis.elementwise import class_codes
from hotspots.analysis.loss.convergence import converging_evidence
from hotspots.analysis.loss.ldn_response import (
    ResponseThresholds,
    irrecoverable,
    loss_over_horizon,
    recovery_time,
    response_class,
    years_to_lose_tenth,
)
from hotspots.errors import BadInputError, GridMismatchError
from hotspots.layers.variables import DEGRADATION, LOSS_COMPONENTS, describe

NAN, INF = math.nan, math.inf
NUMBER = st.floats(0, 300) | st.just(NAN)


def row(*values: float, **attrs: str) -> xr.DataArray:
    coords = {"y": [45.5], "x": 10.5 + np.arange(len(values))}
    return xr.DataArray([list(values)], dims=("y", "x"), coords=coords, attrs=attrs)


# ---------------------------------------------------------------- can it be won back


def test_irrecoverable_by_hand() -> None:
    # 1.5 t/ha/yr over 20 years: 30 t; regained at 0.4 t/ha/yr in 30 years: 12 t, in 75: all.
    lost = loss_over_horizon(loss_total=1.5)
    assert lost == 30
    assert irrecoverable(lost=lost, attainable_rate=0.4) == pytest.approx(18)
    assert recovery_time(lost=lost, attainable_rate=0.4) == pytest.approx(75)
    assert irrecoverable(lost=lost, attainable_rate=1.0) == 0
    assert loss_over_horizon(loss_total=1.5, soc_stock=20.0) == 20
    assert loss_over_horizon(loss_total=1.5, years=10) == 15


@given(lost=NUMBER, rate=st.floats(0, 5) | st.just(NAN))
def test_irrecoverable_is_what_recovery_leaves(lost: float, rate: float) -> None:
    left = irrecoverable(lost=lost, attainable_rate=rate)
    years = recovery_time(lost=lost, attainable_rate=rate)
    if math.isnan(lost) or math.isnan(rate):
        assert math.isnan(left)
        assert math.isnan(years)
        return
    assert left == max(0.0, lost - rate * 30)
    if left > 1e-9:
        assert years > 30
    if lost == 0:
        assert years == 0
    elif rate == 0:
        assert years == INF
    else:
        assert years == pytest.approx(lost / rate)


@given(stock=NUMBER, loss=st.floats(0, 50) | st.just(NAN))
def test_years_to_lose_a_tenth(stock: float, loss: float) -> None:
    years = years_to_lose_tenth(soc_stock=stock, loss_total=loss)
    if math.isnan(stock) or math.isnan(loss) or stock == 0:
        assert math.isnan(years)
    elif loss == 0:
        assert years == INF
    else:
        assert years == pytest.approx(0.1 * stock / loss)


def test_layers_have_names_units_and_depth() -> None:
    stock, loss = row(80, NAN, 80, 0, depth_cm="0-30"), row(0.4, 0.4, 0, 0)
    years = years_to_lose_tenth(soc_stock=stock, loss_total=loss)
    np.testing.assert_array_equal(years.values, [[20, NAN, INF, NAN]])
    assert (years.name, years.attrs["units"]) == ("years_to_lose_tenth", "yr")
    assert years.attrs["depth_cm"] == "0-30"
    lost = loss_over_horizon(loss_total=loss, soc_stock=stock)
    assert lost.attrs["units"] == "t ha-1"
    never = irrecoverable(lost=lost, attainable_rate=row(0.1, 0.1, 0.1, NAN))
    np.testing.assert_allclose(never.values, [[5, NAN, 0, NAN]])
    assert (never.name, never.attrs["units"]) == ("irrecoverable", "t ha-1")
    chunks = {"x": 2}
    lazy = years_to_lose_tenth(soc_stock=stock.chunk(chunks), loss_total=loss.chunk(chunks))
    assert lazy.chunks
    xr.testing.assert_identical(years, lazy.compute())


# ---------------------------------------------------------------- what answers it

# loss, main component, irrecoverable, deficit, gain -> class
DECISIONS = [
    ((0.5, "conversion", 0, 0, 0.5), "avoid"),
    ((0.5, "drained_organic", NAN, NAN, NAN), "avoid"),
    ((0.5, "erosion", 5, 0, 0.5), "avoid"),
    ((0.1, "erosion", 0, 30, 0.5), "reduce"),
    ((0.5, "disequilibrium", 0.9, NAN, NAN), "reduce"),
    ((0.5, "warming", 0, 0, 0), "reduce"),
    ((0.5, "warming", NAN, 0, 0), "nodata"),
    ((0.5, "nodata", 0, 30, 0.5), "nodata"),
    ((0.5, "nodata", 5, 30, 0.5), "avoid"),
    ((0.05, "erosion", 0, 30, 0.5), "reverse"),
    ((0.0, "nodata", NAN, 10, 0.2), "reverse"),
    ((0.05, "conversion", 0, 30, 0.1), "nodata"),
    ((0.05, "conversion", 0, 5, 0.5), "nodata"),
    ((0.05, "conversion", 0, NAN, 0.5), "nodata"),
    ((0.05, "conversion", 0, 30, NAN), "nodata"),
    ((NAN, "conversion", 5, 30, 0.5), "nodata"),
    ((NAN, "nodata", NAN, NAN, NAN), "nodata"),
]
NAMES = ("loss_total", "main_component", "irrecoverable", "historic_deficit", "attainable_rate")


@pytest.mark.parametrize(("given", "told"), DECISIONS)
def test_decision_table(given: tuple[Any, ...], told: str) -> None:
    assert response_class(**dict(zip(NAMES, given, strict=True))) == told


def test_decision_table_on_layers_and_in_chunks() -> None:
    codes = {name: code for code, name in LOSS_COMPONENTS.items()} | {"nodata": 0}
    columns = list(zip(*(case for case, _ in DECISIONS), strict=True))
    columns[1] = [codes[name] for name in columns[1]]
    layers = {name: row(*values) for name, values in zip(NAMES, columns, strict=True)}
    layers["main_component"] = describe(
        layers["main_component"].astype("uint8"), "loss_main_component"
    )
    out = response_class(**layers)
    meanings = ["nodata", *out.attrs["flag_meanings"].split()]
    assert [meanings[c] for c in out.values.ravel()] == [told for _, told in DECISIONS]
    assert (out.name, str(out.dtype)) == ("response_class", "uint8")
    lazy = response_class(**{k: v.chunk({"x": 5}) for k, v in layers.items()})
    assert lazy.chunks
    xr.testing.assert_identical(out, lazy.compute())


def test_thresholds_of_nothing_call_for_nothing() -> None:
    still = dict(zip(NAMES, (0.0, "nodata", 0.0, 0.0, 0.0), strict=True))
    assert response_class(**still, thresholds=ResponseThresholds(0, 0, 0, 0)) == "nodata"


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: irrecoverable(lost=-1.0, attainable_rate=0.1), "lost has the value -1"),
        (lambda: irrecoverable(lost=1.0, attainable_rate=-0.1), "attainable_rate has the value"),
        (lambda: irrecoverable(lost=1.0, attainable_rate=0.1, recovery_years=0), "recovery_years"),
        (lambda: loss_over_horizon(loss_total=1.0, years=0), "years is 0"),
        (lambda: years_to_lose_tenth(soc_stock=-5.0, loss_total=1.0), "soc_stock has the value"),
        (lambda: years_to_lose_tenth(soc_stock=5.0, loss_total=-1.0), "losses are positive"),
        (
            lambda: response_class(
                loss_total=1.0,
                main_component="erosionn",
                irrecoverable=0.0,
                historic_deficit=0.0,
                attainable_rate=0.0,
            ),
            "mean erosion",
        ),
        (
            lambda: response_class(
                loss_total=1.0,
                main_component="erosion",
                irrecoverable=0.0,
                historic_deficit=0.0,
                attainable_rate=0.0,
                thresholds=ResponseThresholds(loss=NAN),
            ),
            "loss_threshold is nan",
        ),
    ],
)
def test_wrong_use_is_told(call: Any, told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        call()


# ---------------------------------------------------------------- evidence


def sdg(*codes: int) -> xr.DataArray:
    assert max(codes) <= max(DEGRADATION)
    return describe(row(*codes).astype("uint8"), "sdg_soc_class")


def test_evidence_by_hand() -> None:
    out = converging_evidence(
        {
            "loss_total": (row(0.1, 0.05, NAN, NAN, units="t ha-1 yr-1"), 0.1),
            "soc_trend": (row(-0.2, -0.05, -0.3, NAN), -0.1, "below"),
            "sdg": (sdg(1, 2, 0, 0), "degraded"),
        }
    )
    np.testing.assert_array_equal(out["evidence_count"], [[3, 0, 1, NAN]])
    np.testing.assert_array_equal(out["evidence_known"], [[3, 3, 1, 0]])
    np.testing.assert_array_equal(out["evidence_sdg"], [[1, 0, NAN, NAN]])
    np.testing.assert_array_equal(out["evidence_soc_trend"], [[1, 0, 1, NAN]])
    assert out["evidence_count"].attrs["indicators"] == (
        "loss_total: at least 0.1 t ha-1 yr-1; soc_trend: at most -0.1; sdg: degraded"
    )
    both = converging_evidence({"sdg": (sdg(1, 2, 3, 0), ["degraded", "stable"])})
    np.testing.assert_array_equal(both["evidence_count"], [[1, 1, 0, NAN]])


@given(
    values=st.lists(st.lists(NUMBER, min_size=4, max_size=4), min_size=1, max_size=6),
    threshold=st.floats(0, 300),
)
def test_count_is_that_of_a_plain_loop(values: list[list[float]], threshold: float) -> None:
    out = converging_evidence({f"i{k}": (row(*v), threshold) for k, v in enumerate(values)})
    for cell in range(4):
        known = [v[cell] for v in values if not math.isnan(v[cell])]
        assert out["evidence_known"].values[0, cell] == len(known)
        count = out["evidence_count"].values[0, cell]
        if known:
            assert count == len([v for v in known if v >= threshold])
        else:
            assert math.isnan(count)


def test_evidence_in_chunks_and_of_scalars() -> None:
    given = {"a": (row(1, 2, NAN, 4), 2.0), "b": (sdg(1, 2, 3, 0), "degraded")}
    lazy = converging_evidence({k: (v.chunk({"x": 2}), t) for k, (v, t) in given.items()})
    assert lazy["evidence_count"].chunks
    xr.testing.assert_identical(converging_evidence(given), lazy.compute())
    assert float(converging_evidence({"a": (3.0, 2.0), "b": (1.0, 2.0)})["evidence_count"]) == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "0 indicators were given"),
        ({"a": (row(1), 2.0, "over")}, "The side of 'a' is 'over'; allowed are above and below"),
        ({"a": (row(1), "degraded")}, "The threshold of 'a' is 'degraded'; it must be a number"),
        ({"a": (row(1), NAN)}, "The threshold of 'a' is nan"),
        ({"a": (sdg(1), "degradde")}, "did you mean degraded"),
        ({"count": (row(1), 2.0)}, "'count' can't name an indicator"),
    ],
)
def test_wrong_indicators_are_told(given: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        converging_evidence(given)


def test_indicators_on_unlike_grids_are_refused() -> None:
    with pytest.raises(GridMismatchError, match="same coordinates"):
        converging_evidence({"a": (row(1), 2.0), "b": (row(1, 2), 2.0)})


@settings(max_examples=60, deadline=None)
@given(
    legend=st.dictionaries(
        st.integers(-100, 400), st.from_regex(r"[a-z]{1,8}", fullmatch=True), min_size=1, max_size=6
    ).filter(lambda found: len(set(found.values())) == len(found)),
    pick=st.integers(0, 5),
)
def test_any_legend_is_counted_by_its_names(legend: dict[int, str], pick: int) -> None:
    """Also with 0 as a class, with negative codes, and with codes above 255."""
    codes = list(legend)
    chosen = codes[pick % len(codes)]
    missing = -128 if 0 in legend else 0
    layer = xr.DataArray(np.array([*codes, missing], dtype="int32"), dims="x")
    layer.attrs = {"flag_values": codes, "flag_meanings": " ".join(legend.values())}
    found = converging_evidence({"use": (layer, legend[chosen])})["evidence_use"]
    np.testing.assert_array_equal(found[:-1], [float(code == chosen) for code in codes])
    assert np.isnan(found[-1])


@pytest.mark.parametrize("code", [np.inf, -np.inf, 1e300, 2.5])
def test_a_number_that_is_no_code_is_refused(code: float) -> None:
    with pytest.raises(BadInputError, match="isn't a known zone"):
        class_codes(np.array([1.0, code]), {1: "wet", 2: "dry"}, "zone")


def test_a_class_0_of_ones_own_legend_is_a_class() -> None:
    layer = xr.DataArray(np.array([0, 1, -128], dtype="int8"), dims="x")
    layer.attrs = {"flag_values": [0, 1], "flag_meanings": "wet dry"}
    found = class_codes(layer, {1: "dry", 2: "wet"}, "zone")
    assert found.values.tolist() == [2, 1, 0]
