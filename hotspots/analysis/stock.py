"""SOC stocks from contents: layers, depths, bulk densities and equal soil mass.

A stock is content x bulk density of the fine earth x share without coarse fragments x thickness.
A target depth is a thickness per layer, and equal soil mass is a depth expressed in tonnes of soil.
A layer without a value makes the stock missing; partial sums are never returned.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import (
    common_depth,
    elementwise,
    require_between,
    require_fraction,
)
from hotspots.errors import BadInputError
from hotspots.layers.array_types import FloatArray, Numeric, SameKind
from hotspots.layers.variables import describe, require_aligned

DEPTH = "depth"  # the dimension of layers
ROCK_DENSITY = 2.65  # g cm-3
T_HA_PER_GRAM_CM2 = 100.0  # 1 g cm-2 of soil is 100 t ha-1
_DEEPEST = 10_000.0  # cm
_UNCOVERED = "The {} of the target {:g} to {:g} cm; choose a target that they cover."


def soc_stock(
    *, soc: Numeric, bulk_density: Numeric, coarse_fragments: Numeric, thickness: Numeric
) -> SameKind:
    """Return the stock of soil organic carbon of a layer, or of all layers together.

    Parameters
    ----------
    soc : DataArray, array or float
        Carbon content of the fine earth, g kg-1.
    bulk_density : DataArray, array or float
        Of the **fine earth**, g cm-3; see `fine_earth_bulk_density` for that of the whole soil.
    coarse_fragments : DataArray, array or float
        Share of the soil's **volume** that is larger than 2 mm, 0-1.
    thickness : DataArray, array or float
        Of the layer, cm; a list or an array of one dimension has one value a layer where another
        argument has the dimension ``depth``.

    Returns
    -------
    DataArray, array or float
        ``soc_stock``, t ha-1, summed over ``depth`` where a DataArray has that dimension; plain
        arrays have no named dimension and give one stock an element. NaN where any layer's value
        is NaN. The layers are assumed to be contiguous from the surface; ``depth_cm`` of the
        result records the depth.

    Raises
    ------
    BadInputError
        A negative value, fragments in percent, a density in kg m-3, layers of different depths.

    Notes
    -----
    ``OCS = Σ SOC·BD·(1 − CF)·h·0.1`` (definition, verified). Values outside of the valid ranges
    of `hotspots.layers.variables` are not clipped. The product of layer means is not the mean of
    the products: such a stock and a mapped product of stocks must not be combined in one map.
    """
    check_soil(soc, bulk_density, coarse_fragments, thickness)
    layer = stock_of_content(soc, bulk_density, coarse_fragments, thickness)
    if _is_plain(layer):
        return layer
    depth = getattr(soc, "attrs", {}).get("depth_cm")
    thickness = _along_depth(layer, thickness)[1]
    if getattr(thickness, "dims", ()) == (DEPTH,):
        depth = f"0-{float(np.sum(thickness)):g}"
    return _described(_sum_of_layers(layer), depth)


def stock_to_depth(
    *,
    soc: Numeric,
    bulk_density: Numeric,
    coarse_fragments: Numeric,
    top: Numeric | None = None,
    bottom: Numeric | None = None,
    at: Numeric | None = None,
    target: tuple[float, float] = (0.0, 30.0),
) -> SameKind:
    """Return the SOC stock between two depths, from layers or from values at depths.

    Parameters
    ----------
    soc, bulk_density, coarse_fragments : DataArray or array
        As for `soc_stock`, with the dimension ``depth`` (the first axis of a plain array).
    top, bottom : sequence of float, optional
        Of the layers, cm, where the values are means of layers (SoilGrids 2.0).
    at : sequence of float, optional
        Depths at which the values hold, cm, ascending (SoilGrids 2017); instead of `top` and
        `bottom`.
    target : tuple of float
        Top and bottom of the stock, cm.

    Returns
    -------
    DataArray, array or float
        ``soc_stock``, t ha-1, with ``depth_cm``. NaN where a layer within the target is NaN.

    Notes
    -----
    Layers: a layer that is partly in the target counts by that part, as if it were homogeneous.
    Depths: ``SOC·BD·(1 − CF)`` is linear between them (trapezoid rule, FAO GSOCseq manual ch. 6
    eq 6.1, there applied to each property; verified). The rule is wrong for means of layers.
    """
    if (at is None) == (top is None or bottom is None):
        raise BadInputError("Give either top and bottom (means of layers) or at (points).")
    low, high = target
    if not 0 <= low < high:
        raise BadInputError(f"target is {target}; it is a top and a deeper bottom, cm.")
    given = (soc, bulk_density, coarse_fragments)
    soil = _layered(*given)
    require_aligned(*soil)
    layered = [DEPTH in getattr(array, "dims", ()) for array in soil]
    count = soil[layered.index(True)].sizes[DEPTH]
    parts = _interval_parts(top, bottom, target) if at is None else _point_parts(at, target)
    if parts.size != count:
        raise BadInputError(f"There are {count} layers and {parts.size} depths; give each its own.")
    # Missing values of layers outside the target don't make the stock missing.
    needed = np.flatnonzero(parts > 0)
    content, density, rock = (
        array.isel({DEPTH: needed}) if has else array
        for array, has in zip(soil, layered, strict=True)
    )
    stock = soc_stock(
        soc=content, bulk_density=density, coarse_fragments=rock, thickness=parts[needed]
    )
    return _as_given(_described(stock, f"{low:g}-{high:g}"), *given)


def depth_overlap_weights(
    *, top: Numeric, bottom: Numeric, target_top: float = 0.0, target_bottom: float = 30.0
) -> SameKind:
    """Return the fraction of a layer that lies within a target depth.

    Parameters
    ----------
    top, bottom : float, array or DataArray
        Of the layers, cm; bottom deeper than top.
    target_top, target_bottom : float
        Of the target, cm.

    Returns
    -------
    float, array or DataArray
        ``max(0, min(bottom, target_bottom) − max(top, target_top))/(bottom − top)``, 0-1; times
        its thickness it is the overlap in cm. NaN where a depth is NaN.
    """
    require_between("top", top, 0, _DEEPEST, "cm")

    def fraction(a: FloatArray, b: FloatArray) -> FloatArray:
        """Return the part of the layers that lies in the target."""
        if np.any(a >= b):
            raise BadInputError("A layer's bottom isn't deeper than its top; both are in cm down.")
        overlap = np.minimum(b, target_bottom) - np.maximum(a, target_top)
        part: FloatArray = np.maximum(0.0, overlap) / (b - a)
        return part

    return elementwise(fraction, top, bottom)


def fine_earth_bulk_density(
    *, bulk_density: Numeric, coarse_fragments: Numeric, rock_density: float = ROCK_DENSITY
) -> SameKind:
    """Return the bulk density of the fine earth from that of the whole soil.

    Parameters
    ----------
    bulk_density, coarse_fragments : DataArray, array or float
        Mass of everything per volume of everything, g cm-3; volume share of fragments, 0-1.
    rock_density : float
        Of the fragments, g cm-3.

    Returns
    -------
    DataArray, array or float
        g cm-3; NaN where an input is, where all is rock, and where the rock outweighs the whole.

    Notes
    -----
    ``(BD − CF·ρ)/(1 − CF)``, ρ = 2.65 g cm-3 (from memory: Poeplau et al. 2017,
    doi:10.5194/soil-3-61-2017). Applying ``1 − CF`` twice is the most common error.
    """
    check_soil(None, bulk_density, coarse_fragments)

    def fine(whole: FloatArray, rock: FloatArray) -> FloatArray:
        """Return the density of the soil without coarse fragments."""
        rest = np.where(rock < 1, 1 - rock, np.nan)
        density = (whole - rock * rock_density) / rest
        return np.where(density > 0, density, np.nan)

    out = elementwise(fine, bulk_density, coarse_fragments)
    return describe(out, "bulk_density") if isinstance(out, xr.DataArray) else out


def organic_carbon_from_matter(*, organic_matter: Numeric, factor: float) -> SameKind:
    """Return ``organic_matter / factor``, in the unit given; NaN stays NaN.

    Parameters
    ----------
    organic_matter : DataArray, array or float
        Content of organic matter, of any unit.
    factor : float
        Mass of matter per mass of carbon, no default: 1.724 (van Bemmelen) or 2.0 (Pribyl 2010,
        doi:10.1016/j.geoderma.2010.02.003); both from memory, 16 % apart.
    """
    if not 1 < factor <= 3:
        raise BadInputError(
            f"factor is {factor}; it is the mass of organic matter per mass of carbon, such as"
            " 1.724 or 2.0, which the content is divided by."
        )
    require_between("organic_matter", organic_matter, 0, np.inf, "(no negative content)")
    return organic_matter / factor


def fine_earth_mass(
    *, bulk_density: Numeric, coarse_fragments: Numeric, thickness: Numeric
) -> SameKind:
    """Return the mass of fine earth, t ha-1; arguments and missing values as for `soc_stock`."""
    check_soil(None, bulk_density, coarse_fragments, thickness)
    return _sum_of_layers(_mass(bulk_density, coarse_fragments, thickness))


def mass_weighted_mean(
    *, values: Numeric, bulk_density: Numeric, coarse_fragments: Numeric, thickness: Numeric
) -> SameKind:
    """Return the mean content over layers, weighted by their fine earth.

    Parameters
    ----------
    values : DataArray or array
        A content per mass of fine earth (SOC, clay, …), any unit, with the dimension ``depth``
        (the first axis of a plain array).
    bulk_density, coarse_fragments, thickness
        As for `soc_stock`.

    Returns
    -------
    DataArray, array or float
        ``Σ v·m/Σ m`` with ``m = h·BD·(1 − CF)``, in the unit of `values`; NaN where a layer is
        NaN, or where there is no fine earth. Weights by thickness alone would be wrong.
    """
    check_soil(None, bulk_density, coarse_fragments, thickness)
    content, mass = _content_and_mass(values, bulk_density, coarse_fragments, thickness)
    total = _sum_of_layers(mass)
    mean = _sum_of_layers(content * mass) / total.where(total > 0)
    mean.attrs = {k: v for k, v in content.attrs.items() if k in ("units", "long_name")}
    return _as_given(mean, values, bulk_density, coarse_fragments, thickness)


def equivalent_mass_stock(
    *,
    soc: Numeric,
    bulk_density: Numeric,
    coarse_fragments: Numeric,
    thickness: Numeric,
    reference_mass: Numeric,
) -> SameKind:
    """Return the SOC stock in a given mass of fine earth, from the surface down.

    Parameters
    ----------
    soc, bulk_density, coarse_fragments, thickness
        As for `soc_stock`, layers from the surface down along ``depth`` (else the first axis).
    reference_mass : DataArray, array or float
        Fine earth, t ha-1; of the other time or treatment, by `fine_earth_mass`.

    Returns
    -------
    DataArray, array or float
        t ha-1; NaN where any layer is NaN, or where the layers hold less soil than the reference
        (there is no extrapolation).

    Notes
    -----
    Carbon is cumulated over soil mass and taken at the reference mass, linear within a layer (the
    cubic spline of von Haden et al. 2020, doi:10.1111/gcb.15124, isn't offered). Comparing fixed
    depths underestimated losses by land-use change by 28 % (Don et al. 2011, verified).
    """
    check_soil(soc, bulk_density, coarse_fragments, thickness)
    require_between("reference_mass", reference_mass, 0, np.inf, "t ha-1")
    given = (soc, bulk_density, coarse_fragments, thickness)
    content, mass = _content_and_mass(*given)
    below = mass.cumsum(DEPTH, skipna=False)
    # Each layer gives what the reference lacks below the layers above it, up to its own mass.
    taken = np.minimum((reference_mass - (below - mass)).clip(min=0), mass)
    stock = _sum_of_layers(content * taken) / 1000  # of g kg-1
    # Thicknesses are rarely exact in binary: the mass of the reference itself must be reached.
    enough = _sum_of_layers(mass) >= reference_mass * (1 - 1e-12)
    stock.attrs = {"units": "t ha-1", "long_name": "SOC stock of equal soil mass"}
    return _as_given(stock.where(enough), *given, reference_mass)


def stock_of_content(
    content: Numeric, bulk_density: Numeric, coarse_fragments: Numeric, thickness: Numeric
) -> SameKind:
    """Return ``content·BD·(1 − CF)·h·0.1``, t ha-1 (units as `soc_stock`); signed, not summed.

    Parameters
    ----------
    content : DataArray, array or float
        Content per mass of fine earth, g kg-1; it may be negative, e.g. a difference.
    bulk_density : DataArray, array or float
        Of the fine earth, g cm-3.
    coarse_fragments : DataArray, array or float
        Share of the soil's volume, 0-1.
    thickness : DataArray, array or float
        Of the layer, cm; one dimension is along ``depth`` where a DataArray has that dimension.
        NaN in any of the four gives NaN.
    """
    given = _along_depth(content, bulk_density, coarse_fragments, thickness)
    # float64 from the first product on, since layers are stored in float32; and
    # g kg-1 x g cm-3 x cm = 0.1 t ha-1.
    return elementwise(
        lambda c, d, r, h: np.multiply(c, d, dtype="float64") * (1.0 - r) * h * 0.1, *given
    )


def check_soil(
    soc: Numeric | None = None,
    bulk_density: Numeric | None = None,
    coarse_fragments: Numeric | None = None,
    thickness: Numeric | None = None,
) -> None:
    """Raise `BadInputError` for impossible contents, densities or shares, and for mixed depths.

    Parameters
    ----------
    soc : DataArray, array or float, optional
        Carbon content, g kg-1, 0 to 1000.
    bulk_density : DataArray, array or float, optional
        g cm-3, 0 to 5.
    coarse_fragments : DataArray, array or float, optional
        Share of the soil's volume, 0-1.
    thickness : DataArray, array or float, optional
        Of the layer, cm, 0 to 10 000.

        An argument that is None isn't checked, NaN (missing) passes, and of dask-backed layers only
        ``depth_cm`` is compared.
    """
    remedy = "divide kg m-3 by 1000, and look for an undeclared nodata value"
    require_between("soc", soc, 0, 1000, "g kg-1")
    require_between("bulk_density", bulk_density, 0, 5, "g cm-3", remedy)
    require_fraction("coarse_fragments", coarse_fragments)
    require_between("thickness", thickness, 0, _DEEPEST, "cm")
    common_depth(soc, bulk_density, coarse_fragments)


def _described(stock: xr.DataArray, depth: str | None) -> xr.DataArray:
    if depth is None:
        return describe(stock, "soc_stock", long_name="Soil organic carbon stock of a layer")
    label = f"Soil organic carbon stock, {depth} cm"
    return describe(stock, "soc_stock", long_name=label, depth_cm=depth)


def _mass(bulk_density: Numeric, coarse_fragments: Numeric, thickness: Numeric) -> SameKind:
    given = _along_depth(bulk_density, coarse_fragments, thickness)
    return elementwise(
        lambda d, r, h: np.multiply(d, 1.0 - r, dtype="float64") * h * T_HA_PER_GRAM_CM2, *given
    )


def _along_depth(*given: Numeric) -> list[Numeric]:
    """Return plain vectors along ``depth`` where a DataArray has that dimension."""
    if not any(isinstance(a, xr.DataArray) and DEPTH in a.dims for a in given):
        return list(given)
    return [xr.DataArray(a, dims=DEPTH) if _is_plain(a) and np.ndim(a) == 1 else a for a in given]


def _content_and_mass(
    content: Numeric, density: Numeric, rock: Numeric, thickness: Numeric
) -> tuple[xr.DataArray, ...]:
    """Return content and fine earth (t ha-1) of the layers, in one shape."""
    content, density, rock = _layered(content, density, rock)
    mass = _mass(density, rock, _along_depth(content, thickness)[1])
    require_aligned(content, mass)
    return xr.broadcast(content, mass)


def _sum_of_layers(layer: Numeric) -> SameKind:
    if isinstance(layer, xr.DataArray) and DEPTH in layer.dims:
        return layer.sum(DEPTH, skipna=False)
    return layer


def _layered(*given: Numeric) -> list[SameKind]:
    """Return the arguments with the dimension ``depth``, the first one of plain arrays."""
    if _is_plain(*given):
        arrays = [np.asarray(value, dtype="float64") for value in given]
        layers: list[Numeric] = [
            xr.DataArray(a, dims=[DEPTH, *range(1, a.ndim)][: a.ndim]) for a in arrays
        ]
    else:
        layers = _along_depth(*given)
    if not any(DEPTH in getattr(layer, "dims", ()) for layer in layers):
        raise BadInputError("There is no dimension 'depth'; give the layers' dimension this name.")
    return layers


def _is_plain(*given: Numeric) -> bool:
    return not any(isinstance(value, xr.DataArray) for value in given)


def _as_given(answer: xr.DataArray, *given: Numeric) -> SameKind:
    if not _is_plain(*given):
        return answer
    return answer.item() if answer.ndim == 0 else answer.values


def _interval_parts(
    top: Numeric | None, bottom: Numeric | None, target: tuple[float, float]
) -> FloatArray:
    """Return how many cm of each layer lie in the target."""
    tops, bottoms = (np.asarray(x, dtype="float64") for x in (top, bottom))
    if tops.ndim != 1 or tops.shape != bottoms.shape or np.any(tops[1:] < bottoms[:-1]):
        raise BadInputError("top and bottom need one depth per layer, cm, down, no overlaps.")
    low, high = target
    inside = depth_overlap_weights(top=tops, bottom=bottoms, target_top=low, target_bottom=high)
    parts = np.asarray(inside * (bottoms - tops))
    if not np.isclose(parts.sum(), high - low, rtol=1e-9):
        raise BadInputError(_UNCOVERED.format(f"layers cover {parts.sum():g} cm", low, high))
    return parts


def _point_parts(at: Numeric, target: tuple[float, float]) -> FloatArray:
    """Return the weights (cm) of values at depths in the trapezoid rule over the target."""
    depths = np.asarray(at, dtype="float64")
    if depths.ndim != 1 or depths.size < 2 or not np.all(np.diff(depths) > 0):
        raise BadInputError("at needs the depths of the values in cm, at least two, ascending.")
    low, high = target
    if depths[0] > low or depths[-1] < high:
        reach = f"values are at {depths[0]:g} to {depths[-1]:g} cm"
        raise BadInputError(_UNCOVERED.format(reach, low, high))
    inner = depths[(depths > low) & (depths < high)]
    nodes = np.concatenate(([low], inner, [high]))
    steps = np.diff(nodes)
    of_node = np.concatenate((steps, [0.0])) / 2 + np.concatenate(([0.0], steps)) / 2
    # Each node's value is interpolated between adjacent depths, which share its weight.
    shares = np.array([np.interp(nodes, depths, unit) for unit in np.eye(depths.size)])
    return np.asarray(shares @ of_node)
