"""Values at places, statistics against measured sites, and the evidence table of the docs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hotspots.analysis.uncertainty.validation import MIN_SITES, sample_at, site_statistics
from hotspots.errors import BadInputError
from hotspots.layers.variables import CLIMATE_ZONES, describe

REPO = Path(__file__).resolve().parents[2]


def raster(values: object, west: float, north: float, step: float = 1.0) -> xr.DataArray:
    """A north-up layer of SOC stocks in degrees whose upper left corner is (west, north)."""
    array = np.asarray(values)
    rows, columns = array.shape
    y, x = north - step * (np.arange(rows) + 0.5), west + step * (np.arange(columns) + 0.5)
    layer = xr.DataArray(array, dims=("y", "x"), coords={"y": y, "x": x})
    return describe(layer.rio.write_crs(4326), "soc_stock")


@pytest.fixture
def small() -> xr.DataArray:
    """Six cells of 1 degree, one of them missing.

    ::

        52 N +----+----+----+
             | 1  | 2  | 3  |
        51 N +----+----+----+
             | 4  | -  | 6  |
        50 N +----+----+----+
            10 E 11   12   13
    """
    return raster([[1.0, 2.0, 3.0], [4.0, np.nan, 6.0]], west=10, north=52)


PLACES = {
    "inside": (10.2, 51.9, 1.0),
    "just before an edge": (11.9999, 51.0001, 2.0),
    "on an edge: the cell to the east": (11.0, 51.5, 2.0),
    "on an edge: the cell to the north": (12.5, 51.0, 3.0),
    "western outer edge": (10.0, 50.5, 4.0),
    "eastern outer edge": (13.0, 50.5, 6.0),
    "northern outer edge": (12.5, 52.0, 3.0),
    "southern outer edge": (12.5, 50.0, 6.0),
    "missing, with values all around": (11.5, 50.5, np.nan),
    "a little outside": (13.01, 50.5, np.nan),
    "north of it": (12.5, 52.01, np.nan),
    "no place": (np.nan, 50.5, np.nan),
}


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("flipped", [(), ("y",), ("x",), ("y", "x")], ids=str)
def test_the_cell_that_holds_the_point(
    small: xr.DataArray, flipped: tuple[str, ...], place: str
) -> None:
    """One answer whichever way the layer's rows and columns run."""
    layer = small.isel({axis: slice(None, None, -1) for axis in flipped})
    lon, lat, expected = PLACES[place]
    found = sample_at(layer, lon, lat)
    assert found.ndim == 0
    np.testing.assert_equal(float(found), expected)


def test_many_points_keep_their_order_unit_and_laziness(small: xr.DataArray) -> None:
    lon, lat, expected = (np.array(values) for values in zip(*PLACES.values(), strict=True))
    found = sample_at(small, lon, lat)
    np.testing.assert_array_equal(found.values, expected)
    assert found.dims == ("point",)
    assert found.name == "soc_stock"
    assert found.attrs["units"] == "t ha-1"
    lazy = sample_at(small.chunk({"x": 1, "y": 1}), lon, lat)
    assert lazy.chunks is not None
    np.testing.assert_array_equal(lazy.values, expected)


def test_points_on_dimensions_of_their_own_keep_them(small: xr.DataArray) -> None:
    """Even where those are called as the layer's: a grid of points on another grid."""
    lon, lat = xr.broadcast(
        xr.DataArray([10.5, 12.5], dims="x", coords={"x": [7, 8]}),
        xr.DataArray([50.5, 51.5], dims="y", coords={"y": [1, 2]}),
    )
    found = sample_at(small, lon, lat)
    assert found.dims == lon.dims
    assert found.sel(x=7, y=2).item() == 1.0
    assert found.sel(x=8, y=1).item() == 6.0


def whole_turn(west: float) -> xr.DataArray:
    """A layer of all longitudes in cells of 90 degrees, its values the western edges -180 to 90."""
    edges = (west + 90 * np.arange(4) + 180) % 360 - 180
    return raster([edges, edges], west=west, north=90, step=90.0)


