"""The drill: known effects are planted in made-up records, and it is counted how often the verdicts are right.

The records go through all that real ones go through: they are matched with planned cells, paired and judged. Source:
`data/protocol.md`, rule 11.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..records.record import Record, pack_bits
from ..training.config import describe_recipe
from ..training.recipes import POWER_SEEDS
from .cell import Cell
from .comparisons import Comparison
from .completeness import needed_seeds
from .evidence import evidence_of
from .gains import delta, pilot_spread, reference_errors
from .judged import judged


def drill(
    comparison: Comparison, records: Sequence[Record], effect: float, repeats: int = 200, seed: int = 0
) -> dict[str, float]:
    """Share of each verdict over `repeats` studies whose true gain is `effect` δ, with the spread of the pilot.

    `records` are those of the searches and the power runs, which tell δ, the spread, the level of errors and the sizes of
    the test sets. Of comparisons of error rates. ValueError where power runs are missing.
    """
    least, spread = delta(comparison, records), pilot_spread(comparison, records)
    if least is None or spread is None:
        raise ValueError(f"drill: {comparison.name} lacks power runs; make them with `spinalnet sweep power`")
    sd = spread.std(ddof=1)
    random = np.random.default_rng(seed)
    found = Counter()
    for _ in range(repeats):
        runs = _study(comparison, records, comparison.seeds, effect * least, sd, random)
        if len(needed_seeds(comparison, [*records, *runs])) > len(comparison.seeds):
            runs += _study(comparison, records, comparison.extended, effect * least, sd, random)
        found[judged(comparison, [*records, *runs]).name] += 1
    return {name: count / repeats for name, count in found.items()}


def _study(
    comparison: Comparison,
    records: Sequence[Record],
    seeds: Sequence[int],
    effect: float,
    sd: float,
    random: np.random.Generator,
) -> list[Record]:
    """The runs of both arms with these seeds: the reference as good as in the power runs, the other arm by normal gains."""
    evidence, errors = evidence_of(records), reference_errors(comparison, records)
    cells = evidence.cells(comparison)
    patterns = evidence.runs(comparison, POWER_SEEDS)
    gains = dict(zip(seeds, random.normal(effect, sd, len(seeds)), strict=True))
    runs = []
    for name in comparison.datasets:
        scale = errors[name] if len(comparison.datasets) > 1 else 1.0
        for arm in comparison.arms:
            pattern = patterns[arm, name, POWER_SEEDS[0]]
            for seed in seeds:
                error = errors[name] - scale * gains[seed] * (arm == comparison.arm)
                runs.append(_planted(cells[arm, name, seed], pattern, error, random))
    return runs


def _planted(cell: Cell, pattern: Record, error: float, random: np.random.Generator) -> Record:
    """The record of a cell with this error on test images, which are drawn; all else as in `pattern`."""
    images = pattern.split_sizes["test"]
    wrong = min(max(round(error * images), 0), images)
    right = np.ones(images, bool)
    right[random.choice(images, wrong, replace=False)] = False
    accuracy = round(1 - wrong / images, 6)  # as a run's record has it
    test = {**dict.fromkeys(("last", "val_best", "test_max"), accuracy), "nll": None, "brier": None}
    cut = {"seed": cell.cut_seed, "train_per_class": cell.train_per_class} if cell.cut_seed is not None else {}
    return replace(
        pattern,
        key=f"drill, {cell.describe()}",
        seed=cell.seed,
        recipe=describe_recipe(cell.config),
        split_sizes=pattern.split_sizes | cut,
        test=test | {"correct": pack_bits(right)},
    )
