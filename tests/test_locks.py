"""What is installed is what the locks name, checked against its hashes, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.licenses import canonicalize_license_expression
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from serving import running

LOCKS = ("service", "test", "build", "tools")
# Markers ask for no more than this, so a lock serves them all.
MACHINES = [
    {
        "python_full_version": f"{python}.9",
        "python_version": python,
        "sys_platform": system,
        "os_name": "nt" if system == "win32" else "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    for python in ("3.11", "3.12", "3.13", "3.14")
    for system in ("linux", "darwin", "win32")
]


@pytest.fixture(scope="module")
def project(repo: Path) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((repo / "pyproject.toml").read_text())
    return {**found["project"], "groups": found["dependency-groups"]}


def entries(repo: Path, lock: str) -> list[tuple[Requirement, list[str]]]:
    """Each requirement of a lock, with its hashes."""
    text = (repo / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    text = re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        requirement, *hashes = line.split(" --hash=")
        found.append((Requirement(requirement), [h.strip() for h in hashes]))
    return found


def on(machine: dict[str, str], found: list[tuple[Requirement, list[str]]]) -> dict[str, str]:
    """Name and version of what a lock gives on a machine."""
    asked = [r for r, _ in found if r.marker is None or r.marker.evaluate(machine)]
    given = {r.name: str(r.specifier).removeprefix("==") for r in asked}
    assert len(given) == len(asked), "two versions on one machine"
    return given


def script(repo: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(repo / "requirements"))
    return importlib.import_module(name)


def make(repo: Path, *targets: str) -> list[list[str]]:
    """The `pip install` commands that targets would run, each as words."""
    if not shutil.which("make"):
        pytest.skip("make isn't installed")
    command = ["make", "--dry-run", "--always-make", f"PYTHON={sys.executable}", *targets]
    done = subprocess.run(command, cwd=repo, capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if " -m pip " in line]
    return [shlex.split(line) for line in lines]


# --- the locks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", LOCKS)
def test_each_entry_is_one_version_with_hashes(repo: Path, lock: str) -> None:
    found = entries(repo, lock)
    assert len(found) >= 5
    for requirement, hashes in found:
        assert re.fullmatch(r"==[^,*]+", str(requirement.specifier)), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", h) for h in hashes), requirement


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_an_address_or_an_option(repo: Path, lock: str) -> None:
    text = (repo / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^ *-(?!-hash=)", text, flags=re.MULTILINE)
    assert " @ " not in text


def test_smaller_locks_take_their_versions_from_the_largest(repo: Path) -> None:
    for machine in MACHINES:
        largest = on(machine, entries(repo, "test"))
        for lock in ("service", "build"):
            assert on(machine, entries(repo, lock)).items() <= largest.items()


@pytest.mark.parametrize(
    ("lock", "extras"),
    [("service", ("api", "postgis")), ("test", ("api", "notebooks", "postgis", "cluster", "dev"))],
)
def test_all_that_is_asked_for_is_locked_on_every_machine(
    repo: Path, lock: str, extras: tuple[str, ...], project: dict[str, Any]
) -> None:
    asked = [*project["dependencies"]]
    asked += [line for extra in extras for line in project["optional-dependencies"][extra]]
    for machine in MACHINES:
        given = on(machine, entries(repo, lock))
        for requirement in map(Requirement, asked):
            pinned = given[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(pinned), requirement


def test_the_build_is_locked(repo: Path, project: dict[str, Any]) -> None:
    build = on(MACHINES[0], entries(repo, "build"))
    assert {Requirement(r).name for r in project["groups"]["build"]} <= set(build)
    assert {Requirement(r).name for r in project["groups"]["tools"]} <= set(
        on(MACHINES[0], entries(repo, "tools"))
    )
    assert hook(repo).NODE_WHEEL in project["groups"]["build"]


def test_what_is_installed_here_is_what_is_locked(repo: Path) -> None:
    """In an environment that `make test` made; another may hold what it likes."""
    if Path(sys.prefix).resolve() != (repo / ".venv").resolve():
        pytest.skip("not the environment of make")
    for requirement, _ in entries(repo, "test"):
        if requirement.marker is None or requirement.marker.evaluate():
            assert requirement.specifier.contains(version(requirement.name)), requirement


# --- installing -----------------------------------------------------------------------------------


def test_make_installs_only_what_is_locked(repo: Path) -> None:
    """First the locks with their hashes, wheels alone; then the package, without an index."""
    for target in ("demo", "test", "lock", "sbom"):
        commands = make(repo, target)
        assert commands, target
        for words in commands:
            locked = {"--require-hashes", "--only-binary"} <= set(words)
            alone = {"--no-index", "--no-deps", "--no-build-isolation"} <= set(words)
            assert locked != alone, words
            files = [w for w in words if w.endswith(".txt")]
            assert bool(files) == locked, words
            assert all((repo / file).is_file() for file in files)
    demo, package = make(repo, ".venv/.installed-demo")[-2:]
    assert "requirements/service.txt" in demo
    assert package[-2:] == ["--editable", "."]


def wheel(folder: Path) -> Path:
    """A package of one line."""
    path = folder / "tiny_thing-1.0-py3-none-any.whl"
    info = "tiny_thing-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny_thing.py", "answer = 42\n")
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-thing\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.mark.parametrize("lock", ["right", "tampered", "without"])
def test_a_file_that_is_not_the_locked_one_is_refused(
    repo: Path, tmp_path: Path, lock: str
) -> None:
    """Installed with the very options of `make demo`."""
    options = make(repo, ".venv/.installed-demo")[-2]
    options = options[options.index("--require-hashes") : options.index("--requirement")]
    digest = hashlib.sha256(wheel(tmp_path).read_bytes()).hexdigest()
    pinned = {"right": f" --hash=sha256:{digest}", "tampered": f" --hash=sha256:{'0' * 64}"}
    (tmp_path / "lock.txt").write_text(f"tiny-thing==1.0{pinned.get(lock, '')}\n")
    command = [
        sys.executable,
        "-m",
        "pip",
        "--isolated",
        "install",
        *options,
        "--no-index",
        "--find-links",
        str(tmp_path),
        "--target",
        str(tmp_path / "site"),
        "--requirement",
        str(tmp_path / "lock.txt"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (lock == "right"), done.stderr
    assert (tmp_path / "site" / "tiny_thing.py").exists() == (lock == "right")
    if lock != "right":
        assert "hashes" in done.stderr.lower()


# --- web assets -----------------------------------------------------------------------------------


def hook(repo: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", repo / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_npm_lock_without_hashes_is_refused(repo: Path) -> None:
    text = (repo / "package-lock.json").read_text()
    build = hook(repo)
    build.require_hashes(json.loads(text))
    changes: list[dict[str, Any]] = [
        {"integrity": ""},
        {"integrity": "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="},
        {"resolved": "git+ssh://git@example.org/leaflet.git#abc"},
        {"link": True},
    ]
    for change in changes:
        lock = json.loads(text)
        lock["packages"]["node_modules/leaflet"] |= change
        with pytest.raises(RuntimeError, match=r"holds no SHA-512 of 'leaflet'"):
            build.require_hashes(lock)
    del lock["packages"]["node_modules/leaflet"]
    with pytest.raises(RuntimeError, match=r"holds no SHA-512 of 'leaflet'"):
        build.require_hashes(lock)


def test_the_build_asks_for_hashes_before_it_fetches(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "package-lock.json").write_text('{"packages": {"node_modules/odd": {}}}')
    with pytest.raises(RuntimeError, match="holds no SHA-512 of 'odd'"):
        hook(repo).fill(tmp_path)
    assert not (tmp_path / "hotspots").exists()


@pytest.mark.parametrize("tampered", [False, True])
@pytest.mark.slow
def test_npm_refuses_a_package_that_is_not_the_locked_one(
    repo: Path, tmp_path: Path, tampered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real npm, and a registry of one package on this machine."""
    build = hook(repo)
    if not build._npm_commands():
        pytest.skip("npm isn't installed")
    served, work = tmp_path / "served", tmp_path / "work"
    served.mkdir()
    work.mkdir()
    (tmp_path / "package.json").write_text('{"name": "tiny", "version": "1.0.0"}')
    with tarfile.open(served / "tiny.tgz", "w:gz") as archive:
        archive.add(tmp_path / "package.json", "package/package.json")
    content = (served / "tiny.tgz").read_bytes() + (b"more" if tampered else b"")
    integrity = f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}"
    with running(served) as registry:
        dist = {"tarball": f"{registry.url}/tiny.tgz", "integrity": integrity}
        versions = {"1.0.0": {"name": "tiny", "version": "1.0.0", "dist": dist}}
        (served / "tiny").write_text(json.dumps({"name": "tiny", "versions": versions}))
        wanted = {"tiny": "1.0.0"}
        (work / "package.json").write_text(json.dumps({"dependencies": wanted}))
        locked = {"version": "1.0.0", "integrity": integrity}
        packages = {"": {"dependencies": wanted}, "node_modules/tiny": locked}
        lock = {"lockfileVersion": 3, "requires": True, "packages": packages}
        (work / "package-lock.json").write_text(json.dumps(lock))
        monkeypatch.setenv("npm_config_registry", registry.url)
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
        if tampered:
            with pytest.raises(RuntimeError, match="EINTEGRITY"):
                build._npm_ci(work)
        else:
            build._npm_ci(work)
        assert (work / "node_modules" / "tiny" / "package.json").exists() != tampered


