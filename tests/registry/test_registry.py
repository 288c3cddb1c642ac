"""The registry: the sample's rows, what a bad row is told, and what survives as data."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from shapely.geometry import box

from hotspots.errors import RegistryError
from hotspots.registry import label, open_registry, vocabulary
from hotspots.registry.schema.validation import parse

SAMPLE = Path(__file__).parents[2] / "data" / "registry" / "records.csv"

GOOD = {
    "id": "test-station",
    "type": "organisation",
    "name": "Test station",
    "name_en": "",
    "summary": "Made up for this test",
    "theme": "pillar1; A6",
    "country": "NAM",
    "place": "",
    "latitude": "-22.56",
    "longitude": "17.08",
    "place_precision": "locality",
    "web": "https://example.org",
    "source": "this test",
    "source_kind": "publication",
    "created": "2026-01-31",
}
COLUMNS = list(GOOD)
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write rows, each given as its changes to GOOD, to a CSV file."""

    def to_file(*changes: dict[str, str], name: str = "records.csv") -> Path:
        path = tmp_path / name
        with path.open("w", encoding="utf-8", newline="") as opened:
            writer = csv.DictWriter(opened, COLUMNS)
            writer.writeheader()
            writer.writerows(GOOD | change for change in changes)
        return path

    return to_file


# ------------------------------------------------------------------------------- the sample


def sample_rows() -> list[dict[str, str]]:
    with SAMPLE.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


@pytest.mark.parametrize("row", sample_rows(), ids=lambda row: row["id"])
def test_each_sample_row_is_valid_and_sourced(row: dict[str, str]) -> None:
    """Every row says who states it, claims no membership, and holds no person's address."""
    _, problems = parse(row, 2)
    assert not problems
    assert len(row["source"]) > 20
    told = " ".join(row.values()).casefold()
    assert "@" not in told
    assert not re.search(r"\b(member|partner)s?\b", row["summary"], re.IGNORECASE)
    if row["source_kind"] == "document":
        assert row["source"].startswith("4 per 1000, ")


def test_sample_covers_every_continent_and_says_what_it_lacks() -> None:
    registry = open_registry(SAMPLE)
    assert {"KEN", "IND", "FRA", "BRA", "USA", "AUS", "FJI"} <= set(registry.records["country"])
    assert registry.without_position == 2
    assert len(registry.records) == len(registry) == len(sample_rows())


def test_sample_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOTSPOTS_DATA", raising=False)
    assert open_registry().records.equals(open_registry(SAMPLE).records)


def test_documents_words_are_quoted_as_they_stand(shared: Path) -> None:
    """What a row quotes between “ and ” stands in a document, but for line breaks and marks."""

    def plain(text: str) -> str:
        return " ".join(text.replace("*", "").replace("“", '"').replace("”", '"').split())

    documents = plain(" ".join(p.read_text("utf-8") for p in (shared / "background").glob("*.txt")))
    quoted = 0
    for row in sample_rows():
        for part in row["source"].split("“")[1:]:
            if row["source_kind"] == "document" and not part.startswith("4 per 1000”"):
                for piece in part.split("”")[0].split(" […] "):
                    assert plain(piece) in documents, f"{row['id']}: {piece}"
                    quoted += 1
    assert quoted >= 20


def test_sample_points_lie_in_their_countries() -> None:
    """Swapped axes or a wrong sign would put a point elsewhere."""
    from hotspots.geo.regions import regions

    outlines = regions("countries").set_index("id").geometry
    records = open_registry(SAMPLE).records
    for row in records[records.geometry.notna()].itertuples():
        # Half a tenth of a degree for quays and coarse coasts.
        assert outlines[row.country].distance(row.geometry) < 0.05, row.id


# ------------------------------------------------------------------------------ what is refused


def test_every_bad_row_is_told_at_once(write: Write) -> None:
    rows = [{"id": "a", "type": "x"}, {"id": "b"}, {"id": "c", "source": ""}]
    with pytest.raises(RegistryError, match=r"'records.csv' has 2 bad rows") as caught:
        open_registry(write(*rows))
    _, *lines, last = str(caught.value).splitlines()
    assert [line[:5] for line in lines] == ["Row 2", "Row 4"]
    assert last.startswith("Nothing was imported")


def test_twins_are_refused(write: Write) -> None:
    with pytest.raises(
        RegistryError, match=r"Row 3, column 'id': the id 'test-station' also occurs"
    ):
        open_registry(write({}, {"name": "Another"}))


def test_absent_or_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"neither a registry nor a folder with files"):
        open_registry(tmp_path)
    with pytest.raises(RegistryError, match=r"There is no registry '.*none'"):
        open_registry(tmp_path / "none")
    assert not (tmp_path / "none").exists()


# --------------------------------------------------------------------------------- what survives


