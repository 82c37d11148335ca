"""Two arms of some records, paired by seed: gains with an interval, and no verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..records.record import Record, each_once
from .blindness import HIDDEN, shown
from .intervals import gain_interval
from .statistics import pairing_gain


@dataclass(frozen=True)
class PairedGains:
    """Gains of an arm, the error of the reference less its own, above 0 where it is better; and their mean's interval."""

    seeds: tuple[int, ...]
    gains: np.ndarray  # (S,)
    mean: float
    low: float
    high: float
    pairing: float  # how many times narrower the differences are than those of unpaired seeds


def compare(records: Sequence[Record], a: str, b: str, read_test: bool = False, level: float = 0.95) -> PairedGains:
    """Gains of head `a` over head `b`, paired by seed, on validation images or with `read_test` on test images.

    The records are of one data set, body and recipe length; errors are shares, or squared errors. Results of a cell of
    the study that is not complete are left out. Raises ValueError for fewer than two pairs, for a head with two runs of a
    seed, and for a test set that was not read. The interval is Student's t, for this test set.
    """
    places = {(record.dataset, record.model["backbone"], record.n_steps) for record in records}
    if len(places) > 1:
        raise ValueError(f"compare: records are of {sorted(places)}; pass those of one data set, body and length")
    runs = {a: {}, b: {}}
    once = each_once(records)
    visible = shown(once)
    for record in visible:
        if record.head in runs:
            if record.seed in runs[record.head]:
                raise ValueError(
                    f"compare: {record.head} has two runs of seed {record.seed}; pass one recipe's records"
                )
            runs[record.head][record.seed] = record
    seeds = sorted(runs[a].keys() & runs[b].keys())
    if len(seeds) < 2:
        counts = f"{len(runs[a])} runs of {a!r} and {len(runs[b])} of {b!r}"
        left_out = f"; results of {len(once) - len(visible)} runs are {HIDDEN}" if len(visible) < len(once) else ""
        raise ValueError(f"compare: two seeds at least are needed, got {len(seeds)} from {counts}{left_out}")
    errors = {head: [_error(runs[head][seed], read_test) for seed in seeds] for head in (a, b)}
    gains = np.subtract(errors[b], errors[a])
    return PairedGains(tuple(seeds), gains, *gain_interval(gains, level), pairing_gain(errors[b], errors[a]))


def _error(record: Record, read_test: bool) -> float:
    if read_test and record.test is None:
        raise ValueError(
            f"compare: seed {record.seed} of {record.head} has not read its test set; pass read_test=False"
        )
    if record.loss == "mse":
        value = record.test["last_mse"] if read_test else record.last["val_mse"]
    else:
        value = 1 - record.test["last"] if read_test else record.last["val_error"]
    if value is None:
        raise ValueError(f"compare: seed {record.seed} of {record.head} diverged; leave it out, and say so")
    return value
