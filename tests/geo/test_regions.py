"""Countries, the regions of the initiative, boxes, GeoJSON and files of outlines."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pycountry
import pytest
import shapely
from shapely import affinity, box

import hotspots.geo.regions  # noqa: F401  (the package's name `regions` is a function)
from hotspots.errors import BadInputError, EmptyRegionError, MissingAssetError, UnknownRegionError
from hotspots.geo import antimeridian, countries, initiative
from hotspots.geo.regions import COLUMNS, Region, initiative_members, region, regions

# Entries of ISO 3166-1 that world-atlas draws within another's outline.
WITHIN_ANOTHER = {
    "BES": "NLD",
    "BVT": "NOR",
    "CCK": "XIO",
    "CXR": "XIO",
    "GLP": "FRA",
    "GUF": "FRA",
    "MTQ": "FRA",
    "MYT": "FRA",
    "REU": "FRA",
    "SJM": "NOR",
    "TKL": "NZL",
}


@pytest.fixture(scope="module")
def world() -> gpd.GeoDataFrame:
    """All countries, by id."""
    return regions("countries").set_index("id")


def square(west: float, south: float, size: float) -> list[list[float]]:
    """A closed ring, anticlockwise from its south-west corner."""
    east, north = west + size, south + size
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def polygon(*rings: list[list[float]]) -> dict[str, Any]:
    """A GeoJSON polygon: shell, holes."""
    return {"type": "Polygon", "coordinates": list(rings)}


# ------------------------------------------------------------------------------------- outlines


@pytest.mark.parametrize(
    ("code", "km2", "tolerance"),
    [
        ("RUS", 17_098_000, 0.02),  # UN Demographic Yearbook; across the antimeridian
        ("FJI", 18_272, 0.05),  # across the antimeridian
        ("ATA", 12_300_000, 0.02),  # grounded ice and rock, without the shelves; round the pole
        ("KEN", 591_958, 0.02),
        ("CAN", 9_984_670, 0.02),
        ("TUV", 26, 0.15),
        ("KIR", 726, 0.35),  # atolls are drawn with lagoons, of up to 811 km2 by other counts
        ("MDV", 300, 0.65),  # only the larger of 1200 islets are on a map at 1:10 million
    ],
)
def test_area_is_near_the_published_one(
    world: gpd.GeoDataFrame, code: str, km2: float, tolerance: float
) -> None:
    drawn = world.loc[[code]].to_crs("EPSG:6933").area.iloc[0] / 1e6
    assert drawn == pytest.approx(km2, rel=tolerance)


def test_land_of_the_world_adds_up(world: gpd.GeoDataFrame) -> None:
    """146.8 Mkm2: land without Antarctica's ice shelves; a ring unwrapped wrongly adds 10s."""
    assert world.to_crs("EPSG:6933").area.sum() / 1e12 == pytest.approx(146.8, abs=0.3)


@pytest.mark.parametrize("detail", ["10m", "50m"])
def test_outlines_are_valid_and_on_the_globe(detail: str) -> None:
    table = regions("countries", detail)
    assert tuple(table.columns) == COLUMNS
    assert table.crs == "EPSG:4326"
    assert table["id"].is_unique
    assert table["id"].is_monotonic_increasing
    assert table.is_valid.all()
    assert not table.is_empty.any()
    assert set(table.geom_type) <= {"Polygon", "MultiPolygon"}
    west, south, east, north = table.total_bounds
    assert (west, east) == (-180, 180)
    assert south >= -90
    assert north <= 90


@pytest.mark.parametrize("detail", ["10m", "50m"])
def test_every_iso_entry_has_an_outline_or_a_parent(detail: str) -> None:
    drawn = set(regions("countries", detail)["id"])
    absent = {entry.alpha_3 for entry in pycountry.countries} - drawn
    assert absent == set(WITHIN_ANOTHER)


