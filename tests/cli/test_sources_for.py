"""`hotspots sources for REGION`: sources with size, licence, what they make possible, command."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

import hotspots as hs
from hotspots.edition.methods import METHODS
from hotspots.edition.possible_methods import enabled
from hotspots.edition.recipe import Recipe
from hotspots.edition.region_sources import burden, offers
from hotspots.ingest.layer_requests import requested_layers
from hotspots.ingest.sources.catalogue import sources
from hotspots.locale import LANGUAGES, text

Run = Callable[..., tuple[int, str, str]]


def test_every_command_shown_is_a_request_that_ingest_takes() -> None:
    for offer in offers(hs.region("KEN"), "1km"):
        for download in offer.downloads:
            words = shlex.split(download.command)
            assert words[:2] == ["hotspots", "ingest"]
            assert words[-4:] == ["--resolution", "1km", "--store", "DIR"]
            years = [words[i + 1] for i, word in enumerate(words) if word == "--year"]
            requests = requested_layers([words[2]], years)
            assert download.layers == tuple(dict.fromkeys(r.key for r in requests))


def test_the_most_open_licences_come_first_and_what_helps_no_method_last() -> None:
    found = offers(hs.region("SEN"))
    burdens = [burden(offer.source) for offer in found if offer.methods]
    assert burdens == sorted(burdens)
    assert burdens[0] == 0
    assert burdens[-1] == 2  # GSOCmap: no commercial use, share alike
    helpful = [bool(offer.methods) for offer in found]
    assert helpful == sorted(helpful, reverse=True)


def test_what_layers_make_possible() -> None:
    def ids(*layers: str) -> set[str]:
        return {method.id for method in enabled(layers)}

    assert ids() == set()
    stock = ids("soc_stock")
    assert {"ipcc_tier1", "attainable"} <= stock
    # A profile gives the stock, and with texture the saturation deficit.
    profile = ids("soc", "bulk_density", "coarse_fragments", "clay", "silt")
    assert stock | {"soc_stock", "saturation"} <= profile
    assert "saturation" not in ids("soc", "bulk_density", "coarse_fragments")
    # One date of land cover is no change.
    assert "sdg_soc" not in ids("land_cover")
    assert "sdg_soc" in ids("land_cover_2000", "land_cover_2015")
    assert "soc_trend" not in ids("soc_stock", "soc_stock_1990", "soc_stock_2000")
    assert "soc_trend" in ids(*(f"soc_stock_{year}" for year in (1990, 2000, 2010, 2020)))
    # Climate that the packaged sample would lend is the source's own merit.
    climate = ("mean_annual_temperature", "annual_precipitation", "annual_pet")
    assert {"climate_zone", "ipcc_tier1"} <= ids(*climate)


def test_only_comparable_years_make_a_series() -> None:
    rows = {offer.source.name: offer for offer in offers(hs.region("SEN"))}
    # Its two years come from two algorithms.
    assert "sdg_soc" not in rows["worldcover"].methods
    assert "sdg_soc" in rows["esa-cci"].methods
    series = rows["esa-cci"].downloads[-1]
    assert series.layers == ("land_cover_1992", "land_cover_2022")
    assert series.command.startswith(
        "hotspots ingest esa-cci/land_cover --year 1992 --year 2022 --region SEN"
    )


AFRICA = """
name = "africa"
title = "A map of Africa"
publisher = "P"
about = "A."
url = "https://e.invalid"
citation = "C"
licence = "cc-by-4.0"
sure = "verified"
extent = [-20, -36, 55, 38]

[[access]]
name = "30s"
kind = "window"
address = "https://e.invalid/a.tif"
cell = 0.008333333333333333

[[products]]
name = "soc_stock"
unit = "t ha-1"
depth = "0-20"
dtype = "uint8"
"""


def test_a_source_of_one_continent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "africa.toml").write_text(AFRICA)
    monkeypatch.setenv("HOTSPOTS_SOURCES", str(tmp_path))
    assert "africa" in sources()
    inside = {offer.source.name: offer for offer in offers(hs.region("SEN"))}
    assert inside["africa"].covers == pytest.approx(1, abs=1e-6)
    assert "africa" not in {offer.source.name for offer in offers(hs.region("FJI"))}
    spain = {offer.source.name: offer for offer in offers(hs.region("ESP"))}
    assert 0.05 < spain["africa"].covers < 0.4


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_answer_in_three_languages(lang: str, run: Run) -> None:
    code, out, _ = run("sources", "for", "Fiji", "--lang", lang)
    assert code == 0
    shown = " ".join(out.split())
    assert hs.region("FJI").name(lang) in shown
    assert text("terms.share_alike", lang) in shown
    assert text("method_name.saturation", lang) in shown
    assert "HOTSPOTS_CDS_TOKEN" in shown
    assert "hotspots ingest gsocmap --region FJI --store DIR" in shown


def test_a_token_that_is_set_is_said(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setenv("HOTSPOTS_CDS_TOKEN", "not-a-real-one")
    code, out, _ = run("sources", "for", "KEN", "--json")
    assert code == 0
    rows = {row["source"]: row for row in json.loads(out)}
    assert rows["esa-cci"]["downloads"][0]["token_set"] is True
    assert "not-a-real-one" not in json.dumps(rows)
    soil = rows["soilgrids"]["downloads"][0]
    assert soil["layers"] == ["soc_stock"]
    assert soil["depths_cm"] == ["0-30"]
    assert 1e5 < soil["bytes_at_most"] < 1e8
    assert {"licence", "citation", "covers"} <= set(rows["soilgrids"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("Nowhereland",), "Nowhereland"),
        (("KEN", "--lang", "de"), "The language 'de' is not supported"),
        (("KEN", "--resolution", "tiny"), "'tiny' isn't a cell size"),
    ],
)
def test_refusals(words: tuple[str, ...], said: str, run: Run) -> None:
    code, out, err = run("sources", "for", *words)
    assert code == 2
    assert said in err
    assert len(err.splitlines()) == 1
    assert not out


def test_each_method_has_a_name_in_three_languages() -> None:
    for lang in LANGUAGES:
        assert len({text(f"method_name.{m.id}", lang) for m in METHODS}) == len(METHODS)


def test_the_needs_of_series_are_those_of_the_methods() -> None:
    """What `enabled` says of names, a run says of data: too few dates are no series."""
    for method in METHODS:
        if method.series:
            of, dates = method.series
            layers = {*method.needs(Recipe()), "climate_zone", "cropland_share", "soc_stock"} - {of}
            some = {f"{of}_{2000 + n}" for n in range(dates - 1)}
            assert method not in enabled(layers | some)
            assert method in enabled(layers | some | {f"{of}_2030"})
