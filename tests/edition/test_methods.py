"""Every method through `analyze`: its cells against plain arithmetic, and each missing input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rioxarray
import xarray as xr
from drivers import classed, filled, made, quick

import hotspots as hs
from hotspots import analysis as an
from hotspots.analysis.ipcc.organic_soils import organic_soil_factor
from hotspots.analysis.stock import stock_to_depth
from hotspots.edition.analyze import checked
from hotspots.edition.edition import Edition
from hotspots.edition.methods import METHODS, run_methods
from hotspots.errors import BadInputError, HotspotsError, RecipeError
from hotspots.layers.variables import CLIMATE_ZONES, LOSS_COMPONENTS, SOIL_CLASSES, describe

PARTS = [f"loss_{name}" for name in LOSS_COMPONENTS.values()]
NO_MASKS = dict.fromkeys(("organic", "saline", "high_stock"), False)


@pytest.fixture(scope="module")
def data() -> xr.Dataset:
    return made()


@pytest.fixture(scope="module")
def edition(data: xr.Dataset) -> Edition:
    return hs.analyze(data, quick())


def computed(data: xr.Dataset, recipe: hs.Recipe | None = None) -> tuple[xr.Dataset, dict]:
    """Return the layers of all methods and the states by id: `analyze` without its tables."""
    recipe = recipe or quick()
    ready, first = checked(data, recipe)
    layers, then = run_methods([m for m in METHODS if m.kind != "input"], ready, recipe)
    return layers, {s.id: s for s in [*first, *then]}


@pytest.fixture(scope="module")
def layers(data: xr.Dataset) -> xr.Dataset:
    return computed(data)[0]


def cell(layers: xr.Dataset, data: xr.Dataset) -> dict[str, Any]:
    """Return all values of one cell of tropical cropland that has them all."""
    known = layers["potential_ipcc_tier1"].notnull() & (layers["loss_conversion"] > 0)
    known &= (data["climate_zone"] == 11) & layers["saturation_deficit"].notnull()
    known &= layers["potential_gsocseq_ssm1"].notnull()
    row, column = np.argwhere(known.values)[0]
    here = {"y": int(row), "x": int(column)}
    point = xr.merge([data, layers], compat="override").isel(here)
    return {str(n): v.values if v.ndim else v.values.item() for n, v in point.data_vars.items()}


# --------------------------------------------------------------------------------- plain twins


def test_every_method_runs_where_all_is_given(edition: Edition) -> None:
    states = {row["id"]: row for row in edition.manifest["methods"]}
    assert list(states) == [method.id for method in METHODS]
    for row in states.values():
        assert row["status"] in ("run", "given"), row
        assert row["gives"], row
        assert not row["reason"], row
    for method in METHODS:
        wanted = set(method.gives) if method.kind != "input" else set()
        assert wanted <= set(edition.rasters) | set(states[method.id]["gives"]), method.id


def test_an_edition_stores_what_the_methods_gave(edition: Edition, layers: xr.Dataset) -> None:
    for name in layers:
        assert edition.rasters[name].dims == ("y", "x")
        np.testing.assert_array_equal(edition.rasters[name].values, layers[name].values)


def test_tier1_is_the_ratio_of_factors_on_the_unmixed_stock(layers, data) -> None:
    at = cell(layers, data)
    zone = CLIMATE_ZONES[int(at["climate_zone"])]
    now = an.stock_change_factor(factor="F_LU", level="long_term_cultivated", climate_zone=zone)
    till = an.stock_change_factor(factor="F_MG", level="no_tillage", climate_zone=zone)
    high = an.stock_change_factor(factor="F_I", level="high_without_manure", climate_zone=zone)
    share = at["cropland_share"]
    reference = at["soc_stock"] / (1 - share + share * now)
    assert at["soc_stock_managed"] == pytest.approx(reference * now, rel=1e-6)
    gain = reference * now * (till * high - 1) / 20
    assert at["potential_ipcc_tier1"] == pytest.approx(gain, rel=1e-5)
    per_mille = 1000 * gain / (reference * now)
    assert at["potential_ipcc_tier1_per_mille"] == pytest.approx(per_mille, rel=1e-5)
    assert at["target_four_per_mille"] == pytest.approx(0.004 * reference * now, rel=1e-6)
    assert at["deficit_historic"] == pytest.approx(
        at["soc_stock_reference"] - at["soc_stock"], abs=1e-4
    )


def test_the_losses_by_hand(layers, data) -> None:
    at = cell(layers, data)
    zone = CLIMATE_ZONES[int(at["climate_zone"])]
    f = an.stock_change_factor(factor="F_LU", level="long_term_cultivated", climate_zone=zone)
    conversion = at["conversion_rate"] * at["soc_stock"] * (1 - f)
    assert at["loss_conversion"] == pytest.approx(conversion, rel=1e-5)
    moved = at["soil_erosion"] * at["soc"] / 1000
    assert at["loss_erosion_gross"] == pytest.approx(moved, rel=1e-5)
    assert at["loss_erosion"] == pytest.approx(0.2 * moved, rel=1e-5)
    peat = organic_soil_factor(zone, "cropland")
    drained = at["drained_organic_share"] * peat
    assert at["loss_drained_organic"] == pytest.approx(drained, rel=1e-5)
    horizon = min(at["soc_stock"], 30 * at["loss_total"])
    regained = 30 * at["potential_ipcc_tier1"]
    assert at["irrecoverable"] == pytest.approx(max(0, horizon - regained), rel=1e-4, abs=1e-5)
    tenth = 0.1 * at["soc_stock"] / at["loss_total"]
    assert at["years_to_lose_tenth"] == pytest.approx(tenth, rel=1e-5)
    largest = int(np.argmax([at[name] for name in PARTS])) + 1
    assert at["loss_main_component"] == largest


def test_saturation_by_hand(layers, data) -> None:
    at = cell(layers, data)
    fine = at["clay"] + np.log(10) / np.log(25) * at["silt"]
    content = 4.09 + 0.37 * fine - 0.85 * at["soc"]
    stock = content * at["bulk_density"] * (1 - at["coarse_fragments"]) * 30 * 0.1
    assert at["saturation_balance"] == pytest.approx(stock, rel=1e-5)
    assert at["saturation_deficit"] == pytest.approx(max(0, stock), rel=1e-5)


def test_the_trend_by_hand(layers, data) -> None:
    """Four dates on a line: the slope of each pair is the same."""
    at = cell(layers, data)
    assert at["soc_trend"] == pytest.approx(-0.1, abs=1e-4)
    years, stocks = (1995, 2000, 2005), [at[f"soc_stock_{y}"] for y in (1995, 2000, 2005)]
    years, stocks = (1990, *years, 2010), [at["soc_stock_1990"], *stocks, at["soc_stock"]]
    slopes = [
        (stocks[j] - stocks[i]) / (years[j] - years[i]) for i in range(5) for j in range(i + 1, 5)
    ]
    assert at["soc_trend"] == pytest.approx(np.median(slopes), abs=1e-5)


def test_the_sdg_class_is_that_of_its_change(layers) -> None:
    change, found = layers["sdg_soc_change"].values, layers["sdg_soc_class"].values
    known = np.isfinite(change)
    assert known.any()
    assert (found[~known] == 0).all()
    wanted = np.select([change < -10, change > 10], [1, 3], default=2)
    np.testing.assert_array_equal(found[known], wanted[known])
    assert set(np.unique(found[known])) >= {1, 2}


def test_gsocseq_stands_as_one_to_two_to_four(layers) -> None:
    one, two, four = (layers[f"potential_gsocseq_ssm{i}"].values for i in (1, 2, 3))
    known = np.isfinite(one)
    assert known.sum() > 20
    assert (one[known] > 0).all()
    # Doubling is exact in binary, but 0.2 and 0.05 are not each other's four times in float64.
    np.testing.assert_allclose(two[known], 2 * one[known], rtol=2e-7)
    np.testing.assert_allclose(four[known], 4 * one[known], rtol=2e-7)


def test_business_as_usual_at_equilibrium_does_not_drift(layers) -> None:
    np.testing.assert_allclose(
        layers["soc_bau"], layers["soc_stock_managed"].where(layers["soc_bau"].notnull()), rtol=1e-5
    )
    assert float(layers["loss_disequilibrium"].max()) < 1e-5


def test_gsocseq_of_one_cell_is_the_function_on_its_numbers(layers, data) -> None:
    at = cell(layers, data)
    months = ("air_temperature", "precipitation", "evaporation", "plant_cover")
    alone = an.gsocseq(
        soc_stock=at["soc_stock_managed"],
        clay=at["clay"],
        land_cover="cropland",
        **{name: at[name] for name in months},
    )
    assert at["potential_gsocseq_ssm2"] == pytest.approx(
        float(alone["potential_gsocseq_ssm2"]), rel=1e-5
    )
    assert at["carbon_input"] == pytest.approx(float(alone["carbon_input"]), rel=1e-5)


def test_attainable_is_a_quantile_of_like_land(layers, data) -> None:
    """The gain is what lacks to the quantile, over 20 years; above it there is none."""
    rate, deficit = layers["potential_attainable"], layers["attainable_deficit"]
    np.testing.assert_allclose(rate, deficit / 20, rtol=1e-6)
    assert float(deficit.min()) == 0
    zone = data["climate_zone"].where(rate.notnull())
    level = (layers["soc_stock_managed"] + deficit).where(deficit > 0)
    for code in np.unique(zone.values[np.isfinite(zone.values)]):
        found = level.where((zone == code) & (layers["attainable_level"] == 0)).values
        found = found[np.isfinite(found)]
        assert found.size == 0 or np.ptp(found) < 1e-3 * found[0]


def test_the_ensemble_is_the_median_of_its_members(layers) -> None:
    members = hs.Recipe().ensemble.members
    values = np.stack([layers[name].values for name in members]).astype("float64")
    known = np.isfinite(values).sum(axis=0)
    np.testing.assert_array_equal(np.nan_to_num(layers["methods_known"].values), known)
    some = known > 0
    np.testing.assert_allclose(
        layers["potential_median"].values[some], np.nanmedian(values[:, some], axis=0), rtol=1e-6
    )
    highest = np.nanmax(values[:, some], axis=0)
    np.testing.assert_allclose(layers["potential_highest"].values[some], highest, rtol=1e-6)
    above = (values >= 0.2).sum(axis=0)
    np.testing.assert_array_equal(layers["methods_agree"].values[some], above[some])


# ------------------------------------------------------------------------------ what must hold


def test_the_total_is_exactly_the_sum_of_its_parts_as_stored(edition: Edition) -> None:
    stored = edition.rasters
    total = sum(stored[name].values.astype("float64") for name in PARTS).astype("float32")
    np.testing.assert_array_equal(stored["loss_total"].values, total)
    assert np.isfinite(total).any()


def test_change_is_no_part_of_the_loss(data, layers) -> None:
    """A series or a model that sees a fall changes nothing of the loss at risk."""
    falling = data.assign(soc_stock_1990=filled(data, data["soc_stock"] + 30, "t ha-1", year=1990))
    other, _ = computed(falling)
    assert float(other["modelled_change"].max()) < -1
    np.testing.assert_array_equal(other["loss_total"].values, layers["loss_total"].values)


_NEEDS = sorted(
    {
        (method.id, name)
        for method in METHODS
        if method.kind != "input"
        for wanted in method.needs(hs.Recipe())
        for name in wanted.split("|")
    }
)
_OF_ALL = ("ensemble", "loss_total", "risk", "evidence")  # which take what is there


@pytest.mark.parametrize(
    "absent",
    sorted({name for _, name in _NEEDS} - {"soc_stock", "soc_stock_managed", "land_cover"}),
)
def test_a_missing_input_disables_its_methods_alone(data, layers, absent: str) -> None:
    """Each method without a need rests with a sentence; who didn't take part gives what it gave."""
    # A zone can be made of climate layers; without PET it can't.
    also = ["annual_pet"] if absent == "climate_zone" else []
    less, states = computed(data.drop_vars([absent, *also]))
    losers = {method for method, name in _NEEDS if name == absent}
    for method in losers:
        assert states[method].status == "no data"
        assert not states[method].gives
        assert absent in states[method].reason
        assert states[method].reason.startswith("No ")
        assert states[method].reason.endswith(".")
    gone = {n for m in METHODS if m.id in losers for n in m.gives} | {absent}
    for method in METHODS:
        needs = {n for w in method.needs(hs.Recipe()) for n in w.split("|")}
        touched = bool(needs & gone) or method.id in _OF_ALL
        # A date less is another series.
        touched |= method.id == "soc_trend" and absent == "soc_stock_1990"
        if method.kind == "input" or touched or method.id in losers:
            continue
        assert states[method.id].status == "run", method.id
        for name in set(method.gives) & set(layers):
            if not name.startswith("loss_"):  # the sum takes overlaps out of them
                np.testing.assert_array_equal(less[name].values, layers[name].values, name)


