"""Records as a table, a row a run or an evaluation; what is not to be shown yet is empty."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..checks import needs
from ..records.record import Record, each_once
from .blindness import hidden

if TYPE_CHECKING:
    import pandas as pd


def records_frame(records: Iterable[Record], curves: bool = False) -> pd.DataFrame:
    """One row a run: what it was, its last validation error and loss, its test accuracies, its cost.

    `train_per_class` is empty where all images were trained on, `tuned` is whether it is a run of the study.

    With `curves` one row an evaluation: what was run, and each point of its curve. A run that is there twice counts once.
    Results of a cell of the study that is not complete are left empty, its curves left out (`study.blindness`).
    """
    with needs("book"):
        import pandas as pd

    records = each_once(records)
    blind = hidden(records)
    if curves:
        of_run = [
            ({"dataset": r.dataset, "arm": r.arm, "seed": r.seed}, {"key": r.key}, r.curve)
            for r in records
            if r.key not in blind
        ]
        return pd.DataFrame([run | point | key for run, key, curve in of_run for point in curve])
    rows = []
    for r in records:
        row = {"dataset": r.dataset, "backbone": r.model["backbone"], "head": r.head, "arm": r.arm, "seed": r.seed}
        kinds = ("last_mse", "val_best_mse", "test_min_mse") if r.loss == "mse" else ("last", "val_best", "test_max")
        results = {name: value for name, value in r.last.items() if name.startswith("val_")} | {"diverged": r.diverged}
        results |= {f"test_{name}": r.test[name] if r.test else None for name in kinds}
        row |= {name: r.model["head_arguments"].get(name) for name in ("layer_width", "num_layers")}
        row |= {"train_per_class": r.split_sizes.get("train_per_class"), "tuned": r.tuning_id is not None}
        row |= {name: r.recipe.get(name) for name in ("learning_rate", "steps")}
        row |= {"epochs": r.recipe["epochs"]} | (dict.fromkeys(results) if r.key in blind else results)
        row |= {f"head_{name}": r.head_cost[name] for name in ("weights", "parameters", "macs")}
        rows.append(row | {"seconds": r.seconds, "device": r.device, "threads": r.threads, "key": r.key})
    return pd.DataFrame(rows)
