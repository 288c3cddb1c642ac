"""The five losses by hand and by a plain twin, and their sum after the overlap rules."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from hotspots.analysis.elementwise import common_depth
from hotspots.analysis.loss.components import (
    loss_conversion,
    loss_disequilibrium,
    loss_drained_organic,
    loss_erosion,
    loss_erosion_gross,
    loss_warming,
    loss_warming_modelled,
)
from hotspots.analysis.loss.total import loss_total
from hotspots.errors import BadInputError, GridMismatchError
from hotspots.layers.variables import LOSS_COMPONENTS, VARIABLES

NAMES = tuple(LOSS_COMPONENTS.values())
LOSS = st.floats(0, 50)
SHARE = st.floats(0, 1)
# function, arguments by hand, expected
CASES: list[tuple[Callable[..., Any], dict[str, float], float]] = [
    # 1 % a year of 80 t/ha that falls to 0.69
    (loss_conversion, {"soc_stock": 80, "factor": 0.69, "conversion_rate": 0.01}, 0.248),
    (loss_disequilibrium, {"soc_stock": 60, "soc_bau": 54}, 0.3),
    # 10 t of soil at 20 g/kg: 0.2 t C moved, a fifth lost
    (loss_erosion, {"soil_erosion": 10, "soc": 20}, 0.04),
    (loss_erosion_gross, {"soil_erosion": 10, "soc": 20, "enrichment": 1.5}, 0.3),
    (loss_warming_modelled, {"soc_bau": 54, "soc_warm": 52, "years": 10}, 0.2),
    (loss_drained_organic, {"drained_share": 0.25, "emission_factor": 7.9}, 1.975),
]
# 40 t/ha at 0.05 a year, 1 degC, Q10 = 2: 2·(2^0.1 − 1)
WARM = {"soc_active": 40.0, "decay_rate": 0.05, "warming": 1.0, "q10": 2.0}
CASES.append((loss_warming, WARM, 2 * (2**0.1 - 1)))


def row(*values: float, **attrs: str) -> xr.DataArray:
    coords = {"y": [45.5], "x": 10.5 + np.arange(len(values))}
    return xr.DataArray([list(values)], dims=("y", "x"), coords=coords, attrs=attrs)


def parts_of(out: xr.Dataset) -> list[xr.DataArray]:
    return [out[f"loss_{n}"] for n in NAMES if f"loss_{n}" in out]


# ---------------------------------------------------------------- the components


@pytest.mark.parametrize(("function", "given", "expected"), CASES)
def test_by_hand_as_scalar_array_and_layer(
    function: Callable[..., Any], given: dict[str, float], expected: float
) -> None:
    assert function(**given) == pytest.approx(expected, rel=1e-12)
    arrays = {k: np.array([[v, v]]) for k, v in given.items() if k != "years"}
    rest = {k: v for k, v in given.items() if k == "years"}
    np.testing.assert_allclose(function(**arrays, **rest), [[expected] * 2])
    layers = {k: row(v, v) for k, v in given.items() if k != "years"}
    out = function(**layers, **rest)
    name = function.__name__.removesuffix("_modelled")
    assert out.name == name
    assert out.attrs["units"] == "t ha-1 yr-1"
    lazy = function(**{k: v.chunk({"x": 1}) for k, v in layers.items()}, **rest)
    assert lazy.chunks
    xr.testing.assert_identical(out, lazy.compute())


@pytest.mark.parametrize(("function", "given", "expected"), CASES)
def test_any_missing_input_gives_a_missing_loss(
    function: Callable[..., Any], given: dict[str, float], expected: float
) -> None:
    for name in given:
        if name != "years":
            assert math.isnan(function(**given | {name: math.nan})), name


def test_a_factor_is_needed_only_where_something_is_converted_or_drained() -> None:
    out = loss_conversion(
        soc_stock=row(80, 80, np.nan, 80),
        factor=row(np.nan, 0.5, 0.5, 0.5),
        conversion_rate=row(0, 0, 0, np.nan),
    )
    np.testing.assert_array_equal(out.values, [[0, 0, np.nan, np.nan]])
    drained = loss_drained_organic(drained_share=row(0, 0.1), emission_factor=row(np.nan, np.nan))
    np.testing.assert_array_equal(drained.values, [[0, np.nan]])


def test_a_gain_is_no_negative_loss() -> None:
    assert loss_conversion(soc_stock=80.0, factor=1.2, conversion_rate=0.1) == 0
    assert loss_disequilibrium(soc_stock=50.0, soc_bau=55.0) == 0
    assert loss_warming(soc_active=40.0, decay_rate=0.05, warming=-1.0) == 0
    assert loss_warming_modelled(soc_bau=50.0, soc_warm=51.0) == 0


def test_share_converted_over_the_last_years_is_spread_over_them() -> None:
    yearly = loss_conversion(soc_stock=80.0, factor=0.69, conversion_rate=0.01)
    spread = loss_conversion(soc_stock=80.0, factor=0.69, conversion_rate=0.2, over_years=20)
    assert spread == pytest.approx(yearly, rel=1e-12)


@given(erosion=st.floats(0, 500), soc=st.floats(0, 120), ratio=st.floats(0.8, 2.5), share=SHARE)
def test_gross_erosion_is_what_is_lost_at_a_share_of_one(
    erosion: float, soc: float, ratio: float, share: float
) -> None:
    given = {"soil_erosion": erosion, "soc": soc, "enrichment": ratio}
    gross = loss_erosion_gross(**given)
    assert loss_erosion(**given, lost_share=1.0) == gross
    assert loss_erosion(**given, lost_share=share) <= gross
    # The twin by mass: kg of carbon in the sediment.
    kilograms = erosion * 1000 * soc / 1000 * ratio
    assert gross == pytest.approx(kilograms / 1000, rel=1e-12)


@given(k=st.floats(0.001, 1), rise=st.floats(0, 5), q10=st.floats(1.6, 2.7))
def test_warming_is_the_growth_of_decay(k: float, rise: float, q10: float) -> None:
    loss = loss_warming(soc_active=40.0, decay_rate=k, warming=rise, q10=q10)
    faster = k * math.exp(math.log(q10) * rise / 10)
    assert loss == pytest.approx(40 * faster - 40 * k, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("function", "given", "told"),
    [
        (
            loss_conversion,
            {"soc_stock": 80, "factor": 0.69, "conversion_rate": 3},
            "conversion_rate has the value 3; allowed is a fraction",
        ),
        (
            loss_conversion,
            {"soc_stock": 80, "factor": 69, "conversion_rate": 0.1},
            "factor has the value 69; .* divide percent by 100",
        ),
        (
            loss_conversion,
            {"soc_stock": -9999, "factor": 0.7, "conversion_rate": 0.1},
            "soc_stock has the value -9999",
        ),
        (
            loss_conversion,
            {"soc_stock": 80, "factor": 0.7, "conversion_rate": 0.1, "over_years": 0},
            "over_years is 0",
        ),
        (loss_disequilibrium, {"soc_stock": 80, "soc_bau": -1}, "soc_bau has the value -1"),
        (loss_disequilibrium, {"soc_stock": 80, "soc_bau": 70, "years": 0}, "years is 0"),
        (loss_erosion, {"soil_erosion": -3, "soc": 20}, "soil_erosion has the value -3"),
        (loss_erosion, {"soil_erosion": 3, "soc": 2000}, "soc has the value 2000; .* divide dg"),
        (loss_erosion, {"soil_erosion": 3, "soc": 20, "lost_share": 20}, "lost_share has the"),
        (loss_warming, WARM | {"warming": 288.0}, "warming has the value 288; .* degC"),
        (loss_warming, WARM | {"q10": 0.5}, "q10 has the value 0.5"),
        (loss_drained_organic, {"drained_share": 30, "emission_factor": 7}, "divide percent"),
        (loss_drained_organic, {"drained_share": 0.3, "emission_factor": -7}, "emission_factor"),
    ],
)
def test_wrong_use_is_told(function: Callable[..., Any], given: Any, told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        function(**given)


def test_mixed_depths_are_refused() -> None:
    now, later = row(60, depth_cm="0-30"), row(54, depth_cm="0-100")
    with pytest.raises(BadInputError, match="depths 0-30 and 0-100 cm"):
        loss_disequilibrium(soc_stock=now, soc_bau=later)
    out = loss_disequilibrium(soc_stock=now, soc_bau=row(54))
    assert out.attrs["depth_cm"] == "0-30"
    assert common_depth(row(1), 5.0, None) == {}


# ---------------------------------------------------------------- the sum


@given(
    values=st.dictionaries(
        st.sampled_from(NAMES), st.lists(LOSS, min_size=3, max_size=3), min_size=1
    ),
    organic=st.lists(SHARE, min_size=3, max_size=3),
    converted=SHARE,
    joint=st.none() | st.floats(0, 50),
)
def test_the_total_is_exactly_the_sum_of_its_parts(
    values: dict[str, list[float]], organic: list[float], converted: float, joint: float | None
) -> None:
    out = loss_total(
        {name: row(*v) for name, v in values.items()},
        organic=row(*organic),
        conversion_share=converted,
        joint=joint,
    )
    parts = parts_of(out)
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    known = out["loss_total"].notnull()
    np.testing.assert_array_equal(out["loss_total"].where(known), total.where(known))
    assert all((part >= 0).all() for part in parts)
    blind = "drained_organic" not in values
    np.testing.assert_array_equal(~known, [[blind and share >= 1 for share in organic]])


def twin_total(
    parts: dict[str, float], organic: float, converted: float, joint: float | None
) -> float:
    """The overlap rules on one cell, in plain words."""
    p = {name: parts.get(name, 0.0) for name in NAMES}
    both = p["disequilibrium"] + p["warming"] if joint is None else joint
    steady = p["disequilibrium"] if joint is None else min(p["disequilibrium"], joint)
    warming = both - steady
    if "conversion" in parts:
        steady -= steady * converted
    mineral = p["conversion"] + steady + p["erosion"] + warming
    return mineral * (1 - organic) + p["drained_organic"]


@given(
    values=st.fixed_dictionaries(
        {"drained_organic": LOSS}, optional=dict.fromkeys(NAMES[:-1], LOSS)
    ),
    organic=SHARE,
    converted=SHARE,
    joint=st.none() | LOSS,
)
def test_overlap_rules_against_the_twin(
    values: dict[str, float], organic: float, converted: float, joint: float | None
) -> None:
    out = loss_total(values, organic=organic, conversion_share=converted, joint=joint)
    expected = twin_total(values, organic, converted, joint)
    assert float(out["loss_total"]) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_organic_soil_loses_by_drainage_only() -> None:
    """Mineral, organic, half of each; what isn't needed on organic soil may be missing."""
    losses = {
        "conversion": row(0.4, np.nan, 0.4),
        "erosion": row(0.1, 0.1, 0.1),
        "drained_organic": row(0.0, 7.9, 3.0),
        "erosion_gross": row(0.5, 0.5, 0.5),
    }
    out = loss_total(losses, organic=row(0, 1, 0.5))
    np.testing.assert_allclose(out["loss_total"], [[0.5, 7.9, 3.25]])
    np.testing.assert_array_equal(out["loss_main_component"], [[1, 5, 5]])
    np.testing.assert_allclose(out["loss_erosion_gross"], [[0.5, 0, 0.25]])
    mask = loss_total(losses, organic=row(0, 1, 0).astype(bool))
    np.testing.assert_allclose(mask["loss_total"], [[0.5, 7.9, 3.5]])
    del losses["drained_organic"]
    np.testing.assert_array_equal(
        loss_total(losses, organic=row(0, 1, 0.5))["loss_total"].isnull(), [[False, True, False]]
    )


