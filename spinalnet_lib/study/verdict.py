"""The verdict on a gain, by the table of the study's plan (`data/protocol.md`), and what it says of "lower error"."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..checks import check_int, check_name, check_number
from .intervals import check_gains, gain_interval, half_width, levels, population_interval

FEWEST_UNITS = 8
FEWEST_IMAGES = 3  # that δ has to be worth
_MOST_SEEDS = 2**20

TOO_SMALL = "too small to judge"
LOWER_ERROR = {  # what each verdict says of the claim that `spinal` has a lower error
    "untested": "untested",
    TOO_SMALL: "open",
    "better, matters": "holds",
    "worse, matters": "contradicted",
    "equivalent": "not supported",
    "better, size open": "open",
    "worse, size open": "contradicted",
    "open": "open",
}
UNDECIDED = ("untested", TOO_SMALL, "open")


@dataclass(frozen=True)
class Verdict:
    """What a gain amounts to. Of an untested one only `units` and `half_width` are told, nothing of its direction."""

    name: str
    units: int
    half_width: float | None  # of [L, U], in δ; above 1 a primary pair is extended; None while δ is not known
    mean: float | None = None
    interval: tuple[float, float] | None = None  # [L, U]
    narrow_interval: tuple[float, float] | None = None  # [L′, U′]
    leaning: str | None = None  # "slightly better" or "slightly worse", of an equivalent pair
    seeds_needed: float | None = (
        None  # of an open one, if mean and spread stay as they are; infinite: no number will do
    )
    population_interval: tuple[float, float] | None = None  # at the level of [L, U]
    population_name: str | None = None
    population_note: str | None = None  # why there is no such interval where images could be counted

    @property
    def words(self) -> str:
        """The name, and to which side an equivalent pair leans."""
        return in_words(self.name, self.leaning)

    @property
    def population_words(self) -> str | None:
        """The same for the population of test images."""
        name = self.population_name
        return name and in_words(name, lean(name, self.population_interval))

    @property
    def marked(self) -> bool:
        """Whether the verdict is another one for the population of test images."""
        return self.population_name not in (None, self.name)


def lower_error(verdict: str) -> str:
    """What a verdict's name says of the claim "lower error": holds, not supported, contradicted, open or untested."""
    return LOWER_ERROR[check_name("verdict", verdict, LOWER_ERROR)]


def judge(
    gains: Sequence[float],
    delta: float,
    planned: int,
    family: int = 1,
    overlap: float = 0.0,
    differences=None,
    one_image: float = 0.0,
) -> Verdict:
    """The verdict on gains (S,), error of the reference less error of `spinal`, one a seed or other unit.

    `delta` is the smallest difference that matters, in the gains' unit; `planned` the units that the plan asks for; `family`
    the number of comparisons in the family; `overlap` as in `half_width`. `differences` (S, N), whose rows have the gains
    as means, adds the verdict for the population of test images. `one_image` is what one test image is worth in the
    gains' unit: 1/N for errors, the largest 1/(K·N_k·e_k) for pooled sets, 0 where no images are counted.
    """
    gains = check_gains("judge", gains) if len(gains) else np.zeros(0)
    check_int("judge", "planned", planned)
    if check_number("judge", "delta", delta, "pass a tenth of the reference arm's mean validation error") <= 0:
        raise ValueError(f"judge: delta must be above 0, got {delta}; pass a tenth of the reference's validation error")
    if differences is not None and not (
        np.shape(differences)[:1] == gains.shape and np.allclose(np.mean(differences, axis=1), gains, atol=1e-9)
    ):
        raise ValueError("judge: the rows of differences must have the gains as means; pass differences.mean(axis=1)")
    wide, narrow = levels(family)
    sd = gains.std(ddof=1) if gains.size > 1 else math.inf
    seen = {"units": gains.size, "half_width": float(half_width(sd, gains.size, wide, overlap) / delta)}
    if gains.size < max(planned, FEWEST_UNITS):
        return Verdict("untested", **seen)
    mean, *interval = gain_interval(gains, wide, overlap)
    narrow_interval = gain_interval(gains, narrow, overlap)[1:]
    seen |= {"mean": mean, "interval": tuple(interval), "narrow_interval": narrow_interval}
    if differences is not None:
        seen["population_interval"] = population_interval(differences, wide, overlap)[1:]
    if is_too_small(delta, one_image):
        return Verdict(TOO_SMALL, **seen)
    name = name_verdict(interval, narrow_interval, delta)
    seen["leaning"] = lean(name, interval)
    if name == "open":
        seen["seeds_needed"] = seeds_needed(mean, sd, delta, family, overlap)
    if differences is not None:
        narrow_population = population_interval(differences, narrow, overlap)[1:]
        seen["population_name"] = name_verdict(seen["population_interval"], narrow_population, delta)
    return Verdict(name, **seen)


def is_too_small(delta: float, one_image: float) -> bool:
    """Whether δ is less than three test images are worth."""
    return delta < FEWEST_IMAGES * one_image * (1 - 1e-9)


def name_verdict(interval: tuple[float, float], narrow_interval: tuple[float, float], delta: float) -> str:
    """The first row of the plan's table that applies to [L, U] and [L′, U′]."""
    low, high = interval
    narrow_low, narrow_high = narrow_interval
    if low > delta:
        return "better, matters"
    if high < -delta:
        return "worse, matters"
    if -delta < narrow_low and narrow_high < delta:
        return "equivalent"
    if low > 0:
        return "better, size open"
    if high < 0:
        return "worse, size open"
    return "open"


def lean(name: str, interval: Sequence[float]) -> str | None:
    """To which side an equivalent pair leans, if 0 lies outside [L, U]."""
    if name != "equivalent" or interval[0] <= 0 <= interval[1]:
        return None
    return "slightly better" if interval[0] > 0 else "slightly worse"


def in_words(name: str, leaning: str | None) -> str:
    return f"{name}, {leaning}" if leaning else name


def name_of(words: str) -> str:
    """The name in a verdict's words.

    >>> name_of("equivalent, slightly worse"), name_of("worse, matters")
    ('equivalent', 'worse, matters')
    """
    return words.partition(", slightly ")[0]


def seeds_needed(mean: float, sd: float, delta: float, family: int = 1, overlap: float = 0.0) -> float:
    """The fewest seeds with which this mean and standard deviation would be no longer open; infinite beyond a million."""
    wide, narrow = levels(family)

    def is_open(n: int) -> bool:
        half, narrow_half = (half_width(sd, n, level, overlap) for level in (wide, narrow))
        interval, narrow_interval = (mean - half, mean + half), (mean - narrow_half, mean + narrow_half)
        return name_verdict(interval, narrow_interval, delta) == "open"

    if is_open(_MOST_SEEDS):
        return math.inf
    still_open, enough = FEWEST_UNITS - 1, _MOST_SEEDS
    while enough - still_open > 1:
        middle = (still_open + enough) // 2
        still_open, enough = (middle, enough) if is_open(middle) else (still_open, middle)
    return enough
