"""Figures of cuts and climbs show what the spines say."""

import pytest

from spinalnet_lib import cut_table, load_spine, plot_climb, plot_cuts
from spinalnet_lib.show.palette import LIGHT
from tests.show.cases import drawn

SPINES = {alphabet: load_spine(alphabet) for alphabet in ("digits", "kuzushiji")}


def test_the_table_has_a_row_for_each_cut_with_its_count():
    table = cut_table(SPINES)
    assert len(table) == sum(len(spine.cuts) for spine in SPINES.values())
    for row in table.sample(8, random_state=0).itertuples():
        spine = SPINES[row.alphabet]
        assert row.right == spine.right(f"{row.cut}-{row.level}") and row.right_whole == spine.right()


def test_a_curve_for_each_kind_of_cut_in_its_own_colour():
    panels = drawn(plot_cuts(SPINES)).figure.axes
    for axes, spine in zip(panels, SPINES.values(), strict=True):
        whole, root, cord, way, both = axes.lines
        assert whole.get_ydata()[0] == pytest.approx(100 * spine.right() / 200)
        assert [line.get_color() for line in (root, cord, way)] == [LIGHT.input, LIGHT.chain, LIGHT.output]
        assert root.get_ydata()[3] == pytest.approx(100 * spine.right("root-4") / 200)
        assert len(cord.get_ydata()) == len(both.get_ydata()) == 6 and len(way.get_ydata()) == 7


def test_the_climb_ends_at_the_accuracy_and_each_image_is_decided_once():
    shares, decided = drawn(plot_climb(SPINES)).figure.axes
    for upper, lower, spine in zip(shares.lines, decided.lines, SPINES.values(), strict=True):
        assert upper.get_ydata()[-1] == pytest.approx(100 * spine.right() / 200)
        assert sum(lower.get_ydata()) == len(spine.labels)


def test_the_finding_is_told_in_words():
    assert "a root at worst" in plot_cuts(SPINES).alt and "decided at level" in plot_climb(SPINES).alt
