"""Climb and cut says what the spine says."""

import numpy as np
import pytest
import traitlets

from spinalnet_lib import ClimbAndCut, load_spine
from spinalnet_lib.models.small_spine import ALPHABETS, decided_at
from spinalnet_lib.study import small_spines
from spinalnet_lib.widgets import climb_and_cut
from tests.widgets.cases import CASES, SEVEN, still_of

SPINES = {alphabet: load_spine(alphabet) for alphabet in ALPHABETS}


def test_the_state_is_that_of_the_spine():
    case = CASES["climb-and-cut"]
    data = case.make().data()
    for values in case.grid[::7]:
        state, spine = case.state(values, data), SPINES[values["alphabet"]]
        assert state["right"] == spine.right(values["cut"]) and state["right_whole"] == spine.right()
        board = np.array(state["shades"]).reshape(28, 28)
        if values["sample"]:
            assert (board == spine.images[values["sample"] - 1]).all()
            assert state["truth"] == spine.classes[spine.labels[values["sample"] - 1]]
        if not board.any():
            assert state["leaders"] == [] and state["decided"] is None
            continue
        running = spine.climb(board[None], values["cut"])
        assert np.allclose(state["votes"], running[0], atol=1e-4) and state["decided"] == decided_at(running)[0]
        assert state["leaders"][-1] == spine.classes[running[0, -1].argmax()]


def test_a_drawn_seven_is_an_eight_from_below_and_a_seven_on_top():
    widget = ClimbAndCut(sample=0, ink=SEVEN, bet="show")
    assert widget.state()["leaders"][0] != "7" == widget.state()["leaders"][-1]


def test_levels_are_hidden_until_there_is_a_bet():
    widget = ClimbAndCut()
    assert "decided" not in " ".join(dict(widget.state()["rows"])) and "Bet" in widget.state()["summary"]
    widget.bet = "3"
    assert "your bet: 3" in dict(widget.state()["rows"])["decided at level"]


def test_an_empty_board_says_nothing_whatever_is_cut():
    for cut in ("none", "root-1", "both-6"):
        state = ClimbAndCut(sample=0, cut=cut).state()
        assert state["leaders"] == state["votes"] == [] and "says nothing" in state["summary"]


def test_a_drawing_goes_in_and_out_as_an_array():
    widget = ClimbAndCut()
    stored = SPINES["digits"].images[4]
    widget.board = stored
    assert widget.sample == 0 and (widget.board == stored).all()
    assert widget.state()["leaders"][-1] == ClimbAndCut(sample=5).state()["leaders"][-1]
    for wrong in (stored[:5], stored.astype(int) + 16, stored.astype(int) - 16):
        with pytest.raises(ValueError, match="board"):
            widget.board = wrong


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ink", "a"),
        ("ink", "#?!."),
        ("ink", "AAAA" * 999),
        ("sample", 201),
        ("sample", -1),
        ("cut", "cord-7"),
        ("bet", "8"),
    ],
)
def test_traits_refuse_what_they_cannot_be(name, value):
    with pytest.raises(traitlets.TraitError, match=name):
        ClimbAndCut(**{name: value})


def test_sizes_are_those_of_the_spines():
    sizes = climb_and_cut.LEVELS, climb_and_cut.SIDE, climb_and_cut.STORED
    assert sizes == (small_spines.LEVELS, small_spines.SIDE, small_spines.STORED)
    assert [cut for cut in climb_and_cut.CUTS if cut != "none"] == SPINES["digits"].cuts
    random = np.random.default_rng(0)
    full = random.integers(0, 16, (28, 28)) * (random.random((28, 28)) < 0.5)
    ClimbAndCut().board = full  # a busy board fits


def test_the_still_shows_the_board_and_every_levels_votes():
    widget = ClimbAndCut(bet="show")
    board, bars = still_of(widget)
    assert (board.images[0].get_array() == widget.board).all()
    heights = [patch.get_height() for patch in bars.patches]
    votes = [vote for votes in widget.state()["votes"][1:] for vote in votes]
    assert np.corrcoef(heights, votes)[0, 1] == pytest.approx(1)
    assert len(still_of(ClimbAndCut(sample=0))[1].patches) == 0
