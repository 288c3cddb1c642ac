"""Likely duplicates: what is evidence and what isn't, and blocks against all pairs."""

from __future__ import annotations

import csv
import itertools
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hotspots.registry.deduplication import candidates as module
from hotspots.registry.deduplication.candidates import THRESHOLD, Pair, likely_pairs
from hotspots.registry.deduplication.name_similarity import Names, names_of
from hotspots.registry.schema import validation


def record(id: str, name: str = "", **fields: Any) -> dict[str, Any]:
    """Return an organisation's record, or another's."""
    return {"id": id, "type": "organisation", "name": name or f"Test station {id}"} | fields


def only(a: dict[str, Any], b: dict[str, Any]) -> Pair | None:
    """Return the pair that two records make, if any."""
    pairs = likely_pairs([a, b])
    assert len(pairs) < 2
    return pairs[0] if pairs else None


def read(path: Path) -> list[dict[str, Any]]:
    """Return the records of a CSV file."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [validation.parse(row, 0)[0] for row in csv.DictReader(file)]
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


@pytest.mark.parametrize(
    ("name", "other", "told"),
    [
        ("Forestry Consulting Test S.A.S.", "FORESTRY CONSULTING TEST SAS", "same name"),
        ("T-Gas US Inc", "TGas US Inc.", "same name"),
        ("Estación de Suelos Prueba", "Estacion de suelos prueba", "same name"),
        ("Rothfield Soil Station", "Rothfeild Soil Station", "names alike"),
        ("Organization for Testable Soils", "Organisation for testable soil", "same name"),
    ],
)
def test_spellings_of_one_name(name: str, other: str, told: str) -> None:
    """Case, accents, legal forms, spaces, endings and a slip of the pen make no other name."""
    pair = only(record("a", name), record("b", other))
    assert pair is not None
    assert pair.reasons[0].startswith(told)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (record("a", "Ministry of Agriculture"), record("b", "Ministry of Agriculture")),
        (
            record("a", "Ministry of Agriculture", country="KEN"),
            record("b", "Ministry of Agriculture", country="GHA"),
        ),
        (
            record("a", "Institute of Soil Science"),
            record("b", "Institute of Soil Science, Testland Academy of Sciences"),
        ),
        (
            record("a", "INTX", country="ARG"),
            record("b", "INTX", country="KEN"),
        ),
        (
            record("a", "Twin test pilot: Bavaria", country="DEU"),
            record("b", "Twin test pilot: Saxony", country="DEU"),
        ),
        (record("a", "INTX"), record("b", "INTX")),
        (
            record("a", "Institut National de la Recherche Agronomique", country="FRA"),
            record("b", "Institut National de la Recherche Agronomique", country="MAR"),
        ),
        (
            record("a", "Kestrel Osprey Heron Valley Fields"),
            record("b", "Kestrel Osprey Heron Valley Fields 2"),
        ),
        (record("a", "Kestrel test project 1"), record("b", "Kestrel test project 2")),
        (record("a", "Zambiatest Fund"), record("b", "Gambiatest Fund")),
        (record("a", "Kestrel Test Fund"), record("b", "Kestrel Test Fund", type="project")),
    ],
)
def test_names_that_are_no_evidence(a: dict[str, Any], b: dict[str, Any]) -> None:
    """Generic words, more words, acronyms, places, numbers, first letters and types differ."""
    assert only(a, b) is None


def test_a_generic_name_tells_within_one_country() -> None:
    """There is one ministry of agriculture in a country, also where only the region tells it."""
    name = "Ministry of Agriculture"
    assert only(record("a", name, country="KEN"), record("b", name, country="KEN"))
    assert only(record("a", name, country="KEN"), record("b", name, regions=("KEN",)))


def test_names_are_compared_across_languages() -> None:
    """The French name of one is the name of the other."""
    a = record("a", "World Test Soil Club (WTSC)", name_fr="Club mondial des sols d'essai")
    pair = only(a, record("b", "Club Mondial des Sols d’Essai"))
    assert pair is not None
    assert pair.reasons == ("same name in French: Club mondial des sols d'essai",)
    assert pair.score <= 0.99
    pair = only(a, record("b", "x y", other_names=("World test soil club",)))
    assert pair is not None
    assert pair.reasons == ("same name: World Test Soil Club",)
    assert only(record("a", "Some Body (WOTSC)"), record("b", "WOTSC"))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"ror": "https://ror.org/03yrm5c26"}, "same ROR id"),
        ({"external_ids": ("test:1", "other:2")}, "same id other:2"),
        ({"wocat_id": "5"}, "same WOCAT id"),
    ],
)
def test_an_id_in_common_is_sure(fields: dict[str, Any], reason: str) -> None:
    """Whatever else differs."""
    a = record("a", country="KEN", **fields)
    b = record("b", country="FRA", **fields)
    if "external_ids" in fields:
        b["external_ids"] = ("test:3", "other:2")
    pair = only(a, b)
    assert pair is not None
    assert pair.score == 1
    assert {reason, "but in KEN and FRA"} <= set(pair.reasons)


def test_ids_that_differ_speak_against_it() -> None:
    """Two projects of one name in one registry are two; of two registries they may be one."""
    name = "Kestrel Valley Test Fields"
    assert only(
        record("a", name, external_ids=("one:1",)), record("b", name, external_ids=("two:2",))
    )
    assert not only(
        record("a", name, external_ids=("one:1",)), record("b", name, external_ids=("one:2",))
    )
    assert not only(record("a", name, ror="r1"), record("b", name, ror="r2"))


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("https://www.example.org/", "http://example.org", True),
        ("https://example.org/index.html", "https://example.org/en/", True),
        ("https://example.org/soil/en/", "https://example.org/soil/fr", True),
        ("https://example.org/soil/en/", "https://example.org/soil/panel/en/", False),
        ("https://example.org", "https://example.org/soil", False),
    ],
)
def test_web_addresses(a: str, b: str, same: bool) -> None:
    """One page under two addresses; two pages of one host are two."""
    pair = only(record("a", "Kestrel", web=a), record("b", "Osprey", web=b))
    assert (pair is not None) == same
    assert pair is None or pair.reasons == ("same web address",)


def test_a_web_address_of_many_tells_little() -> None:
    """A platform's address, or a project's that is its developer's."""
    web = "https://example.org"
    assert not likely_pairs([record(c, f"{c}estrel", web=web) for c in "abcd"])
    kinds = {"web": web, "type": "project"}
    assert not only(record("a", "Kestrel", **kinds), record("b", "Osprey", **kinds))


