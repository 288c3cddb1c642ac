"""The printed summary: figures with units that read well, and rows that are there."""

from __future__ import annotations

from dataclasses import replace

import pytest

import hotspots as hs
from hotspots.edition.inputs import clip
from hotspots.reports.summary import summary_lines


def said(edition: hs.Edition) -> str:
    return "\n".join(summary_lines(edition))


def test_the_world_in_pg_with_its_shares(world_edition):
    text = said(world_edition)
    figures = world_edition.summary
    assert f"{figures['stock_pg']:.2f} Pg C" in text
    assert f"{figures['potential_pg_yr']:.2f} Pg C/yr" in text
    assert f"{100 * figures['hot_share_of_ranked']:.1f} % of the" in text
    assert f"would have called {100 * figures['gi_star_alone_potential_raw']:.1f} % hot" in text
    assert text.index("gross loss") < text.index("gross gain") < text.index("net change")
    assert "not achievable" in text
    assert "no-till with high input (no manure) on cropland" in text


def test_a_small_country_in_tg():
    edition = hs.analyze(clip(hs.sample(), hs.region("RWA")))
    text = said(edition)
    assert f"{1e3 * edition.summary['potential_pg_yr']:.2f} Tg C/yr" in text
    assert " 0.00 " not in text


@pytest.mark.parametrize(("regions", "first"), [("countries", "China"), ("initiative", "Europe")])
def test_the_first_regions_are_those_asked_for(world_edition, regions, first):
    edition = world_edition if regions == "countries" else hs.analyze(hs.sample(), regions=regions)
    lines = said(edition).splitlines()
    start = lines.index("First regions by potential:")
    assert any(first in line for line in lines[start : start + 12])


def test_what_was_not_computed_is_noted_not_invented():
    data = clip(hs.sample(), hs.region("RWA")).drop_vars("cropland_share")
    text = said(hs.analyze(data))
    assert "No potential and hotspots: the data lack cropland_share." in text
    assert "Hotspots:" not in text


def test_the_potential_is_told_with_its_interval_and_its_range(world_edition):
    lines, figures = said(world_edition).splitlines(), world_edition.summary
    for label, low, high in (
        ("90 % interval", "low", "high"),
        ("range over methods", "lowest", "highest"),
    ):
        line = next(line for line in lines if label in line)
        low, high = (figures[f"potential_{end}_pg_yr"] for end in (low, high))
        assert low < figures["potential_pg_yr"] < high
        assert f"{low:.2f} to {high:.2f} Pg C/yr" in line


def test_how_much_stays_hot_is_told_with_the_hotspots(world_edition):
    lines, figures = said(world_edition).splitlines(), world_edition.summary
    place = next(i for i, line in enumerate(lines) if line.startswith("Hotspots:"))
    told = lines[place + 1]
    assert f"{100 * figures['stable_hot_share_of_ranked']:.1f} % of the ranked land stays" in told
    assert "80 % of the draws" in told
    assert f"{100 * figures['hot_stability_median']:.1f} %" in told


def test_every_method_is_counted_once(world_edition):
    line = next(line for line in said(world_edition).splitlines() if line.startswith("Methods:"))
    states = [row["status"] for row in world_edition.manifest["methods"]]
    assert f"{states.count('run')} ran" in line
    assert f"{states.count('no data')} lack data" in line
    assert sum(int(word) for word in line.split() if word.isdigit()) == len(states)


def test_without_draws_nothing_is_said_of_stability():
    recipe = hs.Recipe.from_dict({"uncertainty": {"draws": 0}})
    text = said(hs.analyze(clip(hs.sample(), hs.region("SEN")), recipe))
    assert "stays hot" not in text
    assert "interval" not in text
    assert "no draws were made" in text


def test_one_region_has_no_rank_and_isnt_listed_twice(world_edition):
    country = hs.analyze(clip(hs.sample(), hs.region("LIE")))
    text = said(country)
    assert " 1-1" not in text
    assert "First" not in text
    assert "The only unit" in text
    assert "from-to" not in text
    assert "First regions" in said(world_edition)


def test_no_tonne_of_a_small_region_reads_as_zero():
    lines = said(hs.analyze(clip(hs.sample(), hs.region("LIE")))).splitlines()
    [unit] = [line for line in lines if line.startswith("Liechtenstein, ")]
    assert "1.5" in unit
    assert not {"0", "-0", "0.0"} & set(unit.split()) - {"0.0"}


def test_without_a_hotspot_it_says_none():
    text = said(hs.analyze(clip(hs.sample(), hs.region("LIE"))))
    assert "Hotspots: none on the" in text
    assert "0.0 % of its potential" not in text


def with_depth(edition: hs.Edition, **stated: str) -> hs.Edition:
    """Return an edition whose stock states this depth only."""
    inputs = edition.manifest["inputs"]
    stock = {k: v for k, v in inputs["soc_stock"].items() if k != "depth_cm"} | stated
    return replace(edition, manifest={**edition.manifest, "inputs": {**inputs, "soc_stock": stock}})


def test_depth_and_yardstick_are_the_editions_own(world_edition):
    recipe = hs.Recipe.from_dict({"target": {"rate": 0.01}})
    text = said(replace(with_depth(world_edition, depth_cm="0-100"), recipe=recipe))
    assert "SOC stock, 0-100 cm " in text
    assert "yardstick: 1 %/yr of the same stock" in text
    assert "0-30 cm" not in text
    assert "0.4 %" not in text


def test_an_unknown_depth_isnt_said(world_edition):
    assert "  SOC stock  " in said(with_depth(world_edition))


@pytest.mark.parametrize(
    ("lang", "stock", "said_so"),
    [("fr", "2,42 Pg C", "Points chauds :"), ("es", "2,42 Pg C", "Puntos críticos:")],
)
def test_the_summary_in_french_and_spanish(lang: str, stock: str, said_so: str) -> None:
    edition = hs.analyze(clip(hs.sample(), hs.region("KEN")))
    english, text = said(edition), "\n".join(summary_lines(edition, lang))
    assert "2.42 Pg C" in english
    assert stock in text
    assert said_so in text
    assert hs.region("KEN").name(lang) in text
    # As many lines, and none of them in English but for what the manifest says in English.
    notes = edition.manifest["notes"] + edition.manifest["licence_notices"]
    assert len(text.splitlines()) == len(english.splitlines())
    own = [
        line
        for line in english.splitlines()
        if len(line) > 40 and not any(n in line for n in notes)
    ]
    assert not [line for line in own if line in text.splitlines()]
