"""What stands beside a verdict: each figure against its definition, and nothing of what is incomplete."""

from dataclasses import replace

import numpy as np
import pytest

from spinalnet_lib.records.record import unpack_bits
from spinalnet_lib.study.beside import beside, mean_over_families
from spinalnet_lib.study.sign_flips import sign_flip_p
from spinalnet_lib.study.statistics import mean_interval, pairing_gain
from tests.study.cases import IMAGES, comparison, complete

pytestmark = pytest.mark.usefixtures("no_data")

FAMILIES = [f"C {family}, tuned, spinal against mlp_matched" for family in ("NIST", "Fashion", "Kuzushiji")]


def test_figures_of_one_set_are_counted_in_images_and_points(fashion):
    pair, known, runs = fashion
    made = runs(0.03)
    shown = beside(pair, [*known, *made])
    errors = {
        head: [1 - unpack_bits(r.test["correct"], IMAGES).mean() for r in made if r.head == head] for head in pair.arms
    }
    gains = np.subtract(errors[pair.reference], errors[pair.arm])
    assert shown["method"] == "exact" and shown["sign_flip_p"] == sign_flip_p(np.rint(gains * IMAGES))[0]
    of_set = shown["sets"]["fashion_mnist"]
    assert of_set["pairing"] == pytest.approx(pairing_gain(errors[pair.reference], errors[pair.arm]))
    assert of_set["points"] == pytest.approx(mean_interval(100 * gains, 1 - 0.05 / 3))
    assert of_set["nll"] == of_set["brier"] == pytest.approx((0, 0, 0))
    no_loss = [run if run.seed else replace(run, test={**run.test, "nll": None}) for run in made]
    assert "nll" not in beside(pair, [*known, *no_loss])["sets"]["fashion_mnist"]


def test_both_arms_have_their_cost_and_their_settings(fashion):
    pair, known, runs = fashion
    of_set = beside(pair, [*known, *runs(0.03)])["sets"]["fashion_mnist"]
    assert of_set["settings"].keys() == {*pair.arms} <= of_set["cost"].keys()


def test_nothing_is_told_of_an_incomplete_comparison(fashion):
    pair, known, runs = fashion
    assert beside(pair, [*known, *runs(0.03)[1:]]) == {} and beside(pair, runs(0.03)) == {}


def test_tier_p_shows_the_interval_of_seeds_alone(record):
    pair = comparison("P cifar10, tuned, spinal against linear")
    shown = beside(pair, complete(record, [pair], 0.03))
    low, high = shown["interval of seeds alone"]
    (wide,) = (of_set["points"] for of_set in shown["sets"].values())
    assert low < 0.03 < high and wide[2] - wide[1] > 100 * (high - low)


def test_the_mean_over_families_is_on_the_scale_of_the_references_error(record):
    pairs = [comparison(name) for name in FAMILIES]
    (mean, low, high), (least, most) = mean_over_families("mlp_matched", complete(record, pairs, 0.03))
    assert low < mean < high and least <= mean <= most
    assert mean == pytest.approx(0.3, abs=0.005)  # .03 of an error of .1
    assert mean_over_families("mlp_matched", complete(record, pairs[:2], 0.03)) is None


def test_of_gradients_no_loss_is_told(record):
    """The sets of tier D4 are blind for their errors while their primary pair is."""
    pair = comparison("D4 mnist, tuned, spinal against mlp_deep_skip")
    (of_set,) = beside(pair, complete(record, [pair], 0.03))["sets"].values()
    assert of_set.keys() == {"pairing", "cost", "settings"}
