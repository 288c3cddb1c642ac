"""The sum of the losses of soil carbon at risk, and the largest of them.

The components add up as physical flows, all with weight 1, once their overlaps are removed.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import elementwise, require_between, require_fraction
from hotspots.analysis.loss.components import GROSS, MOST_LOSS_T_HA
from hotspots.errors import BadInputError, near_matches
from hotspots.layers.array_types import Attributes, CodeArray, FloatArray, Numeric, SameKind
from hotspots.layers.variables import LOSS_COMPONENTS, describe, require_aligned


def loss_total(
    components: Mapping[Hashable, Numeric] | xr.Dataset,
    *,
    organic: Numeric | None = None,
    conversion_share: Numeric | None = None,
    joint: Numeric | None = None,
) -> xr.Dataset:
    """Return the losses after the overlap rules, their sum, and the largest of them.

    Parameters
    ----------
    components : Dataset or mapping
        Layers by name, with or without ``loss_``: conversion, disequilibrium, erosion, warming,
        drained_organic; t ha-1 yr-1, >= 0. ``erosion_gross`` is kept beside the sum. A layer that
        isn't given counts as absent and is listed in ``attrs["absent"]`` of ``loss_total``.
    organic : DataArray, array or scalar, optional
        Organic soil: a mask, or its share of the cell's land (0-1).
    conversion_share : DataArray, array or scalar, optional
        Share of the cell (0-1) converted over the horizon of the disequilibrium, where conversion
        takes the latter's place; by default none.
    joint : DataArray, array or scalar, optional
        Loss of one run of a process model under business as usual *and* warming, t ha-1 yr-1. It
        takes the place of warming: disequilibrium and warming then add up to it (all of it counts
        as warming where no disequilibrium is given).

    Returns
    -------
    Dataset
        ``loss_<component>`` as they enter the sum; ``loss_total``, exactly their sum;
        ``loss_main_component`` (0 where nothing is lost, or missing). NaN in a component given
        makes the sum NaN, except where the soil is all organic: there only drained_organic is
        needed, and without that layer the sum is NaN.

    Raises
    ------
    BadInputError
        An unknown or no component, a negative loss, a share outside 0-1.

    Notes
    -----
    Overlap rules (*convention*): organic soil loses by drainage only, ``L1…L4·(1 − organic)``;
    ``L2·(1 − converted share)``; of a joint run ``L2' = min(L2, joint)``, ``L4' = joint − L2'``;
    erosion redistributes carbon laterally, so its gross amount is kept beside the sum. A change
    between two maps is never one of the components.
    """
    others = {"organic": organic, "conversion_share": conversion_share, "joint": joint}
    parts = _by_name(components, others)
    soil, converted, run = (parts.pop(k, None) for k in ("organic", "conversion_share", "joint"))
    rules = []
    # Before the share of conversion, or warming would take over what conversion replaces.
    if run is not None:
        steady = parts.get("disequilibrium", xr.zeros_like(run))
        parts["disequilibrium"] = elementwise(np.minimum, steady, run)
        parts["warming"] = run - parts["disequilibrium"]
        rules.append("warming beyond disequilibrium from one joint run")
    if converted is not None and {"conversion", "disequilibrium"} <= parts.keys():
        parts["disequilibrium"] = parts["disequilibrium"] * (1 - converted)
        rules.append("conversion replaces disequilibrium on the converted share")
    if soil is not None:
        parts = {
            k: v if k == "drained_organic" else elementwise(_on_mineral, v, soil)
            for k, v in parts.items()
        }
        rules.append("organic soil loses by drainage only")
    present = [name for name in LOSS_COMPONENTS.values() if name in parts]
    absent = [name for name in LOSS_COMPONENTS.values() if name not in parts]
    total = sum((parts[name] for name in present[1:]), start=parts[present[0]])
    if soil is not None and "drained_organic" not in parts:
        # Where all soil is organic and its loss isn't given, the sum is unknown, not 0.
        total = total.where(soil < 1)
    attrs: Attributes = {
        "components": ", ".join(present),
        "absent": ", ".join(absent) or "none",
        "overlap": "; ".join(rules) or "none taken out",
    }
    main = elementwise(_largest(present), total, *(parts[n] for n in present), dtype="uint8")
    kept = [*present, *(n for n in (GROSS,) if n in parts)]
    out = {f"loss_{n}": describe(parts[n], f"loss_{n}") for n in kept}
    out["loss_total"] = describe(total, "loss_total", **attrs)
    out["loss_main_component"] = describe(main, "loss_main_component")
    return xr.Dataset(out)


def _by_name(
    components: Mapping[Hashable, Numeric] | xr.Dataset, others: dict[str, Numeric | None]
) -> dict[str, xr.DataArray]:
    """Return the layers by component, checked, on common dimensions; `others` among them."""
    given = dict(components.data_vars) if isinstance(components, xr.Dataset) else dict(components)
    named = {str(key).removeprefix("loss_"): value for key, value in given.items()}
    allowed = [*LOSS_COMPONENTS.values(), GROSS]
    for name in named:
        if name not in allowed:
            raise BadInputError(
                f"'{name}' isn't a component of the loss; allowed are {', '.join(allowed)}"
                f"{near_matches(name, allowed) or '.'}"
            )
    shares = {"organic", "conversion_share"}
    everything = named | {k: v for k, v in others.items() if v is not None}
    for name, value in everything.items():
        if name in shares:
            require_fraction(name, value)
        else:
            require_between(
                f"loss '{name}'",
                value,
                0,
                MOST_LOSS_T_HA,
                "t ha-1 yr-1",
                "losses are positive, and gains no part of them",
            )
    if not set(named) - {GROSS}:
        raise BadInputError(
            f"components holds none of {', '.join(LOSS_COMPONENTS.values())}; give one or more."
        )
    require_aligned(*everything.values())
    model = next((v for v in everything.values() if isinstance(v, xr.DataArray) and v.ndim), None)
    layers = {name: _layer(value, model) for name, value in everything.items()}
    return {name: layer.astype("float64") for name, layer in layers.items()}


def _layer(value: Numeric, model: xr.DataArray | None) -> xr.DataArray:
    if isinstance(value, xr.DataArray):
        return value
    if np.ndim(value) == 0 or model is None:
        return xr.DataArray(value)
    return xr.DataArray(np.asarray(value), dims=model.dims, coords=model.coords)


def _on_mineral(loss: FloatArray, organic: FloatArray) -> FloatArray:
    """Return the loss of the mineral part; the loss isn't needed where there is no mineral soil."""
    return np.where(organic >= 1, 0.0, loss * (1 - organic))


def _largest(names: list[str]) -> SameKind:
    codes = np.array([c for c, name in LOSS_COMPONENTS.items() if name in names], dtype="uint8")

    def kernel(total: FloatArray, *parts: FloatArray) -> CodeArray:
        """Return the code of the largest part.

        Parameters
        ----------
        total : array
            Sum of the components, t ha-1 yr-1; where it is NaN (missing) or 0 the code is 0.
        *parts : array
            Components, t ha-1 yr-1, in the order of `codes`, of shapes that broadcast.
        """
        stacked = np.stack(np.broadcast_arrays(*parts))
        # argmax picks a NaN, but then the total is NaN as well and the code 0.
        largest = codes[np.argmax(stacked, axis=0)]
        return np.where(total > 0, largest, 0).astype("uint8")

    return kernel
