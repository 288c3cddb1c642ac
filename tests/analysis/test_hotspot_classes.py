"""Which land is ranked, what is called hot, and that every hectare is accounted for."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import xarray as xr
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hotspots.analysis.hotspots.classify import class_share, classify_hotspots, top_share_by_area
from hotspots.analysis.hotspots.eligibility import MASKS, excluded_reason, mask_states
from hotspots.errors import BadInputError, RasterError
from hotspots.layers.grid import cell_area
from hotspots.layers.variables import (
    CLIMATE_ZONES,
    EXCLUSION_REASONS,
    HOTSPOT_CLASSES,
    SOIL_CLASSES,
)

CLASS = {name: code for code, name in HOTSPOT_CLASSES.items()}
REASON = {name: code for code, name in EXCLUSION_REASONS.items()}
SOIL = {name: code for code, name in SOIL_CLASSES.items()}
ZONE = {name: code for code, name in CLIMATE_ZONES.items()}
LETTERS = {
    ".": "monitor",
    "B": "build",
    "P": "protect",
    "R": "restore",
    "?": "insufficient_evidence",
    "O": "organic",
    "x": "excluded",
}
CELL_KM = 20  # 400 km² a cell in an equal-area projection: three are 1200 km²


def plane(given: Any) -> xr.DataArray:
    """Cells of 20 km in EPSG:6933, the corner at (0, 0)."""
    values = np.asarray(given)
    side = CELL_KM * 1000
    y = side * (values.shape[0] - np.arange(values.shape[0]) - 0.5)
    x = side * (np.arange(values.shape[1]) + 0.5)
    layer = xr.DataArray(values, dims=("y", "x"), coords={"y": y, "x": x}).rio.write_crs(6933)
    # A single row doesn't tell its height.
    return layer.rio.write_transform(Affine(side, 0, 0, 0, -side, side * values.shape[0]))


def sketch(text: str, high: float, low: float) -> xr.DataArray:
    """Draw `high` where there is an H, missing where there is a "?", `low` elsewhere."""
    value = {"H": high, "?": np.nan}
    return plane([[value.get(c, low) for c in line] for line in text.split()])


def drawn(classes: xr.DataArray) -> str:
    letter = {CLASS[name]: c for c, name in LETTERS.items()} | {0: "0"}
    return " ".join("".join(letter[int(v)] for v in line) for line in classes.values)


def classify(gain: xr.DataArray, loss: xr.DataArray | None = None, **given: Any) -> xr.DataArray:
    """All land managed, ranked and whole unless `given` otherwise; any patch is large enough."""
    settings: dict[str, Any] = {
        "excluded_reason": xr.zeros_like(gain, dtype="uint8"),
        "managed_share": xr.ones_like(gain),
        "min_patch_cells": 1,
        "min_patch_area_km2": 0.0,
    }
    return classify_hotspots(gain, loss, **(settings | given))


# ---------------------------------------------------------------- the top share


def plain_top_share(
    values: npt.NDArray[Any], area: npt.NDArray[Any], share: float, groups: npt.NDArray[Any]
) -> list[bool]:
    """Twin: a value is in the top where all land at least as high is at most `share`."""
    top = []
    for value, group in zip(values, groups, strict=True):
        at_least = whole = 0.0
        for other, hectares, its_group in zip(values, area, groups, strict=True):
            if its_group == group:
                whole += hectares
                at_least += hectares if other >= value else 0
        top.append(bool(np.isfinite(value)) and at_least <= share * whole * (1 + 1e-12))
    return top


COUNT = st.shared(st.integers(0, 30), key="cells")
# Whole numbers, so that ties are many and sums exact.
VALUES = arrays("float64", COUNT, elements=st.sampled_from([np.nan, *map(float, range(-3, 8))]))
AREAS = arrays("float64", COUNT, elements=st.integers(1, 20).map(float))
GROUPS = arrays("int64", COUNT, elements=st.integers(1, 3))
PARTS = st.integers(1, 40).map(lambda k: k / 40)


@given(VALUES, AREAS, PARTS, GROUPS)
def test_top_share_and_its_plain_twin(
    values: npt.NDArray[Any], area: npt.NDArray[Any], share: float, groups: npt.NDArray[Any]
) -> None:
    top = top_share_by_area(values, area, share, groups)
    assert list(top) == plain_top_share(values, area, share, groups)
    ones = np.ones(len(values), dtype="int64")
    assert list(top_share_by_area(values, area, share)) == plain_top_share(
        values, area, share, ones
    )


@given(VALUES, AREAS, PARTS, GROUPS)
def test_never_more_than_the_share_and_ties_together(
    values: npt.NDArray[Any], area: npt.NDArray[Any], share: float, groups: npt.NDArray[Any]
) -> None:
    top = top_share_by_area(values, area, share, groups)
    for group in np.unique(groups):
        member = groups == group
        assert area[top & member].sum() <= share * area[member].sum() * (1 + 1e-9)
        for value in np.unique(values[member]):
            assert len(set(top[member & (values == value)])) <= 1


def test_top_share_by_hand() -> None:
    """Areas 10, 10, 30, 50: the top half is what makes up to 50 of 100."""
    values, area = np.array([4.0, 3, 2, 1]), np.array([10.0, 10, 30, 50])
    assert list(top_share_by_area(values, area, 0.5)) == [True, True, True, False]
    assert list(top_share_by_area(values, area, 0.499)) == [True, True, False, False]
    assert list(top_share_by_area(values, area, 0.05)) == [False] * 4
    assert top_share_by_area(values, area, 1.0).all()
    # A tie of 10 + 30 is too much for a third.
    assert not top_share_by_area(np.array([3.0, 1, 3, 1]), area, 1 / 3).any()
    # The missing 10 counts as land: 10 of 100, not 10 of 90.
    missing = np.array([4.0, np.nan, 2, 1])
    assert list(top_share_by_area(missing, area, 0.105)) == [True, False, False, False]
    assert top_share_by_area(np.array([]), np.array([]), 0.1).shape == (0,)


# ---------------------------------------------------------------- classes


GAIN = "HHHHH..... HHHHH..... .......... .......... .........."
LOSS = "...HHHHH.. ...HHHHH.. .......... .......... .........."


def test_two_axes_by_hand() -> None:
    """Ten of 50 cells are hot on each axis, four of them on both."""
    gain, loss = sketch(GAIN, 1.0, 0.1), sketch(LOSS, 0.5, 0.0)
    rest = " .........." * 3
    classes = classify(gain, loss, top_share=0.2)
    assert drawn(classes) == "BBBRRPPP.. BBBRRPPP.." + rest
    assert classes.name == "hotspot_class"
    assert classes.dtype == np.uint8
    # Without a loss layer there is gain only.
    assert drawn(classify(gain, top_share=0.2)) == "BBBBB..... BBBBB....." + rest
    # Ten cells are more than 19 %: they fall together.
    assert drawn(classify(gain, loss, top_share=0.19)) == ".......... .........." + rest


def test_the_absolute_threshold_is_inclusive_and_needed() -> None:
    """The top fifth of little is little."""
    at, below = sketch(GAIN, 0.2, 0.0), sketch(GAIN, 0.2 * (1 - 1e-9), 0.0)
    assert "B" in drawn(classify(at, top_share=0.2))
    assert "B" not in drawn(classify(below, top_share=0.2))
    # Thresholds of nothing don't make hotspots of nothing.
    nothing = sketch(GAIN, 0.0, -1.0)
    settings: dict[str, Any] = {"top_share": 0.2, "gain_threshold": 0.0, "loss_threshold": 0.0}
    assert set(drawn(classify(nothing, nothing, **settings))) == {".", " "}


def test_land_that_cannot_be_ranked() -> None:
    """Organic, excluded, unknown: each said, whatever the values; none without soil data."""
    gain, loss = plane([[9.0, 9, np.nan, 9, 9, 9]]), plane([[9.0, 9, 9, np.nan, 9, 9]])
    reason = plane(np.array([[REASON["organic_soil"], REASON["polar"], 0, 0, 0, 0]], dtype="uint8"))
    managed = plane([[1.0, np.nan, 1, 1, np.nan, 0]])
    classes = classify(gain, loss, excluded_reason=reason, managed_share=managed, top_share=1.0)
    assert drawn(classes) == "Ox??00"


def test_area_of_unknown_cells_counts_in_the_ranking() -> None:
    """One of four cells is 25 %, though only two have values."""
    gain = plane([[1.0, 0.5, np.nan, np.nan]])
    assert drawn(classify(gain, top_share=0.25)) == "B.??"
    assert drawn(classify(gain, top_share=0.24)) == "..??"


def test_excluded_land_takes_no_part_in_the_ranking() -> None:
    """The highest value lies on excluded land; half of the two others is one cell."""
    gain = plane([[9.0, 1.0, 0.5]])
    reason = plane(np.array([[REASON["polar"], 0, 0]], dtype="uint8"))
    assert drawn(classify(gain, excluded_reason=reason, top_share=0.5)) == "xB."


def test_managed_valid_land_is_what_ranks() -> None:
    """Managed areas 0.2·1, 0.8·0.5, 0.4·1: shares 0.2, 0.4, 0.4 of 1."""
    gain = plane([[3.0, 2.0, 1.0]])
    shares = {"managed_share": plane([[0.2, 0.8, 0.4]]), "valid_share": plane([[1.0, 0.5, 1.0]])}
    assert drawn(classify(gain, top_share=0.6, **shares)) == "BB."
    assert drawn(classify(gain, top_share=0.59, **shares)) == "B.."


def test_groups_are_ranked_apart() -> None:
    """Half of each zone is hot, though all of the second is below the first."""
    gain = plane([[9.0, 8, 7, 6], [4, 3, 2, 1]])
    zone = plane(np.array([[1, 1, 1, 1], [12, 12, 12, 12]], dtype="uint8"))
    assert drawn(classify(gain, top_share=0.5)) == "BBBB ...."
    by_zone = classify(gain, top_share=0.5, groups=zone)
    assert drawn(by_zone) == "BB.. BB.."
    assert by_zone.name == "hotspot_class_in_zone"


@pytest.mark.parametrize("factor", [0.125, 4.0, 1024.0])
def test_scaling_changes_no_class(factor: float) -> None:
    """Powers of two, which floating point scales exactly."""
    rng = np.random.default_rng(5)
    gain, loss = plane(rng.gamma(1, 0.3, (20, 30))), plane(rng.normal(0, 0.2, (20, 30)))
    gain.values[rng.random((20, 30)) < 0.1] = np.nan
    patches: dict[str, Any] = {"min_patch_cells": 2, "top_share": 0.3}
    here = classify(gain, loss, gain_threshold=0.2, loss_threshold=0.1, **patches)
    scaled = classify(
        gain * factor,
        loss * factor,
        gain_threshold=0.2 * factor,
        loss_threshold=0.1 * factor,
        **patches,
    )
    np.testing.assert_array_equal(here, scaled)
    assert len(np.unique(here)) == 5


# ---------------------------------------------------------------- patches


def test_patches_below_either_minimum_are_dropped() -> None:
    """A square of four by its corner with one more; a pair; all cells of 400 km²."""
    gain = sketch("HH..HH HH.... ..H...", 1.0, 0.0)
    found = {
        (cells, km2): drawn(
            classify(gain, top_share=0.5, min_patch_cells=cells, min_patch_area_km2=km2)
        )
        for cells, km2 in ((1, 0), (5, 0), (6, 0), (1, 799), (1, 801), (1, 2001))
    }
    all_hot, square, none = "BB..BB BB.... ..B...", "BB.... BB.... ..B...", "...... ...... ......"
    assert found == {
        (1, 0): all_hot,
        (5, 0): square,
        (6, 0): none,
        (1, 799): all_hot,
        (1, 801): square,
        (1, 2001): none,
    }


def test_only_land_counts_for_the_area_of_a_patch() -> None:
    gain = sketch("HH HH", 1.0, 0.0)
    shore = plane([[0.5, 0.5], [1, 1]])  # 1200 km² of land, half of it managed
    shares = {"valid_share": shore, "managed_share": plane(np.full((2, 2), 0.5))}
    for km2, expected in ((1199, "BB BB"), (1201, ".. ..")):
        classes = classify(gain, top_share=1.0, min_patch_area_km2=km2, **shares)
        assert drawn(classes) == expected


def test_a_cell_of_unknown_loss_carries_no_patch() -> None:
    """Three hot cells and one that can't be classed are no patch of four."""
    gain = sketch("HH.. HH.. .... ....", 1.0, 0.0)
    loss = sketch(".... ?... .... ....", 1.0, 0.0)
    settings: dict[str, Any] = {"top_share": 0.25, "min_patch_cells": 4}
    assert drawn(classify(gain, **settings)) == "BB.. BB.. .... ...."
    assert drawn(classify(gain, loss, **settings)) == ".... ?... .... ...."


