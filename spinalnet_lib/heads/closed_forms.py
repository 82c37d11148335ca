"""The size of every registered head as a formula of its arguments; `head_cost` looks them up here.

Sizes are checked by building the head on the meta device, where nothing is computed, or by the head's own check.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from .base import drop_rates, layer_factory
from .controls import OverlapSpinalHead, matched_width
from .counting import HeadCost, closed_form, head_cost, linears_cost, mlp_cost
from .dense import LinearHead, MLPHead
from .registry import create_head
from .spinal import check_spine, split_sizes
from .widths import width_for_parameters


@closed_form
def linear(in_features: int, num_classes: int, drop_rate: float | Sequence[float] = 0.0) -> HeadCost:
    with torch.device("meta"):
        LinearHead(in_features, num_classes, drop_rate)  # its checks are ours
    return linears_cost([(in_features, num_classes)])


@closed_form
def mlp(
    in_features: int,
    num_classes: int,
    hidden_sizes: int | Sequence[int],
    drop_rate=0.0,
    norm_layer=None,
    act_layer=nn.ReLU,
) -> HeadCost:
    with torch.device("meta"):
        sizes = MLPHead(in_features, num_classes, hidden_sizes, drop_rate, act_layer=act_layer).hidden_sizes
    return mlp_cost(in_features, num_classes, sizes, norm_layer)


@closed_form
def spinal(
    in_features: int,
    num_classes: int,
    layer_width: int,
    num_layers: int = 4,
    num_splits: int = 2,
    drop_rate=0.0,
    norm_layer=None,
    act_layer=nn.ReLU,
) -> HeadCost:
    check_spine(in_features, num_classes, layer_width, num_layers, num_splits)
    drop_rates("SpinalHead", drop_rate, num_layers + 1)
    layer_factory("act_layer", act_layer)
    return _spine_cost(_read_sizes(in_features, num_layers, num_splits), num_classes, layer_width, norm_layer)


def _read_sizes(in_features: int, num_layers: int, num_splits: int) -> list[int]:
    sizes = split_sizes(in_features, num_splits)
    return [sizes[i % num_splits] for i in range(num_layers)]


def _spine_cost(
    read_sizes: Sequence[int], num_classes: int, layer_width: int, norm_layer, chained=True, all_feed_output=True
) -> HeadCost:
    """Layers that read so many features each, and (`chained`) the layer before."""
    shapes = [(size + (layer_width if chained and i else 0), layer_width) for i, size in enumerate(read_sizes)]
    hidden = layer_width * (len(read_sizes) if all_feed_output else 1)
    return linears_cost([*shapes, (hidden, num_classes)], norm_layer, [layer_width] * len(read_sizes))


def _build(name: str, in_features: int, num_classes: int, **kwargs) -> nn.Module:
    """The head on the meta device: its checks are the closed form's, and its defaults."""
    with torch.device("meta"):
        return create_head(name, in_features, num_classes, **kwargs)


@closed_form
def spinal_no_chain(in_features: int, num_classes: int, norm_layer=None, **kwargs) -> HeadCost:
    head = _build("spinal_no_chain", in_features, num_classes, **kwargs)
    sizes = _read_sizes(in_features, head.num_layers, head.num_splits)
    return _spine_cost(sizes, num_classes, head.layer_width, norm_layer, chained=False)


@closed_form
def spinal_last(in_features: int, num_classes: int, norm_layer=None, **kwargs) -> HeadCost:
    head = _build("spinal_last", in_features, num_classes, **kwargs)
    sizes = _read_sizes(in_features, head.num_layers, head.num_splits)
    return _spine_cost(sizes, num_classes, head.layer_width, norm_layer, all_feed_output=False)


@closed_form
def spinal_random_mask(in_features: int, num_classes: int, norm_layer=None, mask_seed: int = 0, **kwargs) -> HeadCost:
    return spinal(in_features, num_classes, norm_layer=norm_layer, **kwargs)


@closed_form
def spinal_full(in_features: int, num_classes: int, layer_width: int, num_layers: int = 4, **kwargs) -> HeadCost:
    return spinal(in_features, num_classes, layer_width, num_layers, num_splits=1, **kwargs)


@closed_form
def spinal_overlap(in_features: int, num_classes: int, norm_layer=None, **kwargs) -> HeadCost:
    head: OverlapSpinalHead = _build("spinal_overlap", in_features, num_classes, **kwargs)
    splits = split_sizes(in_features, head.num_splits)
    shared = [round(head.overlap * size) for size in splits]
    padded = [0, *shared, 0]  # a split at the edge has no neighbour there
    windows = [size + padded[j] + padded[j + 2] for j, size in enumerate(splits)]
    sizes = [windows[i % head.num_splits] for i in range(head.num_layers)]
    return _spine_cost(sizes, num_classes, head.layer_width, norm_layer)