def test_no_independent_state_is_missing(world: gpd.GeoDataFrame, shared: Path) -> None:
    with (shared / "data" / "boundaries" / "country-codes.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    states = {row["ISO3166-1-Alpha-3"] for row in rows if row["is_independent"] == "Yes"}
    assert len(states) == 195
    assert states <= set(world.index)


def test_outlines_lie_where_natural_earth_has_them(world: gpd.GeoDataFrame, shared: Path) -> None:
    """Another edition of the same map at 1:50 million covers nearly the same ground."""
    path = shared / "data" / "boundaries" / "ne_50m_admin_0_countries.geojson"
    other = gpd.read_file(path).set_index("ADM0_A3").geometry.make_valid()
    for code in ("KEN", "BRA", "RUS", "FJI", "NZL", "FRA", "IDN", "USA"):
        common = world.geometry[code].intersection(other[code]).area
        assert common / other[code].area > 0.95, code


def test_crossing_countries_are_cut_not_stretched(world: gpd.GeoDataFrame) -> None:
    """A point in mid-Pacific or in London isn't Russia; both ends of Chukotka are."""
    russia, fiji = world.geometry["RUS"], world.geometry["FJI"]
    assert shapely.contains_xy(russia, [-175, 175], [66.5, 66.5]).all()
    assert not shapely.contains_xy(russia, [0, -100], [60, 60]).any()
    assert not shapely.contains_xy(fiji, [0, 100, -100], [-17, -17, -17]).any()
    assert shapely.contains_xy(world.geometry["ATA"], [0, 90, -179.99], [-89.99, -85, -89.99]).all()


def test_vatican_and_australia(world: gpd.GeoDataFrame) -> None:
    """The first has no area at 1:10 million, the second comes in two features of one id."""
    assert world.geometry["VAT"].contains(shapely.Point(12.434, 41.904))
    assert "50m" in world.loc["VAT", "note"]
    ashmore = shapely.box(123.5, -12.5, 123.7, -12.4)
    assert world.geometry["AUS"].intersects(ashmore)


def test_tables_are_the_callers_own() -> None:
    first = regions("countries")
    first.loc[:, "name_en"] = "changed"
    assert "changed" not in set(regions("countries")["name_en"])
    changed = region("KEN")
    changed.names["en"] = "changed"
    assert region("KEN").name() == "Kenya"


def test_unknown_detail_and_broken_file(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"detail '110m'\. Give 10m or 50m"):
        regions("countries", "110m")
    cut = tmp_path / "cut.json"
    cut.write_text('{"type": "Topology", "objects"')
    with pytest.raises(MissingAssetError, match=r"Install the package again\.$"):
        antimeridian.read_topology(cut)


def test_topology_by_hand(tmp_path: Path) -> None:
    """Two unit squares share an edge, stored once: the second takes it reversed (~0 = -1).

    (0,1) +---0---+ (2,1)     arc 0: the shared edge x = 1, upwards
          |  A | B |          arc 1: the rest of A, arc 2: the rest of B
    (0,0) +----+---+
    """
    arcs = [[[1, 0], [0, 1]], [[1, 1], [-1, 0], [0, -1], [1, 0]], [[1, 0], [1, 0], [0, 1], [-1, 0]]]
    features = [
        {"type": "Polygon", "arcs": [[0, 1]], "id": "004", "properties": {"name": "A"}},
        {"type": "MultiPolygon", "arcs": [[[2, -1]]], "properties": {"name": "B"}},
        {"type": None, "properties": {"name": "nothing"}},
    ]
    path = tmp_path / "two.json"
    content = {
        "type": "Topology",
        "transform": {"scale": [10, 20], "translate": [-5, 0]},
        "objects": {"countries": {"type": "GeometryCollection", "geometries": features}},
        "arcs": arcs,
    }
    path.write_text(json.dumps(content))
    a, b, nothing = antimeridian.read_topology(path)
    assert (a.id, a.name, b.id, b.name) == ("004", "A", "", "B")
    assert a.geometry.equals(box(-5, 0, 5, 20))
    assert b.geometry.equals(box(5, 0, 15, 20))
    assert nothing.geometry.is_empty


# ---------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("KEN", "KEN"),
        ("ken", "KEN"),
        (" ke ", "KEN"),
        ("404", "KEN"),
        ("Kenia", "KEN"),
        ("NA", "NAM"),
        ("Alemania", "DEU"),
        ("allemagne", "DEU"),
        ("Russie", "RUS"),
        ("Russian Federation", "RUS"),
        ("cote d'ivoire", "CIV"),
        ("Ivory Coast", "CIV"),
        ("Costa de Marfil", "CIV"),
        ("DRC", "COD"),
        ("R.D.C.", "COD"),
        ("South Korea", "KOR"),
        ("Corée du Sud", "KOR"),
        ("usa", "USA"),
        ("U.S.A.", "USA"),
        ("EE. UU.", "USA"),
        ("etats-unis", "USA"),
        ("UK", "GBR"),
        ("Türkiye", "TUR"),
        ("turkey", "TUR"),
        ("Viet Nam", "VNM"),
        ("The Gambia", "GMB"),
        ("la Guinée", "GIN"),
        ("Saint Lucia", "LCA"),
        ("Trinidad and Tobago", "TTO"),
        ("Bosnia & Herzegovina", "BIH"),
        ("Iran, Islamic Republic of", "IRN"),
        ("XK", "XKX"),
        ("Somaliland", "XSL"),
        ("world", "world"),
        ("le Monde", "world"),
        ("MUNDO", "world"),
        ("south-america", "south-america"),
        ("Afrique subsaharienne (Ouest et Est)", "sub-saharan-africa"),
        ("oceania", "oceania"),
    ],
)
def test_codes_and_names_are_found(given: str, code: str) -> None:
    assert region(given).id == code


