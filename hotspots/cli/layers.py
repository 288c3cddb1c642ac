"""The commands for layers: ingest, add-layer, layers, stock, variables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import hotspots as hs
from hotspots.cli import layer_options as options
from hotspots.cli.output import (
    Json,
    print_rows,
    print_table,
    progress_bar,
    put,
    put_json,
    report,
    say,
)
from hotspots.errors import BadInputError

if TYPE_CHECKING:
    from hotspots.store import Store

StoreOption = Annotated[
    str,
    typer.Option(
        "--store",
        help="The store: a folder, made if absent, or s3://bucket/prefix; HOTSPOTS_STORE by"
        " default.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module to the command line."""
    app.command("ingest")(ingest)
    app.command("add-layer")(add_layer)
    app.command("layers")(layers)
    app.command("stock")(stock)
    app.command("variables")(list_variables)


def _store(given: str) -> Store:
    from hotspots.config import settings
    from hotspots.store import Store

    home = given or settings().store
    if not home:
        raise BadInputError("No store is named. Give a folder: --store DIR, or set HOTSPOTS_STORE.")
    return Store(home)


def ingest(
    source: Annotated[
        list[str], typer.Argument(help="Sources, or products of one: soilgrids/clay,sand.")
    ],
    region: Annotated[str, typer.Option(help="As for 'analyze': a code, a name, W,S,E,N, a file.")],
    store: StoreOption = "",
    resolution: Annotated[
        str, typer.Option(help="Cell size: 1km, 250m, 30s (arc-seconds), 5min, 0.5 (degrees).")
    ] = "",
    year: Annotated[
        list[str] | None,
        typer.Option(help="A year of products with several: 2015; may be repeated."),
    ] = None,
    depth: Annotated[
        list[str] | None, typer.Option(help="A depth of profiles, cm: 0-5, 30-60; may be repeated.")
    ] = None,
    refresh: Annotated[
        bool, typer.Option(help="Also fetch layers that the store has already.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Download public layers of a region into a store, harmonised on one grid."""
    from hotspots.config import cache_dir
    from hotspots.ingest.public_layers import ingest as run

    with progress_bar("fetching") as progress:
        rows = run(
            source,
            hs.region(region),
            _store(store),
            resolution=resolution or None,
            years=year or (),
            depths=depth or (),
            cache=cache_dir(),
            refresh=refresh,
            say=say,
            progress=progress,
        )
    print_rows(rows, ("layer", "source", "state", "note"), as_json=as_json)
    # Layers that could be fetched are in the store; running again fetches the others.
    if any(row["state"] == "failed" for row in rows):
        raise typer.Exit(1)


def add_layer(
    path: Annotated[str, typer.Argument(help="GeoTIFF, NetCDF, Zarr, table, polygons; or a URL.")],
    store: StoreOption = "",
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
    source: Annotated[str, typer.Option(help="Who made the layer.")] = "",
    citation: Annotated[str, typer.Option(help="How to cite it.")] = "",
    licence: Annotated[str, typer.Option(help="Its licence: 'CC BY 4.0'.")] = "",
    accept: Annotated[
        bool, typer.Option("--accept", help="Add it despite a grave doubt; it is reported.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Add your own layer to a store: checked, compared with the global layer, with its source."""
    target = _store(store)
    if not variable:
        rows = _canonical_file(path, target, accept)
    else:
        from hotspots.ingest.user_layers import add_own

        rows = [
            add_own(
                target,
                path,
                variable=variable,
                unit=unit or None,
                depth=depth or None,
                year=year,
                nodata=nodata,
                scale=scale,
                offset=offset,
                band=band,
                crs=crs or None,
                subdataset=subdataset or None,
                column=column or None,
                cell=cell,
                legend=legend or None,
                guidelines=guidelines or None,
                level=level or None,
                support=support or None,
                source=source,
                citation=citation,
                licence=licence,
                accept=accept,
                say=say,
            )
        ]
    if as_json:
        put_json(rows)
        return
    for row in rows:
        put(f"Added {row['layer']} to {store}.")
        for line in _description(row):
            put(f"  {line}")


def _canonical_file(path: str, target: Store, accept: bool) -> list[dict[str, Any]]:
    from hotspots.ingest.user_layers import add_canonical, open_canonical

    return add_canonical(target, open_canonical(path), Path(path).name, accept=accept)


def _description(row: dict[str, Any]) -> list[str]:
    """Return the description of an added layer: its mean, its report, notes and warnings."""
    lines = []
    if row.get("mean") is not None:
        cells = f"{row['valid_cells']:,} cells"
        lines.append(f"Mean {row['mean']:.4g} {row['unit']} over {cells}.")
    if row.get("report"):
        lines.append(f"Report: {row['report']}")
    return [*lines, *row.get("notes", ()), *row.get("verdicts", ())]


def layers(
    store: StoreOption = "",
    check: Annotated[bool, typer.Option(help="Compare every file with its recorded hash.")] = False,
    as_json: Json = False,
) -> None:
    """List the layers of a store with their state: stale, missing, changed."""
    target = _store(store)
    rows = target.layers(check=check)
    if not rows:
        report(f"The store '{target.storage.shown}' holds no layer.")
    print_rows(rows, ("layer", "unit", "depth", "year", "licence", "state"), as_json=as_json)
    damaged = [row["layer"] for row in rows if row["state"] in ("changed", "missing")]
    if check and damaged:
        report(
            f"Not as the store wrote them, changed or missing: {', '.join(damaged)}. Add them again"
            " with 'ingest --refresh' or 'add-layer'."
        )
        raise typer.Exit(1)


def stock(
    store: StoreOption = "",
    to: Annotated[str, typer.Option(help="Depth of the stock, cm: 0-30, 0-100.")] = "0-30",
    points: Annotated[
        bool | None,
        typer.Option(
            "--points/--layers",
            help="Values at depths (trapezoids), or means of layers; by default as stored.",
        ),
    ] = None,
    year: Annotated[
        int | None,
        typer.Option(help="Year of the profile; the stock is then soc_stock_<year>: 2010."),
    ] = None,
    coarse_fragments: Annotated[
        float | None,
        typer.Option(help="Assume this volume share, 0 to 0.95, where no layer says it."),
    ] = None,
    bulk_density: Annotated[
        str,
        typer.Option(help="Compute it from soc where no layer says it: grigal_1989, ..."),
    ] = "",
    as_json: Json = False,
) -> None:
    """Compute the carbon stock of the soil profile in a store, and add it there as soc_stock."""
    from hotspots.ingest.stock_in_store import Assumed, stock_in_store

    # Without either option, as the layers in the store say.
    kind = None if points is None else "points" if points else "layers"
    row = stock_in_store(
        _store(store),
        to=to,
        kind=kind,
        year=year,
        assumed=Assumed(coarse_fragments, bulk_density),
        say=say,
    )
    if as_json:
        put_json(row)
        return
    put(row["message"])
    for line in row["verdicts"]:
        put(f"  {line}")


def list_variables(as_json: Json = False) -> None:
    """List the canonical variables: name, unit, meaning and valid range."""
    import pandas as pd

    from hotspots.layers.variables import table

    print_table(pd.DataFrame(table()), as_json=as_json)
