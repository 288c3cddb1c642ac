"""Convergence of evidence: how many indicators of loss are beyond their thresholds.

A count with explicit thresholds, not a score: the indicators are never weighted or summed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import class_codes, elementwise
from hotspots.errors import BadInputError, near_matches
from hotspots.layers.array_types import FloatArray, Numeric
from hotspots.layers.variables import class_nodata, classes_of, describe, require_aligned

SIDES = ("above", "below")
MOST_INDICATORS = 20
Threshold = float | str | Sequence[str]
Indicator = tuple[Numeric, Threshold] | tuple[Numeric, Threshold, str]


def converging_evidence(
    indicators: Mapping[str, Indicator],
) -> xr.Dataset:
    """Return how many indicators of loss are beyond their thresholds, and how many are known.

    Parameters
    ----------
    indicators : mapping
        Name -> (layer, threshold) or (layer, threshold, side). The indicator counts where the
        layer (DataArray, array or scalar) is at or above the threshold, or at or below it where
        side is "below" (a trend, years to lose a tenth). For a class layer the threshold is the
        name of the class that counts, or a list of names.

    Returns
    -------
    Dataset
        ``evidence_count`` (k; NaN where no indicator is known); ``evidence_known`` (n, 0 where
        none is); and ``evidence_<name>`` of each indicator: 1 beyond, 0 not, NaN unknown. The
        thresholds are in ``evidence_count.attrs["indicators"]``.

    Raises
    ------
    BadInputError
        No indicator, more than 20, a threshold that isn't a number, an unknown class or side.

    Notes
    -----
    After the World Atlas of Desertification (Cherlet et al. 2018), which maps coincident issues
    against thresholds in place of an index. Indicators from one model or one map agree for
    that reason: k of n is not a probability.
    """
    if not 0 < len(indicators) <= MOST_INDICATORS:
        raise BadInputError(
            f"{len(indicators)} indicators were given; 1 to {MOST_INDICATORS} are allowed."
        )
    layers, rules = {}, []
    for name, given in indicators.items():
        if not re.fullmatch(r"[a-z]\w*", name) or name in ("count", "known"):
            raise BadInputError(
                f"'{name}' can't name an indicator; take small letters, digits and _, like"
                " 'loss_total'."
            )
        layers[name], rule = _beyond(name, *given)
        rules.append(rule)
    require_aligned(*layers.values())
    known = sum(layer.notnull().astype("float64") for layer in layers.values())
    count = sum(layer.fillna(0.0) for layer in layers.values())
    count, known = xr.DataArray(count), xr.DataArray(known)
    out = {
        "evidence_count": describe(
            count.where(known > 0), "evidence_count", indicators="; ".join(rules)
        ),
        "evidence_known": known.assign_attrs(units="1", long_name="Indicators with a value"),
    }
    for (name, layer), rule in zip(layers.items(), rules, strict=True):
        out[f"evidence_{name}"] = layer.assign_attrs(units="1", long_name=rule)
    return xr.Dataset(out)


def _beyond(
    name: str, layer: Numeric, threshold: Threshold, side: str = "above"
) -> tuple[xr.DataArray, str]:
    """Return where the layer is beyond its threshold (1, 0, NaN), and the rule as text."""
    if side not in SIDES:
        raise BadInputError(
            f"The side of '{name}' is '{side}'; allowed are {' and '.join(SIDES)}"
            f"{near_matches(side, SIDES) or '.'}"
        )
    legend = classes_of(layer) if isinstance(layer, xr.DataArray) else None
    if legend is not None:
        class_names = [str(threshold)] if isinstance(threshold, str | int | float) else threshold
        codes = [class_codes(one, legend, f"class of '{name}'") for one in class_names]

        def member(code: FloatArray) -> FloatArray:
            """Return 1 in the requested classes, 0 elsewhere."""
            missing = np.isnan(code.astype("float64")) | (code == class_nodata(legend))
            return np.where(missing, np.nan, np.isin(code, codes))

        return _layer(elementwise(member, layer)), f"{name}: {' or '.join(map(str, class_names))}"
    if not isinstance(threshold, int | float | np.number) or not np.isfinite(threshold):
        raise BadInputError(
            f"The threshold of '{name}' is {threshold!r}; it must be a number, or for a class"
            " layer (with flag_values and flag_meanings) the name of a class."
        )

    def kernel(values: FloatArray) -> FloatArray:
        """Return 1 beyond the threshold, 0 elsewhere."""
        over = values >= threshold if side == "above" else values <= threshold
        return np.where(np.isnan(values), np.nan, over)

    unit = layer.attrs.get("units", "") if isinstance(layer, xr.DataArray) else ""
    sign = "at least" if side == "above" else "at most"
    return _layer(elementwise(kernel, layer)), f"{name}: {sign} {threshold:g} {unit}".rstrip()


def _layer(values: Numeric) -> xr.DataArray:
    return values if isinstance(values, xr.DataArray) else xr.DataArray(values)