def test_methods_that_are_skipped_say_so(data) -> None:
    every = [method.id for method in METHODS]
    found, states = computed(data, quick(methods={"skip": every}))
    assert not found.data_vars
    for state in states.values():
        assert state.status == "skipped"
        assert state.reason.endswith(": the recipe skips it.")


_MISSING = {
    "clay": ["saturation_deficit", "potential_gsocseq_ssm1", "loss_warming", "loss_total"],
    "bulk_density": ["saturation_deficit"],
    "conversion_rate": ["loss_conversion", "loss_total", "irrecoverable"],
    "drained_organic_share": ["loss_drained_organic", "loss_total"],
    "soil_erosion": ["loss_erosion", "loss_erosion_gross", "loss_total"],
    "soc_stock_reference": ["deficit_historic"],
    "soc_stock_1990": ["modelled_change"],
    "air_temperature": ["potential_gsocseq_ssm3", "soc_bau", "loss_warming"],
    "cropland_share": ["potential_ipcc_tier1", "target_four_per_mille"],
}


def test_a_missing_value_is_missing_in_what_needs_it(data, layers) -> None:
    """NaN in one cell of each layer: NaN there, or no class; all other cells as they were."""
    known = layers["loss_total"].notnull() & layers["saturation_deficit"].notnull()
    known &= layers["potential_gsocseq_ssm1"].notnull()
    cells = dict(zip(_MISSING, np.argwhere(known.values).tolist(), strict=False))
    less = data.copy()
    for name, (row, column) in cells.items():
        less[name] = data[name].copy(deep=True)
        less[name].values[..., row, column] = np.nan
    found, _ = computed(less)
    for name, (row, column) in cells.items():
        for of in _MISSING[name]:
            assert np.isnan(found[of].values[row, column]), (name, of)
        if "loss_total" in _MISSING[name]:
            assert found["loss_main_component"].values[row, column] == 0
            assert found["response_class"].values[row, column] == 0
    row, column = cells["soc_stock_1990"]
    assert found["change_class"].values[row, column] == 0
    elsewhere = np.ones(known.shape, dtype=bool)
    elsewhere[tuple(zip(*cells.values(), strict=True))] = False
    for of in {of for gone in _MISSING.values() for of in gone}:
        there = layers[of].values[elsewhere]
        np.testing.assert_array_equal(found[of].values[elsewhere], there, of)


