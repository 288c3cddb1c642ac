"""Gaps: who is in or near a hotspot, against a plain twin; crowds, practices, research."""

from __future__ import annotations

import json
import tracemalloc
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rioxarray  # noqa: F401
import shapely
import typer
import xarray as xr
from pyproj import Geod
from shapely import MultiPolygon, Point, box
from typer.testing import CliRunner

from hotspots import analysis as an
from hotspots.analysis.gaps import (
    COLUMNS,
    RegionFacts,
    ResearchFilter,
    crowded,
    outside,
    practice_gaps,
    region_gaps,
    research_gaps,
)
from hotspots.analysis.gaps.matching import pairs_within
from hotspots.analysis.gaps.records_table import RecordFilter, last_day, record_filter
from hotspots.edition.gaps import gaps as edition_gaps
from hotspots.errors import BadInputError, EmptyRegionError, RegistryError, UnknownRegionError
from hotspots.registry.completeness import COLUMNS as COMPLETENESS_COLUMNS
from hotspots.registry.completeness import completeness, statement

TODAY = date(2026, 11, 21)
GLOBE = Geod(ellps="WGS84")
MEMBERS = {"south-america": ["BRA", "ARG"], "europe": ["FRA"]}
# One of each trouble: plain, several parts with a hole, across the antimeridian, near a pole.
HOLED = shapely.Polygon(box(20, 10, 22, 12).exterior, [box(20.5, 10.5, 21.5, 11.5).exterior])
SHAPES = [
    box(0, 0, 1, 1),
    MultiPolygon([HOLED, box(23, 10, 23.5, 10.5)]),
    MultiPolygon([box(179, -17, 180, -16), box(-180, -17, -179.5, -16)]),
    box(-40, 84, 30, 86),
]


def hotspots(shapes: list[Any] | None = None, **columns: Any) -> gpd.GeoDataFrame:
    """Return hotspots hs-1, hs-2 … that are worth 100, 90, 80 … t a year."""
    shapes = SHAPES if shapes is None else shapes
    count = len(shapes)
    table = {
        "id": [f"hs-{n + 1}" for n in range(count)],
        "class": "build",
        "climate_zone": "tropical_dry",
        "countries": "KEN",
        "cropland_ha": 1000.0,
        "managed_ha": 1e6,
        "potential_t_yr": 100.0 - 10 * np.arange(count),
        "gross_loss_t_yr": 1.0,
    }
    return gpd.GeoDataFrame(table | columns, geometry=shapes, crs="EPSG:4326")


def records(*rows: dict[str, Any]) -> gpd.GeoDataFrame:
    """Return records r1, r2 … as a registry tells them; each row says what differs."""
    plain = {
        "id": "",
        "type": "project",
        "name": "",
        "theme": "",
        "country": "",
        "regions": "",
        "place_precision": "exact",
        "status": "",
        "start": "",
        "end": "",
        "practice_kind": "",
        "land_use": "",
        "climate_zone": "",
        "basis": "",
        "verified_on": "",
        "effect_size": np.nan,
        "effect_low": np.nan,
        "geometry": None,
    }
    table = [plain | {"id": f"r{n}", "name": f"Test {n}"} | row for n, row in enumerate(rows, 1)]
    frame = pd.DataFrame(table, columns=list(plain))
    return gpd.GeoDataFrame(frame, geometry="geometry", crs="EPSG:4326")


