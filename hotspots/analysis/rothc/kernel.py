"""RothC-26.3 month by month, cell by cell; compiled with numba as numpy gufuncs.

Arguments are broadcast over cells; the months lie along the last axis. Order of the arguments, in
all three: monthly temperature (degC), precipitation (mm), evaporation (mm), plant cover (0-1),
plant carbon, manure carbon (t ha-1 month-1); then, per cell, clay (%), depth (cm), pan factor,
DPM:RPM ratio, a further factor on all rates, IOM (t ha-1). NaN in any of them gives NaN.
The reference implementation is in the tests.
"""

from __future__ import annotations

import math

import numba
import numpy as np

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
MOST_MOISTURE_YEARS = 1000
SAME_DEFICIT_MM = 1e-9

_DRIVERS = "(m),(m),(m),(m),(m),(m),(),(),(),(),(),()"
_DRIVER_TYPES = "f8[:],f8[:],f8[:],f8[:],f8[:],f8[:],f8,f8,f8,f8,f8,f8"
_STATE = ",(),(),(),(),()"
_STATE_TYPES = ",f8,f8,f8,f8,f8"


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
    a = 0.0
    if temperature >= COLDEST:
        a = 47.91 / (1.0 + math.exp(106.06 / (temperature + 18.27)))
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


@numba.guvectorize(
    ["void(f8[:],f8[:],f8[:],f8[:],f8,f8,f8,f8[:],f8[:],f8[:],f8[:])"],
    "(m),(m),(m),(m),(),(),()->(m),(m),(m),(m)",
    nopython=True,
    cache=True,
)
def rates(temperature, precipitation, evaporation, cover, clay, depth, pan, a, b, c, deficit):  # type: ignore[no-untyped-def]
    """Set a, b, c and the deficit of each month, from a wet soil; NaN from the first NaN on.

    Parameters
    ----------
    temperature : array (m,)
        Monthly means, degC.
    precipitation, evaporation : array (m,)
        mm month-1; `evaporation` from an open pan, or potential evapotranspiration.
    cover : array (m,)
        Share of the month under plants, 0-1.
    clay : float
        % of the fine earth, 0-100.
    depth : float
        Depth of the soil layer, cm.
    pan : float
        Evapotranspiration over `evaporation`.
    a, b, c : array (m,)
        Output: rate modifiers of temperature, moisture and plant cover, dimensionless.
    deficit : array (m,)
        Output: moisture deficit at each month's end, mm, 0 or below.
    """
    largest = largest_deficit(clay, depth)
    before = 0.0
    for i in range(temperature.size):
        balance = precipitation[i] - pan * evaporation[i]
        known = temperature[i] + balance + cover[i] + largest + before
        if math.isnan(known):
            a[i] = b[i] = c[i] = deficit[i] = before = np.nan
        else:
            a[i], b[i], c[i], before = modifiers(temperature[i], balance, cover[i], largest, before)
            deficit[i] = before


