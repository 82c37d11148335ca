"""Checkpoints of the paper's scripts as models of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor, nn

from ..checks import check_name
from ..heads.base import Head
from ..heads.registry import create_head
from .classifier import Classifier, create_model

_BODIES = {2: "two_conv", 10: "vgg5"}  # by the number of convolutions
_CHAINS = ("spinal_windows", "spinal_tied")  # saved under the same names

Tensors = dict[str, Tensor]


def load_published(
    state_dict: Mapping[str, Tensor],
    head: str | None = None,
    in_features: int | None = None,
    num_splits: int | None = None,
    act_layer: str | None = None,
    prefix: str = "",
) -> Classifier | Head:
    """A checkpoint of github.com/dipuk0506/SpinalNet as a model or head of ours with the same logits, in evaluation mode.

    Known are the nets of `MNIST` (2-conv CNN) and `MNIST_VGG` (VGG-5), with a spinal head or without, and the spinal heads
    alone. Heads saved as `fc1 … fcN` and `fcx` are one of two, and `head` says which: "spinal_windows", the customizable
    one, of which `in_features`, `num_splits` and `act_layer` have to be given, or "spinal_tied", the regressions' net, of
    which `fc5` and `fc6` are dropped, as it never calls them. `prefix` is the place of a head in a larger model, such as
    "fc." in a ResNet, whose other weights are not read. `torch.load(path, weights_only=True)` reads a file.

    The scripts' `log_softmax` is left out; dropout is as published. Raises ValueError for other names and shapes, and for
    an odd `in_features` of `fc_spinal_layerN`: every layer there reads `round(in_features / 2)` features, so the last one
    is never read, or the net fails.
    """
    modules = _modules(state_dict, prefix)
    convolutions = [found for found in modules.values() if found["weight"].dim() == 4]
    linears = {name: found for name, found in modules.items() if found["weight"].dim() == 2}
    blocks = {name.partition(".")[0] for name, found in modules.items() if found["weight"].dim() == 4}
    norms = {name: found for name, found in modules.items() if "running_mean" in found}
    of_body = [found for name, found in norms.items() if name.partition(".")[0] in blocks]
    of_head = [found for name, found in norms.items() if name.partition(".")[0] not in blocks]
    if len(linears) < 2 or len(convolutions) + len(linears) + len(norms) < len(modules):
        raise ValueError(f"load_published: {', '.join([*modules][:5])} … are not the layers of a published net")

    name, sizes = _sizes(linears, head, in_features, num_splits, act_layer)
    sizes |= {"norm_layer": "BatchNorm1d"} if of_head else {}
    if not convolutions:
        model = create_head(name, sizes.pop("in_features"), sizes.pop("num_classes"), **sizes)
    elif len(convolutions) in _BODIES:
        body, features = _BODIES[len(convolutions)], sizes.pop("in_features")
        model = create_model(body, name, sizes.pop("num_classes"), convolutions[0]["weight"].shape[1], **sizes)
        if model.num_features != features:
            raise ValueError(f"load_published: {body} gives {model.num_features} features, the head reads {features}")
        _copy([layer for layer in model.body.layers if isinstance(layer, nn.Conv2d)], convolutions)
        _copy([layer for layer in model.body.layers if isinstance(layer, nn.BatchNorm2d)], of_body)
    else:
        remedy = "pass the place of its head, such as prefix='fc.', to read that alone"
        raise ValueError(f"load_published: a body of {len(convolutions)} convolutions is not known; {remedy}")
    ours = model.head if isinstance(model, Classifier) else model
    own = [*dict.fromkeys(ours.layers)]  # of a tied spine those that train
    _copy(
        [*(layer.linear for layer in own), ours.classifier], [*[*linears.values()][: len(own)], [*linears.values()][-1]]
    )
    _copy([layer.norm for layer in own if of_head], of_head)
    return model.eval()


def _modules(state_dict: Mapping[str, Tensor], prefix: str) -> dict[str, Tensors]:
    """The tensors of each layer, layers in the order of the numbers in their names."""
    if not isinstance(state_dict, Mapping) or not all(isinstance(value, Tensor) for value in state_dict.values()):
        raise TypeError(f"load_published reads a state_dict, got {type(state_dict).__name__}; pass model.state_dict()")
    modules: dict[str, Tensors] = {}
    for key in sorted(state_dict, key=_by_number):
        name, _, tensor = key.removeprefix("module.").rpartition(".")  # DataParallel's
        if f"{name}.".startswith(prefix):
            modules.setdefault(name.removeprefix(prefix), {})[tensor] = state_dict[key]
    if not modules or not all("weight" in found for found in modules.values()):
        raise ValueError(
            f"load_published: no layers with weights below {prefix!r}; the names are {[*state_dict][:3]} …"
        )
    return modules


def _by_number(key: str) -> list[tuple[int, int | str]]:
    """Sorts fc2 before fc10, fc1_1 before fc2 and fc30 before fcx; fc_out is the last of all."""
    parts = [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", key) if part]
    return [(2, ""), *parts] if "fc_out" in key else parts


def _sizes(
    linears: dict[str, Tensors], head: str | None, in_features: int | None, num_splits: int | None, act: str | None
) -> tuple[str, dict]:
    """Our name of a head with these Linears, and its arguments."""
    shapes = [tuple(found["weight"].shape) for found in linears.values()]
    (width, size), (num_classes, read) = shapes[0], shapes[-1]
    first, *_, last = linears
    sizes = {"num_classes": num_classes, "in_features": size, "act_layer": act or "ReLU"}
    if len(shapes) == 2 and read == width and "spinal" not in first:
        rate = 0.5 if first.startswith("classifier") else [0.0, 0.5]  # VGG-5, and the 2-conv CNN
        return "mlp", {**sizes, "hidden_sizes": width, "drop_rate": rate}
    depth = len(shapes) - 1
    if shapes[1:-1] != [(width, size + width)] * (depth - 1) or read != depth * width:
        raise ValueError(f"load_published: weights of shapes {shapes} are not those of a published spinal head")
    sizes |= {"layer_width": width, "num_layers": depth, "in_features": 2 * size}
    if last != "fcx":
        if in_features not in (None, 2 * size):
            lost = f"each layer reads {size} features, so of in_features={in_features} some are lost or missing"
            raise ValueError(f"load_published: {lost}; use the head with {2 * size}, as it was trained")
        return "spinal", sizes | {
            "drop_rate": 0.5 if first.endswith(".1") else 0.0
        }  # a Dropout stands before the Linear
    if head is None:
        raise ValueError("load_published: fc1 … fcx are two nets; pass head='spinal_windows' or head='spinal_tied'")
    if check_name("head", head, _CHAINS) == "spinal_tied":
        return head, sizes | {"act_layer": act or "LeakyReLU"}
    if None in (in_features, num_splits, act):
        raise ValueError("load_published: of the customizable head pass in_features, num_splits and act_layer as well")
    if round(in_features / num_splits) != size:
        raise ValueError(
            f"load_published: {in_features=} in {num_splits=} makes no windows of {size}, which its weights read"
        )
    return head, sizes | {"in_features": in_features, "num_splits": num_splits}


def _copy(layers: list[nn.Module], found: list[Tensors]) -> None:
    for layer, tensors in zip(layers, found, strict=True):
        try:
            layer.load_state_dict(tensors)
        except RuntimeError as error:
            raise ValueError(f"load_published: {' '.join(str(error).split())[:300]}") from error
