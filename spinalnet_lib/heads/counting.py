"""How large a head is: closed forms, and counts of the built module. The two agree (tests/heads/test_counting.py).

*Weights* are the entries of the weight matrices, without biases; *parameters* are all that training changes;
*MACs* are multiply-adds for one input. A Linear has one MAC a weight, so for these heads MACs equal weights.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ..checks import check_int
from .base import check_sizes, drop_rates, layer_factory
from .dense import check_mlp
from .registry import check_arguments, create_head, plain
from .spinal import check_spine, split_sizes


@dataclass(frozen=True)
class HeadCost:
    """Size of a head. `weights`: entries of its matrices; `parameters`: with biases and norms; `macs`: for one input."""

    weights: int
    parameters: int
    macs: int


def head_cost(name: str, in_features: int, num_classes: int, background_class: bool = False, **kwargs) -> HeadCost:
    """Weights, parameters and MACs of a registered head, without memory for its weights.

    "linear", "mlp" and "spinal" have closed forms; other heads are built on the meta device and counted. Raises
    what `create_head` raises.

    >>> head_cost("spinal", 320, 10, layer_width=8, num_layers=6)
    HeadCost(weights=8480, parameters=8538, macs=8480)
    """
    check_arguments(name, kwargs)
    arguments = {key: plain(value) for key, value in kwargs.items()}
    if name in _CLOSED_FORMS and not background_class:
        return _CLOSED_FORMS[name](plain(in_features), plain(num_classes), **arguments)
    head = _head_without_memory(name, in_features, num_classes, background_class, **arguments)
    return measured_cost(head, (head.in_features,))


def head_parameters(name: str, in_features: int, num_classes: int, **kwargs) -> int:
    """`head_cost(...).parameters`, without the forward pass that counts the MACs of a head without a closed form."""
    if name in _CLOSED_FORMS:
        return head_cost(name, in_features, num_classes, **kwargs).parameters
    return count_parameters(_head_without_memory(name, in_features, num_classes, **kwargs))


def _head_without_memory(name: str, in_features: int, num_classes: int, *background_class: bool, **kwargs) -> nn.Module:
    with torch.device("meta"):
        return create_head(name, plain(in_features), plain(num_classes), *background_class, **kwargs)


def measured_cost(module: nn.Module, input_shape: Sequence[int]) -> HeadCost:
    """The same three counts, read off a built module."""
    return HeadCost(count_weights(module), count_parameters(module), count_macs(module, input_shape))


def count_parameters(module: nn.Module) -> int:
    """Number of trainable and frozen parameters, biases and norms included; a shared parameter counts once."""
    return sum(p.numel() for p in module.parameters())


def count_weights(module: nn.Module) -> int:
    """Number of entries in the weight matrices and convolution kernels, without biases and norms."""
    weights = {id(p): p.numel() for m in module.modules() for p in m.parameters(recurse=False) if p.dim() > 1}
    return sum(weights.values())


def count_macs(module: nn.Module, input_shape: Sequence[int]) -> int:
    """Multiply-adds of the matrix products and convolutions for one input of `input_shape` (without batch).

    Half of what torch's `FlopCounterMode` counts, on a copy on the meta device: nothing is computed and the
    module stays as it is. Biases, norms, activations and pooling do not count.

    >>> count_macs(nn.Linear(256, 10), (256,))
    2560
    """
    from torch.utils.flop_counter import FlopCounterMode

    for size in input_shape:
        check_int("count_macs", "every number in input_shape", size)
    ghost = copy.deepcopy(module).to("meta", torch.float32).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        ghost(torch.empty(1, *input_shape, device="meta", dtype=torch.float32))
    return counter.get_total_flops() // 2


def linear_cost(in_features: int, num_classes: int, **layers) -> HeadCost:
    """dC weights, of d features and C classes."""
    check_sizes("LinearHead", in_features, num_classes)
    return _linears_cost("LinearHead", [(in_features, num_classes)], [], **layers)


def mlp_cost(
    in_features: int, num_classes: int, hidden_sizes: int | Sequence[int], skips: bool = False, **layers
) -> HeadCost:
    """A matrix a hidden layer, and one for the classifier, which reads the last layer, or all of them with `skips`."""
    sizes = check_mlp(in_features, num_classes, hidden_sizes)
    shapes = [*itertools.pairwise([in_features, *sizes]), (sum(sizes) if skips else sizes[-1], num_classes)]
    return _linears_cost("MLPHead", shapes, sizes, **layers)


def spinal_cost(
    in_features: int, num_classes: int, layer_width: int, num_layers: int = 4, num_splits: int = 2, **layers
) -> HeadCost:
    """(L - 1)w² + (S + LC)w weights: L layers of width w read S features in all and, but for the first, w outputs."""
    check_spine(in_features, num_classes, layer_width, num_layers, num_splits)
    sizes = split_sizes(in_features, num_splits)
    shapes = [(sizes[i % num_splits] + (layer_width if i else 0), layer_width) for i in range(num_layers)]
    shapes.append((num_layers * layer_width, num_classes))
    return _linears_cost("SpinalHead", shapes, [layer_width] * num_layers, **layers)


def _linears_cost(
    owner: str, shapes: list, widths: list[int], drop_rate=0.0, norm_layer=None, act_layer=nn.ReLU
) -> HeadCost:
    """Cost of Linears of these (in, out) shapes and of one norm for each of `widths`."""
    drop_rates(owner, drop_rate, len(shapes))
    layer_factory("act_layer", act_layer)
    weights, biases = sum(a * b for a, b in shapes), sum(b for _, b in shapes)
    norm = layer_factory("norm_layer", norm_layer) if norm_layer is not None else lambda width: nn.Identity()
    norms = {width: count_parameters(norm(width)) for width in set(widths)}
    return HeadCost(weights, weights + biases + sum(norms[width] for width in widths), weights)


_CLOSED_FORMS = {"linear": linear_cost, "mlp": mlp_cost, "spinal": spinal_cost}
