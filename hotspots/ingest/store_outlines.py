"""The outlines of countries that a user names, or that were ingested into a store."""

from __future__ import annotations

import json
from pathlib import Path

from hotspots.geo.countries import finer_outlines
from hotspots.geo.finer_outlines import FinerOutlines
from hotspots.ingest.add_to_store import REGIONS
from hotspots.store import Store

_PATTERN = "*-outline-*.geojson"  # as `add_file` names the product "outline" of a country


def chosen_outlines(file: Path | None, home: str = "") -> FinerOutlines | None:
    """Return the outlines of a file, else those ingested into a store, else None.

    Parameters
    ----------
    file : Path or None
        Polygons of countries, which the user names.
    home : str
        Address of a store; only one in a folder holds outlines.

    Raises
    ------
    BadInputError
        See `hotspots.geo.finer_outlines.read_outlines`.
    """
    if file is not None:
        return finer_outlines([file])
    folder = getattr(Store(home).storage, "path", None) if home else None
    found = sorted((Path(folder) / REGIONS).glob(_PATTERN)) if folder is not None else []
    if not found:
        return None
    stated = [_beside(path) for path in found]
    return finer_outlines(
        found,
        licence="; ".join(dict.fromkeys(filter(None, (row["licence"] for row in stated)))),
        made_by="; ".join(dict.fromkeys(filter(None, (row["made_by"] for row in stated)))),
    )


def _beside(path: Path) -> dict[str, str]:
    """Return licence and maker of a file of outlines, as they were stated when it was ingested."""
    try:
        told = json.loads(path.with_name(f"{path.name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        told = {}
    return {key: str(told.get(key) or "") for key in ("licence", "made_by")}
