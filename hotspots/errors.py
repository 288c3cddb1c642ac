"""One tree of errors; each message says what was given, what is allowed and what to do.

Library code raises these and knows neither HTTP nor exit codes: `cli` and `api` map the classes
to an exit code or a status in one table each.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class HotspotsError(Exception):
    """Base of every error that a user can mend; its text is one plain sentence."""


class BadInputError(HotspotsError):
    """Something given by the user can't be used as it is."""


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
    """Layers that should share one grid don't."""


class RecipeError(BadInputError):
    """A recipe has an unknown key, or a value out of its range."""


class EditionError(BadInputError):
    """A folder that should hold an edition doesn't, or that should be free isn't."""


class WriteError(HotspotsError):
    """Something can't be written though what was given is right: the disk is full, or fails."""


class FetchError(HotspotsError):
    """What was asked of a server didn't come: it says what was asked, what came, what to do.

    Attributes
    ----------
    status : int
        The HTTP status that the server answered with; 0 if it was none that explains the fault.
    reached : bool
        Whether a server answered at all.
    retry_after : float, optional
        The seconds that the server asked to wait.
    said : str
        The beginning of what it said beside the status; for reading, not for showing.
    """

    def __init__(
        self,
        told: str,
        *,
        status: int = 0,
        reached: bool = True,
        retry_after: float | None = None,
        said: str = "",
    ) -> None:
        super().__init__(told)
        self.status = status
        self.reached = reached
        self.retry_after = retry_after
        self.said = said


class TokenError(BadInputError):
    """A source's token is missing or refused; it says where to get one and how to set it."""


class RegistryError(BadInputError):
    """A record lacks what every record must have."""


class NotAllowedError(BadInputError):
    """Who asks may not do that; it says whose right it is."""


class ConflictError(RegistryError):
    """Somebody else changed the same thing meanwhile."""


class MissingAssetError(HotspotsError):
    """Web assets or country shapes weren't built into this installation."""


def near_matches(given: str, known: Iterable[str], most: int = 3) -> str:
    """Return "; did you mean A, B or C?" for the names nearest to `given`, or ""."""
    by_key = {name.casefold(): name for name in known}
    close = get_close_matches(str(given).casefold(), by_key, n=most, cutoff=0.6)
    found = [by_key[key] for key in close]
    if not found:
        return ""
    listed = found[0] if len(found) == 1 else ", ".join(found[:-1]) + " or " + found[-1]
    return f"; did you mean {listed}?"
