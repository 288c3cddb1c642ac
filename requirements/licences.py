"""List the licences of all that is locked in docs/licences.md: `make licences` runs this.

Licences are read from what is installed here. Of what only other systems or Pythons take, or what
declares none, the row that is there stays; a new one says UNKNOWN, to be looked up by hand.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent
PAGE = HOME.parent / "docs" / "licences.md"
NPM_LOCK = HOME.parent / "package-lock.json"
# What is installed for whom; a package is listed with the first that has it.
LOCKS = {"service": "service.txt", "build": "build.txt", "tests": "test.txt"}
UNKNOWN = "UNKNOWN"
# Older metadata, by classifier or by free text, as SPDX names. "BSD" doesn't say which.
SPDX = {
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 3-Clause": "BSD-3-Clause",
    "BSD 3-Clause License": "BSD-3-Clause",
    "BSD License": "BSD",
    "BSD 2-Clause License": "BSD-2-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "New BSD": "BSD-3-Clause",
    "PSFL": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
_PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>[^ ;]+)", flags=re.MULTILINE)
_ROW = re.compile(
    r"^\| (?P<name>\S+) \| (?P<version>\d[^|]*) \| (?P<licence>[^|]+) \| (?P<of>\w+) \|$",
    re.MULTILINE,
)


def pins(lock: Path) -> dict[str, str]:
    """Return name and version of each package of a lock, two versions joined by a comma."""
    found: dict[str, str] = {}
    for pin in _PIN.finditer(lock.read_text(encoding="utf-8")):
        before = f"{found[pin['name']]}, " if pin["name"] in found else ""
        found[pin["name"]] = before + pin["version"]
    return found


def locked() -> dict[str, tuple[str, str]]:
    """Return version and use of each package of all locks that are installed."""
    found: dict[str, tuple[str, str]] = {}
    for use, lock in LOCKS.items():
        for name, version in pins(HOME / lock).items():
            found.setdefault(name, (version, use))
    return dict(sorted(found.items()))


def web_assets() -> dict[str, tuple[str, str]]:
    """Return version and licence of each npm package."""
    packages = json.loads(NPM_LOCK.read_text(encoding="utf-8"))["packages"]
    return {
        path.removeprefix("node_modules/"): (package["version"], package["license"])
        for path, package in packages.items()
        if path
    }


def installed() -> dict[str, str]:
    """Return the licence of each package that is installed here."""
    return {re.sub(r"[-_.]+", "-", d.name).lower(): licence(d) for d in distributions()}


def licence(of: Distribution) -> str:
    """Return the licence that a package's metadata declares, as an SPDX name where it has one."""
    metadata = of.metadata.json
    if expression := str(metadata.get("license_expression", "")):
        return expression
    for words in _older(metadata):
        if words and len(words) < 60 and words != "UNKNOWN":
            return SPDX.get(words, words)
    return UNKNOWN


def _older(metadata: dict[str, Any]) -> Iterator[str]:
    text = str(metadata.get("license", ""))
    # The field may hold a whole licence, whose first line is its name.
    first = text.strip().partition("\n")[0].strip()
    if first in SPDX or re.fullmatch(r"[A-Z][\w.]*(-[\w.]+)+|MIT|ISC", first):
        yield first
    for classifier in metadata.get("classifier", []):
        kind, _, name = classifier.rpartition(" :: ")
        if kind == "License :: OSI Approved":
            yield name
    yield first


def listed(page: Path = PAGE) -> dict[str, tuple[str, str, str]]:
    """Return version, licence and use of each row of the page."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    return {r["name"]: (r["version"], r["licence"], r["of"]) for r in _ROW.finditer(text)}


def table() -> str:
    """Return the table of the page."""
    here, before = installed(), listed()
    rows = ["| package | version | licence | for |", "|---|---|---|---|"]
    for name, (version, use) in locked().items():
        found = here.get(name, UNKNOWN)
        kept = before.get(name, ("", UNKNOWN, ""))[1]
        rows.append(f"| {name} | {version} | {kept if found == UNKNOWN else found} | {use} |")
    for name, (version, licence) in web_assets().items():
        rows.append(f"| {name} | {version} | {licence} | map |")
    return "\n".join(rows)


def main() -> int:
    """Write the table between the page's marks; return 1 where a licence has to be looked up."""
    text = PAGE.read_text(encoding="utf-8")
    head, start, rest = text.partition("<!-- licences:start -->\n")
    _, end, tail = rest.partition("<!-- licences:end -->")
    PAGE.write_text(head + start + table() + "\n" + end + tail, encoding="utf-8")
    unknown = [name for name, row in listed().items() if row[1] == UNKNOWN]
    if unknown:
        print(f"Look up in {PAGE.name} the licence of: {', '.join(unknown)}", file=sys.stderr)
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