@numba.guvectorize(
    [f"void({_DRIVER_TYPES},f8[:],f8[:],f8[:],f8[:],f8[:],f8[:])"],
    f"{_DRIVERS}->(),(),(),(),(),()",
    nopython=True,
    cache=True,
)
def equilibrium(  # type: ignore[no-untyped-def]
    temperature,
    precipitation,
    evaporation,
    cover,
    plant,
    manure,
    clay,
    depth,
    pan,
    ratio,
    factor,
    iom,
    dpm,
    rpm,
    bio,
    hum,
    soc,
    deficit,
):
    """Set the pools, their sum with IOM and the deficit at the end of a repeated year.

    The year is an affine map of the four pools. Five starts taken through it give the map: one
    for each pool of 1 t/ha without input, and an empty soil with input. DPM and RPM feed BIO and
    HUM without feedback, so that the map is solved by two divisions and a 2x2 system.
    Where nothing decomposes all year there is no equilibrium: NaN.

    Parameters
    ----------
    temperature : array (m,)
        Monthly means, degC.
    precipitation, evaporation : array (m,)
        mm month-1; `evaporation` from an open pan, or potential evapotranspiration.
    cover : array (m,)
        Share of the month under plants, 0-1.
    plant, manure : array (m,)
        Carbon input of plants and of manure, t ha-1 month-1.
    clay : float
        % of the fine earth, 0-100.
    depth : float
        Depth of the soil layer, cm.
    pan : float
        Evapotranspiration over `evaporation`.
    ratio : float
        DPM:RPM ratio of plant carbon.
    factor : float
        A further factor on all rates.
    iom : float
        Inert carbon, t ha-1.
    dpm, rpm, bio, hum, soc : array (1,)
        Output: pools and their sum with IOM, t ha-1; NaN where an input is.
    deficit : array (1,)
        Output: moisture deficit, mm, 0 or below.
    """
    dpm[0] = rpm[0] = bio[0] = hum[0] = soc[0] = deficit[0] = np.nan
    known = clay + depth + pan + ratio + factor + iom
    for i in range(temperature.size):
        known += temperature[i] + precipitation[i] + evaporation[i]
        known += cover[i] + plant[i] + manure[i]
    if math.isnan(known):
        return
    largest = largest_deficit(clay, depth)
    before = 0.0
    for _ in range(MOST_MOISTURE_YEARS):
        start = before
        for i in range(temperature.size):
            balance = precipitation[i] - pan * evaporation[i]
            before = modifiers(temperature[i], balance, cover[i], largest, before)[3]
        if abs(before - start) <= SAME_DEFICIT_MM:
            break

    x = co2_ratio(clay)
    runs = np.zeros((5, 4))
    for j in range(4):
        runs[j, j] = 1.0
    for i in range(temperature.size):
        balance = precipitation[i] - pan * evaporation[i]
        a, b, c, before = modifiers(temperature[i], balance, cover[i], largest, before)
        rate = a * b * c * factor
        for j in range(5):
            runs[j, 0], runs[j, 1], runs[j, 2], runs[j, 3], _co2 = _decay(
                runs[j, 0], runs[j, 1], runs[j, 2], runs[j, 3], rate, x
            )
        runs[4, 0] += plant[i] * ratio / (1.0 + ratio) + MANURE_SHARES[0] * manure[i]
        runs[4, 1] += plant[i] / (1.0 + ratio) + MANURE_SHARES[1] * manure[i]
        runs[4, 3] += MANURE_SHARES[2] * manure[i]

    solvable = (1.0 - runs[2, 2]) * (1.0 - runs[3, 3]) - runs[3, 2] * runs[2, 3]
    if runs[0, 0] >= 1.0 or runs[1, 1] >= 1.0 or solvable <= 0.0:
        return
    dpm[0] = runs[4, 0] / (1.0 - runs[0, 0])
    rpm[0] = runs[4, 1] / (1.0 - runs[1, 1])
    to_bio = runs[4, 2] + dpm[0] * runs[0, 2] + rpm[0] * runs[1, 2]
    to_hum = runs[4, 3] + dpm[0] * runs[0, 3] + rpm[0] * runs[1, 3]
    bio[0] = ((1.0 - runs[3, 3]) * to_bio + runs[3, 2] * to_hum) / solvable
    hum[0] = ((1.0 - runs[2, 2]) * to_hum + runs[2, 3] * to_bio) / solvable
    soc[0] = dpm[0] + rpm[0] + bio[0] + hum[0] + iom
    deficit[0] = before


@numba.njit(cache=True)
def _next(  # type: ignore[no-untyped-def]
    temperature,
    precipitation,
    evaporation,
    cover,
    plant,
    manure,
    largest,
    pan,
    ratio,
    factor,
    x,
    iom,
    dpm,
    rpm,
    bio,
    hum,
    deficit,
):
    """Return the pools, CO2 and the deficit after one month; all NaN if anything is."""
    balance = precipitation - pan * evaporation
    known = temperature + balance + cover + plant + manure + largest + ratio + factor + x + iom
    if math.isnan(known + dpm + rpm + bio + hum + deficit):
        return np.nan, np.nan, np.nan, np.nan, np.nan, np.nan
    a, b, c, deficit = modifiers(temperature, balance, cover, largest, deficit)
    dpm, rpm, bio, hum, co2 = _decay(dpm, rpm, bio, hum, a * b * c * factor, x)
    dpm += plant * ratio / (1.0 + ratio) + MANURE_SHARES[0] * manure
    rpm += plant / (1.0 + ratio) + MANURE_SHARES[1] * manure
    hum += MANURE_SHARES[2] * manure
    return dpm, rpm, bio, hum, co2, deficit


