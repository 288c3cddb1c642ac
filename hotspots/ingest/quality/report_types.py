"""The parts of a quality report, as they are written to its JSON file.

None stands for a number that isn't known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NotRequired, TypedDict


class Resolution(TypedDict):
    """The side of a cell along x and y: degrees (None on a projected grid), and km."""

    degrees: list[float] | None
    km: list[float]


class Description(TypedDict):
    """What the layer is; bounds in units of its CRS."""

    name: str
    long_name: str
    unit: str
    year: int | str | None
    depth_cm: str | None
    crs: str
    resolution: Resolution
    shape: list[int]
    bounds: list[float]
    steps: list[str]


class Coverage(TypedDict):
    """Cells and area with a value; `coverage` is a share of the area of `coverage_of`."""

    cells: int
    valid_cells: int
    valid_area_ha: float
    coverage: float | None
    coverage_of: Literal["grid", "region"]


class ValidRange(TypedDict):
    """Cells outside the valid range: of a quantity, or (`codes`, `strange`) of classes."""

    outside: int
    outside_share: float
    low: NotRequired[float | None]
    high: NotRequired[float | None]
    below: NotRequired[int]
    above: NotRequired[int]
    infinite: NotRequired[int]
    least: NotRequired[float | None]
    greatest: NotRequired[float | None]
    codes: NotRequired[list[int]]
    strange: NotRequired[list[int]]


class Total(TypedDict):
    """The total over the layer, in Mt or Pg (a year)."""

    value: float
    unit: str


class Histogram(TypedDict):
    """Area, ha, by value; one edge more than bars."""

    edges: list[float]
    area_ha: list[float]


class ClassRow(TypedDict):
    """Cells and area of a class."""

    code: int
    name: str
    cells: int
    area_ha: float
    share: float


class Values(TypedDict):
    """Statistics weighted by area; most are empty for classes."""

    min: float | None
    mean: float | None
    max: float | None
    step_means: list[float | None]
    quantiles: dict[str, float | None]
    total: Total | None
    range: ValidRange
    zero_cells: NotRequired[int]
    histogram: Histogram | None
    classes: list[ClassRow]


class TextureSums(TypedDict):
    """Clay + silt + sand, %; `off` counts the cells that differ from 100 by more than `slack`."""

    cells: int
    mean: float
    min: float
    max: float
    off: int
    slack: float


# Written in this form because "with" is a word of Python's own.
ComparisonSummary = TypedDict(
    "ComparisonSummary",
    {
        "skipped": str,
        "with": str,
        "unit": str,
        "cells": int,
        "area_ha": float,
        "agreement": float | None,
        "mean": float,
        "reference_mean": float,
        "bias": float,
        "rmse": float,
        "mean_absolute_difference": float,
        "r": float | None,
        "ratio_of_totals": float | None,
    },
    total=False,
)


class Picture(TypedDict):
    """A small map: base64 of bytes, row by row; 0 is missing."""

    rows: int
    columns: int
    low: float
    high: float
    stride: int
    levels: str


class QualityReport(Description, Coverage, Values):
    """The report of `hotspots.ingest.quality.report.report`."""

    given: Mapping[str, object]
    texture: TextureSums | None
    comparison: ComparisonSummary | None
    picture: Picture
    verdicts: list[str]
    grave: list[str]
    accepted: list[str]
