"""What is installed is whole, and what is committed names no download address."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import hotspots
from hotspots import config
from hotspots.errors import BadInputError, MissingAssetError

VENDORED = {
    "jquery/jquery.min.js",
    "jquery/LICENSE.txt",
    "leaflet/leaflet.js",
    "leaflet/leaflet.css",
    "leaflet/images/layers.png",
    "leaflet/images/marker-icon.png",
    "leaflet/LICENSE",
    "leaflet.fullscreen/Control.FullScreen.js",
    "leaflet.fullscreen/LICENSE",
    "leaflet.markercluster/leaflet.markercluster.js",
    "leaflet.markercluster/MIT-LICENCE.txt",
    "world-atlas/countries-10m.json",
    "world-atlas/countries-50m.json",
    "world-atlas/LICENSE",
}


@pytest.fixture(scope="module")
def wheel_names(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel that is built here; the vendored files are there, so it fetches none."""
    out = tmp_path_factory.mktemp("wheel")
    build(repo, out, "wheel")
    (wheel,) = out.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


@pytest.fixture(scope="module")
def sdist_names(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a source distribution, without its top folder."""
    out = tmp_path_factory.mktemp("sdist")
    build(repo, out, "sdist")
    (archive,) = out.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        return {name.split("/", 1)[1] for name in tar.getnames() if "/" in name}


def build(repo: Path, out: Path, target: str) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(out)]
    done = subprocess.run(command, cwd=repo, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def tracked(repo: Path) -> set[str]:
    """The files that git knows or would add, or a skip where this is no working copy."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=repo, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("git isn't installed")
    if done.returncode:
        pytest.skip("not a git working copy")
    return set(done.stdout.splitlines())


def test_wheel_holds_the_vendored_files_and_their_licences(wheel_names: set[str]) -> None:
    assert {f"hotspots/vendor/{name}" for name in VENDORED} <= wheel_names


def test_wheel_holds_all_data(wheel_names: set[str], repo: Path) -> None:
    files = [p for p in (repo / "data").rglob("*") if p.is_file()]
    assert files
    assert {f"hotspots/_data/{p.relative_to(repo / 'data').as_posix()}" for p in files} <= (
        wheel_names
    )


def test_wheel_holds_every_file_of_the_package(wheel_names: set[str], repo: Path) -> None:
    """The sample, tables, catalogues and styles travel with the modules."""
    files = {p for p in tracked(repo) if p.startswith("hotspots/") and (repo / p).is_file()}
    assert "hotspots/ingest/sample/world_0p5deg.nc" in files
    assert files <= wheel_names


def test_wheel_holds_nothing_else(wheel_names: set[str]) -> None:
    assert {name.split("/")[0] for name in wheel_names} == {
        "hotspots",
        f"hotspots-{hotspots.__version__}.dist-info",
    }


def test_sdist_can_be_built_without_npm(sdist_names: set[str]) -> None:
    needed = {"pyproject.toml", "hatch_build.py", "package-lock.json", "LICENSE", "README.md"}
    assert needed <= sdist_names
    assert {f"hotspots/vendor/{name}" for name in {*VENDORED, "stamp.txt"}} <= sdist_names


def test_vendored_files_are_those_of_the_lock(repo: Path) -> None:
    digest = hashlib.sha256((repo / "package-lock.json").read_bytes()).hexdigest()
    assert config.vendor_file("stamp.txt").read_text().strip() == f"sha256:{digest}"


def test_npm_lock_pins_every_package_without_an_address(repo: Path) -> None:
    text = (repo / "package-lock.json").read_text()
    assert "resolved" not in text
    assert "://" not in text
    packages = json.loads(text)["packages"]
    wanted = json.loads((repo / "package.json").read_text())["dependencies"]
    for name, version in wanted.items():
        found = packages[f"node_modules/{name}"]
        assert found["version"] == version, name
        assert found["integrity"].startswith("sha512-"), name


def test_no_vendored_file_is_tracked(repo: Path) -> None:
    names = tracked(repo)
    assert "package-lock.json" in names
    outside = ("hotspots/vendor/", "hotspots/_data/", "node_modules/", ".venv/")
    assert [name for name in names if name.startswith(outside)] == []


def test_missing_asset_names_the_remedy() -> None:
    with pytest.raises(MissingAssetError, match="pip install -e"):
        config.vendor_file("world-atlas/no-such-file.json")


def test_data_dir_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(config.variable("data"), str(tmp_path))
    assert config.data_dir() == tmp_path
    monkeypatch.setenv(config.variable("data"), str(tmp_path / "absent"))
    with pytest.raises(BadInputError, match="absent"):
        config.data_dir()


def test_ci_runs_the_command_of_the_readme(repo: Path) -> None:
    commands = [
        line for line in (repo / ".ci" / "run").read_text().splitlines() if line.startswith("make")
    ]
    assert commands == ["make test"]
    assert "make test" in (repo / "README.md").read_text()
