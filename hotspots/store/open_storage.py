"""Opening the storage of a store: a folder, or a bucket."""

from __future__ import annotations

import os
import re
from pathlib import Path

from hotspots.errors import BadInputError, shortened
from hotspots.io.limits import require_regular
from hotspots.store.storage import Folder, Storage


def open_storage(given: str | Path | Storage) -> Storage:
    """Return the storage at an address: a folder's path, or ``s3://bucket/prefix``.

    Raises
    ------
    BadInputError
        The address is of another kind, or is that of a file, a pipe, a socket or a device.
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
    path = Path(given)
    require_regular(path)
    if os.path.isfile(path):
        raise BadInputError(
            f"'{shortened(path)}' is a file, and a store is a folder. Give the folder of a"
            " store, or a new one."
        )
    return Folder(path)
