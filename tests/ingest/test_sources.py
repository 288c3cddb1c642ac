"""The catalogue of sources: whole, filled, true to the facts it was made from, and extended."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from hotspots.errors import BadInputError
from hotspots.ingest.sources.cards import card, markdown, rows
from hotspots.ingest.sources.catalogue import (
    UnknownSourceError,
    canonical_name,
    filled,
    read_source,
    source,
    sources,
    values_of,
)
from hotspots.ingest.sources.model import depth_text
from hotspots.layers.units import spelled
from hotspots.layers.variables import variable

NAMES = (
    "soilgrids",
    "gsocmap",
    "gsocseq",
    "soil-carbon-debt",
    "openlandmap",
    "esa-cci",
    "worldcover",
    "lc100",
    "koppen-geiger",
    "ipcc-climate-zones",
    "terraclimate",
    "natural-earth",
    "geoboundaries",
    "offsetsdb",
    "chelsa",
    "glc-fcs30d",
    "isdasoil",
    "openlandmap-soildb",
)
MINE = """
name = "mine"
title = "My map"
publisher = "Me"
about = "A map."
url = "https://example.org"
citation = "Me (2026)"
licence = "cc-by-4.0"
sure = "verified"

[[access]]
name = "whole"
kind = "file"
address = "https://example.org/{year}/{depth}.tif"
cell = 0.5