def by_id(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_index("id")


def found(shapes: list[Any], **row: Any) -> pd.Series:
    """Return the row of gaps of the first hotspot of `shapes`, with one record."""
    return by_id(an.gaps(hotspots(shapes), records(row), today=TODAY)).loc["hs-1"]


# ------------------------------------------------------------------------------- the plain twin


def plain_km(shape: Any, other: Any) -> float:
    """Return the distance of two shapes by all points, 100 m apart, along both outlines."""
    if shape.intersects(other):
        return 0.0
    ways = [shapely.get_coordinates(_dotted(item)) for item in (shape, other)]
    best = np.inf
    for x, y in ways[1]:
        here = np.full(len(ways[0]), x), np.full(len(ways[0]), y)
        best = min(best, GLOBE.inv(*here, *ways[0].T)[2].min() / 1000)
    return best


def _dotted(shape: Any) -> Any:
    edge = shape if shape.geom_type == "Point" else shapely.boundary(shape)
    return edge if shape.geom_type == "Point" else shapely.segmentize(edge, 0.002)


def scattered(seed: int) -> list[Any]:
    """Return points about each shape, across the antimeridian and over the pole's edge too."""
    rng = np.random.default_rng(seed)
    points = []
    for shape in SHAPES:
        west, south, east, north = (
            shape.bounds if shape is not SHAPES[2] else (179, -17, 180.5, -16)
        )
        x, y = rng.uniform(west - 1, east + 1, 12), rng.uniform(south - 1, north + 1, 12)
        points += [Point((a + 180) % 360 - 180, b) for a, b in zip(x, y, strict=True)]
    return points


@pytest.mark.parametrize("km", [0, 40, 150])
def test_pairs_are_those_of_the_plain_twin(km: float) -> None:
    points = scattered(5)
    pairs = pairs_within(np.array(SHAPES), np.array(points, dtype=object), km)
    fast = {(int(p.area), int(p.item)): float(p.km) for p in pairs.itertuples()}
    checked = 0
    for area, shape in enumerate(SHAPES):
        for item, point in enumerate(points):
            plain = plain_km(shape, point)
            if abs(plain - km) < 0.1:
                continue  # on the line between within and not
            checked += 1
            assert ((area, item) in fast) == (plain <= km), (area, item, plain)
            if plain <= km:
                assert fast[area, item] == pytest.approx(plain, abs=0.05)
    assert checked > 150
    assert list(pairs["km"][pairs["area"] == 0]) == sorted(pairs["km"][pairs["area"] == 0])


def test_the_nearest_however_far_is_that_of_the_plain_twin() -> None:
    places = [Point(60, 20), Point(-100, 40), Point(170, -40), Point(0, 70)]
    table = by_id(an.gaps(hotspots(), records(*({"geometry": p} for p in places)), today=TODAY))
    for n, shape in enumerate(SHAPES):
        plain = [plain_km(shape, place) for place in places]
        row = table.loc[f"hs-{n + 1}"]
        assert row["nearest_id"] == f"r{int(np.argmin(plain)) + 1}"
        assert row["nearest_km"] == pytest.approx(min(plain), abs=0.1)


def test_a_footprint_is_near_by_its_outline() -> None:
    footprint = box(1.3, 0.2, 3, 0.8)
    row = found([SHAPES[0]], geometry=footprint)
    assert row["nearest_km"] == pytest.approx(plain_km(SHAPES[0], footprint), abs=0.1)
    assert (row["records_near"], row["records_inside"]) == (1, 0)


@pytest.mark.parametrize(
    ("shape", "place", "km"),
    [
        # Off a corner: the middles of the pieces that meet there are farther than 3.3 km.
        (SHAPES[0], Point(1.02, -0.02), 3.3),
        # The middle of a small part is nearer than any middle of the larger, whose edge is nearest.
        (
            MultiPolygon([box(0, 0.009, 0.043, 0.05), box(-0.0185, 0, -0.018, 0.0005)]),
            Point(0, 0),
            50,
        ),
        # Not near by 0 km, and yet measured to the edge, not to its points.
        (SHAPES[0], Point(1.02, 0.5), 0),
    ],
)
def test_distances_are_to_the_nearest_edge(shape: Any, place: Any, km: float) -> None:
    table = an.gaps(hotspots([shape]), records({"geometry": place}), within_km=km, today=TODAY)
    assert table["nearest_km"][0] == pytest.approx(plain_km(shape, place), abs=0.02)
    pairs = pairs_within(np.array([shape]), np.array([place], dtype=object), km)
    assert len(pairs) == (km > 0)
    assert list(pairs["km"]) == pytest.approx([plain_km(shape, place)] * len(pairs), abs=0.02)


# ---------------------------------------------------------------------------------- edge places


@pytest.mark.parametrize(
    ("shape", "place"),
    [
        (SHAPES[0], Point(1, 0.5)),  # on the border
        (SHAPES[0], Point(0, 0)),  # at a corner
        (SHAPES[1], Point(23.2, 10.2)),  # in another part
        (SHAPES[2], Point(-179.9, -16.5)),
        (box(179, -17, 180, -16), Point(-180, -16.5)),  # on the border, named from the other side
        (box(-10, 85, 10, 90), Point(120, 90)),  # the pole, by another longitude
    ],
)
def test_who_is_inside(shape: Any, place: Any) -> None:
    row = found([shape], geometry=place)
    assert (row["records_inside"], row["records_near"], row["nearest_km"]) == (1, 0, 0)
    assert row["presence"] == "inside"


def test_a_hole_is_not_inside() -> None:
    assert found([SHAPES[1]], geometry=Point(21, 11))["records_inside"] == 0


def test_a_neighbour_across_the_antimeridian_is_near() -> None:
    row = found([box(179, -17, 179.9, -16)], geometry=Point(-179.9, -16.5))
    assert row["records_near"] == 1
    assert row["nearest_km"] == pytest.approx(
        GLOBE.inv(179.9, -16.5, -179.9, -16.5)[2] / 1000, abs=0.01
    )


def test_a_hotspot_in_another_crs_is_carried_over() -> None:
    far = hotspots([SHAPES[0]]).to_crs("EPSG:6933")
    assert (
        an.gaps(far, records({"geometry": Point(0.5, 0.5)}), today=TODAY)["records_inside"][0] == 1
    )


def test_empty_tables_and_rows_without_a_place() -> None:
    nobody = an.gaps(hotspots(), records(), today=TODAY)
    assert list(nobody["presence"]) == ["none"] * 4
    assert nobody["nearest_km"].isna().all()
    assert list(nobody["nearest_id"]) == [""] * 4
    nothing = an.gaps(hotspots([]), records({"geometry": Point(0, 0)}), today=TODAY)
    assert len(nothing) == 0
    assert list(nothing.columns) == list(nobody.columns)
    nowhere = an.gaps(hotspots(), records({}, {"geometry": Point()}), today=TODAY)
    assert nowhere["records_near"].sum() == 0
    one_shape = hotspots([SHAPES[0], None, MultiPolygon()])
    assert list(an.gaps(one_shape, records(), today=TODAY)["id"]) == ["hs-1"]
    assert len(crowded(hotspots([]), records())) == len(outside(hotspots(), records())) == 0
    assert len(practice_gaps(hotspots([]), records())) == 0


def test_today_s_registry_without_the_newer_columns_will_do() -> None:
    few = records({"geometry": Point(0.5, 0.5)})[["id", "geometry"]]
    assert an.gaps(hotspots(), few, today=TODAY)["records_inside"].sum() == 1
    assert len(crowded(hotspots(), few)) == 4
    with pytest.raises(BadInputError, match="no column 'id'"):
        an.gaps(hotspots(), few[["geometry"]])
    with pytest.raises(BadInputError, match="no column 'id'"):
        an.gaps(hotspots()[["geometry"]], few)


def test_a_doubled_id_counts_once() -> None:
    twice = records({"geometry": Point(0.5, 0.5)}, {"id": "r1", "geometry": Point(0.6, 0.5)})
    assert an.gaps(hotspots(), twice, today=TODAY)["records_inside"].sum() == 1


@pytest.mark.parametrize("km", [-1, 1001, float("nan")])
def test_a_distance_out_of_range_is_refused(km: float) -> None:
    with pytest.raises(BadInputError, match="0 to 1000 km"):
        an.gaps(hotspots(), records(), within_km=km)


# ------------------------------------------------------------------------------- who counts how


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"country": "KEN", "place_precision": "country", "geometry": Point(0.5, 0.5)}, "known"),
        ({"country": "KEN", "place_precision": "region", "geometry": Point(0.5, 0.5)}, "known"),
        ({"country": "KEN", "place_precision": ""}, "known"),
        ({"regions": "KE-31", "place_precision": "region"}, "known"),
        ({"regions": "KEN"}, "declared"),
        ({"regions": "BRA;KEN", "country": "KEN"}, "declared"),  # not in both
        ({"regions": "KEN", "geometry": Point(60, 60)}, "declared"),
        ({"regions": "world"}, "world"),
        ({"country": "UGA"}, "none"),
        ({"country": "KEN", "geometry": Point(60, 60)}, "none"),  # it is known to be elsewhere
        ({"regions": "KEN", "country": "KEN", "geometry": Point(0.5, 0.5)}, "inside"),
        ({"regions": "KEN", "geometry": Point(1.1, 0.5)}, "near"),
    ],
)
def test_a_record_counts_once_at_the_nearest_known(row: dict[str, Any], column: str) -> None:
    got = found([SHAPES[0]], **row)
    counted = {
        "inside": got["matching_inside"],
        "near": got["matching_near"],
        "declared": got["declared_for_country"],
        "known": got["known_to_be_in_country"],
        "world": got["declared_for_world"],
    }
    assert {k for k, n in counted.items() if n} == ({column} - {"none"})
    assert sum(counted.values()) == (column != "none")
    presence = {"declared": "country", "known": "country", "world": "none"}.get(column, column)
    assert got["presence"] == presence


