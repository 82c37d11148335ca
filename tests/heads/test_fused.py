"""`fuse_head`: the same logits without norms, dropout and waiting; and the original as it was."""

import copy
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from spinalnet_lib import Classifier, MLPHead, SpinalHead, create_backbone, create_head, fuse_head, list_heads
from tests.heads.cases import build, takes

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10, torch.bfloat16: 0.1}
KINDS = [
    (None, torch.float64),
    ("BatchNorm1d", torch.float32),
    ("BatchNorm1d", torch.bfloat16),
    ("LayerNorm", torch.float64),
    (partial(nn.BatchNorm1d, affine=False), torch.float64),
]


def seasoned(name, norm=None, **kwargs):
    """A head in evaluation mode whose norms have seen something and whose weights are anything."""
    if takes(name, "norm_layer"):
        kwargs |= {"norm_layer": norm, "act_layer": kwargs.get("act_layer", nn.ReLU)}
    head = build(name, drop_rate=0.3, **kwargs)
    with torch.no_grad():
        for key, tensor in (*head.named_parameters(), *head.named_buffers()):
            if ".norm." in key and tensor.is_floating_point():
                tensor.uniform_(0.5, 1.5)
    return head.eval()


def agree(fused, head, x, tolerance):
    for pre_logits in (True, False):
        expected = head(x, pre_logits=pre_logits)
        torch.testing.assert_close(fused(x, pre_logits=pre_logits), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("norm", "dtype"), KINDS, ids=str)
@pytest.mark.parametrize("name", list_heads())
def test_every_head_gives_the_same_and_stays_as_it_was(name, norm, dtype):
    head, x = seasoned(name, norm).to(dtype), torch.randn(6, 20).to(dtype)
    before, generator = copy.deepcopy(head.state_dict()), torch.get_rng_state()
    fused = fuse_head(head.train())
    assert torch.equal(torch.get_rng_state(), generator) and head.training
    assert all(torch.equal(before[key], value) for key, value in head.state_dict().items())
    agree(fused, head.eval(), x, TOLERANCE[dtype])
    kinds = {type(module) for module in fused.modules()}
    assert nn.Dropout not in kinds and nn.BatchNorm1d not in kinds
    assert not any(p.requires_grad for p in fused.parameters()) and not any(m.training for m in fused.modules())


@pytest.mark.parametrize("name", list_heads())
def test_other_classifiers_and_activations(name):
    x = torch.randn(6, 20)
    act = {"act_layer": nn.PReLU} if takes(name, "act_layer") else {}
    for head in (seasoned(name, num_classes=0, **act), seasoned(name, background_class=True, **act)):
        agree(fuse_head(head), head, x, 1e-5)


@pytest.mark.parametrize("sizes", [(1, 1), (7, 3)])
def test_any_layers_and_splits(sizes):
    head, x = SpinalHead(20, 7, 6, *sizes).eval(), torch.randn(6, 20)
    agree(fuse_head(head), head, x, 1e-5)


def test_a_norm_without_running_statistics_stays():
    head, x = seasoned("spinal", partial(nn.BatchNorm1d, track_running_stats=False)), torch.randn(6, 20)
    fused = fuse_head(head)
    agree(fused, head, x, 1e-5)
    assert sum(type(module) is nn.BatchNorm1d for module in fused.modules()) == 4


def test_a_layer_that_is_watched_and_a_subclass_that_computes_otherwise_are_left():
    class Doubled(SpinalHead):
        def hidden(self, x):
            return 2 * super().hidden(x)

    pruned = SpinalHead(20, 7, 6).eval()
    prune.random_unstructured(pruned.layers[1].linear, "weight", amount=0.5)
    hooked = SpinalHead(20, 7, 6, norm_layer="BatchNorm1d").eval()
    hooked.layers[1].linear.register_forward_hook(lambda module, args, output: output + 1)
    watched, masked, normed, patched, unbiased = (SpinalHead(20, 7, 6, drop_rate=0.5).eval() for _ in range(5))
    watched.register_forward_hook(lambda module, args, output: output * 2)
    masked.layers[1].drop.register_forward_hook(lambda module, args, output: output * 2)
    normed.layers[1].drop = nn.LayerNorm(16)
    patched.hidden = lambda x, own=patched.hidden: own(x) * 2
    unbiased.layers[2].linear = nn.Linear(16, 6, bias=False)
    x = torch.randn(6, 20)
    with torch.no_grad():
        for head in (pruned, hooked, Doubled(20, 7, 6).eval(), watched, masked, normed, patched, unbiased):
            head(x)
            agree(fuse_head(head), head, x, 1e-5)


def test_a_dropout_that_drops_in_evaluation_stays():
    class Always(nn.Dropout):
        def forward(self, x):
            return nn.functional.dropout(x, self.p, training=True)

    head = SpinalHead(20, 7, 6).eval()
    head.classifier_drop = Always(0.9)
    assert isinstance(fuse_head(head).head.classifier_drop, Always)


def test_a_weight_that_is_computed_is_named():
    head = SpinalHead(20, 7, 6)
    prune.random_unstructured(head.layers[1].linear, "weight", amount=0.5)
    with pytest.raises(ValueError, match=r"layers\.1\.linear"):
        fuse_head(head)
    prune.remove(head.layers[1].linear, "weight")
    fuse_head(head)


def test_a_model_keeps_its_contract_with_a_fused_head():
    model = Classifier(create_backbone("pixels", image_size=2), SpinalHead(4, 3, 5)).eval()
    x = torch.rand(2, 1, 2, 2)
    expected = model(x)
    model.head = fuse_head(model.head)
    torch.testing.assert_close(model(x), expected)
    assert (model.num_classes, model.head_hidden_size, model.head.in_features) == (3, 20, 4)
    assert model.get_classifier() is model.head.classifier
    with pytest.raises(RuntimeError, match="reset"):
        model.reset_classifier(5)


def test_it_is_for_inference_and_has_a_state_of_its_own():
    head, x = SpinalHead(20, 7, 6).eval(), torch.randn(6, 20)
    fused, before = fuse_head(head), head(x)
    head.layers[1].linear.weight.data.zero_()
    torch.testing.assert_close(fused(x), before)
    assert fused.eval() is fused and fuse_head(fused) is fused
    with pytest.raises(RuntimeError, match="inference"):
        fused.train()


def test_what_is_no_head_is_named_and_wrong_inputs_are_refused():
    model = Classifier(create_backbone("pixels", image_size=2), MLPHead(4, 3, 5))
    for wrong, says in ((model, r"Classifier; .*\.head"), ("spinal", "str")):
        with pytest.raises(TypeError, match=says):
            fuse_head(wrong)
    for head in (SpinalHead(20, 7, 6), create_head("linear", 20, 7)):
        with pytest.raises(ValueError, match=r"\(3, 19\)"):
            fuse_head(head)(torch.zeros(3, 19))
