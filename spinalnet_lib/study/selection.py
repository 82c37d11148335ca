"""How much the paper's reading flatters: the best test result of all evaluations, less that after the last step.

Rule 8 of the plan (`data/protocol.md`). A run whose test set was read at each evaluation holds both.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..checks import needs
from ..datasets import split_name
from ..records.record import Record, each_once
from .blindness import shown
from .statistics import mean_interval
from .tiers import frozen_body
from .tuning import NO_SEARCH

if TYPE_CHECKING:
    import pandas as pd


def selection_bias_by_arm(records: Sequence[Record], level: float = 0.95) -> pd.DataFrame:
    """Of the study's runs one row an arm, those as published first: head, body, recipe and length, all its data sets and sizes as one.

    The unit is a seed, of a frozen body that was trained here the body: `bias` is the mean over units of the mean of best
    accuracy less last over a unit's runs, from `low` to `high`; of regressions that of log(last ÷ best) of squared errors.
    `readings` are the evaluations, the fewest and the most; `last_is_best` is the share of runs whose last one is the best. A
    run without a finite error after its last step is counted in `left_out`. Blind results are left out altogether, as are
    runs that read no test set.
    """
    with needs("book"):
        import pandas as pd

    arms: dict[tuple, list[Record]] = {}
    for record in each_once(shown(records)):
        if record.test is not None and record.tuning_id is not None:
            published, extractor = record.tuning_id == NO_SEARCH, split_name(record.dataset)[1]
            body = frozen_body(record.dataset, record.model["backbone"]) + ", frozen" * (extractor is not None)
            epochs, steps = (record.recipe.get(name) for name in ("epochs", "steps"))
            arm = not published, record.loss == "mse", body, epochs, steps, record.head
            arms.setdefault(arm, []).append(record)
    return pd.DataFrame([_arm_row(arm, arms[arm], level) for arm in sorted(arms, key=lambda arm: arm[:3])])


def _arm_row(arm: tuple, runs: Sequence[Record], level: float) -> dict:
    tuned, squared, body, epochs, steps, head = arm
    units: dict[object, list[float]] = {}
    for run in runs:
        extractor = split_name(run.dataset)[1] or ""
        if (bias := _bias(run)) is not None:
            units.setdefault(extractor if extractor.startswith("trained:") else run.seed, []).append(bias)
    readings = [len(run.curve) for run in runs]
    row = {"recipe": "tuned" if tuned else "as published", "body": body, "head": head, "epochs": epochs, "steps": steps}
    row |= {
        "measure": "squared error" if squared else "accuracy",
        "sets": len({split_name(run.dataset)[0] for run in runs}),
    }
    row |= {"readings": (min(readings), max(readings)), "runs": sum(map(len, units.values())), "units": len(units)}
    row["left_out"] = len(runs) - row["runs"]
    row["last_is_best"] = sum(_bias(run) == 0 for run in runs) / row["runs"] if units else None
    if not units:
        return row
    means = [statistics.fmean(biases) for biases in units.values()]
    return row | dict(zip(("bias", "low", "high"), mean_interval(means, level), strict=True))


def _bias(run: Record) -> float | None:
    """None where the run has no finite error after its last step."""
    squared = run.loss == "mse"
    best, last = (run.test[kind] for kind in (("test_min_mse", "last_mse") if squared else ("test_max", "last")))
    if None in (best, last):
        return None
    return math.log(last / best) if squared else best - last
