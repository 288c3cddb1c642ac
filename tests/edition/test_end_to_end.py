"""From files and a recipe to a saved edition: the same by notebook, command line and `identify`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from drivers import classed, filled, made, piece, quick

import hotspots as hs
from hotspots import analysis as an
from hotspots.edition.analyze import identify
from hotspots.edition.edition import write_cog
from hotspots.edition.inputs import clip, coarsen, load
from hotspots.edition.manifest import layer_hash
from hotspots.edition.methods import METHODS, require_usable
from hotspots.errors import (
    BadInputError,
    EditionError,
    GridMismatchError,
    RasterError,
    RecipeError,
)
from hotspots.ingest import Store, open_data, open_layers
from hotspots.layers.harmonise import harmonise
from hotspots.layers.variables import EXCLUSION_REASONS, HOTSPOT_CLASSES, SOIL_CLASSES

OWN = {
    "system": "cropland",
    "factor": "F_MG",
    "level": "no_tillage",
    "climate_zone": "tropical_moist",
    "value": 1.3,
    "error_pct": 5.0,
    "source": 'own trials, "long" ones',
}
TOLD = {"source": "made", "citation": "made for a test", "licence": "CC0-1.0"}


def with_depths(data: xr.Dataset) -> xr.Dataset:
    """Return `data` with soil in three layers, and two years of weather to warm up by."""
    out = data.copy()
    for name in ("soc", "bulk_density", "coarse_fragments", "clay", "silt", "sand"):
        parts = xr.concat([data[name]] * 3, "depth")
        parts = parts.assign_coords(depth=[5, 15, 25], thickness=("depth", [10.0, 10.0, 10.0]))
        attrs = {k: v for k, v in data[name].attrs.items() if k != "depth_cm"}
        out[name] = parts.drop_attrs(deep=False).assign_attrs(attrs)
    months = np.arange("2001-01", "2003-01", dtype="datetime64[M]").astype("datetime64[ns]")
    for name in ("air_temperature", "precipitation", "evaporation"):
        twice = np.concatenate([data[name].values] * 2)
        layer = xr.DataArray(
            twice,
            {"time": months, "y": data["y"], "x": data["x"]},
            ("time", "y", "x"),
            attrs=data[name].attrs,
        )
        out[f"warm_up_{name}"] = layer
    return out


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All layers in one NetCDF file, those of months, depths and times too."""
    data = with_depths(made())
    data.attrs = {}
    for name in data.variables:
        data[name].encoding = {}
    path = tmp_path_factory.mktemp("data") / "all.nc"
    data.to_netcdf(path)
    return path


