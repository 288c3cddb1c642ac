"""Regions and their numbers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from hotspots.api import region_service
from hotspots.api.dependencies import CurrentEdition, Language
from hotspots.api.models import RegionDetail, RegionEntry, RegionKind, Summary

router = APIRouter(prefix="/v1/regions", tags=["regions"])


@router.get("")
def list_regions(
    edition: CurrentEdition,
    kind: Annotated[RegionKind | None, Query(description="Only regions of this kind")] = None,
) -> list[RegionEntry]:
    """List the regions for which the edition has numbers."""
    return region_service.region_entries(edition, kind)


@router.get("/{region_id}")
def show_region(edition: CurrentEdition, region_id: str) -> RegionDetail:
    """Show one region, by its id."""
    return region_service.region_detail(edition, region_id)


@router.get("/{region_id}/summary")
def summarise_region(
    edition: CurrentEdition, region_id: str, lang: Language, response: Response
) -> Summary:
    """Return every number of one region with its unit, and the inputs behind the numbers."""
    summary = region_service.region_summary(edition, region_id, lang)
    response.headers.update({"Content-Language": lang, "Vary": "Accept-Language"})
    return summary
