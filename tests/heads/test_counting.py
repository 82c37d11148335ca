import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spinalnet_lib import (
    HeadCost,
    cheaper_width_bound,
    count_macs,
    count_parameters,
    count_weights,
    create_head,
    create_model,
    head_cost,
    largest_cheaper_width,
    list_heads,
    paper_head,
    read_features,
    width_for_parameters,
)
from spinalnet_lib.heads.counting import _CLOSED_FORMS, measured_cost
from spinalnet_lib.heads.registry import _HEADS
from tests.heads.cases import REQUIRED, draw_arguments, takes

# reference counts of the published networks: head MACs, network MACs
PAPER_MACS = {
    ("two_conv", "mlp"): (16_500, 480_500),
    ("two_conv", "spinal"): (8_480, 472_480),
    ("vgg5", "mlp"): (136_192, 161_019_904),
    ("vgg5", "spinal"): (119_808, 161_003_520),
}


@pytest.mark.parametrize(("backbone", "head"), PAPER_MACS)
def test_the_papers_networks_have_the_papers_macs(backbone, head):
    model = create_model(backbone, head, 10, **paper_head(backbone, head))
    head_macs, network_macs = PAPER_MACS[backbone, head]
    assert count_macs(model.head, (model.num_features,)) == head_macs
    assert count_macs(model, (1, 28, 28)) == network_macs
    assert head_cost(head, model.num_features, 10, **paper_head(backbone, head)).macs == head_macs


@pytest.mark.parametrize("name", list_heads())
@settings(max_examples=16, deadline=None)
@given(data=st.data())
def test_closed_forms_equal_the_built_head(name, data):
    norm_layer = data.draw(st.sampled_from([None, nn.BatchNorm1d, "LayerNorm"]))
    num_classes = data.draw(st.integers(0, 12))
    in_features, kwargs = draw_arguments(name, data)
    if norm_layer is not None and takes(name, "norm_layer"):
        kwargs["norm_layer"] = norm_layer
    built = create_head(name, in_features, num_classes, **kwargs)
    assert head_cost(name, in_features, num_classes, **kwargs) == measured_cost(built, (in_features,))


@pytest.mark.parametrize("name", list_heads())
def test_a_background_class_counts_as_one_output(name):
    kwargs = REQUIRED.get(name, {})
    plain = head_cost(name, 20, 7, **kwargs)
    with_background = head_cost(name, 20, 7, background_class=True, **kwargs)
    hidden = create_head(name, 20, 7, **kwargs).head_hidden_size
    assert with_background.parameters == plain.parameters + hidden + 1
    assert with_background.macs == plain.macs + hidden


def test_our_heads_have_closed_forms():
    """A head of a user may be counted by building it instead."""
    ours = {name for name in list_heads() if _HEADS[name].__module__.startswith("spinalnet_lib")}
    assert ours <= _CLOSED_FORMS.keys()


# ProgressiveSpinalNet (arXiv 2103.11373), four layers: (features, classes, width) -> MACs of the head. The first two
# are derived: every layer reads the features and all earlier layers, and so does the classifier.
PROGRESSIVE_MACS = {
    (256, 10, 64): 4 * 256 * 64
    + (1 + 2 + 3) * 64 * 64
    + (256 + 4 * 64) * 10,  # VGG-5 on KMNIST: below spinal's 119,808
    (256, 62, 128): 4 * 256 * 128 + (1 + 2 + 3) * 128 * 128 + (256 + 4 * 128) * 62,  # letters: above the dense 162,816
    (784, 10, 128): 512_672,
    (2048, 250, 1024): 16_216_064,  # its STL-10 script keeps 250 classes
    (2048, 101, 200): 2_166_048,
}


@pytest.mark.parametrize("sizes", PROGRESSIVE_MACS)
def test_the_progressive_head_has_its_published_macs(sizes):
    in_features, num_classes, width = sizes
    assert head_cost("progressive", in_features, num_classes, layer_width=width).macs == PROGRESSIVE_MACS[sizes]
    assert PROGRESSIVE_MACS[256, 10, 64] < 119_808 and PROGRESSIVE_MACS[256, 62, 128] > 162_816


