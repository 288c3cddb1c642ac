"""The main job: from data and a recipe to an edition whose numbers add up."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
import xarray as xr

import hotspots as hs
from hotspots import analysis as an
from hotspots.edition.analyze import identify, out_of_range, unlike_makers
from hotspots.edition.inputs import clip
from hotspots.edition.tables.region_weights import nearest_cells, region_weights
from hotspots.errors import BadInputError, EmptyRegionError, GridMismatchError, RasterError
from hotspots.layers.grid import Grid, cell_area, grid_of, require_same_grid
from hotspots.layers.variables import HOT_CLASSES, HOTSPOT_CLASSES

SUMMED = (
    "soc_stock_total",
    "deficit_historic_total",
    "potential_ipcc_tier1_total",
    "modelled_gross_loss_total",
    "modelled_gross_gain_total",
    "modelled_change_total",
    "land_valid_ha",
    "ranked_managed_ha",
    "hot_managed_ha",
)


@pytest.fixture(scope="module")
def kenya() -> xr.Dataset:
    return clip(hs.sample(), hs.region("KEN")).load()


def test_countries_and_the_outside_make_the_world(world_edition):
    table = world_edition.table
    counted = table[(table["set"] == "countries") & (table["value_from"] == "covered")]
    for column in SUMMED:
        parts = counted[column].sum() + np.nan_to_num(table.loc["outside", column])
        assert parts == pytest.approx(table.loc["world", column], rel=1e-9), column


def test_the_world_is_the_plain_sum_over_cells(world_edition):
    """No region at all: area × valid share × stock, summed."""
    rasters = world_edition.rasters
    area = cell_area(rasters).values
    total = np.nansum(area * rasters["valid_share"].values * rasters["soc_stock"].values)
    assert world_edition.table.loc["world", "soc_stock_total"] == pytest.approx(total, rel=1e-6)
    cropland = rasters["valid_share"].values * rasters["cropland_share"].values
    gain = np.nansum(area * cropland * rasters["potential_ipcc_tier1"].values)
    stated = world_edition.table.loc["world", "potential_ipcc_tier1_total"]
    assert stated == pytest.approx(gain, rel=1e-6)


def test_every_outline_has_a_row_and_says_where_its_values_come_from(world_edition):
    table = world_edition.table
    assert set(hs.regions("countries")["id"]) <= set(table.index)
    for region in ("FJI", "RUS", "KIR", "MDV", "TUV", "ATA"):
        row = table.loc[region]
        assert row["value_from"] in ("covered", "nearest", "missing")
        if row["value_from"] == "missing":
            assert np.isnan(row["soc_stock_total"])
            assert np.isnan(row["hotspot_class_build_area_ha"])
            assert "No valid cell" in row["note"]
        if row["value_from"] == "nearest":
            assert "nearest" in row["note"]
    assert table.loc["RUS", "value_from"] == table.loc["FJI", "value_from"] == "covered"
    assert table.loc["ATA", "soc_stock_missing_share"] > 0.99


def test_a_coastal_country_is_not_discounted_twice(world_edition):
    """Plain cover × valid share loses more than a tenth of an archipelago's stock."""
    shapes = hs.regions("countries").set_index("id", drop=False).loc[["PHL"]]
    data = world_edition.rasters[["soc_stock", "valid_share"]]
    plain = an.zonal(data, shapes)["soc_stock_total"].iloc[0]
    assert plain < 0.9 * world_edition.table.loc["PHL", "soc_stock_total"]


def test_the_table_is_what_zonal_gives(world_edition):
    """One function behind all: a notebook user's own call gives the same number."""
    data = world_edition.rasters[["soc_stock", "valid_share", "deficit_historic"]]
    mine = an.zonal(data, hs.regions("countries"), partition=True)
    rows = world_edition.table.loc[mine.index]
    covered = rows["value_from"] == "covered"
    for column in ("soc_stock_total", "soc_stock_mean", "deficit_historic_total", "area_ha"):
        np.testing.assert_allclose(mine[column][covered], rows[column][covered], rtol=1e-12)


