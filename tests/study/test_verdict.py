import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinalnet_lib.study.intervals import error_differences, gain_interval, levels, population_interval
from spinalnet_lib.study.verdict import LOWER_ERROR, UNDECIDED, Verdict, judge, lower_error, name_verdict, seeds_needed


def gains_of(mean, sd, n=30):
    """Values with exactly this mean and standard deviation."""
    values = np.random.default_rng(0).normal(size=n)
    return mean + sd * (values - values.mean()) / values.std(ddof=1)


@pytest.mark.parametrize(
    "interval, narrow, name",
    [
        ((1.1, 3), (1.2, 2.9), "better, matters"),
        ((1.0, 3), (1.2, 2.9), "better, size open"),
        ((-3, -1.1), (-2.9, -1.2), "worse, matters"),
        ((-3, -1.0), (-2.9, -1.2), "worse, size open"),
        ((-1.1, 1.1), (-0.9, 0.9), "equivalent"),
        ((0.1, 1.05), (0.2, 0.95), "equivalent"),
        ((0.1, 1.05), (0.2, 1.0), "better, size open"),
        ((-1.05, -0.1), (-1.0, -0.2), "worse, size open"),
        ((0.0, 1.5), (0.1, 1.4), "open"),
        ((-9, 9), (-8, 8), "open"),
    ],
)
def test_table_of_the_plan(interval, narrow, name):
    assert name_verdict(interval, narrow, 1.0) == name


@settings(max_examples=60)
@given(st.floats(-3, 3), st.floats(0.05, 4), st.integers(8, 60), st.integers(1, 4))
def test_verdicts_equal_statsmodels_tests(mean, sd, n, family):
    """One-sided t tests at .025/m, and two one-sided tests of equivalence at .05/m."""
    from statsmodels.stats.weightstats import DescrStatsW

    gains = DescrStatsW(gains_of(mean, sd, n))
    expected = "open"
    for name, rejects in {
        "better, matters": gains.ttest_mean(1.0, "larger")[1] < 0.025 / family,
        "worse, matters": gains.ttest_mean(-1.0, "smaller")[1] < 0.025 / family,
        "equivalent": gains.ttost_mean(-1.0, 1.0)[0] < 0.05 / family,
        "better, size open": gains.ttest_mean(0.0, "larger")[1] < 0.025 / family,
        "worse, size open": gains.ttest_mean(0.0, "smaller")[1] < 0.025 / family,
    }.items():
        if rejects:
            expected = name
            break
    verdict = judge(gains.data, 1.0, planned=n, family=family)
    assert verdict.name == expected
    assert (verdict.name in UNDECIDED) == (expected == "open")
    assert verdict.half_width == pytest.approx((verdict.interval[1] - verdict.interval[0]) / 2)
    assert verdict.interval == pytest.approx(gains.tconfint_mean(0.05 / family))
    assert verdict.narrow_interval == pytest.approx(gains.tconfint_mean(0.10 / family))
    if expected == "equivalent" and gains.ttest_mean()[1] < 0.05 / family:
        assert verdict.leaning == ("slightly better" if mean > 0 else "slightly worse")
    else:
        assert verdict.leaning is None


def planted(rng, better, seeds=10, images=2000):
    """Whether images were right, (S, N) for reference and spinal, where spinal errs on 5 % and the reference on 10 %."""
    arms = rng.random((seeds, images)) > 0.10, rng.random((seeds, images)) > 0.05
    return arms if better else arms[::-1]


@pytest.mark.parametrize("better", [True, False])
def test_a_planted_winner_is_better_and_a_planted_loser_worse(better):
    d = error_differences(*planted(np.random.default_rng(1), better))
    verdict = judge(d.mean(axis=1), 0.01, planned=10, family=3, differences=d, one_image=1 / 2000)
    assert verdict.name == verdict.population_name == ("better, matters" if better else "worse, matters")
    assert lower_error(verdict.name) == ("holds" if better else "contradicted")
    assert verdict.mean == pytest.approx(0.05 if better else -0.05, abs=0.01)
    assert not verdict.marked


