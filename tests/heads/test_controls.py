import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spinalnet_lib import MLPHead, SpinalHead, count_parameters, create_head, head_cost
from tests.heads.cases import SkipMLPHead, close, relu_of

SPINE = {"layer_width": 6, "num_layers": 5, "num_splits": 3}


def inputs():
    return torch.randn(4, 20, dtype=torch.float64)


def test_without_chain_every_layer_reads_its_split_alone():
    head, x = create_head("spinal_no_chain", 20, 7, **SPINE).double(), inputs()
    splits = [x[:, :7], x[:, 7:14], x[:, 14:]]
    outputs = [relu_of(layer, splits[i % 3]) for i, layer in enumerate(head.layers)]
    close(head(x, pre_logits=True), torch.cat(outputs, 1))


def test_last_gives_the_classifier_the_last_layer_alone():
    head, spinal, x = create_head("spinal_last", 20, 7, **SPINE).double(), SpinalHead(20, 0, **SPINE).double(), inputs()
    spinal.layers.load_state_dict(head.layers.state_dict())
    close(head(x, pre_logits=True), spinal(x)[:, -6:])
    assert head.head_hidden_size == 6


def test_direct_adds_one_linear_from_the_features_to_the_logits():
    head, spinal, x = (
        create_head("spinal_direct", 20, 7, **SPINE).double(),
        SpinalHead(20, 7, **SPINE).double(),
        inputs(),
    )
    spinal.layers.load_state_dict(head.layers.state_dict())
    of_spine, direct = head.classifier.weight.split([30, 20], dim=1)
    close(head(x), spinal(x, pre_logits=True) @ of_spine.T + x @ direct.T + head.classifier.bias)
    assert head.head_hidden_size == 50
    head.reset(3)
    assert head(x).shape == (4, 3)


def test_full_reads_all_features_in_every_layer():
    head, x = create_head("spinal_full", 20, 7, layer_width=6).double(), inputs()
    outputs = [relu_of(head.layers[0], x)]
    for layer in head.layers[1:]:
        outputs.append(relu_of(layer, torch.cat([x, outputs[-1]], 1)))
    close(head(x, pre_logits=True), torch.cat(outputs, 1))
    with pytest.raises(TypeError, match="num_splits"):
        create_head("spinal_full", 20, 7, layer_width=6, num_splits=2)


def test_overlapping_splits_share_the_features_at_their_border():
    head = create_head("spinal_overlap", 20, 7, layer_width=6, num_layers=5, num_splits=3, overlap=0.3)
    assert head.windows() == [(0, 9), (5, 16), (12, 20)]  # 7, 7, 6 features; 0.3 of a neighbour is 2
    x = torch.arange(20.0).expand(1, -1)
    assert [split[0, 0].item() for split in head.read(x)] == [0, 5, 12, 0, 5]
    assert head.read_sizes() == [9, 11, 8, 9, 11]


def test_no_overlap_is_spinal():
    head, spinal, x = create_head("spinal_overlap", 20, 7, overlap=0.0, **SPINE), SpinalHead(20, 7, **SPINE), inputs()
    head.load_state_dict(spinal.state_dict())
    assert torch.equal(head.double()(x), spinal.double()(x))


@given(st.data())
@settings(max_examples=30)
def test_random_sets_are_sets_and_cover_the_features(data):
    in_features, splits = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 7))
    splits = min(splits, in_features)
    sizes = {"layer_width": 2, "num_layers": splits + data.draw(st.integers(0, 5)), "num_splits": splits}
    head = create_head("spinal_random_mask", in_features, 3, mask_seed=data.draw(st.integers(0, 99)), **sizes)
    sets = [index.tolist() for index in head.read_index.split(head.read_sizes())]
    assert all(len(set(one)) == len(one) for one in sets)
    assert set().union(*sets) == set(range(in_features))
    assert [len(one) for one in sets] == SpinalHead(in_features, 3, **sizes).read_sizes()


