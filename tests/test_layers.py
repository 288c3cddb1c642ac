"""The architecture's two promises on imports: they go down only, and the first ones are light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

# Lowest first; a module may import its own layer and those before it, wherever in its text the
# import stands.
LAYERS = (
    {
        "errors",
        "variables",
        "plausible",
        "config",
        "locale",
        "files",
        "limits",
        "escaping",
        "logs",
        "rounding",
        "readers",
    },
    {"grid", "edges", "topology", "areas", "countries", "initiative", "regions"},
    {"ingest", "analysis"},
    {
        "choices",
        "recipe",
        "edition",
        "scenario",
        "caveats",
        "codebook",
        "methods",
        "ranking",
        "stability",
        "intervals",
        "land_use",
        "sensitivity",
        "loading",
        "summaries",
        "units",
        "weights",
        "pipeline",
        "profiles",
        "beforehand",
        "registry",
        "edition_gaps",
    },
    {"maps", "reports"},
    {"demo", "api", "cli", "__main__"},
)
LEVELS = {name: level for level, names in enumerate(LAYERS) for name in names}
TOP = len(LAYERS) - 1
# Both in one layer, and yet neither may know the other.
STRANGERS = {("ingest", "analysis"), ("analysis", "ingest")}

HEAVY = {
    "esda", "exactextract", "fastapi", "folium", "libpysal", "mapclassify", "matplotlib", "numba",
    "sklearn",
}  # fmt: skip
NOT_FOR_HELP = HEAVY | {
    "alembic", "dask", "geopandas", "networkx", "openpyxl", "pandas", "pyarrow", "rasterio",
    "rioxarray", "scipy", "sqlalchemy", "xarray",
}  # fmt: skip


def part(module: str) -> str:
    """Return the first name below ``hotspots``: "analysis" for ``hotspots.analysis.zonal.statistics``."""
    names = module.split(".")
    return names[1] if len(names) > 1 else ""


def imported(tree: ast.AST, module: str, is_package: bool) -> set[str]:
    """Return all modules (dotted) and their imported attributes that `module` asks for."""
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


def faults(module: str, wanted: set[str]) -> list[str]:
    """Return which of the `wanted` imports go up, or between strangers."""
    own = part(module)
    if not own:  # hotspots/__init__.py is the face of everything
        return []
    told = []
    for name in sorted(wanted):
        if name.split(".")[0] != "hotspots" or name == "hotspots.__version__":
            continue
        other = part(name)
        # The face itself, or a function of it, stands for all layers.
        level = LEVELS.get(other, TOP)
        if level > LEVELS[own] or (own, other) in STRANGERS:
            told.append(f"{module} imports {name}")
    return told


def modules(repo: Path) -> dict[str, Path]:
    found = {}
    for path in sorted((repo / "hotspots").rglob("*.py")):
        parts = path.relative_to(repo).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def test_every_module_has_a_layer(repo: Path) -> None:
    assert {part(m) for m in modules(repo)} - {""} <= set(LEVELS)


def test_imports_go_down_only(repo: Path) -> None:
    told = []
    for module, path in modules(repo).items():
        tree = ast.parse(path.read_text())
        told += faults(module, imported(tree, module, path.name == "__init__.py"))
    assert told == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("hotspots.layers.grid", "from hotspots.analysis import zonal"),
        ("hotspots.layers.grid", "import hotspots"),
        ("hotspots.layers.grid", "from hotspots import analyze"),
        (
            "hotspots.analysis.zonal.statistics",
            "def f():\n    from hotspots.ingest.user_files.rasters import open_data",
        ),
        ("hotspots.ingest.user_files.rasters", "import hotspots.analysis.zonal.statistics"),
        ("hotspots.analysis.zonal.statistics", "from ..pipeline import analyze"),
        ("hotspots.registry.database", "from hotspots import maps"),
    ],
)
def test_wrong_imports_are_seen(module: str, line: str) -> None:
    assert faults(module, imported(ast.parse(line), module, is_package=False))


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("hotspots.layers.grid", "from hotspots import errors, variables"),
        ("hotspots.edition.edition", "from hotspots import __version__"),
        ("hotspots.analysis.zonal.statistics", "from .coverage import cover_fractions"),
        ("hotspots.cli", "import hotspots as hs"),
        ("hotspots.maps.panel", "from hotspots.registry import open_registry"),
    ],
)
def test_right_imports_pass(module: str, line: str) -> None:
    assert not faults(module, imported(ast.parse(line), module, is_package=False))


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
        "import hotspots.api.app, hotspots.maps, hotspots.edition.analyze, hotspots.edition.inputs\n"
        "import hotspots.reports.summary, hotspots.edition.edition, sys\n"
        "bad = [m for m in sys.modules if m.startswith('hotspots.ingest.access')]\n"
        "assert not bad, bad"
    )
    assert loaded(code) & {"requests", "pooch", "pystac_client"} == set()
