"""Files of many habits: each gives the grid and the values that it was built from, or is refused.

`add-layer` and `analyze --data` read the same file; both are held against the truth that the test
itself knows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import xarray as xr
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hotspots.errors import HotspotsError
from hotspots.ingest import Store, open_data
from hotspots.ingest.user_layers import add_own
from hotspots.layers.grid import grid_of

UTM = 32736
DEGREES = {"y": "degrees_north", "x": "degrees_east"}
# How axes in metres may be written: the unit, and what a metre is in it.
LENGTHS = {"m": 1.0, "km": 1e-3, "kilometers": 1e-3, "metres": 1.0, "US_survey_foot": 3937 / 1200}
MISSING = ("none", "_FillValue", "missing_value", "both", "list", "valid_range", "valid_max")


@st.composite
def habits(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a grid, and how a file states it."""
    geographic = draw(st.booleans())
    step = draw(
        st.sampled_from((1.0, 0.5, 0.25, 1 / 12, 1 / 120) if geographic else (1000.0, 250.0))
    )
    return {
        "geographic": geographic,
        "step": step,
        "rows": draw(st.integers(2, 6)),
        "columns": draw(st.integers(2, 7)),
        "west": draw(st.integers(-170, 150))
        if geographic
        else 400_000 + step * draw(st.integers(0, 99)),
        "north": draw(st.integers(-60, 70))
        if geographic
        else 9_800_000 + step * draw(st.integers(0, 99)),
        "rises": draw(st.booleans()),
        "order": draw(st.permutations(("y", "x"))),
        "time": draw(st.sampled_from(("", "first", "last"))),
        "axis_type": draw(st.sampled_from(("f8", "f4"))) if geographic else "f8",
        "length": draw(st.sampled_from(sorted(LENGTHS))),
        "bounds": draw(st.sampled_from(("", "centres", "corners"))),
        "packed_axes": draw(st.booleans()),
        "stale": draw(st.booleans()),
        "missing": draw(st.sampled_from(MISSING)),
        "kind": draw(st.sampled_from(("f4", "f8", "i2", "unsigned"))),
        "format": draw(st.sampled_from(("NETCDF4", "NETCDF3", "zarr2", "zarr3"))),
        "seed": draw(st.integers(0, 2**16)),
    }


def truth(how: dict[str, Any]) -> np.ndarray:
    """Return the values north up, with NaN."""
    rng = np.random.default_rng(how["seed"])
    values = rng.integers(20, 120, (how["rows"], how["columns"])).astype("float64")
    if how["missing"] != "none":
        values[rng.random(values.shape) < 0.3] = np.nan
    values[0, 0] = 77.0
    return values


