"""One variable of a NetCDF file or a Zarr store as a raster, placed by its own coordinates."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyproj
import rioxarray  # noqa: F401  (registers the .rio accessor for the CRS)
import xarray as xr
from affine import Affine

from hotspots.errors import RasterError, near_matches
from hotspots.io.rasters.cf_axes import Axis, axis_of, horizontal_dimensions, to_crs_unit
from hotspots.io.rasters.cf_values import as_stored, decoding_of, stored_type
from hotspots.io.rasters.placing import (
    agrees_with_curvilinear,
    curvilinear,
    grid_of_attributes,
    require_explained,
)
from hotspots.io.rasters.steps import Step, steps_along
from hotspots.io.rasters.stored import Decoding, Described, Placement, Window
from hotspots.io.readers.hdf5 import DAMAGE, unreadable
from hotspots.io.readers.netcdf import open_netcdf, open_zarr_store
from hotspots.io.readers.zarr_store import is_zarr
from hotspots.layers.array_types import AnyArray, Attributes, BoolArray

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

DEGREES = "EPSG:4326"
_TAGS_OF_FILE = (
    "year",
    "depth_cm",
    "guidelines",
    "source",
    "citation",
    "licence",
    "license",
    "url",
    "doi",
)


@contextmanager
def opened_as_stored(path: str | Path) -> Iterator[xr.Dataset]:
    """Hold a NetCDF file or Zarr store open, undecoded; damage becomes `RasterError`.

    Raises
    ------
    BadInputError
        See `hotspots.io.readers.netcdf`.
    RasterError
        The file can't be read.
    """
    path = Path(path)
    try:
        data = _opened(path)
    except ImportError as error:
        raise RasterError(
            f"'{path}' is Zarr that needs the package 'zarr' to be read. Install it (pip install"
            " zarr), or write the layer as GeoTIFF."
        ) from error
    except DAMAGE as error:
        raise _damaged(path, error) from error
    with data:
        yield data


def _opened(path: Path, group: str = "") -> xr.Dataset:
    options: Attributes = {"mask_and_scale": False, "decode_times": False, "decode_coords": "all"}
    if group:
        options["group"] = group
    if is_zarr(path):
        return open_zarr_store(path, **options)
    return open_netcdf(path, **options)


def _damaged(path: Path, error: Exception) -> RasterError:
    if isinstance(error, RasterError):
        return error
    if not is_zarr(path):
        return unreadable(path, error)
    said = str(error).strip().splitlines()
    return RasterError(
        f"'{path}' can't be read as Zarr; it may be damaged or not whole"
        f" ({said[0][:200].rstrip('.') if said else type(error).__name__}). Copy or write it again."
    )


def rasters_in(data: xr.Dataset) -> list[str]:
    """Return the names of the variables that have two dimensions or more and aren't coordinates."""
    # Bounds and coordinates that no attribute names as such aren't layers.
    named = {
        str(data[name].attrs.get(key, ""))
        for name in data.variables
        for key in ("bounds", "climatology")
    }
    return [
        str(name)
        for name, layer in data.data_vars.items()
        if layer.ndim >= 2 and layer.dtype.kind in "iufb" and str(name) not in named
    ]


