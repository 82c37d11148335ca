"""The noise floor counts what its records hold."""

import statistics

import pytest
import traitlets

from spinalnet_lib import NoiseFloor
from spinalnet_lib.data.regression import NOISE_FLOOR, TARGETS
from spinalnet_lib.study.reading import held_out_error, lowest_batch_loss
from spinalnet_lib.widgets.noise_floor import noise_floor_state
from tests.widgets.cases import CASES, REGRESSIONS, still_of


def runs_of(target, net, seeds):
    runs = [run for run in REGRESSIONS if (run.dataset, run.head) == (target, net)]
    return sorted(runs, key=lambda run: run.seed)[:seeds]


def test_the_state_is_that_of_the_records():
    data = CASES["noise-floor"].make().data()
    for values in CASES["noise-floor"].grid:
        state = noise_floor_state(values, data)
        if values["reading"] == "paper":
            assert [len(errors) for errors in state["errors"]] == [1, 1]
            continue
        read = lowest_batch_loss if values["reading"] == "alike" else held_out_error
        nets = [list(map(read, runs_of(values["target"], net, values["seeds"]))) for net in ("mlp", "spinal")]
        assert state["errors"] == nets and state["medians"] == list(map(statistics.median, nets))
        assert state["below"] == sum(error < NOISE_FLOOR for errors in nets for error in errors)


def test_on_new_points_the_mean_predictor_stands_beside():
    widget = NoiseFloor(REGRESSIONS, reading="fresh", target="regression_product")
    assert "always saying the mean" in dict(widget.state()["rows"]) and "saying the mean" in widget.state()["summary"]
    widget.reading = "alike"
    assert "always saying the mean" not in dict(widget.state()["rows"])


def test_the_still_draws_each_run_and_the_noise():
    widget = NoiseFloor(REGRESSIONS, reading="alike", seeds=5)
    (axes,) = still_of(widget)
    assert [len(points.get_offsets()) for points in axes.collections] == [5, 1, 5, 1]
    assert axes.lines[0].get_xdata()[0] == NOISE_FLOOR


def test_there_are_no_more_seeds_than_in_the_records_and_no_other_targets():
    widget = NoiseFloor(REGRESSIONS, seeds=9999)
    assert widget.seeds == min(len(runs_of(target, "mlp", None)) for target in TARGETS)
    with pytest.raises(traitlets.TraitError, match="target"):
        widget.target = "nope"
    with pytest.raises(ValueError, match="regression"):
        NoiseFloor([])
