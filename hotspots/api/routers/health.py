"""Whether the service answers."""

from __future__ import annotations

from fastapi import APIRouter

import hotspots
from hotspots.api.dependencies import CurrentEdition
from hotspots.api.models import Health

router = APIRouter()


@router.get("/health", tags=["service"])
def health(edition: CurrentEdition) -> Health:
    """Say that the service answers, with which edition and version."""
    return Health(edition=edition.id, version=hotspots.__version__)
