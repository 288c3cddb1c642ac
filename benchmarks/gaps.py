"""Matching a large registry against many hotspots: our pairs beside geopandas' spatial join.

Run with ``python -m benchmarks.gaps``. 100,000 made-up records and 10,000 made-up hotspots, some of
them across the antimeridian and near the poles; seeded, so that each run measures the same. First
the answers are held against geopandas (who is inside) and against plain geodesics (who is near,
on a sample); then both are timed in this one run. The join knows neither distances nor the
antimeridian: the ratio says what these cost.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import Geod

from hotspots.analysis import gaps
from hotspots.analysis.gaps.matching import pairs_within
from hotspots.analysis.gaps.records_table import shapes_of, tidy
from hotspots.geo.antimeridian import repair
from hotspots.geo.countries import countries

RECORDS, HOTSPOTS = 100_000, 10_000
WITHIN_KM = 50.0
CHECKED = 300
LARGEST_ERROR_KM = 0.05
_CODES = np.array(sorted(countries()))


def main() -> None:
    """Print the report."""
    print(report())


def report(records: int = RECORDS, hotspots: int = HOTSPOTS) -> str:
    """Return the timings as text; raise AssertionError if an answer is wrong."""
    patches, who = made_hotspots(hotspots), made_records(records)
    areas = np.asarray(patches.geometry, dtype=object)
    shapes = shapes_of(tidy(who))
    pairs, ours = timed(lambda: pairs_within(areas, shapes, WITHIN_KM))
    joined, theirs = timed(lambda: gpd.sjoin(who, patches, predicate="intersects"))
    assert_inside(pairs, joined)
    worst = assert_near(pairs, areas, shapes)
    table, whole = timed(lambda: gaps(patches, who, within_km=WITHIN_KM))
    assert len(table) == hotspots
    rows = [
        f"{records:,} records, {hotspots:,} hotspots ({shapely.get_num_coordinates(areas).sum():,}"
        f" corners), within {WITHIN_KM:g} km: {len(pairs):,} pairs",
        f"  pairs with distances        {ours:7.2f} s",
        f"  geopandas.sjoin, inside only {theirs:6.2f} s   ratio {ours / theirs:.1f}",
        f"  the whole table of gaps     {whole:7.2f} s",
        f"Inside as geopandas says; {CHECKED} distances within {worst * 1000:.0f} m of plain ones.",
    ]
    return "\n".join(rows)


def made_hotspots(count: int, seed: int = 1) -> gpd.GeoDataFrame:
    """Return made-up hotspots: blobs of 10 to 100 km with 40 corners, cut at the antimeridian."""
    rng = np.random.default_rng(seed)
    centre = _places(rng, count)
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = rng.uniform(0.1, 1.0, (count, 1)) * rng.uniform(0.7, 1.3, (count, 40))
    narrow = np.cos(np.radians(centre[:, 1:2]))
    x = centre[:, :1] + radius * np.cos(turn) / narrow
    y = np.clip(centre[:, 1:2] + radius * np.sin(turn), -89, 89)
    shapes = [repair(shapely.Polygon(ring)) for ring in np.stack([x, y], axis=2)]
    codes = rng.choice(_CODES, (count, 2))
    columns = {
        "id": [f"hs-{n:05d}" for n in range(count)],
        "class": rng.choice(["build", "protect", "restore"], count),
        "climate_zone": "tropical_dry",
        "countries": [",".join(pair) for pair in codes],
        "cropland_ha": 1e5,
        "managed_ha": 1e5,
        "potential_t_yr": rng.lognormal(10, 1, count),
        "gross_loss_t_yr": rng.lognormal(9, 1, count),
    }
    return gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4326")


def made_records(count: int, seed: int = 2) -> gpd.GeoDataFrame:
    """Return made-up records: nine in ten are points, half of these in 2,000 towns."""
    rng = np.random.default_rng(seed)
    towns = _places(rng, 2000)
    points = np.where(
        rng.random((count, 1)) < 0.5, towns[rng.integers(0, 2000, count)], _places(rng, count)
    )
    shapes = shapely.points(points)
    drawn = np.flatnonzero(rng.random(count) < 0.1)
    # A footprint isn't cut at the antimeridian here, so none is drawn across it.
    drawn = drawn[np.abs(points[drawn, 0]) < 179]
    half = rng.uniform(0.02, 0.2, (len(drawn), 1)) * np.ones((1, 2))
    low, high = points[drawn] - half, points[drawn] + half
    shapes[drawn] = shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1])
    code = rng.choice(_CODES, count)
    columns = {
        "id": [f"record-{n}" for n in range(count)],
        "name": [f"Test record {n}" for n in range(count)],
        "type": rng.choice(["organisation", "project", "practice"], count),
        "theme": rng.choice(["pillar1", "pillar2;A6", "pillar3", "pillar4;E1"], count),
        "country": code,
        "regions": np.where(rng.random(count) < 0.2, code, ""),
        "place_precision": np.where(rng.random(count) < 0.05, "country", "locality"),
    }
    return gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4326")


def assert_inside(pairs: pd.DataFrame, joined: gpd.GeoDataFrame) -> None:
    """Hold who is inside against geopandas' join."""
    placed = joined[joined["place_precision"] != "country"]
    theirs = set(zip(placed["index_right"], placed.index, strict=True))
    inside = pairs[pairs["km"] == 0]
    ours = set(zip(inside["area"], inside["item"], strict=True))
    assert ours == theirs, f"{len(ours - theirs)} too many, {len(theirs - ours)} too few"


def assert_near(pairs: pd.DataFrame, areas: Any, shapes: Any) -> float:
    """Hold a sample of distances of points against plain ones; return the worst error in km."""
    points = shapely.get_type_id(shapes[pairs["item"]]) == shapely.GeometryType.POINT
    near = pairs[(pairs["km"] > 0) & points].sample(CHECKED, random_state=3)
    globe, worst = Geod(ellps="WGS84"), 0.0
    for area, item, km in near.itertuples(index=False):
        edge = shapely.get_coordinates(shapely.segmentize(shapely.boundary(areas[area]), 0.001))
        here = np.tile(shapely.get_coordinates(shapes[item]), (len(edge), 1))
        plain = globe.inv(here[:, 0], here[:, 1], edge[:, 0], edge[:, 1])[2].min() / 1000
        worst = max(worst, abs(km - plain))
    assert worst < LARGEST_ERROR_KM, f"a distance is {worst:.3f} km off"
    return worst


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what `work` gives, and how many seconds it took."""
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def _places(rng: np.random.Generator, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return places (n, 2) from 80 S to 85 N, a tenth of them close to the antimeridian."""
    longitude = rng.uniform(-180, 180, count)
    seam = (rng.uniform(178, 182, count) + 180) % 360 - 180
    longitude = np.where(rng.random(count) < 0.1, seam, longitude)
    return np.column_stack([longitude, rng.uniform(-80, 85, count)])


if __name__ == "__main__":
    sys.exit(main())
