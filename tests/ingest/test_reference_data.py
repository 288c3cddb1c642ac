"""Every folder of the reference data through the real path, to its README's sanity figures.

Each file is read by `read_own` as a user would give it, carried onto a grid by `on_grid`, and
counted by `report`. The README's areas are those of a sphere and its figures are rounded: hence
half a percent, and half of the last digit.

Each handling was taken out once and its tests seen to fail: the look for undeclared nodata (Ghana),
columns by position (the two-degree table), --scale (densities), --unit (Howland), --nodata and the
file's own, the CRS that follows from NetCDF coordinates, the choice of an epoch by its year, true
areas, and points for layers. How these do on small rasters is in `test_own` and `test_quality`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from affine import Affine

from hotspots.errors import RasterError
from hotspots.geo import countries
from hotspots.geo.regions import region, regions
from hotspots.ingest.quality.compare import Reference
from hotspots.ingest.quality.report import report
from hotspots.ingest.regrid.resample import Regridding, on_grid
from hotspots.ingest.regrid.source_raster import open_grid, read
from hotspots.ingest.stock_from_profiles import stock_from_profile
from hotspots.ingest.user_files.read import Own, read_own
from hotspots.layers.grid import Grid
from hotspots.layers.target_grid import target_grid
from hotspots.store.profiles import depth_of, profile_of

MKM2 = 1e8  # ha
STOCK = {"variable": "soc_stock", "unit": "t ha-1", "depth": "0-30"}
USA_EPOCHS = (1935, 1955, 1975, 1985, 2000, 2010, 2014)
POINTS = ("0", "5", "15", "30")
Layer = tuple[xr.DataArray, xr.DataArray | None]


def near(expected: float, digit: float = 0.0) -> Any:
    """Compare within 0.5 % and half of the README's last digit."""
    return pytest.approx(expected, rel=5e-3, abs=5e-3 * abs(expected) + digit / 2)


def world(per_degree: int) -> Grid:
    return target_grid([(-180, -90, 180, 90)], 1 / per_degree)


def own_grid(own: Own) -> Grid:
    """Return the file's own cells, north up."""
    grid = open_grid(own.raw)
    west, _, _, north = grid.bounds
    dx, dy = abs(grid.transform.a), abs(grid.transform.e)
    return Grid(Affine(dx, 0, west, 0, -dy, north), grid.shape, grid.crs)


def carried(path: Path, grid: Grid | None = None, **options: Any) -> Layer:
    own = read_own(path, **options)
    return on_grid(
        own.raw,
        grid or own_grid(own),
        own.variable,
        how=Regridding(legend=own.legend),
        attrs=own.attrs,
    )


@pytest.fixture(scope="module")
def data(shared: Path) -> Path:
    return shared / "data"


# -- global_10km --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stocks(data: Path) -> Callable[[str, str], xr.DataArray]:
    @cache
    def get(date: str, depth: str) -> xr.DataArray:
        path = data / "global_10km" / f"SOCS_{depth.replace('-', '_')}cm_year_{date}_10km.tif"
        return carried(path, world(12), **(STOCK | {"depth": depth}))[0].compute()

    return get


@pytest.mark.parametrize(
    ("date", "depth", "petagrams", "mean"),
    [
        ("NoLU", "0-30", 898, 79.81),
        ("2010AD", "0-30", 867, 77.61),
        ("1990AD", "0-30", 868, 77.71),
        ("1960AD", "0-30", 868, 77.73),
        ("1910AD", "0-30", 869, 77.83),
        ("NoLU", "0-100", 2063, 185.5),
        ("2010AD", "0-100", 1995, 180.8),
    ],
)
def test_world_stocks(
    stocks: Callable[..., Any], date: str, depth: str, petagrams: float, mean: float
) -> None:
    layer = stocks(date, depth)
    found = report(layer)
    assert found["total"] == {"value": near(petagrams, 1), "unit": "Pg"}
    assert found["valid_area_ha"] / MKM2 == near(130.2, 0.1)
    assert float(layer.mean()) == pytest.approx(mean, abs=0.05)  # of cells, not of area
    # Deeper stocks pass the range of 0-30 cm: counted, not clipped.
    greatest = {"0-30": 711, "0-100": 2540}[depth]
    if date == "2010AD":
        assert found["max"] == greatest
        assert (found["range"]["above"] > 0) == (depth == "0-100")
    assert found["depth_cm"] == depth


