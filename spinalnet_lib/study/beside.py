"""What stands beside the verdict on a comparison and decides nothing: p-values, what pairing gained, losses, costs and
settings, the mean of families.

Source: `data/protocol.md`, rules 2, 5, 6, 7 and 9.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..records.record import Record
from .comparisons import COMPARISONS, Comparison
from .completeness import needed_seeds
from .cost_beside import cost, settings
from .evidence import evidence_of
from .gains import LOG_DELTAS, badness, overlap, reference_errors
from .intervals import gain_interval, levels
from .judged import gains
from .sign_flips import sign_flip_p
from .statistics import across_families, pairing_gain

_LOSSES = ("nll", "brier")  # of test images


def beside(comparison: Comparison, records: Sequence[Record]) -> dict[str, object]:
    """Of a complete comparison: `sign_flip_p` and its `method`, and of each data set `pairing`, the mean gain in points and
    in negative log-likelihood and Brier score with their intervals, both arms' `cost` and their `settings`, with how many were
    tried and which are at the grid's edge. Empty while it is incomplete or withheld.

    Intervals are Student's t at the level of [L, U]; a loss that a run does not have is left out.
    """
    found = gains(comparison, records)
    if found is None:
        return {}
    seeds = needed_seeds(comparison, records)
    runs = evidence_of(records).runs(comparison, seeds)
    level, shared = levels(comparison.families)[0], overlap(comparison, runs)
    p, method = sign_flip_p(_in_images(comparison, runs, found))
    shown = {"sign_flip_p": p, "method": method, "sets": {}}
    if shared:
        shown["interval of seeds alone"] = gain_interval(found, level)[1:]
    for name in comparison.datasets:
        of_arm, of_reference = ([runs[arm, name, seed] for seed in seeds] for arm in comparison.arms)
        errors = [[badness(comparison.tier, run, False) for run in some] for some in (of_reference, of_arm)]
        row = {"pairing": pairing_gain(*errors)}
        if comparison.tier not in LOG_DELTAS:
            row["points"] = gain_interval(100 * np.subtract(*errors), level, shared)
        for loss in _LOSSES if comparison.tier != "D4" else ():  # its losses belong to blind sets, its gradients do not
            values = [[run.test and run.test.get(loss) for run in some] for some in (of_reference, of_arm)]
            if all(value is not None for some in values for value in some):
                row[loss] = gain_interval(np.subtract(*values), level, shared)
        row["cost"] = cost(comparison, dict(zip(comparison.arms, (of_arm, of_reference), strict=True)))
        row["settings"] = settings(comparison, name, records)
        shown["sets"][name] = row
    return shown


def _in_images(comparison: Comparison, runs: dict, found: np.ndarray) -> np.ndarray:
    """Gains counted in test images where they are errors on one set: then the test by sign flips is exact."""
    if len(comparison.datasets) > 1 or comparison.tier in LOG_DELTAS:
        return found
    return np.rint(found * next(iter(runs.values())).split_sizes["test"])


def mean_over_families(
    reference: str, records: Sequence[Record], recipe: str = "tuned"
) -> tuple[tuple[float, float, float], tuple[float, float]] | None:
    """Tier C's gain as a share of the reference's validation error: mean over its families `(mean, low, high)`, and the range.

    Over the seeds that all families have. None while one of them is incomplete.
    """
    of_families = [c for c in COMPARISONS if (c.tier, c.reference, c.recipe) == ("C", reference, recipe)]
    columns = []
    for comparison in of_families:
        found, errors = gains(comparison, records), reference_errors(comparison, records)
        if found is None or not errors or not all(errors.values()):
            return None
        columns.append(found / (1.0 if len(errors) > 1 else errors[comparison.datasets[0]]))
    fewest = min(map(len, columns))
    return across_families(np.transpose([column[:fewest] for column in columns]))