def test_a_larger_region_is_its_countries() -> None:
    patches = hotspots(SHAPES[:2], countries=["BRA,URY", "KEN"])
    table = by_id(an.gaps(patches, records({"regions": "south-america"}), members=MEMBERS))
    assert list(table.loc[["hs-1", "hs-2"], "declared_for_country"]) == [1, 0]


def test_only_who_has_not_ended_counts() -> None:
    ended = [{"status": "ended"}, {"end": "2018"}, {"end": "2026-11-20"}]
    going = [{}, {"status": "running"}, {"end": "2026"}, {"end": "2026-11-21", "status": "ended"}]
    rows = [row | {"geometry": Point(0.5, 0.5)} for row in ended + going]
    one = hotspots([SHAPES[0]])
    assert an.gaps(one, records(*rows), today=TODAY)["records_inside"][0] == len(going)
    every = an.gaps(one, records(*rows), active_only=False, today=TODAY)
    assert every["records_inside"][0] == len(rows)


def test_partial_dates_end_on_their_last_day() -> None:
    assert last_day("2024-02") == date(2024, 2, 29)
    assert last_day("2018") == date(2018, 12, 31)
    assert last_day("") is last_day("soon") is last_day("2018-13") is None


@pytest.mark.parametrize(
    ("asked", "matches"),
    [
        ({"theme": "pillar2"}, "r1"),
        ({"theme": ["pillar2", "A6"]}, "r1;r2"),
        ({"theme": "goalA"}, "r2"),
        ({"theme": "pillar2", "types": "practice"}, ""),
        ({"types": ["practice"]}, "r3"),
        ({"practice_kind": "agroforestry"}, "r3"),
        ({"land_use": "grassland"}, "r2;r3"),
    ],
)
def test_what_matches(asked: dict[str, Any], matches: str) -> None:
    rows = records(
        {"theme": "pillar1;pillar2"},
        {"theme": "A6", "land_use": "grassland"},
        {
            "type": "practice",
            "practice_kind": "agroforestry;biochar",
            "land_use": "cropland;grassland",
        },
    )
    rows["geometry"] = [Point(1.1, 0.5), Point(0.5, 0.5), Point(0.6, 0.5)]
    row = an.gaps(hotspots([SHAPES[0]]), rows, today=TODAY, **asked).iloc[0]
    expected = matches.split(";") if matches else []
    assert (row["records_inside"], row["records_near"]) == (2, 1)
    inside = [code for code in expected if code != "r1"]
    assert (row["matching_inside"], row["matching_near"]) == (
        len(inside),
        len(expected) - len(inside),
    )
    assert row["nearest_id"] == (
        sorted(expected, key=lambda c: (c == "r1", c))[0] if expected else ""
    )


def test_footprints_share_the_area_once() -> None:
    half, same = box(0, 0, 0.5, 1), box(0, 0, 0.5, 1)
    rows = records({"geometry": half}, {"geometry": same}, {"geometry": Point(0.9, 0.9)})
    row = an.gaps(hotspots([SHAPES[0]]), rows, today=TODAY).iloc[0]
    assert row["footprint_share"] == pytest.approx(0.5, rel=1e-6)
    assert row["records_inside"] == 3
    vague = records({"geometry": half, "place_precision": "country"})
    assert an.gaps(hotspots([SHAPES[0]]), vague, today=TODAY)["footprint_share"][0] == 0


# ---------------------------------------------------------------------------------- the ranking


def test_hotspots_without_anyone_come_first_by_tonnes() -> None:
    patches = hotspots(
        [box(n, 0, n + 0.1, 0.1) for n in range(0, 50, 10)],
        **{"class": ["build", "protect", "restore", "build", "monitor"]},
        potential_t_yr=[10.0, 100, 30, np.nan, 7],
        gross_loss_t_yr=[500.0, 20, 40, 50, 9],
    )
    crowd = [{"geometry": Point(20, 0)}, {"geometry": Point(20.05, 0.3)}]
    table = an.gaps(patches, records(*crowd), today=TODAY)
    assert list(table["id"]) == ["hs-2", "hs-1", "hs-5", "hs-4", "hs-3"]
    stake = by_id(table)["at_stake_t_yr"]
    assert list(stake[["hs-1", "hs-2", "hs-3", "hs-5"]]) == [10, 20, 70, 9]
    assert np.isnan(stake["hs-4"])
    assert by_id(table).loc["hs-3", "score_t_yr"] == pytest.approx(70 / 3)
    assert list(table["rank"]) == [1, 2, 3, 4, 5]


def test_every_column_has_its_unit_and_meaning() -> None:
    rows = records({"geometry": Point(0.5, 0.5), "country": "KEN"})
    regions = pd.DataFrame({"set": ["countries"], "name_en": ["Kenya"]}, index=["KEN"])
    tables = [
        an.gaps(hotspots(), rows),
        crowded(hotspots(), rows),
        outside(hotspots(), rows),
        practice_gaps(hotspots(), rows),
        region_gaps(regions, rows),
        research_gaps(regions, rows),
    ]
    told = {column for table in tables for column in table.columns}
    assert told - set(COLUMNS) == set()
    assert set(COLUMNS) - told == set()
    assert all(meaning for _, meaning in COLUMNS.values())
    assert set(completeness(rows).columns) == set(COMPLETENESS_COLUMNS)


