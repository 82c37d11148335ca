"""Heads computed at once: logits, gradients and dropout masks of each are those of the head alone."""

import pytest
import torch

from spinalnet_lib import create_head
from spinalnet_lib.training.stacked.heads import StackedHeads, check_stackable

SPINE = {"layer_width": 4, "num_layers": 5, "num_splits": 3}
WIDE = {**SPINE, "layer_width": 64}  # such layers read the features apart
HEADS = [
    ("linear", {}),
    ("mlp", {"hidden_sizes": [7, 70]}),
    ("spinal", SPINE),
    ("spinal", WIDE),
    ("spinal_no_chain", SPINE),
    ("spinal_last", WIDE),
    ("spinal_overlap", WIDE),
    ("spinal_random_mask", SPINE),
    ("spinal_full", {"layer_width": 64, "num_layers": 3}),
]


def stack_of(name, arguments, count=3):
    torch.manual_seed(0)
    return [create_head(name, 23, 5, **arguments).double() for _ in range(count)]


@pytest.mark.parametrize("drop_rate", [0.0, 0.3])
@pytest.mark.parametrize(("name", "arguments"), HEADS)
def test_logits_and_gradients_are_those_of_each_head_alone(name, arguments, drop_rate):
    heads = stack_of(name, {**arguments, "drop_rate": drop_rate})
    stacked = StackedHeads(heads)
    x = torch.randn(3, 11, 23, dtype=torch.float64)
    found = stacked(x, [torch.Generator().manual_seed(m) for m in range(3)])
    gradients = torch.autograd.grad(found.square().sum(), stacked.weights)
    for m, head in enumerate(heads):
        torch.manual_seed(m)
        expected = head.train()(x[m])
        torch.testing.assert_close(found[m], expected)
        expected.square().sum().backward()
        norm = torch.stack([p.grad.square().sum() for p in head.parameters()]).sum()
        torch.testing.assert_close(torch.stack([g[m].square().sum() for g in gradients]).sum(), norm)


@pytest.mark.parametrize(("name", "arguments"), HEADS)
def test_weights_are_given_back_to_the_heads(name, arguments):
    heads, x = stack_of(name, arguments), torch.randn(11, 23, dtype=torch.float64)
    stacked = StackedHeads(heads)
    with torch.no_grad():
        for weight in stacked.weights:
            weight.add_(torch.randn_like(weight))
    stacked.write_back()
    for logits, head in zip(stacked(x), heads, strict=True):
        torch.testing.assert_close(logits, head.eval()(x))


def test_heads_that_cannot_be_one_stack_are_named():
    with pytest.raises(ValueError, match="one shape"):
        check_stackable([*stack_of("spinal", SPINE), *stack_of("spinal", WIDE)])
    with pytest.raises(ValueError, match="SharedSpinalHead"):
        check_stackable(stack_of("spinal_shared", {"layer_width": 4}))
    check_stackable(stack_of("spinal", SPINE))
