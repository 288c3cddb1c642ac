"""Methods: the status of each in the edition, and their cards as text and as pages."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from hotspots.api.dependencies import CurrentEdition
from hotspots.api.models import MethodDetail, MethodEntry
from hotspots.api.security import policy_for
from hotspots.edition.edition import Edition
from hotspots.edition.methods.cards import card, card_ids, entries, index, relinked
from hotspots.locale.escaping import html_text, markdown_plain

router = APIRouter(tags=["methods"])
HOME = "/methods"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem;
  color: #1d1d1d; background: #fff; overflow-wrap: break-word; }}
pre, table {{ display: block; max-width: 100%; overflow-x: auto; }}
pre {{ background: #f4f4f2; padding: .75rem; }}
table {{ border-collapse: collapse; }}
th, td {{ border: 1px solid #ccc; padding: .25rem .5rem; text-align: left; vertical-align: top; }}
code {{ overflow-wrap: anywhere; }}
td code {{ white-space: nowrap; }}
</style>
</head>
<body>
<p><a href="/">Map</a></p>
<main>
{body}
</main>
</body>
</html>
"""


@router.get("/v1/methods")
def list_methods(edition: CurrentEdition) -> list[MethodEntry]:
    """List the methods with their status in the edition, then the other cards."""
    return [_entry(edition, card_id) for card_id in card_ids()]


@router.get("/v1/methods/{method_id}")
def show_method(edition: CurrentEdition, method_id: str) -> MethodDetail:
    """Show one method with its card."""
    text = relinked(card(method_id), HOME)
    return MethodDetail(**_entry(edition, method_id).model_dump(), markdown=text)


@router.get(HOME, response_class=HTMLResponse)
def show_index() -> HTMLResponse:
    """Show the list of cards as a page."""
    return _page(relinked(index(), HOME))


@router.get(HOME + "/{method_id}", response_class=HTMLResponse)
def show_card(method_id: str) -> HTMLResponse:
    """Show a method card as a page."""
    return _page(relinked(card(method_id), HOME))


def _entry(edition: Edition, card_id: str) -> MethodEntry:
    states = edition.manifest.get("methods", [])
    state = next((row for row in states if row["id"] == card_id), None)
    entry = entries()[card_id]
    return MethodEntry(
        id=card_id,
        kind=entry.kind,
        title=markdown_plain(entry.title),
        status=state["status"] if state else None,
        reason=(state["reason"] or None) if state else None,
        gives=(state and state["gives"]) or list(entry.gives),
        link=f"/v1/methods/{card_id}",
        card=f"{HOME}/{card_id}",
    )


def _page(markdown: str) -> HTMLResponse:
    """Return Markdown as a page; HTML within it is shown as text."""
    from markdown_it import MarkdownIt

    title = markdown_plain(markdown.partition("\n")[0].lstrip("# "))
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    html = _PAGE.format(title=html_text(title), body=body)
    headers = {"Content-Security-Policy": policy_for(html), "Content-Language": "en"}
    return HTMLResponse(html, headers=headers)