# ---------------------------------------------------------------------------- crowds and outside


def test_crowded_places_have_more_than_their_share() -> None:
    two = hotspots([box(0, 0, 1, 1), box(10, 0, 11, 1)], potential_t_yr=[25e6, 75e6])
    rows = records(
        *[{"geometry": Point(0.5, 0.5)}] * 3,
        {"geometry": Point(10.5, 0.5)},
        {"geometry": Point(50, 50)},
        {"country": "KEN"},
    )
    table = crowded(two, rows, today=TODAY)
    assert list(table["id"]) == ["hs-1", "hs-2"]
    assert list(table["crowding"]) == pytest.approx([0.75 / 0.25, 0.25 / 0.75])
    assert list(table["more_than_share"]) == [True, False]
    assert list(table["records_per_mha"]) == [3, 1]
    assert list(table["records_per_mt"]) == pytest.approx([3 / 25, 1 / 75])
    # Lorenz curve by hand: (0.75, 0.25) and (1, 1): 1 - (0.75 x 0.25 + 0.25 x 1.25) = 0.5
    assert table.attrs["gini"] == pytest.approx(0.5)
    assert table.attrs["herfindahl"] == pytest.approx(0.75**2 + 0.25**2)
    counts = [table.attrs[f"records_{name}"] for name in ("counted", "outside", "unplaced")]
    assert counts == [4, 1, 1]


def test_one_record_of_two_hotspots_is_half_in_each() -> None:
    two = hotspots([box(0, 0, 1, 1), box(1, 0, 2, 1)], potential_t_yr=[50.0, 50])
    table = crowded(two, records({"geometry": Point(1, 0.5)}), today=TODAY)
    assert list(table["share_of_records"]) == [0.5, 0.5]
    assert table.attrs["gini"] == pytest.approx(0)


def test_without_records_nothing_is_crowded() -> None:
    table = crowded(hotspots(), records(), today=TODAY)
    assert np.isnan(table.attrs["gini"])
    assert not table["more_than_share"].any()


def test_actors_outside_every_hotspot_the_farthest_first() -> None:
    rows = records(
        {"geometry": Point(0.5, 0.5)},
        {"geometry": Point(1.1, 0.5)},
        {"geometry": Point(60, 20)},
        {"country": "KEN"},
    )
    table = outside(hotspots(), rows, today=TODAY)
    assert list(table["id"]) == ["r3", "r2"]
    assert list(table["nearest_hotspot"]) == ["hs-2", "hs-1"]
    plain = [plain_km(SHAPES[1], Point(60, 20)), plain_km(SHAPES[0], Point(1.1, 0.5))]
    assert list(table["nearest_hotspot_km"]) == pytest.approx(plain, abs=0.1)
    assert list(outside(hotspots(), rows, within_km=20, today=TODAY)["id"]) == ["r3"]


# ------------------------------------------------------------------------------------- practices


def shown(**row: Any) -> dict[str, Any]:
    """Return a practice that works in the hotspots' climate and land use, far away."""
    works = {
        "type": "practice",
        "practice_kind": "agroforestry",
        "land_use": "cropland",
        "climate_zone": "tropical_dry",
        "effect_size": 0.5,
        "effect_low": 0.1,
        "geometry": Point(5, 0.5),
    }
    return works | row


def test_practices_that_work_elsewhere_and_are_absent_here() -> None:
    rows = records(shown(), shown(geometry=Point(10, 0.5), effect_size=0.9, effect_low=0.2))
    table = practice_gaps(hotspots(SHAPES[:2]), rows, today=TODAY)
    assert list(zip(table["id"], table["practice_kind"], strict=True)) == [
        ("hs-1", "agroforestry"),
        ("hs-2", "agroforestry"),
    ]
    first = table.iloc[0]
    assert (first["examples"], first["land_use"]) == (2, "cropland")
    assert (first["effect_median"], first["effect_least"]) == pytest.approx((0.7, 0.5))
    assert (first["example_id"], table.iloc[1]["example_id"]) == ("r1", "r2")
    assert first["example_km"] == pytest.approx(plain_km(SHAPES[0], Point(5, 0.5)), abs=0.1)


@pytest.mark.parametrize(
    "row",
    [
        {"effect_size": np.nan},
        {"effect_size": -0.1, "effect_low": np.nan, "basis": "scientific"},
        {"effect_low": -0.1, "basis": "scientific"},
        {"effect_low": np.nan, "basis": "field_experience"},
        {"climate_zone": "tropical_wet"},
        {"land_use": "forest"},
        {"practice_kind": "other"},
        {"geometry": Point(1.1, 0.5)},  # it is near: not absent
    ],
)
def test_what_is_not_shown_to_work_or_is_not_absent(row: dict[str, Any]) -> None:
    assert len(practice_gaps(hotspots([SHAPES[0]]), records(shown(**row)), today=TODAY)) == 0


@pytest.mark.parametrize("basis", ["scientific", "both"])
def test_a_scientific_basis_stands_in_for_a_range(basis: str) -> None:
    rows = records(shown(effect_low=np.nan, basis=basis))
    assert len(practice_gaps(hotspots([SHAPES[0]]), rows, today=TODAY)) == 1


def test_an_ended_practice_shows_but_does_not_fill_the_gap() -> None:
    here = shown(geometry=Point(0.5, 0.5), end="2010", effect_size=np.nan)
    rows = records(shown(end="2010"), here)
    assert len(practice_gaps(hotspots([SHAPES[0]]), rows, today=TODAY)) == 1
    still = record_filter(active_only=False)
    assert len(practice_gaps(hotspots([SHAPES[0]]), rows, choice=still, today=TODAY)) == 0