[[products]]
name = "clay"
unit = "%"
depths = ["0-5"]
years = [2000, 2010]
"""


def address(name: str, product: str, access: str, **asked: object) -> tuple[str, str]:
    made = source(name)
    chosen = made.product(product)
    way = next(a for a in made.access if a.name == access)
    assert way in made.accesses(chosen, asked.get("year"))
    told = values_of(chosen, way, **asked)  # type: ignore[arg-type]
    return filled(way.address, told), filled(way.member, told)


def test_the_sources_are_there() -> None:
    assert set(sources()) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_source_is_whole(name: str) -> None:
    made = source(name)
    assert made.defaults()
    for product in made.products:
        assert made.product(product.name) is product
        for year in product.years or (None,):
            for access in made.accesses(product, year):
                for depth in (*product.depths, *product.more_depths) or ("",):
                    told = values_of(product, access, year=year, depth=depth, tile="T", iso3="KEN")
                    for part in product.parts or ({},):
                        full = filled(access.address, told | part)
                        assert re.fullmatch(r"https?://[^{}\s]+", full), full
        if product.kind == "raster":
            row = variable(canonical_name(product))
            assert bool(row.classes) != bool(product.unit)
            assert spelled(product.unit) == product.unit


def test_soilgrids_divisors_are_those_of_the_table(shared: Path) -> None:
    path = shared / "science" / "tables" / "soilgrids_units.csv"
    by_layer = {r["layer"]: r for r in csv.DictReader(path.read_text("utf-8").splitlines())}
    units = {"kg/dm3 = g/cm3": "g cm-3", "vol %": "%", "%": "%", "g/kg": "g kg-1"}
    for product in source("soilgrids").products:
        row = by_layer[str(product.parameters["property"])]
        assert product.nodata == -32768
        if row["layer"] == "ocs":  # stored in t/ha; a tenth of that is kg/m2
            assert (product.scale, product.unit, row["mapped_unit"]) == (1, "t ha-1", "t/ha")
            continue
        assert product.scale * float(row["divide_by"]) == pytest.approx(1)
        assert product.unit == units[row["conventional_unit"]]


@pytest.mark.parametrize(
    ("name", "product", "access", "asked", "ends"),
    [
        ("soilgrids", "soc_stock", "250m", {}, "/latest/data/ocs/ocs_0-30cm_mean.vrt"),
        (
            "soilgrids",
            "soc_stock",
            "5000m",
            {},
            "/latest/data_aggregated/5000m/ocs/ocs_0-30cm_mean_5000.tif",
        ),
        (
            "soilgrids",
            "coarse_fragments",
            "1000m",
            {"depth": "5-15"},
            "/1000m/cfvo/cfvo_5-15cm_mean_1000.tif",
        ),
        ("soilgrids", "clay_lower", "250m", {"depth": "100-200"}, "/clay/clay_100-200cm_Q0.05.vrt"),
        (
            "soil-carbon-debt",
            "soc_stock_reference",
            "5min",
            {},
            "/raw/master/SOCS/SOCS_0_30cm_year_NoLU_10km.tif",
        ),
        (
            "soil-carbon-debt",
            "soc_stock_100cm",
            "5min",
            {"year": 1800},
            "/SOCS/SOCS_0_100cm_year_1800AD_10km.tif",
        ),
        (
            "soil-carbon-debt",
            "soc_density",
            "5min",
            {"year": 1960, "depth": "30"},
            "/OCD/OCD_30cm_year_1960AD_10km.tif",
        ),
        (
            "soil-carbon-debt",
            "soc_density_error",
            "5min",
            {"depth": "0"},
            "/abs_error/abs_error_OCDENS_0cm_2010AD_10km_ll.tif",
        ),
        (
            "openlandmap",
            "soc",
            "250m",
            {"depth": "10"},
            "/2525553/files/sol_organic.carbon_usda.6a1c_m_250m_b10..10cm_1950..2017_v0.2.tif",
        ),
        (
            "openlandmap",
            "soc_stock",
            "250m",
            {"part": {"depth": "b10..30cm"}},
            "/sol_organic.carbon.stock_msa.kgm2_m_250m_b10..30cm_1950..2017_v0.2.tif",
        ),
        (
            "worldcover",
            "land_cover",
            "10m",
            {"year": 2020, "tile": "N00E033"},
            "/v100/2020/map/ESA_WorldCover_10m_2020_v100_N00E033_Map.tif",
        ),
        (
            "worldcover",
            "cropland_share",
            "10m",
            {"tile": "S03W060"},
            "/v200/2021/map/ESA_WorldCover_10m_2021_v200_S03W060_Map.tif",
        ),
        (
            "lc100",
            "land_cover",
            "world",
            {"year": 2019},
            "/records/3939050/files/PROBAV_LC100_global_v3.0.1_2019-nrt"
            "_Discrete-Classification-map_EPSG-4326.tif",
        ),
        (
            "esa-cci",
            "land_cover",
            "ceda",
            {"year": 2015},
            "/v2.0.7/ESACCI-LC-L4-LCCS-Map-300m-P1Y-2015-v2.0.7.tif",
        ),
        ("gsocmap", "soc_stock", "30s", {}, "/DATA/GSOCSEQ/MAP/GSOCSEQ.GSOCMAP1-5-0.tif"),
        ("gsocseq", "potential_gsocseq_ssm3", "30s", {}, "/GSOCseq_RSR_SSM3_Map030.tif"),
        ("geoboundaries", "units", "gbOpen", {"iso3": "KEN"}, "/api/current/gbOpen/KEN/ADM1/"),
        ("natural-earth", "units", "10m", {}, "/10m/cultural/ne_10m_admin_1_states_provinces.zip"),
        (
            "terraclimate",
            "air_temperature",
            "2.5min",
            {"part": {"file": "tmax"}},
            "/climatology/TerraClimate_19812010_tmax.nc",
        ),
        ("offsetsdb", "projects", "csv", {}, "/production/latest/offsets-db.csv.zip"),
    ],
)
def test_addresses(
    name: str, product: str, access: str, asked: dict[str, object], ends: str
) -> None:
    assert address(name, product, access, **asked)[0].endswith(ends)


def test_members_of_archives() -> None:
    member = address("koppen-geiger", "koppen_geiger", "6min")[1]
    assert member == "1991_2020/koppen_geiger_0p1.tif"
    assert address("esa-cci", "land_cover", "cds", year=2015)[1].endswith("-2015-v2.0.7cds*.nc")
    assert address("esa-cci", "land_cover", "cds", year=2016)[1].endswith("-2016-v2.1.1*.nc")


@pytest.mark.parametrize(
    ("name", "product", "facts"),
    [
        ("soilgrids", "coarse_fragments", {"scale": 0.1, "unit": "%", "nodata": -32768}),
        ("soil-carbon-debt", "soc_stock", {"scale": 1, "unit": "t ha-1", "nodata": -32767}),
        ("soil-carbon-debt", "soc_density", {"scale": 0.1, "unit": "kg m-3", "nodata": -9999}),
        # Not scaled, though the density beside it is.
        ("soil-carbon-debt", "soc_density_error", {"scale": 1, "unit": "kg m-3", "nodata": -9999}),
        ("openlandmap", "soc", {"scale": 5, "unit": "g kg-1"}),
        ("openlandmap", "bulk_density", {"scale": 10, "unit": "kg m-3"}),
        ("openlandmap", "soc_stock", {"combine": "sum", "unit": "kg m-2"}),
        ("esa-cci", "land_cover", {"nodata": 0, "subdataset": "lccs_class"}),
        ("lc100", "land_cover", {"nodata": 255, "also_nodata": (0,)}),
        ("worldcover", "forest_share", {"nodata": 0, "share_of": "tree_covered"}),
        ("ipcc-climate-zones", "climate_zone", {"nodata": 0, "legend": "colinahill_2019"}),
        ("terraclimate", "evaporation", {"packed": True, "months": "keep"}),
        ("terraclimate", "annual_pet", {"months": "sum", "unit": "mm yr-1"}),
    ],
)
def test_facts(name: str, product: str, facts: dict[str, object]) -> None:
    made = source(name).product(product)
    assert {key: getattr(made, key) for key in facts} == facts


def test_facts_of_the_accesses() -> None:
    assert {a.crs for a in source("soilgrids").access} == {"ESRI:54052"}
    (tiles,) = [a.tiles for a in source("worldcover").access]
    assert tiles is not None
    assert (tiles.degrees, tiles.cells, tiles.corner) == (3, 36000, "lower-left")
    assert (tiles.absent, tiles.index_key) == ((404,), "ll_tile")
    assert source("esa-cci").access[0].token
    assert "profile" in source("esa-cci").access[0].token_from
    assert source("terraclimate").product("evaporation").attrs["pan_factor"] == 1
    assert source("ipcc-climate-zones").product("climate_zone").attrs["guidelines"] == "2019"
    assert source("koppen-geiger").access[0].checksum == "md5:7fc2f5a15d4f5fe0ce59c9a9b502aa09"


def test_what_is_not_everywhere() -> None:
    """Quantiles exist at 250 m only, the years after 2015 only with a token."""
    grids = source("soilgrids")
    assert [a.name for a in grids.accesses(grids.product("clay"))] == ["250m", "1000m", "5000m"]
    assert [a.name for a in grids.accesses(grids.product("clay_upper"))] == ["250m"]
    cover = source("esa-cci")
    assert [a.name for a in cover.accesses(cover.product("land_cover"), 2015)] == ["cds", "ceda"]
    assert [a.name for a in cover.accesses(cover.product("land_cover"), 2016)] == ["cds"]


def test_doubts_are_told() -> None:
    for made in sources().values():
        assert made.sure == "verified" or made.doubts, made.name
    assert "not confirmed" in source("gsocmap").licence_note
    assert any("isn't a change" in doubt for doubt in source("worldcover").doubts)


@pytest.mark.parametrize(
    ("depth", "code", "text"),
    [
        ("0-5", "{top}-{bottom}cm", "0-5cm"),
        ("10", "b{top}..{bottom}cm", "b10..10cm"),
        ("0", "{bottom}cm", "0cm"),
        ("0-100", "{bottom}cm", "100cm"),
    ],
)
def test_depths_as_addresses_write_them(depth: str, code: str, text: str) -> None:
    assert depth_text(depth, code) == text


# --- sources of one's own -------------------------------------------------------------------------


def test_a_file_is_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.toml").write_text(MINE)
    monkeypatch.setenv("HOTSPOTS_SOURCES", str(tmp_path))
    assert address("mine", "clay", "whole", year=2010)[0] == "https://example.org/2010/0-5cm.tif"
    assert set(sources()) == {*NAMES, "mine"}
    assert "# My map" in card("mine")


def test_an_own_file_takes_the_place_of_a_packaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gsocmap.toml").write_text(MINE.replace('"mine"', '"gsocmap"'))
    monkeypatch.setenv("HOTSPOTS_SOURCES", str(tmp_path))
    assert source("gsocmap").title == "My map"


def test_a_folder_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTSPOTS_SOURCES", "/no/such/folder")
    with pytest.raises(BadInputError, match="is '/no/such/folder', which isn't a folder"):
        sources()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "mine"', 'name = "yours"', "its name is 'yours', where that of the file"),
        ('title = "My map"', "title = 3", "'title' is 3, which isn't what is needed"),
        ("cell = 0.5", 'cell = "0.5"', "'cell' is '0.5', which isn't what is needed"),
        ("cell = 0.5", "cell = true", "'cell' is True"),
        ("cell = 0.5", "cells = 0.5", "'cells' isn't a key of 'access'; did you mean cell"),
        ('licence = "cc-by-4.0"', 'licence = "cc-by-5.0"', "no licence 'cc-by-5.0'; did you mean"),
        ('sure = "verified"', 'sure = "certain"', "'sure' is 'certain'; allowed are verified"),
        ('sure = "verified"', 'sure = "secondary"', "says in no 'doubts' what isn't confirmed"),
        ('kind = "file"', 'kind = "ftp"', "'kind' is 'ftp'; allowed are file, window"),
        ('kind = "file"', 'kind = "tiles"', "access 'whole' is of tiles, and"),
        ("{year}/", "{release}/", "product 'clay' doesn't fill 'release' of access 'whole'"),
        ("years = [2000, 2010]", "", "product 'clay' doesn't fill 'year' of access 'whole'"),
        ('depths = ["0-5"]', "", "product 'clay' doesn't fill 'depth' of access 'whole'"),
        ('depths = ["0-5"]', 'depths = ["0-5cm"]', "has the depth '0-5cm', not cm as '0-30'"),
        ('unit = "%"', "", "product 'clay' has no unit"),
        ('name = "clay"', 'name = "clays"', "'clays' is not a canonical variable; did"),
        ('unit = "%"', 'unit = "%"\nlegend = "esa"', "The legend 'esa' is unknown"),
        ('unit = "%"', 'unit = "%"\nshare_of = "crops"', "'share_of' is 'crops'; allowed are"),
        ('unit = "%"', 'unit = "%"\nmonths = "max"', "'months' is 'max'; allowed are"),
        ('unit = "%"', 'unit = "%"\ncombine = "sum"', "'parts' and 'combine' go together"),
        ('unit = "%"', 'unit = "%"\npacked = true\nscale = 2', "so the file declares its scale"),
        ('unit = "%"', 'unit = "%"\naccess = ["10m"]', "names the access '10m', not there"),
        ("cell = 0.5", "limits = { year = [2000] }", "product 'clay' has no access for 2010"),
        ("cell = 0.5", 'by_year = { release = { "1990-2000" = 1 } }', "'the year 2010'"),
        (
            "[[products]]",
            '[[access]]\nname = "whole"\nkind = "file"\naddress = "x"\n[[products]]',
            "two of its kind 'access' have one name",
        ),
        ("cell = 0.5", "cell = ", "Invalid value"),
        ('unit = "%"', 'unit = "%"\ndtype = "Int16"', "'dtype' is 'Int16'; allowed are"),
        ('sure = "verified"', 'sure = "verified"\nextent = [20, 0, 10, 5]', "'extent' is [20, 0"),
        ('sure = "verified"', 'sure = "verified"\nextent = [0, 10]', "west, south, east and north"),
        ('title = "My map"', "", "missing 1 required positional argument: 'title'"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in MINE
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    read_source(path)
    path.write_text(MINE.replace(old, new, 1))
    with pytest.raises(BadInputError, match="doesn't describe a source: ") as caught:
        read_source(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_unknown_names() -> None:
    with pytest.raises(UnknownSourceError, match="no source 'soilgrid'; did you mean soilgrids"):
        source("soilgrid")
    with pytest.raises(UnknownSourceError, match="no product 'clai'; did you mean clay"):
        source("soilgrids").product("clai")


def test_a_product_is_found_without_its_year() -> None:
    assert source("lc100").product("land_cover").name == "land_cover_{year}"
    debt = source("soil-carbon-debt")
    assert debt.product("soc_stock").years == (2010,)
    assert debt.product("soc_stock_{year}").years[0] == 1990


# --- cards ----------------------------------------------------------------------------------------


def test_rows_are_for_lists() -> None:
    told = {row["name"]: row for row in rows()}
    assert list(told) == sorted(NAMES)
    assert told["soilgrids"]["variables"] == (
        "soc_stock, soc, bulk_density, coarse_fragments, clay, sand, silt"
    )
    assert told["esa-cci"]["years"] == "1992-2022"
    assert told["worldcover"]["cell"] == "0.3″"
    assert told["gsocmap"]["licence"] == "CC BY-NC-SA 3.0 IGO"
    for name, row in told.items():
        made = source(name)
        # Whoever uses a source must state these two; a card says the same.
        assert row["citation"] == made.citation != ""
        assert row["licence"]
        assert row["licence_url"].startswith("https://")
        assert (row["licence_note"], row["doi"], row["url"]) == (
            made.licence_note,
            made.doi,
            made.url,
        )


@pytest.mark.parametrize("name", NAMES)
def test_a_card_tells_all(name: str) -> None:
    text, made = card(name), source(name)
    for product in made.products:
        assert f"`{product.name}`" in text
    for access in made.access:
        assert access.address in text
    for said in (made.citation, *made.doubts, made.licence_note, f"hotspots ingest {name} "):
        assert said in text
    assert "\n\n\n" not in text


def test_a_card_tells_units_and_tokens() -> None:
    text = card("soilgrids")
    assert "| stored x 0.1 = `%` | `coarse_fragments`, `1` | -32768 |" in text
    assert "HOTSPOTS_CDS_TOKEN" in card("esa-cci")
    assert "ESRI:54052" in text


def test_the_page_of_sources_is_up_to_date(repo: Path) -> None:
    """Written by ``python docs/figures.py``."""
    assert (repo / "docs" / "sources.md").read_text(encoding="utf-8") == markdown()


def test_no_address_is_that_of_a_registry_or_a_local_path() -> None:
    for made in sources().values():
        for access in made.access:
            assert re.match(r"https?://", access.address)
            assert not re.search(r"localhost|127\.0\.0\.1|file:", access.address)
