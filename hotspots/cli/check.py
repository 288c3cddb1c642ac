"""The command `check`: what files are understood as, before anything is added."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hotspots.cli import layer_options as options
from hotspots.cli.options import Where
from hotspots.cli.output import put_block, put_json
from hotspots.cli.registry_access import opened_to_import
from hotspots.cli.registry_import import Adapter, Encoding, Locate, Sheet
from hotspots.errors import BadInputError
from hotspots.locale import check_language

if TYPE_CHECKING:
    from hotspots.registry import Registry
    from hotspots.reports.check.finding import Finding

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE",
        help="Rasters, tables of points, polygons, or sheets of records; of any of these formats.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("check")(check)


def check(
    files: Files,
    variable: options.As = "",
    unit: options.Unit = "",
    depth: options.Depth = "",
    year: options.Year = None,
    nodata: options.Nodata = None,
    scale: options.Scale = None,
    offset: options.Offset = None,
    band: options.Band = None,
    crs: options.Crs = "",
    subdataset: options.Subdataset = "",
    column: options.Column = "",
    cell: options.Cell = None,
    legend: options.Legend = "",
    guidelines: options.Guidelines = "",
    level: options.Level = "",
    support: options.Support = "",
    accept: Annotated[
        bool, typer.Option("--accept", help="As for add-layer: take it despite a grave doubt.")
    ] = False,
    where: Where = None,
    type_: Annotated[
        str | None, typer.Option("--type", help="Type of the records that don't name one.")
    ] = None,
    locate: Locate = False,
    adapter: Adapter = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    picture: Annotated[
        Path | None, typer.Option(help="Also write the map of one layer to this PNG file.")
    ] = None,
    lang: Annotated[
        str | None, typer.Option("--lang", help="Language: en, fr or es; by default en.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON instead of text, without the map.")
    ] = False,
) -> None:
    """Show what files are understood as before they are added: grid, CRS, unit, nodata, doubts.

    They are read as add-layer, analyze --data, --region and registry import read them, with the
    same options. Nothing is written. The exit code is 2 if one of them would be refused.
    """
    from hotspots.registry.imports.import_files import FileChoices
    from hotspots.reports.check.files import findings
    from hotspots.reports.check.layers import LayerChoices

    said = check_language(lang or "en")
    declared = {
        "unit": unit,
        "depth": depth,
        "year": year,
        "nodata": nodata,
        "scale": scale,
        "offset": offset,
        "band": band,
        "crs": crs,
        "subdataset": subdataset,
        "column": column,
        "cell": cell,
        "legend": legend,
        "guidelines": guidelines,
        "level": level,
        "support": support,
    }
    layer = LayerChoices(variable, accept, declared)
    records = FileChoices(adapter, encoding, sheet, type_, locate)

    @cache
    def registry() -> Registry:
        """Return the registry that records would be imported into; opened once."""
        return opened_to_import(where, None, dry_run=True, lang=said)

    found = [
        finding
        for path in files
        for finding in findings(path, layer, records, registry, said, lang)
    ]
    if as_json:
        put_json([finding.as_json() for finding in found])
    else:
        _print(found, said)
    if picture is not None:
        _write_picture(picture, found)
    if not all(finding.is_understood for finding in found):
        raise typer.Exit(2)


def _print(found: list[Finding], lang: str) -> None:
    from hotspots.reports.check.lines import finding_lines

    for at, finding in enumerate(found):
        if at:
            put_block("")
        for line in finding_lines(finding, lang):
            put_block(line)


def _write_picture(path: Path, found: list[Finding]) -> None:
    from hotspots.io.atomic import write_bytes
    from hotspots.reports.check.picture import picture_png

    pictures = [finding.picture for finding in found if finding.picture is not None]
    if len(pictures) != 1:
        raise BadInputError(
            f"--picture is of one layer, and {len(pictures)} of those given have a map. Give one"
            " file, and name one of its layers (--subdataset, --band, --column)."
        )
    write_bytes(path, picture_png(pictures[0]))
