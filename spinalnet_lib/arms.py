"""The study's arms: one body, and heads that differ in one thing each. Source: the written protocol."""

from __future__ import annotations

from numbers import Number

from .checks import check_name
from .models import paper_head

PRIMARY = ("spinal", "mlp_matched", "mlp")
OTHER = (
    *("mlp_deep", "mlp_deep_skip", "spinal_random_mask", "spinal_no_chain", "spinal_full", "spinal_last"),
    *("spinal_overlap", "spinal_big", "linear", "progressive", "spinal_shared"),
)


def arm_arguments(head: str, drop_rate: float, backbone: str = "two_conv") -> dict:
    """Arguments of an arm on a body: the paper's sizes and norm, with `drop_rate` wherever the paper's head has dropout.

    Where the paper's spinal head has none, on the 2-conv CNN, it is before the classifier, as in its baseline. Raises
    ValueError for what is no arm.
    """
    check_name("arm", head, (*PRIMARY, *OTHER))
    spine, baseline = paper_head(backbone, "spinal"), paper_head(backbone, "mlp")
    if head == "linear":
        return {"drop_rate": drop_rate}
    if head == "mlp":
        return {**baseline, "drop_rate": _with_rate(baseline["drop_rate"], drop_rate)}
    if head == "spinal_shared":  # it has two sets of weights, however often they are used
        spine["num_layers"] = 2
    spine["drop_rate"] = _with_rate(spine.get("drop_rate", [0.0] * spine["num_layers"] + [0.5]), drop_rate)
    if head == "spinal_big":
        del spine["layer_width"]
        return {"hidden_sizes": baseline["hidden_sizes"], **spine}
    return spine


def _with_rate(published: Number | list, drop_rate: float) -> Number | list:
    return drop_rate if isinstance(published, Number) else [drop_rate if rate else 0.0 for rate in published]
