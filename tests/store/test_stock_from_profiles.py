"""Soil profiles to stocks: by hand, lazily as in memory, and what doesn't fit together refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from hotspots.errors import BadInputError, GridMismatchError, RasterError
from hotspots.ingest.stock_from_profiles import stock_from_profile
from hotspots.layers.variables import describe
from hotspots.store.profiles import depth_of, profile_of

NAN = np.nan
Profiles = dict[str, xr.DataArray]


def profile(name: str, values: dict[str, Any], **attrs: Any) -> xr.DataArray:
    """Make a profile as the store gives it: from "0-5" or "15" (cm) to a number or (y, x)."""
    parts = []
    for text, value in values.items():
        array = np.broadcast_to(np.asarray(value, dtype="float32"), np.shape(value) or (1, 1))
        rows, columns = array.shape
        plane = xr.DataArray(
            np.array(array),
            dims=("y", "x"),
            coords={"y": np.arange(rows, 0.0, -1), "x": np.arange(1.0, columns + 1)},
        )
        plane = describe(plane, name, **attrs).rio.write_crs(4326)
        if 1 in plane.shape:  # a single row doesn't show its step
            from affine import Affine

            plane = plane.rio.write_transform(Affine(1, 0, 0.5, 0, -1, array.shape[0] + 0.5))
        parts.append((depth_of(text), plane))
    return profile_of(name, parts)


def three(*depths: str, soc: Any, density: Any, rock: Any) -> Profiles:
    given = {"soc": soc, "bulk_density": density, "coarse_fragments": rock}
    return {
        name: profile(name, dict(zip(depths, values, strict=True)))
        for name, values in given.items()
    }


def at_points() -> Profiles:
    return three(
        "0",
        "5",
        "15",
        "30",
        soc=(30, 20, 10, 6),
        density=(1.0, 1.2, 1.3, 1.4),
        rock=(0.0, 0.1, 0.1, 0.2),
    )


def of_layers() -> Profiles:
    return three(
        "0-5", "5-15", "15-30", soc=(30, 22, 14), density=(1.2, 1.3, 1.4), rock=(0.05, 0.06, 0.08)
    )


def test_points_by_the_trapezoid_rule() -> None:
    # Content x density x (1 - rock), kg m-3: 30, 21.6, 11.7, 6.72. Trapezoids over 5, 10, 15 cm:
    # 129 + 166.5 + 138.15 = 433.65 kg m-3 cm; 1 kg m-3 over 1 cm is 0.1 t ha-1.
    found = stock_from_profile(at_points())
    assert found.item() == pytest.approx(43.365, rel=1e-6)
    assert found.name == "soc_stock"
    assert found.attrs["units"] == "t ha-1"
    assert found.attrs["depth_cm"] == "0-30"
    assert "trapezoid" in found.attrs["method"]
    assert "0, 5, 15, 30 cm" in found.attrs["method"]


def test_layers_by_their_sum() -> None:
    # 0.1 (30·1.2·0.95·5 + 22·1.3·0.94·10 + 14·1.4·0.92·15) = 71.032 (tests/analysis/test_stock.py)
    found = stock_from_profile(of_layers())
    assert found.item() == pytest.approx(71.032, rel=1e-6)
    assert "sum" in found.attrs["method"]


def test_the_two_rules_differ_on_the_same_numbers() -> None:
    """Were the kinds mixed up, these two would be the same."""
    points = stock_from_profile(at_points(), to=(0, 15)).item()
    layers = three("0-5", "5-15", soc=(30, 20), density=(1.0, 1.2), rock=(0.0, 0.1))
    assert points != pytest.approx(stock_from_profile(layers, to=(0, 15)).item(), rel=0.05)


def test_a_layer_partly_within_counts_by_that_part() -> None:
    # To 20 cm: of the third layer 5 of its 15 cm.
    found = stock_from_profile(of_layers(), to=(0, 20))
    assert found.item() == pytest.approx(17.1 + 26.884 + 27.048 / 3, rel=1e-6)
    assert found.attrs["depth_cm"] == "0-20"


def test_a_target_between_points_is_interpolated() -> None:
    # 0-10 cm: at 10 cm the product is halfway between 21.6 and 11.7.
    found = stock_from_profile(at_points(), to=(0, 10))
    expected = 0.1 * (5 * (30 + 21.6) / 2 + 5 * (21.6 + 16.65) / 2)
    assert found.item() == pytest.approx(expected, rel=1e-6)


def test_density_alone_is_enough() -> None:
    # 34 and 18 kg m-3 at 0 and 30 cm: 26 kg m-3 over 0.3 m is 7.8 kg m-2.
    found = stock_from_profile({"soc_density": profile("soc_density", {"0": 34, "30": 18})})
    assert found.item() == pytest.approx(78)


def test_negative_density_is_carried_and_not_clipped() -> None:
    values = np.full((10, 10), 20.0)
    values[0, 0] = -1.3
    given = profile("soc_density", {"0": values, "30": values})
    found = stock_from_profile({"soc_density": given})
    assert found.values[0, 0] == pytest.approx(-3.9)


def test_deeper_values_of_one_profile_do_not_matter() -> None:
    given = at_points()
    given["soc"] = profile("soc", {"0": 30, "5": 20, "15": 10, "30": 6, "60": 3, "100": 2})
    assert stock_from_profile(given).item() == pytest.approx(43.365, rel=1e-6)


def test_depths_in_any_order() -> None:
    given = {name: array.isel(depth=[2, 0, 3, 1]) for name, array in at_points().items()}
    assert stock_from_profile(given).item() == pytest.approx(43.365, rel=1e-6)


def test_a_missing_value_within_makes_the_stock_missing_and_one_below_does_not() -> None:
    given = of_layers()
    given["soc"] = profile("soc", {"0-5": 30, "5-15": 22, "15-30": NAN})
    assert np.isnan(stock_from_profile(given).item())
    assert stock_from_profile(given, to=(0, 15)).item() == pytest.approx(17.1 + 26.884, rel=1e-6)


@pytest.mark.parametrize("depths", [("0", "5", "15", "30"), ("0-5", "5-15", "15-30")])
def test_lazy_layers_give_what_layers_in_memory_give(depths: tuple[str, ...]) -> None:
    rng = np.random.default_rng(1)
    ranges = {"soc": (1, 60), "bulk_density": (0.8, 1.6), "coarse_fragments": (0, 0.6)}
    whole, lazy = {}, {}
    for name, (low, high) in ranges.items():
        planes = {d: rng.uniform(low, high, (9, 8)) for d in depths}
        planes[depths[0]][2, 3] = NAN
        whole[name] = profile(name, planes)
        lazy[name] = whole[name].chunk({"depth": 1, "y": 4, "x": 3})
    one, two = stock_from_profile(whole), stock_from_profile(lazy)
    assert two.chunks is not None
    assert one.chunks is None
    xr.testing.assert_identical(one, two.compute())


def test_the_grid_travels() -> None:
    found = stock_from_profile(at_points())
    assert found.rio.crs.to_epsg() == 4326
    assert set(found.coords) == {"y", "x", "spatial_ref"}


def test_sources_and_licences_travel() -> None:
    told = {"soc": "A", "bulk_density": "B", "coarse_fragments": "A"}
    given = {
        name: array.assign_attrs(source=told[name], licence=f"licence {told[name]}", year=2017)
        for name, array in of_layers().items()
    }
    attrs = stock_from_profile(given).attrs
    assert (attrs["source"], attrs["licence"]) == ("A; B", "licence A; licence B")
    assert attrs["year"] == 2017
    given["soc"].attrs["year"] = 2000
    assert "year" not in stock_from_profile(given).attrs


# -- refusals -----------------------------------------------------------------------------------


def without(name: str) -> Profiles:
    return {k: v for k, v in at_points().items() if k != name}


def unlike_depths() -> Profiles:
    given = at_points()
    values = {"0": 1.0, "10": 1.2, "30": 1.4}
    return given | {"bulk_density": profile("bulk_density", values)}


def unlike_grids() -> Profiles:
    given = at_points()
    given["bulk_density"] = given["bulk_density"].assign_coords(x=[9.0])
    return given


def in_kg_m3() -> Profiles:
    given = at_points()
    return given | {"bulk_density": given["bulk_density"].assign_attrs(units="kg m-3")}


def mixed() -> Profiles:
    return at_points() | {"soc": of_layers()["soc"]}


def kindless() -> Profiles:
    return {
        name: array.drop_vars(["top", "bottom"])
        .drop_attrs(deep=False)
        .assign_attrs(units=array.attrs["units"])
        for name, array in at_points().items()
    }


def gap() -> Profiles:
    return three("0-5", "15-30", soc=(30, 14), density=(1.2, 1.4), rock=(0, 0))


@pytest.mark.parametrize(
    ("given", "options", "words"),
    [
        (lambda: without("coarse_fragments"), {}, "'coarse_fragments' is missing"),
        (lambda: without("soc"), {}, "'soc' is missing"),
        (dict, {}, "there is nothing"),
        (unlike_depths, {}, "Give the same depths of each"),
        (mixed, {}, "don't mix"),
        (of_layers, {"kind": "points"}, "don't mix"),
        (at_points, {"kind": "layers"}, "don't mix"),
        (at_points, {"kind": "horizons"}, "isn't a kind of depths"),
        (kindless, {}, "Say --kind points or --kind layers"),
        (kindless, {"kind": "layers"}, "top and bottom"),
        (at_points, {"to": (0, 100)}, "reaches from 0 to 30 cm"),
        (gap, {}, "layers cover 20 cm"),
        (at_points, {"to": (30, 0)}, "a top and a deeper bottom"),
        (in_kg_m3, {}, "'kg m-3', but 'g cm-3' is needed"),
    ],
)
def test_what_does_not_fit_is_refused(
    given: Callable[[], Profiles], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadInputError) as caught:
        stock_from_profile(given(), **options)
    assert words in str(caught.value)


def test_unlike_grids_are_refused() -> None:
    with pytest.raises(GridMismatchError):
        stock_from_profile(unlike_grids())


def test_profiles_that_say_nothing_take_the_kind_given() -> None:
    assert stock_from_profile(kindless(), kind="points").item() == pytest.approx(43.365, rel=1e-6)


def test_a_profile_that_does_not_reach_30_cm_is_refused() -> None:
    given = three("0-5", "5-15", soc=(30, 22), density=(1.2, 1.3), rock=(0, 0))
    with pytest.raises(BadInputError, match="reaches from 0 to 15 cm"):
        stock_from_profile(given)
    given = three("5-15", "15-30", soc=(30, 22), density=(1.2, 1.3), rock=(0, 0))
    with pytest.raises(BadInputError, match="reaches from 5 to 30 cm"):
        stock_from_profile(given)


def test_fragments_in_percent_are_refused_in_memory() -> None:
    given = at_points()
    given["coarse_fragments"] = given["coarse_fragments"] * 100
    given["coarse_fragments"].attrs = at_points()["coarse_fragments"].attrs
    with pytest.raises(RasterError, match="percent"):
        stock_from_profile(given)
