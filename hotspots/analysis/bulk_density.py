"""Bulk density from the carbon content, where none was measured: published pedotransfer functions.

They were fitted to soils of one region and miss single soils by 10 to 20 %. A stock made with one
is stated to be so. Both are transcriptions in FAO's Soil Organic Carbon Mapping Cookbook, read in
several public copies (secondary); the papers themselves weren't read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hotspots.analysis.elementwise import elementwise, require_between
from hotspots.errors import BadInputError, near_matches
from hotspots.layers.array_types import FloatArray, Numeric, SameKind

ORGANIC_MATTER = 1.724  # organic matter over carbon: a convention, as in the cookbook
MOST_CARBON = 580.0  # g kg-1, of pure organic matter


@dataclass(frozen=True)
class Pedotransfer:
    """A function that gives bulk density, g cm-3, from organic matter, %.

    Attributes
    ----------
    formula : str
        As text, of OM in %.
    citation : str
    soils : str
        What it was fitted to.
    density : function (array -> array)
    """

    formula: str
    citation: str
    soils: str
    density: Callable[[FloatArray], FloatArray]


def _grigal(organic: FloatArray) -> FloatArray:
    return 0.669 + 0.941 * np.exp(-0.06 * organic)


def _honeysett(organic: FloatArray) -> FloatArray:
    return 1.0 / (0.564 + 0.0556 * organic)


PEDOTRANSFER: dict[str, Pedotransfer] = {
    "grigal_1989": Pedotransfer(
        "0.669 + 0.941 exp(-0.06 OM)",
        "Grigal D.F. et al. (1989) Bulk density of surface soils and peat in the north central"
        " United States, Can. J. Soil Sci. 69",
        "surface soils and peat of the north central United States",
        _grigal,
    ),
    "honeysett_1989": Pedotransfer(
        "1 / (0.564 + 0.0556 OM)",
        "Honeysett J.L., Ratkowsky D.A. (1989) The use of ignition loss to estimate bulk density"
        " of forest soils, J. Soil Sci. 40",
        "forest soils of Tasmania",
        _honeysett,
    ),
}


def pedotransfer(name: str) -> Pedotransfer:
    """Return the pedotransfer function of this name, or raise `BadInputError`."""
    if name not in PEDOTRANSFER:
        near = near_matches(name, PEDOTRANSFER) or "."
        raise BadInputError(
            f"'{name}' isn't a function for the bulk density{near} Give one of"
            f" {', '.join(PEDOTRANSFER)}, or add a layer of it: hotspots add-layer FILE --as"
            " bulk_density."
        )
    return PEDOTRANSFER[name]


def bulk_density_of(soc: Numeric, function: str) -> SameKind:
    """Return the bulk density that a pedotransfer function gives for a carbon content.

    Parameters
    ----------
    soc : DataArray, array or float
        Carbon content of the fine earth, g kg-1.
    function : str
        One of `PEDOTRANSFER`.

    Returns
    -------
    same kind as given
        g cm-3; NaN where the content is missing.

    Raises
    ------
    BadInputError
        An unknown function, or a content below 0 or above 580 g kg-1.

    Notes
    -----
    OM = 1.724 · SOC, both in % of mass.
    """
    chosen = pedotransfer(function)
    require_between("soc", soc, 0, MOST_CARBON, "g kg-1")

    def density(content: FloatArray) -> FloatArray:
        """Return g cm-3 from g kg-1."""
        return chosen.density(ORGANIC_MATTER * content / 10.0)

    return elementwise(density, soc)
