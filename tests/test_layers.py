"""The architecture's promises on imports: from later folders to earlier ones, no cycles, light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

# The folders of the package in their order: a folder imports only from those before it, wherever
# in a module's text the import stands.
FOLDERS = (
    "errors",
    "config",
    "locale",
    "layers",
    "io",
    "geo",
    "analysis",
    "store",
    "ingest",
    "registry",
    "edition",
    "maps",
    "reports",
    "api",
    "cli",
    "__main__",
)
# The same within the folders that hold others, for what lies in one of them.
INNER = {
    "analysis": ("zonal", "hotspots", "gaps", "ipcc", "uncertainty", "rothc", "potential", "loss"),
    "ingest": ("sources", "regrid", "quality", "access", "user_files"),
    "registry": (
        "schema",
        "database",
        "gazetteer",
        "formats",
        "adapters",
        "deduplication",
        "imports",
        "governance",
    ),
    "edition": ("methods", "tables"),
}
# Up to where the face (`hotspots/__init__.py`) hands names on: it loads them when they are used.
FACE = "maps"
# What a reader sees first: nothing else lies at the root of the package.
ROOT = {"__init__.py", "__main__.py", "errors.py", "config.py", "py.typed"}

HEAVY = {
    "esda",
    "exactextract",
    "fastapi",
    "folium",
    "libpysal",
    "mapclassify",
    "matplotlib",
    "numba",
    "pydantic",
    "python_calamine",
    "sklearn",
}
NOT_FOR_HELP = HEAVY | {
    "alembic",
    "dask",
    "geopandas",
    "networkx",
    "openpyxl",
    "pandas",
    "pyarrow",
    "rasterio",
    "rioxarray",
    "scipy",
    "sqlalchemy",
    "xarray",
}


def imports(tree: ast.AST, module: str, is_package: bool) -> set[str]:
    """Return all modules (dotted), or attributes of modules, that `module` imports anywhere."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


def violations(module: str, imported: set[str]) -> list[str]:
    """Return which of the imports go to a later folder."""
    own = module.split(".")[1:]
    if not own:  # hotspots/__init__.py is the face of everything
        return []
    return [f"{module} imports {n}" for n in sorted(imported) if _is_later(own, n.split("."))]


def _is_later(own: list[str], name: list[str]) -> bool:
    if name[0] != "hotspots" or name == ["hotspots", "__version__"]:
        return False
    folder, *inside = name[1:] or [""]
    if folder not in FOLDERS:  # the face, or a function of it
        folder = FACE
    if folder != own[0]:
        return FOLDERS.index(folder) > FOLDERS.index(own[0])
    order = INNER.get(folder, ())
    at = [order.index(names[0]) for names in (own[1:], inside) if names and names[0] in order]
    return len(at) == 2 and at[1] > at[0]


def modules(repo: Path) -> dict[str, Path]:
    found = {}
    for path in sorted((repo / "hotspots").rglob("*.py")):
        parts = path.relative_to(repo).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def all_imports(repo: Path) -> Iterator[tuple[str, set[str]]]:
    for module, path in modules(repo).items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        yield module, imports(tree, module, path.name == "__init__.py")


def test_the_root_holds_folders_only(repo: Path) -> None:
    files = {p.name for p in (repo / "hotspots").iterdir() if p.is_file()}
    assert files == ROOT


def test_every_folder_has_a_place_in_the_order(repo: Path) -> None:
    assert {m.split(".")[1] for m in modules(repo) if "." in m} == set(FOLDERS)


@pytest.mark.parametrize("folder", INNER)
def test_every_inner_folder_has_a_place_in_the_order(repo: Path, folder: str) -> None:
    home = repo / "hotspots" / folder
    assert {p.parent.name for p in home.glob("*/__init__.py")} == set(INNER[folder])


def test_folders_import_from_earlier_ones_only(repo: Path) -> None:
    assert [v for module, found in all_imports(repo) for v in violations(module, found)] == []


def test_no_two_modules_import_each_other(repo: Path) -> None:
    known = modules(repo)
    graph = {
        module: {home for name in found if (home := _module_of(name, known)) not in ("", module)}
        for module, found in all_imports(repo)
    }
    assert cycle(graph) == ""


def cycle(graph: dict[str, set[str]]) -> str:
    """Return modules that import each other, as "a -> b -> a", or ""."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " -> ".join(error.args[1])
    return ""


def test_a_cycle_of_imports_is_seen() -> None:
    assert cycle({"a": {"b"}, "b": {"a"}, "c": {"a"}}) in ("a -> b -> a", "b -> a -> b")


def _module_of(name: str, known: dict[str, Path]) -> str:
    """Return the module that an imported name is, or lies in; "" outside of the package."""
    parent = name.rpartition(".")[0]
    return name if name in known else parent if parent in known else ""


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("hotspots.layers.grid", "from hotspots.analysis import zonal"),
        ("hotspots.layers.grid", "import hotspots"),
        ("hotspots.layers.grid", "from hotspots import analyze"),
        ("hotspots.analysis.zonal.coverage", "def f():\n    from hotspots.store import Store"),
        ("hotspots.analysis.zonal.coverage", "from ...edition.analyze import analyze"),
        ("hotspots.analysis.ipcc.tier1", "from hotspots.analysis.potential import attainable"),
        ("hotspots.ingest.sources.catalogue", "import hotspots.ingest.access.fetch"),
        ("hotspots.registry.database.tables", "from hotspots import maps"),
    ],
)
def test_wrong_imports_are_seen(module: str, line: str) -> None:
    assert violations(module, imports(ast.parse(line), module, is_package=False))


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("hotspots.layers.grid", "from hotspots import errors, config"),
        ("hotspots.edition.edition", "from hotspots import __version__"),
        ("hotspots.analysis.zonal.statistics", "from .coverage import cover_fractions"),
        ("hotspots.cli", "import hotspots as hs"),
        ("hotspots.maps.panel", "from hotspots.registry import open_registry"),
    ],
)
def test_right_imports_pass(module: str, line: str) -> None:
    assert not violations(module, imports(ast.parse(line), module, is_package=False))


def loaded(code: str) -> set[str]:
    """Return the top-level modules that a fresh Python holds after `code`."""
    code += "\nimport sys; print('LOADED', *{m.split('.')[0] for m in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return set(done.stdout.rsplit("LOADED", 1)[1].split())


def test_the_face_is_cheap_to_import() -> None:
    assert loaded("import hotspots") & HEAVY == set()


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys; sys.argv = ['hotspots', '--help']\n"
        "from hotspots.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code"
    )
    assert loaded(code) & NOT_FOR_HELP == set()


def test_what_serves_cannot_reach_the_network() -> None:
    """Editions, maps, reports and the service are made of what is there; only ingest fetches."""
    code = (
        "import hotspots.api.app, hotspots.maps, hotspots.edition.analyze,"
        " hotspots.edition.inputs\nimport hotspots.reports.summary, hotspots.edition.edition, sys\n"
        "bad = [m for m in sys.modules if m.startswith('hotspots.ingest.access')]\n"
        "assert not bad, bad"
    )
    assert loaded(code) & {"requests", "pooch", "pystac_client"} == set()
