"""Attainable potential: the weighted quantile, strata merged up, and the world's total."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import hotspots as hs
from hotspots.analysis.ipcc.factor_tables import rows_of
from hotspots.analysis.potential.attainable import attainable, weighted_quantile
from hotspots.errors import BadInputError, GridMismatchError
from hotspots.layers.grid import cell_area
from hotspots.layers.variables import describe


def row(*values: float, **attrs: Any) -> xr.DataArray:
    """Cells side by side, at 10, 11, … degrees east."""
    coords = {"y": [45.5], "x": 10.5 + np.arange(len(values))}
    layer = xr.DataArray([list(values)], dims=("y", "x"), coords=coords, attrs=attrs)
    return layer.rio.write_crs(4326).rio.write_transform()


def flat(layer: xr.DataArray) -> list[float]:
    return [float(v) for v in layer.values.ravel()]


def plain_quantile(values: list[float], weights: list[float], q: float) -> float:
    """Walk up the sorted values until the share q of the weight is reached."""
    reached, total = 0.0, sum(weights)
    for value, weight in sorted(zip(values, weights, strict=True)):
        reached += weight
        if reached >= q * total * (1 - 1e-12):
            return value
    raise AssertionError("the share is never reached")


# ---------------------------------------------------------------- the quantile


@given(
    cells=st.lists(st.tuples(st.integers(0, 300), st.integers(1, 9)), min_size=1, max_size=40),
    q=st.sampled_from([0.05, 0.5, 0.75, 0.8, 0.9, 0.95]),
)
def test_quantile_is_the_plain_twin_and_numpys(cells: list[tuple[int, int]], q: float) -> None:
    values, weights = (np.array(part, dtype=float) for part in zip(*cells, strict=True))
    found = weighted_quantile(values, weights, q)
    assert found == plain_quantile(list(values), list(weights), q)
    # A cell of weight n is n cells.
    again = np.repeat(values, weights.astype(int))
    assert found == weighted_quantile(again, np.ones(len(again)), q)
    # Numpy has no tolerance for the rounding of its sums: off the steps only.
    steps = np.cumsum(weights[np.argsort(values)]) / weights.sum()
    if np.abs(steps - q).min() > 1e-9:
        assert found == np.quantile(values, q, weights=weights, method="inverted_cdf")


def test_quantile_of_ten_equal_cells_is_the_ninth() -> None:
    assert weighted_quantile(np.arange(10.0), np.full(10, 0.1), 0.9) == 8
    assert weighted_quantile(np.arange(10.0), np.full(10, 0.1), 0.91) == 9


# ---------------------------------------------------------------- strata


def test_deficit_by_hand() -> None:
    """Two strata of four: 75 % of the area is reached at 30 and, by weight, at 8.

    ::

        stratum   1   1   1   1 | 2   2   2   2
        SOC      10  20  30  40 | 2   4   6   8
        area      1   1   1   1 | 1   1   1   9
    """
    soc = row(10, 20, 30, 40, 2, 4, 6, 8, depth_cm="0-30")
    out = attainable(
        soc_stock=soc,
        stratum=row(1, 1, 1, 1, 2, 2, 2, 2),
        area=row(1, 1, 1, 1, 1, 1, 1, 9),
        quantile=0.75,
        min_samples=4,
        years=10,
    )
    assert flat(out["attainable_deficit"]) == [20, 10, 0, 0, 6, 4, 2, 0]
    assert flat(out["potential_attainable"]) == [2, 1, 0, 0, 0.6, 0.4, 0.2, 0]
    assert flat(out["attainable_level"]) == [0] * 8
    assert out["potential_attainable"].attrs["units"] == "t ha-1 yr-1"
    assert out["attainable_deficit"].attrs["depth_cm"] == "0-30"
    table = out[[n for n in out if str(n).startswith("stratum")]].to_dataframe()
    assert list(table.index) == ["1", "2"]
    assert list(table["stratum_samples"]) == [4, 4]
    assert list(table["stratum_area_ha"]) == [4, 12]
    assert list(table["stratum_quantile"]) == [30, 8]


def test_small_strata_are_merged_up_layer_by_layer() -> None:
    """Zone x soil: (1, 1) has three cells; (1, 2) one, so all of zone 1; zone 2 one, so coarser 9.

    ::

        zone     1   1   1   1 | 2 | 3
        soil     1   1   1   2 | 1 | 1
        coarser  9   9   9   9 | 9 | 8
        SOC     10  20  30  50 | 5 | 7
    """
    soc, zone, soil = row(10, 20, 30, 50, 5, 7), row(1, 1, 1, 1, 2, 3), row(1, 1, 1, 2, 1, 1)
    coarser = row(9, 9, 9, 9, 9, 8)
    out = attainable(
        soc_stock=soc, stratum=(zone, soil), coarser=[coarser], min_samples=3, quantile=0.99
    )
    np.testing.assert_array_equal(out["attainable_level"], [[0, 0, 0, 1, 2, np.nan]])
    np.testing.assert_array_equal(out["attainable_deficit"], [[20, 10, 0, 0, 45, np.nan]])
    told = dict(zip(out["stratum"].values, out["stratum_level"].values, strict=True))
    assert told["1 / 2 / 9"] == 1
    assert np.isnan(told["3 / 1 / 8"])
    alone = attainable(soc_stock=soc, stratum=(zone, soil), min_samples=3, quantile=0.99)
    assert np.isnan(flat(alone["attainable_deficit"])[4])


def test_land_use_is_never_dropped() -> None:
    """Forest holds 90, but cropland isn't held against it, whatever is merged."""
    soc = row(10, 20, 90, 95)
    use = describe(row(1, 1, 3, 3), "land_use")
    zone = describe(row(1, 12, 1, 12), "climate_zone")
    out = attainable(
        soc_stock=soc,
        stratum=(zone, zone),
        land_use=use,
        coarser=[row(1, 1, 1, 1)],
        min_samples=2,
        quantile=0.9,
    )
    assert flat(out["attainable_deficit"]) == [10, 0, 5, 0]
    assert flat(out["attainable_level"]) == [2] * 4
    first = "cropland / warm_temperate_moist / warm_temperate_moist / 1"
    assert first in out["stratum"].values


