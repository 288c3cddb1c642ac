"""A small map for a terminal, of characters without colours, and the same as an image."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from hotspots.ingest.quality.report_page import picture_colours
from hotspots.io.png import paletted_png
from hotspots.layers.array_types import FloatArray
from hotspots.locale import number, text
from hotspots.reports.check.finding import Picture

_SHADES = "░▒▓█"  # from low to high, a quarter of the values each
_MISSING = "·"
_CODES = "123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_WIDEST, _HIGHEST = 64, 20  # characters
_TALL = 2.0  # height of a character divided by its width
_LEVELS = 254


def picture_lines(picture: Picture, lang: str) -> Iterator[str]:
    """Yield the lines of a map, north at the top, and what its characters mean."""
    shown = _thinned(picture)
    valid = shown[np.isfinite(shown)]
    if not valid.size:
        return
    if picture.of_classes:
        yield from _coded(shown)
        return
    limits = _limits(valid)
    shades = _SHADES[-1] if not limits.size else _SHADES[: limits.size] + _SHADES[-1]
    at = np.searchsorted(limits, shown, side="right")
    for row, there in zip(at, np.isfinite(shown), strict=True):
        yield "".join(shades[k] if ok else _MISSING for k, ok in zip(row, there, strict=True))
    yield _legend(shades, limits, lang)


def picture_png(picture: Picture) -> bytes:
    """Return the map as a PNG, in the colours of a quality report; missing is transparent."""
    values = picture.values
    if picture.of_classes:
        levels = np.clip(np.nan_to_num(values), 0, 255)
    else:
        # Outliers beyond these would leave few colours for the rest.
        low, high = np.nanquantile(values, (0.01, 0.99)) if np.isfinite(values).any() else (0, 1)
        levels = 1 + np.clip((values - low) / ((high - low) or 1), 0, 1) * _LEVELS
    codes = np.nan_to_num(levels).astype("uint8")
    return paletted_png(codes, picture_colours(picture.of_classes))


def _limits(valid: FloatArray) -> FloatArray:
    """Return the values from which the next shade is drawn, at most three."""
    different = np.unique(valid)
    # Of few different values, each has a shade of its own.
    if different.size <= len(_SHADES):
        return different[1:]
    limits = np.unique(np.quantile(valid, (0.25, 0.5, 0.75)))
    limits = limits[limits > different[0]]
    # Where most values are the least one, the others aren't to look like it.
    return limits if limits.size else different[1:2]


def _legend(shades: str, limits: FloatArray, lang: str) -> str:
    edges = [number(float(limit), lang) for limit in limits]
    parts = [f"{_MISSING} {text('check.shade.missing', lang)}"]
    for k, shade in enumerate(shades):
        if not edges:
            said = text("check.shade.any", lang)
        elif k == 0:
            said = text("check.shade.below", lang, high=edges[0])
        elif k == len(edges):
            said = text("check.shade.from", lang, low=edges[-1])
        else:
            said = text("check.range", lang, low=edges[k - 1], high=edges[k])
        parts.append(f"{shade} {said}")
    return "   ".join(parts)


def _coded(shown: FloatArray) -> Iterator[str]:
    """Yield a map of classes, each by the digit or letter of its code."""
    for row in shown:
        yield "".join(_MISSING if np.isnan(value) else _letter(int(value)) for value in row)


def _letter(code: int) -> str:
    return _CODES[code - 1] if 1 <= code <= len(_CODES) else "0" if code == 0 else "#"


def _thinned(picture: Picture) -> FloatArray:
    """Return one value for each character: the mean of its block, or its most frequent code."""
    rows, columns = picture.values.shape
    # Of the ground, a character shows twice as much from north to south as from west to east.
    ratio = columns * picture.aspect * _TALL / rows
    height = min(_HIGHEST, rows, max(1, round(_WIDEST / ratio)))
    width = max(1, min(_WIDEST, round(height * ratio)))
    out = np.full((height, width), np.nan)
    for i, (top, bottom) in enumerate(_parts(rows, height)):
        for j, (left, right) in enumerate(_parts(columns, width)):
            out[i, j] = _of_block(picture.values[top:bottom, left:right], picture.of_classes)
    return out


def _parts(size: int, count: int) -> list[tuple[int, int]]:
    """Return `count` ranges that cover `size`; where there are fewer cells, they repeat."""
    edges = np.linspace(0, size, count + 1)
    first = np.minimum(np.floor(edges[:-1] + 1e-9), size - 1).astype(int)
    last = np.maximum(np.floor(edges[1:] + 1e-9).astype(int), first + 1)
    return list(zip(first.tolist(), last.tolist(), strict=True))


def _of_block(block: npt.NDArray[np.float64], of_classes: bool) -> float:
    valid = block[np.isfinite(block)]
    # A character shows what most of its block is.
    if 2 * valid.size < block.size or not valid.size:
        return float("nan")
    if not of_classes:
        return float(valid.mean())
    codes, counts = np.unique(valid, return_counts=True)
    return float(codes[counts.argmax()])