@numba.guvectorize(
    [f"void({_DRIVER_TYPES}{_STATE_TYPES},f8[:],f8[:],f8[:],f8[:],f8[:],f8[:],f8[:])"],
    f"{_DRIVERS}{_STATE}->(m),(m),(m),(m),(m),(m),(m)",
    nopython=True,
    cache=True,
)
def simulate(  # type: ignore[no-untyped-def]
    temperature,
    precipitation,
    evaporation,
    cover,
    plant,
    manure,
    clay,
    depth,
    pan,
    ratio,
    factor,
    iom,
    dpm0,
    rpm0,
    bio0,
    hum0,
    deficit0,
    dpm,
    rpm,
    bio,
    hum,
    soc,
    co2,
    deficit,
):
    """Set the pools, their sum with IOM, the month's CO2 and the deficit at each month's end.

    Parameters
    ----------
    temperature : array (m,)
        Monthly means, degC.
    precipitation, evaporation : array (m,)
        mm month-1; `evaporation` from an open pan, or potential evapotranspiration.
    cover : array (m,)
        Share of the month under plants, 0-1.
    plant, manure : array (m,)
        Carbon input of plants and of manure, t ha-1 month-1.
    clay : float
        % of the fine earth, 0-100.
    depth : float
        Depth of the soil layer, cm.
    pan : float
        Evapotranspiration over `evaporation`.
    ratio : float
        DPM:RPM ratio of plant carbon.
    factor : float
        A further factor on all rates.
    iom : float
        Inert carbon, t ha-1.
    dpm0, rpm0, bio0, hum0 : float
        Pools before the first month, t ha-1.
    deficit0 : float
        Moisture deficit before the first month, mm, 0 or below.
    dpm, rpm, bio, hum, soc : array (m,)
        Output: pools and their sum with IOM, t ha-1; NaN from the first NaN of an input on.
    co2 : array (m,)
        Output: carbon that left as CO2 in the month, t ha-1 month-1.
    deficit : array (m,)
        Output: moisture deficit, mm, 0 or below.
    """
    largest = largest_deficit(clay, depth)
    x = co2_ratio(clay)
    for i in range(temperature.size):
        dpm0, rpm0, bio0, hum0, gone, deficit0 = _next(
            temperature[i],
            precipitation[i],
            evaporation[i],
            cover[i],
            plant[i],
            manure[i],
            largest,
            pan,
            ratio,
            factor,
            x,
            iom,
            dpm0,
            rpm0,
            bio0,
            hum0,
            deficit0,
        )
        dpm[i], rpm[i], bio[i], hum[i], co2[i], deficit[i] = dpm0, rpm0, bio0, hum0, gone, deficit0
        soc[i] = dpm0 + rpm0 + bio0 + hum0 + iom


@numba.guvectorize(
    [f"void({_DRIVER_TYPES}{_STATE_TYPES},f8,f8[:],f8[:],f8[:],f8[:],f8[:],f8[:])"],
    f"{_DRIVERS}{_STATE},()->(),(),(),(),(),()",
    nopython=True,
    cache=True,
)
def after(  # type: ignore[no-untyped-def]
    temperature,
    precipitation,
    evaporation,
    cover,
    plant,
    manure,
    clay,
    depth,
    pan,
    ratio,
    factor,
    iom,
    dpm0,
    rpm0,
    bio0,
    hum0,
    deficit0,
    times,
    dpm,
    rpm,
    bio,
    hum,
    soc,
    deficit,
):
    """Set the state after `times` repetitions of the given months.

    Parameters
    ----------
    temperature : array (m,)
        Monthly means, degC.
    precipitation, evaporation : array (m,)
        mm month-1; `evaporation` from an open pan, or potential evapotranspiration.
    cover : array (m,)
        Share of the month under plants, 0-1.
    plant, manure : array (m,)
        Carbon input of plants and of manure, t ha-1 month-1.
    clay : float
        % of the fine earth, 0-100.
    depth : float
        Depth of the soil layer, cm.
    pan : float
        Evapotranspiration over `evaporation`.
    ratio : float
        DPM:RPM ratio of plant carbon.
    factor : float
        A further factor on all rates.
    iom : float
        Inert carbon, t ha-1.
    dpm0, rpm0, bio0, hum0 : float
        Pools before the first month, t ha-1.
    deficit0 : float
        Moisture deficit before the first month, mm, 0 or below.
    times : float
        Number of repetitions, a whole number of 1 or more.
    dpm, rpm, bio, hum, soc : array (1,)
        Output: pools and their sum with IOM, t ha-1; NaN where an input is.
    deficit : array (1,)
        Output: moisture deficit, mm, 0 or below.
    """
    largest = largest_deficit(clay, depth)
    x = co2_ratio(clay)
    for _ in range(int(times)):
        for i in range(temperature.size):
            dpm0, rpm0, bio0, hum0, _co2, deficit0 = _next(
                temperature[i],
                precipitation[i],
                evaporation[i],
                cover[i],
                plant[i],
                manure[i],
                largest,
                pan,
                ratio,
                factor,
                x,
                iom,
                dpm0,
                rpm0,
                bio0,
                hum0,
                deficit0,
            )
    dpm[0], rpm[0], bio[0], hum[0], deficit[0] = dpm0, rpm0, bio0, hum0, deficit0
    soc[0] = dpm0 + rpm0 + bio0 + hum0 + iom
