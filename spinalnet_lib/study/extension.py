"""Which primary pairs of a tier get thirty more seeds: those whose interval is wider than δ. Nothing else is looked at."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from ..records.record import Record
from ..training.recipes import TUNING_SEEDS
from .cell import Cell
from .comparisons import COMPARISONS, Comparison, planned_cells
from .completeness import half_width_over_delta


def extended(tier: str, records: Sequence[Record]) -> list[Comparison]:
    """The primary pairs of a tier whose planned seeds are all there and leave the half-width above δ. Needs scipy.

    `records` are those of the searches, the power runs and the tier itself.
    """
    primary = [each for each in COMPARISONS if each.tier == tier and each.extended]
    return [each for each in primary if (half_width_over_delta(each, records) or 0) > 1]


def extension_cells(tier: str, cells: Sequence[Cell], records: Sequence[Record]) -> list[Cell]:
    """The cells of those pairs' further seeds, of pairs and data sets that are among these cells of the tier.

    None, with a warning, where scipy is missing.
    """
    try:
        pairs = extended(tier, records)
    except ImportError:
        warnings.warn(
            "no pair is extended: what decides it needs scipy; pip install scipy, and sweep again", stacklevel=2
        )
        return []
    there = {(cell.setup, cell.tuning_id) for cell in cells}
    searches = [record for record in records if record.seed in TUNING_SEEDS]
    more = {}
    for each in pairs:
        planned = planned_cells(each, [*each.seeds, *each.extended], searches)
        for name in each.datasets:
            firsts = [planned[arm, name, each.seeds[0]] for arm in each.arms]
            if all((cell.setup, cell.tuning_id) in there for cell in firsts):
                more |= {planned[arm, name, seed]: None for arm in each.arms for seed in each.extended}
    return sorted(more, key=lambda cell: cell.seed)
