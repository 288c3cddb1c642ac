"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Where = Annotated[
    str | None,
    typer.Option(
        "--registry", "--url", metavar="WHERE",
        help="A registry: an SQLite file, postgresql://…, or a file or folder of records. Without:"
        " HOTSPOTS_REGISTRY, else your own one, else the sample.",
    ),
]  # fmt: skip
Token = Annotated[
    str | None,
    typer.Option("--token", help="Who acts: a token's secret. Without: HOTSPOTS_TOKEN."),
]
Force = Annotated[bool, typer.Option("--force", help="Put it in the place of what is there.")]
