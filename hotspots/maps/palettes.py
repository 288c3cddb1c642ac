"""All colours of the map; a test checks that colour-blind readers can distinguish them.

Hues follow Okabe and Ito (2008) and ColorBrewer's colour-blind-safe schemes (Brewer 2003).
Lightness varies along every scale, so that scales remain readable in greyscale print.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SEA = "#c8dcea"
# Land without a class; the legend explains it, to avoid confusion with "excluded".
LAND = "#e8eaeb"
BORDER = "#5b6770"

HOTSPOT: Mapping[str, str] = {
    "protect": "#d55e00",
    "restore": "#7b1e7a",
    "build": "#0072b2",
    "monitor": "#f3e3a8",
    "organic": "#6b4a2b",
    "insufficient_evidence": "#838d94",
    "excluded": "#b0b7bb",
}
# Hot by the best estimate, but not in enough of the draws.
PALE: Mapping[str, str] = {
    "protect": "#f2ac7e",
    "restore": "#b98ab8",
    "build": "#83bce2",
}
EVIDENCE: Mapping[str, str] = {
    "above_threshold": "#0072b2",
    "below_threshold": "#f3e3a8",
    "not_enough_evidence": "#838d94",
}
RESPONSE: Mapping[str, str] = {
    "avoid": "#b2182b",
    "reduce": "#f4a54a",
    "reverse": "#2b7fb8",
}
DEGRADATION: Mapping[str, str] = {
    "degraded": "#a6661c",
    "stable": "#f7efcd",
    "improved": "#1b877c",
}
LOSS_COMPONENT: Mapping[str, str] = {
    "conversion": "#e69f00",
    "disequilibrium": "#56b4e9",
    "erosion": "#007a5a",
    "warming": "#b2182b",
    "drained_organic": "#4b2e6b",
}
CLUSTER_GAIN: Mapping[str, str] = {
    "hot": "#0072b2",
    "not_significant": "#f3e3a8",
    "cold": "#e69f00",
}
CLUSTER_LOSS: Mapping[str, str] = {
    "hot": "#b2182b",
    "not_significant": "#f3e3a8",
    "cold": "#4d9bc9",
}
# Light to dark: gains are blue-green, losses are brown.
GAIN: Sequence[str] = ("#edf8d9", "#c7e9b4", "#7fcdbb", "#41b6c4", "#1d91c0", "#225ea8", "#0c2c84")
DEFICIT: Sequence[str] = ("#fff3c9", "#fee391", "#fec44f", "#fe9929", "#d95f0e", "#8c2d04")
STABILITY: Sequence[str] = ("#f7edc5", "#d9c6df", "#b39ac9", "#8a6bb1", "#5f3b91", "#33105e")
SURPLUS = "#7fb8d4"
LOSS_SIDE: Sequence[str] = ("#e7c99a", "#cf9a4f", "#a6661c", "#5f3305")
GAIN_SIDE: Sequence[str] = ("#a5d9d0", "#5ab4a8", "#1b877c", "#00433a")
NO_CHANGE = "#f7efcd"
RECORD = "#111827"


def rgb(colour: str) -> tuple[int, int, int]:
    """Return red, green, blue (0-255) of "#rrggbb"."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