@pytest.mark.parametrize("n, planned", [(0, 30), (1, 30), (29, 30), (7, 7), (7, 3)])
def test_too_few_units_are_untested_and_tell_nothing_of_their_direction(n, planned):
    verdict = judge(gains_of(5.0, 1.0, 30)[:n], 1.0, planned=planned)
    assert verdict == Verdict("untested", n, verdict.half_width)
    assert verdict.half_width > 0
    assert verdict.name in UNDECIDED
    assert lower_error(verdict.name) == "untested"


def test_half_width_says_whether_a_pair_is_extended():
    assert judge(gains_of(9.0, 3.0), 1.0, planned=30, family=3).half_width == pytest.approx(0.464 * 3, abs=2e-3)
    assert judge(gains_of(-9.0, 3.0)[:20], 1.0, planned=30).half_width > 1


@pytest.mark.parametrize("delta, name", [(0.00029, "too small to judge"), (3 / 10_000, "better, matters")])
def test_a_delta_of_less_than_three_images_is_too_small(delta, name):
    verdict = judge(gains_of(0.01, 0.001), delta, planned=30, one_image=1 / 10_000)
    assert verdict.name == name
    assert (verdict.name in UNDECIDED) == (name == "too small to judge")


def test_a_verdict_that_other_test_images_would_change_is_marked():
    """Every image alike in all seeds: the seeds agree on what these images say, which are few."""
    rng = np.random.default_rng(2)
    d = np.repeat(rng.choice([-1, 0, 1], (1, 200), p=[0.1, 0.7, 0.2]), 30, axis=0) + rng.normal(0, 0.1, (30, 200))
    verdict = judge(d.mean(axis=1), 0.01, planned=30, family=3, differences=d)
    assert (verdict.name, verdict.population_name, verdict.marked) == ("better, matters", "better, size open", True)
    assert verdict.population_interval == population_interval(d, levels(3)[0])[1:]
    assert judge(d.mean(axis=1), 0.01, planned=30, family=3).marked is False
    with pytest.raises(ValueError, match="differences"):
        judge(-d.mean(axis=1), 0.01, planned=30, differences=d)


def test_equivalence_over_test_images_is_read_from_the_narrower_interval():
    d = np.random.default_rng(3).normal(size=(10, 1)) + np.random.default_rng(4).normal(size=(10, 50))
    narrow, wide = (max(map(abs, population_interval(d, level)[1:])) for level in reversed(levels(1)))
    verdict = judge(d.mean(axis=1), (narrow + wide) / 2, planned=10, differences=d)
    assert verdict.population_name == "equivalent"


def test_overlapping_draws_widen_the_verdicts_interval():
    gains = gains_of(1.0, 2.0)
    assert judge(gains, 1.0, planned=30).name == "better, size open"
    verdict = judge(gains, 1.0, planned=30, overlap=0.2)
    assert verdict.name == "open"
    assert verdict.interval == gain_interval(gains, 0.95, 0.2)[1:]
    assert verdict.seeds_needed == math.inf  # more draws of one pool do not help


@pytest.mark.parametrize("mean, sd", [(0.4, 2.0), (0.1, 3.0), (-0.6, 3.0), (0.0, 4.0)])
def test_seeds_needed_are_the_fewest_that_decide(mean, sd):
    needed = judge(gains_of(mean, sd, 10), 1.0, planned=10, family=3).seeds_needed
    assert judge(gains_of(mean, sd, needed), 1.0, planned=8, family=3).name != "open"
    assert judge(gains_of(mean, sd, needed - 1), 1.0, planned=8, family=3).name == "open"
    assert judge(gains_of(3.0, 1.0), 1.0, planned=10).seeds_needed is None


def test_more_than_a_million_seeds_are_no_number():
    assert seeds_needed(0.0, 1000.0, 0.01) == math.inf


@pytest.mark.parametrize("delta", [0, -1.0, math.nan, None])
def test_a_delta_that_is_no_size_is_refused(delta):
    with pytest.raises((ValueError, TypeError), match=f"delta.*{delta}"):
        judge([0.0] * 30, delta, planned=30)


def test_lower_error_holds_only_where_it_matters():
    assert [name for name in LOWER_ERROR if lower_error(name) == "holds"] == ["better, matters"]
    assert [lower_error(f"worse, {size}") for size in ("matters", "size open")] == ["contradicted"] * 2
    assert lower_error("equivalent") == "not supported"
    assert lower_error("better, size open") == lower_error("open") == "open"
    with pytest.raises(ValueError, match="bettr"):
        lower_error("bettr")