def test_every_name_finds_its_own_country(world: gpd.GeoDataFrame) -> None:
    for code, row in world.iterrows():
        # "Congo" is the Spanish name of one of the two, and not to be guessed.
        for name in {row["name_en"], row["name_fr"], row["name_es"]} - {"Congo"}:
            assert countries.find(name.upper()) == [code], name


def test_names_in_three_languages() -> None:
    germany = region("DEU")
    assert [germany.name(lang) for lang in ("en", "fr", "es")] == [
        "Germany",
        "Allemagne",
        "Alemania",
    ]
    assert germany.name("fr-CA") == "Allemagne"
    assert germany.name("de") == "Germany"
    assert (germany.iso2, germany.kind) == ("DE", "country")
    assert region(germany) is germany
    assert len({germany, region("DEU")}) == 1  # it can be hashed, and compares by value


@pytest.mark.parametrize("column", ["name_en", "name_fr", "name_es"])
def test_every_row_has_names(world: gpd.GeoDataFrame, column: str) -> None:
    assert world[column].str.strip().str.len().min() > 0


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("Kenja", "Kenya (KEN)"),
        ("Alemana", "Alemania (DEU)"),
        ("Russi", "Russie (RUS)"),
        ("Nueva Zelandia", "Nueva Zelanda (NZL)"),
        ("south-amerca", "(south-america)"),
        ("KNE", "Kenya (KEN)"),
    ],
)
def test_an_unknown_name_gets_near_matches(given: str, near: str) -> None:
    with pytest.raises(UnknownRegionError, match="did you mean") as caught:
        region(given)
    message = str(caught.value)
    assert given in message
    assert near in message
    assert "\n" not in message


@pytest.mark.parametrize("given", ["qqqqqqqq", "x" * 5000, "\0"])
def test_an_unlike_name_gets_none(given: str) -> None:
    with pytest.raises(UnknownRegionError, match="No region is called") as caught:
        region(given)
    assert "did you mean" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(("given", "codes"), [("Congo", "COD COG"), ("Corée", "KOR PRK")])
def test_a_name_of_two_countries_is_not_guessed(given: str, codes: str) -> None:
    with pytest.raises(UnknownRegionError, match="may mean") as caught:
        region(given)
    assert all(f"({code})" in str(caught.value) for code in codes.split())


@pytest.mark.parametrize(("code", "parent"), WITHIN_ANOTHER.items())
def test_a_part_is_cut_from_its_parent(world: gpd.GeoDataFrame, code: str, parent: str) -> None:
    part = region(code)
    assert part.kind == "custom"  # no row in the table of countries
    assert f"({parent})" in part.note
    assert f"({code})" in world.loc[parent, "note"]
    assert part.geometry.is_valid
    assert part.geometry.difference(world.geometry[parent]).area < 1e-9


def test_parts_have_their_size() -> None:
    """French Guiana 83,800 km2, Svalbard and Jan Mayen 61,400 km2, Reunion 2,510 km2."""
    found = gpd.GeoSeries([region(i).geometry for i in ("GUF", "SJM", "REU")], crs=4326)
    km2 = list(found.to_crs("EPSG:6933").area / 1e6)
    assert km2 == pytest.approx([83_800, 61_400, 2_510], rel=0.03)


# ------------------------------------------------------------------------------- the initiative


def test_initiative_is_a_partition(world: gpd.GeoDataFrame) -> None:
    members = [code for group in initiative_members().values() for code in group]
    assert len(members) == len(set(members))
    assert not set(members) & set(initiative.outside())
    assert set(members) | set(initiative.outside()) == set(world.index)


def test_initiative_follows_m49(shared: Path) -> None:
    """Each member with an ISO code lies in a sub-region of M49 that its region names."""
    import tomllib

    with (shared / "data" / "boundaries" / "country-codes.csv").open(encoding="utf-8") as file:
        m49 = {
            row["ISO3166-1-Alpha-3"]: row["Intermediate Region Name"] or row["Sub-region Name"]
            for row in csv.DictReader(file)
        }
    m49["TWN"] = "Eastern Asia"  # without an M49 row of its own in some editions
    repo = Path(__file__).resolve().parents[2]
    rows = tomllib.loads((repo / "data/regions/initiative.toml").read_text("utf-8"))["region"]
    for row in rows:
        wrong = [c for c in row["members"] if c in m49 and m49[c] not in row["m49"]]
        # Guernsey and Jersey have an intermediate region within Northern Europe in some editions.
        assert [c for c in wrong if m49[c] != "Channel Islands"] == [], row["id"]


