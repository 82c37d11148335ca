"""Of a comparison what a seed gains, and the smallest gain that matters (δ).

Source: `data/protocol.md`, rules 3 to 5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from ..data.regression import mean_predictor_errors, regression_data
from ..records.record import Record, unpack_bits
from ..training.recipes import POWER_SEEDS
from .comparisons import Comparison
from .evidence import evidence_of, paired

RELATIVE = 0.10  # δ as a share of the reference arm's mean validation error
LOG_DELTAS = {"R": math.log(1.1), "W": math.log(1.1), "D4": math.log(10)}  # of tiers whose gains are logarithms
_LEAST = 1e-9  # δ where the reference made no error: less than an image, so "too small to judge"
LEAST_NORM = 1e-100  # of a gradient; one below it, and one that is not finite, count as this


def reference_errors(comparison: Comparison, records: Sequence[Record]) -> dict[str, float] | None:
    """The reference arm's mean validation error on each set over the power runs; None while one of them is missing."""
    runs = evidence_of(records).runs(comparison, POWER_SEEDS)
    errors = {}
    for name in comparison.datasets:
        found = [runs.get((comparison.reference, name, seed)) for seed in POWER_SEEDS]
        values = [run and run.last.get("val_error", run.last.get("val_mse")) for run in found]
        if None in values:
            return None
        errors[name] = math.fsum(values) / len(values)
    return errors


def delta(comparison: Comparison, records: Sequence[Record]) -> float | None:
    """The smallest difference that matters, in the unit of the gains; None while power runs are missing that it is told by."""
    if comparison.tier in LOG_DELTAS:
        return LOG_DELTAS[comparison.tier]
    errors = reference_errors(comparison, records)
    if errors is None or (len(errors) > 1 and not all(errors.values())):  # there are no shares of nothing
        return None
    return RELATIVE if len(errors) > 1 else max(RELATIVE * errors[comparison.datasets[0]], _LEAST)


def gains_of(
    comparison: Comparison, runs: dict, seeds: Sequence[int], errors: dict[str, float] | None, validation: bool = False
) -> np.ndarray:
    """Gains of the seeds (S,) of runs by head, set and seed; `errors` are what several sets are set in proportion to."""
    found = np.zeros(len(seeds))
    for name in comparison.datasets:
        of_arm, of_reference = (
            np.array([badness(comparison.tier, runs[arm, name, seed], validation) for seed in seeds])
            for arm in comparison.arms
        )
        scale = len(comparison.datasets) * errors[name] if len(comparison.datasets) > 1 else 1.0
        found += (of_reference - of_arm) / scale
    return found


def badness(tier: str, record: Record, validation: bool) -> float:
    """What a gain is a difference of."""
    if tier == "D4":
        first, *_, last = (max(norm or 0.0, LEAST_NORM) for norm in record.last["gradient_norms"])
        return math.log(last / first)
    if tier == "R":
        error = record.last["val_mse"] if validation else record.test["last_mse"]
        if record.diverged or error is None:
            error = mean_predictor_error(record.dataset, record.seed)
        return math.log(error)
    error = record.last["val_error"] if validation else _test_error(record)
    if error is None:  # of validation images, after a run that diverged
        return math.nan
    if tier == "W":  # half an image where there is no error, since 0 has no logarithm
        return math.log(max(error, 0.5 / record.split_sizes["val" if validation else "test"]))
    return error


def _test_error(record: Record) -> float:
    """The share of test images that were wrong: a record's accuracies are rounded, its bits are not."""
    images = record.split_sizes["test"]
    return 1 - unpack_bits(record.test["correct"], images).sum() / images


@cache
def mean_predictor_error(target: str, seed: int) -> float:
    """Mean squared test error of the mean predictor on a seed's examples of a regression."""
    return mean_predictor_errors(regression_data(target, seed))["test_mse"]


def overlap(comparison: Comparison, runs: dict) -> float:
    """n₂/n₁ where the plan's variance counts that the seeds draw from one pool of images, else 0."""
    return pool_ratio(comparison, runs) if comparison.tier == "P" else 0.0


def pool_ratio(comparison: Comparison, runs: dict) -> float:
    """n₂/n₁, validation images over training images, of runs that cut both out of one pool; 0 of regressions."""
    sizes = next((record.split_sizes for record in runs.values()), None)
    return sizes["val"] / sizes["train"] if comparison.tier != "R" and sizes else 0.0


def pilot_spread(comparison: Comparison, records: Sequence[Record]) -> np.ndarray | None:
    """Gains on validation images over the power runs (S,) less their mean, which would tell a direction.

    None while one is missing or diverged, and in tier D4, which has none.
    """
    runs = evidence_of(records).runs(comparison, POWER_SEEDS)
    errors = reference_errors(comparison, records)
    if comparison.tier == "D4" or errors is None or len(paired(comparison, runs, POWER_SEEDS)) < len(POWER_SEEDS):
        return None
    found = gains_of(comparison, runs, POWER_SEEDS, errors, validation=True)
    return found - found.mean() if np.isfinite(found).all() else None


def pilot_overlap(comparison: Comparison, records: Sequence[Record]) -> float:
    """n₂/n₁ of the power runs where seeds draw from one pool of images, else 0."""
    return overlap(comparison, evidence_of(records).runs(comparison, POWER_SEEDS))