# --- licences and the bill of materials -----------------------------------------------------------


def test_licences_are_listed_of_all_that_is_locked(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package or version more or less, or another licence, asks for `make licences`."""
    licences = script(repo, "licences", monkeypatch)
    text = (repo / "docs" / "licences.md").read_text(encoding="utf-8")
    block = text.partition("<!-- licences:start -->\n")[2].partition("<!-- licences:end -->")[0]
    rows = licences.listed()
    names = {str(canonicalize_name(r.name)) for lock in LOCKS[:3] for r, _ in entries(repo, lock)}
    npm = {p.removeprefix("node_modules/") for p in json_of(repo)["packages"] if p}
    assert set(rows) == names | npm, "run: make licences"
    for name, (found, use) in licences.locked().items():
        assert (rows[name][0], rows[name][2]) == (found, use), "run: make licences"
    assert licences.UNKNOWN not in block
    here = licences.installed()
    for name in names & set(here):
        same = here[name] in (rows[name][1], licences.UNKNOWN)
        assert same or version(name) != rows[name][0], f"{name}: run: make licences"


def json_of(repo: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((repo / "package-lock.json").read_text())
    return found


def test_licences_that_are_no_spdx_are_few(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = script(repo, "licences", monkeypatch).listed()
    others = set()
    for _, licence, _ in rows.values():
        try:
            canonicalize_license_expression(licence)
        except ValueError:
            others.add(licence)
    assert others <= {"BSD", "not declared"}
    # What is shipped has a licence, and none that reaches to the code that calls it.
    shipped = {licence for _, licence, use in rows.values() if use in ("service", "map")}
    assert "not declared" not in shipped
    assert not [one for one in shipped if re.search(r"(?<!L)GPL|AGPL|SSPL", one)]


def test_the_bill_of_materials_is_whole(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is made of the tool's bill: npm's packages, licences, hashes, what needs what."""
    sbom = script(repo, "sbom", monkeypatch)
    one = {
        "name": "numpy",
        "version": "1",
        "type": "library",
        "purl": "pkg:pypi/numpy@1",
        "bom-ref": "requirements-L3",
        "description": "requirements line 3",
        "externalReferences": [
            {"type": "distribution", "url": "u", "hashes": [{"alg": "SHA-256", "content": "ab"}]}
        ],
    }
    raw = {"components": [one], "metadata": {"component": {"bom-ref": "root", "name": "hotspots"}}}
    rows = {"numpy": ("1", "BSD", "service")}
    bom = sbom.completed(raw, json_of(repo), rows)
    assert bom["metadata"]["component"]["version"] == version("hotspots")
    numpy, *assets = bom["components"]
    assert numpy["licenses"] == [{"license": {"name": "BSD"}}]
    assert numpy["externalReferences"][0]["hashes"] == [{"alg": "SHA-256", "content": "ab"}]
    assert {a["purl"] for a in assets} >= {"pkg:npm/leaflet@1.9.4", "pkg:npm/jquery@3.7.1"}
    assert all(len(a["hashes"][0]["content"]) == 128 for a in assets)
    leaflet = next(a for a in assets if a["name"] == "leaflet")
    assert leaflet["licenses"] == [{"expression": "BSD-2-Clause"}]
    (needs,) = bom["dependencies"]
    assert needs["ref"] == "root"
    assert set(needs["dependsOn"]) == {c["bom-ref"] for c in bom["components"]}


def test_every_asset_keeps_its_licence_text(repo: Path) -> None:
    for name, files in hook(repo).FILES.items():
        kept = [f for f in files if re.match(r"LICEN[CS]E|MIT-LICENCE", Path(f).name)]
        assert kept, name
        folder = repo / "hotspots" / "vendor" / name
        assert all((folder / file).stat().st_size > 200 for file in kept)
