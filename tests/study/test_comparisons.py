"""The plan's comparisons, and the cells that are theirs."""

import pytest

from spinalnet_lib.study.cells import list_cells
from spinalnet_lib.study.comparisons import COMPARISONS, planned_cells
from tests.study.cases import comparison


def test_every_comparison_is_named_once_and_planned_with_at_least_eight_units():
    assert len({each.name for each in COMPARISONS}) == len(COMPARISONS)
    assert all(len(each.seeds) >= 8 and each.arm != each.reference for each in COMPARISONS)


@pytest.mark.parametrize("start", ["C NIST, tuned, spinal against mlp_matched", "C NIST, tuned, spinal against mlp"])
def test_planned_cells_are_cells_of_the_tier(searches, start):
    pair = next(each for each in COMPARISONS if each.name == start)
    tier = {*list_cells("study", "C", searches)}
    assert {*planned_cells(pair, pair.seeds, searches).values()} <= tier


def test_as_published_cells_are_those_of_the_tier():
    pair = comparison("C NIST, published")
    assert {*planned_cells(pair, pair.seeds).values()} <= {*list_cells("published", "C")}