def files_of(folder: Path) -> dict[str, str]:
    """Return file -> hash, as the manifest of an edition has them."""
    return dict(json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"])


# --------------------------------------------------------------------------------- recipes replay


@pytest.mark.slow
def test_a_recipe_replays_everywhere(file: Path, tmp_path: Path) -> None:
    """Notebook, a process of its own and `identify`: the same id, the same bytes."""
    recipe = quick(
        potential={"factors": [OWN], "adoption": 0.1},
        gsocseq={"increases": [0.04, 0.1, 0.25], "years": 10},
        methods={"ranking_loss": "loss_total"},
    )
    path = tmp_path / "recipe.toml"
    path.write_text(recipe.to_toml(), encoding="utf-8")
    again = hs.Recipe.from_file(path)
    assert again == recipe
    opened = open_data(file)
    mine = hs.analyze(opened, recipe, regions="initiative")
    mine.save(tmp_path / "notebook")
    command = [
        sys.executable,
        "-m",
        "hotspots",
        "analyze",
        "--data",
        str(file),
        "--recipe",
        str(path),
        "--regions",
        "initiative",
        "--out",
        str(tmp_path / "cli"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    theirs = hs.open_edition(tmp_path / "cli")
    assert mine.id == theirs.id == identify(opened, again, "initiative")
    files = files_of(tmp_path / "cli")
    assert files == files_of(tmp_path / "notebook")
    assert any(name.startswith("rasters/loss_total") for name in files)
    assert theirs.recipe == recipe
    # All methods ran, on months, depths and times too, and what they gave reopens as it was.
    assert [row["id"] for row in theirs.manifest["methods"] if row["reason"]] == []
    assert set(theirs.rasters) == set(mine.rasters)
    for name in mine.rasters:
        values = mine.rasters[name].values
        np.testing.assert_array_equal(theirs.rasters[name].values, values, str(name))


def test_own_factors_change_the_result_as_by_hand() -> None:
    data = piece("UGA")
    plain, own = hs.analyze(data, quick()), hs.analyze(data, quick(potential={"factors": [OWN]}))
    moist = (data["climate_zone"] == 11).values
    before = plain.rasters["potential_ipcc_tier1"].values.astype("float64")
    after = own.rasters["potential_ipcc_tier1"].values.astype("float64")
    known = moist & np.isfinite(before)
    assert known.any()
    factor = {
        name: an.stock_change_factor(factor=kind, level=level, climate_zone="tropical_moist")
        for name, kind, level in (
            ("till", "F_MG", "no_tillage"),
            ("high", "F_I", "high_without_manure"),
        )
    }
    ratio = (1.3 * factor["high"] - 1) / (factor["till"] * factor["high"] - 1)
    np.testing.assert_allclose(after[known], before[known] * ratio, rtol=1e-5)
    np.testing.assert_array_equal(after[~moist], before[~moist])
    assert own.id != plain.id


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[uncertainty]\ndraws = -1", "uncertainty.draws is -1"),
        ("[gsocseq]\nincreases = [5, 10, 20]", r"gsocseq.increases\[0\] is 5"),
        ('[gsocseq]\nincreases = [0.05, "x"]', r"increases\[1\] is 'x'"),
        ("[gsocseq]\nincreases = 0.1", "a list is needed"),
        ("[masks]\npeat = true", "'peat' is not a key of \\[masks\\]"),
        ('[masks]\norganic = "yes"', "true or false is needed"),
        ('[methods]\nranking_loss = "soc_trend"', "modelled_change or loss_total"),
        ("[potential]\nfactors = [1]", r"potential.factors\[0\] is 1"),
        ('[methods]\nskip = "ipcc_tier1"', "a list is needed"),
        ('[hotspots]\nstability_over = "some"', "nothing or sd or all"),
    ],
)
def test_wrong_values_are_told_by_recipe_check(run, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    code, out, err = run("recipe", "check", path)
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    with pytest.raises(RecipeError, match=said):
        hs.Recipe.from_file(path)


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"methods": {"skip": ["tier1"]}}, "ipcc_tier1"),
        ({"methods": {"ranking_potential": "carbon_input"}}, "t ha-1 yr-1"),
        ({"change": {"end": "clay"}}, "change.end"),
        ({"saturation": {"equation": "hasink"}}, "hassink_1997"),
        ({"potential": {"factors": [{"foo": 1}]}}, "'foo'"),
        ({"potential": {"factors": [OWN | {"value": 130}]}}, "130"),
    ],
)
def test_what_no_data_could_run_is_known_before(choice: dict[str, Any], said: str) -> None:
    require_usable(hs.Recipe(), METHODS)
    with pytest.raises(BadInputError, match=said):
        require_usable(hs.Recipe.from_dict(choice), METHODS)


