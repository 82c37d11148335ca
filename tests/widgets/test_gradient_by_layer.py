"""The picture of gradients adds up what its records hold."""

import math

import pytest
import traitlets

from spinalnet_lib import GradientByLayer, chain_runs
from spinalnet_lib.widgets.gradient_by_layer import power
from tests.widgets.cases import still_of


@pytest.fixture(scope="module")
def widget():
    return GradientByLayer()


def test_the_means_are_those_of_the_records(widget):
    for head, records in enumerate(chain_runs().values()):
        widget.heads, widget.point, widget.seeds, widget.share = [head], 1, 4, False
        (shown,) = widget.state()["chosen"]
        norms = [record.curve[1]["gradient_norms"] for record in records[:4]]
        by_layer = [[100 * math.log10(max(norm, 1e-100)) for norm in of_layer] for of_layer in zip(*norms, strict=True)]
        assert shown["mean"] == pytest.approx([sum(logs) / 4 for logs in by_layer], abs=0.51)
        widget.share = True
        (shown,) = widget.state()["chosen"]
        assert shown["mean"][-1] == 0 and shown["mean"][0] == shown["first"][0]


def test_the_words_name_the_moment_and_each_head():
    widget = GradientByLayer(point=0)
    state = widget.state()
    assert state["summary"].startswith("Before the first step") and len(state["rows"]) == 4
    widget.point = 99
    last = widget.steps[-1]
    assert widget.point == len(widget.steps) - 1 and f"After {last:,} of {last:,} steps" in widget.state()["summary"]
    widget.heads = []
    assert widget.state()["summary"] == "No head is chosen."


def test_a_power_is_written_in_figures_or_as_a_power():
    said = {0: "1.0", 100: "10", 350: "3162", 351: "10⁴", -100: "0.10", -101: "0.0977", -350: "0.0003", -1051: "10⁻¹¹"}
    assert {log: power(log) for log in said} == said


def test_the_still_draws_a_line_and_a_band_a_head(widget):
    widget.heads, widget.seeds = [0, 2], 3
    (axes,) = still_of(widget)
    assert len(axes.lines) == 2 and len(axes.collections) == 2 and axes.get_yscale() == "log"


def test_heads_that_do_not_exist_are_refused(widget):
    with pytest.raises(traitlets.TraitError, match="0 to 3"):
        widget.heads = [4]
