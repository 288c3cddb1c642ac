"""Ids for records that come without one: made of the name, the same at each reading of a file."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

_MOST = 60


def slug(text: str) -> str:
    """Return lower-case letters a to z and digits, joined by hyphens; "" where none are left."""
    plain = unicodedata.normalize("NFKD", text.replace("œ", "oe").replace("ß", "ss"))
    letters = "".join(c for c in plain if not unicodedata.combining(c)).casefold()
    words = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")
    return words[:_MOST].rstrip("-")


def id_for(cells: Mapping[str, Any]) -> str:
    """Return the id that a record's name gives; of a name in other letters, type and a hash."""
    name = str(cells.get("name") or "")
    made = slug(name)
    if len(made.replace("-", "")) >= 2:
        return made
    digest = hashlib.sha256(name.encode()).hexdigest()[:10]
    return f"{str(cells.get('type') or 'record').replace('_', '-')}-{digest}"


def numbered(wanted: str, taken: Mapping[str, Any] | set[str]) -> str:
    """Return `wanted`, or with the first number from 2 that makes it free."""
    if wanted not in taken:
        return wanted
    at = 2
    while f"{wanted}-{at}" in taken:
        at += 1
    return f"{wanted}-{at}"
