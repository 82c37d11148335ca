"""Attempts to break a verdict: the same runs under another δ, read otherwise, or with some of them left out.

None of these decides anything. Where one gives the verdict another name, the verdict is marked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from ..records.kinds import kind_of
from ..records.record import Record
from .cell_runs import runs_of_cells
from .cells import other_readings
from .comparisons import COMPARISONS, Comparison
from .completeness import needed_seeds
from .evidence import evidence_of
from .gains import LEAST_NORM, badness, delta, gains_of, overlap, pool_ratio, reference_errors
from .intervals import half_width, levels
from .judged import gains, one_image
from .tiers import TIERS
from .verdict import FEWEST_UNITS, TOO_SMALL, in_words, is_too_small, judge, lean, name_verdict

_FOLDS = 5  # parts of the seeds that are left out in turn
DELTAS = {"δ of 5 %": 0.5, "δ of 20 %": 2.0}  # instead of a tenth; of logarithms half and twice as much
VALIDATION = "validation instead of test"
_POOLS = {  # of n₂/n₁: what the variance of a mean over seeds counts beside 1/n. The plan has the second in tier P, else the first.
    "these training images only": lambda ratio: 0.0,
    # Made for errors on the n₂ images that a draw leaves out; ours are on test images.
    "overlap of training images counted": lambda ratio: ratio,
    # Two draws share the part n₁/(n₁ + n₂) of their images. Were the gain a mean over a draw's images, this would be right.
    "training images of another pool": lambda ratio: 1 / ratio,
}

Runs = Mapping[tuple[str, str, int], Record]  # by head, data set and seed


def sensitivity(comparison: Comparison, records: Sequence[Record]) -> dict[str, str]:
    """Of a complete comparison: what was changed -> the verdict that it then has, in words. Empty while it is incomplete."""
    found, least = gains(comparison, records), delta(comparison, records)
    if found is None or least is None:
        return {}
    seeds, errors = needed_seeds(comparison, records), reference_errors(comparison, records)
    runs = evidence_of(records).runs(comparison, seeds)
    shared, image = overlap(comparison, runs), one_image(comparison, runs, errors)

    def named(values: np.ndarray, least: float = least, families: int = comparison.families, overlap=shared) -> str:
        return judge(values, least, len(values), families, overlap, one_image=image).words

    names = {what: named(found, factor * least) for what, factor in DELTAS.items()}
    names |= {what: named(found, families=count) for what, count in _corrections(comparison).items()}
    names |= {what: named(found, overlap=other) for what, other in other_pools(pool_ratio(comparison, runs), shared)}
    judgeable = not is_too_small(least, image)
    names["unpaired"] = _unpaired(comparison, runs, least, shared, errors) if judgeable else TOO_SMALL
    if comparison.tier == "D4":
        names["chains that died at the smallest ratio"] = named(found + _deaths(comparison, runs, seeds))
        names["distance of the ratio from 1"] = named(_distances(comparison, runs, seeds))
    else:  # gradients have no validation reading
        on_validation = gains_of(comparison, runs, seeds, errors, validation=True)
        told = np.isfinite(on_validation).all()  # a run that diverged has no validation error
        names[VALIDATION] = named(on_validation) if told else "untested"
    for what, left in without_some(seeds):
        names[what] = named(found[left])
    for name in comparison.datasets if len(comparison.datasets) > 1 else ():
        others = tuple(other for other in comparison.datasets if other != name)
        names[f"without {name}"] = named(_on_sets(comparison, others, runs, seeds, errors))
        if len(others) > 1:
            names[f"{name} alone"] = named(_on_sets(comparison, (name,), runs, seeds, errors))
    for what, (beside, its_sets, its_seeds) in _runs_beside(comparison, records).items():
        names[what] = named(_on_sets(comparison, its_sets, beside, its_seeds, errors))
        if its_sets != comparison.datasets or list(its_seeds) != list(seeds):
            # What a part of the sets or seeds does to the name is not what the change does to it.
            alone = f"{' and '.join(its_sets)} alone, seeds {its_seeds[0]} to {its_seeds[-1]}"
            names[alone] = named(_on_sets(comparison, its_sets, runs, its_seeds, errors))
    return names


def _on_sets(comparison: Comparison, sets: tuple[str, ...], runs: Runs, seeds: Sequence[int], errors) -> np.ndarray:
    """Gains (S,) on some of a family's sets, on the family's scale: of one out of several as shares of its error, too."""
    gains = gains_of(replace(comparison, datasets=sets), runs, seeds, errors)
    return gains / errors[sets[0]] if len(sets) == 1 < len(comparison.datasets) else gains


def other_pools(ratio: float, shared: float) -> Iterator[tuple[str, float]]:
    """What a variance may count instead of `shared`, in words and as a number, where n₂/n₁ is `ratio`; 0: nothing to count."""
    if ratio:
        yield from ((what, of(ratio)) for what, of in _POOLS.items() if of(ratio) != shared)


def without_some(seeds: Sequence[int]) -> Iterator[tuple[str, np.ndarray]]:
    """Which seeds are left out in turn, in words, and the places of those that are left, where they are enough to judge."""
    places = np.arange(len(seeds))
    for out in np.array_split(places, _FOLDS):
        if len(seeds) - len(out) >= FEWEST_UNITS:
            yield f"without seeds {seeds[out[0]]} to {seeds[out[-1]]}", np.delete(places, out)


def _corrections(comparison: Comparison) -> dict[str, int]:
    """Other numbers of comparisons that the levels could be corrected for: none, and all that a tier judges."""
    return {
        "uncorrected": 1,
        "corrected over all of its tier": sum(other.tier == comparison.tier for other in COMPARISONS),
    }


def _deaths(comparison: Comparison, runs: Runs, seeds: Sequence[int]) -> np.ndarray:
    """What the gains (S,) grow by if a chain without any gradient has the smallest ratio, not 1 as under the plan's floor."""
    arm, reference = (
        np.array([not any(runs[head, name, seed].last["gradient_norms"]) for seed in seeds], float)
        for head in comparison.arms
        for name in comparison.datasets
    )
    return -math.log(LEAST_NORM) * (reference - arm)


