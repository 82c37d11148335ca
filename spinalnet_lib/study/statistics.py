"""Summaries over a handful of seeds: a mean with its interval, over data sets, over widths, and what pairing gains."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..checks import check_number, check_rate, needs


def mean_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """Mean of the values and its Student t interval `(mean, low, high)`; from one value the interval is infinite.

    It covers what other seeds would give on this data and this test set, nothing more.

    >>> mean_interval([1.0, 2.0, 3.0])
    (2.0, -0.484137..., 4.484137...)
    """
    check_rate("mean_interval", "level", level, "0.95 is usual")
    if not len(values):
        raise ValueError("mean_interval: no values; load the records first")
    for value in values:
        check_number("mean_interval", "every value", value, "leave out runs that diverged, and say so")
    n = len(values)
    mean = math.fsum(values) / n
    squares = math.fsum((v - mean) ** 2 for v in values)
    half = t_critical(n, level) * math.sqrt(squares / (n - 1) / n) if n > 1 else math.inf
    return mean, mean - half, mean + half


def t_critical(n: int, level: float = 0.95) -> float:
    """Half-width of the t interval for the mean of n values, in standard errors."""
    with needs("book"):
        from scipy.stats import t

    return float(t.ppf((1 + level) / 2, n - 1)) if n > 1 else math.inf


def across_families(gains, level: float = 0.95) -> tuple[tuple[float, float, float], tuple[float, float]]:
    """Mean of the families' effects with its interval over seeds `(mean, low, high)`, and the range of the effects.

    `gains` (S, F): one row a seed, one column a family, on one scale. The families are fixed, not drawn, so the interval
    says nothing of other families.
    """
    gains = np.asarray(gains, float)
    effects = gains.mean(axis=0)
    return mean_interval(gains.mean(axis=1), level), (float(effects.min()), float(effects.max()))


def log_ratio_slopes(reference_errors, spinal_errors, widths: Sequence[float]) -> np.ndarray:
    """Per seed (S,) the least-squares slope of log(reference error ÷ spinal error) on log₂ of the width.

    Both errors (S, W), W widths. Below 0 the gain of `spinal` shrinks as layers widen. ValueError for an error of 0.
    """
    reference, spinal = np.asarray(reference_errors, float), np.asarray(spinal_errors, float)
    if not (reference > 0).all() or not (spinal > 0).all():
        raise ValueError("log_ratio_slopes: an error is 0 or missing, which has no logarithm; take a larger test set")
    x = np.log2(widths)
    x = x - x.mean()
    return np.log(reference / spinal) @ x / (x @ x)


def pairing_gain(reference_errors: Sequence[float], spinal_errors: Sequence[float]) -> float:
    """How much pairing by seed narrows the difference: its standard deviation unpaired ÷ paired, from errors (S,) each."""
    reference, spinal = np.asarray(reference_errors, float), np.asarray(spinal_errors, float)
    unpaired, paired = np.hypot(reference.std(ddof=1), spinal.std(ddof=1)), (reference - spinal).std(ddof=1)
    return float(unpaired / paired) if paired else math.inf
