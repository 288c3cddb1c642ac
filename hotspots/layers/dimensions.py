"""The third dimension of layers: months of a year, consecutive months or soil depths.

In a NetCDF file it is a dimension of the variable; in a GeoTIFF each step is a band with
the layer's name as description, and the labels are in the file's tags.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from hotspots.errors import GridMismatchError, RasterError
from hotspots.layers.array_types import AnyArray
from hotspots.layers.grid import axis_names
from hotspots.layers.variables import PROFILES

MONTH, TIME, DEPTH, THICKNESS = "month", "time", "depth", "thickness"
_MONTHS = 12
_MONTHLY = ("air_temperature", "precipitation", "evaporation", "plant_cover")
_BY_NAME = {
    **dict.fromkeys(_MONTHLY, MONTH),
    **{f"warm_up_{name}": TIME for name in _MONTHLY},
    **{
        f"{name}{bound}": DEPTH
        for name in (*PROFILES, "soc_density")
        for bound in ("", "_lower", "_upper")
    },
    "soc_density_error": DEPTH,
}
LABELS = (MONTH, TIME, DEPTH, THICKNESS)


def third_dimension(name: str) -> str | None:
    """Return the dimension that a layer of this name may have besides (y, x), or None."""
    return _BY_NAME.get(name)


def labelled(layer: xr.DataArray, given: xr.DataArray) -> xr.DataArray:
    """Return `layer` with the labels of its third dimension taken from `given` and validated.

    Raises
    ------
    RasterError
        Not the months 1 to 12, a time that can't be read or isn't increasing, depths without
        thickness.
    """
    dim = third_dimension(str(layer.name))
    if dim is None or dim not in layer.dims:
        return layer
    check = {MONTH: _by_month, TIME: _by_time, DEPTH: _by_depth}[dim]
    return check(layer, given)


def _by_month(layer: xr.DataArray, given: xr.DataArray) -> xr.DataArray:
    months = np.arange(1, _MONTHS + 1)
    labels = given[MONTH].values if MONTH in given.coords else months
    if layer.sizes[MONTH] != _MONTHS or sorted(np.atleast_1d(labels).tolist()) != months.tolist():
        listed = ", ".join(map(str, np.atleast_1d(labels).tolist()[:13]))
        raise RasterError(
            f"Layer '{layer.name}' has {layer.sizes[MONTH]} steps along 'month', labelled {listed};"
            " the 12 months of a year are needed, labelled 1 to 12."
        )
    # In calendar order, then 1 to 12 as integers: labels from GeoTIFF tags are floats.
    return layer.assign_coords({MONTH: labels}).sortby(MONTH).assign_coords({MONTH: months})


def _by_time(layer: xr.DataArray, given: xr.DataArray) -> xr.DataArray:
    if TIME not in given.coords:
        return layer.assign_coords({TIME: np.arange(layer.sizes[TIME])})
    labels = given[TIME].drop_attrs().values
    if "units" in given[TIME].attrs:  # files are opened without decoding their times
        try:
            labels = xr.decode_cf(xr.Dataset({TIME: given[TIME].variable}))[TIME].values
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise RasterError(
                f"The time of layer '{layer.name}' is in '{given[TIME].attrs['units']}', which"
                " can't be read. Write it as 'days since 2000-01-01', or without units."
            ) from error
    if not (labels[1:] > labels[:-1]).all():
        raise RasterError(f"The time of layer '{layer.name}' doesn't rise. Sort its steps.")
    return layer.assign_coords({TIME: labels})


def _by_depth(layer: xr.DataArray, given: xr.DataArray) -> xr.DataArray:
    thickness = given.coords.get(THICKNESS)
    values = np.array([]) if thickness is None else np.asarray(thickness.values, dtype="float64")
    if values.shape != (layer.sizes[DEPTH],) or not (values > 0).all():
        raise RasterError(
            f"Layer '{layer.name}' has {layer.sizes[DEPTH]} soil layers along 'depth', without"
            " a thickness. Give a coordinate 'thickness' along 'depth', in cm."
        )
    depth = given[DEPTH].values if DEPTH in given.coords else np.arange(len(values))
    return layer.assign_coords({DEPTH: depth, THICKNESS: (DEPTH, values)})


def require_dimensions(data: xr.Dataset) -> None:
    """Raise `RasterError` where a layer has a dimension that its name excludes, or is incomplete.

    For data created in memory; data from files has passed `labelled`.
    """
    y, x = axis_names(data)
    for name, layer in data.data_vars.items():
        along = third_dimension(str(name))
        others = [str(dim) for dim in layer.dims if dim not in (y, x, along)]
        if others:
            allowed = f"'{along}' and (y, x)" if along else "(y, x)"
            raise RasterError(
                f"Layer '{name}' has {layer.sizes[others[0]]} steps along '{others[0]}', where"
                f" {allowed} alone are allowed. Choose one step, or rename the dimension."
            )
        checked = labelled(layer, layer)
        if along in layer.coords and (layer[along].values != checked[along].values).any():
            raise RasterError(f"The months of layer '{name}' aren't in order. Sort them, 1 to 12.")


def stacked(layers: list[xr.DataArray]) -> list[xr.DataArray]:
    """Return the bands of a file, those of one name stacked along its third dimension."""
    by_name: dict[str, list[xr.DataArray]] = {}
    for layer in layers:
        by_name.setdefault(str(layer.name), []).append(layer)
    out = []
    for name, bands in by_name.items():
        dim = third_dimension(name)
        out += [_stack(bands, dim)] if dim and _is_stack(bands, dim) else bands
    return out


def _is_stack(bands: list[xr.DataArray], dim: str) -> bool:
    """Return whether bands lie along `dim`: several of one name, or one with label tags."""
    return len(bands) > 1 or (dim in bands[0].attrs)


def _stack(bands: list[xr.DataArray], dim: str) -> xr.DataArray:
    tags = bands[0].attrs
    bare = [band.drop_attrs(deep=False) for band in bands]
    out = xr.concat(bare, dim).assign_attrs({k: v for k, v in tags.items() if k not in LABELS})
    if dim in tags:
        out = out.assign_coords({dim: _from_text(dim, str(tags[dim]))})
    if dim == DEPTH and THICKNESS in tags:
        thickness = _from_text(THICKNESS, str(tags[THICKNESS]))
        if len(thickness) != len(bands):
            raise RasterError(
                f"Layer '{bands[0].name}' has {len(bands)} bands and {len(thickness)} values in"
                " its tag 'thickness'. Give one for each band, in cm."
            )
        out = out.assign_coords({THICKNESS: (DEPTH, thickness)})
    return out


def labels_as_text(layer: xr.DataArray) -> dict[str, str]:
    """Return the labels of a layer's third dimension as tags, to be read by `stacked`."""
    dim = third_dimension(str(layer.name))
    if dim is None or dim not in layer.dims:
        return {}
    names = [dim, THICKNESS] if dim == DEPTH else [dim]
    return {
        name: " ".join(
            map(
                str,
                layer[name].values.tolist()
                if layer[name].dtype.kind != "M"
                else np.datetime_as_string(layer[name].values, unit="s").tolist(),
            )
        )
        for name in names
    }


def _from_text(name: str, text: str) -> AnyArray:
    try:
        if name == TIME and "T" in text:
            return np.array(text.split(), dtype="datetime64[ns]")
        return np.array([float(word) for word in text.replace(",", " ").split()])
    except ValueError as error:
        raise RasterError(
            f"The tag '{name}' says '{text[:60]}', where numbers are needed, one for each band."
        ) from error


def require_same_labels(data: xr.Dataset, layer: xr.DataArray) -> None:
    """Raise `GridMismatchError` unless a layer's third dimension equals that in `data`.

    xarray would keep its existing labels and fill the others with missing values.
    """
    for name in LABELS:
        if name in data.coords and name in layer.coords:
            labels, expected = layer[name].values, data[name].values
            if labels.shape != expected.shape or (labels != expected).any():
                raise GridMismatchError(
                    f"Layer '{layer.name}' has other steps along '{layer[name].dims[0]}' (in"
                    f" '{name}') than a layer before it. Bring the layers to the same steps first."
                )
