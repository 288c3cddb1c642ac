"""Labels of bands: months and years as files write them, and steps that are no months."""

from __future__ import annotations

import calendar
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from babel.dates import get_month_names
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hotspots.errors import RasterError
from hotspots.ingest import Store
from hotspots.ingest.user_files.rasters import open_layers
from hotspots.ingest.user_layers import add_own
from hotspots.io.rasters.steps import step_of_text, steps_along

LAT = ("lat", [1.5, 0.5], {"units": "degrees_north"})
LON = ("lon", [30.5, 31.5, 32.5], {"units": "degrees_east"})
TRANSFORM = Affine(1, 0, 30, 0, -1, 2)


def _in_full(language: str, width: Any = "wide") -> list[str]:
    return [str(name) for _, name in sorted(get_month_names(width, locale=language).items())]


NAMES = {
    "english": list(calendar.month_name)[1:],
    "short": list(calendar.month_abbr)[1:],
    "french": _in_full("fr"),
    "french short": _in_full("fr", "abbreviated"),
    "spanish": _in_full("es"),
    "iso": [f"2019-{month:02d}" for month in range(1, 13)],
    "numbered": [f"tavg_{month:02d}" for month in range(1, 13)],
    "with the variable": [f"air temperature, {name}" for name in list(calendar.month_name)[1:]],
}


def planes(order: list[int]) -> np.ndarray:
    """Return 12 planes whose values are the numbers of their months."""
    return (np.array(order, "f4")[:, None, None] * np.ones((12, 2, 3))).astype("f4")


def geotiff(path: Path, order: list[int], labels: list[str]) -> Path:
    options: dict[str, Any] = {"driver": "GTiff", "count": 12, "height": 2, "width": 3}
    with rasterio.open(
        path, "w", dtype="float32", crs=4326, transform=TRANSFORM, **options
    ) as file:
        file.write(planes(order))
        file.units = ("degC",) * 12
        for band, label in enumerate(labels, start=1):
            file.set_band_description(band, label)
    return path


def netcdf(path: Path, order: list[int], name: str, axis: Any) -> Path:
    said = {"units": "degC"}
    data = xr.Dataset(
        {"air_temperature": ((name, "lat", "lon"), planes(order), said)}, {"lat": LAT, "lon": LON}
    )
    data.assign_coords({name: (name, *axis)}).to_netcdf(path, engine="h5netcdf")
    return path


def months(path: Path, folder: Path) -> list[list[float]]:
    """Return the values from January on, by `add-layer` and by `--data`."""
    store = Store(folder / "store")
    add_own(store, str(path), variable="air_temperature")
    both = (store.open(), open_layers(path))
    return [data["air_temperature"].isel(y=0, x=0).values.tolist() for data in both]


@given(st.permutations(range(1, 13)), st.sampled_from(sorted(NAMES)))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_bands_are_ordered_by_their_labels(
    tmp_path_factory: Any, order: list[int], kind: str
) -> None:
    folder = tmp_path_factory.mktemp("months")
    labels = [NAMES[kind][month - 1] for month in order]
    path = geotiff(folder / "air_temperature.tif", order, labels)
    for found in months(path, folder):
        assert found == list(range(1, 13))


@given(st.permutations(range(1, 13)), st.sampled_from(("days", "months", "month", "named", "ends")))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_steps_are_ordered_by_their_axis(
    tmp_path_factory: Any, order: list[int], kind: str
) -> None:
    folder = tmp_path_factory.mktemp("months")
    path = folder / "a.nc"
    dates = np.array([f"2019-{month:02d}-15" for month in order], "M8[D]")
    days = (dates - np.datetime64("1900-01-01")).astype(float)
    if kind == "month":
        netcdf(path, order, "month", (order,))
    elif kind == "named":
        netcdf(path, order, "month", ([NAMES["spanish"][month - 1] for month in order],))
    elif kind == "months":
        axis = (np.array(order, float) + 11.5, {"units": "months since 2018-01-01"})
        netcdf(path, order, "time", axis)
    elif kind == "days":
        netcdf(path, order, "time", (days, {"units": "days since 1900-01-01"}))
    else:
        ends_of_months(path, order)
    for found in months(path, folder):
        assert found == list(range(1, 13))


