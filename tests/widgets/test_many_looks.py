"""The best of many readings flatters, by what order statistics say."""

import math
import statistics

import pytest
import traitlets

from spinalnet_lib import ManyLooks
from tests.widgets.cases import still_of


def expected_best(looks: int) -> float:
    """Mean of the largest of independent standard normal numbers, by its integral."""
    normal = statistics.NormalDist()
    step = 0.01
    grid = [step * k for k in range(-600, 601)]
    return sum(step * z * looks * normal.cdf(z) ** (looks - 1) * normal.pdf(z) for z in grid)


def test_one_look_does_not_flatter_and_many_independent_ones_do_as_order_statistics_say():
    deviation = 100 * math.sqrt(0.995 * 0.005 / 10_000)
    for looks in (1, 10, 200):
        state = ManyLooks(looks=looks, alike=0).state()
        # Sixty runs; the largest of many scatters less than a single one does.
        assert state["bias"] / deviation == pytest.approx(expected_best(looks), abs=0.4)
    assert state["bias"] > 2 * deviation > abs(state["at_end"]) * 4


def test_looks_that_are_all_alike_are_one_look():
    state = ManyLooks(alike=100).state()
    assert len({*state["readings"]}) == 1 and state["bias"] == pytest.approx(state["at_end"])


def test_a_smaller_test_set_flatters_more():
    small, large = (ManyLooks(images=images).state()["bias"] for images in (2_500, 10_000))
    assert small == pytest.approx(2 * large)


def test_the_record_never_falls_and_the_still_shows_every_reading():
    widget = ManyLooks(looks=50)
    state = widget.state()
    assert state["best"] == [max(state["readings"][: k + 1]) for k in range(50)]
    (axes,) = still_of(widget)
    assert len(axes.collections[0].get_offsets()) == 50


def test_looks_are_counted_from_one():
    with pytest.raises(traitlets.TraitError, match="looks"):
        ManyLooks(looks=0)
