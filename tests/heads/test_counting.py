import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spinalnet_lib import (
    count_macs,
    count_parameters,
    count_weights,
    create_head,
    create_model,
    head_cost,
    list_heads,
    paper_head,
)
from spinalnet_lib.heads.counting import measured_cost
from tests.heads.cases import REQUIRED, build


@pytest.mark.parametrize("name", ["linear", "mlp", "spinal"])
@settings(max_examples=8)
@given(data=st.data())
def test_closed_forms_equal_the_built_head(name, data):
    in_features, num_classes = data.draw(st.integers(5, 60)), data.draw(st.integers(0, 12))
    splits = data.draw(st.integers(1, 5))
    sizes = {
        "linear": {},
        "mlp": {"hidden_sizes": data.draw(st.lists(st.integers(1, 20), min_size=1, max_size=3))},
        "spinal": {"layer_width": 4, "num_splits": splits, "num_layers": data.draw(st.integers(splits, 7))},
    }[name]
    if name != "linear":
        sizes["norm_layer"] = data.draw(st.sampled_from([None, nn.BatchNorm1d, "LayerNorm"]))
    built = create_head(name, in_features, num_classes, **sizes)
    assert head_cost(name, in_features, num_classes, **sizes) == measured_cost(built, (in_features,))


def test_the_cost_of_random_sets_takes_no_memory_for_them():
    sizes = {"in_features": 10**10, "num_classes": 10, "layer_width": 1}
    assert head_cost("spinal_random_mask", **sizes) == head_cost("spinal", **sizes)


@pytest.mark.parametrize("name", list_heads())
def test_the_cost_is_that_of_the_built_head_and_a_background_class_counts_as_one_output(name):
    head, plain = build(name), head_cost(name, 20, 7, **REQUIRED[name])
    assert plain == measured_cost(head, (20,))
    with_background = head_cost(name, 20, 7, background_class=True, **REQUIRED[name])
    assert with_background.parameters == plain.parameters + head.head_hidden_size + 1
    assert with_background.macs == plain.macs + head.head_hidden_size


# ProgressiveSpinalNet (arXiv 2103.11373), four layers: (features, classes, width) -> MACs of the head. The first
# is derived: every layer reads the features and all earlier layers, and so does the classifier.
PROGRESSIVE_MACS = {
    (256, 10, 64): 4 * 256 * 64 + (1 + 2 + 3) * 64 * 64 + (256 + 4 * 64) * 10,  # VGG-5 on KMNIST
    (784, 10, 128): 512_672,
    (2048, 250, 1024): 16_216_064,  # its STL-10 script keeps 250 classes
    (2048, 101, 200): 2_166_048,
}


@pytest.mark.parametrize("sizes", PROGRESSIVE_MACS)
def test_the_progressive_head_has_its_published_macs(sizes):
    in_features, num_classes, width = sizes
    assert head_cost("progressive", in_features, num_classes, layer_width=width).macs == PROGRESSIVE_MACS[sizes]


@pytest.mark.parametrize(("width", "parameters"), [(10, 3_490), (20, 7_170), (50, 19_410), (100, 43_810)])
def test_the_shared_head_has_the_published_parameters(width, parameters):
    """SW on ViT-L features: 1,024 in 8 splits, 8 layers, 10 classes."""
    cost = head_cost("spinal_shared", 1024, 10, layer_width=width, num_layers=8, num_splits=8)
    assert cost.parameters == parameters


def test_counting_leaves_the_module_and_the_generator_alone():
    model = create_model("vgg5", "spinal", 10, **paper_head("vgg5", "spinal")).train()
    before, state = torch.get_rng_state(), copy.deepcopy(model.state_dict())
    count_macs(model, (1, 28, 28))
    head_cost("mlp", 64, 10, hidden_sizes=8, norm_layer=nn.BatchNorm1d)
    assert torch.equal(torch.get_rng_state(), before) and model.training
    assert all(torch.equal(state[k], v) for k, v in model.state_dict().items())


def test_a_module_in_double_precision_is_counted_too():
    model = create_model("two_conv", "spinal", 10, **paper_head("two_conv", "spinal")).double()
    assert count_macs(model, (1, 28, 28)) == 472_480
    assert next(model.parameters()).dtype == torch.float64


def test_numpys_numbers_do_not_overflow():
    sizes = np.int32(25_088), np.int32(4096)
    assert head_cost("linear", *sizes).weights == 25_088 * 4096
    spinal = head_cost("spinal", *sizes, layer_width=np.int32(60_000))
    assert spinal.weights == 3 * 60_000**2 + 60_000 * (2 * 25_088 + 4 * 4096)


def test_a_shared_parameter_counts_once():
    a = nn.Linear(4, 4)
    assert count_parameters(nn.Sequential(a, a)) == 20
    assert count_weights(nn.Sequential(a, a)) == 16


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: head_cost("spinal", 8, 2, layer_width=0), "layer_width must be at least 1, got 0"),
        (lambda: head_cost("spinal", 8, 2, layer_width=3, num_layers=1), "num_layers=1 cannot read num_splits=2"),
        (lambda: head_cost("mlp", -8, 2, hidden_sizes=4), "in_features must be at least 1, got -8"),
        (lambda: head_cost("linear", 8, -2), "num_classes must be at least 0, got -2"),
        (lambda: count_macs(nn.Linear(8, 2), (0,)), "input_shape must be at least 1, got 0"),
        (lambda: head_cost("spinal", 8, 2, layer_width=3, drop_rate=7), "drop_rate must be at least 0"),
        (lambda: head_cost("mlp", 8, 2, hidden_sizes=3, act_layer=3), "act_layer=3 is no layer"),
        (lambda: head_cost("spinal_overlap", 8, 2, layer_width=3, overlap=2), "overlap must be at least 0 and below 1"),
        (lambda: head_cost("mlp_matched", 8, 2, layer_width=0), "layer_width must be at least 1, got 0"),
    ],
)
def test_wrong_sizes(call, says):
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    assert says in str(caught.value)