def test_chunked_input_gives_the_same_bytes(data, edition: Edition) -> None:
    lazy = hs.analyze(data.chunk({"y": 5, "x": 7}), quick())
    assert lazy.id == edition.id
    for name in edition.rasters:
        np.testing.assert_array_equal(lazy.rasters[name].values, edition.rasters[name].values)
    assert lazy.table.equals(edition.table)
    assert lazy.land_use.equals(edition.land_use)


def test_scaling_all_stocks_and_thresholds_together_changes_no_class(data) -> None:
    """Twice the carbon, twice the thresholds: the same land is hot, for the same reason."""
    twice = data.copy()
    for name in data:
        if data[name].attrs.get("units") == "t ha-1":
            twice[name] = (2 * data[name]).assign_attrs(data[name].attrs)
    once = hs.analyze(data, quick(masks=NO_MASKS))
    then = hs.analyze(
        twice,
        quick(
            masks=NO_MASKS,
            change={"detectable": 2.0},
            eligibility={"organic_stock": 400.0},
            hotspots={"gain_threshold": 0.4, "loss_threshold": 0.2},
        ),
    )
    for name in (
        "hotspot_class",
        "hotspot_class_in_zone",
        "hotspot_class_stable",
        "change_class",
        "stability_gain",
        "stability_loss",
        "evidence",
    ):
        np.testing.assert_array_equal(once.rasters[name].values, then.rasters[name].values, name)
    assert (once.rasters["hotspot_class"] == 3).any()


