"""What the tests of this room share."""

import torch

from spinalnet_lib import MLPHead, create_head, list_heads
from spinalnet_lib.heads.registry import head_arguments

_SIZES = {"layer_width": 6, "hidden_sizes": 12, "column_sizes": (12, 8)}
# Arguments that each registered head must be given beside its sizes.
REQUIRED = {
    name: {key: _SIZES[key] for key, argument in head_arguments(name).items() if argument.default is argument.empty}
    for name in list_heads()
}


def build(name, in_features=20, num_classes=7, **kwargs):
    torch.manual_seed(0)
    return create_head(name, in_features, num_classes, **{**REQUIRED[name], **kwargs})


def takes(name, argument):
    return argument in head_arguments(name)


class SkipMLPHead(MLPHead):
    """Hidden layers in a row that all feed the classifier."""

    all_layers_feed_output = True


def relu_of(layer, x):
    """A layer without dropout and norm, written out."""
    return torch.relu(x @ layer.linear.weight.T + layer.linear.bias)


def close(a, b):
    torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
