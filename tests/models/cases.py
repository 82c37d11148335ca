"""What the tests of this room share: published bodies, written out by hand."""

import torch
from torch import nn
from torch.nn import functional as F

from spinalnet_lib import create_backbone


def convolutions_and_norms(body):
    """Two functions that apply the body's next convolution and its next BatchNorm, in the order of construction."""
    convolutions = iter([m for m in body.modules() if isinstance(m, nn.Conv2d)])
    norms = iter([m for m in body.modules() if isinstance(m, nn.BatchNorm2d)])

    def conv(x, **how):
        layer = next(convolutions)
        return F.conv2d(x, layer.weight, layer.bias, **how)

    def norm(x):
        layer = next(norms)
        return F.batch_norm(x, layer.running_mean, layer.running_var, layer.weight, layer.bias, eps=layer.eps)

    return conv, norm


def vgg_by_hand(*blocks):
    def forward(body, x):
        conv, norm = convolutions_and_norms(body)
        for block in blocks:
            for _ in range(block):
                x = F.relu(norm(conv(x, padding=1)))
            x = F.max_pool2d(x, 2)
        return x.flatten(1)

    return forward


def check_by_hand(name, by_hand):
    """A body computes what its published script computes, with norms away from 0 and 1, where their place would not show."""
    body = create_backbone(name).double()
    for module in body.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.running_mean, module.running_var, module.weight, module.bias):
                nn.init.uniform_(tensor, 0.5, 1.5)
    x = torch.randn(2, body.in_chans, body.image_size, body.image_size, dtype=torch.float64)
    torch.testing.assert_close(body.eval()(x), by_hand(body, x))
