"""Which accuracy EMNIST Balanced gives: the authors' 91.05 % is VGG-5's, a user's 85.82 % the 2-conv CNN's.

Asked in issue 6 of github.com/dipuk0506/SpinalNet; the figures are in `data/paper/mnist_family.csv`. Ours are on our
own split, a part of the publisher's images, so they answer which network gives what and cannot replicate a figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..checks import needs
from ..data.published import PROVENANCE, published_figures
from ..records.record import Record
from .blindness import shown
from .cell import Cell
from .cell_runs import runs_of_cells
from .order import Step
from .statistics import mean_interval

if TYPE_CHECKING:
    import pandas as pd

DATASET = "emnist_balanced_reduced"
_OFFICIAL = "emnist_balanced"


def emnist_balanced_answer(records: Sequence[Record], level: float = 0.95) -> pd.DataFrame:
    """The published figures, and our runs by network and head: settings, seeds, test accuracy in % with its interval.

    `last` is the mean over seeds after the last step, from `low` to `high`, `best` the mean of each run's best
    evaluation on the test set, as the published scripts read it. Until all planned seeds are there, and no longer blind, a row has
    none of these and `command` makes the runs that are missing.
    """
    with needs("book"):
        import pandas as pd

    known = shown(records)
    figures = published_figures("mnist_family")
    figures = figures[figures["dataset"] == _OFFICIAL]
    rows = [
        {
            "network": figure.network,
            "head": figure.head,
            "settings": f"{figure.measure}; {figure.note}",
            "whose": PROVENANCE[figure.provenance],
            "split": "the publisher's",
            "published": figure.value,
            "command": "",
        }
        for figure in figures.itertuples()
    ]
    for command, cells in _planned().items():
        of_setup = runs_of_cells(cells, known)
        rows += [_row([c for c in cells if c.head == head], of_setup, command, level) for head in _heads(cells)]
    return pd.DataFrame(rows)


def _planned() -> dict[str, list[Cell]]:
    """Our cells by the command that makes them: both networks as published, and the small one as the user ran it."""
    steps = [
        Step(study, tier, None, (DATASET,))
        for study, tier in (("published", "C"), ("published", "G"), ("issue_6", "C"))
    ]
    return {step.command(): step.cells(None) for step in steps}


def _heads(cells: Sequence[Cell]) -> list[str]:
    return list(dict.fromkeys(cell.head for cell in cells))


def _row(cells: Sequence[Cell], of_setup: dict[tuple, Record], command: str, level: float) -> dict:
    first = cells[0]
    config, sizes = first.config, ", ".join(f"{name} {value}" for name, value in first.head_arguments.items())
    recipe = (
        f"{config.epochs} epochs of {config.optimizer}, rate {config.learning_rate:g}, steps of {config.batch_size}"
    )
    runs = [of_setup[cell.setup] for cell in cells if cell.setup in of_setup]
    row = {"network": first.backbone, "head": first.head, "settings": f"{sizes}; {recipe}", "whose": "ours"}
    row |= {"split": "our own, smaller", "seeds": len(runs), "planned": len(cells)}
    if len(runs) < len(cells):
        return row | {"command": command}
    names = ("last", "low", "high")
    row |= dict(zip(names, mean_interval([100 * run.test["last"] for run in runs], level), strict=True))
    return row | {"best": sum(100 * run.test["test_max"] for run in runs) / len(runs), "command": ""}
