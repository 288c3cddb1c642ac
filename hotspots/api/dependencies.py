"""Dependencies of the routes: the edition, the pages, and the reader's language.

They are coroutines because FastAPI runs each plain function in a thread.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Header, Query, Request
from pydantic import BeforeValidator

from hotspots.api.map_pages import MapPages
from hotspots.edition.edition import Edition

Lang = Literal["en", "fr", "es"]
DEFAULT_LANG: Lang = "en"
_LANGS: dict[str, Lang] = {"en": "en", "fr": "fr", "es": "es"}


def _plain(given: object) -> object:
    """Return a language code in lower case; None for an empty one."""
    return given.strip().lower() or None if isinstance(given, str) else given


async def get_edition(request: Request) -> Edition:
    """Return the edition that the application serves."""
    edition: Edition = request.app.state.edition
    return edition


async def get_pages(request: Request) -> MapPages:
    """Return the application's pages."""
    pages: MapPages = request.app.state.pages
    return pages


async def get_language(
    lang: Annotated[
        Lang | None, BeforeValidator(_plain), Query(description="Language; else Accept-Language")
    ] = None,
    accept_language: Annotated[str, Header()] = "",
) -> Lang:
    """Return the requested language: ``?lang=`` first, then Accept-Language, then English."""
    return lang or _preferred(accept_language)


def _preferred(accept_language: str) -> Lang:
    best, weight = DEFAULT_LANG, 0.0
    for choice in accept_language.split(","):
        tag, _, parameter = choice.strip().partition(";")
        # A regional variant such as fr-CA counts as its language.
        known = _LANGS.get(tag.split("-")[0].strip().lower())
        q = weight_of(parameter)
        # Strictly greater: among equal weights the first one listed is preferred.
        if known and q > weight:
            best, weight = known, q
    return best


def weight_of(parameter: str) -> float:
    """Return the weight in ``;q=``: 1 without one, 0 if it isn't a number."""
    if not parameter.strip():
        return 1.0
    try:
        return float(parameter.strip().lower().removeprefix("q="))
    except ValueError:
        return 0.0


CurrentEdition = Annotated[Edition, Depends(get_edition)]
Pages = Annotated[MapPages, Depends(get_pages)]
Language = Annotated[Lang, Depends(get_language)]
