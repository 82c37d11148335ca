"""Exploratory pairs stand in rows with a mark a data set, and words tell them."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from spinalnet_lib import heads_table, paired_gains, plot_pairs
from spinalnet_lib.show import pair_plot
from spinalnet_lib.show.palette import LIGHT
from spinalnet_lib.study.tiers import TIERS
from tests.show.cases import assert_drawn_with_words

ROWS = [
    ("spinal", "spinal_no_chain", "mnist", 0.2, 0.1, 0.3),
    ("spinal", "spinal_no_chain", "fashion_mnist", -0.2, -0.3, -0.1),
    ("spinal_direct", "spinal_big", "mnist", 0.0, -0.1, 0.1),
    ("spinal", "spinal_last", "mnist", 0.4, -0.1, 0.9),
    ("spinal", "spinal_no_chain, as large as spinal", "mnist", 0.5, 0.3, 0.7),
    ("spinal", "spinal_full", "mnist", np.nan, np.nan, np.nan),
]


def table(rows=ROWS):
    return pd.DataFrame(rows, columns=["arm", "reference", "data", "gain", "low", "high"])


def words_of(axes):
    return [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()]


def test_a_pair_is_a_row_of_words_that_of_equal_size_behind_its_own_one_without_the_spine_last():
    (axes,) = plot_pairs(table()).drawn(LIGHT).axes
    assert words_of(axes) == [
        "one without its chain",
        "one without its chain, made as large",
        "one whose last layer alone feeds the logits",
        "one with a direct road to the logits, against one as large as the dense head",
    ]


def test_the_mark_is_the_gain_the_bar_its_interval_and_the_colour_its_side():
    axes = plot_pairs(table()).drawn(LIGHT).axes[0]
    marks = [line for line in axes.lines if line.get_marker() in "os" and len(line.get_xdata()) == 1]
    bars = [line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_color() != LIGHT.quiet][1:]
    assert [line.get_xdata()[0] for line in marks] == [0.2, -0.2, 0.5, 0.4, 0.0]
    assert [list(line.get_xdata()) for line in bars] == [[0.1, 0.3], [-0.3, -0.1], [0.3, 0.7], [-0.1, 0.9], [-0.1, 0.1]]
    sides = [LIGHT.spinal, LIGHT.dense, LIGHT.spinal, LIGHT.text, LIGHT.text]
    assert [to_hex(line.get_color()) for line in marks] == sides == [to_hex(line.get_color()) for line in bars]
    assert [line.get_marker() for line in marks] == ["o", "s", "o", "o", "o"]


def test_it_can_be_read_wide_and_narrow():
    picture = plot_pairs(table())
    assert_drawn_with_words(picture)
    assert "5 intervals: 2 above zero, 1 below" in picture.alt
    assert "one without its chain: mnist +0.20 (+0.10 to +0.30), fashion mnist −0.20 (−0.30 to −0.10)" in picture.alt


def test_a_pair_that_lacks_runs_is_left_out_and_none_is_refused():
    assert "read all features" not in plot_pairs(table()).alt
    with pytest.raises(ValueError, match="no pair has all its runs"):
        plot_pairs(table(ROWS[-1:]))


def test_each_head_of_the_plans_ablations_has_words():
    heads = {head for runs in TIERS["C"].runs if runs.part == "ablations" for head in runs.heads(runs.backbones[0])}
    assert heads - {"spinal"} <= set(pair_plot._HEADS) and heads <= set(heads_table()["head"])


def test_the_plans_own_pairs_fit():
    own = paired_gains()
    own = own[(own["tier"] == "C") & (own["part"] == "ablations")]
    if own["gain"].notna().any():
        assert_drawn_with_words(plot_pairs(own))