def test_recipes_are_shown_and_compared_with_their_lists(run, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    recipe = hs.Recipe.from_dict(
        {
            "methods": {"skip": ["gsocseq"]},
            "potential": {"factors": [OWN]},
            "masks": {"saline": False},
        }
    )
    path.write_text(recipe.to_toml(), encoding="utf-8")
    code, out, _ = run("recipe", "show", path)
    assert code == 0
    assert hs.Recipe.from_toml(out) == recipe
    code, out, _ = run("recipe", "diff", path, "--json")
    assert code == 0
    assert [row["key"] for row in json.loads(out)] == [
        "methods.skip",
        "potential.factors",
        "masks.saline",
    ]


# ------------------------------------------------------------------------- months, depths and times


def test_layers_of_three_dimensions_open_as_they_are(file: Path) -> None:
    data, opened = with_depths(made()), open_data(file)
    for name, dim, size in (
        ("precipitation", "month", 12),
        ("soc", "depth", 3),
        ("warm_up_evaporation", "time", 24),
    ):
        assert opened[name].dims == (dim, "y", "x")
        assert opened[name].sizes[dim] == size
        np.testing.assert_array_equal(opened[name].values, data[name].values)
    assert opened["thickness"].values.tolist() == [10.0, 10.0, 10.0]
    for name in data:
        assert layer_hash(opened[name]) == layer_hash(data[name]), name


def test_a_store_keeps_the_steps(file: Path, tmp_path: Path) -> None:
    store, opened = Store(tmp_path / "store"), open_layers(file)
    names = ["precipitation", "soc", "warm_up_precipitation"]
    for name in names:
        store.add(opened[name].assign_attrs(TOLD))
    found = store.open()
    assert sorted(found) == sorted(names)
    for name in names:
        assert layer_hash(found[name]) == layer_hash(opened[name]), name
    with rasterio.open(store.file("precipitation")) as tiff:
        assert tiff.count == 12
        assert set(tiff.descriptions) == {"precipitation"}
    part = load("UGA", store=tmp_path / "store")
    assert part["soc"].dims == ("depth", "y", "x")
    assert part["precipitation"].sizes["month"] == 12
    alone = open_layers(store.file("soc"))
    assert alone["thickness"].values.tolist() == [10.0, 10.0, 10.0]


def test_blocks_are_means_month_by_month() -> None:
    data = clip(made(), hs.region("30,-1,34,3"))
    coarse = coarsen(data[["soc_stock", "valid_share", "precipitation"]], 1.0)
    assert coarse["precipitation"].sizes["month"] == 12
    by_month = coarsen(
        data[["soc_stock", "valid_share"]].assign(
            precipitation=data["precipitation"].isel(month=6, drop=True)
        ),
        1.0,
    )
    np.testing.assert_allclose(
        coarse["precipitation"].isel(month=6).transpose("y", "x"),
        by_month["precipitation"],
        rtol=1e-6,
    )


def test_labels_of_the_steps_are_part_of_the_edition() -> None:
    """The same values of thicker soil layers are another input, and another edition."""
    data = with_depths(made())
    thick = data.assign_coords(thickness=("depth", [5.0, 10.0, 15.0]))
    assert layer_hash(data["soc"]) != layer_hash(thick["soc"])
    assert identify(data, quick()) != identify(thick, quick())


def test_months_in_another_order_are_sorted_at_the_door() -> None:
    layer = made()["precipitation"].rename("precipitation")
    turned = harmonise(layer.roll(month=6, roll_coords=True))
    assert turned["month"].values.tolist() == list(range(1, 13))
    np.testing.assert_array_equal(turned.values, layer.values)


def _spoilt(how: str, tmp_path: Path) -> Path:
    data = with_depths(made())[["soc_stock", "precipitation", "soc", "warm_up_precipitation"]]
    data["precipitation"] = data["precipitation"].copy()
    if how == "months":
        data = data.isel(month=slice(0, 11))
    elif how == "labels":
        data = data.assign_coords(month=np.arange(12))
    elif how == "name":
        data = data.rename(month="step")
    elif how == "thickness":
        data = data.drop_vars("thickness")
    elif how == "time":
        data["time"] = ("time", np.arange(24)[::-1], {})
    elif how == "calendar":
        data["time"] = ("time", np.arange(24), {"units": "moons since the flood"})
    elif how == "stock":
        data["soc_stock"] = (
            data["soc_stock"].expand_dims(month=12).assign_attrs(data["soc_stock"].attrs)
        )
    data.attrs = {}
    for name in data.variables:
        data[name].encoding = {}
    path = tmp_path / f"{how}.nc"
    data.to_netcdf(path)
    return path


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("months", "11 steps along 'month'"),
        ("labels", "aren't the twelve months of a year"),
        ("name", "aren't the twelve months of a year"),
        ("thickness", "'thickness' along 'depth'"),
        ("time", "doesn't rise"),
        ("calendar", "can't be read"),
        ("stock", "12 steps along 'month'"),
    ],
)
def test_steps_that_do_not_tell_what_they_are(tmp_path: Path, how: str, said: str) -> None:
    with pytest.raises(RasterError, match=said):
        open_layers(_spoilt(how, tmp_path))


def test_two_layers_of_unlike_depths_do_not_open_together(tmp_path: Path) -> None:
    """Left to itself, xarray would keep the first's depths and fill the second with NaN."""
    data = with_depths(made())
    store = Store(tmp_path)
    store.add(data["soc"].assign_attrs(TOLD))
    store.add(data["clay"].assign_coords(depth=[10, 20, 30]).assign_attrs(TOLD))
    with pytest.raises(GridMismatchError, match="other steps along 'depth'"):
        store.open()


def test_an_edition_writes_no_layer_of_three_dimensions(tmp_path: Path) -> None:
    layer = made()["precipitation"].rename("precipitation")
    with pytest.raises(EditionError, match="month, y, x"):
        write_cog(layer, tmp_path / "x.tif")
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------- land by mask