def test_absent_components_are_told_and_missing_values_stay_missing() -> None:
    out = loss_total({"loss_erosion": row(0.1, np.nan, 0), "conversion": row(0.3, 0.2, 0)})
    np.testing.assert_allclose(out["loss_total"], [[0.4, np.nan, 0]])
    np.testing.assert_array_equal(out["loss_main_component"], [[1, 0, 0]])
    attrs = out["loss_total"].attrs
    assert attrs["components"] == "conversion, erosion"
    assert attrs["absent"] == "disequilibrium, warming, drained_organic"
    assert attrs["overlap"] == "none taken out"
    assert "loss_warming" not in out
    unknown = loss_total({"erosion": row(0.1)}, organic=row(np.nan))
    assert unknown["loss_total"].isnull().all()
    assert int(unknown["loss_main_component"].item()) == 0


def test_gross_erosion_is_never_in_the_sum() -> None:
    out = loss_total({"erosion": 0.04, "erosion_gross": 0.2})
    assert float(out["loss_total"]) == 0.04
    assert float(out["loss_erosion_gross"]) == 0.2


def test_one_joint_run_replaces_two() -> None:
    losses = {"disequilibrium": row(0.3, 0.3), "warming": row(0.9, 0.9)}
    out = loss_total(losses, joint=row(0.5, 0.2))
    np.testing.assert_allclose(out["loss_disequilibrium"], [[0.3, 0.2]])
    np.testing.assert_allclose(out["loss_warming"], [[0.2, 0.0]])
    np.testing.assert_allclose(out["loss_total"], [[0.5, 0.2]])
    assert "joint run" in out["loss_total"].attrs["overlap"]