@pytest.mark.parametrize(("width", "kept"), [(60, True), (30, False)])
def test_a_patch_across_the_antimeridian_is_one(width: int, kept: bool) -> None:
    """Six columns of 60° go round the world; six of 30° end at 0°."""
    # H....H   two and two: four cells where the first and the last column touch
    # H....H
    values = np.zeros((2, 6))
    values[:, [0, 5]] = 1
    coords = {"y": [1.5, 0.5], "x": -180 + width * (np.arange(6) + 0.5)}
    gain = xr.DataArray(values, dims=("y", "x"), coords=coords).rio.write_crs(4326)
    classes = classify(gain, top_share=0.5, min_patch_cells=4)
    assert (classes.values[:, [0, 5]] == CLASS["build"]).all() == kept
    assert (classes == CLASS["build"]).any() == kept


@pytest.mark.parametrize("share", [0, -0.1, 1.1, np.nan])
def test_top_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(BadInputError, match="top_share is"):
        classify(plane([[1.0]]), top_share=share)


# ---------------------------------------------------------------- eligibility


def inputs(**layers: Any) -> xr.Dataset:
    one = {"soc_stock": 50.0, "climate_zone": ZONE["tropical_dry"]} | layers
    shape = np.broadcast_shapes(*(np.shape(v) for v in one.values()), (1,))
    return xr.Dataset({n: plane(np.broadcast_to(v, shape)[None, :]) for n, v in one.items()})