def _distances(comparison: Comparison, runs: Runs, seeds: Sequence[int]) -> np.ndarray:
    """Gains (S,) if a gradient that grows towards the first layer were as bad as one that shrinks."""
    arm, reference = (
        np.array([abs(badness(comparison.tier, runs[head, name, seed], False)) for seed in seeds])
        for head in comparison.arms
        for name in comparison.datasets
    )
    return reference - arm


def _runs_beside(
    comparison: Comparison, records: Sequence[Record]
) -> dict[str, tuple[Runs, tuple[str, ...], Sequence[int]]]:
    """Runs of the same arms with other settings and with more steps, their sets and seeds, where all of them are there.

    What is asked on some of a family's sets only is named after them.
    """
    asked = TIERS[comparison.tier].sensitivity
    if asked is None or comparison.recipe != "tuned" or {*comparison.arms} != {*asked.heads}:
        return {}
    evidence = evidence_of(records)
    readings = other_readings(comparison.tier, records, comparison.datasets)
    kind = next(map(kind_of, evidence.runs(comparison, asked.seeds).values()), None)
    of_setup = runs_of_cells(chain.from_iterable(readings.values()), evidence.records, kind)
    main = {cell.setup for cell in evidence.cells(comparison).values()}
    found = {}
    for what, listed in readings.items():
        cells = {(cell.head, cell.dataset, cell.seed): cell for cell in listed}
        sets = tuple(name for name in comparison.datasets if any(name == of for _, of, _ in cells))
        if main.issuperset(cell.setup for cell in listed):  # by error both arms have the setting that they have anyway
            continue
        runs = {place: of_setup.get(cell.setup) for place, cell in cells.items()}
        if None not in runs.values():
            name = what if sets == comparison.datasets else f"{what} on {' and '.join(sets)}"
            found[name] = runs, sets, asked.seeds
    return found


def _unpaired(comparison: Comparison, runs: Runs, least: float, shared: float, errors: dict | None) -> str:
    """The verdict in words if the arms were two samples: the squares of their spreads add up.

    The gain of each seed's reference over one and the same run of the arm has the reference's spread, and so has the arm.
    """
    seeds = sorted({seed for *_, seed in runs})
    spreads, first = [], seeds[0]
    for varied in comparison.arms:
        held = {place: run if place[0] == varied else runs[(*place[:2], first)] for place, run in runs.items()}
        spreads.append(gains_of(comparison, held, seeds, errors).std(ddof=1))
    mean = gains_of(comparison, runs, seeds, errors).mean()
    sd, n = float(np.hypot(*spreads)), len(seeds)
    wide, narrow = (half_width(sd, n, level, shared) for level in levels(comparison.families))
    interval = mean - wide, mean + wide
    name = name_verdict(interval, (mean - narrow, mean + narrow), least)
    return in_words(name, lean(name, interval))