def test_near_points_tell_only_if_exact() -> None:
    """Names half alike: 300 m apart they are one, in one town they aren't."""

    def at(id: str, name: str, longitude: float, precision: str) -> dict[str, Any]:
        """Return a record at the equator."""
        point = {"latitude": 0.0, "longitude": longitude, "place_precision": precision}
        return record(id, name, **point)

    names = "Kestrel Hill Station", "Kestrel Hill Station for Osprey and Heron"
    pair = only(at("a", names[0], 179.9990, "exact"), at("b", names[1], -179.9983, "exact"))
    assert pair is not None
    assert pair.reasons[1] == "300 m apart"
    assert not only(at("a", names[0], 10, "locality"), at("b", names[1], 10, "locality"))
    assert not only(at("a", names[0], 10, "exact"), at("b", names[1], 10.02, "exact"))
    assert not only(at("a", "Heron", 10, "exact"), at("b", "Osprey", 10, "exact"))


@pytest.mark.parametrize("latitude", [-90, -89.99, -45, 0.0, 12.345, 60, 89.995])
def test_points_within_a_kilometre_share_a_cell(latitude: float) -> None:
    """Everywhere, also over the antimeridian and at the poles."""
    rng = random.Random(1)
    for _ in range(300):
        here = latitude, rng.choice([-180.0, 0.0, 179.999, rng.uniform(-180, 180)])
        there = (
            max(-90.0, min(90.0, here[0] + rng.uniform(-0.009, 0.009))),
            (here[1] + rng.uniform(-0.02, 0.02) + 180) % 360 - 180,
        )
        if module._km(here, there) <= module.NEAR_KM:
            assert set(module._cells(*here)) & set(module._cells(*there))


def test_a_data_doi_in_common_is_not_sure() -> None:
    """Several actions may share data; with a name half alike they're one."""
    doi = {"type": "research_action", "data_doi": "10.1234/AB"}
    assert not only(record("a", "Heron", **doi), record("b", "Osprey", **doi))
    pair = only(
        record("a", "Kestrel Hill Station", **doi),
        record(
            "b", "Kestrel Hill Station for Osprey and Heron", **doi | {"data_doi": "10.1234/ab"}
        ),
    )
    assert pair is not None


def test_likeness_by_hand() -> None:
    """Two words in common of weight 1 each, and one more on one side or on both."""
    listed = ["Kestrel Heron", "Kestrel Heron Osprey", "Kestrel Heron Condor"]
    given = [names_of(record(str(n), name)) for n, name in enumerate(listed)]
    names = Names.of(given)
    names = replace(names, weights=dict.fromkeys(names.weights, 1.0))
    short, osprey, condor = (names.prepared(one[0]) for one in given)
    assert names.likeness(short, osprey) == pytest.approx(2 / 2.5)
    assert names.likeness(osprey, condor) == 0  # 2 / (2 + 2), below the floor
    assert names.likeness(short, short) == 1


