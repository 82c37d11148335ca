"""What the tests of this room share."""

import inspect

import torch
from hypothesis import strategies as st

from spinalnet_lib import (
    create_head,
)

# Arguments that each registered head needs beside its sizes; a new head is tested by being registered and, if it
# needs some, named here.
REQUIRED = {
    "mlp": {"hidden_sizes": 12},
    "spinal_big": {"hidden_sizes": 12},
    "spinal_columns": {"column_sizes": (12, 8), "layer_width": 6, "num_layers": (3, 2), "hidden_size": 9},
    **{
        name: {"layer_width": 6}
        for name in (
            *("spinal", "spinal_spatial", "spinal_shared", "progressive", "mlp_matched", "mlp_deep", "mlp_deep_skip"),
            *("spinal_no_chain", "spinal_last", "spinal_full", "spinal_overlap", "spinal_random_mask"),
        )
    },
}


def build(name, in_features=20, num_classes=7, **kwargs):
    torch.manual_seed(0)
    return create_head(name, in_features, num_classes, **{**REQUIRED.get(name, {}), **kwargs})


def takes(name, argument):
    return any(argument in inspect.signature(cls).parameters for cls in type(build(name)).__mro__[:-1])


def draw_arguments(name: str, data) -> tuple[int, dict]:
    """Random `in_features` and arguments that the registered head accepts, for property tests."""
    width = data.draw(st.integers(1, 15))
    splits = data.draw(st.integers(1, 5))
    layers = data.draw(st.integers(splits, 7))
    in_features = data.draw(st.integers(splits, 60))
    spine = {"layer_width": width, "num_splits": splits, "num_layers": layers}
    if name == "linear":
        return in_features, {}
    if name == "mlp":
        return in_features, {"hidden_sizes": data.draw(st.lists(st.integers(1, 20), min_size=1, max_size=3))}
    if name == "spinal_big":
        return in_features, {"hidden_sizes": width, "num_splits": splits, "num_layers": layers}
    if name == "spinal_columns":
        sizes = data.draw(st.lists(st.integers(2, 20), min_size=1, max_size=3))
        each = [data.draw(st.integers(2, 5)) for _ in sizes]
        return sum(sizes), {"column_sizes": sizes, "num_layers": each, "layer_width": width, "hidden_size": layers}
    if name in ("progressive", "spinal_full"):
        return in_features, {"layer_width": width, "num_layers": layers}
    if name == "spinal_spatial":
        return splits * data.draw(st.integers(1, 12)), spine
    if name == "spinal_overlap":
        return in_features, {**spine, "overlap": data.draw(st.floats(0, 0.99))}
    if "layer_width" in REQUIRED.get(name, {}):
        return in_features, spine
    return 20, dict(REQUIRED.get(name, {}))  # a head that is new here: its required arguments, at their fixed size
