import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spinalnet_lib import SpinalHead, split_sizes


def naive_spine(head: SpinalHead, x: torch.Tensor) -> torch.Tensor:
    """Feature by feature, from the definition: layer i reads feature j iff j's split is i mod num_splits."""
    size, larger = divmod(head.in_features, head.num_splits)
    sizes = [size + (i < larger) for i in range(head.num_splits)]
    split_of = [i for i, size in enumerate(sizes) for _ in range(size)]
    outputs, previous = [], None
    for i, layer in enumerate(head.layers):
        seen = [x[:, j] for j in range(head.in_features) if split_of[j] == i % head.num_splits]
        seen += [] if previous is None else list(previous.T)
        previous = torch.relu(torch.stack(seen, 1) @ layer.linear.weight.T + layer.linear.bias)
        outputs.append(previous)
    return torch.cat(outputs, 1) @ head.classifier.weight.T + head.classifier.bias


@settings(max_examples=60)
@given(st.data())
def test_spinal_equals_its_definition_for_any_sizes(data):
    in_features = data.draw(st.integers(1, 40))
    num_splits = data.draw(st.integers(1, min(in_features, 6)))
    num_layers = data.draw(st.integers(num_splits, 8))
    sizes = (data.draw(st.integers(1, 9)), num_layers, num_splits)
    head = SpinalHead(in_features, data.draw(st.integers(1, 5)), *sizes).double()
    x = torch.randn(4, in_features, dtype=torch.float64)
    torch.testing.assert_close(head(x), naive_spine(head, x), rtol=1e-12, atol=1e-12)


@given(st.integers(1, 300), st.integers(1, 20))
def test_splits_are_cut_as_tensor_split_cuts(in_features, num_splits):
    expected = [len(part) for part in torch.arange(in_features).tensor_split(num_splits)]
    assert split_sizes(in_features, num_splits) == expected


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"layer_width": 0}, "layer_width must be at least 1, got 0"),
        ({"layer_width": 2.0}, "layer_width must be an integer, got 2.0"),
        ({"num_layers": 0}, "num_layers must be at least 1, got 0"),
        ({"num_splits": 0}, "num_splits must be at least 1, got 0"),
        ({"num_layers": 2, "num_splits": 3}, "num_layers=2 cannot read num_splits=3; raise num_layers to 3"),
        ({"num_layers": 30, "num_splits": 21}, "in_features=20 cannot fill num_splits=21"),
    ],
)
def test_wrong_spinal_arguments(kwargs, says):
    with pytest.raises((ValueError, TypeError), match=says):
        SpinalHead(20, 7, **{"layer_width": 6, **kwargs})
