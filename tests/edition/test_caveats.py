"""Caveats are shown with the numbers that they apply to, and with no others; so are ranks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import hotspots as hs
from hotspots.edition.caveats import CAVEATS, Scope, caveats_of, caveats_of_region
from hotspots.edition.inputs import clip
from hotspots.locale import LANGUAGES, catalogue

BOREAL, TROPICAL = "boreal_moist", "tropical_wet"
HOT = {"hotspot_class_build_area_ha": 10.0, "hotspot_class_stable_build_area_ha": 1.0}


def scope(
    row: dict[str, float] | None = None, *zones: str, management: str = "no_tillage"
) -> Scope:
    return Scope(row or {}, frozenset(zones), management)


@pytest.fixture(scope="module")
def rwanda() -> hs.Edition:
    return hs.analyze(clip(hs.sample(), hs.region("RWA")))


@pytest.mark.parametrize(
    ("layers", "inputs", "given", "held", "missing"),
    [
        (["modelled_change"], [], scope(), "not_in_it", "loss_at_risk"),
        (["modelled_change", "loss_total"], [], scope(), "loss_at_risk", "not_in_it"),
        (["hotspot_class"], [], scope(HOT), "stability_untested", "stability"),
        (
            ["hotspot_class", "hotspot_class_stable"],
            [],
            scope(HOT),
            "stability",
            "stability_untested",
        ),
        (
            ["hotspot_class"],
            ["permafrost_share"],
            scope(HOT, BOREAL),
            "stability_untested",
            "permafrost",
        ),
        (["hotspot_class"], [], scope(HOT, BOREAL), "permafrost", "sdg"),
        (["hotspot_class"], [], scope(HOT, TROPICAL), "stability_untested", "permafrost"),
        (["potential_ipcc_tier1"], [], scope({}, TROPICAL), "oil_palm", "permafrost"),
        (["potential_ipcc_tier1"], [], scope({}, BOREAL), "crops", "oil_palm"),
    ],
)
def test_a_caveat_stands_where_it_holds(
    layers: list[str], inputs: list[str], given: Scope, held: str, missing: str
) -> None:
    told = caveats_of(layers, inputs, given)
    assert held in told
    assert missing not in told


@pytest.mark.parametrize(
    ("layer", "caveat", "without"),
    [
        ("potential_ipcc_tier1", "mineral", {"hotspot_class_organic_area_ha": 0.0}),
        ("potential_ipcc_tier1", "crops", {"potential_ipcc_tier1_valid_area_ha": 0.0}),
        ("potential_ipcc_tier1", "no_till", {"potential_ipcc_tier1_valid_area_ha": 0.0}),
        ("modelled_change", "gross", {"modelled_change_total": np.nan}),
        ("deficit_historic", "deficit", {"deficit_historic_total": np.nan}),
        ("potential_median", "methods", {"potential_median_total": np.nan}),
        ("hotspot_class", "stability_untested", {"hot_managed_ha": 0.0}),
    ],
)
def test_a_caveat_needs_the_land_it_is_about(
    layer: str, caveat: str, without: dict[str, float]
) -> None:
    assert caveat in caveats_of([layer], [], scope(dict.fromkeys(without, 1.0)))
    assert caveat not in caveats_of([layer], [], scope(without))


def test_hotspots_that_stay_hot_need_no_caveat() -> None:
    stable = HOT | {"hotspot_class_stable_build_area_ha": 9.0}
    assert "stability" in caveats_of(["hotspot_class_stable"], [], scope(HOT))
    assert "stability" not in caveats_of(["hotspot_class_stable"], [], scope(stable))


def test_no_till_is_of_a_scenario_of_no_till() -> None:
    ploughed = scope({}, TROPICAL, management="reduced_tillage")
    assert not {"no_till", "oil_palm"} & set(caveats_of(["potential_ipcc_tier1"], [], ploughed))


def test_every_caveat_has_its_words() -> None:
    for lang in LANGUAGES:
        words = {key.removeprefix("caveat.") for key in catalogue(lang) if "caveat." in key}
        assert words == set(CAVEATS)


def test_a_tropical_edition_has_no_boreal_caveat(
    rwanda: hs.Edition, world_edition: hs.Edition
) -> None:
    assert not {"permafrost", "mineral"} & set(rwanda.manifest["caveats"])
    assert {"permafrost", "oil_palm", "mineral"} <= set(world_edition.manifest["caveats"])


@pytest.mark.parametrize(
    ("region", "held", "missing"),
    [
        ("RUS", "permafrost", "oil_palm"),
        ("IDN", "oil_palm", "permafrost"),
        ("south-east-asia", "oil_palm", "permafrost"),
        ("SAU", "crops", "oil_palm"),
    ],
)
def test_a_region_of_the_world_has_its_own_caveats(
    world_edition: hs.Edition, region: str, held: str, missing: str
) -> None:
    told = caveats_of_region(world_edition, region)
    assert held in told
    assert missing not in told


def test_the_whole_has_all_caveats_of_the_edition(world_edition: hs.Edition) -> None:
    assert set(caveats_of_region(world_edition, "world")) == set(world_edition.manifest["caveats"])


# ---------------------------------------------------------------------------------------- ranks


def alone(edition: hs.Edition) -> Iterator[str]:
    """Yield the ids of the rows that are alone in their set with a potential."""
    total = edition.table[f"{edition.recipe.methods.ranking_potential}_total"]
    for _, rows in total[total.notna()].groupby(edition.table["set"]):
        yield from rows.index if len(rows) == 1 else []


@pytest.mark.parametrize("name", ["rwanda", "world_edition"])
def test_a_set_of_one_has_no_rank(name: str, request: pytest.FixtureRequest) -> None:
    edition = request.getfixturevalue(name)
    single = list(alone(edition))
    assert single
    ranks = edition.table.loc[single, ["rank", "rank_low", "rank_high", "top_k_share"]]
    assert ranks.isna().all(axis=None)
    assert (edition.table.loc[single, "stable_top_k"] == 0).all()
    others = edition.table.drop(index=single)
    counts = others.groupby("set")["rank"].count()
    assert (counts[counts > 0] > 1).all()


def test_one_unit_has_no_rank() -> None:
    edition = hs.analyze(clip(hs.sample(), hs.region("LIE")))
    assert len(edition.units) == 1
    assert edition.units["rank"].isna().all()
