"""Published relatives of the spinal head: spatial cells, shared layers, several columns, the progressive head."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..checks import check_int, check_rate
from .base import Head, Layer, LayerFactory, check_count, check_sizes, check_weights, drop_rates, make_dropout
from .registry import register_head
from .spinal import SpinalHead, check_spine, split_sizes


@register_head("spinal_spatial")
class SpatialSpinalHead(SpinalHead):
    """A spinal head that reads an image map cell by cell: `(N, C * h * w) -> (N, num_classes)`.

    The features are a map `(N, C, h, w)` flattened; `num_splits` is `h * w`, and split `j` is all channels of cell
    `j`, row by row. `num_layers` is one a cell unless given. Raises ValueError if `num_splits` does not divide
    `in_features`. Source: `SpinalResNet` in CIFAR-10/ResNet_default_and_SpinalFC_CIFAR10.py of
    github.com/dipuk0506/SpinalNet (2×2 cells).
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        layer_width: int,
        num_layers: int | None = None,
        num_splits: int = 4,
        **kwargs,
    ):
        num_layers = num_splits if num_layers is None else num_layers
        super().__init__(in_features, num_classes, layer_width, num_layers, num_splits, **kwargs)
        if in_features % num_splits:
            raise ValueError(
                f"SpatialSpinalHead: in_features={in_features} is no whole number of channels for num_splits={num_splits} cells; "
                "pass the map's height times its width as num_splits"
            )

    def read(self, x: Tensor) -> list[Tensor]:
        cells = x.unflatten(1, (-1, self.num_splits)).unbind(2)
        return [cells[i % self.num_splits] for i in range(self.num_layers)]


