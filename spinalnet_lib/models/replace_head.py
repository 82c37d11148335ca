"""A head of ours in a model that somebody else defined: torchvision's, timm's, or a `Classifier`."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import partial

import torch
from torch import Tensor, nn

from ..checks import check_int
from ..heads.base import Head
from ..heads.registry import create_head, find_head
from .classifier import Classifier

# Where torchvision's models, and most that are written like them, keep their classifier.
_ATTRIBUTES = ("fc", "classifier", "head", "heads")
# The auxiliary classifiers of torchvision's googlenet and inception_v3, which run in training mode only.
_AUXILIARY = ("aux1.fc2", "aux2.fc2", "AuxLogits.fc")

_TIMM = "get_classifier()"

Make = Callable[[int], nn.Module]  # in_features -> head


class _Refusal(ValueError):
    """Why one place in a model cannot take the head."""


def replace_head(
    model: nn.Module,
    head: str,
    num_classes: int | None = None,
    *,
    where: str | None = None,
    input_size: tuple[int, int, int] | None = None,
    **head_kwargs,
) -> nn.Module:
    """Put the registered `head` in place of the classifier of `model` and return `model`: images to `(N, num_classes)`.

    Takes torchvision's classification models, models with timm's `get_classifier` and `reset_classifier`, our
    `Classifier`, and models that keep their classifier in `fc`, `classifier`, `head` or `heads`; of others the last Linear
    is tried. `where` names the place instead, "_fc" or "net.out" as in `named_modules`. A stack of
    layers is replaced from its first Linear on. `num_classes=None` keeps the number of classes; `head_kwargs` go to
    `create_head`. All else stays as it is: other weights, mode, random generators, and any dropout that the model has
    before its classifier (timm's `drop_rate`). The head is drawn from the
    generator's present state, so that two calls give the same weights unless you seed in between.

    The change is first made on a copy without memory, which is run on an image of the model's own size or of
    `input_size` (C, H, W). Raises ValueError, with `model` untouched, unless the output has shape `(N, num_classes)`
    and every parameter of the head gets a gradient.

    >>> from spinalnet_lib import create_model
    >>> model = replace_head(create_model("vgg5", "linear", 10), "spinal", 3, layer_width=16)
    >>> model(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 3])
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"replace_head takes a built model, got {model!r} ({type(model).__name__}); pass an nn.Module")
    # As torch.compile, DataParallel and AveragedModel hold a model, and nothing else.
    inner = next(
        (name for name in ("_orig_mod", "module") if [*model.children()] == [getattr(model, name, None)]), None
    )
    if inner and where is None:
        raise ValueError(f"replace_head: {type(model).__name__} wraps a model; pass model.{inner}, then wrap it again")
    find_head(head)
    if num_classes is not None:
        check_int("replace_head", "num_classes", num_classes, remedy="pass 1 or more, or None to keep the number")
    if input_size is not None and (not isinstance(input_size, (tuple, list)) or len(input_size) != 3):
        raise ValueError(f"replace_head: input_size={input_size!r} is not (C, H, W); pass three whole numbers")
    for number in input_size or ():
        check_int("replace_head", "every number of input_size", number)
    shapes = _input_shapes(model) if input_size is None else [tuple(input_size)]
    reasons = []
    # Anomaly detection reads numbers, and the copy without memory has none.
    quiet = torch.autograd.set_detect_anomaly(False)
    with quiet, _kept_generators(), torch.inference_mode(False), torch.enable_grad():
        places = _places(model, where)
        for place, old_classes in places.items():
            classes = num_classes or old_classes
            if not classes:
                raise ValueError(f"replace_head: {place} gives no classes that could be kept; pass num_classes")
            make = partial(create_head, head, num_classes=classes, **head_kwargs)
            try:
                _prove(model, place, make, classes, shapes)
            except _Refusal as reason:
                reasons.append(f"{place}: {str(reason).rstrip('.')}")
                continue
            _wire(model, place, make, classes)
            if isinstance(model, Classifier) and model.arguments:
                model.record_head(head, classes, head_kwargs)
            return model
    raise ValueError(
        f"replace_head cannot put a head into {type(model).__name__}. "
        + ("; ".join(reasons) or f"None of {', '.join(_ATTRIBUTES)} holds a Linear")
        + f". If it reads other images, pass input_size=(C, H, W); if not, {_other_places(model, places)}"
    )