def test_after_twenty_years_nothing_more_is_gained(edition: Edition) -> None:
    table = edition.table.dropna(subset="potential_ipcc_tier1_total")
    gain = table["potential_ipcc_tier1_total"]
    for years in (5, 10, 20):
        np.testing.assert_allclose(table[f"gain_in_{years}_years_t"], gain * years, rtol=1e-9)
    np.testing.assert_allclose(table["gain_in_30_years_t"], gain * 20, rtol=1e-9)


# ----------------------------------------------------------------------------- inputs from others


def along_depth(data: xr.Dataset, name: str, weights: tuple[float, ...]) -> xr.DataArray:
    """Return a soil layer three times, multiplied by `weights`, 10 cm each."""
    parts = [data[name] * weight for weight in weights]
    out = xr.concat(parts, "depth").astype("float32")
    out = out.assign_coords(depth=[5, 15, 25], thickness=("depth", [10.0, 10.0, 10.0]))
    attrs = {k: v for k, v in data[name].attrs.items() if k != "depth_cm"}
    return out.drop_attrs(deep=False).assign_attrs(attrs)


def test_the_stock_is_made_of_soil_layers(data) -> None:
    """Three layers of unlike content hold, together, what their mean holds."""
    deep = data.drop_vars("soc_stock")
    for name in ("bulk_density", "coarse_fragments", "clay", "silt", "sand"):
        deep[name] = along_depth(data, name, (1, 1, 1))
    deep["soc"] = along_depth(data, "soc", (1.5, 1.0, 0.5))
    edition = hs.analyze(deep, quick())
    states = {row["id"]: row for row in edition.manifest["methods"]}
    assert states["soc_stock"]["status"] == "run"
    stock = edition.rasters["soc_stock"]
    assert stock.dims == ("y", "x")
    assert stock.attrs["depth_cm"] == "0-30"
    np.testing.assert_allclose(stock, data["soc_stock"], rtol=1e-5)
    # The capacity is linear in content, so the balance of the layers is that of their mean.
    whole = hs.analyze(data, quick()).rasters["saturation_balance"]
    np.testing.assert_allclose(edition.rasters["saturation_balance"], whole, rtol=1e-4, atol=1e-3)


