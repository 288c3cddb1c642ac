"""The edition that the service shows, and the recipe that reproduces it."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from hotspots.api.dependencies import CurrentEdition
from hotspots.api.models import EditionEntry
from hotspots.edition.edition import Edition
from hotspots.errors import UnknownEditionError

router = APIRouter(prefix="/v1/editions", tags=["editions"])


@router.get("")
def list_editions(edition: CurrentEdition) -> list[EditionEntry]:
    """List the editions of the service: the one that it shows."""
    return [_entry(edition)]


@router.get("/{edition_id}")
def show_edition(edition: CurrentEdition, edition_id: str) -> EditionEntry:
    """Show an edition with its recipe, its methods and its figures."""
    return _entry(_found(edition, edition_id))


@router.get("/{edition_id}/recipe", response_class=PlainTextResponse)
def show_recipe(edition: CurrentEdition, edition_id: str) -> str:
    """Return the recipe as TOML; run on the same inputs, it gives the same id."""
    return _found(edition, edition_id).recipe.to_toml()


def _found(edition: Edition, edition_id: str) -> Edition:
    if edition_id not in (edition.id, "latest"):
        raise UnknownEditionError(
            f"No edition '{edition_id[:40]}' is here; /v1/editions lists what is, and 'latest' is"
            " the one shown."
        )
    return edition


def _entry(edition: Edition) -> EditionEntry:
    manifest = edition.manifest
    return EditionEntry(
        id=edition.id,
        region=str(manifest["region"]),
        scenario=str(manifest["scenario"]),
        recipe=manifest["recipe"],
        inputs={name: str(row.get("sha256", "")) for name, row in manifest["inputs"].items()},
        summary=manifest["summary"],
        licences=manifest.get("licences", []),
        licence_notices=manifest.get("licence_notices", []),
        link=f"/v1/editions/{edition.id}",
    )
