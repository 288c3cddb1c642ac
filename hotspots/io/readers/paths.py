"""What a path must be before a library opens it, and what may lie beside the file.

Libraries take more than paths: ``/vsicurl/...``, ``zip://...``, ``GTIFF_DIR:1:...``. Here a path is
a path: made absolute, it names one regular file, and none of those is one.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from hotspots.errors import BadInputError
from hotspots.io.limits import require_regular, shown_path

# GDAL's options for whatever is read from the disk: its network may reach one address only, which
# is of no server, and what goes past that meets a proxy that isn't there.
CLOSED = {
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "none",
    "GDAL_HTTP_PROXY": "127.0.0.1:1",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
}
# GDAL takes such a beginning for a file system of its own, whatever lies on the disk.
_NOT_FILES = ("/vsi", "//vsi")


def plain_path(path: str | Path) -> Path:
    """Return the absolute path of a regular file, as libraries may be given it.

    Raises
    ------
    BadInputError
        An overlong path, a pipe, a socket or a device; there is no such file; a path that GDAL
        would take for an address.
    """
    require_regular(path)
    absolute = Path(os.path.abspath(path))
    if not absolute.is_file():
        raise BadInputError(f"There is no file '{shown_path(path)}'. Give the path of a file.")
    if str(absolute).startswith(_NOT_FILES):
        raise BadInputError(
            f"'{shown_path(path)}' begins like an address of GDAL. Move the file to another folder."
        )
    return absolute


def confined(folder: str | Path, key: str) -> Path:
    """Return the absolute path of a regular file of a folder that somebody else may have made.

    Raises
    ------
    BadInputError
        As `plain_path`; or the file lies elsewhere, by ``..`` or a symbolic link.
    FileNotFoundError
        There is none.
    """
    home = Path(os.path.realpath(folder))
    path = home / key
    if not Path(os.path.realpath(path)).is_relative_to(home):
        raise BadInputError(
            f"'{shown_path(key)}' of '{shown_path(folder)}' leads out of that folder. Put the file"
            " itself there."
        )
    require_regular(path)
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return plain_path(path)


def require_beside(path: Path, names: tuple[str, ...], begins: tuple[bytes, ...] = ()) -> None:
    """Raise `BadInputError` if a file that a library reads beside `path` isn't a plain one.

    Parameters
    ----------
    path : Path
        The file that is opened.
    names : tuple of str
        Names of files in its folder, in capitals or not, which need not be there.
    begins : tuple of bytes
        What each of them may begin with; () for anything.
    """
    wanted = {name.casefold() for name in names}
    for name in sorted(os.listdir(path.parent)):
        if name.casefold() not in wanted:
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