def _places(model: nn.Module, where: str | None) -> dict[str, int]:
    """Where the classifier may be, and how many classes it gives there."""
    if where is not None:
        if not isinstance(where, str):
            raise TypeError(f"replace_head: where={where!r} is no name; pass a string, as in named_modules")
        named = dict(model.named_modules())
        if not where or where not in named:
            raise ValueError(f"replace_head: where={where!r} is no part of the model; {_other_places(model, [where])}")
        sizes = [size for size in map(_sizes, _layers(named[where])) if size]
        if not sizes:
            kind = type(named[where]).__name__
            raise ValueError(
                f"replace_head: where={where!r} is a {kind} without a Linear; {_other_places(model, [where])}"
            )
        return {where: sizes[-1][1]}
    if not isinstance(model, Classifier) and hasattr(model, "get_classifier") and hasattr(model, "reset_classifier"):
        return {_TIMM: getattr(model, "num_classes", 0)}
    layers = {name: _layers(getattr(model, name, None)) for name in _ATTRIBUTES}
    sizes = {name: [size for size in map(_sizes, layers[name]) if size] for name in _ATTRIBUTES}
    places = {name: found[-1][1] for name, found in sizes.items() if found}
    last = _linears(model)[-1:]
    return places | {
        name: model.get_submodule(name).out_features for name in last if name.partition(".")[0] not in places
    }


def _linears(model: nn.Module) -> list[str]:
    return [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear) and name]


def _other_places(model: nn.Module, refused: Iterable[str]) -> str:
    """What to do where these places cannot take a head."""
    others = [name for name in _linears(model) if not any(f"{name}.".startswith(f"{place}.") for place in refused)]
    by_hand = "put create_head(...) into its code, where forward has one vector an image"
    return f"pass where, as it has the Linears {', '.join(map(repr, others[-3:]))}, or {by_hand}" if others else by_hand


def _wire(model: nn.Module, place: str, make: Make, num_classes: int) -> list[nn.Module]:
    """Put heads in this place and return them."""
    heads = _wire_timm(model, make, num_classes) if place == _TIMM else [_wire_attribute(model, place, make)]
    if "num_classes" in vars(model):
        model.num_classes = num_classes
    # Auxiliary classifiers stay Linears; they follow the number of classes, or their loss could not be taken.
    for path, layer in list(model.named_modules()):
        if path in _AUXILIARY and isinstance(layer, nn.Linear) and layer.out_features != num_classes:
            with torch.device("cpu"):
                fresh = nn.Linear(layer.in_features, num_classes)
            _set(model, path, fresh.to(layer.weight.device, layer.weight.dtype).train(model.training))
    return heads


def _wire_attribute(model: nn.Module, name: str, make: Make) -> nn.Module:
    old = model.get_submodule(name)
    layers = _layers(old)
    first = next(i for i, layer in enumerate(layers) if _sizes(layer))
    kept = layers[:first]
    if kept and isinstance(kept[-1], nn.Dropout):  # it belongs to the Linear; the head brings its own
        kept.pop()
    *before, head = _fit(layers[first], make, next(layers[first].parameters()), model.training)
    _set(model, name, nn.Sequential(*kept, *before, head) if isinstance(old, nn.Sequential) or before else head)
    return head


def _wire_timm(model: nn.Module, make: Make, num_classes: int) -> list[nn.Module]:
    """timm's own reset keeps its books and leaves fresh Linears, one or several; heads take their places."""
    like = next((p for root in _as_tuple(model.get_classifier()) for p in root.parameters()), next(model.parameters()))
    with _kept_generators(), torch.device("cpu"):
        model.reset_classifier(num_classes)
    roots = _as_tuple(model.get_classifier())
    for root in roots:
        root.to(like.device, like.dtype).train(model.training)
    inside = {id(layer) for root in roots for layer in root.modules()}
    heads = []
    for path, layer in list(model.named_modules()):
        if id(layer) in inside and (_sizes(layer) or (0, 0))[1] == num_classes:
            *before, head = _fit(layer, make, like, model.training)
            _set(model, path, nn.Sequential(*before, head) if before else head)
            heads.append(head)
    if not heads:
        raise _Refusal(f"{type(roots[0]).__name__} holds no Linear with {num_classes} outputs")
    return heads


def _fit(layer: nn.Module, make: Make, like: Tensor, training: bool) -> list[nn.Module]:
    """A head instead of `layer`, the last of the list; before it what makes vectors of a convolution's input.

    It is drawn on the CPU and then moved, so that a seed gives the same weights on every device.
    """
    with torch.device("cpu"):
        head = make(_sizes(layer)[0]).to(like.device, like.dtype)
    before = [nn.AdaptiveAvgPool2d(1), nn.Flatten()] if isinstance(layer, nn.Conv2d) else []
    return [module.train(training) for module in (*before, head)]


