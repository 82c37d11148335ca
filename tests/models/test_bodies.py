import itertools
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from spinalnet_lib import count_macs, count_parameters, create_backbone, list_backbones, register_backbone
from spinalnet_lib.models.bodies import Pixels

RESNETS = ("resnet18", "resnet18_cells", "resnet34", "resnet34_cells")
PRETRAINED = "efficientnet_lite0"  # has tests of its own in test_pretrained_backbones
COLOUR = ("cifar_cnn", "densenet121", *RESNETS, "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn")


def test_each_body_is_known_and_has_its_own_channels_and_size():
    assert list_backbones() == sorted(["pixels", "two_conv", "vgg5", "arch2", *COLOUR, PRETRAINED])
    for name in list_backbones():
        body = create_backbone(name)
        expected = (3, 224) if name == PRETRAINED else (3, 32) if name in COLOUR else (1, 28)
        assert (body.in_chans, body.image_size) == expected
        assert (body.name, type(body)().in_chans) == (name, body.in_chans)


@pytest.mark.processes
@pytest.mark.parametrize("first", ["backbones", "cifar_backbones", "models"])
def test_all_bodies_are_found_whichever_module_comes_first(first):
    code = f"import spinalnet_lib.{first}; from spinalnet_lib import list_backbones; print(*list_backbones())"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert out.split() == list_backbones()


@pytest.mark.parametrize(
    "in_chans, name", [(3, PRETRAINED), *itertools.product([1, 3], sorted(set(list_backbones()) - {PRETRAINED}))]
)
def test_features_have_the_promised_shape(name, in_chans):
    body = create_backbone(name, in_chans).eval()
    images = torch.randn(2, in_chans, body.image_size, body.image_size)
    with torch.no_grad():
        features = body(images)
        assert features.shape == (2, body.num_features)
        assert torch.equal(features, body.forward_features(images))


@pytest.mark.parametrize("name", list_backbones())
@pytest.mark.parametrize("shape", [(2, 1, 27, 28), (2, 2, 28, 28), (1, 28, 28), (2, 784), (2, 3, 32, 31)])
def test_wrong_images_name_both_shapes(name, shape):
    body = create_backbone(name)
    reads = rf"\(N, {body.in_chans}, {body.image_size}, {body.image_size}\)"
    with pytest.raises(ValueError, match=reads) as caught:
        body(torch.zeros(shape))
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize("x", [None, [[0.0]], 3])
def test_what_is_no_tensor_is_refused(x):
    with pytest.raises(TypeError, match=f"backbone 'two_conv' reads a tensor .*got {type(x).__name__}"):
        create_backbone("two_conv")(x)


def test_only_a_backbone_can_be_registered():
    with pytest.raises(TypeError, match="register_backbone takes a subclass of Backbone"):
        register_backbone(torch.nn.Linear)


def test_bytes_are_refused():
    with pytest.raises(TypeError, match=r"torch\.uint8"):
        create_backbone("two_conv")(torch.zeros(1, 1, 28, 28, dtype=torch.uint8))


def test_another_dtype_is_refused():
    with pytest.raises(TypeError, match=r"backbone 'vgg5' has torch\.float32 weights, got torch\.float64; .*x\.to"):
        create_backbone("vgg5")(torch.zeros(1, 1, 28, 28, dtype=torch.float64))


def two_conv_by_hand(body, x):
    """`Net.forward` of MNIST/SpinalNet_MNIST.py up to the features, in evaluation mode."""
    first, second = (m for m in body.modules() if isinstance(m, nn.Conv2d))
    x = F.relu(F.max_pool2d(F.conv2d(x, first.weight, first.bias), 2))
    return F.relu(F.max_pool2d(F.conv2d(x, second.weight, second.bias), 2)).flatten(1)


def vgg5_by_hand(body, x):
    """`VGG.forward` of MNIST_VGG up to the features: convolution, norm, ReLU; a pooling after each block."""
    convolutions = iter([m for m in body.modules() if isinstance(m, nn.Conv2d)])
    norms = iter([m for m in body.modules() if isinstance(m, nn.BatchNorm2d)])
    for block in (2, 2, 3, 3):
        for _ in range(block):
            conv, norm = next(convolutions), next(norms)
            x = F.conv2d(x, conv.weight, conv.bias, padding=1)
            x = F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
            x = F.relu(x)
        x = F.max_pool2d(x, 2)
    return x.flatten(1)


def arch2_by_hand(body, x):
    """`Net.forward` of MNIST/Arch2_MNIST.py up to the three inputs of its columns."""
    first, second = (m for m in body.modules() if isinstance(m, nn.Conv2d))
    tap = F.relu(F.max_pool2d(F.conv2d(x, first.weight, first.bias), 2))
    top = F.relu(F.max_pool2d(F.conv2d(tap, second.weight, second.bias), 2))
    return torch.cat([x.view(-1, 784), tap.view(-1, 1440), top.view(-1, 320)], dim=1)


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


