"""Sentences on the implausible properties of a quality report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hotspots.ingest.quality.report_types import ComparisonSummary, QualityReport
from hotspots.layers.plausibility import MOST_OUTSIDE

_FEW_COVERED = 0.5
_FACTOR = 2.0  # ratio of means from which a remark is made
# From these, the unit is wrong rather than the place unusual.
_GRAVE_FACTOR, _GRAVE_FACTOR_OF_SHARES = 7.5, 50.0
_UNLIKE_R = 0.2
_ENOUGH_CELLS = 30  # over fewer, a low r may be chance
_FEW_AGREE = 0.5
_NONE_AGREE = 0.05  # far below what chance gives
_FEW_ZEROS = 0.001
# Ratios that result from a wrong unit or scale; `_NEAR` is the relative tolerance.
_SLIPS = (
    (0.1, "as if kg m-2 were given as t ha-1, or a scale were left out"),
    (10.0, "as if a scale were left out"),
    (0.01, "as if a share were given as percent"),
    (100.0, "as if percent were given as a share, or a scale were left out"),
    (0.001, "as if a scale were left out"),
    (1000.0, "as if a scale were left out"),
    (44 / 12, "as if CO2 were given as carbon"),  # molar masses of CO2 and C
    # Van Bemmelen's factor, by which organic matter has 58 % carbon.
    (1.724, "as if organic matter were given as carbon"),
)
_NEAR = 0.25


class Verdict(NamedTuple):
    """A sentence on an implausible property; a grave one stops the addition of a user's layer."""

    sentence: str
    is_grave: bool = False


def verdicts(report: QualityReport) -> list[Verdict]:
    """Return the verdicts on a quality report, most serious first."""
    if not report["valid_cells"]:
        return [Verdict("No cell has a value: check the region, the CRS and the nodata.", True)]
    return [
        *_range(report),
        *map(Verdict, _flat(report)),
        *map(Verdict, _zeros(report)),
        *map(Verdict, _cover(report)),
        *map(Verdict, _texture(report)),
        *_comparison(report),
    ]


def number(value: float | None, digits: int = 3) -> str:
    """Format a number: significant digits, thousands separators; "–" if unknown."""
    if value is None:
        return "–"
    if abs(value) >= 10 ** (digits + 2) or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:,.0f}"


def spelt(unit: str) -> str:
    """Return a unit as a suffix of a number: " t ha-1", empty for a share."""
    return "" if unit == "1" else f" {unit}"


def cells(count: int) -> str:
    """Return "1 cell" or "1,234 cells"."""
    return f"{count:,} cell{'' if count == 1 else 's'}"


def _range(report: QualityReport) -> Iterator[Verdict]:
    of = report["range"]
    unit = spelt(report["unit"])
    if "codes" in of:
        if of["outside"]:
            codes = ", ".join(map(str, of["strange"]))
            yield Verdict(
                f"{cells(of['outside'])} of codes that the legend doesn't have ({codes}).", True
            )
        return
    if of["below"]:
        yield Verdict(
            f"{cells(of['below'])} below {number(of['low'])}{unit}, the least that is valid;"
            f" the least is {number(of['least'])}."
        )
    if of["above"]:
        yield Verdict(
            f"{cells(of['above'])} above {number(of['high'])}{unit}, the greatest that is"
            f" valid; the greatest is {number(of['greatest'])}."
        )
    if of["infinite"]:
        yield Verdict(f"{cells(of['infinite'])} infinite: something was divided by zero.", True)
    if of["outside_share"] > MOST_OUTSIDE:
        yield Verdict(
            f"{100 * of['outside_share']:.3g} % of the cells are out of the valid range: check"
            " unit, scale and nodata.",
            True,
        )


def _flat(report: QualityReport) -> Iterator[str]:
    if report["unit"] != "class" and report["valid_cells"] > 1 and report["min"] == report["max"]:
        yield f"All cells have one value, {number(report['min'])}{spelt(report['unit'])}."


def _zeros(report: QualityReport) -> Iterator[str]:
    count = report.get("zero_cells", 0)
    # Soil without any carbon is rare, so many zeros in a map of stocks are worth a remark.
    if str(report["name"]).startswith("soc_stock") and count > _FEW_ZEROS * report["valid_cells"]:
        yield (
            f"{cells(count)} ({100 * count / report['valid_cells']:.2g} %) hold exactly 0"
            f" {report['unit']}: bare ground, or a gap that the map gives as 0."
        )


def _cover(report: QualityReport) -> Iterator[str]:
    share = report["coverage"]
    # Not of a grid, most of which may be sea.
    if report["coverage_of"] == "region" and share is not None and share < _FEW_COVERED:
        yield f"Only {100 * share:.3g} % of the region's area has a value."


def _texture(report: QualityReport) -> Iterator[str]:
    soil = report["texture"]
    if soil and soil["off"]:
        yield (
            f"{cells(soil['off'])} where clay + silt + sand isn't 100 % (± {soil['slack']:g}):"
            f" from {number(soil['min'])} to {number(soil['max'])} %."
        )


def _comparison(report: QualityReport) -> Iterator[Verdict]:
    of = report["comparison"]
    if of is None:
        return
    if "skipped" in of:
        yield Verdict(f"Not compared with the global layer: {of['skipped']}.")
    elif not of["cells"]:
        yield Verdict("Not compared with the global layer: they have no cells in common.")
    elif "agreement" in of:
        if of["agreement"] is not None and of["agreement"] < _FEW_AGREE:
            yield Verdict(
                f"Only {100 * of['agreement']:.3g} % of the area is of the class that the global"
                " layer has: check the legend and the orientation.",
                of["agreement"] < _NONE_AGREE,
            )
    else:
        yield from _likeness(of)


def _likeness(of: ComparisonSummary) -> Iterator[Verdict]:
    ratio = of["ratio_of_totals"]
    if ratio is not None and ratio <= 0:
        yield Verdict(
            "The mean has another sign than the global layer's: check unit and nodata.", True
        )
    elif ratio is not None and not 1 / _FACTOR < ratio < _FACTOR:
        slip = next((text for r, text in _SLIPS if abs(ratio / r - 1) < _NEAR), "")
        # A share of land may well be far from the mean of half a degree.
        most = _GRAVE_FACTOR_OF_SHARES if of["unit"] in ("1", "%") else _GRAVE_FACTOR
        yield Verdict(
            f"The mean is {number(ratio)} times the global layer's"
            f" ({number(of['mean'])} against {number(of['reference_mean'])}{spelt(of['unit'])}):"
            f" check the unit{f'; {slip}' if slip else ''}.",
            not 1 / most < ratio < most,
        )
    if of["r"] is not None and of["r"] < _UNLIKE_R and of["cells"] >= _ENOUGH_CELLS:
        yield Verdict(
            f"Weakly correlated with the global layer (r = {of['r']:.2f} over"
            f" {cells(of['cells'])}): check orientation, CRS and variable."
        )
