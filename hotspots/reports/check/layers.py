"""A file as a layer: what `hotspots add-layer`, and `analyze --data`, take it for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from hotspots.errors import BadInputError, RasterError
from hotspots.ingest.add_to_store import Acceptance, Examined, examine
from hotspots.ingest.quality.report_types import QualityReport
from hotspots.ingest.quality.swapped import swapped_remark
from hotspots.ingest.quality.verdicts import spelt
from hotspots.ingest.regrid.resample import RegriddedLayer
from hotspots.ingest.regrid.source_raster import SourceRaster
from hotspots.ingest.user_files.declared import Attribution, Declared, numbers
from hotspots.ingest.user_files.formats import TIFF, user_raster
from hotspots.ingest.user_files.read import raster_as_declared, require_there
from hotspots.ingest.user_files.source import Selection
from hotspots.ingest.user_layers import (
    ReadyLayer,
    canonical_acceptance,
    open_canonical,
    prepare_own,
)
from hotspots.io.rasters.open import NETCDF, layers_in, stored_raster
from hotspots.io.readers.zarr_store import is_zarr
from hotspots.layers.crs import placing_remark
from hotspots.layers.harmonise import MAX_MAGNITUDE, SENTINELS
from hotspots.layers.variables import VARIABLES, Variable
from hotspots.locale import number, percent, text
from hotspots.locale.messages import in_language
from hotspots.reports.check import raster_facts as words
from hotspots.reports.check.finding import Draft, Finding, Picture
from hotspots.reports.check.places import named
from hotspots.reports.check.stored import StoredRaster, look
from hotspots.store.store import require_attribution

ANY = Variable("", "", "")  # of a file whose variable isn't declared
_MOST_LAYERS = 12
_MOST_CLASSES = 6


@dataclass(frozen=True)
class LayerChoices:
    """What is declared of a layer, as by the options of `hotspots add-layer`.

    Attributes
    ----------
    variable : str
        Canonical variable; "" if it isn't declared.
    accept : bool
        Whether doubts are accepted.
    declared : mapping
        Keyword arguments of `hotspots.ingest.user_files.read.read_own`; None where nothing is
        declared.
    """

    variable: str = ""
    accept: bool = False
    declared: Mapping[str, Any] = field(default_factory=dict)

    @property
    def given(self) -> dict[str, Any]:
        """The declarations that are given."""
        return {key: value for key, value in self.declared.items() if value not in (None, "")}

    def of(self, subdataset: str = "") -> Declared:
        """Return the declarations, for one variable of a file with several."""
        given = self.given
        selection = Selection(
            band=given.get("band"),
            year=given.get("year"),
            crs=given.get("crs", ""),
            subdataset=given.get("subdataset") or subdataset or None,
            column=given.get("column"),
            cell=given.get("cell"),
            accept=self.accept,
        )
        return Declared(
            selection,
            Attribution(),
            unit=given.get("unit"),
            nodata=numbers(given.get("nodata")),
            scale=given.get("scale"),
            offset=given.get("offset"),
        )


class Taken(NamedTuple):
    """A layer as a command takes it: the raster, its report, how it was read, why it's refused."""

    raw: SourceRaster | None = None
    examined: Examined | None = None
    notes: tuple[str, ...] = ()
    refusal: str = ""


def raster_findings(path: Path, choices: LayerChoices, lang: str) -> list[Finding]:
    """Return what the layers of a raster file are understood as.

    Parameters
    ----------
    path : Path
        GeoTIFF, NetCDF, Zarr store, or a folder of GeoTIFFs.
    choices : LayerChoices
        Without a variable, the names in the file count if they are canonical.
    lang : str
        "en", "fr" or "es". Notes and refusals are in the words of the commands, in English.
    """
    if choices.variable:
        draft = Draft(str(path), "raster")
        add_layer(draft, path, choices, taken_as(path, choices), lang)
        return [draft.finding()]
    canonical = _canonical(path)
    if isinstance(canonical, xr.Dataset):
        return list(_of_canonical(path, choices, canonical, lang))
    return list(_as_stored(path, choices, canonical, lang))


def taken_as(path: Path, choices: LayerChoices) -> Taken:
    """Return a file as `hotspots add-layer --as VARIABLE` takes it, or why it refuses it."""
    ready: ReadyLayer | None = None
    try:
        ready = prepare_own(
            str(path), variable=choices.variable, accept=choices.accept, **choices.given
        )
        examined = examine(ready.made, ready.acceptance, raws=[ready.own.raw], given=ready.given)
    except BadInputError as error:
        if ready is None:
            return Taken(refusal=str(error))
        return Taken(ready.own.raw, None, ready.notes, str(error))
    return Taken(ready.own.raw, examined, ready.notes, examined.refusal)