def test_practices_can_be_narrowed_and_are_sorted_by_examples() -> None:
    rows = records(shown(), shown(practice_kind="biochar;agroforestry"), shown(geometry=None))
    table = practice_gaps(hotspots([SHAPES[0]]), rows, today=TODAY)
    assert list(zip(table["practice_kind"], table["examples"], strict=True)) == [
        ("agroforestry", 3),
        ("biochar", 1),
    ]
    one = practice_gaps(
        hotspots([SHAPES[0]]), rows, choice=record_filter(practice_kind="biochar"), today=TODAY
    )
    assert list(one["practice_kind"]) == ["biochar"]


# --------------------------------------------------------------------------- regions and research


def regions(**potential: float) -> pd.DataFrame:
    """Return an edition's table: regions by id, with a potential in t a year."""
    sets = {"world": "total", "south-america": "initiative"}
    return pd.DataFrame(
        {
            "set": [sets.get(code.replace("_", "-"), "countries") for code in potential],
            "name_en": list(potential),
            "potential_ipcc_tier1_total": list(potential.values()),
        },
        index=[code.replace("_", "-") for code in potential],
    )


def test_regions_without_a_record_come_first_within_their_set() -> None:
    table = regions(world=999, south_america=50, BRA=40, ARG=10, KEN=30, FRA=np.nan)
    rows = records(
        {"country": "BRA", "theme": "pillar1"},
        {"regions": "south-america", "theme": "pillar2"},
        {"country": "FRA", "regions": "ARG", "theme": "pillar1"},
        {"country": "KEN", "end": "2001"},
        {"regions": "world"},
    )
    found = region_gaps(table, rows, facts=RegionFacts(MEMBERS), today=TODAY)
    assert list(found["id"]) == ["south-america", "KEN", "BRA", "ARG", "FRA"]
    assert list(found["rank"]) == [1, 1, 2, 3, 4]
    got = by_id(found)
    assert list(got.loc[["south-america", "BRA", "ARG", "KEN", "FRA"], "records"]) == [
        3,
        1,
        1,
        0,
        1,
    ]
    assert list(got.loc[["BRA", "ARG"], "declared_wider"]) == [1, 1]
    assert list(got.loc[["ARG", "FRA"], "records_sitting"]) == [0, 1]
    assert list(got.loc[["ARG", "FRA"], "records_working"]) == [1, 0]
    assert got.loc["south-america", ["pillar1", "pillar2"]].tolist() == [2, 1]
    assert got.loc["BRA", "missing_pillars"] == "pillar2;pillar3;pillar4"


def test_records_without_a_country_count_by_outline() -> None:
    outlines = gpd.GeoDataFrame(
        {"id": ["BRA", "ARG"]}, geometry=[box(0, 0, 10, 10), box(10, 0, 20, 10)], crs="EPSG:4326"
    )
    rows = records(
        {"geometry": Point(5, 5)},
        {"geometry": box(9.99, 1, 12, 3)},  # a sliver of it in BRA
        {"geometry": box(8, 1, 12, 3)},
        {"geometry": Point(5, 5), "country": "ARG"},  # what it says goes before
    )
    facts = RegionFacts(outlines=outlines)
    found = region_gaps(regions(BRA=1, ARG=1), rows, facts=facts, today=TODAY)
    assert by_id(found).loc[["BRA", "ARG"], "records"].tolist() == [2, 3]


def test_pillars_with_no_or_only_old_research() -> None:
    brazil = {"type": "project", "country": "BRA"}
    rows = records(
        brazil | {"type": "research_action", "theme": "pillar1", "start": "2010", "end": "2015"},
        brazil | {"theme": "pillar1", "start": "2001", "end": "2002"},
        brazil | {"theme": "pillar2", "start": "2024-05"},
        brazil | {"theme": "pillar3"},
        brazil | {"type": "organisation", "theme": "pillar4"},
        {"type": "project", "regions": "world", "theme": "pillar4"},
        {"type": "project", "country": "ARG", "theme": "pillar1", "start": "2001", "end": "2030"},
    )
    table = research_gaps(regions(BRA=40, ARG=10), rows, today=TODAY)
    got = table.set_index(["region", "pillar"])
    states = [got.loc[("BRA", f"pillar{n}"), "state"] for n in (1, 2, 3, 4)]
    assert states == ["old", "current", "undated", "none"]
    old = got.loc[("BRA", "pillar1")]
    assert (old["newest"], old["newest_id"], old["actions"]) == ("2015", "r1", 2)
    assert old["years_since"] == pytest.approx(10.9, abs=0.05)
    assert got.loc[("BRA", "pillar4"), "actions_worldwide"] == 1
    ahead = got.loc[("ARG", "pillar1")]
    assert (ahead["state"], ahead["running"], ahead["years_since"]) == ("current", 1, 0)
    assert list(table["state"]) == ["none"] * 4 + ["undated", "old", "current", "current"]
    assert list(table["region"])[:4] == ["BRA", "ARG", "ARG", "ARG"]
    projects = ResearchFilter(years=20, types=("project",))
    lately = research_gaps(regions(BRA=40), rows, research=projects, today=TODAY)
    assert lately.set_index("pillar").loc["pillar1", "state"] == "old"  # 2002


# ---------------------------------------------------------------------------------- completeness


def surveys(*rows: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["region", "level", "on"]).assign(note="Test note")


def test_completeness_says_how_well_a_country_is_known() -> None:
    rows = records(
        {"country": "KEN", "verified_on": "2026-01-01"},
        {"country": "KEN", "verified_on": "2020-01-01"},
        {"country": "KEN", "type": "practice"},
        {"country": "FRA"},
    )
    told = surveys(
        ("BRA", "complete", "2026-06-01"),
        ("ARG", "complete", "2020-06-01"),
        ("UG-102", "complete", "2026-06-01"),
        ("europe", "partial", "2026-06-01"),
    )
    table = completeness(rows, told, members=MEMBERS, today=TODAY)
    codes = table.loc[["BRA", "ARG", "UGA", "FRA", "KEN", "TZA"], "code"].tolist()
    partly = ["partly_surveyed"] * 3
    assert codes == ["surveyed", *partly, "records_only", "nothing_recorded"]
    kenya = table.loc["KEN"]
    assert (kenya["records"], kenya["project"], kenya["practice"]) == (3, 2, 1)
    assert kenya["verified_share"] == pytest.approx(1 / 3)
    assert kenya["newest_verified"] == "2026-01-01"
    assert kenya["sentence"] == (
        "Kenya: 3 records, the newest verified on 2026-01-01; never surveyed."
        " Absence of a record is not evidence of absence."
    )
    assert table.loc["BRA", "sentence"] == "Brazil: 0 records; surveyed in full on 2026-06-01."
    assert (
        table.loc["FRA", "sentence"]
        == "France: 1 record, none verified; surveyed in part on 2026-06-01."
    )
    assert "1 surveyed, 3 in part" in statement(table)
    nobody = completeness(records(), today=TODAY)
    assert statement(nobody).startswith(f"Completeness: none of {len(nobody)} countries has been")


