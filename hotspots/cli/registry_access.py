"""Opening a command's registry with a token, and warnings about exposed secrets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from hotspots.cli.output import report
from hotspots.errors import BadInputError, shortened
from hotspots.io.atomic import is_exposed, reason
from hotspots.io.limits import require_regular

if TYPE_CHECKING:
    from hotspots.registry import Registry

_MOST_SECRET = 10_000  # characters of a file that holds a token


def opened(
    where: str | None,
    token: str | None = None,
    token_file: Path | None = None,
    *,
    create: bool = False,
    lang: str = "en",
    named: bool = True,
) -> Registry:
    """Open the registry of a command, and report which it is on standard error.

    Warnings are reported about files and passwords that others can read.

    Parameters
    ----------
    where, token, token_file
        Values of the options; see `secret`.
    create : bool
        Create an empty registry if there is none.
    lang : str
        Language of the report: "en", "fr" or "es".
    named : bool
        Report which registry it is; False where standard error is the log of a service.
    """
    from hotspots.registry import open_registry
    from hotspots.registry.database.connection import file_of

    warn_of_password(where)
    registry = open_registry(where, token=secret(token, token_file), create=create)
    warn_if_exposed(file_of(registry.engine))
    if named:
        report_used(registry, lang)
    return registry


def opened_to_import(
    where: str | None, token: str | None, *, dry_run: bool, lang: str = "en"
) -> Registry:
    """Open the registry that a file is imported into, or checked against; report which it is.

    Parameters
    ----------
    where : str or None
        Value of the option --registry.
    token : str or None
        Result of `secret`.
    dry_run : bool
        Whether nothing will be written.
    lang : str
        Language of the report.
    """
    from hotspots.registry.database.connection import file_of
    from hotspots.registry.open import open_to_import

    warn_of_password(where)
    registry = open_to_import(where, token=token, dry_run=dry_run)
    warn_if_exposed(file_of(registry.engine))
    report_used(registry, lang)
    return registry


def report_used(registry: Registry, lang: str = "en") -> None:
    """Report the path of the registry that a command uses, and whether it is the sample."""
    from hotspots.locale import text
    from hotspots.registry.open import is_sample, place_of

    kind = "_sample" if is_sample(registry) else "_new" if registry.is_unmade else ""
    # Marked as progress is, since it isn't part of a result or of a refusal.
    report(f"… {text(f'registry.used{kind}', lang, path=place_of(registry))}")


def secret(token: str | None, token_file: Path | None) -> str | None:
    """Return the secret of the token to use; None if HOTSPOTS_TOKEN is to be used.

    Parameters
    ----------
    token : str or None
        A secret (a warning is printed); "-" reads the next line of standard input.
    token_file : Path or None
        A file that contains only a secret.

    Raises
    ------
    BadInputError
        Both are given, or no secret is found there.
    """
    if token and token_file:
        raise BadInputError("Give either --token or --token-file, one of them.")
    if token_file:
        return _of_file(token_file)
    if token == "-":
        # One line only: an address may follow on the input (`erase --email -`).
        line = sys.stdin.readline().strip()
        if not line:
            raise BadInputError("No token came on the input. Write it there, or give --token-file.")
        return line
    if token:
        report(
            "Warning: other users of this machine can see a secret that is given with --token, in"
            " 'ps' and in the shell's history. Give '--token -' (from the input), --token-file FILE"
            " or HOTSPOTS_TOKEN."
        )
    return token


def warn_if_exposed(path: Path | None) -> None:
    """Warn if a file with personal data or secrets is readable by others than its owner."""
    if path is not None and is_exposed(path):
        report(
            f"Warning: other users of this machine may read '{shortened(path)}', which can hold"
            f" personal data or secrets: chmod 600 '{shortened(path)}'"
        )


def warn_of_password(where: str | None) -> None:
    """Warn if the address of a registry was given on the command line with its password."""
    if where and "://" in where and _has_password(where):
        report(
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
            # Limited, so that a wrong file, such as a raster, isn't read as a whole.
            found = opened_file.read(_MOST_SECRET).strip()
    except (OSError, ValueError) as error:
        raise BadInputError(
            f"The token's file '{shortened(path)}' can't be read ({reason(error)}). Give a file"
            " that holds the secret and nothing else."
        ) from error
    if not found or len(found.split()) > 1:
        raise BadInputError(
            f"'{shortened(path)}' doesn't hold one token. Give a file that holds the secret and"
            " nothing else, as 'token create --out' writes it."
        )
    warn_if_exposed(path)
    return found