def stored(how: dict[str, Any], values: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the numbers as a file has them, and the attributes that say what they mean."""
    kind, attrs = how["kind"], {}
    if kind == "i2":
        numbers, attrs = values * 10, {"scale_factor": np.float32(0.1), "add_offset": np.float32(0)}
    else:
        numbers = values + (100 if kind == "unsigned" else 0)
    where = np.isnan(values)
    top = 250.0 if kind == "unsigned" else 2000.0
    marks = np.array([top + 1, top + 2])
    numbers = np.where(
        where, np.where(np.arange(values.size).reshape(values.shape) % 2, *marks), numbers
    )
    dtype = {"unsigned": "u1"}.get(kind, kind)
    odd = {"_FillValue": marks[0], "missing_value": marks[1]}
    if how["missing"] in ("_FillValue", "missing_value"):
        numbers[where] = odd[how["missing"]]
    if how["missing"] == "valid_max":
        attrs["valid_max"] = np.array(top, dtype)
    if how["missing"] == "valid_range":
        attrs["valid_range"] = np.array([0, top], dtype)
    if how["missing"] in ("_FillValue", "both"):
        attrs["_FillValue"] = np.array(marks[0], dtype)
    if how["missing"] in ("missing_value", "both"):
        attrs["missing_value"] = np.array(marks[1], dtype)
    if how["missing"] == "list":
        attrs["missing_value"] = marks.astype(dtype)
    numbers = numbers.astype(dtype)
    if kind != "unsigned":
        return numbers, attrs
    attrs = {k: v.view("i1") for k, v in attrs.items()}
    return numbers.view("i1"), attrs | {"_Unsigned": "true", "add_offset": np.float32(-100)}


def axis(how: dict[str, Any], name: str) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Return coordinates, bounds (n, 2) and attributes of an axis, in the unit of the file."""
    count, step = how["rows" if name == "y" else "columns"], how["step"]
    start = how["north" if name == "y" else "west"]
    edges = start + (-step if name == "y" else step) * np.arange(count + 1)
    if name == "y" and how["rises"]:
        edges = edges[::-1]
    unit, factor = DEGREES[name], 1.0
    if not how["geographic"]:
        unit, factor = how["length"], LENGTHS[how["length"]]
    edges = edges * factor
    centres = edges[:-1] if how["bounds"] == "corners" else (edges[:-1] + edges[1:]) / 2
    standard = {"y": "latitude", "x": "longitude"}
    if not how["geographic"]:
        standard = {k: f"projection_{k}_coordinate" for k in standard}
    return (
        centres,
        np.stack([edges[:-1], edges[1:]], 1),
        {"units": unit, "standard_name": standard[name]},
    )


def written(how: dict[str, Any], path: Path) -> Path:
    """Write the file that `how` describes."""
    names = {"y": "lat", "x": "lon"} if how["geographic"] else {"y": "y", "x": "x"}
    values = truth(how)
    numbers, attrs = stored(how, values[::-1] if how["rises"] else values)
    out = xr.Dataset()
    for name in ("y", "x"):
        centres, bounds, said = axis(how, name)
        dim = names[name]
        if how["packed_axes"] and how["geographic"] and how["step"] in (1.0, 0.5, 0.25):
            said |= {"scale_factor": 0.125}
            centres, bounds = np.rint(centres / 0.125).astype("i4"), bounds / 0.125
            bounds = np.rint(bounds).astype("i4")
        else:
            centres, bounds = centres.astype(how["axis_type"]), bounds.astype(how["axis_type"])
        if how["bounds"]:
            said["bounds"] = f"{dim}_bnds"
            out[f"{dim}_bnds"] = ((dim, "nv"), bounds)
        out = out.assign_coords({dim: (dim, centres, said)})
    dims = tuple(names[name] for name in how["order"])
    plane = numbers if how["order"] == ("y", "x") or list(how["order"]) == ["y", "x"] else numbers.T
    layer = xr.DataArray(plane, dims=dims, attrs={"units": "t ha-1", **attrs})
    if how["time"]:
        layer = layer.expand_dims("time", 0 if how["time"] == "first" else -1)
    out["soc_stock"] = layer
    mapping: dict[str, Any] = {}
    if not how["geographic"]:
        mapping = pyproj.CRS(UTM).to_cf()
    if how["stale"]:
        mapping = mapping or pyproj.CRS(4326).to_cf()
        mapping["GeoTransform"] = "3 2 0 4 0 -2"
    if mapping:
        out["crs"] = ((), np.int32(0), mapping)
        out["soc_stock"].attrs["grid_mapping"] = "crs"
    return _saved(out, how["format"], path)


def _saved(out: xr.Dataset, form: str, path: Path) -> Path:
    for name in out.variables:
        # A fill value is written from the encoding.
        fill = out[name].attrs.pop("_FillValue", None)
        out[name].encoding["_FillValue"] = fill
    if form.startswith("zarr"):
        file = path / "a.zarr"
        out.to_zarr(file, zarr_format=int(form[-1]), consolidated=False, mode="w")
        return file
    file = path / "a.nc"
    if form == "NETCDF3":
        out.to_netcdf(file, engine="scipy", format="NETCDF3_64BIT")
    else:
        out.to_netcdf(file, engine="h5netcdf")
    return file


def read_both(path: Path, folder: Path, **declared: Any) -> list[xr.Dataset]:
    """Return what `add-layer` and, for a file, `--data` make of it."""
    store = Store(folder / "store")
    add_own(store, str(path), variable="soc_stock", depth="0-30", **declared)
    out = [store.open()]
    return out if path.is_dir() else [*out, open_data(path)]


def require_truth(how: dict[str, Any], found: xr.Dataset) -> None:
    grid, step = grid_of(found), how["step"]
    assert grid.shape == (how["rows"], how["columns"])
    expected = Affine(step, 0, how["west"], 0, -step, how["north"])
    # Coordinates of float32 state the place to a thousandth of a fine cell at best.
    slack = (2e-5 if how["axis_type"] == "f4" else 1e-9 * max(1.0, abs(how["north"]))) + 1e-6 * step
    assert np.allclose(grid.transform, expected, rtol=0, atol=slack), (grid.transform, expected)
    assert grid.is_geographic == how["geographic"]
    np.testing.assert_allclose(found["soc_stock"].values, truth(how), rtol=1e-6)


@given(habits())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_file_gives_the_truth_in_both_ways(tmp_path_factory: Any, how: dict[str, Any]) -> None:
    require_both_true(tmp_path_factory, how)


PLAIN = {
    "geographic": True, "step": 1.0, "rows": 4, "columns": 5, "west": 10, "north": 20,
    "rises": False, "order": ("y", "x"), "time": "", "axis_type": "f8", "length": "m", "bounds": "",
    "packed_axes": False, "stale": False, "seed": 1,
}  # fmt: skip


@pytest.mark.parametrize("format", ["NETCDF3", "NETCDF4", "zarr2", "zarr3"])
@pytest.mark.parametrize("kind", ["i2", "unsigned", "f4"])
@pytest.mark.parametrize("missing", ["list", "valid_range"])
def test_lists_of_numbers_in_each_format(
    tmp_path_factory: Any, missing: str, kind: str, format: str
) -> None:
    """NetCDF-3 stores lists with their bytes in the other order than a processor has."""
    how = {"missing": missing, "kind": kind, "format": format}
    require_both_true(tmp_path_factory, PLAIN | how)


@pytest.mark.slow
@given(habits())
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_two_hundred_files_give_the_truth(tmp_path_factory: Any, how: dict[str, Any]) -> None:
    require_both_true(tmp_path_factory, how)


def require_both_true(tmp_path_factory: Any, how: dict[str, Any]) -> None:
    folder = tmp_path_factory.mktemp("habits")
    path = written(how, folder)
    # Whether its values are plausible where the test puts them is another question.
    for found in read_both(path, folder, accept=True):
        require_truth(how, found)


# --------------------------------------------------------------------- what must be refused


def spoilt(how: dict[str, Any], change: str, data: xr.Dataset) -> xr.Dataset:
    """Return a file that contradicts itself."""
    if change == "uneven":
        centres = data["lat"].values.copy()
        centres[-1] += how["step"] * 0.4
        return data.assign_coords(lat=("lat", centres, data["lat"].attrs))
    if change == "bounds elsewhere":
        moved = data["lat"].values[:, None] + how["step"] * np.array([1.5, 2.5])
        data["lat"].attrs["bounds"] = "lat_bnds"
        return data.assign(lat_bnds=(("lat", "nv"), moved))
    if change == "curvilinear":
        pair = np.meshgrid(data["lat"].values + 5, data["lon"].values, indexing="ij")
        said = ({"standard_name": "latitude"}, {"standard_name": "longitude"})
        return data.assign(
            {f"{k}2": (("lat", "lon"), v, a) for k, v, a in zip("yx", pair, said, strict=True)}
        )
    if change == "units of length":
        return data.assign_coords(
            {n: data[n].assign_attrs(units="m", standard_name="") for n in ("lat", "lon")}
        )
    if change == "axes exchanged":
        return data.rename(lat="lon", lon="lat")
    assert change == "no coordinates"
    return data.drop_vars(["lat", "lon"])


CHANGES = {
    "uneven": "not evenly spaced",
    "bounds elsewhere": "bounds 'lat_bnds' say",
    "curvilinear": "2-D",
    "units of length": "is in 'm', and the CRS 'WGS 84' in degrees",
    "axes exchanged": "named like one axis and described like the other",
    "no coordinates": "no coordinates along",
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("crs", [None, "EPSG:4326"])
def test_a_file_that_contradicts_itself_is_refused(
    tmp_path: Path, change: str, crs: str | None
) -> None:
    how = {"rows": 4, "columns": 5, "step": 1.0}
    lat, lon = 8.5 - np.arange(4), 30.5 + np.arange(5)
    said = ({"units": "degrees_north"}, {"units": "degrees_east"})
    data = xr.Dataset(
        {"soc_stock": (("lat", "lon"), np.full((4, 5), 50.0), {"units": "t ha-1"})},
        {"lat": ("lat", lat, said[0]), "lon": ("lon", lon, said[1])},
    )
    spoilt(how, change, data).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    options = {"crs": crs} if crs else {}
    if crs is None and change in ("units of length", "no coordinates"):
        words = "CRS" if change == "units of length" else CHANGES[change]
    else:
        words = CHANGES[change]
    with pytest.raises(HotspotsError) as caught:
        read_both(tmp_path / "a.nc", tmp_path, **options)
    assert words in str(caught.value)
    assert not list((tmp_path / "store").glob("**/*.tif"))