def test_missing_excluded_and_landless_cells_are_neither_samples_nor_answered() -> None:
    soc = row(10, 20, np.nan, 500, 30, 40)
    out = attainable(
        soc_stock=soc,
        stratum=row(1, 1, 1, 1, 0, 1),
        area=row(1, 1, 1, 1, 1, 0),
        exclude=row(0, 0, 0, 1, 0, 0).astype(bool),
        min_samples=2,
    )
    np.testing.assert_array_equal(out["attainable_deficit"], [[10, 0] + [np.nan] * 4])
    assert list(out["stratum_samples"].values) == [2]
    nothing = attainable(soc_stock=soc, stratum=row(*[np.nan] * 6), min_samples=1)
    assert nothing["attainable_deficit"].isnull().all()
    assert nothing.sizes["stratum"] == 0


def test_weights_are_true_areas_by_default() -> None:
    """Rows of 20 to 40, 40 to 60 and 60 to 80 degrees north: 47, 35 and 19 % of the area."""
    coords = {"y": [70.0, 50.0, 30.0], "x": [5.0, 15.0]}
    values = [[30.0, 30.0], [20.0, 20.0], [10.0, 10.0]]
    stock = xr.DataArray(values, dims=("y", "x"), coords=coords).rio.write_crs(4326)
    kept: dict[str, Any] = {"soc_stock": stock, "stratum": stock * 0 + 1, "min_samples": 1}
    out = attainable(quantile=0.8, **kept)
    assert out["stratum_quantile"].item() == 20
    area = cell_area(stock)
    assert out["stratum_area_ha"].item() == pytest.approx(float(area.sum()))
    even = attainable(quantile=0.8, area=area * 0 + 1, **kept)
    assert even["stratum_quantile"].item() == 30


CODES = st.lists(st.integers(0, 3), min_size=24, max_size=24)


@given(zone=CODES, soil=CODES, seed=st.integers(0, 99), least=st.integers(1, 6))
def test_plain_twin_of_strata(zone: list[int], soil: list[int], seed: int, least: int) -> None:
    rng = np.random.default_rng(seed)
    stock, area = rng.integers(1, 200, 24), rng.integers(1, 9, 24)
    out = attainable(
        soc_stock=row(*stock.astype(float)),
        stratum=(row(*zone), row(*soil)),
        area=row(*area),
        min_samples=least,
        quantile=0.8,
    )
    for i, found in enumerate(flat(out["attainable_deficit"])):
        expected = np.nan
        if zone[i] and soil[i]:
            known = [j for j in range(24) if zone[j] and soil[j]]
            alike = [j for j in known if (zone[j], soil[j]) == (zone[i], soil[i])]
            if len(alike) < least:
                alike = [j for j in known if zone[j] == zone[i]]
            if len(alike) >= least:
                best = plain_quantile([stock[j] for j in alike], [area[j] for j in alike], 0.8)
                expected = max(0.0, best - stock[i])
        np.testing.assert_equal(found, expected)


