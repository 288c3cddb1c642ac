"""The edition: the immutable result of a recipe applied to layers, with its sources.

A folder of an edition holds ``rasters/*.tif`` (COGs), ``hotspots.gpkg``, ``units.parquet``,
``regions`` and ``land_use`` (``.parquet`` and ``.csv``) with ``codebook.csv``, ``recipe.toml``
and ``manifest.json``. Its id is the hash of recipe, inputs, regions and code. Times are written to
``times.json`` only, so that the same input gives the same bytes in all other files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

import xarray as xr

from hotspots.edition.codebook import codebook
from hotspots.edition.manifest import Figures, Manifest, licences_text
from hotspots.edition.recipe import Recipe
from hotspots.errors import BadInputError, EditionError
from hotspots.io.atomic import aside, file_hash, publish, reason, require_free, write_error
from hotspots.io.cog import edition_cog
from hotspots.io.limits import require_regular, require_within
from hotspots.io.readers.amounts import read_table
from hotspots.io.readers.paths import confined
from hotspots.io.readers.texts import parse_json, read_text
from hotspots.io.readers.vectors import read_vector
from hotspots.layers.variables import describe
from hotspots.locale.escaping import spreadsheet_text
from hotspots.store.provenance import json_bytes

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

MANIFEST = "manifest.json"
# GDAL writes the current time into GeoPackages; a fixed one keeps the bytes reproducible.
_NO_CLOCK = {"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"}


# Start (ISO 8601, UTC) and duration in seconds of an analysis, and who made a demonstration.
Times: TypeAlias = dict[str, str | float]


def no_land_use() -> pd.DataFrame:
    """Return an empty land-use table."""
    import pandas as pd

    return pd.DataFrame({"id": pd.Series(dtype="object"), "land_use": pd.Series(dtype="object")})


@dataclass
class Edition:
    """Result of an analysis, computed in memory or read from a folder.

    Attributes
    ----------
    rasters : Dataset
        Layers (y, x) with canonical names and units; missing is NaN, 0 for classes.
    hotspots : GeoDataFrame
        Hot patches, EPSG:4326 or the grid's CRS.
    units : DataFrame
        Country × climate zone units, ranked by t C per year.
    table : DataFrame
        One row per region (index ``id``), one for the whole area and one for the land outside all
        regions.
    manifest : dict
        Id, inputs with hashes, versions, licences, citations, caveats and summary figures.
    recipe : Recipe
        The choices made.
    times : dict
        Start and duration; separate from the manifest, since they must not enter the id.
    land_use : DataFrame
        One row per region and land use, with stock and potential in t C and t CO2e.
    """

    rasters: xr.Dataset
    hotspots: gpd.GeoDataFrame
    units: pd.DataFrame
    table: pd.DataFrame
    manifest: Manifest
    recipe: Recipe
    times: Times = field(default_factory=dict)
    land_use: pd.DataFrame = field(default_factory=no_land_use)

    @property
    def id(self) -> str:
        """The edition's id: the hash of recipe, inputs, regions and code."""
        return str(self.manifest["id"])

    @property
    def summary(self) -> Figures:
        """Figures of the whole area: totals, and the shares in hot classes."""
        return dict(self.manifest["summary"])

    @property
    def stock_depth(self) -> str:
        """Depth of the stock, cm, such as "0-30"; "" where the layer doesn't state it."""
        stock = self.manifest.get("inputs", {}).get("soc_stock")
        return str(stock.get("depth_cm", "")) if stock else ""

    def save(self, path: str | Path, beside: Mapping[str, str] | None = None) -> Path:
        """Write the edition to a new folder: to a temporary one first, which is then renamed.

        Parameters
        ----------
        path : str or Path
            A folder that doesn't exist, or is empty.
        beside : mapping, optional
            Name -> text of further files for the folder, e.g. ``map.html``.

        Raises
        ------
        EditionError
            The folder isn't empty, or its path can't be used; nothing is left behind.
        WriteError
            The disk is full or fails; nothing is left behind.
        """
        require_free(Path(path))
        target = Path(os.path.realpath(path))
        try:
            with aside(target) as folder:
                # The temporary folder is readable by this user only; its subfolder has usual modes.
                edition = folder / "edition"
                edition.mkdir()
                self._write(edition)
                for name, text in (beside or {}).items():
                    (edition / name).write_text(text, encoding="utf-8")
                # Checked again, since another run may have taken the place during the writing.
                require_free(target)
                publish(edition, target)
        except OSError as error:
            raise write_error(target, error) from error
        return target

    def _write(self, folder: Path) -> None:
        (folder / "rasters").mkdir()
        for name in self.rasters.data_vars:
            write_cog(self.rasters[name], folder / "rasters" / f"{name}.tif")
        _write_patches(self.hotspots, folder / "hotspots.gpkg")
        self.units.to_parquet(folder / "units.parquet", index=False)
        self.table.to_parquet(folder / "regions.parquet")
        _write_csv(self.table.reset_index(), folder / "regions.csv")
        self.land_use.to_parquet(folder / "land_use.parquet", index=False)
        _write_csv(self.land_use, folder / "land_use.csv")
        book = codebook(self.table, self.units, self.hotspots, self.land_use)
        _write_csv(book, folder / "codebook.csv")
        (folder / "recipe.toml").write_text(self.recipe.to_toml(), encoding="utf-8")
        (folder / "LICENCES.txt").write_text(licences_text(self.manifest), encoding="utf-8")
        files = {
            str(p.relative_to(folder)): file_hash(p)
            for p in sorted(folder.rglob("*"))
            if p.is_file()
        }
        # Hashes of all files but this one and the times, which are written last.
        written = {**self.manifest, "files": files}
        (folder / MANIFEST).write_bytes(json_bytes(written, sort_keys=True))
        (folder / "times.json").write_bytes(json_bytes(self.times, sort_keys=True))


