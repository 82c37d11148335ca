import copy
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from spinalnet_lib import (
    LinearHead,
    MLPHead,
    SpinalHead,
    as_masked_mlp,
    as_spine,
    create_head,
    layer_gradient_norms,
)
from spinalnet_lib.heads.controls import LastSpinalHead, OverlapSpinalHead, UnchainedSpinalHead
from tests.heads.cases import SkipMLPHead

sizes = st.integers(1, 12)


def batch(in_features, n=9):
    return 3 * torch.randn(n, in_features, dtype=torch.float64)


def close(a, b):
    torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@given(sizes, sizes, st.integers(1, 6), sizes)
@settings(max_examples=12)
def test_any_hidden_layer_is_a_spine_of_width_two_or_of_groups_of_units(in_features, units, group, classes):
    mlp, x = MLPHead(in_features, classes, units).double(), batch(in_features)
    spine, group = as_spine(mlp, units_per_layer=group), min(group, units)
    layers = 2 * -(-units // group)
    assert type(spine) is SpinalHead
    assert (spine.layer_width, spine.num_layers, spine.num_splits) == (2 * group, layers, min(2, in_features))
    close(spine(x), mlp(x))
    finished = spine(x, pre_logits=True).unflatten(1, (-1, 2, 2 * group))[:, :, 1]
    close(finished[:, :, :group].flatten(1)[:, :units], mlp(x, pre_logits=True))
    assert not finished[:, :, group:].any()  # the other units are idle


@given(sizes, st.lists(sizes, min_size=1, max_size=4), sizes, st.sampled_from([MLPHead, SkipMLPHead]))
@settings(max_examples=12)
def test_any_dense_head_is_a_spine(in_features, hidden, classes, kind):
    mlp, x = kind(in_features, classes, hidden).double(), batch(in_features)
    spine = as_spine(mlp)
    assert (spine.layer_width, spine.num_layers) == (max(2 * hidden[0], *hidden), 1 + len(hidden))
    close(spine(x), mlp(x))


def test_a_unit_that_needs_both_halves_survives_the_cut():
    """relu(x0 + x1) with parts of both signs: a chain that passed relu of the first half on would lose its sign."""
    mlp = MLPHead(2, 1, 1).double()
    for linear, weight, bias in ((mlp.layers[0].linear, 1.0, 0.5), (mlp.classifier, 2.0, -1.0)):
        nn.init.constant_(linear.weight, weight), nn.init.constant_(linear.bias, bias)
    x = torch.tensor([[-3.0, 4.0], [3.0, -4.0], [-3.0, 2.0], [1.0, 1.0]], dtype=torch.float64)
    expected = torch.tensor([[2.0], [-1.0], [-1.0], [4.0]], dtype=torch.float64)
    close(as_spine(mlp, 1)(x), expected)
    close(as_spine(mlp)(x), expected)


@given(sizes, sizes, st.data())
@settings(max_examples=12)
def test_without_chain_a_spine_is_a_masked_hidden_layer(width, splits, data):
    layers, in_features = splits + data.draw(st.integers(0, 5)), splits + data.draw(st.integers(0, 20))
    norm, classes = data.draw(st.sampled_from([None, "BatchNorm1d"])), data.draw(st.integers(0, 5))
    spine = {"layer_width": width, "num_layers": layers, "num_splits": splits, "norm_layer": norm}
    head, x = create_head("spinal_no_chain", in_features, classes, **spine).double(), batch(in_features)
    for parameter in head.parameters():  # the norm's differ by unit, too
        nn.init.normal_(parameter)
    head(x)  # moves the running statistics
    mlp = as_masked_mlp(head)
    assert mlp.hidden_sizes == [layers * width]
    assert mlp.layers[0].linear.weight.count_nonzero() <= sum(layer.linear.weight.numel() for layer in head.layers)
    for mode in (True, False):  # without dropout, in training mode too
        head.train(mode), mlp.train(mode)
        close(mlp(x, pre_logits=True), head(x, pre_logits=True))
        close(mlp(x), head(x))
    for name, value in head.layers[0].norm.named_buffers():
        close(getattr(mlp.layers[0].norm, name).flatten()[:width], value.flatten())


def test_the_mask_is_what_the_head_reads():
    class Both(UnchainedSpinalHead, OverlapSpinalHead):
        pass

    head, x = Both(20, 7, 6, num_layers=5, num_splits=3, overlap=0.3).double(), batch(20)
    mlp = as_masked_mlp(head)
    close(mlp(x), head(x))
    assert [row.nonzero().flatten().tolist() for row in mlp.layers[0].linear.weight[::6]] == [
        list(range(*head.windows()[i % 3])) for i in range(5)
    ]


@pytest.mark.parametrize("kind", [{"eps": 0.5}, {"momentum": 0.7}, {"affine": False}, {"track_running_stats": False}])
def test_masked_mlp_keeps_the_kind_of_norm(kind):
    spine = {"layer_width": 6, "norm_layer": partial(nn.BatchNorm1d, **kind)}
    head, x = create_head("spinal_no_chain", 20, 7, **spine).double(), batch(20)
    mlp = as_masked_mlp(head)
    for mode in (True, False):
        head.train(mode), mlp.train(mode)
        close(mlp(x), head(x))


def test_masked_mlp_drops_before_its_classifier_alone():
    head, x = no_chain(drop_rate=0.5).double().eval(), batch(20)
    mlp = as_masked_mlp(head)
    close(mlp(x), head(x))
    assert (type(mlp.layers[0].drop), mlp.classifier_drop.p) == (nn.Identity, 0.5)


@pytest.mark.parametrize(
    "convert, head",
    [
        (as_spine, lambda: MLPHead(20, 7, 5)),
        (as_masked_mlp, lambda: create_head("spinal_no_chain", 20, 7, layer_width=6, norm_layer="BatchNorm1d")),
    ],
)
def test_a_conversion_keeps_dtype_mode_background_and_the_generator(convert, head):
    head = head().bfloat16().add_background_class().eval()
    before, rng = copy.deepcopy(head.state_dict()), torch.get_rng_state()
    made = convert(head)
    assert torch.equal(rng, torch.get_rng_state())
    assert all(torch.equal(value, before[key]) for key, value in head.state_dict().items())
    assert {p.dtype for p in made.parameters()} == {torch.bfloat16} and not made.training
    assert all(p.requires_grad and p.is_leaf for p in made.parameters())
    x = torch.randn(4, 20)
    for mode, outputs in ((True, 8), (False, 7)):
        logits = made.float().train(mode)(x)
        torch.testing.assert_close(logits, head.float().train(mode)(x), rtol=1e-4, atol=1e-5)
        assert logits.shape == (4, outputs)


@pytest.mark.parametrize(
    "build",
    [
        lambda: SpinalHead(20, 7, 6, num_layers=30, drop_rate=0.3, norm_layer=nn.BatchNorm1d),
        lambda: MLPHead(20, 7, [6] * 30),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_gradient_norms_at_depth_thirty_are_those_of_a_backward_pass(build, training):
    torch.manual_seed(3)
    head = build().double().train(training)
    x, y = batch(20, 32), torch.randint(7, (32,))
    head.layers[0].linear.weight.grad = kept = torch.ones_like(head.layers[0].linear.weight)
    state, rng = copy.deepcopy(head.state_dict()), torch.get_rng_state()
    with torch.no_grad():
        norms = layer_gradient_norms(head, x, y)

    assert head.training == training and torch.equal(rng, torch.get_rng_state())
    assert all(torch.equal(value, state[key]) for key, value in head.state_dict().items())
    assert head.layers[0].linear.weight.grad is kept and (kept == 1).all()
    assert sum(p.grad is not None for p in head.parameters()) == 1

    head.zero_grad()
    F.cross_entropy(head(x), y).backward()
    assert len(norms) == 30 and all(0 < norm < float("inf") for norm in norms)
    assert norms == pytest.approx([layer.linear.weight.grad.norm().item() for layer in head.layers], rel=1e-12)


def test_gradient_norms_of_frozen_layers():
    head, x, y = SpinalHead(20, 7, 6), torch.randn(8, 20), torch.arange(8) % 7
    expected = layer_gradient_norms(head, x, y)
    head.layers.requires_grad_(False)
    assert layer_gradient_norms(head, x, y) == expected
    assert not head.layers[0].linear.weight.requires_grad


X, Y = torch.randn(3, 20), torch.tensor([0, 6, 2])
no_chain = partial(create_head, "spinal_no_chain", 20, 7, layer_width=6)


@pytest.mark.parametrize(
    "call, error, says",
    [
        (lambda: as_spine(SpinalHead(20, 7, 6)), TypeError, "got SpinalHead"),
        (lambda: as_spine(MLPHead(20, 0, 5)), ValueError, "num_classes=0"),
        (
            lambda: as_spine(MLPHead(20, 7, 5, norm_layer="BatchNorm1d")),
            ValueError,
            r"BatchNorm1d\(5.*norm_layer=None$",
        ),
        (lambda: as_spine(MLPHead(20, 7, 5, act_layer="GELU")), ValueError, "GELU.*act_layer=nn.ReLU"),
        (lambda: as_spine(MLPHead(20, 7, 5, (0, 0.5))), ValueError, r"Dropout\(p=0.5.*drop_rate=0"),
        (lambda: as_spine(MLPHead(20, 7, 5), 0), ValueError, "units_per_layer must be at least 1, got 0"),
        (lambda: as_spine(MLPHead(20, 7, [5, 4]), 2), ValueError, r"units_per_layer=2.*\[5, 4\]"),
        (lambda: as_masked_mlp(MLPHead(20, 7, 5)), TypeError, "got MLPHead.*spinal_no_chain"),
        (lambda: as_masked_mlp(SpinalHead(20, 7, 6)), ValueError, "got SpinalHead"),
        (lambda: as_masked_mlp(LastSpinalHead(20, 7, 6)), ValueError, "got LastSpinalHead"),
        (lambda: as_masked_mlp(no_chain(norm_layer="LayerNorm")), ValueError, r"LayerNorm\(.*nn.BatchNorm1d"),
        (lambda: layer_gradient_norms(LinearHead(20, 7), X, Y), TypeError, "LinearHead"),
        (lambda: layer_gradient_norms(SpinalHead(20, 0, 6), X, Y), ValueError, "num_classes=0"),
        (lambda: layer_gradient_norms(SpinalHead(20, 7, 6), X[:, :9], Y), ValueError, r"\(3, 9\)"),
        (lambda: layer_gradient_norms(SpinalHead(20, 7, 6), X, Y.int()), ValueError, "y=.*int32.*int64 labels"),
        (lambda: layer_gradient_norms(SpinalHead(20, 7, 6), X, [0, 1, 2]), ValueError, "y="),
        (lambda: layer_gradient_norms(SpinalHead(20, 7, 6), X, Y[:2]), ValueError, "y=.* 3 rows"),
        (lambda: layer_gradient_norms(SpinalHead(20, 7, 6), X[:0], Y[:0]), ValueError, "y=.* at least one"),
        (lambda: layer_gradient_norms(SpinalHead(20, 6, 6), X, Y), ValueError, "y=.* from 0 to 5"),
    ],
)
def test_what_is_not_covered_is_refused(call, error, says):
    with pytest.raises(error, match=says):
        call()