def test_world_debts(stocks: Callable[..., Any]) -> None:
    for depth, petagrams, digit in (("0-30", 31.2, 0.1), ("0-100", 67.8, 0.1)):
        before, after = (report(stocks(d, depth))["total"]["value"] for d in ("NoLU", "2010AD"))
        assert before - after == near(petagrams, digit)
    lost = (stocks("NoLU", "0-30") - stocks("2010AD", "0-30")).values
    assert (np.nanmin(lost), np.nanmax(lost)) == (-320, 87)
    assert np.mean(lost[np.isfinite(lost)] < 0) == pytest.approx(0.10, abs=0.005)


@pytest.mark.slow
def test_the_sinusoidal_map_has_the_same_carbon(data: Path) -> None:
    """No EPSG code, metres; read as degrees (--crs EPSG:4326) it is refused."""
    path = data / "global_10km" / "SOCS_0_30cm_year_2010AD_10km_sin.tif"
    found = report(*carried(path, world(2), **STOCK))
    assert found["total"]["value"] == near(867, 1)
    assert found["valid_area_ha"] / MKM2 == near(130.2, 0.1)
    with pytest.raises(RasterError, match="claims degrees but spans"):
        carried(path, world(2), **STOCK, crs="EPSG:4326")


@pytest.fixture(scope="module")
def density(data: Path) -> dict[str, xr.DataArray]:
    return {
        at: carried(
            data / "global_10km" / f"OCD_{at}cm_year_2010AD_10km.tif",
            world(12),
            variable="soc_density",
            unit="kg m-3",
            scale=0.1,
            depth=at,
        )[0].compute()
        for at in ("0", "30")
    }


def test_density_is_stored_tenfold(
    density: dict[str, xr.DataArray], stocks: Callable[..., Any]
) -> None:
    """Without --scale 0.1 the median ratio is 10.06."""
    profile = profile_of("soc_density", [(depth_of(at), layer) for at, layer in density.items()])
    made = stock_from_profile({"soc_density": profile}).values
    mapped = stocks("2010AD", "0-30").values
    both = np.isfinite(made) & (mapped > 0)
    assert np.median(made[both] / mapped[both]) == pytest.approx(1.006, abs=5e-3)
    assert np.corrcoef(made[both], mapped[both])[0, 1] == pytest.approx(1, abs=2e-3)
    assert float(density["0"].mean()) == pytest.approx(33.96, abs=0.05)


def test_negative_densities_are_told_and_kept(density: dict[str, xr.DataArray]) -> None:
    """They are no nodata: -9999 is declared, and -13 to -1 are artefacts of the model."""
    for at, count, least in (("0", 618, -1.3), ("30", 12, -3.5)):
        found = report(density[at])
        assert found["range"]["below"] == count
        assert found["min"] == pytest.approx(least)
        assert f"{count} cells below 0 kg m-3" in found["verdicts"][0]


def test_errors_of_density_are_not_stored_tenfold(
    data: Path, density: dict[str, xr.DataArray]
) -> None:
    """The file of the error says nothing of it; taken as the densities are, it would be 6.5 %."""
    for at, mean in (("0", 22.03), ("30", 9.21)):
        path = data / "global_10km" / f"abs_error_OCDENS_{at}cm_2010AD_10km_ll.tif"
        declared = {"unit": "kg m-3", "depth": at, "support": "point"}
        layer, _ = carried(path, world(12), variable="soc_density_error", **declared)
        assert float(layer.mean()) == pytest.approx(mean, abs=0.01)
        assert report(layer)["verdicts"] == []
        if at == "0":
            share = float(layer.mean()) / float(density["0"].mean())
            assert share == pytest.approx(0.65, abs=0.01)


# -- climate zones ------------------------------------------------------------------------------

ZONES = {
    "tif": {"legend": "colinahill_2019"},
    "nc": {"legend": "colinahill_2019"},
    "geojson": {"cell": 0.5},
}


