"""Intervals over draws of one pool hold the truth as often as Student's t says of the variance that they assume."""

import math

import pytest
from scipy.stats import binom, t

from spinalnet_lib import OnePool
from spinalnet_lib.widgets.one_pool import POOLS, VARIANCES
from tests.widgets.cases import still_of


@pytest.mark.parametrize("variance", VARIANCES)
@pytest.mark.parametrize(
    ("taken", "images", "draws"), [(83, 100, 30), (83, 25, 30), (20, 100, 30), (50, 100, 8), (83, 0, 30)]
)
def test_the_share_that_holds_is_that_of_students_t(variance, taken, images, draws):
    n1, n2 = taken, 100 - taken
    true = 1 / draws + images / 100 * n1 / n2
    assumed = 1 / draws + {"these": 0, "plan": n2 / n1, "another": n1 / n2}[variance]
    share = 1 - 2 * t.sf(t.isf(0.025, draws - 1) * math.sqrt(assumed / true), draws - 1)
    holds = OnePool(variance=variance, taken=taken, images=images, draws=draws).state()["holds"]
    assert binom.ppf(0.001, POOLS, share) <= holds <= binom.ppf(0.999, POOLS, share)


def test_only_the_other_pool_holds_where_images_make_all_of_the_spread():
    holds = {variance: OnePool(variance=variance).state()["holds"] for variance in VARIANCES}
    assert holds["these"] < holds["plan"] < POOLS / 2 < 0.9 * POOLS < holds["another"]


def test_the_still_has_a_bar_a_study_and_marks_those_that_miss():
    widget = OnePool()
    state = widget.state()
    (axes,) = still_of(widget)
    marks = [line.get_marker() for line in axes.lines if len(line.get_xdata()) == 1]
    missed = [abs(mean) > half for mean, half in state["studies"]]
    assert marks == ["s" if miss else "o" for miss in missed] and 0 < sum(missed) < len(missed)
    assert f"{state['holds']} of {POOLS} intervals hold the truth" in state["summary"]
