"""Dense heads: one Linear, and hidden layers in a row."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..checks import check_int
from .base import Head, Layer, LayerFactory, check_count, check_sizes, check_weights, drop_rates
from .registry import register_head


@register_head("linear")
class LinearHead(Head):
    """One Linear, the head of ResNets: `(N, in_features) -> (N, num_classes)`. `head_hidden_size` is `in_features`."""

    def __init__(self, in_features: int, num_classes: int, drop_rate: float | Sequence[float] = 0.0):
        check_sizes("LinearHead", in_features, num_classes)
        (rate,) = drop_rates("LinearHead", drop_rate, 1)
        super().__init__(in_features, num_classes, in_features, rate)

    def hidden(self, x: Tensor) -> Tensor:
        return x


@register_head("mlp")
class MLPHead(Head):
    """Hidden layers in a row, the dense head of VGG: `(N, in_features) -> (N, num_classes)`.

    `hidden_sizes` is one width or a sequence of widths. `drop_rate` is one rate for every Linear or one
    rate per Linear, the classifier last: the paper's 2-conv CNN drops before its classifier only, `(0, .5)`.
    `norm_layer` and `act_layer` are factories or names in `torch.nn` ("BatchNorm1d"). `head_hidden_size` is the
    last width.
    """

    shown = ("hidden_sizes",)
    all_layers_feed_output = False

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        hidden_sizes: int | Sequence[int],
        drop_rate: float | Sequence[float] = 0.0,
        norm_layer: LayerFactory | None = None,
        act_layer: LayerFactory = nn.ReLU,
    ):
        sizes = check_mlp(in_features, num_classes, hidden_sizes)
        *rates, last_rate = drop_rates("MLPHead", drop_rate, len(sizes) + 1)
        super().__init__(in_features, num_classes, sum(sizes) if self.all_layers_feed_output else sizes[-1], last_rate)
        self.hidden_sizes = sizes
        self.layers = nn.ModuleList(
            Layer(size, width, rate, norm_layer, act_layer)
            for (size, width), rate in zip(itertools.pairwise([in_features, *sizes]), rates, strict=True)
        )

    def hidden(self, x: Tensor) -> Tensor:
        outputs: list[Tensor] = []
        for layer in self.layers:
            x = layer(x)
            outputs.append(x)
        return torch.cat(outputs, dim=1) if self.all_layers_feed_output else x


def check_mlp(in_features: int, num_classes: int, hidden_sizes: int | Sequence[int]) -> list[int]:
    """The widths as a list; raise TypeError or ValueError if these sizes do not make an MLP."""
    check_sizes("MLPHead", in_features, num_classes)
    several = isinstance(hidden_sizes, Sequence) and not isinstance(hidden_sizes, str)
    widths = hidden_sizes if several else [hidden_sizes]
    if not widths:
        raise ValueError("MLPHead: hidden_sizes is empty; pass at least one width, or use LinearHead")
    check_count("MLPHead", "number of hidden_sizes", len(widths))
    sizes = [check_int("MLPHead", "every width in hidden_sizes", width) for width in widths]
    weights = sum(a * b for a, b in itertools.pairwise([int(in_features), *sizes, int(num_classes)]))
    check_weights("MLPHead", weights, in_features=in_features, num_classes=num_classes, hidden_sizes=hidden_sizes)
    return sizes
