"""Write the bill of materials of what is shipped: `make sbom` runs this.

CycloneDX JSON of the packages that the command line, the map and the service run on, from their
lock by cyclonedx-py, with the npm packages whose files the map carries, and all licences.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from licences import HOME, NPM_LOCK, listed
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

LOCK = HOME / "service.txt"


def main(target: Path) -> int:
    """Write the bill of materials to `target`, whole, once it is valid."""
    bom = completed(python_packages(), json.loads(NPM_LOCK.read_text(encoding="utf-8")), listed())
    text = json.dumps(bom, indent=2, sort_keys=True) + "\n"
    if wrong := faults(text):
        print(f"The bill of materials is no valid CycloneDX: {wrong}", file=sys.stderr)
        return 1
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    print(f"{target}: {len(bom['components'])} components")
    return 0


def python_packages() -> dict[str, Any]:
    """Return the bill of the lock, with the hashes of all files of each package."""
    project = str(HOME.parent / "pyproject.toml")
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", str(LOCK),
               "--pyproject", project, "--output-reproducible"]  # fmt: skip
    done = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE)
    bom: dict[str, Any] = json.loads(done.stdout)
    return bom


def completed(
    bom: dict[str, Any], npm: dict[str, Any], rows: dict[str, tuple[str, str, str]]
) -> dict[str, Any]:
    """Return the bill with licences and with the npm packages, all needed by the project itself."""
    components = [python_component(c, rows[c["name"]][1]) for c in bom["components"]]
    components += [npm_component(path, p) for path, p in npm["packages"].items() if path]
    root = bom["metadata"]["component"]["bom-ref"]
    bom["metadata"]["component"]["version"] = version()
    needed = {"ref": root, "dependsOn": sorted(c["bom-ref"] for c in components)}
    return {**bom, "components": components, "dependencies": [needed]}


def version() -> str:
    """Return the project's own version, which stands in the package alone."""
    text = (HOME.parent / "hotspots" / "__init__.py").read_text(encoding="utf-8")
    return text.partition('__version__ = "')[2].partition('"')[0]


def python_component(component: dict[str, Any], licence: str) -> dict[str, Any]:
    """Return a component of the lock, named by its package URL, with its licence."""
    # The description is the line of the lock, and the address one that the tool supposes.
    kept = {k: component[k] for k in ("name", "version", "purl", "type")}
    hashes = [h for r in component["externalReferences"] for h in r.get("hashes", [])]
    files = [{"type": "distribution", "url": component["purl"], "hashes": hashes}]
    return {
        **kept,
        "bom-ref": component["purl"],
        "externalReferences": files,
        "licenses": [licence_entry(licence)],
    }


def npm_component(path: str, package: dict[str, Any]) -> dict[str, Any]:
    """Return an npm package of the lock as a component."""
    name = path.removeprefix("node_modules/")
    purl = f"pkg:npm/{name}@{package['version']}"
    digest = base64.b64decode(package["integrity"].removeprefix("sha512-")).hex()
    return {
        "type": "library",
        "name": name,
        "version": package["version"],
        "purl": purl,
        "bom-ref": purl,
        "hashes": [{"alg": "SHA-512", "content": digest}],
        "licenses": [licence_entry(package["license"])],
    }


def licence_entry(text: str) -> dict[str, Any]:
    """Return a licence as an SPDX expression, or by its name where it is none."""
    try:
        return {"expression": str(canonicalize_license_expression(text))}
    except InvalidLicenseExpression:
        return {"license": {"name": text}}


def faults(text: str) -> str:
    """Return what the schema of CycloneDX says against a bill, or nothing."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    return "" if wrong is None else str(wrong)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
