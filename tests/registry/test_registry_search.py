"""Finding records: by box, region, theme and type, compared with a plain look at each of them."""

from __future__ import annotations

import random
from typing import Any

import pytest
import shapely
import sqlalchemy as sa

from hotspots.errors import BadInputError
from hotspots.geo.user_geometry import box_geometry
from hotspots.registry.database import queries
from hotspots.registry.database.changes import Change, apply
from hotspots.registry.database.connection import writing
from hotspots.registry.permissions import LOCAL, countries_of
from hotspots.registry.registry import Registry
from hotspots.registry.schema.footprints import canonical
from hotspots.registry.schema.records import position

NOW = "2026-11-21T00:00:00Z"
THEMES = ("pillar1", "pillar2", "A6", "sdg13")
TYPES = ("organisation", "project", "research_action")


def made(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Return records all over the globe: points, footprints (some over the antimeridian), none."""
    luck = random.Random(seed)
    records = []
    for n in range(count):
        x, y = luck.uniform(-180, 180), luck.uniform(-85, 85)
        record: dict[str, Any] = {
            "id": f"test-{n}",
            "type": luck.choice(TYPES),
            "name": f"Test {n}",
            "summary": "Made up",
            "theme": tuple(luck.sample(THEMES, 2)),
            "source": "this test",
            "source_kind": "publication",
            "version": 1,
            "created": NOW,
            "changed": NOW,
            "country": luck.choice(["KEN", "NAM", "FRA", "FJI"]),
            "place_precision": "exact",
        }
        kind = n % 4
        if kind < 2:
            record |= {"latitude": y, "longitude": x}
        elif kind == 2:
            ring = [(x, y), (x + 20, y), (x, y + 4), (x, y)]
            record["footprint"] = canonical(shapely.Polygon(ring).wkt)
        if n % 5 == 0:
            record["regions"] = (luck.choice(["KEN", "world", "europe"]),)
        if n % 3:
            record["verified_on"] = f"20{luck.randint(18, 26)}-01-01"
        records.append(record)
    return records


def fill(engine: sa.Engine, records: list[dict[str, Any]]) -> Registry:
    with writing(engine) as connection:
        apply(connection, [Change("created", None, record) for record in records], LOCAL, NOW)
    return Registry(engine)


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [record["id"] for record in found]


BOXES = [
    (0, 0, 10, 10),
    (-20, -20, 30, 25),
    (170, -30, -170, 30),
    (-180, -90, 180, 90),
    (179, -10, -179, 10),
    (100, 60, 140, 84),
    (-180, 0, -179, 90),
    (5.5, 5.5, 5.6, 5.6),
]


def test_boxes_find_what_a_plain_look_finds(any_registry: sa.Engine) -> None:
    """Exactly: a footprint counts by its shape, not by its bounding box; W > E is the Pacific."""
    records = made(600)
    registry = fill(any_registry, records)
    for box in BOXES:
        shape = box_geometry(box)
        expected = [r["id"] for r in records if (at := position(r)) and at.intersects(shape)]
        assert ids(registry.find(box=box, limit=1000)) == expected, box
        assert ids(registry.find(box=box, limit=7)) == expected[:7], box


def test_pages_join_to_the_whole(any_registry: sa.Engine) -> None:
    registry = fill(any_registry, made(100))
    for asked in ({}, {"box": (-90, -60, 90, 60)}, {"theme": "A6"}):
        whole = ids(registry.find(**asked, limit=1000))
        pages: list[str] = []
        while page := registry.find(**asked, limit=9, after=pages[-1] if pages else None):
            pages += ids(page)
        assert pages == whole


def test_other_questions_find_what_a_plain_look_finds(any_registry: sa.Engine) -> None:
    records = made(200)
    registry = fill(any_registry, records)

    def plain(holds: Any) -> list[str]:
        """Return the ids for which it holds."""
        return [record["id"] for record in records if holds(record)]

    def works_in(record: dict[str, Any], region: str) -> bool:
        """Say whether a record sits or works in a region or one of its countries."""
        told = {region, *countries_of(region)}
        return record["country"] in told or bool(told & set(record.get("regions", ())))

    assert ids(registry.find(theme="A6", limit=999)) == plain(lambda r: "A6" in r["theme"])
    assert ids(registry.find(type="project", limit=999)) == plain(lambda r: r["type"] == "project")
    for region in ("KEN", "europe"):
        found = ids(registry.find(region=region, limit=999))
        assert found == plain(lambda r, region=region: works_in(r, region))
    assert ids(registry.find(stale_before="2020-06-01", limit=999)) == plain(
        lambda r: r.get("verified_on", "") < "2020-06-01"
    )
    assert ids(registry.find(text="TEST 12", limit=999)) == plain(lambda r: "Test 12" in r["name"])
    assert ids(registry.find("%", limit=999)) == []


def test_names_are_found_without_case_and_accents(any_registry: sa.Engine) -> None:
    """The same on both databases, in any script."""
    record = made(1)[0] | {"name": "École d'été", "other_names": ("ΣΊΣΥΦΟΣ", "Ñandú")}
    registry = fill(any_registry, [record])
    for text in ("ecole", "ÉTÉ", "d ete", "σίσυφος", "ñANDÚ", "nandu"):
        assert ids(registry.find(text)) == ["test-0"], text


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"theme": "pillr1"}, "did you mean pillar1"),
        ({"type": "company"}, "'company' is not a valid type"),
        ({"region": "atlantis"}, "'atlantis' is not a region"),
        ({"box": (0, 10, 5, 5)}, "south not below its north"),
        ({"limit": 0}, "give 1 to 10,000"),
        ({"limit": 10_001}, "give 1 to 10,000"),
        ({"after": "nobody"}, "'nobody': no record has this id"),
    ],
)
def test_questions_that_make_no_sense_are_told(
    any_registry: sa.Engine, asked: dict[str, Any], told: str
) -> None:
    with pytest.raises(BadInputError, match=told):
        Registry(any_registry).find(**asked)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_box_uses_an_index_among_100_000_records(any_registry: sa.Engine) -> None:
    """The plan of the very query that `find` asks, narrow and wide; and that of a theme."""
    fill(any_registry, made(100_000))
    sqlite = any_registry.dialect.name == "sqlite"
    if not sqlite:
        with any_registry.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
    with any_registry.connect() as connection:
        for box in ((10.0, 10.0, 12.0, 12.0), (-80.0, -50.0, 80.0, 50.0)):
            plan = explained(
                connection,
                queries.page_query(connection, queries.Criteria(boxes=[box]), after=0, limit=100),
            )
            if sqlite:
                assert "record_box VIRTUAL TABLE INDEX" in plan
                assert "SCAN record\n" not in plan
            elif box[0] == 10.0:
                assert "record_geometry" in plan
                assert "Seq Scan on record" not in plan
        plan = explained(
            connection,
            queries.page_query(connection, queries.Criteria(theme="A6"), after=0, limit=100),
        )
        assert "Seq Scan on record " not in plan
        assert "SCAN record_code" not in plan


def explained(connection: sa.Connection, query: sa.Select[Any]) -> str:
    """Return the plan of a query."""
    text = str(query.compile(connection, compile_kwargs={"literal_binds": True}))
    word = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
    rows = connection.exec_driver_sql(word + text.replace("%", "%%")).all()
    return "\n".join(str(row[-1]) for row in rows) + "\n"
