"""What a user declares about a layer's file, and the properties that follow with the file's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hotspots.ingest.user_files.source import Selection, UserRaster
from hotspots.layers.error_layers import LEVEL, SUPPORT


@dataclass(frozen=True)
class Attribution:
    """Where a layer comes from, as the user states it; "" where nothing is stated."""

    source: str = ""
    citation: str = ""
    licence: str = ""
    url: str = ""


@dataclass(frozen=True)
class Declared:
    """A user's declarations on a file; for their meaning see `read.read_own`.

    Attributes
    ----------
    selection : Selection
        What is read from the file; with the year of the values, and the CRS.
    attribution : Attribution
    unit, depth, legend, guidelines : str or None
        None for the file's own, or for none.
    level, support : str or None
        Of a layer of errors; see `hotspots.layers.error_layers`.
    nodata : tuple of float
        Stored numbers that mean missing; empty for the file's own.
    scale, offset : float or None
        None for the file's own.
    """

    selection: Selection
    attribution: Attribution
    unit: str | None = None
    depth: str | None = None
    nodata: tuple[float, ...] = ()
    scale: float | None = None
    offset: float | None = None
    legend: str | None = None
    guidelines: str | None = None
    level: str | None = None
    support: str | None = None

    def properties(self, file: UserRaster) -> Properties:
        """Return the declared properties, and where there are none those of the file."""
        return Properties(
            unit=self.unit if self.unit is not None else file.unit,
            crs=self.selection.crs or file.crs,
            depth=str(self.depth or file.attrs.get("depth_cm", "")),
            guidelines=str(self.guidelines or file.attrs.get("guidelines", "")),
            level=str(self.level or file.attrs.get(LEVEL, "")),
            support=str(self.support or file.attrs.get(SUPPORT, "")),
        )


@dataclass(frozen=True)
class Properties:
    """Properties that numbers need in order to mean something; "" where one is unknown."""

    unit: str
    crs: str
    depth: str
    guidelines: str
    level: str
    support: str


def numbers(given: float | Sequence[float] | None) -> tuple[float, ...]:
    """Return one number, several or none as a tuple."""
    if given is None:
        return ()
    return tuple(map(float, given)) if isinstance(given, Sequence) else (float(given),)
