"""Limits on the size of one input, checked before memory is allocated for it.

A file from somebody else may be small on disk and huge in memory, or never end. Each limit has a
default well above ordinary use, and an environment variable that changes it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from hotspots.errors import BadInputError, shortened

if TYPE_CHECKING:
    from hotspots.config import Limits

# Opening one of these may block for ever, or give bytes without end.
_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def limits() -> Limits:
    """Return the limits of one input that are in force.

    Raises
    ------
    BadInputError
        A variable's value is not a whole number above 0.
    """
    # Not at the top: pydantic takes a while to load, and `import hotspots` loads this module.
    from hotspots import config

    return config.in_force(config.Limits)


def raised(limit: str, value: float) -> str:
    """Return what raises a limit, for messages: "HOTSPOTS_MAX_ROWS=12".

    Parameters
    ----------
    limit : str
        The name of an attribute of `Limits`.
    value : int
        The value to suggest, in the unit of the limit.
    """
    from hotspots import config

    return f"{config.variables(config.Limits, limit)[0]}={value}"


def require_within(what: str, amount: int, limit: str, remedy: str) -> None:
    """Raise `BadInputError` if an amount is above a limit.

    Parameters
    ----------
    what : str
        Subject and verb of the message: "'big.tif' has".
    amount : int
        The amount, in the unit of the limit.
    limit : str
        The name of an attribute of `Limits`; it also names the amount in the message.
    remedy : str
        What the user can do other than raising the limit, as a clause: "cut it to the region".
    """
    most = getattr(limits(), limit)
    if amount > most:
        # "records_bytes" is the limit of bytes of a file of records.
        unit = "bytes" if limit.endswith("_bytes") else limit.replace("_", " ")
        raise BadInputError(
            f"{what} {amount:,} {unit}; at most {most:,} are allowed."
            f" {remedy[:1].upper()}{remedy[1:]}, or raise the limit: {raised(limit, amount)}."
        )


def require_regular(path: str | Path) -> None:
    """Raise `BadInputError` if a path is too long, or is a pipe, a socket or a device.

    Nothing is opened: opening a named pipe would block for ever. A path that doesn't exist, or that
    can't be examined, is left to its reader, which raises its own error.
    """
    has = f"The path '{shortened(path)}' has"
    require_within(has, len(str(path)), "path_letters", "give a shorter one")
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # ValueError: a zero byte in the path
        return
    for is_kind, name in _KINDS:
        if is_kind(mode):
            raise BadInputError(
                f"'{shortened(path)}' is {name}; only files and folders can be read. Write its"
                " content to a file and give that."
            )