def test_the_best_and_newest_survey_counts() -> None:
    told = surveys(
        ("BRA", "partial", "2026-10-01"),
        ("world", "complete", "2026-01-01"),
        ("BRA", "complete", "2026-05-01"),
    )
    brazil = completeness(records(), told, today=TODAY).loc["BRA"]
    assert (brazil["code"], brazil["survey_on"]) == ("surveyed", "2026-05-01")


@pytest.mark.parametrize(
    "row", [("XX", "complete", "2026"), ("BRA", "full", "2026"), ("BRA", "partial", "")]
)
def test_an_unreadable_survey_is_refused(row: tuple[str, str, str]) -> None:
    with pytest.raises(RegistryError, match="The survey of"):
        completeness(records(), surveys(row), today=TODAY)


def test_gaps_carry_the_worst_of_their_countries() -> None:
    known = completeness(
        records({"country": "KEN"}), surveys(("UGA", "complete", "2026-06-01")), today=TODAY
    )
    patches = hotspots(SHAPES[:3], countries=["UGA", "UGA,KEN", "KEN,TZA"])
    table = by_id(an.gaps(patches, records(), completeness=known, today=TODAY))
    assert table["completeness"].to_dict() == {
        "hs-1": "surveyed",
        "hs-2": "records_only",
        "hs-3": "nothing_recorded",
    }
    assert table.loc["hs-2", "completeness_by_country"] == "UGA:surveyed;KEN:records_only"
    assert "absence of a record is not" in table.loc["hs-3", "note"]
    assert "absence of a record is not" not in table.loc["hs-1", "note"].lower()
    untold = an.gaps(patches, records(), today=TODAY)
    assert set(untold["completeness"]) == {""}
    assert set(untold["note"]) == {"Absence of a record is not evidence of absence."}


# ----------------------------------------------------------- an edition's gaps, and the command


@pytest.fixture
def edition() -> Any:
    """What gaps read of an edition: two hotspots, in Brazil and in Kenya."""
    recipe = SimpleNamespace(methods=SimpleNamespace(ranking_potential="potential_ipcc_tier1"))
    two = hotspots([box(-50, -10, -49, -9), box(37, 0, 38, 1)], countries=["BRA", "KEN"])
    table = regions(world=1000, BRA=40, KEN=30)
    x, y = np.arange(-179.5, 180), np.arange(89.5, -90, -1)
    zones = xr.DataArray(np.full((180, 360), 11, dtype="uint8"), {"y": y, "x": x}, ("y", "x"))
    zones.loc[{"y": slice(20, 0)}] = 12  # tropical_dry
    rasters = zones.rio.write_crs("EPSG:4326").to_dataset(name="climate_zone")
    return SimpleNamespace(
        id="0123456789abcdef", hotspots=two, table=table, recipe=recipe, rasters=rasters
    )


@pytest.fixture
def registry() -> Any:
    rows = records({"geometry": Point(37.5, 0.5), "country": "KEN"}, {"geometry": Point(2, 48)})
    return SimpleNamespace(records=rows, surveys=surveys(("BRA", "complete", "2026-10-01")))


@pytest.mark.parametrize(
    ("of", "ids"),
    [
        ("hotspots", ["hs-1", "hs-2"]),
        ("regions", ["BRA", "KEN"]),
        ("crowded", ["hs-2", "hs-1"]),
        ("outside", ["r2"]),
        ("practices", []),
    ],
)
def test_the_gaps_of_an_edition(edition: Any, registry: Any, of: str, ids: list[str]) -> None:
    table = edition_gaps(edition, registry, of, today=TODAY)
    assert list(table["id"]) == ids
    assert (table.attrs["edition"], table.attrs["of"]) == (edition.id, of)
    assert table.attrs["statement"].startswith("Completeness: ")
    if of == "hotspots":
        assert list(table["completeness"]) == ["surveyed", "records_only"]
        assert "of 2 countries 1 surveyed" in table.attrs["statement"]


def test_the_gaps_of_one_region(edition: Any, registry: Any) -> None:
    def asked(region: Any, of: str = "hotspots", **more: Any) -> list[str]:
        """Return the ids of a table."""
        return list(edition_gaps(edition, registry, of, region=region, today=TODAY, **more)["id"])

    assert asked("Kenya") == asked("sub-saharan-africa") == asked("36,-1,39,2") == ["hs-2"]
    assert asked("world") == ["hs-1", "hs-2"]
    assert asked("KEN", "regions") == ["KEN"]
    assert asked("KEN", "outside") == []
    assert asked("FRA", "outside") == ["r2"]
    research = edition_gaps(
        edition, registry, "research", region="KEN", theme="pillar2", today=TODAY
    )
    assert list(zip(research["region"], research["pillar"], strict=True)) == [("KEN", "pillar2")]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"of": "hotspot"}, "did you mean hotspots"),
        ({"theme": "pillr2"}, "did you mean pillar2"),
        ({"types": "farm"}, "Give one of organisation"),
        ({"practice_kind": "agroforest"}, "did you mean agroforestry"),
    ],
)
def test_an_unknown_word_is_refused(edition: Any, registry: Any, asked: Any, said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        edition_gaps(edition, registry, **asked)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"theme": ["pilier2", "But A"]}, ("pillar2", "goalA")),
        ({"theme": "Pilar 2: prácticas adaptadas al suelo y al clima"}, ("pillar2",)),
        ({"theme": "ODD 2"}, ("sdg2",)),
        ({"practice_kind": "agroforesterie"}, ("agroforestry",)),
        ({"types": "Projet"}, ("project",)),
        ({"land_use": "tierras de cultivo"}, ("cropland",)),
    ],
)
def test_labels_in_three_languages_mean_their_codes(
    edition: Any, registry: Any, asked: dict[str, Any], code: tuple[str, ...]
) -> None:
    field = next(iter(asked))
    column = "type" if field == "types" else field
    rows = registry.records.assign(**{column: ";".join(code[:1])})
    registry.records = pd.concat([rows.iloc[:1], rows.iloc[1:].assign(**{column: ""})])
    table = by_id(edition_gaps(edition, registry, today=TODAY, **asked))
    assert table.loc["hs-2", "matching_inside"] == 1


