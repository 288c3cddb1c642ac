"""Where a layer comes from, in the words of STAC: what travels with it into its item."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from hotspots import __version__
from hotspots.errors import RasterError

PREFIX = "hotspots:"
OWN = "own"  # the source_id of one's own layers
STALE, STALE_SINCE = f"{PREFIX}stale", f"{PREFIX}stale_since"
OTHER_LICENCE = "other"  # what STAC has for licences without an SPDX id
_CREATIVE_COMMONS = re.compile(r"cc-?0-1\.0|cc-by(-nc)?(-sa|-nd)?-[1-4]\.\d(-igo)?")
_SPDX = {
    "odbl-1.0": "ODbL-1.0",
    "odc-by-1.0": "ODC-By-1.0",
    "pddl-1.0": "PDDL-1.0",
    "ogl-3.0": "OGL-UK-3.0",
    "ogl-uk-3.0": "OGL-UK-3.0",
    "mit": "MIT",
    "apache-2.0": "Apache-2.0",
}


def provenance_fields(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the properties of an item that tell of a layer's making.

    Parameters
    ----------
    given : mapping, optional
        Any of ``source_id``, ``source_version``, ``address`` (one or several), ``request``
        (region, resolution, year, depth), ``sha256`` of what was fetched, ``retrieved``,
        ``stale``, ``steps`` (sentences, in order), ``licence_id``, ``terms``; further keys are
        kept likewise. Values are what JSON has; empty ones are left out.

    Raises
    ------
    RasterError
        A value that JSON doesn't have.
    """
    out: dict[str, Any] = {"processing:software": {"hotspots": __version__}}
    told = {key: plain(value) for key, value in (given or {}).items()}
    told = {key: value for key, value in told.items() if value not in (None, "", [], {})}
    for key, value in told.items():
        try:
            out[f"{PREFIX}{key}"] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise RasterError(
                f"The provenance '{key}' is a {type(value).__name__}, which can't be written as"
                " JSON. Give text, numbers, lists and mappings."
            ) from error
    if told.get("steps"):
        steps = told["steps"]
        out["processing:lineage"] = steps if isinstance(steps, str) else " ".join(map(str, steps))
    if told.get("stale"):
        out[STALE_SINCE] = today()
    return out


def source_links(fields: Mapping[str, Any]) -> list[str]:
    """Return the public addresses that a layer was made from; paths of files are none."""
    address = fields.get(f"{PREFIX}address", [])
    found = [address] if isinstance(address, str) else address
    return [text for text in found if isinstance(text, str) and _is_public(text)]


def spdx(licence_id: Any, licence: str) -> str:
    """Return the SPDX id of a licence where it has one, else "other".

    Only what says one licence and its version is taken for it: "CC BY 4.0", "cc-by-4.0".
    """
    for told in (str(licence_id or ""), licence):
        key = "-".join(told.casefold().split())
        if _CREATIVE_COMMONS.fullmatch(key):
            return key.replace("cc-0", "cc0").upper()
        if key in _SPDX:
            return _SPDX[key]
    return OTHER_LICENCE


def licence_address(licence_id: Any, licence: str) -> str:
    """Return where the words of a licence are, or "" if its id isn't in the table of licences."""
    from hotspots.store.licences import licences

    known = licences()
    for told in (str(licence_id or ""), spdx(licence_id, licence).casefold()):
        if told in known:
            return known[told].url
    return ""


def today() -> str:
    """Return the date (UTC)."""
    return datetime.now(UTC).date().isoformat()


def plain(value: Any) -> Any:
    """Return `value` with numpy's numbers as Python's, and what isn't finite as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str | bytes):
        return [plain(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def json_bytes(content: Any) -> bytes:
    """Return `content` as JSON that any reader takes."""
    text = json.dumps(plain(content), indent=1, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def _is_public(text: str) -> bool:
    return text.startswith(("https://", "http://", "s3://"))