def reasons(data: xr.Dataset, managed: Any = 0.5, **rules: Any) -> list[str]:
    share = plane(np.broadcast_to(managed, data["soc_stock"].shape[1:]).astype("float64")[None, :])
    codes = excluded_reason(data, share, **rules).values[0]
    return [EXCLUSION_REASONS.get(int(c), "ranked") for c in codes]


def test_each_reason_and_its_limit() -> None:
    """Limits as documented: ranked are 10 % managed, 200 t/ha and 100 mm themselves."""
    zones = [0, ZONE["polar_dry"], ZONE["polar_moist"], 13, ZONE["boreal_dry"]]
    assert reasons(inputs(climate_zone=zones)) == [
        "no_climate_zone",
        "polar",
        "polar",
        "no_climate_zone",
        "ranked",
    ]
    assert reasons(inputs(soc_stock=[50.0] * 4), [0.1, 0.0999, 0, np.nan]) == [
        "ranked",
        "little_managed_land",
        "little_managed_land",
        "no_land_use_data",
    ]
    assert reasons(inputs(soc_stock=[200.0, 200.1])) == ["ranked", "organic_soil"]
    assert reasons(inputs(annual_precipitation=[100.0, 99.9, np.nan])) == [
        "ranked",
        "hyper_arid",
        "ranked",
    ]


