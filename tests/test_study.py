"""The study is the written protocol's: arms, seeds, sets, and settings from the search."""

from collections import Counter

import pytest

from spinalnet_lib import load_records
from spinalnet_lib.arms import OTHER, PRIMARY
from spinalnet_lib.study import STUDIES, TIERS, list_cells, present_sets
from spinalnet_lib.sweeps import cell_key
from spinalnet_lib.tuning import Search


def test_the_search_of_tier_c_is_the_protocols():
    todo = list_cells("tuning", "C")
    assert len(todo) == 5 * len(PRIMARY) * 5 * 2 * 2
    assert not any(cell.config.read_test for cell in todo)
    assert {cell.seed for cell in todo} == {1000, 1001}
    assert {cell.seed for cell in todo[: len(todo) // 2]} == {1000}  # cut off, it has whole seeds


def test_tier_c_takes_what_the_search_chose():
    search = load_records("tuning")
    cells = list_cells("study", "C", search, ["mnist"])
    assert Counter(cell.head for cell in cells) == {**dict.fromkeys(PRIMARY, 30), **dict.fromkeys(OTHER, 10)}
    found = Search(search, "mnist", "two_conv")
    for cell in cells:
        chosen = found.chosen(cell.head)
        assert (cell.config.learning_rate, cell.tuning_id) == (chosen.learning_rate, chosen.tuning_id)
        assert cell.config.read_test and cell.config.steps == 2000
    # Cut off anywhere, no primary arm has a seed more than another; the other arms come after them.
    for end in range(0, 90, 7):
        counts = Counter(cell.head for cell in cells[:end])
        assert max(counts.values(), default=0) - min((counts[arm] for arm in PRIMARY), default=0) <= 1
    assert {cell.head for cell in cells[:90]} == set(PRIMARY)


def test_a_tier_is_not_begun_before_its_search_has_ended():
    with pytest.raises(ValueError, match="the search for spinal on kmnist_10k lacks 10 of 10 places"):
        list_cells("study", "C", load_records("tuning"), ["kmnist_10k"])


def test_tier_r_is_what_was_committed():
    cells = list_cells("study", "R")
    assert len(cells) == 30 * 4 * 4
    keys = {record.key for record in load_records("regression")}
    assert {cell_key(cell, "cpu", 1) for cell in cells[:16]} <= keys


@pytest.mark.parametrize("tier", ["G", "H"])
def test_tiers_of_a_gpu_warp_and_take_large_steps(tier):
    todo = list_cells("tuning", tier)
    plan = TIERS[tier]
    assert plan.device == "cuda"
    assert len(todo) == len(plan.datasets) * len(plan.backbones) * 4 * 5 * 2 * 2
    assert all(cell.config.augmentation and cell.config.batch_size == 1000 and cell.config.fast for cell in todo)


def test_what_is_unknown_is_named():
    with pytest.raises(ValueError, match="unknown study 'tunning'; did you mean 'tuning'"):
        list_cells("tunning", "C")
    with pytest.raises(ValueError, match=r"unknown tier 'X'.*R"):
        list_cells(STUDIES[0], "X")
    with pytest.raises(ValueError, match="unknown data set of tier C 'mnits'; did you mean 'mnist'"):
        list_cells("study", "C", (), ["mnits"])
    assert list_cells("tuning", "C", (), ["my_own_set"])[0].dataset == "my_own_set"
    assert list_cells("tuning", "R") == []


def test_sets_that_are_here_are_found(tmp_path):
    assert present_sets("C", tmp_path) == []
    assert len(present_sets("R", tmp_path)) == 4
