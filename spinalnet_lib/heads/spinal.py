"""The spinal head of SpinalNet, and the cut of its input splits."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..checks import check_int
from .base import Head, Layer, LayerFactory, check_count, check_sizes, check_weights, drop_rates
from .registry import register_head


def split_sizes(in_features: int, num_splits: int) -> list[int]:
    """Sizes of the input splits, as `torch.tensor_split` cuts: they differ by at most one, larger first.

    >>> split_sizes(7, 3)
    [3, 2, 2]
    """
    check_int("split_sizes", "in_features", in_features)
    check_count("split_sizes", "num_splits", num_splits)
    size, larger = divmod(in_features, num_splits)
    return [size + 1] * larger + [size] * (num_splits - larger)


@register_head("spinal")
class SpinalHead(Head):
    """A chain of narrow layers that read the features split by split: `(N, in_features) -> (N, num_classes)`.

    Source: Kabir et al., *SpinalNet: Deep Neural Network with Gradual Input*, arXiv 2007.03347. Layer `i`
    (from 0) reads input split `i mod num_splits` and the output of layer `i - 1`; the classifier reads the
    outputs of all layers. Differs from the published code in the cut only: there `num_splits` is 2 and an
    odd width loses a feature; here splits are `torch.tensor_split`'s and every feature is read.

    `head_hidden_size` is `num_layers * layer_width`. `drop_rate` is one rate for every Linear or one rate per
    Linear, the classifier last. `norm_layer` and `act_layer` are factories or names in `torch.nn`.
    Raises ValueError if `num_layers < num_splits` (some features would never be read) or if there are
    more splits than features.

    >>> head = SpinalHead(in_features=256, num_classes=10, layer_width=128, drop_rate=0.5, norm_layer=nn.BatchNorm1d)
    >>> head(torch.zeros(4, 256)).shape, head(torch.zeros(4, 256), pre_logits=True).shape
    (torch.Size([4, 10]), torch.Size([4, 512]))
    """

    # What variants change, beside `read_sizes` and `read`: see `published` and `controls`.
    shown = ("layer_width", "num_layers", "num_splits")
    chained = True  # every layer but the first reads the one before
    all_layers_feed_output = True

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        layer_width: int,
        num_layers: int = 4,
        num_splits: int = 2,
        drop_rate: float | Sequence[float] = 0.0,
        norm_layer: LayerFactory | None = None,
        act_layer: LayerFactory = nn.ReLU,
    ):
        name = type(self).__name__
        check_spine(in_features, num_classes, layer_width, num_layers, num_splits, name)
        *rates, last_rate = drop_rates(name, drop_rate, num_layers + 1)
        hidden_size = num_layers * layer_width if self.all_layers_feed_output else layer_width
        super().__init__(in_features, num_classes, hidden_size, last_rate)
        self.layer_width, self.num_layers, self.num_splits = layer_width, num_layers, num_splits
        previous = layer_width if self.chained else 0
        self.layers = nn.ModuleList(
            Layer(size + (previous if i else 0), layer_width, rate, norm_layer, act_layer)
            for i, (size, rate) in enumerate(zip(self.read_sizes(), rates, strict=True))
        )

    def read_sizes(self) -> list[int]:
        """How many features each layer reads."""
        sizes = split_sizes(self.in_features, self.num_splits)
        return [sizes[i % self.num_splits] for i in range(self.num_layers)]

    def read(self, x: Tensor) -> list[Tensor]:
        """The features that each layer reads: `(N, in_features)` to one `(N, size)` a layer."""
        splits = x.tensor_split(self.num_splits, 1)
        return [splits[i % self.num_splits] for i in range(self.num_layers)]

    def hidden(self, x: Tensor) -> Tensor:
        outputs: list[Tensor] = []
        for split, layer in zip(self.read(x), self.layers, strict=True):
            chain = self.chained and outputs
            outputs.append(layer(torch.cat([split, outputs[-1]], dim=1) if chain else split))
        return torch.cat(outputs, dim=1) if self.all_layers_feed_output else outputs[-1]


def check_spine(
    in_features: int, num_classes: int, layer_width: int, num_layers: int, num_splits: int, owner: str = "SpinalHead"
) -> None:
    """Raise TypeError or ValueError if these sizes do not make a spinal head; the closed form uses it too."""
    check_sizes(owner, in_features, num_classes)
    layer_width = check_int(owner, "layer_width", layer_width)
    num_layers, num_splits = check_count(owner, "num_layers", num_layers), check_int(owner, "num_splits", num_splits)
    if num_splits > in_features:
        raise ValueError(
            f"{owner}: in_features={in_features} cannot fill {num_splits=}; lower num_splits to {in_features}"
        )
    if num_layers < num_splits:
        raise ValueError(
            f"{owner}: num_layers={num_layers} cannot read num_splits={num_splits}; raise num_layers to {num_splits} or lower num_splits to {num_layers}"
        )
    weights = num_layers * layer_width * (int(in_features) + layer_width + int(num_classes))
    sizes = {"in_features": in_features, "num_classes": num_classes, "layer_width": layer_width}
    check_weights(owner, weights, **sizes, num_layers=num_layers)
