"""Heads for inference: norms folded into the weights, and what a spine reads from its features multiplied at once."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_linear_bn_eval

from .base import Head, Layer
from .dropout import CheapDropout
from .spinal import SpinalHead


def fuse_head(head: Head) -> FusedHead:
    """A copy of a head for inference: the same `(N, in_features) -> (N, num_classes)`, up to rounding, in less time.

    It has no dropout, each BatchNorm1d is folded into the Linear before it, and a spinal head multiplies its features by the
    weights of all layers that read them in one product each, before the chain begins. Other norms stay. `head` stays as it
    is, and what is written into it later does not reach the copy: fuse it again. The copy cannot be trained: `train()`
    raises RuntimeError. What has hooks, or other classes or methods than its own, stays as it is. A fused head comes back
    as it is.

    Raises TypeError for what is no head: fuse the head of a model by `model.head = fuse_head(model.head)`. Raises
    ValueError for weights that are computed from others, as pruning has them: make them plain first.

    >>> head = SpinalHead(256, 10, layer_width=128, drop_rate=0.5, norm_layer="BatchNorm1d")
    >>> fuse_head(head)(torch.zeros(2, 256)).shape
    torch.Size([2, 10])
    """
    if isinstance(head, FusedHead):
        return head
    if not isinstance(head, Head):
        is_model = isinstance(getattr(head, "head", None), Head)
        remedy = "pass the model's .head" if is_model else "pass what create_head built"
        raise TypeError(f"fuse_head takes a head, got {type(head).__name__}; {remedy}")
    try:
        twin = copy.deepcopy(head).eval().requires_grad_(False)
    except RuntimeError as error:
        computed = [name for name, layer in head.named_modules() if any(map(_is_computed, vars(layer).values()))]
        remedy = "make it plain first, as torch.nn.utils.prune.remove does"
        raise ValueError(f"fuse_head: {', '.join(computed)} has a weight that is computed; {remedy}") from error
    for parent in list(twin.modules()):
        _fold_norm(parent)
        for name, child in list(parent.named_children()):
            if type(child) in (nn.Dropout, CheapDropout) and not _is_changed(child):
                setattr(parent, name, nn.Identity())
            elif isinstance(child, Head):  # a column
                setattr(parent, name, fuse_head(child))
    return FusedHead(twin)


class FusedHead(nn.Module):
    """What `fuse_head` makes: `(N, in_features) -> (N, num_classes)`, or `(N, head_hidden_size)` if `pre_logits`."""

    def __init__(self, head: Head):
        super().__init__()
        self.head = head
        self.spine = FusedSpine(head) if _is_plain_spine(head) else None
        if self.spine is not None:
            del head.layers  # their weights stand in the spine
        self.eval()

    def forward(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        if self.spine is None:
            return self.head(x, pre_logits)
        self.head.check_input(x)
        x = self.spine(self.head.read(x))
        return x if pre_logits or not self.head.num_classes else self.head.logits(x)

    @property
    def num_classes(self) -> int:
        return self.head.num_classes

    @property
    def in_features(self) -> int:
        return self.head.in_features

    @property
    def head_hidden_size(self) -> int:
        return self.head.head_hidden_size

    @property
    def classifier(self) -> nn.Module:
        return self.head.classifier

    def reset(self, num_classes: int) -> None:
        raise RuntimeError("a fused head is for inference only; reset the head that it was made from, then fuse it")

    def train(self, mode: bool = True) -> FusedHead:
        if mode:
            raise RuntimeError("a fused head is for inference only; train the head that it was made from, then fuse it")
        return super().train(False)


class FusedSpine(nn.Module):
    """The chain of a spinal head: what its layers read, one `(N, size)` a layer, to `(N, head_hidden_size)`.

    A layer computes act(W x + V y + b), with features x and the output y of the layer before. V y has to wait for y; W x + b
    has not, so layers that read the same features take theirs from one product.
    """

    def __init__(self, head: SpinalHead):
        super().__init__()
        reads = head.read(torch.arange(head.in_features, device=head.layers[0].linear.weight.device)[None])
        readers: dict[tuple[int, ...], list[int]] = {}  # features -> the layers that read them
        for i, features in enumerate(reads):
            readers.setdefault(tuple(features[0].tolist()), []).append(i)
        self.readers = list(readers.values())
        self.width, self.all_layers_feed_output = head.layer_width, head.all_layers_feed_output
        weights = [layer.linear.weight for layer in head.layers]
        biases = [layer.linear.bias for layer in head.layers]
        sizes = [features.shape[1] for features in reads]

        def frozen(tensors: list[Tensor]) -> nn.ParameterList:
            return nn.ParameterList(nn.Parameter(tensor.contiguous(), requires_grad=False) for tensor in tensors)

        self.input_weights = frozen([torch.cat([weights[i][:, : sizes[i]] for i in group]) for group in self.readers])
        self.input_biases = frozen([torch.cat([biases[i] for i in group]) for group in self.readers])
        chain = enumerate(weights[1:] if head.chained else [], start=1)
        self.chain_weights = frozen([weight[:, sizes[i] :].T for i, weight in chain])
        self.norms = nn.ModuleList(layer.norm for layer in head.layers)
        self.acts = nn.ModuleList(layer.act for layer in head.layers)

    def forward(self, reads: list[Tensor]) -> Tensor:
        products: dict[int, Tensor] = {}
        for group, weight, bias in zip(self.readers, self.input_weights, self.input_biases, strict=True):
            parts = F.linear(reads[group[0]], weight, bias).split(self.width, dim=1)
            products |= dict(zip(group, parts, strict=True))
        outputs: list[Tensor] = []
        for i, (norm, act) in enumerate(zip(self.norms, self.acts, strict=True)):
            x = products[i]
            if outputs and len(self.chain_weights):
                x = torch.addmm(x, outputs[-1], self.chain_weights[i - 1])
            outputs.append(act(norm(x)))
        return torch.cat(outputs, dim=1) if self.all_layers_feed_output else outputs[-1]


def _is_plain_spine(head: Head) -> bool:
    """Whether the head computes what `FusedSpine` does: a subclass may compute something else, and a hook may, too."""
    own = type(head).hidden is SpinalHead.hidden and type(head).forward is Head.forward
    return own and not _is_changed(head) and all(_is_plain_layer(layer) for layer in head.layers)


def _is_plain_layer(layer: nn.Module) -> bool:
    linear = type(layer) is Layer and type(layer.linear) is nn.Linear and layer.linear.bias is not None
    return (
        linear
        and type(layer.drop) in (nn.Identity, nn.Dropout, CheapDropout)
        and not any(map(_is_changed, layer.modules()))
    )


def _is_changed(module: nn.Module) -> bool:
    """Whether a hook, or a method that was put into this one instance, may change what the module computes."""
    return bool(
        module._forward_hooks or module._forward_pre_hooks or vars(module).keys() & {"forward", "hidden", "read"}
    )


def _is_computed(value: object) -> bool:
    return isinstance(value, Tensor) and not value.is_leaf


def _fold_norm(layer: nn.Module) -> None:
    """Put a BatchNorm1d that evaluation leaves fixed into the Linear before it, in double precision."""
    if not _is_plain_layer(layer) or type(layer.norm) is not nn.BatchNorm1d or layer.norm.running_mean is None:
        return
    dtype, norm = layer.linear.weight.dtype, layer.norm.double()
    if not norm.affine:
        norm.weight = nn.Parameter(torch.ones_like(norm.running_var))
        norm.bias = nn.Parameter(torch.zeros_like(norm.running_mean))
    layer.linear = fuse_linear_bn_eval(layer.linear.double(), norm).to(dtype).requires_grad_(False)
    layer.norm = nn.Identity()