@pytest.fixture(scope="module")
def zones(data: Path) -> dict[str, xr.DataArray]:
    return {
        suffix: carried(
            data / "global_0p5deg" / f"ipcc_climate_zones_2019.{suffix}",
            world(2),
            variable="climate_zone",
            guidelines="2019",
            **options,
        )[0]
        for suffix, options in ZONES.items()
    }


def test_the_three_files_of_zones_agree(zones: dict[str, xr.DataArray]) -> None:
    """The GeoTIFF is south-up: read as it lies, 85,000 of its cells differ from the NetCDF."""
    np.testing.assert_array_equal(zones["tif"], zones["nc"])
    np.testing.assert_array_equal(zones["tif"], zones["geojson"])
    upside_down = zones["tif"].values[::-1]
    assert (upside_down != zones["nc"].values).sum() > 80_000


def test_areas_of_zones(zones: dict[str, xr.DataArray]) -> None:
    found = report(zones["tif"])
    area = {row["name"]: row["area_ha"] / MKM2 for row in found["classes"]}
    assert found["valid_area_ha"] / MKM2 == near(146, 1)
    assert area["tropical_dry"] == near(24.4, 0.1)
    assert area["warm_temperate_dry"] == near(24.9, 0.1)
    assert area["polar_moist"] + area["polar_dry"] == near(6.8, 0.1)
    assert found["verdicts"] == []


def test_the_two_codings_of_zones_agree_where_they_should(
    data: Path, zones: dict[str, xr.DataArray]
) -> None:
    """Of one legend's numbers read in the other's, 4 % agree (seen)."""
    path = data / "global_10km" / "ipcc_climate_zones_jrc2010_10km.tif"
    grid = world(12)
    jrc, _ = carried(path, grid, variable="climate_zone_2006", legend="jrc_2010")
    mask, _ = carried(
        data / "global_10km" / "landmask_10km.tif", grid, variable="valid_share", unit="1"
    )
    raw = read(read_own(path, variable="climate_zone_2006", legend="jrc_2010").raw)
    assert np.unique(raw).tolist() == list(range(13))  # its declared nodata 15 never occurs
    at_sea = report(jrc)
    on_land = report(jrc, mask, reference=Reference(zones["tif"]))
    assert at_sea["valid_area_ha"] / MKM2 > 500  # drawn on over the sea: to be masked
    assert on_land["valid_area_ha"] / MKM2 == near(130.2, 0.1)
    assert on_land["comparison"]["agreement"] == pytest.approx(0.725, abs=0.01)
    assert on_land["verdicts"] == []
    wrong, _ = carried(
        path, grid, variable="climate_zone", legend="colinahill_2019", guidelines="2006"
    )
    mistaken = report(wrong, mask, reference=Reference(zones["tif"]))
    assert mistaken["comparison"]["agreement"] < 0.1
    assert "check the legend" in mistaken["verdicts"][0]


# -- global_0p5deg ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stem", "layer", "name", "expected", "digit"),
    [
        ("landuse_isimip2b", "cropland_total", "cropland_share", (15.1, 15.3), 0.1),
        ("landuse_isimip2b", "pastures", "pasture_share", (32.7, 33.1), 0.1),
        ("bioclim_gswp3-w5e5", "bio1", "mean_annual_temperature", (14.0, 14.3), 0.1),
        ("bioclim_gswp3-w5e5", "bio12", "annual_precipitation", (868, 872), 1),
    ],
)
def test_land_use_and_climate_of_two_epochs(
    data: Path, stem: str, layer: str, name: str, expected: tuple[float, float], digit: float
) -> None:
    path = data / "global_0p5deg" / f"{stem}_1995_2005.nc"
    for year, wanted in zip((1995, 2005), expected, strict=True):
        found = report(*carried(path, world(2), variable=name, subdataset=layer, year=year))
        got = found["mean"]
        if name.endswith("share"):
            got *= found["valid_area_ha"] / MKM2
        assert got == near(wanted, digit)
        assert found["verdicts"] == []
        assert found["year"] == year


# -- global_2deg --------------------------------------------------------------------------------


