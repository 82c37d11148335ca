"""Gradient norms by layer over training, of the study's chains of thirty layers (claim C4, tier D4)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..records.files import own_records
from ..records.record import Record
from .cells import cells_of
from .comparisons import COMPARISONS
from .gains import LEAST_NORM
from .judged import gains
from .tiers import TIERS
from .tuning import SearchIncomplete, is_current

TIER = "D4"


def chain_runs(records: Sequence[Record] | None = None) -> dict[str, list[Record]]:
    """The runs of each head of tier D4, in the order of their seeds; their curves hold `gradient_norms`.

    `records` are the project's own unless given and hold the search, too. ValueError while a planned run is missing.
    """
    records = own_records() if records is None else records
    (runs,) = TIERS[TIER].runs
    made = {(record.setup, record.tuning_id): record for record in records if is_current(record)}
    try:
        cells = cells_of(TIER, runs, records)
    except SearchIncomplete:
        cells = []
    found: dict[str, list[Record]] = {}
    for cell in cells:
        if record := made.get((cell.setup, cell.tuning_id)):
            found.setdefault(cell.head, []).append(record)
    blind = any(gains(each, records) is None for each in COMPARISONS if each.tier == TIER)
    if blind or sum(map(len, found.values())) < len(cells):
        raise ValueError(
            f"chain_runs: runs of tier {TIER} are missing; make them with `spinalnet sweep all --tier {TIER}`"
        )
    return {head: sorted(of_head, key=lambda record: record.seed) for head, of_head in found.items()}


def log_norms(record: Record, steps: Sequence[int]) -> list[list[float]]:
    """Decimal logarithm of the gradient norm of each layer after each of these steps.

    What is below the plan's least norm counts as that, and so does a run that diverged, from there on.
    """
    points = {point["step"]: point["gradient_norms"] for point in record.curve}
    layers = len(record.curve[0]["gradient_norms"])
    return [[math.log10(max(norm or 0.0, LEAST_NORM)) for norm in points.get(step, [0.0] * layers)] for step in steps]


def steps_of(runs: dict[str, list[Record]]) -> list[int]:
    """The steps after which norms were taken, the same in all runs that did not diverge."""
    return max(([point["step"] for point in record.curve] for of_head in runs.values() for record in of_head), key=len)