def test_a_zone_is_found_where_none_is_given(data) -> None:
    """The rules on temperature, rain and PET; the zones then carry their guidelines."""
    _, states = computed(data.drop_vars("climate_zone"))
    assert states["climate_zone"].status == "run"
    assert states["ipcc_tier1"].status == "run"
    _, none = computed(data.drop_vars(["climate_zone", "annual_pet"]))
    assert none["climate_zone"].reason.endswith("the data lack annual_pet.")
    assert none["ipcc_tier1"].reason == "No potential and hotspots: the data lack climate_zone."


def test_ghana_from_points_at_depths(shared: Path) -> None:
    """Contents, densities and fragments at 0, 5, 15 and 30 cm give the stock, and all it ranks."""
    home = shared / "data" / "ghana_1km"
    part = {"x": slice(100, 160), "y": slice(300, 350)}

    def points(stem: str, scale: float) -> xr.DataArray:
        depths = []
        for i in (1, 2, 3, 4):
            raw = rioxarray.open_rasterio(home / f"{stem}_m_sl{i}_250m_Ghana.tif")
            raw = raw.squeeze("band", drop=True).isel(part)
            depths.append(raw.where(raw != -32768) * scale)
        return xr.concat(depths, "depth")

    soil = {
        "soc": points("orcdrc", 1.0),
        "bulk_density": points("bldfie", 1e-3),
        "coarse_fragments": points("crfvol", 1e-2),
    }
    stock = stock_to_depth(**soil, at=(0, 5, 15, 30))
    density = {n: v.values.astype("float64") for n, v in soil.items()}
    carbon = density["soc"] * density["bulk_density"] * (1 - density["coarse_fragments"]) * 0.1
    by_hand = sum(
        (carbon[i] + carbon[i + 1]) / 2 * thick for i, thick in enumerate((5.0, 10.0, 15.0))
    )
    np.testing.assert_allclose(stock.values, by_hand, rtol=1e-6)

    def quantity(layer: Any, name: str, **attrs: Any) -> xr.DataArray:
        return describe(layer.astype("float32"), name, **attrs)

    whole = stock.rio.write_crs(4326)
    like = xr.ones_like(whole)
    data = xr.Dataset(
        {
            "soc_stock": quantity(whole, "soc_stock", depth_cm="0-30", year=2017),
            "cropland_share": quantity(0.5 * like, "cropland_share"),
            "climate_zone": describe(
                (12 * like).astype("uint8"), "climate_zone", guidelines="2019"
            ),
        }
    )
    edition = hs.analyze(data, quick(), regions="initiative")
    assert 20 < edition.table.loc["total", "soc_stock_mean"] < 120
    states = {row["id"]: row["status"] for row in edition.manifest["methods"]}
    assert states["ipcc_tier1"] == "run"
    assert states["gsocseq"] == "no data"
    assert np.isfinite(edition.rasters["potential_ipcc_tier1"]).sum() > 1000


