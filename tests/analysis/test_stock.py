"""SOC stocks: by hand, against a plain twin, and on two real sets of layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from hotspots.analysis.stock import (
    depth_overlap_weights,
    equivalent_mass_stock,
    fine_earth_bulk_density,
    fine_earth_mass,
    mass_weighted_mean,
    organic_carbon_from_matter,
    soc_stock,
    stock_to_depth,
)
from hotspots.errors import BadInputError, GridMismatchError

Soil = dict[str, Any]
THICKNESS = [5.0, 10.0, 15.0]
TOP, BOTTOM = [0.0, 5.0, 15.0], [5.0, 15.0, 30.0]
# The case "soilgrids_three_layers" of the reference values.
CONTENT, DENSITY, ROCK = [30.0, 22.0, 14.0], [1.2, 1.3, 1.4], [0.05, 0.06, 0.08]
# 0.1·(30·1.2·0.95·5 + 22·1.3·0.94·10 + 14·1.4·0.92·15) = 17.1 + 26.884 + 27.048
BY_HAND = 71.032
LAYER = st.tuples(
    st.floats(0, 500), st.floats(0.1, 2), st.floats(0, 0.9), st.floats(1, 50)
)  # SOC, density, fragments, thickness
LAYERS = st.lists(LAYER, min_size=1, max_size=5)


def layers(*values: float, **attrs: str) -> xr.DataArray:
    return xr.DataArray(list(values), dims="depth", attrs=attrs)


def soil() -> Soil:
    return {
        "soc": layers(*CONTENT),
        "bulk_density": layers(*DENSITY),
        "coarse_fragments": layers(*ROCK),
    }


def columns(rows: list[tuple[float, ...]]) -> Soil:
    names = ("soc", "bulk_density", "coarse_fragments", "thickness")
    return {
        name: layers(*column) for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }


def made_field(seed: int = 0) -> Soil:
    """Three layers of 9 x 8 cells, some missing."""
    rng = np.random.default_rng(seed)
    given = {"soc": (1, 60), "bulk_density": (0.8, 1.6), "coarse_fragments": (0, 0.6)}
    out = {}
    for name, (low, high) in given.items():
        values = rng.uniform(low, high, (3, 9, 8))
        values[rng.random(values.shape) < 0.03] = np.nan
        out[name] = xr.DataArray(values, dims=("depth", "y", "x"), name=name)
    return out


def plain_stock(soc: Any, density: Any, rock: Any, thickness: Any) -> float:
    total = 0.0
    for c, d, r, h in zip(soc, density, rock, thickness, strict=True):
        total += c * d * (1 - r) * h * 0.1
    return total


def test_reference_stocks(vectors: Path) -> None:
    for _, case in pd.read_csv(vectors / "soc_stock.csv").iterrows():
        told = case["layers_soc_gkg_bd_gcm3_cf_frac_thick_cm"].split(";")
        rows = [tuple(float(v) for v in layer.split("/")) for layer in told]
        found = soc_stock(**columns(rows))
        assert found.item() == pytest.approx(case["expected_t_c_ha"], rel=case["tolerance_rel"])


def test_by_hand() -> None:
    out = soc_stock(**soil(), thickness=THICKNESS)
    assert out.item() == pytest.approx(BY_HAND, rel=1e-12)
    assert (out.name, out.attrs["units"], out.attrs["depth_cm"]) == ("soc_stock", "t ha-1", "0-30")
    one = soc_stock(soc=15, bulk_density=1.3, coarse_fragments=0.05, thickness=30)
    assert isinstance(one, float)
    assert one == pytest.approx(55.575)
    each = soc_stock(
        soc=CONTENT, bulk_density=DENSITY, coarse_fragments=ROCK, thickness=np.array(THICKNESS)
    )
    np.testing.assert_allclose(each, [17.1, 26.884, 27.048])
    mixed = soc_stock(
        soc=layers(*CONTENT), bulk_density=DENSITY, coarse_fragments=ROCK, thickness=THICKNESS
    )
    assert mixed.item() == pytest.approx(BY_HAND, rel=1e-12)


@given(LAYERS)
def test_plain_twin(rows: list[tuple[float, ...]]) -> None:
    expected = plain_stock(*zip(*rows, strict=True))
    assert soc_stock(**columns(rows)).item() == pytest.approx(expected, rel=1e-12)


@given(LAYERS, st.data())
def test_a_missing_layer_makes_the_stock_missing(
    rows: list[tuple[float, ...]], data: st.DataObject
) -> None:
    given = columns(rows)
    name = data.draw(st.sampled_from(sorted(given)))
    where = data.draw(st.integers(0, len(rows) - 1))
    given[name][where] = np.nan
    assert np.isnan(soc_stock(**given).item())


def test_integers_do_not_overflow() -> None:
    soc = xr.DataArray(np.array([300], dtype="int16"), dims="x")
    out = soc_stock(soc=soc, bulk_density=soc // 300 * 2, coarse_fragments=0, thickness=soc)
    assert out.values[0] == 300 * 2 * 300 * 0.1


def test_chunked_equals_in_memory() -> None:
    whole, lazy = made_field(), {k: v.chunk(x=3, y=4) for k, v in made_field().items()}
    mass = fine_earth_mass(bulk_density=1.3, coarse_fragments=0.1, thickness=30)
    calls: list[tuple[Any, Soil]] = [
        (soc_stock, {"thickness": THICKNESS}),
        (stock_to_depth, {"top": TOP, "bottom": BOTTOM, "target": (0, 20)}),
        (stock_to_depth, {"at": TOP, "target": (0, 12)}),
        (equivalent_mass_stock, {"thickness": THICKNESS, "reference_mass": mass}),
    ]
    for function, options in calls:
        expected, found = function(**whole, **options), function(**lazy, **options)
        assert found.chunks is not None
        assert 0 < expected.isnull().sum() < expected.size
        xr.testing.assert_identical(expected, found.compute())


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"coarse_fragments": 5.0}, "coarse_fragments has the value 5; .*divide percent by 100"),
        ({"soc": -1.0}, "soc has the value -1"),
        ({"bulk_density": 1300.0}, "bulk_density has the value 1300.*divide kg m-3 by 1000"),
        ({"bulk_density": -32.768}, "bulk_density has the value -32.768.*nodata"),
        ({"thickness": -5.0}, "thickness has the value -5"),
    ],
)
def test_wrong_use_is_told(wrong: Soil, told: str) -> None:
    right = {"soc": 15.0, "bulk_density": 1.3, "coarse_fragments": 0.05, "thickness": 30.0}
    with pytest.raises(BadInputError, match=told):
        soc_stock(**(right | wrong))
    with pytest.raises(BadInputError, match=told):
        soc_stock(**(right | {k: xr.DataArray([v, 1.0]) for k, v in wrong.items()}))


def test_unlike_depths_and_grids_are_refused() -> None:
    a = layers(10.0, depth_cm="0-5").rename("soc")
    b = layers(1.2, depth_cm="5-15").rename("bulk_density")
    with pytest.raises(
        BadInputError, match="different depths: 'soc' 0-5 cm and 'bulk_density' 5-15"
    ):
        soc_stock(soc=a, bulk_density=b, coarse_fragments=0, thickness=5)
    with pytest.raises(GridMismatchError):
        soc_stock(
            soc=a.drop_attrs().assign_coords(depth=[0]),
            coarse_fragments=0,
            thickness=5,
            bulk_density=b.drop_attrs().assign_coords(depth=[5]),
        )


# ---------------------------------------------------------------- depths


def test_reference_overlaps(vectors: Path) -> None:
    for _, case in pd.read_csv(vectors / "depth_overlap_weights.csv").iterrows():
        found = depth_overlap_weights(
            top=case["layer_top"],
            bottom=case["layer_bottom"],
            target_top=case["target_top"],
            target_bottom=case["target_bottom"],
        )
        assert found == pytest.approx(case["fraction_of_layer"], rel=1e-12)
        thickness = case["layer_bottom"] - case["layer_top"]
        assert found * thickness == pytest.approx(case["overlap_cm"], rel=1e-12)


def test_overlaps_of_arrays() -> None:
    found = depth_overlap_weights(top=TOP, bottom=BOTTOM, target_top=10, target_bottom=np.nan)
    assert np.isnan(found).all()
    found = depth_overlap_weights(top=[0, 5, np.nan], bottom=[5, 15, 30], target_top=10)
    np.testing.assert_array_equal(found, [0, 0.5, np.nan])
    with pytest.raises(BadInputError, match="bottom isn't deeper"):
        depth_overlap_weights(top=5, bottom=5)


def test_layers_to_a_depth_by_hand() -> None:
    """To 20 cm the third layer counts by a third: 17.1 + 26.884 + 27.048/3 = 53."""
    for target, expected in {(0, 30): BY_HAND, (0, 20): 53.0, (5, 15): 26.884}.items():
        out = stock_to_depth(**soil(), top=TOP, bottom=BOTTOM, target=target)
        assert out.item() == pytest.approx(expected, rel=1e-12)
        assert out.attrs["depth_cm"] == f"{target[0]}-{target[1]}"
    plain = stock_to_depth(
        soc=CONTENT, bulk_density=np.array(DENSITY), coarse_fragments=ROCK, top=TOP, bottom=BOTTOM
    )
    assert isinstance(plain, float)
    assert plain == pytest.approx(BY_HAND, rel=1e-12)


def test_values_at_depths_by_hand() -> None:
    """Densities 30, 20, 10 at 0, 10, 30 cm: 0.1·(10·25 + 20·15) = 55; to 20 cm 0.1·(250 + 175)."""
    given = {"soc": [30.0, 20.0, 10.0], "bulk_density": 1.0, "coarse_fragments": 0.0}
    assert stock_to_depth(**given, at=[0, 10, 30]) == pytest.approx(55)
    assert stock_to_depth(**given, at=[0, 10, 30], target=(0, 20)) == pytest.approx(42.5)
    # From 5 (25) to 10 (20) to 20 (15): 0.1·(5·22.5 + 10·17.5)
    assert stock_to_depth(**given, at=[0, 10, 30], target=(5, 20)) == pytest.approx(28.75)


@given(st.lists(st.floats(0, 300), min_size=4, max_size=4), st.floats(0, 20), st.floats(0.5, 10))
def test_trapezoid_is_the_integral_of_the_line(
    values: list[float], low: float, span: float
) -> None:
    """By a fine sum over the interpolated line."""
    at = [0.0, 5.0, 15.0, 30.0]
    edges = np.union1d(np.linspace(low, low + span, 2001), [d for d in at if low < d < low + span])
    middles = (edges[1:] + edges[:-1]) / 2
    expected = 0.1 * np.sum(np.interp(middles, at, values) * np.diff(edges))
    found = stock_to_depth(
        soc=values, bulk_density=1.0, coarse_fragments=0.0, at=at, target=(low, low + span)
    )
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_only_needed_layers_may_not_be_missing() -> None:
    below = soil() | {"soc": layers(30.0, 22.0, np.nan)}
    upper = stock_to_depth(**below, top=TOP, bottom=BOTTOM, target=(0, 15))
    assert upper.item() == pytest.approx(17.1 + 26.884)
    assert np.isnan(stock_to_depth(**below, top=TOP, bottom=BOTTOM).item())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "Give either top and bottom"),
        ({"top": TOP, "bottom": BOTTOM, "at": TOP}, "Give either top and bottom"),
        ({"top": TOP, "bottom": BOTTOM, "target": (0, 40)}, "cover 30 cm of the target 0 to 40 cm"),
        ({"top": [0, 5, 20], "bottom": BOTTOM}, "cover 25 cm of the target 0 to 30"),
        ({"top": [0, 3, 15], "bottom": BOTTOM}, "no overlaps"),
        ({"top": TOP[:2], "bottom": BOTTOM[:2], "target": (0, 15)}, "3 layers and 2 depths"),
        ({"at": TOP}, "at 0 to 15 cm of the target 0 to 30"),
        ({"at": [0, 15, 5]}, "ascending"),
        ({"at": TOP, "target": (10, 5)}, "deeper bottom"),
    ],
)
def test_depths_that_do_not_fit_are_told(options: Soil, told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        stock_to_depth(**soil(), **options)


def test_layers_of_unlike_depths_are_refused() -> None:
    """Also where the layer that one lacks isn't needed."""
    given = soil() | {"bulk_density": layers(1.2, 1.3)}
    with pytest.raises(GridMismatchError):
        stock_to_depth(**given, top=TOP, bottom=BOTTOM, target=(0, 15))
    given = {k: v.assign_coords(depth=TOP) for k, v in soil().items()}
    assert stock_to_depth(**given, top=TOP, bottom=BOTTOM).item() == pytest.approx(BY_HAND)
    given["soc"] = given["soc"].assign_coords(depth=BOTTOM)
    with pytest.raises(GridMismatchError):
        stock_to_depth(**given, top=TOP, bottom=BOTTOM)


