import itertools
import math

import numpy as np
import pytest

from spinalnet_lib.study.sign_flips import sign_flip_p


def enumerated(gains):
    sums = [abs(np.dot(signs, gains)) for signs in itertools.product((-1, 1), repeat=len(gains))]
    return np.mean(np.array(sums) >= abs(sum(gains)) - 1e-9)


def test_fishers_example():
    """Darwin's 15 pairs of maize: 863 of 2¹⁵ sums are as large as what was seen (The Design of Experiments, 1935)."""
    eighths_of_an_inch = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    assert sign_flip_p(eighths_of_an_inch) == (2 * 863 / 2**15, "exact")


@pytest.mark.parametrize("seed", range(5))
def test_eight_gains_equal_all_their_flips(seed):
    counts = np.random.default_rng(seed).integers(-6, 9, 8)
    assert sign_flip_p(counts) == (pytest.approx(enumerated(counts)), "exact")
    p, how = sign_flip_p(counts / 7, flips=20_000)
    assert how == "20,000 random flips"
    spread = math.sqrt(p * (1 - p) / 20_000)
    assert p == pytest.approx(enumerated(counts), abs=4 * spread + 1 / 20_000)
    assert sign_flip_p(counts / 7, flips=20_000)[0] == p


def test_no_gain_is_no_evidence_and_a_gain_in_each_of_sixty_seeds_is():
    assert sign_flip_p([0.0] * 30) == (1.0, "exact")
    assert sign_flip_p([3] * 60) == (2.0**-59, "exact")
    assert sign_flip_p([0.5] * 30, flips=999) == (1 / 1000, "999 random flips")
    assert sign_flip_p([1, -1] * 15) == (1.0, "exact")


def test_counts_too_large_for_convolution_are_flipped_at_random():
    assert sign_flip_p([10**7, 5, 3], flips=100)[1] == "100 random flips"
    with pytest.raises(ValueError, match="gains"):
        sign_flip_p([0.1, math.nan])
