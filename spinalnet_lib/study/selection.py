"""How much the paper's reading flatters: the best test result of all evaluations, less that after the last step.

Rule 8 of the plan (`data/protocol.md`). A run whose test set was read at each evaluation holds both.
"""

from __future__ import annotations

import json
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


def selection_bias(records: Sequence[Record], level: float = 0.95) -> pd.DataFrame:
    """One row an arm with one recipe: its best test result less its last, mean over seeds, from `low` to `high`.

    Accuracies are shares: `best`, `last` and `val_best` (at the evaluation that was best on validation) are means over
    seeds, `bias` the mean of best less last. Of regressions they are geometric means of squared errors, `bias` the mean
    of log(last ÷ best). `evaluations` says out of how many the best was taken. A run without a finite error after its last
    step is counted in `left_out`. Results that are still blind are left out altogether, as are runs that read no test set.
    """
    with needs("book"):
        import pandas as pd

    arms: dict[tuple, list[Record]] = {}
    for record in each_once(shown(records)):
        if record.test is not None:
            arms.setdefault(_arm(record), []).append(record)
    return pd.DataFrame([_row(runs, level) for runs in arms.values()])


def selection_bias_by_arm(records: Sequence[Record], level: float = 0.95) -> pd.DataFrame:
    """Of the study's runs one row an arm, those as published first: head, body, recipe and length, all its data sets and sizes as one.

    The unit is a seed, of a frozen body that was trained here the body: `bias`, as in `selection_bias`, is the mean over units
    of the mean over a unit's runs. `readings` are the evaluations, the fewest and the most. Blind results are left out.
    """
    with needs("book"):
        import pandas as pd

    arms: dict[tuple, list[Record]] = {}
    for record in each_once(shown(records)):
        if record.test is not None and record.tuning_id is not None:
            published, extractor = record.tuning_id == NO_SEARCH, split_name(record.dataset)[1]
            body = frozen_body(record.dataset, record.model["backbone"]) + ", frozen" * (extractor is not None)
            length = record.recipe["epochs"] if published else None
            arms.setdefault((not published, record.loss == "mse", body, length, record.head), []).append(record)
    return pd.DataFrame([_arm_row(arm, arms[arm], level) for arm in sorted(arms, key=lambda arm: arm[:3])])


def _arm_row(arm: tuple, runs: Sequence[Record], level: float) -> dict:
    tuned, squared, body, _, head = arm
    units: dict[object, list[float]] = {}
    for run in runs:
        extractor = split_name(run.dataset)[1] or ""
        if (bias := _bias(run)) is not None:
            units.setdefault(extractor if extractor.startswith("trained:") else run.seed, []).append(bias)
    readings = [len(run.curve) for run in runs]
    row = {"recipe": "tuned" if tuned else "as published", "body": body, "head": head}
    row |= {"measure": "squared error" if squared else "accuracy", "sets": len({run.dataset for run in runs})}
    row |= {"readings": (min(readings), max(readings)), "runs": sum(map(len, units.values())), "units": len(units)}
    row["left_out"] = len(runs) - row["runs"]
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


def _arm(record: Record) -> tuple:
    """Equal for runs that differ in seed, and in what is drawn from it, only."""
    sizes = {name: value for name, value in record.model["head_arguments"].items() if name != "mask_seed"}
    how = json.dumps([sizes, record.recipe], sort_keys=True)
    place = record.dataset, record.model["backbone"], record.head, how
    return *place, record.split_sizes.get("train_per_class"), record.device, record.threads


def _row(runs: Sequence[Record], level: float) -> dict:
    first = runs[0]
    squared = first.loss == "mse"
    kinds = ("test_min_mse", "last_mse", "val_best_mse") if squared else ("test_max", "last", "val_best")
    found = [[record.test[kind] for kind in kinds] for record in runs]
    ended = [values for values in found if None not in values]
    row = {"dataset": first.dataset, "backbone": first.model["backbone"], "head": first.head, "arm": first.arm}
    row |= {"settings": _settings(first), "measure": "squared error" if squared else "accuracy"}
    row |= {"evaluations": max(len(record.curve) for record in runs), "seeds": len(ended)}
    row["left_out"] = len(runs) - len(ended)
    if not ended:
        return row
    mean = statistics.geometric_mean if squared else statistics.fmean
    row |= {
        name: mean(values) for name, values in zip(("best", "last", "val_best"), zip(*ended, strict=True), strict=True)
    }
    biases = [_bias(record) for record, values in zip(runs, found, strict=True) if None not in values]
    return row | dict(zip(("bias", "low", "high"), mean_interval(biases, level), strict=True))


def _settings(record: Record) -> str:
    """Sizes and recipe in words."""
    recipe, skipped = record.recipe, ("drop_rate", "mask_seed")
    words = [f"{name} {value}" for name, value in record.model["head_arguments"].items() if name not in skipped]
    length = f"{recipe['steps']:,} steps" if recipe.get("steps") else f"{recipe['epochs']:,} epochs"
    words += [f"{length} of {recipe['batch_size']:,}", recipe["optimizer"], f"rate {recipe['learning_rate']:.3g}"]
    count = record.split_sizes.get("train_per_class")
    return ", ".join([*words, recipe["schedule"], *([] if count is None else [f"{count} images a class"])])
