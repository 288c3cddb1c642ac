"""Ids for records without one, derived reproducibly from the name."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import sqlalchemy as sa

from hotspots.registry.database import queries

_MOST = 60
_SAME = ("name", "type", "country", "regions")


class Nameless(Protocol):
    """A row whose record is to be identified."""

    id: str
    named: dict[str, Any]


def slug(text: str) -> str:
    """Return lower-case letters a to z and digits, joined by hyphens; "" if none are left."""
    words = re.sub(r"[^a-z0-9]+", "-", _plain(text)).strip("-")
    return words if len(words) <= _MOST else words[: _MOST + 1].rpartition("-")[0] or words[:_MOST]


def id_for(cells: Mapping[str, Any]) -> str:
    """Return the id derived from a record's name.

    If letters or words of the name are lost (other scripts, long names), a hash of the whole name
    is appended, so that different names have different ids.
    """
    name = str(cells.get("name") or "")
    made, plain = slug(name), _plain(name)
    letters = [c for c in plain if c.isalnum()]
    if made and len(letters) == len(made.replace("-", "")):
        return made
    digest = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:8]
    return f"{made or str(cells.get('type') or 'record').replace('_', '-')}-{digest}"


def name_the_nameless(connection: sa.Connection, rows: Sequence[Nameless], taken: set[str]) -> None:
    """Assign ids to rows without one: that of the matching record, or a free one.

    A record of the registry matches only if name, type, country and regions are identical;
    otherwise it is a different record with a similar name. `taken` holds the ids of other rows.
    """
    stems = [id_for(row.named) for row in rows]
    there = queries.fetch(connection, stems)
    gone = set(queries.current_ids(connection, stems))
    last: dict[str, int] = {}
    for row, stem in zip(rows, stems, strict=True):
        made, number = stem, last.get(stem, 1)
        while made in taken or (made not in gone and _is_another(connection, made, row, there)):
            number += 1
            made = f"{stem}-{number}"
        last[stem] = number
        row.id = made
        taken.add(made)


def _is_another(
    connection: sa.Connection, id_: str, row: Nameless, there: dict[str, dict[str, Any]]
) -> bool:
    """Return whether this id belongs to a record that does not match the row."""
    record = there.get(id_) or queries.fetch(connection, [id_]).get(id_)
    return record is not None and any(record.get(n) != row.named.get(n) for n in _SAME)


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.replace("œ", "oe").replace("ß", "ss"))
    return "".join(c for c in letters if not unicodedata.combining(c)).casefold()