def vgg_by_hand(*blocks):
    def forward(body, x):
        conv, norm = convolutions_and_norms(body)
        for block in blocks:
            for _ in range(block):
                x = F.relu(norm(conv(x, padding=1)))
            x = F.max_pool2d(x, 2)
        return x.flatten(1)

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


BY_HAND = {
    "two_conv": two_conv_by_hand,
    "vgg5": vgg5_by_hand,
    "arch2": arch2_by_hand,
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


@pytest.mark.parametrize("name", sorted(set(list_backbones()) - {"pixels", PRETRAINED}))
def test_a_body_computes_what_the_published_script_computes(name):
    body = create_backbone(name).double()
    for module in body.modules():
        if isinstance(module, nn.BatchNorm2d):  # away from 0 and 1, where its place would not show
            for tensor in (module.running_mean, module.running_var, module.weight, module.bias):
                nn.init.uniform_(tensor, 0.5, 1.5)
    x = torch.randn(2, body.in_chans, body.image_size, body.image_size, dtype=torch.float64)
    torch.testing.assert_close(body.eval()(x), BY_HAND[name](body, x))


def test_the_cells_are_the_map_whose_maximum_the_baseline_reads():
    cells, one = create_backbone("resnet18_cells").eval(), create_backbone("resnet18").eval()
    one.load_state_dict(cells.state_dict())
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(cells(x).view(2, 256, 4).amax(2), one(x))


def test_where_the_colour_bodies_drop_whole_channels():
    rates = {name: [m.p for m in create_backbone(name).modules() if isinstance(m, nn.Dropout2d)] for name in COLOUR}
    published = {"cifar_cnn": [0.05], **{name: [0.02] for name in RESNETS}}
    assert rates == {name: published.get(name, []) for name in COLOUR}
    stem = [type(m).__name__ for m in create_backbone("resnet18").layers[:4]]
    assert stem == ["Conv2d", "BatchNorm2d", "ReLU", "Dropout2d"]
    assert isinstance(create_backbone("cifar_cnn").layers[12], nn.Dropout2d)  # after the second block of six


def test_densenet121_has_the_papers_parameters_and_macs():
    # A dense layer on c channels: norm 2c, 1×1 convolution 128c, norm 2·128, 3×3 convolution 9·128·32.
    def layers(chans, depth):
        return [chans + 32 * i for i in range(depth)]

    blocks = [layers(64, 6), layers(128, 12), layers(256, 24), layers(512, 16)]
    ends = [256, 512, 1024]  # channels before the three transitions: norm 2c, 1×1 convolution c·c/2
    parameters = 3 * 64 * 9 + 2 * 1024  # stem, last norm
    parameters += sum(130 * c + 2 * 128 + 9 * 128 * 32 for block in blocks for c in block)
    parameters += sum(2 * c + c * c // 2 for c in ends)
    macs = 3 * 64 * 9 * 32**2
    macs += sum(
        (128 * c + 9 * 128 * 32) * size**2 for block, size in zip(blocks, (32, 16, 8, 4), strict=True) for c in block
    )
    macs += sum(c * c // 2 * size**2 for c, size in zip(ends, (32, 16, 8), strict=True))  # before the pooling
    with torch.device("meta"):
        body = create_backbone("densenet121")
    assert count_parameters(body) == parameters == 6_956_298 - (1024 + 1) * 10  # known with one Linear, 10 classes
    assert count_macs(body, (3, 32, 32)) == macs


def test_two_conv_drops_whole_channels_before_its_second_pooling():
    kinds = [type(m).__name__ for m in create_backbone("two_conv").layers]
    assert kinds == ["Conv2d", "MaxPool2d", "ReLU", "Conv2d", "Dropout2d", "MaxPool2d", "ReLU"]
    assert create_backbone("two_conv").layers[4].p == 0.5
    assert not [m for m in create_backbone("vgg5").modules() if "Dropout" in type(m).__name__]


def test_vgg5_has_ten_convolutions():
    assert sum(isinstance(m, torch.nn.Conv2d) for m in create_backbone("vgg5").modules()) == 10


@pytest.mark.parametrize("name", list_backbones())
@pytest.mark.parametrize("in_chans", [0, -1, 1.0])
def test_wrong_channels(name, in_chans):
    with pytest.raises((ValueError, TypeError), match="in_chans"):
        create_backbone(name, in_chans)


def test_wrong_image_size():
    with pytest.raises(ValueError, match="image_size must be at least 1, got 0"):
        create_backbone("pixels", image_size=0)


def test_unknown_backbone_says_the_near_one():
    with pytest.raises(ValueError, match="did you mean 'vgg5'"):
        create_backbone("vgg-5")


def test_a_second_backbone_of_a_name_is_refused():
    with pytest.raises(ValueError, match="'pixels' is registered already"):
        register_backbone(Pixels)
