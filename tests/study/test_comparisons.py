"""The plan's comparisons: which runs are theirs, what δ is, and when a verdict is told."""

import math
from dataclasses import replace

import numpy as np
import pytest

from spinalnet_lib.study import comparisons
from spinalnet_lib.study.cells import list_cells
from spinalnet_lib.study.comparisons import COMPARISONS, delta, gains, judged, planned_cells
from spinalnet_lib.study.intervals import half_width, levels
from tests.study.cases import IMAGES, comparison, ended_search, power_runs, run_of, runs_of

SETS = ("mnist", "emnist_letters", "emnist_balanced_reduced", "fashion_mnist", "kmnist_10k")
SPREAD = np.linspace(-0.002, 0.002, 30)  # of gains over 30 seeds, their mean is 0
PILOT = np.linspace(-0.002, 0.002, 8)


@pytest.fixture(scope="module")
def searches(record):
    return ended_search(record, *SETS)


@pytest.fixture(scope="module")
def fashion(record, searches):
    """A primary comparison with its searches and power runs, δ .01, and its runs with a gain."""
    pair = comparison("C Fashion, tuned, spinal against mlp_matched")
    known = [*searches, *power_runs(record, pair, PILOT, searches)]
    return pair, known, lambda gain: runs_of(record, pair, gain + SPREAD, searches)


def test_every_comparison_is_named_once_and_planned_with_at_least_eight_units():
    assert len({each.name for each in COMPARISONS}) == len(COMPARISONS)
    assert all(len(each.seeds) >= 8 and each.arm != each.reference for each in COMPARISONS)


@pytest.mark.parametrize("start", ["C NIST, tuned, spinal against mlp_matched", "C NIST, tuned, spinal against mlp"])
def test_planned_cells_are_cells_of_the_tier(searches, start):
    pair = next(each for each in COMPARISONS if each.name == start)
    tier = {*list_cells("study", "C", searches)}
    assert {*planned_cells(pair, pair.seeds, searches).values()} <= tier


def test_as_published_cells_are_those_of_the_tier():
    pair = comparison("C NIST, published")
    assert {*planned_cells(pair, pair.seeds).values()} <= {*list_cells("published", "C")}


def test_delta_is_a_tenth_of_the_reference_arms_error_in_the_power_runs(fashion, record, searches):
    pair, known, _ = fashion
    assert delta(pair, known) == pytest.approx(0.01) and delta(pair, searches) is None
    assert delta(pair, known[:-1]) is None
    nist = comparison("C NIST, tuned, spinal against mlp_matched")
    assert delta(nist, [*searches, *power_runs(record, nist, PILOT, searches)]) == 0.1
    assert delta(comparison("R regression_sum, tuned"), ()) == pytest.approx(np.log(1.1))


@pytest.mark.parametrize(
    ("gain", "name"),
    [(0.03, "better, matters"), (-0.03, "worse, matters"), (0.0, "equivalent"), (0.0105, "better, size open")],
)
def test_a_known_gain_gets_its_verdict(fashion, gain, name):
    pair, known, runs = fashion
    verdict = judged(pair, [*known, *runs(gain)])
    assert verdict.name == name and verdict.units == 30
    assert verdict.mean == pytest.approx(gain, abs=0.5 / IMAGES) and verdict.population_interval is not None


def test_it_is_untested_while_a_run_is_missing_and_says_its_half_width_only(fashion):
    pair, known, runs = fashion
    verdict = judged(pair, [*known, *runs(0.03)[1:]])
    assert (verdict.name, verdict.units, verdict.mean, verdict.interval) == ("untested", 29, None, None)
    assert 0 < verdict.half_width < 1 and gains(pair, [*known, *runs(0.03)[1:]]) is None
    assert judged(pair, runs(0.03)).name == "untested"


def test_runs_that_look_alike_do_not_count(fashion):
    pair, known, runs = fashion
    for change in (
        {"recipe": {**runs(0)[0].recipe, "learning_rate": 0.02}},
        {"split_sizes": {**runs(0)[0].split_sizes, "seed": 99}},
        {"dataset": "mnist"},
        {"threads": 7},
        {"numerics_version": 1},
    ):
        first, *others = runs(0)
        other = replace(first, **change)
        assert judged(pair, [*known, other, *others]).name == "untested"