@pytest.mark.parametrize(("width", "parameters"), [(10, 3_490), (20, 7_170), (50, 19_410), (100, 43_810)])
def test_the_shared_head_has_the_published_parameters(width, parameters):
    """SW on ViT-L features: 1,024 in 8 splits, 8 layers, 10 classes."""
    cost = head_cost("spinal_shared", 1024, 10, layer_width=width, num_layers=8, num_splits=8)
    assert cost.parameters == parameters


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_solved_width_is_the_nearest(data):
    name = data.draw(
        st.sampled_from(["spinal", "mlp", "spinal_no_chain", "spinal_overlap", "spinal_shared", "progressive"])
    )
    budget = data.draw(st.integers(1, 200_000))
    width = width_for_parameters(name, budget, 50, 7)
    argument = "hidden_sizes" if name == "mlp" else "layer_width"
    off = {
        w: abs(head_cost(name, 50, 7, **{argument: w}).parameters - budget) for w in (width - 1, width, width + 1) if w
    }
    assert off[width] == min(off.values())


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3000), st.integers(1, 300), st.integers(1, 6), st.integers(1, 6))
def test_no_spinal_head_at_the_bound_is_cheaper(in_features, num_classes, splits, more):
    splits = min(splits, in_features)
    sizes = {"num_layers": splits + more - 1, "num_splits": splits}
    weights = head_cost("linear", in_features, num_classes).weights
    bound = cheaper_width_bound(weights, in_features, num_classes, **sizes)
    assert head_cost("spinal", in_features, num_classes, layer_width=math.ceil(bound) or 1, **sizes).weights >= weights
    assert largest_cheaper_width(weights, in_features, num_classes, **sizes) < max(bound, 1)


def test_the_bound_against_one_linear_is_the_papers_question():
    """Four layers, two splits: (C/2) / (1 + 2C/d)."""
    for d, classes in ((2048, 1000), (2048, 196), (256, 47)):
        expected = classes / 2 / (1 + 2 * classes / d)
        assert cheaper_width_bound(d * classes, d, classes) == pytest.approx(expected)


def test_a_head_without_a_closed_form_is_built_and_counted(monkeypatch):
    from spinalnet_lib.heads import counting

    monkeypatch.delitem(counting._CLOSED_FORMS, "spinal")
    assert head_cost("spinal", 320, 10, layer_width=8, num_layers=6) == HeadCost(8480, 8538, 8480)


def test_counting_leaves_the_module_and_the_generator_alone():
    model = create_model("vgg5", "spinal", 10, **paper_head("vgg5", "spinal")).train()
    before, state = torch.get_rng_state(), copy.deepcopy(model.state_dict())
    count_macs(model, (1, 28, 28))
    head_cost("mlp", 64, 10, hidden_sizes=8, norm_layer=nn.BatchNorm1d)
    assert torch.equal(torch.get_rng_state(), before) and model.training
    assert all(torch.equal(state[k], v) for k, v in model.state_dict().items())


def test_a_module_in_double_precision_is_counted_too():
    model = create_model("two_conv", "spinal", 10, **paper_head("two_conv", "spinal")).double()
    assert count_macs(model, (1, 28, 28)) == PAPER_MACS["two_conv", "spinal"][1]
    assert next(model.parameters()).dtype == torch.float64


def test_numpys_numbers_do_not_overflow():
    sizes = np.int32(25_088), np.int32(4096)
    assert head_cost("linear", *sizes).weights == 25_088 * 4096
    assert head_cost("spinal", *sizes, layer_width=np.int32(60_000)).weights == 3 * 60_000**2 + 60_000 * (
        2 * 25_088 + 4 * 4096
    )
    assert largest_cheaper_width(np.int64(136_192), 256, 10) == 140


def test_a_shared_parameter_counts_once():
    a = nn.Linear(4, 4)
    assert count_parameters(nn.Sequential(a, a)) == 20
    assert count_weights(nn.Sequential(a, a)) == 16


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_the_crossing_is_where_the_count_crosses(data):
    in_features, num_classes = data.draw(st.integers(2, 80)), data.draw(st.integers(1, 40))
    layers = data.draw(st.integers(2, 6))
    weights = data.draw(st.integers(0, 20_000))
    width = largest_cheaper_width(weights, in_features, num_classes, layers)

    def count(w):
        return head_cost("spinal", in_features, num_classes, layer_width=w, num_layers=layers).weights if w else 0

    assert width == 0 or count(width) < weights
    assert count(width + 1) >= weights
    assert largest_cheaper_width(count(width + 1), in_features, num_classes, layers) == width  # as many is not fewer


