"""The documentation says what the code does: figures, commands, names, links and files."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from test_layers import FOLDERS

import hotspots as hs
from hotspots.cli import app

REPO = Path(__file__).resolve().parents[1]
PAGES = sorted(
    p for p in [*REPO.glob("*.md"), *REPO.glob("docs/**/*.md"), *REPO.glob("data/**/*.md")]
)
README = (REPO / "README.md").read_text(encoding="utf-8")

_LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?P<target>[^)\s]+)\)")
_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<code>.*?)^```$", flags=re.DOTALL | re.MULTILINE)
_REPO_PATH = re.compile(r"`((?:hotspots|docs|data|tests|benchmarks|notebooks)/[\w./-]*)`")


@pytest.fixture
def figures(world_edition: Any, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return docs/figures.py as a module, with the world's edition that the tests share."""
    module = loaded()
    monkeypatch.setattr(module, "world", lambda: world_edition)
    return module


@cache
def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_figures", REPO / "docs" / "figures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name", ["figures", "definition", "errors", "sources", "settings", "service", "limits"]
)
def test_generated_blocks_are_what_the_code_gives(name: str, figures: ModuleType) -> None:
    file, text_of = figures.BLOCKS[name]
    found = figures.block_pattern(name).search((REPO / file).read_text(encoding="utf-8"))
    assert found, f"{file} has no block '{name}'"
    assert found["text"].rstrip("\n") == text_of(), "run: python docs/figures.py"


def test_the_figures_are_those_of_the_summary(figures: ModuleType, world_edition: Any) -> None:
    """The block against the edition's own numbers, not against the printer that made it."""
    block = figures.block_pattern("figures").search(README)["text"]
    summary = world_edition.summary
    for label, key, scale in [
        ("SOC stock, 0-30 cm", "stock_pg", 1),
        ("Modelled historical deficit (not achievable)", "deficit_pg", 1),
        ("potential", "potential_pg_yr", 1),
        ("Modelled net change", "net_change_pg_yr", 1),
        ("Modelled gross loss (not measured)", "gross_loss_pg_yr", 1),
    ]:
        shown = re.search(rf"^ +{re.escape(label)} +(-?[\d.,]+) ", block, flags=re.MULTILINE)
        assert shown, label
        digits = len(shown[1].rpartition(".")[2])
        value = float(shown[1].replace(",", ""))
        assert value == pytest.approx(summary[key] * scale, abs=0.51 * 10**-digits)
    shown = re.search(r"Hotspots: ([\d.]+) % of", block)
    assert shown
    assert float(shown[1]) == pytest.approx(100 * summary["hot_share_of_ranked"], abs=0.051)


def test_cards_are_written_whole_by_the_same_command(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    figures: ModuleType,
) -> None:
    """Blocks and table stay as they are where nothing can be computed; the cards are written."""
    monkeypatch.setattr(figures, "BLOCKS", {})
    monkeypatch.setattr(figures, "evidence", lambda: None)
    monkeypatch.setattr(figures, "REPO", tmp_path)
    monkeypatch.setattr(figures, "CARDS", tmp_path / "methods")
    monkeypatch.setattr(figures, "SOURCES", tmp_path / "docs" / "sources.md")
    (tmp_path / "methods").mkdir()
    figures.main()
    assert "validation: left as it is" in capsys.readouterr().out
    assert (tmp_path / "methods" / "validation.md").read_text("utf-8").count("| Pairs, ") > 5
    assert (tmp_path / "methods.md").is_file()
    assert (tmp_path / "docs" / "sources.md").read_text("utf-8").count("\n## ") >= 14


@pytest.mark.slow
def test_coasts_are_what_the_benchmark_gives(shared: Path, figures: ModuleType) -> None:
    file, text_of = figures.BLOCKS["coasts"]
    found = figures.block_pattern("coasts").search((REPO / file).read_text(encoding="utf-8"))
    assert found["text"].rstrip("\n") == text_of(), "run: python docs/figures.py"


def commands() -> list[str]:
    """Return the `hotspots …` command lines of all pages' code blocks."""
    found = []
    for page in PAGES:
        for block in _FENCE.finditer(page.read_text(encoding="utf-8")):
            lines = block["code"].splitlines() if block["language"] in ("sh", "") else []
            found += [line for line in lines if line.startswith("hotspots ")]
    return found


def parsed(line: str) -> str:
    """Parse a command line without running it; return the command's own name."""
    command: Any = typer.main.get_command(app)
    words = shlex.split(line)[1:]
    while hasattr(command, "commands") and (words or not command.invoke_without_command):
        command = command.commands[words.pop(0)]
    command.make_context(command.name, words)
    return str(command.name)


