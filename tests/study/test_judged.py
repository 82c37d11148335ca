"""Complete comparisons get the verdict of their gains."""

from dataclasses import replace

import numpy as np
import pytest

from spinalnet_lib.study.comparisons import planned_cells
from spinalnet_lib.study.intervals import half_width, levels
from spinalnet_lib.study.judged import gains, judged
from tests.study.cases import IMAGES, PILOT, SPREAD, comparison, ended_search, power_runs, run_of, runs_of


@pytest.mark.parametrize(
    ("gain", "name"),
    [(0.03, "better, matters"), (-0.03, "worse, matters"), (0.0, "equivalent"), (0.0105, "better, size open")],
)
def test_a_known_gain_gets_its_verdict(fashion, gain, name):
    pair, known, runs = fashion
    verdict = judged(pair, [*known, *runs(gain)])
    assert verdict.name == name and verdict.units == 30
    assert verdict.mean == pytest.approx(gain, abs=0.5 / IMAGES) and verdict.population_interval is not None


def test_overlapping_draws_widen_the_interval_of_tier_p(record):
    pair = comparison("P cifar10, tuned, spinal against linear")
    searches = ended_search(record, "cifar10", tier="P")
    known = [*searches, *power_runs(record, pair, PILOT, searches)]
    wide = judged(pair, [*known, *runs_of(record, pair, SPREAD, searches)])
    level, _ = levels(pair.families)
    half = (wide.interval[1] - wide.interval[0]) / 2
    assert half == pytest.approx(half_width(SPREAD.std(ddof=1), 30, level, overlap=1 / 5), rel=0.05)


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
