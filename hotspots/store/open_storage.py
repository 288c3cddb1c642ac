"""Opening the storage of a store: a folder, or a bucket."""

from __future__ import annotations

import re
from pathlib import Path

from hotspots.errors import BadInputError
from hotspots.store.storage import Folder, Place


def place_of(given: str | Path | Place) -> Place:
    """Return the place of an address: a folder's path, or ``s3://bucket/prefix``.

    Raises
    ------
    BadInputError
        An address of another kind.
    """
    if not isinstance(given, str | Path):
        return given
    text = re.sub("^s3:/+", "s3://", str(given))  # of two slashes a Path keeps one
    if "://" in text:
        if text.startswith("s3://") and text[5:].strip("/"):
            from hotspots.store.s3 import Bucket

            return Bucket(text)
        raise BadInputError(
            f"'{text}' is no place for a store. Give a folder, or a bucket as s3://NAME/PREFIX."
        )
    return Folder(Path(given))
