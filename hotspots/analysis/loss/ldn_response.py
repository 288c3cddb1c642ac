"""Recoverability of a loss, its time scale, and the response to it.

A second axis beside the loss itself, never multiplied with it. The responses are those of land
degradation neutrality (LDN): avoid, reduce, reverse.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import xarray as xr

from hotspots.analysis.elementwise import (
    class_codes,
    class_result,
    common_depth,
    elementwise,
    require_between,
)
from hotspots.analysis.loss.components import HORIZON_YEARS, MOST_LOSS_T_HA, MOST_STOCK_T_HA
from hotspots.errors import BadInputError
from hotspots.layers.array_types import ClassArgument, FloatArray, Numeric, SameKind, Values
from hotspots.layers.variables import LOSS_COMPONENTS, RESPONSES, describe

RECOVERY_YEARS = 30.0
TENTH = 0.1
# Losses that can still be prevented: by not converting land, or by closing drains.
AVOIDABLE = ("conversion", "drained_organic")
RESPONSE_RULES = {
    "avoid": "loss high, and its main component is conversion or drained organic soil, or what is"
    " lost over the horizon can't be regained",
    "reduce": "loss high, by disequilibrium, erosion or warming, and what is lost can be regained",
    "reverse": "loss not high, but much is lost already and a gain is possible",
}


def loss_over_horizon(
    *, loss_total: Values, years: float = HORIZON_YEARS, soc_stock: Numeric | None = None
) -> Values:
    """Return the loss over a horizon: ``ΔC_loss(H) = L·H``, t ha-1.

    Parameters
    ----------
    loss_total : DataArray, array or float
        Loss, t ha-1 yr-1.
    years : float
        Horizon H, years.
    soc_stock : DataArray, array or float, optional
        Stock of mineral soil, t ha-1, an upper bound of the loss. Leave it out for peat, which is
        deeper than the stock's depth.

    Returns
    -------
    same kind as given
        t ha-1; NaN where an input is.
    """
    _require_loss(loss_total)
    if not 0 < years <= 1000:
        raise BadInputError(f"years is {years}; it is a number of years, above 0 to 1000.")
    if soc_stock is None:
        out = elementwise(lambda loss: loss * years, loss_total)
    else:
        _require_stock("soc_stock", soc_stock)
        out = elementwise(lambda loss, c: np.minimum(loss * years, c), loss_total, soc_stock)
    return _with_unit(out, "t ha-1", f"SOC lost over {years:g} years", loss_total)


def irrecoverable(
    *, lost: Values, attainable_rate: Numeric, recovery_years: float = RECOVERY_YEARS
) -> Values:
    """Return the part of a loss that isn't regained within a generation.

    Parameters
    ----------
    lost : DataArray, array or float
        ΔC_loss(H), t ha-1; see `loss_over_horizon`.
    attainable_rate : DataArray, array or float
        Gain that the best attainable practice gives, t ha-1 yr-1, >= 0.
    recovery_years : float
        Years of recovery, 30 (mid-century) in the concept.

    Returns
    -------
    same kind as given
        ``irrecoverable = max(0, ΔC_loss(H) − r·30)``, t ha-1; NaN where an input is.

    Notes
    -----
    Concept of Goldstein et al. (2020), doi:10.1038/s41558-020-0738-8, mapped by Noon et al. (2021),
    doi:10.1038/s41893-021-00803-6: 139.1 Pg, 60.0 of it soil (*secondary*). There a loss is total
    conversion; here it is the loss of the horizon, so the figures differ.
    """
    _require_stock("lost", lost)
    _require_rate(attainable_rate)
    if not 0 < recovery_years <= 1000:
        raise BadInputError(
            f"recovery_years is {recovery_years}; it is a number of years, above 0 to 1000."
        )
    out = elementwise(
        lambda loss, rate: np.clip(loss - rate * recovery_years, 0, None), lost, attainable_rate
    )
    return _named(out, "irrecoverable", lost)


def recovery_time(*, lost: Values, attainable_rate: Numeric) -> Values:
    """Return the years needed to regain a loss: ``τ = ΔC_loss(H)/r``.

    Parameters
    ----------
    lost, attainable_rate
        As in `irrecoverable`.

    Returns
    -------
    same kind as given
        Years; 0 where nothing is lost, infinite where something is and nothing is attainable; NaN
        where an input is.
    """
    _require_stock("lost", lost)
    _require_rate(attainable_rate)
    out = elementwise(_years_of, lost, attainable_rate)
    return _with_unit(out, "yr", "Years to regain the loss", lost)


def years_to_lose_tenth(*, soc_stock: Values, loss_total: Numeric) -> Values:
    """Return the years until a tenth of the stock is lost at today's rate.

    Parameters
    ----------
    soc_stock : DataArray, array or float
        SOC stock, t ha-1.
    loss_total : DataArray, array or float
        Loss, t ha-1 yr-1, >= 0.

    Returns
    -------
    same kind as given
        ``years_to_lose_tenth = 0.1·SOC/L_total``, yr; infinite (which is a value, not a missing
        one) where nothing is lost; NaN where an input is, or where there is no stock to lose.
    """
    _require_stock("soc_stock", soc_stock)
    _require_loss(loss_total)

    def kernel(stock: FloatArray, loss: FloatArray) -> FloatArray:
        """Return the years until a tenth is gone.

        Parameters
        ----------
        stock : array
            SOC stock, t ha-1; NaN is missing.
        loss : array
            Loss, t ha-1 yr-1, >= 0, of a shape that broadcasts with `stock`; NaN is missing.
        """
        tenth = np.where(stock > 0, TENTH * stock, np.nan)
        return _years_of(tenth, loss)

    out = elementwise(kernel, soc_stock, loss_total)
    return _named(out, "years_to_lose_tenth", soc_stock)


@dataclass(frozen=True)
class ResponseThresholds:
    """From which values on a response applies.

    Attributes
    ----------
    loss : float
        Loss that counts as high, t ha-1 yr-1, inclusive (as all of them).
    irrecoverable : float
        Irrecoverable loss that counts, t ha-1.
    deficit : float
        Debt that counts as high, t ha-1.
    gain : float
        Gain that counts as possible, t ha-1 yr-1.
    """

    loss: float = 0.1
    irrecoverable: float = 1.0
    deficit: float = 10.0
    gain: float = 0.2


def response_class(
    *,
    loss_total: Numeric,
    main_component: ClassArgument,
    irrecoverable: Numeric,
    historic_deficit: Numeric,
    attainable_rate: Numeric,
    thresholds: ResponseThresholds = ResponseThresholds(),
) -> SameKind:
    """Return the response to the loss: avoid (protect), reduce (manage) or reverse (restore).

    Parameters
    ----------
    loss_total : DataArray, array or float
        Loss, t ha-1 yr-1.
    main_component : str, int, array or DataArray
        Its largest component, by name or code; see `loss_total`.
    irrecoverable : DataArray, array or float
        t ha-1; see `irrecoverable`.
    historic_deficit : DataArray, array or float
        Modelled historical debt, t ha-1: past loss, as context, not a future risk.
    attainable_rate : DataArray, array or float
        Gain that practice can give, t ha-1 yr-1.
    thresholds : ResponseThresholds
        What counts as high.

    Returns
    -------
    str or DataArray
        ``response_class``; 0 ("nodata") where no response applies, or where a required input is
        missing.

    Notes
    -----
    The first row that holds:

    | class   | loss | main component, irrecoverable                         | deficit, gain |
    |---------|------|-------------------------------------------------------|---------------|
    | avoid   | high | conversion or drained organic, or irrecoverable high  | any           |
    | reduce  | high | other, irrecoverable not high                         | any           |
    | reverse | low  | any                                                   | both high     |
    | none    | low  | any                                                   | other         |

    Each row needs only the inputs named in it. The order is the response hierarchy of land
    degradation neutrality (Orr et al. 2017, Scientific Conceptual Framework): avoid comes
    before reduce, reduce before reverse. The loss and gain thresholds are those of the hotspots;
    1 and 10 t ha-1 are *conventions*.
    """
    for what, value in asdict(thresholds).items():
        if not 0 <= value < np.inf:
            raise BadInputError(f"{what}_threshold is {value}; it must be a number, 0 or more.")
    _require_loss(loss_total)
    _require_rate(attainable_rate)
    main = class_codes(main_component, LOSS_COMPONENTS, "component of the loss")
    avoidable = [code for code, name in LOSS_COMPONENTS.items() if name in AVOIDABLE]
    code = {name: number for number, name in RESPONSES.items()}

    def kernel(
        loss: FloatArray, part: FloatArray, never: FloatArray, debt: FloatArray, gain: FloatArray
    ) -> FloatArray:
        """Return the code of the response.

        Parameters
        ----------
        loss : array
            Loss, t ha-1 yr-1; NaN is missing and gives 0.
        part : array of int
            Code of the largest component of the loss; 0 is none or missing.
        never : array
            Irrecoverable loss, t ha-1.
        debt : array
            Historical deficit, t ha-1.
        gain : array
            Attainable gain, t ha-1 yr-1. NaN in these three fulfils no condition. All arrays have
            shapes that broadcast.
        """
        # With a threshold of 0, a loss or gain of 0 still doesn't count.
        high = (loss >= thresholds.loss) & (loss > 0)
        low = np.isfinite(loss) & ~high
        avoid = high & (np.isin(part, avoidable) | (never >= thresholds.irrecoverable))
        # Where the irrecoverable part isn't known, "avoid" can't be ruled out.
        reduce = high & ~avoid & (part > 0) & np.isfinite(never)
        possible = (gain >= thresholds.gain) & (gain > 0)
        reverse = low & (debt >= thresholds.deficit) & (debt > 0) & possible
        return np.select(
            [avoid, reduce, reverse], [code["avoid"], code["reduce"], code["reverse"]], default=0
        ).astype("uint8")

    codes: SameKind = elementwise(
        kernel, loss_total, main, irrecoverable, historic_deficit, attainable_rate, dtype="uint8"
    )
    rules = "; ".join(f"{name}: {rule}" for name, rule in RESPONSE_RULES.items())
    attrs = {"long_name": "Response: avoid, reduce, reverse", "comment": rules}
    return class_result(codes, RESPONSES, "response_class", **attrs)


def _years_of(amount: FloatArray, rate: FloatArray) -> FloatArray:
    """Return amount over rate: 0 for no amount, infinite for an amount at no rate."""
    # Infinity is the answer where a rate is 0 or vanishing, not an error.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        years = amount / rate
    # 0/0 means that nothing moves, so there is no time, however slow the rate.
    return np.where((amount == 0) & np.isfinite(rate), 0.0, years)


def _named(values: Values, name: str, source: Numeric) -> Values:
    if not isinstance(values, xr.DataArray):
        return values
    return describe(values, name, **common_depth(source))


def _with_unit(values: Values, unit: str, label: str, source: Numeric) -> Values:
    """Return a layer with its unit; it has no canonical name."""
    if not isinstance(values, xr.DataArray):
        return values
    return values.assign_attrs(units=unit, long_name=label, **common_depth(source))


def _require_stock(name: str, value: Numeric) -> None:
    require_between(name, value, 0, MOST_STOCK_T_HA, "t ha-1", "look for nodata values")


def _require_loss(value: Numeric) -> None:
    require_between("loss_total", value, 0, MOST_LOSS_T_HA, "t ha-1 yr-1", "losses are positive")


def _require_rate(value: Numeric) -> None:
    require_between("attainable_rate", value, 0, 100, "t ha-1 yr-1", "give a yearly gain")