def test_initiative_regions_are_the_sums_of_their_countries(world_edition):
    from hotspots.geo.regions import initiative_members

    table = world_edition.table
    for region, members in initiative_members().items():
        covered = [c for c in members if table.loc[c, "value_from"] == "covered"]
        assert table.loc[region, "soc_stock_total"] == pytest.approx(
            table.loc[covered, "soc_stock_total"].sum(), rel=1e-12
        )


def test_never_a_third_of_the_world_is_hot(world_edition):
    figures, recipe = world_edition.summary, world_edition.recipe
    assert 0 < figures["hot_share_of_ranked"] <= 2 * recipe.hotspots.top_share
    assert figures["hot_share_of_potential"] > figures["hot_share_of_ranked"] / 2
    for key in ("gi_star_alone_potential_raw", "gi_star_alone_loss_raw"):
        assert 0 < figures[key] < 1


def test_hot_cells_pass_the_thresholds_by_their_own_value(world_edition):
    rasters, recipe = world_edition.rasters, world_edition.recipe.hotspots
    classes = rasters["hotspot_class"].values
    code = {name: c for c, name in HOTSPOT_CLASSES.items()}
    gain, loss = rasters["potential_ipcc_tier1"].values, -rasters["modelled_change"].values
    assert gain[np.isin(classes, [code["build"], code["restore"]])].min() >= recipe.gain_threshold
    assert loss[np.isin(classes, [code["protect"], code["restore"]])].min() >= recipe.loss_threshold
    assert not (rasters["excluded_reason"].values[np.isin(classes, [1, 2, 3, 4])] > 0).any()


def test_land_is_ranked_or_excluded_by_reason_or_unmanaged(world_edition):
    """Every hectare with soil data is accounted for."""
    world = world_edition.table.loc["world"]
    by_reason = world.filter(regex="^excluded_reason_.*_area_ha$")
    organic = by_reason.pop("excluded_reason_organic_soil_area_ha")
    assert by_reason.sum() == pytest.approx(world["hotspot_class_excluded_area_ha"], rel=1e-9)
    assert organic > world["hotspot_class_organic_area_ha"] > 0
    accounted = (
        world["ranked_managed_ha"]
        + world["hotspot_class_insufficient_evidence_area_ha"]
        + world["hotspot_class_organic_area_ha"]
        + world["unmanaged_in_ranked_cells_ha"]
        + by_reason.sum()
    )
    assert accounted == pytest.approx(world["land_valid_ha"], rel=1e-9)
    not_ranked = 1 - world["ranked_managed_ha"] / world["land_valid_ha"]
    assert world["not_ranked_share"] == pytest.approx(not_ranked)
    assert by_reason["excluded_reason_little_managed_land_area_ha"] > 0


def test_units_add_up_to_their_country_and_are_ranked(world_edition):
    units, table = world_edition.units, world_edition.table
    assert units["rank"].tolist() == list(range(1, len(units) + 1))
    assert units["potential_t_yr"].is_monotonic_decreasing
    assert units["id"].is_unique
    ranked = units.groupby("country")["ranked_managed_ha"].sum()
    stated = table.loc[ranked.index, "ranked_managed_ha"]
    np.testing.assert_allclose(ranked, stated, rtol=1e-9)


def test_patches_hold_what_the_raster_holds(world_edition):
    patches, recipe = world_edition.hotspots, world_edition.recipe.hotspots
    whole = world_edition.table.loc["world"]
    assert patches["managed_ha"].sum() == pytest.approx(whole["hot_managed_ha"], rel=1e-9)
    assert patches["cells"].min() >= recipe.min_patch_cells
    assert patches["land_ha"].min() >= 100 * recipe.min_patch_area_km2
    assert set(patches["class"]) <= set(HOT_CLASSES)
    assert patches.geometry.is_valid.all()
    assert patches["countries"].str.len().min() >= 3


def test_the_same_input_gives_the_same_id_and_another_recipe_another(kenya):
    first, again = hs.analyze(kenya), hs.analyze(kenya)
    other = hs.analyze(kenya, hs.Recipe.from_dict({"potential": {"adoption": 0.5}}))
    assert first.id == again.id == identify(kenya, hs.Recipe())
    assert other.id != first.id
    half = other.table.loc["KEN", "potential_ipcc_tier1_total"]
    assert half == pytest.approx(first.table.loc["KEN", "potential_ipcc_tier1_total"] / 2, rel=1e-6)