def test_lombardy_from_texture(shared: Path) -> None:
    """Real clay and silt at 250 m with a made SOC: the balance by hand, cell by cell."""
    home = shared / "data" / "lombardy_250m"
    part = {"x": slice(300, 340), "y": slice(300, 330)}

    def texture(stem: str, name: str) -> xr.DataArray:
        raw = rioxarray.open_rasterio(home / f"{stem}_M_sl1_250m.tiff").squeeze("band", drop=True)
        raw = raw.isel(part)
        return describe(raw.where(raw != 255).astype("float32"), name, depth_cm="0-30")

    clay, silt = texture("CLYPPT", "clay"), texture("SLTPPT", "silt")
    like = xr.ones_like(clay)
    data = xr.Dataset({"clay": clay, "silt": silt})
    for name, value in (("soc", 15.0), ("bulk_density", 1.3), ("coarse_fragments", 0.1)):
        data[name] = describe(value * like, name, depth_cm="0-30")
    edition = hs.analyze(data, quick(), regions="initiative")
    fine = clay.values + np.log(10) / np.log(25) * silt.values
    wanted = (4.09 + 0.37 * fine - 0.85 * 15) * 1.3 * 0.9 * 30 * 0.1
    np.testing.assert_allclose(edition.rasters["saturation_balance"], wanted, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(edition.rasters["soc_stock"].max(), 15 * 1.3 * 0.9 * 3, rtol=1e-5)
    assert "potential_ipcc_tier1" not in edition.rasters
    assert any("climate_zone" in note for note in edition.manifest["notes"])


def test_the_united_states_over_seven_epochs(shared: Path) -> None:
    """A series of real maps: slope and p of one cell by pairs, and land without change has none."""
    home = shared / "data" / "usa48_10km"
    part = {"x": slice(1000, 1060), "y": slice(560, 600)}
    data = xr.Dataset()
    for year in (1935, 1955, 1975, 1985, 2000, 2010, 2014):
        raw = rioxarray.open_rasterio(home / f"usa48.OCD_10cm_year{year}_10km.tif")
        raw = raw.squeeze("band", drop=True).isel(part)
        # kg m-3 over 20 cm as t ha-1
        stock = (raw.where(raw != -9999) * 2.0).astype("float32")
        name = "soc_stock" if year == 2014 else f"soc_stock_{year}"
        data[name] = describe(stock, name, year=year, depth_cm="0-20")
    edition = hs.analyze(data, quick(), regions="initiative")
    trend = edition.rasters["soc_trend"].values
    years = np.array([1935, 1955, 1975, 1985, 2000, 2010, 2014], dtype="float64")
    series = np.stack([data[f"soc_stock_{int(y)}" if y < 2014 else "soc_stock"] for y in years])
    row, column = np.argwhere((np.ptp(series, axis=0) > 0) & np.isfinite(trend))[0]
    values = series[:, row, column].astype("float64")
    pairs = [
        (values[j] - values[i]) / (years[j] - years[i]) for i in range(7) for j in range(i + 1, 7)
    ]
    assert trend[row, column] == pytest.approx(np.median(pairs), abs=1e-6)
    still = (np.ptp(series, axis=0) == 0) & np.isfinite(trend)
    assert still.any()
    assert (trend[still] == 0).all()


# -------------------------------------------------------------------------------------- wrong use


def _kelvin(data: xr.Dataset) -> xr.Dataset:
    return data.assign(air_temperature=data["air_temperature"] + 273.15)


def _with_code(data: xr.Dataset, name: str, code: int) -> xr.Dataset:
    layer = data[name].copy(deep=True)
    layer.values[5, 5] = code
    return data.assign({name: layer})


def _depth(data: xr.Dataset, name: str, depth: str) -> xr.Dataset:
    return data.assign({name: data[name].assign_attrs(depth_cm=depth)})


_WRONG = {
    "kelvin": (_kelvin, "looks like kelvin"),
    "percent": (lambda d: d.assign(cropland_share=d["cropland_share"] * 100), "percent"),
    "plant cover in percent": (lambda d: d.assign(plant_cover=d["plant_cover"] * 100), "percent"),
    "negative stock": (lambda d: d.assign(soc_stock=d["soc_stock"] - 60), "wrong sign"),
    "reference of another depth": (
        lambda d: _depth(d, "soc_stock_reference", "0-100"),
        "different depths",
    ),
    "date of another depth": (lambda d: _depth(d, "soc_stock_1990", "0-100"), "different depths"),
    "epoch of another depth": (lambda d: _depth(d, "soc_stock_2000", "0-100"), "different depths"),
    "density of another depth": (lambda d: _depth(d, "bulk_density", "0-20"), "different depths"),
    "stock to a metre": (
        lambda d: d.assign(
            {n: d[n].assign_attrs(depth_cm="0-100") for n in d if str(n).startswith("soc_stock")}
        ),
        "0-30 cm",
    ),
    "zones of 2006": (
        lambda d: d.assign(climate_zone=d["climate_zone"].assign_attrs(guidelines="2006")),
        "2006 guidelines",
    ),
    "eleven months": (lambda d: d.isel(month=slice(0, 11)), "12 months"),
    "months from July": (lambda d: d.roll(month=6, roll_coords=True), "aren't in order"),
    "months as time": (
        lambda d: d.assign(
            air_temperature=d["air_temperature"].rename(month="time").drop_vars("time")
        ),
        "12 steps along 'time'",
    ),
    "stock by depth": (
        lambda d: d.assign(soc_stock=d["soc_stock"].expand_dims(depth=3)),
        "3 steps along 'depth'",
    ),
    "land cover 9": (lambda d: _with_code(d, "land_cover_2015", 9), "'9' isn't a known"),
    "climate zone 13": (lambda d: _with_code(d, "climate_zone", 13), "'13' isn't a known"),
    "erosion negative": (lambda d: d.assign(soil_erosion=-d["soil_erosion"]), "wrong sign"),
    "density in kg": (lambda d: d.assign(bulk_density=d["bulk_density"] * 1000), "kg m-3"),
    "texture above the whole": (
        lambda d: d.assign(clay=d["clay"] * 0 + 90, silt=d["silt"] * 0 + 60),
        "sum to",
    ),
}


@pytest.mark.parametrize("case", _WRONG)
def test_wrong_data_is_told_in_one_sentence(data, case: str) -> None:
    spoil, said = _WRONG[case]
    with xr.set_options(keep_attrs=True):
        wrong = spoil(data)
    with pytest.raises(HotspotsError, match=said) as told:
        hs.analyze(wrong, quick())
    assert isinstance(told.value, BadInputError)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"methods": {"skip": ["tier_one"]}}, "can't be skipped"),
        ({"methods": {"ranking_potential": "deficit_historic"}}, "t ha-1 yr-1"),
        ({"methods": {"ranking_potential": "potential_ipcc_tier1_per_mille"}}, "t ha-1 yr-1"),
        ({"change": {"start": "clay"}}, "not a stock"),
        ({"saturation": {"equation": "hasink"}}, "hassink_1997"),
        ({"ensemble": {"members": ["soc_stock", "potential_ipcc_tier1"]}}, "t ha-1 yr-1"),
        ({"methods": {"ranking_potential": "potential_ipcc_teir1"}}, "did you mean"),
    ],
)
def test_a_wrong_choice_is_told_in_one_sentence(data, choice, said: str) -> None:
    with pytest.raises(HotspotsError, match=said) as told:
        hs.analyze(data, quick(**choice))
    assert isinstance(told.value, BadInputError | RecipeError)
    assert "\n" not in str(told.value)


