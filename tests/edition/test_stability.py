"""How often cells stay hot over errors and methods: reproducible, by a plain twin, and its gate."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import xarray as xr
from drivers import filled, made, piece, quick

import hotspots as hs
from hotspots.analysis.ipcc.tier1_uncertainty import tier1_draws
from hotspots.analysis.uncertainty.random_fields import gaussian_fields, grid_points
from hotspots.edition.draws import field_points
from hotspots.edition.edition import Edition
from hotspots.edition.stock_error import stock_error
from hotspots.errors import RasterError
from hotspots.layers.grid import cell_area
from hotspots.layers.variables import CLIMATE_ZONES, HOTSPOT_CLASSES

CLASS = {name: code for code, name in HOTSPOT_CLASSES.items()}
DRAWS = 30
# One factor without error that gains the same everywhere: then only the stock is in doubt.
SURE = [
    {
        "system": "cropland",
        "factor": factor,
        "level": level,
        "climate_zone": zone,
        "value": value,
        "error_pct": 0.0,
        "source": "made for a test",
    }
    for factor, level, value in (
        ("F_MG", "no_tillage", 1.1),
        ("F_I", "high_without_manure", 1.1),
        ("F_MG", "full_tillage", 1.0),
        ("F_I", "medium", 1.0),
    )
    for zone in CLIMATE_ZONES.values()
]
ONE_METHOD: dict[str, Any] = {"ensemble": {"members": ["potential_ipcc_tier1"]}}


@pytest.fixture(scope="module")
def data() -> xr.Dataset:
    return piece("UGA")


@pytest.fixture(scope="module")
def plain(data: xr.Dataset) -> Edition:
    return run(data)


@pytest.fixture(scope="module")
def wide(data: xr.Dataset) -> xr.Dataset:
    """Data whose stock is hardly known."""
    return data.assign(soc_stock_sd=filled(data, 2 * data["soc_stock"], "t ha-1"))


def run(data: xr.Dataset, **sections: Any) -> Edition:
    draws = {"draws": DRAWS} | sections.pop("uncertainty", {})
    return hs.analyze(data, quick(uncertainty=draws, **sections))


def classes(edition: Edition) -> npt.NDArray[np.int64]:
    return edition.rasters["hotspot_class"].values.astype("int64")


def hot_by_hand(
    values: npt.NDArray[np.float64], area: npt.NDArray[np.float64], share: float, least: float
) -> npt.NDArray[np.bool_]:
    """Return the cells that the top share of the area takes whole, ties together."""
    hot = np.zeros(values.size, dtype=bool)
    for i, value in enumerate(values):
        above = sum(area[j] for j in range(values.size) if values[j] >= value)
        hot[i] = value >= least and value > 0 and above <= share * area.sum() * (1 + 1e-12)
    return hot


def test_stability_is_what_a_plain_loop_over_worlds_counts(data: xr.Dataset) -> None:
    """Each draw: field and factors drawn, gains ranked cell by cell, hot cells counted."""
    edition = run(data, **ONE_METHOD)
    rasters, recipe = edition.rasters, edition.recipe
    gain = rasters["potential_ipcc_tier1"]
    cells = np.flatnonzero(gain.notnull().values.ravel())
    assert 30 < cells.size < 150
    ranked = rasters["excluded_reason"].values.ravel()[cells] == 0
    area = (cell_area(rasters) * rasters["hotspot_class_valid_share"]).values.ravel()[cells]
    zone = data["climate_zone"].values.ravel()[cells].astype(int)
    value = gain.values.ravel()[cells].astype("float64")
    loss = -rasters["modelled_change"].values.ravel()[cells].astype("float64")
    sd = 1.2533141373155001 * data["soc_stock_error"].values.ravel()[cells].astype("float64")
    stock = data["soc_stock"].values.ravel()[cells].astype("float64")
    drawn = tier1_draws(n=DRAWS, seed=recipe.uncertainty.seed)
    place, points = field_points(gain, cells, recipe.uncertainty.range_km)
    fields = gaussian_fields(points, range_km=100.0, draws=DRAWS, seed=recipe.uncertainty.seed)
    best = {
        z: value[zone == z] / rasters["soc_stock_managed"].values.ravel()[cells][zone == z]
        for z in np.unique(zone)
    }
    years = 20.0
    rate = {z: float(np.median(share)) * years for z, share in best.items()}
    difference_sd = np.sqrt(2 * sd**2 - 2 * 0.95 * sd**2) / years
    gains, losses = np.zeros(cells.size), np.zeros(cells.size)
    for k, field in enumerate(fields):
        off = field[place].astype("float64")
        world = np.array(
            [
                v * drawn[k, z] / rate[z] * max(0.0, 1 + s / c * e)
                for v, z, s, c, e in zip(value, zone, sd, stock, off, strict=True)
            ]
        )
        gains[ranked] += hot_by_hand(world[ranked], area[ranked], 0.1, 0.2)
        losses[ranked] += hot_by_hand((loss + difference_sd * off)[ranked], area[ranked], 0.1, 0.1)
    stability = {
        n: rasters[n].values.ravel()[cells]
        for n in ("stability_gain_errors", "stability_gain", "stability_loss")
    }
    np.testing.assert_allclose(stability["stability_gain_errors"][ranked], gains[ranked] / DRAWS)
    np.testing.assert_allclose(stability["stability_gain"][ranked], gains[ranked] / DRAWS)
    np.testing.assert_allclose(stability["stability_loss"][ranked], losses[ranked] / DRAWS)
    assert np.isnan(stability["stability_gain"][~ranked]).all()
    assert 0 < gains.max() <= DRAWS


def test_the_same_seed_draws_the_same_worlds(data: xr.Dataset, plain: Edition) -> None:
    first, again = plain, run(data)
    other = run(data, uncertainty={"seed": 5})
    name = "stability_gain"
    np.testing.assert_array_equal(first.rasters[name].values, again.rasters[name].values)
    assert first.table.equals(again.table)
    assert first.id == again.id != other.id
    assert (first.rasters[name].values != other.rasters[name].values).any()
    np.testing.assert_array_equal(classes(first), classes(other))


def test_of_a_known_stock_only_the_factors_are_in_doubt(data: xr.Dataset) -> None:
    """With sd 0 and sure factors of one method, all draws are the best estimate."""
    sure = data.assign(soc_stock_sd=filled(data, 0.0, "t ha-1"))
    edition = run(sure, potential={"factors": SURE}, **ONE_METHOD)
    stability = edition.rasters["stability_gain_errors"].values
    assert set(np.unique(stability[np.isfinite(stability)])) == {0.0, 1.0}
    low, high = (edition.table[f"potential_{end}_t_yr"].dropna() for end in ("low", "high"))
    total = edition.table["potential_ipcc_tier1_total"].dropna()
    np.testing.assert_allclose(low, total, rtol=1e-6)
    np.testing.assert_allclose(high, total, rtol=1e-6)
    in_doubt = run(sure, **ONE_METHOD).rasters["stability_gain_errors"].values
    assert ((in_doubt > 0) & (in_doubt < 1)).any()


def test_a_sure_stock_leaves_hot_land_hot(data: xr.Dataset) -> None:
    """The gate of sd 0, one method and sure factors opens for all that the map calls hot."""
    choice: dict[str, Any] = {"potential": {"factors": SURE}, **ONE_METHOD}
    sure = data.assign(soc_stock_sd=filled(data, 0.0, "t ha-1"))
    free = run(data, hotspots={"stability_over": "nothing"}, **choice)
    gated = run(sure, **choice)
    np.testing.assert_array_equal(classes(free), classes(gated))
    np.testing.assert_array_equal(classes(free), gated.rasters["hotspot_class_stable"].values)
    assert (classes(free) == CLASS["build"]).any()


def test_a_wide_sd_leaves_no_evidence_of_what_was_hot(wide: xr.Dataset, plain: Edition) -> None:
    free, gated = plain, run(wide)
    hot = np.isin(classes(free), [CLASS[n] for n in ("protect", "restore", "build")])
    assert hot.any()
    assert (classes(gated)[hot] == CLASS["insufficient_evidence"]).all()
    np.testing.assert_array_equal(classes(gated)[~hot], classes(free)[~hot])
    assert gated.manifest["uncertainty"]["stock"] == "soc_stock_sd"


def test_a_predicted_error_of_points_alone_gates_nothing(data: xr.Dataset, plain: Edition) -> None:
    """It isn't the sd of a cell: it is drawn, and told, but the map's own class stands."""
    with_error, without = plain, run(data.drop_vars("soc_stock_error"))
    np.testing.assert_array_equal(classes(with_error), classes(without))
    stable = with_error.rasters["hotspot_class_stable"].values
    assert (stable == CLASS["insufficient_evidence"]).any()
    assert "absolute error" in with_error.manifest["uncertainty"]["stock"]
    assert without.manifest["uncertainty"]["stock"] == "no error is known"


def test_what_the_class_is_stable_over_is_a_choice(
    data: xr.Dataset, wide: xr.Dataset, plain: Edition
) -> None:
    nothing = run(wide, hotspots={"stability_over": "nothing"})
    np.testing.assert_array_equal(classes(nothing), classes(plain))
    everything = run(data, hotspots={"stability_over": "all"})
    np.testing.assert_array_equal(
        classes(everything), everything.rasters["hotspot_class_stable"].values
    )
    never = run(wide, hotspots={"stability": 0.0})
    np.testing.assert_array_equal(classes(never), classes(plain))


def test_without_draws_errors_are_nowhere() -> None:
    edition = run(made("UGA"), uncertainty={"draws": 0})
    assert not [n for n in edition.rasters if "stab" in str(n)]
    told = ("_low_t_yr", "_high_t_yr", "rank_low", "rank_high", "_sd_", "top_k", "shrunk")
    for table in (edition.table, edition.units):
        assert not [c for c in table if any(part in str(c) for part in told)]
    assert edition.manifest["uncertainty"] == {}
    assert edition.manifest["sensitivity"] == {}
    assert (edition.rasters["hotspot_class"] == CLASS["build"]).any()


def test_the_best_layer_tells_the_error(data: xr.Dataset) -> None:
    """A standard deviation before an interval, an interval before an error of points."""
    sd = data.assign(soc_stock_sd=filled(data, 3.0, "t ha-1").assign_attrs(support="cell"))
    bounds = with_bounds(data, level=0.9, support="cell")
    found = {name: stock_error(d) for name, d in (("sd", sd), ("bounds", bounds), ("error", data))}
    assert stock_error(data.drop_vars("soc_stock_error")) is None
    assert found["sd"].kind == found["bounds"].kind == "sd"
    assert found["error"].kind == "absolute error"
    assert float(found["sd"].sd.max()) == 3.0
    # 5 % and 95 % of a normal lie 1.645 sd off.
    share = (found["bounds"].sd / data["soc_stock"]).values
    np.testing.assert_allclose(share[np.isfinite(share)], 0.2 / 1.6448536269514722, rtol=1e-5)


@pytest.mark.parametrize(
    ("level", "z"), [(0.5, 0.6744897501960817), (0.68, 0.994457883), ("0.95", 1.959963984540054)]
)
def test_the_level_of_an_interval_gives_its_width(
    data: xr.Dataset, level: object, z: float
) -> None:
    """Bounds at 20 % off the stock are 0.2 / z, of whatever level they are."""
    found = stock_error(with_bounds(data, level=level, support="point"))
    assert found is not None
    share = (found.sd / data["soc_stock"]).values
    np.testing.assert_allclose(share[np.isfinite(share)], 0.2 / z, rtol=1e-5)
    low = 50 * (1 - float(str(level)))
    assert f"{low:g} % and {100 - low:g} % quantiles, of points" in found.source


def with_bounds(data: xr.Dataset, **declared: object) -> xr.Dataset:
    """`data` with bounds of the stock, 20 % off."""
    bounds = {"soc_stock_lower": 0.8, "soc_stock_upper": 1.2}
    return data.assign(
        {
            name: filled(data, data["soc_stock"] * part, "t ha-1").assign_attrs(declared)
            for name, part in bounds.items()
        }
    )


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({"support": "cell"}, "'soc_stock_lower' doesn't say the level of its interval"),
        ({"level": 95, "support": "cell"}, "'95' isn't the level of an interval"),
        ({"level": 0.9, "support": "block"}, "'block' isn't a support"),
    ],
)
def test_an_interval_says_what_it_is(
    data: xr.Dataset, declared: dict[str, object], told: str
) -> None:
    with pytest.raises(RasterError, match=told):
        run(with_bounds(data, **declared))


def test_an_error_without_support_is_noted(data: xr.Dataset) -> None:
    """The number doesn't depend on it yet; a reader must know that nobody has said it."""
    told = "soc_stock_sd doesn't say its support"
    unsaid = data.assign(soc_stock_sd=filled(data, 3.0, "t ha-1"))
    said = data.assign(soc_stock_sd=unsaid["soc_stock_sd"].assign_attrs(support="cell"))
    assert any(told in note for note in run(unsaid).manifest["notes"])
    assert not any(told in note for note in run(said).manifest["notes"])
    # Without draws no error is read.
    assert run(with_bounds(data), uncertainty={"draws": 0}).manifest["uncertainty"] == {}


