"""What the tests of this room share."""

import torch

from spinalnet_lib import MLPHead, create_head
from spinalnet_lib.heads.registry import head_arguments

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
    return argument in head_arguments(name)


class SkipMLPHead(MLPHead):
    """Hidden layers in a row that all feed the classifier."""

    all_layers_feed_output = True