def test_the_first_reason_is_the_one_told() -> None:
    """All hold in the first cell; each next one lacks one more, in the order of the legend."""
    polar, dry = ZONE["polar_dry"], ZONE["tropical_dry"]
    data = inputs(
        climate_zone=[0, 0, polar, dry, dry, dry, dry, dry],
        annual_precipitation=[10, 10, 10, 10, 500, 500, 500, 500],
        soc_stock=[0, 500, 500, 500, 500, 500, 500, 50],
    )
    nan = np.nan
    told = reasons(data, [nan, nan, nan, nan, nan, 0.01, 0.5, 0.5])
    assert told == [*list(EXCLUSION_REASONS.values())[:7], "ranked"]


# mask -> a layer that makes it hold, and one that is just within the limit
MASKED = {
    "polar": ({"climate_zone": ZONE["polar_dry"]}, {"climate_zone": ZONE["boreal_dry"]}),
    "hyper_arid": ({"annual_precipitation": 99.9}, {"annual_precipitation": 100.0}),
    "organic": ({"soil_class": SOIL["organic"]}, {"soil_class": SOIL["HAC"]}),
    "paddy": ({"paddy_share": 0.5}, {"paddy_share": 0.49}),
    "wetland": ({"land_cover": 4}, {"land_cover": 3}),
    "permafrost": ({"permafrost_share": 0.5}, {"permafrost_share": 0.49}),
    "allophanic": ({"soil_class": SOIL["volcanic"]}, {"soil_class": SOIL["LAC"]}),
    "very_sandy": ({"sand": 90.1}, {"sand": 90.0}),
    "saline": ({"electrical_conductivity": 4.1}, {"electrical_conductivity": 4.0}),
    "high_stock": ({"soil_class": 1, "soc_stock": 200.1}, {"soil_class": 1, "soc_stock": 200.0}),
}