def test_a_wide_interval_asks_for_the_extension(fashion, record, searches):
    pair, known, _ = fashion
    wide = np.tile([-0.04, 0.04], 30)
    thirty = judged(pair, [*known, *runs_of(record, pair, 0.05 + wide[:30], searches)])
    assert (thirty.name, thirty.units) == ("untested", 30) and thirty.half_width > 1
    sixty = judged(pair, [*known, *runs_of(record, pair, 0.05 + wide, searches)])
    assert (sixty.name, sixty.units) == ("better, matters", 60)


def test_a_run_of_a_regression_that_diverged_has_the_mean_predictors_error(record):
    pair = comparison("R regression_sum, published")
    runs = runs_of(record, pair, [0.0] * 30)
    lost = replace(runs[0], diverged=True, test=dict.fromkeys(runs[0].test))
    assert gains(pair, runs) == pytest.approx(np.zeros(30))
    assert abs(gains(pair, [lost, *runs[1:]])[0]) == pytest.approx(np.log(8 / 0.1), rel=0.1)  # the sum of eight


def test_overlapping_draws_widen_the_interval_of_tier_p(record):
    pair = comparison("P cifar10, tuned, spinal against linear")
    searches = ended_search(record, "cifar10", tier="P")
    known = [*searches, *power_runs(record, pair, PILOT, searches)]
    wide = judged(pair, [*known, *runs_of(record, pair, SPREAD, searches)])
    level, _ = levels(pair.families)
    half = (wide.interval[1] - wide.interval[0]) / 2
    assert half == pytest.approx(half_width(SPREAD.std(ddof=1), 30, level, overlap=1 / 5), rel=0.05)


def test_ten_seeds_of_tier_w_wait_for_the_thirty_of_tier_c(record, searches):
    narrow = comparison("W mnist, width 8, tuned, spinal against mlp_matched")
    primary = comparison("C NIST, tuned, spinal against mlp_matched")
    known = [*searches, *power_runs(record, primary, PILOT, searches)]
    alone = [*known, *runs_of(record, narrow, SPREAD[:10] + 0.05, searches)]
    assert judged(narrow, alone).name == "untested" and gains(narrow, alone) is None
    secondary = comparison("C NIST, tuned, spinal against mlp")
    both = [run for pair in (primary, secondary) for run in runs_of(record, pair, SPREAD + 0.05, searches)]
    assert judged(narrow, known + both).name == "better, matters"


def test_chains_are_judged_by_their_gradients(record, searches):
    pair = comparison("D4 mnist, tuned, spinal against mlp_deep")
    spread = np.linspace(-0.02, 0.02, 10)
    runs = runs_of(record, pair, spread, searches, level=0.5)
    assert gains(pair, [*searches, *runs]) == pytest.approx(spread, abs=1e-9)
    verdict = judged(pair, [*searches, *runs])
    assert verdict.name == "equivalent" and verdict.population_note is None
    deep = [
        replace(run, curve=[{**run.last, "gradient_norms": [1e-9, *[1.0] * 29]}]) if run.head == "mlp_deep" else run
        for run in runs
    ]
    assert judged(pair, [*searches, *deep]).name == "better, matters"


def test_without_a_digest_of_each_image_a_family_has_no_population_interval(record, searches, monkeypatch):
    primary = comparison("C NIST, tuned, spinal against mlp_matched")
    monkeypatch.setenv("SPINALNET_DATA", "nowhere")
    everything = [*searches, *power_runs(record, primary, PILOT, searches)]
    everything += runs_of(record, primary, SPREAD + 0.05, searches)
    verdict = judged(primary, everything)
    assert verdict.name == "better, matters" and verdict.population_interval is None
    assert verdict.population_note and verdict.mean == pytest.approx(0.5, abs=0.01)  # a share of the reference's error


def test_a_gain_of_a_single_image_is_too_small_to_judge(fashion, record, searches):
    pair, _, _ = fashion
    level = 0.01
    known = [*searches, *power_runs(record, pair, PILOT / 10, searches, level)]
    verdict = judged(pair, [*known, *runs_of(record, pair, SPREAD / 10, searches, level)])
    assert verdict.name == "too small to judge"
    assert run_of(record, planned_cells(pair, [0], searches)["spinal", "fashion_mnist", 0], 0.5).test["last"] == 0.5


def test_a_gradient_that_vanished_wholly_counts_as_the_least_norm(record):
    run = replace(record, curve=[{**record.last, "gradient_norms": [0.0, None, 1.0]}])
    assert comparisons._badness("D4", run, False) == pytest.approx(math.log(1e100))
    both = replace(record, curve=[{**record.last, "gradient_norms": [None, 1.0, None]}], diverged=True)
    assert comparisons._badness("D4", both, False) == 0