def add_layer(
    draft: Draft, path: Path, choices: LayerChoices, taken: Taken | None, lang: str
) -> None:
    """Add what one layer of a file is understood as.

    Parameters
    ----------
    draft : Draft
        Its ``layer`` is the variable of a file with several, else "".
    path : Path
    choices : LayerChoices
    taken : Taken or None
        The layer as a command takes it; None if nothing says what its values are.
    lang : str
    """
    row = VARIABLES.get(choices.variable, ANY)
    declared = choices.of(draft.layer)
    try:
        raw = taken.raw if taken is not None else None
        stored = look(raw or _plain_raster(draft, path, row, declared, lang))
    except BadInputError as error:
        draft.refusals.append((taken.refusal if taken is not None else "") or str(error))
        return
    unit = "" if row.classes else declared.unit or stored.described.unit
    _add_stored(draft, stored, declared, row, unit, lang)
    if taken is None:
        draft.needs = [*_needs(stored, unit, lang), *draft.needs]
        draft.refusals += filter(None, (stored.fault,))
    else:
        draft.notes = list(taken.notes) or draft.notes
        draft.needs.clear()  # a command that refuses a file says itself what it needs
        draft.refusals += filter(None, (taken.refusal,))
    if taken is None or taken.examined is None:
        draft.doubts += _own_doubts(stored, lang)
    else:
        _add_result(draft, taken.examined.quality, lang)
        draft.doubts += (in_language(one, lang) for one in taken.examined.quality["verdicts"])


def _plain_raster(
    draft: Draft, path: Path, row: Variable, declared: Declared, lang: str
) -> SourceRaster:
    """Return the raster in a file as its own metadata say, and what selects from several bands."""
    selection = declared.selection
    try:
        file = user_raster(path, row, selection, None)
    except RasterError:
        # Of several bands, the first shows what they are like.
        if selection.band is not None or draft.kind != "raster":
            raise
        file = user_raster(path, row, replace(selection, band=1), None)
        draft.needs.append(text("check.need.band", lang))
    draft.layer = draft.layer or file.layer
    draft.notes += file.notes
    unit = "" if row.classes else declared.unit or file.unit
    return raster_as_declared(file, declared, unit, of_classes=row.classes is not None)


def _add_stored(
    draft: Draft, stored: StoredRaster, declared: Declared, row: Variable, unit: str, lang: str
) -> None:
    words.add_grid(draft, stored, declared, lang)
    if not row.classes:
        words.add_unit(draft, stored.described.unit, declared, lang)
    words.add_missing(draft, stored, declared, lang)
    words.add_bands(draft, stored, lang)
    if not row.classes:
        words.add_values(draft, stored, unit, lang)
    words.add_first(draft, stored, lang)
    if not stored.summary.valid:
        return
    width, height = (1.0, 1.0) if stored.grid is None else words.ground_size(stored.grid)
    draft.picture = Picture(stored.north_up, bool(row.classes), width / height)


def _add_result(draft: Draft, quality: QualityReport, lang: str) -> None:
    """Add the layer that the command makes: its variable, depth, year, and its numbers."""
    of = [quality["name"], quality["depth_cm"] and f"{quality['depth_cm']} cm", quality["year"]]
    called = ", ".join(str(part) for part in of if part)
    cells = number(quality["valid_cells"], lang)
    if quality["classes"]:
        largest = sorted(quality["classes"], key=lambda row: -row["share"])
        shown = [f"{row['name']} {percent(row['share'], lang)}" for row in largest[:_MOST_CLASSES]]
        more = len(largest) - len(shown)
        said = ", ".join(shown) + (f" + {more}" if more else "")
    else:
        said = text(
            "check.result",
            lang,
            unit=spelt(quality["unit"]),
            mean=number(_given(quality["mean"]), lang, 4),
            min=number(_given(quality["min"]), lang, 4),
            max=number(_given(quality["max"]), lang, 4),
        )
    said = text("check.result_of", lang, layer=called, numbers=said, cells=cells)
    keys = ("name", "unit", "depth_cm", "year", "valid_cells", "min", "mean", "max", "steps")
    figures: Mapping[str, object] = quality
    draft.add("result", said, {key: figures[key] for key in keys})


def _given(value: float | None) -> float:
    return float("nan") if value is None else value


