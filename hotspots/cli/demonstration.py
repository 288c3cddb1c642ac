"""The demonstration: the packaged sample, the default recipe, the sample registry."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import hotspots as hs
from hotspots.cli.registry_access import opened
from hotspots.edition.analyze import identify
from hotspots.edition.edition import MANIFEST, Edition, open_edition
from hotspots.edition.preflight import PAGE_BYTES, edition_bytes, read_through, require_space
from hotspots.errors import EditionError
from hotspots.io.atomic import (
    aside,
    exchange,
    publish,
    require_free,
    sweep,
    write_error,
    write_text,
)
from hotspots.registry import Registry

# In times.json, which isn't part of the id: 'analyze' can produce the very same edition.
_MARK = {"made_by": "demo"}
_BESIDE = {MANIFEST, "times.json", "map.html"}


def run_demo(out: Path, lang: str, report: Callable[[str], None]) -> Edition:
    """Return the sample's edition, saved with its map in `out`.

    If `out` already holds the same edition, only its map is redrawn; a demo made by other code is
    replaced once the new one is complete. Any other folder is refused.

    Raises
    ------
    EditionError
        `out` holds files that no demo made, or can't be used.
    WriteError
        The disk is full or faulty; a former demo stays unchanged.
    """
    # Read first, so that a damaged registry is reported before the analysis.
    recorded = read_through(opened(None))
    if not os.path.isfile(out / MANIFEST):
        require_free(out)
        return _made(out, lang, recorded, report)
    former = open_edition(out)
    # The id says whether data, recipe or code have changed since.
    if former.id == identify(hs.sample(), hs.Recipe(), "countries"):
        report(f"the edition {former.id} is there already; drawing its map")
        sweep(Path(os.path.realpath(out)))
        require_space(out, PAGE_BYTES)
        write_text(out / "map.html", _page(former, lang, recorded))
        return former
    _require_demo(out, former)
    report(f"replacing the demo of edition {former.id}, made by other code")
    # A link to a demo stays a link: its target is replaced.
    place = Path(os.path.realpath(out))
    try:
        with aside(place) as folder:
            edition = _made(folder / "new", lang, recorded, report)
            _require_demo(out, former)  # again: the folder may have changed during the analysis
            _exchange(place, folder)
    except OSError as error:
        raise write_error(out, error) from error
    return edition


def _require_demo(out: Path, edition: Edition) -> None:
    """Raise `EditionError` unless every file in `out` was made by a demo."""
    refused = f"'{out}' %s, so it is not replaced. Give another --out, or remove the folder."
    if any(edition.times.get(key) != value for key, value in _MARK.items()):
        raise EditionError(refused % f"holds the edition {edition.id}, which no demo made")
    known = set(json.loads((out / MANIFEST).read_text(encoding="utf-8"))["files"]) | _BESIDE
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out).as_posix()
        # A link is refused even if it leads to a folder: no demo makes links.
        if name not in known and (path.is_symlink() or not path.is_dir()):
            raise EditionError(refused % f"holds '{name}', which is not part of a demo")


def _exchange(out: Path, folder: Path) -> None:
    """Replace `out` by ``folder/new`` and move the former `out` to `folder`; all or nothing.

    Atomic where the file system supports it. Elsewhere a process killed between the two renames
    leaves no demo, and the next run makes one.
    """
    if exchange(folder / "new", out):
        return
    former = folder / "former"
    try:
        os.rename(out, former)
        publish(folder / "new", out)
    finally:
        # If the second renaming failed, the former demo returns to its place.
        if former.exists() and not out.exists():
            os.rename(former, out)


def _made(out: Path, lang: str, recorded: Registry, report: Callable[[str], None]) -> Edition:
    data = hs.sample()
    require_space(out, edition_bytes(data, hs.Recipe()))
    edition: Edition = hs.analyze(data, progress=report)
    edition.times |= _MARK
    report("drawing the map")
    edition.save(out, beside={"map.html": _page(edition, lang, recorded)})
    return edition


def _page(edition: Edition, lang: str, recorded: Registry) -> str:
    return str(hs.explore(edition, recorded, lang=lang).get_root().render())
