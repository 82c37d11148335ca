"""The runs of listed cells: with today's numbers, each once, all made on one kind of device and one state of the data.

For readings beside the plan's comparisons; those have `evidence`, by the same rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..records.kinds import Kind, kind_of, usual_kind
from ..records.record import Record, each_once
from .cell import Cell
from .tuning import is_current


def runs_of_cells(cells: Iterable[Cell], records: Sequence[Record], kind: Kind | None = None) -> dict[tuple, Record]:
    """The run of each cell that has one, by the cell's setup; without a `kind` of the one that most runs were made on.

    Runs with numbers of an older version do not count, nor do those whose settings came from another search. Raises
    ValueError where runs of one seed were made on two states of the data.
    """
    wanted = {(cell.setup, cell.tuning_id) for cell in cells}
    found = each_once(run for run in records if (run.setup, run.tuning_id) in wanted and is_current(run))
    kind = kind or usual_kind(map(kind_of, found))
    found, states = [run for run in found if kind_of(run) == kind], {}
    for run in found:
        place = run.dataset, run.seed, run.split_sizes.get("train_per_class")
        first = states.setdefault(place, run)
        if first.dataset_sha256 != run.dataset_sha256:
            raise ValueError(
                f"runs of seed {run.seed} on {run.dataset} were made on two states of the data; take those of one out of the "
                f"records: {first.key[:10]} has SHA-256 {first.dataset_sha256[:10]}, {run.key[:10]} {run.dataset_sha256[:10]}"
            )
    return {run.setup: run for run in found}
