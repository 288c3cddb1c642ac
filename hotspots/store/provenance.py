"""The provenance of a layer as STAC properties of its item."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hotspots import __version__
from hotspots.errors import RasterError
from hotspots.io.clock import today

PREFIX = "hotspots:"
OWN = "own"  # the source_id of a user's own layers
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


def provenance_fields(given: Mapping[str, object] | None) -> dict[str, object]:
    """Return the properties of an item that describe a layer's provenance.

    Parameters
    ----------
    given : mapping, optional
        Any of ``source_id``, ``source_version``, ``address`` (one or several), ``request``
        (region, resolution, year, depth), ``sha256`` of the downloaded file, ``retrieved``,
        ``stale``, ``steps`` (sentences, in order), ``licence_id``, ``terms``; further keys are
        kept likewise. Values must be JSON types; empty ones are omitted.

    Raises
    ------
    RasterError
        A value can't be written as JSON.
    """
    out: dict[str, object] = {"processing:software": {"hotspots": __version__}}
    values = {key: plain(value) for key, value in (given or {}).items()}
    values = {key: value for key, value in values.items() if value not in (None, "", [], {})}
    for key, value in values.items():
        try:
            # As it will be read back (tuples become lists), so that two items can be compared.
            out[f"{PREFIX}{key}"] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise RasterError(
                f"The provenance '{key}' is a {type(value).__name__}, which can't be written as"
                " JSON. Give text, numbers, lists and mappings."
            ) from error
    if values.get("steps"):
        steps = values["steps"]
        out["processing:lineage"] = steps if isinstance(steps, str) else " ".join(map(str, steps))
    if values.get("stale"):
        out[STALE_SINCE] = today().isoformat()
    return out


def source_links(fields: Mapping[str, object]) -> list[str]:
    """Return the public addresses that a layer was made from, without paths of local files."""
    address = fields.get(f"{PREFIX}address", [])
    found = address if isinstance(address, list | tuple) else [address]
    return [text for text in found if isinstance(text, str) and _is_public(text)]


def spdx(licence_id: object, licence: str) -> str:
    """Return the SPDX id of a licence where it has one, else "other".

    Only a text that names one licence with its version is matched: "CC BY 4.0", "cc-by-4.0".
    """
    for text in (str(licence_id or ""), licence):
        key = "-".join(text.casefold().split())
        if _CREATIVE_COMMONS.fullmatch(key):
            # SPDX writes CC0-1.0, without the first hyphen.
            return key.replace("cc-0", "cc0").upper()
        if key in _SPDX:
            return _SPDX[key]
    return OTHER_LICENCE


def licence_address(licence_id: object, licence: str) -> str:
    """Return the address of a licence's text, or "" if its id isn't in the table of licences."""
    from hotspots.store.licences import licences

    known = licences()
    for key in (str(licence_id or ""), spdx(licence_id, licence).casefold()):
        if key in known:
            return known[key].url
    return ""


def plain(value: object) -> Any:
    """Return `value` with numpy numbers as Python numbers, and non-finite ones as None."""
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


def json_bytes(content: Any, *, sort_keys: bool = False) -> bytes:
    """Return `content` as standard JSON (no NaN), UTF-8."""
    text = json.dumps(
        plain(content), indent=1, ensure_ascii=False, allow_nan=False, sort_keys=sort_keys
    )
    return f"{text}\n".encode()


def _is_public(text: str) -> bool:
    return text.startswith(("https://", "http://", "s3://"))
