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
        help="A registry: an SQLite file, postgresql://…, or a file or folder of records. Without:"
        " HOTSPOTS_REGISTRY, else your own one, else the sample.",
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="-",
        help="Who acts: '-' reads a token's secret from the input. Without: HOTSPOTS_TOKEN. A"
        " secret typed here is seen by other users of the machine.",
    ),
]
TokenFile = Annotated[
    Path | None, typer.Option("--token-file", help="Who acts: a file with a token's secret.")
]
Force = Annotated[bool, typer.Option("--force", help="Put it in the place of what is there.")]