@given(values=st.lists(LOSS, min_size=5, max_size=5), scale=st.sampled_from([0.5, 2, 4]))
def test_scaling_all_parts_scales_the_total(values: list[float], scale: float) -> None:
    one = loss_total(dict(zip(NAMES, values, strict=True)))
    two = loss_total({n: scale * v for n, v in zip(NAMES, values, strict=True)})
    assert float(two["loss_total"]) == scale * float(one["loss_total"])
    assert int(two["loss_main_component"]) == int(one["loss_main_component"])
    largest = int(np.argmax(values)) + 1 if max(values) > 0 else 0
    assert int(one["loss_main_component"]) == largest


def test_chunked_equals_in_memory_and_a_dataset_is_as_good_as_a_mapping() -> None:
    rng = np.random.default_rng(1)
    names = (*NAMES, "erosion_gross")
    losses = {f"loss_{n}": row(*rng.uniform(0, 2, 9)) for n in names}
    soil, joint = row(*rng.uniform(0, 1, 9)), row(*rng.uniform(0, 2, 9))
    plain = loss_total(losses, organic=soil, joint=joint, conversion_share=0.1)
    lazy = loss_total(
        xr.Dataset(losses).chunk({"x": 4}),
        organic=soil.chunk({"x": 4}),
        joint=joint,
        conversion_share=0.1,
    )
    assert lazy["loss_total"].chunks
    xr.testing.assert_identical(plain, lazy.compute())
    bare = loss_total(
        {n: v.values for n, v in losses.items()},
        organic=soil,
        joint=joint.values,
        conversion_share=0.1,
    )
    xr.testing.assert_identical(plain, bare)
    for name, layer in plain.data_vars.items():
        assert layer.attrs["long_name"]
        if name in VARIABLES:
            assert layer.attrs.get("units", "") == VARIABLES[str(name)].unit


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (({"conversions": 0.1},), "did you mean conversion"),
        (({"modelled_change": 0.1},), "'modelled_change' isn't a component"),
        (({"erosion": -0.1},), "losses are positive"),
        (({},), "components holds none of conversion"),
        (({"erosion_gross": 0.1},), "components holds none of conversion"),
    ],
)
def test_wrong_components_are_told(given: tuple[Any, ...], told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        loss_total(*given)


def test_shares_in_percent_and_unlike_grids_are_refused() -> None:
    with pytest.raises(BadInputError, match="organic has the value 40"):
        loss_total({"erosion": 0.1}, organic=40)
    with pytest.raises(BadInputError, match="conversion_share has the value 5"):
        loss_total({"erosion": 0.1}, conversion_share=5)
    with pytest.raises(GridMismatchError, match="same coordinates"):
        loss_total({"erosion": row(0.1), "conversion": row(0.1, 0.2)})
