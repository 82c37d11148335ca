"""The gradients of the chains of thirty are those of their records, and are not told before all runs are there."""

import math
from dataclasses import replace

import pytest

from spinalnet_lib import chain_runs
from spinalnet_lib.records.files import own_records
from spinalnet_lib.study.comparisons import COMPARISONS
from spinalnet_lib.study.gradients import log_norms, steps_of
from spinalnet_lib.study.judged import gains
from spinalnet_lib.study.tiers import TIERS


@pytest.fixture(scope="module")
def runs():
    return chain_runs()


def test_they_are_the_planned_runs_of_every_head(runs):
    (planned,) = TIERS["D4"].runs
    assert list(runs) == list(planned.heads("two_conv"))
    for head, of_head in runs.items():
        assert [record.seed for record in of_head] == list(planned.seeds)
        assert all(record.head == head and len(record.curve[0]["gradient_norms"]) == 30 for record in of_head)


def test_the_verdict_is_about_these_numbers(runs):
    last = [steps_of(runs)[-1]]
    ends = {head: [log_norms(record, last)[0] for record in of_head] for head, of_head in runs.items()}
    for comparison in (each for each in COMPARISONS if each.tier == "D4"):
        arm, reference = ([norms[0] - norms[-1] for norms in ends[head]] for head in comparison.arms)
        expected = [math.log(10) * (a - b) for a, b in zip(arm, reference, strict=True)]
        assert list(gains(comparison, own_records())) == pytest.approx(expected, abs=1e-9)


def test_a_run_that_diverged_has_the_plans_least_norm_from_there_on(runs):
    record, steps = runs["spinal"][0], steps_of(runs)
    first, *_ = record.curve
    broken = replace(record, curve=[first | {"gradient_norms": [None, *first["gradient_norms"][1:]]}])
    before, after, *_ = log_norms(broken, steps)
    assert before[0] == -100 and before[1] == math.log10(first["gradient_norms"][1])
    assert set(after) == {-100}


def test_nothing_is_told_while_a_run_is_missing(runs):
    missing = runs["spinal_last"][3].key
    with pytest.raises(ValueError, match="sweep all --tier D4"):
        chain_runs([record for record in own_records() if record.key != missing])
    with pytest.raises(ValueError, match="sweep all --tier D4"):
        chain_runs([])
