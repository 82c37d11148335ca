"""What a seed gains, and what δ is."""

import math
from dataclasses import replace

import numpy as np
import pytest

from spinalnet_lib.study.gains import badness, delta
from spinalnet_lib.study.judged import gains
from tests.study.cases import PILOT, comparison, power_runs, runs_of


def test_delta_is_a_tenth_of_the_reference_arms_error_in_the_power_runs(fashion, record, searches):
    pair, known, _ = fashion
    assert delta(pair, known) == pytest.approx(0.01) and delta(pair, searches) is None
    assert delta(pair, known[:-1]) is None
    nist = comparison("C NIST, tuned, spinal against mlp_matched")
    assert delta(nist, [*searches, *power_runs(record, nist, PILOT, searches)]) == 0.1
    assert delta(comparison("R regression_sum, tuned"), ()) == pytest.approx(np.log(1.1))


def test_a_run_of_a_regression_that_diverged_has_the_mean_predictors_error(record):
    pair = comparison("R regression_sum, published")
    runs = runs_of(record, pair, [0.0] * 30)
    lost = replace(runs[0], diverged=True, test=dict.fromkeys(runs[0].test))
    assert gains(pair, runs) == pytest.approx(np.zeros(30))
    assert abs(gains(pair, [lost, *runs[1:]])[0]) == pytest.approx(np.log(8 / 0.1), rel=0.1)  # the sum of eight
    still_told = replace(runs[0], diverged=True)  # an error from before it diverged is not its own
    assert gains(pair, [still_told, *runs[1:]])[0] == gains(pair, [lost, *runs[1:]])[0]


def test_a_gradient_that_vanished_wholly_counts_as_the_least_norm(record):
    run = replace(record, curve=[{**record.last, "gradient_norms": [0.0, None, 1.0]}])
    assert badness("D4", run, False) == pytest.approx(math.log(1e100))
    both = replace(record, curve=[{**record.last, "gradient_norms": [None, 1.0, None]}], diverged=True)
    assert badness("D4", both, False) == 0