def _sizes(layer) -> tuple[int, int] | None:
    """`(in_features, num_classes)` of a layer that a head can replace."""
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features
    if isinstance(layer, Head):
        return layer.in_features, layer.num_classes
    if isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1):
        return layer.in_channels, layer.out_channels
    return None


def _prove(model: nn.Module, place: str, make: Make, num_classes: int, shapes: list[tuple[int, int, int]]) -> None:
    """Wire a copy of `model` and run it; raise _Refusal with the reason if that does not work."""
    failures = []
    # A copy without memory is quick, but code that reads numbers out of tensors needs a real one.
    for make_copy, shape in itertools.product((_copy_without_memory, copy.deepcopy), shapes):
        with _kept_generators():
            try:
                twin = make_copy(model).eval().requires_grad_(False)  # the head's gradients are all that is asked for
                like = next(twin.parameters())
                images = torch.zeros(2, *shape, device=like.device, dtype=like.dtype)
            except Exception as error:
                plain = "make weights plain that are computed from others, as torch.nn.utils.prune.remove does"
                failures.append(f"it cannot be copied: {error}; {plain}")
                continue
            heads = _wire(twin, place, make, num_classes)  # what create_head says goes to the caller as it is
            for head in heads:
                head.register_forward_pre_hook(_check_vectors)
            try:
                output = twin(images)
            except _Refusal:
                raise
            except Exception as error:
                said = (str(error).splitlines() or ["no message"])[0]
                failures.append(f"an image of {shape} fails with {type(error).__name__}: {said}")
                continue
            return _check_connection(output, heads, (2, num_classes))
    raise _Refusal(failures[0])


def _check_connection(output, heads: list[nn.Module], logits: tuple[int, int]) -> None:
    if not isinstance(output, Tensor):
        raise _Refusal(f"forward gives {type(output).__name__} in evaluation mode, not a tensor of logits")
    parameters = [parameter for head in heads for parameter in head.parameters()]
    found = torch.autograd.grad(output.sum(), parameters, allow_unused=True) if output.requires_grad else ()
    missing = len(parameters) - sum(gradient is not None for gradient in found)
    if missing:
        raise _Refusal(f"{missing} of {len(parameters)} parameters of a head there get no gradient: forward skips it")
    if output.shape != logits:
        raise _Refusal(f"forward gives {tuple(output.shape)}, not {logits}")


def _check_vectors(head: nn.Module, args: tuple) -> None:
    if args and isinstance(args[0], Tensor) and args[0].dim() != 2:
        raise _Refusal(f"the classifier reads {tuple(args[0].shape)}; a head reads one vector per image")


def _copy_without_memory(model: nn.Module) -> nn.Module:
    memo = {id(p): nn.Parameter(torch.empty_like(p, device="meta"), p.requires_grad) for p in model.parameters()}
    memo |= {id(b): torch.empty_like(b, device="meta") for b in model.buffers()}
    return copy.deepcopy(model, memo)


def _kept_generators() -> AbstractContextManager:
    return torch.random.fork_rng(range(torch.cuda.device_count()) if torch.cuda.is_initialized() else [])


def _input_shapes(model: nn.Module) -> list[tuple[int, int, int]]:
    """Shapes of an image to try. The first convolution knows the channels, unless it reads a rearranged image."""
    config = getattr(model, "pretrained_cfg", None) or getattr(model, "default_cfg", None) or {}
    channels, *size = config.get("input_size", (3, 224, 224)) if isinstance(config, dict) else (3, 224, 224)
    if isinstance(model, Classifier):
        channels, size = model.body.in_chans, [model.body.image_size] * 2
    elif isinstance(getattr(model, "image_size", None), int):
        size = [model.image_size] * 2
    read = next((layer.in_channels for layer in model.modules() if isinstance(layer, nn.Conv2d)), channels)
    return list(dict.fromkeys([(read, *size), (channels, *size)]))


def _set(model: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(model.get_submodule(parent), name, module)


def _layers(module) -> list[nn.Module]:
    return list(module) if isinstance(module, nn.Sequential) else [module]


def _as_tuple(found) -> tuple[nn.Module, ...]:
    return tuple(found) if isinstance(found, (tuple, list)) else (found,)
