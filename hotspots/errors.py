"""The hierarchy of errors; each message says what was given, what is allowed and what to do.

Library code raises these and knows neither HTTP nor exit codes: `cli` and `api` each have one
table that maps the classes to an exit code or a status.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches


class HotspotsError(Exception):
    """Base of every error that a user can correct; its message is one plain sentence."""


class BadInputError(HotspotsError):
    """An input of the user can't be used."""


class UnknownRegionError(BadInputError):
    """No region has this code or name."""


class UnknownMethodError(BadInputError):
    """No method or method card has this id."""


class UnknownEditionError(BadInputError):
    """No edition has this id."""


class EmptyRegionError(BadInputError):
    """A region without extent, or without land in the data."""


class RasterError(BadInputError):
    """A raster can't be read, or lacks what an analysis needs (CRS, unit, a canonical name)."""


class GridMismatchError(RasterError):
    """Layers that are required to share one grid don't."""


class RecipeError(BadInputError):
    """A recipe has an unknown key, or a value out of its range."""


class EditionError(BadInputError):
    """A folder doesn't hold the expected edition, or isn't free for a new one."""


class WriteError(HotspotsError):
    """Writing failed although the input is valid: the disk is full or faulty."""


class FetchError(HotspotsError):
    """A request to a server failed; the message says what was requested, what came, what to do.

    Attributes
    ----------
    status : int
        The HTTP status of the response; 0 if no status explains the failure.
    reached : bool
        Whether a server responded at all.
    retry_after : float, optional
        Waiting time that the server requested, s.
    said : str
        The beginning of the response's text; to be interpreted by code, not shown to users.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        reached: bool = True,
        retry_after: float | None = None,
        said: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reached = reached
        self.retry_after = retry_after
        self.said = said


class TokenError(BadInputError):
    """A source's token is missing or refused; it says where to get one and how to set it."""


class RegistryError(BadInputError):
    """A record lacks a required field, or a registry can't be used."""


class NotAllowedError(BadInputError):
    """The user lacks the right to do that; the message says who has it."""


class ConflictError(RegistryError):
    """Somebody else has changed the same record in the meantime."""


class MissingAssetError(HotspotsError):
    """The installation lacks web assets or country outlines."""


def near_matches(given: str, known: Iterable[str], most: int = 3) -> str:
    """Return "; did you mean A, B or C?" for the names most similar to `given`, or ""."""
    by_key = {name.casefold(): name for name in known}
    close = get_close_matches(str(given).casefold(), by_key, n=most, cutoff=0.6)
    found = [by_key[key] for key in close]
    if not found:
        return ""
    listed = found[0] if len(found) == 1 else ", ".join(found[:-1]) + " or " + found[-1]
    return f"; did you mean {listed}?"


def shortened(given: object, most: int = 100) -> str:
    """Return a given value for a message: the beginning of its text if it is long.

    Every message that quotes what a user or a file gave uses this, since that may be megabytes.
    """
    text = str(given)
    return text if len(text) <= most else f"{text[:most]}…"


def deepest_reason(error: BaseException, most: int = 200) -> str:
    """Return why something failed, in one line: the deepest cause that states a reason.

    Readers wrap the reason: rasterio says "Read failed. See previous exception for details.", and
    what failed is in the exception that this one was raised from.
    """
    said, each = _first_line(error), error.__cause__
    while each is not None:
        said = _first_line(each) or said
        each = each.__cause__
    return shortened(said or type(error).__name__, most)


def _first_line(error: BaseException) -> str:
    # As text, a KeyError has quotes around its message.
    said = error.args[0] if isinstance(error, KeyError) and error.args else error
    lines = str(said).strip().splitlines()
    return lines[0].strip().rstrip(".") if lines else ""


def with_short_words(message: str, most: int = 1_000) -> str:
    """Return a message in which each word of more than `most` characters is shortened.

    The command line prints every error through this, whatever library it came from.
    """
    return re.sub(rf"\S{{{most},}}", lambda word: shortened(word[0]), message)
