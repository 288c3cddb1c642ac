"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Where = Annotated[
    str | None,
    typer.Option(
        "--registry",
        "--url",
        metavar="WHERE",
        help="A registry: an SQLite file, postgresql://…, or a file or folder of records. By"
        " default HOTSPOTS_REGISTRY, else your own registry, else the sample.",
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="-",
        help="Who acts: '-' reads a token's secret from the input. By default HOTSPOTS_TOKEN. A"
        " secret typed here is visible to other users of the machine.",
    ),
]
TokenFile = Annotated[
    Path | None, typer.Option("--token-file", help="Who acts: a file with a token's secret.")
]
Lang = Annotated[
    str | None,
    typer.Option("--lang", help="Headings and labels in en, fr or es; by default names and codes."),
]
Outlines = Annotated[
    Path | None,
    typer.Option(
        "--outlines",
        help="Polygons of countries that take the place of the packaged outlines; by default those"
        " ingested into the store, else HOTSPOTS_OUTLINES.",
    ),
]
TYPES = "organisation, project, research_action or practice"
REGION = "a code, a name, a box W,S,E,N, GeoJSON or a file"
Force = Annotated[
    bool, typer.Option("--force", help="Replace what is there; without, it is refused.")
]
