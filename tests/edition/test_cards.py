"""Method cards: complete, made from the code, and written as the code would write them now."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotspots as hs
from hotspots.analysis.ipcc.factor_tables import STATUSES, status_counts, status_kind, table
from hotspots.edition.codebook import column_unit
from hotspots.edition.methods import METHODS, cards
from hotspots.edition.methods.cards import (
    card,
    card_ids,
    entries,
    index,
    relinked,
    value_of,
    write_cards,
)
from hotspots.edition.recipe_choices import choices_of
from hotspots.errors import BadInputError
from hotspots.layers.variables import HOT_CLASSES, HOTSPOT_CLASSES

REPO = Path(__file__).resolve().parents[2]
FOLDER = REPO / "docs" / "methods"
TOLD = tomllib.loads((REPO / "hotspots/edition/methods/cards.toml").read_text(encoding="utf-8"))
HEADINGS = [
    "What it answers",
    "Formula",
    "Inputs",
    "Outputs",
    "Parameters",
    "Assumptions",
    "Status of each number",
    "Limits",
    "References",
    "Code",
]
WORDS = {"title", "answers", "formula", "assumptions", "status", "limits", "references"}
MORE = {"where", "optional", "also_needs", "constants", "context", "columns"}
OF_NO_METHOD = {"kind", "needs", "gives", "functions", "tables", "sections"}
OTHERS = {
    "masks",
    "hotspots",
    "clusters",
    "zonal",
    "land_use",
    "horizons",
    "uncertainty",
    "sensitivity",
    "validation",
}


def part(markdown: str, heading: str) -> str:
    """Return what stands under a heading."""
    return markdown.partition(f"\n## {heading}\n\n")[2].partition("\n\n## ")[0]


def test_every_method_has_a_card_and_every_other_number_too() -> None:
    assert card_ids() == [m.id for m in METHODS] + [i for i in TOLD if i in OTHERS]
    assert set(card_ids()) == {m.id for m in METHODS} | OTHERS


@pytest.mark.parametrize("card_id", card_ids())
def test_cards_have_all_fields(card_id: str) -> None:
    words, entry = TOLD[card_id], entries()[card_id]
    allowed = WORDS | MORE | (OF_NO_METHOD if card_id in OTHERS else set())
    assert words.keys() >= WORDS
    assert words.keys() <= allowed
    assert entry.kind in cards.KINDS
    text = card(card_id)
    headings = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert [h for h in headings if h != "Result"] == HEADINGS
    for heading in HEADINGS:
        assert part(text, heading).strip(), heading
    assert not re.search(r"\n{3}|[ \t]\n", text)


@pytest.mark.parametrize("card_id", card_ids())
def test_inputs_and_outputs_come_with_their_units(card_id: str) -> None:
    entry, text = entries()[card_id], card(card_id)
    for name in (*entry.needs, *TOLD[card_id].get("optional", ())):
        assert f"`{name.split('|')[0]}`" in part(text, "Inputs")
    for name in entry.gives:
        row = next(r for r in part(text, "Outputs").splitlines() if r.startswith(f"| `{name}` |"))
        assert re.search(r"\| (`.+`|class) \| .+ \|$", row)
    for name in TOLD[card_id].get("columns", ()):
        assert column_unit(name.replace("<years>", "20"))[1], name
        assert f"`{name}` (column)" in text


@pytest.mark.parametrize("card_id", card_ids())
def test_functions_and_constants_exist(card_id: str) -> None:
    for name in entries()[card_id].functions:
        assert callable(value_of(name))
        assert (REPO / cards.source_of(name)).is_file()
    for row in TOLD[card_id].get("constants", ()):
        value_of(row["at"])
        assert set(row) == {"at", "unit", "about", "status"}
        assert row["status"] in STATUSES


def test_every_section_of_the_recipe_is_on_a_card_with_its_defaults() -> None:
    recipe = hs.Recipe()
    shown = {key: part(card(key), "Parameters") for key in card_ids()}
    for section in hs.Recipe.model_fields:
        for key, choice in choices_of(type(getattr(recipe, section))).items():
            told = next(text for text in shown.values() if f"`{section}.{key}`" in text)
            row = next(r for r in told.splitlines() if f"`{section}.{key}`" in r)
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
            assert cells[4].replace("\\|", "|") == choice.about
            value = choice.default
            if isinstance(value, float):
                assert float(cells[1].strip("`")) == pytest.approx(value, rel=1e-3)
            elif isinstance(value, str):
                assert cells[1] == f"`{value}`"


def test_what_a_card_reads_of_the_recipe_exists() -> None:
    there = {
        name
        for section in hs.Recipe.model_fields
        for key in choices_of(type(getattr(hs.Recipe(), section)))
        for name in (section, f"{section}.{key}")
    }
    for card_id, entry in entries().items():
        assert set(entry.sections) <= there, card_id


def test_every_factor_table_is_on_a_card_or_told_as_context() -> None:
    there = {p.stem for p in (REPO / "hotspots/analysis/tables").glob("*.csv")}
    used = {name for entry in entries().values() for name in entry.tables}
    context = {name for words in TOLD.values() for name in words.get("context", ())}
    assert used | context == there
    assert not used & context


@pytest.mark.parametrize("card_id", card_ids())
def test_status_of_each_number(card_id: str) -> None:
    """Counts of every table; rows from memory and conventions are named one by one."""
    told = part(card(card_id), "Status of each number")
    for name in (*entries()[card_id].tables, *TOLD[card_id].get("context", ())):
        own = told.partition(f"[`{name}.csv`]")[2].partition(".csv`]")[0]
        for status, count in status_counts(name).items():
            assert f"{count} {status}" in own.partition("\n")[0]
        doubtful = [r for r in table(name) if status_kind(r["status"]) in cards.DOUBTFUL]
        block = own.partition("\n\n")[2].partition("\n\n")[0] if doubtful else ""
        assert block.count("\n|") == (len(doubtful) + 1 if doubtful else 0)
    for row in TOLD[card_id].get("constants", ()):
        assert f"| {row['about']} | {row['status']} |" in told


def test_conventions_among_the_parameters_are_named() -> None:
    told = part(card("loss_erosion"), "Status of each number")
    assert "Parameters that are from memory: `loss.enrichment`, `loss.eroded_share_lost`." in told
    told = part(card("sensitivity"), "Status of each number")
    assert "`loss.relative_sd`" in told.partition("Parameters that are conventions")[2]
    assert "`loss.drained_land_use`" not in told


def test_constants_are_read_from_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "| `MOST_SAND_PERCENT` | `90` | `%` |" in card("masks")
    monkeypatch.setattr(
        import_module("hotspots.analysis.hotspots.eligibility"), "MOST_SAND_PERCENT", 77.0
    )
    assert "| `MOST_SAND_PERCENT` | `77` | `%` |" in card("masks")
    assert value_of("analysis.loss.ldn_response:ResponseThresholds.deficit") == 10.0


def test_written_cards_are_up_to_date(tmp_path: Path) -> None:
    (tmp_path / "methods").mkdir()
    written = {
        p.relative_to(tmp_path): p.read_text("utf-8") for p in write_cards(tmp_path / "methods")
    }
    there = {
        p.relative_to(REPO / "docs"): p.read_text("utf-8")
        for p in [*FOLDER.iterdir(), REPO / "docs/methods.md"]
    }
    assert set(there) == set(written)
    stale = [str(name) for name, text in written.items() if there[name] != text]
    assert stale == [], "run: python docs/figures.py"


def test_index_lists_all() -> None:
    assert re.findall(r"\(methods/(\w+)\.md\)", index()) == [
        key for kind in cards.KINDS for key, entry in entries().items() if entry.kind == kind
    ]


@pytest.mark.parametrize(("given", "near"), [("hotspot", "hotspots"), ("tier1", "ipcc_tier1")])
def test_unknown_card_is_told_with_near_matches(given: str, near: str) -> None:
    with pytest.raises(BadInputError, match=rf"no method card '{given}'; did you mean .*{near}"):
        card(given)


def test_links_lead_to_where_the_cards_are() -> None:
    given = "[a](ipcc_tier1.md), [b](../methods.md), [c](../../x.py), [d](https://e.org), G\\*"
    web = "[a](/m/ipcc_tier1), [b](/m), c, [d](https://e.org), G\\*"
    assert relinked(given, "/m") == web
    assert relinked(given) == "a, b, c, d, G*"
    assert relinked("[t](methods/ipcc_tier1.md)", "/m") == "[t](/m/ipcc_tier1)"


def test_validation_has_bias_and_rmse_by_climate_zone() -> None:
    result = part(card("validation"), "Result")
    assert "| Bias | RMSE |" in result
    for zone in ("cool temperate dry", "tropical moist", "warm temperate moist"):
        assert re.search(
            rf"^\| Pairs, loss against the deficit \| {zone} \| \d+ \| \d",
            result,
            flags=re.MULTILINE,
        )


def test_stored_validation_is_what_the_sites_give(shared: Path) -> None:
    pytest.importorskip("openpyxl")
    from test_docs import loaded

    given = loaded().evidence()
    stored = (REPO / "hotspots/edition/methods/validation_table.md").read_text("utf-8")
    assert given is None or stored == f"{given}\n", "run: python docs/figures.py"


def test_what_the_card_says_of_stability_holds(world_edition: Any) -> None:
    """On the sample no cell stays hot, the error is half the stock or more, and no sd gates it."""
    rasters = world_edition.rasters
    hot = [code for code, name in HOTSPOT_CLASSES.items() if name in HOT_CLASSES]
    assert np.isin(rasters["hotspot_class"].values, hot).sum() > 1000
    assert not np.isin(rasters["hotspot_class_stable"].values, hot).any()
    sample = hs.sample()
    share = sample["soc_stock_error"] / sample["soc_stock"].where(sample["soc_stock"] > 0)
    assert float(share.median()) > 0.5
    assert not {"soc_stock_sd", "soc_stock_lower", "soc_stock_upper"} & set(sample.data_vars)
    said = card("hotspots")
    assert "no cell of the sample stays hot" in said
    written = re.search(r"^    \[hotspots\]\n    (stability_over = .+)$", said, re.MULTILINE)
    assert written
    assert hs.Recipe.from_toml(f"[hotspots]\n{written[1]}").hotspots.stability_over == "all"


def test_what_the_cards_say_of_the_sample_holds(world_edition: Any) -> None:
    """A card says that a method doesn't run on the sample where, and only where, it doesn't."""
    ran = {row["id"] for row in world_edition.manifest["methods"] if row["status"] == "run"}
    for method in METHODS:
        if method.kind != "input":
            said = "Doesn't run on the sample" in part(card(method.id), "Limits")
            assert said == (method.id not in ran), method.id
