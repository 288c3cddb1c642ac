"""The printed summary: figures with units that read well, and rows that are there."""

from __future__ import annotations

import pytest

import hotspots as hs
from hotspots.loading import clip
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
