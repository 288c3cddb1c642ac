"""Lock what pyproject.toml asks for: `make lock` runs this with the locked uv.

Each lock is one for all systems and Pythons: a version and the hashes of its files, with a marker
where not every machine takes it. What is pinned stays as it is while it fits; ``--upgrade`` takes
the newest. At last each supported machine is looked at: a lock that can't be installed there from
wheels alone is refused.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parent
OLDEST = "3.11"
PYTHONS = (OLDEST, "3.12", "3.13", "3.14")
# exactextract has no wheels for Linux on ARM, numba none for macOS on Intel.
SYSTEMS = ("x86_64-manylinux_2_28", "aarch64-apple-darwin", "x86_64-pc-windows-msvc")
# The oldest macOS for which pyproj has wheels.
MACOS = {"MACOSX_DEPLOYMENT_TARGET": "14.0"}

# What each lock is of. The first holds all that runs; the others take their versions from it.
LOCKS: dict[str, list[str]] = {
    "test.txt": ["pyproject.toml", "--all-extras", "--group", "build"],
    "service.txt": ["pyproject.toml", "--extra", "api", "--extra", "postgis"],
    "build.txt": ["--group", "build"],
    "tools.txt": ["--group", "tools"],
}
FIRST = next(iter(LOCKS))
OPTIONS = ["--quiet", "--no-emit-index-url", "--no-emit-find-links"]
UNIVERSAL = ["--universal", "--generate-hashes", "--python-version", OLDEST]


def main(arguments: list[str]) -> int:
    """Write all locks; return 1 when one can't be installed on a supported machine."""
    for name, what in LOCKS.items():
        write(name, what, arguments)
    failures = missing_wheels(FIRST)
    print("\n".join(failures), file=sys.stderr, end="\n" if failures else "")
    return 1 if failures else 0


def write(name: str, what: list[str], arguments: list[str]) -> None:
    """Resolve and write one lock."""
    # One version for all Pythons where there is one, so that all give the same numbers.
    fewest = ["--fork-strategy", "fewest"] if arguments else []
    same = [] if name == FIRST else ["--constraint", f"requirements/{FIRST}"]
    target = ["--custom-compile-command", "make lock", "--output-file", f"requirements/{name}"]
    uv([*what, *UNIVERSAL, *same, *fewest, *arguments, *target])


def missing_wheels(name: str) -> list[str]:
    """Return a sentence for each supported machine on which the lock lacks a wheel."""
    failures = []
    for python in PYTHONS:
        for system in SYSTEMS:
            machine = ["--python-version", python, "--python-platform", system]
            try:
                uv([f"requirements/{name}", "--no-deps", "--only-binary", ":all:", *machine])
            except subprocess.CalledProcessError as exc:
                failures.append(f"{name}, Python {python}, {system}: {exc.stderr.strip()}")
    return failures


def uv(arguments: list[str]) -> None:
    """Run `uv pip compile` at the top of the repository."""
    command = [str(Path(sys.executable).with_name("uv")), "pip", "compile", *OPTIONS, *arguments]
    subprocess.run(
        command,
        cwd=HOME.parent,
        env={**os.environ, **MACOS},
        check=True,
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