@closed_form
def spinal_spatial(in_features: int, num_classes: int, norm_layer=None, **kwargs) -> HeadCost:
    head = _build("spinal_spatial", in_features, num_classes, **kwargs)
    sizes = [in_features // head.num_splits] * head.num_layers
    return _spine_cost(sizes, num_classes, head.layer_width, norm_layer)


@closed_form
def spinal_shared(in_features: int, num_classes: int, norm_layer=None, **kwargs) -> HeadCost:
    """The shared layer has its weights once and its MACs at every layer but the first."""
    head = _build("spinal_shared", in_features, num_classes, **kwargs)
    width, size = head.layer_width, -(-in_features // head.num_splits)
    shapes = [(size, width), (size + width, width)][: head.num_layers]
    once = linears_cost([*shapes, (head.num_layers * width, num_classes)], norm_layer, [width] * len(shapes))
    repeats = max(head.num_layers - 2, 0)
    return HeadCost(once.weights, once.parameters, once.macs + repeats * (size + width) * width)


@closed_form
def progressive(in_features: int, num_classes: int, norm_layer=None, **kwargs) -> HeadCost:
    """d·w + Σ (d + iw)w + (d + Lw)C."""
    head = _build("progressive", in_features, num_classes, **kwargs)
    layers, width = head.num_layers, head.layer_width
    shapes = [(in_features + i * width, width) for i in range(layers)]
    return linears_cost([*shapes, (in_features + layers * width, num_classes)], norm_layer, [width] * layers)


@closed_form
def spinal_columns(
    in_features: int, num_classes: int, column_sizes, layer_width: int, num_layers=4, hidden_size: int = 50, **kwargs
) -> HeadCost:
    """One spine a column, without classifier; then the hidden layer and the classifier."""
    norm_layer = kwargs.pop("norm_layer", None)
    columns = {"column_sizes": column_sizes, "layer_width": layer_width, "num_layers": num_layers}
    _build("spinal_columns", in_features, num_classes, **columns, hidden_size=hidden_size, **kwargs)
    layers = list(num_layers) if isinstance(num_layers, Sequence) else [num_layers] * len(column_sizes)
    shapes = [
        (split_sizes(size, 2)[i % 2] + (layer_width if i else 0), layer_width)
        for size, n in zip(column_sizes, layers, strict=True)
        for i in range(n)
    ]
    shapes += [(sum(layers) * layer_width, hidden_size), (hidden_size, num_classes)]
    return linears_cost(shapes, norm_layer, [layer_width] * sum(layers) + [hidden_size])


@closed_form
def mlp_matched(in_features: int, num_classes: int, norm_layer=None, act_layer=nn.ReLU, **spine) -> HeadCost:
    return _matched(in_features, num_classes, 1, False, norm_layer, act_layer, spine)


@closed_form
def mlp_deep(in_features: int, num_classes: int, norm_layer=None, act_layer=nn.ReLU, **spine) -> HeadCost:
    return _matched(in_features, num_classes, spine.get("num_layers", 4), False, norm_layer, act_layer, spine)


@closed_form
def mlp_deep_skip(in_features: int, num_classes: int, norm_layer=None, act_layer=nn.ReLU, **spine) -> HeadCost:
    return _matched(in_features, num_classes, spine.get("num_layers", 4), True, norm_layer, act_layer, spine)


def _matched(in_features, num_classes, depth, skips, norm_layer, act_layer, spine) -> HeadCost:
    layer_factory("act_layer", act_layer)
    width = matched_width(in_features, num_classes, depth, skips, norm_layer, **spine)
    return mlp_cost(in_features, num_classes, [width] * depth, norm_layer, skips)


@closed_form
def spinal_big(in_features: int, num_classes: int, hidden_sizes, norm_layer=None, **kwargs) -> HeadCost:
    budget = head_cost("mlp", in_features, num_classes, hidden_sizes=hidden_sizes, norm_layer=norm_layer).parameters
    spine = {key: kwargs[key] for key in ("num_layers", "num_splits") if key in kwargs}
    width = width_for_parameters("spinal", budget, in_features, num_classes, norm_layer=norm_layer, **spine)
    return spinal(in_features, num_classes, width, norm_layer=norm_layer, **kwargs)
