"""Stock and potential by land use: the parts make the whole, in hectares, tonnes and CO2e."""

from __future__ import annotations

import numpy as np
import pytest
from drivers import piece, quick

import hotspots as hs
from hotspots.edition.edition import Edition
from hotspots.layers.grid import cell_area

NO_DRAWS = {"uncertainty": {"draws": 0}}


def of(edition: Edition, place: str) -> dict[str, dict[str, float]]:
    """Return the rows of a region by land use."""
    rows = edition.land_use[edition.land_use["id"] == place]
    return rows.set_index("land_use").to_dict(orient="index")


@pytest.fixture(scope="module", params=[False, True], ids=["cropland", "with pasture"])
def edition(request: pytest.FixtureRequest) -> Edition:
    return hs.analyze(piece("KEN"), quick(**NO_DRAWS, potential={"include_pasture": request.param}))


def test_the_uses_make_the_region(edition: Edition) -> None:
    uses, table = edition.land_use.groupby("id"), edition.table
    for place, rows in uses:
        whole = table.loc[place]
        assert rows["soc_stock_t"].sum() == pytest.approx(whole["soc_stock_total"], rel=1e-9)
        assert rows["land_ha"].sum() == pytest.approx(whole["land_valid_ha"], rel=1e-9)
    assert {"KEN", "total"} <= set(uses.groups)


def test_the_gains_of_the_managed_uses_make_the_potential(edition: Edition) -> None:
    with_pasture = edition.recipe.potential.include_pasture
    managed = ["cropland", "grassland"] if with_pasture else ["cropland"]
    for place in ("KEN", "total"):
        gains = {u: row["potential_t_yr"] for u, row in of(edition, place).items()}
        assert [u for u, gain in gains.items() if np.isfinite(gain)] == managed
        # Shares and rates are stored as float32, which the table's total was made of.
        whole = edition.table.loc[place, "potential_ipcc_tier1_total"]
        assert sum(gains[u] for u in managed) == pytest.approx(whole, rel=1e-7)


def test_carbon_is_told_as_co2_too(edition: Edition) -> None:
    rows = edition.land_use
    np.testing.assert_allclose(rows["soc_stock_tco2e"], rows["soc_stock_t"] * 44 / 12, rtol=1e-15)
    gain = rows["potential_t_yr"] * 44 / 12
    np.testing.assert_allclose(rows["potential_tco2e_yr"], gain, rtol=1e-15)
    mean = rows["soc_stock_t"] / rows["land_ha"]
    np.testing.assert_allclose(rows["soc_stock_mean"], mean, rtol=1e-15)


def test_one_cell_by_hand() -> None:
    """Cropland has what its factors leave; the other uses share the rest."""
    data = piece("KEN")
    edition = hs.analyze(data, quick(**NO_DRAWS))
    at = edition.rasters
    land = (cell_area(at) * at["valid_share"]).values.astype("float64")
    crop, grass = (at[f"{u}_share"].values.astype("float64") for u in ("cropland", "pasture"))
    stock = at["soc_stock"].values.astype("float64")
    own = at["soc_stock_managed"].values.astype("float64")
    held = {"cropland": 0.0, "grassland": 0.0, "other": 0.0}
    for i in np.ndindex(land.shape):
        if not land[i] > 0 or not np.isfinite(stock[i]):
            continue
        c, g = np.nan_to_num(crop[i]), np.nan_to_num(grass[i])
        of_crop = own[i] if np.isfinite(own[i]) else stock[i]
        of_rest = (stock[i] - c * of_crop) / (1 - c) if 1 - c > 1e-6 else stock[i]
        held["cropland"] += land[i] * c * of_crop
        held["grassland"] += land[i] * g * of_rest
        held["other"] += land[i] * max(0.0, 1 - c - g) * of_rest
    for use, row in of(edition, "total").items():
        assert row["soc_stock_t"] == pytest.approx(held[use], rel=1e-6), use


def test_forest_is_told_apart_where_it_is_known() -> None:
    data = piece("KEN")
    rest = (1 - data["cropland_share"] - data["pasture_share"]).clip(0, 1)
    forest = (0.5 * rest).assign_attrs(data["cropland_share"].attrs)
    edition = hs.analyze(data.assign(forest_share=forest), quick(**NO_DRAWS))
    rows = of(edition, "total")
    assert list(rows) == ["cropland", "grassland", "forest", "other"]
    assert rows["forest"]["land_ha"] == pytest.approx(rows["other"]["land_ha"], rel=1e-5)
    total = sum(row["soc_stock_t"] for row in rows.values())
    assert total == pytest.approx(edition.table.loc["total", "soc_stock_total"], rel=1e-9)


def test_land_that_is_all_crops_keeps_its_stock() -> None:
    data = piece("UGA")
    full = data["cropland_share"] * 0 + 1
    none = data["cropland_share"] * 0
    attrs = data["cropland_share"].attrs
    data = data.assign(
        cropland_share=full.assign_attrs(attrs), pasture_share=none.assign_attrs(attrs)
    )
    rows = of(hs.analyze(data, quick(**NO_DRAWS)), "total")
    assert list(rows) == ["cropland"]


def test_without_shares_there_is_no_table() -> None:
    edition = hs.analyze(piece("UGA").drop_vars("cropland_share"), quick(**NO_DRAWS))
    assert edition.land_use.empty
    assert {"id", "land_use"} <= set(edition.land_use)