def test_random_sets_repeat_from_their_seed_and_draw_nothing_from_the_callers():
    before = torch.get_rng_state()
    two = create_head("spinal_random_mask", 20, 7, layer_width=6)
    torch.set_rng_state(before)
    spinal = create_head("spinal", 20, 7, layer_width=6)
    assert torch.equal(spinal.layers[0].linear.weight, two.layers[0].linear.weight)  # paired with `spinal`
    one = create_head("spinal_random_mask", 20, 7, layer_width=6)
    other = create_head("spinal_random_mask", 20, 7, layer_width=6, mask_seed=1)
    assert torch.equal(one.read_index, two.read_index) and not torch.equal(one.read_index, other.read_index)
    assert "read_index" in one.state_dict()


def test_random_sets_do_not_enter_split_after_split():
    head = create_head("spinal_random_mask", 256, 10, layer_width=8)
    first, second, *_ = head.read_index.split(head.read_sizes())
    assert 30 < torch.isin(first, second).sum() < 60  # a gradual head has no feature in both; chance has half


@pytest.mark.parametrize("norm_layer", [None, "BatchNorm1d"])
@pytest.mark.parametrize("name", ["mlp_matched", "mlp_deep", "mlp_deep_skip"])
def test_matched_heads_come_as_near_to_spinal_as_a_width_can(name, norm_layer):
    arguments = {"layer_width": 128, "drop_rate": 0.5, "norm_layer": norm_layer}
    spinal, head = (create_head(each, 256, 10, **arguments) for each in ("spinal", name))
    budget, width = count_parameters(spinal), head.hidden_sizes[0]
    depth = 1 if name == "mlp_matched" else 4
    assert head.hidden_sizes == [width] * depth
    for other in (width - 1, width + 1):
        near = (SkipMLPHead if name == "mlp_deep_skip" else MLPHead)(256, 10, [other] * depth, norm_layer=norm_layer)
        assert abs(count_parameters(near) - budget) >= abs(count_parameters(head) - budget)
    assert abs(count_parameters(head) / budget - 1) < 0.01


def test_big_has_the_parameters_of_the_dense_head():
    head = create_head("spinal_big", 256, 10, hidden_sizes=512, drop_rate=0.5, norm_layer="BatchNorm1d")
    dense = head_cost("mlp", 256, 10, hidden_sizes=512, norm_layer="BatchNorm1d").parameters
    assert isinstance(head, SpinalHead) and head.layer_width == 140
    assert abs(count_parameters(head) / dense - 1) < 0.01


@pytest.mark.parametrize(
    ("name", "kwargs", "says"),
    [
        ("spinal_overlap", {"layer_width": 3, "overlap": 1.0}, "overlap must be at least 0 and below 1, got 1.0"),
        ("spinal_overlap", {"layer_width": 3, "num_layers": 1}, "OverlapSpinalHead: num_layers=1"),
        ("spinal_random_mask", {"layer_width": 3, "mask_seed": -1}, "mask_seed must be at least 0, got -1"),
        ("spinal_random_mask", {"layer_width": 3, "mask_seed": 10**20}, "mask_seed=100000000000000000000"),
        ("spinal_full", {"layer_width": 3, "num_layers": 0}, "num_layers must be at least 1, got 0"),
        ("mlp_matched", {"layer_width": 3, "num_splits": 0}, "num_splits must be at least 1, got 0"),
        ("mlp_deep_skip", {"layer_width": 3, "drop_rate": 1.5}, "drop_rate must be at least 0 and below 1, got 1.5"),
        ("mlp_matched", {"layer_width": 3, "drop_rate": (0.1, 0.2)}, "2 values for 5 Linear layers"),
        ("spinal_big", {"hidden_sizes": 0}, "every width in hidden_sizes must be at least 1, got 0"),
        ("spinal_big", {"hidden_sizes": 8, "num_splits": 9}, "num_layers=4 cannot read num_splits=9"),
    ],
)
def test_wrong_arguments(name, kwargs, says):
    with pytest.raises((ValueError, TypeError), match=says):
        create_head(name, 20, 7, **kwargs)