def test_readme_shows_the_main_commands() -> None:
    shown = {parsed(line) for line in commands()}
    assert {
        "demo",
        "analyze",
        "map",
        "serve",
        "editions",
        "show",
        "check",
        "diff",
        "methods",
    } <= shown


@pytest.mark.parametrize("line", sorted(set(commands())))
def test_commands_exist_with_their_options(line: str) -> None:
    assert parsed(line) in line


def test_wrong_commands_are_seen() -> None:
    with pytest.raises(KeyError, match="analyse"):
        parsed("hotspots analyse --data sample --out x")
    with pytest.raises(Exception, match="No such option: --plot"):
        parsed("hotspots analyze --plot x --out y")


def test_readme_regions_are_known() -> None:
    for words in re.findall(r"--region ('[^']+'|\"[^\"]+\"|\S+)", README):
        assert hs.region(words.strip("'\"")).id
    for name in ("Côte d'Ivoire", "south-america", "KE"):
        assert name in README
        assert hs.region(name).id


def test_readme_recipe_is_valid() -> None:
    written = re.search(r"printf '([^']+)' > cautious.toml", README)
    assert written
    recipe = hs.Recipe.from_toml(written[1].replace("\\n", "\n"))
    assert recipe.potential.adoption == 0.3


def test_make_targets_exist_and_ci_runs_the_test_command() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPO / "Makefile").read_text(), flags=re.MULTILINE))
    named = {t for page in PAGES for t in re.findall(r"`?make ([a-z-]+)`", page.read_text())}
    named |= set(re.findall(r"^make ([a-z-]+)", README, flags=re.MULTILINE))
    assert {"demo", "test", "serve"} <= named <= targets
    assert re.search(r"^make test$", (REPO / ".ci" / "run").read_text(), flags=re.MULTILINE)
    assert re.search(r"```sh\nmake test\n```\n\nThe test command", README)


def test_python_names_exist() -> None:
    for page in PAGES:
        for block in _FENCE.finditer(page.read_text(encoding="utf-8")):
            if block["language"] != "python":
                continue
            compile(block["code"], str(page), "exec")
            for name in re.findall(r"\bhs\.(\w+)", block["code"]):
                assert hasattr(hs, name), (page.name, name)


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as they are made on the web."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def links(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return [found["target"] for found in _LINK.finditer(text)]


@pytest.mark.parametrize(
    "page", [*PAGES, *REPO.glob("notebooks/*.ipynb")], ids=lambda p: str(p.relative_to(REPO))
)
def test_relative_links_resolve(page: Path) -> None:
    for target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{page.name} links to {target}, which isn't there"
        assert not anchor or anchor in anchors(path.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(REPO)))
def test_files_named_exist(page: Path) -> None:
    for name in _REPO_PATH.findall(page.read_text(encoding="utf-8")):
        # Filled at the build, not in a fresh clone.
        if not name.startswith("hotspots/vendor"):
            assert (REPO / name).exists(), f"{page.name} names {name}, which isn't there"


def test_architecture_lists_every_part() -> None:
    """Each folder and module of the package's root is in the picture, in the order of imports."""
    text = (REPO / "docs" / "architecture.md").read_text(encoding="utf-8")
    picture = re.search(r"```text\nhotspots/\n(.*?)```", text, flags=re.DOTALL)
    assert picture
    home = REPO / "hotspots"
    there = {p.name for p in home.glob("*.py")} - {"__main__.py"}
    there |= {f"{p.name}/" for p in home.iterdir() if p.is_dir() and p.name[0] not in "_."}
    shown = re.findall(r"^  ([a-z_]+(?:\.py|/))", picture[1], flags=re.MULTILINE)
    assert set(shown) == there | {"vendor/"}
    order = [name.removesuffix(".py").removesuffix("/") for name in shown]
    assert [name for name in order if name in FOLDERS] == [n for n in FOLDERS if n in order]


def test_architecture_names_files_that_exist() -> None:
    """Paths in backticks are of the package or of the repository."""
    text = (REPO / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = {n for n in re.findall(r"`([a-z_0-9./-]+)`", text) if "/" in n and "." in n}
    folders = (REPO, REPO / "hotspots", REPO / "hotspots" / "registry")
    assert [n for n in sorted(named) if not any((f / n).exists() for f in folders)] == []


def test_layout_of_an_edition(tmp_path: Path) -> None:
    """The README's table of files against a saved edition of a small region."""
    from hotspots.edition.inputs import clip

    kenya = hs.analyze(clip(hs.sample(), hs.region("KEN")))
    folder = kenya.save(tmp_path / "kenya", beside={"map.html": ""})
    section = README.partition("## An edition's folder")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    told = {name.rstrip("/") for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert told == {p.name for p in folder.iterdir()}