def test_texture_of_the_two_degree_table(data: Path) -> None:
    """Rows end in a comma of their own: read naively, sand is clay and latitude an index."""
    path = data / "global_2deg" / "gridinfo_soil_clm2.csv"
    texture = {}
    for name, least, mean, most in (
        ("sand", 0.017, 0.49, 0.90),
        ("clay", 0.010, 0.23, 0.62),
        ("silt", 0.03, 0.29, 0.70),
    ):
        own = read_own(path, variable=name, unit="1", depth="0-30")
        values = read(own.raw)
        assert np.isfinite(values).sum() == 4299
        assert np.nanmean(values) == pytest.approx(mean, abs=0.005)
        assert np.nanmin(values) == pytest.approx(least, abs=0.001)
        assert np.nanmax(values) == pytest.approx(most, abs=0.005)
        texture[name], _ = carried(path, world(1), variable=name, unit="1", depth="0-30")
    found = report(texture["clay"], texture=texture)["texture"]
    assert found["mean"] == pytest.approx(100, abs=0.1)


def test_longitudes_of_0_to_360_come_to_lie_where_they_belong(data: Path) -> None:
    """Not turned, the table's western half would be missing."""
    path = data / "global_2deg" / "gridinfo_soil_clm2.csv"
    layer, _ = carried(path, world(4), variable="sand", unit="1", depth="0-30")
    rows = pd.read_csv(path, index_col=False, skipinitialspace=True)
    for lon in (10, 267.5, 300, 357.5):  # Africa, both Americas, the last column
        row = rows[rows["lon"] == lon].iloc[20]
        at = layer.sel(y=row["lat"], x=(lon + 180) % 360 - 180, method="nearest")
        assert float(at) == pytest.approx(100 * row["sand"], rel=1e-5)


def test_land_of_the_two_degree_table(data: Path) -> None:
    path = data / "global_2deg" / "gridinfo_igbpz.csv"
    own = read_own(path, variable="cell_area", unit="0.0001 ha", column="landarea")
    assert np.nansum(read(own.raw)) * 1e-4 / MKM2 == near(136, 1)
    cover, _ = carried(path, world(1), variable="land_cover", column="ivt_igbp", legend="igbp")
    assert {row["code"] for row in report(cover)["classes"]} <= set(range(1, 8))


# -- ghana_1km ----------------------------------------------------------------------------------

_GHANA = {
    "soc": ("orcdrc", "g kg-1"),
    "bulk_density": ("bldfie", "kg m-3"),
    "coarse_fragments": ("crfvol", "%"),
}


def ghana(folder: Path, name: str, depth: str, **options: Any) -> xr.DataArray:
    stem, unit = _GHANA[name]
    path = folder / "ghana_1km" / f"{stem}_m_sl{POINTS.index(depth) + 1}_250m_Ghana.tif"
    told = {"variable": name, "unit": unit, "depth": depth, "nodata": -32768} | options
    return carried(path, **told)[0]


def test_ghana_from_points_to_a_stock(data: Path) -> None:
    profiles = {
        name: profile_of(name, [(depth_of(d), ghana(data, name, d)) for d in POINTS])
        for name in _GHANA
    }
    found = report(stock_from_profile(profiles))
    assert found["mean"] == near(48, 1)
    assert (found["min"], found["max"]) == (near(16.6, 0.1), near(488, 1))
    assert found["total"]["value"] == near(1.5, 0.1)
    assert found["valid_area_ha"] / 1e6 == near(31.3, 0.1)
    means = [float(profiles["soc"].isel(depth=i).mean()) for i in range(4)]
    assert means == pytest.approx([30.84, 17.67, 13.28, 7.323], abs=0.01)
    # 30 arc-seconds, whatever the file names say.
    assert found["resolution"]["degrees"] == pytest.approx([1 / 120] * 2, rel=1e-6)
    # Points, not layers: as means of layers the stock would be another.
    with pytest.raises(Exception, match="don't mix"):
        stock_from_profile(profiles, kind="layers")


