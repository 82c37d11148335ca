"""The picture of what a spine costs a whole net: its alt text says the ends, and nothing without a body is drawn."""

import pandas as pd
import pytest

from spinalnet_lib import costs_table, plot_costs
from spinalnet_lib.show.palette import LIGHT
from spinalnet_lib.show.picture import NARROW


def table(**ratios):
    rows = [
        {"body": body, "arm": arm, "reference": "mlp", "weights": ratio, "latency, batch 1": 1.2 * ratio}
        | {"latency, batch 1, low": 1.1 * ratio, "latency, batch 1, high": 1.3 * ratio}
        for body, ratio in ratios.items()
        for arm in ("spinal", "mlp_matched")
    ]
    return pd.DataFrame(rows)


def test_the_alt_text_counts_and_names_the_ends():
    alt = plot_costs(table(two_conv=0.5, vgg5=0.999, own_body=1.5)).alt
    assert "weights: clearly less on 1 of 3 bodies, 0.50 (2-conv CNN) to 1.50 (own_body)" in alt
    assert "latency, batch 1: clearly less on 1 of 3 bodies, 0.60 (2-conv CNN) to 1.80 (own_body)" in alt


def test_each_quantity_has_a_panel_with_every_body_and_its_range():
    picture = plot_costs(table(two_conv=0.5, vgg5=0.9))
    for size in (picture.size, picture.narrow):
        axes = picture.drawn(LIGHT, size=size).axes
        assert [panel.get_title(loc="left") for panel in axes] == ["weights", "latency, batch 1"]
        for panel in axes:
            assert len(panel.get_yticks()) == 2 and panel.get_xlim()[0] < 0.5 < 1.3 * 0.9 < panel.get_xlim()[1]
        bars = [line.get_xdata().tolist() for line in axes[1].lines if line.get_linewidth() == 3]
        assert bars == [pytest.approx([0.55, 0.65]), pytest.approx([0.99, 1.17])]
    assert picture.narrow[0] == NARROW


def test_the_committed_costs_are_drawn_and_nets_without_a_body_are_not():
    costs = costs_table()
    assert "pixels" in set(costs["body"]) and "pixels" not in plot_costs(costs).alt
    for nothing in (costs[costs["body"] == "pixels"], costs_table([])):
        with pytest.raises(ValueError, match="bench --only costs"):
            plot_costs(nothing)
