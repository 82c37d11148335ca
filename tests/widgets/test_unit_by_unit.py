"""The line that the widget draws is what a spine of width two computes."""

import pytest
import torch

from spinalnet_lib import MLPHead, UnitByUnit, as_spine, head_cost
from spinalnet_lib.widgets.unit_by_unit import CURVES, UNITS
from tests.widgets.cases import still_of


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize(("units", "finished"), [("4", 4), ("8", 5), ("32", 32)])
def test_a_spine_made_of_these_units_computes_this_line(curve, units, finished):
    widget = UnitByUnit(curve=curve, units=units, finished=finished)
    state, points = widget.state(), widget.data()["curves"][curve]
    n, step = int(units), 256 // int(units)
    knots = torch.arange(n, dtype=torch.float64) / n
    slopes = torch.tensor([(points[(j + 1) * step] - points[j * step]) * n for j in range(n)], dtype=torch.float64)
    dense = MLPHead(2, 1, hidden_sizes=n).double()
    with torch.no_grad():
        dense.layers[0].linear.weight.fill_(1)
        dense.layers[0].linear.bias.copy_(-knots)
        dense.classifier.weight.copy_(torch.diff(slopes, prepend=torch.zeros(1).double()))
        dense.classifier.weight[:, finished:] = 0
        dense.classifier.bias.fill_(points[0])
        spine = as_spine(dense, units_per_layer=1)
        x = torch.arange(257, dtype=torch.float64)[:, None].expand(-1, 2) / 512
        assert spine(x)[:, 0].tolist() == pytest.approx(state["line"], abs=1e-9)
    assert (spine.layer_width, spine.num_layers, spine.num_splits) == (2, 2 * n, 2)
    weights = head_cost("spinal", 2, 1, layer_width=2, num_layers=2 * n, num_splits=2).weights
    assert state["rows"][2][1] == f"{weights:,}"
    assert state["rows"][3][1].startswith(f"{head_cost('mlp', 2, 1, hidden_sizes=n).weights:,},")


def test_all_units_join_the_points_and_more_of_them_come_nearer():
    errors = []
    for units in UNITS:
        widget = UnitByUnit(units=units, finished=int(units))
        line, curve, step = widget.state()["line"], widget.data()["curves"]["wave"], 256 // int(units)
        assert line[::step] == pytest.approx(curve[::step], abs=1e-9)
        errors.append(max(abs(a - b) for a, b in zip(line, curve, strict=True)))
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.01


def test_more_finished_units_than_there_are_finish_all():
    assert UnitByUnit(units="4", finished=64).state() == UnitByUnit(units="4", finished=4).state()


def test_the_still_draws_curve_spine_and_bends():
    (axes,) = still_of(UnitByUnit(units="8", finished=3))
    curve, spine, bends = axes.lines
    assert len(curve.get_xdata()) == len(spine.get_xdata()) == 257 and list(bends.get_xdata()) == [0, 1 / 8, 2 / 8]
