"""The heads of the registry and of the paper's networks as blocks that are on, in the matrix of `head_blocks`."""

from __future__ import annotations

from functools import cache

import torch

from ..models.bodies import create_backbone
from ..models.sizes import list_paper_heads, paper_head

# What can be switched; the own split of layer 0 is always read.
REST_FIRST, SPLIT, REST, CHAIN, EARLIER, LAST, OUTPUTS, DIRECT = range(8)
SWITCHES = [
    "other splits → layer 0",
    "its split → each later layer",
    "other splits → each later layer",
    "layer before → layer",
    "all earlier layers → layer",
    "last layer → logits",
    "earlier layers → logits",
    "features → logits",
]
KINDS = {"input": "features → layer", "chain": "layer → layer", "output": "→ logits"}
TWISTS = {
    "none": "none",
    "overlap": "splits overlap by a quarter",
    "random": "splits drawn at random",
    "windows": "windows of one size, on past the end",
    "cells": "splits are cells of a map",
    "shared": "one layer again and again",
    "tied": "from the third round on, the round before",
    "columns": "two spines, one layer on top",
    "arch2": "the paper's three spines, one layer on top",
    "halves": "each layer half as wide as the one before",
    "spine": "width: a spine's parameters",
    "one": "one layer, width: a spine's parameters",
    "dense": "width: the dense twin's parameters",
}
ARCH2 = paper_head("arch2", "spinal_columns")
SPINE = [SPLIT, CHAIN, LAST, OUTPUTS]
_DENSE = [REST_FIRST, CHAIN, LAST]
# Registered heads, with the sizes that a head has of its own. The layers of `linear` feed nothing, so it has none.
HEADS = {
    "spinal": {"blocks": SPINE, "twist": "none"},
    "spinal_no_chain": {"blocks": [SPLIT, LAST, OUTPUTS], "twist": "none"},
    "spinal_last": {"blocks": [SPLIT, CHAIN, LAST], "twist": "none"},
    "spinal_direct": {"blocks": [*SPINE, DIRECT], "twist": "none"},
    "spinal_full": {"blocks": [REST_FIRST, SPLIT, REST, CHAIN, LAST, OUTPUTS], "twist": "none"},
    "mlp": {"blocks": _DENSE, "twist": "none", "num_layers": 1},
    "linear": {"blocks": [SPLIT, CHAIN, DIRECT], "twist": "none"},
    "mlp_matched": {"blocks": _DENSE, "twist": "one"},
    "mlp_deep": {"blocks": _DENSE, "twist": "spine"},
    "mlp_deep_skip": {"blocks": [*_DENSE, OUTPUTS], "twist": "spine"},
    "spinal_random_mask": {"blocks": SPINE, "twist": "random"},
    "spinal_overlap": {"blocks": SPINE, "twist": "overlap"},
    "spinal_big": {"blocks": SPINE, "twist": "dense"},
    "progressive": {"blocks": list(range(8)), "twist": "none"},
    "spinal_shared": {"blocks": SPINE, "twist": "shared"},
    "spinal_tied": {"blocks": SPINE, "twist": "tied", "num_layers": 6},
    "spinal_spatial": {"blocks": SPINE, "twist": "cells"},
    "spinal_windows": {"blocks": SPINE, "twist": "windows"},
    "spinal_columns": {"blocks": SPINE, "twist": "columns", "hidden_size": 50},
}
# Sizes at which thumbnails show the wiring.
SMALL = {
    "in_features": 12,
    "num_classes": 3,
    "layer_width": 3,
    "num_layers": 4,
    "num_splits": 2,
    "hidden_size": 12,
}


@cache
def paper_networks() -> dict[str, dict]:
    """Values of each head of the paper's networks by name; networks whose heads are the same share one."""
    found: dict[str, dict] = {}
    for classes in (10, 100):
        for backbone, head in list_paper_heads():
            arguments = paper_head(backbone, head, classes)
            if classes == 100 and arguments == paper_head(backbone, head):
                continue
            values = _network_values(backbone, head, classes, arguments)
            same = next((name for name, other in found.items() if other == values), None)
            names = [same.partition(":")[0], backbone] if same else [backbone]
            found.pop(same, None)
            note = f", {classes} classes" if classes == 100 else ""
            found[f"{', '.join(names)}: {head}{note}"] = values
    return found


def _network_values(backbone: str, head: str, classes: int, arguments: dict) -> dict:
    with torch.device("meta"):
        values = {"in_features": create_backbone(backbone).num_features, "num_classes": classes, **HEADS[head]}
    hidden = arguments.get("hidden_sizes")
    if isinstance(hidden, tuple):  # its widths are equal, or each is half of the one before
        values |= {"layer_width": hidden[0], "num_layers": len(hidden)}
        values["twist"] = "none" if hidden[0] == hidden[-1] else "halves"
    elif hidden:
        values |= {"layer_width": hidden}
    elif head == "spinal_columns":
        values |= {"twist": "arch2", "layer_width": arguments["layer_width"], "hidden_size": arguments["hidden_size"]}
    elif head != "linear":
        sizes = {"num_splits": 2, **arguments}
        values |= {name: sizes[name] for name in ("layer_width", "num_layers", "num_splits")}
    if (backbone, "mlp") in list_paper_heads():
        baseline = paper_head(backbone, "mlp", classes)["hidden_sizes"]
        values["hidden_size"] = baseline if isinstance(baseline, int) else baseline[0]
    return values