@pytest.mark.parametrize("name", MASKS)
def test_each_mask_holds_at_its_limit_and_can_be_switched_off(name: str) -> None:
    beyond, within = MASKED[name]
    assert reasons(inputs(**beyond)) == [MASKS[name].reason]
    assert reasons(inputs(**within)) == ["ranked"]
    others = [mask for mask in MASKS if mask != name]
    assert reasons(inputs(**beyond), masks=others) == ["ranked"]


def test_a_mask_without_its_layers_says_so_and_excludes_nothing() -> None:
    states = mask_states(inputs(), masks=[m for m in MASKS if m != "polar"])
    assert states["polar"] == "off"
    assert states["high_stock"] == "applied"
    assert states["permafrost"] == "not applied: the data lack permafrost_share"
    assert states["wetland"] == "not applied: the data lack soil_class or land_cover"
    assert reasons(inputs()) == ["ranked"]


def test_missing_values_are_under_no_mask() -> None:
    nan = np.nan
    data = inputs(paddy_share=nan, sand=nan, electrical_conductivity=nan, permafrost_share=nan)
    assert reasons(data) == ["ranked"]


def test_a_mask_that_is_none_is_refused() -> None:
    with pytest.raises(BadInputError, match="'peat' isn't a mask; allowed are polar"):
        reasons(inputs(), masks=["peat"])