@dataclass(frozen=True)
class CfRaster:
    """One variable of an opened NetCDF file or Zarr store; see `stored.RasterFile`.

    Attributes
    ----------
    path : Path
    data : Dataset
        As `opened_as_stored` gives it.
    name : str
        The variable.
    """

    path: Path
    data: xr.Dataset
    name: str

    @cached_property
    def layer(self) -> xr.DataArray:
        """The variable."""
        if self.name not in self.data.data_vars:
            names = rasters_in(self.data)
            raise RasterError(
                f"'{self.path}' has no variable '{self.name}'"
                f"{near_matches(self.name, names) or '.'} It has: {', '.join(names) or 'none'}."
            )
        return self.data[self.name]

    @cached_property
    def dims(self) -> tuple[str, str]:
        """The dimensions of (y, x)."""
        return horizontal_dimensions(self.layer)

    @property
    def others(self) -> tuple[str, ...]:
        """The dimensions besides (y, x), in the order of the file."""
        return tuple(str(dim) for dim in self.layer.dims if dim not in self.dims)

    @cached_property
    def along(self) -> str:
        """The only dimension besides (y, x) with more than one step; "" if there isn't one."""
        several = [dim for dim in self.others if self.layer.sizes[dim] > 1]
        return several[0] if len(several) == 1 else ""

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """See `stored.RasterFile`; several further dimensions are counted as in C, last fastest."""
        count = math.prod(self.layer.sizes[dim] for dim in self.others)
        dim = self.along or (self.others[0] if len(self.others) == 1 else "")
        if not dim or dim not in self.layer.coords:
            return (Step(),) * count
        axis = self.layer.coords[dim]
        key = axis.attrs.get("bounds") or axis.attrs.get("climatology")
        key = key or axis.encoding.get("bounds") or axis.encoding.get("climatology")
        return steps_along(axis, self.data.get(str(key)) if key else None)

    def placement(self, crs: str = "") -> Placement:
        """See `stored.RasterFile`."""
        y, x = self._axes()
        stated, notes = self._crs()
        used = pyproj.CRS.from_user_input(crs) if crs else stated
        follows = used is None and _degrees(y, x)
        if follows:
            used = pyproj.CRS.from_user_input(DEGREES)
        rows, columns = (1.0, 1.0) if used is None else (to_crs_unit(y, used), to_crs_unit(x, used))
        (top, down), (left, across) = y.scaled(rows), x.scaled(columns)
        transform = Affine(across, 0, left, 0, down, top)
        found = Placement(transform, (y.size, x.size), used, follows and stated is None, notes)
        self._require_consistent(found, y, x)
        return Placement(
            transform, found.shape, used, found.crs_follows, (*notes, *self._notes(found, y, x))
        )

    def _axes(self) -> tuple[Axis, Axis]:
        y, x = self.dims
        given = grid_of_attributes(self.layer)
        steps = (None, None) if given is None else (given.e, given.a)
        return (
            axis_of(self.layer, self.data, y, self._of_single(y, x, steps, 0)),
            axis_of(self.layer, self.data, x, self._of_single(y, x, steps, 1)),
        )

    def _of_single(
        self, y: str, x: str, steps: tuple[float | None, float | None], which: int
    ) -> float | None:
        """Return the step of a single row (0) or column (1) by GeoTransform, unless it is stale."""
        other = (x, y)[which]
        if self.layer.sizes[other] > 1 and steps[1 - which] is not None:
            # The other axis shows whether the attribute still belongs to these cells.
            along = axis_of(self.layer, self.data, other)
            if abs(abs(along.step) - abs(steps[1 - which] or 0)) > 0.01 * abs(along.step):
                return None
        return steps[which]

    def _crs(self) -> tuple[pyproj.CRS | None, tuple[str, ...]]:
        """Return the CRS of the grid mapping; of the file's only one if the layer names none."""
        try:
            own = self.layer.rio.crs
            if own is not None:
                return pyproj.CRS.from_user_input(own), ()
            if "_CRS" in self.layer.attrs:
                return pyproj.CRS.from_user_input(_of_gdal(self.layer.attrs["_CRS"])), ()
            mappings = [n for n, v in self.data.variables.items() if _is_mapping(v.attrs)]
            if len(mappings) != 1:
                return None, ()
            found = pyproj.CRS.from_cf(dict(self.data[mappings[0]].attrs))
        except (pyproj.exceptions.CRSError, ValueError, KeyError, TypeError) as error:
            raise RasterError(
                f"'{self.path}' has a grid mapping that isn't a CRS"
                f" ({str(error).splitlines()[0][:120]}). Declare the CRS: --crs EPSG:4326."
            ) from error
        return found, (f"The CRS is that of the file's only grid mapping, '{mappings[0]}'.",)

    def _require_consistent(self, found: Placement, y: Axis, x: Axis) -> None:
        """Raise `RasterError` if other statements of the file place its cells elsewhere."""
        pair = curvilinear(self.data, self.layer, self.dims)
        if pair is not None:
            agrees_with_curvilinear(self.path, self.name, found, pair)
        if not is_zarr(self.path):
            unusual = y.from_bounds or x.from_bounds or x.turned
            unusual |= found.crs is not None and _scaled(y, x, found.crs)
            require_explained(self.path, self.name, found, self.layer, self.dims, unusual=unusual)

    def _notes(self, found: Placement, y: Axis, x: Axis) -> Iterator[str]:
        if y.from_bounds or x.from_bounds:
            yield "The coordinates aren't the cells' centres; their bounds place the cells."
        if found.crs is not None:
            for axis in (y, x):
                factor = to_crs_unit(axis, found.crs)
                if factor != 1:
                    yield f"The axis '{axis.name}' is in {axis.unit}, converted by {factor:g}."
        given = grid_of_attributes(self.layer)
        if given is not None and not _near(given, found.transform, found.shape):
            yield (
                f"Its attribute GeoTransform ({given.c:g}, {given.f:g}; cells of {given.a:g} x"
                f" {given.e:g}) doesn't fit its coordinates, which were used."
            )

    def described(self, band: int = 1) -> Described:
        """See `stored.RasterFile`."""
        attrs = {str(k).casefold(): v for k, v in (self.data.attrs | self.layer.attrs).items()}
        notes = []
        for key in ("valid_range", "valid_min", "valid_max"):
            if key in self.layer.attrs:
                shown = " to ".join(f"{v:g}" for v in np.atleast_1d(self.layer.attrs[key]).tolist())
                notes.append(f"Numbers outside its {key} ({shown}) are missing.")
        unit = str(self.layer.attrs.get("units", ""))
        return Described(self.name, unit, str(stored_type(self.layer)), attrs, tuple(notes))

    def decoding(self, band: int) -> Decoding:
        """See `stored.RasterFile`."""
        return decoding_of(self.layer)

    def read(self, bands: Sequence[int], window: Window | None) -> AnyArray:
        """See `stored.RasterFile`."""
        y, x = self.dims
        (top, bottom), (left, right) = window or (
            (0, self.layer.sizes[y]),
            (0, self.layer.sizes[x]),
        )
        shape = [self.layer.sizes[dim] for dim in self.others]
        kind = stored_type(self.layer)
        out = np.empty((len(bands), bottom - top, right - left), dtype=kind)
        for i, band in enumerate(bands):
            at = np.unravel_index(band - 1, shape) if shape else ()
            place = {dim: int(n) for dim, n in zip(self.others, at, strict=True)}
            part = self.layer.isel({**place, y: slice(top, bottom), x: slice(left, right)})
            try:
                out[i] = as_stored(part.transpose(y, x).values, kind)
            except DAMAGE as error:
                raise _damaged(self.path, error) from error
        return out

    def inside(self, bands: Sequence[int], window: Window | None) -> BoolArray | None:
        """See `stored.RasterFile`; these formats have no masks."""
        return None

    @contextmanager
    def for_gdal(self) -> Iterator[DatasetReader]:
        """See `stored.RasterFile`; a copy as GeoTIFF, kept until the program ends."""
        from hotspots.io.rasters.copies import geotiff_copy
        from hotspots.io.readers.rasters import geotiff

        with geotiff(geotiff_copy(self, self.path, self.name)) as file:
            yield file


