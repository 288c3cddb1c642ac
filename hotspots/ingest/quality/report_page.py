"""A quality report as a self-contained HTML page: no scripts, no requests, light and dark mode."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from hotspots.ingest.quality.report_types import (
    ClassRow,
    ComparisonSummary,
    Histogram,
    QualityReport,
)
from hotspots.ingest.quality.verdicts import cells, number, spelt
from hotspots.io.png import data_uri, paletted_png
from hotspots.locale.escaping import html_text

# Dark to light in nearly equal steps of lightness; 0 is missing and transparent.
_ANCHORS = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
# From Paul Tol's qualitative schemes, which are made with colour blindness in mind.
_CLASS_COLOURS = (
    "4477aa",
    "ee6677",
    "228833",
    "ccbb44",
    "66ccee",
    "aa3377",
    "997700",
    "004488",
    "bb5566",
    "ddaa33",
    "117733",
    "88ccee",
    "882255",
    "44aa99",
    "999933",
    "cc6677",
    "332288",
    "aa4499",
    "6699cc",
    "661100",
)
_WIDTH, _HEIGHT = 640, 150
_STYLE = """
:root { color-scheme: light dark; --line: #8886; --bar: #3b6ea5; --warn: #b45309; }
@media (prefers-color-scheme: dark) { :root { --bar: #7fb2e5; --warn: #fbbf24; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 44rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin: 1.6rem 0 .4rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .5rem .25rem 0; text-align: left;
  vertical-align: top; overflow-wrap: anywhere; }
th { font-weight: 500; width: 40%; } td.n { text-align: right; font-variant-numeric: tabular-nums; }
figure { margin: 0; } figcaption { font-size: .85rem; }
img { width: 100%; image-rendering: pixelated; border: 1px solid var(--line); }
svg { width: 100%; height: auto; } svg rect { fill: var(--bar); }
svg text { fill: currentColor; font-size: 12px; }
.verdicts li { border-left: 4px solid var(--warn); list-style: none; margin: .3rem 0;
  padding-left: .6rem; } .verdicts { padding: 0; }
.key { display: inline-block; height: .8em; margin-right: .4em; width: .8em; }
"""


def page(report: QualityReport) -> str:
    """Return a quality report as one HTML page, in English; all texts are escaped."""
    title = f"Quality of {report['name']}"
    parts = [
        f"<h1>{html_text(title)}</h1><p>{html_text(report['long_name'])}</p>",
        _verdicts(report["verdicts"]),
        _accepted(report["accepted"]),
        _section("Map", _picture(report)),
        _section("What it is", _table(_what(report))),
        _section("Coverage", _table(_coverage(report))),
        _section("Values", _values(report)),
        _section("Comparison with the global layer", _comparison(report["comparison"])),
        _section("As declared", _table(_given(report["given"]))),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        # Nothing is run or requested even if a text weren't escaped.
        '<meta http-equiv="Content-Security-Policy"'
        " content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
        f"<title>{html_text(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body></html>\n"
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{html_text(title)}</h2>{body}</section>" if body else ""


def _table(rows: Iterable[tuple[str, object]]) -> str:
    lines = "".join(
        f"<tr><th scope=row>{html_text(k)}</th><td>{html_text(v)}</td></tr>"
        for k, v in rows
        if v not in (None, "")
    )
    return f"<table>{lines}</table>" if lines else ""


def _verdicts(sentences: Iterable[str]) -> str:
    items = "".join(f"<li>{html_text(s)}</li>" for s in sentences)
    if not items:
        return "<p>Nothing looks wrong.</p>"
    return f'<ul class="verdicts">{items}</ul>'


def _accepted(sentences: Iterable[str]) -> str:
    items = "".join(f"<li>{html_text(s)}</li>" for s in sentences)
    return (
        f"<p>Accepted by whoever added the layer (--accept):</p><ul>{items}</ul>" if items else ""
    )


def _what(report: QualityReport) -> list[tuple[str, object]]:
    size = report["resolution"]
    km = " x ".join(number(v) for v in size["km"])
    degrees = " x ".join(f"{v:.8g}" for v in size["degrees"] or ())
    depth = report["depth_cm"]
    return [
        ("Unit", report["unit"]),
        ("Year", report["year"]),
        ("Depth", f"{depth} cm" if depth else None),
        ("Steps", ", ".join(report["steps"])),
        ("Cells", " rows x ".join(f"{n:,}" for n in report["shape"]) + " columns"),
        ("Size of a cell", f"{degrees} degrees ({km} km at the middle)" if degrees else f"{km} km"),
        ("Bounds", ", ".join(f"{edge:g}" for edge in report["bounds"])),
        ("CRS", report["crs"]),
    ]


def _coverage(report: QualityReport) -> list[tuple[str, object]]:
    share = report["coverage"]
    of = "region" if report["coverage_of"] == "region" else "whole grid"
    return [
        ("With a value", f"{report['valid_cells']:,} of {cells(report['cells'])}"),
        ("Area with a value", f"{number(report['valid_area_ha'], 4)} ha"),
        (f"Share of the {of}'s area", None if share is None else f"{100 * share:.3g} %"),
    ]


def _values(report: QualityReport) -> str:
    if report["classes"]:
        return _classes(report["classes"])
    unit, of, total = spelt(report["unit"]), report["range"], report["total"]
    if report["mean"] is None or "codes" in of:
        return ""
    rows: list[tuple[str, object]] = [
        ("Total", f"{number(total['value'], 4)} {total['unit']}" if total else None),
        ("Mean (by area)", f"{number(report['mean'], 4)}{unit}"),
        *(
            (f"{q} % of the area lie below", f"{number(v, 4)}{unit}")
            for q, v in report["quantiles"].items()
        ),
        ("Least and greatest", f"{number(report['min'], 4)} to {number(report['max'], 4)}{unit}"),
        ("Valid range", f"{_bound(of['low'])} to {_bound(of['high'])}{unit}"),
        ("Out of it", cells(of["outside"])),
        *(
            (step, f"{number(mean, 4)}{unit} on average")
            for step, mean in zip(report["steps"], report["step_means"], strict=False)
        ),
    ]
    soil = report["texture"]
    if soil:
        span = f"{number(soil['min'], 4)} to {number(soil['max'], 4)} %"
        rows.append(("Clay + silt + sand", f"{span}, mean {number(soil['mean'], 4)} %"))
    return _histogram(report["histogram"], unit) + _table(rows)


def _bound(limit: float | None) -> str:
    return "any" if limit is None else f"{limit:g}"


def _classes(rows: Iterable[ClassRow]) -> str:
    lines = "".join(
        f'<tr><th scope=row><span class="key" style="background:#{_class_colour(r["code"])}">'
        f"</span>{html_text(r['code'])} {html_text(r['name'])}</th>"
        f'<td class="n">{number(r["area_ha"], 4)} ha</td>'
        f'<td class="n">{100 * r["share"]:.3g} %</td></tr>'
        for r in rows
    )
    return f"<table>{lines}</table>"


def _comparison(of: ComparisonSummary | None) -> str:
    if of is None:
        return ""
    if "skipped" in of or not of["cells"]:
        return f"<p>Not compared: {html_text(of.get('skipped', 'no cells in common'))}.</p>"
    rows: list[tuple[str, object]] = [
        ("Compared with", of["with"]),
        ("Cells compared", f"{of['cells']:,}"),
    ]
    if "agreement" in of:
        share = of["agreement"]
        same = None if share is None else f"{100 * share:.3g} % of the area"
        return _table([*rows, ("Of the same class", same)])
    unit = spelt(of["unit"])
    rows += [
        (label, f"{number(figure)}{unit}")
        for label, figure in (
            ("Mean", of["mean"]),
            ("Mean of the other", of["reference_mean"]),
            ("Difference of the means", of["bias"]),
            ("Root mean square difference", of["rmse"]),
            ("Mean absolute difference", of["mean_absolute_difference"]),
        )
    ]
    r, ratio = of["r"], of["ratio_of_totals"]
    rows.append(("Correlation r", None if r is None else f"{r:.3f}"))
    rows.append(("Ratio of the totals", None if ratio is None else number(ratio)))
    return _table(rows)


def _given(given: Mapping[str, object]) -> list[tuple[str, object]]:
    return [
        (str(key), ", ".join(map(str, value)) if isinstance(value, list | tuple) else value)
        for key, value in given.items()
    ]


def _histogram(of: Histogram | None, unit: str) -> str:
    if of is None:
        return ""
    tallest = max(of["area_ha"]) or 1.0
    step = _WIDTH / len(of["area_ha"])
    bars = "".join(
        f'<rect x="{i * step:.1f}" y="{_HEIGHT * (1 - area / tallest):.1f}"'
        f' width="{step - 1:.1f}" height="{_HEIGHT * area / tallest:.1f}"/>'
        for i, area in enumerate(of["area_ha"])
    )
    low, high = (html_text(number(of["edges"][at])) for at in (0, -1))
    unit = html_text(unit)
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT + 18}" role="img"'
        f' aria-label="Area by value, from {low} to {high}{unit}">{bars}'
        f'<text x="0" y="{_HEIGHT + 14}">{low}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT + 14}" text-anchor="end">{high}{unit}'
        "</text></svg><figcaption>Area by value; what lies beyond the outer 1 % is in the outer"
        " bars.</figcaption></figure>"
    )


def _picture(report: QualityReport) -> str:
    of = report["picture"]
    if not of["rows"] or not of["columns"]:
        return ""
    levels = np.frombuffer(base64.b64decode(of["levels"]), dtype="uint8")
    colours = picture_colours(bool(report["classes"]))
    image = paletted_png(levels.reshape(of["rows"], of["columns"]), colours)
    thinned = f"; one cell in {of['stride']} each way" if of["stride"] > 1 else ""
    caption = (
        ""
        if report["classes"]
        else (
            f"<figcaption>Dark {number(of['low'])} to light {number(of['high'])}"
            f"{html_text(spelt(report['unit']))}{thinned}.</figcaption>"
        )
    )
    alt = f"Map of {html_text(report['name'])}"
    return f'<figure><img src="{data_uri(image)}" alt="{alt}">{caption}</figure>'


def _class_colour(code: int) -> str:
    return _CLASS_COLOURS[(code - 1) % len(_CLASS_COLOURS)]


def picture_colours(of_classes: bool) -> npt.NDArray[np.uint8]:
    """Return 256 colours, RGB; the first, of missing cells, is shown transparent."""
    if of_classes:
        rows = [bytes.fromhex(_class_colour(code)) for code in range(256)]
        return np.array([list(row) for row in rows], dtype="uint8")
    at = np.linspace(0, len(_ANCHORS) - 1, 256)
    bands = [np.interp(at, range(len(_ANCHORS)), band) for band in zip(*_ANCHORS, strict=True)]
    return np.rint(np.stack(bands, axis=1)).astype("uint8")