def test_in_chunks_it_is_as_in_memory() -> None:
    rng = np.random.default_rng(5)
    coords = {"y": np.arange(10.5, 30), "x": np.arange(0.5, 30)}
    stock = xr.DataArray(rng.uniform(5, 150, (20, 30)), dims=("y", "x"), coords=coords)
    stock = stock.where(stock > 15).rio.write_crs(4326)
    zone = xr.zeros_like(stock, dtype="uint8") + rng.integers(0, 4, (20, 30)).astype("uint8")
    whole = attainable(soc_stock=stock, stratum=zone, min_samples=5)
    lazy = attainable(
        soc_stock=stock.chunk({"y": 7, "x": 11}),
        stratum=zone.chunk({"y": 7, "x": 11}),
        min_samples=5,
    )
    for name in ("attainable_deficit", "potential_attainable", "attainable_level"):
        assert lazy[name].chunks is not None
    xr.testing.assert_identical(lazy.compute(), whole)


@given(factor=st.floats(0.1, 5), more=st.floats(0.81, 0.99))
def test_deficit_scales_with_the_stock_and_grows_with_the_quantile(
    factor: float, more: float
) -> None:
    stock, zone = row(10, 20, 30, 40, 50, 60), row(1, 1, 1, 2, 2, 2)
    kept: dict[str, Any] = {"stratum": zone, "min_samples": 3}
    one = attainable(soc_stock=stock, quantile=0.8, **kept)["attainable_deficit"]
    scaled = attainable(soc_stock=stock * factor, quantile=0.8, **kept)["attainable_deficit"]
    np.testing.assert_allclose(scaled, one * factor, rtol=1e-12)
    higher = attainable(soc_stock=stock, quantile=more, **kept)["attainable_deficit"]
    assert (higher >= one).all()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"quantile": 90}, "divide percent by 100"),
        ({"quantile": 1.0}, "quantile is 1"),
        ({"quantile": np.nan}, "quantile is nan"),
        ({"min_samples": 0}, "min_samples is 0"),
        ({"years": 0}, "years is 0"),
        ({"soc_stock": row(-1.0, 5.0)}, "soc_stock has the value -1"),
        ({"area": row(-1.0, 5.0)}, "area has the value -1"),
        ({"stratum": row(-3, 1)}, "code -3"),
        ({"stratum": row(40000, 1)}, "code 40000"),
        ({"stratum": [row(1, 1)] * 5}, "5 layers of classes"),
        ({"stratum": []}, "0 layers of strata"),
    ],
)
def test_wrong_use_is_told(change: dict[str, Any], told: str) -> None:
    kept = {"soc_stock": row(10.0, 20.0), "stratum": row(1, 1)}
    with pytest.raises(BadInputError, match=told):
        attainable(**(kept | change))


def test_layers_on_unlike_coordinates_are_refused() -> None:
    with pytest.raises(GridMismatchError, match="same coordinates"):
        attainable(soc_stock=row(10.0, 20.0, 30.0), stratum=row(1, 1))


# ---------------------------------------------------------------- the world


def test_world_total_is_at_the_low_end_of_the_published_range() -> None:
    """Cropland of the sample by climate zone alone; maps compress the upper quantiles.

    Padarian et al. (2022): 29 to 65 Pg on 83 Pg of cropland stock, from profiles.
    """
    data = hs.sample()
    crop = data["cropland_share"]
    area = cell_area(data) * data["valid_share"] * crop
    kept = area.where(crop >= 0.1).fillna(0)
    stock = data["soc_stock"].astype("float64")
    (published,) = rows_of("reference_totals", quantity="cropland additional storage potential")
    totals = {}
    for q in (0.8, 0.9, 0.95):
        out = attainable(
            soc_stock=stock,
            stratum=data["climate_zone"],
            area=kept,
            quantile=q,
            exclude=stock > 200,
        )
        totals[q] = float((out["attainable_deficit"] * kept).sum()) / 1e9
    found = pd.Series(totals)
    assert found.is_monotonic_increasing
    assert float(published["low"]) <= found[0.9] <= float(published["high"])
    assert found[0.9] == pytest.approx(30.5, abs=0.5)
    assert (out["stratum_level"].isnull() == (out["stratum_samples"] < 30)).all()