@pytest.mark.parametrize("name", list(_GHANA))
def test_ghanas_undeclared_nodata_is_named(data: Path, name: str) -> None:
    with pytest.raises(RasterError, match="--nodata -32768"):
        ghana(data, name, "15", nodata=None)


def test_ghanas_soil_classes_hide_255(data: Path) -> None:
    path = data / "ghana_1km" / "TAXOUSDA_Ghana.tif"
    with pytest.raises(RasterError, match="not in the legend"):  # none of Great Groups is packaged
        carried(path, variable="soil_group")
    assert np.nanmax(read(read_own(path, variable="soil_group").raw)) == 255
    codes = read(read_own(path, variable="soil_group", nodata=255).raw)
    assert (np.nanmin(codes), np.nanmax(codes)) == (11, 99)


# -- usa48_10km ---------------------------------------------------------------------------------


def test_the_united_states_over_their_epochs(data: Path) -> None:
    box = target_grid([(-126, 23, -65, 51)], 1 / 12)
    found = {
        year: report(
            carried(
                data / "usa48_10km" / f"usa48.OCD_10cm_year{year}_10km.tif",
                box,
                variable="soc_density",
                unit="kg m-3",
                depth="10",
                year=year,
            )[0]
        )
        for year in USA_EPOCHS
    }
    assert found[1935]["mean"] == near(22.7, 0.1)
    assert found[2014]["mean"] == near(22.5, 0.1)
    for year in USA_EPOCHS:
        assert found[year]["valid_area_ha"] / MKM2 == near(9.6, 0.1)
        fewer = found[2014]["valid_cells"] - found[year]["valid_cells"]
        assert fewer == (194 if year == 1935 else 0)


# -- lombardy_250m ------------------------------------------------------------------------------

_LOMBARDY = {
    "clay": ("CLYPPT", "%", 255),
    "silt": ("SLTPPT", "%", 255),
    "sand": ("SNDPPT", "%", 255),
    "bulk_density": ("BLDFIE", "kg m-3", -32768),
    "coarse_fragments": ("CRFVOL", "%", 255),
}


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_texture_of_lombardy_sums_to_100(data: Path, step: int) -> None:
    layers = {}
    for name in ("clay", "silt", "sand"):
        stem, unit, _ = _LOMBARDY[name]
        path = data / "lombardy_250m" / f"{stem}_M_sl{step}_250m.tiff"
        layers[name], _ = carried(path, variable=name, unit=unit, depth=POINTS[step - 1])
    found = report(layers["clay"], texture=layers)["texture"]
    assert (found["min"], found["max"]) == (99, 101)
    assert found["mean"] == pytest.approx(100, abs=0.05)
    assert (found["off"], report(layers["clay"], texture=layers)["verdicts"]) == (0, [])


@pytest.mark.parametrize(
    ("name", "mean"), [("clay", 17.61), ("bulk_density", 1.099), ("coarse_fragments", 0.1394)]
)
def test_lombardys_surface(data: Path, name: str, mean: float) -> None:
    stem, unit, nodata = _LOMBARDY[name]
    path = data / "lombardy_250m" / f"{stem}_M_sl1_250m.tiff"
    layer, _ = carried(path, variable=name, unit=unit, depth="0")
    assert float(layer.mean()) == pytest.approx(mean, rel=5e-4)
    assert report(layer)["resolution"]["km"] == pytest.approx([0.16, 0.23], abs=0.005)
    with_nodata = carried(path, variable=name, unit=unit, depth="0", nodata=nodata)[0]
    np.testing.assert_array_equal(layer, with_nodata)


# -- howland_250m -------------------------------------------------------------------------------


def test_howlands_stock_by_layers(data: Path) -> None:
    folder = data / "howland_250m"
    both = [
        carried(
            folder / f"corgStock_{d}_x_kgm2_SG.tif",
            variable="soc_stock",
            unit="kg m-2",
            depth=d.replace("_", "-"),
        )[0]
        for d in ("0_10", "10_30")
    ]
    assert [layer.attrs["depth_cm"] for layer in both] == ["0-10", "10-30"]
    assert float((both[0] + both[1]).mean()) == near(127, 1)