def test_maps_of_soil_and_pet_come_before_the_proxies() -> None:
    """Aridity index below 0.05; where the better map is missing, the proxy speaks."""
    data = inputs(annual_precipitation=[90.0, 120, 0, 90], annual_pet=[1700.0, 2500, 0, np.nan])
    # 90/1700 = 0.053, 120/2500 = 0.048, nothing evaporates, unknown
    assert reasons(data) == ["ranked", "hyper_arid", "ranked", "hyper_arid"]
    soils = inputs(soc_stock=[90.0, 300, 300, 90], soil_class=[7, 1, 0, 0])
    assert reasons(soils) == ["organic_soil", "high_stock", "organic_soil", "ranked"]


def test_no_soil_data_is_no_reason_and_no_class() -> None:
    data = inputs(soc_stock=[np.nan, 50.0], climate_zone=[0, 0])
    assert reasons(data) == ["ranked", "no_climate_zone"]
    managed, valid = plane([[0.5, 0.5]]), plane([[0.0, 1.0]])
    reason = excluded_reason(data, managed)
    classes = classify(
        data["soc_stock"], excluded_reason=reason, managed_share=managed, valid_share=valid
    )
    assert drawn(classes) == "0x"


def test_without_stock_or_zone_nothing_is_ranked() -> None:
    for name in ("soc_stock", "climate_zone"):
        with pytest.raises(RasterError, match=f"needs the layer '{name}'"):
            excluded_reason(inputs().drop_vars(name), plane([[0.5]]))


# ---------------------------------------------------------------- hectares


def hectares(classes: xr.DataArray, managed: xr.DataArray, valid: xr.DataArray) -> dict[str, float]:
    area = cell_area(classes) * class_share(classes, managed, valid)
    found = {name: float(area.where(classes == code).sum()) for name, code in CLASS.items()}
    own = classes.isin([CLASS[n] for n in CLASS if n != "excluded"])
    rest = cell_area(classes) * valid * (1 - managed)
    return found | {"unmanaged": float(rest.where(own).sum())}


def test_class_areas_by_hand() -> None:
    """Four cells of 40,000 ha, four fifths land: ranked half, organic two fifths, excluded, sea."""
    classes = plane(
        np.array([[CLASS["monitor"], CLASS["organic"], CLASS["excluded"], 0]], dtype="uint8")
    )
    managed, valid = plane([[0.5, 0.4, 0.05, np.nan]]), plane([[0.8, 0.8, 0.8, 0.0]])
    found = hectares(classes, managed, valid)
    for name, share in {
        "monitor": 0.4,
        "organic": 0.32,
        "excluded": 0.8,
        "unmanaged": 0.4 + 0.48,
        "build": 0,
    }.items():
        assert found[name] == pytest.approx(40_000 * share)


@pytest.mark.parametrize("min_managed_share", [0.0, 0.1])
def test_no_hectare_of_land_is_lost(min_managed_share: float) -> None:
    """Ranked managed + organic + excluded + the unmanaged rest is all land with soil data."""
    rng = np.random.default_rng(8)
    shape = (20, 30)
    data = xr.Dataset(
        {
            "soc_stock": plane(rng.uniform(0, 240, shape)),
            "climate_zone": plane(rng.integers(0, 13, shape)),
        }
    )
    managed = plane(np.where(rng.random(shape) < 0.2, 0, rng.random(shape)))
    managed.values[rng.random(shape) < 0.1] = np.nan
    valid = plane(rng.random(shape))
    data["soc_stock"].values[rng.random(shape) < 0.3] = np.nan
    valid = valid.where(data["soc_stock"].notnull(), 0)
    gain = plane(rng.gamma(1, 0.3, shape))
    gain.values[rng.random(shape) < 0.1] = np.nan
    reason = excluded_reason(data, managed, min_managed_share=min_managed_share)
    classes = classify(gain, excluded_reason=reason, managed_share=managed, valid_share=valid)
    land = float((cell_area(gain) * valid).sum())
    found = hectares(classes, managed, valid)
    assert sum(found.values()) == pytest.approx(land, rel=1e-12)
    assert min(found[n] for n in ("build", "monitor", "organic", "excluded")) > 0
