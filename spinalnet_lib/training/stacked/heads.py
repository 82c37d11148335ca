"""Many heads of one shape computed at once: a member a slice, its weights, its dropout masks and its batch its own.

Three things make a stack fast where a loop over heads is slow: one call does the work of all members, all that a layer
or the classifier reads is multiplied apart, so that nothing is copied together and no gradient is computed for features,
and narrow layers that read the same features share one product.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...heads.base import Head
from ...heads.dense import LinearHead, MLPHead
from ...heads.spinal import SpinalHead

_WIDE = 64  # outputs of a layer whose product gains nothing from more columns


class StackedHeads:
    """The heads of `M` members as one: features `(M, B, in_features)` to logits `(M, B, num_classes)`.

    `weights` are the leaves to train, each `(M, …)`; they are copied from `heads` and given back by `write_back`. Members
    may differ in their dropout rates. Raises ValueError for heads that cannot be stacked: of several shapes, with norm
    layers, with weights in an activation, or wired otherwise than `linear`, `mlp` and `spinal` with its ablations.
    """

    def __init__(self, heads: Sequence[Head]):
        self.heads = list(heads)
        head = heads[0]
        check_stackable(heads)
        layers = [[]] if isinstance(head, LinearHead) else list(zip(*(h.layers for h in heads), strict=True))
        self.layers = [members for members in layers if members]
        self.act = self.layers[0][0].act if self.layers else nn.Identity()
        drops = [[layer.drop for layer in members] for members in self.layers] + [[h.classifier_drop for h in heads]]
        self.rates = [[drop.p if isinstance(drop, nn.Dropout) else 0.0 for drop in members] for members in drops]
        self.reads = _reads(head)
        self.all_feed = getattr(head, "all_layers_feed_output", False)
        self.weights: list[Tensor] = []
        self._take_weights()

    def _take_weights(self) -> None:
        """A leaf for each set of features that is read, each chain, and the biases; features come first in a layer's weight."""
        # Narrow layers that read the same features share a product, unless they drop some.
        groups: dict[object, list[int]] = {}
        for i, read in enumerate(self.reads):
            alone = any(self.rates[i]) or self.layers[i][0].linear.out_features >= _WIDE
            if len(read):
                groups.setdefault(i if alone else tuple(read.tolist()), []).append(i)
        self.groups = [(_as_slice(self.reads[members[0]]), members) for members in groups.values()]
        linears = [[layer.linear for layer in members] for members in self.layers]
        sizes = [len(read) for read in self.reads]
        self.from_features = [
            self._leaf(torch.cat([_stack(linears[i], lambda w, i=i: w[:, : sizes[i]].T) for i in members], 2))
            for _, members in self.groups
        ]
        self.from_before = [
            self._leaf(_stack(linear, lambda w, i=i: w[:, sizes[i] :].T)) if linear[0].in_features > sizes[i] else None
            for i, linear in enumerate(linears)
        ]
        self.biases = [
            self._leaf(torch.stack([layer.bias.detach() for layer in linear])[:, None]) for linear in linears
        ]
        classifiers = [head.classifier for head in self.heads]
        self.classifier = self._leaf(_stack(classifiers, lambda w: w))
        self.classifier_bias = self._leaf(torch.stack([layer.bias.detach() for layer in classifiers])[:, :, None])

    def _leaf(self, tensor: Tensor) -> Tensor:
        leaf = tensor.detach().clone(memory_format=torch.contiguous_format).requires_grad_()
        self.weights.append(leaf)
        return leaf

    @torch.no_grad()
    def write_back(self) -> None:
        """Copy the weights into the heads that they came from."""
        for (_, members), weights in zip(self.groups, self.from_features, strict=True):
            for i, part in zip(members, weights.chunk(len(members), 2), strict=True):
                for layer, weight in zip(self.layers[i], part, strict=True):
                    layer.linear.weight[:, : len(self.reads[i])].copy_(weight.T)
        for i, (before, bias) in enumerate(zip(self.from_before, self.biases, strict=True)):
            for m, layer in enumerate(self.layers[i]):
                layer.linear.bias.copy_(bias[m, 0])
                if before is not None:
                    layer.linear.weight[:, len(self.reads[i]) :].copy_(before[m].T)
        for m, head in enumerate(self.heads):
            head.classifier.weight.copy_(self.classifier[m])
            head.classifier.bias.copy_(self.classifier_bias[m, :, 0])

    def __call__(self, x: Tensor, generators: Sequence[torch.Generator] | None = None) -> Tensor:
        """Logits of features `(M, B, in_features)`, or of `(B, in_features)` that all members share.

        With `generators`, one a member, dropout is drawn from them as the members' own heads would draw it.
        """
        x = x.expand(len(self.heads), *x.shape[-2:])
        masks = [None] * (len(self.layers) + 1)  # drawn in the order in which a head's own forward pass draws them
        if generators is not None:
            sizes = [layer[0].linear.in_features for layer in self.layers] + [self.classifier.shape[2]]
            masks = [_masks(x, *of, generators) for of in zip(self.rates, sizes, strict=True)]
        read: dict[int, Tensor] = {}
        for (features, members), weights in zip(self.groups, self.from_features, strict=True):
            taken, mask = x[:, :, features], masks[members[0]]  # a layer with a mask shares its product with none
            taken = taken if mask is None else taken * mask[:, :, : taken.shape[2]]
            read |= zip(members, torch.bmm(taken, weights).chunk(len(members), 2), strict=True)
        outputs: list[Tensor] = []
        for i, (before, bias) in enumerate(zip(self.from_before, self.biases, strict=True)):
            z = read.get(i)
            if before is None:
                z = z + bias
            else:
                previous = outputs[-1] if masks[i] is None else outputs[-1] * masks[i][:, :, len(self.reads[i]) :]
                z = torch.baddbmm(bias, previous, before) if z is None else (z + bias).baddbmm_(previous, before)
            outputs.append(self.act(z))
        hidden = [x] if not outputs else outputs if self.all_feed else outputs[-1:]
        if masks[-1] is not None:
            hidden = [part * kept for part, kept in zip(hidden, _split_like(masks[-1], hidden), strict=True)]
        return _Classify.apply(self.classifier, self.classifier_bias, *hidden)