def test_initiative_words_are_the_documents(shared: Path) -> None:
    text = (shared / "background" / "roadmap-2018.txt").read_text(encoding="utf-8")
    listed = text[text.index("large regions (") :].split(")")[0]
    for group in initiative.groups().values():
        for words in group.source.split("[...]"):
            assert words.strip() in listed, group.id
        assert group.note or group.status == "document", group.id


def test_initiative_outlines(world: gpd.GeoDataFrame) -> None:
    table = regions("initiative").set_index("id")
    assert list(table.index) == list(initiative_members())
    assert table.is_valid.all()
    assert set(table["kind"]) == {"initiative"}
    for code, members in initiative_members().items():
        total = shapely.area(world.geometry[members].values).sum()
        assert table.geometry[code].area == pytest.approx(total, rel=1e-6)
    assert region("europe").geometry.equals(table.geometry["europe"])
    assert shapely.contains_xy(region("oceania").geometry, 178, -17.8)


def write_regions(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an edited file of regions where the package looks."""
    (folder / "regions").mkdir(exist_ok=True)
    (folder / "regions" / "initiative.toml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("HOTSPOTS_DATA", str(folder))


EDITED = """
[[region]]
id = "great-lakes"
name_en = "African Great Lakes"
name_fr = "Grands Lacs africains"
name_es = "Grandes Lagos de África"
members = ["KEN", "UGA", "TZA", "UGA"]

[[region]]
id = "east"
name_en = "East"
name_fr = "Est"
name_es = "Este"
members = ["KEN", "ETH"]
"""


def test_a_user_may_edit_the_regions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_regions(tmp_path, EDITED, monkeypatch)
    assert initiative_members() == {"great-lakes": ["KEN", "UGA", "TZA"], "east": ["KEN", "ETH"]}
    lakes = region("Grands lacs africains")
    assert lakes.id == "great-lakes"
    assert lakes.geometry.covers(region("UGA").geometry.representative_point())
    write_regions(tmp_path, EDITED.replace('"great-lakes"', '"lakes"'), monkeypatch)
    assert list(initiative_members()) == ["lakes", "east"]  # read again without a restart


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"ETH"', '"ETJ"', "the member 'ETJ', which isn't a country code; did you mean .*ETH"),
        ('"ETH"', '"GUF"', "the member 'GUF', which is drawn as a part of FRA"),
        ('["KEN", "ETH"]', "[]", "'east' in .* has no members"),
        ('name_fr = "Est"', "", "Region 'east' in .* has no name_fr"),
        ('"east"', '"great-lakes"', "two regions 'great-lakes'"),
        ('"east"', '"KEN"', "a region with the id 'KEN'"),
        ('id = "east"', 'id = "east"\nstatus = "true"', "has the status 'true'"),
        ("[[region]]", "[[region", "can't be read as TOML"),
        ("[[region]]", "[[group]]", r"holds no \[\[region\]\]"),
    ],
)
def test_a_bad_edit_gets_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, message: str
) -> None:
    write_regions(tmp_path, EDITED.replace(old, new), monkeypatch)
    with pytest.raises(BadInputError, match=message):
        initiative_members()


def test_absent_regions_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTSPOTS_DATA", str(tmp_path))
    with pytest.raises(BadInputError, match=r"lacks 'regions/initiative\.toml'"):
        regions("initiative")
    assert region("Kenya").id == "KEN"  # countries don't depend on it


# ---------------------------------------------------------------------------------------- boxes


@pytest.mark.parametrize("given", [(33, -5, 42, 5), [33.0, -5.0, 42.0, 5.0], "33,-5, 42,5"])
def test_box(given: Any) -> None:
    found = region(given)
    assert (found.id, found.kind) == ("33,-5,42,5", "box")
    assert found.geometry.equals(box(33, -5, 42, 5))
    assert region(found.id) == found


def test_box_of_numpy_numbers() -> None:
    assert region(np.array([0.5, 0, 2, 1.25])).id == "0.5,0,2,1.25"


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ("170,-20,-170,-10", [(-180, -20, -170, -10), (170, -20, 180, -10)]),
        ("180,-20,-170,-10", [(-180, -20, -170, -10)]),
        ("170,-20,-180,-10", [(170, -20, 180, -10)]),
        ("-180,-90,180,90", [(-180, -90, 180, 90)]),
    ],
)
def test_box_across_the_antimeridian(given: str, parts: list[tuple[float, ...]]) -> None:
    found = region(given).geometry
    assert sorted(part.bounds for part in shapely.get_parts(found)) == parts
    assert found.is_valid


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("10,5,20,5", "south not below its north"),
        ("10,6,20,5", "south not below its north"),
        ("10,0,10,5", "no width"),
        ("180,0,-180,5", "no width"),
        ("1,2,3", "four finite numbers"),
        ("1,2,3,4,5", "four finite numbers"),
        ("nan,0,1,1", "four finite numbers"),
        ("0,0,inf,1", "four finite numbers"),
        ("-181,0,1,1", "off the globe"),
        ("170,-20,190,-10", "off the globe"),
        ("0,-91,1,1", "off the globe"),
        ("0,0,1,90.1", "off the globe"),
        ((1, 2), "four finite numbers"),
    ],
)
def test_a_bad_box_is_refused(given: Any, message: str) -> None:
    with pytest.raises(BadInputError, match=message) as caught:
        region(given)
    assert "Give W,S,E,N" in str(caught.value)


@pytest.mark.parametrize("given", [None, 5, ("KEN", "UGA"), object()])
def test_what_is_no_region_is_refused(given: Any) -> None:
    with pytest.raises(BadInputError, match="A region can't be read from"):
        region(given)


@pytest.mark.parametrize("given", ["", "  "])
def test_nothing_is_refused(given: str) -> None:
    with pytest.raises(BadInputError, match="The region is empty"):
        region(given)


# -------------------------------------------------------------------------------------- GeoJSON

SHELL, HOLE = square(0, 0, 10), square(2, 2, 3)


@pytest.mark.parametrize(
    ("given", "area"),
    [
        (polygon(SHELL), 100),
        (polygon(SHELL, HOLE), 91),
        ({"type": "MultiPolygon", "coordinates": [[SHELL, HOLE], [square(20, 0, 1)]]}, 92),
        ({"type": "Feature", "properties": None, "geometry": polygon(SHELL)}, 100),
        (
            {
                "type": "FeatureCollection",
                "features": [
                    {"type": "Feature", "geometry": polygon(SHELL)},
                    {"type": "Feature", "geometry": polygon(square(5, 0, 10))},  # half overlaps
                    {"type": "Feature", "geometry": None},
                ],
            },
            150,
        ),
        ({"type": "GeometryCollection", "geometries": [polygon(SHELL), polygon(SHELL)]}, 100),
        (polygon([[0, 0], [10, 10], [10, 0], [0, 10], [0, 0]]), 50),  # a bow tie, mended
        (polygon([[x, y, 99] for x, y in SHELL]), 100),  # heights are dropped
        (polygon(SHELL[:-1]), 100),  # not closed
        (polygon(SHELL) | {"crs": "EPSG:4326"}, 100),  # a name where an object should be
        (polygon(SHELL) | {"crs": None}, 100),
        (polygon(SHELL) | {"crs": {"properties": "urn:ogc:def:crs:OGC:1.3:CRS84"}}, 100),
    ],
)
def test_geojson(given: dict[str, Any], area: float) -> None:
    for spec in (given, json.dumps(given)):
        found = region(spec)
        assert found.kind == "custom"
        assert found.geometry.is_valid
        assert found.geometry.area == pytest.approx(area)


def test_same_area_same_id() -> None:
    turned = SHELL[2:-1] + SHELL[:3]
    assert region(polygon(SHELL)).id == region(polygon(turned)).id == region(box(0, 0, 10, 10)).id
    assert region(polygon(SHELL)).id != region(polygon(SHELL, HOLE)).id


def test_names_of_a_feature() -> None:
    properties = {"Name": "Farm", "name_fr": "Ferme"}
    found = region({"type": "Feature", "properties": properties, "geometry": polygon(SHELL)})
    assert found.names == {"en": "Farm", "fr": "Ferme", "es": "Farm"}
    assert region(polygon(SHELL)).name("es") == "Zona personalizada"


PACIFIC = {(-180, -10, -170, 10), (170, -10, 180, 10)}


@pytest.mark.parametrize(
    ("x", "is_noted"),
    [
        ((170, -170), True),  # taken as 340 degrees wide, it would be another area
        ((170, 190), False),
        ((-190, -170), False),
        ((170, 180, -180, -170), False),
    ],
)
def test_geojson_across_the_antimeridian(x: tuple[float, ...], is_noted: bool) -> None:
    """However it is written, the area is cut in two at 180 degrees."""
    ring = [[lon, -10.0] for lon in x] + [[lon, 10.0] for lon in reversed(x)]
    found = region(polygon([*ring, ring[0]]))
    assert {part.bounds for part in shapely.get_parts(found.geometry)} == PACIFIC
    assert bool(found.note) == is_noted


def test_a_hole_crosses_with_its_shell() -> None:
    shell = [[170, -10], [-170, -10], [-170, 10], [170, 10], [170, -10]]
    hole = [[-175, -5], [-171, -5], [-171, 5], [-175, 5], [-175, -5]]
    assert region(polygon(shell, hole)).geometry.area == pytest.approx(400 - 40)


def test_a_belt_round_the_world_stays_one() -> None:
    ring = [[-180, -60], [0, -60], [180, -60], [180, 75], [-180, 75], [-180, -60]]
    assert region(polygon(ring)).geometry.equals(box(-180, -60, 180, 75))


def test_a_ring_with_points_on_both_sides_of_the_antimeridian_crosses_it() -> None:
    """Edges to 180 that aren't level make a valid belt around the world, which isn't meant."""
    east = [[178, -16], [180, -15], [-180, -15], [-178, -16]]
    ring = [*east, [-178, -20], [-180, -21], [180, -21], [178, -20], [178, -16]]
    found = region(polygon(ring)).geometry
    assert found.area == pytest.approx(4 * 4 + 2 * 2)
    assert {part.bounds for part in shapely.get_parts(found)} == {
        (178, -21, 180, -15),
        (-180, -21, -178, -15),
    }


def test_a_wide_box_is_the_same_area_as_geojson() -> None:
    """Its edges have points between the corners: none spans more than 180 degrees."""
    wide = region("-170,-60,170,60")
    again = region(dict(wide.geometry.__geo_interface__))
    assert again.geometry.equals(box(-170, -60, 170, 60))
    assert not again.note


def test_a_ring_round_the_pole_is_closed_over_it() -> None:
    ring = [[0, 60], [90, 60], [180, 60], [-90, 60], [0, 60]]
    assert region(polygon(ring)).geometry.equals(box(-180, 60, 180, 90))


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"type": "Point", "coordinates": [1, 2]}, BadInputError, "not a Point"),
        ({"type": "LineString", "coordinates": SHELL}, BadInputError, "not a LineString"),
        (
            {"type": "GeometryCollection", "geometries": [polygon(SHELL), {"type": "MultiPoint"}]},
            BadInputError,
            "not a MultiPoint",
        ),
        (polygon(square(0, 85, 10)), BadInputError, "off the globe"),
        (polygon(square(500_000, 0, 10)), BadInputError, "off the globe"),
        (polygon([[0, 0], [1, None], [1, 1], [0, 0]]), BadInputError, "isn't a finite number"),
        (polygon([[0, 0], [1, "b"], [1, 1], [0, 0]]), BadInputError, "can't be read"),
        (polygon([[0, 0], [1, 1]]), BadInputError, "too few points"),
        ({"type": "Polygon"}, BadInputError, "no list 'coordinates'"),
        ({"type": "Polygon", "coordinates": [3]}, BadInputError, "can't be read"),
        ({"type": "MultiPolygon", "coordinates": [5]}, BadInputError, "can't be read"),
        ({"type": "MultiPolygon", "coordinates": [{}]}, EmptyRegionError, "empty"),
        ({"type": "MultiPolygon", "coordinates": [None]}, BadInputError, "can't be read"),
        ({"type": "MultiPolygon", "coordinates": ["ab"]}, BadInputError, "can't be read"),
        (polygon([{"x": 1}, {"x": 2}, {"x": 3}]), BadInputError, "can't be read"),  # type: ignore[list-item]
        (polygon([[10**400, 0], [1, 1], [1, 0]]), BadInputError, "can't be read"),
        (polygon(SHELL) | {"crs": "EPSG:3857"}, BadInputError, "names the CRS 'EPSG:3857'"),
        ({"type": "Topology"}, BadInputError, "is TopoJSON"),
        ({}, BadInputError, "isn't an area in GeoJSON"),
        ("[1, 2]", BadInputError, "isn't an area in GeoJSON"),
        ('{"type": "Polygon", "coordi', BadInputError, "can't be read"),
        ("[" * 100_000, BadInputError, "can't be read"),
        (
            polygon(SHELL) | {"crs": {"properties": {"name": "urn:ogc:def:crs:EPSG::3857"}}},
            BadInputError,
            "names the CRS",
        ),
        (polygon(), EmptyRegionError, "empty"),
        (polygon([[0, 0], [1, 1], [2, 2], [0, 0]]), EmptyRegionError, "empty"),
        ({"type": "Feature", "geometry": None}, EmptyRegionError, "empty"),
        ({"type": "FeatureCollection", "features": []}, EmptyRegionError, "empty"),
        (shapely.Polygon(), EmptyRegionError, "empty"),
        (shapely.Point(1, 2), BadInputError, "not a Point"),
    ],
)
def test_bad_geojson_is_refused(given: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        region(given)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


# ---------------------------------------------------------------------------------------- files


@pytest.fixture
def farms() -> gpd.GeoDataFrame:
    """Two farms in Kenya, one with a hole; the bounds are those of the pair."""
    shapes = [box(36, 0, 37, 1).difference(box(36.2, 0.2, 36.4, 0.4)), box(37, 0, 38, 1)]
    return gpd.GeoDataFrame({"code": ["b", "a"], "Name": ["Two", "One"]}, geometry=shapes, crs=4326)


def save(table: gpd.GeoDataFrame, path: Path) -> Path:
    """Write a table in the format of the path's suffix."""
    if path.suffix == ".parquet":
        table.to_parquet(path)
    elif path.suffix == ".json":
        path.write_text(table.to_json())
    else:
        table.to_file(path, driver="KML" if path.suffix == ".kml" else None)
    return path


@pytest.mark.parametrize("name", ["f.geojson", "f.gpkg", "f.parquet", "f.kml", "f.shp", "f.json"])
def test_files(tmp_path: Path, farms: gpd.GeoDataFrame, name: str) -> None:
    path = save(farms, tmp_path / name)
    for spec in (path, str(path)):
        found = region(spec)
        assert found.kind == "custom"
        assert found.name("fr") == "f"
        assert found.geometry.symmetric_difference(farms.union_all()).area < 1e-9
    table = regions(str(path))
    assert tuple(table.columns) == COLUMNS
    assert list(table["name_en"]) == ["Two", "One"]
    assert list(shapely.area(table.geometry.values)) == pytest.approx([0.96, 1.0])


def test_ids_of_a_file(tmp_path: Path, farms: gpd.GeoDataFrame) -> None:
    """A column that tells the rows apart is the id; one that doesn't isn't."""
    assert list(regions(save(farms, tmp_path / "a.gpkg"))["id"]) == ["b", "a"]
    same = farms.assign(code="-99")
    assert list(regions(save(same, tmp_path / "b.gpkg"))["id"]) == ["1", "2"]
    coded = same.assign(ISO_A3=["KEN", "UGA"]).drop(columns="Name")
    table = regions(save(coded, tmp_path / "c.gpkg"))
    assert list(table["id"]) == list(table["name_es"]) == ["KEN", "UGA"]


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:32737", "EPSG:6933"])
def test_other_crs_is_reprojected(tmp_path: Path, farms: gpd.GeoDataFrame, crs: str) -> None:
    found = region(save(farms.to_crs(crs), tmp_path / "f.gpkg")).geometry
    assert found.symmetric_difference(farms.union_all()).area < 1e-3


def test_straight_sides_of_a_projection_are_bent(tmp_path: Path) -> None:
    """A 2000 km square round the pole holds the pole; its corners alone would be a belt."""
    square_m = gpd.GeoDataFrame(geometry=[box(-1e6, -1e6, 1e6, 1e6)], crs="EPSG:3031")
    found = region(save(square_m, tmp_path / "pole.gpkg"))
    assert shapely.contains_xy(found.geometry, [0, 123], [-89.9, -85]).all()
    assert found.note == ""
    drawn = gpd.GeoSeries([found.geometry], crs=4326).to_crs("EPSG:6933").area.iloc[0]
    # True to 4 per cent: EPSG:3031 shrinks areas that much about the pole.
    assert drawn == pytest.approx(4e12, rel=0.06)


def test_a_file_across_the_antimeridian(tmp_path: Path) -> None:
    """In a projection centred on the Pacific a farm lies across 180 degrees in one piece."""
    shape = box(178 - 150, -18, 182 - 150, -16)
    shifted = gpd.GeoDataFrame(geometry=[shape], crs="+proj=longlat +pm=150 +datum=WGS84")
    found = region(save(shifted, tmp_path / "pacific.gpkg")).geometry
    assert found.area == pytest.approx(8)
    assert {round(part.bounds[0]) for part in shapely.get_parts(found)} == {-180, 178}


def test_a_kml_with_two_folders(tmp_path: Path) -> None:
    ring = "36,0 37,0 37,1 36,1 36,0"
    mark = "<Placemark><name>{}</name><Polygon><outerBoundaryIs><LinearRing><coordinates>{}"
    mark += "</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark>"
    folder = "<Folder><name>{}</name>{}</Folder>"
    other = ring.replace("36", "46").replace("37", "47")
    body = folder.format("a", mark.format("one", ring))
    body += folder.format("b", mark.format("two", other))
    path = tmp_path / "two.kml"
    path.write_text(
        f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{body}</Document></kml>'
    )
    assert region(path).geometry.area == pytest.approx(2)
    assert list(regions(path)["name_en"]) == ["one", "two"]


def test_files_that_can_not_be_used(tmp_path: Path, farms: gpd.GeoDataFrame) -> None:
    bare = farms.set_crs(None, allow_override=True)
    bare_shp = save(farms, tmp_path / "bare.shp")
    bare_shp.with_suffix(".prj").unlink()
    garbage = tmp_path / "garbage.gpkg"
    garbage.write_bytes(b"no file of any kind")
    whole = save(farms, tmp_path / "whole.gpkg")
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(save(farms, tmp_path / "whole.parquet").read_bytes()[:500])
    two = tmp_path / "two.gpkg"
    farms.to_file(two, layer="a")
    farms.to_file(two, layer="b")
    table = tmp_path / "table.csv"
    table.write_text("id,name\n1,x\n")
    off = farms.set_geometry(farms.translate(0, 100))
    none = farms.copy()
    none.loc[1, "geometry"] = None
    cases = [
        (tmp_path / "absent.gpkg", "There is no file"),
        (tmp_path, "is data and not a region"),
        (save(bare, tmp_path / "bare.parquet"), "names no CRS"),
        (bare_shp, "names no CRS"),
        (garbage, "can't be read as .gpkg"),
        (cut, "can't be read as a file of polygons"),
        (table, "no supported vector format"),
        (two, "holds 2 layers (a, b)"),
        (
            save(farms.set_geometry(farms.representative_point()), tmp_path / "p.gpkg"),
            "not a Point",
        ),
        (save(off, tmp_path / "off.gpkg"), "off the globe"),
        (save(farms.iloc[:0], tmp_path / "empty.parquet"), "holds no feature"),
        (save(none, tmp_path / "none.gpkg"), "Feature 2 of 'none.gpkg' has no outline"),
    ]
    assert region(whole).kind == "custom"
    for path, message in cases:
        with pytest.raises(BadInputError) as caught:
            region(path)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_stranger_may_not_name_files(tmp_path: Path, farms: gpd.GeoDataFrame) -> None:
    path = str(save(farms, tmp_path / "f.gpkg"))
    with pytest.raises(UnknownRegionError):
        region(path, files=False)
    assert region("KEN", files=False).id == "KEN"


def test_a_set_of_regions_must_be_known() -> None:
    with pytest.raises(UnknownRegionError, match="no set of regions 'continents'"):
        regions("continents")


# -------------------------------------------------------------------------------------- geometry


def test_repair_keeps_a_sound_polygon_as_it_is() -> None:
    shape = box(0, 0, 1, 1)
    assert antimeridian.repair(shape).equals(shape)


@pytest.mark.parametrize("turn", [-1, 0, 1])
def test_repair_brings_every_turn_home(turn: int) -> None:
    """The same area, a full turn to the west or east, is the same area."""
    shape = affinity.translate(box(175, 0, 185, 10), 360 * turn)
    repaired = antimeridian.repair(shape)
    assert sorted(part.bounds for part in shapely.get_parts(repaired)) == [
        (-180, 0, -175, 10),
        (175, 0, 180, 10),
    ]


def test_import_stays_cheap() -> None:
    """Asking for the function must not load tables, names or GDAL."""
    import subprocess

    heavy = "geopandas,pandas,babel,pycountry,pyogrio"
    code = f"import sys, hotspots; print([m for m in '{heavy}'.split(',') if m in sys.modules])"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240
    )
    assert shown.stdout.strip() == "[]"


def test_region_compares_by_value() -> None:
    assert region("0,0,1,1") == region((0, 0, 1, 1))
    assert isinstance(region("0,0,1,1"), Region)


@pytest.mark.parametrize("lang", countries.LANGUAGES)
def test_the_disclaimer_is_there(lang: str) -> None:
    from hotspots.geo.regions import DISCLAIMER_KEY
    from hotspots.locale import catalogue

    assert len(catalogue(lang)[DISCLAIMER_KEY]) > 40
