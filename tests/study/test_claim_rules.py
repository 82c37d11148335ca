import pytest

from spinalnet_lib.study.claim_rules import (
    all_hold,
    convolutional_network,
    enough_hold,
    gradients,
    most_hold,
    most_networks,
    narrow_layers,
    regressions,
)

BETTER, WORSE, BIT_WORSE, SAME, OPEN = "better, matters", "worse, matters", "worse, size open", "equivalent", "open"
BIT_BETTER, UNTESTED = "better, size open", "untested"


@pytest.mark.parametrize(
    "states, state",
    [
        (["holds", "holds"], "holds"),
        (["holds", "open"], "open"),
        (["open", "untested"], "untested"),
        (["untested", "not supported"], "untested"),
        (["untested", "contradicted"], "untested"),
        (["not supported", "contradicted"], "contradicted"),
        ([], "untested"),
    ],
)
def test_a_claim_of_several_parts_is_as_good_as_the_worst(states, state):
    assert all_hold(states) == all_hold(states[::-1]) == state


@pytest.mark.parametrize(
    "targets, state",
    [
        ([BETTER] * 3 + [WORSE], "holds"),
        ([BETTER] * 2 + [OPEN, WORSE], "open"),
        ([BETTER] * 2 + [BIT_BETTER, SAME], "open"),
        ([BETTER] * 2 + [SAME] * 2, "not supported"),
        ([OPEN, OPEN, SAME, WORSE], "not supported"),
        ([WORSE, BIT_WORSE, WORSE, BETTER], "contradicted"),
        ([OPEN] * 3 + [SAME], "open"),
        ([BETTER] * 2 + [UNTESTED] * 2, "untested"),
        ([SAME] * 2 + [UNTESTED] * 2, "untested"),
        ([BETTER] * 3 + [UNTESTED], "untested"),
        ([UNTESTED] * 4, "untested"),
    ],
)
def test_regressions_need_three_of_four(targets, state):
    assert regressions(targets) == regressions(targets[::-1]) == state


@pytest.mark.parametrize(
    "families, state",
    [
        ([BETTER, SAME, OPEN], "holds"),
        ([BETTER, BETTER, BIT_WORSE], "not supported"),
        ([BETTER, UNTESTED, SAME], "untested"),
        ([SAME, UNTESTED, WORSE], "untested"),
        ([SAME, BETTER, BETTER], "not supported"),
        ([BIT_BETTER, BETTER, BETTER], "open"),
        ([BIT_WORSE, BETTER, BETTER], "contradicted"),
        ([UNTESTED, BETTER, BETTER], "untested"),
    ],
)
def test_the_cnn_needs_nist_and_no_worse_family(families, state):
    assert convolutional_network(*families) == state


@pytest.mark.parametrize(
    "networks, state",
    [
        ([], "untested"),
        ([BETTER] * 3 + [OPEN] * 5, "untested"),  # four are decided
        ([BETTER] * 4, "holds"),
        ([BETTER] * 3 + [BIT_BETTER], "open"),
        ([SAME] * 4, "open"),
        ([SAME] * 5, "not supported"),
        ([WORSE] * 5 + [BETTER] * 3, "contradicted"),
    ],
)
def test_most_networks_need_five_of_nine(networks, state):
    assert most_networks(BETTER, SAME, SAME, networks=networks) == state


@pytest.mark.parametrize(
    "families, state",
    [
        ([BETTER, SAME, UNTESTED], "untested"),  # four networks are decided, the CNN is not
        ([UNTESTED, SAME, SAME], "untested"),
        ([OPEN, SAME, SAME], "untested"),
        ([BETTER, SAME, WORSE], "open"),  # not supported, and decided
    ],
)
def test_the_cnn_is_decided_once_all_its_families_are_tested(families, state):
    assert most_networks(*families, networks=[BETTER] * 4) == state


@pytest.mark.parametrize(
    "sets, state",
    [
        ([BETTER] * 3 + [SAME], "holds"),
        ([BETTER] * 2 + [SAME] * 2, "not supported"),
        ([SAME, BETTER, BETTER], "holds"),
        ([WORSE, BIT_WORSE, BETTER], "contradicted"),
        ([BETTER, OPEN, OPEN], "open"),
        ([], "untested"),
    ],
)
def test_most_sets_are_more_than_half(sets, state):
    assert most_hold(sets) == most_hold(sets[::-1]) == state


def test_gradients_and_narrow_layers_need_both_parts():
    assert gradients(BETTER, BETTER) == "holds"
    assert gradients(BETTER, SAME) == "not supported" and gradients() == "untested"
    assert narrow_layers((-0.2, -0.1), BETTER) == "holds"
    assert narrow_layers((-0.2, 0.1), BETTER) == "open"
    assert narrow_layers((0.1, 0.2), BETTER) == "contradicted"
    assert narrow_layers((-0.2, -0.1), SAME) == "not supported"
    assert narrow_layers((-0.2, -0.1), UNTESTED) == "untested"


def test_a_claim_without_parts_is_untested():
    assert enough_hold([], 1) == "untested"
