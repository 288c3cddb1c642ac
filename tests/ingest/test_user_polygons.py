"""Polygons as a layer: their place, the antimeridian, overlaps, and what no cell shows."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import affinity
from shapely.geometry.base import BaseGeometry

import hotspots as hs
from hotspots.analysis.zonal.coverage import cover_fractions
from hotspots.errors import RasterError
from hotspots.geo.antimeridian import short_way
from hotspots.geo.areas import valid_areas
from hotspots.geo.regions import region, regions
from hotspots.ingest import Store
from hotspots.ingest.user_files.read import Own, read_own
from hotspots.ingest.user_layers import add_own
from hotspots.layers.grid import cell_area
from hotspots.layers.target_grid import target_grid
from hotspots.registry.schema.footprints import canonical

STOCK = {"variable": "soc_stock", "unit": "t ha-1", "depth": "0-30"}
WORLD = target_grid([(-180.0, -90.0, 180.0, 90.0)], 1.0)


def own(
    folder: Path,
    shapes: Sequence[BaseGeometry | None],
    values: Sequence[float] = (),
    cell: float = 1.0,
    crs: str = "EPSG:4326",
) -> Own:
    column = list(values) or [50.0] * len(shapes)
    path = folder / "a.gpkg"
    gpd.GeoDataFrame({"soc_stock": column}, geometry=list(shapes), crs=crs).to_file(path)
    return read_own(path, **STOCK, cell=cell, cache=folder)


def burnt(layer: Own) -> dict[tuple[float, float], float]:
    """Return the value of each valid cell by its centre."""
    with rasterio.open(layer.raw.path) as file:
        values = file.read(1)
        rows, columns = np.nonzero(np.isfinite(values))
        x, y = file.xy(rows, columns)
    return dict(zip(zip(x, y, strict=True), values[rows, columns], strict=True))


def refused(folder: Path, *given_: Any, **options: Any) -> str:
    with pytest.raises(RasterError) as caught:
        own(folder, *given_, **options)
    return str(caught.value)


# ------------------------------------------------------------------------------- the antimeridian


CROSSING = {
    "jump": shapely.Polygon([(178, -20), (-178, -20), (-178, -16), (178, -16)]),
    "beyond 180": shapely.box(178, -20, 182, -16),
    "beyond -180": shapely.box(-182, -20, -178, -16),
    "clockwise": shapely.Polygon([(178, -16), (-178, -16), (-178, -20), (178, -20)]),
    "cut": shapely.MultiPolygon(
        [shapely.box(178, -20, 180, -16), shapely.box(-180, -20, -178, -16)]
    ),
    "points on 180": shapely.Polygon(
        [
            *[(178, -20), (180, -20), (-180, -20), (-178, -20)],
            *[(-178, -16), (-180, -16), (180, -16), (178, -16)],
        ]
    ),
}


@pytest.mark.parametrize("ring", CROSSING.values(), ids=CROSSING.keys())
def test_a_ring_over_the_antimeridian_has_its_sixteen_cells(
    tmp_path: Path, ring: BaseGeometry
) -> None:
    cells = burnt(own(tmp_path, [ring]))
    assert len(cells) == 16
    assert {x for x, _ in cells} == {-179.5, -178.5, 178.5, 179.5}
    assert {y for _, y in cells} == {-19.5, -18.5, -17.5, -16.5}
    store = Store(tmp_path / "store")
    add_own(store, str(tmp_path / "a.gpkg"), **STOCK, cell=1.0)
    layer = store.open(["soc_stock"])["soc_stock"]
    hectares = float(cell_area(layer).where(layer.notnull()).sum())
    assert hectares == pytest.approx(18.75e6, rel=1e-3)


@pytest.mark.parametrize("ring", CROSSING.values(), ids=CROSSING.keys())
def test_every_reader_of_outlines_takes_the_ring_alike(tmp_path: Path, ring: BaseGeometry) -> None:
    path = tmp_path / "r.gpkg"
    table = gpd.GeoDataFrame({"id": ["a"]}, geometry=[ring], crs=4326)
    table.to_file(path)
    areas = {
        "a region's file": region(str(path)).geometry,
        "a region as GeoJSON": region(ring.__geo_interface__).geometry,
        "a file of regions": regions(path).geometry.iloc[0],
        "a footprint as WKT": shapely.from_wkt(canonical(ring.wkt)),
        "a table of regions": short_way(table.geometry).iloc[0],
    }
    for name, area in areas.items():
        assert area.area == pytest.approx(16), name
    layer = xr.DataArray(
        np.ones((180, 360), dtype="float32"),
        dims=("y", "x"),
        coords={"y": np.arange(89.5, -90, -1), "x": np.arange(-179.5, 180, 1)},
        name="soc_stock",
        attrs={"units": "t ha-1"},
    ).rio.write_crs(4326)
    rows = hs.analysis.zonal(layer, table)
    assert rows["soc_stock_total"].iloc[0] == pytest.approx(18.75e6, rel=1e-3)


def test_longitudes_of_0_to_360_and_rings_round_a_pole(tmp_path: Path) -> None:
    assert {x for x, _ in burnt(own(tmp_path, [shapely.box(200, 0, 203, 2)]))} == {
        -159.5,
        -158.5,
        -157.5,
    }
    belt = own(tmp_path, [shapely.box(0, 10, 360, 12)])
    assert len(burnt(belt)) == 720
    # Around the north pole, without an edge along it.
    pole = shapely.Polygon([(0, 88), (90, 88), (180, 88), (-90, 88)])
    cells = burnt(own(tmp_path, [pole]))
    assert len(cells) == 720
    assert {y for _, y in cells} == {88.5, 89.5}


@settings(max_examples=25, deadline=None)
@given(
    west=st.integers(-180, 179),
    width=st.integers(1, 40),
    south=st.integers(-80, 70),
    turn=st.sampled_from([-360, 0, 360]),
    wrapped=st.booleans(),
)
def test_a_box_lies_where_it_was_drawn(
    west: int, width: int, south: int, turn: int, wrapped: bool
) -> None:
    """Whichever turn its longitudes are counted in, and if each is brought to -180..180."""
    corners = np.array([[0, 0], [width, 0], [width, 2], [0, 2]])
    corners += np.array([west, south])
    if wrapped:
        corners[:, 0] = (corners[:, 0] + 180) % 360 - 180
    elif not -360 <= west + turn <= west + width + turn <= 360:
        return
    else:
        corners[:, 0] += turn
    # A corner on the antimeridian itself could be of either side.
    if wrapped and (corners[:, 0] == -180).any() and west != -180:
        return
    with tempfile.TemporaryDirectory() as folder:
        cells = burnt(own(Path(folder), [shapely.Polygon(corners)]))
    expected = {(west + i + 0.5 + 180) % 360 - 180 for i in range(width)}
    assert {x for x, _ in cells} == expected
    assert len(cells) == 2 * width


# -------------------------------------------------------------------- cells, overlaps and validity


def test_polygons_without_a_cell_are_counted(tmp_path: Path) -> None:
    tiny, between = shapely.box(10.1, 4.1, 10.2, 4.2), shapely.box(11.6, 4, 12.4, 5)
    layer = own(tmp_path, [shapely.box(0, 0, 4, 4), tiny, between], [1.0, 2.0, 3.0])
    text = " ".join(layer.notes)
    assert "2 of 3 polygons got no cell" in text
    share = 100 * 0.8 / (16 + 0.01 + 0.8)
    assert f"the largest (feature 3) {share:.3g} %" in text
    store = Store(tmp_path / "store")
    made = add_own(store, str(tmp_path / "a.gpkg"), **STOCK, cell=1.0)
    assert "2 of 3 polygons got no cell" in " ".join(made["notes"])
    page = (tmp_path / "store" / made["report"]).read_text()
    assert "2 of 3 polygons got no cell" in page
    assert "None of the 2 polygons" in refused(tmp_path, [tiny, between])


def test_a_polygon_beneath_another_of_its_value_has_cells(tmp_path: Path) -> None:
    below, above = shapely.box(0, 0, 2, 2), shapely.box(0, 0, 4, 4)
    text = " ".join(own(tmp_path, [below, above], [5.0, 5.0]).notes)
    assert "got no cell" not in text
    assert "1 pairs of polygons overlap" in text
    assert "at most 100 % of one polygon (feature 1)" in text


def test_overlaps_with_different_values_are_refused(tmp_path: Path) -> None:
    text = refused(tmp_path, [shapely.box(0, 0, 4, 4), shapely.box(3, 0, 9, 4)], [20.0, 80.0])
    assert "overlap with different values" in text
    assert re.search(r"features 1 \(20\) and 2 \(80\) share 25 % of the smaller one", text)
    # Over the antimeridian too, however each is written.
    assert "overlap with different" in refused(
        tmp_path, [CROSSING["jump"], CROSSING["beyond 180"]], [1.0, 2.0]
    )
    # Neighbours that touch, and a hole with another polygon in it, don't overlap.
    ring = shapely.box(0, 0, 6, 6).difference(shapely.box(2, 2, 4, 4))
    layer = own(tmp_path, [ring, shapely.box(2, 2, 4, 4), shapely.box(6, 0, 8, 6)], [1.0, 2.0, 3.0])
    assert not any("overlap" in note for note in layer.notes)
    cells = burnt(layer)
    assert (cells[0.5, 0.5], cells[2.5, 2.5], cells[7.5, 0.5]) == (1, 2, 3)


def test_a_border_drawn_twice_is_reported(tmp_path: Path) -> None:
    layer = own(tmp_path, [shapely.box(0, 0, 4, 4), shapely.box(3.9, 0, 8, 4)], [1.0, 2.0])
    assert "1 pairs of polygons overlap" in " ".join(layer.notes)
    assert "at most 2.5 % of one polygon" in " ".join(layer.notes)
    assert len(burnt(layer)) == 32


def test_invalid_polygons_are_the_area_that_they_enclose(tmp_path: Path) -> None:
    bow_tie = shapely.Polygon([(0, 0), (4, 4), (4, 0), (0, 4)])
    layer = own(tmp_path, [bow_tie], cell=0.5)
    assert "1 of 1 polygons cross or overlap themselves" in " ".join(layer.notes)
    inside = shapely.MultiPolygon(
        [shapely.Polygon([(0, 0), (2, 2), (0, 4)]), shapely.Polygon([(4, 0), (2, 2), (4, 4)])]
    )
    assert {c for c in burnt(layer) if inside.buffer(-0.01).contains(shapely.Point(c))}
    assert not {c for c in burnt(layer) if not inside.buffer(0.01).contains(shapely.Point(c))}


@pytest.mark.parametrize("shape", [shapely.Point(1, 1), shapely.LineString([(0, 0), (3, 3)])])
def test_points_and_lines_are_refused(tmp_path: Path, shape: BaseGeometry) -> None:
    assert "which covers no cells" in refused(tmp_path, [shapely.box(0, 0, 2, 2), shape])


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    flat = shapely.Polygon([(0, 0), (1, 1), (2, 2)])
    text = " ".join(own(tmp_path, [shapely.box(0, 0, 2, 2), None, flat], [1.0, 2.0, 3.0]).notes)
    assert "1 of 3 polygons have no outline" in text
    assert "1 of 3 polygons have no area" in text
    text = " ".join(own(tmp_path, [shapely.box(0, 0, 2, 2)] * 2, [1.0, np.nan]).notes)
    assert "1 of 2 polygons have no value of 'soc_stock'" in text


# ------------------------------------------------------------------------- overlapping fields


#: Two fields of 16 units each that share 4: the union has 28.
FIELDS = shapely.MultiPolygon([shapely.box(10, 0, 14, 4), shapely.box(12, 2, 16, 6)])


def test_overlapping_fields_keep_their_union_everywhere(tmp_path: Path) -> None:
    assert valid_areas([FIELDS])[0].area == 28
    assert cover_fractions(WORLD, [FIELDS]).sum() == pytest.approx(28)
    projected = gpd.GeoSeries([FIELDS], crs=4326).to_crs(6933)
    assert cover_fractions(WORLD, projected).sum() == pytest.approx(28, rel=1e-4)
    path = tmp_path / "f.gpkg"
    gpd.GeoDataFrame({"id": ["a"]}, geometry=[FIELDS], crs=4326).to_file(path)
    assert region(str(path)).geometry.area == 28
    assert region(FIELDS.__geo_interface__).geometry.area == 28
    assert regions(path).geometry.iloc[0].area == 28
    # The databases store the footprint's canonical text.
    assert shapely.from_wkt(canonical(FIELDS.wkt)).area == 28
    assert len(burnt(own(tmp_path, [FIELDS]))) == 28


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 4), st.integers(1, 4)),
        min_size=1,
        max_size=5,
    )
)
def test_any_fields_keep_their_union(boxes: list[tuple[int, int, int, int]]) -> None:
    """Apart, touching, overlapping, within one another, twice the same."""
    parts = [shapely.box(x, y, x + w, y + h) for x, y, w, h in boxes]
    expected = shapely.union_all(parts).area
    several = shapely.MultiPolygon(parts)
    assert valid_areas([several])[0].area == pytest.approx(expected)
    assert cover_fractions(WORLD, [several]).sum() == pytest.approx(expected)
    far = affinity.translate(several, 175)
    assert region(far.__geo_interface__).geometry.area == pytest.approx(expected)