@given(st.data())
def test_cheaper_than_one_linear_only_below_a_bound(data):
    """Proposition 4 of the counting chapter: width < dC / (S + LC)."""
    d, c, layers = data.draw(st.integers(1, 400)), data.draw(st.integers(1, 500)), data.draw(st.integers(1, 8))
    splits = data.draw(st.integers(1, min(layers, d)))
    width = largest_cheaper_width(head_cost("linear", d, c).weights, d, c, layers, splits)
    assert width < d * c / (read_features(d, layers, splits) + layers * c) or width == 0


@given(d=st.integers(2, 400), c=st.integers(1, 500))
def test_with_two_splits_and_four_layers_the_bound_is_half_the_classes(d, c):
    width = largest_cheaper_width(head_cost("linear", d, c).weights, d, c)
    assert width < (c / 2) / (1 + 2 * c / d) or width == 0


@given(st.data())
def test_features_read_where_the_splits_divide_the_features_or_the_layers(data):
    """Proposition 2: S = dL/k if k divides d or L."""
    d, layers = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 12))
    splits = data.draw(st.integers(1, min(d, layers)).filter(lambda k: d % k == 0 or layers % k == 0))
    assert read_features(d, layers, splits) * splits == d * layers


def test_features_are_counted_each_time_they_are_read():
    assert read_features(100, num_layers=4, num_splits=2) == 200
    assert read_features(7, num_layers=5, num_splits=3) == 3 + 2 + 2 + 3 + 2


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: head_cost("spinl", 8, 2), "did you mean 'spinal'"),
        (lambda: head_cost("spinal", 8, 2, layer_width=0), "layer_width must be at least 1, got 0"),
        (lambda: head_cost("spinal", 8, 2, layer_width=3, num_layers=1), "num_layers=1 cannot read num_splits=2"),
        (lambda: head_cost("mlp", -8, 2, hidden_sizes=4), "in_features must be at least 1, got -8"),
        (lambda: head_cost("linear", 8, -2), "num_classes must be at least 0, got -2"),
        (lambda: largest_cheaper_width(-1, 8, 2), "weights must be at least 0, got -1"),
        (lambda: count_macs(nn.Linear(8, 2), (0,)), "input_shape must be at least 1, got 0"),
        (lambda: count_macs(nn.Linear(8, 2), 8), "input_shape must be a sequence, got 8; pass (8,)"),
        (lambda: count_parameters(None), "count_parameters counts a module, got NoneType"),
        (
            lambda: head_cost("spinal", 8, 2, layer_width=3, drop_rate=7),
            "drop_rate must be at least 0 and below 1, got 7",
        ),
        (lambda: head_cost("spinal", 8, 2, layer_width=3, act_layer=3), "act_layer=3 is no layer"),
        (lambda: head_cost("mlp", 8, 2, hidden_sizes=3, act_layer=3), "act_layer=3 is no layer"),
        (lambda: head_cost("spinal_spatial", 30, 2, layer_width=3), "in_features=30 is no whole number of channels"),
        (lambda: head_cost("spinal_overlap", 8, 2, layer_width=3, overlap=2), "overlap must be at least 0 and below 1"),
        (lambda: head_cost("mlp_matched", 8, 2, layer_width=0), "layer_width must be at least 1, got 0"),
        (lambda: width_for_parameters("linear", 90, 8, 2), "'linear' has no width of its own; pass a head such as"),
        (lambda: width_for_parameters("spinal", 0, 8, 2), "parameters must be at least 1, got 0"),
        (lambda: width_for_parameters("spinl", 9, 8, 2), "did you mean 'spinal'"),
        (lambda: width_for_parameters("spinal", 9, 8, 2, layer_width=3), "got layer_width=3; leave it out"),
        (lambda: cheaper_width_bound(-1, 8, 2), "weights must be at least 0, got -1"),
        (lambda: read_features(3, -1, 1), "num_layers must be at least 1, got -1"),
    ],
)
def test_wrong_sizes(call, says):
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    assert says in str(caught.value)
