"""pyproject.toml is the one list of what is needed; the other lists must agree with it."""

from __future__ import annotations

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# Packages that conda-forge names otherwise (dask's plain form has the arrays, for numpy is here).
CONDA_NAMES = {"dask": "dask-core", "geopandas": "geopandas-base"}
CONDA_EXTRAS = ("api", "notebooks")
CONDA_ONLY = {"python", "pip", "nodejs"}
# Parts of another's public interface: these come with it, in the version it wants.
BROUGHT_BY = {"starlette": "fastapi"}
ALL_EXTRAS = ("api", "notebooks", "postgis", "cluster", "dev")


@pytest.fixture(scope="module")
def project(repo: Path) -> dict[str, Any]:
    return tomllib.loads((repo / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def conda(repo: Path) -> dict[str, Requirement]:
    listed = yaml.safe_load((repo / "environment.yml").read_text())["dependencies"]
    found = [Requirement(line) for line in listed if isinstance(line, str)]
    return {r.name: r for r in found}


def requirements(project: dict[str, Any], extras: tuple[str, ...]) -> list[Requirement]:
    listed = list(project["dependencies"])
    for extra in extras:
        listed += project["optional-dependencies"][extra]
    return [Requirement(line) for line in listed]


def test_conda_lists_the_same_packages(
    project: dict[str, Any], conda: dict[str, Requirement]
) -> None:
    wanted = {CONDA_NAMES.get(r.name, r.name) for r in requirements(project, CONDA_EXTRAS)}
    assert set(conda) - CONDA_ONLY == wanted


def test_conda_gives_the_same_ranges(
    project: dict[str, Any], conda: dict[str, Requirement]
) -> None:
    for r in requirements(project, CONDA_EXTRAS):
        assert conda[CONDA_NAMES.get(r.name, r.name)].specifier == r.specifier, r.name
    assert str(conda["python"].specifier) == project["requires-python"]


def test_all_extras_are_known_here(project: dict[str, Any]) -> None:
    """A new extra must be thought of in this file and in tests/test_locks.py."""
    assert set(project["optional-dependencies"]) == set(ALL_EXTRAS)


def test_every_imported_library_is_declared(project: dict[str, Any], repo: Path) -> None:
    """An import that only works because something else brought the library fails on a fresh one."""
    declared = {canonicalize_name(r.name) for r in requirements(project, ("api", "postgis"))}
    homes = packages_distributions()
    found = set()
    for path in (repo / "hotspots").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    foreign = found - set(sys.stdlib_module_names) - {"hotspots"}
    assert "numpy" in foreign
    for module in sorted(foreign):
        names = {canonicalize_name(n) for n in homes.get(module, [module])}
        names = {BROUGHT_BY.get(n, n) for n in names}
        assert names & declared, f"{module} is imported, but not declared in pyproject.toml"
