"""The bodies for 32×32 colour images, against the published scripts."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from spinalnet_lib import count_parameters, create_backbone
from tests.models.cases import check_by_hand, convolutions_and_norms, vgg_by_hand

RESNETS = ("resnet18", "resnet18_cells", "resnet34", "resnet34_cells")


def cifar_cnn_by_hand(body, x):
    conv, norm = convolutions_and_norms(body)
    for _ in range(3):
        x = F.relu(norm(conv(x, padding=1)))
        x = F.max_pool2d(F.relu(conv(x, padding=1)), 2)
    return x.flatten(1)


def resnet_by_hand(*depths, cells):
    """A ReLU inside a block and none after its addition; the first block of stages 2 to 4 has stride 2."""

    def forward(body, x):
        conv, norm = convolutions_and_norms(body)
        x = F.relu(norm(conv(x, padding=1)))
        for stage, depth in enumerate(depths):
            for i in range(depth):
                stride = 2 if stage > 0 and i == 0 else 1
                out = norm(conv(F.relu(norm(conv(x, padding=1, stride=stride))), padding=1))
                x = out + (norm(conv(x, padding=1, stride=2)) if stride == 2 else x)
        assert x.min() < 0  # so that a ReLU after the last addition would show
        x = torch.stack([x[:, :, i::4, j::4] for i in range(4) for j in range(4)]).amax(0) if cells == 1 else x
        x = torch.stack([x[:, :, i::2, j::2] for i in range(2) for j in range(2)]).amax(0) if cells == 4 else x
        assert x.shape[1:] == (256, cells**0.5, cells**0.5)
        return x.reshape(len(x), -1)

    return forward


def densenet121_by_hand(body, x):
    """A dense layer reads all maps made before it in its block, joined; transitions halve the channels and the map."""
    conv, norm = convolutions_and_norms(body)
    x = conv(x, padding=1)
    for block, depth in enumerate((6, 12, 24, 16)):
        if block:
            x = F.avg_pool2d(conv(F.relu(norm(x))), 2)
        maps = [x]
        for _ in range(depth):
            bottleneck = conv(F.relu(norm(torch.cat(maps, dim=1))))
            maps.append(conv(F.relu(norm(bottleneck)), padding=1))
            assert bottleneck.shape[1] == 128 and maps[-1].shape[1] == 32
        x = torch.cat(maps, dim=1)
    return F.relu(norm(x)).mean((2, 3))


def test_the_cells_are_the_map_whose_maximum_the_baseline_reads():
    cells, one = create_backbone("resnet18_cells").eval(), create_backbone("resnet18").eval()
    one.load_state_dict(cells.state_dict())
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(cells(x).view(2, 256, 4).amax(2), one(x))


def test_where_the_colour_bodies_drop_whole_channels():
    with torch.device("meta"):
        bodies = {name: create_backbone(name) for name in BY_HAND}
    rates = {name: [m.p for m in body.modules() if isinstance(m, nn.Dropout2d)] for name, body in bodies.items()}
    published = {"cifar_cnn": [0.05], **{name: [0.02] for name in RESNETS}}
    assert rates == {name: published.get(name, []) for name in BY_HAND}
    stem = [type(m).__name__ for m in bodies["resnet18"].layers[:4]]
    assert stem == ["Conv2d", "BatchNorm2d", "ReLU", "Dropout2d"]
    assert isinstance(bodies["cifar_cnn"].layers[12], nn.Dropout2d)  # after the second block of six


def test_densenet121_has_the_known_parameters():
    with torch.device("meta"):
        body = create_backbone("densenet121")
    assert count_parameters(body) == 6_956_298 - (1024 + 1) * 10  # known with one Linear, 10 classes


BY_HAND = {
    "cifar_cnn": cifar_cnn_by_hand,
    "resnet18": resnet_by_hand(2, 2, 2, 2, cells=1),
    "resnet18_cells": resnet_by_hand(2, 2, 2, 2, cells=4),
    "resnet34": resnet_by_hand(3, 4, 6, 3, cells=1),
    "resnet34_cells": resnet_by_hand(3, 4, 6, 3, cells=4),
    "vgg11_bn": vgg_by_hand(1, 1, 2, 2, 2),
    "vgg13_bn": vgg_by_hand(2, 2, 2, 2, 2),
    "vgg16_bn": vgg_by_hand(2, 2, 3, 3, 3),
    "vgg19_bn": vgg_by_hand(2, 2, 4, 4, 4),
    "densenet121": densenet121_by_hand,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_body_computes_what_the_published_script_computes(name):
    check_by_hand(name, BY_HAND[name])