class _Classify(torch.autograd.Function):
    """Hidden values in parts `(M, B, K_i)`, weights `(M, C, K)` and biases `(M, C, 1)` to logits `(M, B, C)`.

    What torch's own operations would do, but that the parts are never copied together, and that no product has classes
    as its columns: there are few, and such products take twice as long.
    """

    @staticmethod
    def forward(ctx, weight: Tensor, bias: Tensor, *parts: Tensor) -> Tensor:
        ctx.save_for_backward(weight, *parts)
        logits = bias
        for part, columns in zip(parts, _split_like(weight, parts), strict=True):
            logits = torch.baddbmm(logits, columns, part.mT)
        return logits.mT

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        weight, *parts = ctx.saved_tensors
        of_weight = torch.cat([torch.bmm(gradient.mT, part) for part in parts], 2)
        needed = zip(_split_like(weight, parts), ctx.needs_input_grad[2:], strict=True)
        of_parts = [torch.bmm(gradient, columns) if needs else None for columns, needs in needed]
        return of_weight, gradient.sum(1)[:, :, None], *of_parts


def _split_like(tensor: Tensor, parts: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tensor.split([part.shape[2] for part in parts], 2)


def _masks(x: Tensor, rates: Sequence[float], size: int, generators: Sequence[torch.Generator]) -> Tensor | None:
    """Masks `(M, B, size)` that scale what is kept by 1 / (1 - rate); None where no member drops."""
    if not any(rates):
        return None
    masks = x.new_ones(len(rates), x.shape[1], size)
    for mask, rate, generator in zip(masks, rates, generators, strict=True):
        if rate:
            mask.bernoulli_(1 - rate, generator=generator).div_(1 - rate)
    return masks


def check_stackable(heads: Sequence[Head]) -> None:
    """ValueError that says why these heads cannot be one stack."""
    remedy = "train them one by one with `train`"
    for head in heads:
        shapes = [p.shape for p in head.parameters()]
        if type(head) is not type(heads[0]) or shapes != [p.shape for p in heads[0].parameters()]:
            raise ValueError(f"a stack has heads of one shape, got {heads[0]} and {head}; stack those of a shape apart")
    head = heads[0]
    kind = next((kind for kind in (LinearHead, MLPHead, SpinalHead) if isinstance(head, kind)), None)
    tied = len({*getattr(head, "layers", ())}) < len(getattr(head, "layers", ()))
    if kind is None or type(head).hidden is not kind.hidden or tied:
        raise ValueError(f"a stack cannot wire {type(head).__name__}; {remedy}")
    for layer in getattr(head, "layers", ()):
        if not isinstance(layer.norm, nn.Identity) or any(True for _ in layer.act.parameters()):
            raise ValueError(f"a stack cannot have {layer.norm} or weights in {layer.act}; {remedy}")
    if any(not torch.equal(a, b) for other in heads for a, b in zip(head.buffers(), other.buffers(), strict=True)):
        raise ValueError(f"a stack's heads read the same features, these have other masks; {remedy}")


def _reads(head: Head) -> list[Tensor]:
    """The features that each layer reads, by asking the head which of 0, 1, 2 … it would take."""
    everything = torch.arange(head.in_features)
    if isinstance(head, SpinalHead):
        return [part[0] for part in head.read(everything[None])]
    none = everything[:0]
    return [everything if i == 0 else none for i in range(len(getattr(head, "layers", ())))]


def _as_slice(index: Tensor) -> slice | Tensor:
    first, last = int(index[0]), int(index[-1])
    return slice(first, last + 1) if torch.equal(index, torch.arange(first, last + 1)) else index


def _stack(linears: Sequence[nn.Linear], part) -> Tensor:
    return torch.stack([part(linear.weight.detach()) for linear in linears])
