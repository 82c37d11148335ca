"""One hidden unit on two layers: the drawn values are those of both heads."""

import pytest
import torch

from spinalnet_lib import MLPHead, draw_as_spine
from spinalnet_lib.show.palette import LIGHT
from tests.show.cases import assert_drawn_with_words


def head(**arguments):
    torch.manual_seed(0)
    return MLPHead(5, 3, **{"hidden_sizes": 4, **arguments}).double()


X = torch.tensor([1.0, -2.0, 0.5, 3.0, -1.0], dtype=torch.float64)


def values(axes):
    """The numbers in the boxes, by what stands above them."""
    pairs = [text.get_text().split("\n") for text in axes.texts if "\n" in text.get_text()]
    return {name: float(value) for name, value in pairs}


@pytest.mark.parametrize("unit", range(4))
def test_the_values_are_those_of_the_unit_by_hand(unit):
    mlp = head()
    picture = draw_as_spine(mlp, X, unit)
    dense, spinal = (values(axes) for axes in picture.drawn(LIGHT).axes)
    linear = mlp.layers[0].linear
    p, q, bias = linear.weight[unit, :3], linear.weight[unit, 3:], linear.bias[unit]
    a = p @ X[:3]
    z = (a + q @ X[3:] + bias).clamp(min=0).item()
    assert dense == {"$z$": round(z, 2)}
    assert spinal["$z$"] == round(z, 2) and spinal["idle"] == 0
    assert spinal["$\\varphi(a)$"] == round(max(a.item(), 0), 2)
    assert spinal["$\\varphi(-a)$"] == round(max(-a.item(), 0), 2)
    layers = {text.get_text() for text in picture.drawn(LIGHT).axes[1].texts}
    assert {f"layer {2 * unit}", f"layer {2 * unit + 1}"} <= layers


def test_it_is_drawn_with_words_and_leaves_the_head_alone():
    mlp = head().train()
    before = {name: value.clone() for name, value in mlp.state_dict().items()}
    assert_drawn_with_words(draw_as_spine(mlp, X))
    assert mlp.training and all(torch.equal(before[name], value) for name, value in mlp.state_dict().items())


@pytest.mark.parametrize(
    ("mlp", "x", "unit", "words"),
    [
        (head(), X, 4, "unit=4"),
        (head(), X[:4], 0, r"x of shape \(4,\).*\(5,\)"),
        (MLPHead(1, 3, hidden_sizes=4).double(), X[:1], 0, "in_features=1"),
        (head(hidden_sizes=[4, 2]), X, 0, "units_per_layer=1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(mlp, x, unit, words):
    with pytest.raises(ValueError, match=words):
        draw_as_spine(mlp, x, unit)
