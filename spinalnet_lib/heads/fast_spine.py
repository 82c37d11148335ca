"""The fast way through a spinal head's layers in plain eager mode; `SpinalHead.hidden` is the readable reference.

A spine has more, narrower layers than the dense head it replaces: on a CPU the time goes into module calls, dropout
masks, norms and autograd's bookkeeping. Here parameters are read from the modules at every call, all masks come from one
draw of 64-bit words, and in training the spine is one autograd node. In evaluation without gradients the norms are folded
into the weights, and every call first makes sure that what was folded is what the modules hold (`folded_spine.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import accumulate, chain, product, repeat
from operator import itemgetter
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn import functional as F
from torch.nn.modules import module as nn_module

from .folded_spine import FoldedSpine

_KINDS = set(product((nn.Dropout, nn.Identity), (nn.Linear,), (nn.BatchNorm1d, nn.Identity), (nn.ReLU,)))
_FORWARD_HOOKS = ("_forward_hooks", "_forward_pre_hooks")
_BACKWARD_HOOKS = ("_backward_hooks", "_backward_pre_hooks")
_GLOBAL_HOOKS = {name: vars(nn_module)[f"_global{name}"] for name in _FORWARD_HOOKS + _BACKWARD_HOOKS}
_AFFINE, _STATS = ("weight", "bias"), ("running_mean", "running_var")
_affine, _stats, _training = itemgetter(*_AFFINE), itemgetter(*_STATS), itemgetter("training")
_reference_only: ContextVar[bool] = ContextVar("reference_only", default=False)  # of a thread, of a task
_relu_backward = torch.ops.aten.threshold_backward.default
_batch_norm_backward = torch.ops.aten.native_batch_norm_backward.default


def fast_hidden(head: nn.Module, x: Tensor) -> Tensor | None:
    """`head.hidden(x)` of a SpinalHead or a subclass; None where its loop must run.

    That is while torch compiles, exports, traces, transforms, autocasts or watches the calls, and for layers that are
    not made of plain Dropout, Linear, BatchNorm1d and ReLU, have hooks, or train in part. Dropout draws other masks
    than nn.Dropout, from the same generator and at the rates that `draw_masks` describes.
    """
    if not _is_plain(x) or not (head.chained and head.all_layers_feed_output and x.shape[0]):
        return None
    structure = _plain_structure(head)
    training = set(map(_training, structure.modes)) if structure else ()
    if len(training) != 1:
        return None
    reads = head.read(x)
    if True in training:
        return _train(reads, structure.layers)
    if not torch.is_grad_enabled():
        hidden = structure.folded(reads)
        if hidden is not None:
            return hidden
    return _evaluate(reads, structure.layers)


@contextmanager
def reference_loop() -> Iterator[None]:
    """Inside, heads run their readable loop and torch's own dropout: for comparisons, and for runs that are recorded."""
    token = _reference_only.set(True)
    try:
        yield
    finally:
        _reference_only.reset(token)


def fast_drop(drop: nn.Module, x: Tensor) -> Tensor:
    """`drop(x)`, by `fast_dropout` where `drop` is a plain nn.Dropout that trains."""
    if torch.compiler.is_compiling() or type(drop) is not nn.Dropout:
        return drop(x)
    hooks = drop._forward_hooks or drop._forward_pre_hooks or drop._backward_hooks or drop._backward_pre_hooks
    if hooks or any(_GLOBAL_HOOKS.values()) or "forward" in vars(drop):
        return drop(x)
    return fast_dropout(x, drop.p) if drop.training else x


def fast_dropout(x: Tensor, rate: float) -> Tensor:
    """Training-mode dropout with a mask of `draw_masks`; F.dropout where that is not possible."""
    if not _is_plain(x) or not 0 < rate < 1 or not x.numel():
        return F.dropout(x, rate)
    (mask,) = draw_masks(x, [x.numel()], [rate])
    return x * mask.view(x.shape)


