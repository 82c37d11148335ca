"""The bodies for 28×28 images, against the published scripts."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from spinalnet_lib import create_backbone, create_model, paper_head
from tests.models.cases import check_by_hand, vgg_by_hand


def two_conv_by_hand(body, x):
    """`Net.forward` of MNIST/SpinalNet_MNIST.py up to the features, in evaluation mode."""
    first, second = (m for m in body.modules() if isinstance(m, nn.Conv2d))
    x = F.relu(F.max_pool2d(F.conv2d(x, first.weight, first.bias), 2))
    return F.relu(F.max_pool2d(F.conv2d(x, second.weight, second.bias), 2)).flatten(1)


def arch2_by_hand(body, x):
    """`Net.forward` of MNIST/Arch2_MNIST.py up to the three inputs of its columns."""
    first, second = (m for m in body.modules() if isinstance(m, nn.Conv2d))
    tap = F.relu(F.max_pool2d(F.conv2d(x, first.weight, first.bias), 2))
    top = F.relu(F.max_pool2d(F.conv2d(tap, second.weight, second.bias), 2))
    return torch.cat([x.view(-1, 784), tap.view(-1, 1440), top.view(-1, 320)], dim=1)


def test_two_conv_drops_whole_channels_before_its_second_pooling():
    kinds = [type(m).__name__ for m in create_backbone("two_conv").layers]
    assert kinds == ["Conv2d", "MaxPool2d", "ReLU", "Conv2d", "Dropout2d", "MaxPool2d", "ReLU"]
    assert create_backbone("two_conv").layers[4].p == 0.5
    assert not [m for m in create_backbone("vgg5").modules() if "Dropout" in type(m).__name__]


BY_HAND = {
    "two_conv": two_conv_by_hand,
    "vgg5": vgg_by_hand(2, 2, 3, 3),
    "arch2": arch2_by_hand,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_body_computes_what_the_published_script_computes(name):
    check_by_hand(name, BY_HAND[name])


def test_any_halves_of_vgg5s_features_are_the_first_halves_of_another_vgg5():
    """Permuting the features is permuting the channels of the last block: the same logits, whatever the head."""
    torch.manual_seed(0)
    net, images = create_model("vgg5", "spinal", 10, **paper_head("vgg5", "spinal")).eval(), torch.randn(3, 1, 28, 28)
    order = torch.randperm(256)
    with torch.no_grad():
        permuted = net.head(net.body(images)[:, order])
        assert not torch.allclose(permuted, net(images), atol=1e-3)
        convolution, norm = list(net.body.layers)[-4:-2]
        for values in (*convolution.parameters(), *norm.parameters(), norm.running_mean, norm.running_var):
            values.copy_(values[order])
        torch.testing.assert_close(net(images), permuted)
