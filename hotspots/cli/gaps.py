"""The command ``hotspots gaps``: needs of hotspots and regions that no record meets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import hotspots as hs
from hotspots.cli.options import TYPES, Lang, Where
from hotspots.cli.output import Json, print_table, put_block, report
from hotspots.cli.registry_access import opened
from hotspots.locale import check_language
from hotspots.locale.messages import in_language

_ROWS = 20


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("gaps")(gaps)


def gaps(
    edition: Annotated[
        Path, typer.Option(help="Folder of an edition, such as 'analyze' or 'demo' writes.")
    ] = Path("demo"),
    where: Where = None,
    of: Annotated[
        str,
        typer.Option(
            help="Which gaps: hotspots, regions, crowded, outside, practices or research."
        ),
    ] = "hotspots",
    region: Annotated[
        str | None, typer.Option(help="Only there; as for 'analyze': a code, a name, W,S,E,N.")
    ] = None,
    theme: Annotated[
        list[str] | None,
        typer.Option(help="Only of this theme: pillar2, Pilier 2, goalA, A6; may be repeated."),
    ] = None,
    practice: Annotated[
        list[str] | None,
        typer.Option(help="Only of this practice: agroforestry, agroforesterie; may be repeated."),
    ] = None,
    land_use: Annotated[
        list[str] | None, typer.Option(help="Only of this land use: cropland; may be repeated.")
    ] = None,
    type_: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            help=f"Only of this type: {TYPES}; may be repeated.",
        ),
    ] = None,
    within_km: Annotated[
        float | None,
        typer.Option(help="Distance that counts as near a hotspot, km; 50 by default."),
    ] = None,
    years: Annotated[
        float, typer.Option(help="For research: age from which it is old, years.")
    ] = 5,
    ended: Annotated[bool, typer.Option("--ended", help="Also count what has ended.")] = False,
    top: Annotated[
        int | None, typer.Option(help="Number of rows; 20 by default, all in JSON.", min=1)
    ] = None,
    lang: Lang = None,
    as_json: Json = False,
) -> None:
    """Rank the hotspots where nobody is known to work, and other gaps of the registry.

    Tonnes are of carbon. Absence of a record is not evidence of absence: the last line says how
    complete the registry is.
    """
    from hotspots.cli.gaps_text import GapText
    from hotspots.edition.gaps import gaps as find

    said = check_language(lang or "en")
    table = find(
        hs.open_edition(edition),
        opened(where) if lang is None else opened(where, lang=said),
        of,
        region=region,
        within_km=within_km,
        theme=theme,
        practice_kind=practice,
        land_use=land_use,
        types=type_,
        active_only=not ended,
        years=years,
    )
    if as_json:
        # A list of records has no place for these sentences.
        nothing = in_language(table.attrs["nothing"], said)
        for line in filter(None, (nothing, GapText(lang).practices(table))):
            report(line)
        print_table(
            table.head(top or len(table)).drop(columns="geometry", errors="ignore"), as_json=True
        )
        return
    for line in GapText(lang).lines(table, top or _ROWS):
        put_block(line)
