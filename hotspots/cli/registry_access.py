"""Who acts on a command's registry, and warnings on who else may read its secrets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from hotspots.cli.output import tell
from hotspots.errors import BadInputError
from hotspots.io.atomic import is_exposed, reason
from hotspots.io.limits import require_regular, shown_path

if TYPE_CHECKING:
    from hotspots.registry import Registry

_MOST_SECRET = 10_000  # characters of a file that holds a token


def opened(
    where: str | None,
    token: str | None = None,
    token_file: Path | None = None,
    *,
    create: bool = False,
) -> Registry:
    """Open the registry of a command, with warnings on what others may read.

    Parameters
    ----------
    where, token, token_file
        As the options give them; see `secret`.
    create : bool
        Make an empty registry where there is none.
    """
    from hotspots.registry import open_registry
    from hotspots.registry.database.connection import file_of

    warn_of_password(where)
    registry = open_registry(where, token=secret(token, token_file), create=create)
    warn_if_exposed(file_of(registry.engine))
    return registry


def secret(token: str | None, token_file: Path | None) -> str | None:
    """Return the secret of the token that acts; None leaves it to HOTSPOTS_TOKEN.

    Parameters
    ----------
    token : str or None
        A secret, with a warning; "-" takes the next line of the input.
    token_file : Path or None
        A file that holds a secret and nothing else.

    Raises
    ------
    BadInputError
        Both are given, or nothing is found there.
    """
    if token and token_file:
        raise BadInputError("Give either --token or --token-file, one of them.")
    if token_file:
        return _of_file(token_file)
    if token == "-":
        line = sys.stdin.readline().strip()
        if not line:
            raise BadInputError("No token came on the input. Write it there, or give --token-file.")
        return line
    if token:
        tell(
            "Warning: other users of this machine can see a secret that is given with --token, in"
            " 'ps' and in the shell's history. Give '--token -' (from the input), --token-file FILE"
            " or HOTSPOTS_TOKEN."
        )
    return token


def warn_if_exposed(path: Path | None) -> None:
    """Tell if others than its owner may read a file that holds personal data or secrets."""
    if path is not None and is_exposed(path):
        tell(
            f"Warning: other users of this machine may read '{shown_path(path)}', which can hold"
            f" personal data or secrets: chmod 600 '{shown_path(path)}'"
        )


def warn_of_password(where: str | None) -> None:
    """Tell if the address of a registry was given on the command line with its password."""
    if where and "://" in where and _has_password(where):
        tell(
            "Warning: other users of this machine can see a password that is given with --registry,"
            " in 'ps' and in the shell's history. Leave it out and set PGPASSWORD or a line in"
            " ~/.pgpass, or put the address in HOTSPOTS_REGISTRY."
        )


def _has_password(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return bool(parts.password or parse_qs(parts.query).get("password"))
    except ValueError:
        return False


def _of_file(path: Path) -> str:
    require_regular(path)
    try:
        with path.open(encoding="utf-8") as opened_file:
            found = opened_file.read(_MOST_SECRET).strip()
    except (OSError, ValueError) as error:
        raise BadInputError(
            f"The token's file '{shown_path(path)}' can't be read ({reason(error)}). Give a file"
            " that holds the secret and nothing else."
        ) from error
    if not found or len(found.split()) > 1:
        raise BadInputError(
            f"'{shown_path(path)}' doesn't hold one token. Give a file that holds the secret and"
            " nothing else, as 'token create --out' writes it."
        )
    warn_if_exposed(path)
    return found
