"""Paths of installed files (web assets, country outlines, editable data) and of the cache.

Nothing is read at import; each function reads the environment when it is called.
"""

from __future__ import annotations

import os
from pathlib import Path

from hotspots.errors import BadInputError, MissingAssetError

PACKAGE_DIR = Path(__file__).resolve().parent
DATA_VARIABLE = "HOTSPOTS_DATA"
CACHE_VARIABLE = "HOTSPOTS_CACHE"


def vendor_file(name: str) -> Path:
    """Return the path of one vendored file.

    Parameters
    ----------
    name : str
        ``package/file`` as placed by the build hook, e.g. ``"world-atlas/countries-10m.json"``.

    Raises
    ------
    MissingAssetError
        If this installation lacks the file.
    """
    path = vendor_dir() / name
    if not path.is_file():
        raise _not_built(f"the file '{name}'")
    return path


def vendor_dir() -> Path:
    """Return the folder of web assets and country outlines that the build hook fills.

    Raises
    ------
    MissingAssetError
        If the package was installed without its build step.
    """
    path = PACKAGE_DIR / "vendor"
    if not path.is_dir():
        raise _not_built("its folder of web assets and country shapes")
    return path


def data_dir() -> Path:
    """Return the folder of data that a user may read and edit (sample registry, region groups).

    It is the folder named by the environment variable ``HOTSPOTS_DATA`` if set, else the copy
    inside an installed package, else ``data/`` of the working copy.

    Raises
    ------
    BadInputError
        If ``HOTSPOTS_DATA`` doesn't name a folder.
    MissingAssetError
        If the installation holds no data.
    """
    given = os.environ.get(DATA_VARIABLE)
    if given:
        if not Path(given).is_dir():
            raise BadInputError(
                f"{DATA_VARIABLE} is '{given}', which isn't a folder. Set it to a copy of the"
                " project's data folder, or unset it to use the packaged one."
            )
        return Path(given)
    for path in (PACKAGE_DIR / "_data", PACKAGE_DIR.parent / "data"):
        if path.is_dir():
            return path
    raise _not_built("its data folder")


def cache_dir() -> Path:
    """Return the folder of downloads: ``HOTSPOTS_CACHE``, else ``~/.cache/hotspots``."""
    given = os.environ.get(CACHE_VARIABLE)
    return Path(given).expanduser() if given else Path.home() / ".cache" / "hotspots"


def _not_built(what: str) -> MissingAssetError:
    return MissingAssetError(
        f"This installation lacks {what}, which is put in place when the package is installed."
        " Install it again: 'pip install -e .' in a working copy, else"
        " 'pip install --force-reinstall hotspots'."
    )