def test_a_heading_of_several_labels_means_none_of_them(edition: Any, registry: Any) -> None:
    with pytest.raises(BadInputError, match="There is no theme 'Criterion'"):
        edition_gaps(edition, registry, theme="Criterion")


def test_a_practice_without_a_zone_has_that_of_its_place(edition: Any, registry: Any) -> None:
    dry, moist = Point(5, 5), Point(5, 40)
    drawn = box(4.9, 4.9, 5.1, 5.1)
    at = [dry, drawn, moist, dry, None]
    more = [{}, {}, {}, {"climate_zone": "tropical_wet"}, {}]
    registry.records = records(
        *(shown(climate_zone="") | m | {"geometry": p} for m, p in zip(more, at, strict=True))
    )
    table = edition_gaps(edition, registry, "practices", today=TODAY)
    assert list(table["examples"]) == [2, 2]
    assert table.attrs["left_out"] == {
        "without a climate zone": 1,
        "climate zone and land use of no hotspot here": 2,
    }
    edition.rasters = edition.rasters.sel(x=slice(6, 180))  # the places lie beyond it
    table = edition_gaps(edition, registry, "practices", today=TODAY)
    assert table.attrs["left_out"]["without a climate zone"] == 4
    edition.rasters = edition.rasters.drop_vars("climate_zone")
    assert not len(edition_gaps(edition, registry, "practices", today=TODAY))


def test_zones_of_a_grid_from_0_to_360(edition: Any, registry: Any) -> None:
    """A place in the west lies on it too, 360 degrees on."""
    registry.records = records(shown(climate_zone="") | {"geometry": Point(-5, 5)})
    before = edition_gaps(edition, registry, "practices", today=TODAY)
    turned = edition.rasters.assign_coords(x=edition.rasters["x"] % 360).sortby("x")
    edition.rasters = turned.rio.write_transform()
    after = edition_gaps(edition, registry, "practices", today=TODAY)
    assert after.attrs["left_out"] == before.attrs["left_out"]
    assert not after.attrs["left_out"].get("without a climate zone")
    assert len(after) == len(before) > 0


