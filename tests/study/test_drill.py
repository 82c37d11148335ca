"""Planted effects get the verdicts that were promised, as often as promised."""

import numpy as np
import pytest

from spinalnet_lib.study.drill import drill
from spinalnet_lib.study.gains import delta, pilot_spread
from spinalnet_lib.study.power import RIGHT, verdict_probabilities
from tests.study.cases import comparison, ended_search, power_runs

IMAGES = 10_000
NOISE = np.random.default_rng(0).normal(0, 1, 8)


def pilot(sd):
    """Eight gains with this standard deviation."""
    return sd * (NOISE - NOISE.mean()) / NOISE.std(ddof=1)


@pytest.fixture(scope="module")
def searches(record):
    return ended_search(record, "mnist", "emnist_letters", "emnist_balanced_reduced", "fashion_mnist")


def shares(record, searches, name, sd, effect, repeats):
    """What the drill gave and what was promised."""
    pair = comparison(name)
    known = [*searches, *power_runs(record, pair, pilot(sd), searches, images=IMAGES)]
    least, spread = delta(pair, known), pilot_spread(pair, known)
    promised = verdict_probabilities(effect * least, spread.std(ddof=1), len(pair.seeds), least, pair.families)
    return drill(pair, known, effect, repeats), promised


def assert_as_promised(found, promised, repeats):
    for verdict in {*found, *promised}:
        p = promised.get(verdict, 0.0)
        assert abs(found.get(verdict, 0.0) - p) <= 4 * np.sqrt(p * (1 - p) / repeats) + 2 / repeats, verdict


@pytest.mark.parametrize("effect", RIGHT)
def test_verdicts_on_planted_effects_are_right_as_often_as_promised(record, searches, effect):
    found, promised = shares(record, searches, "C Fashion, tuned, spinal against mlp_matched", 0.01, effect, 40)
    assert_as_promised(found, promised, 40)
    assert promised[RIGHT[effect]] > 0.5


def test_a_family_of_three_sets_goes_through_the_same(record, searches, monkeypatch):
    monkeypatch.setenv("SPINALNET_DATA", "nowhere")
    name = "C NIST, tuned, spinal against mlp_matched"
    assert_as_promised(*shares(record, searches, name, 0.008, 2.0, 10), 10)


@pytest.mark.full
@pytest.mark.parametrize("effect", RIGHT)
def test_two_thousand_studies_are_judged_as_promised(record, searches, effect):
    found, promised = shares(record, searches, "C Fashion, tuned, spinal against mlp_matched", 0.012, effect, 2000)
    assert_as_promised(found, promised, 2000)


def test_without_power_runs_there_is_no_drill(searches):
    with pytest.raises(ValueError, match="power"):
        drill(comparison("C Fashion, tuned, spinal against mlp_matched"), searches, 0.0)
