"""What is declared of a layer: the options that `add-layer` and `check` share."""

from __future__ import annotations

from typing import Annotated

import typer

As = Annotated[
    str, typer.Option("--as", help="Canonical variable; by default the names in the file.")
]
Unit = Annotated[str, typer.Option(help="Unit of the values: 'kg m-2'; by default the file's own.")]
Depth = Annotated[str, typer.Option(help="Depth, cm: 0-30 (a layer) or 15 (a point).")]
Year = Annotated[
    int | None,
    typer.Option(help="Year of the values; selects the time step of a file with years."),
]
Nodata = Annotated[
    float | None,
    typer.Option(help="Stored number that means missing; by default the file's own."),
]
Scale = Annotated[
    float | None,
    typer.Option(help="value = stored x scale + offset; by default the file's own."),
]
Offset = Annotated[float | None, typer.Option(help="See --scale; by default the file's own.")]
Band = Annotated[
    int | None,
    typer.Option(help="Band, from 1; required if a file has several that aren't months."),
]
Crs = Annotated[str, typer.Option(help="CRS of a file without one: EPSG:4326.")]
Subdataset = Annotated[str, typer.Option(help="Variable of a NetCDF file or Zarr.")]
Column = Annotated[
    str, typer.Option(help="Column of a table or of polygons that holds the values.")
]
Cell = Annotated[
    float | None,
    typer.Option(help="Cell size for polygons or sparse points, in units of their CRS."),
]
Legend = Annotated[str, typer.Option(help="Legend of classes: esa-cci, igbp, ...")]
Guidelines = Annotated[str, typer.Option(help="For climate zones: 2006 or 2019.")]
Level = Annotated[
    str, typer.Option(help="For a lower or upper bound: share of cases in the interval, 0.95.")
]
Support = Annotated[str, typer.Option(help="For errors: of a point, or of the mean of a cell.")]