def test_chunked_input_gives_the_same_numbers(kenya):
    whole, chunked = hs.analyze(kenya), hs.analyze(kenya.chunk({"y": 5, "x": 7}))
    assert whole.id == chunked.id
    xr.testing.assert_equal(whole.rasters, chunked.rasters)


def test_kenya_alone_has_the_row_it_has_in_the_world(kenya, world_edition):
    alone = hs.analyze(kenya).table.loc["KEN"]
    among = world_edition.table.loc["KEN"]
    for column in (*SUMMED[:6], "area_ha", "land_valid_ha"):
        assert alone[column] == pytest.approx(among[column], rel=1e-6), column


def test_a_drawn_outline_gives_what_the_country_gives():
    """The same polygon, by name and as GeoJSON, on a coast: the sea is discounted once."""
    country = hs.region("IRL")
    drawn = hs.region(dict(country.geometry.__geo_interface__))
    assert drawn.kind == "custom"
    by_name, by_shape = (hs.analyze(clip(hs.sample(), r)).table for r in (country, drawn))
    for column in ("soc_stock_total", "potential_ipcc_tier1_total", "land_valid_ha"):
        assert by_shape.loc["IRL", column] == pytest.approx(by_name.loc["IRL", column], rel=1e-4)


def test_regions_of_ones_own_have_rows(kenya):
    mine = gpd.GeoDataFrame(
        {"id": ["west", "sea"]},
        geometry=[shapely.box(34, -1, 36, 1), shapely.box(-30, -1, -29, 1)],
        crs="EPSG:4326",
    )
    table = hs.analyze(kenya, regions=mine).table
    assert table.loc["west", "soc_stock_total"] > 0
    assert table.loc["sea", "value_from"] == "missing"
    whole = table.loc["total", "soc_stock_total"]
    inside = table.loc["west", "soc_stock_total"] + table.loc["outside", "soc_stock_total"]
    assert inside == pytest.approx(whole, rel=1e-6)


def test_pasture_counts_only_when_asked_for(kenya):
    without = hs.analyze(kenya)
    asked = hs.analyze(kenya, hs.Recipe.from_dict({"potential": {"include_pasture": True}}))
    column = "potential_ipcc_tier1_total"
    assert asked.table.loc["KEN", column] > 1.5 * without.table.loc["KEN", column]
    assert "Pasture is counted" in asked.manifest["scenario"]


@pytest.mark.parametrize(
    ("absent", "told"),
    [
        (["soc_stock_reference"], "historical deficit"),
        (["soc_stock_1990"], "modelled change"),
        (["cropland_share"], "potential and hotspots"),
        (["climate_zone"], "potential and hotspots"),
    ],
)
def test_a_missing_layer_disables_its_method_with_a_sentence(kenya, absent, told):
    edition = hs.analyze(kenya.drop_vars(absent))
    assert any(told in note and absent[0] in note for note in edition.manifest["notes"])
    assert edition.table.loc["KEN", "soc_stock_total"] > 0


def test_values_out_of_range_are_told_and_kept(kenya):
    odd = kenya.assign(soc_stock=kenya["soc_stock"].copy())
    odd["soc_stock"].values[np.isfinite(odd["soc_stock"].values)] = 900.0
    assert any("soc_stock" in note and "800" in note for note in out_of_range(odd))


def test_bad_layers_are_refused_in_one_sentence(kenya):
    def changed(name: str, **attrs: str) -> xr.Dataset:
        out = kenya.copy()
        out[name] = out[name].copy()
        out[name].attrs |= attrs
        return out

    no_unit = changed("soc_stock")
    del no_unit["soc_stock"].attrs["units"]
    other_grid = kenya["cropland_share"].assign_coords(x=kenya["x"] + 0.1)
    shifted = xr.Dataset({"cropland_share": other_grid})
    with pytest.raises(RasterError, match="has no unit"):
        hs.analyze(no_unit)
    with pytest.raises(RasterError, match="is in 'kg m-2'"):
        hs.analyze(changed("soc_stock", units="kg m-2"))
    with pytest.raises(BadInputError, match="2006"):
        hs.analyze(changed("climate_zone", guidelines="2006"))
    with pytest.raises(RasterError, match="soc_stock"):
        hs.analyze(kenya.drop_vars("soc_stock"))
    with pytest.raises(EmptyRegionError, match="no land"):
        hs.analyze(
            kenya.assign(soc_stock=kenya["soc_stock"] * np.float32(np.nan)).assign(
                soc_stock=lambda d: d["soc_stock"].assign_attrs(units="t ha-1")
            )
        )
    with pytest.raises(GridMismatchError, match="another grid"):
        require_same_grid(kenya["soc_stock"], shifted["cropland_share"], "cropland_share")