def _of_gdal(stated: object) -> object:
    """Return the CRS in GDAL's attribute of Zarr arrays, which has it in several notations."""
    if isinstance(stated, dict):
        return next((stated[key] for key in ("wkt", "projjson", "url") if key in stated), "")
    return stated


def _is_mapping(attrs: Attributes) -> bool:
    return bool({"grid_mapping_name", "crs_wkt", "spatial_ref"} & set(attrs))


def _degrees(y: Axis, x: Axis) -> bool:
    """Return whether axes are longitude and latitude, by their units, else by their names."""
    if y.unit or x.unit:
        return y.in_degrees and x.in_degrees
    return y.name.casefold().startswith("lat") and x.name.casefold().startswith("lon")


def _scaled(y: Axis, x: Axis, crs: pyproj.CRS) -> bool:
    return to_crs_unit(y, crs) != 1 or to_crs_unit(x, crs) != 1


def _near(one: Affine, other: Affine, shape: tuple[int, int]) -> bool:
    """Return whether two transforms agree at the corners, to a hundredth of a cell."""
    rows, columns = shape
    size = max(abs(other.a), abs(other.e))
    ends = [(0, 0), (columns, rows)]
    return all(
        math.dist(one * end, other * end) <= 0.01 * size + 1e-9 * max(map(abs, other * end))
        for end in ends
    )


def open_cf(path: str | Path, name: str) -> Iterator[CfRaster]:
    """Yield one variable of a file; see `opened_as_stored`."""
    group, _, variable = name.rpartition("/")
    path = Path(path)
    if not group.strip("/"):
        with opened_as_stored(path) as data:
            yield CfRaster(path, data, variable)
        return
    try:
        data = _opened(path, group)
    except DAMAGE as error:
        raise _damaged(path, error) from error
    with data:
        yield CfRaster(path, data, variable)


cf_raster = contextmanager(open_cf)