def test_every_hectare_has_a_class_or_a_reason() -> None:
    """One cell for each mask: the table tells its hectares by reason, and all land adds up."""
    data = made().drop_vars(["clay", "silt"])  # the sand of this test leaves no room for them
    known = np.argwhere((data["soc_stock"].notnull() & (data["cropland_share"] > 0.15)).values)
    shape = data["soc_stock"].shape
    cells = dict(
        zip(
            (
                "polar",
                "hyper_arid",
                "organic_soil",
                "paddy",
                "wetland_soil",
                "permafrost",
                "allophanic",
                "very_sandy",
                "saline",
                "high_stock",
            ),
            known[::3].tolist(),
            strict=False,
        )
    )

    def at(name: str, there: float, elsewhere: float) -> np.ndarray:
        out = np.full(shape, elsewhere, dtype="float64")
        out[tuple(cells[name])] = there
        return out

    soil = np.ones(shape)
    for reason, name in (
        ("organic_soil", "organic"),
        ("wetland_soil", "wetland"),
        ("allophanic", "volcanic"),
    ):
        code = next(c for c, n in SOIL_CLASSES.items() if n == name)
        soil[tuple(cells[reason])] = code
    zone = data["climate_zone"].copy(deep=True)
    zone.values[tuple(cells["polar"])] = 5
    high = data["soc_stock"].copy(deep=True)
    high.values[tuple(cells["high_stock"])] = 250
    rain = data["annual_precipitation"].copy(deep=True)
    rain.values[tuple(cells["hyper_arid"])] = 10
    masked = data.assign(
        soil_class=classed(data, soil, SOIL_CLASSES),
        climate_zone=zone,
        soc_stock=high,
        annual_precipitation=rain,
        paddy_share=filled(data, at("paddy", 0.9, 0), "1"),
        permafrost_share=filled(data, at("permafrost", 0.9, 0), "1"),
        sand=filled(data, at("very_sandy", 95, 30), "%", depth_cm="0-30"),
        electrical_conductivity=filled(data, at("saline", 8, 0), "dS m-1"),
    )
    edition = hs.analyze(masked, quick(uncertainty={"draws": 0}))
    code = {name: number for number, name in EXCLUSION_REASONS.items()}
    for reason, cell in cells.items():
        assert edition.rasters["excluded_reason"].values[tuple(cell)] == code[reason], reason
        assert edition.table.loc["total", f"excluded_reason_{reason}_area_ha"] > 0, reason
    assert set(edition.manifest["masks"].values()) == {"applied"}
    for place in ("UGA", "total"):
        row = edition.table.loc[place]
        classes = sum(row[f"hotspot_class_{name}_area_ha"] for name in HOTSPOT_CLASSES.values())
        land = classes + row["unmanaged_in_ranked_cells_ha"]
        assert land == pytest.approx(row["land_valid_ha"], rel=1e-9)
        reasons = sum(row[f"excluded_reason_{r}_area_ha"] for r in EXCLUSION_REASONS.values())
        whole = row["hotspot_class_excluded_area_ha"]
        assert reasons >= whole * (1 - 1e-9)
    off = hs.analyze(
        masked,
        quick(uncertainty={"draws": 0}, masks=dict.fromkeys(edition.manifest["masks"], False)),
    )
    left = set(np.unique(off.rasters["excluded_reason"])) - {0}
    assert left <= {code["zero_stock"], code["no_climate_zone"], code["little_managed_land"]}
    assert set(off.manifest["masks"].values()) == {"off"}


def test_masks_that_cannot_be_applied_are_told() -> None:
    masks = hs.analyze(piece("UGA"), quick(uncertainty={"draws": 0})).manifest["masks"]
    assert masks["permafrost"] == "not applied: the data lack permafrost_share"
    assert masks["organic"] == "applied"


# ------------------------------------------------------------------------- no traceback for a user


def _zones(data: xr.Dataset) -> xr.Dataset:
    zone = data["climate_zone"].assign_attrs(guidelines="2006")
    return data.assign(climate_zone=zone)


def _unknown_cover(data: xr.Dataset) -> xr.Dataset:
    cover = data["land_cover_2015"].copy(deep=True)
    cover.values[6, 6] = 9
    return data.assign(land_cover_2015=cover)


@pytest.mark.parametrize("spoil", [_zones, _unknown_cover])
def test_the_command_line_says_what_is_wrong_in_one_line(run, tmp_path: Path, spoil: Any) -> None:
    data = spoil(made())
    data.attrs = {}
    for name in data.variables:
        data[name].encoding = {}
    data.to_netcdf(tmp_path / "wrong.nc")
    code, out, err = run("analyze", "--data", tmp_path / "wrong.nc", "--out", tmp_path / "out")
    lines = [line for line in err.splitlines() if not line.startswith("…")]
    assert code == 2
    assert out == ""
    assert len(lines) == 1, lines
    assert lines[0].startswith("Error: ")
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()
