import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from spinalnet_lib import mean_interval
from spinalnet_lib.study.statistics import across_families, log_ratio_slopes, pairing_gain


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=30), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_interval_equals_scipys(values, level):
    mean, low, high = mean_interval(values, level)
    error = scipy_stats.sem(values)
    expected = scipy_stats.t.interval(level, len(values) - 1, np.mean(values), error) if error > 1e-9 else (mean, mean)
    assert mean == pytest.approx(np.mean(values), abs=1e-9)
    assert (low, high) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_one_value_has_no_finite_interval():
    assert mean_interval([0.25]) == (0.25, -math.inf, math.inf)


@pytest.mark.parametrize("level", [1, -0.1, "wide"])
def test_a_wrong_level_and_no_values_are_refused(level):
    with pytest.raises((ValueError, TypeError), match="level"):
        mean_interval([1, 2], level)
    with pytest.raises(ValueError, match="no values"):
        mean_interval([])


def test_families_are_fixed_and_seeds_are_drawn():
    gains = np.random.default_rng(1).normal([0.1, -0.05, 0.3], 0.1, (30, 3))
    (mean, low, high), (least, most) = across_families(gains)
    assert (mean, low, high) == mean_interval(gains.mean(axis=1))
    assert (least, most) == pytest.approx((gains[:, 1].mean(), gains[:, 2].mean()))
    assert mean == pytest.approx(gains.mean(axis=0).mean())


def test_slopes_are_those_of_scipys_lines():
    rng, widths = np.random.default_rng(2), [2, 4, 8, 16, 32, 64]
    mlp, spinal = rng.uniform(0.01, 0.3, (10, 6)), rng.uniform(0.01, 0.3, (10, 6))
    lines = [scipy_stats.linregress(np.log2(widths), np.log(a / b)) for a, b in zip(mlp, spinal, strict=True)]
    assert log_ratio_slopes(mlp, spinal, widths) == pytest.approx([line.slope for line in lines])
    halving = 0.01 * 2.0 ** -np.arange(6)  # of the ratio, at every doubling of the width
    assert log_ratio_slopes([halving], [[0.01] * 6], widths) == pytest.approx(-math.log(2))
    with pytest.raises(ValueError, match="0"):
        log_ratio_slopes([[0.1, 0.0]], [[0.1, 0.1]], [2, 4])


def test_pairing_gains_what_two_arms_share():
    rng = np.random.default_rng(3)
    shared, own = rng.normal(size=(20_000, 1)), rng.normal(size=(20_000, 2))
    assert pairing_gain(*own.T) == pytest.approx(1, abs=0.02)
    assert pairing_gain(*(shared + own).T) == pytest.approx(math.sqrt(2), abs=0.03)  # half of the variance is shared
    assert pairing_gain([1, 2, 3], [2, 3, 4]) == math.inf


def test_a_value_that_is_no_number_is_named():
    with pytest.raises(ValueError, match="nan"):
        mean_interval([1.0, float("nan")])
