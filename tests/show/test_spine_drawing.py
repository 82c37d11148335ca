"""The drawn layer is the head's: what each layer reads, what it hands on, and which features reach it."""

import pytest
import torch
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from spinalnet_lib import SpinalHead, create_head, draw_reach, draw_spine, split_sizes
from spinalnet_lib.show.palette import LIGHT
from tests.show.cases import assert_drawn_with_words, drawn

SIZES = [(16, 5, 3, 4, 2), (17, 3, 2, 5, 3), (6, 2, 1, 1, 1)]


def arrows(axes, colour):
    return [
        p._posA_posB for p in axes.patches if isinstance(p, FancyArrowPatch) and p.get_edgecolor() == to_rgba(colour)
    ]


def heights(axes, words):
    where = {text.get_text(): text.get_position()[1] for text in axes.texts}
    return [where[word] for word in words]


@pytest.mark.parametrize("sizes", SIZES)
def test_the_drawing_has_the_wiring_of_the_head(sizes):
    in_features, _, _, num_layers, num_splits = sizes
    axes, head = drawn(draw_spine(*sizes)), SpinalHead(*sizes)
    layers = heights(axes, [f"layer {i}" for i in range(num_layers)])
    splits = heights(axes, [f"$x^{{({k})}}$" for k in range(num_splits)])
    assert layers == sorted(layers) and splits == sorted(splits)
    features = torch.arange(in_features)[None]
    for i, (start, end) in enumerate(arrows(axes, LIGHT.input)):
        split = min(range(num_splits), key=lambda k: abs(splits[k] - start[1]))
        first = sum(split_sizes(in_features, num_splits)[:split])
        assert head.read(features)[i][0, 0] == first, "the arrow comes from the split that the layer reads"
        assert min(range(num_layers), key=lambda j: abs(layers[j] - end[1])) == i
    chain = arrows(axes, LIGHT.chain)
    assert len(chain) == num_layers - 1 and all(start[1] < end[1] for start, end in chain)
    assert len(arrows(axes, LIGHT.output)) == num_layers + 1, "each layer to the pre-logits, and these to the logits"


def test_letters_and_counts_are_those_of_the_equations():
    words = {text.get_text() for text in drawn(draw_spine(17, 3, 2, 5, 3)).texts}
    assert {"$x^{(2)}$", "$W_{4},\\ b_{4},\\ \\varphi$", "$h_{4}$", "$V,\\ c$", "$y$"} <= words
    assert "features\n$d$ = 17" in words and "pre-logits\n$Lw$ = 10" in words and "logits\n$C$ = 3" in words


@pytest.mark.parametrize("sizes", SIZES[:2])
def test_it_is_drawn_with_words(sizes):
    assert_drawn_with_words(draw_spine(*sizes))


def test_sizes_of_no_spine_are_refused():
    with pytest.raises(ValueError, match=r"draw_spine.*num_layers=2.*num_splits=3"):
        draw_spine(16, 5, 3, num_layers=2, num_splits=3)


def reach_of(head):
    x = torch.randn(1, head.in_features, dtype=torch.float64)
    return torch.autograd.functional.jacobian(lambda x: head(x, pre_logits=True), x)[0, :, 0]


@pytest.mark.parametrize("name", ["spinal", "spinal_no_chain"])
def test_what_is_reached_is_drawn_and_nothing_else(name):
    torch.manual_seed(0)
    head = create_head(name, 7, 3, layer_width=2, num_layers=3, num_splits=3, act_layer="Tanh").double()
    picture = draw_reach(reach_of(head), head)
    figure = Figure(layout="constrained")
    picture.draw(figure, LIGHT)
    cells = {
        (int(p.get_x()), int(p.get_y())): p.get_facecolor() for p in figure.axes[0].patches if isinstance(p, Rectangle)
    }
    own = {(j, i) for i, read in enumerate(([0, 1, 2], [3, 4], [5, 6])) for j in read}
    below = {(j, i) for i in range(3) for j in range((0, 3, 5)[i])}
    assert cells.keys() == own | (below if head.chained else set())
    assert all((colour == to_rgba(LIGHT.input)) == (cell in own) for cell, colour in cells.items())
    assert_drawn_with_words(picture)


def test_the_reach_of_another_head_is_refused():
    head = SpinalHead(6, 3, 2, 3, 3)
    with pytest.raises(ValueError, match=r"reach of shape \(6, 7\).*\(6, 6\)"):
        draw_reach(torch.zeros(6, 7), head)