def test_thickness_by_cell() -> None:
    """A layer that is thinner in places has no one depth to tell."""
    given = {"soc": layers(10.0, 10.0), "bulk_density": 1.0, "coarse_fragments": 0.0}
    out = soc_stock(**given, thickness=xr.DataArray([5.0, 10.0, np.nan], dims="x"))
    np.testing.assert_array_equal(out, [10, 20, np.nan])
    assert "depth_cm" not in out.attrs


def test_no_layers_are_told() -> None:
    with pytest.raises(BadInputError, match="no dimension 'depth'"):
        stock_to_depth(soc=1.0, bulk_density=1.0, coarse_fragments=0.0, at=[0, 30])
    with pytest.raises(BadInputError, match="no dimension 'depth'"):
        mass_weighted_mean(
            values=xr.DataArray([1.0], dims="x"), bulk_density=1, coarse_fragments=0, thickness=5
        )


# ---------------------------------------------------------------- densities, means, equal mass


def test_density_of_the_fine_earth() -> None:
    """1 cm3 of soil of 1.6 g holds 0.2 cm3 of stones (0.53 g) and 1.07 g in 0.8 cm3."""
    found = fine_earth_bulk_density(bulk_density=1.6, coarse_fragments=0.2)
    assert found == pytest.approx(1.07 / 0.8)
    odd = fine_earth_bulk_density(
        bulk_density=xr.DataArray([1.6, 1.0, 1.6, np.nan, 1.6]),
        coarse_fragments=xr.DataArray([0.0, 0.5, 1.0, 0.1, np.nan]),
    )
    np.testing.assert_array_equal(odd, [1.6, np.nan, np.nan, np.nan, np.nan])
    assert odd.name == "bulk_density"


