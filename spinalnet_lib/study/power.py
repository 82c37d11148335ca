"""How likely each verdict is before the runs are made, from the spread of a few pilot pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..checks import check_int, needs
from .intervals import half_width, levels
from .verdict import name_verdict

VERDICTS = ("better, matters", "worse, matters", "equivalent", "better, size open", "worse, size open", "open")
RIGHT = {0.0: "equivalent", 1.5: "better, matters", 2.0: "better, matters"}  # of a true effect in δ; δ itself has none
_SPREADS = 4000  # equally likely ones that an integral over the spread is summed from


def sd_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """Standard deviation of normal values (n,) and its χ² interval `(sd, low, high)`; n at least 2."""
    with needs("book"):
        from scipy.stats import chi2

    values = np.asarray(values, float)
    if values.ndim != 1 or values.size < 2 or not np.isfinite(values).all():
        raise ValueError(f"sd_interval: values must be two or more finite numbers, got {values}; run more pilot pairs")
    sd, df = float(values.std(ddof=1)), values.size - 1
    low, high = (sd * math.sqrt(df / chi2.ppf(share, df)) for share in ((1 + level) / 2, (1 - level) / 2))
    return sd, float(low), float(high)


def verdict_probabilities(
    effect: float, sd: float, n: int, delta: float, family: int = 1, overlap: float = 0.0
) -> dict[str, float]:
    """Probability of each verdict of `judge` from n normal gains of mean `effect` and standard deviation `sd`.

    L and U are those of a t statistic, so what they decide has a noncentral t distribution. Equivalence asks for two
    bounds at once, which is an integral over the spread that will be seen (Owen, A Special Case of a Bivariate
    Non-central t-Distribution, 1965). `family` and `overlap` as in `judge`.
    """
    with needs("book"):
        from scipy.stats import chi2, nct, norm

    check_int("verdict_probabilities", "n", n, 2)
    if not (sd >= 0 and delta > 0):
        raise ValueError(f"verdict_probabilities: sd must not be below 0 and delta must be above, got {sd} and {delta}")
    if sd == 0:  # every gain is the effect
        certain = name_verdict((effect, effect), (effect, effect), delta)
        return {name: float(name == certain) for name in VERDICTS}
    error = sd * math.sqrt(1 / n + overlap)
    wide, narrow = levels(family)
    critical = half_width(1.0, n, wide, overlap) * sd / error

    def low_above(bound: float) -> float:
        return float(nct.sf(critical, n - 1, (effect - bound) / error))

    def high_below(bound: float) -> float:
        return float(nct.sf(critical, n - 1, (bound - effect) / error))

    spreads = sd * np.sqrt(chi2.ppf((np.arange(_SPREADS) + 0.5) / _SPREADS, n - 1) / (n - 1))
    half, narrow_half = (half_width(spreads, n, level, overlap) for level in (wide, narrow))
    most = delta - narrow_half  # the size of a mean that is equivalent

    def mean_between(low, high) -> float:
        shares = norm.cdf((high - effect) / error) - norm.cdf((low - effect) / error)
        return float(np.where(high > low, shares, 0.0).mean())

    found = {"better, matters": low_above(delta), "worse, matters": high_below(-delta)}
    found["equivalent"] = mean_between(-most, most)
    found["better, size open"] = low_above(0) - found["better, matters"] - mean_between(half, most)
    found["worse, size open"] = high_below(0) - found["worse, matters"] - mean_between(-most, -half)
    found = {name: min(max(share, 0.0), 1.0) for name, share in found.items()}
    return found | {"open": max(0.0, 1 - sum(found.values()))}


def power(
    pilot: Sequence[float], delta: float, planned: int, family: int = 1, overlap: float = 0.0
) -> list[dict[str, float | str]]:
    """What `planned` seeds would say if the true effect were 0, 1.5 δ or 2 δ, from paired differences (n,) of a pilot.

    A row for each effect and each standard deviation: the pilot's and both ends of its 95 % interval. `effect` is in δ,
    `right` the probability of the right verdict, and every verdict's name has its own.
    """
    sds = dict(zip(("estimate", "low", "high"), sd_interval(pilot), strict=True))
    rows = []
    for effect, right in RIGHT.items():
        for which, sd in sds.items():
            shares = verdict_probabilities(effect * delta, sd, planned, delta, family, overlap)
            rows.append({"effect": effect, "sd_is": which, "sd": sd, "right": shares[right], **shares})
    return rows
