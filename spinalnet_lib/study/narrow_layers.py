"""C8 on one data set: how the gain changes as layers widen, and what the same runs say when they are read otherwise.

Source: `data/protocol.md`, "C8 (tier W)".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..records.record import Record
from .claim_rules import narrow_layers
from .comparisons import Comparison
from .completeness import needed_seeds
from .evidence import evidence_of
from .gains import LOG_DELTAS, gains_of, pool_ratio
from .intervals import gain_interval, levels
from .judged import gains
from .sensitivity import DELTAS, VALIDATION, Runs, other_pools, without_some
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
    seeds, by_seed, least = needed_seeds(widths[0], records), np.transpose(found), LOG_DELTAS[widths[0].tier]
    runs = [evidence_of(records).runs(comparison, seeds) for comparison in widths]
    read = _Reading([comparison.width for comparison in widths], widths[0].families)
    changed = {what: read.state(by_seed, factor * least) for what, factor in DELTAS.items()}
    changed["uncorrected"] = replace(read, families=1).state(by_seed, least)
    for what, overlap in other_pools(pool_ratio(widths[0], runs[0]), read.overlap):
        changed[what] = replace(read, overlap=overlap).state(by_seed, least)
    others = [_next_seed(each, of, seeds) for each, of in zip(widths, runs, strict=True)]
    broken = [gains_of(each, of, seeds, None) for each, of in zip(widths, others, strict=True)]
    changed["each seed against the next one"] = read.state(np.transpose(broken), least)
    on_validation = [gains_of(each, of, seeds, None, validation=True) for each, of in zip(widths, runs, strict=True)]
    told = np.isfinite(on_validation).all()  # a run that diverged has no validation error
    changed[VALIDATION] = read.state(np.transpose(on_validation), least) if told else "untested"
    for what, left in without_some(seeds):
        changed[what] = read.state(by_seed[left], least)
    for place, comparison in enumerate(widths[1:], 1):
        kept = replace(read, widths=[width for width in read.widths if width != comparison.width])
        changed[f"without width {comparison.width}"] = kept.state(np.delete(by_seed, place, axis=1), least)
    return Narrowing(read.state(by_seed, least), read.slope(by_seed), changed)


def _next_seed(comparison: Comparison, runs: Runs, seeds: Sequence[int]) -> Runs:
    """The runs with the reference's moved by one seed, so that no pair shares a seed."""
    follower = dict(zip(seeds, [*seeds[1:], seeds[0]], strict=True))
    moved = comparison.reference
    return {place: runs[(*place[:2], follower[place[2]])] if place[0] == moved else run for place, run in runs.items()}


@dataclass(frozen=True)
class _Reading:
    """The plan's rule for these widths."""

    widths: list[int]
    families: int
    overlap: float = 0.0

    def slope(self, by_seed: np.ndarray) -> tuple[float, float, float]:
        """Of gains (S, widths): mean and interval of the seeds' slopes."""
        ratios = np.exp(by_seed)  # of errors
        slopes = log_ratio_slopes(ratios, np.ones_like(ratios), self.widths)
        return gain_interval(slopes, levels(self.families)[0], self.overlap)

    def state(self, by_seed: np.ndarray, least: float) -> str:
        name = judge(by_seed[:, 0], least, len(by_seed), self.families, self.overlap).name
        return narrow_layers(self.slope(by_seed)[1:], name)
