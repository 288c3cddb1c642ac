"""Intervals of the tables: ordered, about the value, and what the plain double sum gives."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from drivers import filled, piece, quick

import hotspots as hs
from hotspots import analysis as an
from hotspots.edition.edition import Edition
from hotspots.layers.grid import cell_area

BOX = "28,-12,42,5"  # the east of Africa: a dozen countries, whole or in part
KINDS = ("independent", "correlated", "perfect")


@pytest.fixture(scope="module")
def data() -> xr.Dataset:
    return piece(BOX)


@pytest.fixture(scope="module")
def edition(data: xr.Dataset) -> Edition:
    return hs.analyze(data, quick(uncertainty={"draws": 200}))


def known(edition: Edition, kind: str = "countries") -> object:
    """Return the rows of a set that have a potential."""
    table = edition.table
    return table[(table["set"] == kind) & table["potential_ipcc_tier1_total"].notna()]


def test_the_three_sds_are_in_order(edition: Edition) -> None:
    rows = known(edition)
    assert len(rows) > 8
    for name in ("soc_stock", "potential"):
        sd = [rows[f"{name}_sd_{kind}"].to_numpy() for kind in KINDS]
        assert (sd[0] > 0).any()
        # The correlated one is of random waves, so it is told to a few per cent.
        assert (sd[0] <= 1.05 * sd[1]).all()
        assert (sd[1] <= 1.05 * sd[2]).all()


def test_a_countrys_sd_is_the_double_sum_over_its_cells(data, edition: Edition) -> None:
    """`total_uncertainty` sums over all pairs of cells; the table takes waves and blocks."""
    country = piece("RWA")
    alone = hs.analyze(country, quick()).table.loc["RWA"]
    sd = 1.2533141373155001 * country["soc_stock_error"]
    area = cell_area(country) * country["valid_share"]
    for kind, correlation in zip(KINDS, ("independent", "exponential", "perfect"), strict=True):
        twin = an.total_uncertainty(sd=sd, area=area, correlation=correlation, range_km=100.0)
        assert alone[f"soc_stock_sd_{kind}"] == pytest.approx(twin, rel=0.05), kind
    row = edition.table.loc["RWA"]
    assert row["soc_stock_sd_perfect"] == pytest.approx(alone["soc_stock_sd_perfect"], rel=0.02)


def test_of_perfect_errors_sds_add_up_and_of_none_variances(edition: Edition) -> None:
    rows, whole = known(edition), edition.table.loc["total"]
    outside = edition.table.loc["outside"]
    perfect = rows["soc_stock_sd_perfect"].sum() + np.nan_to_num(outside["soc_stock_sd_perfect"])
    assert perfect == pytest.approx(whole["soc_stock_sd_perfect"], rel=1e-6)
    # A cell that two countries share counts for each in part, so their variances fall short.
    squares = (rows["soc_stock_sd_independent"] ** 2).sum()
    assert 0.7 < squares / whole["soc_stock_sd_independent"] ** 2 <= 1.001
    assert whole["soc_stock_sd_correlated"] < rows["soc_stock_sd_correlated"].sum()


def test_the_interval_lies_about_the_value(edition: Edition) -> None:
    rows = known(edition)
    low, high = rows["potential_low_t_yr"], rows["potential_high_t_yr"]
    value = rows["potential_ipcc_tier1_total"]
    assert (low <= high).all()
    held = (low <= value) & (value <= high)
    assert held.mean() > 0.9
    whole = edition.table.loc["total"]
    assert whole["potential_low_t_yr"] < whole["potential_ipcc_tier1_total"]
    assert whole["potential_ipcc_tier1_total"] < whole["potential_high_t_yr"]
    # Countries err in part for themselves: the sum is surer than each.
    width = (high - low).sum()
    assert whole["potential_high_t_yr"] - whole["potential_low_t_yr"] < width


def test_ranks_lie_in_their_intervals(edition: Edition) -> None:
    rows = known(edition)
    rank = rows["rank"].astype(float)
    assert (rows["rank_low"] <= rows["rank_high"]).all()
    held = (rows["rank_low"] <= rank) & (rank <= rows["rank_high"])
    assert held.mean() > 0.8
    assert rows["rank_low"].min() >= 1
    assert rows["rank_high"].max() <= len(rows)
    units = edition.units
    held = (units["rank_low"] <= units["rank"]) & (units["rank"] <= units["rank_high"])
    assert held.mean() > 0.8


def test_the_stable_top_is_a_part_of_the_top(edition: Edition) -> None:
    rows = known(edition)
    stable = rows[rows["stable_top_k"] == 1]
    assert (stable["top_k_share"] >= 0.8).all()
    assert (rows.loc[rows["stable_top_k"] == 0, "top_k_share"] < 0.8).all()
    assert len(stable) <= edition.recipe.uncertainty.top_k
    one = hs.analyze(piece("RWA"), quick(uncertainty={"top_k": 1})).table.loc["RWA"]
    assert one["stable_top_k"] == 0  # a set of one has no top
    assert np.isnan(one["rank_low"])


def test_a_wider_level_and_a_wider_error_are_told_as_wider() -> None:
    data = piece("UGA")

    def row(error: float, level: float) -> dict[str, float]:
        given = data.assign(soc_stock_sd=filled(data, error, "t ha-1"))
        edition = hs.analyze(given, quick(uncertainty={"level": level, "draws": 60}))
        return dict(edition.table.loc["total"])

    narrow, wide, wrong = row(2.0, 0.8), row(2.0, 0.95), row(8.0, 0.8)
    assert wide["potential_low_t_yr"] < narrow["potential_low_t_yr"]
    assert wide["potential_high_t_yr"] > narrow["potential_high_t_yr"]
    for name in ("soc_stock", "potential"):
        for kind in KINDS:
            column = f"{name}_sd_{kind}"
            assert wrong[column] == pytest.approx(4 * narrow[column], rel=1e-5), column


def test_small_regions_are_flagged_and_drawn_to_the_mean(edition: Edition) -> None:
    rows = known(edition)
    small = rows["small_region"] == 1
    floor = 1e6 * edition.recipe.uncertainty.small_region_mha
    area = rows["potential_ipcc_tier1_valid_area_ha"]
    np.testing.assert_array_equal(small, area < floor)
    mean, shrunk = rows["potential_ipcc_tier1_mean"], rows["potential_mean_shrunk"]
    middle = np.average(mean, weights=area)
    assert np.isfinite(shrunk).all()
    closer = (shrunk - middle).abs() <= (mean - middle).abs() + 0.25 * mean.std()
    assert closer.mean() > 0.8
    assert edition.table.loc["total", "small_region"] == 0


def test_own_regions_have_intervals_too(data) -> None:
    """A region without managed land, or beside the data, has none; nothing fails."""
    regions = hs.regions("countries").set_index("id", drop=False).loc[["UGA", "KEN", "FRA"]]
    rows = hs.analyze(data, quick(), regions=regions.reset_index(drop=True)).table
    assert np.isfinite(rows.loc["UGA", "potential_low_t_yr"])
    assert "FRA" not in rows.index or np.isnan(rows.loc["FRA", "potential_low_t_yr"])