def test_factors_of_2006_take_the_zones_of_2006_that_the_data_bring(data) -> None:
    """The same gain that stands beside that of 2019; without such zones it is refused."""
    beside = hs.analyze(data, quick()).rasters["potential_ipcc_tier1_2006"]
    chosen = hs.analyze(data, quick(potential={"guidelines": "2006"})).rasters
    np.testing.assert_array_equal(chosen["potential_ipcc_tier1"], beside)
    with pytest.raises(BadInputError, match="2019 guidelines"):
        hs.analyze(data.drop_vars("climate_zone_2006"), quick(potential={"guidelines": "2006"}))


def test_what_can_not_be_is_told_or_noted(data) -> None:
    """Texture as fractions, an empty layer, and factors for one zone only."""
    fractions = data.assign(clay=(data["clay"] / 100).assign_attrs(data["clay"].attrs))
    with pytest.raises(BadInputError, match="looks like a fraction"):
        hs.analyze(fractions, quick())
    empty = data.assign(soil_erosion=filled(data, np.nan, "t ha-1 yr-1"))
    assert any(
        n.startswith("soil_erosion: holds no") for n in hs.analyze(empty, quick()).manifest["notes"]
    )
    row = {
        "system": "cropland",
        "factor": "F_MG",
        "level": "mulch",
        "climate_zone": "tropical_dry",
        "value": 1.1,
        "error_pct": 10.0,
        "source": "a trial",
    }
    own = quick(potential={"management": "mulch", "factors": [row]})
    edition = hs.analyze(data, own)
    assert any("of the managed land" in note for note in edition.manifest["notes"])
    assert "Own factors" in edition.manifest["scenario"]


