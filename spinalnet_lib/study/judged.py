"""The verdict on a comparison once all its runs are there.

Source: `data/protocol.md`, rules 3 to 5.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from ..datasets import load_dataset
from ..records.record import Record, unpack_bits
from .comparisons import Comparison
from .completeness import is_complete, is_withheld, needed_seeds
from .evidence import evidence_of
from .gains import LOG_DELTAS, delta, gains_of, overlap, reference_errors
from .intervals import error_differences, pool_test_sets
from .verdict import Verdict, judge

_NO_IMAGES = "no interval for the population of images: the test sets, which share some, are not here"


def judged(comparison: Comparison, records: Sequence[Record]) -> Verdict:
    """The verdict on the gain of `arm` over `reference`; "untested" until all its runs and those that give its δ are there.

    `records` hold the searches and the power runs, too. A pair whose half-width is above δ needs its extension.
    """
    evidence, least = evidence_of(records), delta(comparison, records)
    seeds = needed_seeds(comparison, records)
    paired = evidence.paired_seeds(comparison, seeds)
    if least is None:
        return Verdict("untested", len(paired), None)
    runs = evidence.runs(comparison, seeds)
    gains = gains_of(comparison, runs, paired, reference_errors(comparison, records))
    options = {"family": comparison.families, "overlap": overlap(comparison, runs)}
    if len(paired) < len(seeds) or is_withheld(comparison, records):
        blind = judge(gains, least, len(seeds) + 1, **options)
        return replace(blind, half_width=float(f"{blind.half_width:.4g}"))  # its last bits come from sums of the gains
    options |= _images(comparison, runs, paired, reference_errors(comparison, records))
    verdict = judge(gains, least, len(seeds), **options)
    lacks_images = comparison.tier not in LOG_DELTAS and "differences" not in options
    return replace(verdict, population_note=_NO_IMAGES) if lacks_images else verdict


def gains(comparison: Comparison, records: Sequence[Record]) -> np.ndarray | None:
    """The gain of each seed (S,), above 0 where `arm` is better; None while the comparison is incomplete or withheld.

    A difference of errors; of several sets the mean of such differences as shares of the reference's validation error; in
    tiers R and W of logarithms of errors; in D4 of log(gradient norm of the first layer ÷ of the last) at the end.
    """
    if not is_complete(comparison, records) or is_withheld(comparison, records):
        return None
    seeds = needed_seeds(comparison, records)
    errors = reference_errors(comparison, records) if len(comparison.datasets) > 1 else None
    if errors is None and len(comparison.datasets) > 1:
        return None
    return gains_of(comparison, evidence_of(records).runs(comparison, seeds), seeds, errors)


def _images(comparison: Comparison, runs: dict, seeds: Sequence[int], errors: dict[str, float]) -> dict:
    """What `judge` takes of test images: differences by seed and image, and what one of them is worth; of logarithms none."""
    if comparison.tier in LOG_DELTAS:
        return {}
    sizes = _test_sizes(comparison, runs)
    correct = {
        (arm, name): np.array([unpack_bits(runs[arm, name, seed].test["correct"], sizes[name]) for seed in seeds])
        for arm in comparison.arms
        for name in comparison.datasets
    }
    differences = [error_differences(correct[comparison.reference, n], correct[comparison.arm, n]) for n in sizes]
    found = {"one_image": one_image(comparison, runs, errors)}
    if len(sizes) == 1:
        return found | {"differences": differences[0]}
    try:
        ids = [image_ids(name) for name in sizes]
    except (OSError, ValueError):
        return found
    if list(map(len, ids)) == list(sizes.values()):
        found["differences"] = pool_test_sets(differences, [errors[name] for name in sizes], ids)
    return found


def one_image(comparison: Comparison, runs: Mapping, errors: Mapping[str, float] | None) -> float:
    """What one test image is worth of a gain, on the scale of δ; 0 of a gain in logarithms."""
    if comparison.tier in LOG_DELTAS:
        return 0.0
    sizes = _test_sizes(comparison, runs)
    shares = {
        name: 1 / size if len(sizes) == 1 else 1 / (len(sizes) * size * errors[name]) for name, size in sizes.items()
    }
    return max(shares.values())


def _test_sizes(comparison: Comparison, runs: Mapping) -> dict[str, int]:
    of_set = {name: run for (_, name, _), run in runs.items()}
    return {name: of_set[name].split_sizes["test"] for name in comparison.datasets}


@cache
def image_ids(dataset: str) -> tuple[bytes, ...]:
    """A digest of each test image, equal for equal images. Raises what `load_dataset` does where the set is not here."""
    images = load_dataset(dataset).test.images.numpy()
    return tuple(hashlib.sha256(image.tobytes()).digest()[:12] for image in images)
