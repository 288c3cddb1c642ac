"""A folder of harmonised layers: cloud-optimised GeoTIFFs under a static STAC catalogue.

::

    store/
      catalog.json                          the catalogue: the one file that changes
      soc_stock/8f3a61c2d9e04b71.tif        a layer, named by its own hash
      soc_stock/8f3a61c2d9e04b71.json       its STAC item

Layers and items never change once written; adding a layer writes new ones and then replaces
``catalog.json`` in one step. So a run that is killed at any point leaves the former store, and a
reader that opened a layer before it was replaced can finish: what no catalogue names any more is
removed by the next `add`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from hotspots.errors import EmptyRegionError, RasterError, WriteError, near_matches
from hotspots.files import OF_THE_DISK, file_hash, lock
from hotspots.grid import grid_of
from hotspots.ingest.access import permitted, quiet_libtiff
from hotspots.ingest.dimensions import labels_as_text, stacked
from hotspots.ingest.geotiff import read_geotiff
from hotspots.ingest.harmonise import crs_text, harmonise
from hotspots.ingest.open import on_one_grid
from hotspots.ingest.stac import stac_item
from hotspots.variables import class_nodata, how_to_set, variable

CATALOGUE = "catalog.json"
REQUIRED = ("source", "citation", "licence")
_ID_LENGTH = 16
_ROWS_AT_ONCE = 1024
_BLOCK = 512


class Store:
    """A folder of layers.

    Parameters
    ----------
    path : path
        The folder; made by the first `add`, not before.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    def names(self) -> list[str]:
        """Return the names of the layers, sorted; an absent or empty folder has none."""
        return sorted(self._items())

    def hashes(self) -> dict[str, str]:
        """Return name -> SHA-256 (hex) of the layer's file, as written in the catalogue."""
        return {
            name: str(self._asset(name)["file:checksum"]).removeprefix("1220")
            for name in self.names()
        }

    def file(self, name: str) -> Path:
        """Return the path of a layer's GeoTIFF, or raise `RasterError` with near matches."""
        return (self.path / self._href(name)).parent / str(self._asset(name)["href"])

    def add(self, layer: xr.DataArray) -> None:
        """Write `layer` into the store, in the place of a former layer of its name.

        Parameters
        ----------
        layer : DataArray
            Dimensions (y, x) or (lat, lon), and ``month``, ``time`` or ``depth`` where its name
            goes along that; a CRS, a canonical name and unit; ``attrs`` say ``source``,
            ``citation`` and ``licence``. May be dask-backed: it is computed in strips.

        Raises
        ------
        RasterError
            One of these is missing, or the folder can't be written (permission, a file there).
        WriteError
            The disk is full or fails. The store is as it was, after either.
        """
        canonical = harmonise(layer)
        name = str(canonical.name)
        for key in REQUIRED:
            if not canonical.attrs.get(key):
                raise RasterError(
                    f"Layer '{name}' doesn't say its {key}, without which no number may leave."
                    f" {how_to_set(name, key, '...')}"
                )
        try:
            with self._locked():
                self._sweep()
                folder = self.path / name
                folder.mkdir(exist_ok=True)
                aside = folder / ".part.tif"
                _write_cog(canonical, aside)
                digest = file_hash(aside)
                target = folder / f"{digest[:_ID_LENGTH]}.tif"
                os.replace(aside, target)
                item = stac_item(canonical, target, digest)
                _write_json(target.with_suffix(".json"), item.to_dict(include_self_link=False))
                self._publish(name, f"./{name}/{target.stem}.json")
        except OSError as error:
            kind = WriteError if error.errno in OF_THE_DISK else RasterError
            raise kind(_unwritable(self.path, error.strerror or str(error))) from error

    def open(
        self,
        names: Sequence[str] | None = None,
        bounds: tuple[float, float, float, float] | None = None,
    ) -> xr.Dataset:
        """Open layers as one Dataset.

        Parameters
        ----------
        names : sequence of str, optional
            Layers to open; default all.
        bounds : (west, south, east, north) in degrees, optional
            Cells that touch this box. West > east crosses the antimeridian; then all columns
            are given, for the two parts have no common run of columns.

        Returns
        -------
        Dataset
            As of `open_data`, with ``attrs["sha256"]`` on each layer.

        Raises
        ------
        RasterError
            A name isn't in the store, or a file is spoilt.
        GridMismatchError
            The layers don't share one grid.
        EmptyRegionError
            The box meets no cell.
        """
        wanted = self.names() if names is None else list(names)
        if not wanted:
            raise RasterError(
                f"The store '{self.path}' holds no layer. Add one first:"
                f" hotspots add-layer FILE --store {self.path}"
            )
        hashes = self.hashes()
        layers = []
        for name in wanted:
            (layer,) = stacked(read_geotiff(self.file(name)))
            layers.append(harmonise(layer).assign_attrs(sha256=hashes[name]))
        data = on_one_grid(layers)
        return data if bounds is None else _clipped(data, bounds)

    def _href(self, name: str) -> str:
        items = self._items()
        if name not in items:
            raise RasterError(
                f"The store '{self.path}' has no layer '{name}'"
                f"{near_matches(name, items) or '.'}"
                f" It holds: {', '.join(sorted(items)) or 'none'}."
            )
        return items[name]

    def _asset(self, name: str) -> dict[str, Any]:
        path = self.path / self._href(name)
        try:
            asset = _read_json(path)["assets"]["data"]
            return {key: asset[key] for key in ("href", "file:checksum")}
        except (KeyError, TypeError) as error:
            raise RasterError(
                f"'{path}' is not the item of a layer as a store has them. Add '{name}' anew."
            ) from error

    def _items(self) -> dict[str, str]:
        """Return name -> item file, relative to the store, as the catalogue has them."""
        with permitted(self.path):
            if not (self.path / CATALOGUE).is_file():
                return {}
        try:
            links = _read_json(self.path / CATALOGUE)["links"]
            return {str(x["title"]): str(x["href"]) for x in links if x["rel"] == "item"}
        except (KeyError, TypeError) as error:
            raise RasterError(
                f"'{self.path}' is no store of layers: its {CATALOGUE} lists no layers by name and"
                " file. Give a folder that 'hotspots add-layer' has filled, or a new one."
            ) from error

    def _publish(self, name: str, href: str) -> None:
        """Replace the catalogue by one that has `href` for `name`: the moment a layer is added."""
        import pystac

        catalogue = pystac.Catalog(
            id="hotspots-store",
            description="Soil layers with canonical names and units; see each item's licence.",
            catalog_type=pystac.CatalogType.SELF_CONTAINED,
        )
        catalogue.clear_links()
        catalogue.add_link(pystac.Link("root", "./catalog.json", pystac.MediaType.JSON))
        for title, target in sorted((self._items() | {name: href}).items()):
            catalogue.add_link(pystac.Link("item", target, pystac.MediaType.GEOJSON, title=title))
        _write_json(self.path / CATALOGUE, catalogue.to_dict(include_self_link=False))

    def _sweep(self) -> None:
        """Remove what the catalogue doesn't name: former versions, and what a killed run left."""
        named = {(self.path / href).resolve() for href in self._items().values()}
        for folder in (p for p in self.path.iterdir() if p.is_dir() and _is_layer_name(p.name)):
            for file in folder.iterdir():
                ours = file.suffix in (".tif", ".json") or file.name.startswith(".part")
                if ours and file.with_suffix(".json").resolve() not in named:
                    file.unlink()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes from adding; the lock ends with the process, however it ends."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("w") as file:
            lock(file.fileno())
            yield


