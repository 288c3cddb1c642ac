"""RothC-26.3 month by month, for one cell; compiled with numba as numpy gufuncs.

What lies along the months comes as the rows of one array, what a cell has once as the elements of a
vector, in the orders below; `cells.run` brings layers into this form. NaN in any
argument gives NaN. The reference implementation is in the tests.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numpy as np

from hotspots.layers.array_types import FloatArray

MONTHS = 12
DECAY_PER_YEAR = (10.0, 0.3, 0.66, 0.02)  # DPM, RPM, BIO, HUM
BIO_SHARE, HUM_SHARE = 0.46, 0.54  # of the carbon that stays in the soil
MANURE_SHARES = (0.49, 0.49, 0.02)  # DPM, RPM, HUM
COLDEST = -5.0  # degC; nothing decomposes below
BARE_SHARE = 0.556  # of the largest deficit, the limit for a bare soil
FULL_RATE_SHARE = 0.444  # of the largest deficit, up to which moisture doesn't limit decay
SLOWEST = 0.2
COVER_EFFECT = 0.4
BARE_BELOW = 0.5  # share of plant cover: 1 - 0.4 x share > 0.8
MOST_MOISTURE_YEARS = 1000  # two are usually enough; a cycle longer than a year would never end
SAME_DEFICIT_MM = 1e-9

# Rows of `weather`: monthly mean, degC; mm month-1; mm month-1, of an open pan or PET; share of the
# month under plants, 0-1; carbon of plants and of manure, t ha-1 month-1.
TEMPERATURE, PRECIPITATION, EVAPORATION, COVER, PLANT, MANURE = range(6)
# Elements of `soil`: %; cm; evapotranspiration over evaporation; DPM:RPM of plant carbon; a further
# factor on all rates; inert carbon, t ha-1.
CLAY, DEPTH, PAN, RATIO, FACTOR, IOM = range(6)


class Site(NamedTuple):
    """What of a soil is the same in all months."""

    largest: float  # moisture deficit under plants, mm, negative
    pan: float
    ratio: float
    factor: float
    x: float  # CO2 over BIO + HUM
    iom: float


class State(NamedTuple):
    """Pools, t ha-1, and moisture deficit, mm, 0 or below: the elements of a state, in order."""

    dpm: float
    rpm: float
    bio: float
    hum: float
    deficit: float


def _gufunc(types: str, layout: str) -> Callable[[Callable[..., None]], Any]:
    """Return the decorator that makes a numpy gufunc of a function of one cell."""
    made: Callable[[Callable[..., None]], Any] = numba.guvectorize(  # type: ignore[no-untyped-call]
        [f"void({types})"], layout, nopython=True, cache=True
    )
    return made


@numba.njit(cache=True)
def largest_deficit(clay: float, depth: float) -> float:
    """Return the largest soil moisture deficit under plants, mm, negative."""
    return -(20.0 + 1.3 * clay - 0.01 * clay * clay) * depth / 23.0


@numba.njit(cache=True)
def modifiers(
    temperature: float, balance: float, cover: float, largest: float, before: float
) -> tuple[float, float, float, float]:
    """Return one month's a (temperature), b (moisture), c (cover) and its deficit, mm.

    Parameters
    ----------
    temperature : float
        Monthly mean, degC.
    balance : float
        Precipitation less evaporation of the month, mm.
    cover : float
        Share of the month under plants, 0-1.
    largest : float
        Largest deficit under plants, mm, negative; see `largest_deficit`.
    before : float
        Deficit before the month, mm, 0 or below. None of the five may be NaN: the callers treat
        missing values.
    """
    # Below -5 degC without the formula, which divides by 0 at -18.27.
    a = 0.0
    if temperature >= COLDEST:
        a = 47.91 / (1.0 + math.exp(106.06 / (temperature + 18.27)))
    # A bare soil dries less deep, but keeps a deeper deficit that plants have left.
    limit = largest if cover >= BARE_BELOW else min(BARE_SHARE * largest, before)
    deficit = max(limit, min(0.0, before + balance))
    b = 1.0
    if deficit <= FULL_RATE_SHARE * largest:
        b = SLOWEST + (1.0 - SLOWEST) * (largest - deficit) / ((1.0 - FULL_RATE_SHARE) * largest)
    return a, b, 1.0 - COVER_EFFECT * cover, deficit


@numba.njit(cache=True)
def co2_ratio(clay: float) -> float:
    """Return x, the ratio of CO2 to BIO + HUM made from decomposed carbon."""
    return 1.67 * (1.85 + 1.60 * math.exp(-0.0786 * clay))


@numba.njit(cache=True)
def _decay(
    dpm: float, rpm: float, bio: float, hum: float, rate: float, x: float
) -> tuple[float, float, float, float, float]:
    """Return the pools after a month without input, and the carbon lost as CO2."""
    k = rate / MONTHS
    lost_dpm = (1.0 - math.exp(-k * DECAY_PER_YEAR[0])) * dpm
    lost_rpm = (1.0 - math.exp(-k * DECAY_PER_YEAR[1])) * rpm
    lost_bio = (1.0 - math.exp(-k * DECAY_PER_YEAR[2])) * bio
    lost_hum = (1.0 - math.exp(-k * DECAY_PER_YEAR[3])) * hum
    lost = lost_dpm + lost_rpm + lost_bio + lost_hum
    kept = lost / (x + 1.0)
    return (
        dpm - lost_dpm,
        rpm - lost_rpm,
        bio - lost_bio + BIO_SHARE * kept,
        hum - lost_hum + HUM_SHARE * kept,
        lost - kept,
    )


@numba.njit(cache=True)
def _site(soil: FloatArray) -> Site:
    return Site(
        largest_deficit(soil[CLAY], soil[DEPTH]),
        soil[PAN],
        soil[RATIO],
        soil[FACTOR],
        co2_ratio(soil[CLAY]),
        soil[IOM],
    )


@numba.njit(cache=True)
def _balance(weather: FloatArray, month: int, pan: float) -> float:
    """Return precipitation less evapotranspiration of a month, mm."""
    balance: float = weather[PRECIPITATION, month] - pan * weather[EVAPORATION, month]
    return balance


@_gufunc("f8[:,:],f8[:],f8[:],f8[:],f8[:],f8[:]", "(d,m),(c)->(m),(m),(m),(m)")
def rates(
    weather: FloatArray,
    soil: FloatArray,
    a: FloatArray,
    b: FloatArray,
    c: FloatArray,
    deficit: FloatArray,
) -> None:
    """Set a, b, c and the deficit of each month, from a wet soil; NaN from the first NaN on.

    Parameters
    ----------
    weather : array (4, m)
        Temperature, precipitation, evaporation and cover.
    soil : array (3,)
        Clay, depth and pan factor.
    a, b, c : array (m,)
        Output: rate modifiers of temperature, moisture and plant cover, dimensionless.
    deficit : array (m,)
        Output: moisture deficit at each month's end, mm, 0 or below.
    """
    largest = largest_deficit(soil[CLAY], soil[DEPTH])
    before = 0.0
    for i in range(weather.shape[1]):
        temperature, cover = weather[TEMPERATURE, i], weather[COVER, i]
        balance = _balance(weather, i, soil[PAN])
        # A sum is NaN if any of its terms is: one test for all.
        known = temperature + balance + cover + largest + before
        if math.isnan(known):
            a[i] = b[i] = c[i] = deficit[i] = before = np.nan
        else:
            a[i], b[i], c[i], before = modifiers(temperature, balance, cover, largest, before)
            deficit[i] = before


@numba.njit(cache=True)
def _periodic_deficit(weather: FloatArray, site: Site) -> float:
    """Return the moisture deficit at the end of a year that repeats, reached from a wet soil.

    Moisture doesn't depend on carbon, so it is brought to its cycle first.
    """
    before = 0.0
    for _ in range(MOST_MOISTURE_YEARS):
        start = before
        for i in range(weather.shape[1]):
            balance = _balance(weather, i, site.pan)
            before = modifiers(
                weather[TEMPERATURE, i], balance, weather[COVER, i], site.largest, before
            )[3]
        if abs(before - start) <= SAME_DEFICIT_MM:
            break
    return before


@_gufunc("f8[:,:],f8[:],f8[:],f8[:],f8[:]", "(d,m),(c),(s)->(s),()")
def equilibrium(
    weather: FloatArray, soil: FloatArray, like: FloatArray, state: FloatArray, soc: FloatArray
) -> None:
    """Set the state at the end of a repeated year.

    The year is an affine map of the four pools. Five starts taken through it give the map: one
    for each pool of 1 t/ha without input, and an empty soil with input. DPM and RPM feed BIO and
    HUM without feedback, so that the map is solved by two divisions and a 2x2 system.
    Where nothing decomposes all year there is no equilibrium: NaN.

    Parameters
    ----------
    weather : array (6, m)
        Rows as above.
    soil : array (6,)
        Elements as above.
    like : array (5,)
        Any state; it only says how many elements a state has.
    state : array (5,)
        Output: a `State`; NaN where an input is.
    soc : array (1,)
        Output: the pools' sum with IOM, t ha-1.
    """
    state[:] = np.nan
    soc[0] = np.nan
    if math.isnan(weather.sum() + soil.sum()):
        return
    site = _site(soil)
    before = _periodic_deficit(weather, site)

    # Rows 0-3: where a unit of each pool is after the year; row 4: what the year's input leaves.
    runs = np.zeros((5, 4))
    for j in range(4):
        runs[j, j] = 1.0
    for i in range(weather.shape[1]):
        balance = _balance(weather, i, site.pan)
        a, b, c, before = modifiers(
            weather[TEMPERATURE, i], balance, weather[COVER, i], site.largest, before
        )
        rate = a * b * c * site.factor
        for j in range(5):
            runs[j, 0], runs[j, 1], runs[j, 2], runs[j, 3], _co2 = _decay(
                runs[j, 0], runs[j, 1], runs[j, 2], runs[j, 3], rate, site.x
            )
        # Inputs follow the month's decay, as in `_next`.
        plant, manure = weather[PLANT, i], weather[MANURE, i]
        runs[4, 0] += plant * site.ratio / (1.0 + site.ratio) + MANURE_SHARES[0] * manure
        runs[4, 1] += plant / (1.0 + site.ratio) + MANURE_SHARES[1] * manure
        runs[4, 3] += MANURE_SHARES[2] * manure

    solvable = (1.0 - runs[2, 2]) * (1.0 - runs[3, 3]) - runs[3, 2] * runs[2, 3]
    if runs[0, 0] >= 1.0 or runs[1, 1] >= 1.0 or solvable <= 0.0:
        return
    dpm = runs[4, 0] / (1.0 - runs[0, 0])
    rpm = runs[4, 1] / (1.0 - runs[1, 1])
    to_bio = runs[4, 2] + dpm * runs[0, 2] + rpm * runs[1, 2]
    to_hum = runs[4, 3] + dpm * runs[0, 3] + rpm * runs[1, 3]
    state[0], state[1] = dpm, rpm
    state[2] = ((1.0 - runs[3, 3]) * to_bio + runs[3, 2] * to_hum) / solvable
    state[3] = ((1.0 - runs[2, 2]) * to_hum + runs[2, 3] * to_bio) / solvable
    state[4] = before
    soc[0] = dpm + rpm + state[2] + state[3] + site.iom


@numba.njit(cache=True)
def _next(weather: FloatArray, month: int, site: Site, now: State) -> tuple[State, float]:
    """Return the state after one month, and its CO2; all NaN if anything is."""
    temperature, cover = weather[TEMPERATURE, month], weather[COVER, month]
    plant, manure = weather[PLANT, month], weather[MANURE, month]
    balance = _balance(weather, month, site.pan)
    known = temperature + balance + cover + plant + manure
    known += site.largest + site.ratio + site.factor + site.x + site.iom
    if math.isnan(known + now.dpm + now.rpm + now.bio + now.hum + now.deficit):
        return State(np.nan, np.nan, np.nan, np.nan, np.nan), np.nan
    a, b, c, deficit = modifiers(temperature, balance, cover, site.largest, now.deficit)
    rate = a * b * c * site.factor
    dpm, rpm, bio, hum, co2 = _decay(now.dpm, now.rpm, now.bio, now.hum, rate, site.x)
    # The month's inputs come after its decay, as in the authors' own program.
    dpm += plant * site.ratio / (1.0 + site.ratio) + MANURE_SHARES[0] * manure
    rpm += plant / (1.0 + site.ratio) + MANURE_SHARES[1] * manure
    hum += MANURE_SHARES[2] * manure
    return State(dpm, rpm, bio, hum, deficit), co2


@_gufunc("f8[:,:],f8[:],f8[:],f8[:,:],f8[:],f8[:]", "(d,m),(c),(s)->(s,m),(m),(m)")
def simulate(
    weather: FloatArray,
    soil: FloatArray,
    start: FloatArray,
    states: FloatArray,
    soc: FloatArray,
    co2: FloatArray,
) -> None:
    """Set the state and the stock at each month's end, and the month's CO2.

    Parameters
    ----------
    weather, soil
        As in `equilibrium`.
    start : array (5,)
        The `State` before the first month.
    states : array (5, m)
        Output: a `State` in each column; NaN from the first NaN of an input on.
    soc : array (m,)
        Output: the pools' sum with IOM, t ha-1.
    co2 : array (m,)
        Output: carbon that left as CO2 in the month, t ha-1 month-1.
    """
    site, now = _site(soil), State(start[0], start[1], start[2], start[3], start[4])
    for i in range(weather.shape[1]):
        now, co2[i] = _next(weather, i, site, now)
        states[0, i], states[1, i], states[2, i], states[3, i], states[4, i] = now
        soc[i] = now.dpm + now.rpm + now.bio + now.hum + site.iom


@_gufunc("f8[:,:],f8[:],f8[:],f8,f8[:],f8[:]", "(d,m),(c),(s),()->(s),()")
def after(
    weather: FloatArray,
    soil: FloatArray,
    start: FloatArray,
    times: float,
    state: FloatArray,
    soc: FloatArray,
) -> None:
    """Set the state after `times` repetitions of the given months, a whole number of 1 or more.

    Parameters
    ----------
    weather, soil, start
        As in `simulate`.
    times : float
        Number of repetitions.
    state : array (5,)
        Output: a `State`; NaN where an input is.
    soc : array (1,)
        Output: the pools' sum with IOM, t ha-1.
    """
    site, now = _site(soil), State(start[0], start[1], start[2], start[3], start[4])
    for _ in range(int(times)):
        for i in range(weather.shape[1]):
            now, _co2 = _next(weather, i, site, now)
    state[0], state[1], state[2], state[3], state[4] = now
    soc[0] = now.dpm + now.rpm + now.bio + now.hum + site.iom
