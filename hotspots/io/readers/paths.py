"""Requirements on a path before a library opens it, and on the files beside it.

Libraries accept more than paths: ``/vsicurl/...``, ``zip://...``, ``GTIFF_DIR:1:...``. Here a path
must be the absolute path of one regular file, which excludes all of those.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from hotspots.errors import BadInputError, shortened
from hotspots.io.limits import require_regular

# GDAL options for reading from disk: only one URL, which doesn't exist, is permitted, and other
# network access is sent to a proxy that doesn't exist.
CLOSED = {
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "none",
    "GDAL_HTTP_PROXY": "127.0.0.1:1",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
}
# GDAL interprets these prefixes as its virtual file systems, whatever is on the disk.
_NOT_FILES = ("/vsi", "//vsi")


def plain_path(path: str | Path) -> Path:
    """Return the absolute path of a regular file, safe to pass to libraries.

    Raises
    ------
    BadInputError
        The path is too long; it is a pipe, a socket or a device; there is no such file; GDAL would
        interpret the path as an address.
    """
    require_regular(path)
    # Absolute, so that it can't be taken for an address such as zip://... or GTIFF_DIR:1:...
    absolute = Path(os.path.abspath(path))
    if not absolute.is_file():
        raise BadInputError(f"There is no file '{shortened(path)}'. Give the path of a file.")
    if str(absolute).startswith(_NOT_FILES):
        raise BadInputError(
            f"'{shortened(path)}' begins like an address of GDAL. Move the file to another folder."
        )
    return absolute


def confined(folder: str | Path, key: str) -> Path:
    """Return the absolute path of a regular file within an untrusted folder.

    Raises
    ------
    BadInputError
        For the reasons of `plain_path`; or the file is outside the folder, by ``..`` or a symbolic
        link.
    FileNotFoundError
        The file doesn't exist.
    """
    # Links are resolved in both: the folder itself may be reached through one.
    home = Path(os.path.realpath(folder))
    path = home / key
    if not Path(os.path.realpath(path)).is_relative_to(home):
        raise BadInputError(
            f"'{shortened(key)}' of '{shortened(folder)}' leads out of that folder. Put the file"
            " itself there."
        )
    require_regular(path)
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return plain_path(path)


def require_beside(path: Path, names: tuple[str, ...], begins: tuple[bytes, ...] = ()) -> None:
    """Raise `BadInputError` if a file that a library reads beside `path` isn't a regular one.

    Parameters
    ----------
    path : Path
        The file that is opened.
    names : tuple of str
        Names of files in its folder, case-insensitive, which may be absent.
    begins : tuple of bytes
        Permitted first bytes of each; () for any.
    """
    expected = {name.casefold() for name in names}
    # Listed rather than looked up: a library may accept the name in any case, such as X.TFW.
    for name in sorted(os.listdir(path.parent)):
        if name.casefold() not in expected:
            continue
        beside = path.with_name(name)
        if beside.is_symlink():
            raise BadInputError(
                f"'{name}' beside '{path.name}' is a symbolic link, which may lead anywhere. Put"
                " the file itself there, or remove the link."
            )
        require_regular(beside)
        if begins and not first_bytes(beside, max(map(len, begins))).startswith(begins):
            raise BadInputError(
                f"'{name}' beside '{path.name}' isn't of the format that its name says. Remove it,"
                " or write it again."
            )


def first_bytes(path: Path, count: int) -> bytes:
    """Return the first bytes of a regular file; fewer if it is shorter."""
    with path.open("rb") as file:
        return file.read(count)