@given(st.floats(0.3, 1.8), st.floats(0, 0.9))
def test_density_of_the_fine_earth_gives_the_whole_back(fine: float, rock: float) -> None:
    whole = fine * (1 - rock) + 2.65 * rock
    found = fine_earth_bulk_density(bulk_density=whole, coarse_fragments=rock)
    assert found == pytest.approx(fine, rel=1e-9)


def test_carbon_from_matter_never_silently() -> None:
    assert organic_carbon_from_matter(organic_matter=17.24, factor=1.724) == pytest.approx(10)
    np.testing.assert_array_equal(
        organic_carbon_from_matter(organic_matter=np.array([20, np.nan]), factor=2.0), [10, np.nan]
    )
    with pytest.raises(TypeError, match="factor"):
        organic_carbon_from_matter(organic_matter=17.24)  # type: ignore[call-arg]
    with pytest.raises(BadInputError, match=r"factor is 0\.58"):
        organic_carbon_from_matter(organic_matter=17.24, factor=0.58)


def test_mean_is_by_mass_not_by_thickness() -> None:
    # Masses 5·1.2·0.95 = 5.7, 12.22, 19.32; (30·5.7 + 22·12.22 + 14·19.32)/37.24 = 19.0741
    given = {"bulk_density": DENSITY, "coarse_fragments": ROCK, "thickness": THICKNESS}
    assert mass_weighted_mean(values=CONTENT, **given) == pytest.approx(710.32 / 37.24)
    assert np.isnan(mass_weighted_mean(values=[30, np.nan, 14], **given))
    nothing = given | {"coarse_fragments": 1.0}
    assert np.isnan(mass_weighted_mean(values=CONTENT, **nothing))