def ends_of_months(path: Path, order: list[int]) -> None:
    """Write times at the ends of their periods, midnight of the next month's first day."""
    first = np.array([f"2019-{month:02d}" for month in order], "M8[M]")
    edges = np.stack([first, first + 1], 1).astype("M8[D]") - np.datetime64("1900-01-01")
    netcdf(path, order, "time", (edges[:, 1].astype(float), {"units": "days since 1900-01-01"}))
    with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as data:
        whole = data.load()
    whole["time"].attrs["bounds"] = "time_bnds"
    whole["time_bnds"] = (("time", "nv"), edges.astype(float))
    whole.to_netcdf(path, engine="h5netcdf")


def test_bands_without_labels_are_january_to_december_and_it_is_said(tmp_path: Path) -> None:
    path = geotiff(tmp_path / "air_temperature.tif", list(range(1, 13)), [])
    row = add_own(Store(tmp_path / "store"), str(path), variable="air_temperature")
    assert "Its 12 bands have no labels; taken as January to December." in row["notes"]


@pytest.mark.parametrize(
    "labels",
    [
        [str(year) for year in range(2001, 2013)],
        [f"July {year}" for year in range(2001, 2013)],
        [*NAMES["short"][:11], "Jan"],
        list("abcdefghijkl"),
        [*NAMES["short"][:11], ""],
    ],
)
def test_bands_that_are_no_months_are_refused(tmp_path: Path, labels: list[str]) -> None:
    path = geotiff(tmp_path / "air_temperature.tif", list(range(1, 13)), labels)
    for read in (
        lambda: add_own(Store(tmp_path / "s"), str(path), variable="air_temperature"),
        lambda: open_layers(path),
    ):
        with pytest.raises(RasterError, match="aren't the twelve months"):
            read()


@pytest.mark.parametrize(
    ("units", "values", "year", "value"),
    [
        ("months since 1850-01-01", [1980, 1992, 2004, 2015], 2015, 0),
        ("years since 1900-01-01", [115, 116, 117, 2015], 2015, 0),
        ("days since 2000-01-01", [2015, 5479, 5844, 6210], 2015, 1),
        ("day as %Y%m%d.%f", [20140101, 20150101, 20160101, 20170101], 2015, 1),
        ("", [2014, 2015, 2016, 2017], 2015, 1),
        ("year", [2014, 2015, 2016, 2017], 2015, 1),
    ],
)
def test_a_year_is_a_date_and_never_a_number_of_steps(
    tmp_path: Path, units: str, values: list[int], year: int, value: int
) -> None:
    said = {"units": units} if units else {}
    numbers = np.arange(4, dtype="f4")[:, None, None] * np.ones((4, 2, 3), "f4")
    data = xr.Dataset(
        {"soc_stock": (("time", "lat", "lon"), numbers + 10, {"units": "t ha-1"})},
        {"lat": LAT, "lon": LON, "time": ("time", np.array(values, "f8"), said)},
    )
    data.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    store = Store(tmp_path / "store")
    add_own(store, str(tmp_path / "a.nc"), variable="soc_stock", depth="0-30", year=year)
    assert np.unique(store.open()["soc_stock"].values).tolist() == [10 + value]


def test_a_year_of_no_step_or_of_several_is_refused_with_the_dates(tmp_path: Path) -> None:
    days = np.array(["2014-01-01", "2015-01-01", "2015-07-01"], "M8[D]") - np.datetime64(
        "1900-01-01"
    )
    data = xr.Dataset(
        {"soc_stock": (("time", "lat", "lon"), np.ones((3, 2, 3), "f4"), {"units": "t ha-1"})},
        {
            "lat": LAT,
            "lon": LON,
            "time": ("time", days.astype(float), {"units": "days since 1900-01-01"}),
        },
    )
    data.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    for year in (2015, 42003):
        with pytest.raises(RasterError, match=r"2014-01-01.*2015-07-01.*--band"):
            add_own(
                Store(tmp_path / "s"),
                str(tmp_path / "a.nc"),
                variable="soc_stock",
                depth="0-30",
                year=year,
            )


@pytest.mark.parametrize("text", ["", "ju", "data set", "band", "tavg", "1234567"])
def test_texts_that_name_no_month(text: str) -> None:
    assert step_of_text(text).month is None


def test_months_since_a_date_are_calendar_months() -> None:
    axis = xr.DataArray(
        [0.0, 12.5, 1980], dims="time", name="time", attrs={"units": "months since 1850-01-01"}
    )
    assert [(s.year, s.month) for s in steps_along(axis)] == [(1850, 1), (1851, 1), (2015, 1)]
