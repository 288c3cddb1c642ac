"""The registry: the sample's rows, what a bad row is told, and what survives as data."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from shapely.geometry import box

from hotspots.errors import RegistryError
from hotspots.registry import COLUMNS, check_row, label, open_registry, vocabulary

SAMPLE = Path(__file__).parents[1] / "data" / "registry" / "records.csv"

GOOD = {
    "id": "test-station",
    "type": "organisation",
    "name": "Test station",
    "name_en": "",
    "name_fr": "",
    "name_es": "",
    "role": "Made up for this test",
    "theme": "pillar1; A6",
    "country": "NAM",
    "place": "",
    "latitude": "-22.56",
    "longitude": "17.08",
    "place_precision": "city",
    "web": "https://example.org",
    "source": "this test",
    "source_kind": "public_knowledge",
    "recorded_on": "2026-01-31",
}
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
    assert check_row(row, 2) is None
    assert len(row["source"]) > 20
    told = " ".join(row.values()).casefold()
    assert "@" not in told
    assert not re.search(r"\b(member|partner)s?\b", row["role"], re.IGNORECASE)
    if row["source_kind"] == "document":
        assert row["source"].startswith("4 per 1000, ")


def test_sample_covers_every_continent_and_says_what_it_lacks() -> None:
    registry = open_registry(SAMPLE)
    assert {"KEN", "IND", "FRA", "BRA", "USA", "AUS", "FJI"} <= set(registry.records["country"])
    assert registry.without_position == 2
    assert len(registry.records) == len(registry) == len(sample_rows())


def test_sample_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOTSPOTS_DATA", raising=False)
    assert open_registry().rows == open_registry(SAMPLE).rows


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
    from hotspots.regions import regions

    outlines = regions("countries").set_index("id").geometry
    records = open_registry(SAMPLE).records
    for row in records[records.geometry.notna()].itertuples():
        # Half a tenth of a degree for quays and coarse coasts.
        assert outlines[row.country].distance(row.geometry) < 0.05, row.id


# ------------------------------------------------------------------------------ what is refused

BAD = [
    ({"id": "Test Station"}, "id", "'Test Station' is no id"),
    ({"type": "company"}, "type", "'company' is not known; use one of organisation, project"),
    ({"type": "projet"}, "type", "did you mean project?"),
    ({"name": " "}, "name", "it is empty"),
    ({"role": ""}, "role", "it is empty"),
    ({"theme": "pillar1;G9"}, "theme", "'G9' is not known"),
    ({"theme": ""}, "theme", "name at least one theme"),
    ({"country": "NA"}, "country", "'NA' is no ISO 3166-1 alpha-3 code"),
    ({"latitude": "-91"}, "latitude", "'-91' is not a number from -90 to 90"),
    ({"latitude": "nan"}, "latitude", "'nan' is not a number"),
    ({"longitude": "190"}, "longitude", "'190' is not a number from -180 to 180"),
    ({"longitude": "17,08"}, "longitude", "'17,08' is not a number"),
    ({"longitude": ""}, "longitude", "must be given together"),
    ({"place_precision": "about"}, "place_precision", "use one of exact, city, country"),
    ({"place_precision": ""}, "place_precision", "a position needs its precision"),
    ({"web": "javascript:alert(1)"}, "web", "start it with http:// or https://"),
    ({"web": "www.example.org"}, "web", "'www.example.org' is no web address"),
    ({"web": "http://[broken"}, "web", "is no web address"),
    ({"source": ""}, "source", "it is empty"),
    ({"source_kind": "rumour"}, "source_kind", "'rumour' is not known"),
    ({"recorded_on": "31/01/2026"}, "recorded_on", "'31/01/2026' is no date"),
]


@pytest.mark.parametrize(("change", "column", "told"), BAD)
def test_bad_row_gets_a_sentence(
    write: Write, change: dict[str, str], column: str, told: str
) -> None:
    """The sentence names the spreadsheet's row, the column, what was given and what is allowed."""
    with pytest.raises(RegistryError) as caught:
        open_registry(write({}, change | {"id": change.get("id", "second")}))
    sentence = str(caught.value).splitlines()[1]
    assert sentence.startswith(f"Row 3, column '{column}': ")
    assert told in sentence
    assert sentence.endswith((".", "?"))


def test_every_bad_row_is_told_at_once(write: Write) -> None:
    rows = [{"id": "a", "type": "x"}, {"id": "b"}, {"id": "c", "source": ""}]
    with pytest.raises(RegistryError, match="2 bad rows, so nothing was taken") as caught:
        open_registry(write(*rows))
    assert [line[:5] for line in str(caught.value).splitlines()[1:]] == ["Row 2", "Row 4"]


def test_twins_are_refused(write: Write) -> None:
    with pytest.raises(RegistryError, match="'test-station' stands twice"):
        open_registry(write({}, {"name": "Another"}))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"id,name\n1,2\n", "missing: type"),
        (b"", "missing: id"),
        ((",".join([*COLUMNS, "mail"]) + "\n").encode(), "not known: mail"),
        ((",".join(COLUMNS) + "\na,b\n").encode(), "Row 2 of 'bad.csv' has 2 cells"),
        ((",".join(COLUMNS) + '\n"a\n').encode(), "no sound CSV near line"),
        ((",".join(COLUMNS) + "\nSão").encode("latin-1"), "not in UTF-8"),
    ],
)
def test_unsound_files_are_told(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(RegistryError, match=told):
        open_registry(path)


def test_absent_or_empty_folder_is_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(RegistryError, match="neither a CSV file nor a folder"):
            open_registry(path)


# --------------------------------------------------------------------------------- what survives


def test_na_of_namibia_survives(write: Write) -> None:
    """Text such as NA, null or nan is a name like another, and the empty cell stays empty."""
    path = write({"name": "NA", "role": "null", "place": "nan"})
    registry = open_registry(path)
    row = registry.records.iloc[0]
    assert (row["name"], row["role"], row["place"], row["name_en"]) == ("NA", "null", "nan", "")
    assert list(registry.in_country("nam")["id"]) == ["test-station"]


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        "=1+1",
        "a \"b\", 'c' & d",
        "两行\n名",
        "{{ 7*7 }}",
        "\u202eolleh",
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
    assert [row.id for row in open_registry(tmp_path).rows] == ["a", "b"]


def test_records_have_points_types_and_crs(write: Write) -> None:
    nowhere = {"id": "nowhere", "latitude": "", "longitude": "", "place_precision": ""}
    records = open_registry(write({}, nowhere)).records
    assert records.crs == "EPSG:4326"
    assert (records.geometry.x[0], records.geometry.y[0]) == (17.08, -22.56)
    assert records.geometry[1] is None
    assert records["recorded_on"][0] == date(2026, 1, 31)
    assert open_registry(write({}, nowhere)).rows[0].themes == ("pillar1", "A6")


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
    from hotspots.regions import initiative_members, region

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
    assert len(vocabulary()["theme"]) == 4 + 24
    for column, codes in vocabulary().items():
        for code, labels in codes.items():
            assert set(labels) == {"en", "fr", "es"}, f"{column} {code}"
            assert all(labels.values())
    assert label("type", "project", "fr") == "Projet"