def test_na_of_namibia_survives(write: Write) -> None:
    """Text such as NA, null or nan is a name like another, and the empty cell stays empty."""
    path = write({"name": "NA", "summary": "null", "place": "nan"})
    registry = open_registry(path)
    row = registry.records.iloc[0]
    assert (row["name"], row["summary"], row["place"], row["name_en"]) == ("NA", "null", "nan", "")
    assert list(registry.in_country("nam")["id"]) == ["test-station"]


@pytest.mark.parametrize(
    "name",
    [
        "p < script or > q",
        "=1+1",
        "a \"b\", 'c' & d",
        "两行\n名",
        "{{ 7*7 }}",
    ],
)
def test_hostile_names_stay_what_they_are(write: Write, name: str) -> None:
    """The registry keeps text as data; whoever shows it escapes it."""
    assert open_registry(write({"name": name})).records.iloc[0]["name"] == name


def test_byte_order_mark_and_blank_lines_are_no_data(write: Write) -> None:
    path = write({})
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes() + b"\r\n\r\n")
    assert len(open_registry(path)) == 1


def test_folder_is_the_union_of_its_files(write: Write, tmp_path: Path) -> None:
    write({"id": "b"}, name="b.csv")
    write({"id": "a"}, name="a.csv")
    assert list(open_registry(tmp_path).records["id"]) == ["a", "b"]


def test_relations_reach_over_the_files_of_a_folder(write: Write, tmp_path: Path) -> None:
    write({"id": "a", "summary": "first"}, name="a.csv")
    extra = [*COLUMNS, "relations"]
    with (tmp_path / "b.csv").open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, extra)
        writer.writeheader()
        writer.writerow(GOOD | {"id": "b", "relations": "partner=a"})
    assert list(open_registry(tmp_path).records["relations"]) == ["", "partner=a"]
    write({"id": "b"}, name="a.csv")
    with pytest.raises(RegistryError, match=r"'b' occurs in 'a.csv' and in 'b.csv'"):
        open_registry(tmp_path)
    write({"id": "c"}, name="a.csv")
    with pytest.raises(RegistryError, match=r"(?s)'b.csv' has 1 bad row.*Row 2, .*names 'a'"):
        open_registry(tmp_path)


def test_records_have_points_types_and_crs(write: Write) -> None:
    nowhere = {"id": "nowhere", "latitude": "", "longitude": "", "place_precision": ""}
    records = open_registry(write({}, nowhere)).records
    assert records.crs == "EPSG:4326"
    assert (records.geometry.x[0], records.geometry.y[0]) == (17.08, -22.56)
    assert records.geometry[1] is None
    assert records["created"][0] == "2026-01-31T00:00:00Z"
    assert records["theme"][0] == "pillar1;A6"


def test_empty_registry_is_a_registry(write: Write) -> None:
    registry = open_registry(write())
    assert len(registry) == len(registry.records) == 0
    assert len(registry.within(box(-180, -90, 180, 90))) == 0


def test_within_a_shape_leaves_out_who_is_known_by_country_only(write: Write) -> None:
    """In a box round Windhoek lies the town; of a record known by country nobody can say."""
    rows = [
        {"id": "town"},
        {"id": "far", "longitude": "20"},
        {"id": "somewhere", "place_precision": "country"},
        {"id": "nowhere", "latitude": "", "longitude": "", "place_precision": ""},
    ]
    registry = open_registry(write(*rows))
    assert list(registry.within(box(17, -23, 18, -22))["id"]) == ["town"]


def test_within_regions_goes_by_country_code(write: Write) -> None:
    from hotspots.geo.regions import initiative_members, region

    rows = [
        {"id": "somewhere", "place_precision": "country"},
        {"id": "nowhere", "latitude": "", "longitude": "", "place_precision": ""},
        {"id": "uncoded", "country": ""},
        {"id": "abroad", "country": "KEN", "latitude": "-1.3", "longitude": "36.8"},
        {"id": "unknown", "country": "", "latitude": "", "longitude": "", "place_precision": ""},
    ]
    registry = open_registry(write(*rows))
    assert list(registry.within(region("NAM"))["id"]) == ["somewhere", "nowhere", "uncoded"]
    assert len(registry.within(region("world"))) == len(rows)
    home = next(key for key, countries in initiative_members().items() if "NAM" in countries)
    assert {"somewhere", "nowhere", "uncoded"} <= set(registry.within(region(home))["id"])
    assert "unknown" not in set(registry.within(region(home))["id"])


def test_vocabulary_has_every_label_in_three_languages() -> None:
    themes = vocabulary()["theme"]
    assert sum(code.startswith("pillar") for code in themes) == 4
    assert sum(len(code) == 2 for code in themes) == 24
    assert sum(code.startswith("goal") for code in themes) == 6
    for column, codes in vocabulary().items():
        for code, labels in codes.items():
            assert set(labels) == {"en", "fr", "es"}, f"{column} {code}"
            assert all(labels.values())
    assert label("type", "project", "fr") == "Projet"
