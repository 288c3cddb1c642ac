"""Health and readiness of the service."""

from __future__ import annotations

from fastapi import APIRouter

import hotspots
from hotspots.api.dependencies import DEFAULT_LANG, CurrentEdition, Pages
from hotspots.api.http_errors import NotDrawnError, kind_of
from hotspots.api.models import Health, Problem, Ready

router = APIRouter(tags=["service"], responses={503: {"model": Problem}})


@router.get("/health")
async def health(edition: CurrentEdition, pages: Pages) -> Health:
    """Report that the service responds and the map is drawn; 503 while it can't be drawn."""
    await pages.drawn(DEFAULT_LANG)
    return Health(edition=edition.id, version=hotspots.__version__)


@router.get("/ready")
async def ready(edition: CurrentEdition, pages: Pages) -> Ready:
    """Report that the edition is open, the map drawn and the registry readable; else 503."""
    await pages.drawn(DEFAULT_LANG)
    if pages.stale is not None:
        raise NotDrawnError(
            f"{kind_of(pages.stale).title}; the map shows the records as they last were. The"
            " service's log says more."
        )
    return Ready(edition=edition.id, records=pages.record_count)
