"""Marks stand at their sizes and gains, filled where there is a verdict, and words tell them."""

import pandas as pd
import pytest

from spinalnet_lib import comparisons_table, gains_by_size, paired_gains, plot_gains_by_size
from spinalnet_lib.show.palette import LIGHT
from tests.show.cases import assert_drawn_with_words

COLUMNS = ["data", "reference", "per_class", "whole", "judged", "gain", "low", "high"]


def table(*sets):
    rows = [
        (name, reference, size, size == 90, size == 90, gain, gain - 0.5, gain + 0.5)
        for name in sets
        for reference, sign in (("linear", 1), ("mlp_matched", -1))
        for size, gain in ((5, sign * 1.0), (20, sign * 0.25), (90, 0.0))
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_a_set_has_a_panel_with_a_line_against_each_rival():
    axes = plot_gains_by_size(table("monkeys10")).drawn(LIGHT).axes
    _, linear, *marks = axes[0].lines
    assert axes[0].get_title(loc="left") == "monkeys10" and linear.get_color() == LIGHT.linear
    assert list(linear.get_ydata()) == [1.0, 0.25, 0.0]
    assert linear.get_xdata() == pytest.approx([5, 20, 90], rel=0.05)
    assert [tick.get_text() for tick in axes[0].get_xticklabels()] == ["5", "20", "90"]
    filled = [line.get_markerfacecolor() for line in marks[:3]]
    assert filled == [LIGHT.back, LIGHT.back, LIGHT.linear]
    assert {LIGHT.dense} <= {line.get_color() for line in marks}
    ends = [segment[:, 1].tolist() for segment in axes[0].collections[0].get_segments()]
    assert ends == [[0.5, 1.5], [-0.25, 0.75], [-0.5, 0.5]]


@pytest.mark.parametrize("sets", [("monkeys10",), ("caltech101_reduced", "cifar10", "fashion_mnist", "a", "b")])
def test_it_can_be_read_wide_and_narrow(sets):
    picture = plot_gains_by_size(table(*sets))
    assert_drawn_with_words(picture)
    assert f"{sets[0].replace('_', ' ')}, against one linear layer: +1.00 at 5, +0.25 at 20, 0.00 at 90" in picture.alt


def test_a_table_without_rows_is_refused():
    with pytest.raises(ValueError, match="no rows"):
        plot_gains_by_size(table("a").head(0))


def test_the_plans_own_tables_fit():
    found = gains_by_size(comparisons_table(), paired_gains())
    assert list(found.columns) == COLUMNS
    if len(found):
        assert_drawn_with_words(plot_gains_by_size(found))