def list_editions(folder: Path, report: Callable[[str], None] | None = None) -> pd.DataFrame:
    """Return id, region, scenario, start time and path of the editions directly below `folder`.

    Folders with an unreadable manifest are left out; `report` is called with a message on each.
    """
    import pandas as pd

    if not folder.is_dir():
        raise EditionError(f"'{folder}' is not a folder. Give the folder that holds the editions.")
    found = []
    for path in sorted(p for p in folder.iterdir() if os.path.isfile(p / MANIFEST)):
        try:
            written = _read_manifest(path)
        except _DAMAGE as error:
            if report:
                report(f"Skipped '{path}', which is not a complete edition ({_damage(error)}).")
            continue
        manifest = written.manifest
        found.append(
            {
                "id": manifest["id"],
                "region": manifest["region"],
                "scenario": manifest["scenario"],
                "started": written.times.get("started", ""),
                "folder": str(path),
            }
        )
    return pd.DataFrame(found, columns=["id", "region", "scenario", "started", "folder"])


# Exceptions of reading a truncated or altered file; pyogrio's errors are RuntimeErrors.
_DAMAGE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    ArithmeticError,
    MemoryError,
    BadInputError,
)
# Required members of a manifest and their types.
_MEMBERS: Mapping[str, type] = {
    "id": str,
    "region": str,
    "scenario": str,
    "recipe": dict,
    "inputs": dict,
    "summary": dict,
    "caveats": dict,
    "notes": list,
    "methods": list,
    "files": dict,
}


@dataclass(frozen=True)
class _Written:
    """What the JSON files of an edition's folder hold."""

    manifest: Manifest
    times: Times


def _read_manifest(folder: Path) -> _Written:
    """Return manifest and times of an edition's folder; raise one of `_DAMAGE` if unreadable."""
    # Read as from a stranger: limits of size, and no link that leads out of the folder.
    manifest, times = (
        parse_json(read_text(confined(folder, name), "json_bytes"))
        for name in (MANIFEST, "times.json")
    )
    if not isinstance(manifest, dict) or not isinstance(times, dict):
        raise ValueError(f"its {MANIFEST} or times.json holds no JSON object")
    for name, kind in _MEMBERS.items():
        if not isinstance(manifest.get(name), kind):
            raise ValueError(f"its {MANIFEST} has no '{name}' as this version writes it")
    del manifest["files"]  # of the folder, not of the edition
    return _Written(cast("Manifest", manifest), times)


