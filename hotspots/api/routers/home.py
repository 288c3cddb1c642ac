"""The map at ``/``."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from hotspots.api.dependencies import Language, Pages

router = APIRouter()


@router.get("/", response_class=HTMLResponse, tags=["map"])
def home(pages: Pages, lang: Language) -> HTMLResponse:
    """Show the edition's map in the reader's language."""
    page = pages.page(lang)
    headers = {
        "Content-Security-Policy": page.policy,
        "Content-Language": lang,
        "Vary": "Accept-Language",
    }
    return HTMLResponse(page.html, headers=headers)
