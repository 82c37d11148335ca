"""The switch shows the differences of the records."""

import statistics

import pytest
import traitlets

from spinalnet_lib import DropoutSwitch, crossed_errors, mean_interval
from spinalnet_lib.widgets.dropout_switch import dropout_switch_state
from tests.widgets.cases import CASES, MNIST, still_of


def test_its_differences_are_those_of_the_records():
    data, every = DropoutSwitch(MNIST).data(), crossed_errors(MNIST)
    for values in CASES["dropout-switch"].grid:
        errors = {name: [of[: values["seeds"]] for of in both] for name, both in every.items()}
        state = dropout_switch_state(values, data)
        assert state["means"] == pytest.approx([statistics.fmean(e) for e in errors[values["dropout"]]], abs=1e-3)
        assert state["ahead"] == sum(a < b for a, b in zip(*errors[values["dropout"]], strict=True))
        for name, difference in state["differences"].items():
            pairs = [a - b for a, b in zip(*errors[name], strict=True)]
            if values["seeds"] == 1:
                assert difference == [pytest.approx(pairs[0], abs=2e-3), None, None]
            else:
                assert difference == pytest.approx(mean_interval(pairs), rel=1e-3, abs=2e-3)


def test_the_still_draws_each_seed_of_both_heads_and_three_differences():
    widget = DropoutSwitch(MNIST, dropout="both")
    upper, lower = still_of(widget)
    assert [len(points.get_offsets()) for points in upper.collections] == [10, 1, 10, 1]
    assert len(lower.containers) == len(widget.state()["differences"])


def test_one_seed_has_no_interval_and_is_drawn_all_the_same():
    assert len(still_of(DropoutSwitch(MNIST, seeds=1))) == 2


def test_the_switch_has_three_positions():
    widget = DropoutSwitch(MNIST)
    with pytest.raises(traitlets.TraitError, match="dropout"):
        widget.dropout = "dense"