def small_grid(columns: int = 8, rows: int = 4, step: float = 1.0, west: float = 0.0) -> Grid:
    y = 2 - step * (np.arange(rows) + 0.5)
    x = west + step * (np.arange(columns) + 0.5)
    layer = xr.DataArray(np.zeros((rows, columns)), dims=("y", "x"), coords={"y": y, "x": x})
    return grid_of(layer.rio.write_crs(4326))


def test_nearest_cells_are_within_two_cell_widths():
    """An island at the left of a row of cells, of which only the last ones are valid.

    column  0 1 2 3 4 5 6 7
            i . . v v . . .     distance of column 3 from column 0's island: 2.5 cells
    """
    grid = small_grid()
    valid = np.zeros((4, 8), dtype=bool)
    valid[1, 3:5] = True
    island = shapely.box(0.1, 0.1, 0.5, 0.9)
    assert nearest_cells(island, grid, valid.ravel()).size == 0
    near = shapely.box(1.1, 0.1, 1.5, 0.9)
    assert nearest_cells(near, grid, valid.ravel()).tolist() == [8 + 3]


def test_nearest_cells_reach_across_the_antimeridian():
    grid = small_grid(columns=36, step=10.0, west=-180.0)
    assert grid.wraps
    valid = np.zeros((4, 36), dtype=bool)
    valid[0, -1] = True
    island = shapely.box(-179, -6, -178, -5)
    assert nearest_cells(island, grid, valid.ravel()).tolist() == [35]


def test_a_region_without_valid_cells_takes_the_nearest_and_says_so():
    """A 4 × 8 world: the island's own cell has no soil, its right neighbour holds 50 t/ha."""
    grid = small_grid()
    stock = np.full((4, 8), np.nan, dtype="float32")
    stock[1, 2] = 50.0
    layer = xr.DataArray(stock, dims=("y", "x"), coords={"y": grid.y, "x": grid.x})
    data = xr.Dataset({"soc_stock": layer.assign_attrs(units="t ha-1")}).rio.write_crs(4326)
    island = gpd.GeoDataFrame(
        {"id": ["isle"]}, geometry=[shapely.box(1.1, 0.1, 1.5, 0.9)], crs="EPSG:4326"
    )
    row = hs.analyze(data, regions=island).table.loc["isle"]
    assert row["value_from"] == "nearest"
    assert row["soc_stock_mean"] == pytest.approx(50)
    assert row["soc_stock_total"] == pytest.approx(50 * row["area_ha"])
    assert row["soc_stock_missing_share"] == 1


def test_weights_share_each_cell_out_once(world_edition):
    weights = region_weights(world_edition.rasters.load(), "countries")
    rows = weights.rows
    counted = ((rows["set"] == "countries") & (rows["value_from"] == "covered")).to_numpy()
    columns = np.asarray(weights.matrix[counted].sum(axis=0)).ravel()
    assert columns.max() <= 1 + 1e-9
    assert columns[columns > 0].min() >= 1 - 1e-9


def test_own_regions_get_what_the_same_outline_gets_elsewhere(world_edition):
    """The Philippines as a country, and as an outline of the user's own: the same tonnes."""
    shape = hs.regions("countries").set_index("id").loc["PHL", "geometry"]
    mine = gpd.GeoDataFrame({"id": ["islands"]}, geometry=[shape], crs="EPSG:4326")
    table = hs.analyze(hs.sample(), regions=mine).table
    among = world_edition.table.loc["PHL"]
    for column in ("soc_stock_total", "potential_ipcc_tier1_total", "area_ha"):
        assert table.loc["islands", column] == pytest.approx(among[column], rel=1e-5), column
    assert table.loc["world", "area_ha"] == pytest.approx(
        world_edition.table.loc["world", "area_ha"]
    )


