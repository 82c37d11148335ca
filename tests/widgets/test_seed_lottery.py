"""The lottery draws from the records and counts what it drew."""

import itertools
import statistics

import pytest
import traitlets

from spinalnet_lib import SeedLottery, crossed_errors, mean_interval
from spinalnet_lib.widgets.seed_lottery import seed_lottery_state
from tests.widgets.cases import CASES, MNIST, still_of

ERRORS = crossed_errors(MNIST)


def test_each_pull_is_a_mean_of_recorded_differences():
    case = CASES["seed-lottery"]
    data = case.make().data()
    for values in case.grid:
        state = seed_lottery_state(values, data)
        spinal, dense = ERRORS[values["dropout"]]
        last = state["last"]
        assert len(set(last["spinal"])) == values["seeds"] and len(state["shown"]) == values["pulls"]
        assert (last["spinal"] == last["dense"]) or not values["same"]
        pulled = [spinal[a] - dense[b] for a, b in zip(last["spinal"], last["dense"], strict=True)]
        assert state["shown"][-1] == pytest.approx(statistics.fmean(pulled), abs=2e-3)
        assert state["whole"] == pytest.approx(
            mean_interval([a - b for a, b in zip(spinal, dense, strict=True)]), abs=2e-3
        )
        assert sum(state["leads"]) == values["pulls"] and max(state["same"], state["clear"]) <= data["many"]


@pytest.mark.parametrize(("dropout", "seeds"), [*itertools.product(ERRORS, (1, 3, 5))])
def test_the_share_that_names_the_same_head_is_that_of_all_choices_of_seeds(dropout, seeds):
    differences = [round(1000 * (a - b)) for a, b in zip(*ERRORS[dropout], strict=True)]
    whole = sum(differences)
    every = [sum(few) * whole > 0 for few in itertools.combinations(differences, seeds)]
    state = SeedLottery(MNIST, dropout=dropout, seeds=seeds, same=True).state()
    assert state["same"] / 1000 == pytest.approx(statistics.fmean(every), abs=0.06)


def test_all_seeds_at_once_can_only_say_what_all_seeds_say():
    state = SeedLottery(MNIST, seeds=10, same=True).state()
    assert state["same"] == 1000 and state["last"]["found"] == pytest.approx(state["whole"])


def test_more_pulls_go_on_from_the_same_ones():
    few, more = (SeedLottery(MNIST, pulls=pulls).state()["shown"] for pulls in (7, 30))
    assert more[:7] == few


def test_the_still_stacks_every_pull():
    widget = SeedLottery(MNIST, pulls=33, dropout="none")
    (axes,) = still_of(widget)
    tops = [
        max(patch.get_y() + patch.get_height() for patch in column) for column in zip(*axes.containers, strict=True)
    ]
    assert sum(tops) == 33


def test_no_more_seeds_than_on_record_and_no_other_switch():
    widget = SeedLottery(MNIST, seeds=99)
    assert widget.seeds == len(widget.data()["seeds"])
    with pytest.raises(traitlets.TraitError, match="dropout"):
        widget.dropout = "nope"
    with pytest.raises(traitlets.TraitError, match="pulls"):
        widget.pulls = 0
    with pytest.raises(ValueError, match="first training"):
        SeedLottery([])
