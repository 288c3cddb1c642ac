"""The large regions of the 4 per 1000 Initiative, from ``data/regions/initiative.toml``.

Users may edit the file: it is read again after a change, and invalid content raises an error with
one sentence. `hotspots.geo.regions` adds the outlines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from hotspots.errors import BadInputError, near_matches
from hotspots.geo.countries import LANGUAGES, countries
from hotspots.io.limits import require_regular
from hotspots.io.readers.texts import parse_toml, read_text

STATUSES = ("document", "convention")

_FILE = Path("regions") / "initiative.toml"


@dataclass(frozen=True)
class Group:
    """A region of the initiative, before it has an outline.

    Attributes
    ----------
    id : str
        Lower-case words joined by hyphens.
    names : mapping of str to str
        By language: en, fr, es.
    members : tuple of str
        Ids of countries.
    source, status, note : str
        Wording of the document; "document" or "convention"; reason.
    """

    id: str
    names: Mapping[str, str]
    members: tuple[str, ...]
    source: str
    status: str
    note: str


def groups() -> Mapping[str, Group]:
    """Return the regions by id, in the file's order.

    Raises
    ------
    BadInputError
        The file is absent or invalid; the message names the fault.
    """
    return _read(*_stamp())[0]


def outside() -> tuple[str, ...]:
    """Return the ids of the outlines that the file puts outside every region."""
    return _read(*_stamp())[1]


def _stamp() -> tuple[Path, int]:
    from hotspots.config import data_dir  # loads pydantic

    path = data_dir() / _FILE
    require_regular(path)
    if not path.is_file():
        raise BadInputError(
            f"The data folder lacks '{_FILE}', the regions of the initiative. Put the packaged"
            " copy back, or unset HOTSPOTS_DATA."
        )
    return path, path.stat().st_mtime_ns


# The time of the last change is in the key, so that an edited file is read again.
@lru_cache(maxsize=4)
def _read(path: Path, _changed: int) -> tuple[Mapping[str, Group], tuple[str, ...]]:
    try:
        data = parse_toml(read_text(path, "toml_bytes"))
    except (OSError, ValueError) as error:
        raise BadInputError(
            f"'{_FILE}' can't be read as TOML ({error}). Correct the file."
        ) from error
    rows = data.get("region")
    if not isinstance(rows, list) or not rows:
        raise BadInputError(f"'{_FILE}' holds no [[region]]. Give at least one.")
    found: dict[str, Group] = {}
    for row in rows:
        group = _group(row)
        if group.id in found:
            raise BadInputError(f"'{_FILE}' has two regions '{group.id}'. Rename one of them.")
        found[group.id] = group
    apart = data.get("outside", {})
    return MappingProxyType(found), _members(apart, "outside") if apart else ()


def _group(row: Mapping[str, object]) -> Group:
    code = str(row.get("id", ""))
    if not re.fullmatch(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)+|[a-z]{4,}", code):
        raise BadInputError(
            f"'{_FILE}' has a region with the id '{code}'. Use lower-case words joined by hyphens,"
            " unlike a country's code."
        )
    names = {lang: str(row.get(f"name_{lang}", "")).strip() for lang in LANGUAGES}
    for lang, name in names.items():
        if not name:
            raise BadInputError(f"Region '{code}' in '{_FILE}' has no name_{lang}. Give it one.")
    status = str(row.get("status", STATUSES[1]))
    if status not in STATUSES:
        raise BadInputError(
            f"Region '{code}' in '{_FILE}' has the status '{status}'. Use document or convention."
        )
    return Group(
        code,
        MappingProxyType(names),
        _members(row, code),
        str(row.get("source", "")),
        status,
        str(row.get("note", "")),
    )


def _members(row: Mapping[str, object], code: str) -> tuple[str, ...]:
    """Return a row's member ids, each once; refuse members without an outline of their own."""
    given = row.get("members")
    if not isinstance(given, list) or not given:
        raise BadInputError(f"'{code}' in '{_FILE}' has no members. List the codes of countries.")
    known = countries()
    for member in given:
        if member not in known:
            near = near_matches(str(member), known) or "."
            raise BadInputError(
                f"'{code}' in '{_FILE}' has the member '{member}', which isn't a country code"
                f"{near} Use ISO alpha-3 codes."
            )
        if known[member].parent:
            raise BadInputError(
                f"'{code}' in '{_FILE}' has the member '{member}', which is drawn as a part of"
                f" {known[member].parent}. Use that one."
            )
    return tuple(dict.fromkeys(given))