def _is_layer_name(name: str) -> bool:
    try:
        variable(name)
    except RasterError:
        return False
    return True


def _write_cog(layer: xr.DataArray, path: Path) -> None:
    """Write a layer of `harmonise` as a cloud-optimised GeoTIFF."""
    import rasterio.shutil
    from rasterio._err import CPLE_BaseError  # what closing a file on a full disk raises

    is_class = variable(str(layer.name)).classes is not None
    plain = path.with_name(".part.plain.tif")
    said: list[str] = []
    try:
        with rasterio.Env(), quiet_libtiff() as said:
            _write_plain(layer, plain)
            # Average and mode are for looking at; no number is ever taken from an overview.
            rasterio.shutil.copy(
                plain, path, driver="COG", COMPRESS="DEFLATE", PREDICTOR="YES", BLOCKSIZE=_BLOCK,
                OVERVIEW_RESAMPLING="MODE" if is_class else "AVERAGE", BIGTIFF="IF_SAFER",
            )  # fmt: skip
    except (rasterio.errors.RasterioError, CPLE_BaseError) as error:
        path.unlink(missing_ok=True)  # it would take the space that is lacking
        reason = said[0].split(": ")[-1] if said else str(error)
        raise WriteError(_unwritable(path.parents[1], reason)) from error
    finally:
        plain.unlink(missing_ok=True)


