"""The demonstration: the packaged sample, the default recipe, the sample registry."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import hotspots as hs
from hotspots.edition import MANIFEST, Edition, open_edition, require_free, write_text
from hotspots.pipeline import identify


def run_demo(out: Path, lang: str, tell: Callable[[str], None]) -> Edition:
    """Return the sample's edition, saved with its map in `out`.

    Where `out` holds the same edition already, only its map is drawn anew; a former demo of other
    code is replaced once the new one is complete. Any other folder is refused.
    """
    if not (out / MANIFEST).is_file():
        require_free(out)
        return _made(out, lang, tell)
    former = open_edition(out)
    if former.id == identify(hs.sample(), hs.Recipe(), "countries"):
        tell(f"the edition {former.id} is there already; drawing its map")
        write_text(out / "map.html", _page(former, lang))
        return former
    tell(f"replacing the demo of edition {former.id}, made by other code")
    aside = out.with_name(f".{out.name}-new")
    shutil.rmtree(aside, ignore_errors=True)
    edition = _made(aside, lang, tell)
    replaced = out.with_name(f".{out.name}-former")
    os.replace(out, replaced)
    os.replace(aside, out)
    shutil.rmtree(replaced, ignore_errors=True)
    return edition


def _made(out: Path, lang: str, tell: Callable[[str], None]) -> Edition:
    edition = hs.analyze(hs.sample(), progress=tell)
    tell("drawing the map")
    edition.save(out, beside={"map.html": _page(edition, lang)})
    return edition


def _page(edition: Edition, lang: str) -> str:
    return str(hs.explore(edition, hs.open_registry(), lang=lang).get_root().render())
