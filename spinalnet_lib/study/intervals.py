"""Intervals of a mean gain: over seeds, over overlapping draws of training images, over the population of test images.

A gain is the error of the reference less the error of `spinal`, so above 0 `spinal` is better. S seeds (or other units)
are rows, N test images columns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..checks import check_int, check_rate
from .statistics import t_critical


def levels(family: int) -> tuple[float, float]:
    """Levels of [L, U] and of [L′, U′] for each of `family` comparisons: Bonferroni over 5 % and over 10 %.

    >>> [round(level, 4) for level in levels(3)]
    [0.9833, 0.9667]
    """
    check_int("levels", "family", family)
    return 1 - 0.05 / family, 1 - 0.10 / family


def half_width(sd, n: int, level: float = 0.95, overlap: float = 0.0):
    """Half-width of Student's t interval for the mean of n values with this standard deviation (a number or an array).

    `overlap` is n₂/n₁ where every value comes from a draw of its own of n₁ training and n₂ validation images from one
    pool: the variance of the mean is then (1/n + n₂/n₁)·sd² (Nadeau and Bengio, Inference for the Generalization Error,
    2003). Infinite for fewer than two values.
    """
    check_rate("half_width", "level", level, "0.95 is usual")
    return t_critical(n, level) * np.asarray(sd) * math.sqrt(1 / n + overlap) if n > 1 else math.inf


def check_gains(owner: str, gains: Sequence[float]) -> np.ndarray:
    """Gains as an array (S,) of floats; ValueError for none and for one that is not finite."""
    gains = np.asarray(gains, float)
    if gains.ndim != 1 or not gains.size or not np.isfinite(gains).all():
        raise ValueError(f"{owner}: gains must be finite numbers (S,), got {gains}; give a diverged run its error")
    return gains


def gain_interval(gains: Sequence[float], level: float = 0.95, overlap: float = 0.0) -> tuple[float, float, float]:
    """Mean of the gains (S,) and its t interval `(mean, low, high)`, for this test set; `overlap` as in `half_width`."""
    gains = check_gains("gain_interval", gains)
    mean = float(gains.mean())
    half = half_width(gains.std(ddof=1), gains.size, level, overlap) if gains.size > 1 else math.inf
    return mean, float(mean - half), float(mean + half)


def error_differences(reference_correct, spinal_correct) -> np.ndarray:
    """Error of the reference less that of `spinal` by seed and image, from two bool arrays (S, N): int8 in {−1, 0, 1}."""
    reference, spinal = (np.asarray(correct, bool).astype(np.int8) for correct in (reference_correct, spinal_correct))
    if reference.ndim != 2 or reference.shape != spinal.shape:
        shapes = f"{reference.shape} and {spinal.shape}"
        raise ValueError(f"error_differences: both arms need one shape (S, N), got {shapes}; pair them by seed")
    return spinal - reference


class MeanSquares(NamedTuple):
    """Of a two-way layout with one value a cell."""

    seeds: float
    examples: float
    residual: float


def mean_squares(differences) -> MeanSquares:
    """Mean squares of seeds, examples and residual of a matrix (S, N), S and N at least 2."""
    d = np.asarray(differences, float)
    seeds, examples = d.shape
    d = d - d.mean()
    of_seeds = examples * np.square(d.mean(axis=1)).sum()
    of_examples = seeds * np.square(d.mean(axis=0)).sum()
    residual = np.square(d).sum() - of_seeds - of_examples
    return MeanSquares(
        float(of_seeds / (seeds - 1)),
        float(of_examples / (examples - 1)),
        float(residual / ((seeds - 1) * (examples - 1))),
    )


def population_interval(differences, level: float = 0.95, overlap: float = 0.0) -> tuple[float, float, float]:
    """Mean of a matrix (S, N) of differences and an interval `(mean, low, high)` for other seeds and other test images.

    Both are random effects: the variance of the mean is (MS of seeds + MS of examples − MS of the residual)/(S·N), its
    degrees of freedom are Satterthwaite's (An Approximate Distribution of Estimates of Variance Components, 1946).
    `overlap` as in `half_width` counts the seeds' mean square 1 + S·overlap times. Never narrower than `gain_interval`.
    """
    d = np.asarray(differences, float)
    if d.ndim != 2 or min(d.shape) < 2:
        raise ValueError(f"population_interval: differences must be (S, N), both at least 2, got shape {d.shape}")
    seeds, examples = d.shape
    mean, low, high = gain_interval(d.mean(axis=1), level, overlap)
    of_seeds, of_examples, residual = mean_squares(d)
    parts = np.array([of_seeds * (1 + seeds * overlap), of_examples, -residual])
    freedom = np.array([seeds - 1, examples - 1, (seeds - 1) * (examples - 1)])
    if parts.sum() > 0:
        df = parts.sum() ** 2 / (parts**2 / freedom).sum()
        half = t_critical(df + 1, level) * math.sqrt(parts.sum() / (seeds * examples))
        low, high = min(low, mean - half), max(high, mean + half)
    return mean, float(low), float(high)


def pool_test_sets(
    differences: Sequence, reference_errors: Sequence[float], image_ids: Sequence[Sequence]
) -> np.ndarray:
    """One matrix z (S, M) of the M different images of K test sets that share images; its mean is the family's effect.

    Of each set: `differences` (S, N_k); `reference_errors`, the reference arm's mean validation error e_k, of which the
    effect is a share; `image_ids` (N_k,), equal for equal images, a digest for instance. An image's value is
    M·Σ d/(K·N_k·e_k) over the sets that have it, so the mean of z is the mean over sets of (mean of d)/e_k.
    """
    if not all(error > 0 for error in reference_errors):
        raise ValueError(f"pool_test_sets: reference_errors must be above 0, got {list(reference_errors)}")
    unique, place = np.unique(np.concatenate([np.asarray(ids) for ids in image_ids]), return_inverse=True)
    by_image = np.zeros((len(unique), len(differences[0])))
    start = 0
    for d, error in zip(differences, reference_errors, strict=True):
        d = np.asarray(d, float)
        size = d.shape[1]
        np.add.at(by_image, place[start : start + size], d.T * len(unique) / (len(differences) * size * error))
        start += size
    if start != len(place):
        raise ValueError(
            f"pool_test_sets: image_ids name {len(place)} images, differences have {start}; one id an image"
        )
    return by_image.T
