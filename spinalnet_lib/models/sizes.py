"""Arms of the study: their names, and the sizes that they and the paper's heads have on each body.

A new arm is a registered head and its name in `OTHER`. Source: the written protocol.
"""

from __future__ import annotations

from functools import cache
from numbers import Number

from ..checks import check_name
from ..heads.counting import head_cost
from ..heads.widths import width_for_parameters
from .bodies import create_backbone

# Source: the scripts of github.com/dipuk0506/SpinalNet (MNIST/default_pytorch_MNIST.py, MNIST/SpinalNet_MNIST.py,
# MNIST/Arch2_MNIST.py, MNIST_VGG/*, CIFAR-10/*, CIFAR-100/*). The baselines and the spinal heads differ in dropout,
# too, and on ResNet in the features they read: keep that in mind when comparing them.
_PAPER_HEADS = {
    ("two_conv", "mlp"): {"hidden_sizes": 50, "drop_rate": (0.0, 0.5)},
    ("two_conv", "spinal"): {"layer_width": 8, "num_layers": 6},
    ("vgg5", "mlp"): {"hidden_sizes": 512, "drop_rate": 0.5, "norm_layer": "BatchNorm1d"},
    ("vgg5", "spinal"): {"layer_width": 128, "num_layers": 4, "drop_rate": 0.5, "norm_layer": "BatchNorm1d"},
    ("arch2", "spinal_columns"): {
        "column_sizes": (784, 1440, 320),  # pixels, first map, second map
        "num_layers": (10, 8, 8),
        "layer_width": 30,  # as for MNIST; other scripts take 50 or 300
        "hidden_size": 50,
    },
    ("cifar_cnn", "mlp"): {"hidden_sizes": (1024, 512), "drop_rate": (0.1, 0.0, 0.1)},
    ("cifar_cnn", "spinal"): {"layer_width": 128, "num_layers": 4, "drop_rate": 0.1},
}
for _name in ("resnet18", "resnet34"):
    _PAPER_HEADS[_name, "linear"] = {}
    _PAPER_HEADS[f"{_name}_cells", "spinal_spatial"] = {"layer_width": 256, "num_splits": 4, "num_layers": 4}
for _name in ("vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn"):
    _PAPER_HEADS[_name, "mlp"] = {"hidden_sizes": (4096, 4096), "drop_rate": (0.0, 0.5, 0.5)}
    _PAPER_HEADS[_name, "spinal"] = {"layer_width": 512, "num_layers": 4, "drop_rate": 0.5}

# Of the heads in folder CIFAR-100, only these on three bodies differ from those in CIFAR-10: they are twice as wide.
_WIDER_FOR_100_CLASSES = ("cifar_cnn", "resnet18_cells", "resnet34_cells")


def paper_head(backbone: str, head: str, num_classes: int = 10) -> dict:
    """Arguments of the paper's `head` on `backbone`, for `create_model`; some are wider for 100 classes.

    "mlp" or "linear" is the paper's baseline, "spinal", "spinal_spatial" or "spinal_columns" its own head.

    >>> paper_head("vgg5", "mlp")
    {'hidden_sizes': 512, 'drop_rate': 0.5, 'norm_layer': 'BatchNorm1d'}
    """
    if (backbone, head) not in _PAPER_HEADS:
        near = [key for key in _PAPER_HEADS if key[0] == backbone] or _PAPER_HEADS
        raise ValueError(f"the paper has no {head!r} on {backbone!r}; known: {', '.join(map(' + '.join, near))}")
    arguments = dict(_PAPER_HEADS[backbone, head])
    if num_classes == 100 and backbone in _WIDER_FOR_100_CLASSES and "layer_width" in arguments:
        arguments["layer_width"] *= 2
    return arguments


def list_paper_heads() -> list[tuple[str, str]]:
    """The pairs of body and head that `paper_head` knows, sorted."""
    return sorted(_PAPER_HEADS)