@given(LAYERS)
def test_mean_times_mass_is_the_stock(rows: list[tuple[float, ...]]) -> None:
    given = columns(rows)
    content = given.pop("soc")
    mean, mass = mass_weighted_mean(values=content, **given), fine_earth_mass(**given)
    stock = soc_stock(soc=content, **given)
    assert mean.item() * mass.item() / 1000 == pytest.approx(stock.item(), rel=1e-9, abs=1e-12)


def plain_equal_mass(rows: list[tuple[float, ...]], reference: float) -> float:
    left, carbon = reference, 0.0
    for c, d, r, h in rows:
        taken = min(left, d * (1 - r) * h * 100)
        carbon += c / 1000 * taken
        left -= taken
    return carbon if left <= reference * 1e-9 else float("nan")


@given(LAYERS, st.floats(0, 1.2))
def test_equal_mass_twin(rows: list[tuple[float, ...]], share: float) -> None:
    """Within the profile the twin's; beyond it none."""
    given = columns(rows)
    total = fine_earth_mass(**{k: v for k, v in given.items() if k != "soc"}).item()
    reference = total * (1.0 if abs(share - 1) < 1e-6 else share)
    found = equivalent_mass_stock(**given, reference_mass=reference).item()
    assert found == pytest.approx(
        plain_equal_mass(rows, reference), rel=1e-9, abs=1e-9, nan_ok=True
    )
    if reference == total:
        assert found == pytest.approx(soc_stock(**given).item(), rel=1e-9, abs=1e-9)


