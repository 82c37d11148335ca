"""The picture of gradients adds up what its records hold."""

import math
import statistics

import pytest
import traitlets

from spinalnet_lib import GradientByLayer, chain_runs
from spinalnet_lib.widgets.gradient_by_layer import ZERO, gradient_by_layer_state, power
from tests.widgets.cases import still_of


@pytest.fixture(scope="module")
def widget():
    return GradientByLayer()


def test_the_medians_are_those_of_the_records(widget):
    for head, records in enumerate(chain_runs().values()):
        widget.heads, widget.point, widget.seeds, widget.share = [head], 1, 5, False
        (shown,) = widget.state()["chosen"]
        norms = [record.curve[1]["gradient_norms"] for record in records[:5]]
        middle = [statistics.median(max(norm, 1e-100) for norm in of_layer) for of_layer in zip(*norms, strict=True)]
        assert shown["middle"] == [round(1000 * math.log10(norm)) for norm in middle]
        widget.share = True
        (shown,) = widget.state()["chosen"]
        alive = [norm for norm in norms if norm[-1] > 1e-100]
        assert shown["dead"] == 5 - len(alive)
        if alive:
            ratios = sorted(max(norm[0], 1e-100) / norm[-1] for norm in alive)
            assert shown["first"][2] == pytest.approx(1000 * math.log10(ratios[-1]), abs=1.01)
            assert shown["middle"][-1] == 0 and shown["middle"][0] == shown["first"][0]


def test_seeds_without_any_gradient_are_counted_and_not_averaged(widget):
    widget.point, widget.seeds = len(widget.steps) - 1, 10
    widget.heads = [widget.head_names.index("plain chain")]
    dead = [record for record in chain_runs()["mlp_deep"] if not any(record.last["gradient_norms"])]
    (row,) = widget.state()["rows"]
    assert 0 < len(dead) < 10 and f"{len(dead)} of 10 seeds dead" in row[1]
    data = widget.data() | {"logs": [[[[ZERO] * 30] * len(widget.steps)] * 10] * 4}
    state = gradient_by_layer_state(widget.values(), data)
    assert state["chosen"][0]["first"] is None and "nothing, as no layer has one" in state["summary"]


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
    said = {0: "1.00", 1000: "10", 3500: "3162", 3510: "10⁴", -1000: "0.10", -1010: "0.0977", -3500: "0.0003"}
    said |= {-10_510: "10⁻¹¹", ZERO: "0"}
    assert {log: power(log) for log in said} == said


def test_the_still_draws_a_line_and_a_band_a_head(widget):
    widget.heads, widget.seeds = [0, 2], 3
    (axes,) = still_of(widget)
    assert len(axes.lines) == 2 and len(axes.collections) == 2 and axes.get_yscale() == "log"


def test_heads_that_do_not_exist_are_refused(widget):
    with pytest.raises(traitlets.TraitError, match="0 to 3"):
        widget.heads = [4]