PRIMARY = ("spinal", "mlp_matched", "mlp")
OTHER = (
    *("mlp_deep", "mlp_deep_skip", "spinal_random_mask", "spinal_no_chain", "spinal_full", "spinal_last"),
    *("spinal_overlap", "spinal_direct", "spinal_big", "linear", "progressive", "spinal_shared"),
)
# How many layers these heads have to use again and again; each of these has one rate of dropout, wherever it is used.
_LAYERS_REUSED = {"spinal_shared": 2, "spinal_tied": 4}
# Wired in ways that `StackedHeads` does not know.
UNSTACKED = ("progressive", "spinal_shared", "spinal_direct", "spinal_tied")
# Sizes of ours, for bodies without a script of the paper's: those of its largest CNN on CIFAR. What they replace is one Linear.
_SIZES = {"layer_width": 128, "num_layers": 4, "drop_rate": 0.5}
_OURS = {
    "densenet121": _SIZES,
    "efficientnet_lite0": {**_SIZES, "layer_width": 20},  # the paper's width where it fine-tunes
    "pixels": {"layer_width": 50, "num_layers": 6, "act_layer": "LeakyReLU"},  # the paper's regressions
}
_DENSE_OF_REGRESSIONS = {"hidden_sizes": [200, 100], "act_layer": "LeakyReLU", "drop_rate": [0.0, 0.0, 0.5]}


def _spine(backbone: str, num_classes: int = 10) -> dict:
    return dict(_OURS[backbone]) if backbone in _OURS else paper_head(backbone, _spinal(backbone), num_classes)


def primary_arms(backbone: str) -> tuple[str, ...]:
    """The arms of a body's main comparison: its spinal head, the matched one, and the head that the spine replaces."""
    if backbone == "pixels" or (backbone, "mlp") in list_paper_heads():
        return PRIMARY
    return _spinal(backbone), "mlp_matched", "linear"


def published_drop_rate(backbone: str) -> float:
    """The dropout rate of the spinal head that a body has; where the paper has no script for the body, ours."""
    return float(_spine(backbone).get("drop_rate", 0.0))


def arm_arguments(
    head: str,
    drop_rate: float,
    backbone: str = "two_conv",
    width: int | None = None,
    num_layers: int | None = None,
) -> dict:
    """Arguments of an arm on a body: the paper's sizes and norm, with `drop_rate` wherever the paper's head has dropout.

    Where the paper's spinal head has none, as on the 2-conv CNN, it is before the classifier, as in its baseline. `width`
    is that of the spine's layers, or of `mlp`'s one hidden layer, instead of the paper's; `num_layers` is the spine's, and
    that of heads as deep as it. On "pixels" sizes are those of the paper's regressions. Raises ValueError for what is no arm of that body.
    """
    check_name("arm", head, (*PRIMARY, *OTHER, "spinal_spatial", "spinal_tied"))
    if head == "linear":
        return {"drop_rate": drop_rate}
    if head == "mlp":
        baseline = _DENSE_OF_REGRESSIONS if backbone == "pixels" else paper_head(backbone, "mlp")
        baseline = baseline if width is None else {**baseline, "hidden_sizes": width}
        return {**baseline, "drop_rate": _with_rate(baseline["drop_rate"], drop_rate)}
    given = {"layer_width": width, "num_layers": num_layers}
    spine = {**_spine(backbone), **{name: value for name, value in given.items() if value is not None}}
    layers = min(_LAYERS_REUSED.get(head, spine["num_layers"]), spine["num_layers"])
    spine["drop_rate"] = _with_rate(spine.get("drop_rate", [0.0] * layers + [0.5]), drop_rate)
    if head == "spinal_big":
        del spine["layer_width"]
        return {"hidden_sizes": paper_head(backbone, "mlp")["hidden_sizes"], **spine}
    return spine


@cache  # a search for a width builds a dozen heads
def equal_width(head: str, backbone: str, num_classes: int) -> int:
    """The width at which an ablation comes nearest to the parameters of the body's spinal head."""
    in_features = create_backbone(backbone).num_features
    spine = _spine(backbone, num_classes)
    budget = head_cost(_spinal(backbone), in_features, num_classes, **spine).parameters
    del spine["layer_width"]
    return width_for_parameters(head, budget, in_features, num_classes, **spine)


def _spinal(backbone: str) -> str:
    return "spinal_spatial" if backbone.endswith("_cells") else "spinal"


def _with_rate(published: Number | list, drop_rate: float) -> Number | list:
    return drop_rate if isinstance(published, Number) else [drop_rate if rate else 0.0 for rate in published]