def test_two_bounds_of_two_levels_are_no_interval(data: xr.Dataset) -> None:
    given = with_bounds(data, level=0.9, support="cell")
    given["soc_stock_upper"].attrs["level"] = 0.95
    with pytest.raises(RasterError, match=r"'soc_stock_lower' has 0\.9 and 'soc_stock_upper' has"):
        stock_error(given)


def test_the_manifest_has_level_and_support(data: xr.Dataset) -> None:
    edition = run(with_bounds(data, level=0.95, support="point"), uncertainty={"draws": 20})
    assert edition.manifest["inputs"]["soc_stock_upper"]["level"] == 0.95
    assert edition.manifest["inputs"]["soc_stock_upper"]["support"] == "point"
    assert "2.5 % and 97.5 %" in str(edition.manifest["uncertainty"])
    other = run(with_bounds(data, level=0.9, support="point"), uncertainty={"draws": 20})
    assert edition.id != other.id


def test_a_gain_is_not_blown_up_by_few_draws(data: xr.Dataset) -> None:
    """Where a factor's error is wider than its gain, the mean of few draws may be next to none."""
    few, many = (
        run(data, uncertainty={"draws": n}, **ONE_METHOD).table.loc["UGA"] for n in (25, 400)
    )
    width = [row["potential_high_t_yr"] - row["potential_low_t_yr"] for row in (few, many)]
    assert 0.4 < width[0] / width[1] < 2.0
    assert many["potential_low_t_yr"] < many["potential_ipcc_tier1_total"]
    assert many["potential_ipcc_tier1_total"] < many["potential_high_t_yr"]


def test_cells_that_are_fine_share_the_error_of_their_block(data: xr.Dataset) -> None:
    """A point stands for all cells within a quarter of the range, and lies among them."""
    layer = data["soc_stock"]
    cells = np.arange(layer.size)
    number, points = field_points(layer, cells, range_km=1000.0)
    assert len(points) < layer.size
    assert number.max() == len(points) - 1
    alone, every = field_points(layer, cells, range_km=1.0)
    assert len(every) == layer.size
    np.testing.assert_array_equal(every[alone], grid_points(layer, cells))
