"""The study's arms: one body, and heads that differ in one thing each. Source: the written protocol."""

from __future__ import annotations

from numbers import Number

from .backbones import create_backbone
from .checks import check_name
from .counting import head_cost, width_for_parameters
from .models import list_paper_heads, paper_head

PRIMARY = ("spinal", "mlp_matched", "mlp")
OTHER = (
    *("mlp_deep", "mlp_deep_skip", "spinal_random_mask", "spinal_no_chain", "spinal_full", "spinal_last"),
    *("spinal_overlap", "spinal_big", "linear", "progressive", "spinal_shared"),
)
UNSTACKED = ("progressive", "spinal_shared")  # wired in ways that `stacked_heads` does not know
# Sizes of ours, for bodies without a script of the paper's: those of its largest CNN on CIFAR. What they replace is one Linear.
_SIZES = {"layer_width": 128, "num_layers": 4, "drop_rate": 0.5}
_OURS = {"densenet121": _SIZES, "efficientnet_lite0": _SIZES}


def primary_arms(backbone: str) -> tuple[str, ...]:
    """The arms of a body's main comparison: its spinal head, the matched one, and the head that the spine replaces."""
    if (backbone, "mlp") in list_paper_heads():
        return PRIMARY
    return _spinal(backbone), "mlp_matched", "linear"


def arm_arguments(head: str, drop_rate: float, backbone: str = "two_conv", **sizes) -> dict:
    """Arguments of an arm on a body: the paper's sizes and norm, with `drop_rate` wherever the paper's head has dropout.

    Where the paper's spinal head has none, as on the 2-conv CNN, it is before the classifier, as in its baseline. `sizes`
    are the spine's instead of the paper's. Raises ValueError for what is no arm of that body.
    """
    check_name("arm", head, (*PRIMARY, *OTHER, "spinal_spatial"))
    if head == "linear":
        return {"drop_rate": drop_rate}
    if head in ("mlp", "spinal_big"):
        baseline = paper_head(backbone, "mlp")
        if head == "mlp":
            return {**baseline, "drop_rate": _with_rate(baseline["drop_rate"], drop_rate)}
    spine = {**(_OURS.get(backbone) or paper_head(backbone, _spinal(backbone))), **sizes}
    if head == "spinal_shared":  # it has two sets of weights, however often they are used
        spine["num_layers"] = 2
    spine["drop_rate"] = _with_rate(spine.get("drop_rate", [0.0] * spine["num_layers"] + [0.5]), drop_rate)
    if head == "spinal_big":
        del spine["layer_width"]
        return {"hidden_sizes": baseline["hidden_sizes"], **spine}
    return spine


def equal_width(head: str, backbone: str, num_classes: int) -> int:
    """The width at which an ablation comes nearest to the parameters of the body's spinal head."""
    in_features = create_backbone(backbone).num_features
    spine = {**(_OURS.get(backbone) or paper_head(backbone, _spinal(backbone), num_classes)), "drop_rate": 0.0}
    budget = head_cost(_spinal(backbone), in_features, num_classes, **spine).parameters
    del spine["layer_width"], spine["drop_rate"]
    return width_for_parameters(head, budget, in_features, num_classes, **spine)


def _spinal(backbone: str) -> str:
    return "spinal_spatial" if backbone.endswith("_cells") else "spinal"


def _with_rate(published: Number | list, drop_rate: float) -> Number | list:
    return drop_rate if isinstance(published, Number) else [drop_rate if rate else 0.0 for rate in published]