def draw_masks(like: Tensor, sizes: Sequence[int], rates: Sequence[float]) -> list[Tensor | None]:
    """Flat dropout masks with the dtype and device of `like`: 0, or one over the share kept. None for a rate of 0.

    One draw of 64-bit words from torch's default generator serves all masks: nn.Dropout takes a draw an element. A
    word is cut into 8 lanes where all rates are whole 256ths (.5, .25, .125), else into 4, and a lane below its
    threshold drops. So rates are exact to 1/65536: others are rounded, and what is kept is scaled for that rate.
    """
    lane = torch.int8 if all(rate * 256 % 1 == 0 for rate in rates) else torch.int16
    steps = 2 ** (8 * lane.itemsize)
    counts = [size if rate else 0 for size, rate in zip(sizes, rates, strict=True)]
    words = torch.empty(-(-sum(counts) * lane.itemsize // 8), dtype=torch.int64, device=like.device)
    lanes = words.random_(-(2**63), None).view(lane)[: sum(counts)]
    # Straight into floats: on a CPU, boolean masks cost several times as much to make and to apply.
    masks = torch.empty(lanes.shape, dtype=like.dtype, device=like.device).split(counts)
    for part, mask, rate in zip(lanes.split(counts), masks, rates, strict=True):
        dropped = min(round(rate * steps), steps - 1)
        torch.ge(part, dropped - steps // 2, out=mask).mul_(steps / (steps - dropped))
    return [mask if count else None for mask, count in zip(masks, counts, strict=True)]


def reference_hidden(reads: Sequence[Tensor], parameters: Sequence, masks: Sequence[Tensor | None], eps) -> Tensor:
    """The training forward in differentiable calls: what `_Spine` computes, without its running statistics.

    `parameters` has weight, bias, norm weight and norm bias of each layer in turn; None for a norm left out.
    """
    outputs: list[Tensor] = []
    for i, (read, mask) in enumerate(zip(reads, masks, strict=True)):
        weight, bias, *affine = parameters[4 * i : 4 * i + 4]
        z = torch.cat([read, *outputs[-1:]], dim=1)
        y = F.linear(z if mask is None else z * mask.view(z.shape), weight, bias)
        y = y if affine[0] is None else F.batch_norm(y, None, None, *affine, training=True, eps=eps[i])
        outputs.append(y.relu())
    return torch.cat(outputs, dim=1)


def _is_plain(x: Tensor) -> bool:
    """Whether this is eager mode with nothing around that watches or changes calls, on a plain tensor."""
    if torch.compiler.is_compiling() or torch.jit.is_tracing():  # first: the compiler must not trace into the rest
        return False
    # CPU only: on a GPU the fast way has been neither tested nor timed yet. A proxy of torch.fx is no Tensor.
    if _reference_only.get() or type(x) is not Tensor:
        return False
    modes = torch._C._len_torch_function_stack() + torch._C._len_torch_dispatch_stack()
    transformed = torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0
    kinds = x.is_cpu and x.dtype in (torch.float32, torch.float64)
    return kinds and not (modes or transformed or torch._C._is_any_autocast_enabled())


class _Structure(NamedTuple):
    """What a head was made of when it was looked at closely, to see at a glance whether it still is."""

    containers: list[dict]
    content: list
    forward_hooks: list[dict]
    backward_hooks: list[dict]
    attributes: list[dict]
    layers: list[tuple[nn.Module, ...]]  # dropout, linear, norm, activation; empty if other than plain
    modes: list[dict]  # attributes of what differs between training and evaluation
    folded: FoldedSpine

    def is_plain(self) -> bool:
        # C loops over the very dicts in which modules keep hooks and attributes; a `forward` may be set on an instance.
        own = map(dict.__contains__, self.attributes, repeat("forward"))
        hooked = any(self.forward_hooks) or (torch.is_grad_enabled() and any(self.backward_hooks))
        return bool(self.layers) and not hooked and not any(own)


_STRUCTURES: WeakKeyDictionary[nn.Module, _Structure] = WeakKeyDictionary()


def _hooks(attributes: list[dict], names: tuple[str, str]) -> list[dict]:
    return [own[name] for own in (_GLOBAL_HOOKS, *attributes) for name in names]


def _content(containers: list[dict]) -> list:
    modules = list(chain.from_iterable(map(dict.values, containers)))
    return modules + list(map(type, modules))  # a parametrization changes the class of a module


def _plain_structure(head: nn.Module) -> _Structure | None:
    structure = _STRUCTURES.get(head)
    if structure is None or _content(structure.containers) != structure.content:
        from .base import Layer

        layers = [tuple(layer.children()) for layer in head.layers]
        plain = {(type(layer), *map(type, layer.children())) for layer in head.layers} <= {(Layer, *k) for k in _KINDS}
        containers = [module._modules for module in (head, head.layers, *head.layers)]
        attributes = [vars(module) for module in (*head.layers, *chain.from_iterable(layers))]
        hooks = [_hooks(attributes, names) for names in (_FORWARD_HOOKS, _BACKWARD_HOOKS)]
        content, layers = _content(containers), layers if plain else []
        modes = [vars(module) for drop, _, norm, _ in layers for module in (drop, norm)]
        structure = _Structure(containers, content, *hooks, attributes, layers, modes, FoldedSpine(layers))
        _STRUCTURES[head] = structure
    return structure if structure.is_plain() else None


def _evaluate(reads: list[Tensor], layers: list[tuple[nn.Module, ...]]) -> Tensor | None:
    outputs: list[Tensor] = []
    for read, (_, linear, norm, _) in zip(reads, layers, strict=True):
        weights = linear._parameters  # not linear.weight: nn.Module looks that up in Python
        if weights.get("weight") is None:
            return None
        y = F.linear(torch.cat((read, outputs[-1]), 1) if outputs else read, weights["weight"], weights["bias"])
        if type(norm) is not nn.Identity:
            (weight, bias), (mean, var) = _affine(norm._parameters), _stats(norm._buffers)
            if mean is None:
                return None
            y = torch.native_batch_norm(y, weight, bias, mean, var, False, 0.0, norm.eps)[0]
        outputs.append(y.relu_())  # y is new, and no backward needs it
    return torch.cat(outputs, 1)


def _train(reads: list[Tensor], layers: list[tuple[nn.Module, ...]]) -> Tensor | None:
    rates = [getattr(drop, "p", 0.0) for drop, *_ in layers]
    norms = [norm if type(norm) is nn.BatchNorm1d else None for _, _, norm, _ in layers]
    parameters = [module._parameters.get(name) for _, *owners, _ in layers for module in owners for name in _AFFINE]
    expected = [tensor for i, norm in enumerate(norms) for tensor in parameters[4 * i : 4 * i + (4 if norm else 2)]]
    expected += chain.from_iterable(_stats(norm._buffers) for norm in norms if norm)
    if (
        len(reads[0]) < 2  # batch norm refuses one sample, in its own words
        or max(rates) >= 1
        or any(norm and not norm.track_running_stats for norm in norms)
        or any(type(tensor) not in (Tensor, nn.Parameter) or tensor.dtype != reads[0].dtype for tensor in expected)
    ):
        return None
    sizes = [weight.shape[1] for weight in parameters[::4]]
    masks = draw_masks(reads[0], [len(reads[0]) * size for size in sizes], rates)
    masks = [mask if mask is None else mask.view(-1, size) for mask, size in zip(masks, sizes, strict=True)]
    return _Spine.apply(masks, norms, *reads, *parameters)


class _Spine(torch.autograd.Function):
    """The layers in training as one autograd node: its arguments are those of `reference_hidden`, flat."""

    @staticmethod
    def forward(ctx, masks: list[Tensor | None], norms: list[nn.BatchNorm1d | None], *tensors) -> Tensor:
        n, depth = len(tensors[0]), len(masks)
        stops = [0, *accumulate(len(weight) for weight in tensors[depth::4])]
        hidden = tensors[0].new_empty(n, stops[-1])
        kept = []  # of each layer: mask, masked input and, for its norm, the linear's output and the batch's mean and 1/σ
        for i, (mask, norm) in enumerate(zip(masks, norms, strict=True)):
            weight, bias, *affine = tensors[depth + 4 * i : depth + 4 * i + 4]
            parts = [tensors[i], hidden[:, stops[i - 1] : stops[i]]] if i else [tensors[i]]
            z = torch.cat(parts, 1)
            z = z if mask is None else z.mul_(mask)
            y = F.linear(z, weight, bias)
            kept += [mask, z, y if norm else None, None, None]
            if norm:
                affine += _stats(norm._buffers)
                y, *kept[-2:] = torch.native_batch_norm(y, *affine, True, _count_batch(norm), norm.eps)
            torch.clamp_min(y, 0, out=hidden[:, stops[i] : stops[i + 1]])
        ctx.save_for_backward(*tensors, *kept, hidden)
        ctx.stops, ctx.eps = stops, [norm.eps if norm else 0.0 for norm in norms]
        return hidden

    @staticmethod
    def backward(ctx, grad: Tensor):
        depth, stops, needed = len(ctx.eps), ctx.stops, ctx.needs_input_grad[2:]
        *saved, hidden = ctx.saved_tensors
        tensors, kept = saved[: 5 * depth], saved[5 * depth :]
        # create_graph=True: the gradient is to be differentiated again. Batched: vmap knows differentiable calls only.
        create_graph = torch.is_grad_enabled()
        if create_graph or _is_batched(grad):
            with torch.enable_grad():
                # Aliases, as layers may read the very same split: each place is to get its own share of the gradient.
                places = [tensor if tensor is None else tensor.view_as(tensor) for tensor in tensors]
                again = reference_hidden(places[:depth], places[depth:], kept[::5], ctx.eps)
            asked = [place for place, need in zip(places, needed, strict=True) if need]
            found = iter(torch.autograd.grad(again, asked, grad, create_graph=create_graph))
            return None, None, *(next(found) if need else None for need in needed)
        grads: list[Tensor | None] = [None] * len(tensors)
        later = None  # the gradient of this layer's output that comes through the next layer
        for i in reversed(range(depth)):
            at, (mask, z, y, mean, scale) = depth + 4 * i, kept[5 * i : 5 * i + 5]
            d = grad[:, stops[i] : stops[i + 1]]
            d = _relu_backward(d if later is None else later.add_(d), hidden[:, stops[i] : stops[i + 1]], 0)
            if y is not None:
                batch = (tensors[at + 2], None, None, mean, scale, True, ctx.eps[i], [True] * 3)
                d, *grads[at + 2 : at + 4] = _batch_norm_backward(d, y, *batch)
            grads[at] = d.t().mm(z) if needed[at] else None
            grads[at + 1] = d.sum(0) if needed[at + 1] else None
            size = tensors[i].shape[1]
            skip = 0 if needed[i] else size  # a network's features need a gradient, those of a head alone do not
            if i or needed[i]:
                d = d.mm(tensors[at][:, skip:])
                d = d if mask is None else d.mul_(mask[:, skip:])
                grads[i], later = (d[:, :size] if needed[i] else None), d[:, size - skip :]
        return None, None, *grads


def _is_batched(tensor: Tensor) -> bool:
    """Whether vmap carries many tensors in this one, as in `torch.autograd.grad(..., is_grads_batched=True)`."""
    functorch = torch._C._functorch
    return functorch.is_batchedtensor(tensor) or functorch.is_legacy_batchedtensor(tensor)


def _count_batch(norm: nn.BatchNorm1d) -> float:
    """Count a batch as nn.BatchNorm1d does, and return the weight of its statistics in the running ones."""
    tracked = norm._buffers.get("num_batches_tracked")
    if tracked is not None:
        tracked.add_(1)
    if norm.momentum is None:  # a cumulative mean
        return 0.0 if tracked is None else 1.0 / float(tracked)
    return norm.momentum