def test_a_word_counts_in_all_its_spellings() -> None:
    """Else the wrong spelling of a common word would look rare."""
    right = Names.of([names_of(record(str(n), "Kestrel")) for n in range(4)])
    wrong = Names.of([names_of(record(str(n), "Kestrel" if n else "Kesrel")) for n in range(4)])
    assert wrong.weights["kestrel"] == right.weights["kestrel"]


def test_new_records_among_old_ones() -> None:
    """By an address alone, and by a word that is spelt otherwise in either."""
    web = "https://example.org/a"
    old = [record("a", "Osprey", web=web), record("b", "Kesrel"), record("c", "Falconry")]
    new = [record("d", "Heron", web=web), record("e", "Kestrel"), record("f", "Falcnry")]
    found = likely_pairs([*old, *new], among={"d", "e", "f"})
    assert {(pair.a, pair.b) for pair in found} == {("a", "d"), ("b", "e"), ("c", "f")}
    assert likely_pairs([*old, *new], among=["a"]) == [pair for pair in found if pair.a == "a"]


def test_words() -> None:
    """Stems of words without articles; dotted letters are one word."""

    def words(name: str) -> list[str]:
        """Return the words of a record's one name."""
        ((_, _, listed, _),) = names_of(record("a", name))
        return listed

    assert words("L'Œuvre des Écoles (S.A.S.)") == ["oeuvr", "ecol", "sas"]
    assert words("The Of") == ["the", "of"]
    assert words("土壤") == ["土壤"]
    assert names_of(record("a", "—")) == []


def _random_records(seed: int, many: int) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    stock = [
        "kestrel",
        "osprey",
        "heron",
        "condor",
        "national",
        "institute",
        "soil",
        "project",
        "falcon",
        "harrier",
        "institut",
        "kestrl",
        "harier",
        "valley",
        "hill",
        "2",
        "ii",
        *(f"place{chr(97 + n)}" for n in range(26)),
    ]
    made = []
    for n in range(many):
        chosen = [" ".join(rng.sample(stock, rng.randint(1, 5))).title() for _ in range(3)]
        one = record(f"r{n}", chosen[0], type=rng.choice(["organisation", "project"]))
        if rng.random() < 0.4:
            one["name_fr"] = chosen[1]
        if rng.random() < 0.2:
            one["other_names"] = (chosen[2],)
        if rng.random() < 0.3:
            one["web"] = f"https://example.org/{rng.randint(0, 60)}"
        if rng.random() < 0.3:
            one["external_ids"] = (f"{rng.choice(['one', 'two'])}:{rng.randint(0, 80)}",)
        if rng.random() < 0.6:
            one["country"] = rng.choice(["KEN", "FRA", "BRA"])
        if rng.random() < 0.3:
            one |= {"latitude": rng.uniform(0, 0.05), "longitude": rng.uniform(0, 0.05)}
            one["place_precision"] = "exact"
        if rng.random() < 0.1:
            one["data_doi"] = f"10.1234/{rng.randint(0, 5)}"
        made.append(one)
    return made


@pytest.mark.parametrize("seed", range(6))
def test_blocks_find_what_all_pairs_give(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plain twin compares each record with each; `among` gives its part of the same pairs."""
    monkeypatch.setattr(module, "_MOST", 10_000)  # bigger blocks are gone through in part only
    records = _random_records(seed, 250)
    index = module._Index.of(records)
    plain = [index.compare(*pair) for pair in itertools.combinations(range(len(records)), 2)]
    expected = {pair for pair in plain if pair is not None}
    found = likely_pairs(records)
    assert len(expected) > 20
    assert set(found) == expected
    assert found == sorted(found, key=lambda pair: -pair.score)
    assert all(pair.score >= THRESHOLD for pair in found)
    new = {f"r{n}" for n in range(0, 250, 17)}
    assert likely_pairs(records, among=new) == [p for p in found if new & {p.a, p.b}]


def test_a_block_of_many_is_no_matter_of_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand of one name: each is compared with a few, not with each (500,000 pairs)."""
    seen = []
    compare = module._Index.compare
    monkeypatch.setattr(
        module._Index, "compare", lambda *given: seen.append(given) or compare(*given)
    )
    likely_pairs([record(f"r{n}", "Kestrel Valley Test Fields") for n in range(1000)])
    assert 1_000 < len(seen) < 30_000


def test_the_sample_has_no_duplicates(repo: Path) -> None:
    """Three bodies of one host, pilot projects of one name, two institutes called INRA."""
    assert likely_pairs(read(repo / "data/registry/records.csv")) == []