def _damage(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{Path(str(error.filename)).name}: {reason(error)}"
    return reason(error)


def open_edition(path: str | Path) -> Edition:
    """Return the edition saved in the folder `path`; rasters are read when used."""
    folder = Path(path)
    require_regular(folder)
    if not os.path.isfile(folder / MANIFEST):
        raise EditionError(
            f"'{folder}' is not an edition: it has no {MANIFEST}. Make one with 'hotspots analyze'."
        )
    try:
        written = _read_manifest(folder)
        return Edition(
            rasters=read_rasters(folder / "rasters"),
            hotspots=cast("gpd.GeoDataFrame", read_vector(confined(folder, "hotspots.gpkg"))),
            units=read_table(confined(folder, "units.parquet")),
            table=read_table(confined(folder, "regions.parquet")),
            land_use=read_table(confined(folder, "land_use.parquet")),
            manifest=written.manifest,
            recipe=Recipe.from_file(confined(folder, "recipe.toml")),
            times=written.times,
        )
    except _DAMAGE as error:
        raise EditionError(
            f"The edition '{folder}' is damaged ({_damage(error)}). Remove it and make it again."
        ) from error


def write_cog(layer: xr.DataArray, path: Path) -> None:
    """Write one layer as a cloud-optimised GeoTIFF: float32 with NaN, or bytes for classes."""
    if layer.ndim != 2:
        raise EditionError(
            f"Layer '{layer.name}' of the edition lies along {', '.join(map(str, layer.dims))}; an"
            " edition's layers are of two dimensions (y, x)."
        )
    path.write_bytes(edition_cog(layer))


def read_rasters(folder: Path) -> xr.Dataset:
    """Return the layers of `folder`, lazily; attributes are taken from the files' tags."""
    from hotspots.io.readers.rasters import lazy_geotiff

    layers = {}
    for path in sorted(folder.glob("*.tif")):
        opened = lazy_geotiff(confined(folder.parent, f"{folder.name}/{path.name}"))
        # Without what describes the file's encoding; `describe` sets name and unit.
        tags = {k: v for k, v in opened.attrs.items() if k not in _FILE_TAGS}
        layers[path.stem] = describe(opened.squeeze("band", drop=True), path.stem, **tags)
    if not layers:
        raise EditionError(f"'{folder}' holds no raster.")
    require_within(
        f"'{folder}' has",
        sum(layer.size for layer in layers.values()),
        "raster_cells",
        "make the edition of a smaller region",
    )
    return xr.Dataset(layers)


_FILE_TAGS = {
    "_FillValue",
    "scale_factor",
    "add_offset",
    "AREA_OR_POINT",
    "OVR_RESAMPLING_ALG",
    "STATISTICS_MAXIMUM",
    "long_name",
    "units",
}


def _write_patches(patches: gpd.GeoDataFrame, path: Path) -> None:
    import pyogrio

    before = {key: pyogrio.get_gdal_config_option(key) for key in _NO_CLOCK}
    pyogrio.set_gdal_config_options(_NO_CLOCK)
    try:
        made = BytesIO()  # in memory first, as in `write_cog`
        patches.to_file(
            made, layer="hotspots", driver="GPKG", geometry_type="MultiPolygon", engine="pyogrio"
        )
    finally:
        # GDAL's options hold for the whole process, so the former values are restored.
        pyogrio.set_gdal_config_options(before)
    path.write_bytes(made.getvalue())


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table without its index; texts are escaped so that none is read as a formula."""
    import pandas as pd

    shown = table.copy()
    for name in table.select_dtypes(exclude=["number", "bool"]).columns:
        cells = [spreadsheet_text(v) if isinstance(v, str) else v for v in table[name]]
        shown[name] = pd.Series(cells, index=table.index, dtype="object")
    # Six digits are more than the accuracy of these numbers; the Parquet files have them all.
    shown.to_csv(path, index=False, float_format="%.6g")
