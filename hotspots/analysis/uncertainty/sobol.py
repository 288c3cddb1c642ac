"""Sobol indices: shares of the variance of a model's output by its inputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hotspots.layers.array_types import FloatArray

SOBOL_SAMPLES = 4096
SEED = 1


def sobol_indices(
    model: Callable[[FloatArray], FloatArray],
    inputs: int,
    *,
    samples: int = SOBOL_SAMPLES,
    seed: int = SEED,
) -> tuple[FloatArray, FloatArray, float]:
    """Return the first and total Sobol indices of a model, and the sd of its output.

    Parameters
    ----------
    model : callable
        Outputs (n,) for independent inputs (n, inputs), uniform over 0-1.
    inputs : int
        Number of inputs.
    samples : int
        Base samples N; the model is evaluated for ``N·(inputs + 2)`` rows.
    seed : int
        Seed of the scrambled Sobol sequence.

    Returns
    -------
    first, total : array (inputs,)
        Share of the variance by the input alone, and with all its interactions; NaN where the
        output doesn't vary.
    sd : float
        Standard deviation of the output.

    Notes
    -----
    Saltelli scheme: matrices A, B and ``A_B^(i)`` (A with column i of B); ``S_i = mean(f_B·(f_ABi −
    f_A))/V`` (Saltelli et al. 2010), ``T_i = mean((f_A − f_ABi)²)/2V`` (Jansen 1999). Outputs are
    centred first, which removes most of the noise of S_i.
    """
    from scipy.stats import qmc

    # A sequence of a power of two is balanced; the first point would be all zeros unscrambled.
    power = int(np.ceil(np.log2(samples)))
    both = qmc.Sobol(2 * inputs, rng=np.random.default_rng(seed)).random_base2(power)
    a, b = both[:, :inputs], both[:, inputs:]
    f_a, f_b = model(a), model(b)
    mean = (f_a.mean() + f_b.mean()) / 2
    f_a, f_b = f_a - mean, f_b - mean
    variance = float(np.concatenate([f_a, f_b]).var())
    first, total = np.full(inputs, np.nan), np.full(inputs, np.nan)
    # An output that is constant up to rounding has no variance to share out.
    if variance <= 1e-24 * mean**2:
        return first, total, float(np.sqrt(variance))
    for i in range(inputs):
        mixed = a.copy()
        mixed[:, i] = b[:, i]
        f_mixed = model(mixed) - mean
        first[i] = np.mean(f_b * (f_mixed - f_a)) / variance
        total[i] = np.mean((f_a - f_mixed) ** 2) / (2 * variance)
    return first, total, float(np.sqrt(variance))
