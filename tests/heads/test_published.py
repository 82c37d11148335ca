import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spinalnet_lib import SpinalHead, count_parameters, create_head
from spinalnet_lib.heads.published import ProgressiveHead, SharedSpinalHead, SpatialSpinalHead, SpinalColumnsHead
from tests.heads.cases import close, relu_of


def test_spatial_reads_a_map_cell_by_cell():
    """As the published SpinalResNet: cells (0, 0), (0, 1), (1, 0), (1, 1), all channels of each."""
    head = SpatialSpinalHead(12, 5, layer_width=3).double()
    image = torch.randn(4, 3, 2, 2, dtype=torch.float64)
    outputs = [relu_of(head.layers[0], image[:, :, 0, 0])]
    for layer, (row, column) in zip(head.layers[1:], [(0, 1), (1, 0), (1, 1)], strict=True):
        outputs.append(relu_of(layer, torch.cat([image[:, :, row, column], outputs[-1]], 1)))
    close(head(image.flatten(1), pre_logits=True), torch.cat(outputs, 1))
    assert SpatialSpinalHead(12, 5, 3, num_splits=6).num_layers == 6


def test_shared_uses_one_layer_for_all_but_the_first():
    head = SharedSpinalHead(7, 5, layer_width=3, num_layers=5).double()  # splits of 4 and 3: the second is padded
    x = torch.randn(6, 7, dtype=torch.float64)
    a, b = x[:, :4], torch.cat([x[:, 4:], torch.zeros(6, 1, dtype=torch.float64)], 1)
    outputs = [relu_of(head.layers[0], a)]
    for split in (b, a, b, a):
        outputs.append(relu_of(head.layers[1], torch.cat([split, outputs[-1]], 1)))
    close(head(x), torch.cat(outputs, 1) @ head.classifier.weight.T + head.classifier.bias)
    assert len(head.layers) == 2 and len(SharedSpinalHead(7, 5, 3, 1, 1).layers) == 1


def test_tied_is_the_net_of_the_papers_regressions():
    """Its script makes six layers and calls the third and the fourth twice."""
    head = create_head("spinal_tied", 8, 1, layer_width=50).double()
    x = torch.randn(6, 8, dtype=torch.float64)
    halves, outputs = (x[:, :4], x[:, 4:]), []
    for i, layer in enumerate((0, 1, 2, 3, 2, 3)):
        read = torch.cat([halves[i % 2], *outputs[-1:]], 1)
        outputs.append(relu_of(head.layers[layer], read))
    close(head(x, pre_logits=True), torch.cat(outputs, 1))
    assert count_parameters(head) == 8_801 and create_head("spinal_tied", 8, 1, layer_width=5, num_layers=4).layers


def test_progressive_reads_everything_so_far():
    head = ProgressiveHead(7, 5, layer_width=3, num_layers=3).double()
    x = torch.randn(6, 7, dtype=torch.float64)
    seen = x
    for layer in head.layers:
        seen = torch.cat([seen, relu_of(layer, seen)], 1)
    close(head(x, pre_logits=True), seen)
    assert head.head_hidden_size == 7 + 3 * 3


def test_progressive_gives_its_first_layer_the_features_undropped():
    head = ProgressiveHead(1000, 5, layer_width=3, num_layers=2, feature_drop_rate=0.2).train()
    x = torch.ones(1, 1000)
    reads = []
    for layer in head.layers:
        layer.register_forward_hook(lambda module, inputs, output: reads.append(inputs[0]))
    pre_logits = head(x, pre_logits=True)
    assert torch.equal(reads[0], x)
    assert (reads[1][:, :1000] == 0).float().mean() == pytest.approx(0.2, abs=0.06)
    assert torch.equal(reads[1][:, :1000], pre_logits[:, :1000])  # dropped once, for all readers


def test_columns_are_spines_side_by_side():
    head = SpinalColumnsHead(12, 5, column_sizes=(8, 4), layer_width=3, num_layers=(3, 2), hidden_size=6).double()
    x = torch.randn(4, 12, dtype=torch.float64)
    spines = []
    for column, (start, stop), layers in zip(head.columns, [(0, 8), (8, 12)], (3, 2), strict=True):
        spine = SpinalHead(stop - start, 0, 3, layers).double()
        spine.load_state_dict(column.state_dict())
        spines.append(spine(x[:, start:stop]))
    hidden = relu_of(head.merge, torch.cat(spines, 1))
    close(head(x), hidden @ head.classifier.weight.T + head.classifier.bias)


@settings(max_examples=30)
@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 4))
def test_shared_takes_any_number_of_features(in_features, splits, more):
    splits = min(splits, in_features)
    head = SharedSpinalHead(in_features, 3, 4, splits + more, splits, act_layer=nn.Tanh)
    x = torch.randn(5, in_features, requires_grad=True)
    head(x).square().sum().backward()
    assert (x.grad.abs().sum(0) > 0).all()


COLUMNS = {"layer_width": 3, "column_sizes": (10, 10)}


@pytest.mark.parametrize(
    ("name", "kwargs", "says"),
    [
        ("spinal_spatial", {"layer_width": 3, "num_splits": 6}, "in_features=20 .* num_splits=6"),
        ("spinal_spatial", {"layer_width": 3, "num_layers": 3}, "num_layers=3 cannot read num_splits=4"),
        ("spinal_shared", {"layer_width": 3, "num_splits": 21, "num_layers": 30}, "num_splits=21"),
        ("spinal_shared", {"layer_width": 3, "drop_rate": [0.1] * 5}, "5 values for 3 Linear layers"),
        ("progressive", {"layer_width": 3, "num_layers": 0}, "num_layers must be at least 1, got 0"),
        ("progressive", {"layer_width": 3, "feature_drop_rate": 1}, "feature_drop_rate .* got 1"),
        ("spinal_columns", {**COLUMNS, "column_sizes": (8, 8)}, r"column_sizes=\(8, 8\) .*in_features=20"),
        ("spinal_columns", {**COLUMNS, "column_sizes": 20}, "column_sizes .* got 20"),
        ("spinal_columns", {**COLUMNS, "column_sizes": (20, 0)}, "every size in column_sizes .* got 0"),
        ("spinal_columns", {**COLUMNS, "column_sizes": (19, 1)}, "in_features=1 cannot fill num_splits=2"),
        ("spinal_columns", {**COLUMNS, "num_layers": (2, 2, 2)}, r"num_layers=\(2, 2, 2\)"),
        ("spinal_columns", {**COLUMNS, "hidden_size": 0}, "hidden_size must be at least 1, got 0"),
    ],
)
def test_wrong_arguments(name, kwargs, says):
    with pytest.raises((ValueError, TypeError), match=says):
        create_head(name, 20, 7, **kwargs)
