"""Exploratory pairs stand in rows with a mark a data set, as shares of errors, and words tell them."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from spinalnet_lib import heads_table, paired_gains, plot_pairs
from spinalnet_lib.show import pair_plot
from spinalnet_lib.show.palette import LIGHT
from spinalnet_lib.study.tiers import TIERS
from tests.show.cases import assert_drawn_with_words

NAN = float("nan")
ROWS = [
    ("spinal", "spinal_no_chain", "mnist", 0.2, 0.1, 0.3, 2.0),
    ("spinal", "spinal_no_chain", "fashion_mnist", -0.2, -0.3, -0.1, 10.0),
    ("spinal_direct", "spinal_big", "mnist", 0.0, -0.1, 0.1, 1.0),
    ("spinal", "spinal_last", "mnist", 0.4, -0.1, 0.9, 1.0),
    ("spinal", "spinal_no_chain, as large as spinal", "mnist", 0.5, 0.3, 0.7, 1.0),
    ("spinal", "spinal_full", "mnist", NAN, NAN, NAN, NAN),
    ("a against b", "c against d", "mnist", 1.0, 0.5, 1.5, NAN),
]


def table(rows=ROWS):
    return pd.DataFrame(rows, columns=["arm", "reference", "data", "gain", "low", "high", "error"])


def words_of(axes):
    return [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()]


def test_a_head_has_a_panel_and_a_rival_a_row_that_of_another_size_behind_its_own():
    of_spine, of_direct = plot_pairs(table()).drawn(LIGHT).axes
    assert of_spine.get_title(loc="left") == "a spine against …"
    assert words_of(of_spine) == [
        "one without its chain",
        "one without its chain, near the spine's size",
        "one whose last layer alone feeds the logits",
    ]
    assert of_direct.get_title(loc="left") == "one with a direct road to the logits against …"
    assert words_of(of_direct) == ["a wider one, as large as the dense head"]


def test_the_mark_is_the_share_of_errors_the_bar_its_interval_and_the_colour_its_side():
    axes = plot_pairs(table()).drawn(LIGHT).axes[0]
    marks = [line for line in axes.lines if line.get_marker() in "os" and len(line.get_xdata()) == 1]
    bars = [line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_color() != LIGHT.quiet][1:]
    assert [line.get_xdata()[0] for line in marks] == pytest.approx([10, -2, 50, 40])
    ends = [[5, 15], [-3, -1], [30, 70], [-10, 90]]
    assert np.array([line.get_xdata() for line in bars]) == pytest.approx(np.array(ends))
    sides = [LIGHT.spinal, LIGHT.dense, LIGHT.spinal, LIGHT.text]
    assert [to_hex(line.get_color()) for line in marks] == sides == [to_hex(line.get_color()) for line in bars]
    assert [line.get_marker() for line in marks] == ["o", "s", "o", "o"]
    band = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    assert (band.x0, band.x1) == pytest.approx((-10, 10))


def test_it_can_be_read_wide_and_narrow():
    picture = plot_pairs(table())
    assert_drawn_with_words(picture)
    assert "5 intervals: 2 above zero, 1 below" in picture.alt
    assert (
        "a spine against one without its chain: mnist +10.0 (+5.0 to +15.0), fashion mnist −2.0 (−3.0 to −1.0)"
        in picture.alt
    )


def test_a_pair_that_lacks_runs_and_a_difference_of_gains_are_left_out_and_none_is_refused():
    alt = plot_pairs(table()).alt
    assert "read all features" not in alt and "a against b" not in alt
    with pytest.raises(ValueError, match="no pair has all its runs"):
        plot_pairs(table(ROWS[-2:]))


def test_more_sets_than_marks_are_refused():
    rows = [("spinal", "linear", f"set {number}", 0.1, 0.0, 0.2, 1.0) for number in range(5)]
    assert "set 3" in plot_pairs(table(rows[:4])).alt
    with pytest.raises(ValueError, match="5 data sets, and there are 4 marks"):
        plot_pairs(table(rows))


def test_each_head_of_the_plans_ablations_has_words():
    heads = {head for runs in TIERS["C"].runs if runs.part == "ablations" for head in runs.heads(runs.backbones[0])}
    assert heads - {"spinal"} <= set(pair_plot._HEADS) and heads <= set(heads_table()["head"])


def test_the_plans_own_pairs_fit():
    own = paired_gains()
    own = own[(own["tier"] == "C") & (own["part"] == "ablations")]
    if own["gain"].notna().any():
        assert_drawn_with_words(plot_pairs(own))