@pytest.mark.parametrize("west", [-180.0, 0.0, -90.0])
@pytest.mark.parametrize(
    ("lon", "expected"),
    [
        (-180, -180),
        (180, -180),
        (179.99, 90),
        (-179.99, -180),
        (181, -180),
        (359.9, -90),
        (0, 0),
        (360, 0),
        (-0.001, -90),
        (90, 90),
        (270, -90),
    ],
)
def test_whole_turns_are_one_place(west: float, lon: float, expected: float) -> None:
    """Across the antimeridian and Greenwich, from whichever meridian the layer starts."""
    for lat in (-90.0, -5.0, 90.0):
        assert float(sample_at(whole_turn(west), lon, lat)) == expected


def test_a_region_across_the_antimeridian() -> None:
    """Fiji's cells, 177 E to 179 W in degrees east."""
    layer = raster([[1.0, 2.0, 3.0, 4.0]] * 2, west=177, north=-16)
    found = sample_at(layer, [177.5, 180, -180, -179.5, 180.5, -179, -178.9], [-16.5] * 7)
    np.testing.assert_array_equal(found, [1, 4, 4, 4, 4, 4, np.nan])


def test_classes_stay_classes(small: xr.DataArray) -> None:
    zones = small.copy(data=np.array([[1, 2, 12], [4, 0, 6]], dtype="uint8"))
    found = sample_at(
        describe(zones, "climate_zone"), [12.5, 11.5, 40.0, np.nan], [51.5, 50.5, 0, 0]
    )
    assert found.dtype == "uint8"
    assert found.values.tolist() == [12, 0, 0, 0]


def test_projected_layers_take_degrees_too() -> None:
    """A cell of UTM zone 33 holds the point that its own centre is in degrees."""
    x, y = 500_000 + 1000.0 * np.arange(3), 5_600_000 - 1000.0 * np.arange(2)
    layer = xr.DataArray(np.arange(6.0).reshape(2, 3), dims=("y", "x"), coords={"y": y, "x": x})
    lon, lat = rasterio.warp.transform(
        "EPSG:32633", "EPSG:4326", [501_300, 600_000], [5_599_200] * 2
    )
    found = sample_at(layer.rio.write_crs(32633), lon, lat)
    np.testing.assert_array_equal(found, [4.0, np.nan])


@given(
    st.integers(1, 6),
    st.integers(1, 9),
    st.floats(-180, 170),
    st.floats(-60, 80),
    st.floats(0.01, 5),
    st.floats(0, 0.999),
    st.floats(0, 0.999),
    st.data(),
)
def test_every_point_of_a_cell_gives_its_value(
    rows: int,
    columns: int,
    west: float,
    north: float,
    step: float,
    right: float,
    up: float,
    data: st.DataObject,
) -> None:
    rows, columns = rows + 1, columns + 1
    layer = raster(
        np.arange(rows * columns).reshape(rows, columns).astype(float), west, north, step
    )
    row, column = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    inset = 1e-6  # a float's own error may move the very edge
    lon = west + step * (column + inset + (1 - 2 * inset) * right)
    lat = north - step * (row + 1 - inset - (1 - 2 * inset) * up)
    if lat < -90 or lon > 360:
        return
    assert float(sample_at(layer, lon, lat)) == row * columns + column


@pytest.mark.parametrize(
    ("lon", "lat", "part"),
    [
        (-1.0, 95.0, "swapped"),
        (400.0, 0.0, "lon has the value 400"),
        (500_000.0, 80.0, "projected"),
        ([1.0, 2.0], [1.0], "one of each"),
        ([[1.0]], [[1.0]], "2 dimensions"),
    ],
)
def test_wrong_places_are_refused(small: xr.DataArray, lon: object, lat: object, part: str) -> None:
    with pytest.raises(BadInputError, match=part):
        sample_at(small, lon, lat)


