"""The paper's table of regressions, read as it was, a mini-batch's lowest loss, and on held-out data.

That minimum is a statement about the noise in the training data: it can fall below the noise floor, which no error on
other data can. Source: Kabir et al., arXiv 2007.03347, Table I, in `data/paper/regression.csv`.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..checks import needs
from ..data.published import published_figures
from ..data.regression import NOISE_FLOOR, TARGETS
from ..records.record import Record
from .blindness import shown
from .cell_runs import runs_of_cells
from .cells import list_cells
from .gains import mean_predictor_error
from .statistics import mean_interval

if TYPE_CHECKING:
    import pandas as pd

REFERENCE = "mlp"
NETS = (
    "spinal",
    "spinal_tied",
)  # with six layers of its own, as the paper says; with layers 3 and 4 again, as its script
_EPOCHS = "200 epochs"


def regressions_as_published(records: Sequence[Record], level: float = 0.95) -> pd.DataFrame:
    """One row a target and net, from runs with the published recipe: the net's errors over those of the dense net.

    Below 1 the net is lower. Pairs share a seed, `seeds` of the `planned` ones are there.

    - `paper`: the ratio in the paper's table, of one run.
    - `minima`: the ratio of mean minima over the seeds, `medians` that of median minima, `ratio` the geometric mean of
      the pairs' ratios with its t interval from `low` to `high`; `wins` seeds where the net's minimum is lower.
    - `under_floor`: of the minima of both nets, how many lie below the noise floor.
    - `held_out`, `held_out_low`, `held_out_high`: the geometric mean of ratios of test errors after the last step. A
      run that diverged has the mean predictor's error.
    - `above_mean`: of the runs of both nets, how many are worse on test than always saying the training mean.
    - `command`: what makes the runs that are missing; empty if none is.

    Results that are still blind are left out.
    """
    with needs("book"):
        import pandas as pd

    cells = list_cells("published", "R")
    of_setup = runs_of_cells(cells, shown(records))
    planned = {(cell.head, cell.dataset, cell.seed): of_setup.get(cell.setup) for cell in cells}
    return pd.DataFrame([_row(planned, target, net, level) for target in TARGETS for net in NETS])


def paper_errors(target: str) -> tuple[float, float]:
    """The dense and the spinal net's error in the paper's table, after its longer training."""
    figures = published_figures("regression")
    figures = figures[(figures["dataset"] == target) & figures["measure"].str.endswith(_EPOCHS)]
    of_net = {head.split()[0]: value for head, value in zip(figures["head"], figures["value"], strict=True)}
    return of_net["dense"], of_net["spinal"]


def paper_ratio(target: str) -> float:
    """The spinal net's error over the dense net's in the paper's table."""
    dense, spinal = paper_errors(target)
    return spinal / dense


def _row(planned: dict, target: str, net: str, level: float) -> dict:
    seeds = [seed for head, dataset, seed in planned if (head, dataset) == (net, target)]
    pairs = [(planned[net, target, seed], planned[REFERENCE, target, seed]) for seed in seeds]
    pairs = [pair for pair in pairs if None not in pair and None not in map(lowest_batch_loss, pair)]
    row = {"target": target, "net": net, "seeds": len(pairs), "planned": len(seeds), "paper": paper_ratio(target)}
    row["command"] = f"spinalnet sweep published --tier R --sets {target}" * (len(pairs) < len(seeds))
    if not pairs:
        return row
    ours, theirs = ([lowest_batch_loss(record) for record in records] for records in zip(*pairs, strict=True))
    row |= {"minima": statistics.fmean(ours) / statistics.fmean(theirs)}
    row |= {"medians": statistics.median(ours) / statistics.median(theirs)}
    row |= dict(zip(("ratio", "low", "high"), _ratio_interval(ours, theirs, level), strict=True))
    row |= {"wins": sum(a < b for a, b in zip(ours, theirs, strict=True))}
    row |= {"under_floor": sum(minimum < NOISE_FLOOR for minimum in ours + theirs)}
    ours, theirs = ([held_out_error(record) for record in records] for records in zip(*pairs, strict=True))
    names = ("held_out", "held_out_low", "held_out_high")
    row |= dict(zip(names, _ratio_interval(ours, theirs, level), strict=True))
    means = [mean_predictor_error(target, record.seed) for record, _ in pairs]
    row["above_mean"] = sum(a > mean for errors in (ours, theirs) for a, mean in zip(errors, means, strict=True))
    return row


def lowest_batch_loss(record: Record) -> float | None:
    """The run's lowest loss of an epoch's last mini-batch; None where it diverged before its first evaluation."""
    found = [point["lowest_last_batch"] for point in record.curve if point.get("lowest_last_batch") is not None]
    return min(found, default=None)


def held_out_error(record: Record) -> float:
    """The run's test error after the last step; where it diverged the mean predictor's."""
    error = None if record.diverged else record.test["last_mse"]
    return mean_predictor_error(record.dataset, record.seed) if error is None else error


def _ratio_interval(ours: Sequence[float], theirs: Sequence[float], level: float) -> tuple[float, float, float]:
    logs = [math.log(a / b) for a, b in zip(ours, theirs, strict=True)]
    mean, low, high = mean_interval(logs, level)
    return math.exp(mean), math.exp(low), math.exp(high) if high < math.inf else math.inf