def test_a_box_is_all_of_itself_and_its_countries_their_parts_inside():
    bounds = (33.3, -3.3, 37.8, -0.7)
    data = hs.load(bounds)
    mine = gpd.GeoDataFrame({"id": ["box"]}, geometry=[shapely.box(*bounds)], crs="EPSG:4326")
    whole = hs.analyze(data, regions=mine).table
    assert whole.loc["box", "soc_stock_total"] == pytest.approx(
        whole.loc["total", "soc_stock_total"]
    )
    parts = hs.analyze(data).table
    shapes = hs.regions("countries").set_index("id", drop=False).loc[["KEN", "TZA"]]
    inside = shapes.set_geometry(shapes.intersection(shapely.box(*bounds)))
    plain = an.zonal(hs.sample()[["soc_stock", "valid_share"]], inside)
    for country in ("KEN", "TZA"):
        stated = parts.loc[country, "soc_stock_total"]
        # Plain fractions discount the shores of Lake Victoria twice; the rest is the same.
        assert plain.loc[country, "soc_stock_total"] == pytest.approx(stated, rel=0.06)


def test_pasture_has_the_yardstick_and_per_mille_of_its_own_stock(kenya):
    recipe = hs.Recipe.from_dict({"potential": {"include_pasture": True}})
    edition = hs.analyze(kenya, recipe)
    row = edition.table.loc["KEN"]
    stock = row["soc_stock_managed_total"]
    assert row["target_four_per_mille_total"] == pytest.approx(0.004 * stock, rel=1e-6)
    assert row["potential_per_mille"] == pytest.approx(
        1000 * row["potential_ipcc_tier1_total"] / stock
    )
    # The factors allow at most some 11 ‰ a year (1.1 x 1.11 over 20 years), whatever the land use.
    assert edition.units["potential_per_mille"].between(0, 12).all()


def test_another_year_or_name_is_another_edition(kenya, tmp_path, monkeypatch):
    """What changes a number or a word of the result changes the id."""
    later = kenya.copy()
    later["soc_stock_1990"] = later["soc_stock_1990"].copy()
    later["soc_stock_1990"].attrs["year"] = 2000
    first = identify(kenya, hs.Recipe())
    assert identify(later, hs.Recipe()) != first
    shapes = hs.regions("countries")
    renamed = shapes.assign(name_fr=shapes["name_fr"].str.upper())
    assert identify(kenya, hs.Recipe(), shapes) != identify(kenya, hs.Recipe(), renamed)


def test_ranked_means_the_same_everywhere(kenya):
    """Where the second date is missing, cells are without evidence: in no table are they ranked."""
    partly = kenya.copy()
    partly["soc_stock_1990"] = partly["soc_stock_1990"].where(kenya["y"] > 0)
    edition = hs.analyze(partly)
    row = edition.table.loc["KEN"]
    assert row["hotspot_class_insufficient_evidence_area_ha"] > 0
    assert row["ranked_managed_ha"] == pytest.approx(edition.units["ranked_managed_ha"].sum())


def test_no_potential_is_claimed_on_organic_soil(world_edition):
    rasters = world_edition.rasters
    organic = rasters["soc_stock"].values > world_edition.recipe.eligibility.organic_stock
    assert organic.any()
    assert np.isnan(rasters["potential_ipcc_tier1"].values[organic]).all()
    assert world_edition.table.loc["FIN", "hotspot_class_organic_area_ha"] > 0


def test_a_part_of_the_world_is_not_called_the_world():
    part = hs.sample().isel(y=slice(60, 100), x=slice(360, 400))
    table = hs.analyze(part).table
    assert "world" not in table.index
    assert {"total", "outside"} <= set(table.index)
    assert (table["area_ha"].drop("outside") > 0).all()
    assert set(table["set"]) == {"countries", "total", "outside"}


def test_stocks_of_two_makers_are_told(kenya):
    assert unlike_makers(kenya) == []
    other = kenya.copy()
    other["soc_stock_1990"] = kenya["soc_stock_1990"].assign_attrs(citation="another map")
    (note,) = unlike_makers(other)
    assert "soc_stock_1990" in note
    assert "may be no change at all" in note
