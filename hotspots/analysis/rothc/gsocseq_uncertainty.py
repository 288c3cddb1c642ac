"""Uncertainty of GSOCseq gains: FAO's rule of two runs, and a paired Monte Carlo.

FAO runs the whole protocol twice, with all inputs at the end of their range that gives more carbon
and at the other end. It combines the stocks' half-ranges as if BAU and SSM were independent; they
share every input, so that the rule gives implausible percentages where the gain is small. The Monte
Carlo uses the same draw for both, and is the better estimate of the gain.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from hotspots.analysis.ipcc.factor_tables import table
from hotspots.analysis.rothc.gsocseq import INCREASES, YEARS, gsocseq
from hotspots.errors import BadInputError

# FAO uses 2 % of a temperature in degC, which vanishes near 0 degC and is negative below:
# 2 % of 15 degC is used everywhere instead (convention).
TYPICAL_TEMPERATURE = 15.0
SD_PER_RANGE = 1 / 1.96  # the ranges are read as 95 % of a normal distribution (convention)
Inputs = dict[str, Any]  # arguments of `gsocseq`
LEAST_FACTOR = 0.05  # of precipitation, clay or stock in a draw


def gsocseq_uncertainty(
    *,
    draws: int = 100,
    seed: int = 0,
    temperature_error: float | None = None,
    increase_error: float | None = None,
    increases: Sequence[float] = INCREASES,
    years: int = YEARS,
    **inputs: Any,
) -> xr.Dataset:
    """Return the uncertainty of the protocol's stocks and gains, by FAO's rule and by draws.

    Parameters
    ----------
    draws : int
        Paired draws, 2 or more; 0 skips the Monte Carlo.
    seed : int
        Seed of the draws. A draw shifts all cells alike, so that a cell's result doesn't depend on
        the other cells.
    temperature_error : float, optional
        Half-range of temperature, K; 2 % of 15 degC = 0.3 K by default.
    increase_error : float, optional
        Half-range of the SSM's increase, as a share of the input; the table's 0.15 by default.
        With 0 the gain is conditional on reaching the increase.
    increases, years, **inputs
        As in `gsocseq`.

    Returns
    -------
    Dataset
        ``u_percent_soc_bau``, ``u_percent_soc_ssm1`` … and ``u_percent_potential_ssm1`` … by FAO's
        rule, % (of the relative gain); from the draws ``soc_bau_sd``, t ha-1,
        ``potential_gsocseq_ssm1_mean`` … and ``…_sd``, t ha-1 yr-1. NaN where the protocol is.

    Raises
    ------
    BadInputError
        As `gsocseq`; also one draw, or a negative error.

    Notes
    -----
    ``U% = 100 (max − min)/(2 SOC)``; of a difference ``sqrt(Σ (U_i x_i)²)/|x_SSM − x_BAU|``. In the
    run with more carbon it is cooler by the error, rain × 1.05, clay × 1.10, stock × 1.20, increase
    + 0.15 (``tables/gsocseq_input_uncertainty.csv``, verified); the other has the reverse. All
    phases use these inputs, including the initial MIAMI NPP, which FAO's scripts leave unchanged.
    Draws are independent and normal, their ranges read as 95 %; warm-up and forward climate are
    shifted alike.
    """
    if draws < 0 or draws == 1:
        raise BadInputError(f"draws is {draws}; give 2 or more, or 0 for FAO's rule alone.")
    errors = {"temperature_error": temperature_error, "increase_error": increase_error}
    for name, error in errors.items():
        if error is not None and not 0 <= error < np.inf:
            raise BadInputError(f"{name} is {error}; it is a half-range, 0 or more.")
    ranges = uncertainty_ranges(temperature_error, increase_error)
    given = inputs | {"increases": increases, "years": years}
    out = _fao_rule(given, ranges)
    if draws:
        out |= _paired_draws(given, ranges, draws, seed)
    return xr.Dataset(out)


def uncertainty_ranges(
    temperature_error: float | None = None, increase_error: float | None = None
) -> dict[str, float]:
    """Return the half-ranges: K for temperature, shares for all else."""
    found = {
        row["parameter"]: float(re.findall(r"[\d.]+", row["relative_uncertainty"])[0]) / 100
        for row in table("gsocseq_input_uncertainty")
    }
    kelvin = found["temperature"] * TYPICAL_TEMPERATURE
    return {
        "temperature": kelvin if temperature_error is None else temperature_error,
        "precipitation": found["precipitation"],
        "clay": found["clay"],
        "soc": found["initial SOC"],
        "increase": found["SSM C-input increase"] if increase_error is None else increase_error,
    }


def _shifted(given: Inputs, shift: dict[str, float]) -> Inputs:
    """Return the inputs with temperature shifted, and the others scaled, by `shift`."""

    def climate(data: Inputs) -> Inputs:
        """Return a climate with its temperature shifted and its rain scaled."""
        rain = data["precipitation"] * max(1 + shift["precipitation"], LEAST_FACTOR)
        return data | {
            "air_temperature": data["air_temperature"] + shift["temperature"],
            "precipitation": rain,
        }

    clay = given["clay"] * max(1 + shift["clay"], LEAST_FACTOR)
    # RothC's check would refuse clay above 100 %.
    limited = clay.clip(max=100) if isinstance(clay, xr.DataArray) else np.minimum(clay, 100)
    out = climate(given) | {
        "clay": limited,
        "soc_stock": given["soc_stock"] * max(1 + shift["soc"], LEAST_FACTOR),
        "increases": [np.clip(i + shift["increase"], -1, 1) for i in given["increases"]],
    }
    for name in ("warm_up", "forward"):
        if out.get(name) is not None:
            shifted = climate({key: out[name][key] for key in ("air_temperature", "precipitation")})
            out[name] = out[name].assign(shifted)
    return out


def _fao_rule(given: Inputs, ranges: dict[str, float]) -> dict[str, xr.DataArray]:
    middle = gsocseq(**given)
    # Cooler soil holds more carbon.
    most = gsocseq(**_shifted(given, ranges | {"temperature": -ranges["temperature"]}))
    least = gsocseq(
        **_shifted(
            given, {k: -v for k, v in ranges.items()} | {"temperature": ranges["temperature"]}
        )
    )
    stocks = ["soc_bau", *(f"soc_ssm{i + 1}" for i in range(len(given["increases"])))]
    half = {name: (most[name] - least[name]) / 2 for name in stocks}
    out = {f"u_percent_{name}": _percent(half[name], middle[name]) for name in stocks}
    for name in stocks[1:]:
        both = (half[name] ** 2 + half["soc_bau"] ** 2) ** 0.5
        gain = middle[name] - middle["soc_bau"]
        out[f"u_percent_potential_{name.removeprefix('soc_')}"] = _percent(both, gain)
    return out


def _percent(half_range: xr.DataArray, value: xr.DataArray) -> xr.DataArray:
    out = 100 * abs(half_range) / abs(value).where(value != 0)
    out.attrs = {"units": "%", "long_name": "Uncertainty by the min/max rule of GSOCseq"}
    return out


def _paired_draws(
    given: Inputs, ranges: dict[str, float], draws: int, seed: int
) -> dict[str, xr.DataArray]:
    """Return mean and standard deviation over the draws, each one run of the protocol."""
    random = np.random.default_rng(seed)
    gains = [f"potential_gsocseq_ssm{i + 1}" for i in range(len(given["increases"]))]

    def draw() -> xr.Dataset:
        """Return one run with newly drawn errors."""
        sizes = random.normal(0, SD_PER_RANGE, size=len(ranges))
        shift = {name: float(k) * ranges[name] for name, k in zip(ranges, sizes, strict=True)}
        return gsocseq(**_shifted(given, shift))[["soc_bau", *gains]]

    mean = draw()
    squares = mean * 0.0
    # Welford's running mean and sum of squares: no draw is kept, and nothing cancels.
    for n in range(2, draws + 1):
        values = draw()
        step = values - mean
        mean = mean + step / n
        squares = squares + step * (values - mean)
    attrs = {"draws": draws, "seed": seed}
    out = {}
    for name in ["soc_bau", *gains]:
        units = "t ha-1" if name == "soc_bau" else "t ha-1 yr-1"
        sd = (squares[name] / (draws - 1)) ** 0.5
        for key, array in (("mean", mean[name]), ("sd", sd)):
            out[f"{name}_{key}"] = array.assign_attrs({})
            out[f"{name}_{key}"].attrs = {"units": units, **attrs}
    return out
