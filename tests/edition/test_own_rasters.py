"""Your own rasters in Python: `hs.open_data`, and the refusal of a raster as a region."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import rasterio

import hotspots as hs
from hotspots.errors import BadInputError, EmptyRegionError, RasterError

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stock of 40 t/ha about Kenya in cells of 1°, in the working folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "soc_stock.tif"
    place = rasterio.transform.from_origin(32, 7, 1, 1)
    options = {"driver": "GTiff", "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open(path, "w", width=12, height=13, transform=place, **options) as file:
        file.write(np.full((13, 12), 40, "float32"), 1)
        file.units = ["t ha-1"]
        file.update_tags(depth_cm="0-30")
    return path


def test_the_example_of_the_readme_runs(own: Path) -> None:
    [example] = [
        block
        for block in re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
        if "open_data" in block
    ]
    made: dict[str, object] = {}
    exec(example, made)
    edition, kenya = made["edition"], made["kenya"]
    assert isinstance(edition, hs.Edition)
    assert isinstance(kenya, hs.Edition)
    assert kenya.manifest["region"] == "KEN"
    assert 0 < kenya.summary["stock_pg"] < edition.summary["stock_pg"]


def test_own_rasters_are_read_whole_or_cut(own: Path) -> None:
    whole, cut = hs.open_data(own), hs.open_data(str(own), region="34,0,36,2")
    assert whole["soc_stock"].shape == (13, 12)
    assert cut["soc_stock"].shape == (2, 2)
    with pytest.raises(EmptyRegionError, match="doesn't meet the data"):
        hs.open_data(own, region="FRA")
    with pytest.raises(RasterError, match="no file or folder"):
        hs.open_data("absent.tif")


@pytest.mark.parametrize(
    "name", ["soc_stock.tif", "x.tiff", "x.nc", "x.zarr", "x.vrt", "a-folder", "SOC.TIF"]
)
def test_a_raster_isnt_taken_for_a_region(own: Path, name: str) -> None:
    """Whether it is there or not, as text and as a path, wherever a region is asked for."""
    (own.parent / "a-folder").mkdir()
    for spec in (name, Path(name)):
        for asked in (hs.load, hs.region):
            with pytest.raises(BadInputError) as told:
                asked(spec)
            assert f"'{name}' is data and not a region" in str(told.value)
            assert f"hs.open_data('{name}')" in str(told.value)


def test_a_folder_named_as_a_country_hides_no_country(own: Path) -> None:
    (own.parent / "Kenya").mkdir()
    assert hs.region("Kenya").id == "KEN"


def test_a_path_isnt_analysed() -> None:
    with pytest.raises(RasterError, match=r"hs\.open_data\(path\)"):
        hs.analyze("soc_stock.tif")  # type: ignore[arg-type]
