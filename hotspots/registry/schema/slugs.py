"""Ids derived reproducibly from a name."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from hotspots.registry.schema.records import Record

_MOST = 60


def slug(text: str) -> str:
    """Return lower-case letters a to z and digits, joined by hyphens; "" if none are left."""
    words = re.sub(r"[^a-z0-9]+", "-", _plain(text)).strip("-")
    # Cut at a hyphen, so that no word is cut.
    return words if len(words) <= _MOST else words[: _MOST + 1].rpartition("-")[0] or words[:_MOST]


def id_for(cells: Record) -> str:
    """Return the id derived from a record's name.

    If letters or words of the name are lost (other scripts, long names), a hash of the whole name
    is appended, so that different names have different ids.
    """
    name = str(cells.get("name") or "")
    made, plain = slug(name), _plain(name)
    # By number: `slug` drops letters of other scripts, and words beyond the limit.
    letters = [c for c in plain if c.isalnum()]
    if made and len(letters) == len(made.replace("-", "")):
        return made
    digest = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:8]
    return f"{made or str(cells.get('type') or 'record').replace('_', '-')}-{digest}"


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.replace("œ", "oe").replace("ß", "ss"))
    return "".join(c for c in letters if not unicodedata.combining(c)).casefold()
