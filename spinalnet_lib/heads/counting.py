"""How large a head is: closed forms, and counts of the built module. The two agree (tests/test_counting.py).

*Weights* are the entries of the weight matrices, without biases; *parameters* are all that training changes;
*MACs* are multiply-adds for one input. A Linear has one MAC a weight, so for these heads MACs equal weights.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ..checks import check_int, check_name, plain
from .base import layer_factory
from .registry import create_head, explain_arguments, list_heads


@dataclass(frozen=True)
class HeadCost:
    """Size of a head. `weights`: entries of its matrices; `parameters`: with biases and norms; `macs`: for one input."""

    weights: int
    parameters: int
    macs: int


_CLOSED_FORMS: dict[str, Callable[..., HeadCost]] = {}


def closed_form(fn: Callable[..., HeadCost]) -> Callable[..., HeadCost]:
    """Register the closed form of the head of the same name; use it as a decorator."""
    _CLOSED_FORMS[fn.__name__] = fn
    return fn


def head_cost(name: str, in_features: int, num_classes: int, background_class: bool = False, **kwargs) -> HeadCost:
    """Weights, parameters and MACs of a registered head, from its closed form, without building it.

    A head registered without a closed form is built on the meta device and counted, and so is a background class.

    >>> head_cost("spinal", 320, 10, layer_width=8, num_layers=6)
    HeadCost(weights=8480, parameters=8538, macs=8480)
    """

    check_name("head", name, list_heads())
    in_features, num_classes = plain(in_features), plain(num_classes)
    kwargs = {key: plain(value) for key, value in kwargs.items()}
    if name in _CLOSED_FORMS and not background_class:
        try:
            return _CLOSED_FORMS[name](in_features, num_classes, **kwargs)
        except TypeError as error:
            raise explain_arguments(error, name) from error
    with torch.device("meta"):
        head = create_head(name, in_features, num_classes, background_class, **kwargs)
    return measured_cost(head, (in_features,))


def measured_cost(module: nn.Module, input_shape: Sequence[int]) -> HeadCost:
    """The same three counts, read off a built module."""
    return HeadCost(count_weights(module), count_parameters(module), count_macs(module, input_shape))


def count_parameters(module: nn.Module) -> int:
    """Number of trainable and frozen parameters, biases and norms included; a shared parameter counts once."""
    _check_module("count_parameters", module)
    return sum(p.numel() for p in module.parameters())


def count_weights(module: nn.Module) -> int:
    """Number of entries in the weight matrices and convolution kernels, without biases and norms."""
    _check_module("count_weights", module)
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

    _check_module("count_macs", module)
    if not isinstance(input_shape, Sequence):
        raise TypeError(f"count_macs: input_shape must be a sequence, got {input_shape!r}; pass ({input_shape!r},)")
    for size in input_shape:
        check_int("count_macs", "every number in input_shape", size)
    ghost = copy.deepcopy(module).to("meta", torch.float32).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        ghost(torch.empty(1, *input_shape, device="meta", dtype=torch.float32))
    return counter.get_total_flops() // 2


def _check_module(owner: str, module) -> None:
    if not isinstance(module, nn.Module):
        raise TypeError(f"{owner} counts a module, got {type(module).__name__}; pass a head or a model")


def mlp_cost(
    in_features: int, num_classes: int, hidden_sizes: Sequence[int], norm_layer=None, skips: bool = False
) -> HeadCost:
    """Cost of hidden layers in a row; with `skips` all of them feed the classifier, not the last alone."""
    hidden = sum(hidden_sizes) if skips else hidden_sizes[-1]
    shapes = [*itertools.pairwise([in_features, *hidden_sizes]), (hidden, num_classes)]
    return linears_cost(shapes, norm_layer, hidden_sizes)


def linears_cost(shapes: list[tuple[int, int]], norm_layer=None, norm_sizes: Sequence[int] = ()) -> HeadCost:
    """Cost of Linears of these (in, out) shapes and of one norm for each of `norm_sizes`."""
    weights = sum(rows * columns for rows, columns in shapes)
    biases = sum(columns for _, columns in shapes)
    norms = (
        sum(count_parameters(layer_factory("norm_layer", norm_layer)(size)) for size in norm_sizes)
        if norm_layer is not None
        else 0
    )
    return HeadCost(weights, weights + biases + norms, weights)
