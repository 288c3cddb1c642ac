"""Own layers without a stated source are told of once, and the program's own masks never."""

from __future__ import annotations

from typing import Any

import hotspots as hs
from hotspots.edition.manifest import licences_text
from hotspots.maps.panel import sources
from hotspots.store.licences import notices

OWN = {"citation": "not stated", "licence": "not stated"}


def edition(inputs: dict[str, Any], edition: hs.Edition) -> hs.Edition:
    rows = {name: {"sha256": "0"} | row for name, row in inputs.items()}
    manifest = {**edition.manifest, "inputs": rows, "licence_notices": []}
    return hs.Edition(**{**vars(edition), "manifest": manifest})  # type: ignore[arg-type]


def test_layers_without_a_source_stand_together(world_edition: hs.Edition) -> None:
    own = {f"soc_stock_{year}": OWN for year in range(1980, 2014)}
    made = edition(own | {"region_share": {}, "valid_share": {}}, world_edition)
    said = licences_text(made.manifest)
    assert said.count("citation: not stated") == 1
    assert "_share" not in said
    assert said.count("soc_stock_1980, soc_stock_1981, ") == 1
    for lang, words in (("en", "source not stated"), ("fr", "source non indiquée")):
        rows = sources(made, lang)
        assert [row.citation for row in rows].count(words) == 1
        assert not [row for row in rows if "region" in row.labels and "share" in row.labels]
        assert "" not in [row.citation for row in rows]


def test_one_notice_lists_the_layers_of_one_text() -> None:
    [said] = notices(dict.fromkeys(["clay", "sand", "silt"], "") | {"soc": "ours"})
    assert said == (
        "No licence that is known here was recognised for clay, sand, silt (none given), soc"
        " (ours): read what it asks."
    )