def test_howlands_units_are_not_those_of_its_file_names(data: Path) -> None:
    folder = data / "howland_250m"
    names = {
        "bulk_density": ("bd_0_x_x_gcm3_SG.tif", "10 kg m-3", 1.16, "g cm-3"),
        "soc": ("corg_0_x_x_pct_SG.tif", "5 g kg-1", 62.45, "%"),
        "clay": ("clay_0_x_x_pct_SG.tif", "%", 12.03, None),
        "coarse_fragments": ("coarse_0_x_x_pctVol_SG.tif", "%", 0.06376, None),
    }
    for name, (file, unit, mean, wrong) in names.items():
        layer, _ = carried(folder / file, variable=name, unit=unit, depth="0")
        assert float(layer.mean()) == pytest.approx(mean, rel=1e-3)
        assert report(layer)["verdicts"] == []
        if wrong == "g cm-3":  # as the file name says: 116 g cm-3
            layer, _ = carried(folder / file, variable=name, unit=wrong, depth="0")
            assert any("check unit" in line for line in report(layer)["verdicts"])


def test_howlands_land_cover_is_forest(data: Path) -> None:
    path = data / "howland_250m" / "landCover_0.5_x_x_deg_MODIS.tif"
    layer, _ = carried(path, variable="land_cover", legend="igbp")
    assert [row["name"] for row in report(layer)["classes"]] == ["tree_covered"]


# -- boundaries, actors, evidence ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("stem", "count", "invalid"),
    [
        ("ne_110m_admin_0_countries", 177, 1),
        ("ne_50m_admin_0_countries", 241, 0),
        ("ne_50m_admin_1_states_provinces", 100, 1),
    ],
)
def test_outlines_become_regions(data: Path, stem: str, count: int, invalid: int) -> None:
    """ISO_A3 is -99 for France and Norway; were it taken for the id, they would be one."""
    path = data / "boundaries" / f"{stem}.geojson"
    given = gpd.read_file(path)
    assert len(given) == count
    assert (~given.geometry.is_valid).sum() == invalid
    found = regions(str(path))
    assert len(found) == count
    assert found["id"].is_unique
    assert "-99" not in set(found["id"])
    assert found.geometry.is_valid.all()
    if "countries" in stem:
        assert {"FRA", "NOR", "NAM"} <= set(found["id"])


def test_country_codes(data: Path) -> None:
    rows = pd.read_csv(data / "boundaries" / "country-codes.csv", keep_default_na=False)
    assert len(rows) == 249
    assert rows["M49"].astype(str).str.len().min() > 0
    counts = rows["Region Name"].value_counts().to_dict()
    assert counts == {"Africa": 60, "Americas": 57, "Asia": 51, "Europe": 51, "Oceania": 29, "": 1}
    # "NA" is Namibia, not missing; the former name of North Macedonia is known.
    assert (rows["ISO3166-1-Alpha-2"] == "NA").sum() == 1
    assert region("NA").id == "NAM"
    assert countries.find("Macedonia") == countries.find("North Macedonia") == ["MKD"]


def test_measured_sites(data: Path) -> None:
    pytest.importorskip("openpyxl")
    path = data / "evidence" / "remnant_native_SOC_database.xlsx"
    sites = pd.read_excel(path, sheet_name="sites", engine="openpyxl")
    sites = sites.rename(columns=str.strip)  # " Country"
    assert sites.shape == (546, 19)
    kinds = sites["Native/Ag/Restored"].str.strip().str.casefold()
    groups = {"native": (214, 88.6), "restored": (55, 74.8), "agriculture": (277, 57.2)}
    for kind, (count, mean) in groups.items():
        assert (kinds == kind).sum() == count
        assert sites.loc[kinds == kind, "30 cm SOC"].mean() == near(mean, 0.1)
    assert sites["Latitude"].notna().sum() == 495
    assert sites["Latitude"].agg(["min", "max"]).tolist() == near_list([-37.2, 49.0])
    # 23 spellings, blanks before them included; two names stand with one and with none.
    assert (sites["Country"].nunique(), sites["Country"].str.strip().nunique()) == (23, 21)


def near_list(values: list[float]) -> Any:
    return pytest.approx(values, abs=0.051)