def test_statistics_by_hand() -> None:
    """Errors +1, +3, -1 of the pairs that are whole: bias 1, RMSE sqrt(11/3), median +1."""
    table = site_statistics(
        observed=[10, 20, 30, np.nan, 50, 60],
        predicted=[11, 23, 29, 44, np.nan, np.inf],
        minimum=2,
    )
    assert table["stratum"].tolist() == ["all"]
    (row,) = table.itertuples()
    assert (row.n, row.n_left_out) == (3, 3)
    assert row.bias_t_ha == pytest.approx(1)
    assert row.rmse_t_ha == pytest.approx(np.sqrt(11 / 3))
    assert row.median_error_t_ha == pytest.approx(1)
    assert row.mean_observed_t_ha == pytest.approx(20)
    assert row.sd_observed_t_ha == pytest.approx(10)
    assert row.correlation == pytest.approx(9 / np.sqrt(84))


def test_statistics_per_stratum_against_a_plain_loop() -> None:
    rng = np.random.default_rng(7)
    observed, predicted = rng.uniform(5, 200, (2, 300))
    predicted[rng.random(300) < 0.1] = np.nan
    strata = rng.choice(["b", "a", "c"], 300)
    table = site_statistics(observed=observed, predicted=predicted, strata=strata)
    assert table["stratum"].tolist() == ["a", "b", "c", "all"]
    for row in table.itertuples():
        pairs = [
            (o, p)
            for o, p, s in zip(observed, predicted, strata, strict=True)
            if row.stratum in (s, "all") and p == p
        ]
        errors = sorted(p - o for o, p in pairs)
        n = len(pairs)
        middle = (errors[(n - 1) // 2] + errors[n // 2]) / 2
        o_mean, p_mean = (sum(pair[i] for pair in pairs) / n for i in (0, 1))
        product = sum((o - o_mean) * (p - p_mean) for o, p in pairs)
        squares = [sum((pair[i] - m) ** 2 for pair in pairs) for i, m in ((0, o_mean), (1, p_mean))]
        assert row.n == n
        assert row.bias_t_ha == pytest.approx(sum(errors) / n)
        assert row.rmse_t_ha == pytest.approx((sum(e * e for e in errors) / n) ** 0.5)
        assert row.median_error_t_ha == pytest.approx(middle)
        assert row.correlation == pytest.approx(product / (squares[0] * squares[1]) ** 0.5)
    parts = table[table["stratum"] != "all"]
    assert parts["n"].sum() == table["n"].iloc[-1]
    assert parts["n_left_out"].sum() == table["n_left_out"].iloc[-1]


_VALUES = hnp.arrays(
    "float64", st.integers(2, 40), elements=st.floats(-1e4, 1e4, allow_subnormal=False)
)


@given(_VALUES, st.floats(-1e3, 1e3), st.integers(0, 2**32 - 1))
def test_invariants_of_the_statistics(observed: np.ndarray, shift: float, seed: int) -> None:
    """RMSE² is bias² + variance; a shift of the map moves the bias alone; order is nothing."""
    rng = np.random.default_rng(seed)
    predicted = observed + rng.normal(0, 10, observed.size)
    (row,) = site_statistics(observed=observed, predicted=predicted, minimum=2).itertuples()
    variance = np.var(predicted - observed)
    assert row.rmse_t_ha**2 == pytest.approx(row.bias_t_ha**2 + variance, rel=1e-6, abs=1e-6)
    (moved,) = site_statistics(
        observed=observed[::-1], predicted=predicted[::-1] + shift, minimum=2
    ).itertuples()
    assert moved.bias_t_ha == pytest.approx(row.bias_t_ha + shift, abs=1e-6)
    assert moved.median_error_t_ha == pytest.approx(row.median_error_t_ha + shift, abs=1e-6)
    (same,) = site_statistics(observed=observed, predicted=observed, minimum=2).itertuples()
    assert same.rmse_t_ha == same.bias_t_ha == 0
    assert np.isnan(same.correlation) or same.correlation == pytest.approx(1)


def test_few_sites_have_only_their_number_told() -> None:
    strata = ["few"] * (MIN_SITES - 1) + ["enough"] * MIN_SITES
    values = np.arange(len(strata), dtype=float)
    table = site_statistics(observed=values, predicted=values + 1, strata=strata)
    table = table.set_index("stratum")
    assert table.loc["few", ["n", "n_left_out"]].tolist() == [MIN_SITES - 1, 0]
    assert table.loc["few"].drop(["n", "n_left_out"]).isna().all()
    assert table.loc["enough", "bias_t_ha"] == 1
    assert not table.loc["all"].isna().any()


def test_a_constant_map_has_no_correlation_and_no_warning() -> None:
    (row,) = site_statistics(observed=[1, 2, 3], predicted=[5, 5, 5], minimum=2).itertuples()
    assert np.isnan(row.correlation)
    assert row.bias_t_ha == 3


def test_no_sites_at_all() -> None:
    (row,) = site_statistics(observed=[], predicted=[]).itertuples()
    assert (row.n, row.n_left_out) == (0, 0)
    assert np.isnan(row.rmse_t_ha)


def test_strata_by_class_layer_and_without_one() -> None:
    """Codes are told by name; a place without a zone counts in "all" and as "nodata"."""
    codes = xr.DataArray(np.array([12, 0, 12, 3], dtype="uint8"), dims="point")
    zones = describe(codes, "climate_zone")
    table = site_statistics(observed=[1, 2, 3, 4], predicted=[1, 2, 3, 4], strata=zones)
    assert table["stratum"].tolist() == [CLIMATE_ZONES[3], "nodata", CLIMATE_ZONES[12], "all"]
    assert table["n"].tolist() == [1, 1, 2, 4]
    named = site_statistics(observed=[1, 2, 3], predicted=[1, 2, 3], strata=["", None, np.nan])
    assert named["stratum"].tolist() == ["nodata", "all"]


def test_the_unit_stands_in_the_names() -> None:
    table = site_statistics(observed=[1], predicted=[2], unit="t_ha_yr")
    assert {"bias_t_ha_yr", "rmse_t_ha_yr", "median_error_t_ha_yr"} < set(table)


def test_wrong_use_of_statistics_is_refused() -> None:
    with pytest.raises(BadInputError, match="3 observed and 2 predicted"):
        site_statistics(observed=[1, 2, 3], predicted=[1, 2])
    with pytest.raises(BadInputError, match="1 strata"):
        site_statistics(observed=[1, 2], predicted=[1, 2], strata=["a"])
    with pytest.raises(BadInputError, match="2 sites or more"):
        site_statistics(observed=[1, 2], predicted=[1, 2], minimum=1)
    top = xr.DataArray([1.0, 2.0], dims="point", attrs={"depth_cm": "0-30", "units": "t ha-1"})
    deep = top.assign_attrs(depth_cm="0-100")
    with pytest.raises(BadInputError, match="depth_cm '0-30'"):
        site_statistics(observed=top, predicted=deep)
    with pytest.raises(BadInputError, match="units"):
        site_statistics(observed=top, predicted=top.assign_attrs(units="g kg-1"))


# --- the evidence table of the documentation ---------------------------------------------------


@pytest.fixture(scope="module")
def docs() -> ModuleType:
    """docs/validation.py as a module."""
    spec = importlib.util.spec_from_file_location("docs_validation", REPO / "docs/validation.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def sites(docs: ModuleType, shared: Path) -> pd.DataFrame:
    """The sites of the workbook, with what the maps hold there."""
    pytest.importorskip("openpyxl")
    folder = shared / "data"
    return docs.on_the_maps(docs.read_sites(folder / docs.WORKBOOK), folder)


def sheet() -> pd.DataFrame:
    """Two pairs with the workbook's traps, and a native site alone."""
    rows = [
        ("AB1", "Agriculture", "cropping", "exact", 10.1, 20.1, 40.0),
        ("Ab1", "Agriculture", "grazing", "Exact ", 10.1, 20.1, 60.0),
        ("AB1 ", " Native", "forest", "Exact estimated", 10.2, 20.1, 90.0),
        ("CD1", "Agriculture", " irrigated cropping", None, np.nan, np.nan, 30.0),
        ("CD1", "Native", "grassland", None, np.nan, np.nan, 20.0),
        ("CD1", "Native", "grassland", None, np.nan, np.nan, np.nan),
        ("EF1", "Native", "savanna", "Approximate", 11.0, 20.0, 70.0),
        ("EF1", "Restored", "savanna", "Approximate", 11.0, 20.0, 65.0),
    ]
    names = [
        "Pair ID",
        "Native/Ag/Restored",
        "LULC category",
        "Location accuracy",
        "Latitude",
        "Longitude",
        "30 cm SOC",
    ]
    return pd.DataFrame(rows, columns=names).rename(columns={"Pair ID": " Pair ID"})


@pytest.fixture
def tidied(docs: ModuleType) -> pd.DataFrame:
    """The small sheet, with a map that holds 100 without land use and 90 now."""
    out = docs.tidy(sheet()).assign(zone="", cell=1.0, cropland_share=0.5, pasture_share=0.3)
    for grid in docs.GRIDS:
        out[f"soc_stock_reference {grid}"] = 100.0
        out[f"soc_stock {grid}"] = 90.0
        out[f"deficit_historic {grid}"] = 10.0
    return out


def test_traps_of_the_workbook_are_taken_out(tidied: pd.DataFrame) -> None:
    assert tidied["pair"].tolist() == ["ab1"] * 3 + ["cd1"] * 3 + ["ef1"] * 2
    assert tidied["use"].value_counts().to_dict() == {"agriculture": 3, "native": 4, "restored": 1}
    assert tidied["category"].iloc[3] == "irrigated cropping"
    assert tidied["exact"].tolist() == [True, True] + [False] * 6
    assert tidied["lat"].isna().sum() == 3


def test_a_loss_is_native_less_farmed(docs: ModuleType, tidied: pd.DataFrame) -> None:
    """AB1: 90 - mean(40, 60); CD1: 20 - 30; EF1 has no farmed soil."""
    assert docs.pairs(tidied)["loss"].to_dict() == {"ab1": 40.0, "cd1": -10.0}
    assert docs.pairs(tidied, docs.CROPPING)["loss"].to_dict() == {"ab1": 50.0, "cd1": -10.0}
    assert docs.distance_km(tidied).to_dict() == {"ab1": pytest.approx(11.1, abs=0.05)}


def test_the_deficit_is_laid_on_the_farmed_land(docs: ModuleType, tidied: pd.DataFrame) -> None:
    tables = docs.unmixed(tidied)
    cropped = tables["the same pairs, deficit / cropland share"][0]
    assert cropped["unmixed 10 km"].tolist() == [20.0, 20.0]
    farmed = tables["Pairs, deficit / share of cropland and pasture"][0]
    assert farmed["unmixed 0.5°"].tolist() == [12.5, 12.5]
    wild = docs.unmixed(tidied.assign(cropland_share=0.05))
    assert wild["the same pairs, deficit / cropland share"][0].empty


def test_the_workbook_is_the_one_described(sites: pd.DataFrame) -> None:
    """Counts and means as the data folder's own description gives them."""
    counts = {"agriculture": 277, "native": 214, "restored": 55}
    assert sites["use"].value_counts().to_dict() == counts
    assert sites["lat"].notna().sum() == 495
    means = sites.groupby("use")["soc_t_ha"].mean().round(1).to_dict()
    assert means == {"agriculture": 57.2, "native": 88.6, "restored": 74.8}


def test_the_map_at_the_sites_is_what_rasterio_reads(sites: pd.DataFrame, shared: Path) -> None:
    """The 10 km columns against GDAL's own look-up of the same places."""
    placed = sites[sites["lat"].notna()]
    folder = shared / "data" / "global_10km"
    for layer, year in (("soc_stock", "2010AD"), ("soc_stock_reference", "NoLU")):
        with rasterio.open(folder / f"SOCS_0_30cm_year_{year}_10km.tif") as file:
            places = zip(placed["lon"], placed["lat"], strict=True)
            read = np.array([value[0] for value in file.sample(places)], dtype=float)
        read[read == -32767] = np.nan
        same = (read == placed[f"{layer} 10 km"]) | (
            np.isnan(read) & placed[f"{layer} 10 km"].isna()
        )
        # Places on a cell's very edge go north-east here, south-east there.
        assert same.mean() > 0.97


@pytest.fixture
def told(docs: ModuleType, sites: pd.DataFrame) -> str:
    """All that the table says, computed from the sites."""
    return "\n".join([*docs.overall(sites), *docs.by_zone(sites), *docs.said(sites)])


def test_the_table_says_what_the_sites_say(
    docs: ModuleType, sites: pd.DataFrame, told: str
) -> None:
    """The line of the pairs, from the sites by a loop and numpy."""
    losses, deficits = [], []
    for _, pair in sites[sites["soc_t_ha"].notna()].groupby("pair"):
        native, farmed = (pair[pair["use"] == use] for use in ("native", "agriculture"))
        if len(native) and len(farmed) and farmed["lat"].notna().any():
            losses.append(native["soc_t_ha"].mean() - farmed["soc_t_ha"].mean())
            deficits.append(farmed["deficit_historic 0.5°"].mean())
    error = np.array(deficits) - losses
    line = (
        f"| Pairs, loss against the deficit | 0.5° | {error.size} | 7 | {np.mean(losses):.1f} |"
        f" {np.std(losses, ddof=1):.1f} | {error.mean():+.1f} |"
        f" {np.sqrt((error**2).mean()):.1f} | {np.median(error):+.1f} |"
        f" {np.corrcoef(losses, deficits)[0, 1]:.2f} |"
    )
    assert line in told
    assert f"{error.size} of them a place" in told
    assert "| boreal dry | 1 |  |  |  |  |  |" in told


def test_the_map_finds_less_loss_than_the_pairs(sites: pd.DataFrame, docs: ModuleType) -> None:
    """What the documentation says of it: the deficit is of all land and less than half the loss."""
    found = docs.pairs(sites).dropna(subset=["deficit_historic 0.5°"])
    assert found["deficit_historic 0.5°"].mean() < 0.5 * found["loss"].mean()


def test_without_the_workbook_there_is_no_table(
    docs: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTSPOTS_SHARED", str(tmp_path))
    assert docs.evidence_table() is None


def test_the_table_is_whole_markdown(docs: ModuleType, shared: Path, sites: pd.DataFrame) -> None:
    """Every row of a table has as many cells as its head; the same again from the same files."""
    text = docs.evidence_table()
    assert text is not None
    for block in text.split("\n\n"):
        widths = {line.count("|") for line in block.splitlines() if line.startswith("|")}
        assert len(widths) <= 1
    assert "nan" not in text
    assert text == docs.evidence_table()


def test_numbers_that_are_no_class_are_nodata() -> None:
    """An infinity ended in an OverflowError, and 2.7 counted as class 2."""
    codes = [1.0, 2.7, np.inf, -np.inf, np.nan]
    strata = describe(xr.DataArray(codes, dims="point"), "climate_zone")
    values = np.arange(5.0)
    table = site_statistics(observed=values, predicted=values, strata=strata, minimum=2)
    assert dict(zip(table["stratum"], table["n"], strict=True)) == {
        CLIMATE_ZONES[1]: 1,
        "nodata": 4,
        "all": 5,
    }
