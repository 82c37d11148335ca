"""The regressions' gains are those that the plan's verdicts rest on."""

import numpy as np
import pytest

from spinalnet_lib import regression_gains
from spinalnet_lib.data.regression import TARGETS
from spinalnet_lib.records.files import own_records
from spinalnet_lib.study.comparisons import COMPARISONS
from spinalnet_lib.study.judged import judged
from spinalnet_lib.study.regression_gains import READINGS


def test_the_plans_pairs_have_the_means_of_their_verdicts():
    found, records = regression_gains(), own_records()
    plan = [each for each in COMPARISONS if each.tier == "R"]
    assert len(plan) == len(READINGS) * len(TARGETS)
    for each in plan:
        reading = next(name for name, (recipe, _) in READINGS.items() if recipe == each.recipe)
        gains = found[reading][each.family][each.reference]
        assert gains.mean() == pytest.approx(judged(each, records).mean) and gains.shape == (len(each.seeds),)


def test_another_reference_gives_other_gains_of_the_same_net():
    """log(a ÷ net) − log(b ÷ net) does not depend on the net: the same for both readings would be chance."""
    gains = regression_gains()["spine"]["regression_sum"]
    assert len({tuple(np.round(each, 9)) for each in gains.values()}) == len(gains)


def test_incomplete_regressions_are_refused_by_name():
    records = [run for run in own_records() if run.dataset != "regression_product"]
    with pytest.raises(ValueError, match=r"lacks runs on regression_product.*sweep all"):
        regression_gains(records)
