"""Intervals for a handful of seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..checks import check_rate, needs


def mean_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """Mean of the values and its Student t interval `(mean, low, high)`; from one value the interval is infinite.

    It covers what other seeds would give on this data and this test set, nothing more.

    >>> mean_interval([1.0, 2.0, 3.0])
    (2.0, -0.484137..., 4.484137...)
    """
    check_rate("mean_interval", "level", level, "0.95 is usual")
    if not len(values):
        raise ValueError("mean_interval: no values; load the records first")
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
