"""The gains of the study's regressions, seed by seed, in both readings of the claim and against every reference that ran."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..data.regression import TARGETS
from ..records.files import own_records
from ..records.record import Record
from .comparisons import COMPARISONS
from .judged import gains

READINGS = {  # reading -> recipe of its comparisons, the plan's reference
    "claimed": ("published", "mlp"),
    "spine": ("tuned", "mlp_matched"),
}
REFERENCES = ("mlp", "mlp_matched", "linear")


def regression_gains(records: Sequence[Record] | None = None) -> dict[str, dict[str, dict[str, np.ndarray]]]:
    """The gains by reading, target and reference, each (S,): log of the reference's error over the spinal net's, a seed each.

    "claimed" is the net as published under the published recipe, "spine" the spine with the settings that the search chose;
    errors are mean squared ones on held-out points. `records` are the project's own unless given and hold the searches, too.
    ValueError while a comparison is incomplete.
    """
    records = own_records() if records is None else records
    found = {
        reading: {
            each.family: {other: gains(replace(each, reference=other), records) for other in REFERENCES}
            for each in COMPARISONS
            if (each.tier, each.recipe, each.reference) == ("R", recipe, reference)
        }
        for reading, (recipe, reference) in READINGS.items()
    }
    for reading, of_targets in found.items():
        lacking = [name for name in TARGETS if any(each is None for each in of_targets[name].values())]
        if lacking:
            raise ValueError(
                f"regression_gains: {reading!r} lacks runs on {', '.join(lacking)}; make them with "
                "`spinalnet sweep all --tier R`, and pass the searches, too"
            )
    return found
