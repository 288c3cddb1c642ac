"""Opening the storage of a store: a folder, or a bucket."""

from __future__ import annotations

import re
from pathlib import Path

from hotspots.errors import BadInputError
from hotspots.store.storage import Folder, Storage


def open_storage(given: str | Path | Storage) -> Storage:
    """Return the storage at an address: a folder's path, or ``s3://bucket/prefix``.

    Raises
    ------
    BadInputError
        The address is of another kind.
    """
    if not isinstance(given, str | Path):
        return given
    text = re.sub("^s3:/+", "s3://", str(given))  # a Path keeps only one of two slashes
    if "://" in text:
        if text.startswith("s3://") and text[5:].strip("/"):
            from hotspots.store.s3 import Bucket

            return Bucket(text)
        raise BadInputError(
            f"'{text}' can't hold a store. Give a folder, or a bucket as s3://NAME/PREFIX."
        )
    return Folder(Path(given))
