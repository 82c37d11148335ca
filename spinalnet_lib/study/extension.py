"""Which primary pairs of a tier get thirty more seeds: those whose interval is wider than δ. Nothing else is looked at."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from ..records.record import Record
from ..training.recipes import TUNING_SEEDS
from .cells import Cell
from .comparisons import COMPARISONS, Comparison, half_width_over_delta, planned_cells


def extended(tier: str, records: Sequence[Record]) -> list[Comparison]:
    """The primary pairs of a tier whose planned seeds are all there and leave the half-width above δ. Needs scipy.

    `records` are those of the searches, the power runs and the tier itself.
    """
    primary = [each for each in COMPARISONS if each.tier == tier and each.extended]
    return [each for each in primary if (half_width_over_delta(each, records) or 0) > 1]


def extension_cells(tier: str, records: Sequence[Record], datasets: Sequence[str]) -> list[Cell]:
    """The cells of those pairs' further seeds on these data sets; none, with a warning, where scipy is missing."""
    try:
        pairs = extended(tier, records)
    except ImportError:
        warnings.warn(
            "no pair is extended: what decides it needs scipy; pip install scipy, and sweep again", stacklevel=2
        )
        return []
    searches = [record for record in records if record.seed in TUNING_SEEDS]
    cells = [cell for each in pairs for cell in planned_cells(each, each.extended, searches).values()]
    return sorted({cell: None for cell in cells if cell.dataset in datasets}, key=lambda cell: cell.seed)
