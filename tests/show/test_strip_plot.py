"""The strips change colour where the verdict does."""

import math

import pytest

from spinalnet_lib import plot_verdict_strips, regression_gains
from spinalnet_lib.show.palette import LIGHT
from spinalnet_lib.show.strip_plot import _LOOKS, _strip
from spinalnet_lib.study.regression_gains import READINGS
from spinalnet_lib.study.verdict import judge


@pytest.mark.parametrize("percent", [1.2, 5, 10, 33, 90])
def test_a_strip_says_what_judge_says(percent):
    delta = percent / 100
    for reading, of_targets in regression_gains().items():
        for of in of_targets.values():
            gains = of[READINGS[reading][1]]
            [name] = [name for name, start, end in _strip(gains) if start <= delta < end]
            assert name == judge(gains, math.log1p(delta), len(gains), family=len(of_targets)).name


def test_each_strip_is_whole_and_has_the_colours_of_its_verdicts():
    every = plot_verdict_strips().drawn(LIGHT).axes
    for axes, (reading, of_targets) in zip(every, regression_gains().items(), strict=True):
        strips = [_strip(of[READINGS[reading][1]]) for of in of_targets.values()]
        drawn = [(patch.get_facecolor()[0], patch.get_paths()[0].get_extents()) for patch in axes.collections]
        planned = [(row, *run) for row, strip in enumerate(strips) for run in strip]
        assert len(drawn) == len(planned)
        for (colour, box), (row, name, start, end) in zip(drawn, planned, strict=True):
            assert tuple(colour) == pytest.approx(_rgba(*_LOOKS[name]))
            assert (box.x0, box.x1, (box.y0 + box.y1) / 2) == pytest.approx((100 * start, 100 * end, row))


def _rgba(name, alpha):
    from matplotlib.colors import to_rgba

    return to_rgba(getattr(LIGHT, name), alpha)


def test_the_alt_text_begins_with_the_finding():
    assert plot_verdict_strips().alt.startswith("Verdicts on 8 comparisons as δ grows: ")
