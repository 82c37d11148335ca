"""C8 on one data set: how the gain changes as layers widen, and what the same runs say when they are read otherwise.

Source: `data/protocol.md`, "C8 (tier W)".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..records.record import Record
from .claim_rules import narrow_layers
from .comparisons import Comparison
from .completeness import needed_seeds
from .evidence import evidence_of
from .gains import LOG_DELTAS, gains_of
from .intervals import gain_interval, levels
from .judged import gains
from .sensitivity import DELTAS, VALIDATION, without_some
from .statistics import log_ratio_slopes
from .verdict import judge


@dataclass(frozen=True)
class Narrowing:
    """What a set says of C8: its state, and the change of the gain a doubling of the width as `(mean, low, high)`."""

    state: str
    slope: tuple[float, float, float]
    sensitivity: dict[str, str] = field(default_factory=dict)  # what was changed -> the state then


def narrowing(widths: Sequence[Comparison], records: Sequence[Record]) -> Narrowing | None:
    """Of the comparisons of one set, narrowest first; None while one of them is incomplete."""
    found = [gains(comparison, records) for comparison in widths]
    if any(of_width is None for of_width in found):
        return None
    seeds, runs = needed_seeds(widths[0], records), evidence_of(records).runs
    by_seed, least = np.transpose(found), LOG_DELTAS[widths[0].tier]
    read = _Reading([comparison.width for comparison in widths], widths[0].families)
    changed = {what: read.state(by_seed, factor * least) for what, factor in DELTAS.items()}
    on_validation = [gains_of(each, runs(each, seeds), seeds, None, validation=True) for each in widths]
    told = np.isfinite(on_validation).all()  # a run that diverged has no validation error
    changed[VALIDATION] = read.state(np.transpose(on_validation), least) if told else "untested"
    for what, left in without_some(seeds):
        changed[what] = read.state(by_seed[left], least)
    for place, comparison in enumerate(widths[1:], 1):
        kept = _Reading([width for width in read.widths if width != comparison.width], read.families)
        changed[f"without width {comparison.width}"] = kept.state(np.delete(by_seed, place, axis=1), least)
    return Narrowing(read.state(by_seed, least), read.slope(by_seed), changed)


@dataclass(frozen=True)
class _Reading:
    """The plan's rule for these widths."""

    widths: list[int]
    families: int

    def slope(self, by_seed: np.ndarray) -> tuple[float, float, float]:
        """Of gains (S, widths): mean and interval of the seeds' slopes."""
        ratios = np.exp(by_seed)  # of errors
        slopes = log_ratio_slopes(ratios, np.ones_like(ratios), self.widths)
        return gain_interval(slopes, levels(self.families)[0])

    def state(self, by_seed: np.ndarray, least: float) -> str:
        name = judge(by_seed[:, 0], least, len(by_seed), self.families).name
        return narrow_layers(self.slope(by_seed)[1:], name)
