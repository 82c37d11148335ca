"""Ratios of errors stand at their widths, with δ as a band, and words tell them."""

import numpy as np
import pandas as pd
import pytest

from spinalnet_lib import comparisons_table, plot_gains_by_width
from spinalnet_lib.show.palette import LIGHT
from tests.show.cases import assert_drawn_with_words


def table():
    rows = [
        (name, reference, width, np.log(ratio), np.log(ratio / 1.1), np.log(ratio * 1.1), np.log(1.1))
        for name in ("mnist", "emnist_letters")
        for reference, ratios in (("mlp", (8.0, 2.0, 1.0)), ("mlp_matched", (1.2, 1.0, 1.0)))
        for width, ratio in zip((64, 8, 2), ratios[::-1], strict=True)
    ]
    return pd.DataFrame(rows, columns=["data", "reference", "width", "gain", "low", "high", "delta"])


def test_a_set_has_a_panel_with_ratios_of_errors_by_width():
    axes, other = plot_gains_by_width(table()).drawn(LIGHT).axes
    assert [panel.get_title(loc="left") for panel in (axes, other)] == ["mnist", "emnist letters"]
    _, same_width, *_ = axes.lines
    assert same_width.get_xdata() == pytest.approx([2, 8, 64], rel=0.05)
    assert list(same_width.get_ydata()) == pytest.approx([8, 2, 1])
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["2", "8", "64"]
    assert "1" in [tick.get_text() for tick in axes.get_yticklabels()]
    ends = [segment[:, 1].tolist() for segment in axes.collections[0].get_segments()]
    assert ends[0] == pytest.approx([8 / 1.1, 8 * 1.1])
    band = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    assert (band.y0, band.y1) == pytest.approx((1 / 1.1, 1.1))


def test_the_two_rivals_can_be_told_apart():
    axes = plot_gains_by_width(table()).drawn(LIGHT).axes[0]
    marks = {line.get_marker() for line in axes.lines if line.get_marker() not in ("None", None, "")}
    styles = {line.get_linestyle() for line in axes.lines if line.get_label().startswith("against")}
    assert len(marks) == len(styles) == 2


def test_it_can_be_read_wide_and_narrow():
    picture = plot_gains_by_width(table())
    assert_drawn_with_words(picture)
    assert "mnist, against a dense head of its width: 8.00 at width 2, 2.00 at width 8, 1.00 at width 64" in picture.alt


def test_widths_without_a_verdict_are_left_out_and_none_is_refused():
    lacking = table()
    lacking.loc[lacking["width"] == 2, ["gain", "low", "high"]] = np.nan
    assert "width 2," not in plot_gains_by_width(lacking).alt
    with pytest.raises(ValueError, match="no row"):
        plot_gains_by_width(lacking[lacking["width"] == 2])


def test_the_plans_own_table_fits():
    own = comparisons_table()
    if own.loc[own["tier"] == "W", "gain"].notna().any():
        assert_drawn_with_words(plot_gains_by_width(own))
