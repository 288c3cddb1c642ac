"""Validation of a map against measured sites: values at points, and error statistics.

A map cell is a mean over its land and a site is one field of it: even a perfect map differs from
its sites by the variation within a cell. `site_statistics` therefore reports, beside the error, the
sd of the measurements: a map whose RMSE is no smaller predicts the sites no better than their mean
does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyproj
import xarray as xr

from hotspots.analysis.elementwise import NODATA
from hotspots.errors import BadInputError
from hotspots.layers.array_types import ClassArgument, FloatArray, Numeric, ObjectArray, TableRow
from hotspots.layers.crs import same_crs
from hotspots.layers.grid import axis_names, grid_of
from hotspots.layers.variables import class_nodata, classes_of

if TYPE_CHECKING:
    import pandas as pd

MIN_SITES = 10  # a convention: the sd estimated from 10 sites is accurate to within a quarter
ALL = "all"
# In cells: tolerance for points on an edge whose coordinates were rounded.
_ON_THE_EDGE_DECIMALS = 9


def sample_at(layer: xr.DataArray, lon: Numeric, lat: Numeric) -> xr.DataArray:
    """Return the value of the cell that holds each point; other cells are never substituted.

    Parameters
    ----------
    layer : DataArray
        Quantity or class layer with regular (y, x) coordinates and a CRS, of any orientation;
        dask-backed layers stay lazy. Further dimensions are kept.
    lon, lat : float, sequence, array or DataArray
        Coordinates, degrees east (-180 to 360) and north in WGS 84, of one shape; NaN = missing.

    Returns
    -------
    DataArray
        The values at the points, in the unit and with the attributes of `layer`, on the dimensions
        of `lon` (a sequence gets the dimension ``point``). NaN (nodata for classes) where a
        coordinate is missing, where the point is outside the layer and where its cell has no value.

    Raises
    ------
    BadInputError
        Latitudes or longitudes out of range (swapped, most likely), or of different shapes.

    Notes
    -----
    A point on an edge belongs to the cell to its north and east, on the layer's own outer edge to
    the cell within. Longitudes that differ by 360 degrees are the same location, whichever
    meridian the layer starts from.
    """
    x, y, template = _places(lon, lat)
    grid = grid_of(layer)
    if not same_crs(grid.crs, pyproj.CRS.from_epsg(4326)):
        to_grid = pyproj.Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
        x, y = to_grid.transform(x, y)
    turn = 360 / abs(grid.transform.a) if grid.is_geographic else None
    if grid.wraps:
        # A whole number of cells, which a rounded step doesn't give.
        turn = float(grid.shape[1])
    row = _cell_index(np.asarray(y), grid.y_edges)
    column = _cell_index(np.asarray(x), grid.x_edges, turn)
    inside = (row >= 0) & (column >= 0)
    y_name, x_name = axis_names(layer)
    # Without coordinates, since those of `lon` may have the same names.
    held = layer.drop_vars([y_name, x_name]).isel(
        {
            axis: template.copy(data=np.where(inside, index, 0))
            for axis, index in ((y_name, row), (x_name, column))
        }
    )
    classes = classes_of(layer)
    within = template.copy(data=inside)
    if classes is not None and np.issubdtype(layer.dtype, np.integer):
        return held.where(within, layer.dtype.type(class_nodata(classes)))
    return held.where(within)


def site_statistics(
    *,
    observed: Numeric,
    predicted: Numeric,
    strata: ClassArgument | None = None,
    unit: str = "t_ha",
    minimum: int = MIN_SITES,
) -> pd.DataFrame:
    """Return how a map's values differ from measured ones, per stratum and over all sites.

    Parameters
    ----------
    observed, predicted : sequence, array or DataArray
        Measured and mapped value of each site, one unit, one shape; NaN is missing.
    strata : sequence, array or DataArray, optional
        Stratum of each site, by name; a class layer (as `sample_at` gives it) is read by its flags.
        NaN, None, "" and nodata make the stratum "nodata".
    unit : str
        Unit of both as it stands in the names of columns, e.g. "t_ha" (t ha-1).
    minimum : int
        Strata with fewer pairs have only their counts reported.

    Returns
    -------
    DataFrame
        A row per stratum by name, then "all": ``stratum``, ``n`` (pairs), ``n_left_out`` (sites
        with either value missing), ``mean_observed_<unit>``, ``sd_observed_<unit>`` (of the
        measurements: n - 1), ``bias_<unit>``, ``rmse_<unit>``, ``median_error_<unit>``,
        ``correlation`` (Pearson; NaN where either is constant).

    Raises
    ------
    BadInputError
        Shapes, units or depths (where both layers state them) differ; `minimum` is less than 2.

    Notes
    -----
    error_i = predicted_i - observed_i; bias = mean error (positive: the map is too high),
    RMSE² = mean of error² = bias² + variance of the error. Sites have equal weights; those of one
    study are close together, so the number of independent sites is less than ``n``.
    ``MIN_SITES`` is a convention.
    """
    import pandas as pd

    for key in ("units", "depth_cm"):
        given = [v.attrs.get(key) for v in (observed, predicted) if isinstance(v, xr.DataArray)]
        if None not in given and len(set(given)) > 1:
            raise BadInputError(
                f"The observed values have {key} '{given[0]}' and the predicted ones '{given[1]}'."
                " Bring both to the same before comparing them."
            )
    if minimum < 2:
        raise BadInputError(f"minimum is {minimum}; a spread needs 2 sites or more.")
    measured = np.asarray(observed, dtype="float64").ravel()
    mapped = np.asarray(predicted, dtype="float64").ravel()
    names = _stratum_names(strata, measured.size)
    if not np.shape(observed) == np.shape(predicted) or len(names) != measured.size:
        raise BadInputError(
            f"There are {measured.size} observed and {mapped.size} predicted values and"
            f" {len(names)} strata; give one of each for every site."
        )
    groups = [(name, names == name) for name in sorted(set(names.tolist()))]
    if strata is None:
        groups = []
    groups.append((ALL, np.full(measured.size, True)))
    rows = [
        {"stratum": name} | _statistics(measured[of], mapped[of], unit, minimum)
        for name, of in groups
    ]
    return pd.DataFrame(rows)


def _statistics(observed: FloatArray, predicted: FloatArray, unit: str, minimum: int) -> TableRow:
    both = np.isfinite(observed) & np.isfinite(predicted)
    x, error = observed[both], (predicted - observed)[both]
    enough = x.size >= minimum
    figures = {
        f"mean_observed_{unit}": x.mean() if enough else np.nan,
        f"sd_observed_{unit}": x.std(ddof=1) if enough else np.nan,
        f"bias_{unit}": error.mean() if enough else np.nan,
        f"rmse_{unit}": np.sqrt((error**2).mean()) if enough else np.nan,
        f"median_error_{unit}": np.median(error) if enough else np.nan,
        "correlation": _correlation(x, predicted[both]) if enough else np.nan,
    }
    counts = {"n": int(both.sum()), "n_left_out": int((~both).sum())}
    return counts | {name: float(value) for name, value in figures.items()}


def _correlation(x: FloatArray, y: FloatArray) -> float:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    # Scaled to 1 before they are squared, so that tiny spreads don't vanish.
    a, b = ((v - v.mean()) / np.ptp(v) for v in (x, y))
    return float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()))


def _stratum_names(strata: ClassArgument | None, size: int) -> ObjectArray:
    if strata is None:
        return np.full(size, ALL, dtype=object)
    classes = classes_of(strata) if isinstance(strata, xr.DataArray) else None
    values = np.asarray(strata).ravel().tolist()
    known = [v is not None and v == v and v != "" for v in values]
    if classes is None:
        named = [str(v) if k else NODATA for v, k in zip(values, known, strict=True)]
    else:
        # Looked up as they are: fractions and infinities aren't classes.
        named = [
            classes.get(v, NODATA) if k else NODATA for v, k in zip(values, known, strict=True)
        ]
    return np.array(named, dtype=object)


def _places(lon: Numeric, lat: Numeric) -> tuple[FloatArray, FloatArray, xr.DataArray]:
    """Return longitude, latitude and a DataArray of their dimensions and coordinates."""
    if np.shape(lon) != np.shape(lat):
        raise BadInputError(
            f"lon has the shape {np.shape(lon)} and lat {np.shape(lat)}; give one of each a point."
        )
    x, y = (np.asarray(values, dtype="float64") for values in (lon, lat))
    for name, values, low, high in (("lat", y, -90, 90), ("lon", x, -180, 360)):
        bad = values[(values < low) | (values > high)]
        if bad.size:
            raise BadInputError(
                f"{name} has the value {bad.flat[0]:g}; allowed is {low} to {high} degrees. Check"
                " that longitude and latitude aren't swapped, nor projected coordinates."
            )
    if isinstance(lon, xr.DataArray):
        return x, y, lon
    if x.ndim > 1:
        raise BadInputError(
            f"lon has {x.ndim} dimensions; give a list, or a DataArray to keep its."
        )
    return x, y, xr.DataArray(x, dims=("point",) if x.ndim else ())


def _cell_index(
    values: FloatArray, edges: FloatArray, turn: float | None = None
) -> npt.NDArray[np.intp]:
    """Return the index of the cell between `edges` that holds each value, -1 where none does.

    `turn` is 360 degrees in cells, on the axis of longitude.
    """
    n = edges.size - 1
    falling = edges[0] > edges[-1]
    step = abs(edges[-1] - edges[0]) / n
    at = np.round((values - min(edges[0], edges[-1])) / step, _ON_THE_EDGE_DECIMALS)
    if turn is not None:
        at = np.round(at % turn, _ON_THE_EDGE_DECIMALS)
        # Rounding may give a whole turn, which is where it starts.
        at = np.where(at >= turn, 0.0, at)
    held = np.where(at == n, n - 1, np.floor(at))
    inside = np.isfinite(at) & (at >= 0) & (at <= n)
    index = np.where(inside, held, 0).astype(np.intp)
    return np.where(inside, n - 1 - index if falling else index, -1)