def _own_doubts(stored: StoredRaster, lang: str) -> Iterator[str]:
    """Yield doubts on a file of which nothing says what its values are."""
    if stored.grid is None:
        return
    grid = stored.grid
    remark = placing_remark(grid.crs, grid.lonlat_bounds, grid.cell_width_m)
    if remark.sentence:
        yield remark.sentence
    if grid.is_geographic and (swapped := swapped_remark(*stored.places())):
        yield swapped.in_language(lang)
    if (odd := _undeclared(stored)) is not None:
        yield text("check.doubt.nodata", lang, number=f"{odd:.9g}")


def _undeclared(stored: StoredRaster) -> float | None:
    """Return the least or the greatest value if it looks like nodata that isn't declared."""
    for value in (stored.summary.low, stored.summary.high):
        if abs(value) > MAX_MAGNITUDE or value in SENTINELS:
            return value
    return None


def _needs(stored: StoredRaster, unit: str, lang: str) -> Iterator[str]:
    """Yield what `add-layer` asks for, of a file of which nothing says what its values are."""
    yield text("check.need.as", lang)
    if not unit:
        yield text("check.need.unit", lang)
    if stored.grid is None and not stored.fault:
        yield text("check.need.crs", lang)
    if not stored.described.attrs.get("depth_cm"):
        yield text("check.need.depth", lang)


def _canonical(path: Path) -> xr.Dataset | str:
    """Return the canonical layers of a file, or why `add-layer` without --as refuses it."""
    if path.suffix.lower() not in (*TIFF, *NETCDF) and (is_zarr(path) or not path.is_dir()):
        return ""
    try:
        return open_canonical(path)
    except BadInputError as error:
        return str(error)


def _of_canonical(
    path: Path, choices: LayerChoices, opened: xr.Dataset, lang: str
) -> Iterator[Finding]:
    """Yield findings on layers of canonical names, which the commands take without options."""
    try:
        acceptance, refusal = canonical_acceptance(opened, path.name, choices.accept), ""
    except BadInputError as error:
        acceptance, refusal = Acceptance(), str(error)
    for name in map(str, opened.data_vars):
        part = path if not path.is_dir() else path / f"{name}.tif"
        draft = Draft(str(part), "raster", name if len(opened.data_vars) > 1 else "")
        taken = _of_one(opened, name, acceptance, refusal)
        chosen = replace(choices, variable=name, declared=_band_of(part, name))
        add_layer(draft, part, chosen, taken, lang)
        use = "stock" if "soc_stock" in opened else "layer"
        draft.notes.insert(0, text(f"check.canonical.{use}", lang))
        try:
            require_attribution(opened[name])
        except RasterError as error:
            draft.needs.append(text("check.need.attribution", lang, why=str(error)))
        yield draft.finding()


def _of_one(opened: xr.Dataset, name: str, acceptance: Acceptance, refusal: str) -> Taken:
    try:
        examined = examine(RegriddedLayer(opened[name], None), acceptance)
    except BadInputError as error:
        return Taken(refusal=refusal or str(error))
    return Taken(None, examined, acceptance.remarks, refusal or examined.refusal)


def _band_of(path: Path, name: str) -> Mapping[str, Any]:
    """Return the band of a GeoTIFF that a layer is in; nothing where its months are bands."""
    if path.suffix.lower() not in TIFF or not path.is_file():
        return {}
    with stored_raster(str(path)) as file:
        labels = [step.label for step in file.steps]
    return {"band": labels.index(name) + 1} if labels.count(name) == 1 else {}


def _as_stored(path: Path, choices: LayerChoices, refusal: str, lang: str) -> Iterator[Finding]:
    """Yield findings on a file whose names aren't canonical, or that is refused under them."""
    try:
        require_there(path)
        if path.is_dir() and not is_zarr(path):
            raise RasterError(refusal)
        names = _names(path, choices)
    except BadInputError as error:
        yield Finding(str(path), "raster", refusals=(str(error),))
        return
    for name in names[:_MOST_LAYERS]:
        draft = Draft(str(path), "raster", name)
        if len(names) > 1:
            shown = named(names, lang)
            draft.needs.append(text("check.need.subdataset", lang, names=shown))
        # A file with canonical names is meant to be taken under them.
        is_meant = refusal and (name or path.stem) in VARIABLES
        add_layer(draft, path, choices, Taken(refusal=refusal) if is_meant else None, lang)
        yield draft.finding()


def _names(path: Path, choices: LayerChoices) -> list[str]:
    """Return the variables of a NetCDF file or Zarr store to look at; "" for a GeoTIFF."""
    if chosen := choices.given.get("subdataset"):
        return [str(chosen)]
    if path.suffix.lower() in NETCDF or is_zarr(path):
        return layers_in(path) or [""]
    return [""]