def _write_plain(layer: xr.DataArray, path: Path) -> None:
    """Write a layer as a GeoTIFF without overviews, computing it strip by strip."""
    import rasterio

    grid = grid_of(layer)
    classes = variable(str(layer.name)).classes
    nodata = class_nodata(classes) if classes else np.nan
    rows, columns = grid.shape
    bands = list(range(1, int(np.prod(layer.shape[:-2])) + 1))
    with rasterio.open(
        path, "w", driver="GTiff", width=columns, height=rows, count=len(bands),
        dtype=str(layer.dtype), crs=crs_text(grid.crs), transform=grid.transform, nodata=nodata,
        tiled=True, blockxsize=_BLOCK, blockysize=_BLOCK, BIGTIFF="IF_SAFER",
    ) as file:  # fmt: skip
        for top in range(0, rows, _ROWS_AT_ONCE):
            strip = layer.isel(y=slice(top, top + _ROWS_AT_ONCE)).values
            strip = strip.reshape(len(bands), -1, columns)
            file.write(strip, bands, window=((top, top + strip.shape[1]), (0, columns)))
        for band in bands:
            file.set_band_description(band, str(layer.name))
            if not classes:
                file.set_band_unit(band, str(layer.attrs["units"]))
        file.update_tags(**_tags(layer))


def _unwritable(path: Path, reason: str) -> str:
    return (
        f"The store '{path}' can't be written ({reason.rstrip('.')}); it is as it was. Mend that,"
        " or give another folder."
    )


def _tags(layer: xr.DataArray) -> dict[str, str]:
    tags = {"variable": str(layer.name)}
    for key, value in layer.attrs.items():
        if key == "sha256":  # of the store that the layer was opened from
            continue
        told = " ".join(map(str, value)) if isinstance(value, list | tuple | np.ndarray) else value
        tags[str(key)] = str(told)
    return tags | labels_as_text(layer)


def _clipped(data: xr.Dataset, bounds: tuple[float, float, float, float]) -> xr.Dataset:
    west, south, east, north = bounds
    if south >= north or west == east:
        raise EmptyRegionError(
            f"The box {west:g},{south:g},{east:g},{north:g} is empty. South must be below north and"
            " west differ from east."
        )
    grid = grid_of(data)
    if west > east:
        west, east = -180.0, 180.0
    if not grid.is_geographic:
        from rasterio.warp import transform_bounds

        west, south, east, north = transform_bounds(
            "EPSG:4326", crs_text(grid.crs), west, south, east, north
        )
    columns = (grid.x_edges[:-1] < east) & (grid.x_edges[1:] > west)
    rows = (grid.y_edges[1:] < north) & (grid.y_edges[:-1] > south)
    if not columns.any() or not rows.any():
        raise EmptyRegionError(
            f"The box {','.join(f'{b:g}' for b in bounds)} meets no cell of the layers, which span"
            f" {','.join(f'{b:g}' for b in grid.bounds)}."
        )
    out = data.isel(y=np.flatnonzero(rows), x=np.flatnonzero(columns))
    t = grid.transform
    corner = (t.c + t.a * int(np.argmax(columns)), t.f + t.e * int(np.argmax(rows)))
    placed: xr.Dataset = out.rio.write_transform(type(t)(t.a, 0, corner[0], 0, t.e, corner[1]))
    return placed


def _write_json(path: Path, content: dict[str, Any]) -> None:
    aside = path.with_name(f".part.{path.name}")
    aside.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(aside, path)


def _read_json(path: Path) -> Any:
    try:
        with permitted(path):
            return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or str(error)
        raise RasterError(f"'{path}' of the store can't be read: {told}.") from error