@pytest.fixture
def run(edition: Any, registry: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what runs the command on the edition and registry of these tests."""
    import hotspots as hs
    from hotspots.cli.gaps import add_to

    monkeypatch.setattr(hs, "open_edition", lambda path: edition)
    monkeypatch.setattr("hotspots.cli.gaps.opened", lambda where: registry)
    app = typer.Typer()
    app.callback()(lambda: None)
    add_to(app)

    def call(*words: str, stream: str = "stdout") -> str:
        done = CliRunner().invoke(app, ["gaps", *words], catch_exceptions=False)
        return str(getattr(done, stream))

    return call


@pytest.mark.parametrize(
    "of", ["hotspots", "regions", "crowded", "outside", "practices", "research"]
)
def test_the_command_prints_a_table_that_fits_and_its_completeness(run: Any, of: str) -> None:
    told = run("--of", of).splitlines()
    assert max(map(len, told[:-2]), default=0) <= 120
    assert told[-1].startswith("Completeness: ")
    assert told[-1].endswith("Absence of a record is not evidence of absence.")
    if of == "hotspots":
        assert told[0].split()[:3] == ["#", "hotspot", "countries"]
        assert "≤ 50 km" in told[0]
        assert told[-2].startswith("1 of 2 hotspots has no such record inside or within 50 km")


def test_the_command_s_json_has_every_column(run: Any) -> None:
    rows = json.loads(run("--json"))
    assert [row["id"] for row in rows] == ["hs-1", "hs-2"]
    assert set(rows[0]) == set(an.gaps(hotspots(), records()).columns) - {"geometry"}
    assert len(json.loads(run("--json", "--top", "1"))) == 1
    assert "… and 1 more; --top 2 shows all." in run("--top", "1")


def test_the_registry_is_asked_for_as_everywhere() -> None:
    from hotspots.cli import app

    told = CliRunner().invoke(app, ["gaps", "--help"], env={"COLUMNS": "200"}).output
    assert "HOTSPOTS_REGISTRY" in told


def test_ids_are_never_cut(run: Any, registry: Any) -> None:
    long = "a-very-long-id-of-a-record-that-someone-wants-to-copy"
    registry.records["id"] = [long, f"{long}-2"]
    assert f" {long} " in run()
    assert f" {long}-2 " in run("--of", "outside")
    practice = records(shown(id=long, geometry=Point(5, 5)))
    registry.records = practice
    assert f" {long} " in run("--of", "practices")


def test_practices_left_out_are_told(run: Any, registry: Any) -> None:
    assert "No practice is recorded." in run("--of", "practices")
    rows = [
        shown(),
        shown(effect_size=np.nan),
        shown(effect_low=-1),
        shown(land_use=""),
        shown(practice_kind="other"),
        shown(climate_zone="", geometry=None),
        shown(effect_size=np.nan, land_use=""),
    ]
    registry.records = records(*rows)
    told = run("--of", "practices").splitlines()
    assert told[-2] == (
        "7 practices are recorded, 6 left out: 1 without a kind of practice (r5); 2 without an"
        " effect (r2, r7); 1 effect not proven (r3); 1 without a climate zone (r6); 1 without a"
        " land use (r4)."
    )
    assert "6 left out" in run("--of", "practices", "--json", stream="stderr")
    only = run("--of", "practices", "--practice", "biochar")
    assert "1 of another kind or land use than requested" in only
    registry.records = records(shown())
    assert "1 practice is recorded, none left out." in run("--of", "practices")


@pytest.mark.parametrize("of", ["regions", "research"])
def test_sets_of_regions_are_shown_one_after_the_other(run: Any, edition: Any, of: str) -> None:
    edition.table = regions(world=1000, south_america=90, BRA=40, KEN=30)
    told = run("--of", of, "--top", "1").splitlines()
    heads = [told.index("Regions of the Initiative:"), told.index("Countries:")]
    assert [told[n + 2].split()[:2] for n in heads] == [["1", "south-america"], ["1", "BRA"]]
    assert told[-2] == "A region and its countries overlap: never add the two up."
    counted = {
        "regions": ["1 of 1 region has no such record.", "1 of 2 countries has no such record."],
        "research": ["4 pairs of region and pillar", "8 pairs of country and pillar"],
    }[of]
    assert [line[: len(start)] for line, start in zip(told[-4:-2], counted, strict=True)] == counted


@pytest.mark.parametrize(
    ("of", "said"),
    [
        ("hotspots", "0 of 1 hotspot has no such record inside or within 50 km"),
        ("crowded", "1 record in a hotspot or within 50 km;"),
        ("outside", "1 record on the map is in no hotspot."),
    ],
)
def test_one_is_told_in_the_singular(run: Any, edition: Any, of: str, said: str) -> None:
    edition.hotspots = edition.hotspots.iloc[1:]
    assert said in run("--of", of)


def test_the_completeness_of_one_country_is_its_sentence(edition: Any, registry: Any) -> None:
    one = edition_gaps(edition, registry, region="KEN", today=TODAY)
    assert one.attrs["statement"] == (
        "Completeness: Kenya: 1 record, none verified; never surveyed. Absence of a record"
        " is not evidence of absence."
    )
    brazil = edition_gaps(edition, registry, region="BRA", today=TODAY).attrs["statement"]
    assert brazil == (
        "Completeness: Brazil: 0 records; surveyed in full on 2026-10-01. Absence of a record"
        " is not evidence of absence."
    )


def test_a_region_without_hotspots_is_told_what_is_known_of_it(
    run: Any, edition: Any, registry: Any
) -> None:
    edition.table = regions(world=1000, BRA=40, KEN=30, SEN=512_000)
    edition.table["ranked_managed_ha"] = 2.8e6
    edition.table["hot_managed_ha"] = 0.0
    for of in ("hotspots", "crowded", "practices"):
        told = run("--of", of, "--region", "Senegal").splitlines()[0]
        assert told == (
            "Senegal (SEN) has no hotspot in this edition: none of its 2.8\N{NO-BREAK SPACE}Mha of"
            " ranked managed land is hot; its potential is 512\N{NO-BREAK SPACE}kt C/yr."
        )
        table = edition_gaps(edition, registry, of, region="SEN", today=TODAY)
        assert table.attrs["nothing"] == told
        assert "Senegal: 0 records" in table.attrs["statement"]
    assert json.loads(run("--region", "SEN", "--json")) == []
    assert "has no hotspot" in run("--region", "SEN", "--json", stream="stderr")


@pytest.mark.parametrize("of", ["hotspots", "regions", "crowded", "practices", "research"])
@pytest.mark.parametrize("region", ["SEN", "europe", "20,-40,21,-39"])
def test_a_region_outside_the_edition_is_named_as_such(
    edition: Any, registry: Any, of: str, region: str
) -> None:
    edition.manifest = {"region": "KEN"}
    edition.table["name_en"] = ["World", "Brazil", "Kenya"]
    land = xr.zeros_like(edition.rasters["climate_zone"]).astype("float32")
    land.loc[{"y": slice(5, -5), "x": slice(34, 42)}] = 1
    edition.rasters["valid_share"] = land
    with pytest.raises(EmptyRegionError, match=r"outside this edition, which is of Kenya \(KEN\)"):
        edition_gaps(edition, registry, of, region=region, today=TODAY)


@pytest.mark.parametrize("name", ["Sengal", "QQQ"])
def test_an_unknown_region_is_no_empty_one(edition: Any, registry: Any, name: str) -> None:
    with pytest.raises(UnknownRegionError, match=f"No region is called '{name}'"):
        edition_gaps(edition, registry, region=name)


def test_notebook_and_command_line_say_one_completeness(tmp_path: Path, edition: Any) -> None:
    """With surveys, and with records that only their point places in a country."""
    from hotspots.geo.regions import region
    from hotspots.registry import open_registry
    from hotspots.registry.maintenance import region_lines

    registry = open_registry(str(tmp_path / "r.sqlite"), create=True)
    cells = {"id": "a", "type": "organisation", "name": "A", "summary": "S", "theme": "pillar2"}
    cells |= {"source": "A", "source_kind": "own_statement", "latitude": "0.5"}
    cells |= {"longitude": "37.5", "place_precision": "exact"}
    registry.import_rows([(1, cells)])
    row = registry.completeness("Kenya")
    assert list(row.index) == ["KEN"]
    assert row.loc["KEN", "records"] == 1
    said = edition_gaps(edition, registry, region="KEN").attrs["statement"]
    assert said == statement(row) == next(iter(region_lines(registry, region("KEN"))))


def test_many_hotspots_share_their_examples() -> None:
    # All pairs of hotspot and example in memory would be 6 million rows.
    at = np.random.default_rng(1).uniform(-60, 60, (3000, 2))
    some = records(shown()).iloc[[0] * 2000].reset_index(drop=True)
    who = some.assign(id=[f"r{n}" for n in range(len(some))])
    patches = hotspots([box(x, y, x + 0.01, y + 0.01) for x, y in at], potential_t_yr=1.0)
    tracemalloc.start()
    table = practice_gaps(patches, who, today=TODAY)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(table) > 2900
    assert set(table["examples"]) == {2000}
    assert most < 100e6


def test_the_choice_of_nothing_counts_all() -> None:
    assert record_filter() == RecordFilter()
    assert record_filter(theme="A6").theme == ("A6",)