@register_head("spinal_shared")
class SharedSpinalHead(Head):
    """A spinal head whose layers after the first are one and the same: `(N, in_features) -> (N, num_classes)`.

    It is a small recurrent network over the splits with every state read out. `head_hidden_size` is
    `num_layers * layer_width`. Where `num_splits` does not divide `in_features`, the shorter splits are padded with
    a zero, as one layer reads them all. `drop_rate` is one rate, or one per Linear: first layer, shared layer (if
    there is one), classifier. A norm is shared with its layer. Source: Kabir et al., *Transfer learning with
    spinally shared layers*, Applied Soft Computing 163:111908 (2024).
    """

    shown = SpinalHead.shown

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
        check_spine(in_features, num_classes, layer_width, num_layers, num_splits, "SharedSpinalHead")
        *rates, last_rate = drop_rates("SharedSpinalHead", drop_rate, min(num_layers, 2) + 1)
        super().__init__(in_features, num_classes, num_layers * layer_width, last_rate)
        self.layer_width, self.num_layers, self.num_splits = layer_width, num_layers, num_splits
        self.split_size = -(-in_features // num_splits)
        sizes = (self.split_size, self.split_size + layer_width)
        self.layers = nn.ModuleList(
            Layer(size, layer_width, rate, norm_layer, act_layer) for size, rate in zip(sizes, rates, strict=False)
        )

    def hidden(self, x: Tensor) -> Tensor:
        sizes = split_sizes(self.in_features, self.num_splits)
        splits = x.split(sizes, 1)
        splits = [F.pad(splits[i], (0, self.split_size - size)) for i, size in enumerate(sizes)]
        outputs = [self.layers[0](splits[0])]
        for i in range(1, self.num_layers):
            outputs.append(self.layers[1](torch.cat([splits[i % self.num_splits], outputs[-1]], dim=1)))
        return torch.cat(outputs, dim=1)


@register_head("spinal_tied")
class TiedSpinalHead(SpinalHead):
    """A spinal head whose last layers are earlier ones again: `(N, in_features) -> (N, num_classes)`.

    With two splits and six layers, the fifth is the third and the sixth the fourth, as in the paper's regressions, where
    the script calls those two twice. In general a layer that has `2 * num_splits` before it is the one `num_splits` before;
    a norm is shared with its layer. `drop_rate` is one rate or one per Linear.
    Source: `Regression/Regression_NN_and_SpinalNet.py` of github.com/dipuk0506/SpinalNet.
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        layer_width: int,
        num_layers: int = 6,
        num_splits: int = 2,
        drop_rate: float | Sequence[float] = 0.0,
        **layers,
    ):
        check_spine(in_features, num_classes, layer_width, num_layers, num_splits, "TiedSpinalHead")
        own = min(num_layers, 2 * num_splits)
        *rates, last_rate = drop_rates("TiedSpinalHead", drop_rate, own + 1)
        rates += [0.0] * (num_layers - own) + [last_rate]
        super().__init__(in_features, num_classes, layer_width, num_layers, num_splits, rates, **layers)
        for i in range(own, num_layers):
            self.layers[i] = self.layers[i - num_splits]


@register_head("spinal_windows")
class WindowsSpinalHead(SpinalHead):
    """The published customizable head: windows of one size that run on past the end: `(N, in_features) -> (N, num_classes)`.

    Layer `i` reads the `round(in_features / num_splits)` features after those of layer `i - 1`, and after the last feature
    the first comes again. Where `num_splits` divides `in_features` this is `spinal`; else later rounds read shifted
    windows, and with few layers some features may never be read. Halves round to the even number, as numpy's do.
    Source: `Customizable Model/spinalnettorch.py` of github.com/dipuk0506/SpinalNet.
    """

    def read_sizes(self) -> list[int]:
        return [max(1, round(self.in_features / self.num_splits))] * self.num_layers

    def read(self, x: Tensor) -> list[Tensor]:
        sizes = self.read_sizes()
        around = -(-sum(sizes) // self.in_features)
        windows = x.repeat(1, around)[:, : sum(sizes)].split(sizes, 1)
        return [windows[i] for i in range(self.num_layers)]


@register_head("progressive")
class ProgressiveHead(Head):
    """Every layer reads all features and all earlier layers: `(N, in_features) -> (N, num_classes)`.

    A dense block of Linears. The features are dropped once, at `feature_drop_rate`, for every reader but the first
    layer, which reads them whole. `head_hidden_size` is `in_features + num_layers * layer_width`: the classifier
    reads the features, too. `drop_rate` is one rate or one per Linear, on top of that. Source: Chopra,
    *ProgressiveSpinalNet architecture for FC layers*, arXiv 2103.11373.
    """

    shown = ("layer_width", "num_layers")

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        layer_width: int,
        num_layers: int = 4,
        feature_drop_rate: float = 0.0,
        drop_rate: float | Sequence[float] = 0.0,
        norm_layer: LayerFactory | None = None,
        act_layer: LayerFactory = nn.ReLU,
    ):
        check_spine(in_features, num_classes, layer_width, num_layers, 1, "ProgressiveHead")
        check_rate("ProgressiveHead", "feature_drop_rate", feature_drop_rate)
        units, sizes = num_layers * layer_width, {"layer_width": layer_width, "num_layers": num_layers}
        check_weights("ProgressiveHead", units * (in_features + units), in_features=in_features, **sizes)
        *rates, last_rate = drop_rates("ProgressiveHead", drop_rate, num_layers + 1)
        super().__init__(in_features, num_classes, in_features + units, last_rate)
        self.layer_width, self.num_layers = layer_width, num_layers
        self.feature_drop = make_dropout(feature_drop_rate)
        self.layers = nn.ModuleList(
            Layer(in_features + i * layer_width, layer_width, rate, norm_layer, act_layer)
            for i, rate in enumerate(rates)
        )

    def hidden(self, x: Tensor) -> Tensor:
        seen = [self.feature_drop(x)]
        for i, layer in enumerate(self.layers):
            seen.append(layer(torch.cat(seen, dim=1) if i else x))
        return torch.cat(seen, dim=1)


@register_head("spinal_columns")
class SpinalColumnsHead(Head):
    """Several spinal columns side by side, one hidden layer on all: `(N, in_features) -> (N, num_classes)`.

    The features are cut into columns of `column_sizes`; a spine of two splits with `num_layers` layers (one number,
    or one a column) reads each, and a layer of `hidden_size` units reads all their outputs. `drop_rate` is one rate
    or one per Linear, in that order. Source: `MNIST/Arch2_MNIST.py` of github.com/dipuk0506/SpinalNet, where the
    columns are the pixels and the two convolutions' maps (the body "arch2").
    """

    shown = ("column_sizes",)

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        column_sizes: Sequence[int],
        layer_width: int,
        num_layers: int | Sequence[int] = 4,
        hidden_size: int = 50,
        drop_rate: float | Sequence[float] = 0.0,
        norm_layer: LayerFactory | None = None,
        act_layer: LayerFactory = nn.ReLU,
    ):
        name = "SpinalColumnsHead"
        check_sizes(name, in_features, num_classes)
        check_int(name, "hidden_size", hidden_size)
        if not isinstance(column_sizes, Sequence) or isinstance(column_sizes, str) or not column_sizes:
            raise TypeError(f"{name}: column_sizes must be a sequence, got {column_sizes!r}; pass one size a column")
        if sum(check_int(name, "every size in column_sizes", size) for size in column_sizes) != in_features:
            raise ValueError(f"{name}: column_sizes={tuple(column_sizes)} must sum to in_features={in_features}")
        layers = list(num_layers) if isinstance(num_layers, Sequence) else [num_layers] * len(column_sizes)
        if len(layers) != len(column_sizes):
            raise ValueError(f"{name}: {num_layers=} must be one number, or {len(column_sizes)}, one a column")
        for size, n in zip(column_sizes, layers, strict=True):
            check_spine(size, num_classes, layer_width, n, 2, name)
        count = check_count(name, "sum of num_layers", sum(layers))
        check_weights(name, count * layer_width * hidden_size, layer_width=layer_width, hidden_size=hidden_size)
        *rates, hidden_rate, last_rate = drop_rates(name, drop_rate, count + 2)
        super().__init__(in_features, num_classes, hidden_size, last_rate)
        self.column_sizes = list(column_sizes)
        rate = iter(rates)
        self.columns = nn.ModuleList(
            SpinalHead(size, 0, layer_width, n, 2, [*itertools.islice(rate, n), 0.0], norm_layer, act_layer)
            for size, n in zip(column_sizes, layers, strict=True)
        )
        self.merge = Layer(count * layer_width, hidden_size, hidden_rate, norm_layer, act_layer)

    def hidden(self, x: Tensor) -> Tensor:
        parts = x.split(self.column_sizes, dim=1)
        return self.merge(torch.cat([column(parts[i]) for i, column in enumerate(self.columns)], dim=1))
