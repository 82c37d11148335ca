"""The sign-flip test of paired gains: without a true difference, each gain could as well have had the other sign."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .intervals import check_gains

FLIPS = 1_000_000
_LARGEST_SUM = 10_000_000  # of an exact distribution: some 100 MB
_CHUNK = 10_000


def sign_flip_p(gains: Sequence[float], flips: int = FLIPS, seed: int = 0) -> tuple[float, str]:
    """Two-sided p of the gains (S,), and how it was found: "exact" or "1,000,000 random flips".

    Exact for whole numbers, such as counts of test images, by convolution over all 2^S flips; otherwise from random flips,
    of which what was seen is one. Source: Fisher, The Design of Experiments, 1935, section 21.
    """
    gains = check_gains("sign_flip_p", gains)
    if (gains == np.rint(gains)).all() and np.abs(gains).sum() <= _LARGEST_SUM:
        return _exact(gains.astype(int)), "exact"
    return _from_random_flips(gains, flips, seed), f"{flips:,} random flips"


def _exact(counts: np.ndarray) -> float:
    """A flipped sum is the total of sizes less twice a sum of some of them: the distribution of that sum, size by size."""
    sizes = np.abs(counts)
    total = sizes.sum()
    share = np.zeros(total + 1)
    share[0] = 1.0
    for size in sizes:
        shifted = np.zeros_like(share)
        shifted[size:] = share[: total + 1 - size]
        share = (share + shifted) / 2
    sums = total - 2 * np.arange(total + 1)
    return float(min(1.0, share[np.abs(sums) >= abs(counts.sum())].sum()))


def _from_random_flips(gains: np.ndarray, flips: int, seed: int) -> float:
    generator = np.random.default_rng(seed)
    least = abs(gains.sum()) - 1e-12 * np.abs(gains).sum()  # equal sums, added in another order, count as equal
    extreme = 0
    for start in range(0, flips, _CHUNK):
        signs = generator.integers(0, 2, (min(_CHUNK, flips - start), gains.size), dtype=np.int8) * 2 - 1
        extreme += np.count_nonzero(np.abs(signs @ gains) >= least)
    return float((extreme + 1) / (flips + 1))