def test_equal_mass_undoes_compaction() -> None:
    """The same soil pressed into 3/4 of its depth: a fixed depth would see a gain."""
    loose = {"soc": layers(20.0, 10.0), "bulk_density": 1.2, "coarse_fragments": 0.0}
    pressed = loose | {"bulk_density": 1.6}
    reference = fine_earth_mass(bulk_density=1.2, coarse_fragments=0.0, thickness=30)
    assert reference == pytest.approx(3600)
    before = equivalent_mass_stock(**loose, thickness=[20, 20], reference_mass=reference)
    after = equivalent_mass_stock(**pressed, thickness=[15, 15], reference_mass=reference)
    assert before.item() == pytest.approx(20 * 2.4 + 10 * 1.2)
    assert after.item() == pytest.approx(before.item())
    fixed = soc_stock(**pressed, thickness=[15, 15]).item()
    assert fixed > before.item()


def test_equal_mass_of_plain_arrays() -> None:
    out = equivalent_mass_stock(
        soc=np.full((3, 4), 10.0),
        bulk_density=1.0,
        coarse_fragments=0.0,
        thickness=THICKNESS,
        reference_mass=np.array([0.0, 1000.0, 3000.0, 3001.0]),
    )
    np.testing.assert_allclose(out, [0, 10, 30, np.nan])


# ---------------------------------------------------------------- real layers


def read(path: Path, nodata: float) -> np.ndarray[Any, Any]:
    with rasterio.open(path) as raster:
        values = raster.read(1).astype("float64")
    return np.where(values <= nodata, np.nan, values)


def test_ghana_from_values_at_depths(shared: Path) -> None:
    """SoilGrids 2017: values at 0, 5, 15, 30 cm; the folder's README says 48 (16.6 to 488)."""
    folder = shared / "data" / "ghana_1km"

    def stack(name: str, divide: float = 1.0) -> xr.DataArray:
        files = [folder / f"{name}_m_sl{i}_250m_Ghana.tif" for i in (1, 2, 3, 4)]
        return xr.DataArray(
            np.stack([read(file, -32768) / divide for file in files]), dims=("depth", "y", "x")
        )

    out = stock_to_depth(
        soc=stack("orcdrc"),
        bulk_density=stack("bldfie", 1000.0),
        coarse_fragments=stack("crfvol", 100.0),
        at=[0, 5, 15, 30],
    )
    assert out.mean().item() == pytest.approx(48, abs=0.5)
    assert out.min().item() == pytest.approx(16.6, abs=0.05)
    assert out.max().item() == pytest.approx(488, abs=0.5)
    # As they stand, without masking, the undeclared nodata values are told.
    raw = xr.DataArray(np.full((4, 2), -32768.0), dims=("depth", "x"))
    with pytest.raises(BadInputError, match="-32768"):
        stock_to_depth(soc=raw, bulk_density=1.3, coarse_fragments=0.1, at=[0, 5, 15, 30])


def test_howland_agrees_with_its_stock_product(shared: Path) -> None:
    """OpenLandMap's stock to 30 cm, against its contents: alike, as products of means are."""
    folder = shared / "data" / "howland_250m"

    def stack(name: str, factor: float) -> xr.DataArray:
        files = [folder / f"{name.format(d)}_SG.tif" for d in (0, 10, 30)]
        return xr.DataArray(
            np.stack([read(file, -1e30) * factor for file in files]), dims=("depth", "y", "x")
        )

    mine = stock_to_depth(
        soc=stack("corg_{}_x_x_pct", 5.0),
        bulk_density=stack("bd_{}_x_x_gcm3", 0.01),
        coarse_fragments=stack("coarse_{}_x_x_pctVol", 0.01),
        at=[0, 10, 30],
    )
    parts = ("corgStock_0_10_x_kgm2", "corgStock_10_30_x_kgm2")
    product = sum(read(folder / f"{part}_SG.tif", -1e30) for part in parts) * 10
    assert np.nanmean(product) == pytest.approx(127, abs=0.5)
    both = np.isfinite(mine.values) & np.isfinite(product)
    assert both.sum() > 2000
    assert mine.values[both].mean() == pytest.approx(product[both].mean(), rel=0.1)
    assert np.corrcoef(mine.values[both], product[both])[0, 1] > 0.9
