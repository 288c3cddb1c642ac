"""`hotspots check`: what a file is understood as, and that the other commands take it for that."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
import xarray as xr
from rasterio.transform import from_origin
from sheets import ods, xls, xlsx

from hotspots.reports.check.finding import Picture
from hotspots.reports.check.picture import picture_lines

Run = Callable[..., tuple[int, str, str]]

STOCK = ("--as", "soc_stock", "--unit", "t ha-1", "--depth", "0-30")
NBSP = "\N{NO-BREAK SPACE}"
HEADINGS = ("Nom", "Type", "Résumé", "Pays", "Source", "Type de source", "Régions", "Thèmes")
ROW = ("Sols du Sénégal", "projet", "Mesures de carbone.", "SEN", "https://example.org")
PROJECT = (*ROW, "site web", "SEN", "A2")


def tiff(
    path: Path,
    values: np.ndarray,
    corner: tuple[float, float] = (-16.0, 15.0),
    cell: float = 0.5,
    **options: Any,
) -> Path:
    """Write a GeoTIFF whose north-western corner is (longitude, latitude)."""
    rows, columns = values.shape
    form = {"crs": "EPSG:4326", "nodata": -9999.0, "dtype": "float32"} | options
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=columns,
        height=rows,
        count=1,
        transform=from_origin(*corner, cell, cell),
        **form,
    ) as file:
        file.write(values.astype(form["dtype"]), 1)
    return path


def stocks(rows: int = 6, columns: int = 8) -> np.ndarray:
    return 40 + np.arange(rows * columns, dtype="float64").reshape(rows, columns)


def checked(run: Run, *arguments: object) -> tuple[int, list[dict[str, Any]]]:
    """Return the exit code and the findings of `hotspots check --json`."""
    code, out, _ = run("check", *arguments, "--json")
    return code, json.loads(out)


def added(run: Run, folder: Path, *arguments: object) -> dict[str, Any]:
    """Return what `hotspots add-layer` says of the layer that it adds."""
    code, out, err = run("add-layer", *arguments, "--store", folder / "store", "--json")
    assert code == 0, err
    return json.loads(out)[0]


def refused(run: Run, folder: Path, *arguments: object) -> str:
    """Return the sentence with which `hotspots add-layer` refuses a file."""
    code, _, err = run("add-layer", *arguments, "--store", folder / "store")
    assert code == 2
    (sentence,) = [line for line in err.splitlines() if line.startswith("Error: ")]
    return sentence.removeprefix("Error: ")


def require_same(finding: dict[str, Any], row: dict[str, Any]) -> None:
    """Hold what was said of a file against what add-layer then made of it."""
    result = finding["result"]
    assert result["name"] == row["variable"]
    assert (result["unit"], result["valid_cells"]) == (row["unit"], row["valid_cells"])
    assert [result[key] for key in ("min", "mean", "max")] == [
        row[key] for key in ("min", "mean", "max")
    ]
    assert {*finding["notes"]} | {*finding["doubts"]} == {*row["notes"]} | {*row["verdicts"]}


def words(text: str) -> str:
    """Return a text on one line, with plain blanks."""
    return " ".join(text.replace(NBSP, " ").split())


# ------------------------------------------------------------------------------------ rasters


def test_a_geotiff_is_described_and_added_as_described(run: Run, tmp_path: Path) -> None:
    values = stocks()
    values[0, :4] = -9999
    path = tiff(tmp_path / "carbon.tif", values)
    code, out, _ = run("check", path, *STOCK)
    said = words(out)
    assert code == 0
    assert said.startswith("carbon.tif: raster format GeoTIFF, float32 size 6 rows x 8 columns")
    assert "EPSG:4326 (WGS 84) (the file's own)" in said
    # 0.5 degrees at 13.5° N: 55.66 km x cos(13.5°) = 54.1 km, and 55.3 km along the meridian.
    assert "0.5°; 54.1 km wide and 55.3 km high" in said
    assert "place Senegal, Guinea, Guinea-Bissau and 2 others; northern hemisphere" in said
    assert "12° N to 15° N, 16° W to 12° W" in said
    assert "unit t ha-1 (declared)" in said
    assert "-9999, NaN; 8.3% of 48 cells" in said
    assert "least 44, median 65.5, greatest 87 t ha-1" in said
    assert "14.75° N 13.75° W: 44; 14.75° N 13.25° W: 45; 14.75° N 12.75° W: 46" in said
    _, (finding,) = checked(run, path, *STOCK)
    assert finding["place"]["countries"][0] == "SEN"
    assert finding["missing"]["valid_cells"] == 44
    require_same(finding, added(run, tmp_path, path, *STOCK))


def test_without_a_variable_it_says_what_add_layer_would_ask(run: Run, tmp_path: Path) -> None:
    path = tiff(tmp_path / "carbon.tif", stocks(), crs=None)
    code, (finding,) = checked(run, path)
    assert code == 0
    options = [need.split()[0].rstrip(",:") for need in finding["needs"]]
    assert options == ["--as", "--unit", "--crs", "--depth"]
    assert finding["crs"] is None
    assert "result" not in finding
    assert finding["first"][0] == {"x": -15.75, "y": 14.75, "value": 40}
    given = {"--as": "soc_stock", "--unit": "t ha-1", "--crs": "EPSG:4326", "--depth": "0-30"}
    every = [word for pair in given.items() for word in pair]
    code, (finding,) = checked(run, path, *every)
    assert (code, finding["needs"], finding["crs"]["how"]) == (0, [], "declared")
    require_same(finding, added(run, tmp_path, path, *every))


def test_a_missing_declaration_is_refused_in_the_words_of_add_layer(
    run: Run, tmp_path: Path
) -> None:
    path = tiff(tmp_path / "carbon.tif", stocks())
    code, (finding,) = checked(run, path, "--as", "soc_stock")
    assert code == 2
    assert finding["refusals"] == [refused(run, tmp_path, path, "--as", "soc_stock")]
    assert "--unit" in finding["refusals"][0]
    # What is known is said all the same.
    assert finding["values"] == {"low": 40, "median": 63.5, "high": 87}


def test_canonical_names_need_no_options(run: Run, tmp_path: Path) -> None:
    path = tiff(tmp_path / "soc_stock.tif", stocks())
    with rasterio.open(path, "r+") as file:
        file.set_band_unit(1, "t ha-1")
    code, (finding,) = checked(run, path)
    assert code == 0
    assert "'analyze --data' takes it as it is" in finding["notes"][0]
    # A store also needs to know where a layer is from.
    assert finding["needs"] == [f"for 'add-layer', its source: {refused(run, tmp_path, path)}"]
    with rasterio.open(path, "r+") as file:
        file.update_tags(source="A survey", citation="A (2020)", licence="CC BY 4.0")
    code, (finding,) = checked(run, path)
    assert (code, finding["needs"]) == (0, [])
    row = added(run, tmp_path, path)
    assert row["layer"] == finding["result"]["name"] == "soc_stock"
    assert finding["doubts"] == row["verdicts"]
    with rasterio.open(path, "r+") as file:
        file.set_band_unit(1, "kg m-2")
    code, (finding,) = checked(run, path)
    assert code == 2
    out = tmp_path / "edition"
    said = run("analyze", "--data", path, "--region", "SEN", "--out", out)[2]
    (sentence,) = finding["refusals"]
    assert sentence == refused(run, tmp_path, path)
    assert f"Error: {sentence.partition(' Or state what')[0]}" in said


def monthly(path: Path, first: str) -> Path:
    times = np.arange(np.datetime64(first, "M"), np.datetime64(first, "M") + 12)
    months = (times.astype(int) % 12 + 1).astype(float)
    data = xr.DataArray(
        np.broadcast_to(months[:, None, None], (12, 4, 5)).copy() + 10,
        dims=("time", "lat", "lon"),
        coords={
            "time": times.astype("datetime64[ns]"),
            "lat": 14.75 - 0.5 * np.arange(4),
            "lon": -15.75 + 0.5 * np.arange(5),
        },
        name="t2m",
        attrs={"units": "degC"},
    )
    data.to_netcdf(path)
    return path


def test_months_that_begin_in_april_are_put_in_order(run: Run, tmp_path: Path) -> None:
    path = monthly(tmp_path / "t.nc", "2001-04")
    options = ("--as", "air_temperature")
    code, (finding,) = checked(run, path, *options)
    assert code == 0
    assert "put in order from 2001-04-01" in " ".join(finding["notes"])
    assert finding["time"]["labels"][0] == "2001-04-01"
    # January is the tenth of its bands.
    assert finding["time"]["read"] == [10, 11, 12, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert finding["values"]["low"] == 11
    row = added(run, tmp_path, path, *options)
    require_same(finding, row)
    with rasterio.open(tmp_path / "store" / row["file"]) as file:
        means = [float(file.read(band).mean()) for band in range(1, 13)]
    assert means == pytest.approx(list(range(11, 23)))


def test_without_a_variable_several_bands_are_listed(run: Run, tmp_path: Path) -> None:
    code, (finding,) = checked(run, monthly(tmp_path / "t.nc", "2001-01"))
    assert code == 0
    assert len(finding["time"]["labels"]) == 12
    assert finding["time"]["read"] == [1]
    assert any(need.startswith("--band") for need in finding["needs"])


def test_corner_coordinates_are_placed_by_their_bounds(run: Run, tmp_path: Path) -> None:
    west, north = -16.0, 15.0
    lat, lon = north - 0.5 * np.arange(4), west + 0.5 * np.arange(5)
    data = xr.Dataset(
        {
            "soc": (("lat", "lon"), stocks(4, 5), {"units": "t ha-1"}),
            "lat_bnds": (("lat", "nv"), np.stack([lat, lat - 0.5], axis=1)),
            "lon_bnds": (("lon", "nv"), np.stack([lon, lon + 0.5], axis=1)),
        },
        coords={
            "lat": ("lat", lat, {"units": "degrees_north", "bounds": "lat_bnds"}),
            "lon": ("lon", lon, {"units": "degrees_east", "bounds": "lon_bnds"}),
        },
    )
    path = tmp_path / "corners.nc"
    data.to_netcdf(path)
    options = ("--as", "soc_stock", "--depth", "0-30")
    code, (finding,) = checked(run, path, *options)
    assert code == 0
    assert any("bounds place the cells" in note for note in finding["notes"])
    assert finding["bounds"] == [-16, 13, -13.5, 15]
    assert finding["first"][0] == {"x": -15.75, "y": 14.75, "value": 40}
    assert finding["crs"]["how"] == "follows"
    assert finding["unit"] == {"unit": "t ha-1", "how": "stated"}
    row = added(run, tmp_path, path, *options)
    require_same(finding, row)
    with rasterio.open(tmp_path / "store" / row["file"]) as file:
        assert list(file.bounds) == finding["bounds"]


def test_an_undeclared_nodata_is_a_doubt(run: Run, tmp_path: Path) -> None:
    values = stocks()
    values[0] = -9999
    path = tiff(tmp_path / "a.tif", values, nodata=None)
    code, (finding,) = checked(run, path)
    assert code == 0
    assert "--nodata -9999." in finding["doubts"][0]
    code, (finding,) = checked(run, path, *STOCK)
    assert (code, finding["refusals"]) == (2, [refused(run, tmp_path, path, *STOCK)])
    code, (finding,) = checked(run, path, "--nodata", "-9999")
    assert (code, finding["doubts"], finding["missing"]["how"]) == (0, [], "declared")


def test_each_variable_of_a_file_is_described(run: Run, tmp_path: Path) -> None:
    axes = {"lat": [14.75, 14.25], "lon": [-15.75, -15.25]}
    planes = {name: (("lat", "lon"), stocks(2, 2) * k) for k, name in enumerate("ab", start=1)}
    path = tmp_path / "two.nc"
    xr.Dataset(planes, coords=axes).to_netcdf(path)
    code, found = checked(run, path)
    assert code == 0
    assert [(one["layer"], one["values"]["low"]) for one in found] == [("a", 40), ("b", 80)]
    assert all("--subdataset, one of a, b." in one["needs"] for one in found)


@pytest.mark.filterwarnings("ignore:Consolidated metadata")  # as xarray writes them
def test_a_zarr_store_is_described_and_added_as_described(run: Run, tmp_path: Path) -> None:
    axes = {"lat": 14.75 - 0.5 * np.arange(4), "lon": -15.75 + 0.5 * np.arange(5)}
    plane = xr.DataArray(stocks(4, 5), dims=("lat", "lon"), coords=axes, attrs={"units": "t/ha"})
    path = tmp_path / "own.zarr"
    xr.Dataset({"carbon": plane}).to_zarr(path)
    options = ("--as", "soc_stock", "--depth", "0-30")
    code, (finding,) = checked(run, path, *options)
    assert (code, finding["format"]["driver"]) == (0, "Zarr")
    require_same(finding, added(run, tmp_path, path, *options))


def test_a_folder_of_layers_is_described_layer_by_layer(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "layers"
    folder.mkdir()
    for name, unit, factor in (("soc_stock", "t ha-1", 1.0), ("cropland_share", "1", 0.01)):
        with rasterio.open(tiff(folder / f"{name}.tif", factor * stocks()), "r+") as file:
            file.set_band_unit(1, unit)
    code, found = checked(run, folder)
    assert code == 0
    means = {one["result"]["name"]: one["result"]["mean"] for one in found}
    assert means == pytest.approx({"cropland_share": 0.6355, "soc_stock": 63.55}, abs=5e-3)
    tiff(folder / "cropland_share.tif", stocks(), cell=0.25)
    with rasterio.open(folder / "cropland_share.tif", "r+") as file:
        file.set_band_unit(1, "1")
    code, found = checked(run, folder)
    assert code == 2
    (sentence,) = {sentence for one in found for sentence in one["refusals"]}
    assert sentence == refused(run, tmp_path, folder)


def test_classes_are_drawn_by_their_codes(run: Run, tmp_path: Path) -> None:
    codes = np.repeat([[0, 1, 12, 12]], 4, axis=0)
    path = tiff(tmp_path / "zones.tif", codes, dtype="uint8", nodata=0)
    options = ("--as", "climate_zone", "--guidelines", "2019")
    code, out, _ = run("check", path, *options)
    assert code == 0
    assert out.count("··11CCCC") == 4
    assert "climate_zone: tropical_dry 66.7%, warm_temperate_moist 33.3% (12 cells)" in words(out)
    assert added(run, tmp_path, path, *options)["valid_cells"] == 12


# ------------------------------------------------------------------------------------- swapped


def test_longitude_and_latitude_exchanged_are_seen_by_both(run: Run, tmp_path: Path) -> None:
    # 10° W 55° S is in the South Atlantic, 55° W 10° S in Brazil.
    path = tiff(tmp_path / "swapped.tif", stocks(), (-12.0, -54.0))
    code, (finding,) = checked(run, path)
    (doubt,) = finding["doubts"]
    assert code == 0
    assert doubt.startswith("100% of its places lie at sea")
    assert "swapped" in doubt
    code, (finding,) = checked(run, path, *STOCK)
    assert code == 2
    assert doubt in finding["doubts"]
    sentence = refused(run, tmp_path, path, *STOCK)
    assert finding["refusals"] == [sentence]
    assert doubt in sentence
    code, (finding,) = checked(run, path, *STOCK, "--accept")
    assert code == 0
    require_same(finding, added(run, tmp_path, path, *STOCK, "--accept"))


@pytest.mark.parametrize(
    "corner", [(-56.0, -9.0), (-30.0, 40.0), (150.0, -20.0)], ids=["land", "both at sea", "far"]
)
def test_no_exchange_is_seen_where_there_is_none(
    run: Run, tmp_path: Path, corner: tuple[float, float]
) -> None:
    _, (finding,) = checked(run, tiff(tmp_path / "a.tif", stocks(), corner))
    assert finding["doubts"] == []


def test_a_projected_grid_has_no_degrees_to_exchange(run: Run, tmp_path: Path) -> None:
    # The same place in the South Atlantic, in UTM zone 29 south.
    path = tiff(
        tmp_path / "utm.tif", stocks(), (400_000.0, 4_000_000.0), 20_000.0, crs="EPSG:32729"
    )
    _, (finding,) = checked(run, path)
    assert finding["place"]["countries"] == finding["doubts"] == []


def test_exchanged_points_and_polygons_are_seen(run: Run, tmp_path: Path) -> None:
    points = tmp_path / "points.csv"
    rows = [f"{-55 - i % 4},{-10 - i // 4},50" for i in range(16)]
    points.write_text("\n".join(["lat,lon,soc", *rows]), encoding="utf-8")
    area = tmp_path / "area.gpkg"
    boxes = [shapely.box(-10 - i, -55, -9.1 - i, -54) for i in range(4)]
    gpd.GeoDataFrame({"a": range(4)}, geometry=boxes, crs=4326).to_file(area)
    code, found = checked(run, points, area)
    assert code == 0
    assert ["swapped" in " ".join(one["doubts"]) for one in found] == [True, True]


# -------------------------------------------------------------------------------------- tables


def test_a_table_of_r_with_row_names_and_decimal_commas(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    rows = [
        f'"{k + 1}";{14.5 - 0.5 * (k // 4)};{-15.5 + 0.5 * (k % 4)};{50.25 + k}'.replace(".", ",")
        for k in range(16)
    ]
    rows[3] = '"4";14,5;-14;NA'
    path.write_text("\n".join(['"lat";"lon";"soc"', *rows, '"17";;;']), encoding="utf-8")
    code, out, _ = run("check", path, *STOCK, "--crs", "EPSG:4326")
    said = words(out)
    assert code == 0
    assert "separator semicolon decimal sign comma" in said
    assert "lon (longitude or x), lat (latitude or y), soc (value)" in said
    assert (
        "16 kept; 1 left out, which are empty in these columns; 1 of them without a value" in said
    )
    assert "each begins with a name" in said
    _, (finding,) = checked(run, path, *STOCK, "--crs", "EPSG:4326")
    assert finding["cell"]["degrees"] == [0.5, 0.5]
    row = added(run, tmp_path, path, *STOCK, "--crs", "EPSG:4326")
    require_same(finding, row)
    assert row["valid_cells"] == 15


def test_a_sparse_table_is_refused_alike(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "sparse.csv"
    places = [(14.13, -15.71), (14.02, -14.37), (13.55, -15.08), (12.91, -12.64)]
    lines = [f"{lat},{lon},50" for lat, lon in places]
    path.write_text("\n".join(["lat,lon,soc", *lines]), encoding="utf-8")
    code, (finding,) = checked(run, path, *STOCK)
    assert code == 2
    assert finding["refusals"] == [refused(run, tmp_path, path, *STOCK)]
    assert "aren't on a regular grid" in finding["refusals"][0]
    assert finding["rows"]["kept"] == 4
    assert finding["separator"] == ","
    assert set(finding["place"]["countries"]) <= {"SEN", "GMB", "GNB"}
    # Nothing but the step is at fault, whatever the variable.
    assert checked(run, path)[1][0]["refusals"] == finding["refusals"]


def test_a_table_of_several_values_shows_the_first_that_is_numbers(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "two.csv"
    rows = [f"{14 - k // 3},{-15 + k % 3},s{k},{k},{k + 10}" for k in range(9)]
    path.write_text("\n".join(["lat,lon,site,clay,sand", *rows]), encoding="utf-8")
    code, (finding,) = checked(run, path)
    assert code == 0
    assert finding["layer"] == "clay"
    assert "--column, one of site, clay, sand." in finding["needs"]
    assert finding["values"]["high"] == 8


# ------------------------------------------------------------------------------------ polygons


@pytest.fixture
def districts(tmp_path: Path) -> Path:
    """A shapefile of three districts, the last of which crosses itself, in the CRS of Senegal."""
    boxes = [shapely.box(-16 + k, 13, -15 + k + 0.1 * (k == 0), 14) for k in range(2)]
    bow = shapely.Polygon([(-14, 13), (-13, 14), (-13, 13), (-14, 14)])
    values = {"NAME": ["Nioro", "Kaffrine", "Tamba"], "soc": [50.0, 50.0, 60.0]}
    frame = gpd.GeoDataFrame(values, geometry=[*boxes, bow], crs=4326).to_crs(32628)
    path = tmp_path / "districts.shp"
    frame.to_file(path)
    return path


def test_a_shapefile_is_described_and_drawn_as_described(
    run: Run, tmp_path: Path, districts: Path
) -> None:
    code, out, _ = run("check", districts)
    said = words(out)
    assert code == 0
    assert "3 features, 15 vertices" in said
    assert "EPSG:32628 (WGS 84 / UTM zone 28N)" in said
    assert "Nioro, Kaffrine, Tamba" in said
    assert "1 of 3 polygons cross or overlap themselves" in said
    assert "1 pair of polygons overlaps, by at most 10% of the smaller one." in said
    assert "--cell, the side of the cells" in said
    assert "--column, one of NAME, soc." in said
    options = (*STOCK, "--column", "soc", "--cell", "20000")
    code, (finding,) = checked(run, districts, *options)
    assert code == 0
    row = added(run, tmp_path, districts, *options)
    assert finding["result"]["valid_cells"] == row["valid_cells"]
    assert finding["result"]["mean"] == row["mean"]
    assert {*row["notes"]} <= {*finding["notes"]} | {*finding["doubts"]}


def test_polygons_that_contradict_each_other_are_refused_alike(
    run: Run, tmp_path: Path, districts: Path
) -> None:
    frame = gpd.read_file(districts).assign(soc=[50.0, 55.0, 60.0])
    frame.to_file(districts)
    options = (*STOCK, "--column", "soc", "--cell", "2000")
    code, (finding,) = checked(run, districts, *options)
    assert code == 2
    assert finding["refusals"] == [refused(run, tmp_path, districts, *options)]


def test_kml_can_be_a_region_only(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "area.kml"
    box = shapely.box(-15, 13, -14, 14)
    gpd.GeoDataFrame({"name": ["Nioro"]}, geometry=[box], crs=4326).to_file(path, driver="KML")
    code, (finding,) = checked(run, path)
    assert (code, finding["needs"]) == (0, [])
    assert finding["region"]["names"] == ["Nioro"]
    # On the ellipsoid, one degree square at 13.5° N: 111.3 x cos(13.5°) x 110.6 km2.
    assert finding["region"]["km2"] == pytest.approx(11_970, rel=2e-3)
    code, (finding,) = checked(run, path, *STOCK)
    assert code == 2
    assert finding["refusals"] == [refused(run, tmp_path, path, *STOCK)]


def test_a_geopackage_of_several_layers_is_refused_alike(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "two.gpkg"
    frame = gpd.GeoDataFrame({"soc": [50.0]}, geometry=[shapely.box(-15, 13, -14, 14)], crs=4326)
    frame.to_file(path, layer="carbon")
    options = (*STOCK, "--cell", "0.5")
    code, (finding,) = checked(run, path, *options)
    assert (code, finding["result"]["valid_cells"]) == (0, 4)
    frame.assign(soc=10.0).to_file(path, layer="error")
    code, (finding,) = checked(run, path, *options)
    assert code == 2
    (sentence,) = finding["refusals"]
    assert "2 layers (carbon, error)" in sentence
    assert sentence == refused(run, tmp_path, path, *options)
    said = run("analyze", "--data", "sample", "--region", path, "--out", tmp_path / "out")[2]
    assert f"Error: {sentence}" in said


def test_topojson_is_refused_alike(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text('{"type": "Topology", "objects": {}, "arcs": []}', encoding="utf-8")
    code, (finding,) = checked(run, path)
    assert (code, finding["kind"]) == (2, "polygons")
    assert finding["refusals"] == [refused(run, tmp_path, path, *STOCK)]
    assert "ogr2ogr" in finding["refusals"][0]


# ------------------------------------------------------------------------------------- records


@pytest.mark.parametrize(("write", "suffix"), [(xlsx, "xlsx"), (ods, "ods"), (xls, "xls")])
def test_a_french_sheet_below_a_title_is_read_as_the_import_reads_it(
    run: Run, tmp_path: Path, write: Callable[..., Path], suffix: str
) -> None:
    bad = ["Sénégall" if cell == "SEN" and at == 3 else cell for at, cell in enumerate(PROJECT)]
    bad[0] = "Sans pays"
    rows = [("Projets recensés en 2026",), HEADINGS, PROJECT, bad]
    path = write(tmp_path / f"fiches.{suffix}", rows)
    registry = tmp_path / "registry.sqlite"
    where = ("--registry", registry)
    code, out, _ = run("check", path, *where, "--lang", "fr")
    said = words(out)
    assert code == 2
    assert f"fiches.{suffix} : fiches pour le registre fiches Projet 2 en-têtes ligne 2" in said
    assert "Nom, Type, Résumé, Pays, Source, Type de source, Régions, Thèmes" in said
    code, (finding,) = checked(run, path, *where, "--lang", "fr")
    assert finding["rows"] == {"new": 1, "changed": 0, "same": 0, "refused": 1}
    assert not registry.exists()
    code, dry, _ = run("registry", "import", path, *where, "--dry-run", "--lang", "fr")
    assert code == 2
    lines = [line.partition("  ")[2].strip() for line in dry.splitlines()]
    sentences = [*finding["refusals"], *finding["doubts"]]
    # On a country that isn't known, and on the title above the headings.
    assert len(sentences) == 2
    assert [line for line in lines if line in sentences] == sentences


def test_unknown_columns_of_a_sheet_are_listed(run: Run, tmp_path: Path) -> None:
    path = xlsx(tmp_path / "a.xlsx", [(*HEADINGS, "Bailleur"), (*PROJECT, "AFD")])
    where = ("--registry", tmp_path / "registry.sqlite")
    code, (finding,) = checked(run, path, *where)
    assert code == 2
    assert finding["unknown_columns"] == ["Bailleur"]
    assert finding["columns"] == list(HEADINGS)
    _, _, err = run("registry", "import", path, *where)
    assert f"Error: {finding['refusals'][0]}" in err


def test_headings_decide_between_records_and_points(run: Run, tmp_path: Path) -> None:
    lines = {
        "records.csv": "name,type,country,latitude,longitude\nA,project,SEN,14,-15\n",
        "points.csv": "name,latitude,longitude,soc\n"
        + "".join(f"p{k},{14 - k // 3},{-15 + k % 3},{k}\n" for k in range(9)),
    }
    for name, content in lines.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    where = ("--registry", tmp_path / "registry.sqlite")
    _, found = checked(run, *(tmp_path / name for name in lines), *where)
    assert [one["kind"] for one in found] == ["records", "points"]


# ----------------------------------------------------------------------------------- the command


def test_several_files_are_checked_and_one_refusal_decides(run: Run, tmp_path: Path) -> None:
    good = tiff(tmp_path / "a.tif", stocks())
    damaged = tmp_path / "b.tif"
    damaged.write_bytes(good.read_bytes()[:300])
    code, out, _ = run("check", good, damaged, tmp_path / "none.tif")
    assert code == 2
    blocks = [words(block) for block in out.split("\n\n") if ": raster" in block]
    assert [block.split(":")[0] for block in blocks] == ["a.tif", "b.tif", "none.tif"]
    assert "refused" not in blocks[0]
    assert "can't be read" in blocks[1]
    assert "refused There is no file" in blocks[2]
    assert run("check", good)[0] == 0


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")  # of a PNG
def test_nothing_is_written_but_the_picture(run: Run, tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif", stocks(), nodata=40.0)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    run("check", path, *STOCK)
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before
    picture = tmp_path / "a.png"
    assert run("check", path, "--picture", picture)[0] == 0
    with rasterio.open(picture) as file:
        codes = file.read(1)
    assert codes.shape == (6, 8)
    # Missing is 0; from there the levels rise with the values.
    assert codes[0, 0] == 0
    assert (np.diff(codes.ravel()[1:].astype(int)) >= 0).all()
    code, _, err = run("check", path, path, "--picture", picture)
    assert code == 2
    assert "--picture is of one layer" in err


def test_the_map_is_north_up_however_the_rows_run(run: Run, tmp_path: Path) -> None:
    values = np.repeat([[1.0], [2.0], [3.0], [4.0]], 4, axis=1)
    values[0, 0] = -9999
    lines = []
    for name, step in (("down.tif", -0.5), ("up.tif", 0.5)):
        with rasterio.open(
            tmp_path / name,
            "w",
            driver="GTiff",
            width=4,
            height=4,
            count=1,
            dtype="float32",
            crs="EPSG:4326",
            nodata=-9999,
            transform=rasterio.Affine(0.5, 0, -16, 0, step, 15 if step < 0 else 13),
        ) as file:
            file.write((values if step < 0 else values[::-1]).astype("float32"), 1)
        out = run("check", tmp_path / name)[1]
        lines.append(
            [line.strip() for line in out.splitlines() if set(line.strip()) <= set("·░▒▓█")]
        )
    drawn = [line for line in lines[0] if line]
    assert [line[-1] for line in drawn] == ["░", "▒", "▓", "█"]
    assert drawn[0][0] == "·"
    assert lines[1] == lines[0]


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([[5.0, 5, 5, 5, 5, 6]], ["░░░░░░░░░░██"]),
        ([[5.0, 5, 5, 5, 5, 5]], ["████████████"]),
        ([[5.0] * 60 + [6, 7, 8, 9]], ["░" * 60 + "████"]),
    ],
)
def test_the_few_that_differ_are_seen_on_the_map(values: list[Any], drawn: list[str]) -> None:
    picture = Picture(np.array(values), aspect=1.0)
    assert list(picture_lines(picture, "en"))[:-1] == drawn


@pytest.mark.parametrize(
    ("lang", "sentence"),
    [
        ("fr", "hémisphère nord limites 12° N à 15° N, 16° O à 12° O"),
        ("es", "hemisferio norte límites 12° N a 15° N, 16° O a 12° O"),
    ],
)
def test_it_speaks_the_language_of_its_reader(
    run: Run, tmp_path: Path, lang: str, sentence: str
) -> None:
    out = run("check", tiff(tmp_path / "a.tif", stocks()), "--lang", lang)[1]
    assert sentence in words(out)


def test_names_in_a_file_cannot_steer_the_terminal(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    coords = {"lat": [14.75, 14.25], "lon": [-15.75, -15.25]}
    odd = xr.DataArray(stocks(2, 2), dims=("lat", "lon"), coords=coords, name="carbon")
    odd.attrs["units"] = "\x1b[31mt ha-1\n  refused  everything"
    odd.to_netcdf(path)
    out = run("check", path)[1]
    assert "\x1b" not in out
    assert r"\x1b[31m" in out
    assert not any(line.startswith("  refused") for line in out.splitlines())
