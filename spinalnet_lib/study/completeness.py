"""Whether a comparison has all its runs, those of its extension where it needs one, and none that must stay hidden.

Of one that has not, no more may be known than its half-width over δ. Source: `data/protocol.md`, rule 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..records.record import Record
from .comparisons import COMPARISONS, Comparison
from .evidence import evidence_of, paired
from .gains import delta, gains_of, overlap, reference_errors
from .intervals import half_width, levels


def half_width_over_delta(comparison: Comparison, records: Sequence[Record]) -> float | None:
    """Half-width of [L, U] over the planned seeds, in δ: all that may be known before a cell is complete.

    None while a planned run or δ is missing. Needs scipy.
    """
    evidence, least = evidence_of(records), delta(comparison, records)
    runs = evidence.runs(comparison, comparison.seeds)
    if least is None or len(paired(comparison, runs, comparison.seeds)) < len(comparison.seeds):
        return None
    gains = gains_of(comparison, runs, comparison.seeds, reference_errors(comparison, records))
    level, _ = levels(comparison.families)
    return float(half_width(gains.std(ddof=1), len(gains), level, overlap(comparison, runs)) / least)


def needed_seeds(comparison: Comparison, records: Sequence[Record]) -> tuple[int, ...]:
    """The planned seeds, and those of the extension where the planned ones leave the half-width above δ."""
    ratio = half_width_over_delta(comparison, records) if comparison.extended else None
    return comparison.seeds + (comparison.extended if ratio is not None and ratio > 1 else ())


def is_complete(comparison: Comparison, records: Sequence[Record]) -> bool:
    """Whether all runs are there, those of the extension where it is needed; not, where nobody can say whether it is."""
    evidence = evidence_of(records)

    def are_there(seeds: Sequence[int]) -> bool:
        return len(evidence.paired_seeds(comparison, seeds)) == len(seeds)

    if not are_there(comparison.seeds) or not comparison.extended:
        return are_there(comparison.seeds)
    if are_there(comparison.seeds + comparison.extended):  # all made on one kind of device
        return True
    try:
        ratio = half_width_over_delta(comparison, records)
    except ImportError:  # a sweep has no scipy
        return False
    return ratio is not None and ratio <= 1


def is_withheld(comparison: Comparison, records: Sequence[Record]) -> bool:
    """Whether another comparison that is incomplete keeps this one hidden.

    A primary one keeps back whatever is run on its sets with its body, but for D4, whose gradients tell of no error. And
    runs that a comparison shares with one of a tier before it wait for that one: tier W has the heads of tier C at one of
    its widths, ten of the thirty seeds.
    """
    if comparison.tier == "D4":
        return False
    beside = [
        other
        for other in COMPARISONS
        if other != comparison
        and other.backbone == comparison.backbone
        and not set(other.datasets).isdisjoint(comparison.datasets)
    ]
    if any(other.extended and not is_complete(other, records) for other in beside):
        return True
    setups = None
    for other in beside:
        if other.tier == comparison.tier:
            return False
        if other.recipe != comparison.recipe or is_complete(other, records):
            continue
        setups = setups or {cell.setup for cell in evidence_of(records).cells(comparison).values()}
        if any(cell.setup in setups for cell in evidence_of(records).cells(other).values()):
            return True
    return False
