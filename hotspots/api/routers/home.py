"""The map at ``/``."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from hotspots.api.dependencies import Language, Pages
from hotspots.api.encoding import accepts_gzip, answer

router = APIRouter()


@router.get("/", response_class=HTMLResponse, tags=["map"])
async def home(request: Request, pages: Pages, lang: Language) -> Response:
    """Show the edition's map in the reader's language."""
    page = await pages.drawn(lang)
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": page.policy,
        "Content-Language": lang,
        "Vary": "Accept-Encoding, Accept-Language",
    }
    return answer(request, page.packed if accepts_gzip(request.headers) else page.plain, headers)