def test_one_thickness_is_not_counted_for_each_layer(data) -> None:
    """A single content with densities by layer: no stock, where it would be three times that."""
    mixed = data.drop_vars("soc_stock")
    mixed["bulk_density"] = along_depth(data, "bulk_density", (1, 1, 1))
    with pytest.raises(BadInputError, match="soc_stock"):
        hs.analyze(mixed, quick())
    _, states = computed(data.assign(clay=along_depth(data, "clay", (1, 1, 1))))
    assert "doesn't" in states["saturation"].reason
    assert states["gsocseq"].status == "run"


def test_a_layer_without_any_value_stops_its_methods_alone(data) -> None:
    """What needs it is missing everywhere; no figure of a sum is given, and the rest is there."""
    empty = data.assign(clay=filled(data, np.nan, "%", depth_cm="0-30"))
    edition = hs.analyze(empty, quick())
    for name in ("saturation_deficit", "potential_gsocseq_ssm1"):
        assert edition.rasters[name].isnull().all(), name
    farmed = edition.rasters["cropland_share"] > 0  # RothC isn't needed where no crop grows
    assert edition.rasters["loss_total"].where(farmed).isnull().all()
    assert (edition.rasters["hotspot_class"] == 3).any()


def test_soil_classes_decide_what_is_organic(data) -> None:
    """A peat of little stock has no gain by factors of mineral soil, and no saturation."""
    codes = np.full(data["soc_stock"].shape, 1)
    codes[5:8, 5:8] = next(code for code, name in SOIL_CLASSES.items() if name == "organic")
    found, _ = computed(data.assign(soil_class=classed(data, codes, SOIL_CLASSES)))
    peat = (codes == 7) & data["soc_stock"].notnull().values
    assert peat.any()
    for name in ("potential_ipcc_tier1", "saturation_deficit", "potential_gsocseq_ssm1"):
        assert np.isnan(found[name].values[peat]).all(), name
        assert np.isfinite(found[name].values[~peat]).any(), name
