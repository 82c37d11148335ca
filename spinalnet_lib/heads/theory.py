"""Claims of SpinalNet (arXiv 2007.03347) as code: exact conversions between dense and spinal heads, gradients by depth.

A conversion draws no random numbers; its result has the dtype, the device and the mode of the head it was made from.
"""

from __future__ import annotations

import copy
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..checks import check_int
from .base import Head, Layer
from .dense import MLPHead
from .spinal import SpinalHead, split_sizes


def as_spine(mlp: MLPHead, units_per_layer: int | None = None) -> SpinalHead:
    """A dense ReLU head as a spinal head of two splits that computes the same function.

    Two spinal layers make `units_per_layer` hidden units: the first reads split A and passes the partial sums
    `a = W_A x_A` on as `relu(a)` and `relu(-a)`, the second computes `relu(relu(a) - relu(-a) + W_B x_B + b)`. The
    classifier reads finished units only. With `units_per_layer=1`, `n` units take width 2 and `2n` layers: spinal
    heads of width 2 are universal approximators, as networks of one hidden layer are (claim C5). With None, all units
    are made at once, in width `2n` and 2 layers; further hidden layers then take one spinal layer each (claim C6).
    One feature makes one split, which all layers read.

    Raises TypeError if `mlp` is no MLPHead and ValueError if it has norm, dropout, no classifier, an activation other
    than ReLU, or several hidden layers together with a `units_per_layer` below the first one's width.

    >>> as_spine(MLPHead(20, 7, hidden_sizes=5), units_per_layer=1)  # doctest: +ELLIPSIS
    SpinalHead(
      in_features=20, num_classes=7, layer_width=2, num_layers=10, num_splits=2
      ...
    """
    if not isinstance(mlp, MLPHead):
        raise TypeError(f"as_spine converts an MLPHead, got {type(mlp).__name__}; pass MLPHead(...), or keep the head")
    if not mlp.num_classes:
        raise ValueError("as_spine: num_classes=0 leaves no classifier; give the head one with reset(num_classes)")
    _check_layers("as_spine", mlp, (nn.Identity,))
    drop = next((module for module in mlp.modules() if isinstance(module, nn.Dropout)), None)
    if drop is not None:
        raise ValueError(f"as_spine: the head has {drop}; build it with drop_rate=0 and load this one's state_dict")
    first, *deeper = (layer.linear for layer in mlp.layers)
    units = first.out_features
    group = units if units_per_layer is None else min(units, check_int("as_spine", "units_per_layer", units_per_layer))
    if deeper and group < units:
        raise ValueError(f"as_spine: units_per_layer={group} takes one hidden layer, not {mlp.hidden_sizes}; pass None")

    width = max([2 * group, *(linear.out_features for linear in deeper)])
    pairs = -(-units // group)
    spine = _blank(mlp, SpinalHead, width, 2 * pairs + len(deeper), min(2, mlp.in_features))
    layers = [layer.linear for layer in spine.layers]
    cut = split_sizes(mlp.in_features, spine.num_splits)[0]
    columns: list[Tensor] = []  # where in the pre-logits each finished unit stands, by hidden layer
    with torch.no_grad():
        for j in range(pairs):
            weight, bias = first.weight[j * group : (j + 1) * group], first.bias[j * group : (j + 1) * group]
            n, (partial, whole) = len(bias), layers[2 * j : 2 * j + 2]
            partial.weight[: 2 * n, :cut] = torch.cat([weight[:, :cut], -weight[:, :cut]])
            whole.weight[:n, : mlp.in_features - cut] = weight[:, cut:]  # none, of one feature
            eye = torch.eye(n).to(weight)
            whole.weight[:n, -width:][:, : 2 * n] = torch.cat([eye, -eye], dim=1)
            whole.bias[:n] = bias
        starts = torch.arange(pairs) * 2 * width + width
        columns.append((starts[:, None] + torch.arange(group)).flatten()[:units])
        for j, linear in enumerate(deeper, start=2):
            n = linear.out_features
            layers[j].weight[:n, -width:][:, : linear.in_features] = linear.weight
            layers[j].bias[:n] = linear.bias
            columns.append(j * width + torch.arange(n))
        read = torch.cat(columns if mlp.all_layers_feed_output else columns[-1:]).to(first.weight.device)
        spine.classifier.weight[:, read] = mlp.classifier.weight
        spine.classifier.bias.copy_(mlp.classifier.bias)
    return spine


def as_masked_mlp(head: SpinalHead) -> MLPHead:
    """A spinal head without chain as one hidden layer: each unit has zero weights outside the features it reads.

    Takes a head whose layers do not read the one before and all feed the classifier, such as `spinal_no_chain`, with
    ReLU, with or without BatchNorm1d. Pre-logits and logits are the same in evaluation mode. Training the result
    fills the zeros. The dropout of the layers is left out: a spinal layer draws its own, one hidden layer draws one
    for all units. Raises TypeError for another type of head, ValueError for another norm or activation.
    """
    if not isinstance(head, SpinalHead) or head.chained or not head.all_layers_feed_output:
        raise (ValueError if isinstance(head, SpinalHead) else TypeError)(
            f"as_masked_mlp converts a spinal head without chain whose layers all feed the classifier, got "
            f"{type(head).__name__}; build one with create_head('spinal_no_chain', ...)"
        )
    _check_layers("as_masked_mlp", head, (nn.Identity, nn.BatchNorm1d))
    width, norms = head.layer_width, [layer.norm for layer in head.layers]
    rates, norm_layer = (0.0, getattr(head.classifier_drop, "p", 0.0)), None
    if isinstance(norms[0], nn.BatchNorm1d):
        options = ("eps", "momentum", "affine", "track_running_stats")
        norm_layer = partial(nn.BatchNorm1d, **{option: getattr(norms[0], option) for option in options})
    mlp = _blank(head, MLPHead, head.num_layers * width, rates, norm_layer)
    hidden = mlp.layers[0]
    features = torch.arange(head.in_features, device=hidden.linear.weight.device)[None]
    with torch.no_grad():
        for i, (layer, index) in enumerate(zip(head.layers, head.read(features), strict=True)):
            hidden.linear.weight[i * width : (i + 1) * width, index[0]] = layer.linear.weight
        hidden.linear.bias.copy_(torch.cat([layer.linear.bias for layer in head.layers]))
    states = [norm.state_dict() for norm in norms]
    # `num_batches_tracked` is one number, the same in all layers; the rest is one number a unit.
    hidden.norm.load_state_dict(
        {key: torch.cat([state[key] for state in states]) if value.dim() else value for key, value in states[0].items()}
    )
    mlp.classifier.load_state_dict(head.classifier.state_dict())
    return mlp


def layer_gradient_norms(head: Head, x: Tensor, y: Tensor) -> list[float]:
    """Norm of the cross entropy's gradient with respect to the weights of each hidden Linear, first layer first.

    `x` is `(N, in_features)`, `y` the N labels. For heads with `layers`, such as spinal heads and MLPs, in the mode
    they are in. Leaves the head as it was, its gradients and running statistics included, and the random
    generators, too. Raises TypeError for a head without hidden layers, ValueError for other labels.
    """
    layers = getattr(head, "layers", None)
    if not isinstance(layers, nn.ModuleList) or not all(isinstance(layer, Layer) for layer in layers):
        raise TypeError(f"layer_gradient_norms reads a spinal head or an MLPHead, got {type(head).__name__}; pass one")
    if not head.num_classes:
        raise ValueError("layer_gradient_norms: num_classes=0 leaves no loss; call reset(num_classes) first")
    # A copy, as a forward pass in training mode changes running statistics; and weights may be frozen.
    twin = copy.deepcopy(head).requires_grad_(True)
    devices = [x.device] if isinstance(x, Tensor) and x.is_cuda else []
    with torch.enable_grad(), torch.random.fork_rng(devices):
        logits = twin(x)
        _check_labels(y, *logits.shape)
        gradients = torch.autograd.grad(F.cross_entropy(logits, y), [layer.linear.weight for layer in twin.layers])
    return [torch.linalg.vector_norm(gradient).item() for gradient in gradients]


def _check_labels(y: Tensor, n: int, num_classes: int) -> None:
    """cross_entropy's own words name neither the argument nor the remedy."""
    fits = isinstance(y, Tensor) and y.dtype == torch.int64 and y.shape == (n,) and n
    if not fits or y.min() < 0 or y.max() >= num_classes:
        remedy = f"pass int64 labels from 0 to {num_classes - 1}, one for each of the {n} rows, at least one"
        raise ValueError(f"layer_gradient_norms: y={y}; {remedy}")


def _check_layers(owner: str, head: MLPHead | SpinalHead, norms: tuple[type[nn.Module], ...]) -> None:
    for layer in head.layers:
        if type(layer.act) is not nn.ReLU or type(layer.norm) not in norms:
            remedy = " or nn.BatchNorm1d" if nn.BatchNorm1d in norms else ""
            raise ValueError(
                f"{owner}: the head has the activation {layer.act} and the norm {layer.norm}; "
                f"build it with act_layer=nn.ReLU and norm_layer=None{remedy}"
            )


def _blank(like: Head, kind: type[Head], *sizes) -> Head:
    """A head of this kind, of zeros, with the features, classes, dtype, device, mode and background class of `like`."""
    with torch.device("meta"):  # where initial weights are not drawn
        head = kind(like.in_features, like.num_classes, *sizes)
        if like.background_class:
            head.add_background_class()
    weight = like.layers[0].linear.weight
    head.to_empty(device=weight.device).to(weight.dtype)
    for parameter in head.parameters():
        nn.init.zeros_(parameter)
    return head.train(like.training)
