import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from spinalnet_lib import mean_interval


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
